//! Recoveries (ordres de reversement): what was paid without being due is claimed back. In the year of the payment they lower
//! the expenditure; in a later year they are exceptional revenue, and no credit of the earlier year moves.

use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};

codes! {
    RECOVERY_EXCEEDS_PAID: Rule,
        "Reversement supérieur au payé" / "Recovery exceeds what was paid",
        "Payé : {paid}. Déjà réclamé : {claimed}. Demandé : {requested} ({currency})." /
        "Paid: {paid}. Already claimed: {claimed}. Requested: {requested} ({currency}).";
    RECOVERY_LINE_INVALID: Rule,
        "Ligne inattendue" / "Unexpected budget line",
        "Un reversement de l'exercice du mandat ne porte sur aucune ligne ; plus tard, comme la réduction d'une dette antérieure, il porte \
         sur une ligne de recette du compte {expected}." /
        "A recovery in the year of the order is on no line; later, like the reduction of an earlier debt, it is on a line of revenue of \
         account {expected}.";
    DEBT_REDUCTION_EXCEEDS_DUE: Rule,
        "Réduction supérieure au dû" / "Reduction exceeds what is due",
        "Reste dû : {due}. Réductions en cours : {claimed}. Demandé : {requested} ({currency})." /
        "Still due: {due}. Reductions in flight: {claimed}. Requested: {requested} ({currency}).";
}

/// Claims back a part of what was paid on an order and not claimed yet.
pub fn recover(paid: Amount, claimed: Amount, requested: Amount, currency: Currency) -> Result<(), Refusal> {
    if claimed.checked_add(requested).is_some_and(|total| total <= paid) {
        return Ok(());
    }
    Err(RECOVERY_EXCEEDS_PAID
        .refuse()
        .with("paid", paid.display(currency))
        .with("claimed", claimed.display(currency))
        .with("requested", requested.display(currency))
        .with("currency", currency.code())
        .at("/amount"))
}

/// Reduces a debt of an earlier year by a part of what is due and no other reduction claims.
pub fn reduce_debt(due: Amount, claimed: Amount, requested: Amount, currency: Currency) -> Result<(), Refusal> {
    if claimed.checked_add(requested).is_some_and(|total| total <= due) {
        return Ok(());
    }
    Err(DEBT_REDUCTION_EXCEEDS_DUE
        .refuse()
        .with("due", due.display(currency))
        .with("claimed", claimed.display(currency))
        .with("requested", requested.display(currency))
        .with("currency", currency.code())
        .at("/amount"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_claimed_than_was_paid() {
        let amount = |minor| Amount::from_minor(minor).expect("in range");
        assert_eq!(recover(amount(850_000), amount(800_000), amount(50_000), Currency::XOF), Ok(()));
        let refusal = recover(amount(850_000), amount(800_000), amount(50_001), Currency::XOF).expect_err("too much");
        assert_eq!(refusal.code, &RECOVERY_EXCEEDS_PAID);
    }
}
