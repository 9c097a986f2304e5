//! Exchange rates.

use actix_web::{get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::fund::exchange::{ExchangeRateRow, NewRate, RateFilter};
use domain::audit::Event;
use domain::calendar::not_future;
use domain::fund::ExchangeRateKind;
use domain::fund::exchange::ExchangeRate;
use domain::id::{ExchangeRateId, OrganisationId, PrincipalId};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{named_currency, views};
use crate::answer::{Answered, created, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::CurrencyText;

/// A rate of exchange on a day.
#[derive(Serialize, ToSchema)]
pub struct ExchangeRateView {
    id: ExchangeRateId,
    organisation_id: OrganisationId,
    #[schema(min_length = 3, max_length = 3, example = "EUR")]
    base: String,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    quote: String,
    /// So many units of the quoted currency for one of the base.
    #[schema(max_length = 20, example = "655.957")]
    rate: String,
    valid_on: NaiveDate,
    kind: ExchangeRateKind,
    #[schema(max_length = 300)]
    source: String,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn view(row: ExchangeRateRow) -> Result<ExchangeRateView, Fault> {
    Ok(ExchangeRateView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        rate: row.rate()?.display(),
        base: row.base,
        quote: row.quote,
        valid_on: row.valid_on,
        kind: row.kind.0,
        source: row.source,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExchangeRateQuery {
    /// Only rates of this base currency.
    #[param(max_length = 3)]
    base: Option<String>,
    /// Only rates in this quoted currency.
    #[param(max_length = 3)]
    quote: Option<String>,
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

/// The rates of exchange that the organisation recorded.
#[utoipa::path(tag = "fund", params(ExchangeRateQuery), responses((status = 200, body = Page<ExchangeRateView>)))]
#[get("/v1/organisations/{organisation_id}/exchange-rates")]
pub async fn list_exchange_rates(call: Call, _path: web::Path<OrganisationId>, query: Query<ExchangeRateQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<ExchangeRateId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let filter = RateFilter { base: query.base, quote: query.quote, from: query.from, to: query.to };
    let rows = call.store().read(move |conn| views(db::fund::exchange::list_rates(conn, &scope, &filter, &asked)?, view)).await?;
    listed(&call, page(&call, &keys, rows, |rate| rate.id, |rate| rate))
}

/// One rate of exchange.
#[utoipa::path(tag = "fund", responses((status = 200, body = ExchangeRateView)))]
#[get("/v1/organisations/{organisation_id}/exchange-rates/{exchange_rate_id}")]
pub async fn read_exchange_rate(call: Call, path: web::Path<(OrganisationId, ExchangeRateId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    ok(&call.store().read(move |conn| view(db::fund::exchange::find_rate(conn, &scope, id)?)).await?)
}

/// A rate as a decimal string, such as "655.957".
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9]{1,9}(\\.[0-9]{1,9})?$", max_length = 19, example = "655.957")]
pub struct RateText(pub String);

/// A rate to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExchangeRate {
    /// An identifier made by the client, if it works offline.
    id: Option<ExchangeRateId>,
    base: CurrencyText,
    quote: CurrencyText,
    /// So many units of the quoted currency for one of the base.
    rate: RateText,
    /// From which day it serves, until another is named.
    #[serde(deserialize_with = "crate::wire::day")]
    valid_on: NaiveDate,
    kind: ExchangeRateKind,
    /// Who publishes it; one rate of a source for a pair and a day.
    source: Text<300>,
}

impl Json for NewExchangeRate {}

/// Records a rate of exchange. It is never changed: another source or day is another rate.
#[utoipa::path(tag = "fund", request_body = NewExchangeRate, responses((status = 201, body = ExchangeRateView)))]
#[post("/v1/organisations/{organisation_id}/exchange-rates")]
pub async fn record_exchange_rate(asked: Asked<NewExchangeRate>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (base, quote) = (named_currency(&body.base, "/base")?, named_currency(&body.quote, "/quote")?);
            not_future(body.valid_on, call.today).map_err(|refusal| refusal.at("/valid_on"))?;
            let new = NewRate {
                id,
                rate: ExchangeRate::parse(base, quote, &body.rate.0)?,
                valid_on: body.valid_on,
                kind: body.kind,
                source: body.source.as_str().to_owned(),
                recorded_by,
            };
            let row = db::fund::exchange::append_rate(tx, &new)?;
            let event = Event::of("exchange_rate.recorded", "exchange_rate", id.0, 1)
                .with("base", base.code())
                .with("quote", quote.code())
                .with("rate", new.rate.display())
                .with("valid_on", new.valid_on);
            Ok((created(format!("/v1/organisations/{organisation}/exchange-rates/{id}"), 1, &view(row)?)?, event.into()))
        })
        .await
}
