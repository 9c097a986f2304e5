//! What stands against projects, and why.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{partner, scene, with};
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn ac_01_to_05_inv_08_inv_27_the_rules_of_quick_impact_projects(town) {
        let scene = scene(town);
        let submit = |reference: &str, more: Value| scene.submit(&scene.drafted(reference, &more));
        let budget = |amount: &str| json!({ "proposal/budget": amount, "proposal/lines": [{ "category": "supplies", "description": "x", "amount": amount }] });
        let first = scene.drafted("QIP-1", &json!({}));
        scene.submit(&first).expect(200);
        assert_eq!(town.client("auditor").get(&format!("{first}/finance-summary")).expect(200).json()["ceiling_use_bps"], json!(8394));
        submit("QIP-2", budget("50000")).expect(200);
        let refused = submit("QIP-3", budget("50000.01")).refused(422, "CEILING_EXCEEDED");
        assert_eq!(refused.text("/facts/max"), "50000.00");
        let lasting = |from: &str, to: &str| json!({ "proposal/starts_on": from, "proposal/ends_on": to });
        submit("QIP-4", lasting("2018-06-29", "2018-12-29")).expect(200);
        submit("QIP-5", lasting("2018-06-29", "2018-12-30")).refused(422, "DURATION_EXCEEDED");
        submit("QIP-6", lasting("2018-08-31", "2019-02-28")).expect(200);
        let indirect = json!({ "proposal/lines": [
            { "category": "contractual", "description": "Formation", "amount": "39032.10" },
            { "category": "indirect", "description": "7 %", "amount": "2937.90" },
        ] });
        submit("QIP-7", indirect).refused(422, "OVERHEAD_NOT_ALLOWED");
        let by = |kind: &str, supplier: &str| json!({ "proposal/implementer": { "kind": kind, "supplier_id": supplier } });
        submit("QIP-8", by("international_ngo", &scene.partner)).refused(422, "PARTNER_NOT_LOCAL");
        let unregistered = partner(town, "COOP-2", &json!({ "tax_number": null }));
        let refused = submit("QIP-9", by("local_association", &unregistered)).refused(422, "PARTNER_INELIGIBLE");
        assert_eq!(refused.text("/facts/reasons/0"), "not_registered");
        submit("QIP-10", json!({ "proposal/implementer": null })).refused(422, "PARTNER_MISSING");
        submit("QIP-11", json!({ "proposal/area": "astrology" })).refused(422, "AREA_NOT_ALLOWED");
        submit("QIP-12", json!({ "proposal/currency": "EUR" })).refused(422, "EXCHANGE_RATE_MISSING");
        submit("QIP-13", json!({ "proposal/budget": "41971" })).refused(422, "BUDGET_SUM");
        // INV-27: each split is the whole; all that is wrong is told at once.
        let split = json!([{ "dimension": "place", "term": scene.gao, "bps": 9999 }, { "dimension": "sector", "term": "water", "bps": 10_000 }]);
        let refused = submit("QIP-14", json!({ "proposal/shares": split, "proposal/area": null })).refused(422, "SPLIT_SUM");
        let codes: Vec<Value> = refused.json()["errors"].as_array().expect("errors").iter().map(|error| error["code"].clone()).collect();
        assert_eq!(codes, ["SPLIT_SUM", "SPLIT_SUM", "AREA_NOT_ALLOWED"]);
    }

    Stage::Open, fn what_a_proposal_names_has_to_exist(town) {
        let scene = scene(town);
        scene.drafted("QIP-1", &json!({}));
        let refused = |more: Value, status, code: &str| drop(scene.draft("QIP-2", &more).refused(status, code));
        scene.draft("QIP-1", &json!({})).refused(409, "PROJECT_DUPLICATE");
        refused(json!({ "proposal/requester_kind": "community" }), 422, "REQUESTER_KIND_NOT_ALLOWED");
        refused(json!({ "proposal/currency": "ZZZ" }), 422, "CURRENCY_UNKNOWN");
        refused(json!({ "proposal/budget": "0" }), 422, "AMOUNT_ZERO");
        refused(json!({ "proposal/budget": "1.001" }), 400, "AMOUNT_INVALID");
        refused(json!({ "proposal/programme_id": Uuid::new_v4() }), 404, "NOT_FOUND");
        refused(json!({ "proposal/fund_purpose_id": Uuid::new_v4() }), 404, "NOT_FOUND");
        refused(json!({ "proposal/need_ids": [Uuid::new_v4()] }), 404, "NOT_FOUND");
        let share = |dimension: &str, term: &str| json!({ "proposal/shares": [{ "dimension": dimension, "term": term, "bps": 1 }] });
        refused(share("place", "Gao"), 422, "PROJECT_PLACE_UNKNOWN");
        refused(share("place", &Uuid::new_v4().to_string()), 422, "PROJECT_PLACE_UNKNOWN");
        refused(share("country", "Mali"), 422, "PROJECT_PLACE_UNKNOWN");
        refused(share("sector", "astrology"), 422, "FUND_TERM_UNKNOWN");
        let twice = json!([{ "dimension": "country", "term": "ML", "bps": 1 }, { "dimension": "country", "term": "ML", "bps": 1 }]);
        refused(json!({ "proposal/shares": twice }), 422, "SPLIT_SUM");
        // The money of a purpose is that of one project.
        let (purpose, _) = scene.funded("1");
        let project = scene.drafted("QIP-3", &json!({ "proposal/fund_purpose_id": purpose }));
        refused(json!({ "proposal/fund_purpose_id": purpose }), 409, "FUND_RECORD_DUPLICATE");
        let other = scene.drafted("QIP-4", &json!({}));
        let revise = |project: &str, more: Value| {
            let body = with(json!({ "proposal": scene.proposal() }), &more);
            scene.act("finance-officer", project, "/revision", &body)
        };
        revise(&other, json!({ "proposal/fund_purpose_id": purpose })).refused(409, "FUND_RECORD_DUPLICATE");
        revise(&other, json!({ "proposal/budget": "0" })).refused(422, "AMOUNT_ZERO");
        revise(&other, json!({ "proposal/budget": "1.001" })).refused(400, "AMOUNT_INVALID");
        revise(&other, json!({ "proposal/currency": "ZZZ" })).refused(422, "CURRENCY_UNKNOWN");
        revise(&other, json!({ "proposal/shares": twice })).refused(422, "SPLIT_SUM");
        revise(&other, share("place", "Gao")).refused(422, "PROJECT_PLACE_UNKNOWN");
        revise(&other, share("sector", "astrology")).refused(422, "FUND_TERM_UNKNOWN");
        assert_eq!(revise(&project, json!({ "proposal/title": "Autre titre" })).expect(200).text("/title"), "Autre titre");
    }

    Stage::Open, fn a_returned_project_is_revised_and_everything_is_looked_at_again(town) {
        let scene = scene(town);
        let project = scene.reviewed("QIP-1", &json!({}));
        let reason = json!({ "reason": "Préciser le lieu" });
        let revision = json!({ "proposal": scene.proposal() });
        let refused = scene.act("finance-officer", &project, "/revision", &revision).refused(409, "PROJECT_STATE_INVALID");
        assert_eq!(refused.text("/facts/state"), "under_review");
        scene.check(&project, &json!({})).expect(200);
        scene.act("finance-officer", &project, "/return", &reason).expect(200);
        scene.appraise(&project, "favourable").refused(409, "PROJECT_STATE_INVALID");
        scene.check(&project, &json!({})).refused(409, "PROJECT_STATE_INVALID");
        scene.act("finance-officer", &project, "/revision", &revision).expect(200);
        scene.act("finance-officer", &project, "/return", &reason).refused(409, "PROJECT_STATE_INVALID");
        scene.act("finance-officer", &project, "/review", &json!({})).refused(409, "PROJECT_STATE_INVALID");
        scene.act("certifier", &project, "/recommendation", &json!({})).refused(409, "PROJECT_STATE_INVALID");
        assert_eq!(scene.submit(&project).expect(200).text("/submission"), "2");
        scene.submit(&project).refused(409, "PROJECT_STATE_INVALID");
        scene.act("finance-officer", &project, "/review", &json!({})).expect(200);
        scene.appraise(&project, "favourable").expect(200);
        // The check was of what was asked for before.
        scene.act("certifier", &project, "/recommendation", &json!({})).refused(422, "CSC_STALE");
        scene.check(&project, &json!({})).expect(200);
        scene.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        scene.act("mayor", &project, "/withdrawal", &reason).expect(200);
        assert_eq!(scene.state(&project), "withdrawn");
        scene.submit(&project).refused(409, "CLOSED_IMMUTABLE");
        let history = town.client("auditor").get(&format!("{project}/history")).expect(200).json();
        assert_eq!(history.as_array().and_then(|steps| steps.last()).map(|step| step["reason"].clone()), Some(json!("Préciser le lieu")));
    }

    Stage::Open, fn ac_31_near_an_election_a_check_answers_for_neutrality(town) {
        let scene = scene(town);
        let sector = |sector: &str| json!([
            { "dimension": "place", "term": scene.gao, "bps": 10_000 }, { "dimension": "sector", "term": sector, "bps": 10_000 },
            { "dimension": "country", "term": "ML", "bps": 10_000 },
        ]);
        let election = json!({
            "proposal/shares": sector("women_in_elections"), "proposal/starts_on": "2018-06-29", "proposal/ends_on": "2018-12-29",
        });
        let project = scene.reviewed("QIP-1", &election);
        scene.appraise(&project, "favourable").expect(200);
        scene.check(&project, &json!({})).expect(200);
        let recommend = |project: &str| scene.act("certifier", project, "/recommendation", &json!({}));
        let refused = recommend(&project).refused(422, "CSC_MISSING");
        assert_eq!((refused.text("/facts/missing/0"), refused.text("/facts/election")), ("neutrality".to_owned(), "2018-07-29".to_owned()));
        let questions = town.stranger().get("/v1/conflict-questions").expect(200).json();
        let answers = |risk: u32, mitigation: Value| -> Vec<Value> {
            let asked = questions.as_array().expect("questions").iter();
            asked.map(|question| json!({ "question": question["code"], "risk": risk, "mitigation": mitigation })).collect()
        };
        scene.check(&project, &json!({ "answers": answers(3, Value::Null) })).expect(200);
        recommend(&project).refused(422, "CSC_FAILED");
        scene.check(&project, &json!({ "answers": answers(1, Value::Null), "assessed_on": "2024-08-02", "analysed_on": "2024-01-01" })).expect(200);
        let refused = recommend(&project).refused(422, "CSC_EXPIRED");
        assert_eq!(refused.text("/errors/1/code"), "CSC_ANALYSIS_STALE");
        scene.check(&project, &json!({ "answers": answers(3, json!("Charte signée")) })).expect(200);
        recommend(&project).expect(200);
        // AC-36: a communal police needs studies.
        let police = scene.reviewed("QIP-2", &json!({ "proposal/shares": sector("communal_police") }));
        scene.appraise(&police, "adverse").expect(200);
        scene.check(&police, &json!({ "analysed_on": "2025-02-02" })).refused(422, "DATE_IN_FUTURE");
        scene.check(&police, &json!({ "answers": [{ "question": "colour", "risk": 0 }] })).refused(422, "CSC_QUESTION_INVALID");
        scene.check(&police, &json!({ "answers": [{ "question": "gains_area", "risk": 0 }] })).refused(422, "CSC_MISSING");
        scene.check(&police, &json!({})).expect(200);
        let refused = recommend(&police).refused(422, "APPRAISAL_ADVERSE");
        assert_eq!((refused.text("/errors/1/code"), refused.json()["errors"].as_array().map(Vec::len)), ("STUDY_MISSING".to_owned(), Some(2)));
        // Whoever declared an interest neither appraises nor checks.
        scene.act("certifier", &police, "/interests", &json!({ "reason": "Associé" })).expect(200);
        scene.check(&police, &json!({})).refused(403, "CONFLICT_OF_INTEREST");
        scene.appraise(&police, "favourable").refused(403, "CONFLICT_OF_INTEREST");
        scene.act("finance-officer", &project, "/conflict-checks", &json!({ "assessed_on": "2025-02-01", "analysed_on": "2025-02-01", "answers": answers(0, Value::Null) }))
            .refused(403, "SOD_VIOLATION");
        let other = scene.reviewed("QIP-3", &json!({ "proposal/shares": sector("sports") }));
        scene.act("finance-officer", &other, "/recommendation", &json!({})).refused(403, "SOD_VIOLATION");
    }

    Stage::Open, fn similar_projects_are_looked_at_before_the_review(town) {
        let scene = scene(town);
        let (first, second) = (scene.drafted("QIP-1", &json!({})), scene.drafted("QIP-2", &json!({})));
        scene.submit(&first).expect(200);
        // A draft is nobody's business yet: the first is not held up by the second.
        scene.act("finance-officer", &first, "/review", &json!({})).expect(200);
        scene.submit(&second).expect(200);
        let review = || scene.act("finance-officer", &second, "/review", &json!({}));
        assert_eq!(review().refused(409, "DUPLICATE_UNRESOLVED").text("/facts/references/0"), "QIP-1");
        let overlaps = town.client("auditor").get(&format!("{second}/overlaps")).expect(200).json();
        assert_eq!((overlaps.as_array().map(Vec::len), &overlaps[0]["disposition"]), (Some(1), &Value::Null));
        let found = |project: &str, other: &Value, disposition: &str| {
            let body = json!({ "project_id": other, "disposition": disposition, "reason": "Autres bénéficiaires" });
            scene.act("finance-officer", project, "/overlap-reviews", &body)
        };
        found(&second, &json!(Uuid::new_v4()), "joint").refused(422, "PROJECT_NOT_SIMILAR");
        found(&second, &overlaps[0]["project_id"], "complementary").expect(200);
        found(&second, &overlaps[0]["project_id"], "complementary").refused(422, "PROJECT_NOT_SIMILAR");
        review().expect(200);
        let third = scene.drafted("QIP-3", &json!({}));
        found(&third, &overlaps[0]["project_id"], "joint").refused(409, "PROJECT_STATE_INVALID");
        scene.submit(&third).expect(200);
        // What is found to be a duplicate, or a part of what was split, stays in the way.
        found(&third, &overlaps[0]["project_id"], "splitting").expect(200);
        scene.act("finance-officer", &third, "/review", &json!({})).refused(409, "DUPLICATE_UNRESOLVED");
    }

    Stage::Open, fn the_markers_and_the_committees_of_the_peacebuilding_fund(town) {
        let scene = scene(town);
        let small = json!({ "instrument": "gender_youth_promotion", "proposal/area": null, "proposal/gender_marker": 1 });
        let project = scene.reviewed("GYPI-1", &small);
        scene.appraise(&project, "favourable").expect(200);
        scene.check(&project, &json!({})).expect(200);
        scene.act("certifier", &project, "/recommendation", &json!({})).refused(422, "APPRAISALS_MISSING");
        let pilot = json!({
            "instrument": "community_pilot", "proposal/area": null, "proposal/requester_kind": "community",
            "proposal/need_ids": [crate::programme::met(town, "ML07", &["Forage"], &json!({})).expect(201).text("/needs/0/id")],
            "proposal/starts_on": "2027-01-01", "proposal/ends_on": "2027-12-31",
        });
        let pilot = scene.recommended("CP-1", &pilot);
        let committee = scene.committee(&json!({})).expect(201).id();
        let three = ["mayor", "accountant", "state-representative"];
        let refused = scene.motion(&pilot, committee, &three, &json!({})).refused(422, "FUND_INSUFFICIENT");
        assert_eq!(refused.text("/errors/1/code"), "GENDER_MARKER_REQUIRED");
        scene.motion(&pilot, committee, &three, &json!({ "rejection_reason": "other" })).refused(422, "REASON_REQUIRED");
        scene.motion(&pilot, committee, &three, &json!({ "held_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        scene.motion(&pilot, committee, &three, &json!({ "action": "cancel" })).refused(409, "PROJECT_STATE_INVALID");
        scene.motion(&pilot, Uuid::new_v4(), &three, &json!({})).refused(404, "NOT_FOUND");
        scene.committee(&json!({})).refused(409, "COMMITTEE_DUPLICATE");
        scene.committee(&json!({ "name": "B", "quorum": 2 })).refused(422, "COMMITTEE_INVALID");
        let stranger = json!({ "name": "B", "quorum": 1, "member_ids": [Uuid::new_v4()] });
        scene.committee(&stranger).refused(422, "COMMITTEE_ATTENDANCE_INVALID");
        let listed = town.client("auditor").get(&town.path("/committees")).expect(200).json();
        assert_eq!(listed["data"][0]["member_ids"].as_array().map(Vec::len), Some(5));
    }
}
