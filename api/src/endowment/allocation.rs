//! The allocation: simulated, calculated, and shown with all that it rests on.

use actix_web::{get, post};
use chrono::NaiveDate;
use db::endowment::CampaignChange;
use db::fault::Fault;
use domain::audit::Event;
use domain::document::{digest, read};
use domain::endowment::allocation::{Allocation, Share, allocate};
use domain::endowment::document::{Inputs, Outcome, calculate};
use domain::endowment::{CampaignState, Candidate, ENDOWMENT_RESIDUAL_RESERVE, EligibilityRule, FactBasis, Formula, ZeroTotalPolicy};
use domain::id::{EndowmentCampaignId, TerritorialUnitId};
use domain::money::{Amount, Balance, Currency};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::candidate::inputs_of;
use super::{CampaignPath, EndowmentCampaignView, load, view};
use crate::answer::{Answered, done, ok};
use crate::auth::Call;
use crate::body::{Asked, Nothing, Query};
use crate::organisation::known_currency;
use crate::problem::{Problem, REQUEST_PARAMETER_INVALID};
use crate::wire::{AmountText, shown};

/// The codes of what is worth a warning.
fn warnings(allocation: &Allocation) -> Vec<String> {
    if allocation.reserve > 0 { vec![ENDOWMENT_RESIDUAL_RESERVE.name.to_owned()] } else { Vec::new() }
}

fn eligible(allocation: &Allocation) -> usize {
    allocation.shares.iter().filter(|share| share.is_eligible()).count()
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScenarioQuery {
    /// Another envelope.
    envelope: Option<AmountText>,
    /// Another unit.
    unit: Option<AmountText>,
    /// Another floor.
    floor: Option<AmountText>,
    /// Another cap.
    cap: Option<AmountText>,
    /// Other weights in basis points, as `population:4000,poverty:6000`; criteria that are not named weigh nothing.
    #[param(
        max_length = 1000,
        pattern = "^[^,:\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb]+:(0|[1-9][0-9]{0,3}|10000)(,[^,:\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb]+:(0|[1-9][0-9]{0,3}|10000))*$",
        example = "population:4000,poverty:6000"
    )]
    weights: Option<String>,
    /// Another policy for criteria that are zero everywhere.
    zero_total: Option<ZeroTotalPolicy>,
}

impl ScenarioQuery {
    /// The formula with what the scenario changes.
    fn applied(&self, formula: &Formula, currency: Currency) -> Result<Formula, Fault> {
        let amount = |text: &Option<AmountText>, usual: i64, name: &str| {
            text.as_ref().map_or(Ok(usual), |text| Amount::parse(&text.0, currency).map(Amount::minor).map_err(|no| no.at(name)))
        };
        let mut scenario = Formula {
            envelope: amount(&self.envelope, formula.envelope, "?envelope")?,
            unit: amount(&self.unit, formula.unit, "?unit")?,
            floor: amount(&self.floor, formula.floor, "?floor")?,
            zero_total: self.zero_total.unwrap_or(formula.zero_total),
            ..formula.clone()
        };
        if self.cap.is_some() {
            scenario.cap = Some(amount(&self.cap, 0, "?cap")?);
        }
        Ok(scenario)
    }

    /// The other weights, by criterion.
    fn weights(&self) -> Result<Option<Vec<(String, i64)>>, Problem> {
        let Some(text) = &self.weights else { return Ok(None) };
        let pair = |pair: &str| {
            let (code, weight) = pair.split_once(':').filter(|(code, _)| !code.is_empty())?;
            let number: i64 = weight.parse().ok().filter(|number| (0..=10_000).contains(number))?;
            (number.to_string() == weight).then(|| (code.to_owned(), number))
        };
        let weights: Option<Vec<(String, i64)>> = text.split(',').map(pair).collect();
        let wrong = || Problem::unreadable(&REQUEST_PARAMETER_INVALID, "?weights", "criterion:basis points, separated by commas");
        weights.ok_or_else(wrong).map(Some)
    }
}

/// What a local government would get.
#[derive(Serialize, ToSchema)]
pub struct SimulatedShare {
    territorial_unit_id: TerritorialUnitId,
    #[schema(max_length = 40)]
    code: String,
    #[schema(max_length = 200)]
    name: String,
    /// Every rule that it does not fulfil; it is eligible when there is none.
    #[schema(max_items = 20)]
    failing: Vec<EligibilityRule>,
    /// By the formula of the campaign.
    #[schema(max_length = 21)]
    amount: String,
    /// By the scenario.
    #[schema(max_length = 21)]
    scenario: String,
    /// The scenario less the campaign.
    #[schema(max_length = 22)]
    difference: String,
}

/// Two allocations of the same data: by the formula of the campaign, and by a scenario.
#[derive(Serialize, ToSchema)]
pub struct EndowmentSimulation {
    endowment_campaign_id: EndowmentCampaignId,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    #[schema(minimum = 0)]
    eligible: usize,
    #[schema(max_length = 21)]
    reserve: String,
    #[schema(max_length = 21)]
    scenario_reserve: String,
    /// Codes of warnings on the scenario.
    #[schema(max_items = 10, value_type = Vec<Text<60>>)]
    warnings: Vec<String>,
    #[schema(max_items = 2000)]
    shares: Vec<SimulatedShare>,
}

fn simulated(base: Share, scenario: &Share, currency: Currency) -> SimulatedShare {
    let amount = |minor| Amount::from_minor(minor).unwrap_or_default();
    SimulatedShare {
        territorial_unit_id: base.unit,
        code: base.code,
        name: base.name,
        failing: base.failing,
        amount: shown(base.amount, currency),
        scenario: shown(scenario.amount, currency),
        difference: Balance::between(amount(scenario.amount), amount(base.amount)).display(currency),
    }
}

/// What would come of the data, by the formula of the campaign and by a scenario beside it. Nothing is stored.
#[utoipa::path(tag = "endowment", params(ScenarioQuery), responses((status = 200, body = EndowmentSimulation)))]
#[get("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/simulation")]
pub async fn simulate_endowment(call: Call, path: CampaignPath, query: Query<ScenarioQuery>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let query = query.0;
    let weights = query.weights()?;
    let simulation = call
        .store()
        .read(move |conn| {
            let row = db::endowment::find_campaign(conn, &scope, id)?;
            let currency = known_currency(&row.currency)?;
            let inputs = inputs_of(conn, &row)?;
            let mut formula = query.applied(&inputs.formula, currency)?;
            if let Some(weights) = weights {
                formula.weigh(&weights).map_err(|refusal| refusal.at("?weights"))?;
            }
            let told = |pointer: &str| match pointer {
                "/criteria" => "?weights".to_owned(),
                "/envelope" | "/floor" | "/cap" => pointer.replace('/', "?"),
                _ => String::new(),
            };
            let scenario = allocate(&formula, &inputs.candidates).map_err(|refusal| refusal.leading(told))?;
            let base = allocate(&inputs.formula, &inputs.candidates)?;
            Ok(EndowmentSimulation {
                endowment_campaign_id: id,
                currency: row.currency,
                eligible: eligible(&base),
                reserve: shown(base.reserve, currency),
                scenario_reserve: shown(scenario.reserve, currency),
                warnings: warnings(&scenario),
                shares: base.shares.into_iter().zip(&scenario.shares).map(|(base, other)| simulated(base, other, currency)).collect(),
            })
        })
        .await?;
    ok(&simulation)
}

/// Calculates the allocation from the frozen data.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/calculation")]
pub async fn calculate_endowment(asked: Asked<Nothing>, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let calculated_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let row = load(call, tx, id, &[CampaignState::Frozen])?;
            let documents = db::endowment::find_documents(tx.conn, &tx.all(), id)?;
            let (outcome, text) =
                calculate(&documents.inputs.unwrap_or_default())?.ok_or_else(|| Fault::Corrupt(format!("inputs of campaign {id}")))?;
            let sha256 = digest(&text);
            let change = CampaignChange {
                outcome: Some(text),
                outcome_sha256: Some(sha256.clone()),
                calculated_by: Some(db::column::Col(calculated_by)),
                calculated_on: Some(call.today),
                ..CampaignChange::to(CampaignState::Calculated)
            };
            let after = db::endowment::update_campaign(tx, &row, change)?;
            let event = Event::of("endowment_campaign.calculated", "endowment_campaign", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("inputs_sha256", outcome.inputs_sha256)
                .with("outcome_sha256", sha256)
                .with("eligible", eligible(&outcome.allocation));
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}

/// The value of a criterion.
#[derive(Serialize, ToSchema)]
pub struct CriterionValue {
    #[schema(max_length = 40)]
    criterion: String,
    #[schema(minimum = 0)]
    value: i64,
}

/// What is known of a rule.
#[derive(Serialize, ToSchema)]
pub struct CandidateFact {
    rule: EligibilityRule,
    holds: bool,
    basis: FactBasis,
}

/// A local government with its data, what it gets, and how that came about.
#[derive(Serialize, ToSchema)]
pub struct AllocatedShare {
    territorial_unit_id: TerritorialUnitId,
    #[schema(max_length = 40)]
    code: String,
    #[schema(max_length = 200)]
    name: String,
    #[schema(minimum = 0)]
    population: i64,
    #[schema(max_items = 21)]
    values: Vec<CriterionValue>,
    #[schema(max_items = 20)]
    facts: Vec<CandidateFact>,
    #[schema(max_length = 200)]
    source: String,
    /// Every rule that it does not fulfil; it is eligible when there is none.
    #[schema(max_items = 20)]
    failing: Vec<EligibilityRule>,
    /// Its part of all scores, to six decimals.
    #[schema(max_length = 20, example = "0.229716")]
    score: String,
    /// Above the floor and before any cap, in minor units, to two decimals.
    #[schema(max_length = 40, example = "27565903.53")]
    first_quota: String,
    /// Above the floor and after the last cap, in minor units, to two decimals.
    #[schema(max_length = 40, example = "28090808.13")]
    quota: String,
    capped: bool,
    /// Whether it got one more unit by its remainder.
    extra_unit: bool,
    #[schema(max_length = 21, example = "40091000")]
    amount: String,
}

fn allocated((one, share): (Candidate, Share), currency: Currency) -> AllocatedShare {
    AllocatedShare {
        territorial_unit_id: one.unit,
        code: one.code,
        name: one.name,
        population: one.population,
        values: one.values.into_iter().map(|(criterion, value)| CriterionValue { criterion, value }).collect(),
        facts: one.facts.into_iter().map(|(rule, fact)| CandidateFact { rule, holds: fact.holds, basis: fact.basis }).collect(),
        source: one.source,
        failing: share.failing,
        score: share.score,
        first_quota: share.first_quota,
        quota: share.quota,
        capped: share.capped,
        extra_unit: share.extra_unit,
        amount: shown(share.amount, currency),
    }
}

/// An allocation with all that it rests on.
#[derive(Serialize, ToSchema)]
pub struct EndowmentAllocation {
    /// With formula and digests.
    campaign: EndowmentCampaignView,
    /// The algorithm and its version.
    #[schema(max_length = 40, example = "endowment-1")]
    algorithm: String,
    data_date: NaiveDate,
    #[schema(minimum = 0)]
    eligible: usize,
    /// What no cap let go: amounts and reserve make the envelope.
    #[schema(max_length = 21)]
    reserve: String,
    /// SHA-256 of what comes of the frozen inputs when they are calculated again, as they were for this answer.
    #[schema(max_length = 64)]
    recalculated_sha256: String,
    /// Whether that is to the byte what was kept.
    identical: bool,
    /// Codes of warnings.
    #[schema(max_items = 10, value_type = Vec<Text<60>>)]
    warnings: Vec<String>,
    /// In the order of their codes.
    #[schema(max_items = 2000)]
    shares: Vec<AllocatedShare>,
}

/// The allocation with the formula, the frozen data and each intermediate value. It is calculated again for each answer.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentAllocation)))]
#[get("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/allocation")]
pub async fn read_endowment_allocation(call: Call, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let allocation = call
        .store()
        .read(move |conn| {
            let row = db::endowment::find_campaign(conn, &scope, id)?;
            let documents = db::endowment::find_documents(conn, &scope, id)?;
            let (Some(inputs), Some(kept)) = (documents.inputs, documents.outcome) else { return Err(Fault::Missing) };
            let corrupt = || Fault::Corrupt(format!("documents of campaign {id}"));
            let outcome: Outcome = read(&kept).ok_or_else(corrupt)?;
            let (_, again) = calculate(&inputs)?.ok_or_else(corrupt)?;
            let candidates = read::<Inputs>(&inputs).ok_or_else(corrupt)?.candidates;
            let currency = known_currency(&row.currency)?;
            let allocation = outcome.allocation;
            Ok(EndowmentAllocation {
                algorithm: outcome.algorithm,
                data_date: row.data_date,
                eligible: eligible(&allocation),
                reserve: shown(allocation.reserve, currency),
                recalculated_sha256: digest(&again),
                identical: again == kept,
                warnings: warnings(&allocation),
                shares: candidates.into_iter().zip(allocation.shares).map(|both| allocated(both, currency)).collect(),
                campaign: view(row)?,
            })
        })
        .await?;
    ok(&allocation)
}
