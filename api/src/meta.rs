//! The service about itself: version, health, and the catalogue of problems.

use actix_web::{HttpResponse, get, web};
use domain::refusal::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::contract::field::ResourceFields;
use crate::contract::outline::OUTLINE;
use crate::problem::{NOT_FOUND, Problem, SERVICE_BUSY, all_codes, status};

/// The service and its contract.
#[derive(Serialize, ToSchema)]
pub struct Meta {
    /// Always "Sigida".
    #[schema(max_length = 20)]
    name: &'static str,
    /// Version of the program.
    #[schema(max_length = 20, example = "0.1.0")]
    version: &'static str,
    /// Engine of the database: "sqlite" or "postgresql".
    #[schema(max_length = 20)]
    engine: &'static str,
    /// The business date, which dates budgets and accounts.
    business_date: chrono::NaiveDate,
}

/// Version, engine and business date.
#[utoipa::path(tag = "meta", responses((status = 200, body = Meta)))]
#[get("/v1/meta")]
pub async fn read_meta(call: Call) -> Answered {
    let engine = match call.store().engine() {
        db::connection::Engine::Sqlite => "sqlite",
        db::connection::Engine::Postgres => "postgresql",
    };
    ok(&Meta { name: "Sigida", version: env!("CARGO_PKG_VERSION"), engine, business_date: call.today })
}

/// A state of health.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// "ok".
    #[schema(max_length = 10)]
    status: &'static str,
}

/// Whether the process lives. Asks nothing of the database.
#[utoipa::path(tag = "meta", responses((status = 200, body = Health)))]
#[get("/health/live")]
pub async fn read_liveness() -> Answered {
    Ok(HttpResponse::Ok().json(Health { status: "ok" }))
}

/// Whether the service can answer: the database is reached, migrated and installed.
#[utoipa::path(tag = "meta", responses((status = 200, body = Health)))]
#[get("/health/ready")]
pub async fn read_readiness(call: Call) -> Answered {
    let ready = call.store().read(|conn| Ok(db::connection::is_migrated(conn)? && db::reference::is_installed(conn)?)).await?;
    if ready { Ok(HttpResponse::Ok().json(Health { status: "ok" })) } else { Err(Problem::from(&SERVICE_BUSY)) }
}

/// A problem that the service can answer with.
#[derive(Serialize, ToSchema)]
pub struct ProblemType {
    /// Stable code; the last segment of the problem's `type`.
    #[schema(max_length = 60, example = "COMMITMENT_CREDIT_INSUFFICIENT")]
    code: &'static str,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    #[schema(max_length = 200)]
    title_fr: &'static str,
    #[schema(max_length = 200)]
    title_en: &'static str,
    /// `{name}` stands for the member of that name in the problem's `facts`.
    #[schema(max_length = 600)]
    detail_fr: &'static str,
    #[schema(max_length = 600)]
    detail_en: &'static str,
}

fn view(code: &'static Code) -> ProblemType {
    ProblemType {
        code: code.name,
        status: status(code.family).as_u16(),
        title_fr: code.title_fr,
        title_en: code.title_en,
        detail_fr: code.detail_fr,
        detail_en: code.detail_en,
    }
}

/// Every problem code, with its status and texts.
#[utoipa::path(tag = "meta", responses((status = 200, body = Vec<ProblemType>)))]
#[get("/v1/problems")]
pub async fn list_problems() -> Answered {
    ok(&all_codes().map(view).collect::<Vec<_>>())
}

/// One problem code: what a problem's `type` points at.
#[utoipa::path(tag = "meta", responses((status = 200, body = ProblemType)))]
#[get("/v1/problems/{code}")]
pub async fn read_problem(path: web::Path<String>) -> Answered {
    let wanted = path.into_inner();
    match all_codes().find(|code| code.name == wanted) {
        Some(code) => ok(&view(code)),
        None => Err(Problem::from(&NOT_FOUND)),
    }
}

/// Something that is written by a body.
#[derive(Serialize, ToSchema)]
pub struct ResourceName {
    /// Its name, for `GET /v1/fields/{resource}`.
    #[schema(max_length = 100, example = "projects")]
    resource: &'static str,
    /// The operation that writes it.
    #[schema(max_length = 60, example = "draft_project")]
    operation: &'static str,
}

/// Everything that is created or done by a body, by the name under which its fields are told: the segments of its path that are no ids,
/// joined by points, such as `projects` or `projects.conflict-checks`; what is changed under the same name ends with its method (`debtors.patch`).
#[utoipa::path(tag = "meta", responses((status = 200, body = Vec<ResourceName>)))]
#[get("/v1/fields")]
pub async fn list_resources() -> Answered {
    ok(&OUTLINE.fields.values().map(|one| ResourceName { resource: &one.resource, operation: one.operation }).collect::<Vec<_>>())
}

/// What can be set on what is written: what is required, which words are allowed, how long and how large. Read from this contract, so
/// that forms of clients need no list of their own. What can be done to one project now, and why not, its transitions
/// tell; what can be changed, its fields.
#[utoipa::path(tag = "meta", responses((status = 200, body = ResourceFields)))]
#[get("/v1/fields/{resource}")]
pub async fn read_fields(path: web::Path<String>) -> Answered {
    OUTLINE.fields.get(&path.into_inner()).map_or_else(|| Err(Problem::from(&NOT_FOUND)), ok)
}
