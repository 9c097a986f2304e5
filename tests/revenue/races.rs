//! Races of collectors: never below zero, and no number twice.

use std::collections::BTreeSet;

use serde_json::json;

use super::{authorise, debtor, order, receive, sums};
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn two_collectors_of_the_last_debt_never_take_it_below_zero(town) {
        authorise(town, "722").expect(201);
        let merchant = debtor(town, "RED-0042").expect(201).id();
        for round in 1..=5 {
            let rent = order(town, "F-R-72-722-01", "10000", &json!({ "kind": "individual", "debtor_id": merchant }));
            let answers: Vec<_> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..2).map(|_| scope.spawn(|| receive(town, Some(&rent), "10000"))).collect();
                racers.into_iter().map(|racer| racer.join().expect("a racer ends").expect(201)).collect()
            });
            let flagged = answers.iter().filter(|answer| answer.json()["warnings"] != json!([])).count();
            assert_eq!(flagged, 1, "round {round}: one settles, the other is flagged");
            assert_eq!(sums(town, &rent), ["collected", "0", "10000", "0", "0", "10000"]);
        }
        assert_eq!(town.balance("419")["closing_credit"], "50000");
    }

    Stage::Open, fn receipts_of_many_clients_are_numbered_without_a_gap(town) {
        let numbers: BTreeSet<String> = std::thread::scope(|scope| {
            let collectors: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| (0..4).map(|_| receive(town, None, "100").expect(201).text("/number")).collect::<Vec<_>>()))
                .collect();
            collectors.into_iter().flat_map(|collector| collector.join().expect("a collector ends")).collect()
        });
        let expected: BTreeSet<String> = (1..=64).map(|number| format!("Q-2025-{number:06}")).collect();
        assert_eq!(numbers, expected);
        assert_eq!(town.balance("471")["closing_credit"], "6400");
    }
}
