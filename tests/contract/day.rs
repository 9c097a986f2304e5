//! The days that requests name: each follows from something, or says why it follows from nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Contract, text};

/// The rooms whose acts move other people's money, or answer for it.
const ROOMS: [&str; 4] = ["fund", "endowment", "programme", "project"];

/// A member of a request that is a day: its operation, and where it stands in the body.
type Member = (String, String);

fn asked(contract: &Contract) -> BTreeSet<Member> {
    let mut found = BTreeSet::new();
    for operation in contract.operations() {
        let body = &operation.described["requestBody"]["content"]["application/json"]["schema"];
        if !ROOMS.contains(&text(&operation.described["tags"][0]).as_str()) || body.is_null() {
            continue;
        }
        let id = text(&operation.described["operationId"]);
        contract.visit(body, "", &mut |schema, at| {
            if schema["format"] == "date" {
                found.insert((id.clone(), at.to_owned()));
            }
        });
    }
    found
}

#[test]
fn every_day_that_is_asked_for_follows_from_something_or_says_why_not() {
    let rows: Vec<BTreeMap<String, String>> =
        csv::Reader::from_reader(include_str!("days.csv").as_bytes()).deserialize().collect::<Result<_, _>>().expect("rows");
    let known: BTreeSet<Member> = rows.iter().map(|row| (row["operation"].clone(), row["member"].clone())).collect();
    assert_eq!(known.len(), rows.len(), "a member stands twice");
    let asked = asked(&Contract::read());
    let new: Vec<_> = asked.difference(&known).collect();
    assert!(new.is_empty(), "what do these days follow from? Say so in tests/contract/days.csv: {new:#?}");
    let gone: Vec<_> = known.difference(&asked).collect();
    assert!(gone.is_empty(), "nobody asks for these days any more: {gone:#?}");
    let refused: BTreeSet<(&str, &str)> = api::contract::refusal::listed().collect();
    for row in &rows {
        let of = |column: &str| row[column].as_str();
        let held = !of("cause").is_empty() && refused.contains(&(of("operation"), of("code"))) && of("why").is_empty();
        let free = of("cause").is_empty() && of("code").is_empty() && of("why").len() > 10;
        assert!(held || free, "either a cause with a code that refuses, or a reason: {row:?}");
    }
    // What refuses a day before its cause is told by the table, and by nothing else.
    let told = |code: &str| rows.iter().filter(|row| row["code"] == code).map(|row| row["operation"].as_str()).collect::<BTreeSet<_>>();
    let refusing: BTreeSet<&str> =
        refused.iter().filter(|(_, code)| *code == "DATE_BEFORE_CAUSE").map(|(operation, _)| *operation).collect();
    assert_eq!(told("DATE_BEFORE_CAUSE"), refusing);
}
