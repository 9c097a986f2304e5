//! What can be set by the body of a request, read from the contract: forms of clients need no list of their own.

use std::collections::BTreeMap;

use domain::text::Text;
use domain::words;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation as Described;
use utoipa::openapi::schema::{ArrayItems, KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Components, OpenApi, RefOr};

use crate::access::operation;
use crate::export::resolved;

words! {
    /// What stands in a field.
    pub enum FieldKind {
        /// A text.
        Text = "text",
        /// A whole number.
        Integer = "integer",
        /// Yes or no.
        Boolean = "boolean",
        /// A day, YYYY-MM-DD.
        Date = "date",
        /// An id.
        Id = "id",
        /// A list.
        List = "list",
        /// A group of fields.
        Group = "group",
    }
}

/// A field of a body.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldView {
    /// JSON Pointer into the request body; `*` stands for each item of a list.
    #[schema(max_length = 200, example = "/proposal/lines/*/amount")]
    pub pointer: String,
    pub kind: FieldKind,
    /// Whether it has to be given where what it lies in is given.
    pub required: bool,
    /// The words it may be, if it is one of few.
    #[schema(max_items = 300, value_type = Vec<Text<100>>)]
    pub allowed: Vec<String>,
    /// The least number.
    pub minimum: Option<i64>,
    /// The largest number.
    pub maximum: Option<i64>,
    /// The fewest characters, or items of a list.
    #[schema(minimum = 0)]
    pub length_min: Option<usize>,
    /// The most characters, or items of a list.
    #[schema(minimum = 0)]
    pub length_max: Option<usize>,
    /// A regular expression that a text matches.
    #[schema(max_length = 2000)]
    pub pattern: Option<String>,
    /// What it is.
    #[schema(max_length = 2000)]
    pub description: Option<String>,
}

/// What can be set on what is written.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResourceFields {
    #[schema(max_length = 100, example = "projects")]
    pub resource: String,
    /// The operation that writes it.
    #[schema(max_length = 60, example = "draft_project")]
    pub operation: &'static str,
    /// Where it is written.
    #[schema(max_length = 200)]
    pub path: String,
    #[schema(max_items = 200)]
    pub fields: Vec<FieldView>,
}

/// How what lies under a path is named: by the segments of the path that are no ids, joined by points.
fn name_of(path: &str) -> String {
    let own = path.strip_prefix("/v1/organisations/{organisation_id}/").or(path.strip_prefix("/v1/")).unwrap_or(path);
    own.split('/').filter(|segment| !segment.starts_with('{')).collect::<Vec<_>>().join(".")
}

/// The fields of everything that an operation writes by a body, by its name.
pub fn fields(contract: &OpenApi) -> BTreeMap<String, ResourceFields> {
    let mut resources = BTreeMap::new();
    let Some(components) = &contract.components else { return resources };
    for (path, item) in &contract.paths.paths {
        for (method, described) in [("post", &item.post), ("put", &item.put), ("patch", &item.patch)] {
            let Some(described) = described else { continue };
            let declared = described.operation_id.as_deref().and_then(operation);
            if let (Some(declared), Some(body)) = (declared, body_of(described)) {
                let mut fields = Vec::new();
                members(components, body, "", 0, &mut fields);
                let name = name_of(path);
                // What is changed under the name of what is created there is named by its method as well.
                let resource = if resources.contains_key(&name) { format!("{name}.{method}") } else { name };
                let found = ResourceFields { resource: resource.clone(), operation: declared.id, path: path.clone(), fields };
                resources.insert(resource, found);
            }
        }
    }
    resources
}

fn body_of(described: &Described) -> Option<&RefOr<Schema>> {
    match described.request_body.as_ref()? {
        RefOr::T(body) => match body.content.get("application/json")? {
            RefOr::T(content) => content.schema.as_ref(),
            RefOr::Ref(_) => None,
        },
        RefOr::Ref(_) => None,
    }
}

fn members(components: &Components, schema: &RefOr<Schema>, pointer: &str, depth: usize, fields: &mut Vec<FieldView>) {
    // Nothing on the wire is nested as deep as this; a schema that holds itself would be.
    if depth > 6 {
        return;
    }
    let Some(Schema::Object(object)) = resolved(components, schema) else { return };
    for (name, member) in &object.properties {
        let pointer = format!("{pointer}/{name}");
        let description = description_of(member);
        match resolved(components, member) {
            Some(Schema::Object(inner)) => {
                fields.push(field(inner, &pointer, object.required.contains(name), description));
                members(components, member, &pointer, depth + 1, fields);
            }
            Some(Schema::Array(list)) => {
                let empty = Object::new();
                let listed = field(&empty, &pointer, object.required.contains(name), description.or(list.description.clone()));
                fields.push(FieldView { kind: FieldKind::List, length_min: list.min_items, length_max: list.max_items, ..listed });
                if let ArrayItems::RefOrSchema(items) = &list.items {
                    let each = format!("{pointer}/*");
                    if let Some(Schema::Object(inner)) = resolved(components, items)
                        && inner.properties.is_empty()
                    {
                        fields.push(field(inner, &each, true, None));
                    }
                    members(components, items, &each, depth + 1, fields);
                }
            }
            _ => {}
        }
    }
}

/// What is said of the member itself, before what is said of its type.
fn description_of(member: &RefOr<Schema>) -> Option<String> {
    match member {
        RefOr::Ref(reference) => Some(reference.description.clone()).filter(|text| !text.is_empty()),
        RefOr::T(Schema::OneOf(either)) => either.description.clone(),
        RefOr::T(_) => None,
    }
}

fn number(value: Option<&utoipa::Number>) -> Option<i64> {
    match value? {
        utoipa::Number::Int(number) => i64::try_from(*number).ok(),
        utoipa::Number::UInt(number) => i64::try_from(*number).ok(),
        utoipa::Number::Float(_) => None,
    }
}

fn field(object: &Object, pointer: &str, required: bool, description: Option<String>) -> FieldView {
    let allowed = object.enum_values.iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    FieldView {
        pointer: pointer.to_owned(),
        kind: kind_of(object),
        required,
        allowed,
        minimum: number(object.minimum.as_ref()),
        maximum: number(object.maximum.as_ref()),
        length_min: object.min_length,
        length_max: object.max_length,
        pattern: object.pattern.clone(),
        // What follows lists words, which `allowed` does too.
        description: description.or(object.description.clone()).and_then(|text| text.lines().next().map(str::to_owned)),
    }
}

fn kind_of(object: &Object) -> FieldKind {
    let is = |wanted: Type| match &object.schema_type {
        SchemaType::Type(one) => *one == wanted,
        SchemaType::Array(types) => types.contains(&wanted),
        SchemaType::AnyValue => false,
    };
    match &object.format {
        Some(SchemaFormat::KnownFormat(KnownFormat::Date)) => FieldKind::Date,
        Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)) => FieldKind::Id,
        _ if is(Type::Integer) => FieldKind::Integer,
        _ if is(Type::Boolean) => FieldKind::Boolean,
        _ if is(Type::Object) || !object.properties.is_empty() => FieldKind::Group,
        _ => FieldKind::Text,
    }
}
