//! The founding: a hundred communes, each with an executable budget of a thousand lines of expenditure, brought to their opened year
//! through the API as the demonstration is. It is done once an engine, kept, and copied for each run.

use std::net::SocketAddr;
use std::sync::mpsc;

use actix_web::dev::ServerHandle;
use api::auth::Desk;
use api::clock::Clock;
use api::contract::outline::operations;
use api::demo::cast;
use api::demo::player::{Player, Reply};
use api::demo::year::{day, digest};
use api::server::{Listening, serve};
use api::token::Keys;
use chrono::{Datelike as _, NaiveDate};
use db::connection::Target;
use db::store::{Sizes, Store};
use domain::id::PrincipalId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// How many communes are founded.
pub const COMMUNES: usize = 100;
/// Lines of expenditure of each budget.
pub const LINES: usize = 1000;
/// The initial credit of each line, in francs.
const CREDIT: u64 = 1_000_000_000;
const HEADER: &str = "section;direction;chapter;article;paragraph;label_fr;label_en;function;funding;flags;location;plan_action;amount\n";
const ARTICLES: &str = include_str!("../../data/nomenclature/ml-ct-working-2025/articles.csv");

/// A line of expenditure of the operating section.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub id: Uuid,
    pub article: String,
    /// The kind of expenditure of the article.
    pub kind: String,
}

/// A commune that commits expenditure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Commune {
    pub id: Uuid,
    pub mayor: Uuid,
    pub supplier: Uuid,
    pub lines: Vec<Line>,
}

/// The fiscal year that is open on the day of the benchmark; its first months have passed, so that neither its beginning nor its cutoff
/// is near.
pub fn fiscal_year() -> i32 {
    (chrono::Utc::now().date_naive() - chrono::Days::new(60)).year()
}

/// The day on which expenditure is committed.
pub fn committed_on() -> NaiveDate {
    day(fiscal_year(), 2, 3)
}

/// The articles of operating expenditure with their chapters and kinds: none of them needs a contract to commit on.
fn articles() -> Vec<[String; 3]> {
    let rows = csv::Reader::from_reader(ARTICLES.as_bytes()).into_records();
    let rows = rows.map(|row| row.expect("a row")).filter(|row| &row[0] == "operating" && &row[1] == "expenditure" && &row[8] == "true");
    rows.map(|row| [&row[2], &row[3], &row[9]].map(str::to_owned)).collect()
}

/// The budget as a sheet: its lines spread evenly over the articles, both sections balanced.
fn sheet() -> String {
    let articles = articles();
    let mut sheet = HEADER.to_owned();
    let operating = LINES - 1;
    for index in 0..operating {
        let [chapter, article, _] = &articles[index % articles.len()];
        let paragraph = index / articles.len() + 1;
        sheet += &format!("F;D;{chapter};{article};{paragraph:02};Ligne {index};Line {index};01.1;OWN;;;;{CREDIT}\n");
    }
    sheet += &format!("F;R;71;711;01;Recettes;Revenue;01.1;OWN;;;;{}\n", operating as u64 * CREDIT);
    sheet += &format!("I;D;21;211;01;Études;Studies;01.3;OWN;;chef-lieu;PDSEC-1.1;{CREDIT}\n");
    sheet += &format!("I;R;14;141;01;Dotation;Grant;01.8;ANICT;;;;{CREDIT}\n");
    sheet
}

/// A server in this process whose business date can be set.
struct Town {
    player: Player,
    staff: Vec<(&'static str, PrincipalId)>,
}

fn start(store: &Store, clock: &Clock, keys: Keys) -> (SocketAddr, ServerHandle) {
    let desk = Desk::new(store.clone(), clock.clone(), keys, operations().expect("every route declares who may call it")).expect("a desk");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let listening = Listening { workers: 1, ..Listening::on(SocketAddr::from(([127, 0, 0, 1], 0))) };
            let (server, address) = serve(desk, &listening).expect("the server starts");
            sender.send((address, server.handle())).expect("someone waits");
            server.await.expect("the server ends well");
        });
    });
    receiver.recv().expect("the server started")
}

impl Town {
    fn person(&self, login: &str, name: &str) -> PrincipalId {
        let admin = self.player.administrator();
        let body = json!({ "kind": "person", "login": login, "display_name": name });
        let id = self.player.post(admin, "/v1/principals", None, &body).and_then(|reply| reply.id()).expect("a person");
        let path = format!("/v1/principals/{id}/activation-codes");
        let code = self.player.post(admin, &path, None, &json!({})).and_then(|reply| reply.text("activation_code")).expect("a code");
        let body = json!({ "code": code, "password": Uuid::new_v4().to_string() });
        self.player.post(admin, "/v1/activations", None, &body).expect("activated");
        PrincipalId(id)
    }

    fn organisation(&self, body: &Value) -> Uuid {
        let made = self.player.post(self.player.administrator(), "/v1/organisations", None, body);
        made.and_then(|reply| reply.id()).expect("an organisation")
    }

    fn assign(&self, commune: Uuid, person: PrincipalId, role: &str, seat: Option<Uuid>) {
        let body = json!({ "principal_id": person, "role": role, "seat_id": seat, "valid_from": day(fiscal_year() - 1, 9, 2) });
        let path = format!("/v1/organisations/{commune}/role-assignments");
        self.player.post(self.player.administrator(), &path, None, &body).expect("a role");
    }

    fn token(&self, commune: &Commune, role: &str) -> String {
        let found = self.staff.iter().find(|(held, _)| *held == role).map(|(_, id)| *id);
        self.player.token(found.unwrap_or(PrincipalId(commune.mayor))).expect("a token")
    }

    fn create(&self, commune: &Commune, role: &str, path: &str, body: &Value) -> Reply {
        let path = format!("/v1/organisations/{}{path}", commune.id);
        self.player.post(&self.token(commune, role), &path, None, body).expect("created")
    }

    fn get(&self, commune: &Commune, path: &str) -> Reply {
        let path = format!("/v1/organisations/{}{path}", commune.id);
        self.player.get(&self.token(commune, "mayor"), &path).expect("read")
    }

    fn act(&self, commune: &Commune, role: &str, resource: &str, action: &str, body: &Value) {
        let version = self.get(commune, resource).etag.expect("a version");
        let path = format!("/v1/organisations/{}{resource}{action}", commune.id);
        self.player.post(&self.token(commune, role), &path, Some(&version), body).expect("done");
    }

    /// Registers the communes, each with a mayor of its own; the other officials work for all of them.
    fn gather(&self) -> Vec<Commune> {
        let plain = |kind: &str, code: &str, name: &str| {
            self.organisation(&json!({ "kind": kind, "code": code, "name": name, "currency": "XOF", "fictional": true }))
        };
        let prefecture = plain("state_representation", "ML-B-PREF", "Préfecture fictive");
        let post = plain("treasury_post", "ML-B-PERC", "Perception fictive");
        let units = self.player.get(self.player.administrator(), "/v1/territorial-units?level=commune&limit=200").expect("communes");
        let units = units.body["data"].as_array().expect("communes").iter().take(COMMUNES);
        let found = |(index, unit): (usize, &Value)| {
            let id = self.organisation(&json!({
                "kind": "commune", "code": format!("ML-B{index:03}"), "name": format!("Commune fictive {index}"),
                "territorial_unit_id": unit["id"], "supervisor_id": prefecture, "treasury_post_id": post,
                "currency": "XOF", "fictional": true,
            }));
            let mayor = self.person(&format!("mayor-{index:03}"), "Mayor, fictional");
            self.assign(id, mayor, "authorising_officer", None);
            for (role, person) in &self.staff {
                let seat = match *role {
                    "accountant" => Some(post),
                    "state_representative" => Some(prefecture),
                    _ => None,
                };
                self.assign(id, *person, role, seat);
            }
            Commune { id, mayor: mayor.0, supplier: Uuid::nil(), lines: Vec::new() }
        };
        units.enumerate().map(found).collect()
    }

    /// From the draft of the budget to its approval, the whole council year of all communes day by day.
    fn vote(&self, communes: &[Commune]) {
        let (year, before) = (fiscal_year(), fiscal_year() - 1);
        let sheet = sheet();
        self.player.on(day(before, 9, 16));
        let drafted = communes.iter().map(|commune| {
            self.create(commune, "finance_officer", "/fiscal-years", &json!({ "fiscal_year": year }));
            let body = json!({ "fiscal_year": year, "kind": "original", "title": "Budget primitif" });
            let id = self.create(commune, "finance_officer", "/budgets", &body).id().expect("a budget");
            let budget = format!("/budgets/{id}");
            let version = self.get(commune, &budget).etag.expect("a version");
            let path = format!("/v1/organisations/{}{budget}/lines", commune.id);
            self.player.put_csv(&self.token(commune, "finance_officer"), &path, &version, sheet.as_bytes()).expect("lines");
            (commune, budget)
        });
        let drafted: Vec<_> = drafted.collect();
        let each = |on: NaiveDate, act: &dyn Fn(&Commune, &str)| {
            self.player.on(on);
            drafted.iter().for_each(|(commune, budget)| act(commune, budget));
        };
        each(day(before, 10, 1), &|commune, budget| self.act(commune, "mayor", budget, "/consultation", &json!({})));
        each(day(before, 10, 19), &|commune, _| {
            let met = json!({
                "fiscal_year": year, "place": "chef-lieu", "held_on": day(before, 10, 19), "women": 96, "men": 131,
                "minutes_sha256": digest("minutes"), "summary": "Budget débattu.",
            });
            self.create(commune, "council_registrar", "/consultations", &met);
            self.create(commune, "council_registrar", "/public-debates", &met);
        });
        each(day(before, 10, 21), &|commune, budget| self.act(commune, "mayor", budget, "/tabling", &json!({})));
        each(day(before, 10, 28), &|commune, budget| {
            let vote = json!({
                "held_on": day(before, 10, 28), "deliberation_number": "2024-07", "serving": 17, "present": 15,
                "votes_for": 12, "votes_against": 2, "abstentions": 1, "deliberation_sha256": digest("deliberation"),
            });
            self.act(commune, "council_registrar", budget, "/vote", &vote);
        });
        each(day(before, 11, 5), &|commune, budget| {
            self.act(commune, "mayor", budget, "/transmission", &json!({ "annexes_sha256": digest("annexes") }));
        });
        each(day(before, 11, 25), &|commune, budget| self.act(commune, "state_representative", budget, "/approval", &json!({})));
    }

    /// Opens the year, registers a supplier, and learns the lines by their ids.
    fn open(&self, communes: &mut [Commune]) {
        let (year, articles) = (fiscal_year(), articles());
        self.player.on(day(year, 1, 2));
        for commune in communes {
            let supplier = json!({ "code": "SUP-0001", "name": "Fournisseur fictif" });
            commune.supplier = self.create(commune, "finance_officer", "/suppliers", &supplier).id().expect("a supplier");
            let balances = json!({
                "currency": "XOF",
                "lines": [{ "account": "515", "side": "debit", "amount": "1000" }, { "account": "12", "side": "credit", "amount": "1000" }],
                "carried_debts": [],
            });
            self.act(commune, "accountant", &format!("/fiscal-years/{year}"), "/opening-balances", &balances);
            let path = format!("/v1/organisations/{}/fiscal-years/{year}/budget-execution", commune.id);
            let execution = self.player.get(&self.token(commune, "mayor"), &path).expect("the execution");
            let lines = execution.body["lines"].as_array().expect("lines").iter();
            let operating = lines.filter(|line| line["code"].as_str().is_some_and(|code| code.starts_with("F-D-")));
            let line = |line: &Value| {
                let id = line["budget_line_id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
                let article = line["code"].as_str().and_then(|code| code.split('-').nth(3)).expect("an article");
                let [_, article, kind] = articles.iter().find(|known| known[1] == article).expect("a known article").clone();
                Line { id, article, kind }
            };
            commune.lines = operating.map(line).collect();
        }
    }
}

/// Founds the communes in an empty database.
pub fn found(target: &Target) -> Vec<Commune> {
    let store = Store::open(target, Sizes::default()).expect("the store opens");
    let clock = Clock::settable(day(fiscal_year() - 1, 9, 2));
    let administrator = actix_web::rt::System::new().block_on(async {
        db::reference::install(&store, clock.now(), clock.today()).await.expect("reference data");
        cast::administrator(&store, &clock).await.expect("an administrator")
    });
    let folder = tempfile::tempdir().expect("a folder");
    let keys = || Keys::create(&folder.path().join("key.pem"), 3600).expect("a key");
    let token = keys().sign(administrator, clock.now().timestamp()).expect("a token");
    let (address, server) = start(&store, &clock, keys());
    let mut town = Town { player: Player::new(address, clock, keys(), token), staff: Vec::new() };
    for role in ["finance_officer", "accountant", "state_representative", "council_registrar"] {
        let person = town.person(role, "Official, fictional");
        town.staff.push((role, person));
    }
    let mut communes = town.gather();
    town.vote(&communes);
    town.open(&mut communes);
    drop(server.stop(false));
    communes
}
