//! Fiscal years of an organisation.

use actix_web::{HttpRequest, get, post, web};
use db::budget::fiscal_year::FiscalYearRow;
use domain::audit::Event;
use domain::budget::{BUDGET_NOMENCLATURE_INVALID, FiscalYearState};
use domain::calendar::FiscalYear;
use domain::id::OrganisationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Answered, created, ok, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json};

/// A fiscal year of an organisation, from 1 January to 31 December.
#[derive(Serialize, ToSchema)]
pub struct FiscalYearView {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    state: FiscalYearState,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(row: &FiscalYearRow) -> FiscalYearView {
    FiscalYearView { organisation_id: row.organisation_id.0, fiscal_year: row.fiscal_year, state: row.state.0, version: row.version }
}

/// The fiscal years of the organisation.
#[utoipa::path(tag = "budget", responses((status = 200, body = Vec<FiscalYearView>)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years")]
pub async fn list_fiscal_years(call: Call, _path: web::Path<OrganisationId>) -> Answered {
    let scope = call.scope()?;
    let rows = call.store().read(move |conn| db::budget::fiscal_year::list_fiscal_years(conn, &scope)).await?;
    ok(&rows.iter().map(view).collect::<Vec<_>>())
}

/// One fiscal year.
#[utoipa::path(tag = "budget", responses((status = 200, body = FiscalYearView)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}")]
pub async fn read_fiscal_year(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (_, year) = path.into_inner();
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::budget::fiscal_year::find_fiscal_year(conn, &scope, year)).await?;
    versioned(&request, row.version, &view(&row))
}

/// A fiscal year to prepare.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFiscalYear {
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// Code of the budget nomenclature; the one in force on 1 January by default.
    #[schema(max_length = 40)]
    nomenclature: Option<String>,
}

impl Json for NewFiscalYear {}

/// Prepares a fiscal year: its budget may be drafted; entries wait for the opening balances.
#[utoipa::path(tag = "budget", request_body = NewFiscalYear, responses((status = 201, body = FiscalYearView)))]
#[post("/v1/organisations/{organisation_id}/fiscal-years")]
pub async fn prepare_fiscal_year(asked: Asked<NewFiscalYear>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let year = FiscalYear::new(body.fiscal_year)?;
            let in_force = match &body.nomenclature {
                None => db::budget::nomenclature::find_in_force(tx.conn, year)?,
                Some(code) => db::budget::nomenclature::find_nomenclature_by_code(tx.conn, code)
                    .ok()
                    .filter(|row| domain::calendar::covers(row.valid_from, row.valid_to, year.first_day())),
            };
            let nomenclature = in_force.ok_or_else(|| {
                let code = body.nomenclature.as_deref().unwrap_or("-");
                BUDGET_NOMENCLATURE_INVALID.refuse().with("nomenclature", code).with("fiscal_year", year.year()).at("/nomenclature")
            })?;
            db::budget::fiscal_year::insert_fiscal_year(tx, year, nomenclature.id.0)?;
            let row = db::budget::fiscal_year::find_fiscal_year(tx.conn, &call.scope_in(organisation), year.year())?;
            let event = Event::of("fiscal_year.prepared", "fiscal_year", organisation.0, 1)
                .begun(row.state.0)
                .with("fiscal_year", year.year())
                .with("nomenclature", &nomenclature.code);
            let location = format!("/v1/organisations/{organisation}/fiscal-years/{}", year.year());
            Ok((created(location, row.version, &view(&row))?, event.into()))
        })
        .await
}
