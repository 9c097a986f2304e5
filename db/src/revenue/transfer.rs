//! Transfers that were notified: endowments and grants to come.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{BudgetLineId, OrganisationId, PrincipalId, TransferNotificationId};
use domain::revenue::TRANSFER_DUPLICATE;
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::transfer_notifications;
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = transfer_notifications)]
pub struct TransferNotificationRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<TransferNotificationId>,
    pub fiscal_year: i32,
    pub budget_line_id: Col<BudgetLineId>,
    pub reference: String,
    pub notified_on: NaiveDate,
    pub amount: i64,
    pub document_sha256: String,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// A transfer that was announced.
#[derive(Clone, Debug)]
pub struct NewNotification {
    pub id: TransferNotificationId,
    pub fiscal_year: i32,
    pub line: BudgetLineId,
    pub reference: String,
    pub notified_on: NaiveDate,
    pub amount: i64,
    pub document_sha256: String,
    pub recorded_by: PrincipalId,
}

pub fn append_transfer_notification(tx: &mut Tx<'_>, new: &NewNotification) -> Result<TransferNotificationRow, Fault> {
    diesel::insert_into(transfer_notifications::table)
        .values((
            transfer_notifications::organisation_id.eq(Col(tx.organisation)),
            transfer_notifications::id.eq(Col(new.id)),
            transfer_notifications::fiscal_year.eq(new.fiscal_year),
            transfer_notifications::budget_line_id.eq(Col(new.line)),
            transfer_notifications::reference.eq(&new.reference),
            transfer_notifications::notified_on.eq(new.notified_on),
            transfer_notifications::amount.eq(new.amount),
            transfer_notifications::document_sha256.eq(&new.document_sha256),
            transfer_notifications::recorded_by.eq(Col(new.recorded_by)),
            transfer_notifications::recorded_at.eq(Col(tx.author.now)),
            transfer_notifications::sensitivity.eq(Sensitivity::Partner.rank()),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| TRANSFER_DUPLICATE.refuse().with("reference", &new.reference).at("/reference")))?;
    find_transfer_notification(tx.conn, &tx.all(), new.id)
}

pub fn find_transfer_notification(conn: &mut Conn, scope: &Scope, id: TransferNotificationId) -> Result<TransferNotificationRow, Fault> {
    Ok(visible!(transfer_notifications, scope)
        .filter(transfer_notifications::id.eq(Col(id)))
        .select(TransferNotificationRow::as_select())
        .first(conn)?)
}

/// Which notifications of transfers to list.
#[derive(Clone, Debug, Default)]
pub struct TransferNotificationFilter {
    pub fiscal_year: Option<i32>,
    pub budget_line_id: Option<BudgetLineId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    /// A part of the reference, without regard to accents and case.
    pub text: Option<String>,
}

fn selected(scope: &Scope, filter: &TransferNotificationFilter) -> transfer_notifications::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(transfer_notifications, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(transfer_notifications::fiscal_year.eq(year));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(transfer_notifications::budget_line_id.eq(Col(line)));
    }
    if let Some(text) = &filter.text {
        query = query.filter(folded("transfer_notifications.reference").like(containing(text)));
    }
    between!(query, transfer_notifications::notified_on, filter.from, filter.to);
    within!(query, transfer_notifications::amount, filter.amount);
    query
}

pub fn list_transfer_notifications(
    conn: &mut Conn,
    scope: &Scope,
    filter: &TransferNotificationFilter,
    page: &Keyset<TransferNotificationId>,
) -> Result<Rows<TransferNotificationRow>, Fault> {
    let mut query =
        selected(scope, filter).order(transfer_notifications::id).limit(page.probe()).select(TransferNotificationRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(transfer_notifications::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_transfer_notifications(conn: &mut Conn, scope: &Scope, filter: &TransferNotificationFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "transfer_notifications.amount"))
}

/// Line and amount of every notification of a year.
pub fn list_notified(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<Vec<(BudgetLineId, i64)>, Fault> {
    let rows: Vec<(Col<BudgetLineId>, i64)> = visible!(transfer_notifications, scope)
        .filter(transfer_notifications::fiscal_year.eq(fiscal_year))
        .select((transfer_notifications::budget_line_id, transfer_notifications::amount))
        .load(conn)?;
    Ok(rows.into_iter().map(|(line, amount)| (line.0, amount)).collect())
}
