//! Allocations and their lines: what each contribution pays for a purpose, and what became of it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Text};
use domain::fund::LineUse;
use domain::id::{ContributionId, FundAllocationId, FundId, FundPurposeId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};

use super::RecordedAt;
use crate::column::{Col, Identity, Instant};
use crate::connection::{Conn, Locked};
use crate::effect::{Effects, effect};
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{fund_allocation_lines, fund_allocations};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_allocations)]
pub struct FundAllocationRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<FundAllocationId>,
    pub fund_id: Col<FundId>,
    pub purpose_id: Col<FundPurposeId>,
    pub amount: i64,
    pub decision_reference: String,
    pub decided_on: NaiveDate,
    pub decided_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
    pub version: i64,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_allocation_lines)]
pub struct AllocationLineRow {
    pub organisation_id: Col<OrganisationId>,
    pub allocation_id: Col<FundAllocationId>,
    pub contribution_id: Col<ContributionId>,
    pub pooled: bool,
    pub amount: i64,
    pub released: i64,
    pub disbursed: i64,
    pub spent: i64,
    pub returned: i64,
    pub passed_on: i64,
}

impl AllocationLineRow {
    pub fn line_use(&self) -> LineUse {
        LineUse {
            amount: self.amount - self.released,
            disbursed: self.disbursed,
            spent: self.spent,
            returned: self.returned,
            passed_on: self.passed_on,
        }
    }

    /// The line after what became of it.
    #[must_use]
    pub fn with_use(&self, after: LineUse) -> Self {
        Self {
            released: self.amount - after.amount,
            disbursed: after.disbursed,
            spent: after.spent,
            returned: after.returned,
            passed_on: after.passed_on,
            ..self.clone()
        }
    }
}

/// An allocation and its lines.
#[derive(Clone, Debug)]
pub struct FundAllocation {
    pub row: FundAllocationRow,
    pub lines: Vec<AllocationLineRow>,
}

/// A new allocation, already judged.
#[derive(Clone, Debug)]
pub struct NewAllocation {
    pub id: FundAllocationId,
    pub fund: FundId,
    pub purpose: FundPurposeId,
    pub amount: i64,
    pub decision_reference: String,
    pub decided_on: NaiveDate,
    pub decided_by: PrincipalId,
    /// Contribution, whether of the pool, amount.
    pub lines: Vec<(ContributionId, bool, i64)>,
}

impl NewAllocation {
    /// The allocation as it is kept.
    fn kept(&self, tx: &Tx<'_>) -> FundAllocation {
        let row = FundAllocationRow {
            organisation_id: Col(tx.organisation),
            id: Col(self.id),
            fund_id: Col(self.fund),
            purpose_id: Col(self.purpose),
            amount: self.amount,
            decision_reference: self.decision_reference.clone(),
            decided_on: self.decided_on,
            decided_by: Col(self.decided_by),
            recorded_at: Col(tx.author.now),
            version: 1,
        };
        let line = |(contribution, pooled, amount): &(ContributionId, bool, i64)| AllocationLineRow {
            organisation_id: Col(tx.organisation),
            allocation_id: Col(self.id),
            contribution_id: Col(*contribution),
            pooled: *pooled,
            amount: *amount,
            released: 0,
            disbursed: 0,
            spent: 0,
            returned: 0,
            passed_on: 0,
        };
        let mut lines: Vec<AllocationLineRow> = self.lines.iter().map(line).collect();
        lines.sort_by_key(|line| line.contribution_id.0);
        FundAllocation { row, lines }
    }
}

/// Adds an allocation to what is stored; gives it as it is kept.
pub fn add_allocation(effects: &mut Effects, tx: &Tx<'_>, new: &NewAllocation) -> Result<FundAllocation, Fault> {
    effect!(
        effects,
        Insert "fund_allocations",
        organisation_id: Identity = Col(tx.organisation),
        id: Identity = Col(new.id),
        fund_id: Identity = Col(new.fund),
        purpose_id: Identity = Col(new.purpose),
        amount: BigInt = new.amount,
        decision_reference: Text = new.decision_reference.clone(),
        decided_on: Date = new.decided_on,
        decided_by: Identity = Col(new.decided_by),
        recorded_at: Instant = Col(tx.author.now),
        sensitivity: Integer = Sensitivity::Internal.rank(),
        version: BigInt = 1_i64,
    )?;
    for (contribution, pooled, amount) in &new.lines {
        effect!(
            effects,
            Insert "fund_allocation_lines",
            organisation_id: Identity = Col(tx.organisation),
            allocation_id: Identity = Col(new.id),
            contribution_id: Identity = Col(*contribution),
            pooled: Bool = *pooled,
            amount: BigInt = *amount,
            released: BigInt = 0_i64,
            disbursed: BigInt = 0_i64,
            spent: BigInt = 0_i64,
            returned: BigInt = 0_i64,
            passed_on: BigInt = 0_i64,
        )?;
    }
    Ok(new.kept(tx))
}

fn with_lines(conn: &mut Conn, scope: &Scope, rows: Vec<FundAllocationRow>) -> Result<Vec<FundAllocation>, Fault> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Col<FundAllocationId>> = rows.iter().map(|row| row.id).collect();
    let found: Vec<AllocationLineRow> = fund_allocation_lines::table
        .filter(fund_allocation_lines::organisation_id.eq(Col(scope.organisation)))
        .filter(fund_allocation_lines::allocation_id.eq_any(ids))
        .order((fund_allocation_lines::allocation_id, fund_allocation_lines::contribution_id))
        .select(AllocationLineRow::as_select())
        .load(conn)?;
    let mut lines: BTreeMap<FundAllocationId, Vec<AllocationLineRow>> = BTreeMap::new();
    for line in found {
        lines.entry(line.allocation_id.0).or_default().push(line);
    }
    Ok(rows.into_iter().map(|row| FundAllocation { lines: lines.remove(&row.id.0).unwrap_or_default(), row }).collect())
}

pub fn find_allocation(conn: &mut Conn, scope: &Scope, id: FundAllocationId) -> Result<FundAllocation, Fault> {
    let row = visible!(fund_allocations, scope).filter(fund_allocations::id.eq(Col(id)));
    let row = row.select(FundAllocationRow::as_select()).first(conn)?;
    with_lines(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

/// Every allocation to a purpose, locked in the order of their ids.
pub fn lock_allocations(tx: &mut Tx<'_>, purpose: FundPurposeId) -> Result<Vec<FundAllocation>, Fault> {
    let rows = fund_allocations::table
        .filter(fund_allocations::organisation_id.eq(Col(tx.organisation)))
        .filter(fund_allocations::purpose_id.eq(Col(purpose)))
        .order(fund_allocations::id)
        .select(FundAllocationRow::as_select());
    let rows: Vec<FundAllocationRow> = Locked(rows).load(tx.conn)?;
    with_lines(tx.conn, &tx.all(), rows)
}

/// Every allocation to a purpose that a scope may see, to read.
pub fn allocations_of(conn: &mut Conn, scope: &Scope, purpose: FundPurposeId) -> Result<Vec<FundAllocation>, Fault> {
    let rows = visible!(fund_allocations, scope).filter(fund_allocations::purpose_id.eq(Col(purpose))).order(fund_allocations::id);
    let rows: Vec<FundAllocationRow> = rows.select(FundAllocationRow::as_select()).load(conn)?;
    with_lines(conn, scope, rows)
}

/// Keeps what became of a line.
pub fn update_line(tx: &mut Tx<'_>, line: &AllocationLineRow) -> Result<(), Fault> {
    let own = fund_allocation_lines::table
        .filter(fund_allocation_lines::organisation_id.eq(line.organisation_id))
        .filter(fund_allocation_lines::allocation_id.eq(line.allocation_id))
        .filter(fund_allocation_lines::contribution_id.eq(line.contribution_id));
    diesel::update(own)
        .set((
            fund_allocation_lines::released.eq(line.released),
            fund_allocation_lines::disbursed.eq(line.disbursed),
            fund_allocation_lines::spent.eq(line.spent),
            fund_allocation_lines::returned.eq(line.returned),
            fund_allocation_lines::passed_on.eq(line.passed_on),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// An allocation that something happened to has another version.
pub fn touch_allocation(tx: &mut Tx<'_>, row: &FundAllocationRow) -> Result<(), Fault> {
    let own = fund_allocations::table.filter(fund_allocations::organisation_id.eq(row.organisation_id));
    diesel::update(own.filter(fund_allocations::id.eq(row.id))).set(fund_allocations::version.eq(row.version + 1)).execute(tx.conn)?;
    Ok(())
}

pub fn list_allocations(
    conn: &mut Conn,
    scope: &Scope,
    fund: Option<FundId>,
    purpose: Option<FundPurposeId>,
    page: &Keyset<FundAllocationId>,
) -> Result<Rows<FundAllocation>, Fault> {
    let mut query = visible!(fund_allocations, scope)
        .order(fund_allocations::id)
        .limit(page.probe())
        .select(FundAllocationRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(fund_allocations::id.gt(Col(after)));
    }
    if let Some(fund) = fund {
        query = query.filter(fund_allocations::fund_id.eq(Col(fund)));
    }
    if let Some(purpose) = purpose {
        query = query.filter(fund_allocations::purpose_id.eq(Col(purpose)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_lines(conn, scope, rows.rows)? })
}
