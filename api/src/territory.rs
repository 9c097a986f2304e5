//! The territory: units as they existed, their codes, names, parents and boundaries. Public.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use chrono::NaiveDate;
use db::territory::{Parent, Succession, Unit, UnitFilter, UnitRow};
use domain::id::TerritorialUnitId;
use domain::territory::{CodeScheme, NameKind, SuccessionKind, TerritorialLevel};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, listed, ok};
use crate::auth::Call;
use crate::body::Query;
use crate::page::{Page, keyset, page};
use crate::problem::{Problem, SERVICE_BROKEN};

/// A territorial unit, in short.
#[derive(Serialize, ToSchema)]
pub struct TerritorialUnitView {
    id: TerritorialUnitId,
    level: TerritorialLevel,
    /// The name in use.
    #[schema(max_length = 200)]
    name: String,
    /// First day of its existence.
    valid_from: NaiveDate,
    /// Last day of its existence; null while it exists.
    valid_to: Option<NaiveDate>,
    /// Longitude of a point inside, in degrees (WGS 84).
    #[schema(minimum = -180, maximum = 180)]
    longitude: Option<f64>,
    /// Latitude of a point inside, in degrees (WGS 84).
    #[schema(minimum = -90, maximum = 90)]
    latitude: Option<f64>,
    /// Area in square kilometres.
    #[schema(minimum = 0)]
    area_km2: Option<f64>,
    /// What the sources disagree on.
    #[schema(max_length = 1000)]
    note: Option<String>,
    /// True for units that do not exist, made for demonstrations and training.
    fictional: bool,
}

fn view(row: UnitRow) -> TerritorialUnitView {
    TerritorialUnitView {
        id: row.id.0,
        level: row.level.0,
        name: row.name,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        longitude: row.longitude,
        latitude: row.latitude,
        area_km2: row.area_km2,
        note: row.note,
        fictional: row.fictional,
    }
}

/// A code of a unit. The same code means other units in other editions.
#[derive(Serialize, ToSchema)]
pub struct TerritorialCode {
    scheme: CodeScheme,
    /// Edition of the scheme, such as "2015".
    #[schema(max_length = 20)]
    edition: String,
    #[schema(max_length = 40)]
    code: String,
}

/// A name of a unit.
#[derive(Serialize, ToSchema)]
pub struct TerritorialName {
    #[schema(max_length = 200)]
    name: String,
    kind: NameKind,
}

/// The unit in which another lies, during a period.
#[derive(Serialize, ToSchema)]
pub struct TerritorialParent {
    unit: TerritorialUnitView,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
}

/// The unit that another follows, or is followed by.
#[derive(Serialize, ToSchema)]
pub struct TerritorialSuccession {
    unit: TerritorialUnitView,
    happened_on: NaiveDate,
    kind: SuccessionKind,
}

/// A territorial unit with all that is known of it.
#[derive(Serialize, ToSchema)]
pub struct TerritorialUnitDetail {
    unit: TerritorialUnitView,
    #[schema(max_items = 50)]
    names: Vec<TerritorialName>,
    #[schema(max_items = 50)]
    codes: Vec<TerritorialCode>,
    /// Where it lay, the oldest first. Where no open source says in which cercle a commune lies, nothing is said.
    #[schema(max_items = 50)]
    parents: Vec<TerritorialParent>,
    #[schema(max_items = 200)]
    predecessors: Vec<TerritorialSuccession>,
    #[schema(max_items = 200)]
    successors: Vec<TerritorialSuccession>,
}

fn parent(row: Parent) -> TerritorialParent {
    TerritorialParent { unit: view(row.unit), valid_from: row.valid_from, valid_to: row.valid_to }
}

fn succession(row: Succession) -> TerritorialSuccession {
    TerritorialSuccession { unit: view(row.unit), happened_on: row.happened_on, kind: row.kind.0 }
}

fn detail(unit: Unit) -> TerritorialUnitDetail {
    TerritorialUnitDetail {
        unit: view(unit.unit),
        names: unit.names.into_iter().map(|row| TerritorialName { name: row.name, kind: row.kind.0 }).collect(),
        codes: unit.codes.into_iter().map(|row| TerritorialCode { scheme: row.scheme.0, edition: row.edition, code: row.code }).collect(),
        parents: unit.parents.into_iter().map(parent).collect(),
        predecessors: unit.predecessors.into_iter().map(succession).collect(),
        successors: unit.successors.into_iter().map(succession).collect(),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TerritorialUnitQuery {
    level: Option<TerritorialLevel>,
    /// Units that lie in this unit.
    parent: Option<TerritorialUnitId>,
    /// Units that existed on that day; with `parent`, units that lay in it on that day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
    /// A part of a name, without regard to accents, case or punctuation.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Units that have a code of this scheme.
    scheme: Option<CodeScheme>,
    /// Edition of the scheme, such as "2015".
    #[param(max_length = 20)]
    edition: Option<String>,
    /// The code itself; needs `scheme`, and `edition` where the scheme has several.
    #[param(max_length = 40)]
    code: Option<String>,
    /// True for fictional units, which are never mixed with real ones.
    #[serde(default)]
    fictional: bool,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Regions, cercles and communes, as they existed from a date to a date.
#[utoipa::path(tag = "territory", params(TerritorialUnitQuery), responses((status = 200, body = Page<TerritorialUnitView>)))]
#[get("/v1/territorial-units")]
pub async fn list_territorial_units(call: Call, query: Query<TerritorialUnitQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<TerritorialUnitId>(&call, query.after.as_deref(), query.limit)?;
    let filter = UnitFilter {
        level: query.level,
        parent: query.parent,
        on: query.on,
        query: query.q,
        scheme: query.scheme,
        edition: query.edition,
        code: query.code,
        fictional: query.fictional,
    };
    let asked = keys.clone();
    let rows = call.store().read(move |conn| db::territory::list_units(conn, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One unit, with its names, codes, parents, predecessors and successors.
#[utoipa::path(tag = "territory", responses((status = 200, body = TerritorialUnitDetail)))]
#[get("/v1/territorial-units/{territorial_unit_id}")]
pub async fn read_territorial_unit(call: Call, path: web::Path<TerritorialUnitId>) -> Answered {
    let id = path.into_inner();
    let unit = call.store().read(move |conn| db::territory::find_unit(conn, id)).await?;
    ok(&detail(unit))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TerritorialBoundaryQuery {
    level: TerritorialLevel,
    /// Units that lie in this unit.
    parent: Option<TerritorialUnitId>,
    /// Units that existed on that day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
}

#[derive(Serialize)]
struct Feature {
    r#type: &'static str,
    id: TerritorialUnitId,
    geometry: Box<RawValue>,
    properties: TerritorialUnitView,
}

#[derive(Serialize)]
struct FeatureCollection {
    r#type: &'static str,
    attribution: &'static str,
    features: Vec<Feature>,
}

/// Whose boundaries these are.
const ATTRIBUTION: &str = "OCHA COD-AB Mali 2015, CC BY-IGO; simplified";

/// Boundaries of the 1999-2023 division as GeoJSON (RFC 7946). No open boundary of the 2023 division exists.
#[utoipa::path(
    tag = "territory",
    params(TerritorialBoundaryQuery),
    responses((status = 200, body = Object, content_type = "application/geo+json"))
)]
#[get("/v1/territorial-boundaries")]
pub async fn list_territorial_boundaries(call: Call, query: Query<TerritorialBoundaryQuery>) -> Answered {
    let query = query.0;
    let rows = call.store().read(move |conn| db::territory::list_boundaries(conn, query.level, query.parent, query.on)).await?;
    let features = rows
        .into_iter()
        .map(|(row, geometry)| {
            let geometry = RawValue::from_string(geometry).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
            Ok(Feature { r#type: "Feature", id: row.id.0, geometry, properties: view(row) })
        })
        .collect::<Result<_, Problem>>()?;
    let collection = FeatureCollection { r#type: "FeatureCollection", attribution: ATTRIBUTION, features };
    let body = serde_json::to_vec(&collection).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    Ok(HttpResponse::Ok().content_type("application/geo+json").insert_header((CACHE_CONTROL, "public, max-age=86400")).body(body))
}
