//! One connection type over both engines, chosen once by the scheme of the database URL.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::migration::MigrationSource;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::fault::Fault;
use crate::private;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// A connection to one of the engines. Never made with `Conn::establish`, which would try each engine in turn.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Pg(PgConnection),
    Sqlite(SqliteConnection),
}

/// Runs an expression with the engine's own connection, for the few queries that the shared language cannot express.
#[macro_export]
macro_rules! on_engine {
    ($conn:expr, |$inner:ident| $query:expr) => {
        match $conn {
            $crate::connection::Conn::Pg($inner) => $query,
            $crate::connection::Conn::Sqlite($inner) => $query,
        }
    };
}

/// Where the data lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Sqlite(PathBuf),
    Postgres(String),
}

/// The engines by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Reads,
    Writes,
}

/// What PostgreSQL is told of each session, or of each transaction where sessions are not ours.
pub fn settings(used: Use) -> impl Iterator<Item = &'static str> {
    // No JIT: compiling a query costs more than it saves on what lasts milliseconds.
    let all =
        ["statement_timeout = '10s'", "lock_timeout = '5s'", "idle_in_transaction_session_timeout = '15s'", "TIME ZONE 'UTC'", "jit = off"];
    // Writes find rows by their keys: one plan serves all values, even one made while a table was small.
    let of_writes = ["plan_cache_mode = force_generic_plan", "enable_seqscan = off"];
    all.into_iter().chain(of_writes.into_iter().filter(move |_| used == Use::Writes))
}

/// A URL as libpq reads it, without what only this program knows; and whether it says that a pooler stands before the server.
fn without_pooler(url: &str) -> (String, bool) {
    let Some((address, options)) = url.split_once('?') else { return (url.to_owned(), false) };
    let (ours, theirs): (Vec<&str>, Vec<&str>) = options.split('&').partition(|option| *option == POOLER);
    let options = if theirs.is_empty() { String::new() } else { format!("?{}", theirs.join("&")) };
    (format!("{address}{options}"), !ours.is_empty())
}

/// The option of a database URL that says so.
const POOLER: &str = "pooler=transaction";

/// Hosts that need no TLS because nothing leaves the machine.
fn is_local(host: &str) -> bool {
    host.is_empty()
        || host.starts_with('/')
        || host.starts_with("%2F")
        || host.starts_with("%2f")
        || matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]")
}

impl Target {
    /// Reads `sqlite:path/to/file.db` or `postgres://user@host/database`. Any other scheme is an error, never a guess.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('?') || path == ":memory:" {
                return Err("a SQLite URL names a file: sqlite:path/to/sigida.db".to_owned());
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            let scheme = url.split(':').next().unwrap_or("").chars().take(20).collect::<String>();
            return Err(format!("unknown database scheme {scheme:?}: use sqlite: or postgres:"));
        }
        let parsed = url::Url::parse(url).map_err(|_| "the database URL cannot be read".to_owned())?;
        let options = |wanted: &'static [&'static str]| {
            parsed.query_pairs().filter(move |(key, _)| wanted.contains(&key.as_ref())).map(|(_, value)| value.into_owned())
        };
        // libpq takes lists of hosts, in the address and in the options.
        let hosts = options(&["host", "hostaddr"]).chain(std::iter::once(parsed.host_str().unwrap_or("").to_owned()));
        let remote = hosts.flat_map(|list| list.split(',').map(str::to_owned).collect::<Vec<_>>()).find(|host| !is_local(host));
        let verified = options(&["sslmode"]).last().as_deref() == Some("verify-full");
        if let Some(host) = remote.filter(|_| !verified) {
            return Err(format!("PostgreSQL on another host ({host}) needs TLS: add sslmode=verify-full to the database URL"));
        }
        Ok(Self::Postgres(url.to_owned()))
    }

    pub fn engine(&self) -> Engine {
        match self {
            Target::Sqlite(_) => Engine::Sqlite,
            Target::Postgres(_) => Engine::Postgres,
        }
    }

    /// Refuses a SQLite file that is not there, which opening would make anew.
    pub fn require_existing(&self) -> Result<(), Fault> {
        match self {
            Target::Sqlite(path) if !path.is_file() => {
                Err(Fault::Broken(format!("{} does not exist: run `sigida migrate` (or `sigida demo`) first", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// Whether a pooler lends connections for a transaction, and keeps nothing of a session: `pooler=transaction` in the URL.
    pub fn is_pooled(&self) -> bool {
        matches!(self, Self::Postgres(url) if without_pooler(url).1)
    }

    /// Opens a connection; a reader cannot write.
    pub fn connect(&self, reader: bool) -> Result<Conn, Fault> {
        let busy = |error: diesel::ConnectionError| Fault::Busy(error.to_string());
        match self {
            Target::Sqlite(path) => {
                if !reader {
                    own(path)?;
                }
                let mut conn = SqliteConnection::establish(&path.to_string_lossy()).map_err(busy)?;
                conn.batch_execute(
                    "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; \
                     PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA page_size = 2048; PRAGMA journal_mode = WAL; \
                     PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000;",
                )?;
                // The writer comes back to the same pages: 16 MiB of them stay at hand.
                conn.batch_execute(if reader { "PRAGMA query_only = ON" } else { "PRAGMA cache_size = -16384" })?;
                Ok(Conn::Sqlite(conn))
            }
            Target::Postgres(url) => {
                let (url, pooled) = without_pooler(url);
                let separator = if url.contains('?') { '&' } else { '?' };
                let url = format!("{url}{separator}connect_timeout=3&tcp_user_timeout=5000&keepalives_idle=10&application_name=sigida");
                let mut conn = PgConnection::establish(&url).map_err(busy)?;
                if pooled {
                    // What is prepared stays with a connection that the next transaction may not get again.
                    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
                    return Ok(Conn::Pg(conn));
                }
                let (used, access) = if reader { (Use::Reads, "READ ONLY") } else { (Use::Writes, "READ WRITE") };
                let set: String = settings(used).map(|setting| format!("SET {setting}; ")).collect();
                conn.batch_execute(&format!("{set}SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, {access};"))?;
                Ok(Conn::Pg(conn))
            }
        }
    }
}

/// A database that is not there yet is made for its owner alone; so are the files that SQLite puts beside it. One that is there, whoever
/// reads it, stays as it is.
fn own(database: &Path) -> Result<(), Fault> {
    match private::create_new(database) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Fault::Broken(format!("{}: {error}", database.display()))),
        _ => Ok(()),
    }
}

/// Commits of SQLite wait for the disk no more, and copy nothing back: others flush the log, before anybody is told, and copy it.
pub fn leave_log_to_others(conn: &mut Conn) -> Result<(), Fault> {
    if matches!(conn, Conn::Sqlite(_)) {
        conn.batch_execute("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")?;
    }
    Ok(())
}

impl Target {
    /// Opens a connection that writes for a lane.
    pub fn connect_lane(&self) -> Result<Conn, Fault> {
        let mut conn = self.connect(false)?;
        leave_log_to_others(&mut conn)?;
        Ok(conn)
    }

    /// Opens a SQLite file that nobody writes, and leaves no trace in it or beside it.
    pub fn connect_at_rest(file: &Path) -> Result<Conn, Fault> {
        let path = std::path::absolute(file).map_err(|error| Fault::Broken(error.to_string()))?;
        let url = url::Url::from_file_path(&path).map_err(|()| Fault::Broken(format!("{} cannot be named", path.display())))?;
        let mut conn = SqliteConnection::establish(&format!("{url}?immutable=1")).map_err(|error| Fault::Broken(error.to_string()))?;
        conn.batch_execute(
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
        )?;
        Ok(Conn::Sqlite(conn))
    }
}

/// The advisory lock of PostgreSQL under which a schema is migrated.
const MIGRATION_LOCK: i64 = 5_167_120;

/// Brings the schema up to this program's version and applies the engine's guards. Says what was applied.
pub fn migrate(conn: &mut Conn) -> Result<Vec<String>, Fault> {
    if let Conn::Pg(inner) = conn {
        // Two programs that start at once migrate one after the other; the lock ends with the connection.
        // What is migrated is everybody's.
        inner.batch_execute(&format!(
            "SET lock_timeout = '60s'; SELECT pg_advisory_lock({MIGRATION_LOCK}); SET lock_timeout = '5s'; SET sigida.organisations = '*';"
        ))?;
    }
    let applied = on_engine!(conn, |inner| {
        let versions = inner.run_pending_migrations(MIGRATIONS).map_err(|error| Fault::Broken(error.to_string()))?;
        versions.iter().map(ToString::to_string).collect()
    });
    let guards = match conn {
        Conn::Pg(_) => include_str!("../guards/postgres.sql"),
        Conn::Sqlite(_) => include_str!("../guards/sqlite.sql"),
    };
    conn.batch_execute(&format!("BEGIN; {guards} COMMIT;"))?;
    if let Conn::Pg(inner) = conn {
        inner.batch_execute(&format!("RESET sigida.organisations; SELECT pg_advisory_unlock({MIGRATION_LOCK})"))?;
    }
    Ok(applied)
}

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// Whether every migration of this program is applied. Only reads: a reader's connection can ask.
pub fn is_migrated(conn: &mut Conn) -> Result<bool, Fault> {
    let applied: Vec<String> = match __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(conn) {
        Err(Error::DatabaseError(_, info)) if info.message().contains("__diesel_schema_migrations") => return Ok(false),
        read => read?,
    };
    let known = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&MIGRATIONS).map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(known.iter().all(|migration| applied.contains(&migration.name().version().to_string())))
}

/// The oldest SQLite that is safe: earlier ones can corrupt a database in WAL mode.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Refuses an engine whose settings could lose what was acknowledged.
pub fn require_durable(conn: &mut Conn) -> Result<(), Fault> {
    match conn {
        Conn::Sqlite(_) => {
            let version = libsqlite3_sys::SQLITE_VERSION_NUMBER;
            if version < SQLITE_VERSION_MIN {
                return Err(Fault::Broken(format!("SQLite {version} is too old: {SQLITE_VERSION_MIN} is the least")));
            }
            Ok(())
        }
        Conn::Pg(inner) => {
            #[derive(diesel::QueryableByName)]
            struct Setting {
                #[diesel(sql_type = diesel::sql_types::Text)]
                name: String,
                #[diesel(sql_type = diesel::sql_types::Text)]
                setting: String,
            }
            let settings: Vec<Setting> = diesel::sql_query(
                "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')",
            )
            .load(inner)?;
            match settings.iter().find(|setting| matches!(setting.setting.as_str(), "off" | "local")) {
                Some(unsafe_one) => Err(Fault::Broken(format!("PostgreSQL runs with {} = {}", unsafe_one.name, unsafe_one.setting))),
                None => Ok(()),
            }
        }
    }
}

/// The folder of a SQLite file must exist before the file can.
pub fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// A query whose rows stay locked until the transaction ends. SQLite, which has one writer, needs no more words.
#[derive(Clone, Copy, QueryId)]
pub struct Locked<Q>(pub Q);

impl<Q: Query> Query for Locked<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<Conn> for Locked<Q> {}

impl<Q: QueryFragment<MultiBackend>> QueryFragment<MultiBackend> for Locked<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        if matches!(out.backend(), MultiBackend::Pg(_)) {
            out.push_sql(" FOR UPDATE");
        }
        Ok(())
    }
}

/// As [`Locked`], where the rows of one table are, and not those that stand beside them.
pub struct LockedOf<Q>(pub Q, pub &'static str);

impl<Q: Query> Query for LockedOf<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> QueryId for LockedOf<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, C> RunQueryDsl<C> for LockedOf<Q> {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for LockedOf<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" FOR UPDATE OF ");
        out.push_sql(self.1);
        Ok(())
    }
}

impl<Q: QueryFragment<Sqlite>> QueryFragment<Sqlite> for LockedOf<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_engine_or_nothing_does() {
        assert_eq!(Target::parse("sqlite:demo/sigida.db"), Ok(Target::Sqlite(PathBuf::from("demo/sigida.db"))));
        assert!(matches!(Target::parse("postgres://sigida@localhost/sigida"), Ok(Target::Postgres(_))));
        assert!(matches!(Target::parse("postgres://sigida@%2Fvar%2Frun%2Fpostgresql/sigida"), Ok(Target::Postgres(_))));
        for wrong in ["mysql://x/y", "host=localhost dbname=x", "", "sqlite:", "sqlite::memory:", "/var/lib/x.db", "postgress://x/y"] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn another_host_needs_tls() {
        for wrong in [
            "postgres://db.example/sigida",
            "postgres://u@10.0.0.5:5432/s?sslmode=prefer",
            "postgres://db.example/s?sslmode=require",
            "postgres:///s?host=db.example",
            "postgres:///s?host=/tmp&host=db.example",
            "postgres:///s?host=localhost,db.example",
            "postgres://localhost/s?hostaddr=10.0.0.5",
        ] {
            assert!(Target::parse(wrong).expect_err("no TLS").contains("TLS"), "{wrong}");
        }
        assert!(Target::parse("postgres://db.example/sigida?sslmode=verify-full").is_ok());
    }
}
