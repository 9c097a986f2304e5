//! Earmarks of contributions.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::fund::earmark::{Earmark, EarmarkDimension};
use domain::id::{ContributionId, OrganisationId, TerritorialUnitId};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{earmark_terms, earmarks};
use crate::store::Tx;

/// An earmark on places of the territory.
pub type PlacedEarmark = Earmark<TerritorialUnitId>;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = earmarks)]
pub(super) struct EarmarkRow {
    contribution_id: Col<ContributionId>,
    gender_marker_min: Option<i32>,
    minimum_purposes: Option<i32>,
    cap_bps: Option<i32>,
}

fn terms_of(earmark: &PlacedEarmark) -> Vec<(EarmarkDimension, String)> {
    use EarmarkDimension as D;
    let lists = [
        (D::Sector, &earmark.sectors),
        (D::Objective, &earmark.objectives),
        (D::Instrument, &earmark.instruments),
        (D::Purpose, &earmark.purposes),
    ];
    let places = earmark.places.iter().map(|place| (D::Place, place.to_string()));
    places.chain(lists.into_iter().flat_map(|(dimension, list)| list.iter().map(move |term| (dimension, term.clone())))).collect()
}

/// Keeps the earmark of a new contribution; one that constrains nothing leaves no row.
pub fn append_earmark(tx: &mut Tx<'_>, contribution: ContributionId, earmark: &PlacedEarmark) -> Result<(), Fault> {
    let count = |number: Option<u32>| number.and_then(|number| i32::try_from(number).ok());
    if *earmark == PlacedEarmark::default() {
        return Ok(());
    }
    diesel::insert_into(earmarks::table)
        .values((
            earmarks::organisation_id.eq(Col(tx.organisation)),
            earmarks::contribution_id.eq(Col(contribution)),
            earmarks::gender_marker_min.eq(count(earmark.gender_marker_min)),
            earmarks::minimum_purposes.eq(count(earmark.minimum_purposes)),
            earmarks::cap_bps.eq(count(earmark.cap_bps)),
        ))
        .execute(tx.conn)?;
    let mut terms = terms_of(earmark);
    terms.sort();
    terms.dedup();
    for (dimension, term) in terms {
        diesel::insert_into(earmark_terms::table)
            .values((
                earmark_terms::organisation_id.eq(Col(tx.organisation)),
                earmark_terms::contribution_id.eq(Col(contribution)),
                earmark_terms::dimension.eq(Col(dimension)),
                earmark_terms::term.eq(term),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The earmarks of contributions; those without one are not in the map.
pub fn find_earmarks(
    conn: &mut Conn,
    organisation: OrganisationId,
    ids: &[Col<ContributionId>],
) -> Result<BTreeMap<ContributionId, PlacedEarmark>, Fault> {
    let rows: Vec<EarmarkRow> = earmarks::table
        .filter(earmarks::organisation_id.eq(Col(organisation)))
        .filter(earmarks::contribution_id.eq_any(ids))
        .select(EarmarkRow::as_select())
        .load(conn)?;
    with_terms(conn, organisation, rows)
}

pub(super) fn with_terms(
    conn: &mut Conn,
    organisation: OrganisationId,
    rows: Vec<EarmarkRow>,
) -> Result<BTreeMap<ContributionId, PlacedEarmark>, Fault> {
    let ids: Vec<Col<ContributionId>> = rows.iter().map(|row| row.contribution_id).collect();
    let count = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let mut found: BTreeMap<ContributionId, PlacedEarmark> = rows
        .into_iter()
        .map(|row| {
            let earmark = Earmark {
                gender_marker_min: count(row.gender_marker_min),
                minimum_purposes: count(row.minimum_purposes),
                cap_bps: count(row.cap_bps),
                ..Earmark::default()
            };
            (row.contribution_id.0, earmark)
        })
        .collect();
    if found.is_empty() {
        return Ok(found);
    }
    let terms: Vec<(Col<ContributionId>, Col<EarmarkDimension>, String)> = earmark_terms::table
        .filter(earmark_terms::organisation_id.eq(Col(organisation)))
        .filter(earmark_terms::contribution_id.eq_any(ids))
        .order((earmark_terms::contribution_id, earmark_terms::dimension, earmark_terms::term))
        .select((earmark_terms::contribution_id, earmark_terms::dimension, earmark_terms::term))
        .load(conn)?;
    for (contribution, dimension, term) in terms {
        let Some(earmark) = found.get_mut(&contribution.0) else { continue };
        match dimension.0 {
            EarmarkDimension::Place => {
                let place = term.parse().map_err(|_| Fault::Corrupt(format!("earmarked place {term}")))?;
                earmark.places.push(TerritorialUnitId(place));
            }
            EarmarkDimension::Sector => earmark.sectors.push(term),
            EarmarkDimension::Objective => earmark.objectives.push(term),
            EarmarkDimension::Instrument => earmark.instruments.push(term),
            EarmarkDimension::Purpose => earmark.purposes.push(term),
            EarmarkDimension::GenderMarker => return Err(Fault::Corrupt("a gender marker among terms".to_owned())),
        }
    }
    Ok(found)
}
