//! From the founding of a cash office to its closing, and who keeps it.

use actix_web::{get, post, web};
use db::cash_office::{CashOfficeChange, CashOfficeRow};
use db::column::Col;
use db::fault::Fault;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::cash_office::{CashOfficeState, accept_officers, close, require_state};
use domain::id::{CashOfficeId, OrganisationId, PrincipalId};
use domain::identity::Role;
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CashOfficeView, load, require_officers, setting, view};
use crate::access::roles_of;
use crate::answer::{Answered, done, ok};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing};
use crate::expenditure::own_currency;

type OfficePath = web::Path<(OrganisationId, CashOfficeId)>;

/// Changes the office, and says so.
fn change(
    call: &Call,
    tx: &mut Tx<'_>,
    row: &CashOfficeRow,
    change: CashOfficeChange,
    event: impl FnOnce(&CashOfficeRow) -> Event,
) -> Result<(db::audit::Answer, Events), Fault> {
    let after = db::cash_office::update_cash_office(tx, row, change)?;
    let event = event(&after);
    let setting = setting(tx.conn, &call.scope_in(tx.organisation), call.today)?;
    Ok((done(after.version, &view(after, &setting)?)?, event.into()))
}

/// Activates a cash office that was founded or suspended.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = CashOfficeView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/activation")]
pub async fn activate_cash_office(asked: Asked<Nothing>, path: OfficePath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let (row, ..) = load(call, tx, id)?;
            require_state(row.state.0, &[CashOfficeState::Created, CashOfficeState::Suspended])?;
            require_officers(tx, row.cash_officer_id.0, row.deputy_id.map(|id| id.0))?;
            let first = row.activated_on.is_none().then_some(call.today);
            let changed = CashOfficeChange {
                state: Some(Col(CashOfficeState::Active)),
                state_reason: Some(None),
                activated_on: first,
                ..CashOfficeChange::default()
            };
            change(call, tx, &row, changed, |after| {
                Event::of("cash_office.activated", "cash_office", id.0, after.version).moved(row.state.0, after.state.0)
            })
        })
        .await
}

/// Why an office is suspended or closed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CashOfficeReason {
    reason: Text<500>,
}

impl Json for CashOfficeReason {}

/// Suspends an active cash office. It receives, pays and collects nothing until it is activated again; it still justifies,
/// gives back and deposits.
#[utoipa::path(tag = "cash_office", request_body = CashOfficeReason, responses((status = 200, body = CashOfficeView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/suspension")]
pub async fn suspend_cash_office(asked: Asked<CashOfficeReason>, path: OfficePath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, ..) = load(call, tx, id)?;
            require_state(row.state.0, &[CashOfficeState::Active])?;
            let changed = CashOfficeChange {
                state: Some(Col(CashOfficeState::Suspended)),
                state_reason: Some(Some(body.reason.as_str().to_owned())),
                ..CashOfficeChange::default()
            };
            change(call, tx, &row, changed, |after| {
                Event::of("cash_office.suspended", "cash_office", id.0, after.version).moved(row.state.0, after.state.0)
            })
        })
        .await
}

/// Closes a cash office for good. It holds no money and has no unsold tickets.
#[utoipa::path(tag = "cash_office", request_body = CashOfficeReason, responses((status = 200, body = CashOfficeView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/closure")]
pub async fn close_cash_office(asked: Asked<CashOfficeReason>, path: OfficePath) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, office, _) = load(call, tx, id)?;
            let tickets = db::cash_office::ticket::count_in_hand(tx.conn, &call.scope_in(organisation), id)?;
            let state = close(&office, tickets)?;
            let changed = CashOfficeChange {
                state: Some(Col(state)),
                state_reason: Some(Some(body.reason.as_str().to_owned())),
                ..CashOfficeChange::default()
            };
            change(call, tx, &row, changed, |after| {
                Event::of("cash_office.closed", "cash_office", id.0, after.version).moved(row.state.0, after.state.0)
            })
        })
        .await
}

/// Who keeps an office from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Appointment {
    /// The cash officer (régisseur), who holds the role `cash_officer` today.
    cash_officer_id: PrincipalId,
    /// The deputy (suppléant), who holds the role too; none when absent.
    deputy_id: Option<PrincipalId>,
}

impl Json for Appointment {}

/// Appoints the cash officer and the deputy of an office. The one before answers for what earlier inspections found.
#[utoipa::path(tag = "cash_office", request_body = Appointment, responses((status = 200, body = CashOfficeView)))]
#[post("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/appointment")]
pub async fn appoint_cash_officer(asked: Asked<Appointment>, path: OfficePath) -> Answered {
    let (_, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, ..) = load(call, tx, id)?;
            require_state(row.state.0, &[CashOfficeState::Created, CashOfficeState::Active, CashOfficeState::Suspended])?;
            accept_officers(body.cash_officer_id, body.deputy_id)?;
            require_officers(tx, body.cash_officer_id, body.deputy_id)?;
            let changed = CashOfficeChange {
                cash_officer_id: Some(Col(body.cash_officer_id)),
                deputy_id: Some(body.deputy_id.map(Col)),
                ..CashOfficeChange::default()
            };
            change(call, tx, &row, changed, |after| {
                Event::of("cash_office.appointed", "cash_office", id.0, after.version)
                    .with("cash_officer_before", row.cash_officer_id.0.to_string())
                    .with("cash_officer_id", body.cash_officer_id.to_string())
            })
        })
        .await
}

/// An action that can start from the office's state.
#[derive(Serialize, ToSchema)]
pub struct CashOfficeTransition {
    /// The operation that does it.
    #[schema(max_length = 60, example = "activate_cash_office")]
    operation: &'static str,
    /// The state that it leads to.
    to: CashOfficeState,
    /// Who may do it.
    #[schema(max_items = 20)]
    roles: Vec<Role>,
    /// Whether the caller holds one of these roles.
    permitted: bool,
    /// Codes of what stands against it now.
    #[schema(max_items = 20, value_type = Vec<Text<60>>)]
    unmet: Vec<String>,
}

/// The moves of a cash office: the operation, where it starts, where it leads.
const MOVES: &[(&str, &[CashOfficeState], CashOfficeState)] = &[
    ("activate_cash_office", &[CashOfficeState::Created, CashOfficeState::Suspended], CashOfficeState::Active),
    ("suspend_cash_office", &[CashOfficeState::Active], CashOfficeState::Suspended),
    ("close_cash_office", &[CashOfficeState::Created, CashOfficeState::Active, CashOfficeState::Suspended], CashOfficeState::Closed),
];

/// What can be done to the office now, by whom, and what stands against it.
#[utoipa::path(tag = "cash_office", responses((status = 200, body = Vec<CashOfficeTransition>)))]
#[get("/v1/organisations/{organisation_id}/cash-offices/{cash_office_id}/transitions")]
pub async fn list_cash_office_transitions(call: Call, path: OfficePath) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (state, unmet) = call
        .store()
        .rehearse(scope.organisation, call.author(), move |tx| {
            let row = db::cash_office::find_cash_office(tx.conn, &scope, id)?;
            let office = row.office(own_currency(tx)?)?;
            let code = |outcome: Result<(), Fault>| match outcome {
                Ok(()) => Ok(Vec::new()),
                Err(Fault::Refused(refusal)) => Ok(vec![refusal.code.name.to_owned()]),
                Err(fault) => Err(fault),
            };
            let officers = code(require_officers(tx, row.cash_officer_id.0, row.deputy_id.map(|id| id.0)))?;
            let tickets = db::cash_office::ticket::count_in_hand(tx.conn, &scope, id)?;
            let empty = code(close(&office, tickets).map(|_| ()).map_err(Fault::from))?;
            Ok((row.state.0, [("activate_cash_office", officers), ("close_cash_office", empty)]))
        })
        .await?;
    let transitions: Vec<CashOfficeTransition> = MOVES
        .iter()
        .filter(|(_, from, _)| from.contains(&state))
        .map(|(operation, _, to)| {
            let roles = roles_of(operation).to_vec();
            let permitted = roles.iter().any(|role| call.roles.contains(role));
            let unmet = unmet.iter().find(|(named, _)| named == operation).map(|(_, codes)| codes.clone()).unwrap_or_default();
            CashOfficeTransition { operation, to: *to, roles, permitted, unmet }
        })
        .collect();
    ok(&transitions)
}
