//! Revenue: debtors, authorisations of levies, transfers notified. Orders, receipts and adjustments have files of their own.

pub mod adjustment;
pub mod arrears;
pub mod debtor;
pub mod order;
pub mod receipt;
pub mod recovery;
pub mod refund;
pub mod share;
pub mod transfer;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::id::{LevyAuthorisationId, OrganisationId, PrincipalId};
use domain::revenue::LEVY_AUTHORISATION_DUPLICATE;
use domain::sensitivity::{Scope, Sensitivity};

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::levy_authorisations;
use crate::store::Tx;
use crate::{between, visible};

/// The revenue orders of an organisation, for what hangs on them.
macro_rules! on_orders {
    ($scope:expr) => {
        $crate::schema::revenue_orders::table
            .filter($crate::schema::revenue_orders::organisation_id.eq($crate::column::Col($scope.organisation)))
    };
}

/// Narrows what hangs on revenue orders to those on an article, and to those to a debtor, where the filter names them.
macro_rules! of_orders {
    ($query:ident, $column:expr, $key:expr, $scope:expr, $filter:expr) => {
        if let Some(article) = &$filter.article {
            let on = $crate::revenue::on_orders!($scope).filter($crate::schema::revenue_orders::article.eq(article.clone())).select($key);
            $query = $query.filter($column.eq_any(on));
        }
        if let Some(debtor) = $filter.debtor_id {
            let to = $crate::revenue::on_orders!($scope)
                .filter($crate::schema::revenue_orders::debtor_id.eq(Some($crate::column::Col(debtor))))
                .select($key);
            $query = $query.filter($column.eq_any(to));
        }
    };
}
pub(crate) use {of_orders, on_orders};

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = levy_authorisations)]
pub struct LevyAuthorisationRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<LevyAuthorisationId>,
    pub fiscal_year: i32,
    pub article: String,
    pub deliberation_number: String,
    pub held_on: NaiveDate,
    pub deliberation_sha256: String,
    pub rate: String,
    pub recorded_by: Col<PrincipalId>,
    pub recorded_at: Col<DateTime<Utc>>,
}

/// What the council voted on a levy.
#[derive(Clone, Debug)]
pub struct NewAuthorisation {
    pub id: LevyAuthorisationId,
    pub fiscal_year: i32,
    pub article: String,
    pub deliberation_number: String,
    pub held_on: NaiveDate,
    pub deliberation_sha256: String,
    pub rate: String,
    pub recorded_by: PrincipalId,
}

pub fn append_levy_authorisation(tx: &mut Tx<'_>, new: &NewAuthorisation) -> Result<LevyAuthorisationRow, Fault> {
    diesel::insert_into(levy_authorisations::table)
        .values((
            levy_authorisations::organisation_id.eq(Col(tx.organisation)),
            levy_authorisations::id.eq(Col(new.id)),
            levy_authorisations::fiscal_year.eq(new.fiscal_year),
            levy_authorisations::article.eq(&new.article),
            levy_authorisations::deliberation_number.eq(&new.deliberation_number),
            levy_authorisations::held_on.eq(new.held_on),
            levy_authorisations::deliberation_sha256.eq(&new.deliberation_sha256),
            levy_authorisations::rate.eq(&new.rate),
            levy_authorisations::recorded_by.eq(Col(new.recorded_by)),
            levy_authorisations::recorded_at.eq(Col(tx.author.now)),
            // What the council votes is public.
            levy_authorisations::sensitivity.eq(Sensitivity::Public.rank()),
        ))
        .execute(tx.conn)
        .map_err(|error| {
            Fault::from(error).taken(|| {
                LEVY_AUTHORISATION_DUPLICATE
                    .refuse()
                    .with("article", &new.article)
                    .with("fiscal_year", new.fiscal_year)
                    .with("deliberation_number", &new.deliberation_number)
            })
        })?;
    find_levy_authorisation(tx.conn, &tx.all(), new.id)
}

pub fn find_levy_authorisation(conn: &mut Conn, scope: &Scope, id: LevyAuthorisationId) -> Result<LevyAuthorisationRow, Fault> {
    Ok(visible!(levy_authorisations, scope)
        .filter(levy_authorisations::id.eq(Col(id)))
        .select(LevyAuthorisationRow::as_select())
        .first(conn)?)
}

/// Which authorisations of levies to list.
#[derive(Clone, Debug, Default)]
pub struct LevyAuthorisationFilter {
    pub fiscal_year: Option<i32>,
    pub article: Option<String>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

pub fn list_levy_authorisations(
    conn: &mut Conn,
    scope: &Scope,
    filter: &LevyAuthorisationFilter,
    page: &Keyset<LevyAuthorisationId>,
) -> Result<Rows<LevyAuthorisationRow>, Fault> {
    let mut query = visible!(levy_authorisations, scope)
        .order(levy_authorisations::id)
        .limit(page.probe())
        .select(LevyAuthorisationRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(levy_authorisations::id.gt(Col(after)));
    }
    if let Some(year) = filter.fiscal_year {
        query = query.filter(levy_authorisations::fiscal_year.eq(year));
    }
    if let Some(article) = &filter.article {
        query = query.filter(levy_authorisations::article.eq(article.clone()));
    }
    between!(query, levy_authorisations::held_on, filter.from, filter.to);
    Ok(page.cut(query.load(conn)?))
}

/// Whether the council authorised a levy for a year.
pub fn is_authorised(tx: &mut Tx<'_>, fiscal_year: i32, article: &str) -> Result<bool, Fault> {
    let count: i64 = levy_authorisations::table
        .filter(levy_authorisations::organisation_id.eq(Col(tx.organisation)))
        .filter(levy_authorisations::fiscal_year.eq(fiscal_year))
        .filter(levy_authorisations::article.eq(article))
        .count()
        .get_result(tx.conn)?;
    Ok(count > 0)
}
