//! The cast: a fictional commune, its prefecture and Treasury post, and the people who work there.

use std::collections::BTreeMap;

use db::fault::Fault;
use db::identity::NewPrincipal;
use db::organisation::{OrganisationFilter, list_organisations};
use db::page::Keyset;
use db::store::{Author, Outcome, Store};
use domain::audit::{Actor, Event};
use domain::id::{OrganisationId, PrincipalId, RoleAssignmentId, TerritorialUnitId, reference};
use domain::identity::{Assignment, PrincipalKind, Role};
use domain::organisation::OrganisationKind;
use domain::territory::TerritorialLevel;
use serde_json::json;
use uuid::Uuid;

use super::player::Player;
use crate::clock::Clock;
use crate::password;

/// The code of the fictional commune.
pub const COMMUNE_CODE: &str = "ML-C01";

/// Every login of the cast; the six personas of the documentation first.
pub const LOGINS: [&str; 10] = [
    "mayor",
    "finance-officer",
    "accountant",
    "state-representative",
    "auditor",
    "partner-system",
    "council-registrar",
    "certifier",
    "cash-officer",
    "administrator",
];

/// Who plays which part: login, name, kind, role in the commune.
const PARTS: [(&str, &str, &str, &str); 9] = [
    ("mayor", "Mayor (authorising officer), fictional", "person", "authorising_officer"),
    ("finance-officer", "Finance officer, fictional", "person", "finance_officer"),
    ("accountant", "Treasury accountant, fictional", "person", "accountant"),
    ("state-representative", "Prefect (State representative), fictional", "person", "state_representative"),
    ("auditor", "Auditor, fictional", "person", "auditor"),
    ("partner-system", "Partner's reporting system, fictional", "partner_system", "partner"),
    ("council-registrar", "Secretary of the council, fictional", "person", "council_registrar"),
    ("certifier", "Certifier of services, fictional", "person", "certifier"),
    ("cash-officer", "Cash officer (régisseur), fictional", "person", "cash_officer"),
];

/// The commune and the ids of the people who work on it, by login.
#[derive(Clone, Debug)]
pub struct Town {
    pub commune: OrganisationId,
    pub people: BTreeMap<String, PrincipalId>,
}

impl Town {
    pub fn person(&self, login: &str) -> Result<PrincipalId, String> {
        self.people.get(login).copied().ok_or_else(|| format!("nobody is {login}"))
    }
}

/// The first administrator of a demonstration, made active at once.
pub async fn administrator(store: &Store, clock: &Clock) -> Result<PrincipalId, String> {
    let known = store.read(|conn| match db::identity::find_principal_by_login(conn, "administrator") {
        Ok(row) => Ok(Some(row.id.0)),
        Err(Fault::Missing) => Ok(None),
        Err(fault) => Err(fault),
    });
    if let Some(id) = known.await.map_err(|fault| fault.to_string())? {
        return Ok(id);
    }
    // Nobody knows this password: the demonstration signs its own tokens.
    let secret = password::hash(Uuid::new_v4().to_string()).await.map_err(|problem| problem.to_string())?;
    let author = Author { actor: Actor::system(), now: clock.now(), today: clock.today() };
    let id = PrincipalId::new();
    let founded = store.write(OrganisationId::platform(), author, move |tx| {
        let new = NewPrincipal {
            id,
            kind: PrincipalKind::Person,
            login: "administrator".to_owned(),
            display_name: "Platform administrator, fictional".to_owned(),
            secret_hash: Some(secret.clone()),
        };
        db::identity::insert_principal(tx, &new)?;
        let assignment = Assignment {
            organisation: OrganisationId::platform(),
            role: Role::Administrator,
            seat: None,
            valid_from: super::year::FIRST_DAY,
            valid_to: None,
        };
        db::identity::insert_role_assignment(tx, RoleAssignmentId::new(), id, &assignment)?;
        // The fictional commune governs a fictional unit, never mixed with real ones.
        let unit = unit();
        db::territory::insert_fictional(
            tx.conn,
            unit,
            TerritorialLevel::Commune,
            "Commune fictive ML-C01",
            COMMUNE_CODE,
            super::year::FIRST_DAY,
        )?;
        let events = domain::audit::Events::from(Event::of("principal.registered", "principal", id.0, 1).with("kind", new.kind))
            .and(Event::of("territorial_unit.registered", "territorial_unit", unit.0, 1).with("code", COMMUNE_CODE));
        Ok(Outcome::Happened(id, events))
    });
    founded.await.map_err(|fault| fault.to_string())
}

pub(super) fn unit() -> TerritorialUnitId {
    TerritorialUnitId(reference("territory/fictional/ML-C01"))
}

/// The town, if it was gathered and played before.
pub async fn find(store: &Store) -> Result<Option<Town>, String> {
    let found = store.read(|conn| {
        let filter = OrganisationFilter { kind: Some(OrganisationKind::Commune), fictional: Some(true), ..OrganisationFilter::default() };
        let communes = list_organisations(conn, &filter, &Keyset { after: None, limit: 10 })?;
        let Some(commune) = communes.rows.into_iter().find(|row| row.code == COMMUNE_CODE) else { return Ok(None) };
        let mut people = BTreeMap::new();
        for login in LOGINS {
            people.insert(login.to_owned(), db::identity::find_principal_by_login(conn, login)?.id.0);
        }
        Ok(Some(Town { commune: commune.id.0, people }))
    });
    found.await.map_err(|fault| fault.to_string())
}

/// Registers the organisations and the people, through the API.
pub fn gather(player: &Player) -> Result<Town, String> {
    let admin = player.administrator().to_owned();
    let organisation = |kind: &str, code: &str, name: &str| {
        let body = json!({ "kind": kind, "code": code, "name": name, "currency": "XOF", "fictional": true });
        player.post(&admin, "/v1/organisations", None, &body)?.id()
    };
    let prefecture = organisation("state_representation", "ML-C01-PREF", "Préfecture fictive")?;
    let post = organisation("treasury_post", "ML-C01-PERC", "Perception fictive")?;
    let audit = organisation("audit_body", "ML-AUDIT", "Corps de contrôle fictif")?;
    let body = json!({
        "kind": "commune", "code": COMMUNE_CODE, "name": "Commune rurale fictive ML-C01", "territorial_unit_id": unit(),
        "supervisor_id": prefecture, "treasury_post_id": post, "currency": "XOF", "fictional": true,
    });
    let commune = player.post(&admin, "/v1/organisations", None, &body)?.id()?;
    let mut people = BTreeMap::new();
    for (login, name, kind, role) in PARTS {
        let body = json!({ "kind": kind, "login": login, "display_name": name });
        let id = player.post(&admin, "/v1/principals", None, &body)?.id()?;
        let code = player.post(&admin, &format!("/v1/principals/{id}/activation-codes"), None, &json!({}))?.text("activation_code")?;
        let body = json!({ "code": code, "password": Uuid::new_v4().to_string() });
        player.post(&admin, "/v1/activations", None, &body)?;
        let seat = match role {
            "state_representative" => Some(prefecture),
            "accountant" => Some(post),
            "auditor" => Some(audit),
            _ => None,
        };
        let body = json!({ "principal_id": id, "role": role, "seat_id": seat, "valid_from": super::year::FIRST_DAY });
        player.post(&admin, &format!("/v1/organisations/{commune}/role-assignments"), None, &body)?;
        people.insert(login.to_owned(), PrincipalId(id));
    }
    let me = player.get(&admin, "/v1/me")?;
    let administrator = me.body.pointer("/principal/id").and_then(serde_json::Value::as_str).and_then(|id| id.parse().ok());
    people.insert("administrator".to_owned(), PrincipalId(administrator.ok_or("who am I?")?));
    Ok(Town { commune: OrganisationId(commune), people })
}
