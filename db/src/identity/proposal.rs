//! Grave requests that wait for a second person.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{OrganisationId, PrincipalId, ProposalId};
use domain::identity::proposal::{Entitled, Holder, ProposalState, Waiting};
use domain::identity::{PrincipalKind, Role};
use domain::sensitivity::{Scope, Sensitivity};

use super::authenticator;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{external_identities, principals, proposals, role_assignments};
use crate::store::Tx;
use crate::{visible, wall};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = proposals)]
pub struct ProposalRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ProposalId>,
    pub operation: String,
    pub target: String,
    pub state: Col<ProposalState>,
    pub proposed_by: Col<PrincipalId>,
    pub proposed_at: Col<DateTime<Utc>>,
    pub expires_at: Col<DateTime<Utc>>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_at: Option<Col<DateTime<Utc>>>,
    pub version: i64,
}

impl ProposalRow {
    pub fn waiting(&self) -> Waiting {
        Waiting { id: self.id.0, proposed_by: self.proposed_by.0, expires_at: self.expires_at.0 }
    }
}

/// A request to keep until a second person asks for the same.
#[derive(Clone, Debug)]
pub struct NewProposal<'a> {
    pub id: ProposalId,
    pub operation: &'a str,
    /// Method and path.
    pub target: &'a str,
    pub digest: [u8; 32],
    pub proposed_by: PrincipalId,
    pub expires_at: DateTime<Utc>,
}

pub fn insert_proposal(tx: &mut Tx<'_>, new: &NewProposal<'_>) -> Result<(), Fault> {
    diesel::insert_into(proposals::table)
        .values((
            proposals::organisation_id.eq(Col(tx.organisation)),
            proposals::id.eq(Col(new.id)),
            proposals::operation.eq(new.operation),
            proposals::target.eq(new.target),
            proposals::digest.eq(new.digest.as_slice()),
            proposals::state.eq(Col(ProposalState::Open)),
            proposals::proposed_by.eq(Col(new.proposed_by)),
            proposals::proposed_at.eq(Col(tx.author.now)),
            proposals::expires_at.eq(Col(new.expires_at)),
            proposals::decided_by.eq(None::<Col<PrincipalId>>),
            proposals::decided_at.eq(None::<Col<DateTime<Utc>>>),
            proposals::sensitivity.eq(Sensitivity::Internal.rank()),
            proposals::version.eq(1),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// The open proposal of an equal request in the organisation of the write, whose head is locked.
pub fn find_open(tx: &mut Tx<'_>, digest: &[u8; 32]) -> Result<Option<ProposalRow>, Fault> {
    Ok(proposals::table
        .filter(proposals::organisation_id.eq(Col(tx.organisation)))
        .filter(proposals::digest.eq(digest.as_slice()))
        .filter(proposals::state.eq(Col(ProposalState::Open)))
        .select(ProposalRow::as_select())
        .first(tx.conn)
        .optional()?)
}

/// Closes an open proposal. Of two who would, one does.
pub fn close(tx: &mut Tx<'_>, row: &ProposalRow, state: ProposalState, by: Option<PrincipalId>) -> Result<(), Fault> {
    let open = proposals::table
        .filter(proposals::organisation_id.eq(row.organisation_id))
        .filter(proposals::id.eq(row.id))
        .filter(proposals::state.eq(Col(ProposalState::Open)));
    let closed = diesel::update(open)
        .set((
            proposals::state.eq(Col(state)),
            proposals::decided_by.eq(by.map(Col)),
            proposals::decided_at.eq(Some(Col(tx.author.now))),
            proposals::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    if closed == 1 { Ok(()) } else { Err(Fault::Busy("a proposal was closed meanwhile".to_owned())) }
}

pub fn find_proposal(conn: &mut Conn, scope: &Scope, operations: &[&str], id: ProposalId) -> Result<ProposalRow, Fault> {
    Ok(visible!(proposals, scope)
        .filter(proposals::id.eq(Col(id)))
        .filter(proposals::operation.eq_any(operations.to_vec()))
        .select(ProposalRow::as_select())
        .first(conn)?)
}

pub fn list_proposals(conn: &mut Conn, scope: &Scope, operations: &[&str], page: &Keyset<ProposalId>) -> Result<Rows<ProposalRow>, Fault> {
    let mut query = visible!(proposals, scope)
        .filter(proposals::operation.eq_any(operations.to_vec()))
        .order(proposals::id)
        .limit(page.probe())
        .select(ProposalRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(proposals::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Who may do what these roles may in the organisation of the write, or lately might. Administrators of the platform are
/// administrators everywhere.
pub fn entitled(tx: &mut Tx<'_>, roles: &[Role]) -> Result<Vec<Entitled>, Fault> {
    let (today, now) = (tx.today(), tx.now());
    let mut holders = holders(tx.conn, tx.organisation, today, roles)?;
    if tx.organisation != OrganisationId::platform() && roles.contains(&Role::Administrator) {
        let platform = OrganisationId::platform();
        holders.extend(wall::beyond(tx.conn, |conn| self::holders(conn, platform, today, &[Role::Administrator]))?);
    }
    Ok(holders.iter().filter_map(|holder| holder.entitled(today, now)).collect())
}

type HolderRow = (Col<PrincipalId>, Option<NaiveDate>, Option<Col<DateTime<Utc>>>, Option<String>);

fn holders(conn: &mut Conn, organisation: OrganisationId, today: NaiveDate, roles: &[Role]) -> Result<Vec<Holder>, Fault> {
    let rows: Vec<HolderRow> = role_assignments::table
        .inner_join(principals::table.on(principals::id.eq(role_assignments::principal_id)))
        .filter(role_assignments::organisation_id.eq(Col(organisation)))
        .filter(role_assignments::role.eq_any(roles.iter().copied().map(Col).collect::<Vec<_>>()))
        .filter(role_assignments::valid_from.le(today))
        .filter(principals::kind.eq(Col(PrincipalKind::Person)))
        .select((role_assignments::principal_id, role_assignments::valid_to, principals::disabled_at, principals::secret_hash))
        .load(conn)?;
    let people: Vec<Col<PrincipalId>> = rows.iter().map(|row| row.0).collect();
    let linked: Vec<Col<PrincipalId>> = external_identities::table
        .filter(external_identities::principal_id.eq_any(people))
        .filter(external_identities::ended_at.is_null())
        .select(external_identities::principal_id)
        .load(conn)?;
    let linked: HashSet<PrincipalId> = linked.into_iter().map(|id| id.0).collect();
    let holder = |(principal, valid_to, disabled_at, secret): HolderRow| Holder {
        principal: principal.0,
        valid_to,
        disabled_at: disabled_at.map(|at| at.0),
        can_prove: secret.is_some() || linked.contains(&principal.0),
    };
    Ok(rows.into_iter().map(holder).collect())
}

/// Whether a principal's ways of proving who they are are given by two persons: an administrator's, today or later, anywhere, and those of
/// whoever enrolled an authenticator because a password was not enough.
pub fn is_guarded(tx: &mut Tx<'_>, principal: PrincipalId) -> Result<bool, Fault> {
    let today = tx.today();
    let held = super::assignments_of(tx.conn, principal)?;
    let administers = held.iter().any(|held| held.role == Role::Administrator && held.valid_to.is_none_or(|last| last >= today));
    Ok(administers || authenticator::is_enrolled(tx.conn, principal)?)
}
