//! Organisations: the public directory of what owns data.

pub mod supplier;

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::organisation::{NewOrganisation as NewRow, OrganisationFilter, OrganisationRow};
use domain::audit::Event;
use domain::id::{OrganisationId, TerritorialUnitId};
use domain::money::Currency;
use domain::organisation::{ORGANISATION_UNIT_REQUIRED, ORGANISATION_UNIT_UNEXPECTED, OrganisationKind};
use domain::sensitivity::{Scope, Sensitivity};
use domain::territory::TerritorialLevel;
use domain::text::Text;
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::paper::{Letterhead, place};
use crate::problem::{Problem, REQUEST_BODY_INVALID};
use crate::wire::CurrencyText;

/// An organisation.
#[derive(Serialize, ToSchema)]
pub struct OrganisationView {
    id: OrganisationId,
    kind: OrganisationKind,
    /// Short code, unique in the service.
    #[schema(max_length = 40, example = "ML-C01")]
    code: String,
    #[schema(max_length = 200)]
    name: String,
    /// Other names by which it is found.
    #[schema(max_items = 20, value_type = Vec<Text<200>>)]
    aliases: Vec<String>,
    /// The region, cercle or commune that a local government governs.
    territorial_unit_id: Option<TerritorialUnitId>,
    /// The State representation that checks the legality of its acts.
    supervisor_id: Option<OrganisationId>,
    /// The Treasury post where its accountant sits.
    treasury_post_id: Option<OrganisationId>,
    /// The currency in which its accounts are kept.
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// True for organisations that do not exist, made for demonstrations and training.
    fictional: bool,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(row: OrganisationRow) -> OrganisationView {
    OrganisationView {
        id: row.id.0,
        kind: row.kind.0,
        aliases: row.aliases(),
        code: row.code,
        name: row.name,
        territorial_unit_id: row.territorial_unit_id.map(|id| id.0),
        supervisor_id: row.supervisor_id.map(|id| id.0),
        treasury_post_id: row.treasury_post_id.map(|id| id.0),
        currency: row.currency,
        fictional: row.fictional,
        version: row.version,
    }
}

/// The currency of an organisation's accounts.
pub fn currency_of(row: &OrganisationRow) -> Result<Currency, db::fault::Fault> {
    known_currency(&row.currency)
}

/// A currency as it is kept.
pub fn known_currency(code: &str) -> Result<Currency, db::fault::Fault> {
    Currency::parse(code).ok_or_else(|| db::fault::Fault::Corrupt(format!("currency {code}")))
}

/// The currency of the accounts of the scope's organisation.
pub fn currency_in(conn: &mut db::connection::Conn, scope: &Scope) -> Result<Currency, db::fault::Fault> {
    known_currency(&db::organisation::find_currency(conn, scope)?)
}

/// What stands at the head of the organisation's papers, with the units in which it lies on a day.
pub fn letterhead_in(conn: &mut db::connection::Conn, scope: &Scope, on: NaiveDate) -> Result<Letterhead, db::fault::Fault> {
    let row = db::organisation::find_organisation(conn, scope)?;
    let mut places = Vec::new();
    let mut unit = row.territorial_unit_id.map(|id| id.0);
    // A commune lies in a cercle, a cercle in a region: no unit lies deeper.
    for _ in 0..3 {
        let Some(id) = unit else { break };
        let parents = db::territory::find_unit(conn, id)?.parents;
        let parent = parents.into_iter().find(|parent| parent.valid_from <= on && parent.valid_to.is_none_or(|last| last >= on));
        if let Some(parent) = &parent {
            let kind = match parent.unit.level.0 {
                TerritorialLevel::Region => "Région",
                TerritorialLevel::District => "District",
                TerritorialLevel::Cercle => "Cercle",
                TerritorialLevel::Commune => "Commune",
            };
            places.insert(0, place(kind, &parent.unit.name));
        }
        unit = parent.map(|parent| parent.unit.id.0);
    }
    Ok(Letterhead { places, organisation: row.name, code: row.code, fictional: row.fictional })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrganisationQuery {
    /// Only organisations of this kind.
    kind: Option<OrganisationKind>,
    /// Only the local government of this unit.
    territorial_unit_id: Option<TerritorialUnitId>,
    /// A part of any of the names, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Only fictional, or only real organisations.
    fictional: Option<bool>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The directory of organisations.
#[utoipa::path(tag = "organisation", params(OrganisationQuery), responses((status = 200, body = Page<OrganisationView>)))]
#[get("/v1/organisations")]
pub async fn list_organisations(call: Call, query: Query<OrganisationQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<OrganisationId>(&call, query.after.as_deref(), query.limit)?;
    let filter =
        OrganisationFilter { kind: query.kind, territorial_unit_id: query.territorial_unit_id, query: query.q, fictional: query.fictional };
    let asked = keys.clone();
    let rows = call.store().read(move |conn| db::organisation::list_organisations(conn, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One organisation.
#[utoipa::path(tag = "organisation", responses((status = 200, body = OrganisationView)))]
#[get("/v1/organisations/{organisation_id}")]
pub async fn read_organisation(call: Call, request: HttpRequest, _path: web::Path<OrganisationId>) -> Answered {
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::organisation::find_organisation(conn, &scope)).await?;
    versioned(&request, row.version, &view(row))
}

/// An organisation to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrganisation {
    /// An identifier made by the client, if it works offline.
    id: Option<OrganisationId>,
    kind: OrganisationKind,
    /// Short code, unique in the service.
    code: Text<40>,
    name: Text<200>,
    /// Required for local governments, of the same level; not allowed for others.
    territorial_unit_id: Option<TerritorialUnitId>,
    supervisor_id: Option<OrganisationId>,
    treasury_post_id: Option<OrganisationId>,
    currency: CurrencyText,
    /// True for organisations that do not exist, made for demonstrations and training.
    #[serde(default)]
    fictional: bool,
}

impl Json for NewOrganisation {}

/// Registers an organisation and starts its chain of events.
#[utoipa::path(tag = "organisation", request_body = NewOrganisation, responses((status = 201, body = OrganisationView)))]
#[post("/v1/organisations")]
pub async fn create_organisation(asked: Asked<NewOrganisation>) -> Answered {
    if Currency::parse(&asked.body.currency.0).is_none() {
        return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "/currency", "unknown ISO 4217 code"));
    }
    if asked.body.kind == OrganisationKind::Platform {
        return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "/kind", "there is one platform, and it is registered"));
    }
    let id = asked.body.id.unwrap_or_default();
    asked
        .write_on(OrganisationId::platform(), move |_, body, tx| {
            let local = body.kind.is_local_government();
            match body.territorial_unit_id {
                Some(_) if !local => {
                    return Err(ORGANISATION_UNIT_UNEXPECTED.refuse().with("kind", body.kind).at("/territorial_unit_id").into());
                }
                None if local => {
                    return Err(ORGANISATION_UNIT_REQUIRED.refuse().with("level", body.kind).at("/territorial_unit_id").into());
                }
                Some(unit) => {
                    let level = db::territory::find_unit(tx.conn, unit)?.unit.level.0;
                    if level.as_str() != body.kind.as_str() {
                        return Err(ORGANISATION_UNIT_REQUIRED.refuse().with("level", body.kind).at("/territorial_unit_id").into());
                    }
                }
                None => {}
            }
            for known in [body.supervisor_id, body.treasury_post_id].into_iter().flatten() {
                db::organisation::find_organisation(tx.conn, &Scope { organisation: known, clearance: Sensitivity::Sealed })?;
            }
            let new = NewRow {
                id,
                kind: body.kind,
                code: body.code.as_str().to_owned(),
                name: body.name.as_str().to_owned(),
                territorial_unit_id: body.territorial_unit_id,
                supervisor_id: body.supervisor_id,
                treasury_post_id: body.treasury_post_id,
                currency: body.currency.0.clone(),
                fictional: body.fictional,
            };
            db::organisation::insert_organisation(tx.conn, &new)?;
            let row = db::organisation::find_organisation(tx.conn, &Scope { organisation: id, clearance: Sensitivity::Sealed })?;
            let event = Event::of("organisation.registered", "organisation", id.0, 1).with("code", &new.code).with("kind", new.kind);
            let answer = created(format!("/v1/organisations/{id}"), 1, &view(row))?;
            Ok((answer, event.into()))
        })
        .await
}

/// The other names of an organisation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationAliases {
    /// All of them: those that are not here are gone.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    aliases: Vec<Text<200>>,
}

impl Json for OrganisationAliases {}

/// Gives an organisation other names by which it is found: abbreviations, former names, names in other languages.
#[utoipa::path(tag = "organisation", request_body = OrganisationAliases, responses((status = 200, body = OrganisationView)))]
#[post("/v1/organisations/{organisation_id}/aliases")]
pub async fn alias_organisation(asked: Asked<OrganisationAliases>, path: web::Path<OrganisationId>) -> Answered {
    let id = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let row = db::organisation::find_own(tx)?;
            call.check_version(row.version)?;
            let aliases: Vec<String> = body.aliases.iter().map(|alias| alias.as_str().to_owned()).collect();
            let after = db::organisation::update_aliases(tx, &row, &aliases)?;
            let event = Event::of("organisation.aliased", "organisation", id.0, after.version).with("aliases", aliases);
            Ok((done(after.version, &view(after))?, event.into()))
        })
        .await
}
