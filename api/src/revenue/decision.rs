//! Decisions on adjustments: by the accountant on reductions and cancellations, by the council on write-offs and waivers.

use actix_web::{post, web};
use chrono::NaiveDate;
use db::budget::credit::Cause;
use db::budget::revenue::update_execution;
use db::column::Col;
use db::fault::Fault;
use db::ledger::Posted;
use db::revenue::adjustment::{AdjustmentDecision, RevenueAdjustmentRow};
use db::revenue::order::RevenueOrder;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::revenue::RevenueStep;
use domain::calendar::not_future;
use domain::id::{OrganisationId, RegularisationId, RevenueAdjustmentId};
use domain::identity::Role;
use domain::ledger::{Entry, Journal, Part};
use domain::money::{Amount, Currency};
use domain::revenue::{REVENUE_ADJUSTMENT_DECIDER, RevenueAdjustmentState, keep_apart, order_reduced, require_state};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::{Text, document_number};
use domain::words;
use serde::Deserialize;
use utoipa::ToSchema;

use super::adjustment::{RevenueAdjustmentView, judge, view};
use super::order::apart;
use super::revenue_article;
use crate::answer::{Answered, done};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing};
use crate::expenditure::own_currency;
use crate::expenditure::regularisation::{Regularised, regularise};

/// An adjustment that is decided, with the order that it is on.
struct Decided {
    row: RevenueAdjustmentRow,
    order: RevenueOrder,
    currency: Currency,
    decision: AdjustmentDecision,
}

/// Loads a proposal at the version that the caller read; refuses another authority, and whoever had a hand in it.
fn load(call: &Call, tx: &mut Tx<'_>, id: RevenueAdjustmentId, council: bool) -> Result<Decided, Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let scope = call.scope_in(tx.organisation);
    let row = db::revenue::adjustment::find_adjustment(tx.conn, &scope, id)?;
    call.check_version(row.version)?;
    if row.kind.0.by_council() != council {
        let decider = if council { Role::Accountant } else { Role::CouncilRegistrar };
        return Err(REVENUE_ADJUSTMENT_DECIDER.refuse().with("kind", row.kind.0).with("decider", decider).into());
    }
    require_state(row.state.0, &[RevenueAdjustmentState::Proposed])?;
    keep_apart(&[Some(row.proposed_by.0)], by)?;
    let order = db::revenue::order::find_revenue_order(tx.conn, &scope, row.revenue_order_id.0)?;
    if !council {
        apart(&order.row, by)?;
    }
    let decision = AdjustmentDecision {
        state: Col(RevenueAdjustmentState::Refused),
        decided_by: Some(Col(by)),
        decided_on: Some(call.today),
        decision_text: None,
        deliberation_number: None,
        deliberation_held_on: None,
        deliberation_sha256: None,
        own_share: 0,
        regularisation_id: None,
        entry_id: None,
    };
    let currency = own_currency(tx)?;
    Ok(Decided { row, order, currency, decision })
}

/// Posts what a granted adjustment takes off the debt: gives its entry, the own share that it takes off the year's revenue, and
/// the charge without payment, if it is one.
fn post(tx: &mut Tx<'_>, of: &Decided, amount: Amount) -> Result<(Posted, Amount, Option<RegularisationId>), Fault> {
    let Decided { row, order, currency, .. } = of;
    let label = document_number("AR", row.fiscal_year, row.number);
    let today = tx.today();
    if let Some(on) = judge(tx, order, row.kind.0, row.budget_line_id.map(|id| id.0))? {
        let charge = Regularised {
            on: &on,
            amount,
            credited_account: &order.row.receivable_account,
            cause_kind: "revenue_adjustment",
            cause_id: row.id.0.0,
            label: &label,
        };
        let (regularisation, posted) = regularise(tx, &charge, *currency)?;
        return Ok((posted, Amount::ZERO, Some(regularisation.id.0)));
    }
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
    let year = order.row.fiscal_year;
    let nomenclature = db::budget::fiscal_year::find_fiscal_year(tx.conn, &scope, year)?.nomenclature_id.0;
    let article = order.row.article.clone().unwrap_or_default();
    let income = revenue_article(tx.conn, nomenclature, &article)?
        .and_then(|article| article.account)
        .ok_or_else(|| Fault::Corrupt(format!("article {article} has no account")))?;
    let parted = db::revenue::share::part(tx, order.row.id.0, (amount, order.owed.collected.minor()))?;
    db::revenue::share::reduce_shares(tx, order.row.id.0, parted)?;
    let accounts = db::ledger::find_posting_accounts(tx, year)?;
    let shared = accounts.of(Part::SharedTaxes);
    let postings = order_reduced(&order.row.receivable_account, &income, parted.own, shared, parted.others);
    let entry = Entry::new(Journal::Revenue, today, &label, postings, *currency)?;
    let posted = db::ledger::append_entry(tx, year, &entry, "revenue_adjustment", row.id.0.0)?;
    let line = order.row.budget_line_id.ok_or_else(|| Fault::Corrupt("an order without a line".to_owned()))?.0;
    let cause = Cause { kind: "revenue_adjustment", id: row.id.0.0, on: today };
    update_execution(tx, year, line, RevenueStep::Reduce, parted.own, cause)?;
    Ok((posted, parted.own, None))
}

/// Grants: the debt is lowered and the entry posted.
fn grant(tx: &mut Tx<'_>, of: Decided) -> Result<(i64, RevenueAdjustmentView, Events), Fault> {
    let amount = db::budget::amount(of.row.amount)?;
    // Money may have come since the proposal.
    let owed = of.order.owed.adjusted(of.row.kind.0, amount, of.currency)?;
    let (posted, own, regularisation) = post(tx, &of, amount)?;
    let decision = AdjustmentDecision {
        state: Col(RevenueAdjustmentState::Granted),
        own_share: own.minor(),
        regularisation_id: regularisation.map(Col),
        entry_id: Some(Col(posted.id)),
        ..of.decision
    };
    let row = db::revenue::adjustment::update_adjustment(tx, &of.row, &decision)?;
    let order = db::revenue::order::update_receivable(tx, &of.order.row, &owed)?;
    let event = Event::of("revenue_adjustment.granted", "revenue_adjustment", row.id.0.0, row.version)
        .moved(of.row.state.0, row.state.0)
        .with("kind", row.kind.0)
        .with("amount", amount.display(of.currency))
        .with("entry_id", posted.id.to_string())
        .with("entry_digest", posted.digest);
    let moved = Event::of("revenue_order.adjusted", "revenue_order", order.row.id.0.0, order.row.version)
        .moved(of.order.row.state.0, order.row.state.0)
        .with("revenue_adjustment_id", row.id.0.to_string());
    Ok((row.version, view(row, of.currency), Events::from(event).and(moved)))
}

/// Refuses: nothing changes.
fn refuse(tx: &mut Tx<'_>, of: Decided) -> Result<(i64, RevenueAdjustmentView, Events), Fault> {
    let row = db::revenue::adjustment::update_adjustment(tx, &of.row, &of.decision)?;
    let event = Event::of("revenue_adjustment.refused", "revenue_adjustment", row.id.0.0, row.version)
        .moved(of.row.state.0, row.state.0)
        .with("kind", row.kind.0);
    Ok((row.version, view(row, of.currency), event.into()))
}

type AdjustmentPath = web::Path<(OrganisationId, RevenueAdjustmentId)>;

/// Accepts a reduction or a cancellation: the revenue of the year is reduced, or a debt of an earlier year charged.
#[utoipa::path(tag = "revenue", responses((status = 200, body = RevenueAdjustmentView)))]
#[post("/v1/organisations/{organisation_id}/revenue-adjustments/{revenue_adjustment_id}/acceptance")]
pub async fn accept_revenue_adjustment(asked: Asked<Nothing>, path: AdjustmentPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let decided = load(call, tx, id, false)?;
            let (version, view, events) = grant(tx, decided).map_err(|fault| fault.leading(|_| String::new()))?;
            Ok((done(version, &view)?, events))
        })
        .await
}

/// Why a reduction or a cancellation is rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentRejection {
    text: Text<2000>,
}

impl Json for AdjustmentRejection {}

/// Rejects a reduction or a cancellation, with a reason. Nothing changes.
#[utoipa::path(tag = "revenue", request_body = AdjustmentRejection, responses((status = 200, body = RevenueAdjustmentView)))]
#[post("/v1/organisations/{organisation_id}/revenue-adjustments/{revenue_adjustment_id}/rejection")]
pub async fn reject_revenue_adjustment(asked: Asked<AdjustmentRejection>, path: AdjustmentPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let mut decided = load(call, tx, id, false)?;
            decided.decision.decision_text = Some(body.text.as_str().to_owned());
            let (version, view, events) = refuse(tx, decided)?;
            Ok((done(version, &view)?, events))
        })
        .await
}

words! {
    /// What the council decided.
    pub enum CouncilOutcome {
        /// As proposed.
        Granted = "granted",
        /// Nothing changes.
        Refused = "refused",
    }
}

/// The council's decision on a write-off or a waiver.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CouncilDecision {
    outcome: CouncilOutcome,
    deliberation_number: Text<60>,
    /// Day of the session.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    deliberation_sha256: crate::wire::Sha256Hex,
    text: Option<Text<2000>>,
}

impl Json for CouncilDecision {}

/// Records the council's decision on a write-off or a waiver. Granted, it is charged to its line of expenditure, which must have
/// the credit, and the debt is lowered.
#[utoipa::path(tag = "revenue", request_body = CouncilDecision, responses((status = 200, body = RevenueAdjustmentView)))]
#[post("/v1/organisations/{organisation_id}/revenue-adjustments/{revenue_adjustment_id}/decision")]
pub async fn decide_revenue_adjustment(asked: Asked<CouncilDecision>, path: AdjustmentPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let mut decided = load(call, tx, id, true)?;
            not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
            decided.decision.decision_text = body.text.as_ref().map(|text| text.as_str().to_owned());
            decided.decision.deliberation_number = Some(body.deliberation_number.as_str().to_owned());
            decided.decision.deliberation_held_on = Some(body.held_on);
            decided.decision.deliberation_sha256 = Some(body.deliberation_sha256.0.clone());
            let (version, view, events) = match body.outcome {
                // The amount is that of the proposal.
                CouncilOutcome::Granted => grant(tx, decided).map_err(|fault| fault.leading(|_| String::new()))?,
                CouncilOutcome::Refused => refuse(tx, decided)?,
            };
            Ok((done(version, &view)?, events))
        })
        .await
}
