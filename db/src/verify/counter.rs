//! Counters of verifications and commitments, recomputed from the documents behind them.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use domain::expenditure::order::{DeductionKind, PaymentOrderState};
use domain::expenditure::verification::{Nature, VerificationState};
use domain::id::{CarriedDebtId, CommitmentId, OrganisationId, PaymentId, PaymentOrderId, VerificationId};
use domain::revenue::{RevenueOrderKind, RevenueOrderState};
use uuid::Uuid;

use super::money::{add, returned_payments};
use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::expenditure::CommitmentRow;
use crate::expenditure::detail::find_all_deductions;
use crate::expenditure::order::PaymentOrderRow;
use crate::expenditure::verification::VerificationRow;
use crate::ledger::carried_debt::CarriedDebtRow;
use crate::schema::{carried_debts, commitments, payments, revenue_orders};

/// What verifications keep of their orders, and commitments of their advances and retentions, equal the documents.
pub fn verify_counters(
    conn: &mut Conn,
    organisation: OrganisationId,
    code: &str,
    verified: &[VerificationRow],
    ordered: &[PaymentOrderRow],
) -> Result<(), Failure> {
    use PaymentOrderState as S;
    let mut kept: BTreeMap<PaymentOrderId, [i64; 2]> = BTreeMap::new();
    for row in find_all_deductions(conn, organisation)? {
        let [withheld, retained] = kept.entry(row.payment_order_id.0).or_default();
        *withheld += row.amount;
        *retained += if row.kind.0 == DeductionKind::Retention { row.amount } else { 0 };
    }
    let of_advance = |row: &&VerificationRow| row.nature.0 == Nature::Advance;
    let advances: BTreeSet<VerificationId> = verified.iter().filter(of_advance).map(|row| row.id.0).collect();
    let mut orders: BTreeMap<VerificationId, i64> = BTreeMap::new();
    // Advance granted, paid, recovered; retention withheld, released.
    let mut counters: BTreeMap<CommitmentId, [i64; 5]> = BTreeMap::new();
    for row in ordered {
        let [withheld, retained] = kept.remove(&row.id.0).unwrap_or_default();
        if withheld != row.withheld {
            return wrong(format!("{code}, payment order {}: withheld {}, deductions sum to {withheld}", row.id.0, row.withheld));
        }
        if matches!(row.state.0, S::Draft | S::Rejected | S::Cancelled) {
            continue;
        }
        *orders.entry(row.verification_id.0).or_default() += row.amount - row.reduced - row.reversed;
        if row.entry_id.is_some() {
            let advanced = if advances.contains(&row.verification_id.0) { row.paid + row.withheld - row.reversed } else { 0 };
            add(counters.entry(row.commitment_id.0).or_default(), [0, advanced, 0, retained, 0]);
        }
    }
    for row in verified {
        let sum = orders.remove(&row.id.0).unwrap_or_default();
        if sum != row.ordered {
            return wrong(format!("{code}, verification {}: ordered {}, orders sum to {sum}", row.id.0, row.ordered));
        }
        if row.state.0 != VerificationState::Cancelled {
            let granted = if row.nature.0 == Nature::Advance { row.amount - row.reduced } else { 0 };
            add(counters.entry(row.commitment_id.0).or_default(), [granted, 0, row.advance_recovered, 0, 0]);
        }
    }
    for (commitment, released) in retention_payments(conn, organisation)? {
        add(counters.entry(commitment).or_default(), [0, 0, 0, 0, released]);
    }
    let rows: Vec<CommitmentRow> =
        commitments::table.filter(commitments::organisation_id.eq(Col(organisation))).select(CommitmentRow::as_select()).load(conn)?;
    for row in rows {
        let kept = [row.advance_granted, row.advance_paid, row.advance_recovered, row.retention_withheld, row.retention_released];
        let summed = counters.remove(&row.id.0).unwrap_or_default();
        if kept != summed {
            return wrong(format!("{code}, commitment {}: advance and retention {kept:?}, documents sum to {summed:?}", row.id.0));
        }
    }
    Ok(())
}

/// What was released of each commitment's retention, returns taken off.
fn retention_payments(conn: &mut Conn, organisation: OrganisationId) -> Result<Vec<(CommitmentId, i64)>, Failure> {
    let returned = returned_payments(conn, organisation)?;
    let rows: Vec<(Col<PaymentId>, Option<Col<CommitmentId>>, i64)> = payments::table
        .filter(payments::organisation_id.eq(Col(organisation)))
        .filter(payments::commitment_id.is_not_null())
        .select((payments::id, payments::commitment_id, payments::amount))
        .load(conn)?;
    let standing = rows.into_iter().filter(|(id, ..)| !returned.contains(&id.0));
    Ok(standing.filter_map(|(_, commitment, amount)| Some((commitment?.0, amount))).collect())
}

/// What is paid of debts of earlier years, and what they were reduced by, equal the documents.
pub fn verify_carried_debts(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<(), Failure> {
    let owner = Col(organisation);
    let mut documents: BTreeMap<CarriedDebtId, [i64; 2]> = BTreeMap::new();
    let returned = returned_payments(conn, organisation)?;
    let paid: Vec<(Col<PaymentId>, Option<Col<CarriedDebtId>>, i64)> = payments::table
        .filter(payments::organisation_id.eq(owner))
        .filter(payments::carried_debt_id.is_not_null())
        .select((payments::id, payments::carried_debt_id, payments::amount))
        .load(conn)?;
    for (_, debt, amount) in paid.into_iter().filter(|(id, ..)| !returned.contains(&id.0)) {
        if let Some(debt) = debt {
            documents.entry(debt.0).or_default()[0] += amount;
        }
    }
    let reduced: Vec<(Option<Col<Uuid>>, i64)> = revenue_orders::table
        .filter(revenue_orders::organisation_id.eq(owner))
        .filter(revenue_orders::kind.eq(Col(RevenueOrderKind::DebtReduction)))
        .filter(revenue_orders::state.eq(Col(RevenueOrderState::Collected)))
        .select((revenue_orders::cause_id, revenue_orders::amount))
        .load(conn)?;
    for (debt, amount) in reduced {
        if let Some(debt) = debt {
            documents.entry(CarriedDebtId(debt.0)).or_default()[1] += amount;
        }
    }
    let kept: Vec<CarriedDebtRow> =
        carried_debts::table.filter(carried_debts::organisation_id.eq(owner)).select(CarriedDebtRow::as_select()).load(conn)?;
    for row in kept {
        let summed = documents.remove(&row.id.0).unwrap_or_default();
        if [row.paid, row.reduced] != summed {
            let kept = [row.paid, row.reduced];
            return wrong(format!("{code}, carried debt {}: kept {kept:?}, documents sum to {summed:?}", row.id.0));
        }
    }
    match documents.into_keys().next() {
        None => Ok(()),
        Some(debt) => wrong(format!("{code}: documents without their carried debt ({debt})")),
    }
}
