//! Public keys of partner systems, as platform administrators keep them.

use actix_web::{HttpRequest, get, post, web};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use db::fault::Fault;
use db::identity::client_key::{ClientKeyRow, NewClientKey as NewRow};
use domain::audit::Event;
use domain::id::{ClientKeyId, OrganisationId, PrincipalId};
use domain::identity::client_key::{CLIENT_KEY_ENDED, ClientKeyAlgorithm, RSA_BITS, require_system, unusable};
use domain::text::Text;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::page::{Page, keyset, page};

/// The most characters of a public key in PEM.
const PEM_MAX: usize = 2000;
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// A public key by which a partner system proves who it is (RFC 7523, `private_key_jwt`).
#[derive(Serialize, ToSchema)]
pub struct ClientKeyView {
    id: ClientKeyId,
    principal_id: PrincipalId,
    /// The name of the key, which the header of every assertion has to give: its thumbprint (RFC 7638, SHA-256).
    #[schema(max_length = 43)]
    kid: String,
    algorithm: ClientKeyAlgorithm,
    #[schema(max_length = 200)]
    label: String,
    registered_by: PrincipalId,
    registered_at: DateTime<Utc>,
    /// Since when the key is good no more (révoquée); null while it is.
    ended_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: ClientKeyRow) -> ClientKeyView {
    ClientKeyView {
        id: row.id.0,
        principal_id: row.principal_id.0,
        kid: row.kid,
        algorithm: row.algorithm.0,
        label: row.label,
        registered_by: row.registered_by.0,
        registered_at: row.registered_at.0,
        ended_at: row.ended_at.map(|at| at.0),
        version: row.version,
    }
}

/// The algorithm of the library.
pub fn algorithm_of(algorithm: ClientKeyAlgorithm) -> Algorithm {
    match algorithm {
        ClientKeyAlgorithm::EdDsa => Algorithm::EdDSA,
        ClientKeyAlgorithm::Es256 => Algorithm::ES256,
        ClientKeyAlgorithm::Rs256 => Algorithm::RS256,
    }
}

/// How many bits a modulus or an exponent has.
pub fn bits(number: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(number).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let zeros = usize::try_from(bytes.get(first)?.leading_zeros()).ok()?;
    Some((bytes.len() - first) * 8 - zeros)
}

/// The algorithm that follows from a public key, if it is one that we take.
fn algorithm(jwk: &Jwk) -> Option<ClientKeyAlgorithm> {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            ParsedPublicKey::new(&ED25519, decoded(&key.x)?).ok()?;
            Some(ClientKeyAlgorithm::EdDsa)
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            let point = [vec![4], decoded(&key.x)?, decoded(&key.y)?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
            Some(ClientKeyAlgorithm::Es256)
        }
        AlgorithmParameters::RSA(key) => {
            let (minimum, maximum) = RSA_BITS;
            let sound = (minimum..=maximum).contains(&bits(&key.n)?) && decoded(&key.e)? == [1, 0, 1];
            sound.then_some(ClientKeyAlgorithm::Rs256)
        }
        _ => None,
    }
}

/// A public key as it stands in a PEM file, and its algorithm.
pub fn decode(der: &[u8]) -> Option<(DecodingKey, Jwk, ClientKeyAlgorithm)> {
    let pem = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der)).into_bytes();
    let read = |key: jsonwebtoken::errors::Result<DecodingKey>| {
        let key = key.ok()?;
        let jwk = Jwk::from_decoding_key(&key, None).ok()?;
        algorithm(&jwk).map(|algorithm| (key, jwk, algorithm))
    };
    read(DecodingKey::from_ed_pem(&pem)).or_else(|| read(DecodingKey::from_ec_pem(&pem))).or_else(|| read(DecodingKey::from_rsa_pem(&pem)))
}

/// Reads one public key in PEM (SubjectPublicKeyInfo): its bytes, its algorithm and its name.
fn read_public(pem: &str) -> Option<(Vec<u8>, ClientKeyAlgorithm, String)> {
    let body = pem.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    if body.len() > PEM_MAX {
        return None;
    }
    let der = STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()?;
    let (_, jwk, algorithm) = decode(&der)?;
    Some((der, algorithm, jwk.thumbprint(ThumbprintHash::SHA256).ok()?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClientKeyQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The keys of a partner system, those that ended too.
#[utoipa::path(tag = "identity", params(ClientKeyQuery), responses((status = 200, body = Page<ClientKeyView>)))]
#[get("/v1/principals/{principal_id}/keys")]
pub async fn list_client_keys(call: Call, path: web::Path<PrincipalId>, query: Query<ClientKeyQuery>) -> Answered {
    let keys = keyset::<ClientKeyId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let (asked, principal) = (keys.clone(), path.into_inner());
    let rows = call.store().read(move |conn| db::identity::client_key::list_client_keys(conn, principal, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One key of a partner system.
#[utoipa::path(tag = "identity", responses((status = 200, body = ClientKeyView)))]
#[get("/v1/principals/{principal_id}/keys/{client_key_id}")]
pub async fn read_client_key(call: Call, request: HttpRequest, path: web::Path<(PrincipalId, ClientKeyId)>) -> Answered {
    let (principal, id) = path.into_inner();
    let row = call.store().read(move |conn| db::identity::client_key::find_client_key(conn, principal, id)).await?;
    versioned(&request, row.version, &view(row))
}

/// A public key to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClientKey {
    /// The public key in PEM (`-----BEGIN PUBLIC KEY-----`), as `openssl pkey -pubout` writes it: Ed25519, P-256, or RSA of
    /// 2048 to 4096 bits. Never send a private key, to anybody.
    #[schema(min_length = 80, max_length = 2000, pattern = r"^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$")]
    public_key: String,
    /// Where the private half is kept, in words that tell it from the partner's other keys.
    label: Text<200>,
}

impl Json for NewClientKey {}

/// Registers a public key of a partner system, which then gets its tokens by assertions that it signs
/// (`POST /v1/oauth/token`) and needs no shared secret. The algorithm follows from the key. To change keys, register the
/// next, let the partner go over to it, and end the one before.
#[utoipa::path(tag = "identity", request_body = NewClientKey, responses((status = 201, body = ClientKeyView)))]
#[post("/v1/principals/{principal_id}/keys")]
pub async fn register_client_key(asked: Asked<NewClientKey>, path: web::Path<PrincipalId>) -> Answered {
    let (id, principal) = (ClientKeyId::new(), path.into_inner());
    asked
        .write_on(OrganisationId::platform(), move |_, body, tx| {
            require_system(db::identity::find_principal(tx.conn, principal)?.kind.0)?;
            let (public_key, algorithm, kid) = read_public(&body.public_key).ok_or_else(unusable)?;
            let registered_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let event = Event::of("client_key.registered", "client_key", id.0, 1)
                .with("principal_id", principal.to_string())
                .with("kid", kid.as_str())
                .with("algorithm", algorithm);
            let label = body.label.as_str().to_owned();
            let new = NewRow { id, principal, kid, algorithm, public_key, label, registered_by };
            db::identity::client_key::insert_client_key(tx, &new)?;
            let row = db::identity::client_key::find_client_key(tx.conn, principal, id)?;
            Ok((created(format!("/v1/principals/{principal}/keys/{id}"), 1, &view(row))?, event.into()))
        })
        .await
}

/// Ends a key for good: no assertion that it signed is taken any more, and the tokens that were had by it end within five
/// seconds. The version in If-Match is the key's.
#[utoipa::path(tag = "identity", responses((status = 200, body = ClientKeyView)))]
#[post("/v1/principals/{principal_id}/keys/{client_key_id}/end")]
pub async fn end_client_key(asked: Asked<Nothing>, path: web::Path<(PrincipalId, ClientKeyId)>) -> Answered {
    let (principal, id) = path.into_inner();
    asked
        .write_on(OrganisationId::platform(), move |call, _, tx| {
            let row = db::identity::client_key::find_client_key(tx.conn, principal, id)?;
            call.check_version(row.version)?;
            if row.ended_at.is_some() {
                return Err(CLIENT_KEY_ENDED.refuse().into());
            }
            db::identity::client_key::end_client_key(tx, &row)?;
            let row = db::identity::client_key::find_client_key(tx.conn, principal, id)?;
            let event = Event::of("client_key.ended", "client_key", id.0, row.version)
                .moved("good", "ended")
                .with("principal_id", principal.to_string())
                .with("kid", row.kid.as_str());
            Ok((done(row.version, &view(row))?, event.into()))
        })
        .await
}
