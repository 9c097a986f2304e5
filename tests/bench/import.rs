//! Measure of the import of entries: a hundred thousand entries of two postings over HTTP, beside the same rows put into the same tables in
//! one transaction, with all indexes and foreign keys, but without request, checks, digests or chain.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use db::connection::Target;
use db::schema::{entries, postings};
use diesel::pg::CopyFormat;
use diesel::prelude::*;
use domain::id::reference;
use rusqlite::params;
use serde_json::Value;
use uuid::Uuid;

use crate::Bench;
use crate::contest::{Contest, Figure, Rules};
use crate::founding::{Commune, committed_on, fiscal_year};
use crate::program::Service;
use crate::statement::{self, Prepared};
use crate::table::{Goal, Table};

/// How many entries are imported at once.
pub const ENTRIES: usize = 100_000;
/// How many to warm up.
const FEW: usize = 2_000;

const DEBITED: &str = "531";
const CREDITED: &str = "515";
const LABEL: &str = "Versement de la recette du marché";
/// A digest as long as any.
const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const ENTRY: &str = "INSERT INTO entries (organisation_id, id, fiscal_year, journal, number, accounting_date, recorded_at, label, total, \
     source_kind, source_id, digest, sensitivity) VALUES (?1, ?2, ?3, 'treasury', ?4, ?5, ?6, ?7, ?4, 'entry_import', ?8, ?9, 2)";
const POSTING: &str = "INSERT INTO postings (organisation_id, entry_id, position, fiscal_year, account_code, debit, credit) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const BALANCE: &str = "UPDATE balances SET debit = debit + ?4, credit = credit + ?5 \
     WHERE organisation_id = ?1 AND fiscal_year = ?2 AND account_code = ?3";

/// The amount of an entry is its number.
fn file(count: usize) -> String {
    let mut csv = "entry;journal;accounting_date;label;account;debit;credit\n".to_owned();
    let on = committed_on();
    for number in 1..=count {
        let both = format!("VE-{number:06};treasury;{on};{LABEL}");
        write!(csv, "{both};{DEBITED};{number};\n{both};{CREDITED};;{number}\n").expect("written");
    }
    csv
}

fn sum(count: usize) -> usize {
    count * (count + 1) / 2
}

/// The ids and sources of so many entries, made before the time runs.
fn ids(count: usize) -> Vec<(Uuid, Uuid)> {
    let import = Uuid::now_v7();
    (1..=count).map(|position| (Uuid::now_v7(), reference(&format!("{import}/{position}")))).collect()
}

fn rate(count: usize, since: Instant) -> Figure {
    Figure::of_rate(count as f64 / since.elapsed().as_secs_f64())
}

/// Whether the run warms up.
fn count(lasting: Duration, rules: Rules) -> usize {
    if lasting < rules.lasting { FEW } else { ENTRIES }
}

/// Takes the communes in turn.
struct Turns<'c>(std::slice::Iter<'c, Commune>);

impl Turns<'_> {
    fn next(&mut self) -> Uuid {
        self.0.next().expect("fewer rounds than communes").id
    }
}

/// The accountant of a commune.
fn accountant(service: &Service, commune: &Commune) -> Uuid {
    let url = format!("http://{}/v1/organisations/{}/role-assignments", service.address, commune.id);
    let mut answer = ureq::get(url).header("authorization", format!("Bearer {}", service.token(commune.mayor))).call().expect("read");
    let list: Value = serde_json::from_str(&answer.body_mut().read_to_string().expect("an answer")).expect("JSON");
    let rows = list["data"].as_array().expect("rows");
    let found = rows.iter().find(|row| row["role"] == "accountant").expect("an accountant");
    found["principal_id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

fn import(service: &Service, accountant: Uuid, commune: Uuid, csv: &str, count: usize) -> Figure {
    let year = fiscal_year();
    let url = format!("http://{}/v1/organisations/{commune}/fiscal-years/{year}/entry-imports?currency=XOF", service.address);
    let request = ureq::post(url)
        .header("authorization", format!("Bearer {}", service.token(accountant)))
        .header("content-type", "text/csv")
        .header("idempotency-key", Uuid::new_v4().to_string());
    let since = Instant::now();
    let mut answer = request.send(csv).unwrap_or_else(|error| panic!("{error}"));
    let view = answer.body_mut().read_to_string().expect("an answer");
    let figure = rate(count, since);
    let view: Value = serde_json::from_str(&view).expect("JSON");
    assert_eq!((&view["entries"], &view["total"]), (&Value::from(count), &Value::from(sum(count).to_string())));
    figure
}

/// Imports a hundred thousand entries into each of some communes.
pub fn fill(service: &Service, communes: &[Commune]) {
    let csv = file(ENTRIES);
    let accountant = accountant(service, &communes[0]);
    for commune in communes {
        import(service, accountant, commune.id, &csv, ENTRIES);
    }
}

fn on_sqlite(path: &std::path::Path, commune: Uuid, count: usize) -> Figure {
    let conn = statement::open(path);
    let statements = Prepared::on(&conn);
    let (ids, on, year) = (ids(count), committed_on().to_string(), fiscal_year());
    let since = Instant::now();
    let now = Utc::now().timestamp_micros();
    statements.with("BEGIN IMMEDIATE", |begin| begin.execute([]));
    for (number, (id, source)) in (1_i64..).zip(&ids) {
        statements.with(ENTRY, |entry| entry.execute(params![commune, id, year, number, on, now, LABEL, source, DIGEST]));
        statements.with(POSTING, |posting| posting.execute(params![commune, id, 1, year, DEBITED, number, 0]));
        statements.with(POSTING, |posting| posting.execute(params![commune, id, 2, year, CREDITED, 0, number]));
    }
    let total = sum(count) as i64;
    statements.with(BALANCE, |balance| balance.execute(params![commune, year, DEBITED, total, 0]));
    statements.with(BALANCE, |balance| balance.execute(params![commune, year, CREDITED, 0, total]));
    statements.with("COMMIT", |commit| commit.execute([]));
    rate(count, since)
}

fn unsent(error: std::io::Error) -> diesel::result::Error {
    diesel::result::Error::SerializationError(error.into())
}

fn on_postgresql(url: &str, commune: Uuid, count: usize) -> Figure {
    let mut conn = PgConnection::establish(url).expect("a connection");
    let (year, on, now) = (fiscal_year(), committed_on(), DateTime::to_rfc3339(&Utc::now()));
    let (mut rows, mut lines) = (String::new(), String::new());
    for (number, (id, source)) in (1..).zip(ids(count)) {
        writeln!(rows, "{commune},{id},{year},treasury,{number},{on},{now},{LABEL},{number},entry_import,{source},{DIGEST},,2")
            .expect("written");
        writeln!(lines, "{commune},{id},1,{year},{DEBITED},{number},0\n{commune},{id},2,{year},{CREDITED},0,{number}").expect("written");
    }
    let total = sum(count);
    let since = Instant::now();
    conn.transaction(|conn| {
        diesel::copy_from(entries::table)
            .from_raw_data(entries::table, |out| out.write_all(rows.as_bytes()).map_err(unsent))
            .with_format(CopyFormat::Csv)
            .execute(conn)?;
        // Else each posting finds its entry by a plan made for hardly any, and the reference loses by ten to one.
        diesel::sql_query("ANALYZE entries").execute(conn)?;
        diesel::copy_from(postings::table)
            .from_raw_data(postings::table, |out| out.write_all(lines.as_bytes()).map_err(unsent))
            .with_format(CopyFormat::Csv)
            .execute(conn)?;
        for (account, debit, credit) in [(DEBITED, total, 0), (CREDITED, 0, total)] {
            diesel::sql_query(format!(
                "UPDATE balances SET debit = debit + {debit}, credit = credit + {credit} \
                 WHERE organisation_id = '{commune}' AND fiscal_year = {year} AND account_code = '{account}'"
            ))
            .execute(conn)?;
        }
        diesel::QueryResult::Ok(())
    })
    .expect("stored");
    rate(count, since)
}

/// Imports on both engines.
pub fn imports(bench: &mut Bench) {
    let mut table = Table::default();
    let sqlite = (bench.sqlite.copy("imports"), bench.sqlite.copy("imports_sql"));
    measure(bench, &mut table, "SQLite", sqlite, bench.sqlite.communes());
    match &bench.postgres {
        Some(postgres) => {
            measure(bench, &mut table, "PostgreSQL", (postgres.copy("imports"), postgres.copy("imports_sql")), postgres.communes());
        }
        None => table.absent("import, PostgreSQL", "PostgreSQL is not installed"),
    }
    bench.table.append(table);
}

fn measure(bench: &Bench, table: &mut Table, engine: &str, (own, bare): (Target, Target), communes: &[Commune]) {
    let service = Service::start(&bench.program, &own, None);
    let accountant = accountant(&service, &communes[0]);
    let (few, many) = (file(FEW), file(ENTRIES));
    let rules = bench.rules;
    let (mut ours, mut theirs) = (Turns(communes.iter()), Turns(communes.iter()));
    let mut contest = Contest::default();
    contest.enter("import", |lasting| {
        let count = count(lasting, rules);
        import(&service, accountant, ours.next(), if count == FEW { &few } else { &many }, count)
    });
    contest.enter("its SQL", |lasting| {
        let (count, commune) = (count(lasting, rules), theirs.next());
        match &bare {
            Target::Sqlite(path) => on_sqlite(path, commune, count),
            Target::Postgres(url) => on_postgresql(url, commune, count),
        }
    });
    let results = contest.hold(rules);
    let told = format!("{:.0} entries/s to {:.0} entries/s", results.rate("import").median, results.rate("its SQL").median);
    table.spread(
        &format!("import of {ENTRIES} entries / its SQL, {engine}"),
        results.ratio("import", "its SQL"),
        Goal::AtLeast(0.25),
        &told,
    );
    let grown = (service.memory_at_most() - service.began_with) / 1024.0;
    table.value(
        &format!("import, {engine}: memory above that of the start, MiB"),
        grown,
        Goal::None,
        &format!("{} MiB sent", many.len() >> 20),
    );
    let said = service.stop_and_verify(&bench.program);
    eprintln!("  {engine}: {said}");
}
