//! Measures of projects: a filtered, grouped list over a hundred thousand of them beside its SQL, and the map of ten thousand points.

use std::time::Instant;

use db::connection::{Conn, Target};
use diesel::connection::SimpleConnection as _;

use crate::Bench;
use crate::alone::{Bound, alone};
use crate::contest::{Contest, Rules, Spread};
use crate::database::analysed;
use crate::founding::Commune;
use crate::fund::{Spelling, connection, spelling};
use crate::program::Service;
use crate::table::{Goal, Table};
use crate::write::{POSTGRESQL, SQLITE, end};
use crate::{load, request};

/// Projects of one organisation.
const PROJECTS: usize = 100_000;
/// Points on the map.
const PINS: usize = 10_000;

/// What the grouped list reads: projects not yet begun, by currency and sector, with what is shared out and what is not.
const GROUPED: [&str; 2] = [
    "SELECT p.currency, s.term, COUNT(*), CAST(SUM(p.budget / 1000000000 * s.bps) AS BIGINT), CAST(SUM(p.budget % 1000000000 * s.bps) AS \
     BIGINT) FROM projects p JOIN project_shares s ON s.organisation_id = p.organisation_id AND s.project_id = p.id \
     WHERE p.organisation_id = $1 AND p.sensitivity <= 4 AND s.dimension = 'sector' AND p.instrument = 'quick_impact' \
     AND p.starts_on <= '2025-06-30' GROUP BY p.currency, s.term",
    "SELECT currency, instrument, state, programme_id, COUNT(*), CAST(SUM(budget / 1000000000) AS BIGINT), CAST(SUM(budget % 1000000000) AS \
     BIGINT) FROM projects WHERE organisation_id = $1 AND sensitivity <= 4 AND instrument = 'quick_impact' AND starts_on <= '2025-06-30' \
     GROUP BY currency, instrument, state, programme_id",
];

/// Puts projects into a commune, each with two sectors; every tenth with a point.
fn seed(conn: &mut Conn, of: &Spelling, commune: &Commune) {
    let (organisation, by, now) = (of.id(commune.id), of.id(commune.mayor), of.now());
    let new_id = of.new_id();
    let text = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PROJECTS}) \
         INSERT INTO projects (organisation_id, id, reference, title, folded_title, objective, instrument, state, requester_kind, requester, \
         currency, budget, starts_on, ends_on, submission, recorded_by, recorded_at, sensitivity, version) \
         SELECT {organisation}, {new_id}, 'P-' || i, 'Projet fictif', 'projet fictif', 'Fictif', \
         CASE i % 2 WHEN 0 THEN 'quick_impact' ELSE 'trust_fund' END, 'draft', 'civil_society', 'Fictif', \
         CASE i % 3 WHEN 0 THEN 'USD' ELSE 'XOF' END, 1000 + i, CASE i % 4 WHEN 0 THEN {early} ELSE {late} END, {end}, 0, {by}, {now}, 1, 1 \
         FROM n;\n\
         INSERT INTO project_transitions (organisation_id, project_id, number, action, state_after, acted_by, acted_on, recorded_at) \
         SELECT organisation_id, id, 1, 'create', 'draft', recorded_by, {early}, recorded_at FROM projects;\n\
         INSERT INTO project_shares (organisation_id, project_id, dimension, term, bps) \
         SELECT organisation_id, id, 'sector', 'water', 3333 FROM projects;\n\
         INSERT INTO project_shares (organisation_id, project_id, dimension, term, bps) \
         SELECT organisation_id, id, 'sector', CASE budget % 5 WHEN 0 THEN 'security' ELSE 'social_cohesion' END, 6667 FROM projects;\n\
         INSERT INTO project_sites (organisation_id, id, project_id, unit_id, name, longitude, latitude, recorded_by, recorded_at) \
         SELECT organisation_id, {new_id}, id, (SELECT territorial_unit_id FROM organisations WHERE id = {organisation}), 'Point fictif', \
         -40000, 16270000, {by}, {now} FROM projects WHERE budget <= {pins} + 1000;\n",
        early = of.date("2025-03-01"),
        late = of.date("2025-09-01"),
        end = of.date("2026-03-01"),
        pins = PINS,
    );
    conn.batch_execute(&text).expect("projects");
}

/// A hundred thousand projects, on both engines.
pub fn projects(bench: &mut Bench) {
    let mut table = Table::default();
    read(bench, &mut table, SQLITE, &bench.sqlite.copy("projects"), bench.sqlite.communes());
    match &bench.postgres {
        Some(postgres) => read(bench, &mut table, POSTGRESQL, &postgres.copy("projects"), postgres.communes()),
        None => table.absent("projects, PostgreSQL", "PostgreSQL is not installed"),
    }
    bench.table.append(table);
}

fn read(bench: &Bench, table: &mut Table, engine: &str, target: &Target, communes: &[Commune]) {
    let commune = &communes[0];
    {
        let (mut conn, of) = (connection(target), spelling(target));
        seed(&mut conn, &of, commune);
        if of.postgres {
            analysed(&mut conn);
        } else {
            conn.batch_execute("ANALYZE").expect("analysed");
        }
    }
    let service = Service::start(&bench.program, target, None);
    let token = service.token(commune.mayor);
    let base = format!("/v1/organisations/{}", commune.id);
    let one = |path: String| request::reads(&token, vec![path], "");
    let grouped = one(format!("{base}/project-totals?by=sector&instrument=quick_impact&to=2025-06-30"));
    let mut contest = Contest::default();
    contest.enter("grouped", |lasting| load::run(service.address, 1, lasting, &grouped));
    contest.enter("its SQL", |lasting| alone(target, &GROUPED, &[Bound::Id(commune.id)], lasting));
    let results = contest.hold(Rules { lasting: bench.rules.lasting / 2, ..bench.rules });
    let told = format!("{:.1} ms to {:.1} ms", 1000.0 / results.rate("grouped").median, 1000.0 / results.rate("its SQL").median);
    let name = format!("time of a grouped list over {PROJECTS} projects / its SQL, {engine}");
    table.spread(&name, results.ratio("its SQL", "grouped"), Goal::AtMost(1.5), &told);

    let before = service.memory_at_most();
    let map = format!("http://{}{base}/project-map", service.address);
    let mut length = 0;
    let once = || {
        let since = Instant::now();
        let mut answer = ureq::get(&map).header("authorization", format!("Bearer {token}")).call().expect("a map");
        let body = answer.body_mut().with_config().limit(64 << 20).read_to_vec().expect("a body");
        (since.elapsed().as_secs_f64(), body.len())
    };
    let times = (0..bench.rules.rounds).map(|_| {
        let (time, bytes) = once();
        length = bytes;
        time
    });
    let times: Vec<f64> = times.collect();
    table.spread(&format!("map of {PINS} points, s, {engine}"), Spread::of(times), Goal::AtMost(0.5), &format!("{} KiB", length >> 10));
    let name = format!("map, {engine}: memory above that of the lists, MiB");
    table.value(&name, (service.memory_at_most() - before) / 1024.0, Goal::AtMost(64.0), "");
    end(bench, engine, service);
}
