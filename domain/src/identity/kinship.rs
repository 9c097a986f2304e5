//! Declared kin: those who are married, or descend one from the other, do not order and pay in the same organisation.

use chrono::NaiveDate;

use super::Assignment;
use crate::id::PrincipalId;
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    ROLE_INCOMPATIBLE_KIN: Conflict,
        "Fonctions incompatibles entre parents" / "Incompatible functions among kin",
        "La fonction {role} est incompatible avec la fonction {held}, tenue dans la même organisation par un parent déclaré." /
        "The role {role} is incompatible with the role {held}, held in the same organisation by declared kin.";
    KINSHIP_INVALID: Rule,
        "Parenté invalide" / "Invalid kinship",
        "Nul n'est son propre parent ; une parenté qui a pris fin ne prend pas fin une seconde fois." /
        "Nobody is their own kin; a kinship that has ended does not end a second time.";
    KINSHIP_DUPLICATE: Conflict,
        "Parenté déjà déclarée" / "Kinship already declared",
        "Une parenté entre ces deux personnes est déjà déclarée." / "A kinship between these two people is already declared.";
}

words! {
    /// What the first person is to the second.
    pub enum KinRelation {
        /// Husband or wife (conjoint).
        Spouse = "spouse",
        /// Parent, grandparent (ascendant).
        Ascendant = "ascendant",
        /// Child, grandchild (descendant).
        Descendant = "descendant",
    }
}

/// A role that declared kin holds, held or will hold, and the last day on which they are kin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinAssignment {
    pub held: Assignment,
    pub ended_on: Option<NaiveDate>,
}

/// Refuses a role that may not stand beside one of the kin's, at the same time, in the same organisation. Who the kin is,
/// is not said.
pub fn grant_among_kin(new: &Assignment, kin: &[KinAssignment]) -> Result<(), Refusal> {
    let related = |kin: &&KinAssignment| kin.ended_on.is_none_or(|last| new.valid_from <= last);
    let conflict = kin.iter().filter(related).find(|kin| new.overlaps(&kin.held) && new.role.incompatible_among_kin(kin.held.role));
    match conflict {
        Some(kin) => Err(ROLE_INCOMPATIBLE_KIN.refuse().with("role", new.role).with("held", kin.held.role).at("/role")),
        None => Ok(()),
    }
}

/// Whether two people who are kin hold, today or later, roles that kin may not hold together.
pub fn in_conflict(one: &[Assignment], other: &[Assignment], today: NaiveDate) -> bool {
    let current = |held: &&Assignment| held.valid_to.is_none_or(|to| today <= to);
    one.iter()
        .filter(current)
        .any(|held| other.iter().filter(current).any(|theirs| held.overlaps(theirs) && held.role.incompatible_among_kin(theirs.role)))
}

/// Refuses kinship with oneself.
pub fn declare(one: PrincipalId, other: PrincipalId) -> Result<(), Refusal> {
    if one == other { Err(KINSHIP_INVALID.refuse().at("/relative_id")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OrganisationId;
    use crate::identity::Role;

    fn held(role: Role, from: &str, to: Option<&str>) -> Assignment {
        let day = |text: &str| text.parse().expect("date");
        Assignment { organisation: OrganisationId::platform(), role, seat: None, valid_from: day(from), valid_to: to.map(day) }
    }

    #[test]
    fn kin_do_not_order_and_pay_at_the_same_time() {
        let mayor = held(Role::AuthorisingOfficer, "2025-01-01", None);
        let kin = |held: &Assignment, ended: Option<&str>| {
            vec![KinAssignment { held: held.clone(), ended_on: ended.map(|day| day.parse().expect("date")) }]
        };
        let accountant = held(Role::Accountant, "2025-06-01", None);
        for (new, kin) in
            [(&accountant, kin(&mayor, None)), (&mayor, kin(&accountant, None)), (&accountant, kin(&mayor, Some("2025-06-01")))]
        {
            assert_eq!(grant_among_kin(new, &kin).map_err(|refusal| refusal.code), Err(&ROLE_INCOMPATIBLE_KIN));
        }
        assert_eq!(grant_among_kin(&accountant, &kin(&mayor, Some("2025-05-31"))), Ok(()), "no longer kin");
        assert_eq!(grant_among_kin(&held(Role::Accountant, "2024-01-01", Some("2024-12-31")), &kin(&mayor, None)), Ok(()), "before");
        assert_eq!(grant_among_kin(&held(Role::FinanceOfficer, "2025-01-01", None), &kin(&accountant, None)), Ok(()));
        let today = "2025-07-01".parse().expect("date");
        assert!(in_conflict(std::slice::from_ref(&mayor), std::slice::from_ref(&accountant), today));
        assert!(!in_conflict(&[mayor], &[held(Role::Accountant, "2025-01-01", Some("2025-06-30"))], today));
    }
}
