//! What everyone may read of projects: flags with their legends, and summaries as they were published.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::Project;
use db::project::publication::{ProjectFlagRow, PublicationRow};
use domain::document;
use domain::id::{OrganisationId, ProjectId};
use domain::programme::Instrument;
use domain::project::handover::ProjectNature;
use domain::project::publication::{FLAG_DUPLICATE, PROJECT_UNPUBLISHED, Publishable};
use domain::project::{ProjectState, StateClass};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::review::answer;
use super::suspension::effective_ends_on;
use super::{ProjectPath, ProjectShareView, ProjectView, share};
use crate::answer::{Answered, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::page::{Page, keyset, page};
use crate::wire::shown;

/// A mark that lists print beside a project.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct ProjectFlagView {
    #[schema(max_length = 8, example = "*")]
    code: String,
    /// What it means; nothing as long as nobody said so.
    #[schema(max_length = 300, example = "Prolongé")]
    legend: Option<String>,
}

pub(super) fn flag(row: &ProjectFlagRow) -> ProjectFlagView {
    ProjectFlagView { code: row.code.clone(), legend: row.legend.clone() }
}

/// What was published of a project, as it was on that day. Who asked for it, who carries it out and where exactly it lies are not in it.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct ProjectSummary {
    #[schema(max_length = 60, example = "QIP-GAO-18-001")]
    reference: String,
    #[schema(max_length = 300)]
    title: String,
    #[schema(max_length = 2000)]
    objective: String,
    nature: ProjectNature,
    instrument: Instrument,
    state: ProjectState,
    /// As what it is counted.
    state_class: StateClass,
    approved_on: Option<NaiveDate>,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    /// The planned end, moved by the days of suspensions for which nobody answers.
    effective_ends_on: NaiveDate,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    budget: String,
    #[schema(max_items = 40)]
    shares: Vec<ProjectShareView>,
    /// Each with its legend.
    #[schema(max_items = 10)]
    flags: Vec<ProjectFlagView>,
}

impl ProjectSummary {
    fn of(project: &Project, state_class: StateClass) -> Result<Self, Fault> {
        let row = &project.row;
        Ok(Self {
            reference: row.reference.clone(),
            title: row.title.clone(),
            objective: row.objective.clone(),
            nature: row.nature.0,
            instrument: row.instrument.0,
            state: row.state.0,
            state_class,
            approved_on: row.approved_on,
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            effective_ends_on: effective_ends_on(project),
            currency: row.currency.clone(),
            budget: shown(row.budget, row.currency()?),
            shares: project.shares.iter().cloned().map(share).collect(),
            flags: project.flags.iter().map(flag).collect(),
        })
    }
}

/// What is published of a project now.
#[derive(Serialize, ToSchema)]
pub struct PublishedProjectView {
    project_id: ProjectId,
    organisation_id: OrganisationId,
    /// How often the project was published; what is published anew takes the place of what was.
    #[schema(minimum = 1)]
    version: i64,
    published_on: NaiveDate,
    summary: ProjectSummary,
    /// Digest of the summary as it is kept: its members in this order, without white space. It never changes.
    #[schema(min_length = 64, max_length = 64)]
    summary_sha256: String,
}

fn published(row: PublicationRow) -> Result<PublishedProjectView, Fault> {
    let summary = document::read(&row.summary);
    Ok(PublishedProjectView {
        project_id: row.project_id.0,
        organisation_id: row.organisation_id.0,
        version: row.number.into(),
        published_on: row.published_on,
        summary: summary.ok_or_else(|| Fault::Corrupt(format!("publication {} of project {}", row.number, row.project_id.0)))?,
        summary_sha256: row.summary_sha256,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PublishedProjectQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The organisation's published projects, for everyone.
#[utoipa::path(tag = "project", params(PublishedProjectQuery), responses((status = 200, body = Page<PublishedProjectView>)))]
#[get("/v1/organisations/{organisation_id}/published-projects")]
pub async fn list_published_projects(call: Call, _path: web::Path<OrganisationId>, query: Query<PublishedProjectQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<ProjectId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call
        .store()
        .read(move |conn| {
            let rows = db::project::publication::list_publications(conn, &scope, &asked)?;
            Ok(db::page::Rows { more: rows.more, rows: rows.rows.into_iter().map(published).collect::<Result<Vec<_>, _>>()? })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.project_id, |one| one))
}

/// What is published of a project now, for everyone.
#[utoipa::path(tag = "project", responses((status = 200, body = PublishedProjectView)))]
#[get("/v1/organisations/{organisation_id}/published-projects/{project_id}")]
pub async fn read_published_project(call: Call, request: HttpRequest, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let current = call.store().read(move |conn| published(db::project::publication::find_publication(conn, &scope, id)?)).await?;
    versioned(&request, current.version, &current)
}

/// A mark that lists print beside a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectFlag {
    code: Text<8>,
    /// What it means. Nothing is published of the project without it.
    legend: Option<Text<300>>,
}

/// The marks of a project, all of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectFlags {
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 10>")]
    #[schema(max_items = 10)]
    flags: Vec<ProjectFlag>,
}

impl Json for ProjectFlags {}

/// Puts these flags in the place of those that the project bears. What is published already stays as it was.
#[utoipa::path(tag = "project", request_body = ProjectFlags, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/flags")]
pub async fn flag_project(asked: Asked<ProjectFlags>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            let mut seen = BTreeSet::new();
            let mut flags = Vec::with_capacity(body.flags.len());
            for (index, flag) in body.flags.iter().enumerate() {
                let code = flag.code.as_str();
                if !seen.insert(code) {
                    return Err(FLAG_DUPLICATE.refuse().with("code", code).at(&format!("/flags/{index}/code")).into());
                }
                flags.push((code.to_owned(), flag.legend.as_ref().map(|legend| legend.as_str().to_owned())));
            }
            db::project::publication::replace_flags(tx, &project.row, &flags)?;
            let codes: Vec<String> = seen.into_iter().map(str::to_owned).collect();
            let event = project.row.event("project.flagged")?.with("flags", codes);
            answer(tx, &project.row, event)
        })
        .await
}

/// Publishes a summary of the project as it is now, for everyone. It was approved, partners may read it, and each of its
/// flags has a legend. The `ETag` is the project's.
#[utoipa::path(tag = "project", responses((status = 200, body = PublishedProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/publication")]
pub async fn publish_project(asked: Asked<Nothing>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            let unexplained = project.flags.iter().filter(|flag| flag.legend.is_none());
            let publishable = Publishable {
                state: project.row.state.0,
                sensitivity: project.row.sensitivity()?,
                unexplained: unexplained.map(|flag| flag.code.clone()).collect(),
            };
            let summary = document::write(&ProjectSummary::of(&project, publishable.accept()?)?);
            let summary = summary.ok_or_else(|| Fault::Broken("a summary cannot be written".to_owned()))?;
            let sha256 = document::digest(&summary);
            db::project::touch_project(tx, &project.row)?;
            let row = db::project::publication::insert_publication(tx, &project.row, (&summary, &sha256), by)?;
            let event = project.row.event("project.published")?.with("publication", row.number).with("summary_sha256", sha256);
            Ok((done(project.row.version + 1, &published(row)?)?, event.into()))
        })
        .await
}

/// Why nothing is to be read of a project any more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicationWithdrawal {
    reason: Text<1000>,
}

impl Json for PublicationWithdrawal {}

/// Takes back what is published of the project: nobody outside reads it from now on. What others copied meanwhile they have.
#[utoipa::path(tag = "project", request_body = PublicationWithdrawal, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/publication-withdrawal")]
pub async fn withdraw_project_publication(asked: Asked<PublicationWithdrawal>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), id)?;
            call.check_version(project.row.version)?;
            let number = match db::project::publication::withdraw_publication(tx, &project.row, body.reason.as_str(), by) {
                Err(Fault::Missing) => return Err(PROJECT_UNPUBLISHED.refuse().into()),
                other => other?,
            };
            let event = project.row.event("project.publication_withdrawn")?.with("publication", number);
            answer(tx, &project.row, event)
        })
        .await
}
