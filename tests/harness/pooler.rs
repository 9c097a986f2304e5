//! PgBouncer before a PostgreSQL of the tests, lending connections for a transaction.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use db::connection::Target;

use super::postgres::{as_user, user};

/// `required` makes a missing PgBouncer a failure.
const REQUIRED: &str = "SIGIDA_TEST_PGBOUNCER";

/// How many connections it has for all who come.
pub const CONNECTIONS: usize = 2;

/// It stops with the story.
pub struct Pooler {
    child: Child,
    folder: tempfile::TempDir,
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).map(|folder| folder.join("pgbouncer"));
    let found = found.into_iter().find(|program| program.is_file());
    if found.is_none() {
        assert!(std::env::var_os(REQUIRED).is_none(), "PgBouncer is required here, and was not found");
        eprintln!("behind a pooler SKIPPED: install it (apt-get install pgbouncer)");
    }
    found
}

impl Pooler {
    /// A pooler before the server of a database on a socket, and the same database through it.
    pub fn before(target: &Target) -> Option<(Self, Target)> {
        let Target::Postgres(url) = target else { return None };
        let (address, database) = url.rsplit_once('/').expect("a database");
        let socket = address.split_once('@').expect("a user").1.replace("%2F", "/");
        if !socket.starts_with('/') {
            eprintln!("behind a pooler SKIPPED: the PostgreSQL given is not on a socket");
            return None;
        }
        let program = program()?;
        let folder = tempfile::Builder::new().prefix("sigida-pooler-").tempdir().expect("a folder");
        let at = folder.path().to_string_lossy().into_owned();
        let settings = format!(
            "[databases]\n* = host={socket} user=postgres\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {at}\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\nmax_client_conn = 200\nlogfile = {at}/log\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("settings");
        if let Some((uid, gid)) = user() {
            for place in [folder.path(), &file] {
                chown(place, Some(uid), Some(gid)).expect("given to postgres");
            }
        }
        let mut command = as_user(&program);
        command.arg("-q").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the pooler starts");
        let pooler = Self { child, folder };
        let since = Instant::now();
        let target = Target::Postgres(format!("postgres://postgres@{}:6432/{database}?pooler=transaction", at.replace('/', "%2F")));
        while let Err(error) = target.connect(true) {
            assert!(since.elapsed() < Duration::from_secs(20), "the pooler does not answer: {error}\n{}", pooler.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some((pooler, target))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(Path::new(self.folder.path()).join("log")).unwrap_or_default()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
