//! Recipients of projects, each with its part of the budget.

use diesel::prelude::*;
use domain::id::{OrganisationId, ProjectId, SupplierId};
use domain::programme::rule_set::ImplementerKind;

use super::ProjectRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::project_recipients;
use crate::store::Tx;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_recipients)]
pub struct ProjectRecipientRow {
    pub project_id: Col<ProjectId>,
    pub number: i32,
    pub kind: Col<ImplementerKind>,
    pub supplier_id: Col<SupplierId>,
    pub part: i64,
}

/// A recipient that is asked for: what it is, its file and its part.
pub type AskedRecipient = (ImplementerKind, SupplierId, i64);

pub(super) fn insert_recipients(tx: &mut Tx<'_>, project: ProjectId, asked: &[AskedRecipient]) -> Result<(), Fault> {
    for (number, (kind, supplier, part)) in (1_i32..).zip(asked) {
        diesel::insert_into(project_recipients::table)
            .values((
                project_recipients::organisation_id.eq(Col(tx.organisation)),
                project_recipients::project_id.eq(Col(project)),
                project_recipients::number.eq(number),
                project_recipients::kind.eq(Col(*kind)),
                project_recipients::supplier_id.eq(Col(*supplier)),
                project_recipients::part.eq(*part),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

pub(super) fn delete_recipients(tx: &mut Tx<'_>, project: &ProjectRow) -> Result<(), Fault> {
    let own = project_recipients::table.filter(project_recipients::organisation_id.eq(project.organisation_id));
    diesel::delete(own.filter(project_recipients::project_id.eq(project.id))).execute(tx.conn)?;
    Ok(())
}

/// The recipients of projects, by project and in their order.
pub fn recipients_of(
    conn: &mut Conn,
    organisation: OrganisationId,
    projects: &[Col<ProjectId>],
) -> Result<Vec<ProjectRecipientRow>, Fault> {
    Ok(project_recipients::table
        .filter(project_recipients::organisation_id.eq(Col(organisation)))
        .filter(project_recipients::project_id.eq_any(projects))
        .order((project_recipients::project_id, project_recipients::number))
        .select(ProjectRecipientRow::as_select())
        .load(conn)?)
}
