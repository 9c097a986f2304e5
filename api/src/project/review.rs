//! What others find of a project: interests, similar projects, appraisals, checks of its sensitivity to the conflict.

use actix_web::{HttpRequest, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::project::review::NewCheck;
use db::project::{Project, ProjectRow};
use db::store::Tx;
use domain::audit::Event;
use domain::calendar::not_future;
use domain::id::{ConflictCheckId, PrincipalId, ProjectId};
use domain::project::check::{CONDITION_RISK, CheckAnswer, CheckResult, QuestionBlock, check_valid_until, judge, questions};
use domain::project::duty::Duty;
use domain::project::guard::Opinion;
use domain::project::overlap::{OverlapDisposition, PROJECT_NOT_SIMILAR};
use domain::project::{CONFLICT_OF_INTEREST, PROJECT_STATE_INVALID, ProjectState};
use domain::text::Text;
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::{Case, rules_of};
use super::similar::{Similar, similar_to};
use super::{ProjectPath, ProjectView, view};
use crate::answer::{Answered, done, ok, published};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::budget::lifecycle::UnmetGuard;
use crate::fund::pledge::Bounded;

/// Refuses what is not done to a project in its state.
pub(super) fn require_state(row: &ProjectRow, states: &[ProjectState]) -> Result<(), Fault> {
    if states.contains(&row.state.0) {
        return Ok(());
    }
    let allowed: Vec<String> = row.state.0.transitions().map(|way| way.action.as_str().to_owned()).collect();
    Err(PROJECT_STATE_INVALID.refuse().with("state", row.state.0).with("allowed", allowed).into())
}

/// Refuses the judgement of who has an interest in the project.
pub(super) fn require_disinterested(tx: &mut Tx<'_>, project: ProjectId) -> Result<(), Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let scope = tx.all();
    if db::project::review::is_interested(tx.conn, &scope, project, by)? {
        return Err(CONFLICT_OF_INTEREST.refuse().into());
    }
    Ok(())
}

/// Gives the project another version and answers with it.
pub(super) fn answer(tx: &mut Tx<'_>, row: &ProjectRow, event: Event) -> Result<(db::audit::Answer, domain::audit::Events), Fault> {
    db::project::touch_project(tx, row)?;
    let after: Project = db::project::find_project(tx.conn, &tx.all(), row.id.0)?;
    Ok((done(after.row.version, &view(after)?)?, event.into()))
}

/// An interest in a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectInterest {
    /// A tie to who asks for the project or carries it out.
    reason: Text<500>,
}

impl Json for ProjectInterest {}

/// Declares one's own interest in a project: from here on one neither appraises it nor votes on it.
#[utoipa::path(tag = "project", request_body = ProjectInterest, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/interests")]
pub async fn declare_project_interest(asked: Asked<ProjectInterest>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            db::project::review::insert_interest(tx, id, by, body.reason.as_str())?;
            let event = project.row.event("project.interest_declared")?.with("principal_id", by.to_string());
            answer(tx, &project.row, event)
        })
        .await
}

/// A project that is similar to another.
#[derive(Serialize, ToSchema)]
pub struct ProjectOverlapView {
    project_id: ProjectId,
    #[schema(max_length = 60)]
    reference: String,
    #[schema(max_length = 300)]
    title: String,
    state: ProjectState,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    /// Whether both may be parts of one project that was split: they are of one instrument and one implementer, in one commune and sector,
    /// begin within the days that the rules tell (`splitting_days`), and with others like them are together above the ceiling, each at
    /// the rate of the day.
    possible_splitting: bool,
    /// What was found of it last, if anybody looked.
    disposition: Option<OverlapDisposition>,
    /// Why.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// The projects that share a place, a sector and time with this one, and those that with it may be parts of one project that was split to
/// stay under the ceiling. Who decides on the project reads here what was found of each.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectOverlapView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/overlaps")]
pub async fn read_project_overlaps(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today) = (call.scope()?, call.today);
    let found = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            similar_to(conn, &scope, &project, (rules_of(&project.row, today)?, today))
        })
        .await?;
    let shown = |Similar { overlap: one, possible_splitting }: Similar| ProjectOverlapView {
        project_id: one.other.id.0,
        reference: one.other.reference,
        title: one.other.title,
        state: one.other.state.0,
        starts_on: one.other.starts_on,
        ends_on: one.other.ends_on,
        possible_splitting,
        disposition: one.disposition,
        reason: one.reason,
    };
    ok(&found.into_iter().map(shown).collect::<Vec<_>>())
}

/// What was found of a similar project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectOverlapReview {
    project_id: ProjectId,
    disposition: OverlapDisposition,
    reason: Text<1000>,
}

impl Json for ProjectOverlapReview {}

/// Records what was found of a project that is similar to this one. A duplicate, or a part of a project that was split, stands against it
/// until it is looked at again, and found to be neither or, with `splitting_accepted`, a splitting that may go on. Every finding is kept
/// with its reason.
#[utoipa::path(tag = "project", request_body = ProjectOverlapReview, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/overlap-reviews")]
pub async fn review_project_overlap(asked: Asked<ProjectOverlapReview>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let states = [ProjectState::Submitted, ProjectState::UnderReview, ProjectState::Recommended];
            require_state(&project.row, &states)?;
            let similar = similar_to(tx.conn, &scope, &project, (rules_of(&project.row, call.today)?, call.today))?;
            let other = similar.iter().find(|one| one.overlap.other.id.0 == body.project_id);
            let before = other.ok_or_else(|| PROJECT_NOT_SIMILAR.refuse().at("/project_id"))?.overlap.disposition;
            body.disposition.replace(before)?;
            db::project::review::take_duty(tx, id, by, Duty::ProgrammeOfficer)?;
            db::project::review::insert_overlap(tx, id, body.project_id, (body.disposition, body.reason.as_str()), by)?;
            let event = project
                .row
                .event("project.overlap_reviewed")?
                .with("other_id", body.project_id.to_string())
                .with("disposition", body.disposition);
            let event = before.into_iter().fold(event, |event, before| event.with("before", before));
            answer(tx, &project.row, event)
        })
        .await
}

/// An appraisal of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectAppraisalView {
    /// Of which submission it is; those of the last count.
    #[schema(minimum = 1)]
    submission: i32,
    opinion: Opinion,
    #[schema(max_length = 2000)]
    comment: String,
    appraised_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

/// The appraisals of the project, of all its submissions, the first first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectAppraisalView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/appraisals")]
pub async fn read_project_appraisals(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let found = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            db::project::review::appraisals_of(conn, &scope, id)
        })
        .await?;
    let shown = |row: db::project::review::AppraisalRow| ProjectAppraisalView {
        submission: row.submission,
        opinion: row.opinion.0,
        comment: row.comment,
        appraised_by: row.appraised_by.0,
        recorded_at: row.recorded_at.0,
    };
    ok(&found.into_iter().map(shown).collect::<Vec<_>>())
}

/// An appraisal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectAppraisal {
    opinion: Opinion,
    comment: Text<2000>,
}

impl Json for ProjectAppraisal {}

/// Appraises a project under review, once for each submission.
#[utoipa::path(tag = "project", request_body = ProjectAppraisal, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/appraisals")]
pub async fn appraise_project(asked: Asked<ProjectAppraisal>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &[ProjectState::UnderReview])?;
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::TechnicalReviewer)?;
            db::project::review::insert_appraisal(tx, &project.row, by, body.opinion, body.comment.as_str())?;
            let event = project.row.event("project.appraised")?.with("opinion", body.opinion);
            answer(tx, &project.row, event)
        })
        .await
}

/// A question of the conflict-sensitivity check. Reference data.
#[derive(Serialize, ToSchema)]
pub struct ConflictQuestionView {
    #[schema(minimum = 1)]
    version: i32,
    #[schema(max_length = 60, example = "gains_area")]
    code: &'static str,
    block: QuestionBlock,
    #[schema(max_length = 500)]
    question_fr: &'static str,
    #[schema(max_length = 500)]
    question_en: &'static str,
}

/// The questions of the conflict-sensitivity check. Those on neutrality are asked where an election is near.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ConflictQuestionView>)))]
#[get("/v1/conflict-questions")]
pub async fn list_conflict_questions(request: HttpRequest, call: Call) -> Answered {
    published(&request, &call, |_| {
        let shown = |question: &'static domain::project::check::Question| ConflictQuestionView {
            version: question.version,
            code: &question.code,
            block: question.block,
            question_fr: &question.question_fr,
            question_en: &question.question_en,
        };
        Ok(questions().iter().map(shown).collect::<Vec<_>>())
    })
    .await
}

/// An answer to a question of the check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConflictAnswer {
    question: Text<60>,
    /// The risk to peace, whichever way the question is put: 0 for none, 1 for low, 2 for medium, 3 for grave.
    #[schema(value_type = u32, minimum = 0, maximum = 3)]
    risk: Bounded<0, 3>,
    /// What is done about it. A grave risk without it fails the check.
    mitigation: Option<Text<1000>>,
}

/// A conflict-sensitivity check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConflictCheck {
    #[serde(deserialize_with = "crate::wire::day")]
    assessed_on: NaiveDate,
    /// Day of the conflict analysis that it rests on.
    #[serde(deserialize_with = "crate::wire::day")]
    analysed_on: NaiveDate,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 50>")]
    #[schema(min_items = 1, max_items = 50)]
    answers: Vec<ConflictAnswer>,
}

impl Json for NewConflictCheck {}

/// Where a check is made: under review, and as long as the work goes on.
const CHECKED: [ProjectState; 6] = [
    ProjectState::UnderReview,
    ProjectState::Recommended,
    ProjectState::Approved,
    ProjectState::Contracted,
    ProjectState::Active,
    ProjectState::Suspended,
];

/// The last conflict-sensitivity check.
#[derive(Serialize, ToSchema)]
pub struct ConflictCheckView {
    id: ConflictCheckId,
    assessed_on: NaiveDate,
    analysed_on: NaiveDate,
    valid_until: NaiveDate,
    result: CheckResult,
    assessed_by: PrincipalId,
}

/// Where a project stands with its conflict-sensitivity check.
#[derive(Serialize, ToSchema)]
pub struct ConflictCheckStanding {
    /// The last check, if there is one.
    last: Option<ConflictCheckView>,
    /// Everything that is wrong with it today: nothing, where it holds.
    #[schema(max_items = 10)]
    unmet: Vec<UnmetGuard>,
}

/// The last conflict-sensitivity check of the project, and whether it still holds: a check grows old, and an amendment of the place, the
/// partner, the people or more than a share of the money makes it stale.
#[utoipa::path(tag = "project", responses((status = 200, body = ConflictCheckStanding)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/conflict-check")]
pub async fn read_conflict_check(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today) = (call.scope()?, call.today);
    let standing = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let last = db::project::review::last_check(conn, &project.row)?.map(|(row, _)| ConflictCheckView {
                id: row.id.0,
                assessed_on: row.assessed_on,
                analysed_on: row.analysed_on,
                valid_until: row.valid_until,
                result: row.result.0,
                assessed_by: row.assessed_by.0,
            });
            let unmet = Case::load(conn, &scope, &project, today)?.check_unmet();
            Ok(ConflictCheckStanding { last, unmet: unmet.into_iter().map(UnmetGuard::from).collect() })
        })
        .await?;
    ok(&standing)
}

/// What a check that passes under conditions asks for: by question, what is done about the risk, or the question itself.
fn conditions(answers: &[ConflictAnswer], result: CheckResult) -> Vec<(String, String)> {
    if result != CheckResult::PassWithConditions {
        return Vec::new();
    }
    let measure = |answer: &ConflictAnswer| {
        let asked = questions().iter().find(|question| question.code == answer.question.as_str());
        answer.mitigation.as_ref().map_or_else(|| asked.map(|question| question.question_fr.clone()), |text| Some(text.as_str().to_owned()))
    };
    let risky = answers.iter().filter(|answer| answer.risk.0 >= CONDITION_RISK);
    risky.filter_map(|answer| Some((answer.question.as_str().to_owned(), measure(answer)?))).collect()
}

/// Records a conflict-sensitivity check of the project as it was submitted. Its result follows from the answers; it holds for six months.
/// Each risk that has to be answered becomes a safeguard among the milestones. A check that passes takes the place of earlier ones:
/// safeguards that it does not ask for any more are superseded.
#[utoipa::path(tag = "project", request_body = NewConflictCheck, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/conflict-checks")]
pub async fn record_conflict_check(asked: Asked<NewConflictCheck>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    let check = ConflictCheckId::new();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &CHECKED)?;
            require_disinterested(tx, id)?;
            not_future(body.assessed_on, call.today).map_err(|refusal| refusal.at("/assessed_on"))?;
            not_future(body.analysed_on, body.assessed_on).map_err(|refusal| refusal.at("/analysed_on"))?;
            let read = |answer: &ConflictAnswer| CheckAnswer {
                question: answer.question.as_str().to_owned(),
                risk: answer.risk.0,
                mitigated: answer.mitigation.is_some(),
            };
            let result = judge(&body.answers.iter().map(read).collect::<Vec<_>>())?;
            db::project::review::take_duty(tx, id, by, Duty::ConflictAdviser)?;
            let kept = |answer: &ConflictAnswer| {
                let mitigation = answer.mitigation.as_ref().map(|text| text.as_str().to_owned());
                (answer.question.as_str().to_owned(), i32::try_from(answer.risk.0).unwrap_or_default(), mitigation)
            };
            let new = NewCheck {
                id: check,
                assessed_on: body.assessed_on,
                analysed_on: body.analysed_on,
                valid_until: check_valid_until(body.assessed_on),
                result,
                answers: body.answers.iter().map(kept).collect(),
                assessed_by: by,
            };
            db::project::review::insert_check(tx, &project.row, &new)?;
            let asked = conditions(&body.answers, result);
            // One that fails takes no measure back.
            let superseded = if result == CheckResult::Fail {
                0
            } else {
                db::project::milestone::supersede_conditions(tx, &project.row, &asked, check)?
            };
            let planned = db::project::milestone::insert_conditions(tx, &project.row, &asked, by)?;
            let event = project
                .row
                .event("project.conflict_checked")?
                .with("conflict_check_id", check.to_string())
                .with("result", result)
                .with("safeguards", planned)
                .with("superseded", superseded)
                .with("valid_until", new.valid_until);
            answer(tx, &project.row, event)
        })
        .await
}
