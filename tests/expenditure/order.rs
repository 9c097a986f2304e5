//! Payment orders: deductions, corrected orders, cutoff, requisition, hold and resumption.

use super::*;

fn desk(town: &Town, order: &str, action: &str, body: &Value) -> Answer {
    town.client("accountant").act(order, action, body)
}

fn reject(town: &Town, order: &str, why: &str) {
    desk(town, order, "/rejection", &json!({ "reason": why, "text": "à corriger" })).expect(200);
}

fn written() -> Value {
    json!({ "reference": "Réquisition 2025-01", "sha256": "e".repeat(64) })
}

fn hold() -> Value {
    json!({ "reason": "opposition", "text": "Saisie-attribution du 2 février" })
}

fn state(town: &Town, order: &str) -> String {
    town.client("auditor").get(order).expect(200).text("/state")
}

fn kept(kind: &str, amount: &str) -> Value {
    json!({ "deductions": [{ "kind": kind, "amount": amount }] })
}

on_both_engines! {
    Stage::Open, fn deductions_stay_within_the_order_and_the_retention_within_its_rate(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let verification = certified(town, &commitment, "F-1", "850000", papers(&["fuel_log"]));
        let refusal = draft(town, &verification, "850000", kept("tax", "850001")).refused(422, "PAYMENT_ORDER_DEDUCTION_INVALID");
        told(&refusal, &[("deducted", "850001"), ("amount", "850000")], &["/deductions"]);
        let refusal = draft(town, &verification, "850000", kept("retention", "42501")).refused(422, "PAYMENT_ORDER_DEDUCTION_INVALID");
        told(&refusal, &[("retention", "42501"), ("retention_max", "42500")], &["/deductions"]);
        let huge = json!({ "deductions": [{ "kind": "tax", "amount": "9223372036854775807" }, { "kind": "tax", "amount": "1" }] });
        let refusal = draft(town, &verification, "850000", huge);
        assert!(matches!(refusal.status, 400 | 422), "{refusal:?}");
        let refusal = draft(town, &verification, "850000", kept("tax", "0")).refused(422, "AMOUNT_ZERO");
        assert_eq!(refusal.pointers(), ["/deductions/0/amount"]);
        // An order that is withheld whole is paid when it is accepted.
        let order = transmit_order_with(town, &verification, "850000", kept("tax", "850000"));
        let accepted = accept(town, &order);
        assert_eq!((accepted.text("/state"), accepted.text("/net")), ("paid".to_owned(), "0".to_owned()));
        assert_eq!(stages(town, "602"), ["850000", "850000", "850000", "850000", "850000", "2550000"]);
        assert_eq!(postings(town, "expenditure"), vec![vec![posting("602", "debit", "850000"), posting("442", "credit", "850000")]]);
        pay(&town.client("accountant"), &order, &town.supplier("SUP-0012"), "1", "transfer").refused(409, "PAYMENT_ALREADY_PAID");
    }

    Stage::Open, fn an_order_that_recovers_an_advance_is_whole(town) {
        let works = verification::works(town);
        town.receive("443", 16_800_000);
        let [_, order] = verification::advance(town, &works);
        paid(town, &order, "4900000");
        let first = certified(town, &works, "D-1", "12000000", verification::statement("instalment", "2400000"));
        let proof = papers(&["business_tax_proof"]);
        let refusal = draft(town, &first, "9599999", proof.clone()).refused(422, "PAYMENT_ORDER_NOT_WHOLE");
        told(&refusal, &[("charged", "9600000")], &["/amount"]);
        draft(town, &first, "9600000", proof).expect(201);
    }

    Stage::Open, fn a_rejected_order_is_corrected_by_one_that_replaces_it(town) {
        let [_, verification, order] = fuel(town, "F-1", "850000");
        let id = order.rsplit('/').next().expect("an id").to_owned();
        let replacing = |id: &str| draft(town, &verification, "850000", json!({ "replaces_id": id }));
        // As long as it stands on the desk, nothing replaces it: the verification is wholly ordered.
        replacing(&id).refused(422, "PAYMENT_ORDER_EXCEEDS_VERIFICATION");
        reject(town, &order, "R05");
        let [_, other, _] = fuel(town, "F-2", "1000");
        let refusal = draft(town, &verified(town, &committed(town, "F-D-61-616-01", "1", &[]), "A-1", "1", json!({ "nature": "subscription" })), "1", json!({ "replaces_id": id }));
        told(&refusal.refused(422, "PAYMENT_ORDER_REPLACES_INVALID"), &[], &["/replaces_id"]);
        let drafted = draft(town, &verification, "1", json!({})).expect(201).id().to_string();
        replacing(&drafted).refused(422, "PAYMENT_ORDER_REPLACES_INVALID");
        replacing(&uuid::Uuid::new_v4().to_string()).refused(404, "NOT_FOUND");
        assert_ne!(other, verification);
        let corrected = replacing(&id).expect(201);
        assert_eq!(corrected.text("/replaces_id"), id);
        let corrected = town.path(&format!("/payment-orders/{}", corrected.id()));
        send(town, &corrected);
        // The one or the other, never both.
        town.client("mayor").act(&order, "/requisition", &written()).refused(422, "PAYMENT_ORDER_EXCEEDS_VERIFICATION");
        assert_eq!(accept(town, &corrected).text("/number"), "M-2025-000003");
    }

    Stage::Open, fn orders_of_the_year_are_signed_until_its_end(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let verification = certified(town, &commitment, "F-1", "850000", papers(&["fuel_log"]));
        let order = town.path(&format!("/payment-orders/{}", draft(town, &verification, "850000", json!({})).expect(201).id()));
        let [_, _, rejected] = fuel(town, "F-2", "1000");
        reject(town, &rejected, "R06");
        town.on("2026-01-02");
        let refusal = town.client("mayor").act(&order, "/signature", &json!({})).refused(422, "PAYMENT_ORDER_AFTER_CUTOFF");
        told(&refusal, &[("fiscal_year", "2025"), ("cutoff", "2025-12-31")], &[]);
        town.client("mayor").act(&rejected, "/requisition", &written()).refused(422, "PAYMENT_ORDER_AFTER_CUTOFF");
        town.on("2025-12-31");
        town.client("mayor").act(&order, "/signature", &json!({})).expect(200);
    }

    Stage::Open, fn a_requisition_is_barred_for_some_reasons_and_keeps_the_others(town) {
        for why in ["R02", "R04", "R07", "R08", "R09"] {
            let [_, _, order] = fuel(town, why, "10000");
            town.client("mayor").act(&order, "/requisition", &written()).refused(409, "EXPENDITURE_STATE_INVALID");
            reject(town, &order, why);
            let refusal = town.client("mayor").act(&order, "/requisition", &written()).refused(422, "PAYMENT_ORDER_REQUISITION_FORBIDDEN");
            told(&refusal, &[("reason", why)], &[]);
            let moves = town.client("mayor").get(&format!("{order}/transitions")).expect(200);
            assert_eq!(moves.text("/0/operation"), "requisition_payment_order");
            assert_eq!(moves.json()[0]["unmet"], json!(["PAYMENT_ORDER_REQUISITION_FORBIDDEN"]));
        }
        for why in ["R01", "R03", "R05", "R06", "R10", "R11"] {
            let [_, _, order] = fuel(town, why, "10000");
            reject(town, &order, why);
            let before = stages(town, "602");
            let requisitioned = town.client("mayor").act(&order, "/requisition", &written()).expect(200);
            assert_eq!(requisitioned.text("/state"), "requisitioned");
            assert_ne!(stages(town, "602"), before, "it is ordered again");
            desk(town, &order, "/rejection", &json!({ "reason": why, "text": "non" })).refused(409, "EXPENDITURE_STATE_INVALID");
            desk(town, &order, "/hold", &hold()).refused(409, "EXPENDITURE_STATE_INVALID");
            accept(town, &order);
            let payment = paid(town, &order, "10000");
            assert!(payment.contains("/payments/"));
            // The reason of the rejection and the written order stay.
            let shown = town.client("auditor").get(&order).expect(200);
            assert_eq!(shown.text("/state"), "paid");
            assert_eq!((shown.text("/rejection_reason"), shown.text("/rejection_text")), (why.to_owned(), "à corriger".to_owned()));
            assert_eq!(shown.text("/requisition_reference"), "Réquisition 2025-01");
            assert_eq!(shown.text("/requisitioned_by"), town.person("mayor").to_string());
            assert_eq!(shown.text("/requisitioned_on"), "2025-02-03");
        }
    }

    Stage::Open, fn a_held_order_does_nothing_but_resume(town) {
        let [_, _, order] = fuel(town, "F-1", "850000");
        let garage = town.supplier("SUP-0012");
        let (accountant, mayor) = (town.client("accountant"), town.client("mayor"));
        let nothing_moves = || {
            for (action, body) in [
                ("/acceptance", json!({})),
                ("/rejection", json!({ "reason": "R05", "text": "non" })),
                ("/hold", hold()),
            ] {
                desk(town, &order, action, &body).refused(409, "EXPENDITURE_STATE_INVALID");
            }
            pay(&accountant, &order, &garage, "1", "transfer").refused(409, "EXPENDITURE_STATE_INVALID");
            mayor.act(&order, "/requisition", &written()).refused(409, "EXPENDITURE_STATE_INVALID");
            mayor.act(&order, "/signature", &json!({})).refused(409, "EXPENDITURE_STATE_INVALID");
            let correction = with(json!({ "kind": "reduction", "reason": "x" }), money("1"));
            mayor.act(&order, "/corrections", &correction).refused(409, "EXPENDITURE_STATE_INVALID");
            let moves = accountant.get(&format!("{order}/transitions")).expect(200).json();
            assert_eq!(moves.as_array().map(Vec::len), Some(1));
            assert_eq!(moves[0]["operation"], "resume_payment_order");
            moves[0]["to"].as_str().expect("a state").to_owned()
        };
        desk(town, &order, "/resumption", &json!({})).refused(409, "EXPENDITURE_STATE_INVALID");
        let before = stages(town, "602");
        let held = desk(town, &order, "/hold", &hold()).expect(200);
        assert_eq!((held.text("/state"), held.text("/hold_reason"), held.text("/held_on")), ("held".to_owned(), "opposition".to_owned(), "2025-02-03".to_owned()));
        assert_eq!(nothing_moves(), "transmitted");
        let resumed = desk(town, &order, "/resumption", &json!({})).expect(200);
        assert_eq!((resumed.text("/state"), resumed.text("/hold_reason")), ("transmitted".to_owned(), "null".to_owned()));
        assert_eq!(stages(town, "602"), before);
        accept(town, &order);
        for (from, amount) in [("accepted", "350000"), ("partly_paid", "100000")] {
            desk(town, &order, "/hold", &json!({ "reason": "insufficient_cash", "text": "à son tour" })).expect(200);
            assert_eq!(nothing_moves(), from);
            assert_eq!(desk(town, &order, "/resumption", &json!({})).expect(200).text("/state"), from);
            paid(town, &order, amount);
        }
        // What comes back from the bank while the order is held does not lift the opposition.
        let payments = accountant.get(&town.path("/payments")).expect(200).json();
        desk(town, &order, "/hold", &hold()).expect(200);
        for payment in payments["data"].as_array().expect("rows") {
            let payment = town.path(&format!("/payments/{}", payment["id"].as_str().expect("an id")));
            accountant.act(&payment, "/return", &reason()).expect(200);
            assert_eq!(state(town, &order), "held");
        }
        assert_eq!(nothing_moves(), "returned");
        assert_eq!(desk(town, &order, "/resumption", &json!({})).expect(200).text("/state"), "returned");
        paid(town, &order, "850000");
        desk(town, &order, "/hold", &hold()).refused(409, "EXPENDITURE_STATE_INVALID");
    }

    Stage::Open, fn who_drafted_or_signed_neither_holds_nor_resumes(town) {
        let [_, _, order] = fuel(town, "F-1", "850000");
        for (login, action) in [("mayor", "/hold"), ("finance-officer", "/hold"), ("certifier", "/resumption")] {
            town.client(login).act(&order, action, &hold()).refused(403, "ROLE_MISSING");
        }
        town.client("accountant").act(&order, "/requisition", &written()).refused(403, "ROLE_MISSING");
    }
}
