//! Suppliers' files of an organisation.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{OrganisationId, SupplierId};
use domain::organisation::supplier::SUPPLIER_DUPLICATE;
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing};
use crate::schema::suppliers;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = suppliers)]
pub struct SupplierRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<SupplierId>,
    pub code: String,
    pub name: String,
    pub tax_number: Option<String>,
    pub party_id: Option<Col<OrganisationId>>,
    pub active: bool,
    pub debarred_until: Option<NaiveDate>,
    pub version: i64,
}

/// A new supplier's file.
#[derive(Clone, Debug)]
pub struct NewSupplier {
    pub id: SupplierId,
    pub code: String,
    pub name: String,
    pub tax_number: Option<String>,
    pub party_id: Option<OrganisationId>,
}

pub fn insert_supplier(tx: &mut Tx<'_>, new: &NewSupplier) -> Result<(), Fault> {
    diesel::insert_into(suppliers::table)
        .values((
            suppliers::organisation_id.eq(Col(tx.organisation)),
            suppliers::id.eq(Col(new.id)),
            suppliers::code.eq(&new.code),
            suppliers::name.eq(&new.name),
            suppliers::folded_name.eq(fold(&new.name)),
            suppliers::tax_number.eq(new.tax_number.as_deref()),
            suppliers::party_id.eq(new.party_id.map(Col)),
            suppliers::active.eq(true),
            suppliers::debarred_until.eq(None::<NaiveDate>),
            suppliers::sensitivity.eq(Sensitivity::Internal.rank()),
            suppliers::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| SUPPLIER_DUPLICATE.refuse().with("code", &new.code).at("/code")))?;
    Ok(())
}

pub fn find_supplier(conn: &mut Conn, scope: &Scope, id: SupplierId) -> Result<SupplierRow, Fault> {
    Ok(visible!(suppliers, scope).filter(suppliers::id.eq(Col(id))).select(SupplierRow::as_select()).first(conn)?)
}

/// Opens, closes or debars a supplier's file.
pub fn update_supplier(tx: &mut Tx<'_>, row: &SupplierRow, active: bool, debarred_until: Option<NaiveDate>) -> Result<i64, Fault> {
    let version = row.version + 1;
    diesel::update(suppliers::table.filter(suppliers::organisation_id.eq(row.organisation_id)).filter(suppliers::id.eq(row.id)))
        .set((suppliers::active.eq(active), suppliers::debarred_until.eq(debarred_until), suppliers::version.eq(version)))
        .execute(tx.conn)?;
    Ok(version)
}

/// Which suppliers to list.
#[derive(Clone, Debug, Default)]
pub struct SupplierFilter {
    pub code: Option<String>,
    pub active: Option<bool>,
    /// Excluded from public contracts on that day, or not.
    pub debarred: Option<(bool, NaiveDate)>,
    /// A part of the name, without regard to accents and case.
    pub query: Option<String>,
}

pub fn list_suppliers(
    conn: &mut Conn,
    scope: &Scope,
    filter: &SupplierFilter,
    page: &Keyset<SupplierId>,
) -> Result<Rows<SupplierRow>, Fault> {
    let mut list = visible!(suppliers, scope).order(suppliers::id).limit(page.probe()).select(SupplierRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        list = list.filter(suppliers::id.gt(Col(after)));
    }
    if let Some(code) = &filter.code {
        list = list.filter(suppliers::code.eq(code.clone()));
    }
    if let Some(active) = filter.active {
        list = list.filter(suppliers::active.eq(active));
    }
    match filter.debarred {
        None => {}
        Some((true, day)) => list = list.filter(suppliers::debarred_until.ge(day)),
        Some((false, day)) => list = list.filter(suppliers::debarred_until.is_null().or(suppliers::debarred_until.lt(day))),
    }
    if let Some(text) = &filter.query {
        list = list.filter(suppliers::folded_name.like(containing(text)));
    }
    Ok(page.cut(list.load(conn)?))
}
