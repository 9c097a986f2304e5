//! What moved in a fund later than the day of an act: nearly always nothing, since acts come in the order of their days.

use chrono::NaiveDate;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::fund::FundMovementKind;
use domain::fund::day::{Later, Moved};
use domain::id::{ContributionId, FundAllocationId, FundId, FundPurposeId};

use crate::column::Col;
use crate::fault::Fault;
use crate::schema::fund_movements;
use crate::store::Tx;

type Found =
    ((Col<ContributionId>, Option<Col<FundAllocationId>>, Option<Col<FundPurposeId>>), (NaiveDate, Col<FundMovementKind>), (i64, i64));

/// What moved in a fund on later days, whoever may see it: a rule looks at all of it. The head of the organisation is locked, so
/// nothing more of it moves meanwhile.
pub fn moved_later(tx: &mut Tx<'_>, fund: FundId, on: NaiveDate) -> Result<Later, Fault> {
    let sums: Vec<Found> = fund_movements::table
        .filter(fund_movements::organisation_id.eq(Col(tx.organisation)))
        .filter(fund_movements::fund_id.eq(Col(fund)))
        .filter(fund_movements::moved_on.gt(on))
        .group_by((
            fund_movements::contribution_id,
            fund_movements::allocation_id,
            fund_movements::purpose_id,
            fund_movements::moved_on,
            fund_movements::kind,
        ))
        .select((
            (fund_movements::contribution_id, fund_movements::allocation_id, fund_movements::purpose_id),
            (fund_movements::moved_on, fund_movements::kind),
            (sql::<BigInt>("CAST(SUM(fund_movements.amount) AS BIGINT)"), sql::<BigInt>("CAST(SUM(fund_movements.value) AS BIGINT)")),
        ))
        .load(tx.conn)?;
    let moved = |((contribution, allocation, purpose), (on, kind), (amount, value)): Found| Moved {
        on,
        contribution: contribution.0,
        allocation: allocation.map(|allocation| allocation.0),
        purpose: purpose.map(|purpose| purpose.0),
        kind: kind.0,
        amount,
        value,
    };
    Ok(Later::of(sums.into_iter().map(moved).collect()))
}
