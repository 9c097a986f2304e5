//! Two persons for the gravest acts: every operation that the table of access marks, and what keeps the two apart.

use api::access::OPERATIONS;
use db::connection::Conn;
use diesel::connection::SimpleConnection as _;
use domain::id::{OrganisationId, PrincipalId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::{assign, newcomer, rows};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;
use crate::status::{Draft, every_operation};

/// One who administers the platform besides the first, while the first may still say so alone.
pub(super) fn second(town: &Town, login: &str) -> (PrincipalId, Client) {
    let id = newcomer(town, login);
    assign(town, OrganisationId::platform().0, id, "administrator", "2020-01-01", None).expect(201);
    (id, town.client_of(id))
}

/// What makes somebody an administrator of the commune.
fn crowning(who: PrincipalId) -> Value {
    json!({ "principal_id": who, "role": "administrator", "valid_from": "2026-01-01" })
}

pub(super) fn crown(client: &Client, town: &Town, who: PrincipalId) -> Answer {
    client.create(&town.path("/role-assignments"), &crowning(who))
}

/// A proposal in the commune; one is made when there is none, and a second administrator of the commune.
pub fn id(town: &Town) -> String {
    let admin = town.client("administrator");
    let kept = admin.get(&town.path("/proposals")).expect(200).json();
    let made = || {
        let known = admin.get("/v1/principals?login=deputy").expect(200).json();
        let known = known["data"][0]["id"].as_str().map(|id| PrincipalId(id.parse().expect("an id")));
        let deputy = known.unwrap_or_else(|| newcomer(town, "deputy"));
        assign(town, town.commune_id(), deputy, "administrator", "2020-01-01", None).expect(201);
        crown(&admin, town, town.person("council-registrar")).expect(202).text("/id")
    };
    kept["data"][0]["id"].as_str().map_or_else(made, str::to_owned)
}

/// What two persons did in the commune.
pub(super) fn carried_out(town: &Town) -> Vec<Value> {
    let feed = town.client("auditor").get("/v1/events?kind=proposal.carried_out&limit=200").expect(200).json();
    feed["data"].as_array().expect("rows").clone()
}

/// The proposals of all organisations are that much older.
fn age(town: &Town) {
    let mut conn = town.connection();
    conn.batch_execute(match &conn {
        Conn::Sqlite(_) => "UPDATE proposals SET proposed_at = proposed_at - 86400000000, expires_at = expires_at - 86400000000 WHERE state = 'open'",
        Conn::Pg(_) => "UPDATE proposals SET proposed_at = proposed_at - interval '24 hours', expires_at = expires_at - interval '24 hours' WHERE state = 'open'",
    })
    .expect("aged");
}

/// The same request as grave as it can be: it gives the gravest role, or is about one who holds it.
fn gravest(draft: &Draft, deputy: PrincipalId) -> Draft {
    let mut draft = draft.clone().at(|name| (name == "principal_id").then(|| deputy.to_string()));
    if let Ok(mut body) = serde_json::from_slice::<Value>(&draft.body) {
        if body.get("role").is_some() {
            body["role"] = json!("administrator");
        }
        draft = draft.saying(body.to_string());
    }
    draft
}

/// The same again, as a request of its own.
fn anew(draft: &Draft) -> Draft {
    if draft.headers.contains_key("idempotency-key") {
        draft.clone().with("idempotency-key", &Uuid::new_v4().to_string())
    } else {
        draft.clone()
    }
}

on_both_engines! {
    Stage::Open, fn every_operation_for_two_persons_waits_for_the_second(town) {
        let drafts = every_operation(town);
        let drafts: Vec<&Draft> = drafts.iter().filter(|draft| draft.operation.two_persons).collect();
        assert_eq!(drafts.len(), OPERATIONS.iter().filter(|operation| operation.two_persons).count());
        assert!(drafts.len() >= 6, "{}", drafts.len());
        // Whoever may be the second of something may read of it.
        let told = api::access::roles_of("list_proposals");
        for draft in &drafts {
            let may = api::access::roles_of(draft.id());
            assert!(may.iter().all(|role| told.contains(role)), "{}: {may:?} are not told", draft.id());
        }
        let (_, other) = second(town, "second");
        let admin = town.client("administrator");
        let deputy = PrincipalId(admin.get("/v1/principals?login=deputy").expect(200).text("/data/0/id").parse().expect("an id"));
        let mut sent = Vec::new();
        for draft in &drafts {
            let mut draft = gravest(draft, deputy);
            if draft.id() == "enable_principal" {
                admin.act(&format!("/v1/principals/{deputy}"), "/suspension", &json!({})).expect(200);
                draft = draft.with("if-match", &admin.get(&format!("/v1/principals/{deputy}")).expect(200).etag());
            }
            let before = rows(town);
            let proposed = anew(&draft).send(&admin).expect(202);
            let mut after = rows(town);
            for kept in ["proposals", "events", "idempotency_keys"] {
                after.insert(kept.to_owned(), before[kept]);
            }
            assert_eq!(after, before, "{}: nothing was done", draft.id());
            let place = proposed.header("location").expect("a place").to_owned();
            let told = other.get(&place).expect(200).json();
            assert_eq!((&told, &told["operation"]), (&proposed.json(), &json!(draft.id())));
            let again = anew(&draft).send(&admin).refused(403, "SECOND_PERSON_REQUIRED");
            assert_eq!(again.json()["facts"]["proposal_id"], told["id"]);
            let done = anew(&draft).send(&other);
            assert!([200, 201].contains(&done.status), "{}: {done:?}", draft.id());
            let told = other.get(&place).expect(200).json();
            assert_eq!((&told["state"], &told["version"]), (&json!("carried_out"), &json!(2)));
            assert_ne!(told["decided_by"], told["proposed_by"]);
            sent.push(draft);
        }
        // Whoever sends the others away is not alone for that.
        let disable = match &town.connection() {
            Conn::Sqlite(_) => "strftime('%s', 'now') * 1000000",
            Conn::Pg(_) => "now()",
        };
        let sql = format!("UPDATE principals SET disabled_at = {disable} WHERE login IN ('second', 'deputy', 'certifier')");
        town.connection().batch_execute(&sql).expect("disabled");
        let third = newcomer(town, "third");
        for draft in sent {
            let draft = if draft.path.contains("/principals/") { draft } else { gravest(&draft, third) };
            if draft.path.contains("/principals/") && draft.id() != "enable_principal" {
                // Whom it concerns is no second person, the one who was is gone.
                anew(&draft).send(&admin).refused(409, "SECOND_PERSON_ABSENT");
            } else {
                let version = admin.get(&format!("/v1/principals/{deputy}")).expect(200).etag();
                let draft = if draft.headers.contains_key("if-match") { draft.with("if-match", &version) } else { draft };
                anew(&draft).send(&admin).refused(409, "SECOND_PERSON_ABSENT");
            }
        }
    }

    Stage::Gathered, fn two_persons_ask_for_the_same_or_it_is_not_done(town) {
        let admin = town.client("administrator");
        let crowned = |who: PrincipalId| {
            let rows = admin.get(&town.path(&format!("/role-assignments?role=administrator&principal_id={who}"))).expect(200).json();
            rows["data"].as_array().expect("rows").len()
        };
        // Where there is nobody else, one is enough; whoever never set a password is nobody else.
        let [amadou, awa, binta] = ["amadou", "awa", "binta"].map(|login| newcomer(town, login));
        let invited = json!({ "login": "seydou", "display_name": "Seydou", "role": "administrator", "valid_from": "2020-01-01" });
        admin.create(&town.path("/invitations"), &invited).expect(200);
        crown(&admin, town, newcomer(town, "fanta")).expect(201);
        let (_, other) = second(town, "second");
        // Lesser roles are given by one.
        let lesser = json!({ "principal_id": amadou, "role": "council_registrar", "valid_from": "2026-01-01" });
        admin.create(&town.path("/role-assignments"), &lesser).expect(201);
        // What the rules refuse is refused at once, and kept for nobody.
        let before = rows(town)["proposals"];
        crown(&admin, town, PrincipalId(Uuid::new_v4())).refused(404, "NOT_FOUND");
        crown(&admin, town, town.person("partner-system")).refused(422, "ROLE_OF_PERSONS");
        assert_eq!(rows(town)["proposals"], before);
        let key = Uuid::new_v4().to_string();
        let proposed = admin.create_with_key(&town.path("/role-assignments"), &key, &crowning(awa)).expect(202);
        assert!(!String::from_utf8_lossy(&proposed.bytes).contains(&awa.to_string()), "the body is not told");
        let repeated = admin.create_with_key(&town.path("/role-assignments"), &key, &crowning(awa)).expect(202);
        assert_eq!((repeated.bytes.clone(), repeated.header("idempotency-replayed")), (proposed.bytes.clone(), Some("true")));
        crown(&admin, town, awa).refused(403, "SECOND_PERSON_REQUIRED");
        assert_eq!(crowned(awa), 0);
        // Others of the commune are told nothing of it, nor do they do it.
        let place = town.path(&format!("/proposals/{}", proposed.text("/id")));
        for login in ["mayor", "auditor", "partner-system"] {
            town.client(login).get(&town.path("/proposals")).refused(403, "ROLE_MISSING");
            town.client(login).get(&place).refused(403, "ROLE_MISSING");
            town.client(login).act_on(&format!("{place}/withdrawal"), "\"1\"", &json!({})).refused(403, "ROLE_MISSING");
        }
        crown(&town.client("mayor"), town, awa).refused(403, "ROLE_MISSING");
        assert_eq!(other.get(&town.path("/proposals")).expect(200).text("/data/0/id"), proposed.text("/id"));
        // Another body is another request.
        let changed = json!({ "principal_id": awa, "role": "administrator", "valid_from": "2026-01-02" });
        other.create(&town.path("/role-assignments"), &changed).expect(202);
        crown(&other, town, binta).expect(202);
        assert_eq!((crowned(awa), crowned(binta)), (0, 0));
        crown(&other, town, awa).expect(201);
        assert_eq!(crowned(awa), 1);
        let carried = carried_out(town);
        let fact = json!({ "operation": "assign_role", "proposed_by": town.person("administrator") });
        assert_eq!((carried.len(), &carried[0]["facts"]), (1, &fact));
        other.act_on(&format!("{place}/withdrawal"), "\"1\"", &json!({})).refused(412, "VERSION_STALE");
        other.act(&place, "/withdrawal", &json!({})).refused(409, "PROPOSAL_CLOSED");
    }

    Stage::Gathered, fn whom_it_concerns_is_no_second_person(town) {
        let admin = town.client("administrator");
        let (second, _) = second(town, "second");
        crown(&admin, town, newcomer(town, "amadou")).expect(202);
        // Of two, one resets the other's password alone: whoever stole it would be asked to confirm that it was stolen.
        admin.create(&format!("/v1/principals/{second}/password-reset"), &json!({})).expect(200);
        assert_eq!(carried_out(town), Vec::<Value>::new());
    }

    Stage::Gathered, fn what_was_withdrawn_or_is_over_is_carried_out_by_nobody(town) {
        let admin = town.client("administrator");
        let [amadou, awa] = ["amadou", "awa"].map(|login| newcomer(town, login));
        let (second, other) = second(town, "second");
        let state = |client: &Client, place: &str| client.get(place).expect(200).text("/state");
        let place = |proposed: &Answer| proposed.header("location").expect("a place").to_owned();
        let withdrawn = crown(&admin, town, amadou).expect(202);
        let done = other.act(&place(&withdrawn), "/withdrawal", &json!({})).expect(200);
        assert_eq!((done.text("/state"), done.text("/decided_by")), ("withdrawn".to_owned(), second.to_string()));
        // It is asked for anew, by who would have been the second.
        let lapsed = crown(&other, town, amadou).expect(202);
        age(town);
        assert_eq!(state(&admin, &place(&lapsed)), "lapsed");
        admin.act(&place(&lapsed), "/withdrawal", &json!({})).refused(409, "PROPOSAL_CLOSED");
        let anew = crown(&admin, town, amadou).expect(202);
        assert_eq!((state(&admin, &place(&lapsed)), state(&admin, &place(&anew))), ("lapsed".to_owned(), "open".to_owned()));
        crown(&other, town, amadou).expect(201);
        // What one asked for who is no longer entitled counts no more, and nobody is alone for having sent the other away.
        crown(&other, town, awa).expect(202);
        let held = format!("/v1/organisations/{}/role-assignments", OrganisationId::platform());
        let own = admin.get(&format!("{held}?principal_id={second}")).expect(200).text("/data/0/id");
        admin.act_on(&format!("{held}/{own}/end"), "\"1\"", &json!({ "valid_to": "2024-09-01" })).expect(200);
        assert_eq!(crown(&admin, town, awa).refused(409, "SECOND_PERSON_ABSENT").json()["facts"], json!({ "days": 7 }));
        // After a week there is nobody else, and the commune is not locked out.
        town.on("2024-09-08");
        crown(&admin, town, awa).refused(409, "SECOND_PERSON_ABSENT");
        town.on("2024-09-09");
        crown(&admin, town, awa).expect(201);
    }

    Stage::Gathered, fn of_many_who_confirm_at_once_one_does(town) {
        let admin = town.client("administrator");
        let awa = newcomer(town, "awa");
        let third = newcomer(town, "third");
        let (_, other) = second(town, "second");
        // Of the third, two had to be sure.
        let body = json!({ "principal_id": third, "role": "administrator", "valid_from": "2020-01-01" });
        let platform = format!("/v1/organisations/{}/role-assignments", OrganisationId::platform());
        admin.create(&platform, &body).expect(202);
        other.create(&platform, &body).expect(201);
        let third = town.client_of(third);
        crown(&admin, town, awa).expect(202);
        let before = rows(town)["role_assignments"];
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let racers: Vec<_> = [&other, &third, &other, &third].map(|client| scope.spawn(move || crown(client, town, awa))).into_iter().collect();
            racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect()
        });
        // Whoever came too late for the first may have asked anew, and the next confirmed that.
        let done = answers.iter().filter(|answer| answer.status == 201).count();
        let carried = carried_out(town).len();
        assert_eq!(rows(town)["role_assignments"] - before, i64::try_from(done).expect("few"), "{answers:?}");
        assert_eq!(carried, done, "each effect consumed one proposal: {answers:?}");
        assert!(answers.iter().all(|answer| [201, 202, 403, 409].contains(&answer.status)), "{answers:?}");
        // Two at the same moment by one who has not asked before, once more: one waits, one is refused.
        let binta = newcomer(town, "binta");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..2).map(|_| scope.spawn(|| crown(&admin, town, binta).status)).collect();
            let mut statuses: Vec<u16> = racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect();
            statuses.sort_unstable();
            statuses
        });
        assert_eq!(statuses, [202, 403]);
    }

    Stage::Gathered, fn the_database_keeps_the_two_apart(town) {
        let admin = town.client("administrator");
        let awa = newcomer(town, "awa");
        let (second, _) = second(town, "second");
        let open = crown(&admin, town, awa).expect(202).text("/id");
        let now = if matches!(town.connection(), Conn::Sqlite(_)) { "proposed_at + 1" } else { "proposed_at + interval '1 second'" };
        let close = |by: PrincipalId| {
            let by = match &town.connection() {
                Conn::Sqlite(_) => format!("x'{}'", by.0.simple()),
                Conn::Pg(_) => format!("'{by}'"),
            };
            let sql = format!("UPDATE proposals SET state = 'carried_out', decided_at = {now}, decided_by = {by} WHERE state = 'open'");
            town.connection().batch_execute(&sql)
        };
        close(town.person("administrator")).expect_err("the same person");
        assert_eq!(admin.get(&town.path(&format!("/proposals/{open}"))).expect(200).text("/state"), "open");
        close(second).expect("another person");
        for change in ["UPDATE proposals SET version = 9", "DELETE FROM proposals", "UPDATE proposals SET state = 'open', decided_at = NULL"] {
            town.connection().batch_execute(change).expect_err("decided once");
        }
    }
}
