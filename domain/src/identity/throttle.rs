//! How failed proofs of identity are slowed down: some are free, then each doubles the wait, and all are forgotten in time.
//! Nothing is ever locked for good, or an attacker could lock out a mayor.

use chrono::{DateTime, Duration, Utc};

/// How often the wait doubles at most.
const DOUBLINGS_MAX: i64 = 16;

/// A rule of slowing down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Failures that cost no wait.
    pub free: i64,
    /// In how many seconds one failure is forgotten.
    pub forget_seconds: i64,
    /// The longest wait, in seconds.
    pub longest_seconds: i64,
}

/// What is remembered of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// When all of them will be forgotten.
    pub forgiven_at: DateTime<Utc>,
    /// Until when nothing is tried.
    pub blocked_until: DateTime<Utc>,
}

impl Failures {
    pub fn none(now: DateTime<Utc>) -> Self {
        Self { forgiven_at: now, blocked_until: DateTime::UNIX_EPOCH }
    }

    /// The whole seconds to wait; nothing when the next try may come.
    pub fn wait(&self, now: DateTime<Utc>) -> Option<i64> {
        let left = (self.blocked_until - now).num_milliseconds();
        (left > 0).then(|| (left + 999) / 1000)
    }
}

impl Brake {
    /// One failure more.
    pub fn press(&self, before: &Failures, now: DateTime<Utc>) -> Failures {
        let forget = self.forget_seconds.max(1);
        let most = now + Duration::seconds(forget * (self.free + DOUBLINGS_MAX));
        let forgiven_at = (before.forgiven_at.max(now) + Duration::seconds(forget)).min(most);
        let count = ((forgiven_at - now).num_milliseconds() + forget * 1000 - 1) / (forget * 1000);
        let beyond = (count - self.free).clamp(0, DOUBLINGS_MAX);
        let wait = if beyond == 0 { 0 } else { (1_i64 << (beyond - 1)).min(self.longest_seconds) };
        // A try without a wait blocks nothing: others of the same moment may read a clock that is a little behind.
        let blocked_until = if wait == 0 { before.blocked_until } else { before.blocked_until.max(now + Duration::seconds(wait)) };
        Failures { forgiven_at, blocked_until }
    }

    /// Takes back the last press, which was no failure: `pressed` as it was left, `before` as it was found, `present` as it is.
    pub fn release(&self, present: &Failures, pressed: &Failures, before: &Failures) -> Failures {
        let forgiven_at = present.forgiven_at - Duration::seconds(self.forget_seconds.max(1));
        let blocked_until = if present.blocked_until == pressed.blocked_until { before.blocked_until } else { present.blocked_until };
        Failures { forgiven_at, blocked_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRAKE: Brake = Brake { free: 3, forget_seconds: 60, longest_seconds: 8 };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).expect("in range")
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_forgotten() {
        let mut failures = Failures::none(at(0));
        let mut waits = Vec::new();
        for _ in 0..9 {
            failures = BRAKE.press(&failures, at(0));
            waits.push(failures.wait(at(0)).unwrap_or(0));
        }
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 8, 8]);
        assert_eq!(failures.wait(at(7)), Some(1));
        assert_eq!(failures.wait(at(8)), None);
        // Six of nine are forgotten after six minutes: the fourth costs a second again.
        assert_eq!(BRAKE.press(&failures, at(360)).wait(at(360)), Some(1));
        assert_eq!(BRAKE.press(&failures, at(3600)).wait(at(3600)), None);
    }

    #[test]
    fn a_free_try_holds_up_nobody_whose_clock_is_a_little_behind() {
        let early = at(0) - Duration::milliseconds(5);
        let free = (0..3).fold(Failures::none(at(0)), |failures, _| BRAKE.press(&failures, at(0)));
        assert_eq!(free.wait(early), None);
        assert_eq!(BRAKE.press(&free, at(0)).wait(early), Some(2), "the fourth costs a second, rounded up");
    }

    #[test]
    fn an_attack_of_any_length_is_forgotten_in_bounded_time() {
        let failures = (0..10_000).fold(Failures::none(at(0)), |failures, _| BRAKE.press(&failures, at(0)));
        assert!(failures.forgiven_at <= at(60 * 19));
    }

    #[test]
    fn what_was_no_failure_is_taken_back() {
        let before = (0..4).fold(Failures::none(at(0)), |failures, _| BRAKE.press(&failures, at(0)));
        let pressed = BRAKE.press(&before, at(2));
        assert_eq!(pressed.wait(at(2)), Some(2));
        assert_eq!(BRAKE.release(&pressed, &pressed, &before), before);
        let other = BRAKE.press(&pressed, at(2));
        assert_eq!(BRAKE.release(&other, &pressed, &before).blocked_until, other.blocked_until, "another's failure stays");
    }
}
