//! Commitments and verifications. Payment orders and payments: [`order`].

pub mod order;
pub mod regularisation;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::budget::Section;
use domain::expenditure::{CommitmentState, VERIFICATION_DUPLICATE_INVOICE, VerificationState};
use domain::id::{BudgetLineId, CommitmentId, OrganisationId, PrincipalId, SupplierId, VerificationId};
use domain::sensitivity::{Scope, Sensitivity};

use crate::budget::credit::Charge;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::{commitments, verifications};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

/// The commitments on a budget line, for what hangs on them.
macro_rules! on_line {
    ($scope:expr, $line:expr) => {
        $crate::schema::commitments::table
            .filter($crate::schema::commitments::organisation_id.eq($crate::column::Col($scope.organisation)))
            .filter($crate::schema::commitments::budget_line_id.eq($crate::column::Col($line)))
            .select($crate::schema::commitments::id)
    };
}

/// The commitments on an article of either section, for what hangs on them.
macro_rules! on_article {
    ($scope:expr, $article:expr) => {
        $crate::schema::commitments::table
            .filter($crate::schema::commitments::organisation_id.eq($crate::column::Col($scope.organisation)))
            .filter($crate::schema::commitments::article.eq($article))
            .select($crate::schema::commitments::id)
    };
}
pub(crate) use {on_article, on_line};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = commitments)]
pub struct CommitmentRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CommitmentId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub budget_line_id: Col<BudgetLineId>,
    pub section: Col<Section>,
    pub article: String,
    pub supplier_id: Col<SupplierId>,
    pub label: String,
    pub committed_on: NaiveDate,
    pub amount: i64,
    pub verified: i64,
    pub state: Col<CommitmentState>,
    pub committed_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

impl CommitmentRow {
    /// Where the expenditure chain that starts here is charged.
    pub fn charge(&self) -> Charge {
        Charge { fiscal_year: self.fiscal_year, section: self.section.0, article: self.article.clone(), line: self.budget_line_id.0 }
    }
}

/// A new commitment, already judged and numbered.
#[derive(Clone, Debug)]
pub struct NewCommitment {
    pub id: CommitmentId,
    pub number: i64,
    pub charge: Charge,
    pub supplier: SupplierId,
    pub label: String,
    pub committed_on: NaiveDate,
    pub amount: i64,
    pub committed_by: PrincipalId,
}

pub fn insert_commitment(tx: &mut Tx<'_>, new: &NewCommitment) -> Result<CommitmentRow, Fault> {
    diesel::insert_into(commitments::table)
        .values((
            commitments::organisation_id.eq(Col(tx.organisation)),
            commitments::id.eq(Col(new.id)),
            commitments::fiscal_year.eq(new.charge.fiscal_year),
            commitments::number.eq(new.number),
            commitments::budget_line_id.eq(Col(new.charge.line)),
            commitments::section.eq(Col(new.charge.section)),
            commitments::article.eq(&new.charge.article),
            commitments::supplier_id.eq(Col(new.supplier)),
            commitments::label.eq(&new.label),
            commitments::committed_on.eq(new.committed_on),
            commitments::amount.eq(new.amount),
            commitments::verified.eq(0),
            commitments::state.eq(Col(CommitmentState::Active)),
            commitments::committed_by.eq(Col(new.committed_by)),
            commitments::recorded_at.eq(Col(tx.author.now)),
            commitments::sensitivity.eq(Sensitivity::Internal.rank()),
            commitments::version.eq(1),
        ))
        .execute(tx.conn)?;
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
    find_commitment(tx.conn, &scope, new.id)
}

pub fn find_commitment(conn: &mut Conn, scope: &Scope, id: CommitmentId) -> Result<CommitmentRow, Fault> {
    Ok(visible!(commitments, scope).filter(commitments::id.eq(Col(id))).select(CommitmentRow::as_select()).first(conn)?)
}

/// Which commitments to list.
#[derive(Clone, Debug, Default)]
pub struct CommitmentFilter {
    pub fiscal_year: Option<i32>,
    pub state: Vec<CommitmentState>,
    pub section: Option<Section>,
    pub article: Option<String>,
    pub budget_line_id: Option<BudgetLineId>,
    pub supplier_id: Option<SupplierId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    /// A part of the label, without regard to accents and case.
    pub query: Option<String>,
}

fn selected_commitments(scope: &Scope, filter: &CommitmentFilter) -> commitments::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(commitments, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(commitments::fiscal_year.eq(year));
    }
    if !filter.state.is_empty() {
        query = query.filter(commitments::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(commitments::budget_line_id.eq(Col(line)));
    }
    if let Some(section) = filter.section {
        query = query.filter(commitments::section.eq(Col(section)));
    }
    if let Some(article) = &filter.article {
        query = query.filter(commitments::article.eq(article.clone()));
    }
    if let Some(supplier) = filter.supplier_id {
        query = query.filter(commitments::supplier_id.eq(Col(supplier)));
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("commitments.label").like(containing(text)));
    }
    between!(query, commitments::committed_on, filter.from, filter.to);
    within!(query, commitments::amount, filter.amount);
    query
}

pub fn list_commitments(
    conn: &mut Conn,
    scope: &Scope,
    filter: &CommitmentFilter,
    page: &Keyset<CommitmentId>,
) -> Result<Rows<CommitmentRow>, Fault> {
    let mut query = selected_commitments(scope, filter).order(commitments::id).limit(page.probe()).select(CommitmentRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(commitments::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_commitments(conn: &mut Conn, scope: &Scope, filter: &CommitmentFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_commitments(scope, filter), "commitments.amount"))
}

/// Adds to what is verified of a commitment.
pub fn update_commitment(tx: &mut Tx<'_>, row: &CommitmentRow, verified: i64, state: CommitmentState) -> Result<i64, Fault> {
    let version = row.version + 1;
    diesel::update(commitments::table.filter(commitments::organisation_id.eq(row.organisation_id)).filter(commitments::id.eq(row.id)))
        .set((commitments::verified.eq(verified), commitments::state.eq(Col(state)), commitments::version.eq(version)))
        .execute(tx.conn)?;
    Ok(version)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = verifications)]
pub struct VerificationRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<VerificationId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub commitment_id: Col<CommitmentId>,
    pub supplier_id: Col<SupplierId>,
    pub invoice_number: String,
    pub invoice_date: NaiveDate,
    pub reception_sha256: Option<String>,
    pub amount: i64,
    pub ordered: i64,
    pub state: Col<VerificationState>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub certified_by: Option<Col<PrincipalId>>,
    pub certified_on: Option<NaiveDate>,
    pub version: i64,
}

/// A new verification, already judged and numbered.
#[derive(Clone, Debug)]
pub struct NewVerification {
    pub id: VerificationId,
    pub number: i64,
    pub invoice_number: String,
    pub invoice_date: NaiveDate,
    pub reception_sha256: Option<String>,
    pub amount: i64,
    pub recorded_by: PrincipalId,
}

/// Records a verification; an invoice of a supplier is accepted once.
pub fn insert_verification(tx: &mut Tx<'_>, commitment: &CommitmentRow, new: &NewVerification) -> Result<VerificationRow, Fault> {
    let first_use: Option<(i32, i64)> = verifications::table
        .filter(verifications::organisation_id.eq(Col(tx.organisation)))
        .filter(verifications::supplier_id.eq(commitment.supplier_id))
        .filter(verifications::invoice_number.eq(&new.invoice_number))
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
            verifications::invoice_number.eq(&new.invoice_number),
            verifications::invoice_date.eq(new.invoice_date),
            verifications::reception_sha256.eq(new.reception_sha256.as_deref()),
            verifications::amount.eq(new.amount),
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
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
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

/// Records who certified the service, and when.
pub fn update_certification(tx: &mut Tx<'_>, row: &VerificationRow, by: PrincipalId, on: NaiveDate) -> Result<(), Fault> {
    diesel::update(
        verifications::table.filter(verifications::organisation_id.eq(row.organisation_id)).filter(verifications::id.eq(row.id)),
    )
    .set((
        verifications::certified_by.eq(Some(Col(by))),
        verifications::certified_on.eq(Some(on)),
        verifications::state.eq(Col(VerificationState::Certified)),
        verifications::version.eq(row.version + 1),
    ))
    .execute(tx.conn)?;
    Ok(())
}

/// Sets what is ordered of a verification.
pub fn update_ordered(tx: &mut Tx<'_>, row: &VerificationRow, ordered: i64) -> Result<(), Fault> {
    let state = if ordered == row.amount { VerificationState::Ordered } else { VerificationState::Certified };
    diesel::update(
        verifications::table.filter(verifications::organisation_id.eq(row.organisation_id)).filter(verifications::id.eq(row.id)),
    )
    .set((verifications::ordered.eq(ordered), verifications::state.eq(Col(state)), verifications::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    Ok(())
}
