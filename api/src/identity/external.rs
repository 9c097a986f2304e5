//! People whom another identity provider knows: linked by an administrator, signed in by the provider's token.

use actix_web::{HttpRequest, get, post, web};
use chrono::{DateTime, Duration, Utc};
use db::connection::Conn;
use db::fault::Fault;
use db::identity::external::{ExternalIdentityRow, NewExternalIdentity as NewRow};
use db::identity::{Footing, PrincipalRow, assignments_of};
use db::store::{Author, Outcome, Tx};
use domain::audit::{Actor, Event};
use domain::id::{ExternalIdentityId, OrganisationId, PrincipalId, SessionId};
use domain::identity::external::{EXTERNAL_IDENTITY_ENDED, known_by_login, require_person};
use domain::identity::session::SessionEnd;
use domain::identity::{PrincipalKind, SIGN_IN_FAILED};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::assertion::kept_until;
use super::proposal::gravity_towards;
use crate::answer::{Answered, created, done, listed, versioned};
use crate::auth::Call;
use crate::body::{Asked, Json, Nothing, Query};
use crate::issuer::{Told, Unproven};
use crate::page::{Page, keyset, page};
use crate::problem::{Problem, SERVICE_BUSY};
use crate::token::Bearer;

/// The grant of a token of another identity provider.
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// After how many seconds to try again where a provider cannot be reached.
const PATIENCE: i64 = 30;

/// Whom a provider speaks of, if that is a person of ours who may act: the principal linked to the subject, or else, where the
/// operator lets it tell logins, the one of that login whom no subject of the provider ever stood for. And whether by the subject.
fn recognise(conn: &mut Conn, told: &Told) -> Result<(PrincipalRow, bool), Fault> {
    let refused = || Fault::from(SIGN_IN_FAILED.refuse());
    let linked = db::identity::external::find_linked(conn, &told.issuer, &told.subject)?;
    let row = match linked {
        Some(id) => db::identity::find_principal(conn, id)?,
        None => {
            let login = told.login.as_deref().ok_or_else(refused)?;
            let row = match db::identity::find_principal_by_login(conn, login) {
                Err(Fault::Missing) => return Err(refused()),
                found => found?,
            };
            let id = row.id.0;
            if db::identity::external::was_linked(conn, &told.issuer, id)? || !known_by_login(&assignments_of(conn, id)?) {
                return Err(refused());
            }
            row
        }
    };
    if row.kind.0 == PrincipalKind::Person && row.disabled_at.is_none() { Ok((row, linked.is_some())) } else { Err(refused()) }
}

/// Begins a session as short as one token for the person whom a token of another provider is about, and spends that token.
pub async fn begin(call: &Call, token: &str) -> Result<Bearer, Problem> {
    let told = call.desk.issuers.prove(token, call.now.timestamp()).await.map_err(|why| match why {
        Unproven::Refused => Problem::from(&SIGN_IN_FAILED),
        Unproven::Unreachable => SERVICE_BUSY.refuse().with("retry_after", PATIENCE).into(),
    })?;
    let asked = told.clone();
    let (row, _) = call.store().read(move |conn| recognise(conn, &asked)).await?;
    let (principal, session) = (row.id.0, SessionId::new());
    let expires_at = call.now + Duration::seconds(call.desk.keys.lifetime);
    let spent_until = kept_until(told.expires_at).ok_or_else(|| Problem::from(&SIGN_IN_FAILED))?;
    let author = Author { actor: Actor { principal: Some(principal), role: "none".to_owned() }, now: call.now, today: call.today };
    let begun = call.store().write(OrganisationId::platform(), author, move |tx| {
        // What was read may have changed since.
        let fresh = db::identity::client_key::spend(tx.conn, &told.digest, spent_until, tx.now())?;
        let (present, linked) = recognise(tx.conn, &told)?;
        if !fresh || present.id.0 != principal {
            return Err(SIGN_IN_FAILED.refuse().into());
        }
        // What it tells by a login opens no grave act, nor anything of whoever has an authenticator here.
        let vouched = linked && !db::identity::authenticator::is_enrolled(tx.conn, principal)?;
        let proven_at = told.authenticated_at.filter(|_| vouched).and_then(|at| DateTime::from_timestamp(at, 0)).map(|at| at.min(tx.now()));
        db::identity::session::insert_session(tx, session, principal, expires_at, None, proven_at)?;
        let event = Event::of("session.started", "session", session.0, 1).with("issuer", told.issuer.as_str());
        Ok(Outcome::Happened((), event.into()))
    });
    match begun.await {
        Ok(()) => Ok(Bearer { principal, footing: Footing::Session(session) }),
        // Another process was quicker.
        Err(Fault::Taken(_)) => Err(Problem::from(&SIGN_IN_FAILED)),
        Err(fault) => Err(fault.into()),
    }
}

/// A person as another identity provider knows them.
#[derive(Serialize, ToSchema)]
pub struct ExternalIdentityView {
    id: ExternalIdentityId,
    principal_id: PrincipalId,
    /// The provider, as its tokens say it in `iss`.
    #[schema(max_length = 200)]
    issuer: String,
    /// The person, as its tokens say it in `sub`.
    #[schema(max_length = 255)]
    subject: String,
    linked_by: PrincipalId,
    linked_at: DateTime<Utc>,
    /// Since when the link stands no more; null while it does.
    ended_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(row: ExternalIdentityRow) -> ExternalIdentityView {
    ExternalIdentityView {
        id: row.id.0,
        principal_id: row.principal_id.0,
        issuer: row.issuer,
        subject: row.subject,
        linked_by: row.linked_by.0,
        linked_at: row.linked_at.0,
        ended_at: row.ended_at.map(|at| at.0),
        version: row.version,
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExternalIdentityQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The identities of a person at other identity providers, those that were unlinked too.
#[utoipa::path(tag = "identity", params(ExternalIdentityQuery), responses((status = 200, body = Page<ExternalIdentityView>)))]
#[get("/v1/principals/{principal_id}/identities")]
pub async fn list_external_identities(call: Call, path: web::Path<PrincipalId>, query: Query<ExternalIdentityQuery>) -> Answered {
    let keys = keyset::<ExternalIdentityId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let (asked, principal) = (keys.clone(), path.into_inner());
    let rows = call.store().read(move |conn| db::identity::external::list_external_identities(conn, principal, &asked)).await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, view))
}

/// One identity of a person at another identity provider.
#[utoipa::path(tag = "identity", responses((status = 200, body = ExternalIdentityView)))]
#[get("/v1/principals/{principal_id}/identities/{external_identity_id}")]
pub async fn read_external_identity(call: Call, request: HttpRequest, path: web::Path<(PrincipalId, ExternalIdentityId)>) -> Answered {
    let (principal, id) = path.into_inner();
    let row = call.store().read(move |conn| db::identity::external::find_external_identity(conn, principal, id)).await?;
    versioned(&request, row.version, &view(row))
}

/// An identity to link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExternalIdentity {
    /// The provider, exactly as its tokens say it in `iss`. It counts once the operator has allowed it.
    issuer: Text<200>,
    /// The person, exactly as its tokens say it in `sub`: never a name or an address, which others may have later.
    subject: Text<255>,
}

impl Json for NewExternalIdentity {}

/// Links a person to a subject of another identity provider (fournisseur d'identité), by whose tokens the person then signs in
/// (`POST /v1/oauth/token`). A subject stands for one person, a person for one subject of a provider. Roles stay what they are
/// here. From now on no login that this provider tells stands for the person, only the subject.
#[utoipa::path(tag = "identity", request_body = NewExternalIdentity, responses((status = 201, body = ExternalIdentityView)))]
#[post("/v1/principals/{principal_id}/identities")]
pub async fn link_external_identity(asked: Asked<NewExternalIdentity>, path: web::Path<PrincipalId>) -> Answered {
    let (id, principal) = (ExternalIdentityId::new(), path.into_inner());
    let gravity = move |_: &NewExternalIdentity, tx: &mut Tx<'_>| gravity_towards(tx, principal);
    asked
        .write_by_two(OrganisationId::platform(), gravity, move |_, body, tx| {
            require_person(db::identity::find_principal(tx.conn, principal)?.kind.0)?;
            let linked_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let (issuer, subject) = (body.issuer.as_str().to_owned(), body.subject.as_str().to_owned());
            let event = Event::of("external_identity.linked", "external_identity", id.0, 1)
                .with("principal_id", principal.to_string())
                .with("issuer", issuer.as_str());
            db::identity::external::insert_external_identity(tx, &NewRow { id, principal, issuer, subject, linked_by })?;
            let row = db::identity::external::find_external_identity(tx.conn, principal, id)?;
            Ok((created(format!("/v1/principals/{principal}/identities/{id}"), 1, &view(row))?, event.into()))
        })
        .await
}

/// Unlinks an identity: the provider's tokens sign the person in no more, and all sessions of the person end, their access tokens
/// within five seconds. The version in If-Match is the identity's.
#[utoipa::path(tag = "identity", responses((status = 200, body = ExternalIdentityView)))]
#[post("/v1/principals/{principal_id}/identities/{external_identity_id}/end")]
pub async fn end_external_identity(asked: Asked<Nothing>, path: web::Path<(PrincipalId, ExternalIdentityId)>) -> Answered {
    let (principal, id) = path.into_inner();
    asked
        .write_on(OrganisationId::platform(), move |call, _, tx| {
            let row = db::identity::external::find_external_identity(tx.conn, principal, id)?;
            call.check_version(row.version)?;
            if row.ended_at.is_some() {
                return Err(EXTERNAL_IDENTITY_ENDED.refuse().into());
            }
            db::identity::external::end_external_identity(tx, &row)?;
            let ended = db::identity::session::end_sessions(tx, principal, None, SessionEnd::Unlinked)?;
            let row = db::identity::external::find_external_identity(tx.conn, principal, id)?;
            let event = Event::of("external_identity.ended", "external_identity", id.0, row.version)
                .moved("linked", "ended")
                .with("principal_id", principal.to_string())
                .with("issuer", row.issuer.as_str())
                .with("sessions_ended", ended.len());
            Ok((done(row.version, &view(row))?, event.into()))
        })
        .await
}
