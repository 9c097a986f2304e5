//! What proves an identity: a login with its secret. Client credentials of partner systems.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, post, web};
use db::identity::PrincipalRow;
use domain::identity::{PrincipalKind, SIGN_IN_FAILED};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::throttle;
use crate::answer::Answered;
use crate::auth::Call;
use crate::body::{Asked, Readable};
use crate::password;
use crate::problem::{MEDIA_TYPE_UNSUPPORTED, Problem, REQUEST_BODY_INVALID, SERVICE_BROKEN};

/// An access token (RFC 6749).
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// Send it as `Authorization: Bearer …`.
    #[schema(max_length = 4096)]
    access_token: String,
    /// Always "Bearer".
    #[schema(max_length = 10)]
    token_type: &'static str,
    /// Its life in seconds.
    #[schema(minimum = 1, maximum = 86400)]
    expires_in: i64,
}

/// The active principal of a kind behind a login, if the secret is the right one. Whatever is wrong, the work and the
/// answer are the same.
pub async fn prove(call: &Call, login: &str, secret: String, kind: PrincipalKind) -> Result<PrincipalRow, Problem> {
    let wanted = login.to_owned();
    let found = call.store().read(move |conn| match db::identity::find_principal_by_login(conn, &wanted) {
        Ok(row) => Ok(Some(row)),
        Err(db::fault::Fault::Missing) => Ok(None),
        Err(fault) => Err(fault),
    });
    let known = found.await?.filter(|row| row.kind.0 == kind && row.can_sign_in());
    password::verify(secret, known.as_ref().and_then(|row| row.secret_hash.clone()), || SIGN_IN_FAILED.refuse()).await?;
    known.ok_or_else(|| Problem::from(&SIGN_IN_FAILED))
}

/// Client credentials of a partner system (RFC 6749 §4.4).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Always "client_credentials".
    #[schema(max_length = 30, pattern = "^client_credentials$", example = "client_credentials")]
    grant_type: String,
    #[schema(max_length = 100)]
    client_id: String,
    #[schema(max_length = 128, format = Password)]
    client_secret: String,
}

impl Readable for TokenRequest {
    const LIMIT: usize = 4096;

    fn read(kind: &str, bytes: Vec<u8>) -> Result<Self, Problem> {
        if kind != "application/x-www-form-urlencoded" {
            return Err(MEDIA_TYPE_UNSUPPORTED.refuse().with("accepted", "application/x-www-form-urlencoded").into());
        }
        let text = String::from_utf8(bytes).unwrap_or_default();
        if text.contains("%00") || text.contains('\0') {
            return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "", "character U+0000 is not allowed"));
        }
        let form = web::Query::<TokenRequest>::from_query(&text);
        form.map(web::Query::into_inner).map_err(|error| Problem::unreadable(&REQUEST_BODY_INVALID, "", &error.to_string()))
    }
}

/// Issues a token to a partner system. Failures are slowed down by client id and by address: 429 says when to try again.
#[utoipa::path(
    tag = "identity",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenView))
)]
#[post("/v1/oauth/token")]
pub async fn issue_token(asked: Asked<TokenRequest>) -> Answered {
    let Asked { call, body, .. } = asked;
    if body.grant_type != "client_credentials" {
        return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "/grant_type", "only client_credentials"));
    }
    let proof = prove(&call, &body.client_id, body.client_secret, PrincipalKind::PartnerSystem);
    let principal = throttle::guarded(&call, Some(&body.client_id), proof).await?.id.0;
    let access_token = call.desk.keys.sign(principal, call.now.timestamp()).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    let view = TokenView { access_token, token_type: "Bearer", expires_in: call.desk.keys.lifetime };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}
