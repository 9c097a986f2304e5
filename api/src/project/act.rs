//! What is done to a project: its transitions, what stands against them, and its history.

use actix_web::{get, post};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::project::{Project, Step};
use db::store::Tx;
use domain::audit::Event;
use domain::id::{MotionId, OrganisationId, PrincipalId, ProjectId};
use domain::identity::Role;
use domain::project::duty::Duty;
use domain::project::{ProjectAction, ProjectState};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::Case;
use super::{ProjectPath, ProjectView, view};
use crate::access::roles_of;
use crate::answer::{Answered, done, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing};
use crate::budget::lifecycle::UnmetGuard;

/// The operation of an action; none where the service does not offer it yet.
fn operation_of(action: ProjectAction) -> Option<&'static str> {
    Some(match action {
        ProjectAction::Submit => "submit_project",
        ProjectAction::StartReview => "start_project_review",
        ProjectAction::Return => "return_project",
        ProjectAction::Recommend => "recommend_project",
        ProjectAction::Withdraw => "withdraw_project",
        ProjectAction::Sign => "sign_project_agreement",
        ProjectAction::Start => "start_project",
        ProjectAction::CloseFinancial => "close_project_accounts",
        ProjectAction::Terminate => "terminate_project",
        ProjectAction::Approve | ProjectAction::Reject | ProjectAction::Cancel | ProjectAction::Resume => "move_on_project",
        ProjectAction::Suspend => "suspend_project",
        ProjectAction::Complete => "complete_project",
        ProjectAction::HandOver => "hand_over_project",
        ProjectAction::CloseOperational => "close_project_work",
        _ => return None,
    })
}

/// A way from the project's state to another. Acts that do not change it are not among them: agreements, money, milestones, visits, reports.
#[derive(Serialize, ToSchema)]
pub struct ProjectTransition {
    action: ProjectAction,
    /// The operation that does it; none where the service does not offer it yet.
    #[schema(max_length = 60)]
    operation: Option<&'static str>,
    /// The state that it leads to.
    to: ProjectState,
    /// Whose duty it is.
    duty: Duty,
    /// Who may do it.
    #[schema(max_items = 20)]
    roles: Vec<Role>,
    /// Whether the caller holds one of these roles. What somebody did on this project already may keep them from it all the same
    /// (`SOD_VIOLATION`).
    permitted: bool,
    /// Everything that stands against it now.
    #[schema(max_items = 40)]
    unmet: Vec<UnmetGuard>,
}

/// What can be done to the project now, by whom, and everything that still stands against it.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectTransition>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/transitions")]
pub async fn list_project_transitions(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, roles, today) = (call.scope()?, call.roles.clone(), call.today);
    let transitions = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let carried = db::project::committee::last_carried(conn, &project.row)?;
            let decided = carried.is_some_and(|motion| motion.action.0 == ProjectAction::Terminate);
            let mut found = Vec::new();
            for way in project.row.state.0.transitions() {
                let case = Case::for_action(conn, &scope, &project, way.action, today)?;
                // Before a project is terminated a committee decides so.
                let undecided = way.action == ProjectAction::Terminate && !decided;
                let operation = if undecided { Some("move_on_project") } else { operation_of(way.action) };
                let wanted = operation.map(roles_of).unwrap_or_default();
                found.push(ProjectTransition {
                    action: way.action,
                    operation,
                    to: way.to,
                    duty: way.duty,
                    roles: wanted.to_vec(),
                    permitted: roles.iter().any(|role| wanted.contains(role)),
                    unmet: case.unmet(way).into_iter().map(UnmetGuard::from).collect(),
                });
            }
            Ok(found)
        })
        .await?;
    ok(&transitions)
}

/// A change of a project's state.
#[derive(Serialize, ToSchema)]
pub struct ProjectStepView {
    #[schema(minimum = 1)]
    number: i32,
    action: ProjectAction,
    state_before: Option<ProjectState>,
    state_after: ProjectState,
    /// Under which rules.
    rule_set_version: Option<i32>,
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// The motion that decided it.
    motion_id: Option<MotionId>,
    acted_by: PrincipalId,
    acted_on: NaiveDate,
    recorded_at: DateTime<Utc>,
}

/// Every change of the project's state, the first first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectStepView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/history")]
pub async fn read_project_history(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let steps = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            db::project::steps_of(conn, &scope, id)
        })
        .await?;
    let step = |row: db::project::ProjectTransitionRow| ProjectStepView {
        number: row.number,
        action: row.action.0,
        state_before: row.state_before.map(|state| state.0),
        state_after: row.state_after.0,
        rule_set_version: row.rule_set_version,
        reason: row.reason,
        motion_id: row.motion_id.map(|id| id.0),
        acted_by: row.acted_by.0,
        acted_on: row.acted_on,
        recorded_at: row.recorded_at.0,
    };
    ok(&steps.into_iter().map(step).collect::<Vec<_>>())
}

/// Takes a way of the machine whose guards are met, and says so.
pub(super) fn take(
    call: &Call,
    tx: &mut Tx<'_>,
    project: &Project,
    action: ProjectAction,
    (reason, motion): (Option<String>, Option<MotionId>),
) -> Result<Event, Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let row = &project.row;
    let way = row.state.0.act(action)?;
    db::project::review::take_duty(tx, row.id.0, by, way.duty)?;
    let waived = motion.map(|id| db::project::committee::find_motion(tx.conn, &tx.all(), id)).transpose()?;
    let case = Case::for_action(tx.conn, &call.scope_in(tx.organisation), project, action, call.today)?;
    let case = case.waiving(waived.is_some_and(|motion| motion.row.ceiling_waived));
    if motion.is_some() {
        case.require_moved(way)?
    } else {
        case.require(way)?
    };
    case.keep_conversion(tx, row, action)?;
    let rules = if action == ProjectAction::Submit { Some(case.rules.version) } else { row.rule_set_version };
    let step = Step { action, before: Some(row.state.0), after: way.to, rules, reason, motion, by };
    db::project::move_project(tx, row, &step)?;
    let event = row.event("project.moved")?.moved(row.state.0, way.to).with("action", action);
    let released = row.fund_purpose_id.filter(|_| way.to.is_given_up());
    let event = released.into_iter().fold(event, |event, purpose| event.with("released_fund_purpose_id", purpose.0.to_string()));
    Ok(rules.into_iter().fold(event, |event, version| event.with("rule_set_version", version)))
}

/// Lets the purpose go that was held for a project, if it was, once the project that was given up names it no more.
pub(super) fn free_given_up(tx: &mut Tx<'_>, project: &Project, action: ProjectAction) -> Result<Option<Event>, Fault> {
    let given_up = action.transition().is_some_and(|way| way.to.is_given_up());
    let Some(purpose) = project.row.fund_purpose_id.filter(|_| given_up) else { return Ok(None) };
    let purpose = db::fund::purpose::find_purpose(tx.conn, &tx.all(), purpose.0)?.row;
    if !purpose.held {
        return Ok(None);
    }
    db::fund::purpose::hold_purpose(tx, &purpose, false)?;
    let freed = Event::of("fund_purpose.freed", "fund_purpose", purpose.id.0.0, purpose.version + 1);
    Ok(Some(freed.with("project_id", project.row.id.0.to_string())))
}

async fn act<T: Sync + Send + 'static>(
    asked: Asked<T>,
    (organisation, id): (OrganisationId, ProjectId),
    action: ProjectAction,
    reason: impl Fn(&T) -> Option<String> + Send + 'static,
) -> Answered {
    asked
        .write(move |call, body, tx| {
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            let event = take(call, tx, &project, action, (reason(body), None))?;
            let after = db::project::find_project(tx.conn, &tx.all(), id)?;
            Ok((done(after.row.version, &view(after)?)?, event.into()))
        })
        .await
}

/// Submits a project, which pins the rules of its instrument that hold today.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/submission")]
pub async fn submit_project(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::Submit, |_| None).await
}

/// Begins the review of a project that is complete, after every similar project was looked at.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/review")]
pub async fn start_project_review(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::StartReview, |_| None).await
}

/// Recommends a project to the committee.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/recommendation")]
pub async fn recommend_project(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::Recommend, |_| None).await
}

/// Begins a project whose first tranche is paid.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/start")]
pub async fn start_project(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::Start, |_| None).await
}

/// Why a project is returned or withdrawn.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectReason {
    reason: Text<1000>,
}

impl Json for ProjectReason {}

/// Returns a project to its proponent, who can revise and submit it again.
#[utoipa::path(tag = "project", request_body = ProjectReason, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/return")]
pub async fn return_project(asked: Asked<ProjectReason>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::Return, |body| Some(body.reason.as_str().to_owned())).await
}

/// Withdraws a project that was not decided yet. The purpose of the fund that would have paid it is free for another.
#[utoipa::path(tag = "project", request_body = ProjectReason, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/withdrawal")]
pub async fn withdraw_project(asked: Asked<ProjectReason>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::Withdraw, |body| Some(body.reason.as_str().to_owned())).await
}

/// Says that the work of a project is done: every output was verified or waived, and somebody was there lately.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/completion")]
pub async fn complete_project(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::Complete, |_| None).await
}

/// Closes the work of a project: no major finding is open, something was learned, the final report is accepted or its day is known.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/work-closure")]
pub async fn close_project_work(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    act(asked, path.into_inner(), ProjectAction::CloseOperational, |_| None).await
}
