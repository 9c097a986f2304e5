//! What is told of a fund elsewhere, in a bulletin or by its recipients, held against its own books.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::connection::Conn;
use db::fault::Fault;
use db::fund::report::{FundReport, NewReport};
use db::fund::statement::Span;
use domain::audit::Event;
use domain::calendar::not_future;
use domain::fund::DonorKind;
use domain::fund::report::{Discrepancy, DiscrepancyWeight, compare, donor_list, stated_ratio};
use domain::fund::waterfall::{FundFigure, Waterfall};
use domain::id::{DonorId, FundId, FundReportId, OrganisationId, PrincipalId};
use domain::money::{Amount, Balance, Currency};
use domain::sensitivity::Scope;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::pledge::Bounded;
use super::statement::Books;
use super::views;
use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText};

/// A figure that was told, beside that of the books.
#[derive(Serialize, ToSchema)]
pub struct ReportedFigureView {
    figure: FundFigure,
    #[schema(max_length = 22)]
    stated: String,
    /// Of the books, as they are known now.
    #[schema(max_length = 22)]
    recorded: String,
    /// Of the books less what was told.
    #[schema(max_length = 22)]
    difference: String,
}

/// What does not agree.
#[derive(Serialize, ToSchema)]
pub struct FundFindingView {
    discrepancy: Discrepancy,
    weight: DiscrepancyWeight,
    /// Of which figure; none for a ratio or a list.
    figure: Option<FundFigure>,
    /// Of the books less what was told: of a ratio in basis points, of a list in names.
    #[schema(max_length = 22)]
    difference: String,
}

/// The contributors that were named, beside those whose money or goods came.
#[derive(Serialize, ToSchema)]
pub struct ReportedContributorsView {
    #[schema(minimum = 0)]
    stated: usize,
    #[schema(minimum = 0)]
    recorded: usize,
    /// Of those recorded.
    #[schema(minimum = 0)]
    states: usize,
    /// Of those recorded.
    #[schema(minimum = 0)]
    multilaterals: usize,
    /// Named, and nothing came from them; as they were named.
    #[schema(max_items = 500, value_type = Vec<Text<200>>)]
    only_stated: Vec<String>,
    /// By the names by which the organisation knows them.
    #[schema(max_items = 500, value_type = Vec<Text<200>>)]
    only_recorded: Vec<String>,
}

/// What was told of a fund elsewhere, held against its books as they are known now.
#[derive(Serialize, ToSchema)]
pub struct FundReportView {
    id: FundReportId,
    organisation_id: OrganisationId,
    fund_id: FundId,
    /// Who told it, and where.
    #[schema(max_length = 300)]
    source: String,
    /// The last day that it tells of.
    as_of: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    /// To which unit its figures are rounded.
    #[schema(max_length = 21, example = "1")]
    unit: String,
    #[schema(max_items = 30)]
    figures: Vec<ReportedFigureView>,
    /// Allocated of what was received, as it was told.
    #[schema(minimum = 0, maximum = 100000)]
    stated_allocated_bps: Option<i32>,
    /// Allocated of what was received, by the books.
    recorded_allocated_bps: i64,
    /// None where no contributors were named.
    contributors: Option<ReportedContributorsView>,
    #[schema(max_items = 40)]
    findings: Vec<FundFindingView>,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn finding(discrepancy: Discrepancy, figure: Option<FundFigure>, difference: String) -> FundFindingView {
    FundFindingView { discrepancy, weight: discrepancy.weight(), figure, difference }
}

/// Compares the list of contributors.
fn contributors(conn: &mut Conn, scope: &Scope, names: &[String], came: &BTreeSet<DonorId>) -> Result<ReportedContributorsView, Fault> {
    let known = db::fund::donor::find_named(conn, scope, names)?;
    let named: BTreeSet<DonorId> = known.values().copied().collect();
    let (only_stated, only_recorded) = donor_list(&named, came);
    let donors = db::fund::donor::find_donors(conn, scope, came.iter().copied())?;
    let kind = |kind| donors.iter().filter(|donor| donor.kind.0 == kind).count();
    let unknown = |name: &&String| known.get(*name).is_none_or(|donor| only_stated.contains(donor));
    Ok(ReportedContributorsView {
        stated: names.len(),
        recorded: came.len(),
        states: kind(DonorKind::State),
        multilaterals: kind(DonorKind::Multilateral),
        only_stated: names.iter().filter(unknown).cloned().collect(),
        only_recorded: donors.iter().filter(|donor| only_recorded.contains(&donor.id.0)).map(|donor| donor.name.clone()).collect(),
    })
}

fn figures(report: &FundReport, flow: &Waterfall, currency: Currency) -> (Vec<ReportedFigureView>, Vec<FundFindingView>) {
    let shown = |minor| Balance::from_minor(minor).display(currency);
    let (mut figures, mut findings) = (Vec::with_capacity(report.figures.len()), Vec::new());
    for (figure, stated) in report.figures.iter().copied() {
        let recorded = flow.figure(figure);
        let difference = shown(recorded - stated);
        findings.extend(compare(flow, figure, stated, report.row.unit).map(|why| finding(why, Some(figure), difference.clone())));
        figures.push(ReportedFigureView { figure, stated: shown(stated), recorded: shown(recorded), difference });
    }
    (figures, findings)
}

fn view(conn: &mut Conn, scope: &Scope, report: FundReport) -> Result<FundReportView, Fault> {
    let row = &report.row;
    let currency = db::fund::find_fund_row(conn, scope, row.fund_id.0)?.currency()?;
    let books = Books::read(conn, scope, row.fund_id.0, None, Span::until(row.as_of, None))?;
    let flow = books.waterfall();
    let (figures, mut findings) = figures(&report, &flow, currency);
    let (recorded_allocated_bps, _) = stated_ratio(&flow, 0);
    let ratio = row.allocated_bps.and_then(|stated| stated_ratio(&flow, i64::from(stated)).1);
    findings.extend(ratio.map(|difference| finding(Discrepancy::StatedRatio, None, difference.to_string())));
    let came = books.contributors();
    let contributors = (!report.donors.is_empty()).then(|| contributors(conn, scope, &report.donors, &came)).transpose()?;
    if let Some(list) = contributors.as_ref().filter(|list| !(list.only_stated.is_empty() && list.only_recorded.is_empty())) {
        let difference = i128::try_from(list.recorded).unwrap_or_default() - i128::try_from(list.stated).unwrap_or_default();
        findings.push(finding(Discrepancy::DonorList, None, difference.to_string()));
    }
    Ok(FundReportView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fund_id: row.fund_id.0,
        source: row.source.clone(),
        as_of: row.as_of,
        currency: currency.code().to_owned(),
        unit: Balance::from_minor(row.unit).display(currency),
        figures,
        stated_allocated_bps: row.allocated_bps,
        recorded_allocated_bps,
        contributors,
        findings,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FundReportQuery {
    /// Only reports on this fund.
    fund_id: Option<FundId>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What was told of the organisation's funds elsewhere, each time with what does not agree with their books.
#[utoipa::path(tag = "fund", params(FundReportQuery), responses((status = 200, body = Page<FundReportView>)))]
#[get("/v1/organisations/{organisation_id}/fund-reports")]
pub async fn list_fund_reports(call: Call, _path: web::Path<OrganisationId>, query: Query<FundReportQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<FundReportId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call
        .store()
        .read(move |conn| {
            let reports = db::fund::report::list_reports(conn, &scope, query.fund_id, &asked)?;
            let mut shown = Vec::with_capacity(reports.rows.len());
            for report in reports.rows {
                shown.push(view(conn, &scope, report)?);
            }
            views(db::page::Rows { more: reports.more, rows: shown }, Ok)
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}

/// One of them.
#[utoipa::path(tag = "fund", responses((status = 200, body = FundReportView)))]
#[get("/v1/organisations/{organisation_id}/fund-reports/{fund_report_id}")]
pub async fn read_fund_report(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, FundReportId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let shown = call
        .store()
        .read(move |conn| {
            let report = db::fund::report::find_report(conn, &scope, id)?;
            view(conn, &scope, report)
        })
        .await?;
    versioned(&request, 1, &shown)
}

/// A figure that was told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReportedFigure {
    figure: FundFigure,
    amount: AmountText,
}

/// What was told of a fund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFundReport {
    /// An identifier made by the client, if it works offline.
    id: Option<FundReportId>,
    fund_id: FundId,
    /// Who told it, and where.
    source: Text<300>,
    /// The last day that it tells of.
    #[serde(deserialize_with = "crate::wire::day")]
    as_of: NaiveDate,
    /// Of the fund.
    currency: CurrencyText,
    /// To which unit its figures are rounded.
    unit: AmountText,
    /// Each once.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 30>")]
    #[schema(max_items = 30)]
    figures: Vec<NewReportedFigure>,
    /// Allocated of what was received, in basis points.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 100000)]
    allocated_bps: Option<Bounded<0, 100_000>>,
    /// The contributors, as they are named; none if nobody is.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 500>")]
    #[schema(max_items = 500)]
    contributors: Vec<Text<200>>,
}

impl Json for NewFundReport {}

/// Records what was told of a fund elsewhere, and says what of it does not agree with the books: figures, the ratio of allocation, the
/// list of contributors. It is never changed.
#[utoipa::path(tag = "fund", request_body = NewFundReport, responses((status = 201, body = FundReportView)))]
#[post("/v1/organisations/{organisation_id}/fund-reports")]
pub async fn record_fund_report(asked: Asked<NewFundReport>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let (id, fund) = (asked.body.id.unwrap_or_default(), asked.body.fund_id);
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let currency = db::fund::find_fund_row(tx.conn, &scope, fund)?.currency()?;
            currency.require(&body.currency.0)?;
            not_future(body.as_of, call.today).map_err(|refusal| refusal.at("/as_of"))?;
            let unit = Amount::parse_positive(&body.unit.0, currency).map_err(|refusal| refusal.at("/unit"))?;
            let mut figures = BTreeMap::new();
            for (index, told) in body.figures.iter().enumerate() {
                let amount = Amount::parse(&told.amount.0, currency).map_err(|refusal| refusal.at(&format!("/figures/{index}/amount")))?;
                figures.insert(told.figure, amount.minor());
            }
            let donors: BTreeSet<String> = body.contributors.iter().map(|name| name.as_str().to_owned()).collect();
            let new = NewReport {
                id,
                fund,
                source: body.source.as_str().to_owned(),
                as_of: body.as_of,
                unit: unit.minor(),
                allocated_bps: body.allocated_bps.and_then(|bps| i32::try_from(bps.0).ok()),
                figures,
                donors: donors.into_iter().collect(),
                recorded_by,
            };
            let report = db::fund::report::append_report(tx, &new)?;
            let shown = view(tx.conn, &scope, report)?;
            let event = Event::of("fund_report.recorded", "fund_report", id.0, 1)
                .with("fund_id", fund.to_string())
                .with("as_of", new.as_of)
                .with("findings", shown.findings.len());
            Ok((created(format!("/v1/organisations/{organisation}/fund-reports/{id}"), 1, &shown)?, event.into()))
        })
        .await
}
