//! How projects under way are suspended, done, handed over and closed.

use api::config::SignInPolicy;
use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery::{bring, digest, finding, plan, verify, visit};
use super::{Scene, scene, with};
use crate::harness::{Answer, Client, Stage};
use crate::on_both_engines;
use crate::race::at_once;

const THREE: [&str; 3] = ["mayor", "accountant", "state-representative"];

fn suspend(scene: &Scene<'_>, project: &str, reason: &str, suspended_on: &str) -> Answer {
    let body = json!({ "reason": reason, "explanation": "Route coupée", "suspended_on": suspended_on });
    scene.act("finance-officer", project, "/suspension", &body)
}

fn complete(scene: &Scene<'_>, project: &str) -> Answer {
    scene.act("finance-officer", project, "/completion", &json!({}))
}

/// A project under way: its agreement signed, its first tranche paid.
fn under_way(scene: &Scene<'_>, reference: &str, more: &Value) -> String {
    scene.active(reference, more).0
}

/// A project under way with an output that was verified.
fn delivered(scene: &Scene<'_>, reference: &str, more: &Value) -> String {
    let project = under_way(scene, reference, more);
    plan(scene, &project, "output", "Bâtiment").expect(200);
    bring(scene, "finance-officer", &project, 1, 1).expect(200);
    verify(scene, "certifier", &project, 1, "met", Value::Null).expect(200);
    project
}

pub fn ceremony(scene: &Scene<'_>, project: &str, kind: &str, more: &Value) -> Answer {
    let body = json!({
        "kind": kind, "held_on": "2025-02-03", "territorial_unit_id": scene.gao, "chair": "Gouverneur de la région de Gao",
        "assisted_by": "Chef de bureau", "public_link": "https://example.org/gao",
        "attendances": [{ "organisation": "Cercle de Gao", "function": "Préfet" }],
    });
    scene.act("council-registrar", project, "/ceremonies", &with(body, more))
}

/// The certificate of an infirmary with four groups of assets.
pub fn draw_up(scene: &Scene<'_>, project: &str, more: &Value) -> Answer {
    let asset =
        |kind: &str, quantity: u32, value: &str| json!({ "kind": kind, "description": kind, "quantity": quantity, "unit_value": value });
    let body = json!({
        "reference": "CR-1", "recipient_kind": "commune", "condition": "Neuf", "maintained_by": "Commune",
        "maintenance_plan": "Entretien annuel sur le budget communal", "currency": "XOF",
        "assets": [asset("medical", 3, "4000000"), asset("computer", 5, "350000"), asset("office", 2, "150000"), asset("furniture", 20, "45000")],
    });
    scene.act("finance-officer", project, "/handover-certificates", &with(body, more))
}

pub fn sign(scene: &Scene<'_>, project: &str, side: &str, organisation: &str, on: &str) -> Answer {
    let body = json!({
        "side": side, "organisation": organisation, "function": "Responsable", "signed_on": on, "document_reference": "CR-1",
        "document_sha256": digest(5),
    });
    scene.act("council-registrar", project, "/handover-signatures", &body)
}

on_both_engines! {
    Stage::Open, fn ac_34_inv_07_insecurity_moves_the_end_and_want_of_money_does_not(town) {
        let scene = scene(town);
        let project = under_way(&scene, "QIP-1", &json!({ "proposal/starts_on": "2018-06-29", "proposal/ends_on": "2018-12-29" }));
        let ends = || {
            let shown = town.client("auditor").get(&project).expect(200);
            [shown.text("/state"), shown.text("/ends_on"), shown.text("/effective_ends_on")]
        };
        suspend(&scene, &project, "security", "2018-06-28").refused(422, "SUSPENSION_DAY_INVALID");
        suspend(&scene, &project, "security", "2025-02-04").refused(422, "DATE_IN_FUTURE");
        suspend(&scene, &project, "security", "2018-09-01").expect(200);
        assert_eq!(ends(), ["suspended", "2018-12-29", "2018-12-29"]);
        suspend(&scene, &project, "security", "2018-09-01").refused(409, "PROJECT_STATE_INVALID");
        complete(&scene, &project).refused(409, "PROJECT_STATE_INVALID");
        let ways = town.client("auditor").get(&format!("{project}/transitions")).expect(200).json();
        let resume = ways.as_array().expect("ways").iter().find(|way| way["action"] == "resume").expect("a way").clone();
        assert_eq!((&resume["operation"], &resume["unmet"]), (&json!("move_on_project"), &json!([])));
        // It goes on when a committee decides so, from the day of the decision.
        let committee = scene.committee(&json!({ "name": "Comité de suivi" })).expect(201).id();
        let decide = |held_on: &str| {
            let motion = scene.motion(&project, committee, &THREE, &json!({ "action": "resume", "held_on": held_on })).expect(201).id();
            scene.vote("mayor", motion, "for").expect(201);
            assert_eq!(scene.state(&project), "suspended");
            scene.vote("accountant", motion, "for").expect(201);
        };
        scene.motion(&project, committee, &THREE, &json!({ "action": "resume", "held_on": "2018-08-31" })).refused(422, "SUSPENSION_DAY_INVALID");
        decide("2018-09-21");
        // INV-07: twenty days of insecurity explain twenty days after the sixth month.
        assert_eq!(ends(), ["active", "2018-12-29", "2019-01-18"]);
        suspend(&scene, &project, "funding", "2018-09-20").refused(422, "SUSPENSION_DAY_INVALID");
        suspend(&scene, &project, "funding", "2018-10-01").expect(200);
        decide("2018-10-21");
        assert_eq!(ends(), ["active", "2018-12-29", "2019-01-18"]);
        // However long, within what the instrument bears: 180 days.
        suspend(&scene, &project, "access", "2018-11-01").expect(200);
        decide("2019-11-01");
        assert_eq!(ends()[2], "2019-06-27");
        let told = town.client("auditor").get(&format!("{project}/suspensions")).expect(200).json();
        let told: Vec<(&Value, &Value, &Value)> = told.as_array().expect("suspensions").iter()
            .map(|one| (&one["reason"], &one["resumed_on"], &one["stops_the_clock"])).collect();
        assert_eq!(told[..2], [
            (&json!("security"), &json!("2018-09-21"), &json!(true)), (&json!("funding"), &json!("2018-10-21"), &json!(false)),
        ]);
        // A state that no suspension explains is found.
        let mut conn = town.connection();
        conn.batch_execute("UPDATE project_suspensions SET resumed_on = NULL, motion_id = NULL WHERE number = 1").expect("no rule of the database");
        let found = town.verify();
        assert!(found.as_ref().is_err_and(|found| found.contains("its suspensions say otherwise")), "{found:?}");
        conn.batch_execute(
            "UPDATE project_suspensions SET resumed_on = '2018-09-21', motion_id = (SELECT motion_id FROM project_suspensions WHERE number = 2) WHERE number = 1",
        ).expect("put right");
    }

    Stage::Open, fn work_is_done_when_outputs_are_verified_and_somebody_was_there(town) {
        let scene = scene(town);
        let project = under_way(&scene, "QIP-1", &json!({ "proposal/starts_on": "2025-01-01", "proposal/ends_on": "2025-06-30" }));
        let refused = complete(&scene, &project).refused(422, "OUTPUTS_UNVERIFIED");
        assert_eq!(refused.text("/errors/1/code"), "VISIT_MISSING");
        plan(&scene, &project, "output", "Cent femmes formées").expect(200);
        plan(&scene, &project, "output", "Local réhabilité").expect(200);
        plan(&scene, &project, "legal", "Titre foncier").expect(200);
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        assert_eq!(complete(&scene, &project).refused(422, "OUTPUTS_UNVERIFIED").json()["facts"]["open"], json!(["Local réhabilité"]));
        verify(&scene, "certifier", &project, 2, "waived", json!("Déjà fait par le cercle")).expect(200);
        complete(&scene, &project).refused(422, "VISIT_MISSING");
        visit(&scene, &project, &json!({ "modality": "remote" })).expect(200);
        visit(&scene, &project, &json!({ "visited_on": "2025-01-03" })).expect(200);
        let refused = complete(&scene, &project).refused(422, "VISIT_MISSING");
        assert_eq!((refused.text("/facts/since"), refused.text("/facts/last")), ("2025-01-04".to_owned(), "2025-01-03".to_owned()));
        visit(&scene, &project, &json!({ "visited_on": "2025-01-04", "modality": "third_party" })).expect(200);
        assert_eq!(complete(&scene, &project).expect(200).text("/state"), "physically_completed");
        complete(&scene, &project).refused(409, "PROJECT_STATE_INVALID");
        plan(&scene, &project, "output", "Trop tard").refused(409, "PROJECT_STATE_INVALID");
    }

    Stage::Open, fn ac_08_a_first_stone_is_laid_once_and_nothing_is_handed_over_before_it_is_done(town) {
        let scene = scene(town);
        let services = scene.drafted("QIP-0", &json!({ "proposal/title": "Formation" }));
        ceremony(&scene, &services, "launch", &json!({})).refused(422, "CEREMONY_ORDER");
        let project = under_way(&scene, "TF-GAO-1", &json!({ "proposal/nature": "construction" }));
        ceremony(&scene, &project, "launch", &json!({ "held_on": "2025-02-02" })).refused(422, "CEREMONY_ORDER");
        ceremony(&scene, &project, "launch", &json!({})).expect(200);
        ceremony(&scene, &project, "first_stone", &json!({ "held_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        ceremony(&scene, &project, "first_stone", &json!({ "public_link": "http://example.org" })).refused(422, "CEREMONY_LINK_INVALID");
        ceremony(&scene, &project, "first_stone", &json!({ "territorial_unit_id": Uuid::new_v4() })).refused(404, "NOT_FOUND");
        assert_eq!(ceremony(&scene, &project, "first_stone", &json!({})).expect(200).text("/state"), "active", "a ceremony changes no state");
        ceremony(&scene, &project, "first_stone", &json!({})).refused(409, "CEREMONY_DUPLICATE");
        ceremony(&scene, &project, "handover", &json!({})).refused(422, "CEREMONY_ORDER");
        let told = town.client("partner-system").get(&format!("{project}/ceremonies")).expect(200).json();
        assert_eq!(told.as_array().map(Vec::len), Some(2));
        assert_eq!((&told[1]["chair"], &told[1]["attendances"][0]["function"]), (&json!("Gouverneur de la région de Gao"), &json!("Préfet")));
        // Nothing of the end is done before it.
        let acts = [
            ("finance-officer", "/handover", json!({})),
            ("finance-officer", "/work-closure", json!({})),
        ];
        for (login, action, body) in acts {
            scene.act(login, &project, action, &body).refused(409, "PROJECT_STATE_INVALID");
        }
        draw_up(&scene, &project, &json!({})).refused(409, "PROJECT_STATE_INVALID");
        sign(&scene, &project, "giver", "Coopérative", "2025-02-03").refused(409, "PROJECT_STATE_INVALID");
        let narrative = json!({ "document_reference": "RF-1", "document_sha256": digest(6) });
        scene.act("finance-officer", &services, "/final-narrative", &narrative).refused(409, "PROJECT_STATE_INVALID");
        scene.act("certifier", &services, "/final-narrative-acceptance", &json!({})).refused(409, "PROJECT_STATE_INVALID");
        scene.act("finance-officer", &services, "/lessons", &json!({ "theme": "a", "lesson": "b" })).refused(409, "PROJECT_STATE_INVALID");
    }

    Stage::Open, fn ac_09_inv_18_an_infirmary_is_handed_over_to_the_commune_and_nothing_is_paid(town) {
        let scene = scene(town);
        let project = delivered(&scene, "TF-GAO-2", &json!({}));
        visit(&scene, &project, &json!({ "findings": [finding("major")] })).expect(200);
        complete(&scene, &project).expect(200);
        ceremony(&scene, &project, "handover", &json!({})).refused(422, "CEREMONY_ORDER");
        let hand_over = || scene.act("finance-officer", &project, "/handover", &json!({}));
        assert_eq!(hand_over().refused(422, "HANDOVER_UNSIGNED").json()["facts"]["missing"], json!(["certificate"]));
        sign(&scene, &project, "giver", "Coopérative", "2025-02-03").refused(422, "HANDOVER_UNSIGNED");
        let one = |value: &str| json!({ "assets": [{ "kind": "building", "description": "x", "quantity": 1, "unit_value": value }] });
        draw_up(&scene, &project, &one("0")).refused(422, "AMOUNT_ZERO");
        draw_up(&scene, &project, &one("1.5")).refused(400, "AMOUNT_INVALID");
        draw_up(&scene, &project, &json!({ "currency": "ZZZ" })).refused(422, "CURRENCY_UNKNOWN");
        draw_up(&scene, &project, &json!({})).expect(200);
        draw_up(&scene, &project, &json!({})).refused(409, "HANDOVER_DRAWN_UP");
        // INV-18: both sides sign, for two organisations.
        sign(&scene, &project, "giver", "Coopérative", "2025-02-04").refused(422, "DATE_IN_FUTURE");
        sign(&scene, &project, "giver", "Coopérative", "2025-02-03").expect(200);
        sign(&scene, &project, "giver", "Autre", "2025-02-03").refused(422, "HANDOVER_SIGNATURE_INVALID");
        sign(&scene, &project, "recipient", "COOPERATIVE", "2025-02-03").refused(422, "HANDOVER_SIGNATURE_INVALID");
        assert_eq!(hand_over().refused(422, "HANDOVER_UNSIGNED").json()["facts"]["missing"], json!(["recipient"]));
        sign(&scene, &project, "recipient", "Protection civile", "2025-02-03").expect(200);
        ceremony(&scene, &project, "handover", &json!({})).expect(200);
        let cash = || ["515", "521", "531"].map(|account| town.balance(account));
        let before = cash();
        assert_eq!(hand_over().expect(200).text("/state"), "handed_over");
        assert_eq!(cash(), before, "nothing is paid for it");
        let assets = town.client("auditor").get(&town.path("/assets")).expect(200).json();
        let told: Vec<(&Value, &Value)> = assets["data"].as_array().expect("assets").iter().map(|one| (&one["kind"], &one["value"])).collect();
        assert_eq!(told, [
            (&json!("medical"), &json!("12000000")), (&json!("computer"), &json!("1750000")), (&json!("office"), &json!("300000")),
            (&json!("furniture"), &json!("900000")),
        ]);
        let certificates = town.client("auditor").get(&format!("{project}/handover-certificates")).expect(200).json();
        assert_eq!((&certificates[0]["maintained_by"], certificates[0]["signatures"].as_array().map(Vec::len)), (&json!("Commune"), Some(2)));
        hand_over().refused(409, "PROJECT_STATE_INVALID");
        // The database holds two sides of two organisations, and what was signed.
        let mut conn = town.connection();
        for broken in [
            "UPDATE handover_signatures SET folded_represents = 'cooperative'",
            "DELETE FROM handover_signatures",
            "UPDATE municipal_assets SET value = value + 1",
        ] {
            assert!(conn.batch_execute(broken).is_err(), "{broken}");
        }
        // The work is closed when findings are put right and something was learned; the report has its day.
        let close = || scene.act("finance-officer", &project, "/work-closure", &json!({}));
        let refused = close().refused(422, "FINDING_UNRESOLVED");
        assert_eq!(refused.text("/errors/1/code"), "CLOSURE_INCOMPLETE");
        scene.act("certifier", &project, "/finding-closures", &json!({ "finding": 1, "resolution": "Repris" })).expect(200);
        assert_eq!(close().refused(422, "CLOSURE_INCOMPLETE").json()["facts"]["missing"], json!(["lesson"]));
        scene.act("certifier", &project, "/lessons", &json!({ "theme": "Achats", "lesson": "Commander avant les pluies" })).expect(200);
        let closure = town.client("auditor").get(&format!("{project}/closure")).expect(200).json();
        assert_eq!((&closure["narrative_due_on"], closure["lessons"].as_array().map(Vec::len)), (&json!("2025-10-01"), Some(1)));
        assert_eq!(close().expect(200).text("/state"), "operationally_closed");
        let accept = |login: &str| scene.act(login, &project, "/final-narrative-acceptance", &json!({}));
        let submit = || scene.act("certifier", &project, "/final-narrative", &json!({ "document_reference": "RF-1", "document_sha256": digest(6) }));
        accept("council-registrar").refused(422, "NARRATIVE_MISSING");
        submit().expect(200);
        accept("certifier").refused(403, "EVIDENCE_SELF_JUDGED");
        scene.act("council-registrar", &project, "/interests", &json!({ "reason": "Cousin" })).expect(200);
        accept("council-registrar").refused(403, "CONFLICT_OF_INTEREST");
        accept("state-representative").expect(200);
        accept("state-representative").refused(409, "NARRATIVE_SUBMITTED");
        submit().refused(409, "NARRATIVE_SUBMITTED");
    }

    Stage::Open, fn of_a_completion_and_a_suspension_at_once_one_takes_effect(town) {
        let scene = scene(town);
        let annex = town.annex(SignInPolicy::default());
        let project = delivered(&scene, "QIP-1", &json!({ "proposal/starts_on": "2025-01-01", "proposal/ends_on": "2025-06-30" }));
        visit(&scene, &project, &json!({})).expect(200);
        let committee = scene.committee(&json!({ "name": "Comité de suivi" })).expect(201).id();
        for _ in 0..6 {
            // Until it is done: what was suspended goes on, and is asked for again.
            match scene.state(&project).as_str() {
                "suspended" => {
                    let motion = scene.motion(&project, committee, &THREE, &json!({ "action": "resume" })).expect(201).id();
                    scene.vote("mayor", motion, "for").expect(201);
                    scene.vote("accountant", motion, "for").expect(201);
                }
                "active" => {}
                _ => break,
            }
            let etag = town.client("auditor").get(&project).expect(200).etag();
            // Two people through two servers on one database.
            let clients: Vec<Client> = vec![town.client("finance-officer"), annex.client(Some(town.token_of(town.person("mayor"))))];
            let turn = std::sync::atomic::AtomicUsize::new(0);
            let answers = at_once(&clients, |client| {
                turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                if client.token() == clients[0].token() {
                    client.act_on(&format!("{project}/completion"), &etag, &json!({}))
                } else {
                    let body = json!({ "reason": "security", "explanation": "Combats", "suspended_on": "2025-02-03" });
                    client.act_on(&format!("{project}/suspension"), &etag, &body)
                }
            });
            let won = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!((won, turn.into_inner()), (1, 2), "{answers:?}");
            for lost in answers.into_iter().filter(|answer| answer.status != 200) {
                lost.refused(412, "VERSION_STALE");
            }
            let history = town.client("auditor").get(&format!("{project}/history")).expect(200).json();
            let last = history.as_array().and_then(|steps| steps.last()).map(|step| step["state_after"].clone());
            assert_eq!(last, Some(json!(scene.state(&project))), "one effect");
            assert!(matches!(scene.state(&project).as_str(), "suspended" | "physically_completed"));
        }
    }
}
