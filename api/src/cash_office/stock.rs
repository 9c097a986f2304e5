//! The account of tickets: how many of each kind are where, and everything that moved them.

use actix_web::{get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::cash_office::ticket::{TicketMovementFilter, TicketMovementRow, count_tickets};
use db::fault::Fault;
use db::page::Keyset;
use domain::cash_office::ticket::{Range, TicketState, value};
use domain::id::{CashOfficeId, EntryId, OrganisationId, PrincipalId, TicketKindId, TicketMovementId};
use domain::money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, listed, ok};
use crate::auth::Call;
use crate::body::{Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, keyset, page};

/// A number of tickets and what they are worth.
#[derive(Serialize, ToSchema)]
pub struct TicketCount {
    #[schema(minimum = 0, maximum = 999_999_999)]
    count: i64,
    /// At face value.
    #[schema(max_length = 21, example = "8742500")]
    value: String,
}

/// The account of a kind of ticket: received = in stock + issued + sold + returned + lost.
#[derive(Serialize, ToSchema)]
pub struct TicketStock {
    ticket_kind_id: TicketKindId,
    #[schema(max_length = 100)]
    name: String,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "500")]
    face_value: String,
    received: TicketCount,
    in_stock: TicketCount,
    issued: TicketCount,
    sold: TicketCount,
    returned: TicketCount,
    lost: TicketCount,
}

fn counted(face: Amount, count: i64, currency: Currency) -> TicketCount {
    TicketCount { count, value: value(face, count).unwrap_or_default().display(currency) }
}

/// How many kinds are counted in one answer.
const KINDS_MAX: i64 = 1_000;

/// How many tickets of each kind were received, and where they are.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = Vec<TicketStock>)))]
#[get("/v1/organisations/{organisation_id}/ticket-stock")]
pub async fn read_ticket_stock(call: Call, _path: web::Path<OrganisationId>) -> Answered {
    let scope = call.scope()?;
    let stock = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let kinds = db::cash_office::ticket::list_ticket_kinds(conn, &scope, &Keyset { after: None, limit: KINDS_MAX })?;
            let counts = count_tickets(conn, &scope)?;
            let stock = kinds.rows.into_iter().map(|kind| {
                let face = db::budget::amount(kind.face_value)?;
                let own = || counts.iter().filter(|(of, ..)| *of == kind.id.0);
                let at = |state| counted(face, own().filter(|(_, at, _)| *at == state).map(|(.., count)| count).sum(), currency);
                Ok(TicketStock {
                    ticket_kind_id: kind.id.0,
                    currency: currency.code().to_owned(),
                    face_value: face.display(currency),
                    received: counted(face, own().map(|(.., count)| count).sum(), currency),
                    in_stock: at(TicketState::InStock),
                    issued: at(TicketState::Issued),
                    sold: at(TicketState::Sold),
                    returned: at(TicketState::Returned),
                    lost: at(TicketState::Lost),
                    name: kind.name,
                })
            });
            stock.collect::<Result<Vec<_>, Fault>>()
        })
        .await?;
    ok(&stock)
}

/// A movement of tickets. It never changes.
#[derive(Serialize, ToSchema)]
pub struct TicketMovementView {
    id: TicketMovementId,
    organisation_id: OrganisationId,
    ticket_kind_id: TicketKindId,
    #[schema(minimum = 1, maximum = 999_999_999)]
    first_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    last_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    count: i64,
    /// Where they were; null when they came from the Treasury.
    from_state: Option<TicketState>,
    to_state: TicketState,
    /// The office that has them, or had them last.
    cash_office_id: Option<CashOfficeId>,
    moved_on: NaiveDate,
    /// Digest of the delivery note, the receipt or the minutes.
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: Option<String>,
    /// What was decided on a loss.
    #[schema(max_length = 500)]
    decision: Option<String>,
    /// The entry of a sale, or of a loss that is owed.
    entry_id: Option<EntryId>,
    moved_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn view(row: TicketMovementRow) -> TicketMovementView {
    TicketMovementView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        ticket_kind_id: row.ticket_kind_id.0,
        first_number: row.first_number,
        last_number: row.last_number,
        count: Range { first: row.first_number, last: row.last_number }.count(),
        from_state: row.from_state.map(|state| state.0),
        to_state: row.to_state.0,
        cash_office_id: row.cash_office_id.map(|id| id.0),
        moved_on: row.moved_on,
        document_sha256: row.document_sha256,
        decision: row.decision,
        entry_id: row.entry_id.map(|id| id.0),
        moved_by: row.moved_by.0,
        recorded_at: row.recorded_at.0,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketMovementQuery {
    /// Only tickets of this kind.
    ticket_kind_id: Option<TicketKindId>,
    /// Only movements that concern this office.
    cash_office_id: Option<CashOfficeId>,
    /// Only movements to one of these states, separated by commas.
    #[param(max_length = 100)]
    to_state: Option<String>,
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

/// Everything that moved tickets.
#[utoipa::path(tag = "cash_office", params(TicketMovementQuery), responses((status = 200, body = Page<TicketMovementView>)))]
#[get("/v1/organisations/{organisation_id}/ticket-movements")]
pub async fn list_ticket_movements(call: Call, _path: web::Path<OrganisationId>, query: Query<TicketMovementQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<TicketMovementId>(&call, query.after.as_deref(), query.limit)?;
    let filter = TicketMovementFilter {
        ticket_kind_id: query.ticket_kind_id,
        cash_office_id: query.cash_office_id,
        to_state: words("to_state", query.to_state.as_deref())?,
        from: query.from,
        to: query.to,
    };
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call.store().read(move |conn| db::cash_office::ticket::list_ticket_movements(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One movement of tickets.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = TicketMovementView)))]
#[get("/v1/organisations/{organisation_id}/ticket-movements/{ticket_movement_id}")]
pub async fn read_ticket_movement(call: Call, path: web::Path<(OrganisationId, TicketMovementId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::cash_office::ticket::find_ticket_movement(conn, &scope, id)).await?;
    ok(&view(row))
}
