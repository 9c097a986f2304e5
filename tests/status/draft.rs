//! Requests made from the contract: for every operation one that the service can read, on things that the town has.

use std::collections::BTreeMap;

use api::access::Operation;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::access::{Ids, permitted, roles_of_the_cast};
use crate::contract::{Contract, schema, schema::text};
use crate::endowment::is_of_a_grantor;
use crate::harness::{Answer, Client, Town};

/// A request that can be read. What is wrong with it is put in by those who try it.
#[derive(Clone)]
pub struct Draft {
    pub operation: &'static Operation,
    pub method: String,
    pub pattern: String,
    pub path: String,
    pub headers: BTreeMap<&'static str, String>,
    pub body: Vec<u8>,
    /// How the contract describes the operation.
    pub described: Value,
    /// One of the cast whom the operation lets in.
    pub login: &'static str,
}

impl Draft {
    pub fn send(&self, client: &Client) -> Answer {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        client.send(&self.method, &self.path, &headers, &self.body)
    }

    pub fn id(&self) -> &'static str {
        self.operation.id
    }

    /// Whether the contract names a status for the operation.
    pub fn names(&self, status: u16) -> bool {
        self.described["responses"][status.to_string()].is_object()
    }

    pub fn reads_a_body(&self) -> bool {
        self.described["requestBody"].is_object()
    }

    #[must_use]
    pub fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.insert(header, value.to_owned());
        self
    }

    #[must_use]
    pub fn without(mut self, header: &'static str) -> Self {
        self.headers.remove(header);
        self
    }

    #[must_use]
    pub fn asking(mut self, query: &str) -> Self {
        self.path += if self.path.contains('?') { "&" } else { "?" };
        self.path += query;
        self
    }

    #[must_use]
    pub fn saying(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same on other places: what `stand_in` gives for a parameter of the path stands there.
    #[must_use]
    pub fn at(mut self, stand_in: impl Fn(&str) -> Option<String>) -> Self {
        let query = self.path.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        let told: Vec<&str> = self.path.split('?').next().unwrap_or_default().split('/').collect();
        let segment = |(name, told): (&str, &&str)| {
            name.strip_prefix('{').and_then(|name| stand_in(name.strip_suffix('}')?)).unwrap_or_else(|| (*told).to_owned())
        };
        let path = self.pattern.split('/').zip(&told).map(segment).collect::<Vec<_>>().join("/") + &query;
        self.path = path;
        self
    }

    /// The names of the parameters of the path.
    pub fn places(&self) -> Vec<&str> {
        self.pattern.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect()
    }
}

/// A value that the schema of a member allows: what the contract gives as an example, an id of the town, or the least.
fn sample(contract: &Contract, schema: &Value, name: &str, ids: &Ids) -> Value {
    let schema = contract.resolve(schema);
    if let Some(id) = ids.of_member(name).filter(|_| schema["type"] != "array") {
        return json!(id);
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    if let Some(word) = schema["enum"].as_array().and_then(|words| words.first()) {
        return word.clone();
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        if let Some(one) = schema[kind].as_array().and_then(|parts| parts.iter().find(|part| part["type"] != "null")) {
            return sample(contract, one, name, ids);
        }
    }
    let kind = schema["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| **kind != "null")).unwrap_or(&schema["type"]);
    match kind.as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().map(text);
            let members: Map<String, Value> =
                required.map(|name| (name.clone(), sample(contract, &schema["properties"][&name], &name, ids))).collect();
            members.into()
        }
        Some("array") => {
            let one = sample(contract, &schema["items"], name, ids);
            vec![one; usize::try_from(schema["minItems"].as_u64().unwrap_or(1).max(1)).expect("few")].into()
        }
        Some("integer" | "number") => schema["minimum"].as_i64().unwrap_or(1).max(1).into(),
        Some("boolean") => json!(false),
        _ => match schema["format"].as_str() {
            Some("uuid") => json!(Uuid::new_v4()),
            Some("date") => json!("2025-02-03"),
            Some("date-time") => json!("2025-02-03T08:00:00Z"),
            _ => json!("x".repeat(usize::try_from(schema["minLength"].as_u64().unwrap_or(1).max(1)).expect("short"))),
        },
    }
}

/// The body of an operation as the contract allows it, with its kind.
fn body(contract: &Contract, described: &Value, ids: &Ids) -> Option<(String, Vec<u8>)> {
    let (kind, content) = described["requestBody"]["content"].as_object()?.iter().next()?;
    let value = sample(contract, &content["schema"], "", ids);
    let bytes = match value.as_object() {
        Some(members) if kind == "application/x-www-form-urlencoded" => {
            members.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join("&")
        }
        _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    };
    Some((kind.clone(), bytes.into_bytes()))
}

/// The query without which an operation cannot be read.
fn query(contract: &Contract, described: &Value, ids: &Ids) -> String {
    let parameters = described["parameters"].as_array().into_iter().flatten();
    let needed = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    let pair = |parameter: &Value| {
        let name = text(&parameter["name"]);
        let value = sample(contract, &parameter["schema"], &name, ids);
        format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    needed.map(pair).collect::<Vec<_>>().join("&")
}

/// Keys are those of a partner system.
pub fn owner<'a>(pattern: &str, name: &'a str) -> &'a str {
    if name == "principal_id" && pattern.contains("/keys") { "partner_system_id" } else { name }
}

/// A draft for every operation of the contract, on the things of the town that the ids name.
pub fn drafts(town: &Town, ids: &Ids) -> Vec<Draft> {
    let (contract, cast) = (Contract::read(), roles_of_the_cast(town));
    let draft = |operation: schema::Operation| {
        let declared = api::access::operation(&text(&operation.described["operationId"])).expect("declared");
        let login = permitted(declared, &cast).unwrap_or_else(|| panic!("nobody of the cast may {}", declared.id));
        let mut headers = BTreeMap::new();
        for name in operation.parameters("header") {
            match name.as_str() {
                "Idempotency-Key" => drop(headers.insert("idempotency-key", Uuid::new_v4().to_string())),
                "If-Match" => drop(headers.insert("if-match", "\"1-json\"".to_owned())),
                "Access-Reason" => drop(headers.insert("access-reason", "Contr%C3%B4le annuel".to_owned())),
                _ => {}
            }
        }
        let (kind, body) = body(&contract, &operation.described, ids).unwrap_or_default();
        if !kind.is_empty() {
            headers.insert("content-type", kind);
        }
        let code = crate::contract::code(town, &operation.path);
        let query = query(&contract, &operation.described, ids);
        let of_a_grantor = is_of_a_grantor(&operation.path);
        let draft = Draft {
            operation: declared,
            method: operation.method.to_uppercase(),
            path: operation.path.clone(),
            pattern: operation.path,
            headers,
            body,
            described: operation.described,
            login,
        };
        let draft = draft.clone().at(|name| {
            let name = if name == "organisation_id" && of_a_grantor { "grantor_id" } else { name };
            let known = match name {
                "code" => code.clone(),
                "resource" => Some("projects".to_owned()),
                name => ids.of_member(owner(&draft.pattern, name)),
            };
            Some(known.unwrap_or_else(|| panic!("teach this test an id for {name}")))
        });
        if query.is_empty() { draft } else { draft.asking(&query) }
    };
    contract.operations().into_iter().map(draft).collect()
}
