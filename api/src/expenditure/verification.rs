//! Verification (liquidation): the invoice is recorded, and somebody else certifies the service.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::column::Col;
use db::expenditure::verification::{VerificationChange, VerificationFilter, VerificationRow};
use db::expenditure::{CommitmentChange, CommitmentRow};
use db::fault::Fault;
use db::number;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::document::DocumentStage;
use domain::expenditure::require_open;
use domain::expenditure::verification::{
    Advance, InvoiceLine, Nature, VERIFICATION_DATE_INVALID, VerificationFacts, VerificationState, cancel, certify, recompute, verify,
};
use domain::id::{BudgetLineId, CommitmentId, OrganisationId, PrincipalId, SupplierId, VerificationId};
use domain::money::{Amount, Currency};
use domain::text::{Text, document_number};
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::change::Ending;
use super::document::{self, NewDocument};
use super::follow::set_verified;
use super::own_currency;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, shown};

/// A verification (liquidation): the debt is established from an invoice.
#[derive(Serialize, ToSchema)]
pub struct VerificationView {
    id: VerificationId,
    organisation_id: OrganisationId,
    /// "L-2025-000025", without gap in the year.
    #[schema(max_length = 20, example = "L-2025-000025")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    commitment_id: CommitmentId,
    supplier_id: SupplierId,
    #[schema(max_length = 60)]
    invoice_number: String,
    invoice_date: NaiveDate,
    nature: Nature,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// The invoice or statement.
    #[schema(max_length = 21, example = "850000")]
    amount: String,
    /// Tax in it, if the invoice was recomputed.
    #[schema(max_length = 21, example = "0")]
    tax: String,
    /// The lines of the invoice, if they were given.
    #[schema(max_items = 200)]
    lines: Vec<InvoiceLineView>,
    /// What it recovers of a start-up advance.
    #[schema(max_length = 21, example = "0")]
    advance_recovered: String,
    /// What is charged to the commitment and its credit: the amount less the advance recovered.
    #[schema(max_length = 21, example = "850000")]
    charged: String,
    /// What reductions and reversals took back of it.
    #[schema(max_length = 21, example = "0")]
    reduced: String,
    /// What was ordered of it, rejected orders left out.
    #[schema(max_length = 21, example = "0")]
    ordered: String,
    state: VerificationState,
    /// Why it was cancelled.
    #[schema(max_length = 2000)]
    end_reason: Option<String>,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    certified_by: Option<PrincipalId>,
    certified_on: Option<NaiveDate>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: VerificationRow, currency: Currency) -> VerificationView {
    VerificationView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("L", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        commitment_id: row.commitment_id.0,
        supplier_id: row.supplier_id.0,
        invoice_number: row.invoice_number,
        invoice_date: row.invoice_date,
        nature: row.nature.0,
        currency: currency.code().to_owned(),
        amount: shown(row.amount + row.advance_recovered, currency),
        tax: shown(row.tax, currency),
        lines: row.invoice_lines.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        advance_recovered: shown(row.advance_recovered, currency),
        charged: shown(row.amount, currency),
        reduced: shown(row.reduced, currency),
        ordered: shown(row.ordered, currency),
        state: row.state.0,
        end_reason: row.end_reason,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
        certified_by: row.certified_by.map(|id| id.0),
        certified_on: row.certified_on,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerificationQuery {
    /// Only verifications of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only verifications in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// Only verifications of this commitment.
    commitment_id: Option<CommitmentId>,
    /// Only verifications on this article of the nomenclature.
    #[param(max_length = 10)]
    article: Option<String>,
    /// Only verifications on this budget line.
    budget_line_id: Option<BudgetLineId>,
    /// Only verifications of this supplier's invoices.
    supplier_id: Option<SupplierId>,
    /// First day of the invoice.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the invoice.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// A part of the invoice's number, without regard to accents and case.
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

/// The verifications of the organisation.
#[utoipa::path(tag = "expenditure", params(VerificationQuery), responses((status = 200, body = Page<VerificationView>)))]
#[get("/v1/organisations/{organisation_id}/verifications")]
pub async fn list_verifications(call: Call, _path: web::Path<OrganisationId>, query: Query<VerificationQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<VerificationId>(&call, query.after.as_deref(), query.limit)?;
    let filter = VerificationFilter {
        fiscal_year: query.fiscal_year,
        state: words("state", query.state.as_deref())?,
        commitment_id: query.commitment_id,
        article: query.article,
        budget_line_id: query.budget_line_id,
        supplier_id: query.supplier_id,
        from: query.from,
        to: query.to,
        query: query.q,
        ..VerificationFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = VerificationFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::expenditure::verification::total_verifications(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::expenditure::verification::list_verifications(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One verification.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = VerificationView)))]
#[get("/v1/organisations/{organisation_id}/verifications/{verification_id}")]
pub async fn read_verification(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, VerificationId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::expenditure::verification::find_verification(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &view(row, currency))
}

/// A line of an invoice, as it was given.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct InvoiceLineView {
    #[schema(max_length = 300)]
    label: String,
    #[schema(minimum = 1)]
    quantity: i64,
    #[schema(max_length = 21)]
    unit_price: String,
}

/// A line of an invoice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvoiceLine {
    label: Text<300>,
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    quantity: i64,
    /// Price of one, without tax.
    unit_price: AmountText,
}

/// An invoice to verify.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVerification {
    /// An identifier made by the client, if it works offline.
    id: Option<VerificationId>,
    /// Why the debt is due; "service" by default.
    nature: Option<Nature>,
    /// As the supplier numbers it; accepted once per supplier.
    invoice_number: Text<60>,
    /// Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    invoice_date: NaiveDate,
    /// The invoice or statement, tax included.
    amount: AmountText,
    currency: CurrencyText,
    /// The lines of the invoice. If they are given, lines and tax must make the amount.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 200>")]
    #[schema(max_items = 200)]
    lines: Vec<NewInvoiceLine>,
    /// Tax in the amount; only together with lines.
    tax: Option<AmountText>,
    /// What the statement recovers of the advance paid; a final statement ("balance") recovers all that is left.
    advance_recovered: Option<AmountText>,
    /// The supporting documents that the kind of expenditure needs at this stage.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    documents: Vec<NewDocument>,
}

impl Json for NewVerification {}

/// The sums of an invoice, read and recomputed.
struct Invoice {
    amount: Amount,
    tax: Amount,
    recovered: Amount,
    lines: Option<String>,
}

fn invoice(body: &NewVerification, currency: Currency) -> Result<Invoice, Fault> {
    currency.require(&body.currency.0)?;
    let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
    let optional = |text: &Option<AmountText>, pointer: &str| {
        text.as_ref().map_or(Ok(Amount::ZERO), |text| Amount::parse(&text.0, currency).map_err(|refusal| refusal.at(pointer)))
    };
    let (tax, recovered) = (optional(&body.tax, "/tax")?, optional(&body.advance_recovered, "/advance_recovered")?);
    let mut lines = Vec::with_capacity(body.lines.len());
    let mut views = Vec::with_capacity(body.lines.len());
    for (index, line) in body.lines.iter().enumerate() {
        let price = Amount::parse(&line.unit_price.0, currency).map_err(|refusal| refusal.at(&format!("/lines/{index}/unit_price")))?;
        lines.push(InvoiceLine { quantity: line.quantity, unit_price: price });
        let label = line.label.as_str().to_owned();
        views.push(InvoiceLineView { label, quantity: line.quantity, unit_price: price.display(currency) });
    }
    recompute(&lines, tax, amount, currency)?;
    let lines = (!views.is_empty()).then(|| serde_json::to_string(&views)).transpose().map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(Invoice { amount, tax, recovered, lines })
}

/// Verifies a part or all of a commitment from an invoice, a statement of works or a request for an advance. The version
/// in If-Match is the commitment's.
#[utoipa::path(tag = "expenditure", request_body = NewVerification, responses((status = 201, body = VerificationView)))]
#[post("/v1/organisations/{organisation_id}/commitments/{commitment_id}/verifications")]
pub async fn verify_commitment(asked: Asked<NewVerification>, path: web::Path<(OrganisationId, CommitmentId)>) -> Answered {
    let (organisation, commitment_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, commitment_id)?;
            call.check_version(commitment.version)?;
            let year = find_fiscal_year(tx.conn, &scope, commitment.fiscal_year)?;
            require_open(FiscalYear::new(year.fiscal_year)?, year.state.0)?;
            let currency = own_currency(tx)?;
            let invoice = invoice(body, currency)?;
            if body.invoice_date > call.today {
                let refusal = VERIFICATION_DATE_INVALID.refuse().with("invoice_date", body.invoice_date).with("today", call.today);
                return Err(refusal.at("/invoice_date").into());
            }
            let nature = body.nature.unwrap_or(Nature::Service);
            document::require_nature(tx, &commitment.kind_code, nature)?;
            let facts = facts(tx, &commitment, currency)?;
            let charged = verify(&facts, nature, invoice.amount, invoice.recovered)?;
            let stage = DocumentStage::Verification;
            document::require(tx, &commitment.kind_code, stage, Some(nature), invoice.amount, &body.documents, currency)?;
            let new = db::expenditure::verification::NewVerification {
                id,
                number: number::next(tx, commitment.fiscal_year, number::VERIFICATION)?,
                nature,
                invoice_number: body.invoice_number.as_str().to_owned(),
                invoice_date: body.invoice_date,
                invoice_lines: invoice.lines,
                tax: invoice.tax.minor(),
                advance_recovered: invoice.recovered.minor(),
                amount: charged.minor(),
                recorded_by: principal,
            };
            let row = db::expenditure::verification::insert_verification(tx, &commitment, &new)?;
            document::record(tx, ("verification", id.0), &body.documents)?;
            let granted = if nature == Nature::Advance { charged.minor() } else { 0 };
            let change = CommitmentChange {
                advance_granted: Some(commitment.advance_granted + granted),
                advance_recovered: Some(commitment.advance_recovered + invoice.recovered.minor()),
                ..CommitmentChange::default()
            };
            let after = db::expenditure::update_verified(tx, &commitment, commitment.verified + charged.minor(), change)?;
            let cause = Cause { kind: "verification", id: id.0, on: call.today };
            db::budget::credit::update_credit(tx, &commitment.charge(), Step::Verify, charged, cause)?;
            let event = Event::of("verification.recorded", "verification", id.0, 1)
                .begun(row.state.0)
                .with("number", row.number)
                .with("commitment_id", commitment_id.to_string())
                .with("nature", nature)
                .with("amount", invoice.amount.display(currency))
                .with("charged", charged.display(currency))
                .with("currency", currency.code());
            let moved =
                Event::of("commitment.verified", "commitment", commitment_id.0, after.version).moved(commitment.state.0, after.state.0);
            let location = format!("/v1/organisations/{organisation}/verifications/{id}");
            Ok((created(location, 1, &view(row, currency))?, Events::from(event).and(moved)))
        })
        .await
}

/// What a verification of the commitment is judged on.
fn facts(tx: &mut Tx<'_>, commitment: &CommitmentRow, currency: Currency) -> Result<VerificationFacts, Fault> {
    let organisation = db::organisation::find_own(tx)?;
    let first_day = FiscalYear::new(commitment.fiscal_year)?.first_day();
    let parameters = db::parameter::find_parameters(tx.conn, COUNTRY, organisation.kind.as_str(), first_day)?;
    let (kind, _) = db::expenditure::document::find_kind(tx.conn, &commitment.kind_code)?;
    let bps = kind.advance_parameter.and_then(|key| parameters.number(&key)).unwrap_or(0);
    let sums = commitment.sums()?;
    let advance = Advance { ceiling: sums.amount.share(bps), ..commitment.advance()? };
    Ok(VerificationFacts { state: commitment.state.0, sums, advance, currency })
}

/// Certifies that the service was done (service fait), by somebody other than who recorded the verification.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = VerificationView)))]
#[post("/v1/organisations/{organisation_id}/verifications/{verification_id}/certification")]
pub async fn certify_verification(asked: Asked<Nothing>, path: web::Path<(OrganisationId, VerificationId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let row = db::expenditure::verification::find_verification(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            let state = certify(row.state.0, row.recorded_by.0, principal)?;
            let change = VerificationChange {
                state: Some(Col(state)),
                certified_by: Some(Col(principal)),
                certified_on: Some(call.today),
                ..VerificationChange::default()
            };
            let after = db::expenditure::verification::update_verification(tx, &row, change)?;
            let event = Event::of("verification.certified", "verification", id.0, after.version).moved(row.state.0, state);
            let currency = own_currency(tx)?;
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}

/// Cancels a verification on which nothing is ordered: the commitment can be verified again, with the same invoice too.
#[utoipa::path(tag = "expenditure", request_body = Ending, responses((status = 200, body = VerificationView)))]
#[post("/v1/organisations/{organisation_id}/verifications/{verification_id}/cancellation")]
pub async fn cancel_verification(asked: Asked<Ending>, path: web::Path<(OrganisationId, VerificationId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let row = db::expenditure::verification::find_verification(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            let currency = own_currency(tx)?;
            cancel(row.state.0, db::budget::amount(row.ordered)?, currency)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, row.commitment_id.0)?;
            let year = find_fiscal_year(tx.conn, &scope, row.fiscal_year)?;
            require_open(FiscalYear::new(year.fiscal_year)?, year.state.0)?;
            let left = row.amount - row.reduced;
            let granted = if row.nature.0 == Nature::Advance { left } else { 0 };
            let change = CommitmentChange {
                advance_granted: Some(commitment.advance_granted - granted),
                advance_recovered: Some(commitment.advance_recovered - row.advance_recovered),
                ..CommitmentChange::default()
            };
            let unverified = set_verified(tx, &commitment, commitment.verified - left, change)?;
            let cause = Cause { kind: "verification", id: id.0, on: call.today };
            db::budget::credit::update_credit(tx, &commitment.charge(), Step::Unverify, db::budget::amount(left)?, cause)?;
            let change = VerificationChange {
                state: Some(Col(VerificationState::Cancelled)),
                end_reason: Some(body.reason.as_str().to_owned()),
                live_invoice: Some(None),
                ..VerificationChange::default()
            };
            let after = db::expenditure::verification::update_verification(tx, &row, change)?;
            let event = Event::of("verification.cancelled", "verification", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("reason", body.reason.as_str());
            Ok((done(after.version, &view(after, currency))?, Events::from(event).also(unverified)))
        })
        .await
}
