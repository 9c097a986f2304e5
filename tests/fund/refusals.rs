//! What is refused, and why; and what the database itself would not take.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{found, rate, register, scene, with};
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn what_funds_are_made_of_is_checked(town) {
        let phase = |envelope: &str| json!({ "phases": [{ "name": "I", "envelope": envelope, "themes": "Paix" }] });
        found(town, &phase("1.005")).refused(400, "AMOUNT_INVALID");
        found(town, &phase("0")).refused(422, "AMOUNT_ZERO");
        found(town, &json!({ "currency": "ZZZ" })).refused(422, "CURRENCY_UNKNOWN");
        found(town, &json!({ "fee_bps": 10_001 })).refused(422, "FEE_INVALID");
        let scene = scene(town, &json!({}));
        found(town, &json!({})).refused(409, "FUND_RECORD_DUPLICATE");
        // No name is that of two donors, however it is written.
        let refusal = register(town, "DEN", "Le Danemark", &json!({ "aliases": ["DENMARK"] })).refused(409, "FUND_RECORD_DUPLICATE");
        assert_eq!(refusal.pointers(), ["/aliases"]);
        register(town, "DK", "Dänemark", &json!({})).refused(409, "FUND_RECORD_DUPLICATE");
        register(town, "X", "X", &json!({ "country": "dk" })).refused(400, "REQUEST_BODY_INVALID");
        rate(town, "EUR", "XOF", "655.957", "2016-01-01").expect(201);
        rate(town, "EUR", "XOF", "655.957", "2016-01-01").refused(409, "FUND_RECORD_DUPLICATE");
        rate(town, "EUR", "XOF", "0", "2016-01-01").refused(422, "EXCHANGE_RATE_INVALID");
        rate(town, "EUR", "QQQ", "1", "2016-01-01").refused(422, "CURRENCY_UNKNOWN");
        rate(town, "EUR", "XOF", "1", "2025-02-04").refused(422, "DATE_IN_FUTURE");
        let half = [("ML07", 5000)];
        scene.define("TF-1", "1000", &half, &json!({})).refused(422, "PURPOSE_SPLIT_SUM");
        let whole = [("ML07", 10_000)];
        scene.define("TF-1", "0", &whole, &json!({})).refused(422, "AMOUNT_ZERO");
        scene.define("TF-1", "1.001", &whole, &json!({})).refused(400, "AMOUNT_INVALID");
        scene.define("TF-1", "1000", &whole, &json!({ "currency": "XOF" })).refused(422, "CURRENCY_MISMATCH");
        let unknown = scene.define("TF-1", "1000", &whole, &json!({ "sector": "astrology" })).refused(422, "FUND_TERM_UNKNOWN");
        assert_eq!(unknown.text("/errors/0/pointer"), "/sector");
        scene.define("TF-1", "1000", &whole, &json!({ "fund_id": Uuid::new_v4() })).refused(404, "NOT_FOUND");
        scene.define("TF-1", "1000", &whole, &json!({})).expect(201);
        scene.define("TF-1", "1000", &whole, &json!({})).refused(409, "FUND_RECORD_DUPLICATE");
    }

    Stage::Open, fn inv_26_a_pledge_is_no_agreement_and_an_agreement_no_money(town) {
        let scene = scene(town, &json!({ "fee_bps": 100 }));
        let refused = |more: Value, status, code: &str| drop(scene.pledge("DK-1", "1000", &more).refused(status, code));
        refused(json!({ "amount": "0" }), 422, "AMOUNT_ZERO");
        refused(json!({ "amount": "1.234" }), 400, "AMOUNT_INVALID");
        refused(json!({ "currency": "ZZZ" }), 422, "CURRENCY_UNKNOWN");
        refused(json!({ "kind": "own" }), 422, "CONTRIBUTION_MOVEMENT_INVALID");
        refused(json!({ "on": "2025-02-04" }), 422, "DATE_IN_FUTURE");
        refused(json!({ "earmark": { "objectives": ["glory"] } }), 422, "FUND_TERM_UNKNOWN");
        refused(json!({ "instalments": [{ "due_on": "2017-01-01", "amount": "999.99" }] }), 422, "CONTRIBUTION_INSTALMENTS");
        refused(json!({ "earmark": { "cap_bps": 0 } }), 400, "REQUEST_BODY_INVALID");
        let halves = json!({ "instalments": [{ "due_on": "2017-01-01", "amount": "400" }, { "due_on": "2018-01-01", "amount": "600" }] });
        let contribution = town.path(&format!("/contributions/{}", scene.pledge("DK-1", "1000", &halves).expect(201).id()));
        refused(json!({}), 409, "FUND_RECORD_DUPLICATE");
        let moved = |kind: &str, amount: &str, more: Value| scene.moved(&contribution, kind, amount, &more);
        // Nothing was signed: no money is expected, however many instalments are due.
        assert_eq!(moved("receipt", "400", json!({})).refused(422, "CONTRIBUTION_EXCEEDED").text("/facts/possible"), "0.00");
        moved("commitment", "900", json!({ "reference": null })).refused(422, "CONTRIBUTION_UNSIGNED");
        moved("commitment", "0", json!({})).refused(422, "AMOUNT_ZERO");
        moved("commitment", "1.005", json!({})).refused(400, "AMOUNT_INVALID");
        moved("commitment", "900", json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        moved("commitment", "900", json!({ "on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        moved("interest", "1", json!({})).refused(422, "CONTRIBUTION_MOVEMENT_INVALID");
        assert_eq!(moved("commitment", "800", json!({})).expect(200).text("/fee_bps"), "100");
        moved("commitment", "100", json!({ "fee_bps": 50 })).refused(422, "CONTRIBUTION_FEE_FROZEN");
        moved("commitment", "100", json!({ "fee_bps": 100 })).expect(200);
        moved("receipt", "400", json!({})).expect(200);
        moved("write_off", "500.01", json!({})).refused(422, "CONTRIBUTION_EXCEEDED");
        moved("write_off", "100", json!({})).expect(200);
        moved("receipt", "400.01", json!({})).refused(422, "CONTRIBUTION_EXCEEDED");
        moved("repayment", "396.01", json!({})).refused(422, "CONTRIBUTION_EXCEEDED");
        let after = moved("repayment", "96", json!({})).expect(200);
        let members = ["pledged", "committed", "received", "written_off", "receivable", "charged", "repaid", "available"];
        let members = members.map(|member| after.text(&format!("/{member}")));
        assert_eq!(members, ["1000.00", "900.00", "400.00", "100.00", "400.00", "4.00", "96.00", "300.00"]);
        // Goods bring no money.
        let listed = json!([{ "description": "Véhicules", "quantity": 20, "amount": "500" }]);
        let goods = scene.pledge("DK-2", "500", &json!({ "kind": "in_kind", "goods": listed })).expect(201);
        let goods = town.path(&format!("/contributions/{}", goods.id()));
        scene.moved(&goods, "commitment", "500", &json!({})).expect(200);
        let received = scene.moved(&goods, "receipt", "500", &json!({})).expect(200);
        assert_eq!((received.text("/received"), received.text("/available")), ("500.00".to_owned(), "0.00".to_owned()));
    }

    Stage::Open, fn inv_19_inv_23_money_is_allocated_used_and_given_back_within_what_there_is(town) {
        let scene = scene(town, &json!({}));
        let contribution = scene.given("DK-1", "1000", &json!({ "ends_on": "2018-12-31" }));
        let purpose = scene.purpose("TF-1", "900", &[("ML07", 10_000)]);
        let mayor = town.client("mayor");
        let allocate = |more: Value| {
            let body = json!({ "amount": "800", "currency": "USD", "decision_reference": "PV-1", "on": "2018-06-30" });
            mayor.act(&purpose, "/allocations", &with(body, &more))
        };
        allocate(json!({ "amount": "0" })).refused(422, "AMOUNT_ZERO");
        allocate(json!({ "amount": "1.234" })).refused(400, "AMOUNT_INVALID");
        allocate(json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        allocate(json!({ "on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        allocate(json!({ "amount": "900.01" })).refused(422, "PURPOSE_BUDGET_EXCEEDED");
        allocate(json!({ "on": "2019-01-01" })).refused(422, "FUND_INSUFFICIENT");
        scene.plan(&purpose, "900.01").refused(422, "PURPOSE_BUDGET_EXCEEDED");
        scene.plan(&purpose, "0").refused(422, "AMOUNT_ZERO");
        scene.plan(&purpose, "1.234").refused(400, "AMOUNT_INVALID");
        let allocation = town.path(&format!("/fund-allocations/{}", allocate(json!({})).expect(201).id()));
        scene.used(&purpose, "expenditure", "1").refused(422, "FUND_USE_EXCEEDED");
        scene.used(&purpose, "disbursement", "800.01").refused(422, "FUND_USE_EXCEEDED");
        scene.used(&purpose, "disbursement", "0").refused(422, "AMOUNT_ZERO");
        scene.used(&purpose, "disbursement", "1.234").refused(400, "AMOUNT_INVALID");
        scene.used(&purpose, "disbursement", "500").expect(200);
        let release = |more: Value| {
            let body = json!({ "amount": "100", "currency": "USD", "reason": "Moins cher", "on": "2018-07-16" });
            mayor.act(&allocation, "/release", &with(body, &more))
        };
        release(json!({ "amount": "300.01" })).refused(422, "FUND_USE_EXCEEDED");
        release(json!({ "amount": "0" })).refused(422, "AMOUNT_ZERO");
        release(json!({ "amount": "1.234" })).refused(400, "AMOUNT_INVALID");
        release(json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        release(json!({ "on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        release(json!({})).expect(200);
        scene.used(&purpose, "expenditure", "300").expect(200);
        scene.used(&purpose, "correction", "300.01").refused(422, "FUND_USE_EXCEEDED");
        let used = |kind: &str, more: Value| {
            let body = json!({ "kind": kind, "amount": "50", "currency": "USD", "on": "2019-02-01", "reference": "R-9" });
            town.client("accountant").act(&purpose, "/uses", &with(body, &more))
        };
        used("refund", json!({ "donor_consent": "Lettre du 15 janvier 2019" })).expect(200);
        used("refund", json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        used("refund", json!({ "on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        let read = town.client("auditor").get(&contribution);
        let kept = ["allocated", "disbursed", "spent", "refunded", "available"].map(|member| read.text(&format!("/{member}")));
        assert_eq!(kept, ["700.00", "500.00", "300.00", "50.00", "350.00"]);
        // A closed period takes nothing more; corrections are made after it.
        let fund = town.path(&format!("/funds/{}", scene.fund));
        let accountant = town.client("accountant");
        accountant.act(&fund, "/closure", &json!({ "on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        accountant.act(&fund, "/closure", &json!({ "on": "2018-12-31" })).expect(200);
        accountant.act(&fund, "/closure", &json!({ "on": "2018-12-31" })).refused(422, "FUND_PERIOD_CLOSED");
        scene.used(&purpose, "expenditure", "1").refused(422, "FUND_PERIOD_CLOSED");
        allocate(json!({ "amount": "1" })).refused(422, "FUND_PERIOD_CLOSED");
        release(json!({ "amount": "1" })).refused(422, "FUND_PERIOD_CLOSED");
        scene.moved(&contribution, "repayment", "1", &json!({})).refused(422, "FUND_PERIOD_CLOSED");
        scene.pledge("DK-9", "1", &json!({})).refused(422, "FUND_PERIOD_CLOSED");
        let closed = scene.statement("?to=2018-12-31");
        used("correction", json!({})).expect(200);
        assert_eq!(scene.statement("?to=2018-12-31")["total"], closed["total"]);
        assert_eq!(scene.statement("?from=2019-01-01")["total"]["spent"], json!("-50.00"));
    }

    Stage::Open, fn the_database_holds_what_the_rules_say(town) {
        let scene = scene(town, &json!({}));
        scene.given("DK-1", "1000", &json!({}));
        let mut conn = town.connection();
        for broken in [
            "UPDATE contributions SET allocated = 100001 WHERE kind = 'cash'",
            "UPDATE contributions SET received = committed + 1 WHERE kind = 'cash'",
            "UPDATE contributions SET disbursed = 1 WHERE kind = 'cash'",
            "UPDATE fund_movements SET value = 0",
            "DELETE FROM fund_movements",
            "UPDATE exchange_rates SET nanos = -1",
            "DELETE FROM donors",
        ] {
            let refused = conn.batch_execute(broken).is_err();
            assert!(refused || broken.starts_with("UPDATE exchange_rates"), "{broken}");
        }
        // What is kept is compared with what moved.
        db::verify::verify(&mut conn).expect("nothing is wrong");
        conn.batch_execute("UPDATE contributions SET pledged = pledged + 1 WHERE kind = 'cash'").expect("no rule of the database");
        let found = db::verify::verify(&mut conn).map_err(|failure| failure.to_string());
        assert!(found.as_ref().is_err_and(|found| found.contains("contribution DK-1")), "{found:?}");
        conn.batch_execute("UPDATE contributions SET pledged = pledged - 1 WHERE kind = 'cash'").expect("put right");
    }
}
