//! Donors.

use actix_web::{HttpRequest, get, post, web};
use db::fund::donor::{Donor, DonorFilter, NewDonor as NewRow};
use domain::audit::Event;
use domain::fund::DonorKind;
use domain::id::{DonorId, OrganisationId};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};

/// A donor (bailleur de fonds).
#[derive(Serialize, ToSchema)]
pub struct DonorView {
    id: DonorId,
    organisation_id: OrganisationId,
    #[schema(max_length = 40, example = "DK")]
    code: String,
    #[schema(max_length = 200)]
    name: String,
    kind: DonorKind,
    /// The ISO 3166 code of its country.
    #[schema(min_length = 2, max_length = 2, example = "DK")]
    country: Option<String>,
    /// Other names by which it is found.
    #[schema(max_items = 20, value_type = Vec<Text<200>>)]
    aliases: Vec<String>,
    #[schema(minimum = 1)]
    version: i64,
}

pub(super) fn view(donor: Donor) -> DonorView {
    DonorView {
        id: donor.row.id.0,
        organisation_id: donor.row.organisation_id.0,
        code: donor.row.code,
        name: donor.row.name,
        kind: donor.row.kind.0,
        country: donor.row.country,
        aliases: donor.aliases,
        version: donor.row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DonorQuery {
    /// A part of any of its names, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Only donors of this kind.
    kind: Option<DonorKind>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The donors that the organisation knows.
#[utoipa::path(tag = "fund", params(DonorQuery), responses((status = 200, body = Page<DonorView>)))]
#[get("/v1/organisations/{organisation_id}/donors")]
pub async fn list_donors(call: Call, _path: web::Path<OrganisationId>, query: Query<DonorQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<DonorId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let filter = DonorFilter { text: query.q, kind: query.kind };
    let rows = call.store().read(move |conn| db::fund::donor::list_donors(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |donor| donor.row.id.0, view))
}

/// One donor.
#[utoipa::path(tag = "fund", responses((status = 200, body = DonorView)))]
#[get("/v1/organisations/{organisation_id}/donors/{donor_id}")]
pub async fn read_donor(call: Call, request: HttpRequest, path: DonorPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let donor = call.store().read(move |conn| db::fund::donor::find_donor(conn, &scope, id)).await?;
    versioned(&request, donor.row.version, &view(donor))
}

/// What the path of a donor names.
pub(super) type DonorPath = web::Path<(OrganisationId, DonorId)>;

/// A country by its ISO 3166 code of two letters.
#[derive(Clone, Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[A-Z]{2}$", min_length = 2, max_length = 2, example = "DK")]
pub struct CountryText(pub String);

impl<'de> Deserialize<'de> for CountryText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(text));
        }
        Err(serde::de::Error::custom("expected two capital letters"))
    }
}

/// A donor to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDonor {
    /// An identifier made by the client, if it works offline.
    id: Option<DonorId>,
    /// Unique in the organisation.
    code: Text<40>,
    /// No name is that of two donors.
    name: Text<200>,
    kind: DonorKind,
    country: Option<CountryText>,
    /// Other names by which it is found.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    aliases: Vec<Text<200>>,
}

impl Json for NewDonor {}

/// Registers a donor.
#[utoipa::path(tag = "fund", request_body = NewDonor, responses((status = 201, body = DonorView)))]
#[post("/v1/organisations/{organisation_id}/donors")]
pub async fn register_donor(asked: Asked<NewDonor>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |_, body, tx| {
            let new = NewRow {
                id,
                code: body.code.as_str().to_owned(),
                name: body.name.as_str().to_owned(),
                kind: body.kind,
                country: body.country.as_ref().map(|country| country.0.clone()),
                aliases: body.aliases.iter().map(|alias| alias.as_str().to_owned()).collect(),
            };
            let donor = db::fund::donor::insert_donor(tx, &new)?;
            let event = Event::of("donor.registered", "donor", id.0, 1).with("code", &new.code).with("kind", new.kind);
            Ok((created(format!("/v1/organisations/{organisation}/donors/{id}"), 1, &view(donor))?, event.into()))
        })
        .await
}
