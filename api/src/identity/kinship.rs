//! Declared kin: the register that keeps those who order from being paid by their own family.

use actix_web::http::header::{CACHE_CONTROL, ETAG};
use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::connection::Conn;
use db::fault::Fault;
use db::identity::assignments_of;
use db::identity::kinship::{KinshipRow, NewKinship as NewRow, kin_of};
use db::page::Rows;
use domain::audit::Event;
use domain::id::{KinshipId, OrganisationId, PrincipalId};
use domain::identity::kinship::{KINSHIP_DUPLICATE, KINSHIP_INVALID, KinRelation, declare, in_conflict};
use domain::sensitivity::{Scope, Sensitivity};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::role_assignment::administers_platform;
use crate::answer::{Answered, created, done, etag, listed};
use crate::auth::Call;
use crate::body::{Asked, Json, Query};
use crate::page::{Page, keyset, page};

/// Only those whom `access` names come here; they need the register though their clearance is lower.
fn scope(organisation: OrganisationId) -> Scope {
    Scope { organisation, clearance: Sensitivity::Restricted }
}

/// A declared kinship (parenté déclarée). Restricted: only administrators and auditors read it.
#[derive(Serialize, ToSchema)]
pub struct KinshipView {
    id: KinshipId,
    organisation_id: OrganisationId,
    principal_id: PrincipalId,
    relative_id: PrincipalId,
    /// What the principal is to the relative.
    relation: KinRelation,
    /// The last day of the kinship; null while it lasts.
    ended_on: Option<NaiveDate>,
    /// Whether the two hold, today or later, functions that kin may not hold together: one of them must end.
    in_conflict: bool,
    declared_by: PrincipalId,
    recorded_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    version: i64,
}

fn view(conn: &mut Conn, row: KinshipRow, today: NaiveDate) -> Result<KinshipView, Fault> {
    let own = |held: Vec<domain::identity::Assignment>| -> Vec<_> {
        held.into_iter().filter(|held| held.organisation == row.organisation_id.0).collect()
    };
    let one = own(assignments_of(conn, row.principal_id.0)?);
    let other = own(assignments_of(conn, row.relative_id.0)?);
    let lasts = row.ended_on.is_none_or(|last| today <= last);
    Ok(KinshipView {
        id: row.id.0,
        organisation_id: row.organisation_id.0,
        principal_id: row.principal_id.0,
        relative_id: row.relative_id.0,
        relation: row.relation.0,
        ended_on: row.ended_on,
        in_conflict: lasts && in_conflict(&one, &other, today),
        declared_by: row.declared_by.0,
        recorded_at: row.recorded_at.0,
        version: row.version,
    })
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KinshipQuery {
    /// Only kinships of this person, on either side.
    principal_id: Option<PrincipalId>,
    /// Only kinships that stand on this day.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    on: Option<NaiveDate>,
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The kinships declared in the organisation.
#[utoipa::path(tag = "identity", params(KinshipQuery), responses((status = 200, body = Page<KinshipView>)))]
#[get("/v1/organisations/{organisation_id}/kinships")]
pub async fn list_kinships(call: Call, path: web::Path<OrganisationId>, query: Query<KinshipQuery>) -> Answered {
    let keys = keyset::<KinshipId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let filter = (query.0.principal_id, query.0.on);
    let (scope, asked, today) = (scope(path.into_inner()), keys.clone(), call.today);
    let rows = call
        .store()
        .read(move |conn| {
            let Rows { rows, more } = db::identity::kinship::list_kinships(conn, &scope, filter, &asked)?;
            let rows = rows.into_iter().map(|row| view(conn, row, today)).collect::<Result<Vec<_>, Fault>>()?;
            Ok(Rows { rows, more })
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id, |row| row))
}

/// One declared kinship. Whether it is in conflict changes with roles, not with its version.
#[utoipa::path(tag = "identity", responses((status = 200, body = KinshipView)))]
#[get("/v1/organisations/{organisation_id}/kinships/{kinship_id}")]
pub async fn read_kinship(call: Call, path: web::Path<(OrganisationId, KinshipId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    let today = call.today;
    let view = call
        .store()
        .read(move |conn| {
            let row = db::identity::kinship::find_kinship(conn, &scope(organisation), id)?;
            view(conn, row, today)
        })
        .await?;
    Ok(HttpResponse::Ok().insert_header((ETAG, etag(view.version))).insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// A kinship to declare.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKinship {
    principal_id: PrincipalId,
    relative_id: PrincipalId,
    /// What the principal is to the relative.
    relation: KinRelation,
}

impl Json for NewKinship {}

/// Declares that two people are married or descend one from the other (conjoint, ascendant, descendant). From then on
/// neither is given a function that may not stand beside the other's. The organisation's administrator declares kinship
/// of people who hold or held a role in it; a platform administrator of anyone, before a nomination. A kinship between two
/// who already hold such functions is a fact and is recorded: `in_conflict` says that one of the functions must end.
#[utoipa::path(tag = "identity", request_body = NewKinship, responses((status = 201, body = KinshipView)))]
#[post("/v1/organisations/{organisation_id}/kinships")]
pub async fn declare_kinship(asked: Asked<NewKinship>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = KinshipId::new();
    asked
        .write(move |call, body, tx| {
            let declared_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            for person in [body.principal_id, body.relative_id] {
                db::identity::find_principal(tx.conn, person)?;
                let member = assignments_of(tx.conn, person)?.iter().any(|held| held.organisation == organisation);
                if !member && !administers_platform(call) {
                    return Err(Fault::Missing);
                }
            }
            declare(body.principal_id, body.relative_id)?;
            let declared = kin_of(tx.conn, organisation, body.principal_id)?;
            let lasting = |last: &Option<NaiveDate>| last.is_none_or(|last| call.today <= last);
            if declared.iter().any(|(kin, last)| *kin == body.relative_id && lasting(last)) {
                return Err(KINSHIP_DUPLICATE.refuse().into());
            }
            let new = NewRow { id, principal: body.principal_id, relative: body.relative_id, relation: body.relation, declared_by };
            db::identity::kinship::insert_kinship(tx, &new)?;
            let row = db::identity::kinship::find_kinship(tx.conn, &scope(organisation), id)?;
            let view = view(tx.conn, row, call.today)?;
            let event = Event::of("kinship.declared", "kinship", id.0, 1);
            Ok((created(format!("/v1/organisations/{organisation}/kinships/{id}"), 1, &view)?, event.into()))
        })
        .await
}

/// The last day of a kinship.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KinshipEnd {
    /// The last day: of a marriage, or the day before the declaration if it was an error.
    #[serde(deserialize_with = "crate::wire::day")]
    ended_on: NaiveDate,
}

impl Json for KinshipEnd {}

/// Ends a declared kinship: after a divorce, or because it was declared in error. Once only. The version in If-Match is the
/// kinship's.
#[utoipa::path(tag = "identity", request_body = KinshipEnd, responses((status = 200, body = KinshipView)))]
#[post("/v1/organisations/{organisation_id}/kinships/{kinship_id}/end")]
pub async fn end_kinship(asked: Asked<KinshipEnd>, path: web::Path<(OrganisationId, KinshipId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let row = db::identity::kinship::find_kinship(tx.conn, &scope(organisation), id)?;
            call.check_version(row.version)?;
            if row.ended_on.is_some() {
                return Err(KINSHIP_INVALID.refuse().at("/ended_on").into());
            }
            db::identity::kinship::end_kinship(tx, &row, body.ended_on)?;
            let row = db::identity::kinship::find_kinship(tx.conn, &scope(organisation), id)?;
            let event = Event::of("kinship.ended", "kinship", id.0, row.version).with("ended_on", body.ended_on);
            Ok((done(row.version, &view(tx.conn, row, call.today)?)?, event.into()))
        })
        .await
}
