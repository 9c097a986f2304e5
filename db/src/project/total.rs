//! What projects add up to, summed by the database.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use domain::fund::FundMovementKind;
use domain::id::{DonorId, FundPurposeId, ProgrammeId, ProjectId, SupplierId, TerritorialUnitId};
use domain::programme::Instrument;
use domain::project::ProjectState;
use domain::project::guard::ShareDimension;
use domain::project::total::{Group, ProjectGrouping, whole};
use domain::sensitivity::Scope;
use domain::territory::TerritorialLevel;
use domain::word::Word;

use super::filter::{LEVELS, ProjectFilter, Terms, narrowed};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{
    contributions, donors, fund_movements, funds, programmes, project_recipients, project_shares, projects, suppliers, territorial_parents,
    territorial_units,
};
use crate::visible;

/// A currency with the term of a group.
pub type Key = (String, Option<String>);

/// Sums of budgets, in two parts that each fit into a big integer however many there are.
const COUNT: &str = "COUNT(*)";
const HIGH: &str = "CAST(SUM(projects.budget / 1000000000) AS BIGINT)";
const LOW: &str = "CAST(SUM(projects.budget % 1000000000) AS BIGINT)";
const SHARED_HIGH: &str = "CAST(SUM(projects.budget / 1000000000 * project_shares.bps) AS BIGINT)";
const SHARED_LOW: &str = "CAST(SUM(projects.budget % 1000000000 * project_shares.bps) AS BIGINT)";

const OF_PROJECT_SHARES: &str =
    "FROM project_shares one WHERE one.organisation_id = projects.organisation_id AND one.project_id = projects.id";
const OF_PROJECT_RECIPIENTS: &str =
    "FROM project_recipients one WHERE one.organisation_id = projects.organisation_id AND one.project_id = projects.id";

const PART_HIGH: &str = "CAST(SUM(project_recipients.part / 1000000000) AS BIGINT)";
const PART_LOW: &str = "CAST(SUM(project_recipients.part % 1000000000) AS BIGINT)";

fn joined((high, low): (i64, i64)) -> i128 {
    i128::from(high) * 1_000_000_000 + i128::from(low)
}

/// Groups that were told piece by piece.
#[derive(Default)]
struct Groups(BTreeMap<Key, (i64, i128)>);

impl Groups {
    fn add(&mut self, key: Key, projects: i64, parts: i128) {
        let group = self.0.entry(key).or_default();
        group.0 += projects;
        group.1 += parts;
    }

    fn told(self) -> Vec<Group<Key>> {
        self.0.into_iter().map(|(key, (projects, parts))| Group { key, projects, parts }).collect()
    }
}

/// The groups of the projects that a filter finds. Where projects are shared out, what they left out has no term.
pub fn total_projects(
    conn: &mut Conn,
    scope: &Scope,
    filter: &ProjectFilter,
    by: ProjectGrouping,
    on: NaiveDate,
) -> Result<Vec<Group<Key>>, Fault> {
    use ProjectGrouping as By;
    match by {
        By::Instrument | By::State | By::StateClass | By::Programme => by_kind(conn, scope, filter, by),
        By::Year => by_year(conn, scope, filter),
        By::Region | By::Cercle | By::Commune | By::Sector | By::Country => by_share(conn, scope, filter, by, on),
        By::Recipient => by_recipient(conn, scope, filter),
        By::Donor => by_donor(conn, scope, filter),
    }
}

fn by_kind(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter, by: ProjectGrouping) -> Result<Vec<Group<Key>>, Fault> {
    type Sum = (String, Col<Instrument>, Col<ProjectState>, Option<Col<ProgrammeId>>, i64, i64, i64);
    let terms = Terms::load(conn, scope, filter)?;
    let mut query = visible!(projects, scope)
        .group_by((projects::currency, projects::instrument, projects::state, projects::programme_id))
        .select((
            projects::currency,
            projects::instrument,
            projects::state,
            projects::programme_id,
            sql::<BigInt>(COUNT),
            sql::<BigInt>(HIGH),
            sql::<BigInt>(LOW),
        ))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    let sums: Vec<Sum> = query.load(conn)?;
    let mut groups = Groups::default();
    for (currency, instrument, state, programme, count, high, low) in sums {
        let term = match by {
            ProjectGrouping::Instrument => Some(instrument.0.as_str().to_owned()),
            ProjectGrouping::State => Some(state.0.as_str().to_owned()),
            ProjectGrouping::StateClass => state.0.class().map(|class| class.as_str().to_owned()),
            _ => programme.map(|id| id.0.to_string()),
        };
        groups.add((currency, term), count, whole(joined((high, low))));
    }
    Ok(groups.told())
}

fn by_year(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter) -> Result<Vec<Group<Key>>, Fault> {
    let terms = Terms::load(conn, scope, filter)?;
    let mut query = visible!(projects, scope)
        .group_by((projects::currency, projects::starts_on))
        .select((projects::currency, projects::starts_on, sql::<BigInt>(COUNT), sql::<BigInt>(HIGH), sql::<BigInt>(LOW)))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    let sums: Vec<(String, NaiveDate, i64, i64, i64)> = query.load(conn)?;
    let mut groups = Groups::default();
    for (currency, day, count, high, low) in sums {
        groups.add((currency, Some(day.year().to_string())), count, whole(joined((high, low))));
    }
    Ok(groups.told())
}

/// What shares come to, and what is left of the budgets beside them.
fn by_share(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter, by: ProjectGrouping, on: NaiveDate) -> Result<Vec<Group<Key>>, Fault> {
    let dimension = match by {
        ProjectGrouping::Sector => ShareDimension::Sector,
        ProjectGrouping::Country => ShareDimension::Country,
        _ => ShareDimension::Place,
    };
    let terms = Terms::load(conn, scope, filter)?;
    let mut query = visible!(projects, scope)
        .inner_join(
            project_shares::table
                .on(project_shares::organisation_id.eq(projects::organisation_id).and(project_shares::project_id.eq(projects::id))),
        )
        .filter(project_shares::dimension.eq(Col(dimension)))
        .group_by((projects::currency, project_shares::term))
        .select((projects::currency, project_shares::term, sql::<BigInt>(COUNT), sql::<BigInt>(SHARED_HIGH), sql::<BigInt>(SHARED_LOW)))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    let sums: Vec<(String, String, i64, i64, i64)> = query.load(conn)?;
    let above = match by {
        ProjectGrouping::Sector | ProjectGrouping::Country => None,
        ProjectGrouping::Region => Some(ancestors(conn, &sums, &[TerritorialLevel::Region, TerritorialLevel::District], on)?),
        ProjectGrouping::Cercle => Some(ancestors(conn, &sums, &[TerritorialLevel::Cercle], on)?),
        _ => Some(ancestors(conn, &sums, &[TerritorialLevel::Commune], on)?),
    };
    let group_of = |term: &str| match &above {
        None => Some(term.to_owned()),
        Some(above) => above.get(term).map(ToString::to_string),
    };
    let (mut groups, mut nowhere) = (Groups::default(), Vec::new());
    let mut beside = budgets(conn, scope, filter)?;
    for (currency, term, count, high, low) in sums {
        let parts = joined((high, low));
        if let Some(left) = beside.get_mut(&currency) {
            *left -= parts;
        }
        let group = group_of(&term);
        groups.add((currency, group.clone()), count, parts);
        if group.is_none() {
            nowhere.push(term);
        }
    }
    if above.is_some() {
        for ((key, _), shares) in shares_together(conn, scope, filter, group_of)? {
            groups.add(key, 1 - shares, 0);
        }
    }
    let mut rest = format!("10000 <> (SELECT COALESCE(SUM(one.bps), 0) {OF_PROJECT_SHARES} AND one.dimension = '{dimension}')");
    if !nowhere.is_empty() {
        // Whoever has a share in no unit of the level is counted already among what has no term. Terms of places are ids.
        let ids: Vec<String> =
            nowhere.iter().filter_map(|term| term.parse().ok()).map(|id| format!("'{}'", TerritorialUnitId(id))).collect();
        let told = format!("{OF_PROJECT_SHARES} AND one.dimension = '{dimension}' AND one.term IN ({})", ids.join(", "));
        rest = format!("{rest} AND NOT EXISTS (SELECT 1 {told})");
    }
    add_rest(conn, scope, filter, (&mut groups, beside), &rest)?;
    Ok(groups.told())
}

/// How many shares of one project lie in one group, where it has several shares of places: it is one project of the group.
fn shares_together(
    conn: &mut Conn,
    scope: &Scope,
    filter: &ProjectFilter,
    group_of: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<(Key, Col<ProjectId>), i64>, Fault> {
    let dimension = ShareDimension::Place;
    let terms = Terms::load(conn, scope, filter)?;
    let several = format!("EXISTS (SELECT 1 {OF_PROJECT_SHARES} AND one.dimension = '{dimension}' AND one.term <> project_shares.term)");
    let mut query = visible!(projects, scope)
        .inner_join(
            project_shares::table
                .on(project_shares::organisation_id.eq(projects::organisation_id).and(project_shares::project_id.eq(projects::id))),
        )
        .filter(project_shares::dimension.eq(Col(dimension)))
        .filter(sql::<Bool>(&several))
        .select((projects::id, projects::currency, project_shares::term))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    let shares: Vec<(Col<ProjectId>, String, String)> = query.load(conn)?;
    let mut together = BTreeMap::new();
    for (project, currency, term) in shares {
        *together.entry(((currency, group_of(&term)), project)).or_default() += 1;
    }
    Ok(together)
}

/// The projects that leave something beside their parts, by currency.
fn projects_with(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter, rest: &str) -> Result<BTreeMap<String, i64>, Fault> {
    let terms = Terms::load(conn, scope, filter)?;
    let mut query = visible!(projects, scope)
        .filter(sql::<Bool>(rest))
        .group_by(projects::currency)
        .select((projects::currency, sql::<BigInt>(COUNT)))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    let counts: Vec<(String, i64)> = query.load(conn)?;
    Ok(counts.into_iter().collect())
}

/// Adds the group of what has no term: what is left of the budgets, and of how many projects. They are counted where something is left.
fn add_rest(
    conn: &mut Conn,
    scope: &Scope,
    filter: &ProjectFilter,
    (groups, beside): (&mut Groups, BTreeMap<String, i128>),
    rest: &str,
) -> Result<(), Fault> {
    let left: Vec<(String, i128)> = beside.into_iter().filter(|(_, left)| *left != 0).collect();
    let projects = if left.is_empty() { BTreeMap::new() } else { projects_with(conn, scope, filter, rest)? };
    for (currency, left) in left {
        let count = projects.get(&currency).copied().unwrap_or(0);
        groups.add((currency, None), count, left);
    }
    Ok(())
}

/// The parts of recipients, and what is left of the budgets beside them.
fn by_recipient(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter) -> Result<Vec<Group<Key>>, Fault> {
    let terms = Terms::load(conn, scope, filter)?;
    let mut query = visible!(projects, scope)
        .inner_join(
            project_recipients::table
                .on(project_recipients::organisation_id.eq(projects::organisation_id).and(project_recipients::project_id.eq(projects::id))),
        )
        .group_by((projects::currency, project_recipients::supplier_id))
        .select((
            projects::currency,
            project_recipients::supplier_id,
            sql::<BigInt>(COUNT),
            sql::<BigInt>(PART_HIGH),
            sql::<BigInt>(PART_LOW),
        ))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    let sums: Vec<(String, Col<SupplierId>, i64, i64, i64)> = query.load(conn)?;
    let mut groups = Groups::default();
    let mut beside = budgets(conn, scope, filter)?;
    for (currency, recipient, count, high, low) in sums {
        let parts = whole(joined((high, low)));
        if let Some(left) = beside.get_mut(&currency) {
            *left -= parts;
        }
        groups.add((currency, Some(recipient.0.to_string())), count, parts);
    }
    let rest = format!("projects.budget <> (SELECT COALESCE(SUM(one.part), 0) {OF_PROJECT_RECIPIENTS})");
    add_rest(conn, scope, filter, (&mut groups, beside), &rest)?;
    Ok(groups.told())
}

/// All budgets by currency, as parts.
fn budgets(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter) -> Result<BTreeMap<String, i128>, Fault> {
    let mut all = BTreeMap::new();
    for group in by_kind(conn, scope, filter, ProjectGrouping::State)? {
        *all.entry(group.key.0).or_default() += group.parts;
    }
    Ok(all)
}

/// The unit of one of these levels that each term lay in on a day, or is; none where it lies higher.
fn ancestors(
    conn: &mut Conn,
    sums: &[(String, String, i64, i64, i64)],
    levels: &[TerritorialLevel],
    on: NaiveDate,
) -> Result<BTreeMap<String, TerritorialUnitId>, Fault> {
    let known = |term: &String| term.parse().ok().map(TerritorialUnitId);
    let mut at: BTreeMap<TerritorialUnitId, TerritorialUnitId> =
        sums.iter().filter_map(|sum| known(&sum.1)).map(|unit| (unit, unit)).collect();
    let mut found = BTreeMap::new();
    for _ in 0..=LEVELS {
        let ids: Vec<Col<TerritorialUnitId>> = at.values().copied().map(Col).collect();
        let here: Vec<(Col<TerritorialUnitId>, Col<TerritorialLevel>)> = territorial_units::table
            .filter(territorial_units::id.eq_any(&ids))
            .select((territorial_units::id, territorial_units::level))
            .load(conn)?;
        let reached: BTreeMap<_, _> = here.into_iter().map(|(unit, level)| (unit.0, levels.contains(&level.0))).collect();
        let links: Vec<(Col<TerritorialUnitId>, Col<TerritorialUnitId>)> = territorial_parents::table
            .filter(territorial_parents::unit_id.eq_any(&ids))
            .filter(territorial_parents::valid_from.le(on))
            .filter(territorial_parents::valid_to.is_null().or(territorial_parents::valid_to.ge(on)))
            .select((territorial_parents::unit_id, territorial_parents::parent_id))
            .load(conn)?;
        let parents: BTreeMap<_, _> = links.into_iter().map(|(unit, parent)| (unit.0, parent.0)).collect();
        let mut next = BTreeMap::new();
        for (term, unit) in at {
            if reached.get(&unit) == Some(&true) {
                found.insert(term.to_string(), unit);
            } else if let Some(parent) = parents.get(&unit) {
                next.insert(term, *parent);
            }
        }
        if next.is_empty() {
            break;
        }
        at = next;
    }
    Ok(found)
}

/// What was allocated from the contributions of each donor and not given back, in the currency of the fund.
fn by_donor(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter) -> Result<Vec<Group<Key>>, Fault> {
    type Sum = (String, Option<Col<DonorId>>, Option<Col<FundPurposeId>>, i64);
    let terms = Terms::load(conn, scope, filter)?;
    let kinds = [FundMovementKind::Allocation, FundMovementKind::Release].map(Col);
    let mut query = visible!(projects, scope)
        .inner_join(
            fund_movements::table.on(fund_movements::organisation_id
                .eq(projects::organisation_id)
                .and(fund_movements::purpose_id.eq(projects::fund_purpose_id))),
        )
        .inner_join(
            contributions::table.on(contributions::organisation_id
                .eq(fund_movements::organisation_id)
                .and(contributions::id.eq(fund_movements::contribution_id))),
        )
        .inner_join(
            funds::table.on(funds::organisation_id.eq(fund_movements::organisation_id).and(funds::id.eq(fund_movements::fund_id))),
        )
        .filter(fund_movements::kind.eq_any(kinds))
        .filter(fund_movements::sensitivity.le(scope.clearance.rank()))
        .group_by((funds::currency, contributions::donor_id, fund_movements::purpose_id))
        .select((
            funds::currency,
            contributions::donor_id,
            fund_movements::purpose_id,
            sql::<BigInt>(
                "CAST(SUM(CASE WHEN fund_movements.kind = 'allocation' THEN fund_movements.value ELSE -fund_movements.value END) AS BIGINT)",
            ),
        ))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    let sums: Vec<Sum> = query.load(conn)?;
    let mut groups = Groups::default();
    for (currency, donor, _, net) in sums.into_iter().filter(|(_, _, _, net)| *net > 0) {
        groups.add((currency, donor.map(|donor| donor.0.to_string())), 1, whole(net.into()));
    }
    Ok(groups.told())
}

/// How the terms of groups are called, for those that have a name.
pub fn labels(conn: &mut Conn, scope: &Scope, by: ProjectGrouping, terms: &[String]) -> Result<BTreeMap<String, String>, Fault> {
    let named: Vec<(String, String)> = match by {
        ProjectGrouping::Region | ProjectGrouping::Cercle | ProjectGrouping::Commune => {
            let ids: Vec<_> = terms.iter().filter_map(|term| term.parse().ok()).map(|id| Col(TerritorialUnitId(id))).collect();
            let query = territorial_units::table.filter(territorial_units::id.eq_any(ids));
            let rows: Vec<(Col<TerritorialUnitId>, String)> = query.select((territorial_units::id, territorial_units::name)).load(conn)?;
            rows.into_iter().map(|(id, name)| (id.0.to_string(), name)).collect()
        }
        ProjectGrouping::Donor => {
            let ids: Vec<_> = terms.iter().filter_map(|term| term.parse().ok()).map(|id| Col(DonorId(id))).collect();
            let query = visible!(donors, scope).filter(donors::id.eq_any(ids));
            let rows: Vec<(Col<DonorId>, String)> = query.select((donors::id, donors::name)).load(conn)?;
            rows.into_iter().map(|(id, name)| (id.0.to_string(), name)).collect()
        }
        // Who may not read the files of partners sees their ids alone.
        ProjectGrouping::Recipient => {
            let ids: Vec<_> = terms.iter().filter_map(|term| term.parse().ok()).map(|id| Col(SupplierId(id))).collect();
            let query = visible!(suppliers, scope).filter(suppliers::id.eq_any(ids));
            let rows: Vec<(Col<SupplierId>, String)> = query.select((suppliers::id, suppliers::name)).load(conn)?;
            rows.into_iter().map(|(id, name)| (id.0.to_string(), name)).collect()
        }
        ProjectGrouping::Programme => {
            let ids: Vec<_> = terms.iter().filter_map(|term| term.parse().ok()).map(|id| Col(ProgrammeId(id))).collect();
            let query = visible!(programmes, scope).filter(programmes::id.eq_any(ids));
            let rows: Vec<(Col<ProgrammeId>, String)> = query.select((programmes::id, programmes::title)).load(conn)?;
            rows.into_iter().map(|(id, name)| (id.0.to_string(), name)).collect()
        }
        _ => Vec::new(),
    };
    Ok(named.into_iter().collect())
}
