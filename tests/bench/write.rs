//! Measures of writes: commitments from 64 clients at once, with token, idempotency key, event and chain, durable.

use std::cell::RefCell;
use std::time::Duration;

use db::connection::Target;

use crate::Bench;
use crate::chance::Chance;
use crate::contest::{Contest, Figure, Results};
use crate::database::Postgres;
use crate::disk::flushes;
use crate::founding::Commune;
use crate::limit::{Job, Way};
use crate::program::{Service, verify};
use crate::table::{Goal, Table};
use crate::{load, request, statement};

/// How many clients write at once.
pub const CLIENTS: usize = 64;

pub const SQLITE: &str = "SQLite";
pub const POSTGRESQL: &str = "PostgreSQL";
const STATEMENTS: &str = "L in statements";
const FUNCTION: &str = "L in a function";
const IN_PROCESS: &str = "in process";
const FLUSHES: &str = "F";

/// Commitments spread over communes from all clients for so long.
pub fn commit(service: &Service, communes: &[Commune], lasting: Duration) -> Figure {
    load::run(service.address, CLIENTS, lasting, &request::commitments(service, communes))
}

/// Ends the service on a database, which must verify.
pub fn end(bench: &Bench, what: &str, service: Service) {
    let said = service.stop_and_verify(&bench.program);
    eprintln!("  {what}: {said}");
}

/// What every contest of writes shows of the service: errors, and how even its latencies are.
fn evenness(table: &mut Table, results: &Results, what: &str, engine: &str) {
    // The credits are so large that nothing can honestly be refused.
    let failed = results.count(engine, |status| status != 201);
    let made = results.count(engine, |status| status == 201);
    table.value(&format!("{what}, {engine}: errors"), failed as f64, Goal::AtMost(0.0), &format!("{made} commitments"));
    let uneven = results.spread(engine, |figure| f64::from(figure.p99) / f64::from(figure.p50));
    let (half, most) = (results.spread(engine, |figure| f64::from(figure.p50)), results.spread(engine, |figure| f64::from(figure.p99)));
    let told = format!("p50 {:.1} ms, p99 {:.1} ms", half.median / 1000.0, most.median / 1000.0);
    table.spread(&format!("{what}, {engine}: p99 / p50"), uneven, Goal::AtMost(4.0), &told);
}

fn rates(results: &Results, one: &str, other: &str) -> String {
    format!("{:.0}/s to {:.0}/s", results.rate(one).median, results.rate(other).median)
}

/// Memory and start of a service under load.
fn costs(table: &mut Table, service: &Service, engine: &str) {
    let (began, most) = (service.began_with / 1024.0, service.memory_at_most() / 1024.0);
    table.value(&format!("commitment, {engine}: memory at most, MiB"), most, Goal::AtMost(128.0), &format!("{began:.0} MiB at its start"));
    table.value(&format!("{engine}: start, s"), service.started_in.as_secs_f64(), Goal::AtMost(0.5), "until it answers that it is ready");
}

/// Commitments spread over all organisations, beside L and beside the same statements in process.
pub fn commitments(bench: &mut Bench) {
    let (rules, program) = (bench.rules, bench.program.clone());
    let copy = bench.sqlite.copy("in_process");
    let Target::Sqlite(path) = &copy else { unreachable!("a file") };
    let sqlite = Service::start(&program, &bench.sqlite.copy("commitments"), None);
    let postgres = bench.postgres.as_ref().map(|postgres| {
        let service = Service::start(&program, &postgres.copy("commitments"), None);
        (service, postgres.communes(), Job::on(&postgres.cluster, "job"))
    });
    let chance = RefCell::new(Chance(0x5167_1da5));
    let mut contest = Contest::default();
    contest.enter(SQLITE, |lasting| commit(&sqlite, bench.sqlite.communes(), lasting));
    contest.enter(IN_PROCESS, |lasting| statement::run(path, bench.sqlite.communes(), &mut chance.borrow_mut(), lasting));
    if let Some((service, communes, job)) = &postgres {
        contest.enter(STATEMENTS, |lasting| job.run(Way::Statements, CLIENTS, lasting));
        contest.enter(POSTGRESQL, |lasting| commit(service, communes, lasting));
        contest.enter(FUNCTION, |lasting| job.run(Way::Function, CLIENTS, lasting));
    }
    let results = contest.hold(rules);
    let table = &mut bench.table;
    let ratio = results.ratio(SQLITE, IN_PROCESS);
    table.spread("commitment, SQLite / in process", ratio, Goal::AtLeast(0.5), &rates(&results, SQLITE, IN_PROCESS));
    evenness(table, &results, "commitment", SQLITE);
    costs(table, &sqlite, SQLITE);
    eprintln!("  {IN_PROCESS}: {}", verify(&program, &copy));
    let Some((service, _, _)) = postgres else {
        table.absent("commitment / L", "PostgreSQL is not installed");
        return end(bench, SQLITE, sqlite);
    };
    let limit = results.better(STATEMENTS, FUNCTION);
    table.spread("commitment, SQLite / L", results.ratio(SQLITE, limit), Goal::AtLeast(1.0), &rates(&results, SQLITE, limit));
    table.spread("commitment, PostgreSQL / L", results.ratio(POSTGRESQL, limit), Goal::AtLeast(0.7), &rates(&results, POSTGRESQL, limit));
    evenness(table, &results, "commitment", POSTGRESQL);
    costs(table, &service, POSTGRESQL);
    end(bench, SQLITE, sqlite);
    end(bench, POSTGRESQL, service);
}

/// Every client on one organisation, beside the same clients on all of them.
pub fn hot_organisation(bench: &mut Bench) {
    let mut sides = vec![(SQLITE, bench.sqlite.copy("hot"), bench.sqlite.communes(), 0.8)];
    if let Some(postgres) = &bench.postgres {
        sides.push((POSTGRESQL, postgres.copy("hot"), postgres.communes(), 0.4));
    }
    let (rules, program) = (bench.rules, bench.program.clone());
    let sides: Vec<_> = sides
        .into_iter()
        .map(|(engine, target, communes, least)| (engine, Service::start(&program, &target, None), communes, least))
        .collect();
    let hot = |engine: &str| format!("{engine} on one organisation");
    let mut contest = Contest::default();
    for (engine, service, communes, _) in &sides {
        contest.enter(engine, |lasting| commit(service, communes, lasting));
        contest.enter(&hot(engine), |lasting| commit(service, &communes[..1], lasting));
    }
    let results = contest.hold(rules);
    let mut table = Table::default();
    for (engine, service, _, least) in sides {
        let name = format!("commitment, {engine} on one organisation / on all");
        table.spread(&name, results.ratio(&hot(engine), engine), Goal::AtLeast(least), &rates(&results, &hot(engine), engine));
        evenness(&mut table, &results, "commitment", &hot(engine));
        end(bench, engine, service);
    }
    bench.table.append(table);
}

/// The same on a disk that takes five milliseconds more for each flush, beside the rate at which it flushes.
pub fn slow_disk(bench: &mut Bench) {
    let (rules, program, library) = (bench.rules, bench.program.clone(), bench.slow_disk.clone());
    let slowed_by = Some(library.as_path());
    let mut sides = vec![(SQLITE, bench.sqlite.copy("slow"), bench.sqlite.communes())];
    // A cluster whose own processes flush slowly.
    let slow = bench.postgres.as_ref().and_then(|_| Postgres::founded(slowed_by));
    if let Some(postgres) = &slow {
        sides.push((POSTGRESQL, postgres.copy("slow"), postgres.communes()));
    }
    let sides: Vec<_> = sides
        .into_iter()
        .map(|(engine, target, communes)| {
            // PostgreSQL flushes in its own processes, SQLite in the service's.
            let service = Service::start(&program, &target, slowed_by.filter(|_| engine == SQLITE));
            (engine, service, communes)
        })
        .collect();
    let mut contest = Contest::default();
    contest.enter(FLUSHES, |lasting| flushes(slowed_by, lasting));
    for (engine, service, communes) in &sides {
        contest.enter(engine, |lasting| commit(service, communes, lasting));
    }
    let results = contest.hold(rules);
    let mut table = Table::default();
    for (engine, service, _) in sides {
        let name = format!("5 ms disk: commitment, {engine} / F");
        table.spread(&name, results.ratio(engine, FLUSHES), Goal::AtLeast(12.0), &rates(&results, engine, FLUSHES));
        evenness(&mut table, &results, "5 ms disk: commitment", engine);
        end(bench, engine, service);
    }
    bench.table.append(table);
}
