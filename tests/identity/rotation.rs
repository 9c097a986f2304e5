//! Signing keys that change while the service runs: nobody notices, but who holds a token of a key that is gone.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::token::Keys;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use db::connection::Target;
use domain::id::PrincipalId;
use serde_json::{Value, json};

use super::session;
use crate::harness::postgres::Cluster;
use crate::harness::program::Place;
use crate::harness::{Answer, Client, Stage, Town, town};

/// Within this time what happened to a file of keys counts.
const NOTICED: Duration = Duration::from_secs(5);

/// A place whose service works on the database of a town.
fn place(town: &Town) -> Place {
    let Target::Sqlite(path) = town.target() else { panic!("a town on SQLite") };
    Place::new().with("SIGIDA_DATABASE_URL", &format!("sqlite:{}", path.display()))
}

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The name of the key that a token says to be signed with.
fn kid(token: &str) -> String {
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a head")).expect("base64");
    serde_json::from_slice::<Value>(&head).expect("JSON")["kid"].as_str().expect("a kid").to_owned()
}

/// The names of the published keys.
fn published(place: &Place) -> Vec<String> {
    let keys = place.client(None).get("/.well-known/jwks.json").expect(200).json();
    keys["keys"].as_array().expect("keys").iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

fn me(place: &Place, token: &str) -> u16 {
    place.client(Some(token.to_owned())).get("/v1/me").status
}

/// Waits until something is so, within the time that is promised; gives how long it took.
#[track_caller]
fn noticed(what: &str, so: impl Fn() -> bool) -> Duration {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < NOTICED, "{what}: not within five seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
    since.elapsed()
}

fn sign_in(place: &Place, login: &str) -> Answer {
    place.client(None).create("/v1/sessions", &json!({ "login": login, "password": super::PASSWORD })).expect(200)
}

/// Somebody who reads with an access token, and renews it, at one process and the other by turns.
struct Visitor<'a> {
    places: [&'a Place; 2],
    stop: &'a AtomicBool,
    answers: &'a AtomicUsize,
    errors: &'a Mutex<Vec<String>>,
}

impl Visitor<'_> {
    fn expect(&self, what: &str, answer: Answer) -> Answer {
        self.answers.fetch_add(1, Ordering::Relaxed);
        if answer.status != 200 {
            self.errors.lock().expect("errors").push(format!("{what}: {} {}", answer.status, String::from_utf8_lossy(&answer.bytes)));
        }
        answer
    }

    fn client(&self, turn: usize, token: Option<String>) -> Client {
        self.places[turn % 2].client(token)
    }

    /// Keeps one token, as long as it is told to.
    fn stay(&self, token: &str) {
        for turn in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            self.expect("an old token", self.client(turn, Some(token.to_owned())).get("/v1/me"));
        }
    }

    /// Renews after every few reads; what one process signs is shown to the other at once.
    fn go_on(&self, mut tokens: Answer) {
        for turn in 0.. {
            if self.stop.load(Ordering::Relaxed) || tokens.status != 200 {
                return;
            }
            for other in 0..4 {
                let reader = self.client(turn + other + 1, Some(tokens.text("/access_token")));
                self.expect("a read", reader.get("/v1/me"));
            }
            let renewed = session::renew(&self.client(turn, None), &tokens.text("/refresh_token"));
            tokens = self.expect("a renewal", renewed);
        }
    }
}

/// Someone who signs in, registered by an administrator.
fn newcomer(place: &Place, administrator: PrincipalId, login: &str) {
    let client = place.client(Some(place.keys().sign(administrator, now()).expect("a token")));
    let body = json!({ "kind": "person", "login": login, "display_name": login });
    let id = client.create("/v1/principals", &body).expect(201).id();
    let code = client.create(&format!("/v1/principals/{id}/activation-codes"), &json!({})).expect(200).text("/activation_code");
    client.create("/v1/activations", &json!({ "code": code, "password": super::PASSWORD })).expect(200);
}

/// Two processes at work, a third that begins and ends, visitors all the while, and one key after the other.
fn rotate_under_load(place: Place, target: &Target) {
    let cast = town::found(target, Stage::Gathered);
    let (second, third) = (place.beside(), place.beside());
    let _services = [place.serve_ready(), second.serve_ready()];
    let [mayor, administrator] = ["mayor", "administrator"].map(|login| cast.person(login).expect("one of the cast"));
    for login in ["amadou", "fatou", "oumar"] {
        newcomer(&place, administrator, login);
    }
    let old = place.keys();
    let first_kid = published(&place).remove(0);
    let kept = old.sign(mayor, now()).expect("a token");
    assert_eq!(kid(&kept), first_kid);
    let units = "/v1/territorial-units?limit=5";
    let next = place.client(None).get(units).expect(200).text("/page/next");

    let (old_over, over, answers, errors) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0), Mutex::default());
    let visitor = |stop| Visitor { places: [&place, &second], stop, answers: &answers, errors: &errors };
    let begun: Vec<Answer> = ["amadou", "fatou", "oumar"].map(|login| sign_in(&place, login)).into();
    std::thread::scope(|scope| {
        for tokens in begun {
            scope.spawn(|| visitor(&over).go_on(tokens));
        }
        scope.spawn(|| visitor(&old_over).stay(&kept));
        // Whatever fails here, the visitors end.
        let story = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let rotation = scope.spawn(|| place.run(&["rotate-key", "--wait", "6"]));
            noticed("the next key is shown", || published(&place).len() == 2 && published(&second).len() == 2);
            assert_eq!(published(&place)[0], first_kid, "the one that signs comes first");
            // Who starts in the middle believes both; so does who starts again.
            let begun_between = third.serve_ready();
            assert_eq!(me(&third, &kept), 200);
            let ended = rotation.join().expect("it ends");
            assert_eq!(ended.code, Some(0), "{ended:?}");
            let mut took = Duration::ZERO;
            for process in [&place, &second, &third] {
                took = took.max(noticed("the next key signs", || published(process)[0] != first_kid));
            }
            begun_between.kill();
            let _again = third.serve_ready();
            for process in [&place, &second, &third] {
                let tokens = sign_in(process, "amadou");
                assert_eq!(kid(&tokens.text("/access_token")), kid(&place.keys().sign(mayor, now()).expect("a token")));
                for other in [&place, &second, &third] {
                    assert_eq!((me(other, &tokens.text("/access_token")), me(other, &kept)), (200, 200));
                }
            }
            // Visitors have renewed since; the old key goes, and with it the token that nobody asked the key about lately.
            std::thread::sleep(Duration::from_secs(1));
            old_over.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(200));
            place.refuses(&["rotate-key"], "is still believed: remove it");
            std::fs::remove_file(place.path("key.previous.pem")).expect("removed");
            let mut dead = Duration::ZERO;
            for process in [&place, &second, &third] {
                dead = dead.max(noticed("the old key is believed no more", || me(process, &kept) == 401));
                process.client(Some(kept.clone())).get("/v1/me").refused(401, "TOKEN_INVALID");
                process.client(Some(old.sign(mayor, now()).expect("a token"))).get("/v1/me").refused(401, "TOKEN_INVALID");
                assert_eq!(published(process).len(), 1);
            }
            eprintln!("the next key signed after {took:?}; the old one was believed for {dead:?}");
            place.client(None).get(&format!("{units}&after={next}")).expect(200);
            std::thread::sleep(Duration::from_secs(1));
        }));
        old_over.store(true, Ordering::Relaxed);
        over.store(true, Ordering::Relaxed);
        story.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked));
    });
    let (answers, errors) = (answers.into_inner(), errors.into_inner().expect("errors"));
    eprintln!("{answers} answers meanwhile");
    assert!(answers > 100, "{answers}");
    assert_eq!(errors, Vec::<String>::new(), "of {answers}");
}

#[test]
fn a_key_is_rotated_under_load_and_nobody_notices_on_sqlite() {
    let place = Place::new();
    let target = Target::Sqlite(place.path("sigida.db").into());
    rotate_under_load(place, &target);
}

#[test]
fn a_key_is_rotated_under_load_and_nobody_notices_on_postgresql() {
    let Some(cluster) = Cluster::durable() else { return };
    let target = cluster.make_database("sigida");
    rotate_under_load(Place::new().with("SIGIDA_DATABASE_URL", &cluster.url("sigida")), &target);
}

#[test]
fn a_stolen_key_is_believed_no_more_within_five_seconds() {
    let town = Town::on_sqlite(Stage::Gathered);
    session::person(&town, "amadou");
    let place = place(&town);
    let _service = place.serve_ready();
    let thief = place.keys();
    let tokens = sign_in(&place, "amadou");
    let forge = || thief.sign(town.person("mayor"), now()).expect("a token");
    let forged = forge();
    assert_eq!((me(&place, &forged), me(&place, &tokens.text("/access_token"))), (200, 200));
    // A key that was about to sign lay beside the stolen one.
    let next = Path::new(&place.path("key.next.pem")).to_owned();
    let prepared = Keys::create(&next, 600).expect("a key");
    noticed("the prepared key is believed", || me(&place, &prepared.sign(town.person("mayor"), now()).expect("a token")) == 200);

    let ended = place.run(&["rotate-key", "--stolen"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let dead = noticed("the stolen key is believed no more", || me(&place, &forged) == 401);
    eprintln!("a stolen key was believed for {dead:?}");
    for token in [forge(), prepared.sign(town.person("mayor"), now()).expect("a token"), tokens.text("/access_token")] {
        place.client(Some(token)).get("/v1/me").refused(401, "TOKEN_INVALID");
    }
    assert_eq!(published(&place).len(), 1);
    // A session goes on: it never rested on the key.
    let renewed = session::renew(&place.client(None), &tokens.text("/refresh_token")).expect(200);
    assert_eq!(me(&place, &renewed.text("/access_token")), 200);
    place.refuses(&["rotate-key", "--stolen", "--config", "nowhere.toml"], "not found");
}

#[test]
fn a_key_file_that_cannot_be_used_leaves_its_key_in_use() {
    let town = Town::on_sqlite(Stage::Gathered);
    session::person(&town, "amadou");
    let place = place(&town);
    let place = place.with("SIGIDA_VERIFYING_KEY_FILES", "partner.pem, earlier.pem,not-yet.pem");
    let mayor = town.person("mayor");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let [partner, earlier] = ["partner", "earlier"].map(|name| {
        let path = elsewhere.path().join(name);
        let keys = Keys::create(&path, 600).expect("a key");
        (keys, std::fs::read_to_string(path).expect("the key"))
    });
    let token = |keys: &Keys| keys.sign(mayor, now()).expect("a token");
    let signing = std::fs::read_to_string(place.path("key.pem")).expect("the key");
    place.keep("earlier.pem", 0o600, &earlier.1);
    let _service = place.serve_ready();
    assert_eq!((me(&place, &token(&earlier.0)), me(&place, &token(&partner.0))), (200, 401));
    // The public half is enough to believe, and others may read it.
    let point = URL_SAFE_NO_PAD.decode(serde_json::to_value(&partner.0.jwks().keys[0]).expect("a key")["x"].as_str().expect("x"));
    let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", point.expect("base64").as_slice()].concat();
    let public = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    place.keep("partner.pem", 0o644, &public);
    noticed("a public key is believed", || me(&place, &token(&partner.0)) == 200);

    // All three at once: garbage, a public key where one has to sign, a private key that others can read.
    place.keep("partner.pem", 0o600, "geheim");
    place.keep("earlier.pem", 0o644, &earlier.1);
    for bad in ["geheim", &public, ""] {
        place.keep("key.pem", 0o600, bad);
        std::thread::sleep(Duration::from_secs(4));
        for token in [token(&partner.0), token(&earlier.0), sign_in(&place, "amadou").text("/access_token")] {
            assert_eq!(me(&place, &token), 200, "{bad:?}");
        }
    }
    std::fs::remove_file(place.path("key.pem")).expect("removed");
    let log = || std::fs::read_to_string(place.path("service.log")).expect("the log");
    noticed("it is logged", || log().contains("there is none; the key that was in use goes on"));
    for why in ["partner.pem: the verifying key cannot be used", "earlier.pem can be read by others", "it is a public key"] {
        assert!(log().contains(why), "{why}: {}", log());
    }
    assert!(log().lines().filter(|line| line.contains(" ERROR ")).count() < 10, "each once: {}", log());
    assert!(!log().contains("geheim"), "no content of a file in the log");
    assert_eq!(published(&place).len(), 3);
    // A start is stricter: it does not guess.
    place.beside().refuses(&["serve"], "key");
    // What is mended counts again, and one file that cannot be used keeps no other from being emptied.
    place.keep("key.pem", 0o600, &signing);
    place.keep("earlier.pem", 0o600, "\n");
    noticed("an emptied file holds no key", || me(&place, &token(&earlier.0)) == 401);
    assert_eq!((me(&place, &token(&partner.0)), published(&place).len()), (200, 2));
}

#[test]
fn a_rotation_begins_where_it_was_interrupted_and_never_where_nobody_would_follow() {
    let place = Place::new();
    let elsewhere = |place: Place| place.with("SIGIDA_VERIFYING_KEY_FILES", "other.pem");
    elsewhere(Place::new()).refuses(&["rotate-key"], "key.next.pem: nobody would believe its key");
    Place::new().without("SIGIDA_SIGNING_KEY_FILE").refuses(&["rotate-key"], "SIGIDA_SIGNING_KEY_FILE");
    assert_eq!(place.run(&["rotate-key", "--wait", "4"]).code, Some(2), "others need time to notice");
    assert_eq!(place.run(&["rotate-key", "--wait", "9", "--stolen"]).code, Some(2));
    let read = |name: &str| std::fs::read_to_string(place.path(name));
    let present = read("key.pem").expect("a key");
    let prepared = Keys::create(Path::new(&place.path("key.next.pem")), 600).expect("a key");
    let ended = place.run(&["rotate-key", "--wait", "5"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let name = prepared.jwks().keys[0].common.key_id.clone().expect("a name");
    assert!(ended.out.contains(&name) && ended.out.contains("key.previous.pem"), "{}", ended.out);
    assert!(!ended.out.contains("PRIVATE"));
    assert_eq!(place.keys().jwks(), prepared.jwks(), "the prepared key signs");
    assert_eq!(read("key.previous.pem").expect("the one before"), present);
    assert!(read("key.next.pem").is_err());
    for name in ["key.pem", "key.previous.pem"] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(place.path(name)).expect("there").permissions().mode() & 0o777, 0o600, "{name}");
    }
    std::fs::remove_file(place.path("key.previous.pem")).expect("removed");
    place.keep("key.next.pem", 0o600, "garbage");
    place.refuses(&["rotate-key"], "key.next.pem");
    assert_eq!(place.keys().jwks(), prepared.jwks(), "nothing changed");
}
