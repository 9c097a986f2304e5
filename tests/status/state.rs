//! Acts on things in whatever state they are. The contract has to name every refusal that comes.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use api::access::Effect;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Draft, every_operation};
use crate::harness::{Stage, Town};

/// The things on which an act can be done, all that are listed beside the one of the draft, and the path of the act on each.
fn things(town: &Town, draft: &Draft) -> BTreeMap<String, String> {
    let (pattern, told): (Vec<&str>, Vec<&str>) = (draft.pattern.split('/').collect(), draft.path.split('/').collect());
    let Some(last) = pattern.iter().rposition(|segment| segment.starts_with('{')) else { return BTreeMap::new() };
    let (collection, action) = (told[..last].join("/"), told[last + 1..].iter().map(|segment| format!("/{segment}")).collect::<String>());
    let listed = town.client("auditor").send("GET", &format!("{collection}?limit=200"), &[], &[]);
    let listed = if listed.status == 200 { listed.json() } else { Value::Null };
    let ids = listed["data"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str());
    ids.chain([told[last]]).map(|id| format!("{collection}/{id}")).map(|thing| (thing.clone(), thing + &action)).collect()
}

#[test]
fn an_act_in_another_state_is_refused_as_the_contract_says() {
    let town = Town::on_sqlite(Stage::Open);
    crate::cash_office::closed(&town);
    let acts: Vec<Draft> = every_operation(&town).into_iter().filter(|draft| draft.operation.effect == Effect::Act).collect();
    let (mut tried, mut untold, mut refused) = (0, Vec::new(), BTreeMap::<&str, BTreeSet<String>>::new());
    // Twice: what an act did makes most others impossible, itself too.
    for _ in 0..2 {
        for draft in &acts {
            let client = town.client(draft.login);
            for (thing, path) in things(&town, draft) {
                let read = town.client("auditor").send("GET", &thing, &[], &[]);
                let Some(etag) = read.header("etag") else { continue };
                let draft = Draft { path, ..draft.clone() }.with("if-match", etag).with("idempotency-key", &Uuid::new_v4().to_string());
                tried += 1;
                match catch_unwind(AssertUnwindSafe(|| draft.send(&client))) {
                    Ok(answer) if answer.status == 409 => drop(refused.entry(draft.id()).or_default().insert(answer.text("/code"))),
                    Ok(answer) => assert_ne!(answer.status, 412, "{}: {answer:?}", draft.id()),
                    Err(panic) => untold.push(format!("{}: {}", draft.id(), panic.downcast_ref::<String>().cloned().unwrap_or_default())),
                }
            }
        }
    }
    eprintln!("{tried} acts, {} operations refused by the state of things: {}", refused.len(), json!(refused));
    assert!(untold.is_empty(), "{}", untold.join("\n"));
    assert!(refused.len() > 30, "the states are many: {}", refused.len());
}
