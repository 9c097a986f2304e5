//! Records of sensitive reads: kept before the answer leaves, and read by those who control the readers.

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::get;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use db::audit::access_record::{AccessRecordFilter, AccessRecordRow, subjects_of};
use db::fault::Fault;
use db::page::Rows;
use db::store::{Author, Outcome};
use domain::audit::access_record::{
    ACCESS_QUOTA_EVENT, ACCESS_QUOTA_REACHED, ACCESS_RECORD, ACCESS_RECORDED, AccessRecord, QUOTA_HOURS, Reader, read_reason,
    reason_required, require_quota,
};
use domain::audit::{Actor, Event, hex};
use domain::id::{AccessRecordId, ClientKeyId, OrganisationId, PrincipalId, SessionId};
use domain::sensitivity::{Scope, Sensitivity};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::answer::{Answered, listed};
use crate::auth::Call;
use crate::body::Query;
use crate::page::{Page, keyset, page};
use crate::problem::{NOT_FOUND, Problem, SERVICE_BUSY};

/// The header that says why something sensitive is read.
pub const REASON: &str = "Access-Reason";
/// The most subjects of a record that a list of records shows: as many as a page of a list has rows.
const SUBJECTS_SHOWN: i32 = 200;

/// What a list told, in its order: left with the answer for the record of it.
pub struct Told(pub Vec<Uuid>);

impl Told {
    /// The ids of rows that are about to be told.
    pub fn of<T: Serialize>(rows: &[T]) -> Self {
        let id = |row: &T| serde_json::to_value(row).ok()?.get("id")?.as_str()?.parse().ok();
        Self(rows.iter().filter_map(id).collect())
    }
}

/// The reason that a request gives; refuses one that nobody could read.
pub fn reason(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(REASON);
    let Some(first) = given.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| given.next().is_none()).and_then(|text| percent_decode_str(text).decode_utf8().ok());
    Ok(Some(read_reason(&text.ok_or_else(reason_required)?)?))
}

/// What the path names beside its organisation.
fn named(path: &str, organisation: Option<OrganisationId>) -> impl Iterator<Item = Uuid> {
    let ids = path.split('/').filter_map(|segment| Uuid::try_parse(segment).ok());
    ids.filter(move |id| organisation.is_none_or(|organisation| organisation.0 != *id))
}

/// Lets an answer go once it is recorded that its caller was told it. What cannot be recorded is not told.
pub async fn record(call: &Call, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    if response.status().is_client_error() || response.status().is_server_error() {
        return response;
    }
    let (request, mut response) = response.into_parts();
    let told = response.extensions_mut().remove::<Told>().map(|told| told.0).unwrap_or_default();
    let subjects = named(request.path(), call.organisation).chain(told).collect();
    let (response, body) = response.into_parts();
    let recorded = match to_bytes(body).await {
        Ok(body) => keep(call, subjects, &body).await.map(|()| body),
        Err(error) => Err(Fault::Broken(error.to_string())),
    };
    match recorded {
        Ok(body) => ServiceResponse::new(request, response.set_body(BoxBody::new(body))),
        Err(Fault::Missing) => ServiceResponse::from_err(Problem::from(&NOT_FOUND), request),
        Err(Fault::Refused(refusal)) if refusal.code == &ACCESS_QUOTA_REACHED => {
            alarm(call).await;
            ServiceResponse::from_err(Problem::from(refusal), request)
        }
        Err(fault) => {
            // Whatever kept it from being recorded, the caller is told no more than that.
            log::error!("a sensitive answer is held back, for it cannot be recorded: {:?}", fault.to_string());
            ServiceResponse::from_err(Problem::from(&SERVICE_BUSY), request)
        }
    }
}

async fn keep(call: &Call, subjects: Vec<Uuid>, body: &Bytes) -> Result<(), Fault> {
    let principal = call.standing.as_ref().map(|standing| standing.principal);
    let principal = principal.ok_or_else(|| Fault::Broken("what is recorded is told to nobody unknown".to_owned()))?;
    let record = AccessRecord {
        organisation: call.organisation.unwrap_or_else(OrganisationId::platform),
        id: AccessRecordId::new(),
        recorded_at: call.now,
        reader: Reader { principal, session: call.session, client_key: call.client_key, role: call.author().actor.role, seat: call.seat() },
        operation: call.operation_id().to_owned(),
        request_sha256: Sha256::digest(call.target.as_bytes()).into(),
        reason: call.reason.clone(),
        subjects,
        answer_sha256: Sha256::digest(body).into(),
        salt: Uuid::new_v4(),
    };
    // The feed tells that something was read, not by whom.
    let author = Author { actor: Actor::system(), now: call.now, today: call.today };
    let event = Event::of(ACCESS_RECORDED, ACCESS_RECORD, record.id.0, 1).with("digest", record.digest());
    let quota = call.quota();
    call.store()
        .write(record.organisation, author, move |tx| {
            if let Some((quota, operations)) = &quota {
                let since = tx.now() - TimeDelta::hours(QUOTA_HOURS);
                let lately = db::audit::access_record::told_lately(tx, record.reader.principal, operations, since)?;
                require_quota(&lately, &record.subjects, *quota, tx.now())?;
            }
            db::audit::access_record::append_access_record(tx, &record)?;
            Ok(Outcome::Happened((), event.clone().into()))
        })
        .await
}

/// Tells administrators of the platform that somebody reached the quota: once an hour, however often it is tried.
async fn alarm(call: &Call) {
    let Ok(principal) = call.principal() else { return };
    if call.desk.alarmed.get(&principal).is_some() {
        return;
    }
    call.desk.alarmed.put(principal, ());
    let platform = OrganisationId::platform();
    let author = Author { actor: Actor::system(), now: call.now, today: call.today };
    let event = Event::of(ACCESS_QUOTA_EVENT, "principal", principal.0, 1)
        .with("operation", call.operation_id())
        .with("organisation_id", call.organisation.unwrap_or(platform).to_string());
    if let Err(fault) = call.store().write(platform, author, move |_| Ok(Outcome::Happened((), event.clone().into()))).await {
        log::error!("a quota of sensitive reads was reached, and this could not be recorded: {:?}", fault.to_string());
    }
}

/// That somebody was told something sensitive.
#[derive(Serialize, ToSchema)]
pub struct AccessRecordView {
    id: AccessRecordId,
    organisation_id: OrganisationId,
    recorded_at: DateTime<Utc>,
    /// Who read.
    principal_id: PrincipalId,
    /// The session in which it was read; null when the reader's token belongs to none.
    session_id: Option<SessionId>,
    /// The key of a partner system by which its token was had.
    client_key_id: Option<ClientKeyId>,
    /// The role under which it was read.
    #[schema(max_length = 40)]
    role: String,
    /// Where the official sits who reads from elsewhere: a Treasury post, a prefecture.
    seat_id: Option<OrganisationId>,
    /// What was asked, by the name that the contract gives it.
    #[schema(max_length = 60, example = "read_kinship")]
    operation: String,
    /// What was told: the ids that the path names beside the organisation, then those of the rows of the answer, in its order; the
    /// first 200. Filter by `subject_id` to find every record of a thing.
    #[schema(max_items = 200)]
    subject_ids: Vec<Uuid>,
    /// The reason that was given.
    #[schema(max_length = 200)]
    reason: Option<String>,
    /// SHA-256 over the method, a space, the path and, after `?`, the query.
    #[schema(min_length = 64, max_length = 64)]
    request_sha256: String,
    /// SHA-256 over the body of the answer, before it was packed.
    #[schema(min_length = 64, max_length = 64)]
    answer_sha256: String,
}

fn view(row: AccessRecordRow, subject_ids: Vec<Uuid>) -> AccessRecordView {
    AccessRecordView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        recorded_at: row.recorded_at.0,
        principal_id: row.principal_id.0,
        session_id: row.session_id.map(|id| id.0),
        client_key_id: row.client_key_id.map(|id| id.0),
        role: row.role,
        seat_id: row.seat_id.map(|id| id.0),
        operation: row.operation,
        subject_ids,
        reason: row.reason,
        request_sha256: hex(&row.request_sha256),
        answer_sha256: hex(&row.answer_sha256),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccessRecordQuery {
    /// Only what this person or system read.
    principal_id: Option<PrincipalId>,
    /// Only where this thing was told.
    subject_id: Option<Uuid>,
    /// Only by this operation, such as `read_kinship`.
    #[param(max_length = 60)]
    operation: Option<String>,
    /// First day (UTC).
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day (UTC).
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Who was told what is sensitive in the organisation, why and when (journal des consultations): each record was stored before
/// its answer left. Those who come from elsewhere (a State representative, an auditor, an administrator of the platform) stand
/// in it like the organisation's own people; what belongs to no organisation is recorded in the platform's. Reading this list
/// is recorded in it too. Records are never changed or deleted; their digests are on the chain of events.
#[utoipa::path(tag = "audit", params(AccessRecordQuery), responses((status = 200, body = Page<AccessRecordView>)))]
#[get("/v1/organisations/{organisation_id}/access-records")]
pub async fn list_access_records(call: Call, path: actix_web::web::Path<OrganisationId>, query: Query<AccessRecordQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<AccessRecordId>(&call, query.after.as_deref(), query.limit)?;
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let filter = AccessRecordFilter {
        principal_id: query.principal_id,
        subject_id: query.subject_id,
        operation: query.operation,
        since: query.from.map(midnight),
        before: query.to.and_then(|day| day.checked_add_days(Days::new(1))).map(midnight),
    };
    // Only those whom `access` names come here; they need the records though their clearance may be lower.
    let scope = Scope { organisation: path.into_inner(), clearance: Sensitivity::Restricted };
    let asked = keys.clone();
    let rows = call
        .store()
        .read(move |conn| {
            let Rows { rows, more } = db::audit::access_record::list_access_records(conn, &scope, &filter, &asked)?;
            let ids: Vec<AccessRecordId> = rows.iter().map(|row| row.id.0).collect();
            let mut subjects = subjects_of(conn, scope.organisation, &ids, SUBJECTS_SHOWN)?;
            let shown = |row: AccessRecordRow| {
                let told = subjects.remove(&row.id.0).unwrap_or_default();
                view(row, told)
            };
            Ok(Rows { rows: rows.into_iter().map(shown).collect(), more })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id, |row| row))
}
