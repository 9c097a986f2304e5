//! The moves of a budget: consultation, tabling, vote, transmission, approval, return, settlement.

use actix_web::{get, post, web};
use chrono::NaiveDate;
use db::budget::{BudgetChange, BudgetRow};
use db::connection::Conn;
use db::fault::Fault;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::budget::Line;
use domain::budget::lifecycle::{BudgetAction, BudgetState, Facts, ReturnReason, Vote};
use domain::budget::nomenclature::Nomenclature;
use domain::calendar::{FiscalYear, not_future};
use domain::id::{BudgetId, OrganisationId};
use domain::identity::Role;
use domain::money::Currency;
use domain::organisation::{OrganisationKind, SUPERVISOR_WRONG};
use domain::parameter::Parameters;
use domain::participation::{Consultation, PublicDebate};
use domain::refusal::Refusal;
use domain::sensitivity::{Scope, Sensitivity};
use domain::text::Text;
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view;
use crate::access::roles_of;
use crate::answer::{Answered, done, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing};
use crate::organisation::currency_of;
use crate::parameter::COUNTRY;
use crate::wire::Sha256Hex;

/// The operation by which each action is done; who may do it is declared there.
fn operation_of(action: BudgetAction) -> &'static str {
    match action {
        BudgetAction::OpenConsultation => "open_budget_consultation",
        BudgetAction::Table => "table_budget",
        BudgetAction::Vote => "vote_budget",
        BudgetAction::Rework => "rework_budget",
        BudgetAction::Transmit => "transmit_budget",
        BudgetAction::Approve => "approve_budget",
        BudgetAction::Return => "return_budget",
        BudgetAction::Settle => "settle_budget",
    }
}

/// Everything that the guards look at.
struct Case {
    currency: Currency,
    lines: Vec<Line>,
    nomenclature: Nomenclature,
    consultations: Vec<Consultation>,
    debates: Vec<PublicDebate>,
    parameters: Parameters,
    returns: i32,
}

impl Case {
    fn load(conn: &mut Conn, row: &BudgetRow) -> Result<Self, Fault> {
        let owner = Scope { organisation: row.organisation_id.0, clearance: Sensitivity::Sealed };
        let organisation = db::organisation::find_organisation(conn, &owner)?;
        let year = db::budget::fiscal_year::find_fiscal_year(conn, &owner, row.fiscal_year)?;
        let (consultations, debates) = db::participation::find_meetings(conn, &owner, row.fiscal_year)?;
        Ok(Self {
            currency: currency_of(&organisation)?,
            lines: db::budget::list_lines(conn, row)?.into_iter().map(|line| line.line).collect(),
            nomenclature: db::budget::nomenclature::find_nomenclature(conn, year.nomenclature_id.0)?,
            consultations,
            debates,
            parameters: parameters(conn, organisation.kind.0, FiscalYear::new(row.fiscal_year)?)?,
            returns: row.returns,
        })
    }

    fn facts<'a>(&'a self, documents: &'a [&'a str], notice: bool) -> Facts<'a> {
        Facts {
            currency: self.currency,
            lines: &self.lines,
            nomenclature: &self.nomenclature,
            consultations: &self.consultations,
            debates: &self.debates,
            consultation_required: self.parameters.flag("village_consultation_required"),
            debate_required: self.parameters.flag("public_debate_required"),
            returns: self.returns,
            documents,
            notice,
        }
    }
}

/// The legal values that hold for a budget: those in force on the first day of its year.
fn parameters(conn: &mut Conn, kind: OrganisationKind, year: FiscalYear) -> Result<Parameters, Fault> {
    db::parameter::find_parameters(conn, COUNTRY, kind.as_str(), year.first_day())
}

/// What must be known of a budget without preventing it.
pub fn warnings(conn: &mut Conn, row: &BudgetRow, kind: OrganisationKind) -> Result<Vec<String>, Fault> {
    let year = FiscalYear::new(row.fiscal_year)?;
    let deadline = parameters(conn, kind, year)?.date("vote_deadline", year);
    let late = row.vote_held_on.zip(deadline).is_some_and(|(vote, deadline)| vote > deadline);
    Ok(if late { vec!["BUDGET_VOTE_LATE".to_owned()] } else { Vec::new() })
}

/// What an action brings with it.
#[derive(Default)]
struct Move {
    change: BudgetChange,
    documents: Vec<&'static str>,
    notice: bool,
    vote: Option<Vote>,
}

/// Does one action on one budget: state, guards, effect, event.
fn act(
    call: &Call,
    tx: &mut Tx<'_>,
    id: BudgetId,
    action: BudgetAction,
    kind: &'static str,
    step: Move,
) -> Result<(db::audit::Answer, Events), Fault> {
    let row = db::budget::find_budget(tx.conn, &call.scope_in(tx.organisation), id)?;
    call.check_version(row.version)?;
    let mut state = row.state.0.act(action)?;
    let case = Case::load(tx.conn, &row)?;
    case.facts(&step.documents, step.notice).require(action)?;
    if let Some(vote) = &step.vote {
        state = vote.outcome(&case.debates, case.parameters.flag("public_debate_required"))?;
    }
    let before = row.state.0;
    let row = db::budget::update_budget(tx, &row, state, step.change)?;
    if state.is_executable() {
        let lines = db::budget::list_lines(tx.conn, &row)?;
        db::budget::credit::open_credits(tx, &row, &lines)?;
    }
    let event = Event::of(kind, "budget", id.0, row.version).moved(before, state).with("edition", row.edition);
    let version = row.version;
    Ok((done(version, &view(tx.conn, row)?)?, event.into()))
}

type BudgetPath = web::Path<(OrganisationId, BudgetId)>;

/// Opens consultation of villages and public debate on the draft.
#[utoipa::path(tag = "budget", responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/consultation")]
pub async fn open_budget_consultation(asked: Asked<Nothing>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked.write(move |call, _, tx| act(call, tx, id, BudgetAction::OpenConsultation, "budget.consultation_opened", Move::default())).await
}

/// Tables the budget before the council. It must be balanced, provide for mandatory expenditure, tie each investment to
/// a place and the development plan, and have been consulted and debated.
#[utoipa::path(tag = "budget", responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/tabling")]
pub async fn table_budget(asked: Asked<Nothing>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked.write(move |call, _, tx| act(call, tx, id, BudgetAction::Table, "budget.tabled", Move::default())).await
}

/// A vote of the council.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVote {
    /// Day of the session; after a public debate, and not later than the business date.
    #[serde(deserialize_with = "crate::wire::day")]
    held_on: NaiveDate,
    /// Number of the deliberation.
    deliberation_number: Text<40>,
    /// Councillors in office.
    #[schema(minimum = 1, maximum = 200)]
    serving: i32,
    /// Councillors present; the quorum is a majority of those in office.
    #[schema(minimum = 0, maximum = 200)]
    present: i32,
    #[schema(minimum = 0, maximum = 200)]
    votes_for: i32,
    #[schema(minimum = 0, maximum = 200)]
    votes_against: i32,
    #[schema(minimum = 0, maximum = 200)]
    abstentions: i32,
    /// Digest of the signed deliberation, if it is at hand already.
    deliberation_sha256: Option<Sha256Hex>,
}

impl Json for NewVote {}

/// Records the vote of the council. Carried, the edition is closed for ever; not carried, the budget is rejected.
#[utoipa::path(tag = "budget", request_body = NewVote, responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/vote")]
pub async fn vote_budget(asked: Asked<NewVote>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            not_future(body.held_on, call.today).map_err(|refusal| refusal.at("/held_on"))?;
            let vote = Vote {
                held_on: body.held_on,
                serving: body.serving,
                present: body.present,
                votes_for: body.votes_for,
                votes_against: body.votes_against,
                abstentions: body.abstentions,
            };
            let change = BudgetChange {
                vote: Some((vote, body.deliberation_number.as_str().to_owned())),
                deliberation_sha256: body.deliberation_sha256.as_ref().map(|digest| digest.0.clone()),
                ..BudgetChange::default()
            };
            act(call, tx, id, BudgetAction::Vote, "budget.voted", Move { change, vote: Some(vote), ..Move::default() })
        })
        .await
}

/// Takes up a rejected or returned budget: its lines are copied into a new edition, which may be changed.
#[utoipa::path(tag = "budget", responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/rework")]
pub async fn rework_budget(asked: Asked<Nothing>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked.write(move |call, _, tx| act(call, tx, id, BudgetAction::Rework, "budget.reworked", Move::default())).await
}

/// What goes to the State representative with a voted budget.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transmission {
    /// Digest of the signed deliberation; required unless it was given with the vote.
    deliberation_sha256: Option<Sha256Hex>,
    /// Digest of the annexes, minutes of the debate among them.
    annexes_sha256: Option<Sha256Hex>,
}

impl Json for Transmission {}

/// Sends a voted budget to the State representative.
#[utoipa::path(tag = "budget", request_body = Transmission, responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/transmission")]
pub async fn transmit_budget(asked: Asked<Transmission>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let standing = db::budget::find_budget(tx.conn, &call.scope_in(tx.organisation), id)?;
            let mut documents = Vec::new();
            if body.deliberation_sha256.is_some() || standing.deliberation_sha256.is_some() {
                documents.push("deliberation");
            }
            if body.annexes_sha256.is_some() || standing.annexes_sha256.is_some() {
                documents.push("annexes");
            }
            let change = BudgetChange {
                deliberation_sha256: body.deliberation_sha256.as_ref().map(|digest| digest.0.clone()),
                annexes_sha256: body.annexes_sha256.as_ref().map(|digest| digest.0.clone()),
                ..BudgetChange::default()
            };
            act(call, tx, id, BudgetAction::Transmit, "budget.transmitted", Move { change, documents, ..Move::default() })
        })
        .await
}

/// Refuses a State representative of another seat than the organisation's supervisor.
fn require_supervisor(call: &Call, tx: &mut Tx<'_>) -> Result<(), Fault> {
    let organisation = db::organisation::find_own(tx)?;
    let Some(supervisor) = organisation.supervisor_id else { return Ok(()) };
    if call.seat() == Some(supervisor.0) {
        return Ok(());
    }
    let competent = db::organisation::find_organisation(tx.conn, &Scope { organisation: supervisor.0, clearance: Sensitivity::Sealed })?;
    Err(SUPERVISOR_WRONG.refuse().with("competent", competent.name).into())
}

/// Approves a transmitted budget: it becomes executable and public, and its credits are opened.
#[utoipa::path(tag = "budget", responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/approval")]
pub async fn approve_budget(asked: Asked<Nothing>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            require_supervisor(call, tx)?;
            act(call, tx, id, BudgetAction::Approve, "budget.approved", Move::default())
        })
        .await
}

/// Why a budget goes back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetReturn {
    reason: ReturnReason,
    /// What must be mended.
    text: Text<2000>,
}

impl Json for BudgetReturn {}

/// Returns a transmitted budget for a second reading.
#[utoipa::path(tag = "budget", request_body = BudgetReturn, responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/return")]
pub async fn return_budget(asked: Asked<BudgetReturn>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            require_supervisor(call, tx)?;
            let change = BudgetChange { returned: Some((body.reason, body.text.as_str().to_owned())), ..BudgetChange::default() };
            act(call, tx, id, BudgetAction::Return, "budget.returned", Move { change, ..Move::default() })
        })
        .await
}

/// The formal notice that precedes a settlement ex officio.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// Reference of the formal notice given to the organisation.
    notice_reference: Text<100>,
}

impl Json for Settlement {}

/// Settles ex officio a budget that was returned twice.
#[utoipa::path(tag = "budget", request_body = Settlement, responses((status = 200, body = super::BudgetView)))]
#[post("/v1/organisations/{organisation_id}/budgets/{budget_id}/settlement")]
pub async fn settle_budget(asked: Asked<Settlement>, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            require_supervisor(call, tx)?;
            let change = BudgetChange { notice_reference: Some(body.notice_reference.as_str().to_owned()), ..BudgetChange::default() };
            act(call, tx, id, BudgetAction::Settle, "budget.settled_ex_officio", Move { change, notice: true, ..Move::default() })
        })
        .await
}

/// What stands against an action.
#[derive(Serialize, ToSchema)]
pub struct UnmetGuard {
    /// Problem code.
    #[schema(max_length = 60)]
    code: &'static str,
    #[schema(max_length = 2000)]
    detail_fr: String,
    #[schema(max_length = 2000)]
    detail_en: String,
    /// The facts behind it.
    #[schema(value_type = Object)]
    facts: serde_json::Value,
}

impl From<Refusal> for UnmetGuard {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code.name,
            detail_fr: refusal.detail_fr(),
            detail_en: refusal.detail_en(),
            facts: serde_json::Value::Object(refusal.facts),
        }
    }
}

/// An action that can start from the budget's state.
#[derive(Serialize, ToSchema)]
pub struct BudgetTransition {
    action: BudgetAction,
    /// The operation that does it.
    #[schema(max_length = 60)]
    operation: &'static str,
    /// The state that it leads to.
    to: BudgetState,
    /// Who may do it.
    #[schema(max_items = 20)]
    roles: Vec<Role>,
    /// Whether the caller holds one of these roles.
    permitted: bool,
    /// What stands against it now; documents and votes that come with the action are not judged here.
    #[schema(max_items = 20)]
    unmet: Vec<UnmetGuard>,
}

/// What can be done to the budget now, by whom, and what still stands against it.
#[utoipa::path(tag = "budget", responses((status = 200, body = Vec<BudgetTransition>)))]
#[get("/v1/organisations/{organisation_id}/budgets/{budget_id}/transitions")]
pub async fn list_budget_transitions(call: Call, path: BudgetPath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let roles = call.roles.clone();
    let transitions = call
        .store()
        .read(move |conn| {
            let row = db::budget::find_budget(conn, &scope, id)?;
            let case = Case::load(conn, &row)?;
            let from = row.state.0;
            let transition = |action: BudgetAction| {
                let operation = operation_of(action);
                let wanted = roles_of(operation);
                Some(BudgetTransition {
                    action,
                    operation,
                    to: from.after(action)?,
                    roles: wanted.to_vec(),
                    permitted: roles.iter().any(|role| wanted.contains(role)),
                    unmet: case.facts(&["deliberation", "annexes"], true).unmet(action).into_iter().map(UnmetGuard::from).collect(),
                })
            };
            Ok(from.actions().into_iter().filter_map(transition).collect::<Vec<_>>())
        })
        .await?;
    ok(&transitions)
}
