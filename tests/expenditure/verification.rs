//! Verifications: the arithmetic of invoices, natures of debt, start-up advances, cancellation.

use super::*;

fn cancel(town: &Town, verification: &str) -> Answer {
    town.client("mayor").act(verification, "/cancellation", &reason())
}

fn line(quantity: i64, price: &str) -> Value {
    json!({ "label": "Gasoil", "quantity": quantity, "unit_price": price })
}

/// Classrooms for 24,500,000, with the papers of their contract.
pub fn works(town: &Town) -> String {
    committed(town, WORKS, "24500000", &["contract", "controller_visa"])
}

/// An advance of 4,900,000 on the classrooms, ordered and accepted: verification and order.
pub fn advance(town: &Town, works: &str) -> [String; 2] {
    let more = with(json!({ "nature": "advance" }), papers(&["bank_guarantee"]));
    let advance = verified(town, works, "AV-1", "4900000", more);
    let order = transmit_order_with(town, &advance, "4900000", papers(&["business_tax_proof"]));
    accept(town, &order);
    [advance, order]
}

/// A statement of works that recovers a part of the advance.
pub fn statement(nature: &str, recovered: &str) -> Value {
    with(json!({ "nature": nature, "advance_recovered": recovered }), papers(&["statement_of_works", "acceptance_minutes"]))
}

on_both_engines! {
    Stage::Open, fn the_arithmetic_of_an_invoice_is_checked(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let invoice = |amount: &str, lines: Value, tax: &str| {
            verify_with(town, &commitment, "F-1", amount, with(json!({ "lines": lines, "tax": tax }), papers(&["fuel_log"])))
        };
        let lines = json!([line(3, "250000"), line(1, "20000")]);
        let refusal = invoice("850000", lines.clone(), "79999").refused(422, "VERIFICATION_ARITHMETIC");
        told(&refusal, &[("computed", "849999"), ("stated", "850000")], &["/lines"]);
        invoice("850000", json!([]), "80000").refused(422, "VERIFICATION_ARITHMETIC");
        invoice("850000", json!([line(-1, "10"), line(1, "850010")]), "0").refused(422, "VERIFICATION_ARITHMETIC");
        invoice("1", json!([line(i64::MAX, "1000000000000000")]), "0").refused(422, "VERIFICATION_ARITHMETIC");
        invoice("850000", json!([line(1, "-850000")]), "0").refused(400, "AMOUNT_INVALID");
        let kept = invoice("850000", lines, "80000").expect(201).json();
        assert_eq!((&kept["tax"], &kept["lines"][0]["unit_price"], &kept["charged"]), (&json!("80000"), &json!("250000"), &json!("850000")));
        assert_eq!(stages(town, "602")[1], "850000");
    }

    Stage::Open, fn a_cancelled_verification_frees_its_invoice_and_the_commitment(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let verification = certified(town, &commitment, "F-1", "850000", papers(&["fuel_log"]));
        town.client("finance-officer").act(&verification, "/cancellation", &reason()).refused(403, "ROLE_MISSING");
        let draft_id = draft(town, &verification, "100000", json!({})).expect(201).id();
        let order = town.path(&format!("/payment-orders/{draft_id}"));
        send(town, &order);
        let refusal = cancel(town, &verification).refused(409, "VERIFICATION_ALREADY_ORDERED");
        told(&refusal, &[("ordered", "100000"), ("currency", "XOF")], &[]);
        let later = draft(town, &verification, "1", json!({})).expect(201).id();
        town.client("accountant").act(&order, "/rejection", &json!({ "reason": "R05", "text": "montant" })).expect(200);
        let cancelled = cancel(town, &verification).expect(200);
        assert_eq!((cancelled.text("/state"), cancelled.text("/end_reason")), ("cancelled".to_owned(), "Erreur de saisie".to_owned()));
        assert_eq!(town.client("mayor").get(&commitment).text("/state"), "active");
        assert_eq!(stages(town, "602"), ["850000", "0", "0", "0", "0", "2550000"]);
        cancel(town, &verification).refused(409, "EXPENDITURE_STATE_INVALID");
        town.client("certifier").act(&verification, "/certification", &json!({})).refused(409, "EXPENDITURE_STATE_INVALID");
        // What was drafted or rejected on it goes nowhere any more.
        let later = town.path(&format!("/payment-orders/{later}"));
        town.client("mayor").act(&later, "/signature", &json!({})).refused(409, "EXPENDITURE_STATE_INVALID");
        let written = json!({ "reference": "Ordre 1", "sha256": "e".repeat(64) });
        town.client("mayor").act(&order, "/requisition", &written).refused(409, "EXPENDITURE_STATE_INVALID");
        let again = verify(town, &commitment, "F-1", "850000").expect(201);
        assert_eq!(again.text("/number"), "L-2025-000002");
        town.client("mayor").act(&commitment, "/cancellation", &reason()).refused(409, "COMMITMENT_HAS_VERIFICATION");
    }

    Stage::Open, fn a_released_commitment_that_loses_a_verification_can_be_released_again(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let verification = verified(town, &commitment, "F-1", "500000", papers(&["fuel_log"]));
        town.client("mayor").act(&commitment, "/release", &reason()).expect(200);
        cancel(town, &verification).expect(200);
        assert_eq!(stages(town, "602"), ["500000", "0", "0", "0", "0", "2900000"]);
        assert_eq!(town.client("mayor").get(&commitment).text("/state"), "active");
        town.client("mayor").act(&commitment, "/release", &reason()).expect(200);
        assert_eq!(stages(town, "602"), ["0", "0", "0", "0", "0", "3400000"]);
    }

    Stage::Open, fn an_advance_keeps_to_its_ceiling_and_is_recovered_by_statements(town) {
        let commitment = works(town);
        let judge = |invoice: &str, amount: &str, more: Value| verify_with(town, &commitment, invoice, amount, more);
        let asked = |amount: &str, papers: Value| judge("AV-1", amount, with(json!({ "nature": "advance" }), papers));
        let refusal = asked("4900000", json!({})).refused(422, "VERIFICATION_GUARANTEE_MISSING");
        told(&refusal, &[("documents", "[\"bank_guarantee\"]")], &["/documents"]);
        let refusal = asked("4900001", papers(&["bank_guarantee"])).refused(422, "VERIFICATION_ADVANCE_TOO_HIGH");
        told(&refusal, &[("ceiling", "4900000"), ("granted", "0"), ("requested", "4900001")], &["/amount"]);
        let refusal = judge("D-1", "12000000", statement("instalment", "1")).refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        told(&refusal, &[("outstanding", "0"), ("recovered", "1")], &["/advance_recovered"]);
        town.receive("443", 16_800_000);
        let [_, order] = advance(town, &commitment);
        asked("1", papers(&["bank_guarantee"])).refused(422, "VERIFICATION_ADVANCE_TOO_HIGH");
        judge("D-1", "12000000", statement("instalment", "1")).refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        let payment = paid(town, &order, "4900000");
        let refusal = judge("D-1", "12000000", statement("instalment", "4900001")).refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        told(&refusal, &[("outstanding", "4900000"), ("recovered", "4900001")], &["/advance_recovered"]);
        judge("D-1", "4900000", statement("instalment", "4900000")).refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        let first = certified(town, &commitment, "D-1", "12000000", statement("instalment", "2400000"));
        let shown = town.client("mayor").get(&commitment).json();
        assert_eq!((&shown["advance_paid"], &shown["advance_recovered"], &shown["verified"]), (&json!("4900000"), &json!("2400000"), &json!("14500000")));
        let refusal = judge("D-2", "12500000", statement("balance", "2400000")).refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        told(&refusal, &[("outstanding", "2500000"), ("recovered", "2400000")], &["/advance_recovered"]);
        judge("D-2", "12500000", statement("balance", "0")).refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        judge("D-2", "12500001", statement("balance", "2500000")).refused(422, "VERIFICATION_EXCEEDS_COMMITMENT");
        let last = verified(town, &commitment, "D-2", "12500000", statement("balance", "2500000"));
        assert_eq!(town.client("mayor").get(&commitment).text("/state"), "settled");
        assert_eq!(town.client("mayor").get(&commitment).text("/advance_recovered"), "4900000");
        // Cancelled statements give back what they recovered.
        for (verification, recovered) in [(last, "2400000"), (first, "0")] {
            cancel(town, &verification).expect(200);
            assert_eq!(town.client("mayor").get(&commitment).text("/advance_recovered"), recovered);
        }
        // An advance that came back from the bank is not there to be recovered.
        town.client("accountant").act(&payment, "/return", &reason()).expect(200);
        assert_eq!(town.client("mayor").get(&commitment).text("/advance_paid"), "0");
        judge("D-3", "12000000", statement("instalment", "1")).refused(422, "VERIFICATION_ADVANCE_RECOVERY");
    }

    Stage::Open, fn what_is_kept_back_of_an_advance_is_advanced_as_well(town) {
        let commitment = works(town);
        let more = with(json!({ "nature": "advance" }), papers(&["bank_guarantee"]));
        let advance = verified(town, &commitment, "AV-1", "2000000", more);
        let kept = with(papers(&["business_tax_proof"]), json!({ "deductions": [{ "kind": "tax", "amount": "60000" }] }));
        let order = transmit_order_with(town, &advance, "2000000", kept);
        accept(town, &order);
        assert_eq!(town.client("mayor").get(&commitment).text("/advance_paid"), "60000");
        paid(town, &order, "1940000");
        assert_eq!(town.client("mayor").get(&commitment).text("/advance_paid"), "2000000");
        assert_eq!(closing(town, "251"), 2_000_000);
        certified(town, &commitment, "D-1", "12000000", statement("balance", "2000000"));
    }

    Stage::Open, fn only_some_debts_are_due_without_a_certified_service(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        for nature in ["subsidy", "subscription"] {
            let more = with(json!({ "nature": nature }), papers(&["fuel_log"]));
            let refusal = verify_with(town, &commitment, "F-1", "1000", more).refused(422, "VERIFICATION_NATURE_INVALID");
            told(&refusal, &[("kind", "fuel"), ("nature", nature)], &["/nature"]);
        }
        let more = with(json!({ "nature": "advance" }), papers(&["fuel_log", "bank_guarantee"]));
        let refusal = verify_with(town, &commitment, "F-1", "1000", more).refused(422, "VERIFICATION_ADVANCE_TOO_HIGH");
        told(&refusal, &[("ceiling", "0")], &["/amount"]);
        let insurance = committed(town, "F-D-61-616-01", "300000", &[]);
        let prepaid = verified(town, &insurance, "A-1", "300000", json!({ "nature": "subscription" }));
        transmit_order(town, &prepaid, "300000");
        let served = verified(town, &committed(town, "F-D-61-616-01", "60000", &[]), "A-2", "60000", json!({}));
        draft(town, &served, "60000", json!({})).refused(409, "EXPENDITURE_STATE_INVALID");
    }
}
