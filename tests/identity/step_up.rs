//! A recent proof for grave acts: every operation that the table of access marks, and how a session comes by one.

use std::time::Duration;

use api::access::OPERATIONS;
use api::config::SignInPolicy;
use api::one_time::code;
use db::connection::Conn;
use db::store::Sizes;
use diesel::connection::SimpleConnection as _;
use domain::identity::step_up::{STEP_SECONDS, steps};
use serde_json::json;

use super::session::{begin, dies, events, holder, person, renew};
use super::throttle::lenient;
use super::{PASSWORD, activate, client_key};
use crate::access::assign;
use crate::edge::Edge;
use crate::harness::town::keys;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;
use crate::status::every_operation;

/// Longer ago than any proof is recent.
const LONG: i64 = 601;

/// The proofs of all sessions were given so much earlier.
fn age(town: &Town) {
    let mut conn = town.connection();
    let sql = match &conn {
        Conn::Sqlite(_) => format!("UPDATE sessions SET proven_at = proven_at - {LONG}000000"),
        Conn::Pg(_) => format!("UPDATE sessions SET proven_at = proven_at - interval '{LONG} seconds'"),
    };
    conn.batch_execute(&sql).expect("aged");
    // For two seconds the service believes what it read last.
    std::thread::sleep(Duration::from_millis(2100));
}

/// Asserts that a more recent proof is wanted, and that this is said as the standard says it.
#[track_caller]
fn wanted(answer: Answer) {
    let answer = answer.refused(401, "STEP_UP_REQUIRED");
    let challenge = answer.header("www-authenticate").expect("a challenge");
    assert!(challenge.starts_with("Bearer realm=\"sigida\", error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.ends_with("max_age=\"600\""), "{challenge}");
    assert_eq!(answer.json()["facts"], json!({ "max_age": 600 }));
}

fn reauthenticate(client: &Client, member: &str, proof: &str) -> Answer {
    client.create("/v1/me/re-authentication", &json!({ member: proof }))
}

/// A grave act that can be tried again and again: it is let in, and then refused for what it asks.
pub(super) fn dare(client: &Client, town: &Town) -> Answer {
    client.create(
        &town.path("/role-assignments"),
        &json!({ "principal_id": uuid::Uuid::new_v4(), "role": "certifier", "valid_from": "2026-01-01" }),
    )
}

/// Someone who administers the commune, with a session.
fn clerk(town: &Town, login: &str) -> (Client, Answer) {
    let id = person(town, login);
    assign(town, town.commune_id(), id, "administrator", "2020-01-01", None).expect(201);
    let tokens = begin(town, login);
    (holder(town, &tokens), tokens)
}

/// The secret of an authenticator from how it is spelled.
pub(super) fn spelled(secret: &str) -> Vec<u8> {
    let value = |letter: u8| u32::from(if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 });
    let bits: Vec<u32> = secret.bytes().flat_map(|letter| (0..5).rev().map(move |at| (value(letter) >> at) & 1)).collect();
    bits.chunks_exact(8).map(|byte| u8::try_from(byte.iter().fold(0, |all, bit| all * 2 + bit)).expect("a byte")).collect()
}

/// The three steps of which codes are taken now, for long enough to send them.
pub(super) fn present() -> [i64; 3] {
    let late = || chrono::Utc::now().timestamp().rem_euclid(STEP_SECONDS) > STEP_SECONDS - 12;
    while late() {
        std::thread::sleep(Duration::from_millis(200));
    }
    steps(chrono::Utc::now())
}

pub(super) fn confirm(client: &Client, code: &str) -> Answer {
    client.create("/v1/me/authenticator/confirmation", &json!({ "one_time_password": code }))
}

on_both_engines! {
    Stage::Open, fn every_grave_operation_wants_a_recent_proof(town) {
        let drafts = every_operation(town);
        let drafts: Vec<_> = drafts.iter().filter(|draft| draft.operation.step_up).collect();
        assert_eq!(drafts.len(), OPERATIONS.iter().filter(|operation| operation.step_up).count());
        assert!(drafts.len() >= 14, "{}", drafts.len());
        let before = crate::access::rows(town);
        for draft in &drafts {
            let old = keys().sign(town.person(draft.login), chrono::Utc::now().timestamp() - LONG).expect("a token");
            let old = town.bearer(&old);
            old.get("/v1/me").expect(200);
            wanted(draft.send(&old));
        }
        assert_eq!(crate::access::rows(town), before, "nothing was stored");
        for draft in &drafts {
            let answer = draft.send(&town.client(draft.login));
            assert!(answer.status < 500 && (answer.status < 400 || answer.text("/code") != "STEP_UP_REQUIRED"), "{}: {answer:?}", draft.id());
        }
    }

    Stage::Gathered, fn a_session_proves_anew_and_for_itself_alone(town) {
        let (aissata, tokens) = clerk(town, "aissata");
        dare(&aissata, town).refused(404, "NOT_FOUND");
        let other = holder(town, &begin(town, "aissata"));
        age(town);
        wanted(dare(&aissata, town));
        wanted(dare(&other, town));
        // A renewal is no proof.
        let aissata = holder(town, &renew(&town.stranger(), &tokens.text("/refresh_token")).expect(200));
        wanted(dare(&aissata, town));
        // A wrong password is none, and says where it is wrong; what is neither or both cannot be read.
        assert_eq!(reauthenticate(&aissata, "password", "not the password").refused(403, "PASSWORD_WRONG").pointers(), ["/password"]);
        wanted(dare(&aissata, town));
        reauthenticate(&aissata, "one_time_password", "123456").refused(403, "ONE_TIME_PASSWORD_WRONG");
        let both = json!({ "password": PASSWORD, "one_time_password": "123456" });
        aissata.create("/v1/me/re-authentication", &both).refused(400, "REQUEST_BODY_INVALID");
        aissata.create("/v1/me/re-authentication", &json!({})).refused(400, "REQUEST_BODY_INVALID");
        // The right one counts at once.
        let proven = reauthenticate(&aissata, "password", PASSWORD).expect(200);
        let at = |member: &str| proven.text(member).parse::<chrono::DateTime<chrono::Utc>>().expect("an instant");
        assert_eq!((at("/recent_until") - at("/proven_at")).num_seconds(), 600);
        assert_eq!(proven.text("/session_id"), tokens.text("/session_id"));
        dare(&aissata, town).refused(404, "NOT_FOUND");
        wanted(dare(&other, town));
        let told = events(town, "session.proven");
        assert_eq!((told.len(), &told[0]["facts"]), (1, &json!({ "by": "password" })));
        // Without a session there is nothing to prove, and a machine proves nothing a second time.
        reauthenticate(&town.client("mayor"), "password", PASSWORD).refused(409, "SESSION_NONE");
        let ended = holder(town, &begin(town, "aissata"));
        ended.create("/v1/me/sign-out", &json!({})).expect(200);
        dies(&ended);
        reauthenticate(&ended, "password", PASSWORD).refused(401, "TOKEN_INVALID");
    }

    Stage::Gathered, fn a_partner_system_cannot_prove_itself_a_second_time(town) {
        for machine in [town.client("partner-system"), town.bearer(&client_key::token(town))] {
            machine.get("/v1/me").expect(200);
            machine.create("/v1/me/authenticator", &json!({})).refused(403, "STEP_UP_OF_PERSONS");
            machine.create("/v1/me/authenticator/removal", &json!({})).refused(403, "STEP_UP_OF_PERSONS");
            confirm(&machine, "123456").refused(403, "STEP_UP_OF_PERSONS");
            reauthenticate(&machine, "password", PASSWORD).refused(403, "STEP_UP_OF_PERSONS");
        }
    }

    Stage::Gathered, fn codes_of_an_authenticator_prove_once_each_and_the_password_no_more(town) {
        let (awa, _) = clerk(town, "awa");
        confirm(&awa, "123456").refused(409, "AUTHENTICATOR_STATE_INVALID");
        awa.create("/v1/me/authenticator/removal", &json!({})).refused(409, "AUTHENTICATOR_STATE_INVALID");
        let first = awa.create("/v1/me/authenticator", &json!({})).expect(200);
        let enrolled = awa.create("/v1/me/authenticator", &json!({})).expect(200);
        assert_eq!(enrolled.header("cache-control"), Some("no-store"));
        let secret = spelled(&enrolled.text("/secret"));
        assert!((secret.len(), first.text("/secret") != enrolled.text("/secret")) == (20, true));
        assert!(enrolled.text("/uri").starts_with(&format!("otpauth://totp/Sigida:awa?secret={}", enrolled.text("/secret"))));
        let [before, now, after] = present();
        // What was enrolled first counts no more; until it is confirmed the password does.
        let wrong = confirm(&awa, &code(&spelled(&first.text("/secret")), now)).refused(403, "ONE_TIME_PASSWORD_WRONG");
        assert_eq!(wrong.pointers(), ["/one_time_password"]);
        reauthenticate(&awa, "password", PASSWORD).expect(200);
        for stale in [before - 1, after + 2] {
            confirm(&awa, &code(&secret, stale)).refused(403, "ONE_TIME_PASSWORD_WRONG");
        }
        confirm(&awa, &code(&secret, before)).expect(200);
        confirm(&awa, &code(&secret, now)).refused(409, "AUTHENTICATOR_STATE_INVALID");
        awa.create("/v1/me/authenticator", &json!({})).refused(409, "AUTHENTICATOR_STATE_INVALID");
        // From now on signing in is no recent proof, nor is the password.
        let anew = holder(town, &begin(town, "awa"));
        wanted(dare(&anew, town));
        reauthenticate(&anew, "password", PASSWORD).refused(403, "ONE_TIME_PASSWORD_REQUIRED");
        reauthenticate(&anew, "one_time_password", &code(&secret, before)).refused(403, "ONE_TIME_PASSWORD_WRONG");
        reauthenticate(&anew, "one_time_password", &code(&secret, now)).expect(200);
        dare(&anew, town).refused(404, "NOT_FOUND");
        reauthenticate(&anew, "one_time_password", &code(&secret, now)).refused(403, "ONE_TIME_PASSWORD_WRONG");
        // Of eight who bring the same code at the same moment, one is believed.
        let last = code(&secret, after);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4).map(|_| scope.spawn(|| reauthenticate(&anew, "one_time_password", &last))).collect();
            racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
        // The database tells the secret to nobody.
        let stored = sealed(town);
        let hex = domain::audit::hex(&secret);
        assert!(!stored.is_empty() && stored.iter().all(|sealed| !sealed.to_lowercase().contains(&hex)), "{stored:?}");
        // A reset of the password takes it away: the telephone may be in the wrong hands too.
        let id = town.client("administrator").get("/v1/principals?login=awa").expect(200).text("/data/0/id");
        let reset = town.client("administrator").create(&format!("/v1/principals/{id}/password-reset"), &json!({})).expect(200);
        activate(town, &reset.text("/activation_code"), PASSWORD).expect(200);
        dare(&holder(town, &begin(town, "awa")), town).refused(404, "NOT_FOUND");
        let kinds: Vec<String> = ["enrolled", "confirmed"].iter().flat_map(|what| events(town, &format!("authenticator.{what}"))).map(|event| event["kind"].to_string()).collect();
        assert_eq!(kinds.len(), 3, "{kinds:?}");
    }

    Stage::Gathered, fn an_authenticator_is_taken_away_by_who_proves_by_it(town) {
        let (awa, tokens) = clerk(town, "awa");
        let secret = spelled(&awa.create("/v1/me/authenticator", &json!({})).expect(200).text("/secret"));
        let [before, now, _] = present();
        confirm(&awa, &code(&secret, before)).expect(200);
        age(town);
        wanted(awa.create("/v1/me/authenticator/removal", &json!({})));
        // Where the key that seals is not set, nothing is enrolled, and nobody is believed.
        let edge = Edge::open(town, Sizes::default());
        let there = edge.bearer(&tokens.text("/access_token"));
        reauthenticate(&there, "one_time_password", &code(&secret, now)).refused(409, "AUTHENTICATOR_NOT_OFFERED");
        reauthenticate(&awa, "one_time_password", &code(&secret, now)).expect(200);
        awa.create("/v1/me/authenticator/removal", &json!({})).expect(200);
        there.create("/v1/me/authenticator", &json!({})).refused(409, "AUTHENTICATOR_NOT_OFFERED");
        awa.create("/v1/me/authenticator", &json!({})).expect(200);
        confirm(&there, "123456").refused(409, "AUTHENTICATOR_NOT_OFFERED");
        awa.create("/v1/me/authenticator/removal", &json!({})).expect(200);
        reauthenticate(&awa, "password", PASSWORD).expect(200);
    }

    Stage::Gathered, fn guessing_a_code_is_slowed_down_like_guessing_a_password(town) {
        let annex = town.annex(SignInPolicy { failures_per_login: 2, ..lenient() });
        let slowed = |try_one: &dyn Fn() -> Answer| (0..20).map(|_| try_one()).any(|answer| answer.status == 429);
        let enrol = |login: &str| {
            assign(town, town.commune_id(), person(town, login), "auditor", "2020-01-01", None).expect(201);
            let tokens = begin(town, login);
            let client = holder(town, &tokens);
            let secret = spelled(&client.create("/v1/me/authenticator", &json!({})).expect(200).text("/secret"));
            (client, annex.client(Some(tokens.text("/access_token"))), secret)
        };
        let (_, awa, secret) = enrol("awa");
        let [_, now, _] = present();
        let wrong = |secret: &[u8]| format!("{:06}", (code(secret, now).parse::<u32>().expect("digits") + 1) % 1_000_000);
        assert!(slowed(&|| confirm(&awa, &wrong(&secret))), "the first code");
        let (moussa, guessing, secret) = enrol("moussa");
        let [before, now, _] = present();
        confirm(&moussa, &code(&secret, before)).expect(200);
        assert!(slowed(&|| reauthenticate(&guessing, "one_time_password", &wrong(&secret))), "and those after it");
        reauthenticate(&guessing, "one_time_password", &code(&secret, now)).refused(429, "TOO_MANY_REQUESTS");
    }
}

/// What the database keeps of authenticators, in hexadecimal.
fn sealed(town: &Town) -> Vec<String> {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        x: String,
    }
    let mut conn = town.connection();
    let hex = if matches!(conn, Conn::Pg(_)) { "encode(sealed_secret, 'hex')" } else { "hex(sealed_secret)" };
    let query = format!("SELECT {hex} AS x FROM authenticators");
    let rows: Vec<Row> = db::on_engine!(&mut conn, |inner| diesel::sql_query(query).load(inner)).expect("rows");
    rows.into_iter().map(|row| row.x).collect()
}
