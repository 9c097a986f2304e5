//! Movements of the offices' money: advances, returns, deposits, and what other documents move.

use actix_web::{get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::cash_office::movement::{CashMovementFilter, CashMovementRow, NewCashMovement as NewRow, append_movement};
use db::cash_office::{CashOfficeChange, CashOfficeRow};
use db::fault::Fault;
use db::number;
use db::store::Tx;
use domain::audit::Event;
use domain::cash_office::{CashMovementKind, CashOffice, advance, deposit, give_back, movement_postings};
use domain::expenditure::payment::PAYMENT_NO_CASH;
use domain::id::{CashMovementId, CashOfficeId, EntryId, OrganisationId, PrincipalId};
use domain::ledger::{Entry, Journal, Part};
use domain::money::{Amount, Currency};
use domain::refusal::Refusal;
use domain::text::document_number;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{load, open_year};
use crate::answer::{Answered, created, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// A movement of a cash office's money. It never changes.
#[derive(Serialize, ToSchema)]
pub struct CashMovementView {
    id: CashMovementId,
    organisation_id: OrganisationId,
    cash_office_id: CashOfficeId,
    kind: CashMovementKind,
    /// Without gap in the year and the kind: "AR-2025-000001" of an advance, "RA-…" of a return, "V-…" of a deposit, "VT-…"
    /// of a sale of tickets. Null when another document has the number.
    #[schema(max_length = 20, example = "AR-2025-000001")]
    number: Option<String>,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    moved_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "300000")]
    amount: String,
    /// The document that it comes from: the justification slip, the inspection, the movement of tickets, the receipt.
    cause_id: Option<Uuid>,
    /// Digest of the cash officer's request or declaration.
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: Option<String>,
    /// The entry by which it was posted.
    entry_id: EntryId,
    moved_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

pub fn view(row: CashMovementRow, currency: Currency) -> CashMovementView {
    let prefix = series(row.kind.0).map(|(prefix, _)| prefix);
    CashMovementView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        cash_office_id: row.cash_office_id.0,
        kind: row.kind.0,
        number: prefix.zip(row.number).map(|(prefix, number)| document_number(prefix, row.fiscal_year, number)),
        fiscal_year: row.fiscal_year,
        moved_on: row.moved_on,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        cause_id: row.cause_id.map(|id| id.0),
        document_sha256: row.document_sha256,
        entry_id: row.entry_id.0,
        moved_by: row.moved_by.0,
        recorded_at: row.recorded_at.0,
    }
}

/// How movements that are documents of their own are numbered.
fn series(kind: CashMovementKind) -> Option<(&'static str, &'static str)> {
    match kind {
        CashMovementKind::Advance => Some(("AR", number::CASH_ADVANCE)),
        CashMovementKind::Return => Some(("RA", number::CASH_RETURN)),
        CashMovementKind::Deposit => Some(("V", number::CASH_DEPOSIT)),
        CashMovementKind::Justification | CashMovementKind::Collection | CashMovementKind::Cancellation | CashMovementKind::Shortage => {
            None
        }
    }
}

/// A movement that was judged.
pub struct Judged {
    pub id: CashMovementId,
    pub kind: CashMovementKind,
    pub amount: Amount,
    pub fiscal_year: i32,
    /// What the entry is called when the movement has no number of its own.
    pub label: String,
    pub cause: Option<Uuid>,
    pub document_sha256: Option<String>,
}

/// Numbers, posts and records a movement, with what else changes of the office; the caller puts the event among its own.
pub fn post(
    tx: &mut Tx<'_>,
    office: &CashOfficeRow,
    judged: Judged,
    change: CashOfficeChange,
    currency: Currency,
) -> Result<(CashOfficeRow, CashMovementRow, Event), Fault> {
    let (year, kind) = (judged.fiscal_year, judged.kind);
    let (number, label) = match series(kind) {
        None => (None, judged.label),
        Some((prefix, series)) => {
            let number = number::next(tx, year, series)?;
            (Some(number), document_number(prefix, year, number))
        }
    };
    let accounts = db::ledger::find_posting_accounts(tx, year)?;
    let postings = movement_postings(&accounts, office.kind.0, kind, judged.amount)
        .ok_or_else(|| Fault::Broken(format!("a movement of kind {kind} is posted by its own document")))?;
    let entry = Entry::new(Journal::Treasury, tx.today(), &label, postings, currency)?;
    let posted = db::ledger::append_entry(tx, year, &entry, "cash_movement", judged.id.0)?;
    let new = NewRow {
        id: judged.id,
        kind,
        fiscal_year: year,
        number,
        amount: judged.amount,
        cause: judged.cause,
        document_sha256: judged.document_sha256,
        entry: posted.id,
    };
    let (after, row) = append_movement(tx, office, &new, change, currency)?;
    let event = moved(&after, &row, currency).with("entry_id", posted.id.to_string()).with("entry_digest", posted.digest);
    Ok((after, row, event))
}

/// Records a movement that another document posted (a regularisation, a receipt), whose event carries the entry; gives the
/// event of the movement alone.
pub fn record(
    tx: &mut Tx<'_>,
    office: &CashOfficeRow,
    judged: Judged,
    entry: EntryId,
    change: CashOfficeChange,
    currency: Currency,
) -> Result<(CashOfficeRow, CashMovementRow, Event), Fault> {
    let new = NewRow {
        id: judged.id,
        kind: judged.kind,
        fiscal_year: judged.fiscal_year,
        number: None,
        amount: judged.amount,
        cause: judged.cause,
        document_sha256: judged.document_sha256,
        entry,
    };
    let (after, row) = append_movement(tx, office, &new, change, currency)?;
    let event = moved(&after, &row, currency);
    Ok((after, row, event))
}

fn moved(office: &CashOfficeRow, row: &CashMovementRow, currency: Currency) -> Event {
    Event::of("cash_movement.recorded", "cash_movement", row.id.0.0, 1)
        .with("cash_office_id", row.cash_office_id.0.to_string())
        .with("kind", row.kind.0)
        .with("amount", shown(row.amount, currency))
        .with("held", shown(office.held, currency))
        .with("currency", currency.code())
}

/// Money to move between the Treasury account and a cash office.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCashMovement {
    /// An identifier made by the client, if it works offline.
    id: Option<CashMovementId>,
    amount: AmountText,
    currency: CurrencyText,
    /// Digest of the cash officer's request (advance) or declaration (return, deposit).
    document_sha256: Sha256Hex,
}

impl Json for NewCashMovement {}

type OfficePath = web::Path<(OrganisationId, CashOfficeId)>;

/// Judges and posts a movement between the Treasury account and an office.
async fn transfer(
    asked: Asked<NewCashMovement>,
    path: OfficePath,
    kind: CashMovementKind,
    judge: fn(&CashOffice, Amount) -> Result<CashOfficeChange, Refusal>,
) -> Answered {
    let (organisation, office_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let (row, office, currency) = load(call, tx, office_id)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let change = judge(&office, amount)?;
            let fiscal_year = open_year(call, tx)?;
            if kind.adds() {
                let accounts = db::ledger::find_posting_accounts(tx, fiscal_year)?;
                let treasury = accounts.of(Part::Treasury);
                if db::ledger::find_cash(tx, fiscal_year, treasury)? < amount {
                    return Err(PAYMENT_NO_CASH.refuse().with("account", treasury).into());
                }
            }
            let document_sha256 = Some(body.document_sha256.0.clone());
            let judged = Judged { id, kind, amount, fiscal_year, label: String::new(), cause: None, document_sha256 };
            let (_, movement, event) = post(tx, &row, judged, change, currency)?;
            let location = format!("/v1/organisations/{organisation}/cash-movements/{id}");
            Ok((created(location, 1, &view(movement, currency))?, event.into()))
        })
        .await
}

/// Advances money to an imprest, or replenishes it: D 541 / C 515. At most the ceiling less what it holds; once it holds
/// something, at most what was justified, given back or found missing since.
#[utoipa::path(tag = "cash_office", request_body = NewCashMovement, responses((status = 201, body = CashMovementView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/advances")]
pub async fn advance_imprest(asked: Asked<NewCashMovement>, path: OfficePath) -> Answered {
    transfer(asked, path, CashMovementKind::Advance, |office, amount| {
        let standing = advance(office, amount)?;
        Ok(CashOfficeChange { standing_advance: Some(standing.minor()), ..CashOfficeChange::default() })
    })
    .await
}

/// Takes money of an imprest back (reversement): D 515 / C 541. At most what it has in hand.
#[utoipa::path(tag = "cash_office", request_body = NewCashMovement, responses((status = 201, body = CashMovementView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/returns")]
pub async fn return_imprest(asked: Asked<NewCashMovement>, path: OfficePath) -> Answered {
    transfer(asked, path, CashMovementKind::Return, |office, amount| give_back(office, amount).map(|()| CashOfficeChange::default())).await
}

/// Takes in the deposit (versement) of a collection office on the declaration of its cash officer: D 515 / C 542.
#[utoipa::path(tag = "cash_office", request_body = NewCashMovement, responses((status = 201, body = CashMovementView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/deposits")]
pub async fn deposit_collections(asked: Asked<NewCashMovement>, path: OfficePath) -> Answered {
    transfer(asked, path, CashMovementKind::Deposit, |office, amount| deposit(office, amount).map(|()| CashOfficeChange::default())).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CashMovementQuery {
    /// Only movements of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only movements of this office.
    cash_office_id: Option<CashOfficeId>,
    /// Only movements of one of these kinds, separated by commas.
    #[param(max_length = 100)]
    kind: Option<String>,
    /// First day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// True to be told what the whole list adds up to, over all its pages and whichever way the money went.
    #[serde(default)]
    totals: bool,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Everything that moved the money of the cash offices: what an office holds is the sum of its movements.
#[utoipa::path(tag = "cash_office", params(CashMovementQuery), responses((status = 200, body = Page<CashMovementView>)))]
#[get("/v1/organisations/{organisation_id}/cash-movements")]
pub async fn list_cash_movements(call: Call, _path: web::Path<OrganisationId>, query: Query<CashMovementQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<CashMovementId>(&call, query.after.as_deref(), query.limit)?;
    let kind = words("kind", query.kind.as_deref())?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = CashMovementFilter {
                fiscal_year: query.fiscal_year,
                cash_office_id: query.cash_office_id,
                kind,
                from: query.from,
                to: query.to,
                amount: bounds(query.amount_min, query.amount_max, currency)?,
            };
            let total = query.totals.then(|| db::cash_office::movement::total_cash_movements(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::cash_office::movement::list_cash_movements(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One movement of a cash office's money.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = CashMovementView)))]
#[get("/v1/organisations/{organisation_id}/cash-movements/{cash_movement_id}")]
pub async fn read_cash_movement(call: Call, path: web::Path<(OrganisationId, CashMovementId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::cash_office::movement::find_cash_movement(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    ok(&view(row, currency))
}
