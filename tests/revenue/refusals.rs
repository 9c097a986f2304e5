//! What is refused, by whom, and why; and what nobody may do alone.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

fn owed_by(town: &Town) -> Value {
    json!({ "kind": "individual", "debtor_id": debtor(town, "RED-0042").expect(201).id() })
}

on_both_engines! {
    Stage::Open, fn an_order_is_drafted_on_what_it_fits(town) {
        let merchant = owed_by(town);
        let roll = json!({ "kind": "roll", "taxpayers": 10 });
        for (line, more) in [
            ("F-R-72-722-01", json!({ "kind": "individual" })),
            ("F-R-72-722-01", json!({ "kind": "individual", "debtor_id": merchant["debtor_id"], "taxpayers": 3 })),
            ("F-R-71-711-01", json!({ "kind": "roll" })),
            ("F-R-71-711-01", json!({ "kind": "roll", "taxpayers": 0 })),
            ("F-R-71-711-01", json!({ "kind": "roll", "taxpayers": 3, "debtor_id": merchant["debtor_id"] })),
            ("F-R-75-751-01", roll.clone()),
            ("F-R-71-711-01", json!({ "kind": "transfer" })),
            ("F-R-73-731-01", merchant.clone()),
            ("F-R-73-731-01", json!({ "kind": "recovery" })),
            ("F-R-73-731-01", json!({ "kind": "carried" })),
        ] {
            let refusal = draft(town, line, "1000", &more).refused(422, "REVENUE_ORDER_KIND_INVALID");
            let missing = match more["kind"].as_str() {
                Some("individual") if more["debtor_id"].is_null() => "/debtor_id",
                Some("roll") if more["taxpayers"].is_null() => "/taxpayers",
                _ => "/kind",
            };
            assert_eq!(refusal.pointers(), [missing], "{line} {more}");
        }
        for line in ["I-R-021-021-00", "F-D-60-602-01", "F-D-023-023-00"] {
            let refusal = draft(town, line, "1000", &merchant).refused(422, "REVENUE_ORDER_IMPUTATION_INVALID");
            assert_eq!(refusal.pointers(), ["/budget_line_id"], "{line}");
        }
        draft(town, "F-R-72-722-01", "0", &merchant).refused(422, "AMOUNT_ZERO");
        draft(town, "F-R-72-722-01", "1000", &json!({ "kind": "individual", "debtor_id": Uuid::new_v4() })).refused(404, "NOT_FOUND");
        debtor(town, "RED-0042").refused(409, "DEBTOR_DUPLICATE");
        let path = town.path(&format!("/debtors/{}", merchant["debtor_id"].as_str().expect("an id")));
        let finance = town.client("finance-officer");
        let key = Uuid::new_v4().to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str()), ("if-match", "\"1-json\"")];
        let closed = json!({ "name": "Aïssata Traoré", "active": false }).to_string();
        finance.send("PATCH", &path, &headers, closed.as_bytes()).expect(200);
        assert_eq!(finance.get(&path).text("/tax_number"), "null");
        let refusal = draft(town, "F-R-72-722-01", "1000", &merchant).refused(422, "DEBTOR_INACTIVE");
        assert_eq!(refusal.pointers(), ["/debtor_id"]);
        // Who owes is seen by those who need it.
        town.client("certifier").get(&path).refused(404, "NOT_FOUND");
        assert_eq!(town.client("auditor").get(&town.path("/debtors?q=aissata&kind=person&active=false")).text("/data/0/code"), "RED-0042");
        assert_eq!(town.client("auditor").get(&town.path("/debtors?active=true")).text("/data"), "[]");
    }

    Stage::Open, fn a_levy_is_ordered_only_as_the_council_voted_it(town) {
        let order = town.path(&format!("/revenue-orders/{}", draft(town, "F-R-72-722-01", "1000", &owed_by(town)).expect(201).id()));
        let mayor = town.client("mayor");
        let refusal = mayor.act(&order, "/issuance", &json!({})).refused(422, "REVENUE_ORDER_NOT_AUTHORISED");
        assert_eq!((refusal.text("/facts/article"), refusal.text("/facts/fiscal_year")), ("722".to_owned(), "2025".to_owned()));
        let moves = mayor.get(&format!("{order}/transitions")).expect(200);
        assert_eq!(moves.json()[0]["unmet"], json!(["REVENUE_ORDER_NOT_AUTHORISED"]));
        assert_eq!((moves.text("/0/operation"), moves.text("/0/permitted")), ("issue_revenue_order".to_owned(), "true".to_owned()));
        authorise(town, "731").refused(422, "LEVY_AUTHORISATION_INVALID");
        authorise(town, "799").refused(422, "LEVY_AUTHORISATION_INVALID");
        authorise(town, "722").expect(201);
        authorise(town, "722").refused(409, "LEVY_AUTHORISATION_DUPLICATE");
        let levies = |query: &str| town.stranger().get(&town.path(&format!("/levy-authorisations?{query}"))).expect(200).json()["data"].as_array().map(Vec::len);
        assert_eq!([levies("from=2024-11-30&to=2024-11-30"), levies("from=2024-12-01"), levies("to=2024-11-29")], [Some(1), Some(0), Some(0)]);
        assert_eq!(town.stranger().get(&town.path("/levy-authorisations?article=722&fiscal_year=2025")).text("/data/0/rate"), "1 500 F par imposable");
        assert_eq!(mayor.act(&order, "/issuance", &json!({})).expect(200).text("/number"), "T-2025-000001");
        mayor.act(&order, "/issuance", &json!({})).refused(409, "REVENUE_STATE_INVALID");
        // Rejected: no account moves, the number stays.
        let accountant = town.client("accountant");
        let rejected = accountant.act(&order, "/rejection", &json!({ "reason": "legal_basis", "text": "Délibération non approuvée" })).expect(200);
        assert_eq!((rejected.text("/state"), rejected.text("/rejection_reason")), ("rejected".to_owned(), "legal_basis".to_owned()));
        accountant.act(&order, "/acceptance", &json!({})).refused(409, "REVENUE_STATE_INVALID");
        receive(town, Some(&order), "1000").refused(409, "REVENUE_STATE_INVALID");
        assert_eq!(postings(town, "revenue"), Vec::<Vec<_>>::new());
        assert_eq!(line(town, "F-R-72-722-01")["issued"], "0");
        let listed = |query: &str| town.client("auditor").get(&town.path(&format!("/revenue-orders?{query}"))).expect(200).json()["data"].as_array().map(Vec::len);
        for query in ["state=rejected,issued", "article=722", "q=RECETTE", "amount_min=1000&amount_max=1000", "from=2025-02-03&to=2025-02-03", "kind=individual&fiscal_year=2025"] {
            assert_eq!(listed(query), Some(1), "{query}");
        }
        for query in ["state=accepted", "article=711", "q=loyer", "amount_min=1001", "from=2025-02-04", "kind=roll"] {
            assert_eq!(listed(query), Some(0), "{query}");
        }
        let refusal = town.client("auditor").get(&town.path("/revenue-orders?amount_min=1.5")).refused(400, "AMOUNT_INVALID");
        assert_eq!(refusal.pointers(), ["?amount_min"]);
    }

    Stage::Open, fn the_same_person_does_not_order_and_collect(town) {
        authorise(town, "722").expect(201);
        let order = issue(town, "F-R-72-722-01", "1000", &owed_by(town));
        // Who drafted it becomes the accountant.
        let admin = town.client("administrator");
        let roles = admin.get(&town.path("/role-assignments")).expect(200).json();
        let drafter = json!(town.person("finance-officer"));
        let held = roles["data"].as_array().expect("rows").iter().find(|row| row["principal_id"] == drafter).expect("held").clone();
        let end = town.path(&format!("/role-assignments/{}/end", held["id"].as_str().expect("id")));
        admin.act_on(&end, "\"1\"", &json!({ "valid_to": "2025-02-03" })).expect(200);
        let body = json!({ "principal_id": drafter, "role": "accountant", "valid_from": "2025-02-04" });
        admin.create(&town.path("/role-assignments"), &body).expect(201);
        town.on("2025-02-05");
        std::thread::sleep(std::time::Duration::from_millis(2100));
        let turned = town.client("finance-officer");
        turned.act(&order, "/acceptance", &json!({})).refused(403, "DUTIES_SAME_PERSON");
        turned.act(&order, "/rejection", &json!({ "reason": "amount", "text": "x" })).refused(403, "DUTIES_SAME_PERSON");
        let moves = turned.get(&format!("{order}/transitions")).expect(200).json();
        assert_eq!(moves[0]["unmet"], json!(["DUTIES_SAME_PERSON"]));
        town.client("accountant").act(&order, "/acceptance", &json!({})).expect(200);
        let money = json!({ "revenue_order_id": id(&order), "amount": "1000", "currency": "XOF", "mode": "cash" });
        turned.create(&town.path("/receipts"), &money).refused(403, "DUTIES_SAME_PERSON");
        let reduction = propose_reduction(town, &order, "1", None).expect(201);
        let path = town.path(&format!("/revenue-adjustments/{}", reduction.id()));
        turned.act(&path, "/acceptance", &json!({})).refused(403, "DUTIES_SAME_PERSON");
    }

    Stage::Open, fn an_adjustment_keeps_to_its_order_its_line_and_its_authority(town) {
        authorise(town, "722").expect(201);
        authorise(town, "711").expect(201);
        let rent = order(town, "F-R-72-722-01", "200000", &owed_by(town));
        let refusal = propose_reduction(town, &rent, "200001", None).refused(422, "REVENUE_ADJUSTMENT_EXCEEDS_OUTSTANDING");
        assert_eq!(refusal.text("/facts/outstanding"), "200000");
        let refusal = propose_reduction(town, &rent, "1", Some("F-D-65-652-01")).refused(422, "REVENUE_ADJUSTMENT_LINE_INVALID");
        assert_eq!((refusal.text("/facts/expected"), refusal.pointers()), ("652".to_owned(), vec!["/budget_line_id".to_owned()]));
        let refusal = propose_write_off(town, &rent, "1").refused(422, "WRITE_OFF_TOO_EARLY");
        assert_eq!(refusal.text("/facts/first_year"), "2026");
        let waive = |order: &str, line: &str| {
            let body = json!({ "amount": "1000", "currency": "XOF", "reason": "Indigence", "budget_line_id": town.line(line) });
            town.client("mayor").act(order, "/waivers", &body)
        };
        let roll = order(town, "F-R-71-711-01", "1000", &json!({ "kind": "roll", "taxpayers": 1 }));
        assert_eq!(waive(&roll, "F-D-65-651-01").refused(422, "WAIVER_OF_TAX").text("/facts/article"), "711");
        let refusal = waive(&rent, "F-D-65-651-01").refused(422, "REVENUE_ADJUSTMENT_LINE_INVALID");
        assert_eq!(refusal.text("/facts/expected"), "653");
        // The one decides who is named.
        let reduction = propose_reduction(town, &rent, "25000", None).expect(201);
        let refusal = decide(town, &reduction, "granted").refused(403, "REVENUE_ADJUSTMENT_DECIDER");
        assert_eq!(refusal.text("/facts/decider"), "accountant");
        let arrears = carried(town, "RAR-2024", "1600000");
        let proposed = propose_write_off(town, &arrears, "600000").expect(201);
        accept_adjustment(town, &proposed).refused(403, "REVENUE_ADJUSTMENT_DECIDER");
        // Money that came since the proposal, and credit that is not there, stand against the decision.
        let second = propose_write_off(town, &arrears, "600001").expect(201);
        decide(town, &second, "granted").refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        decide(town, &proposed, "granted").expect(200);
        receive(town, Some(&rent), "180000").expect(201);
        accept_adjustment(town, &reduction).refused(422, "REVENUE_ADJUSTMENT_EXCEEDS_OUTSTANDING");
        // A debt of an earlier year is charged.
        propose_reduction(town, &arrears, "100000", None).refused(422, "REVENUE_ADJUSTMENT_LINE_INVALID");
        propose_reduction(town, &arrears, "100000", Some("F-D-65-651-01")).refused(422, "REVENUE_ADJUSTMENT_LINE_INVALID");
        let prior = propose_reduction(town, &arrears, "100000", Some("F-D-65-652-01")).expect(201);
        accept_adjustment(town, &prior).expect(200);
        assert_eq!(postings(town, "expenditure")[1], vec![posting("652", "debit", "100000"), posting("411", "credit", "100000")]);
        assert_eq!(sums(town, &arrears), ["accepted", "100000", "0", "600000", "900000", "0"]);
        let listed = town.client("auditor").get(&town.path("/revenue-adjustments?kind=reduction&state=granted&q=boutique&amount_min=100000")).expect(200);
        assert_eq!(listed.json()["data"].as_array().map(Vec::len), Some(1));
    }

    Stage::Open, fn carried_receivables_stay_within_the_opening_balance(town) {
        let refusal = carry(town, "RAR-1", "1600001").refused(422, "CARRIED_RECEIVABLES_EXCEED_BALANCE");
        assert_eq!((refusal.text("/facts/items"), refusal.text("/facts/balance")), ("1600001".to_owned(), "1600000".to_owned()));
        carry(town, "RAR-1", "1000000").expect(201);
        carry(town, "RAR-1", "1").refused(409, "CARRIED_RECEIVABLE_DUPLICATE");
        carry(town, "RAR-2", "600001").refused(422, "CARRIED_RECEIVABLES_EXCEED_BALANCE");
        let path = town.path("/fiscal-years/2025/carried-receivables");
        let with = |member: &str, value: Value| {
            let mut item = json!({ "account": "411", "reference": "RAR-3", "amount": "1", "since_year": 2024 });
            item[member] = value;
            town.client("accountant").create(&path, &json!({ "currency": "XOF", "receivables": [item] }))
        };
        assert_eq!(with("since_year", json!(2025)).refused(422, "CARRIED_RECEIVABLE_YEAR").pointers(), ["/receivables/0/since_year"]);
        assert_eq!(with("article", json!("601")).refused(422, "CARRIED_RECEIVABLE_ARTICLE").pointers(), ["/receivables/0/article"]);
        with("account", json!("441")).refused(422, "CARRIED_RECEIVABLES_EXCEED_BALANCE");
        with("account", json!("999")).refused(422, "CARRIED_RECEIVABLES_EXCEED_BALANCE");
        town.client("accountant").create(&path, &json!({ "currency": "XOF", "receivables": [] })).refused(400, "REQUEST_BODY_INVALID");
        let plain = with("reference", json!("RAR-4")).expect(201);
        assert_eq!(plain.text("/revenue_orders/0/since_year"), "2024");
        assert_eq!(town.balance("411")["closing_debit"], "1600000", "no account moves");
        // What is known of no article may be a tax.
        let order = town.path(&format!("/revenue-orders/{}", plain.text("/revenue_orders/0/id")));
        let body = json!({ "amount": "1", "currency": "XOF", "reason": "x", "budget_line_id": town.line("F-D-65-651-01") });
        town.client("mayor").act(&order, "/waivers", &body).refused(422, "WAIVER_OF_TAX");
    }

    Stage::Open, fn money_comes_on_a_day_of_an_open_year(town) {
        let on = |day: &str| {
            let body = json!({ "amount": "100", "currency": "XOF", "mode": "transfer", "received_on": day });
            town.client("accountant").create(&town.path("/receipts"), &body)
        };
        assert_eq!(on("2025-02-04").refused(422, "DATE_IN_FUTURE").pointers(), ["/received_on"]);
        assert_eq!(on("2024-12-31").refused(422, "DATE_OUT_OF_YEAR").pointers(), ["/received_on"]);
        let receipt = on("2025-01-15").expect(201);
        let entry = town.client("auditor").get(&town.path(&format!("/entries/{}", receipt.text("/entry_id")))).expect(200);
        assert_eq!(entry.text("/accounting_date"), "2025-01-15");
        receive(town, Some("/x/00000000-0000-7000-8000-000000000000"), "1").refused(404, "NOT_FOUND");
    }

    Stage::Open, fn the_database_itself_keeps_debts_and_receipts(town) {
        every_act(town);
        let mut conn = town.connection();
        for statement in [
            "UPDATE receipts SET amount = amount + 1",
            "DELETE FROM receipts",
            "UPDATE refunds SET amount = amount + 1",
            "DELETE FROM receipt_cancellations",
            "UPDATE receivables SET collected = amount + 1",
            "UPDATE receivables SET recovered = written_off + 1",
            "UPDATE revenue_executions SET collected = ordered + 1",
            "UPDATE revenue_movements SET amount = amount + 1",
            "UPDATE revenue_adjustments SET decided_by = proposed_by",
            "UPDATE levy_authorisations SET rate = 'x'",
            "UPDATE transfer_notifications SET amount = 1",
        ] {
            assert!(conn.batch_execute(statement).is_err(), "{statement}");
        }
    }
}

#[test]
fn verification_finds_a_debt_that_was_changed() {
    let town = Town::on_sqlite(Stage::Open);
    every_act(&town);
    let mut conn = town.connection();
    conn.batch_execute("CREATE TABLE tampered (x integer); UPDATE receivables SET collected = collected - 1 WHERE collected > 1")
        .expect("done");
    let found = town.verify().expect_err("a difference");
    assert!(found.contains("revenue order"), "{found}");
    conn.batch_execute("UPDATE receivables SET collected = collected + 1 WHERE collected > 0; UPDATE revenue_executions SET ordered = ordered + 1 WHERE ordered > 0")
        .expect("done");
    let found = town.verify().expect_err("a difference");
    assert!(found.contains("lines of revenue"), "{found}");
}
