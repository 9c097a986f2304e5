//! Adjustments: reductions, cancellations, write-offs and waivers are proposed. Who decides: [`super::decision`].

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use db::budget::fiscal_year::find_fiscal_year;
use db::fault::Fault;
use db::number;
use db::revenue::adjustment::{AdjustmentFilter, NewAdjustment, RevenueAdjustmentRow};
use db::revenue::order::RevenueOrder;
use db::store::Tx;
use domain::audit::Event;
use domain::calendar::FiscalYear;
use domain::expenditure::require_open;
use domain::id::{BudgetLineId, DebtorId, EntryId, OrganisationId, PrincipalId, RegularisationId, RevenueAdjustmentId, RevenueOrderId};
use domain::money::{Amount, Currency};
use domain::revenue::{AdjustmentFacts, REVENUE_ADJUSTMENT_LINE_INVALID, RevenueAdjustmentKind, RevenueAdjustmentState, RevenueOrderState};
use domain::text::{Text, document_number};
use domain::word::Word as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::order::{OrderPath, apart, load};
use super::revenue_article;
use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::expenditure::regularisation::{Chargeable, chargeable};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// What lowers a debt without money: a reduction, a cancellation, a write-off or a waiver, proposed and decided.
#[derive(Serialize, ToSchema)]
pub struct RevenueAdjustmentView {
    id: RevenueAdjustmentId,
    organisation_id: OrganisationId,
    /// "AR-2025-000001", given with the proposal, without gap in the year.
    #[schema(max_length = 20, example = "AR-2025-000001")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    revenue_order_id: RevenueOrderId,
    kind: RevenueAdjustmentKind,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "25000")]
    amount: String,
    #[schema(max_length = 500)]
    reason: String,
    /// Proof of the steps that were taken to collect, for a write-off.
    #[schema(max_length = 64)]
    diligence_sha256: Option<String>,
    /// The line of expenditure that bears it; none where revenue of the year is reduced.
    budget_line_id: Option<BudgetLineId>,
    state: RevenueAdjustmentState,
    proposed_by: PrincipalId,
    proposed_on: NaiveDate,
    recorded_at: DateTime<Utc>,
    decided_by: Option<PrincipalId>,
    decided_on: Option<NaiveDate>,
    #[schema(max_length = 2000)]
    decision_text: Option<String>,
    /// The council's deliberation, for a write-off or a waiver.
    #[schema(max_length = 60)]
    deliberation_number: Option<String>,
    deliberation_held_on: Option<NaiveDate>,
    #[schema(max_length = 64)]
    deliberation_sha256: Option<String>,
    /// The charge without payment by which it was posted, if it is one.
    regularisation_id: Option<RegularisationId>,
    /// The entry by which it was posted.
    entry_id: Option<EntryId>,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(row: RevenueAdjustmentRow, currency: Currency) -> RevenueAdjustmentView {
    RevenueAdjustmentView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("AR", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        revenue_order_id: row.revenue_order_id.0,
        kind: row.kind.0,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        reason: row.reason,
        diligence_sha256: row.diligence_sha256,
        budget_line_id: row.budget_line_id.map(|id| id.0),
        state: row.state.0,
        proposed_by: row.proposed_by.0,
        proposed_on: row.proposed_on,
        recorded_at: row.recorded_at.0,
        decided_by: row.decided_by.map(|id| id.0),
        decided_on: row.decided_on,
        decision_text: row.decision_text,
        deliberation_number: row.deliberation_number,
        deliberation_held_on: row.deliberation_held_on,
        deliberation_sha256: row.deliberation_sha256,
        regularisation_id: row.regularisation_id.map(|id| id.0),
        entry_id: row.entry_id.map(|id| id.0),
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevenueAdjustmentQuery {
    /// Only adjustments of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only adjustments of one of these kinds, separated by commas.
    #[param(max_length = 100)]
    kind: Option<String>,
    /// Only adjustments in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// Only adjustments of this order.
    revenue_order_id: Option<RevenueOrderId>,
    /// Only on orders of this article.
    #[param(max_length = 20)]
    article: Option<String>,
    /// Only on orders to this debtor.
    debtor_id: Option<DebtorId>,
    /// First day of proposal.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of proposal.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// A part of the reason, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// True to be told what the whole list adds up to, over all its pages.
    #[serde(default)]
    totals: bool,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The adjustments of the organisation's revenue orders.
#[utoipa::path(tag = "revenue", params(RevenueAdjustmentQuery), responses((status = 200, body = Page<RevenueAdjustmentView>)))]
#[get("/v1/organisations/{organisation_id}/revenue-adjustments")]
pub async fn list_revenue_adjustments(call: Call, _path: web::Path<OrganisationId>, query: Query<RevenueAdjustmentQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<RevenueAdjustmentId>(&call, query.after.as_deref(), query.limit)?;
    let filter = AdjustmentFilter {
        fiscal_year: query.fiscal_year,
        kind: words("kind", query.kind.as_deref())?,
        state: words("state", query.state.as_deref())?,
        revenue_order_id: query.revenue_order_id,
        article: query.article,
        debtor_id: query.debtor_id,
        from: query.from,
        to: query.to,
        text: query.q,
        ..AdjustmentFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = AdjustmentFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::revenue::adjustment::total_adjustments(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::revenue::adjustment::list_adjustments(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One adjustment.
#[utoipa::path(tag = "revenue", responses((status = 200, body = RevenueAdjustmentView)))]
#[get("/v1/organisations/{organisation_id}/revenue-adjustments/{revenue_adjustment_id}")]
pub async fn read_revenue_adjustment(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, RevenueAdjustmentId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::revenue::adjustment::find_adjustment(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &view(row, currency))
}

/// What is proposed on an order.
pub struct Proposal<'a> {
    kind: RevenueAdjustmentKind,
    /// All that is outstanding, if nothing is said.
    amount: Option<(&'a AmountText, &'a CurrencyText)>,
    reason: &'a str,
    diligence: Option<&'a Sha256Hex>,
    line: Option<BudgetLineId>,
}

/// Judges an adjustment of an order as it stands today: everything but the credit that bears it. Gives the line that is
/// charged, or nothing where revenue of the year is reduced.
pub fn judge(
    tx: &mut Tx<'_>,
    order: &RevenueOrder,
    kind: RevenueAdjustmentKind,
    line: Option<BudgetLineId>,
) -> Result<Option<Chargeable>, Fault> {
    let scope = domain::sensitivity::Scope { organisation: tx.organisation, clearance: domain::sensitivity::Sensitivity::Sealed };
    let row = &order.row;
    let today = tx.today();
    let year = FiscalYear::new(today.year())?;
    require_open(year, find_fiscal_year(tx.conn, &scope, year.year())?.state.0)?;
    let own = db::organisation::find_own(tx)?;
    let parameters = db::parameter::find_parameters(tx.conn, COUNTRY, own.kind.as_str(), year.first_day())?;
    let nomenclature = find_fiscal_year(tx.conn, &scope, row.fiscal_year)?.nomenclature_id.0;
    let article = row.article.as_deref().map(|code| revenue_article(tx.conn, nomenclature, code)).transpose()?.flatten();
    let facts = AdjustmentFacts {
        kind,
        order_kind: row.kind.0,
        since: row.since_year.unwrap_or(row.fiscal_year),
        fiscal_year: row.fiscal_year,
        article: row.article.as_deref(),
        levy: article.and_then(|article| article.levy),
        write_off_min_years: parameters.number("write_off_min_years").and_then(|years| i32::try_from(years).ok()).unwrap_or(0),
        today,
    };
    facts.accept()?;
    let accounts = db::ledger::find_posting_accounts(tx, year.year())?;
    let expected = accounts.of(kind.charge());
    let unexpected = || REVENUE_ADJUSTMENT_LINE_INVALID.refuse().with("expected", expected).at("/budget_line_id");
    match (facts.reduces_revenue(), line) {
        (true, None) => Ok(None),
        (false, Some(line)) => {
            let on = chargeable(tx, line)?;
            if on.account == expected { Ok(Some(on)) } else { Err(unexpected().into()) }
        }
        _ => Err(unexpected().into()),
    }
}

/// Records a proposal on an open debt.
fn propose(call: &Call, tx: &mut Tx<'_>, id: RevenueAdjustmentId, order: RevenueOrderId, asked: &Proposal<'_>) -> Result<Proposed, Fault> {
    let proposed_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let (order, currency) = load(call, tx, order, &[RevenueOrderState::Accepted, RevenueOrderState::PartlyCollected])?;
    if asked.kind == RevenueAdjustmentKind::WriteOff {
        apart(&order.row, proposed_by)?;
    }
    let amount = match asked.amount {
        None => order.owed.outstanding(),
        Some((amount, of)) => {
            currency.require(&of.0)?;
            Amount::parse_positive(&amount.0, currency).map_err(|refusal| refusal.at("/amount"))?
        }
    };
    order.owed.require(amount, currency)?;
    judge(tx, &order, asked.kind, asked.line)?;
    let fiscal_year = call.today.year();
    let new = NewAdjustment {
        id,
        fiscal_year,
        number: number::next(tx, fiscal_year, number::REVENUE_ADJUSTMENT)?,
        order: order.row.id.0,
        kind: asked.kind,
        amount: amount.minor(),
        reason: asked.reason.to_owned(),
        diligence_sha256: asked.diligence.map(|digest| digest.0.clone()),
        line: asked.line,
        proposed_by,
    };
    let row = db::revenue::adjustment::insert_adjustment(tx, &new)?;
    let event = Event::of("revenue_adjustment.proposed", "revenue_adjustment", id.0, 1)
        .begun(row.state.0)
        .with("revenue_order_id", order.row.id.0.to_string())
        .with("kind", asked.kind)
        .with("amount", amount.display(currency))
        .with("currency", currency.code());
    Ok((view(row, currency), event))
}

type Proposed = (RevenueAdjustmentView, Event);

/// A part of a debt that was not due.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReduction {
    /// At most what is outstanding.
    amount: AmountText,
    currency: CurrencyText,
    reason: Text<500>,
    /// For a debt of an earlier year: the line of expenditure that bears it (652). Absent in the year of the order.
    budget_line_id: Option<BudgetLineId>,
}

impl Json for NewReduction {}

/// A debt that was not due.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCancellation {
    reason: Text<500>,
    /// For a debt of an earlier year: the line of expenditure that bears it (652). Absent in the year of the order.
    budget_line_id: Option<BudgetLineId>,
}

impl Json for NewCancellation {}

/// A debt that cannot be collected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWriteOff {
    /// At most what is outstanding.
    amount: AmountText,
    currency: CurrencyText,
    reason: Text<500>,
    /// Proof of the steps that were taken to collect (état des poursuites).
    diligence_sha256: Sha256Hex,
    /// The line of expenditure that bears it (651).
    budget_line_id: BudgetLineId,
}

impl Json for NewWriteOff {}

/// A debt to be remitted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWaiver {
    /// At most what is outstanding.
    amount: AmountText,
    currency: CurrencyText,
    reason: Text<500>,
    /// The line of expenditure that bears it (653).
    budget_line_id: BudgetLineId,
}

impl Json for NewWaiver {}

macro_rules! proposals {
    ($($(#[doc = $doc:literal])+ $operation:ident($body:ident, $path:literal) = |$asked:ident| $proposal:expr;)+) => {$(
        $(#[doc = $doc])+
        #[utoipa::path(tag = "revenue", request_body = $body, responses((status = 201, body = RevenueAdjustmentView)))]
        #[post($path)]
        pub async fn $operation(asked: Asked<$body>, path: OrderPath) -> Answered {
            let (organisation, order) = path.into_inner();
            let id = RevenueAdjustmentId::new();
            asked
                .write(move |call, $asked, tx| {
                    let (view, event) = propose(call, tx, id, order, &$proposal)?;
                    let location = format!("/v1/organisations/{organisation}/revenue-adjustments/{id}");
                    Ok((created(location, 1, &view)?, event.into()))
                })
                .await
        }
    )+};
}

proposals! {
    /// Proposes to reduce an order, because a part was not due (réduction). The accountant decides. In the year of the order its
    /// revenue is reduced; a debt of an earlier year is charged to a line of expenditure.
    propose_reduction(NewReduction, "/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/reductions") = |body| Proposal {
        kind: RevenueAdjustmentKind::Reduction,
        amount: Some((&body.amount, &body.currency)),
        reason: body.reason.as_str(),
        diligence: None,
        line: body.budget_line_id,
    };
    /// Proposes to cancel what is outstanding of an order, because nothing was due (annulation). The accountant decides.
    propose_cancellation(NewCancellation, "/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/cancellations") = |body| Proposal {
        kind: RevenueAdjustmentKind::Cancellation,
        amount: None,
        reason: body.reason.as_str(),
        diligence: None,
        line: body.budget_line_id,
    };
    /// Proposes to write off a debt that cannot be collected (admission en non-valeur). The council decides; credit on the line
    /// is required. The debt is not extinguished: what still comes is exceptional income.
    propose_write_off(NewWriteOff, "/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/write-offs") = |body| Proposal {
        kind: RevenueAdjustmentKind::WriteOff,
        amount: Some((&body.amount, &body.currency)),
        reason: body.reason.as_str(),
        diligence: Some(&body.diligence_sha256),
        line: Some(body.budget_line_id),
    };
    /// Proposes to waive a debt that is no tax (remise gracieuse). The council decides; credit on the line is required.
    propose_waiver(NewWaiver, "/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/waivers") = |body| Proposal {
        kind: RevenueAdjustmentKind::Waiver,
        amount: Some((&body.amount, &body.currency)),
        reason: body.reason.as_str(),
        diligence: None,
        line: Some(body.budget_line_id),
    };
}
