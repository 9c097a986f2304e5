//! Problems: every answer that is not a success, as RFC 9457 `application/problem+json`, in French or English.
//!
//! The only file that knows error statuses. Internal text never leaves: what is not meant for the caller goes to the log.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use db::fault::Fault;
use domain::identity::step_up::STEP_UP_REQUIRED;
use domain::refusal::{Code, Family, FieldError, Refusal, codes};
use domain::text::forbidden;
use serde_json::{Map, Value, json};

codes! {
    REQUEST_BODY_INVALID: Malformed,
        "Corps de requête invalide" / "Invalid request body",
        "Le corps de la requête ne peut être lu." / "The request body cannot be read.";
    REQUEST_PARAMETER_INVALID: Malformed,
        "Paramètre invalide" / "Invalid parameter",
        "Un paramètre de la requête est inconnu, répété ou mal formé." / "A parameter of the request is unknown, repeated or malformed.";
    CURSOR_INVALID: Malformed,
        "Curseur invalide" / "Invalid cursor",
        "Le curseur est expiré, altéré, ou ne correspond pas aux filtres de cette liste." /
        "The cursor has expired, was altered, or does not belong to the filters of this list.";
    NOT_FOUND: Missing,
        "Introuvable" / "Not found",
        "Rien de tel, ou rien que vous puissiez voir." / "No such thing, or none that you may see.";
    METHOD_NOT_ALLOWED: Method,
        "Méthode non offerte" / "Method not allowed",
        "Cette ressource n'offre pas cette méthode." / "This resource does not offer this method.";
    NOT_ACCEPTABLE: Unacceptable,
        "Représentation non offerte" / "Representation not offered",
        "Cette ressource n'existe pas sous la forme demandée." / "This resource does not exist in the form asked for.";
    CONFLICT: Conflict,
        "Conflit" / "Conflict",
        "Un enregistrement semblable existe déjà." / "A like record already exists.";
    VERSION_STALE: Stale,
        "Version dépassée" / "Stale version",
        "La ressource a changé ; sa version est maintenant {current_version}. Relisez-la avant d'agir." /
        "The resource has changed; its version is now {current_version}. Read it again before acting.";
    VERSION_REQUIRED: Unconditional,
        "Version requise" / "Version required",
        "Cette opération exige l'en-tête If-Match avec l'ETag lu auparavant." /
        "This operation requires the header If-Match with the ETag read before.";
    BODY_TOO_LARGE: TooLarge,
        "Corps trop grand" / "Body too large",
        "Le corps de la requête dépasse la limite de {limit} octets." / "The request body exceeds the limit of {limit} bytes.";
    MEDIA_TYPE_UNSUPPORTED: MediaType,
        "Type de contenu non lu" / "Unsupported media type",
        "Types acceptés : {accepted}." / "Accepted types: {accepted}.";
    SERVICE_BUSY: Busy,
        "Service momentanément indisponible" / "Service temporarily unavailable",
        "Réessayez dans quelques secondes, avec la même clé d'idempotence." /
        "Try again in a few seconds, with the same idempotency key.";
    SERVICE_BROKEN: Broken,
        "Erreur interne" / "Internal error",
        "L'incident est journalisé ; citez request_id." / "The incident is logged; quote request_id.";
    TOO_MANY_REQUESTS: Throttled,
        "Trop de requêtes" / "Too many requests",
        "Réessayez après le délai indiqué." / "Try again after the delay given.";
}

/// Every code of the service, room by room: what `GET /v1/problems` lists.
pub fn all_codes() -> impl Iterator<Item = &'static Code> {
    [
        CODES,
        domain::audit::CODES,
        domain::audit::access_record::CODES,
        domain::money::CODES,
        domain::calendar::CODES,
        domain::territory::CODES,
        domain::organisation::CODES,
        domain::organisation::supplier::CODES,
        domain::identity::CODES,
        domain::identity::client_key::CODES,
        domain::identity::external::CODES,
        domain::identity::delegation::CODES,
        domain::identity::kinship::CODES,
        domain::identity::proposal::CODES,
        domain::identity::session::CODES,
        domain::identity::step_up::CODES,
        domain::participation::CODES,
        domain::budget::CODES,
        domain::budget::credit::CODES,
        domain::ledger::CODES,
        domain::expenditure::CODES,
        domain::expenditure::document::CODES,
        domain::expenditure::verification::CODES,
        domain::expenditure::order::CODES,
        domain::expenditure::payment::CODES,
        domain::cash_office::CODES,
        domain::cash_office::ticket::CODES,
        domain::revenue::CODES,
        domain::revenue::recovery::CODES,
        domain::endowment::CODES,
        domain::endowment::drawing_right::CODES,
        domain::fund::CODES,
        domain::programme::CODES,
        domain::project::CODES,
        domain::project::finance::CODES,
        domain::project::amendment::CODES,
        domain::project::clock::CODES,
        domain::project::evidence::CODES,
        domain::project::handover::CODES,
        domain::project::publication::CODES,
        domain::project::indicator::CODES,
        domain::project::milestone::CODES,
        domain::project::overlap::CODES,
        domain::project::recipient::CODES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The most characters of what a problem says, and of what it says of one member.
pub const DETAIL_MAX: usize = 4000;
pub const ERROR_DETAIL_MAX: usize = 2000;
/// The most characters of the place that it points at, and of the path that it was met at.
pub const POINTER_MAX: usize = 200;
pub const INSTANCE_MAX: usize = 2000;

/// A text that may quote its caller, no longer than is told, and without what deceives.
fn bounded(text: &str, most: usize) -> String {
    let shown = text.chars().map(|c| if forbidden(c) { char::REPLACEMENT_CHARACTER } else { c });
    match text.char_indices().nth(most) {
        None => shown.collect(),
        Some(_) => shown.take(most - 1).chain(['…']).collect(),
    }
}

/// The status of each family.
pub fn status(family: Family) -> StatusCode {
    match family {
        Family::Malformed => StatusCode::BAD_REQUEST,
        Family::Unauthenticated => StatusCode::UNAUTHORIZED,
        Family::Forbidden => StatusCode::FORBIDDEN,
        Family::Missing => StatusCode::NOT_FOUND,
        Family::Method => StatusCode::METHOD_NOT_ALLOWED,
        Family::Unacceptable => StatusCode::NOT_ACCEPTABLE,
        Family::Conflict => StatusCode::CONFLICT,
        Family::Stale => StatusCode::PRECONDITION_FAILED,
        Family::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Family::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Family::Rule => StatusCode::UNPROCESSABLE_ENTITY,
        Family::Unconditional => StatusCode::PRECONDITION_REQUIRED,
        Family::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Family::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        Family::Busy => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The language of an answer's texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    French,
    English,
}

impl Language {
    /// The first of French and English that the caller accepts; French by default.
    pub fn accepted(header: Option<&str>) -> Self {
        let best = |wanted: &str| {
            let weights = header.unwrap_or("").split(',').filter_map(|item| {
                let mut parts = item.trim().split(';');
                let tag = parts.next()?.trim().to_ascii_lowercase();
                let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or("1", str::trim);
                let weight = weight.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
                (tag.split('-').next() == Some(wanted)).then_some(weight)
            });
            weights.fold(0.0_f32, f32::max)
        };
        if best("en") > best("fr") { Language::English } else { Language::French }
    }

    pub fn tag(self) -> &'static str {
        match self {
            Language::French => "fr",
            Language::English => "en",
        }
    }
}

/// A problem, before it is put in the caller's language.
#[derive(Clone, Debug)]
pub struct Problem {
    pub refusal: Box<Refusal>,
    /// The methods that the resource offers, for 405.
    pub allow: Option<String>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), allow: None }
    }
}

impl From<&'static Code> for Problem {
    fn from(code: &'static Code) -> Self {
        code.refuse().into()
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) if refusal.code.family == Family::Broken => {
                log::error!("a rule of the program was broken: {:?}", refusal.to_string());
                Problem::from(&SERVICE_BROKEN)
            }
            Fault::Refused(refusal) => refusal.into(),
            Fault::Missing => Problem::from(&NOT_FOUND),
            Fault::Stale(version) => VERSION_STALE.refuse().with("current_version", version).into(),
            Fault::Taken(what) => {
                log::warn!("uniqueness violated: {what:?}");
                Problem::from(&CONFLICT)
            }
            Fault::Busy(why) => {
                log::warn!("busy: {why:?}");
                Problem::from(&SERVICE_BUSY)
            }
            // Who floods the service does not fill the log too: `metrics::tell` says how many were sent away.
            Fault::Full(_) => Problem::from(&SERVICE_BUSY),
            Fault::Corrupt(what) | Fault::Broken(what) => {
                log::error!("database fault: {what:?}");
                Problem::from(&SERVICE_BROKEN)
            }
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.refusal.code.name)
    }
}

fn field(error: &FieldError, language: Language) -> Value {
    let detail = match language {
        Language::French => &error.detail_fr,
        Language::English => &error.detail_en,
    };
    json!({ "pointer": bounded(&error.pointer, POINTER_MAX), "code": error.code, "detail": bounded(detail, ERROR_DETAIL_MAX) })
}

impl Problem {
    /// A problem with a word from the parser on why a request cannot be read.
    pub fn unreadable(code: &'static Code, pointer: &str, reason: &str) -> Self {
        let mut refusal = code.refuse();
        let reason = reason.to_owned();
        refusal.errors.push(FieldError { pointer: pointer.to_owned(), code: code.name, detail_fr: reason.clone(), detail_en: reason });
        refusal.into()
    }

    fn members(&self, language: Language) -> Map<String, Value> {
        let refusal = &self.refusal;
        let code = refusal.code;
        let (title, detail) = match language {
            Language::French => (code.title_fr, refusal.detail_fr()),
            Language::English => (code.title_en, refusal.detail_en()),
        };
        let mut members = Map::new();
        members.insert("type".to_owned(), json!(format!("/v1/problems/{}", code.name)));
        members.insert("title".to_owned(), json!(title));
        members.insert("status".to_owned(), json!(status(code.family).as_u16()));
        members.insert("code".to_owned(), json!(code.name));
        members.insert("detail".to_owned(), json!(bounded(&detail, DETAIL_MAX)));
        if !refusal.facts.is_empty() {
            members.insert("facts".to_owned(), Value::Object(refusal.facts.clone()));
        }
        if !refusal.errors.is_empty() {
            members.insert("errors".to_owned(), refusal.errors.iter().map(|error| field(error, language)).collect());
        }
        members
    }

    /// The answer, in the caller's language, for one request.
    pub fn answer(&self, language: Language, instance: &str, request_id: &str) -> HttpResponse<BoxBody> {
        let mut members = self.members(language);
        members.insert("instance".to_owned(), json!(bounded(instance, INSTANCE_MAX)));
        members.insert("request_id".to_owned(), json!(request_id));
        let mut builder = self.head();
        builder.insert_header(("content-language", language.tag()));
        builder.body(Value::Object(members).to_string())
    }

    /// What is wanted of the caller, in the words of RFC 6750 and RFC 9470.
    fn challenge(&self) -> String {
        let age = self.refusal.facts.get("max_age").and_then(Value::as_i64).filter(|_| self.refusal.code == &STEP_UP_REQUIRED);
        let more = age.map(|age| {
            let why = "error=\"insufficient_user_authentication\", error_description=\"A more recent proof of identity is required\"";
            format!(", {why}, max_age=\"{age}\"")
        });
        format!("Bearer realm=\"sigida\"{}", more.unwrap_or_default())
    }

    fn head(&self) -> HttpResponseBuilder {
        let family = self.refusal.code.family;
        let mut builder = HttpResponse::build(status(family));
        builder.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")));
        builder.insert_header(("cache-control", "no-store"));
        match family {
            Family::Unauthenticated => drop(builder.insert_header((WWW_AUTHENTICATE, self.challenge()))),
            Family::Busy | Family::Throttled => {
                let seconds = self.refusal.facts.get("retry_after").and_then(Value::as_i64).unwrap_or(2);
                builder.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            _ => {}
        }
        if let Some(allow) = &self.allow {
            builder.insert_header((ALLOW, allow.as_str()));
        }
        builder
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status(self.refusal.code.family)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.head().body(Value::Object(self.members(Language::default())).to_string())
    }
}

/// The problem behind an answer of the framework that is none of ours.
pub fn of_status(status: StatusCode) -> Problem {
    let code: &'static Code = match status {
        StatusCode::NOT_FOUND => &NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED => &METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE => &BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => &MEDIA_TYPE_UNSUPPORTED,
        StatusCode::TOO_MANY_REQUESTS => &TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE => &SERVICE_BUSY,
        status if status.is_client_error() => &REQUEST_BODY_INVALID,
        _ => &SERVICE_BROKEN,
    };
    code.into()
}
