//! Opening balances: what a year begins with, and the debts of earlier years that it carries.

use std::collections::BTreeMap;

use actix_web::{post, web};
use db::ledger::carried_debt::NewCarriedDebt;
use domain::audit::Event;
use domain::budget::{FISCAL_YEAR_OPEN, FiscalYearState};
use domain::calendar::FiscalYear;
use domain::id::{OrganisationId, SupplierId, reference};
use domain::ledger::{Entry, Journal, LEDGER_CARRIED_DEBT_MISMATCH, Posting, Side, accept_opening};
use domain::money::Amount;
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::{Answered, done};
use crate::body::{Asked, Json};
use crate::budget::fiscal_year::{FiscalYearView, view};
use crate::organisation::currency_of;
use crate::wire::{AmountText, CurrencyText};

/// The balance of an account at the beginning of the year.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningLine {
    /// An account of classes 1 to 5.
    #[schema(max_length = 20, example = "515")]
    account: String,
    side: Side,
    amount: AmountText,
}

/// A debt of an earlier year: what a creditor account's opening balance is made of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDebt {
    /// The creditor account that carries it.
    #[schema(max_length = 20, example = "401")]
    account: String,
    supplier_id: SupplierId,
    /// The payment order of the earlier year.
    reference: Text<60>,
    amount: AmountText,
}

/// What a year begins with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningBalances {
    currency: CurrencyText,
    /// Closing balances of the year before, classes 1 to 5. Debits equal credits. May be empty for a new organisation.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 1000>")]
    #[schema(max_items = 1000)]
    lines: Vec<OpeningLine>,
    /// Debts of earlier years (restes à payer). For each account named here they make its opening balance exactly.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 1000>")]
    #[schema(max_items = 1000)]
    carried_debts: Vec<NewDebt>,
}

impl Json for OpeningBalances {}

/// Records the opening balances and opens the year to commitments and entries. Done once.
#[utoipa::path(tag = "ledger", request_body = OpeningBalances, responses((status = 200, body = FiscalYearView)))]
#[post("/v1/organisations/{organisation_id}/fiscal-years/{year}/opening-balances")]
pub async fn record_opening_balances(asked: Asked<OpeningBalances>, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (organisation, year) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let row = db::budget::fiscal_year::find_fiscal_year(tx.conn, &scope, year)?;
            call.check_version(row.version)?;
            if row.state.0 != FiscalYearState::Preparation {
                return Err(FISCAL_YEAR_OPEN.refuse().with("fiscal_year", year).into());
            }
            let currency = currency_of(&db::organisation::find_own(tx)?)?;
            currency.require(&body.currency.0)?;
            let postings = body
                .lines
                .iter()
                .enumerate()
                .map(|(index, line)| {
                    let amount = Amount::parse_positive(&line.amount.0, currency)
                        .map_err(|refusal| refusal.at(&format!("/lines/{index}/amount")))?;
                    Ok(Posting { account: line.account.clone(), side: line.side, amount })
                })
                .collect::<Result<Vec<_>, domain::refusal::Refusal>>()?;
            accept_opening(&postings)?;
            let fiscal_year = FiscalYear::new(year)?;
            db::ledger::open_balances(tx, fiscal_year)?;
            let mut event = Event::of("fiscal_year.opened", "fiscal_year", organisation.0, row.version + 1)
                .moved(FiscalYearState::Preparation, FiscalYearState::Open)
                .with("fiscal_year", year);
            if !postings.is_empty() {
                let entry = Entry::new(
                    Journal::Opening,
                    fiscal_year.first_day(),
                    "Balance d'entrée / Opening balances",
                    postings.clone(),
                    currency,
                )?;
                let source = reference(&format!("{organisation}/{year}/opening"));
                let posted = db::ledger::append_entry(tx, year, &entry, "opening_balances", source)?;
                event = event.with("entry_id", posted.id.to_string()).with("entry_digest", posted.digest);
            }
            let mut itemised: BTreeMap<&str, Amount> = BTreeMap::new();
            for (index, debt) in body.carried_debts.iter().enumerate() {
                let amount = Amount::parse_positive(&debt.amount.0, currency)
                    .map_err(|refusal| refusal.at(&format!("/carried_debts/{index}/amount")))?;
                let sum = itemised.entry(debt.account.as_str()).or_default();
                *sum = sum.checked_add(amount).unwrap_or_default();
                db::organisation::supplier::find_supplier(tx.conn, &scope, debt.supplier_id)?;
                let new = NewCarriedDebt {
                    account_code: debt.account.clone(),
                    supplier_id: debt.supplier_id,
                    reference: debt.reference.as_str().to_owned(),
                    amount: amount.minor(),
                };
                // The sum is judged before any row is stored: the account must have been opened with it.
                let carried = Amount::sum(
                    postings.iter().filter(|line| line.account == debt.account && line.side == Side::Credit).map(|line| line.amount),
                );
                if carried.unwrap_or_default().is_zero() {
                    return Err(mismatch(&debt.account, amount, Amount::ZERO, currency).into());
                }
                db::ledger::carried_debt::insert_carried_debt(tx, year, &new)?;
            }
            for (account, sum) in itemised {
                let carried = Amount::sum(
                    postings.iter().filter(|line| line.account == account && line.side == Side::Credit).map(|line| line.amount),
                );
                if carried != Some(sum) {
                    return Err(mismatch(account, sum, carried.unwrap_or_default(), currency).into());
                }
            }
            let version = db::budget::fiscal_year::update_fiscal_year(tx, &row, FiscalYearState::Open)?;
            let row = db::budget::fiscal_year::find_fiscal_year(tx.conn, &scope, year)?;
            Ok((done(version, &view(&row))?, event.into()))
        })
        .await
}

fn mismatch(account: &str, items: Amount, balance: Amount, currency: domain::money::Currency) -> domain::refusal::Refusal {
    LEDGER_CARRIED_DEBT_MISMATCH
        .refuse()
        .with("account", account)
        .with("items", items.display(currency))
        .with("balance", balance.display(currency))
        .at("/carried_debts")
}
