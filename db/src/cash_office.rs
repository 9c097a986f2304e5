//! Cash offices and what they hold. Their movements, expenses, slips, inspections and tickets have files of their own.

pub mod inspection;
pub mod justification;
pub mod movement;
pub mod ticket;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::cash_office::{CashOffice, CashOfficeKind, CashOfficeState, require_active};
use domain::id::{CashOfficeId, OrganisationId, PrincipalId};
use domain::money::Currency;
use domain::sensitivity::{Scope, Sensitivity};

use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing, folded};
use crate::schema::cash_offices;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = cash_offices)]
pub struct CashOfficeRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CashOfficeId>,
    pub kind: Col<CashOfficeKind>,
    pub name: String,
    pub act_reference: String,
    pub act_date: NaiveDate,
    pub act_sha256: String,
    pub ceiling: i64,
    pub max_unit_expense: Option<i64>,
    pub allowed_articles: Option<String>,
    pub cash_officer_id: Col<PrincipalId>,
    pub deputy_id: Option<Col<PrincipalId>>,
    pub bond: i64,
    pub state: Col<CashOfficeState>,
    pub state_reason: Option<String>,
    pub held: i64,
    pub spent: i64,
    pub standing_advance: i64,
    pub undeposited_since: Option<NaiveDate>,
    pub activated_on: Option<NaiveDate>,
    pub last_inspected_on: Option<NaiveDate>,
    pub created_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

impl CashOfficeRow {
    /// What the rules look at, rebuilt.
    pub fn office(&self, currency: Currency) -> Result<CashOffice, Fault> {
        Ok(CashOffice {
            currency,
            kind: self.kind.0,
            state: self.state.0,
            ceiling: amount(self.ceiling)?,
            held: amount(self.held)?,
            spent: amount(self.spent)?,
            standing_advance: amount(self.standing_advance)?,
            max_unit_expense: self.max_unit_expense.map(amount).transpose()?,
            articles: self.articles(),
            cash_officer: self.cash_officer_id.0,
            deputy: self.deputy_id.map(|id| id.0),
            activated_on: self.activated_on,
            last_inspected_on: self.last_inspected_on,
            undeposited_since: self.undeposited_since,
        })
    }

    /// The articles that an imprest may pay.
    pub fn articles(&self) -> Vec<String> {
        self.allowed_articles.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect()
    }
}

/// A new cash office, already judged.
#[derive(Clone, Debug)]
pub struct NewCashOffice {
    pub id: CashOfficeId,
    pub kind: CashOfficeKind,
    pub name: String,
    pub act_reference: String,
    pub act_date: NaiveDate,
    pub act_sha256: String,
    pub ceiling: i64,
    pub max_unit_expense: Option<i64>,
    pub allowed_articles: Option<String>,
    pub cash_officer: PrincipalId,
    pub deputy: Option<PrincipalId>,
    pub bond: i64,
    pub created_by: PrincipalId,
}

pub fn insert_cash_office(tx: &mut Tx<'_>, new: &NewCashOffice) -> Result<CashOfficeRow, Fault> {
    diesel::insert_into(cash_offices::table)
        .values((
            cash_offices::organisation_id.eq(Col(tx.organisation)),
            cash_offices::id.eq(Col(new.id)),
            cash_offices::kind.eq(Col(new.kind)),
            cash_offices::name.eq(&new.name),
            cash_offices::act_reference.eq(&new.act_reference),
            cash_offices::act_date.eq(new.act_date),
            cash_offices::act_sha256.eq(&new.act_sha256),
            cash_offices::ceiling.eq(new.ceiling),
            cash_offices::max_unit_expense.eq(new.max_unit_expense),
            cash_offices::allowed_articles.eq(new.allowed_articles.as_deref()),
            cash_offices::cash_officer_id.eq(Col(new.cash_officer)),
            cash_offices::deputy_id.eq(new.deputy.map(Col)),
            cash_offices::bond.eq(new.bond),
            cash_offices::state.eq(Col(CashOfficeState::Created)),
            cash_offices::held.eq(0),
            cash_offices::spent.eq(0),
            cash_offices::standing_advance.eq(0),
            cash_offices::created_by.eq(Col(new.created_by)),
            cash_offices::recorded_at.eq(Col(tx.author.now)),
            cash_offices::sensitivity.eq(Sensitivity::Internal.rank()),
            cash_offices::version.eq(1),
        ))
        .execute(tx.conn)?;
    find_own(tx, new.id)
}

pub fn find_cash_office(conn: &mut Conn, scope: &Scope, id: CashOfficeId) -> Result<CashOfficeRow, Fault> {
    Ok(visible!(cash_offices, scope).filter(cash_offices::id.eq(Col(id))).select(CashOfficeRow::as_select()).first(conn)?)
}

fn find_own(tx: &mut Tx<'_>, id: CashOfficeId) -> Result<CashOfficeRow, Fault> {
    find_cash_office(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, id)
}

/// The office, within a write of its organisation, if it is at work; for the rooms that collect through it.
pub fn find_active_office(tx: &mut Tx<'_>, id: CashOfficeId) -> Result<CashOfficeRow, Fault> {
    let row = find_own(tx, id)?;
    require_active(row.state.0)?;
    Ok(row)
}

/// Which cash offices to list.
#[derive(Clone, Debug, Default)]
pub struct CashOfficeFilter {
    pub kind: Vec<CashOfficeKind>,
    pub state: Vec<CashOfficeState>,
    /// Those that this person keeps, as cash officer or deputy.
    pub cash_officer: Option<PrincipalId>,
    /// A part of the name, without regard to accents and case.
    pub text: Option<String>,
}

pub fn list_cash_offices(
    conn: &mut Conn,
    scope: &Scope,
    filter: &CashOfficeFilter,
    page: &Keyset<CashOfficeId>,
) -> Result<Rows<CashOfficeRow>, Fault> {
    let mut query =
        visible!(cash_offices, scope).order(cash_offices::id).limit(page.probe()).select(CashOfficeRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(cash_offices::id.gt(Col(after)));
    }
    if !filter.kind.is_empty() {
        query = query.filter(cash_offices::kind.eq_any(filter.kind.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if !filter.state.is_empty() {
        query = query.filter(cash_offices::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(text) = &filter.text {
        query = query.filter(folded("cash_offices.name").like(containing(text)));
    }
    if let Some(officer) = filter.cash_officer {
        query = query.filter(cash_offices::cash_officer_id.eq(Col(officer)).or(cash_offices::deputy_id.assume_not_null().eq(Col(officer))));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What an action changes of a cash office; what is `None` stays as it is.
#[derive(AsChangeset, Clone, Debug, Default)]
#[diesel(table_name = cash_offices)]
pub struct CashOfficeChange {
    pub state: Option<Col<CashOfficeState>>,
    pub state_reason: Option<Option<String>>,
    pub cash_officer_id: Option<Col<PrincipalId>>,
    pub deputy_id: Option<Option<Col<PrincipalId>>>,
    pub held: Option<i64>,
    pub spent: Option<i64>,
    pub standing_advance: Option<i64>,
    pub undeposited_since: Option<Option<NaiveDate>>,
    pub activated_on: Option<NaiveDate>,
    pub last_inspected_on: Option<NaiveDate>,
}

/// Changes a cash office; gives the row as it now stands.
pub fn update_cash_office(tx: &mut Tx<'_>, row: &CashOfficeRow, change: CashOfficeChange) -> Result<CashOfficeRow, Fault> {
    diesel::update(cash_offices::table.filter(cash_offices::organisation_id.eq(row.organisation_id)).filter(cash_offices::id.eq(row.id)))
        .set((change, cash_offices::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    find_own(tx, row.id.0)
}
