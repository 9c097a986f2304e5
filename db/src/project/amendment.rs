//! Amendments of projects: what was before and what is asked for, by number within a project.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{PrincipalId, ProjectId, SupplierId};
use domain::money::Amount;
use domain::programme::rule_set::ImplementerKind;
use domain::project::amendment::{AMENDMENT_STATE_INVALID, AmendmentKind, AmendmentState, Terms as Amended};
use domain::project::guard::{BudgetCategory, ShareDimension};
use domain::sensitivity::Scope;

use super::{Project, ProjectRow};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::RecordedAt;
use crate::schema::{amendment_lines, amendment_places, project_amendments, project_budget_lines, project_shares, projects};
use crate::store::Tx;

/// What of a project can be amended.
pub type Terms = Amended<SupplierId>;

const BEFORE: &str = "before";
const AFTER: &str = "after";

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_amendments)]
pub struct AmendmentRow {
    pub number: i32,
    pub kind: Col<AmendmentKind>,
    pub state: Col<AmendmentState>,
    pub requested_on: NaiveDate,
    pub reason: String,
    pub waiver_reference: Option<String>,
    pub makes_check_stale: bool,
    pub ends_on_before: NaiveDate,
    pub ends_on_after: NaiveDate,
    pub budget_before: i64,
    pub budget_after: i64,
    pub objective_before: String,
    pub objective_after: String,
    pub implementer_kind_before: Option<Col<ImplementerKind>>,
    pub supplier_id_before: Option<Col<SupplierId>>,
    pub implementer_kind_after: Option<Col<ImplementerKind>>,
    pub supplier_id_after: Option<Col<SupplierId>>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
    pub reviewed_by: Option<Col<PrincipalId>>,
    pub reviewed_on: Option<NaiveDate>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub minutes_reference: Option<String>,
    pub minutes_on: Option<NaiveDate>,
    pub applied_by: Option<Col<PrincipalId>>,
    pub applied_at: Option<Col<DateTime<Utc>>>,
}

/// An amendment with the terms before and after it.
#[derive(Clone, Debug)]
pub struct Amendment {
    pub row: AmendmentRow,
    pub before: Terms,
    pub after: Terms,
}

/// A new amendment.
#[derive(Clone, Debug)]
pub struct NewAmendment {
    pub kind: AmendmentKind,
    pub requested_on: NaiveDate,
    pub reason: String,
    pub waiver_reference: Option<String>,
    pub makes_check_stale: bool,
    pub before: Terms,
    pub after: Terms,
    pub recorded_by: PrincipalId,
}

fn amount(minor: i64) -> Result<Amount, Fault> {
    Amount::from_minor(minor).ok_or_else(|| Fault::Corrupt(format!("amount {minor}")))
}

fn share(bps: i32) -> Result<u32, Fault> {
    u32::try_from(bps).map_err(|_| Fault::Corrupt(format!("{bps} basis points")))
}

/// What of a project can be amended, as it stands.
pub fn terms_of(project: &Project) -> Result<Terms, Fault> {
    let row = &project.row;
    let lines = project.lines.iter().map(|line| Ok((line.category.0, line.description.clone(), amount(line.amount)?)));
    let places = project.shares.iter().filter(|one| one.dimension.0 == ShareDimension::Place);
    Ok(Terms {
        ends_on: row.ends_on,
        budget: amount(row.budget)?,
        lines: lines.collect::<Result<_, Fault>>()?,
        implementer: row.implementer_kind.zip(row.supplier_id).map(|(kind, supplier)| (kind.0, supplier.0)),
        places: places.map(|one| Ok((one.term.clone(), share(one.bps)?))).collect::<Result<_, Fault>>()?,
        objective: row.objective.clone(),
    })
}

type Line = (i32, String, Col<BudgetCategory>, String, i64);

/// The amendments of a project, the first first.
pub fn amendments_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<Amendment>, Fault> {
    let rows: Vec<AmendmentRow> = project_amendments::table
        .filter(project_amendments::organisation_id.eq(Col(scope.organisation)))
        .filter(project_amendments::project_id.eq(Col(project)))
        .order(project_amendments::number)
        .select(AmendmentRow::as_select())
        .load(conn)?;
    let lines: Vec<Line> = amendment_lines::table
        .filter(amendment_lines::organisation_id.eq(Col(scope.organisation)))
        .filter(amendment_lines::project_id.eq(Col(project)))
        .order((amendment_lines::amendment_number, amendment_lines::side, amendment_lines::number))
        .select((
            amendment_lines::amendment_number,
            amendment_lines::side,
            amendment_lines::category,
            amendment_lines::description,
            amendment_lines::amount,
        ))
        .load(conn)?;
    let places: Vec<(i32, String, String, i32)> = amendment_places::table
        .filter(amendment_places::organisation_id.eq(Col(scope.organisation)))
        .filter(amendment_places::project_id.eq(Col(project)))
        .select((amendment_places::amendment_number, amendment_places::side, amendment_places::term, amendment_places::bps))
        .load(conn)?;
    let lines_of = |number: i32, side: &str| -> Result<Vec<(BudgetCategory, String, Amount)>, Fault> {
        let mine = lines.iter().filter(|(of, on, ..)| *of == number && on == side);
        mine.map(|(_, _, category, description, minor)| Ok((category.0, description.clone(), amount(*minor)?))).collect()
    };
    let places_of = |number: i32, side: &str| -> Result<BTreeMap<String, u32>, Fault> {
        let mine = places.iter().filter(|(of, on, ..)| *of == number && on == side);
        mine.map(|(_, _, term, bps)| Ok((term.clone(), share(*bps)?))).collect()
    };
    let whole = |row: AmendmentRow| {
        let before = Terms {
            ends_on: row.ends_on_before,
            budget: amount(row.budget_before)?,
            lines: lines_of(row.number, BEFORE)?,
            implementer: row.implementer_kind_before.zip(row.supplier_id_before).map(|(kind, supplier)| (kind.0, supplier.0)),
            places: places_of(row.number, BEFORE)?,
            objective: row.objective_before.clone(),
        };
        let after = Terms {
            ends_on: row.ends_on_after,
            budget: amount(row.budget_after)?,
            lines: lines_of(row.number, AFTER)?,
            implementer: row.implementer_kind_after.zip(row.supplier_id_after).map(|(kind, supplier)| (kind.0, supplier.0)),
            places: places_of(row.number, AFTER)?,
            objective: row.objective_after.clone(),
        };
        Ok(Amendment { row, before, after })
    };
    rows.into_iter().map(whole).collect()
}

/// Records an amendment that is asked for; gives its number. There is one at a time.
pub fn insert_amendment(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewAmendment) -> Result<i32, Fault> {
    let scope = tx.all();
    let last = amendments_of(tx.conn, &scope, row.id.0)?.pop();
    let number = last.as_ref().map_or(1, |last| last.row.number + 1);
    let (before, after) = (&new.before, &new.after);
    diesel::insert_into(project_amendments::table)
        .values((
            project_amendments::organisation_id.eq(row.organisation_id),
            project_amendments::project_id.eq(row.id),
            project_amendments::number.eq(number),
            project_amendments::kind.eq(Col(new.kind)),
            project_amendments::state.eq(Col(AmendmentState::Proposed)),
            project_amendments::requested_on.eq(new.requested_on),
            project_amendments::reason.eq(&new.reason),
            project_amendments::waiver_reference.eq(new.waiver_reference.as_deref()),
            project_amendments::makes_check_stale.eq(new.makes_check_stale),
            project_amendments::ends_on_before.eq(before.ends_on),
            project_amendments::ends_on_after.eq(after.ends_on),
            project_amendments::budget_before.eq(before.budget.minor()),
            project_amendments::budget_after.eq(after.budget.minor()),
            project_amendments::objective_before.eq(&before.objective),
            project_amendments::objective_after.eq(&after.objective),
            project_amendments::implementer_kind_before.eq(before.implementer.map(|one| Col(one.0))),
            project_amendments::supplier_id_before.eq(before.implementer.map(|one| Col(one.1))),
            project_amendments::implementer_kind_after.eq(after.implementer.map(|one| Col(one.0))),
            project_amendments::supplier_id_after.eq(after.implementer.map(|one| Col(one.1))),
            project_amendments::recorded_by.eq(Col(new.recorded_by)),
            project_amendments::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| {
            let state = last.map_or(AmendmentState::Proposed, |last| last.row.state.0);
            Fault::from(error).taken(|| AMENDMENT_STATE_INVALID.refuse().with("state", state))
        })?;
    for (side, terms) in [(BEFORE, before), (AFTER, after)] {
        for (line, (category, description, amount)) in (1_i32..).zip(&terms.lines) {
            diesel::insert_into(amendment_lines::table)
                .values((
                    amendment_lines::organisation_id.eq(row.organisation_id),
                    amendment_lines::project_id.eq(row.id),
                    amendment_lines::amendment_number.eq(number),
                    amendment_lines::side.eq(side),
                    amendment_lines::number.eq(line),
                    amendment_lines::category.eq(Col(*category)),
                    amendment_lines::description.eq(description),
                    amendment_lines::amount.eq(amount.minor()),
                ))
                .execute(tx.conn)?;
        }
        for (term, bps) in &terms.places {
            diesel::insert_into(amendment_places::table)
                .values((
                    amendment_places::organisation_id.eq(row.organisation_id),
                    amendment_places::project_id.eq(row.id),
                    amendment_places::amendment_number.eq(number),
                    amendment_places::side.eq(side),
                    amendment_places::term.eq(term),
                    amendment_places::bps.eq(i32::try_from(*bps).unwrap_or_default()),
                ))
                .execute(tx.conn)?;
        }
    }
    Ok(number)
}

/// A step of an amendment, with what it leaves behind.
#[derive(Clone, Debug)]
pub enum AmendmentStep {
    Reviewed,
    /// The state, and the reference and the day of the minutes.
    Decided(AmendmentState, Option<(String, NaiveDate)>),
    Applied,
}

/// Stores a step of an amendment.
pub fn move_amendment(tx: &mut Tx<'_>, row: &ProjectRow, number: i32, step: &AmendmentStep, by: PrincipalId) -> Result<(), Fault> {
    let amendment = project_amendments::table
        .filter(project_amendments::organisation_id.eq(row.organisation_id))
        .filter(project_amendments::project_id.eq(row.id))
        .filter(project_amendments::number.eq(number));
    match step {
        AmendmentStep::Reviewed => diesel::update(amendment)
            .set((
                project_amendments::state.eq(Col(AmendmentState::Reviewed)),
                project_amendments::reviewed_by.eq(Some(Col(by))),
                project_amendments::reviewed_on.eq(Some(tx.today())),
            ))
            .execute(tx.conn)?,
        AmendmentStep::Decided(state, minutes) => diesel::update(amendment)
            .set((
                project_amendments::state.eq(Col(*state)),
                project_amendments::decided_by.eq(Some(Col(by))),
                project_amendments::decided_on.eq(Some(tx.today())),
                project_amendments::minutes_reference.eq(minutes.as_ref().map(|one| one.0.as_str())),
                project_amendments::minutes_on.eq(minutes.as_ref().map(|one| one.1)),
            ))
            .execute(tx.conn)?,
        AmendmentStep::Applied => diesel::update(amendment)
            .set((
                project_amendments::state.eq(Col(AmendmentState::Applied)),
                project_amendments::applied_by.eq(Some(Col(by))),
                project_amendments::applied_at.eq(Some(Col(tx.now()))),
            ))
            .execute(tx.conn)?,
    };
    Ok(())
}

/// Puts amended terms in the place of those of a project.
pub fn apply_terms(tx: &mut Tx<'_>, row: &ProjectRow, terms: &Terms) -> Result<(), Fault> {
    let (owner, id) = (row.organisation_id, row.id);
    diesel::update(projects::table.filter(projects::organisation_id.eq(owner)).filter(projects::id.eq(id)))
        .set((
            projects::ends_on.eq(terms.ends_on),
            projects::budget.eq(terms.budget.minor()),
            projects::objective.eq(&terms.objective),
            projects::implementer_kind.eq(terms.implementer.map(|one| Col(one.0))),
            projects::supplier_id.eq(terms.implementer.map(|one| Col(one.1))),
        ))
        .execute(tx.conn)?;
    let lines =
        project_budget_lines::table.filter(project_budget_lines::organisation_id.eq(owner)).filter(project_budget_lines::project_id.eq(id));
    diesel::delete(lines).execute(tx.conn)?;
    let places = project_shares::table
        .filter(project_shares::organisation_id.eq(owner))
        .filter(project_shares::project_id.eq(id))
        .filter(project_shares::dimension.eq(Col(ShareDimension::Place)));
    diesel::delete(places).execute(tx.conn)?;
    for (number, (category, description, amount)) in (1_i32..).zip(&terms.lines) {
        diesel::insert_into(project_budget_lines::table)
            .values((
                project_budget_lines::organisation_id.eq(owner),
                project_budget_lines::project_id.eq(id),
                project_budget_lines::number.eq(number),
                project_budget_lines::category.eq(Col(*category)),
                project_budget_lines::description.eq(description),
                project_budget_lines::amount.eq(amount.minor()),
            ))
            .execute(tx.conn)?;
    }
    for (term, bps) in &terms.places {
        diesel::insert_into(project_shares::table)
            .values((
                project_shares::organisation_id.eq(owner),
                project_shares::project_id.eq(id),
                project_shares::dimension.eq(Col(ShareDimension::Place)),
                project_shares::term.eq(term),
                project_shares::bps.eq(i32::try_from(*bps).unwrap_or_default()),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// When an amendment last changed what a check of sensitivity to the conflict rests on.
pub fn check_stale_since(conn: &mut Conn, row: &ProjectRow) -> Result<Option<DateTime<Utc>>, Fault> {
    let last: Option<Option<Col<DateTime<Utc>>>> = project_amendments::table
        .filter(project_amendments::organisation_id.eq(row.organisation_id))
        .filter(project_amendments::project_id.eq(row.id))
        .filter(project_amendments::makes_check_stale.eq(true))
        .filter(project_amendments::applied_at.is_not_null())
        .order(project_amendments::number.desc())
        .select(project_amendments::applied_at)
        .first(conn)
        .optional()?;
    Ok(last.flatten().map(|at| at.0))
}
