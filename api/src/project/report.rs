//! Expenditure reports of projects: submitted, certified and accepted by different people, then attributed in the books of the fund.

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::Project;
use db::project::report::{ExpenditureReport, NewReportRow, ReportRow};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::fund::FundUseKind;
use domain::id::{ExpenditureReportId, OrganisationId, PrincipalId, ProjectId, SupplierId};
use domain::money::{Amount, Currency};
use domain::project::disbursement::require_other;
use domain::project::duty::Duty;
use domain::project::guard::BudgetCategory;
use domain::project::report::{Against, ExpenditureReportAction as Action, ExpenditureReportState, NewReport, first_day, submit};
use domain::project::{PROJECT_STATE_INVALID, ProjectState};
use domain::text::Text;
use domain::word::Word as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ProjectPath;
use super::case::Case;
use super::disbursement::through_fund;
use super::recipient::{ledger, meant, whose};
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::fund::spending::PurposeUse;
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// A line of an expenditure report.
#[derive(Serialize, ToSchema)]
pub struct ExpenditureReportLineView {
    #[schema(minimum = 1)]
    number: i32,
    category: BudgetCategory,
    #[schema(max_length = 300)]
    description: String,
    #[schema(max_length = 21)]
    amount: String,
}

/// What was spent of a project's money in a period.
#[derive(Serialize, ToSchema)]
pub struct ExpenditureReportView {
    id: ExpenditureReportId,
    project_id: ProjectId,
    #[schema(minimum = 1)]
    number: i32,
    period_from: NaiveDate,
    period_to: NaiveDate,
    /// Whether it is the final one.
    closing: bool,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    /// The sum of its lines.
    #[schema(max_length = 21)]
    amount: String,
    /// Of the signed report with its papers.
    #[schema(min_length = 64, max_length = 64)]
    document_sha256: String,
    state: ExpenditureReportState,
    submitted_by: PrincipalId,
    submitted_on: NaiveDate,
    certified_by: Option<PrincipalId>,
    certified_on: Option<NaiveDate>,
    accepted_by: Option<PrincipalId>,
    accepted_on: Option<NaiveDate>,
    rejected_by: Option<PrincipalId>,
    rejected_on: Option<NaiveDate>,
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// Who spent it, where the project names recipients.
    supplier_id: Option<SupplierId>,
    #[schema(max_items = 100)]
    lines: Vec<ExpenditureReportLineView>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(report: ExpenditureReport, project: &Project) -> Result<ExpenditureReportView, Fault> {
    let currency = project.row.currency()?;
    let line = |line: db::project::report::ReportLineRow| ExpenditureReportLineView {
        number: line.number,
        category: line.category.0,
        description: line.description,
        amount: shown(line.amount, currency),
    };
    let row = report.row;
    Ok(ExpenditureReportView {
        id: row.id.0,
        project_id: row.project_id.0,
        number: row.number,
        period_from: row.period_from,
        period_to: row.period_to,
        closing: row.closing,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        document_sha256: row.document_sha256,
        state: row.state.0,
        submitted_by: row.submitted_by.0,
        submitted_on: row.submitted_on,
        certified_by: row.certified_by.map(|by| by.0),
        certified_on: row.certified_on,
        accepted_by: row.accepted_by.map(|by| by.0),
        accepted_on: row.accepted_on,
        rejected_by: row.ended_by.map(|by| by.0),
        rejected_on: row.ended_on,
        reason: row.reason,
        supplier_id: whose(project, row.recipient_number),
        lines: report.lines.into_iter().map(line).collect(),
        version: row.version,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExpenditureReportQuery {
    /// Only reports in this state.
    state: Option<ExpenditureReportState>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The expenditure reports of a project.
#[utoipa::path(tag = "project", params(ExpenditureReportQuery), responses((status = 200, body = Page<ExpenditureReportView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/expenditure-reports")]
pub async fn list_expenditure_reports(call: Call, path: ProjectPath, query: Query<ExpenditureReportQuery>) -> Answered {
    let (_, id) = path.into_inner();
    let query = query.0;
    let keys = keyset::<ExpenditureReportId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let rows = db::project::report::list_reports(conn, &project.row, query.state, &asked)?;
            let views = rows.rows.into_iter().map(|one| view(one, &project)).collect::<Result<Vec<_>, _>>()?;
            Ok(db::page::Rows { more: rows.more, rows: views })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}

type ReportPath = web::Path<(OrganisationId, ProjectId, ExpenditureReportId)>;

/// One expenditure report.
#[utoipa::path(tag = "project", responses((status = 200, body = ExpenditureReportView)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/expenditure-reports/{expenditure_report_id}")]
pub async fn read_expenditure_report(call: Call, request: HttpRequest, path: ReportPath) -> Answered {
    let (_, project, id) = path.into_inner();
    let scope = call.scope()?;
    let found = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, project)?;
            let report = db::project::report::find_report(conn, &project.row, id)?;
            view(report, &project)
        })
        .await?;
    versioned(&request, found.version, &found)
}

/// A line of an expenditure report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExpenditureReportLine {
    /// One of the project's budget.
    category: BudgetCategory,
    description: Text<300>,
    amount: AmountText,
}

/// What was spent of a project's money in a period.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExpenditureReport {
    /// After every period that was reported, and not before the project: before its planned start, or its first payment where that was
    /// earlier.
    #[serde(deserialize_with = "crate::wire::day")]
    period_from: NaiveDate,
    /// Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    period_to: NaiveDate,
    /// Whether it is the final one; after it comes no other.
    closing: bool,
    /// Of the project.
    currency: CurrencyText,
    /// Of the signed report with its papers.
    document_sha256: Sha256Hex,
    /// The recipient that spent it, where the project names recipients: each reports for itself.
    supplier_id: Option<SupplierId>,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 100>")]
    #[schema(max_items = 100)]
    lines: Vec<NewExpenditureReportLine>,
}

impl Json for NewExpenditureReport {}

/// Refuses a report on a project whose accounts are closed, or that has no money yet.
fn require_open(state: ProjectState) -> Result<(), Fault> {
    use ProjectState as S;
    if matches!(state, S::Active | S::Suspended | S::PhysicallyCompleted | S::HandedOver | S::OperationallyClosed) {
        return Ok(());
    }
    let allowed: Vec<String> = state.transitions().map(|way| way.action.as_str().to_owned()).collect();
    Err(PROJECT_STATE_INVALID.refuse().with("state", state).with("allowed", allowed).into())
}

fn event(kind: &'static str, project: &Project, row: &ReportRow, version: i64) -> Result<Event, Fault> {
    let currency = project.row.currency()?;
    Ok(Event::of(kind, "expenditure_report", row.id.0.0, version)
        .ranked(project.row.sensitivity()?)
        .with("project_id", row.project_id.0.to_string())
        .with("amount", shown(row.amount, currency))
        .with("currency", currency.code())
        .with("document_sha256", row.document_sha256.clone()))
}

/// Submits what was spent in a period, by category of the budget. All reports together tell no more than was disbursed, or than was
/// agreed where the rules let a partner advance money; and of no category more than its budget and what the rule `reallocation_bps` lets
/// move without an amendment.
#[utoipa::path(tag = "project", request_body = NewExpenditureReport, responses((status = 201, body = ExpenditureReportView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/expenditure-reports")]
pub async fn submit_expenditure_report(asked: Asked<NewExpenditureReport>, path: ProjectPath) -> Answered {
    let (organisation, project_id) = path.into_inner();
    let id = ExpenditureReportId::new();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), project_id)?;
            call.check_version(project.row.version)?;
            require_open(project.row.state.0)?;
            let currency = project.row.currency()?;
            currency.require(&body.currency.0)?;
            let amounts = read(body, currency)?;
            let recipient = meant(&project, body.supplier_id, "/supplier_id")?;
            let amount = judge(tx, call, (&project, recipient), body, &amounts)?;
            db::project::review::take_duty(tx, project_id, by, Duty::Proponent)?;
            let told = |(line, (_, amount)): (&NewExpenditureReportLine, &(BudgetCategory, Amount))| {
                (line.category, line.description.as_str().to_owned(), amount.minor())
            };
            let new = NewReportRow {
                id,
                project: project_id,
                period: (body.period_from, body.period_to),
                closing: body.closing,
                amount: amount.minor(),
                document_sha256: body.document_sha256.0.clone(),
                lines: body.lines.iter().zip(&amounts).map(told).collect(),
                submitted_by: by,
                recipient,
            };
            db::project::report::insert_report(tx, &new)?;
            db::project::touch_project(tx, &project.row)?;
            let report = db::project::report::find_report(tx.conn, &project.row, id)?;
            let submitted = event("expenditure_report.submitted", &project, &report.row, 1)?.begun(report.row.state.0);
            let touched = project.row.event("project.reported")?;
            let location = format!("/v1/organisations/{organisation}/projects/{project_id}/expenditure-reports/{id}");
            Ok((created(location, 1, &view(report, &project)?)?, Events::from(submitted).and(touched)))
        })
        .await
}

fn read(body: &NewExpenditureReport, currency: Currency) -> Result<Vec<(BudgetCategory, Amount)>, Fault> {
    let mut lines = Vec::with_capacity(body.lines.len());
    for (index, line) in body.lines.iter().enumerate() {
        let amount = Amount::parse_positive(&line.amount.0, currency);
        lines.push((line.category, amount.map_err(|refusal| refusal.at(&format!("/lines/{index}/amount")))?));
    }
    Ok(lines)
}

fn judge(
    tx: &mut Tx<'_>,
    call: &Call,
    (project, recipient): (&Project, Option<i32>),
    body: &NewExpenditureReport,
    lines: &[(BudgetCategory, Amount)],
) -> Result<Amount, Fault> {
    let case = Case::load(tx.conn, &tx.all(), project, call.today)?;
    let line = |line: &db::project::ProjectBudgetLineRow| (line.category.0, Amount::from_minor(line.amount).unwrap_or_default());
    let budget: Vec<(BudgetCategory, Amount)> = project.lines.iter().map(line).collect();
    let told = db::project::report::told_of(tx.conn, &project.row)?;
    let finance = case.finance();
    finance.require_money()?;
    let agreed = finance.agreement.as_ref().map(|agreement| agreement.amount).unwrap_or_default();
    // A recipient is held against its own ledger.
    let (earlier, paid, agreed) = match ledger(finance, recipient) {
        Some(own) => (own.reported.as_slice(), own.paid, own.agreed()),
        None => (finance.reported.as_slice(), finance.paid, agreed),
    };
    let (currency, today, starts_on) = (project.row.currency()?, call.today, first_day(project.row.starts_on, &finance.payments));
    let against = Against { rules: case.rules, budget: &budget, told: &told, starts_on, earlier, paid, agreed, currency, today };
    Ok(submit(&NewReport { from: body.period_from, to: body.period_to, lines: lines.to_vec() }, &against)?)
}

/// A project and one of its reports, as an act found them, and who acts.
struct Found {
    project: Project,
    row: ReportRow,
    by: PrincipalId,
}

async fn act<T: Sync + Send + 'static>(
    asked: Asked<T>,
    path: ReportPath,
    (action, told): (Action, &'static str),
    effect: impl Fn(&Call, &T, &mut Tx<'_>, &Found) -> Result<ReportRow, Fault> + Send + 'static,
    after: impl Fn(&Call, &mut Tx<'_>, &Found) -> Result<Option<Event>, Fault> + Send + 'static,
) -> Answered {
    let (organisation, project_id, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), project_id)?;
            let row = db::project::report::find_report(tx.conn, &project.row, id)?.row;
            call.check_version(row.version)?;
            require_open(project.row.state.0)?;
            let (before, state) = (row.state.0, row.state.0.act(action)?);
            let found = Found { project, row, by };
            let mut next = effect(call, body, tx, &found)?;
            next.state = db::column::Col(state);
            db::project::report::update_report(tx, &next)?;
            let besides = after(call, tx, &found)?;
            let kept = db::project::report::find_report(tx.conn, &found.project.row, id)?;
            let version = kept.row.version;
            let happened = event(told, &found.project, &kept.row, version)?.moved(before, state);
            let view = view(kept, &found.project)?;
            Ok((done(version, &view)?, Events::from(happened).also(besides)))
        })
        .await
}

fn take_part(tx: &mut Tx<'_>, found: &Found, duty: Duty) -> Result<(), Fault> {
    require_other(&found.by, duty, &found.row.done())?;
    db::project::review::take_duty(tx, found.project.row.id.0, found.by, duty)
}

/// Certifies a report that was held against its papers. Not by who submitted it.
#[utoipa::path(tag = "project", responses((status = 200, body = ExpenditureReportView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/expenditure-reports/{expenditure_report_id}/certification")]
pub async fn certify_expenditure_report(asked: Asked<Nothing>, path: ReportPath) -> Answered {
    let effect = |call: &Call, _: &Nothing, tx: &mut Tx<'_>, found: &Found| {
        take_part(tx, found, Duty::FinanceCertifier)?;
        Ok(ReportRow { certified_by: Some(db::column::Col(found.by)), certified_on: Some(call.today), ..found.row.clone() })
    };
    act(asked, path, (Action::Certify, "expenditure_report.certified"), effect, |_, _, _| Ok(None)).await
}

/// Accepts a certified report, by a third person. What it tells is attributed at once to the contributions that pay, as far as it was
/// disbursed; what a partner advanced is attributed when it is paid.
#[utoipa::path(tag = "project", responses((status = 200, body = ExpenditureReportView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/expenditure-reports/{expenditure_report_id}/acceptance")]
pub async fn accept_expenditure_report(asked: Asked<Nothing>, path: ReportPath) -> Answered {
    let act_id = Uuid::now_v7();
    let effect = |call: &Call, _: &Nothing, tx: &mut Tx<'_>, found: &Found| {
        take_part(tx, found, Duty::FinanceApprover)?;
        Ok(ReportRow { accepted_by: Some(db::column::Col(found.by)), accepted_on: Some(call.today), ..found.row.clone() })
    };
    let attributed = move |call: &Call, tx: &mut Tx<'_>, found: &Found| {
        let reference = format!("Report {}", found.row.number);
        attribute_spending(call, tx, &found.project, (act_id, call.today, reference))
    };
    act(asked, path, (Action::Accept, "expenditure_report.accepted"), effect, attributed).await
}

/// Attributes what was accepted and is not attributed yet, as far as it was disbursed.
pub(super) fn attribute_spending(
    call: &Call,
    tx: &mut Tx<'_>,
    project: &Project,
    (act, on, reference): (Uuid, NaiveDate, String),
) -> Result<Option<Event>, Fault> {
    let amount = db::project::finance::finance_of(tx.conn, &project.row)?.attributable();
    if amount.is_zero() {
        return Ok(None);
    }
    let kind = FundUseKind::Expenditure;
    through_fund(call, tx, project, &PurposeUse { act, kind, amount, on, reference, donor_consent: None, undone: None }).map(Some)
}

/// Why a report is rejected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpenditureReportReason {
    reason: Text<1000>,
}

impl Json for ExpenditureReportReason {}

/// Rejects a report that is not accepted yet; its period can be reported again.
#[utoipa::path(tag = "project", request_body = ExpenditureReportReason, responses((status = 200, body = ExpenditureReportView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/expenditure-reports/{expenditure_report_id}/rejection")]
pub async fn reject_expenditure_report(asked: Asked<ExpenditureReportReason>, path: ReportPath) -> Answered {
    let effect = |call: &Call, body: &ExpenditureReportReason, _: &mut Tx<'_>, found: &Found| {
        let (ended_by, reason) = (Some(db::column::Col(found.by)), Some(body.reason.as_str().to_owned()));
        Ok(ReportRow { ended_by, ended_on: Some(call.today), reason, ..found.row.clone() })
    };
    act(asked, path, (Action::Reject, "expenditure_report.rejected"), effect, |_, _, _| Ok(None)).await
}
