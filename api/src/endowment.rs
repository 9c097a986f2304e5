//! Endowments: campaigns that divide an envelope by formula into drawing rights.

pub mod allocation;
pub mod candidate;
pub mod drawing_agreement;
pub mod drawing_right;
pub mod lifecycle;

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::endowment::{CampaignFilter, EndowmentCampaignRow, NewCampaign};
use db::fault::Fault;
use db::store::Tx;
use domain::audit::Event;
use domain::budget::Section;
use domain::calendar::{FiscalYear, not_future};
use domain::document;
use domain::endowment::{
    CampaignState, Criterion, ENDOWMENT_DEADLINE_INVALID, ENDOWMENT_TYPES, EligibilityRule, EndowmentType, Formula, ZeroTotalPolicy,
    endowment_type, require_campaign, require_grantor,
};
use domain::id::{EndowmentCampaignId, OrganisationId, PrincipalId};
use domain::money::{Amount, Currency};
use domain::territory::TerritorialLevel;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, listed, published, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::organisation::{currency_of, known_currency};
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// A type of endowment.
#[derive(Serialize, ToSchema)]
pub struct EndowmentTypeView {
    #[schema(max_length = 20, example = "D_INVEST")]
    code: &'static str,
    #[schema(max_length = 200)]
    label_fr: &'static str,
    #[schema(max_length = 200)]
    label_en: &'static str,
    /// The section of the budget that it is earmarked to; any, if none is told.
    section: Option<Section>,
    /// Whether money is paid in tranches; a guarantee is none until it is called.
    disbursed: bool,
}

fn type_view(known: &'static EndowmentType) -> EndowmentTypeView {
    let EndowmentType { code, label_fr, label_en, section, disbursed } = known;
    EndowmentTypeView { code, label_fr, label_en, section: *section, disbursed: *disbursed }
}

/// The types of endowments.
#[utoipa::path(tag = "endowment", responses((status = 200, body = Vec<EndowmentTypeView>)))]
#[get("/v1/endowment-types")]
pub async fn list_endowment_types(request: HttpRequest, call: Call) -> Answered {
    published(&request, &call, |_| Ok(ENDOWMENT_TYPES.iter().map(type_view).collect::<Vec<_>>())).await
}

/// A criterion of the formula.
#[derive(Serialize, ToSchema)]
pub struct EndowmentCriterion {
    #[schema(max_length = 40, example = "population")]
    code: String,
    #[schema(max_length = 200)]
    label_fr: String,
    #[schema(max_length = 200)]
    label_en: String,
    /// Basis points; those of a formula sum to 10,000.
    #[schema(minimum = 0, maximum = 10000)]
    weight_bps: i64,
}

/// A campaign that divides an envelope.
#[derive(Serialize, ToSchema)]
pub struct EndowmentCampaignView {
    id: EndowmentCampaignId,
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    #[schema(max_length = 20, example = "D_INVEST")]
    endowment_type: String,
    /// The level of local government that it is for.
    level: TerritorialLevel,
    #[schema(max_length = 200)]
    title: String,
    state: CampaignState,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "180000000")]
    envelope: String,
    /// Every right is a multiple of it.
    #[schema(max_length = 21, example = "1000")]
    unit: String,
    /// What every eligible local government gets.
    #[schema(max_length = 21, example = "12000000")]
    floor: String,
    /// The most that one gets.
    #[schema(max_length = 21, example = "44000000")]
    cap: Option<String>,
    zero_total: ZeroTotalPolicy,
    #[schema(max_items = 20)]
    criteria: Vec<EndowmentCriterion>,
    #[schema(max_items = 20)]
    rules: Vec<EligibilityRule>,
    /// The day that the data are of.
    data_date: NaiveDate,
    /// The last day of the rights.
    rights_expire_on: NaiveDate,
    frozen_on: Option<NaiveDate>,
    /// SHA-256 of the frozen inputs.
    #[schema(max_length = 64)]
    inputs_sha256: Option<String>,
    calculated_on: Option<NaiveDate>,
    calculated_by: Option<PrincipalId>,
    /// SHA-256 of what was calculated.
    #[schema(max_length = 64)]
    outcome_sha256: Option<String>,
    validated_on: Option<NaiveDate>,
    validated_by: Option<PrincipalId>,
    /// The decision of the board.
    #[schema(max_length = 100)]
    decision_reference: Option<String>,
    #[schema(max_length = 64)]
    decision_sha256: Option<String>,
    notified_on: Option<NaiveDate>,
    /// Since when anyone may read the campaign and its allocation.
    published_on: Option<NaiveDate>,
    created_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: EndowmentCampaignRow) -> Result<EndowmentCampaignView, Fault> {
    let formula = row.formula()?;
    let currency = known_currency(&row.currency)?;
    let criterion =
        |of: Criterion| EndowmentCriterion { code: of.code, label_fr: of.label_fr, label_en: of.label_en, weight_bps: of.weight };
    Ok(EndowmentCampaignView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fiscal_year: row.fiscal_year,
        endowment_type: row.endowment_type,
        level: row.level.0,
        title: row.title,
        state: row.state.0,
        currency: row.currency,
        envelope: shown(formula.envelope, currency),
        unit: shown(formula.unit, currency),
        floor: shown(formula.floor, currency),
        cap: formula.cap.map(|cap| shown(cap, currency)),
        zero_total: formula.zero_total,
        criteria: formula.criteria.into_iter().map(criterion).collect(),
        rules: formula.rules,
        data_date: row.data_date,
        rights_expire_on: row.rights_expire_on,
        frozen_on: row.frozen_on,
        inputs_sha256: row.inputs_sha256,
        calculated_on: row.calculated_on,
        calculated_by: row.calculated_by.map(|id| id.0),
        outcome_sha256: row.outcome_sha256,
        validated_on: row.validated_on,
        validated_by: row.validated_by.map(|id| id.0),
        decision_reference: row.decision_reference,
        decision_sha256: row.decision_sha256,
        notified_on: row.notified_on,
        published_on: row.published_on,
        created_by: row.created_by.0,
        recorded_at: row.recorded_at.0,
        version: row.version,
    })
}

/// What the path of a campaign names.
pub type CampaignPath = web::Path<(OrganisationId, EndowmentCampaignId)>;

/// The campaign to act on: in the version that the caller read, and in one of these states.
fn load(call: &Call, tx: &mut Tx<'_>, id: EndowmentCampaignId, required: &[CampaignState]) -> Result<EndowmentCampaignRow, Fault> {
    let scope = call.scope_in(tx.organisation);
    let row = db::endowment::find_campaign(tx.conn, &scope, id)?;
    call.check_version(row.version)?;
    require_campaign(row.state.0, required)?;
    Ok(row)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EndowmentCampaignQuery {
    /// Only campaigns for this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only campaigns of this type.
    #[param(max_length = 20)]
    endowment_type: Option<String>,
    /// Only campaigns in this state.
    state: Option<CampaignState>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The campaigns of an organisation: for everyone those that are published, for its own people all.
#[utoipa::path(tag = "endowment", params(EndowmentCampaignQuery), responses((status = 200, body = Page<EndowmentCampaignView>)))]
#[get("/v1/organisations/{organisation_id}/endowment-campaigns")]
pub async fn list_endowment_campaigns(call: Call, _path: web::Path<OrganisationId>, query: Query<EndowmentCampaignQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<EndowmentCampaignId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let asked = keys.clone();
    let rows = call
        .store()
        .read(move |conn| {
            let filter = CampaignFilter { fiscal_year: query.fiscal_year, endowment_type: query.endowment_type, state: query.state };
            let found = db::endowment::list_campaigns(conn, &scope, &filter, &asked)?;
            let rows = found.rows.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
            Ok(db::page::Rows { rows, more: found.more })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id, |row| row))
}

/// One campaign.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentCampaignView)))]
#[get("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}")]
pub async fn read_endowment_campaign(call: Call, request: HttpRequest, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let row = call.store().read(move |conn| db::endowment::find_campaign(conn, &scope, id)).await?;
    versioned(&request, row.version, &view(row)?)
}

/// A criterion with its weight.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCriterion {
    code: Text<40>,
    label_fr: Text<200>,
    label_en: Text<200>,
    /// Basis points; those of a formula sum to 10,000.
    #[serde(deserialize_with = "candidate::basis_points")]
    #[schema(minimum = 0, maximum = 10000, example = 4000)]
    weight_bps: i64,
}

/// A campaign to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEndowmentCampaign {
    /// An identifier made by the client, if it works offline.
    id: Option<EndowmentCampaignId>,
    #[schema(minimum = 1960, maximum = 2200, example = 2025)]
    fiscal_year: i32,
    /// The code of a type.
    #[schema(value_type = Text<20>, example = "D_INVEST")]
    endowment_type: Text<20>,
    level: TerritorialLevel,
    title: Text<200>,
    envelope: AmountText,
    unit: AmountText,
    floor: AmountText,
    cap: Option<AmountText>,
    currency: CurrencyText,
    zero_total: ZeroTotalPolicy,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 20>")]
    #[schema(min_items = 1, max_items = 20)]
    criteria: Vec<NewCriterion>,
    /// What a local government has to fulfil.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    rules: Vec<EligibilityRule>,
    /// The day that the data are of.
    #[serde(deserialize_with = "crate::wire::day")]
    data_date: NaiveDate,
    /// The last day of the rights.
    #[serde(deserialize_with = "crate::wire::day")]
    rights_expire_on: NaiveDate,
}

impl Json for NewEndowmentCampaign {}

fn formula(body: &NewEndowmentCampaign, currency: Currency) -> Result<Formula, Fault> {
    let amount = |text: &AmountText, pointer: &str| Amount::parse(&text.0, currency).map(Amount::minor).map_err(|no| no.at(pointer));
    let criterion = |of: &NewCriterion| Criterion {
        code: of.code.as_str().to_owned(),
        label_fr: of.label_fr.as_str().to_owned(),
        label_en: of.label_en.as_str().to_owned(),
        weight: of.weight_bps,
    };
    let mut rules = body.rules.clone();
    rules.sort_unstable();
    rules.dedup();
    let formula = Formula {
        envelope: Amount::parse_positive(&body.envelope.0, currency).map_err(|no| no.at("/envelope"))?.minor(),
        unit: amount(&body.unit, "/unit")?,
        floor: amount(&body.floor, "/floor")?,
        cap: body.cap.as_ref().map(|cap| amount(cap, "/cap")).transpose()?,
        zero_total: body.zero_total,
        criteria: body.criteria.iter().map(criterion).collect(),
        rules,
    };
    formula.check()?;
    Ok(formula)
}

/// Begins a campaign: envelope, formula and deadlines. Only ministries and agencies have endowments to allot.
#[utoipa::path(tag = "endowment", request_body = NewEndowmentCampaign, responses((status = 201, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns")]
pub async fn create_endowment_campaign(asked: Asked<NewEndowmentCampaign>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let created_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let own = db::organisation::find_own(tx)?;
            require_grantor(own.kind.0)?;
            let currency = currency_of(&own)?;
            currency.require(&body.currency.0)?;
            let fiscal_year = FiscalYear::new(body.fiscal_year).map_err(|refusal| refusal.at("/fiscal_year"))?.year();
            let kind = endowment_type(body.endowment_type.as_str())?;
            not_future(body.data_date, call.today).map_err(|refusal| refusal.at("/data_date"))?;
            if body.rights_expire_on <= body.data_date {
                return Err(ENDOWMENT_DEADLINE_INVALID.refuse().with("data_date", body.data_date).at("/rights_expire_on").into());
            }
            let formula = formula(body, currency)?;
            let new = NewCampaign {
                id,
                fiscal_year,
                endowment_type: kind.code.clone(),
                level: body.level,
                title: body.title.as_str().to_owned(),
                currency: currency.code().to_owned(),
                envelope: formula.envelope,
                data_date: body.data_date,
                rights_expire_on: body.rights_expire_on,
                formula: document::write(&formula).ok_or_else(|| Fault::Broken("a formula cannot be written".to_owned()))?,
                created_by,
            };
            let row = db::endowment::insert_campaign(tx, &new)?;
            let event = Event::of("endowment_campaign.begun", "endowment_campaign", id.0, 1)
                .begun(row.state.0)
                .with("endowment_type", &new.endowment_type)
                .with("envelope", shown(new.envelope, currency))
                .with("currency", currency.code());
            let location = format!("/v1/organisations/{organisation}/endowment-campaigns/{id}");
            Ok((created(location, 1, &view(row)?)?, event.into()))
        })
        .await
}
