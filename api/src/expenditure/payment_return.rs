//! Payments that came back from the bank: the entry is reversed, the debt is open again.

use actix_web::{post, web};
use db::budget::credit::{Cause, update_credit};
use db::budget::fiscal_year::find_fiscal_year;
use db::expenditure::CommitmentChange;
use db::expenditure::order::PaymentOrderChange;
use db::expenditure::payment::PaymentRow;
use db::fault::Fault;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::order::PaymentOrderState;
use domain::expenditure::payment::{PAYMENT_ALREADY_RETURNED, PAYMENT_CLAIMED_BACK, PAYMENT_NOT_RETURNABLE, PaymentMode};
use domain::expenditure::require_open;
use domain::expenditure::verification::Nature;
use domain::id::{CommitmentId, OrganisationId, PaymentId, PaymentOrderId};
use domain::ledger::{Entry, Journal};
use domain::money::Currency;
use domain::text::document_number;

use super::change::Ending;
use super::own_currency;
use super::payment::{PaymentView, view};
use crate::answer::{Answered, done};
use crate::body::Asked;
use crate::wire::shown;

/// The order owes again what came back.
fn reopen_order(tx: &mut Tx<'_>, payment: &PaymentRow, id: PaymentOrderId, currency: Currency) -> Result<Event, Fault> {
    let scope = tx.all();
    let order = db::expenditure::order::find_payment_order(tx.conn, &scope, id)?;
    if order.paid - payment.amount < order.reversed {
        let refusal = PAYMENT_CLAIMED_BACK.refuse().with("reversed", shown(order.reversed, currency));
        return Err(refusal.with("currency", currency.code()).into());
    }
    let commitment = db::expenditure::find_commitment(tx.conn, &scope, order.commitment_id.0)?;
    let verification = db::expenditure::verification::find_verification(tx.conn, &scope, order.verification_id.0)?;
    let cause = Cause { kind: "payment_return", id: payment.id.0.0, on: tx.today() };
    update_credit(tx, &commitment.charge(), Step::Return, db::budget::amount(payment.amount)?, cause)?;
    if verification.nature.0 == Nature::Advance {
        let change = CommitmentChange { advance_paid: Some(commitment.advance_paid - payment.amount), ..CommitmentChange::default() };
        db::expenditure::update_commitment(tx, &commitment, change)?;
    }
    // A held order stays held.
    let state = if order.state.0 == PaymentOrderState::Held { PaymentOrderState::Held } else { PaymentOrderState::Returned };
    let change = PaymentOrderChange { paid: Some(order.paid - payment.amount), ..PaymentOrderChange::to(state) };
    let after = db::expenditure::order::update_payment_order(tx, &order, change)?;
    Ok(Event::of("payment_order.payment_returned", "payment_order", id.0, after.version)
        .moved(order.state.0, after.state.0)
        .with("payment_id", payment.id.0.to_string())
        .with("amount", shown(payment.amount, currency)))
}

/// The retention is held again.
fn retain_again(tx: &mut Tx<'_>, payment: &PaymentRow, id: CommitmentId) -> Result<Event, Fault> {
    let scope = tx.all();
    let commitment = db::expenditure::find_commitment(tx.conn, &scope, id)?;
    let change =
        CommitmentChange { retention_released: Some(commitment.retention_released - payment.amount), ..CommitmentChange::default() };
    let after = db::expenditure::update_commitment(tx, &commitment, change)?;
    Ok(Event::of("commitment.retention_returned", "commitment", id.0, after.version).with("payment_id", payment.id.0.to_string()))
}

/// Records that a payment came back from the bank (rejet bancaire): its entry is reversed by a linked opposite entry, and
/// what it paid is due again. A payment comes back whole, and once; one in cash does not.
#[utoipa::path(tag = "expenditure", request_body = Ending, responses((status = 200, body = PaymentView)))]
#[post("/v1/organisations/{organisation_id}/payments/{payment_id}/return")]
pub async fn return_payment(asked: Asked<Ending>, path: web::Path<(OrganisationId, PaymentId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let row = db::expenditure::payment::find_payment(tx.conn, &scope, id)?;
            if !db::expenditure::payment::list_payment_returns(tx.conn, &scope, &[id])?.is_empty() {
                return Err(PAYMENT_ALREADY_RETURNED.refuse().into());
            }
            call.check_version(1)?;
            if row.mode.0 == PaymentMode::Cash {
                return Err(PAYMENT_NOT_RETURNABLE.refuse().into());
            }
            let year = FiscalYear::new(row.fiscal_year)?;
            require_open(year, find_fiscal_year(tx.conn, &scope, row.fiscal_year)?.state.0)?;
            year.accept(call.today, call.today)?;
            let currency = own_currency(tx)?;
            let (_, lines) = db::ledger::find_entry(tx.conn, &scope, row.entry_id.0)?;
            let label = document_number("P", row.fiscal_year, row.number);
            let postings = Entry::opposite(&db::ledger::postings_of(&lines)?);
            let entry = Entry::new(Journal::Treasury, call.today, &label, postings, currency)?;
            let posted = db::ledger::append_reversal(tx, row.fiscal_year, &entry, "payment_return", id.0, row.entry_id.0)?;
            db::expenditure::payment::append_payment_return(tx, id, body.reason.as_str(), accountant, posted.id)?;
            let mut events = Events::from(
                Event::of("payment.returned", "payment", id.0, 2)
                    .with("reason", body.reason.as_str())
                    .with("amount", shown(row.amount, currency))
                    .with("entry_id", posted.id.to_string())
                    .with("entry_digest", posted.digest),
            );
            if let Some(order) = row.payment_order_id {
                events = events.and(reopen_order(tx, &row, order.0, currency)?);
            }
            if let Some(debt) = row.carried_debt_id {
                let debt = db::ledger::carried_debt::find_carried_debt(tx.conn, &scope, debt.0)?;
                let version = db::ledger::carried_debt::update_carried_debt(tx, &debt, debt.paid - row.amount, debt.reduced)?;
                let event = Event::of("carried_debt.payment_returned", "carried_debt", debt.id.0.0, version);
                events = events.and(event.with("payment_id", id.to_string()));
            }
            if let Some(commitment) = row.commitment_id {
                events = events.and(retain_again(tx, &row, commitment.0)?);
            }
            let returns = db::expenditure::payment::list_payment_returns(tx.conn, &scope, &[id])?;
            Ok((done(2, &view(row, &returns, currency))?, events))
        })
        .await
}
