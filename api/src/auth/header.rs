//! What the headers of a request say before any handler runs: its token, where it comes from, how it is repeated, which version it
//! rests on.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, IF_MATCH};
use domain::audit::IDEMPOTENCY_KEY_MISSING;
use domain::id::OrganisationId;
use domain::identity::TOKEN_INVALID;
use uuid::Uuid;

use crate::problem::{NOT_FOUND, Problem, VERSION_REQUIRED};

/// The token of the request: one Authorization header of scheme Bearer, or none.
pub fn token(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
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
pub fn address_of(request: &ServiceRequest, proxies: &[IpAddr]) -> Option<IpAddr> {
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
pub fn organisation_of(text: &str) -> Result<OrganisationId, Problem> {
    Uuid::try_parse(text).map(OrganisationId).map_err(|_| Problem::from(&NOT_FOUND))
}

pub fn filters(query: &str) -> String {
    let mut pairs: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("after=") && !pair.starts_with("limit=")).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

pub fn idempotency_key(headers: &HeaderMap) -> Result<String, Problem> {
    let missing = || Problem::from(&IDEMPOTENCY_KEY_MISSING);
    let raw = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).ok_or_else(missing)?;
    let key = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'));
    if plain && (8..=64).contains(&key.len()) { Ok(key.to_owned()) } else { Err(missing()) }
}

/// The version in If-Match: `"7-json"`, with or without what encodings add to it.
pub fn expected_version(headers: &HeaderMap) -> Result<i64, Problem> {
    let required = || Problem::from(&VERSION_REQUIRED);
    let raw = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()).ok_or_else(required)?;
    let tag = raw.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(required)?;
    tag.split('-').next().and_then(|version| version.parse().ok()).ok_or_else(required)
}
