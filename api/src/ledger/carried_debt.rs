//! Debts of earlier years that the opening balances carry.

use actix_web::{HttpRequest, get, web};
use db::budget::fiscal_year::find_fiscal_year;
use db::ledger::carried_debt::{CarriedDebtFilter, CarriedDebtRow};
use domain::id::{CarriedDebtId, OrganisationId, SupplierId};
use domain::money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, listed, versioned};
use crate::auth::Call;
use crate::body::Query;
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::wire::{AmountText, shown};

/// A debt of an earlier year that the opening balances carry (reste à payer).
#[derive(Serialize, ToSchema)]
pub struct CarriedDebtView {
    id: CarriedDebtId,
    organisation_id: OrganisationId,
    /// The year that carries it.
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    #[schema(max_length = 20, example = "401")]
    account: String,
    supplier_id: SupplierId,
    /// The payment order of the earlier year.
    #[schema(max_length = 60)]
    reference: String,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "400000")]
    amount: String,
    #[schema(max_length = 21, example = "0")]
    paid: String,
    /// What is no longer due of it, by reductions of this year.
    #[schema(max_length = 21, example = "0")]
    reduced: String,
    /// What is still due: the amount less what is paid and reduced.
    #[schema(max_length = 21, example = "400000")]
    due: String,
    #[schema(minimum = 1)]
    version: i64,
}

fn debt_view(row: CarriedDebtRow, currency: Currency) -> CarriedDebtView {
    let due = shown(row.due(), currency);
    CarriedDebtView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        fiscal_year: row.fiscal_year,
        account: row.account_code,
        supplier_id: row.supplier_id.0,
        reference: row.reference,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        paid: shown(row.paid, currency),
        reduced: shown(row.reduced, currency),
        due,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CarriedDebtQuery {
    /// Only debts on this creditor account.
    #[param(max_length = 20)]
    account: Option<String>,
    /// Only debts to this creditor.
    supplier_id: Option<SupplierId>,
    /// True for debts on which something is still due, false for those wholly paid or reduced.
    outstanding: Option<bool>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
    /// A part of the reference, without regard to accents and case.
    #[param(max_length = 100)]
    q: Option<String>,
    /// True to be told what the whole list adds up to, over all its pages.
    #[serde(default)]
    totals: bool,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The debts of earlier years that the year carries.
#[utoipa::path(tag = "ledger", params(CarriedDebtQuery), responses((status = 200, body = Page<CarriedDebtView>)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/carried-debts")]
pub async fn list_carried_debts(call: Call, path: web::Path<(OrganisationId, i32)>, query: Query<CarriedDebtQuery>) -> Answered {
    let (_, year) = path.into_inner();
    let query = query.0;
    let keys = keyset::<CarriedDebtId>(&call, query.after.as_deref(), query.limit)?;
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, total) = call
        .store()
        .read(move |conn| {
            find_fiscal_year(conn, &scope, year)?;
            let currency = currency_in(conn, &scope)?;
            let filter = CarriedDebtFilter {
                account: query.account,
                supplier_id: query.supplier_id,
                outstanding: query.outstanding,
                amount: bounds(query.amount_min, query.amount_max, currency)?,
                query: query.q,
            };
            let total = query.totals.then(|| db::ledger::carried_debt::total_carried_debts(conn, &scope, year, &filter)).transpose()?;
            Ok((currency, db::ledger::carried_debt::list_carried_debts(conn, &scope, year, &filter, &asked)?, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| debt_view(row, currency)).with_total(total, currency))
}

/// One carried debt.
#[utoipa::path(tag = "ledger", responses((status = 200, body = CarriedDebtView)))]
#[get("/v1/organisations/{organisation_id}/carried-debts/{carried_debt_id}")]
pub async fn read_carried_debt(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, CarriedDebtId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = db::ledger::carried_debt::find_carried_debt(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    versioned(&request, row.version, &debt_view(row, currency))
}
