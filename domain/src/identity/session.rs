//! Sessions: a sign-in, and the tokens that follow from it until it ends.

use crate::refusal::codes;
use crate::words;

codes! {
    SESSION_INVALID: Unauthenticated,
        "Session non valable" / "Session not valid",
        "Le jeton de renouvellement est inconnu ou déjà utilisé, ou sa session a pris fin." /
        "The refresh token is unknown or already used, or its session has ended.";
    SESSION_NONE: Conflict,
        "Aucune session" / "No session",
        "Le jeton présenté n'appartient à aucune session." / "The token presented belongs to no session.";
}

words! {
    /// Why a session ended before its time.
    pub enum SessionEnd {
        /// Its owner signed out.
        SignedOut = "signed_out",
        /// Its owner ended it from another session.
        Withdrawn = "withdrawn",
        /// The password was changed in another session, or set anew with a one-time code.
        PasswordChanged = "password_changed",
        /// The password was reset by a platform administrator.
        PasswordReset = "password_reset",
        /// The principal was disabled.
        Disabled = "disabled",
        /// The identity at another provider was unlinked.
        Unlinked = "unlinked",
        /// A refresh token came a second time: somebody else has it.
        TokenReused = "token_reused",
    }
}
