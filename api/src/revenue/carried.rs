//! Receivables of earlier years that the opening balances carry (restes à recouvrer), itemised.

use std::collections::BTreeMap;

use actix_web::{post, web};
use db::budget::fiscal_year::find_fiscal_year;
use db::fault::Fault;
use db::revenue::order::{NewCarried, RevenueOrder};
use domain::audit::{Event, Events};
use domain::calendar::FiscalYear;
use domain::expenditure::require_open;
use domain::id::{DebtorId, OrganisationId, RevenueOrderId};
use domain::money::{AMOUNT_ZERO, Amount};
use domain::revenue::{CARRIED_RECEIVABLE_ARTICLE, CARRIED_RECEIVABLE_YEAR, CARRIED_RECEIVABLES_EXCEED_BALANCE};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::order::{RevenueOrderView, view};
use super::revenue_article;
use crate::answer::{Answered, created};
use crate::body::{Asked, Json};
use crate::expenditure::own_currency;
use crate::wire::{AmountText, CurrencyText, shown};

/// A debt of an earlier year: what a debit balance at the opening is made of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CarriedReceivable {
    /// An identifier made by the client, if it works offline.
    id: Option<RevenueOrderId>,
    /// The account that carries it.
    account: Text<20>,
    /// The order of the earlier year, unique in the account.
    reference: Text<60>,
    debtor_id: Option<DebtorId>,
    /// Article of revenue that it belongs to; without one it cannot be waived.
    article: Option<Text<20>>,
    amount: AmountText,
    /// The year in which it arose.
    #[schema(minimum = 1900, maximum = 2200)]
    since_year: i32,
}

/// Receivables to itemise.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCarriedReceivables {
    currency: CurrencyText,
    /// Those of an account make its opening debit balance at most, together with those itemised before.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 200>")]
    #[schema(min_items = 1, max_items = 200)]
    receivables: Vec<CarriedReceivable>,
}

impl Json for NewCarriedReceivables {}

/// The carried receivables that were recorded.
#[derive(Serialize, ToSchema)]
pub struct CarriedReceivables {
    #[schema(max_items = 200)]
    revenue_orders: Vec<RevenueOrderView>,
}

/// Itemises the receivables of earlier years that the opening balances carry. Each becomes a revenue order of kind `carried`,
/// accepted from the start: it can be collected, written off, cancelled or waived, and is no revenue of the year. No account
/// moves.
#[utoipa::path(tag = "revenue", request_body = NewCarriedReceivables, responses((status = 201, body = CarriedReceivables)))]
#[post("/v1/organisations/{organisation_id}/fiscal-years/{year}/carried-receivables")]
pub async fn record_carried_receivables(asked: Asked<NewCarriedReceivables>, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (organisation, year) = path.into_inner();
    let fresh: Vec<RevenueOrderId> = asked.body.receivables.iter().map(|item| item.id.unwrap_or_default()).collect();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let row = find_fiscal_year(tx.conn, &scope, year)?;
            require_open(FiscalYear::new(year)?, row.state.0)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let mut itemised: BTreeMap<&str, Amount> = BTreeMap::new();
            let mut orders: Vec<RevenueOrder> = Vec::with_capacity(fresh.len());
            for (index, (item, id)) in body.receivables.iter().zip(&fresh).enumerate() {
                let at = |member: &str| format!("/receivables/{index}/{member}");
                let amount = Amount::parse_positive(&item.amount.0, currency).map_err(|refusal| refusal.at(&at("amount")))?;
                if !(1900..year).contains(&item.since_year) {
                    return Err(CARRIED_RECEIVABLE_YEAR.refuse().with("fiscal_year", year).at(&at("since_year")).into());
                }
                if let Some(article) = &item.article
                    && revenue_article(tx.conn, row.nomenclature_id.0, article.as_str())?.is_none()
                {
                    return Err(CARRIED_RECEIVABLE_ARTICLE.refuse().with("article", article.as_str()).at(&at("article")).into());
                }
                if let Some(debtor) = item.debtor_id {
                    db::revenue::debtor::find_debtor(tx.conn, &scope, debtor)?;
                }
                let account = item.account.as_str();
                let before = match itemised.get(account) {
                    Some(sum) => *sum,
                    None => db::budget::amount(db::revenue::order::sum_carried(tx, year, account)?)?,
                };
                let balance = db::ledger::find_opening_debit(tx, year, account)?;
                match before.checked_add(amount).filter(|sum| *sum <= balance) {
                    Some(sum) => drop(itemised.insert(account, sum)),
                    None => {
                        let refusal = CARRIED_RECEIVABLES_EXCEED_BALANCE
                            .refuse()
                            .with("account", account)
                            .with("items", shown(before.minor().saturating_add(amount.minor()), currency))
                            .with("balance", balance.display(currency));
                        return Err(refusal.at(&at("amount")).into());
                    }
                }
                let new = NewCarried {
                    id: *id,
                    fiscal_year: year,
                    account: account.to_owned(),
                    article: item.article.as_ref().map(|article| article.as_str().to_owned()),
                    reference: item.reference.as_str().to_owned(),
                    since_year: item.since_year,
                    debtor: item.debtor_id,
                    amount: amount.minor(),
                    by,
                };
                orders.push(db::revenue::order::insert_carried(tx, &new)?);
            }
            let happened = |order: &RevenueOrder| {
                Event::of("revenue_order.carried", "revenue_order", order.row.id.0.0, 1)
                    .begun(order.row.state.0)
                    .with("fiscal_year", year)
                    .with("account", &order.row.receivable_account)
                    .with("amount", shown(order.row.amount, currency))
            };
            let events = orders.iter().map(happened).fold(None, |events: Option<Events>, event| match events {
                None => Some(event.into()),
                Some(events) => Some(events.and(event)),
            });
            let events = events.ok_or_else(|| AMOUNT_ZERO.refuse().at("/receivables"))?;
            let view = CarriedReceivables { revenue_orders: orders.into_iter().map(|order| view(order, currency)).collect() };
            let location = format!("/v1/organisations/{organisation}/revenue-orders?kind=carried&fiscal_year={year}");
            Ok((created(location, 1, &view)?, events))
        })
        .await
}
