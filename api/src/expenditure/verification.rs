//! Verification (liquidation): the invoice is recorded, and somebody else certifies the service.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::expenditure::{VerificationFilter, VerificationRow};
use db::fault::Fault;
use db::number;
use domain::audit::Event;
use domain::budget::Section;
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::{VERIFICATION_DATE_INVALID, VerificationState, certify, require_open, verify};
use domain::id::{BudgetLineId, CommitmentId, OrganisationId, PrincipalId, SupplierId, VerificationId};
use domain::money::{Amount, Currency};
use domain::text::{Text, document_number};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::own_currency;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

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
    /// Digest of the acceptance minutes or the statement of works.
    #[schema(min_length = 64, max_length = 64)]
    reception_sha256: Option<String>,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "850000")]
    amount: String,
    /// What was ordered of it, rejected orders left out.
    #[schema(max_length = 21, example = "0")]
    ordered: String,
    state: VerificationState,
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
        reception_sha256: row.reception_sha256,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        ordered: shown(row.ordered, currency),
        state: row.state.0,
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
            let total = query.totals.then(|| db::expenditure::total_verifications(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::expenditure::list_verifications(conn, &scope, &filter, &asked)?, total))
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
            let row = db::expenditure::find_verification(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &view(row, currency))
}

/// An invoice to verify.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVerification {
    /// An identifier made by the client, if it works offline.
    id: Option<VerificationId>,
    /// As the supplier numbers it; accepted once per supplier.
    invoice_number: Text<60>,
    /// Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    invoice_date: NaiveDate,
    amount: AmountText,
    currency: CurrencyText,
    /// Digest of the acceptance minutes or the statement of works; required for works (chapter 23).
    reception_sha256: Option<Sha256Hex>,
}

impl Json for NewVerification {}

/// The chapter of works, whose verification needs acceptance minutes.
const WORKS: &str = "23";

/// Verifies a part or all of a commitment from an invoice. The version in If-Match is the commitment's.
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
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            if body.invoice_date > call.today {
                let refusal = VERIFICATION_DATE_INVALID.refuse().with("invoice_date", body.invoice_date).with("today", call.today);
                return Err(refusal.at("/invoice_date").into());
            }
            let (committed, verified) = (db::budget::amount(commitment.amount)?, db::budget::amount(commitment.verified)?);
            let works = commitment.section.0 == Section::Capital && commitment.article.starts_with(WORKS);
            let state = verify(committed, verified, amount, works, body.reception_sha256.is_some(), currency)?;
            let new = db::expenditure::NewVerification {
                id,
                number: number::next(tx, commitment.fiscal_year, number::VERIFICATION)?,
                invoice_number: body.invoice_number.as_str().to_owned(),
                invoice_date: body.invoice_date,
                reception_sha256: body.reception_sha256.as_ref().map(|digest| digest.0.clone()),
                amount: amount.minor(),
                recorded_by: principal,
            };
            let row = db::expenditure::insert_verification(tx, &commitment, &new)?;
            db::expenditure::update_commitment(tx, &commitment, commitment.verified + amount.minor(), state)?;
            let cause = Cause { kind: "verification", id: id.0, on: call.today };
            db::budget::credit::update_credit(tx, &commitment.charge(), Step::Verify, amount, cause)?;
            let event = Event::of("verification.recorded", "verification", id.0, 1)
                .begun(row.state.0)
                .with("number", row.number)
                .with("commitment_id", commitment_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let moved =
                Event::of("commitment.verified", "commitment", commitment_id.0, commitment.version + 1).moved(commitment.state.0, state);
            let location = format!("/v1/organisations/{organisation}/verifications/{id}");
            Ok((created(location, 1, &view(row, currency))?, domain::audit::Events::from(event).and(moved)))
        })
        .await
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
            let row = db::expenditure::find_verification(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            let state = certify(row.state.0, row.recorded_by.0, principal)?;
            db::expenditure::update_certification(tx, &row, principal, call.today)?;
            let after = db::expenditure::find_verification(tx.conn, &scope, id)?;
            let event = Event::of("verification.certified", "verification", id.0, after.version).moved(row.state.0, state);
            let currency = own_currency(tx)?;
            Ok((done(after.version, &view(after, currency))?, event.into()))
        })
        .await
}
