//! What the contract promises to those who already call it, one fact a line, and what would break them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::schema::{Contract, text};

/// Facts in the order of their text.
pub type Promises = BTreeSet<String>;

/// What must stay because someone sends or reads it. That a refusal no longer comes breaks nobody: all have one form.
const KEPT: [&str; 6] = [" is ", " takes ", " answers 2", " answers 3", " has ", " always "];

impl Contract {
    /// Everything that a caller may rest on.
    pub fn promises(&self) -> Promises {
        let (mut facts, sent) = (Promises::new(), self.sent());
        for operation in self.operations() {
            let id = text(&operation.described["operationId"]);
            facts.insert(format!("{id} is {}", operation.name()));
            for parameter in operation.described["parameters"].as_array().into_iter().flatten() {
                let place = format!("{} {}", text(&parameter["in"]), text(&parameter["name"]));
                facts.insert(format!("{id} takes {place} {}", self.kind(&parameter["schema"])));
                if parameter["required"] == true {
                    facts.insert(format!("{id} needs {place}"));
                }
            }
            for (form, content) in operation.described["requestBody"]["content"].as_object().into_iter().flatten() {
                facts.insert(format!("{id} takes {form} {}", self.kind(&content["schema"])));
            }
            for (status, response) in operation.responses() {
                for (form, content) in response["content"].as_object().into_iter().flatten() {
                    facts.insert(format!("{id} answers {status} {form} {}", self.kind(&content["schema"])));
                }
            }
        }
        for (name, schema) in self.0["components"]["schemas"].as_object().expect("schemas") {
            for (member, property) in schema["properties"].as_object().into_iter().flatten() {
                facts.insert(format!("{name} has {member} {}", self.kind(property)));
            }
            for member in schema["required"].as_array().into_iter().flatten() {
                facts.insert(format!("{name} {} {}", if sent.contains(name) { "needs" } else { "always" }, text(member)));
            }
            for word in schema["enum"].as_array().into_iter().flatten() {
                facts.insert(format!("{name} has the word {}", text(word)));
            }
        }
        facts
    }

    /// The schemas that callers send, rather than read.
    fn sent(&self) -> BTreeSet<String> {
        let mut sent = BTreeSet::new();
        for operation in self.operations() {
            self.reach(&operation.described["requestBody"], &mut sent);
        }
        sent
    }

    fn reach(&self, place: &Value, found: &mut BTreeSet<String>) {
        match place {
            Value::Object(members) => {
                if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next())
                    && found.insert(name.to_owned())
                {
                    self.reach(self.resolve(place), found);
                }
                members.values().for_each(|member| self.reach(member, found));
            }
            Value::Array(parts) => parts.iter().for_each(|part| self.reach(part, found)),
            _ => {}
        }
    }

    /// The form of a schema in a word: its name, or its types.
    fn kind(&self, schema: &Value) -> String {
        if let Some(reference) = schema["$ref"].as_str() {
            return reference.rsplit('/').next().unwrap_or_default().to_owned();
        }
        for several in ["oneOf", "anyOf"] {
            if let Some(parts) = schema[several].as_array() {
                return parts.iter().map(|part| self.kind(part)).collect::<Vec<_>>().join("|");
            }
        }
        match &schema["type"] {
            Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join("|"),
            Value::String(kind) if kind == "array" => format!("list of {}", self.kind(&schema["items"])),
            kind => text(kind),
        }
    }
}

/// What breaks callers between one set of promises and the next: something gone, or something newly asked of them.
pub fn broken(before: &Promises, now: &Promises) -> Vec<String> {
    let subject = |fact: &str| fact.split(' ').next().unwrap_or_default().to_owned();
    let known: BTreeSet<String> = before.iter().map(|fact| subject(fact)).collect();
    let gone = before.difference(now).filter(|fact| KEPT.iter().any(|kept| fact.contains(kept))).map(|fact| format!("no longer: {fact}"));
    let asked = now.difference(before).filter(|fact| fact.contains(" needs ") && known.contains(&subject(fact)));
    gone.chain(asked.map(|fact| format!("newly: {fact}"))).collect()
}
