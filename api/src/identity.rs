//! Identity: activation, sign-in, client credentials, and the roles that people and partner systems hold.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{Duration, NaiveDate};
use db::identity::{NewPrincipal as NewRow, PrincipalRow, RoleAssignmentFilter, RoleAssignmentRow};
use db::store::Outcome;
use domain::audit::{Actor, Event};
use domain::id::{OrganisationId, PrincipalId, RoleAssignmentId};
use domain::identity::{Assignment, PrincipalKind, ROLE_NOT_GRANTABLE, Role, SIGN_IN_FAILED, accept_password};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::answer::{Answered, created, done, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, Readable, words};
use crate::page::{Page, keyset, page};
use crate::password;
use crate::problem::{MEDIA_TYPE_UNSUPPORTED, Problem, REQUEST_BODY_INVALID, SERVICE_BROKEN};

/// For how many days a one-time code is good.
const CODE_DAYS: i64 = 7;

/// The public keys with which this service's tokens are verified (RFC 7517).
#[utoipa::path(tag = "identity", responses((status = 200, body = Object)))]
#[get("/.well-known/jwks.json")]
pub async fn read_keys(call: Call) -> Answered {
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(call.desk.keys.jwks()))
}

/// A one-time code and the secret that it sets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// The one-time code that was handed over.
    #[schema(min_length = 32, max_length = 64)]
    code: String,
    /// The password to sign in with: 12 to 128 characters, none of the most common.
    #[schema(min_length = 12, max_length = 128, format = Password)]
    password: String,
}

impl Json for Activation {}

/// Spends a one-time code and sets the first password of its principal. The first administrator of an installation
/// begins here, with the code that the program printed once.
#[utoipa::path(tag = "identity", request_body = Activation, responses((status = 200, body = PrincipalView)))]
#[post("/v1/activations")]
pub async fn activate_principal(asked: Asked<Activation>) -> Answered {
    let Asked { call, body, .. } = asked;
    let code_hash: Vec<u8> = Sha256::digest(body.code.as_bytes()).to_vec();
    let now = call.now;
    let lookup = code_hash.clone();
    let principal = call.store().read(move |conn| db::identity::find_activation(conn, &lookup, now)).await?;
    accept_password(&body.password, &principal.login)?;
    let secret_hash = password::hash(body.password).await?;
    let mut author = call.author();
    author.actor = Actor { principal: Some(principal.id.0), role: "none".to_owned() };
    let row = call
        .store()
        .write(OrganisationId::platform(), author, move |tx| {
            db::identity::activate(tx, &principal, &code_hash, &secret_hash)?;
            let row = db::identity::find_principal(tx.conn, principal.id.0)?;
            let event = Event::of("principal.activated", "principal", row.id.0.0, row.version);
            Ok(Outcome::Happened(row, event.into()))
        })
        .await?;
    ok(&view(row))
}

/// A login and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    #[schema(min_length = 1, max_length = 100)]
    login: String,
    #[schema(min_length = 1, max_length = 128, format = Password)]
    password: String,
}

impl Json for SignIn {}

/// An access token (RFC 6749).
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// Send it as `Authorization: Bearer …`.
    #[schema(max_length = 4096)]
    access_token: String,
    /// Always "Bearer".
    #[schema(max_length = 10)]
    token_type: &'static str,
    /// Its life in seconds.
    #[schema(minimum = 1, maximum = 86400)]
    expires_in: i64,
}

async fn token_for(call: &Call, login: String, secret: String, kind: PrincipalKind) -> Answered {
    let found = call.store().read(move |conn| match db::identity::find_principal_by_login(conn, &login) {
        Ok(row) => Ok(Some(row)),
        Err(db::fault::Fault::Missing) => Ok(None),
        Err(fault) => Err(fault),
    });
    let known = found.await?.filter(|row| row.kind.0 == kind && row.disabled_at.is_none());
    password::verify(secret, known.as_ref().and_then(|row| row.secret_hash.clone()), || SIGN_IN_FAILED.refuse()).await?;
    let principal = known.ok_or_else(|| Problem::from(&SIGN_IN_FAILED))?.id.0;
    let access_token = call.desk.keys.sign(principal, call.now.timestamp()).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    let view = TokenView { access_token, token_type: "Bearer", expires_in: call.desk.keys.lifetime };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// Signs a person in, for the first-party login only.
#[utoipa::path(tag = "identity", request_body = SignIn, responses((status = 200, body = TokenView)))]
#[post("/v1/sessions")]
pub async fn sign_in(asked: Asked<SignIn>) -> Answered {
    let Asked { call, body, .. } = asked;
    token_for(&call, body.login, body.password, PrincipalKind::Person).await
}

/// Client credentials of a partner system (RFC 6749 §4.4).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Always "client_credentials".
    #[schema(max_length = 30, example = "client_credentials")]
    grant_type: String,
    #[schema(max_length = 100)]
    client_id: String,
    #[schema(max_length = 128, format = Password)]
    client_secret: String,
}

impl Readable for TokenRequest {
    const LIMIT: usize = 4096;

    fn read(kind: &str, bytes: Vec<u8>) -> Result<Self, Problem> {
        if kind != "application/x-www-form-urlencoded" {
            return Err(MEDIA_TYPE_UNSUPPORTED.refuse().with("accepted", "application/x-www-form-urlencoded").into());
        }
        let text = String::from_utf8(bytes).unwrap_or_default();
        if text.contains("%00") || text.contains('\0') {
            return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "", "character U+0000 is not allowed"));
        }
        let form = web::Query::<TokenRequest>::from_query(&text);
        form.map(web::Query::into_inner).map_err(|error| Problem::unreadable(&REQUEST_BODY_INVALID, "", &error.to_string()))
    }
}

/// Issues a token to a partner system.
#[utoipa::path(
    tag = "identity",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenView))
)]
#[post("/v1/oauth/token")]
pub async fn issue_token(asked: Asked<TokenRequest>) -> Answered {
    let Asked { call, body, .. } = asked;
    if body.grant_type != "client_credentials" {
        return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "/grant_type", "only client_credentials"));
    }
    token_for(&call, body.client_id, body.client_secret, PrincipalKind::PartnerSystem).await
}

/// A person or a partner system.
#[derive(Serialize, ToSchema)]
pub struct PrincipalView {
    id: PrincipalId,
    kind: PrincipalKind,
    #[schema(max_length = 100)]
    login: String,
    #[schema(max_length = 200)]
    display_name: String,
    /// Whether the first secret was set.
    activated: bool,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: PrincipalRow) -> PrincipalView {
    PrincipalView {
        id: row.id.0,
        kind: row.kind.0,
        login: row.login,
        display_name: row.display_name,
        activated: row.secret_hash.is_some(),
        version: row.version,
    }
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
    ok(&SelfView { principal: view(row), roles })
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

/// A one-time code.
#[derive(Serialize, ToSchema)]
pub struct ActivationCode {
    /// Hand it over in person; it is good for seven days and shown only here.
    #[schema(max_length = 64)]
    activation_code: String,
}

/// A code that cannot be guessed.
pub fn one_time_code() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).chars().take(40).collect()
}

/// Gives a principal a one-time code, in a write of the platform.
pub fn issue_code(tx: &mut db::store::Tx<'_>, principal: PrincipalId, code: &str) -> Result<Event, db::fault::Fault> {
    let code_hash: Vec<u8> = Sha256::digest(code.as_bytes()).to_vec();
    let expires_at = tx.now() + Duration::days(CODE_DAYS);
    db::identity::insert_activation_code(tx, principal, &code_hash, expires_at)?;
    Ok(Event::of("activation_code.issued", "principal", principal.0, 1))
}

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

/// Issues a one-time code by which a principal sets a secret. Each call issues another; secrets are never kept for
/// repetitions, so no Idempotency-Key is read.
#[utoipa::path(tag = "identity", responses((status = 200, body = ActivationCode)))]
#[post("/v1/principals/{principal_id}/activation-codes")]
pub async fn issue_activation_code(call: Call, path: web::Path<PrincipalId>) -> Answered {
    let principal = path.into_inner();
    let code = one_time_code();
    let issued = code.clone();
    call.store()
        .write(OrganisationId::platform(), call.author(), move |tx| {
            db::identity::find_principal(tx.conn, principal)?;
            let event = issue_code(tx, principal, &issued)?;
            Ok(Outcome::Happened((), event.into()))
        })
        .await?;
    let view = ActivationCode { activation_code: code };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// A role held in the organisation from a date to a date.
#[derive(Serialize, ToSchema)]
pub struct RoleAssignmentView {
    id: RoleAssignmentId,
    organisation_id: OrganisationId,
    principal_id: PrincipalId,
    role: Role,
    /// Where the official sits: a Treasury post, a prefecture.
    seat_id: Option<OrganisationId>,
    valid_from: NaiveDate,
    /// Last day; null when open-ended.
    valid_to: Option<NaiveDate>,
    #[schema(minimum = 1)]
    version: i64,
}

fn assignment_view(row: RoleAssignmentRow) -> RoleAssignmentView {
    RoleAssignmentView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        principal_id: row.principal_id.0,
        role: row.role.0,
        seat_id: row.seat_id.map(|id| id.0),
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RoleAssignmentQuery {
    /// Only these roles, separated by commas.
    #[param(max_length = 300)]
    role: Option<String>,
    /// Only roles of this principal.
    principal_id: Option<PrincipalId>,
    /// Only roles held on this day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Who holds, held or will hold which role in the organisation.
#[utoipa::path(tag = "identity", params(RoleAssignmentQuery), responses((status = 200, body = Page<RoleAssignmentView>)))]
#[get("/v1/organisations/{organisation_id}/role-assignments")]
pub async fn list_role_assignments(call: Call, _path: web::Path<OrganisationId>, query: Query<RoleAssignmentQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<RoleAssignmentId>(&call, query.after.as_deref(), query.limit)?;
    let role = words("role", query.role.as_deref())?;
    let filter = RoleAssignmentFilter { role, principal_id: query.principal_id, on: query.on };
    let scope = call.scope()?;
    let asked = keys.clone();
    let rows = call.store().read(move |conn| db::identity::list_role_assignments(conn, &scope, &filter, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, assignment_view))
}

/// A role to assign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoleAssignment {
    principal_id: PrincipalId,
    role: Role,
    /// Where the official sits; required in practice for accountants and State representatives.
    seat_id: Option<OrganisationId>,
    #[serde(deserialize_with = "crate::wire::day")]
    valid_from: NaiveDate,
    /// Last day; open-ended when absent.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    valid_to: Option<NaiveDate>,
}

impl Json for NewRoleAssignment {}

/// Functions of the State and of control are given and taken by platform administrators only.
fn may_grant(call: &Call, role: Role) -> bool {
    let mut held = call.standing.iter().flat_map(|standing| &standing.assignments);
    !role.granted_by_platform_only()
        || held.any(|held| held.role == Role::Administrator && held.holds(OrganisationId::platform(), call.today))
}

/// Assigns a role. Those who order never pay, and functions of the State and of control are assigned by platform
/// administrators only.
#[utoipa::path(tag = "identity", request_body = NewRoleAssignment, responses((status = 201, body = RoleAssignmentView)))]
#[post("/v1/organisations/{organisation_id}/role-assignments")]
pub async fn assign_role(asked: Asked<NewRoleAssignment>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = RoleAssignmentId::new();
    asked
        .write(move |call, body, tx| {
            if !may_grant(call, body.role) {
                return Err(ROLE_NOT_GRANTABLE.refuse().with("role", body.role).at("/role").into());
            }
            db::identity::find_principal(tx.conn, body.principal_id)?;
            if let Some(seat) = body.seat_id {
                db::organisation::find_organisation(tx.conn, &Scope { organisation: seat, clearance: Sensitivity::Sealed })?;
            }
            let new =
                Assignment { organisation, role: body.role, seat: body.seat_id, valid_from: body.valid_from, valid_to: body.valid_to };
            domain::identity::grant(&new, &db::identity::assignments_of(tx.conn, body.principal_id)?)?;
            db::identity::insert_role_assignment(tx, id, body.principal_id, &new)?;
            let row = db::identity::find_role_assignment(tx.conn, &call.scope_in(organisation), id)?;
            let event = Event::of("role.assigned", "role_assignment", id.0, 1)
                .with("principal_id", body.principal_id.to_string())
                .with("role", body.role)
                .with("valid_from", body.valid_from);
            let answer = created(format!("/v1/organisations/{organisation}/role-assignments/{id}"), 1, &assignment_view(row))?;
            Ok((answer, event.into()))
        })
        .await
}

/// The last day of a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleEnd {
    /// Last day on which the role is held.
    #[serde(deserialize_with = "crate::wire::day")]
    valid_to: NaiveDate,
}

impl Json for RoleEnd {}

/// Ends a role. It takes effect within five seconds.
#[utoipa::path(tag = "identity", request_body = RoleEnd, responses((status = 200, body = RoleAssignmentView)))]
#[post("/v1/organisations/{organisation_id}/role-assignments/{role_assignment_id}/end")]
pub async fn end_role_assignment(
    asked: Asked<RoleEnd>,
    path: web::Path<(OrganisationId, RoleAssignmentId)>,
    _request: HttpRequest,
) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let row = db::identity::find_role_assignment(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            if !may_grant(call, row.role.0) {
                return Err(ROLE_NOT_GRANTABLE.refuse().with("role", row.role.0).into());
            }
            // A role is ended, never extended: to hold it longer it is assigned again, under the rules of assignment.
            if body.valid_to < row.valid_from || row.valid_to.is_some_and(|last| body.valid_to > last) {
                return Err(domain::identity::ROLE_PERIOD_INVALID.refuse().at("/valid_to").into());
            }
            db::identity::end_role_assignment(tx, &row, body.valid_to)?;
            let row = db::identity::find_role_assignment(tx.conn, &scope, id)?;
            let event = Event::of("role.ended", "role_assignment", id.0, row.version).with("valid_to", body.valid_to);
            Ok((done(row.version, &assignment_view(row))?, event.into()))
        })
        .await
}
