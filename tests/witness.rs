//! Runs after the suite and asks what it saw: every status of every operation that the contract names was met, every code
//! where the contract names it, and nothing was met that the contract does not name. And every example of the contract is a
//! body that was accepted.

#[path = "harness/shape.rs"]
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aho_corasick::AhoCorasick;
use api::contract::contract;
use api::contract::example::{example, examples};
use api::contract::outline::operations;
use api::contract::refusal::{follows, is_listed, listed};
use serde_json::{Map, Value, json};
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

/// What was seen of the codes that the list of refusals names.
fn met(seen: &BTreeSet<(String, u16, String)>) -> BTreeSet<(&str, &str)> {
    let declared = operations().expect("every route declares who may call it");
    let paths: BTreeMap<&str, &str> = declared.iter().map(|((_, path), operation)| (operation.id, path.as_str())).collect();
    let rows = seen.iter().map(|(id, _, code)| (id.as_str(), code.as_str()));
    rows.filter(|(id, code)| paths.get(id).is_some_and(|path| is_listed(path, code))).collect()
}

/// Writes the list that would be true, beside the one that is not.
fn propose(met: &BTreeSet<(&str, &str)>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("refusals.csv");
    let lines: BTreeSet<String> = met.iter().filter(|(id, code)| !follows(id, code)).map(|(id, code)| format!("{id},{code}\n")).collect();
    std::fs::write(&path, format!("operation,code\n{}", lines.into_iter().collect::<String>())).expect("written");
    path
}

/// Every operation with every status that a contract names for it.
fn documented(contract: &Value) -> BTreeSet<(String, u16)> {
    let operations = contract["paths"].as_object().into_iter().flatten().filter_map(|(_, item)| item.as_object()).flatten();
    let statuses = |described: &Value| -> Vec<(String, u16)> {
        let id = described["operationId"].as_str().expect("an id");
        let responses = described["responses"].as_object().into_iter().flatten();
        responses.map(|(status, _)| (id.to_owned(), status.parse().expect("a status"))).collect()
    };
    operations.flat_map(|(_, described)| statuses(described)).collect()
}

/// What a contract names and nobody saw, and what was seen and it does not name.
fn gaps(documented: &BTreeSet<(String, u16)>, seen: &BTreeSet<(String, u16)>) -> Vec<String> {
    let unseen = documented.difference(seen).map(|(id, status)| format!("{id} never answered {status}, which the contract names"));
    let unnamed = seen.difference(documented).map(|(id, status)| format!("{id} answered {status}, which the contract does not name"));
    unseen.chain(unnamed).collect()
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

/// What was sent and is found in what operators were told, each with the line of it.
fn leaked(sent: &[String], told: &str) -> Vec<String> {
    let sought = AhoCorasick::new(sent).expect("patterns");
    let line = |at: usize| told.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |end| end + 1));
    let found = sought.find_iter(told).map(|found| {
        let whole = told[line(found.start())..].lines().next().unwrap_or_default();
        format!("{:?} in {whole:?}", &sent[found.pattern().as_usize()])
    });
    found.collect::<BTreeSet<String>>().into_iter().collect()
}

#[test]
fn nothing_that_a_caller_sent_is_told_to_operators() {
    if seen().is_none() {
        println!("nothing to ask: the whole suite did not run just before");
        return;
    }
    let sent = std::fs::read_to_string(record("sent")).expect("what was sent");
    let sent: Vec<String> = sent.lines().map(|line| serde_json::from_str(line).expect("a text")).collect();
    let told = String::from_utf8_lossy(&std::fs::read(record("told")).expect("what was told")).into_owned();
    assert!(sent.len() > 1000 && told.contains("panicked") && told.contains("listening on"), "{} texts, {} bytes", sent.len(), told.len());
    let leaked = leaked(&sent, &told);
    assert!(leaked.is_empty(), "{}", leaked.join("\n"));
    println!("{} texts were sent, none is in {} bytes of log lines and figures", sent.len(), told.len());
}

#[test]
fn a_name_in_a_log_line_is_noticed() {
    let sent = ["Aminata Traoré".to_owned(), "another invented password".to_owned()];
    assert_eq!(leaked(&sent, "INFO listening on http://127.0.0.1:80\nWARN busy"), Vec::<String>::new());
    let told = "INFO listening\nWARN uniqueness violated: (name)=(Aminata Traoré)\nINFO ended";
    assert_eq!(leaked(&sent, told), ["\"Aminata Traoré\" in \"WARN uniqueness violated: (name)=(Aminata Traoré)\""]);
}

#[test]
fn the_suite_saw_all_that_the_contract_names_and_nothing_else() {
    let Some(seen) = seen() else {
        assert!(std::env::var_os("SIGIDA_TEST_WITNESS").is_none(), "the whole suite has to run just before");
        println!("nothing to ask: the whole suite did not run just before");
        return;
    };
    let documented = documented(&serde_json::to_value(contract()).expect("the contract"));
    let statuses = seen.iter().map(|(id, status, _)| (id.clone(), *status)).collect();
    let mut wrong = gaps(&documented, &statuses);
    let (met, named): (_, BTreeSet<(&str, &str)>) = (met(&seen), listed().collect());
    wrong.extend(met.difference(&named).map(|(id, code)| format!("{id} answered {code}, which the contract does not name")));
    wrong.extend(named.difference(&met).map(|(id, code)| format!("{id} never answered {code}, which the contract names")));
    if !wrong.is_empty() {
        let proposed = propose(&met);
        panic!(
            "{}\n\nThe codes that the suite saw are in {}; they belong in api/src/contract/refusals.csv.",
            wrong.join("\n"),
            proposed.display()
        );
    }
    println!("{} pairs of operation and status, {} of operation and code, all seen", documented.len(), named.len());
}

#[test]
fn a_status_that_never_comes_and_one_that_is_not_named_are_noticed() {
    let mut contract = serde_json::to_value(contract()).expect("the contract");
    let seen = documented(&contract);
    assert!(seen.len() > 1000 && gaps(&seen, &seen).is_empty());
    let responses = &mut contract["paths"]["/v1/meta"]["get"]["responses"];
    responses["418"] = json!({ "description": "Never." });
    drop(responses.as_object_mut().expect("responses").remove("200"));
    let noticed = gaps(&documented(&contract), &seen);
    let expected = ["read_meta never answered 418, which the contract names", "read_meta answered 200, which the contract does not name"];
    assert_eq!(noticed, expected);
    // An operation that nobody called at all is missed with all its statuses.
    let without: BTreeSet<(String, u16)> = seen.iter().filter(|(id, _)| id != "sign_in").cloned().collect();
    assert_eq!(gaps(&seen, &without).len(), seen.len() - without.len());
}
