//! What the rules know of the country: days of elections, and when it became eligible to the Peacebuilding Fund.

use std::sync::LazyLock;

use chrono::{Days, Months, NaiveDate};

const ELECTIONS: &str = include_str!("../../../data/programme/elections.csv");
const ELIGIBILITIES: &str = include_str!("../../../data/programme/eligibilities.csv");

/// How many days before an election it is near.
const ELECTION_DAYS: u64 = 60;

/// From when and until when a country is eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eligibility {
    pub approved_on: NaiveDate,
    pub until: NaiveDate,
}

fn elections() -> Result<Vec<NaiveDate>, csv::Error> {
    type Row = (String, NaiveDate, String, String, String, String);
    let mut reader = csv::Reader::from_reader(ELECTIONS.as_bytes());
    reader.deserialize::<Row>().map(|row| row.map(|row| row.1)).collect()
}

fn eligibilities() -> Result<Vec<Eligibility>, csv::Error> {
    type Row = (String, NaiveDate, NaiveDate, u32, String, String);
    let mut reader = csv::Reader::from_reader(ELIGIBILITIES.as_bytes());
    let read = |(_, _, approved_on, years, _, _): Row| Eligibility {
        approved_on,
        until: approved_on.checked_add_months(Months::new(12 * years)).unwrap_or(approved_on),
    };
    reader.deserialize::<Row>().map(|row| row.map(read)).collect()
}

static DAYS_OF_ELECTION: LazyLock<Vec<NaiveDate>> = LazyLock::new(|| elections().unwrap_or_default());
static ELIGIBLE: LazyLock<Vec<Eligibility>> = LazyLock::new(|| eligibilities().unwrap_or_default());

/// The election that is near on a day, if one is.
pub fn election_near(on: NaiveDate) -> Option<NaiveDate> {
    let last = on.checked_add_days(Days::new(ELECTION_DAYS)).unwrap_or(on);
    DAYS_OF_ELECTION.iter().copied().find(|day| *day >= on && *day <= last)
}

/// The last eligibility that was approved by a day, in force or not.
pub fn eligibility(on: NaiveDate) -> Option<Eligibility> {
    ELIGIBLE.iter().copied().filter(|one| one.approved_on <= on).max_by_key(|one| one.approved_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn an_election_is_near_for_sixty_days() {
        assert!(elections().is_ok_and(|days| !days.is_empty()));
        for (on, near) in
            [("2018-05-29", None), ("2018-05-30", Some("2018-07-29")), ("2018-06-29", Some("2018-07-29")), ("2018-07-30", None)]
        {
            assert_eq!(election_near(day(on)), near.map(day), "{on}");
        }
    }

    #[test]
    fn the_country_was_eligible_for_five_years() {
        assert!(eligibilities().is_ok_and(|rows| !rows.is_empty()));
        assert_eq!(eligibility(day("2014-04-01")), None);
        assert_eq!(eligibility(day("2018-06-30")).map(|one| one.until), Some(day("2019-04-02")));
        assert_eq!(eligibility(day("2019-04-03")).map(|one| one.until), Some(day("2019-04-02")), "expired, and told");
    }
}
