//! The ceiling of an instrument, where a project asks in another currency: at the rate of its submission, and again at that of its
//! decision.

use chrono::NaiveDate;

use super::{CEILING_EXCEEDED, CEILING_EXCEEDED_FX, CEILING_WAIVER};
use crate::fund::EXCHANGE_RATE_MISSING;
use crate::fund::exchange::ExchangeRate;
use crate::money::{Amount, Currency};
use crate::programme::rule_set::RuleSet;
use crate::project::ProjectAction;
use crate::refusal::Refusal;

/// Rates between the currency of a project and that of a ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// In force on the day.
    pub today: Option<ExchangeRate>,
    /// By which its submission was converted; none before it is submitted.
    pub submitted: Option<ExchangeRate>,
    /// Whether who decides waives what the exchange alone took above the ceiling.
    pub waived: bool,
}

/// The ceiling of the rules, in its currency.
pub fn ceiling(rules: &RuleSet) -> Option<(Amount, Currency)> {
    rules.ceiling.as_ref()?.read()
}

/// The worth of an amount in the currency of a ceiling, or a refusal that says which rate is missing on which day.
pub fn worth((amount, from): (Amount, Currency), to: Currency, rate: Option<ExchangeRate>, on: NaiveDate) -> Result<Amount, Refusal> {
    if from == to {
        return Ok(amount);
    }
    let converted = rate.and_then(|rate| rate.convert(amount, from, to).ok());
    converted.ok_or_else(|| EXCHANGE_RATE_MISSING.refuse().with("from", from.code()).with("to", to.code()).with("on", on))
}

/// Refuses a project that asks for more than its rules bear. What was within the ceiling at the rate of its submission, and is above it
/// at that of the day, is above it because of the exchange alone; that can be waived.
pub fn require_within(rules: &RuleSet, (asked, currency): (Amount, Currency), exchange: &Exchange, on: NaiveDate) -> Result<(), Refusal> {
    let Some((max, of)) = ceiling(rules) else { return Ok(()) };
    let now = worth((asked, currency), of, exchange.today, on)?;
    if now <= max {
        return Ok(());
    }
    let before = exchange.submitted.and_then(|rate| rate.convert(asked, currency, of).ok()).filter(|before| *before <= max);
    let code = if before.is_some() { &CEILING_EXCEEDED_FX } else { &CEILING_EXCEEDED };
    let refusal = code.refuse().with("max", max.display(of)).with("currency", of.code()).with("requested", now.display(of));
    match before {
        Some(_) if exchange.waived => Ok(()),
        Some(before) => Err(refusal.with("submitted", before.display(of))),
        None => Err(refusal),
    }
}

/// Refuses a waiver of the ceiling by another motion than one to approve.
pub fn accept_waiver(action: ProjectAction, waived: bool) -> Result<(), Refusal> {
    if waived && action != ProjectAction::Approve { Err(CEILING_WAIVER.refuse().at("/ceiling_waived")) } else { Ok(()) }
}

/// What of a ceiling an amount uses, in basis points rounded half up.
pub fn use_bps(worth: Amount, max: Amount) -> Option<i64> {
    let max = i128::from(max.minor());
    (i128::from(worth.minor()) * 20_000 + max).checked_div(max * 2).and_then(|bps| i64::try_from(bps).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::Instrument;
    use crate::programme::rule_set::find;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect("known")
    }

    fn euros(text: &str) -> (Amount, Currency) {
        (Amount::parse(text, currency("EUR")).expect("an amount"), currency("EUR"))
    }

    fn rate(text: &str) -> Option<ExchangeRate> {
        Some(ExchangeRate::parse(currency("EUR"), currency("USD"), text).expect("a rate"))
    }

    #[test]
    fn a_request_in_another_currency_is_held_against_the_ceiling_at_the_rate_of_the_day() {
        let rules = find(Instrument::QuickImpact, 2).expect("shipped");
        let day = "2025-02-03".parse().expect("a date");
        let told =
            |asked: &str, exchange: Exchange| require_within(rules, euros(asked), &exchange, day).map_err(|refusal| refusal.code.name);
        let at = |text: &str| Exchange { today: rate(text), ..Exchange::default() };
        assert_eq!(told("40000", Exchange::default()), Err("EXCHANGE_RATE_MISSING"));
        assert_eq!((told("40000", at("1.25")), told("40000.01", at("1.25"))), (Ok(()), Err("CEILING_EXCEEDED")));
        let dearer = |text: &str, waived| Exchange { today: rate(text), submitted: rate("1.25"), waived };
        assert_eq!(told("40000", dearer("1.26", false)), Err("CEILING_EXCEEDED_FX"));
        assert_eq!(told("40000", dearer("1.26", true)), Ok(()));
        // What was above it from the beginning is not the doing of the exchange.
        assert_eq!(told("40000.01", dearer("1.26", true)), Err("CEILING_EXCEEDED"));
        let refused = require_within(rules, euros("40000"), &dearer("1.26", false), day).expect_err("above");
        let facts = ["max", "requested", "submitted", "currency"].map(|fact| refused.facts[fact].as_str().map(str::to_owned));
        assert_eq!(facts.map(Option::unwrap_or_default), ["50000.00", "50400.00", "50000.00", "USD"]);
        let none = find(Instrument::TrustFund, 1).expect("shipped");
        assert_eq!(require_within(none, euros("9000000"), &Exchange::default(), day), Ok(()));
        // In the currency of the ceiling no rate plays a part.
        let dollars = |text: &str| (Amount::parse(text, currency("USD")).expect("an amount"), currency("USD"));
        assert_eq!(require_within(rules, dollars("50000"), &Exchange::default(), day), Ok(()));
        assert!(require_within(rules, dollars("50000.01"), &dearer("1.26", true), day).is_err());
    }

    #[test]
    fn only_an_approval_waives() {
        assert!(accept_waiver(ProjectAction::Approve, true).is_ok());
        assert!(accept_waiver(ProjectAction::Reject, false).is_ok());
        assert_eq!(accept_waiver(ProjectAction::Reject, true).map_err(|refusal| refusal.code.name), Err("CEILING_WAIVER"));
    }

    #[test]
    fn ac_01_the_women_of_gao_use_less_than_their_ceiling() {
        let minor = |minor| Amount::from_minor(minor).expect("in range");
        assert_eq!(use_bps(minor(4_197_000), minor(5_000_000)), Some(8394));
        assert_eq!(use_bps(minor(1), Amount::ZERO), None);
    }
}
