//! Recoveries of what was paid without being due, in the year of the payment and later; collections of cash offices.

use serde_json::{Value, json};

use super::{authorise, id, issue, propose_reduction, receive, sums};
use crate::cash_office::{active, collection_terms, member, transfer};
use crate::expenditure::{fuel, paid, posting, postings, postings_of};
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

/// Fuel for 850,000, bought and paid; gives its order.
fn paid_fuel(town: &Town) -> String {
    let [_, _, order] = fuel(town, "F-0117", "850000");
    crate::expenditure::accept(town, &order);
    paid(town, &order, "850000");
    order
}

fn claim(town: &Town, order: &str, amount: &str, line: Option<&str>) -> Answer {
    let body = json!({ "amount": amount, "currency": "XOF", "reason": "Facturé deux fois", "budget_line_id": line });
    town.client("mayor").act(order, "/recoveries", &body)
}

fn recovery(town: &Town, answer: &Answer) -> String {
    town.path(&format!("/revenue-orders/{}", answer.id()))
}

fn accept(town: &Town, order: &str) -> Answer {
    town.client("accountant").act(order, "/acceptance", &json!({}))
}

on_both_engines! {
    Stage::Open, fn a_recovery_of_the_same_year_lowers_the_expenditure(town) {
        let order = paid_fuel(town);
        claim(town, &order, "850001", None).refused(422, "RECOVERY_EXCEEDS_PAID");
        claim(town, &order, "50000", Some(&town.line("F-R-75-751-01"))).refused(422, "RECOVERY_LINE_INVALID");
        let made = claim(town, &order, "50000", None).expect(201);
        assert_eq!((made.text("/number"), made.text("/kind"), made.text("/state")), ("T-2025-000001".into(), "recovery".into(), "issued".into()));
        assert_eq!(town.article("602")["paid"], "850000", "nothing moves before the accountant accepts");
        let refusal = claim(town, &order, "800001", None).refused(422, "RECOVERY_EXCEEDS_PAID");
        assert_eq!(refusal.text("/facts/claimed"), "50000");
        let made = recovery(town, &made);
        accept(town, &made).expect(200);
        assert_eq!(postings(town, "expenditure").last().expect("an entry"), &vec![posting("462", "debit", "50000"), posting("602", "credit", "50000")]);
        let fuel = town.article("602");
        let stages = ["committed", "verified", "ordered", "accepted", "paid"].map(|stage| fuel[stage].as_str().expect("text").to_owned());
        assert_eq!(stages, ["850000", "800000", "800000", "800000", "800000"], "the commitment stands until it is released");
        assert_eq!(town.client("auditor").get(&order).expect(200).text("/reversed"), "50000");
        propose_reduction(town, &made, "1", None).refused(422, "REVENUE_ADJUSTMENT_KIND_INVALID");
        let payment = town.path(&format!("/payments/{}", town.client("auditor").get(&town.path("/payments")).text("/data/0/id")));
        let back = town.client("accountant").act(&payment, "/return", &json!({ "reason": "Compte clos" }));
        back.refused(409, "PAYMENT_CLAIMED_BACK");
        receive(town, Some(&made), "50000").expect(201);
        assert_eq!(sums(town, &made), ["collected", "0", "50000", "0", "0", "0"]);
        let execution = town.client("auditor").get(&town.path("/fiscal-years/2025/budget-execution")).expect(200);
        assert_eq!(execution.text("/sections/0/revenue_issued"), "0", "a recovery of the year is no revenue");
        assert_eq!(execution.text("/sections/0/expenditure_accepted"), "800000");
    }

    Stage::Open, fn a_rejected_recovery_claims_nothing(town) {
        let order = paid_fuel(town);
        let made = recovery(town, &claim(town, &order, "850000", None).expect(201));
        let why = json!({ "reason": "amount", "text": "La livraison est prouvée" });
        town.client("accountant").act(&made, "/rejection", &why).expect(200);
        claim(town, &order, "850000", None).expect(201);
        assert_eq!(town.article("602")["paid"], "850000");
    }

    Stage::Played, fn a_recovery_of_a_later_year_is_revenue_and_moves_no_credit(town) {
        next_year(town);
        let auditor = town.client("auditor");
        let orders = auditor.get(&town.path("/payment-orders?state=paid&limit=200")).expect(200).json();
        let fuel = orders["data"].as_array().expect("rows").iter().find(|row| row["amount"] == "850000").expect("fuel").clone();
        let fuel = town.path(&format!("/payment-orders/{}", fuel["id"].as_str().expect("an id")));
        claim(town, &fuel, "10000", None).refused(422, "RECOVERY_LINE_INVALID");
        claim(town, &fuel, "10000", Some(&line_of(town, 2026, "F-R-71-711-01"))).refused(422, "RECOVERY_LINE_INVALID");
        let before = town.article("602");
        let made = recovery(town, &claim(town, &fuel, "10000", Some(&line_of(town, 2026, "F-R-75-751-01"))).expect(201));
        assert_eq!(auditor.get(&made).text("/number"), "T-2026-000001");
        accept(town, &made).expect(200);
        assert_eq!(postings_of(town, 2026, "revenue"), vec![vec![posting("462", "debit", "10000"), posting("751", "credit", "10000")]]);
        assert_eq!(town.article("602"), before, "no credit of the earlier year moves");
        let execution = auditor.get(&town.path("/fiscal-years/2026/budget-execution")).expect(200);
        assert_eq!(execution.text("/sections/0/revenue_issued"), "10000");
    }

    Stage::Open, fn a_debt_of_an_earlier_year_that_is_no_longer_due_is_revenue(town) {
        let (mayor, accountant, auditor) = (town.client("mayor"), town.client("accountant"), town.client("auditor"));
        let debts = town.path("/fiscal-years/2025/carried-debts");
        let debt = town.path(&format!("/carried-debts/{}", auditor.get(&debts).text("/data/0/id")));
        let line = town.line("F-R-75-751-01");
        let reduce = |amount: &str, line: &str| {
            let body = json!({ "amount": amount, "currency": "XOF", "reason": "Livraison jamais faite", "budget_line_id": line });
            mayor.act(&debt, "/reductions", &body)
        };
        reduce("400001", &line).refused(422, "DEBT_REDUCTION_EXCEEDS_DUE");
        reduce("150000", &town.line("F-R-71-711-01")).refused(422, "RECOVERY_LINE_INVALID");
        let made = reduce("150000", &line).expect(201);
        assert_eq!((made.text("/number"), made.text("/kind"), made.text("/state")), ("T-2025-000001".into(), "debt_reduction".into(), "issued".into()));
        let refusal = reduce("250001", &line).refused(422, "DEBT_REDUCTION_EXCEEDS_DUE");
        assert_eq!((refusal.text("/facts/due"), refusal.text("/facts/claimed")), ("400000".into(), "150000".into()));
        let second = recovery(town, &reduce("250000", &line).expect(201));
        mayor.act(&recovery(town, &made), "/acceptance", &json!({})).refused(403, "ROLE_MISSING");
        accept(town, &recovery(town, &made)).expect(200);
        assert_eq!(postings(town, "revenue"), vec![vec![posting("401", "debit", "150000"), posting("751", "credit", "150000")]]);
        assert_eq!(sums(town, &recovery(town, &made)), ["collected", "0", "150000", "0", "0", "0"]);
        let shown = auditor.get(&debt).expect(200);
        assert_eq!((shown.text("/reduced"), shown.text("/due")), ("150000".into(), "250000".into()));
        let creditor = town.supplier("SUP-0003");
        let pay = |amount: &str| {
            let body = json!({ "payee_id": creditor, "amount": amount, "currency": "XOF", "mode": "transfer" });
            accountant.act(&debt, "/payments", &body)
        };
        pay("250001").refused(422, "PAYMENT_EXCEEDS_NET");
        pay("250000").expect(201);
        accept(town, &second).refused(422, "DEBT_REDUCTION_EXCEEDS_DUE");
        let why = json!({ "reason": "amount", "text": "Payé entre-temps" });
        accountant.act(&second, "/rejection", &why).expect(200);
        assert_eq!(auditor.get(&format!("{debts}?outstanding=true")).json()["data"], json!([]));
        assert_eq!(town.balance("401")["closing_credit"], "0");
        let execution = auditor.get(&town.path("/fiscal-years/2025/budget-execution")).expect(200);
        assert_eq!(execution.text("/sections/0/revenue_issued"), "150000");
        assert_eq!(execution.text("/sections/0/expenditure_accepted"), "0", "no credit moves");
    }

    Stage::Open, fn an_office_collects_a_roll_within_its_ceiling_and_deposits(town) {
        authorise(town, "711").expect(201);
        let roll = issue(town, "F-R-71-711-01", "12900000", &json!({ "kind": "roll", "taxpayers": 8600 }));
        accept(town, &roll).expect(200);
        let office = active(town, &collection_terms(town, "9159000"));
        let officer = town.client("cash-officer");
        let body = |amount: &str| json!({ "revenue_order_id": id(&roll), "amount": amount, "currency": "XOF" });
        officer.act(&office, "/receipts", &body("9159001")).refused(422, "CASH_OFFICE_CEILING");
        town.client("accountant").act(&office, "/receipts", &body("1")).refused(403, "ROLE_MISSING");
        let receipt = officer.act(&office, "/receipts", &body("9159000")).expect(201);
        assert_eq!(receipt.text("/mode"), "cash");
        transfer(town, &office, "/deposits", "9159000").expect(201);
        assert_eq!(
            postings(town, "treasury"),
            vec![
                vec![posting("542", "debit", "9159000"), posting("411", "credit", "9159000")],
                vec![posting("515", "debit", "9159000"), posting("542", "credit", "9159000")],
            ]
        );
        let path = town.path(&format!("/receipts/{}", receipt.id()));
        let mistake = json!({ "reason": "Saisie deux fois" });
        town.client("accountant").act(&path, "/cancellation", &mistake).refused(422, "CASH_OFFICE_INSUFFICIENT");
        let second = officer.act(&office, "/receipts", &body("1000")).expect(201);
        let path = town.path(&format!("/receipts/{}", second.id()));
        town.client("accountant").act(&path, "/cancellation", &mistake).expect(200);
        assert_eq!((member(town, &office, "held"), member(town, &roll, "collected")), ("0".to_owned(), "9159000".to_owned()));
    }
}

/// The id of a line of a year's budget by its code.
pub fn line_of(town: &Town, year: i32, code: &str) -> String {
    let execution = town.client("mayor").get(&town.path(&format!("/fiscal-years/{year}/budget-execution"))).expect(200).json();
    let lines = execution["lines"].as_array().expect("lines").clone();
    let line = lines.iter().find(|line| line["code"] == code).expect("the line");
    line["budget_line_id"].as_str().expect("an id").to_owned()
}

/// Votes the sample budget again for 2026 and opens the year.
fn next_year(town: &Town) {
    next_year_with(town, crate::budget::SAMPLE);
}

/// Votes a budget of 2026 and opens the year.
pub fn next_year_with(town: &Town, lines: &str) {
    let (mayor, finance, accountant) = (town.client("mayor"), town.client("finance-officer"), town.client("accountant"));
    let registrar = town.client("council-registrar");
    town.on("2025-09-15");
    accountant.create(&town.path("/fiscal-years"), &json!({ "fiscal_year": 2026 })).expect(201);
    let budget = json!({ "fiscal_year": 2026, "kind": "original", "title": "Budget primitif 2026" });
    let budget = town.path(&format!("/budgets/{}", finance.create(&town.path("/budgets"), &budget).expect(201).id()));
    finance.put_lines(&budget, "", "text/csv", lines.as_bytes()).expect(200);
    mayor.act(&budget, "/consultation", &json!({})).expect(200);
    town.on("2025-10-20");
    let meeting = |place: &str| -> Value {
        json!({
            "fiscal_year": 2026, "place": place, "held_on": "2025-10-15", "women": 40, "men": 51,
            "minutes_sha256": "b".repeat(64), "summary": "Priorités",
        })
    };
    for place in ["chef-lieu", "village 04", "village 11"] {
        registrar.create(&town.path("/consultations"), &meeting(place)).expect(201);
    }
    registrar.create(&town.path("/public-debates"), &meeting("chef-lieu")).expect(201);
    mayor.act(&budget, "/tabling", &json!({})).expect(200);
    let vote = json!({
        "held_on": "2025-10-20", "deliberation_number": "2025-07", "serving": 17, "present": 15,
        "votes_for": 12, "votes_against": 2, "abstentions": 1, "deliberation_sha256": "c".repeat(64),
    });
    registrar.act(&budget, "/vote", &vote).expect(200);
    mayor.act(&budget, "/transmission", &json!({ "annexes_sha256": "d".repeat(64) })).expect(200);
    town.client("state-representative").act(&budget, "/approval", &json!({})).expect(200);
    town.on("2026-01-05");
    let opening = json!({ "currency": "XOF", "lines": [
        { "account": "515", "side": "debit", "amount": "33048000" },
        { "account": "12", "side": "credit", "amount": "33048000" },
    ]});
    accountant.act(&town.path("/fiscal-years/2026"), "/opening-balances", &opening).expect(200);
}
