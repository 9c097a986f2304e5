//! Movements of the offices' money: each with its entry, and together with what the office holds after it.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::cash_office::{CashMovementKind, undeposited_since};
use domain::id::{CashMovementId, CashOfficeId, EntryId, OrganisationId, PrincipalId};
use domain::money::{Amount, Currency};
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use super::{CashOfficeChange, CashOfficeRow, update_cash_office};
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled};
use crate::schema::cash_movements;
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = cash_movements)]
pub struct CashMovementRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CashMovementId>,
    pub cash_office_id: Col<CashOfficeId>,
    pub kind: Col<CashMovementKind>,
    pub fiscal_year: i32,
    pub number: Option<i64>,
    pub amount: i64,
    pub moved_on: NaiveDate,
    pub cause_id: Option<Col<Uuid>>,
    pub document_sha256: Option<String>,
    pub entry_id: Col<EntryId>,
    pub moved_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// A new movement, already judged, posted and numbered.
#[derive(Clone, Debug)]
pub struct NewCashMovement {
    pub id: CashMovementId,
    pub kind: CashMovementKind,
    pub fiscal_year: i32,
    pub number: Option<i64>,
    pub amount: Amount,
    /// The document that it comes from: a slip, an inspection, a sale of tickets, a receipt.
    pub cause: Option<Uuid>,
    pub document_sha256: Option<String>,
    pub entry: EntryId,
}

/// Records a movement and what the office holds after it; the database holds the ceiling as well. `change` is what else
/// changes of the office.
pub fn append_movement(
    tx: &mut Tx<'_>,
    office: &CashOfficeRow,
    new: &NewCashMovement,
    change: CashOfficeChange,
    currency: Currency,
) -> Result<(CashOfficeRow, CashMovementRow), Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    diesel::insert_into(cash_movements::table)
        .values((
            cash_movements::organisation_id.eq(Col(tx.organisation)),
            cash_movements::id.eq(Col(new.id)),
            cash_movements::cash_office_id.eq(office.id),
            cash_movements::kind.eq(Col(new.kind)),
            cash_movements::fiscal_year.eq(new.fiscal_year),
            cash_movements::number.eq(new.number),
            cash_movements::amount.eq(new.amount.minor()),
            cash_movements::moved_on.eq(tx.author.today),
            cash_movements::cause_id.eq(new.cause.map(Col)),
            cash_movements::document_sha256.eq(new.document_sha256.as_deref()),
            cash_movements::entry_id.eq(Col(new.entry)),
            cash_movements::moved_by.eq(Col(by)),
            cash_movements::recorded_at.eq(Col(tx.author.now)),
            cash_movements::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    let facts = office.office(currency)?;
    let held =
        new.kind.apply(facts.held, new.amount).ok_or_else(|| Fault::Corrupt(format!("cash office {} holds too little", office.id.0)))?;
    let since = undeposited_since(&facts, new.kind, held, tx.author.today);
    let change = CashOfficeChange { held: Some(held.minor()), undeposited_since: Some(since), ..change };
    let after = update_cash_office(tx, office, change)?;
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
    Ok((after, find_cash_movement(tx.conn, &scope, new.id)?))
}

pub fn find_cash_movement(conn: &mut Conn, scope: &Scope, id: CashMovementId) -> Result<CashMovementRow, Fault> {
    Ok(visible!(cash_movements, scope).filter(cash_movements::id.eq(Col(id))).select(CashMovementRow::as_select()).first(conn)?)
}

/// Which movements to list.
#[derive(Clone, Debug, Default)]
pub struct CashMovementFilter {
    pub fiscal_year: Option<i32>,
    pub cash_office_id: Option<CashOfficeId>,
    pub kind: Vec<CashMovementKind>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
}

fn selected(scope: &Scope, filter: &CashMovementFilter) -> cash_movements::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(cash_movements, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(cash_movements::fiscal_year.eq(year));
    }
    if let Some(office) = filter.cash_office_id {
        query = query.filter(cash_movements::cash_office_id.eq(Col(office)));
    }
    if !filter.kind.is_empty() {
        query = query.filter(cash_movements::kind.eq_any(filter.kind.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    between!(query, cash_movements::moved_on, filter.from, filter.to);
    within!(query, cash_movements::amount, filter.amount);
    query
}

pub fn list_cash_movements(
    conn: &mut Conn,
    scope: &Scope,
    filter: &CashMovementFilter,
    page: &Keyset<CashMovementId>,
) -> Result<Rows<CashMovementRow>, Fault> {
    let mut query = selected(scope, filter).order(cash_movements::id).limit(page.probe()).select(CashMovementRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(cash_movements::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_cash_movements(conn: &mut Conn, scope: &Scope, filter: &CashMovementFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "cash_movements.amount"))
}
