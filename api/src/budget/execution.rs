//! Budget execution: the credit arithmetic, article by article and line by line.

use std::collections::{BTreeMap, HashMap};

use actix_web::{get, web};
use chrono::NaiveDate;
use db::budget::revenue::RevenueExecutionRow;
use db::fault::Fault;
use domain::budget::{BUDGET_NOT_EXECUTABLE, Direction, Section};
use domain::id::{BudgetId, BudgetLineId, OrganisationId};
use domain::money::{Amount, Balance, Currency};
use domain::word::Word as _;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::organisation::currency_in;
use crate::wire::shown;

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
    /// For a line of revenue: what was ordered and accepted (titres pris en charge), less reductions of the year, without the
    /// shares of others in shared taxes; null for expenditure.
    #[schema(max_length = 21)]
    issued: Option<String>,
    /// For a line of revenue: what was collected of it in the year; null for expenditure.
    #[schema(max_length = 21)]
    collected: Option<String>,
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
pub struct BudgetExecution {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    budget_id: BudgetId,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// The business date on which this was so.
    as_of: NaiveDate,
    /// Credit is controlled here: per article of a section.
    #[schema(max_items = 5000)]
    articles: Vec<ArticleExecution>,
    /// The same by line, for information.
    #[schema(max_items = 5000)]
    lines: Vec<LineExecution>,
    /// The totals of each section.
    #[schema(max_items = 2)]
    sections: Vec<SectionExecution>,
}

fn article(row: &db::budget::credit::AppropriationRow, currency: Currency) -> Result<ArticleExecution, Fault> {
    let credit = row.credit()?;
    let show = |amount: Amount| amount.display(currency);
    Ok(ArticleExecution {
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
    })
}

/// The totals of the sections, from what was done with their articles of expenditure and lines of revenue.
fn sections(
    articles: &[db::budget::credit::AppropriationRow],
    lines: &[db::budget::StoredLine],
    revenue: &BTreeMap<BudgetLineId, RevenueExecutionRow>,
    currency: Currency,
) -> Result<Vec<SectionExecution>, Fault> {
    let sum = |amounts: Vec<i64>| {
        let amounts = amounts.into_iter().map(db::budget::amount).collect::<Result<Vec<_>, _>>()?;
        Amount::sum(amounts).ok_or_else(|| Fault::Corrupt("sum of the execution out of range".to_owned()))
    };
    let of = |section: Section| {
        let done = || lines.iter().filter(|stored| stored.line.section == section).filter_map(|stored| revenue.get(&stored.id));
        let issued = sum(done().map(|done| done.ordered).collect())?;
        let collected = sum(done().map(|done| done.collected).collect())?;
        let accepted = sum(articles.iter().filter(|row| row.section.0 == section).map(|row| row.accepted).collect())?;
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

/// The execution of the year's budget: initial, open, committed, verified, ordered, accepted, paid, available; revenue issued
/// and collected; and what each section comes to.
#[utoipa::path(tag = "budget", responses((status = 200, body = BudgetExecution)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/budget-execution")]
pub async fn read_budget_execution(call: Call, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (organisation, year) = path.into_inner();
    let scope = call.scope()?;
    let today = call.today;
    let view = call
        .store()
        .read(move |conn| {
            db::budget::fiscal_year::find_fiscal_year(conn, &scope, year)?;
            let currency = currency_in(conn, &scope)?;
            let budget = db::budget::find_executable(conn, &scope, year)?
                .ok_or_else(|| Fault::from(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", year)))?;
            let appropriations = db::budget::credit::list_appropriations(conn, &scope, &budget)?;
            let articles = appropriations.iter().map(|row| article(row, currency)).collect::<Result<_, _>>()?;
            let mut done: HashMap<BudgetLineId, _> = db::budget::credit::list_executions(conn, &scope, &budget)?.into_iter().collect();
            let revenue = db::budget::revenue::list_revenue_executions(conn, &scope, &budget)?;
            let lines = db::budget::list_lines(conn, &budget)?;
            let sections = sections(&appropriations, &lines, &revenue, currency)?;
            let lines = lines
                .into_iter()
                .map(|stored| {
                    let done_of_revenue = revenue.get(&stored.id);
                    let execution = done.remove(&stored.id).unwrap_or_default();
                    LineExecution {
                        budget_line_id: stored.id,
                        code: stored.line.code(),
                        section: stored.line.section,
                        direction: stored.line.direction,
                        label_fr: stored.line.label_fr,
                        label_en: stored.line.label_en,
                        initial: stored.line.initial.display(currency),
                        committed: shown(execution.committed, currency),
                        verified: shown(execution.verified, currency),
                        ordered: shown(execution.ordered, currency),
                        accepted: shown(execution.accepted, currency),
                        paid: shown(execution.paid, currency),
                        issued: done_of_revenue.map(|done| shown(done.ordered, currency)),
                        collected: done_of_revenue.map(|done| shown(done.collected, currency)),
                    }
                })
                .collect();
            Ok(BudgetExecution {
                organisation_id: organisation,
                fiscal_year: year,
                budget_id: budget.id.0,
                currency: currency.code().to_owned(),
                as_of: today,
                articles,
                lines,
                sections,
            })
        })
        .await?;
    ok(&view)
}
