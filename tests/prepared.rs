//! What a commitment sends to PostgreSQL: few statements, each prepared once.

use crate::harness::Stage;
use crate::harness::acknowledged::Desk;
use crate::harness::postgres::Cluster;
use crate::harness::program::Place;
use crate::harness::town;

/// How often a connection runs a statement before it is surely prepared.
const BEFORE: usize = 3;

#[test]
fn a_commitment_is_few_trips_to_postgresql_and_every_one_is_prepared() {
    let Some(cluster) = Cluster::logging() else { return };
    let target = cluster.make_database("sigida");
    let place = Place::new().with("SIGIDA_DATABASE_URL", &cluster.url("sigida")).with("SIGIDA_LANES", "1");
    let cast = town::found(&target, Stage::Open);
    let service = place.serve_ready();
    let desk = Desk::in_town(&place, cast);
    let mayor = desk.client("mayor");
    for _ in 0..BEFORE {
        desk.intent(false).ask(&mayor).expect("an answer").expect(201);
    }
    let before = cluster.statements().len();
    desk.intent(false).ask(&mayor).expect("an answer").expect(201);
    let sent = cluster.statements().split_off(before);
    let lane = sent.iter().find(|line| line.contains("BEGIN")).and_then(|line| line.split(':').next()).expect("a transaction").to_owned();
    let trips: Vec<&str> = sent
        .iter()
        .filter(|line| line.starts_with(&format!("{lane}:")))
        .filter_map(|line| line.split_once(":LOG:  "))
        .map(|(_, sent)| sent)
        .collect();
    let (plain, executed): (Vec<&str>, Vec<&str>) = trips.iter().partition(|sent| sent.starts_with("statement: "));
    assert_eq!(plain, ["statement: BEGIN", "statement: COMMIT"], "only what frames a group");
    // Once for a group: the heads of the chains, the answers of equal requests, and what happened. For each commitment: what
    // the rules look at, and the effect.
    assert_eq!(executed.len(), 5, "{executed:#?}");
    let anew: Vec<&&str> = executed.iter().filter(|sent| sent.starts_with("execute <unnamed>")).collect();
    assert!(anew.is_empty(), "parsed and planned each time: {anew:#?}");
    assert_eq!(service.terminate().0, Some(0));
}
