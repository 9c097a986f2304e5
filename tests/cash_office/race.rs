//! Races at the cash box: the last franc is spent once, and an advance is made once.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use uuid::Uuid;

use super::{digest, expense, imprest, member, signed, spend, transfer};
use crate::harness::{Client, Stage};
use crate::on_both_engines;
use crate::race::at_once;

on_both_engines! {
    Stage::Open, fn the_last_franc_in_hand_is_spent_once(town) {
        let office = imprest(town, "300000");
        transfer(town, &office, "/advances", "99999").expect(201);
        let clients: Vec<Client> = (0..16).map(|_| town.client("cash-officer")).collect();
        let receipt = AtomicU64::new(1_000);
        // Each round asks for more than half of what is left, so that one fits and two do not.
        for round in 0..8 {
            let left: i64 = member(town, &office, "in_hand").parse().expect("a number");
            let wanted = left / 2 + 1;
            let body = expense(town, &office, "F-D-60-601-01", &wanted.to_string(), 0);
            let answers = at_once(&clients, |client| {
                let mut own = body.clone();
                own["receipt_sha256"] = json!(digest(receipt.fetch_add(1, Ordering::SeqCst)));
                client.create(&town.path("/imprest-expenses"), &own)
            });
            assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "round {round}: {left} left, {wanted} wanted");
            for loser in answers.into_iter().filter(|answer| answer.status != 201) {
                loser.refused(422, "CASH_OFFICE_INSUFFICIENT");
            }
            assert_eq!(member(town, &office, "in_hand"), (left - wanted).to_string());
        }
    }

    Stage::Open, fn what_was_justified_is_replenished_once(town) {
        let office = imprest(town, "300000");
        transfer(town, &office, "/advances", "100000").expect(201);
        let accountants: Vec<Client> = (0..8).map(|_| town.client("accountant")).collect();
        for round in 0..4 {
            let spent: Uuid = spend(town, &office, "40000", 100 + round).expect(201).id();
            let slip = signed(town, &office, &[spent], "40000");
            let etag = town.client("accountant").get(&slip).etag();
            let accepted = at_once(&accountants, |client| client.act_on(&format!("{slip}/acceptance"), &etag, &json!({})));
            assert_eq!(accepted.iter().filter(|answer| answer.status == 200).count(), 1);
            assert!(accepted.iter().all(|answer| matches!(answer.status, 200 | 412)), "{accepted:?}");
            let etag = town.client("accountant").get(&office).etag();
            let body = json!({ "amount": "40000", "currency": "XOF", "document_sha256": digest(3) });
            let answers = at_once(&accountants, |client| client.act_on(&format!("{office}/advances"), &etag, &body));
            assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
            assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 412)), "{answers:?}");
            assert_eq!(member(town, &office, "held"), "100000");
        }
        assert_eq!(town.balance("541")["closing_debit"], "100000");
    }
}
