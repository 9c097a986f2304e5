//! Databases: what was founded once is kept with the hash of what founded it, and copied for each measure.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use db::connection::{Conn, Target};
use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;

use crate::founding::{Commune, found};
use crate::postgres::Cluster;
use crate::program::folder;

/// The database from which others are copied.
const TEMPLATE: &str = "founded";
/// Room for 64 connections of a reference and for those of the service and its peers.
const SETTINGS: &str = "-c shared_buffers=128MB -c max_connections=200 -c max_wal_size=2GB";

/// A digest over the migrations, guards, reference data and the founding itself, so that nothing stale is measured.
fn digest() -> String {
    fn walk(path: &Path, found: &mut Vec<Vec<u8>>) {
        if let Ok(entries) = std::fs::read_dir(path) {
            let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
            paths.sort();
            paths.iter().for_each(|path| walk(path, found));
        } else {
            found.push(std::fs::read(path).expect("a file"));
        }
    }
    let (top, mut found) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), Vec::new());
    for path in ["db/migrations", "db/guards", "db/src/connection.rs", "data", "tests/bench/founding.rs"] {
        walk(&top.join(path), &mut found);
    }
    found.push(crate::founding::fiscal_year().to_string().into_bytes());
    domain::audit::rows_digest(found.iter().map(Vec::as_slice)).chars().take(16).collect()
}

/// What is kept of a founding: a file, and the communes beside it.
struct Kept {
    file: PathBuf,
    communes: Vec<Commune>,
}

/// Finds what is kept, or founds it with `make`, which fills the file.
fn kept(engine: &str, make: impl FnOnce(&Path) -> Vec<Commune>) -> Kept {
    let file = folder().join(format!("{engine}-{}", digest()));
    let beside = file.with_extension("json");
    if let Ok(text) = std::fs::read(&beside) {
        return Kept { file, communes: serde_json::from_slice(&text).expect("communes") };
    }
    let since = Instant::now();
    eprintln!("founding the communes on {engine}…");
    for stale in std::fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if stale.is_file() && stale.file_name().is_some_and(|name| name.to_string_lossy().starts_with(engine)) {
            std::fs::remove_file(stale).expect("removed");
        }
    }
    let communes = make(&file);
    std::fs::write(&beside, serde_json::to_vec(&communes).expect("JSON")).expect("kept");
    eprintln!("founded {} communes on {engine} in {:.0} s", communes.len(), since.elapsed().as_secs_f64());
    Kept { file, communes }
}

/// Brings everything from the write-ahead log into the file.
fn checkpoint(target: &Target) {
    let since = Instant::now();
    let rest = "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;";
    while let Err(error) = target.connect(false).expect("a connection").batch_execute(rest) {
        assert!(since.elapsed() < Duration::from_secs(20), "no checkpoint: {error}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Tells PostgreSQL what it holds. Tables without rows are left out, as its own housekeeping does: of one that was looked at while it was
/// empty it believes that it stays so, and looks rows up by whatever index comes first.
pub fn analysed(conn: &mut Conn) {
    let filled = "SELECT 'VACUUM ANALYZE ' || string_agg(quote_ident(relname), ', ') AS text FROM pg_class \
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0";
    conn.batch_execute("SET statement_timeout = 0").expect("set");
    let told: Told = diesel::sql_query(filled).get_result(conn).expect("the tables");
    conn.batch_execute(&told.text).expect("analysed");
}

#[derive(diesel::QueryableByName)]
struct Told {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// The communes in SQLite files.
pub struct Sqlite {
    kept: Kept,
    copies: tempfile::TempDir,
}

impl Sqlite {
    pub fn founded() -> Self {
        let kept = kept("sqlite", |file| {
            let place = tempfile::tempdir_in(folder()).expect("a folder");
            let path = place.path().join("founding.db");
            let target = Target::Sqlite(path.clone());
            let communes = found(&target);
            checkpoint(&target);
            std::fs::rename(path, file).expect("kept");
            communes
        });
        Self { kept, copies: tempfile::tempdir_in(folder()).expect("a folder") }
    }

    pub fn communes(&self) -> &[Commune] {
        &self.kept.communes
    }

    /// A copy of its own for a measure.
    pub fn copy(&self, name: &str) -> Target {
        let path = self.copies.path().join(format!("{name}.db"));
        std::fs::copy(&self.kept.file, &path).expect("a copy");
        Target::Sqlite(path)
    }
}

/// The communes in a PostgreSQL cluster of the benchmark's own, which loses nothing that it confirms.
pub struct Postgres {
    communes: Vec<Commune>,
    pub cluster: Cluster,
}

impl Postgres {
    /// Nothing when PostgreSQL is not installed. Its flushes are slow if a library that makes them so is given.
    pub fn founded(slowed_by: Option<&Path>) -> Option<Self> {
        let cluster = Cluster::durable_under(SETTINGS, slowed_by)?;
        let run = |program: &str, arguments: &[&str]| {
            let path = format!("{}:{}", cluster.binaries().display(), std::env::var("PATH").unwrap_or_default());
            let ended = Command::new(program).env("PATH", path).args(arguments).status().expect("a program of PostgreSQL");
            assert!(ended.success(), "{program} failed");
        };
        let url = cluster.url(TEMPLATE);
        let mut made = false;
        let kept = kept("postgresql", |file| {
            let communes = found(&cluster.make_database(TEMPLATE));
            made = true;
            run("pg_dump", &["--format=custom", "--compress=1", "--dbname", &url, "--file", &file.to_string_lossy()]);
            communes
        });
        if !made {
            cluster.make_database(TEMPLATE);
            // What it was granted comes with the copy; the role itself belongs to the cluster.
            let mut conn = Target::Postgres(url.clone()).connect(false).expect("a connection");
            conn.batch_execute(&format!("CREATE ROLE {} NOLOGIN", db::wall::ROLE)).expect("a role");
            run("pg_restore", &["--exit-on-error", "--no-owner", "--dbname", &url, &kept.file.to_string_lossy()]);
        }
        analysed(&mut Target::Postgres(url).connect(false).expect("a connection"));
        Some(Self { communes: kept.communes, cluster })
    }

    pub fn communes(&self) -> &[Commune] {
        &self.communes
    }

    /// A copy of its own for a measure.
    pub fn copy(&self, name: &str) -> Target {
        let mut conn = Target::Postgres(self.cluster.url("postgres")).connect(false).expect("the server answers");
        conn.batch_execute("SET statement_timeout = 0").expect("set");
        let since = Instant::now();
        // Copying waits for the last connection to the template to go away.
        while let Err(error) = conn.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")) {
            assert!(since.elapsed() < Duration::from_secs(60), "{name}: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
        Target::Postgres(self.cluster.url(name))
    }
}
