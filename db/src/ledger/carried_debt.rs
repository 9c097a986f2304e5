//! Debts of earlier years (restes à payer): what the opening balance of a creditor account is made of.

use diesel::prelude::*;
use domain::id::{CarriedDebtId, OrganisationId, SupplierId};
use domain::ledger::LEDGER_CARRIED_DEBT_DUPLICATE;
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::carried_debts;
use crate::store::Tx;
use crate::{totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = carried_debts)]
pub struct CarriedDebtRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CarriedDebtId>,
    pub fiscal_year: i32,
    pub account_code: String,
    pub supplier_id: Col<SupplierId>,
    pub reference: String,
    pub amount: i64,
    pub paid: i64,
    pub reduced: i64,
    pub version: i64,
}

impl CarriedDebtRow {
    /// What is still due.
    pub fn due(&self) -> i64 {
        self.amount - self.paid - self.reduced
    }
}

/// A debt of an earlier year, as the opening balances itemise it.
#[derive(Clone, Debug)]
pub struct NewCarriedDebt {
    pub account_code: String,
    pub supplier_id: SupplierId,
    pub reference: String,
    pub amount: i64,
}

pub fn insert_carried_debt(tx: &mut Tx<'_>, fiscal_year: i32, new: &NewCarriedDebt) -> Result<(), Fault> {
    diesel::insert_into(carried_debts::table)
        .values((
            carried_debts::organisation_id.eq(Col(tx.organisation)),
            carried_debts::id.eq(Col(CarriedDebtId::new())),
            carried_debts::fiscal_year.eq(fiscal_year),
            carried_debts::account_code.eq(&new.account_code),
            carried_debts::supplier_id.eq(Col(new.supplier_id)),
            carried_debts::reference.eq(&new.reference),
            carried_debts::amount.eq(new.amount),
            carried_debts::paid.eq(0),
            carried_debts::reduced.eq(0),
            carried_debts::sensitivity.eq(Sensitivity::Internal.rank()),
            carried_debts::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| {
            Fault::from(error).taken(|| LEDGER_CARRIED_DEBT_DUPLICATE.refuse().with("reference", &new.reference).at("/carried_debts"))
        })?;
    Ok(())
}

pub fn find_carried_debt(conn: &mut Conn, scope: &Scope, id: CarriedDebtId) -> Result<CarriedDebtRow, Fault> {
    Ok(visible!(carried_debts, scope).filter(carried_debts::id.eq(Col(id))).select(CarriedDebtRow::as_select()).first(conn)?)
}

/// Which carried debts of a year to list.
#[derive(Clone, Debug, Default)]
pub struct CarriedDebtFilter {
    pub account: Option<String>,
    pub supplier_id: Option<SupplierId>,
    /// Whether something is still due.
    pub outstanding: Option<bool>,
    pub amount: Bounds,
    /// A part of the reference, without regard to accents and case.
    pub query: Option<String>,
}

fn selected(scope: &Scope, fiscal_year: i32, filter: &CarriedDebtFilter) -> carried_debts::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(carried_debts, scope).filter(carried_debts::fiscal_year.eq(fiscal_year)).into_boxed();
    if let Some(account) = &filter.account {
        query = query.filter(carried_debts::account_code.eq(account.clone()));
    }
    if let Some(supplier) = filter.supplier_id {
        query = query.filter(carried_debts::supplier_id.eq(Col(supplier)));
    }
    match filter.outstanding {
        None => {}
        Some(true) => query = query.filter(carried_debts::amount.gt(carried_debts::paid + carried_debts::reduced)),
        Some(false) => query = query.filter(carried_debts::amount.eq(carried_debts::paid + carried_debts::reduced)),
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("carried_debts.reference").like(containing(text)));
    }
    within!(query, carried_debts::amount, filter.amount);
    query
}

/// What the list adds up to.
pub fn total_carried_debts(conn: &mut Conn, scope: &Scope, fiscal_year: i32, filter: &CarriedDebtFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, fiscal_year, filter), "carried_debts.amount"))
}

pub fn list_carried_debts(
    conn: &mut Conn,
    scope: &Scope,
    fiscal_year: i32,
    filter: &CarriedDebtFilter,
    page: &Keyset<CarriedDebtId>,
) -> Result<Rows<CarriedDebtRow>, Fault> {
    let mut query = selected(scope, fiscal_year, filter).order(carried_debts::id).limit(page.probe()).select(CarriedDebtRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(carried_debts::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Sets what is paid of a carried debt and what it was reduced by; gives its version.
pub fn update_carried_debt(tx: &mut Tx<'_>, row: &CarriedDebtRow, paid: i64, reduced: i64) -> Result<i64, Fault> {
    let version = row.version + 1;
    diesel::update(
        carried_debts::table.filter(carried_debts::organisation_id.eq(row.organisation_id)).filter(carried_debts::id.eq(row.id)),
    )
    .set((carried_debts::paid.eq(paid), carried_debts::reduced.eq(reduced), carried_debts::version.eq(version)))
    .execute(tx.conn)?;
    Ok(version)
}
