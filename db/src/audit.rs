//! The event log: chains, the feed, and idempotency keys.

pub mod access_record;
pub mod log;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::audit::GENESIS;
use domain::id::{OrganisationId, PrincipalId};
use domain::sensitivity::Sensitivity;
use uuid::Uuid;

use crate::column::{Col, Identity};
use crate::connection::{Conn, Locked};
use crate::fault::Fault;
use crate::page::{Keyset, Rows as Page};
use crate::prepared::{Rows, Statement};
use crate::schema::{audit_heads, event_positions, event_sequencer, events};
use crate::wall;

/// Starts the chain of a new organisation, before the organisation's own row.
pub fn insert_head(conn: &mut Conn, organisation: OrganisationId) -> Result<(), Fault> {
    let head = (audit_heads::organisation_id.eq(Col(organisation)), audit_heads::sequence.eq(0), audit_heads::hash.eq(GENESIS.to_vec()));
    // The platform registers whoever was nobody before.
    wall::beyond(conn, |conn| {
        diesel::insert_into(audit_heads::table).values(head).execute(conn)?;
        Ok(())
    })
}

/// An event as readers see it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = events)]
pub struct EventRow {
    pub organisation_id: Col<OrganisationId>,
    pub sequence: i64,
    pub recorded_at: Col<DateTime<Utc>>,
    pub principal_id: Option<Col<PrincipalId>>,
    pub role: String,
    pub kind: String,
    pub subject_kind: String,
    pub subject_id: Col<Uuid>,
    pub subject_version: i64,
    pub state_before: Option<String>,
    pub state_after: Option<String>,
    pub facts: String,
    pub bytes: Vec<u8>,
    pub hash: Vec<u8>,
}

/// Organisation, sequence of the last event that has a position, sequence of its last event.
type Waiting = (Col<OrganisationId>, i64, i64);

/// The chains that go on beyond their positions. Their heads are only read: a writer that holds one holds up no reader of the feed.
fn list_waiting(conn: &mut Conn) -> Result<Vec<Waiting>, Fault> {
    let waiting = Statement::new(
        "SELECT organisation_id, positioned, sequence FROM (SELECT h.organisation_id, h.sequence, COALESCE((SELECT MAX(p.sequence) \
         FROM event_positions p WHERE p.organisation_id = h.organisation_id), 0) AS positioned FROM audit_heads h) chains \
         WHERE positioned < sequence ORDER BY organisation_id",
    );
    Ok(Rows::<(Identity, BigInt, BigInt), _>::of(waiting).load(conn)?)
}

/// Gives every committed event that has none its global position. One transaction, one sequencer row locked.
pub fn position_events(conn: &mut Conn) -> Result<(), Fault> {
    // There is one order of all events.
    wall::beyond(conn, position_waiting)
}

fn position_waiting(conn: &mut Conn) -> Result<(), Fault> {
    if list_waiting(conn)?.is_empty() {
        return Ok(());
    }
    let sequencer = event_sequencer::table.filter(event_sequencer::id.eq(1)).select(event_sequencer::last_position);
    let mut position: i64 = Locked(sequencer).get_result(conn)?;
    for (organisation, positioned, sequence) in list_waiting(conn)? {
        // All of an organisation at once: there may be very many after a while without a reader.
        let placed = Statement::new(
            "INSERT INTO event_positions (position, organisation_id, sequence) \
             SELECT ? + sequence, organisation_id, sequence FROM events WHERE organisation_id = ? AND sequence > ? AND sequence <= ?",
        );
        placed
            .bind::<BigInt, _>(position - positioned)
            .bind::<Identity, _>(organisation)
            .bind::<BigInt, _>(positioned)
            .bind::<BigInt, _>(sequence)
            .run(conn)?;
        position += sequence - positioned;
    }
    diesel::update(event_sequencer::table.filter(event_sequencer::id.eq(1)))
        .set(event_sequencer::last_position.eq(position))
        .execute(conn)?;
    Ok(())
}

/// Whose events, and which.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub kind: Option<String>,
    pub subject_kind: Option<String>,
    pub subject_id: Option<Uuid>,
    pub principal_id: Option<PrincipalId>,
    /// Recorded at this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Recorded before this instant.
    pub before: Option<DateTime<Utc>>,
}

/// The feed: positioned events of the organisations that the reader may see, in global order.
pub fn list_events(
    conn: &mut Conn,
    readable: &[OrganisationId],
    filter: &EventFilter,
    page: &Keyset<i64>,
) -> Result<Page<(i64, EventRow)>, Fault> {
    let mut query = event_positions::table
        .inner_join(
            events::table
                .on(events::organisation_id.eq(event_positions::organisation_id).and(events::sequence.eq(event_positions::sequence))),
        )
        .filter(event_positions::organisation_id.eq_any(readable.iter().copied().map(Col).collect::<Vec<_>>()))
        .filter(events::sensitivity.le(Sensitivity::Internal.rank()))
        .order(event_positions::position)
        .limit(page.probe())
        .select((event_positions::position, EventRow::as_select()))
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(event_positions::position.gt(after));
    }
    if let Some(kind) = &filter.kind {
        query = query.filter(events::kind.eq(kind.clone()));
    }
    if let Some(subject) = filter.subject_id {
        query = query.filter(events::subject_id.eq(Col(subject)));
    }
    if let Some(kind) = &filter.subject_kind {
        query = query.filter(events::subject_kind.eq(kind.clone()));
    }
    if let Some(principal) = filter.principal_id {
        query = query.filter(events::principal_id.eq(Some(Col(principal))));
    }
    if let Some(since) = filter.since {
        query = query.filter(events::recorded_at.ge(Col(since)));
    }
    if let Some(before) = filter.before {
        query = query.filter(events::recorded_at.lt(Col(before)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What was answered to a request, kept so that its repetition gets the same.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Answer {
    pub status: i32,
    pub location: Option<String>,
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

/// A request that must take effect once.
#[derive(Clone, Debug)]
pub struct Claim {
    pub principal: PrincipalId,
    pub key: String,
    /// SHA-256 over method, path and body.
    pub fingerprint: [u8; 32],
}
