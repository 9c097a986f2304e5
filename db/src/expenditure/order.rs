//! Payment orders, batches and payments.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::{PaymentMode, PaymentOrderState, RejectionReason};
use domain::id::{
    BatchId, BudgetLineId, CarriedDebtId, CommitmentId, EntryId, OrganisationId, PaymentId, PaymentOrderId, PrincipalId, SupplierId,
    VerificationId,
};
use domain::sensitivity::{Scope, Sensitivity};

use super::{VerificationRow, on_article, on_line};
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled};
use crate::schema::{batches, payment_orders, payments};
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
    pub amount: i64,
    pub paid: i64,
    pub state: Col<PaymentOrderState>,
    pub drafted_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub signed_by: Option<Col<PrincipalId>>,
    pub signed_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub rejection_reason: Option<Col<RejectionReason>>,
    pub rejection_text: Option<String>,
    pub version: i64,
}

pub fn insert_payment_order(
    tx: &mut Tx<'_>,
    id: PaymentOrderId,
    verification: &VerificationRow,
    amount: i64,
    drafted_by: PrincipalId,
) -> Result<PaymentOrderRow, Fault> {
    diesel::insert_into(payment_orders::table)
        .values((
            payment_orders::organisation_id.eq(Col(tx.organisation)),
            payment_orders::id.eq(Col(id)),
            payment_orders::fiscal_year.eq(verification.fiscal_year),
            payment_orders::verification_id.eq(verification.id),
            payment_orders::commitment_id.eq(verification.commitment_id),
            payment_orders::supplier_id.eq(verification.supplier_id),
            payment_orders::amount.eq(amount),
            payment_orders::paid.eq(0),
            payment_orders::state.eq(Col(PaymentOrderState::Draft)),
            payment_orders::drafted_by.eq(Col(drafted_by)),
            payment_orders::recorded_at.eq(Col(tx.author.now)),
            payment_orders::sensitivity.eq(Sensitivity::Internal.rank()),
            payment_orders::version.eq(1),
        ))
        .execute(tx.conn)?;
    find_payment_order(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, id)
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
#[derive(AsChangeset, Clone, Debug)]
#[diesel(table_name = payment_orders)]
pub struct PaymentOrderChange {
    pub state: Col<PaymentOrderState>,
    pub number: Option<i64>,
    pub batch_id: Option<Col<BatchId>>,
    pub paid: Option<i64>,
    pub signed_by: Option<Col<PrincipalId>>,
    pub signed_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub rejection_reason: Option<Col<RejectionReason>>,
    pub rejection_text: Option<String>,
}

impl PaymentOrderChange {
    pub fn to(state: PaymentOrderState) -> Self {
        Self {
            state: Col(state),
            number: None,
            batch_id: None,
            paid: None,
            signed_by: None,
            signed_on: None,
            decided_by: None,
            decided_on: None,
            rejection_reason: None,
            rejection_text: None,
        }
    }
}

/// Changes a payment order; gives the row as it now stands.
pub fn update_payment_order(tx: &mut Tx<'_>, row: &PaymentOrderRow, change: PaymentOrderChange) -> Result<PaymentOrderRow, Fault> {
    diesel::update(
        payment_orders::table.filter(payment_orders::organisation_id.eq(row.organisation_id)).filter(payment_orders::id.eq(row.id)),
    )
    .set((change, payment_orders::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    find_payment_order(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, row.id.0)
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
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
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

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub struct PaymentRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<PaymentId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub payment_order_id: Option<Col<PaymentOrderId>>,
    pub carried_debt_id: Option<Col<CarriedDebtId>>,
    pub payee_id: Col<SupplierId>,
    pub mode: Col<PaymentMode>,
    pub paid_on: NaiveDate,
    pub amount: i64,
    pub entry_id: Col<EntryId>,
    pub paid_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// What a payment discharges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Order(PaymentOrderId),
    CarriedDebt(CarriedDebtId),
}

/// A new payment, already judged, posted and numbered.
#[derive(Clone, Debug)]
pub struct NewPayment {
    pub id: PaymentId,
    pub fiscal_year: i32,
    pub number: i64,
    pub due: Due,
    pub payee: SupplierId,
    pub mode: PaymentMode,
    pub paid_on: NaiveDate,
    pub amount: i64,
    pub entry: EntryId,
    pub paid_by: PrincipalId,
}

pub fn append_payment(tx: &mut Tx<'_>, new: &NewPayment) -> Result<PaymentRow, Fault> {
    let (order, debt) = match new.due {
        Due::Order(id) => (Some(Col(id)), None),
        Due::CarriedDebt(id) => (None, Some(Col(id))),
    };
    diesel::insert_into(payments::table)
        .values((
            payments::organisation_id.eq(Col(tx.organisation)),
            payments::id.eq(Col(new.id)),
            payments::fiscal_year.eq(new.fiscal_year),
            payments::number.eq(new.number),
            payments::payment_order_id.eq(order),
            payments::carried_debt_id.eq(debt),
            payments::payee_id.eq(Col(new.payee)),
            payments::mode.eq(Col(new.mode)),
            payments::paid_on.eq(new.paid_on),
            payments::amount.eq(new.amount),
            payments::entry_id.eq(Col(new.entry)),
            payments::paid_by.eq(Col(new.paid_by)),
            payments::recorded_at.eq(Col(tx.author.now)),
            payments::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    find_payment(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, new.id)
}

pub fn find_payment(conn: &mut Conn, scope: &Scope, id: PaymentId) -> Result<PaymentRow, Fault> {
    Ok(visible!(payments, scope).filter(payments::id.eq(Col(id))).select(PaymentRow::as_select()).first(conn)?)
}

/// Which payments to list.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    pub fiscal_year: Option<i32>,
    pub mode: Vec<PaymentMode>,
    pub payment_order_id: Option<PaymentOrderId>,
    pub carried_debt_id: Option<CarriedDebtId>,
    pub budget_line_id: Option<BudgetLineId>,
    pub article: Option<String>,
    /// The payee.
    pub supplier_id: Option<SupplierId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
}

fn selected_payments(scope: &Scope, filter: &PaymentFilter) -> payments::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(payments, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(payments::fiscal_year.eq(year));
    }
    if !filter.mode.is_empty() {
        query = query.filter(payments::mode.eq_any(filter.mode.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(order) = filter.payment_order_id {
        query = query.filter(payments::payment_order_id.eq(Some(Col(order))));
    }
    if let Some(debt) = filter.carried_debt_id {
        query = query.filter(payments::carried_debt_id.eq(Some(Col(debt))));
    }
    let orders = payment_orders::table.filter(payment_orders::organisation_id.eq(Col(scope.organisation)));
    if let Some(line) = filter.budget_line_id {
        let orders = orders.filter(payment_orders::commitment_id.eq_any(on_line!(scope, line)));
        query = query.filter(payments::payment_order_id.eq_any(orders.select(payment_orders::id.nullable())));
    }
    if let Some(article) = &filter.article {
        let orders = orders.filter(payment_orders::commitment_id.eq_any(on_article!(scope, article.clone())));
        query = query.filter(payments::payment_order_id.eq_any(orders.select(payment_orders::id.nullable())));
    }
    if let Some(payee) = filter.supplier_id {
        query = query.filter(payments::payee_id.eq(Col(payee)));
    }
    between!(query, payments::paid_on, filter.from, filter.to);
    within!(query, payments::amount, filter.amount);
    query
}

pub fn list_payments(conn: &mut Conn, scope: &Scope, filter: &PaymentFilter, page: &Keyset<PaymentId>) -> Result<Rows<PaymentRow>, Fault> {
    let mut query = selected_payments(scope, filter).order(payments::id).limit(page.probe()).select(PaymentRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(payments::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_payments(conn: &mut Conn, scope: &Scope, filter: &PaymentFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_payments(scope, filter), "payments.amount"))
}
