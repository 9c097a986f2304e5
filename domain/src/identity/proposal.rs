//! Two persons for the gravest acts: what one asks for waits until another, entitled to the same, asks for it too.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::id::{PrincipalId, ProposalId};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    SECOND_PERSON_REQUIRED: Forbidden,
        "Une seconde personne est requise" / "A second person is required",
        "Vous avez déjà demandé cet acte : une autre personne habilitée doit envoyer la même demande avant {expires_at}." /
        "You have asked for this act already: another entitled person has to send the same request before {expires_at}.";
    SECOND_PERSON_ABSENT: Conflict,
        "La seconde personne n'est plus là" / "The second person is gone",
        "Une autre personne y était habilitée ces {days} derniers jours et ne l'est plus : habilitez-en une autre, ou attendez." /
        "Another person was entitled to this within the last {days} days and no longer is: entitle another, or wait.";
    PROPOSAL_CLOSED: Conflict,
        "Demande close" / "Request closed",
        "Cette demande a été exécutée, retirée, ou n'est plus valable." /
        "This request was carried out, withdrawn, or has expired.";
}

words! {
    /// What became of a request that waits for a second person.
    pub enum ProposalState {
        /// It waits.
        Open = "open",
        /// Another person asked for the same: it was done.
        CarriedOut = "carried_out",
        /// Somebody entitled to it withdrew it.
        Withdrawn = "withdrawn",
        /// Its time ran out, or whoever asked is no longer entitled to it.
        Lapsed = "lapsed",
    }
}

/// For how many hours a request waits.
pub const VALID_HOURS: i64 = 24;
/// For how many days one who is no longer entitled still counts: nobody becomes alone by sending the other away.
pub const ALONE_AFTER_DAYS: i64 = 7;

/// How grave a request of an operation for two persons is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// One person does it alone.
    Light,
    /// It wants two, where there is another besides whom it concerns.
    Grave { concerning: Option<PrincipalId> },
}

/// One who may, or lately might, do what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entitled {
    pub principal: PrincipalId,
    /// Whether that is so now.
    pub now: bool,
}

/// One who holds a role that an operation asks for.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    pub principal: PrincipalId,
    /// Last day of the role.
    pub valid_to: Option<NaiveDate>,
    pub disabled_at: Option<DateTime<Utc>>,
    /// Whether they ever proved, or can prove, who they are: whoever was only invited is nobody's second.
    pub can_prove: bool,
}

impl Holder {
    /// Whether the holder is entitled, or was within the last days.
    pub fn entitled(&self, today: NaiveDate, now: DateTime<Utc>) -> Option<Entitled> {
        let days = TimeDelta::days(ALONE_AFTER_DAYS);
        let since = |day: NaiveDate| today.signed_duration_since(day);
        let held = self.valid_to.is_none_or(|last| last >= today);
        let lately = self.valid_to.is_none_or(|last| since(last) <= days) && self.disabled_at.is_none_or(|at| now - at <= days);
        (self.can_prove && lately).then_some(Entitled { principal: self.principal, now: held && self.disabled_at.is_none() })
    }
}

/// A request that waits, equal to the one that comes.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    pub id: ProposalId,
    pub proposed_by: PrincipalId,
    pub expires_at: DateTime<Utc>,
}

/// What becomes of a grave request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is nobody else: it is done at once.
    Alone,
    /// It waits for another person.
    Propose,
    /// It is what another person asked for: it is done.
    Confirm(ProposalId),
}

/// Whether a waiting request still counts.
pub fn stands(waiting: &Waiting, entitled: &[Entitled], now: DateTime<Utc>) -> bool {
    waiting.expires_at > now && entitled.iter().any(|one| one.principal == waiting.proposed_by && one.now)
}

/// Decides what becomes of a grave request of a caller who is entitled to it. `waiting` is an equal request that stands.
pub fn decide(
    caller: PrincipalId,
    concerning: Option<PrincipalId>,
    entitled: &[Entitled],
    waiting: Option<&Waiting>,
) -> Result<Verdict, Refusal> {
    match waiting {
        Some(waiting) if waiting.proposed_by == caller => Err(SECOND_PERSON_REQUIRED
            .refuse()
            .with("proposal_id", waiting.id.to_string())
            .with("expires_at", waiting.expires_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))),
        Some(waiting) => Ok(Verdict::Confirm(waiting.id)),
        None => {
            let mut others = entitled.iter().filter(|one| one.principal != caller && Some(one.principal) != concerning).peekable();
            if others.peek().is_none() {
                return Ok(Verdict::Alone);
            }
            if others.any(|one| one.now) {
                return Ok(Verdict::Propose);
            }
            Err(SECOND_PERSON_ABSENT.refuse().with("days", ALONE_AFTER_DAYS))
        }
    }
}

/// Refuses to withdraw what waits no more.
pub fn require_open(state: ProposalState, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    if state == ProposalState::Open && expires_at > now { Ok(()) } else { Err(PROPOSAL_CLOSED.refuse()) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const fn person(number: u128) -> PrincipalId {
        PrincipalId(Uuid::from_u128(number))
    }

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_735_689_600 + days * 86_400, 0).expect("in range")
    }

    fn waiting(by: u128) -> Waiting {
        Waiting { id: ProposalId(Uuid::from_u128(9)), proposed_by: person(by), expires_at: at(1) }
    }

    fn here(number: u128) -> Entitled {
        Entitled { principal: person(number), now: true }
    }

    fn gone(number: u128) -> Entitled {
        Entitled { principal: person(number), now: false }
    }

    #[test]
    fn two_persons_do_what_one_does_only_where_nobody_else_is() {
        let code = |verdict: Result<Verdict, Refusal>| verdict.map_err(|refusal| refusal.code.name);
        assert_eq!(code(decide(person(1), None, &[here(1)], None)), Ok(Verdict::Alone));
        assert_eq!(code(decide(person(1), None, &[here(1), here(2)], None)), Ok(Verdict::Propose));
        assert_eq!(code(decide(person(1), None, &[here(1), gone(2), here(3)], None)), Ok(Verdict::Propose));
        assert_eq!(code(decide(person(1), None, &[here(1), gone(2)], None)), Err("SECOND_PERSON_ABSENT"));
        // Whom it concerns is no second person.
        assert_eq!(code(decide(person(1), Some(person(2)), &[here(1), here(2)], None)), Ok(Verdict::Alone));
        assert_eq!(code(decide(person(1), Some(person(2)), &[here(1), here(2), here(3)], None)), Ok(Verdict::Propose));
        // Nor is the same person, ever.
        assert_eq!(code(decide(person(1), None, &[here(1), here(2)], Some(&waiting(1)))), Err("SECOND_PERSON_REQUIRED"));
        assert_eq!(
            code(decide(person(2), None, &[here(1), here(2)], Some(&waiting(1)))),
            Ok(Verdict::Confirm(ProposalId(Uuid::from_u128(9))))
        );
    }

    #[test]
    fn a_request_stands_for_its_time_and_as_long_as_who_asked_is_entitled() {
        assert!(stands(&waiting(1), &[here(1)], at(0)));
        assert!(!stands(&waiting(1), &[here(1)], at(1)));
        assert!(!stands(&waiting(1), &[gone(1), here(2)], at(0)));
        assert!(require_open(ProposalState::Open, at(1), at(0)).is_ok() && require_open(ProposalState::Open, at(1), at(1)).is_err());
        assert!(require_open(ProposalState::CarriedOut, at(1), at(0)).is_err());
    }

    #[test]
    fn who_was_sent_away_counts_for_a_week() {
        let holder = Holder { principal: person(1), valid_to: None, disabled_at: None, can_prove: true };
        let entitled = |holder: Holder| holder.entitled(at(0).date_naive(), at(0)).map(|entitled| entitled.now);
        let last = |days: i64| Some(at(-days).date_naive());
        assert_eq!(entitled(holder), Some(true));
        assert_eq!(entitled(Holder { can_prove: false, ..holder }), None);
        assert_eq!(entitled(Holder { valid_to: last(0), ..holder }), Some(true));
        assert_eq!(
            (entitled(Holder { valid_to: last(1), ..holder }), entitled(Holder { valid_to: last(7), ..holder })),
            (Some(false), Some(false))
        );
        assert_eq!(entitled(Holder { valid_to: last(8), ..holder }), None);
        assert_eq!(
            (entitled(Holder { disabled_at: Some(at(-7)), ..holder }), entitled(Holder { disabled_at: Some(at(-8)), ..holder })),
            (Some(false), None)
        );
    }
}
