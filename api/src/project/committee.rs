//! Committees: who sits on them, what is moved before them, and their votes.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::project::Project;
use db::project::committee::{Committee, Motion, MotionRow, NewCommittee as NewCommitteeRow, NewMotion as NewMotionRow};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::calendar::{Cause, not_before, not_future};
use domain::id::{CommitteeId, MotionId, OrganisationId, PrincipalId, ProjectId};
use domain::project::ceiling::accept_waiver;
use domain::project::committee::{MotionAction, MotionState, Session, Vote, accept_committee, admit, tally};
use domain::project::duty::Duty;
use domain::project::{COMMITTEE_ATTENDANCE_INVALID, COMMITTEE_INVALID, ProjectAction, ProjectRejectionReason, REASON_REQUIRED};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ProjectPath;
use super::act::{free_given_up, take};
use super::case::Case;
use super::review::require_disinterested;
use super::suspension::{require_after_suspension, resume};
use super::voter::{require_voters, standing};
use crate::access::roles_of;
use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};

/// A committee that decides on projects.
#[derive(Serialize, ToSchema)]
pub struct CommitteeView {
    id: CommitteeId,
    organisation_id: OrganisationId,
    #[schema(max_length = 200)]
    name: String,
    /// How many have to be there who may vote.
    #[schema(minimum = 1)]
    quorum: i32,
    #[schema(max_items = 50)]
    member_ids: Vec<PrincipalId>,
    #[schema(minimum = 1)]
    version: i64,
}

fn committee_view(committee: Committee) -> CommitteeView {
    CommitteeView {
        id: committee.row.id.0,
        organisation_id: committee.row.organisation_id.0,
        name: committee.row.name,
        quorum: committee.row.quorum,
        member_ids: committee.members.into_iter().collect(),
        version: committee.row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CommitteeQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The committees that decide on the organisation's projects.
#[utoipa::path(tag = "project", params(CommitteeQuery), responses((status = 200, body = Page<CommitteeView>)))]
#[get("/v1/organisations/{organisation_id}/committees")]
pub async fn list_committees(call: Call, _path: web::Path<OrganisationId>, query: Query<CommitteeQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<CommitteeId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call.store().read(move |conn| db::project::committee::list_committees(conn, &scope, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |one| one.row.id.0, committee_view))
}

/// One committee.
#[utoipa::path(tag = "project", responses((status = 200, body = CommitteeView)))]
#[get("/v1/organisations/{organisation_id}/committees/{committee_id}")]
pub async fn read_committee(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, CommitteeId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let committee = call.store().read(move |conn| db::project::committee::find_committee(conn, &scope, id)).await?;
    versioned(&request, committee.row.version, &committee_view(committee))
}

/// A committee to found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommittee {
    /// Unique in the organisation.
    name: Text<200>,
    /// More than half of the members.
    #[schema(minimum = 1, maximum = 50)]
    quorum: u16,
    /// People who hold a role that votes in the organisation, each named once.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 50>")]
    #[schema(min_items = 1, max_items = 50)]
    member_ids: Vec<PrincipalId>,
}

impl Json for NewCommittee {}

/// Founds a committee.
#[utoipa::path(tag = "project", request_body = NewCommittee, responses((status = 201, body = CommitteeView)))]
#[post("/v1/organisations/{organisation_id}/committees")]
pub async fn found_committee(asked: Asked<NewCommittee>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = CommitteeId::new();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let members: BTreeSet<PrincipalId> = body.member_ids.iter().copied().collect();
            accept_committee(members.len(), usize::from(body.quorum))?;
            if members.len() != body.member_ids.len() {
                let refusal = COMMITTEE_INVALID.refuse().with("members", members.len()).with("quorum", u32::from(body.quorum));
                return Err(refusal.at("/member_ids").into());
            }
            for member in &members {
                let held = db::identity::assignments_of(tx.conn, *member)?;
                if !held.iter().any(|held| held.holds(organisation, call.today) && roles_of("cast_vote").contains(&held.role)) {
                    return Err(COMMITTEE_ATTENDANCE_INVALID.refuse().at("/member_ids").into());
                }
            }
            let (name, quorum) = (body.name.as_str().to_owned(), i32::from(body.quorum));
            let new = NewCommitteeRow { id, name, quorum, members: members.into_iter().collect(), recorded_by };
            let committee = db::project::committee::insert_committee(tx, &new)?;
            let event = Event::of("committee.founded", "committee", id.0, 1).with("quorum", quorum).with("members", new.members.len());
            Ok((created(format!("/v1/organisations/{organisation}/committees/{id}"), 1, &committee_view(committee))?, event.into()))
        })
        .await
}

/// Who stood back from a motion.
#[derive(Serialize, ToSchema)]
pub struct RecusalView {
    principal_id: PrincipalId,
    #[schema(max_length = 500)]
    reason: String,
}

/// A vote on a motion.
#[derive(Serialize, ToSchema)]
pub struct MotionVoteView {
    principal_id: PrincipalId,
    vote: Vote,
}

/// A motion before a committee.
#[derive(Serialize, ToSchema)]
pub struct MotionView {
    id: MotionId,
    organisation_id: OrganisationId,
    project_id: ProjectId,
    committee_id: CommitteeId,
    /// What is done to the project when it is carried.
    action: ProjectAction,
    rejection_reason: Option<ProjectRejectionReason>,
    /// It also waives what the exchange alone took above the ceiling.
    ceiling_waived: bool,
    held_on: NaiveDate,
    #[schema(max_length = 80)]
    minutes_reference: String,
    #[schema(minimum = 1)]
    quorum: i32,
    /// Who may vote.
    #[schema(max_items = 50)]
    voter_ids: Vec<PrincipalId>,
    #[schema(max_items = 50)]
    recused: Vec<RecusalView>,
    #[schema(max_items = 50)]
    votes: Vec<MotionVoteView>,
    state: MotionState,
    /// When it was carried, was lost or lapsed.
    decided_at: Option<DateTime<Utc>>,
    /// Why it was closed without a decision.
    #[schema(max_length = 500)]
    lapse_reason: Option<String>,
    #[schema(minimum = 1)]
    version: i64,
}

pub(super) fn motion_view(motion: Motion) -> MotionView {
    let row = motion.row;
    MotionView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        project_id: row.project_id.0,
        committee_id: row.committee_id.0,
        action: row.action.0,
        rejection_reason: row.rejection_reason.map(|reason| reason.0),
        ceiling_waived: row.ceiling_waived,
        held_on: row.held_on,
        minutes_reference: row.minutes_reference,
        quorum: row.quorum,
        voter_ids: motion.voters.into_iter().collect(),
        recused: motion.recused.into_iter().map(|(principal_id, reason)| RecusalView { principal_id, reason }).collect(),
        votes: motion.votes.into_iter().map(|(principal_id, vote)| MotionVoteView { principal_id, vote }).collect(),
        state: row.state.0,
        decided_at: row.decided_at.map(|at| at.0),
        lapse_reason: row.lapse_reason,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MotionQuery {
    /// Only motions on this project.
    project_id: Option<ProjectId>,
    /// Only motions in this state.
    state: Option<MotionState>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What was moved before committees, with who was there and how they voted.
#[utoipa::path(tag = "project", params(MotionQuery), responses((status = 200, body = Page<MotionView>)))]
#[get("/v1/organisations/{organisation_id}/motions")]
pub async fn list_motions(call: Call, _path: web::Path<OrganisationId>, query: Query<MotionQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<MotionId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows =
        call.store().read(move |conn| db::project::committee::list_motions(conn, &scope, query.project_id, query.state, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |one| one.row.id.0, motion_view))
}

pub(super) type MotionPath = web::Path<(OrganisationId, MotionId)>;

/// One motion.
#[utoipa::path(tag = "project", responses((status = 200, body = MotionView)))]
#[get("/v1/organisations/{organisation_id}/motions/{motion_id}")]
pub async fn read_motion(call: Call, request: HttpRequest, path: MotionPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let motion = call.store().read(move |conn| db::project::committee::find_motion(conn, &scope, id)).await?;
    versioned(&request, motion.row.version, &motion_view(motion))
}

/// A member who stands back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recusal {
    principal_id: PrincipalId,
    reason: Text<500>,
}

/// A motion on a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMotion {
    committee_id: CommitteeId,
    action: MotionAction,
    /// Of a motion to reject.
    rejection_reason: Option<ProjectRejectionReason>,
    /// With a motion to approve: what the project asks for in another currency was within the ceiling at the rate of its submission, and
    /// may be above it at that of the decision.
    #[serde(default)]
    ceiling_waived: bool,
    /// Not before what is decided on came before the committee: the last step of the project, its approval where it is to be cancelled or
    /// terminated, its suspension where it is to go on. Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    /// Of the minutes of the session.
    minutes_reference: Text<80>,
    /// The members who are there and may vote on the project: with a role that votes and sees it, an account that is not suspended, no
    /// interest in it, and no duty on it that is kept apart from the vote. Who may not stands back.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 50>")]
    #[schema(min_items = 1, max_items = 50)]
    present_ids: Vec<PrincipalId>,
    /// The members who stand back; they do not count for the quorum.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 50>")]
    #[schema(max_items = 50)]
    recused: Vec<Recusal>,
}

impl Json for NewMotion {}

/// Moves before a committee to approve, reject, cancel or terminate a project, or to let it go on. Everything but the votes has to be
/// there already; the members who are present vote, each for themselves, and the vote that decides takes effect.
#[utoipa::path(tag = "project", request_body = NewMotion, responses((status = 201, body = MotionView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/motions")]
pub async fn move_on_project(asked: Asked<NewMotion>, path: ProjectPath) -> Answered {
    let (organisation, project_id) = path.into_inner();
    let id = MotionId::new();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, project_id)?;
            call.check_version(project.row.version)?;
            let action = body.action.action();
            let way = project.row.state.0.act(action)?;
            if (action == ProjectAction::Reject) != body.rejection_reason.is_some() {
                return Err(REASON_REQUIRED.refuse().at("/rejection_reason").into());
            }
            accept_waiver(action, body.ceiling_waived)?;
            not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
            require_after_suspension(&project, action, body.held_on)?;
            require_after_step(tx, &project, action, body.held_on)?;
            let committee = db::project::committee::find_committee(tx.conn, &scope, body.committee_id)?;
            let recusals: Vec<(PrincipalId, String)> =
                body.recused.iter().map(|one| (one.principal_id, one.reason.as_str().to_owned())).collect();
            let session = Session {
                members: committee.members,
                quorum: usize::try_from(committee.row.quorum).unwrap_or(usize::MAX),
                present: body.present_ids.iter().copied().collect(),
                recused: recusals.iter().map(|(member, _)| *member).collect(),
            };
            if session.recused.len() != recusals.len() {
                return Err(COMMITTEE_ATTENDANCE_INVALID.refuse().at("/recused").into());
            }
            session.require_quorum()?;
            require_voters(tx, call, &project, &body.present_ids, &session.recused)?;
            Case::load(tx.conn, &scope, &project, call.today)?.waiving(body.ceiling_waived).require_moved(way)?;
            let new = NewMotionRow {
                id,
                project: project_id,
                committee: body.committee_id,
                action,
                rejection_reason: body.rejection_reason,
                ceiling_waived: body.ceiling_waived,
                held_on: body.held_on,
                minutes_reference: body.minutes_reference.as_str().to_owned(),
                session,
                recusals,
                sensitivity: project.row.sensitivity,
                recorded_by,
            };
            let motion = db::project::committee::insert_motion(tx, &new)?;
            db::project::touch_project(tx, &project.row)?;
            let event = Event::of("motion.made", "motion", id.0, 1)
                .ranked(project.row.sensitivity()?)
                .begun(MotionState::Open)
                .with("project_id", project_id.to_string())
                .with("action", action)
                .with("voters", motion.voters.len());
            let event = if body.ceiling_waived { event.with("ceiling", "waived") } else { event };
            let touched = project.row.event("project.put_to_the_vote")?;
            let location = format!("/v1/organisations/{organisation}/motions/{id}");
            Ok((created(location, 1, &motion_view(motion))?, Events::from(event).and(touched)))
        })
        .await
}

/// Refuses a session before the project was there to be decided on. When a suspended one may go on is for its suspension to say.
fn require_after_step(tx: &mut Tx<'_>, project: &Project, action: ProjectAction, held_on: NaiveDate) -> Result<(), Fault> {
    let cause = match action {
        ProjectAction::Resume => return Ok(()),
        ProjectAction::Cancel | ProjectAction::Terminate => (Cause::Approval, project.row.approved_on),
        _ => (Cause::Step, db::project::came_on(tx.conn, &tx.all(), project.row.id.0, project.row.state.0)?),
    };
    Ok(not_before(held_on, &[cause]).map_err(|refusal| refusal.at("/held_on"))?)
}

/// A vote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMotionVote {
    vote: Vote,
}

impl Json for NewMotionVote {}

/// Votes on a motion, once and for oneself, as long as those who voted and those who still may are a quorum. The vote that decides takes
/// effect at once: the project is approved, rejected, cancelled or resumed with it, or not at all. One that is to be terminated then is,
/// when what was paid to it is settled.
#[utoipa::path(tag = "project", request_body = NewMotionVote, responses((status = 201, body = MotionView)))]
#[post("/v1/organisations/{organisation_id}/motions/{motion_id}/votes")]
pub async fn cast_vote(asked: Asked<NewMotionVote>, path: MotionPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let motion = db::project::committee::find_motion(tx.conn, &scope, id)?;
            let project = db::project::find_project(tx.conn, &scope, motion.row.project_id.0)?;
            admit(motion.row.state.0, &motion.voters, &by)?;
            require_disinterested(tx, project.row.id.0)?;
            db::project::review::take_duty(tx, project.row.id.0, by, Duty::CommitteeMember)?;
            let before: Vec<Vote> = motion.votes.iter().map(|(_, vote)| *vote).collect();
            standing(tx, call, &project, &motion, &before)?.require_quorum()?;
            let votes: Vec<Vote> = before.into_iter().chain([body.vote]).collect();
            let state = tally(motion.voters.len(), &votes);
            db::project::committee::insert_vote(tx, &motion.row, by, body.vote, state)?;
            let version = motion.row.version + 1;
            let event = Event::of("motion.voted", "motion", id.0, version)
                .ranked(project.row.sensitivity()?)
                .moved(motion.row.state.0, state)
                .with("vote", body.vote);
            let [taken, freed] = match state {
                MotionState::Carried => carry_out(call, tx, &project, &motion.row)?,
                MotionState::Open | MotionState::Lost | MotionState::Lapsed => [None, None],
            };
            let after = db::project::committee::find_motion(tx.conn, &tx.all(), id)?;
            let location = format!("/v1/organisations/{organisation}/motions/{id}");
            Ok((created(location, version, &motion_view(after))?, Events::from(event).also(taken).also(freed)))
        })
        .await
}

/// Does to a project what a motion that is carried decides. What was paid to one that ends has to be settled: its termination does that.
fn carry_out(call: &Call, tx: &mut Tx<'_>, project: &Project, motion: &MotionRow) -> Result<[Option<Event>; 2], Fault> {
    let (action, id) = (motion.action.0, motion.id.0);
    if action == ProjectAction::Terminate {
        return Ok([None, None]);
    }
    let reason = motion.rejection_reason.map(|reason| reason.0.to_string());
    let moved = take(call, tx, project, action, (reason, Some(id)))?;
    resume(tx, project, action, motion.held_on, id)?;
    Ok([Some(moved), free_given_up(tx, project, action)?])
}
