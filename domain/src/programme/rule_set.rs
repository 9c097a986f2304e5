//! The rules of an instrument, as data: versions with the day from which each holds, and where every rule comes from.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Instrument, REQUESTER_KIND_NOT_ALLOWED, RULE_SET_MISSING};
use crate::money::{Amount, Currency};
use crate::parameter::Confidence;
use crate::refusal::Refusal;
use crate::word::Word as _;
use crate::words;

const RULE_SETS: &str = include_str!("../../../data/programme/rule_sets.json");

words! {
    /// Who asks for a project.
    pub enum RequesterKind {
        /// A service of the State or a local government.
        Government = "government",
        /// An international non-governmental organisation.
        InternationalNgo = "international_ngo",
        /// A national non-governmental organisation.
        NationalNgo = "national_ngo",
        /// An agency of an international organisation.
        InternationalAgency = "international_agency",
        /// An organisation of civil society.
        CivilSociety = "civil_society",
        /// A village, a fraction or a quarter that met.
        Community = "community",
    }
}

words! {
    /// Who carries a project out.
    pub enum ImplementerKind {
        /// A business of the region.
        LocalBusiness = "local_business",
        /// An association or cooperative of the region.
        LocalAssociation = "local_association",
        /// A group of women, of young people or of users.
        CommunityGroup = "community_group",
        /// A commune.
        Commune = "commune",
        /// A national non-governmental organisation.
        NationalNgo = "national_ngo",
        /// An international non-governmental organisation.
        InternationalNgo = "international_ngo",
        /// An agency of the United Nations.
        UnAgency = "un_agency",
        /// A service of the State.
        StateService = "state_service",
    }
}

words! {
    /// In what parts a project is paid.
    pub enum TrancheBasis {
        /// Shares of the whole.
        Shares = "shares",
        /// What each milestone is worth.
        Milestones = "milestones",
        /// Quarterly advances.
        Quarterly = "quarterly",
    }
}

words! {
    /// What releases the next part.
    pub enum TrancheRelease {
        /// The outputs were verified.
        OutputsVerified = "outputs_verified",
        /// The milestone is met.
        MilestoneMet = "milestone_met",
        /// A share of the part before was delivered.
        Delivered = "delivered",
        /// The project was visited.
        Visited = "visited",
        /// A share of the advance before was cleared.
        Cleared = "cleared",
    }
}

words! {
    /// Of whom the delivery counts that releases the next tranche of a joint project.
    pub enum JointRelease {
        /// Of all recipients together.
        Combined = "combined",
        /// Of each recipient.
        Each = "each",
    }
}

words! {
    /// How a project is prolonged without cost.
    pub enum ExtensionPolicy {
        /// By exception, with a waiver of who decides.
        Waiver = "waiver",
        /// On a request in time.
        Request = "request",
        /// Once.
        Once = "once",
        /// As the agreement says.
        Agreement = "agreement",
    }
}

/// An amount of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleAmount {
    pub amount: String,
    pub currency: String,
}

impl RuleAmount {
    /// The amount; it was read when the rules were loaded.
    pub fn read(&self) -> Option<(Amount, Currency)> {
        let currency = Currency::parse(&self.currency)?;
        Some((Amount::parse_positive(&self.amount, currency).ok()?, currency))
    }
}

/// In what shares a kind of implementer is paid; for all others where none is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranchePlan {
    pub implementers: Vec<ImplementerKind>,
    pub shares_bps: Vec<u32>,
}

/// What is asked of a gender marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerRule {
    pub required: bool,
    pub minimum: u32,
    pub maximum: u32,
}

/// Where rules come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    pub rules: Vec<String>,
    pub confidence: Confidence,
    pub source: String,
}

/// A version of the rules of an instrument. What each rule means is told beside the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    pub instrument: Instrument,
    pub version: i32,
    pub valid_from: NaiveDate,
    pub ceiling: Option<RuleAmount>,
    pub eligibility_above: Option<RuleAmount>,
    pub duration_months: Option<u32>,
    pub suspension_days_max: Option<u32>,
    pub areas: Vec<String>,
    pub requesters: Vec<RequesterKind>,
    pub implementers: Vec<ImplementerKind>,
    pub need_required: bool,
    pub tranche_basis: TrancheBasis,
    pub tranche_plans: Vec<TranchePlan>,
    pub tranche_release: TrancheRelease,
    pub tranche_release_bps: Option<u32>,
    /// Versions that were published before the rule say nothing of it: all recipients together.
    #[serde(default)]
    pub joint_release: Option<JointRelease>,
    pub prefinancing_allowed: bool,
    pub report_days: Option<u32>,
    pub indirect_bps_max: u32,
    pub gender_marker: MarkerRule,
    pub risk_marker_required: bool,
    pub conflict_check_required: bool,
    pub overlap_check_required: bool,
    pub splitting_days: Option<u32>,
    pub appraisals: u32,
    pub decision_body_fr: String,
    pub decision_body_en: String,
    pub approval_days: u32,
    pub extension: ExtensionPolicy,
    pub extension_notice_months: Option<u32>,
    pub extension_bps_max: Option<u32>,
    pub reallocation_bps: Option<u32>,
    pub narrative_months: Option<u32>,
    pub narrative_days: Option<u32>,
    pub residual: Option<RuleAmount>,
    pub provenance: Vec<Provenance>,
}

/// A rule that differs between two versions, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleChange {
    pub rule: String,
    pub before: Value,
    pub after: Value,
}

/// What stands beside the rules of a set.
const HEAD: [&str; 4] = ["instrument", "version", "valid_from", "provenance"];

impl RuleSet {
    /// The rules by name, as JSON.
    pub fn rules(&self) -> Map<String, Value> {
        let Ok(Value::Object(mut rules)) = serde_json::to_value(self) else { return Map::new() };
        rules.retain(|name, _| !HEAD.contains(&name.as_str()));
        rules
    }

    /// Refuses a requester of a kind that the instrument does not take.
    pub fn admit_requester(&self, kind: RequesterKind) -> Result<(), Refusal> {
        if self.requesters.is_empty() || self.requesters.contains(&kind) {
            return Ok(());
        }
        let allowed: Vec<String> = self.requesters.iter().map(|kind| kind.as_str().to_owned()).collect();
        Err(REQUESTER_KIND_NOT_ALLOWED.refuse().with("kind", kind).with("allowed", allowed))
    }

    /// What a later version changes.
    pub fn changes_to(&self, after: &RuleSet) -> Vec<RuleChange> {
        let (mine, theirs) = (self.rules(), after.rules());
        let differs = |(rule, before): (String, Value)| {
            let after = theirs.get(&rule).cloned().unwrap_or_default();
            (before != after).then_some(RuleChange { rule, before, after })
        };
        mine.into_iter().filter_map(differs).collect()
    }

    /// The shares in which an implementer is paid; none where payment goes by milestones or quarters.
    pub fn tranche_shares(&self, implementer: ImplementerKind) -> Option<&[u32]> {
        let named = self.tranche_plans.iter().find(|plan| plan.implementers.contains(&implementer));
        let plan = named.or_else(|| self.tranche_plans.iter().find(|plan| plan.implementers.is_empty()))?;
        Some(&plan.shares_bps)
    }

    /// What is wrong with the rules, if anything.
    pub fn fault(&self) -> Option<String> {
        let amounts = [&self.ceiling, &self.eligibility_above, &self.residual];
        let whole = |plan: &TranchePlan| plan.shares_bps.iter().sum::<u32>() == 10_000 && !plan.shares_bps.contains(&0);
        let bps = [self.tranche_release_bps, self.reallocation_bps, Some(self.indirect_bps_max)];
        let rules = self.rules();
        let named = |rule: &String| self.provenance.iter().any(|source| source.rules.contains(rule));
        let told = |value: &Value| !value.is_null() && value != &Value::Array(Vec::new());
        let checks: [(&str, bool); 10] = [
            ("an amount cannot be read", amounts.into_iter().flatten().all(|amount| amount.read().is_some())),
            ("the shares of a plan are not the whole", self.tranche_plans.iter().all(whole)),
            (
                "a plan stands where payment does not go by shares",
                (self.tranche_basis == TrancheBasis::Shares) != self.tranche_plans.is_empty(),
            ),
            ("a share exceeds the whole", bps.into_iter().flatten().all(|bps| bps <= 10_000)),
            ("a version is positive", self.version > 0),
            ("a marker has no room", self.gender_marker.minimum <= self.gender_marker.maximum && self.gender_marker.maximum <= 3),
            ("a duration is positive", self.duration_months != Some(0) && self.approval_days > 0 && self.report_days != Some(0)),
            ("what is split is above a ceiling", self.splitting_days.is_none_or(|days| days > 0 && self.ceiling.is_some())),
            ("a rule has no source", rules.iter().filter(|(_, value)| told(value)).all(|(rule, _)| named(rule))),
            ("a source names no rule", self.provenance.iter().all(|source| source.rules.iter().all(|rule| rules.contains_key(rule)))),
        ];
        checks.iter().find(|(_, holds)| !holds).map(|(fault, _)| format!("{} {}: {fault}", self.instrument, self.version))
    }
}

/// Reads rule sets: each is sound, and the versions of an instrument follow one another in number and in time.
pub fn parse(text: &str) -> Result<Vec<RuleSet>, String> {
    let mut sets: Vec<RuleSet> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    sets.sort_by_key(|set| (set.instrument, set.version));
    if let Some(fault) = sets.iter().find_map(RuleSet::fault) {
        return Err(fault);
    }
    let follows = |pair: &[RuleSet]| match pair {
        [one, next] if one.instrument == next.instrument => next.version == one.version + 1 && next.valid_from > one.valid_from,
        [_, next] => next.version == 1,
        _ => true,
    };
    match sets.windows(2).find(|pair| !follows(pair)) {
        Some(pair) => Err(format!(
            "versions do not follow one another: {:?}",
            pair.iter().map(|set| (set.instrument, set.version)).collect::<Vec<_>>()
        )),
        None if sets.first().is_some_and(|set| set.version != 1) => Err("the first version is not 1".to_owned()),
        None => Ok(sets),
    }
}

static SHIPPED: LazyLock<Vec<RuleSet>> = LazyLock::new(|| parse(RULE_SETS).unwrap_or_default());

/// The rule sets that the program ships, by instrument and version.
pub fn shipped() -> &'static [RuleSet] {
    &SHIPPED
}

/// A version of the shipped rules.
pub fn find(instrument: Instrument, version: i32) -> Option<&'static RuleSet> {
    SHIPPED.iter().find(|set| set.instrument == instrument && set.version == version)
}

/// The rules of an instrument that hold on a day.
pub fn in_force(instrument: Instrument, on: NaiveDate) -> Result<&'static RuleSet, Refusal> {
    let found = SHIPPED.iter().filter(|set| set.instrument == instrument && set.valid_from <= on).max_by_key(|set| set.version);
    found.ok_or_else(|| RULE_SET_MISSING.refuse().with("instrument", instrument).with("date", on))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped_json() -> Vec<Value> {
        serde_json::from_str(RULE_SETS).expect("JSON")
    }

    #[test]
    fn every_instrument_ships_its_rules() {
        let sets = parse(RULE_SETS).expect("the shipped rules are sound");
        for instrument in Instrument::ALL {
            assert!(sets.iter().any(|set| set.instrument == *instrument), "{instrument}");
        }
        assert_eq!(sets.as_slice(), shipped());
        let on = |day: &str| in_force(Instrument::QuickImpact, day.parse().expect("a date")).map(|set| set.version);
        assert_eq!((on("2008-07-31"), on("2008-08-01"), on("2025-01-01")), (Ok(1), Ok(2), Ok(2)));
        assert_eq!(on("2000-01-01").map_err(|refusal| refusal.code.name), Err("RULE_SET_MISSING"));
    }

    #[test]
    fn the_difference_between_versions_is_told_rule_by_rule() {
        let (first, second) = (find(Instrument::QuickImpact, 1).expect("shipped"), find(Instrument::QuickImpact, 2).expect("shipped"));
        let changes = first.changes_to(second);
        let plans = |shares: &[u32]| serde_json::json!([{ "implementers": [], "shares_bps": shares }]);
        let expected = RuleChange { rule: "tranche_plans".to_owned(), before: plans(&[5000, 4500, 500]), after: plans(&[8000, 2000]) };
        assert_eq!(changes, [expected]);
        assert_eq!(first.changes_to(first), []);
        // Every rule is looked at.
        let other = find(Instrument::CommunityPilot, 1).expect("shipped");
        let changed: Vec<String> = first.changes_to(other).into_iter().map(|change| change.rule).collect();
        for rule in ["ceiling", "need_required", "duration_months", "narrative_days", "extension", "areas"] {
            assert!(changed.iter().any(|change| change == rule), "{rule}");
        }
    }

    #[test]
    fn unsound_rules_are_not_read() {
        let broken = |change: fn(&mut Map<String, Value>), fault: &str| {
            let mut sets = shipped_json();
            change(sets[1].as_object_mut().expect("an object"));
            let told = parse(&Value::from(sets).to_string()).expect_err(fault);
            assert!(told.contains(fault), "{told}");
        };
        broken(|set| drop(set.insert("ceiling".to_owned(), serde_json::json!({ "amount": "1e3", "currency": "USD" }))), "cannot be read");
        broken(|set| set["tranche_plans"][0]["shares_bps"][0] = 7999.into(), "not the whole");
        broken(|set| set["tranche_plans"][0]["shares_bps"] = serde_json::json!([10_000, 0]), "not the whole");
        broken(|set| set["tranche_basis"] = "quarterly".into(), "does not go by shares");
        broken(|set| set["indirect_bps_max"] = 10_001.into(), "exceeds the whole");
        broken(|set| set["gender_marker"]["minimum"] = 4.into(), "no room");
        broken(|set| set["duration_months"] = 0.into(), "positive");
        broken(|set| set["splitting_days"] = 0.into(), "above a ceiling");
        broken(|set| set["provenance"][0]["rules"][0] = "approval_days".into(), "a rule has no source");
        broken(|set| set["provenance"][0]["rules"].as_array_mut().expect("rules").push("colour".into()), "names no rule");
        broken(|set| set["version"] = 3.into(), "follow one another");
        broken(|set| set["valid_from"] = "2007-07-01".into(), "follow one another");
        broken(|set| set["areas"] = Value::Null, "null");
        broken(|set| drop(set.insert("colour".to_owned(), "red".into())), "unknown field");
        assert!(parse("[").is_err());
        let mut last = shipped_json();
        last[0]["instrument"] = "bilateral".into();
        assert!(parse(&Value::from(last).to_string()).is_err());
    }

    #[test]
    fn who_carries_a_project_out_says_in_what_shares_it_is_paid() {
        let facility = find(Instrument::PeacebuildingImmediate, 1).expect("shipped");
        assert_eq!(facility.tranche_shares(ImplementerKind::UnAgency), Some([7000, 3000].as_slice()));
        assert_eq!(facility.tranche_shares(ImplementerKind::NationalNgo), Some([3500, 3500, 3000].as_slice()));
        assert_eq!(find(Instrument::TrustFund, 1).and_then(|set| set.tranche_shares(ImplementerKind::UnAgency)), None);
    }
}
