//! Who could pay for a purpose, read in one trip: it is what every allocation begins with, for one or for many at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use diesel::dsl::max;
use diesel::prelude::*;
use domain::id::{ContributionId, FundPurposeId, OrganisationId};
use domain::sensitivity::{Scope, Sensitivity};

use super::FundRow;
use super::contribution::{Contribution, ContributionRow};
use super::earmark::{EarmarkRow, with_terms};
use super::purpose::{FundPurpose, FundPurposeRow, PurposePlaceRow, find_purpose_and_fund};
use crate::column::Col;
use crate::connection::{Conn, LockedOf};
use crate::fault::Fault;
use crate::prepared::Among;
use crate::schema::{
    contributions, earmarks, fund_allocation_lines, fund_allocations, fund_movements, fund_purpose_places, fund_purposes, funds,
};
use crate::store::{Foreseen, Tx};

/// What an allocation asks about, and what its author may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub organisation: OrganisationId,
    pub clearance: Sensitivity,
    pub purpose: FundPurposeId,
}

/// A purpose of a fund, and who could pay for it.
#[derive(Clone, Debug)]
pub struct Payers {
    pub purpose: FundPurpose,
    pub fund: FundRow,
    /// Every contribution of the fund, in the order of their ids.
    pub contributions: Vec<Contribution>,
    /// What each pays for the purpose already.
    pub paying: BTreeMap<ContributionId, i64>,
    /// The last day on which something moved in the fund.
    pub last_moved_on: Option<NaiveDate>,
}

/// One for each contribution of the fund, each place of the purpose and each allocation to it.
type Found = (
    FundPurposeRow,
    i32,
    FundRow,
    i32,
    Option<PurposePlaceRow>,
    ContributionRow,
    Option<EarmarkRow>,
    Option<(i64, i64)>,
    Option<NaiveDate>,
);

/// The statement for the purposes that a condition names.
macro_rules! payers {
    ($purposes:expr) => {
        LockedOf(
            fund_purposes::table
                .inner_join(
                    funds::table.on(funds::organisation_id.eq(fund_purposes::organisation_id).and(funds::id.eq(fund_purposes::fund_id))),
                )
                .inner_join(
                    contributions::table
                        .on(contributions::organisation_id.eq(funds::organisation_id).and(contributions::fund_id.eq(funds::id))),
                )
                .left_join(
                    fund_purpose_places::table.on(fund_purpose_places::organisation_id
                        .eq(fund_purposes::organisation_id)
                        .and(fund_purpose_places::purpose_id.eq(fund_purposes::id))),
                )
                .left_join(
                    earmarks::table.on(earmarks::organisation_id
                        .eq(contributions::organisation_id)
                        .and(earmarks::contribution_id.eq(contributions::id))),
                )
                .left_join(
                    fund_allocations::table.on(fund_allocations::organisation_id
                        .eq(fund_purposes::organisation_id)
                        .and(fund_allocations::purpose_id.eq(fund_purposes::id))),
                )
                .left_join(
                    fund_allocation_lines::table.on(fund_allocation_lines::organisation_id
                        .nullable()
                        .eq(fund_allocations::organisation_id.nullable())
                        .and(fund_allocation_lines::allocation_id.nullable().eq(fund_allocations::id.nullable()))
                        .and(fund_allocation_lines::contribution_id.eq(contributions::id))),
                )
                .filter($purposes)
                .order((contributions::id, fund_purpose_places::territorial_unit_id))
                .select((
                    FundPurposeRow::as_select(),
                    fund_purposes::sensitivity,
                    FundRow::as_select(),
                    funds::sensitivity,
                    Option::<PurposePlaceRow>::as_select(),
                    ContributionRow::as_select(),
                    Option::<EarmarkRow>::as_select(),
                    (fund_allocation_lines::amount, fund_allocation_lines::released).nullable(),
                    fund_movements::table
                        .filter(fund_movements::organisation_id.eq(funds::organisation_id))
                        .filter(fund_movements::fund_id.eq(funds::id))
                        .select(max(fund_movements::moved_on))
                        .single_value(),
                )),
            "contributions",
        )
    };
}

/// What each asks about, if it may see it, and if the fund has contributions: they are locked in the order of their ids.
pub fn all_payers(conn: &mut Conn, wanted: &[Wanted]) -> Result<HashMap<Wanted, Payers>, Fault> {
    let named: BTreeSet<_> = wanted.iter().map(|one| (one.organisation, one.purpose)).collect();
    let rows: Vec<Found> = match conn {
        Conn::Pg(conn) => {
            let (organisations, purposes) = named.iter().map(|(organisation, purpose)| (Col(*organisation), Col(*purpose))).unzip();
            payers!(Among::new("(fund_purposes.organisation_id, fund_purposes.id)", organisations, purposes)).load(conn)?
        }
        Conn::Sqlite(conn) => {
            let mut rows = Vec::new();
            for (organisation, purpose) in &named {
                let own = fund_purposes::organisation_id.eq(Col(*organisation));
                rows.extend(payers!(own.and(fund_purposes::id.eq(Col(*purpose)))).load::<Found>(conn)?);
            }
            rows
        }
    };
    let mut found: HashMap<_, Vec<Found>> = HashMap::new();
    for row in rows {
        let (purpose, ..) = &row;
        found.entry((purpose.organisation_id.0, purpose.id.0)).or_default().push(row);
    }
    let mut payers = HashMap::new();
    for one in wanted {
        let rows = found.get(&(one.organisation, one.purpose)).cloned().unwrap_or_default();
        if let Some((purpose, of_purpose, fund, of_fund, ..)) = rows.first().cloned()
            && of_purpose.max(of_fund) <= one.clearance.rank()
        {
            payers.insert(*one, folded(conn, purpose, fund, rows)?);
        }
    }
    Ok(payers)
}

fn folded(conn: &mut Conn, purpose: FundPurposeRow, fund: FundRow, found: Vec<Found>) -> Result<Payers, Fault> {
    let unit = |place: &Option<PurposePlaceRow>| place.as_ref().map(|place| place.territorial_unit_id);
    let first_place = found.first().and_then(|(_, _, _, _, place, ..)| unit(place));
    let last_moved_on = found.first().and_then(|(.., last)| *last);
    let (mut places, mut rows) = (Vec::<PurposePlaceRow>::new(), Vec::<ContributionRow>::new());
    let (mut earmarked, mut paying) = (Vec::new(), BTreeMap::new());
    for (.., place, contribution, earmark, line, _) in found {
        if unit(&place) == first_place {
            if let Some((amount, released)) = line {
                *paying.entry(contribution.id.0).or_default() += amount - released;
            }
            if rows.last().is_none_or(|last| last.id != contribution.id) {
                rows.push(contribution);
                earmarked.extend(earmark);
            }
        }
        if places.iter().all(|known| Some(known.territorial_unit_id) != unit(&place)) {
            places.extend(place);
        }
    }
    let mut earmarks = with_terms(conn, purpose.organisation_id.0, earmarked)?;
    let of = |row: ContributionRow| Contribution { earmark: earmarks.remove(&row.id.0).unwrap_or_default(), row };
    let contributions = rows.into_iter().map(of).collect();
    Ok(Payers { purpose: FundPurpose { row: purpose, places }, fund, contributions, paying, last_moved_on })
}

/// A purpose of a fund that the scope may see too, with the fund and who could pay for it.
pub fn find_payers(tx: &mut Tx<'_>, scope: &Scope, purpose: FundPurposeId) -> Result<Payers, Fault> {
    if let Some(Foreseen::Payers(payers)) = tx.foreseen.take() {
        return Ok(*payers);
    }
    let wanted = Wanted { organisation: scope.organisation, clearance: scope.clearance, purpose };
    if let Some(payers) = all_payers(tx.conn, &[wanted])?.remove(&wanted) {
        return Ok(payers);
    }
    let (purpose, fund) = find_purpose_and_fund(tx.conn, scope, purpose)?;
    Ok(Payers { purpose, fund, contributions: Vec::new(), paying: BTreeMap::new(), last_moved_on: None })
}
