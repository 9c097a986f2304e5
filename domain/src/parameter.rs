//! Legal values that differ by country, level and time: deadlines, ceilings, percentages. Data, never constants.

use chrono::NaiveDate;

use crate::calendar::FiscalYear;
use crate::words;

words! {
    /// How sure the value of a parameter is.
    pub enum Confidence {
        /// Read in a published source.
        Found = "found",
        /// Professional knowledge, hardly in doubt.
        High = "high",
        /// Professional knowledge, to be checked.
        Medium = "medium",
        /// A placeholder until the text is read.
        Low = "low",
    }
}

/// The values in force for an organisation on a date.
#[derive(Clone, Debug, Default)]
pub struct Parameters(std::collections::BTreeMap<String, String>);

impl Parameters {
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(values.into_iter().collect())
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.text(key) == Some("true")
    }

    pub fn number(&self, key: &str) -> Option<i64> {
        self.text(key)?.parse().ok()
    }

    /// A date given as month and day, in the year that the parameter counts from: "N-10-31", "N-1-10-31", "N+1-01-31".
    pub fn date(&self, key: &str, year: FiscalYear) -> Option<NaiveDate> {
        let text = self.text(key)?;
        let (offset, month_day) = match text.as_bytes().get(1)? {
            b'+' => (1, text.get(4..)?),
            b'-' if text.len() > 7 => (-1, text.get(4..)?),
            _ => (0, text.get(2..)?),
        };
        FiscalYear::new(year.year() + offset).ok()?.on(month_day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_the_fiscal_year() {
        let value = |text: &str| ("deadline".to_owned(), text.to_owned());
        let year = FiscalYear::new(2025).expect("valid");
        for (text, date) in [("N-1-10-31", "2024-10-31"), ("N-11-30", "2025-11-30"), ("N+1-01-31", "2026-01-31")] {
            let parameters = Parameters::new([value(text)]);
            assert_eq!(parameters.date("deadline", year).map(|day| day.to_string()).as_deref(), Some(date));
        }
    }
}
