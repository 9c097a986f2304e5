//! Payment orders and batches. What stands beside an order: [`super::detail`].

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::order::{DeductionKind, PaymentOrderState, RejectionReason};
use domain::id::{BatchId, BudgetLineId, CommitmentId, EntryId, OrganisationId, PaymentOrderId, PrincipalId, SupplierId, VerificationId};
use domain::money::Amount;
use domain::sensitivity::{Scope, Sensitivity};

use super::verification::VerificationRow;
use super::{on_article, on_line};
use crate::budget::amount;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled};
use crate::schema::{batches, deductions, payment_orders};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = payment_orders)]
pub struct PaymentOrderRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<PaymentOrderId>,
    pub fiscal_year: i32,
    pub number: Option<i64>,
    pub verification_id: Col<VerificationId>,
    pub commitment_id: Col<CommitmentId>,
    pub supplier_id: Col<SupplierId>,
    pub batch_id: Option<Col<BatchId>>,
    pub replaces_id: Option<Col<PaymentOrderId>>,
    pub amount: i64,
    pub advance_recovered: i64,
    pub withheld: i64,
    pub reduced: i64,
    pub paid: i64,
    pub reversed: i64,
    pub state: Col<PaymentOrderState>,
    pub drafted_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub signed_by: Option<Col<PrincipalId>>,
    pub signed_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub rejection_reason: Option<Col<RejectionReason>>,
    pub rejection_text: Option<String>,
    pub entry_id: Option<Col<EntryId>>,
    pub version: i64,
}

impl PaymentOrderRow {
    /// What is due to the creditor: the amount less what is kept back and what was taken back.
    pub fn net(&self) -> Result<Amount, Fault> {
        amount((self.amount - self.withheld - self.reduced).max(0))
    }
}

/// A new order, already judged.
#[derive(Clone, Debug)]
pub struct NewPaymentOrder {
    pub id: PaymentOrderId,
    pub amount: i64,
    pub advance_recovered: i64,
    pub deductions: Vec<(DeductionKind, i64)>,
    pub replaces: Option<PaymentOrderId>,
    pub drafted_by: PrincipalId,
}

pub fn insert_payment_order(tx: &mut Tx<'_>, verification: &VerificationRow, new: &NewPaymentOrder) -> Result<PaymentOrderRow, Fault> {
    let withheld: i64 = new.deductions.iter().map(|(_, amount)| amount).sum();
    diesel::insert_into(payment_orders::table)
        .values((
            payment_orders::organisation_id.eq(Col(tx.organisation)),
            payment_orders::id.eq(Col(new.id)),
            payment_orders::fiscal_year.eq(verification.fiscal_year),
            payment_orders::verification_id.eq(verification.id),
            payment_orders::commitment_id.eq(verification.commitment_id),
            payment_orders::supplier_id.eq(verification.supplier_id),
            payment_orders::replaces_id.eq(new.replaces.map(Col)),
            payment_orders::amount.eq(new.amount),
            payment_orders::advance_recovered.eq(new.advance_recovered),
            payment_orders::withheld.eq(withheld),
            payment_orders::reduced.eq(0),
            payment_orders::paid.eq(0),
            payment_orders::reversed.eq(0),
            payment_orders::state.eq(Col(PaymentOrderState::Draft)),
            payment_orders::drafted_by.eq(Col(new.drafted_by)),
            payment_orders::recorded_at.eq(Col(tx.author.now)),
            payment_orders::sensitivity.eq(Sensitivity::Internal.rank()),
            payment_orders::version.eq(1),
        ))
        .execute(tx.conn)?;
    for (position, (kind, amount)) in (1..).zip(&new.deductions) {
        diesel::insert_into(deductions::table)
            .values((
                deductions::organisation_id.eq(Col(tx.organisation)),
                deductions::payment_order_id.eq(Col(new.id)),
                deductions::position.eq(position),
                deductions::kind.eq(Col(*kind)),
                deductions::amount.eq(amount),
            ))
            .execute(tx.conn)?;
    }
    let scope = tx.all();
    find_payment_order(tx.conn, &scope, new.id)
}

pub fn find_payment_order(conn: &mut Conn, scope: &Scope, id: PaymentOrderId) -> Result<PaymentOrderRow, Fault> {
    Ok(visible!(payment_orders, scope).filter(payment_orders::id.eq(Col(id))).select(PaymentOrderRow::as_select()).first(conn)?)
}

/// Which payment orders to list.
#[derive(Clone, Debug, Default)]
pub struct PaymentOrderFilter {
    pub fiscal_year: Option<i32>,
    pub state: Vec<PaymentOrderState>,
    pub commitment_id: Option<CommitmentId>,
    pub verification_id: Option<VerificationId>,
    pub batch_id: Option<BatchId>,
    pub budget_line_id: Option<BudgetLineId>,
    pub article: Option<String>,
    pub supplier_id: Option<SupplierId>,
    /// Days of the signature.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
}

fn selected_orders(scope: &Scope, filter: &PaymentOrderFilter) -> payment_orders::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(payment_orders, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(payment_orders::fiscal_year.eq(year));
    }
    if !filter.state.is_empty() {
        query = query.filter(payment_orders::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(supplier) = filter.supplier_id {
        query = query.filter(payment_orders::supplier_id.eq(Col(supplier)));
    }
    if let Some(commitment) = filter.commitment_id {
        query = query.filter(payment_orders::commitment_id.eq(Col(commitment)));
    }
    if let Some(verification) = filter.verification_id {
        query = query.filter(payment_orders::verification_id.eq(Col(verification)));
    }
    if let Some(batch) = filter.batch_id {
        query = query.filter(payment_orders::batch_id.eq(Some(Col(batch))));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(payment_orders::commitment_id.eq_any(on_line!(scope, line)));
    }
    if let Some(article) = &filter.article {
        query = query.filter(payment_orders::commitment_id.eq_any(on_article!(scope, article.clone())));
    }
    between!(query, payment_orders::signed_on, filter.from, filter.to);
    within!(query, payment_orders::amount, filter.amount);
    query
}

pub fn list_payment_orders(
    conn: &mut Conn,
    scope: &Scope,
    filter: &PaymentOrderFilter,
    page: &Keyset<PaymentOrderId>,
) -> Result<Rows<PaymentOrderRow>, Fault> {
    let mut query = selected_orders(scope, filter).order(payment_orders::id).limit(page.probe()).select(PaymentOrderRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(payment_orders::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_payment_orders(conn: &mut Conn, scope: &Scope, filter: &PaymentOrderFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_orders(scope, filter), "payment_orders.amount"))
}

/// What an action changes of a payment order; what is `None` stays as it is.
#[derive(AsChangeset, Clone, Debug, Default)]
#[diesel(table_name = payment_orders)]
pub struct PaymentOrderChange {
    pub state: Option<Col<PaymentOrderState>>,
    pub number: Option<i64>,
    pub batch_id: Option<Col<BatchId>>,
    pub reduced: Option<i64>,
    pub paid: Option<i64>,
    pub reversed: Option<i64>,
    pub signed_by: Option<Col<PrincipalId>>,
    pub signed_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub rejection_reason: Option<Col<RejectionReason>>,
    pub rejection_text: Option<String>,
    pub entry_id: Option<Col<EntryId>>,
}

impl PaymentOrderChange {
    pub fn to(state: PaymentOrderState) -> Self {
        Self { state: Some(Col(state)), ..Self::default() }
    }
}

/// Changes a payment order; gives the row as it now stands.
pub fn update_payment_order(tx: &mut Tx<'_>, row: &PaymentOrderRow, change: PaymentOrderChange) -> Result<PaymentOrderRow, Fault> {
    diesel::update(
        payment_orders::table.filter(payment_orders::organisation_id.eq(row.organisation_id)).filter(payment_orders::id.eq(row.id)),
    )
    .set((change, payment_orders::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    let scope = tx.all();
    find_payment_order(tx.conn, &scope, row.id.0)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = batches)]
pub struct BatchRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<BatchId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub transmitted_on: NaiveDate,
    pub transmitted_by: Col<PrincipalId>,
    pub total: i64,
}

/// Records a numbered batch.
pub fn insert_batch(tx: &mut Tx<'_>, id: BatchId, fiscal_year: i32, number: i64, total: i64, by: PrincipalId) -> Result<BatchRow, Fault> {
    diesel::insert_into(batches::table)
        .values((
            batches::organisation_id.eq(Col(tx.organisation)),
            batches::id.eq(Col(id)),
            batches::fiscal_year.eq(fiscal_year),
            batches::number.eq(number),
            batches::transmitted_on.eq(tx.author.today),
            batches::transmitted_by.eq(Col(by)),
            batches::total.eq(total),
            batches::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    let scope = tx.all();
    find_batch(tx.conn, &scope, id).map(|(batch, _)| batch)
}

/// A batch and the orders on it.
pub fn find_batch(conn: &mut Conn, scope: &Scope, id: BatchId) -> Result<(BatchRow, Vec<PaymentOrderRow>), Fault> {
    let batch = visible!(batches, scope).filter(batches::id.eq(Col(id))).select(BatchRow::as_select()).first(conn)?;
    let orders = visible!(payment_orders, scope)
        .filter(payment_orders::batch_id.eq(Some(Col(id))))
        .order(payment_orders::number)
        .select(PaymentOrderRow::as_select())
        .load(conn)?;
    Ok((batch, orders))
}
