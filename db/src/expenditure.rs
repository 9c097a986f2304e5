//! Commitments. The other stages: [`verification`], [`order`], [`payment`]; what corrects them: [`correction`],
//! [`regularisation`]; the papers behind them: [`document`].

pub mod chargeable;
pub mod correction;
pub mod detail;
pub mod document;
pub mod order;
pub mod payment;
pub mod regularisation;
pub mod reservation;
pub mod verification;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::budget::Section;
use domain::budget::credit::{Credit, Step};
use domain::expenditure::verification::Advance;
use domain::expenditure::{CommitmentState, Committed};
use domain::id::{BudgetLineId, CommitmentId, OrganisationId, PrincipalId, SupplierId};
use domain::money::Amount;
use domain::sensitivity::Scope;

use crate::budget::amount;
use crate::budget::credit::{Cause, Charge, CreditMove};
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::{commitments, organisations};
use crate::store::{ById, Gather, Gathered, Tx};
use crate::{between, totalled, visible, within};

/// The commitments on a budget line, for what hangs on them.
macro_rules! on_line {
    ($scope:expr, $line:expr) => {
        $crate::schema::commitments::table
            .filter($crate::schema::commitments::organisation_id.eq($crate::column::Col($scope.organisation)))
            .filter($crate::schema::commitments::budget_line_id.eq($crate::column::Col($line)))
            .select($crate::schema::commitments::id)
    };
}

/// The commitments on an article of either section, for what hangs on them.
macro_rules! on_article {
    ($scope:expr, $article:expr) => {
        $crate::schema::commitments::table
            .filter($crate::schema::commitments::organisation_id.eq($crate::column::Col($scope.organisation)))
            .filter($crate::schema::commitments::article.eq($article))
            .select($crate::schema::commitments::id)
    };
}
pub(crate) use {on_article, on_line};

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = commitments, treat_none_as_default_value = false)]
pub struct CommitmentRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<CommitmentId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub budget_line_id: Col<BudgetLineId>,
    pub section: Col<Section>,
    pub article: String,
    pub kind_code: String,
    pub supplier_id: Col<SupplierId>,
    pub label: String,
    pub committed_on: NaiveDate,
    pub amount: i64,
    pub verified: i64,
    pub advance_granted: i64,
    pub advance_paid: i64,
    pub advance_recovered: i64,
    pub retention_withheld: i64,
    pub retention_released: i64,
    pub state: Col<CommitmentState>,
    pub end_reason: Option<String>,
    pub committed_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub version: i64,
}

impl CommitmentRow {
    /// Where the expenditure chain that starts here is charged.
    pub fn charge(&self) -> Charge {
        Charge { fiscal_year: self.fiscal_year, section: self.section.0, article: self.article.clone(), line: self.budget_line_id.0 }
    }

    /// What is reserved, and what is verified of it.
    pub fn sums(&self) -> Result<Committed, Fault> {
        Ok(Committed { amount: amount(self.amount)?, verified: amount(self.verified)? })
    }

    /// Its advances, without the ceiling, which the parameters give.
    pub fn advance(&self) -> Result<Advance, Fault> {
        Ok(Advance {
            granted: amount(self.advance_granted)?,
            paid: amount(self.advance_paid)?,
            recovered: amount(self.advance_recovered)?,
            ceiling: Amount::ZERO,
        })
    }
}

/// Reserves the credit of a new commitment, which is stored under the next number of its series when its group ends.
pub fn insert_commitment(tx: &mut Tx<'_>, row: CommitmentRow, before: Credit) -> Result<(), Fault> {
    let cause = Cause { kind: "commitment", id: row.id.0.0, on: row.committed_on };
    let moved = CreditMove::new(tx, row.charge(), before, Step::Commit, amount(row.amount)?, cause)?;
    tx.reserved.push(row, moved);
    Ok(())
}

pub fn find_commitment(conn: &mut Conn, scope: &Scope, id: CommitmentId) -> Result<CommitmentRow, Fault> {
    Ok(visible!(commitments, scope).filter(commitments::id.eq(Col(id))).select(CommitmentRow::as_select()).get_result(conn)?)
}

/// How many elements PostgreSQL expects in a list that it does not know.
const LIST_EXPECTED: usize = 10;

/// Commitments by their ids, each with the currency of its organisation.
pub struct CommitmentById;

/// Those that a condition names, as a scope may see them. The currency is read once for all, and there is none for who may not see it.
macro_rules! with_currency {
    ($scope:expr, $condition:expr) => {
        visible!(commitments, $scope).filter($condition).select((
            CommitmentRow::as_select(),
            organisations::table
                .filter(organisations::id.eq(Col($scope.organisation)))
                .filter(organisations::sensitivity.le($scope.clearance.rank()))
                .select(organisations::currency)
                .single_value(),
        ))
    };
}

impl ById for CommitmentById {
    type Id = CommitmentId;
    type Row = (CommitmentRow, String);

    fn find(conn: &mut Conn, scope: &Scope, ids: &[CommitmentId]) -> Result<HashMap<CommitmentId, Self::Row>, Fault> {
        let rows: Vec<(CommitmentRow, Option<String>)> = match (conn, ids) {
            (Conn::Pg(conn), [first, _, ..]) => {
                // Of a list that it does not know PostgreSQL expects so many: with as many, it keeps the plan that serves all lists.
                let again = std::iter::repeat_n(*first, LIST_EXPECTED.saturating_sub(ids.len()));
                let ids: Vec<_> = ids.iter().copied().chain(again).map(Col).collect();
                with_currency!(scope, commitments::id.eq_any(ids)).load(conn)?
            }
            (conn, ids) => {
                let mut rows = Vec::with_capacity(ids.len());
                for id in ids {
                    rows.extend(with_currency!(scope, commitments::id.eq(Col(*id))).load(conn)?);
                }
                rows
            }
        };
        Ok(rows.into_iter().filter_map(|(row, currency)| Some((row.id.0, (row, currency?)))).collect())
    }

    fn among(gathered: &Gathered) -> &Gather<Self> {
        &gathered.commitments
    }
}

/// Which commitments to list.
#[derive(Clone, Debug, Default)]
pub struct CommitmentFilter {
    pub fiscal_year: Option<i32>,
    pub state: Vec<CommitmentState>,
    pub section: Option<Section>,
    pub article: Option<String>,
    pub budget_line_id: Option<BudgetLineId>,
    pub supplier_id: Option<SupplierId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    /// A part of the label, without regard to accents and case.
    pub query: Option<String>,
}

fn selected_commitments(scope: &Scope, filter: &CommitmentFilter) -> commitments::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(commitments, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(commitments::fiscal_year.eq(year));
    }
    if !filter.state.is_empty() {
        query = query.filter(commitments::state.eq_any(filter.state.iter().copied().map(Col).collect::<Vec<_>>()));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(commitments::budget_line_id.eq(Col(line)));
    }
    if let Some(section) = filter.section {
        query = query.filter(commitments::section.eq(Col(section)));
    }
    if let Some(article) = &filter.article {
        query = query.filter(commitments::article.eq(article.clone()));
    }
    if let Some(supplier) = filter.supplier_id {
        query = query.filter(commitments::supplier_id.eq(Col(supplier)));
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("commitments.label").like(containing(text)));
    }
    between!(query, commitments::committed_on, filter.from, filter.to);
    within!(query, commitments::amount, filter.amount);
    query
}

pub fn list_commitments(
    conn: &mut Conn,
    scope: &Scope,
    filter: &CommitmentFilter,
    page: &Keyset<CommitmentId>,
) -> Result<Rows<CommitmentRow>, Fault> {
    let mut query = selected_commitments(scope, filter).order(commitments::id).limit(page.probe()).select(CommitmentRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(commitments::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_commitments(conn: &mut Conn, scope: &Scope, filter: &CommitmentFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_commitments(scope, filter), "commitments.amount"))
}

/// What an act leaves of a commitment; what is `None` stays as it is.
#[derive(AsChangeset, Clone, Debug, Default)]
#[diesel(table_name = commitments)]
pub struct CommitmentChange {
    pub amount: Option<i64>,
    pub verified: Option<i64>,
    pub advance_granted: Option<i64>,
    pub advance_paid: Option<i64>,
    pub advance_recovered: Option<i64>,
    pub retention_withheld: Option<i64>,
    pub retention_released: Option<i64>,
    pub state: Option<Col<CommitmentState>>,
    /// A reason, or none again.
    pub end_reason: Option<Option<String>>,
}

/// Changes a commitment; gives the row as it now stands.
pub fn update_commitment(tx: &mut Tx<'_>, row: &CommitmentRow, change: CommitmentChange) -> Result<CommitmentRow, Fault> {
    diesel::update(commitments::table.filter(commitments::organisation_id.eq(row.organisation_id)).filter(commitments::id.eq(row.id)))
        .set((change, commitments::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    let scope = tx.all();
    find_commitment(tx.conn, &scope, row.id.0)
}

/// Sets what is verified of a commitment, and the state that follows: one that was released lives again.
pub fn update_verified(tx: &mut Tx<'_>, row: &CommitmentRow, verified: i64, change: CommitmentChange) -> Result<CommitmentRow, Fault> {
    let state = Committed { amount: amount(row.amount)?, verified: amount(verified)? }.state();
    update_commitment(tx, row, CommitmentChange { verified: Some(verified), state: Some(Col(state)), end_reason: Some(None), ..change })
}
