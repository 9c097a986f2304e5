//! Disbursements of projects: requested, certified, approved and paid, by different people, through the books of the fund.

use actix_web::{HttpRequest, get, post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::fund::FundRow;
use db::fund::purpose::FundPurpose;
use db::project::Project;
use db::project::disbursement::{DisbursementRow, NewDisbursement};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::calendar::{Cause, not_before};
use domain::fund::FundUseKind;
use domain::id::{OrganisationId, PrincipalId, ProjectDisbursementId, ProjectId};
use domain::money::Currency;
use domain::project::disbursement::{ProjectDisbursementAction as Action, ProjectDisbursementState, require_agreed, require_other};
use domain::project::duty::Duty;
use domain::project::finance::{AGREEMENT_MISSING, TRANCHE_TAKEN, TRANCHE_UNKNOWN};
use domain::project::recipient::ledger_of;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::ProjectPath;
use super::case::Case;
use super::receiver::require_held;
use super::report::attribute_spending;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::fund::pledge::Bounded;
use crate::fund::spending::{PurposeUse, use_purpose};
use crate::page::{Page, keyset, page};
use crate::wire::shown;

/// A disbursement of a tranche.
#[derive(Serialize, ToSchema)]
pub struct ProjectDisbursementView {
    id: ProjectDisbursementId,
    project_id: ProjectId,
    #[schema(minimum = 1)]
    tranche: i32,
    #[schema(min_length = 3, max_length = 3, example = "USD")]
    currency: String,
    #[schema(max_length = 21)]
    amount: String,
    state: ProjectDisbursementState,
    requested_by: PrincipalId,
    requested_on: NaiveDate,
    certified_by: Option<PrincipalId>,
    certified_on: Option<NaiveDate>,
    approved_by: Option<PrincipalId>,
    approved_on: Option<NaiveDate>,
    paid_by: Option<PrincipalId>,
    /// Value date of the bank.
    paid_on: Option<NaiveDate>,
    #[schema(max_length = 80)]
    bank_reference: Option<String>,
    /// Of the movements that the payment made in the fund.
    act_id: Option<Uuid>,
    /// Who rejected it, or took note that the bank sent it back.
    ended_by: Option<PrincipalId>,
    ended_on: Option<NaiveDate>,
    #[schema(max_length = 1000)]
    reason: Option<String>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: DisbursementRow, currency: Currency) -> ProjectDisbursementView {
    ProjectDisbursementView {
        id: row.id.0,
        project_id: row.project_id.0,
        tranche: row.tranche,
        currency: currency.code().to_owned(),
        amount: shown(row.amount, currency),
        state: row.state.0,
        requested_by: row.requested_by.0,
        requested_on: row.requested_on,
        certified_by: row.certified_by.map(|by| by.0),
        certified_on: row.certified_on,
        approved_by: row.approved_by.map(|by| by.0),
        approved_on: row.approved_on,
        paid_by: row.paid_by.map(|by| by.0),
        paid_on: row.paid_on,
        bank_reference: row.bank_reference,
        act_id: row.act_id.map(|act| act.0),
        ended_by: row.ended_by.map(|by| by.0),
        ended_on: row.ended_on,
        reason: row.reason,
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProjectDisbursementQuery {
    /// Only disbursements in this state.
    state: Option<ProjectDisbursementState>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The disbursements of a project.
#[utoipa::path(tag = "project", params(ProjectDisbursementQuery), responses((status = 200, body = Page<ProjectDisbursementView>)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements")]
pub async fn list_project_disbursements(call: Call, path: ProjectPath, query: Query<ProjectDisbursementQuery>) -> Answered {
    let (_, id) = path.into_inner();
    let query = query.0;
    let keys = keyset::<ProjectDisbursementId>(&call, query.after.as_deref(), query.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let rows = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, id)?;
            let currency = project.row.currency()?;
            let rows = db::project::disbursement::list_disbursements(conn, &project.row, query.state, &asked)?;
            Ok(db::page::Rows { more: rows.more, rows: rows.rows.into_iter().map(|row| view(row, currency)).collect::<Vec<_>>() })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |one| one.id, |one| one))
}

type DisbursementPath = web::Path<(OrganisationId, ProjectId, ProjectDisbursementId)>;

/// One disbursement.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectDisbursementView)))]
#[get("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements/{project_disbursement_id}")]
pub async fn read_project_disbursement(call: Call, request: HttpRequest, path: DisbursementPath) -> Answered {
    let (_, project, id) = path.into_inner();
    let scope = call.scope()?;
    let found = call
        .store()
        .read(move |conn| {
            let project = db::project::find_project(conn, &scope, project)?;
            let row = db::project::disbursement::find_disbursement(conn, &project.row, id)?;
            Ok(view(row, project.row.currency()?))
        })
        .await?;
    versioned(&request, found.version, &found)
}

/// A request for a tranche.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProjectDisbursement {
    /// Its number in the plan.
    #[schema(value_type = u32, minimum = 1, maximum = 60)]
    tranche: Bounded<1, 60>,
}

impl Json for NewProjectDisbursement {}

fn event(kind: &'static str, project: &Project, row: &DisbursementRow) -> Result<Event, Fault> {
    let currency = project.row.currency()?;
    Ok(Event::of(kind, "project_disbursement", row.id.0.0, row.version)
        .ranked(project.row.sensitivity()?)
        .with("project_id", row.project_id.0.to_string())
        .with("tranche", row.tranche)
        .with("amount", shown(row.amount, currency))
        .with("currency", currency.code()))
}

/// Requests a tranche of an agreement. The first goes to a project that is contracted; each other to an active one, when the one before
/// is paid and what the rules of the instrument ask for is met. Where the project names recipients, each has its own first tranche, and
/// what has to be delivered before the next is what all of them delivered, or each, as the rules say.
#[utoipa::path(tag = "project", request_body = NewProjectDisbursement, responses((status = 201, body = ProjectDisbursementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements")]
pub async fn request_project_disbursement(asked: Asked<NewProjectDisbursement>, path: ProjectPath) -> Answered {
    let (organisation, project_id) = path.into_inner();
    let id = ProjectDisbursementId::new();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), project_id)?;
            call.check_version(project.row.version)?;
            let case = Case::load(tx.conn, &tx.all(), &project, call.today)?;
            let tranche = body.tranche.0;
            case.require_payable(project.row.state.0, tranche)?;
            let finance = case.finance();
            finance.require_money()?;
            let plan = finance.agreement.as_ref().map(|one| one.tranches.as_slice()).unwrap_or_default();
            let amount = usize::try_from(tranche).ok().and_then(|number| plan.get(number.checked_sub(1)?));
            let amount = amount.ok_or_else(|| TRANCHE_UNKNOWN.refuse().with("tranches", plan.len()).at("/tranche"))?;
            if finance.tranches_paid.iter().chain(&finance.tranches_open).any(|one| *one == tranche) {
                return Err(TRANCHE_TAKEN.refuse().with("tranche", tranche).at("/tranche").into());
            }
            case.require_releasable(tranche)?;
            db::project::review::take_duty(tx, project_id, by, Duty::Proponent)?;
            let number = i32::try_from(tranche).unwrap_or_default();
            let new = NewDisbursement { id, project: project_id, tranche: number, amount: amount.minor(), requested_by: by };
            let row = db::project::disbursement::insert_disbursement(tx, &new)?;
            db::project::touch_project(tx, &project.row)?;
            let requested = event("project_disbursement.requested", &project, &row)?.begun(row.state.0);
            let touched = project.row.event("project.money_requested")?;
            let location = format!("/v1/organisations/{organisation}/projects/{project_id}/disbursements/{id}");
            let view = view(row, project.row.currency()?);
            Ok((created(location, 1, &view)?, Events::from(requested).and(touched)))
        })
        .await
}

/// A project and one of its disbursements, as an act found them, and who acts.
struct Found {
    project: Project,
    row: DisbursementRow,
    by: PrincipalId,
}

/// Acts on a disbursement: what `effect` makes of it is kept, and told.
async fn act<T: Sync + Send + 'static>(
    asked: Asked<T>,
    path: DisbursementPath,
    (action, told): (Action, &'static str),
    effect: impl Fn(&Call, &T, &mut Tx<'_>, &Found) -> Result<(DisbursementRow, Option<Event>), Fault> + Send + 'static,
) -> Answered {
    let spending = Uuid::now_v7();
    let (organisation, project_id, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let project = db::project::find_project(tx.conn, &call.scope_in(organisation), project_id)?;
            let row = db::project::disbursement::find_disbursement(tx.conn, &project.row, id)?;
            call.check_version(row.version)?;
            let (before, after) = (row.state, row.state.0.act(action)?);
            let found = Found { project, row, by };
            let (mut next, besides) = effect(call, body, tx, &found)?;
            next.state = db::column::Col(after);
            let kept = db::project::disbursement::update_disbursement(tx, &next)?;
            let happened = event(told, &found.project, &kept)?.moved(before.0, after);
            let attributed = match kept.paid_on.filter(|_| action == Action::Pay) {
                Some(paid) => {
                    // What the partner advanced is spent of the fund's money once it is both accepted and paid.
                    let accepted = db::project::report::last_accepted_on(tx.conn, &found.project.row)?;
                    let on = accepted.map_or(paid, |accepted| accepted.max(paid));
                    attribute_spending(call, tx, &found.project, (spending, on, format!("Tranche {}", kept.tranche)))?
                }
                None => None,
            };
            let view = view(kept, found.project.row.currency()?);
            Ok((done(view.version, &view)?, Events::from(happened).also(besides).also(attributed)))
        })
        .await
}

/// Takes a part in a disbursement that nobody else's part excludes.
fn take_part(tx: &mut Tx<'_>, found: &Found, duty: Duty) -> Result<(), Fault> {
    require_other(&found.by, duty, &found.row.done())?;
    db::project::review::take_duty(tx, found.project.row.id.0, found.by, duty)
}

/// Certifies a requested disbursement: what the tranche waits for was checked. Not by who requested it.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectDisbursementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements/{project_disbursement_id}/certification")]
pub async fn certify_project_disbursement(asked: Asked<Nothing>, path: DisbursementPath) -> Answered {
    act(asked, path, (Action::Certify, "project_disbursement.certified"), |call, _, tx, found| {
        take_part(tx, found, Duty::FinanceCertifier)?;
        let certified_by = Some(db::column::Col(found.by));
        Ok((DisbursementRow { certified_by, certified_on: Some(call.today), ..found.row.clone() }, None))
    })
    .await
}

/// Approves a certified disbursement, by a third person. No critical finding is open, the tranche is releasable still, all that is
/// paid stays within the agreement, and the treasury through which it comes has it in its budget.
#[utoipa::path(tag = "project", responses((status = 200, body = ProjectDisbursementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements/{project_disbursement_id}/approval")]
pub async fn approve_project_disbursement(asked: Asked<Nothing>, path: DisbursementPath) -> Answered {
    act(asked, path, (Action::Approve, "project_disbursement.approved"), |call, _, tx, found| {
        take_part(tx, found, Duty::FinanceApprover)?;
        let case = Case::load(tx.conn, &tx.all(), &found.project, call.today)?;
        case.require_payable(found.project.row.state.0, found.row.tranche())?;
        case.require_releasable(found.row.tranche())?;
        within(&case, found)?;
        require_held(tx.conn, &found.project, call.today)?;
        let approved_by = Some(db::column::Col(found.by));
        Ok((DisbursementRow { approved_by, approved_on: Some(call.today), ..found.row.clone() }, None))
    })
    .await
}

/// Refuses what would be paid above the agreement, and above what it promises the recipient.
fn within(case: &Case, found: &Found) -> Result<(), Fault> {
    let finance = case.finance();
    let agreed = finance.agreement.as_ref().ok_or_else(|| AGREEMENT_MISSING.refuse())?.amount;
    if let Some(ledger) = ledger_of(&finance.recipients, found.row.tranche()) {
        require_agreed(ledger.paid, found.row.amount()?, ledger.agreed(), found.project.row.currency()?)?;
    }
    Ok(require_agreed(finance.paid, found.row.amount()?, agreed, found.project.row.currency()?)?)
}

/// Refuses a value date before what the movement of money follows from.
fn require_after(on: NaiveDate, cause: (Cause, Option<NaiveDate>)) -> Result<(), Fault> {
    Ok(not_before(on, &[cause]).map_err(|refusal| refusal.at("/on"))?)
}

/// A payment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectPayment {
    /// Value date of the bank: not before the payment was approved and its money allocated, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    bank_reference: Text<80>,
}

impl Json for ProjectPayment {}

/// The purpose from which a project is paid, and its fund.
pub(super) fn purpose_of(tx: &mut Tx<'_>, project: &Project) -> Result<(FundPurpose, FundRow), Fault> {
    let purpose = project.row.fund_purpose_id.ok_or_else(|| Fault::Corrupt("an approved project without a purpose".to_owned()))?;
    db::fund::purpose::find_purpose_and_fund(tx.conn, &tx.all(), purpose.0)
}

/// Does something with the money of the project's purpose, in the books of its fund.
pub(super) fn through_fund(call: &Call, tx: &mut Tx<'_>, project: &Project, used: &PurposeUse) -> Result<Event, Fault> {
    let (purpose, fund) = purpose_of(tx, project)?;
    let (_, event) = use_purpose(call, tx, (&purpose.row, &fund), used)?;
    Ok(event)
}

/// Records the payment of an approved disbursement, which is at once a disbursement of the project's purpose in its fund, attributed to
/// the contributions that pay. A treasury has it in its budget of the year of the value date.
#[utoipa::path(tag = "project", request_body = ProjectPayment, responses((status = 200, body = ProjectDisbursementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements/{project_disbursement_id}/payment")]
pub async fn pay_project_disbursement(asked: Asked<ProjectPayment>, path: DisbursementPath) -> Answered {
    let act_id = Uuid::now_v7();
    act(asked, path, (Action::Pay, "project_disbursement.paid"), move |call, body, tx, found| {
        let case = Case::load(tx.conn, &tx.all(), &found.project, call.today)?;
        case.require_payable(found.project.row.state.0, found.row.tranche())?;
        within(&case, found)?;
        require_held(tx.conn, &found.project, body.on)?;
        require_after(body.on, (Cause::Approval, found.row.approved_on))?;
        let used = PurposeUse {
            act: act_id,
            kind: FundUseKind::Disbursement,
            amount: found.row.amount()?,
            on: body.on,
            reference: body.bank_reference.as_str().to_owned(),
            donor_consent: None,
            undone: None,
        };
        let moved = through_fund(call, tx, &found.project, &used)?;
        let paid = DisbursementRow {
            paid_by: Some(db::column::Col(found.by)),
            paid_on: Some(body.on),
            bank_reference: Some(body.bank_reference.as_str().to_owned()),
            act_id: Some(db::column::Col(act_id)),
            ..found.row.clone()
        };
        Ok((paid, Some(moved)))
    })
    .await
}

/// Why a disbursement is rejected or came back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectDisbursementReason {
    reason: Text<1000>,
}

impl Json for ProjectDisbursementReason {}

fn ended(found: &Found, on: NaiveDate, reason: &Text<1000>) -> DisbursementRow {
    let ended_by = Some(db::column::Col(found.by));
    DisbursementRow { ended_by, ended_on: Some(on), reason: Some(reason.as_str().to_owned()), ..found.row.clone() }
}

/// Rejects a disbursement that is not paid yet; the tranche can be requested again.
#[utoipa::path(tag = "project", request_body = ProjectDisbursementReason, responses((status = 200, body = ProjectDisbursementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements/{project_disbursement_id}/rejection")]
pub async fn reject_project_disbursement(asked: Asked<ProjectDisbursementReason>, path: DisbursementPath) -> Answered {
    act(asked, path, (Action::Reject, "project_disbursement.rejected"), |call, body, _, found| {
        Ok((ended(found, call.today, &body.reason), None))
    })
    .await
}

/// A payment that the bank sent back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectPaymentReturn {
    /// Value date of the bank: not before that of the payment, not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    reason: Text<1000>,
}

impl Json for ProjectPaymentReturn {}

/// Records that the bank sent a payment back. Every contribution has its part again, and the tranche can be requested again.
#[utoipa::path(tag = "project", request_body = ProjectPaymentReturn, responses((status = 200, body = ProjectDisbursementView)))]
#[post("/v1/organisations/{organisation_id}/projects/{project_id}/disbursements/{project_disbursement_id}/reversal")]
pub async fn reverse_project_disbursement(asked: Asked<ProjectPaymentReturn>, path: DisbursementPath) -> Answered {
    let act_id = Uuid::now_v7();
    act(asked, path, (Action::Reverse, "project_disbursement.reversed"), move |call, body, tx, found| {
        require_after(body.on, (Cause::Payment, found.row.paid_on))?;
        let used = PurposeUse {
            act: act_id,
            kind: FundUseKind::Reversal,
            amount: found.row.amount()?,
            on: body.on,
            reference: found.row.bank_reference.clone().unwrap_or_default(),
            donor_consent: None,
            undone: found.row.act_id.map(|act| act.0),
        };
        let moved = through_fund(call, tx, &found.project, &used)?;
        Ok((ended(found, body.on, &body.reason), Some(moved)))
    })
    .await
}
