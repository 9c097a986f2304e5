//! Days: no act comes before what it follows from, and there is not less than nothing on any day, in whatever order acts are dated.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::statement::adds_up;
use super::{Scene, register, scene, with};
use crate::harness::chance::Chance;
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

/// Refused since it is dated before its cause; says which, since when, and of which member.
pub(super) fn early(answer: Answer) -> [String; 3] {
    let refused = answer.refused(422, "DATE_BEFORE_CAUSE");
    [refused.text("/facts/cause"), refused.text("/facts/earliest"), refused.pointers().join(" ")]
}

pub(super) fn on(day: &str) -> Value {
    json!({ "on": day })
}

impl Scene<'_> {
    pub(super) fn allocate_on(&self, purpose: &str, amount: &str, day: &str) -> Answer {
        let body = json!({ "amount": amount, "currency": "USD", "decision_reference": "PV-12", "on": day });
        self.town.client("mayor").act(purpose, "/allocations", &body)
    }

    pub(super) fn release_on(&self, allocation: &str, amount: &str, day: &str) -> Answer {
        let body = json!({ "amount": amount, "currency": "USD", "reason": "Moins cher", "on": day });
        self.town.client("mayor").act(allocation, "/release", &body)
    }

    pub(super) fn used_on(&self, purpose: &str, kind: &str, amount: &str, day: &str) -> Answer {
        let body = json!({ "kind": kind, "amount": amount, "currency": "USD", "on": day, "reference": "R-1" });
        self.town.client("accountant").act(purpose, "/uses", &body)
    }

    pub(super) fn close_on(&self, purpose: &str, day: &str) -> Answer {
        self.town.client("accountant").act(purpose, "/closure", &json!({ "on": day, "reference": "Rapport final" }))
    }

    /// What no statement of a donor or of the fund is on any of these days: below zero, or not the sum of its lines.
    fn holds_on(&self, days: impl Iterator<Item = NaiveDate>) {
        for day in days {
            let statement = self.statement(&format!("?to={day}"));
            adds_up(&statement);
            for part in statement["donors"].as_array().expect("donors").iter().filter(|part| !part["donor_id"].is_null()) {
                assert!(!part["lines"]["closing"].as_str().expect("an amount").starts_with('-'), "{day}: {part}");
            }
            let flow = &statement["waterfall"];
            for line in ["balance", "recipients_balance", "total_balance"] {
                assert!(!flow[line].as_str().expect("an amount").starts_with('-'), "{day}: {line} of {flow}");
            }
        }
    }
}

fn days(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    from.iter_days().take_while(move |day| *day <= to)
}

on_both_engines! {
    Stage::Open, fn nothing_of_a_contribution_comes_before_what_it_follows_from(town) {
        let scene = scene(town, &json!({}));
        let pledge = |more: Value| scene.pledge("DK-1", "1000", &with(on("2016-03-10"), &more));
        assert_eq!(early(pledge(json!({ "ends_on": "2016-03-09" }))), ["pledge", "2016-03-10", "/ends_on"]);
        let instalments = json!([{ "due_on": "2016-04-01", "amount": "400" }, { "due_on": "2016-03-09", "amount": "600" }]);
        assert_eq!(early(pledge(json!({ "instalments": instalments }))), ["pledge", "2016-03-10", "/instalments/1/due_on"]);
        let contribution = town.path(&format!("/contributions/{}", pledge(json!({ "ends_on": "2018-12-31" })).expect(201).id()));
        let moved = |kind: &str, amount: &str, day: &str| scene.moved(&contribution, kind, amount, &on(day));
        assert_eq!(early(moved("commitment", "800", "2016-03-09")), ["pledge", "2016-03-10", "/on"]);
        moved("commitment", "800", "2016-03-20").expect(200);
        assert_eq!(early(moved("commitment", "100", "2016-03-19")), ["commitment", "2016-03-20", "/on"], "an amendment");
        moved("commitment", "200", "2016-05-01").expect(200);
        assert_eq!(early(moved("receipt", "1", "2016-03-19")), ["commitment", "2016-03-20", "/on"]);
        assert_eq!(early(moved("write_off", "1", "2016-03-19")), ["commitment", "2016-03-20", "/on"]);
        // Before the amendment no more came than was signed then.
        assert_eq!(moved("receipt", "800.01", "2016-04-30").refused(422, "CONTRIBUTION_EXCEEDED").text("/facts/possible"), "800.00");
        let own = scene.own_account();
        assert_eq!(scene.moved(&own, "direct_cost", "1", &on("2016-06-01")).refused(422, "CONTRIBUTION_EXCEEDED").text("/facts/possible"), "0.00");
        moved("receipt", "500", "2016-06-10").expect(200);
        // A receipt of an earlier day, recorded later, is the first one.
        assert_eq!(moved("receipt", "500", "2016-06-01").expect(200).text("/first_received_on"), "2016-06-01");
        assert_eq!(early(moved("repayment", "1", "2016-05-31")), ["receipt", "2016-06-01", "/on"]);
        assert_eq!(moved("repayment", "500.01", "2016-06-09").refused(422, "CONTRIBUTION_EXCEEDED").text("/facts/possible"), "500.00");
        for kind in ["interest", "direct_cost", "bank_charge"] {
            assert_eq!(early(scene.moved(&own, kind, "1", &on("2016-05-31"))), ["receipt", "2016-06-01", "/on"], "{kind}");
        }
        let revise = |end: &str| town.client("finance-officer").act(&contribution, "/revision", &json!({ "ends_on": end, "reference": "Avenant" }));
        assert_eq!(early(revise("2016-03-19")), ["commitment", "2016-03-20", "/ends_on"]);
        let promised = town.path(&format!("/contributions/{}", scene.pledge("DK-2", "1", &on("2016-07-10")).expect(201).id()));
        let revised = town.client("finance-officer").act(&promised, "/revision", &json!({ "ends_on": "2016-07-09", "reference": "Lettre" }));
        assert_eq!(early(revised), ["pledge", "2016-07-10", "/ends_on"]);
        town.verify().expect("nothing is wrong");
    }

    Stage::Open, fn nothing_of_a_purpose_comes_before_what_it_follows_from(town) {
        let scene = scene(town, &json!({}));
        let contribution = scene.given("DK-1", "1000", &json!({ "ends_on": "2018-12-31" }));
        let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        assert_eq!(early(scene.allocate_on(&purpose, "500", "2016-11-30")), ["receipt", "2016-12-01", "/on"]);
        let allocation = scene.allocate_on(&purpose, "500", "2018-06-30").expect(201).id();
        let allocation = town.path(&format!("/fund-allocations/{allocation}"));
        assert_eq!(early(scene.release_on(&allocation, "1", "2018-06-29")), ["allocation", "2018-06-30", "/on"]);
        let used = |kind: &str, amount: &str, day: &str| scene.used_on(&purpose, kind, amount, day);
        for kind in ["disbursement", "transfer"] {
            assert_eq!(early(used(kind, "1", "2018-06-29")), ["allocation", "2018-06-30", "/on"], "{kind}");
        }
        used("disbursement", "300", "2018-07-10").expect(200);
        for kind in ["expenditure", "refund", "reversal"] {
            assert_eq!(early(used(kind, "1", "2018-07-09")), ["disbursement", "2018-07-10", "/on"], "{kind}");
        }
        used("expenditure", "200", "2018-07-20").expect(200);
        assert_eq!(early(used("correction", "1", "2018-07-19")), ["expenditure", "2018-07-20", "/on"]);
        let own = scene.own_account();
        assert_eq!(early(scene.moved(&own, "recipients_interest", "1", &on("2018-07-09"))), ["disbursement", "2018-07-10", "/on"]);
        scene.moved(&own, "recipients_interest", "1", &on("2018-07-10")).expect(200);
        // What comes back after the end waits; the donor agrees when there is something to agree to.
        used("refund", "100", "2019-02-01").expect(200);
        assert_eq!(early(scene.moved(&contribution, "consent", "1", &on("2019-01-31"))), ["hold", "2019-02-01", "/on"]);
        scene.moved(&contribution, "consent", "100", &on("2019-02-01")).expect(200);
        scene.release_on(&allocation, "200", "2019-03-01").expect(200);
        assert_eq!(early(scene.close_on(&purpose, "2019-02-28")), ["last_movement", "2019-03-01", "/on"]);
        scene.close_on(&purpose, "2019-03-01").expect(200);
        town.verify().expect("nothing is wrong");
    }

    Stage::Open, fn what_is_dated_back_leaves_no_later_day_below_zero(town) {
        let scene = scene(town, &json!({}));
        let contribution = scene.given("DK-1", "1000", &json!({}));
        let [first, second] = ["TF-1", "TF-2"].map(|reference| scene.purpose(reference, "1000", &[("ML07", 10_000)]));
        let allocation = scene.allocate_on(&first, "900", "2018-06-10").expect(201).id();
        let allocation = town.path(&format!("/fund-allocations/{allocation}"));
        scene.release_on(&allocation, "800", "2018-06-20").expect(200);
        assert_eq!(town.client("auditor").get(&contribution).text("/available"), "900.00");
        // Nine hundred are there now; on the days before the release there were a hundred.
        let possible = |answer: Answer, code: &str| answer.refused(422, code).text("/facts/possible");
        assert_eq!(possible(scene.allocate_on(&second, "100.01", "2018-06-19"), "FUND_INSUFFICIENT"), "100.00");
        assert_eq!(possible(scene.allocate_on(&second, "100.01", "2017-01-01"), "FUND_INSUFFICIENT"), "100.00");
        assert_eq!(possible(scene.moved(&contribution, "repayment", "100.01", &on("2018-06-10")), "CONTRIBUTION_EXCEEDED"), "100.00");
        // Nor is more allocated of the budget of a purpose than it is, on any day.
        assert_eq!(possible(scene.allocate_on(&first, "100.01", "2018-06-15"), "PURPOSE_BUDGET_EXCEEDED"), "100.00");
        assert_eq!(possible(scene.moved(&scene.own_account(), "direct_cost", "100.01", &on("2018-06-10")), "CONTRIBUTION_EXCEEDED"), "100.00");
        // What the bank takes it takes; nothing that the fund is short of then is given back or spent on itself.
        scene.moved(&scene.own_account(), "bank_charge", "10", &on("2018-06-15")).expect(200);
        assert_eq!(possible(scene.moved(&contribution, "repayment", "90.01", &on("2018-06-10")), "CONTRIBUTION_EXCEEDED"), "90.00");
        assert_eq!(possible(scene.allocate_on(&second, "90.01", "2018-06-12"), "FUND_INSUFFICIENT"), "90.00");
        scene.moved(&scene.own_account(), "interest", "10", &on("2018-06-15")).expect(200);
        scene.allocate_on(&second, "100", "2018-06-12").expect(201);
        scene.moved(&scene.own_account(), "direct_cost", "0.01", &on("2018-06-19")).refused(422, "CONTRIBUTION_EXCEEDED");
        scene.allocate_on(&second, "800", "2018-06-20").expect(201);
        // Of a line too: what was disbursed later was not there to be released, and what was spent later not to come back.
        scene.used_on(&second, "disbursement", "900", "2018-07-10").expect(200);
        scene.used_on(&second, "expenditure", "600", "2018-07-20").expect(200);
        assert_eq!(possible(scene.used_on(&second, "refund", "300.01", "2018-07-11"), "FUND_USE_EXCEEDED"), "300.00");
        assert_eq!(possible(scene.used_on(&second, "disbursement", "0.01", "2018-06-15"), "FUND_USE_EXCEEDED"), "0.00");
        scene.used_on(&second, "correction", "600", "2018-07-25").expect(200);
        assert_eq!(possible(scene.used_on(&second, "refund", "300.01", "2018-07-24"), "FUND_USE_EXCEEDED"), "300.00");
        scene.used_on(&second, "refund", "300", "2018-07-24").expect(200);
        scene.holds_on(days("2018-06-05".parse().expect("a date"), "2018-07-31".parse().expect("a date")));
        town.verify().expect("nothing is wrong");
        // A day below zero that no rule let through is found.
        use diesel::connection::SimpleConnection as _;
        let mut conn = town.connection();
        conn.batch_execute("UPDATE contributions SET first_received_on = '2016-12-02'").expect("no rule of the database");
        let found = town.verify();
        assert!(found.as_ref().is_err_and(|found| found.contains("first received on another day")), "{found:?}");
        conn.batch_execute("UPDATE contributions SET first_received_on = '2016-12-01' WHERE kind = 'cash'").expect("put right");
        conn.batch_execute("UPDATE contributions SET first_received_on = NULL WHERE kind = 'own'").expect("put right");
    }

    Stage::Open, fn inv_19_inv_24_of_acts_in_any_order_of_their_days_every_statement_adds_up(town) {
        let seed = std::env::var("SIGIDA_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed_2018_0612);
        let mut chance = Chance(seed);
        println!("SIGIDA_TEST_SEED={seed}");
        let scene = scene(town, &json!({ "fee_bps": 100 }));
        let norway = register(town, "NO", "Norvège", &json!({})).expect(201).id();
        let first: NaiveDate = "2018-06-01".parse().expect("a date");
        let contributions = [json!({ "earmark": { "purposes": ["TF-1"] } }), json!({}), json!({ "donor_id": norway })];
        let contributions: Vec<String> = (0..).zip(contributions).map(|(number, more)| {
            let path = town.path(&format!("/contributions/{}", scene.pledge(&format!("C-{number}"), "1000", &with(on("2018-06-01"), &more)).expect(201).id()));
            scene.moved(&path, "commitment", "1000", &on("2018-06-02")).expect(200);
            path
        }).collect();
        let purposes = ["TF-1", "TF-2"].map(|reference| scene.purpose(reference, "1200", &[("ML07", 10_000)]));
        let (mut allocations, mut done, mut refused) = (Vec::<String>::new(), 0, 0);
        for step in 0..150 {
            let day = first.checked_add_days(Days::new(u64::try_from(chance.below(30)).expect("small"))).expect("a date").to_string();
            let amount = chance.amount(if step < 10 { 900 } else { 250 }).to_string();
            let contribution = &contributions[chance.below(3)];
            let purpose = &purposes[chance.below(2)];
            let kind = ["disbursement", "disbursement", "expenditure", "refund", "correction", "reversal", "transfer"][chance.below(7)];
            let answer = match chance.below(if step < 10 { 2 } else { 12 }) {
                0 | 1 => scene.moved(contribution, "receipt", &amount, &on(&day)),
                2 => scene.moved(contribution, "repayment", &amount, &on(&day)),
                3 if !allocations.is_empty() => scene.release_on(&allocations[chance.below(allocations.len())], &amount, &day),
                4 => scene.moved(&scene.own_account(), ["interest", "direct_cost"][chance.below(2)], &amount, &on(&day)),
                5..=7 => scene.allocate_on(purpose, &amount, &day),
                _ => scene.used_on(purpose, kind, &amount, &day),
            };
            match answer.status {
                200 => done += 1,
                201 => {
                    done += 1;
                    allocations.push(town.path(&format!("/fund-allocations/{}", answer.id())));
                }
                422 => {
                    let codes = ["DATE_BEFORE_CAUSE", "FUND_INSUFFICIENT", "FUND_USE_EXCEEDED", "CONTRIBUTION_EXCEEDED", "PURPOSE_BUDGET_EXCEEDED", "EARMARK_MISMATCH", "EARMARK_PORTION"];
                    assert!(codes.contains(&answer.text("/code").as_str()), "{seed}: {answer:?}");
                    refused += 1;
                }
                _ => panic!("{seed}: {answer:?}"),
            }
        }
        assert!(done > 30 && refused > 10, "{seed}: {done} done, {refused} refused");
        scene.holds_on(days(first, "2018-07-02".parse().expect("a date")));
        town.verify().expect("nothing is wrong");
    }
}
