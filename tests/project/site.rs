//! Where projects stand, and what can be set on them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::scene;
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn ac_48_a_point_lies_in_its_place(town) {
        let scene = scene(town);
        let project = scene.drafted("QIP-1", &json!({}));
        let site = |longitude: &str, latitude: &str, more: Value| {
            let mut body = json!({ "territorial_unit_id": scene.gao, "name": "Maison de la femme", "longitude": longitude, "latitude": latitude });
            body.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
            town.client("finance-officer").create(&format!("{project}/sites"), &body)
        };
        let refused = site("16.27", "-0.04", json!({})).refused(422, "COORDINATES_OUT_OF_PLACE");
        assert_eq!((refused.text("/facts/unit"), refused.text("/facts/longitude")), ("Gao".to_owned(), "16.27".to_owned()));
        let kept = site("-0.04", "16.27", json!({ "outside_reason": "inutile" })).expect(201);
        assert_eq!(kept.json()["outside_reason"], Value::Null);
        // Kidal is elsewhere, unless somebody tells why.
        site("1.41", "18.44", json!({})).refused(422, "COORDINATES_OUT_OF_PLACE");
        let reason = json!({ "outside_reason": "Antenne du projet à Kidal" });
        assert_eq!(site("1.41", "18.44", reason.clone()).expect(201).text("/outside_reason"), "Antenne du projet à Kidal");
        for (longitude, latitude, pointer) in [("0,04", "16.27", "/longitude"), ("181", "16.27", "/longitude"), ("0", "1e1", "/latitude"), ("0", "90.5", "/latitude")] {
            let refused = site(longitude, latitude, reason.clone()).refused(422, "POSITION_INVALID");
            assert_eq!(refused.text("/errors/0/pointer"), pointer);
        }
        site("0", "16", json!({ "territorial_unit_id": Uuid::new_v4() })).refused(422, "PROJECT_PLACE_UNKNOWN");
        let over = scene.drafted("QIP-2", &json!({}));
        scene.act("finance-officer", &over, "/withdrawal", &json!({ "reason": "Autre financement" })).expect(200);
        let body = json!({ "territorial_unit_id": scene.gao, "name": "Gao", "longitude": "-0.04", "latitude": "16.27" });
        town.client("finance-officer").create(&format!("{over}/sites"), &body).refused(409, "CLOSED_IMMUTABLE");
        let sites = town.client("auditor").get(&format!("{project}/sites")).expect(200);
        assert_eq!(sites.json().as_array().expect("sites").len(), 2);
        let map = town.client("auditor").get(&town.path("/project-map?state=draft")).expect(200);
        assert_eq!(map.header("content-type"), Some("application/geo+json"));
        // Longitude first (RFC 7946).
        assert_eq!(map.json()["features"][0]["geometry"], json!({ "type": "Point", "coordinates": [-0.04, 16.27] }));
        assert_eq!((&map.json()["complete"], &map.json()["features"][0]["properties"]["reference"]), (&json!(true), &json!("QIP-1")));
        assert_eq!(town.client("auditor").get(&town.path("/project-map?state=active")).expect(200).json()["features"], json!([]));
    }

    Stage::Open, fn every_body_of_the_contract_has_its_fields(town) {
        let contract = town.stranger().get("/openapi.json").expect(200).json();
        let names = town.stranger().get("/v1/fields").expect(200).json();
        let told: Vec<&str> = names.as_array().expect("names").iter().map(|one| one["operation"].as_str().expect("an operation")).collect();
        let mut projects = 0;
        for (path, item) in contract["paths"].as_object().expect("paths") {
            for (_, operation) in item.as_object().expect("operations") {
                let Some(schema) = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str() else { continue };
                let id = operation["operationId"].as_str().expect("an id");
                assert!(told.contains(&id), "{id} takes a body whose fields nobody tells");
                if !path.contains("/projects") {
                    continue;
                }
                // Of a project, every member that a body names is told, under the name that its path gives.
                projects += 1;
                let name: Vec<&str> = path.split('/').skip(2).filter(|part| *part != "organisations" && !part.is_empty() && !part.starts_with('{')).collect();
                let fields = town.stranger().get(&format!("/v1/fields/{}", name.join("."))).expect(200).json();
                assert_eq!(fields["operation"], json!(id));
                let pointers: Vec<&str> = fields["fields"].as_array().expect("fields").iter().filter_map(|field| field["pointer"].as_str()).collect();
                let members = contract["components"]["schemas"][schema.rsplit('/').next().expect("a name")]["properties"].clone();
                for member in members.as_object().expect("members").keys() {
                    assert!(pointers.contains(&format!("/{member}").as_str()), "{id} does not tell {member}");
                }
            }
        }
        assert!(projects > 30, "{projects} bodies of projects");
        let milestone = town.stranger().get("/v1/fields/projects.milestones").expect(200).json();
        assert_eq!(milestone["operation"], "plan_project_milestone");
    }

    Stage::Open, fn each_field_of_a_project_says_whether_it_can_be_changed_now_and_by_what(town) {
        let scene = scene(town);
        let told = |login: &str, project: &str| {
            let all = town.client(login).get(&format!("{project}/fields")).expect(200).json();
            move |pointer: &str| {
                let all = all.as_array().expect("fields").iter();
                all.clone().find(|field| field["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer}")).clone()
            }
        };
        let change = |field: Value| ["editable", "operation", "permitted"].map(|name| field[name].clone());
        let yes = |operation: &str, permitted: bool| [json!(true), json!(operation), json!(permitted)];
        let no = || [json!(false), Value::Null, json!(false)];
        // A draft is revised whole, by who may; the rules of its instrument are told.
        let draft = scene.drafted("QIP-1", &json!({}));
        let field = told("finance-officer", &draft);
        for pointer in ["/proposal", "/proposal/title", "/proposal/lines/*/amount", "/proposal/implementer/kind"] {
            assert_eq!(change(field(pointer)), yes("revise_project", true), "{pointer}");
            assert_eq!(change(told("auditor", &draft)(pointer)), yes("revise_project", false), "{pointer}");
        }
        let asked = |field: &Value| (field["required"].clone(), field["allowed"].as_array().map_or(0, Vec::len));
        assert_eq!(field("/proposal/area")["allowed"], json!(["services_infrastructure", "training_awareness", "employment_revenue"]));
        assert_eq!([asked(&field("/proposal/area")), asked(&field("/proposal/gender_marker"))], [(json!(true), 3), (json!(false), 0)]);
        let implementers = field("/proposal/implementer/kind")["allowed"].clone();
        assert!(implementers.as_array().is_some_and(|kinds| kinds.contains(&json!("local_association")) && !kinds.contains(&json!("un_agency"))));
        let peace = scene.drafted("PBF-1", &json!({ "instrument": "peacebuilding_immediate", "proposal/area": null }));
        let field = told("finance-officer", &peace);
        assert_eq!(["area", "gender_marker", "risk_marker"].map(|name| field(&format!("/proposal/{name}"))["required"].clone()), [false, true, true].map(Value::from));
        assert_eq!(field("/proposal/budget")["required"], true, "by the contract");
        let pilot = json!({ "instrument": "community_pilot", "proposal/requester_kind": "community", "proposal/area": null });
        assert_eq!(told("auditor", &scene.drafted("CP-1", &pilot))("/proposal/need_ids")["required"], true);
        // While others look at it, nothing of it is changed; the reason is what the revision would be refused for.
        scene.submit(&draft).expect(200);
        let field = told("finance-officer", &draft)("/proposal/budget");
        let refused = scene.act("finance-officer", &draft, "/revision", &json!({ "proposal": scene.proposal() })).refused(409, "PROJECT_STATE_INVALID");
        assert_eq!((change(field.clone()), &field["reason"]["code"], &field["reason"]["facts"]), (no(), &refused.json()["code"], &refused.json()["facts"]));
        scene.act("finance-officer", &draft, "/withdrawal", &json!({ "reason": "Retiré" })).expect(200);
        assert_eq!(told("finance-officer", &draft)("/proposal/budget")["reason"]["code"], "CLOSED_IMMUTABLE");
        scene.act("finance-officer", &draft, "/revision", &json!({ "proposal": scene.proposal() })).refused(409, "CLOSED_IMMUTABLE");
        // Of what was approved, terms are amended and nothing else changes.
        let granted = scene.granted("QIP-2", &json!({}));
        let field = told("finance-officer", &granted);
        for member in ["ends_on", "budget", "lines/*/amount", "implementer", "shares", "objective"] {
            assert_eq!(change(field(&format!("/proposal/{member}"))), yes("propose_project_amendment", true), "{member}");
        }
        for member in ["title", "starts_on", "requester", "currency", "fund_purpose_id", "recipients"] {
            assert_eq!(change(field(&format!("/proposal/{member}"))), no(), "{member}");
        }
    }

    Stage::Open, fn what_can_be_set_is_told_by_the_contract_itself(town) {
        let names = town.stranger().get("/v1/fields").expect(200).json();
        let project = names.as_array().expect("names").iter().find(|one| one["resource"] == "projects").expect("projects").clone();
        assert_eq!(project["operation"], "draft_project");
        let fields = town.stranger().get("/v1/fields/projects").expect(200).json();
        let field = |pointer: &str| {
            let all = fields["fields"].as_array().expect("fields").clone();
            all.into_iter().find(|field| field["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer} in {fields}"))
        };
        let of = |pointer: &str, names: &[&str]| -> Vec<Value> { let field = field(pointer); names.iter().map(|name| field[name].clone()).collect() };
        assert_eq!(of("/reference", &["kind", "required", "length_max"]), [json!("text"), json!(true), json!(60)]);
        assert_eq!(of("/id", &["kind", "required"]), [json!("id"), json!(false)]);
        assert_eq!(of("/proposal", &["kind", "required"]), [json!("group"), json!(true)]);
        assert_eq!(of("/proposal/starts_on", &["kind", "required"]), [json!("date"), json!(true)]);
        assert_eq!(of("/proposal/lines", &["kind", "length_max"]), [json!("list"), json!(100)]);
        assert_eq!(of("/proposal/risk_marker", &["kind", "minimum", "maximum"]), [json!("integer"), json!(0), json!(2)]);
        assert!(field("/proposal/lines/*/category")["allowed"].as_array().expect("words").contains(&json!("indirect")));
        assert!(field("/instrument")["allowed"].as_array().expect("words").contains(&json!("quick_impact")));
        town.stranger().get("/v1/fields/unicorns").refused(404, "NOT_FOUND");
        // What it says is required, is.
        let refused = town.client("finance-officer").create(&town.path("/projects"), &json!({})).expect(400);
        let missing = refused.json().to_string();
        assert!(missing.contains("reference"), "{missing}");
    }
}
