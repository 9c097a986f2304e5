//! What everyone may read of projects: nothing that has to be explained, nothing that nobody published, and always what was published.

use diesel::connection::SimpleConnection as _;
use domain::document::digest;
use serde_json::{Value, json};

use super::{Scene, scene};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;
use crate::race::at_once;

fn flag(scene: &Scene<'_>, project: &str, flags: &Value) -> Answer {
    scene.act("finance-officer", project, "/flags", &json!({ "flags": flags }))
}

fn publish(scene: &Scene<'_>, project: &str) -> Answer {
    scene.act("mayor", project, "/publication", &json!({}))
}

fn withdraw(scene: &Scene<'_>, project: &str) -> Answer {
    scene.act("mayor", project, "/publication-withdrawal", &json!({ "reason": "Nomme un village menacé" }))
}

/// The path of what everyone reads of a project.
fn open(project: &str) -> String {
    project.replace("/projects/", "/published-projects/")
}

/// The versions of what is published now, as someone without a token reads them.
fn versions(town: &Town) -> Vec<i64> {
    let all = town.stranger().get(&town.path("/published-projects")).expect(200).json();
    all["data"].as_array().expect("rows").iter().map(|row| row["version"].as_i64().expect("a number")).collect()
}

/// The bytes of the summary in an answer.
fn summary(answer: &Answer) -> String {
    let text = String::from_utf8(answer.bytes.clone()).expect("text");
    let from = text.find("\"summary\":").expect("a summary") + "\"summary\":".len();
    text[from..text.find(",\"summary_sha256\"").expect("a digest")].to_owned()
}

on_both_engines! {
    Stage::Open, fn ac_17_a_flag_without_a_legend_is_not_published(town) {
        let scene = scene(town);
        let project = scene.granted("PBF-01", &json!({}));
        let flagged = flag(&scene, &project, &json!([{ "code": "*" }])).expect(200);
        assert_eq!((flagged.text("/flags/0/code"), flagged.text("/flags/0/legend")), ("*".to_owned(), "null".to_owned()));
        let refused = publish(&scene, &project).refused(422, "LEGEND_MISSING");
        assert_eq!((refused.json()["facts"]["flags"].clone(), versions(town)), (json!(["*"]), vec![]));
        town.stranger().get(&open(&project)).refused(404, "NOT_FOUND");
        // Each is told once; all that have no legend are told.
        let twice = flag(&scene, &project, &json!([{ "code": "*" }, { "code": "†" }, { "code": "*", "legend": "Prolongé" }]));
        assert_eq!(twice.refused(422, "FLAG_DUPLICATE").text("/errors/0/pointer"), "/flags/2/code");
        flag(&scene, &project, &json!([{ "code": "*" }, { "code": "†" }, { "code": "a", "legend": "Annoncé" }])).expect(200);
        assert_eq!(publish(&scene, &project).refused(422, "LEGEND_MISSING").json()["facts"]["flags"], json!(["*", "†"]));
        // The database holds it by itself.
        let mut conn = town.connection();
        let sqlite = matches!(conn, db::connection::Conn::Sqlite(_));
        let copied = format!(
            "INSERT INTO project_publications (organisation_id, project_id, number, state, summary, summary_sha256, published_by, published_on, \
             recorded_at, sensitivity) SELECT organisation_id, id, 1, 'published', '{{}}', '{}', recorded_by, {}, recorded_at, 0 FROM projects",
            digest("{}"),
            if sqlite { "'2025-02-03'" } else { "date '2025-02-03'" },
        );
        assert!(conn.batch_execute(&copied).is_err());
        // With its legend it is published, with the flags of that day.
        flag(&scene, &project, &json!([{ "code": "*", "legend": "Projet prolongé" }])).expect(200);
        conn.batch_execute(&copied).expect("nothing stands against it any more");
        let published = publish(&scene, &project).expect(200);
        let read = town.stranger().get(&open(&project)).expect(200);
        assert_eq!(read.json(), published.json());
        assert_eq!((read.text("/version"), read.text("/published_on"), versions(town)), ("2".to_owned(), "2025-02-03".to_owned(), vec![2]));
        assert_eq!(read.json()["summary"]["flags"], json!([{ "code": "*", "legend": "Projet prolongé" }]));
        assert_eq!(digest(&summary(&read)), read.text("/summary_sha256"));
        // Who asked for it, who carries it out and what it rests on are not in it.
        let json = read.json();
        let mut members: Vec<&str> = json["summary"].as_object().expect("members").keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, [
            "approved_on", "budget", "currency", "effective_ends_on", "ends_on", "flags", "instrument", "nature", "objective", "reference",
            "shares", "starts_on", "state", "state_class", "title",
        ]);
        let tag = read.etag();
        town.stranger().send("GET", &open(&project), &[("if-none-match", tag.as_str())], &[]).expect(304);
        let csv = town.stranger().get(&town.path("/published-projects?format=csv")).expect(200);
        assert!(String::from_utf8_lossy(&csv.bytes).contains("summary.title"));
        drop(conn);
        town.verify().expect("the books are right");
    }

    Stage::Open, fn what_was_published_stays_as_it_was_until_it_is_published_anew_or_withdrawn(town) {
        let scene = scene(town);
        let project = scene.granted("QIP-1", &json!({}));
        withdraw(&scene, &project).refused(409, "PROJECT_UNPUBLISHED");
        publish(&scene, &project).expect(200);
        let first = town.stranger().get(&open(&project)).expect(200);
        scene.agree(&project, &json!({})).expect(201);
        scene.sign_both(&project);
        flag(&scene, &project, &json!([{ "code": "*", "legend": "Signé" }])).expect(200);
        assert_eq!(town.stranger().get(&open(&project)).expect(200).bytes, first.bytes, "nothing changes by itself");
        let second = publish(&scene, &project).expect(200);
        let told = |answer: &Answer| (answer.text("/version"), answer.text("/summary/state"));
        assert_eq!((told(&first), told(&second)), (("1".to_owned(), "approved".to_owned()), ("2".to_owned(), "contracted".to_owned())));
        assert_eq!(versions(town), [2], "the later one took the place of the earlier");
        assert_ne!(first.etag(), town.stranger().get(&open(&project)).expect(200).etag());
        let mut conn = town.connection();
        for broken in [
            "UPDATE project_publications SET summary = '{}'",
            "UPDATE project_publications SET state = 'published'",
            "UPDATE project_publications SET state = 'withdrawn'",
            "DELETE FROM project_publications",
        ] {
            assert!(conn.batch_execute(broken).is_err(), "{broken}");
        }
        // Taken back, nobody outside reads it, not what was published before it either; a later one is a new one.
        withdraw(&scene, &project).expect(200);
        town.stranger().get(&open(&project)).refused(404, "NOT_FOUND");
        assert_eq!(versions(town), Vec::<i64>::new());
        withdraw(&scene, &project).refused(409, "PROJECT_UNPUBLISHED");
        assert_eq!(publish(&scene, &project).expect(200).text("/version"), "3");
        // Bytes that somebody changed all the same are found.
        let guard = match conn {
            db::connection::Conn::Sqlite(_) => "DROP TRIGGER project_publications_fixed",
            db::connection::Conn::Pg(_) => "ALTER TABLE project_publications DISABLE TRIGGER project_publications_fixed",
        };
        db::verify::verify(&mut conn).map_err(|failure| failure.to_string()).expect("the books are right");
        conn.batch_execute(guard).expect("the owner's");
        conn.batch_execute("UPDATE project_publications SET summary = summary || ' ' WHERE number = 1").expect("unguarded");
        let found = db::verify::verify(&mut conn).map_err(|failure| failure.to_string());
        conn.batch_execute("UPDATE project_publications SET summary = rtrim(summary)").expect("unguarded");
        assert!(found.as_ref().is_err_and(|found| found.contains("publication 1 is not what was published")), "{found:?}");
    }

    Stage::Open, fn only_what_was_approved_and_partners_may_read_is_published_by_who_signs_for_the_organisation(town) {
        let scene = scene(town);
        let draft = scene.drafted("QIP-1", &json!({}));
        assert_eq!(publish(&scene, &draft).refused(409, "PROJECT_UNAPPROVED").json()["facts"]["state"], "draft");
        let hidden = scene.granted("QIP-2", &json!({ "sensitivity": "internal" }));
        assert_eq!(publish(&scene, &hidden).refused(403, "SENSITIVITY_DENIED").json()["facts"]["sensitivity"], "internal");
        scene.act("finance-officer", &hidden, "/publication", &json!({})).refused(403, "ROLE_MISSING");
        let restricted = scene.drafted("QIP-3", &json!({ "sensitivity": "restricted" }));
        let etag = town.client("auditor").get(&restricted).expect(200).etag();
        town.client("certifier").act_on(&format!("{restricted}/flags"), &etag, &json!({ "flags": [] })).refused(403, "ROLE_MISSING");
        assert_eq!(versions(town), Vec::<i64>::new());
    }

    Stage::Open, fn of_many_who_publish_at_once_one_does(town) {
        let scene = scene(town);
        let project = scene.granted("QIP-1", &json!({}));
        let token = town.token_of(town.person("mayor"));
        let annex = town.annex(api::config::SignInPolicy::default());
        let eight: Vec<Client> =
            (0..8).map(|index| if index % 2 == 0 { town.client("mayor") } else { annex.client(Some(token.clone())) }).collect();
        let etag = town.client("mayor").get(&project).expect(200).etag();
        let answers = at_once(&eight, |client| client.act_on(&format!("{project}/publication"), &etag, &json!({})));
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(won == 1 && answers.iter().all(|answer| matches!(answer.status, 200 | 409 | 412)), "{answers:?}");
        assert_eq!(versions(town), [1]);
    }
}
