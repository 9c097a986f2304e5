//! Revenue, from the vote of a levy to the money: orders, rolls, receipts, reductions, write-offs, transfers.

pub mod model;
mod races;
mod recovery;
mod refusals;
mod waiver;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::expenditure::{posting, postings};
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

/// The council votes a levy of 2025.
pub fn authorise(town: &Town, article: &str) -> Answer {
    let body = json!({
        "fiscal_year": 2025, "article": article, "deliberation_number": "2024-09", "held_on": "2024-11-30",
        "deliberation_sha256": "d".repeat(64), "rate": "1 500 F par imposable",
    });
    town.client("council-registrar").create(&town.path("/levy-authorisations"), &body)
}

/// A merchant who rents a shop.
pub fn debtor(town: &Town, code: &str) -> Answer {
    let body = json!({ "code": code, "kind": "person", "name": "Aïssata Traoré, commerçante (fictive)", "tax_number": "NIF-0042" });
    town.client("finance-officer").create(&town.path("/debtors"), &body)
}

/// Drafts an order on a line.
pub fn draft(town: &Town, line: &str, amount: &str, more: &Value) -> Answer {
    let mut body = json!({ "budget_line_id": town.line(line), "label": "Recette", "amount": amount, "currency": "XOF" });
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    town.client("finance-officer").create(&town.path("/revenue-orders"), &body)
}

/// Drafts and issues an order; gives its path.
pub fn issue(town: &Town, line: &str, amount: &str, more: &Value) -> String {
    let order = town.path(&format!("/revenue-orders/{}", draft(town, line, amount, more).expect(201).id()));
    town.client("mayor").act(&order, "/issuance", &json!({})).expect(200);
    order
}

/// Drafts, issues and accepts an order; gives its path.
pub fn order(town: &Town, line: &str, amount: &str, more: &Value) -> String {
    let order = issue(town, line, amount, more);
    town.client("accountant").act(&order, "/acceptance", &json!({})).expect(200);
    order
}

/// The id at the end of a path.
pub fn id(path: &str) -> &str {
    path.rsplit('/').next().expect("an id")
}

/// Records money that came by transfer, on an order or before any.
pub fn receive(town: &Town, order: Option<&str>, amount: &str) -> Answer {
    let body = json!({ "revenue_order_id": order.map(id), "amount": amount, "currency": "XOF", "mode": "transfer" });
    town.client("accountant").create(&town.path("/receipts"), &body)
}

/// Itemises arrears of 2024 on account 411; gives the path of the carried receivable.
pub fn carry(town: &Town, reference: &str, amount: &str) -> Answer {
    let item = json!({ "account": "411", "reference": reference, "amount": amount, "since_year": 2024, "article": "711" });
    let body = json!({ "currency": "XOF", "receivables": [item] });
    town.client("accountant").create(&town.path("/fiscal-years/2025/carried-receivables"), &body)
}

fn carried(town: &Town, reference: &str, amount: &str) -> String {
    town.path(&format!("/revenue-orders/{}", carry(town, reference, amount).expect(201).text("/revenue_orders/0/id")))
}

/// Proposes a write-off on line 651.
pub fn propose_write_off(town: &Town, order: &str, amount: &str) -> Answer {
    let body = json!({
        "amount": amount, "currency": "XOF", "reason": "Redevable introuvable", "diligence_sha256": "e".repeat(64),
        "budget_line_id": town.line("F-D-65-651-01"),
    });
    town.client("accountant").act(order, "/write-offs", &body)
}

/// The council decides.
pub fn decide(town: &Town, adjustment: &Answer, outcome: &str) -> Answer {
    let path = town.path(&format!("/revenue-adjustments/{}", adjustment.id()));
    let body = json!({
        "outcome": outcome, "deliberation_number": "2025-02", "held_on": "2025-02-01", "deliberation_sha256": "f".repeat(64),
    });
    town.client("council-registrar").act(&path, "/decision", &body)
}

fn write_off(town: &Town, order: &str, amount: &str) {
    decide(town, &propose_write_off(town, order, amount).expect(201), "granted").expect(200);
}

/// Proposes a reduction by the mayor.
pub fn propose_reduction(town: &Town, order: &str, amount: &str, line: Option<&str>) -> Answer {
    let line = line.map(|code| town.line(code));
    let body = json!({ "amount": amount, "currency": "XOF", "reason": "Boutique fermée un mois", "budget_line_id": line });
    town.client("mayor").act(order, "/reductions", &body)
}

fn accept_adjustment(town: &Town, adjustment: &Answer) -> Answer {
    let path = town.path(&format!("/revenue-adjustments/{}", adjustment.id()));
    town.client("accountant").act(&path, "/acceptance", &json!({}))
}

/// The members of an order that sum up what became of the debt.
fn sums(town: &Town, order: &str) -> [String; 6] {
    let read = town.client("auditor").get(order).expect(200);
    ["state", "reduced", "collected", "written_off", "outstanding", "overpaid"].map(|member| read.text(&format!("/{member}")))
}

fn line(town: &Town, code: &str) -> Value {
    let execution = town.client("auditor").get(&town.path("/fiscal-years/2025/budget-execution")).expect(200).json();
    execution["lines"].as_array().expect("lines").iter().find(|line| line["code"] == code).expect("the line").clone()
}

/// One act of every kind, with the pattern of its path under the organisation: a row of everything that the room keeps.
pub fn every_act(town: &Town) -> Vec<(&'static str, Answer)> {
    let (mayor, accountant) = (town.client("mayor"), town.client("accountant"));
    let mut acts = vec![("/levy-authorisations", authorise(town, "722").expect(201))];
    let merchant = debtor(town, "RED-0042").expect(201);
    let owes = json!({ "kind": "individual", "debtor_id": merchant.id() });
    acts.push(("/debtors", merchant));
    let drafted = draft(town, "F-R-72-722-01", "200000", &owes).expect(201);
    let rent = town.path(&format!("/revenue-orders/{}", drafted.id()));
    acts.push(("/revenue-orders", drafted));
    acts.push(("/revenue-orders/{revenue_order_id}/issuance", mayor.act(&rent, "/issuance", &json!({})).expect(200)));
    acts.push(("/revenue-orders/{revenue_order_id}/acceptance", accountant.act(&rent, "/acceptance", &json!({})).expect(200)));
    let reduction = propose_reduction(town, &rent, "25000", None).expect(201);
    acts.push(("/revenue-adjustments/{revenue_adjustment_id}/acceptance", accept_adjustment(town, &reduction).expect(200)));
    acts.push(("/revenue-orders/{revenue_order_id}/reductions", reduction));
    acts.push(("/receipts", receive(town, Some(&rent), "180000").expect(201)));
    let back = json!({ "amount": "5000", "currency": "XOF", "mode": "transfer" });
    acts.push(("/revenue-orders/{revenue_order_id}/refunds", accountant.act(&rent, "/refunds", &back).expect(201)));
    let unknown = receive(town, None, "36000").expect(201);
    let receipt = town.path(&format!("/receipts/{}", unknown.id()));
    let mistake = json!({ "reason": "Saisie deux fois" });
    acts.push(("/receipts/{receipt_id}/cancellation", accountant.act(&receipt, "/cancellation", &mistake).expect(200)));
    let arrears = carry(town, "RAR-2024-0007", "600000").expect(201);
    let arrears_path = town.path(&format!("/revenue-orders/{}", arrears.text("/revenue_orders/0/id")));
    acts.push(("/fiscal-years/{year}/carried-receivables", arrears));
    let proposed = propose_write_off(town, &arrears_path, "500000").expect(201);
    acts.push(("/revenue-adjustments/{revenue_adjustment_id}/decision", decide(town, &proposed, "granted").expect(200)));
    acts.push(("/revenue-orders/{revenue_order_id}/write-offs", proposed));
    let body = json!({ "reason": "Rôle établi deux fois", "budget_line_id": town.line("F-D-65-652-01") });
    let cancellation = mayor.act(&arrears_path, "/cancellations", &body).expect(201);
    let path = town.path(&format!("/revenue-adjustments/{}", cancellation.id()));
    let no = accountant.act(&path, "/rejection", &json!({ "text": "Pas de preuve" })).expect(200);
    acts.push(("/revenue-adjustments/{revenue_adjustment_id}/rejection", no));
    acts.push(("/revenue-orders/{revenue_order_id}/cancellations", cancellation));
    let wrong = issue(town, "F-R-72-722-01", "1000", &owes);
    let rejection = json!({ "reason": "amount", "text": "Montant du bail dépassé" });
    acts.push(("/revenue-orders/{revenue_order_id}/rejection", accountant.act(&wrong, "/rejection", &rejection).expect(200)));
    let body = json!({
        "budget_line_id": town.line("I-R-14-141-01"), "reference": "ANICT-2025-17", "notified_on": "2025-01-20", "amount": "28000000",
        "currency": "XOF", "document_sha256": "c".repeat(64),
    });
    let notified = town.client("finance-officer").create(&town.path("/transfer-notifications"), &body).expect(201);
    acts.push(("/transfer-notifications", notified));
    acts
}

on_both_engines! {
    Stage::Open, fn a_tax_roll_is_accepted_and_collected_with_exactly_the_postings_of_the_table(town) {
        authorise(town, "711").expect(201);
        let roll = issue(town, "F-R-71-711-01", "12900000", &json!({ "kind": "roll", "taxpayers": 8600 }));
        assert_eq!(postings(town, "revenue"), Vec::<Vec<_>>::new(), "nothing is posted at the issuance");
        let accepted = town.client("accountant").act(&roll, "/acceptance", &json!({})).expect(200);
        assert_eq!((accepted.text("/number"), accepted.text("/state")), ("T-2025-000001".to_owned(), "accepted".to_owned()));
        assert_eq!(postings(town, "revenue"), vec![vec![posting("411", "debit", "12900000"), posting("711", "credit", "12900000")]]);
        let receipt = receive(town, Some(&roll), "9159000").expect(201);
        assert_eq!((receipt.text("/number"), receipt.text("/warnings")), ("Q-2025-000001".to_owned(), "[]".to_owned()));
        assert_eq!(postings(town, "treasury"), vec![vec![posting("515", "debit", "9159000"), posting("411", "credit", "9159000")]]);
        assert_eq!(sums(town, &roll), ["partly_collected", "0", "9159000", "0", "3741000", "0"]);
        let tdrl = line(town, "F-R-71-711-01");
        assert_eq!((&tdrl["issued"], &tdrl["collected"]), (&json!("12900000"), &json!("9159000")));
        assert_eq!(line(town, "F-D-60-602-01")["issued"], json!(null));
        let cash = json!({ "revenue_order_id": id(&roll), "amount": "3741000", "currency": "XOF", "mode": "cash" });
        town.client("accountant").create(&town.path("/receipts"), &cash).expect(201);
        assert_eq!(sums(town, &roll), ["collected", "0", "12900000", "0", "0", "0"]);
        assert_eq!(town.balance("531")["closing_debit"], "3741000");
    }

    Stage::Open, fn money_before_an_order_waits_until_one_regularises_it(town) {
        authorise(town, "714").expect(201);
        let body = json!({ "payer": "Régie du marché", "amount": "8700000", "currency": "XOF", "mode": "transfer", "label": "Droits de place" });
        let market = town.client("accountant").create(&town.path("/receipts"), &body).expect(201).id();
        let rest = receive(town, None, "42500").expect(201).id();
        receive(town, None, "36000").expect(201);
        assert_eq!(town.balance("471")["closing_credit"], "8778500");
        let fees = |amount: &str, receipts: &Value| draft(town, "F-R-71-714-01", amount, &json!({ "kind": "individual", "receipt_ids": receipts }));
        let refusal = fees("8742501", &json!([market, rest])).refused(422, "RECEIPTS_MISMATCH");
        assert_eq!(refusal.text("/facts/receipts"), "8742500");
        fees("8700000", &json!([market, market])).refused(409, "RECEIPT_NOT_REGULARISABLE");
        let twin = fees("8700000", &json!([market])).expect(201).id();
        let order = town.path(&format!("/revenue-orders/{}", fees("8742500", &json!([market, rest])).expect(201).id()));
        town.client("mayor").act(&order, "/issuance", &json!({})).expect(200);
        let accepted = town.client("accountant").act(&order, "/acceptance", &json!({})).expect(200);
        assert_eq!((accepted.text("/state"), accepted.text("/collected")), ("collected".to_owned(), "8742500".to_owned()));
        assert_eq!(postings(town, "revenue"), vec![vec![posting("471", "debit", "8742500"), posting("714", "credit", "8742500")]]);
        assert_eq!(town.balance("471")["closing_credit"], "36000", "only what nobody explained is left");
        let fees_line = line(town, "F-R-71-714-01");
        assert_eq!((&fees_line["issued"], &fees_line["collected"]), (&json!("8742500"), &json!("8742500")));
        // The receipts are used: neither cancelled, nor regularised again, not even by an order drafted before.
        let receipt = town.path(&format!("/receipts/{market}"));
        assert_eq!(town.client("auditor").get(&receipt).text("/regularised_by_id"), id(&order));
        town.client("accountant").act(&receipt, "/cancellation", &json!({ "reason": "x" })).refused(409, "RECEIPT_IN_USE");
        let twin = town.path(&format!("/revenue-orders/{twin}"));
        town.client("mayor").act(&twin, "/issuance", &json!({})).expect(200);
        town.client("accountant").act(&twin, "/acceptance", &json!({})).refused(409, "RECEIPT_NOT_REGULARISABLE");
        // Who names the payer is not seen by everybody.
        let list = |login: &str| town.client(login).get(&town.path("/receipts?unclassified=true")).expect(200).json()["data"].as_array().map(Vec::len);
        assert_eq!((list("auditor"), list("certifier")), (Some(3), Some(2)));
        let found = town.client("auditor").get(&town.path("/receipts?q=REGIE&amount_min=8000000&amount_max=9000000&from=2025-02-03")).expect(200);
        assert_eq!(found.text("/data/0/id"), market.to_string());
    }

    Stage::Open, fn endowments_are_notified_ordered_and_received(town) {
        let body = json!({
            "budget_line_id": town.line("I-R-14-141-01"), "reference": "ANICT-2025-17", "notified_on": "2025-01-20", "amount": "27000000",
            "currency": "XOF", "document_sha256": "c".repeat(64),
        });
        let notify = |body: &Value| town.client("finance-officer").create(&town.path("/transfer-notifications"), body);
        notify(&body).expect(201);
        notify(&body).refused(409, "TRANSFER_DUPLICATE");
        let named = |q: &str| town.client("auditor").get(&town.path(&format!("/transfer-notifications?q={q}"))).expect(200).json()["data"].as_array().map(Vec::len);
        assert_eq!([named("anict"), named("dgct")], [Some(1), Some(0)]);
        let mut wrong = body.clone();
        wrong["budget_line_id"] = json!(town.line("F-R-71-711-01"));
        notify(&wrong).refused(422, "TRANSFER_LINE_INVALID");
        wrong["budget_line_id"] = body["budget_line_id"].clone();
        wrong["notified_on"] = json!("2025-02-04");
        assert_eq!(notify(&wrong).refused(422, "DATE_IN_FUTURE").pointers(), ["/notified_on"]);
        let state = order(town, "F-R-73-731-01", "11500000", &json!({ "kind": "transfer" }));
        let grant = order(town, "I-R-14-141-01", "28000000", &json!({ "kind": "transfer" }));
        assert_eq!(postings(town, "revenue"), vec![
            vec![posting("441", "debit", "11500000"), posting("731", "credit", "11500000")],
            vec![posting("443", "debit", "28000000"), posting("141", "credit", "28000000")],
        ]);
        receive(town, Some(&state), "11500000").expect(201);
        receive(town, Some(&grant), "16800000").expect(201);
        assert_eq!(postings(town, "treasury"), vec![
            vec![posting("515", "debit", "11500000"), posting("441", "credit", "11500000")],
            vec![posting("515", "debit", "16800000"), posting("443", "credit", "16800000")],
        ]);
        let transfers = town.client("partner-system").get(&town.path("/fiscal-years/2025/transfers")).expect(200).json();
        let lines = transfers["lines"].as_array().expect("lines");
        assert_eq!(lines.len(), 8);
        let grant = lines.iter().find(|line| line["code"] == "I-R-14-141-01").expect("the grant");
        let told = ["forecast", "notified", "ordered", "received"].map(|member| grant[member].as_str().expect("text"));
        assert_eq!(told, ["28000000", "27000000", "28000000", "16800000"]);
        let execution = town.client("auditor").get(&town.path("/fiscal-years/2025/budget-execution")).expect(200);
        assert_eq!(execution.text("/sections/1/revenue_issued"), "28000000");
    }

    Stage::Open, fn a_rent_is_reduced_in_its_year_and_the_rest_collected(town) {
        authorise(town, "722").expect(201);
        let merchant = debtor(town, "RED-0042").expect(201).id();
        let rent = order(town, "F-R-72-722-01", "200000", &json!({ "kind": "individual", "debtor_id": merchant }));
        let reduction = propose_reduction(town, &rent, "25000", None).expect(201);
        assert_eq!((reduction.text("/number"), reduction.text("/state")), ("AR-2025-000001".to_owned(), "proposed".to_owned()));
        assert_eq!(town.balance("722")["closing_credit"], "200000", "a proposal moves nothing");
        let granted = accept_adjustment(town, &reduction).expect(200);
        assert_eq!((granted.text("/state"), granted.text("/regularisation_id")), ("granted".to_owned(), "null".to_owned()));
        receive(town, Some(&rent), "175000").expect(201);
        assert_eq!(postings(town, "revenue"), vec![
            vec![posting("411", "debit", "200000"), posting("722", "credit", "200000")],
            vec![posting("722", "debit", "25000"), posting("411", "credit", "25000")],
        ]);
        assert_eq!(postings(town, "treasury"), vec![vec![posting("515", "debit", "175000"), posting("411", "credit", "175000")]]);
        assert_eq!(sums(town, &rent), ["collected", "25000", "175000", "0", "0", "0"]);
        let rents = line(town, "F-R-72-722-01");
        assert_eq!((&rents["issued"], &rents["collected"]), (&json!("175000"), &json!("175000")));
        let found = |list: &str, query: &str| town.client("auditor").get(&town.path(&format!("/{list}?{query}"))).expect(200).json()["data"].as_array().map(Vec::len);
        for list in ["receipts", "revenue-adjustments"] {
            for (query, count) in [(format!("debtor_id={merchant}"), 1), ("article=722".to_owned(), 1), ("article=711".to_owned(), 0), (format!("debtor_id={}", uuid::Uuid::new_v4()), 0)] {
                assert_eq!(found(list, &query), Some(count), "{list}?{query}");
            }
        }
        assert_eq!(found("receipts", &format!("budget_line_id={}", town.line("F-R-72-722-01"))), Some(1));
        assert_eq!([found("refunds", "article=722"), found("refunds", &format!("debtor_id={merchant}"))], [Some(0); 2]);
        // A second order is cancelled whole.
        let other = order(town, "F-R-72-722-01", "50000", &json!({ "kind": "individual", "debtor_id": merchant }));
        let body = json!({ "reason": "Bail résilié" });
        accept_adjustment(town, &town.client("mayor").act(&other, "/cancellations", &body).expect(201)).expect(200);
        assert_eq!(sums(town, &other), ["cancelled", "50000", "0", "0", "0", "0"]);
        assert_eq!(town.balance("411")["closing_debit"], "1600000", "the arrears of the year before are left");
    }

    Stage::Open, fn arrears_are_written_off_by_the_council_and_can_still_be_paid(town) {
        let arrears = carried(town, "RAR-2024-0007", "840000");
        assert_eq!(sums(town, &arrears), ["accepted", "0", "0", "0", "840000", "0"]);
        assert_eq!(town.client("auditor").get(&arrears).text("/number"), "null");
        receive(town, Some(&arrears), "240000").expect(201);
        assert_eq!(postings(town, "treasury"), vec![vec![posting("515", "debit", "240000"), posting("411", "credit", "240000")]]);
        let proposed = propose_write_off(town, &arrears, "600000").expect(201);
        decide(town, &proposed, "refused").expect(200);
        assert_eq!(sums(town, &arrears), ["partly_collected", "0", "240000", "0", "600000", "0"]);
        decide(town, &proposed, "granted").refused(409, "REVENUE_STATE_INVALID");
        write_off(town, &arrears, "600000");
        assert_eq!(postings(town, "expenditure"), vec![vec![posting("651", "debit", "600000"), posting("411", "credit", "600000")]]);
        assert_eq!(sums(town, &arrears), ["written_off", "0", "240000", "600000", "0", "0"]);
        let charged = town.article("651");
        for stage in ["committed", "verified", "ordered", "accepted", "paid"] {
            assert_eq!(charged[stage], "600000", "{stage}");
        }
        // The debtor comes back: what was written off is exceptional income, what exceeds it is owed to him.
        let late = receive(town, Some(&arrears), "610000").expect(201);
        assert_eq!((late.text("/recovered"), late.text("/excess")), ("600000".to_owned(), "10000".to_owned()));
        assert_eq!(late.text("/warnings/0/code"), "REVENUE_OVERPAYMENT");
        assert_eq!(postings(town, "treasury")[1], vec![
            posting("515", "debit", "610000"), posting("751", "credit", "600000"), posting("419", "credit", "10000"),
        ]);
        let exceptional = line(town, "F-R-75-751-01");
        assert_eq!((&exceptional["issued"], &exceptional["collected"]), (&json!("600000"), &json!("600000")));
        assert_eq!(town.balance("411")["closing_debit"], "760000");
        // Entered by mistake: the opposite entry takes all of it back.
        let receipt = town.path(&format!("/receipts/{}", late.id()));
        let cancelled = town.client("accountant").act(&receipt, "/cancellation", &json!({ "reason": "Autre redevable" })).expect(200);
        assert_eq!((cancelled.text("/number"), cancelled.text("/cancelled_on")), ("Q-2025-000002".to_owned(), "2025-02-03".to_owned()));
        assert_eq!(line(town, "F-R-75-751-01")["issued"], "0");
        assert_eq!(town.client("auditor").get(&arrears).text("/recovered"), "0");
        assert_eq!(postings(town, "treasury")[2], vec![
            posting("515", "credit", "610000"), posting("751", "debit", "600000"), posting("419", "debit", "10000"),
        ]);
        town.client("accountant").act(&receipt, "/cancellation", &json!({ "reason": "x" })).refused(409, "RECEIPT_CANCELLED");
    }

    Stage::Open, fn what_is_paid_in_excess_is_flagged_and_refunded_once(town) {
        authorise(town, "722").expect(201);
        let merchant = debtor(town, "RED-0042").expect(201).id();
        let rent = order(town, "F-R-72-722-01", "200000", &json!({ "kind": "individual", "debtor_id": merchant }));
        let paid = receive(town, Some(&rent), "205000").expect(201);
        assert_eq!((paid.text("/settled"), paid.text("/excess")), ("200000".to_owned(), "5000".to_owned()));
        assert!(paid.text("/warnings/0/detail_fr").contains("5000"));
        assert_eq!(sums(town, &rent), ["collected", "0", "200000", "0", "0", "5000"]);
        let refund = |amount: &str, mode: &str| {
            town.client("accountant").act(&rent, "/refunds", &json!({ "amount": amount, "currency": "XOF", "mode": mode }))
        };
        let refusal = refund("5001", "transfer").refused(422, "REFUND_EXCEEDS_OVERPAYMENT");
        assert_eq!(refusal.text("/facts/excess"), "5000");
        refund("1000", "cash").refused(409, "PAYMENT_NO_CASH");
        assert_eq!(refund("4000", "transfer").expect(201).text("/number"), "RB-2025-000001");
        assert_eq!(postings(town, "treasury")[1], vec![posting("419", "debit", "4000"), posting("515", "credit", "4000")]);
        let receipt = town.path(&format!("/receipts/{}", paid.id()));
        town.client("accountant").act(&receipt, "/cancellation", &json!({ "reason": "x" })).refused(409, "RECEIPT_IN_USE");
        refund("1001", "transfer").refused(422, "REFUND_EXCEEDS_OVERPAYMENT");
        refund("1000", "transfer").expect(201);
        assert_eq!(town.balance("419")["closing_credit"], "0");
        // A mistake on another order opens its debt again.
        let other = order(town, "F-R-72-722-01", "90000", &json!({ "kind": "individual", "debtor_id": merchant }));
        let wrong = town.path(&format!("/receipts/{}", receive(town, Some(&other), "90000").expect(201).id()));
        town.client("accountant").act(&wrong, "/cancellation", &json!({ "reason": "Chèque sans provision" })).expect(200);
        assert_eq!(sums(town, &other), ["accepted", "0", "0", "0", "90000", "0"]);
        assert_eq!(line(town, "F-R-72-722-01")["collected"], "200000");
        assert_eq!(receive(town, Some(&other), "90000").expect(201).text("/number"), "Q-2025-000003", "numbers go on without a gap");
    }

    Stage::Open, fn a_shared_tax_is_the_communes_only_for_its_share(town) {
        authorise(town, "712").expect(201);
        let merchant = debtor(town, "RED-0042").expect(201).id();
        let patente = order(town, "F-R-71-712-01", "1001", &json!({ "kind": "individual", "debtor_id": merchant }));
        assert_eq!(postings(town, "revenue"), vec![vec![
            posting("411", "debit", "1001"), posting("712", "credit", "601"), posting("445", "credit", "400"),
        ]]);
        let shares = town.client("auditor").get(&format!("{patente}/shares")).expect(200).json();
        let told: Vec<(String, String)> = shares.as_array().expect("shares").iter()
            .map(|share| (share["level"].as_str().expect("text").to_owned(), share["amount"].as_str().expect("text").to_owned())).collect();
        let told: Vec<(&str, &str)> = told.iter().map(|(level, amount)| (level.as_str(), amount.as_str())).collect();
        assert_eq!(told, [("cercle", "250"), ("commune", "601"), ("region", "150")]);
        receive(town, Some(&patente), "500").expect(201);
        accept_adjustment(town, &propose_reduction(town, &patente, "100", None).expect(201)).expect(200);
        let wrong = town.path(&format!("/receipts/{}", receive(town, Some(&patente), "401").expect(201).id()));
        let business = line(town, "F-R-71-712-01");
        assert_eq!((&business["issued"], &business["collected"]), (&json!("541"), &json!("541")), "wholly collected");
        town.client("accountant").act(&wrong, "/cancellation", &json!({ "reason": "x" })).expect(200);
        receive(town, Some(&patente), "401").expect(201);
        assert_eq!(line(town, "F-R-71-712-01")["collected"], "541");
        let shares = town.client("auditor").get(&format!("{patente}/shares")).expect(200).json();
        let reduced: i64 = shares.as_array().expect("shares").iter().map(|share| share["reduced"].as_str().expect("text").parse::<i64>().expect("a number")).sum();
        assert_eq!(reduced, 100);
        let mut wholes: BTreeMap<String, i64> = BTreeMap::new();
        for rate in town.stranger().get("/v1/tax-shares").expect(200).json().as_array().expect("rates") {
            *wholes.entry(rate["article"].as_str().expect("text").to_owned()).or_default() += rate["bps"].as_i64().expect("bps");
        }
        assert!(wholes.contains_key("712") && wholes.values().all(|whole| *whole == 10_000), "{wholes:?}");
        let of_article = town.stranger().get("/v1/tax-shares?article=712").expect(200).json();
        assert_eq!(of_article.as_array().map(Vec::len), Some(3));
    }

    Stage::Open, fn the_year_of_revenue_sums_to_cash_and_debts(town) {
        for article in ["711", "714", "722"] {
            authorise(town, article).expect(201);
        }
        let merchant = debtor(town, "RED-0042").expect(201).id();
        let roll = order(town, "F-R-71-711-01", "12900000", &json!({ "kind": "roll", "taxpayers": 8600 }));
        receive(town, Some(&roll), "9159000").expect(201);
        let market = receive(town, None, "8742500").expect(201).id();
        order(town, "F-R-71-714-01", "8742500", &json!({ "kind": "individual", "receipt_ids": [market] }));
        let state = order(town, "F-R-73-731-01", "11500000", &json!({ "kind": "transfer" }));
        receive(town, Some(&state), "11500000").expect(201);
        let grant = order(town, "I-R-14-141-01", "28000000", &json!({ "kind": "transfer" }));
        receive(town, Some(&grant), "16800000").expect(201);
        let rent = order(town, "F-R-72-722-01", "200000", &json!({ "kind": "individual", "debtor_id": merchant }));
        accept_adjustment(town, &propose_reduction(town, &rent, "25000", None).expect(201)).expect(200);
        receive(town, Some(&rent), "175000").expect(201);
        let arrears = carried(town, "RAR-2024", "1600000");
        write_off(town, &arrears, "600000");
        receive(town, Some(&arrears), "240000").expect(201);
        receive(town, None, "36000").expect(201);
        let execution = town.client("auditor").get(&town.path("/fiscal-years/2025/budget-execution")).expect(200);
        let section = |index: usize| ["revenue_issued", "expenditure_accepted", "result"].map(|member| execution.text(&format!("/sections/{index}/{member}")));
        assert_eq!(section(0), ["33317500", "600000", "32717500"]);
        assert_eq!(section(1), ["28000000", "0", "28000000"]);
        assert_eq!(town.balance("411")["closing_debit"], "4501000");
        assert_eq!(town.balance("443")["closing_debit"], "11200000");
        // Opening and results of the sections make what is in classes 4 and 5.
        let balance = town.client("auditor").get(&town.path("/fiscal-years/2025/trial-balance")).expect(200).json();
        let side = |row: &Value, member: &str| row[member].as_str().expect("text").parse::<i64>().expect("a number");
        let net: i64 = balance["accounts"].as_array().expect("accounts").iter()
            .filter(|row| row["account"].as_str().is_some_and(|code| code.starts_with(['4', '5'])))
            .map(|row| side(row, "closing_debit") - side(row, "closing_credit")).sum();
        assert_eq!(net, 4_400_000 + 32_717_500 + 28_000_000);
    }
}
