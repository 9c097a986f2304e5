//! The agreement of a project: what it is worth, in which tranches it is paid, who signed it.

use std::collections::BTreeSet;

use super::finance::{AGREEMENT_EXCEEDS_APPROVED, AGREEMENT_SIGNED, TRANCHE_PLAN};
use crate::fund::attribution::divide;
use crate::money::{Amount, Currency};
use crate::programme::rule_set::{ImplementerKind, RuleSet, TrancheBasis};
use crate::refusal::Refusal;
use crate::word::Word as _;
use crate::words;

/// The whole, in basis points.
const WHOLE: u32 = 10_000;

words! {
    /// What an agreement on a project is.
    pub enum ProjectAgreementKind {
        /// A memorandum of understanding (protocole d'accord).
        Memorandum = "memorandum",
        /// A grant agreement (convention de subvention).
        Grant = "grant",
        /// A contract.
        Contract = "contract",
        /// A project document.
        ProjectDocument = "project_document",
    }
}

words! {
    /// A side of an agreement.
    pub enum ProjectAgreementSide {
        /// The organisation that pays.
        Funder = "funder",
        /// Who carries the project out.
        Partner = "partner",
    }
}

words! {
    /// Through which accounts money comes to a project.
    pub enum ProjectChannel {
        /// Through the treasury of a local government, whose budget holds it (sur budget).
        Treasury = "treasury",
        /// Straight to who carries the project out; no budget holds it (hors budget).
        Direct = "direct",
        /// Goods, works or services; no money comes (en nature).
        InKind = "in_kind",
    }
}

/// An agreement, as guards look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    pub amount: Amount,
    pub tranches: Vec<Amount>,
    pub signed: Vec<ProjectAgreementSide>,
    pub account_verified: bool,
}

impl Agreement {
    /// The sides that did not sign yet.
    pub fn unsigned(&self) -> impl Iterator<Item = ProjectAgreementSide> + '_ {
        ProjectAgreementSide::ALL.iter().copied().filter(|side| !self.signed.contains(side))
    }
}

/// A tranche as it is asked for: a share of the whole, or an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedTranche {
    pub bps: Option<u32>,
    pub amount: Option<Amount>,
}

/// Refuses an agreement on more than was approved.
pub fn require_approved(amount: Amount, approved: Amount, currency: Currency) -> Result<(), Refusal> {
    if amount <= approved {
        return Ok(());
    }
    let refusal = AGREEMENT_EXCEEDS_APPROVED.refuse().with("approved", approved.display(currency)).with("agreed", amount.display(currency));
    Err(refusal.with("currency", currency.code()).at("/amount"))
}

/// The amounts of the tranches. Where the rules pay by shares, the shares are theirs, and the amounts follow to the smallest unit;
/// elsewhere the amounts are told, and make the whole.
pub fn plan(
    rules: &RuleSet,
    implementer: Option<ImplementerKind>,
    (amount, currency): (Amount, Currency),
    asked: &[AskedTranche],
) -> Result<Vec<Amount>, Refusal> {
    let shares: Vec<u32> = asked.iter().filter_map(|tranche| tranche.bps).collect();
    let expected: &[u32] = match rules.tranche_basis {
        TrancheBasis::Shares => implementer.and_then(|kind| rules.tranche_shares(kind)).unwrap_or_default(),
        TrancheBasis::Milestones | TrancheBasis::Quarterly => &[],
    };
    let amounts =
        if expected.is_empty() { asked.iter().map(|tranche| tranche.amount.unwrap_or_default()).collect() } else { parts(amount, &shares) };
    let sum = Amount::sum(amounts.iter().copied());
    let told = asked.iter().zip(&amounts).all(|(tranche, amount)| tranche.amount.is_none_or(|told| told == *amount));
    let whole = expected.is_empty() || expected.iter().sum::<u32>() == WHOLE;
    let paid = !amounts.is_empty() && amounts.iter().all(|amount| !amount.is_zero());
    if shares == expected && whole && told && paid && amounts.len() == asked.len() && sum == Some(amount) {
        return Ok(amounts);
    }
    let text = |bps: &[u32]| bps.iter().map(u32::to_string).collect::<Vec<String>>();
    let refusal = TRANCHE_PLAN.refuse().with("shares", text(&shares)).with("expected", text(expected));
    let refusal = refusal.with("sum", sum.unwrap_or_default().display(currency)).with("amount", amount.display(currency));
    Err(refusal.with("currency", currency.code()).at("/tranches"))
}

/// An amount in shares, to the smallest unit.
fn parts(amount: Amount, shares: &[u32]) -> Vec<Amount> {
    let weights: Vec<(usize, Amount)> =
        shares.iter().map(|bps| Amount::from_minor(i64::from(*bps)).unwrap_or_default()).enumerate().collect();
    divide(amount, &weights).into_iter().map(|(_, part)| part).collect()
}

/// Refuses a second signature of one side, or of one person for both.
pub fn sign<P: Ord>(side: ProjectAgreementSide, by: &P, signatures: &[(ProjectAgreementSide, P)]) -> Result<(), Refusal> {
    let sides: BTreeSet<ProjectAgreementSide> = signatures.iter().map(|(side, _)| *side).collect();
    if sides.contains(&side) || signatures.iter().any(|(_, who)| who == by) {
        return Err(AGREEMENT_SIGNED.refuse());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::programme::Instrument;
    use crate::programme::rule_set::find;

    fn usd() -> Currency {
        Currency::parse("USD").expect("known")
    }

    fn money(text: &str) -> Amount {
        Amount::parse(text, usd()).expect("an amount")
    }

    fn shares(bps: &[u32]) -> Vec<AskedTranche> {
        bps.iter().map(|bps| AskedTranche { bps: Some(*bps), amount: None }).collect()
    }

    #[test]
    fn ac_04_a_quick_impact_project_is_paid_as_its_rules_say() {
        let planned = |version, bps: &[u32]| {
            let rules = find(Instrument::QuickImpact, version).expect("shipped");
            let plan = plan(rules, Some(ImplementerKind::LocalAssociation), (money("41970"), usd()), &shares(bps));
            plan.map(|amounts| amounts.into_iter().map(|amount| amount.display(usd())).collect::<Vec<_>>())
        };
        let expected = |amounts: &[&str]| Ok(amounts.iter().map(|amount| (*amount).to_owned()).collect::<Vec<_>>());
        assert_eq!(planned(2, &[8000, 2000]), expected(&["33576.00", "8394.00"]));
        assert_eq!(planned(1, &[5000, 4500, 500]), expected(&["20985.00", "18886.50", "2098.50"]));
        for (version, wrong) in [(2, [5000, 5000].as_slice()), (2, &[8000]), (2, &[2000, 8000]), (2, &[]), (1, &[8000, 2000])] {
            assert_eq!(planned(version, wrong).map_err(|refusal| refusal.code.name), Err("TRANCHE_PLAN"), "{wrong:?}");
        }
    }

    #[test]
    fn amounts_make_the_agreement_where_they_are_told() {
        let rules = find(Instrument::TrustFund, 1).expect("shipped");
        let told = |amounts: &[&str]| {
            let asked: Vec<AskedTranche> = amounts.iter().map(|text| AskedTranche { bps: None, amount: Some(money(text)) }).collect();
            plan(rules, Some(ImplementerKind::LocalBusiness), (money("100"), usd()), &asked).map_err(|refusal| refusal.code.name)
        };
        assert_eq!(told(&["60", "40"]), Ok(vec![money("60"), money("40")]));
        for wrong in [["60", "39.99"].as_slice(), &["100", "0"], &[]] {
            assert_eq!(told(wrong), Err("TRANCHE_PLAN"), "{wrong:?}");
        }
        let mixed = [AskedTranche { bps: Some(10_000), amount: Some(money("100")) }];
        assert!(plan(rules, None, (money("100"), usd()), &mixed).is_err(), "no share where the rules know none");
    }

    proptest! {
        #[test]
        fn inv_09_tranches_make_the_agreement_to_the_smallest_unit(minor in 10_000_i64..1_000_000_000) {
            let amount = Amount::from_minor(minor).expect("in range");
            for (instrument, version, implementer) in [
                (Instrument::QuickImpact, 1, ImplementerKind::LocalBusiness),
                (Instrument::QuickImpact, 2, ImplementerKind::LocalBusiness),
                (Instrument::PeacebuildingImmediate, 1, ImplementerKind::NationalNgo),
                (Instrument::CommunityPilot, 1, ImplementerKind::Commune),
            ] {
                let rules = find(instrument, version).expect("shipped");
                let bps = rules.tranche_shares(implementer).expect("shares");
                let amounts = plan(rules, Some(implementer), (amount, usd()), &shares(bps)).expect("a plan");
                prop_assert_eq!(Amount::sum(amounts.iter().copied()), Some(amount));
                prop_assert_eq!(bps.iter().sum::<u32>(), WHOLE);
            }
        }
    }
}
