//! Partner systems that prove themselves by a key (RFC 7523, `private_key_jwt`).

use chrono::{DateTime, Duration, Utc};
use db::fault::Fault;
use db::identity::PrincipalRow;
use db::identity::client_key::ClientKeyRow;
use domain::id::{ClientKeyId, PrincipalId};
use domain::identity::{PrincipalKind, SIGN_IN_FAILED};
use jsonwebtoken::jwk::ThumbprintHash;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::client_key::{algorithm_of, decode};
use crate::auth::Call;
use crate::jws::{self, LEEWAY_SECONDS};
use crate::problem::Problem;

/// What `client_assertion_type` says.
pub const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The most bytes of an assertion.
const LENGTH_MAX: usize = 4096;
/// The longest life of an assertion, and how far ahead it may end, in seconds.
const LIFE_MAX: i64 = 300;
/// How long the name of an assertion may be.
const JTI: std::ops::RangeInclusive<usize> = 8..=128;
/// What a header may say of the kind of token.
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// What an assertion says. All of it is asked for, each once; its audience is one text.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    jti: String,
}

impl Claims {
    /// Whether it is from the client, about itself, short, and of this moment.
    fn is_sane(&self, login: &str, audience: &str, now: i64) -> bool {
        let life = self.exp.checked_sub(self.iat);
        let named = JTI.contains(&self.jti.len()) && self.jti.bytes().all(|byte| byte.is_ascii_graphic());
        self.iss == login
            && self.sub == login
            && self.aud == audience
            && named
            && life.is_some_and(|life| (1..=LIFE_MAX).contains(&life))
            && self.exp <= now + LIFE_MAX
            && self.iat <= now + LEEWAY_SECONDS
    }
}

/// The client that an unproven assertion speaks of: its failures are counted on it.
pub fn issuer(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Unproven {
        iss: String,
    }
    jws::peek::<Unproven>(assertion).map(|unproven| unproven.iss).filter(|iss| iss.len() <= 100)
}

/// Until when what was spent has to be remembered: later it would be refused anyway.
pub fn kept_until(expires_at: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(expires_at, 0)?.checked_add_signed(Duration::seconds(2 * LEEWAY_SECONDS))
}

/// Spends what was proven, once and for all processes; false if it was spent before.
async fn spend(call: &Call, digest: [u8; 32], kept_until: DateTime<Utc>) -> Result<bool, Problem> {
    let now = call.now;
    match call.store().keep(move |conn| db::identity::client_key::spend(conn, &digest, kept_until, now)).await {
        Ok(spent) => Ok(spent),
        // Another process was quicker.
        Err(Fault::Taken(_)) => Ok(false),
        Err(fault) => Err(fault.into()),
    }
}

/// The partner system, and the key, by which an assertion is proven. Whatever is wrong, the answer is the same.
pub async fn prove(call: &Call, client_id: Option<&str>, assertion: &str) -> Result<(PrincipalId, ClientKeyId), Problem> {
    let refused = || Problem::from(&SIGN_IN_FAILED);
    let audience = call.desk.sign_in.token_url.as_deref().ok_or_else(refused)?;
    let head = jws::head(assertion, LENGTH_MAX, &TYPES).ok_or_else(refused)?;
    let kid = head.kid.clone();
    let found = call.store().read(move |conn| db::identity::client_key::find_good(conn, &kid)).await?;
    let (key, client) = found.filter(|(_, client)| client.kind.0 == PrincipalKind::PartnerSystem).ok_or_else(refused)?;
    if client_id.is_some_and(|id| id != client.login) {
        return Err(refused());
    }
    let claims = claims(&key, &client, &head, assertion, audience, call.now.timestamp()).ok_or_else(refused)?;
    let named = Sha256::new().chain_update(b"client assertion\0").chain_update(client.id.0.0.as_bytes()).chain_update(&claims.jti);
    let kept_until = kept_until(claims.exp).ok_or_else(refused)?;
    if !spend(call, named.finalize().into(), kept_until).await? {
        log::warn!("an assertion of the client {:?}, signed by key {}, came again", client.login, key.kid);
        return Err(refused());
    }
    Ok((client.id.0, key.id.0))
}

/// The claims, if the key of that client proves them by its own algorithm.
fn claims(key: &ClientKeyRow, client: &PrincipalRow, head: &jws::Head, assertion: &str, audience: &str, now: i64) -> Option<Claims> {
    let algorithm = algorithm_of(key.algorithm.0);
    let (decoding, jwk, own) = decode(&key.public_key)?;
    // The chain of events tells the name of the key: one that was put in its place beneath the service has another.
    let named = jwk.thumbprint(ThumbprintHash::SHA256).is_ok_and(|name| name == key.kid);
    if head.alg != algorithm || own != key.algorithm.0 || !named {
        return None;
    }
    let claims: Claims = jws::prove(assertion, &decoding, algorithm, &client.login, audience)?;
    claims.is_sane(&client.login, audience, now).then_some(claims)
}
