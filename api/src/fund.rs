//! Funds and the terms that they use. Donors, contributions, purposes, allocations and statements have files of their own.

pub mod allocation;
pub mod contribution;
pub mod donor;
pub mod exchange;
pub mod movement;
pub mod pledge;
pub mod purpose;
pub mod receipt;
pub mod report;
pub mod revision;
pub mod spending;
pub mod statement;

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::fund::contribution::{NewContribution, insert_contribution};
use db::fund::earmark::PlacedEarmark;
use db::fund::{Fund, FundRow, FundTermRow, NewFund as NewRow, NewPhase};
use domain::audit::Event;
use domain::calendar::{Cause, not_before, not_future};
use domain::fund::{CURRENCY_UNKNOWN, ContributionKind, FEE_INVALID, FundKind, FundVocabulary, require_open_period};
use domain::id::{ContributionId, FundId, OrganisationId};
use domain::money::{Amount, Currency};
use domain::parameter::Confidence;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed, published, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::fund::pledge::Bounded;
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// The currency that a request names.
pub(crate) fn named_currency(text: &CurrencyText, pointer: &str) -> Result<Currency, Fault> {
    let unknown = || CURRENCY_UNKNOWN.refuse().with("currency", &text.0).at(pointer);
    Ok(Currency::parse(&text.0).ok_or_else(unknown)?)
}

/// A term of the lists that funds use. Reference data.
#[derive(Serialize, ToSchema)]
pub struct FundTermView {
    vocabulary: FundVocabulary,
    #[schema(max_length = 60, example = "security")]
    code: String,
    #[schema(max_length = 1000)]
    label_en: String,
    #[schema(max_length = 1000)]
    label_fr: String,
    /// Of a sector: its one primary purpose code of the Development Assistance Committee, by which it is counted.
    #[schema(max_length = 5, example = "15210")]
    dac_code: Option<String>,
    /// Of a sector: further purpose codes that may suit.
    #[schema(max_items = 10, value_type = Vec<Text<5>>)]
    secondary_dac_codes: Vec<String>,
    /// Of a sector: targets of the Sustainable Development Goals.
    #[schema(max_items = 10, value_type = Vec<Text<20>>)]
    sdg_targets: Vec<String>,
    confidence: Confidence,
    /// Where the term comes from.
    #[schema(max_length = 1000)]
    source: String,
}

fn term_view(row: FundTermRow) -> FundTermView {
    FundTermView {
        vocabulary: row.vocabulary.0,
        code: row.code,
        label_en: row.label_en,
        label_fr: row.label_fr,
        dac_code: row.dac_code,
        secondary_dac_codes: row.secondary_dac_codes.split_whitespace().map(str::to_owned).collect(),
        sdg_targets: row.sdg_targets.split_whitespace().map(str::to_owned).collect(),
        confidence: row.confidence.0,
        source: row.source,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FundTermQuery {
    /// Only terms of this vocabulary.
    vocabulary: Option<FundVocabulary>,
}

/// Sectors, objectives, instruments and markers that purposes and earmarks name, and the codes that sectors refer to.
#[utoipa::path(tag = "fund", params(FundTermQuery), responses((status = 200, body = Vec<FundTermView>)))]
#[get("/v1/fund-terms")]
pub async fn list_fund_terms(request: HttpRequest, call: Call, query: Query<FundTermQuery>) -> Answered {
    let vocabulary = query.0.vocabulary;
    published(&request, &call, move |conn| {
        let rows = db::fund::list_terms(conn, vocabulary)?;
        Ok(rows.into_iter().map(term_view).collect::<Vec<_>>())
    })
    .await
}

/// A phase of a fund.
#[derive(Serialize, ToSchema)]
pub struct FundPhaseView {
    #[schema(minimum = 1)]
    number: i32,
    #[schema(max_length = 200)]
    name: String,
    /// In the currency of the fund.
    #[schema(max_length = 21)]
    envelope: String,
    #[schema(max_length = 500)]
    themes: String,
}

/// A fund that the organisation administers.
#[derive(Serialize, ToSchema)]
pub struct FundView {
    id: FundId,
    organisation_id: OrganisationId,
    #[schema(max_length = 40, example = "TF")]
    code: String,
    #[schema(max_length = 200)]
    name: String,
    kind: FundKind,
    /// In which the fund's books are kept.
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 300)]
    legal_basis: Option<String>,
    /// The administering agent's fee on receipts, in basis points, for contributions that are signed from now on.
    #[schema(minimum = 0, maximum = 10000)]
    fee_bps: i32,
    /// Where figures of the fund come from.
    #[schema(max_length = 500)]
    source: Option<String>,
    /// The most that a purpose may tell as indirect cost, in basis points of its direct cost; without it as much as its donors agree to.
    #[schema(minimum = 0, maximum = 10000)]
    indirect_bps_max: Option<i32>,
    /// What of a purpose need not be refunded when it closes, in the currency of the fund.
    #[schema(max_length = 21)]
    residual_max: String,
    /// Until when the books are closed: nothing is recorded on an earlier day.
    closed_until: Option<NaiveDate>,
    starts_on: Option<NaiveDate>,
    /// The last day on which something is pledged, signed or allocated; what is under way then is wound up.
    ends_on: Option<NaiveDate>,
    #[schema(max_items = 20)]
    phases: Vec<FundPhaseView>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(fund: Fund) -> Result<FundView, Fault> {
    let (row, currency) = (&fund.row, fund.row.currency()?);
    let phase = |phase: &db::fund::FundPhaseRow| FundPhaseView {
        number: phase.number,
        name: phase.name.clone(),
        envelope: shown(phase.envelope, currency),
        themes: phase.themes.clone(),
    };
    Ok(FundView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        code: row.code.clone(),
        name: row.name.clone(),
        kind: row.kind.0,
        currency: row.currency.clone(),
        legal_basis: row.legal_basis.clone(),
        fee_bps: row.fee_bps,
        source: row.source.clone(),
        indirect_bps_max: row.indirect_bps_max,
        residual_max: shown(row.residual_max, currency),
        closed_until: row.closed_until,
        starts_on: row.starts_on,
        ends_on: row.ends_on,
        phases: fund.phases.iter().map(phase).collect(),
        version: row.version,
    })
}

/// Views of rows, each of which may be corrupt.
fn views<R, V>(rows: db::page::Rows<R>, view: impl Fn(R) -> Result<V, Fault>) -> Result<db::page::Rows<V>, Fault> {
    Ok(db::page::Rows { more: rows.more, rows: rows.rows.into_iter().map(view).collect::<Result<_, _>>()? })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FundQuery {
    /// Only funds of this kind.
    kind: Option<FundKind>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The funds that the organisation administers.
#[utoipa::path(tag = "fund", params(FundQuery), responses((status = 200, body = Page<FundView>)))]
#[get("/v1/organisations/{organisation_id}/funds")]
pub async fn list_funds(call: Call, _path: web::Path<OrganisationId>, query: Query<FundQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<FundId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call.store().read(move |conn| views(db::fund::list_funds(conn, &scope, query.kind, &asked)?, view)).await?;
    listed(&call, page(&call, &keys, rows, |fund| fund.id, |fund| fund))
}

type FundPath = web::Path<(OrganisationId, FundId)>;

/// One fund.
#[utoipa::path(tag = "fund", responses((status = 200, body = FundView)))]
#[get("/v1/organisations/{organisation_id}/funds/{fund_id}")]
pub async fn read_fund(call: Call, request: HttpRequest, path: FundPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let fund = call.store().read(move |conn| view(db::fund::find_fund(conn, &scope, id)?)).await?;
    versioned(&request, fund.version, &fund)
}

/// A phase of a fund to found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFundPhase {
    name: Text<200>,
    envelope: AmountText,
    themes: Text<500>,
}

/// A fund to found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFund {
    /// An identifier made by the client, if it works offline.
    id: Option<FundId>,
    /// Unique in the organisation.
    code: Text<40>,
    name: Text<200>,
    kind: FundKind,
    currency: CurrencyText,
    legal_basis: Option<Text<300>>,
    /// The administering agent's fee on receipts, in basis points; none by default.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 10000)]
    fee_bps: u16,
    /// Where figures of the fund come from.
    source: Option<Text<500>>,
    /// The most that a purpose may tell as indirect cost, in basis points of its direct cost.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 10000)]
    indirect_bps_max: Option<Bounded<0, 10000>>,
    /// What of a purpose need not be refunded when it closes; nothing by default.
    residual_max: Option<AmountText>,
    /// Nothing is pledged before.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    starts_on: Option<NaiveDate>,
    /// The last day on which something is pledged, signed or allocated; not before the first. Without an end by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    ends_on: Option<NaiveDate>,
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    phases: Vec<NewFundPhase>,
}

impl Json for NewFund {}

/// Refuses an end of a fund before its beginning, or before what was pledged, signed or allocated last.
fn require_end(ends_on: Option<NaiveDate>, starts_on: Option<NaiveDate>, last: Option<NaiveDate>) -> Result<(), Fault> {
    let causes = [(Cause::Fund, starts_on), (Cause::LastMovement, last)];
    Ok(ends_on.map_or(Ok(()), |end| not_before(end, &causes)).map_err(|refusal| refusal.at("/ends_on"))?)
}

/// The phases of a request.
fn phases_of(phases: &[NewFundPhase], currency: Currency) -> Result<Vec<NewPhase>, Fault> {
    let phase = |(index, phase): (usize, &NewFundPhase)| {
        let envelope = Amount::parse_positive(&phase.envelope.0, currency);
        Ok(NewPhase {
            name: phase.name.as_str().to_owned(),
            envelope: envelope.map_err(|refusal| refusal.at(&format!("/phases/{index}/envelope")))?.minor(),
            themes: phase.themes.as_str().to_owned(),
        })
    };
    phases.iter().enumerate().map(phase).collect()
}

/// What of a purpose need not be refunded, in minor units.
fn residual_of(text: Option<&AmountText>, currency: Currency) -> Result<i64, Fault> {
    Ok(text.map_or(Ok(0), |text| Amount::parse(&text.0, currency).map(Amount::minor)).map_err(|refusal| refusal.at("/residual_max"))?)
}

/// Founds a fund, with its own account for interest, costs and results of exchange.
#[utoipa::path(tag = "fund", request_body = NewFund, responses((status = 201, body = FundView)))]
#[post("/v1/organisations/{organisation_id}/funds")]
pub async fn found_fund(asked: Asked<NewFund>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let (id, account) = (asked.body.id.unwrap_or_default(), ContributionId::new());
    asked
        .write(move |_, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let currency = named_currency(&body.currency, "/currency")?;
            require_end(body.ends_on, body.starts_on, None)?;
            let text = |text: &Option<Text<500>>| text.as_ref().map(|text| text.as_str().to_owned());
            let new = NewRow {
                id,
                code: body.code.as_str().to_owned(),
                name: body.name.as_str().to_owned(),
                kind: body.kind,
                currency,
                legal_basis: body.legal_basis.as_ref().map(|basis| basis.as_str().to_owned()),
                fee_bps: fee(body.fee_bps)?,
                source: text(&body.source),
                indirect_bps_max: body.indirect_bps_max.and_then(|most| i32::try_from(most.0).ok()),
                residual_max: residual_of(body.residual_max.as_ref(), currency)?,
                starts_on: body.starts_on,
                ends_on: body.ends_on,
                phases: phases_of(&body.phases, currency)?,
                recorded_by,
            };
            db::fund::insert_fund(tx, &new)?;
            let own = NewContribution {
                id: account,
                fund: id,
                donor: None,
                kind: ContributionKind::Own,
                reference: format!("{}/OWN", new.code),
                currency,
                ends_on: None,
                note: None,
                earmark: PlacedEarmark::default(),
                instalments: Vec::new(),
                goods: Vec::new(),
                recorded_by,
            };
            insert_contribution(tx, &own)?;
            let event = Event::of("fund.founded", "fund", id.0, 1)
                .with("code", &new.code)
                .with("currency", currency.code())
                .with("fee_bps", new.fee_bps)
                .with("account_id", account.to_string());
            let fund = db::fund::find_fund(tx.conn, &tx.all(), id)?;
            Ok((created(format!("/v1/organisations/{organisation}/funds/{id}"), 1, &view(fund)?)?, event.into()))
        })
        .await
}

/// A fee in basis points, at most the whole.
fn fee(bps: u16) -> Result<i32, Fault> {
    if bps > 10_000 {
        return Err(FEE_INVALID.refuse().at("/fee_bps").into());
    }
    Ok(i32::from(bps))
}

/// Until when to close the books of a fund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FundClosure {
    /// The last day of the period; later than the one before.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
}

impl Json for FundClosure {}

/// The day of an act on a fund: come already, and in no closed period.
fn require_open_day(call: &Call, fund: &FundRow, on: NaiveDate) -> Result<(), Fault> {
    not_future(on, call.today).map_err(|refusal| refusal.at("/on"))?;
    Ok(require_open_period(on, fund.closed_until)?)
}

/// Refuses an act that is dated before what it follows from.
fn require_cause(on: NaiveDate, causes: &[(Cause, Option<NaiveDate>)]) -> Result<(), Fault> {
    Ok(not_before(on, causes).map_err(|refusal| refusal.at("/on"))?)
}

/// Closes a period of a fund: what was attributed in it never changes; corrections are made in the current period.
#[utoipa::path(tag = "fund", request_body = FundClosure, responses((status = 200, body = FundView)))]
#[post("/v1/organisations/{organisation_id}/funds/{fund_id}/closure")]
pub async fn close_fund_period(asked: Asked<FundClosure>, path: FundPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let fund = db::fund::find_fund_row(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(fund.version)?;
            require_open_day(call, &fund, body.on)?;
            db::fund::close_fund(tx, &fund, body.on)?;
            let event = Event::of("fund.closed", "fund", id.0, fund.version + 1).with("closed_until", body.on);
            let after = db::fund::find_fund(tx.conn, &tx.all(), id)?;
            Ok((done(fund.version + 1, &view(after)?)?, event.into()))
        })
        .await
}
