//! Invitations: an organisation's administrator brings a new person in, in one act.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, post, web};
use chrono::NaiveDate;
use db::identity::NewPrincipal;
use db::store::Tx;
use domain::audit::{Event, Events};
use domain::id::{OrganisationId, PrincipalId};
use domain::identity::{Assignment, PrincipalKind, Role};
use domain::text::Text;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::activation::{issue_code, one_time_code};
use super::principal::{PrincipalView, view};
use super::role_assignment::{RoleAssignmentView, assignment_view, grant, gravity_of};
use crate::answer::Answered;
use crate::body::{Asked, Json};

/// The part of a login before the `@`.
#[derive(Clone, Debug, ToSchema)]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{1,57}$", min_length = 2, max_length = 58, example = "amadou.toure")]
pub struct LocalLogin(String);

impl<'de> Deserialize<'de> for LocalLogin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if plain && (2..=58).contains(&text.len()) && text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Ok(Self(text));
        }
        Err(serde::de::Error::custom("expected 2 to 58 lower-case letters, digits, dots, hyphens or underscores, a letter or digit first"))
    }
}

/// A person to bring into the organisation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// The login within the organisation; the person signs in with it, an `@` and the organisation's code.
    login: LocalLogin,
    display_name: Text<200>,
    role: Role,
    /// Where the official sits; required in practice for accountants and State representatives.
    seat_id: Option<OrganisationId>,
    /// First day of the role.
    #[serde(deserialize_with = "crate::wire::day")]
    valid_from: NaiveDate,
    /// Last day of the role; open-ended when absent.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    valid_to: Option<NaiveDate>,
}

impl Json for NewInvitation {}

/// Who was invited, the role, and the code that sets the password.
#[derive(Serialize, ToSchema)]
pub struct InvitationView {
    /// The login to sign in with is here.
    principal: PrincipalView,
    role_assignment: RoleAssignmentView,
    /// Hand it over in person; it is good for seven days and shown only here.
    #[schema(max_length = 64)]
    activation_code: String,
}

/// Invites a person into the organisation in one act: a new principal, a role under the same rules as any, and a one-time
/// code. The login is the one asked for, an `@` and the organisation's code, so that an invitation never tells whether
/// a login exists elsewhere; LOGIN_TAKEN speaks of this organisation's own. Someone who is a principal already is not
/// invited but assigned a role, by id. Secrets are never kept for repetitions, so no Idempotency-Key is read: if the
/// answer is lost, a platform administrator issues another code.
#[utoipa::path(tag = "identity", request_body = NewInvitation, responses((status = 200, body = InvitationView)))]
#[post("/v1/organisations/{organisation_id}/invitations")]
pub async fn invite_person(asked: Asked<NewInvitation>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let (id, code) = (PrincipalId::new(), one_time_code());
    let issued = code.clone();
    let gravity = |body: &NewInvitation, _: &mut Tx<'_>| Ok(gravity_of(body.role, None));
    let invited = asked.hand_out_by_two(organisation, gravity, move |call, body, tx| {
        let own = db::organisation::find_own(tx)?;
        let new = NewPrincipal {
            id,
            kind: PrincipalKind::Person,
            login: format!("{}@{}", body.login.0, own.code),
            display_name: body.display_name.as_str().to_owned(),
            secret_hash: None,
        };
        db::identity::insert_principal(tx, &new)?;
        let role = Assignment { organisation, role: body.role, seat: body.seat_id, valid_from: body.valid_from, valid_to: body.valid_to };
        let (assignment, assigned) = grant(call, tx, id, &role)?;
        let registered = Event::of("principal.registered", "principal", id.0, 1).with("kind", new.kind);
        let events = Events::from(registered).and(assigned).and(issue_code(tx, id, &issued)?);
        Ok(((db::identity::find_principal(tx.conn, id)?, assignment), events))
    });
    let (principal, assignment) = match invited.await? {
        Ok(invited) => invited,
        Err(proposed) => return Ok(proposed),
    };
    let view = InvitationView { principal: view(principal), role_assignment: assignment_view(assignment), activation_code: code };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}
