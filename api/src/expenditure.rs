//! Expenditure: commitments. What changes them: [`change`]; the other stages: [`verification`], [`order`] and the
//! accountant's [`desk`], [`payment`]; corrections: [`correction`], [`payment_return`], [`regularisation`].

pub mod batch;
pub mod change;
pub mod correction;
pub mod desk;
pub mod document;
pub mod follow;
pub mod order;
pub mod paper;
pub mod payment;
pub mod payment_return;
pub mod regularisation;
pub mod verification;

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::credit::Charge;
use db::column::Col;
use db::expenditure::chargeable::{self, find_chargeable};
use db::expenditure::{CommitmentFilter, CommitmentRow};
use db::fault::Fault;
use db::store::{Tx, Wanted};
use domain::audit::Event;
use domain::budget::credit::{Credit, Step};
use domain::budget::{Direction, Section};
use domain::calendar::FiscalYear;
use domain::expenditure::document::DocumentStage;
use domain::expenditure::{CommitmentFacts, CommitmentState, commit};
use domain::id::{BudgetLineId, CommitmentId, OrganisationId, PrincipalId, SupplierId};
use domain::money::{Amount, Currency};
use domain::text::{Text, document_number};
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use self::document::NewDocument;
use crate::answer::{Answered, created, listed, ok, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::organisation::{currency_in, currency_of, known_currency};
use crate::page::{Page, bounds, keyset, page};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, shown};

/// A commitment (engagement): credit reserved for a debt to come.
#[derive(Serialize, ToSchema)]
pub struct CommitmentView {
    id: CommitmentId,
    organisation_id: OrganisationId,
    /// "E-2025-000021", without gap in the year.
    #[schema(max_length = 20, example = "E-2025-000021")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    budget_line_id: BudgetLineId,
    section: Section,
    #[schema(max_length = 10, example = "602")]
    article: String,
    /// The kind of expenditure (`GET /v1/expenditure-kinds`), which decides on the supporting documents.
    #[schema(max_length = 40, example = "fuel")]
    kind: String,
    supplier_id: SupplierId,
    #[schema(max_length = 300)]
    label: String,
    committed_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "850000")]
    amount: String,
    /// What was verified of it.
    #[schema(max_length = 21, example = "0")]
    verified: String,
    /// Start-up advances paid on it (avances de démarrage).
    #[schema(max_length = 21, example = "0")]
    advance_paid: String,
    /// What statements recovered of the advances.
    #[schema(max_length = 21, example = "0")]
    advance_recovered: String,
    /// Retention money kept back (retenue de garantie).
    #[schema(max_length = 21, example = "0")]
    retention_withheld: String,
    /// Retention money released.
    #[schema(max_length = 21, example = "0")]
    retention_released: String,
    state: CommitmentState,
    /// Why it was released or cancelled.
    #[schema(max_length = 2000)]
    end_reason: Option<String>,
    committed_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: CommitmentRow, currency: Currency) -> CommitmentView {
    CommitmentView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("E", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        budget_line_id: row.budget_line_id.0,
        section: row.section.0,
        article: row.article,
        kind: row.kind_code,
        supplier_id: row.supplier_id.0,
        label: row.label,
        committed_on: row.committed_on,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        verified: shown(row.verified, currency),
        advance_paid: shown(row.advance_paid, currency),
        advance_recovered: shown(row.advance_recovered, currency),
        retention_withheld: shown(row.retention_withheld, currency),
        retention_released: shown(row.retention_released, currency),
        state: row.state.0,
        end_reason: row.end_reason,
        committed_by: row.committed_by.0,
        recorded_at: row.recorded_at.0,
        version: row.version,
    }
}

/// The currency of the organisation that is written to.
pub fn own_currency(tx: &mut Tx<'_>) -> Result<Currency, Fault> {
    currency_of(&db::organisation::find_own(tx)?)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CommitmentQuery {
    /// Only commitments of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only commitments in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// Only commitments in this section of the budget.
    section: Option<Section>,
    /// Only commitments on this article of the nomenclature.
    #[param(max_length = 10)]
    article: Option<String>,
    /// Only commitments on this budget line.
    budget_line_id: Option<BudgetLineId>,
    /// Only commitments to this supplier.
    supplier_id: Option<SupplierId>,
    /// First date of commitment.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last date of commitment.
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

/// The commitments of the organisation.
#[utoipa::path(tag = "expenditure", params(CommitmentQuery), responses((status = 200, body = Page<CommitmentView>)))]
#[get("/v1/organisations/{organisation_id}/commitments")]
pub async fn list_commitments(call: Call, _path: web::Path<OrganisationId>, query: Query<CommitmentQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<CommitmentId>(&call, query.after.as_deref(), query.limit)?;
    let filter = CommitmentFilter {
        fiscal_year: query.fiscal_year,
        state: words("state", query.state.as_deref())?,
        section: query.section,
        article: query.article,
        budget_line_id: query.budget_line_id,
        supplier_id: query.supplier_id,
        from: query.from,
        to: query.to,
        query: query.q,
        ..CommitmentFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = CommitmentFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::expenditure::total_commitments(conn, &scope, &filter)).transpose()?;
            Ok((currency, db::expenditure::list_commitments(conn, &scope, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)).with_total(total, currency))
}

/// One commitment.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = CommitmentView)))]
#[get("/v1/organisations/{organisation_id}/commitments/{commitment_id}")]
pub async fn read_commitment(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, CommitmentId)>) -> Answered {
    let (_, id) = path.into_inner();
    let (row, currency) = call.store().find::<db::expenditure::CommitmentById>(call.scope()?, id).await?;
    let currency = known_currency(&currency)?;
    versioned(&request, row.version, &view(row, currency))
}

/// A commitment to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCommitment {
    /// An identifier made by the client, if it works offline.
    id: Option<CommitmentId>,
    /// A line of expenditure of the executable budget.
    budget_line_id: BudgetLineId,
    supplier_id: SupplierId,
    label: Text<300>,
    amount: AmountText,
    currency: CurrencyText,
    /// Day of the commitment, in the fiscal year; the business date by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    committed_on: Option<NaiveDate>,
    /// The supporting documents of the commitment, such as the contract of works.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    documents: Vec<NewDocument>,
}

impl Json for NewCommitment {}

impl NewCommitment {
    fn demand(&self, on: NaiveDate) -> Demand<'_> {
        let (line, supplier) = (self.budget_line_id, self.supplier_id);
        let (before, stage) = (Amount::ZERO, DocumentStage::Commitment);
        Demand { line, supplier, before, amount: &self.amount, currency: &self.currency, on, stage, documents: &self.documents }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CommitmentMode {
    /// True to check only: the answer tells the credit as it would stand, nothing is stored.
    #[serde(default)]
    dry_run: bool,
}

/// The credit of the article, as it stands or would stand.
#[derive(Serialize, ToSchema)]
pub struct BudgetCheck {
    #[schema(max_length = 10)]
    article: String,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    #[schema(max_length = 21)]
    open: String,
    /// With this commitment.
    #[schema(max_length = 21)]
    committed: String,
    /// After this commitment.
    #[schema(max_length = 21)]
    available: String,
}

/// What is asked of a line's credit.
struct Demand<'a> {
    line: BudgetLineId,
    supplier: SupplierId,
    /// What is committed already, when it is an increase.
    before: Amount,
    amount: &'a AmountText,
    currency: &'a CurrencyText,
    on: NaiveDate,
    stage: DocumentStage,
    documents: &'a [NewDocument],
}

/// What a commitment is judged to be.
struct Judged {
    currency: Currency,
    amount: Amount,
    charge: Charge,
    kind_code: String,
    credit: Credit,
    last_number: i64,
}

/// Loads what the rules look at, and lets them judge.
fn judge(call: &Call, demand: &Demand<'_>, tx: &mut Tx<'_>) -> Result<Judged, Fault> {
    let found = find_chargeable(tx, wanted(call, tx.organisation, demand.line, demand.supplier))?;
    let currency = found.currency;
    currency.require(&demand.currency.0)?;
    let amount = Amount::parse_positive(&demand.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
    crate::identity::delegation::authorise(call, tx, amount)?;
    let fiscal_year = FiscalYear::new(found.fiscal_year)?;
    let supplier = found.supplier.ok_or(Fault::Missing)?;
    let executable = found.budget_state.is_executable();
    let credit = found.credit.filter(|_| executable && found.direction == Direction::Expenditure).unwrap_or_default();
    let parameters = tx.shelf.parameters(tx.conn, COUNTRY, found.kind.as_str(), fiscal_year.first_day())?;
    let cutoff = parameters.date(&format!("commitment_cutoff_{}", found.section), fiscal_year);
    let facts = CommitmentFacts {
        currency,
        fiscal_year,
        year_state: found.year_state,
        budget_executable: executable,
        section: found.section,
        direction: found.direction,
        chapter: &found.chapter,
        article: &found.article,
        line_executable: found.executable,
        credit,
        supplier: &supplier,
        cutoff,
        today: call.today,
    };
    commit(&facts, amount, demand.on)?;
    let nomenclature = tx.shelf.nomenclature(tx.conn, found.nomenclature_id)?;
    let kind_code = nomenclature
        .article(found.section, found.direction, &found.article)
        .and_then(|article| article.expenditure_kind.clone())
        .ok_or_else(|| Fault::Corrupt(format!("article {} has no kind of expenditure", found.article)))?;
    let whole = db::budget::amount(demand.before.minor().saturating_add(amount.minor()))?;
    document::require(tx, &kind_code, demand.stage, None, whole, demand.documents, currency)?;
    let charge = Charge { fiscal_year: found.fiscal_year, section: found.section, article: found.article, line: found.line };
    Ok(Judged { currency, amount, charge, kind_code, credit, last_number: found.last_number })
}

fn wanted(call: &Call, organisation: OrganisationId, line: BudgetLineId, supplier: SupplierId) -> chargeable::Wanted {
    chargeable::Wanted { organisation, clearance: call.scope_in(organisation).clearance, line, supplier }
}

/// Commits expenditure: reserves credit of the line's article, all or nothing, safe against every other commitment made
/// at the same time. Refused with the open, committed and available credit when it does not fit.
#[utoipa::path(
    tag = "expenditure",
    params(CommitmentMode),
    request_body = NewCommitment,
    responses((status = 201, body = CommitmentView), (status = 200, description = "The credit as it would stand (`dry_run=true`).", body = BudgetCheck))
)]
#[post("/v1/organisations/{organisation_id}/commitments")]
pub async fn commit_expenditure(asked: Asked<NewCommitment>, path: web::Path<OrganisationId>, mode: Query<CommitmentMode>) -> Answered {
    let organisation = path.into_inner();
    if mode.0.dry_run {
        return dry_run(asked).await;
    }
    let id = asked.body.id.unwrap_or_default();
    let wanted = wanted(&asked.call, organisation, asked.body.budget_line_id, asked.body.supplier_id);
    asked
        .write_wanting(organisation, Some(Wanted::Chargeable(wanted)), move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let on = body.committed_on.unwrap_or(call.today);
            let judged = judge(call, &body.demand(on), tx)?;
            let row = CommitmentRow {
                organisation_id: Col(organisation),
                id: Col(id),
                fiscal_year: judged.charge.fiscal_year,
                number: judged.last_number + 1,
                budget_line_id: Col(judged.charge.line),
                section: Col(judged.charge.section),
                article: judged.charge.article,
                kind_code: judged.kind_code,
                supplier_id: Col(body.supplier_id),
                label: body.label.as_str().to_owned(),
                committed_on: on,
                amount: judged.amount.minor(),
                verified: 0,
                advance_granted: 0,
                advance_paid: 0,
                advance_recovered: 0,
                retention_withheld: 0,
                retention_released: 0,
                state: Col(CommitmentState::Active),
                end_reason: None,
                committed_by: Col(principal),
                recorded_at: Col(tx.now()),
                version: 1,
            };
            db::expenditure::insert_commitment(tx, row.clone(), judged.credit)?;
            document::record(tx, ("commitment", id.0), &body.documents)?;
            let event = Event::of("commitment.recorded", "commitment", id.0, 1)
                .begun(row.state.0)
                .with("number", row.number)
                .with("article", &row.article)
                .with("amount", judged.amount.display(judged.currency))
                .with("currency", judged.currency.code());
            let location = format!("/v1/organisations/{organisation}/commitments/{id}");
            Ok((created(location, 1, &view(row, judged.currency))?, event.into()))
        })
        .await
}

/// The rules judge as they would, and nothing is stored.
async fn dry_run(asked: Asked<NewCommitment>) -> Answered {
    let Asked { call, body, .. } = asked;
    let scope = call.scope()?;
    let store = call.store().clone();
    let check = store
        .rehearse(scope.organisation, call.author(), move |tx| {
            let judged = judge(&call, &body.demand(body.committed_on.unwrap_or(call.today)), tx)?;
            let after = judged.credit.after(Step::Commit, judged.amount)?;
            let show = |amount: Option<Amount>| amount.unwrap_or_default().display(judged.currency);
            Ok(BudgetCheck {
                article: judged.charge.article,
                currency: judged.currency.code().to_owned(),
                open: show(after.open()),
                committed: show(Some(after.committed)),
                available: show(after.available()),
            })
        })
        .await?;
    ok(&check)
}
