//! Keys of partner systems: the public half is registered, the private half never leaves its owner.

use super::PrincipalKind;
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    CLIENT_KEY_UNUSABLE: Rule,
        "Clé inutilisable" / "Key not usable",
        "Seule une clé publique convient, en PEM : Ed25519, P-256, ou RSA de {minimum} à {maximum} bits d'exposant 65537." /
        "Only a public key in PEM is taken: Ed25519, P-256, or RSA of {minimum} to {maximum} bits with the exponent 65537.";
    CLIENT_KEY_TAKEN: Conflict,
        "Clé déjà enregistrée" / "Key already registered",
        "Cette clé est ou était déjà enregistrée ; une clé révoquée ne revient pas." /
        "This key is or was registered already; a key that ended does not come back.";
    CLIENT_KEY_OF_SYSTEMS: Rule,
        "Clé réservée aux systèmes" / "Key of systems",
        "Seul le système d'un partenaire s'identifie par une clé." / "Only a partner's system proves itself by a key.";
    CLIENT_KEY_ENDED: Conflict,
        "Clé déjà révoquée" / "Key already ended",
        "La clé est déjà révoquée." / "The key has ended already.";
}

words! {
    /// The one algorithm of a key, which follows from the key itself (RFC 7518, RFC 8037).
    pub enum ClientKeyAlgorithm {
        /// Ed25519.
        EdDsa = "EdDSA",
        /// ECDSA on the curve P-256 with SHA-256.
        Es256 = "ES256",
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
    }
}

/// The fewest and the most bits of an RSA key.
pub const RSA_BITS: (usize, usize) = (2048, 4096);

/// Refuses a key that is none of ours.
pub fn unusable() -> Refusal {
    let (minimum, maximum) = RSA_BITS;
    CLIENT_KEY_UNUSABLE.refuse().with("minimum", minimum).with("maximum", maximum).at("/public_key")
}

/// Refuses a key to a person: who signs in as a person is there in person.
pub fn require_system(kind: PrincipalKind) -> Result<(), Refusal> {
    if kind == PrincipalKind::PartnerSystem { Ok(()) } else { Err(CLIENT_KEY_OF_SYSTEMS.refuse()) }
}
