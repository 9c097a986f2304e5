//! Sessions: renewed by a token that is good once, listed and ended by their owner, and dead within five seconds.

use std::time::{Duration, Instant};

use api::config::SignInPolicy;
use api::token::Bearer;
use db::identity::Footing;
use domain::id::SessionId;
use serde_json::{Value, json};

use super::{PASSWORD, activate, register, sign_in};
use crate::access::{newcomer, told};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// Someone active with the password of the stories.
pub fn person(town: &Town, login: &str) -> domain::id::PrincipalId {
    let (id, code) = register(town, "person", login);
    activate(town, &code, PASSWORD).expect(200);
    id
}

/// A new session: its first tokens.
pub fn begin(town: &Town, login: &str) -> Answer {
    let answer = sign_in(town, login, PASSWORD).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer
}

pub fn renew(client: &Client, refresh_token: &str) -> Answer {
    client.create("/v1/sessions/renewal", &json!({ "refresh_token": refresh_token }))
}

pub fn holder(town: &Town, tokens: &Answer) -> Client {
    town.bearer(&tokens.text("/access_token"))
}

/// Waits until a token that was good is refused; within five seconds, or it is too late.
#[track_caller]
pub fn dies(client: &Client) {
    let since = Instant::now();
    loop {
        let answer = client.get("/v1/me");
        assert!(since.elapsed() < Duration::from_secs(5), "the token still speaks after five seconds");
        if answer.status != 200 {
            drop(answer.refused(401, "TOKEN_INVALID"));
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What the platform's chain tells of one kind.
pub fn events(town: &Town, kind: &str) -> Vec<Value> {
    let feed = town.client("administrator").get(&format!("/v1/events?kind={kind}&limit=200")).expect(200).json();
    feed["data"].as_array().expect("rows").clone()
}

on_both_engines! {
    Stage::Gathered, fn a_session_goes_on_by_tokens_that_are_good_once(town) {
        person(town, "amadou");
        let first = begin(town, "amadou");
        assert_eq!((first.text("/token_type"), first.text("/expires_in")), ("Bearer".to_owned(), "3600".to_owned()));
        assert_eq!(first.text("/refresh_token").len(), 43, "256 bits");
        holder(town, &first).get("/v1/me").expect(200);
        let second = renew(&town.stranger(), &first.text("/refresh_token")).expect(200);
        assert_eq!(second.header("cache-control"), Some("no-store"));
        for same in ["/session_id", "/session_expires_at"] {
            assert_eq!(second.text(same), first.text(same), "a renewal does not put the end off");
        }
        assert_ne!(second.text("/refresh_token"), first.text("/refresh_token"));
        holder(town, &second).get("/v1/me").expect(200);
        holder(town, &first).get("/v1/me").expect(200);
        let third = renew(&town.stranger(), &second.text("/refresh_token")).expect(200);
        holder(town, &third).get("/v1/me").expect(200);
        // Nothing that is no refresh token of this service renews anything, and all are told the same.
        let refusal = told(&renew(&town.stranger(), &"x".repeat(43)).refused(401, "SESSION_INVALID"));
        for wrong in ["", &third.text("/access_token"), &third.text("/session_id"), &third.text("/refresh_token")[1..]] {
            assert_eq!(told(&renew(&town.stranger(), wrong).refused(401, "SESSION_INVALID")), refusal);
        }
        town.bearer(&third.text("/refresh_token")).get("/v1/me").refused(401, "TOKEN_INVALID");
        assert_eq!(events(town, "session.started").len(), 1);
    }

    Stage::Gathered, fn a_refresh_token_that_comes_twice_ends_the_whole_session(town) {
        let id = person(town, "fatou");
        let other = begin(town, "fatou");
        let first = begin(town, "fatou");
        let second = renew(&town.stranger(), &first.text("/refresh_token")).expect(200);
        let (thief, owner) = (holder(town, &first), holder(town, &second));
        thief.get("/v1/me").expect(200);
        owner.get("/v1/me").expect(200);
        let refusal = told(&renew(&town.stranger(), &first.text("/refresh_token")).refused(401, "SESSION_INVALID"));
        assert_eq!(told(&renew(&town.stranger(), &second.text("/refresh_token")).refused(401, "SESSION_INVALID")), refusal);
        renew(&town.stranger(), &first.text("/refresh_token")).refused(401, "SESSION_INVALID");
        dies(&thief);
        dies(&owner);
        let told = events(town, "session.token_reused");
        assert_eq!(told.len(), 1, "told once");
        assert_eq!((&told[0]["subject_id"], &told[0]["facts"]["principal_id"]), (&json!(first.text("/session_id")), &json!(id)));
        // The other session of the same person stands.
        holder(town, &other).get("/v1/me").expect(200);
        renew(&town.stranger(), &other.text("/refresh_token")).expect(200);
    }

    Stage::Gathered, fn a_token_renewed_by_four_at_once_is_renewed_once(town) {
        person(town, "moussa");
        let first = begin(town, "moussa");
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let racers = [1, 2, 3, 4].map(|_| scope.spawn(|| renew(&town.stranger(), &first.text("/refresh_token"))));
            racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect()
        });
        let winners: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 3);
        renew(&town.stranger(), &winners[0].text("/refresh_token")).refused(401, "SESSION_INVALID");
        assert_eq!(events(town, "session.token_reused").len(), 1);
    }

    Stage::Gathered, fn one_lists_and_ends_ones_own_sessions(town) {
        person(town, "amadou");
        person(town, "fatou");
        let (office, lost, hers) = (begin(town, "amadou"), begin(town, "amadou"), begin(town, "fatou"));
        let (at_office, on_telephone) = (holder(town, &office), holder(town, &lost));
        let listed = at_office.get("/v1/me/sessions").expect(200).json()["data"].as_array().expect("rows").clone();
        let told: Vec<(&Value, &Value)> = listed.iter().map(|row| (&row["id"], &row["current"])).collect();
        assert_eq!(told, [(&json!(office.text("/session_id")), &json!(true)), (&json!(lost.text("/session_id")), &json!(false))]);
        let page = at_office.get("/v1/me/sessions?limit=1").expect(200);
        let rest = at_office.get(&format!("/v1/me/sessions?limit=1&after={}", page.text("/page/next"))).expect(200);
        assert_eq!(rest.text("/data/0/id"), lost.text("/session_id"));
        let end = |session: &Answer| at_office.create(&format!("/v1/me/sessions/{}/end", session.text("/session_id")), &json!({}));
        end(&hers).refused(404, "NOT_FOUND");
        on_telephone.get("/v1/me").expect(200);
        assert_eq!(end(&lost).expect(200).text("/reason"), "withdrawn");
        dies(&on_telephone);
        renew(&town.stranger(), &lost.text("/refresh_token")).refused(401, "SESSION_INVALID");
        end(&lost).refused(404, "NOT_FOUND");
        holder(town, &hers).get("/v1/me").expect(200);

        assert_eq!(at_office.create("/v1/me/sign-out", &json!({})).expect(200).text("/reason"), "signed_out");
        dies(&at_office);
        renew(&town.stranger(), &office.text("/refresh_token")).refused(401, "SESSION_INVALID");
        assert_eq!(events(town, "session.token_reused").len(), 0, "the token of an ended session accuses nobody");
        let reasons: Vec<Value> = events(town, "session.ended").iter().map(|event| event["facts"]["reason"].clone()).collect();
        assert_eq!(reasons, [json!("withdrawn"), json!("signed_out")]);
        let without = town.client_of(newcomer(town, "without-session"));
        without.create("/v1/me/sign-out", &json!({})).refused(409, "SESSION_NONE");
        assert_eq!(without.get("/v1/me/sessions").expect(200).text("/data"), "[]");
    }

    Stage::Gathered, fn a_token_is_worth_what_its_session_is(town) {
        let (amadou, fatou) = (person(town, "amadou"), person(town, "fatou"));
        let session = SessionId(begin(town, "amadou").text("/session_id").parse().expect("an id"));
        let signed = |principal, session| {
            let bearer = Bearer { principal, footing: Footing::Session(session) };
            town.bearer(&crate::harness::town::keys().sign_for(bearer, chrono::Utc::now().timestamp()).expect("a token"))
        };
        signed(amadou, session).get("/v1/me").expect(200);
        signed(amadou, SessionId::new()).get("/v1/me").refused(401, "TOKEN_INVALID");
        signed(fatou, session).get("/v1/me").refused(401, "TOKEN_INVALID");
    }

    Stage::Gathered, fn a_session_ends_when_its_time_is_over(town) {
        person(town, "amadou");
        let annex = town.annex(SignInPolicy { session_seconds: 2, ..SignInPolicy::default() });
        let body = json!({ "login": "amadou", "password": PASSWORD });
        let first = annex.client(None).create("/v1/sessions", &body).expect(200);
        let short = annex.client(Some(first.text("/access_token")));
        let second = renew(&annex.client(None), &first.text("/refresh_token"));
        dies(&short);
        if second.status == 200 {
            renew(&annex.client(None), &second.text("/refresh_token")).refused(401, "SESSION_INVALID");
        }
        // The next sign-in clears away what expired.
        begin(town, "amadou");
        assert_eq!(crate::access::rows(town)["sessions"], 1);
        assert_eq!(crate::access::rows(town)["refresh_tokens"], 1);
    }
}
