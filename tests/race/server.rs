//! Two servers on one database: what one of them knows, the other cannot, so only the database decides.

use api::config::SignInPolicy;
use serde_json::json;

use super::{CLIENTS, at_once, one_wins};
use crate::expenditure::{self, papers};
use crate::harness::acknowledged::{Desk, Intent, Notes};
use crate::harness::postgres::Cluster;
use crate::harness::program::Place;
use crate::harness::town::{self, keys};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// How often each race is run.
const ROUNDS: usize = 10;

/// Every client asks at the same moment for one of the intents, by its place.
fn ask(clients: &[Client], intents: &[Intent]) -> Vec<Answer> {
    let places: Vec<(Client, Intent)> = clients.iter().cloned().zip(intents.iter().cloned()).collect();
    std::thread::scope(|scope| {
        let asking: Vec<_> = places.iter().map(|(client, intent)| scope.spawn(move || intent.ask(client))).collect();
        asking.into_iter().map(|racer| racer.join().expect("a racer ends").expect("an answer")).collect()
    })
}

/// What may still be committed on the line of the desk.
fn available(desk: &Desk<'_>) -> i64 {
    let execution = desk.client("mayor").get(&desk.path("/fiscal-years/2025/budget-execution")).expect(200).json();
    let rows = execution["articles"].as_array().expect("articles");
    let row = rows.iter().find(|row| row["article"] == "602").expect("an article");
    row["available"].as_str().expect("text").parse().expect("a number")
}

/// Commitments and entries of different keys, asked for through both programs at once: numbers without gap or repetition.
fn numbers_without_gap(desk: &Desk<'_>, second: &Place, notes: &Notes) {
    for _ in 0..ROUNDS {
        let intents: Vec<Intent> = (0..CLIENTS / 2).map(|index| desk.intent(index % 2 == 0)).collect();
        let clients: Vec<Client> = intents.iter().zip(0..).map(|(intent, index)| desk.client_at(second, index, intent.login)).collect();
        for answer in ask(&clients, &intents) {
            notes.note(&answer.expect(201).json());
        }
    }
    assert_eq!(desk.books().differences(&notes.read()), [""; 0]);
}

/// One key, asked for eight times through both programs at once: one effect, and one answer for all.
fn one_effect_of_a_key(desk: &Desk<'_>, second: &Place, notes: &Notes) {
    for round in 0..ROUNDS {
        let intent = desk.intent(round % 2 == 0);
        let clients: Vec<Client> = (0..8).map(|index| desk.client_at(second, index, intent.login)).collect();
        let answers = ask(&clients, &vec![intent; 8]);
        let first = answers.first().expect("eight").clone().expect(201);
        assert!(answers.iter().all(|answer| answer.status == 201 && answer.bytes == first.bytes), "{answers:?}");
        let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
        assert_eq!(replayed, 7);
        notes.note(&first.json());
    }
    assert_eq!(desk.books().differences(&notes.read()), [""; 0]);
}

/// More than half of what is left, asked for by all through both programs at once: it fits once.
fn the_last_franc(desk: &Desk<'_>, second: &Place, notes: &Notes) {
    let clients: Vec<Client> = (0..16).map(|index| desk.client_at(second, index, "mayor")).collect();
    for round in 0..ROUNDS {
        let left = available(desk);
        let wanted = left / 2 + 1;
        let intents: Vec<Intent> = clients.iter().map(|_| desk.intent(false).of(wanted)).collect();
        let (won, lost): (Vec<Answer>, Vec<Answer>) = ask(&clients, &intents).into_iter().partition(|answer| answer.status == 201);
        assert_eq!(won.len(), 1, "round {round}: {left} left, {wanted} wanted");
        notes.note(&won[0].json());
        for loser in lost {
            loser.refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        }
        assert_eq!(available(desk), left - wanted);
    }
}

#[test]
fn two_programs_on_one_postgresql_share_numbers_keys_and_the_last_franc() {
    let Some(cluster) = Cluster::durable() else { return };
    let target = cluster.make_database("sigida");
    let first = Place::new().with("SIGIDA_DATABASE_URL", &cluster.url("sigida"));
    let second = first.beside();
    let cast = town::found(&target, Stage::Open);
    let notes = Notes::begin(&first.path("acknowledged"));
    let services = [first.serve_ready(), second.serve_ready()];
    let desk = Desk::in_town(&first, cast);
    numbers_without_gap(&desk, &second, &notes);
    one_effect_of_a_key(&desk, &second, &notes);
    the_last_franc(&desk, &second, &notes);
    for service in services {
        assert_eq!(service.terminate().0, Some(0));
    }
    desk.verified();
}

/// Eight of one person, at two servers in turn.
fn eight(town: &Town, annex: &town::Annex, login: &str) -> Vec<Client> {
    let token = keys().sign(town.person(login), chrono::Utc::now().timestamp()).expect("a token");
    (0..8).map(|index| if index % 2 == 0 { town.client(login) } else { annex.client(Some(token.clone())) }).collect()
}

/// Each asks for one of two acts, so that both are asked for at both servers.
fn either(clients: &[Client], one: impl Fn(&Client) -> Answer + Sync, other: impl Fn(&Client) -> Answer + Sync) -> Vec<Answer> {
    let turn = std::sync::atomic::AtomicUsize::new(0);
    at_once(clients, |client| {
        if (turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst) / 2).is_multiple_of(2) { one(client) } else { other(client) }
    })
}

on_both_engines! {
    Stage::Open, fn at_two_servers_an_act_and_its_opposite_have_one_effect(town) {
        let annex = town.annex(SignInPolicy::default());
        let (accountants, officers) = (eight(town, &annex, "accountant"), eight(town, &annex, "mayor"));
        let accountant = town.client("accountant");
        let rejection = json!({ "reason": "R05", "text": "montant" });
        let payment = json!({ "payee_id": town.supplier("SUP-0012"), "amount": "50000", "currency": "XOF", "mode": "transfer" });
        for round in 0..5 {
            // Certified expenditure is ordered, by signature, or its verification is cancelled.
            let commitment = expenditure::committed(town, expenditure::FUEL, "50000", &[]);
            let verification = expenditure::certified(town, &commitment, &format!("C-{round}"), "50000", papers(&["fuel_log"]));
            let order = town.path(&format!("/payment-orders/{}", expenditure::draft(town, &verification, "50000", json!({})).expect(201).id()));
            let (order_tag, verification_tag) = (town.client("mayor").get(&order).etag(), town.client("mayor").get(&verification).etag());
            let answers = either(
                &officers,
                |client| client.act_on(&format!("{order}/signature"), &order_tag, &json!({})),
                |client| client.act_on(&format!("{verification}/cancellation"), &verification_tag, &expenditure::reason()),
            );
            one_wins(&answers, &[409, 412]);

            // An order is accepted or rejected.
            let commitment = expenditure::committed(town, expenditure::FUEL, "50000", &[]);
            let verification = expenditure::certified(town, &commitment, &format!("A-{round}"), "50000", papers(&["fuel_log"]));
            let order = expenditure::transmit_order(town, &verification, "50000");
            let etag = accountant.get(&order).etag();
            let answers = either(
                &accountants,
                |client| client.act_on(&format!("{order}/acceptance"), &etag, &json!({})),
                |client| client.act_on(&format!("{order}/rejection"), &etag, &rejection),
            );
            one_wins(&answers, &[412]);

            // An accepted order is cancelled or paid.
            let [_, _, order] = expenditure::fuel(town, &format!("P-{round}"), "50000");
            expenditure::accept(town, &order);
            let correction = expenditure::issue(town, &order, "cancellation", "50000").expect(201);
            let acceptance = town.path(&format!("/payment-order-corrections/{}/acceptance", correction.id()));
            let etag = accountant.get(&order).etag();
            let answers = either(
                &accountants,
                |client| client.act_on(&acceptance, &correction.etag(), &json!({})),
                |client| client.act_on(&format!("{order}/payments"), &etag, &payment),
            );
            one_wins(&answers, &[409, 412]);
        }
    }
}
