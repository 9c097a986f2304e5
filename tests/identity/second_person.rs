//! Who counts as the second person, and what counts as the same request: an equal one on the same version, of somebody who could have
//! asked for it today.

use api::one_time::code;
use diesel::connection::SimpleConnection as _;
use domain::id::{OrganisationId, PrincipalId};
use serde_json::json;

use super::external::link;
use super::proposal::{carried_out, crown, second};
use super::session::{begin, holder, person};
use super::step_up::{confirm, present, spelled};
use super::{PASSWORD, activate, register};
use crate::access::{assign, newcomer};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

fn path(who: PrincipalId) -> String {
    format!("/v1/principals/{who}")
}

fn reset(client: &Client, who: PrincipalId) -> Answer {
    client.create(&format!("{}/password-reset", path(who)), &json!({}))
}

/// Who administers the platform from a day on, while the first may still say so alone.
fn administers(town: &Town, who: PrincipalId, from: &str, to: Option<&str>) {
    assign(town, OrganisationId::platform().0, who, "administrator", from, to).expect(201);
}

on_both_engines! {
    Stage::Gathered, fn a_request_about_another_or_on_another_version_confirms_nothing(town) {
        let admin = town.client("administrator");
        let [awa, binta] = ["awa", "binta"].map(|login| newcomer(town, login));
        for who in [awa, binta] {
            crown(&admin, town, who).expect(201);
        }
        let (_, other) = second(town, "second");
        // The same body, and nothing in it tells whom it is about.
        reset(&admin, awa).expect(202);
        reset(&other, binta).expect(202);
        assert!(carried_out(town).is_empty());
        // What one asked for was asked of what the principal was then.
        admin.act(&path(awa), "/suspension", &json!({})).expect(200);
        admin.act(&path(awa), "/reinstatement", &json!({})).expect(202);
        reset(&other, awa).expect(200);
        other.act(&path(awa), "/reinstatement", &json!({})).expect(202);
        assert_ne!(admin.get(&path(awa)).expect(200).text("/disabled_at"), "null");
        admin.act(&path(awa), "/reinstatement", &json!({})).expect(200);
        assert_eq!(admin.get(&path(awa)).expect(200).text("/disabled_at"), "null");
    }

    Stage::Gathered, fn a_machine_or_who_comes_later_is_no_second_person(town) {
        let admin = town.client("administrator");
        let [robot, future] = ["robot", "future"].map(|login| newcomer(town, login));
        administers(town, future, "2024-12-01", None);
        crown(&admin, town, newcomer(town, "amadou")).expect(201);
        // No machine is given such a role; one that had it all the same is no second person.
        administers(town, robot, "2020-01-01", None);
        town.connection().batch_execute("UPDATE principals SET kind = 'partner_system' WHERE login = 'robot'").expect("a machine now");
        crown(&admin, town, newcomer(town, "binta")).expect(201);
        town.on("2024-12-01");
        crown(&admin, town, newcomer(town, "awa")).expect(202);
    }

    Stage::Gathered, fn who_is_known_elsewhere_can_prove_it_until_unlinked(town) {
        let admin = town.client("administrator");
        let (linked, _) = register(town, "person", "linked");
        administers(town, linked, "2020-01-01", None);
        crown(&admin, town, newcomer(town, "amadou")).expect(201);
        let identity = link(town, linked, "https://sso.example/realms/mairies", "linked").expect(201).text("/id");
        crown(&admin, town, newcomer(town, "binta")).expect(202);
        admin.act(&format!("{}/identities/{identity}", path(linked)), "/end", &json!({})).expect(200);
        crown(&admin, town, newcomer(town, "awa")).expect(201);
    }

    Stage::Gathered, fn the_ways_of_proving_of_administrators_and_of_who_has_an_authenticator_are_given_by_two(town) {
        let admin = town.client("administrator");
        let [past, coming, auditor] = ["past", "coming", "auditor-2"].map(|login| newcomer(town, login));
        assign(town, town.commune_id(), past, "administrator", "2020-01-01", Some("2024-01-01")).expect(201);
        assign(town, town.commune_id(), coming, "administrator", "2030-01-01", None).expect(201);
        assign(town, town.commune_id(), auditor, "auditor", "2020-01-01", None).expect(201);
        let awa = person(town, "awa");
        let client = holder(town, &begin(town, "awa"));
        let (_, other) = second(town, "second");
        reset(&admin, past).expect(200);
        reset(&admin, auditor).expect(200);
        reset(&admin, coming).expect(202);
        // What waits to be confirmed guards nothing yet.
        client.create("/v1/me/authenticator", &json!({})).expect(200);
        let given = reset(&admin, awa).expect(200);
        activate(town, &given.text("/activation_code"), PASSWORD).expect(200);
        let client = holder(town, &begin(town, "awa"));
        let secret = spelled(&client.create("/v1/me/authenticator", &json!({})).expect(200).text("/secret"));
        confirm(&client, &code(&secret, present()[1])).expect(200);
        reset(&admin, awa).expect(202);
        admin.create(&format!("{}/activation-codes", path(awa)), &json!({})).expect(202);
        link(town, awa, "https://sso.example/realms/mairies", "awa").expect(202);
        // Two reset it, and took the authenticator with it.
        reset(&other, awa).expect(200);
        reset(&admin, awa).expect(200);
    }
}
