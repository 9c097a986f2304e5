//! Who calls: proves the caller before any handler runs, by the operation's one declaration in `access`.

mod header;
mod restraint;

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::ACCEPT;
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::fault::Fault;
use db::identity::{Footing, Standing};
use db::kept::Kept;
use db::shelf;
use db::store::{Author, Store};
use domain::audit::Actor;
use domain::audit::access_record::reason_required;
use domain::id::{ClientKeyId, OrganisationId, PrincipalId, SessionId};
use domain::identity::step_up::{STEP_UP_REQUIRED, is_recent, require_person};
use domain::identity::{ROLE_MISSING, Role, TOKEN_INVALID, TOKEN_MISSING};
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;
use tokio::sync::Semaphore;

use self::header::{address_of, expected_version, filters, idempotency_key, organisation_of, token};
use crate::access::{Access, Effect, Operation, Recorded};
use crate::answer::Published;
use crate::audit::access_record;
use crate::clock::Clock;
use crate::config::{RatePolicy, SignInPolicy};
use crate::contract::outline::{OUTLINE, Operations};
use crate::export::{Column, Form};
use crate::issuer::Issuers;
use crate::issuer::policy::IssuerPolicy;
use crate::limit::INTAKES_AT_ONCE;
use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem, SERVICE_BROKEN};
use crate::rate::{Caller, Rates};
use crate::route::{Found, Routes};
use crate::seal::Seal;
use crate::token::{Bearer, Keys};

/// For how long a standing read from the database is believed: the longest a revocation can take.
const STANDING_LIFETIME: Duration = Duration::from_secs(2);
/// For how long administrators are not told again that somebody reached a quota.
const ALARM_LIFETIME: Duration = Duration::from_secs(3600);
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
    /// With what secrets are sealed that have to be read again, if the operator has set it.
    pub seal: Option<Seal>,
    pub rates: Rates,
    /// How many things somebody is told in a day of what is read for a reason, and of all that is recorded; 0 is no limit.
    pub quotas: (u32, u32),
    /// Who reached such a quota, of whom administrators were told.
    pub alarmed: Kept<PrincipalId, ()>,
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
        let (issuers, seal) = (Issuers::default(), None);
        let (rates_of, alarmed) = (RatePolicy::default(), Kept::new(ALARM_LIFETIME, STANDINGS_MAX));
        let quotas = (rates_of.with_reason_per_day, rates_of.recorded_per_day);
        Ok(Self {
            store,
            clock,
            keys,
            sign_in,
            issuers,
            seal,
            rates,
            quotas,
            alarmed,
            intakes,
            routes,
            standings,
            cursor_secret,
            published,
        })
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

    /// The same with a key that seals.
    #[must_use]
    pub fn with_seal(self, seal: Option<Seal>) -> Self {
        Self { seal, ..self }
    }

    /// The same with other quotas of requests.
    #[must_use]
    pub fn with_rates(self, rates: RatePolicy) -> Self {
        Self { rates: Rates::new(rates), quotas: (rates.with_reason_per_day, rates.recorded_per_day), ..self }
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
        match self.standings.get(&bearer) {
            Some(standing) => Ok(standing),
            None => self.standing_anew(bearer).await,
        }
    }

    /// As [`Desk::standing`], from the database itself.
    async fn standing_anew(&self, bearer: Bearer) -> Result<Arc<Standing>, Problem> {
        let now = self.clock.now();
        // What somebody is everywhere, before it is known whither they turn.
        match self.store.everywhere().read(move |conn| db::identity::find_standing(conn, bearer.principal, bearer.footing, now)).await {
            Ok(standing) => Ok(self.standings.put(bearer, standing)),
            Err(Fault::Missing) => Err(Problem::from(&TOKEN_INVALID)),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Refuses a caller whose last proof of who they are is too old for a grave act.
    async fn require_recent_proof(&self, bearer: Bearer, issued_at: i64, standing: &Standing) -> Result<(), Problem> {
        require_person(standing.kind)?;
        let (now, max_age) = (self.clock.now(), self.sign_in.step_up_seconds);
        let recent = match bearer.footing {
            // Had by the secret itself, when it was issued.
            Footing::Secret => is_recent(DateTime::from_timestamp(issued_at, 0), now, max_age),
            // Whoever has just proven it anew need not wait until that is known.
            Footing::Session(_) => {
                is_recent(standing.proven_at, now, max_age) || is_recent(self.standing_anew(bearer).await?.proven_at, now, max_age)
            }
            Footing::Key(_) => false,
        };
        if recent { Ok(()) } else { Err(STEP_UP_REQUIRED.refuse().with("max_age", max_age).into()) }
    }
}

/// What a request shows of its caller, before anything is asked of the database: a proven token, none or a false one, and
/// where it comes from.
#[derive(Clone)]
pub struct Shown {
    /// Whom the token speaks for, and when it was issued.
    bearer: Result<Option<(Bearer, i64)>, Problem>,
    address: Option<IpAddr>,
}

impl Shown {
    pub fn by(request: &ServiceRequest, desk: &Desk) -> Self {
        let proven = |token: &str| desk.keys.verify_dated(token).ok_or_else(|| Problem::from(&TOKEN_INVALID));
        let bearer = token(request.headers()).and_then(|token| token.map(proven).transpose());
        Self { bearer, address: address_of(request, &desk.sign_in.trusted_proxies) }
    }

    /// On whom the request counts.
    pub fn caller(&self) -> Caller {
        match self.bearer {
            Ok(Some((bearer, _))) => Caller::Principal(bearer.principal),
            _ => Caller::Address(self.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into())),
        }
    }
}

/// A request whose caller is proven: who, in which organisation, with which roles and clearance, when.
#[derive(Clone)]
pub struct Call {
    pub desk: Arc<Desk>,
    /// The database, as far as the organisation of the path.
    store: Store,
    pub standing: Option<Arc<Standing>>,
    /// The session of the caller's token, if it belongs to one.
    pub session: Option<SessionId>,
    /// The key of a partner system by which its token was had.
    pub client_key: Option<ClientKeyId>,
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
    /// Why the caller reads what is recorded.
    pub reason: Option<String>,
    operation: &'static Operation,
}

impl Call {
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether the operation lists: then the form of the answer can be chosen.
    pub fn lists(&self) -> bool {
        OUTLINE.tables.contains_key(self.operation.id)
    }

    pub fn operation_id(&self) -> &'static str {
        self.operation.id
    }

    /// Whether it is recorded what this caller is told.
    pub fn is_recorded(&self) -> bool {
        match self.operation.recorded {
            Recorded::Never => false,
            Recorded::Restricted => self.clearance() >= Sensitivity::Restricted,
            Recorded::Always | Recorded::WithReason => true,
        }
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
        Scope { organisation, clearance: self.clearance() }
    }

    fn clearance(&self) -> Sensitivity {
        self.roles.iter().map(|role| role.clearance()).max().unwrap_or(Sensitivity::Public)
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
            let recorded = call.is_recorded().then(|| call.clone());
            request.extensions_mut().insert(call);
            let response = next.call(request).await?.map_into_boxed_body();
            match recorded {
                Some(call) => Ok(access_record::record(&call, response).await),
                None => Ok(response),
            }
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
    let bearer = shown.bearer?;
    let (standing, footing) = match bearer {
        None => (None, None),
        Some((bearer, _)) => {
            let standing = desk.standing(bearer).await?;
            if !standing.active {
                return Err(Problem::from(&TOKEN_INVALID));
            }
            (Some(standing), Some(bearer.footing))
        }
    };
    // No database keeps U+0000 in text: nothing has such a name.
    if request.path().contains("%00") {
        return Err(Problem::from(&NOT_FOUND));
    }
    let organisation = place.organisation.map(organisation_of).transpose()?;
    let mut call = Call {
        desk: Arc::clone(desk),
        store: desk.store.within(organisation),
        standing,
        client_key: if let Some(Footing::Key(key)) = footing { Some(key) } else { None },
        session: if let Some(Footing::Session(session)) = footing { Some(session) } else { None },
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
        reason: None,
        operation,
    };
    call.roles = roles_in(&call, organisation);
    authorise(&call, operation)?;
    // Whoever would find no place to wait is told so before anything is read of what they say.
    if matches!(operation.effect, Effect::Create | Effect::Act) {
        desk.store.require_place(organisation.unwrap_or(OrganisationId::platform()))?;
    }
    if let (true, Some((bearer, issued_at)), Some(standing)) = (operation.step_up, bearer, &call.standing) {
        desk.require_recent_proof(bearer, issued_at, standing).await?;
    }
    desk.require_known(operation, request.query_string())?;
    if call.lists() {
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        call.form = Form::asked(request.query_string(), accept)?;
        call.cursor_secret = Some(desk.cursor_secret().await?);
    }
    if operation.recorded != Recorded::Never {
        call.reason = access_record::reason(request.headers())?;
        if operation.recorded == Recorded::WithReason && call.reason.is_none() {
            return Err(reason_required().into());
        }
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
        Access::Members | Access::Roles(_) if call.roles.is_empty() => Err(Problem::from(&NOT_FOUND)),
        Access::Roles(wanted) if !call.roles.iter().any(|role| wanted.contains(role)) => Err(missing(wanted)),
        Access::Platform if !call.roles.contains(&Role::Administrator) => Err(missing(&[Role::Administrator])),
        Access::Open | Access::SignedIn | Access::Members | Access::Roles(_) | Access::Platform => Ok(()),
    }
}
