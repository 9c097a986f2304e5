//! Races for the last of a contribution.

use serde_json::json;

use super::scene;
use crate::harness::{Client, Stage};
use crate::on_both_engines;
use crate::race::at_once;

on_both_engines! {
    Stage::Open, fn ac_30_inv_19_of_two_allocations_on_one_contribution_exactly_one_fits(town) {
        let scene = scene(town, &json!({}));
        let contribution = scene.given("DK-1", "1000000", &json!({}));
        let purposes = [scene.purpose("TF-1", "1000000", &[("ML07", 10_000)]), scene.purpose("TF-2", "1000000", &[("ML05", 10_000)])];
        for round in 0..4 {
            let clients: Vec<Client> = (0..2).map(|_| town.client("mayor")).collect();
            let turn = std::sync::atomic::AtomicUsize::new(round);
            // Each round is a day later: what was given back on a day was not there the day before.
            let on = format!("2018-07-{:02}", 2 * round + 1);
            let body = json!({ "amount": "600000", "currency": "USD", "decision_reference": "PV-12", "on": on });
            let answers = at_once(&clients, |client| {
                let purpose = &purposes[turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2];
                client.act(purpose, "/allocations", &body)
            });
            let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            for lost in answers.iter().filter(|answer| answer.status != 201) {
                lost.clone().refused(422, "FUND_INSUFFICIENT");
            }
            assert_eq!(town.client("auditor").get(&contribution).text("/available"), "400000.00");
            let back = json!({ "amount": "600000", "currency": "USD", "reason": "Reporté", "on": format!("2018-07-{:02}", 2 * round + 2) });
            let allocation = town.path(&format!("/fund-allocations/{}", won[0].id()));
            town.client("mayor").act(&allocation, "/release", &back).expect(200);
        }
    }
}
