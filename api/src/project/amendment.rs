//! Amendments: what of an approved project is asked to change, who looked at it, who decided it, and its effect.

use actix_web::{get, post};
use chrono::{DateTime, NaiveDate, Utc};
use db::connection::Conn;
use db::fault::Fault;
use db::project::amendment::{Amendment, AmendmentStep, NewAmendment as NewRow, Terms};
use db::project::{Project, ProjectBudgetLineRow, ProjectShareRow};
use domain::calendar::{Cause, not_before, not_future};
use domain::id::{PrincipalId, SupplierId, TerritorialUnitId};
use domain::money::{Amount, Currency};
use domain::programme::rule_set::ImplementerKind;
use domain::project::SPLIT_SUM;
use domain::project::amendment::{AMENDED, AmendmentDecision, AmendmentKind, AmendmentState, Extension, Minutes, require_minutes, step};
use domain::project::duty::Duty;
use domain::project::evidence::numbered;
use domain::project::guard::{BudgetCategory, ShareDimension};
use domain::sensitivity::Scope;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::case::{Case, parameter};
use super::evidence::Number;
use super::review::{answer, require_disinterested, require_state};
use super::suspension::effective_ends_on;
use super::{NewProjectBudgetLine, ProjectImplementer, ProjectPath, ProjectView, named_term};
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::fund::pledge::Bounded;
use crate::wire::{AmountText, shown};

/// A line of an amended budget.
#[derive(Serialize, ToSchema)]
pub struct AmendedLineView {
    category: BudgetCategory,
    #[schema(max_length = 300)]
    description: String,
    #[schema(max_length = 21)]
    amount: String,
}

/// A place of an amended project.
#[derive(Serialize, ToSchema)]
pub struct AmendedPlaceView {
    territorial_unit_id: TerritorialUnitId,
    /// In basis points.
    #[schema(minimum = 1, maximum = 10000)]
    bps: u32,
}

/// What of a project can be amended.
#[derive(Serialize, ToSchema)]
pub struct AmendedTermsView {
    ends_on: NaiveDate,
    #[schema(max_length = 21)]
    budget: String,
    #[schema(max_items = 100)]
    lines: Vec<AmendedLineView>,
    implementer_kind: Option<ImplementerKind>,
    supplier_id: Option<SupplierId>,
    #[schema(max_items = 40)]
    places: Vec<AmendedPlaceView>,
    #[schema(max_length = 2000)]
    objective: String,
}

/// An amendment of a project.
#[derive(Serialize, ToSchema)]
pub struct ProjectAmendmentView {
    /// Its number within the project.
    #[schema(minimum = 1)]
    number: i32,
    kind: AmendmentKind,
    state: AmendmentState,
    requested_on: NaiveDate,
    #[schema(max_length = 2000)]
    reason: String,
    /// The decision that waives the rule of extensions.
    #[schema(max_length = 200)]
    waiver_reference: Option<String>,
    /// Whether the conflict-sensitivity check has to be made again when it is applied.
    makes_check_stale: bool,
    before: AmendedTermsView,
    after: AmendedTermsView,
    proposed_by: PrincipalId,
    reviewed_by: Option<PrincipalId>,
    reviewed_on: Option<NaiveDate>,
    decided_by: Option<PrincipalId>,
    decided_on: Option<NaiveDate>,
    #[schema(max_length = 200)]
    minutes_reference: Option<String>,
    minutes_on: Option<NaiveDate>,
    applied_by: Option<PrincipalId>,
    applied_at: Option<DateTime<Utc>>,
}

fn terms_view(terms: Terms, currency: Currency) -> AmendedTermsView {
    let place =
        |(term, bps): (String, u32)| term.parse().ok().map(|id| AmendedPlaceView { territorial_unit_id: TerritorialUnitId(id), bps });
    AmendedTermsView {
        ends_on: terms.ends_on,
        budget: shown(terms.budget.minor(), currency),
        lines: terms
            .lines
            .into_iter()
            .map(|(category, description, amount)| AmendedLineView { category, description, amount: shown(amount.minor(), currency) })
            .collect(),
        implementer_kind: terms.implementer.map(|one| one.0),
        supplier_id: terms.implementer.map(|one| one.1),
        places: terms.places.into_iter().filter_map(place).collect(),
        objective: terms.objective,
    }
}

fn amendment_view(amendment: Amendment, currency: Currency) -> ProjectAmendmentView {
    let row = amendment.row;
    ProjectAmendmentView {
        number: row.number,
        kind: row.kind.0,
        state: row.state.0,
        requested_on: row.requested_on,
        reason: row.reason,
        waiver_reference: row.waiver_reference,
        makes_check_stale: row.makes_check_stale,
        before: terms_view(amendment.before, currency),
        after: terms_view(amendment.after, currency),
        proposed_by: row.recorded_by.0,
        reviewed_by: row.reviewed_by.map(|by| by.0),
        reviewed_on: row.reviewed_on,
        decided_by: row.decided_by.map(|by| by.0),
        decided_on: row.decided_on,
        minutes_reference: row.minutes_reference,
        minutes_on: row.minutes_on,
        applied_by: row.applied_by.map(|by| by.0),
        applied_at: row.applied_at.map(|at| at.0),
    }
}

/// The amendments of the project, each with what was before and what comes after it, the first first.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectAmendmentView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/amendments")]
pub async fn read_project_amendments(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let amendments = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let currency = project.row.currency()?;
            let all = db::project::amendment::amendments_of(conn, &scope, id)?;
            Ok(all.into_iter().map(|one| amendment_view(one, currency)).collect::<Vec<_>>())
        })
        .await?;
    ok(&amendments)
}

/// A place of an amended project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendedPlace {
    territorial_unit_id: TerritorialUnitId,
    /// In basis points; those of all places make 10,000.
    #[schema(value_type = u32, minimum = 1, maximum = 10000)]
    bps: Bounded<1, 10000>,
}

/// An amendment to ask for. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectAmendment {
    kind: AmendmentKind,
    /// Not before the approval of the project, or its first day where that is earlier; not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    requested_on: NaiveDate,
    reason: Text<2000>,
    /// The decision that waives the rule of extensions.
    waiver_reference: Option<Text<200>>,
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    ends_on: Option<NaiveDate>,
    budget: Option<AmountText>,
    /// All lines of the budget; none where they stay.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 100>")]
    #[schema(max_items = 100)]
    lines: Vec<NewProjectBudgetLine>,
    implementer: Option<ProjectImplementer>,
    /// All places; none where they stay.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 40>")]
    #[schema(max_items = 40)]
    places: Vec<AmendedPlace>,
    objective: Option<Text<2000>>,
}

impl Json for NewProjectAmendment {}

impl NewProjectAmendment {
    /// The terms of the project as they would be.
    fn read(&self, conn: &mut Conn, scope: &Scope, before: &Terms, currency: Currency) -> Result<Terms, Fault> {
        let money = |text: &AmountText, pointer: &str| Amount::parse_positive(&text.0, currency).map_err(|refusal| refusal.at(pointer));
        let mut after = before.clone();
        after.ends_on = self.ends_on.unwrap_or(before.ends_on);
        if let Some(budget) = &self.budget {
            after.budget = money(budget, "/budget")?;
        }
        if !self.lines.is_empty() {
            after.lines.clear();
            for (index, line) in self.lines.iter().enumerate() {
                let amount = money(&line.amount, &format!("/lines/{index}/amount"))?;
                after.lines.push((line.category, line.description.as_str().to_owned(), amount));
            }
        }
        if let Some(implementer) = &self.implementer {
            db::organisation::supplier::find_supplier(conn, scope, implementer.supplier_id)?;
            after.implementer = Some((implementer.kind, implementer.supplier_id));
        }
        if !self.places.is_empty() {
            after.places.clear();
            for place in &self.places {
                let term = named_term(conn, ShareDimension::Place, &place.territorial_unit_id.to_string(), "/places")?;
                if after.places.insert(term, place.bps.0).is_some() {
                    return Err(SPLIT_SUM.refuse().with("dimension", ShareDimension::Place).with("sum", place.bps.0).at("/places").into());
                }
            }
        }
        if let Some(objective) = &self.objective {
            after.objective = objective.as_str().to_owned();
        }
        Ok(after)
    }
}

/// The project as it would be under other terms.
fn amended(project: &Project, terms: &Terms) -> Project {
    let mut after = project.clone();
    let id = after.row.id;
    after.row.ends_on = terms.ends_on;
    after.row.budget = terms.budget.minor();
    after.row.objective.clone_from(&terms.objective);
    after.row.implementer_kind = terms.implementer.map(|one| db::column::Col(one.0));
    after.row.supplier_id = terms.implementer.map(|one| db::column::Col(one.1));
    let line = |(number, (category, description, amount)): (i32, &(BudgetCategory, String, Amount))| ProjectBudgetLineRow {
        project_id: id,
        number,
        category: db::column::Col(*category),
        description: description.clone(),
        amount: amount.minor(),
    };
    after.lines = (1_i32..).zip(&terms.lines).map(line).collect();
    after.shares.retain(|share| share.dimension.0 != ShareDimension::Place);
    after.shares.extend(terms.places.iter().map(|(term, bps)| ProjectShareRow {
        project_id: id,
        dimension: db::column::Col(ShareDimension::Place),
        term: term.clone(),
        bps: i32::try_from(*bps).unwrap_or_default(),
    }));
    after
}

/// Asks for an amendment of an approved project, one at a time. Its kind says what it may change; an extension has to be asked for as the
/// rules of the instrument say, unless the decision body waives it.
#[utoipa::path(tag = "project", request_body = NewProjectAmendment, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/amendments")]
pub async fn propose_project_amendment(asked: Asked<NewProjectAmendment>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            require_state(&project.row, &AMENDED)?;
            not_future(body.requested_on, call.today).map_err(|refusal| refusal.at("/requested_on"))?;
            let begun = [(Cause::Project, project.begins_on())];
            not_before(body.requested_on, &begun).map_err(|refusal| refusal.at("/requested_on"))?;
            let before = db::project::amendment::terms_of(&project)?;
            let after = body.read(tx.conn, &scope, &before, project.row.currency()?)?;
            body.kind.accept(&before, &after)?;
            let case = Case::load(tx.conn, &scope, &amended(&project, &after), call.today)?;
            if after.ends_on != before.ends_on {
                let past = db::project::amendment::amendments_of(tx.conn, &scope, id)?;
                let extension = Extension {
                    starts_on: project.row.starts_on,
                    effective_end: effective_ends_on(&project),
                    planned_end: before.ends_on,
                    asked_end: after.ends_on,
                    requested_on: body.requested_on,
                    waived: body.waiver_reference.is_some(),
                    extended: past.iter().any(|one| one.row.state.0 == AmendmentState::Applied && one.before.ends_on != one.after.ends_on),
                };
                extension.accept(case.rules)?;
            }
            case.require_amended(body.kind)?;
            db::project::review::take_duty(tx, id, by, Duty::ProgrammeManager)?;
            let share = parameter(tx.conn, &scope, "project_check_stale_bps", call.today)?;
            let new = NewRow {
                kind: body.kind,
                requested_on: body.requested_on,
                reason: body.reason.as_str().to_owned(),
                waiver_reference: body.waiver_reference.as_ref().map(|text| text.as_str().to_owned()),
                makes_check_stale: body.kind.makes_check_stale(&before, &after, share),
                before,
                after,
                recorded_by: by,
            };
            let number = db::project::amendment::insert_amendment(tx, &project.row, &new)?;
            let event = project.row.event("project.amendment_proposed")?.with("amendment", number).with("kind", body.kind);
            answer(tx, &project.row, event.with("makes_check_stale", new.makes_check_stale.to_string()))
        })
        .await
}

/// Which amendment is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenAmendment {
    /// Its number within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    amendment: Number,
}

impl Json for ChosenAmendment {}

/// An amendment by its number, and who acts on it now.
fn chosen(conn: &mut Conn, scope: &Scope, project: &Project, number: Number) -> Result<Amendment, Fault> {
    require_state(&project.row, &AMENDED)?;
    let all = db::project::amendment::amendments_of(conn, scope, project.row.id.0)?;
    Ok(numbered(all, number.0, |one| one.row.number, "/amendment")?)
}

/// Says that one looked at an amendment that another person asked for.
#[utoipa::path(tag = "project", request_body = ChosenAmendment, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/amendment-reviews")]
pub async fn review_project_amendment(asked: Asked<ChosenAmendment>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let amendment = chosen(tx.conn, &scope, &project, body.amendment)?;
            step(amendment.row.state.0, AmendmentState::Proposed, amendment.row.recorded_by.0, by)?;
            require_disinterested(tx, id)?;
            db::project::review::take_duty(tx, id, by, Duty::TechnicalReviewer)?;
            db::project::amendment::move_amendment(tx, &project.row, amendment.row.number, &AmendmentStep::Reviewed, by)?;
            let event = project.row.event("project.amendment_reviewed")?.with("amendment", amendment.row.number);
            answer(tx, &project.row, event)
        })
        .await
}

/// The decision on an amendment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendmentRuling {
    /// Its number within the project.
    #[schema(value_type = u32, minimum = 1, maximum = 100000)]
    amendment: Number,
    decision: AmendmentDecision,
    /// The minutes of the decision body; required above the threshold of the instrument.
    minutes: Option<DecisionMinutes>,
}

/// Minutes of a decision body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionMinutes {
    reference: Text<200>,
    /// Not before the request, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
}

impl Json for AmendmentRuling {}

/// Approves or refuses an amendment that was reviewed. Where it moves more of a category of the budget than the rules leave to the
/// project, there are minutes.
#[utoipa::path(tag = "project", request_body = AmendmentRuling, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/amendment-decisions")]
pub async fn decide_project_amendment(asked: Asked<AmendmentRuling>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let amendment = chosen(tx.conn, &scope, &project, body.amendment)?;
            step(amendment.row.state.0, AmendmentState::Reviewed, amendment.row.recorded_by.0, by)?;
            require_disinterested(tx, id)?;
            if let Some(minutes) = &body.minutes {
                let requested = [(Cause::Request, Some(amendment.row.requested_on))];
                let held_on = not_future(minutes.held_on, call.today).and_then(|()| not_before(minutes.held_on, &requested));
                held_on.map_err(|refusal| refusal.at("/minutes/held_on"))?;
            }
            if body.decision == AmendmentDecision::Approved {
                let held_on = body.minutes.as_ref().map(|minutes| minutes.held_on);
                let minutes = Minutes { requested_on: amendment.row.requested_on, held_on };
                let case = Case::load(tx.conn, &scope, &project, call.today)?;
                require_minutes(case.rules, &amendment.before, &amendment.after, minutes)?;
            }
            db::project::review::take_duty(tx, id, by, Duty::CommitteeMember)?;
            let minutes = body.minutes.as_ref().map(|minutes| (minutes.reference.as_str().to_owned(), minutes.held_on));
            let decided = AmendmentStep::Decided(body.decision.state(), minutes);
            db::project::amendment::move_amendment(tx, &project.row, amendment.row.number, &decided, by)?;
            let event = project.row.event("project.amendment_decided")?.with("amendment", amendment.row.number);
            answer(tx, &project.row, event.with("decision", body.decision))
        })
        .await
}

/// Applies an amendment that was approved: its terms are those of the project from here on, where they still meet the rules.
#[utoipa::path(tag = "project", request_body = ChosenAmendment, responses((status = 200, body = ProjectView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/amendment-applications")]
pub async fn apply_project_amendment(asked: Asked<ChosenAmendment>, path: ProjectPath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let project = db::project::find_project(tx.conn, &scope, id)?;
            call.check_version(project.row.version)?;
            let amendment = chosen(tx.conn, &scope, &project, body.amendment)?;
            if amendment.row.state.0 != AmendmentState::Approved {
                return Err(domain::project::amendment::AMENDMENT_STATE_INVALID.refuse().with("state", amendment.row.state.0).into());
            }
            let case = Case::load(tx.conn, &scope, &amended(&project, &amendment.after), call.today)?;
            case.require_amended(amendment.row.kind.0)?;
            db::project::review::take_duty(tx, id, by, Duty::ProgrammeOfficer)?;
            db::project::amendment::apply_terms(tx, &project.row, &amendment.after)?;
            db::project::amendment::move_amendment(tx, &project.row, amendment.row.number, &AmendmentStep::Applied, by)?;
            let event = project.row.event("project.amended")?.with("amendment", amendment.row.number).with("kind", amendment.row.kind.0);
            answer(tx, &project.row, event)
        })
        .await
}
