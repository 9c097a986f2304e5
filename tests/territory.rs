//! The territory: the division as it was and as it is, asked by anyone without a token.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Client, Stage};
use crate::on_both_engines;

/// Every unit that a query finds, page by page.
fn all(anyone: &Client, query: &str) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = anyone.get(&format!("/v1/territorial-units?limit=200&{query}{after}")).expect(200).json();
        let rows = page["data"].as_array().expect("rows");
        assert!(rows.len() <= 200);
        found.extend(rows.iter().cloned());
        match page["page"]["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return found,
        }
    }
}

fn names(units: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = units.iter().map(|unit| unit["name"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

/// The only unit that a query finds, with all that is known of it.
fn only(anyone: &Client, query: &str) -> Value {
    let units = all(anyone, query);
    assert_eq!(units.len(), 1, "{query}: {:?}", names(&units));
    detail(anyone, &units[0])
}

fn detail(anyone: &Client, unit: &Value) -> Value {
    anyone.get(&format!("/v1/territorial-units/{}", unit["id"].as_str().expect("an id"))).expect(200).json()
}

fn id(detail: &Value) -> String {
    detail["unit"]["id"].as_str().expect("an id").to_owned()
}

/// The names of a unit's parents, predecessors or successors.
fn related(detail: &Value, member: &str) -> Vec<String> {
    let mut names: Vec<String> =
        detail[member].as_array().expect("rows").iter().map(|row| row["unit"]["name"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

on_both_engines! {
    Stage::Gathered, fn seven_hundred_and_three_real_communes_and_one_that_does_not_exist(town) {
        let anyone = town.stranger();
        let communes = all(&anyone, "level=commune");
        let ids: BTreeSet<&str> = communes.iter().map(|unit| unit["id"].as_str().expect("an id")).collect();
        assert_eq!((communes.len(), ids.len()), (703, 703));
        assert!(communes.iter().all(|unit| unit["fictional"] == false && unit["level"] == "commune"));
        let fictional = all(&anyone, "fictional=true");
        assert_eq!(fictional.len(), 1);
        let fictional = detail(&anyone, &fictional[0]);
        assert_eq!(fictional["unit"]["fictional"], true);
        assert_eq!((&fictional["codes"][0]["scheme"], &fictional["codes"][0]["code"]), (&"fictional".into(), &"ML-C01".into()));
        assert!(all(&anyone, "q=fictive").is_empty(), "never among real ones");
    }

    Stage::Gathered, fn the_division_of_a_day_is_the_division_of_that_day(town) {
        let anyone = town.stranger();
        let count = |level: &str, on: &str| all(&anyone, &format!("level={level}&on={on}")).len();
        let old: Vec<usize> = ["region", "district", "cercle", "commune"].map(|level| count(level, "2023-03-12")).into();
        let new: Vec<usize> = ["region", "district", "cercle", "commune"].map(|level| count(level, "2023-03-13")).into();
        assert_eq!(old, [8, 1, 50, 703]);
        assert_eq!(new, [19, 1, 159, 703]);
        assert_eq!(count("commune", "1996-11-03"), 0);
        assert_eq!(count("commune", "2000-12-31"), 701);
    }

    Stage::Gathered, fn the_same_code_is_another_cercle_in_another_edition(town) {
        let anyone = town.stranger();
        let of = |edition: &str| only(&anyone, &format!("scheme=pcode&edition={edition}&code=ML0101"));
        assert_eq!(of("2015")["unit"]["name"], "Kayes");
        assert_eq!(of("2025")["unit"]["name"], "Bafoulabé");
        for ambiguous in ["code=ML0101", "scheme=pcode&code=ML0101", "edition=2015&code=ML0101", "edition=2015"] {
            anyone.get(&format!("/v1/territorial-units?{ambiguous}")).refused(400, "CODE_SCHEME_REQUIRED");
        }
        assert_eq!(only(&anyone, "scheme=national&code=09")["unit"]["name"], "Taoudénit", "one edition needs no naming");
        assert!(all(&anyone, "scheme=pcode&edition=2015&code=ML9999").is_empty());
    }

    Stage::Gathered, fn numbers_of_the_state_and_of_iso_disagree_on_taoudenit_and_menaka(town) {
        let anyone = town.stranger();
        let name = |scheme: &str, code: &str| only(&anyone, &format!("scheme={scheme}&code={code}"))["unit"]["name"].clone();
        assert_eq!(name("iso_3166_2&edition=2026", "ML-9"), "Ménaka");
        assert_eq!(name("iso_3166_2&edition=2026", "ML-10"), "Taoudénit");
        assert_eq!(name("national", "09"), "Taoudénit");
        assert_eq!(name("national", "10"), "Ménaka");
        let menaka = only(&anyone, "scheme=iso_3166_2&edition=2026&code=ML-9");
        let codes: Vec<(&str, &str)> = menaka["codes"].as_array().expect("codes").iter()
            .map(|code| (code["scheme"].as_str().expect("a scheme"), code["code"].as_str().expect("a code"))).collect();
        assert!(codes.contains(&("national", "10")) && codes.contains(&("iso_3166_2", "ML-9")), "{codes:?}");
    }

    Stage::Gathered, fn parents_are_the_official_ones_whatever_the_code_says(town) {
        let anyone = town.stranger();
        let konsiga = only(&anyone, "scheme=pcode&edition=2015&code=ML010116");
        assert_eq!(konsiga["unit"]["name"], "Konsiga");
        assert_eq!(related(&konsiga, "parents"), ["Yélimané"], "not Kayes, as its code would have it");
        assert_eq!(konsiga["parents"][0]["valid_to"], "2023-03-12", "in which new cercle it lies no open source says");
        let yelimane = konsiga["parents"][0]["unit"]["id"].as_str().expect("an id").to_owned();
        assert!(names(&all(&anyone, &format!("parent={yelimane}"))).contains(&"Konsiga".to_owned()));
    }

    Stage::Gathered, fn units_that_lay_in_a_unit_on_a_day(town) {
        let anyone = town.stranger();
        let koutiala = id(&only(&anyone, "scheme=pcode&edition=2015&code=ML0305"));
        let lay = |on: &str| all(&anyone, &format!("parent={koutiala}{on}"));
        assert_eq!(lay("").len(), 36);
        assert_eq!(lay("&on=2023-03-12").len(), 36, "35 by their codes, and Niantaga");
        assert_eq!(lay("&on=2023-03-13").len(), 0);
        assert!(names(&lay("")).contains(&"Niantaga".to_owned()));
        let taoudenit = id(&only(&anyone, "scheme=national&code=09"));
        assert_eq!(all(&anyone, &format!("parent={taoudenit}&level=cercle&on=2024-01-01")).len(), 6);
        anyone.get("/v1/territorial-units?parent=ML0305").refused(400, "REQUEST_PARAMETER_INVALID");
        anyone.get("/v1/territorial-units?on=2023-02-30").refused(400, "REQUEST_PARAMETER_INVALID");
    }

    Stage::Gathered, fn two_communes_of_2001_have_no_code(town) {
        let anyone = town.stranger();
        for (name, cercle) in [("Alata", "Ménaka"), ("Intadjedite", "Tin-Essako")] {
            let mut found = all(&anyone, &format!("level=commune&q={name}"));
            found.retain(|unit| unit["name"] == name);
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found[0]["valid_from"], "2001-01-01");
            let unit = detail(&anyone, &found[0]);
            assert_eq!(unit["codes"].as_array().map(Vec::len), Some(0), "{name}");
            assert_eq!(related(&unit, "parents"), [cercle]);
        }
    }

    Stage::Gathered, fn names_are_found_without_accents_or_case_and_never_identify(town) {
        let anyone = town.stranger();
        assert_eq!(names(&all(&anyone, "level=cercle&q=kenieba")), ["Kéniéba", "Kéniéba"], "of the old division and of the new");
        assert_eq!(names(&all(&anyone, "level=region&q=SEGOU")), ["Ségou", "Ségou"]);
        assert_eq!(all(&anyone, "q=s%C3%A9gou"), all(&anyone, "q=SEGOU"), "accents make no difference");
        assert_eq!(all(&anyone, "q=tin%20essako"), all(&anyone, "q=Tin-Essako"), "nor does punctuation");
        let diedougou = all(&anyone, "level=commune&q=diedougou");
        assert_eq!(diedougou.len(), 4);
        let cercles: BTreeSet<String> = diedougou.iter().flat_map(|unit| related(&detail(&anyone, unit), "parents")).collect();
        assert_eq!(cercles.len(), 4, "four communes of one name in four cercles: {cercles:?}");
        for nothing in ["%25", "_", "%27"] {
            assert!(all(&anyone, &format!("q={nothing}")).is_empty(), "{nothing} is no wildcard");
        }
    }

    Stage::Gathered, fn units_follow_units(town) {
        let anyone = town.stranger();
        let gao = only(&anyone, "scheme=pcode&edition=2015&code=ML07");
        assert_eq!(related(&gao, "successors"), ["Gao", "Ménaka"]);
        assert_eq!(gao["unit"]["valid_to"], "2023-03-12");
        let cercle = |on: &str| detail(&anyone, &all(&anyone, &format!("level=cercle&q=menaka&on={on}"))[0]);
        let (old, new) = (cercle("2023-03-12"), cercle("2023-03-13"));
        assert_ne!(id(&old), id(&new));
        assert_eq!((related(&old, "predecessors"), related(&old, "successors")), (vec![], vec!["Ménaka".to_owned()]));
        assert_eq!((related(&new, "predecessors"), related(&new, "successors")), (vec!["Ménaka".to_owned()], vec![]));
        assert_eq!(new["predecessors"][0]["unit"]["id"], id(&old).as_str());
        assert_eq!(new["predecessors"][0]["happened_on"], "2023-03-13");
        assert_eq!((related(&old, "parents"), related(&new, "parents")), (vec!["Gao".to_owned()], vec!["Ménaka".to_owned()]));
    }

    Stage::Gathered, fn boundaries_are_geojson_with_their_attribution(town) {
        let anyone = town.stranger();
        let answer = anyone.get("/v1/territorial-boundaries?level=region").expect(200);
        assert_eq!(answer.header("content-type"), Some("application/geo+json"));
        let collection = answer.json();
        assert_eq!(collection["type"], "FeatureCollection");
        let attribution = collection["attribution"].as_str().expect("whose they are");
        assert!(attribution.contains("OCHA") && attribution.contains("CC BY"), "{attribution}");
        let features = collection["features"].as_array().expect("features");
        assert_eq!(features.len(), 8);
        let district = anyone.get("/v1/territorial-boundaries?level=district").expect(200).json();
        assert_eq!(district["features"].as_array().map(Vec::len), Some(1), "the district of Bamako");
        for feature in features {
            assert_eq!(feature["type"], "Feature");
            assert_eq!(feature["id"], feature["properties"]["id"]);
            let (kind, coordinates) = (feature["geometry"]["type"].as_str().expect("a type"), &feature["geometry"]["coordinates"]);
            let point = match kind {
                "Polygon" => &coordinates[0][0],
                "MultiPolygon" => &coordinates[0][0][0],
                other => panic!("a region is no {other}"),
            };
            let (longitude, latitude) = (point[0].as_f64().expect("a number"), point[1].as_f64().expect("a number"));
            assert!((-13.0..5.0).contains(&longitude) && (10.0..25.5).contains(&latitude), "{longitude} {latitude} lies in Mali");
        }
        let koutiala = id(&only(&anyone, "scheme=pcode&edition=2015&code=ML0305"));
        let inside = anyone.get(&format!("/v1/territorial-boundaries?level=commune&parent={koutiala}")).expect(200).json();
        assert_eq!(inside["features"].as_array().map(Vec::len), Some(36));
        let later = anyone.get(&format!("/v1/territorial-boundaries?level=commune&parent={koutiala}&on=2023-03-13")).expect(200).json();
        assert_eq!(later["features"].as_array().map(Vec::len), Some(0));
        anyone.get("/v1/territorial-boundaries").refused(400, "REQUEST_PARAMETER_INVALID");
    }

    Stage::Gathered, fn what_is_asked_wrongly_is_refused(town) {
        let anyone = town.stranger();
        anyone.get(&format!("/v1/territorial-units/{}", uuid::Uuid::nil())).refused(404, "NOT_FOUND");
        anyone.get("/v1/territorial-units/ML0101").refused(404, "NOT_FOUND");
        for wrong in [
            "level=village", "level=Commune", "scheme=insee", "limit=0", "limit=201", "limit=ten", "colour=blue", "q=a&q=b", "fictional=oui",
        ] {
            anyone.get(&format!("/v1/territorial-units?{wrong}")).refused(400, "REQUEST_PARAMETER_INVALID");
        }
        anyone.get("/v1/territorial-boundaries?level=village").refused(400, "REQUEST_PARAMETER_INVALID");
        let next = anyone.get("/v1/territorial-units?level=commune&limit=5").expect(200).text("/page/next");
        anyone.get(&format!("/v1/territorial-units?level=cercle&limit=5&after={next}")).refused(400, "CURSOR_INVALID");
        anyone.send("POST", "/v1/territorial-units", &[], b"{}").refused(405, "METHOD_NOT_ALLOWED");
    }
}
