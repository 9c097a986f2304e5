//! Access tokens: short, signed with Ed25519, saying who and nothing else. Roles are read from the database.

mod file;
mod ring;
pub mod rotation;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::identity::Footing;
use domain::id::{ClientKeyId, PrincipalId, SessionId};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use self::file::{KeyFiles, new_pem};
pub(crate) use self::file::{read_private, write_private};
use self::ring::{Key, Ring};

const ISSUER: &str = "sigida";
const TYPE: &str = "at+jwt";
/// The most bytes of a token.
const LENGTH_MAX: usize = 4096;
/// By how many seconds clocks may differ.
const LEEWAY_SECONDS: u64 = 30;
/// The most proven tokens that are remembered; reaching it forgets all.
const KNOWN_MAX: usize = 10_000;
/// How often the files of the keys are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
    /// The key of a partner system by which the token was had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_key: Option<Uuid>,
}

impl Claims {
    fn footing(&self) -> Option<Footing> {
        match (self.sid, self.client_key) {
            (None, None) => Some(Footing::Secret),
            (Some(session), None) => Some(Footing::Session(SessionId(session))),
            (None, Some(key)) => Some(Footing::Key(ClientKeyId(key))),
            (Some(_), Some(_)) => None,
        }
    }
}

/// Whom a proven token speaks for, as long as what it rests on stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bearer {
    pub principal: PrincipalId,
    pub footing: Footing,
}

/// The keys of the service, which may change while it runs, and the rules of its tokens.
pub struct Keys {
    ring: RwLock<Arc<Ring>>,
    /// Where the keys lie, until somebody follows them.
    files: Mutex<Option<KeyFiles>>,
    validation: Validation,
    /// The longest life of a token, in seconds.
    pub lifetime: i64,
}

impl Keys {
    fn of(ring: Ring, files: Option<KeyFiles>, lifetime: i64) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[ISSUER]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        Self { ring: RwLock::new(Arc::new(ring)), files: Mutex::new(files), validation, lifetime }
    }

    /// Reads a PKCS #8 Ed25519 private key in PEM, which stays as it is.
    pub fn from_pem(pem: &[u8], lifetime: i64) -> Result<Self, String> {
        let key = Key::from_pem(pem).map_err(|error| format!("the signing key cannot be used: {error}"))?;
        Ok(Self::of(Ring::new(&key, [])?, None, lifetime))
    }

    /// Reads the key that signs, and keys whose tokens are believed as well, from files that may change: see [`Keys::follow`].
    pub fn from_files(signing: &Path, verifying: &[PathBuf], lifetime: i64) -> Result<Self, String> {
        let files = KeyFiles::open(signing, verifying)?;
        Ok(Self::of(files.ring()?, Some(files), lifetime))
    }

    /// Makes a private key and keeps it in a file that only its owner reads; reads it if it is there already.
    pub fn create(path: &Path, lifetime: i64) -> Result<Self, String> {
        if !path.exists() {
            write_private(path, new_pem()?.as_bytes()).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::from_pem(&pem, lifetime)
    }

    /// Follows what happens to the files of the keys, for as long as it is awaited: what they hold counts within five
    /// seconds. A file that cannot be used is logged, and its key goes on.
    pub async fn follow(&self) {
        let taken = self.files.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut files) = taken else { return };
        log::info!("tokens are signed by key {}; believed: {}", self.ring().kid, self.ring().names());
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let looked = tokio::task::spawn_blocking(move || (files.look_again(), files)).await;
            let Ok((changed, again)) = looked else {
                log::error!("the files of the keys are followed no more: restart the service");
                return;
            };
            files = again;
            match files.ring() {
                Ok(ring) if changed => {
                    log::info!("tokens are signed by key {}; believed: {}", ring.kid, ring.names());
                    *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
                }
                _ => {}
            }
        }
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A token for a principal, issued at an instant (Unix seconds), that rests on the principal's secret.
    pub fn sign(&self, principal: PrincipalId, issued_at: i64) -> Result<String, String> {
        self.sign_for(Bearer { principal, footing: Footing::Secret }, issued_at)
    }

    /// A token for a principal that rests on a session, a key or a secret.
    pub fn sign_for(&self, bearer: Bearer, issued_at: i64) -> Result<String, String> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: bearer.principal.0,
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + self.lifetime,
            jti: Uuid::new_v4(),
            sid: if let Footing::Session(id) = bearer.footing { Some(id.0) } else { None },
            client_key: if let Footing::Key(id) = bearer.footing { Some(id.0) } else { None },
        };
        let ring = self.ring();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(ring.kid.clone());
        jsonwebtoken::encode(&header, &claims, &ring.signing).map_err(|error| error.to_string())
    }

    /// Whom a token speaks for; nothing if anything about it is not exactly as this service issues it.
    pub fn verify(&self, token: &str) -> Option<Bearer> {
        self.verify_dated(token).map(|(bearer, _)| bearer)
    }

    /// As [`Keys::verify`], with the instant (Unix seconds) at which it was issued.
    pub fn verify_dated(&self, token: &str) -> Option<(Bearer, i64)> {
        if token.len() > LENGTH_MAX {
            return None;
        }
        let ring = self.ring();
        let digest = Sha256::digest(token).into();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let remembered = ring.known.lock().ok().and_then(|known| known.get(&digest).copied());
        if let Some((bearer, issued, last)) = remembered {
            return (now <= last).then_some((bearer, issued));
        }
        let (bearer, issued, expires) = self.prove(&ring, token)?;
        let last = u64::try_from(expires).ok()?.saturating_add(LEEWAY_SECONDS);
        if let Ok(mut known) = ring.known.lock() {
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(digest, (bearer, issued, last));
        }
        Some((bearer, issued))
    }

    /// Whom a token speaks for, when it was issued and when it expires, from the token itself.
    fn prove(&self, ring: &Ring, token: &str) -> Option<(Bearer, i64, i64)> {
        if !canonical_header(token) {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let ours = header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some(TYPE);
        if !ours {
            return None;
        }
        let key = ring.find(header.kid.as_deref()?)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok()?.claims;
        let sane = claims.nbf == claims.iat && claims.exp.checked_sub(claims.iat).is_some_and(|life| (1..=self.lifetime).contains(&life));
        let bearer = Bearer { principal: PrincipalId(claims.sub), footing: claims.footing()? };
        sane.then_some((bearer, claims.iat, claims.exp))
    }

    /// The public keys, for anyone who verifies tokens; the one that signs comes first.
    pub fn jwks(&self) -> JwkSet {
        self.ring().jwks.clone()
    }
}

/// Our tokens have a header of exactly three members; `crit`, `jku`, `jwk`, `x5u`, `zip` and the like are refused unread.
fn canonical_header(token: &str) -> bool {
    let Some((head, _)) = token.split_once('.') else { return false };
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(head) else { return false };
    let Ok(members) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes) else { return false };
    members.len() == 3 && ["alg", "typ", "kid"].iter().all(|name| members.get(*name).is_some_and(serde_json::Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::from_pem(new_pem().expect("a key").as_bytes(), 600).expect("usable")
    }

    #[test]
    fn a_remembered_token_ends_when_it_says() {
        let keys = keys();
        let issued = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("now").as_secs()).expect("in range");
        let principal = PrincipalId::new();
        let token = keys.sign(principal, issued).expect("a token");
        let bearer = Some(Bearer { principal, footing: Footing::Secret });
        assert_eq!(keys.verify(&token), bearer);
        assert_eq!(keys.verify(&token), bearer, "remembered");
        for (_, _, last) in keys.ring().known.lock().expect("known").values_mut() {
            *last = 1;
        }
        assert_eq!(keys.verify(&token), None, "over");
        let expired = keys.sign(principal, issued - 700).expect("a token");
        assert_eq!(keys.verify(&expired), None);
        assert_eq!(keys.ring().known.lock().expect("known").len(), 1, "only what was proven");
    }
}
