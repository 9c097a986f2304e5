//! Records of sensitive reads: who was told what, when and why, kept before it is told.
//!
//! The record itself is for those who control the readers; the chain of events carries its digest only, so that the feed does
//! not tell whom somebody looks into, and nobody takes a record away unseen.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::RowsDigest;
use crate::id::{AccessRecordId, ClientKeyId, OrganisationId, PrincipalId, SessionId};
use crate::refusal::{Refusal, codes};
use crate::text::Text;

codes! {
    ACCESS_REASON_REQUIRED: Malformed,
        "Motif d'accès absent" / "Access reason missing",
        "Cette lecture est tracée avec son motif : l'en-tête Access-Reason le dit en {minimum} à {maximum} caractères, codés en \
         pourcentage (UTF-8) s'ils ne sont pas ASCII." /
        "This read is recorded with its reason: the header Access-Reason says it in {minimum} to {maximum} characters, \
         percent-encoded (UTF-8) where they are not ASCII.";
    ACCESS_QUOTA_REACHED: Throttled,
        "Quota de consultations atteint" / "Quota of sensitive reads reached",
        "Vous auriez consulté plus de {quota} fiches sensibles en 24 heures ; il en reste {left}. Réessayez après le délai indiqué." /
        "You would have been told more than {quota} sensitive records in 24 hours; {left} are left. Try again after the delay given.";
}

/// The hours over which a quota of sensitive reads is counted.
pub const QUOTA_HOURS: i64 = 24;

/// The event by which administrators of the platform learn that somebody reached the quota.
pub const ACCESS_QUOTA_EVENT: &str = "access.quota_reached";

/// The event that carries the digest of a record, and what that event is about.
pub const ACCESS_RECORDED: &str = "access.recorded";
pub const ACCESS_RECORD: &str = "access_record";

/// The fewest and the most characters of a reason.
pub const REASON_LENGTH: (usize, usize) = (3, REASON_MAX);
const REASON_MAX: usize = 200;

/// Reads the reason of an access: something that a controller can read, and no more than a line.
pub fn read_reason(text: &str) -> Result<String, Refusal> {
    let reason = Text::<REASON_MAX>::parse(text).map(Text::into_string).ok();
    reason.filter(|reason| reason.chars().count() >= REASON_LENGTH.0).ok_or_else(reason_required)
}

pub fn reason_required() -> Refusal {
    ACCESS_REASON_REQUIRED.refuse().with("minimum", REASON_LENGTH.0).with("maximum", REASON_LENGTH.1)
}

/// What somebody was told of late, and when the first of it was.
#[derive(Clone, Debug, Default)]
pub struct ToldLately {
    pub subjects: HashSet<Uuid>,
    pub since: Option<DateTime<Utc>>,
}

/// Refuses to tell more different things than the quota in a day. What was told already is told again.
pub fn require_quota(lately: &ToldLately, more: &[Uuid], quota: u32, now: DateTime<Utc>) -> Result<(), Refusal> {
    let fresh: HashSet<&Uuid> = more.iter().filter(|subject| !lately.subjects.contains(subject)).collect();
    let (quota, seen) = (usize::try_from(quota).unwrap_or(usize::MAX), lately.subjects.len());
    if fresh.is_empty() || seen.saturating_add(fresh.len()) <= quota {
        return Ok(());
    }
    let day = TimeDelta::hours(QUOTA_HOURS);
    let wait = lately.since.map_or(day, |since| since + day - now).num_seconds().clamp(1, day.num_seconds());
    let refusal = ACCESS_QUOTA_REACHED.refuse().with("quota", quota).with("left", quota.saturating_sub(seen));
    Err(refusal.with("retry_after", wait))
}

/// Who reads, and what the reader's token rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub principal: PrincipalId,
    pub session: Option<SessionId>,
    pub client_key: Option<ClientKeyId>,
    /// The role under which it is read.
    pub role: String,
    /// Where the official sits who reads in that role.
    pub seat: Option<OrganisationId>,
}

/// One sensitive read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRecord {
    /// Whose records were read.
    pub organisation: OrganisationId,
    pub id: AccessRecordId,
    pub recorded_at: DateTime<Utc>,
    pub reader: Reader,
    pub operation: String,
    /// Over method, path and query.
    pub request_sha256: [u8; 32],
    pub reason: Option<String>,
    /// What the path names, then what the answer tells, in its order.
    pub subjects: Vec<Uuid>,
    /// Over the body of the answer.
    pub answer_sha256: [u8; 32],
    /// Told to nobody: without it whoever sees the digest could find the reader by trying.
    pub salt: Uuid,
}

impl AccessRecord {
    /// The digest that goes on the chain.
    pub fn digest(&self) -> String {
        let bytes = |id: Option<Uuid>| id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        let mut digest = RowsDigest::default();
        digest.add(b"sigida.access_record.v1");
        digest.add(self.salt.as_bytes());
        digest.add(self.organisation.0.as_bytes());
        digest.add(self.id.0.as_bytes());
        digest.add(&self.recorded_at.timestamp_micros().to_be_bytes());
        digest.add(self.reader.principal.0.as_bytes());
        digest.add(&bytes(self.reader.session.map(|id| id.0)));
        digest.add(&bytes(self.reader.client_key.map(|id| id.0)));
        digest.add(self.reader.role.as_bytes());
        digest.add(&bytes(self.reader.seat.map(|id| id.0)));
        digest.add(self.operation.as_bytes());
        digest.add(&self.request_sha256);
        digest.add(self.reason.as_deref().unwrap_or_default().as_bytes());
        digest.add(&self.answer_sha256);
        for subject in &self.subjects {
            digest.add(subject.as_bytes());
        }
        digest.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AccessRecord {
        AccessRecord {
            organisation: OrganisationId(Uuid::from_u128(1)),
            id: AccessRecordId(Uuid::from_u128(2)),
            recorded_at: DateTime::from_timestamp_micros(1_735_689_600_000_000).expect("in range"),
            reader: Reader {
                principal: PrincipalId(Uuid::from_u128(3)),
                session: None,
                client_key: None,
                role: "auditor".to_owned(),
                seat: None,
            },
            operation: "read_kinship".to_owned(),
            request_sha256: [4; 32],
            reason: Some("Contrôle".to_owned()),
            subjects: vec![Uuid::from_u128(5), Uuid::from_u128(6)],
            answer_sha256: [7; 32],
            salt: Uuid::from_u128(8),
        }
    }

    #[test]
    fn any_change_changes_the_digest() {
        let other = Uuid::from_u128(99);
        let changes: [fn(&mut AccessRecord, Uuid); 14] = [
            |record, other| record.organisation = OrganisationId(other),
            |record, other| record.id = AccessRecordId(other),
            |record, _| record.recorded_at += chrono::TimeDelta::microseconds(1),
            |record, other| record.reader.principal = PrincipalId(other),
            |record, other| record.reader.session = Some(SessionId(other)),
            |record, other| record.reader.client_key = Some(ClientKeyId(other)),
            |record, _| record.reader.role = "administrator".to_owned(),
            |record, other| record.reader.seat = Some(OrganisationId(other)),
            |record, _| record.operation = "list_kinships".to_owned(),
            |record, _| record.request_sha256 = [9; 32],
            |record, _| record.reason = None,
            |record, _| record.subjects.reverse(),
            |record, _| record.answer_sha256 = [9; 32],
            |record, other| record.salt = other,
        ];
        let digests: std::collections::BTreeSet<String> = changes
            .iter()
            .map(|change| {
                let mut changed = record();
                change(&mut changed, other);
                changed.digest()
            })
            .chain([record().digest()])
            .collect();
        assert_eq!(digests.len(), changes.len() + 1);
    }

    #[test]
    fn a_quota_counts_different_things_and_tells_when_there_is_more() {
        let now = DateTime::from_timestamp(1_735_689_600, 0).expect("in range");
        let things = |numbers: std::ops::Range<u128>| numbers.map(Uuid::from_u128).collect::<Vec<_>>();
        let lately = ToldLately { subjects: things(0..18).into_iter().collect(), since: Some(now - TimeDelta::hours(23)) };
        assert!(require_quota(&lately, &things(18..20), 20, now).is_ok());
        assert!(require_quota(&lately, &things(0..20), 20, now).is_ok(), "what was told is told again");
        let refusal = require_quota(&lately, &things(18..21), 20, now).expect_err("one too many");
        assert_eq!((refusal.facts["quota"].as_u64(), refusal.facts["left"].as_u64()), (Some(20), Some(2)));
        assert_eq!(refusal.facts["retry_after"].as_i64(), Some(3600));
        assert!(require_quota(&lately, &things(0..18), 1, now).is_ok() && require_quota(&lately, &[], 1, now).is_ok());
        let refusal = require_quota(&ToldLately::default(), &things(0..21), 20, now).expect_err("too many at once");
        assert_eq!((refusal.facts["left"].as_u64(), refusal.facts["retry_after"].as_i64()), (Some(20), Some(86_400)));
    }

    #[test]
    fn a_reason_is_a_line_that_somebody_can_read() {
        assert_eq!(read_reason("  Contrôle annuel, pièce 12 ").as_deref(), Ok("Contrôle annuel, pièce 12"));
        assert!(read_reason(&"é".repeat(200)).is_ok());
        for wrong in ["", "  ", "ok", " a ", "a\nforged line", "a\u{202e}b c", &"é".repeat(201)] {
            assert_eq!(read_reason(wrong).map_err(|refusal| refusal.code), Err(&ACCESS_REASON_REQUIRED), "{wrong:?}");
        }
    }
}
