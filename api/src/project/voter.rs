//! Who may vote on a project, and how a motion stands, on the day that is asked for.

use std::collections::BTreeSet;

use db::fault::Fault;
use db::project::Project;
use db::project::committee::Motion;
use db::store::Tx;
use domain::id::PrincipalId;
use domain::project::COMMITTEE_VOTER_INELIGIBLE;
use domain::project::committee::{Standing, Vote};
use domain::project::duty::{Duty, take};

use crate::access::roles_of;
use crate::auth::Call;

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
