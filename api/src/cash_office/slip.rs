//! Justification slips (bordereaux de justification): the expenses of an imprest, signed, accepted and charged together.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::cash_office::justification::{
    ImprestExpenseRow, JustificationSlipChange, JustificationSlipFilter, JustificationSlipRow, NewJustificationSlip as NewRow,
};
use db::column::Col;
use db::fault::Fault;
use db::number;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::cash_office::{
    CashMovementKind, CashOfficeKind, ImprestExpenseState, JUSTIFICATION_SLIP_EXPENSES, JUSTIFICATION_SLIP_TOTAL, JustificationSlipState,
    accept_slip, require_state,
};
use domain::id::{BudgetLineId, CashMovementId, CashOfficeId, ImprestExpenseId, JustificationSlipId, OrganisationId, PrincipalId};
use domain::money::{Amount, Currency};
use domain::sensitivity::Scope;
use domain::text::{Text, document_number};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::expense::spent;
use super::movement::{Judged, record};
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query, words};
use crate::expenditure::own_currency;
use crate::expenditure::regularisation::{Regularised, chargeable, regularise};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// A justification slip (bordereau de justification).
#[derive(Serialize, ToSchema)]
pub struct JustificationSlipView {
    id: JustificationSlipId,
    organisation_id: OrganisationId,
    /// "BJ-2025-000001", without gap in the year.
    #[schema(max_length = 20, example = "BJ-2025-000001")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    cash_office_id: CashOfficeId,
    /// The expenses on it; those of a rejected slip may stand on a later one.
    #[schema(max_items = 200)]
    expense_ids: Vec<ImprestExpenseId>,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "214500")]
    total: String,
    state: JustificationSlipState,
    submitted_on: NaiveDate,
    submitted_by: PrincipalId,
    signed_on: Option<NaiveDate>,
    signed_by: Option<PrincipalId>,
    decided_on: Option<NaiveDate>,
    decided_by: Option<PrincipalId>,
    /// Why it was sent back.
    #[schema(max_length = 2000)]
    rejection_text: Option<String>,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: JustificationSlipRow, expense_ids: Vec<ImprestExpenseId>, currency: Currency) -> JustificationSlipView {
    JustificationSlipView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("BJ", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        cash_office_id: row.cash_office_id.0,
        expense_ids,
        currency: currency.code().to_owned(),
        total: shown(row.total, currency),
        state: row.state.0,
        submitted_on: row.submitted_on,
        submitted_by: row.submitted_by.0,
        signed_on: row.signed_on,
        signed_by: row.signed_by.map(|id| id.0),
        decided_on: row.decided_on,
        decided_by: row.decided_by.map(|id| id.0),
        rejection_text: row.rejection_text,
        recorded_at: row.recorded_at.0,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JustificationSlipQuery {
    /// Only slips of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only slips of this office.
    cash_office_id: Option<CashOfficeId>,
    /// Only slips in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// First day of the submission.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the submission.
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

/// The justification slips of the organisation.
#[utoipa::path(tag = "cash_office", params(JustificationSlipQuery), responses((status = 200, body = Page<JustificationSlipView>)))]
#[get("/v1/organisations/{organisation_id}/justification-slips")]
pub async fn list_justification_slips(call: Call, _path: web::Path<OrganisationId>, query: Query<JustificationSlipQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<JustificationSlipId>(&call, query.after.as_deref(), query.limit)?;
    let filter = JustificationSlipFilter {
        fiscal_year: query.fiscal_year,
        cash_office_id: query.cash_office_id,
        state: words("state", query.state.as_deref())?,
        from: query.from,
        to: query.to,
        ..JustificationSlipFilter::default()
    };
    let (scope, asked) = (call.scope()?, keys.clone());
    let (currency, rows, on_slips, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = JustificationSlipFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::cash_office::justification::total_slips(conn, &scope, &filter)).transpose()?;
            let rows = db::cash_office::justification::list_slips(conn, &scope, &filter, &asked)?;
            let ids: Vec<JustificationSlipId> = rows.rows.iter().map(|row| row.id.0).collect();
            let on_slips = db::cash_office::justification::list_expense_ids(conn, &scope, &ids)?;
            Ok((currency, rows, on_slips, total))
        })
        .await?;
    let of = |slip: JustificationSlipId| on_slips.iter().filter(|(of, _)| *of == slip).map(|(_, expense)| *expense).collect();
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row.clone(), of(row.id.0), currency)).with_total(total, currency))
}

fn ids(expenses: &[ImprestExpenseRow]) -> Vec<ImprestExpenseId> {
    expenses.iter().map(|expense| expense.id.0).collect()
}

/// One justification slip.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = JustificationSlipView)))]
#[get("/v1/organisations/{organisation_id}/justification-slips/{justification_slip_id}")]
pub async fn read_justification_slip(call: Call, request: HttpRequest, path: SlipPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row, expenses) = call
        .store()
        .read(move |conn| {
            let row = db::cash_office::justification::find_slip(conn, &scope, id)?;
            let expenses = db::cash_office::justification::list_expenses_of(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row, expenses))
        })
        .await?;
    versioned(&request, row.version, &view(row, ids(&expenses), currency))
}

/// Expenses to justify together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJustificationSlip {
    /// An identifier made by the client, if it works offline.
    id: Option<JustificationSlipId>,
    cash_office_id: CashOfficeId,
    /// Expenses of the office in state `recorded`, of one fiscal year, each once.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 200>")]
    #[schema(min_items = 1, max_items = 200)]
    expense_ids: Vec<ImprestExpenseId>,
    /// Sum of the expenses, counted by hand: refused if it differs.
    total: AmountText,
    currency: CurrencyText,
}

impl Json for NewJustificationSlip {}

fn free_expenses(tx: &mut Tx<'_>, scope: &Scope, office: CashOfficeId, ids: &[ImprestExpenseId]) -> Result<Vec<ImprestExpenseRow>, Fault> {
    let rows = ids.iter().map(|id| db::cash_office::justification::find_expense(tx.conn, scope, *id)).collect::<Result<Vec<_>, _>>()?;
    let year = rows.first().map(|row| row.fiscal_year);
    let misfit = |(index, row): &(usize, &ImprestExpenseRow)| {
        row.state.0 != ImprestExpenseState::Recorded
            || row.cash_office_id.0 != office
            || Some(row.fiscal_year) != year
            || rows.iter().take(*index).any(|before| before.id == row.id)
    };
    let misfits: Vec<String> = rows.iter().enumerate().filter(misfit).map(|(_, row)| row.id.to_string()).collect();
    if misfits.is_empty() && (1..=200).contains(&rows.len()) {
        return Ok(rows);
    }
    Err(JUSTIFICATION_SLIP_EXPENSES.refuse().with("expenses", misfits).at("/expense_ids").into())
}

/// Puts expenses of an imprest on a numbered slip, for the authorising officer to sign.
#[utoipa::path(tag = "cash_office", request_body = NewJustificationSlip, responses((status = 201, body = JustificationSlipView)))]
#[post("/v1/organisations/{organisation_id}/justification-slips")]
pub async fn submit_justification_slip(asked: Asked<NewJustificationSlip>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let office = db::cash_office::find_cash_office(tx.conn, &scope, body.cash_office_id)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let facts = office.office(currency)?;
            facts.require_kind(CashOfficeKind::Imprest)?;
            facts.require_officer(principal)?;
            facts.require_settling()?;
            let stated = Amount::parse_positive(&body.total.0, currency).map_err(|refusal| refusal.at("/total"))?;
            let expenses = free_expenses(tx, &scope, body.cash_office_id, &body.expense_ids)?;
            let computed: i64 = expenses.iter().map(|expense| expense.amount).sum();
            if stated.minor() != computed {
                let refusal = JUSTIFICATION_SLIP_TOTAL.refuse().with("stated", stated.display(currency));
                return Err(refusal.with("computed", shown(computed, currency)).with("currency", currency.code()).at("/total").into());
            }
            let fiscal_year = expenses.first().map_or(0, |expense| expense.fiscal_year);
            let number = number::next(tx, fiscal_year, number::JUSTIFICATION_SLIP)?;
            let new = NewRow { id, fiscal_year, number, office: body.cash_office_id, total: computed, submitted_by: principal };
            let row = db::cash_office::justification::insert_slip(tx, &new, &expenses)?;
            let event = Event::of("justification_slip.submitted", "justification_slip", id.0, 1)
                .begun(row.state.0)
                .with("number", number)
                .with("cash_office_id", office.id.0.to_string())
                .with("total", stated.display(currency))
                .with("currency", currency.code());
            let events = move_expenses(tx, event.into(), &expenses, ImprestExpenseState::Submitted, id)?;
            let location = format!("/v1/organisations/{organisation}/justification-slips/{id}");
            Ok((created(location, 1, &view(row, ids(&expenses), currency))?, events))
        })
        .await
}

/// Moves the expenses of a slip to a state, each with its event.
fn move_expenses(
    tx: &mut Tx<'_>,
    mut events: Events,
    expenses: &[ImprestExpenseRow],
    state: ImprestExpenseState,
    slip: JustificationSlipId,
) -> Result<Events, Fault> {
    for expense in expenses {
        let version = db::cash_office::justification::update_expense(tx, expense, state)?;
        let event = Event::of("imprest_expense.moved", "imprest_expense", expense.id.0.0, version);
        events = events.and(event.moved(expense.state.0, state).with("justification_slip_id", slip.to_string()));
    }
    Ok(events)
}

type SlipPath = web::Path<(OrganisationId, JustificationSlipId)>;

/// Loads a slip in one of the states that an action starts from, at the version that the caller read.
fn load(call: &Call, tx: &mut Tx<'_>, id: JustificationSlipId) -> Result<(JustificationSlipRow, Currency), Fault> {
    let row = db::cash_office::justification::find_slip(tx.conn, &call.scope_in(tx.organisation), id)?;
    call.check_version(row.version)?;
    Ok((row, own_currency(tx)?))
}

/// Signs a slip: the authorising officer orders its expenses to be charged.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = JustificationSlipView)))]
#[post("/v1/organisations/{organisation_id}/justification-slips/{justification_slip_id}/signature")]
pub async fn sign_justification_slip(asked: Asked<Nothing>, path: SlipPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (row, currency) = load(call, tx, id)?;
            require_state(row.state.0, &[JustificationSlipState::Submitted])?;
            let change = JustificationSlipChange {
                signed_on: Some(call.today),
                signed_by: Some(Col(principal)),
                ..JustificationSlipChange::to(JustificationSlipState::Signed)
            };
            let after = db::cash_office::justification::update_slip(tx, &row, change)?;
            let event = Event::of("justification_slip.signed", "justification_slip", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("total", shown(row.total, currency))
                .with("currency", currency.code());
            let expenses = db::cash_office::justification::list_expenses_of(tx.conn, &call.scope_in(organisation), id)?;
            Ok((done(after.version, &view(after, ids(&expenses), currency))?, event.into()))
        })
        .await
}

/// Accepts a signed slip: each budget line on it is charged by a regularisation, D 6x / C 541, for which credit is required.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = JustificationSlipView)))]
#[post("/v1/organisations/{organisation_id}/justification-slips/{justification_slip_id}/acceptance")]
pub async fn accept_justification_slip(asked: Asked<Nothing>, path: SlipPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let accountant = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let (row, currency) = load(call, tx, id)?;
            let state = accept_slip(row.state.0, row.submitted_by.0, row.signed_by.map(|id| id.0), accountant)?;
            let expenses = db::cash_office::justification::list_expenses_of(tx.conn, &scope, id)?;
            let change = JustificationSlipChange {
                decided_on: Some(call.today),
                decided_by: Some(Col(accountant)),
                ..JustificationSlipChange::to(state)
            };
            let after = db::cash_office::justification::update_slip(tx, &row, change)?;
            let event = Event::of("justification_slip.accepted", "justification_slip", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("total", shown(row.total, currency))
                .with("currency", currency.code());
            let events = charge(tx, &scope, event.into(), &row, &expenses, currency)?;
            let events = move_expenses(tx, events, &expenses, ImprestExpenseState::Justified, id)?;
            Ok((done(after.version, &view(after, ids(&expenses), currency))?, events))
        })
        .await
}

/// Charges each budget line of a slip, and takes it off what the office holds.
fn charge(
    tx: &mut Tx<'_>,
    scope: &Scope,
    mut events: Events,
    slip: &JustificationSlipRow,
    expenses: &[ImprestExpenseRow],
    currency: Currency,
) -> Result<Events, Fault> {
    let mut office = db::cash_office::find_cash_office(tx.conn, scope, slip.cash_office_id.0)?;
    let accounts = db::ledger::find_posting_accounts(tx, slip.fiscal_year)?;
    let imprest = accounts.of(CashOfficeKind::Imprest.part());
    let label = document_number("BJ", slip.fiscal_year, slip.number);
    let mut lines: BTreeMap<BudgetLineId, i64> = BTreeMap::new();
    for expense in expenses {
        *lines.entry(expense.budget_line_id.0).or_default() += expense.amount;
    }
    for (line, amount) in lines {
        let on = chargeable(tx, line)?;
        let amount = db::budget::amount(amount)?;
        let asked = Regularised {
            on: &on,
            amount,
            credited_account: imprest,
            cause_kind: "justification_slip",
            cause_id: slip.id.0.0,
            label: &label,
        };
        let (row, posted) = regularise(tx, &asked, currency)?;
        let judged = Judged {
            id: CashMovementId::new(),
            kind: CashMovementKind::Justification,
            amount,
            fiscal_year: slip.fiscal_year,
            label: label.clone(),
            cause: Some(slip.id.0.0),
            document_sha256: None,
        };
        let change = spent(&office, amount.minor(), 0);
        let (after, _, moved) = record(tx, &office, judged, posted.id, change, currency)?;
        office = after;
        let charged = Event::of("regularisation.recorded", "regularisation", row.id.0.0, 1)
            .with("number", row.number)
            .with("article", &row.article)
            .with("amount", amount.display(currency))
            .with("currency", currency.code())
            .with("entry_id", posted.id.to_string())
            .with("entry_digest", posted.digest);
        events = events.and(charged).and(moved);
    }
    Ok(events)
}

/// Why a slip is sent back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlipRejection {
    /// What is missing or wrong, and how to correct it.
    text: Text<2000>,
}

impl Json for SlipRejection {}

/// Sends a slip back with a reason, before the authorising officer signs it or before the accountant accepts it. No account
/// moves; its expenses are free again, for another slip or to be taken back.
#[utoipa::path(tag = "cash_office", request_body = SlipRejection, responses((status = 200, body = JustificationSlipView)))]
#[post("/v1/organisations/{organisation_id}/justification-slips/{justification_slip_id}/rejection")]
pub async fn reject_justification_slip(asked: Asked<SlipRejection>, path: SlipPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let (row, currency) = load(call, tx, id)?;
            require_state(row.state.0, &[JustificationSlipState::Submitted, JustificationSlipState::Signed])?;
            let change = JustificationSlipChange {
                decided_on: Some(call.today),
                decided_by: Some(Col(principal)),
                rejection_text: Some(body.text.as_str().to_owned()),
                ..JustificationSlipChange::to(JustificationSlipState::Rejected)
            };
            let after = db::cash_office::justification::update_slip(tx, &row, change)?;
            let event = Event::of("justification_slip.rejected", "justification_slip", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("total", shown(row.total, currency))
                .with("currency", currency.code());
            let expenses = db::cash_office::justification::list_expenses_of(tx.conn, &scope, id)?;
            let events = move_expenses(tx, event.into(), &expenses, ImprestExpenseState::Recorded, id)?;
            Ok((done(after.version, &view(after, ids(&expenses), currency))?, events))
        })
        .await
}
