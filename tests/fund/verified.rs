//! What verification finds of funds when somebody went around the rules: a day below zero, and sums that no movement makes.

use serde_json::json;

use super::{Scene, scene};
use crate::audit::{found, missed};
use crate::harness::{Stage, Town};
use crate::on_both_engines;

/// A contribution that was pledged, signed, received and given back in part, each on a day of its own, and of which a purpose was paid.
fn played<'a>(town: &'a Town) -> Scene<'a> {
    let scene = scene(town, &json!({}));
    let on = |day: &str| json!({ "on": day });
    let body = json!({ "on": "2016-01-15", "ends_on": "2018-12-31" });
    let contribution = town.path(&format!("/contributions/{}", scene.pledge("DK-1", "1000", &body).expect(201).id()));
    scene.moved(&contribution, "commitment", "1000", &on("2016-03-01")).expect(200);
    scene.moved(&contribution, "receipt", "900", &on("2016-12-01")).expect(200);
    scene.moved(&contribution, "write_off", "100", &on("2017-01-10")).expect(200);
    let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
    scene.allocate(&purpose, "500").expect(201);
    let used = |kind: &str, amount: &str, day: &str| {
        let body = json!({ "kind": kind, "amount": amount, "currency": "USD", "on": day, "reference": "R-1" });
        town.client("accountant").act(&purpose, "/uses", &body).expect(200)
    };
    used("disbursement", "500", "2018-07-10");
    used("expenditure", "300", "2018-07-20");
    used("correction", "50", "2018-07-25");
    used("refund", "100", "2019-02-01");
    scene.moved(&contribution, "consent", "100", &on("2019-03-01")).expect(200);
    scene
}

on_both_engines! {
    Stage::Open, fn a_day_below_zero_is_found_whatever_the_last_day_says(town) {
        played(town);
        town.verify().expect("nothing is wrong");
        for (kind, on, before) in [
            // More is received, or written off, than was signed on that day.
            ("receipt", "2016-12-01", "2016-02-01"),
            ("write_off", "2017-01-10", "2016-02-01"),
            // Allocated before it was received.
            ("allocation", "2018-06-30", "2016-11-30"),
            // Disbursed before it was allocated, spent before it was disbursed, put right before it was spent.
            ("disbursement", "2018-07-10", "2018-06-29"),
            ("expenditure", "2018-07-20", "2018-07-09"),
            ("correction", "2018-07-25", "2018-07-19"),
            ("refund", "2019-02-01", "2018-07-09"),
            // Agreed to before anything waited.
            ("consent", "2019-03-01", "2019-01-31"),
        ] {
            let date = |day: &str| format!("UPDATE fund_movements SET moved_on = '{day}' WHERE kind = '{kind}'");
            found(town, "fund_movements", &date(before), &date(on), &["contribution", &format!("below zero on {before}")]);
        }
    }

    Stage::Open, fn sums_that_no_movement_makes_are_found(town) {
        played(town);
        let line = |sign: &str| format!("UPDATE fund_allocation_lines SET disbursed = disbursed {sign} 1");
        found(town, "fund_allocation_lines", &line("-"), &line("+"), &["allocation", "movements sum to"]);
        missed(town, "fund_allocation_lines", "1 = 1", &["movements of an allocation without a line"]);
        let first = |day: &str| format!("UPDATE contributions SET first_received_on = {day} WHERE kind = 'cash'");
        for wrong in ["'2016-12-02'", "'2016-11-30'", "NULL"] {
            found(town, "contributions", &first(wrong), &first("'2016-12-01'"), &["contribution DK-1", "first received on another day"]);
        }
        let kind = |kind: &str, was: &str| format!("UPDATE fund_movements SET kind = '{kind}' WHERE kind = '{was}'");
        found(town, "fund_movements", &kind("repayment", "refund"), &kind("refund", "repayment"), &["a repayment of an allocation"]);
    }
}
