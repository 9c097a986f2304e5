//! Statements: what closes one period opens the next, and donors add up to the fund, line by line.

use serde_json::{Value, json};

use super::{parts, place, register, scene};
use crate::harness::Stage;
use crate::on_both_engines;

fn cents(value: &Value) -> i64 {
    value.as_str().expect("an amount").replace('.', "").parse().expect("digits")
}

const LINES: [&str; 12] = [
    "opening",
    "received",
    "interest",
    "fee",
    "direct_cost",
    "bank_charges",
    "spent",
    "transferred",
    "residual",
    "repaid",
    "exchange",
    "closing",
];

/// The sum over donors is the fund on every line, and each closes as its lines say.
pub fn adds_up(statement: &Value) {
    let donors = statement["donors"].as_array().expect("donors");
    for line in LINES {
        let sum: i64 = donors.iter().map(|donor| cents(&donor["lines"][line])).sum();
        assert_eq!(sum, cents(&statement["total"][line]), "{line}: {statement}");
    }
    for lines in donors.iter().map(|donor| &donor["lines"]).chain([&statement["total"]]) {
        let [opening, received, interest, fee, direct, bank, spent, transferred, residual, repaid, exchange, closing] =
            LINES.map(|line| cents(&lines[line]));
        let used = spent + transferred + residual;
        assert_eq!(closing, opening + received + interest - fee - direct - bank - used - repaid + exchange, "{lines}");
    }
    let flow = &statement["waterfall"];
    assert_eq!(cents(&flow["total_source"]) - cents(&flow["total_use"]), cents(&flow["balance"]));
    assert_eq!(cents(&flow["total_balance"]), cents(&statement["total"]["closing"]), "{statement}");
}

on_both_engines! {
    Stage::Open, fn inv_22_inv_24_every_franc_of_a_fund_is_somebodys(town) {
        let scene = scene(town, &json!({ "fee_bps": 100 }));
        let mopti = json!({ "earmark": { "territorial_unit_ids": [place(town, "ML05")], "minimum_purposes": 3 }, "ends_on": "2020-03-31" });
        scene.given("DK-1", "70000", &mopti);
        let canada = register(town, "CA", "Canada", &json!({})).expect(201).id();
        let pool = scene.given("CA-1", "33333.33", &json!({ "donor_id": canada }));
        scene.moved(&pool, "repayment", "111.11", &json!({ "on": "2017-03-01" })).expect(200);
        let own = scene.own_account();
        for (kind, amount) in [("interest", "250.10"), ("direct_cost", "100"), ("bank_charge", "0.77")] {
            scene.moved(&own, kind, amount, &json!({ "on": "2017-06-30" })).expect(200);
        }
        let purpose = scene.purpose("TF-1", "120000", &[("ML05", 7000), ("ML07", 3000)]);
        scene.allocate(&purpose, "90000").expect(201);
        scene.used(&purpose, "disbursement", "80000.01").expect(200);
        let spent = parts(&scene.used(&purpose, "expenditure", "54321.07").expect(200));
        assert_eq!(spent.values().map(|amount| cents(&json!(amount))).sum::<i64>(), 5_432_107);
        scene.used(&purpose, "refund", "1234.56").expect(200);
        for query in ["", "?from=2017-01-01&to=2017-12-31", "?from=2018-01-01", "?to=2016-12-31"] {
            adds_up(&scene.statement(query));
        }
        let closing = |query: &str| scene.statement(query)["total"]["closing"].clone();
        assert_eq!(scene.statement("?from=2018-01-01")["total"]["opening"], closing("?to=2017-12-31"));
        assert_eq!(closing(""), closing("?from=2018-01-01"));
        // A donor's own statement shows its line of the fund's.
        let of_fund = scene.statement("")["donors"].as_array().expect("donors").iter().find(|one| one["donor_id"] == json!(canada)).cloned();
        let of_donor = scene.statement(&format!("?donor_id={canada}"));
        assert_eq!(of_donor["total"], of_fund.expect("the donor")["lines"]);
        assert_eq!(of_donor["donors"].as_array().map(Vec::len), Some(1));
        // Two purposes are missing half a year before the end.
        let alerts = |to: &str| scene.statement(&format!("?to={to}"))["alerts"].clone();
        assert_eq!((alerts("2019-10-15")[0]["purposes"].clone(), alerts("2019-09-01")), (json!(1), json!([])));
        assert_eq!(scene.statement("")["allocated"], json!("90000.00"));
    }
}
