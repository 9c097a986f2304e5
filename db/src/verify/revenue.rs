//! Debts and the execution of revenue of one organisation, recomputed from orders, receipts, adjustments and refunds.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use domain::budget::revenue::RevenueStep;
use domain::id::{BudgetLineId, OrganisationId, ReceiptId, RevenueOrderId};
use domain::revenue::{RevenueAdjustmentKind, RevenueAdjustmentState, RevenueOrderKind, RevenueOrderState};

use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::revenue::order::{ReceivableRow, RevenueOrderRow};
use crate::revenue::receipt::ReceiptRow;
use crate::schema::{
    receipt_cancellations, receipt_regularisations, receipts, receivables, refunds, revenue_adjustments, revenue_executions,
    revenue_movements, revenue_orders, revenue_shares,
};

/// Ordered and collected, by line.
type Executions = BTreeMap<BudgetLineId, [i64; 2]>;

/// Reduced, collected, written off, waived, recovered, overpaid.
type Sums = [i64; 6];

/// What the documents behind the debts say.
#[derive(Default)]
struct Documents {
    sums: BTreeMap<RevenueOrderId, Sums>,
    executions: Executions,
}

impl Documents {
    fn count(&mut self, line: BudgetLineId, [ordered, collected]: [i64; 2]) {
        let sum = self.executions.entry(line).or_default();
        sum[0] += ordered;
        sum[1] += collected;
    }
}

/// Debts equal the sums of their documents and lead to the state that stands; executions of lines equal their movements and their
/// documents; shares of taxes sum to their order. Says how many debts and lines were checked.
pub fn verify_revenue(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<usize, Failure> {
    let owner = Col(organisation);
    let orders: Vec<RevenueOrderRow> =
        revenue_orders::table.filter(revenue_orders::organisation_id.eq(owner)).select(RevenueOrderRow::as_select()).load(conn)?;
    let documents = documents(conn, organisation, &orders)?;
    let mut owed: BTreeMap<RevenueOrderId, ReceivableRow> = receivables::table
        .filter(receivables::organisation_id.eq(owner))
        .select(ReceivableRow::as_select())
        .load(conn)?
        .into_iter()
        .map(|row: ReceivableRow| (row.revenue_order_id.0, row))
        .collect();
    let mut count = 0;
    for order in &orders {
        use RevenueOrderState as S;
        let place = format!("{code}, revenue order {}", order.id.0);
        let before = matches!(order.state.0, S::Draft | S::Issued | S::Rejected);
        let summed = documents.sums.get(&order.id.0).copied().unwrap_or_default();
        let Some(row) = owed.remove(&order.id.0) else {
            if before && summed == Sums::default() {
                continue;
            }
            return wrong(format!("{place}: {} without a debt", order.state.0));
        };
        let kept = [row.reduced, row.collected, row.written_off, row.waived, row.recovered, row.overpaid];
        if kept != summed || row.amount != order.amount {
            return wrong(format!("{place}: kept {kept:?}, documents sum to {summed:?}"));
        }
        match row.receivable() {
            Ok(receivable) if receivable.state() == order.state.0 => count += 1,
            _ => return wrong(format!("{place}: its sums do not lead to {}", order.state.0)),
        }
    }
    if let Some(order) = owed.into_keys().next() {
        return wrong(format!("{code}: a debt without an order ({order})"));
    }
    let kept: Vec<(Col<BudgetLineId>, i64, i64)> = revenue_executions::table
        .filter(revenue_executions::organisation_id.eq(owner))
        .select((revenue_executions::budget_line_id, revenue_executions::ordered, revenue_executions::collected))
        .load(conn)?;
    count += kept.len();
    let kept = moved_only(kept.into_iter().map(|(line, ordered, collected)| (line.0, [ordered, collected])).collect());
    let (moved, documented) = (movements(conn, organisation)?, moved_only(documents.executions));
    if kept != moved || kept != documented {
        return wrong(format!("{code}: lines of revenue keep {kept:?}, movements sum to {moved:?}, documents to {documented:?}"));
    }
    Ok(count)
}

fn moved_only(mut executions: Executions) -> Executions {
    executions.retain(|_, sums| *sums != [0, 0]);
    executions
}

fn movements(conn: &mut Conn, organisation: OrganisationId) -> Result<Executions, Failure> {
    let rows: Vec<(Col<BudgetLineId>, Col<RevenueStep>, i64)> = revenue_movements::table
        .filter(revenue_movements::organisation_id.eq(Col(organisation)))
        .select((revenue_movements::budget_line_id, revenue_movements::step, revenue_movements::amount))
        .load(conn)?;
    let mut sums = Executions::new();
    for (line, step, amount) in rows {
        let [ordered, collected] = step.0.deltas();
        let sum = sums.entry(line.0).or_default();
        sum[0] += ordered * amount;
        sum[1] += collected * amount;
    }
    Ok(moved_only(sums))
}

fn documents(conn: &mut Conn, organisation: OrganisationId, orders: &[RevenueOrderRow]) -> Result<Documents, Failure> {
    let mut documents = Documents::default();
    let by_id: BTreeMap<RevenueOrderId, &RevenueOrderRow> = orders.iter().map(|order| (order.id.0, order)).collect();
    let own = own_shares(conn, organisation, &by_id)?;
    for order in orders {
        use RevenueOrderState as S;
        let accepted = !matches!(order.state.0, S::Draft | S::Issued | S::Rejected);
        if let Some(line) = order.budget_line_id.filter(|_| accepted) {
            documents.count(line.0, [own.get(&order.id.0).copied().unwrap_or(order.amount), 0]);
            if order.kind.0 == RevenueOrderKind::DebtReduction {
                documents.count(line.0, [0, order.amount]);
                documents.sums.entry(order.id.0).or_default()[1] += order.amount;
            }
        }
    }
    add_receipts(conn, organisation, &by_id, &own, &mut documents)?;
    let adjusted: Vec<(Col<RevenueOrderId>, Col<RevenueAdjustmentKind>, i64, i64)> = revenue_adjustments::table
        .filter(revenue_adjustments::organisation_id.eq(Col(organisation)))
        .filter(revenue_adjustments::state.eq(Col(RevenueAdjustmentState::Granted)))
        .select((
            revenue_adjustments::revenue_order_id,
            revenue_adjustments::kind,
            revenue_adjustments::amount,
            revenue_adjustments::own_share,
        ))
        .load(conn)?;
    for (order, kind, amount, own_share) in adjusted {
        let sums = documents.sums.entry(order.0).or_default();
        match kind.0 {
            RevenueAdjustmentKind::Reduction | RevenueAdjustmentKind::Cancellation => sums[0] += amount,
            RevenueAdjustmentKind::WriteOff => sums[2] += amount,
            RevenueAdjustmentKind::Waiver => sums[3] += amount,
        }
        if let Some(line) = by_id.get(&order.0).and_then(|order| order.budget_line_id) {
            documents.count(line.0, [-own_share, 0]);
        }
    }
    let refunded: Vec<(Col<RevenueOrderId>, i64)> = refunds::table
        .filter(refunds::organisation_id.eq(Col(organisation)))
        .select((refunds::revenue_order_id, refunds::amount))
        .load(conn)?;
    for (order, amount) in refunded {
        documents.sums.entry(order.0).or_default()[5] -= amount;
    }
    Ok(documents)
}

/// The own share of each order on a shared tax, as it was accepted.
fn own_shares(
    conn: &mut Conn,
    organisation: OrganisationId,
    orders: &BTreeMap<RevenueOrderId, &RevenueOrderRow>,
) -> Result<BTreeMap<RevenueOrderId, i64>, Failure> {
    let rows: Vec<(Col<RevenueOrderId>, bool, i64)> = revenue_shares::table
        .filter(revenue_shares::organisation_id.eq(Col(organisation)))
        .select((revenue_shares::revenue_order_id, revenue_shares::own, revenue_shares::amount))
        .load(conn)?;
    let mut sums: BTreeMap<RevenueOrderId, i64> = BTreeMap::new();
    for (order, _, amount) in &rows {
        *sums.entry(order.0).or_default() += amount;
    }
    if let Some((order, sum)) = sums.into_iter().find(|(order, sum)| orders.get(order).map(|order| order.amount) != Some(*sum)) {
        return wrong(format!("the shares of revenue order {order} sum to {sum}"));
    }
    Ok(rows.into_iter().filter(|(_, own, _)| *own).map(|(order, _, amount)| (order.0, amount)).collect())
}

fn add_receipts(
    conn: &mut Conn,
    organisation: OrganisationId,
    orders: &BTreeMap<RevenueOrderId, &RevenueOrderRow>,
    own: &BTreeMap<RevenueOrderId, i64>,
    documents: &mut Documents,
) -> Result<(), Failure> {
    let owner = Col(organisation);
    let cancelled: Vec<Col<ReceiptId>> = receipt_cancellations::table
        .filter(receipt_cancellations::organisation_id.eq(owner))
        .select(receipt_cancellations::receipt_id)
        .load(conn)?;
    let cancelled: BTreeSet<ReceiptId> = cancelled.into_iter().map(|id| id.0).collect();
    let regularised: Vec<(Col<ReceiptId>, Col<RevenueOrderId>)> = receipt_regularisations::table
        .filter(receipt_regularisations::organisation_id.eq(owner))
        .select((receipt_regularisations::receipt_id, receipt_regularisations::revenue_order_id))
        .load(conn)?;
    let regularised: BTreeMap<ReceiptId, RevenueOrderId> = regularised.into_iter().map(|(id, order)| (id.0, order.0)).collect();
    let rows: Vec<ReceiptRow> = receipts::table.filter(receipts::organisation_id.eq(owner)).select(ReceiptRow::as_select()).load(conn)?;
    for row in rows.into_iter().filter(|row| !cancelled.contains(&row.id.0)) {
        if let Some(line) = row.recovery_line_id {
            documents.count(line.0, [row.recovered, row.recovered]);
        }
        if let Some(order) = row.revenue_order_id {
            let sums = documents.sums.entry(order.0).or_default();
            sums[1] += row.settled;
            sums[4] += row.recovered;
            sums[5] += row.excess;
            let counted = orders.get(&order.0).filter(|order| order.fiscal_year == row.fiscal_year);
            if let Some(line) = counted.and_then(|order| order.budget_line_id) {
                documents.count(line.0, [0, row.own_share]);
            }
        } else if let Some(order) = regularised.get(&row.id.0) {
            documents.sums.entry(*order).or_default()[1] += row.amount;
        }
    }
    for order in regularised.into_values().collect::<BTreeSet<_>>() {
        if let Some((line, amount)) = orders.get(&order).and_then(|order| Some((order.budget_line_id?, order.amount))) {
            documents.count(line.0, [0, own.get(&order).copied().unwrap_or(amount)]);
        }
    }
    Ok(())
}
