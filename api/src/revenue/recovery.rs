//! Recoveries (ordres de reversement): what was paid without being due is claimed back from the creditor.

use actix_web::{post, web};
use chrono::Datelike as _;
use db::budget::credit::{Cause, update_credit};
use db::budget::fiscal_year::find_fiscal_year;
use db::column::Col;
use db::expenditure::CommitmentChange;
use db::expenditure::order::{PaymentOrderChange, PaymentOrderRow};
use db::fault::Fault;
use db::revenue::order::{RevenueOrder, RevenueOrderChange, RevenueOrderRow};
use db::revenue::recovery::{NewCaused, PAYMENT_ORDER, find_claimed, find_revenue_line, insert_caused};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::order::PaymentOrderState;
use domain::expenditure::require_open;
use domain::expenditure::verification::Nature;
use domain::id::{BudgetLineId, DebtorId, OrganisationId, PaymentOrderId, PrincipalId, RevenueOrderId};
use domain::ledger::{Entry, Journal, Part, Posting};
use domain::money::{Amount, Currency};
use domain::revenue::recovery::{RECOVERY_LINE_INVALID, recover};
use domain::revenue::{RevenueOrderKind, RevenueOrderState};
use domain::text::{Text, document_number};
use serde::Deserialize;
use utoipa::ToSchema;

use super::order::{RevenueOrderView, name, view};
use super::revenue_article;
use crate::answer::{Answered, created};
use crate::body::{Asked, Json};
use crate::expenditure::correction::barred;
use crate::expenditure::desk::{numbered, order_accounts};
use crate::expenditure::follow::{set_ordered, set_verified};
use crate::expenditure::own_currency;
use crate::wire::{AmountText, CurrencyText};

/// A recovery to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecovery {
    /// An identifier made by the client, if it works offline.
    id: Option<RevenueOrderId>,
    /// At most what was paid on the order and is not claimed back yet.
    amount: AmountText,
    currency: CurrencyText,
    /// Why it was not due.
    reason: Text<300>,
    /// The debtor's file, if there is one: the creditor of the order owes.
    debtor_id: Option<DebtorId>,
    /// In a year after the order's: the line of exceptional revenue that it counts on. In the same year: none.
    budget_line_id: Option<BudgetLineId>,
}

impl Json for NewRecovery {}

/// The line that a recovery counts on: none in the year of the order, later one of exceptional revenue.
fn line_of(tx: &mut Tx<'_>, order: &PaymentOrderRow, body: &NewRecovery, year: i32) -> Result<Option<(BudgetLineId, String)>, Fault> {
    match body.budget_line_id {
        None if order.fiscal_year == year => Ok(None),
        Some(line) if order.fiscal_year < year => exceptional_line(tx, line, year).map(Some),
        _ => Err(line_invalid(tx, year)?),
    }
}

fn line_invalid(tx: &mut Tx<'_>, year: i32) -> Result<Fault, Fault> {
    let accounts = db::ledger::find_posting_accounts(tx, year)?;
    Ok(RECOVERY_LINE_INVALID.refuse().with("expected", accounts.of(Part::ExceptionalIncome)).at("/budget_line_id").into())
}

/// A line of exceptional revenue of the year's budget, with its article.
pub fn exceptional_line(tx: &mut Tx<'_>, line: BudgetLineId, year: i32) -> Result<(BudgetLineId, String), Fault> {
    let scope = tx.all();
    let expected = db::ledger::find_posting_accounts(tx, year)?.of(Part::ExceptionalIncome).to_owned();
    if let Some((budgeted, article)) = find_revenue_line(tx, line)? {
        let nomenclature = find_fiscal_year(tx.conn, &scope, budgeted)?.nomenclature_id.0;
        let account = revenue_article(tx.conn, nomenclature, &article)?.and_then(|article| article.account);
        if budgeted == year && account.as_deref() == Some(&expected) {
            return Ok((line, article));
        }
    }
    Err(line_invalid(tx, year)?)
}

/// Refuses to claim back an advance that statements have recovered.
fn keep_recovered(tx: &mut Tx<'_>, order: &PaymentOrderRow, amount: Amount, currency: Currency) -> Result<(), Fault> {
    let scope = tx.all();
    let verification = db::expenditure::verification::find_verification(tx.conn, &scope, order.verification_id.0)?;
    let commitment = db::expenditure::find_commitment(tx.conn, &scope, order.commitment_id.0)?;
    if verification.nature.0 != Nature::Advance || commitment.advance_recovered <= commitment.advance_paid - amount.minor() {
        return Ok(());
    }
    Err(barred(&commitment, currency).into())
}

/// Issues a recovery of what was paid on an order without being due. It is numbered among the revenue orders and takes effect
/// when the accountant accepts it: in the year of the order the expenditure falls (no revenue), in a later year it is
/// exceptional revenue and no credit of the earlier year moves. Its collection is recorded by receipts. The version in If-Match
/// is the payment order's.
#[utoipa::path(tag = "revenue", request_body = NewRecovery, responses((status = 201, body = RevenueOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/recoveries")]
pub async fn issue_recovery(asked: Asked<NewRecovery>, path: web::Path<(OrganisationId, PaymentOrderId)>) -> Answered {
    let (organisation, order_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let order = db::expenditure::order::find_payment_order(tx.conn, &scope, order_id)?;
            call.check_version(order.version)?;
            use PaymentOrderState as S;
            domain::expenditure::require_state(order.state.0, &[S::Paid, S::PartlyPaid, S::Returned])?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let year = FiscalYear::new(call.today.year())?;
            require_open(year, find_fiscal_year(tx.conn, &scope, year.year())?.state.0)?;
            keep_recovered(tx, &order, amount, currency)?;
            let claimed = db::budget::amount(find_claimed(tx, order_id.0)?)?;
            recover(db::budget::amount(order.paid)?, claimed, amount, currency)?;
            let line = line_of(tx, &order, body, year.year())?;
            if let Some(debtor) = body.debtor_id {
                db::revenue::debtor::find_debtor(tx.conn, &scope, debtor)?;
            }
            let accounts = db::ledger::find_posting_accounts(tx, year.year())?;
            let new = NewCaused {
                id,
                fiscal_year: year.year(),
                kind: RevenueOrderKind::Recovery,
                cause: (PAYMENT_ORDER, order_id.0),
                line,
                debtor: body.debtor_id,
                label: format!("{} : {}", numbered(&order), body.reason.as_str()).chars().take(300).collect(),
                amount: amount.minor(),
                receivable_account: accounts.of(Part::Debtors).to_owned(),
                by,
            };
            let recovery = insert_caused(tx, &new)?;
            let event = Event::of("revenue_order.issued", "revenue_order", id.0, 1)
                .begun(recovery.row.state.0)
                .with("number", recovery.row.number.unwrap_or_default())
                .with("kind", recovery.row.kind.0)
                .with("payment_order_id", order_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/revenue-orders/{id}");
            Ok((created(location, 1, &view(recovery, currency))?, event.into()))
        })
        .await
}

/// Accepts a recovery in the year of its payment order: the charge falls, the debtor owes.
pub fn reverse(tx: &mut Tx<'_>, row: &RevenueOrderRow, accountant: PrincipalId) -> Result<(RevenueOrder, Events), Fault> {
    let scope = tx.all();
    let currency = own_currency(tx)?;
    let amount = db::budget::amount(row.amount)?;
    let order_id = row.cause_id.ok_or_else(|| Fault::Corrupt(format!("recovery {} comes from nowhere", row.id.0)))?.0;
    let order = db::expenditure::order::find_payment_order(tx.conn, &scope, PaymentOrderId(order_id))?;
    // A payment may have come back since the recovery was issued.
    recover(db::budget::amount(order.paid)?, db::budget::amount(order.reversed)?, amount, currency)?;
    keep_recovered(tx, &order, amount, currency)?;
    let commitment = db::expenditure::find_commitment(tx.conn, &scope, order.commitment_id.0)?;
    let verification = db::expenditure::verification::find_verification(tx.conn, &scope, order.verification_id.0)?;
    let accounts = order_accounts(tx, &commitment, verification.nature.0)?;
    let postings = vec![Posting::debit(&row.receivable_account, amount), Posting::credit(&accounts.charge, amount)];
    let entry = Entry::new(Journal::Expenditure, tx.today(), &name(row), postings, currency)?;
    let posted = db::ledger::append_entry(tx, row.fiscal_year, &entry, "revenue_order", row.id.0.0)?;
    let cause = Cause { kind: "revenue_order", id: row.id.0.0, on: tx.today() };
    update_credit(tx, &commitment.charge(), Step::Reverse, amount, cause)?;
    let (ordered, reduced) = (verification.ordered - row.amount, verification.reduced + row.amount);
    let unordered = set_ordered(tx, &verification, ordered, reduced)?;
    let advance = if verification.nature.0 == Nature::Advance { row.amount } else { 0 };
    let change = CommitmentChange {
        advance_granted: Some(commitment.advance_granted - advance),
        advance_paid: Some(commitment.advance_paid - advance),
        ..CommitmentChange::default()
    };
    let unverified = set_verified(tx, &commitment, commitment.verified - row.amount, change)?;
    let change = PaymentOrderChange { reversed: Some(order.reversed + row.amount), ..PaymentOrderChange::to(order.state.0) };
    let order_after = db::expenditure::order::update_payment_order(tx, &order, change)?;
    db::revenue::order::insert_receivable(tx, row.id.0, row.amount)?;
    let change = RevenueOrderChange {
        decided_by: Some(Col(accountant)),
        decided_on: Some(tx.today()),
        ..RevenueOrderChange::to(RevenueOrderState::Accepted)
    };
    let accepted = db::revenue::order::update_revenue_order(tx, row, change)?;
    let event = Event::of("revenue_order.accepted", "revenue_order", row.id.0.0, accepted.row.version)
        .moved(row.state.0, accepted.row.state.0)
        .with("amount", amount.display(currency))
        .with("entry_id", posted.id.to_string())
        .with("entry_digest", posted.digest);
    let moved = Event::of("payment_order.reversed", "payment_order", order_id, order_after.version)
        .with("revenue_order_id", row.id.0.to_string())
        .with("number", document_number("T", row.fiscal_year, row.number.unwrap_or_default()));
    Ok((accepted, Events::from(event).and(moved).also(unordered).also(unverified)))
}
