//! The contract read as data, and how an answer is held against the schema that it promises.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex};

use regex::Regex;
use serde_json::Value;

use crate::harness::Answer;

/// The contract as the program makes it.
pub struct Contract(pub Value);

/// An operation of the contract.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub described: Value,
}

impl Operation {
    pub fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    pub fn responses(&self) -> BTreeMap<String, Value> {
        serde_json::from_value(self.described["responses"].clone()).expect("responses")
    }

    pub fn parameters(&self, place: &str) -> BTreeSet<String> {
        let parameters = self.described["parameters"].as_array().cloned().unwrap_or_default();
        parameters.iter().filter(|parameter| parameter["in"] == place).map(|parameter| text(&parameter["name"])).collect()
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Contract {
    pub fn read() -> Self {
        Self(serde_json::to_value(api::contract::contract()).expect("the contract"))
    }

    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let of = |path: &String, item: &Value| -> Vec<Operation> {
            let operations = item.as_object().expect("operations").iter();
            operations
                .map(|(method, described)| {
                    let mut described = described.clone();
                    for response in described["responses"].as_object_mut().expect("responses").values_mut() {
                        *response = self.resolve(response).clone();
                    }
                    Operation { method: method.clone(), path: path.clone(), described }
                })
                .collect()
        };
        paths.iter().flat_map(|(path, item)| of(path, item)).collect()
    }

    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} leads nowhere")),
            None => schema,
        }
    }

    /// Calls `visit` with every schema below a place of the contract, and with where it stands; follows references.
    pub fn visit<'a>(&'a self, schema: &'a Value, at: &str, visit: &mut impl FnMut(&'a Value, &str)) {
        let schema = self.resolve(schema);
        visit(schema, at);
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            self.visit(property, &format!("{at}/{name}"), visit);
        }
        if let Some(items) = schema.get("items") {
            self.visit(items, &format!("{at}/*"), visit);
        }
        for kind in ["oneOf", "anyOf", "allOf"] {
            for part in schema[kind].as_array().into_iter().flatten() {
                self.visit(part, at, visit);
            }
        }
    }

    /// What in an answer is not as the schema says. Members that the schema does not know are faults too.
    fn faults(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.faults(part, value, at, found);
        }
        for kind in ["oneOf", "anyOf"] {
            let Some(parts) = schema[kind].as_array() else { continue };
            if !parts.iter().any(|part| self.matches(part, value)) {
                found.push(format!("{at}: {value} is none of {kind}"));
            }
        }
        let types: Vec<String> = match &schema["type"] {
            Value::Array(types) => types.iter().map(text).collect(),
            Value::String(one) => vec![one.clone()],
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|one| is_of(value, one)) {
            found.push(format!("{at}: {value} is not of type {types:?}"));
        }
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            found.push(format!("{at}: {value} is not in {}", schema["enum"]));
        }
        match value {
            Value::String(text) => found.extend(string_fault(schema, text).map(|fault| format!("{at}: {text:?} {fault}"))),
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                let beyond = schema["minimum"].as_f64().is_some_and(|least| number < least);
                if beyond || schema["maximum"].as_f64().is_some_and(|most| number > most) {
                    found.push(format!("{at}: {number} is out of range"));
                }
            }
            Value::Array(rows) => {
                if schema["maxItems"].as_u64().is_some_and(|most| rows.len() as u64 > most) {
                    found.push(format!("{at}: {} items", rows.len()));
                }
                for (index, row) in rows.iter().enumerate() {
                    self.faults(&schema["items"], row, &format!("{at}/{index}"), found);
                }
            }
            Value::Object(members) => {
                for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if !members.contains_key(name) {
                        found.push(format!("{at}: {name} is missing"));
                    }
                }
                let Some(properties) = schema["properties"].as_object() else { return };
                for (name, member) in members {
                    match properties.get(name) {
                        Some(property) => self.faults(property, member, &format!("{at}/{name}"), found),
                        None => found.push(format!("{at}: {name} is not in the contract")),
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// What in a value is not as a schema says.
    pub fn faults_of(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.faults(schema, value, "", &mut found);
        found
    }

    pub fn matches(&self, schema: &Value, value: &Value) -> bool {
        self.faults_of(schema, value).is_empty()
    }

    /// Holds a real answer against the operation's response of its status and content type; gives the answer on.
    #[track_caller]
    pub fn holds(&self, method: &str, path: &str, answer: Answer) -> Answer {
        self.check(method, path, &answer, true);
        answer
    }

    /// As [`Contract::holds`]; what was only tried has no version yet.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, answer: &Answer, done: bool) {
        let found = self.differences(method, path, answer, done);
        assert!(found.is_empty(), "{method} {path} answered {} otherwise than the contract says: {found:#?}", answer.status);
    }

    /// What in an answer is otherwise than the contract says.
    pub fn differences(&self, method: &str, path: &str, answer: &Answer, done: bool) -> Vec<String> {
        let response = self.resolve(&self.0["paths"][path][method]["responses"][answer.status.to_string()]);
        if !response.is_object() {
            return vec!["the status is not in the contract".to_owned()];
        }
        let mut found = Vec::new();
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let schema = &self.resolve(header)["schema"];
            match answer.header(&name.to_lowercase()) {
                Some(value) => self.faults(schema, &sent(schema, value), name, &mut found),
                None if SOMETIMES.contains(&name.as_str()) || (!done && OF_VERSIONS.contains(&name.as_str())) => {}
                None => found.push(format!("{name} is missing")),
            }
        }
        if response["content"].is_null() {
            found.extend((!answer.bytes.is_empty()).then(|| "there is a body".to_owned()));
            return found;
        }
        let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
        let schema = &response["content"][&kind]["schema"];
        if !schema.is_object() {
            found.push(format!("{kind:?} is not in the contract"));
        } else if kind.ends_with("json") && answer.header("content-encoding").is_none() {
            // What is no JSON, or is packed, is told by its kind alone.
            self.faults(schema, &answer.json(), "", &mut found);
        }
        found
    }
}

/// Headers of some answers: those to pages of allowed origins, and to repeated requests.
const SOMETIMES: [&str; 2] = ["Access-Control-Allow-Origin", "Idempotency-Replayed"];
/// Headers that only what was done carries.
const OF_VERSIONS: [&str; 2] = ["ETag", "Location"];

/// The value of a header as its schema sees it.
fn sent(schema: &Value, value: &str) -> Value {
    match value.parse::<i64>() {
        Ok(number) if schema["type"] == "integer" => number.into(),
        _ => value.into(),
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the contract uses type {other}"),
    }
}

/// Whether a text fits a pattern of the contract; patterns are read once.
fn fits(pattern: &str, text: &str) -> bool {
    static READ: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut read = READ.lock().expect("patterns");
    let pattern = read.entry(pattern.to_owned()).or_insert_with_key(|pattern| Regex::new(pattern).expect("a pattern")).clone();
    drop(read);
    pattern.is_match(text)
}

fn string_fault(schema: &Value, text: &str) -> Option<String> {
    let length = text.chars().count() as u64;
    if schema["maxLength"].as_u64().is_some_and(|most| length > most) || schema["minLength"].as_u64().is_some_and(|least| length < least) {
        return Some(format!("has {length} characters"));
    }
    if let Some(pattern) = schema["pattern"].as_str().filter(|pattern| !fits(pattern, text)) {
        return Some(format!("does not match {pattern}"));
    }
    let formed = match schema["format"].as_str() {
        Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
        Some("date") => text.len() == 10 && text.parse::<chrono::NaiveDate>().is_ok(),
        Some("date-time") => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        _ => true,
    };
    (!formed).then(|| format!("is no {}", schema["format"]))
}
