//! Partner systems that prove themselves by a key: registered, used, ended.

use std::collections::BTreeSet;
use std::net::TcpListener;

use api::config::SignInPolicy;
use domain::id::PrincipalId;
use serde_json::{Value, json};

use super::assertion::{KeyPair, Signer, TOKEN_URL, form, pem};
use super::hostile_assertion::{Hostile, KINDS, hostile};
use super::throttle::{lenient, slowed};
use super::token::{changed, now};
use super::{FORM, register, session};
use crate::access::told;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// A policy under which assertions are taken and failures cost nothing.
fn policy() -> SignInPolicy {
    SignInPolicy { token_url: Some(TOKEN_URL.to_owned()), ..lenient() }
}

fn keys_of(principal: PrincipalId) -> String {
    format!("/v1/principals/{principal}/keys")
}

fn add(town: &Town, principal: PrincipalId, public_key: &str) -> Answer {
    town.client("administrator").create(&keys_of(principal), &json!({ "public_key": public_key, "label": "HSM de l'essai" }))
}

/// A partner system that never had a secret, and its key.
fn partner(town: &Town, login: &str, pair: KeyPair) -> (PrincipalId, Signer) {
    let (id, _) = register(town, "partner_system", login);
    let kid = add(town, id, &pair.public_pem()).expect(201).text("/kid");
    (id, Signer { client: login.to_owned(), kid, pair })
}

/// The id of a key of the partner system of the cast; one is registered when there is none.
pub fn id(town: &Town) -> String {
    let partner = town.person("partner-system");
    let rows = town.client("administrator").get(&keys_of(partner)).expect(200).json();
    let made = || add(town, partner, &KeyPair::ed25519().public_pem()).expect(201).text("/id");
    rows["data"][0]["id"].as_str().map_or_else(made, str::to_owned)
}

/// Leaves a key and a spent assertion behind.
pub fn spent(town: &Town) {
    let annex = town.annex(policy());
    let (_, signer) = partner(town, "of-the-ministry", KeyPair::ed25519());
    ask(&annex.client(None), &form(&signer.good())).expect(200);
}

/// A token that a partner system had by a key of its own.
pub fn token(town: &Town) -> String {
    let annex = town.annex(policy());
    let (_, signer) = partner(town, "by-a-key", KeyPair::ed25519());
    ask(&annex.client(None), &form(&signer.good())).expect(200).text("/access_token")
}

fn ask(client: &Client, form: &str) -> Answer {
    client.send("POST", "/v1/oauth/token", &[FORM], form.as_bytes())
}

on_both_engines! {
    Stage::Gathered, fn a_partner_system_gets_its_tokens_by_a_key_and_no_secret(town) {
        let annex = town.annex(policy());
        let anyone = annex.client(None);
        for (login, pair, algorithm) in
            [("by-ed25519", KeyPair::ed25519(), "EdDSA"), ("by-p256", KeyPair::p256(), "ES256"), ("by-rsa", KeyPair::rsa(), "RS256")]
        {
            let (id, signer) = partner(town, login, pair);
            let key = town.client("administrator").get(&keys_of(id)).expect(200);
            assert_eq!((key.text("/data/0/algorithm"), key.text("/data/0/ended_at")), (algorithm.to_owned(), "null".to_owned()));
            let answer = ask(&anyone, &form(&signer.good())).expect(200);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let me = town.bearer(&answer.text("/access_token")).get("/v1/me").expect(200);
            assert_eq!((me.text("/principal/id"), me.text("/principal/activated")), (id.to_string(), "false".to_owned()));
            ask(&anyone, &format!("{}&client_id={login}", form(&signer.good()))).expect(200);
            ask(&anyone, &form(&signer.with_header("typ", &Value::Null))).expect(200);
            ask(&anyone, &form(&signer.with_header("typ", &json!("client-authentication+jwt")))).expect(200);
            ask(&anyone, &form(&signer.with_claim("nbf", &json!(now())))).expect(200);
            // A token that rests on a key belongs to no session.
            let system = town.bearer(&answer.text("/access_token"));
            system.create("/v1/me/sign-out", &json!({})).refused(409, "SESSION_NONE");
        }
        // Where the operator has not said what the audience is, no assertion is good.
        let (_, signer) = partner(town, "too-early", KeyPair::ed25519());
        ask(&town.stranger(), &form(&signer.good())).refused(401, "SIGN_IN_FAILED");
    }

    Stage::Gathered, fn hostile_assertions_are_refused_alike(town) {
        let annex = town.annex(policy());
        let anyone = annex.client(None);
        let (id, ours) = partner(town, "reporting", KeyPair::rsa());
        let (_, other) = partner(town, "other-system", KeyPair::p256());
        let second = KeyPair::ed25519();
        let ended = Signer { client: "reporting".to_owned(), kid: add(town, id, &second.public_pem()).expect(201).text("/kid"), pair: second };
        let key = town.client("administrator").get(&format!("{}?limit=1", keys_of(id))).expect(200);
        assert_eq!(key.text("/data/0/kid"), ours.kid);
        let rows = town.client("administrator").get(&keys_of(id)).expect(200).json();
        let last = rows["data"][1]["id"].as_str().expect("an id").to_owned();
        town.client("administrator").act(&format!("{}/{last}", keys_of(id)), "/end", &json!({})).expect(200);
        let disabled = partner(town, "disabled", KeyPair::ed25519());
        town.client("administrator").act(&format!("/v1/principals/{}", disabled.0), "/suspension", &json!({})).expect(200);

        let bait = TcpListener::bind("127.0.0.1:0").expect("a listener");
        bait.set_nonblocking(true).expect("never waits");
        let spent = ours.good();
        ask(&anyone, &form(&spent)).expect(200);
        let refusal = told(&ask(&anyone, &form("x")).refused(401, "SIGN_IN_FAILED"));
        let assertions = hostile(&ours, &other, &[ended, disabled.1], &spent, bait.local_addr().expect("an address"));
        let kinds: BTreeSet<&str> = assertions.iter().map(|one| one.kind).collect();
        assert_eq!(kinds, BTreeSet::from(KINDS), "one of each kind, and no other");
        assert!(assertions.len() >= 100, "{}", assertions.len());
        let taken = |one: &&Hostile| {
            let answer = ask(&anyone, &form(&one.assertion));
            let wrong = told(&answer) != refusal;
            if wrong {
                eprintln!("{}, {}: {}", one.kind, one.what, answer.status);
            }
            wrong
        };
        let wrong: Vec<&str> = assertions.iter().filter(taken).map(|one| one.kind).collect();
        assert_eq!(wrong, Vec::<&str>::new(), "not refused as all others");
        eprintln!("{} hostile assertions of {} kinds", assertions.len(), kinds.len());
        assert!(bait.accept().is_err(), "somebody called for a key");
        for wrong in ["other-system", "", "Reporting", "nobody"] {
            let refused = ask(&anyone, &format!("{}&client_id={wrong}", form(&ours.good())));
            assert_eq!(told(&refused), refusal, "the client id {wrong:?} beside it");
        }
        ask(&anyone, &form(&ours.good())).expect(200);
        ask(&anyone, &form(&other.good())).expect(200);
        // What was refused was not spent: an assertion of another is not used up by who guesses its name.
        let (jti, good) = (json!("a-name-to-be-guessed"), ours.claims());
        let forged = other.pair.sign(&changed(ours.header(), "alg", &json!("ES256")), &changed(good, "jti", &jti));
        ask(&anyone, &form(&forged)).refused(401, "SIGN_IN_FAILED");
        ask(&anyone, &form(&other.with_claim("jti", &jti))).expect(200);
        ask(&anyone, &form(&ours.with_claim("jti", &jti))).expect(200);
        // An assertion is no token, and a token no assertion.
        town.bearer(&ours.good()).get("/v1/me").refused(401, "TOKEN_INVALID");
        ask(&anyone, &form(&town.token_of(id))).refused(401, "SIGN_IN_FAILED");
    }

    Stage::Gathered, fn an_assertion_is_good_once_for_all_processes_and_over_restarts(town) {
        let (_, signer) = partner(town, "reporting", KeyPair::p256());
        let (one, other) = (town.annex(policy()), town.annex(policy()));
        let spent = signer.good();
        ask(&one.client(None), &form(&spent)).expect(200);
        ask(&one.client(None), &form(&spent)).refused(401, "SIGN_IN_FAILED");
        ask(&other.client(None), &form(&spent)).refused(401, "SIGN_IN_FAILED");
        // The same name in another text is the same.
        let claims: Value = { let mut claims = signer.claims(); claims["jti"] = json!("the-same-name"); claims };
        ask(&one.client(None), &form(&signer.pair.sign(&signer.header().to_string(), &claims.to_string()))).expect(200);
        ask(&other.client(None), &form(&signer.with_claim("jti", &json!("the-same-name")))).refused(401, "SIGN_IN_FAILED");
        for _ in 0..3 {
            let raced = signer.good();
            let answers: Vec<Answer> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..8)
                    .map(|racer| {
                        let (client, raced) = (if racer % 2 == 0 { &one } else { &other }.client(None), &raced);
                        scope.spawn(move || ask(&client, &form(raced)))
                    })
                    .collect();
                racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect()
            });
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
            assert!(statuses.iter().all(|status| [200, 401, 503].contains(status)), "{statuses:?}");
        }
        drop((one, other));
        let again = town.annex(policy());
        ask(&again.client(None), &form(&spent)).refused(401, "SIGN_IN_FAILED");
        ask(&again.client(None), &form(&signer.good())).expect(200);
    }

    Stage::Gathered, fn an_ended_key_and_what_was_had_by_it_die_within_five_seconds(town) {
        let annex = town.annex(policy());
        let anyone = annex.client(None);
        let admin = town.client("administrator");
        let (id, first) = partner(town, "reporting", KeyPair::ed25519());
        let pair = KeyPair::p256();
        let second = add(town, id, &pair.public_pem()).expect(201);
        let second_key = format!("{}/{}", keys_of(id), second.text("/id"));
        let second = Signer { client: "reporting".to_owned(), kid: second.text("/kid"), pair };
        let token = |signer: &Signer| town.bearer(&ask(&anyone, &form(&signer.good())).expect(200).text("/access_token"));
        let (by_first, by_second) = (token(&first), token(&second));
        by_second.get("/v1/me").expect(200);
        admin.act_on(&format!("{second_key}/end"), "\"2\"", &json!({})).refused(412, "VERSION_STALE");
        let done = admin.act(&second_key, "/end", &json!({})).expect(200);
        assert_ne!(done.text("/ended_at"), "null");
        ask(&anyone, &form(&second.good())).refused(401, "SIGN_IN_FAILED");
        session::dies(&by_second);
        by_first.get("/v1/me").expect(200);
        ask(&anyone, &form(&first.good())).expect(200);
        admin.act(&second_key, "/end", &json!({})).refused(409, "CLIENT_KEY_ENDED");
        // It never comes back, for nobody.
        add(town, id, &second.pair.public_pem()).refused(409, "CLIENT_KEY_TAKEN");
        // Who is disabled is disabled with every key.
        admin.act(&format!("/v1/principals/{id}"), "/suspension", &json!({})).expect(200);
        ask(&anyone, &form(&first.good())).refused(401, "SIGN_IN_FAILED");
        session::dies(&by_first);
        admin.act(&format!("/v1/principals/{id}"), "/reinstatement", &json!({})).expect(200);
        ask(&anyone, &form(&first.good())).expect(200);
    }

    Stage::Gathered, fn a_key_put_in_place_of_another_beneath_the_service_proves_nothing(town) {
        use diesel::prelude::*;
        let annex = town.annex(policy());
        let (_, signer) = partner(town, "reporting", KeyPair::ed25519());
        let thief = KeyPair::ed25519();
        ask(&annex.client(None), &form(&signer.good())).expect(200);
        let changed = diesel::update(db::schema::client_keys::table.filter(db::schema::client_keys::kid.eq(&signer.kid)))
            .set(db::schema::client_keys::public_key.eq(&thief.public_der))
            .execute(&mut town.connection());
        assert_eq!(changed.expect("changed"), 1);
        let forged = Signer { client: "reporting".to_owned(), kid: signer.kid.clone(), pair: thief };
        ask(&annex.client(None), &form(&forged.good())).refused(401, "SIGN_IN_FAILED");
        ask(&annex.client(None), &form(&signer.good())).refused(401, "SIGN_IN_FAILED");
    }

    Stage::Gathered, fn only_sound_public_keys_of_partner_systems_are_registered(town) {
        let (id, signer) = partner(town, "reporting", KeyPair::p256());
        let (other, _) = register(town, "partner_system", "other-system");
        let refusal = add(town, other, &signer.pair.public_pem()).refused(409, "CLIENT_KEY_TAKEN");
        assert_eq!(refusal.pointers(), ["/public_key"]);
        add(town, town.person("mayor"), &KeyPair::ed25519().public_pem()).refused(422, "CLIENT_KEY_OF_SYSTEMS");
        let good = KeyPair::ed25519();
        let document = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8v1(&aws_lc_rs::rand::SystemRandom::new()).expect("a key");
        let private = pem(document.as_ref()).replace("PUBLIC", "PRIVATE");
        let mut bent = signer.pair.public_der.clone();
        *bent.last_mut().expect("a byte") ^= 1;
        let bad = [
            ("RSA of 1024 bits", listed("MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDLsybRP45T9bj+90xDMxSliy20cRxEdC4+wFe/T+072a/vVU+z8ek8chIJCA974IyDX/bN+W0UWju0V34W6A3dlRQzMuHgynEsUjtGfKkNciW0y3jTSkkyHh9QRfrNNnQ0fz/IRg3S1HA7Bz/wxcOB0ooPE9gvAj2Fu1eOc2HjfwIDAQAB")),
            ("RSA with the exponent 3", listed("MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEApMvE0aPRwCwW7Dql6kHhc5/Kq+1BdlQkzU147U5AzPu6aJdTNhCg01C9SUrRd9TESjng+ItO3+pIlmPpM1Tv6sno2GUbJ71rEq4gB1NOOfkiINFgVFfjqM683YYKQz6tuQeTqe1qlXchSBfPUc58K3Y/LOTciFY8/ju05aG001fwxicd/JpCHLYz9aFFM5wcfS4EmgHaDoU7k1QW+ckp/NJPlBbpHaFYhe45R6Res5/eo1/C20mwLMmrcjSDpkTXdBim51lg+3wXEThjdp1EosehqOiAmkCTAEE0tBV/ZoRGLvyeELcv+u9LhYuy3+2Hxei/0L3ASwnpqW+1dnWAQwIBAw==")),
            ("secp256k1", listed("MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE3qFW40tifFlq1Fdldc875QkIvl7xcrDsDDg40QOmp4kLqATDDCdniYNnjIrJ9EnD8DjfpQTggFzx1c9IvFrj7w==")),
            ("P-384", listed("MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEAnyq/UIY1AzzWpym7TzTm8LQB40yz5AGpFzrKGxzhEI1SziMwTFZTjUyg+QYTDMN84YS3OB6hhpW1QWOOE8yGetm0GeVmy9eFrJnhTjw3ZGKgrp+Q9PYPdztgUbKkM3V")),
            ("Ed448", listed("MEMwBQYDK2VxAzoAgGn/PCkI/Dn6WNry1KjDIgv0HHnBHBfv11oOwY2h3k12oTPOdvAdkw4cfGAdK6UF4WKaLcegS/+A")),
            ("X25519", listed("MCowBQYDK2VuAyEA1XUpVmY4QdNlQDBdPXe8nTORlPOzVDXqyE3H7GnWaH8=")),
            ("a point beside the curve", pem(&bent)),
            ("a private key", private),
            ("two keys", format!("{}{}", good.public_pem(), good.public_pem())),
            ("a certificate", good.public_pem().replace("PUBLIC KEY", "CERTIFICATE")),
            ("no PEM", "x".repeat(100)),
            ("nothing", String::new()),
            ("cut off", good.public_pem().replace("MCowBQ", "MCow")),
        ];
        for (what, key) in bad {
            let answer = add(town, id, &key);
            assert_eq!(answer.status, 422, "{what}: {answer:?}");
            let refusal = answer.refused(422, "CLIENT_KEY_UNUSABLE");
            assert_eq!(refusal.pointers(), ["/public_key"], "{what}");
        }
        add(town, id, &good.public_pem()).expect(201);
        let rows = town.client("administrator").get(&keys_of(id)).expect(200).json();
        assert_eq!(rows["data"].as_array().map(Vec::len), Some(2));
        // A key is read under its own system only.
        let path = format!("/{}", rows["data"][0]["id"].as_str().expect("an id"));
        let admin = town.client("administrator");
        let key = admin.get(&format!("{}{path}", keys_of(id))).expect(200);
        assert_eq!(key.text("/kid"), signer.kid);
        admin.get(&format!("{}{path}", keys_of(other))).refused(404, "NOT_FOUND");
        admin.act_on(&format!("{}{path}/end", keys_of(other)), "\"1\"", &json!({})).refused(404, "NOT_FOUND");
        town.client("mayor").get(&keys_of(id)).refused(403, "ROLE_MISSING");
        // The private half is nowhere, and what happened is on the chain.
        assert_eq!(session::events(town, "client_key.registered").len(), 2);
    }

    Stage::Gathered, fn failed_assertions_are_slowed_down_as_passwords_are(town) {
        let (_, signer) = partner(town, "reporting", KeyPair::ed25519());
        let annex = town.annex(SignInPolicy { failures_per_login: 2, ..policy() });
        let anyone = annex.client(None);
        let wrong = || ask(&anyone, &form(&signer.with_claim("aud", &json!("https://elsewhere.example"))));
        for _ in 0..3 {
            wrong().refused(401, "SIGN_IN_FAILED");
        }
        let refused = ask(&anyone, &form(&signer.good()));
        std::thread::sleep(std::time::Duration::from_secs(slowed(&refused)));
        ask(&anyone, &form(&signer.good())).expect(200);
        drop(annex);
        let annex = town.annex(SignInPolicy { failures_per_address: 2, ..policy() });
        let anyone = annex.client(None);
        let slow = |_: &i32| ask(&anyone, &form("no.such.assertion")).status == 429;
        assert!((0..8).any(|turn| slow(&turn)), "an address is slowed down too");
        slowed(&ask(&anyone, &form(&signer.good())));
    }

    Stage::Gathered, fn a_request_for_a_token_proves_who_asks_in_one_way(town) {
        let anyone = town.stranger();
        let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        for wrong in [
            kind.to_owned(),
            "client_assertion=x".to_owned(),
            format!("client_id=x&client_secret=y&{kind}&client_assertion=x"),
            "client_secret=y".to_owned(),
        ] {
            ask(&anyone, &format!("grant_type=client_credentials&{wrong}")).refused(422, "TOKEN_PROOF_INVALID");
        }
        let other = ask(&anyone, "grant_type=client_credentials&client_assertion_type=saml2&client_assertion=x");
        assert_eq!(other.refused(400, "REQUEST_BODY_INVALID").pointers(), ["/client_assertion_type"]);
    }
}

fn listed(base64: &str) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
}
