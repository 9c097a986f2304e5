//! How projects are decided: quorum, duties kept apart, interests, the deciding vote.

use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{MEMBERS, scene, with};
use crate::access::{assign, newcomer};
use crate::harness::{Client, Stage};
use crate::on_both_engines;
use crate::race::at_once;

const THREE: [&str; 3] = ["mayor", "accountant", "state-representative"];

on_both_engines! {
    Stage::Open, fn ac_33_who_stands_back_does_not_make_the_quorum(town) {
        let scene = scene(town);
        let project = scene.recommended("QIP-1", &json!({}));
        let committee = scene.committee(&json!({})).expect(201).id();
        let reject = json!({ "action": "reject", "rejection_reason": "security" });
        let back = |logins: &[&str]| {
            let recused: Vec<_> = logins.iter().map(|login| json!({ "principal_id": town.person(login), "reason": "Parenté" })).collect();
            with(reject.clone(), &json!({ "recused": recused }))
        };
        let refused = scene.motion(&project, committee, &["mayor", "accountant"], &back(&["certifier", "finance-officer"]));
        assert_eq!(refused.refused(422, "QUORUM").text("/facts/voters"), "2");
        scene.motion(&project, committee, &["mayor", "auditor", "accountant"], &reject).refused(422, "COMMITTEE_ATTENDANCE_INVALID");
        let twice = back(&["certifier", "certifier"]);
        scene.motion(&project, committee, &THREE, &twice).refused(422, "COMMITTEE_ATTENDANCE_INVALID");
        let motion = scene.motion(&project, committee, &THREE, &back(&["certifier", "finance-officer"])).expect(201);
        assert_eq!(motion.json()["recused"].as_array().map(Vec::len), Some(2));
        scene.motion(&project, committee, &THREE, &reject).refused(409, "MOTION_OPEN");
        let motion = motion.id();
        scene.vote("certifier", motion, "for").refused(403, "VOTER_ABSENT");
        scene.vote("mayor", motion, "abstain").expect(201);
        scene.vote("mayor", motion, "for").refused(409, "VOTE_DUPLICATE");
        scene.vote("accountant", motion, "for").expect(201);
        let lost = scene.vote("state-representative", motion, "against").expect(201);
        assert_eq!((lost.text("/state"), scene.state(&project)), ("lost".to_owned(), "recommended".to_owned()));
        // A motion that was lost can be made again; one that is carried rejects, and nothing reopens the project.
        let again = scene.motion(&project, committee, &THREE, &reject).expect(201).id();
        scene.vote("mayor", again, "for").expect(201);
        scene.vote("accountant", again, "for").expect(201);
        assert_eq!(scene.state(&project), "rejected");
        scene.act("finance-officer", &project, "/withdrawal", &json!({ "reason": "Trop tard" })).refused(409, "CLOSED_IMMUTABLE");
        scene.motion(&project, committee, &THREE, &reject).refused(409, "CLOSED_IMMUTABLE");
        let listed = town.client("auditor").get(&town.path("/motions?state=carried")).expect(200).json();
        assert_eq!((listed["data"].as_array().map(Vec::len), &listed["data"][0]["rejection_reason"]), (Some(1), &json!("security")));
    }

    Stage::Open, fn ac_32_inv_01_inv_12_whoever_asked_for_a_project_neither_appraises_it_nor_votes_on_it(town) {
        let scene = scene(town);
        let project = scene.reviewed("QIP-1", &json!({}));
        let appraisal = json!({ "opinion": "favourable", "comment": "Bon" });
        let refused = scene.act("finance-officer", &project, "/appraisals", &appraisal).refused(403, "SOD_VIOLATION");
        assert_eq!((refused.text("/facts/duty"), refused.text("/facts/held")), ("technical_reviewer".to_owned(), "proponent".to_owned()));
        scene.appraise(&project, "favourable").expect(200);
        scene.appraise(&project, "favourable").refused(409, "APPRAISAL_DUPLICATE");
        scene.check(&project, &json!({})).expect(200);
        scene.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        let committee = scene.committee(&json!({})).expect(201).id();
        let reject = json!({ "action": "reject", "rejection_reason": "other" });
        // Who could not vote is not counted as present, or a motion might wait for votes that nobody may cast.
        let ineligible = |present: &[&str], more: &Value, (index, reason): (usize, &str)| {
            let refused = scene.motion(&project, committee, present, &with(reject.clone(), more)).refused(422, "COMMITTEE_VOTER_INELIGIBLE");
            assert_eq!((refused.text("/facts/reason"), refused.text("/errors/0/pointer")), (reason.to_owned(), format!("/present_ids/{index}")));
            assert_eq!(refused.text("/facts/principal_id"), town.person(present[index]).to_string());
        };
        ineligible(&MEMBERS, &json!({}), (3, "duty"));
        let back = json!({ "recused": [{ "principal_id": town.person("certifier"), "reason": "Avis rendu" }] });
        ineligible(&MEMBERS, &back, (4, "duty"));
        let motion = scene.motion(&project, committee, &THREE, &reject).expect(201).id();
        scene.vote("finance-officer", motion, "for").refused(403, "VOTER_ABSENT");
        // INV-12: who has an interest does not vote, even where it is declared after the motion was made.
        scene.vote("accountant", motion, "for").expect(201);
        let interest = json!({ "reason": "Frère de la présidente" });
        scene.act("mayor", &project, "/interests", &interest).expect(200);
        scene.act("mayor", &project, "/interests", &interest).refused(409, "INTEREST_DECLARED");
        scene.vote("mayor", motion, "for").refused(403, "CONFLICT_OF_INTEREST");
        // The database holds all of it by itself.
        let mut conn = town.connection();
        let sqlite = matches!(conn, db::connection::Conn::Sqlite(_));
        let id = |id: Uuid| if sqlite { format!("X'{}'", id.simple()) } else { format!("'{id}'") };
        let project_id = project.rsplit('/').next().expect("an id").parse().expect("an id");
        let (org, project_id, motion_id) = (id(town.commune_id()), id(project_id), id(motion));
        let now = if sqlite { "0" } else { "now()" };
        let person = |login: &str| id(town.person(login).0);
        let vote = |login: &str| format!(
            "INSERT INTO motion_votes (organisation_id, motion_id, principal_id, vote, recorded_at) VALUES ({org}, {motion_id}, {}, 'for', {now})",
            person(login)
        );
        let duty = |login: &str, duty: &str| format!(
            "INSERT INTO project_duties (organisation_id, project_id, principal_id, duty) VALUES ({org}, {project_id}, {}, '{duty}')",
            person(login)
        );
        for broken in [
            vote("mayor"),
            vote("auditor"),
            duty("finance-officer", "technical_reviewer"),
            duty("certifier", "committee_member"),
            "UPDATE motion_votes SET vote = 'against'".to_owned(),
            "DELETE FROM project_transitions".to_owned(),
            "UPDATE projects SET rule_set_version = 1".to_owned(),
            "UPDATE projects SET state = 'approved'".to_owned(),
        ] {
            let refused = conn.batch_execute(&broken).is_err();
            assert!(refused || broken.contains("motion_votes SET"), "{broken}");
        }
        // What is not kept apart is taken by the database as by the rules.
        conn.batch_execute(&duty("finance-officer", "focal_point")).expect("compatible");
        // A state that no step leads to, and a motion that its votes did not decide, are found (INV-01).
        let tampered = |conn: &mut db::connection::Conn, there: &str, back: &str, place: &str| {
            conn.batch_execute(there).expect("no rule of the database");
            let found = db::verify::verify(conn).map_err(|failure| failure.to_string());
            assert!(found.as_ref().is_err_and(|found| found.contains(place)), "{found:?}");
            conn.batch_execute(back).expect("put right");
        };
        tampered(
            &mut conn,
            "UPDATE projects SET state = 'returned'",
            "UPDATE projects SET state = 'recommended'",
            "project QIP-1: kept returned",
        );
        let decided = format!("UPDATE motions SET state = 'carried', decided_at = {now}");
        tampered(&mut conn, &decided, "UPDATE motions SET state = 'open', decided_at = NULL", "kept carried, its votes say otherwise");
        scene.vote("accountant", motion, "for").refused(422, "QUORUM");
        assert!(conn.batch_execute("UPDATE motion_votes SET vote = 'against'").is_err());
    }

    Stage::Open, fn whoever_may_not_vote_is_not_present(town) {
        let scene = scene(town);
        let reviewer = newcomer(town, "second-reviewer");
        assign(town, town.commune_id(), reviewer, "certifier", "2024-09-02", None).expect(201);
        let reviewer = town.client_of(reviewer);
        let project = scene.reviewed("QIP-1", &json!({}));
        reviewer.act(&project, "/appraisals", &json!({ "opinion": "favourable", "comment": "Bon" })).expect(200);
        let check = |client: &Client| {
            let questions = town.stranger().get("/v1/conflict-questions").expect(200).json();
            let asked = questions.as_array().expect("questions").iter().filter(|question| question["block"] != "neutrality");
            let answers: Vec<_> = asked.map(|question| json!({ "question": question["code"], "risk": 1 })).collect();
            client.act(&project, "/conflict-checks", &json!({ "assessed_on": "2025-02-01", "analysed_on": "2024-10-01", "answers": answers }))
        };
        check(&reviewer).expect(200);
        reviewer.act(&project, "/recommendation", &json!({})).expect(200);
        // Appraisals are read by whoever sees the project, with their reasons.
        let read = town.client("partner-system").get(&format!("{project}/appraisals")).expect(200).json();
        let told = ["submission", "opinion", "comment"].map(|member| read[0][member].clone());
        assert_eq!((read.as_array().map(Vec::len), told), (Some(1), [json!(1), json!("favourable"), json!("Bon")]));
        // An auditor has no vote, on any committee.
        let seated = |name: &str, logins: [&str; 3]| {
            let member_ids = logins.map(|login| town.person(login).to_string());
            scene.committee(&json!({ "name": name, "quorum": 2, "member_ids": member_ids }))
        };
        seated("Autre", ["mayor", "accountant", "auditor"]).refused(422, "COMMITTEE_ATTENDANCE_INVALID");
        let committee = seated("Autre", ["mayor", "accountant", "certifier"]).expect(201).id();
        let reject = json!({ "action": "reject", "rejection_reason": "other" });
        let present = ["mayor", "accountant", "certifier"];
        // Nor has a member whose function is over.
        let mut conn = town.connection();
        let ended = |until: &str| format!("UPDATE role_assignments SET valid_to = {until} WHERE role = 'accountant'");
        conn.batch_execute(&ended("'2025-02-02'")).expect("no rule of the database");
        let refused = scene.motion(&project, committee, &present, &reject).refused(422, "COMMITTEE_VOTER_INELIGIBLE");
        assert_eq!((refused.text("/facts/reason"), refused.text("/errors/0/pointer")), ("role".to_owned(), "/present_ids/1".to_owned()));
        conn.batch_execute(&ended("NULL")).expect("put right");
        scene.act("accountant", &project, "/interests", &json!({ "reason": "Parenté" })).expect(200);
        let refused = scene.motion(&project, committee, &present, &reject).refused(422, "COMMITTEE_VOTER_INELIGIBLE");
        assert_eq!(refused.text("/facts/reason"), "interest");
        let committee = seated("Troisième", ["mayor", "certifier", "state-representative"]).expect(201).id();
        let motion = scene.motion(&project, committee, &["mayor", "certifier", "state-representative"], &reject).expect(201).id();
        // Who takes a duty that is kept apart from the vote after the motion was made does not vote.
        check(&town.client("certifier")).expect(200);
        scene.vote("certifier", motion, "for").refused(403, "SOD_VIOLATION");
        scene.vote("mayor", motion, "for").expect(201);
        scene.vote("state-representative", motion, "for").expect(201);
        assert_eq!(scene.state(&project), "rejected");
    }

    Stage::Open, fn of_two_deciding_votes_one_decides(town) {
        let scene = scene(town);
        let annex = town.annex(api::config::SignInPolicy::default());
        for round in 0..3 {
            let project = scene.recommended(&format!("QIP-{round}"), &json!({ "proposal/starts_on": format!("203{round}-01-01"), "proposal/ends_on": format!("203{round}-02-01") }));
            let committee = scene.committee(&json!({ "name": format!("Comité {round}") })).expect(201).id();
            let reject = json!({ "action": "reject", "rejection_reason": "other" });
            let motion = scene.motion(&project, committee, &THREE, &reject).expect(201).id();
            scene.vote("mayor", motion, "for").expect(201);
            // Two people through two servers on one database.
            let clients: Vec<Client> =
                vec![town.client("accountant"), annex.client(Some(town.token_of(town.person("state-representative"))))];
            let turn = AtomicUsize::new(0);
            let path = town.path(&format!("/motions/{motion}/votes"));
            let answers = at_once(&clients, |client| {
                turn.fetch_add(1, Ordering::SeqCst);
                client.create(&path, &json!({ "vote": "for" }))
            });
            let won = answers.iter().filter(|answer| answer.status == 201).count();
            assert_eq!(won, 1, "{answers:?}");
            for lost in answers.into_iter().filter(|answer| answer.status != 201) {
                lost.refused(409, "MOTION_DECIDED");
            }
            assert_eq!(scene.state(&project), "rejected");
            let history = town.client("auditor").get(&format!("{project}/history")).expect(200).json();
            let rejections = history.as_array().expect("steps").iter().filter(|step| step["action"] == "reject").count();
            assert_eq!((turn.into_inner(), rejections), (2, 1), "one effect");
        }
    }

    Stage::Open, fn a_vote_that_decides_is_refused_when_what_it_rests_on_is_gone(town) {
        let scene = scene(town);
        let (purpose, allocation) = scene.funded("41970");
        let project = scene.recommended("QIP-1", &json!({ "proposal/fund_purpose_id": purpose }));
        let committee = scene.committee(&json!({})).expect(201).id();
        let back = json!({ "amount": "1", "currency": "USD", "reason": "Moins cher", "on": "2018-07-16" });
        let release = |allocation: uuid::Uuid| town.client("mayor").act(&town.path(&format!("/fund-allocations/{allocation}")), "/release", &back).expect(200);
        release(allocation);
        let refused = scene.motion(&project, committee, &THREE, &json!({})).refused(422, "FUND_INSUFFICIENT");
        assert_eq!(refused.text("/facts/possible"), "41969.00");
        let more = json!({ "amount": "1", "currency": "USD", "decision_reference": "PV-13", "on": "2018-07-16" });
        let again = town.client("mayor").act(&town.path(&format!("/fund-purposes/{purpose}")), "/allocations", &more).expect(201).id();
        let motion = scene.motion(&project, committee, &THREE, &json!({})).expect(201).id();
        scene.vote("mayor", motion, "for").expect(201);
        release(again);
        scene.vote("accountant", motion, "for").refused(422, "FUND_INSUFFICIENT");
        let open = town.client("auditor").get(&town.path(&format!("/motions/{motion}"))).expect(200);
        assert_eq!((open.text("/state"), open.json()["votes"].as_array().map(Vec::len)), ("open".to_owned(), Some(1)), "nothing was stored");
        let more = json!({ "amount": "1", "currency": "USD", "decision_reference": "PV-13", "on": "2018-07-17" });
        town.client("mayor").act(&town.path(&format!("/fund-purposes/{purpose}")), "/allocations", &more).expect(201);
        scene.vote("accountant", motion, "for").expect(201);
        // INV-04: approved = not started + ongoing + completed + cancelled, before and after it is given up.
        let classes = || ["not_started", "ongoing", "completed", "cancelled"].map(|class| {
            let listed = town.client("auditor").get(&town.path(&format!("/projects?state_class={class}"))).expect(200).json();
            listed["data"].as_array().map_or(0, Vec::len)
        });
        assert_eq!(classes(), [1, 0, 0, 0]);
        let cancel = json!({ "action": "cancel" });
        scene.motion(&project, committee, &THREE, &cancel).refused(409, "PROJECT_ALLOCATED");
        for allocation in town.client("auditor").get(&town.path("/fund-allocations")).expect(200).json()["data"].as_array().expect("rows") {
            let path = town.path(&format!("/fund-allocations/{}", allocation["id"].as_str().expect("an id")));
            if allocation["id"] == json!(again) {
                continue;
            }
            let amount = if allocation["amount"] == "1.00" { "1" } else { "41969" };
            let back = json!({ "amount": amount, "currency": "USD", "reason": "Abandon", "on": "2018-07-18" });
            town.client("mayor").act(&path, "/release", &back).expect(200);
        }
        let motion = scene.motion(&project, committee, &THREE, &cancel).expect(201).id();
        scene.vote("mayor", motion, "for").expect(201);
        scene.vote("state-representative", motion, "for").expect(201);
        assert_eq!((scene.state(&project), classes()), ("cancelled".to_owned(), [0, 0, 0, 1]));
        // What was given up keeps no purpose: another may be paid from it.
        assert_eq!(town.client("auditor").get(&project).expect(200).json()["fund_purpose_id"], json!(null));
        scene.drafted("QIP-2", &json!({ "proposal/fund_purpose_id": purpose }));
    }
}
