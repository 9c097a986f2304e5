//! A PostgreSQL for the tests: the one they are given, or a throw-away cluster that they start and that stops by itself.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use db::connection::Target;
use diesel::connection::SimpleConnection as _;

/// URL of a PostgreSQL on which databases may be made, up to the database's name.
const GIVEN: &str = "SIGIDA_TEST_POSTGRES_URL";
/// `required` makes a missing PostgreSQL a failure.
const REQUIRED: &str = "SIGIDA_TEST_POSTGRES";

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static NAMES: AtomicU32 = AtomicU32::new(0);

struct Server {
    /// `postgres://…/%` with `%` for the database.
    base: String,
}

fn server() -> Option<&'static Server> {
    SERVER
        .get_or_init(|| {
            let found = match std::env::var(GIVEN) {
                Ok(url) => Some(Server { base: url.trim_end_matches('/').to_owned() + "/%" }),
                Err(_) => binaries().map(|bin| start(&bin)),
            };
            if found.is_none() {
                assert!(std::env::var(REQUIRED).is_err(), "PostgreSQL is required here, and neither its binaries nor {GIVEN} were found");
                eprintln!("PostgreSQL half SKIPPED: install the server (apt-get install postgresql) or set {GIVEN}");
            }
            found
        })
        .as_ref()
}

/// Where the server binaries are: on the path, or where Debian puts them.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut installed: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
        installed.sort();
        folders.extend(installed.into_iter().rev());
    }
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// The server refuses to run as root: then it runs as the user `postgres`.
fn user() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let passwd = std::fs::read_to_string("/etc/passwd").ok().filter(|_| root)?;
    let line = passwd.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn start(bin: &Path) -> Server {
    let folder = tempfile::Builder::new().prefix("sigida-pg-").tempdir().expect("a folder").keep();
    let user = user();
    let as_user = |program: PathBuf| {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        command
    };
    if let Some((uid, gid)) = user {
        chown(&folder, Some(uid), Some(gid)).expect("the folder given to postgres");
    }
    let data = folder.join("data");
    let made = as_user(bin.join("initdb"))
        .args(["-D", &data.to_string_lossy(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
        .stdout(Stdio::null())
        .status()
        .expect("initdb runs");
    assert!(made.success(), "initdb failed");
    // A watchdog stops the server and removes its folder when the tests are gone, however they end.
    let script = format!(
        "'{bin}/postgres' -D '{data}' -k '{folder}' -c listen_addresses='' -c fsync=off -c synchronous_commit=off \
         -c full_page_writes=off -c shared_buffers=64MB -c max_connections=400 -c deadlock_timeout=200ms >'{folder}/log' 2>&1 & server=$!; \
         while [ -d /proc/{parent} ]; do sleep 0.5; done; kill -QUIT $server; wait $server; rm -rf '{folder}'",
        bin = bin.display(),
        data = data.display(),
        folder = folder.display(),
        parent = std::process::id(),
    );
    let mut watchdog = as_user(PathBuf::from("/bin/sh"));
    watchdog.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    drop(watchdog.spawn().expect("the server starts"));
    let socket = folder.to_string_lossy().replace('/', "%2F");
    let server = Server { base: format!("postgres://postgres@{socket}/%") };
    let since = Instant::now();
    while let Err(error) = Target::Postgres(server.url("postgres")).connect(false) {
        assert!(since.elapsed() < Duration::from_secs(30), "PostgreSQL did not start: {error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

impl Server {
    fn url(&self, database: &str) -> String {
        // The last "%" stands for the name; earlier ones belong to the address.
        let (before, after) = self.base.rsplit_once('%').expect("a place for the name");
        format!("{before}{database}{after}")
    }
}

/// A new database, empty or copied from another; nothing when there is no PostgreSQL.
pub fn database(template: Option<&str>) -> Option<(String, Target)> {
    let server = server()?;
    let name = format!("t{}_{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
    let mut conn = Target::Postgres(server.url("postgres")).connect(false).expect("the server answers");
    let statement = match template {
        Some(template) => format!("CREATE DATABASE {name} TEMPLATE {template}"),
        None => format!("CREATE DATABASE {name} TEMPLATE template0"),
    };
    let since = Instant::now();
    // Copying waits for the last connection to the template to go away.
    while let Err(error) = conn.batch_execute(&statement) {
        assert!(since.elapsed() < Duration::from_secs(20), "{statement}: {error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let target = Target::Postgres(server.url(&name));
    Some((name, target))
}

/// Removes a database that no test uses any more.
pub fn drop_database(name: &str) {
    if let Some(server) = server()
        && let Ok(mut conn) = Target::Postgres(server.url("postgres")).connect(false)
    {
        drop(conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
    }
}
