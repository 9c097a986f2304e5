//! What is signed, received, given back or charged: the movements of one contribution.

use std::collections::BTreeMap;

use actix_web::post;
use chrono::NaiveDate;
use db::fault::Fault;
use db::fund::FundRow;
use db::fund::contribution::{Contribution, ContributionChange, lock_contributions, update_contribution};
use db::fund::day::moved_later;
use db::fund::movement::{FundAct, Moved, append_movement};
use db::store::Tx;
use domain::audit::Event;
use domain::calendar::Cause;
use domain::fund::day::{Later, Moved as Movement};
use domain::fund::exchange::{ExchangeRate, missing, value};
use domain::fund::{
    CONTRIBUTION_EXCEEDED, CONTRIBUTION_FEE_FROZEN, CONTRIBUTION_UNSIGNED, ContributionKind, ContributionMovementKind as Kind,
    FundMovementKind, Ledgers, exceeded, fee, require_running,
};
use domain::id::ExchangeRateId;
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::allocation::{first_receipt, holdings};
use super::contribution::{ContributionPath, ContributionView, read_view};
use super::pledge::Bounded;
use super::{require_cause, require_open_day};
use crate::answer::{Answered, done};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::wire::{AmountText, CurrencyText};

/// A movement of a contribution to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContributionMovement {
    kind: Kind,
    amount: AmountText,
    /// Of the contribution for what is signed, received or written off; of the fund for all else.
    currency: CurrencyText,
    /// The value date: nothing is signed before it was pledged, received or written off before it was signed, given back before it was
    /// received, and the fund's own account neither earns nor pays before the fund received something. On no day after it is there
    /// less than nothing.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    /// Of the agreement, which the first commitment names; of the bank's advice.
    reference: Option<Text<80>>,
    /// With the first commitment: the administrative fee that was agreed, in basis points; that of the fund by default.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 10000)]
    fee_bps: Option<Bounded<0, 10000>>,
    /// By which a receipt in another currency than the fund's is converted.
    exchange_rate_id: Option<ExchangeRateId>,
    /// What the bank credited of a receipt, in the currency of the fund; the difference is a result of exchange of the fund's own.
    credited: Option<AmountText>,
}

impl Json for NewContributionMovement {}

/// The rate that was named, in force on the value date.
fn named_rate(call: &Call, tx: &mut Tx<'_>, body: &NewContributionMovement) -> Result<Option<(ExchangeRate, NaiveDate)>, Fault> {
    let scope = call.scope_in(tx.organisation);
    body.exchange_rate_id
        .map(|id| {
            let row = db::fund::exchange::find_rate(tx.conn, &scope, id)?;
            Ok((row.rate()?, row.valid_on))
        })
        .transpose()
}

/// What a movement does to the contribution and to the fund's own account.
struct Effects {
    on_contribution: Vec<Moved>,
    on_account: Vec<Moved>,
}

fn receipt(call: &Call, body: &NewContributionMovement, tx: &mut Tx<'_>, one: &Contribution, fund: Currency) -> Result<Effects, Fault> {
    let own = one.row.currency()?;
    let amount = Amount::parse_positive(&body.amount.0, own).map_err(|refusal| refusal.at("/amount"))?;
    let received = |value: Amount| Moved { kind: FundMovementKind::Receipt, amount: amount.minor(), value: value.minor() };
    if one.row.kind.0 == ContributionKind::InKind {
        return Ok(Effects { on_contribution: vec![received(Amount::ZERO)], on_account: Vec::new() });
    }
    let rate = named_rate(call, tx, body)?;
    if own != fund && rate.is_some_and(|(_, valid_on)| valid_on > body.on) {
        return Err(missing(own, fund).into());
    }
    let worth = value(amount, own, fund, rate.map(|(rate, _)| rate))?;
    let bps = one.row.fee_bps.and_then(|bps| u32::try_from(bps).ok()).unwrap_or_default();
    let charged = fee(worth, bps);
    let mut on_contribution = vec![received(worth)];
    if !charged.is_zero() {
        on_contribution.push(Moved::value(FundMovementKind::Fee, charged.minor()));
    }
    let credited = body.credited.as_ref().map(|text| Amount::parse(&text.0, fund).map_err(|refusal| refusal.at("/credited")));
    let difference = credited.transpose()?.map_or(0, |credited| credited.minor() - worth.minor());
    let on_account = match difference {
        0 => Vec::new(),
        gain if gain > 0 => vec![Moved::value(FundMovementKind::ExchangeGain, gain)],
        loss => vec![Moved::value(FundMovementKind::ExchangeLoss, -loss)],
    };
    Ok(Effects { on_contribution, on_account })
}

/// What changes with a signature: the agreement and the fee, which stays as it was agreed.
fn sign(body: &NewContributionMovement, fund: &FundRow, one: &Contribution, change: &mut ContributionChange) -> Result<(), Fault> {
    if let Some(frozen) = one.row.fee_bps {
        if body.fee_bps.is_some_and(|asked| i64::from(asked.0) != i64::from(frozen)) {
            return Err(CONTRIBUTION_FEE_FROZEN.refuse().with("fee_bps", frozen).at("/fee_bps").into());
        }
        return Ok(());
    }
    let Some(reference) = &body.reference else { return Err(CONTRIBUTION_UNSIGNED.refuse().at("/reference").into()) };
    change.agreement_reference = Some(reference.as_str().to_owned());
    change.agreed_on = Some(body.on);
    change.fee_bps = Some(body.fee_bps.map_or(Ok(fund.fee_bps), |bps| i32::try_from(bps.0)).unwrap_or(fund.fee_bps));
    Ok(())
}

/// What a movement follows from.
fn causes(kind: Kind, one: &Contribution, all: &[Contribution], later: &Later) -> Vec<(Cause, Option<NaiveDate>)> {
    use FundMovementKind as K;
    let own = |moved: &Movement| moved.contribution == one.row.id.0;
    let first = match kind {
        // What is signed later adds to the agreement.
        Kind::Commitment => {
            return vec![(kind.cause(), later.first(&[K::Pledge], own)), (Cause::Commitment, one.row.agreed_on)];
        }
        Kind::Receipt | Kind::WriteOff => one.row.agreed_on,
        Kind::Repayment => one.row.first_received_on,
        Kind::Interest | Kind::DirectCost | Kind::BankCharge => first_receipt(all),
        Kind::RecipientsInterest => {
            let on_the_day = |one: &Contribution| later.ledgers(one.row.id.0, one.row.ledgers()).last().map_or(0, |day| day.disbursed);
            let disbursed: i64 = all.iter().map(on_the_day).sum();
            later.first(&[K::Disbursement, K::Transfer], |_| true).filter(|_| disbursed == 0)
        }
        Kind::Consent => {
            let held = later.ledgers(one.row.id.0, one.row.ledgers()).last().map_or(0, |day| day.held);
            later.first(&[K::Hold], own).filter(|_| held == 0)
        }
    };
    vec![(kind.cause(), first)]
}

/// Refuses to take more out of the pool than it has, less what the fund is short of, on that day or a later one: as costs of the
/// fund's own work, whose account is part of the pool, or back to a donor.
fn require_pooled(
    (kind, one): (Kind, &Contribution),
    all: &[Contribution],
    later: &Later,
    (amount, currency, on): (Amount, Currency, NaiveDate),
) -> Result<(), Fault> {
    let now = holdings(None, all, BTreeMap::new(), on);
    if !matches!(kind, Kind::DirectCost | Kind::Repayment) || !now.pool.contains(&one.row.id.0) {
        return Ok(());
    }
    let most = Amount::from_minor(later.tightest(now, None).pool).unwrap_or_default();
    if amount <= most { Ok(()) } else { Err(exceeded(&CONTRIBUTION_EXCEEDED, kind, most, amount, currency).into()) }
}

/// Records what was signed, received, written off or given back on a contribution, or what the fund's own account earned or paid.
#[utoipa::path(tag = "fund", request_body = NewContributionMovement, responses((status = 200, body = ContributionView)))]
#[post("/v1/organisations/{organisation_id}/contributions/{contribution_id}/movements")]
pub async fn record_contribution_movement(asked: Asked<NewContributionMovement>, path: ContributionPath) -> Answered {
    let (organisation, id) = path.into_inner();
    let act = Uuid::now_v7();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let found = db::fund::contribution::find_contribution(tx.conn, &scope, id)?;
            call.check_version(found.row.version)?;
            if body.exchange_rate_id.is_some() {
                named_rate(call, tx, body)?;
            }
            let fund = db::fund::find_fund_row(tx.conn, &scope, found.row.fund_id.0)?;
            let all = lock_contributions(tx, found.row.fund_id.0)?;
            let one = all.iter().find(|one| one.row.id == found.row.id).ok_or(Fault::Missing)?;
            let account = all.iter().find(|one| one.row.kind.0 == ContributionKind::Own).ok_or(Fault::Missing)?;
            body.kind.require(one.row.kind.0)?;
            require_open_day(call, &fund, body.on)?;
            if body.kind == Kind::Commitment {
                require_running(body.on, fund.ends_on)?;
            }
            let later = moved_later(tx, fund.id.0, body.on)?;
            require_cause(body.on, &causes(body.kind, one, &all, &later))?;
            let in_own = matches!(body.kind, Kind::Commitment | Kind::Receipt | Kind::WriteOff);
            let currency = if in_own { one.row.currency()? } else { fund.currency()? };
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            Ledgers::allow_on(&later.ledgers(id, one.row.ledgers()), body.kind, amount, currency)?;
            require_pooled((body.kind, one), &all, &later, (amount, currency, body.on))?;
            let mut change = ContributionChange::of(&one.row, one.row.ledgers());
            let effects = match body.kind {
                Kind::Commitment => {
                    sign(body, &fund, one, &mut change)?;
                    Effects { on_contribution: vec![Moved::amount(body.kind.movement(), amount.minor())], on_account: Vec::new() }
                }
                Kind::WriteOff => {
                    Effects { on_contribution: vec![Moved::amount(body.kind.movement(), amount.minor())], on_account: Vec::new() }
                }
                Kind::Receipt => {
                    change.first_received_on = change.first_received_on.min(Some(body.on)).or(Some(body.on));
                    receipt(call, body, tx, one, fund.currency()?)?
                }
                _ => Effects { on_contribution: vec![Moved::value(body.kind.movement(), amount.minor())], on_account: Vec::new() },
            };
            let reference = body.reference.as_ref().map(|reference| reference.as_str().to_owned());
            let act = FundAct { id: act, on: body.on, reference, rate: body.exchange_rate_id, allocation: None, purpose: None, by };
            for moved in effects.on_contribution {
                change.ledgers = append_movement(tx, &act, &one.row, change.ledgers, moved)?;
            }
            update_contribution(tx, &one.row, &change)?;
            let mut kept = account.row.ledgers();
            for moved in &effects.on_account {
                kept = append_movement(tx, &act, &account.row, kept, *moved)?;
            }
            if !effects.on_account.is_empty() {
                update_contribution(tx, &account.row, &ContributionChange::of(&account.row, kept))?;
            }
            let after = read_view(tx.conn, &tx.all(), id)?;
            let event = Event::of("contribution.moved", "contribution", id.0, after.version)
                .with("kind", body.kind)
                .with("amount", amount.display(currency))
                .with("currency", currency.code())
                .with("act_id", act.id.to_string());
            Ok((done(after.version, &after)?, event.into()))
        })
        .await
}
