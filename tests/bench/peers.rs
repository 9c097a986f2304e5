//! The peers: job J1 as a team would write it in an hour with common tools, on the same cluster. Their open services do less than ours: no
//! caller is proven, nothing is kept for a repeated request, no event is chained.

use std::cell::RefCell;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Bench;
use crate::chance::Chance;
use crate::contest::Contest;
use crate::limit::Job;
use crate::load;
use crate::program::{Service, folder};
use crate::table::{Goal, Table};
use crate::write::{CLIENTS, POSTGRESQL, SQLITE, commit, end};

const FASTAPI: &str = "FastAPI";
const EXPRESS: &str = "Express";

fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peers").join(name)
}

fn run(command: &mut Command) {
    let ended = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(ended.success(), "{command:?} failed");
}

/// Installs FastAPI in an environment of its own, unless the same is there; gives the program that serves.
fn install_fastapi() -> PathBuf {
    let (place, wanted) = (folder().join("fastapi"), sources("fastapi").join("requirements.txt"));
    let installed = place.join("requirements.txt");
    if std::fs::read(&installed).ok() != std::fs::read(&wanted).ok() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&place));
        run(Command::new(place.join("bin/pip")).args(["install", "--quiet", "--requirement"]).arg(&wanted));
        std::fs::copy(wanted, installed).expect("noted");
    }
    place.join("bin/uvicorn")
}

/// Installs Express beside a copy of its service, unless the same is there; gives the service.
fn install_express() -> PathBuf {
    let (place, from) = (folder().join("express"), sources("express"));
    std::fs::create_dir_all(&place).expect("a folder");
    let installed = place.join("package.json");
    if std::fs::read(&installed).ok() != std::fs::read(from.join("package.json")).ok() || !place.join("node_modules").exists() {
        std::fs::copy(from.join("package.json"), &installed).expect("a copy");
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&place));
    }
    std::fs::copy(from.join("service.js"), place.join("service.js")).expect("a copy");
    place.join("service.js")
}

/// A running peer, ended when it goes out of scope.
struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    fn start(mut command: Command, job: &Job, address: SocketAddr) -> Self {
        // As its own documentation has it: the server's address in variables.
        let (host, database) = job.place();
        command.env("PGHOST", host).env("PGUSER", "postgres").env("PGDATABASE", database);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the peer starts");
        let peer = Self { child, address };
        let since = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(since.elapsed() < Duration::from_secs(30), "a peer does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends its own processes.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port")
}

fn fastapi(job: &Job) -> Peer {
    let (program, address) = (install_fastapi(), free_address());
    let mut command = Command::new(program);
    command.args(["service:app", "--workers", "2", "--log-level", "warning", "--no-access-log", "--host", "127.0.0.1", "--port"]);
    command.arg(address.port().to_string()).arg("--app-dir").arg(sources("fastapi")).env("PYTHONDONTWRITEBYTECODE", "1");
    Peer::start(command, job, address)
}

fn express(job: &Job) -> Peer {
    let (service, address) = (install_express(), free_address());
    let mut command = Command::new("node");
    command.arg(service).env("PORT", address.port().to_string()).env("NODE_ENV", "production");
    Peer::start(command, job, address)
}

/// Entries of random authorities and accounts.
fn entries() -> impl Fn(&mut Vec<u8>) {
    let chance = RefCell::new(Chance(0x5167_1da5));
    move |request| {
        let mut chance = chance.borrow_mut();
        let (authority, debit, step) = (1 + chance.below(100), 1 + chance.below(1000), 1 + chance.below(999));
        let (credit, amount) = ((debit + step - 1) % 1000 + 1, 1 + chance.below(1000));
        let body = format!(
            "{{\"authority_id\":{authority},\"fiscal_year\":2025,\"label\":\"Achat de fournitures\",\"debit_account\":{debit},\
             \"credit_account\":{credit},\"amount\":{amount}}}"
        );
        write!(
            request,
            "POST /entries HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("written");
    }
}

/// Commitments of ours and entries of the peers, in the same minutes.
pub fn peers(bench: &mut Bench) {
    let Some(postgres) = &bench.postgres else { return bench.table.absent("peers", "PostgreSQL is not installed") };
    let mut table = Table::default();
    let (rules, program) = (bench.rules, bench.program.clone());
    let jobs = [Job::on(&postgres.cluster, "job_fastapi"), Job::on(&postgres.cluster, "job_express")];
    let theirs = [(FASTAPI, fastapi(&jobs[0])), (EXPRESS, express(&jobs[1]))];
    let ours = [
        (SQLITE, Service::start(&program, &bench.sqlite.copy("peers"), None), bench.sqlite.communes(), 3.0),
        (POSTGRESQL, Service::start(&program, &postgres.copy("peers"), None), postgres.communes(), 2.0),
    ];
    let mut contest = Contest::default();
    for (index, (name, peer)) in theirs.iter().enumerate() {
        contest.enter(name, |lasting| load::run(peer.address, CLIENTS, lasting, &entries()));
        let (engine, service, communes, _) = &ours[index];
        contest.enter(engine, |lasting| commit(service, communes, lasting));
    }
    let results = contest.hold(rules);
    for (engine, service, _, least) in ours {
        for (peer, _) in &theirs {
            let told = format!("{:.0}/s to {:.0}/s", results.rate(engine).median, results.rate(peer).median);
            table.spread(&format!("commitment, {engine} / {peer}"), results.ratio(engine, peer), Goal::AtLeast(least), &told);
        }
        end(bench, engine, service);
    }
    for (peer, _) in &theirs {
        table.value(&format!("errors, {peer}"), results.count(peer, |status| status >= 400) as f64, Goal::None, "");
    }
    bench.table.append(table);
}
