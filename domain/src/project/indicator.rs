//! Results: indicators, their values by period, sex and age, and what approved values come to.

use chrono::NaiveDate;

use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    MEASURE_TYPE: Rule,
        "Valeur d'un autre type" / "Value of another type",
        "Un indicateur de mesure {measure} prend : {wanted}." / "An indicator of the measure {measure} takes: {wanted}.";
    PERIOD_LOCKED: Conflict,
        "Période verrouillée" / "Period locked",
        "La période est verrouillée depuis le {since}." / "The period is locked since {since}.";
    PERIOD_INVALID: Rule,
        "Périodes invalides" / "Invalid periods",
        "Les périodes se suivent sans se recouvrir." / "Periods follow one another without overlap.";
    PERIOD_OPEN_VALUES: Rule,
        "Valeurs non approuvées" / "Values not approved",
        "Des valeurs attendent : {waiting}." / "Values wait: {waiting}.";
    VALUE_STATE_INVALID: Conflict,
        "Valeur dans un autre état" / "Value in another state",
        "État : {state}." / "State: {state}.";
    VALUE_REASON_INVALID: Rule,
        "Motif requis" / "Reason required",
        "Une valeur renvoyée a un motif, une valeur approuvée n'en a pas." / "A value that is returned has a reason, one that is approved has none.";
}

words! {
    /// How an indicator is measured.
    pub enum Measure {
        /// A count.
        Unit = "unit",
        /// A share: a count out of another.
        Percent = "percent",
        /// A word out of some.
        Nominal = "nominal",
        /// A rank.
        Ordinal = "ordinal",
        /// A description.
        Qualitative = "qualitative",
    }
}

words! {
    /// The sex of those who are counted.
    pub enum Sex {
        /// Women and girls.
        Female = "female",
        /// Men and boys.
        Male = "male",
        /// Another.
        Other = "other",
        /// Not known, or not of people.
        Unknown = "unknown",
    }
}

words! {
    /// The age of those who are counted.
    pub enum AgeBand {
        /// Under 15 years.
        Under15 = "under_15",
        /// 15 to 17 years.
        From15 = "from_15_to_17",
        /// 18 to 24 years.
        From18 = "from_18_to_24",
        /// 25 to 35 years.
        From25 = "from_25_to_35",
        /// 36 to 59 years.
        From36 = "from_36_to_59",
        /// 60 years and more.
        From60 = "from_60",
        /// Not known, or not of people.
        Unknown = "unknown",
    }
}

words! {
    /// The state of a value.
    pub enum ValueState {
        /// Written down.
        Draft = "draft",
        /// Waits for another person.
        Pending = "pending",
        /// Sent back.
        Returned = "returned",
        /// Counts.
        Approved = "approved",
    }
}

words! {
    /// What is made of a value.
    pub enum ValueVerdict {
        /// It counts.
        Approved = "approved",
        /// It is sent back.
        Returned = "returned",
    }
}

impl ValueVerdict {
    /// The state that it leads to; refuses a value that does not wait, and a reason where none belongs.
    pub fn judge(self, state: ValueState, reason: bool) -> Result<ValueState, Refusal> {
        if state != ValueState::Pending {
            return Err(VALUE_STATE_INVALID.refuse().with("state", state));
        }
        if reason != (self == Self::Returned) {
            return Err(VALUE_REASON_INVALID.refuse().at("/reason"));
        }
        Ok(match self {
            Self::Approved => ValueState::Approved,
            Self::Returned => ValueState::Returned,
        })
    }
}

impl Measure {
    /// Whether its values are numbers.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Unit | Self::Percent)
    }
}

/// A value: a number, out of another where it is a share, or a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Value<'a> {
    pub number: Option<u32>,
    pub out_of: Option<u32>,
    pub text: Option<&'a str>,
}

impl Value<'_> {
    /// Refuses a value of another type than the measure: a number never has a text, and a share says out of how many.
    pub fn accept(&self, measure: Measure) -> Result<(), Refusal> {
        let (wanted, holds) = match measure {
            Measure::Unit => ("number", self.number.is_some() && self.out_of.is_none() && self.text.is_none()),
            Measure::Percent => {
                let within = self.number.zip(self.out_of).is_some_and(|(number, out_of)| out_of > 0 && number <= out_of);
                ("number, out_of", within && self.text.is_none())
            }
            Measure::Nominal | Measure::Ordinal | Measure::Qualitative => {
                ("text", self.text.is_some() && self.number.is_none() && self.out_of.is_none())
            }
        };
        if holds { Ok(()) } else { Err(MEASURE_TYPE.refuse().with("measure", measure).with("wanted", wanted)) }
    }
}

/// Refuses to change what is of a period that is locked.
pub fn require_unlocked(locked_on: Option<NaiveDate>) -> Result<(), Refusal> {
    locked_on.map_or(Ok(()), |since| Err(PERIOD_LOCKED.refuse().with("since", since)))
}

/// Refuses periods that overlap, or end before they begin.
pub fn accept_periods(periods: &[(NaiveDate, NaiveDate)]) -> Result<(), Refusal> {
    let holds =
        periods.iter().all(|(from, to)| from <= to) && periods.windows(2).all(|pair| matches!(pair, [(_, end), (next, _)] if end < next));
    if holds { Ok(()) } else { Err(PERIOD_INVALID.refuse().at("/periods")) }
}

/// A value with its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub state: ValueState,
    pub number: Option<i64>,
    pub out_of: Option<i64>,
}

/// What approved values of a numeric measure come to: the sum, and for shares the sum of what they are out of. A share of all is never a
/// mean of shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub number: i64,
    pub out_of: Option<i64>,
    /// The share in basis points, rounded down.
    pub bps: Option<i64>,
}

/// The total of approved values; none where there are none, or the measure is not numeric.
pub fn total(measure: Measure, values: &[Counted]) -> Option<Total> {
    let approved: Vec<&Counted> = values.iter().filter(|value| value.state == ValueState::Approved).collect();
    if !measure.is_numeric() || approved.is_empty() {
        return None;
    }
    let number = approved.iter().try_fold(0_i64, |sum, value| sum.checked_add(value.number.unwrap_or(0)))?;
    if measure == Measure::Unit {
        return Some(Total { number, out_of: None, bps: None });
    }
    let out_of = approved.iter().try_fold(0_i64, |sum, value| sum.checked_add(value.out_of.unwrap_or(0)))?;
    let bps = number.checked_mul(10_000)?.checked_div(out_of)?;
    Some(Total { number, out_of: Some(out_of), bps: Some(bps) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word;

    #[test]
    fn a_number_is_no_text() {
        let number = Value { number: Some(40), ..Value::default() };
        let share = Value { number: Some(40), out_of: Some(100), text: None };
        let text = Value { text: Some("See description"), ..Value::default() };
        let both = Value { number: Some(40), out_of: None, text: Some("N/A") };
        for measure in Measure::ALL {
            assert_eq!(number.accept(*measure).is_ok(), *measure == Measure::Unit, "{measure}");
            assert_eq!(share.accept(*measure).is_ok(), *measure == Measure::Percent, "{measure}");
            assert_eq!(text.accept(*measure).is_ok(), !measure.is_numeric(), "{measure}");
            assert_eq!(both.accept(*measure).map_err(|refusal| refusal.code.name), Err("MEASURE_TYPE"), "{measure}");
        }
        assert!(Value { number: Some(101), ..share }.accept(Measure::Percent).is_err(), "more than all");
        assert!(Value { number: Some(0), out_of: Some(0), text: None }.accept(Measure::Percent).is_err());
    }

    #[test]
    fn only_approved_values_count_and_shares_are_not_averaged() {
        let value = |state, number, out_of| Counted { state, number: Some(number), out_of };
        let all = [
            value(ValueState::Approved, 40, Some(50)),
            value(ValueState::Approved, 10, Some(950)),
            value(ValueState::Pending, 7, Some(7)),
            value(ValueState::Draft, 7, Some(7)),
            value(ValueState::Returned, 7, Some(7)),
        ];
        assert_eq!(total(Measure::Unit, &all), Some(Total { number: 50, out_of: None, bps: None }));
        assert_eq!(total(Measure::Percent, &all), Some(Total { number: 50, out_of: Some(1000), bps: Some(500) }));
        assert_eq!(total(Measure::Unit, &all[2..]), None);
        assert_eq!(total(Measure::Ordinal, &all), None);
    }

    #[test]
    fn values_wait_before_they_are_judged_and_periods_follow() {
        let code = |outcome: Result<ValueState, Refusal>| outcome.map_err(|refusal| refusal.code.name);
        assert_eq!(code(ValueVerdict::Approved.judge(ValueState::Pending, false)), Ok(ValueState::Approved));
        assert_eq!(code(ValueVerdict::Returned.judge(ValueState::Pending, true)), Ok(ValueState::Returned));
        assert_eq!(code(ValueVerdict::Returned.judge(ValueState::Pending, false)), Err("VALUE_REASON_INVALID"));
        assert_eq!(code(ValueVerdict::Approved.judge(ValueState::Approved, false)), Err("VALUE_STATE_INVALID"));
        let day = |text: &str| text.parse::<NaiveDate>().expect("a date");
        let periods =
            |list: &[(&str, &str)]| accept_periods(&list.iter().map(|(from, to)| (day(from), day(to))).collect::<Vec<_>>()).is_ok();
        assert!(periods(&[("2025-01-01", "2025-03-31"), ("2025-04-01", "2025-06-30")]));
        assert!(!periods(&[("2025-01-01", "2025-04-01"), ("2025-04-01", "2025-06-30")]));
        assert!(!periods(&[("2025-01-02", "2025-01-01")]));
        assert!(require_unlocked(None).is_ok() && require_unlocked(Some(day("2025-01-01"))).is_err());
    }
}
