//! Credit arithmetic: what is open, committed, verified, ordered, accepted, paid, and what is still available.
//!
//! `open = initial + increased - decreased + carried_forward`, `available = open - committed`, and at every moment
//! `0 <= paid <= accepted <= ordered <= verified <= committed <= open`.

use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    COMMITMENT_CREDIT_INSUFFICIENT: Rule,
        "Crédit insuffisant" / "Insufficient credit",
        "Article {article} : ouvert {open}, engagé {committed}, disponible {available}, demandé {requested} ({currency})." /
        "Article {article}: open {open}, committed {committed}, available {available}, requested {requested} ({currency}).";
    CREDIT_CHAIN_BROKEN: Broken,
        "Chaîne de crédit rompue" / "Broken credit chain",
        "L'ordre payé ≤ pris en charge ≤ mandaté ≤ liquidé ≤ engagé ≤ ouvert ne serait plus tenu." /
        "The order paid ≤ accepted ≤ ordered ≤ verified ≤ committed ≤ open would no longer hold.";
}

/// The credit of an article and what has been done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    pub initial: Amount,
    /// Increases by amendments in force.
    pub increased: Amount,
    /// Decreases by amendments in force.
    pub decreased: Amount,
    pub carried_forward: Amount,
    pub committed: Amount,
    pub verified: Amount,
    pub ordered: Amount,
    pub accepted: Amount,
    pub paid: Amount,
}

words! {
    /// A step of the expenditure chain that moves a credit.
    pub enum Step {
        /// Credit is reserved.
        Commit = "commit",
        /// What is reserved and not verified goes back to the available credit (dégagement).
        Release = "release",
        /// A debt is established.
        Verify = "verify",
        /// A verification that nothing was ordered on is cancelled.
        Unverify = "unverify",
        /// A payment order is signed.
        Order = "order",
        /// A rejected order frees what it had ordered, and nothing else.
        Reject = "reject",
        /// A payment order is accepted.
        Accept = "accept",
        /// A creditor is paid.
        Pay = "pay",
        /// A payment comes back from the bank: the debt is open again.
        Return = "return",
        /// An accepted order is reduced before its payment.
        Reduce = "reduce",
        /// What was paid without being due is reversed (ordre de reversement).
        Reverse = "reverse",
        /// Expenditure without payment, charged whole in one order (mandat de régularisation).
        Regularise = "regularise",
    }
}

impl Step {
    /// How many times its amount a step adds to: committed, verified, ordered, accepted, paid.
    pub fn deltas(self) -> [i64; 5] {
        match self {
            Step::Commit => [1, 0, 0, 0, 0],
            Step::Release => [-1, 0, 0, 0, 0],
            Step::Verify => [0, 1, 0, 0, 0],
            Step::Unverify => [0, -1, 0, 0, 0],
            Step::Order => [0, 0, 1, 0, 0],
            Step::Reject => [0, 0, -1, 0, 0],
            Step::Accept => [0, 0, 0, 1, 0],
            Step::Pay => [0, 0, 0, 0, 1],
            Step::Return => [0, 0, 0, 0, -1],
            Step::Reduce => [0, -1, -1, -1, 0],
            Step::Reverse => [0, -1, -1, -1, -1],
            Step::Regularise => [1, 1, 1, 1, 1],
        }
    }
}

impl Credit {
    /// Initial credit, amendments and carry-forward together.
    pub fn open(&self) -> Option<Amount> {
        self.initial.checked_add(self.increased)?.checked_sub(self.decreased)?.checked_add(self.carried_forward)
    }

    pub fn available(&self) -> Option<Amount> {
        self.open()?.checked_sub(self.committed)
    }

    /// Whether the chain of stages is in order.
    pub fn in_order(&self) -> bool {
        self.paid <= self.accepted
            && self.accepted <= self.ordered
            && self.ordered <= self.verified
            && self.verified <= self.committed
            && self.open().is_some_and(|open| self.committed <= open)
    }

    /// The stages in order: committed, verified, ordered, accepted, paid.
    pub fn stages(&self) -> [Amount; 5] {
        [self.committed, self.verified, self.ordered, self.accepted, self.paid]
    }

    /// The credit after a step. A step that would break the chain is a fault of the program, never stored.
    pub fn after(mut self, step: Step, amount: Amount) -> Result<Credit, Refusal> {
        let stages = [&mut self.committed, &mut self.verified, &mut self.ordered, &mut self.accepted, &mut self.paid];
        for (stage, delta) in stages.into_iter().zip(step.deltas()) {
            let moved = match delta {
                0 => Some(*stage),
                1 => stage.checked_add(amount),
                _ => stage.checked_sub(amount),
            };
            *stage = moved.ok_or_else(|| CREDIT_CHAIN_BROKEN.refuse())?;
        }
        if self.in_order() { Ok(self) } else { Err(CREDIT_CHAIN_BROKEN.refuse()) }
    }

    /// Refuses a commitment that the available credit does not cover.
    pub fn require(&self, article: &str, requested: Amount, currency: Currency) -> Result<(), Refusal> {
        let available = self.available().unwrap_or(Amount::ZERO);
        if requested <= available {
            return Ok(());
        }
        Err(COMMITMENT_CREDIT_INSUFFICIENT
            .refuse()
            .with("article", article)
            .with("open", self.open().unwrap_or(Amount::ZERO).display(currency))
            .with("committed", self.committed.display(currency))
            .with("available", available.display(currency))
            .with("requested", requested.display(currency))
            .with("currency", currency.code())
            .at("/amount"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::word::Word as _;

    fn amount(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    #[test]
    fn the_fuel_article_of_the_sample_budget() {
        let fuel = Credit { initial: amount(3_400_000), ..Credit::default() };
        let fuel = fuel.after(Step::Commit, amount(850_000)).expect("in order");
        assert_eq!(fuel.available(), Some(amount(2_550_000)));
        let refusal = fuel.require("602", amount(3_000_000), Currency::XOF).expect_err("too much");
        assert_eq!(refusal.code, &COMMITMENT_CREDIT_INSUFFICIENT);
        assert_eq!(refusal.detail_fr(), "Article 602 : ouvert 3400000, engagé 850000, disponible 2550000, demandé 3000000 (XOF).");
    }

    proptest! {
        #[test]
        fn no_sequence_of_steps_breaks_the_chain(steps in proptest::collection::vec((0_usize..Step::ALL.len(), 1_i64..2_000), 0..60)) {
            let mut credit = Credit { initial: amount(10_000), ..Credit::default() };
            for (kind, size) in steps {
                if let Some(step) = Step::ALL.get(kind) && let Ok(next) = credit.after(*step, amount(size)) {
                    credit = next;
                }
                prop_assert!(credit.stages().is_sorted_by(|stage, next| stage >= next), "{credit:?}");
                prop_assert!(credit.committed <= credit.initial, "{credit:?}");
            }
        }
    }
}
