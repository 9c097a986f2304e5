//! Exchange rates: dated, with a source; a conversion names the one that it used.

use crate::fund::{EXCHANGE_RATE_INVALID, EXCHANGE_RATE_MISSING};
use crate::money::{Amount, Currency};
use crate::refusal::Refusal;

/// The decimals of a rate that are kept.
pub const DECIMALS: usize = 9;
/// One, as rates are kept.
const ONE: i128 = 1_000_000_000;

/// So many units of the quoted currency for one unit of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeRate {
    pub base: Currency,
    pub quote: Currency,
    /// In units of 10^-9.
    nanos: i64,
}

impl ExchangeRate {
    /// A rate as it is kept; `None` when it is not positive or both currencies are one.
    pub fn from_nanos(base: Currency, quote: Currency, nanos: i64) -> Option<Self> {
        (nanos > 0 && base != quote).then_some(Self { base, quote, nanos })
    }

    /// Reads "655.957": positive, with at most nine digits before the point and nine behind it.
    pub fn parse(base: Currency, quote: Currency, text: &str) -> Result<Self, Refusal> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let plain = (1..=9).contains(&whole.len()) && fraction.len() <= DECIMALS && digits(whole) && digits(fraction);
        let nanos = Some(format!("{whole}{fraction:0<DECIMALS$}")).filter(|_| plain).and_then(|digits| digits.parse().ok());
        nanos.and_then(|nanos| Self::from_nanos(base, quote, nanos)).ok_or_else(|| EXCHANGE_RATE_INVALID.refuse().at("/rate"))
    }

    pub fn nanos(self) -> i64 {
        self.nanos
    }

    /// The decimal string, without superfluous zeros.
    pub fn display(self) -> String {
        let (whole, rest) = (i128::from(self.nanos) / ONE, i128::from(self.nanos) % ONE);
        let text = format!("{whole}.{rest:0DECIMALS$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Converts between the two currencies, either way, rounded half up to the minor unit.
    pub fn convert(self, amount: Amount, from: Currency, to: Currency) -> Result<Amount, Refusal> {
        let nanos = i128::from(self.nanos);
        let (times, over) = if (from, to) == (self.base, self.quote) {
            (nanos, ONE)
        } else if (from, to) == (self.quote, self.base) {
            (ONE, nanos)
        } else {
            return Err(missing(from, to));
        };
        let (times, over) = (times * 10_i128.pow(to.decimals()), over * 10_i128.pow(from.decimals()));
        let converted = i128::from(amount.minor()).checked_mul(times).map(|product| (product * 2 + over) / (over * 2));
        converted.and_then(|minor| i64::try_from(minor).ok()).and_then(Amount::from_minor).ok_or_else(|| missing(from, to))
    }
}

/// No rate was named, or one that does not serve.
pub fn missing(from: Currency, to: Currency) -> Refusal {
    EXCHANGE_RATE_MISSING.refuse().with("from", from.code()).with("to", to.code()).at("/exchange_rate_id")
}

/// The value of an amount in another currency, by the rate that was named; in the same currency no rate is needed.
pub fn value(amount: Amount, from: Currency, to: Currency, rate: Option<ExchangeRate>) -> Result<Amount, Refusal> {
    if from == to {
        return Ok(amount);
    }
    rate.ok_or_else(|| missing(from, to))?.convert(amount, from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).expect("known")
    }

    #[test]
    fn euros_become_dollars_and_francs_by_a_named_rate_only() {
        let [eur, usd, xof] = ["EUR", "USD", "XOF"].map(currency);
        let given = Amount::parse("3500000", eur).expect("an amount");
        assert_eq!(value(given, eur, usd, None).map_err(|refusal| refusal.code.name), Err("EXCHANGE_RATE_MISSING"));
        let fixture = ExchangeRate::parse(usd, eur, "0.94").expect("a rate");
        assert_eq!(value(given, eur, usd, Some(fixture)).map(|amount| amount.display(usd)), Ok("3723404.26".to_owned()));
        let parity = ExchangeRate::parse(eur, xof, "655.957").expect("a rate");
        assert_eq!(value(given, eur, xof, Some(parity)).map(|amount| amount.display(xof)), Ok("2295849500".to_owned()));
        assert_eq!(value(given, eur, eur, None), Ok(given));
        assert_eq!(value(given, eur, usd, Some(parity)).map_err(|refusal| refusal.code.name), Err("EXCHANGE_RATE_MISSING"));
        assert_eq!([fixture.display(), parity.display()], ["0.94", "655.957"]);
    }

    #[test]
    fn a_rate_is_a_positive_decimal_between_two_currencies() {
        let [eur, xof] = ["EUR", "XOF"].map(currency);
        for wrong in ["", "0", "-1", "1e3", ".5", "1.0000000001", "1234567890", "1,5"] {
            let refused = ExchangeRate::parse(eur, xof, wrong).map_err(|refusal| refusal.code.name);
            assert_eq!(refused, Err("EXCHANGE_RATE_INVALID"), "{wrong}");
        }
        assert!(ExchangeRate::parse(eur, eur, "1").is_err());
    }
}
