//! Revenue: what the council authorised and how taxes are shared. Orders, receipts and adjustments have files of their own.

pub mod acceptance;
pub mod adjustment;
pub mod arrears;
pub mod carried;
pub mod debt_reduction;
pub mod debtor;
pub mod decision;
pub mod office;
pub mod order;
pub mod paper;
pub mod receipt;
pub mod recovery;
pub mod refund;
pub mod transfer;
pub mod transition;

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::fiscal_year::find_fiscal_year;
use db::fault::Fault;
use db::revenue::share::TaxShareRow;
use db::revenue::{LevyAuthorisationFilter, LevyAuthorisationRow, NewAuthorisation};
use domain::audit::Event;
use domain::budget::nomenclature::Article;
use domain::budget::{Direction, Section};
use domain::calendar::not_future;
use domain::id::{LevyAuthorisationId, OrganisationId, PrincipalId};
use domain::organisation::OrganisationKind;
use domain::parameter::Confidence;
use domain::revenue::LEVY_AUTHORISATION_INVALID;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed, ok, published};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::Sha256Hex;

/// An article of revenue of the year's nomenclature, in either section.
fn revenue_article(conn: &mut db::connection::Conn, nomenclature: uuid::Uuid, code: &str) -> Result<Option<Article>, Fault> {
    let nomenclature = db::budget::nomenclature::find_nomenclature(conn, nomenclature)?;
    let of = |section| nomenclature.article(section, Direction::Revenue, code).cloned();
    Ok(of(Section::Operating).or_else(|| of(Section::Capital)))
}

/// The council's authorisation of a levy for a year: a tax or a fee is ordered only with one.
#[derive(Serialize, ToSchema)]
pub struct LevyAuthorisationView {
    id: LevyAuthorisationId,
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// Article of operating revenue of chapters 71 and 72.
    #[schema(max_length = 20, example = "711")]
    article: String,
    #[schema(max_length = 60)]
    deliberation_number: String,
    held_on: NaiveDate,
    #[schema(max_length = 64)]
    deliberation_sha256: String,
    /// The rate as voted, in words.
    #[schema(max_length = 500)]
    rate: String,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn view(row: LevyAuthorisationRow) -> LevyAuthorisationView {
    LevyAuthorisationView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fiscal_year: row.fiscal_year,
        article: row.article,
        deliberation_number: row.deliberation_number,
        held_on: row.held_on,
        deliberation_sha256: row.deliberation_sha256,
        rate: row.rate,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LevyAuthorisationQuery {
    /// Only authorisations for this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only authorisations of this article.
    #[param(max_length = 20)]
    article: Option<String>,
    /// First day of the session.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the session.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The levies that the council authorised.
#[utoipa::path(tag = "revenue", params(LevyAuthorisationQuery), responses((status = 200, body = Page<LevyAuthorisationView>)))]
#[get("/v1/organisations/{organisation_id}/levy-authorisations")]
pub async fn list_levy_authorisations(call: Call, _path: web::Path<OrganisationId>, query: Query<LevyAuthorisationQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<LevyAuthorisationId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let (asked, filter) =
        (keys.clone(), LevyAuthorisationFilter { fiscal_year: query.fiscal_year, article: query.article, from: query.from, to: query.to });
    let rows = call.store().read(move |conn| db::revenue::list_levy_authorisations(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One authorisation of a levy.
#[utoipa::path(tag = "revenue", responses((status = 200, body = LevyAuthorisationView)))]
#[get("/v1/organisations/{organisation_id}/levy-authorisations/{levy_authorisation_id}")]
pub async fn read_levy_authorisation(call: Call, path: web::Path<(OrganisationId, LevyAuthorisationId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::revenue::find_levy_authorisation(conn, &scope, id)).await?;
    ok(&view(row))
}

/// What the council voted on a levy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLevyAuthorisation {
    /// An identifier made by the client, if it works offline.
    id: Option<LevyAuthorisationId>,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// Article of operating revenue of chapters 71 and 72.
    article: Text<20>,
    deliberation_number: Text<60>,
    /// Day of the session.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    deliberation_sha256: Sha256Hex,
    /// The rate as voted, in words, such as "1 500 F par imposable".
    rate: Text<500>,
}

impl Json for NewLevyAuthorisation {}

/// Records that the council authorised a levy for a year.
#[utoipa::path(tag = "revenue", request_body = NewLevyAuthorisation, responses((status = 201, body = LevyAuthorisationView)))]
#[post("/v1/organisations/{organisation_id}/levy-authorisations")]
pub async fn record_levy_authorisation(asked: Asked<NewLevyAuthorisation>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let year = find_fiscal_year(tx.conn, &call.scope_in(organisation), body.fiscal_year)?;
            not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
            let article = body.article.as_str();
            let levy = revenue_article(tx.conn, year.nomenclature_id.0, article)?.and_then(|article| article.levy);
            if levy.is_none() {
                return Err(LEVY_AUTHORISATION_INVALID.refuse().with("article", article).at("/article").into());
            }
            let new = NewAuthorisation {
                id,
                fiscal_year: body.fiscal_year,
                article: article.to_owned(),
                deliberation_number: body.deliberation_number.as_str().to_owned(),
                held_on: body.held_on,
                deliberation_sha256: body.deliberation_sha256.0.clone(),
                rate: body.rate.as_str().to_owned(),
                recorded_by,
            };
            let row = db::revenue::append_levy_authorisation(tx, &new)?;
            let event = Event::of("levy_authorisation.recorded", "levy_authorisation", id.0, 1)
                .with("fiscal_year", new.fiscal_year)
                .with("article", &new.article)
                .with("deliberation_number", &new.deliberation_number)
                .with("deliberation_sha256", &new.deliberation_sha256);
            let location = format!("/v1/organisations/{organisation}/levy-authorisations/{id}");
            Ok((created(location, 1, &view(row))?, event.into()))
        })
        .await
}

/// The share of a level of local government in a tax. Reference data.
#[derive(Serialize, ToSchema)]
pub struct TaxShareView {
    #[schema(max_length = 20, example = "712")]
    article: String,
    /// The level that has the share.
    level: OrganisationKind,
    /// In basis points: 2500 is 25 %. The shares of an article sum to 10,000.
    #[schema(minimum = 1, maximum = 10000)]
    bps: i32,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    confidence: Confidence,
    /// Where the share comes from.
    #[schema(max_length = 1000)]
    source: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaxShareQuery {
    /// Only shares of this article.
    #[param(max_length = 20)]
    article: Option<String>,
    /// The day on which the shares are in force; the business date by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
}

/// How taxes are shared between the levels of local government. An article without shares is wholly the organisation's own.
#[utoipa::path(tag = "revenue", params(TaxShareQuery), responses((status = 200, body = Vec<TaxShareView>)))]
#[get("/v1/tax-shares")]
pub async fn list_tax_shares(request: HttpRequest, call: Call, query: Query<TaxShareQuery>) -> Answered {
    let (on, article) = (query.0.on.unwrap_or(call.today), query.0.article);
    published(&request, &call, move |conn| {
        let rows = db::revenue::share::list_tax_shares(conn, on, article.as_deref())?;
        Ok(rows.into_iter().map(share_view).collect::<Vec<_>>())
    })
    .await
}

fn share_view(row: TaxShareRow) -> TaxShareView {
    TaxShareView {
        article: row.article,
        level: row.level.0,
        bps: row.bps,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        confidence: row.confidence.0,
        source: row.source,
    }
}
