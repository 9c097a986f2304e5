//! Words of the wire that every room uses: amounts, digests, versions.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use domain::money::{Amount, Currency};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};

/// A SHA-256 digest in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$", min_length = 64, max_length = 64, example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
pub struct Sha256Hex(pub String);

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(text));
        }
        Err(D::Error::custom("expected 64 lower-case hexadecimal digits"))
    }
}

/// An amount of money as a decimal string in major units, such as "850000" for XOF, which has no decimals.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^(0|[1-9][0-9]{0,15})(\\.[0-9]{1,4})?$", max_length = 21, example = "850000")]
pub struct AmountText(pub String);

/// The ISO 4217 code of the currency of the amounts beside it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", min_length = 3, max_length = 3, example = "XOF")]
pub struct CurrencyText(pub String);

/// The years that a date may lie in.
pub const YEARS: RangeInclusive<i32> = 1900..=2200;

/// A date of the years 1900 to 2200, what both engines keep and what public accounting needs; in its one spelling,
/// YYYY-MM-DD.
pub fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let date: NaiveDate = text.parse().map_err(D::Error::custom)?;
    if !YEARS.contains(&date.year()) {
        return Err(D::Error::custom("a date lies in the years 1900 to 2200"));
    }
    if date.to_string() == text { Ok(date) } else { Err(D::Error::custom("a date is written YYYY-MM-DD")) }
}

/// As [`day`], where the date may be absent.
pub fn maybe_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    #[derive(Deserialize)]
    struct Day(#[serde(deserialize_with = "day")] NaiveDate);

    Ok(Option::<Day>::deserialize(deserializer)?.map(|day| day.0))
}

/// A list of `MIN` to `MAX` items. Reading stops at the first item too many.
pub fn few<'de, T, D, const MIN: usize, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Few<T, const MIN: usize, const MAX: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Visitor<'de> for Few<T, MIN, MAX> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of {MIN} to {MAX} items")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MAX {
                    return Err(A::Error::invalid_length(MAX + 1, &self));
                }
                list.push(item);
            }
            if list.len() < MIN { Err(A::Error::invalid_length(list.len(), &self)) } else { Ok(list) }
        }
    }

    deserializer.deserialize_seq(Few::<T, MIN, MAX>(PhantomData))
}

/// An amount read back from the database, for the wire.
pub fn shown(minor: i64, currency: Currency) -> String {
    Amount::from_minor(minor).unwrap_or_default().display(currency)
}

/// As [`shown`], written where it is sent: for answers of thousands of amounts.
#[derive(Clone, Copy)]
pub struct Shown(Amount, Currency);

impl Shown {
    pub fn of(minor: i64, currency: Currency) -> Self {
        Self(Amount::from_minor(minor).unwrap_or_default(), currency)
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(amount, currency) = *self;
        if currency.decimals() == 0 {
            return serializer.serialize_str(itoa::Buffer::new().format(amount.minor()));
        }
        serializer.serialize_str(&amount.display(currency))
    }
}

/// A look back.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// What counts up to this date of the year; the business date by default.
    #[serde(default, deserialize_with = "maybe_day")]
    pub as_of: Option<NaiveDate>,
    /// What was recorded up to this instant (RFC 3339); now by default. Before the accounts of the year were kept nothing
    /// is known, and the question is refused.
    pub known_at: Option<DateTime<Utc>>,
}
