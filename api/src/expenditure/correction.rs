//! Corrections of accepted orders before their payment: issued by the authorising officer, accepted by the accountant.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::credit::{Cause, update_credit};
use db::budget::fiscal_year::find_fiscal_year;
use db::expenditure::correction::{CorrectionDecision, CorrectionFilter, CorrectionRow, NewCorrection as NewRow};
use db::expenditure::detail::find_details;
use db::expenditure::order::{PaymentOrderChange, PaymentOrderRow};
use db::expenditure::verification::VerificationRow;
use db::expenditure::{CommitmentChange, CommitmentRow};
use db::fault::Fault;
use db::ledger::{Posted, append_entry, append_reversal};
use db::number;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::order::{
    CorrectionKind, CorrectionState, DeductionKind, PAYMENT_ORDER_CORRECTION_BARRED, PaymentOrderState, correct,
};
use domain::expenditure::verification::Nature;
use domain::expenditure::{DUTIES_SAME_PERSON, require_open, require_state};
use domain::id::{CorrectionId, EntryId, OrganisationId, PaymentOrderId, PrincipalId};
use domain::ledger::{Entry, Journal, Posting};
use domain::money::{Amount, Currency};
use domain::refusal::Refusal;
use domain::text::{Text, document_number};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::desk::{OrderAccounts, keep_apart, numbered, order_accounts};
use super::follow::{set_ordered, set_verified};
use super::order::{OrderPath, load};
use super::own_currency;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// A correction of an accepted order (ordre de réduction ou d'annulation).
#[derive(Serialize, ToSchema)]
pub struct CorrectionView {
    id: CorrectionId,
    organisation_id: OrganisationId,
    /// "OR-2025-000002", without gap in the year.
    #[schema(max_length = 20, example = "OR-2025-000002")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    payment_order_id: PaymentOrderId,
    kind: CorrectionKind,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// What is taken back of the net payable.
    #[schema(max_length = 21, example = "50000")]
    amount: String,
    #[schema(max_length = 2000)]
    reason: String,
    state: CorrectionState,
    issued_by: PrincipalId,
    issued_on: NaiveDate,
    decided_by: Option<PrincipalId>,
    decided_on: Option<NaiveDate>,
    /// Why the accountant refused it.
    #[schema(max_length = 2000)]
    rejection_text: Option<String>,
    /// The entry by which it was posted.
    entry_id: Option<EntryId>,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: CorrectionRow, currency: Currency) -> CorrectionView {
    CorrectionView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("OR", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        payment_order_id: row.payment_order_id.0,
        kind: row.kind.0,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        reason: row.reason,
        state: row.state.0,
        issued_by: row.issued_by.0,
        issued_on: row.issued_on,
        decided_by: row.decided_by.map(|id| id.0),
        decided_on: row.decided_on,
        rejection_text: row.rejection_text,
        entry_id: row.entry_id.map(|id| id.0),
        recorded_at: row.recorded_at.0,
        version: row.version,
    }
}

/// A correction to issue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCorrection {
    kind: CorrectionKind,
    /// A reduction takes less than what is left to pay; a cancellation takes the whole net payable.
    amount: AmountText,
    currency: CurrencyText,
    reason: Text<2000>,
}

impl Json for NewCorrection {}

/// The states of an order that can be corrected.
const CORRECTED: [PaymentOrderState; 3] = [PaymentOrderState::Accepted, PaymentOrderState::PartlyPaid, PaymentOrderState::Returned];

/// Issues a correction of an accepted order, of the same fiscal year, by what is not paid of it. It takes effect when the
/// accountant accepts it. What was paid is not corrected but recovered.
#[utoipa::path(tag = "expenditure", request_body = NewCorrection, responses((status = 201, body = CorrectionView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/corrections")]
pub async fn correct_payment_order(asked: Asked<NewCorrection>, path: OrderPath) -> Answered {
    let (organisation, order_id) = path.into_inner();
    let id = CorrectionId::new();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (order, currency) = load(call, tx, order_id, &CORRECTED)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            FiscalYear::new(order.fiscal_year)?.accept(call.today, call.today)?;
            correct(body.kind, amount, order.net()?, db::budget::amount(order.paid)?, currency)?;
            let scope = call.scope_in(organisation);
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, order.commitment_id.0)?;
            let verification = db::expenditure::verification::find_verification(tx.conn, &scope, order.verification_id.0)?;
            let taken = taken_back(tx, &order, body.kind, amount)?;
            commitment_left(&commitment, &verification, &taken, currency)?;
            let number = number::next(tx, order.fiscal_year, number::CORRECTION)?;
            let new = NewRow {
                id,
                number,
                kind: body.kind,
                amount: amount.minor(),
                reason: body.reason.as_str().to_owned(),
                issued_by: principal,
            };
            let row = db::expenditure::correction::insert_correction(tx, &order, &new)?;
            let event = Event::of("payment_order_correction.issued", "payment_order_correction", id.0, 1)
                .begun(row.state.0)
                .with("number", number)
                .with("payment_order_id", order_id.to_string())
                .with("kind", body.kind)
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/payment-order-corrections/{id}");
            Ok((created(location, 1, &view(row, currency))?, event.into()))
        })
        .await
}

/// What a correction takes back of an order: the amount charged, and what of it was kept back from the creditor.
#[derive(Default)]
struct TakenBack {
    charged: i64,
    withheld: i64,
    retained: i64,
    recovered: i64,
}

fn taken_back(tx: &mut Tx<'_>, order: &PaymentOrderRow, kind: CorrectionKind, amount: Amount) -> Result<TakenBack, Fault> {
    if kind == CorrectionKind::Reduction {
        return Ok(TakenBack { charged: amount.minor(), ..TakenBack::default() });
    }
    let scope = tx.all();
    let details = find_details(tx.conn, &scope, &[order.id.0])?;
    let retained = details.deductions.iter().filter(|kept| kept.kind.0 == DeductionKind::Retention).map(|kept| kept.amount).sum();
    let charged = order.amount - order.reduced;
    Ok(TakenBack { charged, withheld: order.withheld, retained, recovered: order.advance_recovered })
}

/// The refusal to take back what later documents rest on.
pub fn barred(commitment: &CommitmentRow, currency: Currency) -> Refusal {
    PAYMENT_ORDER_CORRECTION_BARRED
        .refuse()
        .with("recovered", shown(commitment.advance_recovered, currency))
        .with("released", shown(commitment.retention_released, currency))
        .with("currency", currency.code())
}

/// What is left of the advances and retentions of the commitment. An advance that is recovered and a retention that is
/// released stay.
fn commitment_left(
    commitment: &CommitmentRow,
    verification: &VerificationRow,
    taken: &TakenBack,
    currency: Currency,
) -> Result<CommitmentChange, Fault> {
    let (granted, paid) = if verification.nature.0 == Nature::Advance { (taken.charged, taken.withheld) } else { (0, 0) };
    let granted = commitment.advance_granted - granted;
    let recovered = commitment.advance_recovered - taken.recovered;
    let withheld = commitment.retention_withheld - taken.retained;
    if granted < recovered || withheld < commitment.retention_released {
        return Err(barred(commitment, currency).into());
    }
    Ok(CommitmentChange {
        advance_granted: Some(granted),
        advance_paid: Some(commitment.advance_paid - paid),
        advance_recovered: Some(recovered),
        retention_withheld: Some(withheld),
        ..CommitmentChange::default()
    })
}

/// Posts a correction: a reduction against the creditor; a cancellation by the opposite of the order's entry.
fn post(
    tx: &mut Tx<'_>,
    order: &PaymentOrderRow,
    correction: &CorrectionRow,
    accounts: &OrderAccounts,
    currency: Currency,
) -> Result<Posted, Fault> {
    let today = tx.today();
    let label = format!("{} : {}", document_number("OR", correction.fiscal_year, correction.number), numbered(order));
    let (source, id, year) = ("payment_order_correction", correction.id.0.0, order.fiscal_year);
    let entry = |postings: Vec<Posting>| Entry::new(Journal::Miscellaneous, today, &label, postings, currency);
    if correction.kind.0 == CorrectionKind::Reduction {
        let amount = db::budget::amount(correction.amount)?;
        let postings = vec![Posting::debit(&accounts.creditor, amount), Posting::credit(&accounts.charge, amount)];
        return append_entry(tx, year, &entry(postings)?, source, id);
    }
    let original = order.entry_id.ok_or_else(|| Fault::Corrupt(format!("order {} was accepted without an entry", order.id.0)))?.0;
    let scope = tx.all();
    let (_, lines) = db::ledger::find_entry(tx.conn, &scope, original)?;
    let mut postings = Entry::opposite(&db::ledger::postings_of(&lines)?);
    if order.reduced == 0 {
        return append_reversal(tx, year, &entry(postings)?, source, id, original);
    }
    // An order reduced before is cancelled by what is left of it: of the charge, its first line, and of the creditor's, its
    // last.
    let last = postings.len().saturating_sub(1);
    for (_, posting) in postings.iter_mut().enumerate().filter(|(index, _)| *index == 0 || *index == last) {
        posting.amount = db::budget::amount(posting.amount.minor() - order.reduced)?;
    }
    append_entry(tx, year, &entry(postings)?, source, id)
}

/// Accepts a correction: the entry is posted, and the amount is neither ordered nor verified any more. Release it from the
/// commitment to have it back as available credit.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = CorrectionView)))]
#[post("/v1/organisations/{organisation_id}/payment-order-corrections/{correction_id}/acceptance")]
pub async fn accept_payment_order_correction(asked: Asked<Nothing>, path: web::Path<(OrganisationId, CorrectionId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let row = db::expenditure::correction::find_correction(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            require_state(row.state.0, &[CorrectionState::Issued])?;
            let order = db::expenditure::order::find_payment_order(tx.conn, &scope, row.payment_order_id.0)?;
            require_state(order.state.0, &CORRECTED)?;
            if row.issued_by.0 == accountant {
                return Err(DUTIES_SAME_PERSON.refuse().into());
            }
            keep_apart(tx, &scope, &order, accountant)?;
            let year = FiscalYear::new(order.fiscal_year)?;
            require_open(year, find_fiscal_year(tx.conn, &scope, order.fiscal_year)?.state.0)?;
            year.accept(call.today, call.today)?;
            let currency = own_currency(tx)?;
            let (amount, net) = (db::budget::amount(row.amount)?, order.net()?);
            correct(row.kind.0, amount, net, db::budget::amount(order.paid)?, currency)?;

            let commitment = db::expenditure::find_commitment(tx.conn, &scope, order.commitment_id.0)?;
            let verification = db::expenditure::verification::find_verification(tx.conn, &scope, order.verification_id.0)?;
            let accounts = order_accounts(tx, &commitment, verification.nature.0)?;
            let posted = post(tx, &order, &row, &accounts, currency)?;
            let taken = taken_back(tx, &order, row.kind.0, amount)?;
            let change = commitment_left(&commitment, &verification, &taken, currency)?;
            let cause = Cause { kind: "payment_order_correction", id: id.0, on: call.today };
            update_credit(tx, &commitment.charge(), Step::Reduce, amount, cause)?;
            if taken.withheld > 0 {
                update_credit(tx, &commitment.charge(), Step::Reverse, db::budget::amount(taken.withheld)?, cause)?;
            }
            let (ordered, reduced) = (verification.ordered - taken.charged, verification.reduced + taken.charged);
            let unordered = set_ordered(tx, &verification, ordered, reduced)?;
            let unverified = set_verified(tx, &commitment, commitment.verified - taken.charged, change)?;

            let cancelled = row.kind.0 == CorrectionKind::Cancellation;
            let state = match order.net()?.checked_sub(amount) {
                _ if cancelled => PaymentOrderState::Cancelled,
                Some(left) if left.minor() == order.paid => PaymentOrderState::Paid,
                _ => order.state.0,
            };
            let change = PaymentOrderChange { reduced: Some(order.reduced + taken.charged), ..PaymentOrderChange::to(state) };
            let order_after = db::expenditure::order::update_payment_order(tx, &order, change)?;
            let after = db::expenditure::correction::decide_correction(tx, &row, accountant, CorrectionDecision::Accepted(posted.id))?;
            let event = Event::of("payment_order_correction.accepted", "payment_order_correction", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("amount", amount.display(currency))
                .with("entry_id", posted.id.to_string())
                .with("entry_digest", posted.digest);
            let moved = Event::of("payment_order.corrected", "payment_order", order.id.0.0, order_after.version)
                .moved(order.state.0, order_after.state.0)
                .with("correction_id", id.to_string());
            Ok((done(after.version, &view(after, currency))?, Events::from(event).and(moved).also(unordered).also(unverified)))
        })
        .await
}

/// Why a correction is refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectionRejection {
    /// What is wrong with it.
    text: Text<2000>,
}

impl Json for CorrectionRejection {}

/// Refuses an issued correction, one that no longer fits among others. Nothing moves; its number stays.
#[utoipa::path(tag = "expenditure", request_body = CorrectionRejection, responses((status = 200, body = CorrectionView)))]
#[post("/v1/organisations/{organisation_id}/payment-order-corrections/{correction_id}/rejection")]
pub async fn reject_payment_order_correction(
    asked: Asked<CorrectionRejection>,
    path: web::Path<(OrganisationId, CorrectionId)>,
) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let row = db::expenditure::correction::find_correction(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(row.version)?;
            require_state(row.state.0, &[CorrectionState::Issued])?;
            if row.issued_by.0 == accountant {
                return Err(DUTIES_SAME_PERSON.refuse().into());
            }
            let decision = CorrectionDecision::Rejected(body.text.as_str());
            let after = db::expenditure::correction::decide_correction(tx, &row, accountant, decision)?;
            let event = Event::of("payment_order_correction.rejected", "payment_order_correction", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("text", body.text.as_str());
            let currency = own_currency(tx)?;
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CorrectionQuery {
    /// Only corrections of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only corrections in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// Only corrections of this order.
    payment_order_id: Option<PaymentOrderId>,
    /// Only corrections of one of these kinds, separated by commas.
    #[param(max_length = 100)]
    kind: Option<String>,
    /// First day of the issue.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the issue.
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

/// The corrections of payment orders.
#[utoipa::path(tag = "expenditure", params(CorrectionQuery), responses((status = 200, body = Page<CorrectionView>)))]
#[get("/v1/organisations/{organisation_id}/payment-order-corrections")]
pub async fn list_payment_order_corrections(call: Call, _path: web::Path<OrganisationId>, query: Query<CorrectionQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<CorrectionId>(&call, query.after.as_deref(), query.limit)?;
    let filter = CorrectionFilter {
        fiscal_year: query.fiscal_year,
        state: words("state", query.state.as_deref())?,
        payment_order_id: query.payment_order_id,
        kind: words("kind", query.kind.as_deref())?,
        from: query.from,
        to: query.to,
        ..CorrectionFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = CorrectionFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::expenditure::correction::total_corrections(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::expenditure::correction::list_corrections(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One correction.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = CorrectionView)))]
#[get("/v1/organisations/{organisation_id}/payment-order-corrections/{correction_id}")]
pub async fn read_payment_order_correction(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, CorrectionId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::expenditure::correction::find_correction(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &view(row, currency))
}
