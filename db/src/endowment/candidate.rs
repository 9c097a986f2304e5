//! What the service knows of candidates by itself: their codes, their budgets, how earlier rights were justified.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::budget::BudgetKind;
use domain::budget::lifecycle::BudgetState;
use domain::id::{OrganisationId, TerritorialUnitId};
use domain::territory::TerritorialLevel;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{budgets, drawing_rights, organisations, territorial_codes, territorial_units};
use crate::wall;

/// The units of a level on a day: their names, and by which codes they are known.
#[derive(Clone, Debug, Default)]
pub struct KnownUnits {
    pub names: BTreeMap<TerritorialUnitId, String>,
    pub by_code: BTreeMap<String, TerritorialUnitId>,
    /// The lowest code of each; a unit without any is not in the map.
    pub codes: BTreeMap<TerritorialUnitId, String>,
}

/// The units of a level that exist on a day.
pub fn list_known_units(conn: &mut Conn, level: TerritorialLevel, on: NaiveDate) -> Result<KnownUnits, Fault> {
    let rows: Vec<(Col<TerritorialUnitId>, String, Option<String>)> = territorial_units::table
        .left_join(territorial_codes::table.on(territorial_codes::unit_id.eq(territorial_units::id)))
        .filter(territorial_units::level.eq(Col(level)))
        .filter(territorial_units::valid_to.is_null().or(territorial_units::valid_to.ge(on)))
        .select((territorial_units::id, territorial_units::name, territorial_codes::code.nullable()))
        .load(conn)?;
    let mut known = KnownUnits::default();
    for (unit, name, code) in rows {
        known.names.insert(unit.0, name);
        let Some(code) = code else { continue };
        known.by_code.insert(code.clone(), unit.0);
        let lowest = known.codes.entry(unit.0).or_insert_with(|| code.clone());
        if code < *lowest {
            *lowest = code;
        }
    }
    Ok(known)
}

/// The organisations that govern units, by unit.
pub fn list_governing(conn: &mut Conn) -> Result<BTreeMap<TerritorialUnitId, OrganisationId>, Fault> {
    let rows: Vec<(Option<Col<TerritorialUnitId>>, Col<OrganisationId>)> = organisations::table
        .filter(organisations::territorial_unit_id.is_not_null())
        .select((organisations::territorial_unit_id, organisations::id))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(unit, id)| Some((unit?.0, id.0))).collect())
}

/// The organisation that governs a unit; nothing is found when the service keeps none.
pub fn find_governing(conn: &mut Conn, unit: TerritorialUnitId) -> Result<OrganisationId, Fault> {
    let id: Col<OrganisationId> =
        organisations::table.filter(organisations::territorial_unit_id.eq(Some(Col(unit)))).select(organisations::id).first(conn)?;
    Ok(id.0)
}

/// The organisations whose budget of a year can be executed.
pub fn list_executable(conn: &mut Conn, fiscal_year: i32) -> Result<BTreeSet<OrganisationId>, Fault> {
    let executable = budgets::table
        .filter(budgets::fiscal_year.eq(fiscal_year))
        .filter(budgets::kind.eq(Col(BudgetKind::Original)))
        .filter(budgets::state.eq_any([Col(BudgetState::Approved), Col(BudgetState::SettledExOfficio)]))
        .select(budgets::organisation_id);
    // Whoever divides an envelope asks of all candidates whether there is such a budget, and of none what is in it.
    let rows: Vec<Col<OrganisationId>> = wall::beyond(conn, |conn| Ok(executable.load(conn)?))?;
    Ok(rows.into_iter().map(|id| id.0).collect())
}

/// The units that were paid more than they justified, on rights of earlier years from a grantor.
pub fn list_unjustified(conn: &mut Conn, grantor: OrganisationId, before: i32) -> Result<BTreeSet<TerritorialUnitId>, Fault> {
    let rows: Vec<Col<TerritorialUnitId>> = drawing_rights::table
        .filter(drawing_rights::organisation_id.eq(Col(grantor)))
        .filter(drawing_rights::fiscal_year.lt(before))
        .filter(drawing_rights::justified.lt(drawing_rights::disbursed))
        .select(drawing_rights::territorial_unit_id)
        .load(conn)?;
    Ok(rows.into_iter().map(|id| id.0).collect())
}
