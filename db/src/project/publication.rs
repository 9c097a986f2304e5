//! Flags of projects, and what was published of each.

use chrono::NaiveDate;
use diesel::prelude::*;
use domain::id::{OrganisationId, PrincipalId, ProjectId};
use domain::project::publication::PublicationState;
use domain::sensitivity::{Scope, Sensitivity};

use super::ProjectRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{project_flags, project_publications};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_flags)]
pub struct ProjectFlagRow {
    pub project_id: Col<ProjectId>,
    pub code: String,
    pub legend: Option<String>,
}

/// The flags of projects, by their codes.
pub(super) fn flags_of(conn: &mut Conn, scope: &Scope, projects: &[Col<ProjectId>]) -> Result<Vec<ProjectFlagRow>, Fault> {
    Ok(project_flags::table
        .filter(project_flags::organisation_id.eq(Col(scope.organisation)))
        .filter(project_flags::project_id.eq_any(projects.to_vec()))
        .order((project_flags::project_id, project_flags::code))
        .select(ProjectFlagRow::as_select())
        .load(conn)?)
}

/// Puts these flags, each with its legend if there is one, in the place of what a project bore.
pub fn replace_flags(tx: &mut Tx<'_>, row: &ProjectRow, flags: &[(String, Option<String>)]) -> Result<(), Fault> {
    let (owner, project) = (row.organisation_id, row.id);
    diesel::delete(project_flags::table.filter(project_flags::organisation_id.eq(owner)).filter(project_flags::project_id.eq(project)))
        .execute(tx.conn)?;
    for (code, legend) in flags {
        diesel::insert_into(project_flags::table)
            .values((
                project_flags::organisation_id.eq(owner),
                project_flags::project_id.eq(project),
                project_flags::code.eq(code),
                project_flags::legend.eq(legend.as_deref()),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_publications)]
pub struct PublicationRow {
    pub organisation_id: Col<OrganisationId>,
    pub project_id: Col<ProjectId>,
    pub number: i32,
    pub summary: String,
    pub summary_sha256: String,
    pub published_on: NaiveDate,
}

/// What is published of a project now.
pub fn find_publication(conn: &mut Conn, scope: &Scope, project: ProjectId) -> Result<PublicationRow, Fault> {
    Ok(visible!(project_publications, scope)
        .filter(project_publications::project_id.eq(Col(project)))
        .filter(project_publications::state.eq(Col(PublicationState::Published)))
        .select(PublicationRow::as_select())
        .first(conn)?)
}

/// What is published of the organisation's projects now.
pub fn list_publications(conn: &mut Conn, scope: &Scope, page: &Keyset<ProjectId>) -> Result<Rows<PublicationRow>, Fault> {
    let mut query = visible!(project_publications, scope)
        .filter(project_publications::state.eq(Col(PublicationState::Published)))
        .order(project_publications::project_id)
        .limit(page.probe())
        .select(PublicationRow::as_select())
        .into_boxed();
    if let Some(after) = page.after {
        query = query.filter(project_publications::project_id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// Publishes a summary of a project in the place of the one before.
pub fn insert_publication(
    tx: &mut Tx<'_>,
    row: &ProjectRow,
    (summary, sha256): (&str, &str),
    by: PrincipalId,
) -> Result<PublicationRow, Fault> {
    let (owner, project) = (row.organisation_id, row.id);
    let of_project = project_publications::organisation_id.eq(owner).and(project_publications::project_id.eq(project));
    let last: Option<i32> = project_publications::table
        .filter(of_project)
        .order(project_publications::number.desc())
        .select(project_publications::number)
        .first(tx.conn)
        .optional()?;
    let current = project_publications::state.eq(Col(PublicationState::Published));
    diesel::update(project_publications::table.filter(of_project).filter(current))
        .set(project_publications::state.eq(Col(PublicationState::Superseded)))
        .execute(tx.conn)?;
    diesel::insert_into(project_publications::table)
        .values((
            project_publications::organisation_id.eq(owner),
            project_publications::project_id.eq(project),
            project_publications::number.eq(last.unwrap_or(0) + 1),
            project_publications::state.eq(Col(PublicationState::Published)),
            project_publications::summary.eq(summary),
            project_publications::summary_sha256.eq(sha256),
            project_publications::published_by.eq(Col(by)),
            project_publications::published_on.eq(tx.today()),
            project_publications::recorded_at.eq(Col(tx.now())),
            project_publications::sensitivity.eq(Sensitivity::Public.rank()),
        ))
        .execute(tx.conn)?;
    find_publication(tx.conn, &tx.all(), project.0)
}

/// Takes back what is published of a project; gives its number.
pub fn withdraw_publication(tx: &mut Tx<'_>, row: &ProjectRow, reason: &str, by: PrincipalId) -> Result<i32, Fault> {
    let current = find_publication(tx.conn, &tx.all(), row.id.0)?;
    let publication = project_publications::table
        .filter(project_publications::organisation_id.eq(row.organisation_id))
        .filter(project_publications::project_id.eq(row.id))
        .filter(project_publications::number.eq(current.number));
    diesel::update(publication)
        .set((
            project_publications::state.eq(Col(PublicationState::Withdrawn)),
            project_publications::withdrawn_by.eq(Some(Col(by))),
            project_publications::withdrawn_on.eq(Some(tx.today())),
            project_publications::withdrawal_reason.eq(Some(reason)),
            project_publications::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    Ok(current.number)
}
