//! Budget execution: the credit arithmetic, article by article and line by line.

use std::collections::{BTreeMap, HashMap};

use actix_web::{get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::BudgetRow;
use db::budget::credit::{AppropriationRow, ExecutedLine, list_appropriations, list_executed_lines, list_stages_at};
use db::budget::revenue::{RevenueExecutionRow, list_revenue_executions, list_revenue_executions_at};
use db::connection::Conn;
use db::fault::Fault;
use domain::budget::credit::Credit;
use domain::budget::{BUDGET_NOT_EXECUTABLE, Direction, Section};
use domain::calendar::{FiscalYear, History};
use domain::id::{BudgetId, BudgetLineId, OrganisationId};
use domain::money::{Amount, Balance, Currency};
use domain::sensitivity::Scope;
use domain::word::Word as _;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answered, ok_written, written};
use crate::auth::Call;
use crate::body::Query;
use crate::organisation::currency_in;
use crate::wire::{HistoryQuery, Shown};

/// The credit of an article and what was done with it. Always: paid ≤ accepted ≤ ordered ≤ verified ≤ committed ≤ open.
#[derive(Serialize, ToSchema)]
pub struct ArticleExecution<'r> {
    section: Section,
    #[schema(max_length = 10)]
    article: &'r str,
    #[schema(value_type = String, max_length = 21)]
    initial: Shown,
    /// Increases by amendments in force.
    #[schema(value_type = String, max_length = 21)]
    increased: Shown,
    /// Decreases by amendments in force.
    #[schema(value_type = String, max_length = 21)]
    decreased: Shown,
    #[schema(value_type = String, max_length = 21)]
    carried_forward: Shown,
    /// initial + increased - decreased + carried_forward.
    #[schema(value_type = String, max_length = 21)]
    open: Shown,
    /// Committed (engagé).
    #[schema(value_type = String, max_length = 21)]
    committed: Shown,
    /// Verified (liquidé).
    #[schema(value_type = String, max_length = 21)]
    verified: Shown,
    /// Ordered (mandaté), rejected orders left out.
    #[schema(value_type = String, max_length = 21)]
    ordered: Shown,
    /// Accepted by the accountant (pris en charge).
    #[schema(value_type = String, max_length = 21)]
    accepted: Shown,
    #[schema(value_type = String, max_length = 21)]
    paid: Shown,
    /// open - committed.
    #[schema(value_type = String, max_length = 21)]
    available: Shown,
}

/// A line and what was done with it.
#[derive(Serialize, ToSchema)]
pub struct LineExecution<'r> {
    budget_line_id: BudgetLineId,
    #[schema(max_length = 60, example = "F-D-60-602-01")]
    code: String,
    section: Section,
    direction: Direction,
    #[schema(max_length = 200)]
    label_fr: &'r str,
    #[schema(max_length = 200)]
    label_en: &'r str,
    #[schema(value_type = String, max_length = 21)]
    initial: Shown,
    #[schema(value_type = String, max_length = 21)]
    committed: Shown,
    #[schema(value_type = String, max_length = 21)]
    verified: Shown,
    #[schema(value_type = String, max_length = 21)]
    ordered: Shown,
    #[schema(value_type = String, max_length = 21)]
    accepted: Shown,
    #[schema(value_type = String, max_length = 21)]
    paid: Shown,
    /// For a line of revenue: what was ordered and accepted (titres pris en charge), less reductions of the year, without the
    /// shares of others in shared taxes; null for expenditure.
    #[schema(value_type = Option<String>, max_length = 21)]
    issued: Option<Shown>,
    /// For a line of revenue: what was collected of it in the year; null for expenditure.
    #[schema(value_type = Option<String>, max_length = 21)]
    collected: Option<Shown>,
}

/// What a section comes to.
#[derive(Serialize, ToSchema)]
pub struct SectionExecution {
    section: Section,
    /// Revenue ordered and accepted.
    #[schema(max_length = 22)]
    revenue_issued: String,
    #[schema(max_length = 22)]
    revenue_collected: String,
    /// Expenditure ordered and accepted, less what was paid back in the year.
    #[schema(max_length = 22)]
    expenditure_accepted: String,
    /// revenue_issued - expenditure_accepted; negative for a deficit.
    #[schema(max_length = 22, example = "30413000")]
    result: String,
}

/// The execution of a year's budget.
#[derive(Serialize, ToSchema)]
pub struct BudgetExecution<'r> {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    budget_id: BudgetId,
    #[schema(min_length = 3, max_length = 3)]
    currency: &'r str,
    /// What counts up to this date.
    as_of: NaiveDate,
    /// What was recorded up to this instant; null for all.
    known_at: Option<DateTime<Utc>>,
    /// Credit is controlled here: per article of a section.
    #[schema(max_items = 5000)]
    articles: Vec<ArticleExecution<'r>>,
    /// The same by line, for information.
    #[schema(max_items = 5000)]
    lines: Vec<LineExecution<'r>>,
    /// The totals of each section.
    #[schema(max_items = 2)]
    sections: Vec<SectionExecution>,
}

fn article(row: &AppropriationRow, credit: Credit, currency: Currency) -> ArticleExecution<'_> {
    let show = |amount: Amount| Shown::of(amount.minor(), currency);
    ArticleExecution {
        section: row.section.0,
        article: &row.article,
        initial: show(credit.initial),
        increased: show(credit.increased),
        decreased: show(credit.decreased),
        carried_forward: show(credit.carried_forward),
        open: show(credit.open().unwrap_or_default()),
        committed: show(credit.committed),
        verified: show(credit.verified),
        ordered: show(credit.ordered),
        accepted: show(credit.accepted),
        paid: show(credit.paid),
        available: show(credit.available().unwrap_or_default()),
    }
}

/// About as much as a line or an article takes in JSON.
const LINE_BYTES: usize = 512;

fn line_execution<'r>(line: &'r ExecutedLine, revenue: Option<&RevenueExecutionRow>, currency: Currency) -> LineExecution<'r> {
    let show = |minor| Shown::of(minor, currency);
    let [committed, verified, ordered, accepted, paid] = line.stages().map(show);
    LineExecution {
        budget_line_id: line.id.0,
        code: line.code(),
        section: line.section.0,
        direction: line.direction.0,
        label_fr: &line.label_fr,
        label_en: &line.label_en,
        initial: show(line.initial),
        committed,
        verified,
        ordered,
        accepted,
        paid,
        issued: revenue.map(|done| show(done.ordered)),
        collected: revenue.map(|done| show(done.collected)),
    }
}

/// The credits of articles and the stages of lines: kept, or summed from the movements of the past.
struct Executed {
    credits: Vec<(AppropriationRow, Credit)>,
    lines: Vec<ExecutedLine>,
    revenue: BTreeMap<BudgetLineId, RevenueExecutionRow>,
}

fn now(conn: &mut Conn, scope: &Scope, budget: &BudgetRow) -> Result<Executed, Fault> {
    let rows = list_appropriations(conn, scope, budget)?;
    let credits = rows.into_iter().map(|row| Ok((row.credit()?, row))).collect::<Result<Vec<_>, Fault>>()?;
    Ok(Executed {
        credits: credits.into_iter().map(|(credit, row)| (row, credit)).collect(),
        lines: list_executed_lines(conn, scope, budget)?,
        revenue: list_revenue_executions(conn, scope, budget)?,
    })
}

/// The totals of the sections, from what was done with their articles of expenditure and lines of revenue.
fn sections(
    articles: &[(AppropriationRow, Credit)],
    lines: &[ExecutedLine],
    revenue: &BTreeMap<BudgetLineId, RevenueExecutionRow>,
    currency: Currency,
) -> Result<Vec<SectionExecution>, Fault> {
    let sum = |amounts: Vec<i64>| {
        let amounts = amounts.into_iter().map(db::budget::amount).collect::<Result<Vec<_>, _>>()?;
        Amount::sum(amounts).ok_or_else(|| Fault::Corrupt("sum of the execution out of range".to_owned()))
    };
    let of = |section: Section| {
        let done = || lines.iter().filter(|line| line.section.0 == section).filter_map(|line| revenue.get(&line.id.0));
        let issued = sum(done().map(|done| done.ordered).collect())?;
        let collected = sum(done().map(|done| done.collected).collect())?;
        let accepted =
            sum(articles.iter().filter(|(row, _)| row.section.0 == section).map(|(_, credit)| credit.accepted.minor()).collect())?;
        Ok(SectionExecution {
            section,
            revenue_issued: issued.display(currency),
            revenue_collected: collected.display(currency),
            expenditure_accepted: accepted.display(currency),
            result: Balance::between(issued, accepted).display(currency),
        })
    };
    Section::ALL.iter().copied().map(of).collect()
}

fn back_then(conn: &mut Conn, scope: &Scope, budget: &BudgetRow, history: History) -> Result<Executed, Fault> {
    let mut staged_lines = HashMap::new();
    let mut articles: HashMap<(Section, String), [i64; 5]> = HashMap::new();
    for staged in list_stages_at(conn, scope, budget.fiscal_year, history)? {
        let sums = articles.entry((staged.section, staged.article)).or_default();
        sums.iter_mut().zip(staged.stages).for_each(|(sum, stage)| *sum += stage);
        staged_lines.insert(staged.line, staged.stages);
    }
    let mut credits = Vec::new();
    for row in list_appropriations(conn, scope, budget)? {
        let stages = articles.remove(&(row.section.0, row.article.clone())).unwrap_or_default();
        let [committed, verified, ordered, accepted, paid] = stages.map(|stage| Amount::from_minor(stage).unwrap_or_default());
        let credit = Credit { committed, verified, ordered, accepted, paid, ..row.credit()? };
        credits.push((row, credit));
    }
    let at_that_time = |line: ExecutedLine| {
        let stages = staged_lines.remove(&line.id.0).unwrap_or_default();
        line.at(stages)
    };
    let lines = list_executed_lines(conn, scope, budget)?.into_iter().map(at_that_time).collect();
    Ok(Executed { credits, lines, revenue: list_revenue_executions_at(conn, scope, budget, history)? })
}

/// The execution of the year's budget: initial, open, committed, verified, ordered, accepted, paid, available; revenue issued
/// and collected; what each section comes to. Of today, or as of an earlier date, or as it was known at an earlier instant.
#[utoipa::path(tag = "budget", params(HistoryQuery), responses((status = 200, body = BudgetExecution)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/budget-execution")]
pub async fn read_budget_execution(call: Call, path: web::Path<(OrganisationId, i32)>, query: Query<HistoryQuery>) -> Answered {
    let (organisation, year) = path.into_inner();
    let scope = call.scope()?;
    let (today, instant) = (call.today, call.now);
    let query = query.0;
    let body = call
        .store()
        .read(move |conn| {
            db::budget::fiscal_year::find_fiscal_year(conn, &scope, year)?;
            let currency = currency_in(conn, &scope)?;
            let budget = db::budget::find_executable(conn, &scope, year)?
                .ok_or_else(|| Fault::from(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", year)))?;
            let (as_of, executed) = if query.as_of.is_none() && query.known_at.is_none() {
                (today, now(conn, &scope, &budget)?)
            } else {
                let since = list_appropriations(conn, &scope, &budget)?.first().map(|row| row.opened_at.0);
                let asked = ((query.as_of, today), (query.known_at, instant));
                let history = History::look_back(FiscalYear::new(year)?, asked.0, asked.1, since)?;
                (history.as_of, back_then(conn, &scope, &budget, history)?)
            };
            let articles = executed.credits.iter().map(|(row, credit)| article(row, *credit, currency)).collect();
            let sections = sections(&executed.credits, &executed.lines, &executed.revenue, currency)?;
            let lines = executed.lines.iter().map(|line| line_execution(line, executed.revenue.get(&line.id.0), currency)).collect();
            let view = BudgetExecution {
                organisation_id: organisation,
                fiscal_year: year,
                budget_id: budget.id.0,
                currency: currency.code(),
                as_of,
                known_at: query.known_at,
                articles,
                lines,
                sections,
            };
            // Thousands of amounts are written by whoever read them: others wait for whoever answers.
            written(&view, LINE_BYTES * (executed.credits.len() + executed.lines.len() + 1))
        })
        .await?;
    Ok(ok_written(body))
}
