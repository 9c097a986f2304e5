//! The second wall between organisations: what PostgreSQL holds back by itself, when the finders' scopes are gone.

use std::collections::{BTreeMap, BTreeSet};

use db::connection::{Conn, Target};
use db::fault::Fault;
use db::store::{Sizes, Store};
use db::wall::beyond;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use serde_json::{Value, json};
use uuid::Uuid;

use super::isolation::{ids_in, twin};
use super::{Ids, assign, newcomer, rows};
use crate::harness::town::Annex;
use crate::harness::{Answer, Client, Stage, Town};
use crate::status::{Draft, drafts, owner};

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    owned: bool,
    #[diesel(sql_type = Bool)]
    walled: bool,
}

/// The tables of a database, whether organisations own their rows, and whether the wall is before them.
fn tables(conn: &mut Conn) -> Vec<Table> {
    let Conn::Pg(conn) = conn else { return Vec::new() };
    diesel::sql_query(
        "SELECT c.relname::text AS name, EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organisation_id') \
         AS owned, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid \
         AND p.polcmd = '*') AS walled FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace \
         AND c.relname NOT LIKE '\\_\\_%' ORDER BY c.relname",
    )
    .load(conn)
    .expect("the catalogue answers")
}

/// The tables that no wall is before, each with the reason.
fn declared() -> BTreeMap<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../db/unwalled.csv");
    let mut reader = csv::Reader::from_path(path).expect("the declaration");
    let rows = reader.records().map(|row| row.expect("a row"));
    rows.map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
}

/// What is wrong with the walls of a database.
fn gaps(tables: &[Table], declared: &BTreeMap<String, String>) -> Vec<String> {
    let mut gaps = Vec::new();
    for table in tables {
        match (table.owned, declared.contains_key(&table.name)) {
            (true, true) => gaps.push(format!("{} is declared unwalled, and has an organisation_id", table.name)),
            (true, false) if !table.walled => gaps.push(format!("{} has an organisation_id, and no wall", table.name)),
            (false, false) => gaps.push(format!("{} has no organisation_id: db/unwalled.csv does not say why", table.name)),
            _ => {}
        }
    }
    let known: BTreeSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    gaps.extend(declared.keys().filter(|name| !known.contains(name.as_str())).map(|name| format!("{name} is declared, but is gone")));
    gaps
}

fn number(conn: &mut Conn, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let query = format!("SELECT ({query})::bigint AS number");
    let found: Number = db::on_engine!(conn, |inner| diesel::sql_query(query).get_result(inner)).expect("a number");
    found.number
}

#[test]
fn every_table_of_organisations_is_behind_the_second_wall_and_every_other_says_why_not() {
    let Some(town) = Town::on_postgresql(Stage::Open) else { return };
    let (mut conn, declared) = (town.connection(), declared());
    assert!(declared.values().all(|reason| !reason.is_empty()));
    let live = tables(&mut conn);
    assert_eq!(gaps(&live, &declared), Vec::<String>::new());
    // A new table is noticed, and covered by itself when the guards are applied again.
    conn.batch_execute("CREATE TABLE tampered (id BIGINT); CREATE TABLE novelties (organisation_id uuid, id uuid)").expect("new tables");
    assert_eq!(gaps(&tables(&mut conn), &declared).len(), 2);
    db::connection::migrate(&mut conn).expect("the guards");
    assert_eq!(gaps(&tables(&mut conn), &declared).len(), 1, "one has no organisation_id");

    let owned: Vec<&str> = live.iter().filter(|table| table.owned).map(|table| table.name.as_str()).collect();
    assert!(owned.len() > 100, "{owned:?}");
    let ours = town.commune_id();
    conn.batch_execute("BEGIN; SET LOCAL ROLE sigida_service").expect("the role of the service");
    for table in &owned {
        assert_eq!(number(&mut conn, &format!("SELECT COUNT(*) FROM {table}")), 0, "{table}: nobody was named");
    }
    conn.batch_execute(&format!("SET LOCAL sigida.organisations = '{ours}'")).expect("named");
    let mut seen = 0;
    for table in &owned {
        seen += number(&mut conn, &format!("SELECT COUNT(*) FROM {table}"));
        assert_eq!(number(&mut conn, &format!("SELECT COUNT(*) FROM {table} WHERE organisation_id <> '{ours}'")), 0, "{table}");
    }
    assert!(seen > 100, "{seen} rows of one's own");
    // Nor is anything changed, added or moved beyond it.
    let platform = domain::id::OrganisationId::platform();
    let others = format!("UPDATE role_assignments SET version = version WHERE organisation_id = '{platform}'");
    let Conn::Pg(pg) = &mut conn else { unreachable!("on PostgreSQL") };
    assert_eq!(diesel::sql_query(others).execute(pg).expect("an update"), 0);
    for refused in [
        format!("UPDATE suppliers SET organisation_id = '{platform}'"),
        format!("INSERT INTO audit_heads (organisation_id, sequence, hash) VALUES ('{}', 0, '\\x00')", Uuid::new_v4()),
        "ALTER TABLE suppliers DISABLE ROW LEVEL SECURITY".to_owned(),
        "UPDATE __diesel_schema_migrations SET version = version".to_owned(),
    ] {
        let error = pg.batch_execute(&format!("SAVEPOINT try; {refused}")).expect_err(&refused).to_string();
        assert!(error.contains("row-level security") || error.contains("permission denied") || error.contains("must be owner"), "{error}");
        pg.batch_execute("ROLLBACK TO SAVEPOINT try").expect("goes on");
    }
    assert!(diesel::sql_query("UPDATE suppliers SET version = version").execute(pg).expect("one's own") > 0);
    pg.batch_execute("ROLLBACK").expect("undone");
}

#[test]
fn a_transaction_sees_the_idempotency_keys_of_those_it_named() {
    let Some(town) = Town::on_postgresql(Stage::Open) else { return };
    let (mut conn, mayor, admin) = (town.connection(), town.person("mayor"), town.person("administrator"));
    let all = "SELECT COUNT(*) FROM idempotency_keys";
    let of = |who| format!("{all} WHERE principal_id = '{who}'");
    let [everybodys, mayors, admins] = [all.to_owned(), of(mayor), of(admin)].map(|query| number(&mut conn, &query));
    assert!(mayors > 0 && admins > 0 && everybodys > mayors + admins, "{everybodys} keys, {mayors} and {admins} of two of them");
    conn.batch_execute("BEGIN; SET LOCAL ROLE sigida_service").expect("the role of the service");
    assert_eq!(number(&mut conn, all), 0);
    for (named, seen) in [(mayor.to_string(), mayors), (format!("{admin},{mayor}"), mayors + admins)] {
        conn.batch_execute(&format!("SET LOCAL sigida.principals = '{named}'")).expect("named");
        assert_eq!(number(&mut conn, all), seen, "{named}");
    }
    conn.batch_execute("ROLLBACK").expect("undone");
    // What a session keeps of the name shows nothing to who comes next.
    conn.batch_execute("BEGIN; SET LOCAL ROLE sigida_service").expect("the role of the service");
    assert_eq!(number(&mut conn, all), 0);
    conn.batch_execute("ROLLBACK").expect("undone");
    // A key used in one organisation is still known in another.
    let key = Uuid::new_v4().to_string();
    let client = town.client("administrator");
    let organisation = |code: &str| json!({ "kind": "partner", "code": code, "name": "Partenaire", "currency": "XOF", "fictional": true });
    let id = client.create("/v1/organisations", &organisation("P-1")).expect(201).id();
    let body = json!({ "principal_id": newcomer(&town, "awa"), "role": "auditor", "valid_from": "2025-01-01" });
    let at = |organisation: Uuid| client.create_with_key(&format!("/v1/organisations/{organisation}/role-assignments"), &key, &body);
    at(town.commune_id()).expect(201);
    at(id).refused(422, "IDEMPOTENCY_KEY_REUSED");
}

#[test]
fn who_looked_beyond_the_wall_sees_no_further_afterwards() {
    let Some(town) = Town::on_postgresql(Stage::Gathered) else { return };
    let (mut conn, ours) = (town.connection(), town.commune_id());
    let begin = format!("BEGIN; SET LOCAL ROLE sigida_service; SET LOCAL sigida.organisations = '{ours}'");
    let others = |conn: &mut Conn| number(conn, &format!("SELECT COUNT(*) FROM role_assignments WHERE organisation_id <> '{ours}'"));
    conn.batch_execute(&begin).expect("begins");
    assert_eq!(others(&mut conn), 0);
    let look = |conn: &mut Conn| {
        let before = others(conn);
        beyond(conn, |_| Ok(()))?;
        Ok((before, others(conn)))
    };
    let (before, after) = beyond(&mut conn, look).expect("seen");
    assert!(before > 0 && after == before, "a look within a look ends with the outer one");
    assert_eq!(others(&mut conn), 0);
    beyond(&mut conn, |_| Err::<(), _>(Fault::Missing)).expect_err("refused");
    assert_eq!(others(&mut conn), 0);
    // What the database refuses ends the transaction, or goes back to where it was.
    conn.batch_execute("SAVEPOINT job").expect("a savepoint");
    beyond(&mut conn, |conn| Ok(conn.batch_execute("SELECT nothing")?)).expect_err("refused by the database");
    conn.batch_execute("ROLLBACK TO SAVEPOINT job").expect("goes on");
    assert_eq!(others(&mut conn), 0);
    // After a look that fell, the next is as good.
    let fell =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| beyond(&mut conn, |_| -> Result<(), Fault> { panic!("a look falls") })));
    assert!(fell.is_err());
    conn.batch_execute(&format!("ROLLBACK; {begin}")).expect("begins anew");
    assert_eq!(beyond(&mut conn, |conn| Ok(others(conn))).expect("seen"), before);
    assert_eq!(others(&mut conn), 0);
}

/// Every row of a commune, as one text.
fn picture(conn: &mut Conn, organisation: &str) -> BTreeMap<String, String> {
    #[derive(QueryableByName)]
    struct Picture {
        #[diesel(sql_type = Text)]
        picture: String,
    }
    let owned: Vec<String> = tables(conn).into_iter().filter(|table| table.owned).map(|table| table.name).collect();
    let Conn::Pg(conn) = conn else { return BTreeMap::new() };
    let of = |table: String| {
        let query = format!(
            "SELECT COALESCE(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS picture FROM {table} t WHERE organisation_id = '{organisation}'"
        );
        let found: Picture = diesel::sql_query(query).get_result(conn).expect("a picture");
        (table, found.picture)
    };
    owned.into_iter().map(of).collect()
}

/// A request that names what belongs to the other commune, the same with what is nobody's, and where it stands.
struct Probe {
    theirs: Draft,
    nobodys: Draft,
    place: String,
}

fn anew(draft: Draft) -> Draft {
    if draft.headers.contains_key("idempotency-key") { draft.with("idempotency-key", &Uuid::new_v4().to_string()) } else { draft }
}

/// Every request of one commune with each thing in its path or body replaced by the other's.
fn probes(ours: &[Draft], others: &Ids) -> Vec<Probe> {
    let mut probes = Vec::new();
    let foreign = |name: &str| others.of_its_own(name).filter(|id| Uuid::parse_str(id).is_ok());
    for draft in ours.iter().filter(|draft| draft.places().contains(&"organisation_id")) {
        for place in draft.places().into_iter().filter(|place| *place != "organisation_id") {
            let Some(id) = foreign(owner(&draft.pattern, place)) else { continue };
            let with = |id: &str| anew(draft.clone().at(|name| (name == place).then(|| id.to_owned())));
            let nobodys = with(&Uuid::new_v4().to_string());
            probes.push(Probe { theirs: with(&id), nobodys, place: place.to_owned() });
        }
        let Ok(body) = serde_json::from_slice::<Value>(&draft.body) else { continue };
        let mut found = Vec::new();
        ids_in(&body, "", "", &mut found);
        for (pointer, name) in found {
            let Some(id) = foreign(&name) else { continue };
            let with = |id: &str| {
                let mut changed = body.clone();
                *changed.pointer_mut(&pointer).expect("found there") = json!(id);
                anew(draft.clone().saying(changed.to_string()))
            };
            let nobodys = with(&Uuid::new_v4().to_string());
            probes.push(Probe { theirs: with(&id), nobodys, place: pointer });
        }
    }
    probes
}

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, if answer.status < 400 { String::new() } else { answer.text("/code") })
}

/// What a server lets through: requests that find what belongs to the other commune, and answers that show it.
fn breaches(town: &Town, annex: &Annex, ours: &[Draft], others: &Ids) -> Vec<String> {
    let mut breaches = Vec::new();
    let client = |draft: &Draft| annex.client(Some(town.token_of(town.person(draft.login)))).unheard();
    for Probe { theirs, nobodys, place } in probes(ours, others) {
        let (found, missed) = (told(&theirs.send(&client(&theirs))), told(&nobodys.send(&client(&nobodys))));
        if found != missed {
            breaches.push(format!("{}: {place} of the other commune is answered {found:?}, nobody's {missed:?}", theirs.id()));
        }
    }
    let foreign = others.all_its_own();
    for draft in ours.iter().filter(|draft| draft.method == "GET" && draft.places().contains(&"organisation_id")) {
        let answer = draft.send(&client(draft));
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        breaches.extend(foreign.iter().filter(|id| text.contains(*id)).map(|id| format!("{}: shows {id}", draft.id())));
    }
    breaches
}

/// A town of two communes that have all there is, with requests for the one, and the things of the other.
fn two_communes(mut town: Town) -> (Town, Vec<Draft>, Ids) {
    let others = Ids::of_a_played_commune(&town);
    let twin = twin(&town);
    town.move_to(twin);
    let ours = Ids::of_a_played_commune(&town);
    let drafts = drafts(&town, &ours);
    (town, drafts, others)
}

fn without_first_wall(town: &Town) -> Annex {
    town.annex_on(Store::open_without_first_wall(town.target(), Sizes::default()).expect("the store opens"))
}

/// Takes the second wall down.
fn open_all_tables(conn: &mut Conn) {
    for table in tables(conn).into_iter().filter(|table| table.owned) {
        conn.batch_execute(&format!("ALTER TABLE {} DISABLE ROW LEVEL SECURITY", table.name)).expect("open");
    }
}

/// How many breaches there are where no wall stands, at least: else the probes find nothing.
const NOTICED: usize = 200;

#[test]
fn without_the_first_wall_the_second_holds_and_without_both_nothing_does_on_postgresql() {
    let Some(town) = Town::on_postgresql(Stage::Open) else { return };
    let (town, ours, others) = two_communes(town);
    let mut conn = town.connection();
    let their_id = others.of_member("organisation_id").expect("an id");
    let (before, counted) = (picture(&mut conn, &their_id), rows(&town));
    let annex = without_first_wall(&town);
    assert_eq!(breaches(&town, &annex, &ours, &others), Vec::<String>::new());
    assert_eq!((picture(&mut conn, &their_id), rows(&town)), (before, counted), "nothing was changed");
    drop(annex);
    conn.batch_execute("CREATE TABLE tampered (id BIGINT)").expect("a mark");
    open_all_tables(&mut conn);
    let noticed = breaches(&town, &without_first_wall(&town), &ours, &others);
    eprintln!("{} probes, {} breaches with no wall", probes(&ours, &others).len(), noticed.len());
    assert!(noticed.len() > NOTICED, "{noticed:#?}");
}

#[test]
fn without_the_first_wall_nothing_holds_on_sqlite() {
    let (town, ours, others) = two_communes(Town::on_sqlite(Stage::Open));
    town.connection().batch_execute("CREATE TABLE tampered (id BIGINT)").expect("a mark");
    let noticed = breaches(&town, &without_first_wall(&town), &ours, &others);
    eprintln!("{} probes, {} breaches with no wall", probes(&ours, &others).len(), noticed.len());
    assert!(noticed.len() > NOTICED, "{noticed:#?}");
}

/// Organisations with an auditor and one supplier each.
fn many(town: &Town, count: usize) -> Vec<(Uuid, String, Client)> {
    let admin = town.client("administrator");
    let one = |index: usize| {
        let body = json!({ "kind": "partner", "code": format!("P-{index}"), "name": format!("Partenaire {index}"), "currency": "XOF", "fictional": true });
        let id = admin.create("/v1/organisations", &body).expect(201).id();
        let [buyer, auditor] = [("buyer", "finance_officer"), ("reader", "auditor")].map(|(name, role)| {
            let person = newcomer(town, &format!("{name}-{index}"));
            assign(town, id, person, role, "2025-01-01", None).expect(201);
            person
        });
        let body = json!({ "code": format!("S-{index}"), "name": format!("Fournisseur {index}") });
        let supplier = town.client_of(buyer).create(&format!("/v1/organisations/{id}/suppliers"), &body).expect(201).text("/id");
        (id, supplier, town.client_of(auditor))
    };
    (0..count).map(one).collect()
}

/// Many read on few connections, without the first wall: each is shown their own and nothing else. Gives how many were answered.
pub fn interleaved(town: &Town, target: &Target, organisations: usize, rounds: usize) -> usize {
    let many = many(town, organisations);
    let sizes = Sizes { readers: 2, lanes: 2, ..Sizes::default() };
    let annex = town.annex_on(Store::open_without_first_wall(target, sizes).expect("the store opens"));
    std::thread::scope(|threads| {
        let read = |(index, (id, supplier, client)): (usize, &(Uuid, String, Client))| {
            let (annex, id, supplier, token) = (&annex, *id, supplier.clone(), client.token().map(str::to_owned));
            threads.spawn(move || {
                let client = annex.client(token).unheard();
                for round in 0..rounds {
                    let rows = client.get(&format!("/v1/organisations/{id}/suppliers")).expect(200).json()["data"].clone();
                    let ids: Vec<&Value> = rows.as_array().expect("rows").iter().map(|row| &row["id"]).collect();
                    assert_eq!(ids, [&json!(supplier)], "{index}, round {round}");
                }
                rounds
            })
        };
        let readers: Vec<_> = many.iter().enumerate().map(read).collect();
        readers.into_iter().map(|reader| reader.join().expect("a reader")).sum()
    })
}

#[test]
fn many_organisations_on_two_connections_see_their_own() {
    let Some(town) = Town::on_postgresql(Stage::Gathered) else { return };
    town.on("2025-02-03");
    assert_eq!(interleaved(&town, town.target(), 20, 50), 1_000);
}
