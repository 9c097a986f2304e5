//! Declared kin, within an organisation.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{KinshipId, OrganisationId, PrincipalId};
use domain::identity::kinship::{KinAssignment, KinRelation};
use domain::sensitivity::{Scope, Sensitivity};

use super::assignments_of;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::kinships;
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = kinships)]
pub struct KinshipRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<KinshipId>,
    pub principal_id: Col<PrincipalId>,
    pub relative_id: Col<PrincipalId>,
    pub relation: Col<KinRelation>,
    pub ended_on: Option<NaiveDate>,
    pub declared_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

/// A new declaration.
#[derive(Clone, Copy, Debug)]
pub struct NewKinship {
    pub id: KinshipId,
    pub principal: PrincipalId,
    pub relative: PrincipalId,
    pub relation: KinRelation,
    pub declared_by: PrincipalId,
}

pub fn insert_kinship(tx: &mut Tx<'_>, new: &NewKinship) -> Result<(), Fault> {
    diesel::insert_into(kinships::table)
        .values((
            kinships::organisation_id.eq(Col(tx.organisation)),
            kinships::id.eq(Col(new.id)),
            kinships::principal_id.eq(Col(new.principal)),
            kinships::relative_id.eq(Col(new.relative)),
            kinships::relation.eq(Col(new.relation)),
            kinships::ended_on.eq(None::<NaiveDate>),
            kinships::declared_by.eq(Col(new.declared_by)),
            kinships::recorded_at.eq(Col(tx.author.now)),
            kinships::sensitivity.eq(Sensitivity::Restricted.rank()),
            kinships::version.eq(1),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn find_kinship(conn: &mut Conn, scope: &Scope, id: KinshipId) -> Result<KinshipRow, Fault> {
    Ok(visible!(kinships, scope).filter(kinships::id.eq(Col(id))).select(KinshipRow::as_select()).first(conn)?)
}

pub fn list_kinships(
    conn: &mut Conn,
    scope: &Scope,
    (of, on): (Option<PrincipalId>, Option<NaiveDate>),
    page: &Keyset<KinshipId>,
) -> Result<Rows<KinshipRow>, Fault> {
    let mut query = visible!(kinships, scope).order(kinships::id).limit(page.probe()).select(KinshipRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(kinships::id.gt(Col(after)));
    }
    if let Some(of) = of {
        query = query.filter(kinships::principal_id.eq(Col(of)).or(kinships::relative_id.eq(Col(of))));
    }
    if let Some(on) = on {
        query = query.filter(kinships::ended_on.is_null().or(kinships::ended_on.assume_not_null().ge(on)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Sets the last day of a kinship.
pub fn end_kinship(tx: &mut Tx<'_>, row: &KinshipRow, ended_on: NaiveDate) -> Result<(), Fault> {
    diesel::update(kinships::table.filter(kinships::organisation_id.eq(row.organisation_id)).filter(kinships::id.eq(row.id)))
        .set((kinships::ended_on.eq(Some(ended_on)), kinships::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// Everyone declared kin of a principal in the organisation, in either direction, with the last day of it. For the rules
/// only: no caller is told.
pub fn kin_of(
    conn: &mut Conn,
    organisation: OrganisationId,
    principal: PrincipalId,
) -> Result<Vec<(PrincipalId, Option<NaiveDate>)>, Fault> {
    let scope = Scope { organisation, clearance: Sensitivity::Sealed };
    let columns = (kinships::principal_id, kinships::relative_id, kinships::ended_on);
    let (one, other) = (kinships::principal_id.eq(Col(principal)), kinships::relative_id.eq(Col(principal)));
    let rows: Vec<(Col<PrincipalId>, Col<PrincipalId>, Option<NaiveDate>)> =
        visible!(kinships, scope).filter(one.or(other)).order(kinships::id).select(columns).load(conn)?;
    let kin = |(one, other, ended_on): (Col<PrincipalId>, Col<PrincipalId>, Option<NaiveDate>)| {
        (if one.0 == principal { other.0 } else { one.0 }, ended_on)
    };
    Ok(rows.into_iter().map(kin).collect())
}

/// The roles that declared kin hold, held or will hold.
pub fn kin_assignments(conn: &mut Conn, organisation: OrganisationId, principal: PrincipalId) -> Result<Vec<KinAssignment>, Fault> {
    let mut found = Vec::new();
    for (kin, ended_on) in kin_of(conn, organisation, principal)? {
        found.extend(assignments_of(conn, kin)?.into_iter().map(|held| KinAssignment { held, ended_on }));
    }
    Ok(found)
}
