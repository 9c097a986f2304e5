//! Debts that are due and not settled, in both directions.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::calendar::FiscalYear;
use domain::expenditure::order::PaymentOrderState;
use domain::id::RevenueOrderId;
use domain::money::Amount;
use domain::sensitivity::Scope;

use super::order::ReceivableRow;
use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::expenditure::order::PaymentOrderRow;
use crate::fault::Fault;
use crate::ledger::carried_debt::CarriedDebtRow;
use crate::schema::{carried_debts, payment_orders, receivables, revenue_orders};
use crate::visible;

/// A debt: since when, and how much of it is left.
#[derive(Clone, Copy, Debug)]
pub struct Arrear {
    pub since: NaiveDate,
    pub amount: Amount,
}

/// The last day of the year before: carried debts are at least that old.
fn before(fiscal_year: i32) -> Result<NaiveDate, Fault> {
    let year = FiscalYear::new(fiscal_year)?;
    Ok(year.previous().on("12-31").unwrap_or(year.first_day()))
}

/// Accepted orders and carried debts that are not paid.
pub fn list_payable(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<Vec<Arrear>, Fault> {
    let settled = [PaymentOrderState::Paid, PaymentOrderState::Cancelled].map(Col);
    let orders: Vec<PaymentOrderRow> = visible!(payment_orders, scope)
        .filter(payment_orders::fiscal_year.eq(fiscal_year))
        .filter(payment_orders::entry_id.is_not_null())
        .filter(payment_orders::state.ne_all(settled))
        .select(PaymentOrderRow::as_select())
        .load(conn)?;
    let debts: Vec<CarriedDebtRow> = visible!(carried_debts, scope)
        .filter(carried_debts::fiscal_year.eq(fiscal_year))
        .filter(carried_debts::amount.gt(carried_debts::paid + carried_debts::reduced))
        .select(CarriedDebtRow::as_select())
        .load(conn)?;
    let mut arrears = Vec::with_capacity(orders.len() + debts.len());
    for order in orders {
        let left = amount(order.net()?.minor() - order.paid)?;
        arrears.extend(order.decided_on.filter(|_| !left.is_zero()).map(|since| Arrear { since, amount: left }));
    }
    let since = before(fiscal_year)?;
    for debt in debts {
        arrears.push(Arrear { since, amount: amount(debt.due())? });
    }
    Ok(arrears)
}

/// Accepted revenue orders and carried receivables that are not collected.
pub fn list_receivable(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<Vec<Arrear>, Fault> {
    /// The year in which a carried receivable arose, or the day of the acceptance.
    type Since = (Option<i32>, Option<NaiveDate>);
    let orders: Vec<(Col<RevenueOrderId>, Since)> = visible!(revenue_orders, scope)
        .filter(revenue_orders::fiscal_year.eq(fiscal_year))
        .select((revenue_orders::id, (revenue_orders::since_year, revenue_orders::decided_on)))
        .load(conn)?;
    let since: BTreeMap<RevenueOrderId, Since> = orders.into_iter().map(|(id, since)| (id.0, since)).collect();
    let owed: Vec<ReceivableRow> = visible!(receivables, scope)
        .filter(receivables::amount.gt(receivables::reduced + receivables::collected + receivables::written_off + receivables::waived))
        .select(ReceivableRow::as_select())
        .load(conn)?;
    let mut arrears = Vec::new();
    for row in owed {
        let since = match since.get(&row.revenue_order_id.0) {
            Some((Some(year), _)) => before(year + 1)?,
            Some((None, Some(day))) => *day,
            _ => continue,
        };
        arrears.push(Arrear { since, amount: row.receivable()?.outstanding() });
    }
    Ok(arrears)
}
