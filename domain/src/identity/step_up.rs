//! A second proof: grave acts want their author to have proven who they are a short while ago, whatever the age of the session.

use chrono::{DateTime, TimeDelta, Utc};

use super::PrincipalKind;
use crate::refusal::{Refusal, codes};

codes! {
    STEP_UP_REQUIRED: Unauthenticated,
        "Nouvelle preuve d'identité requise" / "Recent proof of identity required",
        "Cette opération demande une preuve d'identité de moins de {max_age} secondes : POST /v1/me/re-authentication, puis \
         répétez la demande." /
        "This operation needs a proof of identity that is no older than {max_age} seconds: POST /v1/me/re-authentication, then \
         repeat the request.";
    STEP_UP_OF_PERSONS: Forbidden,
        "Réservé aux personnes" / "Persons only",
        "Le système d'un partenaire ne prouve pas une seconde fois qui il est : cette opération est réservée aux personnes." /
        "A partner's system does not prove a second time who it is: this operation is for persons only.";
    ONE_TIME_PASSWORD_REQUIRED: Forbidden,
        "Code à usage unique requis" / "One-time password required",
        "Un générateur de codes est enregistré : c'est son code qui prouve l'identité, non le mot de passe." /
        "An authenticator is enrolled: its code proves who it is, the password does not.";
    ONE_TIME_PASSWORD_WRONG: Forbidden,
        "Code à usage unique inexact" / "Wrong one-time password",
        "Le code est inexact, dépassé ou déjà utilisé." / "The code is wrong, over, or already used.";
    AUTHENTICATOR_STATE_INVALID: Conflict,
        "Générateur de codes dans un autre état" / "Authenticator in another state",
        "Un générateur est déjà enregistré, ou aucun ne l'est, ou aucun n'attend d'être confirmé." /
        "An authenticator is enrolled already, or none is, or none waits to be confirmed.";
    AUTHENTICATOR_NOT_OFFERED: Conflict,
        "Codes à usage unique non offerts" / "One-time passwords not offered",
        "L'exploitant n'a pas donné de clé de scellement : cette installation ne garde pas de générateur." /
        "The operator has set no sealing key: this installation keeps no authenticator.";
}

/// The seconds for which a one-time password stands (RFC 6238).
pub const STEP_SECONDS: i64 = 30;

/// The steps of which a code is taken at an instant: clocks may be a step apart.
pub fn steps(now: DateTime<Utc>) -> [i64; 3] {
    let step = now.timestamp().div_euclid(STEP_SECONDS);
    [step - 1, step, step + 1]
}

/// Refuses a second proof of one who cannot give it.
pub fn require_person(kind: PrincipalKind) -> Result<(), Refusal> {
    if kind == PrincipalKind::Person { Ok(()) } else { Err(STEP_UP_OF_PERSONS.refuse()) }
}

/// Whether a proof is recent enough for a grave act.
pub fn is_recent(proven_at: Option<DateTime<Utc>>, now: DateTime<Utc>, max_age: i64) -> bool {
    proven_at.is_some_and(|proven| now - proven <= TimeDelta::seconds(max_age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_recent_for_so_long_and_no_longer() {
        let at = |seconds: i64| DateTime::from_timestamp(1_735_689_600 + seconds, 0).expect("in range");
        assert!(is_recent(Some(at(0)), at(0), 600) && is_recent(Some(at(0)), at(600), 600));
        assert!(!is_recent(Some(at(0)), at(601), 600));
        assert!(!is_recent(None, at(0), 600));
    }

    #[test]
    fn a_code_is_taken_for_three_steps() {
        let at = |seconds: i64| DateTime::from_timestamp(seconds, 0).expect("in range");
        assert_eq!((steps(at(59)), steps(at(60))), ([0, 1, 2], [1, 2, 3]));
    }
}
