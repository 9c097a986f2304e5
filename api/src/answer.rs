//! Answers: JSON with a strong ETag, and writes that take effect once.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK, LOCATION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use db::audit::{Answer, Claim};
use db::connection::Conn;
use db::fault::Fault;
use db::store::{Known, Outcome, Tx, Wanted};
use domain::audit::Events;
use domain::id::{OrganisationId, ProposalId};
use domain::identity::proposal::Gravity;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::audit::access_record::Told;
use crate::auth::Call;
use crate::body::Asked;
use crate::export::{Form, tabled};
use crate::identity::proposal::{Done, by_two};
use crate::page::Page;
use crate::paper::PaperFault;
use crate::problem::{Problem, SERVICE_BROKEN};

/// What a handler gives.
pub type Answered = Result<HttpResponse, Problem>;

/// The ETag of a version in a representation. Content encodings add their own suffix on the way out.
pub fn etag(version: i64) -> String {
    format!("\"{version}-json\"")
}

/// 200 with a body that is nobody's but the caller's.
pub fn ok(view: &impl Serialize) -> Answered {
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-cache")).json(view))
}

/// The JSON of a long answer, written beside the rows that it tells, into so much room at first.
pub fn written(view: &impl Serialize, room: usize) -> Result<Bytes, Fault> {
    let mut body = Vec::with_capacity(room);
    serde_json::to_writer(&mut body, view).map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(body.into())
}

/// As [`ok`], of what was written before.
pub fn ok_written(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "private, no-cache")).content_type("application/json").body(body)
}

/// 200 with a page of a list, in the form asked for, and the way to the next in the header Link (RFC 8288).
pub fn listed<T: Serialize + Send + 'static>(call: &Call, page: Page<T>) -> Answered {
    let separator = if call.list.ends_with('?') { "" } else { "&" };
    let next =
        page.page.next.as_ref().map(|next| format!("<{}{separator}after={next}&limit={}>; rel=\"next\"", call.list, page.page.limit));
    let told = call.is_recorded().then(|| Told::of(&page.data));
    let mut response = if call.form == Form::Json {
        let mut builder = HttpResponse::Ok();
        builder.insert_header((CACHE_CONTROL, "private, no-cache"));
        if let Some(next) = next {
            builder.insert_header((LINK, next));
        }
        builder.json(page)
    } else {
        tabled(call, page, next)?
    };
    if let Some(told) = told {
        response.extensions_mut().insert(told);
    }
    Ok(response)
}

/// 200 with the ETag of a version, or 304 if the caller has it.
pub fn versioned(request: &HttpRequest, version: i64, view: &impl Serialize) -> Answered {
    let tag = etag(version);
    if holds(request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "private, no-cache")).json(view))
}

/// What is the same for everyone, as it is sent.
pub struct Published {
    body: Bytes,
    tag: String,
}

impl Published {
    pub fn new(body: Bytes) -> Self {
        let tag = tag_of(&body, "json");
        Self { body, tag }
    }

    /// 200 with its ETag, or 304 if the caller has it.
    pub fn send(&self, request: &HttpRequest) -> HttpResponse {
        if holds(request, &self.tag) {
            return HttpResponse::NotModified().insert_header((ETAG, self.tag.as_str())).finish();
        }
        let headers = [(ETAG, self.tag.as_str()), (CACHE_CONTROL, "public, no-cache"), (CONTENT_TYPE, "application/json")];
        headers.into_iter().fold(&mut HttpResponse::Ok(), HttpResponseBuilder::insert_header).body(self.body.clone())
    }
}

/// Reference data that is the same for everyone: read once a minute at most, and sent to whoever does not have it.
pub async fn published<T: Serialize + Send + 'static>(
    request: &HttpRequest,
    call: &Call,
    read: impl FnOnce(&mut Conn) -> Result<T, Fault> + Send + 'static,
) -> Answered {
    let asked = (call.target.clone(), call.today);
    if let Some(kept) = call.desk.published.get(&asked) {
        return Ok(kept.send(request));
    }
    let view = call.store().read(read).await?;
    let body = serde_json::to_vec(&view).map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(call.desk.published.put(asked, Published::new(body.into())).send(request))
}

/// A PDF.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct PdfFile(pub Vec<u8>);

/// 200 with a paper that is drawn apart from other requests, or 304 if the caller has these very bytes.
pub async fn paper(request: &HttpRequest, name: &str, draw: impl FnOnce() -> Result<Vec<u8>, PaperFault> + Send + 'static) -> Answered {
    let bytes = match web::block(draw).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(fault)) => {
            log::error!("a paper could not be made: {fault}");
            return Err(Problem::from(&SERVICE_BROKEN));
        }
        Err(_) => return Err(Problem::from(&SERVICE_BROKEN)),
    };
    let tag = tag_of(&bytes, "pdf");
    if holds(request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .body(bytes))
}

/// The ETag of what has no version: a digest of its bytes.
fn tag_of(bytes: &[u8], form: &str) -> String {
    let digest = domain::audit::hex(&Sha256::digest(bytes));
    format!("\"{}-{form}\"", digest.get(..32).unwrap_or(&digest))
}

/// Whether If-None-Match names this tag, whatever encoding it was sent in.
fn holds(request: &HttpRequest, tag: &str) -> bool {
    let stem = tag.trim_end_matches('"');
    request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|given| given.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/").starts_with(stem)))
}

/// The answer of a write, before it is kept and sent.
fn kept(status: StatusCode, location: Option<String>, version: Option<i64>, view: &impl Serialize) -> Result<Answer, Fault> {
    let body = serde_json::to_vec(view).map_err(|error| Fault::Broken(error.to_string()))?;
    Ok(Answer { status: i32::from(status.as_u16()), location, etag: version.map(etag), body })
}

/// 201 with the place of what was made.
pub fn created(location: String, version: i64, view: &impl Serialize) -> Result<Answer, Fault> {
    kept(StatusCode::CREATED, Some(location), Some(version), view)
}

/// 202: it was not done, but waits.
pub fn accepted(location: String, version: i64, view: &impl Serialize) -> Result<Answer, Fault> {
    kept(StatusCode::ACCEPTED, Some(location), Some(version), view)
}

/// 200 with the resource after the act.
pub fn done(version: i64, view: &impl Serialize) -> Result<Answer, Fault> {
    kept(StatusCode::OK, None, Some(version), view)
}

pub fn send(answer: Answer, replayed: bool) -> Answered {
    let status = u16::try_from(answer.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut builder = HttpResponse::build(status.ok_or_else(|| Problem::from(&SERVICE_BROKEN))?);
    builder.insert_header((CACHE_CONTROL, "no-store")).content_type("application/json");
    if let Some(location) = answer.location {
        builder.insert_header((LOCATION, location));
    }
    if let Some(etag) = answer.etag {
        builder.insert_header((ETAG, etag));
    }
    if replayed {
        builder.insert_header(("idempotency-replayed", "true"));
    }
    Ok(builder.body(answer.body))
}

impl<T: Sync + Send + 'static> Asked<T> {
    /// Does the write on the organisation of the path, once: a repetition of the request gets the first answer again.
    pub async fn write(self, effect: impl Fn(&Call, &T, &mut Tx<'_>) -> Result<(Answer, Events), Fault> + Send + 'static) -> Answered {
        let organisation = self.call.scope()?.organisation;
        self.write_on(organisation, effect).await
    }

    /// As [`Asked::write`], on an organisation that the path does not name.
    pub async fn write_on(
        self,
        organisation: OrganisationId,
        effect: impl Fn(&Call, &T, &mut Tx<'_>) -> Result<(Answer, Events), Fault> + Send + 'static,
    ) -> Answered {
        self.write_wanting(organisation, None, effect).await
    }

    /// As [`Asked::write_on`], of an operation that takes two persons for some of what it may be asked.
    pub async fn write_by_two(
        self,
        organisation: OrganisationId,
        gravity: impl Fn(&T, &mut Tx<'_>) -> Result<Gravity, Fault> + Send + 'static,
        effect: impl Fn(&Call, &T, &mut Tx<'_>) -> Result<(Answer, Events), Fault> + Send + 'static,
    ) -> Answered {
        self.write_judged(organisation, Known::default(), gravity, effect).await
    }

    /// As [`Asked::write_by_two`], where the answer is a secret, which is not kept; or the answer of what was only proposed.
    pub async fn hand_out_by_two<R: Send + 'static>(
        self,
        organisation: OrganisationId,
        gravity: impl Fn(&T, &mut Tx<'_>) -> Result<Gravity, Fault> + Send + 'static,
        effect: impl Fn(&Call, &T, &mut Tx<'_>) -> Result<(R, Events), Fault> + Send + 'static,
    ) -> Result<Result<R, HttpResponse>, Problem> {
        let Asked { call, body, fingerprint } = self;
        let (store, author, id) = (call.store().clone(), call.author(), ProposalId::new());
        let done = store
            .write(organisation, author, move |tx| {
                let gravity = gravity(&body, tx)?;
                let (done, events) = by_two(&call, tx, (id, fingerprint), gravity, |tx| effect(&call, &body, tx))?;
                Ok(Outcome::Happened(done, events))
            })
            .await?;
        match done {
            Done::Now(what) => Ok(Ok(what)),
            Done::Proposed(answer) => Ok(Err(send(answer, false)?)),
        }
    }

    /// As [`Asked::write`], by a request of which it is known what it will ask about: that is read with what others ask about.
    pub async fn write_wanting(
        self,
        organisation: OrganisationId,
        wanted: Option<Wanted>,
        effect: impl Fn(&Call, &T, &mut Tx<'_>) -> Result<(Answer, Events), Fault> + Send + 'static,
    ) -> Answered {
        // Of an operation that takes two persons and says no more, all is grave.
        let known = Known { wanted, ..Known::default() };
        self.write_judged(organisation, known, |_, _| Ok(Gravity::Grave { concerning: None }), effect).await
    }

    async fn write_judged(
        self,
        organisation: OrganisationId,
        known: Known,
        gravity: impl Fn(&T, &mut Tx<'_>) -> Result<Gravity, Fault> + Send + 'static,
        effect: impl Fn(&Call, &T, &mut Tx<'_>) -> Result<(Answer, Events), Fault> + Send + 'static,
    ) -> Answered {
        let Asked { call, body, fingerprint } = self;
        let principal = call.principal()?;
        let claim = call.idempotency_key.clone().map(|key| Claim { principal, key, fingerprint });
        let (store, author, id) = (call.store().clone(), call.author(), ProposalId::new());
        let (answer, replayed) = store
            .write_once(organisation, author, Known { claim, ..known }, move |tx| {
                if let Some(answer) = tx.earlier.take() {
                    return Ok(Outcome::Replayed((answer, true)));
                }
                let (answer, events) = if call.seconds().is_some() {
                    let gravity = gravity(&body, tx)?;
                    let (done, events) = by_two(&call, tx, (id, fingerprint), gravity, |tx| effect(&call, &body, tx))?;
                    match done {
                        Done::Now(answer) | Done::Proposed(answer) => (answer, events),
                    }
                } else {
                    effect(&call, &body, tx)?
                };
                tx.answer = Some(answer.clone());
                Ok(Outcome::Happened((answer, false), events))
            })
            .await?;
        send(answer, replayed)
    }
}
