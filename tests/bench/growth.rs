//! Measure of growth: commitments, and reads of them by id, where the ledger has a million lines, beside the same where it has just begun.

use db::connection::Target;

use crate::Bench;
use crate::contest::Contest;
use crate::founding::Commune;
use crate::import::{ENTRIES, fill};
use crate::program::Service;
use crate::read::commitments_by_id;
use crate::table::{Goal, Table};
use crate::write::{POSTGRESQL, SQLITE, commit, end};

/// How many communes have a hundred thousand entries of two lines each.
const GROWN: usize = 5;

/// Growth on both engines.
pub fn growth(bench: &mut Bench) {
    let mut table = Table::default();
    let copies = ["young", "grown"].map(|name| bench.sqlite.copy(name));
    measure(bench, &mut table, SQLITE, &copies, bench.sqlite.communes());
    match &bench.postgres {
        Some(postgres) => measure(bench, &mut table, POSTGRESQL, &["young", "grown"].map(|name| postgres.copy(name)), postgres.communes()),
        None => table.absent("growth, PostgreSQL", "PostgreSQL is not installed"),
    }
    bench.table.append(table);
}

fn measure(bench: &Bench, table: &mut Table, engine: &str, copies: &[Target; 2], communes: &[Commune]) {
    let [young, grown] = copies.each_ref().map(|target| Service::start(&bench.program, target, None));
    let communes = &communes[..GROWN];
    fill(&grown, communes);
    let lines = GROWN * ENTRIES * 2;
    let mut add = |what: &str, run: &dyn Fn(&Service, std::time::Duration) -> crate::contest::Figure| {
        let mut contest = Contest::default();
        contest.enter("young", |lasting| run(&young, lasting));
        contest.enter("grown", |lasting| run(&grown, lasting));
        let results = contest.hold(bench.rules);
        let told = format!("{:.0}/s to {:.0}/s", results.rate("grown").median, results.rate("young").median);
        let times = results.ratio("young", "grown");
        table.spread(&format!("{what} with {lines} ledger lines / with none, {engine}"), times, Goal::AtMost(1.3), &told);
    };
    add("time of a commitment", &|service, lasting| commit(service, communes, lasting));
    add("time of a read by id", &|service, lasting| commitments_by_id(service, &communes[0], lasting));
    let memory = grown.memory_at_most() / 1024.0;
    table.value(&format!("{lines} ledger lines, {engine}: memory at most, MiB"), memory, Goal::None, "while they were imported too");
    end(bench, &format!("{engine}, young"), young);
    end(bench, &format!("{engine}, grown"), grown);
}
