//! The machine of a disbursement: requested, certified, approved and paid, by three different people before it is paid.

use super::SOD_VIOLATION;
use super::duty::Duty;
use super::finance::{AGREEMENT_EXCEEDED, DISBURSEMENT_STATE_INVALID};
use crate::money::{Amount, Currency};
use crate::refusal::Refusal;
use crate::word::Word as _;
use crate::words;

words! {
    /// The state of a disbursement.
    pub enum ProjectDisbursementState {
        /// Demandé.
        Requested = "requested",
        /// Certifié: what the tranche waits for was checked.
        Certified = "certified",
        /// Approuvé.
        Approved = "approved",
        /// Payé.
        Paid = "paid",
        /// Refused before it was paid.
        Rejected = "rejected",
        /// Paid, and sent back by the bank: the tranche can be requested again.
        Reversed = "reversed",
    }
}

words! {
    /// What is done to a disbursement.
    pub enum ProjectDisbursementAction {
        /// Certify it.
        Certify = "certify",
        /// Approve it.
        Approve = "approve",
        /// Pay it.
        Pay = "pay",
        /// Refuse it.
        Reject = "reject",
        /// Take note that the bank sent it back.
        Reverse = "reverse",
    }
}

use ProjectDisbursementAction as A;
use ProjectDisbursementState as S;

const WAYS: &[(ProjectDisbursementAction, &[ProjectDisbursementState], ProjectDisbursementState)] = &[
    (A::Certify, &[S::Requested], S::Certified),
    (A::Approve, &[S::Certified], S::Approved),
    (A::Pay, &[S::Approved], S::Paid),
    (A::Reject, &[S::Requested, S::Certified, S::Approved], S::Rejected),
    (A::Reverse, &[S::Paid], S::Reversed),
];

impl ProjectDisbursementState {
    /// Whether it is neither paid nor given up.
    pub fn is_open(self) -> bool {
        matches!(self, S::Requested | S::Certified | S::Approved)
    }

    /// The state after an action, or a refusal that names what is possible.
    pub fn act(self, action: ProjectDisbursementAction) -> Result<Self, Refusal> {
        let mut ways = WAYS.iter().filter(|(_, from, _)| from.contains(&self));
        if let Some((_, _, to)) = ways.clone().find(|(way, _, _)| *way == action) {
            return Ok(*to);
        }
        let allowed: Vec<String> = ways.by_ref().map(|(way, _, _)| way.as_str().to_owned()).collect();
        Err(DISBURSEMENT_STATE_INVALID.refuse().with("state", self).with("allowed", allowed))
    }
}

/// Refuses to act on a disbursement to who already did another part of it.
pub fn require_other<P: PartialEq>(by: &P, duty: Duty, done: &[(Duty, P)]) -> Result<(), Refusal> {
    match done.iter().find(|(_, who)| who == by) {
        Some((held, _)) => Err(SOD_VIOLATION.refuse().with("duty", duty).with("held", *held)),
        None => Ok(()),
    }
}

/// Refuses to pay more, over all disbursements, than was agreed.
pub fn require_agreed(paid: Amount, amount: Amount, agreed: Amount, currency: Currency) -> Result<(), Refusal> {
    if paid.checked_add(amount).is_some_and(|after| after <= agreed) {
        return Ok(());
    }
    let refusal = AGREEMENT_EXCEEDED.refuse().with("paid", paid.display(currency)).with("requested", amount.display(currency));
    Err(refusal.with("agreed", agreed.display(currency)).with("currency", currency.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_passes_three_people_before_it_is_paid() {
        let paid = [A::Certify, A::Approve, A::Pay].iter().try_fold(S::Requested, |state, action| state.act(*action));
        assert_eq!(paid, Ok(S::Paid));
        assert_eq!(S::Paid.act(A::Reverse), Ok(S::Reversed));
        for state in S::ALL {
            assert_eq!(state.act(A::Reject).is_ok(), state.is_open(), "{state}");
        }
        let refused = S::Requested.act(A::Pay).expect_err("not approved");
        assert_eq!(
            (refused.code.name, refused.facts["allowed"].clone()),
            ("DISBURSEMENT_STATE_INVALID", serde_json::json!(["certify", "reject"]))
        );
        assert!([S::Rejected, S::Reversed].iter().all(|end| A::ALL.iter().all(|action| end.act(*action).is_err())));
    }

    #[test]
    fn ac_32_one_person_does_one_part() {
        let done = [(Duty::Proponent, 1), (Duty::FinanceCertifier, 2)];
        let code = |who| require_other(&who, Duty::FinanceApprover, &done).map_err(|refusal| refusal.code.name);
        assert_eq!([code(1), code(2), code(3)], [Err("SOD_VIOLATION"), Err("SOD_VIOLATION"), Ok(())]);
    }

    #[test]
    fn inv_10_no_more_is_paid_than_was_agreed() {
        let usd = Currency::parse("USD").expect("known");
        let money = |minor| Amount::from_minor(minor).expect("in range");
        assert_eq!(require_agreed(money(60), money(40), money(100), usd), Ok(()));
        assert_eq!(require_agreed(money(60), money(41), money(100), usd).map_err(|refusal| refusal.code.name), Err("AGREEMENT_EXCEEDED"));
    }
}
