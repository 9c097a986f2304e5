//! Debtors' files of an organisation (redevables).

use actix_web::{HttpRequest, get, patch, post, web};
use db::revenue::debtor::{DebtorFilter, DebtorRow, NewDebtor as NewRow};
use domain::audit::Event;
use domain::id::{DebtorId, OrganisationId};
use domain::revenue::DebtorKind;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};

/// A debtor's file (redevable). Personal data: only those who order, collect or audit revenue see it.
#[derive(Serialize, ToSchema)]
pub struct DebtorView {
    id: DebtorId,
    organisation_id: OrganisationId,
    #[schema(max_length = 40, example = "RED-0042")]
    code: String,
    kind: DebtorKind,
    #[schema(max_length = 200)]
    name: String,
    /// Tax identification number (NIF).
    #[schema(max_length = 40)]
    tax_number: Option<String>,
    /// Orders are drafted on active files only.
    active: bool,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: DebtorRow) -> DebtorView {
    DebtorView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        code: row.code,
        kind: row.kind.0,
        name: row.name,
        tax_number: row.tax_number,
        active: row.active,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DebtorQuery {
    /// A part of the name, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Only debtors of this kind.
    kind: Option<DebtorKind>,
    /// Only active files, or only closed ones.
    active: Option<bool>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The debtors' files of the organisation.
#[utoipa::path(tag = "revenue", params(DebtorQuery), responses((status = 200, body = Page<DebtorView>)))]
#[get("/v1/organisations/{organisation_id}/debtors")]
pub async fn list_debtors(call: Call, _path: web::Path<OrganisationId>, query: Query<DebtorQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<DebtorId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let asked = keys.clone();
    let filter = DebtorFilter { text: query.q, kind: query.kind, active: query.active };
    let rows = call.store().read(move |conn| db::revenue::debtor::list_debtors(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One debtor's file.
#[utoipa::path(tag = "revenue", responses((status = 200, body = DebtorView)))]
#[get("/v1/organisations/{organisation_id}/debtors/{debtor_id}")]
pub async fn read_debtor(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, DebtorId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::revenue::debtor::find_debtor(conn, &scope, id)).await?;
    versioned(&request, row.version, &view(row))
}

/// A debtor to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDebtor {
    /// An identifier made by the client, if it works offline.
    id: Option<DebtorId>,
    /// Unique in the organisation.
    code: Text<40>,
    kind: DebtorKind,
    name: Text<200>,
    tax_number: Option<Text<40>>,
}

impl Json for NewDebtor {}

/// Registers a debtor's file.
#[utoipa::path(tag = "revenue", request_body = NewDebtor, responses((status = 201, body = DebtorView)))]
#[post("/v1/organisations/{organisation_id}/debtors")]
pub async fn register_debtor(asked: Asked<NewDebtor>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |_, body, tx| {
            let new = NewRow {
                id,
                code: body.code.as_str().to_owned(),
                kind: body.kind,
                name: body.name.as_str().to_owned(),
                tax_number: body.tax_number.as_ref().map(|number| number.as_str().to_owned()),
            };
            let row = db::revenue::debtor::insert_debtor(tx, &new)?;
            // The name stays off the chain.
            let event = Event::of("debtor.registered", "debtor", id.0, 1).with("kind", body.kind);
            Ok((created(format!("/v1/organisations/{organisation}/debtors/{id}"), 1, &view(row))?, event.into()))
        })
        .await
}

/// A debtor's file as it shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DebtorChange {
    name: Text<200>,
    /// Absent for none.
    tax_number: Option<Text<40>>,
    active: bool,
}

impl Json for DebtorChange {}

/// Corrects, opens or closes a debtor's file.
#[utoipa::path(tag = "revenue", request_body = DebtorChange, responses((status = 200, body = DebtorView)))]
#[patch("/v1/organisations/{organisation_id}/debtors/{debtor_id}")]
pub async fn change_debtor(asked: Asked<DebtorChange>, path: web::Path<(OrganisationId, DebtorId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let row = db::revenue::debtor::find_debtor(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(row.version)?;
            let tax_number = body.tax_number.as_ref().map(Text::as_str);
            let after = db::revenue::debtor::update_debtor(tx, &row, body.name.as_str(), tax_number, body.active)?;
            let shown = |active: bool| if active { "active" } else { "inactive" };
            let event = Event::of("debtor.changed", "debtor", id.0, after.version).moved(shown(row.active), shown(body.active));
            Ok((done(after.version, &view(after))?, event.into()))
        })
        .await
}
