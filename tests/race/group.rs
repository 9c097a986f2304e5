//! Writes that share one transaction: what becomes of one is no matter of the others.

use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use db::audit::{Answer, Claim};
use db::column::{Col, Identity};
use db::connection::{Conn, Engine};
use db::effect::{Change, Deed};
use db::fault::Fault;
use db::fund::payer::{self, all_payers, find_payers};
use db::schema::suppliers;
use db::store::{Author, Known, Outcome, Sizes, Store, Tx, Wanted};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::audit::{Actor, Event, Events, IDEMPOTENCY_KEY_REUSED};
use domain::id::{FundPurposeId, OrganisationId, SupplierId};
use domain::sensitivity::Sensitivity;
use serde_json::json;
use uuid::Uuid;

use crate::access::rows;
use crate::edge::Held;
use crate::fund::scene;
use crate::harness::{Stage, Town};
use crate::on_both_engines;

/// How many writes stand before and behind those that fail.
const GOOD: usize = 5;

/// A store of one lane on the town's database, as another program would have.
fn store(town: &Town) -> Store {
    Store::open_migrated(town.target(), Sizes { readers: 1, lanes: 1, ..Sizes::default() }).expect("the store opens")
}

fn author() -> Author {
    Author { actor: Actor::system(), now: chrono::Utc::now(), today: "2025-02-03".parse().expect("a date") }
}

fn noted(organisation: OrganisationId) -> Events {
    Event::of("test.noted", "organisation", organisation.0, 1).into()
}

/// Spoils a table that every group reads.
fn spoil(conn: &mut Conn) {
    conn.batch_execute("UPDATE organisations SET name = 'spoiled'").expect("spoiled");
}

/// The id at the end of a path.
pub fn id_of(path: &str) -> Uuid {
    path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id")
}

type Job = fn(&mut Tx<'_>) -> Result<Outcome<()>, Fault>;

fn good(tx: &mut Tx<'_>) -> Result<Outcome<()>, Fault> {
    Ok(Outcome::Happened((), noted(tx.organisation)))
}

fn refused(tx: &mut Tx<'_>) -> Result<Outcome<()>, Fault> {
    spoil(tx.conn);
    Err(Fault::Missing)
}

fn falling(tx: &mut Tx<'_>) -> Result<Outcome<()>, Fault> {
    spoil(tx.conn);
    panic!("a write falls");
}

/// The supplier whose name these writes change.
fn supplier(tx: &mut Tx<'_>) -> (Col<SupplierId>, String) {
    let own = suppliers::table.filter(suppliers::organisation_id.eq(Col(tx.organisation)));
    own.filter(suppliers::code.eq("SUP-0012")).select((suppliers::id, suppliers::name)).first(tx.conn).expect("a supplier")
}

/// Leaves it to the end of the group to add a letter.
fn leave(tx: &mut Tx<'_>, letter: &str) -> Result<Outcome<()>, Fault> {
    let (id, name) = supplier(tx);
    let change = Change::new(Deed::Update, "suppliers").with::<Text, _>("name", name + letter);
    tx.left.push(change.with::<Identity, _>("organisation_id", Col(tx.organisation)).with::<Identity, _>("id", id))?;
    good(tx)
}

fn leaving_x(tx: &mut Tx<'_>) -> Result<Outcome<()>, Fault> {
    leave(tx, "x")
}

fn leaving_y(tx: &mut Tx<'_>) -> Result<Outcome<()>, Fault> {
    leave(tx, "y")
}

/// Adds a letter at once.
fn adding_z(tx: &mut Tx<'_>) -> Result<Outcome<()>, Fault> {
    let (id, name) = supplier(tx);
    let own = suppliers::table.filter(suppliers::organisation_id.eq(Col(tx.organisation))).filter(suppliers::id.eq(id));
    diesel::update(own).set(suppliers::name.eq(name + "z")).execute(tx.conn)?;
    good(tx)
}

/// Lets a write wait for its lane.
fn submitted(store: &Store, organisation: OrganisationId, job: Job) -> JoinHandle<Result<(), Fault>> {
    submitted_as(store, organisation, Known::default(), job)
}

fn submitted_as(
    store: &Store,
    organisation: OrganisationId,
    known: Known,
    job: impl Fn(&mut Tx<'_>) -> Result<Outcome<()>, Fault> + Send + 'static,
) -> JoinHandle<Result<(), Fault>> {
    let store = store.clone();
    let (sender, receiver) = mpsc::channel();
    let waiting = spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let written = store.write_once(organisation, author(), known, job);
            let mut written = pin!(written);
            assert!(written.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "the lane is held");
            sender.send(()).expect("someone waits");
            written.await
        })
    });
    receiver.recv_timeout(Duration::from_secs(10)).expect("submitted");
    waiting
}

on_both_engines! {
    Stage::Open, fn one_that_is_refused_or_falls_sinks_nobody_of_its_group(town) {
        let store = store(town);
        let communes = [OrganisationId::platform(), OrganisationId(town.commune_id())];
        let named = |town: &Town| town.stranger().get(&town.path("")).expect(200).text("/name");
        let (name, before) = (named(town), rows(town));
        let held = Held::nothing().lane(&store);
        let mut jobs: Vec<Job> = vec![good; GOOD];
        jobs.extend([refused as Job, falling, good, refused]);
        jobs.extend(vec![good as Job; GOOD]);
        let waiting: Vec<_> = jobs.iter().enumerate().map(|(index, job)| submitted(&store, communes[index % 2], *job)).collect();
        held.release();
        let results: Vec<Result<(), Fault>> = waiting.into_iter().map(|one| one.join().expect("answered")).collect();
        let failed: Vec<usize> = results.iter().enumerate().filter(|(_, result)| result.is_err()).map(|(index, _)| index).collect();
        assert_eq!(failed, [GOOD, GOOD + 1, GOOD + 3], "{results:?}");
        assert!(matches!(results[GOOD], Err(Fault::Missing)) && matches!(results[GOOD + 1], Err(Fault::Broken(_))), "{results:?}");
        assert_eq!(named(town), name, "what failed left nothing");
        assert_eq!(rows(town)["events"] - before["events"], 2 * GOOD as i64 + 1, "and what did not is there");
    }

    Stage::Open, fn what_one_leaves_to_the_end_is_there_for_whoever_reads_it(town) {
        let (store, commune) = (store(town), OrganisationId(town.commune_id()));
        let name = || town.client("auditor").get(&format!("{}/{}", town.path("/suppliers"), town.supplier("SUP-0012"))).expect(200).text("/name");
        let (before, events) = (name(), rows(town)["events"]);
        // None is known, so that each reads for itself.
        let wanted = |organisation| Wanted::Payers(payer::Wanted { organisation, clearance: Sensitivity::Sealed, purpose: FundPurposeId::new() });
        let secluded = |organisation| Known { wanted: Some(wanted(organisation)), ..Known::default() };
        let held = Held::nothing().lane(&store);
        // Who keeps to another organisation lets it wait; who reads the same does not, nor who may look beyond its own.
        let waiting = [
            submitted_as(&store, commune, secluded(commune), leaving_x),
            submitted_as(&store, OrganisationId::platform(), secluded(OrganisationId::platform()), good),
            submitted_as(&store, commune, secluded(commune), leaving_y),
            submitted(&store, commune, adding_z),
            submitted_as(&store, commune, secluded(commune), leaving_x),
        ];
        held.release();
        waiting.into_iter().for_each(|one| one.join().expect("answered").expect("done"));
        assert_eq!((name(), rows(town)["events"] - events), (before + "xyzx", 5));
    }

    Stage::Open, fn who_could_pay_is_known_beforehand_until_something_may_have_changed_it(town) {
        let scene = scene(town, &json!({}));
        scene.given("DK-1", "1000000", &json!({}));
        let purposes = ["TF-1", "TF-2"].map(|reference| FundPurposeId(id_of(&scene.purpose(reference, "1000000", &[("ML07", 10_000)]))));
        let (store, commune) = (store(town), OrganisationId(town.commune_id()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let held = Held::nothing().lane(&store);
        let allocating = |purpose: FundPurposeId| {
            let seen = Arc::clone(&seen);
            let wanted = Wanted::Payers(payer::Wanted { organisation: commune, clearance: Sensitivity::Sealed, purpose });
            submitted_as(&store, commune, Known { wanted: Some(wanted), ..Known::default() }, move |tx| {
                let foreseen = tx.foreseen.is_some();
                let payers = find_payers(tx, &tx.all(), purpose)?;
                let payer = payers.contributions.iter().find(|one| one.row.donor_id.is_some()).expect("a donor's");
                seen.lock().expect("free").push((foreseen, payer.row.version));
                let change = Change::new(Deed::Update, "contributions").with::<BigInt, _>("version", payer.row.version + 1);
                tx.left.push(change.with::<Identity, _>("organisation_id", Col(tx.organisation)).with::<Identity, _>("id", payer.row.id))?;
                good(tx)
            })
        };
        let waiting = [
            submitted_as(&store, OrganisationId::platform(), Known::default(), |tx| Ok(Outcome::Happened((), noted(tx.organisation)))),
            allocating(purposes[0]),
        ];
        held.release();
        waiting.into_iter().for_each(|one| one.join().expect("answered").expect("done"));
        let held = Held::nothing().lane(&store);
        let waiting = [allocating(purposes[0]), allocating(purposes[1]), allocating(purposes[0])];
        held.release();
        waiting.into_iter().for_each(|one| one.join().expect("answered").expect("done"));
        // SQLite, to which no trip leads, reads for each; and so does who comes after one that may have changed what it looks at.
        let foreseen = town.target().engine() == Engine::Postgres;
        let seen = seen.lock().expect("free").clone();
        let first = seen[0].1;
        assert_eq!(seen, [(false, first), (foreseen, first + 1), (false, first + 2), (false, first + 3)]);
    }

    Stage::Open, fn who_could_pay_is_told_to_who_may_see_the_purpose(town) {
        let scene = scene(town, &json!({}));
        scene.given("DK-1", "1000000", &json!({}));
        let purpose = FundPurposeId(id_of(&scene.purpose("TF-1", "1000000", &[("ML07", 10_000)])));
        let commune = OrganisationId(town.commune_id());
        let mut conn = town.target().connect(false).expect("a connection");
        conn.batch_execute("BEGIN").expect("begun");
        let one = |organisation, clearance| payer::Wanted { organisation, clearance, purpose };
        let all = [
            one(commune, Sensitivity::Public),
            one(commune, Sensitivity::Partner),
            one(commune, Sensitivity::Sealed),
            one(OrganisationId::platform(), Sensitivity::Sealed),
        ];
        let told = all_payers(&mut conn, &all).expect("read");
        assert_eq!(all.map(|one| told.contains_key(&one)), [false, true, true, false]);
    }

    Stage::Open, fn a_key_used_at_two_organisations_at_once_has_one_effect(town) {
        // Each of another program, so that neither waits for the other.
        let stores = [(store(town), OrganisationId::platform()), (store(town), OrganisationId(town.commune_id()))];
        let before = rows(town);
        for round in 0..10 {
            let racers: Vec<_> = stores.iter().cloned().enumerate().map(|(index, (store, organisation))| {
                let fingerprint = [u8::try_from(index).expect("few"); 32];
                let claim = Claim { principal: town.person("mayor"), key: format!("a-key-of-round-{round}"), fingerprint };
                spawn(move || {
                    let written = store.write_once(organisation, author(), Known { claim: Some(claim), ..Known::default() }, move |tx| {
                        if tx.earlier.is_some() {
                            return Ok(Outcome::Replayed(()));
                        }
                        std::thread::sleep(Duration::from_millis(20));
                        tx.answer = Some(Answer { status: 200, location: None, etag: None, body: b"{}".to_vec() });
                        Ok(Outcome::Happened((), noted(organisation)))
                    });
                    actix_web::rt::System::new().block_on(written)
                })
            }).collect();
            let results: Vec<Result<(), Fault>> = racers.into_iter().map(|racer| racer.join().expect("answered")).collect();
            let refused = |result: &&Result<(), Fault>| matches!(result, Err(Fault::Refused(refusal)) if refusal.code == &IDEMPOTENCY_KEY_REUSED);
            assert_eq!((results.iter().filter(|result| result.is_ok()).count(), results.iter().filter(refused).count()), (1, 1), "{results:?}");
        }
        let after = rows(town);
        assert_eq!((after["events"] - before["events"], after["idempotency_keys"] - before["idempotency_keys"]), (10, 10));
    }
}
