//! Batches: signed payment orders sent to the accountant together (bordereaux).

use actix_web::{get, post, web};
use chrono::NaiveDate;
use db::column::Col;
use db::expenditure::detail::{Details, find_details};
use db::expenditure::order::{BatchRow, PaymentOrderChange, PaymentOrderRow};
use db::fault::Fault;
use db::number;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::expenditure::order::{PAYMENT_ORDER_BATCH_STATE, PAYMENT_ORDER_BATCH_TOTAL, PaymentOrderState};
use domain::id::{BatchId, OrganisationId, PaymentOrderId, PrincipalId};
use domain::money::{Amount, Currency};
use domain::sensitivity::Scope;
use domain::text::document_number;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::order::{PaymentOrderView, view};
use super::own_currency;
use crate::answer::{Answered, created, ok};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::organisation::currency_in;
use crate::wire::{AmountText, CurrencyText, shown};

/// Orders to send to the accountant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBatch {
    /// Signed orders of one fiscal year, each once.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 1, 200>")]
    #[schema(min_items = 1, max_items = 200)]
    payment_order_ids: Vec<PaymentOrderId>,
    /// Sum of the orders, counted by hand: refused if it differs.
    total: AmountText,
    currency: CurrencyText,
}

impl Json for NewBatch {}

/// A batch of payment orders (bordereau).
#[derive(Serialize, ToSchema)]
pub struct BatchView {
    id: BatchId,
    organisation_id: OrganisationId,
    /// "BM-2025-000004", without gap in the year.
    #[schema(max_length = 20, example = "BM-2025-000004")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    transmitted_on: NaiveDate,
    transmitted_by: PrincipalId,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    #[schema(max_length = 21)]
    total: String,
    #[schema(max_items = 200)]
    payment_orders: Vec<PaymentOrderView>,
}

fn batch_view(row: BatchRow, orders: Vec<PaymentOrderRow>, details: &Details, currency: Currency) -> BatchView {
    BatchView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("BM", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        transmitted_on: row.transmitted_on,
        transmitted_by: row.transmitted_by.0,
        currency: currency.code().to_owned(),
        total: shown(row.total, currency),
        payment_orders: orders.into_iter().map(|order| view(order, details, currency)).collect(),
    }
}

fn orders_of(tx: &mut Tx<'_>, scope: &Scope, ids: &[PaymentOrderId]) -> Result<Vec<PaymentOrderRow>, Fault> {
    let orders = ids.iter().map(|id| db::expenditure::order::find_payment_order(tx.conn, scope, *id)).collect::<Result<Vec<_>, _>>()?;
    let year = orders.first().map(|order| order.fiscal_year);
    let misfit = |(index, order): &(usize, &PaymentOrderRow)| {
        order.state.0 != PaymentOrderState::Signed
            || Some(order.fiscal_year) != year
            || orders.iter().take(*index).any(|before| before.id == order.id)
    };
    let misfits: Vec<String> = orders.iter().enumerate().filter(misfit).map(|(_, order)| order.id.to_string()).collect();
    if !misfits.is_empty() || orders.is_empty() {
        return Err(PAYMENT_ORDER_BATCH_STATE.refuse().with("orders", misfits).at("/payment_order_ids").into());
    }
    Ok(orders)
}

/// Transmits signed orders to the accountant on a numbered batch.
#[utoipa::path(tag = "expenditure", request_body = NewBatch, responses((status = 201, body = BatchView)))]
#[post("/v1/organisations/{organisation_id}/payment-order-batches")]
pub async fn transmit_payment_orders(asked: Asked<NewBatch>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = BatchId::new();
    asked
        .write(move |call, body, tx| {
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let stated = Amount::parse_positive(&body.total.0, currency).map_err(|refusal| refusal.at("/total"))?;
            crate::identity::delegation::authorise(call, tx, stated)?;
            let orders = orders_of(tx, &scope, &body.payment_order_ids)?;
            let year = orders.first().map_or(0, |order| order.fiscal_year);
            let computed: i64 = orders.iter().map(|order| order.amount).sum();
            if stated.minor() != computed {
                return Err(PAYMENT_ORDER_BATCH_TOTAL
                    .refuse()
                    .with("stated", stated.display(currency))
                    .with("computed", shown(computed, currency))
                    .with("currency", currency.code())
                    .at("/total")
                    .into());
            }
            let number = number::next(tx, year, number::BATCH)?;
            let batch = db::expenditure::order::insert_batch(tx, id, year, number, computed, principal)?;
            let mut events = Events::from(
                Event::of("payment_order_batch.transmitted", "payment_order_batch", id.0, 1)
                    .with("number", number)
                    .with("total", stated.display(currency))
                    .with("currency", currency.code()),
            );
            let mut sent = Vec::with_capacity(orders.len());
            for order in orders {
                let change = PaymentOrderChange { batch_id: Some(Col(id)), ..PaymentOrderChange::to(PaymentOrderState::Transmitted) };
                let after = db::expenditure::order::update_payment_order(tx, &order, change)?;
                let event = Event::of("payment_order.transmitted", "payment_order", order.id.0.0, after.version);
                events = events.and(event.moved(order.state.0, after.state.0).with("batch_id", id.to_string()));
                sent.push(after);
            }
            let location = format!("/v1/organisations/{organisation}/payment-order-batches/{id}");
            let details = find_details(tx.conn, &scope, &body.payment_order_ids)?;
            Ok((created(location, 1, &batch_view(batch, sent, &details, currency))?, events))
        })
        .await
}

/// One batch with its orders.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = BatchView)))]
#[get("/v1/organisations/{organisation_id}/payment-order-batches/{batch_id}")]
pub async fn read_payment_order_batch(call: Call, path: web::Path<(OrganisationId, BatchId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let view = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let (batch, orders) = db::expenditure::order::find_batch(conn, &scope, id)?;
            let ids: Vec<PaymentOrderId> = orders.iter().map(|order| order.id.0).collect();
            let details = find_details(conn, &scope, &ids)?;
            Ok(batch_view(batch, orders, &details, currency))
        })
        .await?;
    ok(&view)
}
