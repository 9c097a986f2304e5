//! Suspensions of projects: who stops a project says why and since when; a committee decides that it goes on.

use actix_web::{get, post};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::Project;
use db::project::evidence::SuspensionRow;
use db::store::Tx;
use domain::calendar::not_future;
use domain::id::MotionId;
use domain::programme::rule_set::find;
use domain::project::ProjectAction;
use domain::project::clock::{SuspensionReason, effective_end, require_from};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::act::take;
use super::{ProjectPath, ProjectView, view};
use crate::answer::{Answered, done, ok};
use crate::auth::Call;
use crate::body::{Asked, Json};

/// The planned end of a project, moved by the days for which nobody answers.
pub(super) fn effective_ends_on(project: &Project) -> NaiveDate {
    let row = &project.row;
    let most = row.rule_set_version.and_then(|version| find(row.instrument.0, version)).and_then(|rules| rules.suspension_days_max);
    effective_end(row.ends_on, &project.ended_suspensions(), most)
}

/// A suspension of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectSuspensionView {
    #[schema(minimum = 1)]
    number: i32,
    reason: SuspensionReason,
    #[schema(max_length = 1000)]
    explanation: String,
    suspended_on: NaiveDate,
    /// The day of the decision that it goes on; none while it is suspended.
    resumed_on: Option<NaiveDate>,
    /// The motion that decided it.
    motion_id: Option<MotionId>,
    /// Whether its days move the end.
    stops_the_clock: bool,
}

/// When the project was suspended, and why, the first time first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectSuspensionView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/suspensions")]
pub async fn read_project_suspensions(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let project = call.store().read(move |conn| db::project::find_project(conn, &scope, id)).await?;
    let shown = |row: SuspensionRow| ProjectSuspensionView {
        number: row.number,
        reason: row.reason.0,
        explanation: row.explanation,
        suspended_on: row.suspended_on,
        resumed_on: row.resumed_on,
        motion_id: row.motion_id.map(|id| id.0),
        stops_the_clock: row.reason.0.stops_the_clock(),
    };
    ok(&project.suspensions.into_iter().map(shown).collect::<Vec<_>>())
}

/// Why a project is suspended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSuspension {
    reason: SuspensionReason,
    explanation: Text<1000>,
    /// From when on: not before its start or the end of the suspension before, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    suspended_on: NaiveDate,
}

impl Json for ProjectSuspension {}

/// Suspends a project. Only insecurity and want of access move its end; nothing is paid to it meanwhile.
#[utoipa::path(tag = "project", request_body = ProjectSuspension, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/suspension")]
pub async fn suspend_project(asked: Asked<ProjectSuspension>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            let event = take(call, tx, &project, ProjectAction::Suspend, (Some(body.reason.to_string()), None))?;
            not_future(body.suspended_on, call.today).map_err(|refusal| refusal.at("/suspended_on"))?;
            let before = project.suspensions.iter().filter_map(|one| one.resumed_on).max().unwrap_or(project.row.starts_on);
            require_from(body.suspended_on, before).map_err(|refusal| refusal.at("/suspended_on"))?;
            let why = (body.reason, body.explanation.as_str());
            db::project::evidence::insert_suspension(tx, &project.row, why, body.suspended_on, by)?;
            let event = event.with("reason", body.reason).with("suspended_on", body.suspended_on);
            let after = db::project::find_project(tx.conn, &tx.all(), id)?;
            Ok((done(after.row.version, &view(after)?)?, event.into()))
        })
        .await
}

/// Refuses a decision that a suspended project goes on from before it was suspended.
pub(super) fn require_after_suspension(project: &Project, action: ProjectAction, held_on: NaiveDate) -> Result<(), Fault> {
    let since = project.suspensions.iter().find(|one| one.resumed_on.is_none()).map(|one| one.suspended_on);
    match (action, since) {
        (ProjectAction::Resume, Some(since)) => Ok(require_from(held_on, since).map_err(|refusal| refusal.at("/held_on"))?),
        _ => Ok(()),
    }
}

/// Ends the suspension of a project that a motion lets go on.
pub(super) fn resume(tx: &mut Tx<'_>, project: &Project, action: ProjectAction, held_on: NaiveDate, motion: MotionId) -> Result<(), Fault> {
    if action == ProjectAction::Resume {
        db::project::evidence::end_suspension(tx, &project.row, held_on, motion)?;
    }
    Ok(())
}
