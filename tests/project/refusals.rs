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
        // Each says which member of the proposal it is about.
        let pointers: Vec<Value> = refused.json()["errors"].as_array().expect("errors").iter().map(|error| error["pointer"].clone()).collect();
        assert_eq!(pointers, ["/proposal/shares", "/proposal/shares", "/proposal/area"]);
        let bare = scene.submit(&scene.drafted("QIP-15", &json!({ "proposal/implementer": null }))).refused(422, "PARTNER_MISSING");
        assert_eq!(bare.text("/errors/0/pointer"), "/proposal/implementer");
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
        let told = scene.draft("QIP-2", &share("sector", "astrology")).refused(422, "FUND_TERM_UNKNOWN");
        assert_eq!(told.text("/errors/0/pointer"), "/proposal/shares/0/term");
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
        let purpose = town.client("auditor").get(&project).expect(200).text("/fund_purpose_id");
        let revision = with(json!({ "proposal": scene.proposal() }), &json!({ "proposal/fund_purpose_id": purpose }));
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
        let failed = recommend(&project).refused(422, "CSC_FAILED").json();
        let mut asked: Vec<&str> = questions.as_array().expect("questions").iter().filter_map(|one| one["code"].as_str()).collect();
        asked.sort_unstable();
        assert_eq!(failed["facts"]["questions"], json!(asked));
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
        // What lets the project go on is not found anew.
        let again = found(&second, &overlaps[0]["project_id"], "splitting").refused(409, "OVERLAP_REVIEWED");
        assert_eq!((again.text("/facts/disposition"), again.text("/errors/0/pointer")), ("complementary".to_owned(), "/project_id".to_owned()));
        review().expect(200);
        let third = scene.drafted("QIP-3", &json!({}));
        found(&third, &overlaps[0]["project_id"], "joint").refused(409, "PROJECT_STATE_INVALID");
        scene.submit(&third).expect(200);
        let standing = |project: &str| town.client("auditor").get(&format!("{project}/overlaps")).expect(200).json();
        let begin = || scene.act("finance-officer", &third, "/review", &json!({}));
        let [one, other] = [0, 1].map(|index: usize| standing(&third)[index]["project_id"].clone());
        found(&third, &other, "joint").expect(200);
        // What is found to be a duplicate, or a part of what was split, stays in the way until it is looked at again.
        found(&third, &one, "duplicate").expect(200);
        let name = |index: usize| standing(&third)[index]["reference"].clone();
        assert_eq!(begin().refused(409, "DUPLICATE_UNRESOLVED").json()["facts"]["references"], json!([name(0)]));
        found(&third, &one, "splitting").refused(409, "OVERLAP_REVIEWED");
        found(&third, &one, "false_match").expect(200);
        let fourth = scene.drafted("QIP-4", &json!({}));
        scene.submit(&fourth).expect(200);
        let others: Vec<Value> = standing(&fourth).as_array().expect("three").iter().map(|one| one["project_id"].clone()).collect();
        for (index, other) in others.iter().enumerate() {
            found(&fourth, other, if index == 0 { "splitting" } else { "complementary" }).expect(200);
        }
        let begin = || scene.act("finance-officer", &fourth, "/review", &json!({}));
        assert_eq!(begin().refused(409, "POSSIBLE_SPLITTING").json()["facts"]["references"], json!([standing(&fourth)[0]["reference"]]));
        // Whoever decides reads that it was found, and why it goes on all the same.
        let accepted = json!({ "project_id": others[0], "disposition": "splitting_accepted", "reason": "Deux quartiers, deux associations" });
        scene.act("finance-officer", &fourth, "/overlap-reviews", &accepted).expect(200);
        let told = &standing(&fourth)[0];
        assert_eq!((&told["disposition"], &told["reason"]), (&json!("splitting_accepted"), &json!("Deux quartiers, deux associations")));
        begin().expect(200);
        // Every finding is kept.
        use diesel::connection::SimpleConnection as _;
        for broken in ["UPDATE project_overlaps SET disposition = 'joint'", "DELETE FROM project_overlaps"] {
            assert!(town.connection().batch_execute(broken).is_err(), "{broken}");
        }
    }

    Stage::Open, fn parts_of_one_project_are_looked_at_together(town) {
        let scene = scene(town);
        let within = |unit: &str, level: &str| {
            let units = town.stranger().get(&format!("/v1/territorial-units?parent={unit}&level={level}&on=2020-01-01&limit=2")).expect(200);
            [0, 1].map(|index| units.text(&format!("/data/{index}/id")))
        };
        let [cercle, _] = within(&scene.gao, "cercle");
        let [commune, neighbour] = within(&cercle, "commune");
        let asked = |(place, sector): (&str, &str), (starts, ends): (&str, &str), amount: &str, more: &Value| {
            let mut body = json!({
                "proposal/shares": [
                    { "dimension": "place", "term": place, "bps": 10_000 }, { "dimension": "sector", "term": sector, "bps": 10_000 },
                    { "dimension": "country", "term": "ML", "bps": 10_000 },
                ],
                "proposal/starts_on": starts, "proposal/ends_on": ends, "proposal/budget": amount,
                "proposal/lines": [{ "category": "contractual", "description": "Formation", "amount": amount }],
            });
            body.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
            body
        };
        let number = std::cell::Cell::new(0);
        let submitted = |what: (&str, &str), days: (&str, &str), amount: &str, more: &Value| {
            number.set(number.get() + 1);
            let project = scene.drafted(&format!("QIP-{}", number.get()), &asked(what, days, amount, more));
            scene.submit(&project).expect(200);
            project
        };
        let similar = |project: &str| {
            let rows = town.client("auditor").get(&format!("{project}/overlaps")).expect(200).json();
            let row = |row: &Value| (row["reference"].as_str().expect("text").to_owned(), row["possible_splitting"] == true);
            rows.as_array().expect("rows").iter().map(row).collect::<std::collections::BTreeMap<_, _>>()
        };
        let told = |rows: &[(&str, bool)]| rows.iter().map(|(name, split)| ((*name).to_owned(), *split)).collect::<std::collections::BTreeMap<_, _>>();
        let here = (commune.as_str(), "social_cohesion");
        // One after the other, by one implementer: 180 days from begin to begin, together above the ceiling of 50,000.
        let first = submitted(here, ("2025-03-01", "2025-04-01"), "30000", &json!({}));
        let other = partner(town, "COOP-2", &json!({ "tax_number": "087654399X" }));
        let by_another = json!({ "proposal/implementer": { "kind": "local_association", "supplier_id": other } });
        let beside = [
            (here, ("2025-08-29", "2025-10-01"), "30000", &by_another),
            ((neighbour.as_str(), "social_cohesion"), ("2025-08-28", "2025-10-01"), "30000", &json!({})),
            ((commune.as_str(), "water"), ("2025-08-28", "2025-10-01"), "30000", &json!({})),
            (here, ("2024-08-01", "2024-09-01"), "30000", &json!({})),
        ];
        for (what, days, amount, more) in beside {
            let project = submitted(what, days, amount, more);
            assert_eq!(similar(&project), told(&[]), "{what:?} {days:?}");
            scene.act("finance-officer", &project, "/withdrawal", &json!({ "reason": "Autre financement" })).expect(200);
        }
        let late = submitted(here, ("2025-08-29", "2025-10-01"), "30000", &json!({}));
        assert_eq!(similar(&late), told(&[]), "a day more than 180");
        scene.act("finance-officer", &late, "/withdrawal", &json!({ "reason": "Trop tard" })).expect(200);
        // Up to the ceiling nothing is split.
        let small = submitted(here, ("2025-08-28", "2025-10-01"), "20000", &json!({}));
        assert_eq!((similar(&small), similar(&first)), (told(&[]), told(&[])));
        let review = |project: &str| scene.act("finance-officer", project, "/review", &json!({}));
        // A franc more, and all of one hand are looked at before each of them goes on: those that last at once as duplicates too.
        let third = submitted(here, ("2025-08-27", "2025-09-15"), "1", &json!({}));
        let [small_name, third_name] = [&small, &third].map(|project| town.client("auditor").get(project).expect(200).text("/reference"));
        assert_eq!(similar(&third), told(&[("QIP-1", true), (&small_name, true)]));
        assert_eq!(similar(&first), told(&[(&small_name, true), (&third_name, true)]));
        // What another does there at the same time may be done twice; it is no part of theirs.
        let of_another = submitted(here, ("2025-08-27", "2025-09-15"), "1", &by_another);
        let its_name = town.client("auditor").get(&of_another).expect(200).text("/reference");
        assert_eq!(similar(&third), told(&[("QIP-1", true), (&small_name, true), (&its_name, false)]));
        scene.act("finance-officer", &of_another, "/withdrawal", &json!({ "reason": "Autre financement" })).expect(200);
        let refused = review(&first).refused(409, "POSSIBLE_SPLITTING");
        assert_eq!(refused.json()["facts"]["references"].as_array().map(Vec::len), Some(2));
        let refused = review(&third).refused(409, "DUPLICATE_UNRESOLVED");
        assert_eq!((refused.text("/facts/references/0"), refused.text("/errors/1/code")), (small_name.clone(), "POSSIBLE_SPLITTING".to_owned()));
        let found = |other: &str, disposition: &str| {
            let other = other.rsplit('/').next().expect("an id");
            let body = json!({ "project_id": other, "disposition": disposition, "reason": "Deux quartiers, deux associations" });
            scene.act("finance-officer", &first, "/overlap-reviews", &body).expect(200)
        };
        found(&small, "splitting");
        found(&third, "complementary");
        assert_eq!(review(&first).refused(409, "POSSIBLE_SPLITTING").text("/facts/references/0"), small_name);
        found(&small, "splitting_accepted");
        review(&first).expect(200);
        // What is above the caller is not told, and not added up.
        use diesel::connection::SimpleConnection as _;
        let hide = format!("UPDATE projects SET sensitivity = 3 WHERE reference = '{small_name}'");
        town.connection().batch_execute(&hide).expect("no rule of the database");
        let theirs = town.client("certifier").get(&format!("{first}/overlaps")).expect(200).json();
        assert_eq!(theirs.as_array().map(Vec::len), Some(0), "31,000.00 of 50,000.00");
    }

    Stage::Open, fn nothing_is_recommended_that_no_fund_could_ever_pay(town) {
        let scene = scene(town);
        let ready = |reference: &str, purpose: Value, year: u32, more: Value| {
            let mut base = json!({
                "proposal/fund_purpose_id": purpose, "proposal/starts_on": format!("{year}-01-01"), "proposal/ends_on": format!("{year}-06-01"),
            });
            for (name, member) in more.as_object().expect("members") {
                base[name] = member.clone();
            }
            let project = scene.reviewed(reference, &base);
            scene.appraise(&project, "favourable").expect(200);
            scene.check(&project, &json!({})).expect(200);
            project
        };
        let recommend = |project: &str| scene.act("certifier", project, "/recommendation", &json!({}));
        let refused = |project: &str, status: u16, code: &str| {
            assert_eq!(recommend(project).refused(status, code).text("/errors/0/pointer"), "/proposal/fund_purpose_id");
        };
        let project = ready("QIP-1", Value::Null, 2026, json!({}));
        refused(&project, 422, "FUND_PURPOSE_MISSING");
        let ways = town.client("auditor").get(&format!("{project}/transitions")).expect(200).json();
        let recommending = ways.as_array().expect("ways").iter().find(|way| way["action"] == "recommend").expect("a way");
        assert_eq!(recommending["unmet"][0]["code"], "FUND_PURPOSE_MISSING", "and it is told before");
        let euros = scene.purpose_for("EUROS", &json!({ "proposal/currency": "EUR" }));
        refused(&ready("QIP-2", json!(euros), 2027, json!({})), 422, "CURRENCY_MISMATCH");
        let small = scene.purpose_for("SMALL", &json!({ "proposal/budget": "41969.99" }));
        refused(&ready("QIP-3", json!(small), 2028, json!({})), 422, "PURPOSE_BUDGET_EXCEEDED");
        let closed = scene.purpose_for("CLOSED", &json!({}));
        let last = ready("QIP-4", json!(closed), 2029, json!({}));
        let closure = json!({ "on": "2025-02-03", "reference": "Sans suite" });
        town.client("accountant").act(&town.path(&format!("/fund-purposes/{closed}")), "/closure", &closure).expect(200);
        refused(&last, 409, "FUND_PURPOSE_CLOSED");
        // Nor what lacks a marker that its instrument asks for: both can only be put right by a revision.
        let second = crate::access::newcomer(town, "second-reviewer");
        crate::access::assign(town, town.commune_id(), second, "certifier", "2024-09-02", None).expect(201);
        let facility = |reference: &str, year: u32, markers: Value| {
            let implementer = json!({ "kind": "un_agency", "supplier_id": scene.partner });
            let mut more = json!({ "instrument": "peacebuilding_immediate", "proposal/area": null, "proposal/implementer": implementer });
            for (name, member) in markers.as_object().expect("markers") {
                more[name] = member.clone();
            }
            let project = ready(reference, json!(scene.purpose_for(reference, &json!({}))), year, more);
            town.client_of(second).act(&project, "/appraisals", &json!({ "opinion": "favourable", "comment": "Réalisable" })).expect(200);
            project
        };
        let unmarked = facility("PBF-1", 2031, json!({ "proposal/risk_marker": 1 }));
        assert_eq!(recommend(&unmarked).refused(422, "GENDER_MARKER_REQUIRED").text("/errors/0/pointer"), "/proposal/gender_marker");
        let unmarked = facility("PBF-2", 2032, json!({ "proposal/gender_marker": 2 }));
        assert_eq!(recommend(&unmarked).refused(422, "RISK_MARKER_REQUIRED").text("/errors/0/pointer"), "/proposal/risk_marker");
        // The way out: it is returned, names its purpose, and comes back.
        scene.act("finance-officer", &project, "/return", &json!({ "reason": "Nommer l'objet financé" })).expect(200);
        let purpose = scene.purpose_for("QIP-1", &json!({}));
        let more = json!({ "proposal/fund_purpose_id": purpose, "proposal/starts_on": "2026-01-01", "proposal/ends_on": "2026-06-01" });
        let revised = with(json!({ "proposal": scene.proposal() }), &more);
        scene.act("finance-officer", &project, "/revision", &revised).expect(200);
        scene.submit(&project).expect(200);
        scene.act("finance-officer", &project, "/review", &json!({})).expect(200);
        scene.appraise(&project, "favourable").expect(200);
        scene.check(&project, &json!({})).expect(200);
        recommend(&project).expect(200);
        // Until a fund allocates to it, nothing is moved.
        let committee = scene.committee(&json!({})).expect(201).id();
        let three = ["mayor", "accountant", "state-representative"];
        let refused = scene.motion(&project, committee, &three, &json!({})).refused(422, "PROJECT_NOT_ALLOCATED");
        assert_eq!((refused.text("/facts/requested"), refused.text("/facts/currency")), ("41970.00".to_owned(), "USD".to_owned()));
    }

    Stage::Open, fn what_is_withdrawn_or_rejected_lets_its_purpose_go(town) {
        let scene = scene(town);
        let (purpose, _) = scene.funded("41970");
        let named = json!({ "proposal/fund_purpose_id": purpose });
        let paid_by = |project: &str| town.client("auditor").get(project).expect(200).json()["fund_purpose_id"].clone();
        let first = scene.drafted("QIP-1", &named);
        scene.draft("QIP-2", &named).refused(409, "FUND_RECORD_DUPLICATE");
        scene.act("finance-officer", &first, "/withdrawal", &json!({ "reason": "Autre financement" })).expect(200);
        let second = scene.recommended("QIP-2", &named);
        assert_eq!((paid_by(&first), paid_by(&second)), (Value::Null, json!(purpose)));
        let committee = scene.committee(&json!({})).expect(201).id();
        let reject = json!({ "action": "reject", "rejection_reason": "other" });
        let motion = scene.motion(&second, committee, &["mayor", "accountant", "state-representative"], &reject).expect(201).id();
        scene.vote("mayor", motion, "for").expect(201);
        scene.vote("accountant", motion, "for").expect(201);
        assert_eq!((scene.state(&second), paid_by(&second)), ("rejected".to_owned(), Value::Null));
        // What was let go is on the chain, and the money pays another project.
        let feed = town.client("auditor").get("/v1/events?kind=project.moved&limit=200").expect(200).json().to_string();
        assert_eq!(feed.matches("released_fund_purpose_id").count(), 2, "{feed}");
        let third = scene.recommended("QIP-3", &named);
        scene.approve(&third);
        assert_eq!(scene.state(&third), "approved");
        let donors = town.client("auditor").get(&town.path("/project-totals?by=donor")).expect(200).json();
        assert_eq!((&donors["groups"][0]["projects"], &donors["groups"][0]["amount"]), (&json!(1), &json!("41970.00")), "counted once");
        // One that was contracted and then cancelled does so too, with the hold on its money.
        scene.agree(&third, &json!({})).expect(201);
        scene.sign_both(&third);
        let held = || town.client("auditor").get(&town.path(&format!("/fund-purposes/{purpose}"))).expect(200).json()["held"].clone();
        assert_eq!(held(), json!(true));
        let allocations = town.client("auditor").get(&town.path("/fund-allocations")).expect(200).json();
        let allocation = town.path(&format!("/fund-allocations/{}", allocations["data"][0]["id"].as_str().expect("an id")));
        let back = json!({ "amount": "41970", "currency": "USD", "reason": "Abandon", "on": "2018-07-18" });
        town.client("mayor").act(&allocation, "/release", &back).expect(200);
        let motion = scene.motion(&third, committee, &["mayor", "accountant", "state-representative"], &json!({ "action": "cancel" })).expect(201).id();
        scene.vote("mayor", motion, "for").expect(201);
        scene.vote("accountant", motion, "for").expect(201);
        assert_eq!((scene.state(&third), paid_by(&third), held()), ("cancelled".to_owned(), Value::Null, json!(false)));
        scene.drafted("QIP-4", &named);
        town.verify().expect("the books are right");
        // The database holds it by itself.
        use diesel::connection::SimpleConnection as _;
        let other = crate::project::money::sql_id(town, scene.purpose_for("P-9", &json!({})));
        for state in ["withdrawn", "rejected", "cancelled"] {
            let kept = format!("UPDATE projects SET fund_purpose_id = {other} WHERE state = '{state}'");
            assert!(town.connection().batch_execute(&kept).is_err(), "{kept}");
        }
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
            "proposal/starts_on": "2027-01-01", "proposal/ends_on": "2027-12-31", "proposal/gender_marker": 1,
        });
        let pilot = scene.recommended("CP-1", &pilot);
        // One that was recommended before that was asked for.
        use diesel::connection::SimpleConnection as _;
        town.connection().batch_execute("UPDATE projects SET gender_marker = NULL WHERE reference = 'CP-1'").expect("as it was");
        let committee = scene.committee(&json!({})).expect(201).id();
        let three = ["mayor", "accountant", "state-representative"];
        let refused = scene.motion(&pilot, committee, &three, &json!({})).refused(422, "PROJECT_NOT_ALLOCATED");
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
