//! The public keys of another identity provider (JWK Set, RFC 7517): asked for when they are needed, kept for a while, and never
//! asked for more often than the provider can bear.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::identity::client_key::RSA_BITS;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::IssuerKey;
use super::policy::{IssuerPolicy, Times};
use crate::identity::client_key::bits;
use crate::jws::KID_MAX;

/// The most bytes of a set of keys, and the most keys in it.
const SET_MAX: u64 = 64 * 1024;
const KEYS_MAX: usize = 50;
/// How long a provider may take to answer.
const CALL_DEADLINE: Duration = Duration::from_secs(4);
/// Where systems keep the certificates that they trust.
const SYSTEM_CERTIFICATES: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The keys cannot be had now, and those that were had are too old.
#[derive(Clone, Copy, Debug)]
pub struct Unreachable;

type Set = HashMap<String, IssuerKey>;

/// Where the keys come from.
#[derive(Clone)]
enum Source {
    Url(Box<ureq::Agent>, String),
    File(PathBuf),
}

#[derive(Default)]
struct Kept {
    keys: Arc<Set>,
    /// When they came.
    came: Option<Instant>,
    /// When they were asked for last.
    asked: Option<Instant>,
}

pub struct IssuerKeys {
    name: String,
    source: Source,
    algorithms: Vec<Algorithm>,
    times: Times,
    kept: Arc<Mutex<Kept>>,
    /// Held by the one who asks the provider.
    turn: tokio::sync::Mutex<()>,
}

/// What is known of a key without asking.
struct Glance {
    key: Option<IssuerKey>,
    /// Whether it may be believed, or its absence.
    valid: bool,
    /// Whether it is time to ask again.
    due: bool,
}

impl IssuerKeys {
    pub fn new(policy: &IssuerPolicy) -> Result<Self, String> {
        let source = match (&policy.jwks_url, &policy.jwks_file) {
            (Some(url), _) => Source::Url(Box::new(agent(url, policy.ca_file.as_deref())?), url.clone()),
            (None, Some(file)) => Source::File(file.clone()),
            (None, None) => return Err("no keys".to_owned()),
        };
        let (name, algorithms, times) = (policy.issuer.clone(), policy.algorithms.clone(), policy.times);
        Ok(Self { name, source, algorithms, times, kept: Arc::default(), turn: tokio::sync::Mutex::default() })
    }

    fn glance(&self, kid: &str) -> Glance {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let key = kept.keys.get(kid).cloned();
        let within = |since: Option<Instant>, time: Duration| since.is_some_and(|since| since.elapsed() < time);
        let wanted = key.is_none() || !within(kept.came, self.times.fresh);
        Glance { key, valid: within(kept.came, self.times.stale), due: wanted && !within(kept.asked, self.times.between) }
    }

    /// The key of exactly that name; asks the provider if it is time and the name is new, or the keys are old.
    pub async fn find(&self, kid: &str) -> Result<Option<IssuerKey>, Unreachable> {
        let mut seen = self.glance(kid);
        if seen.due {
            // Who has a key that may be believed waits for nobody else's call.
            let turn = match self.turn.try_lock() {
                Ok(turn) => Some(turn),
                Err(_) if seen.key.is_some() && seen.valid => None,
                Err(_) => Some(self.turn.lock().await),
            };
            if turn.is_some() && self.glance(kid).due {
                self.ask().await;
            }
            drop(turn);
            seen = self.glance(kid);
        }
        if seen.valid { Ok(seen.key) } else { Err(Unreachable) }
    }

    /// Asks the provider. What it says is kept even if the caller who made us ask has gone away meanwhile: who comes and goes must
    /// not use up the calls of all others.
    async fn ask(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).asked = Some(Instant::now());
        let (name, source, algorithms, kept) = (self.name.clone(), self.source.clone(), self.algorithms.clone(), Arc::clone(&self.kept));
        let asked = tokio::task::spawn_blocking(move || match fetch(&source).and_then(|bytes| read_set(&bytes, &algorithms)) {
            Ok(keys) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                (kept.keys, kept.came) = (Arc::new(keys), Some(Instant::now()));
            }
            Err(why) => log::warn!("the keys of the issuer {name:?} cannot be had: {why:?}"),
        });
        if asked.await.is_err() {
            log::error!("the keys of the issuer {:?} cannot be had: the call broke off", self.name);
        }
    }
}

/// A caller of one place: no other scheme, no redirect, no proxy of the environment.
fn agent(url: &str, ca_file: Option<&Path>) -> Result<ureq::Agent, String> {
    let encrypted = url.starts_with("https:");
    let mut config = ureq::Agent::config_builder()
        .https_only(encrypted)
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .max_response_header_size(16 * 1024)
        .timeout_global(Some(CALL_DEADLINE))
        .accept("application/json")
        .user_agent("sigida");
    if encrypted {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .root_certs(RootCerts::from(certificates(ca_file)?));
        config = config.tls_config(tls.build());
    }
    Ok(config.build().new_agent())
}

/// The certificates of those who may vouch for a server.
fn certificates(ca_file: Option<&Path>) -> Result<Vec<Certificate<'static>>, String> {
    let system = || SYSTEM_CERTIFICATES.iter().map(Path::new).find(|path| path.is_file());
    let path = ca_file.or_else(system).ok_or("no certificates of the system: set ca_file")?;
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found: Vec<Certificate<'static>> = parse_pem(&bytes)
        .filter_map(|item| if let Ok(PemItem::Certificate(certificate)) = item { Some(certificate) } else { None })
        .collect();
    if found.is_empty() { Err(format!("{}: no certificate", path.display())) } else { Ok(found) }
}

fn fetch(source: &Source) -> Result<Vec<u8>, String> {
    match source {
        Source::Url(agent, url) => {
            let mut answer = agent.get(url).call().map_err(|error| error.to_string())?;
            if answer.status().as_u16() != 200 {
                return Err(format!("status {}", answer.status().as_u16()));
            }
            answer.body_mut().with_config().limit(SET_MAX).read_to_vec().map_err(|error| error.to_string())
        }
        Source::File(path) => {
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
            let about = file.metadata().map_err(|error| error.to_string())?;
            if !about.is_file() || about.len() > SET_MAX {
                return Err("no file of that size".to_owned());
            }
            file.take(SET_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            Ok(bytes)
        }
    }
}

/// The keys of a set that can be used, each for its own algorithms. What is of another kind is passed over; a name that two keys
/// have names none.
fn read_set(bytes: &[u8], allowed: &[Algorithm]) -> Result<Set, String> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<serde_json::Value>,
    }
    let Keys { keys } = serde_json::from_slice(bytes).map_err(|error| format!("no set of keys: {error}"))?;
    if keys.len() > KEYS_MAX {
        return Err("too many keys".to_owned());
    }
    let (mut set, mut names) = (Set::new(), HashSet::new());
    for key in keys {
        let Some(kid) = key.get("kid").and_then(|kid| kid.as_str()).filter(|kid| (1..=KID_MAX).contains(&kid.len())) else { continue };
        let kid = kid.to_owned();
        if !names.insert(kid.clone()) {
            set.remove(&kid);
            continue;
        }
        if let Some(key) = serde_json::from_value(key).ok().and_then(|jwk| usable(&jwk, allowed)) {
            set.insert(kid, key);
        }
    }
    if set.is_empty() { Err("no key that can be used".to_owned()) } else { Ok(set) }
}

/// A key that signs, with the algorithms that its kind, its own word and the operator allow.
fn usable(jwk: &Jwk, allowed: &[Algorithm]) -> Option<IssuerKey> {
    let signs = jwk.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let verifies = jwk.common.key_operations.as_ref().is_none_or(|purposes| purposes.contains(&KeyOperations::Verify));
    let own = match jwk.common.key_algorithm {
        Some(named) => Some(Algorithm::try_from(named).ok()?),
        None => None,
    };
    let algorithms: Vec<Algorithm> =
        of_kind(jwk).iter().filter(|one| allowed.contains(one) && own.is_none_or(|own| own == **one)).copied().collect();
    if !signs || !verifies || algorithms.is_empty() {
        return None;
    }
    Some(IssuerKey { decoding: Arc::new(DecodingKey::from_jwk(jwk).ok()?), algorithms })
}

/// What a key of that kind could be used for; nothing if it is weak or a shared secret.
fn of_kind(jwk: &Jwk) -> &'static [Algorithm] {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let (minimum, maximum) = RSA_BITS;
    match &jwk.algorithm {
        AlgorithmParameters::RSA(key) => {
            let exponent = URL_SAFE_NO_PAD.decode(&key.e).is_ok_and(|e| e == [1, 0, 1]);
            let sound = exponent && bits(&key.n).is_some_and(|bits| (minimum..=maximum).contains(&bits));
            if sound { &[RS256, RS384, RS512, PS256, PS384, PS512] } else { &[] }
        }
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[ES256],
            EllipticCurve::P384 => &[ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
        _ => &[],
    }
}
