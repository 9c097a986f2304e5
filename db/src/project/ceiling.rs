//! At which rates what projects ask for was held against ceilings in another currency.

use diesel::prelude::*;
use domain::fund::exchange::ExchangeRate;
use domain::id::{ExchangeRateId, ProjectId};
use domain::money::Amount;
use domain::project::ProjectAction;
use domain::sensitivity::{Scope, Sensitivity};

use super::ProjectRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::exchange::find_rate;
use crate::schema::project_conversions;
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_conversions)]
pub struct ConversionRow {
    pub project_id: Col<ProjectId>,
    pub exchange_rate_id: Col<ExchangeRateId>,
    pub converted: i64,
    pub currency: String,
}

impl ConversionRow {
    /// The rate that was used.
    pub fn rate(&self, conn: &mut Conn, project: &ProjectRow) -> Result<ExchangeRate, Fault> {
        let all = Scope { organisation: project.organisation_id.0, clearance: Sensitivity::Sealed };
        find_rate(conn, &all, self.exchange_rate_id.0)?.rate()
    }
}

/// A conversion to keep.
#[derive(Clone, Debug)]
pub struct NewConversion {
    pub rate: ExchangeRateId,
    pub amount: Amount,
    pub converted: Amount,
    pub currency: &'static str,
}

/// Keeps by which rate a submission, or its approval, was converted.
pub fn append_conversion(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    (submission, action): (i32, ProjectAction),
    new: &NewConversion,
) -> Result<(), Fault> {
    diesel::insert_into(project_conversions::table)
        .values((
            project_conversions::organisation_id.eq(row.organisation_id),
            project_conversions::project_id.eq(row.id),
            project_conversions::submission.eq(submission),
            project_conversions::action.eq(Col(action)),
            project_conversions::exchange_rate_id.eq(Col(new.rate)),
            project_conversions::amount.eq(new.amount.minor()),
            project_conversions::converted.eq(new.converted.minor()),
            project_conversions::currency.eq(new.currency),
            project_conversions::recorded_at.eq(Col(tx.now())),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// How the last submission of a project, or its approval, was converted; nothing where it needed no rate.
pub fn conversion_of(conn: &mut Conn, row: &ProjectRow, action: ProjectAction) -> Result<Option<ConversionRow>, Fault> {
    Ok(project_conversions::table
        .filter(project_conversions::organisation_id.eq(row.organisation_id))
        .filter(project_conversions::project_id.eq(row.id))
        .filter(project_conversions::submission.eq(row.submission))
        .filter(project_conversions::action.eq(Col(action)))
        .select(ConversionRow::as_select())
        .first(conn)
        .optional()?)
}
