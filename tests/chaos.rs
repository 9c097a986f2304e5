//! Chaos: the program, or PostgreSQL under it, is killed at any moment while clients write; whatever they were told is
//! there afterwards. And the orderly end: what the program took, it answers before it goes.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use db::connection::Target;
use serde_json::{Value, json};

use crate::harness::acknowledged::{Desk, Notes, WRITERS};
use crate::harness::disk::library;
use crate::harness::postgres::Cluster;
use crate::harness::program::{Place, Service};
use crate::harness::{Chance, Stage, town};

/// How often the suite strikes on each engine, unless it is told otherwise.
const CYCLES: usize = 20;
const CYCLES_ASKED: &str = "SIGIDA_TEST_CHAOS_CYCLES";

/// What is struck while clients write.
#[derive(Clone, Copy, Debug)]
enum Blow {
    Service,
    /// PostgreSQL, and the service a moment later.
    Both,
    /// PostgreSQL; the service lives on.
    Database,
}

const NONE: [String; 0] = [];
/// How often an operator asks the service to end: once, or again because it has not ended yet.
const ASKED: [usize; 2] = [1, 3];

fn cycles() -> usize {
    std::env::var(CYCLES_ASKED).map_or(CYCLES, |asked| asked.parse().expect("a number of cycles"))
}

fn chance() -> Chance {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Chance(u64::try_from(now.as_nanos()).unwrap_or(1) | 1)
}

fn pause(chance: &mut Chance, most: usize) {
    std::thread::sleep(Duration::from_millis(u64::try_from(20 + chance.below(most)).expect("small")));
}

/// Strikes at a random moment while writes are acknowledged; gives the service back if it lives on.
fn strike(blow: Blow, service: Service, cluster: Option<&Cluster>, notes: &Notes, chance: &mut Chance) -> Option<Service> {
    notes.wait_for(1);
    pause(chance, 300);
    match (blow, cluster) {
        (Blow::Both, Some(cluster)) => {
            cluster.kill();
            pause(chance, 100);
            service.kill();
            cluster.start();
            None
        }
        (Blow::Database, Some(cluster)) => {
            cluster.kill();
            cluster.start();
            // It finds the database again by itself.
            notes.wait_for(WRITERS);
            Some(service)
        }
        _ => {
            service.kill();
            None
        }
    }
}

/// Strikes again and again. After each blow the service is there again, writes of unknown fate are asked for once more,
/// and the books hold what was acknowledged, once and unchanged.
fn survive(place: &Place, target: &Target, cluster: Option<&Cluster>) {
    let cast = town::found(target, Stage::Open);
    let notes = Notes::begin(&place.path("acknowledged"));
    let (mut chance, mut repeated, mut slowest) = (chance(), 0, Duration::ZERO);
    let mut service = place.serve_ready();
    let desk = Desk::in_town(place, cast);
    for cycle in 0..cycles() {
        let blow = match cycle % 5 {
            1 => Blow::Both,
            3 => Blow::Database,
            _ => Blow::Service,
        };
        let (left, unknown) = desk.write_during(&notes, || strike(blow, service, cluster, &notes, &mut chance));
        let since = Instant::now();
        service = left.unwrap_or_else(|| place.serve_ready());
        slowest = slowest.max(since.elapsed());
        desk.settle(&unknown, &notes);
        repeated += unknown.len();
        assert_eq!(desk.books().differences(&notes.read()), NONE, "blow {cycle}, at {blow:?}; {} asked again", unknown.len());
        desk.verified();
    }
    let count = notes.read().len();
    println!("{} blows: {count} writes acknowledged, 0 lost; {repeated} asked again; ready again within {slowest:?}", cycles());
}

/// Asks the service to end while clients write, as often as an impatient operator does.
fn end_in_order(place: &Place, target: &Target, times: usize) {
    let cast = town::found(target, Stage::Open);
    let notes = Notes::begin(&place.path("acknowledged"));
    let service = place.serve_ready();
    let desk = Desk::in_town(place, cast);
    let ((ended, took), unknown) = desk.write_during(&notes, || {
        notes.wait_for(30);
        let since = Instant::now();
        (service.terminate_asking(times), since.elapsed())
    });
    assert_eq!(ended.0, Some(0), "{}", ended.1);
    assert!(took < Duration::from_secs(30), "it took {took:?} to end");
    let again = place.serve_ready();
    // Nothing is asked again before the comparison: what took effect was answered.
    assert_eq!(desk.books().differences(&notes.read()), NONE);
    desk.settle(&unknown, &notes);
    assert_eq!(desk.books().differences(&notes.read()), NONE);
    println!("ended within {took:?}, {} writes acknowledged, {} turned away", notes.read().len() - unknown.len(), unknown.len());
    assert_eq!(again.terminate().0, Some(0));
    desk.verified();
}

fn on_sqlite(story: impl FnOnce(&Place, &Target)) {
    let place = Place::new();
    let target = Target::Sqlite(place.path("sigida.db").into());
    story(&place, &target);
}

fn on_postgresql(story: impl FnOnce(&Place, &Target, &Cluster)) {
    let Some(cluster) = Cluster::durable() else { return };
    let target = cluster.make_database("sigida");
    let place = Place::new().with("SIGIDA_DATABASE_URL", &cluster.url("sigida"));
    story(&place, &target, &cluster);
}

#[test]
fn what_was_acknowledged_survives_the_death_of_the_service_on_sqlite() {
    on_sqlite(|place, target| survive(place, target, None));
}

#[test]
fn what_was_acknowledged_survives_the_death_of_the_service_and_of_postgresql() {
    on_postgresql(|place, target, cluster| survive(place, target, Some(cluster)));
}

/// The files of a database after the machine lost its power: what was flushed is there, and nothing else.
fn cut_the_power(place: &Place, service: Service) {
    service.kill();
    drop(std::fs::remove_file(place.path("sigida.db-shm")));
    for file in ["sigida.db", "sigida.db-wal"].map(|name| place.path(name)) {
        drop(std::fs::remove_file(&file));
        drop(std::fs::copy(format!("{file}.disk"), &file));
    }
}

/// A served town on a disk that keeps apart what was flushed.
fn on_a_disk(settings: &[(&str, &str)], story: impl FnOnce(&Place, &Desk<'_>, &Notes)) {
    let place = Place::new();
    let preloaded = library("harness/disk.c", Path::new(&place.path(""))).to_string_lossy().into_owned();
    let place = settings.iter().fold(place.with("LD_PRELOAD", &preloaded), |place, (name, value)| place.with(name, value));
    let database = place.path("sigida.db");
    let cast = town::found(&Target::Sqlite(database.clone().into()), Stage::Open);
    std::fs::copy(&database, format!("{database}.disk")).expect("what the disk holds at first");
    let notes = Notes::begin(&place.path("acknowledged"));
    let service = place.serve_ready();
    let desk = Desk::in_town(&place, cast);
    drop(service);
    story(&place, &desk, &notes);
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power() {
    on_a_disk(&[], |place, desk, notes| {
        let (mut chance, mut repeated) = (chance(), 0);
        for cycle in 0..cycles() {
            let service = place.serve_ready();
            let ((), unknown) = desk.write_during(notes, || {
                notes.wait_for(1);
                pause(&mut chance, 300);
                cut_the_power(place, service);
            });
            let service = place.serve_ready();
            desk.settle(&unknown, notes);
            repeated += unknown.len();
            assert_eq!(desk.books().differences(&notes.read()), NONE, "cut {cycle}; {} asked again", unknown.len());
            desk.verified();
            cut_the_power(place, service);
        }
        println!("{} cuts: {} writes acknowledged, 0 lost; {repeated} asked again", 2 * cycles(), notes.read().len());
    });
}

/// The comparison again: where nothing is flushed, what was acknowledged is lost.
#[test]
fn a_disk_that_lies_loses_what_was_acknowledged() {
    on_a_disk(&[("DISK_LIES", "1")], |place, desk, notes| {
        let service = place.serve_ready();
        let ((), unknown) = desk.write_during(notes, || notes.wait_for(20));
        assert!(unknown.is_empty());
        assert_eq!(desk.books().differences(&notes.read()), NONE);
        cut_the_power(place, service);
        let _service = place.serve_ready();
        assert_eq!(desk.books().differences(&notes.read()).len(), notes.read().len());
    });
}

#[test]
fn after_a_disk_failed_nothing_is_told_until_the_service_starts_anew() {
    let flag = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
    let path = flag.to_string_lossy().into_owned();
    flag.close().expect("removed");
    on_a_disk(&[("DISK_FAILS", &path)], |place, desk, notes| {
        let service = place.serve_ready();
        let ((), unknown) = desk.write_during(notes, || notes.wait_for(20));
        assert!(unknown.is_empty());
        std::fs::write(&path, "").expect("the disk fails");
        let mayor = desk.client("mayor");
        let lost = desk.intent(false);
        let refused = |status: Option<u16>| assert_eq!(status, Some(500));
        refused(lost.ask(&mayor).map(|answer| answer.status));
        std::fs::remove_file(&path).expect("the disk is there again");
        // What it holds is not known all the same.
        refused(desk.intent(false).ask(&mayor).map(|answer| answer.status));
        refused(Some(mayor.get(&desk.path("/suppliers")).status));
        assert_ne!(mayor.get("/health/ready").status, 200);
        cut_the_power(place, service);
        let _service = place.serve_ready();
        assert_eq!(desk.books().differences(&notes.read()), NONE);
        desk.settle(&[lost], notes);
        assert_eq!(desk.books().differences(&notes.read()), NONE);
        desk.verified();
    });
}

#[test]
fn a_service_that_is_asked_to_end_answers_what_it_took_on_sqlite() {
    for times in ASKED {
        on_sqlite(|place, target| end_in_order(place, target, times));
    }
}

#[test]
fn a_service_that_is_asked_to_end_answers_what_it_took_on_postgresql() {
    for times in ASKED {
        on_postgresql(|place, target, _| end_in_order(place, target, times));
    }
}

/// The comparison itself: it must see a note taken before the answer, a changed figure, and a database that forgot.
#[test]
fn what_was_noted_too_early_or_changed_or_forgotten_is_named() {
    on_sqlite(|place, target| {
        let cast = town::found(target, Stage::Open);
        let notes = Notes::begin(&place.path("acknowledged"));
        let service = place.serve_ready();
        let desk = Desk::in_town(place, cast);
        let ((), unknown) = desk.write_during(&notes, || notes.wait_for(20));
        assert!(unknown.is_empty());
        let copy = place.path("copy.db");
        assert_eq!(place.run(&["backup", &copy]).code, Some(0));
        let kept = notes.read().len();
        desk.write_during(&notes, || notes.wait_for(20));
        let noted = notes.read();
        assert!(noted.len() > kept);
        assert_eq!(desk.books().differences(&noted), NONE);

        let mut changed = noted.clone();
        *changed[0].pointer_mut("/number").expect("a number") = json!(999_999);
        let label = |resource: &Value| resource["label"].as_str().expect("a label").to_owned();
        assert_eq!(desk.books().differences(&changed), [format!("{}: not what was acknowledged", label(&noted[0]))]);

        service.kill();
        let hasty = desk.intent(false);
        notes.note(&json!({ "label": hasty.key }));
        assert!(hasty.ask(&desk.client(hasty.login)).is_none(), "nobody answers");
        let service = place.serve_ready();
        assert_eq!(desk.books().differences(&notes.read()), [format!("{}: acknowledged and lost", hasty.key)]);

        // As if the last writes had never reached the disk.
        service.kill();
        for file in ["sigida.db", "sigida.db-wal", "sigida.db-shm"] {
            drop(std::fs::remove_file(place.path(file)));
        }
        assert_eq!(place.run(&["restore", &copy]).code, Some(0));
        let _service = place.serve_ready();
        let forgotten: Vec<String> = noted[kept..].iter().map(|resource| format!("{}: acknowledged and lost", label(resource))).collect();
        assert_eq!(desk.books().differences(&noted), forgotten);
    });
}
