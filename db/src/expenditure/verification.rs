//! Verifications: debts established from invoices.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::order::OrderFacts;
use domain::expenditure::verification::{Nature, VERIFICATION_DUPLICATE_INVOICE, VerificationState};
use domain::id::{BudgetLineId, CommitmentId, OrganisationId, PrincipalId, SupplierId, VerificationId};
use domain::money::Currency;
use domain::sensitivity::{Scope, Sensitivity};

use super::{CommitmentRow, on_article, on_line};
use crate::budget::amount;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::verifications;
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = verifications)]
pub struct VerificationRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<VerificationId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub commitment_id: Col<CommitmentId>,
    pub supplier_id: Col<SupplierId>,
    pub nature: Col<Nature>,
    pub invoice_number: String,
    pub invoice_date: NaiveDate,
    pub invoice_lines: Option<String>,
    pub tax: i64,
    pub advance_recovered: i64,
    /// What is charged to the commitment: the invoice less the advance recovered.
    pub amount: i64,
    /// What corrections took back of it.
    pub reduced: i64,
    pub ordered: i64,
    pub state: Col<VerificationState>,
    pub end_reason: Option<String>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub certified_by: Option<Col<PrincipalId>>,
    pub certified_on: Option<NaiveDate>,
    pub version: i64,
}

impl VerificationRow {
    /// What an order on it is judged on.
    pub fn facts(&self, currency: Currency) -> Result<OrderFacts, Fault> {
        Ok(OrderFacts {
            state: self.state.0,
            nature: self.nature.0,
            verified: amount(self.amount - self.reduced)?,
            ordered: amount(self.ordered)?,
            recovered: amount(self.advance_recovered)?,
            currency,
        })
    }
}

/// A new verification, already judged and numbered.
#[derive(Clone, Debug)]
pub struct NewVerification {
    pub id: VerificationId,
    pub number: i64,
    pub nature: Nature,
    pub invoice_number: String,
    pub invoice_date: NaiveDate,
    pub invoice_lines: Option<String>,
    pub tax: i64,
    pub advance_recovered: i64,
    pub amount: i64,
    pub recorded_by: PrincipalId,
}

/// Records a verification; an invoice of a supplier is accepted once, however its number is spelled.
pub fn insert_verification(tx: &mut Tx<'_>, commitment: &CommitmentRow, new: &NewVerification) -> Result<VerificationRow, Fault> {
    let folded = domain::text::fold(&new.invoice_number);
    let invoice = if folded.is_empty() { &new.invoice_number } else { &folded };
    let first_use: Option<(i32, i64)> = verifications::table
        .filter(verifications::organisation_id.eq(Col(tx.organisation)))
        .filter(verifications::supplier_id.eq(commitment.supplier_id))
        .filter(verifications::live_invoice.eq(Some(invoice)))
        .select((verifications::fiscal_year, verifications::number))
        .first(tx.conn)
        .optional()?;
    if let Some((year, number)) = first_use {
        return Err(VERIFICATION_DUPLICATE_INVOICE
            .refuse()
            .with("invoice_number", &new.invoice_number)
            .with("first_use", domain::text::document_number("L", year, number))
            .at("/invoice_number")
            .into());
    }
    diesel::insert_into(verifications::table)
        .values((
            verifications::organisation_id.eq(Col(tx.organisation)),
            verifications::id.eq(Col(new.id)),
            verifications::fiscal_year.eq(commitment.fiscal_year),
            verifications::number.eq(new.number),
            verifications::commitment_id.eq(commitment.id),
            verifications::supplier_id.eq(commitment.supplier_id),
            verifications::nature.eq(Col(new.nature)),
            verifications::invoice_number.eq(&new.invoice_number),
            verifications::live_invoice.eq(Some(invoice)),
            verifications::invoice_date.eq(new.invoice_date),
            verifications::invoice_lines.eq(new.invoice_lines.as_deref()),
            verifications::tax.eq(new.tax),
            verifications::advance_recovered.eq(new.advance_recovered),
            verifications::amount.eq(new.amount),
            verifications::reduced.eq(0),
            verifications::ordered.eq(0),
            verifications::state.eq(Col(VerificationState::Recorded)),
            verifications::recorded_by.eq(Col(new.recorded_by)),
            verifications::recorded_at.eq(Col(tx.author.now)),
            verifications::certified_by.eq(None::<Col<PrincipalId>>),
            verifications::certified_on.eq(None::<NaiveDate>),
            verifications::sensitivity.eq(Sensitivity::Internal.rank()),
            verifications::version.eq(1),
        ))
        .execute(tx.conn)?;
    let scope = tx.all();
    find_verification(tx.conn, &scope, new.id)
}

pub fn find_verification(conn: &mut Conn, scope: &Scope, id: VerificationId) -> Result<VerificationRow, Fault> {
    Ok(visible!(verifications, scope).filter(verifications::id.eq(Col(id))).select(VerificationRow::as_select()).first(conn)?)
}

/// Which verifications to list.
#[derive(Clone, Debug, Default)]
pub struct VerificationFilter {
    pub fiscal_year: Option<i32>,
    pub state: Vec<VerificationState>,
    pub commitment_id: Option<CommitmentId>,
    pub budget_line_id: Option<BudgetLineId>,
    pub article: Option<String>,
    pub supplier_id: Option<SupplierId>,
    /// Days of the invoice.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    /// A part of the invoice's number.
    pub query: Option<String>,
}

fn selected_verifications(scope: &Scope, filter: &VerificationFilter) -> verifications::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(verifications, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(verifications::fiscal_year.eq(year));
    }
    if !filter.state.is_empty() {
        query = query.filter(verifications::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(commitment) = filter.commitment_id {
        query = query.filter(verifications::commitment_id.eq(Col(commitment)));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(verifications::commitment_id.eq_any(on_line!(scope, line)));
    }
    if let Some(article) = &filter.article {
        query = query.filter(verifications::commitment_id.eq_any(on_article!(scope, article.clone())));
    }
    if let Some(supplier) = filter.supplier_id {
        query = query.filter(verifications::supplier_id.eq(Col(supplier)));
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("verifications.invoice_number").like(containing(text)));
    }
    between!(query, verifications::invoice_date, filter.from, filter.to);
    within!(query, verifications::amount, filter.amount);
    query
}

pub fn list_verifications(
    conn: &mut Conn,
    scope: &Scope,
    filter: &VerificationFilter,
    page: &Keyset<VerificationId>,
) -> Result<Rows<VerificationRow>, Fault> {
    let mut query = selected_verifications(scope, filter).order(verifications::id).limit(page.probe()).select(VerificationRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(verifications::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_verifications(conn: &mut Conn, scope: &Scope, filter: &VerificationFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_verifications(scope, filter), "verifications.amount"))
}

/// What an act leaves of a verification; what is `None` stays as it is.
#[derive(AsChangeset, Clone, Debug, Default)]
#[diesel(table_name = verifications)]
pub struct VerificationChange {
    pub reduced: Option<i64>,
    pub ordered: Option<i64>,
    pub state: Option<Col<VerificationState>>,
    pub end_reason: Option<String>,
    pub certified_by: Option<Col<PrincipalId>>,
    pub certified_on: Option<NaiveDate>,
    /// `Some(None)` frees the invoice's number for a new verification.
    pub live_invoice: Option<Option<String>>,
}

/// Changes a verification; gives the row as it now stands.
pub fn update_verification(tx: &mut Tx<'_>, row: &VerificationRow, change: VerificationChange) -> Result<VerificationRow, Fault> {
    diesel::update(
        verifications::table.filter(verifications::organisation_id.eq(row.organisation_id)).filter(verifications::id.eq(row.id)),
    )
    .set((change, verifications::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    let scope = tx.all();
    find_verification(tx.conn, &scope, row.id.0)
}

/// Sets what is ordered of a verification and what corrections took back of it, and the state that follows.
pub fn update_ordered(tx: &mut Tx<'_>, row: &VerificationRow, ordered: i64, reduced: i64) -> Result<VerificationRow, Fault> {
    let open = if row.certified_by.is_some() { VerificationState::Certified } else { VerificationState::Recorded };
    let (state, live_invoice) = match row.amount - reduced {
        0 => (VerificationState::Cancelled, Some(None)),
        left if left == ordered => (VerificationState::Ordered, None),
        _ => (open, None),
    };
    let change = VerificationChange {
        ordered: Some(ordered),
        reduced: Some(reduced),
        state: Some(Col(state)),
        live_invoice,
        ..VerificationChange::default()
    };
    update_verification(tx, row, change)
}
