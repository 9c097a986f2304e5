//! Credit arithmetic: what is open, committed, verified, ordered, accepted, paid, and what is still available.
//!
//! `open = initial + increased - decreased + carried_forward`, `available = open - committed`, and at every moment
//! `0 <= paid <= accepted <= ordered <= verified <= committed <= open`.

use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};

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

/// A step of the expenditure chain that moves a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Commit,
    Verify,
    Order,
    /// A rejected order frees what it had ordered, and nothing else.
    Reject,
    Accept,
    Pay,
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

    /// The credit after a step. A step that would break the chain is a fault of the program, never stored.
    pub fn after(mut self, step: Step, amount: Amount) -> Result<Credit, Refusal> {
        let moved = match step {
            Step::Commit => self.committed.checked_add(amount).map(|sum| self.committed = sum),
            Step::Verify => self.verified.checked_add(amount).map(|sum| self.verified = sum),
            Step::Order => self.ordered.checked_add(amount).map(|sum| self.ordered = sum),
            Step::Reject => self.ordered.checked_sub(amount).map(|rest| self.ordered = rest),
            Step::Accept => self.accepted.checked_add(amount).map(|sum| self.accepted = sum),
            Step::Pay => self.paid.checked_add(amount).map(|sum| self.paid = sum),
        };
        match moved {
            Some(()) if self.in_order() => Ok(self),
            _ => Err(CREDIT_CHAIN_BROKEN.refuse()),
        }
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
        fn no_sequence_of_steps_breaks_the_chain(steps in proptest::collection::vec((0_usize..6, 1_i64..2_000), 0..60)) {
            let mut credit = Credit { initial: amount(10_000), ..Credit::default() };
            let kinds = [Step::Commit, Step::Verify, Step::Order, Step::Reject, Step::Accept, Step::Pay];
            for (kind, size) in steps {
                if let Some(step) = kinds.get(kind) && let Ok(next) = credit.after(*step, amount(size)) {
                    credit = next;
                }
                prop_assert!(credit.in_order());
            }
        }
    }
}
