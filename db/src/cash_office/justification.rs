//! Expenses paid out of imprests, and the slips on which they are justified.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::cash_office::{CASH_OFFICE_RECEIPT_DUPLICATE, ImprestExpenseState, JustificationSlipState};
use domain::id::{BudgetLineId, CashOfficeId, ImprestExpenseId, JustificationSlipId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};

use crate::budget::credit::Charge;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::{imprest_expenses, justification_slip_expenses, justification_slips};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = imprest_expenses)]
pub struct ImprestExpenseRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ImprestExpenseId>,
    pub cash_office_id: Col<CashOfficeId>,
    pub fiscal_year: i32,
    pub budget_line_id: Col<BudgetLineId>,
    pub article: String,
    pub payee: String,
    pub label: String,
    pub spent_on: NaiveDate,
    pub amount: i64,
    pub receipt_sha256: String,
    pub state: Col<ImprestExpenseState>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

/// A new expense, already judged.
#[derive(Clone, Debug)]
pub struct NewImprestExpense {
    pub id: ImprestExpenseId,
    pub office: CashOfficeId,
    pub charge: Charge,
    pub payee: String,
    pub label: String,
    pub spent_on: NaiveDate,
    pub amount: i64,
    pub receipt_sha256: String,
    pub recorded_by: PrincipalId,
}

/// Records an expense; a receipt supports one expense that stands.
pub fn insert_expense(tx: &mut Tx<'_>, new: &NewImprestExpense) -> Result<ImprestExpenseRow, Fault> {
    let used: Option<Col<ImprestExpenseId>> = imprest_expenses::table
        .filter(imprest_expenses::organisation_id.eq(Col(tx.organisation)))
        .filter(imprest_expenses::receipt_sha256.eq(&new.receipt_sha256))
        .filter(imprest_expenses::state.ne(Col(ImprestExpenseState::Withdrawn)))
        .select(imprest_expenses::id)
        .first(tx.conn)
        .optional()?;
    if let Some(expense) = used {
        return Err(CASH_OFFICE_RECEIPT_DUPLICATE.refuse().with("expense", expense.0.to_string()).at("/receipt_sha256").into());
    }
    diesel::insert_into(imprest_expenses::table)
        .values((
            imprest_expenses::organisation_id.eq(Col(tx.organisation)),
            imprest_expenses::id.eq(Col(new.id)),
            imprest_expenses::cash_office_id.eq(Col(new.office)),
            imprest_expenses::fiscal_year.eq(new.charge.fiscal_year),
            imprest_expenses::budget_line_id.eq(Col(new.charge.line)),
            imprest_expenses::article.eq(&new.charge.article),
            imprest_expenses::payee.eq(&new.payee),
            imprest_expenses::label.eq(&new.label),
            imprest_expenses::spent_on.eq(new.spent_on),
            imprest_expenses::amount.eq(new.amount),
            imprest_expenses::receipt_sha256.eq(&new.receipt_sha256),
            imprest_expenses::state.eq(Col(ImprestExpenseState::Recorded)),
            imprest_expenses::recorded_by.eq(Col(new.recorded_by)),
            imprest_expenses::recorded_at.eq(Col(tx.author.now)),
            imprest_expenses::sensitivity.eq(Sensitivity::Internal.rank()),
            imprest_expenses::version.eq(1),
        ))
        .execute(tx.conn)?;
    find_expense(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, new.id)
}

pub fn find_expense(conn: &mut Conn, scope: &Scope, id: ImprestExpenseId) -> Result<ImprestExpenseRow, Fault> {
    Ok(visible!(imprest_expenses, scope).filter(imprest_expenses::id.eq(Col(id))).select(ImprestExpenseRow::as_select()).first(conn)?)
}

/// Which expenses to list.
#[derive(Clone, Debug, Default)]
pub struct ImprestExpenseFilter {
    pub fiscal_year: Option<i32>,
    pub cash_office_id: Option<CashOfficeId>,
    pub budget_line_id: Option<BudgetLineId>,
    pub state: Vec<ImprestExpenseState>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    pub article: Option<String>,
    /// A part of the label, without regard to accents and case.
    pub query: Option<String>,
}

fn selected_expenses(scope: &Scope, filter: &ImprestExpenseFilter) -> imprest_expenses::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(imprest_expenses, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(imprest_expenses::fiscal_year.eq(year));
    }
    if let Some(office) = filter.cash_office_id {
        query = query.filter(imprest_expenses::cash_office_id.eq(Col(office)));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(imprest_expenses::budget_line_id.eq(Col(line)));
    }
    if !filter.state.is_empty() {
        query = query.filter(imprest_expenses::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(article) = &filter.article {
        query = query.filter(imprest_expenses::article.eq(article.clone()));
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("imprest_expenses.label").like(containing(text)));
    }
    between!(query, imprest_expenses::spent_on, filter.from, filter.to);
    within!(query, imprest_expenses::amount, filter.amount);
    query
}

pub fn list_expenses(
    conn: &mut Conn,
    scope: &Scope,
    filter: &ImprestExpenseFilter,
    page: &Keyset<ImprestExpenseId>,
) -> Result<Rows<ImprestExpenseRow>, Fault> {
    let mut query = selected_expenses(scope, filter).order(imprest_expenses::id).limit(page.probe()).select(ImprestExpenseRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(imprest_expenses::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_expenses(conn: &mut Conn, scope: &Scope, filter: &ImprestExpenseFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_expenses(scope, filter), "imprest_expenses.amount"))
}

/// Moves an expense to a state.
pub fn update_expense(tx: &mut Tx<'_>, row: &ImprestExpenseRow, state: ImprestExpenseState) -> Result<i64, Fault> {
    let version = row.version + 1;
    diesel::update(
        imprest_expenses::table.filter(imprest_expenses::organisation_id.eq(row.organisation_id)).filter(imprest_expenses::id.eq(row.id)),
    )
    .set((imprest_expenses::state.eq(Col(state)), imprest_expenses::version.eq(version)))
    .execute(tx.conn)?;
    Ok(version)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = justification_slips)]
pub struct JustificationSlipRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<JustificationSlipId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub cash_office_id: Col<CashOfficeId>,
    pub total: i64,
    pub state: Col<JustificationSlipState>,
    pub submitted_on: NaiveDate,
    pub submitted_by: Col<PrincipalId>,
    pub signed_on: Option<NaiveDate>,
    pub signed_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub rejection_text: Option<String>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

/// A new slip, already judged and numbered.
#[derive(Clone, Debug)]
pub struct NewJustificationSlip {
    pub id: JustificationSlipId,
    pub fiscal_year: i32,
    pub number: i64,
    pub office: CashOfficeId,
    pub total: i64,
    pub submitted_by: PrincipalId,
}

/// Records a slip with the expenses on it.
pub fn insert_slip(tx: &mut Tx<'_>, new: &NewJustificationSlip, expenses: &[ImprestExpenseRow]) -> Result<JustificationSlipRow, Fault> {
    diesel::insert_into(justification_slips::table)
        .values((
            justification_slips::organisation_id.eq(Col(tx.organisation)),
            justification_slips::id.eq(Col(new.id)),
            justification_slips::fiscal_year.eq(new.fiscal_year),
            justification_slips::number.eq(new.number),
            justification_slips::cash_office_id.eq(Col(new.office)),
            justification_slips::total.eq(new.total),
            justification_slips::state.eq(Col(JustificationSlipState::Submitted)),
            justification_slips::submitted_on.eq(tx.author.today),
            justification_slips::submitted_by.eq(Col(new.submitted_by)),
            justification_slips::recorded_at.eq(Col(tx.author.now)),
            justification_slips::sensitivity.eq(Sensitivity::Internal.rank()),
            justification_slips::version.eq(1),
        ))
        .execute(tx.conn)?;
    for expense in expenses {
        diesel::insert_into(justification_slip_expenses::table)
            .values((
                justification_slip_expenses::organisation_id.eq(Col(tx.organisation)),
                justification_slip_expenses::slip_id.eq(Col(new.id)),
                justification_slip_expenses::expense_id.eq(expense.id),
            ))
            .execute(tx.conn)?;
    }
    find_slip(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, new.id)
}

pub fn find_slip(conn: &mut Conn, scope: &Scope, id: JustificationSlipId) -> Result<JustificationSlipRow, Fault> {
    Ok(visible!(justification_slips, scope)
        .filter(justification_slips::id.eq(Col(id)))
        .select(JustificationSlipRow::as_select())
        .first(conn)?)
}

/// The expenses on a slip, as they stand now.
pub fn list_expenses_of(conn: &mut Conn, scope: &Scope, slip: JustificationSlipId) -> Result<Vec<ImprestExpenseRow>, Fault> {
    let ids: Vec<Col<ImprestExpenseId>> = justification_slip_expenses::table
        .filter(justification_slip_expenses::organisation_id.eq(Col(scope.organisation)))
        .filter(justification_slip_expenses::slip_id.eq(Col(slip)))
        .select(justification_slip_expenses::expense_id)
        .load(conn)?;
    Ok(visible!(imprest_expenses, scope)
        .filter(imprest_expenses::id.eq_any(ids))
        .order(imprest_expenses::id)
        .select(ImprestExpenseRow::as_select())
        .load(conn)?)
}

/// Which expenses are on some slips.
pub fn list_expense_ids(
    conn: &mut Conn,
    scope: &Scope,
    slips: &[JustificationSlipId],
) -> Result<Vec<(JustificationSlipId, ImprestExpenseId)>, Fault> {
    let rows: Vec<(Col<JustificationSlipId>, Col<ImprestExpenseId>)> = justification_slip_expenses::table
        .filter(justification_slip_expenses::organisation_id.eq(Col(scope.organisation)))
        .filter(justification_slip_expenses::slip_id.eq_any(slips.iter().copied().map(Col).collect::<Vec<_>>()))
        .order((justification_slip_expenses::slip_id, justification_slip_expenses::expense_id))
        .select((justification_slip_expenses::slip_id, justification_slip_expenses::expense_id))
        .load(conn)?;
    Ok(rows.into_iter().map(|(slip, expense)| (slip.0, expense.0)).collect())
}

/// Which slips to list.
#[derive(Clone, Debug, Default)]
pub struct JustificationSlipFilter {
    pub fiscal_year: Option<i32>,
    pub cash_office_id: Option<CashOfficeId>,
    pub state: Vec<JustificationSlipState>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
}

fn selected_slips(scope: &Scope, filter: &JustificationSlipFilter) -> justification_slips::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(justification_slips, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(justification_slips::fiscal_year.eq(year));
    }
    if let Some(office) = filter.cash_office_id {
        query = query.filter(justification_slips::cash_office_id.eq(Col(office)));
    }
    if !filter.state.is_empty() {
        query = query.filter(justification_slips::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    between!(query, justification_slips::submitted_on, filter.from, filter.to);
    within!(query, justification_slips::total, filter.amount);
    query
}

pub fn list_slips(
    conn: &mut Conn,
    scope: &Scope,
    filter: &JustificationSlipFilter,
    page: &Keyset<JustificationSlipId>,
) -> Result<Rows<JustificationSlipRow>, Fault> {
    let mut query =
        selected_slips(scope, filter).order(justification_slips::id).limit(page.probe()).select(JustificationSlipRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(justification_slips::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_slips(conn: &mut Conn, scope: &Scope, filter: &JustificationSlipFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_slips(scope, filter), "justification_slips.total"))
}

/// What an action changes of a slip; what is `None` stays as it is.
#[derive(AsChangeset, Clone, Debug)]
#[diesel(table_name = justification_slips)]
pub struct JustificationSlipChange {
    pub state: Col<JustificationSlipState>,
    pub signed_on: Option<NaiveDate>,
    pub signed_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub rejection_text: Option<String>,
}

impl JustificationSlipChange {
    pub fn to(state: JustificationSlipState) -> Self {
        Self { state: Col(state), signed_on: None, signed_by: None, decided_on: None, decided_by: None, rejection_text: None }
    }
}

/// Changes a slip; gives the row as it now stands.
pub fn update_slip(tx: &mut Tx<'_>, row: &JustificationSlipRow, change: JustificationSlipChange) -> Result<JustificationSlipRow, Fault> {
    diesel::update(
        justification_slips::table
            .filter(justification_slips::organisation_id.eq(row.organisation_id))
            .filter(justification_slips::id.eq(row.id)),
    )
    .set((change, justification_slips::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    find_slip(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, row.id.0)
}
