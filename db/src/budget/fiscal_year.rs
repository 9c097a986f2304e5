//! Fiscal years and the gapless numbers kept in them.

use diesel::prelude::*;
use domain::budget::{FISCAL_YEAR_DUPLICATE, FiscalYearState};
use domain::calendar::FiscalYear;
use domain::id::OrganisationId;
use domain::ledger::Journal;
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;
use uuid::Uuid;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{fiscal_years, number_series};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fiscal_years)]
pub struct FiscalYearRow {
    pub organisation_id: Col<OrganisationId>,
    pub fiscal_year: i32,
    pub nomenclature_id: Col<Uuid>,
    pub state: Col<FiscalYearState>,
    pub version: i64,
}

/// What is numbered without gap in each fiscal year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    Commitment,
    Verification,
    PaymentOrder,
    Batch,
    Payment,
    Entry(Journal),
}

impl Series {
    pub fn name(self) -> String {
        match self {
            Series::Commitment => "commitment".to_owned(),
            Series::Verification => "verification".to_owned(),
            Series::PaymentOrder => "payment_order".to_owned(),
            Series::Batch => "batch".to_owned(),
            Series::Payment => "payment".to_owned(),
            Series::Entry(journal) => format!("entry:{journal}"),
        }
    }

    fn all() -> impl Iterator<Item = Series> {
        let documents = [Series::Commitment, Series::Verification, Series::PaymentOrder, Series::Batch, Series::Payment];
        documents.into_iter().chain(Journal::ALL.iter().copied().map(Series::Entry))
    }
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
    for series in Series::all() {
        diesel::insert_into(number_series::table)
            .values((
                number_series::organisation_id.eq(Col(tx.organisation)),
                number_series::fiscal_year.eq(year.year()),
                number_series::series.eq(series.name()),
                number_series::last_number.eq(0),
            ))
            .execute(tx.conn)?;
    }
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
    .set((fiscal_years::state.eq(Col(state)), fiscal_years::version.eq(version)))
    .execute(tx.conn)?;
    Ok(version)
}

/// The next number of a series. The organisation's head is locked, so numbers have no gap and no double.
pub fn next_number(tx: &mut Tx<'_>, year: i32, series: Series) -> Result<i64, Fault> {
    Ok(diesel::update(
        number_series::table
            .filter(number_series::organisation_id.eq(Col(tx.organisation)))
            .filter(number_series::fiscal_year.eq(year))
            .filter(number_series::series.eq(series.name())),
    )
    .set(number_series::last_number.eq(number_series::last_number + 1))
    .returning(number_series::last_number)
    .get_result(tx.conn)?)
}
