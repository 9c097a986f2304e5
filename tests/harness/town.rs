//! A town: a commune with its people, a running server and a database of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, mpsc};

use actix_web::dev::ServerHandle;
use api::auth::Desk;
use api::clock::Clock;
use api::config::{RatePolicy, SignInPolicy};
use api::contract::outline::operations;
use api::demo::player::Player;
use api::demo::{cast, year};
use api::issuer::policy::IssuerPolicy;
use api::seal::Seal;
use api::server::{Listening, serve};
use api::token::Keys;
use chrono::NaiveDate;
use db::connection::{Conn, Target};
use db::store::{Author, Outcome, Sizes, Store};
use domain::audit::{Actor, Event};
use domain::id::{OrganisationId, PrincipalId};
use domain::ledger::{Entry, Journal, Posting};
use domain::money::{Amount, Currency};
use uuid::Uuid;

use super::client::{Client, Rehearsal};
use super::{canary, patience, postgres};

/// How far the town has come when the story begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Reference data and the cast; no fiscal year. Business date 2 September 2024.
    Gathered,
    /// The budget of 2025 is approved, the year opened with balances and a carried debt of 400,000. Business date 3 February 2025.
    Open,
    /// The year 2025 as the demonstration plays it. Business date 28 November 2025.
    Played,
}

/// A database prepared once and copied for each story.
enum Template {
    Sqlite(Vec<u8>),
    Postgres(String),
}

static SQLITE: [OnceLock<(Template, cast::Town)>; 3] = [const { OnceLock::new() }; 3];
static POSTGRES: [OnceLock<Option<(Template, cast::Town)>>; 3] = [const { OnceLock::new() }; 3];
static KEY: OnceLock<Vec<u8>> = OnceLock::new();
static PREPARING: Mutex<()> = Mutex::new(());

/// Tokens of tests live as long as those of the demonstration.
const TOKEN_SECONDS: i64 = 3600;

/// Tests ask as often as they like, unless they say otherwise.
pub const UNHURRIED: RatePolicy =
    RatePolicy { per_address: 1_000_000, per_principal: 1_000_000, with_reason_per_day: 0, recorded_per_day: 0 };

/// The key with which all towns of this run sign.
pub fn keys() -> Keys {
    let pem = KEY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key.pem");
        Keys::create(&path, TOKEN_SECONDS).expect("a key");
        std::fs::read(path).expect("the key")
    });
    Keys::from_pem(pem, TOKEN_SECONDS).expect("the key is usable")
}

/// A running server on a database.
struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
    clock: Clock,
}

impl Running {
    fn start(target: &Target, clock: Clock, sign_in: SignInPolicy, rates: RatePolicy, issuers: &[IssuerPolicy]) -> (Self, Store) {
        let store = Store::open_migrated(target, Sizes { lanes: 3, ..Sizes::default() }).expect("the store opens");
        let desk =
            Desk::new(store.clone(), clock.clone(), keys(), operations().expect("every route declares who may call it")).expect("a desk");
        let desk = desk.with_sign_in(sign_in).with_rates(rates).with_issuers(issuers).expect("issuers");
        let desk = desk.with_seal(Some(Seal::of([7; 32]).expect("a key")));
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let listening = Listening { workers: 1, ..Listening::on(SocketAddr::from(([127, 0, 0, 1], 0))) };
                let (server, address) = serve(desk, &listening).expect("the server starts");
                sender.send((server.handle(), address)).expect("someone waits");
                server.await.expect("the server ends well");
            });
        });
        let (handle, address) = receiver.recv().expect("the server started");
        (Self { address, handle, thread: Some(thread), clock }, store)
    }

    fn stop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A second server on a town's database, with the same business date and other policies.
pub struct Annex(Running);

impl Annex {
    /// Someone with or without a token.
    pub fn client(&self, token: Option<String>) -> Client {
        Client::new(&format!("http://{}", self.address()), token)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.address
    }
}

impl Drop for Annex {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Prepares a database up to a stage: schema, reference data, cast, and the opening of the year.
fn prepare(target: &Target, stage: Stage) -> cast::Town {
    db::connection::migrate(&mut target.connect(false).expect("a connection")).expect("the schema");
    let (mut running, store) = Running::start(target, Clock::settable(year::FIRST_DAY), SignInPolicy::default(), UNHURRIED, &[]);
    let clock = running.clock.clone();
    let founding = actix_web::rt::System::new().block_on(async {
        db::reference::install(&store, clock.now(), clock.today()).await.expect("reference data");
        cast::administrator(&store, &clock).await.expect("an administrator")
    });
    let token = keys().sign(founding, clock.now().timestamp()).expect("a token");
    let player = Player::new(running.address, clock, keys(), token);
    let town = cast::gather(&player).expect("the cast");
    match stage {
        Stage::Gathered => {}
        Stage::Open => year::open(&player, &town).expect("the year opens"),
        Stage::Played => year::play(&player, &town).expect("the year is played"),
    }
    running.stop();
    town
}

fn sqlite_template(stage: Stage) -> &'static (Template, cast::Town) {
    SQLITE[stage as usize].get_or_init(|| {
        let _one_at_a_time = PREPARING.lock();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("template.db");
        let target = Target::Sqlite(path.clone());
        let town = prepare(&target, stage);
        checkpoint(&target);
        (Template::Sqlite(std::fs::read(path).expect("the template")), town)
    })
}

/// Brings everything from the write-ahead log into the file.
fn checkpoint(target: &Target) {
    use diesel::connection::SimpleConnection as _;
    let mut conn = target.connect(false).expect("a connection");
    let since = std::time::Instant::now();
    // The stopped server's connections go away in their own time.
    while let Err(error) = conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;") {
        assert!(since.elapsed() < std::time::Duration::from_secs(20), "no checkpoint: {error}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn postgres_template(stage: Stage) -> Option<&'static (Template, cast::Town)> {
    POSTGRES[stage as usize]
        .get_or_init(|| {
            let _one_at_a_time = PREPARING.lock();
            let (name, target) = postgres::database(None)?;
            let town = prepare(&target, stage);
            Some((Template::Postgres(name), town))
        })
        .as_ref()
}

/// Makes a database in which a town has come to a stage, for a program that is started beside the tests.
pub fn found(target: &Target, stage: Stage) -> cast::Town {
    match target {
        Target::Sqlite(path) => {
            let (template, cast) = sqlite_template(stage);
            let Template::Sqlite(bytes) = template else { unreachable!("made above") };
            std::fs::write(path, bytes).expect("the copy");
            cast.clone()
        }
        Target::Postgres(_) => prepare(target, stage),
    }
}

/// A commune with its people, a running server and a database of its own.
pub struct Town {
    running: Running,
    target: Target,
    /// Kept until the story ends, and removed with it.
    _folder: Option<tempfile::TempDir>,
    database: Option<String>,
    cast: cast::Town,
    rehearsal: Mutex<Option<Arc<dyn Rehearsal>>>,
}

impl Town {
    pub fn on_sqlite(stage: Stage) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::Sqlite(folder.path().join("sigida.db"));
        let cast = found(&target, stage);
        Self::start(target, Some(folder), None, cast, stage)
    }

    /// The same on PostgreSQL; nothing when there is none.
    pub fn on_postgresql(stage: Stage) -> Option<Self> {
        let (template, cast) = postgres_template(stage)?;
        let Template::Postgres(template) = template else { unreachable!("made above") };
        let (name, target) = postgres::database(Some(template))?;
        Some(Self::start(target, None, Some(name), cast.clone(), stage))
    }

    fn start(target: Target, folder: Option<tempfile::TempDir>, database: Option<String>, cast: cast::Town, stage: Stage) -> Self {
        patience::begin();
        canary::begin();
        let today = match stage {
            Stage::Gathered => year::FIRST_DAY,
            Stage::Open => NaiveDate::from_ymd_opt(2025, 2, 3).expect("a date"),
            Stage::Played => year::LAST_DAY,
        };
        let (running, _) = Running::start(&target, Clock::settable(today), SignInPolicy::default(), UNHURRIED, &[]);
        Self { running, target, _folder: folder, database, cast, rehearsal: Mutex::default() }
    }

    /// Sets the business date, as "2025-03-14".
    pub fn on(&self, day: &str) {
        self.running.clock.set(day.parse().expect("a date"));
    }

    /// Opens a second server on the town's database.
    pub fn annex(&self, sign_in: SignInPolicy) -> Annex {
        self.limited(sign_in, UNHURRIED)
    }

    /// As [`Town::annex`], with quotas that a story meets.
    pub fn limited(&self, sign_in: SignInPolicy, rates: RatePolicy) -> Annex {
        Annex(Running::start(&self.target, self.running.clock.clone(), sign_in, rates, &[]).0)
    }

    /// As [`Town::annex`], where the word of other identity providers is taken.
    pub fn trusting(&self, sign_in: SignInPolicy, issuers: &[IssuerPolicy]) -> Annex {
        Annex(Running::start(&self.target, self.running.clock.clone(), sign_in, UNHURRIED, issuers).0)
    }

    /// Opens the year of another commune, in which the same people work from here on.
    pub fn move_to(&mut self, commune: Uuid) {
        self.cast.commune = OrganisationId(commune);
        // For two seconds the service believes the roles that it read last.
        std::thread::sleep(std::time::Duration::from_secs(2));
        let token = keys().sign(self.person("administrator"), chrono::Utc::now().timestamp()).expect("a token");
        let player = Player::new(self.running.address, self.running.clock.clone(), keys(), token);
        year::open(&player, &self.cast).expect("the year opens");
        self.on("2025-02-03");
    }

    /// Where the town's data lives.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// A raw connection to the town's database, for proofs beneath the API.
    pub fn connection(&self) -> Conn {
        self.target.connect(false).expect("a connection")
    }

    /// Posts a receipt at the Treasury beneath the API, for stories that spend more than the opening balance.
    pub fn receive(&self, credited: &str, amount: i64) {
        let store = Store::open_migrated(&self.target, Sizes { readers: 1, lanes: 1, ..Sizes::default() }).expect("the store opens");
        let today = self.running.clock.today();
        let author = Author { actor: Actor::system(), now: chrono::Utc::now(), today };
        let amount = Amount::from_minor(amount).expect("in range");
        let postings = vec![Posting::debit("515", amount), Posting::credit(credited, amount)];
        let entry = Entry::new(Journal::Revenue, today, "Dotation", postings, Currency::XOF).expect("an entry");
        let written = store.write(self.cast.commune, author, move |tx| {
            let posted = db::ledger::append_entry(tx, 2025, &entry, "receipt", Uuid::now_v7())?;
            let event = Event::of("receipt.recorded", "receipt", posted.id.0, 1);
            let event = event.with("entry_id", posted.id.to_string()).with("entry_digest", posted.digest);
            Ok(Outcome::Happened((), event.into()))
        });
        actix_web::rt::System::new().block_on(written).expect("the receipt is posted");
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// One of the cast: mayor, finance-officer, accountant, state-representative, auditor, partner-system,
    /// council-registrar, certifier, cash-officer, administrator.
    pub fn client(&self, login: &str) -> Client {
        self.client_of(self.person(login))
    }

    pub fn person(&self, login: &str) -> PrincipalId {
        self.cast.person(login).expect("one of the cast")
    }

    pub fn client_of(&self, principal: PrincipalId) -> Client {
        let rehearsal = self.rehearsal.lock().expect("one at a time").clone();
        Client::new(&self.base(), Some(self.token_of(principal))).rehearsing(rehearsal)
    }

    pub fn token_of(&self, principal: PrincipalId) -> String {
        keys().sign(principal, chrono::Utc::now().timestamp()).expect("a token")
    }

    /// Plays the endowment of the demonstration.
    pub fn allot(&self) {
        let token = self.token_of(self.person("administrator"));
        let player = Player::new(self.running.address, self.running.clock.clone(), keys(), token);
        api::demo::endowment::allot(&player).expect("the endowment is allotted");
    }

    /// Plays the projects of the demonstration; the year is played.
    pub fn bring_projects(&self) {
        let token = self.token_of(self.person("administrator"));
        let player = Player::new(self.running.address, self.running.clock.clone(), keys(), token);
        api::demo::projects::play(&player, &self.cast).expect("the projects are played");
        self.running.clock.set(year::LAST_DAY);
    }

    /// From here on, something is tried around each write of the people of the town.
    pub fn rehearse(&self, rehearsal: Option<Arc<dyn Rehearsal>>) {
        *self.rehearsal.lock().expect("one at a time") = rehearsal;
    }

    /// Someone without a token.
    pub fn stranger(&self) -> Client {
        Client::new(&self.base(), None)
    }

    /// Someone with a token of their own making.
    pub fn bearer(&self, token: &str) -> Client {
        Client::new(&self.base(), Some(token.to_owned()))
    }

    pub fn commune_id(&self) -> Uuid {
        self.cast.commune.0
    }

    /// A path under the commune: `town.path("/commitments")`.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/organisations/{}{rest}", self.cast.commune)
    }

    /// The id of a budget line by its code, such as "F-D-60-602-01".
    pub fn line(&self, code: &str) -> String {
        let execution = self.client("auditor").get(&self.path("/fiscal-years/2025/budget-execution")).expect(200).json();
        let lines = execution["lines"].as_array().expect("lines").clone();
        let line = lines.iter().find(|line| line["code"] == code).unwrap_or_else(|| panic!("no line {code}"));
        line["budget_line_id"].as_str().expect("an id").to_owned()
    }

    /// The id of a supplier by code: SUP-0012 sells fuel, SUP-0003 is owed the carried debt.
    pub fn supplier(&self, code: &str) -> String {
        let suppliers = self.client("auditor").get(&self.path("/suppliers")).expect(200).json();
        let rows = suppliers["data"].as_array().expect("rows").clone();
        let row = rows.iter().find(|row| row["code"] == code).unwrap_or_else(|| panic!("no supplier {code}"));
        row["id"].as_str().expect("an id").to_owned()
    }

    /// The account's row of the trial balance of 2025.
    pub fn balance(&self, account: &str) -> serde_json::Value {
        let balance = self.client("accountant").get(&self.path("/fiscal-years/2025/trial-balance")).expect(200).json();
        assert_eq!(balance["balanced"], true);
        let rows = balance["accounts"].as_array().expect("accounts").clone();
        rows.into_iter().find(|row| row["account"] == account).unwrap_or(serde_json::Value::Null)
    }

    /// The article's row of the execution of 2025.
    pub fn article(&self, article: &str) -> serde_json::Value {
        let execution = self.client("auditor").get(&self.path("/fiscal-years/2025/budget-execution")).expect(200).json();
        let rows = execution["articles"].as_array().expect("articles").clone();
        rows.into_iter().find(|row| row["article"] == article).unwrap_or_else(|| panic!("no article {article}"))
    }

    /// What `sigida verify` says of the town's database.
    pub fn verify(&self) -> Result<db::verify::Checked, String> {
        db::verify::verify(&mut self.connection()).map_err(|failure| failure.to_string())
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.running.stop();
        // Every story must leave books that verify, unless it says that it broke them.
        if !std::thread::panicking() && !self.tampered() {
            self.verify().expect("the books verify after the story");
        }
        if let Some(name) = &self.database {
            postgres::drop_database(name);
        }
    }
}

impl Town {
    /// Stories about tampering leave a mark.
    fn tampered(&self) -> bool {
        use diesel::prelude::*;
        #[derive(QueryableByName)]
        struct Found {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            found: i64,
        }
        let mut conn = self.connection();
        let marked: Result<Vec<Found>, _> =
            db::on_engine!(&mut conn, |inner| diesel::sql_query("SELECT COUNT(*) AS found FROM tampered").load(inner));
        marked.is_ok_and(|rows| rows.iter().any(|row| row.found >= 0))
    }
}
