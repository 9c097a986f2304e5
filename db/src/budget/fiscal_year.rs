//! Fiscal years of organisations.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::budget::{FISCAL_YEAR_DUPLICATE, FiscalYearState};
use domain::calendar::FiscalYear;
use domain::id::OrganisationId;
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::number;
use crate::schema::fiscal_years;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fiscal_years)]
pub struct FiscalYearRow {
    pub organisation_id: Col<OrganisationId>,
    pub fiscal_year: i32,
    pub nomenclature_id: Col<Uuid>,
    pub state: Col<FiscalYearState>,
    /// Since when its accounts are kept.
    pub opened_at: Option<Col<DateTime<Utc>>>,
    pub version: i64,
}

/// Prepares a fiscal year, with its number series at zero.
pub fn insert_fiscal_year(tx: &mut Tx<'_>, year: FiscalYear, nomenclature: Uuid) -> Result<(), Fault> {
    diesel::insert_into(fiscal_years::table)
        .values((
            fiscal_years::organisation_id.eq(Col(tx.organisation)),
            fiscal_years::fiscal_year.eq(year.year()),
            fiscal_years::nomenclature_id.eq(Col(nomenclature)),
            fiscal_years::state.eq(Col(FiscalYearState::Preparation)),
            fiscal_years::sensitivity.eq(Sensitivity::Public.rank()),
            fiscal_years::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| FISCAL_YEAR_DUPLICATE.refuse().with("fiscal_year", year.year())))?;
    number::open(tx, year.year())?;
    Ok(())
}

pub fn find_fiscal_year(conn: &mut Conn, scope: &Scope, year: i32) -> Result<FiscalYearRow, Fault> {
    Ok(visible!(fiscal_years, scope).filter(fiscal_years::fiscal_year.eq(year)).select(FiscalYearRow::as_select()).first(conn)?)
}

pub fn list_fiscal_years(conn: &mut Conn, scope: &Scope) -> Result<Vec<FiscalYearRow>, Fault> {
    Ok(visible!(fiscal_years, scope).order(fiscal_years::fiscal_year).select(FiscalYearRow::as_select()).load(conn)?)
}

/// Moves a fiscal year to a state.
pub fn update_fiscal_year(tx: &mut Tx<'_>, row: &FiscalYearRow, state: FiscalYearState) -> Result<i64, Fault> {
    let version = row.version + 1;
    diesel::update(
        fiscal_years::table
            .filter(fiscal_years::organisation_id.eq(row.organisation_id))
            .filter(fiscal_years::fiscal_year.eq(row.fiscal_year)),
    )
    .set((
        fiscal_years::state.eq(Col(state)),
        fiscal_years::opened_at.eq(row.opened_at.or(Some(Col(tx.author.now)))),
        fiscal_years::version.eq(version),
    ))
    .execute(tx.conn)?;
    Ok(version)
}
