//! What releases money: the condition of a tranche under the rules of its instrument, findings, and what the project is.

use super::ProjectState;
use super::finance::{FINDING_OPEN, PROJECT_NOT_PAYABLE, SAFEGUARD_OPEN, TRANCHE_NOT_RELEASABLE};
use crate::money::{Amount, Currency};
use crate::programme::rule_set::{RuleSet, TrancheRelease};
use crate::refusal::Refusal;

/// What was found of the work of a project. Whoever keeps the evidence fills it; what is not known is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// All outputs were verified, by someone other than who reported them.
    pub outputs_verified: bool,
    /// Tranches whose payment milestone is met.
    pub milestones_met: Vec<u32>,
    /// The project was visited after the tranche before was paid.
    pub visited: bool,
    /// References of critical findings that are open.
    pub critical_findings: Vec<String>,
    /// Titles of conditions of the conflict-sensitivity check that nobody verified.
    pub safeguards: Vec<String>,
    /// Titles of outputs that are not verified.
    pub outputs_open: Vec<String>,
    /// Payment milestones that are not met, with the tranche that they release.
    pub milestones_open: Vec<(u32, String)>,
}

impl Delivery {
    /// What a tranche still waits for, by title.
    fn missing(&self, release: TrancheRelease, tranche: u32) -> Vec<String> {
        let missing: Vec<String> = match release {
            TrancheRelease::OutputsVerified => self.outputs_open.clone(),
            TrancheRelease::MilestoneMet => {
                self.milestones_open.iter().filter(|(of, _)| *of == tranche).map(|(_, title)| title.clone()).collect()
            }
            TrancheRelease::Visited | TrancheRelease::Delivered | TrancheRelease::Cleared => Vec::new(),
        };
        if missing.is_empty() { vec!["—".to_owned()] } else { missing }
    }
}

/// A tranche of a plan, with what the release of the next one looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrancheFacts {
    pub number: u32,
    pub amount: Amount,
    pub paid: bool,
}

/// Refuses to release a tranche. The first has no condition; each other follows the one before, which is paid, and what the rules ask
/// for: `accepted` is the expenditure that was reported and accepted, which goes to the tranches in their order.
pub fn releasable(
    rules: &RuleSet,
    (tranche, plan): (u32, &[TrancheFacts]),
    delivery: &Delivery,
    (accepted, currency): (Amount, Currency),
) -> Result<(), Refusal> {
    let refuse = |condition: &str, needed: String, reached: String| {
        let refusal = TRANCHE_NOT_RELEASABLE.refuse().with("tranche", tranche).with("condition", condition);
        let missing = delivery.missing(rules.tranche_release, tranche);
        Err(refusal.with("needed", needed).with("reached", reached).with("missing", missing))
    };
    let before: Vec<&TrancheFacts> = plan.iter().filter(|one| one.number < tranche).collect();
    let Some(last) = before.last() else { return Ok(()) };
    if let Some(unpaid) = before.iter().find(|one| !one.paid) {
        return refuse("paid", unpaid.number.to_string(), "—".to_owned());
    }
    let held = match rules.tranche_release {
        TrancheRelease::OutputsVerified => delivery.outputs_verified,
        TrancheRelease::MilestoneMet => delivery.milestones_met.contains(&tranche),
        TrancheRelease::Visited => delivery.visited,
        TrancheRelease::Delivered | TrancheRelease::Cleared => {
            let earlier = before.iter().filter(|one| one.number < last.number).map(|one| one.amount);
            let reached = accepted.checked_sub(Amount::sum(earlier).unwrap_or_default()).unwrap_or_default();
            let bps = rules.tranche_release_bps.unwrap_or(10_000);
            // Compared without rounding: 74.99 % is not 75 %.
            if i128::from(reached.minor()) * 10_000 >= i128::from(last.amount.minor()) * i128::from(bps) {
                return Ok(());
            }
            let needed = last.amount.share(i64::from(bps)).display(currency);
            return refuse(word(rules), needed, reached.display(currency));
        }
    };
    if held { Ok(()) } else { refuse(word(rules), "1".to_owned(), "0".to_owned()) }
}

fn word(rules: &RuleSet) -> &'static str {
    use crate::word::Word as _;
    rules.tranche_release.as_str()
}

/// Refuses money to a project that is not under way: only the first tranche goes to one that was merely contracted. Nothing is released
/// while a critical finding is open, or a condition of the conflict-sensitivity check is not met.
pub fn payable(state: ProjectState, tranche: u32, delivery: &Delivery) -> Result<(), Refusal> {
    if state != ProjectState::Active && !(tranche == 1 && state == ProjectState::Contracted) {
        return Err(PROJECT_NOT_PAYABLE.refuse().with("state", state));
    }
    if !delivery.critical_findings.is_empty() {
        return Err(FINDING_OPEN.refuse().with("findings", delivery.critical_findings.clone()));
    }
    if delivery.safeguards.is_empty() { Ok(()) } else { Err(SAFEGUARD_OPEN.refuse().with("safeguards", delivery.safeguards.clone())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::Instrument;
    use crate::programme::rule_set::find;

    fn usd() -> Currency {
        Currency::parse("USD").expect("known")
    }

    fn money(text: &str) -> Amount {
        Amount::parse(text, usd()).expect("an amount")
    }

    fn plan(amounts: &[&str], paid: u32) -> Vec<TrancheFacts> {
        (1_u32..).zip(amounts).map(|(number, text)| TrancheFacts { number, amount: money(text), paid: number <= paid }).collect()
    }

    fn code(instrument: Instrument, tranche: u32, plan: &[TrancheFacts], delivery: &Delivery, accepted: &str) -> Option<&'static str> {
        let versions = (1..).map_while(|version| find(instrument, version));
        let rules = versions.last().expect("shipped");
        releasable(rules, (tranche, plan), delivery, (money(accepted), usd())).err().map(|refusal| refusal.code.name)
    }

    #[test]
    fn ac_20_the_next_tranche_waits_for_three_quarters_of_the_one_before() {
        let amounts = ["350000", "350000", "300000"];
        let none = Delivery::default();
        let asked = |tranche, paid, accepted| code(Instrument::PeacebuildingImmediate, tranche, &plan(&amounts, paid), &none, accepted);
        assert_eq!(asked(1, 0, "0"), None);
        assert_eq!(asked(2, 1, "262499.99"), Some("TRANCHE_NOT_RELEASABLE"));
        assert_eq!(asked(2, 1, "262500.00"), None);
        assert_eq!(asked(3, 1, "1000000"), Some("TRANCHE_NOT_RELEASABLE"), "the one before is not paid");
        assert_eq!(asked(3, 2, "612499.99"), Some("TRANCHE_NOT_RELEASABLE"));
        assert_eq!(asked(3, 2, "612500"), None);
    }

    #[test]
    fn ac_06_every_instrument_has_its_condition() {
        let two = plan(&["80", "20"], 1);
        let facts = |outputs_verified, milestones_met: &[u32], visited| Delivery {
            outputs_verified,
            milestones_met: milestones_met.to_vec(),
            visited,
            ..Delivery::default()
        };
        for (instrument, unmet, met) in [
            (Instrument::QuickImpact, facts(false, &[2], true), facts(true, &[], false)),
            (Instrument::TrustFund, facts(true, &[1], true), facts(false, &[2], false)),
            (Instrument::CommunityPilot, facts(true, &[2], false), facts(false, &[], true)),
        ] {
            assert_eq!(code(instrument, 2, &two, &unmet, "80"), Some("TRANCHE_NOT_RELEASABLE"), "{instrument}");
            assert_eq!(code(instrument, 2, &two, &met, "0"), None, "{instrument}");
        }
    }

    #[test]
    fn what_a_tranche_waits_for_is_named() {
        let two = plan(&["80", "20"], 1);
        let waits = Delivery {
            outputs_open: vec!["Puits".to_owned(), "Pompe".to_owned()],
            milestones_open: vec![(2, "Chantier reçu".to_owned()), (3, "Bilan".to_owned())],
            ..Delivery::default()
        };
        for (instrument, missing) in [
            (Instrument::QuickImpact, serde_json::json!(["Puits", "Pompe"])),
            (Instrument::TrustFund, serde_json::json!(["Chantier reçu"])),
            (Instrument::CommunityPilot, serde_json::json!(["—"])),
        ] {
            let rules = (1..).map_while(|version| find(instrument, version)).last().expect("shipped");
            let refusal = releasable(rules, (2, &two), &waits, (Amount::ZERO, usd())).expect_err("not yet");
            assert_eq!(refusal.facts["missing"], missing, "{instrument}");
        }
    }

    #[test]
    fn money_goes_to_projects_under_way_without_critical_findings() {
        let none = Delivery::default();
        let refused = |state, tranche, delivery: &Delivery| payable(state, tranche, delivery).err().map(|refusal| refusal.code.name);
        use crate::word::Word as _;
        for state in ProjectState::ALL {
            let first = matches!(state, ProjectState::Active | ProjectState::Contracted);
            assert_eq!(refused(*state, 1, &none).is_none(), first, "{state}");
            assert_eq!(refused(*state, 2, &none).is_none(), *state == ProjectState::Active, "{state}");
        }
        let found = Delivery { critical_findings: vec!["C-1".to_owned()], ..Delivery::default() };
        assert_eq!(refused(ProjectState::Active, 1, &found), Some("FINDING_OPEN"));
        let asked = Delivery { safeguards: vec!["Comité de plaintes".to_owned()], ..Delivery::default() };
        assert_eq!(refused(ProjectState::Contracted, 1, &asked), Some("SAFEGUARD_OPEN"));
    }
}
