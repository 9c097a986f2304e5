//! How projects are carried out: studies, milestones, visits, and what is found.

use serde_json::{Value, json};

use super::{Scene, scene, with};
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

/// The digest of a document that nobody looks at.
pub fn digest(number: u32) -> String {
    format!("{number:064x}")
}

fn study(scene: &Scene<'_>, login: &str, project: &str, kind: &str, conclusion: &str) -> Answer {
    let body = json!({
        "kind": kind, "title": "Étude (fictive)", "author": "Bureau d'études du fleuve", "conclusion": conclusion,
        "document_reference": "ET-1", "document_sha256": digest(1),
    });
    scene.act(login, project, "/studies", &body)
}

fn judge(scene: &Scene<'_>, login: &str, project: &str, study: u32, verdict: &str) -> Answer {
    scene.act(login, project, "/study-judgements", &json!({ "study": study, "verdict": verdict }))
}

/// Plans a milestone.
pub fn plan(scene: &Scene<'_>, project: &str, kind: &str, title: &str) -> Answer {
    let body = json!({ "kind": kind, "title": title, "due_on": "2025-06-01" });
    scene.act("finance-officer", project, "/milestones", &body)
}

/// Brings evidence for a milestone.
pub fn bring(scene: &Scene<'_>, login: &str, project: &str, milestone: u32, document: u32) -> Answer {
    let body = json!({ "milestone": milestone, "document_reference": "PV de réception", "document_sha256": digest(document) });
    scene.act(login, project, "/milestone-evidence", &body)
}

/// Verifies a milestone.
pub fn verify(scene: &Scene<'_>, login: &str, project: &str, milestone: u32, verdict: &str, reason: Value) -> Answer {
    let body = json!({ "milestone": milestone, "verdict": verdict, "reason": reason });
    scene.act(login, project, "/milestone-verifications", &body)
}

/// Visits a project.
pub fn visit(scene: &Scene<'_>, project: &str, more: &Value) -> Answer {
    let body = json!({
        "visited_on": "2025-02-03", "modality": "on_site", "physical_progress_bps": 10_000,
        "team": [{ "organisation": "Cercle de Gao", "function": "Chef de service" }],
        "document_reference": "Rapport de visite", "document_sha256": digest(90),
    });
    scene.act("certifier", project, "/visits", &with(body, more))
}

/// A finding of a severity.
pub fn finding(severity: &str) -> Value {
    json!({
        "severity": severity, "description": "Fissure", "corrective_action": "Reprendre l'enduit", "owner": "Coopérative", "due_on": "2025-03-01",
    })
}

on_both_engines! {
    Stage::Open, fn ac_36_inv_17_a_communal_police_needs_accepted_favourable_studies(town) {
        let scene = scene(town);
        let police = json!({ "proposal/shares": [
            { "dimension": "place", "term": scene.gao, "bps": 10_000 }, { "dimension": "sector", "term": "communal_police", "bps": 10_000 },
            { "dimension": "country", "term": "ML", "bps": 10_000 },
        ] });
        let project = scene.reviewed("QIP-1", &police);
        scene.appraise(&project, "favourable").expect(200);
        scene.check(&project, &json!({})).expect(200);
        let recommend = || scene.act("certifier", &project, "/recommendation", &json!({}));
        study(&scene, "finance-officer", &project, "needs", "favourable").expect(200);
        study(&scene, "council-registrar", &project, "feasibility", "unfavourable").expect(200);
        // What nobody accepted does not count.
        let refused = recommend().refused(422, "STUDY_MISSING");
        assert_eq!(refused.json()["facts"]["missing"], json!(["needs", "feasibility"]));
        judge(&scene, "finance-officer", &project, 1, "accepted").refused(403, "EVIDENCE_SELF_JUDGED");
        judge(&scene, "finance-officer", &project, 2, "accepted").refused(403, "SOD_VIOLATION");
        judge(&scene, "certifier", &project, 9, "accepted").refused(422, "PROJECT_RECORD_UNKNOWN");
        judge(&scene, "certifier", &project, 1, "accepted").expect(200);
        judge(&scene, "certifier", &project, 1, "rejected").refused(409, "EVIDENCE_JUDGED");
        assert_eq!(recommend().refused(422, "STUDY_MISSING").json()["facts"]["missing"], json!(["feasibility"]));
        judge(&scene, "certifier", &project, 2, "accepted").expect(200);
        assert_eq!(recommend().refused(422, "STUDY_UNFAVOURABLE").json()["facts"]["kinds"], json!(["feasibility"]));
        // A rejected study changes nothing, a better one does.
        study(&scene, "finance-officer", &project, "feasibility", "favourable").expect(200);
        judge(&scene, "certifier", &project, 3, "rejected").expect(200);
        recommend().refused(422, "STUDY_UNFAVOURABLE");
        town.on("2025-02-04");
        study(&scene, "finance-officer", &project, "feasibility", "conditional").expect(200);
        judge(&scene, "certifier", &project, 4, "accepted").expect(200);
        recommend().expect(200);
        let studies = town.client("auditor").get(&format!("{project}/studies")).expect(200).json();
        let told: Vec<(&Value, &Value)> = studies.as_array().expect("studies").iter().map(|one| (&one["state"], &one["judged_on"])).collect();
        assert_eq!(told[3], (&json!("accepted"), &json!("2025-02-04")));
        // INV-17: two years later nothing is decided on them.
        town.on("2027-02-04");
        scene.check(&project, &json!({ "assessed_on": "2027-02-04", "analysed_on": "2027-01-01" })).expect(200);
        let committee = scene.committee(&json!({})).expect(201).id();
        let sitting = json!({ "held_on": "2027-02-04" });
        let motion = || scene.motion(&project, committee, &["mayor", "accountant", "state-representative"], &sitting);
        let refused = motion().refused(422, "PROJECT_NOT_ALLOCATED").json();
        let codes: Vec<&Value> = refused["errors"].as_array().expect("errors").iter().map(|error| &error["code"]).collect();
        assert_eq!(codes, [&json!("PROJECT_NOT_ALLOCATED"), &json!("STUDY_MISSING")]);
        // The database holds it by itself.
        use diesel::connection::SimpleConnection as _;
        let mut conn = town.connection();
        for broken in ["UPDATE project_studies SET judged_by = recorded_by", "UPDATE project_studies SET state = 'accepted'"] {
            assert!(conn.batch_execute(broken).is_err(), "{broken}");
        }
        // Whoever has an interest does not judge; nothing is added to what is over.
        study(&scene, "finance-officer", &project, "market", "favourable").expect(200);
        scene.act("certifier", &project, "/interests", &json!({ "reason": "Associé" })).expect(200);
        judge(&scene, "certifier", &project, 5, "accepted").refused(403, "CONFLICT_OF_INTEREST");
        scene.act("finance-officer", &project, "/withdrawal", &json!({ "reason": "Trop tard" })).expect(200);
        study(&scene, "finance-officer", &project, "market", "favourable").refused(409, "CLOSED_IMMUTABLE");
        judge(&scene, "certifier", &project, 5, "accepted").refused(409, "CLOSED_IMMUTABLE");
        let suspension = json!({ "reason": "security", "explanation": "Combats", "suspended_on": "2025-02-01" });
        for (action, body) in [("/suspension", suspension), ("/completion", json!({})), ("/handover", json!({})), ("/work-closure", json!({}))] {
            scene.act("finance-officer", &project, action, &body).refused(409, "CLOSED_IMMUTABLE");
        }
    }

    Stage::Open, fn milestones_are_verified_by_another_person_on_evidence(town) {
        let scene = scene(town);
        let draft = scene.drafted("QIP-0", &json!({ "proposal/title": "Autre" }));
        plan(&scene, &draft, "output", "Puits").refused(409, "PROJECT_STATE_INVALID");
        bring(&scene, "finance-officer", &draft, 1, 1).refused(409, "PROJECT_STATE_INVALID");
        verify(&scene, "certifier", &draft, 1, "met", Value::Null).refused(409, "PROJECT_STATE_INVALID");
        visit(&scene, &draft, &json!({})).refused(409, "PROJECT_STATE_INVALID");
        scene.act("certifier", &draft, "/finding-closures", &json!({ "finding": 1, "resolution": "x" })).refused(409, "PROJECT_STATE_INVALID");
        let suspension = json!({ "reason": "security", "explanation": "Combats", "suspended_on": "2025-02-01" });
        scene.act("mayor", &draft, "/suspension", &suspension).refused(409, "PROJECT_STATE_INVALID");
        scene.act("finance-officer", &draft, "/completion", &json!({})).refused(409, "PROJECT_STATE_INVALID");
        let project = scene.granted("QIP-1", &json!({ "proposal/starts_on": "2026-01-01", "proposal/ends_on": "2026-02-01" }));
        plan(&scene, &project, "output", "Cent femmes formées").expect(200);
        plan(&scene, &project, "payment", "Première tranche").refused(422, "MILESTONE_TRANCHE_INVALID");
        let payment = json!({ "kind": "payment", "title": "Première tranche", "due_on": "2025-06-01", "tranche": 2 });
        scene.act("finance-officer", &project, "/milestones", &payment).expect(200);
        verify(&scene, "certifier", &project, 1, "met", Value::Null).refused(422, "MILESTONE_EVIDENCE_MISSING");
        bring(&scene, "finance-officer", &project, 9, 1).refused(422, "PROJECT_RECORD_UNKNOWN");
        verify(&scene, "certifier", &project, 9, "met", Value::Null).refused(422, "PROJECT_RECORD_UNKNOWN");
        bring(&scene, "certifier", &project, 1, 1).expect(200);
        bring(&scene, "finance-officer", &project, 1, 1).refused(409, "EVIDENCE_DUPLICATE");
        bring(&scene, "finance-officer", &project, 1, 2).expect(200);
        verify(&scene, "certifier", &project, 1, "met", Value::Null).refused(403, "EVIDENCE_SELF_JUDGED");
        verify(&scene, "council-registrar", &project, 1, "partial", Value::Null).refused(422, "MILESTONE_REASON_INVALID");
        verify(&scene, "council-registrar", &project, 1, "partial", json!("Soixante sur cent")).expect(200);
        // The database holds it by itself.
        use diesel::connection::SimpleConnection as _;
        let mut conn = town.connection();
        let own = "UPDATE project_milestones SET verified_by = (SELECT recorded_by FROM milestone_evidence WHERE number = 1) WHERE number = 1";
        assert!(conn.batch_execute(own).is_err());
        assert!(conn.batch_execute("DELETE FROM milestone_evidence").is_err());
        verify(&scene, "council-registrar", &project, 1, "met", Value::Null).expect(200);
        verify(&scene, "council-registrar", &project, 1, "missed", json!("x")).refused(409, "EVIDENCE_JUDGED");
        bring(&scene, "finance-officer", &project, 1, 3).refused(409, "EVIDENCE_JUDGED");
        verify(&scene, "council-registrar", &project, 2, "waived", json!("Payé autrement")).expect(200);
        let milestones = town.client("auditor").get(&format!("{project}/milestones")).expect(200).json();
        let states: Vec<&Value> = milestones.as_array().expect("milestones").iter().map(|one| &one["state"]).collect();
        assert_eq!(states, [&json!("met"), &json!("waived")]);
        assert_eq!((milestones[0]["evidence"].as_array().map(Vec::len), &milestones[0]["reason"]), (Some(2), &Value::Null));
        // Who asked for the project does not monitor it, nor does who has an interest in it.
        plan(&scene, &project, "legal", "Titre foncier").expect(200);
        scene.act("council-registrar", &project, "/interests", &json!({ "reason": "Cousin" })).expect(200);
        verify(&scene, "council-registrar", &project, 3, "missed", json!("x")).refused(403, "CONFLICT_OF_INTEREST");
        let theirs = json!({ "visited_on": "2025-02-03", "modality": "remote", "physical_progress_bps": 1, "team": [{ "organisation": "a", "function": "b" }], "document_reference": "x", "document_sha256": digest(1) });
        scene.act("council-registrar", &project, "/visits", &theirs).refused(403, "CONFLICT_OF_INTEREST");
        visit(&scene, &project, &json!({ "visited_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        visit(&scene, &project, &json!({ "findings": [finding("minor"), finding("critical")], "next_action": "Revenir" })).expect(200);
        let close = |login: &str, finding: u32| {
            scene.act(login, &project, "/finding-closures", &json!({ "finding": finding, "resolution": "Enduit repris" }))
        };
        close("certifier", 3).refused(422, "PROJECT_RECORD_UNKNOWN");
        close("council-registrar", 2).refused(403, "CONFLICT_OF_INTEREST");
        close("certifier", 2).expect(200);
        close("certifier", 2).refused(409, "EVIDENCE_JUDGED");
        let visits = town.client("auditor").get(&format!("{project}/visits")).expect(200).json();
        let states: Vec<&Value> = visits[0]["findings"].as_array().expect("findings").iter().map(|one| &one["state"]).collect();
        assert_eq!((states, &visits[0]["physical_progress_bps"]), (vec![&json!("open"), &json!("closed")], &json!(10_000)));
        assert_eq!(town.client("auditor").get(&format!("{project}/suspensions")).expect(200).json(), json!([]));
    }

    Stage::Open, fn conditions_of_a_check_become_safeguards(town) {
        let scene = scene(town);
        let project = scene.reviewed("QIP-1", &json!({}));
        let questions = town.stranger().get("/v1/conflict-questions").expect(200).json();
        let answers = |risky: &[usize]| -> Value {
            let asked = questions.as_array().expect("questions").iter().enumerate();
            asked.map(|(index, question)| {
                let risk = if risky.contains(&index) { 2 + index % 2 } else { 1 };
                json!({ "question": question["code"], "risk": risk, "mitigation": (risk == 3).then_some("Comité de plaintes") })
            }).collect()
        };
        scene.check(&project, &json!({ "answers": answers(&[0, 1]) })).expect(200);
        scene.check(&project, &json!({ "answers": answers(&[1, 2]) })).expect(200);
        let milestones = town.client("auditor").get(&format!("{project}/milestones")).expect(200).json();
        let told: Vec<(&Value, &Value, &Value)> =
            milestones.as_array().expect("milestones").iter().map(|one| (&one["kind"], &one["condition_of"], &one["title"])).collect();
        let code = |index: usize| &questions[index]["code"];
        assert_eq!(told, [
            (&json!("safeguard"), code(0), &questions[0]["question_fr"]),
            (&json!("safeguard"), code(1), &json!("Comité de plaintes")),
            (&json!("safeguard"), code(2), &questions[2]["question_fr"]),
        ]);
        // The later check took the place of the first: what it does not ask for is asked for no more.
        let superseded: Vec<bool> = milestones.as_array().expect("milestones").iter().map(|one| one["superseded_by"].is_string()).collect();
        assert_eq!(superseded, [true, false, false]);
        let last = town.client("auditor").get(&format!("{project}/conflict-check")).expect(200).text("/last/id");
        assert_eq!(milestones[0]["superseded_by"], json!(last));
        // One that fails has no conditions.
        let failed = json!(questions.as_array().expect("questions").iter().map(|question| json!({ "question": question["code"], "risk": 3 })).collect::<Vec<_>>());
        scene.check(&project, &json!({ "answers": failed })).expect(200);
        let milestones = town.client("auditor").get(&format!("{project}/milestones")).expect(200).json();
        let superseded: Vec<bool> = milestones.as_array().expect("milestones").iter().map(|one| one["superseded_by"].is_string()).collect();
        assert_eq!(superseded, [true, false, false], "one that fails takes no measure back");
    }

    Stage::Open, fn a_safeguard_holds_money_back_until_it_is_verified_or_a_later_check_asks_for_it_no_more(town) {
        let scene = scene(town);
        let (project, purpose) = scene.active("QIP-1", &json!({}));
        plan(&scene, &project, "output", "Cent femmes formées").expect(200);
        let waits = scene.request(&project, 2).refused(422, "TRANCHE_NOT_RELEASABLE");
        assert_eq!(waits.json()["facts"]["missing"], json!(["Cent femmes formées"]));
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        let questions = town.stranger().get("/v1/conflict-questions").expect(200).json();
        let risky = |index: Option<usize>, measure: &str| -> Value {
            let asked = questions.as_array().expect("questions").iter().enumerate();
            asked.map(|(at, question)| {
                let grave = index == Some(at);
                json!({ "question": question["code"], "risk": if grave { 3 } else { 1 }, "mitigation": grave.then_some(measure) })
            }).collect()
        };
        let check = |index: Option<usize>, measure: &str| scene.check(&project, &json!({ "answers": risky(index, measure) })).expect(200);
        let open = |answer: &Answer| answer.json()["facts"]["safeguards"].clone();
        check(Some(0), "Comité de plaintes");
        let refused = scene.request(&project, 2).refused(422, "SAFEGUARD_OPEN");
        assert_eq!(open(&refused), json!(["Comité de plaintes"]));
        // Another measure for the same question, which is the one that counts; the first is asked for no more.
        check(Some(0), "Médiateur");
        assert_eq!(open(&scene.request(&project, 2).refused(422, "SAFEGUARD_OPEN")), json!(["Médiateur"]));
        let bring_it = |milestone: u32| bring(&scene, "finance-officer", &project, milestone, 7);
        let waive = |milestone: u32| verify(&scene, "council-registrar", &project, milestone, "waived", json!("Sans objet"));
        bring_it(2).refused(409, "MILESTONE_SUPERSEDED");
        waive(2).refused(409, "MILESTONE_SUPERSEDED");
        bring_it(3).expect(200);
        // A check without risks takes its place; one that fails takes nothing back.
        check(None, "");
        let second = scene.requested(&project, 2);
        scene.act("certifier", &second, "/certification", &json!({})).expect(200);
        check(Some(1), "Quotas");
        let approve = || scene.act("mayor", &second, "/approval", &json!({}));
        approve().refused(422, "SAFEGUARD_OPEN");
        let failed: Vec<Value> = questions.as_array().expect("questions").iter().map(|question| json!({ "question": question["code"], "risk": 3 })).collect();
        scene.check(&project, &json!({ "answers": failed })).expect(200);
        assert_eq!(open(&approve().refused(422, "SAFEGUARD_OPEN")), json!(["Quotas"]));
        waive(4).expect(200);
        approve().expect(200);
        check(Some(2), "Horaires");
        scene.pay(&second).refused(422, "SAFEGUARD_OPEN");
        assert_eq!(scene.moved(&purpose, "disbursement"), ["33576.00"], "the first tranche alone");
        check(None, "");
        scene.pay(&second).expect(200);
        let milestones = town.client("auditor").get(&format!("{project}/milestones")).expect(200).json();
        let told: Vec<(&Value, bool)> = milestones.as_array().expect("milestones").iter().map(|one| (&one["state"], one["superseded_by"].is_string())).collect();
        use diesel::connection::SimpleConnection as _;
        assert!(town.connection().batch_execute("UPDATE project_milestones SET superseded_by = NULL WHERE number = 2").is_err());
        let (planned, waived) = (json!("planned"), json!("waived"));
        assert_eq!(told, [(&json!("met"), false), (&planned, true), (&planned, true), (&waived, false), (&planned, true)]);
    }
}
