//! What another identity provider vouches for as a recent proof: when it saw the person last, and nothing else.

use api::issuer::policy::IssuerPolicy;
use api::one_time::code;
use serde_json::{Value, json};

use super::assertion::KeyPair;
use super::external::{annex, exchange, link, provider};
use super::register;
use super::step_up::{confirm, dare, present, spelled};
use super::token::now;
use crate::access::assign;
use crate::harness::{Client, Stage, Town};
use crate::on_both_engines;

/// Someone who administers the commune and has no password here.
fn clerk(town: &Town, login: &str) -> domain::id::PrincipalId {
    let (id, _) = register(town, "person", login);
    assign(town, town.commune_id(), id, "administrator", "2020-01-01", None).expect(201);
    id
}

on_both_engines! {
    Stage::Gathered, fn a_recent_auth_time_is_a_recent_proof_and_nothing_else_is(town) {
        let (provider, awa) = provider(KeyPair::rsa());
        let by_login = IssuerPolicy { login_claim: Some("preferred_username".to_owned()), ..provider.policy() };
        let annex = annex(town, &[by_login]);
        let anyone = annex.client(None);
        let signed_in = |token: String| -> Client { town.bearer(&exchange(&anyone, &token).expect(200).text("/access_token")) };
        let seen = |at: Value| signed_in(awa.with_claim("auth_time", &at));
        // By the login that it tells: a name opens no grave act.
        let id = clerk(town, "awa");
        let named = signed_in(awa.with_claim("preferred_username", &json!("awa")));
        named.get("/v1/me").expect(200);
        dare(&named, town).refused(401, "STEP_UP_REQUIRED");
        // By the subject: as long ago as it says, whenever the token was made.
        link(town, id, &provider.issuer, &awa.subject).expect(201);
        dare(&seen(json!(now() - 5)), town).refused(404, "NOT_FOUND");
        dare(&seen(json!(now() - 540)), town).refused(404, "NOT_FOUND");
        for old in [json!(now() - 601), json!(now() - 86_400), json!(0), Value::Null] {
            let client = seen(old.clone());
            client.get("/v1/me").expect(200);
            dare(&client, town).refused(401, "STEP_UP_REQUIRED");
        }
        // With an authenticator here, its codes are the proof.
        let client = seen(json!(now()));
        let secret = spelled(&client.create("/v1/me/authenticator", &json!({})).expect(200).text("/secret"));
        confirm(&client, &code(&secret, present()[1])).expect(200);
        dare(&seen(json!(now())), town).refused(401, "STEP_UP_REQUIRED");
    }
}
