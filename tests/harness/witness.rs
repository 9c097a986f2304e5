//! The witness: every answer that any test gets is held against the contract, and what was seen is written down for the
//! program that follows the suite and asks whether all of the contract was seen.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use super::{Answer, body, shape};
use crate::contract::Contract;

/// The paths of the contract in their segments, by method and number of segments.
type Routes = HashMap<(String, usize), Vec<(Vec<String>, String)>>;

/// By operation and set of members.
type Accepted = HashMap<(String, BTreeSet<String>), String>;

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);
static ROUTES: LazyLock<Routes> = LazyLock::new(routes);
static SEEN: LazyLock<Mutex<(BTreeSet<String>, File)>> = LazyLock::new(|| Mutex::new((BTreeSet::new(), begin())));
/// The bodies that were accepted: of each operation and set of members the one that sorts first.
static ACCEPTED: LazyLock<Mutex<(Accepted, File)>> =
    LazyLock::new(|| Mutex::new((HashMap::new(), File::create(accepted()).expect("a record"))));

fn routes() -> Routes {
    let mut routes = Routes::new();
    for operation in CONTRACT.operations() {
        let segments: Vec<String> = operation.path.split('/').map(str::to_owned).collect();
        routes.entry((operation.method.to_uppercase(), segments.len())).or_default().push((segments, operation.path));
    }
    // Words before places: `/sessions/current` is no session.
    for paths in routes.values_mut() {
        paths.sort_by_key(|(segments, _)| segments.iter().filter(|segment| segment.starts_with('{')).count());
    }
    routes
}

/// Where what was seen is written: one file per run of cargo, which starts the suite and then who reads the file.
pub fn record() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("seen-{}.csv", std::os::unix::process::parent_id()))
}

/// Where bodies that were accepted are written, beside the record.
fn accepted() -> PathBuf {
    record().with_extension("ndjson")
}

/// Remembers a body that was accepted, as a sample.
fn accept(operation: &str, sent: &[u8]) {
    let Some(sent) = body::read(sent) else { return };
    let sample = serde_json::json!({ "operation": operation, "body": body::sample(operation, &sent) }).to_string();
    let mut accepted = ACCEPTED.lock().expect("the bodies");
    let place = (operation.to_owned(), shape::shape(&sent));
    if accepted.0.get(&place).is_none_or(|before| sample < *before) {
        writeln!(accepted.1, "{sample}").expect("written");
        accepted.0.insert(place, sample);
    }
}

/// Begins the record. A suite that was asked for some of its tests only says so.
fn begin() -> File {
    let filtered = std::env::args().skip(1).any(|argument| !argument.starts_with("--test-threads") && !argument.starts_with('-'));
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(record()).expect("a record");
    writeln!(file, "{}", if filtered { "some" } else { "all" }).expect("written");
    file
}

/// The path of the contract that a request meets.
pub fn path_of(method: &str, target: &str) -> Option<&'static str> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |(template, _): &&(Vec<String>, String)| {
        template.iter().zip(&segments).all(|(one, other)| if one.starts_with('{') { !other.is_empty() } else { one == other })
    };
    ROUTES.get(&(method.to_owned(), segments.len()))?.iter().find(fits).map(|(_, path)| path.as_str())
}

thread_local! {
    /// Whether this thread asks nothing that its story does not ask.
    static AS_WRITTEN: Cell<bool> = const { Cell::new(false) };
}

/// The operations of which it was tried whether they know what their caller has.
static KEPT: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Plays a story of which every request counts: what is asked besides would be read in the log of access, and on one town only.
pub fn as_written<T>(story: impl FnOnce() -> T) -> T {
    AS_WRITTEN.set(true);
    let told = story();
    AS_WRITTEN.set(false);
    told
}

/// Holds an answer against the contract and remembers it. Says whether it is the first of an operation that knows what its
/// caller has.
#[track_caller]
pub fn saw(method: &str, target: &str, sent: &[u8], answer: &Answer) -> bool {
    let Some(path) = path_of(method, target) else { return false };
    let lower = method.to_lowercase();
    CONTRACT.check(&lower, path, answer, !target.contains("dry_run=true"));
    let operation = CONTRACT.0["paths"][path][&lower]["operationId"].as_str().expect("an id").to_owned();
    if answer.status < 300 && method != "GET" && !target.contains("dry_run=true") {
        accept(&operation, sent);
    }
    let packed = answer.header("content-encoding").is_some();
    let code = if answer.status >= 400 && !packed { answer.text("/code") } else { String::new() };
    let line = format!("{operation},{},{code}", answer.status);
    let mut seen = SEEN.lock().expect("the record");
    if seen.0.insert(line.clone()) {
        writeln!(seen.1, "{line}").expect("written");
    }
    let knows = answer.status == 200 && CONTRACT.0["paths"][path][&lower]["responses"]["304"].is_object();
    knows && !AS_WRITTEN.get() && KEPT.lock().expect("what was tried").insert(operation)
}
