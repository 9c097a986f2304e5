//! The money of a project, put together for its guards.

use domain::fund::LineUse;
use domain::money::Amount;
use domain::project::agreement::ProjectChannel;
use domain::project::disbursement::ProjectDisbursementState;
use domain::project::finance::Finance;
use domain::sensitivity::{Scope, Sensitivity};

use super::ProjectRow;
use super::agreement::find_agreement;
use super::disbursement::disbursements_of;
use super::report::{refunds_of, reported_of};
use crate::budget::amount;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::allocation::{AllocationLineRow, allocations_of};

fn sum(amounts: impl Iterator<Item = Result<Amount, Fault>>) -> Result<Amount, Fault> {
    Amount::sum(amounts.collect::<Result<Vec<_>, _>>()?).ok_or_else(|| Fault::Corrupt("the money of a project overflows".to_owned()))
}

/// What was agreed, paid, reported, attributed and given back. Rules look at all of it, whatever the caller may see.
pub fn finance_of(conn: &mut Conn, project: &ProjectRow) -> Result<Finance, Fault> {
    let agreement = find_agreement(conn, project)?;
    let disbursements = disbursements_of(conn, project)?;
    let reported = reported_of(conn, project)?;
    let refunds = refunds_of(conn, project)?;
    let lines: Vec<LineUse> = match (&agreement, project.fund_purpose_id) {
        // In kind, the organisation buys: what the fund pays is none of the partner's money.
        (Some(agreed), Some(purpose)) if agreed.row.channel.0 != ProjectChannel::InKind => {
            let all = Scope { organisation: project.organisation_id.0, clearance: Sensitivity::Sealed };
            let allocations = allocations_of(conn, &all, purpose.0)?;
            allocations.iter().flat_map(|allocation| &allocation.lines).map(AllocationLineRow::line_use).collect()
        }
        _ => Vec::new(),
    };
    let paid = || disbursements.iter().filter(|one| one.state.0 == ProjectDisbursementState::Paid);
    let accepted = || reported.iter().filter(|one| one.accepted);
    Ok(Finance {
        approved_on: project.approved_on,
        agreement: agreement.map(|one| one.facts()).transpose()?,
        paid: sum(paid().map(|one| one.amount()))?,
        payments: paid().filter_map(|one| one.paid_on).collect(),
        accepted: sum(accepted().map(|one| Ok(one.amount)))?,
        final_accepted: accepted().any(|one| one.closing),
        attributed: sum(lines.iter().map(|line| amount(line.spent)))?,
        unsettled: sum(lines.iter().map(|line| amount(line.unsettled())))?,
        refunded: sum(refunds.iter().map(|one| amount(one.amount)))?,
        tranches_paid: paid().map(|one| one.tranche()).collect(),
        tranches_open: disbursements.iter().filter(|one| one.state.0.is_open()).map(|one| one.tranche()).collect(),
        reported,
    })
}
