//! Passwords: changed by their owner, reset by a platform administrator.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, post, web};
use db::identity::PrincipalRow;
use db::store::{Outcome, Tx};
use domain::audit::{Event, Events};
use domain::id::{OrganisationId, PrincipalId};
use domain::identity::session::SessionEnd;
use domain::identity::{PASSWORD_WRONG, accept_password};
use serde::Deserialize;
use utoipa::ToSchema;

use super::activation::{ActivationCode, issue_code, one_time_code};
use super::principal::{PrincipalView, find_other, view};
use super::proposal::gravity_towards;
use super::throttle;
use crate::answer::{Answered, ok};
use crate::body::{Asked, Json, Nothing};
use crate::password;
use crate::problem::Problem;

/// The present password and the one to come.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    #[schema(min_length = 1, max_length = 128, format = Password)]
    old_password: String,
    /// The password to come: 12 to 128 characters, none of the most common.
    #[schema(min_length = 12, max_length = 128, format = Password)]
    password: String,
}

impl Json for PasswordChange {}

async fn prove(row: &PrincipalRow, old_password: String) -> Result<(), Problem> {
    password::verify(old_password, row.secret_hash.clone(), || PASSWORD_WRONG.refuse().at("/old_password")).await
}

/// Changes the caller's own password, or a partner system's own secret. Every other session of the caller ends, and
/// one-time codes that were not spent are void. A wrong present password is slowed down like a failed sign-in.
#[utoipa::path(tag = "identity", request_body = PasswordChange, responses((status = 200, body = PrincipalView)))]
#[post("/v1/me/password")]
pub async fn change_password(asked: Asked<PasswordChange>) -> Answered {
    let Asked { call, body, .. } = asked;
    let id = call.principal()?;
    let row = call.store().read(move |conn| db::identity::find_principal(conn, id)).await?;
    throttle::guarded(&call, Some(&row.login), prove(&row, body.old_password)).await?;
    accept_password(&body.password, &row.login)?;
    let secret_hash = password::hash(body.password).await?;
    let session = call.session;
    let row = call
        .store()
        .write(OrganisationId::platform(), call.author(), move |tx| {
            let present = db::identity::find_principal(tx.conn, id)?;
            // Another change or a reset was quicker.
            if present.secret_hash != row.secret_hash || !present.can_sign_in() {
                return Err(PASSWORD_WRONG.refuse().at("/old_password").into());
            }
            db::identity::update_secret(tx, &present, Some(&secret_hash))?;
            let ended = db::identity::session::end_sessions(tx, id, session, SessionEnd::PasswordChanged)?;
            let row = db::identity::find_principal(tx.conn, id)?;
            let event = Event::of("principal.password_changed", "principal", id.0, row.version).with("sessions_ended", ended.len());
            Ok(Outcome::Happened(row, event.into()))
        })
        .await?;
    ok(&view(row))
}

/// Resets the password of a principal: the present password and all sessions end at once, access tokens within five
/// seconds, and a new one-time code is given, by which the principal sets another password. At once, because what is
/// reset is lost or stolen; an authenticator goes with it. Refused for oneself. Secrets are never kept for repetitions, so no Idempotency-Key is read.
#[utoipa::path(tag = "identity", responses((status = 200, body = ActivationCode)))]
#[post("/v1/principals/{principal_id}/password-reset")]
pub async fn reset_password(asked: Asked<Nothing>, path: web::Path<PrincipalId>) -> Answered {
    let id = path.into_inner();
    let code = one_time_code();
    let issued = code.clone();
    let gravity = move |_: &Nothing, tx: &mut Tx<'_>| gravity_towards(tx, id);
    let handed = asked.hand_out_by_two(OrganisationId::platform(), gravity, move |_, _, tx| {
        let row = find_other(tx, id)?;
        db::identity::update_secret(tx, &row, None)?;
        let ended = db::identity::session::end_sessions(tx, id, None, SessionEnd::PasswordReset)?;
        db::identity::authenticator::remove(tx, id)?;
        let reset = Event::of("principal.password_reset", "principal", id.0, row.version + 1).with("sessions_ended", ended.len());
        Ok(((), Events::from(reset).and(issue_code(tx, id, &issued)?)))
    });
    if let Err(proposed) = handed.await? {
        return Ok(proposed);
    }
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(ActivationCode::new(code)))
}
