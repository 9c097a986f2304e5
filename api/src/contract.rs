//! The contract: OpenAPI 3.1, made from the routes themselves and from the one declaration of who may call what.

mod answer;
mod bound;
pub mod example;
pub mod field;
pub mod outline;
pub mod parameter;
pub mod refusal;

use std::collections::HashSet;

use actix_web::App;
use chrono::NaiveDate;
use domain::word::Word;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation as Described, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ArrayItems, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Required, ServerBuilder, Tag};
use utoipa_actix_web::AppExt as _;

use self::answer::{add_problems, problem_schema, share, tell_headers};
use self::bound::bound;
use self::example::example;
use crate::access::{Access, Effect, Recorded, operation};
use crate::audit::access_record::REASON;
use crate::export::{self, Form};
use crate::page;
use crate::rate::counts;
use crate::route::Register;
use crate::server::routes;

const DESCRIPTION: &str = "Municipal budgets and public accounting of Malian local governments.\n\n\
**Amounts** are decimal strings in major units beside a `currency` (\"850000\", XOF): never JSON numbers.\n\n\
**Errors** are `application/problem+json` (RFC 9457) with a stable `code`, the `facts` behind it and `errors` with JSON \
Pointers, in French or English by `Accept-Language`. The codes are listed at `/v1/problems`.\n\n\
**Repetition** is safe: operations that create or act require `Idempotency-Key`; the same request with the same key gets \
the first answer again with `Idempotency-Replayed: true`. Keys are kept at least 30 days. Refusals are not kept.\n\n\
**Versions**: acts require `If-Match` with the `ETag` read before (428 without, 412 when stale).\n\n\
**Rates**: requests are counted, those with a valid token on its principal, all others on their address. The header \
`RateLimit-Policy` tells the quota of a minute, `RateLimit` how many requests are left of it (`r`) and after how many seconds \
there are more (`t`). What was used comes back evenly; beyond it the answer is 429 with `Retry-After`.\n\n\
**Lists** are read with `limit` and `after`; cursors belong to their list and filters. Unknown parameters and members are \
refused. Lists of money tell with `totals=true` what they add up to over all pages.\n\n\
**Tables**: every list is also answered as CSV or XLSX, by `format=csv`, `format=xlsx` or by `Accept`. The first row names \
the columns: the members of a row, `outer.inner` for members of objects; lists of simple values are joined by `; `, lists of \
objects stand as JSON. A part has up to 10000 rows; the header `Link` leads to the next. CSV is separated by semicolons, in \
UTF-8 with a byte order mark, as spreadsheets in French open it; text that begins with `=`, `+`, `-`, `@`, a tab or a \
carriage return gets an apostrophe before it, so that no spreadsheet takes it for a formula. In XLSX, dates are dates, and \
amounts are numbers where that is exact, text otherwise; instants are in UTC; texts end after 32767 characters.\n\n\
**Sensitive reads** are recorded before they are answered: who, what, when and, by the header `Access-Reason`, why. What \
cannot be recorded is answered 503. See `GET /v1/organisations/{organisation_id}/access-records`.\n\n\
**What you may not see does not exist**: it is answered 404.";

const TOKEN: &str = "A token as `POST /v1/sessions` and `POST /v1/oauth/token` issue it, good for at most ten minutes (twelve \
hours in a demonstration): a JWS signed with Ed25519 (`EdDSA`), checked as RFC8725 advises. One algorithm and one key, which \
`kid` must name; a header of exactly `alg`, `typ` (`at+jwt`) and `kid`; signature, issuer, audience, subject, instants and length \
of life. What is not exactly as this service signs it is refused. The public keys are at `/.well-known/jwks.json`. A token says \
who calls, never what they may do.";

const STEP_UP: &str = "**Recent proof**: wants a sign-in or a `POST /v1/me/re-authentication` of the last ten minutes, or as the \
operator says; otherwise 401 with `insufficient_user_authentication` (RFC 9470) in `WWW-Authenticate`.";

const TWO_PERSONS: &str = "**Two persons**: where another person is entitled to it, a grave request is not carried out but kept, and \
answered 202; the identical request (body and `If-Match` too) of another entitled person within 24 hours carries it out and gets its \
answer. Asking again oneself is refused. Grave is what gives the role `administrator`, or a way of proving who they are to somebody who \
holds it or has an authenticator; whom it concerns is not one of the two.";

const TAGS: [(&str, &str); 16] = [
    ("meta", "The service about itself."),
    ("audit", "What happened, in commit order."),
    ("territory", "Regions, cercles and communes as they existed."),
    ("organisation", "What owns data."),
    ("identity", "Who may act."),
    ("parameter", "Legal values in force."),
    ("participation", "Consultations and public debates."),
    ("budget", "Fiscal years, nomenclature, budgets, execution."),
    ("ledger", "Accounts kept by double entry."),
    ("expenditure", "Commitment, verification, payment order, payment."),
    ("cash_office", "Imprests, collection offices and tickets."),
    ("revenue", "Debtors, revenue orders, receipts, adjustments."),
    ("endowment", "Campaigns that divide an envelope by formula; drawing rights, agreements, tranches."),
    ("fund", "Donors, contributions, earmarks, allocations, attribution."),
    ("programme", "Programmes, the rules of instruments, what communities need."),
    ("project", "The life of projects: drafts, reviews, decisions, agreements, payments, visits, amendments, handover, results, closure."),
];

/// The contract in YAML. Words that older readers take for truth values are quoted, and days that they take for instants.
pub fn yaml() -> Result<String, String> {
    let text = contract().to_yaml().map_err(|error| error.to_string())?;
    Ok(text.lines().map(|line| format!("{}\n", quoted(line))).collect())
}

/// What YAML 1.1 takes for a truth value, and 1.2 for a word.
const TRUTHS: [&str; 6] = ["on", "off", "yes", "no", "y", "n"];

/// A line of YAML whose member, item or value nobody takes for something else than a text.
fn quoted(line: &str) -> String {
    let start = line.find(|letter| !matches!(letter, ' ' | '-')).unwrap_or(line.len());
    let (indent, rest) = line.split_at(start);
    let quote = |word: &str| if TRUTHS.contains(&word) { format!("'{word}'") } else { word.to_owned() };
    if let Some((member, value)) = rest.rsplit_once(": ") {
        let value = if value.parse::<NaiveDate>().is_ok() { format!("'{value}'") } else { quote(value) };
        return format!("{indent}{}: {value}", quote(member));
    }
    match rest.strip_suffix(':') {
        Some(member) => format!("{indent}{}:", quote(member)),
        None if indent.ends_with("- ") => format!("{indent}{}", quote(rest)),
        None => line.to_owned(),
    }
}

/// The contract as the program serves it.
pub fn contract() -> OpenApi {
    let described = App::new().into_utoipa_app().configure(|config| routes(Register::Contract(config)));
    let (_, mut contract) = described.split_for_parts();
    contract.info = InfoBuilder::new()
        .title("Sigida")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(ContactBuilder::new().name(Some("Sigida")).build()))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    // Who serves the contract serves what it describes, for partners as for the operator's own people.
    let server = ServerBuilder::new()
        .url("/")
        .description(Some("The installation that serves this contract: production, test, or a local demonstration."))
        .extensions(Some(ExtensionsBuilder::new().add("x-internal", false).build()));
    contract.servers = Some(vec![server.build()]);
    let tags = TAGS.iter().map(|(name, text)| Tag::builder().name(*name).description(Some(*text)).build());
    contract.tags = Some(tags.collect());
    let components = contract.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(TOKEN)).build();
    components.security_schemes.insert("token".to_owned(), SecurityScheme::Http(bearer).into());
    components.schemas.insert("Problem".to_owned(), problem_schema());
    for (path, item) in &mut contract.paths.paths {
        let described =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch].into_iter().filter_map(|described| described.as_mut());
        for described in described {
            describe(path, described);
            share(path, described, components);
        }
    }
    keep_totals_to_money(&mut contract);
    refer_rows(&mut contract);
    tell_kept(&mut contract);
    tell_headers(&mut contract);
    bound(&mut contract);
    contract
}

/// The rows of a page are described once, where what they show is described.
fn refer_rows(contract: &mut OpenApi) {
    let Some(components) = &mut contract.components else { return };
    let names: HashSet<String> = components.schemas.keys().cloned().collect();
    for (page, schema) in &mut components.schemas {
        let Some(row) = page.strip_prefix(export::PAGES).filter(|row| names.contains(*row)) else { continue };
        let RefOr::T(Schema::Object(page)) = schema else { continue };
        if let Some(RefOr::T(Schema::Array(rows))) = page.properties.get_mut("data") {
            rows.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(row).into()));
        }
    }
}

/// Reads whose answer depends on more than the version that it shows.
const CHANGES_WITHOUT_VERSION: [&str; 2] = ["read_kinship", "list_budget_lines"];

/// What shows its version, and papers, need not be sent again to who has it.
fn tell_kept(contract: &mut OpenApi) {
    let counted =
        |property: Option<&RefOr<Schema>>| matches!(property, Some(RefOr::T(Schema::Object(of))) if of.schema_type == Type::Integer.into());
    let component = |schema: &Schema| matches!(schema, Schema::Object(object) if counted(object.properties.get("version")));
    let schemas = contract.components.iter().flat_map(|components| &components.schemas);
    let versioned: HashSet<String> =
        schemas.filter(|(_, schema)| matches!(schema, RefOr::T(schema) if component(schema))).map(|(name, _)| name.clone()).collect();
    for read in contract.paths.paths.values_mut().filter_map(|item| item.get.as_mut()) {
        let Some(RefOr::T(answer)) = read.responses.responses.get_mut("200") else { continue };
        let shown = match answer.content.get("application/json") {
            Some(RefOr::T(content)) => content.schema.as_ref(),
            _ => None,
        };
        let of_a_version =
            matches!(shown, Some(RefOr::Ref(to)) if to.ref_location.rsplit('/').next().is_some_and(|name| versioned.contains(name)));
        let id = read.operation_id.as_deref().unwrap_or_default();
        let published = operation(id).is_some_and(|declared| declared.published);
        let excepted = CHANGES_WITHOUT_VERSION.contains(&id);
        if excepted || !(of_a_version || published || answer.content.contains_key("application/pdf")) {
            continue;
        }
        let etag =
            HeaderBuilder::new().schema(Some(text_schema(300))).description(Some("For If-None-Match, and If-Match of acts.")).build();
        answer.headers.insert("ETag".to_owned(), etag.into());
        let header = ParameterBuilder::new()
            .name("If-None-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The ETag of what the caller has."))
            .schema(Some(text_schema(300)))
            .build();
        read.parameters.get_or_insert_default().push(header.into());
        let same = ResponseBuilder::new().description("The caller has it already.").build();
        read.responses.responses.insert("304".to_owned(), same.into());
    }
}

/// Pages are made alike; only those of lists that can be added up tell totals.
fn keep_totals_to_money(contract: &mut OpenApi) {
    let totalled = |described: &Described| {
        let mut parameters = described.parameters.iter().flatten();
        parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "totals"))
    };
    let lists = contract.paths.paths.values().filter_map(|item| item.get.as_ref()).filter_map(|list| Some((export::page_of(list)?, list)));
    let kept: HashSet<String> = lists.filter(|(_, list)| totalled(list)).map(|(page, _)| page.to_owned()).collect();
    let Some(components) = &mut contract.components else { return };
    for (name, schema) in &mut components.schemas {
        if let RefOr::T(Schema::Object(page)) = schema
            && name.starts_with(export::PAGES)
            && !kept.contains(name)
        {
            page.properties.shift_remove("totals");
        }
    }
}

/// The methods that the contract may hold.
pub const METHODS: [HttpMethod; 4] = [HttpMethod::Get, HttpMethod::Post, HttpMethod::Put, HttpMethod::Patch];

fn describe(path: &str, described: &mut Described) {
    let id = described.operation_id.clone().unwrap_or_default();
    let Some(declared) = operation(&id) else { return };
    let who = who(declared.access);
    let text = described.description.take().or_else(|| described.summary.clone()).unwrap_or_default();
    described.summary = Some(first_sentence(&text));
    described.description = Some(format!("{text}\n\n{who}"));
    described.security = match declared.access {
        // A token is proven wherever it comes: it may show more, and the request counts on its principal.
        Access::Open if declared.effect == Effect::Read && counts(path) => {
            Some(vec![SecurityRequirement::default(), SecurityRequirement::new::<_, [&str; 0], &str>("token", [])])
        }
        Access::Open => Some(Vec::new()),
        _ => Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]),
    };
    add_path_parameters(path, described);
    add_forms(described);
    add_headers(declared.effect, described);
    tell_recorded(declared.recorded, described);
    if declared.step_up {
        let text = described.description.take().unwrap_or_default();
        described.description = Some(format!("{text} {STEP_UP}"));
    }
    if declared.two_persons {
        tell_proposed(described);
    }
    add_example(&id, described);
    add_problems(path, declared, described);
    tell_versions(declared.effect, described);
}

/// What an operation does, in the few words that a list of operations has room for.
fn first_sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = [". ", ": ", " ("].iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
    line.get(..end).unwrap_or(&line).trim_end_matches('.').to_owned()
}

fn who(access: Access) -> String {
    match access {
        Access::Open => "**Who**: anyone.".to_owned(),
        Access::SignedIn => "**Who**: anyone with a token.".to_owned(),
        Access::Members => "**Who**: whoever holds a role in the organisation. Rows above the clearance of the caller's roles do not \
             exist for the caller: a `partner` reads what is published or shared with partners (budgets and their execution, transfers, \
             levies, consultations), not the documents behind."
            .to_owned(),
        Access::Platform => "**Who**: platform administrators.".to_owned(),
        Access::Roles(roles) => {
            let roles: Vec<String> = roles.iter().map(|role| format!("`{}`", role.as_str())).collect();
            format!("**Who**: {} in the organisation.", roles.join(", "))
        }
    }
}

fn text_schema(max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(max))
}

fn add_path_parameters(path: &str, described: &mut Described) {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let parameters = described.parameters.get_or_insert_with(Vec::new);
    parameters.retain(|parameter| !matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path));
    let mut own: Vec<RefOr<Parameter>> = names
        .map(|name| {
            let schema = match name {
                "year" => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1960)).maximum(Some(2200)),
                "code" | "account" => text_schema(60),
                "resource" => text_schema(100).pattern(Some("^[a-z_.]+$")),
                _ => text_schema(36).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))),
            };
            ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True).schema(Some(schema)).build().into()
        })
        .collect();
    own.append(parameters);
    *parameters = own;
}

/// A body that was accepted, for those who write their first.
fn add_example(id: &str, described: &mut Described) {
    let Some(RefOr::T(body)) = &mut described.request_body else { return };
    for (_, content) in body.content.iter_mut().filter(|(kind, _)| !kind.starts_with("text/")) {
        if let RefOr::T(content) = content {
            content.example = example(id).cloned();
        }
    }
}

/// Every list is also a table: in the form that the parameter or the header Accept asks for.
fn add_forms(described: &mut Described) {
    if export::page_of(described).is_none() {
        return;
    }
    for parameter in described.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        if parameter.name == "limit" {
            parameter.description =
                Some("Rows a page: in JSON 50 by default and at most 200, in CSV and XLSX 10000 by default and at most.".to_owned());
            let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(page::TABLE_MAX));
            parameter.schema = Some(schema.into());
        }
    }
    let words = Form::ALL.iter().map(|form| form.as_str());
    let form = ParameterBuilder::new()
        .name(export::PARAMETER)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some("The form of the answer; wins over the header `Accept`. See *Tables* in the introduction."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))))
        .build();
    described.parameters.get_or_insert_with(Vec::new).push(form.into());
    if let Some(RefOr::T(response)) = described.responses.responses.get_mut("200") {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let binary = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
        response.content.insert(export::CSV.to_owned(), ContentBuilder::new().schema(Some(text)).build().into());
        response.content.insert(export::XLSX.to_owned(), ContentBuilder::new().schema(Some(binary)).build().into());
    }
}

fn add_headers(effect: Effect, described: &mut Described) {
    let parameters = described.parameters.get_or_insert_with(Vec::new);
    let header = |name: &str, required, text: &str, schema: ObjectBuilder| -> RefOr<Parameter> {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(required)
            .description(Some(text))
            .schema(Some(schema))
            .build()
            .into()
    };
    parameters.push(header("Accept-Language", Required::False, "`fr` (default) or `en`.", text_schema(100)));
    if matches!(effect, Effect::Create | Effect::Act) {
        let schema = text_schema(64).min_length(Some(8)).pattern(Some("^[A-Za-z0-9._:-]{8,64}$"));
        parameters.push(header(
            "Idempotency-Key",
            Required::True,
            "A unique string for this request; repeat it when repeating the request.",
            schema,
        ));
    }
    if effect == Effect::Act {
        let schema = text_schema(64).pattern(Some(r#"^"[0-9]{1,18}(-[a-z-]{1,20})?"$"#));
        parameters.push(header("If-Match", Required::True, "The ETag read before.", schema));
    }
}

/// What is recorded says so, and takes the reason.
fn tell_recorded(recorded: Recorded, described: &mut Described) {
    let (required, text) = match recorded {
        Recorded::Never => return,
        Recorded::Restricted => (Required::False, "**Recorded** for those who are cleared for restricted rows."),
        Recorded::Always => (Required::False, "**Recorded**."),
        Recorded::WithReason => (Required::True, "**Recorded** with its reason."),
    };
    let description = described.description.take().unwrap_or_default();
    described.description = Some(format!("{description} {text}"));
    let (least, most) = domain::audit::access_record::REASON_LENGTH;
    let header = ParameterBuilder::new()
        .name(REASON)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some("Why it is read, for those who control who reads what; percent-encoded (UTF-8) where it is not ASCII."))
        .schema(Some(text_schema(most).min_length(Some(least)).pattern(Some("^[!-~]([ -~]*[!-~])?$"))));
    described.parameters.get_or_insert_with(Vec::new).push(header.build().into());
}

/// What takes two persons says so, and what the first of them is answered.
fn tell_proposed(described: &mut Described) {
    let text = described.description.take().unwrap_or_default();
    described.description = Some(format!("{text} {TWO_PERSONS}"));
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProposalView"))).build();
    let proposed = ResponseBuilder::new().description("Not done yet: it waits for a second person.").content("application/json", content);
    described.responses.responses.insert("202".to_owned(), proposed.build().into());
}

/// Successful answers that carry a version or a place say so.
fn tell_versions(effect: Effect, described: &mut Described) {
    for (status, response) in &mut described.responses.responses {
        let RefOr::T(response) = response else { continue };
        if !status.starts_with('2') {
            continue;
        }
        if response.description.is_empty() {
            response.description = if status == "201" { "Made.".to_owned() } else { "Done.".to_owned() };
        }
        let header = |text: &str| HeaderBuilder::new().schema(Some(text_schema(300))).description(Some(text)).build().into();
        if ["201", "202"].contains(&status.as_str()) {
            response.headers.insert("Location".to_owned(), header("Where it is read."));
        }
        if matches!(effect, Effect::Create | Effect::Act) {
            response.headers.insert("ETag".to_owned(), header("Its version, for If-Match."));
            response
                .headers
                .insert("Idempotency-Replayed".to_owned(), header("`true` when this is the answer of an earlier, equal request."));
        }
    }
}
