//! Amendments of approved projects, and results that are measured.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Scene, partner, scene, with};
use crate::fund::place;
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

/// Asks for an amendment on a day.
fn propose(scene: &Scene<'_>, project: &str, kind: &str, requested_on: &str, more: &Value) -> Answer {
    let body = json!({ "kind": kind, "requested_on": requested_on, "reason": "Crue du fleuve" });
    scene.act("finance-officer", project, "/amendments", &with(body, more))
}

fn review(scene: &Scene<'_>, login: &str, project: &str, amendment: u32) -> Answer {
    scene.act(login, project, "/amendment-reviews", &json!({ "amendment": amendment }))
}

fn decide(scene: &Scene<'_>, project: &str, amendment: u32, decision: &str, minutes: Value) -> Answer {
    let body = json!({ "amendment": amendment, "decision": decision, "minutes": minutes });
    scene.act("mayor", project, "/amendment-decisions", &body)
}

fn apply(scene: &Scene<'_>, project: &str, amendment: u32) -> Answer {
    scene.act("finance-officer", project, "/amendment-applications", &json!({ "amendment": amendment }))
}

/// Takes an amendment to its effect.
fn amend(scene: &Scene<'_>, project: &str, amendment: u32) {
    review(scene, "certifier", project, amendment).expect(200);
    decide(scene, project, amendment, "approved", Value::Null).expect(200);
    apply(scene, project, amendment).expect(200);
}

/// An approved project of the immediate response facility, which ends in 2018: asked for by the mayor, appraised by two.
fn immediate(scene: &Scene<'_>, town: &Town, lines: &Value) -> String {
    let (mayor, certifier) = (town.client("mayor"), town.client("certifier"));
    let sum: i64 =
        lines.as_array().expect("lines").iter().map(|line| line["amount"].as_str().expect("text").parse::<i64>().expect("whole")).sum();
    let fund = crate::fund::scene(town, &json!({}));
    fund.given("DK-1", &sum.to_string(), &json!({}));
    let purpose = fund.purpose("PBF-1", &sum.to_string(), &[("ML07", 10_000)]);
    fund.allocate(&purpose, &sum.to_string()).expect(201);
    let purpose = town.client("auditor").get(&purpose).expect(200).id();
    let proposal = with(
        scene.proposal(),
        &json!({
            "area": null, "budget": sum.to_string(), "lines": lines, "starts_on": "2017-07-01", "ends_on": "2018-12-31", "gender_marker": 2,
            "risk_marker": 1, "fund_purpose_id": purpose,
        }),
    );
    let body = json!({ "reference": "PBF-1", "instrument": "peacebuilding_immediate", "proposal": proposal });
    let project = town.path(&format!("/projects/{}", mayor.create(&town.path("/projects"), &body).expect(201).id()));
    mayor.act(&project, "/submission", &json!({})).expect(200);
    scene.act("finance-officer", &project, "/review", &json!({})).expect(200);
    let appraisal = json!({ "opinion": "favourable", "comment": "Bon" });
    certifier.act(&project, "/appraisals", &appraisal).expect(200);
    scene.act("finance-officer", &project, "/appraisals", &appraisal).expect(200);
    scene.check(&project, &json!({})).expect(200);
    certifier.act(&project, "/recommendation", &json!({})).expect(200);
    // Two of them vote: who asked for it, and who appraised it, may not.
    let member_ids = ["council-registrar", "accountant", "state-representative"].map(|login| town.person(login).to_string());
    let committee = scene.committee(&json!({ "quorum": 2, "member_ids": member_ids })).expect(201).id();
    let motion: Uuid = scene.motion(&project, committee, &["accountant", "state-representative"], &json!({})).expect(201).id();
    scene.vote("accountant", motion, "for").expect(201);
    scene.vote("state-representative", motion, "for").expect(201);
    assert_eq!(scene.state(&project), "approved");
    project
}

on_both_engines! {
    Stage::Open, fn ac_21_and_ac_22_amendments_of_the_peacebuilding_fund(town) {
        let scene = scene(town);
        let lines = |grants: i64, staff: i64| json!([
            { "category": "grants", "description": "Subventions", "amount": grants.to_string() },
            { "category": "staff", "description": "Équipe", "amount": staff.to_string() },
        ]);
        let project = immediate(&scene, town, &lines(100_000, 900_000));
        // The mayor asked for the project, and decides nothing of it: the representative of the State does.
        let decide = |amendment: u32, decision: &str, minutes: Value| {
            scene.act("state-representative", &project, "/amendment-decisions", &json!({ "amendment": amendment, "decision": decision, "minutes": minutes }))
        };
        let later = json!({ "ends_on": "2019-03-31" });
        let late = propose(&scene, &project, "no_cost_extension", "2018-10-02", &later).refused(422, "AMENDMENT_TOO_LATE");
        assert_eq!(late.text("/facts/latest"), "2018-09-30");
        let dearer = json!({ "ends_on": "2019-03-31", "budget": "1000001", "lines": lines(100_001, 900_000) });
        let refused = propose(&scene, &project, "no_cost_extension", "2018-09-30", &dearer).refused(422, "AMENDMENT_KIND_MISMATCH");
        assert_eq!(refused.json()["facts"]["changed"], json!(["end", "budget", "lines"]));
        propose(&scene, &project, "cost_extension", "2018-09-30", &dearer).refused(422, "FUND_INSUFFICIENT");
        propose(&scene, &project, "no_cost_extension", "2025-02-04", &later).refused(422, "DATE_IN_FUTURE");
        propose(&scene, &project, "no_cost_extension", "2018-09-30", &later).expect(200);
        propose(&scene, &project, "no_cost_extension", "2018-09-30", &later).refused(409, "AMENDMENT_STATE_INVALID");
        apply(&scene, &project, 1).refused(409, "AMENDMENT_STATE_INVALID");
        decide(1, "approved", Value::Null).refused(409, "AMENDMENT_STATE_INVALID");
        review(&scene, "finance-officer", &project, 1).refused(403, "EVIDENCE_SELF_JUDGED");
        review(&scene, "certifier", &project, 1).expect(200);
        review(&scene, "certifier", &project, 1).refused(409, "AMENDMENT_STATE_INVALID");
        scene.act("mayor", &project, "/amendment-decisions", &json!({ "amendment": 1, "decision": "approved" })).refused(403, "SOD_VIOLATION");
        decide(9, "approved", Value::Null).refused(422, "PROJECT_RECORD_UNKNOWN");
        decide(1, "approved", Value::Null).expect(200);
        assert_eq!(town.client("auditor").get(&project).text("/ends_on"), "2018-12-31", "nothing yet");
        assert_eq!(apply(&scene, &project, 1).expect(200).text("/ends_on"), "2019-03-31");
        // A late request, which the decision body waived.
        let waived = json!({ "ends_on": "2019-04-30", "waiver_reference": "CP-2019-3" });
        propose(&scene, &project, "no_cost_extension", "2019-01-02", &waived).expect(200);
        review(&scene, "certifier", &project, 2).expect(200);
        decide(2, "refused", Value::Null).expect(200);
        apply(&scene, &project, 2).refused(409, "AMENDMENT_STATE_INVALID");
        // AC-22: what moves more than 15 % of a category wants minutes, of the three months after the request.
        let revise = |grants: i64, number: u32| {
            propose(&scene, &project, "budget_revision", "2018-01-31", &json!({ "lines": lines(grants, 1_000_000 - grants) })).expect(200);
            review(&scene, "certifier", &project, number).expect(200);
        };
        revise(114_999, 3);
        decide(3, "approved", Value::Null).expect(200);
        decide(3, "approved", Value::Null).refused(409, "AMENDMENT_STATE_INVALID");
        propose(&scene, &project, "budget_revision", "2018-01-31", &json!({ "lines": lines(90_000, 910_000) })).refused(409, "AMENDMENT_STATE_INVALID");
        apply(&scene, &project, 3).expect(200);
        propose(&scene, &project, "budget_revision", "2018-01-31", &json!({ "lines": lines(100_000, 900_000) })).expect(200);
        review(&scene, "certifier", &project, 4).expect(200);
        decide(4, "approved", Value::Null).expect(200);
        apply(&scene, &project, 4).expect(200);
        revise(115_001, 5);
        let refused = decide(5, "approved", Value::Null).refused(422, "AMENDMENT_MINUTES_REQUIRED").json();
        assert_eq!((&refused["facts"]["categories"], &refused["facts"]["until"]), (&json!(["grants"]), &json!("2018-04-30")));
        assert_eq!(refused["errors"][0]["pointer"], "/minutes");
        let late = decide(5, "approved", json!({ "reference": "CCP-4", "held_on": "2018-05-01" })).refused(422, "AMENDMENT_MINUTES_REQUIRED");
        assert_eq!(late.pointers(), ["/minutes/held_on"]);
        decide(5, "approved", json!({ "reference": "CCP-4", "held_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        decide(5, "approved", json!({ "reference": "CCP-4", "held_on": "2018-04-30" })).expect(200);
        apply(&scene, &project, 5).expect(200);
        let amendments = town.client("auditor").get(&format!("{project}/amendments")).expect(200).json();
        let told: Vec<(&Value, &Value)> = amendments.as_array().expect("amendments").iter().map(|one| (&one["state"], &one["makes_check_stale"])).collect();
        let (applied, refused) = (json!("applied"), json!("refused"));
        assert_eq!(told, [(&applied, &json!(false)), (&refused, &json!(false)), (&applied, &json!(false)), (&applied, &json!(false)), (&applied, &json!(false))]);
        assert_eq!((&amendments[0]["before"]["ends_on"], &amendments[0]["after"]["ends_on"]), (&json!("2018-12-31"), &json!("2019-03-31")));
        assert_eq!(amendments[4]["before"]["lines"][0]["amount"], "100000.00");
        // The database keeps money out of an extension without cost.
        use diesel::connection::SimpleConnection as _;
        let mut conn = town.connection();
        assert!(conn.batch_execute("UPDATE project_amendments SET budget_after = budget_after + 1").is_err());
        assert!(conn.batch_execute("UPDATE project_amendments SET reviewed_by = recorded_by").is_err());
    }

    Stage::Open, fn inv_15_another_place_or_partner_makes_the_check_stale(town) {
        let scene = scene(town);
        let project = scene.granted("QIP-1", &json!({}));
        let standing = || town.client("auditor").get(&format!("{project}/conflict-check")).expect(200).json();
        let codes = || standing()["unmet"].as_array().expect("unmet").iter().map(|one| one["code"].clone()).collect::<Vec<_>>();
        assert_eq!((codes(), &standing()["last"]["result"]), (vec![], &json!("pass")));
        let today = "2025-02-03";
        let mopti = json!({ "places": [{ "territorial_unit_id": place(town, "ML05"), "bps": 10_000 }] });
        propose(&scene, &project, "partner", today, &mopti).refused(422, "AMENDMENT_KIND_MISMATCH");
        let half = json!({ "places": [{ "territorial_unit_id": place(town, "ML05"), "bps": 5000 }] });
        propose(&scene, &project, "location", today, &half).refused(422, "SPLIT_SUM");
        let twice = json!({ "places": [{ "territorial_unit_id": scene.gao, "bps": 5000 }, { "territorial_unit_id": scene.gao, "bps": 5000 }] });
        propose(&scene, &project, "location", today, &twice).refused(422, "SPLIT_SUM");
        let nowhere = json!({ "places": [{ "territorial_unit_id": Uuid::new_v4(), "bps": 10_000 }] });
        propose(&scene, &project, "location", today, &nowhere).refused(422, "PROJECT_PLACE_UNKNOWN");
        propose(&scene, &project, "location", today, &mopti).expect(200);
        assert_eq!(codes(), [""; 0], "what is asked for changes nothing");
        amend(&scene, &project, 1);
        assert_eq!(codes(), ["CSC_STALE"]);
        let moved = town.client("auditor").get(&project).expect(200).json();
        let places: Vec<&Value> = moved["shares"].as_array().expect("shares").iter().filter(|share| share["dimension"] == "place").collect();
        assert_eq!((places.len(), &places[0]["term"]), (1, &json!(place(town, "ML05"))));
        scene.check(&project, &json!({})).expect(200);
        assert_eq!(codes(), [""; 0], "a new check holds");
        // Another partner has to be eligible, and makes it stale again.
        let unregistered = partner(town, "COOP-2", &json!({ "tax_number": null }));
        let by = |supplier: &str| json!({ "implementer": { "kind": "local_association", "supplier_id": supplier } });
        propose(&scene, &project, "partner", today, &by(&unregistered)).refused(422, "PARTNER_INELIGIBLE");
        propose(&scene, &project, "partner", today, &by(&Uuid::new_v4().to_string())).refused(404, "NOT_FOUND");
        let foreign = json!({ "implementer": { "kind": "un_agency", "supplier_id": scene.partner } });
        propose(&scene, &project, "partner", today, &foreign).refused(422, "PARTNER_NOT_LOCAL");
        propose(&scene, &project, "partner", today, &by(&partner(town, "COOP-3", &json!({})))).expect(200);
        amend(&scene, &project, 2);
        assert_eq!(codes(), ["CSC_STALE"]);
        // A quick impact project is extended by a waiver alone (INV-07).
        let later = json!({ "ends_on": "2025-10-01" });
        propose(&scene, &project, "no_cost_extension", today, &later).refused(422, "AMENDMENT_WAIVER_MISSING");
        propose(&scene, &project, "no_cost_extension", today, &with(later, &json!({ "waiver_reference": "PV-9" }))).expect(200);
        amend(&scene, &project, 3);
        let lines = |amount: &str| json!({ "lines": [{ "category": "contractual", "description": "Formation", "amount": amount }] });
        let dearer = |amount: &str| with(lines(amount), &json!({ "budget": amount }));
        propose(&scene, &project, "cost_extension", today, &dearer("50000.01")).refused(422, "CEILING_EXCEEDED");
        propose(&scene, &project, "cost_extension", today, &with(dearer("45000"), &lines("44000"))).refused(422, "BUDGET_SUM");
        propose(&scene, &project, "cost_extension", today, &dearer("0")).refused(422, "AMOUNT_ZERO");
        propose(&scene, &project, "cost_extension", today, &dearer("1.001")).refused(400, "AMOUNT_INVALID");
        let indirect = json!({ "lines": [{ "category": "indirect", "description": "x", "amount": "41970" }] });
        propose(&scene, &project, "budget_revision", today, &indirect).refused(422, "OVERHEAD_NOT_ALLOWED");
        propose(&scene, &project, "scope", today, &json!({ "objective": "Former deux cents femmes" })).expect(200);
        scene.act("certifier", &project, "/interests", &json!({ "reason": "Associé" })).expect(200);
        review(&scene, "certifier", &project, 4).refused(403, "CONFLICT_OF_INTEREST");
        review(&scene, "certifier", &project, 9).refused(422, "PROJECT_RECORD_UNKNOWN");
        apply(&scene, &project, 9).refused(422, "PROJECT_RECORD_UNKNOWN");
        // A draft is revised, not amended.
        let draft = scene.drafted("QIP-2", &json!({}));
        propose(&scene, &draft, "scope", today, &json!({ "objective": "x" })).refused(409, "PROJECT_STATE_INVALID");
        for login in ["certifier", "mayor", "finance-officer"] {
            let (action, body) = match login {
                "certifier" => ("/amendment-reviews", json!({ "amendment": 1 })),
                "mayor" => ("/amendment-decisions", json!({ "amendment": 1, "decision": "approved" })),
                _ => ("/amendment-applications", json!({ "amendment": 1 })),
            };
            scene.act(login, &draft, action, &body).refused(409, "PROJECT_STATE_INVALID");
        }
    }

    Stage::Open, fn inv_32_only_approved_values_count_and_numbers_are_no_text(town) {
        let scene = scene(town);
        let project = scene.granted("QIP-1", &json!({}));
        let define = |project: &str, more: &Value| {
            let body = json!({
                "title": "Femmes formées", "measure": "unit", "unit": "personnes", "baseline": 0, "target": 100,
                "periods": [{ "starts_on": "2025-01-01", "ends_on": "2025-03-31" }, { "starts_on": "2025-04-01", "ends_on": "2025-06-30" }],
            });
            scene.act("finance-officer", project, "/indicators", &with(body, more))
        };
        let draft = scene.drafted("QIP-2", &json!({}));
        define(&draft, &json!({})).refused(409, "PROJECT_STATE_INVALID");
        let overlapping = json!({ "periods": [{ "starts_on": "2025-01-01", "ends_on": "2025-04-01" }, { "starts_on": "2025-04-01", "ends_on": "2025-06-30" }] });
        define(&project, &overlapping).refused(422, "PERIOD_INVALID");
        define(&project, &json!({})).expect(200);
        define(&project, &json!({ "title": "Part des femmes", "measure": "percent", "unit": "%" })).expect(200);
        define(&project, &json!({ "title": "Ressenti", "measure": "qualitative", "unit": "récit", "target": null })).expect(200);
        let record = |login: &str, indicator: u32, period: u32, age: &str, more: &Value| {
            let body = json!({ "indicator": indicator, "period": period, "sex": "female", "age_band": age });
            scene.act(login, &project, "/indicator-values", &with(body, more))
        };
        let judge = |login: &str, indicator: u32, age: &str, verdict: &str, reason: Value| {
            let body = json!({ "indicator": indicator, "period": 1, "sex": "female", "age_band": age, "verdict": verdict, "reason": reason });
            scene.act(login, &project, "/indicator-judgements", &body)
        };
        let submit = |indicator: u32, period: u32| {
            scene.act("finance-officer", &project, "/indicator-submissions", &json!({ "indicator": indicator, "period": period }))
        };
        let lock = |period: u32| scene.act("council-registrar", &project, "/indicator-locks", &json!({ "indicator": 1, "period": period }));
        record("finance-officer", 1, 1, "from_18_to_24", &json!({ "text": "See description" })).refused(422, "MEASURE_TYPE");
        record("finance-officer", 1, 1, "from_18_to_24", &json!({ "number": 1, "text": "N/A" })).refused(422, "MEASURE_TYPE");
        record("finance-officer", 2, 1, "unknown", &json!({ "number": 40 })).refused(422, "MEASURE_TYPE");
        record("finance-officer", 3, 1, "unknown", &json!({ "number": 40 })).refused(422, "MEASURE_TYPE");
        record("finance-officer", 9, 1, "unknown", &json!({ "number": 40 })).refused(422, "PROJECT_RECORD_UNKNOWN");
        record("finance-officer", 1, 3, "unknown", &json!({ "number": 40 })).refused(422, "PROJECT_RECORD_UNKNOWN");
        for (age, number) in [("from_18_to_24", 40), ("from_25_to_35", 35), ("from_36_to_59", 25)] {
            record("finance-officer", 1, 1, age, &json!({ "number": number })).expect(200);
        }
        record("council-registrar", 1, 1, "unknown", &json!({ "number": 7 })).expect(200);
        judge("certifier", 1, "from_18_to_24", "approved", Value::Null).refused(409, "VALUE_STATE_INVALID");
        submit(1, 1).expect(200);
        submit(1, 9).refused(422, "PROJECT_RECORD_UNKNOWN");
        record("finance-officer", 1, 1, "from_18_to_24", &json!({ "number": 41 })).refused(409, "VALUE_STATE_INVALID");
        judge("council-registrar", 1, "unknown", "approved", Value::Null).refused(403, "EVIDENCE_SELF_JUDGED");
        judge("certifier", 1, "under_15", "approved", Value::Null).refused(422, "PROJECT_RECORD_UNKNOWN");
        judge("certifier", 1, "unknown", "returned", Value::Null).refused(422, "VALUE_REASON_INVALID");
        judge("certifier", 1, "unknown", "returned", json!("Sans source")).expect(200);
        let total = |indicator: usize| {
            town.client("auditor").get(&format!("{project}/indicators")).expect(200).json()[indicator]["total"].clone()
        };
        assert_eq!(total(0), Value::Null, "nothing is approved yet");
        for age in ["from_18_to_24", "from_25_to_35", "from_36_to_59"] {
            judge("certifier", 1, age, "approved", Value::Null).expect(200);
        }
        assert_eq!(total(0)["number"], 100);
        lock(1).refused(422, "PERIOD_OPEN_VALUES");
        // What was sent back is written anew, approved, and the period locked.
        record("council-registrar", 1, 1, "unknown", &json!({ "number": 3 })).expect(200);
        submit(1, 1).expect(200);
        judge("certifier", 1, "unknown", "approved", Value::Null).expect(200);
        assert_eq!(total(0)["number"], 103);
        lock(9).refused(422, "PROJECT_RECORD_UNKNOWN");
        lock(1).expect(200);
        lock(1).refused(409, "PERIOD_LOCKED");
        record("finance-officer", 1, 1, "from_60", &json!({ "number": 1 })).refused(409, "PERIOD_LOCKED");
        submit(1, 1).refused(409, "PERIOD_LOCKED");
        judge("certifier", 1, "unknown", "approved", Value::Null).refused(409, "PERIOD_LOCKED");
        record("finance-officer", 1, 2, "from_60", &json!({ "number": 1 })).expect(200);
        // Shares are added up, never averaged.
        for (age, number, out_of) in [("from_18_to_24", 40, 50), ("from_60", 10, 950)] {
            record("finance-officer", 2, 1, age, &json!({ "number": number, "out_of": out_of })).expect(200);
        }
        submit(2, 1).expect(200);
        judge("certifier", 2, "from_18_to_24", "approved", Value::Null).expect(200);
        judge("certifier", 2, "from_60", "approved", Value::Null).expect(200);
        assert_eq!(total(1), json!({ "number": 50, "out_of": 1000, "bps": 500 }));
        record("finance-officer", 3, 1, "unknown", &json!({ "text": "Elles osent parler" })).expect(200);
        // The database holds it by itself.
        use diesel::connection::SimpleConnection as _;
        let mut conn = town.connection();
        let inserted = |period: u32| format!(
            "INSERT INTO indicator_values (organisation_id, project_id, indicator_number, period_number, sex, age_band, measure, numerator, \
             denominator, description, state, reason, recorded_by, recorded_at, judged_by, judged_on) \
             SELECT organisation_id, project_id, indicator_number, {period}, 'male', age_band, measure, numerator, denominator, description, \
             state, reason, recorded_by, recorded_at, judged_by, judged_on FROM indicator_values \
             WHERE indicator_number = 1 AND period_number = 2 AND sex = 'female'"
        );
        // A new value too, of a period that is locked and of no other.
        conn.batch_execute(&inserted(2)).expect("the period is open");
        assert!(conn.batch_execute(&inserted(1)).is_err(), "a value of a locked period");
        for broken in [
            "UPDATE indicator_values SET description = 'N/A' WHERE measure = 'percent'",
            "UPDATE indicator_values SET numerator = 999 WHERE indicator_number = 1 AND period_number = 1",
            "UPDATE indicator_values SET judged_by = recorded_by WHERE indicator_number = 2",
            "UPDATE indicator_periods SET locked_on = NULL, locked_by = NULL WHERE locked_on IS NOT NULL",
            "DELETE FROM indicator_values WHERE state = 'approved'",
        ] {
            assert!(conn.batch_execute(broken).is_err(), "{broken}");
        }
        scene.act("certifier", &project, "/interests", &json!({ "reason": "Associé" })).expect(200);
        submit(3, 1).expect(200);
        judge("certifier", 3, "unknown", "approved", Value::Null).refused(403, "CONFLICT_OF_INTEREST");
        // Nothing is measured of a draft.
        let draft_acts = [
            ("finance-officer", "/indicator-values", json!({ "indicator": 1, "period": 1, "sex": "male", "age_band": "unknown", "number": 1 })),
            ("finance-officer", "/indicator-submissions", json!({ "indicator": 1, "period": 1 })),
            ("certifier", "/indicator-judgements", json!({ "indicator": 1, "period": 1, "sex": "male", "age_band": "unknown", "verdict": "approved" })),
            ("certifier", "/indicator-locks", json!({ "indicator": 1, "period": 1 })),
        ];
        for (login, action, body) in draft_acts {
            scene.act(login, &draft, action, &body).refused(409, "PROJECT_STATE_INVALID");
        }
    }
}
