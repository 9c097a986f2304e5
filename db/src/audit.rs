//! The event log: chains, the feed, and idempotency keys.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use domain::audit::{Events, GENESIS, IDEMPOTENCY_KEY_REUSED, Place, canonical_bytes, facts_text, leaf_hash};
use domain::id::{OrganisationId, PrincipalId};
use domain::sensitivity::Sensitivity;
use uuid::Uuid;

use crate::column::{Col, Identity};
use crate::connection::{Conn, Locked};
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::prepared::{Part, Statement, together};
use crate::schema::{audit_heads, event_positions, event_sequencer, events, idempotency_keys};
use crate::store::Tx;

/// The end of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub sequence: i64,
    pub hash: [u8; 32],
}

fn hash_of(bytes: &[u8]) -> Result<[u8; 32], Fault> {
    bytes.try_into().map_err(|_| Fault::Corrupt("a hash is not 32 bytes long".to_owned()))
}

/// Starts the chain of a new organisation, before the organisation's own row.
pub fn insert_head(conn: &mut Conn, organisation: OrganisationId) -> Result<(), Fault> {
    diesel::insert_into(audit_heads::table)
        .values((
            audit_heads::organisation_id.eq(Col(organisation)),
            audit_heads::sequence.eq(0),
            audit_heads::hash.eq(GENESIS.to_vec()),
            audit_heads::positioned.eq(0),
        ))
        .execute(conn)?;
    Ok(())
}

/// Takes the organisation's head: the first lock of every write.
pub fn lock_head(conn: &mut Conn, organisation: OrganisationId) -> Result<Head, Fault> {
    let query =
        audit_heads::table.filter(audit_heads::organisation_id.eq(Col(organisation))).select((audit_heads::sequence, audit_heads::hash));
    let (sequence, hash): (i64, Vec<u8>) = Locked(query).get_result(conn)?;
    Ok(Head { sequence, hash: hash_of(&hash)? })
}

#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
struct NewEvent<'a> {
    organisation_id: Col<OrganisationId>,
    sequence: i64,
    recorded_at: Col<DateTime<Utc>>,
    principal_id: Option<Col<PrincipalId>>,
    role: &'a str,
    kind: &'a str,
    subject_kind: &'a str,
    subject_id: Col<Uuid>,
    subject_version: i64,
    state_before: Option<&'a str>,
    state_after: Option<&'a str>,
    facts: String,
    bytes: Vec<u8>,
    hash: Vec<u8>,
    sensitivity: i32,
}

/// Puts what happened on the chain, in the transaction in which it happened, and keeps the answer with it.
pub fn append(tx: &mut Tx<'_>, mut head: Head, happened: &Events) -> Result<(), Fault> {
    let first = head.sequence;
    let mut insertions = Vec::new();
    for event in happened.iter() {
        let place = Place {
            organisation: tx.organisation,
            sequence: head.sequence + 1,
            recorded_at: tx.author.now,
            actor: &tx.author.actor,
            previous: head.hash,
        };
        let bytes = canonical_bytes(event, &place);
        head = Head { sequence: place.sequence, hash: leaf_hash(&bytes) };
        let row = NewEvent {
            organisation_id: Col(tx.organisation),
            sequence: head.sequence,
            recorded_at: Col(tx.author.now),
            principal_id: tx.author.actor.principal.map(Col),
            role: &tx.author.actor.role,
            kind: event.kind,
            subject_kind: event.subject_kind,
            subject_id: Col(event.subject_id),
            subject_version: event.subject_version,
            state_before: event.state_before.as_deref(),
            state_after: event.state_after.as_deref(),
            facts: facts_text(&event.facts),
            bytes,
            hash: head.hash.to_vec(),
            sensitivity: Sensitivity::Internal.rank(),
        };
        insertions.push(diesel::insert_into(events::table).values(row));
    }
    let moved = Statement::new("UPDATE audit_heads SET sequence = ?, hash = ? WHERE organisation_id = ? AND sequence = ?")
        .bind::<BigInt, _>(head.sequence)
        .bind::<Binary, _>(head.hash.to_vec())
        .bind::<Identity, _>(Col(tx.organisation))
        .bind::<BigInt, _>(first);
    let answer = tx.answer.take().map(|(claim, answer)| diesel::insert_into(idempotency_keys::table).values(key_row(tx, claim, answer)));
    let mut statements: Vec<Part<'_>> = vec![&moved];
    statements.extend(insertions.iter().map(|insertion| insertion as Part<'_>));
    statements.extend(answer.iter().map(|insertion| insertion as Part<'_>));
    let touched = together(tx.conn, &statements).map_err(|error| Fault::from(error).taken(|| IDEMPOTENCY_KEY_REUSED.refuse()))?;
    if touched == statements.len() { Ok(()) } else { Err(Fault::Broken("the chain has no head".to_owned())) }
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

/// Gives every committed event that has none its global position. One transaction, one sequencer row locked.
pub fn position_events(conn: &mut Conn) -> Result<(), Fault> {
    let waiting = audit_heads::table.filter(audit_heads::positioned.lt(audit_heads::sequence)).count().get_result::<i64>(conn)?;
    if waiting == 0 {
        return Ok(());
    }
    let sequencer = event_sequencer::table.filter(event_sequencer::id.eq(1)).select(event_sequencer::last_position);
    let mut position: i64 = Locked(sequencer).get_result(conn)?;
    let heads: Vec<(Col<OrganisationId>, i64, i64)> = audit_heads::table
        .filter(audit_heads::positioned.lt(audit_heads::sequence))
        .order(audit_heads::organisation_id)
        .select((audit_heads::organisation_id, audit_heads::positioned, audit_heads::sequence))
        .load(conn)?;
    for (organisation, positioned, sequence) in heads {
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
        let known = Statement::new("UPDATE audit_heads SET positioned = ? WHERE organisation_id = ?");
        known.bind::<BigInt, _>(sequence).bind::<Identity, _>(organisation).run(conn)?;
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
) -> Result<Rows<(i64, EventRow)>, Fault> {
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

/// The answer that an equal request already got; refuses the key if another request used it.
pub fn find_answer(conn: &mut Conn, claim: &Claim) -> Result<Option<Answer>, Fault> {
    let found: Option<(Vec<u8>, Answer)> = idempotency_keys::table
        .filter(idempotency_keys::principal_id.eq(Col(claim.principal)))
        .filter(idempotency_keys::key.eq(&claim.key))
        .select((
            idempotency_keys::fingerprint,
            (idempotency_keys::status, idempotency_keys::location, idempotency_keys::etag, idempotency_keys::body),
        ))
        .first(conn)
        .optional()?;
    match found {
        None => Ok(None),
        Some((fingerprint, _)) if fingerprint != claim.fingerprint => Err(IDEMPOTENCY_KEY_REUSED.refuse().into()),
        Some((_, answer)) => Ok(Some(answer)),
    }
}

#[derive(Insertable)]
#[diesel(table_name = idempotency_keys, treat_none_as_default_value = false)]
struct NewKey {
    principal_id: Col<PrincipalId>,
    key: String,
    organisation_id: Col<OrganisationId>,
    fingerprint: Vec<u8>,
    status: i32,
    location: Option<String>,
    etag: Option<String>,
    body: Vec<u8>,
    recorded_at: Col<DateTime<Utc>>,
}

fn key_row(tx: &Tx<'_>, claim: Claim, answer: Answer) -> NewKey {
    NewKey {
        principal_id: Col(claim.principal),
        key: claim.key,
        organisation_id: Col(tx.organisation),
        fingerprint: claim.fingerprint.to_vec(),
        status: answer.status,
        location: answer.location,
        etag: answer.etag,
        body: answer.body,
        recorded_at: Col(tx.author.now),
    }
}
