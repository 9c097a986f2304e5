//! Budgets and their lines. Editions that were voted never change: the database itself refuses.

pub mod credit;
pub mod fiscal_year;
pub mod nomenclature;
pub mod revenue;

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::budget::lifecycle::{BudgetState, ReturnReason, Vote};
use domain::budget::{BUDGET_DUPLICATE, BudgetKind, Direction, Line, Section};
use domain::id::{BudgetId, BudgetLineId, OrganisationId};
use domain::money::Amount;
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows, containing, folded};
use crate::schema::{budget_lines, budgets};
use crate::store::Tx;
use crate::{between, visible};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = budgets)]
pub struct BudgetRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<BudgetId>,
    pub fiscal_year: i32,
    pub kind: Col<BudgetKind>,
    pub title: String,
    pub state: Col<BudgetState>,
    pub edition: i32,
    pub returns: i32,
    pub vote_held_on: Option<NaiveDate>,
    pub vote_serving: Option<i32>,
    pub vote_present: Option<i32>,
    pub vote_for: Option<i32>,
    pub vote_against: Option<i32>,
    pub vote_abstentions: Option<i32>,
    pub deliberation_number: Option<String>,
    pub deliberation_sha256: Option<String>,
    pub annexes_sha256: Option<String>,
    pub return_reason: Option<Col<ReturnReason>>,
    pub return_text: Option<String>,
    pub notice_reference: Option<String>,
    pub version: i64,
}

/// Opens a budget as a draft without lines.
pub fn insert_budget(tx: &mut Tx<'_>, id: BudgetId, fiscal_year: i32, kind: BudgetKind, title: &str) -> Result<(), Fault> {
    if kind == BudgetKind::Original {
        let standing: Option<Col<BudgetId>> = budgets::table
            .filter(budgets::organisation_id.eq(Col(tx.organisation)))
            .filter(budgets::fiscal_year.eq(fiscal_year))
            .filter(budgets::kind.eq(Col(kind)))
            .select(budgets::id)
            .first(tx.conn)
            .optional()?;
        if let Some(standing) = standing {
            return Err(BUDGET_DUPLICATE.refuse().with("fiscal_year", fiscal_year).with("budget_id", standing.to_string()).into());
        }
    }
    diesel::insert_into(budgets::table)
        .values((
            budgets::organisation_id.eq(Col(tx.organisation)),
            budgets::id.eq(Col(id)),
            budgets::fiscal_year.eq(fiscal_year),
            budgets::kind.eq(Col(kind)),
            budgets::title.eq(title),
            budgets::state.eq(Col(BudgetState::Draft)),
            budgets::edition.eq(1),
            budgets::voted_edition.eq(0),
            budgets::returns.eq(0),
            budgets::sensitivity.eq(Sensitivity::Internal.rank()),
            budgets::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| {
            Fault::from(error).taken(|| BUDGET_DUPLICATE.refuse().with("fiscal_year", fiscal_year).with("budget_id", id.to_string()))
        })?;
    Ok(())
}

pub fn find_budget(conn: &mut Conn, scope: &Scope, id: BudgetId) -> Result<BudgetRow, Fault> {
    Ok(visible!(budgets, scope).filter(budgets::id.eq(Col(id))).select(BudgetRow::as_select()).first(conn)?)
}

/// The budget on which money may be committed in a year, if there is one.
pub fn find_executable(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<Option<BudgetRow>, Fault> {
    Ok(visible!(budgets, scope)
        .filter(budgets::fiscal_year.eq(fiscal_year))
        .filter(budgets::kind.eq(Col(BudgetKind::Original)))
        .filter(budgets::state.eq(Col(BudgetState::Approved)).or(budgets::state.eq(Col(BudgetState::SettledExOfficio))))
        .select(BudgetRow::as_select())
        .first(conn)
        .optional()?)
}

/// Whether the executable budgets of a year, those that amend the first among them, provide for an article.
pub fn provides(conn: &mut Conn, scope: &Scope, fiscal_year: i32, direction: Direction, article: &str) -> Result<bool, Fault> {
    let voted: Vec<(Col<BudgetId>, i32)> = visible!(budgets, scope)
        .filter(budgets::fiscal_year.eq(fiscal_year))
        .filter(budgets::state.eq_any([Col(BudgetState::Approved), Col(BudgetState::SettledExOfficio)]))
        .select((budgets::id, budgets::voted_edition))
        .load(conn)?;
    for (budget, edition) in voted {
        let lines: i64 = visible!(budget_lines, scope)
            .filter(budget_lines::budget_id.eq(budget))
            .filter(budget_lines::edition.eq(edition))
            .filter(budget_lines::direction.eq(Col(direction)))
            .filter(budget_lines::article.eq(article))
            .filter(budget_lines::initial.gt(0))
            .count()
            .get_result(conn)?;
        if lines > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Which budgets to list.
#[derive(Clone, Debug, Default)]
pub struct BudgetFilter {
    pub fiscal_year: Option<i32>,
    pub state: Vec<BudgetState>,
    pub kind: Vec<BudgetKind>,
    /// Days of the vote.
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// A part of the title, without regard to accents and case.
    pub query: Option<String>,
}

pub fn list_budgets(conn: &mut Conn, scope: &Scope, filter: &BudgetFilter, page: &Keyset<BudgetId>) -> Result<Rows<BudgetRow>, Fault> {
    let mut query = visible!(budgets, scope).order(budgets::id).limit(page.probe()).select(BudgetRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(budgets::id.gt(Col(after)));
    }
    if let Some(year) = filter.fiscal_year {
        query = query.filter(budgets::fiscal_year.eq(year));
    }
    if !filter.state.is_empty() {
        query = query.filter(budgets::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if !filter.kind.is_empty() {
        query = query.filter(budgets::kind.eq_any(filter.kind.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("budgets.title").like(containing(text)));
    }
    between!(query, budgets::vote_held_on, filter.from, filter.to);
    Ok(page.cut(query.load(conn)?))
}

/// What a move of a budget changes beside its state.
#[derive(Clone, Debug, Default)]
pub struct BudgetChange {
    pub vote: Option<(Vote, String)>,
    pub deliberation_sha256: Option<String>,
    pub annexes_sha256: Option<String>,
    pub returned: Option<(ReturnReason, String)>,
    pub notice_reference: Option<String>,
}

#[derive(AsChangeset)]
#[diesel(table_name = budgets)]
struct Update {
    state: Col<BudgetState>,
    edition: i32,
    voted_edition: Option<i32>,
    returns: i32,
    vote_held_on: Option<NaiveDate>,
    vote_serving: Option<i32>,
    vote_present: Option<i32>,
    vote_for: Option<i32>,
    vote_against: Option<i32>,
    vote_abstentions: Option<i32>,
    deliberation_number: Option<String>,
    deliberation_sha256: Option<String>,
    annexes_sha256: Option<String>,
    return_reason: Option<Col<ReturnReason>>,
    return_text: Option<String>,
    notice_reference: Option<String>,
    sensitivity: Option<i32>,
    version: i64,
}

/// Moves a budget to a state. A vote closes the edition for ever; rework opens the next one with a copy of the lines;
/// an executable budget becomes public. Gives the row as it now stands.
pub fn update_budget(tx: &mut Tx<'_>, row: &BudgetRow, state: BudgetState, change: BudgetChange) -> Result<BudgetRow, Fault> {
    let reworked = matches!(row.state.0, BudgetState::RejectedByCouncil | BudgetState::Returned) && state == BudgetState::InConsultation;
    let vote = change.vote.as_ref();
    let update = Update {
        state: Col(state),
        edition: if reworked { row.edition + 1 } else { row.edition },
        voted_edition: vote.map(|_| row.edition),
        returns: row.returns + i32::from(state == BudgetState::Returned),
        vote_held_on: vote.map(|(vote, _)| vote.held_on),
        vote_serving: vote.map(|(vote, _)| vote.serving),
        vote_present: vote.map(|(vote, _)| vote.present),
        vote_for: vote.map(|(vote, _)| vote.votes_for),
        vote_against: vote.map(|(vote, _)| vote.votes_against),
        vote_abstentions: vote.map(|(vote, _)| vote.abstentions),
        deliberation_number: vote.map(|(_, number)| number.clone()),
        deliberation_sha256: change.deliberation_sha256,
        annexes_sha256: change.annexes_sha256,
        return_reason: change.returned.as_ref().map(|(reason, _)| Col(*reason)),
        return_text: change.returned.map(|(_, text)| text),
        notice_reference: change.notice_reference,
        sensitivity: state.is_executable().then_some(Sensitivity::Public.rank()),
        version: row.version + 1,
    };
    diesel::update(budgets::table.filter(budgets::organisation_id.eq(row.organisation_id)).filter(budgets::id.eq(row.id)))
        .set(&update)
        .execute(tx.conn)?;
    if reworked {
        let lines: Vec<Line> = list_lines(tx.conn, row)?.into_iter().map(|line| line.line).collect();
        insert_lines(tx, row.id.0, row.edition + 1, &lines)?;
    }
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
    find_budget(tx.conn, &scope, row.id.0)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = budget_lines)]
pub(crate) struct LineRow {
    id: Col<BudgetLineId>,
    budget_id: Col<BudgetId>,
    section: Col<Section>,
    direction: Col<Direction>,
    chapter: String,
    article: String,
    paragraph: String,
    label_fr: String,
    label_en: String,
    function: String,
    funding: String,
    mandatory: bool,
    executable: bool,
    location: Option<String>,
    plan_action: Option<String>,
    non_project_reason: Option<String>,
    initial: i64,
}

/// A line with its identity.
#[derive(Clone, Debug)]
pub struct StoredLine {
    pub id: BudgetLineId,
    pub budget_id: BudgetId,
    pub line: Line,
}

/// An amount read back from a column.
pub fn amount(minor: i64) -> Result<Amount, Fault> {
    Amount::from_minor(minor).ok_or_else(|| Fault::Corrupt(format!("amount {minor} out of range")))
}

impl TryFrom<LineRow> for StoredLine {
    type Error = Fault;

    fn try_from(row: LineRow) -> Result<Self, Fault> {
        Ok(StoredLine {
            id: row.id.0,
            budget_id: row.budget_id.0,
            line: Line {
                section: row.section.0,
                direction: row.direction.0,
                chapter: row.chapter,
                article: row.article,
                paragraph: row.paragraph,
                label_fr: row.label_fr,
                label_en: row.label_en,
                function: row.function,
                funding: row.funding,
                mandatory: row.mandatory,
                executable: row.executable,
                location: row.location,
                plan_action: row.plan_action,
                non_project_reason: row.non_project_reason,
                initial: amount(row.initial)?,
            },
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = budget_lines, treat_none_as_default_value = false)]
struct InsertLine<'a> {
    organisation_id: Col<OrganisationId>,
    id: Col<BudgetLineId>,
    budget_id: Col<BudgetId>,
    edition: i32,
    position: i32,
    section: Col<Section>,
    direction: Col<Direction>,
    chapter: &'a str,
    article: &'a str,
    paragraph: &'a str,
    label_fr: &'a str,
    label_en: &'a str,
    function: &'a str,
    funding: &'a str,
    mandatory: bool,
    executable: bool,
    location: Option<&'a str>,
    plan_action: Option<&'a str>,
    non_project_reason: Option<&'a str>,
    initial: i64,
    sensitivity: i32,
}

fn insert_lines(tx: &mut Tx<'_>, budget: BudgetId, edition: i32, lines: &[Line]) -> Result<(), Fault> {
    for (position, line) in (1..).zip(lines) {
        diesel::insert_into(budget_lines::table)
            .values(InsertLine {
                organisation_id: Col(tx.organisation),
                id: Col(BudgetLineId::new()),
                budget_id: Col(budget),
                edition,
                position,
                section: Col(line.section),
                direction: Col(line.direction),
                chapter: &line.chapter,
                article: &line.article,
                paragraph: &line.paragraph,
                label_fr: &line.label_fr,
                label_en: &line.label_en,
                function: &line.function,
                funding: &line.funding,
                mandatory: line.mandatory,
                executable: line.executable,
                location: line.location.as_deref(),
                plan_action: line.plan_action.as_deref(),
                non_project_reason: line.non_project_reason.as_deref(),
                initial: line.initial.minor(),
                sensitivity: Sensitivity::Public.rank(),
            })
            .execute(tx.conn)?;
    }
    Ok(())
}

/// Puts other lines in the place of all lines of the current, unvoted edition.
pub fn replace_lines(tx: &mut Tx<'_>, row: &BudgetRow, lines: &[Line]) -> Result<i64, Fault> {
    diesel::delete(
        budget_lines::table
            .filter(budget_lines::organisation_id.eq(row.organisation_id))
            .filter(budget_lines::budget_id.eq(row.id))
            .filter(budget_lines::edition.eq(row.edition)),
    )
    .execute(tx.conn)?;
    insert_lines(tx, row.id.0, row.edition, lines)?;
    diesel::update(budgets::table.filter(budgets::organisation_id.eq(row.organisation_id)).filter(budgets::id.eq(row.id)))
        .set(budgets::version.eq(row.version + 1))
        .execute(tx.conn)?;
    Ok(row.version + 1)
}

/// The lines of a budget's current edition, in the order in which the council reads them.
pub fn list_lines(conn: &mut Conn, row: &BudgetRow) -> Result<Vec<StoredLine>, Fault> {
    let rows: Vec<LineRow> = budget_lines::table
        .filter(budget_lines::organisation_id.eq(row.organisation_id))
        .filter(budget_lines::budget_id.eq(row.id))
        .filter(budget_lines::edition.eq(row.edition))
        .order(budget_lines::position)
        .select(LineRow::as_select())
        .load(conn)?;
    rows.into_iter().map(StoredLine::try_from).collect()
}

/// A line of the current edition of a budget that the scope may see.
pub fn find_line(conn: &mut Conn, scope: &Scope, id: BudgetLineId) -> Result<(StoredLine, BudgetRow), Fault> {
    let (line, edition): (LineRow, i32) = visible!(budget_lines, scope)
        .filter(budget_lines::id.eq(Col(id)))
        .select((LineRow::as_select(), budget_lines::edition))
        .first(conn)?;
    let budget = find_budget(conn, scope, line.budget_id.0)?;
    if edition != budget.edition {
        return Err(Fault::Missing);
    }
    Ok((line.try_into()?, budget))
}
