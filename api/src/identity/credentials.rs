//! What proves an identity: a login with its secret. Client credentials of partner systems.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, post, web};
use db::identity::{Footing, PrincipalRow};
use domain::identity::{PrincipalKind, SIGN_IN_FAILED, TOKEN_PROOF_INVALID};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{assertion, external, throttle};
use crate::answer::Answered;
use crate::auth::Call;
use crate::body::{Asked, Readable};
use crate::password;
use crate::problem::{MEDIA_TYPE_UNSUPPORTED, Problem, REQUEST_BODY_INVALID, SERVICE_BROKEN};
use crate::token::Bearer;

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

/// What proves who asks: of a partner system its secret (RFC 6749 §4.4), or an assertion that it signed with a key of its own
/// (RFC 7523 §2.2); of a person the token of another identity provider (RFC 7523 §2.1). One of the three and no more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "grant_type": "client_credentials", "client_id": "reporting", "client_secret": "an-invented-client-secret",
}))]
pub struct TokenRequest {
    /// "client_credentials", or with the token of another provider "urn:ietf:params:oauth:grant-type:jwt-bearer".
    #[schema(
        max_length = 50,
        pattern = "^(client_credentials|urn:ietf:params:oauth:grant-type:jwt-bearer)$",
        example = "client_credentials"
    )]
    grant_type: String,
    /// The login of the partner system. Beside an assertion it may be left out.
    #[schema(max_length = 100, nullable = false)]
    client_id: Option<String>,
    #[schema(max_length = 128, format = Password, nullable = false)]
    client_secret: Option<String>,
    /// Beside an assertion always "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".
    #[schema(max_length = 100, pattern = "^urn:ietf:params:oauth:client-assertion-type:jwt-bearer$", nullable = false)]
    client_assertion_type: Option<String>,
    /// A JWT that the partner system signed with a registered key: see the description of the operation.
    #[schema(max_length = 4096, nullable = false)]
    client_assertion: Option<String>,
    /// An ID token, or an access token, of another identity provider that the operator has allowed. It is good once.
    #[schema(max_length = 8192, nullable = false)]
    assertion: Option<String>,
}

impl Readable for TokenRequest {
    const LIMIT: usize = 16 * 1024;

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

/// How a request for a token proves who asks.
enum Proof {
    Secret(String, String),
    Assertion(Option<String>, String),
    Foreign(String),
}

impl TokenRequest {
    fn proof(self) -> Result<Proof, Problem> {
        let unreadable = |pointer: &str, reason: &str| Err(Problem::unreadable(&REQUEST_BODY_INVALID, pointer, reason));
        let ambiguous = || Err(TOKEN_PROOF_INVALID.refuse().into());
        let foreign = match self.grant_type.as_str() {
            "client_credentials" => false,
            external::GRANT => true,
            _ => return unreadable("/grant_type", &format!("only client_credentials and {}", external::GRANT)),
        };
        match (foreign, self.client_secret, self.client_assertion_type, self.client_assertion, self.assertion) {
            (true, None, None, None, Some(token)) if self.client_id.is_none() => Ok(Proof::Foreign(token)),
            (false, Some(secret), None, None, None) => match self.client_id {
                Some(id) => Ok(Proof::Secret(id, secret)),
                None => ambiguous(),
            },
            (false, None, Some(kind), Some(assertion), None) if kind == assertion::KIND => Ok(Proof::Assertion(self.client_id, assertion)),
            (false, None, Some(_), Some(_), None) => unreadable("/client_assertion_type", &format!("only {}", assertion::KIND)),
            _ => ambiguous(),
        }
    }
}

/// Issues a token: to a partner system by its secret or by a key of its own, to a person by the token of another provider.
///
/// **By a key** (`private_key_jwt`): an administrator registers the public key and tells its `kid`. The system signs a JWT anew
/// for each request, of which the header has `alg` (the one of the key), `kid` and, if it likes, `typ` (`JWT` or
/// `client-authentication+jwt`), and of which the claims are `iss` and `sub` (both the client id), `aud` (the public URL of this
/// operation, exactly, as one text), `iat`, `exp` (at most five minutes after `iat` and from now; one is plenty) and `jti` (8 to
/// 128 characters that never come again). It is good once. Whatever is wrong with it, the answer is the same.
///
/// **By another identity provider** (OpenID Connect): the token has to be from a provider that the operator has allowed, for this
/// service and nobody else, and to live two hours at most. The person is the one whom an administrator linked to its subject
/// (`POST /v1/principals/{principal_id}/identities`), or of the login that it tells, where the operator takes logins from that
/// provider. Nobody is registered by it, and roles stay what they are here. It begins a session as long as the access token, with no
/// refresh token: ask again with the next token of the provider. 503 says that the provider's keys cannot be had.
///
/// Failures are slowed down by client id and by address: 429 says when to try again.
#[utoipa::path(
    tag = "identity",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenView))
)]
#[post("/v1/oauth/token")]
pub async fn issue_token(asked: Asked<TokenRequest>) -> Answered {
    let Asked { call, body, .. } = asked;
    let bearer = match body.proof()? {
        Proof::Secret(id, secret) => {
            let proof = prove(&call, &id, secret, PrincipalKind::PartnerSystem);
            let principal = throttle::guarded(&call, Some(&id), proof).await?.id.0;
            Bearer { principal, footing: Footing::Secret }
        }
        Proof::Assertion(id, assertion) => {
            let login = id.clone().or_else(|| assertion::issuer(&assertion)).unwrap_or_default();
            let proof = assertion::prove(&call, id.as_deref(), &assertion);
            let (principal, key) = throttle::guarded(&call, Some(&login), proof).await?;
            Bearer { principal, footing: Footing::Key(key) }
        }
        Proof::Foreign(token) => throttle::guarded(&call, None, external::begin(&call, &token)).await?,
    };
    let access_token = call.desk.keys.sign_for(bearer, call.now.timestamp()).map_err(|_| Problem::from(&SERVICE_BROKEN))?;
    let view = TokenView { access_token, token_type: "Bearer", expires_in: call.desk.keys.lifetime };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}
