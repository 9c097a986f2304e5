//! Who may act: people and partner systems, and the roles they hold in an organisation from a date to a date.
//!
//! A token says who; which roles, is read from the database. Deliberately not here: how passwords and tokens are
//! checked (the `api` floor).

pub mod client_key;
pub mod delegation;
pub mod external;
pub mod kinship;
pub mod proposal;
pub mod session;
pub mod step_up;
pub mod throttle;

use chrono::NaiveDate;

use crate::calendar::covers;
use crate::id::OrganisationId;
use crate::refusal::{Refusal, codes};
use crate::sensitivity::Sensitivity;
use crate::words;

codes! {
    SIGN_IN_FAILED: Unauthenticated,
        "Identification refusée" / "Sign-in refused",
        "L'identifiant ou le secret est inexact, ou le compte n'est pas actif." /
        "The login or the secret is wrong, or the principal is not active.";
    TOKEN_PROOF_INVALID: Rule,
        "Preuve ambiguë ou incomplète" / "Ambiguous or incomplete proof",
        "Une seule preuve : client_id et client_secret, ou client_assertion et client_assertion_type, ou assertion seule." /
        "One proof only: client_id and client_secret, or client_assertion and client_assertion_type, or assertion alone.";
    TOKEN_MISSING: Unauthenticated,
        "Jeton absent" / "Token missing",
        "Cette opération demande un jeton : en-tête Authorization: Bearer …" /
        "This operation needs a token: header Authorization: Bearer …";
    TOKEN_INVALID: Unauthenticated,
        "Jeton invalide" / "Invalid token",
        "Le jeton est expiré, mal formé ou n'est pas de ce service." /
        "The token has expired, is malformed or is not from this service.";
    ROLE_MISSING: Forbidden,
        "Fonction insuffisante" / "Role missing",
        "Cette opération est réservée aux fonctions : {roles}." / "This operation is reserved to the roles: {roles}.";
    ROLE_INCOMPATIBLE: Conflict,
        "Fonctions incompatibles" / "Incompatible functions",
        "La fonction {role} est incompatible avec la fonction {held}, tenue dans la même organisation." /
        "The role {role} is incompatible with the role {held}, held in the same organisation.";
    ROLE_PERIOD_INVALID: Rule,
        "Période invalide" / "Invalid period",
        "La fin précède le début, ou dépasse la fin déjà fixée." / "The end precedes the beginning, or exceeds the end already set.";
    ROLE_NOT_GRANTABLE: Forbidden,
        "Fonction non attribuable" / "Role not grantable",
        "Seul un administrateur de la plateforme attribue la fonction {role}." /
        "Only a platform administrator grants the role {role}.";
    ROLE_OF_PERSONS: Rule,
        "Fonction réservée aux personnes" / "Role of persons",
        "La fonction {role} n'est tenue que par une personne ; le système d'un partenaire ne tient que {allowed}." /
        "The role {role} is held by persons only; a partner's system holds {allowed} only.";
    PRINCIPAL_SELF: Forbidden,
        "Pas envers soi-même" / "Not to oneself",
        "Un administrateur ne suspend pas son propre compte et ne réinitialise pas son propre mot de passe." /
        "Administrators neither disable their own principal nor reset their own password.";
    PRINCIPAL_STATE_INVALID: Conflict,
        "Compte déjà dans cet état" / "Principal already in that state",
        "Le compte est déjà suspendu, ou déjà actif." / "The principal is already disabled, or already enabled.";
    LOGIN_TAKEN: Conflict,
        "Identifiant déjà pris" / "Login already taken",
        "Cet identifiant existe déjà." / "This login already exists.";
    ACTIVATION_FAILED: Unauthenticated,
        "Activation refusée" / "Activation refused",
        "Le code est inconnu, expiré ou déjà utilisé." / "The code is unknown, expired or already used.";
    PASSWORD_WEAK: Rule,
        "Mot de passe trop faible" / "Password too weak",
        "Le mot de passe compte de {minimum} à {maximum} caractères et ne figure pas parmi les plus courants." /
        "A password has {minimum} to {maximum} characters and is not among the most common ones.";
    PASSWORD_WRONG: Forbidden,
        "Mot de passe inexact" / "Wrong password",
        "Le mot de passe actuel est inexact." / "The present password is wrong.";
}

words! {
    /// A function held in an organisation.
    pub enum Role {
        /// Ordonnateur: the mayor or the president of the council. Commits, verifies, orders; never handles money.
        AuthorisingOfficer = "authorising_officer",
        /// Délégué de l'ordonnateur: an assistant who commits and orders within a written delegation of signature.
        AuthorisingDelegate = "authorising_delegate",
        /// Service financier: drafts and attaches documents; signs nothing.
        FinanceOfficer = "finance_officer",
        /// Certificateur: certifies that the service was done.
        Certifier = "certifier",
        /// Secretary of the council: records sessions, votes and decisions.
        CouncilRegistrar = "council_registrar",
        /// Comptable public: accepts or rejects orders, pays, collects, keeps the accounts.
        Accountant = "accountant",
        /// Régisseur: keeps an imprest or a collection office under the accountant's authority.
        CashOfficer = "cash_officer",
        /// Représentant de l'État: checks legality, approves or returns budgets.
        StateRepresentative = "state_representative",
        /// Auditor or judge of accounts: reads everything, writes nothing.
        Auditor = "auditor",
        /// A partner, or a partner's system: reads what is shared with partners.
        Partner = "partner",
        /// Grants roles in the organisation; reads no accounts by that title.
        Administrator = "administrator",
    }
}

words! {
    /// What a principal is.
    pub enum PrincipalKind {
        /// A person, who signs in with a login and a password.
        Person = "person",
        /// A partner's system, which uses client credentials.
        PartnerSystem = "partner_system",
    }
}

impl Role {
    /// Up to which sensitivity the role reads the organisation's records.
    pub fn clearance(self) -> Sensitivity {
        match self {
            Role::AuthorisingOfficer | Role::AuthorisingDelegate | Role::FinanceOfficer | Role::Accountant | Role::Auditor => {
                Sensitivity::Restricted
            }
            Role::Certifier | Role::CouncilRegistrar | Role::CashOfficer | Role::StateRepresentative | Role::Administrator => {
                Sensitivity::Internal
            }
            Role::Partner => Sensitivity::Partner,
        }
    }

    /// Those who order are never those who pay, and who controls from outside holds no function inside. Who keeps a cash
    /// office handles money that neither the authorising officer nor its inspector, the accountant, may handle for them.
    pub fn incompatible_with(self, other: Role) -> bool {
        let signing = |role| matches!(role, Role::AuthorisingOfficer | Role::AuthorisingDelegate);
        let preparing = |role| matches!(role, Role::FinanceOfficer | Role::Certifier | Role::CouncilRegistrar);
        let ordering = |role| signing(role) || preparing(role);
        let outside = |role| matches!(role, Role::Accountant | Role::StateRepresentative | Role::Auditor);
        let handling = |one, other| one == Role::CashOfficer && (outside(other) || signing(other));
        (ordering(self) && outside(other))
            || (outside(self) && ordering(other))
            || (outside(self) && outside(other) && self != other)
            || handling(self, other)
            || handling(other, self)
    }

    /// What kin of one another may not hold: one orders, the other pays.
    pub fn incompatible_among_kin(self, other: Role) -> bool {
        let orders = |role| matches!(role, Role::AuthorisingOfficer | Role::AuthorisingDelegate);
        (orders(self) && other == Role::Accountant) || (self == Role::Accountant && orders(other))
    }

    /// Functions of the State and of control are never granted by the organisation that they control.
    pub fn granted_by_platform_only(self) -> bool {
        matches!(self, Role::Accountant | Role::StateRepresentative | Role::Auditor | Role::Administrator)
    }
}

/// A role held in an organisation during a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub organisation: OrganisationId,
    pub role: Role,
    /// Where the official sits: the Treasury post of an accountant, the prefecture of a State representative.
    pub seat: Option<OrganisationId>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
}

impl Assignment {
    pub fn holds(&self, organisation: OrganisationId, today: NaiveDate) -> bool {
        self.organisation == organisation && covers(self.valid_from, self.valid_to, today)
    }

    /// Whether both are held in the same organisation on some day.
    pub fn overlaps(&self, other: &Assignment) -> bool {
        other.organisation == self.organisation
            && self.valid_to.is_none_or(|to| other.valid_from <= to)
            && other.valid_to.is_none_or(|to| self.valid_from <= to)
    }
}

/// Refuses a machine any role but that of a partner: who acts for the organisation answers for it in person.
pub fn require_person(kind: PrincipalKind, role: Role) -> Result<(), Refusal> {
    if kind == PrincipalKind::Person || role == Role::Partner {
        return Ok(());
    }
    Err(ROLE_OF_PERSONS.refuse().with("role", role).with("allowed", Role::Partner).at("/role"))
}

/// Refuses a role that cannot stand beside those already held, at the same time, in the same organisation.
pub fn grant(new: &Assignment, held: &[Assignment]) -> Result<(), Refusal> {
    if new.valid_to.is_some_and(|to| to < new.valid_from) {
        return Err(ROLE_PERIOD_INVALID.refuse().at("/valid_to"));
    }
    match held.iter().filter(|other| new.overlaps(other)).find(|other| new.role.incompatible_with(other.role)) {
        Some(other) => Err(ROLE_INCOMPATIBLE.refuse().with("role", new.role).with("held", other.role).at("/role")),
        None => Ok(()),
    }
}

/// The fewest and the most characters of a password.
pub const PASSWORD_LENGTH: (usize, usize) = (12, 128);

/// Refuses passwords that are short, oversized, built on the login, or made of one repeated motif.
pub fn accept_password(password: &str, login: &str) -> Result<(), Refusal> {
    let (minimum, maximum) = PASSWORD_LENGTH;
    let count = password.chars().count();
    let folded = password.to_lowercase();
    let common = ["password", "motdepasse", "azerty", "qwerty", "123456", "bamako", "sigida"];
    let motif = common.iter().any(|word| folded.replace(word, "").chars().count() < 6);
    let distinct = folded.chars().collect::<std::collections::BTreeSet<_>>().len();
    if count < minimum || count > maximum || motif || distinct < 5 || folded.contains(&login.to_lowercase()) {
        return Err(PASSWORD_WEAK.refuse().with("minimum", minimum).with("maximum", maximum).at("/password"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word;

    fn assignment(role: Role, from: &str, to: Option<&str>) -> Assignment {
        let day = |text: &str| text.parse().expect("date");
        Assignment { organisation: OrganisationId::platform(), role, seat: None, valid_from: day(from), valid_to: to.map(day) }
    }

    #[test]
    fn who_orders_never_pays() {
        let mayor = assignment(Role::AuthorisingOfficer, "2025-01-01", None);
        let accountant = assignment(Role::Accountant, "2025-06-01", None);
        let refusal = grant(&accountant, std::slice::from_ref(&mayor)).expect_err("incompatible");
        assert_eq!(refusal.code, &ROLE_INCOMPATIBLE);
        let before = assignment(Role::Accountant, "2024-01-01", Some("2024-12-31"));
        assert_eq!(grant(&before, &[mayor]), Ok(()), "not at the same time");
    }

    #[test]
    fn who_keeps_a_cash_office_neither_orders_nor_controls() {
        let kept_apart: Vec<&Role> = Role::ALL.iter().filter(|other| Role::CashOfficer.incompatible_with(**other)).collect();
        let expected = [Role::AuthorisingOfficer, Role::AuthorisingDelegate, Role::Accountant, Role::StateRepresentative, Role::Auditor];
        assert_eq!(kept_apart, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn incompatibility_is_mutual() {
        for one in Role::ALL {
            for other in Role::ALL {
                assert_eq!(one.incompatible_with(*other), other.incompatible_with(*one), "{one} {other}");
                assert_eq!(one.incompatible_among_kin(*other), other.incompatible_among_kin(*one), "{one} {other}");
            }
        }
    }

    #[test]
    fn weak_passwords_are_refused() {
        for weak in ["short", "motdepasse12", "aaaaaaaaaaaaaa", "amadou.toure.2025", &"x1y2z3w4".repeat(20)] {
            assert!(accept_password(weak, "amadou.toure").is_err(), "{weak}");
        }
        assert_eq!(accept_password("le karité fleurit tôt", "amadou.toure"), Ok(()));
    }
}
