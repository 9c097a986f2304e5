//! Funds: what is kept of contributions and allocations equals the movements behind it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::fund::{ContributionKind, FundMovementKind, Ledgers};
use domain::id::{ContributionId, FundAllocationId, OrganisationId};

use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::fund::allocation::AllocationLineRow;
use crate::fund::contribution::ContributionRow;
use crate::fund::movement::FundMovementRow;
use crate::schema::{contributions, fund_allocation_lines, fund_movements};

/// What was allocated to a line, and what was released, disbursed, spent, returned and passed on of it.
type LineSums = [i64; 6];

/// Every ledger of every contribution is the sum of its movements, and so is every line of every allocation; nothing is allocated that
/// is not there. Says how many were checked.
pub fn verify_funds(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<usize, Failure> {
    let owner = Col(organisation);
    let movements: Vec<FundMovementRow> =
        fund_movements::table.filter(fund_movements::organisation_id.eq(owner)).select(FundMovementRow::as_select()).load(conn)?;
    let mut ledgers: BTreeMap<ContributionId, Ledgers> = BTreeMap::new();
    let mut lines: BTreeMap<(FundAllocationId, ContributionId), LineSums> = BTreeMap::new();
    for moved in &movements {
        let kept = ledgers.entry(moved.contribution_id.0).or_default();
        *kept = kept.after(moved.kind.0, moved.amount, moved.value);
        let Some(allocation) = moved.allocation_id else { continue };
        let [allocated, released, disbursed, spent, returned, passed_on] =
            lines.entry((allocation.0, moved.contribution_id.0)).or_default();
        match moved.kind.0 {
            FundMovementKind::Allocation => *allocated += moved.value,
            FundMovementKind::Release => *released += moved.value,
            FundMovementKind::Disbursement => *disbursed += moved.value,
            FundMovementKind::Reversal => *disbursed -= moved.value,
            FundMovementKind::Expenditure => *spent += moved.value,
            FundMovementKind::Correction => *spent -= moved.value,
            FundMovementKind::Refund => *returned += moved.value,
            FundMovementKind::Transfer => {
                *disbursed += moved.value;
                *passed_on += moved.value;
            }
            FundMovementKind::Residual => *passed_on += moved.value,
            FundMovementKind::Hold => {}
            other => return wrong(format!("{code}: a {other} of an allocation")),
        }
    }
    let rows: Vec<ContributionRow> =
        contributions::table.filter(contributions::organisation_id.eq(owner)).select(ContributionRow::as_select()).load(conn)?;
    let mut count = rows.len();
    for row in rows {
        let summed = ledgers.remove(&row.id.0).unwrap_or_default();
        let place = format!("{code}, contribution {}", row.reference);
        if row.ledgers() != summed {
            return wrong(format!("{place}: kept {:?}, movements sum to {summed:?}", row.ledgers()));
        }
        if row.kind.0 != ContributionKind::Own && summed.available() < 0 {
            return wrong(format!("{place}: more is allocated than there is"));
        }
    }
    let rows: Vec<AllocationLineRow> = fund_allocation_lines::table
        .filter(fund_allocation_lines::organisation_id.eq(owner))
        .select(AllocationLineRow::as_select())
        .load(conn)?;
    count += rows.len();
    for row in rows {
        let kept = [row.amount, row.released, row.disbursed, row.spent, row.returned, row.passed_on];
        let summed = lines.remove(&(row.allocation_id.0, row.contribution_id.0)).unwrap_or_default();
        if kept != summed {
            return wrong(format!("{code}, allocation {}: kept {kept:?}, movements sum to {summed:?}", row.allocation_id.0));
        }
    }
    match lines.into_keys().next() {
        Some((allocation, _)) => wrong(format!("{code}: movements of an allocation without a line ({allocation})")),
        None => Ok(count),
    }
}
