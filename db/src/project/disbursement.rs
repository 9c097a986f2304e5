//! Disbursements of projects: who requested, certified, approved and paid each, and what became of it.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{OrganisationId, PrincipalId, ProjectDisbursementId, ProjectId};
use domain::money::Amount;
use domain::project::disbursement::ProjectDisbursementState;
use domain::project::duty::Duty;
use domain::project::finance::TRANCHE_TAKEN;
use uuid::Uuid;

use super::ProjectRow;
use crate::budget::amount;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::fund::RecordedAt;
use crate::page::{Keyset, Rows};
use crate::schema::project_disbursements;
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_disbursements)]
pub struct DisbursementRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ProjectDisbursementId>,
    pub project_id: Col<ProjectId>,
    pub tranche: i32,
    pub amount: i64,
    pub state: Col<ProjectDisbursementState>,
    pub requested_by: Col<PrincipalId>,
    pub requested_on: NaiveDate,
    pub certified_by: Option<Col<PrincipalId>>,
    pub certified_on: Option<NaiveDate>,
    pub approved_by: Option<Col<PrincipalId>>,
    pub approved_on: Option<NaiveDate>,
    pub paid_by: Option<Col<PrincipalId>>,
    pub paid_on: Option<NaiveDate>,
    pub bank_reference: Option<String>,
    pub act_id: Option<Col<Uuid>>,
    pub ended_by: Option<Col<PrincipalId>>,
    pub ended_on: Option<NaiveDate>,
    pub reason: Option<String>,
    pub recorded_at: RecordedAt,
    pub version: i64,
}

impl DisbursementRow {
    pub fn amount(&self) -> Result<Amount, Fault> {
        amount(self.amount)
    }

    pub fn tranche(&self) -> u32 {
        u32::try_from(self.tranche).unwrap_or_default()
    }

    /// Who did which part of it.
    pub fn done(&self) -> Vec<(Duty, PrincipalId)> {
        let parts = [
            (Duty::Proponent, Some(self.requested_by)),
            (Duty::FinanceCertifier, self.certified_by),
            (Duty::FinanceApprover, self.approved_by),
        ];
        parts.into_iter().filter_map(|(duty, who)| Some((duty, who?.0))).collect()
    }
}

/// A request for a tranche.
#[derive(Clone, Debug)]
pub struct NewDisbursement {
    pub id: ProjectDisbursementId,
    pub project: ProjectId,
    pub tranche: i32,
    pub amount: i64,
    pub requested_by: PrincipalId,
}

pub fn insert_disbursement(tx: &mut Tx<'_>, new: &NewDisbursement) -> Result<DisbursementRow, Fault> {
    diesel::insert_into(project_disbursements::table)
        .values((
            project_disbursements::organisation_id.eq(Col(tx.organisation)),
            project_disbursements::id.eq(Col(new.id)),
            project_disbursements::project_id.eq(Col(new.project)),
            project_disbursements::tranche.eq(new.tranche),
            project_disbursements::amount.eq(new.amount),
            project_disbursements::state.eq(Col(ProjectDisbursementState::Requested)),
            project_disbursements::requested_by.eq(Col(new.requested_by)),
            project_disbursements::requested_on.eq(tx.today()),
            project_disbursements::recorded_at.eq(Col(tx.now())),
            project_disbursements::version.eq(1),
        ))
        .execute(tx.conn)
        .map_err(|error| Fault::from(error).taken(|| TRANCHE_TAKEN.refuse().with("tranche", new.tranche).at("/tranche")))?;
    row_of(tx.conn, tx.organisation, new.id)
}

fn row_of(conn: &mut Conn, organisation: OrganisationId, id: ProjectDisbursementId) -> Result<DisbursementRow, Fault> {
    Ok(project_disbursements::table
        .filter(project_disbursements::organisation_id.eq(Col(organisation)))
        .filter(project_disbursements::id.eq(Col(id)))
        .select(DisbursementRow::as_select())
        .first(conn)?)
}

/// A disbursement of a project, which the caller was seen to see.
pub fn find_disbursement(conn: &mut Conn, project: &ProjectRow, id: ProjectDisbursementId) -> Result<DisbursementRow, Fault> {
    let row = row_of(conn, project.organisation_id.0, id)?;
    if row.project_id == project.id { Ok(row) } else { Err(Fault::Missing) }
}

/// Every disbursement of a project, in the order of their tranches.
pub fn disbursements_of(conn: &mut Conn, project: &ProjectRow) -> Result<Vec<DisbursementRow>, Fault> {
    Ok(project_disbursements::table
        .filter(project_disbursements::organisation_id.eq(project.organisation_id))
        .filter(project_disbursements::project_id.eq(project.id))
        .order((project_disbursements::tranche, project_disbursements::id))
        .select(DisbursementRow::as_select())
        .load(conn)?)
}

pub fn list_disbursements(
    conn: &mut Conn,
    project: &ProjectRow,
    state: Option<ProjectDisbursementState>,
    page: &Keyset<ProjectDisbursementId>,
) -> Result<Rows<DisbursementRow>, Fault> {
    let mut query = project_disbursements::table
        .filter(project_disbursements::organisation_id.eq(project.organisation_id))
        .filter(project_disbursements::project_id.eq(project.id))
        .order(project_disbursements::id)
        .limit(page.probe())
        .select(DisbursementRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(project_disbursements::id.gt(Col(after)));
    }
    if let Some(state) = state {
        query = query.filter(project_disbursements::state.eq(Col(state)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Keeps a disbursement as it is after an act, under its next version.
pub fn update_disbursement(tx: &mut Tx<'_>, row: &DisbursementRow) -> Result<DisbursementRow, Fault> {
    let own = project_disbursements::table.filter(project_disbursements::organisation_id.eq(row.organisation_id));
    diesel::update(own.filter(project_disbursements::id.eq(row.id)))
        .set((
            project_disbursements::state.eq(row.state),
            project_disbursements::certified_by.eq(row.certified_by),
            project_disbursements::certified_on.eq(row.certified_on),
            project_disbursements::approved_by.eq(row.approved_by),
            project_disbursements::approved_on.eq(row.approved_on),
            project_disbursements::paid_by.eq(row.paid_by),
            project_disbursements::paid_on.eq(row.paid_on),
            project_disbursements::bank_reference.eq(row.bank_reference.as_deref()),
            project_disbursements::act_id.eq(row.act_id),
            project_disbursements::ended_by.eq(row.ended_by),
            project_disbursements::ended_on.eq(row.ended_on),
            project_disbursements::reason.eq(row.reason.as_deref()),
            project_disbursements::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    Ok(DisbursementRow { version: row.version + 1, ..row.clone() })
}
