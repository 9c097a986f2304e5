//! Who calls: one-time codes, passwords, client credentials, tokens true and false, and roles from a day to a day.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use api::auth::Desk;
use api::clock::Clock;
use api::contract::operations;
use api::demo::year;
use api::server::{Listening, serve};
use api::token::Keys;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use db::connection::Target;
use db::store::{Sizes, Store};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::id::PrincipalId;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
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

fn sign_in(town: &Town, login: &str, password: &str) -> Answer {
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
        for form in [
            "", "grant_type=client_credentials", "grant_type=client_credentials&client_id=x", "client_id=x&client_secret=y",
            "grant_type=client_credentials&client_id=x&client_id=y&client_secret=z", "%FF=%FE", "{}",
        ] {
            credentials(town, form).refused(400, "REQUEST_BODY_INVALID");
        }
        let long = format!("grant_type=client_credentials&client_id=x&client_secret={}", "y".repeat(5000));
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
        let token = crate::harness::town::keys().sign(town.person("mayor"), now()).expect("a token");
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

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// A second window on a town, whose signing key the story knows: whatever it wants signed is truly signed.
struct Window {
    town: Town,
    base: String,
    handle: ServerHandle,
    pem: Vec<u8>,
    keys: Keys,
}

/// The file of a town on SQLite.
fn file(town: &Town) -> PathBuf {
    let query = diesel::select(sql::<Text>("(SELECT file FROM pragma_database_list WHERE name = 'main')"));
    let file: String = db::on_engine!(&mut town.connection(), |inner| query.get_result(inner)).expect("a file");
    file.into()
}

impl Window {
    fn open() -> Self {
        let town = Town::on_sqlite(Stage::Gathered);
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("window.pem");
        let keys = Keys::create(&key, 600).expect("a key");
        let pem = std::fs::read(&key).expect("the key");
        let target = Target::Sqlite(file(&town));
        let (sender, receiver) = mpsc::channel();
        let window = Keys::from_pem(&pem, 600).expect("the key");
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let store = Store::open_migrated(&target, Sizes::default()).expect("the store opens");
                let desk = Desk::new(store, Clock::settable(year::FIRST_DAY), window, operations().expect("operations"));
                let listening = Listening { workers: 1, ..Listening::on(([127, 0, 0, 1], 0).into()) };
                let (server, address) = serve(desk, &listening).expect("the server starts");
                sender.send((server.handle(), address)).expect("someone waits");
                server.await.expect("the server ends well");
            });
        });
        let (handle, address) = receiver.recv().expect("the server started");
        Self { town, base: format!("http://{address}"), handle, pem, keys }
    }

    fn ask(&self, token: &str) -> Answer {
        Client::new(&self.base, Some(token.to_owned())).get("/v1/me")
    }

    fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.keys.jwks().keys[0].common.key_id })
    }

    fn claims(&self) -> Value {
        let (who, now) = (self.town.person("mayor"), now());
        json!({ "iss": "sigida", "aud": "sigida", "sub": who, "iat": now, "nbf": now, "exp": now + 600, "jti": Uuid::new_v4() })
    }

    /// A token of any header and claims, with a true signature of the service's key over it.
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let key = EncodingKey::from_ed_pem(&self.pem).expect("the key");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::EdDSA).expect("a signature");
        format!("{signed}.{signature}")
    }

    /// A token with one member of the header changed, or removed by null; truly signed.
    fn with_header(&self, member: &str, value: &Value) -> String {
        self.sign(&changed(self.header(), member, value), &self.claims().to_string())
    }

    fn with_claim(&self, member: &str, value: &Value) -> String {
        self.sign(&self.header().to_string(), &changed(self.claims(), member, value))
    }

    /// A token signed with a secret that everyone can read, as HS256.
    fn keyed(&self, secret: &[u8]) -> String {
        let header = changed(self.header(), "alg", &json!("HS256"));
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(self.claims().to_string()));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).expect("signed");
        format!("{signed}.{signature}")
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn changed(mut object: Value, member: &str, value: &Value) -> String {
    let members = object.as_object_mut().expect("an object");
    members.remove(member);
    if !value.is_null() {
        members.insert(member.to_owned(), value.clone());
    }
    object.to_string()
}

/// Every member with each of its values.
fn each(lists: &Value) -> Vec<(String, Value)> {
    let members = lists.as_object().expect("an object").iter();
    members.flat_map(|(name, values)| values.as_array().expect("values").iter().map(|value| (name.clone(), value.clone()))).collect()
}

/// Tokens that are not exactly as the service issues them, by what is wrong.
fn hostile(window: &Window) -> Vec<(String, String)> {
    let good = window.sign(&window.header().to_string(), &window.claims().to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!("three parts") };
    let raw = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let other_raw = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut raw = raw.clone();
        change(&mut raw);
        format!("{head}.{body}.{}", URL_SAFE_NO_PAD.encode(raw))
    };
    let mut tokens: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, token: String| tokens.push((what.to_owned(), token));

    for alg in ["none", "None", "nOnE", "", "HS256", "RS256", "ES256", "PS256", "EdDSA ", "eddsa"] {
        let header = URL_SAFE_NO_PAD.encode(changed(window.header(), "alg", &json!(alg)));
        add(&format!("alg {alg:?}, no signature"), format!("{header}.{body}."));
        add(&format!("alg {alg:?}, the signature of EdDSA"), format!("{header}.{body}.{signature}"));
        add(&format!("alg {alg:?}, truly signed"), window.with_header("alg", &json!(alg)));
    }
    let key = serde_json::to_value(&window.keys.jwks().keys[0]).expect("the key");
    let x = key["x"].as_str().expect("the public point");
    let point = URL_SAFE_NO_PAD.decode(x).expect("base64");
    let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", point.as_slice()].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(&der));
    let (lines, set) = (format!("{pem}\n"), key.to_string());
    for secret in [&point[..], x.as_bytes(), &der, pem.as_bytes(), lines.as_bytes(), set.as_bytes(), b""] {
        add("HS256 with what everyone knows as secret", window.keyed(secret));
    }
    let kid = window.header()["kid"].as_str().expect("a kid").to_owned();
    let headers = json!({
        "alg": [null, 1, ["EdDSA"]],
        "typ": [null, "JWT", "rt+jwt", "AT+JWT", ["at+jwt"]],
        "kid": [null, "other", "", "../../../dev/null", "' OR 1=1 --", [kid], "k".repeat(2000), format!("{kid}\u{0}")],
        "crit": [["exp"]], "b64": [false], "zip": ["DEF"], "cty": ["JWT"], "nonce": ["1"],
        "jku": ["http://127.0.0.1:9/keys"], "jwk": [key], "x5u": ["http://127.0.0.1:9/"], "x5c": [["MA=="]],
    });
    for (member, value) in each(&headers) {
        add(&format!("header {member} {value}"), window.with_header(&member, &value));
    }
    let now = now();
    let claims = json!({
        "iss": [null, "other", "Sigida", "sigida/", ["sigida"]],
        "aud": [null, "other", [], ["other"], { "sigida": 1 }],
        "sub": [null, "", "mayor", 7, Uuid::new_v4(), Uuid::nil()],
        "jti": [null, "x"],
        "iat": [null, "now", now - 3600],
        "exp": [null, now - 31, 0, -1, (now + 600).to_string(), now + 660, i64::MAX, u64::MAX, [now + 600], 1e300],
        "nbf": [null, now + 60, (now + 60).to_string(), i64::MAX, []],
    });
    for (member, value) in each(&claims) {
        add(&format!("claim {member} {value}"), window.with_claim(&member, &value));
    }
    let text = window.claims().to_string();
    let header = window.header().to_string();
    add("claims twice", window.sign(&header, &text.replacen('{', "{\"sub\":\"00000000-0000-0000-0000-000000000000\",", 1)));
    add("exp without end", window.sign(&header, &text.replacen('{', "{\"exp\":1e400,", 1)));
    add("header twice", window.sign(&header.replacen('{', "{\"alg\":\"none\",", 1), &text));
    add("claims that are no object", window.sign(&header, "[]"));
    add("a header that is no object", window.sign("[]", &text));
    add("claims in no UTF-8", format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}")));
    add("a byte order mark", window.sign(&header, &format!("\u{feff}{text}")));
    let another = URL_SAFE_NO_PAD.encode(changed(window.claims(), "sub", &json!(window.town.person("accountant"))));
    add("the claims of another", format!("{head}.{another}.{signature}"));
    add("the key of another service", crate::harness::town::keys().sign(window.town.person("mayor"), now).expect("a token"));
    add("nobody's", window.keys.sign(PrincipalId::new(), now).expect("a token"));
    add("expired", window.keys.sign(window.town.person("mayor"), now - 600 - 31).expect("a token"));
    add("not yet good", window.keys.sign(window.town.person("mayor"), now + 60).expect("a token"));

    add("no signature", format!("{head}.{body}."));
    add("no signature, no dot", format!("{head}.{body}"));
    add("half a signature", other_raw(&|raw| raw.truncate(32)));
    add("a longer signature", other_raw(&|raw| raw.push(0)));
    add("zeros as signature", other_raw(&|raw| raw.fill(0)));
    add("a padded signature", format!("{head}.{body}.{}", URL_SAFE.encode(&raw)));
    add("a fourth part", format!("{good}.{body}"));
    add("five parts", format!("{head}.{body}.{signature}.{body}.{signature}"));
    add("a trailing dot", format!("{good}."));
    add("a leading dot", format!(".{good}"));
    add("dots only", "..".to_owned());
    add("nothing", String::new());
    add("white space before", format!(" {good}"));
    add("white space within", format!("{head} .{body}.{signature}"));
    add("two tokens", format!("{good}, {good}"));
    add("JSON serialisation", json!({ "protected": head, "payload": body, "signature": signature }).to_string());
    add("8 KB", window.with_claim("x", &json!("y".repeat(8_000))));
    add("64 KB", "e".repeat(64_000));
    tokens
}

#[test]
fn hostile_tokens_are_refused_alike() {
    let window = Window::open();
    let good = window.sign(&window.header().to_string(), &window.claims().to_string());
    window.ask(&good).expect(200);
    window.ask(&window.with_claim("x", &json!("an unknown claim says nothing"))).expect(200);
    window.ask(&window.keys.sign(window.town.person("mayor"), now() - 600).expect("a token")).expect(200);
    let refusal = told(&window.ask("x").refused(401, "TOKEN_INVALID"));
    let tokens = hostile(&window);
    assert!(tokens.len() > 100, "{}", tokens.len());
    for (what, token) in tokens {
        let answer = window.ask(&token);
        assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.bytes));
        assert_eq!(told(&answer), refusal, "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"sigida\""), "{what}");
    }
    // Where anyone is let in, a bad token is no better than elsewhere.
    Client::new(&window.base, Some("x".to_owned())).get("/v1/organisations").refused(401, "TOKEN_INVALID");
}

#[test]
fn a_token_comes_once_in_its_header() {
    let window = Window::open();
    let good = window.sign(&window.header().to_string(), &window.claims().to_string());
    let stranger = Client::new(&window.base, None);
    let ask = |value: &str| stranger.send("GET", "/v1/me", &[("authorization", value)], &[]);
    ask(&format!("Bearer {good}")).expect(200);
    ask(&format!("bearer {good}")).expect(200);
    let basic = format!("Basic {}", STANDARD.encode("mayor:password"));
    for value in [&basic, &format!("Basic {good}"), &good, "Bearer", "Bearer ", "", &format!("Bearer: {good}"), &format!("JWT {good}")] {
        ask(value).refused(401, "TOKEN_INVALID");
    }
    let authorised = Client::new(&window.base, Some(good.clone()));
    let again = format!("Bearer {good}");
    authorised.send("GET", "/v1/me", &[("authorization", &again)], &[]).refused(401, "TOKEN_INVALID");
    stranger.get(&format!("/v1/me?access_token={good}")).refused(401, "TOKEN_MISSING");
    let cookie = format!("access_token={good}; token={good}");
    stranger.send("GET", "/v1/me", &[("cookie", &cookie), ("x-access-token", &good)], &[]).refused(401, "TOKEN_MISSING");
}

#[test]
fn no_character_of_a_token_can_be_another() {
    let window = Window::open();
    let good = window.keys.sign(window.town.person("mayor"), now()).expect("a token");
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
    let client = |token: &str| window.ask(token).status;
    assert_eq!(client(&good), 200);
    for (position, was) in good.bytes().enumerate() {
        let put = |character: u8| {
            let mut altered = good.clone().into_bytes();
            altered[position] = character;
            String::from_utf8(altered).expect("text")
        };
        // Every other character, without the network …
        for other in alphabet.iter().filter(|other| **other != was) {
            assert_eq!(window.keys.verify(&put(*other)), None, "{position}");
        }
        // … and one of them through it. The last character of each part holds bits that belong to no byte: such a change
        // would leave the bytes as they are, but only the spelling whose idle bits are zero is read.
        assert_eq!(client(&put(if was == b'A' { b'B' } else { b'A' })), 401, "{position}");
    }
}
