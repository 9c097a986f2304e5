//! Projects: what each asks for, and every change of its state. What others found, and committees, have files of their own.

pub mod agreement;
pub mod amendment;
pub mod ceiling;
pub mod committee;
pub mod disbursement;
pub mod evidence;
pub mod filter;
pub mod finance;
pub mod handover;
pub mod indicator;
pub mod milestone;
pub mod publication;
pub mod recipient;
pub mod report;
pub mod review;
pub mod site;
pub mod total;

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::audit::Event;
use domain::id::{CommunityNeedId, FundPurposeId, MotionId, OrganisationId, PrincipalId, ProgrammeId, ProjectId, SupplierId};
use domain::money::Currency;
use domain::programme::Instrument;
use domain::programme::rule_set::{ImplementerKind, RequesterKind};
use domain::project::clock::Suspension;
use domain::project::guard::{BudgetCategory, ShareDimension};
use domain::project::handover::ProjectNature;
use domain::project::{PROJECT_DUPLICATE, ProjectAction, ProjectState};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;
use domain::word::Word;

use self::evidence::{SuspensionRow, suspensions_of};
use self::filter::{ProjectFilter, Terms, narrowed};
use self::publication::{ProjectFlagRow, flags_of};
use self::recipient::{AskedRecipient, ProjectRecipientRow, delete_recipients, insert_recipients, recipients_of};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::RecordedAt;
use crate::page::{Keyset, Rows};
use crate::schema::{project_budget_lines, project_needs, project_shares, project_transitions, projects};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = projects)]
pub struct ProjectRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ProjectId>,
    pub reference: String,
    pub title: String,
    pub objective: String,
    pub instrument: Col<Instrument>,
    pub programme_id: Option<Col<ProgrammeId>>,
    pub rule_set_version: Option<i32>,
    pub state: Col<ProjectState>,
    pub area: Option<String>,
    pub requester_kind: Col<RequesterKind>,
    pub requester: String,
    pub implementer_kind: Option<Col<ImplementerKind>>,
    pub supplier_id: Option<Col<SupplierId>>,
    pub fund_purpose_id: Option<Col<FundPurposeId>>,
    pub currency: String,
    pub budget: i64,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub gender_marker: Option<i32>,
    pub risk_marker: Option<i32>,
    pub submission: i32,
    pub approved_on: Option<NaiveDate>,
    pub sensitivity: i32,
    pub version: i64,
    pub nature: Col<ProjectNature>,
}

impl ProjectRow {
    pub fn currency(&self) -> Result<Currency, Fault> {
        crate::fund::currency(&self.currency)
    }

    pub fn sensitivity(&self) -> Result<Sensitivity, Fault> {
        let known = Sensitivity::ALL.iter().copied().find(|one| one.rank() == self.sensitivity);
        known.ok_or_else(|| Fault::Corrupt(format!("sensitivity {}", self.sensitivity)))
    }

    /// Something that happened to it, by which it got its next version.
    pub fn event(&self, kind: &'static str) -> Result<Event, Fault> {
        Ok(Event::of(kind, "project", self.id.0.0, self.version + 1).ranked(self.sensitivity()?))
    }
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_shares)]
pub struct ProjectShareRow {
    pub project_id: Col<ProjectId>,
    pub dimension: Col<ShareDimension>,
    pub term: String,
    pub bps: i32,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_budget_lines)]
pub struct ProjectBudgetLineRow {
    pub project_id: Col<ProjectId>,
    pub number: i32,
    pub category: Col<BudgetCategory>,
    pub description: String,
    pub amount: i64,
}

/// A project with everything that it asks for.
#[derive(Clone, Debug)]
pub struct Project {
    pub row: ProjectRow,
    pub shares: Vec<ProjectShareRow>,
    pub lines: Vec<ProjectBudgetLineRow>,
    pub needs: Vec<CommunityNeedId>,
    pub suspensions: Vec<SuspensionRow>,
    pub recipients: Vec<ProjectRecipientRow>,
    pub flags: Vec<ProjectFlagRow>,
}

impl Project {
    /// From when on something can happen to it: its approval, or its first day where that is earlier.
    pub fn begins_on(&self) -> Option<NaiveDate> {
        self.row.approved_on.map(|approved| approved.min(self.row.starts_on))
    }

    /// Suspensions that are over.
    pub fn ended_suspensions(&self) -> Vec<Suspension> {
        let ended = |one: &SuspensionRow| Some(Suspension { reason: one.reason.0, from: one.suspended_on, until: one.resumed_on? });
        self.suspensions.iter().filter_map(ended).collect()
    }
}

/// What a project asks for, to be stored.
#[derive(Clone, Debug)]
pub struct Asked {
    pub title: String,
    pub objective: String,
    pub programme: Option<ProgrammeId>,
    pub area: Option<String>,
    pub requester_kind: RequesterKind,
    pub requester: String,
    pub implementer: Option<(ImplementerKind, SupplierId)>,
    pub fund_purpose: Option<FundPurposeId>,
    pub currency: Currency,
    pub budget: i64,
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub gender_marker: Option<i32>,
    pub risk_marker: Option<i32>,
    pub shares: Vec<(ShareDimension, String, i32)>,
    pub lines: Vec<(BudgetCategory, String, i64)>,
    pub needs: Vec<CommunityNeedId>,
    pub nature: ProjectNature,
    pub recipients: Vec<AskedRecipient>,
}

/// A new project.
#[derive(Clone, Debug)]
pub struct NewProject {
    pub id: ProjectId,
    pub reference: String,
    pub instrument: Instrument,
    pub sensitivity: Sensitivity,
    pub asked: Asked,
    pub recorded_by: PrincipalId,
}

pub fn insert_project(tx: &mut Tx<'_>, new: &NewProject) -> Result<(), Fault> {
    let asked = &new.asked;
    diesel::insert_into(projects::table)
        .values((
            projects::organisation_id.eq(Col(tx.organisation)),
            projects::id.eq(Col(new.id)),
            projects::reference.eq(&new.reference),
            projects::title.eq(&asked.title),
            projects::folded_title.eq(fold(&asked.title)),
            projects::objective.eq(&asked.objective),
            projects::instrument.eq(Col(new.instrument)),
            projects::programme_id.eq(asked.programme.map(Col)),
            projects::state.eq(Col(ProjectState::Draft)),
            projects::area.eq(asked.area.as_deref()),
            projects::requester_kind.eq(Col(asked.requester_kind)),
            projects::requester.eq(&asked.requester),
            projects::implementer_kind.eq(asked.implementer.map(|one| Col(one.0))),
            projects::supplier_id.eq(asked.implementer.map(|one| Col(one.1))),
            projects::fund_purpose_id.eq(asked.fund_purpose.map(Col)),
            projects::currency.eq(asked.currency.code()),
            projects::budget.eq(asked.budget),
            projects::starts_on.eq(asked.starts_on),
            projects::ends_on.eq(asked.ends_on),
            projects::gender_marker.eq(asked.gender_marker),
            projects::risk_marker.eq(asked.risk_marker),
            projects::submission.eq(0),
            projects::recorded_by.eq(Col(new.recorded_by)),
            projects::recorded_at.eq(Col(tx.author.now)),
            projects::sensitivity.eq(new.sensitivity.rank()),
            projects::version.eq(1),
            projects::nature.eq(Col(asked.nature)),
        ))
        .execute(tx.conn)
        .map_err(|error| taken(error, &new.reference))?;
    insert_parts(tx, new.id, asked)
}

/// A reference is unique, and so is the purpose of a fund that pays.
fn taken(error: diesel::result::Error, reference: &str) -> Fault {
    match Fault::from(error) {
        Fault::Taken(what) if what.contains("fund_purpose") => {
            Fault::Refused(domain::fund::FUND_RECORD_DUPLICATE.refuse().with("code", "fund_purpose_id").at("/proposal/fund_purpose_id"))
        }
        fault => fault.taken(|| PROJECT_DUPLICATE.refuse().with("reference", reference).at("/reference")),
    }
}

fn insert_parts(tx: &mut Tx<'_>, id: ProjectId, asked: &Asked) -> Result<(), Fault> {
    for (dimension, term, bps) in &asked.shares {
        diesel::insert_into(project_shares::table)
            .values((
                project_shares::organisation_id.eq(Col(tx.organisation)),
                project_shares::project_id.eq(Col(id)),
                project_shares::dimension.eq(Col(*dimension)),
                project_shares::term.eq(term),
                project_shares::bps.eq(*bps),
            ))
            .execute(tx.conn)?;
    }
    for (number, (category, description, amount)) in (1_i32..).zip(&asked.lines) {
        diesel::insert_into(project_budget_lines::table)
            .values((
                project_budget_lines::organisation_id.eq(Col(tx.organisation)),
                project_budget_lines::project_id.eq(Col(id)),
                project_budget_lines::number.eq(number),
                project_budget_lines::category.eq(Col(*category)),
                project_budget_lines::description.eq(description),
                project_budget_lines::amount.eq(*amount),
            ))
            .execute(tx.conn)?;
    }
    for need in &asked.needs {
        diesel::insert_into(project_needs::table)
            .values((
                project_needs::organisation_id.eq(Col(tx.organisation)),
                project_needs::project_id.eq(Col(id)),
                project_needs::need_id.eq(Col(*need)),
            ))
            .execute(tx.conn)?;
    }
    insert_recipients(tx, id, &asked.recipients)
}

/// Puts other wishes in the place of what a project asks for.
pub fn replace_asked(tx: &mut Tx<'_>, row: &ProjectRow, asked: &Asked) -> Result<(), Fault> {
    diesel::update(projects::table.filter(projects::organisation_id.eq(row.organisation_id)).filter(projects::id.eq(row.id)))
        .set((
            projects::title.eq(&asked.title),
            projects::folded_title.eq(fold(&asked.title)),
            projects::objective.eq(&asked.objective),
            projects::programme_id.eq(asked.programme.map(Col)),
            projects::area.eq(asked.area.as_deref()),
            projects::requester_kind.eq(Col(asked.requester_kind)),
            projects::requester.eq(&asked.requester),
            projects::implementer_kind.eq(asked.implementer.map(|one| Col(one.0))),
            projects::supplier_id.eq(asked.implementer.map(|one| Col(one.1))),
            projects::fund_purpose_id.eq(asked.fund_purpose.map(Col)),
            projects::currency.eq(asked.currency.code()),
            projects::budget.eq(asked.budget),
            projects::starts_on.eq(asked.starts_on),
            projects::ends_on.eq(asked.ends_on),
            projects::gender_marker.eq(asked.gender_marker),
            projects::risk_marker.eq(asked.risk_marker),
            projects::version.eq(row.version + 1),
            projects::nature.eq(Col(asked.nature)),
        ))
        .execute(tx.conn)
        .map_err(|error| taken(error, &row.reference))?;
    let (owner, id) = (row.organisation_id, row.id);
    diesel::delete(project_shares::table.filter(project_shares::organisation_id.eq(owner)).filter(project_shares::project_id.eq(id)))
        .execute(tx.conn)?;
    let lines =
        project_budget_lines::table.filter(project_budget_lines::organisation_id.eq(owner)).filter(project_budget_lines::project_id.eq(id));
    diesel::delete(lines).execute(tx.conn)?;
    diesel::delete(project_needs::table.filter(project_needs::organisation_id.eq(owner)).filter(project_needs::project_id.eq(id)))
        .execute(tx.conn)?;
    delete_recipients(tx, row)?;
    insert_parts(tx, id.0, asked)
}

fn with_parts(conn: &mut Conn, scope: &Scope, rows: Vec<ProjectRow>) -> Result<Vec<Project>, Fault> {
    let ids: Vec<Col<ProjectId>> = rows.iter().map(|row| row.id).collect();
    let owner = Col(scope.organisation);
    let shares: Vec<ProjectShareRow> = project_shares::table
        .filter(project_shares::organisation_id.eq(owner))
        .filter(project_shares::project_id.eq_any(ids.clone()))
        .order((project_shares::project_id, project_shares::bps.desc(), project_shares::term))
        .select(ProjectShareRow::as_select())
        .load(conn)?;
    let lines: Vec<ProjectBudgetLineRow> = project_budget_lines::table
        .filter(project_budget_lines::organisation_id.eq(owner))
        .filter(project_budget_lines::project_id.eq_any(ids.clone()))
        .order((project_budget_lines::project_id, project_budget_lines::number))
        .select(ProjectBudgetLineRow::as_select())
        .load(conn)?;
    let needs: Vec<(Col<ProjectId>, Col<CommunityNeedId>)> = project_needs::table
        .filter(project_needs::organisation_id.eq(owner))
        .filter(project_needs::project_id.eq_any(ids.clone()))
        .order((project_needs::project_id, project_needs::need_id))
        .select((project_needs::project_id, project_needs::need_id))
        .load(conn)?;
    let suspensions = suspensions_of(conn, scope, &ids)?;
    let recipients = recipients_of(conn, scope.organisation, &ids)?;
    let flags = flags_of(conn, scope, &ids)?;
    let whole = |row: ProjectRow| Project {
        suspensions: suspensions.iter().filter(|one| one.project_id == row.id).cloned().collect(),
        recipients: recipients.iter().filter(|one| one.project_id == row.id).cloned().collect(),
        flags: flags.iter().filter(|one| one.project_id == row.id).cloned().collect(),
        shares: shares.iter().filter(|share| share.project_id == row.id).cloned().collect(),
        lines: lines.iter().filter(|line| line.project_id == row.id).cloned().collect(),
        needs: needs.iter().filter(|(project, _)| *project == row.id).map(|(_, need)| need.0).collect(),
        row,
    };
    Ok(rows.into_iter().map(whole).collect())
}

pub fn find_project(conn: &mut Conn, scope: &Scope, id: ProjectId) -> Result<Project, Fault> {
    let row = visible!(projects, scope).filter(projects::id.eq(Col(id))).select(ProjectRow::as_select()).first(conn)?;
    with_parts(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

pub fn list_projects(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter, page: &Keyset<ProjectId>) -> Result<Rows<Project>, Fault> {
    let terms = Terms::load(conn, scope, filter)?;
    let mut query = visible!(projects, scope).order(projects::id).limit(page.probe()).select(ProjectRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(projects::id.gt(Col(after)));
    }
    narrowed!(query, scope, filter, terms);
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_parts(conn, scope, rows.rows)? })
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_transitions)]
pub struct ProjectTransitionRow {
    pub number: i32,
    pub action: Col<ProjectAction>,
    pub state_before: Option<Col<ProjectState>>,
    pub state_after: Col<ProjectState>,
    pub rule_set_version: Option<i32>,
    pub reason: Option<String>,
    pub motion_id: Option<Col<MotionId>>,
    pub acted_by: Col<PrincipalId>,
    pub acted_on: NaiveDate,
    pub recorded_at: RecordedAt,
}

/// A change of state to record.
#[derive(Clone, Debug)]
pub struct Step {
    pub action: ProjectAction,
    pub before: Option<ProjectState>,
    pub after: ProjectState,
    pub rules: Option<i32>,
    pub reason: Option<String>,
    pub motion: Option<MotionId>,
    pub by: PrincipalId,
}

/// Every change of a project's state, the first first.
pub fn steps_of(conn: &mut Conn, scope: &Scope, id: ProjectId) -> Result<Vec<ProjectTransitionRow>, Fault> {
    Ok(project_transitions::table
        .filter(project_transitions::organisation_id.eq(Col(scope.organisation)))
        .filter(project_transitions::project_id.eq(Col(id)))
        .order(project_transitions::number)
        .select(ProjectTransitionRow::as_select())
        .load(conn)?)
}

/// When a project came into a state, the last time.
pub fn came_on(conn: &mut Conn, scope: &Scope, id: ProjectId, state: ProjectState) -> Result<Option<NaiveDate>, Fault> {
    Ok(project_transitions::table
        .filter(project_transitions::organisation_id.eq(Col(scope.organisation)))
        .filter(project_transitions::project_id.eq(Col(id)))
        .filter(project_transitions::state_after.eq(Col(state)))
        .order(project_transitions::number.desc())
        .select(project_transitions::acted_on)
        .first(conn)
        .optional()?)
}

/// Records a change of state.
pub fn append_step(tx: &mut Tx<'_>, id: ProjectId, step: &Step) -> Result<(), Fault> {
    let last: Option<i32> = project_transitions::table
        .filter(project_transitions::organisation_id.eq(Col(tx.organisation)))
        .filter(project_transitions::project_id.eq(Col(id)))
        .order(project_transitions::number.desc())
        .select(project_transitions::number)
        .first(tx.conn)
        .optional()?;
    diesel::insert_into(project_transitions::table)
        .values((
            project_transitions::organisation_id.eq(Col(tx.organisation)),
            project_transitions::project_id.eq(Col(id)),
            project_transitions::number.eq(last.unwrap_or(0) + 1),
            project_transitions::action.eq(Col(step.action)),
            project_transitions::state_before.eq(step.before.map(Col)),
            project_transitions::state_after.eq(Col(step.after)),
            project_transitions::rule_set_version.eq(step.rules),
            project_transitions::reason.eq(step.reason.as_deref()),
            project_transitions::motion_id.eq(step.motion.map(Col)),
            project_transitions::acted_by.eq(Col(step.by)),
            project_transitions::acted_on.eq(tx.today()),
            project_transitions::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Moves a project to another state. A submission pins the rules that hold from now on; an approval has its day; what is given up before
/// anything was paid lets the purpose go that would have paid it.
pub fn move_project(tx: &mut Tx<'_>, row: &ProjectRow, step: &Step) -> Result<(), Fault> {
    let submitted = step.after == ProjectState::Submitted;
    let approved = if step.after == ProjectState::Approved { Some(tx.today()) } else { row.approved_on };
    let purpose = row.fund_purpose_id.filter(|_| !step.after.is_given_up());
    diesel::update(projects::table.filter(projects::organisation_id.eq(row.organisation_id)).filter(projects::id.eq(row.id)))
        .set((
            projects::state.eq(Col(step.after)),
            projects::rule_set_version.eq(step.rules),
            projects::submission.eq(row.submission + i32::from(submitted)),
            projects::approved_on.eq(approved),
            projects::fund_purpose_id.eq(purpose),
            projects::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    append_step(tx, row.id.0, step)
}

/// A project that something happened to has another version.
pub fn touch_project(tx: &mut Tx<'_>, row: &ProjectRow) -> Result<(), Fault> {
    diesel::update(projects::table.filter(projects::organisation_id.eq(row.organisation_id)).filter(projects::id.eq(row.id)))
        .set(projects::version.eq(row.version + 1))
        .execute(tx.conn)?;
    Ok(())
}
