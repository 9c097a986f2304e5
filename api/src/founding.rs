//! The founding of an installation: the first administrator, who begins with a one-time code.

use db::identity::NewPrincipal;
use db::store::{Author, Outcome, Store};
use domain::audit::{Actor, Event, Events};
use domain::id::{OrganisationId, PrincipalId, RoleAssignmentId};
use domain::identity::{Assignment, PrincipalKind, Role};

use crate::clock::Clock;
use crate::identity::activation::{issue_code, one_time_code};

/// The login of the first administrator.
pub const LOGIN: &str = "administrator";

/// Registers the first administrator, once, and gives the one-time code that sets the password.
pub async fn first_administrator(store: &Store, clock: &Clock) -> Result<Option<String>, String> {
    let author = Author { actor: Actor::system(), now: clock.now(), today: clock.today() };
    let code = one_time_code();
    let issued = code.clone();
    let today = clock.today();
    let founded = store.write(OrganisationId::platform(), author, move |tx| {
        if db::identity::find_principal_by_login(tx.conn, LOGIN).is_ok() {
            return Ok(Outcome::Replayed(false));
        }
        let id = PrincipalId::new();
        let new = NewPrincipal {
            id,
            kind: PrincipalKind::Person,
            login: LOGIN.to_owned(),
            display_name: "Administrator".to_owned(),
            secret_hash: None,
        };
        db::identity::insert_principal(tx, &new)?;
        let assignment = Assignment {
            organisation: OrganisationId::platform(),
            role: Role::Administrator,
            seat: None,
            valid_from: today,
            valid_to: None,
        };
        db::identity::insert_role_assignment(tx, RoleAssignmentId::new(), id, &assignment)?;
        let events =
            Events::from(Event::of("principal.registered", "principal", id.0, 1).with("kind", new.kind)).and(issue_code(tx, id, &issued)?);
        Ok(Outcome::Happened(true, events))
    });
    Ok(founded.await.map_err(|fault| fault.to_string())?.then_some(code))
}
