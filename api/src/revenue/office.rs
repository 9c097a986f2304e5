//! What cash offices collect: receipts on orders or before any, and tickets sold.

use actix_web::{post, web};
use db::cash_office::ticket::{Moved, move_range};
use db::cash_office::{CashOfficeChange, CashOfficeRow};
use db::fault::Fault;
use db::revenue::receipt::Receipt;
use db::store::Tx;
use domain::audit::Events;
use domain::cash_office::ticket::{TicketState, sell};
use domain::cash_office::{CashMovementKind, collect_into};
use domain::expenditure::payment::PaymentMode;
use domain::id::{CashMovementId, CashOfficeId, OrganisationId, ReceiptId, RevenueOrderId, TicketMovementId, TicketRangeId};
use domain::ledger::Part;
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::receipt::{Money, ReceiptView, collect, view};
use crate::answer::{Answered, created};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::cash_office::movement::{Judged, record};
use crate::cash_office::open_year;
use crate::cash_office::ticket::{RangePath, load, moved_event, worth};
use crate::expenditure::own_currency;
use crate::wire::{AmountText, CurrencyText};

/// Money received by a collection office.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficeReceipt {
    /// An identifier made by the client, if it works offline.
    id: Option<ReceiptId>,
    /// The order or roll that it settles; absent for money received before any order.
    revenue_order_id: Option<RevenueOrderId>,
    /// Who paid, if known.
    payer: Option<Text<200>>,
    label: Option<Text<300>>,
    amount: AmountText,
    currency: CurrencyText,
    /// "cash" by default.
    mode: Option<PaymentMode>,
}

impl Json for OfficeReceipt {}

/// Records money in the hands of an office: the receipt is posted on the account of collection offices, the office holds more.
fn receive(
    call: &Call,
    tx: &mut Tx<'_>,
    office: &CashOfficeRow,
    money: &Money<'_>,
    currency: Currency,
) -> Result<(Receipt, Events), Fault> {
    let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let facts = office.office(currency)?;
    facts.require_officer(principal)?;
    collect_into(&facts, money.amount)?;
    let year = open_year(call, tx)?;
    let accounts = db::ledger::find_posting_accounts(tx, year)?;
    let (receipt, events) = collect(tx, money, accounts.of(Part::CollectionOffice), Some(office.id.0.0), currency)?;
    let judged = Judged {
        id: CashMovementId::new(),
        kind: CashMovementKind::Collection,
        amount: money.amount,
        fiscal_year: year,
        label: String::new(),
        cause: Some(money.id.0),
        document_sha256: None,
    };
    let (_, _, event) = record(tx, office, judged, receipt.row.entry_id.0, CashOfficeChange::default(), currency)?;
    Ok((receipt, events.and(event)))
}

/// Records money received by the cash officer of an active collection office, on an order or before any: D 542 / C 411 or 471.
/// Refused when the office would hold more than its ceiling. The version in If-Match is the office's.
#[utoipa::path(tag = "revenue", request_body = OfficeReceipt, responses((status = 201, body = ReceiptView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/receipts")]
pub async fn collect_into_cash_office(asked: Asked<OfficeReceipt>, path: web::Path<(OrganisationId, CashOfficeId)>) -> Answered {
    let (organisation, office_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let office = db::cash_office::find_cash_office(tx.conn, &call.scope_in(organisation), office_id)?;
            call.check_version(office.version)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let money = Money {
                id,
                order: body.revenue_order_id,
                payer: body.payer.as_ref().map(Text::as_str),
                label: body.label.as_ref().map(Text::as_str),
                amount: Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?,
                mode: body.mode.unwrap_or(PaymentMode::Cash),
                received_on: call.today,
            };
            let (receipt, events) = receive(call, tx, &office, &money, currency)?;
            let location = format!("/v1/organisations/{organisation}/receipts/{id}");
            Ok((created(location, 1, &view(receipt, currency))?, events))
        })
        .await
}

/// Tickets that were sold, and the money that came in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketSale {
    /// An identifier of the receipt made by the client, if it works offline.
    id: Option<ReceiptId>,
    /// The first ticket of the range that was sold; the rest stays.
    #[schema(minimum = 1, maximum = 999_999_999)]
    first_number: i64,
    #[schema(minimum = 1, maximum = 999_999_999)]
    last_number: i64,
    /// The money declared: exactly what the tickets are worth.
    amount: AmountText,
    currency: CurrencyText,
}

impl Json for TicketSale {}

/// Declares tickets sold by the collection office that has them: it holds the money from now on, D 542 / C 471, on a numbered
/// receipt that a revenue order regularises later. Refused when money and tickets do not agree, or when the office would hold
/// more than its ceiling.
#[utoipa::path(tag = "revenue", request_body = TicketSale, responses((status = 201, body = ReceiptView)))]
#[post("/v1/organisations/{organisation_id}/ticket-ranges/{ticket_range_id}/sale")]
pub async fn sell_tickets(asked: Asked<TicketSale>, path: RangePath) -> Answered {
    let (organisation, range_id) = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    let (movement, new) = (TicketMovementId::new(), [TicketRangeId::new(), TicketRangeId::new()]);
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let (row, part) = load(call, tx, range_id, body.first_number, body.last_number, TicketState::Sold)?;
            let office_id = row.cash_office_id.ok_or_else(|| Fault::Corrupt(format!("issued tickets {} without an office", row.id.0)))?.0;
            let office = db::cash_office::find_cash_office(tx.conn, &scope, office_id)?;
            let currency = own_currency(tx)?;
            currency.require(&body.currency.0)?;
            let declared = Amount::parse(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            let facts = office.office(currency)?;
            facts.require_officer(tx.author.actor.principal.ok_or(Fault::Missing)?)?;
            sell(worth(tx, call, &row, part)?, declared, facts.cash_officer, call.today, currency)?;
            let label = format!("{} – {}", part.first, part.last);
            let money = Money {
                id,
                order: None,
                payer: None,
                label: Some(&label),
                amount: declared,
                mode: PaymentMode::Cash,
                received_on: call.today,
            };
            let (receipt, events) = receive(call, tx, &office, &money, currency)?;
            let moved = Moved {
                id: movement,
                to: TicketState::Sold,
                office: Some(office_id),
                document_sha256: None,
                decision: None,
                entry: Some(receipt.row.entry_id.0),
            };
            let (after, _) = move_range(tx, &row, part, &moved, new)?;
            let events = events.and(moved_event(&after, part, Some(row.state.0)));
            let location = format!("/v1/organisations/{organisation}/receipts/{id}");
            Ok((created(location, 1, &view(receipt, currency))?, events))
        })
        .await
}

/// Takes the money of a cancelled receipt out of the office that received it.
pub fn give_up(
    tx: &mut Tx<'_>,
    receipt: &Receipt,
    entry: domain::id::EntryId,
    currency: Currency,
) -> Result<Option<domain::audit::Event>, Fault> {
    let Some(office) = receipt.row.cash_office_id else { return Ok(None) };
    let scope = tx.all();
    let office = db::cash_office::find_cash_office(tx.conn, &scope, CashOfficeId(office.0))?;
    let amount = db::budget::amount(receipt.row.amount)?;
    domain::cash_office::uncollect(&office.office(currency)?, amount)?;
    let judged = Judged {
        id: CashMovementId::new(),
        kind: CashMovementKind::Cancellation,
        amount,
        fiscal_year: receipt.row.fiscal_year,
        label: String::new(),
        cause: Some(receipt.row.id.0.0),
        document_sha256: None,
    };
    let (_, _, event) = record(tx, &office, judged, entry, CashOfficeChange::default(), currency)?;
    Ok(Some(event))
}
