//! Every status that the contract names for an operation comes, and tells no more than it should: requests are made from the
//! contract, and one thing after the other is made wrong with them and with the service.

mod draft;
mod kind;
mod state;

use std::collections::BTreeSet;
use std::pin::pin;
use std::task::{Context, Waker};

use api::access::{Effect, Recorded};
use api::demo::cast::LOGINS;
use api::limit::{BODY_MAX, IMPORT_MAX, INTAKE_MAX};
use db::audit::Claim;
use db::connection::Conn;
use db::store::{Author, Known, Outcome, Sizes, Store};
use diesel::connection::SimpleConnection as _;
use domain::audit::{Actor, Event};
use domain::id::OrganisationId;
use serde_json::json;
use uuid::Uuid;

pub use draft::{Draft, drafts, owner};

use crate::access::{Ids, permits, roles_of_the_cast, rows, told};
use crate::edge::{Edge, Held, is_busy};
use crate::engines::live;
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

/// Every operation of the contract, with a request that can be read, on a commune that was played, and the login of one who may
/// send it.
pub fn every_operation(town: &Town) -> Vec<Draft> {
    drafts(town, &Ids::of_a_played_commune(town))
}

/// A key that everybody of the cast has used before.
const USED: &str = "a-key-that-was-used";

/// Keeps an answer under the key for each, beneath the API.
fn use_keys(town: &Town) {
    let store = Store::open_migrated(town.target(), Sizes { readers: 1, lanes: 1, ..Sizes::default() }).expect("the store opens");
    let author = Author { actor: Actor::system(), now: chrono::Utc::now(), today: "2025-02-03".parse().expect("a date") };
    for login in LOGINS {
        let claim = Claim { principal: town.person(login), key: USED.to_owned(), fingerprint: [0; 32] };
        let answer = db::audit::Answer { status: 200, location: None, etag: None, body: b"{}".to_vec() };
        let event = Event::of("key.used", "principal", claim.principal.0, 1);
        let kept =
            store.write_once(OrganisationId::platform(), author.clone(), Known { claim: Some(claim), ..Known::default() }, move |tx| {
                tx.answer = Some(answer.clone());
                Ok(Outcome::Happened((), event.clone().into()))
            });
        actix_web::rt::System::new().block_on(kept).expect("kept");
    }
}

/// What was tried, and what was not answered as it should be.
#[derive(Default)]
struct Findings {
    tried: usize,
    wrong: Vec<String>,
}

impl Findings {
    fn expect(&mut self, draft: &Draft, what: &str, answer: &Answer, status: u16, code: &str) {
        self.tried += 1;
        let told = if answer.status < 400 { String::new() } else { answer.text("/code") };
        if (answer.status, told.as_str()) != (status, code) {
            let said = String::from_utf8_lossy(&answer.bytes).chars().take(300).collect::<String>();
            self.wrong.push(format!("{}: {what}: {} for {status} {code}: {said}", draft.id(), answer.status));
        }
    }

    /// What is wrong in the manners of every operation is refused before anything is looked for.
    fn refuse_bad_manners(&mut self, town: &Town, draft: &Draft) {
        let client = town.client(draft.login);
        let mut refused = |what: &str, wrong: Draft, status, code| self.expect(draft, what, &wrong.send(&client), status, code);
        let good = || draft.clone();
        refused("an unknown parameter", good().asking("no_such_parameter=1"), 400, "REQUEST_PARAMETER_INVALID");
        if draft.names(406) {
            refused("an unknown form", good().with("accept", "image/png"), 406, "NOT_ACCEPTABLE");
        }
        if draft.operation.recorded != Recorded::Never {
            refused("a reason that nobody can read", good().with("access-reason", "a%0Ab"), 400, "ACCESS_REASON_REQUIRED");
        }
        if draft.operation.recorded == Recorded::WithReason {
            refused("no reason", good().without("access-reason"), 400, "ACCESS_REASON_REQUIRED");
        }
        if matches!(draft.operation.effect, Effect::Create | Effect::Act) {
            refused("no key", good().without("idempotency-key"), 400, "IDEMPOTENCY_KEY_MISSING");
            refused("a used key", good().with("idempotency-key", USED), 422, "IDEMPOTENCY_KEY_REUSED");
        }
        if draft.operation.effect == Effect::Act {
            refused("no version", good().without("if-match"), 428, "VERSION_REQUIRED");
            refused("another version", good().with("if-match", "\"999999-json\""), 412, "VERSION_STALE");
        }
        if draft.operation.effect != Effect::Read {
            let (most, unread) = match draft.id() {
                "import_entries" => (INTAKE_MAX, "IMPORT_UNREADABLE"),
                "replace_budget_lines" | "load_endowment_candidates" => (IMPORT_MAX, "REQUEST_BODY_INVALID"),
                _ => (BODY_MAX, "REQUEST_BODY_INVALID"),
            };
            refused("a large body", good().saying(vec![b' '; most + 1]), 413, "BODY_TOO_LARGE");
            refused("an unknown member", good().saying("{\"no_such_member\":1}"), 400, unread);
        }
        if draft.reads_a_body() {
            refused("another kind of body", good().with("content-type", "text/html"), 415, "MEDIA_TYPE_UNSUPPORTED");
        }
        self.expect(draft, "a bad token", &draft.send(&town.bearer("no.such.token")), 401, "TOKEN_INVALID");
    }

    /// What does not exist is not found, however well it is asked for.
    fn miss_what_does_not_exist(&mut self, town: &Town, draft: &Draft) {
        let client = town.client(draft.login);
        for place in draft.places() {
            let unknown = match place {
                "year" => "1999".to_owned(),
                "account" | "code" => "X".to_owned(),
                _ => Uuid::new_v4().to_string(),
            };
            // No account has a name with U+0000, but any other may be asked for.
            let malformed = if place == "account" { "%00" } else { "%20" };
            for nothing in [unknown.as_str(), malformed] {
                let answer = draft.clone().at(|name| (name == place).then(|| nothing.to_owned())).send(&client);
                // A list of what hangs on nothing may be empty, but not malformed.
                let empty = nothing == unknown && answer.status == 200 && [&answer.json()["data"], &answer.json()].contains(&&json!([]));
                if !empty {
                    self.expect(draft, &format!("{nothing} for {place}"), &answer, 404, "NOT_FOUND");
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_request_is_told_for_every_operation() {
    let town = Town::on_sqlite(Stage::Open);
    let cast = roles_of_the_cast(&town);
    let drafts = every_operation(&town);
    use_keys(&town);
    let (before, mut findings) = (rows(&town), Findings::default());
    for draft in &drafts {
        findings.refuse_bad_manners(&town, draft);
        findings.miss_what_does_not_exist(&town, draft);
        if let Some((login, _)) = cast.iter().find(|(_, roles)| !permits(draft.operation, roles)) {
            findings.expect(draft, "a role missing", &draft.send(&town.client(login)), 403, "ROLE_MISSING");
        }
    }
    eprintln!("{} requests with one thing wrong, to {} operations", findings.tried, drafts.len());
    let changed: Vec<(String, i64)> = rows(&town).into_iter().filter(|(table, count)| before[table] != *count).collect();
    assert!(findings.wrong.is_empty(), "{}", findings.wrong.join("\n"));
    assert!(changed.is_empty(), "stored: {changed:?}");
    // A request with nothing wrong in it would have been noticed.
    let (good, mut noticed) = (drafts.iter().find(|draft| draft.id() == "read_meta").expect("there"), Findings::default());
    noticed.expect(good, "nothing", &good.send(&town.stranger()), 401, "TOKEN_INVALID");
    assert_eq!(noticed.wrong.len(), 1);
}

/// A store of which every reader, or the only lane, is held, with no place left to wait.
fn full() -> Sizes {
    Sizes { readers: 2, lanes: 1, reads_waiting: 0, writes_waiting: 1 }
}

/// Lets one more write wait for the lane that is held.
fn fill_lane(store: &Store) -> impl Future<Output = Result<(), db::fault::Fault>> + '_ {
    store.keep(|_| Ok(()))
}

/// What is left of a broken service: the same words for every operation, and nothing of the inside.
fn is_broken(answer: &Answer) {
    let expected = json!({
        "type": "/v1/problems/SERVICE_BROKEN", "title": "Erreur interne", "status": 500, "code": "SERVICE_BROKEN",
        "detail": "L'incident est journalisé ; citez request_id.",
    });
    assert_eq!(told(answer), (500, expected));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(Some(answer.text("/request_id").as_str()), answer.header("x-request-id"));
}

/// Takes tables away from under the service: all, or all but those named.
fn lose_tables(town: &Town, kept: &[&str]) {
    let tables = live(town).into_keys().filter(|table| !table.starts_with("lost_") && !kept.contains(&table.as_str()));
    let mut conn = town.connection();
    if matches!(conn, Conn::Sqlite(_)) {
        conn.batch_execute("PRAGMA legacy_alter_table = ON; PRAGMA foreign_keys = OFF").expect("a pragma");
    }
    for table in tables {
        conn.batch_execute(&format!("ALTER TABLE {table} RENAME TO lost_{table}")).expect("renamed");
    }
}

/// What tells who calls.
const STANDING: [&str; 3] = ["principals", "role_assignments", "sessions"];

on_both_engines! {
    Stage::Open, fn a_full_service_sends_every_operation_away_and_a_broken_one_tells_nothing_of_itself(town) {
        let drafts = every_operation(town);
        let before = rows(town);
        let edge = Edge::open(town, full());
        let held = Held::nothing().reader(&edge.store).reader(&edge.store);
        let mut served = BTreeSet::new();
        for draft in &drafts {
            is_busy(draft.send(&edge.someone(town, draft.login)));
            let answer = draft.send(&edge.stranger());
            assert!(answer.status < 500 || answer.status == 503, "{}: {answer:?}", draft.id());
            if answer.status < 300 {
                served.insert(draft.id());
            }
        }
        held.release();
        assert!(served.contains("read_liveness") && served.len() < 10, "what needs no database is served to strangers: {served:?}");
        let held = Held::nothing().lane(&edge.store);
        let mut waiting = pin!(fill_lane(&edge.store));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let (mut sent_away, mut refused) = (0, Vec::new());
        for draft in drafts.iter().filter(|draft| draft.operation.effect != Effect::Read) {
            let answer = draft.send(&edge.someone(town, draft.login));
            if answer.status == 503 {
                is_busy(answer);
                sent_away += 1;
            } else {
                assert!(answer.status < 500, "{}: {answer:?}", draft.id());
                refused.push(draft.id());
            }
        }
        held.release();
        eprintln!("{} operations sent away by full readers, {sent_away} writes by a full lane", drafts.len());
        // This server has no sealing key, their tokens belong to no session, and there is nothing to confirm.
        assert_eq!(refused, ["enrol_authenticator", "confirm_authenticator", "reauthenticate", "sign_out"]);
        assert_eq!(rows(town), before, "nothing was stored");

        town.connection().batch_execute("CREATE TABLE tampered (id BIGINT)").expect("a mark");
        lose_tables(town, &[&STANDING[..], &["tampered"]].concat());
        let edge = Edge::open(town, Sizes::default());
        let mut broken = 0;
        for draft in &drafts {
            let answer = draft.send(&edge.someone(town, draft.login));
            if answer.status == 503 && draft.operation.recorded != Recorded::Never {
                // It could be read, but not recorded.
                is_busy(answer);
            } else if answer.status >= 500 {
                is_broken(&answer);
                broken += 1;
            }
        }
        assert!(broken > 180, "{broken}");
        lose_tables(town, &["tampered"]);
        let edge = Edge::open(town, Sizes::default());
        for draft in &drafts {
            is_broken(&draft.send(&edge.someone(town, draft.login)));
            let answer = draft.send(&edge.stranger());
            if answer.status >= 500 {
                is_broken(&answer);
            }
        }
        eprintln!("{broken} operations broken behind the standing of their caller, {} by it", drafts.len());
    }
}
