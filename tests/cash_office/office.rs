//! The offices themselves: founded, inspected, listed, closed; and what holds beneath the API.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{founded, id_of, imprest, imprest_terms, inspect, member, played, rows, spend, transfer, warnings};
use crate::audit::{found, missed};
use crate::expenditure::posting;
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn an_office_is_founded_on_an_act_and_closed_empty(town) {
        let mayor = town.client("mayor");
        let found = |change: &[(&str, Value)]| {
            let mut body = imprest_terms(town, "300000");
            for (name, value) in change {
                body[*name] = value.clone();
            }
            mayor.create(&town.path("/cash-offices"), &body)
        };
        for (change, pointer) in [
            (("max_unit_expense", Value::Null), "/max_unit_expense"),
            (("max_unit_expense", json!("300001")), "/max_unit_expense"),
            (("allowed_articles", json!([])), "/allowed_articles"),
            (("kind", json!("collection")), "/max_unit_expense"),
            (("deputy_id", json!(town.person("cash-officer"))), "/deputy_id"),
        ] {
            assert_eq!(found(&[change]).refused(422, "CASH_OFFICE_TERMS_INVALID").pointers(), [pointer]);
        }
        for (change, pointer) in [("cash_officer_id", "/cash_officer_id"), ("deputy_id", "/deputy_id")] {
            for nobody in [json!(town.person("certifier")), json!(Uuid::new_v4())] {
                let refusal = found(&[(change, nobody)]).refused(422, "CASH_OFFICE_OFFICER_INVALID");
                assert_eq!(refusal.pointers(), [pointer]);
            }
        }
        for article in ["711", "999", "022"] {
            let refusal = found(&[("allowed_articles", json!(["601", article]))]).refused(422, "CASH_OFFICE_ARTICLE_UNKNOWN");
            assert_eq!(refusal.pointers(), ["/allowed_articles/1"], "{article}");
        }
        assert_eq!(found(&[("act_date", json!("2025-02-04"))]).refused(422, "DATE_IN_FUTURE").pointers(), ["/act_date"]);
        assert_eq!(found(&[("ceiling", json!("0"))]).refused(422, "AMOUNT_ZERO").pointers(), ["/ceiling"]);
        assert_eq!(found(&[("bond", json!("-1"))]).refused(400, "AMOUNT_INVALID").pointers(), ["/bond"]);
        assert_eq!(rows(town, "/cash-offices"), Vec::<Value>::new());

        let office = founded(town, &imprest_terms(town, "300000"));
        let transitions = |who: &str| {
            let listed = town.client(who).get(&format!("{office}/transitions")).expect(200).json();
            let one = |row: &Value| (row["operation"].as_str().expect("text").to_owned(), row["permitted"] == true, row["unmet"].clone());
            listed.as_array().expect("rows").iter().map(one).collect::<Vec<_>>()
        };
        let named = |name: &str, permitted: bool, unmet: Value| (name.to_owned(), permitted, unmet);
        assert_eq!(
            transitions("accountant"),
            [named("activate_cash_office", true, json!([])), named("close_cash_office", false, json!([]))]
        );
        let reason = json!({ "reason": "Fin de l'activité" });
        mayor.act(&office, "/suspension", &reason).refused(409, "CASH_OFFICE_STATE_INVALID");
        town.client("accountant").act(&office, "/activation", &json!({})).expect(200);
        town.client("accountant").act(&office, "/activation", &json!({})).refused(409, "CASH_OFFICE_STATE_INVALID");
        transfer(town, &office, "/advances", "100000").expect(201);
        assert_eq!(
            transitions("mayor"),
            [named("suspend_cash_office", true, json!([])), named("close_cash_office", true, json!(["CASH_OFFICE_NOT_EMPTY"]))]
        );
        let refusal = mayor.act(&office, "/closure", &reason).refused(409, "CASH_OFFICE_NOT_EMPTY");
        assert_eq!((refusal.text("/facts/held"), refusal.text("/facts/tickets")), ("100000".to_owned(), "0".to_owned()));
        assert_eq!(mayor.act(&office, "/suspension", &reason).expect(200).text("/state_reason"), "Fin de l'activité");
        transfer(town, &office, "/returns", "100000").expect(201);
        mayor.act(&office, "/closure", &reason).expect(200);
        assert_eq!(town.balance("541")["closing_debit"], "0");
        for action in ["/closure", "/suspension"] {
            mayor.act(&office, action, &reason).refused(409, "CASH_OFFICE_STATE_INVALID");
        }
        mayor.act(&office, "/appointment", &json!({ "cash_officer_id": town.person("cash-officer") })).refused(409, "CASH_OFFICE_STATE_INVALID");
        for action in ["/advances", "/returns"] {
            transfer(town, &office, action, "1").refused(409, "CASH_OFFICE_CLOSED");
        }
        inspect(town, &office, "0").refused(409, "CASH_OFFICE_CLOSED");
        let count = |query: &str| rows(town, &format!("/cash-offices?{query}")).len();
        assert_eq!((count("q=REGIE"), count("q=marche")), (1, 0));
        let officer = town.person("cash-officer");
        assert_eq!((count("state=closed"), count("state=active"), count("kind=imprest"), count("kind=collection")), (1, 0, 1, 0));
        assert_eq!((count(&format!("cash_officer_id={officer}")), count(&format!("cash_officer_id={}", town.person("mayor")))), (1, 0));
        assert_eq!(town.client("partner-system").get(&town.path("/cash-offices")).expect(200).json()["data"], json!([]), "internal");
    }

    Stage::Open, fn an_inspection_posts_what_is_missing_or_too_much(town) {
        let office = imprest(town, "300000");
        transfer(town, &office, "/advances", "100000").expect(201);
        spend(town, &office, "30000", 10).expect(201);
        let even = inspect(town, &office, "70000").expect(201);
        assert_eq!(["/number", "/expected", "/shortage", "/surplus", "/entry_id"].map(|name| even.text(name)), ["IR-2025-000001", "70000", "0", "0", "null"]);
        let missing = inspect(town, &office, "60000").expect(201);
        assert_eq!((missing.text("/shortage"), missing.text("/cash_officer_id")), ("10000".to_owned(), town.person("cash-officer").to_string()));
        let entry = town.client("auditor").get(&town.path(&format!("/entries/{}", missing.text("/entry_id")))).expect(200).json();
        let lines = |entry: &Value| -> Vec<(String, String, String)> {
            let text = |line: &Value, name: &str| line[name].as_str().expect("text").to_owned();
            let lines = entry["postings"].as_array().expect("lines").iter();
            lines.map(|line| (text(line, "account"), text(line, "side"), text(line, "amount"))).collect()
        };
        assert_eq!(lines(&entry), [posting("462", "debit", "10000"), posting("541", "credit", "10000")]);
        assert_eq!(["held", "in_hand"].map(|name| member(town, &office, name)), ["90000", "60000"]);
        let surplus = inspect(town, &office, "60500").expect(201);
        assert_eq!(surplus.text("/surplus"), "500");
        let entry = town.client("auditor").get(&town.path(&format!("/entries/{}", surplus.text("/entry_id")))).expect(200).json();
        assert_eq!(lines(&entry), [posting("515", "debit", "500"), posting("471", "credit", "500")]);
        assert_eq!(member(town, &office, "held"), "90000", "the accountant took it away");
        assert_eq!(rows(town, "/cash-inspections?from=2025-02-03&to=2025-02-03").len(), 3);
        assert_eq!((rows(town, "/cash-inspections?fiscal_year=2024").len(), rows(town, "/cash-inspections?from=2025-02-04").len()), (0, 0));
        assert_eq!(rows(town, &format!("/cash-inspections?cash_office_id={}", id_of(&office))).len(), 3);
        // What is missing is owed by the cash officer, and advanced again.
        transfer(town, &office, "/advances", "10000").expect(201);
        inspect(town, &office, "-1").refused(400, "AMOUNT_INVALID");
    }

    Stage::Open, fn an_office_that_nobody_inspected_for_a_year_says_so(town) {
        let office = imprest(town, "300000");
        assert_eq!(warnings(town, &office), json!([]));
        town.on("2025-12-01");
        inspect(town, &office, "0").expect(201);
        town.on("2026-12-01");
        assert_eq!(warnings(town, &office), json!([]));
        town.on("2026-12-02");
        assert_eq!(warnings(town, &office), json!(["CASH_OFFICE_NOT_INSPECTED"]));
        let listed = rows(town, "/cash-offices");
        assert_eq!(listed[0]["warnings"], json!(["CASH_OFFICE_NOT_INSPECTED"]));
    }

    Stage::Open, fn movements_are_listed_by_office_kind_day_and_amount(town) {
        let (office, other) = (imprest(town, "300000"), imprest(town, "300000"));
        transfer(town, &office, "/advances", "100000").expect(201);
        transfer(town, &other, "/advances", "5000").expect(201);
        town.on("2025-02-10");
        transfer(town, &office, "/returns", "40000").expect(201);
        let count = |query: &str| rows(town, &format!("/cash-movements?{query}")).len();
        assert_eq!((count(""), count("kind=advance"), count("kind=return,deposit"), count("kind=shortage")), (3, 2, 1, 0));
        assert_eq!((count("from=2025-02-04"), count("to=2025-02-09"), count("fiscal_year=2024")), (1, 2, 0));
        assert_eq!((count("amount_min=40000"), count("amount_max=40000"), count("amount_min=40000&amount_max=40000")), (2, 2, 1));
        assert_eq!(count(&format!("cash_office_id={}", id_of(&other))), 1);
        let page = town.client("auditor").get(&town.path("/cash-movements?limit=2")).expect(200);
        let rest = town.path(&format!("/cash-movements?limit=2&after={}", page.text("/page/next")));
        assert_eq!(town.client("auditor").get(&rest).expect(200).json()["data"].as_array().map(Vec::len), Some(1));
        let one = rows(town, "/cash-movements?kind=return")[0].clone();
        let read = town.path(&format!("/cash-movements/{}", one["id"].as_str().expect("an id")));
        assert_eq!(town.client("auditor").get(&read).expect(200).json(), one);
    }

    Stage::Open, fn the_database_itself_keeps_offices_within_their_limits(town) {
        played(town);
        let mut conn = town.connection();
        for statement in [
            "UPDATE cash_offices SET held = ceiling + 1",
            "UPDATE cash_offices SET held = -1",
            "UPDATE cash_offices SET spent = held + 1 WHERE kind = 'imprest'",
            "UPDATE cash_offices SET held = standing_advance + 1 WHERE kind = 'imprest'",
            "UPDATE cash_offices SET deputy_id = cash_officer_id",
            "UPDATE cash_offices SET max_unit_expense = NULL WHERE kind = 'imprest'",
            "UPDATE cash_offices SET state = 'closed' WHERE held > 0",
            "UPDATE cash_movements SET amount = amount + 1",
            "DELETE FROM cash_movements",
            "UPDATE cash_inspections SET counted = counted + 1",
            "DELETE FROM cash_inspections",
            "DELETE FROM justification_slip_expenses",
            "UPDATE justification_slips SET decided_by = signed_by WHERE state = 'accepted'",
            "UPDATE ticket_movements SET last_number = last_number + 1",
            "DELETE FROM ticket_movements",
            "UPDATE ticket_ranges SET first_number = 1, last_number = 1",
            "UPDATE ticket_ranges SET last_number = first_number - 1",
            "UPDATE ticket_ranges SET cash_office_id = NULL WHERE state = 'sold'",
        ] {
            assert!(conn.batch_execute(statement).is_err(), "{statement}");
        }
    }

    Stage::Open, fn verification_finds_what_was_changed_behind_the_offices(town) {
        played(town);
        town.verify().expect("the books verify");
        let imprest = "kind = 'imprest'";
        found(
            town,
            "cash_offices",
            &format!("UPDATE cash_offices SET held = held + 1 WHERE {imprest}"),
            &format!("UPDATE cash_offices SET held = held - 1 WHERE {imprest}"),
            &["cash office", "movements sum to"],
        );
        found(
            town,
            "cash_offices",
            &format!("UPDATE cash_offices SET spent = 1 WHERE {imprest}"),
            &format!("UPDATE cash_offices SET spent = 0 WHERE {imprest}"),
            &["1 spent", "sum to 0"],
        );
        found(
            town,
            "cash_movements",
            "UPDATE cash_movements SET amount = amount + 1 WHERE kind = 'return'",
            "UPDATE cash_movements SET amount = amount - 1 WHERE kind = 'return'",
            &["a movement of 9001", "its entry of 9000"],
        );
        missed(town, "cash_movements", "kind = 'deposit'", &["cash office", "movements sum to"]);
        missed(town, "cash_inspections", "number = 1", &["numbers of cash_inspection"]);
        found(
            town,
            "imprest_expenses",
            "UPDATE imprest_expenses SET amount = amount + 1 WHERE state = 'justified'",
            "UPDATE imprest_expenses SET amount = amount - 1 WHERE state = 'justified'",
            &["justification slip", "expenses sum to"],
        );
        found(
            town,
            "justification_slips",
            "UPDATE justification_slips SET state = 'submitted' WHERE state = 'accepted'",
            "UPDATE justification_slips SET state = 'accepted' WHERE state = 'submitted'",
            &["0 accepted, 40000 justified"],
        );
        found(
            town,
            "ticket_ranges",
            "UPDATE ticket_ranges SET last_number = last_number + 1 WHERE state = 'sold'",
            "UPDATE ticket_ranges SET last_number = last_number - 1 WHERE state = 'sold'",
            &["number 31 stands twice"],
        );
        found(
            town,
            "ticket_ranges",
            "UPDATE ticket_ranges SET state = 'returned' WHERE state = 'lost'",
            "UPDATE ticket_ranges SET state = 'lost' WHERE first_number = 41",
            &["tickets stand at"],
        );
        missed(town, "ticket_movements", "to_state = 'lost'", &["tickets stand at"]);
    }
}
