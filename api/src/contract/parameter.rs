//! Query parameters as the contract describes them: what a request brings is held against it before any handler reads it.

use std::collections::HashMap;

use chrono::{Datelike as _, NaiveDate};
use domain::text::forbidden;
use utoipa::Number;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr};
use uuid::Uuid;

use crate::access::operation;
use crate::problem::{Problem, REQUEST_PARAMETER_INVALID};
use crate::wire::YEARS;

/// What a parameter may hold.
enum Kind {
    Integer { least: i64, most: i64 },
    Boolean,
    Uuid,
    Date,
    Words(Vec<String>),
    Text { longest: usize },
}

/// The parameters of one operation, by name.
#[derive(Default)]
pub struct Parameters(HashMap<String, Kind>);

fn bound(number: Option<&Number>, otherwise: i64) -> i64 {
    match number {
        Some(Number::Int(bound)) => i64::try_from(*bound).unwrap_or(otherwise),
        Some(Number::UInt(bound)) => i64::try_from(*bound).unwrap_or(otherwise),
        _ => otherwise,
    }
}

fn kind_of(contract: &OpenApi, schema: &RefOr<Schema>) -> Option<Kind> {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next()?;
            kind_of(contract, contract.components.as_ref()?.schemas.get(name)?)
        }
        RefOr::T(Schema::Object(object)) => Some(kind_of_object(object)),
        RefOr::T(Schema::OneOf(either)) => either.items.iter().filter_map(|item| kind_of(contract, item)).next_back(),
        RefOr::T(_) => None,
    }
}

fn kind_of_object(object: &Object) -> Kind {
    let is = |wanted: Type| match &object.schema_type {
        SchemaType::Type(one) => *one == wanted,
        SchemaType::Array(several) => several.contains(&wanted),
        SchemaType::AnyValue => false,
    };
    if is(Type::Integer) {
        return Kind::Integer { least: bound(object.minimum.as_ref(), i64::MIN), most: bound(object.maximum.as_ref(), i64::MAX) };
    }
    if is(Type::Boolean) {
        return Kind::Boolean;
    }
    if let Some(words) = &object.enum_values {
        return Kind::Words(words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect());
    }
    match &object.format {
        Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)) => Kind::Uuid,
        Some(SchemaFormat::KnownFormat(KnownFormat::Date)) => Kind::Date,
        _ => Kind::Text { longest: object.max_length.unwrap_or(usize::MAX) },
    }
}

impl Kind {
    /// What was expected, if a value is something else.
    fn expected(&self, value: &str) -> Option<String> {
        let (fits, expected) = match self {
            Kind::Integer { least, most } => {
                (value.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number)), format!("an integer from {least} to {most}"))
            }
            Kind::Boolean => (matches!(value, "true" | "false"), "true or false".to_owned()),
            Kind::Uuid => (Uuid::parse_str(value).is_ok(), "an id (UUID)".to_owned()),
            Kind::Date => {
                let day = value.parse::<NaiveDate>().ok().filter(|day| value.len() == 10 && YEARS.contains(&day.year()));
                (day.is_some(), "a day of the years 1900 to 2200, such as 2025-03-14".to_owned())
            }
            Kind::Words(words) => (words.iter().any(|word| word == value), format!("one of {}", words.join(", "))),
            Kind::Text { longest } => {
                let fits = value.chars().count() <= *longest && !value.contains(forbidden);
                (fits, format!("at most {longest} characters, none of them a control character"))
            }
        };
        (!fits).then_some(expected)
    }
}

impl Parameters {
    /// Refuses a query with unknown, repeated or unfitting parameters, each by its name.
    pub fn require(&self, query: &str) -> Result<(), Problem> {
        let mut seen: Vec<String> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let refuse = |why: &str| {
                let place: String = name.chars().take(60).collect();
                Err(Problem::unreadable(&REQUEST_PARAMETER_INVALID, &format!("?{place}"), why))
            };
            let Some(kind) = self.0.get(name) else { return refuse("unknown parameter") };
            if seen.iter().any(|one| one == name) {
                return refuse("given more than once");
            }
            seen.push(name.to_owned());
            let spaced = value.replace('+', " ");
            let Ok(text) = percent_encoding::percent_decode_str(&spaced).decode_utf8() else { return refuse("not UTF-8") };
            if let Some(expected) = kind.expected(&text) {
                return refuse(&format!("expected {expected}"));
            }
        }
        Ok(())
    }
}

/// The query parameters of each operation.
pub fn query_parameters(contract: &OpenApi) -> HashMap<&'static str, Parameters> {
    let mut known = HashMap::new();
    for item in contract.paths.paths.values() {
        for described in [&item.get, &item.post, &item.put, &item.patch].into_iter().flatten() {
            let Some(declared) = described.operation_id.as_deref().and_then(operation) else { continue };
            let of_query = |parameter: &RefOr<Parameter>| match parameter {
                RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => {
                    let kind = parameter.schema.as_ref().and_then(|schema| kind_of(contract, schema));
                    Some((parameter.name.clone(), kind.unwrap_or(Kind::Text { longest: usize::MAX })))
                }
                _ => None,
            };
            known.insert(declared.id, Parameters(described.parameters.iter().flatten().filter_map(of_query).collect()));
        }
    }
    known
}
