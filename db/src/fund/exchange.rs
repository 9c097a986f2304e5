//! Exchange rates as dated rows with their source.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::fund::exchange::ExchangeRate;
use domain::fund::{ExchangeRateKind, FUND_RECORD_DUPLICATE};
use domain::id::{ExchangeRateId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};

use super::{RecordedAt, currency};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::exchange_rates;
use crate::store::Tx;
use crate::{between, visible};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = exchange_rates)]
pub struct ExchangeRateRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ExchangeRateId>,
    pub base: String,
    pub quote: String,
    pub nanos: i64,
    pub valid_on: NaiveDate,
    pub kind: Col<ExchangeRateKind>,
    pub source: String,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
}

impl ExchangeRateRow {
    pub fn rate(&self) -> Result<ExchangeRate, Fault> {
        let rate = ExchangeRate::from_nanos(currency(&self.base)?, currency(&self.quote)?, self.nanos);
        rate.ok_or_else(|| Fault::Corrupt(format!("exchange rate {}", self.id.0)))
    }
}

/// A new rate.
#[derive(Clone, Debug)]
pub struct NewRate {
    pub id: ExchangeRateId,
    pub rate: ExchangeRate,
    pub valid_on: NaiveDate,
    pub kind: ExchangeRateKind,
    pub source: String,
    pub recorded_by: PrincipalId,
}

pub fn append_rate(tx: &mut Tx<'_>, new: &NewRate) -> Result<ExchangeRateRow, Fault> {
    diesel::insert_into(exchange_rates::table)
        .values((
            exchange_rates::organisation_id.eq(Col(tx.organisation)),
            exchange_rates::id.eq(Col(new.id)),
            exchange_rates::base.eq(new.rate.base.code()),
            exchange_rates::quote.eq(new.rate.quote.code()),
            exchange_rates::nanos.eq(new.rate.nanos()),
            exchange_rates::valid_on.eq(new.valid_on),
            exchange_rates::kind.eq(Col(new.kind)),
            exchange_rates::source.eq(&new.source),
            exchange_rates::recorded_by.eq(Col(new.recorded_by)),
            exchange_rates::recorded_at.eq(Col(tx.author.now)),
            exchange_rates::sensitivity.eq(Sensitivity::Partner.rank()),
        ))
        .execute(tx.conn)
        .map_err(|error| {
            Fault::from(error).taken(|| {
                let code = format!("{}/{} {} {}", new.rate.base, new.rate.quote, new.valid_on, new.source);
                FUND_RECORD_DUPLICATE.refuse().with("code", code)
            })
        })?;
    find_rate(tx.conn, &tx.all(), new.id)
}

pub fn find_rate(conn: &mut Conn, scope: &Scope, id: ExchangeRateId) -> Result<ExchangeRateRow, Fault> {
    let row = visible!(exchange_rates, scope).filter(exchange_rates::id.eq(Col(id))).select(ExchangeRateRow::as_select());
    Ok(row.first(conn)?)
}

/// The last rate between two currencies, either way, that is in force on a day; of several of one day, what was recorded last.
pub fn rate_on(conn: &mut Conn, scope: &Scope, (one, other): (&str, &str), on: NaiveDate) -> Result<Option<ExchangeRateRow>, Fault> {
    let pair = [one, other];
    Ok(visible!(exchange_rates, scope)
        .filter(exchange_rates::base.eq_any(pair))
        .filter(exchange_rates::quote.eq_any(pair))
        .filter(exchange_rates::valid_on.le(on))
        .order((exchange_rates::valid_on.desc(), exchange_rates::recorded_at.desc(), exchange_rates::id.desc()))
        .select(ExchangeRateRow::as_select())
        .first(conn)
        .optional()?)
}

/// Which rates to list.
#[derive(Clone, Debug, Default)]
pub struct RateFilter {
    pub base: Option<String>,
    pub quote: Option<String>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

pub fn list_rates(
    conn: &mut Conn,
    scope: &Scope,
    filter: &RateFilter,
    page: &Keyset<ExchangeRateId>,
) -> Result<Rows<ExchangeRateRow>, Fault> {
    let mut query =
        visible!(exchange_rates, scope).order(exchange_rates::id).limit(page.probe()).select(ExchangeRateRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(exchange_rates::id.gt(Col(after)));
    }
    if let Some(base) = &filter.base {
        query = query.filter(exchange_rates::base.eq(base.clone()));
    }
    if let Some(quote) = &filter.quote {
        query = query.filter(exchange_rates::quote.eq(quote.clone()));
    }
    between!(query, exchange_rates::valid_on, filter.from, filter.to);
    Ok(page.cut(query.load(conn)?))
}
