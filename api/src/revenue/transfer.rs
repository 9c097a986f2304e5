//! Transfers: what was forecast, notified, ordered and received.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::fiscal_year::find_fiscal_year;
use db::connection::Conn;
use db::fault::Fault;
use db::revenue::transfer::{NewNotification, TransferNotificationFilter, TransferNotificationRow};
use domain::audit::Event;
use domain::budget::nomenclature::Nomenclature;
use domain::budget::{BUDGET_NOT_EXECUTABLE, Direction, Line};
use domain::calendar::not_future;
use domain::id::{BudgetLineId, OrganisationId, PrincipalId, TransferNotificationId};
use domain::ledger::Part;
use domain::money::{Amount, Currency};
use domain::revenue::{TRANSFER_LINE_INVALID, is_grant};
use domain::text::Text;
use domain::word::Word as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::expenditure::own_currency;
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// A notification of a transfer to come: an endowment of the State, a grant of an agency or a partner. It never changes.
#[derive(Serialize, ToSchema)]
pub struct TransferNotificationView {
    id: TransferNotificationId,
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    budget_line_id: BudgetLineId,
    /// The letter or decision.
    #[schema(max_length = 100)]
    reference: String,
    notified_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "28000000")]
    amount: String,
    #[schema(max_length = 64)]
    document_sha256: String,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn view(row: TransferNotificationRow, currency: Currency) -> TransferNotificationView {
    TransferNotificationView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fiscal_year: row.fiscal_year,
        budget_line_id: row.budget_line_id.0,
        reference: row.reference,
        notified_on: row.notified_on,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        document_sha256: row.document_sha256,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TransferNotificationQuery {
    /// Only notifications for this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only notifications on this line.
    budget_line_id: Option<BudgetLineId>,
    /// First day of the notification.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the notification.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// A part of the reference, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// True to be told what the whole list adds up to, over all its pages.
    #[serde(default)]
    totals: bool,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The notifications of transfers that the organisation has.
#[utoipa::path(tag = "revenue", params(TransferNotificationQuery), responses((status = 200, body = Page<TransferNotificationView>)))]
#[get("/v1/organisations/{organisation_id}/transfer-notifications")]
pub async fn list_transfer_notifications(
    call: Call,
    _path: web::Path<OrganisationId>,
    query: Query<TransferNotificationQuery>,
) -> Answered {
    let query = query.0;
    let keys = keyset::<TransferNotificationId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = TransferNotificationFilter {
                fiscal_year: query.fiscal_year,
                budget_line_id: query.budget_line_id,
                from: query.from,
                to: query.to,
                amount: bounds(query.amount_min, query.amount_max, currency)?,
                text: query.q,
            };
            let total = query.totals.then(|| db::revenue::transfer::total_transfer_notifications(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::revenue::transfer::list_transfer_notifications(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One notification of a transfer.
#[utoipa::path(tag = "revenue", responses((status = 200, body = TransferNotificationView)))]
#[get("/v1/organisations/{organisation_id}/transfer-notifications/{transfer_notification_id}")]
pub async fn read_transfer_notification(call: Call, path: web::Path<(OrganisationId, TransferNotificationId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::revenue::transfer::find_transfer_notification(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    ok(&view(row, currency))
}

/// A notification to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransferNotification {
    /// An identifier made by the client, if it works offline.
    id: Option<TransferNotificationId>,
    /// A line of an endowment or a grant, of the executable budget.
    budget_line_id: BudgetLineId,
    /// The letter or decision, unique in the year.
    reference: Text<100>,
    #[serde(deserialize_with = "crate::wire::day")]
    notified_on: NaiveDate,
    amount: AmountText,
    currency: CurrencyText,
    document_sha256: Sha256Hex,
}

impl Json for NewTransferNotification {}

/// Whether a line waits for an endowment or a grant.
fn is_transfer(nomenclature: &Nomenclature, line: &Line) -> bool {
    let article = nomenclature.article(line.section, line.direction, &line.article);
    let part = article.and_then(|article| article.receivable.as_deref()).and_then(Part::parse);
    line.direction == Direction::Revenue && part.is_some_and(is_grant)
}

/// Records that a transfer was notified. No account moves: what is notified is neither ordered nor received.
#[utoipa::path(tag = "revenue", request_body = NewTransferNotification, responses((status = 201, body = TransferNotificationView)))]
#[post("/v1/organisations/{organisation_id}/transfer-notifications")]
pub async fn record_transfer_notification(asked: Asked<NewTransferNotification>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            not_future(body.notified_on, call.today).map_err(|refusal| refusal.at("/notified_on"))?;
            let (stored, budget) = db::budget::find_line(tx.conn, &scope, body.budget_line_id)?;
            if !budget.state.is_executable() {
                return Err(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", budget.fiscal_year).into());
            }
            let year = find_fiscal_year(tx.conn, &scope, budget.fiscal_year)?;
            let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, year.nomenclature_id.0)?;
            if !is_transfer(&nomenclature, &stored.line) {
                return Err(TRANSFER_LINE_INVALID.refuse().at("/budget_line_id").into());
            }
            let new = NewNotification {
                id,
                fiscal_year: budget.fiscal_year,
                line: stored.id,
                reference: body.reference.as_str().to_owned(),
                notified_on: body.notified_on,
                amount: amount.minor(),
                document_sha256: body.document_sha256.0.clone(),
                recorded_by,
            };
            let row = db::revenue::transfer::append_transfer_notification(tx, &new)?;
            let event = Event::of("transfer_notification.recorded", "transfer_notification", id.0, 1)
                .with("article", &stored.line.article)
                .with("amount", amount.display(currency))
                .with("currency", currency.code())
                .with("document_sha256", &new.document_sha256);
            let location = format!("/v1/organisations/{organisation}/transfer-notifications/{id}");
            Ok((created(location, 1, &view(row, currency))?, event.into()))
        })
        .await
}

/// A line of transfers.
#[derive(Serialize, ToSchema)]
pub struct TransferLine {
    budget_line_id: BudgetLineId,
    #[schema(max_length = 60, example = "I-R-14-141-01")]
    code: String,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    /// Forecast of the budget.
    #[schema(max_length = 21)]
    forecast: String,
    #[schema(max_length = 21)]
    notified: String,
    /// Revenue orders accepted, less their reductions.
    #[schema(max_length = 21)]
    ordered: String,
    #[schema(max_length = 21)]
    received: String,
}

/// The transfers of a year.
#[derive(Serialize, ToSchema)]
pub struct Transfers {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// The business date on which this was so.
    as_of: NaiveDate,
    #[schema(max_items = 5000)]
    lines: Vec<TransferLine>,
}

/// The transfers of a year by line: forecast, notified, ordered, received.
#[utoipa::path(tag = "revenue", responses((status = 200, body = Transfers)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/transfers")]
pub async fn read_transfers(call: Call, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (organisation, year) = path.into_inner();
    let scope = call.scope()?;
    let today = call.today;
    let view = call
        .store()
        .read(move |conn: &mut Conn| {
            let row = find_fiscal_year(conn, &scope, year)?;
            let currency = currency_in(conn, &scope)?;
            let budget = db::budget::find_executable(conn, &scope, year)?
                .ok_or_else(|| Fault::from(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", year)))?;
            let nomenclature = db::budget::nomenclature::find_nomenclature(conn, row.nomenclature_id.0)?;
            let mut notified: BTreeMap<BudgetLineId, i64> = BTreeMap::new();
            for (line, amount) in db::revenue::transfer::list_notified(conn, &scope, year)? {
                *notified.entry(line).or_default() += amount;
            }
            let mut done = db::budget::revenue::list_revenue_executions(conn, &scope, &budget)?;
            let lines = db::budget::list_lines(conn, &budget)?;
            let lines = lines.into_iter().filter(|stored| is_transfer(&nomenclature, &stored.line));
            let lines = lines.map(|stored| {
                let done = done.remove(&stored.id).unwrap_or_default();
                TransferLine {
                    budget_line_id: stored.id,
                    code: stored.line.code(),
                    label_fr: stored.line.label_fr,
                    label_en: stored.line.label_en,
                    forecast: stored.line.initial.display(currency),
                    notified: shown(notified.get(&stored.id).copied().unwrap_or_default(), currency),
                    ordered: shown(done.ordered, currency),
                    received: shown(done.collected, currency),
                }
            });
            let currency = currency.code().to_owned();
            Ok(Transfers { organisation_id: organisation, fiscal_year: year, currency, as_of: today, lines: lines.collect() })
        })
        .await?;
    ok(&view)
}
