//! People and partner systems, as platform administrators keep them.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, Utc};
use db::fault::Fault;
use db::identity::{NewPrincipal as NewRow, PrincipalRow};
use db::store::Tx;
use domain::audit::Event;
use domain::id::{OrganisationId, PrincipalId};
use domain::identity::session::SessionEnd;
use domain::identity::{PRINCIPAL_SELF, PRINCIPAL_STATE_INVALID, PrincipalKind, TOKEN_INVALID};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::proposal::gravity_towards;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::page::{Page, keyset, page};

/// A person or a partner system.
#[derive(Serialize, ToSchema)]
pub struct PrincipalView {
    id: PrincipalId,
    kind: PrincipalKind,
    #[schema(max_length = 100)]
    login: String,
    #[schema(max_length = 200)]
    display_name: String,
    /// Whether a secret is set.
    activated: bool,
    /// Since when the principal is disabled (suspendu); null when it is not.
    disabled_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(row: PrincipalRow) -> PrincipalView {
    PrincipalView {
        id: row.id.0,
        kind: row.kind.0,
        login: row.login,
        display_name: row.display_name,
        activated: row.secret_hash.is_some(),
        disabled_at: row.disabled_at.map(|at| at.0),
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PrincipalQuery {
    /// Only the principal of exactly this login.
    #[param(max_length = 100)]
    login: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Every person and partner system of the installation.
#[utoipa::path(tag = "identity", params(PrincipalQuery), responses((status = 200, body = Page<PrincipalView>)))]
#[get("/v1/principals")]
pub async fn list_principals(call: Call, query: Query<PrincipalQuery>) -> Answered {
    let keys = keyset::<PrincipalId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let (asked, login) = (keys.clone(), query.0.login);
    let rows = call.store().read(move |conn| db::identity::list_principals(conn, login.as_deref(), &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One person or partner system.
#[utoipa::path(tag = "identity", responses((status = 200, body = PrincipalView)))]
#[get("/v1/principals/{principal_id}")]
pub async fn read_principal(call: Call, request: HttpRequest, path: web::Path<PrincipalId>) -> Answered {
    let id = path.into_inner();
    let row = call.store().read(move |conn| db::identity::find_principal(conn, id)).await?;
    versioned(&request, row.version, &view(row))
}

/// A principal to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipal {
    kind: PrincipalKind,
    /// Unique; for partner systems it is the client id.
    login: Text<100>,
    display_name: Text<200>,
}

impl Json for NewPrincipal {}

/// Registers a person or a partner system, who then needs a one-time code to set a secret.
#[utoipa::path(tag = "identity", request_body = NewPrincipal, responses((status = 201, body = PrincipalView)))]
#[post("/v1/principals")]
pub async fn create_principal(asked: Asked<NewPrincipal>) -> Answered {
    let id = PrincipalId::new();
    asked
        .write_on(OrganisationId::platform(), move |_, body, tx| {
            let new = NewRow {
                id,
                kind: body.kind,
                login: body.login.as_str().to_owned(),
                display_name: body.display_name.as_str().to_owned(),
                secret_hash: None,
            };
            db::identity::insert_principal(tx, &new)?;
            let row = db::identity::find_principal(tx.conn, id)?;
            let event = Event::of("principal.registered", "principal", id.0, 1).with("kind", new.kind);
            Ok((created(format!("/v1/principals/{id}"), 1, &view(row))?, event.into()))
        })
        .await
}

/// The principal that an administrator takes away from or gives back to: never themselves, and the administrator has not
/// been disabled meanwhile.
pub fn find_other(tx: &mut Tx<'_>, id: PrincipalId) -> Result<PrincipalRow, Fault> {
    let administrator = tx.author.actor.principal.ok_or(Fault::Missing)?;
    if administrator == id {
        return Err(PRINCIPAL_SELF.refuse().into());
    }
    // Of two administrators who disable each other at once, the second is too late.
    if !db::identity::find_principal(tx.conn, administrator)?.can_sign_in() {
        return Err(TOKEN_INVALID.refuse().into());
    }
    db::identity::find_principal(tx.conn, id)
}

/// Disables a principal (suspension): it no longer signs in, its sessions end, and its access tokens are refused within
/// five seconds. Its roles stay as they are. The version in If-Match is the principal's. Refused for oneself.
#[utoipa::path(tag = "identity", responses((status = 200, body = PrincipalView)))]
#[post("/v1/principals/{principal_id}/suspension")]
pub async fn disable_principal(asked: Asked<Nothing>, path: web::Path<PrincipalId>) -> Answered {
    let id = path.into_inner();
    asked
        .write_on(OrganisationId::platform(), move |call, _, tx| {
            let row = find_other(tx, id)?;
            call.check_version(row.version)?;
            if row.disabled_at.is_some() {
                return Err(PRINCIPAL_STATE_INVALID.refuse().into());
            }
            db::identity::update_disabled(tx, &row, Some(tx.now()))?;
            let ended = db::identity::session::end_sessions(tx, id, None, SessionEnd::Disabled)?;
            let row = db::identity::find_principal(tx.conn, id)?;
            let event = Event::of("principal.disabled", "principal", id.0, row.version)
                .moved("enabled", "disabled")
                .with("sessions_ended", ended.len());
            Ok((done(row.version, &view(row))?, event.into()))
        })
        .await
}

/// Enables a disabled principal again, with the secret and the roles that it had. The version in If-Match is the
/// principal's.
#[utoipa::path(tag = "identity", responses((status = 200, body = PrincipalView)))]
#[post("/v1/principals/{principal_id}/reinstatement")]
pub async fn enable_principal(asked: Asked<Nothing>, path: web::Path<PrincipalId>) -> Answered {
    let id = path.into_inner();
    let gravity = move |_: &Nothing, tx: &mut Tx<'_>| gravity_towards(tx, id);
    asked
        .write_by_two(OrganisationId::platform(), gravity, move |call, _, tx| {
            let row = find_other(tx, id)?;
            call.check_version(row.version)?;
            if row.disabled_at.is_none() {
                return Err(PRINCIPAL_STATE_INVALID.refuse().into());
            }
            db::identity::update_disabled(tx, &row, None)?;
            let row = db::identity::find_principal(tx.conn, id)?;
            let event = Event::of("principal.enabled", "principal", id.0, row.version).moved("disabled", "enabled");
            Ok((done(row.version, &view(row))?, event.into()))
        })
        .await
}
