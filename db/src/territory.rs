//! The territory: units with their codes, names, parents, successions and boundaries. Public data: no scope is asked.

mod load;

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::TerritorialUnitId;
use domain::sensitivity::Sensitivity;
use domain::territory::{CODE_SCHEME_REQUIRED, CodeScheme, NameKind, SuccessionKind, TerritorialLevel};
use domain::text::fold;

use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing};
use crate::schema::{
    territorial_boundaries, territorial_codes, territorial_names, territorial_parents, territorial_successions, territorial_units,
};

pub use load::{Loaded, load, unit_of_2015, unit_of_2023};

/// The edition of fictional codes.
const FICTIONAL_EDITION: &str = "1";

#[derive(Insertable)]
#[diesel(table_name = territorial_units, treat_none_as_default_value = false)]
struct NewUnit {
    id: Col<TerritorialUnitId>,
    level: Col<TerritorialLevel>,
    name: String,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    longitude: Option<f64>,
    latitude: Option<f64>,
    area_km2: Option<f64>,
    note: Option<String>,
    fictional: bool,
    sensitivity: i32,
}

#[derive(Insertable)]
#[diesel(table_name = territorial_codes)]
struct NewCode {
    scheme: Col<CodeScheme>,
    edition: String,
    code: String,
    unit_id: Col<TerritorialUnitId>,
}

#[derive(Insertable)]
#[diesel(table_name = territorial_names)]
struct NewName {
    unit_id: Col<TerritorialUnitId>,
    name: String,
    kind: Col<NameKind>,
    folded: String,
}

impl NewName {
    fn of(unit: TerritorialUnitId, name: &str, kind: NameKind) -> Self {
        Self { unit_id: Col(unit), name: name.to_owned(), kind: Col(kind), folded: fold(name) }
    }
}

#[derive(Insertable)]
#[diesel(table_name = territorial_parents, treat_none_as_default_value = false)]
struct NewParent {
    unit_id: Col<TerritorialUnitId>,
    parent_id: Col<TerritorialUnitId>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
}

#[derive(Insertable)]
#[diesel(table_name = territorial_successions)]
struct NewSuccession {
    predecessor_id: Col<TerritorialUnitId>,
    successor_id: Col<TerritorialUnitId>,
    happened_on: NaiveDate,
    kind: Col<SuccessionKind>,
}

#[derive(Insertable)]
#[diesel(table_name = territorial_boundaries)]
struct NewBoundary {
    unit_id: Col<TerritorialUnitId>,
    edition: String,
    geometry: String,
}

/// Adds a unit of a fictional territory, flagged as such: it never appears among real units.
pub fn insert_fictional(
    conn: &mut Conn,
    id: TerritorialUnitId,
    level: TerritorialLevel,
    name: &str,
    code: &str,
    valid_from: NaiveDate,
) -> Result<(), Fault> {
    let unit = NewUnit {
        id: Col(id),
        level: Col(level),
        name: name.to_owned(),
        valid_from,
        valid_to: None,
        longitude: None,
        latitude: None,
        area_km2: None,
        note: None,
        fictional: true,
        sensitivity: Sensitivity::Public.rank(),
    };
    let code =
        NewCode { scheme: Col(CodeScheme::Fictional), edition: FICTIONAL_EDITION.to_owned(), code: code.to_owned(), unit_id: Col(id) };
    diesel::insert_into(territorial_units::table).values(&unit).execute(conn)?;
    diesel::insert_into(territorial_names::table).values(&NewName::of(id, name, NameKind::Official)).execute(conn)?;
    diesel::insert_into(territorial_codes::table).values(&code).execute(conn)?;
    Ok(())
}

/// A unit as it existed from a date to a date; both ends belong to it.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = territorial_units)]
pub struct UnitRow {
    pub id: Col<TerritorialUnitId>,
    pub level: Col<TerritorialLevel>,
    pub name: String,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub longitude: Option<f64>,
    pub latitude: Option<f64>,
    pub area_km2: Option<f64>,
    pub note: Option<String>,
    pub fictional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = territorial_names)]
pub struct NameRow {
    pub name: String,
    pub kind: Col<NameKind>,
}

#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = territorial_codes)]
pub struct CodeRow {
    pub scheme: Col<CodeScheme>,
    pub edition: String,
    pub code: String,
}

/// The unit in which another lay from a date to a date.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Parent {
    pub unit: UnitRow,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
}

/// The unit that another follows, or is followed by.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Succession {
    pub unit: UnitRow,
    pub happened_on: NaiveDate,
    pub kind: Col<SuccessionKind>,
}

/// A unit and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    pub unit: UnitRow,
    /// The official name first.
    pub names: Vec<NameRow>,
    pub codes: Vec<CodeRow>,
    /// The oldest first.
    pub parents: Vec<Parent>,
    pub predecessors: Vec<Succession>,
    pub successors: Vec<Succession>,
}

pub fn find_unit(conn: &mut Conn, id: TerritorialUnitId) -> Result<Unit, Fault> {
    let public = territorial_units::sensitivity.le(Sensitivity::Public.rank());
    let unit =
        territorial_units::table.filter(territorial_units::id.eq(Col(id))).filter(public).select(UnitRow::as_select()).first(conn)?;
    let mut names: Vec<NameRow> = territorial_names::table
        .filter(territorial_names::unit_id.eq(Col(id)))
        .order(territorial_names::name)
        .select(NameRow::as_select())
        .load(conn)?;
    names.sort_by_key(|name| name.kind);
    let codes = territorial_codes::table
        .filter(territorial_codes::unit_id.eq(Col(id)))
        .order((territorial_codes::scheme, territorial_codes::edition, territorial_codes::code))
        .select(CodeRow::as_select())
        .load(conn)?;
    let parents = territorial_parents::table
        .inner_join(territorial_units::table.on(territorial_units::id.eq(territorial_parents::parent_id)))
        .filter(territorial_parents::unit_id.eq(Col(id)))
        .filter(public)
        .order(territorial_parents::valid_from)
        .select((UnitRow::as_select(), territorial_parents::valid_from, territorial_parents::valid_to))
        .load(conn)?;
    let predecessors = territorial_successions::table
        .inner_join(territorial_units::table.on(territorial_units::id.eq(territorial_successions::predecessor_id)))
        .filter(territorial_successions::successor_id.eq(Col(id)))
        .filter(public)
        .order((territorial_successions::happened_on, territorial_units::id))
        .select((UnitRow::as_select(), territorial_successions::happened_on, territorial_successions::kind))
        .load(conn)?;
    let successors = territorial_successions::table
        .inner_join(territorial_units::table.on(territorial_units::id.eq(territorial_successions::successor_id)))
        .filter(territorial_successions::predecessor_id.eq(Col(id)))
        .filter(public)
        .order((territorial_successions::happened_on, territorial_units::id))
        .select((UnitRow::as_select(), territorial_successions::happened_on, territorial_successions::kind))
        .load(conn)?;
    Ok(Unit { unit, names, codes, parents, predecessors, successors })
}

/// Which units; what is not said does not narrow, except that fictional units appear only when asked for, and then alone.
#[derive(Clone, Debug, Default)]
pub struct UnitFilter {
    pub level: Option<TerritorialLevel>,
    pub parent: Option<TerritorialUnitId>,
    /// Units that existed on that day; with `parent`, units that lay in it on that day.
    pub on: Option<NaiveDate>,
    /// A part of a name, without regard to accents, case or punctuation.
    pub query: Option<String>,
    /// Units that have a code of that scheme.
    pub scheme: Option<CodeScheme>,
    /// Needs its scheme.
    pub edition: Option<String>,
    /// Needs its scheme, and its edition where the scheme has several.
    pub code: Option<String>,
    pub fictional: bool,
}

/// A code means something only within one edition of one scheme; an edition only within a scheme.
fn require_scheme(conn: &mut Conn, filter: &UnitFilter) -> Result<(), Fault> {
    let (code, edition) = (filter.code.is_some(), filter.edition.is_some());
    let Some(scheme) = filter.scheme else {
        return if code || edition { Err(CODE_SCHEME_REQUIRED.refuse().at("?scheme").into()) } else { Ok(()) };
    };
    if edition || !code {
        return Ok(());
    }
    let editions: Vec<String> = territorial_codes::table
        .filter(territorial_codes::scheme.eq(Col(scheme)))
        .select(territorial_codes::edition)
        .distinct()
        .limit(2)
        .load(conn)?;
    if editions.len() < 2 { Ok(()) } else { Err(CODE_SCHEME_REQUIRED.refuse().at("?edition").into()) }
}

fn selected(filter: &UnitFilter) -> territorial_units::BoxedQuery<'static, MultiBackend> {
    let mut query = territorial_units::table
        .filter(territorial_units::sensitivity.le(Sensitivity::Public.rank()))
        .filter(territorial_units::fictional.eq(filter.fictional))
        .into_boxed();
    if let Some(level) = filter.level {
        query = query.filter(territorial_units::level.eq(Col(level)));
    }
    if let Some(on) = filter.on {
        query = query
            .filter(territorial_units::valid_from.le(on))
            .filter(territorial_units::valid_to.is_null().or(territorial_units::valid_to.ge(on)));
    }
    if let Some(parent) = filter.parent {
        let links = territorial_parents::table.filter(territorial_parents::parent_id.eq(Col(parent))).select(territorial_parents::unit_id);
        query = match filter.on {
            None => query.filter(territorial_units::id.eq_any(links)),
            Some(on) => query.filter(
                territorial_units::id.eq_any(
                    links
                        .filter(territorial_parents::valid_from.le(on))
                        .filter(territorial_parents::valid_to.is_null().or(territorial_parents::valid_to.ge(on))),
                ),
            ),
        };
    }
    if let Some(name) = &filter.query {
        let names = territorial_names::table.filter(territorial_names::folded.like(containing(name))).select(territorial_names::unit_id);
        query = query.filter(territorial_units::id.eq_any(names));
    }
    if let Some(scheme) = filter.scheme {
        let codes = territorial_codes::table.filter(territorial_codes::scheme.eq(Col(scheme))).select(territorial_codes::unit_id);
        let (edition, code) = (territorial_codes::edition, territorial_codes::code);
        // A boxed sub-select does not compile on both engines, hence each combination by itself.
        query = match (filter.edition.clone(), filter.code.clone()) {
            (Some(e), Some(c)) => query.filter(territorial_units::id.eq_any(codes.filter(edition.eq(e)).filter(code.eq(c)))),
            (Some(e), None) => query.filter(territorial_units::id.eq_any(codes.filter(edition.eq(e)))),
            (None, Some(c)) => query.filter(territorial_units::id.eq_any(codes.filter(code.eq(c)))),
            (None, None) => query.filter(territorial_units::id.eq_any(codes)),
        };
    }
    query
}

pub fn list_units(conn: &mut Conn, filter: &UnitFilter, page: &Keyset<TerritorialUnitId>) -> Result<Rows<UnitRow>, Fault> {
    require_scheme(conn, filter)?;
    let mut query = selected(filter).order(territorial_units::id).limit(page.probe()).select(UnitRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(territorial_units::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Real units with the GeoJSON geometry of their boundary. Units without one are left out: those of 2023, and communes
/// without P-code.
pub fn list_boundaries(
    conn: &mut Conn,
    level: TerritorialLevel,
    parent: Option<TerritorialUnitId>,
    on: Option<NaiveDate>,
) -> Result<Vec<(UnitRow, String)>, Fault> {
    let filter = UnitFilter { level: Some(level), parent, on, ..UnitFilter::default() };
    let geometry = territorial_boundaries::table
        .filter(territorial_boundaries::unit_id.eq(territorial_units::id))
        .select(territorial_boundaries::geometry)
        .single_value();
    let rows: Vec<(UnitRow, Option<String>)> =
        selected(&filter).order(territorial_units::id).select((UnitRow::as_select(), geometry)).load(conn)?;
    Ok(rows.into_iter().filter_map(|(unit, geometry)| Some((unit, geometry?))).collect())
}

#[cfg(test)]
mod tests;
