//! Runs after the suite and asks what it saw: every operation succeeded, every code of a room was met where the contract
//! names it, and nothing was met that the contract does not name. And every example of the contract is a body that was accepted.

#[path = "harness/shape.rs"]
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use api::contract::example::{example, examples};
use api::contract::refusal::{listed, of_a_room};
use api::problem::all_codes;
use serde_json::{Map, Value};
use shape::shape;

/// The longest body that is proposed as an example, as long as there is a shorter one.
const EXAMPLE_MAX: usize = 1200;

/// Where the suite wrote what it saw.
fn record(extension: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("seen-{}.{extension}", std::os::unix::process::parent_id()))
}

/// What the suite saw, if it ran whole just before: operation, status, code.
fn seen() -> Option<BTreeSet<(String, u16, String)>> {
    let text = std::fs::read_to_string(record("csv")).ok()?;
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

/// The bodies that the suite had accepted, as samples, by operation.
fn accepted() -> BTreeMap<String, BTreeSet<String>> {
    let mut accepted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(record("ndjson")).unwrap_or_default().lines() {
        let line: Value = serde_json::from_str(line).expect("a line");
        let operation = line["operation"].as_str().expect("an operation").to_owned();
        accepted.entry(operation).or_default().insert(line["body"].to_string());
    }
    accepted
}

/// Whether a body with the same members was accepted.
fn holds(example: &Value, accepted: &BTreeSet<String>) -> bool {
    let members = shape(example);
    accepted.iter().any(|text| serde_json::from_str::<Value>(text).is_ok_and(|one| shape(&one) == members))
}

/// The examples that hold, and for what has none the accepted body that tells most, beside those that are there.
fn propose_examples(accepted: &BTreeMap<String, BTreeSet<String>>) -> PathBuf {
    let best = |bodies: &BTreeSet<String>| -> Value {
        let told = |text: &&String| shape(&serde_json::from_str(text).expect("a body")).len();
        let short = bodies.iter().filter(|text| text.len() <= EXAMPLE_MAX).rev().max_by_key(told);
        let text = short.or_else(|| bodies.iter().min_by_key(|text| text.len())).expect("a body");
        serde_json::from_str(text).expect("a body")
    };
    let kept = |operation: &str, bodies| example(operation).filter(|example| holds(example, bodies)).cloned();
    let examples: Map<String, Value> =
        accepted.iter().map(|(operation, bodies)| (operation.clone(), kept(operation, bodies).unwrap_or_else(|| best(bodies)))).collect();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("examples.json");
    let text = serde_json::to_string_pretty(&examples).expect("JSON");
    std::fs::write(&path, text + "\n").expect("written");
    path
}

#[test]
fn every_example_is_a_body_that_the_suite_had_accepted() {
    if seen().is_none() {
        println!("nothing to ask: the whole suite did not run just before");
        return;
    }
    let accepted = accepted();
    let mut wrong: Vec<String> =
        accepted.keys().filter(|operation| example(operation).is_none()).map(|operation| format!("{operation} has no example")).collect();
    for (operation, example) in examples() {
        if !accepted.get(operation).is_some_and(|bodies| holds(example, bodies)) {
            wrong.push(format!("{operation} never took a body with the members of its example"));
        }
    }
    if !wrong.is_empty() {
        let proposed = propose_examples(&accepted);
        panic!("{}\n\nWhat would hold is in {}; it belongs in api/src/contract/examples.json.", wrong.join("\n"), proposed.display());
    }
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
