//! Behind the proxies that Debian has, as `deploy/` configures them: what they and the service read of one connection is the same, so no
//! request hides in another and nobody is given the answer to somebody else's.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use db::store::Sizes;

use super::framing::{HIDDEN, cut, plain, refused};
use super::wire::Wire;
use super::{Edge, SLACK, Stage, Town};
use crate::harness::Client;
use crate::harness::program::{free_address, top};

/// `required` makes a missing proxy a failure.
const REQUIRED: &str = "SIGIDA_TEST_PROXIES";
/// What the proxies of this proof put on each request that they pass on, and nobody else does.
const MARK: &str = "x-proxied: 1";
/// How long a proxy may keep a request of which something is missing.
const PATIENCE: Duration = Duration::from_secs(12);
/// How many others ask meanwhile, at least.
const OTHERS: usize = 200;

/// What passed on one connection between a proxy and the service.
#[derive(Default)]
struct Passed {
    sent: Vec<u8>,
    answered: Vec<u8>,
}

/// How often a text stands in bytes, in whatever case.
fn times(bytes: &[u8], text: &str) -> usize {
    String::from_utf8_lossy(bytes).to_ascii_lowercase().matches(&text.to_ascii_lowercase()).count()
}

/// Listens between a proxy and the service, and writes down what passes.
struct Listener {
    address: SocketAddr,
    passed: Arc<Mutex<Vec<Arc<Mutex<Passed>>>>>,
}

fn copy(mut from: TcpStream, mut to: TcpStream, note: impl Fn(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(count) if count > 0 => {
                note(&buffer[..count]);
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    drop(to.shutdown(Shutdown::Write));
}

impl Listener {
    fn before(service: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        let passed: Arc<Mutex<Vec<Arc<Mutex<Passed>>>>> = Arc::default();
        let all = Arc::clone(&passed);
        // It ends with the tests.
        std::thread::spawn(move || {
            for proxy in socket.incoming() {
                let (Ok(proxy), Ok(service)) = (proxy, TcpStream::connect(service)) else { continue };
                let passing: Arc<Mutex<Passed>> = Arc::default();
                all.lock().expect("what passed").push(Arc::clone(&passing));
                let (there, back) = (Arc::clone(&passing), passing);
                let (proxy_too, service_too) = (proxy.try_clone().expect("a socket"), service.try_clone().expect("a socket"));
                std::thread::spawn(move || copy(proxy, service, |bytes| there.lock().expect("what passed").sent.extend_from_slice(bytes)));
                std::thread::spawn(move || {
                    copy(service_too, proxy_too, |bytes| back.lock().expect("what passed").answered.extend_from_slice(bytes))
                });
            }
        });
        Self { address, passed }
    }

    /// The connections on which the service answered more requests than the proxy passed on, as what was sent there.
    fn smuggled(&self) -> Vec<String> {
        let passed = self.passed.lock().expect("what passed").clone();
        let passed = passed.iter().map(|passed| passed.lock().expect("what passed"));
        let more = |passed: &std::sync::MutexGuard<'_, Passed>| times(&passed.answered, "http/1.1 ") > times(&passed.sent, MARK);
        passed.filter(more).map(|passed| String::from_utf8_lossy(&passed.sent).into_owned()).collect()
    }
}

/// A proxy; ended with the proof.
struct Proxy {
    address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).map(|folder| folder.join(name)).find(|program| program.is_file());
    if found.is_none() {
        assert!(std::env::var_os(REQUIRED).is_none(), "{name} is required here, and was not found");
        eprintln!("behind {name} SKIPPED: install it (apt-get install {name})");
    }
    found
}

/// What we recommend, at other addresses, and with the mark.
fn settings(file: &str, changes: &[(&str, String)]) -> String {
    let mut text = std::fs::read_to_string(top().join("deploy").join(file)).expect("the recommended settings");
    for (from, to) in changes {
        assert!(text.contains(from), "{file} says nothing of {from:?}");
        text = text.replace(from, to);
    }
    text
}

impl Proxy {
    fn start(program: &Path, listener: &Listener) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (address, at) = (free_address(), folder.path().display().to_string());
        let mut command = Command::new(program);
        let file = folder.path().join("settings");
        let text = if program.ends_with("nginx") {
            let forwarded = "proxy_set_header X-Forwarded-For $remote_addr;";
            let site = settings(
                "nginx.conf",
                &[
                    ("listen 80;", format!("listen {address};")),
                    ("127.0.0.1:8080", listener.address.to_string()),
                    (forwarded, format!("{forwarded} proxy_set_header X-Proxied 1;")),
                ],
            );
            let places: String =
                ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {at}/{kind};")).concat();
            command.args(["-e", &format!("{at}/log"), "-c"]).arg(&file);
            format!(
                "daemon off; master_process off; pid {at}/pid; error_log {at}/log;\nevents {{}}\nhttp {{ access_log off; {places}\n{site}\n}}\n"
            )
        } else {
            let forwarded = "http-request set-header X-Forwarded-For %[src]";
            command.arg("-f").arg(&file);
            settings(
                "haproxy.cfg",
                &[
                    ("bind :80", format!("bind {address}")),
                    ("127.0.0.1:8080", listener.address.to_string()),
                    // Shared by all from the first request on: what is safe hides nothing from others, so nothing could be found.
                    ("http-reuse safe", "http-reuse always".to_owned()),
                    (forwarded, format!("{forwarded}\n    http-request set-header X-Proxied 1")),
                ],
            )
        };
        std::fs::write(&file, text).expect("settings");
        let log = std::fs::File::create(folder.path().join("said")).expect("a log");
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut proxy = Self { address, child: command.spawn().expect("the proxy starts"), folder };
        let (anyone, since) = (proxy.client(), Instant::now());
        while !anyone.attempt("GET", "/health/live", &[], &[]).is_ok_and(|answer| answer.status == 200) {
            let ended = proxy.child.try_wait().expect("a child");
            assert!(ended.is_none() && since.elapsed() < Duration::from_secs(20), "{}", proxy.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        proxy
    }

    fn client(&self) -> Client {
        // What a proxy answers by itself is in no contract.
        Client::new(&format!("http://{}", self.address), None).unheard()
    }

    fn said(&self) -> String {
        ["said", "log"].map(|name| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()).concat()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn is_over(wire: &Wire) -> bool {
    wire.ended.is_some() || wire.statuses().len() > 1
}

fn no_request_hides_behind(name: &str) {
    let Some(program) = installed(name) else { return };
    let town = Town::on_sqlite(Stage::Gathered);
    let edge = Edge::open(&town, Sizes::default());
    let listener = Listener::before(edge.address);
    let proxy = Proxy::start(&program, &listener);
    let doubtful: Vec<String> = refused().into_iter().chain(cut()).map(|(_, sent)| sent).chain(plain()).collect();
    let mut wires: Vec<(&String, Wire)> = Vec::new();
    for sent in &doubtful {
        let mut wire = Wire::open(proxy.address);
        wire.send(sent.as_bytes());
        wires.push((sent, wire));
    }
    // Whoever comes meanwhile, on whatever connection to the service, is given the answer to their own request.
    let (since, mut others) = (Instant::now(), 0);
    while others < OTHERS || (since.elapsed() < PATIENCE && wires.iter().any(|(_, wire)| !is_over(wire))) {
        for (_, wire) in &mut wires {
            wire.send(&[]);
            wire.look();
        }
        let own = format!("other-{others}");
        let answer = proxy.client().send("GET", "/v1/meta", &[("x-request-id", &own)], &[]).expect(200);
        assert_eq!(answer.header("x-request-id"), Some(own.as_str()));
        others += 1;
    }
    assert_eq!(listener.smuggled(), Vec::<String>::new());
    let mut ends = BTreeMap::<&str, usize>::new();
    for (sent, wire) in &wires {
        let statuses = wire.statuses();
        assert!(statuses.iter().all(|status| *status < 500 || [501, 502, 505].contains(status)), "{sent:?}: {statuses:?}");
        let how = match statuses.as_slice() {
            [] => "ended or held without a word",
            [one] if *one >= 400 => "refused, and nothing behind it read",
            [_] => "answered, and nothing behind it read",
            _ => "read as two requests by both",
        };
        *ends.entry(how).or_default() += 1;
    }
    let connections = listener.passed.lock().expect("what passed").len();
    eprintln!(
        "behind {name}: {} requests of doubtful length {ends:?}; {others} others on {connections} connections got their own answers",
        doubtful.len()
    );
    assert!(doubtful.len() >= 74);
    // The proxy shares connections, or there would be nothing to hide in.
    assert!(connections < others / 2, "{connections}");
    edge.stranger().get("/v1/meta").expect(200);
}

#[test]
fn no_request_hides_in_another_behind_nginx() {
    no_request_hides_behind("nginx");
}

#[test]
fn no_request_hides_in_another_behind_haproxy() {
    no_request_hides_behind("haproxy");
}

#[test]
fn a_request_that_a_proxy_did_not_see_is_noticed() {
    let town = Town::on_sqlite(Stage::Gathered);
    let edge = Edge::open(&town, Sizes::default());
    let listener = Listener::before(edge.address);
    // As a proxy would that takes the second for the body of the first.
    let mut wire = Wire::open(listener.address);
    wire.send(format!("GET /v1/meta HTTP/1.1\r\nhost: x\r\n{MARK}\r\n\r\n").as_bytes());
    wire.wait_until(SLACK, |wire| wire.statuses().len() == 1);
    assert_eq!(listener.smuggled(), Vec::<String>::new());
    wire.send(HIDDEN.as_bytes());
    wire.wait_until(SLACK, |wire| wire.statuses().len() == 2);
    assert_eq!(listener.smuggled().len(), 1);
}
