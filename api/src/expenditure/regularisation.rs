//! Regularisations (mandats de régularisation): charges without payment. They come out of write-offs, imprest expenses and
//! urgent payments; here they are made and read.

use actix_web::{get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::credit::{Cause, Charge, update_credit};
use db::budget::fiscal_year::find_fiscal_year;
use db::expenditure::regularisation::{NewRegularisation, RegularisationFilter, RegularisationRow, append_regularisation};
use db::fault::Fault;
use db::ledger::Posted;
use db::number;
use db::store::Tx;
use domain::budget::credit::Step;
use domain::budget::{BUDGET_CONTINGENCY_DIRECT, BUDGET_NOT_EXECUTABLE, Direction, Section};
use domain::calendar::FiscalYear;
use domain::expenditure::{COMMITMENT_IMPUTATION_INVALID, require_open};
use domain::id::{BudgetLineId, EntryId, OrganisationId, PrincipalId, RegularisationId};
use domain::ledger::{Entry, Journal, Posting};
use domain::money::{Amount, Currency};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::document_number;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::answer::{Answered, listed, ok};
use crate::auth::Call;
use crate::body::Query;
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, shown};

/// A regularisation (mandat de régularisation): a charge without payment. It never changes.
#[derive(Serialize, ToSchema)]
pub struct RegularisationView {
    id: RegularisationId,
    organisation_id: OrganisationId,
    /// "MR-2025-000003", without gap in the year.
    #[schema(max_length = 20, example = "MR-2025-000003")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    budget_line_id: BudgetLineId,
    section: Section,
    #[schema(max_length = 10, example = "601")]
    article: String,
    /// What it comes from: the kind of the document, such as "revenue_adjustment".
    #[schema(max_length = 40)]
    cause_kind: String,
    cause_id: Uuid,
    #[schema(max_length = 300)]
    label: String,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "214500")]
    amount: String,
    /// The account credited in place of a creditor's.
    #[schema(max_length = 10, example = "541")]
    credited_account: String,
    regularised_on: NaiveDate,
    regularised_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    /// The entry by which it was posted.
    entry_id: EntryId,
}

fn view(row: RegularisationRow, currency: Currency) -> RegularisationView {
    RegularisationView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("MR", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        budget_line_id: row.budget_line_id.0,
        section: row.section.0,
        article: row.article,
        cause_kind: row.cause_kind,
        cause_id: row.cause_id.0,
        label: row.label,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        credited_account: row.credited_account,
        regularised_on: row.regularised_on,
        regularised_by: row.regularised_by.0,
        recorded_at: row.recorded_at.0,
        entry_id: row.entry_id.0,
    }
}

/// A line of expenditure that may be charged, with the account of its article.
#[derive(Clone, Debug)]
pub struct Chargeable {
    pub charge: Charge,
    pub account: String,
}

/// Finds the line of an executable budget that a charge is made on, in a year that is open.
pub fn chargeable(tx: &mut Tx<'_>, line: BudgetLineId) -> Result<Chargeable, Fault> {
    let scope = Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed };
    let (stored, budget) = db::budget::find_line(tx.conn, &scope, line)?;
    if !budget.state.is_executable() {
        return Err(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", budget.fiscal_year).into());
    }
    let line = stored.line;
    if line.direction != Direction::Expenditure {
        return Err(COMMITMENT_IMPUTATION_INVALID.refuse().at("/budget_line_id").into());
    }
    if !line.executable {
        return Err(BUDGET_CONTINGENCY_DIRECT.refuse().with("chapter", &line.chapter).at("/budget_line_id").into());
    }
    let year = find_fiscal_year(tx.conn, &scope, budget.fiscal_year)?;
    require_open(FiscalYear::new(year.fiscal_year)?, year.state.0)?;
    let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, year.nomenclature_id.0)?;
    let account = nomenclature
        .article(line.section, line.direction, &line.article)
        .and_then(|article| article.account.clone())
        .ok_or_else(|| Fault::Corrupt(format!("article {} has no account", line.article)))?;
    let charge = Charge { fiscal_year: budget.fiscal_year, section: line.section, article: line.article, line: stored.id };
    Ok(Chargeable { charge, account })
}

/// What a regularisation is made of.
pub struct Regularised<'a> {
    pub on: &'a Chargeable,
    pub amount: Amount,
    /// The account credited in place of a creditor's.
    pub credited_account: &'a str,
    pub cause_kind: &'static str,
    pub cause_id: Uuid,
    pub label: &'a str,
}

/// Charges a line without payment: credit is required, all stages move at once, the entry is posted. The caller puts the
/// facts `entry_id` and `entry_digest` on its event.
pub fn regularise(tx: &mut Tx<'_>, asked: &Regularised<'_>, currency: Currency) -> Result<(RegularisationRow, Posted), Fault> {
    let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let today = tx.today();
    let charge = &asked.on.charge;
    FiscalYear::new(charge.fiscal_year)?.accept(today, today)?;
    let credit = db::budget::credit::find_credit(tx, charge.fiscal_year, charge.section, &charge.article)?;
    credit.require(&charge.article, asked.amount, currency)?;
    let id = RegularisationId::new();
    let postings = vec![Posting::debit(&asked.on.account, asked.amount), Posting::credit(asked.credited_account, asked.amount)];
    let entry = Entry::new(Journal::Expenditure, today, asked.label, postings, currency)?;
    let posted = db::ledger::append_entry(tx, charge.fiscal_year, &entry, "regularisation", id.0)?;
    update_credit(tx, charge, Step::Regularise, asked.amount, Cause { kind: "regularisation", id: id.0, on: today })?;
    let new = NewRegularisation {
        id,
        number: number::next(tx, charge.fiscal_year, number::REGULARISATION)?,
        charge: charge.clone(),
        cause_kind: asked.cause_kind,
        cause_id: asked.cause_id,
        label: asked.label.to_owned(),
        amount: asked.amount.minor(),
        credited_account: asked.credited_account.to_owned(),
        by,
        entry: posted.id,
    };
    Ok((append_regularisation(tx, &new)?, posted))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RegularisationQuery {
    /// Only regularisations of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only regularisations in this section of the budget.
    section: Option<Section>,
    /// Only regularisations on this article of the nomenclature.
    #[param(max_length = 10)]
    article: Option<String>,
    /// Only regularisations on this budget line.
    budget_line_id: Option<BudgetLineId>,
    /// First day of the regularisation.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the regularisation.
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

/// The regularisations of the organisation.
#[utoipa::path(tag = "expenditure", params(RegularisationQuery), responses((status = 200, body = Page<RegularisationView>)))]
#[get("/v1/organisations/{organisation_id}/regularisations")]
pub async fn list_regularisations(call: Call, _path: web::Path<OrganisationId>, query: Query<RegularisationQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<RegularisationId>(&call, query.after.as_deref(), query.limit)?;
    let filter = RegularisationFilter {
        fiscal_year: query.fiscal_year,
        section: query.section,
        article: query.article,
        budget_line_id: query.budget_line_id,
        from: query.from,
        to: query.to,
        query: query.q,
        ..RegularisationFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = RegularisationFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::expenditure::regularisation::total_regularisations(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::expenditure::regularisation::list_regularisations(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One regularisation.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = RegularisationView)))]
#[get("/v1/organisations/{organisation_id}/regularisations/{regularisation_id}")]
pub async fn read_regularisation(call: Call, path: web::Path<(OrganisationId, RegularisationId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::expenditure::regularisation::find_regularisation(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    ok(&view(row, currency))
}
