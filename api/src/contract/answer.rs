//! What answers have in common: problems, and the headers that every answer carries, each described once.

use actix_web::http::StatusCode;
use domain::audit::access_record::QUOTA_HOURS;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation as Described;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Response};

use super::refusal::refusals;
use super::text_schema;
use crate::access::{Access, Effect, Operation, THROTTLED};
use crate::export;
use crate::problem::{DETAIL_MAX, ERROR_DETAIL_MAX, INSTANCE_MAX, POINTER_MAX};
use crate::rate::{self, counts};

/// The longest that a caller is told to wait, in seconds: a day, for a quota of sensitive reads.
const WAIT_MAX: i64 = QUOTA_HOURS * 3600;

/// How every problem is formed.
pub fn problem_schema() -> RefOr<Schema> {
    let text = |max| ObjectBuilder::new().schema_type(Type::String).max_length(Some(max));
    let place = "JSON Pointer into the request body, or `?name` for a parameter. Of a step that takes no body: into what it \
                 is about, as that was asked for.";
    let pointer = ObjectBuilder::new()
        .property("pointer", text(POINTER_MAX).description(Some(place)))
        .required("pointer")
        .property("code", text(60))
        .required("code")
        .property("detail", text(ERROR_DETAIL_MAX))
        .required("detail");
    let errors = ArrayBuilder::new().items(pointer).max_items(Some(100_000));
    ObjectBuilder::new()
        .description(Some("Why a request was not served (RFC 9457)."))
        .property("type", text(200).description(Some("Where the code is described.")))
        .required("type")
        .property("title", text(200).description(Some("In the caller's language.")))
        .required("title")
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(400)).maximum(Some(599)))
        .required("status")
        .property("code", text(60).description(Some("Stable; never translated.")))
        .required("code")
        .property("detail", text(DETAIL_MAX))
        .required("detail")
        .property("instance", text(INSTANCE_MAX).description(Some("Path of the request.")))
        .property("request_id", text(64))
        .property("facts", ObjectBuilder::new().description(Some("The facts behind the refusal, such as available and requested amounts.")))
        .property("errors", errors)
        .into()
}

/// What a status means of itself.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        401 => "The token is missing where it is needed, expired, or not of this service.",
        403 => "The role is missing, or the same person would stand on both sides.",
        404 => "No such thing, or none that the caller may see.",
        406 => "No representation of the asked kind.",
        409 => "The state of things stands against it.",
        412 => "The version is stale.",
        413 => "The body is too large.",
        415 => "The body is of a kind that is not read here.",
        422 => "A rule stands against it; `facts` say why.",
        428 => "If-Match is missing.",
        429 => "More requests than the quota; `Retry-After` says when there is more. `TOO_MANY_REQUESTS`.",
        500 => "The service failed; quote `request_id`.",
        503 => "The service cannot answer now; `Retry-After` says when.",
        _ => "The state of things, or a rule, stands against it; `facts` say why.",
    }
}

fn problem(text: String) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(text).content("application/problem+json", content).build()
}

/// The problems that an operation answers with.
pub fn add_problems(path: &str, declared: &Operation, described: &mut Described) {
    let writes = declared.effect != Effect::Read;
    let mut statuses = vec![400, 401, 500, 503];
    if counts(path) {
        statuses.push(429);
    }
    if matches!(declared.access, Access::Roles(_) | Access::Platform) {
        statuses.push(403);
    }
    if path.contains('{') {
        statuses.push(404);
    }
    if (path.ends_with("/lines") && !writes) || export::page_of(described).is_some() {
        statuses.push(406);
    }
    if writes {
        statuses.push(413);
    }
    if described.request_body.is_some() {
        statuses.push(415);
    }
    if matches!(declared.effect, Effect::Create | Effect::Act) {
        statuses.push(422);
    }
    if declared.effect == Effect::Act {
        statuses.extend([412, 428]);
    }
    let refusals = refusals(declared);
    statuses.extend(refusals.keys());
    for status in statuses {
        let text = match refusals.get(&status) {
            Some(codes) => {
                let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
                format!("{} {}.", meaning(status), codes.join(", "))
            }
            None if status == 429 && THROTTLED.contains(&declared.id) => {
                "More requests than the quota, or too many failed proofs of identity; `Retry-After` says when to try again. \
                 `TOO_MANY_REQUESTS`."
                    .to_owned()
            }
            None => meaning(status).to_owned(),
        };
        described.responses.responses.entry(status.to_string()).or_insert_with(|| problem(text).into());
    }
}

/// The headers that answers have in common, by name.
fn headers() -> [(&'static str, Header); 4] {
    let header = |schema: ObjectBuilder, text: &str| HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build();
    [
        (
            ORIGIN,
            header(text_schema(300), "The `Origin` of the request, if the operator lets its pages call; otherwise the header is absent."),
        ),
        (
            rate::POLICY,
            header(
                text_schema(60).pattern(Some(r#"^"[a-z]+";q=[0-9]+;w=[0-9]+$"#)),
                "The quota that the request counted on, a structured field (RFC 9651): `q` requests in `w` seconds, of a `principal` or of \
                 an `address`. Absent where the operator sets no limit.",
            ),
        ),
        (
            rate::LEFT,
            header(
                text_schema(60).pattern(Some(r#"^"[a-z]+";r=[0-9]+;t=[0-9]+$"#)),
                "What is left of the quota: `r` requests, and more after `t` seconds. Absent where the operator sets no limit.",
            ),
        ),
        (
            WAIT,
            header(
                ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(WAIT_MAX)),
                "After how many seconds the request can be repeated.",
            ),
        ),
    ]
}

const ORIGIN: &str = "Access-Control-Allow-Origin";
const WAIT: &str = "Retry-After";

/// Problems that mean the same everywhere are described once. Done for each operation as soon as it is described: together they would
/// take more memory than all that the service keeps.
pub fn share(path: &str, described: &mut Described, components: &mut Components) {
    for (status, answer) in &mut described.responses.responses {
        let RefOr::T(response) = answer else { continue };
        let Some(name) = name_in_common(path, status, response) else { continue };
        let mut shared = std::mem::replace(answer, Ref::from_response_name(&name).into());
        components.responses.entry(name).or_insert_with(|| {
            if let RefOr::T(response) = &mut shared {
                add_headers(path, status, response);
            }
            shared
        });
    }
}

/// Every answer says which headers it carries.
pub fn tell_headers(contract: &mut OpenApi) {
    let components = contract.components.get_or_insert_with(Components::new);
    components.headers = headers().into_iter().map(|(name, header)| (name.to_owned(), header.into())).collect();
    for (path, item) in &mut contract.paths.paths {
        for described in [&mut item.get, &mut item.post, &mut item.put, &mut item.patch].into_iter().flatten() {
            for (status, answer) in &mut described.responses.responses {
                if let RefOr::T(response) = answer {
                    add_headers(path, status, response);
                }
            }
        }
    }
}

fn add_headers(path: &str, status: &str, answer: &mut Response) {
    let counted = counts(path).then_some([rate::POLICY, rate::LEFT]);
    let wait = ["429", "503"].contains(&status).then_some(WAIT);
    for name in [ORIGIN].into_iter().chain(counted.into_iter().flatten()).chain(wait) {
        answer.headers.insert(name.to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))));
    }
}

/// The name of a problem that says no more than its status, and is counted like all others.
fn name_in_common(path: &str, status: &str, answer: &Response) -> Option<String> {
    let status = status.parse().ok().filter(|status| counts(path) && answer.description == meaning(*status))?;
    Some(StatusCode::from_u16(status).ok()?.canonical_reason()?.replace(' ', ""))
}
