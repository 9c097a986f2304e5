//! Corrections of accepted orders: reductions and cancellations, by both officers.

use super::*;

fn issued(town: &Town, order: &str, kind: &str, amount: &str) -> String {
    town.path(&format!("/payment-order-corrections/{}", issue(town, order, kind, amount).expect(201).id()))
}

fn agree(town: &Town, correction: &str) -> Answer {
    town.client("accountant").act(correction, "/acceptance", &json!({}))
}

/// Reduces or cancels, both officers agreeing.
fn corrected(town: &Town, order: &str, kind: &str, amount: &str) -> Answer {
    agree(town, &issued(town, order, kind, amount)).expect(200)
}

fn accepted_fuel(town: &Town, amount: &str) -> [String; 3] {
    let chain = fuel(town, "F-1", amount);
    accept(town, &chain[2]);
    chain
}

on_both_engines! {
    Stage::Open, fn a_reduction_takes_back_stages_and_a_release_gives_the_credit_back(town) {
        let [commitment, verification, order] = accepted_fuel(town, "850000");
        let before = town.client("auditor").get(&order).text("/version");
        let correction = issued(town, &order, "reduction", "50000");
        assert_eq!(town.client("auditor").get(&order).text("/version"), before, "nothing moves until both agree");
        let done = agree(town, &correction).expect(200);
        assert_eq!((done.text("/state"), done.text("/number")), ("accepted".to_owned(), "OR-2025-000001".to_owned()));
        assert_eq!(postings(town, "miscellaneous"), vec![vec![posting("401", "debit", "50000"), posting("602", "credit", "50000")]]);
        assert_eq!(stages(town, "602"), ["850000", "800000", "800000", "800000", "0", "2550000"]);
        let shown = town.client("auditor").get(&order);
        assert_eq!((shown.text("/net"), shown.text("/reduced"), shown.text("/state")), ("800000".to_owned(), "50000".to_owned(), "accepted".to_owned()));
        assert_eq!(town.client("auditor").get(&verification).text("/reduced"), "50000");
        town.client("mayor").act(&commitment, "/release", &reason()).expect(200);
        assert_eq!(stages(town, "602"), ["800000", "800000", "800000", "800000", "0", "2600000"]);
        pay(&town.client("accountant"), &order, &town.supplier("SUP-0012"), "800001", "transfer").refused(422, "PAYMENT_EXCEEDS_NET");
        paid(town, &order, "800000");
        assert_eq!((closing(town, "602"), closing(town, "401"), closing(town, "515")), (800_000, -400_000, 2_400_000));
        issue(town, &order, "reduction", "1").refused(409, "EXPENDITURE_STATE_INVALID");
    }

    Stage::Open, fn a_cancellation_is_the_linked_opposite_of_the_acceptance(town) {
        let [commitment, verification, order] = accepted_fuel(town, "850000");
        for (kind, amount) in [("reduction", "850000"), ("cancellation", "849999"), ("cancellation", "850001")] {
            let refusal = issue(town, &order, kind, amount).refused(422, "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
            told(&refusal, &[("unpaid", "850000"), ("requested", amount)], &["/amount"]);
        }
        let entries = town.client("auditor").get(&town.path("/fiscal-years/2025/entries?journal=expenditure")).expect(200);
        let done = corrected(town, &order, "cancellation", "850000");
        let entry = town.client("auditor").get(&town.path(&format!("/entries/{}", done.text("/entry_id")))).expect(200);
        assert_eq!(entry.text("/reverses_id"), entries.text("/data/0/id"));
        assert_eq!(postings(town, "miscellaneous"), vec![vec![posting("602", "credit", "850000"), posting("401", "debit", "850000")]]);
        let shown = town.client("auditor").get(&order);
        assert_eq!((shown.text("/state"), shown.text("/net")), ("cancelled".to_owned(), "0".to_owned()));
        assert_eq!(town.client("auditor").get(&verification).text("/state"), "cancelled");
        assert_eq!(stages(town, "602"), ["850000", "0", "0", "0", "0", "2550000"]);
        pay(&town.client("accountant"), &order, &town.supplier("SUP-0012"), "1", "transfer").refused(409, "EXPENDITURE_STATE_INVALID");
        // The same invoice can be verified again, on the same commitment.
        let again = certified(town, &commitment, "F-1", "850000", papers(&["fuel_log"]));
        let order = transmit_order(town, &again, "850000");
        accept(town, &order);
        paid(town, &order, "850000");
    }

    Stage::Open, fn a_reduced_order_is_cancelled_by_what_is_left_of_it(town) {
        let [_, verification, order] = accepted_fuel(town, "850000");
        corrected(town, &order, "reduction", "50000");
        let refusal = issue(town, &order, "cancellation", "850000").refused(422, "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
        told(&refusal, &[("unpaid", "800000")], &["/amount"]);
        corrected(town, &order, "cancellation", "800000");
        assert_eq!(stages(town, "602"), ["850000", "0", "0", "0", "0", "2550000"]);
        assert_eq!((closing(town, "602"), closing(town, "401")), (0, -400_000));
        assert_eq!(town.client("auditor").get(&verification).text("/state"), "cancelled");
    }

    Stage::Open, fn a_reduced_order_on_the_account_of_its_own_deduction_is_cancelled_too(town) {
        let commitment = committed(town, "F-D-66-664-01", "200000", &[]);
        let verification = certified(town, &commitment, "P-1", "200000", papers(&["pay_sheet"]));
        let kept = json!({ "deductions": [{ "kind": "social", "amount": "30000" }] });
        let order = transmit_order_with(town, &verification, "200000", kept);
        accept(town, &order);
        assert_eq!(closing(town, "431"), -200_000);
        corrected(town, &order, "reduction", "70000");
        assert_eq!(closing(town, "431"), -130_000);
        corrected(town, &order, "cancellation", "100000");
        assert_eq!((closing(town, "431"), closing(town, "664")), (0, 0));
        assert_eq!(stages(town, "664"), ["200000", "0", "0", "0", "0", "2200000"]);
    }

    Stage::Open, fn of_two_corrections_in_flight_the_second_must_still_fit(town) {
        let [_, _, order] = accepted_fuel(town, "850000");
        let one = issued(town, &order, "reduction", "500000");
        let two = issued(town, &order, "reduction", "400000");
        let whole = issued(town, &order, "cancellation", "850000");
        agree(town, &one).expect(200);
        agree(town, &one).refused(409, "EXPENDITURE_STATE_INVALID");
        let refusal = agree(town, &two).refused(422, "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
        told(&refusal, &[("unpaid", "350000"), ("requested", "400000")], &["/amount"]);
        agree(town, &whole).refused(422, "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
        let wrong = json!({ "text": "Ne tient plus dans le reste à payer" });
        town.client("mayor").act(&two, "/rejection", &wrong).refused(403, "ROLE_MISSING");
        let rejected = town.client("accountant").act(&two, "/rejection", &wrong).expect(200);
        assert_eq!((rejected.text("/state"), rejected.text("/rejection_text")), ("rejected".into(), "Ne tient plus dans le reste à payer".into()));
        paid(town, &order, "300000");
        issue(town, &order, "cancellation", "50000").refused(422, "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
        // What is left of a partly paid order is taken back: it is paid.
        corrected(town, &order, "reduction", "50000");
        assert_eq!(town.client("auditor").get(&order).text("/state"), "paid");
        agree(town, &two).refused(409, "EXPENDITURE_STATE_INVALID");
        assert_eq!(stages(town, "602"), ["850000", "300000", "300000", "300000", "300000", "2550000"]);
        let id = order.rsplit('/').next().expect("an id");
        let list = |query: &str| town.client("auditor").get(&town.path(&format!("/payment-order-corrections?{query}"))).expect(200).json();
        assert_eq!(list(&format!("payment_order_id={id}&state=issued"))["data"].as_array().map(Vec::len), Some(1));
        assert_eq!(list("fiscal_year=2025&state=accepted")["data"].as_array().map(Vec::len), Some(2));
        assert_eq!(list("fiscal_year=2024")["data"], json!([]));
    }

    Stage::Open, fn corrections_need_both_officers_and_the_same_year(town) {
        let [_, _, order] = accepted_fuel(town, "850000");
        let body = with(with(json!({ "kind": "reduction" }), reason()), money("1"));
        town.client("accountant").act(&order, "/corrections", &body).refused(403, "ROLE_MISSING");
        let correction = issued(town, &order, "reduction", "1");
        town.client("mayor").act(&correction, "/acceptance", &json!({})).refused(403, "ROLE_MISSING");
        town.client("accountant").act_on(&format!("{correction}/acceptance"), "\"7\"", &json!({})).refused(412, "VERSION_STALE");
        town.on("2026-01-05");
        agree(town, &correction).refused(422, "DATE_OUT_OF_YEAR");
        issue(town, &order, "reduction", "1").refused(422, "DATE_OUT_OF_YEAR");
    }

    Stage::Open, fn a_cancelled_order_gives_back_its_retention_and_the_advance_that_it_recovered(town) {
        let works = verification::works(town);
        town.receive("443", 16_800_000);
        let [_, advance] = verification::advance(town, &works);
        paid(town, &advance, "4900000");
        let first = certified(town, &works, "D-1", "12000000", verification::statement("instalment", "2400000"));
        let kept = with(papers(&["business_tax_proof"]), json!({ "deductions": [{ "kind": "retention", "amount": "600000" }] }));
        let order = transmit_order_with(town, &first, "9600000", kept);
        accept(town, &order);
        let counters = || {
            let shown = town.client("auditor").get(&works).json();
            ["advance_paid", "advance_recovered", "retention_withheld"].map(|member| shown[member].as_str().expect("an amount").to_owned())
        };
        assert_eq!(counters(), ["4900000", "2400000", "600000"]);
        corrected(town, &order, "cancellation", "9000000");
        assert_eq!(counters(), ["4900000", "0", "0"]);
        assert_eq!(stages(town, "231"), ["24500000", "4900000", "4900000", "4900000", "4900000", "0"]);
        for (account, left) in [("231", 0), ("251", 4_900_000), ("4047", 0), ("404", 0)] {
            assert_eq!(closing(town, account), left, "{account}");
        }
        let again = certified(town, &works, "D-1", "12000000", verification::statement("instalment", "2400000"));
        let kept = with(papers(&["business_tax_proof"]), json!({ "deductions": [{ "kind": "retention", "amount": "600000" }] }));
        transmit_order_with(town, &again, "9600000", kept);
    }

    Stage::Open, fn an_advance_recovered_and_a_retention_released_are_not_taken_back(town) {
        let works = verification::works(town);
        town.receive("443", 16_800_000);
        let [_, advance] = verification::advance(town, &works);
        let payment = paid(town, &advance, "4900000");
        let first = certified(town, &works, "D-1", "12000000", verification::statement("instalment", "2400000"));
        let accountant = town.client("accountant");
        accountant.act(&payment, "/return", &reason()).expect(200);
        let refusal = issue(town, &advance, "cancellation", "4900000").refused(409, "PAYMENT_ORDER_CORRECTION_BARRED");
        told(&refusal, &[("recovered", "2400000"), ("released", "0"), ("currency", "XOF")], &[]);
        issue(town, &advance, "reduction", "2500001").refused(409, "PAYMENT_ORDER_CORRECTION_BARRED");
        let fits = issued(town, &advance, "reduction", "2500000");
        let kept = with(papers(&["business_tax_proof"]), json!({ "deductions": [{ "kind": "retention", "amount": "600000" }] }));
        let order = transmit_order_with(town, &first, "9600000", kept);
        accept(town, &order);
        let whole = issued(town, &order, "cancellation", "9000000");
        let release = with(papers(&["final_acceptance"]), json!({ "payment": with(money("1"), json!({ "payee_id": town.supplier("SUP-0012"), "mode": "transfer" })) }));
        accountant.act(&works, "/retention-payments", &release).expect(201);
        let refusal = agree(town, &whole).refused(409, "PAYMENT_ORDER_CORRECTION_BARRED");
        told(&refusal, &[("released", "1")], &[]);
        agree(town, &fits).expect(200);
        assert_eq!(town.client("auditor").get(&advance).text("/net"), "2400000");
        paid(town, &advance, "2400000");
    }
}
