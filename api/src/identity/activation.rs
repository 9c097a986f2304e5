//! One-time codes, and the secret that each sets.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, post, web};
use chrono::Duration;
use db::store::{Outcome, Tx};
use domain::audit::{Actor, Event};
use domain::id::{OrganisationId, PrincipalId};
use domain::identity::accept_password;
use domain::identity::session::SessionEnd;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::principal::{PrincipalView, view};
use super::proposal::gravity_towards;
use super::throttle;
use crate::answer::{Answered, ok};
use crate::body::{Asked, Json, Nothing};
use crate::password;

/// For how many days a one-time code is good.
const CODE_DAYS: i64 = 7;

/// A one-time code and the secret that it sets.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// The one-time code that was handed over.
    #[schema(min_length = 32, max_length = 64)]
    code: String,
    /// The password to sign in with: 12 to 128 characters, none of the most common.
    #[schema(min_length = 12, max_length = 128, format = Password)]
    password: String,
}

impl Json for Activation {}

/// Spends a one-time code and sets the password of its principal; all sessions begun with an earlier password end. The
/// first administrator of an installation begins here, with the code that the program printed once. Failures are slowed
/// down by the address that they come from: 429 says when to try again.
#[utoipa::path(tag = "identity", request_body = Activation, responses((status = 200, body = PrincipalView)))]
#[post("/v1/activations")]
pub async fn activate_principal(asked: Asked<Activation>) -> Answered {
    let Asked { call, body, .. } = asked;
    let code_hash: Vec<u8> = Sha256::digest(body.code.as_bytes()).to_vec();
    let now = call.now;
    let lookup = code_hash.clone();
    let found = async { Ok(call.store().read(move |conn| db::identity::find_activation(conn, &lookup, now)).await?) };
    let principal = throttle::guarded(&call, None, found).await?;
    accept_password(&body.password, &principal.login)?;
    let secret_hash = password::hash(body.password).await?;
    let mut author = call.author();
    author.actor = Actor { principal: Some(principal.id.0), role: "none".to_owned() };
    let row = call
        .store()
        .write(OrganisationId::platform(), author, move |tx| {
            db::identity::activate(tx, &principal, &code_hash, &secret_hash)?;
            db::identity::session::end_sessions(tx, principal.id.0, None, SessionEnd::PasswordChanged)?;
            let row = db::identity::find_principal(tx.conn, principal.id.0)?;
            let event = Event::of("principal.activated", "principal", row.id.0.0, row.version);
            Ok(Outcome::Happened(row, event.into()))
        })
        .await?;
    ok(&view(row))
}

/// A one-time code.
#[derive(Serialize, ToSchema)]
pub struct ActivationCode {
    /// Hand it over in person; it is good for seven days and shown only here.
    #[schema(max_length = 64)]
    activation_code: String,
}

impl ActivationCode {
    pub fn new(activation_code: String) -> Self {
        Self { activation_code }
    }
}

/// A code that cannot be guessed.
pub fn one_time_code() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).chars().take(40).collect()
}

/// Gives a principal a one-time code, in a write of the platform.
pub fn issue_code(tx: &mut Tx<'_>, principal: PrincipalId, code: &str) -> Result<Event, db::fault::Fault> {
    let code_hash: Vec<u8> = Sha256::digest(code.as_bytes()).to_vec();
    let expires_at = tx.now() + Duration::days(CODE_DAYS);
    db::identity::insert_activation_code(tx, principal, &code_hash, expires_at)?;
    Ok(Event::of("activation_code.issued", "principal", principal.0, 1))
}

/// Issues a one-time code by which a principal sets a secret. A secret set before is good until the code is spent; to
/// end it at once, reset the password. Each call issues another code; secrets are never kept for repetitions, so no
/// Idempotency-Key is read.
#[utoipa::path(tag = "identity", responses((status = 200, body = ActivationCode)))]
#[post("/v1/principals/{principal_id}/activation-codes")]
pub async fn issue_activation_code(asked: Asked<Nothing>, path: web::Path<PrincipalId>) -> Answered {
    let principal = path.into_inner();
    let code = one_time_code();
    let issued = code.clone();
    let gravity = move |_: &Nothing, tx: &mut Tx<'_>| gravity_towards(tx, principal);
    let handed = asked.hand_out_by_two(OrganisationId::platform(), gravity, move |_, _, tx| {
        db::identity::find_principal(tx.conn, principal)?;
        let event = issue_code(tx, principal, &issued)?;
        Ok(((), event.into()))
    });
    if let Err(proposed) = handed.await? {
        return Ok(proposed);
    }
    let view = ActivationCode::new(code);
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}
