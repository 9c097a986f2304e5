//! Milestones of a project: planned, shown by evidence, verified by another person.

use actix_web::{get, post};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::project::milestone::{EvidenceRow, Milestone, NewMilestone as NewRow};
use domain::calendar::{Cause, not_before};
use domain::id::{ConflictCheckId, PrincipalId};
use domain::project::ProjectState;
use domain::project::duty::Duty;
use domain::project::evidence::{EVIDENCE_JUDGED, numbered};
use domain::project::milestone::{MILESTONE_SUPERSEDED, MilestoneKind, MilestoneState, MilestoneVerdict, accept_tranche, verify};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::evidence::{Number, document};
use super::review::{answer, require_disinterested, require_state};
use super::{ProjectPath, ProjectView};
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::fund::pledge::Bounded;
use crate::wire::Sha256Hex;

/// Where milestones are planned and verified: from the approval until the work is done.
const AT_WORK: [ProjectState; 4] = [ProjectState::Approved, ProjectState::Contracted, ProjectState::Active, ProjectState::Suspended];

/// A document that shows what was reached.
#[derive(Serialize, ToSchema)]
pub struct MilestoneEvidenceView {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 200)]
    document_reference: String,
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

/// A milestone of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectMilestoneView {
    /// Its number within the project.
    #[schema(minimum = 1)]
    number: i32,
    kind: MilestoneKind,
    #[schema(max_length = 1000)]
    title: String,
    due_on: NaiveDate,
    /// The question of the conflict-sensitivity check whose risk it answers.
    #[schema(max_length = 60)]
    condition_of: Option<String>,
    /// The tranche that a payment milestone releases.
    #[schema(minimum = 1)]
    tranche: Option<i32>,
    state: MilestoneState,
    #[schema(max_length = 1000)]
    reason: Option<String>,
    #[schema(max_items = 1000)]
    evidence: Vec<MilestoneEvidenceView>,
    verified_by: Option<PrincipalId>,
    verified_on: Option<NaiveDate>,
    /// The later conflict-sensitivity check that asks for this safeguard no more: nothing waits for it.
    superseded_by: Option<ConflictCheckId>,
}

fn shown(milestone: Milestone) -> ProjectMilestoneView {
    let row = milestone.row;
    let evidence = |one: EvidenceRow| MilestoneEvidenceView {
        number: one.number,
        document_reference: one.document_reference,
        document_sha256: one.document_sha256,
        recorded_by: one.recorded_by.0,
        recorded_at: one.recorded_at.0,
    };
    ProjectMilestoneView {
        number: row.number,
        kind: row.kind.0,
        title: row.title,
        due_on: row.due_on,
        condition_of: row.condition_of,
        tranche: row.tranche,
        state: row.state.0,
        reason: row.reason,
        evidence: milestone.evidence.into_iter().map(evidence).collect(),
        verified_by: row.verified_by.map(|by| by.0),
        verified_on: row.verified_on,
        superseded_by: row.superseded_by.map(|id| id.0),
    }
}

/// The milestones of the project with their evidence, the first first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectMilestoneView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/milestones")]
pub async fn read_project_milestones(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let milestones = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            db::project::milestone::milestones_of(conn, &scope, id)
        })
        .await?;
    ok(&milestones.into_iter().map(shown).collect::<Vec<_>>())
}

/// A milestone to plan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectMilestone {
    kind: MilestoneKind,
    title: Text<1000>,
    /// Not before the approval of the project, or its first day where that is earlier.
    #[serde(deserialize_with = "crate::wire::day")]
    due_on: NaiveDate,
    /// The tranche that a payment milestone releases, where the rule `tranche_release` asks for milestones; where it asks for outputs, those
    /// count instead. Other milestones have none.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    tranche: Option<Bounded<1, 1000>>,
}

impl Json for NewProjectMilestone {}

/// Plans a milestone of an approved project. Outputs have to be verified before the work is said to be done.
#[utoipa::path(tag = "project", request_body = NewProjectMilestone, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/milestones")]
pub async fn plan_project_milestone(asked: Asked<NewProjectMilestone>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &AT_WORK)?;
            let begun = [(Cause::Project, project.begins_on())];
            not_before(body.due_on, &begun).map_err(|refusal| refusal.at("/due_on"))?;
            let (title, tranche) = (body.title.as_str().to_owned(), body.tranche.as_ref().map(|tranche| tranche.0));
            accept_tranche(body.kind, tranche)?;
            let tranche = tranche.and_then(|tranche| i32::try_from(tranche).ok());
            let new = NewRow { kind: body.kind, title, due_on: body.due_on, condition_of: None, tranche, recorded_by };
            let number = db::project::milestone::insert_milestone(tx, &project.row, &new)?;
            let event = project.row.event("project.milestone_planned")?.with("milestone", number).with("kind", body.kind);
            answer(tx, &project.row, event.with("due_on", body.due_on))
        })
        .await
}

/// Refuses what concerns a safeguard that a later check asks for no more.
fn require_asked_for(milestone: &Milestone) -> Result<(), Fault> {
    if milestone.row.superseded_by.is_some() { Err(MILESTONE_SUPERSEDED.refuse().at("/milestone").into()) } else { Ok(()) }
}

/// A document that shows what was reached.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMilestoneEvidence {
    /// The number of the milestone within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    milestone: Number,
    document_reference: Text<200>,
    document_sha256: Sha256Hex,
}

impl Json for NewMilestoneEvidence {}

/// Adds evidence to a milestone. Whoever brings it does not verify it.
#[utoipa::path(tag = "project", request_body = NewMilestoneEvidence, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/milestone-evidence")]
pub async fn record_milestone_evidence(asked: Asked<NewMilestoneEvidence>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &AT_WORK)?;
            let milestones = db::project::milestone::milestones_of(tx.conn, &scope, id)?;
            let milestone = numbered(milestones, body.milestone.0, |one| one.row.number, "/milestone")?;
            require_asked_for(&milestone)?;
            if milestone.row.state.0.is_settled() {
                return Err(EVIDENCE_JUDGED.refuse().with("state", milestone.row.state.0).into());
            }
            let document = document(&body.document_reference, &body.document_sha256);
            db::project::milestone::insert_evidence(tx, &project.row, &milestone, &document, by)?;
            let event = project.row.event("project.evidence_recorded")?.with("milestone", milestone.row.number);
            answer(tx, &project.row, event.with("document_sha256", &document.sha256))
        })
        .await
}

/// What a verification finds of a milestone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MilestoneVerification {
    /// The number of the milestone within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    milestone: Number,
    verdict: MilestoneVerdict,
    /// Of anything but a milestone that is met.
    reason: Option<Text<1000>>,
}

impl Json for MilestoneVerification {}

/// Verifies a milestone: by another person than those who brought its evidence. What is met or waived stays so.
#[utoipa::path(tag = "project", request_body = MilestoneVerification, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/milestone-verifications")]
pub async fn verify_project_milestone(asked: Asked<MilestoneVerification>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &AT_WORK)?;
            let milestones = db::project::milestone::milestones_of(tx.conn, &scope, id)?;
            let milestone = numbered(milestones, body.milestone.0, |one| one.row.number, "/milestone")?;
            require_asked_for(&milestone)?;
            let reason = body.reason.as_ref().map(Text::as_str);
            let state = verify(&milestone.facts(), body.verdict, reason.is_some(), &by)?;
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::Monitor)?;
            db::project::milestone::judge_milestone(tx, &project.row, milestone.row.number, (state, reason), by)?;
            let event = project.row.event("project.milestone_verified")?.with("milestone", milestone.row.number);
            answer(tx, &project.row, event.with("before", milestone.row.state.0).with("after", state))
        })
        .await
}
