//! Commitments that change: increase, release, cancellation.

use serde_json::json;

use super::*;

fn change(town: &Town, commitment: &str, action: &str, body: &Value) -> Answer {
    town.client("mayor").act(commitment, action, body)
}

on_both_engines! {
    Stage::Open, fn a_commitment_is_increased_within_the_credit_and_released_by_exactly_what_is_left(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let more = |amount: &str| change(town, &commitment, "/increase", &money(amount));
        let refusal = more("2550001").refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        told(&refusal, &[("available", "2550000"), ("requested", "2550001")], &["/amount"]);
        let increased = more("150000").expect(200);
        assert_eq!((increased.text("/amount"), increased.text("/state")), ("1000000".to_owned(), "active".to_owned()));
        verified(town, &commitment, "F-1", "1000000", papers(&["fuel_log"]));
        let settled = town.client("mayor").get(&commitment);
        assert_eq!(settled.text("/state"), "settled");
        change(town, &commitment, "/release", &reason()).refused(409, "COMMITMENT_NOTHING_LEFT");
        assert_eq!(more("250000").expect(200).text("/state"), "partly_verified", "what is settled can grow");
        assert_eq!(stages(town, "602"), ["1250000", "1000000", "0", "0", "0", "2150000"]);
        let refusal = change(town, &commitment, "/cancellation", &reason()).refused(409, "COMMITMENT_HAS_VERIFICATION");
        told(&refusal, &[("verified", "1000000"), ("currency", "XOF")], &[]);
        let released = change(town, &commitment, "/release", &reason()).expect(200);
        assert_eq!((released.text("/amount"), released.text("/state")), ("1000000".to_owned(), "released".to_owned()));
        assert_eq!(released.text("/end_reason"), "Erreur de saisie");
        assert_eq!(stages(town, "602"), ["1000000", "1000000", "0", "0", "0", "2400000"]);
        for (action, body) in [("/increase", money("1")), ("/release", reason()), ("/cancellation", reason())] {
            let refusal = change(town, &commitment, action, &body).refused(409, "EXPENDITURE_STATE_INVALID");
            assert_eq!(refusal.text("/facts/state"), "released");
        }
        verify(town, &commitment, "F-2", "1").refused(409, "EXPENDITURE_STATE_INVALID");
    }

    Stage::Open, fn a_commitment_without_verification_is_cancelled_whole(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let cancelled = change(town, &commitment, "/cancellation", &reason()).expect(200);
        assert_eq!((cancelled.text("/amount"), cancelled.text("/state")), ("0".to_owned(), "cancelled".to_owned()));
        assert_eq!(stages(town, "602"), ["0", "0", "0", "0", "0", "3400000"]);
        change(town, &commitment, "/cancellation", &reason()).refused(409, "EXPENDITURE_STATE_INVALID");
        commit_fuel(town, "3400000").expect(201);
    }

    Stage::Open, fn an_increase_passes_the_controls_of_a_commitment(town) {
        let commitment = committed(town, FUEL, "1000", &[]);
        let mayor = town.client("mayor");
        change(town, &commitment, "/increase", &json!({ "amount": "1", "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        change(town, &commitment, "/increase", &json!({ "amount": "0", "currency": "XOF" })).refused(422, "AMOUNT_ZERO");
        town.client("finance-officer").act(&commitment, "/increase", &money("1")).refused(403, "ROLE_MISSING");
        let supplier = town.path(&format!("/suppliers/{}", town.supplier("SUP-0012")));
        let etag = mayor.get(&supplier).etag();
        let key = uuid::Uuid::new_v4().to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str()), ("if-match", etag.as_str())];
        mayor.send("PATCH", &supplier, &headers, json!({ "active": false }).to_string().as_bytes()).expect(200);
        change(town, &commitment, "/increase", &money("1")).refused(422, "SUPPLIER_INACTIVE");
        town.on("2025-12-01");
        change(town, &commitment, "/increase", &money("1")).refused(422, "COMMITMENT_AFTER_CUTOFF");
        change(town, &commitment, "/release", &reason()).expect(200);
    }

    Stage::Open, fn works_are_committed_by_contract_with_a_visa_and_increased_by_amendment(town) {
        let refusal = commit(town, WORKS, "24500000", &["controller_visa"]).refused(422, "DOCUMENT_MISSING");
        told(&refusal, &[("kind", "works"), ("documents", "[\"contract\"]")], &["/documents"]);
        let refusal = commit(town, WORKS, "20000000", &["contract"]).refused(422, "COMMITMENT_VISA_MISSING");
        told(&refusal, &[("from_amount", "20000000"), ("currency", "XOF")], &["/documents"]);
        assert_eq!(stages(town, "231")[0], "0", "a refused commitment reserves nothing");
        let commitment = committed(town, WORKS, "19999999", &["contract"]);
        let refusal = change(town, &commitment, "/increase", &with(money("1000"), papers(&["contract", "controller_visa"])));
        told(&refusal.refused(422, "DOCUMENT_MISSING"), &[("documents", "[\"amendment\"]")], &["/documents"]);
        // Two small steps do not slip under the threshold of the visa.
        let refusal = change(town, &commitment, "/increase", &with(money("1"), papers(&["amendment"])));
        refusal.refused(422, "COMMITMENT_VISA_MISSING");
        change(town, &commitment, "/increase", &with(money("1"), papers(&["amendment", "controller_visa"]))).expect(200);
        let documents = town.client("auditor").get(&town.path("/supporting-documents?kind=amendment,contract")).expect(200);
        let kinds: Vec<Value> = documents.json()["data"].as_array().expect("rows").iter().map(|row| row["kind"].clone()).collect();
        assert_eq!(kinds, [json!("contract"), json!("amendment")]);
        let id = commitment.rsplit('/').next().expect("an id");
        let behind = town.client("auditor").get(&town.path(&format!("/supporting-documents?subject_id={id}"))).expect(200).json();
        assert_eq!(behind["data"].as_array().map(Vec::len), Some(3));
    }

    Stage::Open, fn a_commitment_closes_only_when_its_advance_is_recovered(town) {
        let works = verification::works(town);
        town.receive("443", 16_800_000);
        let [_, order] = verification::advance(town, &works);
        let refusal = change(town, &works, "/release", &reason()).refused(409, "COMMITMENT_ADVANCE_OUTSTANDING");
        told(&refusal, &[("granted", "4900000"), ("recovered", "0"), ("currency", "XOF")], &[]);
        paid(town, &order, "4900000");
        certified(town, &works, "D-1", "12000000", verification::statement("instalment", "2400000"));
        let settling = |recovered: &str, amount: &str| verify_with(town, &works, "D-2", amount, verification::statement("instalment", recovered));
        settling("0", "10000000").refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        settling("2499999", "12499999").refused(422, "VERIFICATION_ADVANCE_RECOVERY");
        change(town, &works, "/release", &reason()).refused(409, "COMMITMENT_ADVANCE_OUTSTANDING");
        // What no statement will recover is claimed back.
        let claim = |amount: &str| town.client("mayor").act(&order, "/recoveries", &with(money(amount), reason()));
        let refusal = claim("2500001").refused(409, "PAYMENT_ORDER_CORRECTION_BARRED");
        told(&refusal, &[("recovered", "2400000")], &[]);
        let claimed = town.path(&format!("/revenue-orders/{}", claim("2500000").expect(201).id()));
        town.client("accountant").act(&claimed, "/acceptance", &json!({})).expect(200);
        let released = change(town, &works, "/release", &reason()).expect(200);
        assert_eq!((released.text("/amount"), released.text("/advance_paid")), ("12000000".to_owned(), "2400000".to_owned()));
        assert_eq!(closing(town, "251"), 4_900_000 - 2_500_000, "the statement is not ordered yet");
    }

    Stage::Open, fn a_released_commitment_that_lives_again_has_no_reason_to_have_ended(town) {
        let commitment = committed(town, FUEL, "850000", &[]);
        let verification = verified(town, &commitment, "F-1", "300000", papers(&["fuel_log"]));
        change(town, &commitment, "/release", &reason()).expect(200);
        town.client("mayor").act(&verification, "/cancellation", &reason()).expect(200);
        let again = town.client("mayor").get(&commitment);
        assert_eq!((again.text("/state"), again.text("/end_reason")), ("active".to_owned(), "null".to_owned()));
    }
}
