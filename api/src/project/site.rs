//! Where projects stand, and the map of them.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, post, web};
use db::fault::Fault;
use db::project::site::{NewSite, Pin, ProjectSiteRow};
use domain::id::{OrganisationId, ProjectId, ProjectSiteId, TerritorialUnitId};
use domain::programme::Instrument;
use domain::project::site::{Position, display};
use domain::project::{COORDINATES_OUT_OF_PLACE, PROJECT_PLACE_UNKNOWN, ProjectState, StateClass};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ProjectPath;
use super::filter::narrowing;
use crate::answer::{Answered, created, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::problem::{Problem, SERVICE_BROKEN};
use crate::wire::shown;

/// The most points of one map.
const PINS: i64 = 20_000;

/// A point where a project stands (WGS 84).
#[derive(Serialize, ToSchema)]
pub struct ProjectSiteView {
    id: ProjectSiteId,
    territorial_unit_id: TerritorialUnitId,
    #[schema(max_length = 200)]
    name: String,
    /// Decimal degrees, east of Greenwich.
    #[schema(max_length = 11, example = "-0.04")]
    longitude: String,
    /// Decimal degrees, north of the equator.
    #[schema(max_length = 10, example = "16.27")]
    latitude: String,
    /// Why the point lies outside of its unit, where it does.
    #[schema(max_length = 300)]
    outside_reason: Option<String>,
}

fn view(row: ProjectSiteRow) -> ProjectSiteView {
    ProjectSiteView {
        id: row.id.0,
        territorial_unit_id: row.unit_id.0,
        name: row.name,
        longitude: display(row.longitude),
        latitude: display(row.latitude),
        outside_reason: row.outside_reason,
    }
}

/// The points where the project stands.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectSiteView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/sites")]
pub async fn read_project_sites(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let sites = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            db::project::site::sites_of(conn, &scope, &project.row)
        })
        .await?;
    ok(&sites.into_iter().map(view).collect::<Vec<_>>())
}

/// A point where a project stands (WGS 84).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectSite {
    /// An identifier made by the client, if it works offline.
    id: Option<ProjectSiteId>,
    /// The unit that the point lies in, the smallest that is known.
    territorial_unit_id: TerritorialUnitId,
    name: Text<200>,
    /// Decimal degrees with at most six digits behind the point, -180 to 180; east of Greenwich. Longitude and latitude are named, so that
    /// nobody takes one for the other.
    #[schema(value_type = String, min_length = 1, max_length = 11, example = "-0.04")]
    longitude: Text<11>,
    /// Decimal degrees with at most six digits behind the point, -90 to 90; north of the equator.
    #[schema(value_type = String, min_length = 1, max_length = 10, example = "16.27")]
    latitude: Text<10>,
    /// Why a point that lies outside of the known boundary is right all the same.
    outside_reason: Option<Text<300>>,
}

impl Json for NewProjectSite {}

/// Records a point where the project stands. It is held against the boundary of the unit, or of the smallest unit around it that has one;
/// boundaries are simplified, so two kilometres beside them are not refused. A point further off needs a reason.
#[utoipa::path(tag = "project", request_body = NewProjectSite, responses((status = 201, body = ProjectSiteView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/sites")]
pub async fn record_project_site(asked: Asked<NewProjectSite>, path: ProjectPath) -> Answered {
    let (organisation, project) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let row = db::project::find_project(tx.conn, &scope, project)?.row;
            row.state.0.require_open()?;
            let position = Position::parse(body.longitude.as_str(), body.latitude.as_str())?;
            let unit = body.territorial_unit_id;
            let unknown = || PROJECT_PLACE_UNKNOWN.refuse().with("term", unit.to_string()).at("/territorial_unit_id");
            let (name, boundary) = match db::project::site::boundary_around(tx.conn, unit) {
                Err(Fault::Missing) => return Err(unknown().into()),
                found => found?,
            };
            let held = match &boundary {
                Some(boundary) => position.require_within(&name, boundary),
                None => Err(COORDINATES_OUT_OF_PLACE
                    .refuse()
                    .with("unit", name)
                    .with("longitude", body.longitude.as_str())
                    .with("latitude", body.latitude.as_str())
                    .at("/outside_reason")),
            };
            if body.outside_reason.is_none() {
                held.clone()?;
            }
            // A reason is kept only where it is needed.
            let outside_reason = held.err().and(body.outside_reason.as_ref()).map(|reason| reason.as_str().to_owned());
            let new = NewSite { id, unit, name: body.name.as_str().to_owned(), position, outside_reason, recorded_by: by };
            db::project::site::insert_site(tx, project, &new)?;
            let event = row.event("project.site_recorded")?.with("site_id", id.to_string()).with("territorial_unit_id", unit.to_string());
            db::project::touch_project(tx, &row)?;
            let site = db::project::site::sites_of(tx.conn, &tx.all(), &row)?.into_iter().find(|site| site.id.0 == id);
            let location = format!("/v1/organisations/{organisation}/projects/{project}/sites");
            Ok((created(location, 1, &view(site.ok_or(Fault::Missing)?))?, event.into()))
        })
        .await
}

narrowing!(ProjectMapQuery {});

#[derive(Serialize)]
struct Feature {
    r#type: &'static str,
    id: ProjectSiteId,
    geometry: Geometry,
    properties: Properties,
}

#[derive(Serialize)]
struct Geometry {
    r#type: &'static str,
    coordinates: [Box<RawValue>; 2],
}

#[derive(Serialize)]
struct Properties {
    name: String,
    territorial_unit_id: TerritorialUnitId,
    project_id: ProjectId,
    reference: String,
    title: String,
    instrument: Instrument,
    state: ProjectState,
    state_class: Option<StateClass>,
    currency: String,
    budget: String,
}

#[derive(Serialize)]
struct FeatureCollection {
    r#type: &'static str,
    /// Whether all points are there; a foreign member, as RFC 7946 allows.
    complete: bool,
    features: Vec<Feature>,
}

fn feature(pin: Pin) -> Result<Feature, Fault> {
    let number = |micro: i32| RawValue::from_string(display(micro)).map_err(|error| Fault::Broken(error.to_string()));
    let currency = db::fund::currency(&pin.currency)?;
    Ok(Feature {
        r#type: "Feature",
        id: pin.id.0,
        geometry: Geometry { r#type: "Point", coordinates: [number(pin.longitude)?, number(pin.latitude)?] },
        properties: Properties {
            name: pin.name,
            territorial_unit_id: pin.unit_id.0,
            project_id: pin.project_id.0,
            reference: pin.reference,
            title: pin.title,
            instrument: pin.instrument.0,
            state: pin.state.0,
            state_class: pin.state.0.class(),
            budget: shown(pin.budget, currency),
            currency: pin.currency,
        },
    })
}

/// The points where the organisation's projects stand, as GeoJSON (RFC 7946: longitude first). At most 20,000, in the order of their ids;
/// the member `complete` tells whether these are all. Only those that the caller may see.
#[utoipa::path(
    tag = "project",
    params(ProjectMapQuery),
    responses((status = 200, body = Object, content_type = "application/geo+json"))
)]
#[get("/v1/organisations/{organisation_id}/project-map")]
pub async fn read_project_map(call: Call, _path: web::Path<OrganisationId>, query: Query<ProjectMapQuery>) -> Answered {
    let (filter, scope) = (query.0.filter(), call.scope()?);
    let pins = call.store().read(move |conn| db::project::site::list_pins(conn, &scope, &filter, PINS)).await?;
    let (complete, r#type) = (!pins.more, "FeatureCollection");
    let features = pins.rows.into_iter().map(feature).collect::<Result<_, Fault>>()?;
    let body = serde_json::to_vec(&FeatureCollection { r#type, complete, features }).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    Ok(HttpResponse::Ok().content_type("application/geo+json").insert_header((CACHE_CONTROL, "private, no-cache")).body(body))
}
