//! Expenses that cash officers pay out of imprests.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::cash_office::justification::{ImprestExpenseFilter, ImprestExpenseRow};
use db::cash_office::{CashOfficeChange, CashOfficeRow};
use db::fault::Fault;
use domain::audit::Event;
use domain::calendar::FiscalYear;
use domain::cash_office::{ImprestExpenseState, require_state, spend};
use domain::id::{BudgetLineId, CashOfficeId, ImprestExpenseId, OrganisationId, PrincipalId};
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::expenditure::own_currency;
use crate::expenditure::regularisation::chargeable;
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// An expense paid out of an imprest.
#[derive(Serialize, ToSchema)]
pub struct ImprestExpenseView {
    id: ImprestExpenseId,
    organisation_id: OrganisationId,
    cash_office_id: CashOfficeId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    budget_line_id: BudgetLineId,
    #[schema(max_length = 10, example = "601")]
    article: String,
    /// Who was paid.
    #[schema(max_length = 200)]
    payee: String,
    #[schema(max_length = 300)]
    label: String,
    spent_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "12500")]
    amount: String,
    /// Digest of the receipt.
    #[schema(min_length = 64, max_length = 64)]
    receipt_sha256: String,
    state: ImprestExpenseState,
    recorded_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

pub fn view(row: ImprestExpenseRow, currency: Currency) -> ImprestExpenseView {
    ImprestExpenseView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        cash_office_id: row.cash_office_id.0,
        fiscal_year: row.fiscal_year,
        budget_line_id: row.budget_line_id.0,
        article: row.article,
        payee: row.payee,
        label: row.label,
        spent_on: row.spent_on,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        receipt_sha256: row.receipt_sha256,
        state: row.state.0,
        recorded_by: row.recorded_by.0,
        recorded_at: row.recorded_at.0,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImprestExpenseQuery {
    /// Only expenses of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only expenses of this office.
    cash_office_id: Option<CashOfficeId>,
    /// Only expenses on this article of the nomenclature.
    #[param(max_length = 10)]
    article: Option<String>,
    /// Only expenses on this line.
    budget_line_id: Option<BudgetLineId>,
    /// Only expenses in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// First day of the expense.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the expense.
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

/// The expenses paid out of imprests.
#[utoipa::path(tag = "cash_office", params(ImprestExpenseQuery), responses((status = 200, body = Page<ImprestExpenseView>)))]
#[get("/v1/organisations/{organisation_id}/imprest-expenses")]
pub async fn list_imprest_expenses(call: Call, _path: web::Path<OrganisationId>, query: Query<ImprestExpenseQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<ImprestExpenseId>(&call, query.after.as_deref(), query.limit)?;
    let state = words("state", query.state.as_deref())?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = ImprestExpenseFilter {
                fiscal_year: query.fiscal_year,
                cash_office_id: query.cash_office_id,
                budget_line_id: query.budget_line_id,
                state,
                from: query.from,
                to: query.to,
                amount: bounds(query.amount_min, query.amount_max, currency)?,
                article: query.article,
                query: query.q,
            };
            let total = query.totals.then(|| db::cash_office::justification::total_expenses(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::cash_office::justification::list_expenses(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One expense paid out of an imprest.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = ImprestExpenseView)))]
#[get("/v1/organisations/{organisation_id}/imprest-expenses/{imprest_expense_id}")]
pub async fn read_imprest_expense(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, ImprestExpenseId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::cash_office::justification::find_expense(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &view(row, currency))
}

/// An expense that was paid.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewImprestExpense {
    /// An identifier made by the client, if it works offline.
    id: Option<ImprestExpenseId>,
    /// The imprest that paid it.
    cash_office_id: CashOfficeId,
    /// A line of expenditure of the executable budget, on an article that the office may pay.
    budget_line_id: BudgetLineId,
    /// Who was paid.
    payee: Text<200>,
    label: Text<300>,
    /// At most the unit limit, and what the office has in hand.
    amount: AmountText,
    currency: CurrencyText,
    /// In the fiscal year of the line, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    spent_on: NaiveDate,
    /// Digest of the receipt; a receipt supports one expense.
    receipt_sha256: Sha256Hex,
}

impl Json for NewImprestExpense {}

/// What an office has spent and not justified.
pub fn spent(office: &CashOfficeRow, less: i64, more: i64) -> CashOfficeChange {
    CashOfficeChange { spent: Some(office.spent - less + more), ..CashOfficeChange::default() }
}

/// Records an expense that the cash officer, or the deputy, paid out of an imprest. No account moves before it is justified.
#[utoipa::path(tag = "cash_office", request_body = NewImprestExpense, responses((status = 201, body = ImprestExpenseView)))]
#[post("/v1/organisations/{organisation_id}/imprest-expenses")]
pub async fn record_imprest_expense(asked: Asked<NewImprestExpense>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let office = db::cash_office::find_cash_office(tx.conn, &call.scope_in(organisation), body.cash_office_id)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let on = chargeable(tx, body.budget_line_id)?;
            let year = FiscalYear::new(on.charge.fiscal_year)?;
            year.accept(body.spent_on, call.today).map_err(|refusal| refusal.at("/spent_on"))?;
            spend(&office.office(currency)?, principal, &on.charge.article, amount)?;
            let new = db::cash_office::justification::NewImprestExpense {
                id,
                office: body.cash_office_id,
                charge: on.charge,
                payee: body.payee.as_str().to_owned(),
                label: body.label.as_str().to_owned(),
                spent_on: body.spent_on,
                amount: amount.minor(),
                receipt_sha256: body.receipt_sha256.0.clone(),
                recorded_by: principal,
            };
            let row = db::cash_office::justification::insert_expense(tx, &new)?;
            db::cash_office::update_cash_office(tx, &office, spent(&office, 0, amount.minor()))?;
            let event = Event::of("imprest_expense.recorded", "imprest_expense", id.0, 1)
                .begun(row.state.0)
                .with("cash_office_id", office.id.0.to_string())
                .with("article", &row.article)
                .with("amount", amount.display(currency))
                .with("currency", currency.code())
                .with("receipt_sha256", &row.receipt_sha256);
            let location = format!("/v1/organisations/{organisation}/imprest-expenses/{id}");
            Ok((created(location, 1, &view(row, currency))?, event.into()))
        })
        .await
}

/// Takes back an expense that is on no slip: the cash officer put the money back.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = ImprestExpenseView)))]
#[post("/v1/organisations/{organisation_id}/imprest-expenses/{imprest_expense_id}/withdrawal")]
pub async fn withdraw_imprest_expense(asked: Asked<Nothing>, path: web::Path<(OrganisationId, ImprestExpenseId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let row = db::cash_office::justification::find_expense(tx.conn, &scope, id)?;
            call.check_version(row.version)?;
            let office = db::cash_office::find_cash_office(tx.conn, &scope, row.cash_office_id.0)?;
            let currency = own_currency(tx)?;
            office.office(currency)?.require_officer(principal)?;
            require_state(row.state.0, &[ImprestExpenseState::Recorded])?;
            let version = db::cash_office::justification::update_expense(tx, &row, ImprestExpenseState::Withdrawn)?;
            db::cash_office::update_cash_office(tx, &office, spent(&office, row.amount, 0))?;
            let after = db::cash_office::justification::find_expense(tx.conn, &scope, id)?;
            let event = Event::of("imprest_expense.withdrawn", "imprest_expense", id.0, version)
                .moved(row.state.0, after.state.0)
                .with("amount", shown(row.amount, currency))
                .with("currency", currency.code());
            Ok((done(version, &view(after, currency))?, event.into()))
        })
        .await
}
