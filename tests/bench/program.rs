//! The program measured: built for release, and running as a process of its own.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use api::token::Keys;
use db::connection::Target;
use domain::id::PrincipalId;
use uuid::Uuid;

/// As long as the service lets tokens live.
const TOKEN_SECONDS: i64 = 600;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder for what the benchmark builds and keeps.
pub fn folder() -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let folder = own.ancestors().nth(3).expect("target").join("bench");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Builds the program for release, together with the benchmark, so that nothing is compiled twice; cargo does nothing when it is current.
pub fn release() -> PathBuf {
    let target = folder().parent().expect("target").to_owned();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(top()).args(["build", "--quiet", "--release", "--no-default-features", "--features", "api/postgres-bundled"]);
    build.args(["--package", "api", "--bin", "sigida", "--package", "tests", "--bench", "sigida", "--target-dir"]).arg(&target);
    assert!(build.status().expect("cargo runs").success(), "the program was not built");
    target.join("release/sigida")
}

/// A running service; killed when it goes out of scope.
pub struct Service {
    folder: tempfile::TempDir,
    target: Target,
    pub address: SocketAddr,
    child: Child,
    /// From its start until it was ready.
    pub started_in: Duration,
    /// What it kept in memory then, in KiB.
    pub began_with: f64,
}

fn url(target: &Target) -> String {
    match target {
        Target::Sqlite(path) => format!("sqlite:{}", path.display()),
        Target::Postgres(url) => url.clone(),
    }
}

impl Service {
    /// Starts the service on a database, with its fsyncs slowed down if a library that does so is given.
    pub fn start(program: &Path, target: &Target, slowed_by: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let key = folder.path().join("key.pem");
        Keys::create(&key, TOKEN_SECONDS).expect("a key");
        let mut serve = Command::new(program);
        serve.arg("serve").env_clear().current_dir(folder.path());
        // Counted, and never used up.
        serve.env("SIGIDA_REQUESTS_PER_ADDRESS", "100000000").env("SIGIDA_REQUESTS_PER_PRINCIPAL", "100000000");
        serve.env("SIGIDA_DATABASE_URL", url(target)).env("SIGIDA_SIGNING_KEY_FILE", &key).env("SIGIDA_LISTEN", address.to_string());
        if let Some(library) = slowed_by {
            serve.env("LD_PRELOAD", library);
        }
        let log = File::create(folder.path().join("service.log")).expect("a log");
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let since = Instant::now();
        let mut child = serve.spawn().expect("the service starts");
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let ready = format!("http://{address}/health/ready");
        while !agent.get(&ready).call().is_ok_and(|answer| answer.status() == 200) {
            let ended = child.try_wait().expect("a child");
            let said = || std::fs::read_to_string(folder.path().join("service.log")).unwrap_or_default();
            assert!(ended.is_none() && since.elapsed() < Duration::from_secs(60), "the service is not ready: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        let (started_in, began_with) = (since.elapsed(), memory(&child, "VmRSS"));
        Self { started_in, began_with, folder, target: target.clone(), address, child }
    }

    /// A token for someone, good for ten minutes.
    pub fn token(&self, principal: Uuid) -> String {
        let keys = Keys::create(&self.folder.path().join("key.pem"), TOKEN_SECONDS).expect("the key");
        keys.sign(PrincipalId(principal), chrono::Utc::now().timestamp()).expect("a token")
    }

    /// The most that it ever kept in memory, in KiB.
    pub fn memory_at_most(&self) -> f64 {
        memory(&self.child, "VmHWM")
    }

    /// Ends the service, and lets the program verify the database that it leaves.
    pub fn stop_and_verify(mut self, program: &Path) -> String {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(asked.success() && self.child.wait().expect("a child").success(), "the service did not end well");
        verify(program, &self.target)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A line of a process's status, in KiB.
fn memory(child: &Child, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("a line of the status");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// What `sigida verify` says of a database that must be clean.
pub fn verify(program: &Path, target: &Target) -> String {
    let key = tempfile::NamedTempFile::new().expect("a file");
    let mut verify = Command::new(program);
    verify.arg("verify").env_clear().env("SIGIDA_DATABASE_URL", url(target)).env("SIGIDA_SIGNING_KEY_FILE", key.path());
    let output = verify.output().expect("the program runs");
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr }).trim().to_owned();
    assert!(output.status.success(), "{said}");
    said
}
