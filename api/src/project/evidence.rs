//! Studies of a project: recorded by one, accepted or rejected by another.

use actix_web::{get, post};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::evidence::{Document, NewStudy as NewRow, StudyRow};
use domain::id::PrincipalId;
use domain::project::check::{StudyConclusion, StudyKind};
use domain::project::duty::Duty;
use domain::project::evidence::{StudyState, StudyVerdict, judge, numbered};
use domain::project::{CLOSED_IMMUTABLE, ProjectState};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::review::{answer, require_disinterested};
use super::{ProjectPath, ProjectView};
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::fund::pledge::Bounded;
use crate::wire::Sha256Hex;

/// The number of something within its project.
pub(super) type Number = Bounded<1, 100_000>;

pub(super) fn document(reference: &Text<200>, sha256: &Sha256Hex) -> Document {
    Document { reference: reference.as_str().to_owned(), sha256: sha256.0.clone() }
}

/// Refuses to add evidence to a project that is over.
fn require_alive(state: ProjectState) -> Result<(), Fault> {
    if state.is_final() { Err(CLOSED_IMMUTABLE.refuse().with("state", state).into()) } else { Ok(()) }
}

/// A study of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectStudyView {
    /// Its number within the project.
    #[schema(minimum = 1)]
    number: i32,
    kind: StudyKind,
    #[schema(max_length = 300)]
    title: String,
    #[schema(max_length = 200)]
    author: String,
    conclusion: StudyConclusion,
    #[schema(max_length = 200)]
    document_reference: String,
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
    state: StudyState,
    recorded_by: PrincipalId,
    judged_by: Option<PrincipalId>,
    /// The day from which its age counts.
    judged_on: Option<NaiveDate>,
}

/// The studies of the project, the first first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectStudyView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/studies")]
pub async fn read_project_studies(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let studies = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            db::project::evidence::studies_of(conn, &scope, id)
        })
        .await?;
    let shown = |row: StudyRow| ProjectStudyView {
        number: row.number,
        kind: row.kind.0,
        title: row.title,
        author: row.author,
        conclusion: row.conclusion.0,
        document_reference: row.document_reference,
        document_sha256: row.document_sha256,
        state: row.state.0,
        recorded_by: row.recorded_by.0,
        judged_by: row.judged_by.map(|by| by.0),
        judged_on: row.judged_on,
    };
    ok(&studies.into_iter().map(shown).collect::<Vec<_>>())
}

/// A study to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectStudy {
    kind: StudyKind,
    title: Text<300>,
    /// The organisation that made it.
    author: Text<200>,
    conclusion: StudyConclusion,
    document_reference: Text<200>,
    document_sha256: Sha256Hex,
}

impl Json for NewProjectStudy {}

/// Records a study of a project. It counts when another person has accepted it, for 24 months.
#[utoipa::path(tag = "project", request_body = NewProjectStudy, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/studies")]
pub async fn record_project_study(asked: Asked<NewProjectStudy>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_alive(project.row.state.0)?;
            let new = NewRow {
                kind: body.kind,
                title: body.title.as_str().to_owned(),
                author: body.author.as_str().to_owned(),
                conclusion: body.conclusion,
                document: document(&body.document_reference, &body.document_sha256),
                recorded_by: by,
            };
            let number = db::project::evidence::insert_study(tx, &project.row, &new)?;
            let event = project.row.event("project.study_recorded")?;
            let event = event.with("study", number).with("kind", body.kind).with("document_sha256", &new.document.sha256);
            answer(tx, &project.row, event)
        })
        .await
}

/// What is made of a study.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectStudyJudgement {
    /// Its number within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    study: Number,
    verdict: StudyVerdict,
}

impl Json for ProjectStudyJudgement {}

/// Accepts or rejects a study that another person recorded, once.
#[utoipa::path(tag = "project", request_body = ProjectStudyJudgement, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/study-judgements")]
pub async fn judge_project_study(asked: Asked<ProjectStudyJudgement>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_alive(project.row.state.0)?;
            let studies = db::project::evidence::studies_of(tx.conn, &scope, id)?;
            let study = numbered(studies, body.study.0, |study| study.number, "/study")?;
            judge(study.state.0, study.state.0 == StudyState::Submitted, &[study.recorded_by.0], &by)?;
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::TechnicalReviewer)?;
            db::project::evidence::judge_study(tx, &project.row, study.number, body.verdict.state(), by)?;
            let event = project.row.event("project.study_judged")?.with("study", study.number).with("verdict", body.verdict);
            answer(tx, &project.row, event)
        })
        .await
}
