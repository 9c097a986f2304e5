//! People, partner systems and the roles they hold.

pub mod authenticator;
pub mod client_key;
pub mod delegation;
pub mod external;
pub mod kinship;
pub mod proposal;
pub mod session;
pub mod throttle;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{ClientKeyId, OrganisationId, PrincipalId, RoleAssignmentId, SessionId};
use domain::identity::{ACTIVATION_FAILED, Assignment, LOGIN_TAKEN, PrincipalKind, Role};
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{activation_codes, principals, role_assignments};
use crate::store::Tx;
use crate::{visible, wall};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = principals)]
pub struct PrincipalRow {
    pub id: Col<PrincipalId>,
    pub kind: Col<PrincipalKind>,
    pub login: String,
    pub display_name: String,
    pub secret_hash: Option<String>,
    pub disabled_at: Option<Col<DateTime<Utc>>>,
    pub version: i64,
}

impl PrincipalRow {
    pub fn can_sign_in(&self) -> bool {
        self.disabled_at.is_none() && self.secret_hash.is_some()
    }
}

/// A new principal, not yet able to sign in.
#[derive(Clone, Debug)]
pub struct NewPrincipal {
    pub id: PrincipalId,
    pub kind: PrincipalKind,
    pub login: String,
    pub display_name: String,
    pub secret_hash: Option<String>,
}

pub fn insert_principal(tx: &mut Tx<'_>, new: &NewPrincipal) -> Result<(), Fault> {
    diesel::insert_into(principals::table)
        .values((
            principals::id.eq(Col(new.id)),
            principals::kind.eq(Col(new.kind)),
            principals::login.eq(&new.login),
            principals::display_name.eq(&new.display_name),
            principals::secret_hash.eq(new.secret_hash.as_deref()),
            principals::disabled_at.eq(None::<Col<DateTime<Utc>>>),
            principals::created_at.eq(Col(tx.author.now)),
            principals::sensitivity.eq(Sensitivity::Restricted.rank()),
            principals::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| LOGIN_TAKEN.refuse().at("/login")))?;
    Ok(())
}

pub fn find_principal(conn: &mut Conn, id: PrincipalId) -> Result<PrincipalRow, Fault> {
    Ok(principals::table.filter(principals::id.eq(Col(id))).select(PrincipalRow::as_select()).first(conn)?)
}

pub fn find_principal_by_login(conn: &mut Conn, login: &str) -> Result<PrincipalRow, Fault> {
    Ok(principals::table.filter(principals::login.eq(login)).select(PrincipalRow::as_select()).first(conn)?)
}

/// Keeps the hash of a one-time code by which a principal sets the first secret.
pub fn insert_activation_code(tx: &mut Tx<'_>, principal: PrincipalId, code_hash: &[u8], expires_at: DateTime<Utc>) -> Result<(), Fault> {
    diesel::insert_into(activation_codes::table)
        .values((
            activation_codes::code_hash.eq(code_hash),
            activation_codes::principal_id.eq(Col(principal)),
            activation_codes::expires_at.eq(Col(expires_at)),
            activation_codes::used_at.eq(None::<Col<DateTime<Utc>>>),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Whose code it is, if it is still good.
pub fn find_activation(conn: &mut Conn, code_hash: &[u8], now: DateTime<Utc>) -> Result<PrincipalRow, Fault> {
    let principal: Option<Col<PrincipalId>> = activation_codes::table
        .filter(activation_codes::code_hash.eq(code_hash))
        .filter(activation_codes::used_at.is_null())
        .filter(activation_codes::expires_at.gt(Col(now)))
        .select(activation_codes::principal_id)
        .first(conn)
        .optional()?;
    let row = match principal {
        Some(id) => find_principal(conn, id.0)?,
        None => return Err(ACTIVATION_FAILED.refuse().into()),
    };
    if row.disabled_at.is_some() { Err(ACTIVATION_FAILED.refuse().into()) } else { Ok(row) }
}

/// Spends the code and sets the secret.
pub fn activate(tx: &mut Tx<'_>, principal: &PrincipalRow, code_hash: &[u8], secret_hash: &str) -> Result<(), Fault> {
    let spent = diesel::update(
        activation_codes::table.filter(activation_codes::code_hash.eq(code_hash)).filter(activation_codes::used_at.is_null()),
    )
    .set(activation_codes::used_at.eq(Some(Col(tx.author.now))))
    .execute(tx.conn)?;
    if spent != 1 {
        return Err(ACTIVATION_FAILED.refuse().into());
    }
    update_secret(tx, principal, Some(secret_hash))
}

/// Sets the secret, or takes it away. One-time codes issued before and never used are void from now on.
pub fn update_secret(tx: &mut Tx<'_>, principal: &PrincipalRow, secret_hash: Option<&str>) -> Result<(), Fault> {
    diesel::update(
        activation_codes::table.filter(activation_codes::principal_id.eq(principal.id)).filter(activation_codes::used_at.is_null()),
    )
    .set(activation_codes::used_at.eq(Some(Col(tx.author.now))))
    .execute(tx.conn)?;
    diesel::update(principals::table.filter(principals::id.eq(principal.id)))
        .set((principals::secret_hash.eq(secret_hash), principals::version.eq(principal.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// Disables a principal from an instant on, or enables it.
pub fn update_disabled(tx: &mut Tx<'_>, principal: &PrincipalRow, disabled_at: Option<DateTime<Utc>>) -> Result<(), Fault> {
    diesel::update(principals::table.filter(principals::id.eq(principal.id)))
        .set((principals::disabled_at.eq(disabled_at.map(Col)), principals::version.eq(principal.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// Every principal of the installation, for those who administer it.
pub fn list_principals(conn: &mut Conn, login: Option<&str>, page: &Keyset<PrincipalId>) -> Result<Rows<PrincipalRow>, Fault> {
    let mut query = principals::table.order(principals::id).limit(page.probe()).select(PrincipalRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(principals::id.gt(Col(after)));
    }
    if let Some(login) = login {
        query = query.filter(principals::login.eq(login.to_owned()));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What a principal may be and do, as the database says now.
#[derive(Clone, Debug)]
pub struct Standing {
    pub principal: PrincipalId,
    pub kind: PrincipalKind,
    pub active: bool,
    /// When the owner of the session last proved who they are; of other footings the token itself says when it was had.
    pub proven_at: Option<DateTime<Utc>>,
    pub assignments: Vec<Assignment>,
}

/// What a token rests on: it is good as long as that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Footing {
    /// The principal's secret.
    Secret,
    Session(SessionId),
    /// The key of a partner system.
    Key(ClientKeyId),
}

/// Every role ever assigned to the principal, with its period, as far as the connection reaches: everywhere, for the guard of all
/// calls. A token is worth what it rests on.
pub fn find_standing(conn: &mut Conn, id: PrincipalId, footing: Footing, now: DateTime<Utc>) -> Result<Standing, Fault> {
    let principal = find_principal(conn, id)?;
    let (stands, proven_at) = match footing {
        Footing::Secret => (principal.can_sign_in(), None),
        Footing::Session(session) => match session::find_live(conn, id, session, now)? {
            Some(row) => (principal.disabled_at.is_none(), row.proven_at.map(|at| at.0)),
            None => (false, None),
        },
        Footing::Key(key) => (principal.disabled_at.is_none() && client_key::stands(conn, id, key)?, None),
    };
    Ok(Standing { principal: id, kind: principal.kind.0, active: stands, proven_at, assignments: assignments_in_reach(conn, id)? })
}

/// Every role of a principal, in all organisations: what is kept apart is so across them.
pub fn assignments_of(conn: &mut Conn, id: PrincipalId) -> Result<Vec<Assignment>, Fault> {
    wall::beyond(conn, |conn| assignments_in_reach(conn, id))
}

fn assignments_in_reach(conn: &mut Conn, id: PrincipalId) -> Result<Vec<Assignment>, Fault> {
    let rows: Vec<RoleAssignmentRow> =
        role_assignments::table.filter(role_assignments::principal_id.eq(Col(id))).select(RoleAssignmentRow::as_select()).load(conn)?;
    Ok(rows.into_iter().map(Assignment::from).collect())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = role_assignments)]
pub struct RoleAssignmentRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<RoleAssignmentId>,
    pub principal_id: Col<PrincipalId>,
    pub role: Col<Role>,
    pub seat_id: Option<Col<OrganisationId>>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub version: i64,
}

impl From<RoleAssignmentRow> for Assignment {
    fn from(row: RoleAssignmentRow) -> Self {
        Assignment {
            organisation: row.organisation_id.0,
            role: row.role.0,
            seat: row.seat_id.map(|id| id.0),
            valid_from: row.valid_from,
            valid_to: row.valid_to,
        }
    }
}

pub fn insert_role_assignment(tx: &mut Tx<'_>, id: RoleAssignmentId, principal: PrincipalId, new: &Assignment) -> Result<(), Fault> {
    diesel::insert_into(role_assignments::table)
        .values((
            role_assignments::organisation_id.eq(Col(new.organisation)),
            role_assignments::id.eq(Col(id)),
            role_assignments::principal_id.eq(Col(principal)),
            role_assignments::role.eq(Col(new.role)),
            role_assignments::seat_id.eq(new.seat.map(Col)),
            role_assignments::valid_from.eq(new.valid_from),
            role_assignments::valid_to.eq(new.valid_to),
            role_assignments::sensitivity.eq(Sensitivity::Internal.rank()),
            role_assignments::version.eq(1),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn find_role_assignment(conn: &mut Conn, scope: &Scope, id: RoleAssignmentId) -> Result<RoleAssignmentRow, Fault> {
    Ok(visible!(role_assignments, scope).filter(role_assignments::id.eq(Col(id))).select(RoleAssignmentRow::as_select()).first(conn)?)
}

/// Sets the last day of a role.
pub fn end_role_assignment(tx: &mut Tx<'_>, row: &RoleAssignmentRow, valid_to: NaiveDate) -> Result<(), Fault> {
    diesel::update(
        role_assignments::table.filter(role_assignments::organisation_id.eq(row.organisation_id)).filter(role_assignments::id.eq(row.id)),
    )
    .set((role_assignments::valid_to.eq(Some(valid_to)), role_assignments::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    Ok(())
}

/// Which role assignments to list.
#[derive(Clone, Debug, Default)]
pub struct RoleAssignmentFilter {
    pub role: Vec<Role>,
    pub principal_id: Option<PrincipalId>,
    /// Held on that day.
    pub on: Option<NaiveDate>,
}

pub fn list_role_assignments(
    conn: &mut Conn,
    scope: &Scope,
    filter: &RoleAssignmentFilter,
    page: &Keyset<RoleAssignmentId>,
) -> Result<Rows<RoleAssignmentRow>, Fault> {
    let mut query = visible!(role_assignments, scope)
        .order(role_assignments::id)
        .limit(page.probe())
        .select(RoleAssignmentRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(role_assignments::id.gt(Col(after)));
    }
    if !filter.role.is_empty() {
        query = query.filter(role_assignments::role.eq_any(filter.role.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(principal) = filter.principal_id {
        query = query.filter(role_assignments::principal_id.eq(Col(principal)));
    }
    if let Some(on) = filter.on {
        query = query
            .filter(role_assignments::valid_from.le(on))
            .filter(role_assignments::valid_to.is_null().or(role_assignments::valid_to.ge(on)));
    }
    Ok(page.cut(query.load(conn)?))
}
