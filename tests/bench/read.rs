//! Measures of reads: one commitment, published reference data, the execution of a budget of a thousand lines; beside a handler that does
//! nothing but prove its caller, and beside the SQL alone.

use std::time::{Duration, Instant};

use db::connection::Target;
use rusqlite::params;
use serde_json::Value;
use ureq::http::Response;
use uuid::Uuid;

use crate::Bench;
use crate::alone::{Bound, alone};
use crate::contest::{Contest, Figure, Rules};
use crate::database::analysed;
use crate::founding::{Commune, fiscal_year};
use crate::limit::pgbench;
use crate::program::Service;
use crate::statement::Prepared;
use crate::table::{Goal, Table};
use crate::{load, request, statement};

/// How many clients read at once.
const CLIENTS: usize = 16;
/// How long commitments are made to read afterwards.
const WRITING: Duration = Duration::from_secs(1);

/// What the execution of a budget reads: kept balances, no sums.
const EXECUTION: [&str; 4] = [
    "SELECT organisation_id, id, fiscal_year, kind, title, state, edition, version FROM budgets \
     WHERE organisation_id = $1 AND fiscal_year = $2 AND kind = 'original'",
    "SELECT organisation_id, fiscal_year, section, article, initial, increased, decreased, carried_forward, committed, verified, ordered, \
     accepted, paid, opened_at FROM appropriations WHERE organisation_id = $1 AND fiscal_year = $2 ORDER BY section DESC, article",
    "SELECT l.id, l.section, l.direction, l.chapter, l.article, l.paragraph, l.label_fr, l.label_en, l.function, l.funding, l.mandatory, \
     l.executable, l.location, l.plan_action, l.non_project_reason, l.initial, e.committed, e.verified, e.ordered, e.accepted, e.paid \
     FROM budgets b JOIN budget_lines l ON l.organisation_id = b.organisation_id AND l.budget_id = b.id AND l.edition = b.edition \
     LEFT JOIN line_executions e ON e.organisation_id = l.organisation_id AND e.budget_line_id = l.id \
     WHERE b.organisation_id = $1 AND b.fiscal_year = $2 AND b.kind = 'original' ORDER BY l.position",
    "SELECT r.budget_line_id, r.ordered, r.collected FROM revenue_executions r JOIN budget_lines l \
     ON l.organisation_id = r.organisation_id AND l.id = r.budget_line_id WHERE r.organisation_id = $1 AND l.section IS NOT NULL AND $2 > 0",
];

fn fetch(service: &Service, token: &str, path: &str) -> Response<ureq::Body> {
    let url = format!("http://{}{path}", service.address);
    ureq::get(url).header("authorization", format!("Bearer {token}")).call().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(service: &Service, token: &str, path: &str) -> Value {
    let text = fetch(service, token, path).body_mut().read_to_string().expect("an answer");
    serde_json::from_str(&text).expect("JSON")
}

/// The first commitments of a commune.
fn commitments(service: &Service, token: &str, commune: &Commune) -> Vec<Uuid> {
    let listed = json(service, token, &format!("/v1/organisations/{}/commitments?limit=200", commune.id));
    let rows = listed["data"].as_array().expect("rows").iter();
    rows.map(|row| row["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")).collect()
}

/// Commitments of a commune read by their ids, one after the other by many at once.
pub fn commitments_by_id(service: &Service, commune: &Commune, lasting: Duration) -> Figure {
    let token = service.token(commune.mayor);
    let ids = commitments(service, &token, commune).into_iter();
    let paths = ids.map(|id| format!("/v1/organisations/{}/commitments/{id}", commune.id)).collect();
    load::run(service.address, CLIENTS, lasting, &request::reads(&token, paths, ""))
}

/// One commitment by its id, alone, as often as one thread can.
fn commitment_alone(target: &Target, commune: Uuid, ids: &[Uuid], lasting: Duration) -> Figure {
    match target {
        Target::Sqlite(path) => {
            let conn = statement::open(path);
            let statements = Prepared::on(&conn);
            let (since, mut count) = (Instant::now(), 0_usize);
            while since.elapsed() < lasting {
                let id = ids[count % ids.len()];
                statements.with(statement::COMMITMENT, |query| query.query_row(params![commune, id], statement::whole));
                count += 1;
            }
            Figure::of_rate(count as f64 / since.elapsed().as_secs_f64())
        }
        Target::Postgres(url) => {
            let script = tempfile::NamedTempFile::new().expect("a file");
            let sql = statement::COMMITMENT.replace("?1", &format!("'{commune}'"));
            let texts: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
            let any = format!("(ARRAY[{}]::uuid[])[:index]", texts.join(","));
            let text = format!("\\set index random(1, {})\n{};\n", ids.len(), sql.replace("?2", &any));
            std::fs::write(script.path(), text).expect("a script");
            pgbench(url, script.path(), CLIENTS, lasting)
        }
    }
}

/// Reads on both engines.
pub fn reads(bench: &mut Bench) {
    let mut table = Table::default();
    read(bench, &mut table, "SQLite", &bench.sqlite.copy("reads"), bench.sqlite.communes());
    match &bench.postgres {
        Some(postgres) => read(bench, &mut table, "PostgreSQL", &postgres.copy("reads"), postgres.communes()),
        None => table.absent("reads, PostgreSQL", "PostgreSQL is not installed"),
    }
    bench.table.append(table);
}

fn read(bench: &Bench, table: &mut Table, engine: &str, target: &Target, communes: &[Commune]) {
    let service = Service::start(&bench.program, target, None);
    load::run(service.address, CLIENTS, WRITING, &request::commitments(&service, &communes[..1]));
    if let Target::Postgres(_) = target {
        // As its own housekeeping does within a minute.
        analysed(&mut target.connect(false).expect("a connection"));
    }
    let (commune, token) = (&communes[0], service.token(communes[0].mayor));
    let base = format!("/v1/organisations/{}", commune.id);
    let json = |path: &str| json(&service, &token, path);
    let ids = commitments(&service, &token, commune);
    let paths = ids.iter().map(|id| format!("{base}/commitments/{id}")).collect();
    let nomenclature = format!("/v1/nomenclatures/{}", json("/v1/nomenclatures")[0]["code"].as_str().expect("a nomenclature"));
    let tag = fetch(&service, &token, &nomenclature).headers().get("etag").map(|tag| tag.to_str().expect("a tag").to_owned());
    let one = |path: &str, header: &str| request::reads(&token, vec![path.to_owned()], header);

    let empty = one("/v1/meta", "");
    let commitment = request::reads(&token, paths, "");
    let published = one(&nomenclature, "");
    let unchanged = tag.as_ref().map(|tag| one(&nomenclature, &format!("if-none-match: {tag}\r\n")));
    let mut contest = Contest::default();
    contest.enter("empty", |lasting| load::run(service.address, CLIENTS, lasting, &empty));
    contest.enter("commitment", |lasting| load::run(service.address, CLIENTS, lasting, &commitment));
    contest.enter("its SQL", |lasting| commitment_alone(target, commune.id, &ids, lasting));
    contest.enter("published", |lasting| load::run(service.address, CLIENTS, lasting, &published));
    if let Some(unchanged) = &unchanged {
        contest.enter("unchanged", |lasting| load::run(service.address, CLIENTS, lasting, unchanged));
    }
    // Reads take little time: half as long is enough.
    let rules = Rules { lasting: bench.rules.lasting / 2, ..bench.rules };
    let results = contest.hold(rules);
    let told = |name: &str| format!("{:.0}/s to {:.0}/s", results.rate(name).median, results.rate("empty").median);
    let mut add = |what: &str, name: &str, goal: Goal| {
        table.spread(&format!("{what} / empty handler, {engine}"), results.ratio(name, "empty"), goal, &told(name));
    };
    add("one commitment", "commitment", Goal::AtLeast(0.3));
    add("the SQL of one commitment", "its SQL", Goal::None);
    add("published reference data", "published", Goal::None);
    if unchanged.is_some() {
        add("published reference data that the caller has", "unchanged", Goal::AtLeast(0.8));
    } else {
        table.absent(&format!("published reference data that the caller has, {engine}"), "it has no ETag");
    }

    let execution = one(&format!("{base}/fiscal-years/{}/budget-execution", fiscal_year()), "");
    let mut contest = Contest::default();
    contest.enter("execution", |lasting| load::run(service.address, 1, lasting, &execution));
    let bound = [Bound::Id(commune.id), Bound::Number(fiscal_year())];
    contest.enter("its SQL", |lasting| alone(target, &EXECUTION, &bound, lasting));
    let results = contest.hold(rules);
    let told = format!("{:.1} ms to {:.1} ms", 1000.0 / results.rate("execution").median, 1000.0 / results.rate("its SQL").median);
    let times = results.ratio("its SQL", "execution");
    table.spread(&format!("time of a budget's execution / its SQL, {engine}"), times, Goal::AtMost(2.0), &told);
    let said = service.stop_and_verify(&bench.program);
    eprintln!("  {engine}: {said}");
}
