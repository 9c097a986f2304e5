//! Failures are slowed down: by login, by address, altogether; known login or not; and a restart forgets nothing.

use std::time::{Duration, Instant};

use api::config::SignInPolicy;
use serde_json::{Value, json};

use super::session::{begin, holder, person, renew};
use super::{FORM, PASSWORD};
use crate::access::told;
use crate::harness::{Answer, Client, Stage};
use crate::on_both_engines;

const MANY: i64 = 100_000;

/// A policy that slows down by nothing but what a story sets.
pub fn lenient() -> SignInPolicy {
    SignInPolicy { failures_per_login: MANY, failures_per_address: MANY, failures_altogether: MANY, ..SignInPolicy::default() }
}

fn try_in(client: &Client, login: &str, password: &str) -> Answer {
    client.create("/v1/sessions", &json!({ "login": login, "password": password }))
}

/// As from an address behind a proxy.
fn from(client: &Client, address: &str, path: &str, body: &Value) -> Answer {
    client.send("POST", path, &[("content-type", "application/json"), ("x-forwarded-for", address)], body.to_string().as_bytes())
}

/// Asserts that the answer is 429 and says how long to wait; gives the seconds.
#[track_caller]
pub fn slowed(answer: &Answer) -> u64 {
    let seconds: u64 =
        answer.clone().refused(429, "TOO_MANY_REQUESTS").header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(answer.text("/facts/retry_after"), seconds.to_string());
    seconds
}

fn wait(answer: &Answer) {
    std::thread::sleep(Duration::from_secs(slowed(answer)));
}

/// Fails until the wait is at least so long.
fn fail_until(seconds: u64, fail: impl Fn() -> Answer) {
    for _ in 0..100 {
        let answer = fail();
        if answer.status != 429 {
            continue;
        }
        if slowed(&answer) >= seconds {
            return;
        }
        wait(&answer);
    }
    panic!("never slowed down by {seconds} seconds");
}

on_both_engines! {
    Stage::Gathered, fn failures_of_a_login_double_the_wait_known_or_not_and_a_success_forgets_them(town) {
        person(town, "amadou");
        let annex = town.annex(SignInPolicy { failures_per_login: 2, ..lenient() });
        let client = annex.client(None);
        let refusal = told(&try_in(&client, "someone-else", "x").refused(401, "SIGN_IN_FAILED"));
        for login in ["amadou", "nobody"] {
            for _ in 0..3 {
                assert_eq!(told(&try_in(&client, login, "le karité fleurit tard").refused(401, "SIGN_IN_FAILED")), refusal, "{login}");
            }
        }
        // The third failure cost a second, the fourth costs two: the same for both.
        let (known, unknown) = (try_in(&client, "amadou", PASSWORD), try_in(&client, "nobody", PASSWORD));
        if known.status == 429 && unknown.status == 429 {
            assert_eq!(told(&known), told(&unknown));
        }
        std::thread::sleep(Duration::from_millis(1100));
        assert_eq!(told(&try_in(&client, "nobody", PASSWORD).refused(401, "SIGN_IN_FAILED")), refusal);
        assert_eq!(slowed(&try_in(&client, "nobody", PASSWORD)), 2);
        if known.status == 429 {
            try_in(&client, "amadou", PASSWORD).expect(200);
        }
        // After the success it begins anew, for that login alone.
        for _ in 0..3 {
            try_in(&client, "amadou", "le karité fleurit tard").refused(401, "SIGN_IN_FAILED");
        }
        slowed(&try_in(&client, "amadou", PASSWORD));
    }

    Stage::Gathered, fn a_restart_forgets_no_failure(town) {
        person(town, "amadou");
        let policy = SignInPolicy { failures_per_login: 1, ..lenient() };
        let annex = town.annex(policy.clone());
        let client = annex.client(None);
        fail_until(4, || try_in(&client, "amadou", "wrong"));
        drop(annex);
        let again = town.annex(policy);
        let answer = try_in(&again.client(None), "amadou", PASSWORD);
        assert!(slowed(&answer) <= 4);
        wait(&answer);
        try_in(&again.client(None), "amadou", PASSWORD).expect(200);
    }

    Stage::Gathered, fn an_address_that_sprays_is_slowed_down_at_every_door(town) {
        person(town, "amadou");
        let session = begin(town, "amadou");
        let annex = town.annex(SignInPolicy { failures_per_address: 3, ..lenient() });
        let client = annex.client(None);
        let other = std::cell::Cell::new(0);
        fail_until(4, || {
            other.set(other.get() + 1);
            try_in(&client, &format!("login-{}", other.get()), "x")
        });
        // Now every proof of identity waits, the true ones too; what needs no proof does not.
        slowed(&try_in(&client, "amadou", PASSWORD));
        slowed(&client.send("POST", "/v1/oauth/token", &[FORM], b"grant_type=client_credentials&client_id=x&client_secret=y"));
        slowed(&client.create("/v1/activations", &json!({ "code": "x", "password": PASSWORD })));
        let refused = client.create("/v1/sessions/renewal", &json!({ "refresh_token": session.text("/refresh_token") }));
        wait(&refused);
        client.get("/v1/meta").expect(200);
        holder(town, &session).get("/v1/me").expect(200);
        // Nothing is locked for good, and what was refused for its time was not spent.
        try_in(&client, "amadou", PASSWORD).expect(200);
        renew(&client, &session.text("/refresh_token")).expect(200);
    }

    Stage::Gathered, fn behind_a_trusted_proxy_each_address_counts_by_itself(town) {
        let code = json!({ "code": "unknown", "password": PASSWORD });
        let fail = |client: &Client, address: &str| from(client, address, "/v1/activations", &code);
        let proxy = "127.0.0.1".parse().expect("an address");
        let annex = town.annex(SignInPolicy { failures_per_address: 1, trusted_proxies: vec![proxy], ..lenient() });
        let client = annex.client(None);
        for _ in 0..2 {
            fail(&client, "203.0.113.7").refused(401, "ACTIVATION_FAILED");
        }
        slowed(&fail(&client, "203.0.113.7"));
        slowed(&fail(&client, "198.51.100.1, 203.0.113.7"));
        fail(&client, "203.0.113.8").refused(401, "ACTIVATION_FAILED");
        fail(&client, "garbage").refused(401, "ACTIVATION_FAILED");
        // One network of version 6 is one caller.
        fail(&client, "2001:db8:1:2::1").refused(401, "ACTIVATION_FAILED");
        fail(&client, "2001:db8:1:2::2").refused(401, "ACTIVATION_FAILED");
        slowed(&fail(&client, "2001:db8:1:2:ffff::3"));
        fail(&client, "2001:db8:1:3::1").refused(401, "ACTIVATION_FAILED");
        drop(annex);
        // Who is no proxy of ours is not believed.
        let annex = town.annex(SignInPolicy { failures_per_address: 1, ..lenient() });
        let client = annex.client(None);
        let answers: Vec<u16> = (1..=4).map(|host| fail(&client, &format!("192.0.2.{host}")).status).collect();
        assert_eq!(answers[3], 429, "{answers:?}");
    }

    Stage::Gathered, fn many_addresses_together_are_slowed_down_for_a_moment(town) {
        let proxy = "127.0.0.1".parse().expect("an address");
        person(town, "amadou");
        let annex = town.annex(SignInPolicy { failures_altogether: 2, trusted_proxies: vec![proxy], ..lenient() });
        let spray = |host: u8| {
            let body = json!({ "login": format!("login-{host}"), "password": "x" });
            from(&annex.client(None), &format!("203.0.113.{host}"), "/v1/sessions", &body)
        };
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let spray = &spray;
            let sprayed: Vec<_> = (0..12).map(|host| scope.spawn(move || spray(host))).collect();
            sprayed.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        let slowed_down: Vec<u64> = answers.iter().filter(|answer| answer.status == 429).map(slowed).collect();
        assert!(slowed_down.len() >= 6 && slowed_down.iter().all(|seconds| *seconds <= 4), "{slowed_down:?}");
        // For a moment only; and who renews a session or spends a code does not wait for it.
        let code = json!({ "code": "unknown", "password": PASSWORD });
        from(&annex.client(None), "198.51.100.1", "/v1/activations", &code).refused(401, "ACTIVATION_FAILED");
        let since = Instant::now();
        let body = json!({ "login": "amadou", "password": PASSWORD });
        while from(&annex.client(None), "198.51.100.1", "/v1/sessions", &body).status != 200 {
            assert!(since.elapsed() < Duration::from_secs(20), "nothing is locked for good");
            std::thread::sleep(Duration::from_millis(250));
        }
    }

    Stage::Gathered, fn a_stolen_token_does_not_guess_the_password(town) {
        person(town, "amadou");
        let tokens = begin(town, "amadou");
        let annex = town.annex(SignInPolicy { failures_per_login: 2, ..lenient() });
        let thief = annex.client(Some(tokens.text("/access_token")));
        let guess = |old: &str| thief.create("/v1/me/password", &json!({ "old_password": old, "password": "une autre phrase longue" }));
        for _ in 0..3 {
            guess("wrong").refused(403, "PASSWORD_WRONG");
        }
        slowed(&guess(PASSWORD));
        std::thread::sleep(Duration::from_millis(1100));
        // What was no guess is no failure.
        let weak = thief.create("/v1/me/password", &json!({ "old_password": PASSWORD, "password": "motdepasse12" }));
        weak.refused(422, "PASSWORD_WEAK");
        guess(PASSWORD).expect(200);
    }

    Stage::Gathered, fn known_and_unknown_logins_cost_the_same(town) {
        person(town, "amadou");
        let annex = town.annex(lenient());
        let client = annex.client(None);
        let timed = |login: &str| {
            let since = Instant::now();
            let answer = told(&try_in(&client, login, "le karité fleurit tard").refused(401, "SIGN_IN_FAILED"));
            (since.elapsed(), answer)
        };
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for round in 0..11 {
            let (time, one) = timed("amadou");
            known.push(time);
            let (time, other) = timed(&format!("nobody-{round}"));
            unknown.push(time);
            assert_eq!(one, other);
        }
        known.sort();
        unknown.sort();
        // Other work on the machine delays; it does not hurry.
        let (known, unknown) = (known[3], unknown[3]);
        assert!(known < unknown * 2 && unknown < known * 2, "known {known:?}, unknown {unknown:?}");
    }
}
