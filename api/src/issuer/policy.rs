//! The operator's list of other identity providers.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Format as _, Toml};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use url::Url;

use crate::config::is_safe;

/// Algorithms that a provider may sign with: never one of a shared secret.
const SIGNING: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// How long keys of a provider are believed.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For how long they are not asked for again.
    pub fresh: Duration,
    /// The least time between two calls, whatever comes meanwhile.
    pub between: Duration,
    /// For how long they are believed while the provider cannot be reached.
    pub stale: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { fresh: Duration::from_secs(300), between: Duration::from_secs(30), stale: Duration::from_secs(3600) }
    }
}

/// A provider whose word is taken.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerPolicy {
    /// Exactly as its tokens say it in `iss`.
    pub issuer: String,
    /// What its tokens for us, and for nobody else, say in `aud`.
    pub audience: String,
    /// Where it publishes its keys, or the file that holds them.
    pub jwks_url: Option<String>,
    pub jwks_file: Option<PathBuf>,
    /// The algorithms that it signs with.
    pub algorithms: Vec<Algorithm>,
    /// The claim that tells the login of somebody here. Without it only linked subjects are known.
    pub login_claim: Option<String>,
    /// The certificates of those who may vouch for its server, in PEM, instead of those of the system.
    pub ca_file: Option<PathBuf>,
    #[serde(skip)]
    pub times: Times,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    issuer: Vec<IssuerPolicy>,
}

/// Reads the list from a file of tables `[[issuer]]`.
pub fn read(path: &Path) -> Result<Vec<IssuerPolicy>, String> {
    let named = |why: String| format!("issuers_file: {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    parse(&text).map_err(named)
}

fn parse(text: &str) -> Result<Vec<IssuerPolicy>, String> {
    let list: List = Figment::from(Toml::string(text)).extract().map_err(|error| error.to_string())?;
    check(&list.issuer)?;
    Ok(list.issuer)
}

/// Refuses a list that could be read in two ways, or that takes what nobody has proven.
pub fn check(policies: &[IssuerPolicy]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for policy in policies {
        policy.check().map_err(|why| format!("issuer {:?}: {why}", policy.issuer))?;
        if !seen.insert(&policy.issuer) {
            return Err(format!("issuer {:?} is named twice", policy.issuer));
        }
    }
    Ok(())
}

impl IssuerPolicy {
    fn check(&self) -> Result<(), String> {
        let safe = |text: &str| Url::parse(text).is_ok_and(|url| is_safe(&url) && url.fragment().is_none());
        if !safe(&self.issuer) {
            return Err("the issuer is an https URL".to_owned());
        }
        match (&self.jwks_url, &self.jwks_file) {
            (Some(url), None) if safe(url) => {}
            (Some(_), None) => return Err("jwks_url is an https URL".to_owned()),
            (None, Some(_)) => {}
            _ => return Err("set jwks_url or jwks_file, one of them".to_owned()),
        }
        if self.audience.is_empty() {
            return Err("the audience is missing".to_owned());
        }
        if self.algorithms.is_empty() || !self.algorithms.iter().all(|algorithm| SIGNING.contains(algorithm)) {
            return Err("algorithms are some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA".to_owned());
        }
        if self.login_claim.as_deref().is_some_and(|claim| claim.is_empty() || claim == "sub") {
            return Err("login_claim names a claim other than sub; subjects are linked by an administrator".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [[issuer]]
        issuer = "https://sso.example/realms/mairies"
        audience = "sigida"
        jwks_url = "https://sso.example/realms/mairies/protocol/openid-connect/certs"
        algorithms = ["RS256"]
        login_claim = "preferred_username"
    "#;

    #[test]
    fn a_list_that_takes_what_nobody_has_proven_is_refused() {
        assert_eq!(parse(GOOD).expect("good").len(), 1);
        assert_eq!(parse("").expect("empty").len(), 0);
        assert!(parse(&GOOD.replace("https://sso", "http://127.0.0.1:9/sso")).is_ok(), "this machine");
        for (from, to) in [
            ("https://sso.example/realms/mairies\"", "http://sso.example/realms/mairies\""),
            ("https://sso.example/realms/mairies/p", "http://sso.example/realms/mairies/p"),
            ("https://sso.example/realms/mairies/p", "http://localhost/p"),
            ("https://sso.example/realms/mairies/p", "https://user:secret@sso.example/p"),
            ("https://sso.example/realms/mairies/p", "file:///etc/p"),
            ("\"sigida\"", "\"\""),
            ("[\"RS256\"]", "[]"),
            ("[\"RS256\"]", "[\"HS256\"]"),
            ("[\"RS256\"]", "[\"RS256\", \"HS512\"]"),
            ("[\"RS256\"]", "[\"none\"]"),
            ("\"preferred_username\"", "\"sub\""),
            ("\"preferred_username\"", "\"\""),
            ("login_claim", "login_clam"),
            ("jwks_url", "jwks_file = \"keys.json\"\njwks_url"),
            ("audience = \"sigida\"", ""),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            assert!(parse(&text).is_err(), "{to}");
        }
        assert!(parse(&format!("{GOOD}{GOOD}")).expect_err("twice").contains("twice"));
        assert!(read(Path::new("nowhere.toml")).is_err());
    }
}
