//! The program itself, started as those who run it start it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use api::token::Keys;

use super::{Client, canary, patience};

/// Tokens live as long as the service lets them.
const TOKEN_SECONDS: i64 = 600;

/// Names a program that is built already: for figures, one that was built for release.
const GIVEN: &str = "SIGIDA_TEST_PROGRAM";

/// The program `sigida`, built beside this suite; cargo does nothing when it is current.
pub fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(given) = std::env::var_os(GIVEN) {
            return PathBuf::from(given);
        }
        let suite = std::env::current_exe().expect("this suite");
        let profile = suite.parent().and_then(Path::parent).expect("target/<profile>/deps").to_owned();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.current_dir(top()).args(["build", "--quiet", "--offline", "--workspace", "--bin", "sigida", "--target-dir"]);
        build.arg(profile.parent().expect("target"));
        match profile.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => {}
            Some(name) => drop(build.args(["--profile", name])),
        }
        let built = build.output().expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        profile.join(format!("sigida{}", std::env::consts::EXE_SUFFIX))
    })
}

pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A place to run the program in: a folder with a key, and settings of the environment. Nothing else is inherited.
pub struct Place {
    folder: tempfile::TempDir,
    settings: BTreeMap<String, String>,
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

impl Place {
    pub fn new() -> Self {
        patience::begin();
        canary::begin();
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("key.pem");
        Keys::create(&key, TOKEN_SECONDS).expect("a key");
        let place = Self { folder, settings: BTreeMap::new() };
        let database = format!("sqlite:{}", place.path("sigida.db"));
        place
            .with("SIGIDA_DATABASE_URL", &database)
            .with("SIGIDA_SIGNING_KEY_FILE", &key.to_string_lossy())
            .with("SIGIDA_LISTEN", &free_address().to_string())
            // Tests ask as often as they like.
            .with("SIGIDA_REQUESTS_PER_ADDRESS", "1000000")
            .with("SIGIDA_REQUESTS_PER_PRINCIPAL", "1000000")
    }

    /// Another place for the same service, with the same settings and an address of its own.
    pub fn beside(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, settings: self.settings.clone() }.with("SIGIDA_LISTEN", &free_address().to_string())
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// Keeps a text in a file with the given permissions; gives its path.
    pub fn keep(&self, name: &str, mode: u32, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("written");
        std::fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("permissions");
        self.path(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env_clear().envs(&self.settings).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.command(arguments).output().expect("the program runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ended = Ended { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) };
        canary::told(&ended.error);
        ended
    }

    /// A run that must fail and say why.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str], why: &str) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        assert!(ended.error.contains(why), "{arguments:?} says {:?}, not {why:?}", ended.error);
        assert!(ended.error.starts_with("sigida: ") && !ended.error.contains("panicked"), "{:?}", ended.error);
        ended
    }

    pub fn address(&self) -> SocketAddr {
        self.settings["SIGIDA_LISTEN"].parse().expect("an address")
    }

    /// Starts the service; what it says goes on at the end of its log.
    pub fn start(&self, arguments: &[&str]) -> Service {
        let log = self.folder.path().join("service.log");
        let said: File = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let child = self.command(arguments).stdout(Stdio::null()).stderr(said).spawn().expect("the service starts");
        Service { child, log }
    }

    /// Starts the service and waits until its own probe says that it is ready.
    pub fn serve(&self, arguments: &[&str], probe: &[&str]) -> Service {
        let mut service = self.start(arguments);
        service.wait_until(|| {
            let asked = self.run(probe);
            assert!(asked.code != Some(0) || asked.out == "ready\n", "{asked:?}");
            asked.code == Some(0)
        });
        service
    }

    /// Starts the service and waits until it answers that it is ready.
    pub fn serve_ready(&self) -> Service {
        let anyone = self.client(None);
        let mut service = self.start(&["serve"]);
        service.wait_until(|| anyone.attempt("GET", "/health/ready", &[], &[]).is_ok_and(|answer| answer.status == 200));
        service
    }

    /// The key with which the service signs.
    pub fn keys(&self) -> Keys {
        Keys::create(&self.folder.path().join("key.pem"), TOKEN_SECONDS).expect("a key")
    }

    pub fn client(&self, token: Option<String>) -> Client {
        Client::new(&format!("http://127.0.0.1:{}", self.address().port()), token)
    }
}

/// A running service; killed if it is still there when the test ends.
pub struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("a log")).into_owned()
    }

    fn wait_until(&mut self, ready: impl Fn() -> bool) {
        let since = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("the service ended with {status}: {}", self.said());
            }
            assert!(since.elapsed() < Duration::from_secs(60), "the service is not ready: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The most that it ever kept in memory, in bytes.
    pub fn memory_at_most(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of the status");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Ends it as a failing machine does: at once, without a word.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Asks it to end, as an operator does; gives its exit code and what it said.
    pub fn terminate(self) -> (Option<i32>, String) {
        self.terminate_asking(1)
    }

    /// The same by somebody who asks so many times, one right after the other.
    pub fn terminate_asking(mut self, times: usize) -> (Option<i32>, String) {
        for time in 0..times {
            let asked =
                Command::new("kill").args(["-TERM", &self.child.id().to_string()]).stderr(Stdio::null()).status().expect("kill runs");
            assert!(asked.success() || time > 0);
        }
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return (status.code(), self.said());
            }
            assert!(since.elapsed() < Duration::from_secs(40), "the service does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if let Ok(said) = std::fs::read(&self.log) {
            canary::told(&String::from_utf8_lossy(&said));
        }
    }
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}
