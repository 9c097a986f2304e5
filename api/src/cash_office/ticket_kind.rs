//! Kinds of tickets: what they are sold for, and the article that their sale yields.

use actix_web::{get, post, web};
use chrono::{DateTime, Utc};
use db::cash_office::ticket::TicketKindRow;
use domain::audit::Event;
use domain::budget::Direction;
use domain::id::{OrganisationId, TicketKindId};
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::require_article;
use crate::answer::{Answered, created, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::expenditure::own_currency;
use crate::organisation::currency_in;
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// A kind of ticket: market tickets, vignettes, stamps (valeurs inactives). It never changes.
#[derive(Serialize, ToSchema)]
pub struct TicketKindView {
    id: TicketKindId,
    organisation_id: OrganisationId,
    #[schema(max_length = 100, example = "Ticket de marché 500 F")]
    name: String,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// What one ticket is sold for.
    #[schema(max_length = 21, example = "500")]
    face_value: String,
    /// The article of operating revenue that its sale yields.
    #[schema(max_length = 10, example = "714")]
    article: String,
    recorded_at: DateTime<Utc>,
}

fn view(row: TicketKindRow, currency: Currency) -> TicketKindView {
    TicketKindView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        name: row.name,
        currency: currency.code().to_owned(),
        face_value: shown(row.face_value, currency),
        article: row.article,
        recorded_at: row.recorded_at.0,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketKindQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The kinds of tickets of the organisation.
#[utoipa::path(tag = "cash_office", params(TicketKindQuery), responses((status = 200, body = Page<TicketKindView>)))]
#[get("/v1/organisations/{organisation_id}/ticket-kinds")]
pub async fn list_ticket_kinds(call: Call, _path: web::Path<OrganisationId>, query: Query<TicketKindQuery>) -> Answered {
    let keys = keyset::<TicketKindId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let (currency, rows) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            Ok((currency, db::cash_office::ticket::list_ticket_kinds(conn, &scope, &asked)?))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)))
}

/// One kind of ticket.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = TicketKindView)))]
#[get("/v1/organisations/{organisation_id}/ticket-kinds/{ticket_kind_id}")]
pub async fn read_ticket_kind(call: Call, path: web::Path<(OrganisationId, TicketKindId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::cash_office::ticket::find_ticket_kind(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    ok(&view(row, currency))
}

/// A kind of ticket to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicketKind {
    /// An identifier made by the client, if it works offline.
    id: Option<TicketKindId>,
    /// Unique in the organisation.
    name: Text<100>,
    /// What one ticket is sold for.
    face_value: AmountText,
    currency: CurrencyText,
    /// The article of operating revenue that its sale yields.
    article: Text<10>,
}

impl Json for NewTicketKind {}

/// Registers a kind of ticket. A new price is a new kind.
#[utoipa::path(tag = "cash_office", request_body = NewTicketKind, responses((status = 201, body = TicketKindView)))]
#[post("/v1/organisations/{organisation_id}/ticket-kinds")]
pub async fn register_ticket_kind(asked: Asked<NewTicketKind>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |_, body, tx| {
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let face = Amount::parse_positive(&body.face_value.0, currency).map_err(|refusal| refusal.at("/face_value"))?;
            require_article(tx, Direction::Revenue, body.article.as_str(), "/article")?;
            let row = db::cash_office::ticket::insert_ticket_kind(tx, id, body.name.as_str(), face.minor(), body.article.as_str())?;
            let event = Event::of("ticket_kind.registered", "ticket_kind", id.0, 1)
                .with("name", &row.name)
                .with("face_value", face.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/ticket-kinds/{id}");
            Ok((created(location, 1, &view(row, currency))?, event.into()))
        })
        .await
}
