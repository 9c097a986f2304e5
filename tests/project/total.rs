//! What projects add up to, for dashboards.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Scene, scene};
use crate::fund::place;
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

fn totals(scene: &Scene<'_>, login: &str, query: &str) -> Answer {
    scene.town.client(login).get(&scene.town.path(&format!("/project-totals?{query}")))
}

/// Term, projects and amount of each group.
fn groups(answer: &Answer) -> Vec<(String, i64, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let rows = answer.json()["groups"].as_array().expect("groups").clone();
    rows.iter().map(|row| (text(&row["term"]), row["projects"].as_i64().expect("a number"), text(&row["amount"]))).collect()
}

fn told(term: &str, projects: i64, amount: &str) -> (String, i64, String) {
    (term.to_owned(), projects, amount.to_owned())
}

/// A budget in one line, as members of a proposal.
fn budget(amount: &str, currency: &str) -> Value {
    let line = json!([{ "category": "supplies", "description": "Fournitures", "amount": amount }]);
    json!({ "proposal/budget": amount, "proposal/currency": currency, "proposal/lines": line })
}

fn merged(mut one: Value, other: &Value) -> Value {
    let more = other.as_object().expect("members").clone();
    one.as_object_mut().expect("members").extend(more);
    one
}

on_both_engines! {
    Stage::Open, fn groups_make_the_total_to_the_last_unit(town) {
        let scene = scene(town);
        let [gao, mopti, kidal] = ["ML07", "ML05", "ML08"].map(|code| place(town, code));
        let thirds = json!({ "proposal/shares": [
            { "dimension": "place", "term": gao, "bps": 3334 }, { "dimension": "place", "term": mopti, "bps": 3333 },
            { "dimension": "place", "term": kidal, "bps": 3333 }, { "dimension": "sector", "term": "water", "bps": 10_000 },
        ] });
        scene.drafted("QIP-1", &merged(budget("100.01", "USD"), &thirds));
        scene.drafted("QIP-2", &merged(budget("0.01", "USD"), &thirds));
        scene.drafted("QIP-3", &budget("41970", "USD"));
        scene.drafted("QIP-4", &merged(budget("655957", "XOF"), &json!({ "proposal/shares": [] })));
        scene.submit(&scene.drafted("QIP-5", &json!({}))).expect(200);
        let by_state = totals(&scene, "auditor", "by=state").expect(200);
        assert_eq!(groups(&by_state), [told("draft", 3, "42070.02"), told("submitted", 1, "41970.00"), told("draft", 1, "655957")]);
        assert_eq!(by_state.json()["totals"], json!([
            { "currency": "USD", "amount": "84040.02", "converted": null, "exchange_rate_id": null },
            { "currency": "XOF", "amount": "655957", "converted": null, "exchange_rate_id": null },
        ]));
        // 100.02 in thirds: 33.346668, 33.336666 and 33.336666, with 83,940.00 for Gao alone. Two cents are left: one for the largest
        // remainder, one for the lower id of two equal ones.
        let by_region = totals(&scene, "auditor", "by=region&instrument=quick_impact").expect(200);
        let (lower, higher) = if mopti < kidal { (&mopti, &kidal) } else { (&kidal, &mopti) };
        let mut expected = [told(&gao, 4, "83973.35"), told(lower, 2, "33.34"), told(higher, 2, "33.33")];
        expected.sort();
        let mut found = groups(&by_region);
        assert_eq!(found.pop(), Some(told("-", 1, "655957")));
        assert_eq!(found, expected);
        let label = |term: &str| by_region.json()["groups"].as_array().expect("groups").iter().find(|row| row["term"] == term).expect("one")["label"].clone();
        assert_eq!(label(&gao), "Gao");
        // No cercle is told of what is shared out over regions.
        assert_eq!(groups(&totals(&scene, "auditor", "by=cercle").expect(200)), [told("-", 4, "84040.02"), told("-", 1, "655957")]);
        let by_sector = groups(&totals(&scene, "auditor", "by=sector").expect(200));
        assert_eq!(by_sector, [told("social_cohesion", 2, "83940.00"), told("water", 2, "100.02"), told("-", 1, "655957")]);
        assert_eq!(groups(&totals(&scene, "auditor", "by=year").expect(200)), [told("2025", 4, "84040.02"), told("2025", 1, "655957")]);
        assert_eq!(groups(&totals(&scene, "auditor", "by=state_class").expect(200)), [told("-", 4, "84040.02"), told("-", 1, "655957")]);
        assert_eq!(groups(&totals(&scene, "auditor", "by=instrument&purpose_code=140&to=2025-03-01").expect(200)), [told("quick_impact", 2, "100.02")]);
        for none in ["to=2025-02-28", "from=2025-09-02", &format!("donor_id={}", Uuid::new_v4()), &format!("programme_id={}", Uuid::new_v4())] {
            assert_eq!(groups(&totals(&scene, "auditor", &format!("by=programme&{none}")).expect(200)), [], "{none}");
        }
        totals(&scene, "auditor", "by=colour").refused(400, "REQUEST_PARAMETER_INVALID");
        assert_eq!(totals(&scene, "auditor", "").expect(200).json(), by_state.json());
    }

    Stage::Open, fn a_project_of_two_communes_is_one_project_of_their_region(town) {
        let scene = scene(town);
        // By the division of 2015, the last in which communes are known to lie.
        let (gao, mopti) = (scene.gao.clone(), place(town, "ML05"));
        let within = |unit: &str, level: &str| {
            let units = town.stranger().get(&format!("/v1/territorial-units?parent={unit}&level={level}&on=2020-01-01&limit=2")).expect(200);
            [0, 1].map(|index| units.text(&format!("/data/{index}/id")))
        };
        let [cercle, _] = within(&gao, "cercle");
        let [one, other] = within(&cercle, "commune");
        let shared = |amount: &str, places: &[(&String, u32)]| {
            let share = |(term, bps): &(&String, u32)| json!({ "dimension": "place", "term": term, "bps": bps });
            merged(budget(amount, "USD"), &json!({ "proposal/shares": places.iter().map(share).collect::<Vec<_>>() }))
        };
        scene.drafted("QIP-1", &shared("100.01", &[(&one, 6000), (&other, 4000)]));
        scene.drafted("QIP-2", &shared("50", &[(&one, 5000), (&mopti, 5000)]));
        // What is not shared out yet lies nowhere, once: beside the share of a region, where cercles are told.
        scene.drafted("QIP-3", &shared("10", &[(&gao, 3000)]));
        let found = |by: &str| groups(&totals(&scene, "auditor", &format!("by={by}&on=2020-01-01")).expect(200));
        let sorted = |mut groups: Vec<(String, i64, String)>| {
            groups.sort();
            groups
        };
        let regions = vec![told("-", 1, "7.00"), told(&gao, 3, "128.01"), told(&mopti, 1, "25.00")];
        assert_eq!(sorted(found("region")), sorted(regions));
        assert_eq!(sorted(found("cercle")), sorted(vec![told("-", 2, "35.00"), told(&cercle, 2, "125.01")]));
        let communes = vec![told("-", 2, "35.00"), told(&one, 2, "85.01"), told(&other, 1, "40.00")];
        assert_eq!(sorted(found("commune")), sorted(communes));
        // As the filter finds them.
        let of_mopti = groups(&totals(&scene, "auditor", &format!("by=region&on=2020-01-01&territorial_unit_id={mopti}")).expect(200));
        assert_eq!(sorted(of_mopti), sorted(vec![told(&gao, 1, "25.00"), told(&mopti, 1, "25.00")]));
    }

    Stage::Open, fn currencies_are_summed_by_named_rates_only(town) {
        let scene = scene(town);
        scene.drafted("QIP-1", &budget("100", "USD"));
        scene.drafted("QIP-2", &budget("200.50", "USD"));
        scene.drafted("QIP-3", &budget("1000", "XOF"));
        let rate = |base: &str, quote: &str, rate: &str| {
            let body = json!({ "base": base, "quote": quote, "rate": rate, "valid_on": "2025-01-01", "kind": "fixture", "source": "fictif" });
            town.client("finance-officer").create(&town.path("/exchange-rates"), &body).expect(201).id()
        };
        let (dollars, euros) = (rate("USD", "XOF", "603.37"), rate("EUR", "XOF", "655.957"));
        let refused = totals(&scene, "auditor", "by=state&convert_to=XOF").refused(422, "EXCHANGE_RATE_MISSING");
        assert_eq!(refused.text("/errors/0/pointer"), "?exchange_rate_ids");
        totals(&scene, "auditor", &format!("by=state&convert_to=XOF&exchange_rate_ids={euros}")).refused(422, "EXCHANGE_RATE_MISSING");
        let told = totals(&scene, "auditor", &format!("by=state&convert_to=XOF&exchange_rate_ids={euros},{dollars}")).expect(200);
        // 300.50 at 603.37 is 181,312.685.
        assert_eq!(told.json()["converted"], "182313");
        assert_eq!(told.json()["totals"], json!([
            { "currency": "USD", "amount": "300.50", "converted": "181313", "exchange_rate_id": dollars },
            { "currency": "XOF", "amount": "1000", "converted": "1000", "exchange_rate_id": null },
        ]));
        totals(&scene, "auditor", &format!("by=state&convert_to=XOF&exchange_rate_ids={}", Uuid::new_v4())).refused(404, "NOT_FOUND");
        totals(&scene, "auditor", "by=state&convert_to=ZZZ").refused(422, "CURRENCY_UNKNOWN");
    }

    Stage::Open, fn donors_are_told_what_was_allocated_from_them(town) {
        let scene = scene(town);
        let (purpose, _) = scene.funded("30000");
        scene.drafted("QIP-1", &json!({ "proposal/fund_purpose_id": purpose }));
        scene.drafted("QIP-2", &json!({}));
        let by_donor = totals(&scene, "auditor", "by=donor").expect(200);
        let found = groups(&by_donor);
        assert_eq!((found.len(), found[0].1, found[0].2.as_str()), (1, 1, "30000.00"));
        assert!(by_donor.json()["groups"][0]["label"].is_string());
        let of_donor = format!("by=state&donor_id={}", found[0].0);
        assert_eq!(groups(&totals(&scene, "auditor", &of_donor).expect(200)), [told("draft", 1, "41970.00")]);
        let list = town.client("auditor").get(&town.path(&format!("/projects?donor_id={}", found[0].0))).expect(200);
        assert_eq!(list.json()["data"].as_array().expect("rows").len(), 1);
    }

    Stage::Open, fn what_has_no_recipient_is_counted_beside_the_recipients(town) {
        let scene = scene(town);
        let joint = |part: &str| merged(budget("100", "USD"), &json!({
            "instrument": "peacebuilding_immediate",
            "proposal/recipients": [{ "kind": "local_association", "supplier_id": scene.partner, "amount": part }],
        }));
        scene.drafted("PBF-1", &joint("100"));
        scene.drafted("PBF-2", &joint("60"));
        scene.drafted("QIP-1", &budget("7", "USD"));
        scene.drafted("QIP-2", &budget("5", "XOF"));
        let by_recipient = groups(&totals(&scene, "auditor", "by=recipient").expect(200));
        assert_eq!(by_recipient, [told("-", 2, "47.00"), told(&scene.partner, 2, "160.00"), told("-", 1, "5")]);
        let whole = groups(&totals(&scene, "auditor", "by=recipient&joint=false&instrument=quick_impact").expect(200));
        assert_eq!(whole, [told("-", 1, "7.00"), told("-", 1, "5")], "as the filter finds them");
    }

    Stage::Open, fn what_may_not_be_seen_is_not_counted(town) {
        let scene = scene(town);
        scene.drafted("QIP-1", &json!({}));
        let (purpose, _) = scene.funded("100");
        let recipient = json!([{ "kind": "local_association", "supplier_id": scene.partner, "amount": "20000" }]);
        let more = json!({ "sensitivity": "internal", "proposal/fund_purpose_id": purpose, "proposal/recipients": recipient });
        let hidden = scene.drafted("QIP-2", &more);
        // Of every grouping: neither in a group, nor beside the groups.
        for by in ["instrument", "state", "year", "region", "sector", "country", "recipient", "donor"] {
            let sum = |login: &str| groups(&totals(&scene, login, &format!("by={by}")).expect(200)).iter().map(|group| group.1).sum::<i64>();
            let (all, theirs) = match by {
                "recipient" => (3, 1),
                "donor" => (1, 0),
                _ => (2, 1),
            };
            assert_eq!((sum("auditor"), sum("partner-system")), (all, theirs), "{by}");
        }
        let site = json!({ "territorial_unit_id": scene.gao, "name": "Gao", "longitude": "-0.04", "latitude": "16.27" });
        town.client("finance-officer").create(&format!("{hidden}/sites"), &site).expect(201);
        let map = |login: &str| {
            let answer = town.client(login).get(&town.path("/project-map")).expect(200);
            answer.json()["features"].as_array().expect("features").len()
        };
        assert_eq!(groups(&totals(&scene, "auditor", "by=region").expect(200))[0].1, 2);
        assert_eq!(groups(&totals(&scene, "partner-system", "by=region").expect(200))[0].1, 1);
        assert_eq!((map("auditor"), map("partner-system")), (1, 0));
        town.client("partner-system").get(&format!("{hidden}/sites")).refused(404, "NOT_FOUND");
    }
}
