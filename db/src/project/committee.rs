//! Committees, their motions and their votes.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{CommitteeId, MotionId, OrganisationId, PrincipalId, ProjectId};
use domain::project::committee::{MotionState, Session, Sitting, Vote};
use domain::project::{COMMITTEE_DUPLICATE, MOTION_OPEN, ProjectAction, ProjectRejectionReason, VOTE_DUPLICATE};
use domain::sensitivity::{Scope, Sensitivity};

use super::ProjectRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{committee_members, committees, motion_attendances, motion_votes, motions};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = committees)]
pub struct CommitteeRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CommitteeId>,
    pub name: String,
    pub quorum: i32,
    pub version: i64,
}

/// A committee and its members.
#[derive(Clone, Debug)]
pub struct Committee {
    pub row: CommitteeRow,
    pub members: BTreeSet<PrincipalId>,
}

/// A new committee.
#[derive(Clone, Debug)]
pub struct NewCommittee {
    pub id: CommitteeId,
    pub name: String,
    pub quorum: i32,
    pub members: Vec<PrincipalId>,
    pub recorded_by: PrincipalId,
}

pub fn insert_committee(tx: &mut Tx<'_>, new: &NewCommittee) -> Result<Committee, Fault> {
    diesel::insert_into(committees::table)
        .values((
            committees::organisation_id.eq(Col(tx.organisation)),
            committees::id.eq(Col(new.id)),
            committees::name.eq(&new.name),
            committees::quorum.eq(new.quorum),
            committees::recorded_by.eq(Col(new.recorded_by)),
            committees::recorded_at.eq(Col(tx.now())),
            committees::sensitivity.eq(Sensitivity::Partner.rank()),
            committees::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| COMMITTEE_DUPLICATE.refuse().with("name", &new.name).at("/name")))?;
    for member in &new.members {
        diesel::insert_into(committee_members::table)
            .values((
                committee_members::organisation_id.eq(Col(tx.organisation)),
                committee_members::committee_id.eq(Col(new.id)),
                committee_members::principal_id.eq(Col(*member)),
            ))
            .execute(tx.conn)?;
    }
    find_committee(tx.conn, &tx.all(), new.id)
}

fn with_members(conn: &mut Conn, scope: &Scope, rows: Vec<CommitteeRow>) -> Result<Vec<Committee>, Fault> {
    let ids: Vec<Col<CommitteeId>> = rows.iter().map(|row| row.id).collect();
    let members: Vec<(Col<CommitteeId>, Col<PrincipalId>)> = committee_members::table
        .filter(committee_members::organisation_id.eq(Col(scope.organisation)))
        .filter(committee_members::committee_id.eq_any(ids))
        .select((committee_members::committee_id, committee_members::principal_id))
        .load(conn)?;
    let of = |id: Col<CommitteeId>| members.iter().filter(|(committee, _)| *committee == id).map(|(_, member)| member.0).collect();
    Ok(rows.into_iter().map(|row| Committee { members: of(row.id), row }).collect())
}

pub fn find_committee(conn: &mut Conn, scope: &Scope, id: CommitteeId) -> Result<Committee, Fault> {
    let row = visible!(committees, scope).filter(committees::id.eq(Col(id))).select(CommitteeRow::as_select()).first(conn)?;
    with_members(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

pub fn list_committees(conn: &mut Conn, scope: &Scope, page: &Keyset<CommitteeId>) -> Result<Rows<Committee>, Fault> {
    let mut query = visible!(committees, scope).order(committees::id).limit(page.probe()).select(CommitteeRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(committees::id.gt(Col(after)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_members(conn, scope, rows.rows)? })
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = motions)]
pub struct MotionRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<MotionId>,
    pub project_id: Col<ProjectId>,
    pub committee_id: Col<CommitteeId>,
    pub action: Col<ProjectAction>,
    pub rejection_reason: Option<Col<ProjectRejectionReason>>,
    pub held_on: NaiveDate,
    pub minutes_reference: String,
    pub quorum: i32,
    pub state: Col<MotionState>,
    pub decided_at: Option<Col<DateTime<Utc>>>,
    pub version: i64,
    pub ceiling_waived: bool,
    pub lapse_reason: Option<String>,
}

impl MotionRow {
    /// The session before which it was moved.
    pub fn sitting(&self) -> Sitting<'_, CommitteeId> {
        Sitting { committee: self.committee_id.0, held_on: self.held_on, minutes: &self.minutes_reference }
    }
}

/// A motion with who is present, who stood back, and the votes.
#[derive(Clone, Debug)]
pub struct Motion {
    pub row: MotionRow,
    /// Who may vote.
    pub voters: BTreeSet<PrincipalId>,
    /// Who stood back, and why.
    pub recused: Vec<(PrincipalId, String)>,
    pub votes: Vec<(PrincipalId, Vote)>,
}

/// A new motion.
#[derive(Clone, Debug)]
pub struct NewMotion {
    pub id: MotionId,
    pub project: ProjectId,
    pub committee: CommitteeId,
    pub action: ProjectAction,
    pub rejection_reason: Option<ProjectRejectionReason>,
    pub ceiling_waived: bool,
    pub held_on: NaiveDate,
    pub minutes_reference: String,
    pub session: Session<PrincipalId>,
    pub recusals: Vec<(PrincipalId, String)>,
    pub sensitivity: i32,
    pub recorded_by: PrincipalId,
}

pub fn insert_motion(tx: &mut Tx<'_>, new: &NewMotion) -> Result<Motion, Fault> {
    diesel::insert_into(motions::table)
        .values((
            motions::organisation_id.eq(Col(tx.organisation)),
            motions::id.eq(Col(new.id)),
            motions::project_id.eq(Col(new.project)),
            motions::committee_id.eq(Col(new.committee)),
            motions::action.eq(Col(new.action)),
            motions::rejection_reason.eq(new.rejection_reason.map(Col)),
            motions::held_on.eq(new.held_on),
            motions::minutes_reference.eq(&new.minutes_reference),
            motions::quorum.eq(i32::try_from(new.session.quorum).unwrap_or(i32::MAX)),
            motions::state.eq(Col(MotionState::Open)),
            motions::recorded_by.eq(Col(new.recorded_by)),
            motions::recorded_at.eq(Col(tx.now())),
            motions::sensitivity.eq(new.sensitivity),
            motions::version.eq(1),
            motions::ceiling_waived.eq(new.ceiling_waived),
            motions::lapse_reason.eq(None::<String>),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| MOTION_OPEN.refuse()))?;
    let voters = new.session.voters().into_iter().map(|voter| (voter, None));
    let recused = new.recusals.iter().map(|(member, reason)| (*member, Some(reason.as_str())));
    for (member, recusal) in voters.chain(recused) {
        diesel::insert_into(motion_attendances::table)
            .values((
                motion_attendances::organisation_id.eq(Col(tx.organisation)),
                motion_attendances::motion_id.eq(Col(new.id)),
                motion_attendances::principal_id.eq(Col(member)),
                motion_attendances::recusal.eq(recusal),
            ))
            .execute(tx.conn)?;
    }
    find_motion(tx.conn, &tx.all(), new.id)
}

fn with_votes(conn: &mut Conn, scope: &Scope, rows: Vec<MotionRow>) -> Result<Vec<Motion>, Fault> {
    type Attendance = (Col<MotionId>, Col<PrincipalId>, Option<String>);
    let ids: Vec<Col<MotionId>> = rows.iter().map(|row| row.id).collect();
    let attended: Vec<Attendance> = motion_attendances::table
        .filter(motion_attendances::organisation_id.eq(Col(scope.organisation)))
        .filter(motion_attendances::motion_id.eq_any(ids.clone()))
        .order((motion_attendances::motion_id, motion_attendances::principal_id))
        .select((motion_attendances::motion_id, motion_attendances::principal_id, motion_attendances::recusal))
        .load(conn)?;
    let votes: Vec<(Col<MotionId>, Col<PrincipalId>, Col<Vote>)> = motion_votes::table
        .filter(motion_votes::organisation_id.eq(Col(scope.organisation)))
        .filter(motion_votes::motion_id.eq_any(ids))
        .order((motion_votes::motion_id, motion_votes::principal_id))
        .select((motion_votes::motion_id, motion_votes::principal_id, motion_votes::vote))
        .load(conn)?;
    let whole = |row: MotionRow| {
        let here = || attended.iter().filter(|(motion, _, _)| *motion == row.id);
        Motion {
            voters: here().filter(|(_, _, recusal)| recusal.is_none()).map(|(_, member, _)| member.0).collect(),
            recused: here().filter_map(|(_, member, recusal)| Some((member.0, recusal.clone()?))).collect(),
            votes: votes.iter().filter(|(motion, _, _)| *motion == row.id).map(|(_, member, vote)| (member.0, vote.0)).collect(),
            row,
        }
    };
    Ok(rows.into_iter().map(whole).collect())
}

pub fn find_motion(conn: &mut Conn, scope: &Scope, id: MotionId) -> Result<Motion, Fault> {
    let row = visible!(motions, scope).filter(motions::id.eq(Col(id))).select(MotionRow::as_select()).first(conn)?;
    with_votes(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

/// The motion on a project that was carried last.
pub fn last_carried(conn: &mut Conn, project: &ProjectRow) -> Result<Option<MotionRow>, Fault> {
    Ok(motions::table
        .filter(motions::organisation_id.eq(project.organisation_id))
        .filter(motions::project_id.eq(project.id))
        .filter(motions::state.eq(Col(MotionState::Carried)))
        .order((motions::decided_at.desc(), motions::id.desc()))
        .select(MotionRow::as_select())
        .first(conn)
        .optional()?)
}

pub fn list_motions(
    conn: &mut Conn,
    scope: &Scope,
    project: Option<ProjectId>,
    state: Option<MotionState>,
    page: &Keyset<MotionId>,
) -> Result<Rows<Motion>, Fault> {
    let mut query = visible!(motions, scope).order(motions::id).limit(page.probe()).select(MotionRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(motions::id.gt(Col(after)));
    }
    if let Some(project) = project {
        query = query.filter(motions::project_id.eq(Col(project)));
    }
    if let Some(state) = state {
        query = query.filter(motions::state.eq(Col(state)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_votes(conn, scope, rows.rows)? })
}

/// Stores a vote, and what becomes of the motion by it.
pub fn insert_vote(tx: &mut Tx<'_>, motion: &MotionRow, by: PrincipalId, vote: Vote, state: MotionState) -> Result<(), Fault> {
    diesel::insert_into(motion_votes::table)
        .values((
            motion_votes::organisation_id.eq(motion.organisation_id),
            motion_votes::motion_id.eq(motion.id),
            motion_votes::principal_id.eq(Col(by)),
            motion_votes::vote.eq(Col(vote)),
            motion_votes::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| VOTE_DUPLICATE.refuse()))?;
    let decided = (state != MotionState::Open).then(|| Col(tx.now()));
    diesel::update(motions::table.filter(motions::organisation_id.eq(motion.organisation_id)).filter(motions::id.eq(motion.id)))
        .set((motions::state.eq(Col(state)), motions::decided_at.eq(decided), motions::version.eq(motion.version + 1)))
        .execute(tx.conn)?;
    Ok(())
}

/// Closes a motion without a decision.
pub fn update_lapsed(tx: &mut Tx<'_>, motion: &MotionRow, state: MotionState, reason: &str) -> Result<(), Fault> {
    diesel::update(motions::table.filter(motions::organisation_id.eq(motion.organisation_id)).filter(motions::id.eq(motion.id)))
        .set((
            motions::state.eq(Col(state)),
            motions::lapse_reason.eq(Some(reason)),
            motions::decided_at.eq(Some(Col(tx.now()))),
            motions::version.eq(motion.version + 1),
        ))
        .execute(tx.conn)?;
    Ok(())
}
