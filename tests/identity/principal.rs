//! People and systems as administrators keep them: disabled and enabled, passwords changed and reset, people invited.

use domain::id::PrincipalId;
use serde_json::json;
use uuid::Uuid;

use super::session::{begin, dies, events, holder, person, renew};
use super::{FORM, PASSWORD, activate, credentials, new_code, register, sign_in};
use crate::access::{assign, newcomer, rows, told};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

const NEW_PASSWORD: &str = "le néré donne en avril";

fn path(id: PrincipalId) -> String {
    format!("/v1/principals/{id}")
}

fn change(client: &Client, old: &str, new: &str) -> Answer {
    client.create("/v1/me/password", &json!({ "old_password": old, "password": new }))
}

/// The commune's own administrator, who is none of the platform.
pub fn clerk(town: &Town) -> Client {
    let clerk = newcomer(town, "clerk");
    assign(town, town.commune_id(), clerk, "administrator", "2024-09-02", None).expect(201);
    town.client_of(clerk)
}

fn invite(client: &Client, town: &Town, login: &str, role: &str) -> Answer {
    let body = json!({ "login": login, "display_name": "Invitée", "role": role, "valid_from": "2024-09-02" });
    client.create(&town.path("/invitations"), &body)
}

on_both_engines! {
    Stage::Gathered, fn who_is_disabled_is_out_within_five_seconds_and_back_when_enabled(town) {
        let id = person(town, "amadou");
        let admin = town.client("administrator");
        let tokens = begin(town, "amadou");
        let (in_session, outside) = (holder(town, &tokens), town.client_of(id));
        in_session.get("/v1/me").expect(200);
        outside.get("/v1/me").expect(200);
        let version = admin.get(&path(id)).expect(200).etag();
        let unknown = told(&sign_in(town, "nobody", PASSWORD).refused(401, "SIGN_IN_FAILED"));
        let code = new_code(town, id);
        let disabled = admin.act_on(&format!("{}/suspension", path(id)), &version, &json!({})).expect(200);
        assert_ne!(disabled.text("/disabled_at"), "null");
        dies(&in_session);
        dies(&outside);
        renew(&town.stranger(), &tokens.text("/refresh_token")).refused(401, "SESSION_INVALID");
        assert_eq!(told(&sign_in(town, "amadou", PASSWORD).refused(401, "SIGN_IN_FAILED")), unknown, "no word on why");
        activate(town, &code, NEW_PASSWORD).refused(401, "ACTIVATION_FAILED");
        admin.act_on(&format!("{}/suspension", path(id)), &version, &json!({})).refused(412, "VERSION_STALE");
        admin.act(&path(id), "/suspension", &json!({})).refused(409, "PRINCIPAL_STATE_INVALID");
        let event = &events(town, "principal.disabled")[0];
        assert_eq!((&event["state_after"], &event["facts"]["sessions_ended"]), (&json!("disabled"), &json!(1)));

        assert_eq!(admin.act(&path(id), "/reinstatement", &json!({})).expect(200).text("/disabled_at"), "null");
        admin.act(&path(id), "/reinstatement", &json!({})).refused(409, "PRINCIPAL_STATE_INVALID");
        renew(&town.stranger(), &tokens.text("/refresh_token")).refused(401, "SESSION_INVALID");
        holder(town, &begin(town, "amadou")).get("/v1/me").expect(200);
    }

    Stage::Gathered, fn administrators_spare_themselves_and_only_the_platforms_disable(town) {
        let admin = town.client("administrator");
        let own = path(town.person("administrator"));
        admin.act(&own, "/suspension", &json!({})).refused(403, "PRINCIPAL_SELF");
        admin.create(&format!("{own}/password-reset"), &json!({})).refused(403, "PRINCIPAL_SELF");
        let mayor = path(town.person("mayor"));
        for client in [clerk(town), town.client("mayor"), town.client("auditor")] {
            client.get("/v1/principals").refused(403, "ROLE_MISSING");
            client.get(&mayor).refused(403, "ROLE_MISSING");
            client.act_on(&format!("{mayor}/suspension"), "\"1\"", &json!({})).refused(403, "ROLE_MISSING");
            client.create(&format!("{mayor}/password-reset"), &json!({})).refused(403, "ROLE_MISSING");
        }
        let found = admin.get("/v1/principals?login=mayor").expect(200);
        assert_eq!(found.text("/data/0/id"), town.person("mayor").to_string());
        assert_eq!(admin.get("/v1/principals?login=nobody").expect(200).text("/data"), "[]");
        assert!(!String::from_utf8_lossy(&admin.get("/v1/principals").expect(200).bytes).contains("argon2"));
        // A second administrator who was disabled disables nobody, even while the token is still believed.
        let second = newcomer(town, "second");
        assign(town, domain::id::OrganisationId::platform().0, second, "administrator", "2024-09-02", None).expect(201);
        let as_second = town.client_of(second);
        as_second.get("/v1/me").expect(200);
        admin.act(&path(second), "/suspension", &json!({})).expect(200);
        let version = admin.get(&own).expect(200).etag();
        as_second.act_on(&format!("{own}/suspension"), &version, &json!({})).refused(401, "TOKEN_INVALID");
    }

    Stage::Gathered, fn a_changed_password_ends_every_other_session(town) {
        let id = person(town, "amadou");
        let (here, there) = (begin(town, "amadou"), begin(town, "amadou"));
        let (at_home, elsewhere) = (holder(town, &here), holder(town, &there));
        elsewhere.get("/v1/me").expect(200);
        let spare = new_code(town, id);
        let refusal = change(&at_home, "le karité fleurit tard", NEW_PASSWORD).refused(403, "PASSWORD_WRONG");
        assert_eq!(refusal.pointers(), ["/old_password"]);
        assert_eq!(change(&at_home, PASSWORD, "motdepasse12").refused(422, "PASSWORD_WEAK").pointers(), ["/password"]);
        sign_in(town, "amadou", PASSWORD).expect(200);
        let changed = change(&at_home, PASSWORD, NEW_PASSWORD).expect(200);
        assert!(!String::from_utf8_lossy(&changed.bytes).contains("argon2"));
        dies(&elsewhere);
        renew(&town.stranger(), &there.text("/refresh_token")).refused(401, "SESSION_INVALID");
        at_home.get("/v1/me").expect(200);
        renew(&town.stranger(), &here.text("/refresh_token")).expect(200);
        sign_in(town, "amadou", PASSWORD).refused(401, "SIGN_IN_FAILED");
        sign_in(town, "amadou", NEW_PASSWORD).expect(200);
        activate(town, &spare, PASSWORD).refused(401, "ACTIVATION_FAILED");
        assert_eq!(events(town, "principal.password_changed")[0]["facts"]["sessions_ended"], 2);
        change(&town.stranger(), PASSWORD, NEW_PASSWORD).refused(401, "TOKEN_MISSING");
        // A partner's system changes its secret in the same way.
        let (_, code) = register(town, "partner_system", "reporting");
        activate(town, &code, "secret-of-the-machine").expect(200);
        let form = |secret: &str| credentials(town, &format!("grant_type=client_credentials&client_id=reporting&client_secret={secret}"));
        let system = holder(town, &form("secret-of-the-machine").expect(200));
        change(&system, "secret-of-the-machine", "another-of-the-machine").expect(200);
        form("secret-of-the-machine").refused(401, "SIGN_IN_FAILED");
        form("another-of-the-machine").expect(200);
        assert_eq!(FORM.0, "content-type");
    }

    Stage::Gathered, fn a_reset_ends_password_and_sessions_at_once(town) {
        let id = person(town, "amadou");
        let tokens = begin(town, "amadou");
        let (in_session, outside) = (holder(town, &tokens), town.client_of(id));
        in_session.get("/v1/me").expect(200);
        outside.get("/v1/me").expect(200);
        let spare = new_code(town, id);
        let reset = town.client("administrator").create(&format!("{}/password-reset", path(id)), &json!({})).expect(200);
        assert_eq!(reset.header("cache-control"), Some("no-store"));
        sign_in(town, "amadou", PASSWORD).refused(401, "SIGN_IN_FAILED");
        renew(&town.stranger(), &tokens.text("/refresh_token")).refused(401, "SESSION_INVALID");
        dies(&in_session);
        dies(&outside);
        activate(town, &spare, NEW_PASSWORD).refused(401, "ACTIVATION_FAILED");
        activate(town, &reset.text("/activation_code"), NEW_PASSWORD).expect(200);
        sign_in(town, "amadou", NEW_PASSWORD).expect(200);
        assert_eq!(events(town, "principal.password_reset").len(), 1);
        // A code that is merely issued leaves the password until it is spent; then sessions end too.
        let code = new_code(town, id);
        let before = sign_in(town, "amadou", NEW_PASSWORD).expect(200);
        activate(town, &code, PASSWORD).expect(200);
        renew(&town.stranger(), &before.text("/refresh_token")).refused(401, "SESSION_INVALID");
    }

    Stage::Gathered, fn an_organisation_invites_people_under_the_rules_of_assignment(town) {
        let clerk = clerk(town);
        let invited = invite(&clerk, town, "amadou.toure", "finance_officer").expect(200);
        assert_eq!(invited.header("cache-control"), Some("no-store"));
        assert_eq!(invited.text("/principal/login"), "amadou.toure@ML-C01");
        activate(town, &invited.text("/activation_code"), PASSWORD).expect(200);
        let me = holder(town, &begin(town, "amadou.toure@ML-C01")).get("/v1/me").expect(200);
        assert_eq!(me.text("/roles/0/role"), "finance_officer");
        assert_eq!(me.text("/principal/id"), invited.text("/role_assignment/principal_id"));

        let before = rows(town);
        assert_eq!(invite(&clerk, town, "amadou.toure", "certifier").refused(409, "LOGIN_TAKEN").pointers(), ["/login"]);
        for role in ["accountant", "state_representative", "auditor", "administrator"] {
            assert_eq!(invite(&clerk, town, "fatou", role).refused(403, "ROLE_NOT_GRANTABLE").pointers(), ["/role"], "{role}");
        }
        for login in ["", "x", ".amadou", "Amadou", "a b", "amadou@ML-C01", "amadou\u{202e}", &"a".repeat(59)] {
            assert_eq!(invite(&clerk, town, login, "certifier").refused(400, "REQUEST_BODY_INVALID").pointers(), ["/login"], "{login}");
        }
        let backwards = json!({
            "login": "fatou", "display_name": "F", "role": "certifier", "valid_from": "2024-09-02", "valid_to": "2024-09-01",
        });
        clerk.create(&town.path("/invitations"), &backwards).refused(422, "ROLE_PERIOD_INVALID");
        invite(&town.client("mayor"), town, "fatou", "certifier").refused(403, "ROLE_MISSING");
        assert_eq!(rows(town), before, "a refused invitation leaves nobody behind");
        let elsewhere = town.path("/invitations").replace(&town.commune_id().to_string(), &Uuid::new_v4().to_string());
        let body = json!({ "login": "fatou", "display_name": "F", "role": "certifier", "valid_from": "2024-09-02" });
        clerk.create(&elsewhere, &body).refused(404, "NOT_FOUND");
    }

    Stage::Gathered, fn an_invitation_does_not_tell_who_is_known_elsewhere(town) {
        let clerk = clerk(town);
        register(town, "person", "amadou");
        for login in ["amadou", "mayor", "administrator", "nobody-knows"] {
            let invited = invite(&clerk, town, login, "certifier").expect(200);
            assert_eq!(invited.text("/principal/login"), format!("{login}@ML-C01"));
        }
        let invited = invite(&town.client("administrator"), town, "percepteur", "accountant").expect(200);
        assert_eq!(invited.text("/role_assignment/role"), "accountant", "the platform invites officials of the State too");
    }
}
