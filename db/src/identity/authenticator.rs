//! Generators of one-time passwords, their secrets sealed by a key that is not in the database.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::id::PrincipalId;
use domain::identity::step_up::{AUTHENTICATOR_STATE_INVALID, ONE_TIME_PASSWORD_WRONG};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::authenticators;
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = authenticators)]
pub struct AuthenticatorRow {
    pub sealed_secret: Vec<u8>,
    pub confirmed_at: Option<Col<DateTime<Utc>>>,
}

pub fn find_authenticator(conn: &mut Conn, principal: PrincipalId) -> Result<Option<AuthenticatorRow>, Fault> {
    let found = authenticators::table.filter(authenticators::principal_id.eq(Col(principal)));
    Ok(found.select(AuthenticatorRow::as_select()).first(conn).optional()?)
}

/// Whether one-time passwords prove the principal, and the password alone does not.
pub fn is_enrolled(conn: &mut Conn, principal: PrincipalId) -> Result<bool, Fault> {
    Ok(find_authenticator(conn, principal)?.is_some_and(|row| row.confirmed_at.is_some()))
}

/// Keeps a generator that waits to be confirmed, in the place of one that was not.
pub fn enrol(tx: &mut Tx<'_>, principal: PrincipalId, sealed_secret: &[u8]) -> Result<(), Fault> {
    diesel::delete(
        authenticators::table.filter(authenticators::principal_id.eq(Col(principal))).filter(authenticators::confirmed_at.is_null()),
    )
    .execute(tx.conn)?;
    diesel::insert_into(authenticators::table)
        .values((
            authenticators::principal_id.eq(Col(principal)),
            authenticators::sealed_secret.eq(sealed_secret),
            authenticators::enrolled_at.eq(Col(tx.author.now)),
            authenticators::confirmed_at.eq(None::<Col<DateTime<Utc>>>),
            authenticators::last_step.eq(0),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| AUTHENTICATOR_STATE_INVALID.refuse()))?;
    Ok(())
}

/// Spends the code of a step: none of that step or of one before is good any more.
pub fn spend(tx: &mut Tx<'_>, principal: PrincipalId, step: i64) -> Result<(), Fault> {
    let spent = diesel::update(
        authenticators::table.filter(authenticators::principal_id.eq(Col(principal))).filter(authenticators::last_step.lt(step)),
    )
    .set(authenticators::last_step.eq(step))
    .execute(tx.conn)?;
    if spent == 1 { Ok(()) } else { Err(ONE_TIME_PASSWORD_WRONG.refuse().at("/one_time_password").into()) }
}

/// Confirms a generator by the first code that it gave.
pub fn confirm(tx: &mut Tx<'_>, principal: PrincipalId, step: i64) -> Result<(), Fault> {
    spend(tx, principal, step)?;
    let waiting =
        authenticators::table.filter(authenticators::principal_id.eq(Col(principal))).filter(authenticators::confirmed_at.is_null());
    let confirmed = diesel::update(waiting).set(authenticators::confirmed_at.eq(Some(Col(tx.author.now)))).execute(tx.conn)?;
    if confirmed == 1 { Ok(()) } else { Err(AUTHENTICATOR_STATE_INVALID.refuse().into()) }
}

/// Takes a generator away; says whether there was one.
pub fn remove(tx: &mut Tx<'_>, principal: PrincipalId) -> Result<bool, Fault> {
    Ok(diesel::delete(authenticators::table.filter(authenticators::principal_id.eq(Col(principal)))).execute(tx.conn)? == 1)
}
