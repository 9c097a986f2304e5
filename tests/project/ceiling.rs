//! Ceilings: at the rate of the submission, and again at that of the decision.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use super::money::{THREE, with_all};
use super::{Scene, scene, with};
use crate::fund::rate;
use crate::harness::Stage;
use crate::on_both_engines;

/// A project of so many euros.
fn euros(amount: &str) -> Value {
    let line = json!([{ "category": "contractual", "description": "Formation", "amount": amount }]);
    json!({ "proposal/currency": "EUR", "proposal/budget": amount, "proposal/lines": line })
}

/// A fund in euros that allocates so much to a purpose; gives the purpose.
fn funded(scene: &Scene<'_>, amount: &str) -> String {
    let town = scene.town;
    let currency = json!({ "currency": "EUR" });
    let fund = crate::fund::scene(town, &currency);
    let given = town.path(&format!("/contributions/{}", fund.pledge("DK-1", amount, &currency).expect(201).id()));
    fund.moved(&given, "commitment", amount, &currency).expect(200);
    fund.moved(&given, "receipt", amount, &currency).expect(200);
    let purpose = fund.define("QIP-GAO-1", amount, &[("ML07", 10_000)], &currency).expect(201).id();
    let body = json!({ "amount": amount, "currency": "EUR", "decision_reference": "PV-12", "on": "2018-06-30" });
    town.client("mayor").act(&town.path(&format!("/fund-purposes/{purpose}")), "/allocations", &body).expect(201);
    purpose.to_string()
}

on_both_engines! {
    Stage::Open, fn inv_06_what_the_exchange_takes_above_the_ceiling_is_waived_by_who_decides_or_not_approved(town) {
        let scene = scene(town);
        let purpose = funded(&scene, "40000");
        let project = scene.drafted("QIP-1", &with_all(euros("40000"), &json!({ "proposal/fund_purpose_id": purpose })));
        // Without a rate nothing is converted, and that is told.
        let refused = scene.submit(&project).refused(422, "EXCHANGE_RATE_MISSING");
        assert_eq!(["from", "to", "on"].map(|fact| refused.text(&format!("/facts/{fact}"))), ["EUR", "USD", "2025-02-03"]);
        let ways = town.client("auditor").get(&format!("{project}/transitions")).expect(200).json();
        assert_eq!(ways[0]["unmet"][0]["code"], json!("EXCHANGE_RATE_MISSING"));
        rate(town, "EUR", "USD", "1.25", "2025-02-01").expect(201);
        // An older rate is none of the day, whenever it is recorded; and a rate of other currencies is none at all.
        rate(town, "EUR", "USD", "9", "2025-01-31").expect(201);
        rate(town, "EUR", "XOF", "655.957", "2025-02-02").expect(201);
        let dearer = scene.drafted("QIP-2", &euros("40000.01"));
        let refused = scene.submit(&dearer).refused(422, "CEILING_EXCEEDED");
        assert_eq!((refused.text("/facts/requested"), refused.text("/facts/max")), ("50000.01".to_owned(), "50000.00".to_owned()));
        scene.submit(&project).expect(200);
        let summary = || town.client("auditor").get(&format!("{project}/finance-summary")).expect(200).json();
        assert_eq!(summary()["ceiling_use_bps"], json!(10_000));
        scene.act("finance-officer", &project, "/review", &json!({})).expect(200);
        scene.appraise(&project, "favourable").expect(200);
        scene.check(&project, &json!({})).expect(200);
        scene.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        let committee = scene.committee(&json!({})).expect(201).id();
        let motion = scene.motion(&project, committee, &THREE, &json!({})).expect(201).id();
        scene.vote("mayor", motion, "for").expect(201);
        // The next day the euro is dearer: the deciding vote does not approve.
        town.on("2025-02-04");
        rate(town, "USD", "EUR", "0.79", "2025-02-04").expect(201);
        let refused = scene.vote("accountant", motion, "for").refused(422, "CEILING_EXCEEDED_FX");
        let facts = ["max", "submitted", "requested", "currency"].map(|fact| refused.text(&format!("/facts/{fact}")));
        assert_eq!(facts, ["50000.00", "50000.00", "50632.91", "USD"]);
        assert_eq!(summary()["ceiling_use_bps"], json!(10_000), "at the rate of its submission");
        for login in ["accountant", "state-representative"] {
            scene.vote(login, motion, "against").expect(201);
        }
        scene.motion(&project, committee, &THREE, &json!({})).refused(422, "CEILING_EXCEEDED_FX");
        let reject = json!({ "action": "reject", "rejection_reason": "over_ceiling", "ceiling_waived": true });
        scene.motion(&project, committee, &THREE, &reject).refused(422, "CEILING_WAIVER");
        let motion = scene.motion(&project, committee, &THREE, &json!({ "ceiling_waived": true })).expect(201);
        assert_eq!(motion.json()["ceiling_waived"], json!(true));
        scene.vote("mayor", motion.id(), "for").expect(201);
        scene.vote("accountant", motion.id(), "for").expect(201);
        assert_eq!(scene.state(&project), "approved");
        town.verify().expect("waived, and recorded");
        // An approval above the ceiling that nobody waived is found; by which rates it was judged is not changed.
        let mut conn = town.connection();
        assert!(conn.batch_execute("UPDATE project_conversions SET converted = 1").is_err());
        assert!(conn.batch_execute("DELETE FROM project_conversions").is_err());
        assert!(conn.batch_execute("UPDATE motions SET ceiling_waived = true, action = 'cancel'").is_err());
        conn.batch_execute("UPDATE motions SET ceiling_waived = false").expect("no rule of the database");
        let found = town.verify();
        assert!(found.as_ref().is_err_and(|found| found.contains("above the ceiling of its instrument")), "{found:?}");
        conn.batch_execute("UPDATE motions SET ceiling_waived = true WHERE state = 'carried'").expect("put right");
    }

    Stage::Open, fn a_project_that_is_submitted_again_is_converted_anew(town) {
        let scene = scene(town);
        rate(town, "EUR", "USD", "1.25", "2025-02-03").expect(201);
        let project = scene.reviewed("QIP-1", &euros("40000"));
        scene.act("finance-officer", &project, "/return", &json!({ "reason": "Préciser" })).expect(200);
        town.on("2025-02-04");
        rate(town, "EUR", "USD", "1.26", "2025-02-04").expect(201);
        // What asks for it again asks for too much: the exchange is no excuse.
        let refused = scene.submit(&project).refused(422, "CEILING_EXCEEDED");
        assert_eq!(refused.text("/facts/requested"), "50400.00");
        let cheaper = with(json!({ "proposal": scene.proposal() }), &euros("39000"));
        scene.act("finance-officer", &project, "/revision", &cheaper).expect(200);
        scene.submit(&project).expect(200);
        assert_eq!(town.client("auditor").get(&format!("{project}/finance-summary")).expect(200).json()["ceiling_use_bps"], json!(9828));
    }
}
