//! What others found of a project: duties, interests, similar projects, appraisals, checks of its sensitivity to the conflict.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use diesel::prelude::*;
use domain::fund::LineUse;
use domain::id::{ConflictCheckId, FundPurposeId, PrincipalId, ProjectId, TerritorialUnitId};
use domain::programme::Instrument;
use domain::project::check::{CheckAnswer, CheckResult};
use domain::project::duty::{Duty, kept_apart, take};
use domain::project::guard::{Opinion, ShareDimension};
use domain::project::overlap::OverlapDisposition;
use domain::project::{APPRAISAL_DUPLICATE, INTEREST_DECLARED, ProjectState};
use domain::sensitivity::Scope;
use domain::territory::TerritorialLevel;
use domain::word::Word;

use super::filter::descendants;
use super::{Project, ProjectRow};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::purpose::lineage;
use crate::schema::{
    conflict_check_answers, conflict_checks, incompatible_duties, project_appraisals, project_duties, project_interests, project_overlaps,
    project_shares, projects, territorial_units,
};
use crate::store::Tx;
use crate::visible;

/// Loads the pairs of duties that are kept apart and not there yet; says how many.
pub fn load(conn: &mut Conn) -> Result<usize, Fault> {
    let mut loaded = 0;
    let known: Vec<(Col<Duty>, Col<Duty>)> =
        incompatible_duties::table.select((incompatible_duties::duty, incompatible_duties::other)).load(conn)?;
    for (duty, other) in kept_apart().filter(|(duty, other)| !known.contains(&(Col(*duty), Col(*other)))) {
        loaded += diesel::insert_into(incompatible_duties::table)
            .values((incompatible_duties::duty.eq(Col(duty)), incompatible_duties::other.eq(Col(other))))
            .execute(conn)?;
    }
    Ok(loaded)
}

/// Gives someone a duty on a project, unless they have one that is kept apart from it.
pub fn take_duty(tx: &mut Tx<'_>, project: ProjectId, by: PrincipalId, duty: Duty) -> Result<(), Fault> {
    let scope = tx.all();
    let held = duties_of(tx.conn, &scope, project, by)?;
    take(duty, &held)?;
    if !held.contains(&duty) {
        diesel::insert_into(project_duties::table)
            .values((
                project_duties::organisation_id.eq(Col(tx.organisation)),
                project_duties::project_id.eq(Col(project)),
                project_duties::principal_id.eq(Col(by)),
                project_duties::duty.eq(Col(duty)),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

pub fn insert_interest(tx: &mut Tx<'_>, project: ProjectId, by: PrincipalId, reason: &str) -> Result<(), Fault> {
    diesel::insert_into(project_interests::table)
        .values((
            project_interests::organisation_id.eq(Col(tx.organisation)),
            project_interests::project_id.eq(Col(project)),
            project_interests::principal_id.eq(Col(by)),
            project_interests::reason.eq(reason),
            project_interests::declared_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| INTEREST_DECLARED.refuse()))?;
    Ok(())
}

/// The duties that someone has on a project.
pub fn duties_of(conn: &mut Conn, scope: &Scope, project: ProjectId, who: PrincipalId) -> Result<Vec<Duty>, Fault> {
    let held: Vec<Col<Duty>> = project_duties::table
        .filter(project_duties::organisation_id.eq(Col(scope.organisation)))
        .filter(project_duties::project_id.eq(Col(project)))
        .filter(project_duties::principal_id.eq(Col(who)))
        .select(project_duties::duty)
        .load(conn)?;
    Ok(held.into_iter().map(|duty| duty.0).collect())
}

/// Whether someone declared an interest in a project.
pub fn is_interested(conn: &mut Conn, scope: &Scope, project: ProjectId, who: PrincipalId) -> Result<bool, Fault> {
    let found: i64 = project_interests::table
        .filter(project_interests::organisation_id.eq(Col(scope.organisation)))
        .filter(project_interests::project_id.eq(Col(project)))
        .filter(project_interests::principal_id.eq(Col(who)))
        .count()
        .get_result(conn)?;
    Ok(found > 0)
}

/// A project that is similar to another, and what was found of it, if anybody looked.
#[derive(Clone, Debug)]
pub struct Overlap {
    pub other: ProjectRow,
    /// Both last while the other does.
    pub at_once: bool,
    /// Both are of one instrument and one implementer, in one commune and sector, and begin within the days that the rules tell.
    pub of_one_hand: bool,
    pub disposition: Option<OverlapDisposition>,
    pub reason: Option<String>,
}

/// The shares of a project in a dimension, as terms.
fn terms(project: &Project, dimension: ShareDimension) -> Vec<String> {
    project.shares.iter().filter(|share| share.dimension.0 == dimension).map(|share| share.term.clone()).collect()
}

/// The projects that have a share of one of these terms.
fn sharing(conn: &mut Conn, row: &ProjectRow, dimension: ShareDimension, terms: &[String]) -> Result<BTreeSet<Col<ProjectId>>, Fault> {
    let shared: Vec<Col<ProjectId>> = project_shares::table
        .filter(project_shares::organisation_id.eq(row.organisation_id))
        .filter(project_shares::dimension.eq(Col(dimension)))
        .filter(project_shares::term.eq_any(terms))
        .select(project_shares::project_id)
        .distinct()
        .load(conn)?;
    Ok(shared.into_iter().collect())
}

/// The places of a project with all that lies in the same communes; above communes, the places alone.
fn communes_around(conn: &mut Conn, places: &[String]) -> Result<Vec<String>, Fault> {
    let mut around: BTreeSet<String> = places.iter().cloned().collect();
    for place in places.iter().filter_map(|place| place.parse().ok()).map(TerritorialUnitId) {
        let lineage: Vec<Col<TerritorialUnitId>> = lineage(conn, Col(place))?.into_iter().map(Col).collect();
        let communes: Vec<Col<TerritorialUnitId>> = territorial_units::table
            .filter(territorial_units::id.eq_any(lineage))
            .filter(territorial_units::level.eq(Col(TerritorialLevel::Commune)))
            .select(territorial_units::id)
            .load(conn)?;
        for commune in communes {
            around.extend(descendants(conn, commune.0)?);
        }
    }
    Ok(around.into_iter().collect())
}

/// Projects that share a place and a sector with one while both last, or that look like parts of one that was split: of one instrument and
/// one implementer, in one commune and sector, beginning within so many days of one another. None was given up or merely drafted. Of those
/// above the caller's clearance nothing is told: whoever decides has to be cleared for them.
pub fn overlaps_of(conn: &mut Conn, scope: &Scope, project: &Project, splitting_days: Option<u32>) -> Result<Vec<Overlap>, Fault> {
    let row = &project.row;
    let aside = [ProjectState::Draft, ProjectState::Rejected, ProjectState::Withdrawn, ProjectState::Cancelled].map(Col);
    let places = terms(project, ShareDimension::Place);
    let of_sector = sharing(conn, row, ShareDimension::Sector, &terms(project, ShareDimension::Sector))?;
    let here: Vec<Col<ProjectId>> = sharing(conn, row, ShareDimension::Place, &places)?.intersection(&of_sector).copied().collect();
    let others: Vec<ProjectRow> = visible!(projects, scope)
        .filter(projects::id.eq_any(here))
        .filter(projects::id.ne(row.id))
        .filter(projects::state.ne_all(aside))
        .filter(projects::starts_on.le(row.ends_on))
        .filter(projects::ends_on.ge(row.starts_on))
        .select(ProjectRow::as_select())
        .load(conn)?;
    let similar = |other, at_once| Overlap { other, at_once, of_one_hand: false, disposition: None, reason: None };
    let mut found: BTreeMap<Col<ProjectId>, Overlap> = others.into_iter().map(|other| (other.id, similar(other, true))).collect();
    let window = splitting_days.map(|days| Days::new(days.into())).zip(row.supplier_id);
    if let Some((first, last, supplier)) =
        window.and_then(|(days, by)| Some((row.starts_on.checked_sub_days(days)?, row.starts_on.checked_add_days(days)?, by)))
    {
        let by_one: Vec<ProjectRow> = visible!(projects, scope)
            .filter(projects::supplier_id.eq(supplier))
            .filter(projects::starts_on.between(first, last))
            .filter(projects::instrument.eq(row.instrument))
            .filter(projects::id.ne(row.id))
            .filter(projects::state.ne_all(aside))
            .select(ProjectRow::as_select())
            .load(conn)?;
        let around = if by_one.is_empty() { Vec::new() } else { communes_around(conn, &places)? };
        let near = sharing(conn, row, ShareDimension::Place, &around)?;
        for other in by_one.into_iter().filter(|other| near.contains(&other.id) && of_sector.contains(&other.id)) {
            found.entry(other.id).or_insert_with(|| similar(other, false)).of_one_hand = true;
        }
    }
    let reviewed: Vec<(Col<ProjectId>, Col<OverlapDisposition>, String)> = project_overlaps::table
        .filter(project_overlaps::organisation_id.eq(row.organisation_id))
        .filter(project_overlaps::project_id.eq(row.id))
        .order((project_overlaps::other_id, project_overlaps::number))
        .select((project_overlaps::other_id, project_overlaps::disposition, project_overlaps::reason))
        .load(conn)?;
    // The last finding holds.
    for (other, disposition, reason) in reviewed {
        if let Some(overlap) = found.get_mut(&other) {
            (overlap.disposition, overlap.reason) = (Some(disposition.0), Some(reason));
        }
    }
    Ok(found.into_values().collect())
}

/// Keeps what was found of a similar project, after everything that was found of it before.
pub fn insert_overlap(
    tx: &mut Tx<'_>,
    project: ProjectId,
    other: ProjectId,
    (disposition, reason): (OverlapDisposition, &str),
    by: PrincipalId,
) -> Result<(), Fault> {
    let last: Option<i32> = project_overlaps::table
        .filter(project_overlaps::organisation_id.eq(Col(tx.organisation)))
        .filter(project_overlaps::project_id.eq(Col(project)))
        .filter(project_overlaps::other_id.eq(Col(other)))
        .order(project_overlaps::number.desc())
        .select(project_overlaps::number)
        .first(tx.conn)
        .optional()?;
    diesel::insert_into(project_overlaps::table)
        .values((
            project_overlaps::organisation_id.eq(Col(tx.organisation)),
            project_overlaps::project_id.eq(Col(project)),
            project_overlaps::other_id.eq(Col(other)),
            project_overlaps::number.eq(last.unwrap_or(0) + 1),
            project_overlaps::disposition.eq(Col(disposition)),
            project_overlaps::reason.eq(reason),
            project_overlaps::reviewed_by.eq(Col(by)),
            project_overlaps::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn insert_appraisal(tx: &mut Tx<'_>, row: &ProjectRow, by: PrincipalId, opinion: Opinion, comment: &str) -> Result<(), Fault> {
    diesel::insert_into(project_appraisals::table)
        .values((
            project_appraisals::organisation_id.eq(row.organisation_id),
            project_appraisals::project_id.eq(row.id),
            project_appraisals::submission.eq(row.submission),
            project_appraisals::appraised_by.eq(Col(by)),
            project_appraisals::opinion.eq(Col(opinion)),
            project_appraisals::comment.eq(comment),
            project_appraisals::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| APPRAISAL_DUPLICATE.refuse()))?;
    Ok(())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_appraisals)]
pub struct AppraisalRow {
    pub submission: i32,
    pub appraised_by: Col<PrincipalId>,
    pub opinion: Col<Opinion>,
    pub comment: String,
    pub recorded_at: crate::fund::RecordedAt,
}

/// Every appraisal of a project, the first first.
pub fn appraisals_of(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<Vec<AppraisalRow>, Fault> {
    Ok(project_appraisals::table
        .filter(project_appraisals::organisation_id.eq(Col(scope.organisation)))
        .filter(project_appraisals::project_id.eq(Col(project)))
        .order((project_appraisals::submission, project_appraisals::recorded_at, project_appraisals::appraised_by))
        .select(AppraisalRow::as_select())
        .load(conn)?)
}

/// What appraisals of the present submission advise.
pub fn opinions_of(conn: &mut Conn, row: &ProjectRow) -> Result<Vec<Opinion>, Fault> {
    let found: Vec<Col<Opinion>> = project_appraisals::table
        .filter(project_appraisals::organisation_id.eq(row.organisation_id))
        .filter(project_appraisals::project_id.eq(row.id))
        .filter(project_appraisals::submission.eq(row.submission))
        .select(project_appraisals::opinion)
        .load(conn)?;
    Ok(found.into_iter().map(|opinion| opinion.0).collect())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = conflict_checks)]
pub struct ConflictCheckRow {
    pub id: Col<ConflictCheckId>,
    pub submission: i32,
    pub assessed_on: NaiveDate,
    pub analysed_on: NaiveDate,
    pub valid_until: NaiveDate,
    pub result: Col<CheckResult>,
    pub assessed_by: Col<PrincipalId>,
    pub recorded_at: crate::fund::RecordedAt,
}

/// A new check; answers by question, risk and what is done about it.
#[derive(Clone, Debug)]
pub struct NewCheck {
    pub id: ConflictCheckId,
    pub assessed_on: NaiveDate,
    pub analysed_on: NaiveDate,
    pub valid_until: NaiveDate,
    pub result: CheckResult,
    pub answers: Vec<(String, i32, Option<String>)>,
    pub assessed_by: PrincipalId,
}

pub fn insert_check(tx: &mut Tx<'_>, row: &ProjectRow, new: &NewCheck) -> Result<(), Fault> {
    diesel::insert_into(conflict_checks::table)
        .values((
            conflict_checks::organisation_id.eq(row.organisation_id),
            conflict_checks::id.eq(Col(new.id)),
            conflict_checks::project_id.eq(row.id),
            conflict_checks::submission.eq(row.submission),
            conflict_checks::assessed_on.eq(new.assessed_on),
            conflict_checks::analysed_on.eq(new.analysed_on),
            conflict_checks::valid_until.eq(new.valid_until),
            conflict_checks::result.eq(Col(new.result)),
            conflict_checks::assessed_by.eq(Col(new.assessed_by)),
            conflict_checks::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    for (question, risk, mitigation) in &new.answers {
        diesel::insert_into(conflict_check_answers::table)
            .values((
                conflict_check_answers::organisation_id.eq(row.organisation_id),
                conflict_check_answers::check_id.eq(Col(new.id)),
                conflict_check_answers::question.eq(question),
                conflict_check_answers::risk.eq(*risk),
                conflict_check_answers::mitigation.eq(mitigation.as_deref()),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The last check of a project, with its answers.
pub fn last_check(conn: &mut Conn, row: &ProjectRow) -> Result<Option<(ConflictCheckRow, Vec<CheckAnswer>)>, Fault> {
    let check: Option<ConflictCheckRow> = conflict_checks::table
        .filter(conflict_checks::organisation_id.eq(row.organisation_id))
        .filter(conflict_checks::project_id.eq(row.id))
        .order((conflict_checks::recorded_at.desc(), conflict_checks::id.desc()))
        .select(ConflictCheckRow::as_select())
        .first(conn)
        .optional()?;
    let Some(check) = check else { return Ok(None) };
    let answers: Vec<(String, i32, Option<String>)> = conflict_check_answers::table
        .filter(conflict_check_answers::organisation_id.eq(row.organisation_id))
        .filter(conflict_check_answers::check_id.eq(check.id))
        .order(conflict_check_answers::question)
        .select((conflict_check_answers::question, conflict_check_answers::risk, conflict_check_answers::mitigation))
        .load(conn)?;
    let answer = |(question, risk, mitigation): (String, i32, Option<String>)| CheckAnswer {
        question,
        risk: u32::try_from(risk).unwrap_or(u32::MAX),
        mitigated: mitigation.is_some(),
    };
    Ok(Some((check, answers.into_iter().map(answer).collect())))
}

/// What a fund set aside for a project and did not take back, in the currency of the fund.
pub fn allocated_to(conn: &mut Conn, scope: &Scope, purpose: FundPurposeId) -> Result<i64, Fault> {
    let allocations = crate::fund::allocation::allocations_of(conn, scope, purpose)?;
    let uses = allocations.iter().flat_map(|allocation| &allocation.lines).map(|line| line.line_use());
    Ok(uses.map(|used: LineUse| used.amount).sum())
}

/// What other projects of these instruments were approved for in a currency, given up or not above any clearance: a ceiling counts all.
pub fn approved_for(conn: &mut Conn, row: &ProjectRow, instruments: &[Instrument]) -> Result<i64, Fault> {
    let classes: Vec<Col<ProjectState>> =
        ProjectState::ALL.iter().copied().filter(|state| state.class().is_some() && *state != ProjectState::Cancelled).map(Col).collect();
    let wanted: Vec<Col<Instrument>> = instruments.iter().copied().map(Col).collect();
    let budgets: Vec<i64> = projects::table
        .filter(projects::organisation_id.eq(row.organisation_id))
        .filter(projects::instrument.eq_any(wanted))
        .filter(projects::state.eq_any(classes))
        .filter(projects::id.ne(row.id))
        .filter(projects::currency.eq(&row.currency))
        .select(projects::budget)
        .load(conn)?;
    Ok(budgets.into_iter().sum())
}
