//! Refunds of what was paid in excess.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::payment::PaymentMode;
use domain::id::{DebtorId, EntryId, OrganisationId, PrincipalId, RefundId, RevenueOrderId};
use domain::sensitivity::{Scope, Sensitivity};

use super::of_orders;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled};
use crate::schema::{refunds, revenue_orders};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = refunds)]
pub struct RefundRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<RefundId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub revenue_order_id: Col<RevenueOrderId>,
    pub mode: Col<PaymentMode>,
    pub paid_on: NaiveDate,
    pub amount: i64,
    pub entry_id: Col<EntryId>,
    pub paid_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// A new refund, already judged, posted and numbered.
#[derive(Clone, Debug)]
pub struct NewRefund {
    pub id: RefundId,
    pub fiscal_year: i32,
    pub number: i64,
    pub order: RevenueOrderId,
    pub mode: PaymentMode,
    pub amount: i64,
    pub entry: EntryId,
    pub paid_by: PrincipalId,
}

pub fn append_refund(tx: &mut Tx<'_>, new: &NewRefund) -> Result<RefundRow, Fault> {
    diesel::insert_into(refunds::table)
        .values((
            refunds::organisation_id.eq(Col(tx.organisation)),
            refunds::id.eq(Col(new.id)),
            refunds::fiscal_year.eq(new.fiscal_year),
            refunds::number.eq(new.number),
            refunds::revenue_order_id.eq(Col(new.order)),
            refunds::mode.eq(Col(new.mode)),
            refunds::paid_on.eq(tx.author.today),
            refunds::amount.eq(new.amount),
            refunds::entry_id.eq(Col(new.entry)),
            refunds::paid_by.eq(Col(new.paid_by)),
            refunds::recorded_at.eq(Col(tx.author.now)),
            refunds::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    find_refund(tx.conn, &tx.all(), new.id)
}

pub fn find_refund(conn: &mut Conn, scope: &Scope, id: RefundId) -> Result<RefundRow, Fault> {
    Ok(visible!(refunds, scope).filter(refunds::id.eq(Col(id))).select(RefundRow::as_select()).first(conn)?)
}

/// Which refunds to list.
#[derive(Clone, Debug, Default)]
pub struct RefundFilter {
    pub fiscal_year: Option<i32>,
    pub revenue_order_id: Option<RevenueOrderId>,
    /// Of the order.
    pub article: Option<String>,
    pub debtor_id: Option<DebtorId>,
    pub mode: Vec<PaymentMode>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
}

fn selected(scope: &Scope, filter: &RefundFilter) -> refunds::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(refunds, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(refunds::fiscal_year.eq(year));
    }
    if let Some(order) = filter.revenue_order_id {
        query = query.filter(refunds::revenue_order_id.eq(Col(order)));
    }
    if !filter.mode.is_empty() {
        query = query.filter(refunds::mode.eq_any(filter.mode.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    of_orders!(query, refunds::revenue_order_id, revenue_orders::id, scope, filter);
    between!(query, refunds::paid_on, filter.from, filter.to);
    within!(query, refunds::amount, filter.amount);
    query
}

pub fn list_refunds(conn: &mut Conn, scope: &Scope, filter: &RefundFilter, page: &Keyset<RefundId>) -> Result<Rows<RefundRow>, Fault> {
    let mut query = selected(scope, filter).order(refunds::id).limit(page.probe()).select(RefundRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(refunds::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_refunds(conn: &mut Conn, scope: &Scope, filter: &RefundFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "refunds.amount"))
}
