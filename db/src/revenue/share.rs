//! Shares of taxes: the rates in force, and how accepted orders were shared.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::RevenueOrderId;
use domain::money::Amount;
use domain::organisation::OrganisationKind;
use domain::parameter::Confidence;
use domain::revenue::share::split;
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;

use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{receipts, revenue_shares, tax_shares};
use crate::store::Tx;
use crate::visible;

const TAX_SHARES: &str = include_str!("../../../data/tax-share/tax_shares.csv");

/// The whole, in basis points.
const WHOLE: i32 = 10_000;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = tax_shares)]
pub struct TaxShareRow {
    pub article: String,
    pub level: Col<OrganisationKind>,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub bps: i32,
    pub confidence: Col<Confidence>,
    pub source: String,
}

/// Loads the shipped shares that are not there yet; says how many. Shares of an article and a day that do not sum to the
/// whole are refused.
pub fn load(conn: &mut Conn) -> Result<usize, Fault> {
    type File = (String, String, NaiveDate, Option<NaiveDate>, i32, String, String);
    let corrupt = |what: String| Fault::Corrupt(format!("tax_shares.csv: {what}"));
    let mut records: Vec<File> = Vec::new();
    for record in csv::Reader::from_reader(TAX_SHARES.as_bytes()).deserialize() {
        records.push(record.map_err(|error| corrupt(error.to_string()))?);
    }
    let mut sums: BTreeMap<(&str, NaiveDate), i32> = BTreeMap::new();
    for (article, _, from, _, bps, ..) in &records {
        *sums.entry((article, *from)).or_default() += bps;
    }
    if let Some(((article, from), sum)) = sums.into_iter().find(|(_, sum)| *sum != WHOLE) {
        return Err(corrupt(format!("the shares of article {article} from {from} on sum to {sum}")));
    }
    let mut loaded = 0;
    for (article, level, from, to, bps, confidence, source) in records {
        let level = Col(OrganisationKind::parse(&level).ok_or_else(|| corrupt(level))?);
        let confidence = Col(Confidence::parse(&confidence).ok_or_else(|| corrupt(confidence))?);
        let known: i64 = tax_shares::table
            .filter(tax_shares::article.eq(&article))
            .filter(tax_shares::level.eq(level))
            .filter(tax_shares::valid_from.eq(from))
            .count()
            .get_result(conn)?;
        if known == 0 {
            loaded += diesel::insert_into(tax_shares::table)
                .values((
                    tax_shares::article.eq(article),
                    tax_shares::level.eq(level),
                    tax_shares::valid_from.eq(from),
                    tax_shares::valid_to.eq(to),
                    tax_shares::bps.eq(bps),
                    tax_shares::confidence.eq(confidence),
                    tax_shares::source.eq(source),
                ))
                .execute(conn)?;
        }
    }
    Ok(loaded)
}

/// The shares in force on a date, of one article or of all.
pub fn list_tax_shares(conn: &mut Conn, on: NaiveDate, article: Option<&str>) -> Result<Vec<TaxShareRow>, Fault> {
    let mut query = tax_shares::table
        .filter(tax_shares::valid_from.le(on))
        .filter(tax_shares::valid_to.is_null().or(tax_shares::valid_to.ge(on)))
        .order((tax_shares::article, tax_shares::level))
        .select(TaxShareRow::as_select())
        .into_boxed();
    if let Some(article) = article {
        query = query.filter(tax_shares::article.eq(article.to_owned()));
    }
    Ok(query.load(conn)?)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = revenue_shares)]
pub struct RevenueShareRow {
    pub level: Col<OrganisationKind>,
    pub own: bool,
    pub amount: i64,
    pub reduced: i64,
}

/// An amount of an order: what is the organisation's own, and what is owed to the other levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parted {
    pub own: Amount,
    pub others: Amount,
}

impl Parted {
    fn of(whole: Amount, own: Amount) -> Self {
        Self { own, others: whole.checked_sub(own).unwrap_or_default() }
    }
}

/// Shares an order that is accepted, by the rates in force on the first day of its year. Only a tax that is shared leaves rows.
pub fn insert_shares(
    tx: &mut Tx<'_>,
    order: RevenueOrderId,
    article: &str,
    (whole, level): (Amount, OrganisationKind),
    on: NaiveDate,
) -> Result<Parted, Fault> {
    let rates = list_tax_shares(tx.conn, on, Some(article))?;
    if rates.len() < 2 || !rates.iter().any(|rate| rate.level.0 == level) {
        return Ok(Parted::of(whole, whole));
    }
    let weights: Vec<(OrganisationKind, i64)> = rates.iter().map(|rate| (rate.level.0, i64::from(rate.bps))).collect();
    let mut own = Amount::ZERO;
    for (part_of, part) in split(whole, &weights) {
        if part_of == level {
            own = part;
        }
        diesel::insert_into(revenue_shares::table)
            .values((
                revenue_shares::organisation_id.eq(Col(tx.organisation)),
                revenue_shares::revenue_order_id.eq(Col(order)),
                revenue_shares::level.eq(Col(part_of)),
                revenue_shares::own.eq(part_of == level),
                revenue_shares::amount.eq(part.minor()),
                revenue_shares::reduced.eq(0),
                revenue_shares::sensitivity.eq(Sensitivity::Internal.rank()),
            ))
            .execute(tx.conn)?;
    }
    Ok(Parted::of(whole, own))
}

/// How an order was shared; nothing when it was not.
pub fn list_shares(conn: &mut Conn, scope: &Scope, order: RevenueOrderId) -> Result<Vec<RevenueShareRow>, Fault> {
    Ok(visible!(revenue_shares, scope)
        .filter(revenue_shares::revenue_order_id.eq(Col(order)))
        .order(revenue_shares::level)
        .select(RevenueShareRow::as_select())
        .load(conn)?)
}

/// Parts an amount received or reduced, in proportion to what is still to come of the own share and of the others.
pub fn part(tx: &mut Tx<'_>, order: RevenueOrderId, (whole, collected): (Amount, i64)) -> Result<Parted, Fault> {
    let shares = list_shares(tx.conn, &tx.all(), order)?;
    if shares.is_empty() {
        return Ok(Parted::of(whole, whole));
    }
    let net = |own: bool| shares.iter().filter(|share| share.own == own).map(|share| share.amount - share.reduced).sum::<i64>();
    let own_collected = own_collected(tx, order)?;
    let weights = [(0, net(true) - own_collected), (1, net(false) - (collected - own_collected))];
    let own = split(whole, &weights).into_iter().find(|(key, _)| *key == 0).map_or(Amount::ZERO, |(_, part)| part);
    Ok(Parted::of(whole, own))
}

/// What was collected of the own share of an order, by receipts that stand.
fn own_collected(tx: &mut Tx<'_>, order: RevenueOrderId) -> Result<i64, Fault> {
    use crate::schema::receipt_cancellations;
    let cancelled = receipt_cancellations::table
        .filter(receipt_cancellations::organisation_id.eq(Col(tx.organisation)))
        .select(receipt_cancellations::receipt_id);
    let parts: Vec<i64> = receipts::table
        .filter(receipts::organisation_id.eq(Col(tx.organisation)))
        .filter(receipts::revenue_order_id.eq(Some(Col(order))))
        .filter(receipts::id.ne_all(cancelled))
        .select(receipts::own_share)
        .load(tx.conn)?;
    Ok(parts.into_iter().sum())
}

/// Lowers the shares of an order by a reduction that was parted.
pub fn reduce_shares(tx: &mut Tx<'_>, order: RevenueOrderId, parted: Parted) -> Result<(), Fault> {
    let shares = list_shares(tx.conn, &tx.all(), order)?;
    for (own, whole) in [(true, parted.own), (false, parted.others)] {
        let weights: Vec<(OrganisationKind, i64)> =
            shares.iter().filter(|share| share.own == own).map(|share| (share.level.0, share.amount - share.reduced)).collect();
        for (level, part) in split(whole, &weights) {
            diesel::update(
                revenue_shares::table
                    .filter(revenue_shares::organisation_id.eq(Col(tx.organisation)))
                    .filter(revenue_shares::revenue_order_id.eq(Col(order)))
                    .filter(revenue_shares::level.eq(Col(level))),
            )
            .set(revenue_shares::reduced.eq(revenue_shares::reduced + part.minor()))
            .execute(tx.conn)?;
        }
    }
    Ok(())
}

/// The amount of a share, less its reductions.
impl RevenueShareRow {
    pub fn net(&self) -> Result<Amount, Fault> {
        amount(self.amount - self.reduced)
    }
}
