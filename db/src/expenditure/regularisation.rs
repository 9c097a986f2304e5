//! Regularisations: charges without payment, in one order.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::budget::Section;
use domain::id::{BudgetLineId, EntryId, OrganisationId, PrincipalId, RegularisationId};
use domain::sensitivity::{Scope, Sensitivity};
use uuid::Uuid;

use crate::budget::credit::Charge;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::regularisations;
use crate::store::Tx;
use crate::{between, totalled, visible, within};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = regularisations)]
pub struct RegularisationRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<RegularisationId>,
    pub fiscal_year: i32,
    pub number: i64,
    pub budget_line_id: Col<BudgetLineId>,
    pub section: Col<Section>,
    pub article: String,
    pub cause_kind: String,
    pub cause_id: Col<Uuid>,
    pub label: String,
    pub amount: i64,
    pub credited_account: String,
    pub regularised_on: NaiveDate,
    pub regularised_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
    pub entry_id: Col<EntryId>,
}

/// A new regularisation, already judged, posted and numbered.
#[derive(Clone, Debug)]
pub struct NewRegularisation {
    pub id: RegularisationId,
    pub number: i64,
    pub charge: Charge,
    pub cause_kind: &'static str,
    pub cause_id: Uuid,
    pub label: String,
    pub amount: i64,
    pub credited_account: String,
    pub by: PrincipalId,
    pub entry: EntryId,
}

pub fn append_regularisation(tx: &mut Tx<'_>, new: &NewRegularisation) -> Result<RegularisationRow, Fault> {
    diesel::insert_into(regularisations::table)
        .values((
            regularisations::organisation_id.eq(Col(tx.organisation)),
            regularisations::id.eq(Col(new.id)),
            regularisations::fiscal_year.eq(new.charge.fiscal_year),
            regularisations::number.eq(new.number),
            regularisations::budget_line_id.eq(Col(new.charge.line)),
            regularisations::section.eq(Col(new.charge.section)),
            regularisations::article.eq(&new.charge.article),
            regularisations::cause_kind.eq(new.cause_kind),
            regularisations::cause_id.eq(Col(new.cause_id)),
            regularisations::label.eq(&new.label),
            regularisations::amount.eq(new.amount),
            regularisations::credited_account.eq(&new.credited_account),
            regularisations::regularised_on.eq(tx.author.today),
            regularisations::regularised_by.eq(Col(new.by)),
            regularisations::recorded_at.eq(Col(tx.author.now)),
            regularisations::entry_id.eq(Col(new.entry)),
            regularisations::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    find_regularisation(tx.conn, &Scope { organisation: tx.organisation, clearance: Sensitivity::Sealed }, new.id)
}

pub fn find_regularisation(conn: &mut Conn, scope: &Scope, id: RegularisationId) -> Result<RegularisationRow, Fault> {
    Ok(visible!(regularisations, scope).filter(regularisations::id.eq(Col(id))).select(RegularisationRow::as_select()).first(conn)?)
}

/// Which regularisations to list.
#[derive(Clone, Debug, Default)]
pub struct RegularisationFilter {
    pub fiscal_year: Option<i32>,
    pub section: Option<Section>,
    pub article: Option<String>,
    pub budget_line_id: Option<BudgetLineId>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    pub amount: Bounds,
    /// A part of the label, without regard to accents and case.
    pub query: Option<String>,
}

fn selected(scope: &Scope, filter: &RegularisationFilter) -> regularisations::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(regularisations, scope).into_boxed();
    if let Some(year) = filter.fiscal_year {
        query = query.filter(regularisations::fiscal_year.eq(year));
    }
    if let Some(section) = filter.section {
        query = query.filter(regularisations::section.eq(Col(section)));
    }
    if let Some(article) = &filter.article {
        query = query.filter(regularisations::article.eq(article.clone()));
    }
    if let Some(line) = filter.budget_line_id {
        query = query.filter(regularisations::budget_line_id.eq(Col(line)));
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("regularisations.label").like(containing(text)));
    }
    between!(query, regularisations::regularised_on, filter.from, filter.to);
    within!(query, regularisations::amount, filter.amount);
    query
}

pub fn list_regularisations(
    conn: &mut Conn,
    scope: &Scope,
    filter: &RegularisationFilter,
    page: &Keyset<RegularisationId>,
) -> Result<Rows<RegularisationRow>, Fault> {
    let mut query = selected(scope, filter).order(regularisations::id).limit(page.probe()).select(RegularisationRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(regularisations::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the list adds up to.
pub fn total_regularisations(conn: &mut Conn, scope: &Scope, filter: &RegularisationFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected(scope, filter), "regularisations.amount"))
}
