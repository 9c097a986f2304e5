//! The accountant's desk: orders are accepted and posted, rejected, held and resumed. What can be done to an order now.

use actix_web::{get, post};
use db::budget::credit::{Cause, update_credit};
use db::budget::fiscal_year::find_fiscal_year;
use db::column::Col;
use db::expenditure::detail::{HoldRow, append_hold, find_details};
use db::expenditure::order::{PaymentOrderChange, PaymentOrderRow};
use db::expenditure::{CommitmentChange, CommitmentRow};
use db::fault::Fault;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::Direction;
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::order::{DeductionKind, HoldReason, OrderHands, PaymentOrderState, RejectionReason, requisition};
use domain::expenditure::verification::Nature;
use domain::id::PrincipalId;
use domain::identity::Role;
use domain::ledger::{Entry, Journal, Part, PostingAccounts, order_accepted};
use domain::sensitivity::Scope;
use domain::text::{Text, document_number};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::follow::set_ordered;
use super::order::{OrderPath, PaymentOrderView, load, shown_in};
use crate::access::roles_of;
use crate::answer::{Answered, done, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing};

/// Refuses the people behind an order at the accountant's desk.
pub fn keep_apart(tx: &mut Tx<'_>, scope: &Scope, row: &PaymentOrderRow, accountant: PrincipalId) -> Result<(), Fault> {
    let verification = db::expenditure::verification::find_verification(tx.conn, scope, row.verification_id.0)?;
    let hands = OrderHands {
        recorded_by: verification.recorded_by.0,
        certified_by: verification.certified_by.map(|id| id.0),
        drafted_by: row.drafted_by.0,
        signed_by: row.signed_by.map(|id| id.0),
    };
    Ok(hands.keep_apart(accountant)?)
}

/// The accounts of an order's entry.
pub struct OrderAccounts {
    /// What is debited: the article's account, or that of advances.
    pub charge: String,
    /// The creditor's.
    pub creditor: String,
    pub posting: PostingAccounts,
}

/// Finds the accounts that an order on a commitment moves: the kind of expenditure says whose the creditor's is.
pub fn order_accounts(tx: &mut Tx<'_>, commitment: &CommitmentRow, nature: Nature) -> Result<OrderAccounts, Fault> {
    let scope = tx.all();
    let posting = db::ledger::find_posting_accounts(tx, commitment.fiscal_year)?;
    let (kind, _) = db::expenditure::document::find_kind(tx.conn, &commitment.kind_code)?;
    let creditor = posting.of(kind.creditor).to_owned();
    if nature == Nature::Advance {
        return Ok(OrderAccounts { charge: posting.of(Part::Advance).to_owned(), creditor, posting });
    }
    let year = find_fiscal_year(tx.conn, &scope, commitment.fiscal_year)?;
    let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, year.nomenclature_id.0)?;
    let charge = nomenclature
        .article(commitment.section.0, Direction::Expenditure, &commitment.article)
        .and_then(|article| article.account.clone())
        .ok_or_else(|| Fault::Corrupt(format!("article {} has no account", commitment.article)))?;
    Ok(OrderAccounts { charge, creditor, posting })
}

/// The number of an order, as it stands on documents.
pub fn numbered(row: &PaymentOrderRow) -> String {
    row.number.map_or_else(String::new, |number| document_number("M", row.fiscal_year, number))
}

/// Accepts a transmitted or requisitioned order (prise en charge): the charge or asset is debited; the advance recovered,
/// what is kept back, and the creditor are credited.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/acceptance")]
pub async fn accept_payment_order(asked: Asked<Nothing>, path: OrderPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, &[PaymentOrderState::Transmitted, PaymentOrderState::Requisitioned])?;
            let scope = call.scope_in(organisation);
            keep_apart(tx, &scope, &row, accountant)?;
            FiscalYear::new(row.fiscal_year)?.accept(call.today, call.today)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, row.commitment_id.0)?;
            let verification = db::expenditure::verification::find_verification(tx.conn, &scope, row.verification_id.0)?;
            let accounts = order_accounts(tx, &commitment, verification.nature.0)?;
            let details = find_details(tx.conn, &scope, &[id])?;
            let (amount, net) = (db::budget::amount(row.amount)?, row.net()?);
            let recovered = db::budget::amount(row.advance_recovered)?;
            let mut credited = vec![(accounts.posting.of(Part::Advance), recovered)];
            for kept in &details.deductions {
                credited.push((accounts.posting.of(kept.kind.part()), db::budget::amount(kept.amount)?));
            }
            credited.push((accounts.creditor.as_str(), net));
            let whole = db::budget::amount(row.amount + row.advance_recovered)?;
            let postings = order_accepted(&accounts.charge, whole, credited);
            let entry = Entry::new(Journal::Expenditure, call.today, &numbered(&row), postings, currency)?;
            let posted = db::ledger::append_entry(tx, row.fiscal_year, &entry, "payment_order", id.0)?;
            let cause = Cause { kind: "payment_order", id: id.0, on: call.today };
            update_credit(tx, &commitment.charge(), Step::Accept, amount, cause)?;
            // What is kept back has left the creditor's claim: for the credit it is paid.
            if row.withheld > 0 {
                update_credit(tx, &commitment.charge(), Step::Pay, db::budget::amount(row.withheld)?, cause)?;
            }
            let retentions = details.deductions.iter().filter(|kept| kept.kind.0 == DeductionKind::Retention);
            let retained: i64 = retentions.map(|kept| kept.amount).sum();
            // What is kept back of an advance is advanced too, to somebody else.
            let advanced = if verification.nature.0 == Nature::Advance { row.withheld } else { 0 };
            if retained > 0 || advanced > 0 {
                let change = CommitmentChange {
                    retention_withheld: Some(commitment.retention_withheld + retained),
                    advance_paid: Some(commitment.advance_paid + advanced),
                    ..CommitmentChange::default()
                };
                db::expenditure::update_commitment(tx, &commitment, change)?;
            }
            let state = if net.is_zero() { PaymentOrderState::Paid } else { PaymentOrderState::Accepted };
            let change = PaymentOrderChange {
                decided_by: Some(Col(accountant)),
                decided_on: Some(call.today),
                entry_id: Some(Col(posted.id)),
                ..PaymentOrderChange::to(state)
            };
            let after = db::expenditure::order::update_payment_order(tx, &row, change)?;
            let event = Event::of("payment_order.accepted", "payment_order", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("amount", amount.display(currency))
                .with("net", net.display(currency))
                .with("entry_id", posted.id.to_string())
                .with("entry_digest", posted.digest);
            Ok((done(after.version, &shown_in(tx, after, currency)?)?, event.into()))
        })
        .await
}

/// Why an order is rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    reason: RejectionReason,
    /// What is missing or wrong, and how to correct it.
    text: Text<2000>,
}

impl Json for Rejection {}

/// Rejects a transmitted order with a reason. No account moves; exactly its amount is no longer ordered; the commitment
/// stands.
#[utoipa::path(tag = "expenditure", request_body = Rejection, responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/rejection")]
pub async fn reject_payment_order(asked: Asked<Rejection>, path: OrderPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, &[PaymentOrderState::Transmitted])?;
            let scope = call.scope_in(organisation);
            keep_apart(tx, &scope, &row, accountant)?;
            let verification = db::expenditure::verification::find_verification(tx.conn, &scope, row.verification_id.0)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, row.commitment_id.0)?;
            let amount = db::budget::amount(row.amount)?;
            let unordered = set_ordered(tx, &verification, verification.ordered - row.amount, verification.reduced)?;
            let cause = Cause { kind: "payment_order", id: id.0, on: call.today };
            db::budget::credit::update_credit(tx, &commitment.charge(), Step::Reject, amount, cause)?;
            let change = PaymentOrderChange {
                decided_by: Some(Col(accountant)),
                decided_on: Some(call.today),
                rejection_reason: Some(Col(body.reason)),
                rejection_text: Some(body.text.as_str().to_owned()),
                ..PaymentOrderChange::to(PaymentOrderState::Rejected)
            };
            let after = db::expenditure::order::update_payment_order(tx, &row, change)?;
            let event = Event::of("payment_order.rejected", "payment_order", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("reason", body.reason)
                .with("amount", amount.display(currency));
            Ok((done(after.version, &shown_in(tx, after, currency)?)?, Events::from(event).also(unordered)))
        })
        .await
}

/// Why an order is held.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    reason: HoldReason,
    /// What is awaited.
    text: Text<2000>,
}

impl Json for Hold {}

/// Holds a transmitted or accepted order (suspension) for want of cash, an opposition or a document. Nothing else moves.
#[utoipa::path(tag = "expenditure", request_body = Hold, responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/hold")]
pub async fn hold_payment_order(asked: Asked<Hold>, path: OrderPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let from = [PaymentOrderState::Transmitted, PaymentOrderState::Accepted, PaymentOrderState::PartlyPaid];
            let (row, currency) = load(call, tx, id, &from)?;
            keep_apart(tx, &call.scope_in(organisation), &row, accountant)?;
            append_hold(tx, id, row.state.0, body.reason, body.text.as_str(), accountant)?;
            let after = db::expenditure::order::update_payment_order(tx, &row, PaymentOrderChange::to(PaymentOrderState::Held))?;
            let event = Event::of("payment_order.held", "payment_order", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("reason", body.reason);
            Ok((done(after.version, &shown_in(tx, after, currency)?)?, event.into()))
        })
        .await
}

/// What a held order was; returned, if all that was paid of it has come back since.
fn before(hold: &HoldRow, row: &PaymentOrderRow) -> PaymentOrderState {
    if hold.held_from.0 == PaymentOrderState::PartlyPaid && row.paid == 0 { PaymentOrderState::Returned } else { hold.held_from.0 }
}

/// Resumes a held order: it is again what it was.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/resumption")]
pub async fn resume_payment_order(asked: Asked<Nothing>, path: OrderPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, &[PaymentOrderState::Held])?;
            keep_apart(tx, &call.scope_in(organisation), &row, accountant)?;
            let scope = tx.all();
            let details = find_details(tx.conn, &scope, &[id])?;
            let hold = details.hold_of(id).ok_or_else(|| Fault::Corrupt(format!("order {id} is held from nowhere")))?;
            let after = db::expenditure::order::update_payment_order(tx, &row, PaymentOrderChange::to(before(hold, &row)))?;
            let event = Event::of("payment_order.resumed", "payment_order", id.0, after.version).moved(row.state.0, after.state.0);
            Ok((done(after.version, &shown_in(tx, after, currency)?)?, event.into()))
        })
        .await
}

/// An action that can start from the order's state.
#[derive(Serialize, ToSchema)]
pub struct PaymentOrderTransition {
    /// The operation that does it.
    #[schema(max_length = 60, example = "accept_payment_order")]
    operation: &'static str,
    /// The state that it leads to.
    to: PaymentOrderState,
    /// Who may do it.
    #[schema(max_items = 20)]
    roles: Vec<Role>,
    /// Whether the caller holds one of these roles.
    permitted: bool,
    /// Codes of what stands against it now, for this caller.
    #[schema(max_items = 20, value_type = Vec<Text<60>>)]
    unmet: Vec<String>,
}

use PaymentOrderState as S;

/// The moves of a payment order: the operation, where it starts, where it leads.
const MOVES: &[(&str, &[S], S)] = &[
    ("sign_payment_order", &[S::Draft], S::Signed),
    ("transmit_payment_orders", &[S::Signed], S::Transmitted),
    ("accept_payment_order", &[S::Transmitted, S::Requisitioned], S::Accepted),
    ("reject_payment_order", &[S::Transmitted], S::Rejected),
    ("requisition_payment_order", &[S::Rejected], S::Requisitioned),
    ("hold_payment_order", &[S::Transmitted, S::Accepted, S::PartlyPaid], S::Held),
    ("resume_payment_order", &[S::Held], S::Transmitted),
    ("pay_payment_order", &[S::Accepted, S::PartlyPaid, S::Returned], S::Paid),
    ("correct_payment_order", &[S::Accepted, S::PartlyPaid, S::Returned], S::Cancelled),
];

/// What can be done to the order now, by whom, and what stands against it for the caller.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = Vec<PaymentOrderTransition>)))]
#[get("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/transitions")]
pub async fn list_payment_order_transitions(call: Call, path: OrderPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let principal = call.principal()?;
    let (state, resumed, barred, apart) = call
        .store()
        .rehearse(scope.organisation, call.author(), move |tx| {
            let row = db::expenditure::order::find_payment_order(tx.conn, &scope, id)?;
            let apart = match keep_apart(tx, &scope, &row, principal) {
                Ok(()) => None,
                Err(Fault::Refused(refusal)) => Some(refusal.code.name.to_owned()),
                Err(fault) => return Err(fault),
            };
            let details = find_details(tx.conn, &scope, &[id])?;
            let resumed = details.hold_of(id).map(|hold| before(hold, &row));
            let barred = requisition(row.state.0, row.rejection_reason.map(|reason| reason.0)).err().map(|bar| bar.code.name.to_owned());
            Ok((row.state.0, resumed, barred, apart))
        })
        .await?;
    let transitions: Vec<PaymentOrderTransition> = MOVES
        .iter()
        .filter(|(_, from, _)| from.contains(&state))
        .map(|(operation, _, to)| {
            let roles = roles_of(operation).to_vec();
            let desk = roles.contains(&Role::Accountant);
            PaymentOrderTransition {
                operation,
                to: if *operation == "resume_payment_order" { resumed.unwrap_or(*to) } else { *to },
                permitted: roles.iter().any(|role| call.roles.contains(role)),
                unmet: match *operation {
                    "requisition_payment_order" => barred.clone().into_iter().collect(),
                    _ if desk => apart.clone().into_iter().collect(),
                    _ => Vec::new(),
                },
                roles,
            }
        })
        .collect();
    ok(&transitions)
}
