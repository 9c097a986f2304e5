//! Two communes with the same people at work in both: what belongs to one cannot be named in the other, neither in a path, a
//! body, a parameter or a header, and trying changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use api::access::{Effect, Operation};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::connection::Conn;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Ids, reader, routes, rows_in};
use crate::contract::Contract;
use crate::harness::{Answer, Asked, Client, Rehearsal, Stage, Town, witness};
use crate::status::{Draft, drafts};

/// Tries, before each write that succeeds in the one commune, the same with one thing in it that is the other's or nobody's.
struct Wall {
    contract: Contract,
    conn: Mutex<Conn>,
    theirs: Mutex<Option<Ids>>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// The last key that took effect, by who used it in the other commune.
    keys: BTreeMap<String, String>,
    /// What went wrong before a write of which it is not known yet whether it succeeds.
    pending: Vec<String>,
    wrong: Vec<String>,
    rehearsed: BTreeSet<&'static str>,
    tried: usize,
}

/// Whose token it is.
fn subject(client: &Client) -> String {
    let token = client.token().unwrap_or_default();
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    serde_json::from_slice::<Value>(&claims).map_or_else(|_| String::new(), |claims| claims["sub"].to_string())
}

/// The ids in a body: where each stands, and what its member is called.
pub fn ids_in(body: &Value, at: &str, name: &str, found: &mut Vec<(String, String)>) {
    match body {
        Value::Object(members) => members.iter().for_each(|(name, member)| ids_in(member, &format!("{at}/{name}"), name, found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| ids_in(item, &format!("{at}/{index}"), name, found)),
        Value::String(_) if name.ends_with("_id") || name.ends_with("_ids") => found.push((at.to_owned(), name.to_owned())),
        _ => {}
    }
}

/// A request with one thing changed, and how it is refused.
struct Attempt {
    /// Where: a JSON Pointer into the body, or the name of a parameter of the path or of a header.
    place: String,
    what: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    /// With which status and code; where none is told, with any.
    refusal: Option<(u16, &'static str)>,
}

impl Attempt {
    fn is_refused(&self, answer: &Answer) -> bool {
        answer.status >= 400 && self.refusal.is_none_or(|(status, code)| answer.status == status && answer.text("/code") == code)
    }
}

const MISSING: Option<(u16, &str)> = Some((404, "NOT_FOUND"));

impl Wall {
    fn operation(asked: &Asked<'_>) -> Option<(&'static Operation, &'static str)> {
        let pattern = witness::path_of(asked.method, asked.path)?;
        let route = routes().into_iter().find(|route| route.method == asked.method && route.pattern == pattern)?;
        Some((route.operation, pattern))
    }

    /// Makes the same again under the id that it got, where its caller may choose that; all else is new as far as can be.
    fn take_an_id_twice(&self, operation: &Operation, pattern: &str, client: &Client, asked: &Asked<'_>, made: &Answer) {
        let described = &self.contract.0["paths"][pattern][asked.method.to_lowercase()];
        let schema = self.contract.resolve(&described["requestBody"]["content"]["application/json"]["schema"]);
        let Ok(Value::Object(mut body)) = serde_json::from_slice::<Value>(asked.body) else { return };
        if !schema["properties"]["id"].is_object() {
            return;
        }
        for (name, member) in &mut body {
            let free = schema["properties"][name]["$ref"].as_str().is_some_and(|of| of.contains("/Text"));
            if let Some(text) = member.as_str().filter(|_| free) {
                *member = json!(format!("{text}-2"));
            }
        }
        body.insert("id".to_owned(), made.json()["id"].clone());
        let mut headers: BTreeMap<&str, String> = asked.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.insert("idempotency-key", Uuid::new_v4().to_string());
        if let Some(version) = headers.get_mut("if-match")
            && let Some((resource, _)) = asked.path.rsplit_once('/')
        {
            *version = client.get(resource).expect(200).etag();
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let twice = client.send(asked.method, asked.path, &headers, json!(body).to_string().as_bytes());
        assert!((400..500).contains(&twice.status), "{}: an id that is taken was answered {}", operation.id, twice.status);
    }

    /// Everything that can be wrong with a request in one place.
    fn attempts(&self, operation: &Operation, pattern: &str, asked: &Asked<'_>, theirs: &Ids, key: Option<&String>) -> Vec<Attempt> {
        let headers: BTreeMap<String, String> =
            asked.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut attempts = Vec::new();
        let mut attempt = |place: &str, what: &str, path: &str, header: Option<(&str, &str)>, body: &[u8], refusal| {
            let mut headers = headers.clone();
            headers.insert("idempotency-key".to_owned(), Uuid::new_v4().to_string());
            headers.extend(header.map(|(name, value)| (name.to_owned(), value.to_owned())));
            attempts.push(Attempt {
                place: place.to_owned(),
                what: what.to_owned(),
                path: path.to_owned(),
                headers,
                body: body.to_vec(),
                refusal,
            });
        };
        let (path, query) = asked.path.split_once('?').map_or((asked.path, String::new()), |(path, query)| (path, format!("?{query}")));
        // Every commune has its year.
        let places = pattern.split('/').filter(|segment| segment.starts_with('{') && *segment != "{year}").count();
        for (index, name) in pattern.split('/').enumerate() {
            let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else { continue };
            // Where nothing else is named, what is made there is made in the other commune, rightly.
            if name == "organisation_id" && places == 1 {
                continue;
            }
            let nobody = if name == "year" { "1999".to_owned() } else { Uuid::new_v4().to_string() };
            let foreign = theirs.of_its_own(name).filter(|_| name != "year");
            // In the other commune the same people may do the same: what else is named is not found there, if nothing stands before.
            let refusal = if name == "organisation_id" { None } else { MISSING };
            for other in foreign.into_iter().chain([nobody]) {
                let mut segments: Vec<&str> = path.split('/').collect();
                segments[index] = &other;
                attempt(name, &other, &(segments.join("/") + &query), None, asked.body, refusal);
            }
        }
        if let Ok(body) = serde_json::from_slice::<Value>(asked.body) {
            let mut found = Vec::new();
            ids_in(&body, "", "", &mut found);
            for (pointer, name) in found {
                // The creditor is named again, by whom else does not matter.
                let creditor = (name == "payee_id").then_some(Some((422, "PAYMENT_PAYEE_MISMATCH")));
                // Whether a person or an organisation may be named is told by the rules of each operation.
                let refusal = creditor.unwrap_or(if theirs.of_its_own(&name).is_some() { MISSING } else { None });
                for other in theirs.of_its_own(&name).into_iter().chain([Uuid::new_v4().to_string()]) {
                    let mut changed = body.clone();
                    *changed.pointer_mut(&pointer).expect("found there") = json!(other);
                    attempt(&pointer, &other, asked.path, None, changed.to_string().as_bytes(), refusal);
                }
            }
        }
        if operation.effect == Effect::Act {
            attempt(
                "if-match",
                "another version",
                asked.path,
                Some(("if-match", "\"999999-json\"")),
                asked.body,
                Some((412, "VERSION_STALE")),
            );
        }
        if let (Effect::Act | Effect::Create, Some(key)) = (operation.effect, key) {
            let header = Some(("idempotency-key", key.as_str()));
            attempt(
                "idempotency-key",
                "a key used in the other commune",
                asked.path,
                header,
                asked.body,
                Some((422, "IDEMPOTENCY_KEY_REUSED")),
            );
        }
        attempts
    }
}

impl Rehearsal for Wall {
    fn before(&self, client: &Client, asked: Asked<'_>) {
        let theirs = self.theirs.lock().expect("one at a time").clone();
        let (Some(theirs), Some((operation, pattern))) = (theirs, Self::operation(&asked)) else { return };
        let mut notes = self.notes.lock().expect("one at a time");
        notes.pending.clear();
        if notes.rehearsed.contains(operation.id) || !pattern.contains("{organisation_id}") {
            return;
        }
        let mut conn = self.conn.lock().expect("one at a time");
        let before = rows_in(&mut conn);
        for attempt in self.attempts(operation, pattern, &asked, &theirs, notes.keys.get(&subject(client))) {
            let headers: Vec<(&str, &str)> = attempt.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let answer = client.send(asked.method, &attempt.path, &headers, &attempt.body);
            let code = if answer.status < 400 { String::new() } else { answer.text("/code") };
            notes.tried += 1;
            assert!(answer.status >= 400, "{}: {} at {} was answered {}", operation.id, attempt.what, attempt.place, answer.status);
            if !attempt.is_refused(&answer) {
                let Attempt { place, what, .. } = attempt;
                notes.pending.push(format!("{}: {what} at {place} was answered {} {code}", operation.id, answer.status));
            }
        }
        if rows_in(&mut conn) != before {
            notes.pending.push(format!("{}: something was stored", operation.id));
        }
    }

    fn after(&self, client: &Client, asked: Asked<'_>, answer: &Answer) {
        let Some((operation, pattern)) = Self::operation(&asked).filter(|_| answer.status < 300) else { return };
        let key = asked.headers.iter().find(|(name, _)| *name == "idempotency-key").map(|(_, key)| (*key).to_owned());
        let dry = asked.path.contains("dry_run=true");
        let mut notes = self.notes.lock().expect("one at a time");
        if self.theirs.lock().expect("one at a time").is_none() {
            notes.keys.extend(key.filter(|_| !dry).map(|key| (subject(client), key)));
            return;
        }
        let pending = std::mem::take(&mut notes.pending);
        notes.wrong.extend(pending);
        if notes.rehearsed.insert(operation.id) && matches!(operation.effect, Effect::Create | Effect::Act) && !dry {
            let again = client.send(asked.method, asked.path, asked.headers, asked.body);
            let replayed = again.header("idempotency-replayed") == Some("true");
            if !replayed || (again.status, &again.bytes) != (answer.status, &answer.bytes) {
                notes.wrong.push(format!("{}: was not replayed, but answered {}", operation.id, again.status));
            }
            self.take_an_id_twice(operation, pattern, client, &asked, answer);
        }
    }
}

/// Founds a second commune under the same supervision, where everybody has the roles that they have in the first.
pub fn twin(town: &Town) -> Uuid {
    let admin = town.client("administrator");
    let first = admin.get(&format!("/v1/organisations/{}", town.commune_id())).expect(200).json();
    let unit = town.stranger().get("/v1/territorial-units?level=commune&limit=1").expect(200).text("/data/0/id");
    let body = json!({
        "kind": "commune", "code": "ML-C02", "name": "Commune jumelle", "territorial_unit_id": unit, "currency": "XOF", "fictional": true,
        "supervisor_id": first["supervisor_id"], "treasury_post_id": first["treasury_post_id"],
    });
    let twin = admin.create("/v1/organisations", &body).expect(201).id();
    let held = admin.get(&town.path("/role-assignments")).expect(200).json();
    for row in held["data"].as_array().expect("rows").iter().filter(|row| row["role"] != "authorising_delegate") {
        let mut body = json!({});
        for member in ["principal_id", "role", "seat_id", "valid_from"] {
            body[member] = row[member].clone();
        }
        admin.create(&format!("/v1/organisations/{twin}/role-assignments"), &body).expect(201);
    }
    twin
}

/// Tries what no story did: what is the other's is refused as what is nobody's.
fn ask_writes(town: &Town, wall: &Wall, ours: &[Draft], others: &Ids, notes: &mut Notes) -> usize {
    let mut conn = wall.conn.lock().expect("one at a time");
    let (before, mut asked) = (rows_in(&mut conn), 0);
    let untried = |draft: &&Draft| matches!(draft.operation.effect, Effect::Create | Effect::Act) && !notes.rehearsed.contains(draft.id());
    let untried: Vec<&Draft> = ours.iter().filter(untried).filter(|draft| draft.places().contains(&"organisation_id")).collect();
    for draft in untried {
        let headers: Vec<(&str, &str)> = draft.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = Asked { method: &draft.method, path: &draft.path, headers: &headers, body: &draft.body };
        let mut told = BTreeMap::<String, BTreeSet<(u16, String)>>::new();
        for attempt in wall.attempts(draft.operation, &draft.pattern, &request, others, None) {
            let headers: Vec<(&str, &str)> = attempt.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let answer = town.client(draft.login).send(&draft.method, &attempt.path, &headers, &attempt.body);
            let code = if answer.status < 400 { String::new() } else { answer.text("/code") };
            let exact = !attempt.place.starts_with('/');
            if answer.status < 400 || (exact && !attempt.is_refused(&answer)) {
                let Attempt { place, what, .. } = &attempt;
                notes.wrong.push(format!("{}: {what} at {place} was answered {} {code}", draft.id(), answer.status));
            }
            if !exact {
                told.entry(attempt.place).or_default().insert((answer.status, code));
            }
            asked += 1;
        }
        notes
            .wrong
            .extend(told.iter().filter(|(_, told)| told.len() > 1).map(|(place, told)| format!("{}: {place} tells {told:?}", draft.id())));
    }
    if rows_in(&mut conn) != before {
        notes.wrong.push("something was stored".to_owned());
    }
    asked
}

/// Asks every list of one commune for what belongs to another thing of the other, and to go on where a list of the other's ended.
fn ask_lists(town: &Town, ours: &[Draft], theirs: &[Draft], others: &Ids, wrong: &mut Vec<String>) -> (usize, usize) {
    let (mut filters, mut cursors) = (0, 0);
    for (ours, theirs) in ours.iter().zip(theirs).filter(|(ours, _)| ours.names(406)) {
        let client = town.client(reader(ours.id()));
        for parameter in ours.described["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name");
            let Some(foreign) = others.of_its_own(name).filter(|_| name.ends_with("_id") && ours.places().contains(&"organisation_id"))
            else {
                continue;
            };
            let answer = ours.clone().asking(&format!("{name}={foreign}")).send(&client);
            let nobodys = ours.clone().asking(&format!("{name}={}", Uuid::new_v4())).send(&client);
            let told = |answer: &Answer| (answer.status, answer.json()["data"].clone(), answer.json()["code"].clone());
            if told(&answer) != told(&nobodys) || answer.json()["data"].as_array().is_some_and(|rows| !rows.is_empty()) {
                wrong.push(format!("{}: {name} of the other commune was answered {:?}", ours.id(), told(&answer)));
            }
            filters += 1;
        }
        let next = theirs.clone().asking("limit=1").send(&client).json()["page"]["next"].clone();
        if let Some(next) = next.as_str().filter(|_| ours.path != theirs.path) {
            let answer = ours.clone().asking(&format!("limit=1&after={next}")).send(&client);
            if answer.status != 400 || answer.text("/code") != "CURSOR_INVALID" {
                wrong.push(format!("{}: the cursor of the other commune was answered {}", ours.id(), answer.status));
            }
            cursors += 1;
        }
    }
    (filters, cursors)
}

fn nothing_of_one_commune_is_known_in_another(mut town: Town) {
    let wall = Arc::new(Wall {
        contract: Contract::read(),
        conn: Mutex::new(town.connection()),
        theirs: Mutex::default(),
        notes: Mutex::default(),
    });
    town.rehearse(Some(Arc::clone(&wall) as Arc<dyn Rehearsal>));
    let others = Ids::of_a_played_commune(&town);
    let theirs = drafts(&town, &others);
    let twin = twin(&town);
    town.rehearse(None);
    town.move_to(twin);
    *wall.theirs.lock().expect("one at a time") = Some(others.clone());
    town.rehearse(Some(Arc::clone(&wall) as Arc<dyn Rehearsal>));
    let ours = Ids::of_a_played_commune(&town);
    town.rehearse(None);
    let (own, ours) = (ours.clone(), drafts(&town, &ours));
    let mut notes = wall.notes.lock().expect("one at a time");
    let (filters, cursors) = ask_lists(&town, &ours, &theirs, &others, &mut notes.wrong);
    let (tried, rehearsed) = (notes.tried, notes.rehearsed.len());
    let others = ask_writes(&town, &wall, &ours, &others, &mut notes);
    eprintln!("{tried} attempts before {rehearsed} writes, {others} at others, {filters} filters, {cursors} cursors");
    assert!(rehearsed > 50 && tried > 200 && filters > 30 && cursors > 10, "the communes were played");
    assert!(notes.wrong.is_empty(), "{}", notes.wrong.join("\n"));
    // Had the other commune's things been found, as one's own are, that would have been noticed.
    let mut noticed = Vec::new();
    ask_lists(&town, &ours, &theirs, &own, &mut noticed);
    assert!(noticed.len() > 5, "{noticed:?}");
}

#[test]
fn nothing_of_one_commune_is_known_in_another_on_sqlite() {
    nothing_of_one_commune_is_known_in_another(Town::on_sqlite(Stage::Open));
}

#[test]
fn nothing_of_one_commune_is_known_in_another_on_postgresql() {
    if let Some(town) = Town::on_postgresql(Stage::Open) {
        nothing_of_one_commune_is_known_in_another(town);
    }
}
