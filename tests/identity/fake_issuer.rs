//! An identity provider that a test plays: on loopback, with keys that change, and whatever can go wrong with it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::issuer::policy::{IssuerPolicy, Times};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion::KeyPair;
use super::token::{changed, now};

/// What the audience of its tokens is in the stories.
pub const AUDIENCE: &str = "sigida";

/// How the provider answers who asks for its keys.
#[derive(Clone)]
pub struct Manner {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
    /// How long it thinks first.
    pub delay: Duration,
}

pub struct Provider {
    pub address: SocketAddr,
    pub issuer: String,
    manner: Arc<Mutex<Manner>>,
    calls: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A key as a provider publishes it.
pub fn published(pair: &KeyPair, kid: &str) -> Value {
    let pem = pair.public_pem();
    let key = match pair.algorithm {
        Algorithm::EdDSA => DecodingKey::from_ed_pem(pem.as_bytes()),
        Algorithm::ES256 => DecodingKey::from_ec_pem(pem.as_bytes()),
        _ => DecodingKey::from_rsa_pem(pem.as_bytes()),
    };
    let jwk = Jwk::from_decoding_key(&key.expect("a key"), Some(pair.algorithm)).expect("a key");
    let mut jwk = serde_json::to_value(jwk).expect("a key");
    (jwk["kid"], jwk["use"]) = (json!(kid), json!("sig"));
    jwk
}

pub fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

impl Provider {
    /// A provider that publishes these keys.
    pub fn open(keys: &[Value]) -> Self {
        Self::serving(keys, None)
    }

    /// The same behind TLS, with the certificate of the fictional authority.
    pub fn open_encrypted(keys: &[Value]) -> Self {
        let read = |name: &str| std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/identity/tls/").to_owned() + name).expect("a file");
        use rustls::pki_types::pem::PemObject as _;
        let certificate = rustls::pki_types::CertificateDer::from_pem_slice(&read("srv.pem")).expect("a certificate");
        let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(&read("srv.key")).expect("a key");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a configuration");
        Self::serving(keys, Some(Arc::new(config)))
    }

    fn serving(keys: &[Value], tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
        let address = listener.local_addr().expect("an address");
        let manner = Manner { status: 200, headers: String::new(), body: set(keys), delay: Duration::ZERO };
        let (manner, calls, stop) = (Arc::new(Mutex::new(manner)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (shown, counted, ended) = (Arc::clone(&manner), Arc::clone(&calls), Arc::clone(&stop));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                counted.fetch_add(1, Ordering::Relaxed);
                let (manner, tls) = (shown.lock().expect("a manner").clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => answer(stream, &manner),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).expect("a session");
                        answer(rustls::StreamOwned::new(session, stream), &manner);
                    }
                });
            }
        });
        let issuer = format!("{scheme}://{address}/realms/mairies");
        Self { address, issuer, manner, calls, stop, thread: Some(thread) }
    }

    pub fn policy(&self) -> IssuerPolicy {
        IssuerPolicy {
            issuer: self.issuer.clone(),
            audience: AUDIENCE.to_owned(),
            jwks_url: Some(format!("{}/certs", self.issuer)),
            jwks_file: None,
            algorithms: vec![Algorithm::RS256, Algorithm::ES256],
            login_claim: None,
            ca_file: None,
            times: Times::default(),
        }
    }

    /// From now on it answers so.
    pub fn be(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.manner.lock().expect("a manner"));
    }

    pub fn publish(&self, keys: &[Value]) {
        self.be(|manner| manner.body = set(keys));
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn answer(mut stream: impl Read + Write, manner: &Manner) {
    let mut head = [0; 4096];
    if stream.read(&mut head).is_err() {
        return;
    }
    std::thread::sleep(manner.delay);
    let length = manner.body.len();
    let text = format!(
        "HTTP/1.1 {} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{}\r\n",
        manner.status, manner.headers
    );
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(&manner.body)).and_then(|()| stream.flush()));
}

/// What signs for a provider.
pub struct Speaker {
    pub issuer: String,
    pub kid: String,
    pub pair: KeyPair,
    pub subject: String,
}

impl Speaker {
    pub fn header(&self) -> Value {
        json!({ "alg": format!("{:?}", self.pair.algorithm), "typ": "JWT", "kid": self.kid })
    }

    /// The claims of an ID token as Keycloak writes them.
    pub fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.issuer, "sub": self.subject, "aud": AUDIENCE, "azp": AUDIENCE, "typ": "ID", "iat": now, "exp": now + 300,
            "auth_time": now - 5, "jti": Uuid::new_v4(), "sid": Uuid::new_v4(), "acr": "1", "email_verified": true,
        })
    }

    /// A token as it should be, and never the same.
    pub fn good(&self) -> String {
        self.pair.sign(&self.header().to_string(), &self.claims().to_string())
    }

    pub fn with_header(&self, member: &str, value: &Value) -> String {
        self.pair.sign(&changed(self.header(), member, value), &self.claims().to_string())
    }

    pub fn with_claim(&self, member: &str, value: &Value) -> String {
        self.pair.sign(&self.header().to_string(), &changed(self.claims(), member, value))
    }
}
