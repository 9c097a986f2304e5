//! Roles that people and partner systems hold in an organisation, from a date to a date.

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::identity::{RoleAssignmentFilter, RoleAssignmentRow};
use db::store::Tx;
use domain::audit::Event;
use domain::id::{OrganisationId, PrincipalId, RoleAssignmentId};
use domain::identity::kinship::grant_among_kin;
use domain::identity::proposal::Gravity;
use domain::identity::{Assignment, ROLE_NOT_GRANTABLE, Role};
use domain::sensitivity::{Scope, Sensitivity};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::page::{Page, keyset, page};

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

pub fn assignment_view(row: RoleAssignmentRow) -> RoleAssignmentView {
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

/// Whether the caller administers the platform.
pub fn administers_platform(call: &Call) -> bool {
    let mut held = call.standing.iter().flat_map(|standing| &standing.assignments);
    held.any(|held| held.role == Role::Administrator && held.holds(OrganisationId::platform(), call.today))
}

/// Functions of the State and of control are given and taken by platform administrators only.
fn may_grant(call: &Call, role: Role) -> bool {
    !role.granted_by_platform_only() || administers_platform(call)
}

/// Grants a role under the rules: who may grant it, what the person holds beside it, what declared kin hold.
pub fn grant(call: &Call, tx: &mut Tx<'_>, principal: PrincipalId, new: &Assignment) -> Result<(RoleAssignmentRow, Event), Fault> {
    if !may_grant(call, new.role) {
        return Err(ROLE_NOT_GRANTABLE.refuse().with("role", new.role).at("/role").into());
    }
    domain::identity::require_person(db::identity::find_principal(tx.conn, principal)?.kind.0, new.role)?;
    if let Some(seat) = new.seat {
        db::organisation::find_organisation(tx.conn, &Scope { organisation: seat, clearance: Sensitivity::Sealed })?;
    }
    domain::identity::grant(new, &db::identity::assignments_of(tx.conn, principal)?)?;
    grant_among_kin(new, &db::identity::kinship::kin_assignments(tx.conn, new.organisation, principal)?)?;
    let id = RoleAssignmentId::new();
    db::identity::insert_role_assignment(tx, id, principal, new)?;
    let row = db::identity::find_role_assignment(tx.conn, &call.scope_in(new.organisation), id)?;
    let event = Event::of("role.assigned", "role_assignment", id.0, 1)
        .with("principal_id", principal.to_string())
        .with("role", new.role)
        .with("valid_from", new.valid_from);
    Ok((row, event))
}

/// Whoever makes an administrator makes one who may make others.
pub fn gravity_of(role: Role, concerning: Option<PrincipalId>) -> Gravity {
    if role == Role::Administrator { Gravity::Grave { concerning } } else { Gravity::Light }
}

/// Assigns a role. Those who order never pay, nor do their declared kin, and functions of the State and of control are
/// assigned by platform administrators only.
#[utoipa::path(tag = "identity", request_body = NewRoleAssignment, responses((status = 201, body = RoleAssignmentView)))]
#[post("/v1/organisations/{organisation_id}/role-assignments")]
pub async fn assign_role(asked: Asked<NewRoleAssignment>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let gravity = |body: &NewRoleAssignment, _: &mut Tx<'_>| Ok(gravity_of(body.role, Some(body.principal_id)));
    asked
        .write_by_two(organisation, gravity, move |call, body, tx| {
            db::identity::find_principal(tx.conn, body.principal_id)?;
            let new =
                Assignment { organisation, role: body.role, seat: body.seat_id, valid_from: body.valid_from, valid_to: body.valid_to };
            let (row, event) = grant(call, tx, body.principal_id, &new)?;
            let location = format!("/v1/organisations/{organisation}/role-assignments/{}", row.id.0);
            Ok((created(location, 1, &assignment_view(row))?, event.into()))
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
