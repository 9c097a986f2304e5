//! What clients were told: writers that note every acknowledgement where no crash of the service reaches it, and the
//! comparison of their notes with the books.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::demo::cast;
use serde_json::{Value, json};
use uuid::Uuid;

use super::program::Place;
use super::{Answer, Client};

/// How many clients write at the same time.
pub const WRITERS: usize = 12;
/// Who writes: commitments, and entries.
const WRITING: [&str; 2] = ["mayor", "accountant"];
/// How long a client waits that was told to come again later.
const LATER: Duration = Duration::from_millis(100);

/// What clients keep of the answers that they got: a file that only grows, on the disk before the next request.
pub struct Notes {
    path: PathBuf,
    file: Mutex<File>,
    count: AtomicUsize,
}

impl Notes {
    pub fn begin(path: &str) -> Self {
        let file = OpenOptions::new().create_new(true).append(true).open(path).expect("new notes");
        Self { path: PathBuf::from(path), file: Mutex::new(file), count: AtomicUsize::new(0) }
    }

    /// Notes what was acknowledged: the created resource.
    pub fn note(&self, resource: &Value) {
        let mut file = self.file.lock().expect("the notes");
        file.write_all(format!("{resource}\n").as_bytes()).and_then(|()| file.sync_data()).expect("noted");
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until so many more are noted.
    pub fn wait_for(&self, more: usize) {
        let (wanted, since) = (self.count.load(Ordering::SeqCst) + more, Instant::now());
        while self.count.load(Ordering::SeqCst) < wanted {
            assert!(since.elapsed() < Duration::from_secs(60), "nothing is acknowledged any more");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn read(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.path).expect("the notes");
        text.lines().map(|line| serde_json::from_str(line).expect("a noted resource")).collect()
    }
}

/// A write that a client wants. Its key is also its label, by which its effects are found.
#[derive(Clone, Debug)]
pub struct Intent {
    pub login: &'static str,
    pub path: String,
    pub key: String,
    pub body: Value,
}

impl Intent {
    /// The same for another amount.
    pub fn of(mut self, amount: i64) -> Self {
        self.body["amount"] = json!(amount.to_string());
        self
    }

    /// Asks for it; nothing when no answer came.
    pub fn ask(&self, client: &Client) -> Option<Answer> {
        let headers = [("content-type", "application/json"), ("idempotency-key", self.key.as_str())];
        client.attempt("POST", &self.path, &headers, self.body.to_string().as_bytes()).ok()
    }
}

/// A town that people write to while the program serves it.
pub struct Desk<'a> {
    pub place: &'a Place,
    town: cast::Town,
    line: String,
    supplier: String,
}

impl<'a> Desk<'a> {
    /// Finds what is needed to write in a served town whose year is open.
    pub fn in_town(place: &'a Place, town: cast::Town) -> Self {
        let mut desk = Self { place, town, line: String::new(), supplier: String::new() };
        let mayor = desk.client("mayor");
        let found = |path: &str, pointer: &str, member: &str, wanted: &str, id: &str| {
            let json = mayor.get(&desk.path(path)).expect(200).json();
            let rows = json.pointer(pointer).and_then(Value::as_array).expect("rows").clone();
            let row = rows.into_iter().find(|row| row[member] == wanted).expect("a row");
            row[id].as_str().expect("an id").to_owned()
        };
        let line = found("/fiscal-years/2025/budget-execution", "/lines", "code", "F-D-60-602-01", "budget_line_id");
        let supplier = found("/suppliers", "/data", "code", "SUP-0012", "id");
        (desk.line, desk.supplier) = (line, supplier);
        desk
    }

    pub fn client(&self, login: &str) -> Client {
        self.place.client(Some(self.token(login)))
    }

    /// Someone at this place and at a second one in turn.
    pub fn client_at(&self, second: &Place, index: usize, login: &str) -> Client {
        if index.is_multiple_of(2) { self.client(login) } else { second.client(Some(self.token(login))) }
    }

    fn token(&self, login: &str) -> String {
        let person = self.town.person(login).expect("one of the cast");
        self.place.keys().sign(person, chrono::Utc::now().timestamp()).expect("a token")
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/v1/organisations/{}{rest}", self.town.commune)
    }

    /// A commitment of one franc, or an entry of one franc in the journal of the Treasury.
    pub fn intent(&self, entry: bool) -> Intent {
        let key = Uuid::new_v4().to_string();
        if entry {
            let line = |account: &str, side: &str| json!({ "account": account, "side": side, "amount": "1" });
            let body = json!({
                "journal": "treasury", "accounting_date": "2025-02-03", "label": key, "currency": "XOF",
                "lines": [line("531", "debit"), line("515", "credit")], "document_sha256": "c".repeat(64),
            });
            return Intent { login: WRITING[1], path: self.path("/fiscal-years/2025/entries"), key, body };
        }
        let body = json!({
            "budget_line_id": self.line, "supplier_id": self.supplier, "label": key, "amount": "1", "currency": "XOF",
            "committed_on": "2025-02-03",
        });
        Intent { login: WRITING[0], path: self.path("/commitments"), key, body }
    }

    /// Clients write, and note what is acknowledged, while something else happens; each stops when nobody answers any more.
    /// Gives the writes whose fate is not known.
    pub fn write_during<T>(&self, notes: &Notes, happening: impl FnOnce() -> T) -> (T, Vec<Intent>) {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let over = &over;
            let writers: Vec<_> = (0..WRITERS).map(|index| scope.spawn(move || self.write(index % 2 == 0, notes, over))).collect();
            let ends = Ends(over);
            let happened = happening();
            drop(ends);
            (happened, writers.into_iter().flat_map(|writer| writer.join().expect("a writer ends")).collect())
        })
    }

    fn write(&self, entries: bool, notes: &Notes, over: &AtomicBool) -> Vec<Intent> {
        let client = self.client(WRITING[usize::from(entries)]);
        let mut unknown = Vec::new();
        while !over.load(Ordering::SeqCst) {
            let intent = self.intent(entries);
            match intent.ask(&client) {
                Some(answer) if answer.status == 503 => {
                    unknown.push(intent);
                    std::thread::sleep(LATER);
                }
                Some(answer) => notes.note(&answer.expect(201).json()),
                None => {
                    unknown.push(intent);
                    break;
                }
            }
        }
        unknown
    }

    /// Asks again, twice, for writes whose fate is not known, with their keys: both answers tell of the same effect.
    pub fn settle(&self, unknown: &[Intent], notes: &Notes) {
        let clients = BTreeMap::from(WRITING.map(|login| (login, self.client(login))));
        for intent in unknown {
            let client = &clients[intent.login];
            let [once, twice] = [(); 2].map(|()| intent.ask(client).expect("the service answers").expect(201));
            assert_eq!(once.bytes, twice.bytes);
            assert_eq!(twice.header("idempotency-replayed"), Some("true"));
            notes.note(&once.json());
        }
    }

    /// What the books hold, by label.
    pub fn books(&self) -> Books {
        let mut books = Books::default();
        let lists = [("commitment", "/commitments?fiscal_year=2025"), ("entry", "/fiscal-years/2025/entries?journal=treasury")];
        for (kind, list) in lists {
            let client = self.client("auditor");
            let mut after = String::new();
            loop {
                let page = client.get(&self.path(&format!("{list}&limit=200{after}"))).expect(200).json();
                for row in page["data"].as_array().expect("rows") {
                    books.numbers.entry(kind).or_default().push(running(&row["number"]));
                    books.rows.entry(row["label"].as_str().expect("a label").to_owned()).or_default().push(row.clone());
                }
                let Some(next) = page["page"]["next"].as_str() else { break };
                after = format!("&after={next}");
            }
        }
        books
    }

    /// The program verifies its database and finds nothing wrong.
    pub fn verified(&self) {
        let ended = self.place.run(&["verify"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

/// Tells the writers that it is over, also when what happened failed: nobody waits for them for ever.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The running number: 12 of 12, and of "E-2025-000012".
fn running(number: &Value) -> i64 {
    let text = number.as_str().map_or_else(|| number.to_string(), str::to_owned);
    text.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no number: {number}"))
}

/// What the books hold of what clients wrote.
#[derive(Debug, Default)]
pub struct Books {
    rows: BTreeMap<String, Vec<Value>>,
    numbers: BTreeMap<&'static str, Vec<i64>>,
}

impl Books {
    /// Every difference between the books and what was acknowledged, in both directions.
    pub fn differences(&self, acknowledged: &[Value]) -> Vec<String> {
        let noted: BTreeSet<&str> = acknowledged.iter().filter_map(|resource| resource["label"].as_str()).collect();
        let untold = self.rows.keys().filter(|label| !noted.contains(label.as_str()));
        self.faults(acknowledged).into_iter().chain(untold.map(|label| format!("{label}: nobody was told"))).collect()
    }

    /// What was acknowledged and is lost, changed or doubled, and numbers that leave a gap.
    pub fn faults(&self, acknowledged: &[Value]) -> Vec<String> {
        let mut found = Vec::new();
        for resource in acknowledged {
            let label = resource["label"].as_str().expect("a label");
            match self.rows.get(label).map(Vec::as_slice) {
                None => found.push(format!("{label}: acknowledged and lost")),
                Some([row]) if row == resource => {}
                Some([_]) => found.push(format!("{label}: not what was acknowledged")),
                Some(_) => found.push(format!("{label}: stands twice")),
            }
        }
        for (kind, numbers) in &self.numbers {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            if sorted.iter().zip(1..).any(|(number, expected)| *number != expected) {
                found.push(format!("{kind}: numbers with a gap or twice"));
            }
        }
        found
    }
}
