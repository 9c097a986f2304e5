//! The chain of one organisation.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::audit::access_record::ACCESS_RECORDED;
use domain::audit::{Actor, GENESIS, Place, leaf_hash};
use domain::id::OrganisationId;
use uuid::Uuid;

use super::{Failure, wrong};
use crate::audit::EventRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::ledger::import::ENTRY_IMPORT;
use crate::schema::{audit_heads, events};

/// What the chain says of other tables: the digest of each entry that was posted alone, all of each import, the digest of
/// each record of a sensitive read.
#[derive(Debug, Default)]
pub struct Facts {
    pub entry_digests: BTreeMap<Uuid, String>,
    pub imports: BTreeMap<Uuid, serde_json::Map<String, serde_json::Value>>,
    /// The digest of each record of a sensitive read.
    pub accesses: BTreeMap<Uuid, String>,
}

/// How many events are read at a time.
const CHUNK: i64 = 1_000;

/// Recomputes a chain from its first event to its head.
pub fn verify_chain(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<(usize, Facts), Failure> {
    let mut facts = Facts::default();
    let mut sequence = 0;
    let mut previous = GENESIS;
    loop {
        let rows: Vec<EventRow> = events::table
            .filter(events::organisation_id.eq(Col(organisation)))
            .filter(events::sequence.gt(sequence))
            .order(events::sequence)
            .limit(CHUNK)
            .select(EventRow::as_select())
            .load(conn)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let place = format!("{code}, event {}", row.sequence);
            if row.sequence != sequence + 1 {
                return wrong(format!("{code}: event {} is missing", sequence + 1));
            }
            if leaf_hash(&row.bytes).as_slice() != row.hash.as_slice() {
                return wrong(format!("{place}: the stored bytes do not have the stored hash"));
            }
            if rebuilt(&row, previous)? != row.bytes {
                return wrong(format!("{place}: the columns, or the event before, differ from the chained bytes"));
            }
            note(&row, &mut facts)?;
            sequence = row.sequence;
            previous = leaf_hash(&row.bytes);
        }
    }
    let (head_sequence, head_hash): (i64, Vec<u8>) = audit_heads::table
        .filter(audit_heads::organisation_id.eq(Col(organisation)))
        .select((audit_heads::sequence, audit_heads::hash))
        .first(conn)?;
    if head_sequence != sequence || head_hash != previous {
        return wrong(format!("{code}: the chain ends at event {sequence}, its head says {head_sequence}"));
    }
    Ok((usize::try_from(sequence).unwrap_or(0), facts))
}

fn parsed_facts(row: &EventRow) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    serde_json::from_str(&row.facts).map_err(|_| Failure::Wrong(format!("event {}: unreadable facts", row.sequence)))
}

/// The canonical bytes, from the columns.
fn rebuilt(row: &EventRow, previous: [u8; 32]) -> Result<Vec<u8>, Failure> {
    let actor = Actor { principal: row.principal_id.map(|id| id.0), role: row.role.clone() };
    let place =
        Place { organisation: row.organisation_id.0, sequence: row.sequence, recorded_at: row.recorded_at.0, actor: &actor, previous };
    let text = domain::audit::EventText {
        kind: &row.kind,
        subject_kind: &row.subject_kind,
        subject_id: row.subject_id.0,
        subject_version: row.subject_version,
        state_before: row.state_before.as_deref(),
        state_after: row.state_after.as_deref(),
        facts: &row.facts,
    };
    Ok(domain::audit::canonical_text_bytes(&text, &place))
}

fn note(row: &EventRow, facts: &mut Facts) -> Result<(), Failure> {
    let members = parsed_facts(row)?;
    let text = |name: &str| members.get(name).and_then(serde_json::Value::as_str);
    if let (Some(entry), Some(digest)) = (text("entry_id").and_then(|id| id.parse().ok()), text("entry_digest")) {
        facts.entry_digests.insert(entry, digest.to_owned());
    }
    if let (ACCESS_RECORDED, Some(digest)) = (row.kind.as_str(), text("digest")) {
        facts.accesses.insert(row.subject_id.0, digest.to_owned());
    }
    if row.subject_kind == ENTRY_IMPORT {
        facts.imports.insert(row.subject_id.0, members);
    }
    Ok(())
}
