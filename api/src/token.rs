//! Access tokens: short, signed with Ed25519, saying who and nothing else. Roles are read from the database.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::id::{PrincipalId, SessionId};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const ISSUER: &str = "sigida";
const TYPE: &str = "at+jwt";
/// The most bytes of a token.
const LENGTH_MAX: usize = 4096;
/// By how many seconds clocks may differ.
const LEEWAY_SECONDS: u64 = 30;
/// The most proven tokens that are remembered; reaching it forgets all.
const KNOWN_MAX: usize = 10_000;

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    /// The session that the token belongs to: people's tokens have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
}

/// Whom a proven token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub principal: PrincipalId,
    pub session: Option<SessionId>,
}

/// The key pair of the service and the rules of its tokens.
pub struct Keys {
    kid: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    jwks: JwkSet,
    validation: Validation,
    /// Whom proven tokens speak for, and the last second of each, by their digests: a signature costs more than all else.
    known: Mutex<HashMap<[u8; 32], (Bearer, u64)>>,
    /// The longest life of a token, in seconds.
    pub lifetime: i64,
    /// A secret for other uses (cursors), derived from the private key.
    pub derived: [u8; 32],
}

impl Keys {
    /// Reads a PKCS #8 Ed25519 private key in PEM, and proves that it signs and verifies.
    pub fn from_pem(pem: &[u8], lifetime: i64) -> Result<Self, String> {
        let unusable = |error: jsonwebtoken::errors::Error| format!("the signing key cannot be used: {error}");
        let signing = EncodingKey::from_ed_pem(pem).map_err(unusable)?;
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::EdDSA).map_err(unusable)?;
        let kid: String = jwk.thumbprint(ThumbprintHash::SHA256).map_err(unusable)?.chars().take(32).collect();
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let verifying = DecodingKey::from_jwk(&jwk).map_err(unusable)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[ISSUER]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        let derived = Sha256::new().chain_update(b"sigida.derived.v1").chain_update(pem).finalize().into();
        let known = Mutex::default();
        Self { kid, signing, verifying, jwks: JwkSet { keys: vec![jwk] }, validation, known, lifetime, derived }.proven()
    }

    /// Refuses keys that do not verify what they sign.
    fn proven(self) -> Result<Self, String> {
        let unusable = |why: &str| format!("the signing key cannot be used: {why}");
        let probe = Bearer { principal: PrincipalId::new(), session: Some(SessionId(Uuid::new_v4())) };
        let token = self.sign_for(probe, crate::clock::Clock::default().now().timestamp()).map_err(|error| unusable(&error))?;
        if self.verify(&token) != Some(probe) {
            return Err(unusable("it does not verify what it signs"));
        }
        Ok(self)
    }

    /// Makes a private key and keeps it in a file that only its owner reads; reads it if it is there already.
    pub fn create(path: &Path, lifetime: i64) -> Result<Self, String> {
        if !path.exists() {
            write_private(path, new_pem()?.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::from_pem(&pem, lifetime)
    }

    /// A token for a principal, issued at an instant (Unix seconds), that belongs to no session.
    pub fn sign(&self, principal: PrincipalId, issued_at: i64) -> Result<String, String> {
        self.sign_for(Bearer { principal, session: None }, issued_at)
    }

    /// A token for a principal in a session.
    pub fn sign_for(&self, bearer: Bearer, issued_at: i64) -> Result<String, String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: bearer.principal.0,
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + self.lifetime,
            jti: Uuid::new_v4(),
            sid: bearer.session.map(|id| id.0),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(|error| error.to_string())
    }

    /// Whom a token speaks for; nothing if anything about it is not exactly as this service issues it.
    pub fn verify(&self, token: &str) -> Option<Bearer> {
        if token.len() > LENGTH_MAX {
            return None;
        }
        let digest = Sha256::digest(token).into();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let remembered = self.known.lock().ok().and_then(|known| known.get(&digest).copied());
        if let Some((bearer, last)) = remembered {
            return (now <= last).then_some(bearer);
        }
        let (bearer, expires) = self.prove(token)?;
        let last = u64::try_from(expires).ok()?.saturating_add(LEEWAY_SECONDS);
        if let Ok(mut known) = self.known.lock() {
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(digest, (bearer, last));
        }
        Some(bearer)
    }

    /// Whom a token speaks for and when it expires, from the token itself.
    fn prove(&self, token: &str) -> Option<(Bearer, i64)> {
        if !canonical_header(token) {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let ours = header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some(TYPE) && header.kid.as_deref() == Some(&self.kid);
        if !ours {
            return None;
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation).ok()?.claims;
        let sane = claims.nbf == claims.iat && claims.exp.checked_sub(claims.iat).is_some_and(|life| (1..=self.lifetime).contains(&life));
        let bearer = Bearer { principal: PrincipalId(claims.sub), session: claims.sid.map(SessionId) };
        sane.then_some((bearer, claims.exp))
    }

    /// The public key, for anyone who verifies tokens.
    pub fn jwks(&self) -> &JwkSet {
        &self.jwks
    }
}

/// A new private key, PKCS #8 in PEM.
fn new_pem() -> Result<String, String> {
    let der = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new())
        .map_err(|_| "no key could be made".to_owned())?;
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref())))
}

/// Our tokens have a header of exactly three members; `crit`, `jku`, `jwk`, `x5u`, `zip` and the like are refused unread.
fn canonical_header(token: &str) -> bool {
    let Some((head, _)) = token.split_once('.') else { return false };
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(head) else { return false };
    let Ok(members) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes) else { return false };
    members.len() == 3 && ["alg", "typ", "kid"].iter().all(|name| members.get(*name).is_some_and(serde_json::Value::is_string))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::from_pem(new_pem().expect("a key").as_bytes(), 600).expect("usable")
    }

    #[test]
    fn keys_that_do_not_verify_what_they_sign_are_refused() {
        assert!(keys().proven().is_ok());
        let foreign = Keys { verifying: keys().verifying, ..keys() };
        assert!(foreign.proven().err().expect("refused").contains("does not verify what it signs"));
        let mut elsewhere = keys();
        elsewhere.validation.set_audience(&["another service"]);
        assert!(elsewhere.proven().is_err());
        let credulous = Keys { validation: jsonwebtoken::Validation::new(Algorithm::HS256), ..keys() };
        assert!(credulous.proven().is_err(), "another algorithm");
    }

    #[test]
    fn a_remembered_token_ends_when_it_says() {
        let keys = keys();
        let issued = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("now").as_secs()).expect("in range");
        let principal = PrincipalId::new();
        let token = keys.sign(principal, issued).expect("a token");
        let bearer = Some(Bearer { principal, session: None });
        assert_eq!(keys.verify(&token), bearer);
        assert_eq!(keys.verify(&token), bearer, "remembered");
        for (_, last) in keys.known.lock().expect("known").values_mut() {
            *last = 1;
        }
        assert_eq!(keys.verify(&token), None, "over");
        let expired = keys.sign(principal, issued - 700).expect("a token");
        assert_eq!(keys.verify(&expired), None);
        assert_eq!(keys.known.lock().expect("known").len(), 2, "only what was proven: the token, and the probe of the start");
    }
}
