//! Receipts, their cancellation, and what became of those that came before an order.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::payment::PaymentMode;
use domain::id::{BudgetLineId, DebtorId, EntryId, OrganisationId, PrincipalId, ReceiptId, RevenueOrderId};
use domain::revenue::{Allotment, RECEIPT_NOT_REGULARISABLE};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::{document_number, fold};
use uuid::Uuid;

use super::{of_orders, on_orders};
use crate::budget::amount;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing};
use crate::schema::{receipt_cancellations, receipt_regularisations, receipts, revenue_orders};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = receipts)]
pub struct ReceiptRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ReceiptId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub revenue_order_id: Option<Col<RevenueOrderId>>,
    pub cash_office_id: Option<Col<Uuid>>,
    pub payer: Option<String>,
    pub label: Option<String>,
    pub mode: Col<PaymentMode>,
    pub received_on: NaiveDate,
    pub amount: i64,
    pub settled: i64,
    pub own_share: i64,
    pub recovered: i64,
    pub recovery_line_id: Option<Col<BudgetLineId>>,
    pub excess: i64,
    pub entry_id: Col<EntryId>,
    pub received_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

impl ReceiptRow {
    pub fn allotment(&self) -> Result<Allotment, Fault> {
        Ok(Allotment { settled: amount(self.settled)?, recovered: amount(self.recovered)?, excess: amount(self.excess)? })
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = receipt_cancellations)]
pub struct CancellationRow {
    pub receipt_id: Col<ReceiptId>,
    pub reason: String,
    pub cancelled_by: Col<PrincipalId>,
    pub cancelled_on: NaiveDate,
    pub entry_id: Col<EntryId>,
}

/// A receipt, and what became of it since.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub row: ReceiptRow,
    pub cancellation: Option<CancellationRow>,
    /// The order that regularised it.
    pub regularised_by: Option<RevenueOrderId>,
}

impl Receipt {
    /// The receipt never changes; what became of it counts as its versions.
    pub fn version(&self) -> i64 {
        1 + i64::from(self.cancellation.is_some()) + i64::from(self.regularised_by.is_some())
    }

    pub fn number(&self) -> String {
        document_number("Q", self.row.fiscal_year, self.row.number)
    }
}

/// A new receipt, already judged, posted and numbered.
#[derive(Clone, Debug)]
pub struct NewReceipt<'a> {
    pub id: ReceiptId,
    pub fiscal_year: i32,
    pub number: i64,
    pub order: Option<RevenueOrderId>,
    pub cash_office: Option<Uuid>,
    pub payer: Option<&'a str>,
    pub label: Option<&'a str>,
    pub mode: PaymentMode,
    pub received_on: NaiveDate,
    pub amount: i64,
    pub allotment: Allotment,
    pub own_share: i64,
    pub recovery_line: Option<BudgetLineId>,
    pub entry: EntryId,
    pub received_by: PrincipalId,
}

pub fn append_receipt(tx: &mut Tx<'_>, new: &NewReceipt<'_>) -> Result<Receipt, Fault> {
    let text = [new.payer, new.label].into_iter().flatten().collect::<Vec<_>>().join(" ");
    // Who paid is personal data.
    let sensitivity = if new.payer.is_some() { Sensitivity::Restricted } else { Sensitivity::Internal };
    diesel::insert_into(receipts::table)
        .values((
            receipts::organisation_id.eq(Col(tx.organisation)),
            receipts::id.eq(Col(new.id)),
            receipts::fiscal_year.eq(new.fiscal_year),
            receipts::number.eq(new.number),
            receipts::revenue_order_id.eq(new.order.map(Col)),
            receipts::cash_office_id.eq(new.cash_office.map(Col)),
            receipts::payer.eq(new.payer),
            receipts::label.eq(new.label),
            receipts::folded_text.eq(fold(&text)),
            receipts::mode.eq(Col(new.mode)),
            receipts::received_on.eq(new.received_on),
            receipts::amount.eq(new.amount),
            receipts::settled.eq(new.allotment.settled.minor()),
            receipts::own_share.eq(new.own_share),
            receipts::recovered.eq(new.allotment.recovered.minor()),
            receipts::recovery_line_id.eq(new.recovery_line.map(Col)),
            receipts::excess.eq(new.allotment.excess.minor()),
            receipts::entry_id.eq(Col(new.entry)),
            receipts::received_by.eq(Col(new.received_by)),
            receipts::recorded_at.eq(Col(tx.author.now)),
            receipts::sensitivity.eq(sensitivity.rank()),
        ))
        .execute(tx.conn)?;
    find_receipt(tx.conn, &tx.all(), new.id)
}

pub fn find_receipt(conn: &mut Conn, scope: &Scope, id: ReceiptId) -> Result<Receipt, Fault> {
    let row = visible!(receipts, scope).filter(receipts::id.eq(Col(id))).select(ReceiptRow::as_select()).first(conn)?;
    with_fate(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

fn with_fate(conn: &mut Conn, scope: &Scope, rows: Vec<ReceiptRow>) -> Result<Vec<Receipt>, Fault> {
    let ids: Vec<Col<ReceiptId>> = rows.iter().map(|row| row.id).collect();
    let cancelled: Vec<CancellationRow> = receipt_cancellations::table
        .filter(receipt_cancellations::organisation_id.eq(Col(scope.organisation)))
        .filter(receipt_cancellations::receipt_id.eq_any(ids.clone()))
        .select(CancellationRow::as_select())
        .load(conn)?;
    let regularised: Vec<(Col<ReceiptId>, Col<RevenueOrderId>)> = receipt_regularisations::table
        .filter(receipt_regularisations::organisation_id.eq(Col(scope.organisation)))
        .filter(receipt_regularisations::receipt_id.eq_any(ids))
        .select((receipt_regularisations::receipt_id, receipt_regularisations::revenue_order_id))
        .load(conn)?;
    let mut cancelled: HashMap<ReceiptId, CancellationRow> = cancelled.into_iter().map(|row| (row.receipt_id.0, row)).collect();
    let regularised: HashMap<ReceiptId, RevenueOrderId> = regularised.into_iter().map(|(receipt, order)| (receipt.0, order.0)).collect();
    let fate =
        |row: ReceiptRow| Receipt { cancellation: cancelled.remove(&row.id.0), regularised_by: regularised.get(&row.id.0).copied(), row };
    Ok(rows.into_iter().map(fate).collect())
}

/// Which receipts to list.
#[derive(Clone, Debug, Default)]
pub struct ReceiptFilter {
    pub fiscal_year: Option<i32>,
    pub revenue_order_id: Option<RevenueOrderId>,
    /// Of the order.
    pub article: Option<String>,
    pub budget_line_id: Option<BudgetLineId>,
    pub debtor_id: Option<DebtorId>,
    /// Only receipts before any order.
    pub unclassified: bool,
    pub mode: Vec<PaymentMode>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    pub text: Option<String>,
    /// Only those that were cancelled, or only those that stand.
    pub cancelled: Option<bool>,
}

fn selected(scope: &Scope, filter: &ReceiptFilter) -> receipts::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(receipts, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(receipts::fiscal_year.eq(year));
    }
    if let Some(order) = filter.revenue_order_id {
        query = query.filter(receipts::revenue_order_id.eq(Some(Col(order))));
    }
    if let Some(line) = filter.budget_line_id {
        let on = on_orders!(scope).filter(revenue_orders::budget_line_id.eq(Some(Col(line)))).select(revenue_orders::id.nullable());
        query = query.filter(receipts::revenue_order_id.eq_any(on));
    }
    of_orders!(query, receipts::revenue_order_id, revenue_orders::id.nullable(), scope, filter);
    if filter.unclassified {
        query = query.filter(receipts::revenue_order_id.is_null());
    }
    if !filter.mode.is_empty() {
        query = query.filter(receipts::mode.eq_any(filter.mode.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(text) = &filter.text {
        query = query.filter(receipts::folded_text.like(containing(text)));
    }
    if let Some(cancelled) = filter.cancelled {
        let those = receipt_cancellations::table
            .filter(receipt_cancellations::organisation_id.eq(Col(scope.organisation)))
            .select(receipt_cancellations::receipt_id);
        query = if cancelled { query.filter(receipts::id.eq_any(those)) } else { query.filter(receipts::id.ne_all(those)) };
    }
    between!(query, receipts::received_on, filter.from, filter.to);
    within!(query, receipts::amount, filter.amount);
    query
}

pub fn list_receipts(conn: &mut Conn, scope: &Scope, filter: &ReceiptFilter, page: &Keyset<ReceiptId>) -> Result<Rows<Receipt>, Fault> {
    let mut query = selected(scope, filter).order(receipts::id).limit(page.probe()).select(ReceiptRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(receipts::id.gt(Col(after)));
    }
    let rows: Rows<ReceiptRow> = page.cut(query.load(conn)?);
    Ok(Rows { rows: with_fate(conn, scope, rows.rows)?, more: rows.more })
}

/// What the list adds up to.
pub fn total_receipts(conn: &mut Conn, scope: &Scope, filter: &ReceiptFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "receipts.amount"))
}

/// Finds receipts that an order may regularise: unclassified, standing, each once.
pub fn find_regularisable(tx: &mut Tx<'_>, ids: &[ReceiptId]) -> Result<Vec<Receipt>, Fault> {
    let scope = tx.all();
    let mut found: Vec<Receipt> = Vec::with_capacity(ids.len());
    for id in ids {
        let receipt = find_receipt(tx.conn, &scope, *id)?;
        let free = receipt.row.revenue_order_id.is_none() && receipt.cancellation.is_none() && receipt.regularised_by.is_none();
        if !free || found.iter().any(|other| other.row.id == receipt.row.id) {
            return Err(RECEIPT_NOT_REGULARISABLE.refuse().with("receipt", receipt.number()).at("/receipt_ids").into());
        }
        found.push(receipt);
    }
    Ok(found)
}

/// Notes that an accepted order regularised a receipt. The database lets it happen once.
pub fn append_regularised(tx: &mut Tx<'_>, receipt: &Receipt, order: RevenueOrderId) -> Result<(), Fault> {
    diesel::insert_into(receipt_regularisations::table)
        .values((
            receipt_regularisations::organisation_id.eq(Col(tx.organisation)),
            receipt_regularisations::receipt_id.eq(receipt.row.id),
            receipt_regularisations::revenue_order_id.eq(Col(order)),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| RECEIPT_NOT_REGULARISABLE.refuse().with("receipt", receipt.number())))?;
    Ok(())
}

/// Notes that a receipt was cancelled; gives it as it now stands.
pub fn append_cancellation(tx: &mut Tx<'_>, receipt: &ReceiptRow, reason: &str, by: PrincipalId, entry: EntryId) -> Result<Receipt, Fault> {
    diesel::insert_into(receipt_cancellations::table)
        .values((
            receipt_cancellations::organisation_id.eq(Col(tx.organisation)),
            receipt_cancellations::receipt_id.eq(receipt.id),
            receipt_cancellations::reason.eq(reason),
            receipt_cancellations::cancelled_by.eq(Col(by)),
            receipt_cancellations::cancelled_on.eq(tx.author.today),
            receipt_cancellations::recorded_at.eq(Col(tx.author.now)),
            receipt_cancellations::entry_id.eq(Col(entry)),
        ))
        .execute(tx.conn)?;
    find_receipt(tx.conn, &tx.all(), receipt.id.0)
}
