//! Clocks of a project: how long it may last, and what stops its clock.

use chrono::{Days, Months, NaiveDate};

use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    SUSPENSION_DAY_INVALID: Rule,
        "Jour de suspension invalide" / "Invalid day of a suspension",
        "Le premier jour possible est le {earliest}." / "The first possible day is {earliest}.";
}

words! {
    /// Why a project is suspended.
    pub enum SuspensionReason {
        /// Insecurity.
        Security = "security",
        /// The place cannot be reached.
        Access = "access",
        /// A suspicion of fraud.
        FraudSuspicion = "fraud_suspicion",
        /// It feeds a conflict.
        ConflictHarm = "conflict_harm",
        /// Whoever carries it out does not.
        PartnerDefault = "partner_default",
        /// Money is missing.
        Funding = "funding",
    }
}

impl SuspensionReason {
    /// Whether days of suspension move the end: only those that nobody answers for.
    pub fn stops_the_clock(self) -> bool {
        matches!(self, Self::Security | Self::Access)
    }
}

/// Refuses a day of a suspension, or of its end, before what it follows.
pub fn require_from(day: NaiveDate, earliest: NaiveDate) -> Result<(), Refusal> {
    if day >= earliest { Ok(()) } else { Err(SUSPENSION_DAY_INVALID.refuse().with("earliest", earliest)) }
}

/// A suspension with its first day and the day of the resumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspension {
    pub reason: SuspensionReason,
    pub from: NaiveDate,
    pub until: NaiveDate,
}

/// So many days later.
pub fn days_after(day: NaiveDate, days: u32) -> NaiveDate {
    day.checked_add_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MAX)
}

/// So many months later, or the last day of that month.
pub fn add_months(day: NaiveDate, months: u32) -> NaiveDate {
    day.checked_add_months(Months::new(months)).unwrap_or(NaiveDate::MAX)
}

/// The planned end, moved by the days of the suspensions that stop the clock, within what the rules bear.
pub fn effective_end(planned: NaiveDate, suspensions: &[Suspension], most: Option<u32>) -> NaiveDate {
    let days = |one: &Suspension| u64::try_from((one.until - one.from).num_days()).unwrap_or(0);
    let stopped: u64 = suspensions.iter().filter(|one| one.reason.stops_the_clock()).map(days).sum();
    let stopped = most.map_or(stopped, |most| stopped.min(u64::from(most)));
    planned.checked_add_days(Days::new(stopped)).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn months_end_with_the_month() {
        assert_eq!(add_months(day("2018-06-29"), 6), day("2018-12-29"));
        assert_eq!(add_months(day("2018-08-31"), 6), day("2019-02-28"));
        assert_eq!(add_months(day("2019-08-31"), 6), day("2020-02-29"));
    }

    #[test]
    fn only_insecurity_and_access_move_the_end() {
        let suspended = |reason| [Suspension { reason, from: day("2018-09-01"), until: day("2018-09-21") }];
        for reason in SuspensionReason::ALL {
            let moved = if matches!(reason, SuspensionReason::Security | SuspensionReason::Access) { "2019-01-18" } else { "2018-12-29" };
            assert_eq!(effective_end(day("2018-12-29"), &suspended(*reason), None), day(moved), "{reason}");
        }
        assert_eq!(effective_end(day("2018-12-29"), &suspended(SuspensionReason::Security), Some(7)), day("2019-01-05"));
    }
}
