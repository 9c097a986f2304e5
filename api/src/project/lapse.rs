//! Who may vote on a motion, on the day that is asked for; and motions that nobody can decide any more.

use std::collections::BTreeSet;

use actix_web::post;
use db::fault::Fault;
use db::project::Project;
use db::project::committee::Motion;
use db::store::Tx;
use domain::audit::Event;
use domain::id::PrincipalId;
use domain::project::COMMITTEE_VOTER_INELIGIBLE;
use domain::project::committee::{Standing, Vote};
use domain::project::duty::{Duty, take};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::committee::{MotionPath, MotionView, motion_view};
use crate::access::roles_of;
use crate::answer::{Answered, done};
use crate::auth::Call;
use crate::body::{Asked, Json};

/// Why somebody may not vote on a project today; nothing where they may.
fn ineligible(tx: &mut Tx<'_>, call: &Call, project: &Project, member: PrincipalId) -> Result<Option<&'static str>, Fault> {
    let (scope, id) = (tx.all(), project.row.id.0);
    let mut held = db::identity::assignments_of(tx.conn, member)?;
    held.retain(|held| held.holds(tx.organisation, call.today));
    if !held.iter().any(|held| roles_of("cast_vote").contains(&held.role)) {
        return Ok(Some("role"));
    }
    if held.iter().all(|held| held.role.clearance().rank() < project.row.sensitivity) {
        return Ok(Some("clearance"));
    }
    if db::identity::find_principal(tx.conn, member)?.disabled_at.is_some() {
        return Ok(Some("suspended"));
    }
    if db::project::review::is_interested(tx.conn, &scope, id, member)? {
        return Ok(Some("interest"));
    }
    let duties = db::project::review::duties_of(tx.conn, &scope, id, member)?;
    Ok(take(Duty::CommitteeMember, &duties).is_err().then_some("duty"))
}

/// Refuses to count as present who could not vote: a motion that waits for their votes might never be decided.
pub(super) fn require_voters(
    tx: &mut Tx<'_>,
    call: &Call,
    project: &Project,
    present: &[PrincipalId],
    recused: &BTreeSet<PrincipalId>,
) -> Result<(), Fault> {
    for (index, member) in present.iter().enumerate().filter(|(_, member)| !recused.contains(*member)) {
        if let Some(reason) = ineligible(tx, call, project, *member)? {
            let refusal = COMMITTEE_VOTER_INELIGIBLE.refuse().with("principal_id", member.to_string()).with("reason", reason);
            return Err(refusal.at(&format!("/present_ids/{index}")).into());
        }
    }
    Ok(())
}

/// A motion as it stands today: of those who did not vote yet, some may have stood back since, or lost what they voted by.
pub(super) fn standing<'a>(
    tx: &mut Tx<'_>,
    call: &Call,
    project: &Project,
    motion: &Motion,
    votes: &'a [Vote],
) -> Result<Standing<'a>, Fault> {
    let mut able = 0;
    for member in motion.voters.iter().filter(|member| motion.votes.iter().all(|(voted, _)| voted != *member)) {
        able += usize::from(ineligible(tx, call, project, *member)?.is_none());
    }
    Ok(Standing {
        voters: motion.voters.len(),
        quorum: usize::try_from(motion.row.quorum).unwrap_or(usize::MAX),
        votes,
        able,
        on_its_way: project.row.state.0.act(motion.row.action.0).is_ok(),
    })
}

/// A motion to close without a decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MotionLapse {
    reason: Text<500>,
}

impl Json for MotionLapse {}

/// Closes a motion that nobody can decide any more, without a decision: so many of those who were present stood back since, or lost what
/// they voted by, that with the votes of all who still may it would not be carried; or the project is no longer where the motion can take
/// it from. What was moved can be moved again, before those who may vote on it.
#[utoipa::path(tag = "project", request_body = MotionLapse, responses((status = 200, body = MotionView)))]
#[post("/v1/organisations/{organisation_id}/motions/{motion_id}/lapse")]
pub async fn lapse_motion(asked: Asked<MotionLapse>, path: MotionPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let motion = db::project::committee::find_motion(tx.conn, &scope, id)?;
            call.check_version(motion.row.version)?;
            let project = db::project::find_project(tx.conn, &scope, motion.row.project_id.0)?;
            let votes: Vec<Vote> = motion.votes.iter().map(|(_, vote)| *vote).collect();
            let state = standing(tx, call, &project, &motion, &votes)?.lapse(motion.row.state.0)?;
            db::project::committee::update_lapsed(tx, &motion.row, state, body.reason.as_str())?;
            let version = motion.row.version + 1;
            let event =
                Event::of("motion.lapsed", "motion", id.0, version).ranked(project.row.sensitivity()?).moved(motion.row.state.0, state);
            let after = db::project::committee::find_motion(tx.conn, &tx.all(), id)?;
            Ok((done(version, &motion_view(after))?, event.into()))
        })
        .await
}
