//! Revenue orders and tax rolls: drafted, issued and numbered. What the accountant does with them: [`super::acceptance`].

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::fiscal_year::find_fiscal_year;
use db::column::Col;
use db::fault::Fault;
use db::number;
use db::revenue::order::{NewRevenueOrder as NewRow, Origin, RevenueOrder, RevenueOrderChange, RevenueOrderFilter, RevenueOrderRow};
use db::store::Tx;
use domain::audit::Event;
use domain::calendar::FiscalYear;
use domain::expenditure::require_open;
use domain::id::{BudgetLineId, DebtorId, OrganisationId, PrincipalId, ReceiptId, RevenueOrderId};
use domain::ledger::Part;
use domain::money::{Amount, Currency};
use domain::revenue::{
    DEBTOR_INACTIVE, OrderFacts, RECEIPTS_MISMATCH, RevenueOrderKind, RevenueOrderState, RevenueRejectionReason, draft, keep_apart,
    require_authorised, require_state,
};
use domain::text::{Text, document_number};
use domain::word::Word as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::revenue_article;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::expenditure::own_currency;
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// A revenue order or tax roll (titre de recette, rôle), with what became of the debt.
/// Once accepted: amount = reduced + collected + written_off + waived + outstanding.
#[derive(Serialize, ToSchema)]
pub struct RevenueOrderView {
    id: RevenueOrderId,
    organisation_id: OrganisationId,
    /// "T-2025-000001", given at issuance, without gap in the year. Carried receivables have none.
    #[schema(max_length = 20, example = "T-2025-000001")]
    number: Option<String>,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    kind: RevenueOrderKind,
    /// The line of revenue; none for recoveries and carried receivables.
    budget_line_id: Option<BudgetLineId>,
    #[schema(max_length = 20, example = "722")]
    article: Option<String>,
    debtor_id: Option<DebtorId>,
    /// How many taxpayers a roll has.
    #[schema(minimum = 1)]
    taxpayers: Option<i32>,
    /// The order of the earlier year, for a carried receivable.
    #[schema(max_length = 60)]
    reference: Option<String>,
    /// The year in which a carried receivable arose.
    #[schema(minimum = 1900, maximum = 2200)]
    since_year: Option<i32>,
    #[schema(max_length = 300)]
    label: String,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "200000")]
    amount: String,
    #[schema(max_length = 21, example = "25000")]
    reduced: String,
    #[schema(max_length = 21, example = "175000")]
    collected: String,
    #[schema(max_length = 21, example = "0")]
    written_off: String,
    #[schema(max_length = 21, example = "0")]
    waived: String,
    /// What may still be collected (reste à recouvrer); zero before the acceptance.
    #[schema(max_length = 21, example = "0")]
    outstanding: String,
    /// What came after the write-off, as exceptional income.
    #[schema(max_length = 21, example = "0")]
    recovered: String,
    /// What came in excess and was not refunded.
    #[schema(max_length = 21, example = "0")]
    overpaid: String,
    /// The account that the debt stands on.
    #[schema(max_length = 20, example = "411")]
    receivable_account: String,
    state: RevenueOrderState,
    drafted_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    issued_by: Option<PrincipalId>,
    issued_on: Option<NaiveDate>,
    /// The accountant who accepted or rejected it.
    decided_by: Option<PrincipalId>,
    decided_on: Option<NaiveDate>,
    rejection_reason: Option<RevenueRejectionReason>,
    #[schema(max_length = 2000)]
    rejection_text: Option<String>,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(order: RevenueOrder, currency: Currency) -> RevenueOrderView {
    let RevenueOrder { row, owed } = order;
    let show = |amount: Amount| amount.display(currency);
    RevenueOrderView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: row.number.map(|number| document_number("T", row.fiscal_year, number)),
        fiscal_year: row.fiscal_year,
        kind: row.kind.0,
        budget_line_id: row.budget_line_id.map(|id| id.0),
        article: row.article,
        debtor_id: row.debtor_id.map(|id| id.0),
        taxpayers: row.taxpayers,
        reference: row.reference,
        since_year: row.since_year,
        label: row.label,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        reduced: show(owed.reduced),
        collected: show(owed.collected),
        written_off: show(owed.written_off),
        waived: show(owed.waived),
        outstanding: show(owed.outstanding()),
        recovered: show(owed.recovered),
        overpaid: show(owed.overpaid),
        receivable_account: row.receivable_account,
        state: row.state.0,
        drafted_by: row.drafted_by.0,
        recorded_at: row.recorded_at.0,
        issued_by: row.issued_by.map(|id| id.0),
        issued_on: row.issued_on,
        decided_by: row.decided_by.map(|id| id.0),
        decided_on: row.decided_on,
        rejection_reason: row.rejection_reason.map(|reason| reason.0),
        rejection_text: row.rejection_text,
        version: row.version,
    }
}

/// How people name an order: by its number, or by the reference of a carried receivable.
pub fn name(row: &RevenueOrderRow) -> String {
    let number = row.number.map(|number| document_number("T", row.fiscal_year, number));
    number.or_else(|| row.reference.clone()).unwrap_or_default()
}

/// Refuses the people behind an order at the accountant's desk. Carried receivables were recorded there.
pub fn apart(row: &RevenueOrderRow, accountant: PrincipalId) -> Result<(), domain::refusal::Refusal> {
    if row.kind.0 == RevenueOrderKind::Carried {
        return Ok(());
    }
    keep_apart(&[Some(row.drafted_by.0), row.issued_by.map(|id| id.0)], accountant)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevenueOrderQuery {
    /// Only orders of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only orders of one of these kinds, separated by commas.
    #[param(max_length = 100)]
    kind: Option<String>,
    /// Only orders in one of these states, separated by commas.
    #[param(max_length = 200)]
    state: Option<String>,
    /// Only orders on this article.
    #[param(max_length = 20)]
    article: Option<String>,
    /// Only orders on this line.
    budget_line_id: Option<BudgetLineId>,
    /// Only orders to this debtor.
    debtor_id: Option<DebtorId>,
    /// First date of issue.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last date of issue.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// A part of the label, without regard to accents and case.
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

/// The revenue orders of the organisation, carried receivables and recoveries among them.
#[utoipa::path(tag = "revenue", params(RevenueOrderQuery), responses((status = 200, body = Page<RevenueOrderView>)))]
#[get("/v1/organisations/{organisation_id}/revenue-orders")]
pub async fn list_revenue_orders(call: Call, _path: web::Path<OrganisationId>, query: Query<RevenueOrderQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<RevenueOrderId>(&call, query.after.as_deref(), query.limit)?;
    let filter = RevenueOrderFilter {
        fiscal_year: query.fiscal_year,
        kind: words("kind", query.kind.as_deref())?,
        state: words("state", query.state.as_deref())?,
        article: query.article,
        budget_line_id: query.budget_line_id,
        debtor_id: query.debtor_id,
        from: query.from,
        to: query.to,
        text: query.q,
        ..RevenueOrderFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = RevenueOrderFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::revenue::order::total_revenue_orders(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::revenue::order::list_revenue_orders(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |order| order.row.id.0, |order| view(order, currency)).with_total(total, currency))
}

/// One revenue order.
#[utoipa::path(tag = "revenue", responses((status = 200, body = RevenueOrderView)))]
#[get("/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}")]
pub async fn read_revenue_order(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, RevenueOrderId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, order) = call
        .store()
        .read(move |conn| {
            let order = db::revenue::order::find_revenue_order(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, order))
        })
        .await?;
    versioned(&request, order.row.version, &view(order, currency))
}

/// An order to draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRevenueOrder {
    /// An identifier made by the client, if it works offline.
    id: Option<RevenueOrderId>,
    /// `individual`, `roll` or `transfer`.
    kind: RevenueOrderKind,
    /// A line of revenue of the executable budget.
    budget_line_id: BudgetLineId,
    /// Required for an individual order, unless it regularises receipts.
    debtor_id: Option<DebtorId>,
    /// Required for a roll: how many taxpayers it has.
    #[schema(minimum = 1, maximum = 2_147_483_647)]
    taxpayers: Option<i32>,
    label: Text<300>,
    amount: AmountText,
    currency: CurrencyText,
    /// Unclassified receipts that the order regularises; they make its amount exactly, and it is collected by its acceptance.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 200>")]
    #[schema(max_items = 200)]
    receipt_ids: Vec<ReceiptId>,
}

impl Json for NewRevenueOrder {}

/// Refuses receipts that do not make the amount of the order that regularises them.
pub fn require_sum(receipts: &[db::revenue::receipt::Receipt], amount: Amount, currency: Currency) -> Result<(), Fault> {
    let sum: i64 = receipts.iter().map(|receipt| receipt.row.amount).sum();
    if receipts.is_empty() || sum == amount.minor() {
        return Ok(());
    }
    let refusal = RECEIPTS_MISMATCH.refuse().with("receipts", shown(sum, currency)).with("amount", amount.display(currency));
    Err(refusal.with("currency", currency.code()).at("/receipt_ids").into())
}

/// Drafts a revenue order or a tax roll on a line of revenue. Nothing is posted, and it has no number yet.
#[utoipa::path(tag = "revenue", request_body = NewRevenueOrder, responses((status = 201, body = RevenueOrderView)))]
#[post("/v1/organisations/{organisation_id}/revenue-orders")]
pub async fn draft_revenue_order(asked: Asked<NewRevenueOrder>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let drafted_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let (stored, budget) = db::budget::find_line(tx.conn, &scope, body.budget_line_id)?;
            let line = stored.line;
            let year = find_fiscal_year(tx.conn, &scope, budget.fiscal_year)?;
            let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, year.nomenclature_id.0)?;
            let article = nomenclature.article(line.section, line.direction, &line.article);
            let receivable = draft(&OrderFacts {
                kind: body.kind,
                fiscal_year: FiscalYear::new(budget.fiscal_year)?,
                year_state: year.state.0,
                budget_executable: budget.state.is_executable(),
                direction: line.direction,
                line_executable: line.executable,
                receivable: article.and_then(|article| article.receivable.as_deref()).and_then(Part::parse),
                levy: article.and_then(|article| article.levy),
                debtor: body.debtor_id.is_some(),
                taxpayers: body.taxpayers,
                regularises: !body.receipt_ids.is_empty(),
            })?;
            if let Some(debtor) = body.debtor_id {
                let debtor = db::revenue::debtor::find_debtor(tx.conn, &scope, debtor)?;
                if !debtor.active {
                    return Err(DEBTOR_INACTIVE.refuse().with("debtor", debtor.code).at("/debtor_id").into());
                }
            }
            let receipts = db::revenue::receipt::find_regularisable(tx, &body.receipt_ids)?;
            require_sum(&receipts, amount, currency)?;
            let accounts = db::ledger::find_posting_accounts(tx, budget.fiscal_year)?;
            let new = NewRow {
                id,
                fiscal_year: budget.fiscal_year,
                number: None,
                kind: body.kind,
                line: Some(stored.id),
                article: Some(line.article),
                debtor: body.debtor_id,
                taxpayers: body.taxpayers,
                origin: Origin::default(),
                label: body.label.as_str().to_owned(),
                amount: amount.minor(),
                receivable_account: accounts.of(receivable).to_owned(),
                state: RevenueOrderState::Draft,
                drafted_by,
            };
            let order = db::revenue::order::insert_revenue_order(tx, &new)?;
            db::revenue::order::append_order_receipts(tx, id, &body.receipt_ids)?;
            let event = Event::of("revenue_order.drafted", "revenue_order", id.0, 1)
                .begun(order.row.state.0)
                .with("kind", body.kind)
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/revenue-orders/{id}");
            Ok((created(location, 1, &view(order, currency))?, event.into()))
        })
        .await
}

pub type OrderPath = web::Path<(OrganisationId, RevenueOrderId)>;

/// Loads an order in one of the states that an action starts from, at the version that the caller read.
pub fn load(call: &Call, tx: &mut Tx<'_>, id: RevenueOrderId, from: &[RevenueOrderState]) -> Result<(RevenueOrder, Currency), Fault> {
    let order = db::revenue::order::find_revenue_order(tx.conn, &call.scope_in(tx.organisation), id)?;
    call.check_version(order.row.version)?;
    require_state(order.row.state.0, from)?;
    Ok((order, own_currency(tx)?))
}

pub fn require_year(call: &Call, tx: &mut Tx<'_>, fiscal_year: i32) -> Result<(), Fault> {
    let year = find_fiscal_year(tx.conn, &call.scope_in(tx.organisation), fiscal_year)?;
    let fiscal_year = FiscalYear::new(fiscal_year)?;
    require_open(fiscal_year, year.state.0)?;
    Ok(fiscal_year.accept(call.today, call.today)?)
}

/// Issues a draft: it gets its number. A levy must have been authorised by the council for the year.
#[utoipa::path(tag = "revenue", responses((status = 200, body = RevenueOrderView)))]
#[post("/v1/organisations/{organisation_id}/revenue-orders/{revenue_order_id}/issuance")]
pub async fn issue_revenue_order(asked: Asked<Nothing>, path: OrderPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (order, currency) = load(call, tx, id, &[RevenueOrderState::Draft])?;
            let row = order.row;
            require_year(call, tx, row.fiscal_year)?;
            let article = row.article.clone().unwrap_or_default();
            let year = find_fiscal_year(tx.conn, &call.scope_in(organisation), row.fiscal_year)?;
            let levy = revenue_article(tx.conn, year.nomenclature_id.0, &article)?.and_then(|article| article.levy);
            let authorised = db::revenue::is_authorised(tx, row.fiscal_year, &article)?;
            require_authorised(levy, authorised, &article, row.fiscal_year)?;
            let number = number::next(tx, row.fiscal_year, number::REVENUE_ORDER)?;
            let change = RevenueOrderChange {
                number: Some(number),
                issued_by: Some(Col(principal)),
                issued_on: Some(call.today),
                ..RevenueOrderChange::to(RevenueOrderState::Issued)
            };
            let after = db::revenue::order::update_revenue_order(tx, &row, change)?;
            let event = Event::of("revenue_order.issued", "revenue_order", id.0, after.row.version)
                .moved(row.state.0, after.row.state.0)
                .with("number", number)
                .with("amount", shown(row.amount, currency));
            Ok((done(after.row.version, &view(after, currency))?, event.into()))
        })
        .await
}
