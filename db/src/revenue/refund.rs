//! Refunds of what was paid in excess.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::expenditure::payment::PaymentMode;
use domain::id::{EntryId, OrganisationId, PrincipalId, RefundId, RevenueOrderId};
use domain::sensitivity::{Scope, Sensitivity};

use super::own;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::refunds;
use crate::store::Tx;
use crate::visible;

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
    find_refund(tx.conn, &own(tx), new.id)
}

pub fn find_refund(conn: &mut Conn, scope: &Scope, id: RefundId) -> Result<RefundRow, Fault> {
    Ok(visible!(refunds, scope).filter(refunds::id.eq(Col(id))).select(RefundRow::as_select()).first(conn)?)
}

pub fn list_refunds(
    conn: &mut Conn,
    scope: &Scope,
    (fiscal_year, order): (Option<i32>, Option<RevenueOrderId>),
    page: &Keyset<RefundId>,
) -> Result<Rows<RefundRow>, Fault> {
    let mut query = visible!(refunds, scope).order(refunds::id).limit(page.probe()).select(RefundRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(refunds::id.gt(Col(after)));
    }
    if let Some(year) = fiscal_year {
        query = query.filter(refunds::fiscal_year.eq(year));
    }
    if let Some(order) = order {
        query = query.filter(refunds::revenue_order_id.eq(Col(order)));
    }
    Ok(page.cut(query.load(conn)?))
}
