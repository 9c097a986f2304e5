//! The event log: what happened, by whom, when; chained per organisation so that nothing can be changed unseen.
//!
//! One function writes the canonical bytes of an event, and they are stored: the hash is always taken over stored bytes,
//! never over columns read back. Personal data does not enter an event; events name things by id.

pub mod access_record;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::id::{OrganisationId, PrincipalId};
use crate::refusal::{IntoFact, codes};
use crate::sensitivity::Sensitivity;

codes! {
    IDEMPOTENCY_KEY_MISSING: Malformed,
        "Clé d'idempotence absente" / "Idempotency key missing",
        "Cette opération exige l'en-tête Idempotency-Key : une chaîne unique de 8 à 64 caractères." /
        "This operation requires the header Idempotency-Key: a unique string of 8 to 64 characters.";
    IDEMPOTENCY_KEY_REUSED: Rule,
        "Clé d'idempotence déjà utilisée" / "Idempotency key already used",
        "Cette clé a servi à une autre demande. Prenez une clé nouvelle pour chaque demande." /
        "This key served another request. Take a new key for each request.";
}

/// The fingerprint of nothing: what the first event of a chain follows.
pub const GENESIS: [u8; 32] = [0; 32];

/// Separates event hashes from every other use of SHA-256 in the service.
const DOMAIN: &[u8] = b"sigida.event.v1";

/// Who acts: a principal in a role, or the system itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub principal: Option<PrincipalId>,
    /// The role under which the act was done, or "system".
    pub role: String,
}

impl Actor {
    pub fn system() -> Self {
        Self { principal: None, role: "system".to_owned() }
    }
}

/// A fact that goes on an organisation's chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened, as "noun.verb": `budget.voted`.
    pub kind: &'static str,
    /// The noun and the id of what it happened to.
    pub subject_kind: &'static str,
    pub subject_id: Uuid,
    /// The version of the subject after the event.
    pub subject_version: i64,
    pub state_before: Option<String>,
    pub state_after: Option<String>,
    /// The facts of the event. Amounts are decimal strings; people appear by id only.
    pub facts: Map<String, Value>,
    /// Who may see it; internal unless it is about something more sensitive.
    pub sensitivity: Sensitivity,
}

impl Event {
    pub fn of(kind: &'static str, subject_kind: &'static str, subject_id: Uuid, subject_version: i64) -> Self {
        let sensitivity = Sensitivity::Internal;
        Self { kind, subject_kind, subject_id, subject_version, state_before: None, state_after: None, facts: Map::new(), sensitivity }
    }

    /// Is at least as sensitive as what it happened to.
    #[must_use]
    pub fn ranked(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = self.sensitivity.max(sensitivity);
        self
    }

    /// Names the state before and the state after.
    #[must_use]
    pub fn moved(mut self, before: impl ToString, after: impl ToString) -> Self {
        self.state_before = Some(before.to_string());
        self.state_after = Some(after.to_string());
        self
    }

    /// Names the state in which something begins.
    #[must_use]
    pub fn begun(mut self, after: impl ToString) -> Self {
        self.state_after = Some(after.to_string());
        self
    }

    #[must_use]
    pub fn with(mut self, name: &str, fact: impl IntoFact) -> Self {
        self.facts.insert(name.to_owned(), fact.into_fact());
        self
    }
}

/// The events of one write: never none.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    first: Event,
    more: Vec<Event>,
}

impl From<Event> for Events {
    fn from(first: Event) -> Self {
        Self { first, more: Vec::new() }
    }
}

impl Events {
    #[must_use]
    pub fn and(mut self, event: Event) -> Self {
        self.more.push(event);
        self
    }

    /// Adds what happened besides, if anything did.
    #[must_use]
    pub fn also(mut self, event: Option<Event>) -> Self {
        self.more.extend(event);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// The place of an event on its chain.
pub struct Place<'a> {
    pub organisation: OrganisationId,
    pub sequence: i64,
    pub recorded_at: DateTime<Utc>,
    pub actor: &'a Actor,
    pub previous: [u8; 32],
}

/// An event as it is stored: the facts as canonical text.
pub struct EventText<'a> {
    pub kind: &'a str,
    pub subject_kind: &'a str,
    pub subject_id: Uuid,
    pub subject_version: i64,
    pub state_before: Option<&'a str>,
    pub state_after: Option<&'a str>,
    pub facts: &'a str,
}

/// The canonical bytes of an event.
pub fn canonical_bytes(event: &Event, place: &Place<'_>) -> Vec<u8> {
    let text = EventText {
        kind: event.kind,
        subject_kind: event.subject_kind,
        subject_id: event.subject_id,
        subject_version: event.subject_version,
        state_before: event.state_before.as_deref(),
        state_after: event.state_after.as_deref(),
        facts: &facts_text(&event.facts),
    };
    canonical_text_bytes(&text, place)
}

/// The canonical bytes of a stored event: every field length-prefixed, in a fixed order.
pub fn canonical_text_bytes(event: &EventText<'_>, place: &Place<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut put = |field: &[u8]| {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    };
    put(DOMAIN);
    put(place.organisation.0.as_bytes());
    put(&place.sequence.to_be_bytes());
    put(&place.recorded_at.timestamp_micros().to_be_bytes());
    put(place.actor.principal.as_ref().map_or(&[], |id| id.0.as_bytes().as_slice()));
    put(place.actor.role.as_bytes());
    put(event.kind.as_bytes());
    put(event.subject_kind.as_bytes());
    put(event.subject_id.as_bytes());
    put(&event.subject_version.to_be_bytes());
    put(event.state_before.unwrap_or("").as_bytes());
    put(event.state_after.unwrap_or("").as_bytes());
    put(event.facts.as_bytes());
    put(&place.previous);
    bytes
}

/// The facts as canonical JSON text (members sorted by name).
pub fn facts_text(facts: &Map<String, Value>) -> String {
    Value::Object(facts.clone()).to_string()
}

/// The hash of an event's canonical bytes, as a leaf in the sense of RFC 9162.
pub fn leaf_hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// A digest over many rows that stand behind one event, such as an import, taken row by row.
#[derive(Clone, Default)]
pub struct RowsDigest(Sha256);

impl RowsDigest {
    pub fn add(&mut self, row: &[u8]) {
        self.0.update((row.len() as u64).to_be_bytes());
        self.0.update(row);
    }

    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// As [`RowsDigest`], of rows that are all at hand.
pub fn rows_digest<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = RowsDigest::default();
    rows.into_iter().for_each(|row| digest.add(row));
    digest.finish()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(event: &Event, sequence: i64, previous: [u8; 32]) -> Vec<u8> {
        let actor = Actor { principal: Some(PrincipalId(Uuid::from_u128(7))), role: "accountant".to_owned() };
        let recorded_at = DateTime::from_timestamp_micros(1_735_689_600_000_000).expect("in range");
        canonical_bytes(event, &Place { organisation: OrganisationId(Uuid::from_u128(1)), sequence, recorded_at, actor: &actor, previous })
    }

    #[test]
    fn any_change_changes_the_hash() {
        let event = Event::of("budget.voted", "budget", Uuid::from_u128(9), 4).moved("tabled", "voted").with("against", "2");
        let hash = leaf_hash(&bytes_of(&event, 1, GENESIS));
        let mut changes = vec![event.clone(); 4];
        changes[0].facts.insert("against".to_owned(), Value::from("3"));
        changes[1].subject_version = 5;
        changes[2].state_before = None;
        changes[3].subject_id = Uuid::from_u128(10);
        for change in &changes {
            assert_ne!(hash, leaf_hash(&bytes_of(change, 1, GENESIS)));
        }
        assert_ne!(hash, leaf_hash(&bytes_of(&event, 2, GENESIS)));
        assert_ne!(hash, leaf_hash(&bytes_of(&event, 1, [1; 32])));
    }

    #[test]
    fn neighbouring_fields_cannot_be_confused() {
        let one = Event::of("a.b", "subject", Uuid::nil(), 1).moved("ab", "c");
        let two = Event::of("a.b", "subject", Uuid::nil(), 1).moved("a", "bc");
        assert_ne!(bytes_of(&one, 1, GENESIS), bytes_of(&two, 1, GENESIS));
    }
}
