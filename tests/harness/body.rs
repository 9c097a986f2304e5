//! How a body that was accepted is kept as an example: with invented ids and secrets.

use std::collections::BTreeMap;

use serde_json::Value;

/// Members that nobody is told; what an example shows in their place is plainly invented.
const SECRET: [(&str, &str); 8] = [
    ("old_password", "an invented password"),
    ("password", "another invented password"),
    ("one_time_password", "123456"),
    ("code", "INVENTED-ONE-TIME-CODE-0000000000"),
    ("refresh_token", "an-invented-refresh-token-0000000000000000000"),
    ("client_secret", "an-invented-client-secret"),
    ("client_assertion", "an.invented.assertion"),
    ("assertion", "an.invented.token"),
];

/// Whether a member of this name is a secret wherever it stands.
pub fn is_secret(name: &str) -> bool {
    name != "code" && SECRET.iter().any(|(secret, _)| *secret == name)
}

/// The body with other ids, numbered as they come, and with invented secrets where an operation takes some.
pub fn sample(operation: &str, body: &Value) -> Value {
    fn replace(value: &mut Value, secrets: bool, ids: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match SECRET.iter().find(|(secret, _)| secrets && secret == name) {
                        Some((_, invented)) => *member = Value::from(*invented),
                        None => replace(member, secrets, ids),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| replace(item, secrets, ids)),
            Value::String(text) if text.parse::<uuid::Uuid>().is_ok() => {
                let next = format!("01940000-0000-7000-8000-{:012}", ids.len() + 1);
                *text = ids.entry(text.clone()).or_insert(next).clone();
            }
            _ => {}
        }
    }
    let mut sample = body.clone();
    let secrets = api::access::operation(operation).is_some_and(|declared| declared.effect == api::access::Effect::Secret);
    replace(&mut sample, secrets, &mut BTreeMap::new());
    sample
}

/// A body as data; what is sent as a form becomes members too. Tables in CSV have no members, and what has none tells nothing.
pub fn read(body: &[u8]) -> Option<Value> {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return value.as_object().is_some_and(|members| !members.is_empty()).then_some(value);
    }
    let form = std::str::from_utf8(body).ok().filter(|text| text.starts_with("grant_type="))?;
    Some(form.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
}
