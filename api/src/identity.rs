//! Identity: who calls, and the keys by which anyone can verify it. Each noun of the room has its own file.

pub mod activation;
pub mod assertion;
pub mod authenticator;
pub mod client_key;
pub mod credentials;
pub mod delegation;
pub mod external;
pub mod invitation;
pub mod kinship;
pub mod password;
pub mod principal;
pub mod proposal;
pub mod reauthentication;
pub mod role_assignment;
pub mod session;
pub mod throttle;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get};
use chrono::NaiveDate;
use domain::id::OrganisationId;
use domain::identity::Role;
use serde::Serialize;
use utoipa::ToSchema;

use self::principal::PrincipalView;
use crate::answer::{Answered, ok};
use crate::auth::Call;

/// The public keys with which this service's tokens are verified (RFC 7517).
#[utoipa::path(tag = "identity", responses((status = 200, body = Object)))]
#[get("/.well-known/jwks.json")]
pub async fn read_keys(call: Call) -> Answered {
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(call.desk.keys.jwks()))
}

/// The caller and the roles held today.
#[derive(Serialize, ToSchema)]
pub struct SelfView {
    principal: PrincipalView,
    /// Roles in force on the business date.
    #[schema(max_items = 10_000)]
    roles: Vec<HeldRole>,
}

/// A role held in an organisation.
#[derive(Serialize, ToSchema)]
pub struct HeldRole {
    organisation_id: OrganisationId,
    role: Role,
    valid_from: NaiveDate,
    /// Last day; null when open-ended.
    valid_to: Option<NaiveDate>,
}

/// Who the caller is, and what the caller may be today.
#[utoipa::path(tag = "identity", responses((status = 200, body = SelfView)))]
#[get("/v1/me")]
pub async fn read_self(call: Call) -> Answered {
    let id = call.principal()?;
    let row = call.store().read(move |conn| db::identity::find_principal(conn, id)).await?;
    let held = call.standing.iter().flat_map(|standing| &standing.assignments).filter(|held| held.holds(held.organisation, call.today));
    let roles = held
        .map(|held| HeldRole { organisation_id: held.organisation, role: held.role, valid_from: held.valid_from, valid_to: held.valid_to })
        .collect();
    ok(&SelfView { principal: principal::view(row), roles })
}
