//! Inspections: the accountant counts what a cash office has in hand.

use actix_web::{get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::cash_office::CashOfficeChange;
use db::cash_office::inspection::{CashInspectionFilter, CashInspectionRow, NewCashInspection as NewRow};
use db::fault::Fault;
use db::number;
use domain::audit::Event;
use domain::cash_office::{CashMovementKind, Finding, inspect, surplus_postings};
use domain::expenditure::DUTIES_SAME_PERSON;
use domain::id::{CashInspectionId, CashMovementId, CashOfficeId, EntryId, OrganisationId, PrincipalId};
use domain::ledger::{Entry, Journal};
use domain::money::{Amount, Currency};
use domain::text::document_number;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::movement::{Judged, post as post_movement};
use super::{load, open_year};
use crate::answer::{Answered, created, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::organisation::currency_in;
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// An inspection of a cash office (vérification de régie). It never changes.
#[derive(Serialize, ToSchema)]
pub struct CashInspectionView {
    id: CashInspectionId,
    organisation_id: OrganisationId,
    /// "IR-2025-000001", without gap in the year.
    #[schema(max_length = 20, example = "IR-2025-000001")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    cash_office_id: CashOfficeId,
    inspected_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// The money that should have been there.
    #[schema(max_length = 21, example = "85500")]
    expected: String,
    /// The money that was counted.
    #[schema(max_length = 21, example = "85500")]
    counted: String,
    /// What was missing: the cash officer owes it, D 462 / C 541 or 542.
    #[schema(max_length = 21, example = "0")]
    shortage: String,
    /// What was too much: the accountant took it away, D 515 / C 471.
    #[schema(max_length = 21, example = "0")]
    surplus: String,
    /// Digest of the minutes (procès-verbal).
    #[schema(min_length = 64, max_length = 64)]
    minutes_sha256: String,
    /// Who kept the office.
    cash_officer_id: PrincipalId,
    inspected_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    /// The entry of the shortage or the surplus.
    entry_id: Option<EntryId>,
}

fn view(row: CashInspectionRow, currency: Currency) -> CashInspectionView {
    CashInspectionView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("IR", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        cash_office_id: row.cash_office_id.0,
        inspected_on: row.inspected_on,
        currency: currency.code().to_owned(),
        expected: shown(row.expected, currency),
        counted: shown(row.counted, currency),
        shortage: shown((row.expected - row.counted).max(0), currency),
        surplus: shown((row.counted - row.expected).max(0), currency),
        minutes_sha256: row.minutes_sha256,
        cash_officer_id: row.cash_officer_id.0,
        inspected_by: row.inspected_by.0,
        recorded_at: row.recorded_at.0,
        entry_id: row.entry_id.map(|id| id.0),
    }
}

/// What was counted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCashInspection {
    /// An identifier made by the client, if it works offline.
    id: Option<CashInspectionId>,
    /// The money that was counted; "0" when there was none. Receipts not yet justified are not counted.
    counted: AmountText,
    currency: CurrencyText,
    /// Digest of the minutes (procès-verbal).
    minutes_sha256: Sha256Hex,
}

impl Json for NewCashInspection {}

/// Records an inspection. What is missing is owed by the cash officer and no longer held (D 462 / C 541 or 542); what is too
/// much is taken away by the accountant and waits to be classified (D 515 / C 471).
#[utoipa::path(tag = "cash_office", request_body = NewCashInspection, responses((status = 201, body = CashInspectionView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/inspections")]
pub async fn inspect_cash_office(asked: Asked<NewCashInspection>, path: web::Path<(OrganisationId, CashOfficeId)>) -> Answered {
    let (organisation, office_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    let movement_id = CashMovementId::new();
    asked
        .write(move |call, body, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, office, currency) = load(call, tx, office_id)?;
            currency.require(&body.currency.0)?;
            let counted = Amount::parse(&body.counted.0, currency).map_err(|refusal| refusal.at("/counted"))?;
            if office.cash_officer == accountant {
                return Err(DUTIES_SAME_PERSON.refuse().into());
            }
            let finding = inspect(&office, counted)?;
            let fiscal_year = open_year(call, tx)?;
            let number = number::next(tx, fiscal_year, number::CASH_INSPECTION)?;
            let label = document_number("IR", fiscal_year, number);
            let inspected = CashOfficeChange { last_inspected_on: Some(call.today), ..CashOfficeChange::default() };
            let mut event = Event::of("cash_office.inspected", "cash_inspection", id.0, 1)
                .with("number", number)
                .with("cash_office_id", office_id.to_string())
                .with("cash_officer_id", office.cash_officer.to_string())
                .with("expected", office.in_hand().display(currency))
                .with("counted", counted.display(currency))
                .with("currency", currency.code())
                .with("minutes_sha256", &body.minutes_sha256.0);
            let mut moved = None;
            let entry = match finding {
                Finding::Even => {
                    db::cash_office::update_cash_office(tx, &row, inspected)?;
                    None
                }
                Finding::Shortage(amount) => {
                    let judged = Judged {
                        id: movement_id,
                        kind: CashMovementKind::Shortage,
                        amount,
                        fiscal_year,
                        label,
                        cause: Some(id.0),
                        document_sha256: Some(body.minutes_sha256.0.clone()),
                    };
                    let (_, movement, posted) = post_movement(tx, &row, judged, inspected, currency)?;
                    moved = Some(posted);
                    Some(movement.entry_id.0)
                }
                Finding::Surplus(amount) => {
                    let accounts = db::ledger::find_posting_accounts(tx, fiscal_year)?;
                    let postings = surplus_postings(&accounts, amount);
                    let entry = Entry::new(Journal::Treasury, call.today, &label, postings, currency)?;
                    let posted = db::ledger::append_entry(tx, fiscal_year, &entry, "cash_inspection", id.0)?;
                    db::cash_office::update_cash_office(tx, &row, inspected)?;
                    event = event.with("entry_id", posted.id.to_string()).with("entry_digest", posted.digest);
                    Some(posted.id)
                }
            };
            let new = NewRow {
                id,
                fiscal_year,
                number,
                expected: office.in_hand().minor(),
                counted: counted.minor(),
                minutes_sha256: body.minutes_sha256.0.clone(),
                inspected_by: accountant,
                entry,
            };
            let inspection = db::cash_office::inspection::append_inspection(tx, &row, &new)?;
            let mut events = domain::audit::Events::from(event);
            if let Some(moved) = moved {
                events = events.and(moved);
            }
            let location = format!("/v1/organisations/{organisation}/cash-inspections/{id}");
            Ok((created(location, 1, &view(inspection, currency))?, events))
        })
        .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CashInspectionQuery {
    /// Only inspections of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only inspections of this office.
    cash_office_id: Option<CashOfficeId>,
    /// First day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The inspections of cash offices.
#[utoipa::path(tag = "cash_office", params(CashInspectionQuery), responses((status = 200, body = Page<CashInspectionView>)))]
#[get("/v1/organisations/{organisation_id}/cash-inspections")]
pub async fn list_cash_inspections(call: Call, _path: web::Path<OrganisationId>, query: Query<CashInspectionQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<CashInspectionId>(&call, query.after.as_deref(), query.limit)?;
    let filter =
        CashInspectionFilter { fiscal_year: query.fiscal_year, cash_office_id: query.cash_office_id, from: query.from, to: query.to };
    let (scope, asked) = (call.scope()?, keys.clone());
    let (currency, rows) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            Ok((currency, db::cash_office::inspection::list_inspections(conn, &scope, &filter, &asked)?))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)))
}

/// One inspection of a cash office.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = CashInspectionView)))]
#[get("/v1/organisations/{organisation_id}/cash-inspections/{cash_inspection_id}")]
pub async fn read_cash_inspection(call: Call, path: web::Path<(OrganisationId, CashInspectionId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::cash_office::inspection::find_inspection(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    ok(&view(row, currency))
}
