//! Authenticators: generators of one-time passwords on a telephone of their owner (RFC 6238).

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, post};
use chrono::{DateTime, Utc};
use db::identity::authenticator::{self, AuthenticatorRow};
use db::store::Outcome;
use domain::audit::Event;
use domain::id::{OrganisationId, PrincipalId};
use domain::identity::step_up::{AUTHENTICATOR_NOT_OFFERED, AUTHENTICATOR_STATE_INVALID, ONE_TIME_PASSWORD_WRONG, require_person, steps};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::throttle;
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing};
use crate::one_time::{SECRET_BYTES, base32, step_of, uri};
use crate::problem::{Problem, SERVICE_BROKEN};
use crate::seal::Seal;

/// The key of the installation, without which it keeps no secret that it must read again.
fn seal(call: &Call) -> Result<&Seal, Problem> {
    call.desk.seal.as_ref().ok_or_else(|| Problem::from(&AUTHENTICATOR_NOT_OFFERED))
}

/// The step whose code was given, of what the authenticator of the principal gives now.
pub fn prove(call: &Call, principal: PrincipalId, row: &AuthenticatorRow, given: &str) -> Result<i64, Problem> {
    let secret = seal(call)?.open(principal.0.as_bytes(), &row.sealed_secret).ok_or_else(|| {
        log::error!("the secret of an authenticator cannot be opened: is the sealing key the right one?");
        Problem::from(&SERVICE_BROKEN)
    })?;
    step_of(&secret, given, &steps(call.now)).ok_or_else(|| ONE_TIME_PASSWORD_WRONG.refuse().at("/one_time_password").into())
}

/// The secret of a new authenticator.
#[derive(Serialize, ToSchema)]
pub struct NewAuthenticator {
    /// The secret in Base32, to be typed into the application. Shown only here.
    #[schema(min_length = 32, max_length = 32)]
    secret: String,
    /// The same as an address for the application (`otpauth://totp/…`), to be shown as a square of dots.
    #[schema(max_length = 600)]
    uri: String,
}

/// Enrols an authenticator of the caller (générateur de codes): gives the secret for an application on a telephone, with codes of
/// six digits every 30 seconds. It counts once `POST /v1/me/authenticator/confirmation` has shown that it works; until then this
/// can be asked for anew. Afterwards re-authentication takes its codes and no password, and signing in by itself is no recent
/// proof any more. Offered where the operator has set a sealing key.
#[utoipa::path(tag = "identity", responses((status = 200, body = NewAuthenticator)))]
#[post("/v1/me/authenticator")]
pub async fn enrol_authenticator(asked: Asked<Nothing>) -> Answered {
    let call = asked.call;
    let id = call.principal()?;
    let mut secret = [0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    let sealed = seal(&call)?.seal(id.0.as_bytes(), &secret).ok_or_else(|| Problem::from(&SERVICE_BROKEN))?;
    let row = call
        .store()
        .write(OrganisationId::platform(), call.author(), move |tx| {
            let row = db::identity::find_principal(tx.conn, id)?;
            authenticator::enrol(tx, id, &sealed)?;
            Ok(Outcome::Happened(row, Event::of("authenticator.enrolled", "principal", id.0, 1).into()))
        })
        .await?;
    let view = NewAuthenticator { secret: base32(&secret), uri: uri(&row.login, &secret) };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// A code that the authenticator shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneTimePassword {
    #[schema(min_length = 6, max_length = 6, pattern = "^[0-9]{6}$", example = "123456")]
    one_time_password: String,
}

impl Json for OneTimePassword {}

/// The authenticator of the caller.
#[derive(Serialize, ToSchema)]
pub struct AuthenticatorView {
    /// Since when its codes count; null when there is none.
    confirmed_at: Option<DateTime<Utc>>,
}

/// Confirms the authenticator of the caller by the first code that it shows. The code is spent by it. Failures are slowed down like
/// failed sign-ins.
#[utoipa::path(tag = "identity", request_body = OneTimePassword, responses((status = 200, body = AuthenticatorView)))]
#[post("/v1/me/authenticator/confirmation")]
pub async fn confirm_authenticator(asked: Asked<OneTimePassword>) -> Answered {
    let Asked { call, body, .. } = asked;
    let (id, now) = (call.principal()?, call.now);
    let found = call.store().read(move |conn| Ok((db::identity::find_principal(conn, id)?, authenticator::find_authenticator(conn, id)?)));
    let (row, waiting) = found.await?;
    require_person(row.kind.0)?;
    let waiting = waiting.filter(|row| row.confirmed_at.is_none()).ok_or_else(|| Problem::from(&AUTHENTICATOR_STATE_INVALID))?;
    let proof = async {
        let step = prove(&call, id, &waiting, &body.one_time_password)?;
        let confirmed = call.store().write(OrganisationId::platform(), call.author(), move |tx| {
            // Another may have been enrolled since.
            let present = authenticator::find_authenticator(tx.conn, id)?;
            if present.is_none_or(|present| present.sealed_secret != waiting.sealed_secret) {
                return Err(AUTHENTICATOR_STATE_INVALID.refuse().into());
            }
            authenticator::confirm(tx, id, step)?;
            Ok(Outcome::Happened((), Event::of("authenticator.confirmed", "principal", id.0, 1).into()))
        });
        Ok(confirmed.await?)
    };
    throttle::guarded(&call, Some(&row.login), proof).await?;
    ok(&AuthenticatorView { confirmed_at: Some(now) })
}

/// Takes the caller's authenticator away, or the one that waits to be confirmed: from then on the password is the recent proof. Of
/// somebody who lost the telephone, an administrator takes it away with the password (`…/password-reset`).
#[utoipa::path(tag = "identity", responses((status = 200, body = AuthenticatorView)))]
#[post("/v1/me/authenticator/removal")]
pub async fn remove_authenticator(asked: Asked<Nothing>) -> Answered {
    let call = asked.call;
    let id = call.principal()?;
    call.store()
        .write(OrganisationId::platform(), call.author(), move |tx| {
            if !authenticator::remove(tx, id)? {
                return Err(AUTHENTICATOR_STATE_INVALID.refuse().into());
            }
            Ok(Outcome::Happened((), Event::of("authenticator.removed", "principal", id.0, 1).into()))
        })
        .await?;
    ok(&AuthenticatorView { confirmed_at: None })
}
