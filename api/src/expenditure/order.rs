//! Payment orders: drafted, signed and numbered, requisitioned. What the accountant does with them: [`super::desk`].

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::column::Col;
use db::expenditure::detail::{Details, append_requisition, find_details};
use db::expenditure::order::{NewPaymentOrder as NewRow, PaymentOrderChange, PaymentOrderFilter, PaymentOrderRow};
use db::expenditure::verification::VerificationRow;
use db::fault::Fault;
use db::number;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::document::DocumentStage;
use domain::expenditure::order::{
    DeductionKind, HoldReason, PAYMENT_ORDER_AFTER_CUTOFF, PAYMENT_ORDER_REPLACES_INVALID, PaymentOrderState, RejectionReason, deduct,
    requisition,
};
use domain::expenditure::{require_open, require_state};
use domain::id::{BatchId, BudgetLineId, CommitmentId, OrganisationId, PaymentOrderId, PrincipalId, SupplierId, VerificationId};
use domain::money::{Amount, Currency};
use domain::text::{Text, document_number};
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::document::{self, NewDocument};
use super::follow::set_ordered;
use super::own_currency;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// What is kept back from the creditor.
#[derive(Serialize, ToSchema)]
pub struct DeductionView {
    kind: DeductionKind,
    #[schema(max_length = 21, example = "600000")]
    amount: String,
}

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
    /// The rejected order that this one corrects.
    replaces_id: Option<PaymentOrderId>,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// What is charged to the credit (brut).
    #[schema(max_length = 21, example = "850000")]
    amount: String,
    /// The advance that the verification recovers, on top of the amount.
    #[schema(max_length = 21, example = "0")]
    advance_recovered: String,
    /// What is kept back from the creditor.
    #[schema(max_items = 20)]
    deductions: Vec<DeductionView>,
    /// What corrections took back before the payment.
    #[schema(max_length = 21, example = "0")]
    reduced: String,
    /// What is due to the creditor (net à payer): the amount less deductions and reductions.
    #[schema(max_length = 21, example = "850000")]
    net: String,
    /// Payments, those that came back left out.
    #[schema(max_length = 21, example = "0")]
    paid: String,
    /// What was paid without being due and is claimed back (ordre de reversement).
    #[schema(max_length = 21, example = "0")]
    reversed: String,
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
    /// Why the accountant holds it; null when it is not held.
    hold_reason: Option<HoldReason>,
    #[schema(max_length = 2000)]
    hold_text: Option<String>,
    held_on: Option<NaiveDate>,
    /// The written order by which the authorising officer took the liability.
    #[schema(max_length = 200)]
    requisition_reference: Option<String>,
    requisitioned_by: Option<PrincipalId>,
    requisitioned_on: Option<NaiveDate>,
    #[schema(minimum = 1)]
    version: i64,
}

/// An order with what stands beside it.
pub fn view(row: PaymentOrderRow, details: &Details, currency: Currency) -> PaymentOrderView {
    let kept = details.deductions_of(row.id.0);
    let hold = details.hold_of(row.id.0).filter(|_| row.state.0 == PaymentOrderState::Held);
    let requisition = details.requisition_of(row.id.0);
    PaymentOrderView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: row.number.map(|number| document_number("M", row.fiscal_year, number)),
        fiscal_year: row.fiscal_year,
        verification_id: row.verification_id.0,
        commitment_id: row.commitment_id.0,
        supplier_id: row.supplier_id.0,
        batch_id: row.batch_id.map(|id| id.0),
        replaces_id: row.replaces_id.map(|id| id.0),
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        advance_recovered: shown(row.advance_recovered, currency),
        deductions: kept.map(|row| DeductionView { kind: row.kind.0, amount: shown(row.amount, currency) }).collect(),
        reduced: shown(row.reduced, currency),
        net: shown((row.amount - row.withheld - row.reduced).max(0), currency),
        paid: shown(row.paid, currency),
        reversed: shown(row.reversed, currency),
        state: row.state.0,
        drafted_by: row.drafted_by.0,
        recorded_at: row.recorded_at.0,
        signed_by: row.signed_by.map(|id| id.0),
        signed_on: row.signed_on,
        decided_by: row.decided_by.map(|id| id.0),
        decided_on: row.decided_on,
        rejection_reason: row.rejection_reason.map(|reason| reason.0),
        rejection_text: row.rejection_text,
        hold_reason: hold.map(|hold| hold.reason.0),
        hold_text: hold.map(|hold| hold.text.clone()),
        held_on: hold.map(|hold| hold.held_on),
        requisition_reference: requisition.map(|order| order.reference.clone()),
        requisitioned_by: requisition.map(|order| order.requisitioned_by.0),
        requisitioned_on: requisition.map(|order| order.requisitioned_on),
        version: row.version,
    }
}

/// The order as it now stands, with what is kept back on it.
pub fn shown_in(tx: &mut Tx<'_>, row: PaymentOrderRow, currency: Currency) -> Result<PaymentOrderView, Fault> {
    let scope = tx.all();
    let details = find_details(tx.conn, &scope, &[row.id.0])?;
    Ok(view(row, &details, currency))
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
    let (currency, rows, details, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = PaymentOrderFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::expenditure::order::total_payment_orders(conn, &scope, &filter)).transpose()?;
            let rows = db::expenditure::order::list_payment_orders(conn, &scope, &filter, &asked)?;
            let ids: Vec<PaymentOrderId> = rows.rows.iter().map(|row| row.id.0).collect();
            let details = find_details(conn, &scope, &ids)?;
            Ok((currency, rows, details, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, &details, currency)).with_total(total, currency))
}

/// One payment order.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentOrderView)))]
#[get("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}")]
pub async fn read_payment_order(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, PaymentOrderId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row, details) = call
        .store()
        .read(move |conn| {
            let row = db::expenditure::order::find_payment_order(conn, &scope, id)?;
            let details = find_details(conn, &scope, &[id])?;
            Ok((currency_in(conn, &scope)?, row, details))
        })
        .await?;
    versioned(&request, row.version, &view(row, &details, currency))
}

/// What to keep back from the creditor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeduction {
    kind: DeductionKind,
    amount: AmountText,
}

/// An order to draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPaymentOrder {
    /// An identifier made by the client, if it works offline.
    id: Option<PaymentOrderId>,
    /// At most what is verified and not yet ordered; the whole of a verification that recovers an advance.
    amount: AmountText,
    currency: CurrencyText,
    /// What is kept back: retention money (at most parameter `retention_bps` of the statement), taxes, social
    /// contributions.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    deductions: Vec<NewDeduction>,
    /// The rejected order of the same verification that this one corrects.
    replaces_id: Option<PaymentOrderId>,
    /// The supporting documents that the kind of expenditure needs at this stage.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    documents: Vec<NewDocument>,
}

impl Json for NewPaymentOrder {}

/// Reads and judges what is kept back.
fn deductions(
    tx: &mut Tx<'_>,
    body: &NewPaymentOrder,
    verification: &VerificationRow,
    amount: Amount,
    currency: Currency,
) -> Result<Vec<(DeductionKind, i64)>, Fault> {
    let mut kept = Vec::with_capacity(body.deductions.len());
    for (index, deduction) in body.deductions.iter().enumerate() {
        let pointer = format!("/deductions/{index}/amount");
        let amount = Amount::parse_positive(&deduction.amount.0, currency).map_err(|refusal| refusal.at(&pointer))?;
        kept.push((deduction.kind, amount));
    }
    let organisation = db::organisation::find_own(tx)?;
    let first_day = FiscalYear::new(verification.fiscal_year)?.first_day();
    let parameters = db::parameter::find_parameters(tx.conn, COUNTRY, organisation.kind.as_str(), first_day)?;
    let statement = db::budget::amount(amount.minor() + verification.advance_recovered)?;
    deduct(&kept, amount, statement, parameters.number("retention_bps").unwrap_or(0), currency)?;
    Ok(kept.into_iter().map(|(kind, amount)| (kind, amount.minor())).collect())
}

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
            let verification = db::expenditure::verification::find_verification(tx.conn, &scope, verification_id)?;
            call.check_version(verification.version)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            crate::identity::delegation::authorise(call, tx, amount)?;
            domain::expenditure::order::order(&verification.facts(currency)?, amount)?;
            let deductions = deductions(tx, body, &verification, amount, currency)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, verification.commitment_id.0)?;
            let (stage, nature) = (DocumentStage::PaymentOrder, verification.nature.0);
            document::require(tx, &commitment.kind_code, stage, Some(nature), amount, &body.documents, currency)?;
            if let Some(replaced) = body.replaces_id {
                let replaced = db::expenditure::order::find_payment_order(tx.conn, &scope, replaced)?;
                if replaced.state.0 != PaymentOrderState::Rejected || replaced.verification_id != verification.id {
                    return Err(PAYMENT_ORDER_REPLACES_INVALID.refuse().at("/replaces_id").into());
                }
            }
            let new = NewRow {
                id,
                amount: amount.minor(),
                advance_recovered: verification.advance_recovered,
                deductions,
                replaces: body.replaces_id,
                drafted_by: principal,
            };
            let row = db::expenditure::order::insert_payment_order(tx, &verification, &new)?;
            document::record(tx, ("payment_order", id.0), &body.documents)?;
            let event = Event::of("payment_order.drafted", "payment_order", id.0, 1)
                .begun(row.state.0)
                .with("verification_id", verification_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/payment-orders/{id}");
            Ok((created(location, 1, &shown_in(tx, row, currency)?)?, event.into()))
        })
        .await
}

pub type OrderPath = web::Path<(OrganisationId, PaymentOrderId)>;

/// Loads an order in one of the states that an action starts from, at the version that the caller read.
pub fn load(call: &Call, tx: &mut Tx<'_>, id: PaymentOrderId, from: &[PaymentOrderState]) -> Result<(PaymentOrderRow, Currency), Fault> {
    let row = db::expenditure::order::find_payment_order(tx.conn, &call.scope_in(tx.organisation), id)?;
    call.check_version(row.version)?;
    require_state(row.state.0, from)?;
    let year = find_fiscal_year(tx.conn, &call.scope_in(tx.organisation), row.fiscal_year)?;
    require_open(FiscalYear::new(row.fiscal_year)?, year.state.0)?;
    Ok((row, own_currency(tx)?))
}

/// Counts an order as ordered: its verification must still have room, and the credit follows.
fn put_in_order(tx: &mut Tx<'_>, row: &PaymentOrderRow, currency: Currency) -> Result<Option<Event>, Fault> {
    let scope = tx.all();
    let verification = db::expenditure::verification::find_verification(tx.conn, &scope, row.verification_id.0)?;
    let amount = db::budget::amount(row.amount)?;
    // Another order on the same verification may have been signed since.
    domain::expenditure::order::order(&verification.facts(currency)?, amount)?;
    let moved = set_ordered(tx, &verification, verification.ordered + row.amount, verification.reduced)?;
    let commitment = db::expenditure::find_commitment(tx.conn, &scope, row.commitment_id.0)?;
    let cause = Cause { kind: "payment_order", id: row.id.0.0, on: tx.today() };
    db::budget::credit::update_credit(tx, &commitment.charge(), Step::Order, amount, cause)?;
    Ok(moved)
}

/// Refuses to order after the year, unless parameter `complementary_payment_order_allowed` prolongs it.
fn before_cutoff(tx: &mut Tx<'_>, fiscal_year: i32, today: NaiveDate) -> Result<(), Fault> {
    let year = FiscalYear::new(fiscal_year)?;
    let organisation = db::organisation::find_own(tx)?;
    let parameters = db::parameter::find_parameters(tx.conn, COUNTRY, organisation.kind.as_str(), year.first_day())?;
    let prolonged = parameters.flag("complementary_payment_order_allowed").then(|| parameters.date("complementary_end", year)).flatten();
    let cutoff = prolonged.or(year.on("12-31")).unwrap_or(today);
    if today <= cutoff && today.year() >= fiscal_year {
        return Ok(());
    }
    Err(PAYMENT_ORDER_AFTER_CUTOFF.refuse().with("fiscal_year", fiscal_year).with("cutoff", cutoff).into())
}

/// Signs a draft: it gets its number and counts as ordered.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/signature")]
pub async fn sign_payment_order(asked: Asked<Nothing>, path: OrderPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, &[PaymentOrderState::Draft])?;
            crate::identity::delegation::authorise(call, tx, db::budget::amount(row.amount)?)?;
            before_cutoff(tx, row.fiscal_year, call.today)?;
            let ordered = put_in_order(tx, &row, currency)?;
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
                .with("amount", shown(row.amount, currency));
            Ok((done(after.version, &shown_in(tx, after, currency)?)?, Events::from(event).also(ordered)))
        })
        .await
}

/// A written order to accept what was rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Requisition {
    /// Number or name of the written order.
    reference: Text<200>,
    /// Digest of the written order.
    sha256: Sha256Hex,
}

impl Json for Requisition {}

/// Requisitions a rejected order (réquisition de paiement) in writing, on the authorising officer's own liability. Barred
/// when the cause of the rejection is want of credit, of proven service, of a visa, prescription or a wrong payee. The
/// reason of the rejection stays on the order.
#[utoipa::path(tag = "expenditure", request_body = Requisition, responses((status = 200, body = PaymentOrderView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/requisition")]
pub async fn requisition_payment_order(asked: Asked<Requisition>, path: OrderPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id, &[PaymentOrderState::Rejected])?;
            requisition(row.state.0, row.rejection_reason.map(|reason| reason.0))?;
            before_cutoff(tx, row.fiscal_year, call.today)?;
            let ordered = put_in_order(tx, &row, currency)?;
            append_requisition(tx, id, body.reference.as_str(), &body.sha256.0, principal)?;
            let change = PaymentOrderChange::to(PaymentOrderState::Requisitioned);
            let after = db::expenditure::order::update_payment_order(tx, &row, change)?;
            let event = Event::of("payment_order.requisitioned", "payment_order", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("reference", body.reference.as_str())
                .with("sha256", &body.sha256.0);
            Ok((done(after.version, &shown_in(tx, after, currency)?)?, Events::from(event).also(ordered)))
        })
        .await
}
