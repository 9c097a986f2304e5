//! Recipients of a project: organisations that each have a part of its budget, and a ledger of tranches of their own. With two or more of
//! them a project is joint: who carries it out leads, and the next tranche of each waits for what all of them delivered.

use chrono::NaiveDate;

use super::agreement::{AskedTranche, plan};
use super::guard::Implementer;
use super::release::{Delivery, TrancheFacts, releasable};
use super::report::Reported;
use crate::money::{Amount, Currency};
use crate::programme::rule_set::{ImplementerKind, JointRelease, RuleSet, TrancheRelease};
use crate::refusal::{Refusal, codes};

codes! {
    RECIPIENT_DUPLICATE: Rule,
        "Bénéficiaire nommé deux fois" / "Recipient named twice",
        "Chaque bénéficiaire est nommé une fois." / "Each recipient is named once.";
    RECIPIENT_LEAD_MISSING: Rule,
        "Chef de file absent" / "Lead missing",
        "Qui exécute le projet est l'un de ses bénéficiaires." / "Who carries the project out is one of its recipients.";
    RECIPIENT_UNKNOWN: Rule,
        "Bénéficiaire inconnu" / "Unknown recipient",
        "Nommez l'un des bénéficiaires du projet, ou aucun s'il n'en a pas : {allowed}." /
        "Name one of the recipients of the project, or none where it has none: {allowed}.";
    RECIPIENT_REFUND_EXCEEDED: Rule,
        "Remboursement supérieur au reste" / "Refund above what is left",
        "Reste chez ce bénéficiaire : {rest} ; remboursé : {refunded} ({currency})." /
        "Left with this recipient: {rest}; refunded: {refunded} ({currency}).";
}

/// A recipient as guards look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub implementer: Implementer,
    pub part: Amount,
    /// Whether it is who carries the project out.
    pub leads: bool,
}

/// The ledger of one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub number: u32,
    /// Its tranches in their order, by their number in the plan of all.
    pub tranches: Vec<(u32, Amount)>,
    pub tranches_paid: Vec<u32>,
    /// Paid and not reversed.
    pub paid: Amount,
    /// The value dates of payments.
    pub payments: Vec<NaiveDate>,
    /// Reports that were not refused.
    pub reported: Vec<Reported>,
    /// Spent, as reports that were accepted tell.
    pub accepted: Amount,
    pub final_accepted: bool,
    /// Came back unspent.
    pub refunded: Amount,
}

impl Ledger {
    /// What the agreement promises it.
    pub fn agreed(&self) -> Amount {
        Amount::sum(self.tranches.iter().map(|(_, amount)| *amount)).unwrap_or_default()
    }

    /// Disbursed, and neither spent nor back.
    pub fn rest(&self) -> Amount {
        let used = self.accepted.checked_add(self.refunded).unwrap_or_default();
        self.paid.checked_sub(used).unwrap_or_default()
    }

    /// Its tranches numbered from one: the rounds of the joint plan.
    fn rounds(&self) -> Vec<TrancheFacts> {
        let fact = |(round, (number, amount)): (u32, &(u32, Amount))| TrancheFacts {
            number: round,
            amount: *amount,
            paid: self.tranches_paid.contains(number),
        };
        (1..).zip(&self.tranches).map(fact).collect()
    }

    /// In which round it gets a tranche of the plan.
    pub fn round_of(&self, tranche: u32) -> Option<u32> {
        (1..).zip(&self.tranches).find(|(_, (number, _))| *number == tranche).map(|(round, _)| round)
    }
}

/// The ledger to which a tranche of the plan belongs.
pub fn ledger_of(ledgers: &[Ledger], tranche: u32) -> Option<&Ledger> {
    ledgers.iter().find(|ledger| ledger.round_of(tranche).is_some())
}

/// The amounts of the tranches of a plan over recipients: those of each make its part, in the shares of its own kind. Each tranche names
/// its recipient by its place.
pub fn joint_plan(
    rules: &RuleSet,
    recipients: &[(ImplementerKind, Amount)],
    currency: Currency,
    asked: &[(usize, AskedTranche)],
) -> Result<Vec<Amount>, Refusal> {
    let mut amounts = vec![Amount::ZERO; asked.len()];
    for (place, (kind, part)) in recipients.iter().enumerate() {
        let own: Vec<AskedTranche> = asked.iter().filter(|(of, _)| *of == place).map(|(_, tranche)| *tranche).collect();
        let planned = plan(rules, Some(*kind), (*part, currency), &own)?;
        let slots = amounts.iter_mut().zip(asked).filter(|(_, (of, _))| *of == place);
        for ((slot, _), amount) in slots.zip(planned) {
            *slot = amount;
        }
    }
    Ok(amounts)
}

/// Refuses to release a tranche of one recipient. Where money follows what was delivered, it is what all recipients together delivered of
/// the round before, or what each of them did, as the rules say; the recipient's own tranches before it are paid.
pub fn joint_releasable(
    rules: &RuleSet,
    (tranche, ledgers): (u32, &[Ledger]),
    delivery: &Delivery,
    currency: Currency,
) -> Result<(), Refusal> {
    let Some((own, round)) = ledgers.iter().find_map(|one| Some((one, one.round_of(tranche)?))) else { return Ok(()) };
    let delivered = matches!(rules.tranche_release, TrancheRelease::Delivered | TrancheRelease::Cleared);
    match rules.joint_release.unwrap_or(JointRelease::Combined) {
        _ if !delivered => {
            let plan: Vec<TrancheFacts> =
                own.rounds().into_iter().zip(&own.tranches).map(|(fact, (number, _))| TrancheFacts { number: *number, ..fact }).collect();
            releasable(rules, (tranche, &plan), delivery, (own.accepted, currency))
        }
        JointRelease::Combined => {
            let whole = |fact: TrancheFacts| {
                let same = ledgers.iter().flat_map(Ledger::rounds).filter(|one| one.number == fact.number).map(|one| one.amount);
                TrancheFacts { amount: Amount::sum(same).unwrap_or_default(), ..fact }
            };
            let plan: Vec<TrancheFacts> = own.rounds().into_iter().map(whole).collect();
            let accepted = Amount::sum(ledgers.iter().map(|one| one.accepted)).unwrap_or_default();
            releasable(rules, (round, &plan), delivery, (accepted, currency)).map_err(|refusal| refusal.with("tranche", tranche))
        }
        JointRelease::Each => ledgers.iter().try_for_each(|one| {
            let judged = releasable(rules, (round, &one.rounds()), delivery, (one.accepted, currency));
            judged.map_err(|refusal| refusal.with("tranche", tranche).with("recipient", one.number))
        }),
    }
}

/// Refuses a refund of more than is left with a recipient.
pub fn require_left(ledger: &Ledger, amount: Amount, currency: Currency) -> Result<(), Refusal> {
    if amount <= ledger.rest() {
        return Ok(());
    }
    let refusal = RECIPIENT_REFUND_EXCEEDED.refuse().with("rest", ledger.rest().display(currency));
    Err(refusal.with("refunded", amount.display(currency)).with("currency", currency.code()).at("/amount"))
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

    fn rules(joint_release: Option<JointRelease>) -> RuleSet {
        RuleSet { joint_release, ..find(Instrument::PeacebuildingImmediate, 1).expect("shipped").clone() }
    }

    /// An agency with 70 and 30, and an organisation with 35, 35 and 30; the first round is paid.
    fn ledgers(accepted: [&str; 2]) -> [Ledger; 2] {
        let ledger = |number, tranches: &[(u32, &str)], paid: u32, accepted: &str| Ledger {
            number,
            tranches: tranches.iter().map(|(number, amount)| (*number, money(amount))).collect(),
            tranches_paid: vec![paid],
            accepted: money(accepted),
            ..Ledger::default()
        };
        let [agency, organisation] = accepted;
        [ledger(1, &[(1, "70"), (2, "30")], 1, agency), ledger(2, &[(3, "35"), (4, "35"), (5, "30")], 3, organisation)]
    }

    fn code(rules: &RuleSet, tranche: u32, ledgers: &[Ledger]) -> Option<&'static str> {
        joint_releasable(rules, (tranche, ledgers), &Delivery::default(), usd()).err().map(|refusal| refusal.code.name)
    }

    #[test]
    fn g_joint_the_next_tranche_waits_for_what_all_delivered() {
        let combined = rules(None);
        // 75 % of 105 is 78.75, whoever delivered it.
        for (accepted, expected) in [(["70", "8.74"], Some("TRANCHE_NOT_RELEASABLE")), (["70", "8.75"], None), (["43.75", "35"], None)] {
            for tranche in [2, 4] {
                assert_eq!(code(&combined, tranche, &ledgers(accepted)), expected, "{accepted:?} {tranche}");
            }
        }
        let each = rules(Some(JointRelease::Each));
        for (accepted, expected) in [
            (["70", "8.75"], Some("TRANCHE_NOT_RELEASABLE")),
            (["52.50", "26.24"], Some("TRANCHE_NOT_RELEASABLE")),
            (["52.50", "26.25"], None),
        ] {
            for tranche in [2, 4] {
                assert_eq!(code(&each, tranche, &ledgers(accepted)), expected, "{accepted:?} {tranche}");
            }
        }
        // The first of each waits for nothing, the third of one for the second of both.
        assert_eq!([1, 3].map(|tranche| code(&combined, tranche, &ledgers(["0", "0"]))), [None, None]);
        assert_eq!(code(&combined, 5, &ledgers(["100", "70"])), Some("TRANCHE_NOT_RELEASABLE"), "its second is not paid");
        let mut paid = ledgers(["100", "53.74"]);
        paid[1].tranches_paid.push(4);
        assert_eq!(code(&combined, 5, &paid), Some("TRANCHE_NOT_RELEASABLE"), "105 and three quarters of 65 are 153.75");
        paid[1].accepted = money("53.75");
        assert_eq!(code(&combined, 5, &paid), None);
    }

    #[test]
    fn where_work_releases_money_each_has_its_own_tranches() {
        let pilots = find(Instrument::CommunityPilot, 1).expect("shipped");
        let visited = Delivery { visited: true, ..Delivery::default() };
        let told = |tranche, delivery: &Delivery| joint_releasable(pilots, (tranche, &ledgers(["0", "0"])), delivery, usd()).is_ok();
        assert_eq!([told(2, &Delivery::default()), told(2, &visited), told(4, &visited), told(5, &visited)], [false, true, true, false]);
    }

    #[test]
    fn the_tranches_of_each_make_its_part_in_the_shares_of_its_kind() {
        let rules = rules(None);
        let recipients = [(ImplementerKind::UnAgency, money("100")), (ImplementerKind::NationalNgo, money("100.01"))];
        let share = |place, bps| (place, AskedTranche { bps: Some(bps), amount: None });
        let planned = |asked: &[(usize, AskedTranche)]| {
            let amounts = joint_plan(&rules, &recipients, usd(), asked).map_err(|refusal| refusal.code.name)?;
            Ok(amounts.into_iter().map(|amount| amount.display(usd())).collect::<Vec<_>>())
        };
        let whole = [share(0, 7000), share(1, 3500), share(1, 3500), share(0, 3000), share(1, 3000)];
        assert_eq!(planned(&whole), Ok(["70.00", "35.01", "35.00", "30.00", "30.00"].map(str::to_owned).to_vec()));
        assert_eq!(planned(&whole[..4]), Err("TRANCHE_PLAN"));
        assert_eq!(planned(&[share(0, 7000), share(0, 3000)]), Err("TRANCHE_PLAN"), "one of them gets nothing");
    }

    #[test]
    fn no_more_comes_back_than_is_left() {
        let ledger = Ledger { paid: money("70"), accepted: money("50"), refunded: money("5"), ..Ledger::default() };
        assert_eq!(require_left(&ledger, money("15"), usd()), Ok(()));
        assert!(require_left(&ledger, money("15.01"), usd()).is_err());
    }
}
