//! Projects: every state is reached by its steps, every step is a way of the machine, every decided motion was decided by its votes; the
//! money of each is that of its agreement, of its fund's books and of its settlement; what was published is what was published.

use diesel::prelude::*;
use domain::document::digest;
use domain::id::{OrganisationId, ProjectId};
use domain::programme::rule_set::find;
use domain::project::ceiling::ceiling;
use domain::project::committee::{MotionState, tally};
use domain::project::duty::Duty;
use domain::project::settlement::residual_max;
use domain::project::{ProjectAction, ProjectState, StateClass};
use domain::sensitivity::{Scope, Sensitivity};

use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::page::Keyset;
use crate::project::agreement::{TrancheRow, find_agreement};
use crate::project::ceiling::conversion_of;
use crate::project::committee::{find_motion, list_motions};
use crate::project::evidence::suspensions_of;
use crate::project::finance::finance_of;
use crate::project::recipient::recipients_of;
use crate::project::report::settlement_of;
use crate::project::{ProjectRow, ProjectTransitionRow, find_project, steps_of};
use crate::schema::{motions, project_publications, projects};

/// Whether tranches make a part, in shares that make the whole where there are any.
fn are_of(part: i64, tranches: &[&TrancheRow]) -> bool {
    let shares: Vec<i32> = tranches.iter().filter_map(|tranche| tranche.bps).collect();
    tranches.iter().map(|tranche| tranche.amount).sum::<i64>() == part && (shares.is_empty() || shares.iter().sum::<i32>() == 10_000)
}

/// What is wrong with the money of a project, if anything.
fn fault_of_money(conn: &mut Conn, row: &ProjectRow) -> Result<Option<String>, Failure> {
    let finance = finance_of(conn, row)?;
    let settled = settlement_of(conn, row)?;
    let Some(agreement) = find_agreement(conn, row)? else { return Ok(None) };
    let planned: i64 = agreement.tranches.iter().map(|tranche| tranche.amount).sum();
    let accounted = finance.attributed.checked_add(finance.unsettled).and_then(|sum| sum.checked_add(finance.refunded));
    let open = settled.is_none() && !finance.in_kind() && row.state.0.class() != Some(StateClass::NotStarted);
    let (disbursed, accepted, refunded) = (finance.paid.minor(), finance.accepted.minor(), finance.refunded.minor());
    let rules = row.rule_set_version.and_then(|version| find(row.instrument.0, version));
    let most = rules.zip(row.currency().ok()).map(|(rules, currency)| residual_max(rules, currency).minor());
    let closed = row.state.0 == ProjectState::FinanciallyClosed;
    let recipients = recipients_of(conn, row.organisation_id.0, &[row.id])?;
    let of = |whose: Option<i32>| agreement.tranches.iter().filter(|one| one.recipient_number == whose).collect::<Vec<_>>();
    let ledgers: Vec<(i64, Vec<&TrancheRow>)> = if recipients.is_empty() {
        vec![(agreement.row.amount, of(None))]
    } else {
        recipients.iter().map(|one| (one.part, of(Some(one.number)))).collect()
    };
    let checks: [(&str, bool); 5] = [
        (
            "its tranches do not make its agreement",
            planned == agreement.row.amount && ledgers.iter().all(|(part, tranches)| are_of(*part, tranches)),
        ),
        (
            "more was paid than was agreed",
            disbursed <= agreement.row.amount && finance.recipients.iter().all(|ledger| ledger.paid <= ledger.agreed()),
        ),
        ("its payments are not those of the fund", !open || accounted == Some(finance.paid)),
        (
            "its settlement is not what was paid, spent and refunded",
            settled.as_ref().is_none_or(|kept| {
                let same = if closed { kept.refunded == refunded } else { kept.refunded <= refunded };
                kept.disbursed == disbursed && kept.accepted == accepted && same
            }),
        ),
        ("it is closed with more than its rules leave", !closed || settled.is_some_and(|kept| most.is_some_and(|most| kept.rest <= most))),
    ];
    Ok(checks.iter().find(|(_, holds)| !holds).map(|(fault, _)| (*fault).to_owned()))
}

/// What is wrong with the approval of a project whose instrument has a ceiling, if anything: above it, it was waived.
fn fault_of_ceiling(conn: &mut Conn, row: &ProjectRow) -> Result<Option<String>, Failure> {
    let Some((max, of)) = row.rule_set_version.and_then(|version| find(row.instrument.0, version)).and_then(ceiling) else {
        return Ok(None);
    };
    let asked = match conversion_of(conn, row, ProjectAction::Approve)? {
        Some(kept) if kept.currency == of.code() => kept.converted,
        _ if row.currency == of.code() => row.budget,
        _ => return Ok(Some("it was approved in another currency than its ceiling, at no rate".to_owned())),
    };
    let waived = motions::table
        .filter(motions::organisation_id.eq(row.organisation_id))
        .filter(motions::project_id.eq(row.id))
        .filter(motions::state.eq(Col(MotionState::Carried)))
        .filter(motions::ceiling_waived.eq(true))
        .count()
        .get_result::<i64>(conn)?;
    let above = asked > max.minor() && waived == 0;
    Ok(above.then(|| "it was approved above the ceiling of its instrument, and nobody waived it".to_owned()))
}

/// Whether a motion that was carried decided what a committee alone decides.
fn decided(conn: &mut Conn, scope: &Scope, step: &ProjectTransitionRow) -> Result<bool, Failure> {
    let Some(motion) = step.motion_id else { return Ok(false) };
    let motion = find_motion(conn, scope, motion.0)?.row;
    Ok(motion.state.0 == MotionState::Carried && motion.action.0 == step.action.0)
}

/// Walks through the life of every project, and counts the votes of every motion again. Says how many were checked.
pub fn verify_projects(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<usize, Failure> {
    let scope = Scope { organisation, clearance: Sensitivity::Sealed };
    let rows: Vec<(Col<ProjectId>, String, Col<ProjectState>)> = projects::table
        .filter(projects::organisation_id.eq(Col(organisation)))
        .order(projects::id)
        .select((projects::id, projects::reference, projects::state))
        .load(conn)?;
    let mut count = rows.len();
    for (id, reference, state) in rows {
        let mut at: Option<ProjectState> = None;
        for step in steps_of(conn, &scope, id.0)? {
            let way = step.action.0.transition();
            let known = way.is_some_and(|way| way.to == step.state_after.0 && at.map_or(way.from.is_empty(), |at| way.from.contains(&at)));
            if !known || step.state_before.map(|before| before.0) != at {
                return wrong(format!("{code}, project {reference}: step {} is no way of the machine", step.number));
            }
            if way.is_some_and(|way| way.duty == Duty::CommitteeMember) && !decided(conn, &scope, &step)? {
                return wrong(format!("{code}, project {reference}: step {} was decided by no motion", step.number));
            }
            at = Some(step.state_after.0);
        }
        let suspended = suspensions_of(conn, &scope, &[id])?.iter().any(|one| one.resumed_on.is_none());
        if suspended != (state.0 == ProjectState::Suspended) && !(suspended && state.0 == ProjectState::Terminated) {
            return wrong(format!("{code}, project {reference}: kept {}, its suspensions say otherwise", state.0));
        }
        if at != Some(state.0) {
            return wrong(format!("{code}, project {reference}: kept {}, its steps lead elsewhere", state.0));
        }
        if state.0.class().is_some() {
            let row = find_project(conn, &scope, id.0)?.row;
            if let Some(fault) = fault_of_money(conn, &row)?.or(fault_of_ceiling(conn, &row)?) {
                return wrong(format!("{code}, project {reference}: {fault}"));
            }
        }
    }
    let published: Vec<(Col<ProjectId>, i32, String, String)> = project_publications::table
        .filter(project_publications::organisation_id.eq(Col(organisation)))
        .select((
            project_publications::project_id,
            project_publications::number,
            project_publications::summary,
            project_publications::summary_sha256,
        ))
        .load(conn)?;
    count += published.len();
    if let Some((id, number, ..)) = published.iter().find(|(_, _, summary, sha256)| digest(summary) != *sha256) {
        return wrong(format!("{code}, project {}: publication {number} is not what was published", id.0));
    }
    let mut keys = Keyset { after: None, limit: 500 };
    loop {
        let motions = list_motions(conn, &scope, None, None, &keys)?;
        count += motions.rows.len();
        for motion in &motions.rows {
            let votes: Vec<_> = motion.votes.iter().map(|(_, vote)| *vote).collect();
            // What lapsed was decided by no votes.
            let told = if motion.row.state.0 == MotionState::Lapsed { MotionState::Open } else { motion.row.state.0 };
            if tally(motion.voters.len(), &votes) != told {
                return wrong(format!("{code}, motion {}: kept {}, its votes say otherwise", motion.row.id.0, motion.row.state.0));
            }
        }
        keys.after = motions.rows.last().map(|motion| motion.row.id.0);
        if !motions.more {
            return Ok(count);
        }
    }
}
