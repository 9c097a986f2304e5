//! Monitoring visits: who was there, how far the work is, what was found, and how it was put right.

use actix_web::{get, post};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::milestone::{FindingRow, NewFinding as NewFindingRow, NewVisit as NewRow, Visit};
use domain::calendar::{Cause, not_before, not_future};
use domain::id::PrincipalId;
use domain::project::ProjectState;
use domain::project::duty::Duty;
use domain::project::evidence::{judge, numbered};
use domain::project::milestone::{FindingSeverity, FindingState, VisitModality};
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

/// Where a project is visited: from the approval until its work is closed.
const VISITED: [ProjectState; 6] = [
    ProjectState::Approved,
    ProjectState::Contracted,
    ProjectState::Active,
    ProjectState::Suspended,
    ProjectState::PhysicallyCompleted,
    ProjectState::HandedOver,
];

/// One of those who were there, without a name.
#[derive(Serialize, ToSchema)]
pub struct VisitMemberView {
    #[schema(max_length = 200)]
    pub(super) organisation: String,
    #[schema(max_length = 200)]
    pub(super) function: String,
}

/// What a visit found.
#[derive(Serialize, ToSchema)]
pub struct VisitFindingView {
    /// Its number within the project.
    #[schema(minimum = 1)]
    number: i32,
    severity: FindingSeverity,
    #[schema(max_length = 2000)]
    description: String,
    #[schema(max_length = 2000)]
    corrective_action: String,
    /// Who has to put it right: an organisation or a function.
    #[schema(max_length = 200)]
    owner: String,
    due_on: NaiveDate,
    state: FindingState,
    #[schema(max_length = 2000)]
    resolution: Option<String>,
    closed_by: Option<PrincipalId>,
    closed_on: Option<NaiveDate>,
}

/// A monitoring visit.
#[derive(Serialize, ToSchema)]
pub struct MonitoringVisitView {
    /// Its number within the project.
    #[schema(minimum = 1)]
    number: i32,
    visited_on: NaiveDate,
    modality: VisitModality,
    #[schema(max_items = 30)]
    team: Vec<VisitMemberView>,
    /// How far the work is, in basis points.
    #[schema(minimum = 0, maximum = 10000)]
    physical_progress_bps: i32,
    #[schema(max_length = 1000)]
    next_action: Option<String>,
    #[schema(max_length = 200)]
    document_reference: String,
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
    #[schema(max_items = 50)]
    findings: Vec<VisitFindingView>,
    recorded_by: PrincipalId,
}

fn shown(visit: Visit) -> MonitoringVisitView {
    let row = visit.row;
    let finding = |one: FindingRow| VisitFindingView {
        number: one.number,
        severity: one.severity.0,
        description: one.description,
        corrective_action: one.corrective_action,
        owner: one.owner,
        due_on: one.due_on,
        state: one.state.0,
        resolution: one.resolution,
        closed_by: one.closed_by.map(|by| by.0),
        closed_on: one.closed_on,
    };
    MonitoringVisitView {
        number: row.number,
        visited_on: row.visited_on,
        modality: row.modality.0,
        team: visit.team.into_iter().map(|(organisation, function)| VisitMemberView { organisation, function }).collect(),
        physical_progress_bps: row.physical_progress_bps,
        next_action: row.next_action,
        document_reference: row.document_reference,
        document_sha256: row.document_sha256,
        findings: visit.findings.into_iter().map(finding).collect(),
        recorded_by: row.recorded_by.0,
    }
}

/// The monitoring visits of the project with what they found, the first first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<MonitoringVisitView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/visits")]
pub async fn read_monitoring_visits(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let visits = call
        .store()
        .read(move |conn| {
            db::project::find_project(conn, &scope, id)?;
            db::project::milestone::visits_of(conn, &scope, id)
        })
        .await?;
    ok(&visits.into_iter().map(shown).collect::<Vec<_>>())
}

/// One of those who were there, without a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVisitMember {
    organisation: Text<200>,
    function: Text<200>,
}

impl NewVisitMember {
    /// Organisation and function.
    pub(super) fn read(&self) -> (String, String) {
        (self.organisation.as_str().to_owned(), self.function.as_str().to_owned())
    }
}

/// What a visit found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVisitFinding {
    severity: FindingSeverity,
    description: Text<2000>,
    corrective_action: Text<2000>,
    /// Who has to put it right: an organisation or a function.
    owner: Text<200>,
    /// Not before the visit.
    #[serde(deserialize_with = "crate::wire::day")]
    due_on: NaiveDate,
}

/// A visit to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMonitoringVisit {
    /// Not before the approval of the project, or its first day where that is earlier; not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    visited_on: NaiveDate,
    modality: VisitModality,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 30>")]
    #[schema(min_items = 1, max_items = 30)]
    team: Vec<NewVisitMember>,
    /// How far the work is, in basis points.
    #[schema(value_type = u32, minimum = 0, maximum = 10000)]
    physical_progress_bps: Bounded<0, 10000>,
    next_action: Option<Text<1000>>,
    /// The report of the visit.
    document_reference: Text<200>,
    document_sha256: Sha256Hex,
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 50>")]
    #[schema(max_items = 50)]
    findings: Vec<NewVisitFinding>,
}

impl Json for NewMonitoringVisit {}

/// Records a monitoring visit. Nothing is paid while a critical finding is open, and the work is not closed while a major one is.
#[utoipa::path(tag = "project", request_body = NewMonitoringVisit, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/visits")]
pub async fn record_monitoring_visit(asked: Asked<NewMonitoringVisit>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &VISITED)?;
            not_future(body.visited_on, call.today).map_err(|refusal| refusal.at("/visited_on"))?;
            let begun = [(Cause::Project, project.begins_on())];
            not_before(body.visited_on, &begun).map_err(|refusal| refusal.at("/visited_on"))?;
            for (index, finding) in body.findings.iter().enumerate() {
                let found = [(Cause::Visit, Some(body.visited_on))];
                not_before(finding.due_on, &found).map_err(|refusal| refusal.at(&format!("/findings/{index}/due_on")))?;
            }
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::Monitor)?;
            let finding = |one: &NewVisitFinding| NewFindingRow {
                severity: one.severity,
                description: one.description.as_str().to_owned(),
                corrective_action: one.corrective_action.as_str().to_owned(),
                owner: one.owner.as_str().to_owned(),
                due_on: one.due_on,
            };
            let new = NewRow {
                visited_on: body.visited_on,
                modality: body.modality,
                physical_progress_bps: i32::try_from(body.physical_progress_bps.0).unwrap_or_default(),
                next_action: body.next_action.as_ref().map(|text| text.as_str().to_owned()),
                document: document(&body.document_reference, &body.document_sha256),
                team: body.team.iter().map(NewVisitMember::read).collect(),
                findings: body.findings.iter().map(finding).collect(),
                recorded_by: by,
            };
            let number = db::project::milestone::insert_visit(tx, &project.row, &new)?;
            let event = project.row.event("project.visited")?.with("visit", number).with("modality", body.modality);
            answer(tx, &project.row, event.with("findings", new.findings.len()).with("document_sha256", &new.document.sha256))
        })
        .await
}

/// How a finding was put right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingClosure {
    /// The number of the finding within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    finding: Number,
    resolution: Text<2000>,
}

impl Json for FindingClosure {}

/// Closes a finding that was put right.
#[utoipa::path(tag = "project", request_body = FindingClosure, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/finding-closures")]
pub async fn close_visit_finding(asked: Asked<FindingClosure>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &VISITED)?;
            let findings = db::project::milestone::findings_of(tx.conn, &scope, id)?;
            let finding = numbered(findings, body.finding.0, |one| one.number, "/finding")?;
            judge(finding.state.0, finding.state.0 == FindingState::Open, &[], &by)?;
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::Monitor)?;
            db::project::milestone::close_finding(tx, &project.row, finding.number, body.resolution.as_str(), by)?;
            let event = project.row.event("project.finding_closed")?.with("finding", finding.number);
            answer(tx, &project.row, event.with("severity", finding.severity.0))
        })
        .await
}
