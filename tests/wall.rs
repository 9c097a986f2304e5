//! The second wall between organisations as its operator sets it up, and behind a pooler.

use std::collections::BTreeSet;

use db::connection::{Conn, Target};
use db::store::{Sizes, Store};
use db::wall::Standing;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};

use crate::harness::acknowledged::Desk;
use crate::harness::pooler::{CONNECTIONS, Pooler};
use crate::harness::postgres::Cluster;
use crate::harness::program::Place;
use crate::harness::{Stage, Town, town};

/// What `sigida serve` says of the wall at its start.
fn said_at_start(url: &str) -> String {
    let place = Place::new().with("SIGIDA_DATABASE_URL", url);
    let (code, said) = place.serve_ready().terminate();
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.to_lowercase().contains("second wall")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    lines[0].to_owned()
}

#[test]
fn whatever_role_the_operator_gave_the_service_works_and_says_which_wall_stands() {
    let Some(cluster) = Cluster::durable() else { return };
    let Ok(mut root) = Target::Postgres(cluster.url("postgres")).connect(false) else { panic!("the server answers") };
    let mut ask = |text: &str| root.batch_execute(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    ask("CREATE ROLE town LOGIN");
    ask("CREATE DATABASE books OWNER town");
    let url = |login: &str| cluster.url("books").replace("postgres@", &format!("{login}@"));
    let migrate = || {
        let ended = Place::new().with("SIGIDA_DATABASE_URL", &url("town")).run(&["migrate"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    // One role and no more: the wall is before the owner too, who could take it down.
    assert!(migrate().contains("town owns the tables"));
    let said = said_at_start(&url("town"));
    assert!(said.contains(" WARN ") && said.contains("stands, but town owns the tables"), "{said}");
    // A superuser is before no wall while there is nobody else to be.
    let said = said_at_start(&url("postgres"));
    assert!(said.contains(" WARN ") && said.contains("IS DOWN (postgres is a superuser"), "{said}");
    // The two lines of the documentation.
    ask("CREATE ROLE sigida_service NOLOGIN");
    ask("GRANT sigida_service TO town");
    // Not granted anything yet, it is no use.
    assert!(said_at_start(&url("town")).contains("town owns the tables"));
    assert!(!migrate().contains("Note:"));
    let verified = Place::new().with("SIGIDA_DATABASE_URL", &url("town")).run(&["verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    // A login of its own.
    ask("CREATE ROLE web LOGIN IN ROLE sigida_service");
    for login in ["town", "postgres", "web"] {
        let said = said_at_start(&url(login));
        assert!(said.contains(" INFO ") && said.contains("stands: the service works as sigida_service"), "{login}: {said}");
    }
    // The owner's backup is whole, though the wall is before the owner.
    ask("CREATE DATABASE again OWNER town");
    let folder = Place::new();
    let copy = folder.path("books.dump");
    let run = |name: &str, url: &str| {
        let ended = crate::backup::script(name, &cluster, url, &copy);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    run("postgresql-backup.sh", &url("town"));
    let again = url("town").replace("/books", "/again");
    assert_eq!(run("postgresql-restore.sh", &again).trim(), verified.out.trim());
    // Grants are not in it.
    assert!(said_at_start(&again).contains("town owns the tables"));
    // Somebody opened a table.
    let mut books = Target::Postgres(cluster.url("books")).connect(false).expect("a connection");
    books.batch_execute("ALTER TABLE suppliers NO FORCE ROW LEVEL SECURITY").expect("opened");
    let said = said_at_start(&url("town"));
    assert!(said.contains(" WARN ") && said.contains("IS DOWN (1 tables are open"), "{said}");
    assert!(!migrate().contains("Note:"), "closed again");
}

/// Which servers answer to connections that are used one after the other, all open.
fn servers(target: &Target, connections: usize) -> BTreeSet<i32> {
    #[derive(QueryableByName)]
    struct Server {
        #[diesel(sql_type = Integer)]
        server: i32,
    }
    let mut open: Vec<Conn> = (0..connections).map(|_| target.connect(true).expect("a connection")).collect();
    let ask = |conn: &mut Conn| {
        conn.batch_execute("BEGIN").expect("begins");
        let Conn::Pg(inner) = conn else { panic!("on PostgreSQL") };
        let found: Server = diesel::sql_query("SELECT pg_backend_pid() AS server").get_result(inner).expect("a number");
        conn.batch_execute("COMMIT").expect("ends");
        found.server
    };
    open.iter_mut().map(ask).collect()
}

#[cfg(debug_assertions)]
#[test]
fn many_organisations_behind_a_pooler_see_their_own() {
    let Some(town) = Town::on_postgresql(Stage::Gathered) else { return };
    let Some((_pooler, pooled)) = Pooler::before(town.target()) else { return };
    town.on("2025-02-03");
    assert!(servers(&pooled, 20).len() <= CONNECTIONS, "connections are lent");
    assert_eq!(crate::access::second_wall::interleaved(&town, &pooled, 20, 50), 1_000);
    let store = Store::open_migrated(&pooled, Sizes::default()).expect("the store opens");
    assert_eq!(store.second_wall(), &Standing::Up);
    // What a session would keep is said for each transaction.
    let on = |used: &str, name: &'static str| {
        let told = async {
            let read = move |conn: &mut Conn| Ok(setting(conn, name));
            if used == "a read" { store.read(read).await } else { store.keep(read).await }
        };
        actix_web::rt::System::new().block_on(told).expect("told")
    };
    for (used, name, value) in [
        ("a read", "transaction_read_only", "on"),
        ("a read", "statement_timeout", "10s"),
        ("a read", "role", "sigida_service"),
        ("a read", "enable_seqscan", "on"),
        ("a write", "transaction_read_only", "off"),
        ("a write", "lock_timeout", "5s"),
        ("a write", "enable_seqscan", "off"),
        ("a write", "TimeZone", "UTC"),
    ] {
        assert_eq!(on(used, name), value, "{name} of {used}");
    }
}

fn setting(conn: &mut Conn, name: &str) -> String {
    #[derive(QueryableByName)]
    struct Told {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let query = format!("SELECT current_setting('{name}') AS value");
    let told: Told = db::on_engine!(conn, |inner| diesel::sql_query(query).get_result(inner)).expect("a setting");
    told.value
}

#[test]
fn the_program_works_behind_a_pooler_that_keeps_nothing_of_a_session() {
    let Some(cluster) = Cluster::durable() else { return };
    let target = cluster.make_database("sigida");
    let Some((_pooler, Target::Postgres(url))) = Pooler::before(&target) else { return };
    let cast = town::found(&target, Stage::Open);
    let place = Place::new().with("SIGIDA_DATABASE_URL", &url);
    place.refuses(&["migrate"], "not a pooler");
    let service = place.serve_ready();
    let desk = Desk::in_town(&place, cast);
    std::thread::scope(|clients| {
        for _ in 0..8 {
            clients.spawn(|| {
                let mayor = desk.client("mayor");
                for _ in 0..5 {
                    desk.intent(false).ask(&mayor).expect("an answer").expect(201);
                }
            });
        }
    });
    let (code, said) = service.terminate();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stands: the service works as sigida_service") && !said.contains(" ERROR "), "{said}");
    // Through the pooler too.
    desk.verified();
}
