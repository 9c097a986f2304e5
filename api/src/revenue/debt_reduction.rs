//! Reductions of debts of earlier years: what the opening balances carry and is no longer due becomes exceptional revenue.

use actix_web::{post, web};
use chrono::Datelike as _;
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::budget::revenue::update_execution;
use db::column::Col;
use db::fault::Fault;
use db::revenue::order::{RevenueOrder, RevenueOrderChange, RevenueOrderRow};
use db::revenue::recovery::{CARRIED_DEBT, NewCaused, find_claimed, insert_caused};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::revenue::RevenueStep;
use domain::calendar::FiscalYear;
use domain::expenditure::require_open;
use domain::id::{BudgetLineId, CarriedDebtId, OrganisationId, PrincipalId, RevenueOrderId};
use domain::ledger::{Entry, Journal, Part, Posting};
use domain::money::Amount;
use domain::revenue::recovery::reduce_debt;
use domain::revenue::{Allotment, Receivable, RevenueOrderKind, RevenueOrderState};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::order::{RevenueOrderView, name, view};
use super::recovery::exceptional_line;
use crate::answer::{Answered, created};
use crate::body::{Asked, Json};
use crate::expenditure::own_currency;
use crate::wire::{AmountText, CurrencyText};

/// A debt of an earlier year to reduce, in part or to nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDebtReduction {
    /// An identifier made by the client, if it works offline.
    id: Option<RevenueOrderId>,
    /// At most what is still due, other reductions in flight taken off.
    amount: AmountText,
    currency: CurrencyText,
    /// Why it is not due.
    reason: Text<300>,
    /// The line of exceptional revenue of the current year that it counts on.
    budget_line_id: BudgetLineId,
}

impl Json for NewDebtReduction {}

/// Issues the reduction of a debt of an earlier year that is not paid and no longer due. The year of the order is closed, so no
/// credit moves: the reduction is numbered among the revenue orders of this year and takes effect when the accountant accepts it,
/// who debits the creditor and credits exceptional income. No money comes in. The version in If-Match is the carried debt's.
#[utoipa::path(tag = "revenue", request_body = NewDebtReduction, responses((status = 201, body = RevenueOrderView)))]
#[post("/v1/organisations/{organisation_id}/carried-debts/{carried_debt_id}/reductions")]
pub async fn reduce_carried_debt(asked: Asked<NewDebtReduction>, path: web::Path<(OrganisationId, CarriedDebtId)>) -> Answered {
    let (organisation, debt_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let debt = db::ledger::carried_debt::find_carried_debt(tx.conn, &scope, debt_id)?;
            call.check_version(debt.version)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let year = FiscalYear::new(debt.fiscal_year)?;
            require_open(year, find_fiscal_year(tx.conn, &scope, debt.fiscal_year)?.state.0)?;
            year.accept(call.today, call.today)?;
            // Accepted reductions are in what is due already.
            let claimed = find_claimed(tx, debt_id.0)? - debt.reduced;
            reduce_debt(db::budget::amount(debt.due())?, db::budget::amount(claimed)?, amount, currency)?;
            let line = exceptional_line(tx, body.budget_line_id, call.today.year())?;
            let new = NewCaused {
                id,
                fiscal_year: debt.fiscal_year,
                kind: RevenueOrderKind::DebtReduction,
                cause: (CARRIED_DEBT, debt_id.0),
                line: Some(line),
                debtor: None,
                label: format!("{} : {}", debt.reference, body.reason.as_str()).chars().take(300).collect(),
                amount: amount.minor(),
                receivable_account: debt.account_code,
                by,
            };
            let reduction = insert_caused(tx, &new)?;
            let event = Event::of("revenue_order.issued", "revenue_order", id.0, 1)
                .begun(reduction.row.state.0)
                .with("number", reduction.row.number.unwrap_or_default())
                .with("kind", reduction.row.kind.0)
                .with("carried_debt_id", debt_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/revenue-orders/{id}");
            Ok((created(location, 1, &view(reduction, currency))?, event.into()))
        })
        .await
}

/// Accepts a reduction: the creditor is debited, exceptional income credited, and nothing is left to collect.
pub fn reduce(tx: &mut Tx<'_>, row: &RevenueOrderRow, accountant: PrincipalId) -> Result<(RevenueOrder, Events), Fault> {
    let scope = tx.all();
    let currency = own_currency(tx)?;
    let amount = db::budget::amount(row.amount)?;
    let (Some(cause), Some(line)) = (row.cause_id, row.budget_line_id) else {
        return Err(Fault::Corrupt(format!("reduction {} comes from nowhere", row.id.0)));
    };
    let debt = db::ledger::carried_debt::find_carried_debt(tx.conn, &scope, CarriedDebtId(cause.0))?;
    // A payment may have been made since the reduction was issued.
    reduce_debt(db::budget::amount(debt.due())?, Amount::ZERO, amount, currency)?;
    let accounts = db::ledger::find_posting_accounts(tx, row.fiscal_year)?;
    let postings = vec![Posting::debit(&row.receivable_account, amount), Posting::credit(accounts.of(Part::ExceptionalIncome), amount)];
    let today = tx.today();
    let entry = Entry::new(Journal::Revenue, today, &name(row), postings, currency)?;
    let posted = db::ledger::append_entry(tx, row.fiscal_year, &entry, "revenue_order", row.id.0.0)?;
    let version = db::ledger::carried_debt::update_carried_debt(tx, &debt, debt.paid, debt.reduced + row.amount)?;
    let cause = Cause { kind: "revenue_order", id: row.id.0.0, on: today };
    update_execution(tx, row.fiscal_year, line.0, RevenueStep::Order, amount, cause)?;
    update_execution(tx, row.fiscal_year, line.0, RevenueStep::Collect, amount, cause)?;
    db::revenue::order::insert_receivable(tx, row.id.0, row.amount)?;
    let change = RevenueOrderChange {
        decided_by: Some(Col(accountant)),
        decided_on: Some(today),
        ..RevenueOrderChange::to(RevenueOrderState::Accepted)
    };
    let accepted = db::revenue::order::update_revenue_order(tx, row, change)?;
    let settled = Receivable::of(amount).received(Allotment { settled: amount, ..Allotment::default() })?;
    let after = db::revenue::order::update_receivable(tx, &accepted.row, &settled)?;
    let event = Event::of("revenue_order.accepted", "revenue_order", row.id.0.0, after.row.version)
        .moved(row.state.0, after.row.state.0)
        .with("amount", amount.display(currency))
        .with("entry_id", posted.id.to_string())
        .with("entry_digest", posted.digest);
    let moved = Event::of("carried_debt.reduced", "carried_debt", debt.id.0.0, version).with("revenue_order_id", row.id.0.to_string());
    Ok((after, Events::from(event).and(moved)))
}
