//! Revenue orders and tax rolls, with what is owed on them.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{BudgetLineId, DebtorId, OrganisationId, PrincipalId, ReceiptId, RevenueOrderId};
use domain::revenue::{CARRIED_RECEIVABLE_DUPLICATE, Receivable, RevenueOrderKind, RevenueOrderState, RevenueRejectionReason};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;
use uuid::Uuid;

use crate::budget::amount;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing};
use crate::schema::{receivables, revenue_order_receipts, revenue_orders};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = revenue_orders)]
pub struct RevenueOrderRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<RevenueOrderId>,
    pub fiscal_year: i32,
    pub number: Option<i64>,
    pub kind: Col<RevenueOrderKind>,
    pub budget_line_id: Option<Col<BudgetLineId>>,
    pub article: Option<String>,
    pub debtor_id: Option<Col<DebtorId>>,
    pub taxpayers: Option<i32>,
    pub reference: Option<String>,
    pub since_year: Option<i32>,
    pub label: String,
    pub amount: i64,
    pub receivable_account: String,
    pub state: Col<RevenueOrderState>,
    pub cause_kind: Option<String>,
    pub cause_id: Option<Col<Uuid>>,
    pub drafted_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub issued_by: Option<Col<PrincipalId>>,
    pub issued_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub rejection_reason: Option<Col<RevenueRejectionReason>>,
    pub rejection_text: Option<String>,
    pub version: i64,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = receivables)]
pub(crate) struct ReceivableRow {
    pub revenue_order_id: Col<RevenueOrderId>,
    pub amount: i64,
    pub reduced: i64,
    pub collected: i64,
    pub written_off: i64,
    pub waived: i64,
    pub recovered: i64,
    pub overpaid: i64,
}

impl ReceivableRow {
    pub(crate) fn receivable(&self) -> Result<Receivable, Fault> {
        let receivable = Receivable {
            amount: amount(self.amount)?,
            reduced: amount(self.reduced)?,
            collected: amount(self.collected)?,
            written_off: amount(self.written_off)?,
            waived: amount(self.waived)?,
            recovered: amount(self.recovered)?,
            overpaid: amount(self.overpaid)?,
        };
        let place = || Fault::Corrupt(format!("receivable of order {}", self.revenue_order_id.0));
        if receivable.in_order() { Ok(receivable) } else { Err(place()) }
    }
}

/// An order with what is owed on it; nothing is owed before its acceptance.
#[derive(Clone, Debug)]
pub struct RevenueOrder {
    pub row: RevenueOrderRow,
    pub owed: Receivable,
}

/// Where an order comes from, beside the line of revenue that it is charged to.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub reference: Option<String>,
    pub since_year: Option<i32>,
    pub cause: Option<(&'static str, Uuid)>,
}

/// A new order, already judged.
#[derive(Clone, Debug)]
pub struct NewRevenueOrder {
    pub id: RevenueOrderId,
    pub fiscal_year: i32,
    pub number: Option<i64>,
    pub kind: RevenueOrderKind,
    pub line: Option<BudgetLineId>,
    pub article: Option<String>,
    pub debtor: Option<DebtorId>,
    pub taxpayers: Option<i32>,
    pub origin: Origin,
    pub label: String,
    pub amount: i64,
    pub receivable_account: String,
    pub state: RevenueOrderState,
    pub drafted_by: PrincipalId,
}

pub fn insert_revenue_order(tx: &mut Tx<'_>, new: &NewRevenueOrder) -> Result<RevenueOrder, Fault> {
    let issued = new.number.map(|_| tx.author.today);
    diesel::insert_into(revenue_orders::table)
        .values((
            revenue_orders::organisation_id.eq(Col(tx.organisation)),
            revenue_orders::id.eq(Col(new.id)),
            revenue_orders::fiscal_year.eq(new.fiscal_year),
            revenue_orders::number.eq(new.number),
            revenue_orders::kind.eq(Col(new.kind)),
            revenue_orders::budget_line_id.eq(new.line.map(Col)),
            revenue_orders::article.eq(new.article.as_deref()),
            revenue_orders::debtor_id.eq(new.debtor.map(Col)),
            revenue_orders::taxpayers.eq(new.taxpayers),
            revenue_orders::reference.eq(new.origin.reference.as_deref()),
            revenue_orders::since_year.eq(new.origin.since_year),
            revenue_orders::label.eq(&new.label),
            revenue_orders::folded_label.eq(fold(&new.label)),
            revenue_orders::amount.eq(new.amount),
            revenue_orders::receivable_account.eq(&new.receivable_account),
            revenue_orders::state.eq(Col(new.state)),
            revenue_orders::cause_kind.eq(new.origin.cause.map(|(kind, _)| kind)),
            revenue_orders::cause_id.eq(new.origin.cause.map(|(_, id)| Col(id))),
            revenue_orders::drafted_by.eq(Col(new.drafted_by)),
            revenue_orders::recorded_at.eq(Col(tx.author.now)),
            revenue_orders::issued_on.eq(issued),
            revenue_orders::issued_by.eq(issued.map(|_| Col(new.drafted_by))),
            revenue_orders::sensitivity.eq(Sensitivity::Internal.rank()),
            revenue_orders::version.eq(1),
        ))
        .execute(tx.conn)?;
    if new.state == RevenueOrderState::Accepted {
        insert_receivable(tx, new.id, new.amount)?;
    }
    find_revenue_order(tx.conn, &tx.all(), new.id)
}

/// A debt of an earlier year that the opening balances carry: accepted from the start, without a number.
#[derive(Clone, Debug)]
pub struct NewCarried {
    pub id: RevenueOrderId,
    pub fiscal_year: i32,
    pub account: String,
    pub article: Option<String>,
    pub reference: String,
    pub since_year: i32,
    pub debtor: Option<DebtorId>,
    pub amount: i64,
    pub by: PrincipalId,
}

pub fn insert_carried(tx: &mut Tx<'_>, new: &NewCarried) -> Result<RevenueOrder, Fault> {
    let order = NewRevenueOrder {
        id: new.id,
        fiscal_year: new.fiscal_year,
        number: None,
        kind: RevenueOrderKind::Carried,
        line: None,
        article: new.article.clone(),
        debtor: new.debtor,
        taxpayers: None,
        origin: Origin { reference: Some(new.reference.clone()), since_year: Some(new.since_year), cause: None },
        label: new.reference.clone(),
        amount: new.amount,
        receivable_account: new.account.clone(),
        state: RevenueOrderState::Accepted,
        drafted_by: new.by,
    };
    insert_revenue_order(tx, &order).map_err(|fault| {
        fault.taken(|| CARRIED_RECEIVABLE_DUPLICATE.refuse().with("reference", &new.reference).with("account", &new.account))
    })
}

/// Opens what is owed on an order that is accepted.
pub fn insert_receivable(tx: &mut Tx<'_>, order: RevenueOrderId, amount: i64) -> Result<(), Fault> {
    diesel::insert_into(receivables::table)
        .values((
            receivables::organisation_id.eq(Col(tx.organisation)),
            receivables::revenue_order_id.eq(Col(order)),
            receivables::amount.eq(amount),
            receivables::reduced.eq(0),
            receivables::collected.eq(0),
            receivables::written_off.eq(0),
            receivables::waived.eq(0),
            receivables::recovered.eq(0),
            receivables::overpaid.eq(0),
            receivables::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn find_revenue_order(conn: &mut Conn, scope: &Scope, id: RevenueOrderId) -> Result<RevenueOrder, Fault> {
    let row: RevenueOrderRow =
        visible!(revenue_orders, scope).filter(revenue_orders::id.eq(Col(id))).select(RevenueOrderRow::as_select()).first(conn)?;
    let owed = list_owed(conn, scope, &[id])?.remove(&id).unwrap_or_default();
    Ok(RevenueOrder { row, owed })
}

fn list_owed(conn: &mut Conn, scope: &Scope, of: &[RevenueOrderId]) -> Result<HashMap<RevenueOrderId, Receivable>, Fault> {
    let rows: Vec<ReceivableRow> = visible!(receivables, scope)
        .filter(receivables::revenue_order_id.eq_any(of.iter().copied().map(Col).collect::<Vec<_>>()))
        .select(ReceivableRow::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| Ok((row.revenue_order_id.0, row.receivable()?))).collect()
}

/// Which orders to list.
#[derive(Clone, Debug, Default)]
pub struct RevenueOrderFilter {
    pub fiscal_year: Option<i32>,
    pub kind: Vec<RevenueOrderKind>,
    pub state: Vec<RevenueOrderState>,
    pub article: Option<String>,
    pub budget_line_id: Option<BudgetLineId>,
    pub debtor_id: Option<DebtorId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    pub text: Option<String>,
}

fn selected(scope: &Scope, filter: &RevenueOrderFilter) -> revenue_orders::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(revenue_orders, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(revenue_orders::fiscal_year.eq(year));
    }
    if !filter.kind.is_empty() {
        query = query.filter(revenue_orders::kind.eq_any(filter.kind.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if !filter.state.is_empty() {
        query = query.filter(revenue_orders::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(article) = &filter.article {
        query = query.filter(revenue_orders::article.eq(Some(article.clone())));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(revenue_orders::budget_line_id.eq(Some(Col(line))));
    }
    if let Some(debtor) = filter.debtor_id {
        query = query.filter(revenue_orders::debtor_id.eq(Some(Col(debtor))));
    }
    if let Some(text) = &filter.text {
        query = query.filter(revenue_orders::folded_label.like(containing(text)));
    }
    between!(query, revenue_orders::issued_on, filter.from, filter.to);
    within!(query, revenue_orders::amount, filter.amount);
    query
}

pub fn list_revenue_orders(
    conn: &mut Conn,
    scope: &Scope,
    filter: &RevenueOrderFilter,
    page: &Keyset<RevenueOrderId>,
) -> Result<Rows<RevenueOrder>, Fault> {
    let mut query = selected(scope, filter).order(revenue_orders::id).limit(page.probe()).select(RevenueOrderRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(revenue_orders::id.gt(Col(after)));
    }
    let rows: Rows<RevenueOrderRow> = page.cut(query.load(conn)?);
    let ids: Vec<RevenueOrderId> = rows.rows.iter().map(|row| row.id.0).collect();
    let mut owed = list_owed(conn, scope, &ids)?;
    let with_owed = |row: RevenueOrderRow| RevenueOrder { owed: owed.remove(&row.id.0).unwrap_or_default(), row };
    Ok(Rows { rows: rows.rows.into_iter().map(with_owed).collect(), more: rows.more })
}

/// What the list adds up to.
pub fn total_revenue_orders(conn: &mut Conn, scope: &Scope, filter: &RevenueOrderFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "revenue_orders.amount"))
}

/// What an action changes of an order; what is `None` stays as it is.
#[derive(AsChangeset, Clone, Debug)]
#[diesel(table_name = revenue_orders)]
pub struct RevenueOrderChange {
    pub state: Col<RevenueOrderState>,
    pub number: Option<i64>,
    pub issued_by: Option<Col<PrincipalId>>,
    pub issued_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub rejection_reason: Option<Col<RevenueRejectionReason>>,
    pub rejection_text: Option<String>,
}

impl RevenueOrderChange {
    pub fn to(state: RevenueOrderState) -> Self {
        Self {
            state: Col(state),
            number: None,
            issued_by: None,
            issued_on: None,
            decided_by: None,
            decided_on: None,
            rejection_reason: None,
            rejection_text: None,
        }
    }
}

/// Changes an order; gives it as it now stands.
pub fn update_revenue_order(tx: &mut Tx<'_>, row: &RevenueOrderRow, change: RevenueOrderChange) -> Result<RevenueOrder, Fault> {
    diesel::update(
        revenue_orders::table.filter(revenue_orders::organisation_id.eq(row.organisation_id)).filter(revenue_orders::id.eq(row.id)),
    )
    .set((change, revenue_orders::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    find_revenue_order(tx.conn, &tx.all(), row.id.0)
}

/// Puts other sums in the place of what is owed; the state follows from them.
pub fn update_receivable(tx: &mut Tx<'_>, row: &RevenueOrderRow, owed: &Receivable) -> Result<RevenueOrder, Fault> {
    diesel::update(
        receivables::table.filter(receivables::organisation_id.eq(row.organisation_id)).filter(receivables::revenue_order_id.eq(row.id)),
    )
    .set((
        receivables::reduced.eq(owed.reduced.minor()),
        receivables::collected.eq(owed.collected.minor()),
        receivables::written_off.eq(owed.written_off.minor()),
        receivables::waived.eq(owed.waived.minor()),
        receivables::recovered.eq(owed.recovered.minor()),
        receivables::overpaid.eq(owed.overpaid.minor()),
    ))
    .execute(tx.conn)?;
    update_revenue_order(tx, row, RevenueOrderChange::to(owed.state()))
}

/// Names the receipts that an order is drafted on.
pub fn append_order_receipts(tx: &mut Tx<'_>, order: RevenueOrderId, of: &[ReceiptId]) -> Result<(), Fault> {
    for receipt in of {
        diesel::insert_into(revenue_order_receipts::table)
            .values((
                revenue_order_receipts::organisation_id.eq(Col(tx.organisation)),
                revenue_order_receipts::revenue_order_id.eq(Col(order)),
                revenue_order_receipts::receipt_id.eq(Col(*receipt)),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The receipts that an order regularises, or will.
pub fn list_order_receipts(conn: &mut Conn, scope: &Scope, order: RevenueOrderId) -> Result<Vec<ReceiptId>, Fault> {
    let rows: Vec<Col<ReceiptId>> = revenue_order_receipts::table
        .filter(revenue_order_receipts::organisation_id.eq(Col(scope.organisation)))
        .filter(revenue_order_receipts::revenue_order_id.eq(Col(order)))
        .order(revenue_order_receipts::receipt_id)
        .select(revenue_order_receipts::receipt_id)
        .load(conn)?;
    Ok(rows.into_iter().map(|id| id.0).collect())
}

/// The itemised receivables that the opening balance of an account carries, summed.
pub fn sum_carried(tx: &mut Tx<'_>, fiscal_year: i32, account: &str) -> Result<i64, Fault> {
    let amounts: Vec<i64> = revenue_orders::table
        .filter(revenue_orders::organisation_id.eq(Col(tx.organisation)))
        .filter(revenue_orders::fiscal_year.eq(fiscal_year))
        .filter(revenue_orders::kind.eq(Col(RevenueOrderKind::Carried)))
        .filter(revenue_orders::receivable_account.eq(account))
        .select(revenue_orders::amount)
        .load(tx.conn)?;
    Ok(amounts.into_iter().sum())
}
