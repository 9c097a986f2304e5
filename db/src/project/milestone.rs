//! Milestones of projects with their evidence, monitoring visits with their findings: by number within a project.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{ConflictCheckId, PrincipalId, ProjectId};
use domain::project::milestone::{EVIDENCE_DUPLICATE, FindingSeverity, FindingState, MilestoneKind, MilestoneState, VisitModality, Work};
use domain::sensitivity::Scope;

use super::ProjectRow;
use super::evidence::Document;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::RecordedAt;
use crate::schema::{milestone_evidence, monitoring_visits, project_milestones, visit_findings, visit_members};
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_milestones)]
pub struct MilestoneRow {
    pub number: i32,
    pub kind: Col<MilestoneKind>,
    pub title: String,
    pub due_on: NaiveDate,
    pub condition_of: Option<String>,
    /// Of a payment milestone.
    pub tranche: Option<i32>,
    pub state: Col<MilestoneState>,
    pub reason: Option<String>,
    pub recorded_by: Col<PrincipalId>,
    pub verified_by: Option<Col<PrincipalId>>,
    pub verified_on: Option<NaiveDate>,
    /// The later check that asks for this safeguard no more.
    pub superseded_by: Option<Col<ConflictCheckId>>,
}

impl MilestoneRow {
    /// Whether it is a condition of the conflict-sensitivity check that is still to be met.
    fn is_open_condition(&self) -> bool {
        self.condition_of.is_some() && self.superseded_by.is_none() && !self.state.0.is_settled()
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = milestone_evidence)]
pub struct EvidenceRow {
    pub milestone_number: i32,
    pub number: i32,
    pub document_reference: String,
    pub document_sha256: String,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
}

/// A milestone with its evidence.
#[derive(Clone, Debug)]
pub struct Milestone {
    pub row: MilestoneRow,
    pub evidence: Vec<EvidenceRow>,
}

impl Milestone {
    /// As rules look at it.
    pub fn facts(&self) -> domain::project::milestone::Milestone<PrincipalId> {
        let authors = self.evidence.iter().map(|one| one.recorded_by.0).collect();
        domain::project::milestone::Milestone { state: self.row.state.0, authors }
    }
}

/// The milestones of a project, the first first.
pub fn milestones_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<Milestone>, Fault> {
    let rows: Vec<MilestoneRow> = project_milestones::table
        .filter(project_milestones::organisation_id.eq(Col(scope.organisation)))
        .filter(project_milestones::project_id.eq(Col(project)))
        .order(project_milestones::number)
        .select(MilestoneRow::as_select())
        .load(conn)?;
    let evidence: Vec<EvidenceRow> = milestone_evidence::table
        .filter(milestone_evidence::organisation_id.eq(Col(scope.organisation)))
        .filter(milestone_evidence::project_id.eq(Col(project)))
        .order((milestone_evidence::milestone_number, milestone_evidence::number))
        .select(EvidenceRow::as_select())
        .load(conn)?;
    let of = |number: i32| evidence.iter().filter(|one| one.milestone_number == number).cloned().collect();
    Ok(rows.into_iter().map(|row| Milestone { evidence: of(row.number), row }).collect())
}

/// A new milestone.
#[derive(Clone, Debug)]
pub struct NewMilestone {
    pub kind: MilestoneKind,
    pub title: String,
    pub due_on: NaiveDate,
    /// The question of the conflict-sensitivity check whose risk it answers.
    pub condition_of: Option<String>,
    pub tranche: Option<i32>,
    pub recorded_by: PrincipalId,
}

/// Plans a milestone; gives its number.
pub fn insert_milestone(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewMilestone) -> Result<i32, Fault> {
    let last: Option<i32> = project_milestones::table
        .filter(project_milestones::organisation_id.eq(row.organisation_id))
        .filter(project_milestones::project_id.eq(row.id))
        .order(project_milestones::number.desc())
        .select(project_milestones::number)
        .first(tx.conn)
        .optional()?;
    let number = last.unwrap_or(0) + 1;
    diesel::insert_into(project_milestones::table)
        .values((
            project_milestones::organisation_id.eq(row.organisation_id),
            project_milestones::project_id.eq(row.id),
            project_milestones::number.eq(number),
            project_milestones::kind.eq(Col(new.kind)),
            project_milestones::title.eq(&new.title),
            project_milestones::due_on.eq(new.due_on),
            project_milestones::condition_of.eq(new.condition_of.as_deref()),
            project_milestones::tranche.eq(new.tranche),
            project_milestones::state.eq(Col(MilestoneState::Planned)),
            project_milestones::recorded_by.eq(Col(new.recorded_by)),
            project_milestones::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(number)
}

/// Whether an open safeguard is what a check asks for by question and measure.
fn covers(one: &MilestoneRow, (question, measure): &(String, String)) -> bool {
    one.is_open_condition() && one.condition_of.as_ref() == Some(question) && one.title == *measure
}

/// Lets a check take the place of earlier ones: open safeguards that it does not ask for are asked for no more; says how many.
pub fn supersede_conditions(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    conditions: &[(String, String)],
    check: ConflictCheckId,
) -> Result<usize, Fault> {
    let scope = tx.all();
    let there = milestones_of(tx.conn, &scope, row.id.0)?;
    let gone: Vec<i32> = there
        .iter()
        .filter(|one| one.row.is_open_condition() && !conditions.iter().any(|asked| covers(&one.row, asked)))
        .map(|one| one.row.number)
        .collect();
    let own = project_milestones::table
        .filter(project_milestones::organisation_id.eq(row.organisation_id))
        .filter(project_milestones::project_id.eq(row.id))
        .filter(project_milestones::number.eq_any(&gone));
    diesel::update(own).set(project_milestones::superseded_by.eq(Some(Col(check)))).execute(tx.conn)?;
    Ok(gone.len())
}

/// Plans a safeguard for each condition of a check that has none open yet; says how many.
pub fn insert_conditions(tx: &mut Tx<'_>, row: &ProjectRow, conditions: &[(String, String)], by: PrincipalId) -> Result<usize, Fault> {
    let scope = tx.all();
    let there = milestones_of(tx.conn, &scope, row.id.0)?;
    let mut planned = 0;
    for asked in conditions {
        let (question, measure) = asked;
        if there.iter().any(|one| covers(&one.row, asked)) {
            continue;
        }
        let new = NewMilestone {
            kind: MilestoneKind::Safeguard,
            title: measure.clone(),
            due_on: row.starts_on,
            condition_of: Some(question.clone()),
            tranche: None,
            recorded_by: by,
        };
        insert_milestone(tx, row, &new)?;
        planned += 1;
    }
    Ok(planned)
}

/// Adds evidence to a milestone.
pub fn insert_evidence(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    milestone: &Milestone,
    document: &Document,
    by: PrincipalId,
) -> Result<(), Fault> {
    let number = milestone.evidence.last().map_or(1, |last| last.number + 1);
    diesel::insert_into(milestone_evidence::table)
        .values((
            milestone_evidence::organisation_id.eq(row.organisation_id),
            milestone_evidence::project_id.eq(row.id),
            milestone_evidence::milestone_number.eq(milestone.row.number),
            milestone_evidence::number.eq(number),
            milestone_evidence::document_reference.eq(&document.reference),
            milestone_evidence::document_sha256.eq(&document.sha256),
            milestone_evidence::recorded_by.eq(Col(by)),
            milestone_evidence::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| EVIDENCE_DUPLICATE.refuse().at("/document_sha256")))?;
    Ok(())
}

/// Stores what a verification found of a milestone.
pub fn judge_milestone(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    number: i32,
    (state, reason): (MilestoneState, Option<&str>),
    by: PrincipalId,
) -> Result<(), Fault> {
    let milestone = project_milestones::table
        .filter(project_milestones::organisation_id.eq(row.organisation_id))
        .filter(project_milestones::project_id.eq(row.id))
        .filter(project_milestones::number.eq(number));
    diesel::update(milestone)
        .set((
            project_milestones::state.eq(Col(state)),
            project_milestones::reason.eq(reason),
            project_milestones::verified_by.eq(Some(Col(by))),
            project_milestones::verified_on.eq(Some(tx.today())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = monitoring_visits)]
pub struct VisitRow {
    pub number: i32,
    pub visited_on: NaiveDate,
    pub modality: Col<VisitModality>,
    pub physical_progress_bps: i32,
    pub next_action: Option<String>,
    pub document_reference: String,
    pub document_sha256: String,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = visit_findings)]
pub struct FindingRow {
    pub number: i32,
    pub visit_number: i32,
    pub severity: Col<FindingSeverity>,
    pub description: String,
    pub corrective_action: String,
    pub owner: String,
    pub due_on: NaiveDate,
    pub state: Col<FindingState>,
    pub resolution: Option<String>,
    pub closed_by: Option<Col<PrincipalId>>,
    pub closed_on: Option<NaiveDate>,
}

/// A visit with its team, by organisation and function, and what it found.
#[derive(Clone, Debug)]
pub struct Visit {
    pub row: VisitRow,
    pub team: Vec<(String, String)>,
    pub findings: Vec<FindingRow>,
}

/// The findings of a project, the first first.
pub fn findings_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<FindingRow>, Fault> {
    Ok(visit_findings::table
        .filter(visit_findings::organisation_id.eq(Col(scope.organisation)))
        .filter(visit_findings::project_id.eq(Col(project)))
        .order(visit_findings::number)
        .select(FindingRow::as_select())
        .load(conn)?)
}

/// The visits of a project, the first first.
pub fn visits_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<Visit>, Fault> {
    let rows: Vec<VisitRow> = monitoring_visits::table
        .filter(monitoring_visits::organisation_id.eq(Col(scope.organisation)))
        .filter(monitoring_visits::project_id.eq(Col(project)))
        .order(monitoring_visits::number)
        .select(VisitRow::as_select())
        .load(conn)?;
    let team: Vec<(i32, String, String)> = visit_members::table
        .filter(visit_members::organisation_id.eq(Col(scope.organisation)))
        .filter(visit_members::project_id.eq(Col(project)))
        .order((visit_members::visit_number, visit_members::number))
        .select((visit_members::visit_number, visit_members::represents, visit_members::function))
        .load(conn)?;
    let findings = findings_of(conn, scope, project)?;
    let whole = |row: VisitRow| Visit {
        team: team.iter().filter(|(visit, ..)| *visit == row.number).map(|(_, of, function)| (of.clone(), function.clone())).collect(),
        findings: findings.iter().filter(|finding| finding.visit_number == row.number).cloned().collect(),
        row,
    };
    Ok(rows.into_iter().map(whole).collect())
}

/// A new finding.
#[derive(Clone, Debug)]
pub struct NewFinding {
    pub severity: FindingSeverity,
    pub description: String,
    pub corrective_action: String,
    pub owner: String,
    pub due_on: NaiveDate,
}

/// A new visit.
#[derive(Clone, Debug)]
pub struct NewVisit {
    pub visited_on: NaiveDate,
    pub modality: VisitModality,
    pub physical_progress_bps: i32,
    pub next_action: Option<String>,
    pub document: Document,
    /// Organisation and function of each.
    pub team: Vec<(String, String)>,
    pub findings: Vec<NewFinding>,
    pub recorded_by: PrincipalId,
}

/// Records a visit with its team and its findings; gives its number.
pub fn insert_visit(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewVisit) -> Result<i32, Fault> {
    let scope = tx.all();
    let (visits, findings) = (visits_of(tx.conn, &scope, row.id.0)?, findings_of(tx.conn, &scope, row.id.0)?);
    let visit = visits.last().map_or(1, |last| last.row.number + 1);
    let first = findings.last().map_or(1, |last| last.number + 1);
    diesel::insert_into(monitoring_visits::table)
        .values((
            monitoring_visits::organisation_id.eq(row.organisation_id),
            monitoring_visits::project_id.eq(row.id),
            monitoring_visits::number.eq(visit),
            monitoring_visits::visited_on.eq(new.visited_on),
            monitoring_visits::modality.eq(Col(new.modality)),
            monitoring_visits::physical_progress_bps.eq(new.physical_progress_bps),
            monitoring_visits::next_action.eq(new.next_action.as_deref()),
            monitoring_visits::document_reference.eq(&new.document.reference),
            monitoring_visits::document_sha256.eq(&new.document.sha256),
            monitoring_visits::recorded_by.eq(Col(new.recorded_by)),
            monitoring_visits::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    for (number, (represents, function)) in (1_i32..).zip(&new.team) {
        diesel::insert_into(visit_members::table)
            .values((
                visit_members::organisation_id.eq(row.organisation_id),
                visit_members::project_id.eq(row.id),
                visit_members::visit_number.eq(visit),
                visit_members::number.eq(number),
                visit_members::represents.eq(represents),
                visit_members::function.eq(function),
            ))
            .execute(tx.conn)?;
    }
    for (number, finding) in (first..).zip(&new.findings) {
        diesel::insert_into(visit_findings::table)
            .values((
                visit_findings::organisation_id.eq(row.organisation_id),
                visit_findings::project_id.eq(row.id),
                visit_findings::number.eq(number),
                visit_findings::visit_number.eq(visit),
                visit_findings::severity.eq(Col(finding.severity)),
                visit_findings::description.eq(&finding.description),
                visit_findings::corrective_action.eq(&finding.corrective_action),
                visit_findings::owner.eq(&finding.owner),
                visit_findings::due_on.eq(finding.due_on),
                visit_findings::state.eq(Col(FindingState::Open)),
            ))
            .execute(tx.conn)?;
    }
    Ok(visit)
}

/// Stores how a finding was put right.
pub fn close_finding(tx: &mut Tx<'_>, row: &ProjectRow, number: i32, resolution: &str, by: PrincipalId) -> Result<(), Fault> {
    let finding = visit_findings::table
        .filter(visit_findings::organisation_id.eq(row.organisation_id))
        .filter(visit_findings::project_id.eq(row.id))
        .filter(visit_findings::number.eq(number));
    diesel::update(finding)
        .set((
            visit_findings::state.eq(Col(FindingState::Closed)),
            visit_findings::resolution.eq(Some(resolution)),
            visit_findings::closed_by.eq(Some(Col(by))),
            visit_findings::closed_on.eq(Some(tx.today())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// What is known of the work of a project: whoever pays, completes or closes it asks this.
pub fn work_of(conn: &mut Conn, scope: &Scope, project: ProjectId, visit_days: u32) -> Result<Work, Fault> {
    let milestones = milestones_of(conn, scope, project)?;
    let visits = visits_of(conn, scope, project)?;
    let findings = findings_of(conn, scope, project)?;
    let of = |kind: MilestoneKind| milestones.iter().filter(move |one| one.row.kind.0 == kind);
    let releases = |one: &Milestone| one.row.tranche.and_then(|tranche| u32::try_from(tranche).ok());
    Ok(Work {
        outputs: of(MilestoneKind::Output).map(|one| (one.row.title.clone(), one.row.state.0.is_settled())).collect(),
        last_visit: visits.iter().filter(|one| one.row.modality.0.sees_the_place()).map(|one| one.row.visited_on).max(),
        visit_days,
        findings: findings.iter().filter(|one| one.state.0 == FindingState::Open).map(|one| (one.number, one.severity.0)).collect(),
        tranches: of(MilestoneKind::Payment).filter(|one| one.row.state.0.is_settled()).filter_map(releases).collect(),
        tranches_open: of(MilestoneKind::Payment)
            .filter(|one| !one.row.state.0.is_settled())
            .filter_map(|one| Some((releases(one)?, one.row.title.clone())))
            .collect(),
        safeguards: milestones.iter().filter(|one| one.row.is_open_condition()).map(|one| one.row.title.clone()).collect(),
    })
}
