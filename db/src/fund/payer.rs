//! Who could pay for a purpose, read in one trip: it is what every allocation begins with.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::dsl::exists;
use diesel::prelude::*;
use domain::id::{ContributionId, FundPurposeId};
use domain::sensitivity::Scope;

use super::FundRow;
use super::contribution::{Contribution, ContributionRow};
use super::earmark::{EarmarkRow, with_terms};
use super::purpose::{FundPurpose, FundPurposeRow, PurposePlaceRow, find_purpose_and_fund};
use crate::column::Col;
use crate::connection::LockedOf;
use crate::fault::Fault;
use crate::schema::{
    contributions, earmarks, fund_allocation_lines, fund_allocations, fund_movements, fund_purpose_places, fund_purposes, funds,
};
use crate::store::Tx;
use crate::visible;

/// Who could pay for a purpose.
#[derive(Clone, Debug, Default)]
pub struct Payers {
    /// Every contribution of the fund, in the order of their ids.
    pub contributions: Vec<Contribution>,
    /// What each pays for the purpose already.
    pub paying: BTreeMap<ContributionId, i64>,
    /// Whether something moved in the fund later than the day that was asked for.
    pub is_back: bool,
}

/// A purpose of a fund that the scope may see too, with the fund and who could pay for it: contributions are locked in the order of
/// their ids.
pub fn find_payers(tx: &mut Tx<'_>, scope: &Scope, purpose: FundPurposeId, on: NaiveDate) -> Result<(FundPurpose, FundRow, Payers), Fault> {
    type Found = (FundPurposeRow, FundRow, Option<PurposePlaceRow>, ContributionRow, Option<EarmarkRow>, Option<(i64, i64)>, bool);
    let later = fund_movements::table
        .filter(fund_movements::organisation_id.eq(Col(scope.organisation)))
        .filter(fund_movements::fund_id.eq(funds::id))
        .filter(fund_movements::moved_on.gt(on));
    let found = visible!(fund_purposes, scope)
        .inner_join(funds::table.on(funds::organisation_id.eq(fund_purposes::organisation_id).and(funds::id.eq(fund_purposes::fund_id))))
        .inner_join(
            contributions::table.on(contributions::organisation_id.eq(funds::organisation_id).and(contributions::fund_id.eq(funds::id))),
        )
        .left_join(
            fund_purpose_places::table.on(fund_purpose_places::organisation_id
                .eq(fund_purposes::organisation_id)
                .and(fund_purpose_places::purpose_id.eq(fund_purposes::id))),
        )
        .left_join(
            earmarks::table
                .on(earmarks::organisation_id.eq(contributions::organisation_id).and(earmarks::contribution_id.eq(contributions::id))),
        )
        .left_join(fund_allocations::table.on(
            fund_allocations::organisation_id.eq(fund_purposes::organisation_id).and(fund_allocations::purpose_id.eq(fund_purposes::id)),
        ))
        .left_join(
            fund_allocation_lines::table.on(fund_allocation_lines::organisation_id
                .nullable()
                .eq(fund_allocations::organisation_id.nullable())
                .and(fund_allocation_lines::allocation_id.nullable().eq(fund_allocations::id.nullable()))
                .and(fund_allocation_lines::contribution_id.eq(contributions::id))),
        )
        .filter(funds::sensitivity.le(scope.clearance.rank()))
        .filter(fund_purposes::id.eq(Col(purpose)))
        .order((contributions::id, fund_purpose_places::territorial_unit_id))
        .select((
            FundPurposeRow::as_select(),
            FundRow::as_select(),
            Option::<PurposePlaceRow>::as_select(),
            ContributionRow::as_select(),
            Option::<EarmarkRow>::as_select(),
            (fund_allocation_lines::amount, fund_allocation_lines::released).nullable(),
            exists(later),
        ));
    let found: Vec<Found> = LockedOf(found, "contributions").load(tx.conn)?;
    let Some((row, fund, first_place, .., is_back)) = found.first().cloned() else {
        let (purpose, fund) = find_purpose_and_fund(tx.conn, scope, purpose)?;
        return Ok((purpose, fund, Payers::default()));
    };
    let unit = |place: &Option<PurposePlaceRow>| place.as_ref().map(|place| place.territorial_unit_id);
    let (mut places, mut rows) = (Vec::<PurposePlaceRow>::new(), Vec::<ContributionRow>::new());
    let (mut earmarked, mut paying) = (Vec::new(), BTreeMap::new());
    for (_, _, place, contribution, earmark, line, _) in found {
        // Each contribution stands once for each place and each allocation to the purpose.
        if unit(&place) == unit(&first_place) {
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
    let mut earmarks = with_terms(tx.conn, tx.organisation, earmarked)?;
    let of = |row: ContributionRow| Contribution { earmark: earmarks.remove(&row.id.0).unwrap_or_default(), row };
    let contributions = rows.into_iter().map(of).collect();
    Ok((FundPurpose { row, places }, fund, Payers { contributions, paying, is_back }))
}
