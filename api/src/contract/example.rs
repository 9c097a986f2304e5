//! A real body for each operation that takes one: kept beside the contract as data, and held by the test suite to be one that
//! the service accepts.

use std::sync::LazyLock;

use serde_json::{Map, Value};

static EXAMPLES: LazyLock<Map<String, Value>> = LazyLock::new(|| serde_json::from_str(include_str!("examples.json")).unwrap_or_default());

/// The example of an operation.
pub fn example(operation: &str) -> Option<&'static Value> {
    EXAMPLES.get(operation)
}

/// Every operation that has an example, with it.
pub fn examples() -> impl Iterator<Item = (&'static str, &'static Value)> {
    EXAMPLES.iter().map(|(operation, body)| (operation.as_str(), body))
}
