//! Proving once more who one is, in the session that goes on.

use actix_web::post;
use chrono::{DateTime, Duration, Utc};
use db::fault::Fault;
use db::identity::authenticator::{self, AuthenticatorRow};
use db::identity::{PrincipalRow, session};
use db::store::Outcome;
use domain::audit::Event;
use domain::id::{OrganisationId, SessionId};
use domain::identity::session::SESSION_NONE;
use domain::identity::step_up::{ONE_TIME_PASSWORD_REQUIRED, ONE_TIME_PASSWORD_WRONG, require_person};
use domain::identity::{PASSWORD_WRONG, TOKEN_INVALID};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::throttle;
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::password;
use crate::problem::{Problem, REQUEST_BODY_INVALID};

/// The password, or a code of the authenticator of whoever has one: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reauthentication {
    #[schema(min_length = 1, max_length = 128, format = Password, nullable = false)]
    password: Option<String>,
    #[schema(min_length = 6, max_length = 6, pattern = "^[0-9]{6}$", nullable = false)]
    one_time_password: Option<String>,
}

impl Json for Reauthentication {}

/// How long the proof of a session stands.
#[derive(Serialize, ToSchema)]
pub struct ProofView {
    session_id: SessionId,
    proven_at: DateTime<Utc>,
    /// Until when operations that want a recent proof are open to the session.
    recent_until: DateTime<Utc>,
}

/// Proves once more who the caller is (nouvelle preuve d'identité): by the password, or by a code of the authenticator where one
/// is enrolled. For ten minutes, or as long as the operator says, the session may then do what wants a recent proof. The access
/// token stays the same. Other sessions of the caller prove nothing by it. Failures are slowed down like failed sign-ins.
#[utoipa::path(tag = "identity", request_body = Reauthentication, responses((status = 200, body = ProofView)))]
#[post("/v1/me/re-authentication")]
pub async fn reauthenticate(asked: Asked<Reauthentication>) -> Answered {
    let Asked { call, body, .. } = asked;
    let id = call.principal()?;
    let found = call.store().read(move |conn| Ok((db::identity::find_principal(conn, id)?, authenticator::find_authenticator(conn, id)?)));
    let (row, enrolled) = found.await?;
    require_person(row.kind.0)?;
    let session = call.session.ok_or_else(|| Problem::from(&SESSION_NONE))?;
    let enrolled = enrolled.filter(|row| row.confirmed_at.is_some());
    let login = row.login.clone();
    match (body.password, body.one_time_password, enrolled) {
        (None, Some(code), Some(enrolled)) => {
            throttle::guarded(&call, Some(&login), by_code(&call, &row, session, &enrolled, &code)).await?;
        }
        (None, Some(_), None) => return Err(ONE_TIME_PASSWORD_WRONG.refuse().at("/one_time_password").into()),
        (Some(_), None, Some(_)) => return Err(Problem::from(&ONE_TIME_PASSWORD_REQUIRED)),
        (Some(password), None, None) => throttle::guarded(&call, Some(&login), by_password(&call, row, session, password)).await?,
        _ => return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "", "either password or one_time_password")),
    }
    let recent_until = call.now + Duration::seconds(call.desk.sign_in.step_up_seconds);
    ok(&ProofView { session_id: session, proven_at: call.now, recent_until })
}

async fn by_password(call: &Call, row: PrincipalRow, session: SessionId, password: String) -> Result<(), Problem> {
    let id = row.id.0;
    password::verify(password, row.secret_hash.clone(), || PASSWORD_WRONG.refuse().at("/password")).await?;
    let proven = call.store().write(OrganisationId::platform(), call.author(), move |tx| {
        // The password may have been changed, or an authenticator confirmed, meanwhile.
        let present = db::identity::find_principal(tx.conn, id)?;
        if present.secret_hash != row.secret_hash || authenticator::is_enrolled(tx.conn, id)? {
            return Err(PASSWORD_WRONG.refuse().at("/password").into());
        }
        session::prove(tx, id, session).map_err(gone)?;
        Ok(Outcome::Happened((), Event::of("session.proven", "session", session.0, 1).with("by", "password").into()))
    });
    Ok(proven.await?)
}

async fn by_code(call: &Call, row: &PrincipalRow, session: SessionId, enrolled: &AuthenticatorRow, code: &str) -> Result<(), Problem> {
    let (id, sealed) = (row.id.0, enrolled.sealed_secret.clone());
    let step = super::authenticator::prove(call, id, enrolled, code)?;
    let proven = call.store().write(OrganisationId::platform(), call.author(), move |tx| {
        let present = authenticator::find_authenticator(tx.conn, id)?;
        if present.is_none_or(|present| present.sealed_secret != sealed) {
            return Err(ONE_TIME_PASSWORD_WRONG.refuse().at("/one_time_password").into());
        }
        authenticator::spend(tx, id, step)?;
        session::prove(tx, id, session).map_err(gone)?;
        Ok(Outcome::Happened((), Event::of("session.proven", "session", session.0, 1).with("by", "one_time_password").into()))
    });
    Ok(proven.await?)
}

/// A session that ended meanwhile.
fn gone(fault: Fault) -> Fault {
    match fault {
        Fault::Missing => TOKEN_INVALID.refuse().into(),
        fault => fault,
    }
}
