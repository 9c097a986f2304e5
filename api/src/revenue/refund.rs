//! Refunds of what was paid in excess.

use actix_web::{get, post, web};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use db::budget::fiscal_year::find_fiscal_year;
use db::fault::Fault;
use db::number;
use db::revenue::refund::{NewRefund as NewRow, RefundFilter, RefundRow};
use domain::audit::{Event, Events};
use domain::calendar::FiscalYear;
use domain::expenditure::payment::PaymentMode;
use domain::expenditure::require_open;
use domain::id::{DebtorId, EntryId, OrganisationId, PrincipalId, RefundId, RevenueOrderId};
use domain::ledger::{Entry, Journal, Part, Posting};
use domain::money::{Amount, Currency};
use domain::revenue::{RefundFacts, refund};
use domain::text::document_number;
use domain::word::Word as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::order::{OrderPath, apart};
use crate::answer::{Answered, created, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::organisation::{currency_in, currency_of};
use crate::page::{Page, bounds, keyset, page};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, shown};

/// A refund of what was paid in excess. It never changes.
#[derive(Serialize, ToSchema)]
pub struct RefundView {
    id: RefundId,
    organisation_id: OrganisationId,
    /// "RB-2025-000001", without gap in the year.
    #[schema(max_length = 20, example = "RB-2025-000001")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    revenue_order_id: RevenueOrderId,
    mode: PaymentMode,
    paid_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "5000")]
    amount: String,
    /// The entry by which it was posted.
    entry_id: EntryId,
    paid_by: PrincipalId,
    recorded_at: DateTime<Utc>,
}

fn view(row: RefundRow, currency: Currency) -> RefundView {
    RefundView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("RB", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        revenue_order_id: row.revenue_order_id.0,
        mode: row.mode.0,
        paid_on: row.paid_on,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        entry_id: row.entry_id.0,
        paid_by: row.paid_by.0,
        recorded_at: row.recorded_at.0,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RefundQuery {
    /// Only refunds of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only refunds on this order.
    revenue_order_id: Option<RevenueOrderId>,
    /// Only on orders of this article.
    #[param(max_length = 20)]
    article: Option<String>,
    /// Only on orders to this debtor.
    debtor_id: Option<DebtorId>,
    /// Only refunds in one of these modes, separated by commas.
    #[param(max_length = 100)]
    mode: Option<String>,
    /// First day of the refund.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the refund.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
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

/// The refunds of the organisation.
#[utoipa::path(tag = "revenue", params(RefundQuery), responses((status = 200, body = Page<RefundView>)))]
#[get("/v1/organisations/{organisation_id}/refunds")]
pub async fn list_refunds(call: Call, _path: web::Path<OrganisationId>, query: Query<RefundQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<RefundId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let filter = RefundFilter {
        fiscal_year: query.fiscal_year,
        revenue_order_id: query.revenue_order_id,
        article: query.article,
        debtor_id: query.debtor_id,
        mode: words("mode", query.mode.as_deref())?,
        from: query.from,
        to: query.to,
        ..RefundFilter::default()
    };
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = RefundFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::revenue::refund::total_refunds(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::revenue::refund::list_refunds(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One refund.
#[utoipa::path(tag = "revenue", responses((status = 200, body = RefundView)))]
#[get("/v1/organisations/{organisation_id}/refunds/{refund_id}")]
pub async fn read_refund(call: Call, path: web::Path<(OrganisationId, RefundId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::revenue::refund::find_refund(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    ok(&view(row, currency))
}

/// A refund to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// At most what was overpaid and is not refunded yet.
    amount: AmountText,
    currency: CurrencyText,
    mode: PaymentMode,
}

impl Json for NewRefund {}

/// Refunds what was paid in excess on an order: overpayments are debited, the money account credited. No revenue moves.
#[utoipa::path(tag = "revenue", request_body = NewRefund, responses((status = 201, body = RefundView)))]
#[post("/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/refunds")]
pub async fn refund_overpayment(asked: Asked<NewRefund>, path: OrderPath) -> Answered {
    let (organisation, order_id) = path.into_inner();
    let id = RefundId::new();
    asked
        .write(move |call, body, tx| {
            let paid_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let order = db::revenue::order::find_revenue_order(tx.conn, &scope, order_id)?;
            call.check_version(order.row.version)?;
            apart(&order.row, paid_by)?;
            let own = db::organisation::find_own(tx)?;
            let currency = currency_of(&own)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let owed = order.owed.refunded(amount, currency)?;
            let year = FiscalYear::new(call.today.year())?;
            let fiscal_year = year.year();
            require_open(year, find_fiscal_year(tx.conn, &scope, fiscal_year)?.state.0)?;
            let accounts = db::ledger::find_posting_accounts(tx, fiscal_year)?;
            let money = accounts.of(body.mode.money()).to_owned();
            let parameters = db::parameter::find_parameters(tx.conn, COUNTRY, own.kind.as_str(), year.first_day())?;
            let facts = RefundFacts {
                currency,
                cash: db::ledger::find_cash(tx, fiscal_year, &money)?,
                cash_account: money.clone(),
                cash_ceiling: parameters.text("cash_payment_max").and_then(|text| Amount::parse(text, currency).ok()),
            };
            refund(&facts, amount, body.mode)?;
            let number = number::next(tx, fiscal_year, number::REFUND)?;
            let postings = vec![Posting::debit(accounts.of(Part::Overpayments), amount), Posting::credit(&money, amount)];
            let label = document_number("RB", fiscal_year, number);
            let entry = Entry::new(Journal::Treasury, call.today, &label, postings, currency)?;
            let posted = db::ledger::append_entry(tx, fiscal_year, &entry, "refund", id.0)?;
            let new =
                NewRow { id, fiscal_year, number, order: order_id, mode: body.mode, amount: amount.minor(), entry: posted.id, paid_by };
            let row = db::revenue::refund::append_refund(tx, &new)?;
            let after = db::revenue::order::update_receivable(tx, &order.row, &owed)?;
            let event = Event::of("refund.made", "refund", id.0, 1)
                .with("number", number)
                .with("amount", amount.display(currency))
                .with("currency", currency.code())
                .with("entry_id", posted.id.to_string())
                .with("entry_digest", posted.digest);
            let moved = Event::of("revenue_order.refunded", "revenue_order", order_id.0, after.row.version)
                .moved(order.row.state.0, after.row.state.0)
                .with("refund_id", id.to_string());
            let location = format!("/v1/organisations/{organisation}/refunds/{id}");
            Ok((created(location, 1, &view(row, currency))?, Events::from(event).and(moved)))
        })
        .await
}
