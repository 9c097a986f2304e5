//! Which rules refuse each operation: kept beside the contract as data, and held by the test suite to be exactly what the
//! service answers.

use std::collections::BTreeMap;

use domain::refusal::Code;

use crate::problem::{self, all_codes};

const REFUSALS: &str = include_str!("refusals.csv");

/// Whether a code belongs to a room, and not to the manners of the whole service.
pub fn of_a_room(code: &Code) -> bool {
    !problem::CODES.contains(&code)
}

/// The codes of the rooms that an operation may refuse with, by status.
pub fn refusals(operation: &str) -> BTreeMap<u16, Vec<&'static str>> {
    let mut found: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for line in REFUSALS.lines().skip(1) {
        let named = line.split_once(',').filter(|(id, _)| *id == operation);
        if let Some(code) = named.and_then(|(_, name)| all_codes().find(|code| code.name == name)) {
            found.entry(problem::status(code.family).as_u16()).or_default().push(code.name);
        }
    }
    found
}

/// Every operation and code that the list names.
pub fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    REFUSALS.lines().skip(1).filter_map(|line| line.split_once(','))
}
