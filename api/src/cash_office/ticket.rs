//! Tickets (valeurs inactives): the ranges that are received, issued, sold, given back or lost.

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::cash_office::ticket::{Moved, TicketRangeFilter, TicketRangeRow, count_tickets, move_range, receive_range};
use db::fault::Fault;
use db::store::Tx;
use domain::audit::Event;
use domain::cash_office::ticket::{Range, TicketState, go, loss_postings, receive, split, value};
use domain::cash_office::{CashOfficeKind, require_active};
use domain::id::{CashOfficeId, OrganisationId, TicketKindId, TicketMovementId, TicketRangeId};
use domain::ledger::{Entry, Journal};
use domain::money::Amount;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::open_year;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::expenditure::own_currency;
use crate::page::{Page, keyset, page};
use crate::wire::Sha256Hex;

/// Consecutive tickets of a kind that are in one place.
#[derive(Serialize, ToSchema)]
pub struct TicketRangeView {
    id: TicketRangeId,
    organisation_id: OrganisationId,
    ticket_kind_id: TicketKindId,
    #[schema(minimum = 1, maximum = 999_999_999)]
    first_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    last_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    count: i64,
    state: TicketState,
    /// The office that has them, or had them last.
    cash_office_id: Option<CashOfficeId>,
    /// Since when they are there.
    moved_on: NaiveDate,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: TicketRangeRow) -> TicketRangeView {
    TicketRangeView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        ticket_kind_id: row.ticket_kind_id.0,
        first_number: row.first_number,
        last_number: row.last_number,
        count: row.range().count(),
        state: row.state.0,
        cash_office_id: row.cash_office_id.map(|id| id.0),
        moved_on: row.moved_on,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketRangeQuery {
    /// Only tickets of this kind.
    ticket_kind_id: Option<TicketKindId>,
    /// Only tickets that this office has, or had last.
    cash_office_id: Option<CashOfficeId>,
    /// Only tickets in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Where the tickets are: every number received stands in one range.
#[utoipa::path(tag = "cash_office", params(TicketRangeQuery), responses((status = 200, body = Page<TicketRangeView>)))]
#[get("/v1/organisations/{organisation_id}/ticket-ranges")]
pub async fn list_ticket_ranges(call: Call, _path: web::Path<OrganisationId>, query: Query<TicketRangeQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<TicketRangeId>(&call, query.after.as_deref(), query.limit)?;
    let filter = TicketRangeFilter {
        ticket_kind_id: query.ticket_kind_id,
        cash_office_id: query.cash_office_id,
        state: words("state", query.state.as_deref())?,
    };
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call.store().read(move |conn| db::cash_office::ticket::list_ticket_ranges(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

pub type RangePath = web::Path<(OrganisationId, TicketRangeId)>;

/// One range of tickets.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = TicketRangeView)))]
#[get("/v1/organisations/{organisation_id}/ticket-ranges/{ticket_range_id}")]
pub async fn read_ticket_range(call: Call, request: HttpRequest, path: RangePath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::cash_office::ticket::find_ticket_range(conn, &scope, id)).await?;
    versioned(&request, row.version, &view(row))
}

/// Tickets that came from the Treasury.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicketRange {
    /// An identifier made by the client, if it works offline.
    id: Option<TicketRangeId>,
    ticket_kind_id: TicketKindId,
    #[schema(minimum = 1, maximum = 999_999_999)]
    first_number: i64,
    /// The last number, which belongs to the range. No number of a kind is received twice.
    #[schema(minimum = 1, maximum = 999_999_999)]
    last_number: i64,
    /// Digest of the delivery note.
    document_sha256: Sha256Hex,
}

impl Json for NewTicketRange {}

pub fn moved_event(row: &TicketRangeRow, part: Range, before: Option<TicketState>) -> Event {
    let event = Event::of("tickets.moved", "ticket_range", row.id.0.0, row.version)
        .with("ticket_kind_id", row.ticket_kind_id.0.to_string())
        .with("first_number", part.first)
        .with("last_number", part.last);
    let event = match row.cash_office_id {
        Some(office) => event.with("cash_office_id", office.0.to_string()),
        None => event,
    };
    match before {
        Some(before) => event.moved(before, row.state.0),
        None => event.begun(row.state.0),
    }
}

/// Receives tickets from the Treasury into the accountant's stock.
#[utoipa::path(tag = "cash_office", request_body = NewTicketRange, responses((status = 201, body = TicketRangeView)))]
#[post("/v1/organisations/{organisation_id}/ticket-ranges")]
pub async fn receive_tickets(asked: Asked<NewTicketRange>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    let movement = TicketMovementId::new();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let kind = db::cash_office::ticket::find_ticket_kind(tx.conn, &scope, body.ticket_kind_id)?;
            let range = Range { first: body.first_number, last: body.last_number };
            let counted = count_tickets(tx.conn, &scope)?;
            let before = counted.iter().filter(|(of, ..)| *of == body.ticket_kind_id).map(|(.., count)| count).sum();
            receive(range, db::budget::amount(kind.face_value)?, before)?;
            let moved = Moved {
                id: movement,
                to: TicketState::InStock,
                office: None,
                document_sha256: Some(body.document_sha256.0.clone()),
                decision: None,
                entry: None,
            };
            let row = receive_range(tx, id, body.ticket_kind_id, range, &moved)?;
            let event = moved_event(&row, range, None);
            Ok((created(format!("/v1/organisations/{organisation}/ticket-ranges/{id}"), 1, &view(row))?, event.into()))
        })
        .await
}

/// Loads a range at the version that the caller read, and the part of it that moves.
pub fn load(
    call: &Call,
    tx: &mut Tx<'_>,
    id: TicketRangeId,
    first: i64,
    last: i64,
    to: TicketState,
) -> Result<(TicketRangeRow, Range), Fault> {
    let row = db::cash_office::ticket::find_ticket_range(tx.conn, &call.scope_in(tx.organisation), id)?;
    call.check_version(row.version)?;
    let part = Range { first, last };
    go(row.state.0, to)?;
    split(row.range(), part)?;
    Ok((row, part))
}

/// Tickets to issue to a collection office.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketIssue {
    /// An active collection office.
    cash_office_id: CashOfficeId,
    /// The first ticket of the range that moves; the rest stays.
    #[schema(minimum = 1, maximum = 999_999_999)]
    first_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    last_number: i64,
    /// Digest of the cash officer's receipt.
    document_sha256: Sha256Hex,
}

impl Json for TicketIssue {}

/// Hands tickets of the stock, or tickets that were given back, to a collection office. A part of a range becomes a range of
/// its own; the answer is the range that moved.
#[utoipa::path(tag = "cash_office", request_body = TicketIssue, responses((status = 200, body = TicketRangeView)))]
#[post("/v1/organisations/{organisation_id}/ticket-ranges/{ticket_range_id}/issue")]
pub async fn issue_tickets(asked: Asked<TicketIssue>, path: RangePath) -> Answered {
    let (organisation, id) = path.into_inner();
    let (movement, new) = (TicketMovementId::new(), [TicketRangeId::new(), TicketRangeId::new()]);
    asked
        .write(move |call, body, tx| {
            let (row, part) = load(call, tx, id, body.first_number, body.last_number, TicketState::Issued)?;
            let office = db::cash_office::find_cash_office(tx.conn, &call.scope_in(organisation), body.cash_office_id)?;
            let facts = office.office(own_currency(tx)?)?;
            facts.require_kind(CashOfficeKind::Collection)?;
            require_active(facts.state)?;
            let moved = Moved {
                id: movement,
                to: TicketState::Issued,
                office: Some(body.cash_office_id),
                document_sha256: Some(body.document_sha256.0.clone()),
                decision: None,
                entry: None,
            };
            let (after, _) = move_range(tx, &row, part, &moved, new)?;
            let event = moved_event(&after, part, Some(row.state.0));
            Ok((done(after.version, &view(after))?, event.into()))
        })
        .await
}

/// Tickets that a collection office gives back unsold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketReturn {
    /// The first ticket of the range that moves; the rest stays.
    #[schema(minimum = 1, maximum = 999_999_999)]
    first_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    last_number: i64,
    /// Digest of the accountant's receipt.
    document_sha256: Sha256Hex,
}

impl Json for TicketReturn {}

/// Takes unsold tickets back from a collection office. They may be issued again.
#[utoipa::path(tag = "cash_office", request_body = TicketReturn, responses((status = 200, body = TicketRangeView)))]
#[post("/v1/organisations/{organisation_id}/ticket-ranges/{ticket_range_id}/return")]
pub async fn return_tickets(asked: Asked<TicketReturn>, path: RangePath) -> Answered {
    let (_, id) = path.into_inner();
    let (movement, new) = (TicketMovementId::new(), [TicketRangeId::new(), TicketRangeId::new()]);
    asked
        .write(move |call, body, tx| {
            let (row, part) = load(call, tx, id, body.first_number, body.last_number, TicketState::Returned)?;
            let moved = Moved {
                id: movement,
                to: TicketState::Returned,
                office: row.cash_office_id.map(|id| id.0),
                document_sha256: Some(body.document_sha256.0.clone()),
                decision: None,
                entry: None,
            };
            let (after, _) = move_range(tx, &row, part, &moved, new)?;
            let event = moved_event(&after, part, Some(row.state.0));
            Ok((done(after.version, &view(after))?, event.into()))
        })
        .await
}

/// What tickets are worth.
pub fn worth(tx: &mut Tx<'_>, call: &Call, row: &TicketRangeRow, part: Range) -> Result<Amount, Fault> {
    let kind = db::cash_office::ticket::find_ticket_kind(tx.conn, &call.scope_in(tx.organisation), row.ticket_kind_id.0)?;
    let face = db::budget::amount(kind.face_value)?;
    value(face, part.count()).ok_or_else(|| Fault::Corrupt(format!("tickets {} are worth too much", row.id.0)))
}

/// Tickets that are lost.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketLoss {
    /// The first ticket of the range that is lost; the rest stays.
    #[schema(minimum = 1, maximum = 999_999_999)]
    first_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    last_number: i64,
    /// Digest of the minutes (procès-verbal de perte).
    minutes_sha256: Sha256Hex,
    /// What was decided, and by whom.
    decision: Text<500>,
}

impl Json for TicketLoss {}

/// Records tickets as lost, on minutes and a decision. Those lost in the hands of a collection office are owed by its cash
/// officer at their face value: D 462 / C 471. Those lost from the stock move no account.
#[utoipa::path(tag = "cash_office", request_body = TicketLoss, responses((status = 200, body = TicketRangeView)))]
#[post("/v1/organisations/{organisation_id}/ticket-ranges/{ticket_range_id}/loss")]
pub async fn record_ticket_loss(asked: Asked<TicketLoss>, path: RangePath) -> Answered {
    let (organisation, id) = path.into_inner();
    let (movement, new) = (TicketMovementId::new(), [TicketRangeId::new(), TicketRangeId::new()]);
    asked
        .write(move |call, body, tx| {
            let (row, part) = load(call, tx, id, body.first_number, body.last_number, TicketState::Lost)?;
            let owed = match row.cash_office_id.filter(|_| row.state.0 == TicketState::Issued) {
                None => None,
                Some(office) => {
                    let office = db::cash_office::find_cash_office(tx.conn, &call.scope_in(organisation), office.0)?;
                    let (amount, currency, year) = (worth(tx, call, &row, part)?, own_currency(tx)?, open_year(call, tx)?);
                    let accounts = db::ledger::find_posting_accounts(tx, year)?;
                    let label = format!("Tickets {}-{}", part.first, part.last);
                    let entry = Entry::new(Journal::Miscellaneous, call.today, &label, loss_postings(&accounts, amount), currency)?;
                    let posted = db::ledger::append_entry(tx, year, &entry, "ticket_movement", movement.0)?;
                    Some((posted, office.cash_officer_id.0, amount.display(currency), currency))
                }
            };
            let moved = Moved {
                id: movement,
                to: TicketState::Lost,
                office: row.cash_office_id.map(|id| id.0),
                document_sha256: Some(body.minutes_sha256.0.clone()),
                decision: Some(body.decision.as_str().to_owned()),
                entry: owed.as_ref().map(|(posted, ..)| posted.id),
            };
            let (after, _) = move_range(tx, &row, part, &moved, new)?;
            let mut event = moved_event(&after, part, Some(row.state.0)).with("minutes_sha256", &body.minutes_sha256.0);
            if let Some((posted, officer, amount, currency)) = owed {
                event = event
                    .with("cash_officer_id", officer.to_string())
                    .with("amount", amount)
                    .with("currency", currency.code())
                    .with("entry_id", posted.id.to_string())
                    .with("entry_digest", posted.digest);
            }
            Ok((done(after.version, &view(after))?, event.into()))
        })
        .await
}
