//! Payment orders: drafted, signed and numbered, transmitted on a batch, accepted or rejected by the accountant.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::column::Col;
use db::expenditure::order::{PaymentOrderChange, PaymentOrderFilter, PaymentOrderRow};
use db::fault::Fault;
use db::number;
use db::store::Tx;
use domain::audit::Event;
use domain::budget::Direction;
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::{OrderHands, PaymentOrderState, RejectionReason, require_open, require_state};
use domain::id::{BatchId, BudgetLineId, CommitmentId, OrganisationId, PaymentOrderId, PrincipalId, SupplierId, VerificationId};
use domain::identity::Role;
use domain::ledger::{Entry, Journal, creditor_part, order_accepted};
use domain::money::{Amount, Currency};
use domain::sensitivity::Scope;
use domain::text::{Text, document_number};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::own_currency;
use crate::access::roles_of;
use crate::answer::{Answered, created, done, listed, ok, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// A payment order (mandat).
#[derive(Serialize, ToSchema)]
pub struct PaymentOrderView {
    id: PaymentOrderId,
    organisation_id: OrganisationId,
    /// "M-2025-000017", given at signature, without gap in the year.
    #[schema(max_length = 20, example = "M-2025-000017")]
    number: Option<String>,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    verification_id: VerificationId,
    commitment_id: CommitmentId,
    /// The creditor.
    supplier_id: SupplierId,
    batch_id: Option<BatchId>,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "850000")]
    amount: String,
    #[schema(max_length = 21, example = "0")]
    paid: String,
    state: PaymentOrderState,
    drafted_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    signed_by: Option<PrincipalId>,
    signed_on: Option<NaiveDate>,
    /// The accountant who accepted or rejected it.
    decided_by: Option<PrincipalId>,
    decided_on: Option<NaiveDate>,
    rejection_reason: Option<RejectionReason>,
    #[schema(max_length = 2000)]
    rejection_text: Option<String>,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(row: PaymentOrderRow, currency: Currency) -> PaymentOrderView {
    PaymentOrderView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: row.number.map(|number| document_number("M", row.fiscal_year, number)),
        fiscal_year: row.fiscal_year,
        verification_id: row.verification_id.0,
        commitment_id: row.commitment_id.0,
        supplier_id: row.supplier_id.0,
        batch_id: row.batch_id.map(|id| id.0),
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        paid: shown(row.paid, currency),
        state: row.state.0,
        drafted_by: row.drafted_by.0,
        recorded_at: row.recorded_at.0,
        signed_by: row.signed_by.map(|id| id.0),
        signed_on: row.signed_on,
        decided_by: row.decided_by.map(|id| id.0),
        decided_on: row.decided_on,
        rejection_reason: row.rejection_reason.map(|reason| reason.0),
        rejection_text: row.rejection_text,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PaymentOrderQuery {
    /// Only orders of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only orders in one of these states, separated by commas.
    #[param(max_length = 200)]
    state: Option<String>,
    /// Only orders on this commitment.
    commitment_id: Option<CommitmentId>,
    /// Only orders on this verification.
    verification_id: Option<VerificationId>,
    /// Only orders on this batch.
    batch_id: Option<BatchId>,
    /// Only orders on this article of the nomenclature.
    #[param(max_length = 10)]
    article: Option<String>,
    /// Only orders on this budget line.
    budget_line_id: Option<BudgetLineId>,
    /// Only orders to this creditor.
    supplier_id: Option<SupplierId>,
    /// First day of the signature.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the signature.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
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

/// The payment orders of the organisation.
#[utoipa::path(tag = "expenditure", params(PaymentOrderQuery), responses((status = 200, body = Page<PaymentOrderView>)))]
#[get("/v1/organisations/{organisation_id}/payment-orders")]
pub async fn list_payment_orders(call: Call, _path: web::Path<OrganisationId>, query: Query<PaymentOrderQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<PaymentOrderId>(&call, query.after.as_deref(), query.limit)?;
    let filter = PaymentOrderFilter {
        fiscal_year: query.fiscal_year,
        state: words("state", query.state.as_deref())?,
        commitment_id: query.commitment_id,
        verification_id: query.verification_id,
        batch_id: query.batch_id,
        article: query.article,
        budget_line_id: query.budget_line_id,
        supplier_id: query.supplier_id,
        from: query.from,
        to: query.to,
        ..PaymentOrderFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = PaymentOrderFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::expenditure::order::total_payment_orders(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::expenditure::order::list_payment_orders(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One payment order.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentOrderView)))]
#[get("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}")]
pub async fn read_payment_order(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, PaymentOrderId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::expenditure::order::find_payment_order(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &view(row, currency))
}

/// An order to draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPaymentOrder {
    /// An identifier made by the client, if it works offline.
    id: Option<PaymentOrderId>,
    /// At most what is verified and not yet ordered.
    amount: AmountText,
    currency: CurrencyText,
}

impl Json for NewPaymentOrder {}

/// Drafts a payment order on a certified verification. The version in If-Match is the verification's.
#[utoipa::path(tag = "expenditure", request_body = NewPaymentOrder, responses((status = 201, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/verifications/{verification_id}/payment-orders")]
pub async fn draft_payment_order(asked: Asked<NewPaymentOrder>, path: web::Path<(OrganisationId, VerificationId)>) -> Answered {
    let (organisation, verification_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let verification = db::expenditure::find_verification(tx.conn, &scope, verification_id)?;
            call.check_version(verification.version)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let (verified, ordered) = (db::budget::amount(verification.amount)?, db::budget::amount(verification.ordered)?);
            domain::expenditure::order(verification.state.0, verified, ordered, amount, currency)?;
            let row = db::expenditure::order::insert_payment_order(tx, id, &verification, amount.minor(), principal)?;
            let event = Event::of("payment_order.drafted", "payment_order", id.0, 1)
                .begun(row.state.0)
                .with("verification_id", verification_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/payment-orders/{id}");
            Ok((created(location, 1, &view(row, currency))?, event.into()))
        })
        .await
}

type OrderPath = web::Path<(OrganisationId, PaymentOrderId)>;

/// Loads an order in one of the states that an action starts from, at the version that the caller read.
fn load(call: &Call, tx: &mut Tx<'_>, id: PaymentOrderId, from: &[PaymentOrderState]) -> Result<(PaymentOrderRow, Currency), Fault> {
    let row = db::expenditure::order::find_payment_order(tx.conn, &call.scope_in(tx.organisation), id)?;
    call.check_version(row.version)?;
    require_state(row.state.0, from)?;
    let year = find_fiscal_year(tx.conn, &call.scope_in(tx.organisation), row.fiscal_year)?;
    require_open(FiscalYear::new(row.fiscal_year)?, year.state.0)?;
    Ok((row, own_currency(tx)?))
}

/// Signs a draft: it gets its number and counts as ordered.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/signature")]
pub async fn sign_payment_order(asked: Asked<Nothing>, path: OrderPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, &[PaymentOrderState::Draft])?;
            let scope = call.scope_in(organisation);
            let verification = db::expenditure::find_verification(tx.conn, &scope, row.verification_id.0)?;
            let amount = db::budget::amount(row.amount)?;
            let (verified, ordered) = (db::budget::amount(verification.amount)?, db::budget::amount(verification.ordered)?);
            // Another draft on the same verification may have been signed since.
            domain::expenditure::order(verification.state.0, verified, ordered, amount, currency)?;
            db::expenditure::update_ordered(tx, &verification, verification.ordered + row.amount)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, row.commitment_id.0)?;
            let cause = Cause { kind: "payment_order", id: id.0, on: call.today };
            db::budget::credit::update_credit(tx, &commitment.charge(), Step::Order, amount, cause)?;
            let number = number::next(tx, row.fiscal_year, number::PAYMENT_ORDER)?;
            let change = PaymentOrderChange {
                number: Some(number),
                signed_by: Some(Col(principal)),
                signed_on: Some(call.today),
                ..PaymentOrderChange::to(PaymentOrderState::Signed)
            };
            let after = db::expenditure::order::update_payment_order(tx, &row, change)?;
            let event = Event::of("payment_order.signed", "payment_order", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("number", number)
                .with("amount", amount.display(currency));
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// Refuses the people behind an order at the accountant's desk.
pub fn keep_apart(tx: &mut Tx<'_>, scope: &Scope, row: &PaymentOrderRow, accountant: PrincipalId) -> Result<(), Fault> {
    let verification = db::expenditure::find_verification(tx.conn, scope, row.verification_id.0)?;
    let hands = OrderHands {
        recorded_by: verification.recorded_by.0,
        certified_by: verification.certified_by.map(|id| id.0),
        drafted_by: row.drafted_by.0,
        signed_by: row.signed_by.map(|id| id.0),
    };
    Ok(hands.keep_apart(accountant)?)
}

/// Accepts a transmitted order (prise en charge): the charge or asset is debited, the creditor credited.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/acceptance")]
pub async fn accept_payment_order(asked: Asked<Nothing>, path: OrderPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, &[PaymentOrderState::Transmitted])?;
            let scope = call.scope_in(organisation);
            keep_apart(tx, &scope, &row, accountant)?;
            let year = FiscalYear::new(row.fiscal_year)?;
            year.accept(call.today, call.today)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, row.commitment_id.0)?;
            let fiscal_year = find_fiscal_year(tx.conn, &scope, row.fiscal_year)?;
            let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, fiscal_year.nomenclature_id.0)?;
            let charge = nomenclature
                .article(commitment.section.0, Direction::Expenditure, &commitment.article)
                .and_then(|article| article.account.clone())
                .ok_or_else(|| Fault::Corrupt(format!("article {} has no account", commitment.article)))?;
            let accounts = db::ledger::find_posting_accounts(tx, row.fiscal_year)?;
            let creditor = accounts.of(creditor_part(commitment.section.0));
            let amount = db::budget::amount(row.amount)?;
            let label = row.number.map_or_else(String::new, |number| document_number("M", row.fiscal_year, number));
            let entry = Entry::new(Journal::Expenditure, call.today, &label, order_accepted(&charge, creditor, amount), currency)?;
            let posted = db::ledger::append_entry(tx, row.fiscal_year, &entry, "payment_order", id.0)?;
            let cause = Cause { kind: "payment_order", id: id.0, on: call.today };
            db::budget::credit::update_credit(tx, &commitment.charge(), Step::Accept, amount, cause)?;
            let change = PaymentOrderChange {
                decided_by: Some(Col(accountant)),
                decided_on: Some(call.today),
                ..PaymentOrderChange::to(PaymentOrderState::Accepted)
            };
            let after = db::expenditure::order::update_payment_order(tx, &row, change)?;
            let event = Event::of("payment_order.accepted", "payment_order", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("amount", amount.display(currency))
                .with("entry_id", posted.id.to_string())
                .with("entry_digest", posted.digest);
            Ok((done(after.version, &view(after, currency))?, event.into()))
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
            let verification = db::expenditure::find_verification(tx.conn, &scope, row.verification_id.0)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, row.commitment_id.0)?;
            let amount = db::budget::amount(row.amount)?;
            db::expenditure::update_ordered(tx, &verification, verification.ordered - row.amount)?;
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
            Ok((done(after.version, &view(after, currency))?, event.into()))
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

/// The moves of a payment order: the operation, where it starts, where it leads.
const MOVES: &[(&str, &[PaymentOrderState], PaymentOrderState)] = &[
    ("sign_payment_order", &[PaymentOrderState::Draft], PaymentOrderState::Signed),
    ("transmit_payment_orders", &[PaymentOrderState::Signed], PaymentOrderState::Transmitted),
    ("accept_payment_order", &[PaymentOrderState::Transmitted], PaymentOrderState::Accepted),
    ("reject_payment_order", &[PaymentOrderState::Transmitted], PaymentOrderState::Rejected),
    ("pay_payment_order", &[PaymentOrderState::Accepted, PaymentOrderState::PartlyPaid], PaymentOrderState::Paid),
];

/// What can be done to the order now, by whom, and what stands against it for the caller.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = Vec<PaymentOrderTransition>)))]
#[get("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/transitions")]
pub async fn list_payment_order_transitions(call: Call, path: OrderPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let author = call.author();
    let principal = call.principal()?;
    let (state, apart) = call
        .store()
        .read(move |conn| {
            let row = db::expenditure::order::find_payment_order(conn, &scope, id)?;
            let mut tx = Tx { conn, organisation: scope.organisation, author: author.clone() };
            let apart = match keep_apart(&mut tx, &scope, &row, principal) {
                Ok(()) => None,
                Err(Fault::Refused(refusal)) => Some(refusal.code.name.to_owned()),
                Err(fault) => return Err(fault),
            };
            Ok((row.state.0, apart))
        })
        .await?;
    let transitions: Vec<PaymentOrderTransition> = MOVES
        .iter()
        .filter(|(_, from, _)| from.contains(&state))
        .map(|(operation, from, to)| {
            let roles = roles_of(operation).to_vec();
            let desk = from.iter().all(|state| !matches!(state, PaymentOrderState::Draft | PaymentOrderState::Signed));
            PaymentOrderTransition {
                operation,
                to: *to,
                permitted: roles.iter().any(|role| call.roles.contains(role)),
                unmet: if desk { apart.clone().into_iter().collect() } else { Vec::new() },
                roles,
            }
        })
        .collect();
    ok(&transitions)
}
