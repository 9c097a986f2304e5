//! The limit: PostgreSQL driven by pgbench, without HTTP, on the same cluster. L is its rate of job J1: a budget line raised within what was
//! approved, an entry, two postings, two balances, in one durable transaction; no event, no chain, no idempotency.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;

use crate::contest::Figure;
use crate::postgres::Cluster;

const SCHEMA: &str = include_str!("job.sql");

/// What a client picks anew each time: an authority, two of its accounts in the order of their locks, an amount.
const PICKS: &str = "\\set authority random(1, 100)
\\set one random(1, 1000)
\\set step random(1, 999)
\\set other (:one + :step - 1) % 1000 + 1
\\set debit least(:one, :other)
\\set credit greatest(:one, :other)
\\set amount random(1, 1000)
";

/// What a client does with five statements in a transaction.
const STATEMENTS: &str = "BEGIN;
UPDATE budget_lines SET committed = committed + :amount
    WHERE authority_id = :authority AND account_id = :debit AND fiscal_year = 2025 AND committed + :amount <= approved;
INSERT INTO entries (authority_id, label) VALUES (:authority, 'Achat de fournitures') RETURNING id AS entry \\gset
INSERT INTO postings VALUES (:entry, 1, :authority, :debit, :amount::bigint), (:entry, 2, :authority, :credit, -:amount::bigint);
UPDATE accounts SET balance = balance + :amount WHERE authority_id = :authority AND id = :debit;
UPDATE accounts SET balance = balance - :amount WHERE authority_id = :authority AND id = :credit;
COMMIT;
";

/// The same in one function of the server.
const FUNCTION: &str = "SELECT post_entry(:authority, :debit, :credit, :amount);
";

/// The two ways in which a client does the job.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Statements,
    Function,
}

/// A database with the accounts of the job, and what pgbench runs on it.
pub struct Job {
    url: String,
    scripts: tempfile::TempDir,
}

impl Job {
    pub fn on(cluster: &Cluster, name: &str) -> Self {
        let target = cluster.make_database(name);
        let mut conn = target.connect(false).expect("a connection");
        conn.batch_execute(SCHEMA).expect("the accounts");
        conn.batch_execute("VACUUM ANALYZE").expect("analysed");
        Self { url: cluster.url(name), scripts: tempfile::tempdir().expect("a folder") }
    }

    /// The folder of the server's socket, and the name of the database.
    pub fn place(&self) -> (String, &str) {
        let (folder, name) = self.url.split_once('@').and_then(|(_, place)| place.split_once('/')).expect("a place");
        (folder.replace("%2F", "/"), name)
    }

    /// Connections do the job for so long.
    pub fn run(&self, way: Way, connections: usize, lasting: Duration) -> Figure {
        let (name, text) = match way {
            Way::Statements => ("statements.sql", STATEMENTS),
            Way::Function => ("function.sql", FUNCTION),
        };
        let script = self.scripts.path().join(name);
        std::fs::write(&script, [PICKS, text].concat()).expect("a script");
        pgbench(&self.url, &script, connections, lasting)
    }
}

/// Runs a script again and again over so many connections, prepared.
pub fn pgbench(url: &str, script: &Path, connections: usize, lasting: Duration) -> Figure {
    let mut bench = Command::new("pgbench");
    bench.args(["-n", "-M", "prepared", "-c", &connections.to_string(), "-j", &connections.min(2).to_string()]);
    bench.args(["-T", &lasting.as_secs_f64().round().max(1.0).to_string(), "-f"]).arg(script).arg(url);
    let output = bench.output().expect("pgbench runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let value = |before: &str| said.split(before).nth(1)?.split_whitespace().next()?.parse::<f64>().ok();
    let rate = value("tps = ").expect("a rate");
    let average = value("latency average = ").expect("a latency");
    Figure { p50: (average * 1000.0) as u32, ..Figure::of_rate(rate) }
}
