//! Committees: who is there, who stands back, and how a motion is decided.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{
    COMMITTEE_ATTENDANCE_INVALID, COMMITTEE_INVALID, MOTION_DECIDABLE, MOTION_DECIDED, ProjectAction, QUORUM, TERMINATION_UNDECIDED,
    VOTER_ABSENT,
};
use crate::refusal::Refusal;
use crate::words;

words! {
    /// A vote.
    pub enum Vote {
        /// For the motion.
        For = "for",
        /// Against it.
        Against = "against",
        /// Neither.
        Abstain = "abstain",
    }
}

words! {
    /// What a committee can be asked to do to a project.
    pub enum MotionAction {
        /// Approve it.
        Approve = "approve",
        /// Reject it.
        Reject = "reject",
        /// Cancel it.
        Cancel = "cancel",
        /// Let it go on after a suspension.
        Resume = "resume",
        /// End it after payments: what is decided is carried out by its termination.
        Terminate = "terminate",
    }
}

impl MotionAction {
    /// What is done when the motion is carried.
    pub fn action(self) -> ProjectAction {
        match self {
            Self::Approve => ProjectAction::Approve,
            Self::Reject => ProjectAction::Reject,
            Self::Cancel => ProjectAction::Cancel,
            Self::Resume => ProjectAction::Resume,
            Self::Terminate => ProjectAction::Terminate,
        }
    }
}

words! {
    /// The state of a motion.
    pub enum MotionState {
        /// Votes are missing.
        Open = "open",
        /// More than half of those who may vote are for it.
        Carried = "carried",
        /// By its votes it cannot be carried any more.
        Lost = "lost",
        /// Closed without a decision: those who may still vote could not carry it.
        Lapsed = "lapsed",
    }
}

/// Who is at a session of a committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session<M> {
    pub members: BTreeSet<M>,
    pub quorum: usize,
    pub present: BTreeSet<M>,
    pub recused: BTreeSet<M>,
}

/// A session of a committee, as its minutes tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sitting<'a, C> {
    pub committee: C,
    pub held_on: NaiveDate,
    pub minutes: &'a str,
}

/// Refuses to end a project as long as the last motion that was carried on it is not one to terminate it, of the session that is told.
pub fn require_termination<C: PartialEq>(carried: Option<(ProjectAction, Sitting<'_, C>)>, told: &Sitting<'_, C>) -> Result<(), Refusal> {
    if carried.is_some_and(|(action, sitting)| action == ProjectAction::Terminate && sitting == *told) {
        return Ok(());
    }
    let refusal = TERMINATION_UNDECIDED.refuse().with("minutes_reference", told.minutes).with("held_on", told.held_on);
    Err(refusal.at("/minutes_reference"))
}

/// Refuses a committee whose quorum is not more than half of its members.
pub fn accept_committee(members: usize, quorum: usize) -> Result<(), Refusal> {
    if quorum * 2 > members && quorum <= members {
        return Ok(());
    }
    Err(COMMITTEE_INVALID.refuse().with("members", members).with("quorum", quorum).at("/quorum"))
}

impl<M: Ord + Copy> Session<M> {
    /// Those who may vote: who stands back does not count.
    pub fn voters(&self) -> BTreeSet<M> {
        self.present.difference(&self.recused).copied().collect()
    }

    /// Refuses a session of others than the members, and one without quorum.
    pub fn require_quorum(&self) -> Result<(), Refusal> {
        if !self.present.is_subset(&self.members) || !self.recused.is_subset(&self.members) {
            return Err(COMMITTEE_ATTENDANCE_INVALID.refuse());
        }
        let voters = self.voters().len();
        if voters >= self.quorum {
            return Ok(());
        }
        Err(QUORUM.refuse().with("quorum", self.quorum).with("voters", voters))
    }
}

/// What became of a motion: carried by more than half of those who may vote, lost when that is impossible.
pub fn tally(voters: usize, votes: &[Vote]) -> MotionState {
    let count = |vote: Vote| votes.iter().filter(|one| **one == vote).count();
    let (in_favour, missing) = (count(Vote::For), voters.saturating_sub(votes.len()));
    if in_favour * 2 > voters {
        MotionState::Carried
    } else if (in_favour + missing) * 2 <= voters {
        MotionState::Lost
    } else {
        MotionState::Open
    }
}

/// A motion that is open, as it stands today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// How many were present and did not stand back when it was made.
    pub voters: usize,
    pub quorum: usize,
    pub votes: &'a [Vote],
    /// How many of them did not vote yet, and may today.
    pub able: usize,
    /// Whether the project is where the motion can take it from.
    pub on_its_way: bool,
}

impl Standing<'_> {
    fn in_favour(&self) -> usize {
        self.votes.iter().filter(|vote| **vote == Vote::For).count()
    }

    /// Refuses a vote when those who voted and those who may are no quorum any more: who stands back later does not count either.
    pub fn require_quorum(&self) -> Result<(), Refusal> {
        let taking_part = self.votes.len() + self.able;
        if taking_part >= self.quorum {
            return Ok(());
        }
        Err(QUORUM.refuse().with("quorum", self.quorum).with("voters", taking_part))
    }

    /// Whether it can still be carried, when all who may still vote are for it.
    pub fn is_carriable(&self) -> bool {
        self.on_its_way && self.require_quorum().is_ok() && (self.in_favour() + self.able) * 2 > self.voters
    }

    /// Refuses to close a motion without a decision as long as it can be carried.
    pub fn lapse(&self, state: MotionState) -> Result<MotionState, Refusal> {
        if state != MotionState::Open {
            return Err(MOTION_DECIDED.refuse().with("state", state));
        }
        if self.is_carriable() {
            let refusal = MOTION_DECIDABLE.refuse().with("for", self.in_favour());
            return Err(refusal.with("able", self.able).with("voters", self.voters));
        }
        Ok(MotionState::Lapsed)
    }
}

/// Refuses the vote of who may not vote, on a motion that is decided.
pub fn admit<M: Ord>(state: MotionState, voters: &BTreeSet<M>, member: &M) -> Result<(), Refusal> {
    if state != MotionState::Open {
        return Err(MOTION_DECIDED.refuse().with("state", state));
    }
    if voters.contains(member) { Ok(()) } else { Err(VOTER_ABSENT.refuse()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(present: &[u8], recused: &[u8]) -> Session<u8> {
        let set = |of: &[u8]| of.iter().copied().collect();
        Session { members: (1..=5).collect(), quorum: 3, present: set(present), recused: set(recused) }
    }

    #[test]
    fn who_stands_back_does_not_count_for_the_quorum() {
        let code = |session: Session<u8>| session.require_quorum().map_err(|refusal| refusal.code.name);
        assert_eq!(code(session(&[1, 2], &[4, 5])), Err("QUORUM"));
        assert_eq!(code(session(&[1, 2, 4, 5], &[4, 5])), Err("QUORUM"));
        assert_eq!(code(session(&[1, 2, 3, 4, 5], &[4, 5])), Ok(()));
        assert_eq!(code(session(&[1, 2, 9], &[])), Err("COMMITTEE_ATTENDANCE_INVALID"));
        assert_eq!(code(session(&[1, 2, 3], &[9])), Err("COMMITTEE_ATTENDANCE_INVALID"));
    }

    #[test]
    fn a_project_ends_as_a_session_decided_and_nobody_else() {
        let sitting = |committee: u8, minutes: &'static str| Sitting { committee, held_on: NaiveDate::MIN, minutes };
        let code = |carried| require_termination(carried, &sitting(1, "PV-9")).map_err(|refusal| refusal.code.name);
        assert_eq!(code(Some((ProjectAction::Terminate, sitting(1, "PV-9")))), Ok(()));
        for other in [
            None,
            Some((ProjectAction::Resume, sitting(1, "PV-9"))),
            Some((ProjectAction::Terminate, sitting(2, "PV-9"))),
            Some((ProjectAction::Terminate, sitting(1, "PV-8"))),
            Some((ProjectAction::Terminate, Sitting { held_on: NaiveDate::MAX, ..sitting(1, "PV-9") })),
        ] {
            assert_eq!(code(other.clone()), Err("TERMINATION_UNDECIDED"), "{other:?}");
        }
    }

    #[test]
    fn a_quorum_is_more_than_half() {
        for (members, quorum, holds) in
            [(5, 3, true), (5, 2, false), (4, 2, false), (4, 3, true), (3, 4, false), (0, 0, false), (1, 1, true)]
        {
            assert_eq!(accept_committee(members, quorum).is_ok(), holds, "{quorum} of {members}");
        }
    }

    #[test]
    fn a_motion_is_decided_by_the_vote_that_makes_the_other_end_impossible() {
        use MotionState as S;
        use Vote as V;
        let cases: [(usize, &[Vote], MotionState); 8] = [
            (3, &[], S::Open),
            (3, &[V::For], S::Open),
            (3, &[V::For, V::For], S::Carried),
            (3, &[V::For, V::Abstain], S::Open),
            (3, &[V::Against, V::Abstain], S::Lost),
            (4, &[V::For, V::For, V::Against], S::Open),
            (4, &[V::For, V::For, V::Against, V::Against], S::Lost),
            (4, &[V::For, V::For, V::For], S::Carried),
        ];
        for (voters, votes, state) in cases {
            assert_eq!(tally(voters, votes), state, "{votes:?} of {voters}");
        }
        let voters = (1..=3).collect();
        assert_eq!(admit(S::Open, &voters, &2), Ok(()));
        assert_eq!(admit(S::Open, &voters, &4).map_err(|refusal| refusal.code.name), Err("VOTER_ABSENT"));
        assert_eq!(admit(S::Carried, &voters, &2).map_err(|refusal| refusal.code.name), Err("MOTION_DECIDED"));
    }

    #[test]
    fn a_motion_lapses_when_those_who_may_still_vote_cannot_carry_it() {
        use Vote as V;
        let standing = |voters, votes, able| Standing { voters, quorum: 3, votes, able, on_its_way: true };
        let cases: [(usize, &[Vote], usize, bool); 9] = [
            (3, &[], 3, true),
            // One of three declared an interest: no quorum.
            (3, &[], 2, false),
            (3, &[V::For], 1, false),
            // Who voted before takes part all the same.
            (3, &[V::For, V::Abstain], 1, true),
            (3, &[V::For, V::Abstain], 0, false),
            (5, &[V::Abstain], 2, false),
            (5, &[V::For], 2, true),
            (5, &[V::For, V::For], 1, true),
            (5, &[V::For, V::For, V::Abstain], 0, false),
        ];
        for (voters, votes, able, carriable) in cases {
            let standing = standing(voters, votes, able);
            assert_eq!(standing.is_carriable(), carriable, "{standing:?}");
            let lapsed = standing.lapse(MotionState::Open).map_err(|refusal| refusal.code.name);
            assert_eq!(lapsed, if carriable { Err("MOTION_DECIDABLE") } else { Ok(MotionState::Lapsed) }, "{standing:?}");
            // A project that is elsewhere is not taken there by any vote.
            assert_eq!(Standing { on_its_way: false, ..standing }.lapse(MotionState::Open), Ok(MotionState::Lapsed));
        }
        for decided in [MotionState::Carried, MotionState::Lost, MotionState::Lapsed] {
            let code = standing(3, &[], 0).lapse(decided).map_err(|refusal| refusal.code.name);
            assert_eq!(code, Err("MOTION_DECIDED"), "{decided}");
        }
        assert_eq!(standing(3, &[V::For], 1).require_quorum().map_err(|refusal| refusal.code.name), Err("QUORUM"));
        assert_eq!(standing(5, &[V::Abstain], 2).require_quorum(), Ok(()));
    }
}
