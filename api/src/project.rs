//! Projects: what each asks for. What happens to them, what others find and who decides have files of their own.

pub mod act;
pub mod agreement;
pub mod amendment;
pub mod case;
pub mod closure;
pub mod committee;
pub mod disbursement;
pub mod evidence;
pub mod field;
mod filter;
pub mod handover;
pub mod indicator;
pub mod lapse;
pub mod milestone;
pub mod publication;
pub mod receiver;
pub mod recipient;
pub mod report;
pub mod review;
pub mod settlement;
mod similar;
pub mod site;
pub mod suspension;
pub mod total;
pub mod visit;
mod voter;

use std::collections::BTreeSet;

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::connection::Conn;
use db::fault::Fault;
use db::project::{Asked as Wishes, NewProject as NewRow, Project, Step};
use domain::audit::Event;
use domain::fund::FundVocabulary;
use domain::id::{CommunityNeedId, FundPurposeId, OrganisationId, ProgrammeId, ProjectId, SupplierId, TerritorialUnitId};
use domain::money::Amount;
use domain::programme::Instrument;
use domain::programme::rule_set::{ImplementerKind, RequesterKind, in_force};
use domain::project::duty::Duty;
use domain::project::guard::{BudgetCategory, ShareDimension};
use domain::project::handover::ProjectNature;
use domain::project::{PROJECT_PLACE_UNKNOWN, PROJECT_SENSITIVITY_INVALID, ProjectAction, ProjectState, SPLIT_SUM, StateClass};
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::filter::narrowing;
use self::publication::ProjectFlagView;
use self::recipient::{NewProjectRecipient, ProjectRecipientView};
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::fund::named_currency;
use crate::fund::pledge::{Bounded, GenderMarker};
use crate::page::{Page, keyset, page};
use crate::wire::{AmountText, CurrencyText, shown};

/// A share of a project.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct ProjectShareView {
    dimension: ShareDimension,
    /// The id of a territorial unit, a sector of the shipped list, or the code of a country.
    #[schema(max_length = 60)]
    term: String,
    /// In basis points.
    #[schema(minimum = 1, maximum = 10000)]
    bps: i32,
}

/// A line of a project's budget.
#[derive(Serialize, ToSchema)]
pub struct ProjectBudgetLineView {
    #[schema(minimum = 1)]
    number: i32,
    category: BudgetCategory,
    #[schema(max_length = 300)]
    description: String,
    #[schema(max_length = 21)]
    amount: String,
}

/// A project.
#[derive(Serialize, ToSchema)]
pub struct ProjectView {
    id: ProjectId,
    organisation_id: OrganisationId,
    #[schema(max_length = 60, example = "QIP-GAO-18-001")]
    reference: String,
    #[schema(max_length = 300)]
    title: String,
    #[schema(max_length = 2000)]
    objective: String,
    nature: ProjectNature,
    instrument: Instrument,
    programme_id: Option<ProgrammeId>,
    /// The rules under which it was submitted; they do not change for it any more.
    rule_set_version: Option<i32>,
    state: ProjectState,
    /// As what it is counted; nothing before it is approved.
    state_class: Option<StateClass>,
    #[schema(max_length = 60)]
    area: Option<String>,
    requester_kind: RequesterKind,
    #[schema(max_length = 200)]
    requester: String,
    implementer_kind: Option<ImplementerKind>,
    supplier_id: Option<SupplierId>,
    fund_purpose_id: Option<FundPurposeId>,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    budget: String,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    /// The planned end, moved by the days of suspensions for insecurity or want of access, within what the rules bear.
    effective_ends_on: NaiveDate,
    #[schema(minimum = 0, maximum = 3)]
    gender_marker: Option<i32>,
    #[schema(minimum = 0, maximum = 2)]
    risk_marker: Option<i32>,
    /// How often it was submitted.
    #[schema(minimum = 0)]
    submission: i32,
    approved_on: Option<NaiveDate>,
    sensitivity: Sensitivity,
    #[schema(max_items = 40)]
    shares: Vec<ProjectShareView>,
    #[schema(max_items = 100)]
    lines: Vec<ProjectBudgetLineView>,
    #[schema(max_items = 50)]
    need_ids: Vec<CommunityNeedId>,
    /// Who has a part of the budget, where they are named; with two or more of them the project is joint.
    #[schema(max_items = 20)]
    recipients: Vec<ProjectRecipientView>,
    /// Marks that lists print beside it.
    #[schema(max_items = 10)]
    flags: Vec<ProjectFlagView>,
    #[schema(minimum = 1)]
    version: i64,
}

fn share(row: db::project::ProjectShareRow) -> ProjectShareView {
    ProjectShareView { dimension: row.dimension.0, term: row.term, bps: row.bps }
}

pub(super) fn view(project: Project) -> Result<ProjectView, Fault> {
    let effective_ends_on = suspension::effective_ends_on(&project);
    let currency = project.row.currency()?;
    let recipients = recipient::view(&project, currency);
    let row = project.row;
    let sensitivity = row.sensitivity()?;
    let line = |line: db::project::ProjectBudgetLineRow| ProjectBudgetLineView {
        number: line.number,
        category: line.category.0,
        description: line.description,
        amount: shown(line.amount, currency),
    };
    Ok(ProjectView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        reference: row.reference,
        title: row.title,
        objective: row.objective,
        nature: row.nature.0,
        instrument: row.instrument.0,
        programme_id: row.programme_id.map(|id| id.0),
        rule_set_version: row.rule_set_version,
        state: row.state.0,
        state_class: row.state.0.class(),
        area: row.area,
        requester_kind: row.requester_kind.0,
        requester: row.requester,
        implementer_kind: row.implementer_kind.map(|kind| kind.0),
        supplier_id: row.supplier_id.map(|id| id.0),
        fund_purpose_id: row.fund_purpose_id.map(|id| id.0),
        currency: row.currency,
        budget: shown(row.budget, currency),
        starts_on: row.starts_on,
        ends_on: row.ends_on,
        effective_ends_on,
        gender_marker: row.gender_marker,
        risk_marker: row.risk_marker,
        submission: row.submission,
        approved_on: row.approved_on,
        sensitivity,
        shares: project.shares.into_iter().map(share).collect(),
        lines: project.lines.into_iter().map(line).collect(),
        need_ids: project.needs,
        recipients,
        flags: project.flags.iter().map(publication::flag).collect(),
        version: row.version,
    })
}

narrowing!(ProjectQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
});

/// The organisation's projects.
#[utoipa::path(tag = "project", params(ProjectQuery), responses((status = 200, body = Page<ProjectView>)))]
#[get("/v1/organisations/{organisation_id}/projects")]
pub async fn list_projects(call: Call, _path: web::Path<OrganisationId>, query: Query<ProjectQuery>) -> Answered {
    let query = query.0;
    let keys = keyset::<ProjectId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked, filter) = (call.scope()?, keys.clone(), query.filter());
    let rows = call
        .store()
        .read(move |conn| {
            let rows = db::project::list_projects(conn, &scope, &filter, &asked)?;
            Ok(db::page::Rows { more: rows.more, rows: rows.rows.into_iter().map(view).collect::<Result<Vec<_>, _>>()? })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}

pub(super) type ProjectPath = web::Path<(OrganisationId, ProjectId)>;

/// One project.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectView)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}")]
pub async fn read_project(call: Call, request: HttpRequest, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let project = call.store().read(move |conn| view(db::project::find_project(conn, &scope, id)?)).await?;
    versioned(&request, project.version, &project)
}

/// A share of a project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectShare {
    dimension: ShareDimension,
    /// The id of a territorial unit, a sector of the shipped list, or the code of a country (ISO 3166-1).
    term: Text<60>,
    /// In basis points. When the project is submitted, places, sectors and countries are told, and those of each dimension make 10,000; a
    /// national project lies in the country `ML`.
    #[schema(value_type = u32, minimum = 1, maximum = 10000)]
    bps: Bounded<1, 10000>,
}

/// A line of a project's budget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectBudgetLine {
    category: BudgetCategory,
    description: Text<300>,
    amount: AmountText,
}

/// Who carries a project out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectImplementer {
    kind: ImplementerKind,
    /// Their file.
    supplier_id: SupplierId,
}

/// What a project asks for. Whether the rules of its instrument allow it is judged when it is submitted; who may ask at all, at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectProposal {
    title: Text<300>,
    objective: Text<2000>,
    /// What it does; services where nothing is said. Only what is built has a first stone.
    nature: Option<ProjectNature>,
    programme_id: Option<ProgrammeId>,
    area: Option<Text<60>>,
    requester_kind: RequesterKind,
    requester: Text<200>,
    implementer: Option<ProjectImplementer>,
    /// The purpose under which a fund pays it, and no other project, unless this one is withdrawn, rejected or cancelled. A committee
    /// approves what is wholly allocated: a project without a purpose that can be is not recommended.
    fund_purpose_id: Option<FundPurposeId>,
    budget: AmountText,
    currency: CurrencyText,
    #[serde(deserialize_with = "crate::wire::day")]
    starts_on: NaiveDate,
    #[serde(deserialize_with = "crate::wire::day")]
    ends_on: NaiveDate,
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 3)]
    gender_marker: Option<GenderMarker>,
    /// 0 for low, 1 for medium, 2 for high.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 2)]
    risk_marker: Option<Bounded<0, 2>>,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 40>")]
    #[schema(max_items = 40)]
    shares: Vec<NewProjectShare>,
    #[serde(deserialize_with = "crate::wire::few::<_, _, 0, 100>")]
    #[schema(max_items = 100)]
    lines: Vec<NewProjectBudgetLine>,
    /// The ranked needs that it answers.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 50>")]
    #[schema(max_items = 50)]
    need_ids: Vec<CommunityNeedId>,
    /// Who has a part of the budget and is paid in tranches of its own; none where all of it goes to who carries the project out. Otherwise
    /// who carries it out is one of them.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    recipients: Vec<NewProjectRecipient>,
}

impl ProjectProposal {
    /// What is asked for, where everything that it names exists.
    fn read(&self, conn: &mut Conn, scope: &Scope) -> Result<Wishes, Fault> {
        let currency = named_currency(&self.currency, "/proposal/currency")?;
        let money = |text: &AmountText, pointer: String| {
            Amount::parse_positive(&text.0, currency).map(Amount::minor).map_err(|refusal| Fault::from(refusal.at(&pointer)))
        };
        let mut lines = Vec::with_capacity(self.lines.len());
        for (index, line) in self.lines.iter().enumerate() {
            let amount = money(&line.amount, format!("/proposal/lines/{index}/amount"))?;
            lines.push((line.category, line.description.as_str().to_owned(), amount));
        }
        let (mut shares, mut seen) = (Vec::with_capacity(self.shares.len()), BTreeSet::new());
        for (index, share) in self.shares.iter().enumerate() {
            let (term, bps) = (share.term.as_str(), i32::try_from(share.bps.0).unwrap_or_default());
            if !seen.insert((share.dimension, term)) {
                let refusal = SPLIT_SUM.refuse().with("dimension", share.dimension).with("sum", share.bps.0);
                return Err(refusal.at("/proposal/shares").into());
            }
            let term = named_term(conn, share.dimension, term, &format!("/proposal/shares/{index}/term"))?;
            shares.push((share.dimension, term, bps));
        }
        if let Some(programme) = self.programme_id {
            db::programme::find_programme(conn, scope, programme)?;
        }
        if let Some(purpose) = self.fund_purpose_id {
            db::fund::purpose::find_purpose(conn, scope, purpose)?;
        }
        if let Some(implementer) = &self.implementer {
            db::organisation::supplier::find_supplier(conn, scope, implementer.supplier_id)?;
        }
        let recipients = recipient::read(conn, scope, &self.recipients, currency)?;
        let needs: BTreeSet<CommunityNeedId> = self.need_ids.iter().copied().collect();
        for need in &needs {
            db::programme::find_need(conn, scope, *need)?;
        }
        Ok(Wishes {
            title: self.title.as_str().to_owned(),
            objective: self.objective.as_str().to_owned(),
            programme: self.programme_id,
            area: self.area.as_ref().map(|area| area.as_str().to_owned()),
            requester_kind: self.requester_kind,
            requester: self.requester.as_str().to_owned(),
            implementer: self.implementer.as_ref().map(|one| (one.kind, one.supplier_id)),
            fund_purpose: self.fund_purpose_id,
            currency,
            budget: money(&self.budget, "/proposal/budget".to_owned())?,
            starts_on: self.starts_on,
            ends_on: self.ends_on,
            gender_marker: self.gender_marker.and_then(|marker| i32::try_from(marker.0).ok()),
            risk_marker: self.risk_marker.and_then(|marker| i32::try_from(marker.0).ok()),
            shares,
            lines,
            needs: needs.into_iter().collect(),
            nature: self.nature.unwrap_or(ProjectNature::Services),
            recipients,
        })
    }
}

/// A term of a share in its one spelling.
fn named_term(conn: &mut Conn, dimension: ShareDimension, term: &str, pointer: &str) -> Result<String, Fault> {
    let unknown = || Fault::from(PROJECT_PLACE_UNKNOWN.refuse().with("term", term).at(pointer));
    match dimension {
        ShareDimension::Place => {
            let unit = term.parse().map(TerritorialUnitId).map_err(|_| unknown())?;
            match db::territory::find_unit(conn, unit) {
                Ok(_) => Ok(unit.to_string()),
                Err(Fault::Missing) => Err(unknown()),
                Err(fault) => Err(fault),
            }
        }
        ShareDimension::Sector => Ok(db::fund::find_term(conn, FundVocabulary::Sector, term, pointer)?.code),
        ShareDimension::Country => {
            let code = term.len() == 2 && term.bytes().all(|byte| byte.is_ascii_uppercase());
            if code { Ok(term.to_owned()) } else { Err(unknown()) }
        }
    }
}

/// A project to draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    /// An identifier made by the client, if it works offline.
    id: Option<ProjectId>,
    /// Unique in the organisation.
    reference: Text<60>,
    instrument: Instrument,
    /// Who may know of it; partners by default. At most your own clearance.
    sensitivity: Option<Sensitivity>,
    proposal: ProjectProposal,
}

impl Json for NewProject {}

/// Drafts a project. Whoever drafts it is its proponent.
#[utoipa::path(tag = "project", request_body = NewProject, responses((status = 201, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects")]
pub async fn draft_project(asked: Asked<NewProject>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let sensitivity = body.sensitivity.unwrap_or(Sensitivity::Partner);
            if sensitivity > scope.clearance {
                return Err(PROJECT_SENSITIVITY_INVALID.refuse().with("clearance", scope.clearance).at("/sensitivity").into());
            }
            let admitted = in_force(body.instrument, call.today)?.admit_requester(body.proposal.requester_kind);
            admitted.map_err(|refusal| refusal.at("/proposal/requester_kind"))?;
            let wishes = body.proposal.read(tx.conn, &scope)?;
            let reference = body.reference.as_str().to_owned();
            let new = NewRow { id, reference, instrument: body.instrument, sensitivity, asked: wishes, recorded_by: by };
            db::project::insert_project(tx, &new)?;
            db::project::review::take_duty(tx, id, by, Duty::Proponent)?;
            let after = ProjectState::Draft;
            let step = Step { action: ProjectAction::Create, before: None, after, rules: None, reason: None, motion: None, by };
            db::project::append_step(tx, id, &step)?;
            let event =
                Event::of("project.drafted", "project", id.0, 1).ranked(sensitivity).begun(after).with("instrument", body.instrument);
            let project = db::project::find_project(tx.conn, &tx.all(), id)?;
            Ok((created(format!("/v1/organisations/{organisation}/projects/{id}"), 1, &view(project)?)?, event.into()))
        })
        .await
}

/// What a project asks for from now on, all of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectRevision {
    proposal: ProjectProposal,
}

impl Json for ProjectRevision {}

/// Puts other wishes in the place of what a draft, or a project that was returned, asks for.
#[utoipa::path(tag = "project", request_body = ProjectRevision, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/revision")]
pub async fn revise_project(asked: Asked<ProjectRevision>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            project.row.state.0.require_editable()?;
            db::project::review::take_duty(tx, id, by, Duty::Proponent)?;
            let wishes = body.proposal.read(tx.conn, &scope)?;
            db::project::replace_asked(tx, &project.row, &wishes)?;
            let version = project.row.version + 1;
            let event = project.row.event("project.revised")?;
            let project = db::project::find_project(tx.conn, &tx.all(), id)?;
            Ok((done(version, &view(project)?)?, event.into()))
        })
        .await
}
