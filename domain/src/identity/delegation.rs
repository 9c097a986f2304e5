//! Delegation of signature: what an authorising officer lets a delegate commit and order, from a day to a day, up to a
//! ceiling per act.

use chrono::NaiveDate;

use super::{Assignment, ROLE_PERIOD_INVALID, Role};
use crate::calendar::covers;
use crate::id::OrganisationId;
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};

codes! {
    DELEGATION_INVALID: Forbidden,
        "Délégation non valable" / "Delegation not valid",
        "Aucune délégation de signature en vigueur le {today} ne couvre {requested} {currency}." /
        "No delegation of signature in force on {today} covers {requested} {currency}.";
    DELEGATION_ROLE_MISSING: Rule,
        "Fonction de délégué absente" / "Not a delegate",
        "Cette personne ne tient pas la fonction {role} le {valid_from}." /
        "This person does not hold the role {role} on {valid_from}.";
    DELEGATION_ENDED: Conflict,
        "Délégation déjà terminée" / "Delegation already ended",
        "La délégation a pris fin le {ended_on}." / "The delegation was ended on {ended_on}.";
}

/// A delegation of signature, as the rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delegation {
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    /// The most that one act may amount to; without one, any amount.
    pub ceiling: Option<Amount>,
    /// The day on which it was ended, if it was: it is not in force any more.
    pub ended_on: Option<NaiveDate>,
}

impl Delegation {
    pub fn in_force(&self, today: NaiveDate) -> bool {
        self.ended_on.is_none() && covers(self.valid_from, self.valid_to, today)
    }
}

/// Refuses a delegation to someone who does not hold the delegate's role on its first day, or that ends before it begins.
pub fn delegate(new: &Delegation, held: &[Assignment], organisation: OrganisationId) -> Result<(), Refusal> {
    if new.valid_to.is_some_and(|to| to < new.valid_from) {
        return Err(ROLE_PERIOD_INVALID.refuse().at("/valid_to"));
    }
    let fit = held.iter().any(|held| held.role == Role::AuthorisingDelegate && held.holds(organisation, new.valid_from));
    if fit {
        return Ok(());
    }
    Err(DELEGATION_ROLE_MISSING.refuse().with("role", Role::AuthorisingDelegate).with("valid_from", new.valid_from).at("/principal_id"))
}

/// Lets a delegate act for an amount if one of the delegations is in force today and covers it; the refusal tells the
/// dates and the ceiling of the one that comes nearest.
pub fn authorise(delegations: &[Delegation], amount: Amount, currency: Currency, today: NaiveDate) -> Result<(), Refusal> {
    let in_force = |one: &&Delegation| one.in_force(today);
    if delegations.iter().filter(in_force).any(|one| one.ceiling.is_none_or(|ceiling| amount <= ceiling)) {
        return Ok(());
    }
    let nearest = delegations.iter().filter(in_force).max_by_key(|one| one.ceiling).or(delegations.iter().max_by_key(|one| one.valid_from));
    let mut refusal =
        DELEGATION_INVALID.refuse().with("today", today).with("requested", amount.display(currency)).with("currency", currency.code());
    if let Some(nearest) = nearest {
        refusal = refusal.with("valid_from", nearest.valid_from);
        if let Some(to) = nearest.valid_to {
            refusal = refusal.with("valid_to", to);
        }
        if let Some(ceiling) = nearest.ceiling {
            refusal = refusal.with("ceiling", ceiling.display(currency));
        }
        if let Some(ended_on) = nearest.ended_on {
            refusal = refusal.with("ended_on", ended_on);
        }
    }
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("date")
    }

    fn delegation(from: &str, to: Option<&str>, ceiling: Option<i64>) -> Delegation {
        let ceiling = ceiling.map(|minor| Amount::from_minor(minor).expect("in range"));
        Delegation { valid_from: day(from), valid_to: to.map(day), ceiling, ended_on: None }
    }

    #[test]
    fn a_delegate_acts_within_the_dates_and_below_the_ceiling() {
        let given = [delegation("2025-01-01", Some("2025-06-30"), Some(500)), delegation("2025-03-01", Some("2025-03-31"), Some(900))];
        let act = |amount: i64, on: &str| {
            let amount = Amount::from_minor(amount).expect("in range");
            authorise(&given, amount, Currency::XOF, day(on)).map_err(|refusal| refusal.facts)
        };
        assert_eq!(act(500, "2025-01-01"), Ok(()));
        assert_eq!(act(900, "2025-03-31"), Ok(()));
        let over = act(901, "2025-03-31").expect_err("over every ceiling");
        assert_eq!((&over["ceiling"], &over["valid_to"]), (&"900".into(), &"2025-03-31".into()));
        assert_eq!(act(501, "2025-04-01").expect_err("over")["ceiling"], "500");
        assert_eq!(act(1, "2025-07-01").expect_err("expired")["valid_to"], "2025-03-31");
        assert!(act(1, "2024-12-31").is_err());
        assert_eq!(
            authorise(&[], Amount::ZERO, Currency::XOF, day("2025-01-01")).map_err(|refusal| refusal.code),
            Err(&DELEGATION_INVALID)
        );
        let ended = [Delegation { ended_on: Some(day("2025-02-01")), ..delegation("2025-01-01", None, None) }];
        let refusal = authorise(&ended, Amount::ZERO, Currency::XOF, day("2025-02-01")).expect_err("ended");
        assert_eq!(refusal.facts["ended_on"], "2025-02-01");
        let unlimited = [delegation("2025-01-01", None, None)];
        assert_eq!(authorise(&unlimited, Amount::from_minor(10_000_000).expect("in range"), Currency::XOF, day("2030-01-01")), Ok(()));
    }
}
