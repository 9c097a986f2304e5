//! Funds: what is kept of contributions and allocations equals the movements behind it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::fund::{ContributionKind, FundMovementKind, Ledgers, LineUse};
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
    verify_days(code, &movements)?;
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
        let receipts = movements.iter().filter(|moved| moved.contribution_id == row.id && moved.kind.0 == FundMovementKind::Receipt);
        if row.first_received_on != receipts.map(|moved| moved.moved_on).min() {
            return wrong(format!("{place}: first received on another day than is kept"));
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

/// On no day is more allocated of what a donor gave, or used of what was allocated, than there was.
fn verify_days(code: &str, movements: &[FundMovementRow]) -> Result<(), Failure> {
    let mut sorted: Vec<&FundMovementRow> = movements.iter().collect();
    sorted.sort_by_key(|moved| (moved.contribution_id.0, moved.moved_on));
    for of_one in sorted.chunk_by(|one, other| one.contribution_id == other.contribution_id) {
        // What the fund earns and pays by itself may leave its own account short.
        let is_own = !of_one.iter().any(|moved| moved.kind.0 == FundMovementKind::Pledge);
        let mut ledgers = Ledgers::default();
        let mut lines: BTreeMap<FundAllocationId, LineUse> = BTreeMap::new();
        for day in of_one.chunk_by(|one, other| one.moved_on == other.moved_on) {
            for moved in day {
                ledgers = ledgers.after(moved.kind.0, moved.amount, moved.value);
                if let Some(allocation) = moved.allocation_id {
                    let line = lines.entry(allocation.0).or_default();
                    *line = line.moved(moved.kind.0, moved.value);
                }
            }
            let of_donor = ledgers.available() >= 0 && ledgers.held >= 0 && ledgers.received + ledgers.written_off <= ledgers.committed;
            let of_lines = |line: &LineUse| line.releasable() >= 0 && line.unsettled() >= 0 && line.spent >= 0;
            if !(is_own || of_donor) || !lines.values().all(of_lines) {
                let told = day.first().map(|moved| format!("{}: below zero on {}", moved.contribution_id.0, moved.moved_on));
                return wrong(format!("{code}, contribution {}", told.unwrap_or_default()));
            }
        }
    }
    Ok(())
}
