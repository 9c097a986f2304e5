//! Assertions that are false, each in one thing, by what is wrong with them.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::assertion::{KeyPair, Signer, TOKEN_URL, claims_of, pem, signed};
use super::token::{changed, now};

/// What can be wrong with an assertion: a test asks with at least one of each.
pub const KINDS: [&str; 46] = [
    "alg missing or no text",
    "alg none",
    "alg of another key type",
    "alg of another strength",
    "alg of a shared secret",
    "aud a list",
    "aud another spelling",
    "aud missing or no text",
    "aud of another service",
    "claims no object",
    "claims of another assertion",
    "claims twice",
    "client disabled",
    "crit, b64 or zip",
    "exp a fraction or a text",
    "exp missing",
    "exp past",
    "exp too far ahead",
    "header twice",
    "iat ahead",
    "iat missing or no number",
    "iat too long ago",
    "iss of another client",
    "iss missing or no text",
    "iss other than sub",
    "jti long or short",
    "jti missing or no text",
    "jti spent",
    "jti with what is not seen",
    "JWE",
    "key embedded",
    "key ended",
    "key named by a place",
    "key never registered",
    "key of another client",
    "kid missing or no text",
    "kid unknown",
    "long",
    "nbf ahead",
    "nothing",
    "public key as secret",
    "shape",
    "signature altered",
    "signature missing",
    "sub missing or no text",
    "typ of another purpose",
];

/// A false assertion: its kind, what it is exactly, and the assertion.
pub struct Hostile {
    pub kind: &'static str,
    pub what: String,
    pub assertion: String,
}

#[derive(Default)]
struct Lot(Vec<Hostile>);

impl Lot {
    fn add(&mut self, kind: &'static str, what: impl ToString, assertion: String) {
        self.0.push(Hostile { kind, what: what.to_string(), assertion });
    }
}

/// Every kind of false assertion for a system whose RSA key is ours, beside another system and its key on P-256. `dead` are a key
/// of ours that ended and the key of a system that is disabled. Whoever followed what an assertion names would knock at the bait.
pub fn hostile(ours: &Signer, other: &Signer, dead: &[Signer; 2], spent: &str, bait: SocketAddr) -> Vec<Hostile> {
    let mut lot = Lot::default();
    algorithms(ours, &mut lot);
    keys(ours, other, dead, bait, &mut lot);
    claims(ours, other, spent, &mut lot);
    texts(ours, &mut lot);
    lot.0
}

fn algorithms(ours: &Signer, lot: &mut Lot) {
    let good = ours.good();
    let [_, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    for (kind, values) in [
        ("alg none", json!(["none", "None", "nOnE", ""])),
        ("alg of another key type", json!(["EdDSA", "ES256", "ES384"])),
        ("alg of another strength", json!(["RS384", "RS512", "PS256", "RS1"])),
        ("alg of a shared secret", json!(["HS256", "HS512"])),
        ("alg missing or no text", json!([null, 1, ["RS256"]])),
    ] {
        for value in values.as_array().expect("values") {
            let head = URL_SAFE_NO_PAD.encode(changed(ours.header(), "alg", value));
            lot.add(kind, format!("{value}, no signature"), format!("{head}.{body}."));
            lot.add(kind, format!("{value}, the signature of RS256"), format!("{head}.{body}.{signature}"));
            lot.add(kind, format!("{value}, truly signed as RS256"), ours.with_header("alg", value));
        }
    }
    // Truly signed by our key, under another algorithm that the same key could do.
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let header = changed(ours.header(), "alg", &json!(format!("{algorithm:?}")));
        lot.add("alg of another strength", "truly so", ours.pair.sign_as(algorithm, &header, &ours.claims().to_string()));
    }
    let lines = pem(&ours.pair.public_der);
    for secret in [&ours.pair.public_der[..], lines.as_bytes(), lines.trim().as_bytes(), ours.kid.as_bytes(), b""] {
        let header = changed(ours.header(), "alg", &json!("HS256"));
        let key = EncodingKey::from_secret(secret);
        lot.add("public key as secret", secret.len(), signed(&key, Algorithm::HS256, &header, &ours.claims().to_string()));
    }
}

fn keys(ours: &Signer, other: &Signer, dead: &[Signer; 2], bait: SocketAddr, lot: &mut Lot) {
    let stranger = KeyPair::rsa();
    let (header, text) = (ours.header().to_string(), ours.claims().to_string());
    lot.add("key never registered", "under our kid", stranger.sign(&header, &text));
    lot.add("key never registered", "under no kid of ours", stranger.sign(&changed(ours.header(), "kid", &json!("x")), &text));
    lot.add("key of another client", "under its kid, for us", other.pair.sign(&other.header().to_string(), &text));
    let es256 = changed(ours.header(), "alg", &json!("ES256"));
    lot.add("key of another client", "under our kid, for us", other.pair.sign(&es256, &text));
    lot.add("key of another client", "our key for it", ours.pair.sign(&header, &other.claims().to_string()));
    let (exp, iat) = (now() + 60, now());
    let for_other =
        json!({ "iss": other.client, "sub": ours.client, "aud": TOKEN_URL, "iat": iat, "exp": exp, "jti": "one-of-two-clients" });
    lot.add("iss other than sub", "we of it", ours.pair.sign(&header, &for_other.to_string()));
    let [ended, disabled] = dead;
    lot.add("key ended", "of ours", ended.good());
    lot.add("client disabled", "truly signed", disabled.good());
    let point = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    let lure = format!("http://{bait}/keys");
    for (kind, member, value) in [
        ("key embedded", "jwk", point),
        ("key embedded", "x5c", json!(["MA=="])),
        ("key named by a place", "jku", json!(lure)),
        ("key named by a place", "x5u", json!(lure)),
        ("crit, b64 or zip", "crit", json!(["exp"])),
        ("crit, b64 or zip", "b64", json!(false)),
        ("crit, b64 or zip", "zip", json!("DEF")),
        ("crit, b64 or zip", "cty", json!("JWT")),
        ("kid unknown", "kid", json!("x")),
        ("kid unknown", "kid", json!("../../dev/null")),
        ("kid unknown", "kid", json!("' OR 1=1 --")),
        ("kid unknown", "kid", json!(format!("{}\u{0}", ours.kid))),
        ("kid unknown", "kid", json!(ours.kid.to_lowercase())),
        ("kid unknown", "kid", json!("k".repeat(2000))),
        ("kid missing or no text", "kid", Value::Null),
        ("kid missing or no text", "kid", json!("")),
        ("kid missing or no text", "kid", json!([ours.kid])),
        ("kid missing or no text", "kid", json!(7)),
        ("typ of another purpose", "typ", json!("at+jwt")),
        ("typ of another purpose", "typ", json!("dpop+jwt")),
        ("typ of another purpose", "typ", json!("jwt ")),
        ("typ of another purpose", "typ", json!(7)),
    ] {
        lot.add(kind, &value, ours.with_header(member, &value));
    }
}

fn claims(ours: &Signer, other: &Signer, spent: &str, lot: &mut Lot) {
    let now = now();
    let number = |text: String| serde_json::from_str::<Value>(&text).expect("a number");
    for (kind, member, values) in [
        ("iss missing or no text", "iss", json!([null, ["reporting"], 7, {}])),
        ("iss of another client", "iss", json!([other.client, "", "Reporting", "reporting ", "r\u{435}porting"])),
        ("sub missing or no text", "sub", json!([null, ["reporting"], 7])),
        ("iss other than sub", "sub", json!([other.client, "", "reporting\u{0}"])),
        ("aud missing or no text", "aud", json!([null, 7, {}, true])),
        ("aud a list", "aud", json!([[TOKEN_URL], [TOKEN_URL, "https://elsewhere.example"], []])),
        ("aud of another service", "aud", json!(["sigida", "https://test.example/v1/oauth/token", "https://budget.example", ""])),
        (
            "aud another spelling",
            "aud",
            json!([format!("{TOKEN_URL}/"), TOKEN_URL.to_uppercase(), format!("{TOKEN_URL}?x=1"), TOKEN_URL.replace("https", "http")]),
        ),
        ("exp past", "exp", json!([now - 31, now - 3600, 0, -1])),
        ("exp too far ahead", "exp", json!([now + 360, now + 86_400, i64::MAX, u64::MAX, 1e300])),
        ("exp missing", "exp", json!([null])),
        ("exp a fraction or a text", "exp", json!([number(format!("{}.5", now + 60)), (now + 60).to_string(), [now + 60]])),
        ("iat missing or no number", "iat", json!([null, now.to_string(), [now], number(format!("{now}.5"))])),
        ("iat ahead", "iat", json!([i64::MAX])),
        ("iat too long ago", "iat", json!([now - 241, now - 3600, 0, -1, i64::MIN])),
        ("nbf ahead", "nbf", json!([now + 120, i64::MAX])),
        ("jti missing or no text", "jti", json!([null, 7, ["12345678"], {}])),
        ("jti long or short", "jti", json!(["", "1234567", "j".repeat(129)])),
        ("jti with what is not seen", "jti", json!(["12345678 9", "12345678\u{0}", "12345678\u{200b}", "é12345678"])),
    ] {
        for value in values.as_array().expect("values") {
            lot.add(kind, format!("{member}: {value}"), ours.with_claim(member, value));
        }
    }
    let mut long = ours.claims();
    (long["iat"], long["exp"]) = (json!(now - 20), json!(now + 281));
    lot.add("exp too far ahead", "301 seconds after iat", ours.pair.sign(&ours.header().to_string(), &long.to_string()));
    lot.add("jti spent", "the very same", spent.to_owned());
    let mut early = ours.claims();
    (early["iat"], early["exp"]) = (json!(now + 200), json!(now + 260));
    lot.add("iat ahead", "within five minutes", ours.pair.sign(&ours.header().to_string(), &early.to_string()));
    let named: Value = claims_of(spent);
    lot.add("jti spent", "the same name in another", ours.with_claim("jti", &named["jti"]));
}

fn texts(ours: &Signer, lot: &mut Lot) {
    let (header, text) = (ours.header().to_string(), ours.claims().to_string());
    let signed = |claims: &str| ours.pair.sign(&header, claims);
    let first = |member: &str| signed(&text.replacen('{', &format!("{{{member},"), 1));
    for member in ["\"iss\":\"other-system\"", "\"sub\":\"other-system\"", "\"aud\":\"x\"", "\"exp\":1", "\"jti\":\"another-name\""] {
        lot.add("claims twice", member, first(member));
    }
    lot.add("header twice", "alg", ours.pair.sign(&header.replacen('{', "{\"alg\":\"none\",", 1), &text));
    lot.add("header twice", "kid", ours.pair.sign(&header.replacen('{', "{\"kid\":\"x\",", 1), &text));
    for other in ["[]", "null", "7", "", "{", "{}{}"] {
        lot.add("claims no object", other, signed(other));
    }
    lot.add("long", "truly signed", first(&format!("\"x\":\"{}\"", "y".repeat(5000))));
    lot.add("nothing", "at all", String::new());
    lot.add("nothing", "between dots", "..".to_owned());
    let good = ours.good();
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = raw.clone();
        change(&mut raw);
        format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(raw))
    };
    let another = ours.good();
    lot.add("claims of another assertion", "a sibling's", format!("{head}.{}.{signature}", another.split('.').nth(1).expect("claims")));
    lot.add("signature missing", "and its dot there", format!("{head}.{body}."));
    lot.add("signature missing", "and its dot", format!("{head}.{body}"));
    lot.add("signature altered", "the first bit", with(&|raw| raw[0] ^= 0x80));
    lot.add("signature altered", "the last bit", with(&|raw| *raw.last_mut().expect("a byte") ^= 1));
    lot.add("signature altered", "half", with(&|raw| raw.truncate(128)));
    lot.add("signature altered", "longer", with(&|raw| raw.push(0)));
    lot.add("signature altered", "all zero", with(&|raw| raw.fill(0)));
    lot.add("signature altered", "padded", format!("{head}.{body}.{}", URL_SAFE.encode(&raw)));
    lot.add("shape", "a fourth part", format!("{good}.{body}"));
    lot.add("shape", "a dot at the end", format!("{good}."));
    lot.add("shape", "white space", format!(" {good}"));
    lot.add("shape", "a line after it", format!("{good}\n"));
    lot.add("shape", "JSON", json!({ "protected": head, "payload": body, "signature": signature }).to_string());
    lot.add("JWE", "five parts", format!("{head}.{body}.{signature}.{body}.{signature}"));
}
