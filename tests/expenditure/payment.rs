//! Payments: pay and its remittances, works with advance and retention, what comes back from the bank.

use super::*;

fn remit(town: &Town, held: &str, amount: &str) -> Answer {
    let payment = with(money(amount), json!({ "payee_id": town.supplier("SUP-0003"), "mode": "transfer" }));
    let body = json!({ "fiscal_year": 2025, "held": held, "payment": payment });
    town.client("accountant").create(&town.path("/remittances"), &body)
}

fn back(town: &Town, payment: &str) -> Answer {
    town.client("accountant").act(payment, "/return", &json!({ "reason": "Compte clos" }))
}

fn retention(town: &Town, works: &str, amount: &str, documents: &[&str]) -> Answer {
    let payment = with(money(amount), json!({ "payee_id": town.supplier("SUP-0012"), "mode": "transfer" }));
    town.client("accountant").act(works, "/retention-payments", &with(papers(documents), json!({ "payment": payment })))
}

/// The pay of January, accepted: gross 990,000, of which 35,640 of contributions and 42,000 of taxes.
fn pay_of_january(town: &Town) -> String {
    let pay = committed(town, "F-D-66-661-01", "990000", &[]);
    let sheet = certified(town, &pay, "PAIE-01", "990000", papers(&["pay_sheet"]));
    let kept = json!([{ "kind": "social", "amount": "35640" }, { "kind": "tax", "amount": "42000" }]);
    let order = transmit_order_with(town, &sheet, "990000", json!({ "deductions": kept }));
    let accepted = accept(town, &order);
    assert_eq!((accepted.text("/net"), accepted.text("/amount")), ("912360".to_owned(), "990000".to_owned()));
    order
}

/// The employer's share of January on the desk.
fn share_of_january(town: &Town, more: Value) -> String {
    let share = committed(town, "F-D-66-664-01", "200000", &[]);
    let sheet = certified(town, &share, "COT-01", "200000", papers(&["pay_sheet"]));
    transmit_order_with(town, &sheet, "200000", more)
}

on_both_engines! {
    Stage::Open, fn the_pay_of_a_month_with_its_withholdings_and_remittances(town) {
        let pay = pay_of_january(town);
        assert_eq!(stages(town, "661")[4], "77640", "what is kept back is paid for the credit");
        let share = share_of_january(town, json!({ "deductions": [{ "kind": "social", "amount": "200000" }] }));
        assert_eq!(accept(town, &share).text("/state"), "paid");
        paid(town, &pay, "912360");
        let refusal = remit(town, "social", "235641").refused(422, "PAYMENT_EXCEEDS_NET");
        told(&refusal, &[("net", "235640"), ("requested", "235641")], &["/amount"]);
        let social = remit(town, "social", "235640").expect(201);
        assert_eq!((social.text("/remitted"), social.text("/payment_order_id")), ("social".to_owned(), "null".to_owned()));
        let taxes = remit(town, "taxes_withheld", "42000").expect(201);
        remit(town, "taxes_withheld", "1").refused(409, "PAYMENT_ALREADY_PAID");
        assert_eq!(postings(town, "expenditure"), vec![
            vec![
                posting("661", "debit", "990000"), posting("431", "credit", "35640"),
                posting("442", "credit", "42000"), posting("421", "credit", "912360"),
            ],
            vec![posting("664", "debit", "200000"), posting("431", "credit", "200000")],
        ]);
        assert_eq!(postings(town, "treasury"), vec![
            vec![posting("421", "debit", "912360"), posting("515", "credit", "912360")],
            vec![posting("431", "debit", "235640"), posting("515", "credit", "235640")],
            vec![posting("442", "debit", "42000"), posting("515", "credit", "42000")],
        ]);
        for (account, left) in [("661", 990_000), ("664", 200_000), ("421", 0), ("431", 0), ("442", 0), ("401", -400_000), ("515", 2_010_000)] {
            assert_eq!(closing(town, account), left, "{account}");
        }
        assert_eq!(stages(town, "661"), ["990000", "990000", "990000", "990000", "990000", "12810000"]);
        assert_eq!(stages(town, "664"), ["200000", "200000", "200000", "200000", "200000", "2200000"]);
        // A remittance that comes back is held again.
        let returned = back(town, &town.path(&format!("/payments/{}", taxes.id()))).expect(200);
        assert_eq!((returned.text("/returned_on"), returned.text("/return_reason")), ("2025-02-03".to_owned(), "Compte clos".to_owned()));
        assert_eq!(closing(town, "442"), -42_000);
        remit(town, "taxes_withheld", "42000").expect(201);
    }

    Stage::Open, fn what_an_order_claims_is_paid_to_it_and_not_remitted(town) {
        pay_of_january(town);
        let share = share_of_january(town, json!({}));
        accept(town, &share);
        let refusal = remit(town, "social", "35641").refused(422, "PAYMENT_EXCEEDS_NET");
        told(&refusal, &[("net", "35640")], &["/amount"]);
        let payment = paid(town, &share, "200000");
        remit(town, "social", "35640").expect(201);
        assert_eq!(closing(town, "431"), 0);
        back(town, &payment).expect(200);
        remit(town, "social", "1").refused(409, "PAYMENT_ALREADY_PAID");
        paid(town, &share, "200000");
        assert_eq!(closing(town, "431"), 0);
        let unknown = json!({ "fiscal_year": 2031, "held": "social", "payment": with(money("1"), json!({ "payee_id": town.supplier("SUP-0003"), "mode": "cash" })) });
        town.client("accountant").create(&town.path("/remittances"), &unknown).refused(404, "NOT_FOUND");
    }

    Stage::Open, fn works_with_an_advance_a_statement_and_a_retention(town) {
        town.receive("443", 16_800_000);
        let works = verification::works(town);
        let [_, advance] = verification::advance(town, &works);
        paid(town, &advance, "4900000");
        let first = certified(town, &works, "D-1", "12000000", verification::statement("instalment", "2400000"));
        let kept = with(papers(&["business_tax_proof"]), json!({ "deductions": [{ "kind": "retention", "amount": "600000" }] }));
        let order = transmit_order_with(town, &first, "9600000", kept);
        let accepted = accept(town, &order);
        assert_eq!((accepted.text("/amount"), accepted.text("/advance_recovered"), accepted.text("/net")), ("9600000".to_owned(), "2400000".to_owned(), "9000000".to_owned()));
        let payment = paid(town, &order, "9000000");
        assert_eq!(postings(town, "expenditure"), vec![
            vec![posting("251", "debit", "4900000"), posting("404", "credit", "4900000")],
            vec![
                posting("231", "debit", "12000000"), posting("251", "credit", "2400000"),
                posting("4047", "credit", "600000"), posting("404", "credit", "9000000"),
            ],
        ]);
        assert_eq!(postings(town, "treasury"), vec![
            vec![posting("404", "debit", "4900000"), posting("515", "credit", "4900000")],
            vec![posting("404", "debit", "9000000"), posting("515", "credit", "9000000")],
        ]);
        for (account, left) in [("231", 12_000_000), ("251", 2_500_000), ("4047", -600_000), ("404", 0), ("515", 6_100_000)] {
            assert_eq!(closing(town, account), left, "{account}");
        }
        assert_eq!(stages(town, "231"), ["24500000", "14500000", "14500000", "14500000", "14500000", "0"]);

        // The retention is released after the final acceptance, at most what was withheld.
        let refusal = retention(town, &works, "600000", &["acceptance_minutes"]).refused(422, "DOCUMENT_MISSING");
        told(&refusal, &[("documents", "[\"final_acceptance\"]"), ("kind", "works")], &["/documents"]);
        retention(town, &works, "600001", &["final_acceptance"]).refused(422, "PAYMENT_EXCEEDS_NET");
        retention(town, &works, "200000", &["final_acceptance"]).expect(201);
        let released = retention(town, &works, "400000", &["final_acceptance"]).expect(201);
        retention(town, &works, "1", &["final_acceptance"]).refused(409, "PAYMENT_ALREADY_PAID");
        assert_eq!(closing(town, "4047"), 0);
        assert_eq!(town.client("auditor").get(&works).text("/retention_released"), "600000");
        assert_eq!(stages(town, "231")[4], "14500000", "no credit moves");
        back(town, &town.path(&format!("/payments/{}", released.id()))).expect(200);
        assert_eq!(town.client("auditor").get(&works).text("/retention_released"), "200000", "what came back is held again");
        assert_eq!(closing(town, "4047"), -400_000);
        retention(town, &works, "400000", &["final_acceptance"]).expect(201);
        back(town, &payment).expect(200);
        assert_eq!(stages(town, "231")[4], "5500000");
        assert_eq!(closing(town, "404"), -9_000_000);
    }

    Stage::Open, fn a_grant_comes_back_from_the_bank_and_is_paid_again(town) {
        let commitment = committed(town, "F-D-63-632-01", "100000", &[]);
        let grant = verified(town, &commitment, "CGS-1", "100000", with(json!({ "nature": "subsidy" }), papers(&["agreement"])));
        let order = transmit_order(town, &grant, "100000");
        accept(town, &order);
        let payment = paid(town, &order, "100000");
        let entry = town.client("auditor").get(&payment).text("/entry_id");
        assert_eq!(stages(town, "632")[4], "100000");
        let returned = back(town, &payment).expect(200);
        assert_eq!(returned.text("/version"), "2");
        let reversal = town.client("auditor").get(&town.path(&format!("/entries/{}", returned.text("/return_entry_id")))).expect(200);
        assert_eq!(reversal.text("/reverses_id"), entry);
        assert_eq!(postings(town, "treasury"), vec![
            vec![posting("401", "debit", "100000"), posting("515", "credit", "100000")],
            vec![posting("401", "credit", "100000"), posting("515", "debit", "100000")],
        ]);
        assert_eq!((closing(town, "632"), closing(town, "401"), closing(town, "515")), (100_000, -500_000, 3_200_000));
        assert_eq!(stages(town, "632"), ["100000", "100000", "100000", "100000", "0", "1700000"]);
        assert_eq!(town.client("auditor").get(&order).text("/state"), "returned");
        back(town, &payment).refused(409, "PAYMENT_ALREADY_RETURNED");
        town.client("mayor").act(&payment, "/return", &reason()).refused(403, "ROLE_MISSING");
        assert_eq!(town.client("auditor").get(&town.path("/payments")).text("/data/0/returned_on"), "2025-02-03");
        let again = paid(town, &order, "100000");
        assert_ne!(again, payment);
        assert_eq!(town.client("auditor").get(&order).text("/state"), "paid");
        assert_eq!(closing(town, "515"), 3_100_000);
        pay(&town.client("accountant"), &order, &town.supplier("SUP-0012"), "1", "transfer").refused(409, "PAYMENT_ALREADY_PAID");
        back(town, &payment).refused(409, "PAYMENT_ALREADY_RETURNED");
    }

    Stage::Open, fn cash_does_not_come_back_from_the_bank(town) {
        let [_, _, order] = fuel(town, "F-1", "20000");
        accept(town, &order);
        let accountant = town.client("accountant");
        let transfer = json!({ "journal": "treasury", "accounting_date": "2025-01-20", "label": "Approvisionnement de la caisse", "currency": "XOF", "document_sha256": "c".repeat(64), "lines": [
            { "account": "531", "side": "debit", "amount": "20000" },
            { "account": "515", "side": "credit", "amount": "20000" },
        ]});
        accountant.create(&town.path("/fiscal-years/2025/entries"), &transfer).expect(201);
        let cash = pay(&accountant, &order, &town.supplier("SUP-0012"), "20000", "cash").expect(201);
        back(town, &town.path(&format!("/payments/{}", cash.id()))).refused(409, "PAYMENT_NOT_RETURNABLE");
    }

    Stage::Open, fn a_debt_of_the_year_before_comes_back_and_is_due_again(town) {
        let accountant = town.client("accountant");
        let debts = town.path("/fiscal-years/2025/carried-debts");
        let debt = town.path(&format!("/carried-debts/{}", accountant.get(&debts).text("/data/0/id")));
        let payment = pay(&accountant, &debt, &town.supplier("SUP-0003"), "400000", "cheque").expect(201);
        back(town, &town.path(&format!("/payments/{}", payment.id()))).expect(200);
        assert_eq!((closing(town, "401"), closing(town, "515")), (-400_000, 3_200_000));
        assert_eq!(accountant.get(&debts).text("/data/0/paid"), "0");
        pay(&accountant, &debt, &town.supplier("SUP-0003"), "400000", "transfer").expect(201);
    }

    Stage::Open, fn nothing_is_paid_that_the_account_does_not_cover(town) {
        let [_, _, order] = fuel(town, "F-1", "3400000");
        accept(town, &order);
        let accountant = town.client("accountant");
        let garage = town.supplier("SUP-0012");
        let refusal = pay(&accountant, &order, &garage, "3200001", "transfer").refused(409, "PAYMENT_NO_CASH");
        told(&refusal, &[("account", "515")], &[]);
        let refusal = pay(&accountant, &order, &garage, "50000", "cash").refused(409, "PAYMENT_NO_CASH");
        told(&refusal, &[("account", "531")], &[]);
        let refusal = pay(&accountant, &order, &garage, "100001", "cash").refused(422, "PAYMENT_CASH_LIMIT");
        told(&refusal, &[("ceiling", "100000")], &["/amount"]);
        let refusal = pay(&accountant, &order, &town.supplier("SUP-0003"), "1", "transfer").refused(422, "PAYMENT_PAYEE_MISMATCH");
        told(&refusal, &[], &["/payee_id"]);
        paid(town, &order, "3200000");
        assert_eq!(closing(town, "515"), 0);
    }

    Stage::Open, fn the_database_itself_pays_no_more_than_is_due_and_keeps_the_hands_apart(town) {
        use diesel::connection::SimpleConnection as _;
        let [_, _, order] = fuel(town, "F-1", "850000");
        accept(town, &order);
        paid(town, &order, "850000");
        let mut conn = town.connection();
        conn.batch_execute("UPDATE payment_orders SET paid = paid, decided_by = decided_by").expect("what stands may stand");
        for statement in [
            "UPDATE payment_orders SET paid = paid + 1",
            "UPDATE payment_orders SET decided_by = drafted_by",
            "UPDATE payment_orders SET decided_by = signed_by",
            "UPDATE verifications SET certified_by = recorded_by",
            "UPDATE verifications SET ordered = amount + 1",
            "UPDATE commitments SET advance_recovered = advance_granted + 1",
            "UPDATE commitments SET retention_released = retention_withheld + 1",
            "UPDATE commitments SET advance_granted = 1 WHERE state = 'settled'",
            "UPDATE carried_debts SET paid = amount, reduced = 1",
        ] {
            assert!(conn.batch_execute(statement).is_err(), "{statement}");
        }
    }
}
