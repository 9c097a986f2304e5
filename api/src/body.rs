//! Bodies, parameters and paths: read strictly. Unknown members, repeated parameters, floats for money are refused with
//! a pointer to the place.

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::auth::Call;
use crate::export::PARAMETER;
use crate::limit::{BODY_DEADLINE, BODY_MAX, IMPORT_MAX};
use crate::problem::{BODY_TOO_LARGE, MEDIA_TYPE_UNSUPPORTED, Problem, REQUEST_BODY_INVALID, REQUEST_PARAMETER_INVALID};

/// A request with a body: the proven call and what it asks for.
pub struct Asked<T> {
    pub call: Call,
    pub body: T,
    /// SHA-256 over target and body: what makes two requests equal.
    pub fingerprint: [u8; 32],
}

/// A request that carries no body.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

/// The raw bytes of an import with the kind of their content.
#[derive(Clone, Debug)]
pub struct Import {
    pub kind: String,
    pub bytes: Vec<u8>,
}

/// What can stand as a body.
pub trait Readable: Sized + 'static {
    const LIMIT: usize;
    fn read(kind: &str, bytes: Vec<u8>) -> Result<Self, Problem>;
}

impl Readable for Nothing {
    const LIMIT: usize = BODY_MAX;

    fn read(_: &str, bytes: Vec<u8>) -> Result<Self, Problem> {
        if bytes.is_empty() || bytes == b"{}" {
            return Ok(Nothing);
        }
        Err(Problem::unreadable(&REQUEST_BODY_INVALID, "", "no body is expected"))
    }
}

impl Readable for Import {
    const LIMIT: usize = IMPORT_MAX;

    fn read(kind: &str, bytes: Vec<u8>) -> Result<Self, Problem> {
        Ok(Self { kind: kind.to_owned(), bytes })
    }
}

/// Marks the wire types that are read as JSON.
pub trait Json: DeserializeOwned + 'static {}

impl<T: Json> Readable for T {
    const LIMIT: usize = BODY_MAX;

    fn read(kind: &str, bytes: Vec<u8>) -> Result<Self, Problem> {
        if kind != "application/json" {
            return Err(MEDIA_TYPE_UNSUPPORTED.refuse().with("accepted", "application/json").into());
        }
        // Serde would also read an object's members by their position in an array.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "", "expected a JSON object"));
        }
        parse_json(&bytes)
    }
}

/// Reads JSON, pointing at the member that cannot be read.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        let reason = error.inner().to_string();
        let reason = reason.split(" at line ").next().unwrap_or("").to_owned();
        Problem::unreadable(&REQUEST_BODY_INVALID, &pointer, &reason)
    })?;
    deserializer.end().map_err(|_| Problem::unreadable(&REQUEST_BODY_INVALID, "", "more than one JSON value"))?;
    if bytes.windows(6).any(|escape| escape == b"\\u0000") {
        return Err(Problem::unreadable(&REQUEST_BODY_INVALID, "", "character U+0000 is not allowed"));
    }
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

impl<T: Readable> FromRequest for Asked<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let call = Call::from_request(request, payload);
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let mut payload = payload.take();
        Box::pin(async move {
            let call = call.await?;
            let bytes = tokio::time::timeout(BODY_DEADLINE, collect(&mut payload, T::LIMIT))
                .await
                .map_err(|_| Problem::unreadable(&REQUEST_BODY_INVALID, "", "the body took too long"))??;
            let fingerprint = Sha256::new().chain_update(call.target.as_bytes()).chain_update([0]).chain_update(&bytes).finalize().into();
            let body = T::read(&kind, bytes)?;
            Ok(Asked { call, body, fingerprint })
        })
    }
}

async fn collect(payload: &mut Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::unreadable(&REQUEST_BODY_INVALID, "", "the body was cut off"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(BODY_TOO_LARGE.refuse().with("limit", limit).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The query parameters of a request; unknown or repeated ones are refused.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if request.query_string().contains("%00") {
            return ready(Err(Problem::unreadable(&REQUEST_PARAMETER_INVALID, "", "character U+0000 is not allowed")));
        }
        // The form of a list was read when the caller was proven, and is no parameter of the list itself.
        let lists = request.extensions().get::<Call>().is_some_and(Call::lists);
        let own: Vec<&str> =
            request.query_string().split('&').filter(|pair| !(lists && pair.split('=').next() == Some(PARAMETER))).collect();
        let parsed = web::Query::<T>::from_query(&own.join("&"));
        ready(
            parsed
                .map(|query| Query(query.into_inner()))
                .map_err(|error| Problem::unreadable(&REQUEST_PARAMETER_INVALID, "", &error.to_string())),
        )
    }
}

/// A list of words in one parameter, separated by commas.
pub fn words<W: domain::word::Word>(name: &str, text: Option<&str>) -> Result<Vec<W>, Problem> {
    text.map_or(Ok(Vec::new()), |text| {
        text.split(',')
            .map(|word| {
                W::parse(word)
                    .ok_or_else(|| Problem::unreadable(&REQUEST_PARAMETER_INVALID, &format!("?{name}"), &format!("unknown value {word:?}")))
            })
            .collect()
    })
}
