//! Documents that change their state because another one did. They say so themselves, so that the chain tells how each stands.

use db::expenditure::verification::VerificationRow;
use db::expenditure::{CommitmentChange, CommitmentRow};
use db::fault::Fault;
use db::store::Tx;
use domain::audit::Event;

/// Sets what is ordered of a verification and what was taken back of it; says so if its state follows.
pub fn set_ordered(tx: &mut Tx<'_>, row: &VerificationRow, ordered: i64, reduced: i64) -> Result<Option<Event>, Fault> {
    let after = db::expenditure::verification::update_ordered(tx, row, ordered, reduced)?;
    let moved = Event::of("verification.moved", "verification", row.id.0.0, after.version).moved(row.state.0, after.state.0);
    Ok((after.state.0 != row.state.0).then_some(moved))
}

/// Sets what is verified of a commitment; says so if its state follows.
pub fn set_verified(tx: &mut Tx<'_>, row: &CommitmentRow, verified: i64, change: CommitmentChange) -> Result<Option<Event>, Fault> {
    let after = db::expenditure::update_verified(tx, row, verified, change)?;
    let moved = Event::of("commitment.moved", "commitment", row.id.0.0, after.version).moved(row.state.0, after.state.0);
    Ok((after.state.0 != row.state.0).then_some(moved))
}
