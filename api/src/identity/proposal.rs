//! Two persons for the gravest acts: the first request is kept, the equal one of another person carries it out.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, Duration, Utc};
use db::audit::Answer;
use db::fault::Fault;
use db::identity::proposal::{NewProposal, ProposalRow};
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::id::{OrganisationId, PrincipalId, ProposalId};
use domain::identity::proposal::{Gravity, ProposalState, VALID_HOURS, Verdict, decide, require_open, stands};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Answered, accepted, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Nothing, Query};
use crate::page::{Page, keyset, page};

/// What came of a request that may take two persons.
pub enum Done<R> {
    Now(R),
    /// The answer of what waits.
    Proposed(Answer),
}

/// What makes two requests equal: target and body, and the version on which they act.
fn digest_of(call: &Call, fingerprint: [u8; 32]) -> [u8; 32] {
    let version = call.expected_version.unwrap_or(-1);
    Sha256::new().chain_update(fingerprint).chain_update(version.to_be_bytes()).finalize().into()
}

/// How grave it is to give somebody a way of proving who they are.
pub fn gravity_towards(tx: &mut Tx<'_>, principal: PrincipalId) -> Result<Gravity, Fault> {
    let guarded = db::identity::proposal::is_guarded(tx, principal)?;
    Ok(if guarded { Gravity::Grave { concerning: Some(principal) } } else { Gravity::Light })
}

/// Does what is asked, or keeps it for a second person, in the transaction of the write. What would be refused is refused at once.
pub fn by_two<R>(
    call: &Call,
    tx: &mut Tx<'_>,
    (id, fingerprint): (ProposalId, [u8; 32]),
    gravity: Gravity,
    effect: impl Fn(&mut Tx<'_>) -> Result<(R, Events), Fault>,
) -> Result<(Done<R>, Events), Fault> {
    let (Gravity::Grave { concerning }, Some(roles)) = (gravity, call.seconds()) else {
        return effect(tx).map(|(what, events)| (Done::Now(what), events));
    };
    let caller = tx.author.actor.principal.ok_or(Fault::Missing)?;
    let digest = digest_of(call, fingerprint);
    let entitled = db::identity::proposal::entitled(tx, roles)?;
    let mut waiting = db::identity::proposal::find_open(tx, &digest)?;
    if let Some(row) = waiting.take_if(|row| !stands(&row.waiting(), &entitled, tx.author.now)) {
        db::identity::proposal::close(tx, &row, ProposalState::Lapsed, None)?;
    }
    match decide(caller, concerning, &entitled, waiting.as_ref().map(ProposalRow::waiting).as_ref())? {
        Verdict::Alone => effect(tx).map(|(what, events)| (Done::Now(what), events)),
        Verdict::Confirm(_) => {
            let row = waiting.ok_or(Fault::Missing)?;
            db::identity::proposal::close(tx, &row, ProposalState::CarriedOut, Some(caller))?;
            let (what, events) = effect(tx)?;
            let carried = Event::of("proposal.carried_out", "proposal", row.id.0.0, row.version + 1)
                .moved("open", "carried_out")
                .with("operation", row.operation)
                .with("proposed_by", row.proposed_by.to_string());
            Ok((Done::Now(what), events.and(carried)))
        }
        Verdict::Propose => {
            tx.rehearse(effect)?;
            let (operation, target) = (call.operation_id(), target_of(call));
            let expires_at = tx.now() + Duration::hours(VALID_HOURS);
            let new = NewProposal { id, operation, target, digest, proposed_by: caller, expires_at };
            db::identity::proposal::insert_proposal(tx, &new)?;
            let row = db::identity::proposal::find_proposal(tx.conn, &tx.all(), &[operation], id)?;
            let event = Event::of("proposal.made", "proposal", id.0, 1).begun("open").with("operation", operation);
            let location = format!("/v1/organisations/{}/proposals/{id}", tx.organisation);
            Ok((Done::Proposed(accepted(location, 1, &view(row, call.now))?), event.into()))
        }
    }
}

/// Method and path; nothing of these operations stands in a query.
fn target_of(call: &Call) -> &str {
    call.target.split('?').next().unwrap_or_default()
}

/// A grave request that waits for a second person, or waited.
#[derive(Serialize, ToSchema)]
pub struct ProposalView {
    id: ProposalId,
    organisation_id: OrganisationId,
    /// What was asked for, by the name that the contract gives it.
    #[schema(max_length = 60, example = "assign_role")]
    operation: String,
    /// Method and path of the request. What its body says is not kept, only a digest by which an equal one is known.
    #[schema(max_length = 400)]
    target: String,
    state: ProposalState,
    /// Who asked first.
    proposed_by: PrincipalId,
    proposed_at: DateTime<Utc>,
    /// Until when the identical request of another entitled person carries it out.
    expires_at: DateTime<Utc>,
    /// Who carried it out or withdrew it.
    decided_by: Option<PrincipalId>,
    decided_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: ProposalRow, now: DateTime<Utc>) -> ProposalView {
    let over = row.state.0 == ProposalState::Open && row.expires_at.0 <= now;
    ProposalView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        operation: row.operation,
        target: row.target,
        state: if over { ProposalState::Lapsed } else { row.state.0 },
        proposed_by: row.proposed_by.0,
        proposed_at: row.proposed_at.0,
        expires_at: row.expires_at.0,
        decided_by: row.decided_by.map(|id| id.0),
        decided_at: row.decided_at.map(|at| at.0),
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProposalQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Grave requests that wait for a second person, and what became of earlier ones: those that the caller could be the second of.
/// What concerns principals of the whole installation stands with the organisation of the platform.
#[utoipa::path(tag = "identity", params(ProposalQuery), responses((status = 200, body = Page<ProposalView>)))]
#[get("/v1/organisations/{organisation_id}/proposals")]
pub async fn list_proposals(call: Call, _path: web::Path<OrganisationId>, query: Query<ProposalQuery>) -> Answered {
    let keys = keyset::<ProposalId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let (scope, mine, asked, now) = (call.scope()?, call.by_two(), keys.clone(), call.now);
    let rows = call.store().read(move |conn| db::identity::proposal::list_proposals(conn, &scope, &mine, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, now)))
}

/// One grave request that waits for a second person, or waited.
#[utoipa::path(tag = "identity", responses((status = 200, body = ProposalView)))]
#[get("/v1/organisations/{organisation_id}/proposals/{proposal_id}")]
pub async fn read_proposal(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, ProposalId)>) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, mine) = (call.scope()?, call.by_two());
    let row = call.store().read(move |conn| db::identity::proposal::find_proposal(conn, &scope, &mine, id)).await?;
    versioned(&request, row.version, &view(row, call.now))
}

/// Withdraws a request that waits: whoever asked, or whoever could be the second. The version in If-Match is the proposal's.
#[utoipa::path(tag = "identity", responses((status = 200, body = ProposalView)))]
#[post("/v1/organisations/{organisation_id}/proposals/{proposal_id}/withdrawal")]
pub async fn withdraw_proposal(asked: Asked<Nothing>, path: web::Path<(OrganisationId, ProposalId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, _, tx| {
            let (scope, mine) = (call.scope_in(organisation), call.by_two());
            let row = db::identity::proposal::find_proposal(tx.conn, &scope, &mine, id)?;
            call.check_version(row.version)?;
            require_open(row.state.0, row.expires_at.0, tx.now())?;
            let by = tx.author.actor.principal;
            db::identity::proposal::close(tx, &row, ProposalState::Withdrawn, by)?;
            let row = db::identity::proposal::find_proposal(tx.conn, &scope, &mine, id)?;
            let event = Event::of("proposal.withdrawn", "proposal", id.0, row.version).moved("open", "withdrawn");
            Ok((done(row.version, &view(row, call.now))?, event.into()))
        })
        .await
}
