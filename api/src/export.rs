//! Lists as tables for people: CSV and XLSX of every list, made from the rows that JSON would show. The columns come from
//! the contract, so a list needs no code of its own.

pub mod table;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, LINK};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use domain::words;
use serde::Serialize;
use utoipa::openapi::path::Operation as Described;
use utoipa::openapi::schema::{ArrayItems, KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Components, OpenApi, RefOr};

use crate::access::operation;
use crate::answer::Answered;
use crate::auth::Call;
use crate::body;
use crate::page::Page;
use crate::problem::{NOT_ACCEPTABLE, Problem, REQUEST_PARAMETER_INVALID};

/// The kind of content of spreadsheets.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// The kind of content of tables in text.
pub const CSV: &str = "text/csv";
/// The query parameter that chooses the form, before the header Accept.
pub const PARAMETER: &str = "format";
/// How the contract calls pages of lists.
pub const PAGES: &str = "Page_";
/// The most characters of an amount on the wire, by which the contract tells amounts from other texts.
const AMOUNT_LENGTH: usize = 21;

words! {
    /// The form in which a list is answered.
    pub enum Form {
        /// JSON, page by page.
        Json = "json",
        /// Comma-separated values, for spreadsheets in French: separated by semicolons, UTF-8 with a byte order mark.
        Csv = "csv",
        /// A workbook of Excel.
        Xlsx = "xlsx",
    }
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Amount,
    Integer,
    Boolean,
    Date,
    Instant,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The member of the row; of members that are objects, `outer.inner`.
    pub name: String,
    pub kind: Kind,
}

impl Form {
    /// The form that a request for a list asks for: by parameter, or else by what it accepts.
    pub fn asked(query: &str, accept: Option<&str>) -> Result<Self, Problem> {
        let mut named = query.split('&').filter_map(|pair| pair.strip_prefix(PARAMETER)?.strip_prefix('='));
        let unreadable = |reason: &str| Problem::unreadable(&REQUEST_PARAMETER_INVALID, "?format", reason);
        match (named.next(), named.next()) {
            (Some(_), Some(_)) => Err(unreadable("given twice")),
            (Some(word), None) => match body::words::<Form>(PARAMETER, Some(word))?.as_slice() {
                [form] => Ok(*form),
                _ => Err(unreadable("one of json, csv, xlsx")),
            },
            (None, _) => accepted(accept.unwrap_or("*/*")).ok_or_else(|| Problem::from(&NOT_ACCEPTABLE)),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8; header=present",
            Form::Xlsx => XLSX,
        }
    }
}

/// The form that a caller likes best; a form named in full counts before one that only a wildcard lets in.
fn accepted(header: &str) -> Option<Form> {
    let mut best: Option<((u32, bool), Form)> = None;
    for item in header.split(',') {
        let mut parts = item.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1000), thousandths);
        let (form, exact) = match kind.as_str() {
            "application/json" => (Form::Json, true),
            CSV => (Form::Csv, true),
            XLSX => (Form::Xlsx, true),
            "*/*" | "application/*" | "" => (Form::Json, false),
            "text/*" => (Form::Csv, false),
            _ => continue,
        };
        let rank = (weight.unwrap_or(0), exact);
        if rank.0 > 0 && best.is_none_or(|(before, _)| rank > before) {
            best = Some((rank, form));
        }
    }
    best.map(|(_, form)| form)
}

/// A quality value of RFC 9110, such as "0.8".
fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" => Some(1000),
        "0" if plain => format!("{fraction:0<3}").parse().ok(),
        _ => None,
    }
}

/// The name of the page schema that an operation answers with, if it lists.
pub fn page_of(described: &Described) -> Option<&str> {
    let RefOr::T(response) = described.responses.responses.get("200")? else { return None };
    match response.content.get("application/json")? {
        RefOr::T(content) => match content.schema.as_ref()? {
            RefOr::Ref(reference) => reference.ref_location.rsplit('/').next().filter(|name| name.starts_with(PAGES)),
            RefOr::T(_) => None,
        },
        RefOr::Ref(_) => None,
    }
}

/// The columns of each operation that lists.
pub fn tables(contract: &OpenApi) -> HashMap<&'static str, Arc<Vec<Column>>> {
    let mut tables = HashMap::new();
    for item in contract.paths.paths.values() {
        let Some(described) = &item.get else { continue };
        let declared = described.operation_id.as_deref().and_then(operation);
        if let (Some(declared), Some(page)) = (declared, page_of(described)) {
            tables.insert(declared.id, Arc::new(columns_of(contract, page)));
        }
    }
    tables
}

fn columns_of(contract: &OpenApi, page: &str) -> Vec<Column> {
    let mut columns = Vec::new();
    let Some(components) = &contract.components else { return columns };
    let data = match components.schemas.get(page) {
        Some(RefOr::T(Schema::Object(page))) => page.properties.get("data"),
        _ => None,
    };
    if let Some(RefOr::T(Schema::Array(rows))) = data
        && let ArrayItems::RefOrSchema(row) = &rows.items
    {
        flatten(components, row, "", 0, &mut columns);
    }
    columns
}

/// A schema behind its reference, and behind "or null".
pub fn resolved<'a>(components: &'a Components, schema: &'a RefOr<Schema>) -> Option<&'a Schema> {
    match schema {
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next()?;
            components.schemas.get(name).and_then(|schema| resolved(components, schema))
        }
        RefOr::T(Schema::OneOf(either)) => {
            let is_null =
                |item: &&RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(Object { schema_type: SchemaType::Type(Type::Null), .. })));
            either.items.iter().find(|item| !is_null(item)).and_then(|item| resolved(components, item))
        }
        RefOr::T(schema) => Some(schema),
    }
}

fn flatten(components: &Components, schema: &RefOr<Schema>, name: &str, depth: usize, columns: &mut Vec<Column>) {
    // Nothing on the wire is nested as deep as this; a schema that holds itself would be.
    if depth > 5 {
        return;
    }
    let kind = match resolved(components, schema) {
        Some(Schema::Object(object)) if !object.properties.is_empty() => {
            for (member, property) in &object.properties {
                let inner = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                flatten(components, property, &inner, depth + 1, columns);
            }
            return;
        }
        Some(Schema::Object(object)) => kind_of(object),
        _ => Kind::Text,
    };
    columns.push(Column { name: name.to_owned(), kind });
}

fn kind_of(object: &Object) -> Kind {
    let is = |wanted: Type| match &object.schema_type {
        SchemaType::Type(one) => *one == wanted,
        SchemaType::Array(types) => types.contains(&wanted),
        SchemaType::AnyValue => false,
    };
    if is(Type::Integer) {
        return Kind::Integer;
    }
    if is(Type::Boolean) {
        return Kind::Boolean;
    }
    match &object.format {
        Some(SchemaFormat::KnownFormat(KnownFormat::Date)) => Kind::Date,
        Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)) => Kind::Instant,
        None if is(Type::String) && object.max_length == Some(AMOUNT_LENGTH) => Kind::Amount,
        _ => Kind::Text,
    }
}

/// What the file of a list is called: by its path without the ids, and the day.
fn file_name(call: &Call, form: Form) -> String {
    let path = call.list.split('?').next().unwrap_or_default();
    let plain = |segment: &&str| segment.len() < 36 && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let segments: Vec<&str> = path.split('/').skip(2).filter(|segment| !segment.is_empty()).filter(plain).collect();
    let own = if segments.len() > 1 { segments.strip_prefix(&["organisations"]).unwrap_or(&segments) } else { &segments };
    format!("{}-{}.{form}", own.join("-"), call.today)
}

/// 200 with a part of a list as a table, and the way to the next part.
pub fn tabled<T: Serialize + Send + 'static>(call: &Call, page: Page<T>, next: Option<String>) -> Answered {
    let (form, today, columns) = (call.form, call.today, call.columns());
    let title = file_name(call, form);
    let mut builder = HttpResponse::Ok();
    builder.content_type(form.content_type());
    builder.insert_header((CACHE_CONTROL, "private, no-cache"));
    builder.insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{title}\"")));
    if let Some(next) = next {
        builder.insert_header((LINK, next));
    }
    // Thousands of rows take their time; other requests of this worker go on meanwhile.
    let written = web::block(move || table::write(form, &title, &columns, &page.data, today));
    let body = futures_util::stream::once(async move {
        match written.await {
            Ok(Ok(bytes)) => Ok(Bytes::from(bytes)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    });
    Ok(builder.streaming(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::contract;

    #[test]
    fn the_form_is_what_the_caller_likes_best() {
        let asked = |query: &str, accept: Option<&str>| Form::asked(query, accept).ok();
        assert_eq!(asked("", None), Some(Form::Json));
        assert_eq!(asked("limit=1&format=csv", Some("application/json")), Some(Form::Csv), "the parameter wins");
        for (accept, form) in [
            ("*/*", Some(Form::Json)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(Form::Json)),
            ("text/csv", Some(Form::Csv)),
            ("text/csv, */*", Some(Form::Csv)),
            ("text/csv;q=0.5, application/json", Some(Form::Json)),
            (XLSX, Some(Form::Xlsx)),
            ("application/json, text/csv", Some(Form::Json)),
            ("text/csv;q=0", None),
            ("application/pdf", None),
        ] {
            assert_eq!(asked("", Some(accept)), form, "{accept}");
        }
        for query in ["format=", "format=ods", "format=csv,json", "format=csv&format=csv", "format=CSV"] {
            assert_eq!(asked(query, None), None, "{query}");
        }
    }

    #[test]
    fn every_list_has_columns_of_known_kinds() {
        let tables = tables(&contract());
        assert!(tables.len() >= 15);
        let of = |id: &str, name: &str| tables[id].iter().find(|column| column.name == name).map(|column| column.kind);
        assert_eq!(of("list_commitments", "amount"), Some(Kind::Amount));
        assert_eq!(of("list_commitments", "number"), Some(Kind::Text));
        assert_eq!(of("list_commitments", "committed_on"), Some(Kind::Date));
        assert_eq!(of("list_commitments", "recorded_at"), Some(Kind::Instant));
        assert_eq!(of("list_commitments", "fiscal_year"), Some(Kind::Integer));
        assert_eq!(of("list_suppliers", "active"), Some(Kind::Boolean));
        assert_eq!(of("list_payment_orders", "signed_on"), Some(Kind::Date), "a date that may be missing");
        assert_eq!(of("list_entries", "postings"), Some(Kind::Text));
        assert_eq!(of("list_budgets", "totals.revenue.operating").or(of("list_budgets", "vote.held_on")), Some(Kind::Date));
        for (id, columns) in &tables {
            assert!(!columns.is_empty(), "{id}");
        }
    }
}
