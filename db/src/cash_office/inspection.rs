//! Inspections of cash offices. They never change.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{CashInspectionId, CashOfficeId, EntryId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};

use super::CashOfficeRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::cash_inspections;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = cash_inspections)]
pub struct CashInspectionRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CashInspectionId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub cash_office_id: Col<CashOfficeId>,
    pub inspected_on: NaiveDate,
    pub expected: i64,
    pub counted: i64,
    pub minutes_sha256: String,
    pub cash_officer_id: Col<PrincipalId>,
    pub inspected_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub entry_id: Option<Col<EntryId>>,
}

/// A new inspection, already judged, posted and numbered.
#[derive(Clone, Debug)]
pub struct NewCashInspection {
    pub id: CashInspectionId,
    pub fiscal_year: i32,
    pub number: i64,
    pub expected: i64,
    pub counted: i64,
    pub minutes_sha256: String,
    pub inspected_by: PrincipalId,
    /// The entry of what was missing or too much.
    pub entry: Option<EntryId>,
}

pub fn append_inspection(tx: &mut Tx<'_>, office: &CashOfficeRow, new: &NewCashInspection) -> Result<CashInspectionRow, Fault> {
    diesel::insert_into(cash_inspections::table)
        .values((
            cash_inspections::organisation_id.eq(Col(tx.organisation)),
            cash_inspections::id.eq(Col(new.id)),
            cash_inspections::fiscal_year.eq(new.fiscal_year),
            cash_inspections::number.eq(new.number),
            cash_inspections::cash_office_id.eq(office.id),
            cash_inspections::inspected_on.eq(tx.author.today),
            cash_inspections::expected.eq(new.expected),
            cash_inspections::counted.eq(new.counted),
            cash_inspections::minutes_sha256.eq(&new.minutes_sha256),
            cash_inspections::cash_officer_id.eq(office.cash_officer_id),
            cash_inspections::inspected_by.eq(Col(new.inspected_by)),
            cash_inspections::recorded_at.eq(Col(tx.author.now)),
            cash_inspections::entry_id.eq(new.entry.map(Col)),
            cash_inspections::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    find_inspection(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, new.id)
}

pub fn find_inspection(conn: &mut Conn, scope: &Scope, id: CashInspectionId) -> Result<CashInspectionRow, Fault> {
    Ok(visible!(cash_inspections, scope).filter(cash_inspections::id.eq(Col(id))).select(CashInspectionRow::as_select()).first(conn)?)
}

/// Which inspections to list.
#[derive(Clone, Debug, Default)]
pub struct CashInspectionFilter {
    pub fiscal_year: Option<i32>,
    pub cash_office_id: Option<CashOfficeId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

pub fn list_inspections(
    conn: &mut Conn,
    scope: &Scope,
    filter: &CashInspectionFilter,
    page: &Keyset<CashInspectionId>,
) -> Result<Rows<CashInspectionRow>, Fault> {
    let mut query = visible!(cash_inspections, scope)
        .order(cash_inspections::id)
        .limit(page.probe())
        .select(CashInspectionRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(cash_inspections::id.gt(Col(after)));
    }
    if let Some(year) = filter.fiscal_year {
        query = query.filter(cash_inspections::fiscal_year.eq(year));
    }
    if let Some(office) = filter.cash_office_id {
        query = query.filter(cash_inspections::cash_office_id.eq(Col(office)));
    }
    if let Some(from) = filter.from {
        query = query.filter(cash_inspections::inspected_on.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(cash_inspections::inspected_on.le(to));
    }
    Ok(page.cut(query.load(conn)?))
}
