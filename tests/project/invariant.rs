//! What holds of every project, each by a story that fails without its rule.

use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery::{bring, finding, plan, verify, visit};
use super::money::THREE;
use super::{Scene, handover, scene};
use crate::access::{assign, newcomer};
use crate::fund::register;
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// The number of projects of each class, as the totals tell.
fn classes(town: &Town) -> [i64; 4] {
    let totals = town.client("auditor").get(&town.path("/project-totals?by=state_class")).expect(200).json();
    ["not_started", "ongoing", "completed", "cancelled"].map(|class| {
        let group = totals["groups"].as_array().expect("groups").iter().find(|group| group["term"] == class).cloned();
        group.and_then(|group| group["projects"].as_i64()).unwrap_or(0)
    })
}

/// A project of the Peacebuilding Fund from a purpose, recommended by two reviewers on a day; in years of its own, so that none is like
/// another.
fn peacebuilding(scene: &Scene<'_>, purpose: &str, reviewer: &Client, (amount, year, on): (&str, u32, &str)) -> String {
    let purpose = purpose.rsplit('/').next().expect("an id");
    let project = scene.reviewed(
        &format!("PBF-{year}"),
        &json!({
            "instrument": "peacebuilding_immediate", "proposal/area": null, "proposal/budget": amount, "proposal/fund_purpose_id": purpose,
            "proposal/implementer": { "kind": "national_ngo", "supplier_id": scene.partner },
            "proposal/lines": [{ "category": "grants", "description": "Subventions", "amount": amount }], "proposal/gender_marker": 2,
            "proposal/risk_marker": 1, "proposal/starts_on": format!("{year}-01-01"), "proposal/ends_on": format!("{year}-12-31"),
        }),
    );
    reviewer.act(&project, "/appraisals", &json!({ "opinion": "favourable", "comment": "Réalisable" })).expect(200);
    scene.appraise(&project, "favourable").expect(200);
    scene.check(&project, &json!({ "assessed_on": on, "analysed_on": on })).expect(200);
    scene.act("certifier", &project, "/recommendation", &json!({})).expect(200);
    project
}

on_both_engines! {
    Stage::Open, fn ac_19_above_three_million_the_country_has_to_be_eligible_on_the_day_of_the_decision(town) {
        use diesel::connection::SimpleConnection as _;
        // The decisions of 2018 and 2019 are taken by people who were in office then.
        town.connection().batch_execute("UPDATE role_assignments SET valid_from = '2014-01-01'").expect("no rule of the database");
        let scene = scene(town);
        let fund = crate::fund::scene(town, &json!({}));
        fund.given("DK-1", "5000000", &json!({}));
        let reviewer = newcomer(town, "second-reviewer");
        assign(town, town.commune_id(), reviewer, "certifier", "2014-01-01", None).expect(201);
        let reviewer = town.client_of(reviewer);
        let committee = scene.committee(&json!({})).expect(201).id();
        let purposes = [("2000000", 2026), ("900000", 2028), ("200000", 2030), ("200000", 2032)].map(|(amount, year)| {
            let purpose = fund.purpose(&format!("PBF-{year}"), amount, &[("ML07", 10_000)]);
            fund.allocate(&purpose, amount).expect(201);
            (purpose, amount, year)
        });
        let moved = |project: &str, on: &str| -> Answer {
            town.on(on);
            scene.check(project, &json!({ "assessed_on": on, "analysed_on": on })).expect(200);
            scene.motion(project, committee, &THREE, &json!({ "held_on": on }))
        };
        let approve = |project: &str, on: &str| {
            let motion = moved(project, on).expect(201).id();
            scene.vote("mayor", motion, "for").expect(201);
            scene.vote("accountant", motion, "for").expect(201);
            assert_eq!(scene.state(project), "approved");
        };
        // Up to three million the country need not be eligible.
        town.on("2014-03-30");
        let [first, second, third, fourth] = purposes.map(|(purpose, amount, year)| peacebuilding(&scene, &purpose, &reviewer, (amount, year, "2014-03-30")));
        scene.motion(&first, committee, &THREE, &json!({ "held_on": "2014-03-29" })).refused(422, "DATE_BEFORE_CAUSE");
        approve(&first, "2014-03-30");
        approve(&second, "2014-03-31");
        // Before it was declared eligible it was not; then it is for five years.
        moved(&third, "2014-04-01").refused(422, "ELIGIBILITY_EXPIRED");
        approve(&third, "2018-06-30");
        let refused = moved(&fourth, "2019-04-03").refused(422, "ELIGIBILITY_EXPIRED");
        let facts = ["above", "currency", "until"].map(|fact| refused.text(&format!("/facts/{fact}")));
        assert_eq!(facts, ["3000000.00", "USD", "2019-04-02"]);
        moved(&fourth, "2025-02-03").refused(422, "ELIGIBILITY_EXPIRED");
    }

    Stage::Open, fn ac_08_what_italy_gave_for_the_police_station_is_spent_on_it_alone(town) {
        let scene = scene(town);
        let fund = crate::fund::scene(town, &json!({}));
        let italy = register(town, "IT", "Italie", &json!({})).expect(201).id();
        fund.given("DK-1", "500000", &json!({}));
        fund.given("IT-1", "181320", &json!({ "donor_id": italy, "earmark": { "purposes": ["TF-POLICE"] } }));
        let purpose = fund.purpose("TF-POLICE", "181320", &[("ML07", 10_000)]);
        fund.allocate(&purpose, "181320").expect(201);
        let implementer = json!({ "kind": "local_business", "supplier_id": scene.partner });
        let more = json!({ "instrument": "trust_fund", "proposal/nature": "construction", "proposal/implementer": implementer });
        let project = scene.active_from(&purpose, "181320", &json!([{ "amount": "181320" }]), &more);
        handover::ceremony(&scene, &project, "handover", &json!({})).refused(422, "CEREMONY_ORDER");
        handover::ceremony(&scene, &project, "first_stone", &json!({})).expect(200);
        scene.accepted(&project, "181320", &json!({ "closing": true }));
        let donors = fund.statement("")["donors"].as_array().expect("donors").clone();
        let spent: Vec<(bool, &Value)> = donors.iter().map(|donor| (donor["donor_id"] == json!(italy), &donor["lines"]["spent"])).collect();
        assert!(spent.contains(&(true, &json!("181320.00"))), "{spent:?}");
        assert!(spent.iter().all(|(is_italy, amount)| *is_italy || **amount == json!("0.00")), "{spent:?}");
    }

    Stage::Open, fn ac_52_who_read_an_earlier_version_changes_nothing_and_a_payment_sent_twice_is_one(town) {
        let scene = scene(town);
        let (project, purpose) = scene.contracted("QIP-1", &json!({}));
        let first = scene.requested(&project, 1);
        let accountant = town.client("accountant");
        let old = accountant.get(&first).expect(200).etag();
        let stale = town.client("finance-officer").get(&project).expect(200).etag();
        scene.let_through(&first);
        let body = json!({ "on": "2025-02-03", "bank_reference": "VIR-1" });
        let refused = accountant.act_on(&format!("{first}/payment"), &old, &body).refused(412, "VERSION_STALE");
        assert_eq!(refused.text("/facts/current_version"), accountant.get(&first).expect(200).text("/version"));
        assert!(scene.moved(&purpose, "disbursement").is_empty());
        // The same payment, sent again with its key because the first answer was lost.
        let (etag, key) = (accountant.get(&first).expect(200).etag(), Uuid::new_v4().to_string());
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str()), ("if-match", etag.as_str())];
        let pay = || accountant.send("POST", &format!("{first}/payment"), &headers, body.to_string().as_bytes()).expect(200);
        let (one, other) = (pay(), pay());
        assert_eq!((one.bytes.clone(), other.header("idempotency-replayed")), (other.bytes.clone(), Some("true")));
        assert_eq!(one.header("idempotency-replayed"), None);
        assert_eq!(scene.moved(&purpose, "disbursement"), ["33576.00"], "one payment");
        assert_eq!(town.client("auditor").get(&format!("{project}/disbursements")).expect(200).json()["data"].as_array().map(Vec::len), Some(1));
        // With a key of its own it is another payment, and there is nothing left to pay.
        accountant.act(&first, "/payment", &body).refused(409, "DISBURSEMENT_STATE_INVALID");
        // A project too: what somebody did since is not undone unseen.
        scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
        town.client("finance-officer").act_on(&format!("{project}/disbursements"), &stale, &json!({ "tranche": 2 })).refused(412, "VERSION_STALE");
    }

    Stage::Open, fn inv_04_and_05_what_was_approved_is_in_one_class_and_never_less(town) {
        let scene = scene(town);
        let mut seen = vec![classes(town)];
        let mut step = |told: [i64; 4]| {
            let now = classes(town);
            let before = seen.last().copied().expect("one");
            assert_eq!(now, told);
            assert!(now.iter().sum::<i64>() >= before.iter().sum::<i64>() && now[2] >= before[2], "{before:?} {now:?}");
            seen.push(now);
        };
        let (purpose, _) = scene.funded("41970");
        let project = scene.recommended("QIP-1", &json!({ "proposal/fund_purpose_id": purpose }));
        step([0, 0, 0, 0]);
        scene.approve(&project);
        step([1, 0, 0, 0]);
        scene.agree(&project, &json!({})).expect(201);
        scene.sign_both(&project);
        step([1, 0, 0, 0]);
        scene.paid(&project, 1);
        scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
        step([0, 1, 0, 0]);
        let committee = scene.committee(&json!({})).expect(201).id();
        let suspension = json!({ "reason": "security", "explanation": "Combats", "suspended_on": "2025-03-01" });
        town.on("2025-03-01");
        scene.act("finance-officer", &project, "/suspension", &suspension).expect(200);
        step([0, 1, 0, 0]);
        let decide = |action: &str| {
            let motion = scene.motion(&project, committee, &THREE, &json!({ "action": action, "held_on": "2025-03-01" })).expect(201).id();
            scene.vote("mayor", motion, "for").expect(201);
            scene.vote("accountant", motion, "for").expect(201);
        };
        decide("resume");
        step([0, 1, 0, 0]);
        // Another that is not approved is in no class, nor is one that is withdrawn.
        let other = scene.drafted("QIP-2", &json!({ "proposal/starts_on": "2030-01-01", "proposal/ends_on": "2030-02-01" }));
        scene.submit(&other).expect(200);
        scene.act("finance-officer", &other, "/withdrawal", &json!({ "reason": "Autre financement" })).expect(200);
        step([0, 1, 0, 0]);
        decide("terminate");
        step([0, 1, 0, 0]);
        let ended = json!({ "committee_id": committee, "held_on": "2025-03-01", "minutes_reference": "PV-1", "reason": "Insécurité" });
        scene.act("accountant", &project, "/termination", &ended).expect(200);
        step([0, 0, 0, 1]);
        // What came in never becomes less as days go by: what goes back stands on lines of its own.
        let fund = town.client("auditor").get(&town.path(&format!("/fund-purposes/{purpose}"))).expect(200).text("/fund_id");
        let received = |to: &str| {
            let statement = town.client("auditor").get(&town.path(&format!("/funds/{fund}/statement?to={to}"))).expect(200);
            statement.text("/total/received").replace('.', "").parse::<i64>().expect("an amount")
        };
        let days = ["2015-12-31", "2016-12-01", "2018-07-31", "2025-02-03", "2025-03-01"].map(received);
        assert!(days.is_sorted() && days[4] > days[0], "{days:?}");
    }

    Stage::Open, fn inv_13_nothing_is_approved_or_paid_while_a_critical_finding_is_open(town) {
        let scene = scene(town);
        let (project, purpose) = scene.active("QIP-1", &json!({}));
        plan(&scene, &project, "output", "Cent femmes formées").expect(200);
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        let second = scene.requested(&project, 2);
        scene.act("certifier", &second, "/certification", &json!({})).expect(200);
        let found = |severity: &str| drop(visit(&scene, &project, &json!({ "findings": [finding(severity)] })).expect(200));
        let close = |finding: u32| {
            scene.act("certifier", &project, "/finding-closures", &json!({ "finding": finding, "resolution": "Repris" })).expect(200);
        };
        // What is grave, and not critical, holds no money back.
        found("major");
        found("critical");
        let approve = || scene.act("mayor", &second, "/approval", &json!({}));
        assert_eq!(approve().refused(422, "FINDING_OPEN").json()["facts"]["findings"].as_array().map(Vec::len), Some(1));
        assert_eq!(town.client("auditor").get(&second).expect(200).text("/state"), "certified");
        close(2);
        approve().expect(200);
        found("critical");
        scene.pay(&second).refused(422, "FINDING_OPEN");
        assert_eq!(scene.moved(&purpose, "disbursement"), ["33576.00"], "the first tranche alone");
        close(3);
        scene.pay(&second).expect(200);
    }

    Stage::Open, fn inv_14_nothing_is_approved_without_a_valid_check_by_a_third_person(town) {
        let scene = scene(town);
        let (purpose, _) = scene.funded("41970");
        let project = scene.reviewed("QIP-1", &json!({ "proposal/fund_purpose_id": purpose }));
        scene.appraise(&project, "favourable").expect(200);
        let check = |login: &str, assessed: &str| {
            let questions = town.stranger().get("/v1/conflict-questions").expect(200).json();
            let asked = questions.as_array().expect("questions").iter().filter(|question| question["block"] != "neutrality");
            let answers: Vec<Value> = asked.map(|question| json!({ "question": question["code"], "risk": 1 })).collect();
            scene.act(login, &project, "/conflict-checks", &json!({ "assessed_on": assessed, "analysed_on": "2025-01-01", "answers": answers }))
        };
        // Neither who asks for it nor, afterwards, who votes on it.
        check("finance-officer", "2025-02-01").refused(403, "SOD_VIOLATION");
        check("certifier", "2025-02-01").expect(200);
        scene.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        let committee = scene.committee(&json!({})).expect(201).id();
        let moved = |present: &[&str]| scene.motion(&project, committee, present, &json!({}));
        let refused = moved(&["mayor", "accountant", "certifier"]).refused(422, "COMMITTEE_VOTER_INELIGIBLE");
        assert_eq!(refused.text("/facts/reason"), "duty");
        let motion = moved(&THREE).expect(201).id();
        scene.vote("mayor", motion, "for").expect(201);
        // The check was of February, and holds for six months: the deciding vote of September does not approve.
        town.on("2025-08-02");
        scene.vote("accountant", motion, "for").refused(422, "CSC_EXPIRED");
        assert_eq!(scene.state(&project), "recommended");
        town.on("2025-08-01");
        scene.vote("accountant", motion, "for").expect(201);
        assert_eq!(scene.state(&project), "approved");
    }

    Stage::Open, fn inv_35_a_motion_on_what_is_above_the_caller_is_in_no_list(town) {
        let scene = scene(town);
        let moved = |reference: &str, year: u32, sensitivity: &str| {
            let days = json!({
                "sensitivity": sensitivity, "proposal/starts_on": format!("{year}-01-01"), "proposal/ends_on": format!("{year}-02-01"),
            });
            let project = scene.recommended(reference, &days);
            let committee = scene.committee(&json!({ "name": format!("Comité {year}") })).expect(201).id();
            let reject = json!({ "action": "reject", "rejection_reason": "other" });
            let motion = scene.motion(&project, committee, &THREE, &reject).expect(201).id();
            (project, motion)
        };
        // The one that is hidden comes first: a page of one would end with it.
        let (hidden, secret) = moved("QIP-1", 2030, "internal");
        let (_, open) = moved("QIP-2", 2031, "partner");
        let listed = |login: &str, query: &str| {
            let page = town.client(login).get(&town.path(&format!("/motions?{query}"))).expect(200).json();
            let ids: Vec<String> = page["data"].as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect();
            (ids, page["page"]["next"].is_string())
        };
        let (secret, open) = (secret.to_string(), open.to_string());
        assert_eq!(listed("auditor", "state=open"), (vec![secret.clone(), open.clone()], false));
        assert_eq!(listed("partner-system", "state=open"), (vec![open.clone()], false));
        assert_eq!(listed("auditor", "limit=1"), (vec![secret.clone()], true));
        assert_eq!(listed("partner-system", "limit=1"), (vec![open.clone()], false), "nor does a page that follows tell of it");
        let of_hidden = format!("project_id={}", hidden.rsplit('/').next().expect("an id"));
        assert_eq!(listed("auditor", &of_hidden), (vec![secret.clone()], false));
        assert_eq!(listed("partner-system", &of_hidden), (vec![], false));
        let exported = |login: &str| {
            let csv = town.client(login).get(&town.path("/motions?format=csv")).expect(200);
            let text = String::from_utf8_lossy(&csv.bytes).into_owned();
            (text.contains(&secret), text.contains(&open))
        };
        assert_eq!((exported("auditor"), exported("partner-system")), ((true, true), (false, true)));
        let motion = town.path(&format!("/motions/{secret}"));
        town.client("partner-system").get(&motion).refused(404, "NOT_FOUND");
        town.client("auditor").get(&motion).expect(200);
    }

    Stage::Open, fn inv_31_a_programme_is_not_added_to_its_projects(town) {
        let scene = scene(town);
        let programme = crate::programme::created(town, &json!({})).expect(201).id();
        let within = json!({ "proposal/programme_id": programme });
        scene.drafted("QIP-1", &within);
        scene.drafted("QIP-2", &within);
        scene.drafted("QIP-3", &json!({}));
        let read = |query: &str| town.client("auditor").get(&town.path(&format!("/project-totals?{query}"))).expect(200).json();
        for by in ["programme", "instrument", "state", "region", "year"] {
            let totals = read(&format!("by={by}"));
            let counted: i64 = totals["groups"].as_array().expect("groups").iter().filter_map(|group| group["projects"].as_i64()).sum();
            assert_eq!((counted, &totals["totals"][0]["amount"]), (3, &json!("125910.00")), "{by}: each project once, and nothing else");
        }
        let groups = read("by=programme")["groups"].clone();
        let of_programme = groups.as_array().expect("groups").iter().find(|group| group["term"] == json!(programme)).expect("its group").clone();
        assert_eq!((&of_programme["projects"], &of_programme["amount"]), (&json!(2), &json!("83940.00")));
        assert_eq!(read(&format!("by=state&programme_id={programme}"))["totals"][0]["amount"], json!("83940.00"));
    }
}
