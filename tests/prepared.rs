//! What a commitment sends to PostgreSQL: few statements, each prepared once.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;

use crate::harness::Stage;
use crate::harness::acknowledged::Desk;
use crate::harness::postgres::Cluster;
use crate::harness::program::Place;
use crate::harness::town;

/// How often a connection runs a statement before it is surely prepared.
const BEFORE: usize = 3;

/// How many commit at the same moment, and how long it takes them to ask.
const AT_ONCE: usize = 16;
const ASKED: Duration = Duration::from_millis(500);

/// What the lane sent since the log had so many lines: what frames its groups, and what it executed.
fn sent_since(cluster: &Cluster, before: usize) -> (Vec<String>, Vec<String>) {
    let sent = cluster.statements().split_off(before);
    let lane = sent.iter().find(|line| line.contains("audit_heads")).and_then(|line| line.split(':').next()).expect("a chain").to_owned();
    let trips = sent.iter().filter(|line| line.starts_with(&format!("{lane}:"))).filter_map(|line| line.split_once(":LOG:  "));
    trips.map(|(_, sent)| sent.to_owned()).partition(|sent| sent.starts_with("statement: "))
}

#[test]
fn commitments_are_few_trips_to_postgresql_and_every_one_is_prepared() {
    let Some(cluster) = Cluster::logging() else { return };
    let target = cluster.make_database("sigida");
    let place = Place::new().with("SIGIDA_DATABASE_URL", &cluster.url("sigida")).with("SIGIDA_LANES", "1");
    let cast = town::found(&target, Stage::Open);
    let service = place.serve_ready();
    let desk = Desk::in_town(&place, cast.clone());
    let mayor = desk.client("mayor");
    for _ in 0..BEFORE {
        desk.intent(false).ask(&mayor).expect("an answer").expect(201);
    }
    let before = cluster.statements().len();
    desk.intent(false).ask(&mayor).expect("an answer").expect(201);
    let (frame, executed) = sent_since(&cluster, before);
    // Whom it is about, and as whom, is said in the trip that begins it.
    let begin = format!(
        "statement: BEGIN; SET LOCAL ROLE sigida_service; SET LOCAL sigida.organisations = '{}'; SET LOCAL sigida.principals = '{}'",
        cast.commune,
        cast.person("mayor").expect("a mayor")
    );
    assert_eq!(frame, [begin.as_str(), "statement: COMMIT"], "only what frames a group");
    // The heads of the chains, the answers of equal requests, what the rules look at, the effect, and what happened.
    assert_eq!(executed.len(), 5, "{executed:#?}");
    let anew: Vec<&String> = executed.iter().filter(|sent| sent.starts_with("execute <unnamed>")).collect();
    assert!(anew.is_empty(), "parsed and planned each time: {anew:#?}");

    // Those that wait for one another, on one line of one commune, are a group, and as few trips as one of them.
    let mut elsewhere = target.connect(false).expect("a connection");
    elsewhere.batch_execute("BEGIN; SELECT 1 FROM audit_heads FOR UPDATE").expect("the chains are held");
    let before = cluster.statements().len();
    std::thread::scope(|clients| {
        for _ in 0..AT_ONCE {
            clients.spawn(|| desk.intent(false).ask(&desk.client("mayor")).expect("an answer").expect(201));
        }
        std::thread::sleep(ASKED);
        elsewhere.batch_execute("ROLLBACK").expect("let go");
    });
    let (frame, executed) = sent_since(&cluster, before);
    let groups = frame.len() / 2;
    assert!(groups <= AT_ONCE / 2, "{groups} groups of {AT_ONCE} commitments");
    assert_eq!(executed.len(), 5 * groups, "{executed:#?}");
    assert_eq!(service.terminate().0, Some(0));
    desk.verified();
}

#[test]
fn a_read_begins_in_one_trip_and_is_answered_before_it_ends() {
    let Some(cluster) = Cluster::logging() else { return };
    let target = cluster.make_database("sigida");
    let place = Place::new().with("SIGIDA_DATABASE_URL", &cluster.url("sigida")).with("SIGIDA_READERS", "1");
    let cast = town::found(&target, Stage::Open);
    let service = place.serve_ready();
    let mayor = Desk::in_town(&place, cast.clone()).client("mayor");
    let path = format!("/v1/organisations/{}/fiscal-years/2025", cast.commune);
    mayor.get(&path).expect(200);
    let before = cluster.statements().len();
    mayor.get(&path).expect(200);
    let begin = format!("statement: BEGIN READ ONLY; SET LOCAL ROLE sigida_service; SET LOCAL sigida.organisations = '{}'", cast.commune);
    let since = std::time::Instant::now();
    let sent = loop {
        let sent: Vec<String> =
            cluster.statements().split_off(before).iter().filter_map(|line| Some(line.split_once(":LOG:  ")?.1.to_owned())).collect();
        if sent.last().is_some_and(|last| last == "statement: COMMIT") {
            break sent;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{sent:#?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let read = sent.iter().position(|sent| *sent == begin).unwrap_or_else(|| panic!("{sent:#?}"));
    assert_eq!(sent.len() - read, 3, "what begins it, what it asks, what ends it: {sent:#?}");
    assert!(sent[read + 1].starts_with("execute __diesel"), "{sent:#?}");
    assert_eq!(service.terminate().0, Some(0));
}
