//! Declared kin: who orders is not paid out by husband, wife, parent or child.

use domain::id::PrincipalId;
use serde_json::json;

use super::principal::clerk;
use crate::access::{assign, newcomer};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

fn declare(client: &Client, town: &Town, one: PrincipalId, relation: &str, other: PrincipalId) -> Answer {
    let body = json!({ "principal_id": one, "relative_id": other, "relation": relation });
    client.create(&town.path("/kinships"), &body)
}

/// The id of a kinship; one is made when there is none.
pub fn id(town: &Town) -> String {
    let rows = town.client("auditor").get(&town.path("/kinships")).expect(200).json();
    let made = || {
        declare(&town.client("administrator"), town, town.person("certifier"), "spouse", town.person("council-registrar"))
            .expect(201)
            .text("/id")
    };
    rows["data"][0]["id"].as_str().map_or_else(made, str::to_owned)
}

/// Asserts that a role is refused because of kin, and that the refusal does not say who that is.
#[track_caller]
fn refused(answer: &Answer, role: &str, held: &str, kin: PrincipalId) {
    let refusal = answer.clone().refused(409, "ROLE_INCOMPATIBLE_KIN");
    assert_eq!(refusal.json()["facts"], json!({ "role": role, "held": held }));
    assert_eq!(refusal.pointers(), ["/role"]);
    assert!(!String::from_utf8_lossy(&refusal.bytes).contains(&kin.to_string()));
}

on_both_engines! {
    Stage::Gathered, fn kin_do_not_order_and_pay_in_one_organisation(town) {
        let (admin, commune) = (town.client("administrator"), town.commune_id());
        let (mayor, accountant) = (town.person("mayor"), town.person("accountant"));
        let grant = |who, role: &str, from: &str, to: Option<&str>| assign(town, commune, who, role, from, to);
        // Declared in either direction, refused in either direction.
        let (wife, son) = (newcomer(town, "wife"), newcomer(town, "son"));
        declare(&admin, town, wife, "spouse", mayor).expect(201);
        refused(&grant(wife, "accountant", "2025-01-01", None), "accountant", "authorising_officer", mayor);
        grant(wife, "finance_officer", "2025-01-01", None).expect(201);
        declare(&admin, town, accountant, "ascendant", son).expect(201);
        for role in ["authorising_officer", "authorising_delegate"] {
            refused(&grant(son, role, "2025-01-01", None), role, "accountant", accountant);
        }
        grant(son, "authorising_delegate", "2024-01-01", Some("2024-08-31")).expect(201);
        // In another organisation they may.
        assign(town, domain::id::OrganisationId::platform().0, son, "authorising_officer", "2025-01-01", None).expect(201);

        // A daughter of the mayor's delegate is in the same case; after the end of the kinship, no longer.
        let (deputy, daughter) = (newcomer(town, "deputy"), newcomer(town, "daughter"));
        grant(deputy, "authorising_delegate", "2024-09-02", None).expect(201);
        let kinship = declare(&admin, town, daughter, "descendant", deputy).expect(201);
        refused(&grant(daughter, "accountant", "2025-01-01", None), "accountant", "authorising_delegate", deputy);
        let kinship = town.path(&format!("/kinships/{}", kinship.id()));
        admin.act(&kinship, "/end", &json!({ "ended_on": "2024-12-31" })).expect(200);
        refused(&grant(daughter, "accountant", "2024-12-31", None), "accountant", "authorising_delegate", deputy);
        grant(daughter, "accountant", "2025-01-01", None).expect(201);
        assert_eq!(admin.act(&kinship, "/end", &json!({ "ended_on": "2025-12-31" })).refused(422, "KINSHIP_INVALID").pointers(), ["/ended_on"]);
    }

    Stage::Gathered, fn a_kinship_between_those_in_office_is_recorded_and_flagged(town) {
        let admin = town.client("administrator");
        let (mayor, accountant) = (town.person("mayor"), town.person("accountant"));
        let declared = declare(&admin, town, mayor, "spouse", accountant).expect(201);
        assert_eq!(declared.text("/in_conflict"), "true");
        let path = town.path(&format!("/kinships/{}", declared.id()));
        assert_eq!(town.client("auditor").get(&path).expect(200).text("/in_conflict"), "true");
        assert_eq!(declare(&admin, town, mayor, "spouse", town.person("certifier")).expect(201).text("/in_conflict"), "false");
        // When the function of one has ended, the flag falls.
        let rows = admin.get(&town.path("/role-assignments")).expect(200).json()["data"].as_array().expect("rows").clone();
        let office = rows.iter().find(|row| row["role"] == "accountant").expect("the accountant")["id"].as_str().expect("an id").to_owned();
        let end = town.path(&format!("/role-assignments/{office}/end"));
        admin.act_on(&end, "\"1\"", &json!({ "valid_to": "2024-09-30" })).expect(200);
        assert_eq!(admin.get(&path).expect(200).text("/in_conflict"), "true", "until its last day");
        town.on("2024-10-01");
        assert_eq!(admin.get(&path).expect(200).text("/in_conflict"), "false");
    }

    Stage::Gathered, fn the_register_of_kin_is_kept_close(town) {
        let (admin, clerk) = (town.client("administrator"), clerk(town));
        let (mayor, certifier) = (town.person("mayor"), town.person("certifier"));
        let outsider = newcomer(town, "outsider");
        // The commune's administrator declares kin among its own people, and learns nothing of others.
        declare(&clerk, town, mayor, "spouse", outsider).refused(404, "NOT_FOUND");
        declare(&clerk, town, mayor, "spouse", PrincipalId::new()).refused(404, "NOT_FOUND");
        declare(&admin, town, mayor, "spouse", PrincipalId::new()).refused(404, "NOT_FOUND");
        let kinship = declare(&clerk, town, mayor, "descendant", certifier).expect(201);
        assert_eq!(kinship.text("/relation"), "descendant");
        for (one, other) in [(mayor, certifier), (certifier, mayor)] {
            declare(&clerk, town, one, "spouse", other).refused(409, "KINSHIP_DUPLICATE");
        }
        assert_eq!(declare(&clerk, town, mayor, "spouse", mayor).refused(422, "KINSHIP_INVALID").pointers(), ["/relative_id"]);
        assert_eq!(clerk.get(&town.path("/kinships")).expect(200).json()["data"].as_array().map(Vec::len), Some(1));
        let count = |query: &str| town.client("auditor").get(&town.path(&format!("/kinships?{query}"))).expect(200).json()["data"].as_array().map(Vec::len);
        assert_eq!([count("on=2025-02-03"), count(&format!("principal_id={certifier}")), count(&format!("principal_id={outsider}"))], [Some(1), Some(1), Some(0)]);
        let path = town.path(&format!("/kinships/{}", kinship.id()));
        for login in ["mayor", "accountant", "certifier", "partner-system", "finance-officer"] {
            town.client(login).get(&town.path("/kinships")).refused(403, "ROLE_MISSING");
            town.client(login).get(&path).refused(403, "ROLE_MISSING");
            declare(&town.client(login), town, mayor, "spouse", certifier).refused(403, "ROLE_MISSING");
        }
        let feed = town.client("mayor").get("/v1/events?kind=kinship.declared").expect(200);
        assert_eq!(feed.text("/data/0/facts"), "{}", "the feed does not say who");
    }
}
