//! The trial balance: now from kept balances, and in the past from the postings themselves.

use actix_web::{get, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::fiscal_year::find_fiscal_year;
use db::fault::Fault;
use db::ledger::history::list_balances_at;
use db::ledger::{BalanceRow, ChartAccountRow, list_balances};
use domain::calendar::{FiscalYear, History};
use domain::id::OrganisationId;
use domain::money::{Amount, Currency};
use serde::Serialize;
use utoipa::ToSchema;

use super::currency_in_year;
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::Query;
use crate::wire::HistoryQuery;

/// An account in the trial balance.
#[derive(Serialize, ToSchema)]
pub struct TrialBalanceLine {
    #[schema(max_length = 20, example = "602")]
    account: String,
    #[schema(max_length = 300)]
    label_fr: String,
    #[schema(max_length = 300)]
    label_en: String,
    #[schema(max_length = 21)]
    opening_debit: String,
    #[schema(max_length = 21)]
    opening_credit: String,
    /// Debits of the year, opening left out.
    #[schema(max_length = 21)]
    movement_debit: String,
    /// Credits of the year, opening left out.
    #[schema(max_length = 21)]
    movement_credit: String,
    /// The balance, if it is a debit.
    #[schema(max_length = 21)]
    closing_debit: String,
    /// The balance, if it is a credit.
    #[schema(max_length = 21)]
    closing_credit: String,
}

/// Sums of the trial balance; each pair is equal.
#[derive(Serialize, ToSchema)]
pub struct TrialBalanceTotals {
    #[schema(max_length = 21)]
    opening_debit: String,
    #[schema(max_length = 21)]
    opening_credit: String,
    #[schema(max_length = 21)]
    movement_debit: String,
    #[schema(max_length = 21)]
    movement_credit: String,
    #[schema(max_length = 21)]
    closing_debit: String,
    #[schema(max_length = 21)]
    closing_credit: String,
}

/// The trial balance of a fiscal year (balance générale).
#[derive(Serialize, ToSchema)]
pub struct TrialBalance {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// Entries count up to this accounting date.
    as_of: NaiveDate,
    /// Entries count that were recorded up to this instant; null for all.
    known_at: Option<DateTime<Utc>>,
    /// Accounts that were opened with a balance or moved, by code.
    #[schema(max_items = 10_000)]
    accounts: Vec<TrialBalanceLine>,
    totals: TrialBalanceTotals,
    /// Whether debits equal credits in each pair.
    balanced: bool,
}

fn trial_balance(
    organisation: OrganisationId,
    year: i32,
    (as_of, known_at): (NaiveDate, Option<DateTime<Utc>>),
    currency: Currency,
    rows: Vec<(BalanceRow, ChartAccountRow)>,
) -> Result<TrialBalance, Fault> {
    let mut sums = [Amount::ZERO; 6];
    let mut accounts = Vec::with_capacity(rows.len());
    for (row, account) in rows {
        let net = row.net()?.minor();
        let minors = [row.opening_debit, row.opening_credit, row.debit, row.credit, net.max(0), (-net).max(0)];
        let mut amounts = [Amount::ZERO; 6];
        for ((minor, amount), sum) in minors.into_iter().zip(&mut amounts).zip(&mut sums) {
            *amount = db::budget::amount(minor)?;
            *sum = sum.checked_add(*amount).ok_or_else(|| Fault::Corrupt("trial balance out of range".to_owned()))?;
        }
        let [opening_debit, opening_credit, movement_debit, movement_credit, closing_debit, closing_credit] =
            amounts.map(|amount| amount.display(currency));
        accounts.push(TrialBalanceLine {
            account: row.account_code,
            label_fr: account.label_fr,
            label_en: account.label_en,
            opening_debit,
            opening_credit,
            movement_debit,
            movement_credit,
            closing_debit,
            closing_credit,
        });
    }
    let balanced = sums[0] == sums[1] && sums[2] == sums[3] && sums[4] == sums[5];
    let [opening_debit, opening_credit, movement_debit, movement_credit, closing_debit, closing_credit] =
        sums.map(|sum| sum.display(currency));
    Ok(TrialBalance {
        organisation_id: organisation,
        fiscal_year: year,
        currency: currency.code().to_owned(),
        as_of,
        known_at,
        accounts,
        totals: TrialBalanceTotals { opening_debit, opening_credit, movement_debit, movement_credit, closing_debit, closing_credit },
        balanced,
    })
}

/// The trial balance of the year: opening, movements and balance of each account; of today, or as of an earlier accounting
/// date, or as it was known at an earlier instant.
#[utoipa::path(tag = "ledger", params(HistoryQuery), responses((status = 200, body = TrialBalance)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/trial-balance")]
pub async fn read_trial_balance(call: Call, path: web::Path<(OrganisationId, i32)>, query: Query<HistoryQuery>) -> Answered {
    let (organisation, year) = path.into_inner();
    let scope = call.scope()?;
    let (today, now) = (call.today, call.now);
    let query = query.0;
    let view = call
        .store()
        .read(move |conn| {
            let currency = currency_in_year(conn, &scope, year)?;
            if query.as_of.is_none() && query.known_at.is_none() {
                return trial_balance(organisation, year, (today, None), currency, list_balances(conn, &scope, year)?);
            }
            let since = find_fiscal_year(conn, &scope, year)?.opened_at.map(|at| at.0);
            let history = History::look_back(FiscalYear::new(year)?, (query.as_of, today), (query.known_at, now), since)?;
            let asked = (history.as_of, query.known_at);
            trial_balance(organisation, year, asked, currency, list_balances_at(conn, &scope, year, history)?)
        })
        .await?;
    ok(&view)
}
