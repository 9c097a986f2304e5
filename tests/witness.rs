//! Runs after the suite and asks what it saw: every operation succeeded, every code of a room was met where the contract
//! names it, and nothing was met that the contract does not name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use api::contract::refusal::{listed, of_a_room};
use api::problem::all_codes;

/// What the suite saw, if it ran whole just before: operation, status, code.
fn seen() -> Option<BTreeSet<(String, u16, String)>> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let record = folder.join(format!("seen-{}.csv", std::os::unix::process::parent_id()));
    let text = std::fs::read_to_string(record).ok()?;
    let (first, lines) = text.split_once('\n')?;
    let row = |line: &str| {
        let mut parts = line.split(',');
        Some((parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?.to_owned()))
    };
    (first == "all").then(|| lines.lines().filter_map(row).collect())
}

/// Writes the list that would be true, beside the one that is not.
fn propose(seen: &BTreeSet<(String, u16, String)>) -> PathBuf {
    let rooms: BTreeSet<&str> = all_codes().filter(|code| of_a_room(code)).map(|code| code.name).collect();
    let lines: BTreeSet<String> =
        seen.iter().filter(|(_, _, code)| rooms.contains(code.as_str())).map(|(id, _, code)| format!("{id},{code}\n")).collect();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("refusals.csv");
    std::fs::write(&path, format!("operation,code\n{}", lines.into_iter().collect::<String>())).expect("written");
    path
}

#[test]
fn the_suite_saw_all_that_the_contract_names_and_nothing_else() {
    let Some(seen) = seen() else {
        assert!(std::env::var_os("SIGIDA_TEST_WITNESS").is_none(), "the whole suite has to run just before");
        println!("nothing to ask: the whole suite did not run just before");
        return;
    };
    let mut wrong = Vec::new();
    let succeeded: BTreeSet<&str> = seen.iter().filter(|(_, status, _)| *status < 400).map(|(id, ..)| id.as_str()).collect();
    for operation in api::access::OPERATIONS {
        if !succeeded.contains(operation.id) {
            wrong.push(format!("{} never succeeded", operation.id));
        }
    }
    let rooms: BTreeMap<&str, bool> = all_codes().map(|code| (code.name, of_a_room(code))).collect();
    let met: BTreeSet<(&str, &str)> = seen
        .iter()
        .filter(|(_, _, code)| rooms.get(code.as_str()).copied().unwrap_or_default())
        .map(|(id, _, code)| (id.as_str(), code.as_str()))
        .collect();
    let named: BTreeSet<(&str, &str)> = listed().collect();
    wrong.extend(met.difference(&named).map(|(id, code)| format!("{id} answered {code}, which the contract does not name")));
    wrong.extend(named.difference(&met).map(|(id, code)| format!("{id} never answered {code}, which the contract names")));
    if !wrong.is_empty() {
        let proposed = propose(&seen);
        panic!("{}\n\nWhat the suite saw is in {}; it belongs in api/src/contract/refusals.csv.", wrong.join("\n"), proposed.display());
    }
}
