//! Gapless numbers: one series per organisation, fiscal year and kind of document.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use crate::column::{Col, Identity};
use crate::fault::Fault;
use crate::prepared::Statement;
use crate::schema::number_series;
use crate::store::Tx;

pub const COMMITMENT: &str = "commitment";
pub const VERIFICATION: &str = "verification";
pub const PAYMENT_ORDER: &str = "payment_order";
pub const BATCH: &str = "batch";
pub const PAYMENT: &str = "payment";
pub const CORRECTION: &str = "payment_order_correction";
pub const REGULARISATION: &str = "regularisation";
pub const CASH_ADVANCE: &str = "cash_advance";
pub const CASH_RETURN: &str = "cash_return";
pub const CASH_DEPOSIT: &str = "cash_deposit";
pub const JUSTIFICATION_SLIP: &str = "justification_slip";
pub const CASH_INSPECTION: &str = "cash_inspection";
pub const REVENUE_ORDER: &str = "revenue_order";
pub const RECEIPT: &str = "receipt";
pub const REFUND: &str = "refund";
pub const REVENUE_ADJUSTMENT: &str = "revenue_adjustment";

/// Every series that a fiscal year begins with.
const SERIES: &[&str] = &[
    COMMITMENT,
    VERIFICATION,
    PAYMENT_ORDER,
    BATCH,
    PAYMENT,
    CORRECTION,
    REGULARISATION,
    CASH_ADVANCE,
    CASH_RETURN,
    CASH_DEPOSIT,
    JUSTIFICATION_SLIP,
    CASH_INSPECTION,
    REVENUE_ORDER,
    RECEIPT,
    REFUND,
    REVENUE_ADJUSTMENT,
    "entry:opening",
    "entry:expenditure",
    "entry:revenue",
    "entry:treasury",
    "entry:miscellaneous",
];

/// The series of the entries of a journal.
pub fn entries_of(journal: impl std::fmt::Display) -> String {
    format!("entry:{journal}")
}

/// Opens every series of a fiscal year at zero.
pub fn open(tx: &mut Tx<'_>, fiscal_year: i32) -> Result<(), Fault> {
    for series in SERIES {
        diesel::insert_into(number_series::table)
            .values((
                number_series::organisation_id.eq(Col(tx.organisation)),
                number_series::fiscal_year.eq(fiscal_year),
                number_series::series.eq(series),
                number_series::last_number.eq(0),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The next number of a series. The organisation's head is locked, so numbers have no gap and no double.
pub fn next(tx: &mut Tx<'_>, fiscal_year: i32, series: &str) -> Result<i64, Fault> {
    last_of(tx, fiscal_year, series, 1)
}

/// The last of the next so many numbers of a series, all of which are taken.
pub fn last_of(tx: &mut Tx<'_>, fiscal_year: i32, series: &str, count: i64) -> Result<i64, Fault> {
    let taken = Statement::new(
        "UPDATE number_series SET last_number = last_number + ? \
         WHERE organisation_id = ? AND fiscal_year = ? AND series = ? RETURNING last_number",
    );
    let taken = taken.bind::<BigInt, _>(count).bind::<Identity, _>(Col(tx.organisation));
    Ok(taken.bind::<Integer, _>(fiscal_year).bind::<Text, _>(series).number(tx.conn)?)
}
