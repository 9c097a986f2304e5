//! Endowments: a national envelope divided by formula into what each commune may draw (dotations, droits de tirage).
//!
//! A campaign collects data on its candidates, freezes them, and calculates; what comes of the same data is the same to the byte.

pub mod allocation;
pub mod document;
pub mod drawing_right;
pub mod sheet;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::budget::Section;
use crate::id::{PrincipalId, TerritorialUnitId};
use crate::organisation::OrganisationKind;
use crate::refusal::{Refusal, codes};
use crate::word::Word as _;
use crate::words;

codes! {
    ENDOWMENT_GRANTOR_INVALID: Rule,
        "Organisation sans dotation à répartir" / "Organisation without endowments",
        "Une organisation de type {kind} ne répartit pas de dotation." / "An organisation of kind {kind} allots no endowment.";
    ENDOWMENT_TYPE_UNKNOWN: Rule,
        "Type de dotation inconnu" / "Unknown endowment type",
        "Types connus : {known}." / "Known types: {known}.";
    ENDOWMENT_DEADLINE_INVALID: Rule,
        "Échéance invalide" / "Invalid deadline",
        "Les droits expirent après le {data_date}, date des données." / "Rights expire after {data_date}, the date of the data.";
    ENDOWMENT_WEIGHTS_NOT_10000: Rule,
        "Poids différents de 100 %" / "Weights are not 100 %",
        "La somme des poids est {sum} ; il faut 10 000 points de base." / "The weights sum to {sum}; 10,000 basis points are required.";
    ENDOWMENT_CRITERION_DUPLICATE: Rule,
        "Critère nommé deux fois" / "Criterion named twice",
        "Le critère {criterion} est nommé deux fois." / "Criterion {criterion} is named twice.";
    ENDOWMENT_NOT_MULTIPLE: Rule,
        "Montant non multiple de l'unité" / "Amount is no multiple of the unit",
        "{amount} : {value} n'est pas un multiple de {unit}." / "{amount}: {value} is no multiple of {unit}.";
    ENDOWMENT_CAP_BELOW_FLOOR: Rule,
        "Plafond inférieur au plancher" / "Cap below the floor",
        "Plafond : {cap}. Plancher : {floor}." / "Cap: {cap}. Floor: {floor}.";
    ENDOWMENT_CRITERION_UNKNOWN: Rule,
        "Critère inconnu" / "Unknown criterion",
        "Le critère {criterion} n'est pas de la formule." / "Criterion {criterion} is not part of the formula.";
    ENDOWMENT_CANDIDATE_UNKNOWN: Rule,
        "Collectivité inconnue" / "Unknown local government",
        "Aucune unité de niveau {level} ne répond à {code}." / "No unit of level {level} answers to {code}.";
    ENDOWMENT_CANDIDATE_UNNAMED: Rule,
        "Collectivité non désignée" / "Local government not named",
        "Une collectivité est désignée par un code, par son unité ou par son organisation : par un seul des trois." /
        "A local government is named by a code, by its unit or by its organisation: by exactly one of them.";
    ENDOWMENT_CANDIDATE_DUPLICATE: Rule,
        "Collectivité nommée deux fois" / "Local government named twice",
        "{code} désigne une collectivité déjà nommée." / "{code} names a local government that is named already.";
    ENDOWMENT_DATA_FROZEN: Conflict,
        "Données gelées" / "Data are frozen",
        "Les données sont gelées depuis le {frozen_on}." / "The data have been frozen since {frozen_on}.";
    ENDOWMENT_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state} ; il faut : {required}." / "State: {state}; required: {required}.";
    ENDOWMENT_SAME_PERSON: Forbidden,
        "Même personne des deux côtés" / "Same person on both sides",
        "Qui a calculé une répartition ne la valide pas." / "Whoever calculated an allocation does not validate it.";
    ENDOWMENT_NO_ELIGIBLE: Rule,
        "Aucune collectivité éligible" / "No eligible local government",
        "Aucun des {candidates} candidats n'est éligible." / "None of the {candidates} candidates is eligible.";
    ENDOWMENT_MISSING_DATA: Rule,
        "Données manquantes" / "Missing data",
        "Une donnée absente n'est pas zéro ; il manque : {missing}." / "What is absent is not zero; missing: {missing}.";
    ENDOWMENT_FLOOR_EXCEEDS_ENVELOPE: Rule,
        "Planchers supérieurs à l'enveloppe" / "Floors exceed the envelope",
        "{eligible} planchers font {floors} ; l'enveloppe est de {envelope}." /
        "{eligible} floors make {floors}; the envelope is {envelope}.";
    ENDOWMENT_CRITERION_ZERO_TOTAL: Rule,
        "Critère nul partout" / "Criterion that is zero everywhere",
        "La somme du critère {criterion} est nulle." / "The sum of criterion {criterion} is zero.";
    ENDOWMENT_RESIDUAL_RESERVE: Rule,
        "Reste mis en réserve" / "Rest kept as a reserve",
        "Avertissement, non un refus : {reserve} reste en réserve." / "A warning, no refusal: {reserve} is kept as a reserve.";
}

words! {
    /// The state of an allocation campaign.
    pub enum CampaignState {
        /// Data are being collected.
        Draft = "draft",
        /// The data are frozen (données gelées).
        Frozen = "frozen",
        /// The allocation is calculated.
        Calculated = "calculated",
        /// The board of the organisation has validated it.
        Validated = "validated",
        /// Each eligible local government was given its drawing right.
        Notified = "notified",
        /// Closed.
        Closed = "closed",
    }
}

words! {
    /// What happens to a criterion that is zero for every eligible candidate.
    pub enum ZeroTotalPolicy {
        /// The calculation is refused.
        Refuse = "refuse",
        /// Its weight goes to the other criteria, in proportion.
        RedistributeWeight = "redistribute_weight",
    }
}

words! {
    /// What a candidate has to fulfil.
    pub enum EligibilityRule {
        /// The budget of the year can be executed.
        BudgetExecutable = "budget_executable",
        /// The administrative account was voted and transmitted (compte administratif).
        AdministrativeAccountTransmitted = "administrative_account_transmitted",
        /// A development plan is in force (PDSEC).
        DevelopmentPlanInForce = "development_plan_in_force",
        /// Earlier drawing rights are justified.
        EarlierRightsJustified = "earlier_rights_justified",
        /// The local government is not suspended from endowments.
        NotSuspended = "not_suspended",
    }
}

words! {
    /// Where a fact about a candidate comes from.
    pub enum FactBasis {
        /// The service knows it from the books that it keeps.
        Computed = "computed",
        /// Whoever loaded the data declared it, and names the source.
        Declared = "declared",
    }
}

/// A type of endowment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct EndowmentType {
    pub code: String,
    pub label_fr: String,
    pub label_en: String,
    /// The section of the budget that it is earmarked to; any, if none is told.
    pub section: Option<Section>,
    /// Whether money is paid in tranches.
    pub disbursed: bool,
}

const TYPES: &str = include_str!("../../data/endowment/endowment_types.csv");

/// The shipped types of endowments.
pub static ENDOWMENT_TYPES: LazyLock<Vec<EndowmentType>> =
    LazyLock::new(|| csv::Reader::from_reader(TYPES.as_bytes()).deserialize().filter_map(Result::ok).collect());

/// The type of a code.
pub fn endowment_type(code: &str) -> Result<&'static EndowmentType, Refusal> {
    ENDOWMENT_TYPES.iter().find(|known| known.code == code).ok_or_else(|| {
        let known: Vec<String> = ENDOWMENT_TYPES.iter().map(|known| known.code.clone()).collect();
        ENDOWMENT_TYPE_UNKNOWN.refuse().with("known", known).at("/endowment_type")
    })
}

/// Refuses organisations that have no endowments to allot: ministries do, and agencies, which are partners.
pub fn require_grantor(kind: OrganisationKind) -> Result<(), Refusal> {
    match kind {
        OrganisationKind::Ministry | OrganisationKind::Partner => Ok(()),
        _ => Err(ENDOWMENT_GRANTOR_INVALID.refuse().with("kind", kind)),
    }
}

/// A criterion of the formula.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    pub code: String,
    pub label_fr: String,
    pub label_en: String,
    /// Basis points; those of a formula sum to 10,000.
    pub weight: i64,
}

/// By what an envelope is divided. Amounts are minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formula {
    pub envelope: i64,
    /// Every right is a multiple of it.
    pub unit: i64,
    /// What every eligible candidate gets.
    pub floor: i64,
    /// The most that one gets.
    pub cap: Option<i64>,
    pub zero_total: ZeroTotalPolicy,
    pub criteria: Vec<Criterion>,
    pub rules: Vec<EligibilityRule>,
}

impl Formula {
    /// Gives the criteria other weights; those that are not named weigh nothing.
    pub fn weigh(&mut self, weights: &[(String, i64)]) -> Result<(), Refusal> {
        let mut named = BTreeMap::new();
        for (code, weight) in weights {
            if named.insert(code, *weight).is_some() {
                return Err(ENDOWMENT_CRITERION_DUPLICATE.refuse().with("criterion", code));
            }
        }
        for criterion in &mut self.criteria {
            criterion.weight = named.remove(&criterion.code).unwrap_or_default();
        }
        match named.into_keys().next() {
            Some(unknown) => Err(ENDOWMENT_CRITERION_UNKNOWN.refuse().with("criterion", unknown)),
            None => Ok(()),
        }
    }

    /// Refuses a formula that divides nothing rightly.
    pub fn check(&self) -> Result<(), Refusal> {
        let sum: i64 = self.criteria.iter().map(|criterion| criterion.weight).sum();
        if sum != 10_000 {
            return Err(ENDOWMENT_WEIGHTS_NOT_10000.refuse().with("sum", sum).at("/criteria"));
        }
        let mut known = BTreeSet::new();
        if let Some(twice) = self.criteria.iter().find(|criterion| !known.insert(&criterion.code)) {
            return Err(ENDOWMENT_CRITERION_DUPLICATE.refuse().with("criterion", &twice.code).at("/criteria"));
        }
        let amounts = [("envelope", Some(self.envelope)), ("floor", Some(self.floor)), ("cap", self.cap)];
        for (amount, value) in amounts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            if value.checked_rem(self.unit) != Some(0) {
                let refusal = ENDOWMENT_NOT_MULTIPLE.refuse().with("amount", amount).with("value", value.to_string());
                return Err(refusal.with("unit", self.unit.to_string()).at(&format!("/{amount}")));
            }
        }
        match self.cap {
            Some(cap) if cap < self.floor => {
                let refusal = ENDOWMENT_CAP_BELOW_FLOOR.refuse().with("cap", cap.to_string());
                Err(refusal.with("floor", self.floor.to_string()).at("/cap"))
            }
            _ => Ok(()),
        }
    }
}

/// A fact about a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub holds: bool,
    pub basis: FactBasis,
}

/// A local government and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub unit: TerritorialUnitId,
    pub code: String,
    pub name: String,
    pub population: i64,
    /// By the code of the criterion; what is absent is missing, never zero.
    pub values: BTreeMap<String, i64>,
    pub facts: BTreeMap<EligibilityRule, Fact>,
    /// Where the data come from.
    pub source: String,
}

/// Refuses an action on a campaign that is not in one of the required states.
pub fn require_campaign(state: CampaignState, required: &[CampaignState]) -> Result<(), Refusal> {
    if required.contains(&state) {
        return Ok(());
    }
    let required: Vec<String> = required.iter().map(|state| state.as_str().to_owned()).collect();
    Err(ENDOWMENT_STATE_INVALID.refuse().with("state", state).with("required", required))
}

/// Refuses that one validates what one calculated.
pub fn require_other(calculated_by: Option<PrincipalId>, validating: PrincipalId) -> Result<(), Refusal> {
    if calculated_by == Some(validating) { Err(ENDOWMENT_SAME_PERSON.refuse()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
