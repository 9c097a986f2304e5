//! The ledger: opening balances, trial balance, entries that never change.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use crate::budget::draft;
use crate::expenditure::{commit_fuel, transmit_order, verify};
use crate::harness::{Stage, Town};
use crate::on_both_engines;

fn year(town: &Town) -> String {
    town.path("/fiscal-years/2025")
}

fn open(town: &Town, lines: Value, debts: Value) -> crate::harness::Answer {
    let body = json!({ "currency": "XOF", "lines": lines, "carried_debts": debts });
    town.client("accountant").act(&year(town), "/opening-balances", &body)
}

fn line(account: &str, side: &str, amount: &str) -> Value {
    json!({ "account": account, "side": side, "amount": amount })
}

on_both_engines! {
    Stage::Gathered, fn a_year_opens_once_with_balances_that_balance(town) {
        draft(town);
        let supplier = town.client("accountant").create(&town.path("/suppliers"), &json!({ "code": "S", "name": "S" })).expect(201).id();
        let debt = |amount: &str| json!([{ "account": "401", "supplier_id": supplier, "reference": "M-2024-000001", "amount": amount }]);
        let unbalanced = json!([line("515", "debit", "100"), line("12", "credit", "99")]);
        let refusal = open(town, unbalanced, json!([])).refused(422, "LEDGER_UNBALANCED");
        assert_eq!((refusal.text("/facts/debit"), refusal.text("/facts/credit")), ("100".to_owned(), "99".to_owned()));
        open(town, json!([line("602", "debit", "100"), line("12", "credit", "100")]), json!([])).refused(422, "LEDGER_OPENING_CLASS");
        open(town, json!([line("599", "debit", "100"), line("12", "credit", "100")]), json!([])).refused(422, "LEDGER_ACCOUNT_UNKNOWN");
        let good = json!([line("515", "debit", "500"), line("401", "credit", "200"), line("12", "credit", "300")]);
        open(town, good.clone(), debt("199")).refused(422, "LEDGER_CARRIED_DEBT_MISMATCH");
        open(town, good.clone(), debt("201")).refused(422, "LEDGER_CARRIED_DEBT_MISMATCH");
        assert_eq!(town.client("auditor").get(&year(town)).text("/state"), "preparation", "a refused opening leaves nothing");
        assert_eq!(town.client("auditor").get(&format!("{}/trial-balance", year(town))).expect(200).json()["accounts"], json!([]));
        town.client("mayor").act(&year(town), "/opening-balances", &json!({ "currency": "XOF", "lines": [] })).refused(403, "ROLE_MISSING");
        assert_eq!(open(town, good.clone(), debt("200")).expect(200).text("/state"), "open");
        open(town, good, debt("200")).refused(409, "FISCAL_YEAR_OPEN");
        let balance = town.client("auditor").get(&format!("{}/trial-balance", year(town))).expect(200);
        assert_eq!(balance.text("/totals/opening_debit"), "500");
        assert_eq!(balance.text("/totals/closing_credit"), "500");
        assert_eq!(balance.text("/balanced"), "true");
        let entries = town.client("auditor").get(&format!("{}/entries", year(town))).expect(200);
        assert_eq!((entries.text("/data/0/journal"), entries.text("/data/0/accounting_date")), ("opening".to_owned(), "2025-01-01".to_owned()));
    }

    Stage::Gathered, fn nothing_is_committed_before_approval_and_opening(town) {
        let budget = draft(town);
        let finance = town.client("finance-officer");
        finance.put_lines(&budget, "", "text/csv", crate::budget::SAMPLE.as_bytes()).expect(200);
        let lines = finance.get(&format!("{budget}/lines")).expect(200).json()["lines"].as_array().expect("lines").clone();
        let fuel = lines.iter().find(|line| line["code"] == "F-D-60-602-01").expect("fuel")["id"].clone();
        let supplier = finance.create(&town.path("/suppliers"), &json!({ "code": "S", "name": "S" })).expect(201).id();
        let body = json!({ "budget_line_id": fuel, "supplier_id": supplier, "label": "x", "amount": "1", "currency": "XOF" });
        town.client("mayor").create(&town.path("/commitments"), &body).refused(409, "BUDGET_NOT_EXECUTABLE");
        finance.get(&format!("{}/budget-execution", year(town))).refused(409, "BUDGET_NOT_EXECUTABLE");
    }

    Stage::Open, fn the_general_ledger_of_an_account_lists_what_moved_it(town) {
        let commitment = town.path(&format!("/commitments/{}", commit_fuel(town, "850000").expect(201).id()));
        let verification = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-1", "850000").expect(201).id()));
        town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        let order = transmit_order(town, &verification, "850000");
        town.on("2025-02-10");
        town.client("accountant").act(&order, "/acceptance", &json!({})).expect(200);
        let auditor = town.client("auditor");
        let count = |path: &str| auditor.get(&format!("{}{path}", year(town))).expect(200).json()["data"].as_array().expect("rows").len();
        assert_eq!(count("/accounts/602/entries"), 1);
        assert_eq!(count("/accounts/401/entries"), 2, "the opening and the acceptance");
        assert_eq!(count("/accounts/401/entries?from=2025-02-01&to=2025-02-28"), 1);
        assert_eq!(count("/accounts/401/entries?from=2025-02-11"), 0);
        assert_eq!(count("/entries?journal=expenditure&account=602"), 1);
        assert_eq!(count("/accounts/6021/entries"), 0);
        town.stranger().get(&format!("{}/entries", year(town))).refused(401, "TOKEN_MISSING");
        let partner = town.client("partner-system");
        partner.get(&format!("{}/entries", year(town))).refused(403, "ROLE_MISSING");
        partner.get(&format!("{}/trial-balance", year(town))).refused(403, "ROLE_MISSING");
        partner.get(&format!("{}/budget-execution", year(town))).expect(200);
        assert_eq!(partner.get(&town.path("/commitments")).expect(200).json()["data"], json!([]), "commitments are internal");
    }

    Stage::Open, fn the_database_itself_refuses_to_change_what_is_posted_or_to_overspend(town) {
        commit_fuel(town, "850000").expect(201);
        let mut conn = town.connection();
        for statement in [
            "UPDATE entries SET total = total + 1",
            "DELETE FROM entries",
            "UPDATE postings SET debit = debit + 1 WHERE debit > 0",
            "DELETE FROM postings",
            "UPDATE appropriations SET committed = initial + increased - decreased + carried_forward + 1 WHERE article = '602'",
            "UPDATE appropriations SET verified = committed + 1 WHERE article = '602'",
            "UPDATE appropriations SET paid = 1 WHERE article = '602'",
            "UPDATE line_executions SET paid = committed + 1",
            "UPDATE commitments SET verified = amount + 1",
            "UPDATE audit_heads SET positioned = sequence + 1",
        ] {
            assert!(conn.batch_execute(statement).is_err(), "{statement}");
        }
        let copied = "INSERT INTO commitments SELECT organisation_id, id, fiscal_year, number, budget_line_id, section, article, supplier_id, \
                      label, committed_on, amount, verified, state, committed_by, recorded_at, sensitivity, version FROM commitments";
        assert!(conn.batch_execute(copied).is_err(), "a number is given once");
    }
}
