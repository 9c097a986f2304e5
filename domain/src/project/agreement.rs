//! The agreement of a project: what it is worth, in which tranches it is paid, who signed it.

use std::collections::BTreeSet;

use super::finance::{
    AGREEMENT_ACCOUNT, AGREEMENT_ARTICLE_UNKNOWN, AGREEMENT_EXCEEDS_APPROVED, AGREEMENT_IN_KIND, AGREEMENT_RECEIVER, AGREEMENT_SIDE,
    AGREEMENT_SIGNATORY, AGREEMENT_SIGNED, COMMUNE_BUDGET_LINE_MISSING, TRANCHE_PLAN,
};
use crate::budget::nomenclature::Nomenclature;
use crate::budget::{Direction, Section};
use crate::fund::attribution::divide;
use crate::identity::{PrincipalKind, Role};
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
        /// Through the treasury of a local government: nothing is paid before its executable budget holds it (sur budget).
        Treasury = "treasury",
        /// Straight to who carries the project out; no budget holds it (hors budget).
        Direct = "direct",
        /// Goods, works or services; no money comes (en nature).
        InKind = "in_kind",
    }
}

impl Default for ProjectChannel {
    /// Straight, where nothing is said.
    fn default() -> Self {
        Self::Direct
    }
}

/// Refuses an agreement that does not say whose budget holds the money: through a treasury that of a local government, else nobody's;
/// and one with an account where no money comes, or without one where it does.
pub fn require_receiver(channel: ProjectChannel, governs: Option<bool>, account: bool) -> Result<(), Refusal> {
    let received = if channel == ProjectChannel::Treasury { governs == Some(true) } else { governs.is_none() };
    if !received {
        return Err(AGREEMENT_RECEIVER.refuse().with("channel", channel).at("/receiver"));
    }
    if account == (channel == ProjectChannel::InKind) {
        return Err(AGREEMENT_ACCOUNT.refuse().with("channel", channel).at("/account_ending"));
    }
    Ok(())
}

/// A line that a budget has to have before money comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedLine<'a> {
    pub direction: Direction,
    pub article: &'a str,
    /// Whether an executable budget of the year provides for it.
    pub provided: bool,
}

/// Refuses an article that no budget could execute: an agreement is not changed any more, and would wait for ever.
pub fn require_article(nomenclature: &Nomenclature, direction: Direction, article: &str) -> Result<(), Refusal> {
    let found = |section: &Section| nomenclature.article(*section, direction, article).is_some_and(|article| article.executable);
    if Section::ALL.iter().any(found) {
        return Ok(());
    }
    Err(AGREEMENT_ARTICLE_UNKNOWN.refuse().with("direction", direction).with("article", article))
}

/// Refuses money through a treasury whose budget of the year does not hold it on both sides.
pub fn require_budget_lines(fiscal_year: i32, wanted: &[WantedLine<'_>]) -> Result<(), Refusal> {
    let missing = wanted.iter().filter(|line| !line.provided);
    let missing: Vec<String> = missing.map(|line| format!("{} {}", line.direction, line.article)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(COMMUNE_BUDGET_LINE_MISSING.refuse().with("fiscal_year", fiscal_year).with("missing", missing))
}

/// An agreement, as guards look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    pub amount: Amount,
    pub tranches: Vec<Amount>,
    pub signed: Vec<ProjectAgreementSide>,
    pub account_verified: bool,
    pub channel: ProjectChannel,
}

impl Agreement {
    /// The sides that did not sign yet.
    pub fn unsigned(&self) -> impl Iterator<Item = ProjectAgreementSide> + '_ {
        ProjectAgreementSide::ALL.iter().copied().filter(|side| !self.signed.contains(side))
    }

    /// Whether money comes by it, to an account.
    pub fn pays(&self) -> bool {
        self.channel != ProjectChannel::InKind
    }

    /// Refuses money where goods were agreed on.
    pub fn require_money(&self) -> Result<(), Refusal> {
        if self.pays() { Ok(()) } else { Err(AGREEMENT_IN_KIND.refuse()) }
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

/// Refuses to let someone sign for the partner who is a machine, has a function on the side that pays, or does not see the project.
pub fn accept_signatory(kind: PrincipalKind, functions: &[Role], sees: bool) -> Result<(), Refusal> {
    if sees && kind == PrincipalKind::Person && functions.contains(&Role::Partner) && functions.iter().all(|role| *role == Role::Partner) {
        return Ok(());
    }
    Err(AGREEMENT_SIGNATORY.refuse().at("/partner_signatory_id"))
}

/// Refuses a signature for a side by who does not stand on it: the authorising officer signs for the organisation. For the partner signs
/// who was named; where nobody was, the registrar of the council records what was signed on paper.
pub fn require_side<P: PartialEq>(side: ProjectAgreementSide, by: &P, functions: &[Role], named: Option<&P>) -> Result<(), Refusal> {
    let stands = match (side, named) {
        (ProjectAgreementSide::Funder, _) => functions.contains(&Role::AuthorisingOfficer),
        (ProjectAgreementSide::Partner, Some(named)) => by == named,
        (ProjectAgreementSide::Partner, None) => {
            functions.contains(&Role::CouncilRegistrar) && !functions.contains(&Role::AuthorisingOfficer)
        }
    };
    if stands { Ok(()) } else { Err(AGREEMENT_SIDE.refuse().at("/side")) }
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
    fn ac_53_money_through_a_treasury_names_whose_budget_holds_it_and_waits_for_its_lines() {
        use ProjectChannel as C;
        let code = |channel, governs, account| require_receiver(channel, governs, account).map_err(|refusal| refusal.code.name);
        for (channel, governs, account, outcome) in [
            (C::Treasury, Some(true), true, Ok(())),
            (C::Treasury, Some(false), true, Err("AGREEMENT_RECEIVER")),
            (C::Treasury, None, true, Err("AGREEMENT_RECEIVER")),
            (C::Treasury, Some(true), false, Err("AGREEMENT_ACCOUNT")),
            (C::Direct, None, true, Ok(())),
            (C::Direct, Some(true), true, Err("AGREEMENT_RECEIVER")),
            (C::Direct, None, false, Err("AGREEMENT_ACCOUNT")),
            (C::InKind, None, false, Ok(())),
            (C::InKind, None, true, Err("AGREEMENT_ACCOUNT")),
            (C::InKind, Some(true), false, Err("AGREEMENT_RECEIVER")),
        ] {
            assert_eq!(code(channel, governs, account), outcome, "{channel}");
        }
        let line = |direction, article, provided| WantedLine { direction, article, provided };
        let (there, absent) = (line(Direction::Expenditure, "631", true), line(Direction::Revenue, "741", false));
        assert_eq!(require_budget_lines(2025, &[there, WantedLine { provided: true, ..absent }]), Ok(()));
        let refused = require_budget_lines(2025, &[absent, there]).expect_err("no revenue");
        assert_eq!(
            (refused.code.name, refused.facts["missing"].clone()),
            ("COMMUNE_BUDGET_LINE_MISSING", serde_json::json!(["revenue 741"]))
        );
        assert_eq!(
            require_article(&Nomenclature::default(), Direction::Revenue, "741").map_err(|refusal| refusal.code.name),
            Err("AGREEMENT_ARTICLE_UNKNOWN")
        );
        let goods = Agreement { channel: C::InKind, ..Agreement::default() };
        assert_eq!(goods.require_money().map_err(|refusal| refusal.code.name), Err("AGREEMENT_IN_KIND"));
        assert_eq!(Agreement::default().require_money(), Ok(()));
    }

    #[test]
    fn each_side_signs_for_itself() {
        use ProjectAgreementSide::{Funder, Partner};
        let code = |side, by: u8, functions: &[Role], named: Option<u8>| {
            require_side(side, &by, functions, named.as_ref()).map_err(|refusal| refusal.code.name)
        };
        assert_eq!(code(Funder, 1, &[Role::AuthorisingOfficer], None), Ok(()));
        assert_eq!(code(Funder, 1, &[Role::FinanceOfficer], None), Err("AGREEMENT_SIDE"));
        assert_eq!(code(Partner, 1, &[Role::AuthorisingOfficer], None), Err("AGREEMENT_SIDE"));
        assert_eq!(code(Partner, 1, &[Role::AuthorisingOfficer, Role::CouncilRegistrar], None), Err("AGREEMENT_SIDE"));
        assert_eq!(code(Partner, 1, &[Role::CouncilRegistrar], None), Ok(()));
        assert_eq!(code(Partner, 1, &[Role::CouncilRegistrar], Some(2)), Err("AGREEMENT_SIDE"));
        assert_eq!(code(Partner, 2, &[Role::Partner], Some(2)), Ok(()));
        let signatory = |kind, functions: &[Role]| accept_signatory(kind, functions, true).is_ok();
        assert!(signatory(PrincipalKind::Person, &[Role::Partner]));
        assert!(accept_signatory(PrincipalKind::Person, &[Role::Partner], false).is_err());
        assert!(!signatory(PrincipalKind::PartnerSystem, &[Role::Partner]));
        assert!(!signatory(PrincipalKind::Person, &[]));
        assert!(!signatory(PrincipalKind::Person, &[Role::Partner, Role::FinanceOfficer]));
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
