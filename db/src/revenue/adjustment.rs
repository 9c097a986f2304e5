//! Adjustments: reductions, cancellations, write-offs and waivers, proposed and decided.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{BudgetLineId, DebtorId, EntryId, OrganisationId, PrincipalId, RegularisationId, RevenueAdjustmentId, RevenueOrderId};
use domain::revenue::{RevenueAdjustmentKind, RevenueAdjustmentState};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::fold;

use super::of_orders;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing};
use crate::schema::{revenue_adjustments, revenue_orders};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = revenue_adjustments)]
pub struct RevenueAdjustmentRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<RevenueAdjustmentId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub revenue_order_id: Col<RevenueOrderId>,
    pub kind: Col<RevenueAdjustmentKind>,
    pub amount: i64,
    pub own_share: i64,
    pub reason: String,
    pub diligence_sha256: Option<String>,
    pub budget_line_id: Option<Col<BudgetLineId>>,
    pub state: Col<RevenueAdjustmentState>,
    pub proposed_by: Col<PrincipalId>,
    pub proposed_on: NaiveDate,
    pub recorded_at: Col<DateTime<Utc>>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub decision_text: Option<String>,
    pub deliberation_number: Option<String>,
    pub deliberation_held_on: Option<NaiveDate>,
    pub deliberation_sha256: Option<String>,
    pub regularisation_id: Option<Col<RegularisationId>>,
    pub entry_id: Option<Col<EntryId>>,
    pub version: i64,
}

/// A new adjustment, already judged and numbered.
#[derive(Clone, Debug)]
pub struct NewAdjustment {
    pub id: RevenueAdjustmentId,
    pub fiscal_year: i32,
    pub number: i64,
    pub order: RevenueOrderId,
    pub kind: RevenueAdjustmentKind,
    pub amount: i64,
    pub reason: String,
    pub diligence_sha256: Option<String>,
    pub line: Option<BudgetLineId>,
    pub proposed_by: PrincipalId,
}

pub fn insert_adjustment(tx: &mut Tx<'_>, new: &NewAdjustment) -> Result<RevenueAdjustmentRow, Fault> {
    diesel::insert_into(revenue_adjustments::table)
        .values((
            revenue_adjustments::organisation_id.eq(Col(tx.organisation)),
            revenue_adjustments::id.eq(Col(new.id)),
            revenue_adjustments::fiscal_year.eq(new.fiscal_year),
            revenue_adjustments::number.eq(new.number),
            revenue_adjustments::revenue_order_id.eq(Col(new.order)),
            revenue_adjustments::kind.eq(Col(new.kind)),
            revenue_adjustments::amount.eq(new.amount),
            revenue_adjustments::own_share.eq(0),
            revenue_adjustments::reason.eq(&new.reason),
            revenue_adjustments::folded_reason.eq(fold(&new.reason)),
            revenue_adjustments::diligence_sha256.eq(new.diligence_sha256.as_deref()),
            revenue_adjustments::budget_line_id.eq(new.line.map(Col)),
            revenue_adjustments::state.eq(Col(RevenueAdjustmentState::Proposed)),
            revenue_adjustments::proposed_by.eq(Col(new.proposed_by)),
            revenue_adjustments::proposed_on.eq(tx.author.today),
            revenue_adjustments::recorded_at.eq(Col(tx.author.now)),
            revenue_adjustments::sensitivity.eq(Sensitivity::Internal.rank()),
            revenue_adjustments::version.eq(1),
        ))
        .execute(tx.conn)?;
    find_adjustment(tx.conn, &tx.all(), new.id)
}

pub fn find_adjustment(conn: &mut Conn, scope: &Scope, id: RevenueAdjustmentId) -> Result<RevenueAdjustmentRow, Fault> {
    Ok(visible!(revenue_adjustments, scope)
        .filter(revenue_adjustments::id.eq(Col(id)))
        .select(RevenueAdjustmentRow::as_select())
        .first(conn)?)
}

/// Which adjustments to list.
#[derive(Clone, Debug, Default)]
pub struct AdjustmentFilter {
    pub fiscal_year: Option<i32>,
    pub kind: Vec<RevenueAdjustmentKind>,
    pub state: Vec<RevenueAdjustmentState>,
    pub revenue_order_id: Option<RevenueOrderId>,
    /// Of the order.
    pub article: Option<String>,
    pub debtor_id: Option<DebtorId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    pub text: Option<String>,
}

fn selected(scope: &Scope, filter: &AdjustmentFilter) -> revenue_adjustments::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(revenue_adjustments, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(revenue_adjustments::fiscal_year.eq(year));
    }
    if !filter.kind.is_empty() {
        query = query.filter(revenue_adjustments::kind.eq_any(filter.kind.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if !filter.state.is_empty() {
        query = query.filter(revenue_adjustments::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(order) = filter.revenue_order_id {
        query = query.filter(revenue_adjustments::revenue_order_id.eq(Col(order)));
    }
    if let Some(text) = &filter.text {
        query = query.filter(revenue_adjustments::folded_reason.like(containing(text)));
    }
    of_orders!(query, revenue_adjustments::revenue_order_id, revenue_orders::id, scope, filter);
    between!(query, revenue_adjustments::proposed_on, filter.from, filter.to);
    within!(query, revenue_adjustments::amount, filter.amount);
    query
}

pub fn list_adjustments(
    conn: &mut Conn,
    scope: &Scope,
    filter: &AdjustmentFilter,
    page: &Keyset<RevenueAdjustmentId>,
) -> Result<Rows<RevenueAdjustmentRow>, Fault> {
    let mut query = selected(scope, filter).order(revenue_adjustments::id).limit(page.probe()).select(RevenueAdjustmentRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(revenue_adjustments::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_adjustments(conn: &mut Conn, scope: &Scope, filter: &AdjustmentFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "revenue_adjustments.amount"))
}

/// How an adjustment was decided; what is `None` stays empty.
#[derive(AsChangeset, Clone, Debug)]
#[diesel(table_name = revenue_adjustments)]
pub struct AdjustmentDecision {
    pub state: Col<RevenueAdjustmentState>,
    pub decided_by: Option<Col<PrincipalId>>,
    pub decided_on: Option<NaiveDate>,
    pub decision_text: Option<String>,
    pub deliberation_number: Option<String>,
    pub deliberation_held_on: Option<NaiveDate>,
    pub deliberation_sha256: Option<String>,
    pub own_share: i64,
    pub regularisation_id: Option<Col<RegularisationId>>,
    pub entry_id: Option<Col<EntryId>>,
}

/// Decides an adjustment; gives it as it now stands.
pub fn update_adjustment(
    tx: &mut Tx<'_>,
    row: &RevenueAdjustmentRow,
    decision: &AdjustmentDecision,
) -> Result<RevenueAdjustmentRow, Fault> {
    diesel::update(
        revenue_adjustments::table
            .filter(revenue_adjustments::organisation_id.eq(row.organisation_id))
            .filter(revenue_adjustments::id.eq(row.id)),
    )
    .set((decision, revenue_adjustments::version.eq(row.version + 1)))
    .execute(tx.conn)?;
    find_adjustment(tx.conn, &tx.all(), row.id.0)
}
