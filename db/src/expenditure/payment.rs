//! Payments, and those that came back from the bank.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::order::PaymentOrderState;
use domain::expenditure::payment::{PaymentMode, Remitted};
use domain::id::{BudgetLineId, CarriedDebtId, CommitmentId, EntryId, OrganisationId, PaymentId, PaymentOrderId, PrincipalId, SupplierId};
use domain::ledger::Part;
use domain::sensitivity::{Scope, Sensitivity};

use super::{on_article, on_line};
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::ledger::carried_debt::CarriedDebtRow;
use crate::page::{Bounds, Keyset, Rows, Totalled};
use crate::schema::{carried_debts, commitments, expenditure_kinds, payment_orders, payment_returns, payments};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = payments)]
pub struct PaymentRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<PaymentId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub payment_order_id: Option<Col<PaymentOrderId>>,
    pub carried_debt_id: Option<Col<CarriedDebtId>>,
    pub commitment_id: Option<Col<CommitmentId>>,
    pub remitted: Option<Col<Remitted>>,
    pub payee_id: Col<SupplierId>,
    pub mode: Col<PaymentMode>,
    pub paid_on: NaiveDate,
    pub amount: i64,
    pub entry_id: Col<EntryId>,
    pub paid_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// What a payment discharges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Order(PaymentOrderId),
    CarriedDebt(CarriedDebtId),
    /// The retention money of a commitment.
    Retention(CommitmentId),
    /// Money held for others.
    Remittance(Remitted),
}

/// A new payment, already judged, posted and numbered.
#[derive(Clone, Debug)]
pub struct NewPayment {
    pub id: PaymentId,
    pub fiscal_year: i32,
    pub number: i64,
    pub due: Due,
    pub payee: SupplierId,
    pub mode: PaymentMode,
    pub paid_on: NaiveDate,
    pub amount: i64,
    pub entry: EntryId,
    pub paid_by: PrincipalId,
}

pub fn append_payment(tx: &mut Tx<'_>, new: &NewPayment) -> Result<PaymentRow, Fault> {
    let (mut order, mut debt, mut retention, mut remitted) = (None, None, None, None);
    match new.due {
        Due::Order(id) => order = Some(Col(id)),
        Due::CarriedDebt(id) => debt = Some(Col(id)),
        Due::Retention(id) => retention = Some(Col(id)),
        Due::Remittance(held) => remitted = Some(Col(held)),
    }
    diesel::insert_into(payments::table)
        .values((
            payments::organisation_id.eq(Col(tx.organisation)),
            payments::id.eq(Col(new.id)),
            payments::fiscal_year.eq(new.fiscal_year),
            payments::number.eq(new.number),
            payments::payment_order_id.eq(order),
            payments::carried_debt_id.eq(debt),
            payments::commitment_id.eq(retention),
            payments::remitted.eq(remitted),
            payments::payee_id.eq(Col(new.payee)),
            payments::mode.eq(Col(new.mode)),
            payments::paid_on.eq(new.paid_on),
            payments::amount.eq(new.amount),
            payments::entry_id.eq(Col(new.entry)),
            payments::paid_by.eq(Col(new.paid_by)),
            payments::recorded_at.eq(Col(tx.author.now)),
            payments::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    let scope = tx.all();
    find_payment(tx.conn, &scope, new.id)
}

pub fn find_payment(conn: &mut Conn, scope: &Scope, id: PaymentId) -> Result<PaymentRow, Fault> {
    Ok(visible!(payments, scope).filter(payments::id.eq(Col(id))).select(PaymentRow::as_select()).first(conn)?)
}

/// Which payments to list.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    pub fiscal_year: Option<i32>,
    pub mode: Vec<PaymentMode>,
    pub payment_order_id: Option<PaymentOrderId>,
    pub carried_debt_id: Option<CarriedDebtId>,
    pub budget_line_id: Option<BudgetLineId>,
    pub article: Option<String>,
    /// The payee.
    pub supplier_id: Option<SupplierId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    /// Only those that came back, or only those that stand.
    pub returned: Option<bool>,
}

fn selected_payments(scope: &Scope, filter: &PaymentFilter) -> payments::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(payments, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(payments::fiscal_year.eq(year));
    }
    if !filter.mode.is_empty() {
        query = query.filter(payments::mode.eq_any(filter.mode.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(order) = filter.payment_order_id {
        query = query.filter(payments::payment_order_id.eq(Some(Col(order))));
    }
    if let Some(debt) = filter.carried_debt_id {
        query = query.filter(payments::carried_debt_id.eq(Some(Col(debt))));
    }
    let orders = payment_orders::table.filter(payment_orders::organisation_id.eq(Col(scope.organisation)));
    if let Some(line) = filter.budget_line_id {
        let orders = orders.filter(payment_orders::commitment_id.eq_any(on_line!(scope, line)));
        let retentions = on_line!(scope, line).select(commitments::id.nullable());
        query = query.filter(
            payments::payment_order_id.eq_any(orders.select(payment_orders::id.nullable())).or(payments::commitment_id.eq_any(retentions)),
        );
    }
    if let Some(article) = &filter.article {
        let orders = orders.filter(payment_orders::commitment_id.eq_any(on_article!(scope, article.clone())));
        let retentions = on_article!(scope, article.clone()).select(commitments::id.nullable());
        query = query.filter(
            payments::payment_order_id.eq_any(orders.select(payment_orders::id.nullable())).or(payments::commitment_id.eq_any(retentions)),
        );
    }
    if let Some(payee) = filter.supplier_id {
        query = query.filter(payments::payee_id.eq(Col(payee)));
    }
    if let Some(returned) = filter.returned {
        let those =
            payment_returns::table.filter(payment_returns::organisation_id.eq(Col(scope.organisation))).select(payment_returns::payment_id);
        query = if returned { query.filter(payments::id.eq_any(those)) } else { query.filter(payments::id.ne_all(those)) };
    }
    between!(query, payments::paid_on, filter.from, filter.to);
    within!(query, payments::amount, filter.amount);
    query
}

pub fn list_payments(conn: &mut Conn, scope: &Scope, filter: &PaymentFilter, page: &Keyset<PaymentId>) -> Result<Rows<PaymentRow>, Fault> {
    let mut query = selected_payments(scope, filter).order(payments::id).limit(page.probe()).select(PaymentRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(payments::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What accepted orders and carried debts still claim on an account of third parties: it is paid to them, not remitted.
pub fn find_claims(tx: &mut Tx<'_>, fiscal_year: i32, part: Part, account: &str) -> Result<i64, Fault> {
    let owner = Col(tx.organisation);
    let kinds: Vec<String> =
        expenditure_kinds::table.filter(expenditure_kinds::creditor_part.eq(Col(part))).select(expenditure_kinds::code).load(tx.conn)?;
    let charged: Vec<Col<CommitmentId>> = commitments::table
        .filter(commitments::organisation_id.eq(owner))
        .filter(commitments::fiscal_year.eq(fiscal_year))
        .filter(commitments::kind_code.eq_any(kinds))
        .select(commitments::id)
        .load(tx.conn)?;
    let orders: Vec<(i64, i64, i64, i64)> = payment_orders::table
        .filter(payment_orders::organisation_id.eq(owner))
        .filter(payment_orders::commitment_id.eq_any(charged))
        .filter(payment_orders::entry_id.is_not_null())
        .filter(payment_orders::state.ne(Col(PaymentOrderState::Cancelled)))
        .select((payment_orders::amount, payment_orders::withheld, payment_orders::reduced, payment_orders::paid))
        .load(tx.conn)?;
    let debts: Vec<CarriedDebtRow> = carried_debts::table
        .filter(carried_debts::organisation_id.eq(owner))
        .filter(carried_debts::fiscal_year.eq(fiscal_year))
        .filter(carried_debts::account_code.eq(account))
        .select(CarriedDebtRow::as_select())
        .load(tx.conn)?;
    let ordered: i64 = orders.into_iter().map(|(amount, withheld, reduced, paid)| amount - withheld - reduced - paid).sum();
    Ok(ordered + debts.iter().map(CarriedDebtRow::due).sum::<i64>())
}

/// What the list adds up to.
pub fn total_payments(conn: &mut Conn, scope: &Scope, filter: &PaymentFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_payments(scope, filter), "payments.amount"))
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = payment_returns)]
pub struct PaymentReturnRow {
    pub payment_id: Col<PaymentId>,
    pub reason: String,
    pub returned_on: NaiveDate,
    pub recorded_by: Col<PrincipalId>,
    pub entry_id: Col<EntryId>,
}

/// Records that a payment came back.
pub fn append_payment_return(tx: &mut Tx<'_>, payment: PaymentId, reason: &str, by: PrincipalId, entry: EntryId) -> Result<(), Fault> {
    diesel::insert_into(payment_returns::table)
        .values((
            payment_returns::organisation_id.eq(Col(tx.organisation)),
            payment_returns::payment_id.eq(Col(payment)),
            payment_returns::reason.eq(reason),
            payment_returns::returned_on.eq(tx.author.today),
            payment_returns::recorded_by.eq(Col(by)),
            payment_returns::recorded_at.eq(Col(tx.author.now)),
            payment_returns::entry_id.eq(Col(entry)),
            payment_returns::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// The returns of some payments.
pub fn list_payment_returns(conn: &mut Conn, scope: &Scope, of: &[PaymentId]) -> Result<Vec<PaymentReturnRow>, Fault> {
    Ok(visible!(payment_returns, scope)
        .filter(payment_returns::payment_id.eq_any(of.iter().copied().map(Col).collect::<Vec<_>>()))
        .select(PaymentReturnRow::as_select())
        .load(conn)?)
}
