//! Where projects stand, and what a map shows of them.

use diesel::prelude::*;
use domain::id::{OrganisationId, PrincipalId, ProjectId, ProjectSiteId, TerritorialUnitId};
use domain::programme::Instrument;
use domain::project::ProjectState;
use domain::project::guard::ShareDimension;
use domain::project::site::Position;
use domain::sensitivity::Scope;

use super::ProjectRow;
use super::filter::{ProjectFilter, Terms, narrowed};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::page::{Keyset, Rows};
use crate::schema::{project_sites, projects, territorial_boundaries, territorial_units};
use crate::store::Tx;
use crate::visible;

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = project_sites)]
pub struct ProjectSiteRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<ProjectSiteId>,
    pub project_id: Col<ProjectId>,
    pub unit_id: Col<TerritorialUnitId>,
    pub name: String,
    pub longitude: i32,
    pub latitude: i32,
    pub outside_reason: Option<String>,
    pub recorded_by: Col<PrincipalId>,
}

/// A new site of a project.
#[derive(Clone, Debug)]
pub struct NewSite {
    pub id: ProjectSiteId,
    pub unit: TerritorialUnitId,
    pub name: String,
    pub position: Position,
    pub outside_reason: Option<String>,
    pub recorded_by: PrincipalId,
}

pub fn insert_site(tx: &mut Tx<'_>, project: ProjectId, new: &NewSite) -> Result<(), Fault> {
    diesel::insert_into(project_sites::table)
        .values((
            project_sites::organisation_id.eq(Col(tx.organisation)),
            project_sites::id.eq(Col(new.id)),
            project_sites::project_id.eq(Col(project)),
            project_sites::unit_id.eq(Col(new.unit)),
            project_sites::name.eq(&new.name),
            project_sites::longitude.eq(new.position.longitude),
            project_sites::latitude.eq(new.position.latitude),
            project_sites::outside_reason.eq(new.outside_reason.as_deref()),
            project_sites::recorded_by.eq(Col(new.recorded_by)),
            project_sites::recorded_at.eq(Col(tx.author.now)),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// The sites of a project that the caller may see.
pub fn sites_of(conn: &mut Conn, scope: &Scope, project: &ProjectRow) -> Result<Vec<ProjectSiteRow>, Fault> {
    Ok(project_sites::table
        .filter(project_sites::organisation_id.eq(Col(scope.organisation)))
        .filter(project_sites::project_id.eq(project.id))
        .order(project_sites::id)
        .select(ProjectSiteRow::as_select())
        .load(conn)?)
}

/// The name of a unit, with its boundary or that of the smallest unit around it that has one.
pub fn boundary_around(conn: &mut Conn, unit: TerritorialUnitId) -> Result<(String, Option<String>), Fault> {
    let name = territorial_units::table.filter(territorial_units::id.eq(Col(unit))).select(territorial_units::name).first(conn)?;
    let around: Vec<Col<TerritorialUnitId>> = crate::fund::purpose::lineage(conn, Col(unit))?.into_iter().map(Col).collect();
    let found: Vec<(Col<TerritorialUnitId>, String)> = territorial_boundaries::table
        .filter(territorial_boundaries::unit_id.eq_any(&around))
        .select((territorial_boundaries::unit_id, territorial_boundaries::geometry))
        .load(conn)?;
    let nearest = around.iter().find_map(|unit| found.iter().find(|(of, _)| of == unit));
    Ok((name, nearest.map(|(_, geometry)| geometry.clone())))
}

/// A site as a map shows it, with its project.
#[derive(Clone, Debug, Queryable)]
pub struct Pin {
    pub id: Col<ProjectSiteId>,
    pub name: String,
    pub longitude: i32,
    pub latitude: i32,
    pub unit_id: Col<TerritorialUnitId>,
    pub project_id: Col<ProjectId>,
    pub reference: String,
    pub title: String,
    pub instrument: Col<Instrument>,
    pub state: Col<ProjectState>,
    pub currency: String,
    pub budget: i64,
}

/// The sites of all projects that a filter finds, in the order of their ids, at most so many.
pub fn list_pins(conn: &mut Conn, scope: &Scope, filter: &ProjectFilter, most: i64) -> Result<Rows<Pin>, Fault> {
    let page = Keyset::<ProjectSiteId> { after: None, limit: most };
    let terms = Terms::load(conn, scope, filter)?;
    let mut query = visible!(projects, scope)
        .inner_join(
            project_sites::table
                .on(project_sites::organisation_id.eq(projects::organisation_id).and(project_sites::project_id.eq(projects::id))),
        )
        .order(project_sites::id)
        .limit(page.probe())
        .select((
            project_sites::id,
            project_sites::name,
            project_sites::longitude,
            project_sites::latitude,
            project_sites::unit_id,
            projects::id,
            projects::reference,
            projects::title,
            projects::instrument,
            projects::state,
            projects::currency,
            projects::budget,
        ))
        .into_boxed();
    narrowed!(query, scope, filter, terms);
    Ok(page.cut(query.load(conn)?))
}
