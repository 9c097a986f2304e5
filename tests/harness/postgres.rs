//! A PostgreSQL for the tests: the one they are given, or a throw-away cluster that they start and that stops by itself.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use db::connection::Target;
use diesel::connection::SimpleConnection as _;
use uuid::Uuid;

/// URL of a PostgreSQL on which databases may be made, up to the database's name.
const GIVEN: &str = "SIGIDA_TEST_POSTGRES_URL";
/// `required` makes a missing PostgreSQL a failure.
const REQUIRED: &str = "SIGIDA_TEST_POSTGRES";
/// What whoever reads the log of a server leaves in it.
const MARK: &str = "the log is read";

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
                Err(_) => binaries().map(shared),
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
pub fn user() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let passwd = std::fs::read_to_string("/etc/passwd").ok().filter(|_| root)?;
    let line = passwd.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A cluster of its own on a socket, which stops and goes away with the tests, however they end.
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    settings: &'static str,
    /// A library that is loaded into the server before its own.
    preloaded: Option<PathBuf>,
    server: Mutex<Option<Child>>,
}

impl Cluster {
    /// A cluster that keeps what it confirms: for the program itself, which accepts no other, and for tests that kill it.
    /// Nothing when its binaries are not installed.
    pub fn durable() -> Option<Self> {
        Self::durable_with("-c shared_buffers=32MB -c max_connections=60")
    }

    /// The same, which writes down every statement that it is sent.
    pub fn logging() -> Option<Self> {
        Self::durable_with(
            "-c shared_buffers=32MB -c max_connections=60 -c logging_collector=on -c log_directory=. -c log_filename=log \
             -c log_statement=all -c log_line_prefix=%p:",
        )
    }

    /// What was sent so far, one statement a line, each behind the number of the process that ran it.
    pub fn statements(&self) -> Vec<String> {
        // The log is written by another process: what was done is in it as soon as what is done now is.
        let mark = format!("{MARK} {}", Uuid::new_v4());
        let mut conn = Target::Postgres(self.url("postgres")).connect(true).expect("a connection");
        conn.batch_execute(&format!("SELECT '{mark}'")).expect("marked");
        let since = Instant::now();
        let log = loop {
            assert!(since.elapsed() < Duration::from_secs(30), "nothing comes into the log");
            let log = std::fs::read_to_string(self.folder.join("data/log")).expect("a log");
            if log.contains(&mark) {
                break log;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let process = |line: &str| line.split(':').next().map(str::to_owned);
        let marking: Vec<_> = log.lines().filter(|line| line.contains(MARK)).filter_map(process).collect();
        let told = log.lines().filter(|line| line.contains(":LOG:  ") && process(line).is_some_and(|process| !marking.contains(&process)));
        told.map(str::to_owned).collect()
    }

    /// The same with settings of one's own, which must not make it less durable.
    pub fn durable_with(settings: &'static str) -> Option<Self> {
        Self::durable_under(settings, None)
    }

    /// The same with a library loaded before its own.
    pub fn durable_under(settings: &'static str, preloaded: Option<&Path>) -> Option<Self> {
        let Some(bin) = binaries() else {
            assert!(std::env::var(REQUIRED).is_err(), "PostgreSQL is required here, and its binaries were not found");
            eprintln!("PostgreSQL half SKIPPED: install the server (apt-get install postgresql)");
            return None;
        };
        let cluster = Self::make(bin, settings, preloaded);
        cluster.start();
        Some(cluster)
    }

    fn make(bin: PathBuf, settings: &'static str, preloaded: Option<&Path>) -> Self {
        let folder = tempfile::Builder::new().prefix("sigida-pg-").tempdir().expect("a folder").keep();
        if let Some((uid, gid)) = user() {
            chown(&folder, Some(uid), Some(gid)).expect("the folder given to postgres");
        }
        let cluster = Self { bin, folder, settings, preloaded: preloaded.map(Path::to_owned), server: Mutex::new(None) };
        let data = cluster.data();
        let made = as_user(&cluster.bin.join("initdb"))
            .args(["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            .stdout(Stdio::null())
            .status()
            .expect("initdb runs");
        assert!(made.success(), "initdb failed");
        // A watchdog stops the server and removes its folder when the tests are gone.
        let script = format!(
            "while [ -d /proc/{parent} ]; do sleep 0.5; done; server=$(head -n 1 '{data}/postmaster.pid'); \
             [ -z \"$server\" ] || kill -QUIT $server; while [ -n \"$server\" ] && [ -d /proc/$server ]; do sleep 0.2; done; \
             rm -rf '{folder}'",
            parent = std::process::id(),
            folder = cluster.folder.display(),
        );
        let mut watchdog = as_user(Path::new("/bin/sh"));
        watchdog.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        drop(watchdog.spawn().expect("the watchdog starts"));
        cluster
    }

    fn data(&self) -> String {
        self.folder.join("data").to_string_lossy().into_owned()
    }

    /// The folder with `pg_dump` and its like.
    pub fn binaries(&self) -> &Path {
        &self.bin
    }

    fn spawn(&self) -> Child {
        let mut server = as_user(&self.bin.join("postgres"));
        server.args(["-D", &self.data(), "-k", &self.folder.to_string_lossy(), "-c", "listen_addresses=", "-c", "deadlock_timeout=200ms"]);
        if let Some(library) = &self.preloaded {
            server.env("LD_PRELOAD", library);
        }
        server.args(self.settings.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        server.spawn().expect("the server starts")
    }

    /// Starts the server and waits until it answers.
    pub fn start(&self) {
        let mut server = self.spawn();
        let since = Instant::now();
        while let Err(error) = Target::Postgres(self.url("postgres")).connect(false) {
            assert!(since.elapsed() < Duration::from_secs(30), "PostgreSQL did not start: {error}");
            std::thread::sleep(Duration::from_millis(50));
            // It does not start while processes of a killed server are still there.
            if server.try_wait().expect("a child").is_some() {
                server = self.spawn();
            }
        }
        *self.server.lock().expect("the server") = Some(server);
    }

    /// Ends the server and all its processes at once, as a failing machine does.
    pub fn kill(&self) {
        let Some(mut server) = self.server.lock().expect("the server").take() else { return };
        // Stopped, it starts no process that would be left over.
        drop(Command::new("kill").args(["-STOP", &server.id().to_string()]).status());
        let children = children_of(server.id());
        server.kill().expect("killed");
        drop(Command::new("kill").arg("-KILL").args(children).stderr(Stdio::null()).status());
        server.wait().expect("ended");
    }

    fn base(&self) -> String {
        format!("postgres://postgres@{}/%", self.folder.to_string_lossy().replace('/', "%2F"))
    }

    pub fn url(&self, database: &str) -> String {
        Server { base: self.base() }.url(database)
    }

    /// Makes an empty database.
    pub fn make_database(&self, name: &str) -> Target {
        let mut conn = Target::Postgres(self.url("postgres")).connect(false).expect("the server answers");
        conn.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).expect("a database");
        Target::Postgres(self.url(name))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

pub fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command
}

/// The ids of the processes that a process started.
fn children_of(parent: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let of_parent = |entry: &std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default().to_owned();
        after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    processes.filter(of_parent).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The cluster of the whole suite, whose tests need no durability.
fn shared(bin: PathBuf) -> Server {
    let settings = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=64MB -c max_connections=400";
    let cluster = Cluster::make(bin, settings, None);
    cluster.start();
    let server = Server { base: cluster.base() };
    // It lives as long as the tests; then the watchdog ends it.
    std::mem::forget(cluster);
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
