//! What a project asks for, field by field: what its rules want, and whether and how it can be changed now.

use actix_web::get;
use chrono::NaiveDate;
use db::fault::Fault;
use db::project::ProjectRow;
use domain::identity::Role;
use domain::programme::rule_set::RuleSet;
use domain::project::amendment::{AmendedTerm, Change};
use domain::word::Word;
use serde::Serialize;
use utoipa::ToSchema;

use super::ProjectPath;
use super::case::rules_of;
use crate::access::roles_of;
use crate::answer::{Answered, ok};
use crate::auth::Call;
use crate::budget::lifecycle::UnmetGuard;
use crate::contract::field::{FieldKind, FieldView};
use crate::contract::outline::OUTLINE;

/// Under which name the fields of a project's revision are told.
const REVISION: &str = "projects.revision";

/// A field of what a project asks for, as it is for this project now.
#[derive(Serialize, ToSchema)]
pub struct ProjectFieldView {
    /// JSON Pointer into the body of `revise_project`; `*` stands for each item of a list.
    #[schema(max_length = 200, example = "/proposal/lines/*/amount")]
    pointer: String,
    kind: FieldKind,
    /// Whether it has to be given where what it lies in is given, by the contract or, before the project is submitted, by the rules of its
    /// instrument.
    required: bool,
    /// The words it may be, if it is one of few: of those that the contract knows the ones that the rules of its instrument allow.
    #[schema(max_items = 300, value_type = Vec<domain::text::Text<100>>)]
    allowed: Vec<String>,
    /// Whether it can be changed now, by whom it may be.
    editable: bool,
    /// The operation that changes it now: `revise_project`, or `propose_project_amendment` for a term of a project that was approved (of
    /// shares, the places).
    #[schema(max_length = 60)]
    operation: Option<&'static str>,
    /// Whether the caller holds a role that may do so.
    permitted: bool,
    /// Why it cannot be changed now.
    reason: Option<UnmetGuard>,
}

fn words<W: Word>(words: &[W]) -> Vec<String> {
    words.iter().map(|word| word.as_str().to_owned()).collect()
}

/// What the rules of an instrument say of a field: whether it has to be there, and which words it may be, if they do not leave it open.
fn ruled(rules: &RuleSet, pointer: &str) -> (bool, Vec<String>) {
    match pointer {
        "/proposal/area" => (!rules.areas.is_empty(), rules.areas.clone()),
        "/proposal/requester_kind" => (true, words(&rules.requesters)),
        "/proposal/implementer" => (true, Vec::new()),
        "/proposal/implementer/kind" => (true, words(&rules.implementers)),
        "/proposal/need_ids" => (rules.need_required, Vec::new()),
        "/proposal/gender_marker" => (rules.gender_marker.required, Vec::new()),
        "/proposal/risk_marker" => (rules.risk_marker_required, Vec::new()),
        _ => (false, Vec::new()),
    }
}

fn view(row: &ProjectRow, rules: &RuleSet, roles: &[Role], field: &FieldView) -> ProjectFieldView {
    let member = field.pointer.split('/').nth(2).unwrap_or_default();
    let change = row.state.0.change(AmendedTerm::of_member(member));
    let operation = match change {
        Ok(Change::Revision) => Some("revise_project"),
        Ok(Change::Amendment) => Some("propose_project_amendment"),
        Err(_) => None,
    };
    let (required, allowed) = ruled(rules, &field.pointer);
    ProjectFieldView {
        pointer: field.pointer.clone(),
        kind: field.kind,
        required: field.required || required,
        allowed: if allowed.is_empty() { field.allowed.clone() } else { allowed },
        editable: operation.is_some(),
        operation,
        permitted: operation.is_some_and(|operation| roles_of(operation).iter().any(|role| roles.contains(role))),
        reason: change.err().map(UnmetGuard::from),
    }
}

fn fields(row: &ProjectRow, today: NaiveDate, roles: &[Role]) -> Result<Vec<ProjectFieldView>, Fault> {
    let rules = rules_of(row, today)?;
    let all = OUTLINE.fields.get(REVISION).ok_or_else(|| Fault::Broken("the fields of a revision are not known".to_owned()))?;
    Ok(all.fields.iter().map(|field| view(row, rules, roles, field)).collect())
}

/// Everything that the project asks for, field by field: what the rules of its instrument want of it, whether and by what it can be changed
/// now, and if not, why. Forms of clients need no rules of their own.
#[utoipa::path(tag = "project", responses((status = 200, body = Vec<ProjectFieldView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/fields")]
pub async fn read_project_fields(call: Call, path: ProjectPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let project = call.store().read(move |conn| db::project::find_project(conn, &scope, id)).await?;
    ok(&fields(&project.row, call.today, &call.roles)?)
}
