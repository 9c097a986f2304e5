//! Public keys of partner systems, and the assertions that were spent.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::id::{ClientKeyId, PrincipalId};
use domain::identity::client_key::{CLIENT_KEY_TAKEN, ClientKeyAlgorithm};
use domain::sensitivity::Sensitivity;

use super::{PrincipalRow, find_principal};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{client_keys, spent_assertions};
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = client_keys)]
pub struct ClientKeyRow {
    pub id: Col<ClientKeyId>,
    pub principal_id: Col<PrincipalId>,
    pub kid: String,
    pub algorithm: Col<ClientKeyAlgorithm>,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    pub label: String,
    pub registered_by: Col<PrincipalId>,
    pub registered_at: Col<DateTime<Utc>>,
    pub ended_at: Option<Col<DateTime<Utc>>>,
    pub version: i64,
}

/// A key to register.
#[derive(Clone, Debug)]
pub struct NewClientKey {
    pub id: ClientKeyId,
    pub principal: PrincipalId,
    pub kid: String,
    pub algorithm: ClientKeyAlgorithm,
    pub public_key: Vec<u8>,
    pub label: String,
    pub registered_by: PrincipalId,
}

pub fn insert_client_key(tx: &mut Tx<'_>, new: &NewClientKey) -> Result<(), Fault> {
    diesel::insert_into(client_keys::table)
        .values((
            client_keys::id.eq(Col(new.id)),
            client_keys::principal_id.eq(Col(new.principal)),
            client_keys::kid.eq(&new.kid),
            client_keys::algorithm.eq(Col(new.algorithm)),
            client_keys::public_key.eq(&new.public_key),
            client_keys::label.eq(&new.label),
            client_keys::registered_by.eq(Col(new.registered_by)),
            client_keys::registered_at.eq(Col(tx.author.now)),
            client_keys::ended_at.eq(None::<Col<DateTime<Utc>>>),
            client_keys::sensitivity.eq(Sensitivity::Restricted.rank()),
            client_keys::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| CLIENT_KEY_TAKEN.refuse().at("/public_key")))?;
    Ok(())
}

/// A key of the principal, for those who administer the platform.
pub fn find_client_key(conn: &mut Conn, principal: PrincipalId, id: ClientKeyId) -> Result<ClientKeyRow, Fault> {
    Ok(client_keys::table
        .filter(client_keys::id.eq(Col(id)))
        .filter(client_keys::principal_id.eq(Col(principal)))
        .select(ClientKeyRow::as_select())
        .first(conn)?)
}

/// The key of exactly that name and the partner system that it speaks for, if both are good.
pub fn find_good(conn: &mut Conn, kid: &str) -> Result<Option<(ClientKeyRow, PrincipalRow)>, Fault> {
    let key: Option<ClientKeyRow> = client_keys::table
        .filter(client_keys::kid.eq(kid))
        .filter(client_keys::ended_at.is_null())
        .select(ClientKeyRow::as_select())
        .first(conn)
        .optional()?;
    let Some(key) = key else { return Ok(None) };
    let principal = find_principal(conn, key.principal_id.0)?;
    Ok(principal.disabled_at.is_none().then_some((key, principal)))
}

/// Whether a key of the principal stands.
pub fn stands(conn: &mut Conn, principal: PrincipalId, id: ClientKeyId) -> Result<bool, Fault> {
    match find_client_key(conn, principal, id) {
        Ok(row) => Ok(row.ended_at.is_none()),
        Err(Fault::Missing) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// The principal's keys, ended ones too, in the order of their registration.
pub fn list_client_keys(conn: &mut Conn, principal: PrincipalId, page: &Keyset<ClientKeyId>) -> Result<Rows<ClientKeyRow>, Fault> {
    find_principal(conn, principal)?;
    let mut query = client_keys::table
        .filter(client_keys::principal_id.eq(Col(principal)))
        .order(client_keys::id)
        .limit(page.probe())
        .select(ClientKeyRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(client_keys::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Ends a key for good.
pub fn end_client_key(tx: &mut Tx<'_>, row: &ClientKeyRow) -> Result<(), Fault> {
    let ended_at = tx.author.now.max(row.registered_at.0);
    diesel::update(client_keys::table.filter(client_keys::id.eq(row.id)))
        .set((client_keys::ended_at.eq(Some(Col(ended_at))), client_keys::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// Spends an assertion, and forgets those that would be refused anyway; false if it was spent before, whoever spent it.
pub fn spend(conn: &mut Conn, digest: &[u8], expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool, Fault> {
    diesel::delete(spent_assertions::table.filter(spent_assertions::expires_at.lt(Col(now)))).execute(conn)?;
    let found: Option<Vec<u8>> =
        spent_assertions::table.filter(spent_assertions::digest.eq(digest)).select(spent_assertions::digest).first(conn).optional()?;
    if found.is_some() {
        return Ok(false);
    }
    diesel::insert_into(spent_assertions::table)
        .values((spent_assertions::digest.eq(digest), spent_assertions::expires_at.eq(Col(expires_at))))
        .execute(conn)?;
    Ok(true)
}
