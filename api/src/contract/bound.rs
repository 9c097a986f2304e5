//! Bounds of every schema: how long texts and lists are, what stands in them, how large numbers become. What a type does not
//! say of itself follows from its form.

use domain::text::ALLOWED;
use utoipa::Number;
use utoipa::openapi::schema::{AdditionalProperties, Array, ArrayItems, KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Content, Header, OpenApi, RefOr, Response};

/// The largest integer that every JSON reader takes exactly.
const INTEGER_MAX: isize = 9_007_199_254_740_991;

/// The most rows of a list that is not read in pages.
const ROWS_MAX: usize = 10_000;

/// The longest file, in bytes.
const FILE_MAX: usize = 64 << 20;

/// Adds the bounds that are missing, in every schema of a contract.
pub fn bound(contract: &mut OpenApi) {
    if let Some(components) = &mut contract.components {
        components.schemas.values_mut().for_each(complete);
        components.headers.values_mut().for_each(complete_header);
    }
    for item in contract.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.patch].into_iter().flatten() {
            for parameter in operation.parameters.iter_mut().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                parameter.schema.iter_mut().for_each(complete);
            }
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.iter_mut().for_each(complete_content);
            }
            for answer in operation.responses.responses.values_mut() {
                if let RefOr::T(answer) = answer {
                    complete_answer(answer);
                }
            }
        }
    }
}

fn complete_answer(answer: &mut Response) {
    answer.content.iter_mut().for_each(complete_content);
    answer.headers.values_mut().for_each(complete_header);
}

fn complete_header(header: &mut RefOr<Header>) {
    if let RefOr::T(header) = header {
        header.schema.iter_mut().for_each(complete);
    }
}

/// What is no JSON is a file.
fn complete_content((kind, content): (&String, &mut RefOr<Content>)) {
    let RefOr::T(content) = content else { return };
    if let Some(RefOr::T(Schema::Object(file))) = content.schema.as_mut().filter(|_| !kind.ends_with("json")) {
        file.format.get_or_insert(SchemaFormat::KnownFormat(KnownFormat::Binary));
    }
    content.schema.iter_mut().for_each(complete);
}

fn complete(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(object) => complete_object(object),
        Schema::Array(array) => complete_array(array),
        Schema::OneOf(one) => one.items.iter_mut().for_each(complete),
        Schema::AllOf(all) => all.items.iter_mut().for_each(complete),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(complete),
        _ => {}
    }
}

fn complete_array(array: &mut Array) {
    array.max_items.get_or_insert(ROWS_MAX);
    if let ArrayItems::RefOrSchema(items) = &mut array.items {
        complete(items);
    }
}

fn is(kind: &SchemaType, wanted: &Type) -> bool {
    match kind {
        SchemaType::Type(one) => one == wanted,
        SchemaType::Array(several) => several.contains(wanted),
        SchemaType::AnyValue => false,
    }
}

fn complete_object(object: &mut Object) {
    object.properties.values_mut().for_each(complete);
    if let Some(AdditionalProperties::RefOr(value)) = object.additional_properties.as_deref_mut() {
        complete(value);
    }
    // An object of which nothing is said may hold anything, and clients are told so.
    if is(&object.schema_type, &Type::Object) && object.properties.is_empty() {
        object.additional_properties.get_or_insert_with(|| Box::new(AdditionalProperties::FreeForm(true)));
    }
    if is(&object.schema_type, &Type::Integer) {
        object.format.get_or_insert(SchemaFormat::KnownFormat(KnownFormat::Int64));
        object.minimum.get_or_insert(Number::Int(0));
        object.maximum.get_or_insert(Number::Int(INTEGER_MAX));
    }
    if !is(&object.schema_type, &Type::String) || object.enum_values.is_some() {
        return;
    }
    match &object.format {
        Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)) => {
            object.max_length.get_or_insert(36);
        }
        Some(SchemaFormat::KnownFormat(KnownFormat::Date)) => {
            object.max_length.get_or_insert(10);
        }
        Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) => {
            object.max_length.get_or_insert(40);
        }
        Some(SchemaFormat::KnownFormat(KnownFormat::Binary)) => {
            object.max_length.get_or_insert(FILE_MAX);
        }
        Some(_) => {}
        None => {
            object.pattern.get_or_insert_with(|| ALLOWED.to_owned());
        }
    }
}
