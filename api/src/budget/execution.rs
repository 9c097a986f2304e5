//! Budget execution: the credit arithmetic, article by article and line by line.

use std::collections::HashMap;

use actix_web::{get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::BudgetRow;
use db::budget::credit::{AppropriationRow, LineExecutionRow, list_appropriations, list_executions, list_stages_at};
use db::connection::Conn;
use db::fault::Fault;
use domain::budget::credit::Credit;
use domain::budget::{BUDGET_NOT_EXECUTABLE, Direction, Section};
use domain::calendar::{FiscalYear, History};
use domain::id::{BudgetId, BudgetLineId, OrganisationId};
use domain::money::{Amount, Currency};
use domain::sensitivity::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::Query;
use crate::organisation::currency_in;
use crate::wire::{HistoryQuery, shown};

/// The credit of an article and what was done with it. Always: paid ≤ accepted ≤ ordered ≤ verified ≤ committed ≤ open.
#[derive(Serialize, ToSchema)]
pub struct ArticleExecution {
    section: Section,
    #[schema(max_length = 10)]
    article: String,
    #[schema(max_length = 21)]
    initial: String,
    /// Increases by amendments in force.
    #[schema(max_length = 21)]
    increased: String,
    /// Decreases by amendments in force.
    #[schema(max_length = 21)]
    decreased: String,
    #[schema(max_length = 21)]
    carried_forward: String,
    /// initial + increased - decreased + carried_forward.
    #[schema(max_length = 21)]
    open: String,
    /// Committed (engagé).
    #[schema(max_length = 21)]
    committed: String,
    /// Verified (liquidé).
    #[schema(max_length = 21)]
    verified: String,
    /// Ordered (mandaté), rejected orders left out.
    #[schema(max_length = 21)]
    ordered: String,
    /// Accepted by the accountant (pris en charge).
    #[schema(max_length = 21)]
    accepted: String,
    #[schema(max_length = 21)]
    paid: String,
    /// open - committed.
    #[schema(max_length = 21)]
    available: String,
}

/// A line and what was done with it.
#[derive(Serialize, ToSchema)]
pub struct LineExecution {
    budget_line_id: BudgetLineId,
    #[schema(max_length = 60, example = "F-D-60-602-01")]
    code: String,
    section: Section,
    direction: Direction,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    #[schema(max_length = 21)]
    initial: String,
    #[schema(max_length = 21)]
    committed: String,
    #[schema(max_length = 21)]
    verified: String,
    #[schema(max_length = 21)]
    ordered: String,
    #[schema(max_length = 21)]
    accepted: String,
    #[schema(max_length = 21)]
    paid: String,
}

/// The execution of a year's budget.
#[derive(Serialize, ToSchema)]
pub struct BudgetExecution {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    budget_id: BudgetId,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// What counts up to this date.
    as_of: NaiveDate,
    /// What was recorded up to this instant.
    known_at: DateTime<Utc>,
    /// Credit is controlled here: per article of a section.
    #[schema(max_items = 5000)]
    articles: Vec<ArticleExecution>,
    /// The same by line, for information.
    #[schema(max_items = 5000)]
    lines: Vec<LineExecution>,
}

fn article(row: &AppropriationRow, credit: Credit, currency: Currency) -> ArticleExecution {
    let show = |amount: Amount| amount.display(currency);
    ArticleExecution {
        section: row.section.0,
        article: row.article.clone(),
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

/// The credits of articles and the stages of lines: kept, or summed from the movements of the past.
struct Executed {
    credits: Vec<(AppropriationRow, Credit)>,
    lines: HashMap<BudgetLineId, [i64; 5]>,
}

fn now(conn: &mut Conn, scope: &Scope, budget: &BudgetRow) -> Result<Executed, Fault> {
    let rows = list_appropriations(conn, scope, budget)?;
    let credits = rows.into_iter().map(|row| Ok((row.credit()?, row))).collect::<Result<Vec<_>, Fault>>()?;
    let lines = list_executions(conn, scope, budget)?;
    let stages = |row: &LineExecutionRow| [row.committed, row.verified, row.ordered, row.accepted, row.paid];
    Ok(Executed {
        credits: credits.into_iter().map(|(credit, row)| (row, credit)).collect(),
        lines: lines.into_iter().map(|(id, row)| (id, stages(&row))).collect(),
    })
}

fn back_then(conn: &mut Conn, scope: &Scope, budget: &BudgetRow, history: History) -> Result<Executed, Fault> {
    let mut lines = HashMap::new();
    let mut articles: HashMap<(Section, String), [i64; 5]> = HashMap::new();
    for (line, section, article, stages) in list_stages_at(conn, scope, budget.fiscal_year, history)? {
        let sums = articles.entry((section, article)).or_default();
        sums.iter_mut().zip(stages).for_each(|(sum, stage)| *sum += stage);
        lines.insert(line, stages);
    }
    let mut credits = Vec::new();
    for row in list_appropriations(conn, scope, budget)? {
        let stages = articles.remove(&(row.section.0, row.article.clone())).unwrap_or_default();
        let [committed, verified, ordered, accepted, paid] = stages.map(|stage| Amount::from_minor(stage).unwrap_or_default());
        let credit = Credit { committed, verified, ordered, accepted, paid, ..row.credit()? };
        credits.push((row, credit));
    }
    Ok(Executed { credits, lines })
}

/// The execution of the year's budget: initial, open, committed, verified, ordered, accepted, paid, available; of today, or
/// as of an earlier date, or as it was known at an earlier instant.
#[utoipa::path(tag = "budget", params(HistoryQuery), responses((status = 200, body = BudgetExecution)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/budget-execution")]
pub async fn read_budget_execution(call: Call, path: web::Path<(OrganisationId, i32)>, query: Query<HistoryQuery>) -> Answered {
    let (organisation, year) = path.into_inner();
    let scope = call.scope()?;
    let (today, instant) = (call.today, call.now);
    let query = query.0;
    let view = call
        .store()
        .read(move |conn| {
            db::budget::fiscal_year::find_fiscal_year(conn, &scope, year)?;
            let currency = currency_in(conn, &scope)?;
            let budget = db::budget::find_executable(conn, &scope, year)?
                .ok_or_else(|| Fault::from(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", year)))?;
            let (history, executed) = if query.as_of.is_none() && query.known_at.is_none() {
                (History { as_of: today, known_at: instant }, now(conn, &scope, &budget)?)
            } else {
                let since = list_appropriations(conn, &scope, &budget)?.first().map(|row| row.opened_at.0);
                let asked = ((query.as_of, today), (query.known_at, instant));
                let history = History::look_back(FiscalYear::new(year)?, asked.0, asked.1, since)?;
                (history, back_then(conn, &scope, &budget, history)?)
            };
            let articles = executed.credits.iter().map(|(row, credit)| article(row, *credit, currency)).collect();
            let mut done = executed.lines;
            let lines = db::budget::list_lines(conn, &budget)?
                .into_iter()
                .map(|stored| {
                    let [committed, verified, ordered, accepted, paid] = done.remove(&stored.id).unwrap_or_default();
                    LineExecution {
                        budget_line_id: stored.id,
                        code: stored.line.code(),
                        section: stored.line.section,
                        direction: stored.line.direction,
                        label_fr: stored.line.label_fr,
                        label_en: stored.line.label_en,
                        initial: stored.line.initial.display(currency),
                        committed: shown(committed, currency),
                        verified: shown(verified, currency),
                        ordered: shown(ordered, currency),
                        accepted: shown(accepted, currency),
                        paid: shown(paid, currency),
                    }
                })
                .collect();
            Ok(BudgetExecution {
                organisation_id: organisation,
                fiscal_year: year,
                budget_id: budget.id.0,
                currency: currency.code().to_owned(),
                as_of: history.as_of,
                known_at: history.known_at,
                articles,
                lines,
            })
        })
        .await?;
    ok(&view)
}
