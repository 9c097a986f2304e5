//! Motions that nobody can decide any more: they are closed without a decision, and what was moved is moved again.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Scene, scene};
use crate::access::assign;
use crate::harness::{Answer, Client, Stage};
use crate::on_both_engines;
use crate::race::at_once;

const THREE: [&str; 3] = ["mayor", "accountant", "state-representative"];

fn reject() -> Value {
    json!({ "action": "reject", "rejection_reason": "other" })
}

/// Closes a motion, with the words of the contract's example.
fn lapse(scene: &Scene<'_>, login: &str, motion: Uuid) -> Answer {
    let path = scene.town.path(&format!("/motions/{motion}"));
    scene.act(login, &path, "/lapse", &json!({ "reason": "Deux votants se sont récusés" }))
}

/// A committee of these three, of whom two have to be there.
fn of_two(scene: &Scene<'_>, name: &str) -> Uuid {
    let member_ids = THREE.map(|login| scene.town.person(login).to_string());
    scene.committee(&json!({ "name": name, "quorum": 2, "member_ids": member_ids })).expect(201).id()
}

fn interest(scene: &Scene<'_>, login: &str, project: &str) {
    scene.act(login, project, "/interests", &json!({ "reason": "Parenté" })).expect(200);
}

on_both_engines! {
    Stage::Open, fn a_motion_that_lost_its_quorum_lapses_and_what_it_moved_is_moved_again(town) {
        let scene = scene(town);
        let project = scene.recommended("QIP-1", &json!({}));
        let committee = scene.committee(&json!({})).expect(201).id();
        let motion = scene.motion(&project, committee, &THREE, &reject()).expect(201).id();
        scene.vote("accountant", motion, "for").expect(201);
        // As long as it can be decided nobody closes it.
        let refused = lapse(&scene, "council-registrar", motion).refused(409, "MOTION_DECIDABLE");
        assert_eq!(["for", "able", "voters"].map(|fact| refused.text(&format!("/facts/{fact}"))), ["1", "2", "3"]);
        // Who stands back afterwards does not count for the quorum either: nobody votes any more, and the motion is in the way.
        interest(&scene, "mayor", &project);
        let refused = scene.vote("state-representative", motion, "for").refused(422, "QUORUM");
        assert_eq!(["quorum", "voters"].map(|fact| refused.text(&format!("/facts/{fact}"))), ["3", "2"]);
        scene.vote("mayor", motion, "for").refused(403, "CONFLICT_OF_INTEREST");
        let small = of_two(&scene, "Comité restreint");
        scene.motion(&project, small, &THREE[1..], &reject()).refused(409, "MOTION_OPEN");
        lapse(&scene, "mayor", motion).refused(403, "ROLE_MISSING");
        let lapsed = lapse(&scene, "council-registrar", motion).expect(200);
        let told = ["state", "lapse_reason", "version"].map(|member| lapsed.text(&format!("/{member}")));
        assert_eq!(told, ["lapsed", "Deux votants se sont récusés", "3"]);
        assert!(lapsed.json()["decided_at"].is_string());
        lapse(&scene, "council-registrar", motion).refused(409, "MOTION_DECIDED");
        let refused = scene.vote("state-representative", motion, "for").refused(409, "MOTION_DECIDED");
        assert_eq!(refused.text("/facts/state"), "lapsed");
        assert_eq!(scene.state(&project), "recommended");
        // The database keeps it so.
        let mut conn = town.connection();
        for broken in [
            "UPDATE motions SET state = 'open', decided_at = NULL, lapse_reason = NULL",
            "UPDATE motions SET lapse_reason = 'Autre'",
            "INSERT INTO motion_votes SELECT organisation_id, motion_id, principal_id, 'for', \
             (SELECT recorded_at FROM motions) FROM motion_attendances here WHERE recusal IS NULL \
             AND NOT EXISTS (SELECT 1 FROM motion_votes cast_one WHERE cast_one.principal_id = here.principal_id) \
             AND NOT EXISTS (SELECT 1 FROM project_interests held WHERE held.principal_id = here.principal_id)",
        ] {
            assert!(conn.batch_execute(broken).is_err(), "{broken}");
        }
        db::verify::verify(&mut conn).expect("books that hold");
        // Another committee decides: its quorum is there without the mayor.
        let again = scene.motion(&project, small, &THREE[1..], &reject()).expect(201).id();
        scene.vote("accountant", again, "for").expect(201);
        scene.vote("state-representative", again, "for").expect(201);
        assert_eq!(scene.state(&project), "rejected");
        let states = town.client("auditor").get(&town.path("/motions?state=lapsed")).expect(200).json();
        assert_eq!((states["data"].as_array().map(Vec::len), &states["data"][0]["id"]), (Some(1), &json!(motion)));
    }

    Stage::Open, fn whoever_lost_what_they_vote_by_decides_nothing_until_they_have_it_again(town) {
        let scene = scene(town);
        let moved = |number: u32| {
            let days = json!({ "proposal/starts_on": format!("203{number}-01-01"), "proposal/ends_on": format!("203{number}-02-01") });
            let project = scene.recommended(&format!("QIP-{number}"), &days);
            let committee = of_two(&scene, &format!("Comité {number}"));
            let motion = scene.motion(&project, committee, &THREE, &reject()).expect(201).id();
            scene.vote("mayor", motion, "abstain").expect(201);
            (project, committee, motion)
        };
        let (one, committee, first) = moved(1);
        let (_, _, second) = moved(2);
        let mut conn = town.connection();
        let sqlite = matches!(conn, db::connection::Conn::Sqlite(_));
        let now = if sqlite { "1" } else { "now()" };
        let person = town.person("accountant").0;
        let person = if sqlite { format!("X'{}'", person.simple()) } else { format!("'{person}'") };
        let mut change = |sql: &str| conn.batch_execute(sql).expect("no rule of the database");
        let absent = |reason: &str| {
            let refused = scene.motion(&one, committee, &THREE, &reject()).refused(422, "COMMITTEE_VOTER_INELIGIBLE");
            assert_eq!((refused.text("/facts/reason"), refused.text("/errors/0/pointer")), (reason.to_owned(), "/present_ids/1".to_owned()));
        };
        // The quorum is there, but of three voters one abstained and one alone may still vote.
        assert_eq!(lapse(&scene, "council-registrar", first).refused(409, "MOTION_DECIDABLE").text("/facts/able"), "2");
        change("UPDATE role_assignments SET valid_to = '2025-02-02' WHERE role = 'accountant'");
        lapse(&scene, "council-registrar", first).expect(200);
        absent("role");
        change("UPDATE role_assignments SET valid_to = NULL WHERE role = 'accountant'");
        lapse(&scene, "council-registrar", second).refused(409, "MOTION_DECIDABLE");
        change(&format!("UPDATE principals SET disabled_at = {now} WHERE id = {person}"));
        lapse(&scene, "council-registrar", second).expect(200);
        absent("suspended");
        change(&format!("UPDATE principals SET disabled_at = NULL WHERE id = {person}"));
        scene.motion(&one, committee, &THREE, &reject()).expect(201);
    }

    Stage::Open, fn a_project_that_went_elsewhere_leaves_a_motion_that_lapses(town) {
        let scene = scene(town);
        let project = scene.recommended("QIP-1", &json!({}));
        let motion = scene.motion(&project, of_two(&scene, "Comité"), &THREE, &reject()).expect(201).id();
        lapse(&scene, "council-registrar", motion).refused(409, "MOTION_DECIDABLE");
        scene.act("finance-officer", &project, "/withdrawal", &json!({ "reason": "Autre financement" })).expect(200);
        scene.vote("mayor", motion, "for").expect(201);
        scene.vote("accountant", motion, "for").refused(409, "CLOSED_IMMUTABLE");
        assert_eq!(lapse(&scene, "council-registrar", motion).expect(200).text("/state"), "lapsed");
        db::verify::verify(&mut town.connection()).expect("books that hold");
    }

    Stage::Open, fn whoever_does_not_see_a_project_is_not_present_for_it(town) {
        let scene = scene(town);
        let project = scene.recommended("QIP-1", &json!({}));
        let committee = of_two(&scene, "Comité");
        town.connection().batch_execute("UPDATE projects SET sensitivity = 3").expect("no rule of the database");
        assign(town, town.commune_id(), town.person("council-registrar"), "finance_officer", "2024-09-02", None).expect(201);
        let refused = scene.motion(&project, committee, &THREE, &reject()).refused(422, "COMMITTEE_VOTER_INELIGIBLE");
        assert_eq!((refused.text("/facts/reason"), refused.text("/errors/0/pointer")), ("clearance".to_owned(), "/present_ids/2".to_owned()));
        scene.motion(&project, committee, &THREE[..2], &reject()).expect(201);
    }

    Stage::Open, fn of_the_deciding_vote_and_the_lapse_one_takes_effect(town) {
        let scene = scene(town);
        let annex = town.annex(api::config::SignInPolicy::default());
        for round in 0..4 {
            let days = json!({ "proposal/starts_on": format!("203{round}-01-01"), "proposal/ends_on": format!("203{round}-02-01") });
            let project = scene.recommended(&format!("QIP-{round}"), &days);
            let motion = scene.motion(&project, of_two(&scene, &format!("Comité {round}")), &THREE, &reject()).expect(201).id();
            scene.vote("accountant", motion, "abstain").expect(201);
            interest(&scene, "mayor", &project);
            // One vote is left. Against, it decides that the motion is lost; the registrar closes it without a decision.
            let voter = annex.client(Some(town.token_of(town.person("state-representative"))));
            let registrar = town.client("council-registrar");
            let path = town.path(&format!("/motions/{motion}"));
            let etag = registrar.get(&path).expect(200).etag();
            let racers: Vec<Client> = vec![voter, registrar];
            let answers = at_once(&racers, |client| {
                if std::ptr::eq(client, racers.as_slice().first().expect("the voter")) {
                    client.create(&format!("{path}/votes"), &json!({ "vote": "against" }))
                } else {
                    client.act_on(&format!("{path}/lapse"), &etag, &json!({ "reason": "Récusation" }))
                }
            });
            let after = town.client("auditor").get(&path).expect(200);
            let (state, votes) = (after.text("/state"), after.json()["votes"].as_array().map(Vec::len));
            let [voted, lapsed] = [answers[0].status, answers[1].status];
            match (voted, lapsed) {
                (201, 409 | 412) => assert_eq!((state.as_str(), votes), ("lost", Some(2))),
                (409, 200) => assert_eq!((state.as_str(), votes), ("lapsed", Some(1))),
                _ => panic!("one effect: {answers:?}"),
            }
            assert_eq!(after.text("/version"), "3", "made, abstained, ended once");
        }
        db::verify::verify(&mut town.connection()).expect("books that hold");
    }
}
