//! Payments: of accepted orders, of debts carried from earlier years, of retention money, and of money held for others.

use PaymentOrderState as S;
use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::budget::credit::Cause;
use db::budget::fiscal_year::find_fiscal_year;
use db::expenditure::CommitmentChange;
use db::expenditure::order::PaymentOrderChange;
use db::expenditure::payment::{Due, NewPayment as NewRow, PaymentFilter, PaymentReturnRow, PaymentRow};
use db::fault::Fault;
use db::ledger::Posted;
use db::number;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::credit::Step;
use domain::calendar::FiscalYear;
use domain::expenditure::order::PaymentOrderState;
use domain::expenditure::payment::{PaymentFacts, PaymentMode, Remitted};
use domain::expenditure::verification::Nature;
use domain::expenditure::{require_open, require_state};
use domain::id::{BudgetLineId, CarriedDebtId, CommitmentId, EntryId, OrganisationId, PaymentId, PaymentOrderId, PrincipalId, SupplierId};
use domain::ledger::{Entry, Journal, Part, creditor_paid};
use domain::money::{Amount, Currency};
use domain::text::document_number;
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::desk::{keep_apart, numbered, order_accounts};
use super::document::{self, NewDocument};
use super::own_currency;
use crate::answer::{Answered, created, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query, words};
use crate::organisation::currency_in;
use crate::page::{Page, bounds, keyset, page};
use crate::parameter::COUNTRY;
use crate::wire::{AmountText, CurrencyText, shown};

/// A payment. It never changes; one that came back from the bank says so.
#[derive(Serialize, ToSchema)]
pub struct PaymentView {
    id: PaymentId,
    organisation_id: OrganisationId,
    /// "P-2025-000009", without gap in the year.
    #[schema(max_length = 20, example = "P-2025-000009")]
    number: String,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// The order that it pays, unless it pays a carried debt.
    payment_order_id: Option<PaymentOrderId>,
    /// The debt of an earlier year that it pays.
    carried_debt_id: Option<CarriedDebtId>,
    /// The commitment whose retention money it releases.
    commitment_id: Option<CommitmentId>,
    /// The money held for others that it remits.
    remitted: Option<Remitted>,
    payee_id: SupplierId,
    mode: PaymentMode,
    paid_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "XOF")]
    currency: String,
    #[schema(max_length = 21, example = "850000")]
    amount: String,
    /// The entry by which it was posted.
    entry_id: EntryId,
    paid_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    /// When it came back from the bank; null as long as it stands.
    returned_on: Option<NaiveDate>,
    #[schema(max_length = 2000)]
    return_reason: Option<String>,
    /// The entry that reversed it.
    return_entry_id: Option<EntryId>,
    /// 1 as long as it stands, 2 when it came back.
    #[schema(minimum = 1)]
    version: i64,
}

/// The payment, with its return if it came back.
pub fn view(row: PaymentRow, returns: &[PaymentReturnRow], currency: Currency) -> PaymentView {
    let returned = returns.iter().find(|back| back.payment_id == row.id);
    PaymentView {
        returned_on: returned.map(|back| back.returned_on),
        return_reason: returned.map(|back| back.reason.clone()),
        return_entry_id: returned.map(|back| back.entry_id.0),
        version: if returned.is_some() { 2 } else { 1 },
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        number: document_number("P", row.fiscal_year, row.number),
        fiscal_year: row.fiscal_year,
        payment_order_id: row.payment_order_id.map(|id| id.0),
        carried_debt_id: row.carried_debt_id.map(|id| id.0),
        commitment_id: row.commitment_id.map(|id| id.0),
        remitted: row.remitted.map(|held| held.0),
        payee_id: row.payee_id.0,
        mode: row.mode.0,
        paid_on: row.paid_on,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        entry_id: row.entry_id.0,
        paid_by: row.paid_by.0,
        recorded_at: row.recorded_at.0,
    }
}

/// A payment to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// The creditor, named again: a payment to anyone else does not discharge.
    payee_id: SupplierId,
    /// At most what is still due.
    amount: AmountText,
    currency: CurrencyText,
    mode: PaymentMode,
}

impl Json for NewPayment {}

/// What a payment is made on.
struct Debt {
    fiscal_year: i32,
    debited_account: String,
    creditor: SupplierId,
    due: Amount,
    paid: Amount,
    label: String,
    cause: Due,
}

/// Judges, posts and records one payment.
fn pay(
    call: &Call,
    body: &NewPayment,
    tx: &mut Tx<'_>,
    id: PaymentId,
    debt: &Debt,
    currency: Currency,
) -> Result<(PaymentRow, Amount, Posted), Fault> {
    let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
    currency.require(&body.currency.0)?;
    let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
    let year = FiscalYear::new(debt.fiscal_year)?;
    let state = find_fiscal_year(tx.conn, &call.scope_in(tx.organisation), debt.fiscal_year)?.state.0;
    require_open(year, state)?;
    year.accept(call.today, call.today)?;
    let organisation = db::organisation::find_own(tx)?;
    let parameters = db::parameter::find_parameters(tx.conn, COUNTRY, organisation.kind.as_str(), year.first_day())?;
    let accounts = db::ledger::find_posting_accounts(tx, debt.fiscal_year)?;
    let money = accounts.of(body.mode.money()).to_owned();
    let facts = PaymentFacts {
        currency,
        net: debt.due,
        paid: debt.paid,
        creditor: debt.creditor,
        cash: db::ledger::find_cash(tx, debt.fiscal_year, &money)?,
        cash_account: money.clone(),
        // The parameter is in whole francs.
        cash_ceiling: parameters.text("cash_payment_max").and_then(|text| Amount::parse(text, currency).ok()),
    };
    domain::expenditure::payment::pay(&facts, amount, body.mode, body.payee_id)?;
    let postings = creditor_paid(&debt.debited_account, &money, amount);
    let entry = Entry::new(Journal::Treasury, call.today, &debt.label, postings, currency)?;
    let posted = db::ledger::append_entry(tx, debt.fiscal_year, &entry, "payment", id.0)?;
    let new = NewRow {
        id,
        fiscal_year: debt.fiscal_year,
        number: number::next(tx, debt.fiscal_year, number::PAYMENT)?,
        due: debt.cause,
        payee: body.payee_id,
        mode: body.mode,
        paid_on: call.today,
        amount: amount.minor(),
        entry: posted.id,
        paid_by: principal,
    };
    let row = db::expenditure::payment::append_payment(tx, &new)?;
    Ok((row, amount, posted))
}

fn paid_event(row: &PaymentRow, amount: Amount, posted: Posted, currency: Currency) -> Event {
    Event::of("payment.made", "payment", row.id.0.0, 1)
        .with("number", row.number)
        .with("amount", amount.display(currency))
        .with("currency", currency.code())
        .with("entry_id", posted.id.to_string())
        .with("entry_digest", posted.digest)
}

/// Pays a part or all of an accepted order: the creditor is debited, the Treasury account (or cash) credited.
#[utoipa::path(tag = "expenditure", request_body = NewPayment, responses((status = 201, body = PaymentView)))]
#[post("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/payments")]
pub async fn pay_payment_order(asked: Asked<NewPayment>, path: web::Path<(OrganisationId, PaymentOrderId)>) -> Answered {
    let (organisation, order_id) = path.into_inner();
    let id = PaymentId::new();
    asked
        .write(move |call, body, tx| {
            let scope = call.scope_in(organisation);
            let principal = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let order = db::expenditure::order::find_payment_order(tx.conn, &scope, order_id)?;
            call.check_version(order.version)?;
            // A paid order goes on to the rule, which answers that it is paid.
            require_state(order.state.0, &[S::Accepted, S::PartlyPaid, S::Returned, S::Paid])?;
            keep_apart(tx, &scope, &order, principal)?;
            let currency = own_currency(tx)?;
            let commitment = db::expenditure::find_commitment(tx.conn, &scope, order.commitment_id.0)?;
            let verification = db::expenditure::verification::find_verification(tx.conn, &scope, order.verification_id.0)?;
            let debt = Debt {
                fiscal_year: order.fiscal_year,
                debited_account: order_accounts(tx, &commitment, verification.nature.0)?.creditor,
                creditor: order.supplier_id.0,
                due: order.net()?,
                paid: db::budget::amount(order.paid)?,
                label: numbered(&order),
                cause: Due::Order(order_id),
            };
            let (row, amount, posted) = pay(call, body, tx, id, &debt, currency)?;
            let cause = Cause { kind: "payment", id: id.0, on: call.today };
            db::budget::credit::update_credit(tx, &commitment.charge(), Step::Pay, amount, cause)?;
            let paid = order.paid + amount.minor();
            let state = if paid == debt.due.minor() { S::Paid } else { S::PartlyPaid };
            if verification.nature.0 == Nature::Advance {
                let change =
                    CommitmentChange { advance_paid: Some(commitment.advance_paid + amount.minor()), ..CommitmentChange::default() };
                db::expenditure::update_commitment(tx, &commitment, change)?;
            }
            let after = db::expenditure::order::update_payment_order(
                tx,
                &order,
                PaymentOrderChange { paid: Some(paid), ..PaymentOrderChange::to(state) },
            )?;
            let events = Events::from(paid_event(&row, amount, posted, currency)).and(
                Event::of("payment_order.paid", "payment_order", order_id.0, after.version)
                    .moved(order.state.0, state)
                    .with("payment_id", id.to_string()),
            );
            let location = format!("/v1/organisations/{organisation}/payments/{id}");
            Ok((created(location, 1, &view(row, &[], currency))?, events))
        })
        .await
}

/// Pays a part or all of a debt of an earlier year. No credit of this year moves.
#[utoipa::path(tag = "expenditure", request_body = NewPayment, responses((status = 201, body = PaymentView)))]
#[post("/v1/organisations/{organisation_id}/carried-debts/{carried_debt_id}/payments")]
pub async fn pay_carried_debt(asked: Asked<NewPayment>, path: web::Path<(OrganisationId, CarriedDebtId)>) -> Answered {
    let (organisation, debt_id) = path.into_inner();
    let id = PaymentId::new();
    asked
        .write(move |call, body, tx| {
            let carried = db::ledger::carried_debt::find_carried_debt(tx.conn, &call.scope_in(organisation), debt_id)?;
            call.check_version(carried.version)?;
            let currency = own_currency(tx)?;
            let debt = Debt {
                fiscal_year: carried.fiscal_year,
                debited_account: carried.account_code.clone(),
                creditor: carried.supplier_id.0,
                due: db::budget::amount(carried.amount - carried.reduced)?,
                paid: db::budget::amount(carried.paid)?,
                label: carried.reference.clone(),
                cause: Due::CarriedDebt(debt_id),
            };
            let (row, amount, posted) = pay(call, body, tx, id, &debt, currency)?;
            let version = db::ledger::carried_debt::update_carried_debt(tx, &carried, carried.paid + amount.minor(), carried.reduced)?;
            let events = Events::from(paid_event(&row, amount, posted, currency))
                .and(Event::of("carried_debt.paid", "carried_debt", debt_id.0, version).with("payment_id", id.to_string()));
            let location = format!("/v1/organisations/{organisation}/payments/{id}");
            Ok((created(location, 1, &view(row, &[], currency))?, events))
        })
        .await
}

/// Retention money to release.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionPayment {
    payment: NewPayment,
    /// The minutes of the final acceptance (réception définitive).
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    documents: Vec<NewDocument>,
}

impl Json for RetentionPayment {}

/// Releases retention money after the final acceptance of the works: at most what was withheld on the commitment and not
/// yet released. No credit moves: it was charged with the statements. The version in If-Match is the commitment's.
#[utoipa::path(tag = "expenditure", request_body = RetentionPayment, responses((status = 201, body = PaymentView)))]
#[post("/v1/organisations/{organisation_id}/commitments/{commitment_id}/retention-payments")]
pub async fn release_retention(asked: Asked<RetentionPayment>, path: web::Path<(OrganisationId, CommitmentId)>) -> Answered {
    let (organisation, commitment_id) = path.into_inner();
    let id = PaymentId::new();
    asked
        .write(move |call, body, tx| {
            let commitment = db::expenditure::find_commitment(tx.conn, &call.scope_in(organisation), commitment_id)?;
            call.check_version(commitment.version)?;
            document::require_final_acceptance(&commitment.kind_code, &body.documents)?;
            let currency = own_currency(tx)?;
            let accounts = db::ledger::find_posting_accounts(tx, commitment.fiscal_year)?;
            let debt = Debt {
                fiscal_year: commitment.fiscal_year,
                debited_account: accounts.of(Part::Retention).to_owned(),
                creditor: commitment.supplier_id.0,
                due: db::budget::amount(commitment.retention_withheld)?,
                paid: db::budget::amount(commitment.retention_released)?,
                label: document_number("E", commitment.fiscal_year, commitment.number),
                cause: Due::Retention(commitment_id),
            };
            let (row, amount, posted) = pay(call, &body.payment, tx, id, &debt, currency)?;
            document::record(tx, ("payment", id.0), &body.documents)?;
            let change = CommitmentChange {
                retention_released: Some(commitment.retention_released + amount.minor()),
                ..CommitmentChange::default()
            };
            let after = db::expenditure::update_commitment(tx, &commitment, change)?;
            let events = Events::from(paid_event(&row, amount, posted, currency)).and(
                Event::of("commitment.retention_released", "commitment", commitment_id.0, after.version).with("payment_id", id.to_string()),
            );
            let location = format!("/v1/organisations/{organisation}/payments/{id}");
            Ok((created(location, 1, &view(row, &[], currency))?, events))
        })
        .await
}

/// Money to remit to those for whom it is held.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRemittance {
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// What is remitted.
    held: Remitted,
    /// At most the credit balance of the account, less what orders and carried debts claim on it.
    payment: NewPayment,
}

impl Json for NewRemittance {}

/// Remits money held for others (reversement): social contributions, taxes withheld, shares of others in shared taxes. At
/// most the credit balance of the account, less what accepted orders and carried debts still claim on it: these are paid
/// each by itself.
#[utoipa::path(tag = "expenditure", request_body = NewRemittance, responses((status = 201, body = PaymentView)))]
#[post("/v1/organisations/{organisation_id}/remittances")]
pub async fn remit(asked: Asked<NewRemittance>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = PaymentId::new();
    asked
        .write(move |call, body, tx| {
            let currency = own_currency(tx)?;
            find_fiscal_year(tx.conn, &call.scope_in(organisation), body.fiscal_year)?;
            db::organisation::supplier::find_supplier(tx.conn, &call.scope_in(organisation), body.payment.payee_id)?;
            let accounts = db::ledger::find_posting_accounts(tx, body.fiscal_year)?;
            let account = accounts.of(body.held.part()).to_owned();
            let owed = db::ledger::find_debt(tx, body.fiscal_year, &account)?.minor();
            let claimed = db::expenditure::payment::find_claims(tx, body.fiscal_year, body.held.part(), &account)?;
            let debt = Debt {
                fiscal_year: body.fiscal_year,
                due: db::budget::amount((owed - claimed).max(0))?,
                debited_account: account,
                creditor: body.payment.payee_id,
                paid: Amount::ZERO,
                label: body.held.as_str().to_owned(),
                cause: Due::Remittance(body.held),
            };
            let (row, amount, posted) = pay(call, &body.payment, tx, id, &debt, currency)?;
            let event = paid_event(&row, amount, posted, currency).with("remitted", body.held);
            let location = format!("/v1/organisations/{organisation}/payments/{id}");
            Ok((created(location, 1, &view(row, &[], currency))?, event.into()))
        })
        .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PaymentQuery {
    /// Only payments of this year.
    #[param(minimum = 1960, maximum = 2200)]
    fiscal_year: Option<i32>,
    /// Only payments made in one of these modes, separated by commas.
    #[param(max_length = 100)]
    mode: Option<String>,
    /// Only payments of this order.
    payment_order_id: Option<PaymentOrderId>,
    /// Only payments of this carried debt.
    carried_debt_id: Option<CarriedDebtId>,
    /// Only payments on this article of the nomenclature.
    #[param(max_length = 10)]
    article: Option<String>,
    /// Only payments on this budget line.
    budget_line_id: Option<BudgetLineId>,
    /// Only payments to this creditor.
    supplier_id: Option<SupplierId>,
    /// True for payments that came back only, false for those that stand only.
    returned: Option<bool>,
    /// First day of the payment.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    from: Option<NaiveDate>,
    /// Last day of the payment.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    to: Option<NaiveDate>,
    /// Least amount, in the currency of the accounts.
    amount_min: Option<AmountText>,
    /// Largest amount, in the currency of the accounts.
    amount_max: Option<AmountText>,
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

/// The payments of the organisation.
#[utoipa::path(tag = "expenditure", params(PaymentQuery), responses((status = 200, body = Page<PaymentView>)))]
#[get("/v1/organisations/{organisation_id}/payments")]
pub async fn list_payments(call: Call, _path: web::Path<OrganisationId>, query: Query<PaymentQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<PaymentId>(&call, query.after.as_deref(), query.limit)?;
    let filter = PaymentFilter {
        fiscal_year: query.fiscal_year,
        mode: words("mode", query.mode.as_deref())?,
        payment_order_id: query.payment_order_id,
        carried_debt_id: query.carried_debt_id,
        article: query.article,
        budget_line_id: query.budget_line_id,
        supplier_id: query.supplier_id,
        returned: query.returned,
        from: query.from,
        to: query.to,
        ..PaymentFilter::default()
    };
    let scope = call.scope()?;
    let asked = keys.clone();
    let (currency, rows, returns, total) = call
        .store()
        .read(move |conn| {
            let currency = currency_in(conn, &scope)?;
            let filter = PaymentFilter { amount: bounds(query.amount_min, query.amount_max, currency)?, ..filter };
            let total = query.totals.then(|| db::expenditure::payment::total_payments(conn, &scope, &filter)).transpose()?;
            let rows = db::expenditure::payment::list_payments(conn, &scope, &filter, &asked)?;
            let ids: Vec<PaymentId> = rows.rows.iter().map(|row| row.id.0).collect();
            let returns = db::expenditure::payment::list_payment_returns(conn, &scope, &ids)?;
            Ok((currency, rows, returns, total))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, &returns, currency)).with_total(total, currency))
}

/// One payment.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PaymentView)))]
#[get("/v1/organisations/{organisation_id}/payments/{payment_id}")]
pub async fn read_payment(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, PaymentId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row, returns) = call
        .store()
        .read(move |conn| {
            let row = db::expenditure::payment::find_payment(conn, &scope, id)?;
            let returns = db::expenditure::payment::list_payment_returns(conn, &scope, &[id])?;
            Ok((currency_in(conn, &scope)?, row, returns))
        })
        .await?;
    let view = view(row, &returns, currency);
    versioned(&request, view.version, &view)
}
