//! Sessions and their refresh tokens.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::id::{PrincipalId, SessionId};
use domain::identity::session::SessionEnd;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{refresh_tokens, sessions};
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    pub id: Col<SessionId>,
    pub principal_id: Col<PrincipalId>,
    pub started_at: Col<DateTime<Utc>>,
    pub renewed_at: Col<DateTime<Utc>>,
    pub expires_at: Col<DateTime<Utc>>,
    pub ended_at: Option<Col<DateTime<Utc>>>,
    pub proven_at: Option<Col<DateTime<Utc>>>,
}

impl SessionRow {
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && now < self.expires_at.0
    }
}

/// Starts a session with its first refresh token, if it has one, and clears away what expired. Its beginning may itself be a
/// proof of who its owner is.
pub fn insert_session(
    tx: &mut Tx<'_>,
    id: SessionId,
    principal: PrincipalId,
    expires_at: DateTime<Utc>,
    token_hash: Option<&[u8]>,
    proven_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    let now = tx.author.now;
    remove_expired(tx.conn, now)?;
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(Col(id)),
            sessions::principal_id.eq(Col(principal)),
            sessions::started_at.eq(Col(now)),
            sessions::renewed_at.eq(Col(now)),
            sessions::expires_at.eq(Col(expires_at)),
            sessions::ended_at.eq(None::<Col<DateTime<Utc>>>),
            sessions::end_reason.eq(None::<Col<SessionEnd>>),
            sessions::proven_at.eq(proven_at.map(Col)),
        ))
        .execute(tx.conn)?;
    match token_hash {
        Some(token_hash) => insert_token(tx.conn, id, token_hash),
        None => Ok(()),
    }
}

fn insert_token(conn: &mut Conn, session: SessionId, token_hash: &[u8]) -> Result<(), Fault> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::token_hash.eq(token_hash),
            refresh_tokens::session_id.eq(Col(session)),
            refresh_tokens::spent_at.eq(None::<Col<DateTime<Utc>>>),
        ))
        .execute(conn)?;
    Ok(())
}

fn remove_expired(conn: &mut Conn, now: DateTime<Utc>) -> Result<(), Fault> {
    let expired = sessions::table.filter(sessions::expires_at.le(Col(now))).select(sessions::id);
    diesel::delete(refresh_tokens::table.filter(refresh_tokens::session_id.eq_any(expired))).execute(conn)?;
    diesel::delete(sessions::table.filter(sessions::expires_at.le(Col(now)))).execute(conn)?;
    Ok(())
}

fn find_session(conn: &mut Conn, id: SessionId) -> Result<SessionRow, Fault> {
    Ok(sessions::table.filter(sessions::id.eq(Col(id))).select(SessionRow::as_select()).first(conn)?)
}

/// A session of the principal, if it stands.
pub fn find_live(conn: &mut Conn, principal: PrincipalId, id: SessionId, now: DateTime<Utc>) -> Result<Option<SessionRow>, Fault> {
    match find_session(conn, id) {
        Ok(row) => Ok(Some(row).filter(|row| row.principal_id.0 == principal && row.is_live(now))),
        Err(Fault::Missing) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Notes that the owner of a session has proven anew who they are; missing if no such session stands.
pub fn prove(tx: &mut Tx<'_>, principal: PrincipalId, id: SessionId) -> Result<(), Fault> {
    let now = tx.author.now;
    find_live(tx.conn, principal, id, now)?.ok_or(Fault::Missing)?;
    diesel::update(sessions::table.filter(sessions::id.eq(Col(id)))).set(sessions::proven_at.eq(Some(Col(now)))).execute(tx.conn)?;
    Ok(())
}

/// The principal's sessions that stand, in the order of their beginning.
pub fn list_sessions(
    conn: &mut Conn,
    principal: PrincipalId,
    now: DateTime<Utc>,
    page: &Keyset<SessionId>,
) -> Result<Rows<SessionRow>, Fault> {
    let mut query = sessions::table
        .filter(sessions::principal_id.eq(Col(principal)))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(Col(now)))
        .order(sessions::id)
        .limit(page.probe())
        .select(SessionRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(sessions::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What came of a refresh token.
#[derive(Clone, Debug)]
pub enum Renewal {
    Renewed(SessionRow),
    /// It was spent before, and its session stands: somebody else has it too.
    Reused(SessionRow),
    Refused,
}

/// Spends a refresh token and keeps the hash of the next one.
pub fn renew(conn: &mut Conn, token_hash: &[u8], next_hash: &[u8], now: DateTime<Utc>) -> Result<Renewal, Fault> {
    let session: Option<Col<SessionId>> = refresh_tokens::table
        .filter(refresh_tokens::token_hash.eq(token_hash))
        .select(refresh_tokens::session_id)
        .first(conn)
        .optional()?;
    let Some(session) = session else { return Ok(Renewal::Refused) };
    let row = find_session(conn, session.0)?;
    let principal = super::find_principal(conn, row.principal_id.0)?;
    if !row.is_live(now) || !principal.can_sign_in() {
        return Ok(Renewal::Refused);
    }
    let spent =
        diesel::update(refresh_tokens::table.filter(refresh_tokens::token_hash.eq(token_hash)).filter(refresh_tokens::spent_at.is_null()))
            .set(refresh_tokens::spent_at.eq(Some(Col(now))))
            .execute(conn)?;
    if spent != 1 {
        return Ok(Renewal::Reused(row));
    }
    insert_token(conn, session.0, next_hash)?;
    let renewed_at = now.max(row.renewed_at.0);
    diesel::update(sessions::table.filter(sessions::id.eq(session))).set(sessions::renewed_at.eq(Col(renewed_at))).execute(conn)?;
    Ok(Renewal::Renewed(SessionRow { renewed_at: Col(renewed_at), ..row }))
}

/// Ends a session of the principal; missing if none of that name stands.
pub fn end_session(tx: &mut Tx<'_>, principal: PrincipalId, id: SessionId, why: SessionEnd) -> Result<(), Fault> {
    let now = tx.author.now;
    let ended = diesel::update(
        sessions::table
            .filter(sessions::id.eq(Col(id)))
            .filter(sessions::principal_id.eq(Col(principal)))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::expires_at.gt(Col(now))),
    )
    .set((sessions::ended_at.eq(Some(Col(now))), sessions::end_reason.eq(Some(Col(why)))))
    .execute(tx.conn)?;
    if ended == 1 { Ok(()) } else { Err(Fault::Missing) }
}

/// Ends every session of the principal but one; says which.
pub fn end_sessions(tx: &mut Tx<'_>, principal: PrincipalId, but: Option<SessionId>, why: SessionEnd) -> Result<Vec<SessionId>, Fault> {
    let now = tx.author.now;
    let standing: Vec<Col<SessionId>> = sessions::table
        .filter(sessions::principal_id.eq(Col(principal)))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(Col(now)))
        .order(sessions::id)
        .select(sessions::id)
        .load(tx.conn)?;
    let ended: Vec<SessionId> = standing.into_iter().map(|id| id.0).filter(|id| Some(*id) != but).collect();
    for id in &ended {
        end_session(tx, principal, *id, why)?;
    }
    Ok(ended)
}
