//! One who calls the API and reads every answer, refusals included.

use std::sync::Arc;

use serde_json::Value;
use ureq::http::Request;
use uuid::Uuid;

use super::{canary, patience, witness};

/// An HTTP client with or without a token.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
    rehearsal: Option<Arc<dyn Rehearsal>>,
    /// Whether what it is answered counts.
    unheard: bool,
}

/// A request, before it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// What is tried around each write of a story.
pub trait Rehearsal: Send + Sync {
    /// Before it is sent, by one whom nobody watches.
    fn before(&self, client: &Client, asked: Asked<'_>);
    /// After it was answered.
    fn after(&self, client: &Client, asked: Asked<'_>, answer: &Answer);
}

/// An answer, whatever its status.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The member at a JSON Pointer, as text.
    pub fn text(&self, pointer: &str) -> String {
        let json = self.json();
        let found = json.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {json}"));
        found.as_str().map_or_else(|| found.to_string(), str::to_owned)
    }

    pub fn id(&self) -> Uuid {
        self.text("/id").parse().expect("an id")
    }

    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no ETag: {self:?}")).to_owned()
    }

    /// Asserts the status; gives the answer on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// Asserts a problem with its status and code; gives the answer on.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.text("/code"), code, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// The pointers of a problem's errors.
    pub fn pointers(&self) -> Vec<String> {
        let json = self.json();
        let errors = json.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
        errors.iter().filter_map(|error| error.get("pointer")?.as_str().map(str::to_owned)).collect()
    }
}

impl Client {
    pub fn new(base: &str, token: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections_per_host(1)
            .timeout_global(Some(patience::ANSWER));
        Self { agent: config.build().into(), base: base.to_owned(), token, rehearsal: None, unheard: false }
    }

    /// The same, with something tried around each of its writes.
    #[must_use]
    pub fn rehearsing(self, rehearsal: Option<Arc<dyn Rehearsal>>) -> Self {
        Self { rehearsal, ..self }
    }

    /// The same, of a service that is broken on purpose: what it answers is held against nothing.
    #[must_use]
    pub fn unheard(self) -> Self {
        Self { unheard: true, ..self }
    }

    /// The token that it shows.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Any request: method, path, further headers, body.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let rehearsal = self.rehearsal.as_ref().filter(|_| method != "GET");
        let rehearsal = rehearsal.map(|rehearsal| (rehearsal, self.clone().rehearsing(None), Asked { method, path, headers, body }));
        if let Some((rehearsal, client, asked)) = &rehearsal {
            rehearsal.before(client, *asked);
        }
        let answer = self.attempt(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        if let Some((rehearsal, client, asked)) = &rehearsal {
            rehearsal.after(client, *asked, &answer);
        }
        answer
    }

    /// A request to a service that may not be there to answer it.
    pub fn attempt(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec()).expect("a request");
        let mut response = self.agent.run(request)?;
        let received =
            response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or("").to_owned())).collect();
        let status = response.status().as_u16();
        let bytes = response.body_mut().with_config().limit(64 << 20).read_to_vec()?;
        let answer = Answer { status, headers: received, bytes };
        if self.unheard {
            return Ok(answer);
        }
        canary::sent(self.token.as_deref(), body, &answer);
        if witness::saw(method, path, body, &answer) {
            self.keep(path, headers, &answer);
        }
        Ok(answer)
    }

    /// What the caller has is not sent again, unless it changed meanwhile.
    fn keep(&self, path: &str, headers: &[(&str, &str)], answer: &Answer) {
        let etag = answer.etag();
        let asked: Vec<(&str, &str)> = headers.iter().copied().chain([("if-none-match", etag.as_str())]).collect();
        let Ok(again) = self.attempt("GET", path, &asked, &[]) else { return };
        assert!(again.status != 200 || again.etag() != etag, "{path} answered {} to who has it", again.status);
    }

    /// Reads, and says why, as some reads want it.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[("access-reason", "Proof")], &[])
    }

    /// Creates: POST with a fresh idempotency key.
    pub fn create(&self, path: &str, body: &Value) -> Answer {
        self.create_with_key(path, &Uuid::new_v4().to_string(), body)
    }

    pub fn create_with_key(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Acts on a version: POST with a fresh idempotency key and If-Match.
    pub fn act_on(&self, path: &str, etag: &str, body: &Value) -> Answer {
        let key = Uuid::new_v4().to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str()), ("if-match", etag)];
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    /// Acts on the version that the resource has now.
    pub fn act(&self, resource: &str, action: &str, body: &Value) -> Answer {
        let etag = self.get(resource).expect(200).etag();
        self.act_on(&format!("{resource}{action}"), &etag, body)
    }

    /// Puts the lines of a budget from a file.
    pub fn put_lines(&self, budget: &str, query: &str, kind: &str, body: &[u8]) -> Answer {
        let etag = self.get(budget).expect(200).etag();
        let key = Uuid::new_v4().to_string();
        let headers = [("content-type", kind), ("idempotency-key", key.as_str()), ("if-match", etag.as_str())];
        self.send("PUT", &format!("{budget}/lines{query}"), &headers, body)
    }
}
