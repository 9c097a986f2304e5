//! What was done with lines of revenue, and every step that moved it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::budget::revenue::RevenueStep;
use domain::calendar::History;
use domain::id::BudgetLineId;
use domain::money::Amount;
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use super::BudgetRow;
use super::credit::Cause;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{budget_lines, revenue_executions, revenue_movements};
use crate::store::Tx;
use crate::visible;

/// Opens the execution of a line of revenue at zero.
pub fn open_execution(tx: &mut Tx<'_>, line: BudgetLineId) -> Result<(), Fault> {
    diesel::insert_into(revenue_executions::table)
        .values((
            revenue_executions::organisation_id.eq(Col(tx.organisation)),
            revenue_executions::budget_line_id.eq(Col(line)),
            revenue_executions::ordered.eq(0),
            revenue_executions::collected.eq(0),
            revenue_executions::sensitivity.eq(Sensitivity::Partner.rank()),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Moves the execution of a line of revenue by one step, and keeps the movement. A step of nothing leaves no trace.
pub fn update_execution(
    tx: &mut Tx<'_>,
    fiscal_year: i32,
    line: BudgetLineId,
    step: RevenueStep,
    moved: Amount,
    cause: Cause,
) -> Result<(), Fault> {
    if moved.is_zero() {
        return Ok(());
    }
    let [ordered, collected] = step.deltas().map(|delta| delta * moved.minor());
    let updated = diesel::update(
        revenue_executions::table
            .filter(revenue_executions::organisation_id.eq(Col(tx.organisation)))
            .filter(revenue_executions::budget_line_id.eq(Col(line))),
    )
    .set((
        revenue_executions::ordered.eq(revenue_executions::ordered + ordered),
        revenue_executions::collected.eq(revenue_executions::collected + collected),
    ))
    .execute(tx.conn)?;
    if updated != 1 {
        return Err(Fault::Corrupt("the line of revenue has no execution".to_owned()));
    }
    diesel::insert_into(revenue_movements::table)
        .values((
            revenue_movements::organisation_id.eq(Col(tx.organisation)),
            revenue_movements::id.eq(Col(Uuid::now_v7())),
            revenue_movements::fiscal_year.eq(fiscal_year),
            revenue_movements::budget_line_id.eq(Col(line)),
            revenue_movements::step.eq(Col(step)),
            revenue_movements::amount.eq(moved.minor()),
            revenue_movements::effective_on.eq(cause.on),
            revenue_movements::recorded_at.eq(Col(tx.author.now)),
            revenue_movements::cause_kind.eq(cause.kind),
            revenue_movements::cause_id.eq(Col(cause.id)),
            revenue_movements::sensitivity.eq(Sensitivity::Partner.rank()),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// What was done with a line of revenue.
#[derive(Clone, Debug, Default, Queryable, Selectable)]
#[diesel(table_name = revenue_executions)]
pub struct RevenueExecutionRow {
    pub ordered: i64,
    pub collected: i64,
}

/// What was done with each line of revenue of a budget.
pub fn list_revenue_executions(
    conn: &mut Conn,
    scope: &Scope,
    budget: &BudgetRow,
) -> Result<BTreeMap<BudgetLineId, RevenueExecutionRow>, Fault> {
    let rows: Vec<(Col<BudgetLineId>, RevenueExecutionRow)> = revenue_executions::table
        .inner_join(
            budget_lines::table.on(budget_lines::organisation_id
                .eq(revenue_executions::organisation_id)
                .and(budget_lines::id.eq(revenue_executions::budget_line_id))),
        )
        .filter(revenue_executions::organisation_id.eq(Col(scope.organisation)))
        .filter(revenue_executions::sensitivity.le(scope.clearance.rank()))
        .filter(budget_lines::budget_id.eq(budget.id))
        .filter(budget_lines::edition.eq(budget.edition))
        .select((revenue_executions::budget_line_id, RevenueExecutionRow::as_select()))
        .load(conn)?;
    Ok(rows.into_iter().map(|(id, row)| (id.0, row)).collect())
}

/// What movements had done to the lines of revenue of a year by a date, as it was known at an instant.
pub fn list_revenue_executions_at(
    conn: &mut Conn,
    scope: &Scope,
    budget: &BudgetRow,
    history: History,
) -> Result<BTreeMap<BudgetLineId, RevenueExecutionRow>, Fault> {
    let mut lines: BTreeMap<BudgetLineId, RevenueExecutionRow> =
        list_revenue_executions(conn, scope, budget)?.into_keys().map(|line| (line, RevenueExecutionRow::default())).collect();
    let rows: Vec<(Col<BudgetLineId>, Col<RevenueStep>, i64)> = visible!(revenue_movements, scope)
        .filter(revenue_movements::fiscal_year.eq(budget.fiscal_year))
        .filter(revenue_movements::effective_on.le(history.as_of))
        .filter(revenue_movements::recorded_at.le(Col(history.known_at)))
        .select((revenue_movements::budget_line_id, revenue_movements::step, revenue_movements::amount))
        .load(conn)?;
    for (line, step, moved) in rows {
        let row = lines.entry(line.0).or_default();
        let [ordered, collected] = step.deltas();
        row.ordered += ordered * moved;
        row.collected += collected * moved;
    }
    Ok(lines)
}
