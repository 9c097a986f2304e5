//! What a group of writes knows of the chains and of earlier answers, and what it adds to them: read when the group begins
//! and stored when it ends, in one trip to PostgreSQL each, whatever the number of its writes.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text};
use domain::audit::{Events, IDEMPOTENCY_KEY_REUSED, Place, canonical_bytes, facts_text, leaf_hash};
use domain::id::{OrganisationId, PrincipalId};
use uuid::Uuid;

use super::{Answer, Claim};
use crate::column::{Col, Identity, Instant};
use crate::connection::Conn;
use crate::fault::Fault;
use crate::prepared::{Rows, Statement, column, together};
use crate::schema::{audit_heads, events, idempotency_keys};
use crate::store::Author;

/// The end of a chain.
#[derive(Clone, Copy)]
struct Head {
    sequence: i64,
    hash: [u8; 32],
}

/// A head as it is stored, and as it will be.
#[derive(Clone, Copy)]
struct Moving {
    from: Head,
    to: Head,
}

/// The chains and answers of a group of writes.
#[derive(Default)]
pub struct Log {
    heads: HashMap<OrganisationId, Moving>,
    answers: HashMap<(PrincipalId, String), ([u8; 32], Answer)>,
    events: Vec<NewEvent>,
    keys: Vec<NewKey>,
}

#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
struct NewEvent {
    organisation_id: Col<OrganisationId>,
    sequence: i64,
    recorded_at: Col<DateTime<Utc>>,
    principal_id: Option<Col<PrincipalId>>,
    role: String,
    kind: &'static str,
    subject_kind: &'static str,
    subject_id: Col<Uuid>,
    subject_version: i64,
    state_before: Option<String>,
    state_after: Option<String>,
    facts: String,
    bytes: Vec<u8>,
    hash: Vec<u8>,
    sensitivity: i32,
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

fn hash_of(bytes: &[u8]) -> Result<[u8; 32], Fault> {
    bytes.try_into().map_err(|_| Fault::Corrupt("a hash is not 32 bytes long".to_owned()))
}

impl Log {
    /// Takes the heads of the organisations in the order of their ids, the first locks of every write; then reads the answers
    /// that equal requests already got.
    pub fn open(conn: &mut Conn, organisations: &BTreeSet<OrganisationId>, claims: &[&Claim]) -> Result<Self, Fault> {
        let mut log = Self::default();
        for (organisation, sequence, hash) in lock_heads(conn, organisations)? {
            let head = Head { sequence, hash: hash_of(&hash)? };
            log.heads.insert(organisation.0, Moving { from: head, to: head });
        }
        for (principal, key, fingerprint, answer) in read_answers(conn, claims)? {
            log.answers.insert((principal.0, key), (hash_of(&fingerprint)?, answer));
        }
        Ok(log)
    }

    /// Whether the organisation has a chain; what has none does not exist.
    pub fn knows(&self, organisation: OrganisationId) -> bool {
        self.heads.contains_key(&organisation)
    }

    /// The answer that an equal request already got; refuses the key if another request used it.
    pub fn answer_to(&self, claim: &Claim) -> Result<Option<Answer>, Fault> {
        match self.answers.get(&(claim.principal, claim.key.clone())) {
            None => Ok(None),
            Some((fingerprint, _)) if *fingerprint != claim.fingerprint => Err(IDEMPOTENCY_KEY_REUSED.refuse().into()),
            Some((_, answer)) => Ok(Some(answer.clone())),
        }
    }

    /// Puts what happened on the chain, and keeps the answer with it.
    pub fn append(
        &mut self,
        organisation: OrganisationId,
        author: &Author,
        happened: &Events,
        answered: Option<(Claim, Answer)>,
    ) -> Result<(), Fault> {
        let head = &mut self.heads.get_mut(&organisation).ok_or(Fault::Missing)?.to;
        for event in happened.iter() {
            let sequence = head.sequence + 1;
            let place = Place { organisation, sequence, recorded_at: author.now, actor: &author.actor, previous: head.hash };
            let bytes = canonical_bytes(event, &place);
            *head = Head { sequence, hash: leaf_hash(&bytes) };
            self.events.push(NewEvent {
                organisation_id: Col(organisation),
                sequence,
                recorded_at: Col(author.now),
                principal_id: author.actor.principal.map(Col),
                role: author.actor.role.clone(),
                kind: event.kind,
                subject_kind: event.subject_kind,
                subject_id: Col(event.subject_id),
                subject_version: event.subject_version,
                state_before: event.state_before.clone(),
                state_after: event.state_after.clone(),
                facts: facts_text(&event.facts),
                bytes,
                hash: head.hash.to_vec(),
                sensitivity: event.sensitivity.rank(),
            });
        }
        if let Some((claim, answer)) = answered {
            self.answers.insert((claim.principal, claim.key.clone()), (claim.fingerprint, answer.clone()));
            self.keys.push(NewKey {
                principal_id: Col(claim.principal),
                key: claim.key,
                organisation_id: Col(organisation),
                fingerprint: claim.fingerprint.to_vec(),
                status: answer.status,
                location: answer.location,
                etag: answer.etag,
                body: answer.body,
                recorded_at: Col(author.now),
            });
        }
        Ok(())
    }

    /// Stores what was added. A key that another lane or process stored meanwhile is a matter of trying again.
    pub fn store(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let moved: Vec<Moved> = self
            .heads
            .iter()
            .filter(|(_, head)| head.from.sequence < head.to.sequence)
            .map(|(organisation, head)| (Col(*organisation), *head))
            .collect();
        let expected = moved.len() + self.events.len() + self.keys.len();
        if expected == 0 {
            return Ok(());
        }
        let stored = match conn {
            Conn::Pg(conn) => store_together(conn, &moved, &self.events, &self.keys),
            Conn::Sqlite(conn) => store_each(conn, &moved, &self.events, &self.keys),
        };
        let stored = stored.map_err(|error| match Fault::from(error) {
            Fault::Taken(what) => Fault::Busy(what),
            fault => fault,
        })?;
        if stored != expected {
            return Err(Fault::Broken(format!("{stored} rows of the log were stored instead of {expected}")));
        }
        for head in self.heads.values_mut() {
            head.from = head.to;
        }
        self.events.clear();
        self.keys.clear();
        Ok(())
    }

    /// Forgets what was added and is not stored.
    pub fn forget(&mut self) {
        for head in self.heads.values_mut() {
            head.to = head.from;
        }
        self.events.clear();
        for key in self.keys.drain(..) {
            self.answers.remove(&(key.principal_id.0, key.key));
        }
    }
}

type HeadRow = (Col<OrganisationId>, i64, Vec<u8>);

fn lock_heads(conn: &mut Conn, organisations: &BTreeSet<OrganisationId>) -> Result<Vec<HeadRow>, Fault> {
    let columns = (audit_heads::organisation_id, audit_heads::sequence, audit_heads::hash);
    if let Conn::Pg(conn) = conn {
        let wanted: Vec<_> = organisations.iter().copied().map(Col).collect();
        let heads = audit_heads::table.filter(audit_heads::organisation_id.eq_any(wanted)).order(audit_heads::organisation_id);
        return Ok(heads.select(columns).for_update().load(conn)?);
    }
    let mut rows = Vec::with_capacity(organisations.len());
    for organisation in organisations {
        let head = audit_heads::table.filter(audit_heads::organisation_id.eq(Col(*organisation))).select(columns);
        rows.extend(head.first::<HeadRow>(conn).optional()?);
    }
    Ok(rows)
}

type AnswerRow = (Col<PrincipalId>, String, Vec<u8>, Answer);

fn read_answers(conn: &mut Conn, claims: &[&Claim]) -> Result<Vec<AnswerRow>, Fault> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    if let Conn::Pg(conn) = conn {
        type Columns = (Identity, Text, Binary, (Integer, Nullable<Text>, Nullable<Text>, Binary));
        // One look at the index for each, whatever the planner thinks of a young table.
        let found = Statement::new(
            "SELECT k.principal_id, k.key, k.fingerprint, k.status, k.location, k.etag, k.body \
             FROM unnest(?, ?) AS claim (principal_id, key) CROSS JOIN LATERAL (SELECT * FROM idempotency_keys i \
             WHERE i.principal_id = claim.principal_id AND i.key = claim.key LIMIT 1) k",
        )
        .bind::<Array<Identity>, _>(column(claims, |claim| Col(claim.principal)))
        .bind::<Array<Text>, _>(column(claims, |claim| claim.key.as_str()));
        return Ok(Rows::<Columns, _>::of(found).load(conn)?);
    }
    let mut rows = Vec::new();
    for claim in claims {
        let found = idempotency_keys::table
            .filter(idempotency_keys::principal_id.eq(Col(claim.principal)))
            .filter(idempotency_keys::key.eq(&claim.key))
            .select((
                idempotency_keys::principal_id,
                idempotency_keys::key,
                idempotency_keys::fingerprint,
                (idempotency_keys::status, idempotency_keys::location, idempotency_keys::etag, idempotency_keys::body),
            ));
        rows.extend(found.first::<AnswerRow>(conn).optional()?);
    }
    Ok(rows)
}

type Moved = (Col<OrganisationId>, Moving);

fn store_each(conn: &mut SqliteConnection, moved: &[Moved], events: &[NewEvent], keys: &[NewKey]) -> QueryResult<usize> {
    let mut stored = 0;
    for (organisation, head) in moved {
        stored += Statement::new("UPDATE audit_heads SET sequence = ?, hash = ? WHERE organisation_id = ? AND sequence = ?")
            .bind::<BigInt, _>(head.to.sequence)
            .bind::<Binary, _>(head.to.hash.as_slice())
            .bind::<Identity, _>(*organisation)
            .bind::<BigInt, _>(head.from.sequence)
            .run_on_sqlite(conn)?;
    }
    for event in events {
        stored += diesel::insert_into(events::table).values(event).execute(conn)?;
    }
    for key in keys {
        stored += diesel::insert_into(idempotency_keys::table).values(key).execute(conn)?;
    }
    Ok(stored)
}

fn store_together(conn: &mut PgConnection, moved: &[Moved], events: &[NewEvent], keys: &[NewKey]) -> QueryResult<usize> {
    let heads = Statement::new(
        "UPDATE audit_heads SET sequence = m.sequence, hash = m.hash \
         FROM unnest(?, ?, ?, ?) AS m (organisation_id, sequence, hash, before) \
         WHERE audit_heads.organisation_id = m.organisation_id AND audit_heads.sequence = m.before",
    )
    .bind::<Array<Identity>, _>(column(moved, |(organisation, _)| *organisation))
    .bind::<Array<BigInt>, _>(column(moved, |(_, head)| head.to.sequence))
    .bind::<Array<Binary>, _>(column(moved, |(_, head)| head.to.hash.as_slice()))
    .bind::<Array<BigInt>, _>(column(moved, |(_, head)| head.from.sequence));
    let happened = Statement::new(
        "INSERT INTO events (organisation_id, sequence, recorded_at, principal_id, role, kind, subject_kind, subject_id, \
         subject_version, state_before, state_after, facts, bytes, hash, sensitivity) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind::<Array<Identity>, _>(column(events, |event| event.organisation_id))
    .bind::<Array<BigInt>, _>(column(events, |event| event.sequence))
    .bind::<Array<Instant>, _>(column(events, |event| event.recorded_at))
    .bind::<Array<Nullable<Identity>>, _>(column(events, |event| event.principal_id))
    .bind::<Array<Text>, _>(column(events, |event| event.role.as_str()))
    .bind::<Array<Text>, _>(column(events, |event| event.kind))
    .bind::<Array<Text>, _>(column(events, |event| event.subject_kind))
    .bind::<Array<Identity>, _>(column(events, |event| event.subject_id))
    .bind::<Array<BigInt>, _>(column(events, |event| event.subject_version))
    .bind::<Array<Nullable<Text>>, _>(column(events, |event| event.state_before.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(events, |event| event.state_after.as_deref()))
    .bind::<Array<Text>, _>(column(events, |event| event.facts.as_str()))
    .bind::<Array<Binary>, _>(column(events, |event| event.bytes.as_slice()))
    .bind::<Array<Binary>, _>(column(events, |event| event.hash.as_slice()))
    .bind::<Array<Integer>, _>(column(events, |event| event.sensitivity));
    let answered = Statement::new(
        "INSERT INTO idempotency_keys (principal_id, key, organisation_id, fingerprint, status, location, etag, body, recorded_at) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind::<Array<Identity>, _>(column(keys, |key| key.principal_id))
    .bind::<Array<Text>, _>(column(keys, |key| key.key.as_str()))
    .bind::<Array<Identity>, _>(column(keys, |key| key.organisation_id))
    .bind::<Array<Binary>, _>(column(keys, |key| key.fingerprint.as_slice()))
    .bind::<Array<Integer>, _>(column(keys, |key| key.status))
    .bind::<Array<Nullable<Text>>, _>(column(keys, |key| key.location.as_deref()))
    .bind::<Array<Nullable<Text>>, _>(column(keys, |key| key.etag.as_deref()))
    .bind::<Array<Binary>, _>(column(keys, |key| key.body.as_slice()))
    .bind::<Array<Instant>, _>(column(keys, |key| key.recorded_at));
    together(conn, &[heads, happened, answered])
}
