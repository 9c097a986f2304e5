//! Allocations: who would pay for a purpose and why not more, who pays, and what is given back.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::connection::Conn;
use db::effect::Effects;
use db::fault::Fault;
use db::fund::allocation::{AllocationLineRow, FundAllocation, NewAllocation, add_allocation, touch_allocation};
use db::fund::contribution::{
    Contribution, ContributionChange, all_contributions, change_contribution, lock_contributions, update_contribution,
};
use db::fund::day::moved_later;
use db::fund::movement::{FundAct, Moved, add_movement, append_movement};
use db::fund::payer::{self, Payers, find_payers};
use db::fund::purpose::{FundPurpose, as_earmarked, change_purpose};
use db::store::Wanted;
use domain::audit::{Event, Events};
use domain::calendar::Cause;
use domain::fund::allocation::{AllocationLimit, Candidate, Plan, Request, plan};
use domain::fund::attribution::{Bearer, attribute};
use domain::fund::day::{Holdings, Later, Tightest, releasable_on};
use domain::fund::earmark::EarmarkDimension;
use domain::fund::{
    ContributionKind, FUND_USE_EXCEEDED, FundMovementKind, LineUse, PURPOSE_BUDGET_EXCEEDED, exceeded, require_open_purpose,
    require_running,
};
use domain::id::{ContributionId, FundAllocationId, FundId, FundPurposeId, OrganisationId, PrincipalId};
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::purpose::PurposePath;
use super::{require_cause, require_open_day, views};
use crate::answer::{Answered, created, done, listed, ok, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// What a contribution pays of an allocation.
#[derive(Serialize, ToSchema)]
pub struct AllocationLineView {
    contribution_id: ContributionId,
    /// Whether it pays as a member of the pool. The pooled lines are the pool as it was composed on the day of the decision.
    pooled: bool,
    #[schema(max_length = 21)]
    amount: String,
    /// Given back.
    #[schema(max_length = 21)]
    released: String,
    #[schema(max_length = 21)]
    disbursed: String,
    #[schema(max_length = 21)]
    spent: String,
    #[schema(max_length = 21)]
    refunded: String,
    /// Passed on to other funds, or left with who carried the purpose out.
    #[schema(max_length = 21)]
    passed_on: String,
}

/// An allocation of a fund's money to a purpose.
#[derive(Serialize, ToSchema)]
pub struct FundAllocationView {
    id: FundAllocationId,
    organisation_id: OrganisationId,
    fund_id: FundId,
    fund_purpose_id: FundPurposeId,
    /// Of the fund.
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    amount: String,
    #[schema(max_length = 80)]
    decision_reference: String,
    decided_on: NaiveDate,
    decided_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(max_items = 500)]
    lines: Vec<AllocationLineView>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(allocation: FundAllocation, currency: Currency) -> FundAllocationView {
    let line = |line: &AllocationLineRow| AllocationLineView {
        contribution_id: line.contribution_id.0,
        pooled: line.pooled,
        amount: shown(line.amount, currency),
        released: shown(line.released, currency),
        disbursed: shown(line.disbursed, currency),
        spent: shown(line.spent, currency),
        refunded: shown(line.returned, currency),
        passed_on: shown(line.passed_on, currency),
    };
    FundAllocationView {
        lines: allocation.lines.iter().map(line).collect(),
        id: allocation.row.id.0,
        organisation_id: allocation.row.organisation_id.0,
        fund_id: allocation.row.fund_id.0,
        fund_purpose_id: allocation.row.purpose_id.0,
        currency: currency.code().to_owned(),
        amount: shown(allocation.row.amount, currency),
        decision_reference: allocation.row.decision_reference,
        decided_on: allocation.row.decided_on,
        decided_by: allocation.row.decided_by.0,
        recorded_at: allocation.row.recorded_at.0,
        version: allocation.row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FundAllocationQuery {
    /// Only allocations of this fund.
    fund_id: Option<FundId>,
    /// Only allocations to this purpose.
    fund_purpose_id: Option<FundPurposeId>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The allocations of the organisation's funds.
#[utoipa::path(tag = "fund", params(FundAllocationQuery), responses((status = 200, body = Page<FundAllocationView>)))]
#[get("/v1/organisations/{organisation_id}/fund-allocations")]
pub async fn list_fund_allocations(call: Call, _path: web::Path<OrganisationId>, query: Query<FundAllocationQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<FundAllocationId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call
        .store()
        .read(move |conn| {
            let rows = db::fund::allocation::list_allocations(conn, &scope, query.fund_id, query.fund_purpose_id, &asked)?;
            let mut found = Vec::with_capacity(rows.rows.len());
            for allocation in rows.rows {
                let currency = db::fund::find_fund_row(conn, &scope, allocation.row.fund_id.0)?.currency()?;
                found.push((allocation, currency));
            }
            views(db::page::Rows { more: rows.more, rows: found }, |(allocation, currency)| Ok(view(allocation, currency)))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}

type AllocationPath = web::Path<(OrganisationId, FundAllocationId)>;

/// One allocation.
#[utoipa::path(tag = "fund", responses((status = 200, body = FundAllocationView)))]
#[get("/v1/organisations/{organisation_id}/fund-allocations/{fund_allocation_id}")]
pub async fn read_fund_allocation(call: Call, request: HttpRequest, path: AllocationPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let allocation = call
        .store()
        .read(move |conn| {
            let allocation = db::fund::allocation::find_allocation(conn, &scope, id)?;
            let currency = db::fund::find_fund_row(conn, &scope, allocation.row.fund_id.0)?.currency()?;
            Ok(view(allocation, currency))
        })
        .await?;
    versioned(&request, allocation.version, &allocation)
}

/// What is paid for a purpose already, by contribution.
fn paying(allocations: &[FundAllocation]) -> BTreeMap<ContributionId, i64> {
    let mut paying = BTreeMap::new();
    for line in allocations.iter().flat_map(|allocation| &allocation.lines) {
        *paying.entry(line.contribution_id.0).or_default() += line.amount - line.released;
    }
    paying
}

/// What a fund has for a purpose now: whoever ended before the day of the decision pays nothing.
pub(super) fn holdings(
    purpose: Option<&FundPurpose>,
    contributions: &[Contribution],
    paying: BTreeMap<ContributionId, i64>,
    on: NaiveDate,
) -> Holdings {
    let pays = |one: &&Contribution| one.row.kind.0 != ContributionKind::InKind && one.row.ends_on.is_none_or(|end| on <= end);
    Holdings {
        ledgers: contributions.iter().map(|one| (one.row.id.0, one.row.ledgers())).collect(),
        paying,
        pool: contributions.iter().filter(pays).filter(|one| one.earmark.is_open()).map(|one| one.row.id.0).collect(),
        budget: purpose.map_or(0, |purpose| purpose.row.budget),
    }
}

/// Plans who would pay so much more for a purpose, of what there is on the tightest day.
fn plan_for(
    conn: &mut Conn,
    purpose: &FundPurpose,
    contributions: &[Contribution],
    (tightest, deficit): (&Tightest, Amount),
    (amount, currency, on): (Amount, Currency, NaiveDate),
) -> Result<Plan<ContributionId>, Fault> {
    let room = Amount::from_minor(tightest.unallocated).unwrap_or_default();
    if amount > room {
        let refusal = PURPOSE_BUDGET_EXCEEDED.refuse().with("possible", room.display(currency));
        return Err(refusal.with("requested", amount.display(currency)).with("currency", currency.code()).at("/amount").into());
    }
    let of = |sums: &BTreeMap<ContributionId, i64>, id: ContributionId| sums.get(&id).and_then(|minor| Amount::from_minor(*minor));
    let candidates = contributions.iter().filter(|one| one.row.kind.0 != ContributionKind::InKind).map(|one| Candidate {
        key: one.row.id.0,
        available: of(&tightest.available, one.row.id.0).unwrap_or_default(),
        earmark: one.earmark.clone(),
        ends_on: one.row.ends_on,
        first_received_on: one.row.first_received_on,
        paying: of(&tightest.paying, one.row.id.0).unwrap_or_default(),
        held: Amount::from_minor(one.row.held).unwrap_or_default(),
    });
    let earmarks: Vec<_> = contributions.iter().map(|one| &one.earmark).collect();
    let purpose = as_earmarked(conn, purpose, &earmarks)?;
    let request = Request { purpose: &purpose, amount, on, deficit };
    Ok(plan(&request, candidates.collect()))
}

/// The first day on which a fund received something.
pub(super) fn first_receipt(contributions: &[Contribution]) -> Option<NaiveDate> {
    contributions.iter().filter_map(|one| one.row.first_received_on).min()
}

/// What a contribution would pay, and why no more.
#[derive(Serialize, ToSchema)]
pub struct AllocationShareView {
    contribution_id: ContributionId,
    pooled: bool,
    #[schema(max_length = 21)]
    available: String,
    #[schema(max_length = 21)]
    amount: String,
    /// Every reason why it pays no more than it would.
    #[schema(max_items = 6)]
    limits: Vec<AllocationLimit>,
    /// The dimensions in which its earmark is not satisfied.
    #[schema(max_items = 6)]
    mismatches: Vec<EarmarkDimension>,
}

/// Who would pay for a purpose. Nothing is stored.
#[derive(Serialize, ToSchema)]
pub struct AllocationPlanView {
    fund_purpose_id: FundPurposeId,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    amount: String,
    /// Whether it can be allocated, all of it.
    possible: bool,
    #[schema(max_length = 21)]
    missing: String,
    /// Every contribution of the fund, in the order in which they are asked to pay.
    #[schema(max_items = 500)]
    shares: Vec<AllocationShareView>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AllocationPlanQuery {
    /// How much, in the currency of the fund; by default all that is not allocated yet of the budget.
    #[param(value_type = Option<String>, max_length = 21, pattern = "^(0|[1-9][0-9]{0,15})(\\.[0-9]{1,4})?$", example = "1000")]
    amount: Option<AmountText>,
}

/// Who would pay for a purpose if it were decided now, and every reason why not: a rehearsal of an allocation.
#[utoipa::path(tag = "fund", params(AllocationPlanQuery), responses((status = 200, body = AllocationPlanView)))]
#[get("/v1/organisations/{organisation_id}/fund-purposes/{fund_purpose_id}/allocation-plan")]
pub async fn read_allocation_plan(call: Call, path: PurposePath, query: Query<AllocationPlanQuery>) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today, text) = (call.scope()?, call.today, query.0.amount);
    let view = call
        .store()
        .read(move |conn| {
            let purpose = db::fund::purpose::find_purpose(conn, &scope, id)?;
            let fund = purpose.row.fund_id.0;
            let currency = db::fund::find_fund_row(conn, &scope, fund)?.currency()?;
            let contributions = all_contributions(conn, &scope, fund)?;
            let allocations = db::fund::allocation::allocations_of(conn, &scope, id)?;
            let paying = paying(&allocations);
            let now = holdings(Some(&purpose), &contributions, paying, today);
            let pool = now.pool.clone();
            let tightest = Later::default().tightest(now, Some(id));
            let rest = Amount::from_minor(tightest.unallocated).unwrap_or_default();
            let asked = text.as_ref().map(|text| Amount::parse_positive(&text.0, currency).map_err(|refusal| refusal.at("?amount")));
            let amount = asked.transpose()?.unwrap_or(rest);
            let there = (&tightest, tightest.deficit(&pool));
            let plan = plan_for(conn, &purpose, &contributions, there, (amount, currency, today));
            let plan = plan.map_err(|fault| fault.leading(|_| "?amount".to_owned()))?;
            let share = |share: domain::fund::allocation::Share<ContributionId>| AllocationShareView {
                contribution_id: share.key,
                pooled: share.pooled,
                available: share.available.display(currency),
                amount: share.amount.display(currency),
                limits: share.limits,
                mismatches: share.mismatches,
            };
            Ok(AllocationPlanView {
                fund_purpose_id: id,
                currency: currency.code().to_owned(),
                amount: amount.display(currency),
                possible: plan.missing.is_zero(),
                missing: plan.missing.display(currency),
                shares: plan.shares.into_iter().map(share).collect(),
            })
        })
        .await?;
    ok(&view)
}

/// An allocation to decide.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFundAllocation {
    amount: AmountText,
    /// Of the fund.
    currency: CurrencyText,
    /// Of the minutes in which it was decided.
    decision_reference: Text<80>,
    /// Day of the decision: not before the first receipt of the fund. On no day after it is more allocated than there is.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
}

impl Json for NewFundAllocation {}

/// Allocates money to a purpose, all or nothing: earmarked contributions first, of these the one that ends first, then the narrowest,
/// then the one received first; then the pool, in proportion to what each of its members has.
#[utoipa::path(tag = "fund", request_body = NewFundAllocation, responses((status = 201, body = FundAllocationView)))]
#[post("/v1/organisations/{organisation_id}/fund-purposes/{fund_purpose_id}/allocations")]
pub async fn allocate_to_purpose(asked: Asked<NewFundAllocation>, path: PurposePath) -> Answered {
    let (organisation, purpose_id) = path.into_inner();
    let id = FundAllocationId::new();
    let clearance = asked.call.scope_in(organisation).clearance;
    let wanted = Wanted::Payers(payer::Wanted { organisation, clearance, purpose: purpose_id });
    asked
        .write_wanting(organisation, Some(wanted), move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let Payers { purpose, fund, contributions, paying, last_moved_on } = find_payers(tx, &scope, purpose_id)?;
            call.check_version(purpose.row.version)?;
            require_open_purpose(purpose.row.closed_on)?;
            require_open_day(call, &fund, body.on)?;
            require_running(body.on, fund.ends_on)?;
            let currency = fund.currency()?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            require_cause(body.on, &[(Cause::Receipt, first_receipt(&contributions))])?;
            let is_back = last_moved_on.is_some_and(|last| last > body.on);
            let later = if is_back { moved_later(tx, fund.id.0, body.on)? } else { Later::default() };
            let now = holdings(Some(&purpose), &contributions, paying, body.on);
            let pool = now.pool.clone();
            let tightest = later.tightest(now, Some(purpose_id));
            let there = (&tightest, tightest.deficit(&pool));
            let shares = plan_for(tx.conn, &purpose, &contributions, there, (amount, currency, body.on))?.decide(amount, currency)?;
            let new = NewAllocation {
                id,
                fund: fund.id.0,
                purpose: purpose_id,
                amount: amount.minor(),
                decision_reference: body.decision_reference.as_str().to_owned(),
                decided_on: body.on,
                decided_by: by,
                lines: shares.iter().map(|share| (share.key, share.pooled, share.amount.minor())).collect(),
            };
            let act = FundAct {
                id: id.0,
                on: body.on,
                reference: Some(new.decision_reference.clone()),
                rate: None,
                allocation: Some(id),
                purpose: Some(purpose_id),
                by,
            };
            let mut effects = Effects::default();
            let allocation = add_allocation(&mut effects, tx, &new)?;
            for share in &shares {
                let one = contributions.iter().find(|one| one.row.id.0 == share.key).ok_or(Fault::Missing)?;
                let moved = Moved::value(FundMovementKind::Allocation, share.amount.minor());
                let ledgers = add_movement(&mut effects, tx, &act, &one.row, one.row.ledgers(), moved)?;
                change_contribution(&mut effects, &one.row, ContributionChange::of(&one.row, ledgers))?;
            }
            change_purpose(&mut effects, &purpose.row)?;
            tx.left = effects;
            let event = Event::of("fund_allocation.decided", "fund_allocation", id.0, 1)
                .with("fund_purpose_id", purpose_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code())
                .with("contribution_ids", shares.iter().map(|share| share.key.to_string()).collect::<Vec<_>>());
            let moved = Event::of("fund_purpose.allocated", "fund_purpose", purpose_id.0, purpose.row.version + 1);
            let location = format!("/v1/organisations/{organisation}/fund-allocations/{id}");
            Ok((created(location, 1, &view(allocation, currency))?, Events::from(event).and(moved)))
        })
        .await
}

/// A part of an allocation to give back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FundRelease {
    /// At most what was not disbursed, on that day and on every later one.
    amount: AmountText,
    currency: CurrencyText,
    reason: Text<300>,
    /// Not before the day of the allocation.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
}

impl Json for FundRelease {}

/// Gives a part of an allocation back to the contributions that pay it, in proportion to what was not disbursed of each.
#[utoipa::path(tag = "fund", request_body = FundRelease, responses((status = 200, body = FundAllocationView)))]
#[post("/v1/organisations/{organisation_id}/fund-allocations/{fund_allocation_id}/release")]
pub async fn release_fund_allocation(asked: Asked<FundRelease>, path: AllocationPath) -> Answered {
    let (organisation, id) = path.into_inner();
    let act = Uuid::now_v7();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let allocation = db::fund::allocation::find_allocation(tx.conn, &scope, id)?;
            call.check_version(allocation.row.version)?;
            let fund = db::fund::find_fund_row(tx.conn, &scope, allocation.row.fund_id.0)?;
            require_open_day(call, &fund, body.on)?;
            let currency = fund.currency()?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            require_cause(body.on, &[(Cause::Allocation, Some(allocation.row.decided_on))])?;
            let contributions = lock_contributions(tx, fund.id.0)?;
            let later = moved_later(tx, fund.id.0, body.on)?;
            let room = |line: &AllocationLineRow| releasable_on(&later.line(line.contribution_id.0, id, line.line_use()));
            let bearers: Vec<Bearer<ContributionId>> =
                allocation.lines.iter().map(|line| Bearer { key: line.contribution_id.0, pooled: line.pooled, room: room(line) }).collect();
            let most = Amount::sum(bearers.iter().map(|bearer| bearer.room)).unwrap_or_default();
            if amount > most {
                return Err(exceeded(&FUND_USE_EXCEEDED, FundMovementKind::Release, most, amount, currency).into());
            }
            let purpose = allocation.row.purpose_id.0;
            let reference = Some(body.reason.as_str().to_owned());
            let act = FundAct { id: act, on: body.on, reference, rate: None, allocation: Some(id), purpose: Some(purpose), by };
            for (key, part) in attribute(amount, &bearers).into_iter().filter(|(_, part)| !part.is_zero()) {
                let one = contributions.iter().find(|one| one.row.id.0 == key).ok_or(Fault::Missing)?;
                let line = allocation.lines.iter().find(|line| line.contribution_id.0 == key).ok_or(Fault::Missing)?;
                let ledgers =
                    append_movement(tx, &act, &one.row, one.row.ledgers(), Moved::value(FundMovementKind::Release, part.minor()))?;
                update_contribution(tx, &one.row, &ContributionChange::of(&one.row, ledgers))?;
                let after = LineUse { amount: line.line_use().amount - part.minor(), ..line.line_use() };
                db::fund::allocation::update_line(tx, &line.with_use(after))?;
            }
            touch_allocation(tx, &allocation.row)?;
            let version = allocation.row.version + 1;
            let event = Event::of("fund_allocation.released", "fund_allocation", id.0, version)
                .with("amount", amount.display(currency))
                .with("currency", currency.code())
                .with("act_id", act.id.to_string());
            let after = db::fund::allocation::find_allocation(tx.conn, &tx.all(), id)?;
            Ok((done(version, &view(after, currency))?, event.into()))
        })
        .await
}
