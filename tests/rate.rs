//! How often: whoever asks more than their quota waits as long as they are told, and nobody else does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use api::config::{RatePolicy, SignInPolicy};
use serde_json::json;

use crate::edge::Wire;
use crate::harness::program::Place;
use crate::harness::town::{Annex, UNHURRIED};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;
use crate::status::every_operation;

/// A quota that comes back slowly enough to be watched: one request every five seconds.
const QUOTA: u32 = 12;
const BACK: Duration = Duration::from_secs(5);

/// The fields of an answer: the name of the quota, how much is left, and after how many seconds there is more.
fn told(answer: &Answer) -> (String, u32, u64) {
    let policy = answer.header("ratelimit-policy").expect("a policy");
    let left = answer.header("ratelimit").expect("what is left");
    let (name, rest) = left.split_once(";r=").expect("a name");
    assert!(policy.starts_with(&format!("{name};q=")) && policy.ends_with(";w=60"), "{policy} and {left}");
    let (left, more) = rest.split_once(";t=").expect("a number");
    (name.trim_matches('"').to_owned(), left.parse().expect("a number"), more.parse().expect("seconds"))
}

/// Asserts that there is nothing left; gives for how long.
#[track_caller]
fn refused(answer: Answer) -> Duration {
    let answer = answer.refused(429, "TOO_MANY_REQUESTS");
    let wait: u64 = answer.header("retry-after").expect("when to come again").parse().expect("seconds");
    assert!((1..=BACK.as_secs()).contains(&wait), "{wait}");
    assert_eq!((told(&answer).1, told(&answer).2), (0, wait));
    assert_eq!(answer.text("/facts/retry_after"), wait.to_string());
    Duration::from_secs(wait)
}

/// Asks until there is nothing left; gives for how long.
fn spend(ask: impl Fn() -> Answer) -> Duration {
    let answers: Vec<Answer> = (0..10 * QUOTA).map(|_| ask()).take_while(|answer| answer.status != 429).collect();
    assert!(answers.len() < 5 * QUOTA as usize, "never refused");
    refused(ask())
}

fn holder(town: &Town, annex: &Annex, login: &str) -> Client {
    annex.client(Some(town.token_of(town.person(login))))
}

on_both_engines! {
    Stage::Gathered, fn a_principal_beyond_the_quota_waits_as_told_and_nobody_else_does(town) {
        let annex = town.limited(SignInPolicy::default(), RatePolicy { per_principal: QUOTA, ..UNHURRIED });
        let mayor = holder(town, &annex, "mayor");
        // Whatever is asked counts, and whatever is answered tells what is left.
        let asked = [
            ("GET", "/v1/me", 200),
            ("HEAD", "/v1/me", 200),
            ("GET", "/v1/meta", 200),
            ("GET", "/v1/nowhere", 404),
            ("PUT", "/v1/me", 405),
            ("GET", "/v1/organisations?limit=x", 400),
            ("GET", "/v1/principals", 403),
            ("POST", "/v1/organisations", 403),
            ("GET", "/openapi.json", 200),
            ("GET", "/docs/", 200),
        ];
        let since = Instant::now();
        for (left, (method, path, status)) in (0..QUOTA).rev().zip(asked) {
            let answer = mayor.send(method, path, &[], &[]).expect(status);
            let back = u32::try_from(since.elapsed().as_secs() / BACK.as_secs()).expect("a moment");
            let (name, told, more) = told(&answer);
            assert!(name == "principal" && (left..=left + back).contains(&told) && more == BACK.as_secs(), "{method} {path}: {told}, not {left}");
        }
        let wait = spend(|| mayor.get("/v1/me"));
        // What is refused is refused whatever it is; and it is the mayor who is refused, not where the mayor is.
        refused(mayor.get("/v1/nowhere"));
        refused(mayor.create("/v1/organisations", &json!({})));
        let other = holder(town, &annex, "accountant").get("/v1/me").expect(200);
        assert_eq!((told(&other).0.as_str(), told(&other).1), ("principal", QUOTA - 1));
        assert_eq!(told(&annex.client(None).get("/v1/meta").expect(200)).0, "address");
        town.client("mayor").get("/v1/me").expect(200);
        std::thread::sleep(wait);
        mayor.get("/v1/me").expect(200);
    }

    Stage::Gathered, fn an_address_without_a_token_is_limited_and_who_holds_one_behind_it_is_served(town) {
        let annex = town.limited(SignInPolicy::default(), RatePolicy { per_address: QUOTA, ..UNHURRIED });
        let stranger = annex.client(None);
        assert_eq!(told(&stranger.get("/v1/meta").expect(200)), ("address".to_owned(), QUOTA - 1, BACK.as_secs()));
        // A token that proves nothing counts like none.
        annex.client(Some("x".to_owned())).get("/v1/me").refused(401, "TOKEN_INVALID");
        let wait = spend(|| stranger.get("/v1/meta"));
        refused(annex.client(Some("x".to_owned())).get("/v1/me"));
        refused(stranger.create("/v1/sessions", &json!({ "login": "mayor", "password": "x" })));
        refused(stranger.get("/openapi.json"));
        let mayor = holder(town, &annex, "mayor");
        for path in ["/v1/me", "/v1/meta"].repeat(QUOTA as usize) {
            assert_eq!(told(&mayor.get(path).expect(200)).0, "principal");
        }
        for path in ["/health/live", "/health/ready"].repeat(QUOTA as usize) {
            let answer = stranger.get(path).expect(200);
            assert!(answer.header("ratelimit").is_none() && answer.header("ratelimit-policy").is_none());
        }
        std::thread::sleep(wait);
        stranger.get("/v1/meta").expect(200);
    }

    Stage::Gathered, fn many_at_once_get_no_more_than_one_after_the_other(town) {
        let annex = town.limited(SignInPolicy::default(), RatePolicy { per_address: QUOTA, per_principal: QUOTA, ..UNHURRIED });
        let count = |statuses: Vec<u16>, since: Instant| {
            let back = usize::try_from(since.elapsed().as_secs() / BACK.as_secs()).expect("a moment");
            let served = statuses.iter().filter(|status| **status == 200).count();
            assert!((QUOTA as usize..=QUOTA as usize + back).contains(&served), "{served} of {}", statuses.len());
            assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
        };
        let (since, mayor) = (Instant::now(), holder(town, &annex, "mayor"));
        let statuses = std::thread::scope(|scope| {
            let crowd: Vec<_> = (0..40).map(|_| scope.spawn(|| mayor.clone().get("/v1/me").status)).collect();
            crowd.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        count(statuses, since);
        // On one connection, without waiting for an answer.
        let (since, mut wire) = (Instant::now(), Wire::open(annex.address()));
        wire.send("GET /v1/meta HTTP/1.1\r\nhost: x\r\n\r\n".repeat(40).as_bytes());
        while wire.statuses().len() < 40 && since.elapsed() < BACK * 2 {
            wire.wait(BACK);
        }
        count(wire.statuses(), since);
    }

    Stage::Gathered, fn behind_a_trusted_proxy_each_network_has_a_quota_of_its_own(town) {
        let sign_in = SignInPolicy { trusted_proxies: vec!["127.0.0.1".parse().expect("an address")], ..SignInPolicy::default() };
        let annex = town.limited(sign_in, RatePolicy { per_address: QUOTA, ..UNHURRIED });
        let ask = |from: &str| annex.client(None).send("GET", "/v1/meta", &[("x-forwarded-for", from)], &[]);
        spend(|| ask("203.0.113.7"));
        refused(ask("198.51.100.1, 203.0.113.7"));
        spend(|| ask("2001:db8:1:2::1"));
        refused(ask("2001:db8:1:2:ffff::9"));
        for other in ["203.0.113.8", "2001:db8:1:3::1", "garbage"] {
            assert_eq!(told(&ask(other).expect(200)).1, QUOTA - 1, "{other}");
        }
    }
}

#[test]
fn every_operation_but_the_probes_is_refused_beyond_the_quota() {
    let town = Town::on_sqlite(Stage::Open);
    let drafts = every_operation(&town);
    let annex = town.limited(SignInPolicy::default(), RatePolicy { per_principal: 1, ..UNHURRIED });
    let mut spent = BTreeSet::new();
    let counted: Vec<_> = drafts.iter().filter(|draft| api::rate::counts(&draft.pattern)).collect();
    assert_eq!(counted.len() + 2, drafts.len());
    for draft in counted {
        let client = holder(&town, &annex, draft.login);
        if spent.insert(draft.login) {
            client.get("/v1/meta").expect(200);
        }
        draft.send(&client).refused(429, "TOO_MANY_REQUESTS");
    }
}

#[test]
fn pages_of_allowed_origins_read_what_is_left_and_others_nothing() {
    let page = "https://dash.example";
    let place = Place::new().with("SIGIDA_CORS_ORIGINS", page);
    assert_eq!(place.run(&["migrate"]).code, Some(0));
    let _service = place.serve_ready();
    let from = |origin: &str| place.client(None).send("GET", "/v1/meta", &[("origin", origin)], &[]).expect(200);
    let answer = from(page);
    assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    let exposed = answer.header("access-control-expose-headers").expect("headers").to_lowercase();
    let exposed: Vec<&str> = exposed.split(',').map(str::trim).collect();
    for field in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(exposed.contains(&field), "{exposed:?}");
    }
    assert_eq!(from("https://other.example").header("access-control-allow-origin"), None);
}
