//! Sensitive reads: recorded before they are answered, for every operation that the table of access marks.

use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use api::access::{Effect, OPERATIONS, Recorded};
use aws_lc_rs::digest::{SHA256, digest};
use db::store::Sizes;
use serde_json::{Value, json};

use super::{found, missed, one, tamper};
use crate::edge::{Edge, Held, is_busy};
use crate::harness::{Answer, Client, Stage, Town};
use crate::identity::session;
use crate::on_both_engines;
use crate::status::{Draft, every_operation};
use db::connection::Conn;
use diesel::connection::SimpleConnection as _;
use domain::id::OrganisationId;

/// What is recorded in an organisation, latest first.
fn records(client: &Client, organisation: impl std::fmt::Display, filters: &str) -> Vec<Value> {
    let page = client.get(&format!("/v1/organisations/{organisation}/access-records?limit=200{filters}")).expect(200).json();
    assert!(page["page"]["next"].is_null(), "few enough for a page");
    let mut records = page["data"].as_array().expect("rows").clone();
    records.reverse();
    records
}

/// Every operation that reads: those that are recorded, and the others. Each was asked once: the first answer of an operation is asked
/// for a second time by the harness.
fn reads(town: &Town) -> (Vec<Draft>, Vec<Draft>) {
    let reads = every_operation(town).into_iter().filter(|draft| draft.operation.effect == Effect::Read);
    let (recorded, others): (Vec<Draft>, Vec<Draft>) = reads.partition(|draft| draft.operation.recorded != Recorded::Never);
    recorded.iter().for_each(|draft| drop(draft.send(&town.client(draft.login)).expect(200)));
    (recorded, others)
}

/// How many records the database holds.
fn kept(town: &Town) -> i64 {
    one(&mut town.connection(), "SELECT CAST(COUNT(*) AS TEXT) AS x FROM access_records").parse().expect("a number")
}

/// Whose log a request stands in.
fn organisation_of(town: &Town, draft: &Draft) -> String {
    let of_the_path = draft.pattern.contains("{organisation_id}");
    if of_the_path { town.commune_id().to_string() } else { OrganisationId::platform().to_string() }
}

fn sha256(bytes: &[u8]) -> String {
    domain::audit::hex(digest(&SHA256, bytes).as_ref())
}

/// The ids that an answer tells: its rows', in their order.
fn told(answer: &Answer) -> Vec<Value> {
    let json: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
    json["data"].as_array().into_iter().flatten().map(|row| row["id"].clone()).collect()
}

/// Makes every record impossible, or possible again, beneath the API.
fn forbid_records(town: &Town, forbidden: bool) {
    let mut conn = town.connection();
    let sql = match (&conn, forbidden) {
        (Conn::Sqlite(_), true) => "CREATE TRIGGER forbidden BEFORE INSERT ON access_records BEGIN SELECT RAISE(ABORT, 'no'); END",
        (Conn::Sqlite(_), false) => "DROP TRIGGER forbidden",
        (Conn::Pg(_), true) => "CREATE TRIGGER forbidden BEFORE INSERT ON access_records EXECUTE FUNCTION refuse_change()",
        (Conn::Pg(_), false) => "DROP TRIGGER forbidden ON access_records",
    };
    conn.batch_execute(sql).expect("done beneath the API");
}

on_both_engines! {
    Stage::Open, fn every_sensitive_read_has_its_record_when_it_is_answered(town) {
        let admin = town.client("administrator");
        let (drafts, others) = reads(town);
        let marked = OPERATIONS.iter().filter(|operation| operation.recorded != Recorded::Never).count();
        assert_eq!((drafts.len(), marked >= 14), (marked, true), "only what reads is marked");
        for draft in &drafts {
            let (organisation, before) = (organisation_of(town, draft), kept(town));
            let answer = draft.send(&town.client(draft.login)).expect(200);
            assert_eq!(kept(town), before + 1, "{}", draft.id());
            let record = records(&admin, &organisation, "").into_iter().find(|record| record["operation"] == draft.id()).expect("a record");
            assert_eq!(record["principal_id"], json!(town.person(draft.login)));
            assert_eq!(record["reason"], json!("Contrôle annuel"));
            assert_eq!(record["answer_sha256"], json!(sha256(&answer.bytes)), "{}", draft.id());
            assert_eq!(record["request_sha256"], json!(sha256(format!("GET {}?", draft.path).as_bytes())));
            let told = told(&answer);
            let subjects = record["subject_ids"].as_array().expect("ids").clone();
            assert!(subjects.ends_with(&told), "{}: {record}", draft.id());
            let named: Vec<&str> = draft.path.split('/').filter(|part| part.len() == 36 && **part != organisation).collect();
            assert_eq!(subjects.len(), named.len() + told.len(), "{}: {record}", draft.id());
            for named in named {
                let about = records(&admin, &organisation, &format!("&subject_id={named}&operation={}", draft.id()));
                assert_eq!(about.first(), Some(&record), "found by what was asked for");
            }
        }
        // What is not marked, and what is refused, leaves no record.
        let before = kept(town);
        for draft in &others {
            draft.send(&town.client(draft.login));
        }
        for draft in &drafts {
            draft.send(&town.stranger()).refused(401, "TOKEN_MISSING");
            draft.clone().with("access-reason", "%0A%0A%0A").send(&town.client(draft.login)).refused(400, "ACCESS_REASON_REQUIRED");
        }
        assert_eq!(kept(town), before);
    }

    Stage::Open, fn what_cannot_be_recorded_is_not_told(town) {
        let (drafts, _) = reads(town);
        let before = kept(town);
        // The database takes no record.
        forbid_records(town, true);
        for draft in &drafts {
            is_busy(draft.send(&town.client(draft.login)));
        }
        forbid_records(town, false);
        assert_eq!(kept(town), before);
        // The lane is held, and its queue is full; readers are free.
        let edge = Edge::open(town, Sizes { readers: 4, lanes: 1, reads_waiting: 4, writes_waiting: 1 });
        let held = Held::nothing().lane(&edge.store);
        let mut waiting = pin!(edge.store.keep(|_| Ok(())));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        for draft in &drafts {
            is_busy(draft.send(&edge.someone(town, draft.login)));
        }
        held.release();
        assert_eq!(kept(town), before);
        for draft in &drafts {
            draft.send(&town.client(draft.login)).expect(200);
        }
        assert_eq!(kept(town), before + i64::try_from(drafts.len()).expect("few"));
        eprintln!("{} operations, held back twice each, and told once", drafts.len());
    }

    Stage::Open, fn the_log_tells_who_read_from_where_and_who_read_the_log(town) {
        crate::identity::kinship::id(town);
        let (admin, auditor, commune) = (town.client("administrator"), town.client("auditor"), town.commune_id());
        let kin = town.path("/kinships");
        // Why is asked for before anything is told, and kept as it was meant.
        auditor.send("GET", &kin, &[], &[]).refused(400, "ACCESS_REASON_REQUIRED");
        let say = |reason: &str| auditor.send("GET", &kin, &[("access-reason", reason)], &[]);
        let refusal = say("ok").refused(400, "ACCESS_REASON_REQUIRED");
        assert_eq!(refusal.json()["facts"], json!({ "minimum": 3, "maximum": 200 }));
        for wrong in ["   ", "%F0%28%8C%28", "a%0Aforged%20line", &"a".repeat(201)] {
            say(wrong).refused(400, "ACCESS_REASON_REQUIRED");
        }
        auditor.send("GET", &kin, &[("access-reason", "one"), ("access-reason", "another")], &[]).refused(400, "ACCESS_REASON_REQUIRED");
        say("Enqu%C3%AAte sur la r%C3%A9gie").expect(200);
        assert_eq!(records(&admin, commune, "&operation=list_kinships")[0]["reason"], json!("Enquête sur la régie"));
        // Those from elsewhere stand in the log of the organisation that they look into, with where they sit.
        town.client("accountant").get(&town.path("/receipts")).expect(200);
        let by_accountant = format!("&principal_id={}", town.person("accountant"));
        let seen = records(&admin, commune, &by_accountant);
        assert_eq!((seen.len(), &seen[0]["role"]), (1, &json!("accountant")));
        assert!(seen[0]["seat_id"].is_string() && seen[0]["session_id"].is_null(), "{seen:?}");
        admin.get(&kin).expect(200);
        let by_admin = format!("&principal_id={}", town.person("administrator"));
        assert_eq!(records(&auditor, commune, &format!("{by_admin}&operation=list_kinships")).len(), 1, "an administrator of the platform");
        // Who is not told restricted rows is not recorded; a session is named.
        town.client("certifier").get(&town.path("/receipts")).expect(200);
        assert_eq!(records(&admin, commune, &format!("&principal_id={}", town.person("certifier"))), Vec::<Value>::new());
        session::person(town, "moussa");
        let moussa = session::begin(town, "moussa");
        let id = session::holder(town, &moussa).get("/v1/me").expect(200).text("/principal/id").parse().expect("an id");
        crate::access::assign(town, commune, domain::id::PrincipalId(id), "auditor", "2025-02-01", None).expect(201);
        std::thread::sleep(Duration::from_secs(2));
        session::holder(town, &moussa).get(&kin).expect(200);
        assert_eq!(records(&admin, commune, &format!("&principal_id={id}"))[0]["session_id"], json!(moussa.text("/session_id")));
        // Who reads the log stands in it, here and on the platform, and days bound it.
        let reads = || records(&admin, commune, "&operation=list_access_records").len();
        let before = reads();
        assert_eq!(reads(), before + 1);
        auditor.get(&town.path("/access-records")).expect(200);
        assert_eq!(reads(), before + 3);
        admin.get("/v1/principals").expect(200);
        assert!(!records(&admin, OrganisationId::platform(), "&operation=list_principals").is_empty());
        let today = chrono::Utc::now().date_naive();
        assert!(!records(&admin, commune, &format!("&from={today}")).is_empty());
        assert!(records(&admin, commune, "&to=2020-01-01").is_empty());
        // Nobody else reads it, and the feed does not tell who looked into whom.
        for login in ["mayor", "accountant", "certifier", "state-representative", "partner-system"] {
            town.client(login).get(&town.path("/access-records")).refused(403, "ROLE_MISSING");
        }
        let feed = town.client("mayor").get("/v1/events?kind=access.recorded").expect(200).json();
        let event = &feed["data"][0];
        assert_eq!((&event["principal_id"], &event["role"]), (&Value::Null, &json!("system")));
        assert_eq!(event["facts"].as_object().map(|facts| facts.keys().cloned().collect::<Vec<_>>()), Some(vec!["digest".to_owned()]));
    }

    Stage::Open, fn no_record_is_changed_or_taken_away_unseen(town) {
        crate::identity::kinship::id(town);
        let auditor = town.client("auditor");
        auditor.get(&town.path("/kinships")).expect(200);
        for table in ["access_records", "access_record_subjects"] {
            for sql in [format!("UPDATE {table} SET organisation_id = organisation_id"), format!("DELETE FROM {table}")] {
                let error = town.connection().batch_execute(&sql).expect_err(&sql).to_string();
                assert!(error.contains("append-only"), "{sql}: {error}");
            }
        }
        town.verify().expect("verified before");
        let reason = |from: &str, to: &str| format!("UPDATE access_records SET reason = '{to}' WHERE reason = '{from}'");
        found(town, "access_records", &reason("Proof", "Other"), &reason("Other", "Proof"), &["access record", "the chain"]);
        missed(town, "access_record_subjects", "position = 1", &["access record", "the chain"]);
        tamper(town, "access_record_subjects", "DELETE FROM access_record_subjects");
        tamper(town, "access_records", "DELETE FROM access_records");
        let said = town.verify().expect_err("no record for what the chain says");
        assert!(said.contains("access records for"), "{said}");
    }

    Stage::Open, fn what_recording_costs(town) {
        const READS: u32 = 60;
        let (mayor, debtors, suppliers) = (town.client("mayor"), town.path("/debtors"), town.path("/suppliers"));
        let took = |path: &str| {
            mayor.get(path).expect(200);
            let since = Instant::now();
            for _ in 0..READS {
                mayor.get(path).expect(200);
            }
            since.elapsed() / READS
        };
        let (plain, recorded) = (took(&suppliers), took(&debtors));
        eprintln!("a read takes {plain:?}, one that is recorded {recorded:?}");
        assert!(recorded < Duration::from_secs(1), "{recorded:?}");
    }
}
