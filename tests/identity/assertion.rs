//! Keys of partner systems made for stories, and what they sign.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::token::{changed, now};

/// What the audience of assertions is in the stories.
pub const TOKEN_URL: &str = "https://budget.example/v1/oauth/token";

/// A key pair that a partner keeps.
pub struct KeyPair {
    pub algorithm: Algorithm,
    pub private: EncodingKey,
    /// SubjectPublicKeyInfo.
    pub public_der: Vec<u8>,
}

pub fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

impl KeyPair {
    pub fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
        let head = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
        let public_der = [head, pair.public_key().as_ref()].concat();
        Self { algorithm: Algorithm::EdDSA, private: EncodingKey::from_ed_der(document.as_ref()), public_der }
    }

    pub fn p256() -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).expect("a key");
        let head = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
        let public_der = [head, pair.public_key().as_ref()].concat();
        Self { algorithm: Algorithm::ES256, private: EncodingKey::from_ec_der(document.as_ref()), public_der }
    }

    pub fn rsa() -> Self {
        let pair = rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let document: Pkcs8V1Der<'_> = pair.as_der().expect("a document");
        let private = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(document.as_ref()));
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("the public half");
        let private = EncodingKey::from_rsa_pem(private.as_bytes()).expect("a key");
        Self { algorithm: Algorithm::RS256, private, public_der: public.as_ref().to_vec() }
    }

    pub fn public_pem(&self) -> String {
        pem(&self.public_der)
    }

    /// A signature over any header and claims.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_as(self.algorithm, header, claims)
    }

    pub fn sign_as(&self, algorithm: Algorithm, header: &str, claims: &str) -> String {
        signed(&self.private, algorithm, header, claims)
    }
}

pub fn signed(private: &EncodingKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), private, algorithm).expect("a signature");
    format!("{signed}.{signature}")
}

/// A registered key: what signs, for whom, under which name.
pub struct Signer {
    pub client: String,
    pub kid: String,
    pub pair: KeyPair,
}

impl Signer {
    pub fn header(&self) -> Value {
        json!({ "alg": format!("{:?}", self.pair.algorithm), "typ": "JWT", "kid": self.kid })
    }

    pub fn claims(&self) -> Value {
        let (client, now) = (&self.client, now());
        json!({ "iss": client, "sub": client, "aud": TOKEN_URL, "iat": now, "exp": now + 60, "jti": Uuid::new_v4() })
    }

    /// An assertion as it should be, and never the same.
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

/// The form of a request for a token by an assertion.
pub fn form(assertion: &str) -> String {
    let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    format!("grant_type=client_credentials&client_assertion_type={kind}&client_assertion={}", escaped(assertion))
}

pub fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// What an assertion says, proven or not.
pub fn claims_of(assertion: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).expect("claims")).expect("base64");
    serde_json::from_slice(&claims).expect("JSON")
}
