//! The keys in use at one time: one signs, several are believed.

use std::collections::HashMap;
use std::sync::Mutex;

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};

use super::Bearer;

/// A key and its name, which follows from its public half.
#[derive(Clone)]
pub struct Key {
    pub kid: String,
    /// The private half, if the key has it.
    pub signing: Option<EncodingKey>,
    verifying: DecodingKey,
    jwk: Jwk,
}

impl Key {
    /// Reads an Ed25519 key in PEM: a private one (PKCS #8), which has to verify what it signs, or a public one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let unusable = |error: jsonwebtoken::errors::Error| error.to_string();
        let signing = EncodingKey::from_ed_pem(pem).ok();
        let mut jwk = match &signing {
            Some(private) => Jwk::from_encoding_key(private, Algorithm::EdDSA),
            None => DecodingKey::from_ed_pem(pem).and_then(|public| Jwk::from_decoding_key(&public, Some(Algorithm::EdDSA))),
        }
        .map_err(unusable)?;
        let kid: String = jwk.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?.chars().take(32).collect();
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let verifying = DecodingKey::from_jwk(&jwk).map_err(unusable)?;
        Self { kid, signing, verifying, jwk }.proven()
    }

    /// Refuses a pair of which one half does not verify what the other signs.
    fn proven(self) -> Result<Self, String> {
        if let Some(private) = &self.signing {
            let probe = self.kid.as_bytes();
            let verified = crypto::sign(probe, private, Algorithm::EdDSA)
                .and_then(|signature| crypto::verify(&signature, probe, &self.verifying, Algorithm::EdDSA))
                .map_err(|error| error.to_string())?;
            if !verified {
                return Err("it does not verify what it signs".to_owned());
            }
        }
        Ok(self)
    }
}

/// The keys in use, and what they have proven. Another set of keys is another ring, which knows nothing of what this one
/// proved: so a key that is taken away takes its tokens with it.
pub struct Ring {
    /// The name of the key that signs.
    pub kid: String,
    pub signing: EncodingKey,
    believed: HashMap<String, DecodingKey>,
    /// The public halves, the one that signs first.
    pub jwks: JwkSet,
    /// Whom proven tokens speak for, and the first and last second of each, by their digests: a signature costs more than all else.
    pub known: Mutex<HashMap<[u8; 32], (Bearer, i64, u64)>>,
}

impl Ring {
    /// A ring of the key that signs and of others whose tokens are believed as well.
    pub fn new<'a>(signs: &'a Key, others: impl IntoIterator<Item = &'a Key>) -> Result<Self, String> {
        let signing = signs.signing.clone().ok_or("the signing key cannot be used: it is a public key")?;
        let mut believed = HashMap::new();
        let mut keys = Vec::new();
        for key in std::iter::once(signs).chain(others) {
            if believed.insert(key.kid.clone(), key.verifying.clone()).is_none() {
                keys.push(key.jwk.clone());
            }
        }
        Ok(Self { kid: signs.kid.clone(), signing, believed, jwks: JwkSet { keys }, known: Mutex::default() })
    }

    /// The key of exactly that name.
    pub fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.believed.get(kid)
    }

    /// The names of all keys, the one that signs first.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.jwks.keys.iter().filter_map(|key| key.common.key_id.as_deref()).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::new_pem;
    use super::*;

    fn key() -> Key {
        Key::from_pem(new_pem().expect("a key").as_bytes()).expect("usable")
    }

    #[test]
    fn a_pair_that_does_not_verify_what_it_signs_is_refused() {
        assert!(key().proven().is_ok());
        let foreign = Key { verifying: key().verifying, ..key() };
        assert!(foreign.proven().err().expect("refused").contains("does not verify what it signs"));
    }

    #[test]
    fn a_key_is_found_by_exactly_its_name() {
        let (one, other) = (key(), key());
        let ring = Ring::new(&one, [&other, &one]).expect("a ring");
        assert_eq!(ring.jwks.keys.len(), 2, "a key named twice is one key");
        for kid in [&one.kid, &other.kid] {
            assert!(ring.find(kid).is_some());
            for wrong in [kid.to_lowercase(), format!("{kid} "), kid.chars().take(31).collect()] {
                assert!(ring.find(&wrong).is_none(), "{wrong:?}");
            }
        }
        let public = Key { signing: None, ..other };
        assert!(Ring::new(&public, [&one]).is_err(), "a public key signs nothing");
    }
}
