//! The data of the candidates: loaded, frozen, and open again.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{post, put, web};
use db::connection::Conn;
use db::endowment::candidate::{KnownUnits, list_known_units};
use db::endowment::{CampaignChange, EndowmentCampaignRow};
use db::fault::Fault;
use domain::audit::Event;
use domain::document::{digest, read, write};
use domain::endowment::document::{ALGORITHM, Inputs};
use domain::endowment::sheet::{Row, VALUE_MAX, read_csv};
use domain::endowment::{
    CampaignState, Candidate, ENDOWMENT_CANDIDATE_DUPLICATE, ENDOWMENT_CANDIDATE_UNKNOWN, ENDOWMENT_CANDIDATE_UNNAMED,
    ENDOWMENT_CRITERION_UNKNOWN, ENDOWMENT_DATA_FROZEN, EligibilityRule, Fact, FactBasis,
};
use domain::id::{EndowmentCampaignId, OrganisationId, TerritorialUnitId};
use domain::refusal::Refusal;
use domain::sensitivity::{Scope, Sensitivity};
use domain::territory::TerritorialLevel;
use domain::text::Text;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{CampaignPath, EndowmentCampaignView, load, view};
use crate::answer::{Answered, done};
use crate::body::{Asked, Import, Nothing, parse_json};
use crate::problem::{MEDIA_TYPE_UNSUPPORTED, Problem};

/// A part in basis points.
pub fn basis_points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let points = i64::deserialize(deserializer)?;
    if (0..=10_000).contains(&points) { Ok(points) } else { Err(D::Error::custom("0 to 10000 basis points")) }
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let count = i64::deserialize(deserializer)?;
    if (0..=VALUE_MAX).contains(&count) { Ok(count) } else { Err(D::Error::custom("a whole number from 0 to 10^15")) }
}

/// The value of a criterion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCriterionValue {
    /// The code of a criterion of the formula.
    #[schema(value_type = Text<40>, example = "population")]
    criterion: Text<40>,
    #[serde(deserialize_with = "count")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000_u64)]
    value: i64,
}

/// What is declared of a rule.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCandidateFact {
    rule: EligibilityRule,
    holds: bool,
}

/// A local government with its data. What is left out is missing, never zero.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCandidate {
    /// A territorial code of any scheme. This, the unit or the organisation names the local government: exactly one of them.
    #[serde(default)]
    #[schema(value_type = Text<40>, required = false, example = "ML-C01")]
    code: Option<Text<40>>,
    /// Its territorial unit, which may have no code.
    territorial_unit_id: Option<TerritorialUnitId>,
    /// The organisation that governs it.
    organisation_id: Option<OrganisationId>,
    /// Breaks ties.
    #[serde(deserialize_with = "count")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000_u64)]
    population: i64,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    values: Vec<NewCriterionValue>,
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    facts: Vec<NewCandidateFact>,
    /// Where the data come from.
    source: Text<200>,
}

/// The data of all candidates.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCandidates {
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 2000>")]
    #[schema(max_items = 2000)]
    candidates: Vec<NewCandidate>,
}

impl From<NewCandidate> for Row {
    fn from(new: NewCandidate) -> Self {
        Self {
            code: new.code.map(Text::into_string),
            unit: new.territorial_unit_id,
            organisation: new.organisation_id,
            population: new.population,
            values: new.values.into_iter().map(|value| (value.criterion.into_string(), value.value)).collect(),
            facts: new.facts.into_iter().map(|fact| (fact.rule, fact.holds)).collect(),
            source: new.source.into_string(),
        }
    }
}

fn rows_of(import: &Import) -> Result<Vec<Row>, Problem> {
    match import.kind.as_str() {
        "text/csv" => Ok(read_csv(&import.bytes)?),
        "application/json" => {
            let candidates = parse_json::<NewCandidates>(&import.bytes)?.candidates;
            Ok(candidates.into_iter().map(Row::from).collect())
        }
        _ => Err(MEDIA_TYPE_UNSUPPORTED.refuse().with("accepted", "text/csv, application/json").into()),
    }
}

/// Which units rows can name.
struct Naming {
    units: KnownUnits,
    governed: BTreeMap<OrganisationId, TerritorialUnitId>,
}

impl Naming {
    fn read(conn: &mut Conn, campaign: &EndowmentCampaignRow) -> Result<Self, Fault> {
        let units = list_known_units(conn, campaign.level.0, campaign.data_date)?;
        let governing = db::endowment::candidate::list_governing(conn)?;
        Ok(Self { units, governed: governing.into_iter().map(|(unit, organisation)| (organisation, unit)).collect() })
    }

    /// The unit that a row names, with its code and its name; a unit without a code has its id instead.
    fn unit(&self, row: &Row, level: TerritorialLevel) -> Result<(TerritorialUnitId, String, String), Refusal> {
        let (named, unit) = match (&row.code, row.unit, row.organisation) {
            (Some(code), None, None) => (code.clone(), self.units.by_code.get(code).copied()),
            (None, Some(unit), None) => (unit.to_string(), Some(unit)),
            (None, None, Some(organisation)) => (organisation.to_string(), self.governed.get(&organisation).copied()),
            _ => return Err(ENDOWMENT_CANDIDATE_UNNAMED.refuse()),
        };
        let found = unit.and_then(|unit| Some((unit, self.units.names.get(&unit)?.clone())));
        let Some((unit, name)) = found else {
            return Err(ENDOWMENT_CANDIDATE_UNKNOWN.refuse().with("code", named).with("level", level));
        };
        let code = row.code.clone().or_else(|| self.units.codes.get(&unit).cloned());
        Ok((unit, code.unwrap_or_else(|| unit.to_string()), name))
    }
}

/// The candidates of the rows, in the order of their codes; or every row that names what does not exist, or twice.
fn candidates_of(conn: &mut Conn, campaign: &EndowmentCampaignRow, rows: &[Row]) -> Result<Vec<Candidate>, Fault> {
    let formula = campaign.formula()?;
    let known: BTreeSet<&str> = formula.criteria.iter().map(|criterion| criterion.code.as_str()).chain(["population"]).collect();
    let naming = Naming::read(conn, campaign)?;
    let (mut seen, mut refusals) = (BTreeSet::new(), Vec::<Refusal>::new());
    let mut candidates = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let at = |refusal: Refusal| refusal.at(&format!("/candidates/{index}"));
        if let Some(unknown) = row.values.keys().find(|code| !known.contains(code.as_str())) {
            refusals.push(at(ENDOWMENT_CRITERION_UNKNOWN.refuse().with("criterion", unknown)));
        }
        let (unit, code, name) = match naming.unit(row, campaign.level.0) {
            Ok(named) => named,
            Err(refusal) => {
                refusals.push(at(refusal));
                continue;
            }
        };
        if !seen.insert(unit) {
            refusals.push(at(ENDOWMENT_CANDIDATE_DUPLICATE.refuse().with("code", &code)));
        }
        let fact = |(rule, holds): (&EligibilityRule, &bool)| (*rule, Fact { holds: *holds, basis: FactBasis::Declared });
        candidates.push(Candidate {
            unit,
            code,
            name,
            population: row.population,
            values: row.values.clone(),
            facts: row.facts.iter().map(fact).collect(),
            source: row.source.clone(),
        });
    }
    candidates.sort_by(|one, other| one.code.cmp(&other.code));
    let mut refusals = refusals.into_iter();
    match refusals.next() {
        Some(mut first) => {
            first.errors.extend(refusals.flat_map(|refusal| refusal.errors));
            Err(first.into())
        }
        None => Ok(candidates),
    }
}

/// Puts these data in the place of all data of a draft, from JSON or CSV; all rows or none. A row names its local government by
/// a code, by its unit or by its organisation. The columns of CSV are `code`, `territorial_unit_id` or `organisation_id`, `source`,
/// `population`, and one for each further criterion and each rule.
#[utoipa::path(
    tag = "endowment",
    request_body(content((NewCandidates = "application/json"), (String = "text/csv"))),
    responses((status = 200, body = EndowmentCampaignView))
)]
#[put("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/candidates")]
pub async fn load_endowment_candidates(asked: Asked<Import>, path: web::Path<(OrganisationId, EndowmentCampaignId)>) -> Answered {
    let (_, id) = path.into_inner();
    let rows = rows_of(&asked.body)?;
    asked
        .write(move |call, _, tx| {
            let row = load(call, tx, id, <CampaignState as domain::word::Word>::ALL)?;
            if let Some(frozen_on) = row.frozen_on {
                return Err(ENDOWMENT_DATA_FROZEN.refuse().with("frozen_on", frozen_on).into());
            }
            let candidates = candidates_of(tx.conn, &row, &rows)?;
            let text = write(&candidates).ok_or_else(|| Fault::Broken("candidates cannot be written".to_owned()))?;
            let sha256 = digest(&text);
            let change = CampaignChange { candidates: Some(text), ..CampaignChange::default() };
            let after = db::endowment::update_campaign(tx, &row, change)?;
            let event = Event::of("endowment_campaign.data_loaded", "endowment_campaign", id.0, after.version)
                .with("rows", candidates.len())
                .with("candidates_sha256", sha256);
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}

/// What a calculation of the campaign would rest on now: frozen, or as the data and the books stand.
pub fn inputs_of(conn: &mut Conn, campaign: &EndowmentCampaignRow) -> Result<Inputs, Fault> {
    let scope = Scope { organisation: campaign.organisation_id.0, clearance: Sensitivity::Sealed };
    let documents = db::endowment::find_documents(conn, &scope, campaign.id.0)?;
    let corrupt = || Fault::Corrupt(format!("documents of campaign {}", campaign.id.0));
    if let Some(inputs) = documents.inputs {
        return read(&inputs).ok_or_else(corrupt);
    }
    let mut candidates: Vec<Candidate> = read(&documents.candidates).ok_or_else(corrupt)?;
    let governing = db::endowment::candidate::list_governing(conn)?;
    let executable = db::endowment::candidate::list_executable(conn, campaign.fiscal_year)?;
    let unjustified = db::endowment::candidate::list_unjustified(conn, scope.organisation, campaign.fiscal_year)?;
    let computed = |holds| Fact { holds, basis: FactBasis::Computed };
    for one in &mut candidates {
        if let Some(organisation) = governing.get(&one.unit) {
            one.facts.insert(EligibilityRule::BudgetExecutable, computed(executable.contains(organisation)));
        }
        if unjustified.contains(&one.unit) {
            one.facts.insert(EligibilityRule::EarlierRightsJustified, computed(false));
        }
    }
    Ok(Inputs {
        algorithm: ALGORITHM.to_owned(),
        fiscal_year: campaign.fiscal_year,
        endowment_type: campaign.endowment_type.clone(),
        currency: campaign.currency.clone(),
        data_date: campaign.data_date,
        formula: campaign.formula()?,
        candidates,
    })
}

/// Freezes the data, with what the service knows by itself: whether each budget can be executed, how earlier rights were
/// justified. From here on the data are not edited.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/freezing")]
pub async fn freeze_endowment_campaign(asked: Asked<Nothing>, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let row = load(call, tx, id, &[CampaignState::Draft])?;
            let inputs = inputs_of(tx.conn, &row)?;
            let text = write(&inputs).ok_or_else(|| Fault::Broken("inputs cannot be written".to_owned()))?;
            let sha256 = digest(&text);
            let change = CampaignChange {
                inputs: Some(text),
                inputs_sha256: Some(sha256.clone()),
                frozen_on: Some(call.today),
                ..CampaignChange::to(CampaignState::Frozen)
            };
            let after = db::endowment::update_campaign(tx, &row, change)?;
            let event = Event::of("endowment_campaign.frozen", "endowment_campaign", id.0, after.version)
                .moved(row.state.0, after.state.0)
                .with("candidates", inputs.candidates.len())
                .with("inputs_sha256", sha256);
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}

/// Makes a draft again of a campaign that is frozen or calculated: what was calculated is dropped, the data can be edited.
#[utoipa::path(tag = "endowment", responses((status = 200, body = EndowmentCampaignView)))]
#[post("/v1/organisations/{organisation_id}/endowment-campaigns/{endowment_campaign_id}/reopening")]
pub async fn reopen_endowment_campaign(asked: Asked<Nothing>, path: CampaignPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let row = load(call, tx, id, &[CampaignState::Frozen, CampaignState::Calculated])?;
            let after = db::endowment::reopen_campaign(tx, &row)?;
            let event =
                Event::of("endowment_campaign.reopened", "endowment_campaign", id.0, after.version).moved(row.state.0, after.state.0);
            Ok((done(after.version, &view(after)?)?, event.into()))
        })
        .await
}
