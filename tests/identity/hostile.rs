//! Tokens that are false, each in one thing, by what is wrong with them.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use domain::id::PrincipalId;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::token::{Window, changed, now};

/// What can be wrong with a token: a test asks with at least one of each.
pub const KINDS: [&str; 77] = [
    "alg missing or no text",
    "alg misspelt",
    "alg none",
    "alg of another key type",
    "alg of a shared secret",
    "aud missing or no text",
    "aud of another service",
    "b64",
    "byte order mark",
    "claims all alone",
    "claims by the thousand",
    "claims no JSON",
    "claims no object",
    "claims of another token",
    "claims twice",
    "crit",
    "cty",
    "curve of another key type",
    "dot too many",
    "embedded jwk",
    "embedded x5c",
    "exp a fraction",
    "exp a text",
    "exp beyond all numbers",
    "exp beyond the policy",
    "exp missing or no number",
    "exp negative",
    "exp past",
    "header member unknown",
    "header no JSON",
    "header no object",
    "header of another token",
    "header twice",
    "iat ahead",
    "iat long ago",
    "iat missing or no number",
    "iss alike to the eye",
    "iss in another spelling",
    "iss missing or no text",
    "iss of another service",
    "jku",
    "JSON serialisation",
    "jti missing or no id",
    "JWE",
    "key never listed",
    "key of cursors as secret",
    "key removed",
    "kid a path or a query",
    "kid in another spelling",
    "kid long",
    "kid missing or no text",
    "kid of the other key",
    "kid unknown",
    "kid with NUL",
    "long",
    "lone surrogate",
    "nbf ahead",
    "nbf missing or no number",
    "nbf other than iat",
    "NUL in a claim",
    "no UTF-8",
    "nothing",
    "public key as secret",
    "sid of no session",
    "signature in another spelling",
    "signature missing",
    "signature of another length",
    "signature of another token",
    "signature one bit off",
    "signature the same modulo the order",
    "sub missing or no id",
    "sub of nobody",
    "two hundred deep",
    "typ missing or no text",
    "typ of another purpose",
    "white space",
    "x5u or zip",
];

/// The order of the group of Ed25519, the least byte first.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

/// A false token: its kind, what it is exactly, and the token.
pub struct Hostile {
    pub kind: &'static str,
    pub what: String,
    pub token: String,
}

#[derive(Default)]
struct Lot(Vec<Hostile>);

impl Lot {
    fn add(&mut self, kind: &'static str, what: impl ToString, token: String) {
        self.0.push(Hostile { kind, what: what.to_string(), token });
    }
}

/// A token signed with a secret that others may know, as HS256.
fn keyed(window: &Window, secret: &[u8]) -> String {
    let header = changed(window.header(), "alg", &json!("HS256"));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(window.claims().to_string()));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).expect("signed");
    format!("{signed}.{signature}")
}

/// The same signature with another S that some would verify: S + L.
fn malleated(raw: &[u8]) -> Vec<u8> {
    let mut other = raw.to_vec();
    let mut carry = 0_u16;
    for (byte, added) in other[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(added);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    other
}

/// Every kind of false token, for a service whose present key the window knows. A caller who followed what a token names
/// would knock at the bait.
pub fn hostile(window: &Window, bait: SocketAddr) -> Vec<Hostile> {
    let mut lot = Lot::default();
    algorithms(window, &mut lot);
    keys(window, bait, &mut lot);
    claims(window, &mut lot);
    texts(window, &mut lot);
    shapes(window, &mut lot);
    lot.0
}

fn algorithms(window: &Window, lot: &mut Lot) {
    let good = window.good();
    let [_, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let kinds = [
        ("alg none", json!(["none", "None", "nOnE", "NONE"])),
        ("alg of a shared secret", json!(["HS256", "HS384", "HS512"])),
        ("alg of another key type", json!(["RS256", "ES256", "PS256", "ES384"])),
        ("alg misspelt", json!(["EdDSA ", "eddsa", "", "Ed25519", "EdDSA\u{0}"])),
        ("alg missing or no text", json!([null, 1, ["EdDSA"], {}, true])),
    ];
    for (kind, values) in kinds {
        for value in values.as_array().expect("values") {
            let header = URL_SAFE_NO_PAD.encode(changed(window.header(), "alg", value));
            lot.add(kind, format!("{value}, no signature"), format!("{header}.{body}."));
            lot.add(kind, format!("{value}, the signature of EdDSA"), format!("{header}.{body}.{signature}"));
            lot.add(kind, format!("{value}, truly signed"), window.with_header("alg", value));
        }
    }
    let key = serde_json::to_value(&window.keys.jwks().keys[0]).expect("the key");
    let x = key["x"].as_str().expect("the public point");
    let point = URL_SAFE_NO_PAD.decode(x).expect("base64");
    let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", point.as_slice()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(&der));
    let (lines, set) = (format!("{pem}\n"), key.to_string());
    for secret in [&point[..], x.as_bytes(), &der, pem.as_bytes(), lines.as_bytes(), set.as_bytes(), b""] {
        lot.add("public key as secret", format!("{} bytes", secret.len()), keyed(window, secret));
    }
    lot.add("key of cursors as secret", "HS256", keyed(window, &window.cursor_secret()));
}

fn keys(window: &Window, bait: SocketAddr, lot: &mut Lot) {
    let lure = |path: &str| format!("http://{bait}/{path}");
    let who = window.town.person("mayor");
    let (kid, other) = (window.kid(), window.other.jwks().keys[0].common.key_id.clone().expect("a kid"));
    let (header, text) = (window.header().to_string(), window.claims().to_string());
    let stranger = crate::harness::town::keys();
    let public = |keys: &api::token::Keys| serde_json::to_value(&keys.jwks().keys[0]).expect("a key");
    lot.add("key never listed", "under its own kid", stranger.sign(who, now()).expect("a token"));
    lot.add("key never listed", "under our kid", window.sign_with(&window.removed_pem, &header, &text));
    lot.add("key removed", "under its own kid", window.removed.sign(who, now()).expect("a token"));
    lot.add("kid of the other key", "signed by ours", window.with_header("kid", &json!(other)));
    lot.add("kid of the other key", "signed by it", window.sign_with(&window.other_pem, &header, &text));
    lot.add("embedded jwk", "ours", window.with_header("jwk", &public(&window.keys)));
    let own = changed(window.header(), "jwk", &public(&window.removed));
    lot.add("embedded jwk", "its own, and signed by it", window.sign_with(&window.removed_pem, &own, &text));
    let document = aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &aws_lc_rs::rand::SystemRandom::new(),
    );
    let head = URL_SAFE_NO_PAD.encode(changed(window.header(), "alg", &json!("ES256")));
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(&text));
    let key = EncodingKey::from_ec_der(document.expect("a key").as_ref());
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::ES256).expect("a signature");
    lot.add("curve of another key type", "ES256, truly signed", format!("{signed}.{signature}"));

    let kinds = [
        ("kid unknown", "kid", json!(["other", ""])),
        ("kid missing or no text", "kid", json!([null, [kid], 7, {}])),
        ("kid a path or a query", "kid", json!(["../../../dev/null", "' OR 1=1 --", lure("key"), "key.pem"])),
        ("kid in another spelling", "kid", json!([kid.to_lowercase(), kid.to_uppercase(), format!("{kid} "), &kid[..31]])),
        ("kid with NUL", "kid", json!([format!("{kid}\u{0}"), format!("\u{0}{kid}")])),
        ("kid long", "kid", json!(["k".repeat(2000), format!("{kid}{kid}")])),
        ("typ missing or no text", "typ", json!([null, 7, ["at+jwt"], ""])),
        (
            "typ of another purpose",
            "typ",
            json!(["JWT", "rt+jwt", "AT+JWT", "id+jwt", "secevent+jwt", "logout+jwt", "dpop+jwt", "client-authentication+jwt"]),
        ),
        ("crit", "crit", json!([["exp"], [], ["b64"]])),
        ("b64", "b64", json!([false, true])),
        ("cty", "cty", json!(["JWT"])),
        ("header member unknown", "nonce", json!(["1"])),
        ("header member unknown", "x", json!([true, null, [1]])),
        ("jku", "jku", json!([lure("keys"), lure(".well-known/jwks.json")])),
        ("x5u or zip", "x5u", json!([lure("")])),
        ("x5u or zip", "zip", json!(["DEF"])),
        ("embedded x5c", "x5c", json!([["MA=="], []])),
        ("embedded x5c", "x5t", json!(["MA"])),
    ];
    for (kind, member, values) in kinds {
        for value in values.as_array().expect("values").iter().filter(|value| !(member == "x" && value.is_null())) {
            lot.add(kind, value, window.with_header(member, value));
        }
    }
}

fn claims(window: &Window, lot: &mut Lot) {
    let (who, now) = (window.town.person("mayor"), now());
    let number = |text: String| serde_json::from_str::<Value>(&text).expect("a number");
    let kinds = [
        ("iss missing or no text", "iss", json!([null, ["sigida"], 7, {}])),
        ("iss of another service", "iss", json!(["other", "", "https://sigida"])),
        ("iss in another spelling", "iss", json!(["Sigida", "sigida/", "sigida ", "sigida\n"])),
        ("iss alike to the eye", "iss", json!(["\u{455}igida", "sig\u{131}da", "sigida\u{200b}", "\u{ff53}igida"])),
        ("aud missing or no text", "aud", json!([null, [], ["sigida"], ["sigida", "other"], { "sigida": 1 }, 7])),
        ("aud of another service", "aud", json!(["other", "", "sigida ", ["other"]])),
        ("sub missing or no id", "sub", json!([null, "", "mayor", 7, [who], {}])),
        ("sub of nobody", "sub", json!([Uuid::new_v4(), Uuid::nil(), window.town.commune_id()])),
        ("jti missing or no id", "jti", json!([null, "x", 7])),
        ("sid of no session", "sid", json!(["", "mayor", 7, [], Uuid::new_v4(), Uuid::nil()])),
        ("iat missing or no number", "iat", json!([null, "now", now.to_string(), [now]])),
        ("iat long ago", "iat", json!([now - 3600, 0, -1, i64::MIN])),
        ("iat ahead", "iat", json!([now + 20, now + 300, i64::MAX])),
        ("exp past", "exp", json!([now - 31, now - 600, 0])),
        ("exp negative", "exp", json!([-1, i64::MIN])),
        ("exp missing or no number", "exp", json!([null, [now + 600], {}, true])),
        ("exp a text", "exp", json!([(now + 600).to_string(), "never", ""])),
        ("exp a fraction", "exp", json!([number(format!("{}.5", now + 300)), number(format!("{}.0", now + 300))])),
        ("exp beyond the policy", "exp", json!([now + 601, now + 660, now + 86_400])),
        ("exp beyond all numbers", "exp", json!([i64::MAX, u64::MAX, 1e300])),
        ("nbf missing or no number", "nbf", json!([null, (now + 60).to_string(), [], {}])),
        ("nbf ahead", "nbf", json!([now + 60, i64::MAX])),
        ("nbf other than iat", "nbf", json!([now - 1, 0, -1])),
    ];
    for (kind, member, values) in kinds {
        for value in values.as_array().expect("values") {
            lot.add(kind, value, window.with_claim(member, value));
        }
    }
    lot.add("exp past", "as the service signed it", window.keys.sign(who, now - 600 - 31).expect("a token"));
    lot.add("nbf ahead", "as the service signed it", window.keys.sign(who, now + 60).expect("a token"));
    lot.add("sub of nobody", "as the service signed it", window.keys.sign(PrincipalId::new(), now).expect("a token"));
}

/// Headers and claims that are texts of another kind.
fn texts(window: &Window, lot: &mut Lot) {
    let (header, text) = (window.header().to_string(), window.claims().to_string());
    let signed = |claims: &str| window.sign(&header, claims);
    let first = |member: &str| signed(&text.replacen('{', &format!("{{{member},"), 1));
    lot.add("claims twice", "the true one last", first("\"sub\":\"00000000-0000-0000-0000-000000000000\""));
    lot.add("claims twice", "equal", signed(&text.replacen('}', &format!(",\"sub\":{}}}", window.claims()["sub"]), 1)));
    lot.add("claims twice", "exp", first("\"exp\":1"));
    lot.add("exp beyond all numbers", "1e400", first("\"exp\":1e400"));
    lot.add("exp beyond all numbers", "not a number", first("\"exp\":NaN"));
    lot.add("header twice", "alg", window.sign(&header.replacen('{', "{\"alg\":\"none\",", 1), &text));
    lot.add("header twice", "kid", window.sign(&header.replacen('{', "{\"kid\":\"other\",", 1), &text));
    lot.add("lone surrogate", "in the issuer", signed(&text.replacen("sigida", "sigida\\ud800", 1)));
    lot.add("lone surrogate", "in the header", window.sign(&header.replacen("at+jwt", "at+jwt\\udc00", 1), &text));
    lot.add("NUL in a claim", "in the issuer", signed(&text.replacen("sigida", "sigida\\u0000", 1)));
    lot.add("NUL in a claim", "after all", signed(&format!("{text}\u{0}")));
    let deep = format!("\"sub\":{}{},\"was\":", "[".repeat(200), "]".repeat(200));
    lot.add("two hundred deep", "the subject", signed(&text.replacen("\"sub\":", &deep, 1)));
    let crowd: String = (0..4_000).map(|index| format!("\"c{index}\":1,")).collect();
    lot.add("claims by the thousand", "4,000", signed(&text.replacen('{', &format!("{{{crowd}"), 1)));
    for other in ["[]", "null", "7", "\"sub\"", "true"] {
        lot.add("claims no object", other, signed(other));
        lot.add("header no object", other, window.sign(other, &text));
    }
    for other in ["", "{", "{}{}", "{'sub':1}"] {
        lot.add("claims no JSON", other, signed(other));
        lot.add("header no JSON", other, window.sign(other, &text));
    }
    lot.add("byte order mark", "before the claims", signed(&format!("\u{feff}{text}")));
    lot.add("byte order mark", "before the header", window.sign(&format!("\u{feff}{header}"), &text));
    let good = window.good();
    let [head, _, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    lot.add("no UTF-8", "claims", format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}")));
    lot.add(
        "no UTF-8",
        "truly signed",
        window.sign_bytes(
            header.as_bytes(),
            &text
                .replacen("sigida", "sigid\u{1}", 1)
                .into_bytes()
                .iter()
                .map(|byte| if *byte == 1 { 0xff } else { *byte })
                .collect::<Vec<u8>>(),
        ),
    );
}

/// True tokens in another shape.
fn shapes(window: &Window, lot: &mut Lot) {
    let good = window.good();
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let signed_by = |raw: &[u8]| format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(raw));
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = raw.clone();
        change(&mut raw);
        signed_by(&raw)
    };
    let another = window.with_claim("x", &json!(1));
    let others: Vec<&str> = another.split('.').collect();
    let accountant = URL_SAFE_NO_PAD.encode(changed(window.claims(), "sub", &json!(window.town.person("accountant"))));
    lot.add("claims of another token", "another subject", format!("{head}.{accountant}.{signature}"));
    lot.add("claims of another token", "a sibling's", format!("{head}.{}.{signature}", others[1]));
    lot.add("header of another token", "another kind", format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode("{\"alg\":\"EdDSA\"}")));
    lot.add("signature of another token", "a sibling's", format!("{head}.{body}.{}", others[2]));
    lot.add("signature missing", "and its dot there", format!("{head}.{body}."));
    lot.add("signature missing", "and its dot", format!("{head}.{body}"));
    lot.add("signature of another length", "half", with(&|raw| raw.truncate(32)));
    lot.add("signature of another length", "longer", with(&|raw| raw.push(0)));
    lot.add("signature of another length", "shorter", with(&|raw| raw.truncate(63)));
    lot.add("signature one bit off", "the first", with(&|raw| raw[0] ^= 1));
    lot.add("signature one bit off", "one of the last", with(&|raw| raw[63] ^= 0x10));
    lot.add("signature one bit off", "all", with(&|raw| raw.fill(0)));
    lot.add("signature the same modulo the order", "S + L", signed_by(&malleated(&raw)));
    lot.add("signature in another spelling", "padded", format!("{head}.{body}.{}", URL_SAFE.encode(&raw)));
    let other_alphabet = (0..)
        .map(|index| window.with_claim("x", &json!(index)))
        .find(|token| token.rsplit('.').next().is_some_and(|part| part.contains(['-', '_'])));
    let (signed, part) = other_alphabet.as_deref().and_then(|token| token.rsplit_once('.')).expect("a token");
    lot.add("signature in another spelling", "the other alphabet", format!("{signed}.{}", part.replace('-', "+").replace('_', "/")));
    lot.add("dot too many", "a fourth part", format!("{good}.{body}"));
    lot.add("dot too many", "at the end", format!("{good}."));
    lot.add("dot too many", "at the begin", format!(".{good}"));
    lot.add("dot too many", "in the middle", format!("{head}..{body}.{signature}"));
    lot.add("JWE", "five parts", format!("{head}.{body}.{signature}.{body}.{signature}"));
    let encrypted = URL_SAFE_NO_PAD.encode(json!({ "alg": "dir", "enc": "A256GCM", "kid": window.kid() }).to_string());
    lot.add("JWE", "dir", format!("{encrypted}..AAAAAAAAAAAAAAAA.{body}.AAAAAAAAAAAAAAAAAAAAAA"));
    lot.add("claims all alone", "the second part", body.to_owned());
    lot.add("claims all alone", "plain", window.claims().to_string());
    lot.add("nothing", "at all", String::new());
    lot.add("nothing", "between dots", "..".to_owned());
    lot.add("white space", "before", format!(" {good}"));
    lot.add("white space", "within", format!("{head} .{body}.{signature}"));
    lot.add("white space", "between two tokens", format!("{good}, {good}"));
    let flat = json!({ "protected": head, "payload": body, "signature": signature });
    lot.add("JSON serialisation", "flattened", flat.to_string());
    let general = json!({ "payload": body, "signatures": [{ "protected": head, "signature": signature }] });
    lot.add("JSON serialisation", "general", general.to_string());
    lot.add("long", "8 KB, truly signed", window.with_claim("x", &json!("y".repeat(8_000))));
    lot.add("long", "60 KB", format!("{head}.{}.{signature}", "e".repeat(60_000)));
}
