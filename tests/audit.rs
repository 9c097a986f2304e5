//! What happened: the feed of events, the chain that anyone can recompute, what the database refuses, and what
//! `verify` finds when someone went around it.

mod access_record;
mod quota;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use db::connection::Conn;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use domain::audit::{Actor, EventText, GENESIS, Place, canonical_text_bytes, hex, leaf_hash};
use domain::id::{OrganisationId, PrincipalId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::expenditure::{commit_fuel, transmit_order, verify};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// Fuel from the commitment to the payment, with one order rejected on the way.
fn buy_fuel(town: &Town) {
    let commitment = town.path(&format!("/commitments/{}", commit_fuel(town, "850000").expect(201).id()));
    let verification = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-0117", "850000").expect(201).id()));
    town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
    let accountant = town.client("accountant");
    let order = transmit_order(town, &verification, "850000");
    accountant.act(&order, "/rejection", &json!({ "reason": "R06", "text": "Journal manquant" })).expect(200);
    let order = transmit_order(town, &verification, "850000");
    accountant.act(&order, "/acceptance", &json!({})).expect(200);
    let body = json!({ "payee_id": town.supplier("SUP-0012"), "amount": "850000", "currency": "XOF", "mode": "transfer" });
    accountant.act(&order, "/payments", &body).expect(201);
}

/// The rows of a page of the feed.
fn rows(answer: &Answer) -> Vec<Value> {
    answer.json()["data"].as_array().expect("rows").clone()
}

/// The feed of someone with some filters, followed by the cursor until it has nothing new; and the cursor to ask again.
fn follow(client: &Client, filters: &str, limit: u32) -> (Vec<Value>, String) {
    let mut followed = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/v1/events?limit={limit}{filters}{after}")).expect(200);
        after = format!("&after={}", page.text("/page/next"));
        if rows(&page).is_empty() {
            return (followed, after);
        }
        followed.extend(rows(&page));
    }
}

fn events(client: &Client) -> Vec<Value> {
    follow(client, "", 200).0
}

fn number(event: &Value, member: &str) -> i64 {
    event[member].as_i64().expect("a number")
}

/// Someone went around the API: the guards are put aside, and it is done.
fn tamper(town: &Town, table: &str, sql: &str) {
    let mut conn = town.connection();
    conn.batch_execute("CREATE TABLE IF NOT EXISTS tampered (x integer)").expect("the mark");
    let unguarded = match &conn {
        Conn::Pg(_) => format!("SET session_replication_role = replica; {sql}"),
        Conn::Sqlite(_) => {
            let guards = format!("FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('{table}', 'entries')");
            let drops = one(&mut conn, &format!("SELECT COALESCE(GROUP_CONCAT('DROP TRIGGER ' || name, ';'), '') AS x {guards}"));
            format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {drops}; {sql}")
        }
    };
    conn.batch_execute(&unguarded).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The one text of a query's one row.
fn one(conn: &mut Conn, query: &str) -> String {
    #[derive(QueryableByName)]
    struct One {
        #[diesel(sql_type = diesel::sql_types::Text)]
        x: String,
    }
    let one: One = db::on_engine!(conn, |inner| diesel::sql_query(query).get_result(inner)).expect("a row");
    one.x
}

/// Tampers, asserts what verification says, and puts everything back.
pub fn found(town: &Town, table: &str, sql: &str, back: &str, says: &[&str]) {
    tamper(town, table, sql);
    let said = town.verify().expect_err(sql);
    for word in says {
        assert!(said.contains(word), "{sql}\nsays: {said}\nwithout: {word}");
    }
    tamper(town, table, back);
    town.verify().unwrap_or_else(|said| panic!("{back} restored: {said}"));
}

/// As [`found`], for rows that are deleted and put back.
pub fn missed(town: &Town, table: &str, rows: &str, says: &[&str]) {
    let delete = format!("CREATE TABLE kept AS SELECT * FROM {table} WHERE {rows}; DELETE FROM {table} WHERE {rows}");
    let back = format!("INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept");
    found(town, table, &delete, &back, says);
}

/// Tables whose rows go from state to state by acts on them, named after the subject of their events.
const STATEFUL: [&str; 10] = [
    "budgets",
    "commitments",
    "verifications",
    "payment_orders",
    "payment_order_corrections",
    "cash_offices",
    "imprest_expenses",
    "justification_slips",
    "revenue_orders",
    "revenue_adjustments",
];

/// In which state each row of a table stands.
fn standing(town: &Town, table: &str) -> Vec<(Uuid, String)> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        id: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        state: String,
    }
    let mut conn = town.connection();
    let id = if matches!(conn, Conn::Pg(_)) { "CAST(id AS text)" } else { "HEX(id)" };
    let query = format!("SELECT {id} AS id, state FROM {table}");
    let rows: Vec<Row> = db::on_engine!(&mut conn, |inner| diesel::sql_query(query).load(inner)).expect("rows");
    rows.into_iter().map(|row| (row.id.parse().expect("an id"), row.state)).collect()
}

const COMMUNE: &str = "organisation_id = (SELECT id FROM organisations WHERE code = 'ML-C01')";

on_both_engines! {
    Stage::Open, fn every_change_of_state_has_who_in_which_role_when_from_what_to_what(town) {
        let begun = chrono::Utc::now();
        let before = events(&town.client("mayor")).len();
        buy_fuel(town);
        let told = events(&town.client("mayor")).split_off(before);
        let seen: Vec<[String; 5]> = told.iter().map(|event| {
            let at: chrono::DateTime<chrono::Utc> = event["recorded_at"].as_str().expect("text").parse().expect("an instant");
            assert!(begun.timestamp_micros() <= at.timestamp_micros() && at <= chrono::Utc::now(), "{at}");
            ["kind", "principal_id", "role", "state_before", "state_after"].map(|member| event[member].as_str().unwrap_or("-").to_owned())
        }).collect();
        let step = |kind: &str, who: &str, role: &str, before: &str, after: &str| {
            [kind, &town.person(who).to_string(), role, before, after].map(str::to_owned)
        };
        let ordered = || [
            step("payment_order.drafted", "finance-officer", "finance_officer", "-", "draft"),
            step("payment_order.signed", "mayor", "authorising_officer", "draft", "signed"),
            step("verification.moved", "mayor", "authorising_officer", "certified", "ordered"),
            step("payment_order_batch.transmitted", "mayor", "authorising_officer", "-", "-"),
            step("payment_order.transmitted", "mayor", "authorising_officer", "signed", "transmitted"),
        ];
        let mut expected = vec![
            step("commitment.recorded", "mayor", "authorising_officer", "-", "active"),
            step("verification.recorded", "finance-officer", "finance_officer", "-", "recorded"),
            step("commitment.verified", "finance-officer", "finance_officer", "active", "settled"),
            step("verification.certified", "certifier", "certifier", "recorded", "certified"),
        ];
        expected.extend(ordered());
        expected.push(step("payment_order.rejected", "accountant", "accountant", "transmitted", "rejected"));
        expected.push(step("verification.moved", "accountant", "accountant", "ordered", "certified"));
        expected.extend(ordered());
        expected.extend([
            step("payment_order.accepted", "accountant", "accountant", "transmitted", "accepted"),
            step("payment.made", "accountant", "accountant", "-", "-"),
            step("payment_order.paid", "accountant", "accountant", "accepted", "paid"),
        ]);
        assert_eq!(seen, expected);
    }

    Stage::Open, fn what_the_chain_said_last_is_what_stands(town) {
        buy_fuel(town);
        let [commitment, _, order] = crate::expenditure::fuel(town, "F-0118", "1000");
        crate::expenditure::accept(town, &order);
        let accountant = town.client("accountant");
        for (kind, amount) in [("reduction", "400"), ("cancellation", "600")] {
            let correction = crate::expenditure::issue(town, &order, kind, amount).expect(201).id();
            let correction = town.path(&format!("/payment-order-corrections/{correction}"));
            accountant.act(&correction, "/acceptance", &json!({})).expect(200);
        }
        let again = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-0119", "1000").expect(201).id()));
        let mistake = json!({ "reason": "Erreur de saisie" });
        town.client("mayor").act(&again, "/cancellation", &mistake).expect(200);
        town.client("mayor").act(&commitment, "/release", &mistake).expect(200);
        crate::cash_office::played(town);
        crate::revenue::every_act(town);
        let mut told: BTreeMap<(String, Uuid), String> = BTreeMap::new();
        for event in events(&town.client("auditor")) {
            let Some(after) = event["state_after"].as_str() else { continue };
            assert!(event["principal_id"].is_string() && event["role"] != "none", "someone in a role did it: {event}");
            let id = event["subject_id"].as_str().expect("an id").parse().expect("an id");
            let subject = (event["subject_kind"].as_str().expect("a kind").to_owned(), id);
            if let Some(before) = told.insert(subject, after.to_owned()) {
                assert_eq!(event["state_before"], json!(before), "{before}, then {event}");
            }
        }
        for table in STATEFUL {
            let standing = standing(town, table);
            assert!(!standing.is_empty(), "{table} has rows");
            for (id, state) in standing {
                let subject = (table.trim_end_matches('s').to_owned(), id);
                assert_eq!(told.get(&subject), Some(&state), "{subject:?}");
            }
        }
    }

    Stage::Open, fn the_feed_tells_each_event_once_in_order(town) {
        buy_fuel(town);
        let accountant = town.client("accountant");
        let whole = events(&accountant);
        let (followed, after) = follow(&accountant, "", 2);
        assert_eq!(followed, whole);
        assert!(whole.len() > 20);
        assert!(whole.windows(2).all(|pair| number(&pair[0], "position") < number(&pair[1], "position")));
        let sequences: Vec<i64> = whole.iter().map(|event| number(event, "sequence")).collect();
        assert!(sequences.iter().copied().eq(1..=i64::try_from(whole.len()).expect("few")), "without gap: {sequences:?}");
        // Who keeps the cursor gets what happens later, and that alone.
        let id = commit_fuel(town, "1000").expect(201).id();
        let news = rows(&accountant.get(&format!("/v1/events?limit=2{after}")).expect(200));
        assert_eq!(news.len(), 1);
        assert_eq!((&news[0]["kind"], &news[0]["subject_id"]), (&json!("commitment.recorded"), &json!(id)));
        // Filters choose among the same events.
        let of = |filter: &str| follow(&accountant, filter, 2).0;
        assert_eq!(of(&format!("&subject_id={id}")), news);
        let voted: Vec<Value> = whole.iter().filter(|event| event["kind"] == "budget.voted").cloned().collect();
        assert_eq!((of("&kind=budget.voted"), voted.len()), (voted, 1));
        accountant.get(&format!("/v1/events?kind=budget.voted{after}")).refused(400, "CURSOR_INVALID");
        let empty = accountant.get(&format!("/v1/events?subject_id={}", Uuid::new_v4())).expect(200);
        assert_eq!(rows(&empty), Vec::<Value>::new());
    }

    Stage::Open, fn others_events_are_not_told(town) {
        let commune = json!(town.commune_id());
        let platform = domain::id::OrganisationId::platform();
        for who in ["accountant", "mayor", "certifier", "auditor"] {
            let client = town.client(who);
            let told = events(&client);
            assert!(!told.is_empty() && told.iter().all(|event| event["organisation_id"] == commune), "{who}");
            assert_eq!(follow(&client, &format!("&organisation_id={}", town.commune_id()), 200).0, told);
            for elsewhere in [platform.0, Uuid::new_v4()] {
                client.get(&format!("/v1/events?organisation_id={elsewhere}")).refused(404, "NOT_FOUND");
            }
        }
        let told = events(&town.client("administrator"));
        assert!(told.iter().all(|event| event["organisation_id"] == json!(platform)), "who administers reads no books");
        assert!(told.iter().any(|event| event["kind"] == "principal.registered"));
        let partner = town.client("partner-system");
        assert_eq!(rows(&partner.get("/v1/events").expect(200)), Vec::<Value>::new());
        partner.get(&format!("/v1/events?organisation_id={}", town.commune_id())).refused(404, "NOT_FOUND");
        town.stranger().get("/v1/events").refused(401, "TOKEN_MISSING");
        let text = serde_json::to_string(&told).expect("text");
        assert!(!text.contains("fictional") && !text.contains("argon2"), "no name and no secret enters an event");
    }

    Stage::Open, fn anyone_can_recompute_the_chain_from_the_feed(town) {
        buy_fuel(town);
        let mut previous = GENESIS;
        for event in events(&town.client("auditor")) {
            let text = |member: &str| event[member].as_str();
            let bytes = STANDARD.decode(text("bytes").expect("bytes")).expect("base64");
            assert_eq!(&bytes[bytes.len() - 32..], previous, "each names the one before");
            let actor = Actor {
                principal: text("principal_id").map(|id| PrincipalId(id.parse().expect("an id"))),
                role: text("role").expect("a role").to_owned(),
            };
            let place = Place {
                organisation: OrganisationId(town.commune_id()), sequence: number(&event, "sequence"),
                recorded_at: text("recorded_at").expect("when").parse().expect("an instant"), actor: &actor, previous,
            };
            let shown = EventText {
                kind: text("kind").expect("a kind"), subject_kind: text("subject_kind").expect("a kind"),
                subject_id: text("subject_id").expect("an id").parse().expect("an id"), subject_version: number(&event, "subject_version"),
                state_before: text("state_before"), state_after: text("state_after"), facts: &event["facts"].to_string(),
            };
            assert_eq!(canonical_text_bytes(&shown, &place), bytes, "what is shown is what was hashed");
            previous = leaf_hash(&bytes);
            assert_eq!(text("hash"), Some(hex(&previous).as_str()));
        }
        assert_ne!(previous, GENESIS);
    }

    Stage::Open, fn the_database_itself_refuses_to_change_what_happened(town) {
        buy_fuel(town);
        events(&town.client("mayor"));
        let refuse = |sql: String, because: &str| {
            let mut conn = town.connection();
            let error = conn.batch_execute(&sql).expect_err(&sql).to_string();
            assert!(error.contains(because), "{sql}: {error}");
        };
        let before = crate::access::rows(town);
        let log = ["events", "event_positions", "idempotency_keys"];
        let books = ["entries", "postings", "batches", "payments", "consultations", "public_debates"];
        for table in log.into_iter().chain(books) {
            assert!(table == "event_positions" || before[table] > 0, "{table} has rows to guard");
            let column = if table == "idempotency_keys" { "principal_id" } else { "organisation_id" };
            refuse(format!("UPDATE {table} SET {column} = {column}"), "append-only");
            refuse(format!("DELETE FROM {table}"), "append-only");
            if matches!(town.connection(), Conn::Pg(_)) {
                refuse(format!("TRUNCATE {table} CASCADE"), "append-only");
            }
        }
        refuse("UPDATE budget_lines SET organisation_id = organisation_id".to_owned(), "immutable");
        refuse("DELETE FROM budget_lines".to_owned(), "immutable");
        assert_eq!(crate::access::rows(town), before);
    }

    Stage::Open, fn verification_names_what_was_changed_behind_the_api(town) {
        buy_fuel(town);
        town.verify().expect("the books verify before");
        let found = |table: &str, sql: &str, back: &str, says: &[&str]| found(town, table, sql, back, says);
        let up = |table: &str, column: &str, rows: &str, says: &[&str]| {
            let set = |sign: &str| format!("UPDATE {table} SET {column} = {column} {sign} 1 WHERE {rows}");
            found(table, &set("+"), &set("-"), says);
        };
        // The ledger.
        let acceptance = format!("{COMMUNE} AND account_code = '602'");
        up("postings", "debit", &acceptance, &["ML-C01", "entry 2025 expenditure 1", "debits 850001, credits 850000"]);
        let both = |sign: &str| {
            format!(
                "UPDATE postings SET debit = debit {sign} 1 WHERE debit > 849000 AND debit < 851000; \
                 UPDATE postings SET credit = credit {sign} 1 WHERE credit > 849000 AND credit < 851000; \
                 UPDATE entries SET total = total {sign} 1 WHERE total > 849000 AND total < 851000"
            )
        };
        found("postings", &both("+"), &both("-"), &["entry 2025", "not those that were put on the chain"]);
        let date = |from: &str, to: &str| format!("UPDATE entries SET accounting_date = '{to}' WHERE accounting_date = '{from}'");
        found("entries", &date("2025-02-03", "2025-02-04"), &date("2025-02-04", "2025-02-03"), &["entry 2025", "on the chain"]);
        up("balances", "debit", "account_code = '602'", &["balance 2025 602", "850001", "850000"]);
        up("balances", "opening_debit", "account_code = '515'", &["balance 2025 515", "3200001"]);
        // The credits and the documents behind them.
        up("appropriations", "committed", "article = '602'", &["credit 2025 operating 602", "850001"]);
        up("line_executions", "committed", "committed = 850000 OR committed = 850001", &["line", "850001"]);
        up("commitments", "amount", COMMUNE, &["credit 2025 operating 602", "850001"]);
        up("number_series", "last_number", "series = 'commitment'", &["numbers of commitment in 2025", "the last given is 2"]);
        let lower = |sign: &str| format!("UPDATE number_series SET last_number = last_number {sign} 1 WHERE series = 'commitment'");
        found("number_series", &lower("-"), &lower("+"), &["numbers of commitment in 2025", "the last given is 0"]);
        // The chain.
        let fact = |from: &str, to: &str| {
            format!("UPDATE events SET facts = REPLACE(facts, '{from}', '{to}') WHERE kind = 'commitment.recorded'")
        };
        found("events", &fact("850000", "85000"), &fact("85000", "850000"), &["ML-C01, event", "differ from the chained bytes"]);
        let role = |to: &str| format!("UPDATE events SET role = '{to}' WHERE kind = 'budget.voted'");
        found("events", &role("accountant"), &role("council_registrar"), &["ML-C01, event", "differ from the chained bytes"]);
        up("events", "subject_version", "kind = 'budget.voted'", &["differ from the chained bytes"]);
        missed(town, "events", "kind = 'commitment.recorded'", &["ML-C01: event", "is missing"]);
        let last = format!("{COMMUNE} AND sequence = (SELECT MAX(sequence) FROM events WHERE {COMMUNE})");
        missed(town, "events", &last, &["the chain ends at event"]);
        missed(town, "payments", COMMUNE, &["paid 850000, payments sum to 0"]);
        missed(town, "audit_heads", COMMUNE, &["chains for"]);
    }

    Stage::Open, fn a_cut_end_shows_in_the_books_or_to_whoever_kept_a_hash(town) {
        buy_fuel(town);
        let lowered = format!(
            "DELETE FROM events WHERE {COMMUNE} AND sequence = (SELECT sequence FROM audit_heads WHERE {COMMUNE}); \
             UPDATE audit_heads SET sequence = sequence - 1, hash = (SELECT e.hash FROM events e WHERE e.organisation_id = audit_heads.organisation_id \
             AND e.sequence = audit_heads.sequence - 1) WHERE {COMMUNE}"
        );
        let supplier = json!({ "code": "S-9", "name": "Dernier venu" });
        town.client("mayor").create(&town.path("/suppliers"), &supplier).expect(201);
        let kept = events(&town.client("auditor"));
        // The last event moved no money: its removal, with the head lowered, leaves a chain that is whole. Only who kept
        // the hash of the end, outside the database, can tell: here a reader of the feed.
        tamper(town, "events", &lowered);
        town.verify().expect("a shorter chain is a whole chain");
        let left = events(&town.client("auditor"));
        assert_eq!(left[..], kept[..kept.len() - 1]);
        // Two events before, an entry was posted: the ledger says that the chain is too short.
        tamper(town, "events", &lowered);
        town.verify().expect("still whole without the order's state");
        tamper(town, "events", &lowered);
        let said = town.verify().expect_err("an entry without its event");
        assert!(said.contains("on the chain"), "{said}");
    }
}
