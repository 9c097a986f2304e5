//! What moved in a fund until a day, as it was known at an instant: summed by the database.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::fund::FundMovementKind;
use domain::id::{ContributionId, FundPurposeId};
use domain::sensitivity::Scope;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::fund_movements;
use crate::visible;

/// Which movements are summed: those of a day between two, that were recorded at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub known_at: DateTime<Utc>,
}

impl Span {
    /// From the beginning to a day, both with what was known then.
    pub fn until(to: NaiveDate, known_at: Option<DateTime<Utc>>) -> Self {
        // What no clock of the service reaches, and both engines can hold.
        let ever = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or(to);
        let end = ever(9999, 12, 30).and_time(chrono::NaiveTime::MIN).and_utc();
        Self { from: ever(1, 1, 1), to, known_at: known_at.unwrap_or(end) }
    }
}

/// What one kind of movement of a contribution sums to: in its currency, and in that of the fund.
#[derive(Clone, Debug, Queryable)]
pub struct MovementSum {
    pub contribution_id: Col<ContributionId>,
    pub kind: Col<FundMovementKind>,
    pub amount: i64,
    pub value: i64,
}

/// The sums of the movements of contributions, by kind.
pub fn sum_movements(conn: &mut Conn, scope: &Scope, ids: &[Col<ContributionId>], span: &Span) -> Result<Vec<MovementSum>, Fault> {
    let sums = visible!(fund_movements, scope)
        .filter(fund_movements::contribution_id.eq_any(ids))
        .filter(fund_movements::moved_on.between(span.from, span.to))
        .filter(fund_movements::recorded_at.le(Col(span.known_at)))
        .group_by((fund_movements::contribution_id, fund_movements::kind))
        .select((
            fund_movements::contribution_id,
            fund_movements::kind,
            sql::<BigInt>("CAST(SUM(fund_movements.amount) AS BIGINT)"),
            sql::<BigInt>("CAST(SUM(fund_movements.value) AS BIGINT)"),
        ));
    Ok(sums.load(conn)?)
}

/// How many different purposes each of these contributions pays.
pub fn count_purposes(
    conn: &mut Conn,
    scope: &Scope,
    ids: &[Col<ContributionId>],
    span: &Span,
) -> Result<BTreeMap<ContributionId, usize>, Fault> {
    type Sum = (Col<ContributionId>, Option<Col<FundPurposeId>>, Col<FundMovementKind>, i64);
    let kinds = [FundMovementKind::Allocation, FundMovementKind::Release].map(Col);
    let sums: Vec<Sum> = visible!(fund_movements, scope)
        .filter(fund_movements::contribution_id.eq_any(ids))
        .filter(fund_movements::kind.eq_any(kinds))
        .filter(fund_movements::moved_on.between(span.from, span.to))
        .filter(fund_movements::recorded_at.le(Col(span.known_at)))
        .group_by((fund_movements::contribution_id, fund_movements::purpose_id, fund_movements::kind))
        .select((
            fund_movements::contribution_id,
            fund_movements::purpose_id,
            fund_movements::kind,
            sql::<BigInt>("CAST(SUM(fund_movements.value) AS BIGINT)"),
        ))
        .load(conn)?;
    let mut paid: BTreeMap<(ContributionId, Option<FundPurposeId>), i64> = BTreeMap::new();
    for (contribution, purpose, kind, value) in sums {
        let signed = if kind.0 == FundMovementKind::Allocation { value } else { -value };
        *paid.entry((contribution.0, purpose.map(|purpose| purpose.0))).or_default() += signed;
    }
    let mut counts = BTreeMap::new();
    for ((contribution, _), _) in paid.into_iter().filter(|(_, value)| *value > 0) {
        *counts.entry(contribution).or_default() += 1;
    }
    Ok(counts)
}
