//! Sessions of people: signing in, going on without the password, signing out.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, post, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use db::fault::Fault;
use db::identity::session::{Renewal, SessionRow};
use db::identity::{Footing, PrincipalRow};
use db::store::{Author, Outcome};
use domain::audit::{Actor, Event};
use domain::id::{OrganisationId, PrincipalId, SessionId};
use domain::identity::session::{SESSION_INVALID, SESSION_NONE, SessionEnd};
use domain::identity::{PrincipalKind, SIGN_IN_FAILED};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::{credentials, throttle};
use crate::answer::{Answered, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::page::{Page, keyset, page};
use crate::problem::{Problem, SERVICE_BROKEN};
use crate::token::Bearer;

/// A login and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    #[schema(min_length = 1, max_length = 100)]
    login: String,
    #[schema(min_length = 1, max_length = 128, format = Password)]
    password: String,
}

impl Json for SignIn {}

/// The tokens of a session. Keep the refresh token where nothing else reads it.
#[derive(Serialize, ToSchema)]
pub struct SessionTokens {
    session_id: SessionId,
    /// Send it as `Authorization: Bearer …`.
    #[schema(max_length = 4096)]
    access_token: String,
    /// Always "Bearer".
    #[schema(max_length = 10)]
    token_type: &'static str,
    /// The life of the access token in seconds.
    #[schema(minimum = 1, maximum = 86400)]
    expires_in: i64,
    /// Good once, for the next pair of tokens at `POST /v1/sessions/renewal`.
    #[schema(max_length = 64)]
    refresh_token: String,
    /// When the session ends whatever happens. Renewals do not put it off.
    session_expires_at: DateTime<Utc>,
}

/// A refresh token: 256 bits that nobody guesses.
fn refresh_token() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn tokens(call: &Call, principal: PrincipalId, session: SessionId, refresh_token: String, expires_at: DateTime<Utc>) -> Answered {
    let bearer = Bearer { principal, footing: Footing::Session(session) };
    let access_token = call.desk.keys.sign_for(bearer, call.now.timestamp()).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    let tokens = SessionTokens {
        session_id: session,
        access_token,
        token_type: "Bearer",
        expires_in: call.desk.keys.lifetime,
        refresh_token,
        session_expires_at: expires_at,
    };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(tokens))
}

/// Who writes before anything says who calls.
fn author(call: &Call, principal: Option<PrincipalId>) -> Author {
    Author { actor: Actor { principal, role: "none".to_owned() }, now: call.now, today: call.today }
}

/// Signs a person in, for the first-party login only: begins a session with a short access token and a refresh token.
/// A wrong login and a wrong password are answered alike. Failures are slowed down by login, by address and altogether,
/// known login or not: 429 says when to try again; a success forgets those of the login.
#[utoipa::path(tag = "identity", request_body = SignIn, responses((status = 200, body = SessionTokens)))]
#[post("/v1/sessions")]
pub async fn sign_in(asked: Asked<SignIn>) -> Answered {
    let Asked { call, body, .. } = asked;
    let proof = credentials::prove(&call, &body.login, body.password, PrincipalKind::Person);
    let principal = throttle::guarded(&call, Some(&body.login), proof).await?;
    begin(&call, principal).await
}

async fn begin(call: &Call, proven: PrincipalRow) -> Answered {
    let (principal, session, token) = (proven.id.0, SessionId::new(), refresh_token()?);
    let token_hash = hash(&token);
    let expires_at = call.now + Duration::seconds(call.desk.sign_in.session_seconds);
    call.store()
        .write(OrganisationId::platform(), author(call, Some(principal)), move |tx| {
            // The secret may have been changed or withdrawn since it was verified.
            let present = db::identity::find_principal(tx.conn, principal)?;
            if !present.can_sign_in() || present.secret_hash != proven.secret_hash {
                return Err(SIGN_IN_FAILED.refuse().into());
            }
            // Of somebody with an authenticator, a code of it is the recent proof, and the password is not.
            let proven_at = if db::identity::authenticator::is_enrolled(tx.conn, principal)? { None } else { Some(tx.now()) };
            db::identity::session::insert_session(tx, session, principal, expires_at, Some(&token_hash), proven_at)?;
            Ok(Outcome::Happened((), Event::of("session.started", "session", session.0, 1).into()))
        })
        .await?;
    tokens(call, principal, session, token, expires_at)
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    #[schema(min_length = 43, max_length = 64)]
    refresh_token: String,
}

impl Json for RefreshToken {}

/// Spends a refresh token and gives the next pair of tokens (renouvellement). A refresh token is good once: when one
/// comes a second time somebody else has it, and the whole session ends, for its owner too. So do not repeat a renewal
/// whose answer was lost; sign in again. Failures are slowed down by address: 429 says when to try again.
#[utoipa::path(tag = "identity", request_body = RefreshToken, responses((status = 200, body = SessionTokens)))]
#[post("/v1/sessions/renewal")]
pub async fn renew_session(asked: Asked<RefreshToken>) -> Answered {
    let Asked { call, body, .. } = asked;
    let token = refresh_token()?;
    let (spent, next) = (hash(&body.refresh_token), hash(&token));
    let row = throttle::guarded(&call, None, renew(&call, spent, next)).await?;
    tokens(&call, row.principal_id.0, row.id.0, token, row.expires_at.0)
}

async fn renew(call: &Call, spent: Vec<u8>, next: Vec<u8>) -> Result<SessionRow, Problem> {
    let now = call.now;
    match call.store().keep(move |conn| db::identity::session::renew(conn, &spent, &next, now)).await? {
        Renewal::Renewed(row) => Ok(row),
        Renewal::Refused => Err(Problem::from(&SESSION_INVALID)),
        Renewal::Reused(row) => {
            end_reused(call, &row).await?;
            Err(Problem::from(&SESSION_INVALID))
        }
    }
}

async fn end_reused(call: &Call, row: &SessionRow) -> Result<(), Fault> {
    let (principal, session) = (row.principal_id.0, row.id.0);
    call.store()
        .write(OrganisationId::platform(), author(call, None), move |tx| {
            match db::identity::session::end_session(tx, principal, session, SessionEnd::TokenReused) {
                Err(Fault::Missing) => return Ok(Outcome::Replayed(())),
                ended => ended?,
            }
            let event = Event::of("session.token_reused", "session", session.0, 2)
                .moved("standing", "ended")
                .with("principal_id", principal.to_string());
            Ok(Outcome::Happened((), event.into()))
        })
        .await
}

/// A session of the caller.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    id: SessionId,
    started_at: DateTime<Utc>,
    /// When its tokens were renewed last.
    renewed_at: DateTime<Utc>,
    /// When it ends whatever happens.
    expires_at: DateTime<Utc>,
    /// Whether it is the session of the token that asks.
    current: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The caller's own sessions that have not ended.
#[utoipa::path(tag = "identity", params(SessionQuery), responses((status = 200, body = Page<SessionView>)))]
#[get("/v1/me/sessions")]
pub async fn list_sessions(call: Call, query: Query<SessionQuery>) -> Answered {
    let keys = keyset::<SessionId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let (asked, principal, now) = (keys.clone(), call.principal()?, call.now);
    let rows = call.store().read(move |conn| db::identity::session::list_sessions(conn, principal, now, &asked)).await?;
    let current = call.session;
    let view = |row: SessionRow| SessionView {
        id: row.id.0,
        started_at: row.started_at.0,
        renewed_at: row.renewed_at.0,
        expires_at: row.expires_at.0,
        current: Some(row.id.0) == current,
    };
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// The session that was ended.
#[derive(Serialize, ToSchema)]
pub struct EndedSession {
    id: SessionId,
    reason: SessionEnd,
}

async fn end(call: &Call, session: SessionId, reason: SessionEnd) -> Answered {
    let principal = call.principal()?;
    call.store()
        .write(OrganisationId::platform(), author(call, Some(principal)), move |tx| {
            db::identity::session::end_session(tx, principal, session, reason)?;
            let event = Event::of("session.ended", "session", session.0, 2).moved("standing", "ended").with("reason", reason);
            Ok(Outcome::Happened((), event.into()))
        })
        .await?;
    ok(&EndedSession { id: session, reason })
}

/// Ends the session of the token that asks (déconnexion). Its refresh token is void at once, its access tokens within
/// five seconds.
#[utoipa::path(tag = "identity", responses((status = 200, body = EndedSession)))]
#[post("/v1/me/sign-out")]
pub async fn sign_out(asked: Asked<Nothing>) -> Answered {
    let session = asked.call.session.ok_or_else(|| Problem::from(&SESSION_NONE))?;
    end(&asked.call, session, SessionEnd::SignedOut).await
}

/// Ends one of the caller's own sessions, such as that of a lost telephone. Its refresh token is void at once, its access
/// tokens within five seconds.
#[utoipa::path(tag = "identity", responses((status = 200, body = EndedSession)))]
#[post("/v1/me/sessions/{session_id}/end")]
pub async fn end_session(asked: Asked<Nothing>, path: web::Path<SessionId>) -> Answered {
    end(&asked.call, path.into_inner(), SessionEnd::Withdrawn).await
}
