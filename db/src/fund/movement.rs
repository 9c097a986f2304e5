//! Movements: everything that moved in a fund, contribution by contribution. They are never changed.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text};
use domain::fund::{FundMovementKind, Ledgers};
use domain::id::{ContributionId, ExchangeRateId, FundAllocationId, FundId, FundMovementId, FundPurposeId, OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use super::RecordedAt;
use super::contribution::ContributionRow;
use crate::column::{Col, Identity, Instant, Vocabulary};
use crate::connection::Conn;
use crate::effect::{Effects, effect};
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
    let mut effects = Effects::default();
    let after = add_movement(&mut effects, tx, act, row, ledgers, moved)?;
    effects.store(tx.conn)?;
    Ok(after)
}

/// As [`append_movement`], stored with the other effects.
pub fn add_movement(
    effects: &mut Effects,
    tx: &Tx<'_>,
    act: &FundAct,
    row: &ContributionRow,
    ledgers: Ledgers,
    moved: Moved,
) -> Result<Ledgers, Fault> {
    effect!(
        effects,
        Insert "fund_movements",
        organisation_id: Identity = Col(tx.organisation),
        id: Identity = Col(FundMovementId::new()),
        fund_id: Identity = row.fund_id,
        contribution_id: Identity = row.id,
        act_id: Identity = Col(act.id),
        kind: Vocabulary = Col(moved.kind),
        moved_on: Date = act.on,
        amount: BigInt = moved.amount,
        value: BigInt = moved.value,
        exchange_rate_id: Nullable<Identity> = act.rate.map(Col),
        allocation_id: Nullable<Identity> = act.allocation.map(Col),
        purpose_id: Nullable<Identity> = act.purpose.map(Col),
        reference: Nullable<Text> = act.reference.clone(),
        recorded_by: Identity = Col(act.by),
        recorded_at: Instant = Col(tx.author.now),
        sensitivity: Integer = Sensitivity::Internal.rank(),
    )?;
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

/// What one act moved, line by line of the allocations: contribution, allocation, value.
pub fn parts_of(
    conn: &mut Conn,
    organisation: OrganisationId,
    act: Uuid,
    kind: FundMovementKind,
) -> Result<Vec<(ContributionId, FundAllocationId, i64)>, Fault> {
    let rows: Vec<(Col<ContributionId>, Option<Col<FundAllocationId>>, i64)> = fund_movements::table
        .filter(fund_movements::organisation_id.eq(Col(organisation)))
        .filter(fund_movements::act_id.eq(Col(act)))
        .filter(fund_movements::kind.eq(Col(kind)))
        .order(fund_movements::id)
        .select((fund_movements::contribution_id, fund_movements::allocation_id, fund_movements::value))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(contribution, allocation, value)| Some((contribution.0, allocation?.0, value))).collect())
}
