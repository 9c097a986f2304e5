//! Who may do what: every operation of the contract, called by everyone, against the one table of `api::access`.

use std::collections::{BTreeMap, BTreeSet};

use api::access::{Access, Effect, OPERATIONS, Operation};
use api::contract::contract;
use api::contract::outline::operations;
use api::demo::cast::LOGINS;
use db::connection::Conn;
use diesel::prelude::*;
use domain::id::PrincipalId;
use domain::identity::Role;
use domain::word::Word;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

mod ids;
mod isolation;
#[cfg(debug_assertions)]
pub mod second_wall;
pub use ids::Ids;

/// What anyone with a token may ask, and machines are refused for what they are.
const OF_PERSONS: [&str; 3] = ["reauthenticate", "enrol_authenticator", "remove_authenticator"];

/// An operation of the contract with its route.
struct Route {
    method: String,
    pattern: String,
    operation: &'static Operation,
}

/// Every route, in a fixed order.
fn routes() -> Vec<Route> {
    let declared = operations().expect("every route declares who may call it");
    let mut routes: Vec<Route> =
        declared.into_iter().map(|((method, pattern), operation)| Route { method: method.to_string(), pattern, operation }).collect();
    routes.sort_by(|one, other| (&one.pattern, &one.method).cmp(&(&other.pattern, &other.method)));
    routes
}

impl Route {
    fn names_an_organisation(&self) -> bool {
        self.pattern.contains("{organisation_id}")
    }

    /// The names of the path's parameters, but for the organisation.
    fn parameters(&self) -> Vec<&str> {
        let names = self.pattern.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        names.filter(|name| *name != "organisation_id").collect()
    }

    /// The path with an organisation, and with what stands for each other parameter.
    fn path(&self, organisation: Uuid, stand_in: impl Fn(&str) -> String) -> String {
        let fill = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some("organisation_id") => organisation.to_string(),
            Some(name) => stand_in(name),
            None => segment.to_owned(),
        };
        self.pattern.split('/').map(fill).collect::<Vec<_>>().join("/")
    }

    /// Calls with everything that a write needs but a body worth reading. Whatever comes, the service stands.
    fn call(&self, client: &Client, path: &str) -> Answer {
        let key = Uuid::new_v4().to_string();
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", key.as_str()),
            ("if-match", "\"1-json\""),
            ("access-reason", "Proof"),
        ];
        let body: &[u8] = if self.method == "GET" { b"" } else { b"{}" };
        let answer = client.send(&self.method, path, &headers, body);
        assert!(answer.status < 500, "{} {path}: {answer:?}", self.method);
        answer
    }

    /// As [`Route::call`], on things that do not exist.
    fn call_on_nothing(&self, client: &Client, organisation: Uuid) -> Answer {
        self.call(client, &self.path(organisation, nothing))
    }
}

/// Stands for a parameter and names nothing.
fn nothing(name: &str) -> String {
    match name {
        "year" => "2025".to_owned(),
        "account" => "602".to_owned(),
        "code" => "X".to_owned(),
        _ => Uuid::new_v4().to_string(),
    }
}

/// The code of a problem; nothing for a success.
fn code(answer: &Answer) -> String {
    if answer.status < 400 { String::new() } else { answer.text("/code") }
}

/// A problem without what belongs to the one request.
pub fn told(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    let members = body.as_object_mut().expect("a problem");
    members.remove("instance");
    members.remove("request_id");
    (answer.status, body)
}

/// Whether the declaration lets someone in who holds these roles in the organisation of the path.
pub fn permits(operation: &Operation, roles: &[Role]) -> bool {
    match operation.access {
        Access::Open | Access::SignedIn => true,
        Access::Members => !roles.is_empty(),
        Access::Roles(wanted) => roles.iter().any(|role| wanted.contains(role)),
        Access::Platform => roles.contains(&Role::Administrator),
    }
}

/// Who of the cast reads what an operation gives: the auditor, but for what only administrators see.
pub fn reader(id: &str) -> &'static str {
    match api::access::operation(id).expect("declared").access {
        Access::Platform => "administrator",
        Access::Roles(roles) if !roles.contains(&Role::Auditor) => "administrator",
        _ => "auditor",
    }
}

/// The first of the cast whom an operation lets in.
pub fn permitted(operation: &Operation, cast: &BTreeMap<&'static str, Vec<Role>>) -> Option<&'static str> {
    cast.iter().find(|(_, roles)| permits(operation, roles)).map(|(login, _)| *login)
}

/// The roles of each of the cast in the commune, as the service tells them; the administrator is one everywhere.
pub fn roles_of_the_cast(town: &Town) -> BTreeMap<&'static str, Vec<Role>> {
    let rows = town.client("administrator").get(&town.path("/role-assignments")).expect(200).json()["data"].clone();
    let rows = rows.as_array().expect("rows").clone();
    let held = |login: &str| -> Vec<Role> {
        let mine = rows.iter().filter(|row| row["principal_id"] == json!(town.person(login)));
        mine.map(|row| Role::parse(row["role"].as_str().expect("a role")).expect("a known role")).collect()
    };
    LOGINS.into_iter().map(|login| (login, if login == "administrator" { vec![Role::Administrator] } else { held(login) })).collect()
}

/// Someone new, made active with a one-time code, who holds nothing.
pub fn newcomer(town: &Town, login: &str) -> PrincipalId {
    let admin = town.client("administrator");
    let body = json!({ "kind": "person", "login": login, "display_name": login });
    let id = admin.create("/v1/principals", &body).expect(201).id();
    let code = admin.create(&format!("/v1/principals/{id}/activation-codes"), &json!({})).expect(200).text("/activation_code");
    town.stranger().create("/v1/activations", &json!({ "code": code, "password": Uuid::new_v4().to_string() })).expect(200);
    PrincipalId(id)
}

/// Assigns a role in an organisation.
pub fn assign(town: &Town, organisation: Uuid, who: PrincipalId, role: &str, from: &str, to: Option<&str>) -> Answer {
    let body = json!({ "principal_id": who, "role": role, "valid_from": from, "valid_to": to });
    town.client("administrator").create(&format!("/v1/organisations/{organisation}/role-assignments"), &body)
}

/// The number of rows of every table, but for the positions that reading the feed gives to events.
pub fn rows(town: &Town) -> BTreeMap<String, i64> {
    rows_in(&mut town.connection())
}

/// As [`rows`], over a connection that is at hand.
pub fn rows_in(conn: &mut Conn) -> BTreeMap<String, i64> {
    #[derive(QueryableByName)]
    struct Table {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rows: i64,
    }
    let catalogue = match conn {
        Conn::Pg(_) => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'",
        Conn::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    };
    let tables: Vec<Table> = db::on_engine!(conn, |inner| diesel::sql_query(catalogue).load(inner)).expect("tables");
    assert!(tables.len() > 30, "the catalogue was read");
    // Reading gives events their positions, and leaves records of what is sensitive.
    let by_reading = ["event_positions", "access_records", "access_record_subjects"];
    let tables = tables.into_iter().filter(|table| !by_reading.contains(&table.name.as_str()));
    let mut count = |name: String| {
        // That something sensitive was read is no act on anything.
        let of_acts = if name == "events" { " WHERE kind <> 'access.recorded'" } else { "" };
        let query = format!("SELECT COUNT(*) AS rows FROM {name}{of_acts}");
        let counted: Count = db::on_engine!(conn, |inner| diesel::sql_query(query).get_result(inner)).expect("a count");
        (name, counted.rows)
    };
    tables.map(|table| count(table.name)).collect()
}

/// A second commune, on a real unit, with a mayor who also keeps its finances, certifies and registers.
struct Neighbour {
    id: Uuid,
    mayor: Client,
    accountant: Client,
    prefect: Client,
    cash_officer: Client,
    supplier: String,
}

impl Neighbour {
    fn settle(town: &Town) -> Self {
        let admin = town.client("administrator");
        let unit = town.stranger().get("/v1/territorial-units?level=commune&limit=1").expect(200).text("/data/0/id");
        let body = json!({
            "kind": "commune", "code": "ML-C02", "name": "Commune voisine", "territorial_unit_id": unit,
            "currency": "XOF", "fictional": true,
        });
        let id = admin.create("/v1/organisations", &body).expect(201).id();
        let person = |login: &str, roles: &[&str]| {
            let person = newcomer(town, login);
            for role in roles {
                assign(town, id, person, role, "2025-01-01", None).expect(201);
            }
            town.client_of(person)
        };
        let mayor = person("neighbour-mayor", &["authorising_officer", "finance_officer", "certifier", "council_registrar"]);
        let accountant = person("neighbour-accountant", &["accountant"]);
        let prefect = person("neighbour-prefect", &["state_representative"]);
        let cash_officer = person("neighbour-cash-officer", &["cash_officer"]);
        let path = format!("/v1/organisations/{id}/suppliers");
        let supplier = mayor.create(&path, &json!({ "code": "N-1", "name": "Fournisseur voisin" })).expect(201).id().to_string();
        Self { id, mayor, accountant, prefect, cash_officer, supplier }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/organisations/{}{rest}", self.id)
    }

    /// One of its people whom the operation lets in.
    fn who_may(&self, operation: &Operation) -> Option<&Client> {
        use Role::{Accountant, AuthorisingOfficer, CashOfficer, Certifier, CouncilRegistrar, FinanceOfficer, StateRepresentative};
        let people = [
            (&self.mayor, vec![AuthorisingOfficer, FinanceOfficer, Certifier, CouncilRegistrar]),
            (&self.accountant, vec![Accountant]),
            (&self.prefect, vec![StateRepresentative]),
            (&self.cash_officer, vec![CashOfficer]),
        ];
        people.into_iter().find(|(_, roles)| permits(operation, roles)).map(|(client, _)| client)
    }
}

/// Those who run the region, and those who represent the State elsewhere: nothing of a commune is theirs by being above it.
fn superiors(town: &Town) -> Vec<Client> {
    let admin = town.client("administrator");
    let unit = town.stranger().get("/v1/territorial-units?level=region&limit=1").expect(200).text("/data/0/id");
    let region =
        json!({ "kind": "region", "code": "ML-R02", "name": "Région", "territorial_unit_id": unit, "currency": "XOF", "fictional": true });
    let state = json!({ "kind": "state_representation", "code": "GOUV-2", "name": "Gouvernorat", "currency": "XOF", "fictional": true });
    let office = |(body, roles): (&Value, &[&str])| {
        let id = admin.create("/v1/organisations", body).expect(201).id();
        let person = newcomer(town, &format!("superior-{}", roles[0]));
        for role in roles {
            assign(town, id, person, role, "2025-01-01", None).expect(201);
        }
        town.client_of(person)
    };
    [(&region, &["authorising_officer", "finance_officer"][..]), (&state, &["auditor"][..])].map(office).into()
}

#[test]
fn the_table_and_the_routes_are_the_same_set() {
    let declared: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.id).collect();
    assert_eq!(declared.len(), OPERATIONS.len(), "declared once each");
    let routed: Vec<&str> = routes().iter().map(|route| route.operation.id).collect();
    assert_eq!(routed.len(), declared.len(), "one route each");
    assert_eq!(routed.into_iter().collect::<BTreeSet<_>>(), declared);
}

#[test]
fn writes_document_the_headers_that_the_guard_asks_for() {
    let contract = serde_json::to_value(contract()).expect("JSON");
    for Route { method, pattern, operation } in routes() {
        let parameters = &contract["paths"][&pattern][method.to_lowercase()]["parameters"];
        let required = |name: &str| {
            let parameters = parameters.as_array().map_or(&[][..], Vec::as_slice);
            parameters.iter().any(|one| one["in"] == "header" && one["name"] == name && one["required"] == true)
        };
        let writes = matches!(operation.effect, Effect::Create | Effect::Act);
        assert_eq!(required("Idempotency-Key"), writes, "{}", operation.id);
        assert_eq!(required("If-Match"), operation.effect == Effect::Act, "{}", operation.id);
        assert_eq!(method == "GET", operation.effect == Effect::Read, "{}: only reading is GET", operation.id);
    }
}

on_both_engines! {
    Stage::Open, fn every_operation_lets_in_whom_its_declaration_names_and_nobody_else(town) {
        let outsider = town.client_of(newcomer(town, "outsider"));
        let passing = newcomer(town, "passing");
        assign(town, town.commune_id(), passing, "auditor", "2025-02-02", Some("2025-02-03")).expect(201);
        let passing = town.client_of(passing);
        let neighbour = Neighbour::settle(town);
        let superiors = superiors(town);
        let cast = roles_of_the_cast(town);
        let (before, mut tried) = (rows(town), 0);
        let (commune, nowhere) = (town.commune_id(), Uuid::new_v4());
        for route in routes() {
            let operation = route.operation;
            let id = operation.id;
            // Nobody, here and elsewhere.
            for organisation in [commune, neighbour.id, nowhere] {
                let answer = route.call_on_nothing(&town.stranger(), organisation);
                if operation.access == Access::Open {
                    assert!(!matches!(answer.status, 401 | 403), "{id}: {}", code(&answer));
                } else {
                    answer.refused(401, "TOKEN_MISSING");
                }
            }
            // Each of the cast, at home.
            for (login, roles) in &cast {
                assert!(!roles.is_empty(), "{login} works here");
                // What needs no body would take effect for people: see the story of recent proofs.
                if *login != "partner-system" && ["enrol_authenticator", "remove_authenticator"].contains(&id) {
                    continue;
                }
                let answer = route.call_on_nothing(&town.client(login), commune);
                if *login == "partner-system" && OF_PERSONS.contains(&id) {
                    answer.refused(403, "STEP_UP_OF_PERSONS");
                } else if permits(operation, roles) {
                    assert!(!matches!(answer.status, 401 | 403), "{id} by {login}: {}", code(&answer));
                    if operation.access == Access::Members && route.parameters().is_empty() {
                        assert_eq!(answer.status, 200, "{id} by {login}");
                    }
                } else {
                    answer.refused(403, "ROLE_MISSING");
                }
            }
            // Those who hold nothing in the organisation: it is as if it did not exist.
            if route.names_an_organisation() && operation.access != Access::Open {
                let unknown = route.call_on_nothing(&outsider, nowhere).refused(404, "NOT_FOUND");
                let strangers = [&outsider, &neighbour.mayor, &neighbour.accountant, &neighbour.prefect];
                for client in strangers.into_iter().chain(&superiors) {
                    assert_eq!(told(&route.call_on_nothing(client, commune)), told(&unknown), "{id}");
                    tried += 1;
                }
                assert_eq!(told(&route.call_on_nothing(&town.client("mayor"), neighbour.id)), told(&unknown), "{id}");
            }
            if operation.access == Access::Platform {
                route.call_on_nothing(&outsider, commune).refused(403, "ROLE_MISSING");
            }
        }
        // A role that has ended opens nothing; a day before, it did.
        let members = routes().into_iter().filter(|route| route.operation.access == Access::Members).collect::<Vec<_>>();
        let open_to_the_passing = |route: &Route| route.call_on_nothing(&passing, commune).status == 200;
        assert!(members.iter().filter(|route| open_to_the_passing(route)).count() > 5);
        town.on("2025-02-04");
        for route in routes().iter().filter(|route| route.names_an_organisation() && route.operation.access != Access::Open) {
            route.call_on_nothing(&passing, commune).refused(404, "NOT_FOUND");
        }
        assert_eq!(rows(town), before, "nothing was stored");
        eprintln!("S1: {} operations, {tried} requests of those of other organisations, below and above", routes().len());
    }

    Stage::Open, fn ids_of_another_organisation_do_not_exist_under_ones_own(town) {
        let theirs = Ids::of_a_played_commune(town);
        let neighbour = Neighbour::settle(town);
        let before = rows(town);
        let mut tried = 0;
        for route in routes() {
            let operation = route.operation;
            if !route.names_an_organisation() || route.parameters().is_empty() {
                continue;
            }
            let stand_in = |name: &str| theirs.of_member(name).unwrap_or_else(|| panic!("teach this test an id for {name}"));
            let path = route.path(neighbour.id, stand_in);
            let admin = town.client("administrator");
            let answer = route.call(neighbour.who_may(operation).unwrap_or(&admin), &path);
            // A body that is not what the operation reads is refused before anything is looked for.
            let unread = operation.effect != Effect::Read && ["REQUEST_BODY_INVALID", "MEDIA_TYPE_UNSUPPORTED"].contains(&code(&answer).as_str());
            if !unread {
                answer.refused(404, "NOT_FOUND");
                tried += 1;
            }
        }
        assert!(tried > 20, "{tried}");
        assert_eq!(rows(town), before, "nothing was stored");
        // In bodies too: their line, their supplier, their orders.
        let commit = |client: &Client, path: &str, line: &str, supplier: &str| {
            let body = json!({ "budget_line_id": line, "supplier_id": supplier, "label": "x", "amount": "1", "currency": "XOF" });
            client.create(path, &body)
        };
        let line = town.line("F-D-60-602-01");
        commit(&neighbour.mayor, &neighbour.path("/commitments"), &line, &neighbour.supplier).refused(404, "NOT_FOUND");
        commit(&town.client("mayor"), &town.path("/commitments"), &line, &neighbour.supplier).refused(404, "NOT_FOUND");
        let dry = format!("{}?dry_run=true", town.path("/commitments"));
        commit(&town.client("mayor"), &dry, &line, &neighbour.supplier).refused(404, "NOT_FOUND");
        let orders = json!({ "payment_order_ids": [theirs.of_member("payment_order_id")], "total": "850000", "currency": "XOF" });
        neighbour.mayor.create(&neighbour.path("/payment-order-batches"), &orders).refused(404, "NOT_FOUND");
        assert_eq!(rows(town), before, "nothing was stored");
        commit(&town.client("mayor"), &town.path("/commitments"), &line, &town.supplier("SUP-0012")).expect(201);
    }

    Stage::Open, fn cursors_versions_and_keys_belong_to_those_who_got_them(town) {
        let neighbour = Neighbour::settle(town);
        let mayor = town.client("mayor");
        let next = mayor.get(&town.path("/suppliers?limit=1")).expect(200).text("/page/next");
        mayor.get(&town.path(&format!("/suppliers?limit=1&after={next}"))).expect(200);
        mayor.get(&town.path(&format!("/commitments?after={next}"))).refused(400, "CURSOR_INVALID");
        neighbour.mayor.get(&neighbour.path(&format!("/suppliers?after={next}"))).refused(400, "CURSOR_INVALID");
        // A version of another number is stale, whosever it was.
        let body = json!({ "active": true });
        let supplier = town.path(&format!("/suppliers/{}", town.supplier("SUP-0012")));
        let change = |etag: &str| {
            let key = Uuid::new_v4().to_string();
            let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str()), ("if-match", etag)];
            mayor.send("PATCH", &supplier, &headers, body.to_string().as_bytes())
        };
        let refusal = change("\"2-json\"").refused(412, "VERSION_STALE");
        assert_eq!(refusal.text("/facts/current_version"), "1");
        change("\"1-json\"").expect(200);
        change("\"1-json\"").refused(412, "VERSION_STALE");
        // The same key of two people of two communes is two keys.
        let key = Uuid::new_v4().to_string();
        let body = json!({ "code": "K-1", "name": "Fournisseur" });
        let ours = mayor.create_with_key(&town.path("/suppliers"), &key, &body).expect(201);
        let theirs = neighbour.mayor.create_with_key(&neighbour.path("/suppliers"), &key, &body).expect(201);
        assert_eq!(theirs.header("idempotency-replayed"), None);
        assert_ne!(ours.id(), theirs.id());
        // Somebody else's answer is not given to who guesses the key: first the role, then the key.
        neighbour.mayor.create_with_key(&town.path("/suppliers"), &key, &body).refused(404, "NOT_FOUND");
    }
}
