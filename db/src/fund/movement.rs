//! Movements: everything that moved in a fund, contribution by contribution. They are never changed.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::fund::{FundMovementKind, Ledgers};
use domain::id::{ContributionId, ExchangeRateId, FundAllocationId, FundId, FundMovementId, FundPurposeId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use super::RecordedAt;
use super::contribution::ContributionRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::fund_movements;
use crate::store::Tx;
use crate::{between, visible};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = fund_movements)]
pub struct FundMovementRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<FundMovementId>,
    pub fund_id: Col<FundId>,
    pub contribution_id: Col<ContributionId>,
    pub act_id: Col<Uuid>,
    pub kind: Col<FundMovementKind>,
    pub moved_on: NaiveDate,
    pub amount: i64,
    pub value: i64,
    pub exchange_rate_id: Option<Col<ExchangeRateId>>,
    pub allocation_id: Option<Col<FundAllocationId>>,
    pub purpose_id: Option<Col<FundPurposeId>>,
    pub reference: Option<String>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
}

/// What all movements of one act have in common.
#[derive(Clone, Debug)]
pub struct FundAct {
    pub id: Uuid,
    pub on: NaiveDate,
    pub reference: Option<String>,
    pub rate: Option<ExchangeRateId>,
    pub allocation: Option<FundAllocationId>,
    pub purpose: Option<FundPurposeId>,
    pub by: PrincipalId,
}

/// A movement of a contribution: an amount in its currency, or a value in that of the fund, or both.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    pub kind: FundMovementKind,
    pub amount: i64,
    pub value: i64,
}

impl Moved {
    /// A value in the currency of the fund.
    pub fn value(kind: FundMovementKind, value: i64) -> Self {
        Self { kind, amount: 0, value }
    }

    /// An amount in the currency of the contribution.
    pub fn amount(kind: FundMovementKind, amount: i64) -> Self {
        Self { kind, amount, value: 0 }
    }
}

/// Appends a movement and gives the ledgers after it, for the contribution to be updated with.
pub fn append_movement(tx: &mut Tx<'_>, act: &FundAct, row: &ContributionRow, ledgers: Ledgers, moved: Moved) -> Result<Ledgers, Fault> {
    diesel::insert_into(fund_movements::table)
        .values((
            fund_movements::organisation_id.eq(Col(tx.organisation)),
            fund_movements::id.eq(Col(FundMovementId::new())),
            fund_movements::fund_id.eq(row.fund_id),
            fund_movements::contribution_id.eq(row.id),
            fund_movements::act_id.eq(Col(act.id)),
            fund_movements::kind.eq(Col(moved.kind)),
            fund_movements::moved_on.eq(act.on),
            fund_movements::amount.eq(moved.amount),
            fund_movements::value.eq(moved.value),
            fund_movements::exchange_rate_id.eq(act.rate.map(Col)),
            fund_movements::allocation_id.eq(act.allocation.map(Col)),
            fund_movements::purpose_id.eq(act.purpose.map(Col)),
            fund_movements::reference.eq(act.reference.as_deref()),
            fund_movements::recorded_by.eq(Col(act.by)),
            fund_movements::recorded_at.eq(Col(tx.author.now)),
            fund_movements::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    Ok(ledgers.after(moved.kind, moved.amount, moved.value))
}

/// Which movements to list.
#[derive(Clone, Debug, Default)]
pub struct MovementFilter {
    pub fund_id: Option<FundId>,
    pub contribution_id: Option<ContributionId>,
    pub purpose_id: Option<FundPurposeId>,
    pub allocation_id: Option<FundAllocationId>,
    pub kinds: Vec<FundMovementKind>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

pub fn list_movements(
    conn: &mut Conn,
    scope: &Scope,
    filter: &MovementFilter,
    page: &Keyset<FundMovementId>,
) -> Result<Rows<FundMovementRow>, Fault> {
    let mut query =
        visible!(fund_movements, scope).order(fund_movements::id).limit(page.probe()).select(FundMovementRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(fund_movements::id.gt(Col(after)));
    }
    if let Some(fund) = filter.fund_id {
        query = query.filter(fund_movements::fund_id.eq(Col(fund)));
    }
    if let Some(contribution) = filter.contribution_id {
        query = query.filter(fund_movements::contribution_id.eq(Col(contribution)));
    }
    if let Some(purpose) = filter.purpose_id {
        query = query.filter(fund_movements::purpose_id.eq(Some(Col(purpose))));
    }
    if let Some(allocation) = filter.allocation_id {
        query = query.filter(fund_movements::allocation_id.eq(Some(Col(allocation))));
    }
    if !filter.kinds.is_empty() {
        let kinds: Vec<Col<FundMovementKind>> = filter.kinds.iter().copied().map(Col).collect();
        query = query.filter(fund_movements::kind.eq_any(kinds));
    }
    between!(query, fund_movements::moved_on, filter.from, filter.to);
    Ok(page.cut(query.load(conn)?))
}
