//! Corrections of accepted orders: reductions and cancellations, issued by one officer and accepted by the other.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::order::{CorrectionKind, CorrectionState};
use domain::id::{CorrectionId, EntryId, OrganisationId, PaymentOrderId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};

use super::order::PaymentOrderRow;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled};
use crate::schema::payment_order_corrections;
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = payment_order_corrections)]
pub struct CorrectionRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CorrectionId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub payment_order_id: Col<PaymentOrderId>,
    pub kind: Col<CorrectionKind>,
    pub amount: i64,
    pub reason: String,
    pub state: Col<CorrectionState>,
    pub issued_by: Col<PrincipalId>,
    pub issued_on: NaiveDate,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub rejection_text: Option<String>,
    pub entry_id: Option<Col<EntryId>>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

/// A new correction, already judged and numbered.
#[derive(Clone, Debug)]
pub struct NewCorrection {
    pub id: CorrectionId,
    pub number: i64,
    pub kind: CorrectionKind,
    pub amount: i64,
    pub reason: String,
    pub issued_by: PrincipalId,
}

pub fn insert_correction(tx: &mut Tx<'_>, order: &PaymentOrderRow, new: &NewCorrection) -> Result<CorrectionRow, Fault> {
    diesel::insert_into(payment_order_corrections::table)
        .values((
            payment_order_corrections::organisation_id.eq(Col(tx.organisation)),
            payment_order_corrections::id.eq(Col(new.id)),
            payment_order_corrections::fiscal_year.eq(order.fiscal_year),
            payment_order_corrections::number.eq(new.number),
            payment_order_corrections::payment_order_id.eq(order.id),
            payment_order_corrections::kind.eq(Col(new.kind)),
            payment_order_corrections::amount.eq(new.amount),
            payment_order_corrections::reason.eq(&new.reason),
            payment_order_corrections::state.eq(Col(CorrectionState::Issued)),
            payment_order_corrections::issued_by.eq(Col(new.issued_by)),
            payment_order_corrections::issued_on.eq(tx.author.today),
            payment_order_corrections::recorded_at.eq(Col(tx.author.now)),
            payment_order_corrections::sensitivity.eq(Sensitivity::Internal.rank()),
            payment_order_corrections::version.eq(1),
        ))
        .execute(tx.conn)?;
    let scope = tx.all();
    find_correction(tx.conn, &scope, new.id)
}

pub fn find_correction(conn: &mut Conn, scope: &Scope, id: CorrectionId) -> Result<CorrectionRow, Fault> {
    Ok(visible!(payment_order_corrections, scope)
        .filter(payment_order_corrections::id.eq(Col(id)))
        .select(CorrectionRow::as_select())
        .first(conn)?)
}

/// Which corrections to list.
#[derive(Clone, Debug, Default)]
pub struct CorrectionFilter {
    pub fiscal_year: Option<i32>,
    pub state: Vec<CorrectionState>,
    pub payment_order_id: Option<PaymentOrderId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    pub kind: Vec<CorrectionKind>,
}

fn selected(scope: &Scope, filter: &CorrectionFilter) -> payment_order_corrections::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(payment_order_corrections, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(payment_order_corrections::fiscal_year.eq(year));
    }
    if !filter.state.is_empty() {
        query = query.filter(payment_order_corrections::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(order) = filter.payment_order_id {
        query = query.filter(payment_order_corrections::payment_order_id.eq(Col(order)));
    }
    if !filter.kind.is_empty() {
        query = query.filter(payment_order_corrections::kind.eq_any(filter.kind.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    between!(query, payment_order_corrections::issued_on, filter.from, filter.to);
    within!(query, payment_order_corrections::amount, filter.amount);
    query
}

pub fn list_corrections(
    conn: &mut Conn,
    scope: &Scope,
    filter: &CorrectionFilter,
    page: &Keyset<CorrectionId>,
) -> Result<Rows<CorrectionRow>, Fault> {
    let mut query = selected(scope, filter).order(payment_order_corrections::id).limit(page.probe()).select(CorrectionRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(payment_order_corrections::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_corrections(conn: &mut Conn, scope: &Scope, filter: &CorrectionFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "payment_order_corrections.amount"))
}

/// What the accountant decides.
#[derive(Clone, Copy, Debug)]
pub enum CorrectionDecision<'a> {
    /// Accepted, by an entry.
    Accepted(EntryId),
    /// Refused, with a reason.
    Rejected(&'a str),
}

/// Records a decision; gives the row as it now stands.
pub fn decide_correction(
    tx: &mut Tx<'_>,
    row: &CorrectionRow,
    by: PrincipalId,
    decision: CorrectionDecision<'_>,
) -> Result<CorrectionRow, Fault> {
    let (state, entry, text) = match decision {
        CorrectionDecision::Accepted(entry) => (CorrectionState::Accepted, Some(Col(entry)), None),
        CorrectionDecision::Rejected(text) => (CorrectionState::Rejected, None, Some(text)),
    };
    diesel::update(
        payment_order_corrections::table
            .filter(payment_order_corrections::organisation_id.eq(row.organisation_id))
            .filter(payment_order_corrections::id.eq(row.id)),
    )
    .set((
        payment_order_corrections::state.eq(Col(state)),
        payment_order_corrections::decided_by.eq(Some(Col(by))),
        payment_order_corrections::decided_on.eq(Some(tx.author.today)),
        payment_order_corrections::rejection_text.eq(text),
        payment_order_corrections::entry_id.eq(entry),
        payment_order_corrections::version.eq(row.version + 1),
    ))
    .execute(tx.conn)?;
    let scope = tx.all();
    find_correction(tx.conn, &scope, row.id.0)
}
