//! Receipts (quittances): money received on an order or before any, and the cancellation of what was entered by mistake.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::budget::revenue::update_execution;
use db::fault::Fault;
use db::number;
use db::revenue::order::RevenueOrder;
use db::revenue::receipt::{NewReceipt as NewRow, Receipt, ReceiptFilter};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::Direction;
use domain::budget::revenue::RevenueStep;
use domain::calendar::{DATE_OUT_OF_YEAR, FiscalYear};
use domain::expenditure::payment::PaymentMode;
use domain::expenditure::require_open;
use domain::id::{BudgetLineId, DebtorId, EntryId, OrganisationId, PrincipalId, ReceiptId, RevenueOrderId};
use domain::ledger::{Entry, Journal, Part, Posting};
use domain::money::{Amount, Currency};
use domain::revenue::{
    Allotment, RECEIPT_CANCELLED, RECEIPT_IN_USE, REVENUE_OVERPAYMENT, RevenueOrderState, money_received, require_state,
};
use domain::text::{Text, document_number};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::office::give_up;
use super::order::apart;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::expenditure::own_currency;
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// What the caller should know of something that was nevertheless done.
#[derive(Serialize, ToSchema)]
pub struct Warning {
    /// As listed at `/v1/problems`.
    #[schema(max_length = 60, example = "REVENUE_OVERPAYMENT")]
    code: &'static str,
    #[schema(max_length = 1000)]
    detail_fr: String,
    #[schema(max_length = 1000)]
    detail_en: String,
}

/// A receipt (quittance). It never changes; one entered by mistake is cancelled, and its number stays.
#[derive(Serialize, ToSchema)]
pub struct ReceiptView {
    id: ReceiptId,
    organisation_id: OrganisationId,
    /// "Q-2025-000001", without gap in the year.
    #[schema(max_length = 20, example = "Q-2025-000001")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// The order that it settles; none for money received before any order.
    revenue_order_id: Option<RevenueOrderId>,
    /// The cash office that received it, unless the accountant did.
    cash_office_id: Option<Uuid>,
    #[schema(max_length = 200)]
    payer: Option<String>,
    #[schema(max_length = 300)]
    label: Option<String>,
    mode: PaymentMode,
    received_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "175000")]
    amount: String,
    /// What settled the debt.
    #[schema(max_length = 21, example = "175000")]
    settled: String,
    /// What came on a debt that was written off, as exceptional income.
    #[schema(max_length = 21, example = "0")]
    recovered: String,
    /// What exceeds what was due: owed to the payer.
    #[schema(max_length = 21, example = "0")]
    excess: String,
    /// The order that regularised it, for money received before any order.
    regularised_by_id: Option<RevenueOrderId>,
    cancelled_on: Option<NaiveDate>,
    cancelled_by: Option<PrincipalId>,
    #[schema(max_length = 500)]
    cancellation_reason: Option<String>,
    /// The entry by which it was posted.
    entry_id: EntryId,
    received_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    /// `REVENUE_OVERPAYMENT` where more came than was due.
    #[schema(max_items = 5)]
    warnings: Vec<Warning>,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(receipt: Receipt, currency: Currency) -> ReceiptView {
    let (number, version) = (receipt.number(), receipt.version());
    let Receipt { row, cancellation, regularised_by } = receipt;
    let overpaid = (row.excess > 0).then(|| {
        let refusal = REVENUE_OVERPAYMENT.refuse().with("excess", shown(row.excess, currency)).with("currency", currency.code());
        Warning { code: refusal.code.name, detail_fr: refusal.detail_fr(), detail_en: refusal.detail_en() }
    });
    ReceiptView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number,
        fiscal_year: row.fiscal_year,
        revenue_order_id: row.revenue_order_id.map(|id| id.0),
        cash_office_id: row.cash_office_id.map(|id| id.0),
        payer: row.payer,
        label: row.label,
        mode: row.mode.0,
        received_on: row.received_on,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        settled: shown(row.settled, currency),
        recovered: shown(row.recovered, currency),
        excess: shown(row.excess, currency),
        regularised_by_id: regularised_by,
        cancelled_on: cancellation.as_ref().map(|cancellation| cancellation.cancelled_on),
        cancelled_by: cancellation.as_ref().map(|cancellation| cancellation.cancelled_by.0),
        cancellation_reason: cancellation.map(|cancellation| cancellation.reason),
        entry_id: row.entry_id.0,
        received_by: row.received_by.0,
        recorded_at: row.recorded_at.0,
        warnings: overpaid.into_iter().collect(),
        version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReceiptQuery {
    /// Only receipts of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only receipts on this order.
    revenue_order_id: Option<RevenueOrderId>,
    /// Only receipts on orders of this article.
    #[param(max_length = 20)]
    article: Option<String>,
    /// Only receipts on orders of this line.
    budget_line_id: Option<BudgetLineId>,
    /// Only receipts on orders to this debtor.
    debtor_id: Option<DebtorId>,
    /// True for receipts before any order only.
    #[serde(default)]
    unclassified: bool,
    /// Only receipts in one of these modes, separated by commas.
    #[param(max_length = 100)]
    mode: Option<String>,
    /// First day of receipt.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of receipt.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// True for cancelled receipts only, false for those that stand only.
    cancelled: Option<bool>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// A part of payer or label, without regard to accents and case.
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

/// The receipts of the organisation. Those that name a payer are seen only by those who order, collect or audit revenue.
#[utoipa::path(tag = "revenue", params(ReceiptQuery), responses((status = 200, body = Page<ReceiptView>)))]
#[get("/v1/organisations/{organisation_id}/receipts")]
pub async fn list_receipts(call: Call, _path: web::Path<OrganisationId>, query: Query<ReceiptQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<ReceiptId>(&call, query.after.as_deref(), query.limit)?;
    let filter = ReceiptFilter {
        fiscal_year: query.fiscal_year,
        revenue_order_id: query.revenue_order_id,
        article: query.article,
        budget_line_id: query.budget_line_id,
        debtor_id: query.debtor_id,
        unclassified: query.unclassified,
        mode: words("mode", query.mode.as_deref())?,
        from: query.from,
        to: query.to,
        cancelled: query.cancelled,
        text: query.q,
        ..ReceiptFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = ReceiptFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::revenue::receipt::total_receipts(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::revenue::receipt::list_receipts(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |receipt| receipt.row.id.0, |receipt| view(receipt, currency)).with_total(total, currency))
}

/// One receipt.
#[utoipa::path(tag = "revenue", responses((status = 200, body = ReceiptView)))]
#[get("/v1/organisations/{organisation_id}/receipts/{receipt_id}")]
pub async fn read_receipt(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, ReceiptId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, receipt) = call
        .store()
        .read(move |conn| {
            let receipt = db::revenue::receipt::find_receipt(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, receipt))
        })
        .await?;
    versioned(&request, receipt.version(), &view(receipt, currency))
}

/// Money received.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReceipt {
    /// An identifier made by the client, if it works offline.
    id: Option<ReceiptId>,
    /// The order that it settles; absent for money received before any order, which an order regularises later.
    revenue_order_id: Option<RevenueOrderId>,
    /// Who paid, if known.
    payer: Option<Text<200>>,
    label: Option<Text<300>>,
    /// What exceeds what is due is accepted too, and owed to the payer.
    amount: AmountText,
    currency: CurrencyText,
    mode: PaymentMode,
    /// The business date by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    received_on: Option<NaiveDate>,
}

impl Json for NewReceipt {}

/// Money to record, whoever received it.
pub struct Money<'a> {
    pub id: ReceiptId,
    pub order: Option<RevenueOrderId>,
    pub payer: Option<&'a str>,
    pub label: Option<&'a str>,
    pub amount: Amount,
    pub mode: PaymentMode,
    pub received_on: NaiveDate,
}

/// Where money counts, beside the order's own sums.
#[derive(Clone, Copy, Default)]
struct Counted {
    own: Amount,
    recovery_line: Option<BudgetLineId>,
}

/// The line on which income after a write-off counts, if the year's budget has one.
fn recovery_line(tx: &mut Tx<'_>, fiscal_year: i32, income: &str) -> Result<Option<BudgetLineId>, Fault> {
    let scope = tx.all();
    let Some(budget) = db::budget::find_executable(tx.conn, &scope, fiscal_year)? else { return Ok(None) };
    let year = find_fiscal_year(tx.conn, &scope, fiscal_year)?;
    let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, year.nomenclature_id.0)?;
    let lines = db::budget::list_lines(tx.conn, &budget)?;
    let counts = |line: &domain::budget::Line| {
        let article = nomenclature.article(line.section, line.direction, &line.article);
        line.direction == Direction::Revenue && article.and_then(|article| article.account.as_deref()) == Some(income)
    };
    Ok(lines.into_iter().find(|stored| counts(&stored.line)).map(|stored| stored.id))
}

/// The year that money received on a day belongs to: it is open, and not before that of the order.
fn year_of(tx: &mut Tx<'_>, received_on: NaiveDate, order: Option<&RevenueOrder>) -> Result<i32, Fault> {
    let year = FiscalYear::new(received_on.year())?;
    let first = order.map_or(year.year(), |order| order.row.fiscal_year);
    let outside = || DATE_OUT_OF_YEAR.refuse().with("date", received_on).with("fiscal_year", first).at("/received_on");
    year.accept(received_on, tx.today()).map_err(|refusal| refusal.at("/received_on"))?;
    let scope = tx.all();
    let row = match find_fiscal_year(tx.conn, &scope, year.year()) {
        Err(Fault::Missing) => return Err(outside().into()),
        found => found?,
    };
    require_open(year, row.state.0)?;
    if year.year() < first { Err(outside().into()) } else { Ok(year.year()) }
}

/// Records money received: allots, numbers and posts it, and moves what is owed. The money account is the accountant's by the
/// mode of payment, or that of the cash office that received it.
pub fn collect(
    tx: &mut Tx<'_>,
    money: &Money<'_>,
    money_account: &str,
    cash_office: Option<Uuid>,
    currency: Currency,
) -> Result<(Receipt, Events), Fault> {
    let received_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let scope = tx.all();
    let order = money.order.map(|id| db::revenue::order::find_revenue_order(tx.conn, &scope, id)).transpose()?;
    if let Some(RevenueOrder { row, .. }) = &order {
        use RevenueOrderState as S;
        require_state(row.state.0, &[S::Accepted, S::PartlyCollected, S::Collected, S::Cancelled, S::WrittenOff, S::Waived])?;
        apart(row, received_by)?;
    }
    let fiscal_year = year_of(tx, money.received_on, order.as_ref())?;
    let accounts = db::ledger::find_posting_accounts(tx, fiscal_year)?;
    let income = accounts.of(Part::ExceptionalIncome);
    let number = number::next(tx, fiscal_year, number::RECEIPT)?;
    let cause = Cause { kind: "receipt", id: money.id.0, on: money.received_on };
    let (allotment, counted) = match &order {
        None => (Allotment::default(), Counted::default()),
        Some(order) => {
            let allotment = order.owed.allot(money.amount);
            (allotment, count(tx, order, allotment, fiscal_year, income, cause)?)
        }
    };
    let postings = match &order {
        None => vec![Posting::debit(money_account, money.amount), Posting::credit(accounts.of(Part::UnclassifiedReceipts), money.amount)],
        Some(order) => money_received(money_account, allotment, &order.row.receivable_account, income, accounts.of(Part::Overpayments)),
    };
    let label = document_number("Q", fiscal_year, number);
    let entry = Entry::new(Journal::Treasury, money.received_on, &label, postings, currency)?;
    let posted = db::ledger::append_entry(tx, fiscal_year, &entry, "receipt", money.id.0)?;
    let new = NewRow {
        id: money.id,
        fiscal_year,
        number,
        order: money.order,
        cash_office,
        payer: money.payer,
        label: money.label,
        mode: money.mode,
        received_on: money.received_on,
        amount: money.amount.minor(),
        allotment,
        own_share: counted.own.minor(),
        recovery_line: counted.recovery_line,
        entry: posted.id,
        received_by,
    };
    let receipt = db::revenue::receipt::append_receipt(tx, &new)?;
    let event = Event::of("receipt.recorded", "receipt", money.id.0, 1)
        .with("number", number)
        .with("amount", money.amount.display(currency))
        .with("currency", currency.code())
        .with("entry_id", posted.id.to_string())
        .with("entry_digest", posted.digest);
    let Some(order) = order else { return Ok((receipt, event.into())) };
    let after = db::revenue::order::update_receivable(tx, &order.row, &order.owed.received(allotment)?)?;
    let moved = Event::of("revenue_order.collected", "revenue_order", order.row.id.0.0, after.row.version)
        .moved(order.row.state.0, after.row.state.0)
        .with("receipt_id", money.id.to_string());
    Ok((receipt, Events::from(event).and(moved)))
}

/// Moves the execution of the lines that money counts on: the own share of the order's, and that of income after a write-off.
fn count(tx: &mut Tx<'_>, order: &RevenueOrder, of: Allotment, fiscal_year: i32, income: &str, cause: Cause) -> Result<Counted, Fault> {
    let mut counted = Counted::default();
    if let Some(line) = order.row.budget_line_id {
        counted.own = db::revenue::share::part(tx, order.row.id.0, (of.settled, order.owed.collected.minor()))?.own;
        // Money that comes in a later year is not collected in the year of the order.
        if order.row.fiscal_year == fiscal_year {
            update_execution(tx, fiscal_year, line.0, RevenueStep::Collect, counted.own, cause)?;
        }
    }
    if !of.recovered.is_zero() {
        counted.recovery_line = recovery_line(tx, fiscal_year, income)?;
        if let Some(line) = counted.recovery_line {
            update_execution(tx, fiscal_year, line, RevenueStep::Order, of.recovered, cause)?;
            update_execution(tx, fiscal_year, line, RevenueStep::Collect, of.recovered, cause)?;
        }
    }
    Ok(counted)
}

/// Records money received by the accountant. On an order it settles the debt first, then what was written off (as exceptional
/// income); what exceeds both is accepted with the warning `REVENUE_OVERPAYMENT` and owed to the payer. Without an order it is
/// unclassified until an order regularises it. No If-Match: money that is there is recorded, whatever came before it.
#[utoipa::path(tag = "revenue", request_body = NewReceipt, responses((status = 201, body = ReceiptView)))]
#[post("/v1/organisations/{organisation_id}/receipts")]
pub async fn record_receipt(asked: Asked<NewReceipt>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let received_on = body.received_on.unwrap_or(call.today);
            let money = Money {
                id,
                order: body.revenue_order_id,
                payer: body.payer.as_ref().map(Text::as_str),
                label: body.label.as_ref().map(Text::as_str),
                amount: Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?,
                mode: body.mode,
                received_on,
            };
            let fiscal_year = year_of(tx, received_on, None)?;
            let accounts = db::ledger::find_posting_accounts(tx, fiscal_year)?;
            let (receipt, events) = collect(tx, &money, accounts.of(body.mode.money()), None, currency)?;
            let location = format!("/v1/organisations/{organisation}/receipts/{id}");
            Ok((created(location, 1, &view(receipt, currency))?, events))
        })
        .await
}

/// Why a receipt is cancelled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptCancellation {
    /// What was entered by mistake.
    reason: Text<500>,
}

impl Json for ReceiptCancellation {}

/// Takes back what a receipt moved of an order.
fn uncollect(tx: &mut Tx<'_>, receipt: &Receipt, order: &RevenueOrder) -> Result<Event, Fault> {
    let row = &receipt.row;
    let in_use = || RECEIPT_IN_USE.refuse().with("receipt", receipt.number());
    let owed = order.owed.returned(row.allotment()?).ok_or_else(in_use)?;
    let cause = Cause { kind: "receipt_cancellation", id: row.id.0.0, on: tx.today() };
    if let Some(line) = order.row.budget_line_id.filter(|_| order.row.fiscal_year == row.fiscal_year) {
        update_execution(tx, row.fiscal_year, line.0, RevenueStep::Uncollect, db::budget::amount(row.own_share)?, cause)?;
    }
    if let Some(line) = row.recovery_line_id {
        let recovered = db::budget::amount(row.recovered)?;
        update_execution(tx, row.fiscal_year, line.0, RevenueStep::Uncollect, recovered, cause)?;
        update_execution(tx, row.fiscal_year, line.0, RevenueStep::Reduce, recovered, cause)?;
    }
    let after = db::revenue::order::update_receivable(tx, &order.row, &owed)?;
    Ok(Event::of("revenue_order.uncollected", "revenue_order", order.row.id.0.0, after.row.version)
        .moved(order.row.state.0, after.row.state.0)
        .with("receipt_id", row.id.0.to_string()))
}

/// Cancels a receipt that was entered by mistake: a linked entry reverses it, the debt is open again, its number stays. Refused
/// where an order regularised it or its excess was refunded.
#[utoipa::path(tag = "revenue", request_body = ReceiptCancellation, responses((status = 200, body = ReceiptView)))]
#[post("/v1/organisations/{organisation_id}/receipts/{receipt_id}/cancellation")]
pub async fn cancel_receipt(asked: Asked<ReceiptCancellation>, path: web::Path<(OrganisationId, ReceiptId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let receipt = db::revenue::receipt::find_receipt(tx.conn, &scope, id)?;
            call.check_version(receipt.version())?;
            if receipt.cancellation.is_some() {
                return Err(RECEIPT_CANCELLED.refuse().with("receipt", receipt.number()).into());
            }
            if receipt.regularised_by.is_some() {
                return Err(RECEIPT_IN_USE.refuse().with("receipt", receipt.number()).into());
            }
            let row = &receipt.row;
            let year = FiscalYear::new(row.fiscal_year)?;
            require_open(year, find_fiscal_year(tx.conn, &scope, row.fiscal_year)?.state.0)?;
            year.accept(call.today, call.today)?;
            let currency = own_currency(tx)?;
            let (original, lines) = db::ledger::find_entry(tx.conn, &tx.all(), row.entry_id.0)?;
            let postings = db::ledger::postings_of(&lines)?;
            let label = format!("- {}", receipt.number());
            let entry = Entry::new(original.journal.0, call.today, &label, Entry::opposite(&postings), currency)?;
            let posted = db::ledger::append_reversal(tx, row.fiscal_year, &entry, "receipt_cancellation", id.0, row.entry_id.0)?;
            let order = row.revenue_order_id.map(|order| db::revenue::order::find_revenue_order(tx.conn, &scope, order.0)).transpose()?;
            let moved = order.map(|order| uncollect(tx, &receipt, &order)).transpose()?;
            let after = db::revenue::receipt::append_cancellation(tx, row, body.reason.as_str(), by, posted.id)?;
            let event = Event::of("receipt.cancelled", "receipt", id.0, after.version())
                .with("entry_id", posted.id.to_string())
                .with("entry_digest", posted.digest);
            let given_up = give_up(tx, &receipt, posted.id, currency)?;
            let events = moved.into_iter().chain(given_up).fold(Events::from(event), Events::and);
            Ok((done(after.version(), &view(after, currency))?, events))
        })
        .await
}
