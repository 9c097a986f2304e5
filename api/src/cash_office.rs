//! Cash offices: their file, and what they hold. What is done with them has files of its own.

pub mod expense;
pub mod inspection;
pub mod lifecycle;
pub mod movement;
pub mod slip;
pub mod stock;
pub mod ticket;
pub mod ticket_kind;

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use db::budget::fiscal_year::find_fiscal_year;
use db::cash_office::{CashOfficeFilter, CashOfficeRow};
use db::connection::Conn;
use db::fault::Fault;
use db::store::Tx;
use domain::audit::Event;
use domain::budget::{Direction, Section};
use domain::calendar::FiscalYear;
use domain::cash_office::{
    CASH_OFFICE_ARTICLE_UNKNOWN, CASH_OFFICE_OFFICER_INVALID, CashOffice, CashOfficeKind, CashOfficeState, CashOfficeWarning, Terms, found,
    warnings,
};
use domain::expenditure::require_open;
use domain::id::{CashOfficeId, OrganisationId, PrincipalId};
use domain::identity::Role;
use domain::ledger::LEDGER_PERIOD_CLOSED;
use domain::money::{Amount, Currency};
use domain::refusal::Refusal;
use domain::sensitivity::Scope;
use domain::text::Text;
use domain::word::Word as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::expenditure::own_currency;
use crate::page::{Page, keyset, page};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, Sha256Hex, shown};

/// A cash office (régie).
#[derive(Serialize, ToSchema)]
pub struct CashOfficeView {
    id: CashOfficeId,
    organisation_id: OrganisationId,
    kind: CashOfficeKind,
    #[schema(max_length = 200, example = "Régie d'avances des menues dépenses")]
    name: String,
    /// The act that founds it (arrêté).
    #[schema(max_length = 60, example = "2025-014/M-C01")]
    act_reference: String,
    act_date: NaiveDate,
    #[schema(min_length = 64, max_length = 64)]
    act_sha256: String,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    /// The most that it may hold.
    #[schema(max_length = 21, example = "300000")]
    ceiling: String,
    /// The most that an imprest may pay at once; null for a collection office.
    #[schema(max_length = 21, example = "50000")]
    max_unit_expense: Option<String>,
    /// The articles that an imprest may pay; empty for a collection office.
    #[schema(max_items = 100, value_type = Vec<Text<10>>)]
    allowed_articles: Vec<String>,
    /// The cash officer (régisseur).
    cash_officer_id: PrincipalId,
    /// The deputy (suppléant).
    deputy_id: Option<PrincipalId>,
    /// The bond (cautionnement) given by the cash officer.
    #[schema(max_length = 21, example = "0")]
    bond: String,
    state: CashOfficeState,
    /// Why it was suspended or closed.
    #[schema(max_length = 500)]
    state_reason: Option<String>,
    /// What it answers for: its part of account 541 or 542.
    #[schema(max_length = 21, example = "300000")]
    held: String,
    /// Expenses of an imprest that are paid and not justified yet, a part of `held`.
    #[schema(max_length = 21, example = "85500")]
    spent: String,
    /// The money that should be counted there: `held` less `spent`.
    #[schema(max_length = 21, example = "214500")]
    in_hand: String,
    /// The advance that an imprest turns over: it is replenished up to this.
    #[schema(max_length = 21, example = "300000")]
    standing_advance: String,
    /// Since when money lies in a collection office without a deposit; null when it holds nothing.
    undeposited_since: Option<NaiveDate>,
    activated_on: Option<NaiveDate>,
    last_inspected_on: Option<NaiveDate>,
    /// What calls for attention today. Nothing is refused for it.
    #[schema(max_items = 10)]
    warnings: Vec<CashOfficeWarning>,
    created_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

/// What a view is made with, beside the row.
pub struct Setting {
    currency: Currency,
    today: NaiveDate,
    inspection_months: Option<i64>,
    deposit_days: Option<i64>,
}

/// Reads what views are made with.
pub fn setting(conn: &mut Conn, scope: &Scope, today: NaiveDate) -> Result<Setting, Fault> {
    let organisation = db::organisation::find_organisation(conn, scope)?;
    let parameters = db::parameter::find_parameters(conn, COUNTRY, organisation.kind.as_str(), today)?;
    Ok(Setting {
        currency: crate::organisation::currency_of(&organisation)?,
        today,
        inspection_months: parameters.number("cash_office_inspection_months"),
        deposit_days: parameters.number("collection_office_deposit_days"),
    })
}

fn view(row: CashOfficeRow, setting: &Setting) -> Result<CashOfficeView, Fault> {
    let currency = setting.currency;
    let office = row.office(currency)?;
    Ok(CashOfficeView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        kind: row.kind.0,
        allowed_articles: row.articles(),
        name: row.name,
        act_reference: row.act_reference,
        act_date: row.act_date,
        act_sha256: row.act_sha256,
        currency: currency.code().to_owned(),
        ceiling: shown(row.ceiling, currency),
        max_unit_expense: row.max_unit_expense.map(|maximum| shown(maximum, currency)),
        cash_officer_id: row.cash_officer_id.0,
        deputy_id: row.deputy_id.map(|id| id.0),
        bond: shown(row.bond, currency),
        state: row.state.0,
        state_reason: row.state_reason,
        held: shown(row.held, currency),
        spent: shown(row.spent, currency),
        in_hand: office.in_hand().display(currency),
        standing_advance: shown(row.standing_advance, currency),
        undeposited_since: row.undeposited_since,
        activated_on: row.activated_on,
        last_inspected_on: row.last_inspected_on,
        warnings: warnings(&office, setting.today, setting.inspection_months, setting.deposit_days),
        created_by: row.created_by.0,
        recorded_at: row.recorded_at.0,
        version: row.version,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CashOfficeQuery {
    /// Only offices of one of these kinds, separated by commas.
    #[param(max_length = 100)]
    kind: Option<String>,
    /// Only offices in one of these states, separated by commas.
    #[param(max_length = 100)]
    state: Option<String>,
    /// Only offices that this person keeps, as cash officer or as deputy.
    cash_officer_id: Option<PrincipalId>,
    /// A part of the name, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The cash offices of the organisation.
#[utoipa::path(tag = "cash_office", params(CashOfficeQuery), responses((status = 200, body = Page<CashOfficeView>)))]
#[get("/v1/organisations/{organisation_id}/cash-offices")]
pub async fn list_cash_offices(call: Call, _path: web::Path<OrganisationId>, query: Query<CashOfficeQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<CashOfficeId>(&call, query.after.as_deref(), query.limit)?;
    let filter = CashOfficeFilter {
        kind: words("kind", query.kind.as_deref())?,
        state: words("state", query.state.as_deref())?,
        cash_officer: query.cash_officer_id,
        text: query.q,
    };
    let (scope, today, asked) = (call.scope()?, call.today, keys.clone());
    let (rows, more) = call
        .store()
        .read(move |conn| {
            let setting = setting(conn, &scope, today)?;
            let rows = db::cash_office::list_cash_offices(conn, &scope, &filter, &asked)?;
            Ok((rows.rows.into_iter().map(|row| view(row, &setting)).collect::<Result<Vec<_>, Fault>>()?, rows.more))
        })
        .await?;
    listed(&call, page(&call, &keys, db::page::Rows { rows, more }, |view| view.id, |view| view))
}

/// One cash office.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = CashOfficeView)))]
#[get("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}")]
pub async fn read_cash_office(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, CashOfficeId)>) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today) = (call.scope()?, call.today);
    let (version, view) = call
        .store()
        .read(move |conn| {
            let row = db::cash_office::find_cash_office(conn, &scope, id)?;
            let setting = setting(conn, &scope, today)?;
            Ok((row.version, view(row, &setting)?))
        })
        .await?;
    versioned(&request, version, &view)
}

/// A cash office to found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCashOffice {
    /// An identifier made by the client, if it works offline.
    id: Option<CashOfficeId>,
    kind: CashOfficeKind,
    name: Text<200>,
    /// The act that founds it (arrêté).
    act_reference: Text<60>,
    /// Not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    act_date: NaiveDate,
    act_sha256: Sha256Hex,
    /// The most that it may hold.
    ceiling: AmountText,
    currency: CurrencyText,
    /// The most that it may pay at once, at most the ceiling; required for an imprest, absent otherwise.
    max_unit_expense: Option<AmountText>,
    /// The articles of operating expenditure that it may pay; required for an imprest, absent otherwise.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 100>")]
    #[schema(max_items = 100)]
    allowed_articles: Vec<Text<10>>,
    /// The cash officer (régisseur), who holds the role `cash_officer` today.
    cash_officer_id: PrincipalId,
    /// The deputy (suppléant), who holds the role too.
    deputy_id: Option<PrincipalId>,
    /// The bond (cautionnement) given by the cash officer; none by default.
    bond: Option<AmountText>,
}

impl Json for NewCashOffice {}

/// Refuses people who do not hold the role of a cash officer today.
pub fn require_officers(tx: &mut Tx<'_>, cash_officer: PrincipalId, deputy: Option<PrincipalId>) -> Result<(), Fault> {
    let (organisation, today) = (tx.organisation, tx.today());
    for (person, pointer) in [(Some(cash_officer), "/cash_officer_id"), (deputy, "/deputy_id")] {
        let Some(person) = person else { continue };
        let held = db::identity::assignments_of(tx.conn, person)?;
        if !held.iter().any(|held| held.role == Role::CashOfficer && held.holds(organisation, today)) {
            return Err(CASH_OFFICE_OFFICER_INVALID.refuse().at(pointer).into());
        }
    }
    Ok(())
}

/// Refuses articles that the nomenclature in force does not have in the operating section and in this direction.
pub fn require_article(tx: &mut Tx<'_>, direction: Direction, article: &str, pointer: &str) -> Result<(), Fault> {
    let year = FiscalYear::new(tx.today().year())?;
    let in_force = db::budget::nomenclature::find_in_force(tx.conn, year)?.ok_or(Fault::Missing)?;
    let nomenclature = db::budget::nomenclature::find_nomenclature(tx.conn, in_force.id.0)?;
    match nomenclature.article(Section::Operating, direction, article).filter(|article| article.executable) {
        Some(_) => Ok(()),
        None => Err(CASH_OFFICE_ARTICLE_UNKNOWN.refuse().with("article", article).at(pointer).into()),
    }
}

/// Founds a cash office. The accountant then activates it.
#[utoipa::path(tag = "cash_office", request_body = NewCashOffice, responses((status = 201, body = CashOfficeView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices")]
pub async fn found_cash_office(asked: Asked<NewCashOffice>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let positive = |text: &AmountText, pointer: &str| {
                Amount::parse_positive(&text.0, currency).map_err(|refusal: Refusal| refusal.at(pointer))
            };
            let terms = Terms {
                kind: body.kind,
                act_date: body.act_date,
                ceiling: positive(&body.ceiling, "/ceiling")?,
                max_unit_expense: body.max_unit_expense.as_ref().map(|text| positive(text, "/max_unit_expense")).transpose()?,
                articles: body.allowed_articles.iter().map(|article| article.as_str().to_owned()).collect(),
                cash_officer: body.cash_officer_id,
                deputy: body.deputy_id,
            };
            let bond = body.bond.as_ref().map_or(Ok(Amount::ZERO), |text| Amount::parse(&text.0, currency));
            let bond = bond.map_err(|refusal| refusal.at("/bond"))?;
            found(&terms, call.today)?;
            require_officers(tx, terms.cash_officer, terms.deputy)?;
            for (index, article) in terms.articles.iter().enumerate() {
                require_article(tx, Direction::Expenditure, article, &format!("/allowed_articles/{index}"))?;
            }
            let new = db::cash_office::NewCashOffice {
                id,
                kind: terms.kind,
                name: body.name.as_str().to_owned(),
                act_reference: body.act_reference.as_str().to_owned(),
                act_date: terms.act_date,
                act_sha256: body.act_sha256.0.clone(),
                ceiling: terms.ceiling.minor(),
                max_unit_expense: terms.max_unit_expense.map(Amount::minor),
                allowed_articles: (terms.kind == CashOfficeKind::Imprest).then(|| terms.articles.join(",")),
                cash_officer: terms.cash_officer,
                deputy: terms.deputy,
                bond: bond.minor(),
                created_by: principal,
            };
            let row = db::cash_office::insert_cash_office(tx, &new)?;
            let event = Event::of("cash_office.founded", "cash_office", id.0, 1)
                .begun(row.state.0)
                .with("kind", new.kind)
                .with("act_sha256", &new.act_sha256)
                .with("ceiling", terms.ceiling.display(currency))
                .with("currency", currency.code())
                .with("cash_officer_id", new.cash_officer.to_string());
            let setting = setting(tx.conn, &call.scope_in(organisation), call.today)?;
            let location = format!("/v1/organisations/{organisation}/cash-offices/{id}");
            Ok((created(location, 1, &view(row, &setting)?)?, event.into()))
        })
        .await
}

/// Loads an office at the version that the caller read, with what the rules look at.
fn load(call: &Call, tx: &mut Tx<'_>, id: CashOfficeId) -> Result<(CashOfficeRow, CashOffice, Currency), Fault> {
    let row = db::cash_office::find_cash_office(tx.conn, &call.scope_in(tx.organisation), id)?;
    call.check_version(row.version)?;
    let currency = own_currency(tx)?;
    let office = row.office(currency)?;
    Ok((row, office, currency))
}

/// The fiscal year of the business date, which must be open to entries.
pub fn open_year(call: &Call, tx: &mut Tx<'_>) -> Result<i32, Fault> {
    let year = FiscalYear::new(call.today.year())?;
    match find_fiscal_year(tx.conn, &call.scope_in(tx.organisation), year.year()) {
        Ok(row) => require_open(year, row.state.0)?,
        Err(Fault::Missing) => {
            return Err(LEDGER_PERIOD_CLOSED.refuse().with("fiscal_year", year.year()).with("state", "absent").into());
        }
        Err(fault) => return Err(fault),
    }
    Ok(year.year())
}
