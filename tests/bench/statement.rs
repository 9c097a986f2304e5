//! The statements of a commitment without the service: those of its write, in their order, prepared once, on one thread in process, so many
//! in a transaction, the hash of the event included. Reference data is not read again each time, and nothing is parsed or checked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, Utc};
use domain::audit::{Actor, Event, Place, canonical_bytes, leaf_hash};
use domain::id::{OrganisationId, PrincipalId};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, Statement, params};
use uuid::Uuid;

use crate::chance::Chance;
use crate::contest::Figure;
use crate::founding::{Commune, Line, committed_on, fiscal_year};

/// How many commitments share a transaction.
const GROUP: usize = 64;

const HEAD: &str = "SELECT sequence, hash FROM audit_heads WHERE organisation_id = ?1";
const ANSWER: &str = "SELECT fingerprint, status, location, etag, body FROM idempotency_keys WHERE principal_id = ?1 AND key = ?2";
const LINE: &str = "SELECT id, budget_id, edition, section, direction, chapter, article, paragraph, label_fr, label_en, function, funding, \
     mandatory, executable, location, plan_action, non_project_reason, initial FROM budget_lines \
     WHERE organisation_id = ?1 AND sensitivity <= 3 AND id = ?2";
const BUDGET: &str = "SELECT organisation_id, id, fiscal_year, kind, title, state, edition, returns, vote_held_on, vote_serving, \
     vote_present, vote_for, vote_against, vote_abstentions, deliberation_number, deliberation_sha256, annexes_sha256, return_reason, \
     return_text, notice_reference, version FROM budgets WHERE organisation_id = ?1 AND sensitivity <= 3 AND id = ?2";
const ORGANISATION: &str = "SELECT id, kind, code, name, territorial_unit_id, supervisor_id, treasury_post_id, currency, fictional, version \
     FROM organisations WHERE id = ?1 AND sensitivity <= 4";
const YEAR: &str = "SELECT organisation_id, fiscal_year, nomenclature_id, state, opened_at, version FROM fiscal_years \
     WHERE organisation_id = ?1 AND sensitivity <= 3 AND fiscal_year = ?2";
const SUPPLIER: &str = "SELECT organisation_id, id, code, name, tax_number, party_id, active, debarred_until, version FROM suppliers \
     WHERE organisation_id = ?1 AND sensitivity <= 3 AND id = ?2";
const CREDIT: &str = "SELECT organisation_id, fiscal_year, section, article, initial, increased, decreased, carried_forward, committed, \
     verified, ordered, accepted, paid, opened_at FROM appropriations \
     WHERE organisation_id = ?1 AND fiscal_year = ?2 AND section = ?3 AND article = ?4";
const NUMBER: &str = "UPDATE number_series SET last_number = last_number + 1 \
     WHERE organisation_id = ?1 AND fiscal_year = ?2 AND series = ?3 RETURNING last_number";
const RESERVE: &str = "UPDATE appropriations SET committed = ?5, verified = 0, ordered = 0, accepted = 0, paid = 0 \
     WHERE organisation_id = ?1 AND fiscal_year = ?2 AND section = ?3 AND article = ?4";
const EXECUTE: &str = "UPDATE line_executions SET committed = committed + ?3, verified = verified + 0, ordered = ordered + 0, \
     accepted = accepted + 0, paid = paid + 0 WHERE organisation_id = ?1 AND budget_line_id = ?2";
const MOVE: &str = "INSERT INTO credit_movements (organisation_id, id, fiscal_year, section, article, budget_line_id, step, amount, \
     effective_on, recorded_at, cause_kind, cause_id, sensitivity) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1)";
const COMMIT: &str = "INSERT INTO commitments (organisation_id, id, fiscal_year, number, budget_line_id, section, article, kind_code, \
     supplier_id, label, committed_on, amount, verified, advance_granted, advance_paid, advance_recovered, retention_withheld, \
     retention_released, state, committed_by, recorded_at, sensitivity, version) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, 0, 0, 0, 0, 0, 'active', ?13, ?14, 2, 1)";
/// One commitment as the service reads it.
pub const COMMITMENT: &str = "SELECT organisation_id, id, fiscal_year, number, budget_line_id, section, article, kind_code, supplier_id, \
     label, committed_on, amount, verified, advance_granted, advance_paid, advance_recovered, retention_withheld, retention_released, state, \
     end_reason, committed_by, recorded_at, version FROM commitments WHERE organisation_id = ?1 AND sensitivity <= 4 AND id = ?2";
const KEEP: &str = "INSERT INTO idempotency_keys (principal_id, key, organisation_id, fingerprint, status, location, etag, body, \
     recorded_at) VALUES (?1, ?2, ?3, ?4, 201, ?5, '\"1-json\"', ?6, ?7)";
const SAY: &str = "INSERT INTO events (organisation_id, sequence, recorded_at, principal_id, role, kind, subject_kind, subject_id, \
     subject_version, state_before, state_after, facts, bytes, hash, sensitivity) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, ?10, ?11, ?12, ?13, 2)";
const ADVANCE: &str = "UPDATE audit_heads SET sequence = ?2, hash = ?3 WHERE organisation_id = ?1";

/// A connection as the service's one writer has it.
pub fn open(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("a database");
    conn.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; \
         PRAGMA temp_store = MEMORY; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 10000;",
    )
    .expect("settings");
    conn
}

fn nothing(_: &Row<'_>) -> rusqlite::Result<()> {
    Ok(())
}

/// Reads every column of a row, as those do who need them.
pub fn whole(row: &Row<'_>) -> rusqlite::Result<usize> {
    let mut bytes = 0;
    for index in 0..row.as_ref().column_count() {
        use rusqlite::types::ValueRef;
        bytes += match row.get_ref(index)? {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().len(),
            ValueRef::Blob(blob) => blob.to_vec().len(),
            _ => 8,
        };
    }
    Ok(bytes)
}

/// The statements of a connection, each prepared once.
pub struct Prepared<'c> {
    conn: &'c Connection,
    known: RefCell<HashMap<&'static str, Statement<'c>>>,
}

impl<'c> Prepared<'c> {
    pub fn on(conn: &'c Connection) -> Self {
        Self { conn, known: RefCell::default() }
    }

    /// Runs a statement, which must succeed.
    pub fn with<T>(&self, sql: &'static str, run: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>) -> T {
        let mut known = self.known.borrow_mut();
        let statement = known.entry(sql).or_insert_with(|| self.conn.prepare(sql).expect("a statement"));
        run(statement).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

struct Writer<'a, 'c> {
    statements: &'a Prepared<'c>,
    now: DateTime<Utc>,
}

impl Writer<'_, '_> {
    fn read<T>(&self, sql: &'static str, params: impl Params, value: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>) -> T {
        self.statements.with(sql, |query| query.query_row(params, |row| whole(row).and_then(|_| value(row))))
    }

    fn run(&self, sql: &'static str, params: impl Params) {
        let changed = self.statements.with(sql, |statement| statement.execute(params));
        assert!(changed <= 1, "{sql}");
    }

    fn commit(&self, commune: &Commune, line: &Line, amount: i64) {
        let (owner, mayor, year, section) = (commune.id, commune.mayor, fiscal_year(), "operating");
        let (sequence, previous) = self.read(HEAD, params![owner], |row| Ok((row.get(0)?, row.get(1)?)));
        let key = Uuid::new_v4().to_string();
        let known = self.statements.with(ANSWER, |query| query.query_row(params![mayor, key], whole).optional());
        assert_eq!(known, None);
        let budget: Uuid = self.read(LINE, params![owner, line.id], |row| row.get(1));
        self.read(BUDGET, params![owner, budget], nothing);
        self.read(ORGANISATION, params![owner], nothing);
        self.read(YEAR, params![owner, year], nothing);
        self.read(SUPPLIER, params![owner, commune.supplier], nothing);
        let committed: i64 = self.read(CREDIT, params![owner, year, section, line.article], |row| row.get(8));
        let number: i64 = self.read(NUMBER, params![owner, year, "commitment"], |row| row.get(0));
        let (id, on, at) = (Uuid::now_v7(), committed_on().to_string(), self.now.timestamp_micros());
        self.run(RESERVE, params![owner, year, section, line.article, committed + amount]);
        self.run(EXECUTE, params![owner, line.id, amount]);
        let movement = Uuid::now_v7();
        self.run(MOVE, params![owner, movement, year, section, line.article, line.id, "commit", amount, on, at, "commitment", id]);
        let label = "Achat de fournitures";
        self.run(
            COMMIT,
            params![owner, id, year, number, line.id, section, line.article, line.kind, commune.supplier, label, on, amount, mayor, at],
        );
        self.read(COMMITMENT, params![owner, id], nothing);
        let location = format!("/v1/organisations/{owner}/commitments/{id}");
        let body = format!(
            "{{\"id\":\"{id}\",\"organisation_id\":\"{owner}\",\"number\":\"E-{year}-{number:06}\",\"fiscal_year\":{year},\
             \"budget_line_id\":\"{}\",\"section\":\"{section}\",\"article\":\"{}\",\"kind\":\"{}\",\"supplier_id\":\"{}\",\
             \"label\":\"{label}\",\"committed_on\":\"{on}\",\"currency\":\"XOF\",\"amount\":\"{amount}\",\"verified\":\"0\",\
             \"advance_paid\":\"0\",\"advance_recovered\":\"0\",\"retention_withheld\":\"0\",\"retention_released\":\"0\",\
             \"state\":\"active\",\"end_reason\":null,\"committed_by\":\"{mayor}\",\"recorded_at\":\"{}\",\"version\":1}}",
            line.id, line.article, line.kind, commune.supplier, self.now
        );
        self.run(KEEP, params![mayor, key, owner, [7_u8; 32], location, body.as_bytes(), at]);
        self.say(owner, mayor, sequence, previous, (id, number, &line.article, amount));
    }

    fn say(&self, owner: Uuid, mayor: Uuid, sequence: i64, previous: [u8; 32], (id, number, article, amount): (Uuid, i64, &str, i64)) {
        let event = Event::of("commitment.recorded", "commitment", id, 1)
            .begun("active")
            .with("number", number)
            .with("article", article)
            .with("amount", amount.to_string())
            .with("currency", "XOF");
        let actor = Actor { principal: Some(PrincipalId(mayor)), role: "authorising_officer".to_owned() };
        let sequence = sequence + 1;
        let place = Place { organisation: OrganisationId(owner), sequence, recorded_at: self.now, actor: &actor, previous };
        let bytes = canonical_bytes(&event, &place);
        let hash = leaf_hash(&bytes);
        let facts = domain::audit::facts_text(&event.facts);
        let at = self.now.timestamp_micros();
        let (kind, subject) = (event.kind, event.subject_kind);
        self.run(SAY, params![owner, sequence, at, mayor, actor.role, kind, subject, id, 1, "active", facts, bytes, hash]);
        self.run(ADVANCE, params![owner, sequence, hash]);
    }
}

/// Commits on random lines of random communes for so long.
pub fn run(path: &Path, communes: &[Commune], chance: &mut Chance, lasting: Duration) -> Figure {
    let conn = open(path);
    let statements = Prepared::on(&conn);
    let (since, mut count) = (Instant::now(), 0_usize);
    while since.elapsed() < lasting {
        statements.with("BEGIN IMMEDIATE", |begin| begin.execute([]));
        for _ in 0..GROUP {
            let commune = &communes[chance.below(communes.len())];
            let line = &commune.lines[chance.below(commune.lines.len())];
            statements.with("SAVEPOINT job", |point| point.execute([]));
            Writer { statements: &statements, now: Utc::now().trunc_subsecs(6) }.commit(commune, line, 1 + chance.below(1000) as i64);
            statements.with("RELEASE job", |point| point.execute([]));
        }
        statements.with("COMMIT", |commit| commit.execute([]));
        count += GROUP;
    }
    Figure::of_rate(count as f64 / since.elapsed().as_secs_f64())
}
