//! Lines of a budget: read, imported from CSV or JSON with a dry run, exported so that the import gives the same.

use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, ETAG};
use actix_web::{HttpRequest, HttpResponse, get, put, web};
use db::budget::StoredLine;
use domain::audit::{Event, rows_digest};
use domain::budget::sheet::{ROWS_MAX, Reading, Row, check, read_csv, write_csv};
use domain::budget::{BUDGET_LINE_IMMUTABLE, Direction, Section, Totals};
use domain::id::{BudgetId, BudgetLineId, OrganisationId};
use domain::money::Currency;
use domain::refusal::{FieldError, Refusal};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{TotalsView, totals_view};
use crate::answer::{Answered, done, etag, ok};
use crate::auth::Call;
use crate::body::{Asked, Import, Query, parse_json};
use crate::organisation::{currency_in, currency_of};
use crate::problem::{MEDIA_TYPE_UNSUPPORTED, NOT_ACCEPTABLE, Problem, SERVICE_BROKEN};

/// A line of a budget.
#[derive(Serialize, ToSchema)]
pub struct BudgetLineView {
    id: BudgetLineId,
    /// How accountants name it: section, direction, chapter, article, paragraph.
    #[schema(max_length = 60, example = "F-D-60-602-01")]
    code: String,
    section: Section,
    direction: Direction,
    #[schema(max_length = 10)]
    chapter: String,
    /// The level of speciality: credit is controlled per article.
    #[schema(max_length = 10)]
    article: String,
    #[schema(max_length = 10)]
    paragraph: String,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    /// COFOG code.
    #[schema(max_length = 10)]
    function: String,
    /// Funding sources joined by "+".
    #[schema(max_length = 60)]
    funding: String,
    /// Marked as mandatory expenditure by the organisation.
    mandatory: bool,
    /// False for lines that only move credit.
    executable: bool,
    #[schema(max_length = 200)]
    location: Option<String>,
    /// Action of the development plan.
    #[schema(max_length = 200)]
    plan_action: Option<String>,
    #[schema(max_length = 200)]
    non_project_reason: Option<String>,
    /// Initial amount, as a decimal string.
    #[schema(max_length = 21, example = "3400000")]
    amount: String,
}

fn view(stored: StoredLine, currency: Currency) -> BudgetLineView {
    let code = stored.line.code();
    let line = stored.line;
    BudgetLineView {
        id: stored.id,
        code,
        section: line.section,
        direction: line.direction,
        chapter: line.chapter,
        article: line.article,
        paragraph: line.paragraph,
        label_fr: line.label_fr,
        label_en: line.label_en,
        function: line.function,
        funding: line.funding,
        mandatory: line.mandatory,
        executable: line.executable,
        location: line.location,
        plan_action: line.plan_action,
        non_project_reason: line.non_project_reason,
        amount: line.initial.display(currency),
    }
}

/// The lines of a budget.
#[derive(Serialize, ToSchema)]
pub struct BudgetLines {
    budget_id: BudgetId,
    /// Currency of every amount.
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// In the order in which the council reads them.
    #[schema(max_items = 5000)]
    lines: Vec<BudgetLineView>,
}

/// The lines of the budget's current edition: as JSON, or as CSV (`Accept: text/csv`) that imports back to the same.
#[utoipa::path(tag = "budget", responses((status = 200, content((BudgetLines = "application/json"), (String = "text/csv")))))]
#[get("/v1/organisations/{organisation_id}/budgets/{budget_id}/lines")]
pub async fn list_budget_lines(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, BudgetId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    let scope = call.scope()?;
    let (row, currency, lines) = call
        .store()
        .read(move |conn| {
            let row = db::budget::find_budget(conn, &scope, id)?;
            let currency = currency_in(conn, &scope)?;
            let lines = db::budget::list_lines(conn, &row)?;
            Ok((row, currency, lines))
        })
        .await?;
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    if accept.contains("text/csv") {
        let lines: Vec<_> = lines.into_iter().map(|line| line.line).collect();
        let csv = write_csv(&lines, currency).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
        let name = format!("attachment; filename=\"budget-{}-{organisation}.csv\"", row.fiscal_year);
        return Ok(HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((CONTENT_DISPOSITION, name))
            .insert_header((ETAG, format!("\"{}-csv\"", row.version)))
            .body(csv));
    }
    if !(accept.contains("json") || accept.contains("*/*") || accept.contains("application/*")) {
        return Err(Problem::from(&NOT_ACCEPTABLE));
    }
    let view = BudgetLines {
        budget_id: id,
        currency: currency.code().to_owned(),
        lines: lines.into_iter().map(|line| view(line, currency)).collect(),
    };
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(row.version))).insert_header(("cache-control", "private, no-cache")).json(view))
}

/// A line to import, as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBudgetLine {
    section: Section,
    direction: Direction,
    #[schema(max_length = 10, example = "60")]
    chapter: String,
    #[schema(max_length = 10, example = "602")]
    article: String,
    #[schema(max_length = 2, example = "01")]
    paragraph: String,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    /// COFOG code, with its leading zero.
    #[schema(max_length = 10, example = "01.1")]
    function: String,
    /// Funding sources joined by "+".
    #[schema(max_length = 60, example = "OWN")]
    funding: String,
    /// "O" for mandatory expenditure, "X" for lines that only move credit.
    #[serde(default)]
    #[schema(max_length = 2)]
    flags: String,
    #[serde(default)]
    #[schema(max_length = 200)]
    location: String,
    /// Action of the development plan.
    #[serde(default)]
    #[schema(max_length = 200)]
    plan_action: String,
    /// Why a capital line stands in no development plan.
    #[serde(default)]
    #[schema(max_length = 200)]
    non_project_reason: String,
    /// Decimal string in major units.
    #[schema(max_length = 21, pattern = "^(0|[1-9][0-9]*)(\\.[0-9]+)?$", example = "3400000")]
    amount: String,
}

/// The lines to import, as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBudgetLines {
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 5000>")]
    #[schema(max_items = 5000)]
    lines: Vec<NewBudgetLine>,
}

impl From<NewBudgetLine> for Row {
    fn from(line: NewBudgetLine) -> Self {
        Row {
            section: line.section.to_string(),
            direction: line.direction.to_string(),
            chapter: line.chapter,
            article: line.article,
            paragraph: line.paragraph,
            label_fr: line.label_fr,
            label_en: line.label_en,
            function: line.function,
            funding: line.funding,
            flags: line.flags,
            location: line.location,
            plan_action: line.plan_action,
            non_project_reason: line.non_project_reason,
            amount: line.amount,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// True to check only: every bad row is reported, nothing is stored.
    #[serde(default)]
    dry_run: bool,
}

/// A bad row.
#[derive(Serialize, ToSchema)]
pub struct RowProblem {
    /// JSON Pointer to the cell; rows count from 0.
    #[schema(max_length = 100, example = "/lines/3/amount")]
    pointer: String,
    #[schema(max_length = 60)]
    code: &'static str,
    #[schema(max_length = 400)]
    detail_fr: String,
    #[schema(max_length = 400)]
    detail_en: String,
}

pub fn row_problem(error: &FieldError) -> RowProblem {
    RowProblem { pointer: error.pointer.clone(), code: error.code, detail_fr: error.detail_fr.clone(), detail_en: error.detail_en.clone() }
}

/// What an import found, or stored.
#[derive(Serialize, ToSchema)]
pub struct ImportReport {
    /// Rows read.
    #[schema(minimum = 0)]
    rows: usize,
    /// Whether every row is good.
    valid: bool,
    /// False for a dry run.
    stored: bool,
    /// Currency of the sums.
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// Sums of the good rows.
    totals: TotalsView,
    /// Every bad row; empty when valid.
    #[schema(max_items = 100_000)]
    problems: Vec<RowProblem>,
}

fn rows_of(import: &Import) -> Result<Vec<Row>, Problem> {
    match import.kind.as_str() {
        "text/csv" => Ok(read_csv(&import.bytes)?),
        "application/json" => {
            let lines = parse_json::<NewBudgetLines>(&import.bytes)?.lines;
            if lines.len() > ROWS_MAX {
                let reason = format!("Plus de / More than {ROWS_MAX} lignes / rows");
                return Err(domain::budget::IMPORT_UNREADABLE.refuse().with("reason", reason).into());
            }
            Ok(lines.into_iter().map(Row::from).collect())
        }
        _ => Err(MEDIA_TYPE_UNSUPPORTED.refuse().with("accepted", "text/csv, application/json").into()),
    }
}

fn report(reading: &Reading, rows: usize, stored: bool, currency: Currency) -> ImportReport {
    let totals = Totals::of(&reading.lines).unwrap_or_default();
    ImportReport {
        rows,
        valid: reading.problems.is_empty(),
        stored,
        currency: currency.code().to_owned(),
        totals: totals_view(&totals, currency),
        problems: reading.problems.iter().map(row_problem).collect(),
    }
}

/// Puts these lines in the place of all lines of a draft: from CSV (separated by ";" or ",", UTF-8, columns of the
/// export) or JSON. All rows or none. `dry_run=true` reports every bad row and stores nothing.
#[utoipa::path(
    tag = "budget",
    params(ImportQuery),
    request_body(content((NewBudgetLines = "application/json"), (String = "text/csv"))),
    responses((status = 200, body = ImportReport))
)]
#[put("/v1/organisations/{organisation_id}/budgets/{budget_id}/lines")]
pub async fn replace_budget_lines(
    asked: Asked<Import>,
    path: web::Path<(OrganisationId, BudgetId)>,
    query: Query<ImportQuery>,
) -> Answered {
    let (_, id) = path.into_inner();
    let rows = rows_of(&asked.body)?;
    if query.0.dry_run {
        return dry_run(&asked.call, id, rows).await;
    }
    asked
        .write(move |call, import, tx| {
            let scope = call.scope_in(tx.organisation);
            let row = db::budget::find_budget(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            if !row.state.is_editable() {
                return Err(BUDGET_LINE_IMMUTABLE.refuse().into());
            }
            let currency = currency_of(&db::organisation::find_own(tx)?)?;
            let year = db::budget::fiscal_year::find_fiscal_year(tx.conn, &scope, row.fiscal_year)?;
            let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, year.nomenclature_id.0)?;
            let reading = check(&rows, &nomenclature, currency);
            let view = report(&reading, rows.len(), true, currency);
            let lines = reading.complete()?;
            if Totals::of(&lines).is_none() {
                return Err(Refusal::at(domain::money::AMOUNT_INVALID.refuse(), "/lines").into());
            }
            let version = db::budget::replace_lines(tx, &row, &lines)?;
            let event = Event::of("budget.lines_replaced", "budget", id.0, version)
                .with("rows", lines.len())
                .with("digest", rows_digest([import.bytes.as_slice()]));
            Ok((done(version, &view)?, event.into()))
        })
        .await
}

async fn dry_run(call: &Call, id: BudgetId, rows: Vec<Row>) -> Answered {
    let scope = call.scope()?;
    let view = call
        .store()
        .read(move |conn| {
            let row = db::budget::find_budget(conn, &scope, id)?;
            let currency = currency_in(conn, &scope)?;
            let year = db::budget::fiscal_year::find_fiscal_year(conn, &scope, row.fiscal_year)?;
            let nomenclature = db::budget::nomenclature::find_nomenclature(conn, year.nomenclature_id.0)?;
            Ok(report(&check(&rows, &nomenclature, currency), rows.len(), false, currency))
        })
        .await?;
    ok(&view)
}
