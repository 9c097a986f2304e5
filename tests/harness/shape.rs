//! What a body is made of.

use std::collections::BTreeSet;

use serde_json::Value;

/// The members of a body, by their places in it.
pub fn shape(body: &Value) -> BTreeSet<String> {
    fn visit(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let at = format!("{at}/{name}");
                    visit(member, &at, found);
                    found.insert(at);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| visit(item, &format!("{at}/*"), found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    visit(body, "", &mut found);
    found
}
