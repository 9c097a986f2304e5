//! Budgets: opened as a draft, filled from a sheet, consulted, voted, approved. Approved budgets are public.

pub mod execution;
pub mod fiscal_year;
pub mod lifecycle;
pub mod line;
pub mod nomenclature;

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::budget::{BudgetFilter, BudgetRow, StoredLine};
use db::connection::Conn;
use db::fault::Fault;
use domain::audit::Event;
use domain::budget::lifecycle::{BudgetState, ReturnReason};
use domain::budget::{BudgetKind, Totals};
use domain::id::{BudgetId, OrganisationId};
use domain::money::{Amount, Currency};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::organisation::currency_of;
use crate::page::{Page, keyset, page};

/// A budget.
#[derive(Serialize, ToSchema)]
pub struct BudgetView {
    id: BudgetId,
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    kind: BudgetKind,
    #[schema(max_length = 200)]
    title: String,
    state: BudgetState,
    /// Edition of the lines: a rejected or returned edition is never edited but copied into the next.
    #[schema(minimum = 1)]
    edition: i32,
    /// How often the State representative has returned it.
    #[schema(minimum = 0)]
    returns: i32,
    /// Currency of every amount below.
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    totals: TotalsView,
    /// The last vote of the council.
    vote: Option<VoteView>,
    /// Digest of the signed deliberation.
    #[schema(min_length = 64, max_length = 64)]
    deliberation_sha256: Option<String>,
    /// Digest of the annexes.
    #[schema(min_length = 64, max_length = 64)]
    annexes_sha256: Option<String>,
    return_reason: Option<ReturnReason>,
    #[schema(max_length = 2000)]
    return_text: Option<String>,
    /// What does not prevent the budget but must be known, such as `BUDGET_VOTE_LATE`.
    #[schema(max_items = 10, value_type = Vec<Text<60>>)]
    warnings: Vec<String>,
    #[schema(minimum = 1)]
    version: i64,
}

/// Sums of a budget, as decimal strings.
#[derive(Serialize, ToSchema)]
pub struct TotalsView {
    #[schema(max_length = 21, example = "73500000")]
    operating_revenue: String,
    #[schema(max_length = 21, example = "73500000")]
    operating_expenditure: String,
    #[schema(max_length = 21, example = "56000000")]
    capital_revenue: String,
    #[schema(max_length = 21, example = "56000000")]
    capital_expenditure: String,
    /// What the operating section gives to the capital section (prélèvement).
    #[schema(max_length = 21, example = "15000000")]
    transfer_to_capital: String,
    /// Both sections, the transfer between them counted once.
    #[schema(max_length = 21, example = "114500000")]
    consolidated: String,
    /// Each section balances, and the transfer is the same on both sides.
    balanced: bool,
}

/// A vote of the council.
#[derive(Serialize, ToSchema)]
pub struct VoteView {
    held_on: NaiveDate,
    #[schema(max_length = 40)]
    deliberation_number: String,
    serving: i32,
    present: i32,
    votes_for: i32,
    votes_against: i32,
    abstentions: i32,
}

fn totals_view(totals: &Totals, currency: Currency) -> TotalsView {
    TotalsView {
        operating_revenue: totals.operating_revenue.display(currency),
        operating_expenditure: totals.operating_expenditure.display(currency),
        capital_revenue: totals.capital_revenue.display(currency),
        capital_expenditure: totals.capital_expenditure.display(currency),
        transfer_to_capital: totals.transfer_in.display(currency),
        consolidated: totals.consolidated().unwrap_or(Amount::ZERO).display(currency),
        balanced: totals.balanced(),
    }
}

/// The sums of stored lines; out of range is a corrupt database.
fn totals_of(lines: &[StoredLine]) -> Result<Totals, Fault> {
    Totals::of(lines.iter().map(|line| &line.line)).ok_or_else(|| Fault::Corrupt("sum of lines out of range".to_owned()))
}

fn vote_view(row: &BudgetRow) -> Option<VoteView> {
    Some(VoteView {
        held_on: row.vote_held_on?,
        deliberation_number: row.deliberation_number.clone()?,
        serving: row.vote_serving?,
        present: row.vote_present?,
        votes_for: row.vote_for?,
        votes_against: row.vote_against?,
        abstentions: row.vote_abstentions?,
    })
}

/// A budget as it is told: with its sums and warnings.
pub fn view(conn: &mut Conn, row: BudgetRow) -> Result<BudgetView, Fault> {
    let owner = Scope { organisation: row.organisation_id.0, clearance: Sensitivity::Sealed };
    let organisation = db::organisation::find_organisation(conn, &owner)?;
    let currency = currency_of(&organisation)?;
    let totals = totals_of(&db::budget::list_lines(conn, &row)?)?;
    let warnings = lifecycle::warnings(conn, &row, organisation.kind.0)?;
    Ok(BudgetView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fiscal_year: row.fiscal_year,
        kind: row.kind.0,
        state: row.state.0,
        edition: row.edition,
        returns: row.returns,
        currency: organisation.currency,
        totals: totals_view(&totals, currency),
        vote: vote_view(&row),
        deliberation_sha256: row.deliberation_sha256,
        annexes_sha256: row.annexes_sha256,
        return_reason: row.return_reason.map(|reason| reason.0),
        return_text: row.return_text,
        title: row.title,
        warnings,
        version: row.version,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BudgetQuery {
    /// Only budgets of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only budgets in one of these states, separated by commas.
    #[param(max_length = 200)]
    state: Option<String>,
    /// Only budgets of one of these kinds, separated by commas.
    #[param(max_length = 100)]
    kind: Option<String>,
    /// First day of the vote.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the vote.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// A part of the title, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The budgets of the organisation: approved ones for everyone, the others for those who work on them.
#[utoipa::path(tag = "budget", params(BudgetQuery), responses((status = 200, body = Page<BudgetView>)))]
#[get("/v1/organisations/{organisation_id}/budgets")]
pub async fn list_budgets(call: Call, _path: web::Path<OrganisationId>, query: Query<BudgetQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<BudgetId>(&call, query.after.as_deref(), query.limit)?;
    let filter = BudgetFilter {
        fiscal_year: query.fiscal_year,
        state: words("state", query.state.as_deref())?,
        kind: words("kind", query.kind.as_deref())?,
        from: query.from,
        to: query.to,
        query: query.q,
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (rows, more) = call
        .store()
        .read(move |conn| {
            let found = db::budget::list_budgets(conn, &scope, &filter, &asked)?;
            let views = found.rows.into_iter().map(|row| view(conn, row)).collect::<Result<Vec<_>, _>>()?;
            Ok((views, found.more))
        })
        .await?;
    listed(&call, page(&call, &keys, db::page::Rows { rows, more }, |view| view.id, |view| view))
}

/// One budget.
#[utoipa::path(tag = "budget", responses((status = 200, body = BudgetView)))]
#[get("/v1/organisations/{organisation_id}/budgets/{budget_id}")]
pub async fn read_budget(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, BudgetId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let view = call
        .store()
        .read(move |conn| {
            let row = db::budget::find_budget(conn, &scope, id)?;
            view(conn, row)
        })
        .await?;
    versioned(&request, view.version, &view)
}

/// A budget to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBudget {
    /// An identifier made by the client, if it works offline.
    id: Option<BudgetId>,
    /// The fiscal year, which must be prepared.
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    kind: BudgetKind,
    title: Text<200>,
}

impl Json for NewBudget {}

/// Opens a budget as a draft without lines. A local government has one original budget a year.
#[utoipa::path(tag = "budget", request_body = NewBudget, responses((status = 201, body = BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets")]
pub async fn create_budget(asked: Asked<NewBudget>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            db::budget::fiscal_year::find_fiscal_year(tx.conn, &scope, body.fiscal_year)?;
            db::budget::insert_budget(tx, id, body.fiscal_year, body.kind, body.title.as_str())?;
            let row = db::budget::find_budget(tx.conn, &scope, id)?;
            let event = Event::of("budget.opened", "budget", id.0, 1)
                .begun(row.state.0)
                .with("fiscal_year", body.fiscal_year)
                .with("kind", body.kind);
            let answer = created(format!("/v1/organisations/{organisation}/budgets/{id}"), 1, &view(tx.conn, row)?)?;
            Ok((answer, event.into()))
        })
        .await
}
