//! The credits of articles, and what was done with them and with each line.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Integer, Text};
use domain::budget::credit::{Credit, Step};
use domain::budget::{Direction, Line, Section, articles, line_code};
use domain::calendar::History;
use domain::id::{BudgetLineId, OrganisationId};
use domain::money::Amount;
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use super::{BudgetRow, StoredLine, amount};
use crate::column::{Col, Identity, Instant, Vocabulary};
use crate::connection::Conn;
use crate::fault::Fault;
use crate::prepared::{Statement, column, together};
use crate::schema::{appropriations, budget_lines, credit_movements, line_executions};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = appropriations)]
pub struct AppropriationRow {
    pub organisation_id: Col<OrganisationId>,
    pub fiscal_year: i32,
    pub section: Col<Section>,
    pub article: String,
    pub initial: i64,
    pub increased: i64,
    pub decreased: i64,
    pub carried_forward: i64,
    pub committed: i64,
    pub verified: i64,
    pub ordered: i64,
    pub accepted: i64,
    pub paid: i64,
    pub opened_at: Col<DateTime<Utc>>,
}

impl AppropriationRow {
    /// The credit, rebuilt; a row that breaks the chain is corrupt.
    pub fn credit(&self) -> Result<Credit, Fault> {
        let Self { initial, increased, decreased, carried_forward, committed, verified, ordered, accepted, paid, .. } = *self;
        credit_of([initial, increased, decreased, carried_forward, committed, verified, ordered, accepted, paid], &self.article)
    }
}

/// The credit of an article from its columns, in their order.
pub fn credit_of(sums: [i64; 9], article: &str) -> Result<Credit, Fault> {
    let [initial, increased, decreased, carried_forward, committed, verified, ordered, accepted, paid] = sums;
    let credit = Credit {
        initial: amount(initial)?,
        increased: amount(increased)?,
        decreased: amount(decreased)?,
        carried_forward: amount(carried_forward)?,
        committed: amount(committed)?,
        verified: amount(verified)?,
        ordered: amount(ordered)?,
        accepted: amount(accepted)?,
        paid: amount(paid)?,
    };
    if credit.in_order() { Ok(credit) } else { Err(Fault::Corrupt(format!("credit of article {article}"))) }
}

/// Opens the credits of a budget that became executable: one appropriation per article, one execution per line.
pub fn open_credits(tx: &mut Tx<'_>, budget: &BudgetRow, lines: &[StoredLine]) -> Result<(), Fault> {
    let all: Vec<Line> = lines.iter().map(|line| line.line.clone()).collect();
    let articles = articles(&all).ok_or_else(|| Fault::Corrupt("sum of lines out of range".to_owned()))?;
    for ((section, article), initial) in articles {
        diesel::insert_into(appropriations::table)
            .values((
                appropriations::organisation_id.eq(Col(tx.organisation)),
                appropriations::fiscal_year.eq(budget.fiscal_year),
                appropriations::section.eq(Col(section)),
                appropriations::article.eq(article),
                appropriations::initial.eq(initial.minor()),
                appropriations::increased.eq(0),
                appropriations::decreased.eq(0),
                appropriations::carried_forward.eq(0),
                appropriations::committed.eq(0),
                appropriations::verified.eq(0),
                appropriations::ordered.eq(0),
                appropriations::accepted.eq(0),
                appropriations::paid.eq(0),
                appropriations::opened_at.eq(Col(tx.author.now)),
                appropriations::sensitivity.eq(Sensitivity::Partner.rank()),
            ))
            .execute(tx.conn)?;
    }
    for line in lines.iter().filter(|line| line.line.direction == domain::budget::Direction::Revenue) {
        super::revenue::open_execution(tx, line.id)?;
    }
    for line in lines.iter().filter(|line| line.line.direction == domain::budget::Direction::Expenditure) {
        diesel::insert_into(line_executions::table)
            .values((
                line_executions::organisation_id.eq(Col(tx.organisation)),
                line_executions::budget_line_id.eq(Col(line.id)),
                line_executions::committed.eq(0),
                line_executions::verified.eq(0),
                line_executions::ordered.eq(0),
                line_executions::accepted.eq(0),
                line_executions::paid.eq(0),
                line_executions::sensitivity.eq(Sensitivity::Partner.rank()),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The credit of an article, within a write of its organisation.
pub fn find_credit(tx: &mut Tx<'_>, fiscal_year: i32, section: Section, article: &str) -> Result<Credit, Fault> {
    let row: AppropriationRow = appropriations::table
        .filter(appropriations::organisation_id.eq(Col(tx.organisation)))
        .filter(appropriations::fiscal_year.eq(fiscal_year))
        .filter(appropriations::section.eq(Col(section)))
        .filter(appropriations::article.eq(article))
        .select(AppropriationRow::as_select())
        .first(tx.conn)?;
    row.credit()
}

/// Where a step of the expenditure chain is charged.
#[derive(Clone, Debug)]
pub struct Charge {
    pub fiscal_year: i32,
    pub section: Section,
    pub article: String,
    pub line: BudgetLineId,
}

/// Which document moves a credit, and its accounting date.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    pub kind: &'static str,
    pub id: Uuid,
    pub on: NaiveDate,
}

/// A step that moves the credit of an article and the execution of its line, ready to be stored. The database holds the
/// chain as well.
pub struct CreditMove {
    id: Uuid,
    pub organisation: OrganisationId,
    recorded_at: DateTime<Utc>,
    pub charge: Charge,
    pub after: Credit,
    step: Step,
    moved: Amount,
    cause: Cause,
}

impl CreditMove {
    /// The step from the credit as it stands, or the refusal.
    pub fn new(tx: &Tx<'_>, charge: Charge, before: Credit, step: Step, moved: Amount, cause: Cause) -> Result<Self, Fault> {
        let after = before.after(step, moved)?;
        Ok(Self { id: Uuid::now_v7(), organisation: tx.organisation, recorded_at: tx.author.now, charge, after, step, moved, cause })
    }
}

/// Stores steps in their order: what is left of the credits after the last, what all did with the lines, and the movements, which
/// tell what was known when. On PostgreSQL these are parts of one trip. Gives also the number of rows that they touch.
pub fn moves<'a>(moves: &'a [CreditMove]) -> ([Statement<'a, Pg>; 3], usize) {
    let mut articles: BTreeMap<_, &'a CreditMove> = BTreeMap::new();
    let mut lines: BTreeMap<_, [i64; 5]> = BTreeMap::new();
    for step in moves {
        let charge = &step.charge;
        articles.insert((step.organisation, charge.fiscal_year, charge.section, charge.article.as_str()), step);
        let done = lines.entry((step.organisation, charge.line)).or_default();
        for (stage, delta) in done.iter_mut().zip(step.step.deltas()) {
            *stage += delta * step.moved.minor();
        }
    }
    let touched = articles.len() + lines.len() + moves.len();
    let sums = |sum: fn(&Credit) -> Amount| articles.values().map(|last| sum(&last.after).minor()).collect::<Vec<_>>();
    let done = |stage: fn(&[i64; 5]) -> i64| lines.values().map(stage).collect::<Vec<_>>();
    let appropriations = Statement::new(
        "UPDATE appropriations a SET committed = m.committed, verified = m.verified, ordered = m.ordered, accepted = m.accepted, \
         paid = m.paid FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) \
         AS m (organisation_id, fiscal_year, section, article, committed, verified, ordered, accepted, paid) \
         WHERE a.organisation_id = m.organisation_id AND a.fiscal_year = m.fiscal_year AND a.section = m.section \
         AND a.article = m.article",
    )
    .bind::<Array<Identity>, _>(articles.keys().map(|key| Col(key.0)).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(articles.keys().map(|key| key.1).collect::<Vec<_>>())
    .bind::<Array<Vocabulary>, _>(articles.keys().map(|key| Col(key.2)).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(articles.keys().map(|key| key.3).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(sums(|credit| credit.committed))
    .bind::<Array<BigInt>, _>(sums(|credit| credit.verified))
    .bind::<Array<BigInt>, _>(sums(|credit| credit.ordered))
    .bind::<Array<BigInt>, _>(sums(|credit| credit.accepted))
    .bind::<Array<BigInt>, _>(sums(|credit| credit.paid));
    let executions = Statement::new(
        "UPDATE line_executions e SET committed = e.committed + m.committed, verified = e.verified + m.verified, \
         ordered = e.ordered + m.ordered, accepted = e.accepted + m.accepted, paid = e.paid + m.paid \
         FROM unnest(?, ?, ?, ?, ?, ?, ?) AS m (organisation_id, line, committed, verified, ordered, accepted, paid) \
         WHERE e.organisation_id = m.organisation_id AND e.budget_line_id = m.line",
    )
    .bind::<Array<Identity>, _>(lines.keys().map(|key| Col(key.0)).collect::<Vec<_>>())
    .bind::<Array<Identity>, _>(lines.keys().map(|key| Col(key.1)).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(done(|[committed, ..]| *committed))
    .bind::<Array<BigInt>, _>(done(|[_, verified, ..]| *verified))
    .bind::<Array<BigInt>, _>(done(|[_, _, ordered, ..]| *ordered))
    .bind::<Array<BigInt>, _>(done(|[.., accepted, _]| *accepted))
    .bind::<Array<BigInt>, _>(done(|[.., paid]| *paid));
    let movements = Statement::new(
        "INSERT INTO credit_movements (organisation_id, id, fiscal_year, section, article, budget_line_id, step, amount, effective_on, \
         recorded_at, cause_kind, cause_id, sensitivity) SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind::<Array<Identity>, _>(column(moves, |step| Col(step.organisation)))
    .bind::<Array<Identity>, _>(column(moves, |step| Col(step.id)))
    .bind::<Array<Integer>, _>(column(moves, |step| step.charge.fiscal_year))
    .bind::<Array<Vocabulary>, _>(column(moves, |step| Col(step.charge.section)))
    .bind::<Array<Text>, _>(column(moves, |step| step.charge.article.as_str()))
    .bind::<Array<Identity>, _>(column(moves, |step| Col(step.charge.line)))
    .bind::<Array<Vocabulary>, _>(column(moves, |step| Col(step.step)))
    .bind::<Array<BigInt>, _>(column(moves, |step| step.moved.minor()))
    .bind::<Array<Date>, _>(column(moves, |step| step.cause.on))
    .bind::<Array<Instant>, _>(column(moves, |step| Col(step.recorded_at)))
    .bind::<Array<Text>, _>(column(moves, |step| step.cause.kind))
    .bind::<Array<Identity>, _>(column(moves, |step| Col(step.cause.id)))
    .bind::<Array<Integer>, _>(column(moves, |_| Sensitivity::Partner.rank()));
    ([appropriations, executions, movements], touched)
}

impl CreditMove {
    /// Stores the step on SQLite; gives the number of rows.
    pub fn store(&self, conn: &mut SqliteConnection) -> QueryResult<usize> {
        let Credit { committed, verified, ordered, accepted, paid, .. } = self.after;
        let mut appropriation = Statement::new(
            "UPDATE appropriations SET committed = ?, verified = ?, ordered = ?, accepted = ?, paid = ? \
             WHERE organisation_id = ? AND fiscal_year = ? AND section = ? AND article = ?",
        );
        let mut execution = Statement::new(
            "UPDATE line_executions SET committed = committed + ?, verified = verified + ?, ordered = ordered + ?, \
             accepted = accepted + ?, paid = paid + ? WHERE organisation_id = ? AND budget_line_id = ?",
        );
        for sum in [committed, verified, ordered, accepted, paid] {
            appropriation = appropriation.bind::<BigInt, _>(sum.minor());
        }
        for delta in self.step.deltas() {
            execution = execution.bind::<BigInt, _>(delta * self.moved.minor());
        }
        let (organisation, line) = (Col(self.organisation), Col(self.charge.line));
        let appropriation = appropriation
            .bind::<Identity, _>(organisation)
            .bind::<Integer, _>(self.charge.fiscal_year)
            .bind::<Vocabulary, _>(Col(self.charge.section))
            .bind::<Text, _>(self.charge.article.as_str());
        let execution = execution.bind::<Identity, _>(organisation).bind::<Identity, _>(line);
        let movement = diesel::insert_into(credit_movements::table).values((
            credit_movements::organisation_id.eq(organisation),
            credit_movements::id.eq(Col(self.id)),
            credit_movements::fiscal_year.eq(self.charge.fiscal_year),
            credit_movements::section.eq(Col(self.charge.section)),
            credit_movements::article.eq(&self.charge.article),
            credit_movements::budget_line_id.eq(line),
            credit_movements::step.eq(Col(self.step)),
            credit_movements::amount.eq(self.moved.minor()),
            credit_movements::effective_on.eq(self.cause.on),
            credit_movements::recorded_at.eq(Col(self.recorded_at)),
            credit_movements::cause_kind.eq(self.cause.kind),
            credit_movements::cause_id.eq(Col(self.cause.id)),
            credit_movements::sensitivity.eq(Sensitivity::Partner.rank()),
        ));
        Ok(appropriation.run_on_sqlite(conn)? + execution.run_on_sqlite(conn)? + movement.execute(conn)?)
    }
}

/// Moves the credit of an article and the execution of its line by one step, and keeps the movement; gives the credit
/// after it.
pub fn update_credit(tx: &mut Tx<'_>, charge: &Charge, step: Step, moved: Amount, cause: Cause) -> Result<Credit, Fault> {
    let before = find_credit(tx, charge.fiscal_year, charge.section, &charge.article)?;
    let moved = CreditMove::new(tx, charge.clone(), before, step, moved, cause)?;
    let touched = match tx.conn {
        Conn::Pg(conn) => together(conn, &moves(std::slice::from_ref(&moved)).0)?,
        Conn::Sqlite(conn) => moved.store(conn)?,
    };
    if touched == 3 { Ok(moved.after) } else { Err(Fault::Corrupt("the line has no execution".to_owned())) }
}

/// What was done with a line.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = line_executions)]
pub struct LineExecutionRow {
    committed: i64,
    verified: i64,
    ordered: i64,
    accepted: i64,
    paid: i64,
}

/// The appropriations of a year, in the order of section and article.
pub fn list_appropriations(conn: &mut Conn, scope: &Scope, budget: &BudgetRow) -> Result<Vec<AppropriationRow>, Fault> {
    Ok(visible!(appropriations, scope)
        .filter(appropriations::fiscal_year.eq(budget.fiscal_year))
        .order((appropriations::section.desc(), appropriations::article))
        .select(AppropriationRow::as_select())
        .load(conn)?)
}

/// What was done with a line by then: its section and article, and its stages.
#[derive(Clone, Debug)]
pub struct StagedLine {
    pub line: BudgetLineId,
    pub section: Section,
    pub article: String,
    pub stages: [i64; 5],
}

/// Line, section, article, step, amount.
type Movement = (Col<BudgetLineId>, Col<Section>, String, Col<Step>, i64);

/// What movements had done to the credits of a year by a date, as it was known at an instant, line by line.
pub fn list_stages_at(conn: &mut Conn, scope: &Scope, fiscal_year: i32, history: History) -> Result<Vec<StagedLine>, Fault> {
    let rows: Vec<Movement> = visible!(credit_movements, scope)
        .filter(credit_movements::fiscal_year.eq(fiscal_year))
        .filter(credit_movements::effective_on.le(history.as_of))
        .filter(credit_movements::recorded_at.le(Col(history.known_at)))
        .order((credit_movements::budget_line_id, credit_movements::id))
        .select((
            credit_movements::budget_line_id,
            credit_movements::section,
            credit_movements::article,
            credit_movements::step,
            credit_movements::amount,
        ))
        .load(conn)?;
    let mut lines: Vec<StagedLine> = Vec::new();
    for (line, section, article, step, moved) in rows {
        if lines.last().is_none_or(|last| last.line != line.0) {
            lines.push(StagedLine { line: line.0, section: section.0, article, stages: [0; 5] });
        }
        if let Some(last) = lines.last_mut() {
            for (stage, delta) in last.stages.iter_mut().zip(step.deltas()) {
                *stage += delta * moved;
            }
        }
    }
    Ok(lines)
}

/// A line of a budget, and what was done with it if it is one of expenditure.
#[derive(Clone, Debug, Queryable)]
pub struct ExecutedLine {
    pub id: Col<BudgetLineId>,
    pub section: Col<Section>,
    pub direction: Col<Direction>,
    chapter: String,
    article: String,
    paragraph: String,
    pub label_fr: String,
    pub label_en: String,
    pub initial: i64,
    done: Option<LineExecutionRow>,
}

impl ExecutedLine {
    pub fn code(&self) -> String {
        line_code(self.section.0, self.direction.0, &self.chapter, &self.article, &self.paragraph)
    }

    /// Committed, verified, ordered, accepted, paid.
    pub fn stages(&self) -> [i64; 5] {
        self.done.as_ref().map(|row| [row.committed, row.verified, row.ordered, row.accepted, row.paid]).unwrap_or_default()
    }

    /// The line as it was when its stages were these.
    #[must_use]
    pub fn at(self, [committed, verified, ordered, accepted, paid]: [i64; 5]) -> Self {
        Self { done: Some(LineExecutionRow { committed, verified, ordered, accepted, paid }), ..self }
    }
}

/// The lines of a budget in its order, with what was done with them.
pub fn list_executed_lines(conn: &mut Conn, scope: &Scope, budget: &BudgetRow) -> Result<Vec<ExecutedLine>, Fault> {
    let its_own = line_executions::organisation_id
        .eq(budget_lines::organisation_id)
        .and(line_executions::budget_line_id.eq(budget_lines::id))
        .and(line_executions::sensitivity.le(scope.clearance.rank()));
    Ok(budget_lines::table
        .left_join(line_executions::table.on(its_own))
        .filter(budget_lines::organisation_id.eq(Col(scope.organisation)))
        .filter(budget_lines::budget_id.eq(budget.id))
        .filter(budget_lines::edition.eq(budget.edition))
        .order(budget_lines::position)
        .select((
            budget_lines::id,
            budget_lines::section,
            budget_lines::direction,
            budget_lines::chapter,
            budget_lines::article,
            budget_lines::paragraph,
            budget_lines::label_fr,
            budget_lines::label_en,
            budget_lines::initial,
            Option::<LineExecutionRow>::as_select(),
        ))
        .load(conn)?)
}
