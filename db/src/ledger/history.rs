//! Balances as of an accounting date, as known at an instant: summed from the postings.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Integer, Text};
use domain::calendar::History;
use domain::id::OrganisationId;
use domain::sensitivity::Scope;

use super::{BalanceRow, ChartAccountRow, list_all_balances};
use crate::column::{Col, Identity, Instant};
use crate::connection::Conn;
use crate::fault::Fault;
use crate::on_engine;

#[derive(QueryableByName)]
struct Summed {
    #[diesel(sql_type = Text)]
    account: String,
    #[diesel(sql_type = BigInt)]
    opening_debit: i64,
    #[diesel(sql_type = BigInt)]
    opening_credit: i64,
    #[diesel(sql_type = BigInt)]
    debit: i64,
    #[diesel(sql_type = BigInt)]
    credit: i64,
}

const SUMS: &str = "SELECT p.account_code AS account, \
     CAST(SUM(CASE WHEN e.journal = 'opening' THEN p.debit ELSE 0 END) AS BIGINT) AS opening_debit, \
     CAST(SUM(CASE WHEN e.journal = 'opening' THEN p.credit ELSE 0 END) AS BIGINT) AS opening_credit, \
     CAST(SUM(CASE WHEN e.journal = 'opening' THEN 0 ELSE p.debit END) AS BIGINT) AS debit, \
     CAST(SUM(CASE WHEN e.journal = 'opening' THEN 0 ELSE p.credit END) AS BIGINT) AS credit \
     FROM postings p JOIN entries e ON e.organisation_id = p.organisation_id AND e.id = p.entry_id \
     WHERE p.organisation_id = $1 AND p.fiscal_year = $2 AND e.sensitivity <= $3 \
     AND e.accounting_date <= $4 AND e.recorded_at <= $5 \
     GROUP BY p.account_code ORDER BY p.account_code";

/// Every account that had moved or been opened with a balance by then, with its label, in the order of codes.
pub fn list_balances_at(
    conn: &mut Conn,
    scope: &Scope,
    fiscal_year: i32,
    history: History,
) -> Result<Vec<(BalanceRow, ChartAccountRow)>, Fault> {
    let organisation: Col<OrganisationId> = Col(scope.organisation);
    let known_at: Col<DateTime<Utc>> = Col(history.known_at);
    let as_of: NaiveDate = history.as_of;
    let rank = scope.clearance.rank();
    let summed: Vec<Summed> = on_engine!(conn, |inner| {
        diesel::sql_query(SUMS)
            .bind::<Identity, _>(organisation)
            .bind::<Integer, _>(fiscal_year)
            .bind::<Integer, _>(rank)
            .bind::<Date, _>(as_of)
            .bind::<Instant, _>(known_at)
            .load(inner)
    })?;
    let mut kept = list_all_balances(conn, scope, fiscal_year)?;
    summed
        .into_iter()
        .map(|sum| {
            let index = kept.iter().position(|(row, _)| row.account_code == sum.account);
            let (row, account) = index
                .map(|index| kept.swap_remove(index))
                .ok_or_else(|| Fault::Corrupt(format!("account {} has postings and no balance", sum.account)))?;
            let row = BalanceRow {
                opening_debit: sum.opening_debit,
                opening_credit: sum.opening_credit,
                debit: sum.debit,
                credit: sum.credit,
                ..row
            };
            Ok((row, account))
        })
        .collect()
}
