//! The rules say no, and say why: a stable code, the facts, the fields concerned.
//!
//! Each room declares its codes in one table with [`codes!`]. A code's family says what kind of "no" it is; which HTTP
//! status that becomes is known to one file of the `api` floor.

use serde_json::{Map, Value};

/// What kind of "no" a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The request cannot be read.
    Malformed,
    /// The caller did not prove who they are.
    Unauthenticated,
    /// The caller sees the thing but may not do this to it.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    Missing,
    /// This method is not offered here.
    Method,
    /// No representation of the asked kind exists.
    Unacceptable,
    /// The state of things, or another request, stands against it.
    Conflict,
    /// The request rests on an old version.
    Stale,
    /// The request is too large.
    TooLarge,
    /// The body is of a kind that is not read here.
    MediaType,
    /// A rule of public finance stands against it.
    Rule,
    /// The request must name the version it rests on.
    Unconditional,
    /// Too many requests.
    Throttled,
    /// The service failed.
    Broken,
    /// The service cannot answer now; try again.
    Busy,
}

/// A stable error code with its texts in French and English. `{fact}` in a detail stands for the fact of that name.
#[derive(Debug)]
pub struct Code {
    pub name: &'static str,
    pub family: Family,
    pub title_fr: &'static str,
    pub title_en: &'static str,
    pub detail_fr: &'static str,
    pub detail_en: &'static str,
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Code {
    /// A refusal with this code, to which facts are added.
    pub fn refuse(&'static self) -> Refusal {
        Refusal { code: self, facts: Map::new(), errors: Vec::new() }
    }
}

/// Declares the codes of a room: `NAME: Family, "titre" / "title", "détail" / "detail";`.
#[macro_export]
macro_rules! codes {
    ($($name:ident: $family:ident, $title_fr:literal / $title_en:literal, $detail_fr:literal / $detail_en:literal;)+) => {
        $(
            #[doc = concat!($title_en, ": ", $detail_en)]
            pub static $name: $crate::refusal::Code = $crate::refusal::Code {
                name: stringify!($name),
                family: $crate::refusal::Family::$family,
                title_fr: $title_fr,
                title_en: $title_en,
                detail_fr: $detail_fr,
                detail_en: $detail_en,
            };
        )+

        /// Every code of this room.
        pub static CODES: &[&$crate::refusal::Code] = &[$(&$name),+];
    };
}
pub use codes;

/// One field, row or guard that stands against a request.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// JSON Pointer into the request body, or `?name` for a query parameter.
    pub pointer: String,
    pub code: &'static str,
    pub detail_fr: String,
    pub detail_en: String,
}

/// The rules say no.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: &'static Code,
    /// The facts behind the refusal, that the caller may see.
    pub facts: Map<String, Value>,
    pub errors: Vec<FieldError>,
}

impl Refusal {
    /// Adds a fact: an amount, a limit, a date, a reference.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl IntoFact) -> Self {
        self.facts.insert(name.to_owned(), fact.into_fact());
        self
    }

    /// Says which field of the request is concerned.
    #[must_use]
    pub fn at(mut self, pointer: &str) -> Self {
        let error =
            FieldError { pointer: pointer.to_owned(), code: self.code.name, detail_fr: self.detail_fr(), detail_en: self.detail_en() };
        self.errors.push(error);
        self
    }

    /// The same, of a request that names elsewhere what is concerned: each pointer leads to where it is told.
    #[must_use]
    pub fn leading(mut self, told: impl Fn(&str) -> String) -> Self {
        for error in &mut self.errors {
            error.pointer = told(&error.pointer);
        }
        self
    }

    pub fn detail_fr(&self) -> String {
        fill(self.code.detail_fr, &self.facts)
    }

    pub fn detail_en(&self) -> String {
        fill(self.code.detail_en, &self.facts)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.name, self.detail_en())
    }
}

/// What can stand as a fact in a refusal.
pub trait IntoFact {
    fn into_fact(self) -> Value;
}

macro_rules! facts {
    ($($type:ty => |$value:ident| $fact:expr),+ $(,)?) => {
        $(impl IntoFact for $type { fn into_fact(self) -> Value { let $value = self; $fact } })+
    };
}

facts! {
    &str => |text| Value::String(text.to_owned()),
    &String => |text| Value::String(text.clone()),
    String => |text| Value::String(text),
    i32 => |number| Value::from(number),
    i64 => |number| Value::from(number),
    u32 => |number| Value::from(number),
    usize => |number| Value::from(number),
    chrono::NaiveDate => |date| Value::String(date.to_string()),
    Vec<String> => |list| Value::from(list),
    Value => |value| value,
}

impl<W: crate::word::Word> IntoFact for W {
    fn into_fact(self) -> Value {
        Value::String(self.as_str().to_owned())
    }
}

/// Puts the facts in their places; lists are joined by commas.
fn fill(template: &str, facts: &Map<String, Value>) -> String {
    facts.iter().fold(template.to_owned(), |text, (name, fact)| {
        let shown = match fact {
            Value::String(text) => text.clone(),
            Value::Array(list) => {
                list.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        text.replace(&format!("{{{name}}}"), &shown)
    })
}
