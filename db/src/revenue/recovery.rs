//! Revenue orders that come from expenditure: recoveries of what was paid, reductions of debts of earlier years.

use diesel::prelude::*;
use domain::budget::Direction;
use domain::id::{BudgetLineId, DebtorId, PrincipalId, RevenueOrderId};
use domain::revenue::{RevenueOrderKind, RevenueOrderState};
use uuid::Uuid;

use super::order::{NewRevenueOrder, Origin, RevenueOrder, insert_revenue_order};
use crate::column::Col;
use crate::fault::Fault;
use crate::number;
use crate::schema::revenue_orders;
use crate::store::Tx;

/// The kind of the document that recoveries come from.
pub const PAYMENT_ORDER: &str = "payment_order";

/// The kind of the document that reductions of debts come from.
pub const CARRIED_DEBT: &str = "carried_debt";

/// An order that comes from expenditure, already judged.
#[derive(Clone, Debug)]
pub struct NewCaused {
    pub id: RevenueOrderId,
    pub fiscal_year: i32,
    pub kind: RevenueOrderKind,
    /// The document that it comes from.
    pub cause: (&'static str, Uuid),
    /// The line of exceptional revenue with its article, in a later year.
    pub line: Option<(BudgetLineId, String)>,
    pub debtor: Option<DebtorId>,
    pub label: String,
    pub amount: i64,
    pub receivable_account: String,
    pub by: PrincipalId,
}

/// Issues an order that comes from expenditure, numbered among the revenue orders; it waits for the accountant.
pub fn insert_caused(tx: &mut Tx<'_>, new: &NewCaused) -> Result<RevenueOrder, Fault> {
    let (line, article) = new.line.clone().map_or((None, None), |(line, article)| (Some(line), Some(article)));
    let order = NewRevenueOrder {
        id: new.id,
        fiscal_year: new.fiscal_year,
        number: Some(number::next(tx, new.fiscal_year, number::REVENUE_ORDER)?),
        kind: new.kind,
        line,
        article,
        debtor: new.debtor,
        taxpayers: None,
        origin: Origin { cause: Some(new.cause), ..Origin::default() },
        label: new.label.clone(),
        amount: new.amount,
        receivable_account: new.receivable_account.clone(),
        state: RevenueOrderState::Issued,
        drafted_by: new.by,
    };
    insert_revenue_order(tx, &order)
}

/// What orders claim on a document of expenditure, rejected ones left out.
pub fn find_claimed(tx: &mut Tx<'_>, cause: Uuid) -> Result<i64, Fault> {
    let rows: Vec<(Col<RevenueOrderState>, i64)> = revenue_orders::table
        .filter(revenue_orders::organisation_id.eq(Col(tx.organisation)))
        .filter(revenue_orders::cause_id.eq(Some(Col(cause))))
        .select((revenue_orders::state, revenue_orders::amount))
        .load(tx.conn)?;
    Ok(rows.into_iter().filter(|(state, _)| state.0 != RevenueOrderState::Rejected).map(|(_, amount)| amount).sum())
}

/// The line of revenue of an executable budget: its year, its direction and its article.
pub fn find_revenue_line(tx: &mut Tx<'_>, line: BudgetLineId) -> Result<Option<(i32, String)>, Fault> {
    let scope = tx.all();
    let (stored, budget) = crate::budget::find_line(tx.conn, &scope, line)?;
    let fits = budget.state.is_executable() && stored.line.direction == Direction::Revenue;
    Ok(fits.then_some((budget.fiscal_year, stored.line.article)))
}
