//! Races of real clients: the last franc, and the same request at the same time.

mod gather;
mod group;
mod server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::expenditure::{self, paper};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

const CLIENTS: usize = 64;
const ROUNDS: usize = 100;

/// Sends one request from each client at the same moment.
pub fn at_once(clients: &[Client], send: impl Fn(&Client) -> Answer + Sync) -> Vec<Answer> {
    let barrier = Arc::new(Barrier::new(clients.len()));
    std::thread::scope(|scope| {
        let racers: Vec<_> = clients
            .iter()
            .map(|client| {
                let (barrier, send) = (Arc::clone(&barrier), &send);
                scope.spawn(move || {
                    barrier.wait();
                    send(client)
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect()
    })
}

/// Exactly one succeeded, and the others were refused with one of these statuses.
fn one_wins(answers: &[Answer], refusals: &[u16]) {
    assert_eq!(answers.iter().filter(|answer| answer.status < 300).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.status < 300 || refusals.contains(&answer.status)), "{answers:?}");
}

fn available(town: &Town, article: &str) -> i64 {
    town.article(article)["available"].as_str().expect("text").parse().expect("a number")
}

on_both_engines! {
    Stage::Open, fn the_last_franc_is_committed_once(town) {
        let clients: Vec<Client> = (0..CLIENTS).map(|_| town.client("mayor")).collect();
        let supplier = town.supplier("SUP-0012");
        // Lines with large credit: each round asks for more than half of what is left, so that one fits and two do not.
        let mut lines = ["I-D-23-231-01", "I-D-23-232-01", "I-D-23-233-01", "I-D-23-234-01", "I-D-24-241-01", "F-D-60-602-01"]
            .map(|code| (code.split('-').nth(3).expect("an article").to_owned(), town.line(code)))
            .into_iter();
        let mut line = lines.next().expect("a line");
        for round in 0..ROUNDS {
            if available(town, &line.0) < 2 {
                line = lines.next().expect("credit for every round");
            }
            let left = available(town, &line.0);
            let wanted = left / 2 + 1;
            let body = json!({
                "budget_line_id": line.1, "supplier_id": supplier, "label": format!("round {round}"),
                "amount": wanted.to_string(), "currency": "XOF",
                "documents": [paper("contract"), paper("controller_visa")],
            });
            let answers = at_once(&clients, |client| client.create(&town.path("/commitments"), &body));
            let winners = answers.iter().filter(|answer| answer.status == 201).count();
            assert_eq!(winners, 1, "round {round}: {left} left, {wanted} wanted");
            for loser in answers.into_iter().filter(|answer| answer.status != 201) {
                loser.refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
            }
            assert_eq!(available(town, &line.0), left - wanted);
        }
    }

    Stage::Open, fn the_same_key_five_times_at_once_has_one_effect_and_one_answer(town) {
        let clients: Vec<Client> = (0..5).map(|_| town.client("mayor")).collect();
        let body = json!({
            "budget_line_id": town.line("F-D-60-602-01"), "supplier_id": town.supplier("SUP-0012"),
            "label": "Carburant", "amount": "850000", "currency": "XOF",
        });
        for round in 0..10 {
            let key = Uuid::new_v4().to_string();
            let answers = at_once(&clients, |client| client.create_with_key(&town.path("/commitments"), &key, &body));
            let first = answers.first().expect("five").clone();
            for answer in &answers {
                if round < 4 {
                    assert_eq!(answer.status, 201);
                    assert_eq!(answer.bytes, first.bytes);
                    assert_eq!(answer.header("location"), first.header("location"));
                    assert_eq!(answer.header("etag").map(|tag| tag.split('-').next().map(str::to_owned)), first.header("etag").map(|tag| tag.split('-').next().map(str::to_owned)));
                } else {
                    answer.clone().refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
                }
            }
            let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
            assert_eq!(replayed, if round < 4 { 4 } else { 0 });
        }
        assert_eq!(town.article("602")["committed"], "3400000");
        // The same key with another body, and from another person, is another matter.
        let key = Uuid::new_v4().to_string();
        let path = town.path("/suppliers");
        let supplier = |code: &str| json!({ "code": code, "name": "Fournisseur" });
        town.client("mayor").create_with_key(&path, &key, &supplier("A-1")).expect(201);
        town.client("mayor").create_with_key(&path, &key, &supplier("A-2")).refused(422, "IDEMPOTENCY_KEY_REUSED");
        town.client("finance-officer").create_with_key(&path, &key, &supplier("A-3")).expect(201);
        town.client("mayor").create_with_key(&path, &key, &supplier("A-1")).expect(201);
    }

    Stage::Open, fn an_order_is_accepted_or_rejected_never_both(town) {
        let accountants: Vec<Client> = (0..8).map(|_| town.client("accountant")).collect();
        for round in 0..5 {
            let commitment = town.path(&format!("/commitments/{}", crate::expenditure::commit_fuel(town, "100000").expect(201).id()));
            let invoice = format!("F-{round}");
            let verification = town.path(&format!("/verifications/{}", crate::expenditure::verify(town, &commitment, &invoice, "100000").expect(201).id()));
            town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
            let order = crate::expenditure::transmit_order(town, &verification, "100000");
            let etag = town.client("accountant").get(&order).etag();
            let turn = std::sync::atomic::AtomicUsize::new(0);
            let answers = at_once(&accountants, |client| {
                let accepts = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst).is_multiple_of(2);
                let (action, body): (&str, Value) = if accepts { ("acceptance", json!({})) } else { ("rejection", json!({ "reason": "R05", "text": "montant" })) };
                client.act_on(&format!("{order}/{action}"), &etag, &body)
            });
            assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
            assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 412)), "{answers:?}");
        }
    }

    Stage::Open, fn a_correction_is_accepted_once(town) {
        let accountants: Vec<Client> = (0..8).map(|_| town.client("accountant")).collect();
        for round in 0..5 {
            let [_, _, order] = expenditure::fuel(town, &format!("F-{round}"), "100000");
            expenditure::accept(town, &order);
            let correction = expenditure::issue(town, &order, "reduction", "40000").expect(201);
            let path = town.path(&format!("/payment-order-corrections/{}/acceptance", correction.id()));
            let answers = at_once(&accountants, |client| client.act_on(&path, &correction.etag(), &json!({})));
            one_wins(&answers, &[412]);
            assert_eq!(town.client("auditor").get(&order).text("/net"), "60000");
        }
    }

    Stage::Open, fn an_order_is_paid_or_cancelled_never_both(town) {
        let accountants: Vec<Client> = (0..8).map(|_| town.client("accountant")).collect();
        let payment = json!({ "payee_id": town.supplier("SUP-0012"), "amount": "100000", "currency": "XOF", "mode": "transfer" });
        for round in 0..5 {
            let [_, _, order] = expenditure::fuel(town, &format!("F-{round}"), "100000");
            expenditure::accept(town, &order);
            let correction = expenditure::issue(town, &order, "cancellation", "100000").expect(201);
            let acceptance = town.path(&format!("/payment-order-corrections/{}/acceptance", correction.id()));
            let etag = town.client("accountant").get(&order).etag();
            let turn = AtomicUsize::new(round);
            let answers = at_once(&accountants, |client| {
                if turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                    client.act_on(&format!("{order}/payments"), &etag, &payment)
                } else {
                    client.act_on(&acceptance, &correction.etag(), &json!({}))
                }
            });
            one_wins(&answers, &[409, 412]);
        }
    }

    Stage::Open, fn a_payment_comes_back_once(town) {
        let accountants: Vec<Client> = (0..8).map(|_| town.client("accountant")).collect();
        for round in 0..5 {
            let [_, _, order] = expenditure::fuel(town, &format!("F-{round}"), "100000");
            expenditure::accept(town, &order);
            let payment = expenditure::paid(town, &order, "100000");
            let etag = town.client("accountant").get(&payment).etag();
            let answers = at_once(&accountants, |client| client.act_on(&format!("{payment}/return"), &etag, &expenditure::reason()));
            one_wins(&answers, &[409]);
            assert_eq!(town.client("auditor").get(&order).text("/paid"), "0");
        }
    }

    Stage::Open, fn a_commitment_is_released_or_verified_never_both(town) {
        let people: Vec<Client> = (0..8).map(|index| town.client(if index % 2 == 0 { "mayor" } else { "finance-officer" })).collect();
        for round in 0..5 {
            let commitment = expenditure::committed(town, expenditure::FUEL, "100000", &[]);
            let etag = town.client("mayor").get(&commitment).etag();
            let invoice = json!({
                "invoice_number": format!("F-{round}"), "invoice_date": "2025-02-01", "amount": "60000", "currency": "XOF",
                "documents": [paper("fuel_log")],
            });
            let turn = AtomicUsize::new(round);
            // The mayor may do both.
            let answers = at_once(&people, |client| {
                let releases = turn.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
                let mayor = if releases { town.client("mayor") } else { client.clone() };
                let (action, body) = if releases { ("release", expenditure::reason()) } else { ("verifications", invoice.clone()) };
                mayor.act_on(&format!("{commitment}/{action}"), &etag, &body)
            });
            one_wins(&answers, &[412]);
        }
    }
}
