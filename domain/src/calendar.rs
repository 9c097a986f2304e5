//! Dates of public accounting: the fiscal year and the business date.
//!
//! Nobody here reads a clock: `today`, the business date, is received.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    DATE_OUT_OF_YEAR: Rule,
        "Date hors exercice" / "Date outside the fiscal year",
        "La date {date} n'appartient pas à l'exercice {fiscal_year}." /
        "The date {date} does not belong to fiscal year {fiscal_year}.";
    DATE_IN_FUTURE: Rule,
        "Date future" / "Date in the future",
        "La date {date} est postérieure à la date du jour {today}." /
        "The date {date} is later than the business date {today}.";
    DATE_BEFORE_CAUSE: Rule,
        "Date antérieure à sa cause" / "Date before its cause",
        "La date {date} précède ce dont elle dépend ({cause}). Au plus tôt : {earliest}." /
        "The date {date} is before what it follows from ({cause}). Earliest: {earliest}.";
    HISTORY_UNAVAILABLE: Rule,
        "Historique indisponible" / "History not available",
        "Les comptes de l'exercice {fiscal_year} sont connus depuis {from} ; demandé : {asked}." /
        "The accounts of fiscal year {fiscal_year} are known since {from}; asked: {asked}.";
    FISCAL_YEAR_INVALID: Malformed,
        "Exercice invalide" / "Invalid fiscal year",
        "L'exercice doit être une année entre 1960 et 2200." / "The fiscal year must lie between 1960 and 2200.";
}

/// A fiscal year (exercice), from 1 January to 31 December.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiscalYear(i32);

impl FiscalYear {
    pub fn new(year: i32) -> Result<Self, Refusal> {
        if (1960..=2200).contains(&year) {
            return Ok(Self(year));
        }
        Err(FISCAL_YEAR_INVALID.refuse().with("fiscal_year", year))
    }

    pub fn year(self) -> i32 {
        self.0
    }

    pub fn first_day(self) -> NaiveDate {
        day(self.0, 1, 1)
    }

    /// A month and a day of this year, as "10-31".
    pub fn on(self, month_day: &str) -> Option<NaiveDate> {
        let whole = format!("{}-{month_day}", self.0);
        NaiveDate::parse_from_str(&whole, "%Y-%m-%d").ok().filter(|date| date.to_string() == whole)
    }

    pub fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    pub fn contains(self, date: NaiveDate) -> bool {
        date.year() == self.0
    }

    /// Refuses a date outside the year, or later than the business date.
    pub fn accept(self, date: NaiveDate, today: NaiveDate) -> Result<(), Refusal> {
        if !self.contains(date) {
            return Err(DATE_OUT_OF_YEAR.refuse().with("date", date).with("fiscal_year", self.0));
        }
        not_future(date, today)
    }
}

/// A look back: what counts up to a date, as it was known at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    pub as_of: NaiveDate,
    pub known_at: DateTime<Utc>,
}

impl History {
    /// Judges a look back into a year whose accounts are kept since an instant. Outside what is known the answer would be
    /// an empty total that looks like a true one: it is refused.
    pub fn look_back(
        year: FiscalYear,
        (as_of, today): (Option<NaiveDate>, NaiveDate),
        (known_at, now): (Option<DateTime<Utc>>, DateTime<Utc>),
        known_since: Option<DateTime<Utc>>,
    ) -> Result<Self, Refusal> {
        let unavailable = |asked: String, from: String| {
            HISTORY_UNAVAILABLE.refuse().with("fiscal_year", year.year()).with("from", from).with("asked", asked)
        };
        let last = today.min(day(year.year(), 12, 31));
        let as_of = match as_of {
            None => last,
            Some(date) if date < year.first_day() => {
                return Err(unavailable(date.to_string(), year.first_day().to_string()).at("?as_of"));
            }
            Some(date) => {
                year.accept(date, today).map_err(|refusal| refusal.at("?as_of"))?;
                date
            }
        };
        let known_at = known_at.unwrap_or(now);
        let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        match known_since {
            Some(since) if known_at >= since && known_at <= now => Ok(Self { as_of, known_at }),
            Some(since) => Err(unavailable(instant(known_at), instant(since)).at("?known_at")),
            None => Err(unavailable(instant(known_at), "—".to_owned()).at("?known_at")),
        }
    }
}

words! {
    /// What an act follows from, and is therefore not dated before.
    pub enum Cause {
        /// The beginning of the fund.
        Fund = "fund",
        /// The pledge of the contribution.
        Pledge = "pledge",
        /// The signature of the donor's agreement.
        Commitment = "commitment",
        /// The first receipt: of the contribution or, for what is the whole fund's, of any.
        Receipt = "receipt",
        /// The first refund that waits for the donor's consent.
        Hold = "hold",
        /// The allocation of the money.
        Allocation = "allocation",
        /// The first disbursement.
        Disbursement = "disbursement",
        /// The first expenditure.
        Expenditure = "expenditure",
        /// The last movement of what is closed.
        LastMovement = "last_movement",
        /// The calculation that is decided on.
        Calculation = "calculation",
        /// The notification of the drawing right.
        Notification = "notification",
        /// The signature of the agreement.
        Agreement = "agreement",
        /// The tranche before.
        Tranche = "tranche",
        /// The project: the day of its approval, or its first day where that is earlier.
        Project = "project",
        /// The step by which the project came to be decided on.
        Step = "step",
        /// The approval: of the project, or of the disbursement that is paid.
        Approval = "approval",
        /// The request that is decided on.
        Request = "request",
        /// The payment that came back.
        Payment = "payment",
        /// The completion of the work.
        Completion = "completion",
        /// The visit that found it.
        Visit = "visit",
    }
}

/// Refuses an effect that is dated before one of its causes: the latest of them is told. A cause that never came stands against
/// nothing here; whether it has to be there is for other rules.
pub fn not_before(date: NaiveDate, causes: &[(Cause, Option<NaiveDate>)]) -> Result<(), Refusal> {
    let latest = causes.iter().filter_map(|(cause, day)| day.map(|day| (day, *cause))).max_by_key(|(day, _)| *day);
    match latest.filter(|(earliest, _)| date < *earliest) {
        None => Ok(()),
        Some((earliest, cause)) => Err(DATE_BEFORE_CAUSE.refuse().with("date", date).with("earliest", earliest).with("cause", cause)),
    }
}

/// Refuses a date later than the business date.
pub fn not_future(date: NaiveDate, today: NaiveDate) -> Result<(), Refusal> {
    if date > today {
        return Err(DATE_IN_FUTURE.refuse().with("date", date).with("today", today));
    }
    Ok(())
}

/// Whether a period that may have no end covers a date; both ends belong to it.
pub fn covers(from: NaiveDate, to: Option<NaiveDate>, date: NaiveDate) -> bool {
    from <= date && to.is_none_or(|to| date <= to)
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_effect_precedes_the_latest_of_its_causes() {
        let on = |day_of_month| day(2018, 6, day_of_month);
        let causes = [(Cause::Approval, Some(on(5))), (Cause::Agreement, Some(on(12))), (Cause::Payment, None)];
        assert_eq!(not_before(on(12), &causes), Ok(()));
        let refusal = not_before(on(11), &causes).expect_err("too early");
        let facts = ["date", "earliest", "cause"].map(|name| refusal.facts[name].as_str().unwrap_or_default());
        assert_eq!((refusal.code.name, facts), ("DATE_BEFORE_CAUSE", ["2018-06-11", "2018-06-12", "agreement"]));
        assert_eq!(not_before(NaiveDate::MIN, &[(Cause::Payment, None)]), Ok(()));
    }
}
