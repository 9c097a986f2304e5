//! What is done with allocated money, and to which contributions it goes back: disbursed, spent, corrected, refunded.

use std::collections::BTreeMap;

use actix_web::post;
use chrono::NaiveDate;
use db::fault::Fault;
use db::fund::FundRow;
use db::fund::allocation::{AllocationLineRow, FundAllocation, lock_allocations, touch_allocation, update_line};
use db::fund::contribution::{Contribution, ContributionChange, lock_contributions, update_contribution};
use db::fund::day::moved_later;
use db::fund::movement::{FundAct, Moved, append_movement};
use db::fund::purpose::{FundPurposeRow, close_purpose, touch_purpose};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::calendar::Cause;
use domain::fund::attribution::{Bearer, attribute};
use domain::fund::day::{Later, cause_of_use, room_on};
use domain::fund::{
    FUND_USE_EXCEEDED, FundMovementKind, FundUseKind, Ledgers, LineUse, exceeded, require_free_purpose, require_open_purpose, residual,
};
use domain::id::{ContributionId, FundAllocationId, FundPurposeId};
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::purpose::{FundPurposeView, PurposePath, view};
use super::{require_cause, require_open_day};
use crate::answer::{Answered, done};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::wire::{AmountText, CurrencyText};

/// What was done with allocated money.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFundUse {
    kind: FundUseKind,
    amount: AmountText,
    /// Of the fund.
    currency: CurrencyText,
    /// Nothing is disbursed before it was allocated, spent or back before it was disbursed, corrected before it was spent; on no day
    /// after it more is used than there is.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    /// Of the report, the transfer or the bank's advice.
    reference: Text<80>,
    /// Of the donor's consent, where a refund returns to a contribution that has ended; without it, the refund is held until it is given.
    donor_consent: Option<Text<80>>,
}

impl Json for NewFundUse {}

/// The part of a contribution.
#[derive(Serialize, ToSchema)]
pub struct AttributionView {
    fund_allocation_id: FundAllocationId,
    contribution_id: ContributionId,
    #[schema(max_length = 21)]
    amount: String,
}

/// What was done with allocated money, to the smallest unit of each contribution.
#[derive(Serialize, ToSchema)]
pub struct FundUseView {
    /// Of the movements that it made.
    act_id: Uuid,
    fund_purpose_id: FundPurposeId,
    kind: FundUseKind,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    amount: String,
    on: NaiveDate,
    /// Their sum is the amount.
    #[schema(max_items = 500)]
    attributions: Vec<AttributionView>,
    /// Of the purpose.
    #[schema(minimum = 1)]
    version: i64,
}

type Line = (ContributionId, FundAllocationId);

/// A line at the end of each day from that of an act on; that of the act is the last.
fn days_of(line: &AllocationLineRow, later: &Later) -> Vec<LineUse> {
    later.line(line.contribution_id.0, line.allocation_id.0, line.line_use())
}

/// The lines of all allocations to a purpose, and what each bears on the tightest day.
fn bearers(allocations: &[FundAllocation], kind: FundUseKind, later: &Later) -> Vec<Bearer<Line>> {
    let lines = allocations.iter().flat_map(|allocation| &allocation.lines);
    let bearer = |line: &AllocationLineRow| Bearer {
        key: (line.contribution_id.0, line.allocation_id.0),
        pooled: line.pooled,
        room: room_on(&days_of(line, later), kind),
    };
    lines.map(bearer).collect()
}

/// Refuses a use that is dated before what it follows from.
fn require_after_cause(purpose: &FundPurposeRow, allocations: &[FundAllocation], used: &PurposeUse, later: &Later) -> Result<(), Fault> {
    let lines = allocations.iter().flat_map(|allocation| &allocation.lines);
    let on_the_day: Vec<LineUse> = lines.filter_map(|line| days_of(line, later).last().copied()).collect();
    require_cause(used.on, &[cause_of_use(used.kind, &on_the_day, later, purpose.id.0)])
}

/// What is done with the money of a purpose.
pub(crate) struct PurposeUse {
    /// Of the movements that it makes.
    pub act: Uuid,
    pub kind: FundUseKind,
    pub amount: Amount,
    pub on: NaiveDate,
    pub reference: String,
    /// Of the donor's consent to a refund to a contribution that has ended.
    pub donor_consent: Option<String>,
    /// The act that is undone, line by line.
    pub undone: Option<Uuid>,
}

/// Whether what comes back to a contribution has to wait: it has ended, and the donor has not agreed yet.
fn is_held(one: &Contribution, used: &PurposeUse) -> bool {
    used.kind == FundUseKind::Refund && used.donor_consent.is_none() && one.row.ends_on.is_some_and(|end| end < used.on)
}

fn reference_of(used: &PurposeUse) -> String {
    let consent = used.donor_consent.as_ref().map(|consent| format!(" ({consent})"));
    format!("{}{}", used.reference, consent.unwrap_or_default())
}

fn use_view(
    body: &NewFundUse,
    parts: &[(Line, Amount)],
    (act, purpose): (Uuid, FundPurposeId),
    currency: Currency,
    version: i64,
) -> FundUseView {
    let attribution = |((contribution, allocation), part): &(Line, Amount)| AttributionView {
        fund_allocation_id: *allocation,
        contribution_id: *contribution,
        amount: part.display(currency),
    };
    FundUseView {
        act_id: act,
        fund_purpose_id: purpose,
        kind: body.kind,
        currency: currency.code().to_owned(),
        amount: Amount::sum(parts.iter().map(|(_, part)| *part)).unwrap_or_default().display(currency),
        on: body.on,
        attributions: parts.iter().map(attribution).collect(),
        version,
    }
}

/// What a part of a line moves in the ledgers of its contribution, and what it makes of the line.
type Effects<'a> = (&'a dyn Fn(&Contribution) -> Vec<FundMovementKind>, &'a dyn Fn(&AllocationLineRow, i64) -> AllocationLineRow);

/// Appends what parts of lines moved, and keeps what became of lines, contributions and allocations.
fn apply(
    tx: &mut Tx<'_>,
    act: &FundAct,
    (contributions, allocations): (&[Contribution], &[FundAllocation]),
    parts: &[(Line, Amount)],
    (moved, after): Effects<'_>,
) -> Result<(), Fault> {
    let mut kept: BTreeMap<ContributionId, Ledgers> = BTreeMap::new();
    for ((contribution, allocation), part) in parts {
        let one = contributions.iter().find(|one| one.row.id.0 == *contribution).ok_or(Fault::Missing)?;
        let act = FundAct { allocation: Some(*allocation), ..act.clone() };
        let mut ledgers = kept.get(contribution).copied().unwrap_or_else(|| one.row.ledgers());
        for kind in moved(one) {
            ledgers = append_movement(tx, &act, &one.row, ledgers, Moved::value(kind, part.minor()))?;
        }
        kept.insert(*contribution, ledgers);
        let mut lines = allocations.iter().flat_map(|allocation| &allocation.lines);
        let line = lines.find(|line| (line.contribution_id.0, line.allocation_id.0) == (*contribution, *allocation));
        update_line(tx, &after(line.ok_or(Fault::Missing)?, part.minor()))?;
    }
    for one in contributions {
        if let Some(ledgers) = kept.get(&one.row.id.0) {
            update_contribution(tx, &one.row, &ContributionChange::of(&one.row, *ledgers))?;
        }
    }
    for allocation in allocations.iter().filter(|one| parts.iter().any(|((_, id), _)| *id == one.row.id.0)) {
        touch_allocation(tx, &allocation.row)?;
    }
    Ok(())
}

/// The parts of a use: those of the act that it undoes, or what is attributed now. No line gives more than it bears.
fn parts_of(
    tx: &mut Tx<'_>,
    used: &PurposeUse,
    (allocations, later): (&[FundAllocation], &Later),
    currency: Currency,
) -> Result<Vec<(Line, Amount)>, Fault> {
    let bearers = bearers(allocations, used.kind, later);
    let most = Amount::sum(bearers.iter().map(|bearer| bearer.room)).unwrap_or_default();
    let refusal = || exceeded(&FUND_USE_EXCEEDED, used.kind, most, used.amount, currency).into();
    if used.amount > most {
        return Err(refusal());
    }
    let Some(undone) = used.undone else {
        let mut parts = attribute(used.amount, &bearers);
        parts.retain(|(_, part)| !part.is_zero());
        return Ok(parts);
    };
    let mut parts = Vec::new();
    for (contribution, allocation, value) in db::fund::movement::parts_of(tx.conn, tx.organisation, undone, FundMovementKind::Disbursement)?
    {
        let (key, part) = ((contribution, allocation), db::budget::amount(value)?);
        if !bearers.iter().any(|bearer| bearer.key == key && part <= bearer.room) {
            return Err(refusal());
        }
        parts.push((key, part));
    }
    Ok(parts)
}

/// Does something with the money of a purpose, to the smallest unit of each contribution. Gives the purpose another version.
pub(crate) fn use_purpose(
    call: &Call,
    tx: &mut Tx<'_>,
    (purpose, fund): (&FundPurposeRow, &FundRow),
    used: &PurposeUse,
) -> Result<(Vec<(Line, Amount)>, Event), Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    require_open_purpose(purpose.closed_on)?;
    require_open_day(call, fund, used.on)?;
    let currency = fund.currency()?;
    let contributions = lock_contributions(tx, fund.id.0)?;
    let allocations = lock_allocations(tx, purpose.id.0)?;
    let later = moved_later(tx, fund.id.0, used.on)?;
    require_after_cause(purpose, &allocations, used, &later)?;
    let parts = parts_of(tx, used, (&allocations, &later), currency)?;
    let reference = Some(reference_of(used));
    let act = FundAct { id: used.act, on: used.on, reference, rate: None, allocation: None, purpose: Some(purpose.id.0), by };
    let moved = |one: &Contribution| {
        let held = is_held(one, used).then_some(FundMovementKind::Hold);
        std::iter::once(used.kind.movement()).chain(held).collect()
    };
    let after = |line: &AllocationLineRow, part| line.with_use(line.line_use().after(used.kind, part));
    apply(tx, &act, (&contributions, &allocations), &parts, (&moved, &after))?;
    touch_purpose(tx, purpose)?;
    let told = parts.iter().map(|((contribution, allocation), part)| format!("{contribution} {allocation} {}", part.minor()));
    let told: Vec<String> = told.collect();
    let digest = domain::audit::rows_digest(told.iter().map(String::as_bytes));
    let event = Event::of("fund_purpose.used", "fund_purpose", purpose.id.0.0, purpose.version + 1)
        .with("kind", used.kind)
        .with("amount", used.amount.display(currency))
        .with("currency", currency.code())
        .with("act_id", used.act.to_string())
        .with("attribution_digest", digest);
    Ok((parts, event))
}

/// Records what was done with the money allocated to a purpose, and attributes it to the contributions that pay: by largest remainder,
/// in proportion to what each still bears, first to earmarked contributions and the pool, then within the pool as it was composed when
/// the allocation was decided. What was attributed never changes. Money of a purpose that a project is paid from moves through the
/// project.
#[utoipa::path(tag = "fund", request_body = NewFundUse, responses((status = 200, body = FundUseView)))]
#[post("/v1/organisations/{organisation_id}/fund-purposes/{fund_purpose_id}/uses")]
pub async fn record_fund_use(asked: Asked<NewFundUse>, path: PurposePath) -> Answered {
    let (organisation, purpose_id) = path.into_inner();
    let act = Uuid::now_v7();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let purpose = db::fund::purpose::find_purpose(tx.conn, &scope, purpose_id)?;
            call.check_version(purpose.row.version)?;
            require_open_purpose(purpose.row.closed_on)?;
            require_free_purpose(purpose.row.held)?;
            let fund = db::fund::find_fund_row(tx.conn, &scope, purpose.row.fund_id.0)?;
            let currency = fund.currency()?;
            currency.require(&body.currency.0)?;
            let used = PurposeUse {
                act,
                kind: body.kind,
                amount: Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?,
                on: body.on,
                reference: body.reference.as_str().to_owned(),
                donor_consent: body.donor_consent.as_ref().map(|consent| consent.as_str().to_owned()),
                undone: None,
            };
            let (parts, event) = use_purpose(call, tx, (&purpose.row, &fund), &used)?;
            let version = purpose.row.version + 1;
            Ok((done(version, &use_view(body, &parts, (act, purpose_id), currency, version))?, Events::from(event)))
        })
        .await
}

/// The closure of a purpose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FundPurposeClosure {
    /// Not before the last movement of the purpose.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    /// Of the certified final report.
    reference: Text<80>,
}

impl Json for FundPurposeClosure {}

/// Closes a purpose whose money is all spent, passed on or back, but for a rest of so much at most, which stays with who carried it out.
pub(crate) fn settle_purpose(
    call: &Call,
    tx: &mut Tx<'_>,
    (purpose, fund): (&FundPurposeRow, &FundRow),
    (act, on, reference): (Uuid, NaiveDate, &str),
    residual_max: i64,
) -> Result<Event, Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    require_open_purpose(purpose.closed_on)?;
    require_open_day(call, fund, on)?;
    let currency = fund.currency()?;
    let contributions = lock_contributions(tx, fund.id.0)?;
    let allocations = lock_allocations(tx, purpose.id.0)?;
    let later = moved_later(tx, fund.id.0, on)?;
    require_cause(on, &[(Cause::LastMovement, later.last_of(purpose.id.0))])?;
    let lines = allocations.iter().flat_map(|allocation| &allocation.lines).map(AllocationLineRow::line_use);
    let rest = residual(&lines.collect::<Vec<_>>(), residual_max, on, currency)?;
    let mut parts = attribute(rest, &bearers(&allocations, FundUseKind::Refund, &later));
    parts.retain(|(_, part)| !part.is_zero());
    let reference = Some(reference.to_owned());
    let act = FundAct { id: act, on, reference, rate: None, allocation: None, purpose: Some(purpose.id.0), by };
    let after = |line: &AllocationLineRow, part| {
        let used = line.line_use();
        line.with_use(LineUse { passed_on: used.passed_on + part, ..used })
    };
    apply(tx, &act, (&contributions, &allocations), &parts, (&|_| vec![FundMovementKind::Residual], &after))?;
    close_purpose(tx, purpose, on)?;
    Ok(Event::of("fund_purpose.closed", "fund_purpose", purpose.id.0.0, purpose.version + 1)
        .with("on", on)
        .with("residual", rest.display(currency))
        .with("currency", currency.code()))
}

/// Closes a purpose: what was disbursed is spent, passed on or back, but for a rest that the fund leaves with who carried it out. What
/// was not disbursed is released before. Nothing more happens to the purpose afterwards. That of a project is closed with the project.
#[utoipa::path(tag = "fund", request_body = FundPurposeClosure, responses((status = 200, body = FundPurposeView)))]
#[post("/v1/organisations/{organisation_id}/fund-purposes/{fund_purpose_id}/closure")]
pub async fn close_fund_purpose(asked: Asked<FundPurposeClosure>, path: PurposePath) -> Answered {
    let (organisation, id) = path.into_inner();
    let act = Uuid::now_v7();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let purpose = db::fund::purpose::find_purpose(tx.conn, &scope, id)?;
            call.check_version(purpose.row.version)?;
            require_open_purpose(purpose.row.closed_on)?;
            require_free_purpose(purpose.row.held)?;
            let fund = db::fund::find_fund_row(tx.conn, &scope, purpose.row.fund_id.0)?;
            let event = settle_purpose(call, tx, (&purpose.row, &fund), (act, body.on, body.reference.as_str()), fund.residual_max)?;
            let closed = db::fund::purpose::find_purpose(tx.conn, &tx.all(), id)?;
            Ok((done(closed.row.version, &view(closed, fund.currency()?))?, event.into()))
        })
        .await
}
