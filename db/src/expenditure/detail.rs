//! What stands beside payment orders: what is kept back on them, holds, requisitions.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::expenditure::order::{DeductionKind, HoldReason, PaymentOrderState};
use domain::id::{OrganisationId, PaymentOrderId, PrincipalId};
use domain::sensitivity::Scope;
use uuid::Uuid;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{deductions, holds, requisitions};
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = deductions)]
pub struct DeductionRow {
    pub payment_order_id: Col<PaymentOrderId>,
    pub kind: Col<DeductionKind>,
    pub amount: i64,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = holds)]
pub struct HoldRow {
    pub payment_order_id: Col<PaymentOrderId>,
    pub held_from: Col<PaymentOrderState>,
    pub reason: Col<HoldReason>,
    pub text: String,
    pub held_on: NaiveDate,
    pub held_by: Col<PrincipalId>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = requisitions)]
pub struct RequisitionRow {
    pub payment_order_id: Col<PaymentOrderId>,
    pub reference: String,
    pub sha256: String,
    pub requisitioned_by: Col<PrincipalId>,
    pub requisitioned_on: NaiveDate,
}

/// What stands beside some orders.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub deductions: Vec<DeductionRow>,
    /// In the order of time.
    pub holds: Vec<HoldRow>,
    pub requisitions: Vec<RequisitionRow>,
}

impl Details {
    pub fn deductions_of(&self, order: PaymentOrderId) -> impl Iterator<Item = &DeductionRow> {
        self.deductions.iter().filter(move |row| row.payment_order_id.0 == order)
    }

    /// The latest hold of an order.
    pub fn hold_of(&self, order: PaymentOrderId) -> Option<&HoldRow> {
        self.holds.iter().rev().find(|row| row.payment_order_id.0 == order)
    }

    pub fn requisition_of(&self, order: PaymentOrderId) -> Option<&RequisitionRow> {
        self.requisitions.iter().find(|row| row.payment_order_id.0 == order)
    }
}

/// Finds what stands beside some orders. The scope is that in which the orders were found.
pub fn find_details(conn: &mut Conn, scope: &Scope, of: &[PaymentOrderId]) -> Result<Details, Fault> {
    let owner = Col(scope.organisation);
    let ids: Vec<Col<PaymentOrderId>> = of.iter().copied().map(Col).collect();
    Ok(Details {
        deductions: deductions::table
            .filter(deductions::organisation_id.eq(owner))
            .filter(deductions::payment_order_id.eq_any(ids.clone()))
            .order((deductions::payment_order_id, deductions::position))
            .select(DeductionRow::as_select())
            .load(conn)?,
        holds: holds::table
            .filter(holds::organisation_id.eq(owner))
            .filter(holds::payment_order_id.eq_any(ids.clone()))
            .order(holds::id)
            .select(HoldRow::as_select())
            .load(conn)?,
        requisitions: requisitions::table
            .filter(requisitions::organisation_id.eq(owner))
            .filter(requisitions::payment_order_id.eq_any(ids))
            .select(RequisitionRow::as_select())
            .load(conn)?,
    })
}

/// Everything that an organisation kept back, for the proof of its books.
pub fn find_all_deductions(conn: &mut Conn, organisation: OrganisationId) -> Result<Vec<DeductionRow>, diesel::result::Error> {
    deductions::table.filter(deductions::organisation_id.eq(Col(organisation))).select(DeductionRow::as_select()).load(conn)
}

pub fn append_hold(
    tx: &mut Tx<'_>,
    order: PaymentOrderId,
    from: PaymentOrderState,
    reason: HoldReason,
    text: &str,
    by: PrincipalId,
) -> Result<(), Fault> {
    diesel::insert_into(holds::table)
        .values((
            holds::organisation_id.eq(Col(tx.organisation)),
            holds::id.eq(Col(Uuid::now_v7())),
            holds::payment_order_id.eq(Col(order)),
            holds::held_from.eq(Col(from)),
            holds::reason.eq(Col(reason)),
            holds::text.eq(text),
            holds::held_on.eq(tx.author.today),
            holds::held_by.eq(Col(by)),
            holds::recorded_at.eq(Col(tx.author.now)),
        ))
        .execute(tx.conn)?;
    Ok(())
}

pub fn append_requisition(tx: &mut Tx<'_>, order: PaymentOrderId, reference: &str, sha256: &str, by: PrincipalId) -> Result<(), Fault> {
    diesel::insert_into(requisitions::table)
        .values((
            requisitions::organisation_id.eq(Col(tx.organisation)),
            requisitions::payment_order_id.eq(Col(order)),
            requisitions::reference.eq(reference),
            requisitions::sha256.eq(sha256),
            requisitions::requisitioned_by.eq(Col(by)),
            requisitions::requisitioned_on.eq(tx.author.today),
            requisitions::recorded_at.eq(Col(tx.author.now)),
        ))
        .execute(tx.conn)?;
    Ok(())
}
