//! What money is allocated to, as earmarks look at it. Who carries a purpose out, and how far, is not told here.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::fund::earmark::{Earmark, Place, Purpose};
use domain::fund::{FUND_RECORD_DUPLICATE, FundVocabulary};
use domain::id::{FundId, FundPurposeId, OrganisationId, PrincipalId, TerritorialUnitId};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;

use super::{FundRow, find_term};
use crate::budget::amount;
use crate::column::{Col, Identity};
use crate::connection::Conn;
use crate::effect::{Effects, effect};
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing};
use crate::schema::{fund_purpose_places, fund_purposes, funds, territorial_parents};
use crate::store::Tx;
use crate::visible;

/// How many levels lie above a unit at most, over all divisions of the territory.
const LEVELS: usize = 6;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_purposes)]
pub struct FundPurposeRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<FundPurposeId>,
    pub fund_id: Col<FundId>,
    pub reference: String,
    pub title: String,
    pub sector: String,
    pub objective: Option<String>,
    pub instrument: Option<String>,
    pub gender_marker: Option<i32>,
    pub budget: i64,
    pub indirect_bps: i32,
    pub closed_on: Option<NaiveDate>,
    pub held: bool,
    pub version: i64,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_purpose_places)]
pub struct PurposePlaceRow {
    pub purpose_id: Col<FundPurposeId>,
    pub territorial_unit_id: Col<TerritorialUnitId>,
    pub bps: i32,
}

/// A purpose and its places.
#[derive(Clone, Debug)]
pub struct FundPurpose {
    pub row: FundPurposeRow,
    pub places: Vec<PurposePlaceRow>,
}

/// A new purpose.
#[derive(Clone, Debug)]
pub struct NewPurpose {
    pub id: FundPurposeId,
    pub fund: FundId,
    pub reference: String,
    pub title: String,
    pub sector: String,
    pub objective: Option<String>,
    pub instrument: Option<String>,
    pub gender_marker: Option<i32>,
    pub budget: i64,
    pub indirect_bps: i32,
    pub places: Vec<(TerritorialUnitId, i32)>,
    pub recorded_by: PrincipalId,
}

pub fn insert_purpose(tx: &mut Tx<'_>, new: &NewPurpose) -> Result<FundPurpose, Fault> {
    diesel::insert_into(fund_purposes::table)
        .values((
            fund_purposes::organisation_id.eq(Col(tx.organisation)),
            fund_purposes::id.eq(Col(new.id)),
            fund_purposes::fund_id.eq(Col(new.fund)),
            fund_purposes::reference.eq(&new.reference),
            fund_purposes::title.eq(&new.title),
            fund_purposes::folded_title.eq(fold(&new.title)),
            fund_purposes::sector.eq(&new.sector),
            fund_purposes::objective.eq(new.objective.as_deref()),
            fund_purposes::instrument.eq(new.instrument.as_deref()),
            fund_purposes::gender_marker.eq(new.gender_marker),
            fund_purposes::budget.eq(new.budget),
            fund_purposes::indirect_bps.eq(new.indirect_bps),
            fund_purposes::held.eq(false),
            fund_purposes::recorded_by.eq(Col(new.recorded_by)),
            fund_purposes::recorded_at.eq(Col(tx.author.now)),
            fund_purposes::sensitivity.eq(Sensitivity::Partner.rank()),
            fund_purposes::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| FUND_RECORD_DUPLICATE.refuse().with("code", &new.reference).at("/reference")))?;
    for (unit, bps) in &new.places {
        diesel::insert_into(fund_purpose_places::table)
            .values((
                fund_purpose_places::organisation_id.eq(Col(tx.organisation)),
                fund_purpose_places::purpose_id.eq(Col(new.id)),
                fund_purpose_places::territorial_unit_id.eq(Col(*unit)),
                fund_purpose_places::bps.eq(*bps),
            ))
            .execute(tx.conn)?;
    }
    find_purpose(tx.conn, &tx.all(), new.id)
}

fn with_places(conn: &mut Conn, scope: &Scope, rows: Vec<FundPurposeRow>) -> Result<Vec<FundPurpose>, Fault> {
    let ids: Vec<Col<FundPurposeId>> = rows.iter().map(|row| row.id).collect();
    let places: Vec<PurposePlaceRow> = fund_purpose_places::table
        .filter(fund_purpose_places::organisation_id.eq(Col(scope.organisation)))
        .filter(fund_purpose_places::purpose_id.eq_any(ids))
        .order((fund_purpose_places::purpose_id, fund_purpose_places::territorial_unit_id))
        .select(PurposePlaceRow::as_select())
        .load(conn)?;
    let of = |id: Col<FundPurposeId>| places.iter().filter(|place| place.purpose_id == id).cloned().collect();
    Ok(rows.into_iter().map(|row| FundPurpose { places: of(row.id), row }).collect())
}

pub fn find_purpose(conn: &mut Conn, scope: &Scope, id: FundPurposeId) -> Result<FundPurpose, Fault> {
    let row = visible!(fund_purposes, scope).filter(fund_purposes::id.eq(Col(id))).select(FundPurposeRow::as_select()).first(conn)?;
    with_places(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

/// A purpose of a fund that the scope may see too, with the fund.
pub fn find_purpose_and_fund(conn: &mut Conn, scope: &Scope, id: FundPurposeId) -> Result<(FundPurpose, FundRow), Fault> {
    type Found = (FundPurposeRow, FundRow, Option<PurposePlaceRow>);
    let found: Vec<Found> = visible!(fund_purposes, scope)
        .inner_join(funds::table.on(funds::organisation_id.eq(fund_purposes::organisation_id).and(funds::id.eq(fund_purposes::fund_id))))
        .left_join(
            fund_purpose_places::table.on(fund_purpose_places::organisation_id
                .eq(fund_purposes::organisation_id)
                .and(fund_purpose_places::purpose_id.eq(fund_purposes::id))),
        )
        .filter(funds::sensitivity.le(scope.clearance.rank()))
        .filter(fund_purposes::id.eq(Col(id)))
        .order(fund_purpose_places::territorial_unit_id)
        .select((FundPurposeRow::as_select(), FundRow::as_select(), Option::<PurposePlaceRow>::as_select()))
        .load(conn)?;
    let (row, fund, _) = found.first().cloned().ok_or(Fault::Missing)?;
    Ok((FundPurpose { row, places: found.into_iter().filter_map(|(_, _, place)| place).collect() }, fund))
}

/// A purpose that something happened to has another version.
pub fn touch_purpose(tx: &mut Tx<'_>, row: &FundPurposeRow) -> Result<(), Fault> {
    let mut effects = Effects::default();
    change_purpose(&mut effects, row)?;
    effects.store(tx.conn)
}

/// As [`touch_purpose`], stored with the other effects.
pub fn change_purpose(effects: &mut Effects, row: &FundPurposeRow) -> Result<(), Fault> {
    effect!(
        effects,
        Update "fund_purposes",
        version: BigInt = row.version + 1,
        organisation_id: Identity = row.organisation_id,
        id: Identity = row.id,
    )
}

/// Closes a purpose: nothing more happens to it.
pub fn close_purpose(tx: &mut Tx<'_>, row: &FundPurposeRow, on: NaiveDate) -> Result<(), Fault> {
    let own = fund_purposes::table.filter(fund_purposes::organisation_id.eq(row.organisation_id));
    diesel::update(own.filter(fund_purposes::id.eq(row.id)))
        .set((fund_purposes::closed_on.eq(Some(on)), fund_purposes::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// Holds a purpose for the project that is paid from it, or lets it go.
pub fn hold_purpose(tx: &mut Tx<'_>, row: &FundPurposeRow, held: bool) -> Result<(), Fault> {
    let own = fund_purposes::table.filter(fund_purposes::organisation_id.eq(row.organisation_id));
    diesel::update(own.filter(fund_purposes::id.eq(row.id)))
        .set((fund_purposes::held.eq(held), fund_purposes::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// A unit and every unit that it ever lay in.
pub fn lineage(conn: &mut Conn, unit: Col<TerritorialUnitId>) -> Result<Vec<TerritorialUnitId>, Fault> {
    let (mut all, mut last) = (vec![unit.0], vec![unit]);
    for _ in 0..LEVELS {
        let parents: Vec<Col<TerritorialUnitId>> = territorial_parents::table
            .filter(territorial_parents::unit_id.eq_any(&last))
            .select(territorial_parents::parent_id)
            .load(conn)?;
        last = parents.into_iter().filter(|parent| !all.contains(&parent.0)).collect();
        if last.is_empty() {
            break;
        }
        all.extend(last.iter().map(|parent| parent.0));
    }
    Ok(all)
}

/// The purpose as these earmarks look at it: where it lies is looked up for those of them that ask, and so is the code of its sector.
pub fn as_earmarked(
    conn: &mut Conn,
    purpose: &FundPurpose,
    earmarks: &[&Earmark<TerritorialUnitId>],
) -> Result<Purpose<TerritorialUnitId>, Fault> {
    let placed = earmarks.iter().any(|earmark| !earmark.places.is_empty());
    let mut places = Vec::with_capacity(purpose.places.len());
    for place in &purpose.places {
        let bps = u32::try_from(place.bps).map_err(|_| Fault::Corrupt("a negative share".to_owned()))?;
        let lineage = if placed { lineage(conn, place.territorial_unit_id)? } else { Vec::new() };
        places.push(Place { lineage, bps });
    }
    let row = &purpose.row;
    let coded = earmarks.iter().any(|earmark| !earmark.sectors.is_empty());
    let term = if coded { find_term(conn, FundVocabulary::Sector, &row.sector, "/sector")?.dac_code } else { None };
    Ok(Purpose {
        reference: row.reference.clone(),
        places,
        sector: row.sector.clone(),
        dac_code: term.unwrap_or_default(),
        objective: row.objective.clone(),
        instrument: row.instrument.clone(),
        gender_marker: row.gender_marker.and_then(|marker| u32::try_from(marker).ok()),
        budget: amount(row.budget)?,
    })
}

/// Which purposes to list.
#[derive(Clone, Debug, Default)]
pub struct PurposeFilter {
    pub text: Option<String>,
    pub fund_id: Option<FundId>,
    pub sector: Option<String>,
}

pub fn list_purposes(
    conn: &mut Conn,
    scope: &Scope,
    filter: &PurposeFilter,
    page: &Keyset<FundPurposeId>,
) -> Result<Rows<FundPurpose>, Fault> {
    let mut query =
        visible!(fund_purposes, scope).order(fund_purposes::id).limit(page.probe()).select(FundPurposeRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(fund_purposes::id.gt(Col(after)));
    }
    if let Some(text) = &filter.text {
        query = query.filter(fund_purposes::folded_title.like(containing(text)));
    }
    if let Some(fund) = filter.fund_id {
        query = query.filter(fund_purposes::fund_id.eq(Col(fund)));
    }
    if let Some(sector) = &filter.sector {
        query = query.filter(fund_purposes::sector.eq(sector.clone()));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_places(conn, scope, rows.rows)? })
}
