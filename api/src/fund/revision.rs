//! What changes of donors, funds and contributions after they are registered. What moved never changes.

use actix_web::post;
use chrono::NaiveDate;
use db::fund::FundChange;
use db::fund::contribution::{ContributionChange, lock_contributions, update_contribution};
use db::fund::day::moved_later;
use db::fund::donor::DonorChange;
use domain::audit::{Event, rows_digest};
use domain::calendar::{Cause, not_before};
use domain::fund::{DonorKind, FundMovementKind};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::contribution::{ContributionPath, ContributionView, read_view};
use super::donor::{CountryText, DonorPath, DonorView};
use super::pledge::Bounded;
use super::{FundPath, FundView, NewFundPhase, fee, phases_of, require_end, residual_of};
use crate::answer::{Answered, done};
use crate::body::{Asked, Json};
use crate::wire::AmountText;

/// What a donor is from now on; its code stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DonorRevision {
    /// No name is that of two donors.
    name: Text<200>,
    kind: DonorKind,
    country: Option<CountryText>,
    /// All other names by which it is found, the former ones among them where they go on.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    aliases: Vec<Text<200>>,
}

impl Json for DonorRevision {}

/// Changes what a donor is called and what it is. Its contributions stay what they are.
#[utoipa::path(tag = "fund", request_body = DonorRevision, responses((status = 200, body = DonorView)))]
#[post("/v1/organisations/{organisation_id}/donors/{donor_id}/revision")]
pub async fn revise_donor(asked: Asked<DonorRevision>, path: DonorPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let donor = db::fund::donor::find_donor(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(donor.row.version)?;
            let change = DonorChange {
                name: body.name.as_str().to_owned(),
                kind: body.kind,
                country: body.country.as_ref().map(|country| country.0.clone()),
                aliases: body.aliases.iter().map(|alias| alias.as_str().to_owned()).collect(),
            };
            let after = db::fund::donor::update_donor(tx, &donor.row, &change)?;
            // A donor may be a person, whose name stays off the chain.
            let names = std::iter::once(&change.name).chain(&change.aliases).map(String::as_bytes);
            let event = Event::of("donor.revised", "donor", id.0, after.row.version)
                .with("code", &after.row.code)
                .with("kind", change.kind)
                .with("names_digest", rows_digest(names));
            Ok((done(after.row.version, &super::donor::view(after))?, event.into()))
        })
        .await
}

/// What a fund is from now on; its code, kind and currency stay, and so do its phases.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FundRevision {
    name: Text<200>,
    legal_basis: Option<Text<300>>,
    /// For contributions that are signed from now on, in basis points.
    #[schema(minimum = 0, maximum = 10000)]
    fee_bps: u16,
    /// Where figures of the fund come from.
    source: Option<Text<500>>,
    /// For purposes that are defined from now on, in basis points of direct cost.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 10000)]
    indirect_bps_max: Option<Bounded<0, 10000>>,
    /// What of a purpose need not be refunded when it closes; nothing by default.
    residual_max: Option<AmountText>,
    /// The last day on which something is pledged, signed or allocated: not before the fund begins, nor before what was last. Without
    /// it, the fund has no end.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    ends_on: Option<NaiveDate>,
    /// Phases that are added.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    phases: Vec<NewFundPhase>,
}

impl Json for FundRevision {}

/// Changes a fund: its name, its basis, the fee of contributions that are not signed yet. Phases are added.
#[utoipa::path(tag = "fund", request_body = FundRevision, responses((status = 200, body = FundView)))]
#[post("/v1/organisations/{organisation_id}/funds/{fund_id}/revision")]
pub async fn revise_fund(asked: Asked<FundRevision>, path: FundPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let fund = db::fund::find_fund(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(fund.row.version)?;
            let currency = fund.row.currency()?;
            if let Some(end) = body.ends_on {
                use FundMovementKind as K;
                let last = moved_later(tx, id, end)?.last(&[K::Pledge, K::Commitment, K::Allocation]);
                require_end(Some(end), fund.row.starts_on, last)?;
            }
            let change = FundChange {
                name: body.name.as_str().to_owned(),
                legal_basis: body.legal_basis.as_ref().map(|basis| basis.as_str().to_owned()),
                fee_bps: fee(body.fee_bps)?,
                source: body.source.as_ref().map(|source| source.as_str().to_owned()),
                indirect_bps_max: body.indirect_bps_max.and_then(|most| i32::try_from(most.0).ok()),
                residual_max: residual_of(body.residual_max.as_ref(), currency)?,
                ends_on: body.ends_on,
                added: phases_of(&body.phases, currency)?,
            };
            let after = db::fund::update_fund(tx, &fund, &change)?;
            let version = after.row.version;
            let event = Event::of("fund.revised", "fund", id.0, version)
                .with("name", &change.name)
                .with("fee_bps_before", fund.row.fee_bps)
                .with("fee_bps", change.fee_bps)
                .with("ends_on", change.ends_on.map(|day| day.to_string()).unwrap_or_default())
                .with("phases_added", change.added.len());
            Ok((done(version, &super::view(after)?)?, event.into()))
        })
        .await
}

/// An amendment of a contribution that moves no money.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContributionRevision {
    /// Until when it may be used, not before it was pledged and signed; without it, without an end.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    ends_on: Option<NaiveDate>,
    note: Option<Text<500>>,
    /// Of the amendment or letter in which it was agreed.
    reference: Text<80>,
}

impl Json for ContributionRevision {}

/// Amends a contribution without money: until when it may be used, and what is noted of it.
#[utoipa::path(tag = "fund", request_body = ContributionRevision, responses((status = 200, body = ContributionView)))]
#[post("/v1/organisations/{organisation_id}/contributions/{contribution_id}/revision")]
pub async fn revise_contribution(asked: Asked<ContributionRevision>, path: ContributionPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let found = db::fund::contribution::find_contribution(tx.conn, &scope, id)?;
            call.check_version(found.row.version)?;
            let locked = lock_contributions(tx, found.row.fund_id.0)?;
            let one = locked.iter().find(|one| one.row.id == found.row.id).ok_or(db::fault::Fault::Missing)?;
            if let Some(end) = body.ends_on {
                let later = moved_later(tx, one.row.fund_id.0, end)?;
                let pledged = later.first(&[FundMovementKind::Pledge], |moved| moved.contribution == id);
                let causes = [(Cause::Pledge, pledged), (Cause::Commitment, one.row.agreed_on)];
                not_before(end, &causes).map_err(|refusal| refusal.at("/ends_on"))?;
            }
            let change = ContributionChange {
                ends_on: body.ends_on,
                note: body.note.as_ref().map(|note| note.as_str().to_owned()),
                ..ContributionChange::of(&one.row, one.row.ledgers())
            };
            update_contribution(tx, &one.row, &change)?;
            let after = read_view(tx.conn, &tx.all(), id)?;
            let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
            let event = Event::of("contribution.revised", "contribution", id.0, after.version)
                .with("reference", body.reference.as_str())
                .with("ends_on_before", day(one.row.ends_on))
                .with("ends_on", day(body.ends_on));
            Ok((done(after.version, &after)?, event.into()))
        })
        .await
}
