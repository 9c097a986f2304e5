//! Programmes, the rules of instruments, and what communities need.

use serde_json::{Value, json};

use crate::fund::place;
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

fn with(mut body: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().expect("members") {
        body[name] = member.clone();
    }
    body
}

/// A programme with two phases.
pub fn created(town: &Town, more: &Value) -> Answer {
    let body = json!({
        "code": "LGCP", "title": "Capacités des collectivités (fictif)", "objective": "Restaurer la paix au niveau local",
        "commissioner": "BMZ", "lead_agency": "Ministère chargé de la décentralisation", "levels": ["region", "commune"],
        "starts_on": "2022-01-01", "ends_on": "2024-12-31",
        "phases": [
            { "name": "I", "starts_on": "2022-01-01", "ends_on": "2022-12-31" },
            { "name": "II", "starts_on": "2023-01-01", "ends_on": "2024-12-31" },
        ],
    });
    town.client("finance-officer").create(&town.path("/programmes"), &with(body, more))
}

/// A meeting that ranks needs, in a unit of 2015.
pub fn met(town: &Town, unit: &str, needs: &[&str], more: &Value) -> Answer {
    let needs: Vec<Value> = needs.iter().map(|title| json!({ "sector": "water", "title": title })).collect();
    let body = json!({
        "territorial_unit_id": place(town, unit), "held_on": "2025-01-15", "method": "dot_vote", "women": 31, "men": 27,
        "minutes_sha256": "a".repeat(64), "summary": "Besoins du quartier", "needs": needs,
    });
    town.client("council-registrar").create(&town.path("/community-meetings"), &with(body, more))
}

on_both_engines! {
    Stage::Open, fn the_rules_of_every_instrument_are_public_with_what_each_version_changed(town) {
        let sets = town.stranger().get("/v1/rule-sets").expect(200).json();
        let names: std::collections::BTreeSet<&str> =
            sets.as_array().expect("a list").iter().filter_map(|set| set["instrument"].as_str()).collect();
        assert_eq!(names.len(), 7);
        let quick = town.stranger().get("/v1/rule-sets?instrument=quick_impact").expect(200).json();
        let quick = quick.as_array().expect("a list");
        assert_eq!((quick.len(), &quick[0]["changes"]), (2, &json!([])));
        assert_eq!(quick[1]["changes"][0]["rule"], json!("tranche_plans"));
        assert!(quick[1]["changes"][0]["after"].as_str().is_some_and(|after| after.contains("[8000,2000]")));
        let ceiling = quick[1]["rules"].as_array().expect("rules").iter().find(|rule| rule["rule"] == "ceiling").expect("a ceiling");
        assert_eq!((&ceiling["value"], &ceiling["confidence"]), (&json!("{\"amount\":\"50000.00\",\"currency\":\"USD\"}"), &json!("found")));
    }

    Stage::Open, fn a_programme_has_its_people_its_term_its_levels_and_what_it_follows(town) {
        let first = created(town, &json!({})).expect(201);
        assert_eq!((first.text("/commissioner"), first.text("/phases/1/number")), ("BMZ".to_owned(), "2".to_owned()));
        created(town, &json!({})).refused(409, "PROGRAMME_DUPLICATE");
        created(town, &json!({ "code": "B", "ends_on": "2024-12-30" })).refused(422, "PROGRAMME_TERM_INVALID");
        created(town, &json!({ "code": "B", "levels": ["region", "region"] })).refused(422, "PROGRAMME_LEVELS_INVALID");
        created(town, &json!({ "code": "B", "predecessor_id": uuid::Uuid::new_v4() })).refused(404, "NOT_FOUND");
        let next = json!({ "code": "LGCP-2", "predecessor_id": first.id(), "starts_on": "2025-01-01", "ends_on": "2026-12-31", "phases": [] });
        let next = created(town, &next).expect(201);
        let read = town.client("partner-system").get(&town.path(&format!("/programmes/{}", next.id()))).expect(200);
        assert_eq!(read.text("/predecessor_id"), first.id().to_string());
        let listed = town.client("auditor").get(&town.path("/programmes")).expect(200).json();
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
    }

    Stage::Open, fn a_community_says_what_it_needs_most(town) {
        let meeting = met(town, "ML07", &["Forage", "Clôture de l'école"], &json!({})).expect(201);
        assert_eq!((meeting.text("/needs/1/rank"), meeting.text("/needs/1/title")), ("2".to_owned(), "Clôture de l'école".to_owned()));
        assert_eq!(meeting.text("/no_women_voice"), "false");
        assert_eq!(met(town, "ML07", &["Forage"], &json!({ "women": 0 })).expect(201).text("/no_women_voice"), "true");
        met(town, "ML07", &["Forage"], &json!({ "women": 0, "men": 0 })).refused(422, "ATTENDANCE_INVALID");
        met(town, "ML07", &["Forage"], &json!({ "held_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        let unknown = met(town, "ML07", &["Forage"], &json!({ "needs": [{ "sector": "astrology", "title": "x" }] }));
        assert_eq!(unknown.refused(422, "FUND_TERM_UNKNOWN").text("/errors/0/pointer"), "/needs/0/sector");
        met(town, "ML07", &["Forage"], &json!({ "territorial_unit_id": uuid::Uuid::new_v4() })).refused(404, "NOT_FOUND");
        // What a community said is public.
        let gao = place(town, "ML07");
        let listed = town.stranger().get(&town.path(&format!("/community-meetings?territorial_unit_id={gao}"))).expect(200).json();
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
        let elsewhere = town.stranger().get(&town.path(&format!("/community-meetings?territorial_unit_id={}", place(town, "ML05"))));
        assert_eq!(elsewhere.expect(200).json()["data"], json!([]));
    }
}
