//! The cash position: what the organisation has, owes and is owed, from the balances of the ledger.

use actix_web::{get, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::ledger::{BalanceRow, ChartAccountRow, find_parts, list_balances};
use domain::id::OrganisationId;
use domain::ledger::{Part, PostingAccounts};
use domain::money::{Balance, Currency};
use serde::Serialize;
use utoipa::ToSchema;

use super::currency_in_year;
use crate::answer::{Answered, ok};
use crate::auth::Call;

/// An account of money, or of third parties, with its balance.
#[derive(Serialize, ToSchema)]
pub struct CashLine {
    part: Part,
    #[schema(max_length = 20, example = "515")]
    account: String,
    #[schema(max_length = 300)]
    label_fr: String,
    #[schema(max_length = 300)]
    label_en: String,
    /// What is there, is owed or is due; with a minus sign when the account stands on its other side.
    #[schema(max_length = 22, example = "33048000")]
    amount: String,
}

/// What the organisation has, owes and is owed.
#[derive(Serialize, ToSchema)]
pub struct CashPosition {
    organisation_id: OrganisationId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// The business date.
    as_of: NaiveDate,
    /// Accounts of money (class 5).
    #[schema(max_items = 20)]
    money: Vec<CashLine>,
    /// What is owed to creditors: suppliers, staff, social bodies, taxes withheld, retentions, excess payments.
    #[schema(max_items = 20)]
    payable: Vec<CashLine>,
    /// What debtors owe: taxpayers, State, funds, recoveries.
    #[schema(max_items = 20)]
    receivable: Vec<CashLine>,
    #[schema(max_length = 22)]
    money_total: String,
    #[schema(max_length = 22)]
    payable_total: String,
    #[schema(max_length = 22)]
    receivable_total: String,
    /// Money less what is payable: what is left when every accepted debt is paid.
    #[schema(max_length = 22)]
    after_payment: String,
}

const MONEY: &[Part] = &[Part::Treasury, Part::Bank, Part::Cash, Part::Imprest, Part::CollectionOffice, Part::Transfers];
const PAYABLE: &[Part] = &[
    Part::Suppliers,
    Part::AssetSuppliers,
    Part::Retention,
    Part::Personnel,
    Part::Social,
    Part::TaxesWithheld,
    Part::SharedTaxes,
    Part::Overpayments,
    Part::SundryCreditors,
];
const RECEIVABLE: &[Part] = &[Part::Taxpayers, Part::StateGrants, Part::InvestmentGrants, Part::Debtors];

type Rows = [(BalanceRow, ChartAccountRow)];

/// The balances of some parts, as debits (money, receivable) or as credits (payable), with their sum in minor units.
fn lines(rows: &Rows, accounts: &PostingAccounts, parts: &[Part], credit: bool, currency: Currency) -> Result<(Vec<CashLine>, i64), Fault> {
    let mut sum = 0_i64;
    let mut lines = Vec::new();
    for part in parts {
        let Some((row, account)) = rows.iter().find(|(row, _)| row.account_code == accounts.of(*part)) else { continue };
        let net = row.net()?.minor();
        let minor = if credit { -net } else { net };
        sum = sum.checked_add(minor).ok_or_else(|| Fault::Corrupt("cash position out of range".to_owned()))?;
        lines.push(CashLine {
            part: *part,
            account: row.account_code.clone(),
            label_fr: account.label_fr.clone(),
            label_en: account.label_en.clone(),
            amount: Balance::from_minor(minor).display(currency),
        });
    }
    Ok((lines, sum))
}

/// The cash position of the year: money by account, what is payable and receivable, and what is left when all accepted
/// debts are paid. From kept balances.
#[utoipa::path(tag = "ledger", responses((status = 200, body = CashPosition)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/cash-position")]
pub async fn read_cash_position(call: Call, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (organisation, year) = path.into_inner();
    let scope = call.scope()?;
    let today = call.today;
    let view = call
        .store()
        .read(move |conn| {
            let currency = currency_in_year(conn, &scope, year)?;
            let rows = list_balances(conn, &scope, year)?;
            let accounts = find_parts(conn, year)?;
            let (money, money_sum) = lines(&rows, &accounts, MONEY, false, currency)?;
            let (payable, payable_sum) = lines(&rows, &accounts, PAYABLE, true, currency)?;
            let (receivable, receivable_sum) = lines(&rows, &accounts, RECEIVABLE, false, currency)?;
            let show = |minor| Balance::from_minor(minor).display(currency);
            Ok(CashPosition {
                organisation_id: organisation,
                fiscal_year: year,
                currency: currency.code().to_owned(),
                as_of: today,
                money,
                payable,
                receivable,
                money_total: show(money_sum),
                payable_total: show(payable_sum),
                receivable_total: show(receivable_sum),
                after_payment: show(money_sum.saturating_sub(payable_sum)),
            })
        })
        .await?;
    ok(&view)
}
