//! The feed of events: everything that happened, in commit order, for those who may see it.

pub mod access_record;

use actix_web::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use db::audit::{EventFilter, EventRow};
use domain::id::{OrganisationId, PrincipalId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::answer::{Answered, listed};
use crate::auth::Call;
use crate::body::Query;
use crate::page::{Page, feed, keyset};
use crate::problem::{NOT_FOUND, Problem};

/// Something that happened, as it stands on the chain of its organisation.
#[derive(Serialize, ToSchema)]
pub struct EventView {
    /// Global position in the feed.
    #[schema(minimum = 1)]
    position: i64,
    organisation_id: OrganisationId,
    /// Number on the organisation's chain, without gap.
    #[schema(minimum = 1)]
    sequence: i64,
    recorded_at: DateTime<Utc>,
    /// Who acted; null for the system itself.
    principal_id: Option<PrincipalId>,
    /// The role under which it was done.
    #[schema(max_length = 40)]
    role: String,
    /// What happened, as "noun.verb".
    #[schema(max_length = 60, example = "budget.voted")]
    kind: String,
    #[schema(max_length = 60, example = "budget")]
    subject_kind: String,
    subject_id: Uuid,
    /// Version of the subject after the event.
    subject_version: i64,
    #[schema(max_length = 60)]
    state_before: Option<String>,
    #[schema(max_length = 60)]
    state_after: Option<String>,
    /// The facts of the event; amounts are decimal strings.
    #[schema(value_type = Object)]
    facts: serde_json::Value,
    /// The canonical bytes that were hashed, in base64.
    #[schema(max_length = 200_000, content_encoding = "base64")]
    bytes: String,
    /// SHA-256 of a zero byte followed by the canonical bytes; the next event's bytes end with it.
    #[schema(min_length = 64, max_length = 64)]
    hash: String,
}

fn view((position, row): (i64, EventRow)) -> EventView {
    EventView {
        position,
        organisation_id: row.organisation_id.0,
        sequence: row.sequence,
        recorded_at: row.recorded_at.0,
        principal_id: row.principal_id.map(|id| id.0),
        role: row.role,
        kind: row.kind,
        subject_kind: row.subject_kind,
        subject_id: row.subject_id.0,
        subject_version: row.subject_version,
        state_before: row.state_before,
        state_after: row.state_after,
        facts: serde_json::from_str(&row.facts).unwrap_or_default(),
        bytes: STANDARD.encode(&row.bytes),
        hash: domain::audit::hex(&row.hash),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only events of this organisation.
    organisation_id: Option<OrganisationId>,
    /// Only events of this kind, such as `budget.voted`.
    #[param(max_length = 60)]
    kind: Option<String>,
    /// Only events of this kind of subject, such as `budget`.
    #[param(max_length = 60)]
    subject_kind: Option<String>,
    /// Only events of this subject.
    subject_id: Option<Uuid>,
    /// Only what this person or system did.
    principal_id: Option<PrincipalId>,
    /// First day of recording (UTC).
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of recording (UTC).
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Cursor of an earlier page, good for 90 days. The feed never ends: keep the last `next` and ask again.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// What happened, in commit order, in the organisations whose internal records the caller may read. Follow it with the
/// cursor to keep another system in step; each event is delivered once per cursor and never changes.
#[utoipa::path(tag = "audit", params(EventQuery), responses((status = 200, body = Page<EventView>)))]
#[get("/v1/events")]
pub async fn list_events(call: Call, query: Query<EventQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<i64>(&call, query.after.as_deref(), query.limit)?;
    let mut readable = call.readable();
    if let Some(wanted) = query.organisation_id {
        readable.retain(|id| *id == wanted);
        if readable.is_empty() {
            return Err(Problem::from(&NOT_FOUND));
        }
    }
    call.store().keep(db::audit::position_events).await?;
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let filter = EventFilter {
        kind: query.kind,
        subject_kind: query.subject_kind,
        subject_id: query.subject_id,
        principal_id: query.principal_id,
        since: query.from.map(midnight),
        before: query.to.and_then(|day| day.checked_add_days(Days::new(1))).map(midnight),
    };
    let asked = keys.clone();
    let store = call.store().within(readable.iter().copied());
    let rows = store.read(move |conn| db::audit::list_events(conn, &readable, &filter, &asked)).await?;
    listed(&call, feed(&call, &keys, rows, |row| row.0, view))
}
