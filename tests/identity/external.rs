//! People who sign in through another identity provider: by its token, as whom we know, with the roles that we gave.

use std::time::{Duration, Instant};

use api::issuer::policy::{IssuerPolicy, Times};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use uuid::Uuid;

use super::assertion::{KeyPair, escaped, pem, signed};
use super::fake_issuer::{AUDIENCE, Provider, Speaker, published, set};
use super::throttle::lenient;
use super::token::{changed, now};
use super::{FORM, register, session};
use crate::access::told;
use crate::harness::town::Annex;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

fn identities_of(principal: impl std::fmt::Display) -> String {
    format!("/v1/principals/{principal}/identities")
}

pub(super) fn link(town: &Town, principal: impl std::fmt::Display, issuer: &str, subject: &str) -> Answer {
    town.client("administrator").create(&identities_of(principal), &json!({ "issuer": issuer, "subject": subject }))
}

/// The id of an identity of one of the cast; one is linked when there is none.
pub fn id(town: &Town, login: &str) -> String {
    let rows = town.client("administrator").get(&identities_of(town.person(login))).expect(200).json();
    let made =
        || link(town, town.person(login), "https://sso.example/realms/mairies", &format!("subject-of-{login}")).expect(201).text("/id");
    rows["data"][0]["id"].as_str().map_or_else(made, str::to_owned)
}

pub(super) fn exchange(client: &Client, token: &str) -> Answer {
    let form = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}", escaped(token));
    client.send("POST", "/v1/oauth/token", &[FORM], form.as_bytes())
}

fn speaker(provider: &Provider, kid: &str, pair: KeyPair) -> Speaker {
    Speaker { issuer: provider.issuer.clone(), kid: kid.to_owned(), pair, subject: Uuid::new_v4().to_string() }
}

/// A provider with one key, and what signs with it.
pub(super) fn provider(pair: KeyPair) -> (Provider, Speaker) {
    let provider = Provider::open(&[published(&pair, "first")]);
    let speaker = speaker(&provider, "first", pair);
    (provider, speaker)
}

pub(super) fn annex(town: &Town, policies: &[IssuerPolicy]) -> Annex {
    town.trusting(lenient(), policies)
}

/// Times in which a story sees them pass.
fn short() -> Times {
    Times { fresh: Duration::from_millis(600), between: Duration::from_millis(300), stale: Duration::from_secs(3) }
}

on_both_engines! {
    Stage::Gathered, fn a_linked_subject_signs_in_as_the_person_and_with_the_roles_that_we_know(town) {
        let (provider, amadou) = provider(KeyPair::rsa());
        let annex = annex(town, &[provider.policy()]);
        let anyone = annex.client(None);
        let (mayor, admin) = (town.person("mayor"), town.client("administrator"));
        exchange(&anyone, &amadou.good()).refused(401, "SIGN_IN_FAILED");
        let linked = link(town, mayor, &provider.issuer, &amadou.subject).expect(201);
        let token = amadou.with_claim("roles", &json!(["administrator"]));
        let answer = exchange(&anyone, &token).expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let client = town.bearer(&answer.text("/access_token"));
        let me = client.get("/v1/me").expect(200);
        assert_eq!(me.text("/principal/id"), mayor.to_string());
        assert_eq!(me.json()["roles"].as_array().map(Vec::len), Some(1), "what the provider says of roles says nothing");
        client.get("/v1/principals").refused(403, "ROLE_MISSING");
        // It is a session like others, but for going on.
        let sessions = client.get("/v1/me/sessions").expect(200);
        assert_eq!((sessions.text("/data/0/current"), sessions.json()["data"].as_array().map(Vec::len)), ("true".to_owned(), Some(1)));
        let started = session::events(town, "session.started");
        assert_eq!(started.last().expect("an event")["facts"]["issuer"], json!(provider.issuer));
        // A token of the provider is good once, here and in another process.
        exchange(&anyone, &token).refused(401, "SIGN_IN_FAILED");
        let other = self::annex(town, &[provider.policy()]);
        exchange(&other.client(None), &token).refused(401, "SIGN_IN_FAILED");
        let other = town.bearer(&exchange(&other.client(None), &amadou.with_claim("typ", &json!("Bearer"))).expect(200).text("/access_token"));
        other.get("/v1/me").expect(200);
        client.create("/v1/me/sign-out", &json!({})).expect(200);
        session::dies(&client);
        // Unlinked, the person is not signed in any more, nor stays so.
        let identity = format!("{}/{}", identities_of(mayor), linked.text("/id"));
        admin.act_on(&format!("{identity}/end"), "\"9\"", &json!({})).refused(412, "VERSION_STALE");
        admin.act(&identity, "/end", &json!({})).expect(200);
        exchange(&anyone, &amadou.good()).refused(401, "SIGN_IN_FAILED");
        session::dies(&other);
        admin.act(&identity, "/end", &json!({})).refused(409, "EXTERNAL_IDENTITY_ENDED");
        // Linked again it counts again; disabled it does not.
        link(town, mayor, &provider.issuer, &amadou.subject).expect(201);
        let client = town.bearer(&exchange(&anyone, &amadou.good()).expect(200).text("/access_token"));
        admin.act(&format!("/v1/principals/{mayor}"), "/suspension", &json!({})).expect(200);
        exchange(&anyone, &amadou.good()).refused(401, "SIGN_IN_FAILED");
        session::dies(&client);
    }

    Stage::Gathered, fn a_login_told_by_a_provider_stands_for_few_and_makes_nobody(town) {
        let (provider, someone) = provider(KeyPair::p256());
        let by_login = IssuerPolicy { login_claim: Some("preferred_username".to_owned()), ..provider.policy() };
        let annex = annex(town, &[by_login]);
        let anyone = annex.client(None);
        let named = |login: Value| someone.with_claim("preferred_username", &login);
        let (new, _) = register(town, "person", "fatou");
        let rows = || crate::access::rows(town)["principals"];
        let before = rows();
        // Not even a secret is needed, but the person has to be here.
        let me = town.bearer(&exchange(&anyone, &named(json!("fatou"))).expect(200).text("/access_token")).get("/v1/me").expect(200);
        assert_eq!(me.text("/principal/id"), new.to_string());
        for wrong in [
            json!("nobody"), json!("Fatou"), json!("fatou "), json!(""), json!(["fatou"]), json!(null), json!("f".repeat(101)),
            json!("partner-system"), json!("administrator"), json!("fatou\u{0}"),
        ] {
            let answer = exchange(&anyone, &named(wrong.clone()));
            assert_eq!(answer.status, 401, "{wrong}: {answer:?}");
            answer.refused(401, "SIGN_IN_FAILED");
        }
        assert_eq!(rows(), before, "nobody is registered by another provider");
        // Once a subject stood for somebody, no name does.
        let identity = link(town, new, &provider.issuer, "the-true-subject").expect(201).text("/id");
        exchange(&anyone, &named(json!("fatou"))).refused(401, "SIGN_IN_FAILED");
        town.client("administrator").act(&format!("{}/{identity}", identities_of(new)), "/end", &json!({})).expect(200);
        exchange(&anyone, &named(json!("fatou"))).refused(401, "SIGN_IN_FAILED");
        // Who is linked is who is linked, whatever the name.
        link(town, town.person("mayor"), &provider.issuer, &someone.subject).expect(201);
        let me = town.bearer(&exchange(&anyone, &named(json!("accountant"))).expect(200).text("/access_token")).get("/v1/me").expect(200);
        assert_eq!(me.text("/principal/login"), "mayor");
        // An administrator of the platform is known by a linked subject.
        let root = speaker(&provider, "first", someone.pair);
        link(town, town.person("administrator"), &provider.issuer, &root.subject).expect(201);
        exchange(&anyone, &root.good()).expect(200);
    }

    Stage::Gathered, fn hostile_foreign_tokens_are_refused_alike(town) {
        let ec = KeyPair::p256();
        let provider = Provider::open(&[]);
        let good = speaker(&provider, "first", KeyPair::rsa());
        let secret = b"a secret that the provider should never have published";
        let octets = json!({ "kty": "oct", "kid": "octets", "alg": "HS256", "use": "sig", "k": URL_SAFE_NO_PAD.encode(secret) });
        let mut unnamed = published(&good.pair, "unnamed");
        unnamed.as_object_mut().expect("a key").remove("kid");
        let mut encrypts = published(&good.pair, "encrypts");
        encrypts["use"] = json!("enc");
        let mut any = published(&good.pair, "any-rsa");
        any.as_object_mut().expect("a key").remove("alg");
        provider.publish(&[
            published(&good.pair, "first"), published(&ec, "second"), octets, unnamed, encrypts, any,
            published(&good.pair, "twice"), published(&ec, "twice"),
            json!({ "kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA" }),
        ]);
        let (elsewhere, stranger) = self::provider(KeyPair::rsa());
        let annex = annex(town, &[provider.policy(), elsewhere.policy()]);
        let anyone = annex.client(None);
        for subject in [&good.subject, &stranger.subject] {
            // The subject of one provider is nobody at the other.
            let (id, _) = register(town, "person", &format!("p-{subject}"));
            link(town, id, &provider.issuer, subject).expect(201);
        }
        exchange(&anyone, &good.good()).expect(200);
        exchange(&anyone, &good.with_header("kid", &json!("any-rsa"))).expect(200);
        exchange(&anyone, &good.with_claim("aud", &json!([AUDIENCE]))).expect(200);
        let refusal = told(&exchange(&anyone, "x").refused(401, "SIGN_IN_FAILED"));
        let (header, text, now) = (good.header().to_string(), good.claims().to_string(), now());
        let mut lot: Vec<(&str, String)> = Vec::new();
        for (kind, member, values) in [
            ("iss", "iss", json!([null, "https://sso.example", elsewhere.issuer, format!("{}/", provider.issuer), [provider.issuer], ""])),
            ("aud", "aud", json!([null, "other", [AUDIENCE, "account"], ["account"], [], "", format!("{AUDIENCE} "), { AUDIENCE: 1 }])),
            ("exp", "exp", json!([null, now - 31, 0, (now + 60).to_string(), now + 7260, i64::MAX, 1e300])),
            ("iat", "iat", json!([null, now + 200, now - 7000, "now", i64::MIN])),
            ("nbf", "nbf", json!([now + 250, "now"])),
            ("auth_time", "auth_time", json!([now + 200, -1, "now", [now], 1e300, i64::MAX])),
            ("sub", "sub", json!([null, "", 7, [good.subject], good.subject.to_uppercase(), format!("{} ", good.subject), format!("{}\u{0}", good.subject), "s".repeat(256)])),
            ("kind of token", "typ", json!(["Refresh", "Offline", "Logout", "id", 7])),
            ("logout", "events", json!([{ "http://schemas.openid.net/event/backchannel-logout": {} }])),
            ("bound to a key", "cnf", json!([{ "jkt": "x" }, { "x5t#S256": "x" }])),
        ] {
            lot.extend(values.as_array().expect("values").iter().map(|value| (kind, good.with_claim(member, value))));
        }
        for (kind, member, values) in [
            ("alg", "alg", json!(["none", "HS256", "RS384", "PS256", "ES256", "EdDSA", null, 7, ["RS256"]])),
            ("kid", "kid", json!([null, "", "unknown", "octets", "encrypts", "twice", "odd", "second", "FIRST", 7, "k".repeat(300)])),
            ("typ", "typ", json!(["dpop+jwt", "logout+jwt", "secevent+jwt", "rt+jwt", 7])),
            ("crit", "crit", json!([["exp"]])),
            ("b64", "b64", json!([false])),
            ("jwk", "jwk", json!([published(&stranger.pair, "first")])),
            ("jku", "jku", json!([format!("{}/certs", elsewhere.issuer)])),
            ("x5u", "x5u", json!([format!("{}/certs", elsewhere.issuer)])),
            ("x5c", "x5c", json!([["MA=="]])),
            ("zip", "zip", json!(["DEF"])),
        ] {
            lot.extend(values.as_array().expect("values").iter().map(|value| (kind, good.with_header(member, value))));
        }
        // The public key as a secret, a published secret, another strength, another kind of key under the name.
        for secret in [&good.pair.public_der[..], pem(&good.pair.public_der).as_bytes(), secret] {
            for kid in ["first", "octets"] {
                let header = json!({ "alg": "HS256", "typ": "JWT", "kid": kid }).to_string();
                lot.push(("shared secret", signed(&EncodingKey::from_secret(secret), Algorithm::HS256, &header, &text)));
            }
        }
        for (kid, algorithm) in [("first", Algorithm::PS256), ("any-rsa", Algorithm::PS256), ("any-rsa", Algorithm::RS512)] {
            let header = json!({ "alg": format!("{algorithm:?}"), "typ": "JWT", "kid": kid }).to_string();
            lot.push(("algorithm not allowed", good.pair.sign_as(algorithm, &header, &text)));
        }
        lot.push(("another kind of key", ec.sign(&changed(good.header(), "alg", &json!("ES256")), &text)));
        lot.push(("another kind of key", ec.sign(&header, &text)));
        lot.push(("key of another issuer", stranger.pair.sign(&header, &text)));
        let mut of_other = stranger.claims();
        of_other["iss"] = json!(provider.issuer);
        lot.push(("key of another issuer", stranger.pair.sign(&stranger.header().to_string(), &of_other.to_string())));
        lot.push(("subject of another issuer", stranger.good()));
        lot.push(("claims twice", good.pair.sign(&header, &text.replacen('{', "{\"sub\":\"x\",", 1))));
        lot.push(("claims twice", good.pair.sign(&header, &text.replacen('{', "{\"iss\":\"x\",", 1))));
        lot.push(("claims twice", good.pair.sign(&header, &text.replacen('{', "{\"aud\":\"x\",", 1))));
        lot.push(("long", good.with_claim("x", &json!("y".repeat(9000)))));
        let whole = good.good();
        let (message, signature) = whole.rsplit_once('.').expect("parts");
        lot.push(("signature missing", format!("{message}.")));
        lot.push(("signature missing", message.to_owned()));
        lot.push(("signature altered", format!("{message}.A{}", &signature[1..].chars().rev().collect::<String>())));
        lot.push(("white space", format!("{whole} ")));
        lot.push(("our own token", town.token_of(town.person("mayor"))));
        let kinds: std::collections::BTreeSet<&str> = lot.iter().map(|(kind, _)| *kind).collect();
        eprintln!("{} hostile foreign tokens of {} kinds", lot.len(), kinds.len());
        assert!(lot.len() >= 85 && kinds.len() >= 25, "{} of {}", lot.len(), kinds.len());
        let taken = |(kind, token): &&(&str, String)| {
            let answer = exchange(&anyone, token);
            let wrong = told(&answer) != refusal;
            if wrong {
                eprintln!("{kind}: {} for {token}", answer.status);
            }
            wrong
        };
        let wrong: Vec<&str> = lot.iter().filter(taken).map(|(kind, _)| *kind).collect();
        assert_eq!(wrong, Vec::<&str>::new(), "not refused as all others");
        exchange(&anyone, &good.good()).expect(200);
        // A token of another provider is no token here, and no assertion of a client.
        town.bearer(&good.good()).get("/v1/me").refused(401, "TOKEN_INVALID");
    }

    Stage::Gathered, fn an_identity_stands_for_one_person_and_a_person_for_one_identity_of_a_provider(town) {
        let (mayor, accountant) = (town.person("mayor"), town.person("accountant"));
        let issuer = "https://sso.example/realms/mairies";
        link(town, town.person("partner-system"), issuer, "a-machine").refused(422, "EXTERNAL_IDENTITY_OF_PERSONS");
        let first = link(town, mayor, issuer, "one").expect(201);
        link(town, mayor, issuer, "two").refused(409, "EXTERNAL_IDENTITY_TAKEN");
        link(town, accountant, issuer, "one").refused(409, "EXTERNAL_IDENTITY_TAKEN");
        link(town, mayor, "https://other.example", "one").expect(201);
        let admin = town.client("administrator");
        let path = format!("{}/{}", identities_of(mayor), first.text("/id"));
        admin.get(&format!("{}/{}", identities_of(accountant), first.text("/id"))).refused(404, "NOT_FOUND");
        town.client("mayor").get(&path).refused(403, "ROLE_MISSING");
        admin.act(&path, "/end", &json!({})).expect(200);
        link(town, accountant, issuer, "one").expect(201);
        assert_eq!(admin.get(&identities_of(mayor)).expect(200).json()["data"].as_array().map(Vec::len), Some(2), "what ended stays");
    }

    Stage::Gathered, fn a_request_with_a_foreign_token_says_nothing_else(town) {
        for wrong in ["", "&assertion=x&client_id=reporting", "&assertion=x&client_secret=y", "&assertion=x&client_assertion=y"] {
            let form = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer{wrong}");
            let answer = town.stranger().send("POST", "/v1/oauth/token", &[FORM], form.as_bytes());
            answer.refused(422, "TOKEN_PROOF_INVALID");
        }
        let beside = b"grant_type=client_credentials&client_id=x&client_secret=y&assertion=z";
        town.stranger().send("POST", "/v1/oauth/token", &[FORM], beside).refused(422, "TOKEN_PROOF_INVALID");
    }
}

/// A town with a linked person, a provider and what signs for it.
fn known(pair: KeyPair) -> (Town, Provider, Speaker) {
    let town = Town::on_sqlite(Stage::Gathered);
    let (provider, speaker) = provider(pair);
    link(&town, town.person("mayor"), &provider.issuer, &speaker.subject).expect(201);
    (town, provider, speaker)
}

#[test]
fn keys_of_a_provider_change_and_it_is_not_asked_more_than_it_can_bear() {
    let (town, provider, first) = known(KeyPair::p256());
    let next = Speaker { kid: "next".to_owned(), pair: KeyPair::rsa(), issuer: first.issuer.clone(), subject: first.subject.clone() };
    let annex = annex(&town, &[provider.policy()]);
    let anyone = annex.client(None);
    assert_eq!(provider.calls(), 0, "nobody is called before there is need");
    exchange(&anyone, &first.good()).expect(200);
    exchange(&anyone, &first.good()).expect(200);
    assert_eq!(provider.calls(), 1);
    // Unknown names do not make us call: once for all in thirty seconds.
    for turn in 0..20 {
        exchange(&anyone, &first.with_header("kid", &json!(format!("unknown-{turn}")))).refused(401, "SIGN_IN_FAILED");
    }
    std::thread::scope(|scope| {
        for turn in 0..16 {
            let (annex, first) = (&annex, &first);
            scope.spawn(move || {
                exchange(&annex.client(None), &first.with_header("kid", &json!(format!("more-{turn}")))).refused(401, "SIGN_IN_FAILED")
            });
        }
    });
    assert_eq!(provider.calls(), 1, "it was just asked");
    // With shorter times: the next key is found when its token comes, the one before is forgotten when it is gone.
    let policy = IssuerPolicy { times: short(), ..provider.policy() };
    let annex = self::annex(&town, &[policy]);
    let anyone = annex.client(None);
    exchange(&anyone, &first.good()).expect(200);
    exchange(&anyone, &next.good()).refused(401, "SIGN_IN_FAILED");
    provider.publish(&[published(&first.pair, "first"), published(&next.pair, "next")]);
    std::thread::sleep(short().between);
    exchange(&anyone, &next.good()).expect(200);
    exchange(&anyone, &first.good()).expect(200);
    provider.publish(&[published(&next.pair, "next")]);
    std::thread::sleep(short().fresh);
    exchange(&anyone, &first.good()).refused(401, "SIGN_IN_FAILED");
    exchange(&anyone, &next.good()).expect(200);
    // The same name over another key is another key.
    provider.publish(&[published(&first.pair, "next")]);
    std::thread::sleep(short().fresh);
    exchange(&anyone, &next.good()).refused(401, "SIGN_IN_FAILED");
}

#[test]
fn a_provider_that_fails_is_believed_for_a_while_and_then_no_more() {
    let (town, provider, speaker) = known(KeyPair::p256());
    let annex = annex(&town, &[IssuerPolicy { times: short(), ..provider.policy() }]);
    let anyone = annex.client(None);
    let keys = published(&speaker.pair, "first");
    exchange(&anyone, &speaker.good()).expect(200);
    let huge = set(&[keys.clone(), json!({ "x": "y".repeat(70_000) })]);
    let crowd = set(&vec![keys.clone(); 60]);
    let location = format!("location: {}/certs\r\n", provider.issuer);
    type Change = Box<dyn Fn(&mut super::fake_issuer::Manner)>;
    let failures: [(&str, Change); 7] = [
        ("broken", Box::new(|manner| manner.status = 500)),
        ("oversized", Box::new(move |manner| manner.body = huge.clone())),
        ("too many keys", Box::new(move |manner| manner.body = crowd.clone())),
        ("no JSON", Box::new(|manner| manner.body = b"<html>".to_vec())),
        ("no keys", Box::new(|manner| manner.body = set(&[]))),
        ("elsewhere", Box::new(move |manner| (manner.status, manner.headers) = (302, location.clone()))),
        ("slow", Box::new(|manner| manner.delay = Duration::from_secs(6))),
    ];
    for (what, change) in &failures {
        // It recovers …
        provider.be(|manner| {
            *manner = super::fake_issuer::Manner {
                status: 200,
                headers: String::new(),
                body: set(std::slice::from_ref(&keys)),
                delay: Duration::ZERO,
            };
        });
        std::thread::sleep(short().fresh);
        exchange(&anyone, &speaker.good()).expect(200);
        // … fails, and what it said last counts meanwhile …
        provider.be(change);
        std::thread::sleep(short().fresh);
        let since = Instant::now();
        if *what != "slow" {
            exchange(&anyone, &speaker.good()).expect(200);
        }
        // … but not for ever.
        std::thread::sleep(short().stale);
        let refused = exchange(&anyone, &speaker.good()).refused(503, "SERVICE_BUSY");
        assert_eq!(refused.header("retry-after"), Some("30"), "{what}");
        assert!(since.elapsed() < Duration::from_secs(10), "{what}: {:?}", since.elapsed());
    }
    // One that was never there.
    let gone = Provider::open(&[keys]);
    let policy = gone.policy();
    drop(gone);
    let lost = Speaker { issuer: policy.issuer.clone(), ..speaker };
    let annex = self::annex(&town, &[policy]);
    exchange(&annex.client(None), &lost.good()).refused(503, "SERVICE_BUSY");
    exchange(&annex.client(None), &lost.good()).refused(503, "SERVICE_BUSY");
}

#[test]
fn keys_come_over_a_proven_connection_or_from_a_file() {
    let town = Town::on_sqlite(Stage::Gathered);
    let pair = KeyPair::rsa();
    let provider = Provider::open_encrypted(&[published(&pair, "first")]);
    let speaker = speaker(&provider, "first", pair);
    link(&town, town.person("mayor"), &provider.issuer, &speaker.subject).expect(201);
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/identity/tls/ca.pem");
    let trusted = annex(&town, &[IssuerPolicy { ca_file: Some(ca.into()), ..provider.policy() }]);
    exchange(&trusted.client(None), &speaker.good()).expect(200);
    // The authorities of the system do not vouch for it.
    if std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").is_file() {
        let wary = annex(&town, &[provider.policy()]);
        exchange(&wary.client(None), &speaker.good()).refused(503, "SERVICE_BUSY");
    }
    // Nor does its authority for another name.
    let other_name = provider.policy().jwks_url.expect("a URL").replace("127.0.0.1", "127.0.0.2");
    let misnamed = annex(&town, &[IssuerPolicy { ca_file: Some(ca.into()), jwks_url: Some(other_name), ..provider.policy() }]);
    exchange(&misnamed.client(None), &speaker.good()).refused(503, "SERVICE_BUSY");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, set(&[published(&speaker.pair, "first")])).expect("written");
    let calls = provider.calls();
    let by_file = annex(&town, &[IssuerPolicy { jwks_url: None, jwks_file: Some(file), ..provider.policy() }]);
    exchange(&by_file.client(None), &speaker.good()).expect(200);
    assert_eq!(provider.calls(), calls, "nobody is called for what lies in a file");
}
