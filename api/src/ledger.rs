//! The ledger: charts, opening balances, trial balance, entries, account postings.

pub mod carried_debt;
pub mod cash_position;
pub mod import;
pub mod manual;
pub mod opening;
pub mod trial_balance;

use actix_web::{HttpRequest, get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::connection::Conn;
use db::fault::Fault;
use db::ledger::{ChartAccountRow, EntryFilter, EntryRow, PostingRow};
use domain::id::{EntryId, OrganisationId};
use domain::ledger::{Journal, Side};
use domain::money::Currency;
use domain::sensitivity::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::answer::{Answered, listed, ok, published};
use crate::auth::Call;
use crate::body::Query;
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, shown};

/// A chart of accounts.
#[derive(Serialize, ToSchema)]
pub struct ChartView {
    #[schema(max_length = 40)]
    code: String,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    #[schema(max_length = 1000)]
    source: String,
}

/// An account of a chart.
#[derive(Serialize, ToSchema)]
pub struct ChartAccount {
    #[schema(max_length = 20, example = "602")]
    code: String,
    #[schema(max_length = 300)]
    label_fr: String,
    #[schema(max_length = 300)]
    label_en: String,
    normal_side: Side,
    /// Whether entries are posted on it.
    postable: bool,
    /// GFSM 2014 code.
    #[schema(max_length = 20)]
    gfsm_code: Option<String>,
}

/// A chart with its accounts.
#[derive(Serialize, ToSchema)]
pub struct ChartDetail {
    chart: ChartView,
    #[schema(max_items = 10_000)]
    accounts: Vec<ChartAccount>,
}

fn chart_view(row: db::ledger::ChartRow) -> ChartView {
    ChartView {
        code: row.code,
        label_fr: row.label_fr,
        label_en: row.label_en,
        valid_from: row.valid_from,
        valid_to: row.valid_to,
        source: row.source,
    }
}

/// The charts of accounts.
#[utoipa::path(tag = "ledger", responses((status = 200, body = Vec<ChartView>)))]
#[get("/v1/charts")]
pub async fn list_charts(request: HttpRequest, call: Call) -> Answered {
    published(&request, &call, |conn| Ok(db::ledger::list_charts(conn)?.into_iter().map(chart_view).collect::<Vec<_>>())).await
}

/// A chart of accounts with its accounts.
#[utoipa::path(tag = "ledger", responses((status = 200, body = ChartDetail)))]
#[get("/v1/charts/{code}")]
pub async fn read_chart(request: HttpRequest, call: Call, path: web::Path<String>) -> Answered {
    let code = path.into_inner();
    let account = |row: ChartAccountRow| ChartAccount {
        code: row.code,
        label_fr: row.label_fr,
        label_en: row.label_en,
        normal_side: row.normal_side.0,
        postable: row.postable,
        gfsm_code: row.gfsm_code,
    };
    published(&request, &call, move |conn| {
        let chart = db::ledger::find_chart_by_code(conn, &code)?;
        let accounts = db::ledger::list_chart_accounts(conn, chart.id.0)?;
        Ok(ChartDetail { chart: chart_view(chart), accounts: accounts.into_iter().map(account).collect() })
    })
    .await
}

/// The currency of an organisation whose year is visible in the scope.
fn currency_in_year(conn: &mut Conn, scope: &Scope, year: i32) -> Result<Currency, Fault> {
    db::budget::fiscal_year::find_fiscal_year(conn, scope, year)?;
    currency_in(conn, scope)
}

/// A line of an entry.
#[derive(Serialize, ToSchema)]
pub struct PostingView {
    #[schema(max_length = 20, example = "602")]
    account: String,
    side: Side,
    /// Decimal string.
    #[schema(max_length = 21, example = "850000")]
    amount: String,
}

/// An entry of the ledger. It never changes.
#[derive(Serialize, ToSchema)]
pub struct EntryView {
    id: EntryId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    journal: Journal,
    /// Number in the journal, without gap.
    #[schema(minimum = 1)]
    number: i64,
    /// The date on which it counts.
    accounting_date: NaiveDate,
    /// The instant at which it was written.
    recorded_at: DateTime<Utc>,
    #[schema(max_length = 300)]
    label: String,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// Sum of its debits, equal to the sum of its credits.
    #[schema(max_length = 21)]
    total: String,
    /// What gave rise to it, such as "payment_order".
    #[schema(max_length = 40)]
    source_kind: String,
    source_id: Uuid,
    #[schema(max_items = 1000)]
    postings: Vec<PostingView>,
    /// Digest over date and lines, which stands on the organisation's chain of events.
    #[schema(min_length = 64, max_length = 64)]
    digest: String,
    /// The entry whose opposite this one is.
    reverses_id: Option<EntryId>,
}

fn posting_view(row: &PostingRow, currency: Currency) -> PostingView {
    let (side, minor) = if row.debit > 0 { (Side::Debit, row.debit) } else { (Side::Credit, row.credit) };
    PostingView { account: row.account_code.clone(), side, amount: shown(minor, currency) }
}

fn entry_view(row: EntryRow, lines: &[PostingRow], currency: Currency) -> EntryView {
    EntryView {
        postings: lines.iter().filter(|line| line.entry_id == row.id).map(|line| posting_view(line, currency)).collect(),
        id: row.id.0,
        fiscal_year: row.fiscal_year,
        journal: row.journal.0,
        number: row.number,
        accounting_date: row.accounting_date,
        recorded_at: row.recorded_at.0,
        label: row.label,
        currency: currency.code().to_owned(),
        total: shown(row.total, currency),
        source_kind: row.source_kind,
        source_id: row.source_id.0,
        digest: row.digest,
        reverses_id: row.reverses_id.map(|id| id.0),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntryQuery {
    /// Only entries of this journal.
    journal: Option<Journal>,
    /// Only entries that move this account.
    #[param(max_length = 20)]
    account: Option<String>,
    /// First accounting date.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last accounting date.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least total of an entry, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest total of an entry, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// Only entries that this kind of thing gave rise to, such as `payment_order`.
    #[param(max_length = 40)]
    source_kind: Option<String>,
    /// Only entries that this thing gave rise to.
    source_id: Option<Uuid>,
    /// A part of the label, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// True to be told what the totals of the entries of the whole list add up to, over all its pages.
    #[serde(default)]
    totals: bool,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

async fn entries(call: &Call, year: i32, query: EntryQuery) -> Result<Page<EntryView>, crate::problem::Problem> {
    let keys = keyset::<EntryId>(call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, more, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in_year(conn, &scope, year)?;
            let filter = EntryFilter {
                journal: query.journal,
                account: query.account,
                from: query.from,
                to: query.to,
                amount: bounds(query.amount_min, query.amount_max, currency)?,
                source_kind: query.source_kind,
                source_id: query.source_id,
                query: query.q,
            };
            let total = query.totals.then(|| db::ledger::total_entries(conn, &scope, year, &filter)).transpose()?;
            let found = db::ledger::list_entries(conn, &scope, year, &filter, &asked)?;
            let ids: Vec<EntryId> = found.rows.iter().map(|row| row.id.0).collect();
            let lines = db::ledger::list_postings(conn, scope.organisation, &ids)?;
            let views: Vec<EntryView> = found.rows.into_iter().map(|row| entry_view(row, &lines, currency)).collect();
            Ok((currency, views, found.more, total))
        })
        .await?;
    Ok(page(call, &keys, db::page::Rows { rows, more }, |view| view.id, |view| view).with_total(total, currency))
}

/// The entries of the year, in the order of recording.
#[utoipa::path(tag = "ledger", params(EntryQuery), responses((status = 200, body = Page<EntryView>)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/entries")]
pub async fn list_entries(call: Call, path: web::Path<(OrganisationId, i32)>, query: Query<EntryQuery>) -> Answered {
    listed(&call, entries(&call, path.into_inner().1, query.0).await?)
}

/// One entry with its lines.
#[utoipa::path(tag = "ledger", responses((status = 200, body = EntryView)))]
#[get("/v1/organisations/{organisation_id}/entries/{entry_id}")]
pub async fn read_entry(call: Call, path: web::Path<(OrganisationId, EntryId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let view = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let (row, lines) = db::ledger::find_entry(conn, &scope, id)?;
            Ok(entry_view(row, &lines, currency))
        })
        .await?;
    ok(&view)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// Only entries of this journal.
    journal: Option<Journal>,
    /// First accounting date.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last accounting date.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least total of an entry, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest total of an entry, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// Only entries that this kind of thing gave rise to, such as `payment_order`.
    #[param(max_length = 40)]
    source_kind: Option<String>,
    /// Only entries that this thing gave rise to.
    source_id: Option<Uuid>,
    /// A part of the label, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The general ledger of one account (grand livre): the entries that move it.
#[utoipa::path(tag = "ledger", params(AccountQuery), responses((status = 200, body = Page<EntryView>)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/accounts/{account}/entries")]
pub async fn list_account_postings(call: Call, path: web::Path<(OrganisationId, i32, String)>, query: Query<AccountQuery>) -> Answered {
    let (_, year, account) = path.into_inner();
    let query = query.0;
    let query = EntryQuery {
        journal: query.journal,
        account: Some(account),
        from: query.from,
        to: query.to,
        amount_min: query.amount_min,
        amount_max: query.amount_max,
        source_kind: query.source_kind,
        source_id: query.source_id,
        q: query.q,
        totals: false,
        after: query.after,
        limit: query.limit,
    };
    listed(&call, entries(&call, year, query).await?)
}
