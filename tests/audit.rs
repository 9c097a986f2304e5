//! What happened: the feed of events, the chain that anyone can recompute, what the database refuses, and what
//! `verify` finds when someone went around it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use db::connection::Conn;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use domain::audit::{GENESIS, hex, leaf_hash};
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

/// The feed of someone with some filters, followed by the cursor to its end.
fn follow(client: &Client, filters: &str, limit: u32) -> Vec<Value> {
    let mut followed = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/v1/events?limit={limit}{filters}{after}")).expect(200);
        followed.extend(rows(&page));
        match page.json()["page"]["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return followed,
        }
    }
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
            let query = format!("SELECT COALESCE(GROUP_CONCAT('DROP TRIGGER ' || name, ';'), '') AS x FROM sqlite_master WHERE tbl_name = '{table}' AND type = 'trigger'");
            let drops = one(&mut conn, &query);
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

/// An id as the engine writes it.
fn literal(town: &Town, id: Uuid) -> String {
    match town.connection() {
        Conn::Pg(_) => format!("'{id}'"),
        Conn::Sqlite(_) => format!("x'{}'", id.simple()),
    }
}

/// Tampers, asserts what verification says, and puts everything back.
fn found(town: &Town, table: &str, sql: &str, back: &str, says: &[&str]) {
    tamper(town, table, sql);
    let said = town.verify().expect_err(sql);
    for word in says {
        assert!(said.contains(word), "{sql}\nsays: {said}\nwithout: {word}");
    }
    tamper(town, table, back);
    town.verify().unwrap_or_else(|said| panic!("{back} restored: {said}"));
}

on_both_engines! {
    Stage::Open, fn every_change_of_state_has_who_in_which_role_when_from_what_to_what(town) {
        let begun = chrono::Utc::now();
        let before = follow(&town.client("mayor"), "", 200).len();
        buy_fuel(town);
        let told = follow(&town.client("mayor"), "", 200).split_off(before);
        let seen: Vec<(String, String, String, Value, Value)> = told.iter().map(|event| {
            let text = |member: &str| event[member].as_str().expect("text").to_owned();
            let at: chrono::DateTime<chrono::Utc> = text("recorded_at").parse().expect("an instant");
            assert!(begun <= at && at <= chrono::Utc::now(), "{at}");
            (text("kind"), text("principal_id"), text("role"), event["state_before"].clone(), event["state_after"].clone())
        }).collect();
        for line in &seen { println!("{line:?}"); }
        let step = |kind: &str, who: &str, role: &str, before: Value, after: Value| {
            (kind.to_owned(), town.person(who).to_string(), role.to_owned(), before, after)
        };
        let expected: Vec<(String, String, String, Value, Value)> = vec![
            step("commitment.recorded", "mayor", "authorising_officer", Value::Null, json!("open")),
        ];
        assert_eq!(seen, expected);
    }
}
