//! Expenditure, from the commitment to the payment.

mod answer;
mod commitment;
mod correction;
mod document;
pub mod model;
mod order;
mod payment;
mod verification;

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// The first object with the members of the second.
pub fn with(mut body: Value, more: Value) -> Value {
    let members = body.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    body
}

pub fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "XOF" })
}

/// A supporting document.
pub fn paper(kind: &str) -> Value {
    json!({ "kind": kind, "reference": format!("{kind} 1"), "sha256": "d".repeat(64) })
}

pub fn papers(kinds: &[&str]) -> Value {
    json!({ "documents": kinds.iter().map(|kind| paper(kind)).collect::<Vec<_>>() })
}

pub fn reason() -> Value {
    json!({ "reason": "Erreur de saisie" })
}

/// Asks for a commitment on a line, to the garage, with papers.
pub fn commit(town: &Town, line: &str, amount: &str, documents: &[&str]) -> Answer {
    let body = json!({ "budget_line_id": town.line(line), "supplier_id": town.supplier("SUP-0012"), "label": "Dépense" });
    town.client("mayor").create(&town.path("/commitments"), &with(with(body, money(amount)), papers(documents)))
}

/// A commitment made; its path.
pub fn committed(town: &Town, line: &str, amount: &str, documents: &[&str]) -> String {
    town.path(&format!("/commitments/{}", commit(town, line, amount, documents).expect(201).id()))
}

/// A commitment of 850,000 for fuel on article 602.
pub fn commit_fuel(town: &Town, amount: &str) -> Answer {
    commit(town, FUEL, amount, &[])
}

pub const FUEL: &str = "F-D-60-602-01";
pub const WORKS: &str = "I-D-23-231-01";

/// Asks for a verification; `more` adds members or takes the place of others.
pub fn verify_with(town: &Town, commitment: &str, invoice: &str, amount: &str, more: Value) -> Answer {
    let body = json!({ "invoice_number": invoice, "invoice_date": "2025-02-01" });
    town.client("finance-officer").act(commitment, "/verifications", &with(with(body, money(amount)), more))
}

/// Verifies a commitment of fuel from an invoice.
pub fn verify(town: &Town, commitment: &str, invoice: &str, amount: &str) -> Answer {
    verify_with(town, commitment, invoice, amount, papers(&["fuel_log"]))
}

/// A verification recorded; its path.
pub fn verified(town: &Town, commitment: &str, invoice: &str, amount: &str, more: Value) -> String {
    town.path(&format!("/verifications/{}", verify_with(town, commitment, invoice, amount, more).expect(201).id()))
}

/// A verification recorded and certified; its path.
pub fn certified(town: &Town, commitment: &str, invoice: &str, amount: &str, more: Value) -> String {
    let verification = verified(town, commitment, invoice, amount, more);
    town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
    verification
}

/// Asks for an order; `more` adds deductions, papers, the order that it replaces.
pub fn draft(town: &Town, verification: &str, amount: &str, more: Value) -> Answer {
    town.client("finance-officer").act(verification, "/payment-orders", &with(money(amount), more))
}

/// Signs and transmits a draft.
pub fn send(town: &Town, order: &str) {
    let mayor = town.client("mayor");
    let signed = mayor.act(order, "/signature", &json!({})).expect(200);
    let body = json!({ "payment_order_ids": [signed.id()], "total": signed.text("/amount"), "currency": "XOF" });
    mayor.create(&town.path("/payment-order-batches"), &body).expect(201);
}

/// Drafts, signs and transmits an order on a certified verification.
pub fn transmit_order_with(town: &Town, verification: &str, amount: &str, more: Value) -> String {
    let order = town.path(&format!("/payment-orders/{}", draft(town, verification, amount, more).expect(201).id()));
    send(town, &order);
    order
}

pub fn transmit_order(town: &Town, verification: &str, amount: &str) -> String {
    transmit_order_with(town, verification, amount, json!({}))
}

pub fn accept(town: &Town, order: &str) -> Answer {
    town.client("accountant").act(order, "/acceptance", &json!({})).expect(200)
}

/// Fuel committed, verified, certified and on the accountant's desk: commitment, verification, order.
pub fn fuel(town: &Town, invoice: &str, amount: &str) -> [String; 3] {
    let commitment = committed(town, FUEL, amount, &[]);
    let verification = certified(town, &commitment, invoice, amount, papers(&["fuel_log"]));
    let order = transmit_order(town, &verification, amount);
    [commitment, verification, order]
}

/// Fuel for 850,000, committed, verified, certified and on the accountant's desk.
fn fuel_on_the_desk(town: &Town) -> (String, String) {
    let [_, verification, order] = fuel(town, "F-0117", "850000");
    (verification, order)
}

pub fn pay(accountant: &Client, due: &str, payee: &str, amount: &str, mode: &str) -> Answer {
    accountant.act(due, "/payments", &with(money(amount), json!({ "payee_id": payee, "mode": mode })))
}

/// Pays the garage by transfer; the payment's path.
pub fn paid(town: &Town, order: &str, amount: &str) -> String {
    let payment = pay(&town.client("accountant"), order, &town.supplier("SUP-0012"), amount, "transfer").expect(201);
    town.path(&format!("/payments/{}", payment.id()))
}

/// Asks for a correction of an order.
pub fn issue(town: &Town, order: &str, kind: &str, amount: &str) -> Answer {
    let body = with(with(json!({ "kind": kind }), reason()), money(amount));
    town.client("mayor").act(order, "/corrections", &body)
}

/// The postings of every entry of a journal, as (account, side, amount).
pub fn postings(town: &Town, journal: &str) -> Vec<Vec<(String, String, String)>> {
    postings_of(town, 2025, journal)
}

/// The same of any year.
pub fn postings_of(town: &Town, year: i32, journal: &str) -> Vec<Vec<(String, String, String)>> {
    let path = town.path(&format!("/fiscal-years/{year}/entries?journal={journal}"));
    let entries = town.client("auditor").get(&path).expect(200).json()["data"].as_array().expect("entries").clone();
    let text = |line: &Value, member: &str| line[member].as_str().expect("text").to_owned();
    let line = |line: &Value| (text(line, "account"), text(line, "side"), text(line, "amount"));
    entries.iter().map(|entry| entry["postings"].as_array().expect("lines").iter().map(line).collect()).collect()
}

pub fn posting(account: &str, side: &str, amount: &str) -> (String, String, String) {
    (account.to_owned(), side.to_owned(), amount.to_owned())
}

/// The article's committed, verified, ordered, accepted, paid and available, in this order.
pub fn stages(town: &Town, article: &str) -> Vec<String> {
    let row = town.article(article);
    let members = ["committed", "verified", "ordered", "accepted", "paid", "available"];
    members.iter().map(|member| row[member].as_str().expect("an amount").to_owned()).collect()
}

/// What the account shows at the end: debits less credits.
pub fn closing(town: &Town, account: &str) -> i64 {
    let row = town.balance(account);
    let side = |member: &str| row[member].as_str().map_or(0, |text| text.parse::<i64>().expect("a number"));
    side("closing_debit") - side("closing_credit")
}

/// The facts of a refusal, and its pointers.
pub fn told(refusal: &Answer, facts: &[(&str, &str)], pointers: &[&str]) {
    for (name, value) in facts {
        assert_eq!(refusal.text(&format!("/facts/{name}")), *value, "{name} in {}", refusal.json());
    }
    assert_eq!(refusal.pointers(), pointers);
}

on_both_engines! {
    Stage::Open, fn fuel_is_ordered_accepted_and_paid_with_exactly_the_postings_of_the_table(town) {
        let (_, order) = fuel_on_the_desk(town);
        assert_eq!(postings(town, "expenditure"), Vec::<Vec<_>>::new(), "nothing is posted at the signature");
        let accountant = town.client("accountant");
        let accepted = accountant.act(&order, "/acceptance", &json!({})).expect(200);
        assert_eq!(accepted.text("/state"), "accepted");
        assert_eq!(accepted.text("/number"), "M-2025-000001");
        assert_eq!(postings(town, "expenditure"), vec![vec![posting("602", "debit", "850000"), posting("401", "credit", "850000")]]);
        let paid = pay(&accountant, &order, &town.supplier("SUP-0012"), "850000", "transfer").expect(201);
        assert_eq!(paid.text("/number"), "P-2025-000001");
        assert_eq!(postings(town, "treasury"), vec![vec![posting("401", "debit", "850000"), posting("515", "credit", "850000")]]);
        assert_eq!(town.balance("602")["closing_debit"], "850000");
        assert_eq!(town.balance("515")["closing_debit"], "2350000");
        assert_eq!(town.balance("401")["closing_credit"], "400000");
        let article = town.article("602");
        for stage in ["committed", "verified", "ordered", "accepted", "paid"] {
            assert_eq!(article[stage], "850000", "{stage}");
        }
        assert_eq!(article["open"], "3400000");
        assert_eq!(article["available"], "2550000");
        let entry = paid.text("/entry_id");
        let read = town.client("auditor").get(&town.path(&format!("/entries/{entry}"))).expect(200);
        assert_eq!(read.text("/source_id"), paid.text("/id"));
    }

    Stage::Open, fn a_debt_of_the_year_before_is_paid_without_touching_credit(town) {
        let accountant = town.client("accountant");
        let debts = accountant.get(&town.path("/fiscal-years/2025/carried-debts")).expect(200);
        let debt = town.path(&format!("/carried-debts/{}", debts.text("/data/0/id")));
        let creditor = town.supplier("SUP-0003");
        pay(&accountant, &debt, &town.supplier("SUP-0012"), "400000", "transfer").refused(422, "PAYMENT_PAYEE_MISMATCH");
        pay(&accountant, &debt, &creditor, "400001", "transfer").refused(422, "PAYMENT_EXCEEDS_NET");
        pay(&accountant, &debt, &creditor, "400000", "transfer").expect(201);
        assert_eq!(postings(town, "treasury"), vec![vec![posting("401", "debit", "400000"), posting("515", "credit", "400000")]]);
        pay(&accountant, &debt, &creditor, "1", "transfer").refused(409, "PAYMENT_ALREADY_PAID");
        assert_eq!(town.balance("401")["closing_credit"], "0");
        assert_eq!(town.article("601")["paid"], "0");
    }

    Stage::Open, fn a_rejected_order_moves_no_account_and_releases_exactly_its_amount(town) {
        let (verification, order) = fuel_on_the_desk(town);
        let before = town.client("accountant").get(&town.path("/fiscal-years/2025/trial-balance")).expect(200).json();
        assert_eq!(town.article("602")["ordered"], "850000");
        let body = json!({ "reason": "R06", "text": "Journal de carburant manquant" });
        let rejected = town.client("accountant").act(&order, "/rejection", &body).expect(200);
        assert_eq!(rejected.text("/state"), "rejected");
        assert_eq!(rejected.text("/rejection_reason"), "R06");
        let after = town.client("accountant").get(&town.path("/fiscal-years/2025/trial-balance")).expect(200).json();
        assert_eq!(before, after);
        let article = town.article("602");
        assert_eq!((&article["committed"], &article["verified"], &article["ordered"]), (&json!("850000"), &json!("850000"), &json!("0")));
        town.client("accountant").act(&order, "/acceptance", &json!({})).refused(409, "EXPENDITURE_STATE_INVALID");
        let again = transmit_order(town, &verification, "850000");
        let accepted = town.client("accountant").act(&again, "/acceptance", &json!({})).expect(200);
        assert_eq!(accepted.text("/number"), "M-2025-000002", "numbers go on without a gap");
    }

    Stage::Open, fn each_stage_is_bounded_by_the_one_before(town) {
        let refusal = commit_fuel(town, "3400001").refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        assert_eq!(refusal.text("/facts/open"), "3400000");
        assert_eq!(refusal.text("/facts/available"), "3400000");
        assert_eq!(refusal.text("/facts/requested"), "3400001");
        assert_eq!(refusal.pointers(), ["/amount"]);
        let commitment = town.path(&format!("/commitments/{}", commit_fuel(town, "3400000").expect(201).id()));
        commit_fuel(town, "1").refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        verify(town, &commitment, "F-1", "3400001").refused(422, "VERIFICATION_EXCEEDS_COMMITMENT");
        let verification = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-2", "1000000").expect(201).id()));
        verify(town, &commitment, "F-3", "2400001").refused(422, "VERIFICATION_EXCEEDS_COMMITMENT");
        let draft = json!({ "amount": "1000000", "currency": "XOF" });
        let finance = town.client("finance-officer");
        finance.act(&verification, "/payment-orders", &draft).refused(409, "EXPENDITURE_STATE_INVALID");
        town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        let over = json!({ "amount": "1000001", "currency": "XOF" });
        finance.act(&verification, "/payment-orders", &over).refused(422, "PAYMENT_ORDER_EXCEEDS_VERIFICATION");
        // Two drafts of the whole may stand; only one can be signed.
        let one = finance.act(&verification, "/payment-orders", &draft).expect(201).id();
        let two = finance.act(&verification, "/payment-orders", &draft).expect(201).id();
        let sign = |id| town.client("mayor").act(&town.path(&format!("/payment-orders/{id}")), "/signature", &json!({}));
        sign(one).expect(200);
        sign(two).refused(422, "PAYMENT_ORDER_EXCEEDS_VERIFICATION");
        let body = json!({ "payment_order_ids": [one], "total": "999999", "currency": "XOF" });
        let batches = town.path("/payment-order-batches");
        town.client("mayor").create(&batches, &body).refused(422, "PAYMENT_ORDER_BATCH_TOTAL");
        let body = json!({ "payment_order_ids": [one, two], "total": "2000000", "currency": "XOF" });
        town.client("mayor").create(&batches, &body).refused(409, "PAYMENT_ORDER_BATCH_STATE");
        let body = json!({ "payment_order_ids": [one, one], "total": "2000000", "currency": "XOF" });
        town.client("mayor").create(&batches, &body).refused(409, "PAYMENT_ORDER_BATCH_STATE");
    }

    Stage::Open, fn a_payment_is_made_once_to_the_creditor_with_money_that_is_there(town) {
        let (_, order) = fuel_on_the_desk(town);
        let accountant = town.client("accountant");
        let garage = town.supplier("SUP-0012");
        pay(&accountant, &order, &garage, "850000", "transfer").refused(409, "EXPENDITURE_STATE_INVALID");
        accountant.act(&order, "/acceptance", &json!({})).expect(200);
        accountant.act(&order, "/acceptance", &json!({})).refused(409, "EXPENDITURE_STATE_INVALID");
        pay(&accountant, &order, &town.supplier("SUP-0003"), "850000", "transfer").refused(422, "PAYMENT_PAYEE_MISMATCH");
        pay(&accountant, &order, &garage, "850001", "transfer").refused(422, "PAYMENT_EXCEEDS_NET");
        pay(&accountant, &order, &garage, "100001", "cash").refused(422, "PAYMENT_CASH_LIMIT");
        pay(&accountant, &order, &garage, "50000", "cash").refused(409, "PAYMENT_NO_CASH");
        pay(&accountant, &order, &garage, "350000", "cheque").expect(201);
        assert_eq!(accountant.get(&order).text("/state"), "partly_paid");
        pay(&accountant, &order, &garage, "500001", "transfer").refused(422, "PAYMENT_EXCEEDS_NET");
        pay(&accountant, &order, &garage, "500000", "mobile_money").expect(201);
        assert_eq!(accountant.get(&order).text("/state"), "paid");
        pay(&accountant, &order, &garage, "1", "transfer").refused(409, "PAYMENT_ALREADY_PAID");
        assert_eq!(town.balance("515")["closing_debit"], "2350000");
    }

    Stage::Open, fn a_suppliers_invoice_is_accepted_once(town) {
        let one = town.path(&format!("/commitments/{}", commit_fuel(town, "100000").expect(201).id()));
        let two = town.path(&format!("/commitments/{}", commit_fuel(town, "100000").expect(201).id()));
        verify(town, &one, "F-0117", "40000").expect(201);
        let refusal = verify(town, &two, "F-0117", "40000").refused(409, "VERIFICATION_DUPLICATE_INVOICE");
        assert_eq!(refusal.text("/facts/first_use"), "L-2025-000001");
        verify(town, &one, "F-0117", "40000").refused(409, "VERIFICATION_DUPLICATE_INVOICE");
        verify(town, &two, "F-0118", "40000").expect(201);
        // However its number is spelled.
        let other = town.path(&format!("/commitments/{}", commit_fuel(town, "2000").expect(201).id()));
        verify(town, &other, "Fact. n° 900/A", "1000").expect(201);
        let spelled = verify(town, &other, "fact n° 900-a", "1000").refused(409, "VERIFICATION_DUPLICATE_INVOICE");
        assert!(spelled.text("/facts/first_use").starts_with("L-2025-"));
    }

    Stage::Open, fn nobody_stands_on_both_sides(town) {
        // Someone certifies and prepares: allowed, but never on the same document.
        let admin = town.client("administrator");
        let assign = |who: &str, role: &str, from: &str, to: Option<&str>| {
            let body = json!({ "principal_id": town.person(who), "role": role, "valid_from": from, "valid_to": to });
            admin.create(&town.path("/role-assignments"), &body)
        };
        assign("finance-officer", "certifier", "2025-01-01", None).expect(201);
        std::thread::sleep(std::time::Duration::from_millis(2100));
        let commitment = town.path(&format!("/commitments/{}", commit_fuel(town, "850000").expect(201).id()));
        let verification = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-0117", "850000").expect(201).id()));
        town.client("finance-officer").act(&verification, "/certification", &json!({})).refused(403, "DUTIES_SELF_CERTIFICATION");
        // The mayor cannot also be the accountant …
        assign("mayor", "accountant", "2025-01-01", None).refused(409, "ROLE_INCOMPATIBLE");
        // … and who becomes the accountant later still keeps off what they certified before.
        town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        let order = transmit_order(town, &verification, "850000");
        let roles = admin.get(&town.path("/role-assignments")).expect(200).json();
        let certifier = json!(town.person("certifier"));
        let held = roles["data"].as_array().expect("rows").iter().find(|row| row["principal_id"] == certifier).expect("held").clone();
        let end = town.path(&format!("/role-assignments/{}/end", held["id"].as_str().expect("id")));
        admin.act_on(&end, "\"1\"", &json!({ "valid_to": "2025-02-03" })).expect(200);
        assign("certifier", "accountant", "2025-02-04", None).expect(201);
        town.on("2025-02-05");
        std::thread::sleep(std::time::Duration::from_millis(2100));
        let turned = town.client("certifier");
        turned.act(&order, "/acceptance", &json!({})).refused(403, "DUTIES_SAME_PERSON");
        turned.act(&order, "/rejection", &json!({ "reason": "R01", "text": "non" })).refused(403, "DUTIES_SAME_PERSON");
        turned.act(&order, "/hold", &json!({ "reason": "opposition", "text": "non" })).refused(403, "DUTIES_SAME_PERSON");
        let transitions = turned.get(&format!("{order}/transitions")).expect(200).json();
        assert_eq!(transitions[0]["unmet"], json!(["DUTIES_SAME_PERSON"]));
        town.client("accountant").act(&order, "/acceptance", &json!({})).expect(200);
        pay(&turned, &order, &town.supplier("SUP-0012"), "850000", "transfer").refused(403, "DUTIES_SAME_PERSON");
        let correction = town.path(&format!("/payment-order-corrections/{}", issue(town, &order, "reduction", "1").expect(201).id()));
        turned.act(&correction, "/acceptance", &json!({})).refused(403, "DUTIES_SAME_PERSON");
    }

    Stage::Open, fn lines_that_only_move_credit_take_no_commitment(town) {
        for code in ["F-D-022-022-00", "F-D-023-023-00", "I-D-020-020-00"] {
            let body = json!({ "budget_line_id": town.line(code), "supplier_id": town.supplier("SUP-0012"), "label": "x", "amount": "1", "currency": "XOF" });
            town.client("mayor").create(&town.path("/commitments"), &body).refused(422, "BUDGET_CONTINGENCY_DIRECT");
        }
        let body = json!({ "budget_line_id": town.line("F-R-71-711-01"), "supplier_id": town.supplier("SUP-0012"), "label": "x", "amount": "1", "currency": "XOF" });
        town.client("mayor").create(&town.path("/commitments"), &body).refused(422, "COMMITMENT_IMPUTATION_INVALID");
    }

    Stage::Open, fn a_commitment_keeps_to_its_year_its_cutoff_and_an_active_supplier(town) {
        let commit = |on: &str| {
            let body = json!({
                "budget_line_id": town.line("F-D-60-602-01"), "supplier_id": town.supplier("SUP-0012"),
                "label": "Carburant", "amount": "1000", "currency": "XOF", "committed_on": on,
            });
            town.client("mayor").create(&town.path("/commitments"), &body)
        };
        commit("2024-12-31").refused(422, "DATE_OUT_OF_YEAR");
        commit("2025-02-04").refused(422, "DATE_IN_FUTURE");
        town.on("2025-12-15");
        commit("2025-11-30").expect(201);
        let refusal = commit("2025-12-01").refused(422, "COMMITMENT_AFTER_CUTOFF");
        assert_eq!(refusal.text("/facts/cutoff"), "2025-11-30");
        let supplier = town.path(&format!("/suppliers/{}", town.supplier("SUP-0012")));
        let change = |body: Value| {
            let etag = town.client("mayor").get(&supplier).etag();
            let key = uuid::Uuid::new_v4().to_string();
            let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str()), ("if-match", etag.as_str())];
            town.client("mayor").send("PATCH", &supplier, &headers, body.to_string().as_bytes()).expect(200);
        };
        change(json!({ "active": true, "debarred_until": "2025-11-30" }));
        commit("2025-11-30").refused(422, "SUPPLIER_DEBARRED");
        change(json!({ "active": false }));
        commit("2025-11-30").refused(422, "SUPPLIER_INACTIVE");
        town.on("2026-01-10");
        commit("2026-01-10").refused(422, "DATE_OUT_OF_YEAR");
    }

    Stage::Open, fn a_dry_run_tells_the_credit_and_stores_nothing(town) {
        let body = json!({
            "budget_line_id": town.line("F-D-60-602-01"), "supplier_id": town.supplier("SUP-0012"),
            "label": "Carburant", "amount": "400000", "currency": "XOF",
        });
        let check = town.client("mayor").create(&town.path("/commitments?dry_run=true"), &body).expect(200);
        assert_eq!(check.text("/available"), "3000000");
        assert_eq!(town.article("602")["committed"], "0");
        let over = json!({
            "budget_line_id": town.line("F-D-60-602-01"), "supplier_id": town.supplier("SUP-0012"),
            "label": "Carburant", "amount": "3400001", "currency": "XOF",
        });
        town.client("mayor").create(&town.path("/commitments?dry_run=true"), &over).refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
    }
}
