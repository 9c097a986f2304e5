//! The accountant's desk of revenue: orders are accepted and posted, or rejected.

use actix_web::post;
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::budget::revenue::update_execution;
use db::column::Col;
use db::fault::Fault;
use db::revenue::order::{RevenueOrder, RevenueOrderChange, RevenueOrderRow};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::revenue::RevenueStep;
use domain::calendar::FiscalYear;
use domain::id::PrincipalId;
use domain::ledger::{Entry, Journal, Part, PostingAccounts};
use domain::revenue::{Allotment, Receivable, RevenueOrderKind, RevenueOrderState, RevenueRejectionReason, order_accepted};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::debt_reduction::reduce;
use super::order::{OrderPath, RevenueOrderView, apart, load, name, require_sum, require_year, view};
use super::recovery::reverse;
use super::revenue_article;
use crate::answer::{Answered, done};
use crate::body::{Asked, Json, Nothing};
use crate::organisation::currency_of;
use crate::wire::shown;

/// Posts and records the acceptance of an order; one that regularises receipts is collected at once.
fn accept(tx: &mut Tx<'_>, row: &RevenueOrderRow, accountant: PrincipalId) -> Result<(RevenueOrder, Events), Fault> {
    let scope = tx.all();
    let organisation = db::organisation::find_own(tx)?;
    let currency = currency_of(&organisation)?;
    let amount = db::budget::amount(row.amount)?;
    let receipts = db::revenue::order::list_order_receipts(tx.conn, &scope, row.id.0)?;
    // Another order may have regularised them since.
    let receipts = db::revenue::receipt::find_regularisable(tx, &receipts)?;
    require_sum(&receipts, amount, currency)?;
    let year = FiscalYear::new(row.fiscal_year)?;
    let article = row.article.clone().unwrap_or_default();
    let fiscal_year = find_fiscal_year(tx.conn, &scope, row.fiscal_year)?;
    let income = revenue_article(tx.conn, fiscal_year.nomenclature_id.0, &article)?
        .and_then(|article| article.account)
        .ok_or_else(|| Fault::Corrupt(format!("article {article} has no account")))?;
    let accounts: PostingAccounts = db::ledger::find_posting_accounts(tx, row.fiscal_year)?;
    let whole = (amount, organisation.kind.0);
    let shares = db::revenue::share::insert_shares(tx, row.id.0, &article, whole, year.first_day())?;
    let debit = if receipts.is_empty() { &row.receivable_account } else { accounts.of(Part::UnclassifiedReceipts) };
    let postings = order_accepted(debit, &income, shares.own, accounts.of(Part::SharedTaxes), shares.others);
    let today = tx.today();
    let entry = Entry::new(Journal::Revenue, today, &name(row), postings, currency)?;
    let posted = db::ledger::append_entry(tx, row.fiscal_year, &entry, "revenue_order", row.id.0.0)?;
    let line = row.budget_line_id.ok_or_else(|| Fault::Corrupt("an order without a line".to_owned()))?.0;
    let cause = Cause { kind: "revenue_order", id: row.id.0.0, on: today };
    update_execution(tx, row.fiscal_year, line, RevenueStep::Order, shares.own, cause)?;
    db::revenue::order::insert_receivable(tx, row.id.0, row.amount)?;
    let change = RevenueOrderChange {
        decided_by: Some(Col(accountant)),
        decided_on: Some(today),
        ..RevenueOrderChange::to(RevenueOrderState::Accepted)
    };
    let accepted = db::revenue::order::update_revenue_order(tx, row, change)?;
    let event = Event::of("revenue_order.accepted", "revenue_order", row.id.0.0, accepted.row.version)
        .moved(row.state.0, accepted.row.state.0)
        .with("amount", amount.display(currency))
        .with("entry_id", posted.id.to_string())
        .with("entry_digest", posted.digest);
    if receipts.is_empty() {
        return Ok((accepted, event.into()));
    }
    for receipt in &receipts {
        db::revenue::receipt::append_regularised(tx, receipt, row.id.0)?;
    }
    update_execution(tx, row.fiscal_year, line, RevenueStep::Collect, shares.own, cause)?;
    let owed = Receivable::of(amount).received(Allotment { settled: amount, ..Allotment::default() })?;
    let collected = db::revenue::order::update_receivable(tx, &accepted.row, &owed)?;
    let regularised: Vec<String> = receipts.iter().map(|receipt| receipt.row.id.0.to_string()).collect();
    let moved = Event::of("revenue_order.collected", "revenue_order", row.id.0.0, collected.row.version)
        .moved(accepted.row.state.0, collected.row.state.0)
        .with("receipt_ids", regularised);
    Ok((collected, Events::from(event).and(moved)))
}

/// Accepts an issued order (prise en charge): who owes is debited, the revenue of the article credited; of a shared tax only the
/// own share, the others are owed to the other levels. An order that regularises receipts is collected by it. A recovery of the same
/// year lowers the expenditure instead: its charge is credited, and it is neither ordered, accepted nor paid any more. The reduction
/// of a debt of an earlier year debits the creditor and leaves nothing to collect.
#[utoipa::path(tag = "revenue", responses((status = 200, body = RevenueOrderView)))]
#[post("/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/acceptance")]
pub async fn accept_revenue_order(asked: Asked<Nothing>, path: OrderPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (order, currency) = load(call, tx, id, &[RevenueOrderState::Issued])?;
            apart(&order.row, accountant)?;
            require_year(call, tx, order.row.fiscal_year)?;
            let (after, events) = match order.row.kind.0 {
                RevenueOrderKind::Recovery if order.row.budget_line_id.is_none() => reverse(tx, &order.row, accountant)?,
                RevenueOrderKind::DebtReduction => reduce(tx, &order.row, accountant)?,
                _ => accept(tx, &order.row, accountant)?,
            };
            Ok((done(after.row.version, &view(after, currency))?, events))
        })
        .await
}

/// Why an order is rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevenueRejection {
    reason: RevenueRejectionReason,
    /// What is missing or wrong, and how to correct it.
    text: Text<2000>,
}

impl Json for RevenueRejection {}

/// Rejects an issued order with a reason. No account moves; its number stays; receipts that it was to regularise are free again.
#[utoipa::path(tag = "revenue", request_body = RevenueRejection, responses((status = 200, body = RevenueOrderView)))]
#[post("/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/rejection")]
pub async fn reject_revenue_order(asked: Asked<RevenueRejection>, path: OrderPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (order, currency) = load(call, tx, id, &[RevenueOrderState::Issued])?;
            apart(&order.row, accountant)?;
            let change = RevenueOrderChange {
                decided_by: Some(Col(accountant)),
                decided_on: Some(call.today),
                rejection_reason: Some(Col(body.reason)),
                rejection_text: Some(body.text.as_str().to_owned()),
                ..RevenueOrderChange::to(RevenueOrderState::Rejected)
            };
            let after = db::revenue::order::update_revenue_order(tx, &order.row, change)?;
            let event = Event::of("revenue_order.rejected", "revenue_order", id.0, after.row.version)
                .moved(order.row.state.0, after.row.state.0)
                .with("reason", body.reason)
                .with("amount", shown(order.row.amount, currency));
            Ok((done(after.row.version, &view(after, currency))?, event.into()))
        })
        .await
}
