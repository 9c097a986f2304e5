//! Signed tokens that others made (RFC 7515, RFC 7519): read strictly, and nothing of them believed before the signature is proven
//! by a key, and by the algorithms, that we knew before.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// By how many seconds clocks may differ.
pub const LEEWAY_SECONDS: i64 = 30;
/// The most characters of the name of a key.
pub const KID_MAX: usize = 200;

/// Members of a header that change how a token is read, or name a key to be fetched or believed: no token with one is read.
const REFUSED: [&str; 11] = ["apu", "b64", "crit", "cty", "enc", "epk", "jku", "jwk", "x5c", "x5u", "zip"];

/// What a token says of its own signature. It is a question to those who keep keys, never an answer.
#[derive(Debug, Deserialize)]
pub struct Head {
    pub alg: Algorithm,
    pub kid: String,
    #[serde(default)]
    pub typ: Option<String>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

/// The header of a token of three parts and no more than so many bytes.
pub fn head(token: &str, most: usize, types: &[&str]) -> Option<Head> {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let parts: Vec<&str> = token.splitn(4, '.').collect();
    if token.len() > most || parts.len() != 3 || !parts.iter().all(|part| plain(part)) {
        return None;
    }
    let head: Head = part(parts.first()?)?;
    let named = (1..=KID_MAX).contains(&head.kid.len()) && head.kid.bytes().all(|byte| byte.is_ascii_graphic());
    let typed = head.typ.as_deref().is_none_or(|typ| types.contains(&typ));
    let harmless = !head.others.keys().any(|name| REFUSED.contains(&name.as_str()));
    (named && typed && harmless).then_some(head)
}

/// The claims of a token, of which nothing is proven.
pub fn peek<T: DeserializeOwned>(token: &str) -> Option<T> {
    part(token.split('.').nth(1)?)
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    // Serde would also read an object's members by their position in an array.
    if !bytes.starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(&bytes).ok()
}

/// The claims of a token that a key proves by one algorithm, for one audience, from one issuer, in its time.
pub fn prove<T: DeserializeOwned>(token: &str, key: &DecodingKey, algorithm: Algorithm, issuer: &str, audience: &str) -> Option<T> {
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY_SECONDS.unsigned_abs();
    validation.validate_nbf = true;
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Proven by the library first; read once more by our own types, which take no number for a text and no member twice.
    jsonwebtoken::decode::<IgnoredAny>(token, key, &validation).ok()?;
    peek(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> String {
        format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn a_header_that_leads_elsewhere_is_not_read() {
        let read = |header: &str| head(&token(header), 4096, &["JWT"]).is_some();
        assert!(read(r#"{"alg":"RS256","kid":"a"}"#) && read(r#"{"alg":"ES256","kid":"a","typ":"JWT","x5t":"AA"}"#));
        for name in REFUSED {
            assert!(!read(&format!(r#"{{"alg":"RS256","kid":"a","{name}":"x"}}"#)), "{name}");
        }
        for header in [
            r#"{"alg":"none","kid":"a"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"RS256","kid":""}"#,
            r#"{"alg":"RS256","kid":"a","kid":"b"}"#,
            r#"{"alg":"HS256","alg":"RS256","kid":"a"}"#,
            r#"{"alg":"RS256","kid":"a","typ":"at+jwt"}"#,
            r#"["RS256","a",null]"#,
            "",
        ] {
            assert!(!read(header), "{header}");
        }
        assert!(head(&format!("{}.e30", token(r#"{"alg":"RS256","kid":"a"}"#)), 4096, &[]).is_none(), "four parts");
        assert!(head(&token(r#"{"alg":"RS256","kid":"a"}"#), 20, &[]).is_none(), "too long");
    }
}
