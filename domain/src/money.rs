//! Money: whole minor units of a named currency. No floats, no silent overflow, no sign where none is meant.
//!
//! On the wire an amount is a decimal string in major units ("850000"), beside the currency of the object that holds it.

pub mod letters;

use std::fmt;

use crate::refusal::{Refusal, codes};

codes! {
    AMOUNT_INVALID: Malformed,
        "Montant invalide" / "Invalid amount",
        "Le montant doit être une chaîne décimale positive sans zéro superflu, avec au plus {decimals} décimale(s) pour {currency}, de {most} au plus." /
        "The amount must be a non-negative decimal string without superfluous zeros, with at most {decimals} decimal(s) for {currency}, of {most} at most.";
    AMOUNT_ZERO: Rule,
        "Montant nul" / "Zero amount",
        "Le montant doit être supérieur à zéro." / "The amount must be greater than zero.";
    CURRENCY_MISMATCH: Rule,
        "Devise inattendue" / "Unexpected currency",
        "Les comptes sont tenus en {expected} ; la demande est en {requested}." /
        "The accounts are kept in {expected}; the request is in {requested}.";
}

/// The largest amount that the service keeps: 10^15 minor units.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// An ISO 4217 currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The franc of the West African CFA zone, which has no decimals.
    pub const XOF: Currency = Currency(iso_currency::Currency::XOF);

    pub fn parse(code: &str) -> Option<Self> {
        iso_currency::Currency::from_code(code).map(Self)
    }

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of decimals of the currency.
    pub fn decimals(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }

    /// Refuses a request made in another currency.
    pub fn require(self, requested: &str) -> Result<(), Refusal> {
        if self.code() == requested {
            return Ok(());
        }
        Err(CURRENCY_MISMATCH.refuse().with("expected", self.code()).with("requested", requested).at("/currency"))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A quantity of money that cannot be negative, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    pub const ZERO: Amount = Amount(0);

    /// An amount from its minor units; `None` when negative or out of range.
    pub fn from_minor(minor: i64) -> Option<Self> {
        (0..=AMOUNT_MAX).contains(&minor).then_some(Self(minor))
    }

    pub fn minor(self) -> i64 {
        self.0
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads "1500000" or, where the currency has decimals, "12.50". Signs, separators, exponents and superfluous
    /// zeros are refused, so that one amount has one spelling.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, Refusal> {
        parse_minor(text, currency).and_then(Self::from_minor).ok_or_else(|| {
            let most = Amount(AMOUNT_MAX).display(currency);
            AMOUNT_INVALID.refuse().with("currency", currency.code()).with("decimals", currency.decimals()).with("most", most)
        })
    }

    /// As [`Amount::parse`], and refuses zero.
    pub fn parse_positive(text: &str, currency: Currency) -> Result<Self, Refusal> {
        let amount = Self::parse(text, currency)?;
        if amount.is_zero() {
            return Err(AMOUNT_ZERO.refuse());
        }
        Ok(amount)
    }

    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).and_then(Self::from_minor)
    }

    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).and_then(Self::from_minor)
    }

    /// The exact sum; `None` when it leaves the range.
    pub fn sum(amounts: impl IntoIterator<Item = Amount>) -> Option<Amount> {
        amounts.into_iter().try_fold(Amount::ZERO, Amount::checked_add)
    }

    /// A share in basis points (hundredths of a percent), rounded down.
    pub fn share(self, bps: i64) -> Amount {
        let share = i128::from(self.0) * i128::from(bps.clamp(0, 10_000)) / 10_000;
        i64::try_from(share).ok().and_then(Self::from_minor).unwrap_or(Amount::ZERO)
    }

    /// The decimal string in major units.
    pub fn display(self, currency: Currency) -> String {
        display_minor(i128::from(self.0), currency)
    }
}

/// The exact sum of any number of amounts: a list may add up to more than one amount can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total(i128);

impl Total {
    /// A sum from its minor units.
    pub fn of_minor(minor: i128) -> Self {
        Self(minor)
    }

    /// The decimal string in major units.
    pub fn display(self, currency: Currency) -> String {
        display_minor(self.0, currency)
    }
}

/// A quantity of money with a sign, for derived answers only (a result, a variance, a balance).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Balance(i64);

impl Balance {
    pub fn between(plus: Amount, minus: Amount) -> Self {
        // Both lie in 0..=10^15, so the difference always fits.
        Self(plus.0 - minus.0)
    }

    /// A balance from its minor units.
    pub fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    pub fn minor(self) -> i64 {
        self.0
    }

    pub fn display(self, currency: Currency) -> String {
        display_minor(i128::from(self.0), currency)
    }
}

fn parse_minor(text: &str, currency: Currency) -> Option<i64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let decimals = usize::try_from(currency.decimals()).ok()?;
    let canonical = !whole.is_empty()
        && whole.len() <= 16
        && fraction.len() <= decimals
        && (whole == "0" || !whole.starts_with('0'))
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !canonical {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}

fn display_minor(minor: i128, currency: Currency) -> String {
    let decimals = currency.decimals();
    if decimals == 0 {
        // Numbers of 64 bits are written several times faster.
        return i64::try_from(minor).map_or_else(|_| minor.to_string(), |minor| minor.to_string());
    }
    let unit = 10_u128.pow(decimals);
    let size = minor.unsigned_abs();
    let sign = if minor < 0 { "-" } else { "" };
    let width = usize::try_from(decimals).unwrap_or(0);
    format!("{sign}{}.{:0width$}", size / unit, size % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_has_one_spelling() {
        let xof = Currency::XOF;
        assert_eq!(Amount::parse("850000", xof).map(Amount::minor), Ok(850_000));
        assert_eq!(Amount::parse("0", xof).map(Amount::minor), Ok(0));
        assert_eq!(Amount::parse("1000000000000000", xof).map(Amount::minor), Ok(AMOUNT_MAX));
        for wrong in
            ["", "-1", "+1", "1.0", "1,5", "1 000", "1e3", "01", "00", "١٢", "9223372036854775808", "1000000000000001", "NaN", ".5", "5."]
        {
            assert!(Amount::parse(wrong, xof).is_err(), "{wrong}");
        }
        let eur = Currency::parse("EUR").expect("known");
        assert_eq!(Amount::parse("12.5", eur).map(Amount::minor), Ok(1250));
        assert_eq!(Amount::parse("12.50", eur).map(|amount| amount.display(eur)), Ok("12.50".to_owned()));
        assert!(Amount::parse("12.505", eur).is_err());
    }

    #[test]
    fn sums_never_wrap() {
        let most = Amount::from_minor(AMOUNT_MAX).expect("in range");
        assert_eq!(Amount::sum([most, most]), None);
        assert_eq!(Amount::ZERO.checked_sub(most), None);
        assert_eq!(Balance::between(Amount::ZERO, most).minor(), -AMOUNT_MAX);
        let eur = Currency::parse("EUR").expect("known");
        assert_eq!(Total::of_minor(i128::from(i64::MAX) * 1000).display(eur), "92233720368547758070.00");
    }
}
