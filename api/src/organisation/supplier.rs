//! Suppliers' files of an organisation.

use actix_web::{HttpRequest, get, patch, post, web};
use chrono::NaiveDate;
use db::organisation::supplier::{NewSupplier as NewRow, SupplierFilter, SupplierRow};
use domain::audit::Event;
use domain::id::{OrganisationId, SupplierId};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};

/// A supplier's file.
#[derive(Serialize, ToSchema)]
pub struct SupplierView {
    id: SupplierId,
    #[schema(max_length = 40, example = "SUP-0012")]
    code: String,
    #[schema(max_length = 200)]
    name: String,
    /// Tax identification number (NIF).
    #[schema(max_length = 40)]
    tax_number: Option<String>,
    /// The supplier's own organisation in the directory, if it has one.
    party_id: Option<OrganisationId>,
    /// Money is committed to active files only.
    active: bool,
    /// Last day of an exclusion from public contracts.
    debarred_until: Option<NaiveDate>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: SupplierRow) -> SupplierView {
    SupplierView {
        id: row.id.0,
        code: row.code,
        name: row.name,
        tax_number: row.tax_number,
        party_id: row.party_id.map(|id| id.0),
        active: row.active,
        debarred_until: row.debarred_until,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SupplierQuery {
    /// A part of the name, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Only the file of this code.
    #[param(max_length = 40)]
    code: Option<String>,
    /// True for active files, false for closed ones.
    active: Option<bool>,
    /// True for those excluded from public contracts today, false for the others.
    debarred: Option<bool>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The suppliers' files of the organisation.
#[utoipa::path(tag = "organisation", params(SupplierQuery), responses((status = 200, body = Page<SupplierView>)))]
#[get("/v1/organisations/{organisation_id}/suppliers")]
pub async fn list_suppliers(call: Call, _path: web::Path<OrganisationId>, query: Query<SupplierQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<SupplierId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let asked = keys.clone();
    let debarred = query.debarred.map(|debarred| (debarred, call.today));
    let filter = SupplierFilter { code: query.code, active: query.active, debarred, query: query.q };
    let rows = call.store().read(move |conn| db::organisation::supplier::list_suppliers(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One supplier's file.
#[utoipa::path(tag = "organisation", responses((status = 200, body = SupplierView)))]
#[get("/v1/organisations/{organisation_id}/suppliers/{supplier_id}")]
pub async fn read_supplier(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, SupplierId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::organisation::supplier::find_supplier(conn, &scope, id)).await?;
    versioned(&request, row.version, &view(row))
}

/// A supplier to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSupplier {
    /// An identifier made by the client, if it works offline.
    id: Option<SupplierId>,
    /// Unique in the organisation.
    code: Text<40>,
    name: Text<200>,
    /// Tax identification number (NIF).
    tax_number: Option<Text<40>>,
    /// The supplier's own organisation in the directory, if it has one.
    party_id: Option<OrganisationId>,
}

impl Json for NewSupplier {}

/// Opens a supplier's file.
#[utoipa::path(tag = "organisation", request_body = NewSupplier, responses((status = 201, body = SupplierView)))]
#[post("/v1/organisations/{organisation_id}/suppliers")]
pub async fn register_supplier(asked: Asked<NewSupplier>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            if let Some(party) = body.party_id {
                db::organisation::find_organisation(tx.conn, &Scope { organisation: party, clearance: Sensitivity::Public })?;
            }
            let new = NewRow {
                id,
                code: body.code.as_str().to_owned(),
                name: body.name.as_str().to_owned(),
                tax_number: body.tax_number.as_ref().map(|number| number.as_str().to_owned()),
                party_id: body.party_id,
            };
            db::organisation::supplier::insert_supplier(tx, &new)?;
            let row = db::organisation::supplier::find_supplier(tx.conn, &call.scope_in(organisation), id)?;
            let event = Event::of("supplier.registered", "supplier", id.0, 1).with("code", &new.code);
            Ok((created(format!("/v1/organisations/{organisation}/suppliers/{id}"), 1, &view(row))?, event.into()))
        })
        .await
}

/// What changes of a supplier's file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SupplierChange {
    active: bool,
    /// Last day of an exclusion from public contracts; absent for none.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    debarred_until: Option<NaiveDate>,
}

impl Json for SupplierChange {}

/// Opens, closes or debars a supplier's file.
#[utoipa::path(tag = "organisation", request_body = SupplierChange, responses((status = 200, body = SupplierView)))]
#[patch("/v1/organisations/{organisation_id}/suppliers/{supplier_id}")]
pub async fn change_supplier(asked: Asked<SupplierChange>, path: web::Path<(OrganisationId, SupplierId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let row = db::organisation::supplier::find_supplier(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            let version = db::organisation::supplier::update_supplier(tx, &row, body.active, body.debarred_until)?;
            let after = db::organisation::supplier::find_supplier(tx.conn, &scope, id)?;
            let shown = |active: bool| if active { "active" } else { "inactive" };
            let mut event = Event::of("supplier.changed", "supplier", id.0, version).moved(shown(row.active), shown(body.active));
            if let Some(until) = body.debarred_until {
                event = event.with("debarred_until", until);
            }
            Ok((done(version, &view(after))?, event.into()))
        })
        .await
}
