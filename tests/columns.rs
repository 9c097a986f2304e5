//! What each column holds and who may know it: `db/columns.csv` declares every column, and no answer tells anyone a value
//! from above their clearance.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;
use api::access::Recorded;
use api::contract::outline::operations;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use db::connection::Conn;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::sensitivity::Sensitivity;
use domain::word::Word;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contract::{Contract, filled};
use crate::engines::{Tables, live};
use crate::harness::{Answer, Stage, Town, witness};
use crate::on_both_engines;

/// A table and one of its columns.
type Column = (String, String);
/// The least clearance that may know what a column holds.
type Declared = BTreeMap<Column, Sensitivity>;

fn rank(sensitivity: Sensitivity) -> i64 {
    sensitivity.rank().into()
}

/// The declaration, as it is written.
fn declared() -> Declared {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../db/columns.csv");
    let mut reader = csv::Reader::from_path(path).expect("the declaration");
    assert_eq!(reader.headers().expect("a head"), vec!["table", "column", "rank", "basis"]);
    let mut declared = Declared::new();
    for row in reader.records().map(|row| row.expect("a row")) {
        let column = (row[0].to_owned(), row[1].to_owned());
        let rank = Sensitivity::parse(&row[2]).unwrap_or_else(|| panic!("{column:?}: {:?} is no rank", &row[2]));
        assert!(rank != Sensitivity::Sealed || !row[3].is_empty(), "{column:?}: says why it is sealed");
        assert_eq!(declared.insert(column.clone(), rank), None, "{column:?} is declared twice");
    }
    declared
}

/// Columns that exist without a declaration, and declarations without a column.
fn undeclared(tables: &Tables, declared: &Declared) -> Vec<String> {
    let live: BTreeSet<Column> =
        tables.iter().flat_map(|(table, columns)| columns.keys().map(|name| (table.clone(), name.clone()))).collect();
    let said: BTreeSet<Column> = declared.keys().cloned().collect();
    let missing = live.difference(&said).map(|(table, name)| format!("{table}.{name} is not declared in db/columns.csv"));
    missing.chain(said.difference(&live).map(|(table, name)| format!("{table}.{name} is declared, but is gone"))).collect()
}

#[test]
fn every_column_of_both_engines_is_declared() {
    let declared = declared();
    let sqlite = live(&Town::on_sqlite(Stage::Gathered));
    assert_eq!(undeclared(&sqlite, &declared), Vec::<String>::new());
    if let Some(town) = Town::on_postgresql(Stage::Gathered) {
        assert_eq!(undeclared(&live(&town), &declared), Vec::<String>::new());
    }
    // The comparison sees both faults.
    let (first, last) = (declared.keys().next().expect("a column").clone(), ("principals".to_owned(), "iris_scan".to_owned()));
    let mut doctored = declared;
    doctored.remove(&first);
    doctored.insert(last, Sensitivity::Sealed);
    let faults = undeclared(&sqlite, &doctored);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].contains(&format!("{}.{} is not declared", first.0, first.1)) && faults[1].contains("principals.iris_scan is declared")
    );
}

#[derive(QueryableByName)]
struct Kept {
    #[diesel(sql_type = Text)]
    value: String,
    #[diesel(sql_type = BigInt)]
    rank: i64,
}

/// Shorter amounts and texts are too common to tell where they come from.
const DIGITS_MIN: usize = 6;

/// How values of a kind of column stand in an answer; none for kinds whose values are too common to tell apart.
fn spelled(kind: &str, value: &str) -> Vec<String> {
    let bytes = |text: &str| -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("hexadecimal"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
    };
    match kind {
        "uuid" => vec![Uuid::parse_str(value).expect("an id").to_string()],
        "bytea" => vec![value.to_owned(), STANDARD.encode(bytes(value)), URL_SAFE_NO_PAD.encode(bytes(value))],
        "bigint" => Some(value.to_owned()).filter(|digits| digits.len() >= DIGITS_MIN).into_iter().collect(),
        "timestamptz" => {
            let instant = chrono::DateTime::from_timestamp_micros(value.parse().expect("microseconds")).expect("an instant");
            vec![json!(instant).as_str().expect("text").to_owned()]
        }
        "text" => {
            let mut parts: Vec<String> = std::iter::once(value).chain(value.split(',')).map(str::to_owned).collect();
            if let Ok(members @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(value) {
                collect(&members, &mut |part| parts.push(part.to_owned()));
            }
            parts.retain(|part| part.chars().count() >= DIGITS_MIN && part.parse::<chrono::NaiveDate>().is_err());
            parts
        }
        _ => Vec::new(),
    }
}

/// Everything distinctive, and not told by the contract itself, that a town's database holds: each value with the columns that hold it and the rank of the row.
struct Holdings(BTreeMap<String, BTreeSet<(Column, i64)>>);

impl Holdings {
    fn of(town: &Town) -> Self {
        let mut conn = town.connection();
        let mut holdings = BTreeMap::<String, BTreeSet<(Column, i64)>>::new();
        for (table, columns) in live(town) {
            let row = if columns.contains_key("sensitivity") { "sensitivity" } else { "0" };
            for (name, (kind, _, _)) in columns {
                // Copies of what other columns hold: they may tell no more than these do.
                if (table.as_str(), name.as_str()) == ("events", "facts") {
                    continue;
                }
                let (on_sqlite, on_postgresql) = match kind.as_str() {
                    "uuid" => (format!("lower(hex({name}))"), format!("{name}::text")),
                    "bytea" => (format!("lower(hex({name}))"), format!("encode({name}, 'hex')")),
                    "timestamptz" => (format!("CAST({name} AS TEXT)"), format!("(extract(epoch FROM {name}) * 1000000)::bigint::text")),
                    _ => (format!("CAST({name} AS TEXT)"), format!("{name}::text")),
                };
                let value = if matches!(conn, Conn::Sqlite(_)) { on_sqlite } else { on_postgresql };
                let sql = format!("SELECT DISTINCT {value} AS value, CAST({row} AS BIGINT) AS rank FROM {table} WHERE {name} IS NOT NULL");
                let kept: Vec<Kept> = db::on_engine!(&mut conn, |inner| diesel::sql_query(&sql).load(inner)).expect("values");
                for kept in kept {
                    for text in spelled(&kind, &kept.value) {
                        holdings.entry(text).or_default().insert(((table.clone(), name.clone()), kept.rank));
                    }
                }
            }
        }
        collect(&without_examples(Contract::read().0), &mut |word| drop(holdings.remove(word)));
        // Shipped reference data are told to everyone.
        domain::endowment::ENDOWMENT_TYPES.iter().for_each(|shipped| drop(holdings.remove(&shipped.code)));
        Self(holdings)
    }

    /// The least clearance that may know a value: that of the lowest column and row that hold it.
    fn least(&self, declared: &Declared, value: &str) -> Option<i64> {
        self.0.get(value)?.iter().map(|(column, row)| rank(declared[column]).max(*row)).min()
    }

    fn sealed(&self, declared: &Declared) -> Vec<&String> {
        self.0.keys().filter(|value| self.least(declared, value) == Some(rank(Sensitivity::Sealed))).collect()
    }
}

/// The contract without its examples, which are what stories sent.
fn without_examples(contract: Value) -> Value {
    match contract {
        Value::Object(members) => {
            members.into_iter().filter(|(name, _)| name != "example").map(|(name, member)| (name, without_examples(member))).collect()
        }
        Value::Array(rows) => rows.into_iter().map(without_examples).collect(),
        other => other,
    }
}

fn collect(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        Value::Array(rows) => rows.iter().for_each(|row| collect(row, found)),
        Value::String(text) => found(text),
        Value::Number(number) => found(&number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// What was told to somebody: everything that stands by itself in one answer.
struct Told {
    /// Who asked what.
    what: String,
    clearance: i64,
    /// Whether a record was left of it.
    recorded: bool,
    values: BTreeSet<String>,
    whole: String,
}

impl Told {
    fn new(who: &Caller, path: &str, answer: &Answer) -> Self {
        let mut values = BTreeSet::new();
        let whole = String::from_utf8_lossy(&answer.bytes).into_owned();
        if let Ok(body) = serde_json::from_slice::<Value>(&answer.bytes) {
            collect(&body, &mut |value| values.extend([value.to_owned()]));
        } else if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")) {
            let mut reader = csv::ReaderBuilder::new().delimiter(b';').flexible(true).from_reader(answer.bytes.as_slice());
            for row in reader.records().map(|row| row.expect("a row")) {
                values.extend(row.iter().map(|field| field.trim_start_matches('\'').to_owned()));
            }
        }
        for (_, value) in &answer.headers {
            values.extend(value.split(['/', '"', ' ']).map(str::to_owned));
        }
        // Nobody learns what they said themselves.
        values.retain(|value| !who.knows.contains(value) && value != path);
        let what = format!("{} reads {path}", who.name);
        Self { what, clearance: who.clearance, recorded: is_recorded(path), values, whole }
    }
}

/// Whether the table of access marks what is read at a path. One's own sessions are one's own.
fn is_recorded(path: &str) -> bool {
    let plain = path.split([' ', '?']).next().unwrap_or_default();
    let pattern = witness::path_of("GET", plain).expect("a path of the contract");
    let known = operations().expect("operations");
    let operation = known[&(Method::GET, pattern.to_owned())];
    operation.recorded != Recorded::Never || operation.id == "list_sessions"
}

/// What only restricted clearance may know, told without a record of it.
fn unrecorded(holdings: &Holdings, declared: &Declared, all: &[Told]) -> Vec<String> {
    let restricted = |value: &&String| holdings.least(declared, value) == Some(rank(Sensitivity::Restricted));
    let silent = all.iter().filter(|told| !told.recorded);
    silent.flat_map(|told| told.values.iter().filter(restricted).map(|value| format!("{}: {value}", told.what))).collect()
}

/// Someone who stands for a clearance.
struct Caller {
    name: &'static str,
    clearance: i64,
    /// What one knows of oneself.
    knows: Vec<String>,
}

/// Values that were told to someone whose clearance is too low for every column and row that holds them.
fn leaks(holdings: &Holdings, declared: &Declared, all: &[Told]) -> Vec<String> {
    let mut found = Vec::new();
    for told in all {
        for value in &told.values {
            if holdings.least(declared, value).is_some_and(|least| least > told.clearance) {
                let columns: BTreeSet<String> =
                    holdings.0[value].iter().map(|((table, name), row)| format!("{table}.{name}/{row}")).collect();
                found.push(format!("{}: {value} of {columns:?}", told.what));
            }
        }
    }
    // What is sealed is not even part of a text.
    let sealed: BTreeSet<&str> = holdings.sealed(declared).into_iter().map(String::as_str).collect();
    for told in all {
        let words = told.whole.split(|c: char| c.is_whitespace() || "\"\\{}[]:;".contains(c));
        found.extend(words.filter(|word| sealed.contains(word)).map(|word| format!("{}: {word} is sealed", told.what)));
    }
    found
}

/// Callers with their token: nobody, a partner, and people of each clearance.
const CALLERS: [(&str, Sensitivity); 7] = [
    ("nobody", Sensitivity::Public),
    ("partner-system", Sensitivity::Partner),
    ("council-registrar", Sensitivity::Internal),
    ("state-representative", Sensitivity::Internal),
    ("cash-officer", Sensitivity::Internal),
    ("accountant", Sensitivity::Restricted),
    ("auditor", Sensitivity::Restricted),
];

/// Something of every kind, beside what a year brings.
fn furnish(town: &Town) {
    use crate::identity::session;
    session::person(town, "aissata");
    let tokens = session::begin(town, "aissata");
    session::renew(&town.stranger(), &tokens.text("/refresh_token")).expect(200);
    crate::identity::sign_in(town, "aissata", "not the password").refused(401, "SIGN_IN_FAILED");
    crate::identity::delegation::id(town);
    crate::identity::kinship::id(town);
    crate::identity::client_key::spent(town);
    let meeting = json!({
        "fiscal_year": 2025, "place": "chef-lieu", "held_on": "2025-01-05", "women": 40, "men": 51,
        "minutes_sha256": "b".repeat(64), "summary": "Priorités",
    });
    for kind in ["/consultations", "/public-debates"] {
        town.client("council-registrar").create(&town.path(kind), &meeting).expect(201);
    }
}

/// Paths to read, each with whether it is a list.
fn readings(town: &Town, which: impl Fn(&str) -> bool) -> Vec<(String, bool)> {
    let contract = Contract::read();
    let reads = contract.operations().into_iter().filter(|operation| operation.method == "get" && which(&operation.path));
    let is_list = |described: &Value| described["responses"]["200"]["content"]["text/csv"].is_object();
    reads.map(|operation| (filled(town, &operation.path), is_list(&operation.described))).collect()
}

/// Everything that is read, by everyone, as JSON and, where it is a list, as CSV.
fn read_all(town: &Town, paths: &[(String, bool)]) -> Vec<Told> {
    let mut all = Vec::new();
    for (name, clearance) in CALLERS {
        let (client, own) = match name {
            "nobody" => (town.stranger(), Value::Null),
            login => (town.client(login), town.client(login).get("/v1/me").expect(200).json()["principal"].clone()),
        };
        let mut knows = Vec::new();
        collect(&own, &mut |value| knows.push(value.to_owned()));
        let caller = Caller { name, clearance: rank(clearance), knows };
        for (path, list) in paths {
            let answer = client.get(&format!("{path}{}", if *list && !path.contains('?') { "?limit=200" } else { "" }));
            assert!(answer.status < 500, "{name}: {path}: {answer:?}");
            if answer.status == 200 && *list {
                let table = client.send("GET", path, &[("accept", "text/csv"), ("access-reason", "Proof")], &[]).expect(200);
                all.push(Told::new(&caller, &format!("{path} as CSV"), &table));
            }
            all.push(Told::new(&caller, path, &answer));
        }
    }
    all
}

/// Reads everything as everyone, and asks whether it was rightly told; then whether this would have noticed.
fn tell_everyone(town: &Town, paths: &[(String, bool)]) {
    let all = read_all(town, paths);
    let (holdings, declared) = (Holdings::of(town), declared());
    let found = leaks(&holdings, &declared, &all);
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(unrecorded(&holdings, &declared, &all), Vec::<String>::new(), "told without a record");
    assert!(holdings.sealed(&declared).len() >= 5, "the town has secrets to keep");

    // A column that is shown, declared as if it were sealed, is noticed: else the reading above saw nothing.
    let told: BTreeSet<&String> = all.iter().flat_map(|told| &told.values).collect();
    let columns_of = |value: &String| Some(holdings.0.get(value)?.iter().map(|(column, _)| column).collect::<BTreeSet<_>>());
    let noticed: BTreeSet<&Column> = told.into_iter().filter_map(columns_of).filter(|columns| columns.len() == 1).flatten().collect();
    eprintln!("{} of {} columns would be noticed in {} answers", noticed.len(), declared.len(), all.len());
    for column in [("commitments", "label"), ("organisations", "name"), ("debtors", "name"), ("events", "hash")] {
        let column = (column.0.to_owned(), column.1.to_owned());
        assert!(noticed.contains(&column), "{column:?} is shown to nobody");
        let mut doctored = declared.clone();
        doctored.insert(column.clone(), Sensitivity::Sealed);
        assert!(!leaks(&holdings, &doctored, &all).is_empty(), "{column:?} as sealed goes unnoticed");
    }
    assert!(noticed.len() > 60, "{} columns", noticed.len());
    // What only some may know is not told silently: one that is told so, declared as if it were restricted, is noticed.
    let mut doctored = declared.clone();
    doctored.insert(("commitments".to_owned(), "label".to_owned()), Sensitivity::Restricted);
    assert!(!unrecorded(&holdings, &doctored, &all).is_empty(), "told without a record, unnoticed");
    // And one that the public reads, declared for partners.
    let mut doctored = declared.clone();
    doctored.insert(("organisations".to_owned(), "name".to_owned()), Sensitivity::Partner);
    assert!(leaks(&holdings, &doctored, &all).iter().any(|leak| leak.starts_with("nobody reads ")));
}

on_both_engines! {
    Stage::Played, fn nobody_is_told_of_a_year_what_is_above_their_clearance(town) {
        furnish(town);
        let lists = readings(town, |path| !path.replace("{organisation_id}", "").replace("{year}", "").contains('{'));
        assert!(lists.len() > 50, "{} readings", lists.len());
        tell_everyone(town, &lists);
    }

    Stage::Open, fn nobody_is_told_of_any_act_what_is_above_their_clearance(town) {
        crate::access::Ids::of_a_played_commune(town);
        furnish(town);
        let everything = readings(town, |_| true);
        assert!(everything.len() > 90, "{} readings", everything.len());
        tell_everyone(town, &everything);
    }
}
