//! What holds behind the code: constraints that stand alone, rows that nothing changes, locks that wait.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::json;

use super::{every_act, scene};
use crate::harness::{Stage, Town};
use crate::on_both_engines;

/// A statement that is refused, by a wall of this name.
fn refused_by(town: &Town, wall: &str, statement: &str) {
    let refused = town.connection().batch_execute(statement).map_err(|error| error.to_string());
    assert!(refused.as_ref().is_err_and(|why| why.contains(wall)), "{statement}: {wall}: {refused:?}");
}

/// The statements that begin a transaction of another writer and change what the service is about to read.
fn another_writer(town: &Town, table: &str) -> db::connection::Conn {
    let mut conn = town.connection();
    let begin = if matches!(conn, db::connection::Conn::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
    conn.batch_execute(begin).expect("a transaction");
    conn.batch_execute(&format!("UPDATE {table} SET version = version + 10")).expect("changed");
    conn
}

on_both_engines! {
    Stage::Open, fn each_constraint_of_funds_stands_alone(town) {
        let scene = scene(town, &json!({}));
        scene.given("DK-1", "1000", &json!({}));
        let purpose = scene.purpose("TF-1", "800", &[("ML07", 10_000)]);
        scene.allocate(&purpose, "800").expect(201);
        scene.used(&purpose, "disbursement", "500").expect(200);
        scene.used(&purpose, "expenditure", "300").expect(200);
        for (wall, change) in [
            ("contributions_received", "received = committed + 1"),
            // What is available is what is not held: one wall for both.
            ("contributions_held", "held = 20001"),
            ("contributions_disbursed", "disbursed = 80001"),
            ("contributions_passed_on", "passed_on = 20001"),
            ("contributions_donor", "donor_id = NULL"),
        ] {
            refused_by(town, wall, &format!("UPDATE contributions SET {change} WHERE kind = 'cash'"));
        }
        for (wall, change) in [("fund_allocation_lines_disbursed", "released = 30001"), ("fund_allocation_lines_passed_on", "passed_on = 20001")] {
            refused_by(town, wall, &format!("UPDATE fund_allocation_lines SET {change}"));
        }
    }

    Stage::Open, fn what_is_written_of_funds_stays_as_it_was_written(town) {
        every_act(town);
        for table in [
            "exchange_rates", "fund_phases", "contribution_instalments", "earmarks", "earmark_terms", "fund_purpose_places", "fund_movements",
            "fund_reports", "fund_report_figures", "fund_report_donors",
        ] {
            refused_by(town, "append-only", &format!("UPDATE {table} SET organisation_id = organisation_id"));
            refused_by(town, "append-only", &format!("DELETE FROM {table}"));
        }
        refused_by(town, "append-only", "DELETE FROM donors");
    }

    Stage::Open, fn an_act_waits_for_who_holds_its_rows_and_reads_them_again(town) {
        let scene = scene(town, &json!({}));
        let contribution = scene.given("DK-1", "1000", &json!({}));
        let purpose = scene.purpose("TF-1", "800", &[("ML07", 10_000)]);
        let version = |path: &str| town.client("auditor").get(path).expect(200).text("/version").parse::<i64>().expect("a version");
        let while_held = |table: &str, act: &(dyn Fn() + Sync)| {
            let mut other = another_writer(town, table);
            std::thread::scope(|scope| {
                let acting = scope.spawn(act);
                std::thread::sleep(Duration::from_millis(700));
                assert!(!acting.is_finished(), "{table}: it did not wait");
                other.batch_execute("COMMIT").expect("committed");
                acting.join().expect("an answer");
            });
        };
        let before = version(&contribution);
        while_held("contributions", &|| drop(scene.allocate(&purpose, "800").expect(201)));
        assert_eq!(version(&contribution), before + 11, "what another changed is lost");
        let allocations = town.path("/fund-allocations");
        let allocation = format!("{allocations}/{}", town.client("auditor").get(&allocations).expect(200).text("/data/0/id"));
        let before = version(&allocation);
        while_held("fund_allocations", &|| drop(scene.used(&purpose, "disbursement", "500").expect(200)));
        assert_eq!(version(&allocation), before + 11, "what another changed is lost");
    }
}
