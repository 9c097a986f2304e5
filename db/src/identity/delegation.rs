//! Delegations of signature.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{DelegationId, OrganisationId, PrincipalId};
use domain::identity::delegation::Delegation;
use domain::money::Amount;
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::delegations;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = delegations)]
pub struct DelegationRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<DelegationId>,
    pub principal_id: Col<PrincipalId>,
    pub delegated_by: Col<PrincipalId>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub ceiling: Option<i64>,
    pub ended_on: Option<NaiveDate>,
    pub document_sha256: String,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

impl DelegationRow {
    /// The delegation as the rules see it.
    pub fn delegation(&self) -> Result<Delegation, Fault> {
        let out_of_range = || Fault::Corrupt("the ceiling of a delegation is out of range".to_owned());
        let ceiling = self.ceiling.map(|minor| Amount::from_minor(minor).ok_or_else(out_of_range)).transpose()?;
        Ok(Delegation { valid_from: self.valid_from, valid_to: self.valid_to, ceiling, ended_on: self.ended_on })
    }
}

pub fn insert_delegation(
    tx: &mut Tx<'_>,
    id: DelegationId,
    delegate: PrincipalId,
    by: PrincipalId,
    new: &Delegation,
    document_sha256: &str,
) -> Result<(), Fault> {
    diesel::insert_into(delegations::table)
        .values((
            delegations::organisation_id.eq(Col(tx.organisation)),
            delegations::id.eq(Col(id)),
            delegations::principal_id.eq(Col(delegate)),
            delegations::delegated_by.eq(Col(by)),
            delegations::valid_from.eq(new.valid_from),
            delegations::valid_to.eq(new.valid_to),
            delegations::ceiling.eq(new.ceiling.map(Amount::minor)),
            delegations::ended_on.eq(None::<NaiveDate>),
            delegations::document_sha256.eq(document_sha256),
            delegations::recorded_at.eq(Col(tx.author.now)),
            delegations::sensitivity.eq(Sensitivity::Internal.rank()),
            delegations::version.eq(1),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn find_delegation(conn: &mut Conn, scope: &Scope, id: DelegationId) -> Result<DelegationRow, Fault> {
    Ok(visible!(delegations, scope).filter(delegations::id.eq(Col(id))).select(DelegationRow::as_select()).first(conn)?)
}

/// Every delegation ever given to a delegate in the organisation.
pub fn delegations_to(conn: &mut Conn, scope: &Scope, delegate: PrincipalId) -> Result<Vec<DelegationRow>, Fault> {
    Ok(visible!(delegations, scope)
        .filter(delegations::principal_id.eq(Col(delegate)))
        .order(delegations::id)
        .select(DelegationRow::as_select())
        .load(conn)?)
}

pub fn list_delegations(
    conn: &mut Conn,
    scope: &Scope,
    (delegate, on): (Option<PrincipalId>, Option<NaiveDate>),
    page: &Keyset<DelegationId>,
) -> Result<Rows<DelegationRow>, Fault> {
    let mut query = visible!(delegations, scope).order(delegations::id).limit(page.probe()).select(DelegationRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(delegations::id.gt(Col(after)));
    }
    if let Some(delegate) = delegate {
        query = query.filter(delegations::principal_id.eq(Col(delegate)));
    }
    if let Some(on) = on {
        query = query
            .filter(delegations::valid_from.le(on))
            .filter(delegations::valid_to.is_null().or(delegations::valid_to.assume_not_null().ge(on)))
            .filter(delegations::ended_on.is_null().or(delegations::ended_on.assume_not_null().gt(on)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Ends a delegation at once.
pub fn end_delegation(tx: &mut Tx<'_>, row: &DelegationRow) -> Result<(), Fault> {
    diesel::update(delegations::table.filter(delegations::organisation_id.eq(row.organisation_id)).filter(delegations::id.eq(row.id)))
        .set((delegations::ended_on.eq(Some(tx.author.today)), delegations::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}
