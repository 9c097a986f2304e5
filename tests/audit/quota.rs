//! How many sensitive things somebody is told in a day: counted from the log, wherever they are and whatever is restarted.

use std::time::{Duration, Instant};

use api::config::{RatePolicy, SignInPolicy};
use db::connection::Conn;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{one, tamper};
use crate::access::{assign, newcomer};
use crate::harness::town::{Annex, UNHURRIED};
use crate::harness::{Answer, Client, Stage, Town};
use crate::identity::external;
use crate::on_both_engines;
use crate::revenue::debtor;
use crate::status::every_operation;
use api::access::Recorded;

/// A server with a quota of what is read for a reason.
fn rationed(town: &Town, quota: u32) -> Annex {
    town.limited(SignInPolicy::default(), RatePolicy { with_reason_per_day: quota, ..UNHURRIED })
}

/// Who somebody is elsewhere: two things, the person and the identity.
fn look(client: &Client, town: &Town, login: &str) -> Answer {
    client.get(&format!("/v1/principals/{}/identities", town.person(login)))
}

#[track_caller]
fn reached(answer: Answer, quota: u32, left: u32) {
    let answer = answer.refused(429, "ACCESS_QUOTA_REACHED");
    let wait: i64 = answer.header("retry-after").expect("a wait").parse().expect("seconds");
    assert!((80_000..=86_400).contains(&wait), "{wait}");
    assert_eq!(answer.json()["facts"], json!({ "quota": quota, "left": left, "retry_after": wait }));
}

fn alarms(town: &Town, login: &str) -> Vec<Value> {
    let feed = town.client(login).get("/v1/events?kind=access.quota_reached").expect(200).json();
    feed["data"].as_array().expect("rows").clone()
}

fn kept(town: &Town) -> String {
    one(&mut town.connection(), "SELECT CAST(COUNT(*) AS TEXT) AS x FROM access_records")
}

/// A prefecture, in which two people are declared kin as well.
fn neighbour(town: &Town) -> Uuid {
    let admin = town.client("administrator");
    let body =
        json!({ "kind": "state_representation", "code": "PREF-9", "name": "Préfecture fictive", "currency": "XOF", "fictional": true });
    let other = admin.create("/v1/organisations", &body).expect(201).id();
    let body = json!({ "principal_id": town.person("certifier"), "relative_id": town.person("mayor"), "relation": "spouse" });
    admin.create(&format!("/v1/organisations/{other}/kinships"), &body).expect(201);
    other
}

on_both_engines! {
    Stage::Gathered, fn who_was_told_enough_waits_and_administrators_know(town) {
        for login in ["mayor", "certifier", "accountant"] {
            external::id(town, login);
        }
        crate::identity::kinship::id(town);
        // Three people were asked about already, to link them; each has one identity more.
        let annex = rationed(town, 5);
        let admin = annex.client(Some(town.token_of(town.person("administrator"))));
        // What is recorded without a reason has no such quota, and takes nothing of it.
        admin.get("/v1/principals").expect(200);
        look(&admin, town, "mayor").expect(200);
        look(&admin, town, "certifier").expect(200);
        let before = kept(town);
        reached(look(&admin, town, "accountant"), 5, 0);
        reached(admin.get(&town.path("/kinships")), 5, 0);
        assert_eq!(kept(town), before, "nothing was told");
        // What was told is told again, and what has no such quota is told still.
        look(&admin, town, "mayor").expect(200);
        admin.get("/v1/principals").expect(200);
        // Another process knows it, and so does one that is started later.
        let later = rationed(town, 5);
        reached(look(&later.client(Some(town.token_of(town.person("administrator")))), town, "accountant"), 5, 0);
        // Others have quotas of their own.
        annex.client(Some(town.token_of(town.person("auditor")))).get(&town.path("/kinships")).expect(200);
        // Administrators of the platform are told once by each process; the people of the commune are not.
        let told = alarms(town, "administrator");
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((&told[0]["subject_id"], &told[0]["principal_id"]), (&json!(town.person("administrator")), &Value::Null));
        assert_eq!(told[0]["facts"]["operation"], "list_external_identities");
        assert_eq!(alarms(town, "mayor"), Vec::<Value>::new());
        // A day later there is more.
        let day = if matches!(town.connection(), Conn::Sqlite(_)) { "86400000000" } else { "interval '24 hours'" };
        tamper(town, "access_records", &format!("UPDATE access_records SET recorded_at = recorded_at - {day}"));
        look(&admin, town, "accountant").expect(200);
    }

    Stage::Open, fn every_recorded_read_counts_where_the_operator_says_so(town) {
        let drafts: Vec<_> = every_operation(town).into_iter().filter(|draft| draft.operation.recorded != Recorded::Never).collect();
        assert!(drafts.len() >= 14);
        for draft in &drafts {
            draft.send(&town.client(draft.login)).expect(200);
        }
        // Everybody was told one thing, and it is none of those.
        let nothing = Uuid::new_v4();
        let spelled = if matches!(town.connection(), Conn::Sqlite(_)) { format!("x'{}'", nothing.simple()) } else { format!("'{nothing}'") };
        tamper(town, "access_record_subjects", &format!("UPDATE access_record_subjects SET subject_id = {spelled}"));
        let annex = town.limited(SignInPolicy::default(), RatePolicy { with_reason_per_day: 1, recorded_per_day: 1, ..UNHURRIED });
        for draft in &drafts {
            draft.send(&annex.client(Some(town.token_of(town.person(draft.login))))).refused(429, "ACCESS_QUOTA_REACHED");
        }
    }

    Stage::Open, fn who_leafs_through_a_register_is_stopped(town) {
        for number in 0..7 {
            debtor(town, &format!("RED-{number}")).expect(201);
        }
        let annex = town.limited(SignInPolicy::default(), RatePolicy { recorded_per_day: 5, ..UNHURRIED });
        let reader = |login: &str| annex.client(Some(town.token_of(town.person(login))));
        let officer = reader("finance-officer");
        // A register to take away counts whole, whatever its form.
        for form in ["", "?format=csv"] {
            reached(officer.get(&town.path(&format!("/debtors{form}"))), 5, 5);
        }
        let first = officer.get(&town.path("/debtors?limit=3")).expect(200);
        let rows: Vec<String> = (0..3).map(|row| first.text(&format!("/data/{row}/id"))).collect();
        let next = town.path(&format!("/debtors?limit=3&after={}", first.text("/page/next")));
        reached(officer.get(&next), 5, 2);
        // Daily work goes on: what was told is told again, and there are two more.
        for row in &rows {
            officer.get(&town.path(&format!("/debtors/{row}"))).expect(200);
        }
        officer.get(&next.replace("limit=3", "limit=2")).expect(200);
        reached(officer.get(&town.path("/debtors?limit=6")), 5, 0);
        // What nobody records has no quota, nor do others wait; what is read for a reason is bounded by its own.
        officer.get(&town.path("/suppliers")).expect(200);
        reader("accountant").get(&town.path("/debtors?limit=5")).expect(200);
        assert_eq!(alarms(town, "administrator").len(), 1);
    }

    Stage::Gathered, fn of_two_reads_at_once_beyond_the_quota_one_is_told(town) {
        crate::identity::kinship::id(town);
        let communes = [town.commune_id(), neighbour(town)];
        let (here, there) = (rationed(town, 1), rationed(town, 1));
        for round in 0..5 {
            let auditor = newcomer(town, &format!("auditor-{round}"));
            for commune in communes {
                assign(town, commune, auditor, "auditor", "2024-01-01", None).expect(201);
            }
            let token = town.token_of(auditor);
            let [one, other] = [&here, &there].map(|annex| annex.client(Some(token.clone())));
            let statuses: Vec<u16> = std::thread::scope(|scope| {
                let racers = [(one, communes[0]), (other, communes[1])]
                    .map(|(client, commune)| scope.spawn(move || client.get(&format!("/v1/organisations/{commune}/kinships")).status));
                let mut statuses: Vec<u16> = racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect();
                statuses.sort_unstable();
                statuses
            });
            assert_eq!(statuses, [200, 429], "round {round}");
        }
    }

    Stage::Open, fn who_was_told_much_is_counted_quickly(town) {
        const READS: u32 = 40;
        debtor(town, "RED-1").expect(201);
        let path = town.path("/debtors");
        let client = |annex: &Annex| annex.client(Some(town.token_of(town.person("mayor"))));
        let (unbounded, bounded) = (town.annex(SignInPolicy::default()), town.limited(SignInPolicy::default(), RatePolicy { recorded_per_day: 2_000, ..UNHURRIED }));
        client(&unbounded).get(&path).expect(200);
        let many = match &town.connection() {
            Conn::Sqlite(_) => {
                "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 2090) INSERT INTO access_record_subjects \
                 SELECT organisation_id, id, i, randomblob(16) FROM access_records, n WHERE operation = 'list_debtors'"
            }
            Conn::Pg(_) => {
                "INSERT INTO access_record_subjects SELECT organisation_id, id, i, gen_random_uuid() FROM access_records, generate_series(100, 2090) i \
                 WHERE operation = 'list_debtors'"
            }
        };
        tamper(town, "access_record_subjects", many);
        let took = |client: &Client| {
            client.get(&path).expect(200);
            let since = Instant::now();
            for _ in 0..READS {
                client.get(&path).expect(200);
            }
            since.elapsed() / READS
        };
        let (uncounted, counted) = (took(&client(&unbounded)), took(&client(&bounded)));
        eprintln!("a recorded read takes {uncounted:?}, and {counted:?} where the 1,991 things that its reader was told are counted");
        assert!(counted < uncounted + Duration::from_secs(1), "{counted:?}");
        // They were counted, and so was the one debtor: eight more will do.
        for number in 2..=10 {
            debtor(town, &format!("RED-{number}")).expect(201);
        }
        let mayor = client(&bounded);
        reached(mayor.get(&path), 2_000, 8);
        mayor.get(&format!("{path}?limit=9")).expect(200);
        reached(mayor.get(&path), 2_000, 0);
    }
}
