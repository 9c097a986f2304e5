//! Identities of people at other identity providers, linked to their principals by an administrator.

use super::{Assignment, PrincipalKind, Role};
use crate::id::OrganisationId;
use crate::refusal::{Refusal, codes};

codes! {
    EXTERNAL_IDENTITY_TAKEN: Conflict,
        "Identité déjà liée" / "Identity already linked",
        "Ce sujet est déjà lié à un compte, ou ce compte l'est déjà à un autre sujet du même fournisseur." /
        "This subject is linked to a principal already, or the principal to another subject of the same issuer.";
    EXTERNAL_IDENTITY_OF_PERSONS: Rule,
        "Identité réservée aux personnes" / "Identity of persons",
        "Seule une personne s'identifie par un autre fournisseur ; le système d'un partenaire a une clé." /
        "Only a person signs in through another provider; a partner's system has a key.";
    EXTERNAL_IDENTITY_ENDED: Conflict,
        "Identité déjà déliée" / "Identity already unlinked",
        "Le lien a déjà pris fin." / "The link has ended already.";
}

/// Refuses a link to a machine.
pub fn require_person(kind: PrincipalKind) -> Result<(), Refusal> {
    if kind == PrincipalKind::Person { Ok(()) } else { Err(EXTERNAL_IDENTITY_OF_PERSONS.refuse()) }
}

/// Whether a person may be recognised by a login that a provider tells. Who administers the platform, now or ever, is
/// recognised by a linked subject only: whoever keeps the names of another directory must not become administrator here.
pub fn known_by_login(held: &[Assignment]) -> bool {
    !held.iter().any(|held| held.role == Role::Administrator && held.organisation == OrganisationId::platform())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_administers_the_platform_is_never_known_by_a_name_from_elsewhere() {
        let held = |organisation, role| Assignment {
            organisation,
            role,
            seat: None,
            valid_from: "2026-01-01".parse().expect("a day"),
            valid_to: None,
        };
        let elsewhere = OrganisationId::new();
        assert!(known_by_login(&[]));
        assert!(known_by_login(&[held(elsewhere, Role::Administrator), held(OrganisationId::platform(), Role::Auditor)]));
        assert!(!known_by_login(&[held(elsewhere, Role::Auditor), held(OrganisationId::platform(), Role::Administrator)]));
    }
}
