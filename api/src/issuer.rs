//! Other identity providers whose word on who signs in is taken (OpenID Connect, RFC 7523 §2.1): the operator's list, and no
//! other. They say who somebody is; what they may do is ours.

pub mod keys;
pub mod policy;

use std::sync::Arc;

use domain::text::forbidden;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::keys::{IssuerKeys, Unreachable};
use self::policy::IssuerPolicy;
use crate::jws::{self, LEEWAY_SECONDS};

/// The most bytes of a token of another provider.
const LENGTH_MAX: usize = 8192;
/// The longest life of such a token, in seconds.
const LIFE_MAX: i64 = 7200;
/// The most bytes of a subject.
const SUBJECT_MAX: usize = 255;
/// The most bytes of a login.
const LOGIN_MAX: usize = 100;
/// What a header may say of the kind of token.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];
/// What Keycloak says of it in the claims; its other kinds (`Refresh`, `Offline`, `Logout`) are for itself.
const KINDS: [&str; 2] = ["ID", "Bearer"];

/// What another provider says of somebody, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub issuer: String,
    pub subject: String,
    /// The login, where the operator trusts the provider with logins.
    pub login: Option<String>,
    /// What makes the token the same when it comes again.
    pub digest: [u8; 32],
    pub expires_at: i64,
    /// When the provider last saw who it is (OpenID Connect, `auth_time`), if it says so: the token itself may be made anew without.
    pub authenticated_at: Option<i64>,
}

/// Why nothing is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// The token is no good.
    Refused,
    /// The provider's keys cannot be had now.
    Unreachable,
}

/// Whom a token is for: one text, or a list of texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether it is for us and nobody else: whoever else it was for could show it to us.
    fn is_only(&self, us: &str) -> bool {
        match self {
            Audience::One(one) => one == us,
            Audience::Many(many) => matches!(&many[..], [one] if one == us),
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: Audience,
    exp: i64,
    iat: i64,
    #[serde(default)]
    auth_time: Option<i64>,
    /// Of Keycloak: the kind of token.
    #[serde(default)]
    typ: Option<String>,
    /// Of a token that tells of events, such as a logout: it signs nobody in.
    #[serde(default)]
    events: Option<IgnoredAny>,
    /// Of a token that is worth something only together with a key that its bearer proves.
    #[serde(default)]
    cnf: Option<IgnoredAny>,
}

impl Claims {
    fn is_sane(&self, audience: &str, now: i64) -> bool {
        let life = self.exp.checked_sub(self.iat);
        self.aud.is_only(audience)
            && is_plain(&self.sub, SUBJECT_MAX)
            && life.is_some_and(|life| (1..=LIFE_MAX).contains(&life))
            && self.iat <= now + LEEWAY_SECONDS
            && self.auth_time.is_none_or(|at| (0..=self.iat + LEEWAY_SECONDS).contains(&at))
            && self.typ.as_deref().is_none_or(|kind| KINDS.contains(&kind))
            && self.events.is_none()
            && self.cnf.is_none()
    }
}

struct Issuer {
    policy: IssuerPolicy,
    keys: IssuerKeys,
}

/// The providers of the operator's list.
#[derive(Default)]
pub struct Issuers(Vec<Issuer>);

impl Issuers {
    /// Checks the list; nobody is called yet.
    pub fn new(policies: &[IssuerPolicy]) -> Result<Self, String> {
        policy::check(policies)?;
        let issuer = |policy: &IssuerPolicy| {
            let keys = IssuerKeys::new(policy).map_err(|why| format!("issuer {:?}: {why}", policy.issuer))?;
            Ok::<_, String>(Issuer { policy: policy.clone(), keys })
        };
        Ok(Self(policies.iter().map(issuer).collect::<Result<_, _>>()?))
    }

    /// What a token says, if a provider of the list proves it at that instant (Unix seconds).
    pub async fn prove(&self, token: &str, now: i64) -> Result<Told, Unproven> {
        #[derive(Deserialize)]
        struct From {
            iss: String,
        }
        let head = jws::head(token, LENGTH_MAX, &TYPES).ok_or(Unproven::Refused)?;
        let from: From = jws::peek(token).ok_or(Unproven::Refused)?;
        let issuer = self.0.iter().find(|issuer| issuer.policy.issuer == from.iss).ok_or(Unproven::Refused)?;
        let allowed: &[Algorithm] = &issuer.policy.algorithms;
        if !allowed.contains(&head.alg) {
            return Err(Unproven::Refused);
        }
        let key = issuer.keys.find(&head.kid).await.map_err(|Unreachable| Unproven::Unreachable)?;
        // The key says which algorithms it is for; the header only which of them it was.
        let key = key.filter(|key| key.algorithms.contains(&head.alg)).ok_or(Unproven::Refused)?;
        let IssuerPolicy { issuer: name, audience, .. } = &issuer.policy;
        let claims: Claims = jws::prove(token, &key.decoding, head.alg, name, audience).ok_or(Unproven::Refused)?;
        if !claims.is_sane(audience, now) {
            return Err(Unproven::Refused);
        }
        let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
        let digest = Sha256::new().chain_update(b"foreign token\0").chain_update(signed).finalize().into();
        let login = issuer.policy.login_claim.as_deref().and_then(|name| login(token, name));
        Ok(Told { issuer: name.clone(), subject: claims.sub, login, digest, expires_at: claims.exp, authenticated_at: claims.auth_time })
    }
}

/// The claim that tells a login.
fn login(token: &str, name: &str) -> Option<String> {
    let claims: Map<String, Value> = jws::peek(token)?;
    claims.get(name).and_then(Value::as_str).filter(|login| is_plain(login, LOGIN_MAX)).map(str::to_owned)
}

/// Whether a text of another could be one of ours: neither long nor with what no database keeps, or deceives.
fn is_plain(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && !text.chars().any(forbidden)
}

/// A key of a provider: what it verifies, and by which algorithms.
#[derive(Clone)]
pub struct IssuerKey {
    pub decoding: Arc<jsonwebtoken::DecodingKey>,
    pub algorithms: Vec<Algorithm>,
}
