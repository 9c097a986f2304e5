//! One who plays: calls the running API over loopback as one of the cast, on a business date.

use std::net::SocketAddr;

use chrono::NaiveDate;
use domain::id::PrincipalId;
use serde_json::Value;
use ureq::http::Request;
use uuid::Uuid;

use crate::clock::Clock;
use crate::token::Keys;

/// An HTTP client that signs its own tokens.
pub struct Player {
    agent: ureq::Agent,
    base: String,
    clock: Clock,
    keys: Keys,
    administrator: String,
}

/// An answer: its version, if it has one, and its body.
#[derive(Debug)]
pub struct Reply {
    pub etag: Option<String>,
    pub body: Value,
}

impl Reply {
    /// A text member of the body.
    pub fn text(&self, member: &str) -> Result<String, String> {
        self.body.get(member).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("no {member} in {}", self.body))
    }

    /// An id in the body.
    pub fn id(&self) -> Result<Uuid, String> {
        self.text("id")?.parse().map_err(|_| "not an id".to_owned())
    }
}

impl Player {
    pub fn new(address: SocketAddr, clock: Clock, keys: Keys, administrator: String) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { agent, base: format!("http://{address}"), clock, keys, administrator }
    }

    /// Sets the business date.
    pub fn on(&self, day: NaiveDate) {
        self.clock.set(day);
    }

    /// The token of the first administrator.
    pub fn administrator(&self) -> &str {
        &self.administrator
    }

    /// A token for one of the cast.
    pub fn token(&self, principal: PrincipalId) -> Result<String, String> {
        self.keys.sign(principal, self.clock.now().timestamp())
    }

    /// Creates or acts: POST with a fresh idempotency key.
    pub fn post(&self, token: &str, path: &str, version: Option<&str>, body: &Value) -> Result<Reply, String> {
        self.send("POST", token, path, version, "application/json", body.to_string().into_bytes())
    }

    /// Puts a file in the place of what is there.
    pub fn put_csv(&self, token: &str, path: &str, version: &str, csv: &[u8]) -> Result<Reply, String> {
        self.send("PUT", token, path, Some(version), "text/csv", csv.to_vec())
    }

    pub fn get(&self, token: &str, path: &str) -> Result<Reply, String> {
        let request = Request::get(format!("{}{path}", self.base)).header("authorization", format!("Bearer {token}"));
        self.run("GET", path, request.body(Vec::new()))
    }

    fn send(&self, method: &str, token: &str, path: &str, version: Option<&str>, kind: &str, body: Vec<u8>) -> Result<Reply, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", Uuid::new_v4().to_string())
            .header("content-type", kind);
        if let Some(version) = version {
            request = request.header("if-match", version);
        }
        self.run(method, path, request.body(body))
    }

    fn run(&self, method: &str, path: &str, request: Result<Request<Vec<u8>>, ureq::http::Error>) -> Result<Reply, String> {
        let request = request.map_err(|error| error.to_string())?;
        let mut response = self.agent.run(request).map_err(|error| format!("{method} {path}: {error}"))?;
        let etag = response.headers().get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = response.status();
        let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{method} {path}: {status} {text}"));
        }
        Ok(Reply { etag, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }
}
