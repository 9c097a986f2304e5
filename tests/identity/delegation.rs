//! Delegation of signature: within its dates, up to its ceiling, while it stands and while its giver is in office.

use domain::id::PrincipalId;
use serde_json::{Value, json};

use crate::access::{assign, newcomer};
use crate::expenditure::verify;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// Someone who holds the delegate's role in the commune.
fn deputy(town: &Town) -> PrincipalId {
    let deputy = newcomer(town, &format!("deputy-{}", town.commune_id()));
    assign(town, town.commune_id(), deputy, "authorising_delegate", "2024-09-02", None).expect(201);
    deputy
}

fn delegate(town: &Town, to: PrincipalId, from: &str, until: Option<&str>, ceiling: Option<&str>) -> Answer {
    let mut body = json!({ "principal_id": to, "valid_from": from, "currency": "XOF", "document_sha256": "d".repeat(64) });
    if let Some(until) = until {
        body["valid_to"] = json!(until);
    }
    if let Some(ceiling) = ceiling {
        body["ceiling"] = json!(ceiling);
    }
    town.client("mayor").create(&town.path("/delegations"), &body)
}

/// The id of a delegation; one is made when there is none.
pub fn id(town: &Town) -> String {
    let rows = town.client("auditor").get(&town.path("/delegations")).expect(200).json();
    let made = || delegate(town, deputy(town), "2025-02-01", Some("2025-02-28"), Some("900000")).expect(201).text("/id");
    rows["data"][0]["id"].as_str().map_or_else(made, str::to_owned)
}

fn commit(client: &Client, town: &Town, amount: &str, query: &str) -> Answer {
    let body = json!({
        "budget_line_id": town.line("F-D-60-602-01"), "supplier_id": town.supplier("SUP-0012"),
        "label": "Carburant", "amount": amount, "currency": "XOF",
    });
    client.create(&town.path(&format!("/commitments{query}")), &body)
}

on_both_engines! {
    Stage::Open, fn a_delegate_goes_from_commitment_to_transmission_below_the_ceiling(town) {
        let id = deputy(town);
        let client = town.client_of(id);
        let refusal = commit(&client, town, "1", "").refused(403, "DELEGATION_INVALID");
        assert_eq!(refusal.json()["facts"], json!({ "today": "2025-02-03", "requested": "1", "currency": "XOF" }));
        let given = delegate(town, id, "2025-02-01", Some("2025-02-28"), Some("850000")).expect(201);
        assert_eq!((given.text("/ceiling"), given.text("/delegated_by")), ("850000".to_owned(), town.person("mayor").to_string()));

        for query in ["", "?dry_run=true"] {
            let refusal = commit(&client, town, "850001", query).refused(403, "DELEGATION_INVALID");
            let facts = refusal.json()["facts"].clone();
            assert_eq!((&facts["ceiling"], &facts["requested"], &facts["valid_to"]), (&json!("850000"), &json!("850001"), &json!("2025-02-28")));
        }
        commit(&client, town, "850000", "?dry_run=true").expect(200);
        let commitment = town.path(&format!("/commitments/{}", commit(&client, town, "850000", "").expect(201).id()));
        let verification = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-1", "850000").expect(201).id()));
        town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        let order = |client: &Client, amount: &str| client.act(&verification, "/payment-orders", &json!({ "amount": amount, "currency": "XOF" }));
        let first = order(&client, "500000").expect(201).id();
        // The mayor signs whatever the delegate's ceiling is; what the delegate transmits counts by its total.
        let second = order(&town.client("finance-officer"), "350000").expect(201).id();
        let path = |id: uuid::Uuid| town.path(&format!("/payment-orders/{id}"));
        client.act(&path(first), "/signature", &json!({})).expect(200);
        town.client("mayor").act(&path(second), "/signature", &json!({})).expect(200);
        let batch = |total: &str, orders: Value| {
            let body = json!({ "payment_order_ids": orders, "total": total, "currency": "XOF" });
            client.create(&town.path("/payment-order-batches"), &body)
        };
        batch("850001", json!([first, second])).refused(403, "DELEGATION_INVALID");
        batch("850000", json!([first, second])).expect(201);
        town.client("accountant").act(&path(first), "/acceptance", &json!({})).expect(200);
    }

    Stage::Open, fn a_delegation_that_is_over_lets_nothing_pass(town) {
        let id = deputy(town);
        let client = town.client_of(id);
        let refused = |fact: &str, is: &str| {
            let refusal = commit(&client, town, "1", "").refused(403, "DELEGATION_INVALID");
            assert_eq!(refusal.text(&format!("/facts/{fact}")), is);
        };
        delegate(town, id, "2025-02-10", Some("2025-02-20"), None).expect(201);
        refused("valid_from", "2025-02-10");
        for day in ["2025-02-10", "2025-02-20"] {
            town.on(day);
            commit(&client, town, "1", "").expect(201);
        }
        town.on("2025-02-21");
        refused("valid_to", "2025-02-20");
        // Drafts and signatures too.
        let commitment = town.path(&format!("/commitments/{}", commit(&town.client("mayor"), town, "5", "").expect(201).id()));
        let verification = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-2", "5").expect(201).id()));
        town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        let body = json!({ "amount": "5", "currency": "XOF" });
        client.act(&verification, "/payment-orders", &body).refused(403, "DELEGATION_INVALID");
        let order = town.client("mayor").act(&verification, "/payment-orders", &body).expect(201).id();
        let order = town.path(&format!("/payment-orders/{order}"));
        client.act(&order, "/signature", &json!({})).refused(403, "DELEGATION_INVALID");

        // Ended by hand: at once.
        let given = delegate(town, id, "2025-02-21", None, None).expect(201);
        commit(&client, town, "1", "").expect(201);
        let given = town.path(&format!("/delegations/{}", given.id()));
        town.client("finance-officer").act(&given, "/end", &json!({})).refused(403, "ROLE_MISSING");
        client.act(&given, "/end", &json!({})).refused(403, "ROLE_MISSING");
        assert_eq!(town.client("mayor").act(&given, "/end", &json!({})).expect(200).text("/ended_on"), "2025-02-21");
        refused("ended_on", "2025-02-21");
        let on = |day: &str| town.client("auditor").get(&town.path(&format!("/delegations?on={day}"))).expect(200).json()["data"].as_array().map_or(0, Vec::len);
        assert!(on("2025-02-20") > on("2025-02-21"), "it ended on the day");
        town.client("mayor").act_on(&format!("{given}/end"), "\"1\"", &json!({})).refused(412, "VERSION_STALE");
        town.client("mayor").act(&given, "/end", &json!({})).refused(409, "DELEGATION_ENDED");

        // A delegation falls with the function of who gave it.
        delegate(town, id, "2025-02-21", None, None).expect(201);
        commit(&client, town, "1", "").expect(201);
        let admin = town.client("administrator");
        let rows = admin.get(&town.path("/role-assignments")).expect(200).json()["data"].as_array().expect("rows").clone();
        let office = rows.iter().find(|row| row["role"] == "authorising_officer").expect("the mayor")["id"].as_str().expect("an id").to_owned();
        admin.act_on(&town.path(&format!("/role-assignments/{office}/end")), "\"1\"", &json!({ "valid_to": "2025-02-20" })).expect(200);
        refused("requested", "1");
        // Another function of whoever gave it does not hold it up.
        assign(town, town.commune_id(), town.person("mayor"), "council_registrar", "2025-02-21", None).expect(201);
        refused("requested", "1");
    }

    Stage::Open, fn only_an_authorising_officer_delegates_and_only_to_a_delegate(town) {
        let id = deputy(town);
        assert_eq!(delegate(town, id, "2025-02-10", Some("2025-02-09"), None).refused(422, "ROLE_PERIOD_INVALID").pointers(), ["/valid_to"]);
        for nobody in [town.person("finance-officer"), PrincipalId::new()] {
            let refusal = delegate(town, nobody, "2025-02-10", None, None).refused(422, "DELEGATION_ROLE_MISSING");
            assert_eq!(refusal.pointers(), ["/principal_id"]);
        }
        delegate(town, id, "2024-09-01", None, None).refused(422, "DELEGATION_ROLE_MISSING");
        assert_eq!(delegate(town, id, "2025-02-10", None, Some("0")).refused(422, "AMOUNT_ZERO").pointers(), ["/ceiling"]);
        let body = json!({ "principal_id": id, "valid_from": "2025-02-10", "currency": "EUR", "document_sha256": "d".repeat(64) });
        town.client("mayor").create(&town.path("/delegations"), &body).refused(422, "CURRENCY_MISMATCH");
        town.client_of(id).create(&town.path("/delegations"), &body).refused(403, "ROLE_MISSING");
        let listed = town.client("auditor").get(&town.path(&format!("/delegations?principal_id={id}"))).expect(200);
        assert_eq!(listed.text("/data"), "[]");
        // Who signs for the mayor does not pay either.
        let refusal = assign(town, town.commune_id(), id, "accountant", "2025-01-01", None).refused(409, "ROLE_INCOMPATIBLE");
        assert_eq!(refusal.text("/facts/held"), "authorising_delegate");
    }
}
