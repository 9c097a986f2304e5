//! How money comes to a project: through the treasury of a commune, straight to its partner, or not at all.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery::{bring, plan, verify, visit};
use super::money::sql_id;
use super::{Scene, handover, scene, with};
use crate::harness::{Stage, Town};
use crate::on_both_engines;

/// Through the treasury of the commune, on these articles.
fn treasury(town: &Town, revenue: &str, expenditure: &str) -> Value {
    let receiver = json!({ "organisation_id": town.commune_id(), "revenue_article": revenue, "expenditure_article": expenditure });
    json!({ "channel": "treasury", "receiver": receiver })
}

/// Goods instead of money: no account.
fn in_kind() -> Value {
    json!({ "channel": "in_kind", "account_ending": null })
}

/// An amending budget of 2025 with one line, voted beneath the API: the service takes no amendments of an open year yet.
fn amend(town: &Town, direction: &str, article: &str) {
    let (org, budget, line) = (sql_id(town, town.commune_id()), sql_id(town, Uuid::new_v4()), sql_id(town, Uuid::new_v4()));
    let mut conn = town.connection();
    for statement in [
        format!(
            "INSERT INTO budgets (organisation_id, id, fiscal_year, kind, title, state, edition, voted_edition, returns, sensitivity, version) \
             VALUES ({org}, {budget}, 2025, 'amending', 'Modificatif', 'draft', 1, 0, 0, 2, 1)"
        ),
        format!(
            "INSERT INTO budget_lines (organisation_id, id, budget_id, edition, position, section, direction, chapter, article, paragraph, \
             label_fr, label_en, function, funding, mandatory, executable, initial, sensitivity) VALUES ({org}, {line}, {budget}, 1, 1, \
             'operating', '{direction}', '{}', '{article}', '01', 'Don', 'Grant', '01.1', 'PTF', false, true, 1, 0)",
            &article[..2]
        ),
        format!("UPDATE budgets SET voted_edition = 1, state = 'approved', sensitivity = 0 WHERE id = {budget}"),
    ] {
        conn.batch_execute(&statement).expect("an amending budget");
    }
}

/// The certified request for the first tranche of a project whose agreement both sides signed.
fn certified(scene: &Scene<'_>, project: &str) -> String {
    scene.sign_both(project);
    let first = scene.requested(project, 1);
    scene.act("certifier", &first, "/certification", &json!({})).expect(200);
    first
}

on_both_engines! {
    Stage::Gathered, fn ac_53_money_through_a_treasury_waits_until_the_budget_of_the_commune_is_executable(town) {
        let budget = crate::budget::transmitted(town);
        town.on("2025-02-03");
        let scene = scene(town);
        let (project, purpose) = scene.approved("QIP-1", &json!({}));
        let agreed = scene.agree(&project, &treasury(town, "741", "631")).expect(201);
        let told = ["channel", "receiver/organisation_id", "receiver/revenue_article", "receiver/expenditure_article"];
        let told = told.map(|member| agreed.text(&format!("/{member}")));
        assert_eq!(told, ["treasury".to_owned(), town.commune_id().to_string(), "741".to_owned(), "631".to_owned()]);
        let first = certified(&scene, &project);
        let approve = || scene.act("mayor", &first, "/approval", &json!({}));
        // The council voted the budget; nobody approved it yet.
        let refused = approve().refused(422, "COMMUNE_BUDGET_LINE_MISSING").json();
        assert_eq!((&refused["facts"]["fiscal_year"], &refused["facts"]["missing"]), (&json!(2025), &json!(["revenue 741", "expenditure 631"])));
        assert_eq!(town.client("auditor").get(&first).expect(200).text("/state"), "certified", "nothing was stored");
        town.client("state-representative").act(&budget, "/approval", &json!({})).expect(200);
        approve().expect(200);
        // It is the year of the value date that counts.
        let last_year = json!({ "on": "2024-12-31", "bank_reference": "VIR-1" });
        let refused = scene.act("accountant", &first, "/payment", &last_year).refused(422, "COMMUNE_BUDGET_LINE_MISSING");
        assert_eq!(refused.text("/facts/fiscal_year"), "2024");
        assert!(scene.moved(&purpose, "disbursement").is_empty());
        scene.pay(&first).expect(200);
        assert_eq!(scene.moved(&purpose, "disbursement"), ["33576.00"]);
        town.verify().expect("the books are right");
    }

    Stage::Open, fn ac_53_an_amended_budget_lets_the_money_through(town) {
        let scene = scene(town);
        let (project, _) = scene.approved("QIP-1", &json!({}));
        let refused = |more: &Value, code: &str| drop(scene.agree(&project, more).refused(422, code));
        refused(&json!({ "channel": "treasury" }), "AGREEMENT_RECEIVER");
        refused(&json!({ "receiver": treasury(town, "741", "631")["receiver"] }), "AGREEMENT_RECEIVER");
        let prefecture = town.client("administrator").get("/v1/organisations?kind=state_representation").expect(200).text("/data/0/id");
        let other = json!({ "organisation_id": prefecture, "revenue_article": "741", "expenditure_article": "631" });
        refused(&json!({ "channel": "treasury", "receiver": other }), "AGREEMENT_RECEIVER");
        let nobody = json!({ "organisation_id": Uuid::new_v4(), "revenue_article": "741", "expenditure_article": "631" });
        scene.agree(&project, &json!({ "channel": "treasury", "receiver": nobody })).refused(404, "NOT_FOUND");
        // An agreement is not changed any more: what no budget could hold is refused at once.
        for (articles, pointer) in [(("799", "631"), "revenue"), (("631", "631"), "revenue"), (("741", "022"), "expenditure")] {
            let answer = scene.agree(&project, &treasury(town, articles.0, articles.1)).refused(422, "AGREEMENT_ARTICLE_UNKNOWN");
            assert_eq!(answer.text("/errors/0/pointer"), format!("/receiver/{pointer}_article"));
        }
        refused(&with(treasury(town, "741", "631"), &json!({ "account_ending": null })), "AGREEMENT_ACCOUNT");
        scene.agree(&project, &treasury(town, "771", "631")).expect(201);
        let first = certified(&scene, &project);
        let approve = || scene.act("mayor", &first, "/approval", &json!({}));
        let refused = approve().refused(422, "COMMUNE_BUDGET_LINE_MISSING").json();
        assert_eq!(refused["facts"]["missing"], json!(["revenue 771"]), "of two lines the budget has one");
        // The same article on the other side is another line.
        amend(town, "expenditure", "771");
        approve().refused(422, "COMMUNE_BUDGET_LINE_MISSING");
        amend(town, "revenue", "771");
        approve().expect(200);
        scene.pay(&first).expect(200);
        scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
    }

    Stage::Open, fn ac_53_what_goes_straight_to_the_partner_is_no_matter_of_a_budget(town) {
        let scene = scene(town);
        let before = town.client("auditor").get(&town.path("/fiscal-years/2025/budget-execution")).expect(200).json();
        let (project, _) = scene.active("QIP-1", &json!({}));
        let agreed = town.client("auditor").get(&format!("{project}/agreement")).expect(200).json();
        assert_eq!((&agreed["channel"], &agreed["receiver"]), (&json!("direct"), &Value::Null));
        let after = town.client("auditor").get(&town.path("/fiscal-years/2025/budget-execution")).expect(200).json();
        assert_eq!(after["sections"], before["sections"], "a memo, and no entry");
    }

    Stage::Open, fn ac_53_a_building_in_kind_becomes_an_asset_and_moves_no_money(town) {
        let scene = scene(town);
        let (project, purpose) = scene.approved("QIP-1", &json!({}));
        scene.agree(&project, &json!({ "channel": "in_kind" })).refused(422, "AGREEMENT_ACCOUNT");
        let agreed = scene.agree(&project, &in_kind()).expect(201);
        assert_eq!((agreed.text("/channel"), agreed.text("/account_ending")), ("in_kind".to_owned(), "----".to_owned()));
        scene.verify_account("accountant", &project).refused(422, "AGREEMENT_IN_KIND");
        scene.sign("council-registrar", &project, "partner").expect(200);
        scene.sign("mayor", &project, "funder").expect(200);
        assert_eq!(scene.state(&project), "contracted", "there is no account to verify");
        assert_eq!(town.client("auditor").get(&purpose).expect(200).json()["held"], json!(false), "the fund pays for what is given");
        let cash = || ["515", "521", "531"].map(|account| town.balance(account));
        let before = cash();
        scene.request(&project, 1).refused(422, "AGREEMENT_IN_KIND");
        // It begins with what was delivered, as somebody else saw.
        let start = || scene.act("finance-officer", &project, "/start", &json!({}));
        start().refused(422, "PAYMENT_MISSING");
        let delivery = json!({ "kind": "payment", "title": "Matériaux livrés", "due_on": "2025-06-01", "tranche": 1 });
        scene.act("finance-officer", &project, "/milestones", &delivery).expect(200);
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        start().refused(422, "PAYMENT_MISSING");
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        start().expect(200);
        scene.report(&project, "1", &json!({})).refused(422, "AGREEMENT_IN_KIND");
        scene.refund(&project, "1").refused(422, "AGREEMENT_IN_KIND");
        visit(&scene, &project, &json!({})).expect(200);
        plan(&scene, &project, "output", "Bâtiment").expect(200);
        bring(&scene, "finance-officer", &project, 2, 2).expect(200);
        verify(&scene, "certifier", &project, 2, "met", Value::Null).expect(200);
        scene.act("finance-officer", &project, "/completion", &json!({})).expect(200);
        let building = json!([{ "kind": "building", "description": "Salle de réunion", "quantity": 1, "unit_value": "25000000" }]);
        handover::draw_up(&scene, &project, &json!({ "assets": building })).expect(200);
        handover::sign(&scene, &project, "giver", "Coopérative", "2025-02-03").expect(200);
        handover::sign(&scene, &project, "recipient", "Commune", "2025-02-03").expect(200);
        scene.act("finance-officer", &project, "/handover", &json!({})).expect(200);
        let assets = town.client("auditor").get(&town.path("/assets")).expect(200).json();
        let told: Vec<(&Value, &Value)> = assets["data"].as_array().expect("assets").iter().map(|one| (&one["kind"], &one["value"])).collect();
        assert_eq!(told, [(&json!("building"), &json!("25000000"))]);
        assert_eq!(cash(), before, "no cash moved");
        let summary = town.client("auditor").get(&format!("{project}/finance-summary")).expect(200);
        assert_eq!(["disbursed", "accepted_expenditure", "rest"].map(|member| summary.text(&format!("/{member}"))), ["0.00", "0.00", "0.00"]);
        assert!(scene.moved(&purpose, "disbursement").is_empty());
        town.verify().expect("the books are right");
    }
}
