//! Debtors' files of an organisation. Who owes is personal data: the rows are restricted.

use diesel::prelude::*;
use domain::id::{DebtorId, OrganisationId};
use domain::revenue::{DEBTOR_DUPLICATE, DebtorKind};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing};
use crate::schema::debtors;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = debtors)]
pub struct DebtorRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<DebtorId>,
    pub code: String,
    pub kind: Col<DebtorKind>,
    pub name: String,
    pub tax_number: Option<String>,
    pub active: bool,
    pub version: i64,
}

/// A new debtor's file.
#[derive(Clone, Debug)]
pub struct NewDebtor {
    pub id: DebtorId,
    pub code: String,
    pub kind: DebtorKind,
    pub name: String,
    pub tax_number: Option<String>,
}

pub fn insert_debtor(tx: &mut Tx<'_>, new: &NewDebtor) -> Result<DebtorRow, Fault> {
    diesel::insert_into(debtors::table)
        .values((
            debtors::organisation_id.eq(Col(tx.organisation)),
            debtors::id.eq(Col(new.id)),
            debtors::code.eq(&new.code),
            debtors::kind.eq(Col(new.kind)),
            debtors::name.eq(&new.name),
            debtors::folded_name.eq(fold(&new.name)),
            debtors::tax_number.eq(new.tax_number.as_deref()),
            debtors::active.eq(true),
            debtors::sensitivity.eq(Sensitivity::Restricted.rank()),
            debtors::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| DEBTOR_DUPLICATE.refuse().with("code", &new.code).at("/code")))?;
    find_debtor(tx.conn, &tx.all(), new.id)
}

pub fn find_debtor(conn: &mut Conn, scope: &Scope, id: DebtorId) -> Result<DebtorRow, Fault> {
    Ok(visible!(debtors, scope).filter(debtors::id.eq(Col(id))).select(DebtorRow::as_select()).first(conn)?)
}

/// Corrects, opens or closes a debtor's file.
pub fn update_debtor(tx: &mut Tx<'_>, row: &DebtorRow, name: &str, tax_number: Option<&str>, active: bool) -> Result<DebtorRow, Fault> {
    diesel::update(debtors::table.filter(debtors::organisation_id.eq(row.organisation_id)).filter(debtors::id.eq(row.id)))
        .set((
            debtors::name.eq(name),
            debtors::folded_name.eq(fold(name)),
            debtors::tax_number.eq(tax_number),
            debtors::active.eq(active),
            debtors::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    find_debtor(tx.conn, &tx.all(), row.id.0)
}

/// Which debtors to list.
#[derive(Clone, Debug, Default)]
pub struct DebtorFilter {
    pub text: Option<String>,
    pub kind: Option<DebtorKind>,
    pub active: Option<bool>,
}

pub fn list_debtors(conn: &mut Conn, scope: &Scope, filter: &DebtorFilter, page: &Keyset<DebtorId>) -> Result<Rows<DebtorRow>, Fault> {
    let mut list = visible!(debtors, scope).order(debtors::id).limit(page.probe()).select(DebtorRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        list = list.filter(debtors::id.gt(Col(after)));
    }
    if let Some(text) = &filter.text {
        list = list.filter(debtors::folded_name.like(containing(text)));
    }
    if let Some(kind) = filter.kind {
        list = list.filter(debtors::kind.eq(Col(kind)));
    }
    if let Some(active) = filter.active {
        list = list.filter(debtors::active.eq(active));
    }
    Ok(page.cut(list.load(conn)?))
}
