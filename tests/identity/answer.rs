//! The answers of the room, held against the contract.

use api::config::SignInPolicy;
use serde_json::json;

use super::session::{begin, holder, renew};
use super::{PASSWORD, activate, new_code, register, sign_in};
use crate::contract::Contract;
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn what_the_room_answers_is_as_the_contract_says(town) {
        let contract = Contract::read();
        let post = |path: &str, answer: Answer| contract.holds("post", path, answer);
        let get = |path: &str, answer: Answer| contract.holds("get", path, answer);
        let admin = town.client("administrator");
        let (id, code) = register(town, "person", "fatou");
        post("/v1/activations", activate(town, &code, PASSWORD).expect(200));
        let tokens = post("/v1/sessions", begin(town, "fatou"));
        post("/v1/sessions", sign_in(town, "fatou", "x").refused(401, "SIGN_IN_FAILED"));
        let tokens = post("/v1/sessions/renewal", renew(&town.stranger(), &tokens.text("/refresh_token")).expect(200));
        post("/v1/sessions/renewal", renew(&town.stranger(), "x").refused(401, "SESSION_INVALID"));
        let fatou = holder(town, &tokens);
        get("/v1/me/sessions", fatou.get("/v1/me/sessions").expect(200));
        let other = begin(town, "fatou").text("/session_id");
        post("/v1/me/sessions/{session_id}/end", fatou.create(&format!("/v1/me/sessions/{other}/end"), &json!({})).expect(200));
        let change = json!({ "old_password": PASSWORD, "password": "le néré donne en avril" });
        post("/v1/me/password", fatou.create("/v1/me/password", &change).expect(200));
        post("/v1/me/password", fatou.create("/v1/me/password", &change).refused(403, "PASSWORD_WRONG"));
        post("/v1/me/sign-out", fatou.create("/v1/me/sign-out", &json!({})).expect(200));
        post("/v1/me/sign-out", admin.create("/v1/me/sign-out", &json!({})).refused(409, "SESSION_NONE"));

        let path = format!("/v1/principals/{id}");
        new_code(town, id);
        post("/v1/principals/{principal_id}/suspension", admin.act(&path, "/suspension", &json!({})).expect(200));
        post("/v1/principals/{principal_id}/suspension", admin.act(&path, "/suspension", &json!({})).refused(409, "PRINCIPAL_STATE_INVALID"));
        get("/v1/principals/{principal_id}", admin.get(&path).expect(200));
        get("/v1/principals", admin.get("/v1/principals").expect(200));
        post("/v1/principals/{principal_id}/reinstatement", admin.act(&path, "/reinstatement", &json!({})).expect(200));
        let reset = admin.create(&format!("{path}/password-reset"), &json!({})).expect(200);
        post("/v1/principals/{principal_id}/password-reset", reset);

        let organisation = |rest: &str| format!("/v1/organisations/{{organisation_id}}{rest}");
        let invitation = json!({ "login": "awa", "display_name": "Awa", "role": "authorising_delegate", "valid_from": "2025-01-01" });
        let invited = post(&organisation("/invitations"), admin.create(&town.path("/invitations"), &invitation).expect(200));
        post(&organisation("/invitations"), admin.create(&town.path("/invitations"), &invitation).refused(409, "LOGIN_TAKEN"));
        let delegation = json!({
            "principal_id": invited.text("/principal/id"), "valid_from": "2025-02-01", "ceiling": "1", "currency": "XOF",
            "document_sha256": "d".repeat(64),
        });
        let mayor = town.client("mayor");
        let given = post(&organisation("/delegations"), mayor.create(&town.path("/delegations"), &delegation).expect(201));
        let given = town.path(&format!("/delegations/{}", given.id()));
        post(&organisation("/delegations/{delegation_id}/end"), mayor.act(&given, "/end", &json!({})).expect(200));
        get(&organisation("/delegations/{delegation_id}"), mayor.get(&given).expect(200));
        get(&organisation("/delegations"), mayor.get(&town.path("/delegations")).expect(200));
        let kin = json!({ "principal_id": town.person("mayor"), "relative_id": id, "relation": "spouse" });
        let kinship = post(&organisation("/kinships"), admin.create(&town.path("/kinships"), &kin).expect(201));
        let role = json!({ "principal_id": id, "role": "accountant", "valid_from": "2025-01-01" });
        let refused = admin.create(&town.path("/role-assignments"), &role).refused(409, "ROLE_INCOMPATIBLE_KIN");
        post(&organisation("/role-assignments"), refused);
        let kinship = town.path(&format!("/kinships/{}", kinship.id()));
        get(&organisation("/kinships/{kinship_id}"), admin.get(&kinship).expect(200));
        let ended = admin.act(&kinship, "/end", &json!({ "ended_on": "2025-01-31" })).expect(200);
        post(&organisation("/kinships/{kinship_id}/end"), ended);
        get(&organisation("/kinships"), town.client("auditor").get(&town.path("/kinships")).expect(200));

        let annex = town.annex(SignInPolicy { failures_per_login: 1, ..SignInPolicy::default() });
        let body = json!({ "login": "nobody", "password": PASSWORD });
        let slowed = (0..9).map(|_| annex.client(None).create("/v1/sessions", &body)).find(|answer| answer.status == 429);
        post("/v1/sessions", slowed.expect("slowed down"));
    }
}
