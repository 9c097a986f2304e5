//! The edge: panics, slow clients, requests too large or too deep, more requests than can be served. Each ends as
//! `docs/limits.md` says, and others are served meanwhile.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use api::access::{Access, Effect, Operation, Recorded};
use api::auth::{Call, Desk};
use api::clock::Clock;
use api::config::RatePolicy;
use api::contract::outline::operations;
use api::limit::{
    BODY_DEADLINE, BODY_MAX, CALLERS_MAX, CONNECTIONS_MAX, DEPTH_MAX, HEAD_DEADLINE, HEAD_MAX, HEADERS_MAX, IDLE_MAX, IMPORT_MAX,
    INTAKE_DEADLINE, INTAKE_MAX, INTAKES_AT_ONCE, KEEP_ALIVE, SILENCE_MAX, STOP_SECONDS, TARGET_MAX, UNREAD_MAX,
};
use api::problem::Problem;
use api::server::{Listening, serve_rooms, serve_routes};
use db::store::{READ_PATIENCE, READS_WAITING_MAX, Sizes, Store, WRITES_WAITING_MAX};
use serde_json::{Value, json};

use crate::harness::town::UNHURRIED;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

mod framing;
mod origin;
mod overload;
mod proxy;
mod slow;
mod wire;
pub use wire::Wire;

/// What a test may be late on a busy machine.
const SLACK: Duration = Duration::from_secs(8);

/// The one origin of which pages may read.
const DASHBOARD: &str = "https://dash.example";

static TRAP: Operation = Operation {
    id: "read_meta",
    access: Access::Open,
    effect: Effect::Read,
    published: false,
    recorded: Recorded::Never,
    step_up: false,
    two_persons: false,
};

/// Where the service of this proof falls: in a handler, on a reader, on a lane, at housekeeping.
const TRAPS: [&str; 4] = ["/v1/traps/handler", "/v1/traps/read", "/v1/traps/write", "/v1/traps/keep"];

async fn fall() -> Result<HttpResponse, Problem> {
    panic!("a handler falls")
}

async fn fall_reading(call: Call) -> Result<HttpResponse, Problem> {
    call.store().read(|_| -> Result<(), _> { panic!("a read falls") }).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn fall_writing(call: Call) -> Result<HttpResponse, Problem> {
    let organisation = domain::id::OrganisationId::platform();
    let fallen = call.store().write(organisation, call.author(), |_| -> Result<db::store::Outcome<()>, _> { panic!("a write falls") });
    fallen.await?;
    Ok(HttpResponse::Ok().finish())
}

async fn fall_keeping(call: Call) -> Result<HttpResponse, Problem> {
    call.store().keep(|_| -> Result<(), _> { panic!("housekeeping falls") }).await?;
    Ok(HttpResponse::Ok().finish())
}

fn with_traps(config: &mut web::ServiceConfig) {
    serve_rooms(config);
    config.route(TRAPS[0], web::get().to(fall)).route(TRAPS[1], web::get().to(fall_reading));
    config.route(TRAPS[2], web::get().to(fall_writing)).route(TRAPS[3], web::get().to(fall_keeping));
}

/// A second server on a town's database, of a size of its own, with traps.
pub struct Edge {
    address: SocketAddr,
    pub store: Store,
    server: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Edge {
    pub fn open(town: &Town, sizes: Sizes) -> Self {
        let store = Store::open_migrated(town.target(), sizes).expect("the store opens");
        let mut known = operations().expect("operations");
        known.extend(TRAPS.map(|path| ((Method::GET, path.to_owned()), &TRAP)));
        let clock = Clock::settable("2025-02-03".parse().expect("a date"));
        let desk = Desk::new(store.clone(), clock, crate::harness::town::keys(), known).expect("a desk").with_rates(UNHURRIED);
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let cors_origins = vec![DASHBOARD.to_owned()];
                let listening = Listening { workers: 1, cors_origins, ..Listening::on(([127, 0, 0, 1], 0).into()) };
                let (server, address) = serve_routes(desk, &listening, with_traps).expect("the server starts");
                sender.send((server.handle(), address)).expect("someone waits");
                server.await.expect("the server ends well");
            });
        });
        let (server, address) = receiver.recv().expect("the server started");
        Self { address, store, server, thread: Some(thread) }
    }

    fn client(&self, token: Option<String>) -> Client {
        Client::new(&format!("http://{}", self.address), token)
    }

    pub fn stranger(&self) -> Client {
        self.client(None)
    }

    /// One of the cast.
    pub fn someone(&self, town: &Town, login: &str) -> Client {
        let token = crate::harness::town::keys().sign(town.person(login), chrono::Utc::now().timestamp());
        self.client(Some(token.expect("a token")))
    }

    /// Someone with a token of theirs.
    pub fn bearer(&self, token: &str) -> Client {
        self.client(Some(token.to_owned()))
    }

    fn mayor(&self, town: &Town) -> Client {
        self.someone(town, "mayor")
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Connections of the store that somebody holds, until let go.
pub struct Held(Vec<(mpsc::Sender<()>, std::thread::JoinHandle<()>)>);

impl Held {
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Holds one more; gives when it is held.
    fn and(mut self, hold: impl FnOnce(mpsc::Sender<()>, Arc<Mutex<mpsc::Receiver<()>>>) + Send + 'static) -> Self {
        let (entered, begun) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released = Arc::new(Mutex::new(released));
        self.0.push((release, std::thread::spawn(move || hold(entered, released))));
        begun.recv_timeout(SLACK).expect("held");
        self
    }

    pub fn lane(self, store: &Store) -> Self {
        let store = store.clone();
        self.and(move |entered, released| {
            let job = move |_: &mut db::connection::Conn| {
                entered.send(()).expect("someone waits");
                let _ = released.lock().expect("one holds").recv();
                Ok(())
            };
            actix_web::rt::System::new().block_on(store.keep(job)).expect("kept");
        })
    }

    pub fn reader(self, store: &Store) -> Self {
        let store = store.clone();
        self.and(move |entered, released| {
            let query = move |_: &mut db::connection::Conn| {
                entered.send(()).expect("someone waits");
                let _ = released.lock().expect("one holds").recv();
                Ok(())
            };
            actix_web::rt::System::new().block_on(store.read(query)).expect("read");
        })
    }

    pub fn release(self) {
        for (release, thread) in self.0 {
            drop(release);
            thread.join().expect("let go");
        }
    }
}

/// Many who ask at once; their answers with how long each took, as they come.
fn crowd(size: usize, ask: impl Fn(usize) -> Answer + Send + Sync + 'static) -> mpsc::Receiver<(Answer, Duration)> {
    let (sender, receiver) = mpsc::channel();
    let ask = Arc::new(ask);
    for one in 0..size {
        let (sender, ask) = (sender.clone(), Arc::clone(&ask));
        std::thread::spawn(move || {
            let since = Instant::now();
            let answer = ask(one);
            drop(sender.send((answer, since.elapsed())));
        });
    }
    receiver
}

/// The next answers of a crowd.
fn next(crowd: &mpsc::Receiver<(Answer, Duration)>, count: usize) -> Vec<(Answer, Duration)> {
    (0..count).map(|index| crowd.recv_timeout(SLACK).unwrap_or_else(|_| panic!("only {index} of {count} were answered"))).collect()
}

/// How many of something are asked for in the environment, or else are enough for every day.
fn asked(name: &str, enough: usize) -> usize {
    std::env::var(name).map_or(enough, |text| text.parse().expect("a number"))
}

/// Asserts that a request was sent away for now, and told when to come again.
#[track_caller]
pub fn is_busy(answer: Answer) {
    let answer = answer.refused(503, "SERVICE_BUSY");
    let wait: u64 = answer.header("retry-after").expect("when to come again").parse().expect("seconds");
    assert!((1..=10).contains(&wait));
}

on_both_engines! {
    Stage::Open, fn a_panic_is_an_answer_and_the_service_lives(town) {
        let edge = Edge::open(town, Sizes { readers: 2, lanes: 1, ..Sizes::default() });
        let headers = [("accept-language", "en"), ("x-request-id", "a-fall")];
        let since = Instant::now();
        let rounds = asked("SIGIDA_TEST_PANICS", 50 * TRAPS.len()) / TRAPS.len();
        for _ in 0..rounds {
            for path in TRAPS {
                let answer = edge.stranger().send("GET", path, &headers, &[]).refused(500, "SERVICE_BROKEN");
                assert_eq!((answer.text("/title"), answer.text("/instance")), ("Internal error".to_owned(), path.to_owned()));
                assert_eq!((answer.text("/request_id"), answer.header("x-request-id")), ("a-fall".to_owned(), Some("a-fall")));
                assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
                assert!(answer.header("ratelimit").is_some_and(|left| left.starts_with("\"address\";r=")));
                assert!(!String::from_utf8_lossy(&answer.bytes).contains("falls"), "what fell is for the log");
            }
        }
        eprintln!("{} panics answered in {:?}", rounds * TRAPS.len(), since.elapsed());
        edge.stranger().get("/health/ready").expect(200);
        edge.mayor(town).create(&town.path("/suppliers"), &json!({ "code": "S-9", "name": "Papeterie" })).expect(201);
    }

    Stage::Gathered, fn a_packed_answer_on_a_kept_connection_comes_as_soon_as_a_plain_one(town) {
        let took = |client: &Client, form: &str| {
            let since = Instant::now();
            client.send("GET", "/v1/organisations", &[("accept-encoding", form)], &[]).expect(200);
            since.elapsed()
        };
        let (one, other) = (town.stranger(), town.stranger());
        let (mut packed, mut plain): (Vec<Duration>, Vec<Duration>) = (0..60).map(|_| (took(&one, "gzip"), took(&other, "identity"))).unzip();
        packed.sort_unstable();
        plain.sort_unstable();
        // A caller's machine acknowledges after 40 ms; a piece that waits for that makes most answers late.
        assert!(packed[30] < plain[30] + Duration::from_millis(20), "packed {:?}, plain {:?}", packed[30], plain[30]);
    }

    Stage::Open, fn writes_beyond_the_queue_are_refused_at_once(town) {
        let edge = Edge::open(town, Sizes { lanes: 1, writes_waiting: 4, ..Sizes::default() });
        edge.mayor(town).get(&town.path("/suppliers")).expect(200);
        let held = Held::nothing().lane(&edge.store);
        let (mayor, path) = (edge.mayor(town), town.path("/suppliers"));
        let answers = crowd(16, move |one| mayor.clone().create(&path, &json!({ "code": format!("S-{one}"), "name": "Papeterie" })));
        let refused = next(&answers, 12);
        eprintln!("refused at the latest after {:?}", refused.iter().map(|(_, took)| took).max());
        refused.into_iter().for_each(|(answer, _)| is_busy(answer));
        assert!(answers.recv_timeout(Duration::from_millis(500)).is_err(), "four wait");
        // Nobody has to send first what will not be read.
        let token = crate::harness::town::keys().sign(town.person("mayor"), chrono::Utc::now().timestamp()).expect("a token");
        let mut wire = Wire::open(edge.address);
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
             idempotency-key: unread\r\ncontent-length: 100000\r\n\r\n",
            town.path("/suppliers")
        );
        wire.send(head.as_bytes());
        wire.wait(BODY_DEADLINE / 2);
        assert_eq!(wire.status(), Some(503));
        edge.mayor(town).get(&town.path("/suppliers")).expect(200);
        held.release();
        next(&answers, 4).into_iter().for_each(|(answer, _)| drop(answer.expect(201)));
        edge.mayor(town).create(&town.path("/suppliers"), &json!({ "code": "S-99", "name": "Papeterie" })).expect(201);
    }

    Stage::Open, fn reads_beyond_the_queue_are_refused_at_once_and_no_read_waits_long(town) {
        let edge = Edge::open(town, Sizes { readers: 2, lanes: 1, reads_waiting: 3, ..Sizes::default() });
        let hold = || Held::nothing().reader(&edge.store).reader(&edge.store);
        let stranger = edge.stranger();
        let ask = move |_| stranger.clone().get("/v1/organisations?limit=1");
        let held = hold();
        let answers = crowd(10, ask.clone());
        let at_once = next(&answers, 7);
        let later = next(&answers, 3);
        eprintln!("refused at once after {:?}, others after {:?}", at_once.iter().map(|(_, took)| took).max(), later[0].1);
        assert!(at_once.iter().all(|(_, took)| *took < READ_PATIENCE), "who finds no place does not wait");
        assert!(later.iter().all(|(_, took)| *took >= READ_PATIENCE && *took < READ_PATIENCE + SLACK));
        at_once.into_iter().chain(later).for_each(|(answer, _)| is_busy(answer));
        edge.stranger().get("/health/live").expect(200);
        is_busy(edge.stranger().get("/health/ready"));
        held.release();
        // Who waits is served when a reader comes free.
        let held = hold();
        let answers = crowd(3, ask);
        assert!(answers.recv_timeout(Duration::from_millis(500)).is_err(), "three wait");
        held.release();
        next(&answers, 3).into_iter().for_each(|(answer, _)| drop(answer.expect(200)));
    }
}

#[test]
fn a_request_is_limited_in_every_measure() {
    let town = Town::on_sqlite(Stage::Open);
    let edge = Edge::open(&town, Sizes::default());
    let (mayor, path) = (edge.mayor(&town), town.path("/suppliers"));
    let body = |size: usize| {
        let body = json!({ "code": "S-1", "name": "" }).to_string();
        body.replace(r#""name":"""#, &format!(r#""name":"{}""#, "x".repeat(size - body.len())))
    };
    let post = |bytes: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "a-large-body")];
        mayor.send("POST", &path, &headers, bytes.as_bytes())
    };
    post(&body(BODY_MAX)).refused(400, "REQUEST_BODY_INVALID");
    assert_eq!(post(&body(BODY_MAX + 1)).refused(413, "BODY_TOO_LARGE").text("/facts/limit"), BODY_MAX.to_string());
    let lines = town.path(&format!("/budgets/{}/lines?dry_run=true", mayor.get(&town.path("/budgets")).text("/data/0/id")));
    let put = |size: usize| {
        let headers = [("content-type", "text/csv"), ("idempotency-key", "a-large-import"), ("if-match", "\"1-json\"")];
        mayor.send("PUT", &lines, &headers, "x".repeat(size).as_bytes()).status
    };
    assert_ne!(put(IMPORT_MAX), 413);
    assert_eq!(put(IMPORT_MAX + 1), 413);
    // In pieces, of a length that nobody tells beforehand.
    let token = crate::harness::town::keys().sign(town.person("mayor"), chrono::Utc::now().timestamp()).expect("a token");
    let mut wire = Wire::open(edge.address);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         idempotency-key: a-large-body\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    wire.send(head.as_bytes());
    for _ in 0..=BODY_MAX / 4096 {
        wire.send(format!("1000\r\n{}\r\n", "x".repeat(4096)).as_bytes());
    }
    wire.wait(SLACK);
    assert_eq!(wire.status(), Some(413));

    let nested = |depth: usize| api::body::parse_json::<Value>(("[".repeat(depth) + &"]".repeat(depth)).as_bytes()).is_ok();
    assert!(nested(DEPTH_MAX) && !nested(DEPTH_MAX + 1) && !nested(200) && !nested(200_000));
    let deep = format!("{{\"code\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    post(&deep).refused(400, "REQUEST_BODY_INVALID");
    // What is quoted of a long name is short, as the contract says.
    let named = format!("{{\"{}\":1}}", "n".repeat(100_000));
    assert!(post(&named).refused(400, "REQUEST_BODY_INVALID").bytes.len() < 5_000);
    assert!(mayor.get(&format!("{path}?{}=1", "n".repeat(50_000))).refused(400, "REQUEST_PARAMETER_INVALID").bytes.len() < 5_000);
    assert!(mayor.get(&format!("{path}/{}", "n".repeat(50_000))).refused(404, "NOT_FOUND").bytes.len() < 5_000);

    let status = |target: &str, headers: &str| {
        let mut wire = Wire::open(edge.address);
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes());
        wire.wait(SLACK);
        (wire.status(), wire.ended.is_some())
    };
    let fitting = HEAD_MAX - 200;
    assert_eq!(status("/v1/meta", &format!("x: {}\r\n", "y".repeat(fitting))), (Some(200), false));
    assert_eq!(status("/v1/meta", &format!("x: {}\r\n", "y".repeat(HEAD_MAX))), (Some(431), true));
    assert_eq!(status("/v1/meta", &"x: y\r\n".repeat(HEADERS_MAX - 1)), (Some(200), false));
    assert_eq!(status("/v1/meta", &"x: y\r\n".repeat(HEADERS_MAX)), (Some(431), true));
    let long = |size: usize| format!("/v1/{}", "x".repeat(size - 4));
    assert_eq!(status(&long(TARGET_MAX), ""), (Some(404), false));
    assert_eq!(status(&long(TARGET_MAX + 1), ""), (Some(400), true));
    for one in ["limit=1", "x=1", "kind=commune", "%00=1", "a"] {
        let many = vec![one; 10_000.min(TARGET_MAX / (one.len() + 1) - 10)].join("&");
        for path in ["/v1/organisations".to_owned(), path.clone()] {
            let since = Instant::now();
            mayor.get(&format!("{path}?{many}")).refused(400, "REQUEST_PARAMETER_INVALID");
            assert!(since.elapsed() < SLACK);
        }
    }
    edge.stranger().get("/v1/meta").expect(200);
}

#[test]
fn the_limits_told_to_operators_are_those_in_force() {
    let seconds = |duration: Duration| format!("{} s", duration.as_secs());
    let (sizes, rates) = (Sizes::default(), RatePolicy::default());
    assert_eq!((sizes.reads_waiting, sizes.writes_waiting), (READS_WAITING_MAX, WRITES_WAITING_MAX));
    let in_force = BTreeMap::from([
        ("ordinary body", format!("{} KiB", BODY_MAX / 1024)),
        ("imported body", format!("{} KiB", IMPORT_MAX / 1024)),
        ("body of an import of entries", format!("{} KiB", INTAKE_MAX / 1024)),
        ("entries of an import", domain::ledger::import::ENTRIES_MAX.to_string()),
        ("imports of entries at once", INTAKES_AT_ONCE.to_string()),
        ("time to send an import of entries", seconds(INTAKE_DEADLINE)),
        ("time without any of it", seconds(SILENCE_MAX)),
        ("time to send a body", seconds(BODY_DEADLINE)),
        ("time to send the first head", seconds(HEAD_DEADLINE)),
        ("time between two requests", seconds(KEEP_ALIVE)),
        ("time without a whole request", seconds(IDLE_MAX)),
        ("time without reading", seconds(UNREAD_MAX)),
        ("connections of a worker", CONNECTIONS_MAX.to_string()),
        ("time to stop", format!("{STOP_SECONDS} s")),
        ("head", format!("{} KiB", HEAD_MAX / 1024)),
        ("headers", HEADERS_MAX.to_string()),
        ("path with parameters", format!("{TARGET_MAX} bytes")),
        ("nesting of JSON", DEPTH_MAX.to_string()),
        ("requests of an address a minute, without a token", rates.per_address.to_string()),
        ("requests of a principal a minute", rates.per_principal.to_string()),
        ("principals, and addresses, counted each by itself", CALLERS_MAX.to_string()),
        ("things told to one in 24 hours of what is read for a reason", rates.with_reason_per_day.to_string()),
        ("things told to one in 24 hours of all that is recorded", rates.recorded_per_day.to_string()),
        ("reads at once", sizes.readers.to_string()),
        ("reads that wait", READS_WAITING_MAX.to_string()),
        ("time that a read waits", seconds(READ_PATIENCE)),
        ("lanes", sizes.lanes.to_string()),
        ("writes that wait, at each lane, or are done together", WRITES_WAITING_MAX.to_string()),
        ("passwords proven at once", api::password::AT_ONCE.to_string()),
        ("passwords that wait", api::password::WAITING_MAX.to_string()),
    ]);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/limits.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(2);
    let told: BTreeMap<&str, String> =
        rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>()).map(|cells| (cells[1], cells[2].replace(',', ""))).collect();
    assert_eq!(told, in_force);
}
