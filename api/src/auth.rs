//! Who calls: proves the caller before any handler runs, by the operation's one declaration in `access`.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, AUTHORIZATION, HeaderMap, IF_MATCH};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::identity::{Footing, Standing};
use db::kept::Kept;
use db::shelf;
use db::store::{Author, Store};
use domain::audit::{Actor, IDEMPOTENCY_KEY_MISSING};
use domain::id::{OrganisationId, PrincipalId, SessionId};
use domain::identity::{ROLE_MISSING, Role, TOKEN_INVALID, TOKEN_MISSING};
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::access::{Access, Effect, Operation};
use crate::answer::Published;
use crate::clock::Clock;
use crate::config::{RatePolicy, SignInPolicy};
use crate::contract::outline::{OUTLINE, Operations};
use crate::export::{Column, Form};
use crate::issuer::Issuers;
use crate::issuer::policy::IssuerPolicy;
use crate::limit::INTAKES_AT_ONCE;
use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem, SERVICE_BROKEN, VERSION_REQUIRED};
use crate::rate::{Caller, Rates};
use crate::route::{Found, Routes};
use crate::token::{Bearer, Keys};

/// For how long a standing read from the database is believed: the longest a revocation can take.
const STANDING_LIFETIME: Duration = Duration::from_secs(2);
/// How many standings are remembered.
const STANDINGS_MAX: usize = 10_000;

/// How many answers that are the same for everyone are kept: a path can be written in many ways.
const PUBLISHED_MAX: usize = 64;

/// What every request needs.
pub struct Desk {
    pub store: Store,
    pub clock: Clock,
    pub keys: Keys,
    pub sign_in: SignInPolicy,
    /// Other identity providers whose word is taken.
    pub issuers: Issuers,
    pub rates: Rates,
    /// The places of bodies that are read as they arrive.
    pub intakes: Arc<Semaphore>,
    /// The operations, from the contract itself.
    pub routes: Routes,
    standings: Kept<Bearer, Standing>,
    /// With which cursors are sealed: the installation's, read once.
    cursor_secret: OnceLock<[u8; 32]>,
    /// Answers that are the same for everyone, by what was asked, on which day.
    pub published: Kept<(String, NaiveDate), Published>,
}

impl Desk {
    pub fn new(store: Store, clock: Clock, keys: Keys, operations: Operations) -> Result<Self, String> {
        let (sign_in, rates) = (SignInPolicy::default(), Rates::new(RatePolicy::default()));
        let (standings, published) = (Kept::new(STANDING_LIFETIME, STANDINGS_MAX), Kept::new(shelf::KEPT, PUBLISHED_MAX));
        let intakes = Arc::new(Semaphore::new(INTAKES_AT_ONCE));
        let (routes, cursor_secret) = (Routes::new(operations)?, OnceLock::new());
        let issuers = Issuers::default();
        Ok(Self { store, clock, keys, sign_in, issuers, rates, intakes, routes, standings, cursor_secret, published })
    }

    /// The same with another policy of sign-ins.
    #[must_use]
    pub fn with_sign_in(self, sign_in: SignInPolicy) -> Self {
        Self { sign_in, ..self }
    }

    /// The same with a list of other identity providers.
    pub fn with_issuers(self, policies: &[IssuerPolicy]) -> Result<Self, String> {
        Ok(Self { issuers: Issuers::new(policies)?, ..self })
    }

    /// The same with other quotas of requests.
    #[must_use]
    pub fn with_rates(self, rates: RatePolicy) -> Self {
        Self { rates: Rates::new(rates), ..self }
    }

    /// Refuses query parameters that the contract does not describe so.
    fn require_known(&self, operation: &Operation, query: &str) -> Result<(), Problem> {
        OUTLINE.parameters.get(operation.id).map_or(Ok(()), |known| known.require(query))
    }

    /// The secret of cursors. Until it is known every list reads it for itself, so that none waits for the read of another.
    async fn cursor_secret(&self) -> Result<[u8; 32], Fault> {
        if let Some(secret) = self.cursor_secret.get() {
            return Ok(*secret);
        }
        let secret = self.store.read(db::reference::find_cursor_secret).await?;
        Ok(*self.cursor_secret.get_or_init(|| secret))
    }

    async fn standing(&self, bearer: Bearer) -> Result<Arc<Standing>, Problem> {
        if let Some(standing) = self.standings.get(&bearer) {
            return Ok(standing);
        }
        let now = self.clock.now();
        match self.store.read(move |conn| db::identity::find_standing(conn, bearer.principal, bearer.footing, now)).await {
            Ok(standing) => Ok(self.standings.put(bearer, standing)),
            Err(Fault::Missing) => Err(Problem::from(&TOKEN_INVALID)),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// What a request shows of its caller, before anything is asked of the database: a proven token, none or a false one, and
/// where it comes from.
#[derive(Clone)]
pub struct Shown {
    bearer: Result<Option<Bearer>, Problem>,
    address: Option<IpAddr>,
}

impl Shown {
    pub fn by(request: &ServiceRequest, desk: &Desk) -> Self {
        let proven = |token: &str| desk.keys.verify(token).ok_or_else(|| Problem::from(&TOKEN_INVALID));
        let bearer = token(request.headers()).and_then(|token| token.map(proven).transpose());
        Self { bearer, address: address_of(request, &desk.sign_in.trusted_proxies) }
    }

    /// On whom the request counts.
    pub fn caller(&self) -> Caller {
        match self.bearer {
            Ok(Some(bearer)) => Caller::Principal(bearer.principal),
            _ => Caller::Address(self.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into())),
        }
    }
}

/// A request whose caller is proven: who, in which organisation, with which roles and clearance, when.
#[derive(Clone)]
pub struct Call {
    pub desk: Arc<Desk>,
    pub standing: Option<Arc<Standing>>,
    /// The session of the caller's token, if it belongs to one.
    pub session: Option<SessionId>,
    /// Where the request comes from, as far as it is known.
    pub address: Option<IpAddr>,
    /// The organisation of the path.
    pub organisation: Option<OrganisationId>,
    /// The roles held in it today.
    pub roles: Vec<Role>,
    pub today: NaiveDate,
    pub now: DateTime<Utc>,
    pub idempotency_key: Option<String>,
    pub expected_version: Option<i64>,
    /// Method and path, for the fingerprint of idempotent requests.
    pub target: String,
    /// The list that cursors of this request belong to: path and filters.
    pub list: String,
    /// With which its cursors are sealed, if the operation lists.
    pub cursor_secret: Option<[u8; 32]>,
    /// The form in which a list is answered.
    pub form: Form,
    operation: &'static Operation,
}

impl Call {
    pub fn store(&self) -> &Store {
        &self.desk.store
    }

    /// Whether the operation lists: then the form of the answer can be chosen.
    pub fn lists(&self) -> bool {
        OUTLINE.tables.contains_key(self.operation.id)
    }

    /// The columns of the list as a table.
    pub fn columns(&self) -> Arc<Vec<Column>> {
        OUTLINE.tables.get(self.operation.id).cloned().unwrap_or_default()
    }

    /// Who calls; only where the operation lets nobody anonymous in.
    pub fn principal(&self) -> Result<PrincipalId, Problem> {
        self.standing.as_ref().map(|standing| standing.principal).ok_or_else(|| Problem::from(&TOKEN_MISSING))
    }

    /// The rows that the caller may touch in the organisation of the path.
    pub fn scope(&self) -> Result<Scope, Problem> {
        Ok(self.scope_in(self.organisation.ok_or_else(|| Problem::from(&NOT_FOUND))?))
    }

    /// As [`Call::scope`], for handlers that have the organisation at hand.
    pub fn scope_in(&self, organisation: OrganisationId) -> Scope {
        let clearance = self.roles.iter().map(|role| role.clearance()).max().unwrap_or(Sensitivity::Public);
        Scope { organisation, clearance }
    }

    /// The organisations whose records the caller reads as one of their own.
    pub fn readable(&self) -> Vec<OrganisationId> {
        let mut readable: Vec<OrganisationId> = self
            .standing
            .iter()
            .flat_map(|standing| &standing.assignments)
            .filter(|assignment| assignment.holds(assignment.organisation, self.today))
            .filter(|assignment| assignment.role.clearance() >= Sensitivity::Internal)
            .map(|assignment| assignment.organisation)
            .collect();
        readable.sort();
        readable.dedup();
        readable
    }

    /// The role under which the caller acts: the first that the operation asks for.
    pub fn role(&self) -> Option<Role> {
        match self.operation.access {
            Access::Roles(wanted) => wanted.iter().copied().find(|role| self.roles.contains(role)),
            Access::Platform => Some(Role::Administrator),
            _ => self.roles.first().copied(),
        }
    }

    /// Who writes, when.
    pub fn author(&self) -> Author {
        let actor = Actor {
            principal: self.standing.as_ref().map(|standing| standing.principal),
            role: self.role().map_or("none", Word::as_str).to_owned(),
        };
        Author { actor, now: self.now, today: self.today }
    }

    /// Where the official who acts sits.
    pub fn seat(&self) -> Option<OrganisationId> {
        let role = self.role()?;
        let organisation = self.organisation?;
        let standing = self.standing.as_ref()?;
        standing.assignments.iter().find(|held| held.role == role && held.holds(organisation, self.today)).and_then(|held| held.seat)
    }

    /// Refuses to act on another version than the one that the caller read.
    pub fn check_version(&self, version: i64) -> Result<(), Fault> {
        match self.expected_version {
            Some(expected) if expected != version => Err(Fault::Stale(version)),
            _ => Ok(()),
        }
    }
}

impl FromRequest for Call {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Put there by `admit`; a route that `admit` does not know cannot be called.
        ready(request.extensions().get::<Call>().cloned().ok_or_else(|| Problem::from(&SERVICE_BROKEN)))
    }
}

/// The guard around every route: proves the caller by the declaration of the operation, or answers with a problem.
pub async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let Some(desk) = request.app_data::<web::Data<Desk>>().map(|desk| Arc::clone(desk)) else {
        return Err(Problem::from(&SERVICE_BROKEN).into());
    };
    // The contract and its page belong to no operation; whatever else is not declared is not served.
    if request.path() == "/openapi.json" || request.path().starts_with("/docs") {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    match prove(&desk, &request).await {
        Ok(call) => {
            request.extensions_mut().insert(call);
            Ok(next.call(request).await?.map_into_boxed_body())
        }
        Err(problem) => Ok(refuse(request, problem)),
    }
}

fn refuse(request: ServiceRequest, problem: Problem) -> ServiceResponse<actix_web::body::BoxBody> {
    request.error_response(problem)
}

async fn prove(desk: &Arc<Desk>, request: &ServiceRequest) -> Result<Call, Problem> {
    let place = desk.routes.at(request.path()).ok_or_else(|| Problem::from(&NOT_FOUND))?;
    let not_offered = || Problem { allow: Some(place.methods()), ..Problem::from(&METHOD_NOT_ALLOWED) };
    let operation = place.operation(request.method()).ok_or_else(not_offered)?;
    request.extensions_mut().insert(Found(operation));
    let today = desk.clock.today();
    let shown = request.extensions().get::<Shown>().cloned().ok_or_else(|| Problem::from(&SERVICE_BROKEN))?;
    let (standing, session) = match shown.bearer? {
        None => (None, None),
        Some(bearer) => {
            let standing = desk.standing(bearer).await?;
            if !standing.active {
                return Err(Problem::from(&TOKEN_INVALID));
            }
            let session = if let Footing::Session(session) = bearer.footing { Some(session) } else { None };
            (Some(standing), session)
        }
    };
    // No database keeps U+0000 in text: nothing has such a name.
    if request.path().contains("%00") {
        return Err(Problem::from(&NOT_FOUND));
    }
    let organisation = place.organisation.map(organisation_of).transpose()?;
    let mut call = Call {
        desk: Arc::clone(desk),
        standing,
        session,
        address: shown.address,
        organisation,
        roles: Vec::new(),
        today,
        now: desk.clock.now(),
        idempotency_key: None,
        expected_version: None,
        target: format!("{} {}?{}", request.method(), request.path(), request.query_string()),
        list: format!("{}?{}", request.path(), filters(request.query_string())),
        cursor_secret: None,
        form: Form::Json,
        operation,
    };
    call.roles = roles_in(&call, organisation);
    authorise(&call, operation)?;
    desk.require_known(operation, request.query_string())?;
    if call.lists() {
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        call.form = Form::asked(request.query_string(), accept)?;
        call.cursor_secret = Some(desk.cursor_secret().await?);
    }
    // Writes must be repeatable, and acts must name a version.
    if matches!(operation.effect, Effect::Create | Effect::Act) {
        call.idempotency_key = Some(idempotency_key(request.headers())?);
    }
    if operation.effect == Effect::Act {
        call.expected_version = Some(expected_version(request.headers())?);
    }
    Ok(call)
}

fn roles_in(call: &Call, organisation: Option<OrganisationId>) -> Vec<Role> {
    let Some(standing) = &call.standing else { return Vec::new() };
    let held =
        |wanted: OrganisationId| standing.assignments.iter().filter(move |held| held.holds(wanted, call.today)).map(|held| held.role);
    let mut roles: Vec<Role> = organisation.map(|wanted| held(wanted).collect()).unwrap_or_default();
    if held(OrganisationId::platform()).any(|role| role == Role::Administrator) {
        roles.push(Role::Administrator);
    }
    roles.sort();
    roles.dedup();
    roles
}

fn authorise(call: &Call, operation: &Operation) -> Result<(), Problem> {
    if operation.access == Access::Open {
        return Ok(());
    }
    if call.standing.is_none() {
        return Err(Problem::from(&TOKEN_MISSING));
    }
    let missing = |roles: &[Role]| {
        let roles: Vec<String> = roles.iter().map(|role| role.as_str().to_owned()).collect();
        Problem::from(ROLE_MISSING.refuse().with("roles", roles))
    };
    match operation.access {
        Access::Open | Access::SignedIn => Ok(()),
        Access::Members if call.roles.is_empty() => Err(Problem::from(&NOT_FOUND)),
        Access::Members => Ok(()),
        Access::Roles(_) if call.roles.is_empty() => Err(Problem::from(&NOT_FOUND)),
        Access::Roles(wanted) if call.roles.iter().any(|role| wanted.contains(role)) => Ok(()),
        Access::Roles(wanted) => Err(missing(wanted)),
        Access::Platform if call.roles.contains(&Role::Administrator) => Ok(()),
        Access::Platform => Err(missing(&[Role::Administrator])),
    }
}

/// The token of the request: one Authorization header of scheme Bearer, or none.
fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(AUTHORIZATION);
    let Some(first) = given.next() else { return Ok(None) };
    let invalid = || Problem::from(&TOKEN_INVALID);
    if given.next().is_some() {
        return Err(invalid());
    }
    let (scheme, token) = first.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token)) } else { Err(invalid()) }
}

/// The address of the caller: the peer's, or what a trusted proxy says, from right to left up to the first address that is
/// no proxy of ours. What stands further left anyone can write.
fn address_of(request: &ServiceRequest, proxies: &[IpAddr]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let told = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    let told: Vec<Option<IpAddr>> = told.map(|address| Some(address.trim().parse::<IpAddr>().ok()?.to_canonical())).collect();
    let mut nearest = peer;
    for address in told.into_iter().rev() {
        match address {
            Some(address) if proxies.contains(&nearest) => nearest = address,
            _ => break,
        }
    }
    Some(nearest)
}

/// What stands for `{organisation_id}` in a path.
fn organisation_of(text: &str) -> Result<OrganisationId, Problem> {
    Uuid::try_parse(text).map(OrganisationId).map_err(|_| Problem::from(&NOT_FOUND))
}

fn filters(query: &str) -> String {
    let mut pairs: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("after=") && !pair.starts_with("limit=")).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let missing = || Problem::from(&IDEMPOTENCY_KEY_MISSING);
    let raw = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).ok_or_else(missing)?;
    let key = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'));
    if plain && (8..=64).contains(&key.len()) { Ok(key.to_owned()) } else { Err(missing()) }
}

/// The version in If-Match: `"7-json"`, with or without what encodings add to it.
fn expected_version(headers: &HeaderMap) -> Result<i64, Problem> {
    let required = || Problem::from(&VERSION_REQUIRED);
    let raw = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()).ok_or_else(required)?;
    let tag = raw.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(required)?;
    tag.split('-').next().and_then(|version| version.parse().ok()).ok_or_else(required)
}
