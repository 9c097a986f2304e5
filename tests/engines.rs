//! Two engines, one program: the schemas are equal, and the same requests get the same answers.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use regex::Regex;
use serde_json::{Value, json};

use crate::contract::{Contract, filled};
use crate::harness::witness::as_written;
use crate::harness::{Answer, Stage, Town};
use crate::{cash_office, expenditure, revenue};

/// A column: its type, whether it may be absent, and its place in the primary key (0 for none).
type Column = (String, bool, i64);
/// Tables by name, columns by name.
pub type Tables = BTreeMap<String, BTreeMap<String, Column>>;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    of: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    required: i64,
    #[diesel(sql_type = BigInt)]
    key: i64,
}

const SQLITE: &str = "SELECT m.name AS of, c.name AS name, lower(c.type) AS kind, c.\"notnull\" AS required, c.pk AS key \
    FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";

const POSTGRESQL: &str = "SELECT c.table_name::text AS of, c.column_name::text AS name, \
    CASE c.data_type WHEN 'timestamp with time zone' THEN 'timestamptz' ELSE c.data_type::text END AS kind, \
    (c.is_nullable = 'NO')::int::bigint AS required, COALESCE(k.ordinal_position, 0)::bigint AS key \
    FROM information_schema.columns c \
    LEFT JOIN (information_schema.table_constraints p \
    JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)) \
    ON p.constraint_type = 'PRIMARY KEY' AND p.table_name = c.table_name AND k.column_name = c.column_name \
    AND p.table_schema = c.table_schema WHERE c.table_schema = current_schema()";

/// A query of several columns of text, in the engine's own words.
fn ask(town: &Town, sqlite: &str, postgresql: &str) -> Vec<Row> {
    let mut conn = town.connection();
    let sql = match conn {
        db::connection::Conn::Sqlite(_) => sqlite,
        db::connection::Conn::Pg(_) => postgresql,
    };
    db::on_engine!(&mut conn, |inner| diesel::sql_query(sql).load::<Row>(inner)).expect("the catalogue answers")
}

/// The tables that a database has, but those of the migrations' own bookkeeping.
pub fn live(town: &Town) -> Tables {
    let mut tables = Tables::new();
    let rows = ask(town, SQLITE, POSTGRESQL);
    for row in rows.into_iter().filter(|row| !row.of.starts_with("sqlite_") && !row.of.starts_with("__")) {
        tables.entry(row.of).or_default().insert(row.name, (row.kind, row.required == 0, row.key));
    }
    tables
}

/// The tables that the queries are written against.
fn written() -> Tables {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../db/src/schema");
    let files = std::fs::read_dir(folder).expect("the tables").map(|file| file.expect("a file").path());
    let source: String = files.map(|path| std::fs::read_to_string(path).expect("a file of tables")).collect();
    let table = Regex::new(r"(?m)^    (\w+) \(([^)]*)\) \{\n((?:        .*\n)+)    \}").expect("a pattern");
    let column = Regex::new(r"(\w+) -> (Nullable<)?(\w+)").expect("a pattern");
    let mut tables = Tables::new();
    for found in table.captures_iter(&source) {
        let key: Vec<&str> = found[2].split(", ").collect();
        let columns = column.captures_iter(&found[3]).map(|column| {
            let kind = match &column[3] {
                "Identity" => "uuid",
                "Instant" => "timestamptz",
                "Vocabulary" | "Text" => "text",
                "BigInt" => "bigint",
                "Integer" => "integer",
                "Binary" => "bytea",
                "Date" => "date",
                "Double" => "double precision",
                "Bool" => "boolean",
                other => panic!("what is {other}?"),
            };
            let place = key.iter().position(|name| *name == &column[1]).map_or(0, |index| index + 1);
            (column[1].to_owned(), (kind.to_owned(), column.get(2).is_some(), i64::try_from(place).expect("a place")))
        });
        tables.insert(found[1].to_owned(), columns.collect());
    }
    let opened = source.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     ") && line.ends_with(") {")).count();
    assert_eq!(tables.len(), opened, "every table was read");
    tables
}

#[track_caller]
fn same(one: &Tables, other: &Tables, which: &str) {
    let names = |tables: &Tables| tables.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(one), names(other), "{which}: tables");
    for (name, columns) in one {
        assert_eq!(columns, &other[name], "{which}: {name}");
    }
}

#[test]
fn the_schemas_of_both_engines_and_of_the_queries_are_one() {
    let sqlite = live(&Town::on_sqlite(Stage::Gathered));
    same(&sqlite, &written(), "SQLite against the schema of the queries");
    if let Some(town) = Town::on_postgresql(Stage::Gathered) {
        same(&live(&town), &written(), "PostgreSQL against the schema of the queries");
    }
}

#[test]
fn what_an_organisation_owns_is_keyed_by_it() {
    // The global feed has one order over all organisations; a repeated request is known by who sent it.
    let apart = ["event_positions", "idempotency_keys"];
    let tables = written();
    let owned: BTreeSet<&String> =
        tables.iter().filter(|(_, columns)| columns.contains_key("organisation_id")).map(|(name, _)| name).collect();
    assert!(owned.len() > 20);
    for name in &owned {
        let place = tables[*name]["organisation_id"].2;
        assert_eq!(place, i64::from(!apart.contains(&name.as_str())), "{name}: the primary key begins with organisation_id");
        assert!(!tables[*name]["organisation_id"].1, "{name}: always owned by somebody");
    }
    let town = Town::on_sqlite(Stage::Gathered);
    let references = "SELECT m.name AS of, f.\"table\" AS name, group_concat(f.\"from\" || '=' || f.\"to\") AS kind, f.id AS required, 0 AS key \
        FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' GROUP BY m.name, f.id, f.\"table\"";
    let references = ask(&town, references, "");
    assert!(references.len() > 20);
    for reference in references.iter().filter(|row| owned.contains(&row.of) && owned.contains(&row.name)) {
        // A right names the lines of whom it is for.
        let by = |column| ["organisation_id=organisation_id", "beneficiary_id=organisation_id"].contains(&column);
        let named = reference.kind.split(',').any(by);
        assert!(named, "{} points at {} of any organisation, by {}", reference.of, reference.name, reference.kind);
    }
}

#[test]
fn what_is_read_by_clearance_has_one() {
    let tables = written();
    let mut read = BTreeSet::new();
    let visible = Regex::new(r"visible!\((\w+),").expect("a pattern");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../db/src");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let source = std::fs::read_to_string(&path).expect("source");
                read.extend(visible.captures_iter(&source).map(|found| found[1].to_owned()));
            }
        }
    }
    assert!(read.len() > 10, "{read:?}");
    for table in &read {
        assert_eq!(tables[table].get("sensitivity"), Some(&("integer".to_owned(), false, 0)), "{table}");
    }
}

#[test]
fn both_engines_guard_the_same_tables_against_change() {
    let sqlite = "SELECT tbl_name AS of, CASE WHEN sql LIKE '%BEFORE UPDATE ON%' THEN 'UPDATE' \
        WHEN sql LIKE '%BEFORE DELETE ON%' THEN 'DELETE' WHEN sql LIKE '%BEFORE INSERT ON%' THEN 'INSERT' ELSE sql END AS name, \
        '' AS kind, 0 AS required, 0 AS key FROM sqlite_schema WHERE type = 'trigger'";
    let postgresql = "SELECT event_object_table::text AS of, event_manipulation::text AS name, ''::text AS kind, 0::bigint AS required, \
        0::bigint AS key FROM information_schema.triggers WHERE action_timing = 'BEFORE'";
    let guards = |town: &Town| ask(town, sqlite, postgresql).into_iter().map(|row| (row.of, row.name)).collect::<BTreeSet<_>>();
    let on_sqlite = guards(&Town::on_sqlite(Stage::Gathered));
    for table in ["events", "event_positions", "idempotency_keys", "entries", "postings", "batches", "payments", "budget_lines"] {
        for event in ["UPDATE", "DELETE"] {
            assert!(on_sqlite.contains(&(table.to_owned(), event.to_owned())), "{event} of {table}");
        }
    }
    if let Some(town) = Town::on_postgresql(Stage::Gathered) {
        assert_eq!(guards(&town), on_sqlite);
    }
}

#[test]
fn the_bundled_sqlite_is_safe_in_wal_mode() {
    let town = Town::on_sqlite(Stage::Gathered);
    let version = &ask(&town, "SELECT sqlite_version() AS of, '' AS name, '' AS kind, 0 AS required, 0 AS key", "")[0].of;
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().expect("a number")).collect();
    assert!(parts >= vec![3, 51, 3], "{version}");
    let mode = &ask(&town, "SELECT journal_mode AS of, '' AS name, '' AS kind, 0 AS required, 0 AS key FROM pragma_journal_mode", "")[0].of;
    assert_eq!(mode, "wal");
}

/// Answers with ids, instants and digests made alike: the same thing has the same name in all answers of a town.
struct Minutes {
    names: BTreeMap<String, String>,
    volatile: Regex,
    lines: Vec<String>,
}

impl Minutes {
    fn new() -> Self {
        let id = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        let instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)";
        let volatile = Regex::new(&format!(r"{id}|{instant}|\b[0-9a-f]{{64}}\b")).expect("a pattern");
        Self { names: BTreeMap::new(), volatile, lines: Vec::new() }
    }

    fn alike(&mut self, text: &str) -> String {
        let (mut alike, mut end) = (String::new(), 0);
        for found in self.volatile.find_iter(text) {
            let next = format!("<{}>", self.names.len());
            let kind = if found.as_str().contains('T') {
                "<instant>".to_owned()
            } else {
                self.names.entry(found.as_str().to_owned()).or_insert(next).clone()
            };
            alike.push_str(&text[end..found.start()]);
            alike.push_str(&kind);
            end = found.end();
        }
        alike + &text[end..]
    }

    fn forget(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for name in ["request_id", "next", "bytes", "hash", "engine", "access_token"] {
                    if let Some(member) = members.get_mut(name).filter(|member| !member.is_null()) {
                        *member = json!("…");
                    }
                }
                members.values_mut().for_each(Self::forget);
            }
            Value::Array(rows) => rows.iter_mut().for_each(Self::forget),
            _ => {}
        }
    }

    fn note(&mut self, what: &str, answer: &Answer) {
        let body = match serde_json::from_slice::<Value>(&answer.bytes) {
            Ok(mut body) => {
                Self::forget(&mut body);
                body.to_string()
            }
            Err(_) => String::from_utf8_lossy(&answer.bytes).into_owned(),
        };
        let headers = ["content-type", "etag", "location", "idempotency-replayed", "cache-control"]
            .map(|name| answer.header(name).unwrap_or("-").to_owned());
        let line = format!("{what} -> {} {headers:?} {body}", answer.status);
        let line = self.alike(&line);
        self.lines.push(line);
    }
}

/// A month at the town hall, as it is answered: acts, refusals, and everything that can be read afterwards.
fn month(town: &Town) -> Vec<String> {
    let mut minutes = Minutes::new();
    let (mayor, finance, accountant) = (town.client("mayor"), town.client("finance-officer"), town.client("accountant"));
    let amount = json!({ "amount": "850000", "currency": "XOF" });
    let fuel = expenditure::commit_fuel(town, "850000");
    minutes.note("commit", &fuel);
    minutes.note("commit too much", &expenditure::commit_fuel(town, "3400001"));
    let commitment = town.path(&format!("/commitments/{}", fuel.id()));
    let verified = expenditure::verify(town, &commitment, "F-0117", "850000");
    minutes.note("verify", &verified);
    minutes.note("verify again", &expenditure::verify(town, &commitment, "F-0117", "1"));
    let verification = town.path(&format!("/verifications/{}", verified.id()));
    minutes.note("order too early", &finance.act(&verification, "/payment-orders", &amount));
    minutes.note("certify", &town.client("certifier").act(&verification, "/certification", &json!({})));
    let drafted = finance.act(&verification, "/payment-orders", &amount);
    minutes.note("draft", &drafted);
    let order = town.path(&format!("/payment-orders/{}", drafted.id()));
    minutes.note("sign as accountant", &accountant.act(&order, "/signature", &json!({})));
    minutes.note("sign", &mayor.act(&order, "/signature", &json!({})));
    minutes.note("sign a stale version", &mayor.act_on(&format!("{order}/signature"), "\"1-json\"", &json!({})));
    let batch = json!({ "payment_order_ids": [drafted.id()], "total": "850000", "currency": "XOF" });
    let path = town.path("/payment-order-batches");
    minutes.note("transmit", &mayor.create_with_key(&path, "the-same-key", &batch));
    minutes.note("transmit again", &mayor.create_with_key(&path, "the-same-key", &batch));
    minutes.note("another request", &mayor.create_with_key(&path, "the-same-key", &json!({ "payment_order_ids": [] })));
    minutes.note("accept", &accountant.act(&order, "/acceptance", &json!({})));
    minutes.note("reduce", &expenditure::issue(town, &order, "reduction", "1"));
    let payment = json!({ "payee_id": town.supplier("SUP-0012"), "amount": "850000", "currency": "XOF", "mode": "transfer" });
    minutes.note("pay", &accountant.act(&order, "/payments", &payment));
    minutes.note("pay twice", &accountant.act(&order, "/payments", &payment));
    let later = json!({ "invoice_number": "F-0118", "invoice_date": "2025-02-04", "amount": "1", "currency": "XOF", "documents": [expenditure::paper("fuel_log")] });
    let small = town.path(&format!("/commitments/{}", expenditure::commit_fuel(town, "1").id()));
    let refusal = finance.act(&small, "/verifications", &later).refused(422, "VERIFICATION_DATE_INVALID");
    minutes.note("verify tomorrow's invoice", &refusal);
    let nobody = json!({
        "fiscal_year": 2025, "place": "x", "held_on": "2025-01-05", "women": 0, "men": 0, "minutes_sha256": "b".repeat(64), "summary": "x",
    });
    let refusal = town.client("council-registrar").create(&town.path("/consultations"), &nobody).refused(422, "ATTENDANCE_INVALID");
    minutes.note("a meeting that nobody attended", &refusal);
    for (women, men) in [(i32::MAX, 1), (1, i32::MAX), (1_000_001, 0)] {
        let crowd = json!({
            "fiscal_year": 2025, "place": "x", "held_on": "2025-01-05", "women": women, "men": men, "minutes_sha256": "b".repeat(64),
            "summary": "x",
        });
        town.client("council-registrar").create(&town.path("/consultations"), &crowd).refused(422, "ATTENDANCE_INVALID");
    }
    let lines = town.path(&format!("/budgets/{}/lines", mayor.get(&town.path("/budgets")).text("/data/0/id")));
    minutes.note("lines as CSV", &mayor.send("GET", &lines, &[("accept", "text/csv")], &[]).expect(200));
    minutes.note("lines as a picture", &mayor.send("GET", &lines, &[("accept", "image/png")], &[]).refused(406, "NOT_ACCEPTABLE"));
    let taken = json!({ "code": "SUP-0012", "name": "Autre" });
    let refusal = finance.create(&town.path("/suppliers"), &taken).refused(409, "SUPPLIER_DUPLICATE");
    minutes.note("register a taken code", &refusal);
    minutes.note("search", &finance.get(&town.path("/suppliers?q=STATION")));
    let nothing = finance.get(&town.path("/suppliers?q=%25"));
    assert_eq!(nothing.text("/data"), "[]", "no wildcard");
    minutes.note("search for a wildcard", &nothing);
    minutes.note("a number beyond", &finance.get(&town.path("/fiscal-years/9223372036854775808")));
    minutes.note("a byte that no database takes", &finance.get("/v1/territorial-units?q=%00"));
    minutes.note("entries of another program", &crate::ledger::import::imported(town));
    for (what, answer) in cash_office::played(town) {
        minutes.note(what, &answer);
    }
    for (path, answer) in revenue::every_act(town) {
        minutes.note(path, &answer);
    }
    crate::endowment::played(town);
    crate::fund::every_act(town);
    for operation in Contract::read().operations().iter().filter(|operation| operation.method == "get") {
        let path = filled(town, &operation.path);
        minutes.note(&operation.path, &town.client("auditor").get(&path));
        minutes.note(&operation.path, &town.client("partner-system").get(&path));
        minutes.note(&operation.path, &town.stranger().get(&path));
    }
    minutes.lines
}

#[test]
fn the_same_requests_get_the_same_answers() {
    let Some(postgresql) = Town::on_postgresql(Stage::Open) else { return };
    let sqlite = Town::on_sqlite(Stage::Open);
    let (one, other) = as_written(|| (month(&sqlite), month(&postgresql)));
    assert!(one.len() > 150, "{} answers", one.len());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}
