//! What stands against a dated act is its own cause, none of another's; the last day of something belongs to it.

use serde_json::json;

use super::day::{early, on};
use super::{register, scene};
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn a_fund_does_not_end_before_what_was_pledged_signed_or_allocated(town) {
        let scene = scene(town, &json!({}));
        let fund = town.path(&format!("/funds/{}", scene.fund));
        let end = |day: &str| town.client("finance-officer").act(&fund, "/revision", &json!({ "name": "Fonds (fictif)", "fee_bps": 0, "ends_on": day }));
        // It ends where its last act of these kinds is, and not the day before; then it goes on.
        let ends_with = |before: &str, last: &str| {
            assert_eq!(early(end(before)), ["last_movement", last, "/ends_on"]);
            end(last).expect(200);
            // The last day is one of its days.
            scene.pledge(&format!("E-{last}"), "1", &on(last)).expect(201);
            end("2030-12-31").expect(200);
        };
        let contribution = town.path(&format!("/contributions/{}", scene.pledge("DK-1", "1000", &on("2017-03-10")).expect(201).id()));
        ends_with("2017-03-09", "2017-03-10");
        scene.moved(&contribution, "commitment", "1000", &on("2017-05-01")).expect(200);
        ends_with("2017-04-30", "2017-05-01");
        // What was signed is received afterwards.
        scene.moved(&contribution, "receipt", "1000", &on("2017-06-01")).expect(200);
        end("2017-05-01").expect(200);
        end("2030-12-31").expect(200);
        let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        scene.allocate_on(&purpose, "100", "2018-06-30").expect(201);
        ends_with("2018-06-29", "2018-06-30");
        end("2018-06-30").expect(200);
        scene.moved(&contribution, "commitment", "1", &on("2018-06-30")).expect(200);
        scene.allocate_on(&purpose, "1", "2018-06-30").expect(201);
    }

    Stage::Open, fn what_is_done_with_one_contribution_or_purpose_stands_against_no_other(town) {
        let scene = scene(town, &json!({}));
        let first = scene.given("DK-1", "1000", &on("2016-03-10"));
        let later = scene.pledge("DK-2", "1000", &on("2017-07-10")).expect(201).id();
        let later = town.path(&format!("/contributions/{later}"));
        // The pledge of another comes later.
        scene.moved(&first, "commitment", "1", &on("2017-07-01")).expect(200);
        let revise = |day: &str| town.client("finance-officer").act(&first, "/revision", &json!({ "ends_on": day, "reference": "Avenant" }));
        revise("2017-07-01").expect(200);
        revise("2030-12-31").expect(200);
        scene.moved(&later, "commitment", "1000", &on("2017-07-20")).expect(200);
        scene.moved(&later, "receipt", "1000", &on("2017-07-20")).expect(200);
        // The first receipt of a fund is the first of all its contributions.
        let purposes = ["TF-1", "TF-2"].map(|reference| scene.purpose(reference, "1000", &[("ML07", 10_000)]));
        for purpose in &purposes {
            scene.allocate_on(purpose, "400", "2017-01-10").expect(201);
        }
        let [one, other] = purposes;
        scene.used_on(&one, "disbursement", "200", "2018-07-10").expect(200);
        // Of what was never disbursed nothing is spent, whatever was disbursed of another purpose.
        assert_eq!(scene.used_on(&other, "expenditure", "1", "2018-07-09").refused(422, "FUND_USE_EXCEEDED").text("/facts/possible"), "0.00");
        scene.used_on(&one, "disbursement", "200", "2018-07-30").expect(200);
        assert_eq!(early(scene.used_on(&one, "expenditure", "1", "2018-07-09")), ["disbursement", "2018-07-10", "/on"], "the first of both");
        // One disbursement before it is enough; that another came later does not matter.
        scene.used_on(&one, "expenditure", "100", "2018-07-15").expect(200);
        let own = scene.own_account();
        scene.moved(&own, "recipients_interest", "1", &on("2018-07-15")).expect(200);
        scene.used_on(&one, "refund", "300", "2018-08-01").expect(200);
        scene.used_on(&other, "transfer", "400", "2018-09-01").expect(200);
        // What moved of another purpose keeps none open.
        scene.close_on(&one, "2018-08-01").expect(200);
        assert_eq!(early(scene.close_on(&other, "2018-08-31")), ["last_movement", "2018-09-01", "/on"]);
    }

    Stage::Open, fn what_was_passed_on_earns_interest_too(town) {
        let scene = scene(town, &json!({}));
        scene.given("DK-1", "1000", &json!({}));
        let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        scene.allocate_on(&purpose, "400", "2018-06-30").expect(201);
        scene.used_on(&purpose, "transfer", "400", "2018-07-10").expect(200);
        let own = scene.own_account();
        let interest = |day: &str| scene.moved(&own, "recipients_interest", "1", &on(day));
        assert_eq!(early(interest("2018-07-09")), ["disbursement", "2018-07-10", "/on"]);
        interest("2018-07-10").expect(200);
    }

    Stage::Open, fn a_donor_agrees_to_what_waits_on_the_day(town) {
        let scene = scene(town, &json!({}));
        let contribution = scene.given("DK-1", "1000", &json!({ "ends_on": "2018-12-31" }));
        let other = scene.given("DK-2", "1000", &json!({ "ends_on": "2018-12-31", "earmark": { "purposes": ["TF-2"] } }));
        let purposes = ["TF-1", "TF-2"].map(|reference| scene.purpose(reference, "1000", &[("ML07", 10_000)]));
        for purpose in &purposes {
            scene.allocate_on(purpose, "500", "2018-06-30").expect(201);
            scene.used_on(purpose, "disbursement", "500", "2018-07-10").expect(200);
        }
        let [one, two] = purposes;
        // On its last day a contribution takes back what comes.
        scene.used_on(&one, "refund", "50", "2018-12-31").expect(200);
        assert_eq!(town.client("auditor").get(&contribution).text("/held"), "0.00");
        scene.used_on(&one, "refund", "100", "2019-02-01").expect(200);
        scene.used_on(&one, "refund", "100", "2019-04-01").expect(200);
        scene.used_on(&two, "refund", "100", "2019-03-01").expect(200);
        let agreed = |path: &str, amount: &str, day: &str| scene.moved(path, "consent", amount, &on(day));
        // To the first while the second has not come, and to no more than that; to nothing of another.
        agreed(&contribution, "100.01", "2019-03-01").refused(422, "CONTRIBUTION_EXCEEDED");
        agreed(&contribution, "100", "2019-03-01").expect(200);
        assert_eq!(early(agreed(&other, "1", "2019-02-15")), ["hold", "2019-03-01", "/on"]);
        agreed(&other, "100", "2019-03-01").expect(200);
    }

    Stage::Open, fn on_its_last_day_a_contribution_still_pays_and_on_the_next_no_more(town) {
        let scene = scene(town, &json!({}));
        scene.given("DK-1", "1000", &json!({ "ends_on": "2018-12-31" }));
        let gao = scene.given("DK-2", "1000", &json!({ "ends_on": "2018-12-31", "earmark": { "purposes": ["TF-1"] } }));
        let canada = register(town, "CA", "Canada", &json!({})).expect(201).id();
        let goods = json!({ "donor_id": canada, "kind": "in_kind", "goods": [{ "description": "Tentes", "quantity": 1, "amount": "700" }] });
        scene.given("CA-1", "700", &goods);
        let [earmarked, pooled] = ["TF-1", "TF-2"].map(|reference| scene.purpose(reference, "3000", &[("ML07", 10_000)]));
        let possible = |answer: Answer| answer.refused(422, "FUND_INSUFFICIENT").text("/facts/possible");
        assert_eq!(possible(scene.allocate_on(&earmarked, "0.01", "2019-01-01")), "0.00");
        assert_eq!(possible(scene.allocate_on(&pooled, "0.01", "2019-01-01")), "0.00");
        // Goods are no money: neither what is allocated nor what the fund's own work costs is paid with them.
        let own = scene.own_account();
        let cost = scene.moved(&own, "direct_cost", "1000.01", &on("2018-12-31")).refused(422, "CONTRIBUTION_EXCEEDED");
        assert_eq!(cost.text("/facts/possible"), "1000.00");
        assert_eq!(scene.moved(&own, "direct_cost", "0.01", &on("2019-01-01")).refused(422, "CONTRIBUTION_EXCEEDED").text("/facts/possible"), "0.00");
        assert_eq!(possible(scene.allocate_on(&earmarked, "2000.01", "2018-12-31")), "2000.00");
        scene.allocate_on(&pooled, "1000", "2018-12-31").expect(201);
        // What is earmarked is not the pool's: it can be given back though the pool is empty.
        scene.moved(&gao, "repayment", "1", &on("2018-12-31")).expect(200);
        scene.allocate_on(&earmarked, "999", "2018-12-31").expect(201);
    }

    Stage::Open, fn what_came_back_later_was_not_there_to_be_released(town) {
        let scene = scene(town, &json!({}));
        scene.given("DK-1", "1000", &json!({}));
        let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        let allocation = scene.allocate_on(&purpose, "500", "2018-06-30").expect(201).id();
        let allocation = town.path(&format!("/fund-allocations/{allocation}"));
        scene.used_on(&purpose, "disbursement", "450", "2018-07-10").expect(200);
        scene.used_on(&purpose, "reversal", "300", "2018-07-20").expect(200);
        let released = |amount: &str, day: &str| scene.release_on(&allocation, amount, day);
        assert_eq!(released("50.01", "2018-07-15").refused(422, "FUND_USE_EXCEEDED").text("/facts/possible"), "50.00");
        assert_eq!(released("50.01", "2018-07-01").refused(422, "FUND_USE_EXCEEDED").text("/facts/possible"), "50.00");
        assert_eq!(released("350.01", "2018-07-20").refused(422, "FUND_USE_EXCEEDED").text("/facts/possible"), "350.00");
        released("350", "2018-07-20").expect(200);
    }
}
