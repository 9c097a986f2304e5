//! Who calls: one-time codes, passwords, client credentials, tokens true and false, and roles from a day to a day.

mod answer;
mod assertion;
pub mod client_key;
pub mod delegation;
pub mod external;
mod fake_issuer;
mod hostile;
mod hostile_assertion;
pub mod kinship;
mod principal;
pub mod proposal;
mod rotation;
mod second_person;
pub mod session;
mod step_up;
mod throttle;
mod token;
mod vouched;

use std::time::{Duration, Instant};

use domain::id::PrincipalId;
use jsonwebtoken::Algorithm;
use serde_json::json;
use uuid::Uuid;

use crate::access::{assign, newcomer, told};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

const PASSWORD: &str = "le karité fleurit tôt";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Registers someone and gives the id and a one-time code.
fn register(town: &Town, kind: &str, login: &str) -> (PrincipalId, String) {
    let body = json!({ "kind": kind, "login": login, "display_name": login });
    let id = PrincipalId(town.client("administrator").create("/v1/principals", &body).expect(201).id());
    (id, new_code(town, id))
}

fn new_code(town: &Town, id: PrincipalId) -> String {
    let answer = town.client("administrator").create(&format!("/v1/principals/{id}/activation-codes"), &json!({})).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.text("/activation_code")
}

fn activate(town: &Town, code: &str, password: &str) -> Answer {
    town.stranger().create("/v1/activations", &json!({ "code": code, "password": password }))
}

pub fn sign_in(town: &Town, login: &str, password: &str) -> Answer {
    town.stranger().create("/v1/sessions", &json!({ "login": login, "password": password }))
}

/// Asks for a token with client credentials, for secrets that need no escaping.
fn credentials(town: &Town, form: &str) -> Answer {
    town.stranger().send("POST", "/v1/oauth/token", &[FORM], form.as_bytes())
}

fn roles(clerk: &Client, town: &Town, who: &str, role: &str) -> Answer {
    clerk.create(&town.path("/role-assignments"), &json!({ "principal_id": town.person(who), "role": role, "valid_from": "2026-01-01" }))
}

/// The path of the assignment by which someone of the cast holds a role in the commune.
fn held(town: &Town, who: &str) -> String {
    let rows = town.client("administrator").get(&town.path("/role-assignments")).expect(200).json()["data"].clone();
    let row = rows.as_array().expect("rows").iter().find(|row| row["principal_id"] == json!(town.person(who))).expect("a role").clone();
    town.path(&format!("/role-assignments/{}/end", row["id"].as_str().expect("an id")))
}

on_both_engines! {
    Stage::Gathered, fn a_one_time_code_sets_a_password_once(town) {
        let (id, code) = register(town, "person", "amadou.toure");
        sign_in(town, "amadou.toure", PASSWORD).refused(401, "SIGN_IN_FAILED");
        for wrong in ["", "x", "0123456789012345678901234567890123456789", &code[1..], &format!("{code}0"), &code.to_uppercase()] {
            activate(town, wrong, PASSWORD).refused(401, "ACTIVATION_FAILED");
        }
        for weak in ["", "short", "motdepasse12", "aaaaaaaaaaaaaa", "Amadou.Toure.2025", &"x1y2z3w4".repeat(17)] {
            assert_eq!(activate(town, &code, weak).refused(422, "PASSWORD_WEAK").pointers(), ["/password"], "{weak}");
        }
        let spare = new_code(town, id);
        assert_eq!(activate(town, &code, PASSWORD).expect(200).text("/activated"), "true");
        activate(town, &code, "un autre mot de passe").refused(401, "ACTIVATION_FAILED");
        activate(town, &spare, "un autre mot de passe").refused(401, "ACTIVATION_FAILED");
        sign_in(town, "amadou.toure", PASSWORD).expect(200);
        sign_in(town, "amadou.toure", "un autre mot de passe").refused(401, "SIGN_IN_FAILED");
        // A code that is issued later sets a new password; the old one ends.
        activate(town, &new_code(town, id), "un autre mot de passe").expect(200);
        sign_in(town, "amadou.toure", PASSWORD).refused(401, "SIGN_IN_FAILED");
        sign_in(town, "amadou.toure", "un autre mot de passe").expect(200);
    }

    Stage::Gathered, fn a_code_spent_by_four_at_once_is_spent_by_one(town) {
        let (_, code) = register(town, "person", "fatou");
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let racers = [1, 2, 3, 4].map(|racer| {
                let code = &code;
                scope.spawn(move || activate(town, code, &format!("{PASSWORD} {racer}")))
            });
            racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 3);
    }

    Stage::Gathered, fn who_does_not_sign_in_does_not_learn_why(town) {
        let (person, code) = register(town, "person", "amadou");
        activate(town, &code, PASSWORD).expect(200);
        let (system, code) = register(town, "partner_system", "reporting");
        activate(town, &code, "secret-of-the-machine").expect(200);
        register(town, "person", "not-yet-active");
        let session = sign_in(town, "amadou", PASSWORD).expect(200);
        assert_eq!((session.text("/token_type"), session.text("/expires_in")), ("Bearer".to_owned(), "3600".to_owned()));
        assert_eq!(session.header("cache-control"), Some("no-store"));
        let me = town.bearer(&session.text("/access_token")).get("/v1/me").expect(200);
        assert_eq!((me.text("/principal/id"), me.text("/roles")), (person.to_string(), "[]".to_owned()));

        let refusal = told(&sign_in(town, "amadou", "le karité fleurit tard").refused(401, "SIGN_IN_FAILED"));
        for (login, password) in [
            ("nobody", PASSWORD), ("Amadou", PASSWORD), ("amadou ", PASSWORD), ("amadou", ""), ("not-yet-active", PASSWORD),
            ("reporting", "secret-of-the-machine"), ("amadou", "x' OR '1'='1"), ("' OR 1=1 --", PASSWORD),
        ] {
            assert_eq!(told(&sign_in(town, login, password).refused(401, "SIGN_IN_FAILED")), refusal, "{login}");
        }

        let token = credentials(town, "grant_type=client_credentials&client_id=reporting&client_secret=secret-of-the-machine").expect(200);
        assert_eq!(token.header("cache-control"), Some("no-store"));
        let me = town.bearer(&token.text("/access_token")).get("/v1/me").expect(200);
        assert_eq!((me.text("/principal/id"), me.text("/principal/kind")), (system.to_string(), "partner_system".to_owned()));
        let asked = |id: &str, secret: &str| {
            credentials(town, &format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"))
        };
        let refusal = told(&asked("reporting", "wrong").refused(401, "SIGN_IN_FAILED"));
        let escaped: String = PASSWORD.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for (id, secret) in [("nobody", "x"), ("reporting", ""), ("", ""), ("amadou", escaped.as_str())] {
            assert_eq!(told(&asked(id, secret).refused(401, "SIGN_IN_FAILED")), refusal, "{id}");
        }
    }

    Stage::Gathered, fn client_credentials_come_as_a_form(town) {
        let body = json!({ "grant_type": "client_credentials", "client_id": "x", "client_secret": "y" });
        let refusal = town.stranger().create("/v1/oauth/token", &body).refused(415, "MEDIA_TYPE_UNSUPPORTED");
        assert_eq!(refusal.text("/facts/accepted"), "application/x-www-form-urlencoded");
        for grant in ["password", "authorization_code", "refresh_token", "Client_Credentials", ""] {
            let answer = credentials(town, &format!("grant_type={grant}&client_id=x&client_secret=y"));
            assert_eq!(answer.refused(400, "REQUEST_BODY_INVALID").pointers(), ["/grant_type"], "{grant}");
        }
        let twice = "grant_type=client_credentials&client_id=x&client_id=y&client_secret=z";
        for form in ["", "client_id=x&client_secret=y", twice, "%FF=%FE", "{}"] {
            credentials(town, form).refused(400, "REQUEST_BODY_INVALID");
        }
        for form in ["grant_type=client_credentials", "grant_type=client_credentials&client_id=x"] {
            credentials(town, form).refused(422, "TOKEN_PROOF_INVALID");
        }
        let long = format!("grant_type=client_credentials&client_id=x&client_secret={}", "y".repeat(20_000));
        credentials(town, &long).refused(413, "BODY_TOO_LARGE");
    }

    Stage::Gathered, fn a_role_is_held_from_its_first_day_to_its_last(town) {
        let deputy = newcomer(town, "deputy");
        assign(town, town.commune_id(), deputy, "auditor", "2024-10-05", Some("2024-10-10")).expect(201);
        let deputy = town.client_of(deputy);
        for (day, status) in [("2024-10-04", 404), ("2024-10-05", 200), ("2024-10-10", 200), ("2024-10-11", 404)] {
            town.on(day);
            assert_eq!(deputy.get(&town.path("/commitments")).status, status, "{day}");
            let roles = deputy.get("/v1/me").expect(200).json()["roles"].as_array().expect("roles").len();
            assert_eq!(roles, usize::from(status == 200), "{day}");
        }
    }

    Stage::Open, fn the_end_of_a_role_bites_within_five_seconds(town) {
        let mayor = town.client("mayor");
        mayor.get(&town.path("/commitments")).expect(200);
        let end = held(town, "mayor");
        let body = json!({ "valid_to": "2025-02-02" });
        town.client("administrator").act_on(&end, "\"2\"", &body).refused(412, "VERSION_STALE");
        town.client("administrator").act_on(&end, "\"1\"", &body).expect(200);
        let since = Instant::now();
        while mayor.get(&town.path("/commitments")).status != 404 {
            assert!(since.elapsed() < Duration::from_secs(5), "still in office");
            std::thread::sleep(Duration::from_millis(100));
        }
        mayor.create(&town.path("/commitments"), &json!({})).refused(404, "NOT_FOUND");
    }

    Stage::Gathered, fn functions_of_the_state_are_given_and_taken_by_the_platform(town) {
        let clerk = newcomer(town, "clerk");
        assign(town, town.commune_id(), clerk, "administrator", "2024-09-02", None).expect(201);
        let clerk = town.client_of(clerk);
        roles(&clerk, town, "certifier", "certifier").expect(201);
        for role in ["accountant", "state_representative", "auditor", "administrator"] {
            let refusal = roles(&clerk, town, "partner-system", role).refused(403, "ROLE_NOT_GRANTABLE");
            assert_eq!(refusal.pointers(), ["/role"], "{role}");
        }
        roles(&town.client("mayor"), town, "certifier", "certifier").refused(403, "ROLE_MISSING");
        // A partner's system acts for nobody, whoever grants.
        for role in ["accountant", "auditor", "certifier"] {
            roles(&town.client("administrator"), town, "partner-system", role).refused(422, "ROLE_OF_PERSONS");
        }
        for who in ["accountant", "state-representative", "auditor"] {
            let body = json!({ "valid_to": "2024-09-30" });
            clerk.act_on(&held(town, who), "\"1\"", &body).refused(403, "ROLE_NOT_GRANTABLE");
        }
        clerk.act_on(&held(town, "council-registrar"), "\"1\"", &json!({ "valid_to": "2024-09-30" })).expect(200);
        // What the clerk is here, the clerk is nowhere else.
        let body = json!({ "principal_id": town.person("mayor"), "role": "certifier", "valid_from": "2024-09-02" });
        for elsewhere in [domain::id::OrganisationId::platform().0, Uuid::new_v4()] {
            clerk.create(&format!("/v1/organisations/{elsewhere}/role-assignments"), &body).refused(404, "NOT_FOUND");
        }
        clerk.create("/v1/principals", &json!({ "kind": "person", "login": "x", "display_name": "x" })).refused(403, "ROLE_MISSING");
    }

    Stage::Gathered, fn an_ended_role_is_not_extended_past_who_holds_the_other_side(town) {
        let admin = town.client("administrator");
        let (end, certifier) = (held(town, "certifier"), town.person("certifier"));
        admin.act_on(&end, "\"1\"", &json!({ "valid_to": "2024-09-01" })).refused(422, "ROLE_PERIOD_INVALID");
        admin.act_on(&end, "\"1\"", &json!({ "valid_to": "2024-12-31" })).expect(200);
        assign(town, town.commune_id(), certifier, "accountant", "2025-01-01", None).expect(201);
        assign(town, town.commune_id(), certifier, "certifier", "2025-01-01", None).refused(409, "ROLE_INCOMPATIBLE");
        let refusal = admin.act_on(&end, "\"2\"", &json!({ "valid_to": "2025-12-31" })).refused(422, "ROLE_PERIOD_INVALID");
        assert_eq!(refusal.pointers(), ["/valid_to"]);
        admin.act_on(&end, "\"2\"", &json!({ "valid_to": "2024-11-30" })).expect(200);
    }

    Stage::Gathered, fn anyone_can_verify_a_token_with_the_published_key(town) {
        let answer = town.stranger().get("/.well-known/jwks.json").expect(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(answer.json()["keys"].as_array().map(Vec::len), Some(1));
        let key = answer.json()["keys"][0].clone();
        assert_eq!((&key["kty"], &key["crv"], &key["use"], key.get("d")), (&json!("OKP"), &json!("Ed25519"), &json!("sig"), None));
        let token = crate::harness::town::keys().sign(town.person("mayor"), chrono::Utc::now().timestamp()).expect("a token");
        assert_eq!(jsonwebtoken::decode_header(&token).expect("a header").kid.as_deref(), key["kid"].as_str());
        let jwk = serde_json::from_value(key).expect("a key");
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).expect("a key");
        assert!(jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, Algorithm::EdDSA).expect("verified"));
    }

    Stage::Gathered, fn me_is_who_calls(town) {
        let me = town.client("mayor").get("/v1/me").expect(200);
        assert_eq!((me.text("/principal/login"), me.text("/principal/activated")), ("mayor".to_owned(), "true".to_owned()));
        let commune = town.commune_id();
        let role = json!({ "organisation_id": commune, "role": "authorising_officer", "valid_from": "2024-09-02", "valid_to": null });
        assert_eq!(me.json()["roles"], json!([role]));
        assert!(!String::from_utf8_lossy(&me.bytes).contains("argon2"), "no secret is told");
        town.stranger().get("/v1/me").refused(401, "TOKEN_MISSING");
    }
}
