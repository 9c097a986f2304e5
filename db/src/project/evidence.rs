//! Studies of projects, and their suspensions: by number within a project.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{MotionId, PrincipalId, ProjectId};
use domain::project::check::{StudyConclusion, StudyKind};
use domain::project::clock::SuspensionReason;
use domain::project::evidence::StudyState;
use domain::sensitivity::Scope;

use super::ProjectRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::RecordedAt;
use crate::schema::{project_studies, project_suspensions};
use crate::store::Tx;

/// A document: what it is called, and its digest.
#[derive(Clone, Debug)]
pub struct Document {
    pub reference: String,
    pub sha256: String,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_studies)]
pub struct StudyRow {
    pub number: i32,
    pub kind: Col<StudyKind>,
    pub title: String,
    pub author: String,
    pub conclusion: Col<StudyConclusion>,
    pub document_reference: String,
    pub document_sha256: String,
    pub state: Col<StudyState>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
    pub judged_by: Option<Col<PrincipalId>>,
    pub judged_on: Option<NaiveDate>,
}

/// A new study.
#[derive(Clone, Debug)]
pub struct NewStudy {
    pub kind: StudyKind,
    pub title: String,
    pub author: String,
    pub conclusion: StudyConclusion,
    pub document: Document,
    pub recorded_by: PrincipalId,
}

/// The studies of a project, the first first.
pub fn studies_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<StudyRow>, Fault> {
    Ok(project_studies::table
        .filter(project_studies::organisation_id.eq(Col(scope.organisation)))
        .filter(project_studies::project_id.eq(Col(project)))
        .order(project_studies::number)
        .select(StudyRow::as_select())
        .load(conn)?)
}

/// Records a study; gives its number.
pub fn insert_study(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewStudy) -> Result<i32, Fault> {
    let scope = tx.all();
    let number = studies_of(tx.conn, &scope, row.id.0)?.last().map_or(1, |last| last.number + 1);
    diesel::insert_into(project_studies::table)
        .values((
            project_studies::organisation_id.eq(row.organisation_id),
            project_studies::project_id.eq(row.id),
            project_studies::number.eq(number),
            project_studies::kind.eq(Col(new.kind)),
            project_studies::title.eq(&new.title),
            project_studies::author.eq(&new.author),
            project_studies::conclusion.eq(Col(new.conclusion)),
            project_studies::document_reference.eq(&new.document.reference),
            project_studies::document_sha256.eq(&new.document.sha256),
            project_studies::state.eq(Col(StudyState::Submitted)),
            project_studies::recorded_by.eq(Col(new.recorded_by)),
            project_studies::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(number)
}

/// Stores what was made of a study.
pub fn judge_study(tx: &mut Tx<'_>, row: &ProjectRow, number: i32, state: StudyState, by: PrincipalId) -> Result<(), Fault> {
    let study = project_studies::table
        .filter(project_studies::organisation_id.eq(row.organisation_id))
        .filter(project_studies::project_id.eq(row.id))
        .filter(project_studies::number.eq(number));
    diesel::update(study)
        .set((
            project_studies::state.eq(Col(state)),
            project_studies::judged_by.eq(Some(Col(by))),
            project_studies::judged_on.eq(Some(tx.today())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_suspensions)]
pub struct SuspensionRow {
    pub project_id: Col<ProjectId>,
    pub number: i32,
    pub reason: Col<SuspensionReason>,
    pub explanation: String,
    pub suspended_on: NaiveDate,
    pub resumed_on: Option<NaiveDate>,
    pub motion_id: Option<Col<MotionId>>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
}

/// The suspensions of projects, the first of each first.
pub fn suspensions_of(conn: &mut Conn, scope: &Scope, projects: &[Col<ProjectId>]) -> Result<Vec<SuspensionRow>, Fault> {
    Ok(project_suspensions::table
        .filter(project_suspensions::organisation_id.eq(Col(scope.organisation)))
        .filter(project_suspensions::project_id.eq_any(projects.to_vec()))
        .order((project_suspensions::project_id, project_suspensions::number))
        .select(SuspensionRow::as_select())
        .load(conn)?)
}

/// Records that a project is suspended from a day on.
pub fn insert_suspension(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    (reason, explanation): (SuspensionReason, &str),
    suspended_on: NaiveDate,
    by: PrincipalId,
) -> Result<(), Fault> {
    let scope = tx.all();
    let number = suspensions_of(tx.conn, &scope, &[row.id])?.last().map_or(1, |last| last.number + 1);
    diesel::insert_into(project_suspensions::table)
        .values((
            project_suspensions::organisation_id.eq(row.organisation_id),
            project_suspensions::project_id.eq(row.id),
            project_suspensions::number.eq(number),
            project_suspensions::reason.eq(Col(reason)),
            project_suspensions::explanation.eq(explanation),
            project_suspensions::suspended_on.eq(suspended_on),
            project_suspensions::recorded_by.eq(Col(by)),
            project_suspensions::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Ends the suspension of a project on the day of the decision of a committee.
pub fn end_suspension(tx: &mut Tx<'_>, row: &ProjectRow, resumed_on: NaiveDate, motion: MotionId) -> Result<(), Fault> {
    let open = project_suspensions::table
        .filter(project_suspensions::organisation_id.eq(row.organisation_id))
        .filter(project_suspensions::project_id.eq(row.id))
        .filter(project_suspensions::resumed_on.is_null());
    diesel::update(open)
        .set((project_suspensions::resumed_on.eq(Some(resumed_on)), project_suspensions::motion_id.eq(Some(Col(motion)))))
        .execute(tx.conn)?;
    Ok(())
}
