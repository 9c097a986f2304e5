//! How the work of a project is closed: what was learned, the final report, and the end.

use actix_web::{get, post};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::handover::{LessonRow, NarrativeRow};
use domain::id::PrincipalId;
use domain::project::ProjectState;
use domain::project::duty::Duty;
use domain::project::evidence::judge;
use domain::project::handover::{NARRATIVE_MISSING, NARRATIVE_SUBMITTED, narrative_due_on};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::Case;
use super::evidence::document;
use super::review::{answer, require_disinterested, require_state};
use super::{ProjectPath, ProjectView};
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing};
use crate::wire::Sha256Hex;

/// Where something is learned and reported: while the work goes on and until the accounts are closed.
const REPORTED: [ProjectState; 5] = [
    ProjectState::Active,
    ProjectState::Suspended,
    ProjectState::PhysicallyCompleted,
    ProjectState::HandedOver,
    ProjectState::OperationallyClosed,
];

/// Something that was learned.
#[derive(Serialize, ToSchema)]
pub struct ProjectLessonView {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 200)]
    theme: String,
    #[schema(max_length = 2000)]
    lesson: String,
    recorded_by: PrincipalId,
}

/// A final report that was submitted.
#[derive(Serialize, ToSchema)]
pub struct FinalNarrativeView {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 200)]
    document_reference: String,
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
    submitted_by: PrincipalId,
    submitted_on: NaiveDate,
    accepted_by: Option<PrincipalId>,
    accepted_on: Option<NaiveDate>,
}

/// What there is of the end of a project's work.
#[derive(Serialize, ToSchema)]
pub struct ProjectClosureView {
    #[schema(max_items = 1000)]
    lessons: Vec<ProjectLessonView>,
    #[schema(max_items = 1000)]
    narratives: Vec<FinalNarrativeView>,
    /// When the final report is due under the rules of the instrument, if they say it; months count from today until the work is closed.
    narrative_due_on: Option<NaiveDate>,
}

/// The day on which the work of a project was closed, or today.
pub(super) fn closed_on(
    conn: &mut db::connection::Conn,
    scope: &domain::sensitivity::Scope,
    id: domain::id::ProjectId,
    today: NaiveDate,
) -> Result<NaiveDate, Fault> {
    let steps = db::project::steps_of(conn, scope, id)?;
    let closed = steps.iter().find(|step| step.state_after.0 == ProjectState::OperationallyClosed);
    Ok(closed.map_or(today, |step| step.acted_on))
}

/// What was learned from the project, its final report, and when it is due.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectClosureView)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/closure")]
pub async fn read_project_closure(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today) = (call.scope()?, call.today);
    let lesson =
        |row: LessonRow| ProjectLessonView { number: row.number, theme: row.theme, lesson: row.lesson, recorded_by: row.recorded_by.0 };
    let narrative = |row: NarrativeRow| FinalNarrativeView {
        number: row.number,
        document_reference: row.document_reference,
        document_sha256: row.document_sha256,
        submitted_by: row.submitted_by.0,
        submitted_on: row.submitted_on,
        accepted_by: row.accepted_by.map(|by| by.0),
        accepted_on: row.accepted_on,
    };
    let closure = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let closed = closed_on(conn, &scope, id, today)?;
            let rules = Case::load(conn, &scope, &project, today)?.rules;
            Ok(ProjectClosureView {
                lessons: db::project::handover::lessons_of(conn, &scope, id)?.into_iter().map(lesson).collect(),
                narratives: db::project::handover::narratives_of(conn, &scope, id)?.into_iter().map(narrative).collect(),
                narrative_due_on: narrative_due_on(rules, project.row.ends_on, closed),
            })
        })
        .await?;
    ok(&closure)
}

/// Something that was learned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectLesson {
    theme: Text<200>,
    lesson: Text<2000>,
}

impl Json for NewProjectLesson {}

/// Records something that was learned from the project.
#[utoipa::path(tag = "project", request_body = NewProjectLesson, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/lessons")]
pub async fn record_project_lesson(asked: Asked<NewProjectLesson>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &REPORTED)?;
            let number = db::project::handover::insert_lesson(tx, &project.row, (body.theme.as_str(), body.lesson.as_str()), by)?;
            let event = project.row.event("project.lesson_recorded")?.with("lesson", number);
            answer(tx, &project.row, event)
        })
        .await
}

/// A final report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFinalNarrative {
    document_reference: Text<200>,
    document_sha256: Sha256Hex,
}

impl Json for NewFinalNarrative {}

/// Submits the final report on the work of a project, again as long as none was accepted.
#[utoipa::path(tag = "project", request_body = NewFinalNarrative, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/final-narrative")]
pub async fn submit_final_narrative(asked: Asked<NewFinalNarrative>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &REPORTED)?;
            if db::project::handover::narratives_of(tx.conn, &scope, id)?.iter().any(|one| one.accepted_by.is_some()) {
                return Err(NARRATIVE_SUBMITTED.refuse().into());
            }
            let document = document(&body.document_reference, &body.document_sha256);
            let number = db::project::handover::insert_narrative(tx, &project.row, &document, by)?;
            let event = project.row.event("project.narrative_submitted")?.with("narrative", number);
            answer(tx, &project.row, event.with("document_sha256", &document.sha256))
        })
        .await
}

/// Accepts the final report that another person submitted last.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/final-narrative-acceptance")]
pub async fn accept_final_narrative(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &REPORTED)?;
            let all = db::project::handover::narratives_of(tx.conn, &scope, id)?;
            let last = all.into_iter().next_back().ok_or_else(|| NARRATIVE_MISSING.refuse())?;
            if last.accepted_by.is_some() {
                return Err(NARRATIVE_SUBMITTED.refuse().into());
            }
            judge(project.row.state.0, true, &[last.submitted_by.0], &by)?;
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::Monitor)?;
            db::project::handover::accept_narrative(tx, &project.row, last.number, by)?;
            let event = project.row.event("project.narrative_accepted")?.with("narrative", last.number);
            answer(tx, &project.row, event)
        })
        .await
}
