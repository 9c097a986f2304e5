//! More is asked than can be served, by callers who do not wait for each other. What can be served is, what cannot is refused at once
//! with the time to come again, and afterwards everything is as before.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::access::{Effect, Recorded};
use db::connection::Target;
use db::store::{READ_PATIENCE, Sizes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::{LocalSet, spawn_local};

use super::{Edge, Held, SLACK, crowd, is_busy, next};
use crate::harness::acknowledged::Desk;
use crate::harness::postgres::Cluster;
use crate::harness::program::Place;
use crate::harness::{Client, Stage, town};
use crate::on_both_engines;
use crate::status::{Draft, every_operation};

/// For how many seconds too much is asked; whoever sets it holds the service to its figures too, and should have built it for release
/// (`SIGIDA_TEST_PROGRAM`).
const ASKED: &str = "SIGIDA_TEST_OVERLOAD_SECONDS";
const SECONDS: u64 = 6;
/// How many callers, each waiting for its answer, keep the service busy.
const BUSY: usize = 64;
/// How many times more is asked than is served then.
const TIMES: f64 = 4.0;
/// The most connections that the crowd has: so few that nobody waits for minutes on a slow machine, or as many as a worker takes.
const CROWD: usize = 400;
const CROWD_AT_MOST: usize = 2_000;
/// How long those who were served last may have waited, on a busy machine and of a program that was not built for release.
const PATIENCE: Duration = Duration::from_secs(90);
/// One in so many requests writes.
const WRITES: usize = 4;
/// What the service keeps in memory at most.
const MEMORY_MAX: u64 = 512 << 20;
/// What it is held to where the machine was asked for its figures: of what is served at most, so much is served still, and after this time
/// everything is as before. How long callers waited meanwhile is told; it is a matter of who shares the machine.
const GOODPUT_LEAST: f64 = 0.8;
const RECOVERED_WITHIN: Duration = Duration::from_secs(10);

/// What came of a request.
#[derive(Clone, Copy, Debug)]
struct Told {
    status: u16,
    /// When to come again, in seconds.
    wait: Option<u64>,
    /// Since it was due.
    took: Duration,
}

/// What is wrong with what callers were told: neither served, nor sent away for now with the time to come again.
fn faults(told: &[Told]) -> Vec<String> {
    let wrong = |told: &&Told| match told.status {
        200 | 201 => false,
        429 | 503 => !told.wait.is_some_and(|seconds| (1..=10).contains(&seconds)),
        _ => true,
    };
    told.iter().filter(wrong).take(20).map(|told| format!("{told:?}")).collect()
}

fn quantile(told: &[Told], of: usize, which: impl Fn(u16) -> bool) -> Duration {
    let mut took: Vec<Duration> = told.iter().filter(|told| which(told.status)).map(|told| told.took).collect();
    took.sort_unstable();
    took.get(took.len() * of / 100).or(took.last()).copied().unwrap_or_default()
}

fn is_served(status: u16) -> bool {
    (200..300).contains(&status)
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 16 * 1024], filled: 0 })
    }

    async fn read(&mut self) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        if read > 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Sends a request and waits for its whole answer: status, when to come again, and whether the connection stays.
    async fn ask(&mut self, request: &[u8]) -> io::Result<(u16, Option<u64>, bool)> {
        self.stream.write_all(request).await?;
        let head = loop {
            match self.buffer[..self.filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.read().await?,
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let length: usize = header("content-length").expect("a length").parse().expect("a length");
        let (wait, stays) = (header("retry-after").and_then(|wait| wait.parse().ok()), header("connection") != Some("close"));
        while self.filled < head + length {
            self.read().await?;
        }
        self.buffer.copy_within(head + length..self.filled, 0);
        self.filled -= head + length;
        Ok((status, wait, stays))
    }
}

/// A crowd that shares its connections, the longest unused first.
struct Crowd {
    address: SocketAddr,
    next: Box<dyn Fn() -> Vec<u8>>,
    idle: RefCell<VecDeque<Connection>>,
    open: Cell<usize>,
    waiting: Cell<usize>,
    told: RefCell<Vec<Told>>,
    /// Why no answer came.
    lost: RefCell<Vec<String>>,
    /// What found all connections of the crowd in use.
    unsent: Cell<usize>,
    most: usize,
}

impl Crowd {
    fn new(address: SocketAddr, most: usize, next: impl Fn() -> Vec<u8> + 'static) -> Self {
        let (idle, told, lost) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { address, next: Box::new(next), idle, open: Cell::new(0), waiting: Cell::new(0), told, lost, unsent: Cell::new(0), most }
    }

    async fn attempt(&self) -> io::Result<(u16, Option<u64>)> {
        let free = self.idle.borrow_mut().pop_front();
        let mut connection = match free {
            Some(connection) => connection,
            None => {
                self.open.set(self.open.get() + 1);
                Connection::open(self.address).await?
            }
        };
        let (status, wait, stays) = connection.ask(&(self.next)()).await?;
        if stays {
            self.idle.borrow_mut().push_back(connection);
        } else {
            self.open.set(self.open.get() - 1);
        }
        Ok((status, wait))
    }

    async fn ask(&self, due: Instant) {
        if self.idle.borrow().is_empty() && self.open.get() >= self.most {
            self.unsent.set(self.unsent.get() + 1);
            return;
        }
        self.waiting.set(self.waiting.get() + 1);
        match self.attempt().await {
            Ok((status, wait)) => self.told.borrow_mut().push(Told { status, wait, took: due.elapsed() }),
            Err(error) => {
                self.open.set(self.open.get() - 1);
                self.lost.borrow_mut().push(error.to_string());
            }
        }
        self.waiting.set(self.waiting.get() - 1);
    }

    /// So many ask again and again, each after its answer.
    async fn each_after_its_answer(self: &Rc<Self>, callers: usize, lasting: Duration) {
        let until = Instant::now() + lasting;
        let caller = |_| {
            let crowd = Rc::clone(self);
            spawn_local(async move {
                while Instant::now() < until {
                    crowd.ask(Instant::now()).await;
                }
            })
        };
        for caller in (0..callers).map(caller).collect::<Vec<_>>() {
            caller.await.expect("a caller ends");
        }
    }

    /// So many a second ask, whatever becomes of those before them.
    async fn one_after_the_other(self: &Rc<Self>, rate: f64, lasting: Duration) {
        let since = Instant::now();
        let mut sent = 0_u32;
        while since.elapsed() < lasting {
            while f64::from(sent) < since.elapsed().as_secs_f64() * rate {
                let (crowd, due) = (Rc::clone(self), since + Duration::from_secs_f64(f64::from(sent) / rate));
                spawn_local(async move { crowd.ask(due).await });
                sent += 1;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while self.waiting.get() > 0 && since.elapsed() < lasting + PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.waiting.get(), 0, "still without an answer");
    }
}

/// Requests as bytes: the execution of the budget, and in between a commitment of one franc with a key of its own.
fn requests(desk: &Desk<'_>) -> impl Fn() -> Vec<u8> + use<> {
    let client = desk.client("mayor");
    let token = client.token().expect("a token").to_owned();
    let read = desk.path("/fiscal-years/2025/budget-execution");
    let read = format!("GET {read} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes();
    let pattern = desk.intent(false);
    let count = Cell::new(0_usize);
    move || {
        count.set(count.get() + 1);
        if !count.get().is_multiple_of(WRITES) {
            return read.clone();
        }
        let key = uuid::Uuid::new_v4().to_string();
        let body = pattern.body.to_string().replace(&pattern.key, &key);
        format!(
            "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\nidempotency-key: {key}\r\n\
             content-length: {}\r\n\r\n{body}",
            pattern.path,
            body.len()
        )
        .into_bytes()
    }
}

/// Lets the crowd do something; gives what it was told, and how long that took.
fn during(runtime: &Runtime, crowd: &Crowd, doing: impl Future<Output = ()>) -> (Vec<Told>, Duration) {
    let since = Instant::now();
    LocalSet::new().block_on(runtime, doing);
    (crowd.told.take(), since.elapsed())
}

/// How many were served a second.
fn goodput(told: &[Told], elapsed: Duration) -> f64 {
    let served = u32::try_from(told.iter().filter(|told| is_served(told.status)).count()).expect("not so many");
    f64::from(served) / elapsed.as_secs_f64()
}

/// The running number of one commitment more.
fn number(desk: &Desk<'_>) -> usize {
    let number = desk.intent(false).ask(&desk.client("mayor")).expect("an answer").expect(201).text("/number");
    number.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no number: {number}"))
}

fn overload(place: Place, target: &Target, engine: &str) {
    let place = place.with("SIGIDA_REQUESTS_PER_PRINCIPAL", "100000000");
    let cast = town::found(target, Stage::Open);
    let (service, since) = (place.serve_ready(), Instant::now());
    let desk = Desk::in_town(&place, cast);
    let held_to = std::env::var(ASKED).ok();
    let lasting = Duration::from_secs(held_to.as_ref().map_or(SECONDS, |seconds| seconds.parse().expect("a number of seconds")));
    let first = number(&desk);
    let crowd = Rc::new(Crowd::new(place.address(), if held_to.is_some() { CROWD_AT_MOST } else { CROWD }, requests(&desk)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");

    let (alone, _) = during(&runtime, &crowd, crowd.each_after_its_answer(1, lasting / 6));
    let before = quantile(&alone, 99, is_served);
    let (busy, elapsed) = during(&runtime, &crowd, crowd.each_after_its_answer(BUSY, lasting / 2));
    let peak = goodput(&busy, elapsed);
    let (flood, elapsed) = during(&runtime, &crowd, crowd.one_after_the_other(peak * TIMES, lasting));
    let kept = goodput(&flood, elapsed) / peak;
    let over = Instant::now();
    let mut all: Vec<Told> = [alone, busy, flood.clone()].concat();
    let recovered = loop {
        let after = during(&runtime, &crowd, crowd.each_after_its_answer(1, Duration::from_secs(1))).0;
        all.extend(&after);
        if quantile(&after, 99, is_served) <= before * 2 || over.elapsed() > RECOVERED_WITHIN * 2 {
            break over.elapsed();
        }
    };

    assert_eq!(faults(&all), Vec::<String>::new());
    assert_eq!(*crowd.lost.borrow(), Vec::<String>::new(), "without an answer");
    // Everything that was served was served once, and nothing else: numbers have no gap.
    let written = all.iter().filter(|told| told.status == 201).count();
    assert_eq!(number(&desk) - first, written + 1);
    let memory = service.memory_at_most();
    let (served, refused) =
        (flood.iter().filter(|told| is_served(told.status)).count(), flood.iter().filter(|told| !is_served(told.status)).count());
    let (served_within, refused_within) = (quantile(&flood, 99, is_served), quantile(&flood, 99, |status| !is_served(status)));
    println!(
        "O1 {engine}: {peak:.0} served a second by {BUSY} callers; of {:.0} a second for {} s {served} served ({:.0} % of that), {refused} \
         refused, {} not sent for want of connections; 99 of 100 served within {served_within:?}, refused within {refused_within:?}; {} MiB \
         of memory; {recovered:?} until 99 of 100 took at most twice {before:?} again; {written} commitments, each once",
        peak * TIMES,
        lasting.as_secs(),
        kept * 100.0,
        crowd.unsent.get(),
        memory >> 20,
    );
    assert!(served > 0 && memory < MEMORY_MAX, "{served} served, {memory} bytes");
    drop(crowd);
    let (code, said) = service.terminate();
    // Who floods the service does not fill its log too.
    let (lines, seconds) = (said.lines().count(), usize::try_from(since.elapsed().as_secs()).expect("not so long"));
    assert!(code == Some(0) && lines < 20 + 2 * seconds, "{lines} lines of the log in {seconds} s: {:?}", said.lines().last());
    desk.verified();
    if held_to.is_some() {
        assert!(refused > 0 && kept >= GOODPUT_LEAST && recovered <= RECOVERED_WITHIN, "{refused} refused, {kept} kept, {recovered:?}");
    }
}

#[test]
fn of_more_than_can_be_served_what_can_is_and_the_rest_is_told_when_to_come_again_on_sqlite() {
    let place = Place::new();
    let target = Target::Sqlite(place.path("sigida.db").into());
    overload(place, &target, "SQLite");
}

#[test]
fn of_more_than_can_be_served_what_can_is_and_the_rest_is_told_when_to_come_again_on_postgresql() {
    let Some(cluster) = Cluster::durable() else { return };
    let target = cluster.make_database("sigida");
    overload(Place::new().with("SIGIDA_DATABASE_URL", &cluster.url("sigida")), &target, "PostgreSQL");
}

#[test]
fn whoever_is_neither_served_nor_told_when_to_come_again_is_noticed() {
    let told = |status, wait| Told { status, wait, took: Duration::ZERO };
    assert_eq!(faults(&[told(200, None), told(201, None), told(503, Some(1)), told(429, Some(10))]), Vec::<String>::new());
    for wrong in
        [told(503, None), told(429, None), told(503, Some(0)), told(503, Some(3600)), told(500, Some(1)), told(504, None), told(404, None)]
    {
        assert_eq!(faults(&[told(200, None), wrong]).len(), 1, "{wrong:?}");
    }
}

/// How many ask at once where two connections read and one writes.
const AT_ONCE: usize = 200;

on_both_engines! {
    Stage::Open, fn two_hundred_at_once_on_two_connections_are_all_answered(town) {
        let edge = Edge::open(town, Sizes { readers: 2, lanes: 1, ..Sizes::default() });
        // What reads, what reads and then records it on the lane, and what writes.
        let drafts: Vec<Draft> = every_operation(town)
            .into_iter()
            .filter(|draft| draft.operation.effect == Effect::Read || draft.id() == "register_supplier")
            .collect();
        assert!(drafts.iter().filter(|draft| draft.operation.recorded != Recorded::Never).count() >= 14 && drafts.len() > 100);
        let asked = drafts.len();
        let clients: Vec<(Draft, Client)> = drafts.into_iter().map(|draft| { let client = edge.someone(town, draft.login); (draft, client) }).collect();
        let clients = Arc::new(clients);
        let ask = move |one: usize| {
            let (draft, client) = &clients[one % clients.len()];
            let draft = if draft.operation.effect == Effect::Read { draft.clone() } else { draft.clone().with("idempotency-key", &format!("at-once-{one}")) };
            draft.send(client)
        };
        let answers = next(&crowd(AT_ONCE.max(asked), ask), AT_ONCE.max(asked));
        let (mut served, mut longest) = (0, Duration::ZERO);
        for (answer, took) in answers {
            longest = longest.max(took);
            if answer.status == 503 {
                is_busy(answer);
            } else {
                assert!(answer.status < 500, "{answer:?}");
                served += 1;
            }
        }
        eprintln!("O3: {} at once on two connections, {served} served, the longest within {longest:?}", AT_ONCE.max(asked));
        assert!(served > 0 && longest < READ_PATIENCE + SLACK);
        // Every connection came back: both readers are there to be held, and so is the lane.
        Held::nothing().reader(&edge.store).reader(&edge.store).lane(&edge.store).release();
        edge.stranger().get("/health/ready").expect(200);
    }
}
