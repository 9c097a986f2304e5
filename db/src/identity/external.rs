//! People as other identity providers know them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use domain::id::{ExternalIdentityId, PrincipalId};
use domain::identity::external::EXTERNAL_IDENTITY_TAKEN;
use domain::sensitivity::Sensitivity;

use super::find_principal;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::external_identities;
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = external_identities)]
pub struct ExternalIdentityRow {
    pub id: Col<ExternalIdentityId>,
    pub principal_id: Col<PrincipalId>,
    pub issuer: String,
    pub subject: String,
    pub linked_by: Col<PrincipalId>,
    pub linked_at: Col<DateTime<Utc>>,
    pub ended_at: Option<Col<DateTime<Utc>>>,
    pub version: i64,
}

/// An identity to link.
#[derive(Clone, Debug)]
pub struct NewExternalIdentity {
    pub id: ExternalIdentityId,
    pub principal: PrincipalId,
    pub issuer: String,
    pub subject: String,
    pub linked_by: PrincipalId,
}

pub fn insert_external_identity(tx: &mut Tx<'_>, new: &NewExternalIdentity) -> Result<(), Fault> {
    diesel::insert_into(external_identities::table)
        .values((
            external_identities::id.eq(Col(new.id)),
            external_identities::principal_id.eq(Col(new.principal)),
            external_identities::issuer.eq(&new.issuer),
            external_identities::subject.eq(&new.subject),
            external_identities::linked_by.eq(Col(new.linked_by)),
            external_identities::linked_at.eq(Col(tx.author.now)),
            external_identities::ended_at.eq(None::<Col<DateTime<Utc>>>),
            external_identities::sensitivity.eq(Sensitivity::Restricted.rank()),
            external_identities::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| EXTERNAL_IDENTITY_TAKEN.refuse()))?;
    Ok(())
}

/// An identity of the principal, for those who administer the platform.
pub fn find_external_identity(conn: &mut Conn, principal: PrincipalId, id: ExternalIdentityId) -> Result<ExternalIdentityRow, Fault> {
    Ok(external_identities::table
        .filter(external_identities::id.eq(Col(id)))
        .filter(external_identities::principal_id.eq(Col(principal)))
        .select(ExternalIdentityRow::as_select())
        .first(conn)?)
}

/// Whom a subject of an issuer stands for.
pub fn find_linked(conn: &mut Conn, issuer: &str, subject: &str) -> Result<Option<PrincipalId>, Fault> {
    let found: Option<Col<PrincipalId>> = external_identities::table
        .filter(external_identities::issuer.eq(issuer))
        .filter(external_identities::subject.eq(subject))
        .filter(external_identities::ended_at.is_null())
        .select(external_identities::principal_id)
        .first(conn)
        .optional()?;
    Ok(found.map(|id| id.0))
}

/// Whether the principal is, or ever was, linked to a subject of the issuer: then no name told by it stands for them.
pub fn was_linked(conn: &mut Conn, issuer: &str, principal: PrincipalId) -> Result<bool, Fault> {
    let found: Option<Col<ExternalIdentityId>> = external_identities::table
        .filter(external_identities::issuer.eq(issuer))
        .filter(external_identities::principal_id.eq(Col(principal)))
        .select(external_identities::id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}

/// The identities linked to the principal, ended ones too, in the order of their linking.
pub fn list_external_identities(
    conn: &mut Conn,
    principal: PrincipalId,
    page: &Keyset<ExternalIdentityId>,
) -> Result<Rows<ExternalIdentityRow>, Fault> {
    find_principal(conn, principal)?;
    let mut query = external_identities::table
        .filter(external_identities::principal_id.eq(Col(principal)))
        .order(external_identities::id)
        .limit(page.probe())
        .select(ExternalIdentityRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(external_identities::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Ends a link.
pub fn end_external_identity(tx: &mut Tx<'_>, row: &ExternalIdentityRow) -> Result<(), Fault> {
    let ended_at = tx.author.now.max(row.linked_at.0);
    diesel::update(external_identities::table.filter(external_identities::id.eq(row.id)))
        .set((external_identities::ended_at.eq(Some(Col(ended_at))), external_identities::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}
