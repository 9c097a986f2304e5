//! Contributions: what is kept of each, its instalments, its goods and its earmark.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text};
use domain::fund::{ContributionKind, FUND_RECORD_DUPLICATE, Ledgers};
use domain::id::{ContributionId, DonorId, FundId, OrganisationId, PrincipalId};
use domain::money::Currency;
use domain::sensitivity::{Scope, Sensitivity};

use super::earmark::{PlacedEarmark, append_earmark, find_earmarks};
use super::{RecordedAt, currency};
use crate::column::{Col, Identity};
use crate::connection::{Conn, Locked};
use crate::effect::{Effects, effect};
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{contribution_goods, contribution_instalments, contributions, funds};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = contributions)]
pub struct ContributionRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ContributionId>,
    pub fund_id: Col<FundId>,
    pub donor_id: Option<Col<DonorId>>,
    pub kind: Col<ContributionKind>,
    pub reference: String,
    pub currency: String,
    pub pledged: i64,
    pub committed: i64,
    pub received: i64,
    pub written_off: i64,
    pub value: i64,
    pub charged: i64,
    pub repaid: i64,
    pub allocated: i64,
    pub disbursed: i64,
    pub spent: i64,
    pub returned: i64,
    pub fee_bps: Option<i32>,
    pub agreement_reference: Option<String>,
    pub agreed_on: Option<NaiveDate>,
    pub first_received_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub note: Option<String>,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: RecordedAt,
    pub version: i64,
    pub passed_on: i64,
    pub held: i64,
}

impl ContributionRow {
    pub fn currency(&self) -> Result<Currency, Fault> {
        currency(&self.currency)
    }

    pub fn ledgers(&self) -> Ledgers {
        Ledgers {
            pledged: self.pledged,
            committed: self.committed,
            received: self.received,
            written_off: self.written_off,
            value: self.value,
            charged: self.charged,
            repaid: self.repaid,
            allocated: self.allocated,
            disbursed: self.disbursed,
            spent: self.spent,
            returned: self.returned,
            passed_on: self.passed_on,
            held: self.held,
        }
    }
}

/// Money that is expected.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = contribution_instalments)]
pub struct InstalmentRow {
    pub contribution_id: Col<ContributionId>,
    pub number: i32,
    pub due_on: NaiveDate,
    pub amount: i64,
}

/// Goods of a contribution.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = contribution_goods)]
pub struct GoodsRow {
    pub contribution_id: Col<ContributionId>,
    pub number: i32,
    pub description: String,
    pub quantity: i32,
    pub amount: i64,
}

/// A contribution with what it may be used for.
#[derive(Clone, Debug)]
pub struct Contribution {
    pub row: ContributionRow,
    pub earmark: PlacedEarmark,
}

/// What only who reads a contribution is told of it.
#[derive(Clone, Debug, Default)]
pub struct ContributionDetails {
    pub instalments: Vec<InstalmentRow>,
    pub goods: Vec<GoodsRow>,
}

/// A new contribution.
#[derive(Clone, Debug)]
pub struct NewContribution {
    pub id: ContributionId,
    pub fund: FundId,
    /// None for the fund's own account.
    pub donor: Option<DonorId>,
    pub kind: ContributionKind,
    pub reference: String,
    pub currency: Currency,
    pub ends_on: Option<NaiveDate>,
    pub note: Option<String>,
    pub earmark: PlacedEarmark,
    pub instalments: Vec<(NaiveDate, i64)>,
    /// Description, quantity, worth.
    pub goods: Vec<(String, i32, i64)>,
    pub recorded_by: PrincipalId,
}

pub fn insert_contribution(tx: &mut Tx<'_>, new: &NewContribution) -> Result<(), Fault> {
    diesel::insert_into(contributions::table)
        .values((
            contributions::organisation_id.eq(Col(tx.organisation)),
            contributions::id.eq(Col(new.id)),
            contributions::fund_id.eq(Col(new.fund)),
            contributions::donor_id.eq(new.donor.map(Col)),
            contributions::kind.eq(Col(new.kind)),
            contributions::reference.eq(&new.reference),
            contributions::currency.eq(new.currency.code()),
            contributions::pledged.eq(0),
            contributions::committed.eq(0),
            contributions::received.eq(0),
            contributions::written_off.eq(0),
            contributions::value.eq(0),
            contributions::charged.eq(0),
            contributions::repaid.eq(0),
            contributions::allocated.eq(0),
            contributions::disbursed.eq(0),
            contributions::spent.eq(0),
            contributions::returned.eq(0),
            contributions::ends_on.eq(new.ends_on),
            contributions::note.eq(new.note.as_deref()),
            contributions::recorded_by.eq(Col(new.recorded_by)),
            contributions::recorded_at.eq(Col(tx.author.now)),
            contributions::sensitivity.eq(Sensitivity::Internal.rank()),
            contributions::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| FUND_RECORD_DUPLICATE.refuse().with("code", &new.reference).at("/reference")))?;
    append_earmark(tx, new.id, &new.earmark)?;
    for (number, (due_on, amount)) in (1_i32..).zip(&new.instalments) {
        diesel::insert_into(contribution_instalments::table)
            .values((
                contribution_instalments::organisation_id.eq(Col(tx.organisation)),
                contribution_instalments::contribution_id.eq(Col(new.id)),
                contribution_instalments::number.eq(number),
                contribution_instalments::due_on.eq(*due_on),
                contribution_instalments::amount.eq(*amount),
            ))
            .execute(tx.conn)?;
    }
    for (number, (description, quantity, amount)) in (1_i32..).zip(&new.goods) {
        diesel::insert_into(contribution_goods::table)
            .values((
                contribution_goods::organisation_id.eq(Col(tx.organisation)),
                contribution_goods::contribution_id.eq(Col(new.id)),
                contribution_goods::number.eq(number),
                contribution_goods::description.eq(description),
                contribution_goods::quantity.eq(*quantity),
                contribution_goods::amount.eq(*amount),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// What changes with the movements of a contribution.
#[derive(Clone, Debug)]
pub struct ContributionChange {
    pub ledgers: Ledgers,
    pub fee_bps: Option<i32>,
    pub agreement_reference: Option<String>,
    pub agreed_on: Option<NaiveDate>,
    pub first_received_on: Option<NaiveDate>,
    pub ends_on: Option<NaiveDate>,
    pub note: Option<String>,
}

impl ContributionChange {
    /// The same but for its ledgers.
    pub fn of(row: &ContributionRow, ledgers: Ledgers) -> Self {
        Self {
            ledgers,
            fee_bps: row.fee_bps,
            agreement_reference: row.agreement_reference.clone(),
            agreed_on: row.agreed_on,
            first_received_on: row.first_received_on,
            ends_on: row.ends_on,
            note: row.note.clone(),
        }
    }
}

/// Keeps what became of a contribution.
pub fn update_contribution(tx: &mut Tx<'_>, row: &ContributionRow, change: &ContributionChange) -> Result<(), Fault> {
    let mut effects = Effects::default();
    change_contribution(&mut effects, row, change.clone())?;
    effects.store(tx.conn)
}

/// As [`update_contribution`], stored with the other effects.
pub fn change_contribution(effects: &mut Effects, row: &ContributionRow, change: ContributionChange) -> Result<(), Fault> {
    let kept = change.ledgers;
    effect!(
        effects,
        Update "contributions",
        pledged: BigInt = kept.pledged,
        committed: BigInt = kept.committed,
        received: BigInt = kept.received,
        written_off: BigInt = kept.written_off,
        value: BigInt = kept.value,
        charged: BigInt = kept.charged,
        repaid: BigInt = kept.repaid,
        allocated: BigInt = kept.allocated,
        disbursed: BigInt = kept.disbursed,
        spent: BigInt = kept.spent,
        returned: BigInt = kept.returned,
        passed_on: BigInt = kept.passed_on,
        held: BigInt = kept.held,
        fee_bps: Nullable<Integer> = change.fee_bps,
        agreement_reference: Nullable<Text> = change.agreement_reference,
        agreed_on: Nullable<Date> = change.agreed_on,
        first_received_on: Nullable<Date> = change.first_received_on,
        ends_on: Nullable<Date> = change.ends_on,
        note: Nullable<Text> = change.note,
        version: BigInt = row.version + 1,
        organisation_id: Identity = row.organisation_id,
        id: Identity = row.id,
    )
}

fn with_earmarks(conn: &mut Conn, scope: &Scope, rows: Vec<ContributionRow>) -> Result<Vec<Contribution>, Fault> {
    let ids: Vec<Col<ContributionId>> = rows.iter().map(|row| row.id).collect();
    let mut earmarks = find_earmarks(conn, scope.organisation, &ids)?;
    Ok(rows.into_iter().map(|row| Contribution { earmark: earmarks.remove(&row.id.0).unwrap_or_default(), row }).collect())
}

/// Instalments and goods of contributions; those without any are not in the map.
pub fn find_details(
    conn: &mut Conn,
    scope: &Scope,
    ids: impl Iterator<Item = Col<ContributionId>>,
) -> Result<BTreeMap<ContributionId, ContributionDetails>, Fault> {
    let ids: Vec<Col<ContributionId>> = ids.collect();
    let planned: Vec<InstalmentRow> = contribution_instalments::table
        .filter(contribution_instalments::organisation_id.eq(Col(scope.organisation)))
        .filter(contribution_instalments::contribution_id.eq_any(&ids))
        .order((contribution_instalments::contribution_id, contribution_instalments::number))
        .select(InstalmentRow::as_select())
        .load(conn)?;
    let listed: Vec<GoodsRow> = contribution_goods::table
        .filter(contribution_goods::organisation_id.eq(Col(scope.organisation)))
        .filter(contribution_goods::contribution_id.eq_any(&ids))
        .order((contribution_goods::contribution_id, contribution_goods::number))
        .select(GoodsRow::as_select())
        .load(conn)?;
    let mut details: BTreeMap<ContributionId, ContributionDetails> = BTreeMap::new();
    for row in planned {
        details.entry(row.contribution_id.0).or_default().instalments.push(row);
    }
    for row in listed {
        details.entry(row.contribution_id.0).or_default().goods.push(row);
    }
    Ok(details)
}

pub fn find_contribution(conn: &mut Conn, scope: &Scope, id: ContributionId) -> Result<Contribution, Fault> {
    let row = visible!(contributions, scope).filter(contributions::id.eq(Col(id))).select(ContributionRow::as_select()).first(conn)?;
    with_earmarks(conn, scope, vec![row])?.pop().ok_or(Fault::Missing)
}

/// Every contribution of a fund, locked in the order of their ids, with the fund's own account.
pub fn lock_contributions(tx: &mut Tx<'_>, fund: FundId) -> Result<Vec<Contribution>, Fault> {
    let rows = contributions::table
        .filter(contributions::organisation_id.eq(Col(tx.organisation)))
        .filter(contributions::fund_id.eq(Col(fund)))
        .order(contributions::id)
        .select(ContributionRow::as_select());
    let rows: Vec<ContributionRow> = Locked(rows).load(tx.conn)?;
    with_earmarks(tx.conn, &tx.all(), rows)
}

/// Every contribution of a fund that a scope may see, to read.
pub fn all_contributions(conn: &mut Conn, scope: &Scope, fund: FundId) -> Result<Vec<Contribution>, Fault> {
    let rows = visible!(contributions, scope).filter(contributions::fund_id.eq(Col(fund))).order(contributions::id);
    let rows: Vec<ContributionRow> = rows.select(ContributionRow::as_select()).load(conn)?;
    with_earmarks(conn, scope, rows)
}

/// Which contributions to list.
#[derive(Clone, Debug, Default)]
pub struct ContributionFilter {
    pub fund_id: Option<FundId>,
    pub donor_id: Option<DonorId>,
    pub kind: Option<ContributionKind>,
}

pub fn list_contributions(
    conn: &mut Conn,
    scope: &Scope,
    filter: &ContributionFilter,
    page: &Keyset<ContributionId>,
) -> Result<Rows<Contribution>, Fault> {
    let mut query =
        visible!(contributions, scope).order(contributions::id).limit(page.probe()).select(ContributionRow::as_select()).into_boxed();
    if let Some(after) = page.after {
        query = query.filter(contributions::id.gt(Col(after)));
    }
    if let Some(fund) = filter.fund_id {
        query = query.filter(contributions::fund_id.eq(Col(fund)));
    }
    if let Some(donor) = filter.donor_id {
        query = query.filter(contributions::donor_id.eq(Some(Col(donor))));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(contributions::kind.eq(Col(kind)));
    }
    let rows = page.cut(query.load(conn)?);
    Ok(Rows { more: rows.more, rows: with_earmarks(conn, scope, rows.rows)? })
}

/// The currencies of contributions and of their funds.
pub fn currencies(
    conn: &mut Conn,
    scope: &Scope,
    ids: impl Iterator<Item = Col<ContributionId>>,
) -> Result<BTreeMap<ContributionId, (Currency, Currency)>, Fault> {
    let ids: Vec<Col<ContributionId>> = ids.collect();
    let rows: Vec<(Col<ContributionId>, String, String)> = visible!(contributions, scope)
        .inner_join(funds::table.on(funds::organisation_id.eq(contributions::organisation_id).and(funds::id.eq(contributions::fund_id))))
        .filter(contributions::id.eq_any(ids))
        .select((contributions::id, contributions::currency, funds::currency))
        .load(conn)?;
    rows.into_iter().map(|(id, own, fund)| Ok((id.0, (currency(&own)?, currency(&fund)?)))).collect()
}
