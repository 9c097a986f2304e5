//! The ledger: opening balances, trial balance, entries that never change.

pub mod import;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use crate::budget::draft;
use crate::expenditure::{commit_fuel, transmit_order, verify};
use crate::harness::{Answer, Stage, Town};
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
        ] {
            assert!(conn.batch_execute(statement).is_err(), "{statement}");
        }
        let copied = "INSERT INTO commitments SELECT organisation_id, id, fiscal_year, number, budget_line_id, section, article, supplier_id, \
                      label, committed_on, amount, verified, state, committed_by, recorded_at, sensitivity, version FROM commitments";
        assert!(conn.batch_execute(copied).is_err(), "a number is given once");
    }
}

/// Records an entry of the accountant's own.
fn record(town: &Town, date: &str, lines: Value) -> Answer {
    let body = json!({
        "journal": "treasury", "accounting_date": date, "label": "Approvisionnement de la caisse", "currency": "XOF",
        "lines": lines, "document_sha256": "c".repeat(64),
    });
    town.client("accountant").create(&format!("{}/entries", year(town)), &body)
}

/// Cash taken from the Treasury: T1.
fn to_cash(amount: &str) -> Value {
    json!([line("531", "debit", amount), line("515", "credit", amount)])
}

/// The trial balance, looked back at by a query.
fn trial(town: &Town, query: &str) -> Value {
    town.client("auditor").get(&format!("{}/trial-balance{query}", year(town))).expect(200).json()
}

/// The closing balance of an account in a trial balance: debit and credit.
fn closing(balance: &Value, account: &str) -> (String, String) {
    let rows = balance["accounts"].as_array().expect("accounts");
    let text = |row: &Value, member: &str| row[member].as_str().expect("text").to_owned();
    let found = rows.iter().find(|row| row["account"] == account);
    found.map_or(("0".to_owned(), "0".to_owned()), |row| (text(row, "closing_debit"), text(row, "closing_credit")))
}

on_both_engines! {
    Stage::Open, fn an_entry_is_reversed_once_by_its_opposite(town) {
        town.on("2025-03-10");
        let entry = record(town, "2025-03-05", to_cash("50000")).expect(201);
        assert_eq!(closing(&trial(town, ""), "531").0, "50000");
        let path = town.path(&format!("/entries/{}", entry.id()));
        let accountant = town.client("accountant");
        let why = json!({ "reason": "Montant inexact", "accounting_date": "2025-03-09" });
        let reversal = accountant.create(&format!("{path}/reversal"), &why).expect(201);
        assert_eq!(reversal.text("/reverses_id"), entry.text("/id"));
        assert_eq!(reversal.json()["postings"][0]["side"], "credit", "the opposite, line by line");
        assert_eq!(reversal.json()["postings"][0]["account"], "531");
        assert_eq!(closing(&trial(town, ""), "531").0, "0");
        accountant.create(&format!("{path}/reversal"), &why).refused(409, "LEDGER_ENTRY_REVERSED");
        let back = town.path(&format!("/entries/{}/reversal", reversal.id()));
        accountant.create(&back, &why).refused(409, "LEDGER_ENTRY_REVERSED");
        let opening = accountant.get(&format!("{}/entries?journal=opening", year(town))).expect(200).text("/data/0/id");
        accountant.create(&town.path(&format!("/entries/{opening}/reversal")), &why).refused(409, "LEDGER_ENTRY_SOURCED");
        town.client("mayor").create(&format!("{path}/reversal"), &why).refused(403, "ROLE_MISSING");
    }

    Stage::Open, fn the_accountants_own_entries_keep_off_the_accounts_of_documents(town) {
        for account in ["602", "714", "401", "411", "541", "471", "4047"] {
            let lines = json!([line(account, "debit", "100"), line("515", "credit", "100")]);
            let refusal = record(town, "2025-02-03", lines).refused(422, "LEDGER_ACCOUNT_RESERVED");
            assert_eq!(refusal.text("/facts/account"), account);
        }
        record(town, "2025-02-03", json!([line("531", "debit", "100"), line("515", "credit", "99")])).refused(422, "LEDGER_UNBALANCED");
        record(town, "2025-02-03", json!([line("999", "debit", "100"), line("515", "credit", "100")])).refused(422, "LEDGER_ACCOUNT_UNKNOWN");
        record(town, "2025-02-03", json!([])).refused(400, "REQUEST_BODY_INVALID");
        let most = "1000000000000000";
        let beyond = json!([line("531", "debit", most), line("531", "debit", most), line("515", "credit", most), line("515", "credit", most)]);
        record(town, "2025-02-03", beyond).refused(422, "LEDGER_ENTRY_INVALID");
        record(town, "2024-12-31", to_cash("100")).refused(422, "DATE_OUT_OF_YEAR");
        record(town, "2025-02-04", to_cash("100")).refused(422, "DATE_IN_FUTURE");
        town.client("accountant").create(&town.path("/fiscal-years"), &json!({ "fiscal_year": 2026 })).expect(201);
        let body = json!({
            "journal": "treasury", "label": "x", "currency": "XOF", "lines": to_cash("100"), "document_sha256": "c".repeat(64),
        });
        let closed = town.client("accountant").create(&town.path("/fiscal-years/2026/entries"), &body);
        closed.refused(409, "LEDGER_PERIOD_CLOSED");
    }

    Stage::Open, fn balances_are_told_as_of_a_date_and_as_known_at_an_instant(town) {
        town.on("2025-03-10");
        let before = chrono::Utc::now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        record(town, "2025-02-10", to_cash("100000")).expect(201);
        let between = chrono::Utc::now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        record(town, "2025-03-10", to_cash("30000")).expect(201);
        let at = |instant: chrono::DateTime<chrono::Utc>| instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        assert_eq!(closing(&trial(town, ""), "531").0, "130000");
        assert_eq!(closing(&trial(town, "?as_of=2025-03-09"), "531").0, "100000");
        assert_eq!(closing(&trial(town, "?as_of=2025-02-09"), "531").0, "0");
        assert_eq!(closing(&trial(town, &format!("?known_at={}", at(between))), "531").0, "100000");
        assert_eq!(closing(&trial(town, &format!("?known_at={}", at(before))), "531").0, "0");
        assert_eq!(closing(&trial(town, &format!("?known_at={}", at(before))), "515").0, "3200000", "the opening was known");
        for (query, date) in [("", "2025-03-10"), ("?as_of=2025-02-09", "2025-02-09")] {
            assert_eq!(trial(town, query)["as_of"], date, "figures carry their date");
        }
        for past in ["?as_of=2025-02-09", &format!("?as_of=2025-02-10&known_at={}", at(between)), "?as_of=2025-03-10"] {
            assert_eq!(trial(town, past)["balanced"], true, "{past}");
        }
        let auditor = town.client("auditor");
        let asked = |query: &str| auditor.get(&format!("{}/trial-balance?{query}", year(town)));
        let refusal = asked("as_of=2024-12-31").refused(422, "HISTORY_UNAVAILABLE");
        assert_eq!(refusal.text("/facts/from"), "2025-01-01");
        asked("known_at=2020-01-01T00:00:00Z").refused(422, "HISTORY_UNAVAILABLE");
        asked("as_of=2025-03-11").refused(422, "DATE_IN_FUTURE");
        asked("known_at=yesterday").refused(400, "REQUEST_PARAMETER_INVALID");
        town.client("accountant").create(&town.path("/fiscal-years"), &json!({ "fiscal_year": 2026 })).expect(201);
        auditor.get(&town.path("/fiscal-years/2026/trial-balance?as_of=2026-01-01")).refused(422, "DATE_IN_FUTURE");
    }

    Stage::Open, fn execution_is_told_as_of_a_date_and_as_known_at_an_instant(town) {
        let opened = chrono::Utc::now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let commitment = town.path(&format!("/commitments/{}", commit_fuel(town, "850000").expect(201).id()));
        town.on("2025-02-20");
        verify(town, &commitment, "F-1", "300000").expect(201);
        let at = |query: &str| {
            let execution = town.client("mayor").get(&format!("{}/budget-execution{query}", year(town))).expect(200).json();
            let row = execution["articles"].as_array().expect("articles").iter().find(|row| row["article"] == "602").expect("602").clone();
            let line = execution["lines"].as_array().expect("lines").iter().find(|row| row["code"] == "F-D-60-602-01").expect("a line").clone();
            assert_eq!(row["committed"], line["committed"]);
            assert_eq!(execution["as_of"], query.strip_prefix("?as_of=").unwrap_or("2025-02-20"), "figures carry their date");
            (row["committed"].clone(), row["verified"].clone(), row["available"].clone())
        };
        let known = |instant: chrono::DateTime<chrono::Utc>| format!("?known_at={}", instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
        assert_eq!(at(""), (json!("850000"), json!("300000"), json!("2550000")));
        assert_eq!(at("?as_of=2025-02-19"), (json!("850000"), json!("0"), json!("2550000")));
        assert_eq!(at("?as_of=2025-02-02"), (json!("0"), json!("0"), json!("3400000")));
        assert_eq!(at(&known(opened)), (json!("0"), json!("0"), json!("3400000")));
        let early = town.client("mayor").get(&format!("{}/budget-execution?known_at=2020-01-01T00:00:00Z", year(town)));
        early.refused(422, "HISTORY_UNAVAILABLE");
    }

    Stage::Open, fn the_cash_position_says_what_is_there_owed_and_due(town) {
        let position = town.client("accountant").get(&format!("{}/cash-position", year(town))).expect(200);
        assert_eq!((position.text("/as_of"), position.text("/money_total")), ("2025-02-03".to_owned(), "3200000".to_owned()));
        assert_eq!(position.text("/payable_total"), "400000");
        assert_eq!(position.text("/receivable_total"), "1600000");
        assert_eq!(position.text("/after_payment"), "2800000");
        assert_eq!(position.json()["money"][0]["account"], "515");
        town.client("partner-system").get(&format!("{}/cash-position", year(town))).refused(403, "ROLE_MISSING");
    }
}
