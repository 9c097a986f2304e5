//! How domain values stand in columns: one SQL type under one query language, each engine keeping its native form.
//!
//! | SQL type | value | PostgreSQL | SQLite |
//! |---|---|---|---|
//! | [`Identity`] | `Col<BudgetId>`… | `uuid` | 16-byte blob |
//! | [`Instant`] | `Col<DateTime<Utc>>` | `timestamptz` | integer microseconds since 1970 |
//! | [`Vocabulary`] | `Col<BudgetState>`… | `text` | text |

use std::io::Write;

use chrono::{DateTime, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, HasSqlType, SqlType, Timestamptz};
use diesel::sqlite::Sqlite;
use domain::id::Identifier;
use domain::word::Word;
use uuid::Uuid;

use crate::connection::{MultiBackend, MultiRawValue};

/// A UUID.
#[derive(Debug, Default, Clone, Copy, QueryId, SqlType)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Identity;

/// An instant, to the microsecond.
#[derive(Debug, Default, Clone, Copy, QueryId, SqlType)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Instant;

/// A word of a closed vocabulary.
#[derive(Debug, Default, Clone, Copy, QueryId, SqlType)]
#[diesel(postgres_type(oid = 25, array_oid = 1009))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Vocabulary;

macro_rules! both_engines {
    ($($sql_type:ident),+) => {$(
        impl HasSqlType<$sql_type> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                MultiBackend::lookup_sql_type::<$sql_type>(lookup)
            }
        }
    )+};
}
both_engines!(Identity, Instant, Vocabulary);

/// A domain value as it stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Identity)]
#[diesel(sql_type = Instant)]
#[diesel(sql_type = Vocabulary)]
pub struct Col<T>(pub T);

impl<T> std::ops::Deref for Col<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Identifier> FromSql<Identity, Pg> for Col<T> {
    fn from_sql(raw: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Col(T::from_uuid(Uuid::from_slice(raw.as_bytes())?)))
    }
}

impl<T: Identifier> FromSql<Identity, Sqlite> for Col<T> {
    fn from_sql(mut raw: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Col(T::from_uuid(Uuid::from_slice(raw.read_blob())?)))
    }
}

impl<T: Identifier> FromSql<Identity, MultiBackend> for Col<T> {
    fn from_sql(raw: MultiRawValue<'_>) -> deserialize::Result<Self> {
        raw.from_sql::<Self, Identity>()
    }
}

impl<T: Identifier + std::fmt::Debug> ToSql<Identity, Pg> for Col<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.uuid().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl<T: Identifier + std::fmt::Debug> ToSql<Identity, Sqlite> for Col<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.uuid().as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl<T: Identifier + std::fmt::Debug + Send + Sync + 'static> ToSql<Identity, MultiBackend> for Col<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Identity, self));
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Pg> for Col<DateTime<Utc>> {
    fn from_sql(raw: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <DateTime<Utc> as FromSql<Timestamptz, Pg>>::from_sql(raw).map(Col)
    }
}

impl FromSql<Instant, Sqlite> for Col<DateTime<Utc>> {
    fn from_sql(raw: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let micros = <i64 as FromSql<BigInt, Sqlite>>::from_sql(raw)?;
        DateTime::from_timestamp_micros(micros).map(Col).ok_or_else(|| "instant out of range".into())
    }
}

impl FromSql<Instant, MultiBackend> for Col<DateTime<Utc>> {
    fn from_sql(raw: MultiRawValue<'_>) -> deserialize::Result<Self> {
        raw.from_sql::<Self, Instant>()
    }
}

impl ToSql<Instant, Pg> for Col<DateTime<Utc>> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.0, out)
    }
}

impl ToSql<Instant, Sqlite> for Col<DateTime<Utc>> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.timestamp_micros());
        Ok(IsNull::No)
    }
}

impl ToSql<Instant, MultiBackend> for Col<DateTime<Utc>> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Instant, self));
        Ok(IsNull::No)
    }
}

impl<W: Word> FromSql<Vocabulary, Pg> for Col<W> {
    fn from_sql(raw: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        word(std::str::from_utf8(raw.as_bytes())?)
    }
}

impl<W: Word> FromSql<Vocabulary, Sqlite> for Col<W> {
    fn from_sql(mut raw: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        word(raw.read_text())
    }
}

impl<W: Word> FromSql<Vocabulary, MultiBackend> for Col<W> {
    fn from_sql(raw: MultiRawValue<'_>) -> deserialize::Result<Self> {
        raw.from_sql::<Self, Vocabulary>()
    }
}

impl<W: Word + std::fmt::Debug> ToSql<Vocabulary, Pg> for Col<W> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_str().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl<W: Word + std::fmt::Debug> ToSql<Vocabulary, Sqlite> for Col<W> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_str());
        Ok(IsNull::No)
    }
}

impl<W: Word + std::fmt::Debug + Send + Sync> ToSql<Vocabulary, MultiBackend> for Col<W> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Vocabulary, self));
        Ok(IsNull::No)
    }
}

fn word<W: Word>(text: &str) -> deserialize::Result<Col<W>> {
    W::parse(text).map(Col).ok_or_else(|| format!("unknown word {text:?}").into())
}
