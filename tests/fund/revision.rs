//! What changes after it was registered: donors, funds, contributions; refunds that come late; purposes that close.

use serde_json::{Value, json};

use super::{found, parts, register, scene, with};
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn a_donor_is_renamed_and_found_by_what_it_is_called_now(town) {
        let scene = scene(town, &json!({}));
        let donor = town.path(&format!("/donors/{}", scene.donor));
        let finance = town.client("finance-officer");
        register(town, "SE", "Suède", &json!({ "aliases": ["Sweden"] })).expect(201);
        let revision = |more: Value| with(json!({ "name": "Royaume du Danemark", "kind": "state", "country": "DK", "aliases": ["Denmark", "Danemark"] }), &more);
        let before = finance.get(&donor).expect(200);
        finance.act(&donor, "/revision", &revision(json!({ "name": "sweden" }))).refused(409, "FUND_RECORD_DUPLICATE");
        assert_eq!(finance.get(&donor).expect(200).json(), before.json(), "refused, so unchanged");
        let after = finance.act(&donor, "/revision", &revision(json!({}))).expect(200);
        assert_eq!((after.text("/name"), after.text("/version"), after.text("/code")), ("Royaume du Danemark".into(), "2".into(), "DK".into()));
        assert_eq!(after.json()["aliases"], json!(["Danemark", "Denmark"]));
        finance.act_on(&format!("{donor}/revision"), &before.etag(), &revision(json!({}))).refused(412, "VERSION_STALE");
        let found = |q: &str| finance.get(&town.path(&format!("/donors?q={q}"))).json()["data"].as_array().map(Vec::len);
        assert_eq!([found("royaume"), found("denmark"), found("danemark")], [Some(1); 3]);
        // A name that a donor no longer has is free.
        finance.act(&donor, "/revision", &revision(json!({ "aliases": [] }))).expect(200);
        assert_eq!(found("denmark"), Some(0));
        register(town, "X", "Denmark", &json!({ "kind": "other" })).expect(201);
        town.client("auditor").act_on(&format!("{donor}/revision"), &before.etag(), &revision(json!({}))).refused(403, "ROLE_MISSING");
    }

    Stage::Open, fn a_fund_changes_and_what_was_signed_under_it_does_not(town) {
        let phase = |name: &str, envelope: &str| json!({ "name": name, "envelope": envelope, "themes": "Paix" });
        let scene = scene(town, &json!({ "fee_bps": 100, "phases": [phase("I", "12100000")] }));
        let fund = town.path(&format!("/funds/{}", scene.fund));
        let signed = scene.given("DK-1", "100", &json!({}));
        let finance = town.client("finance-officer");
        let revise = |more: Value| {
            let body = json!({ "name": "Fonds renommé (fictif)", "fee_bps": 300, "residual_max": "250", "phases": [phase("II", "8600000")] });
            finance.act(&fund, "/revision", &with(body, &more))
        };
        revise(json!({ "fee_bps": 10_001 })).refused(422, "FEE_INVALID");
        revise(json!({ "phases": [phase("II", "0")] })).refused(422, "AMOUNT_ZERO");
        revise(json!({ "residual_max": "1.001" })).refused(400, "AMOUNT_INVALID");
        let after = revise(json!({})).expect(200);
        assert_eq!(["name", "fee_bps", "residual_max", "version", "code"].map(|member| after.text(&format!("/{member}"))), ["Fonds renommé (fictif)", "300", "250.00", "2", "TF"]);
        let phases: Vec<Value> = after.json()["phases"].as_array().expect("phases").iter().map(|phase| phase["number"].clone()).collect();
        assert_eq!(phases, [json!(1), json!(2)]);
        assert_eq!(town.client("auditor").get(&signed).text("/charged"), "1.00");
        scene.moved(&signed, "commitment", "100", &json!({})).expect(200);
        assert_eq!(scene.moved(&signed, "receipt", "100", &json!({})).expect(200).text("/charged"), "2.00", "as it was signed");
        let later = scene.given("DK-2", "100", &json!({}));
        assert_eq!(town.client("auditor").get(&later).text("/charged"), "3.00");
    }

    Stage::Open, fn a_fund_ends_and_what_is_under_way_is_wound_up(town) {
        let term = |from: &str, to: &str| json!({ "starts_on": from, "ends_on": to });
        let refused = found(town, &term("2016-01-01", "2015-12-31")).refused(422, "DATE_BEFORE_CAUSE");
        assert_eq!((refused.text("/facts/cause"), refused.pointers()), ("fund".to_owned(), vec!["/ends_on".to_owned()]));
        let scene = scene(town, &term("2016-01-01", "2020-12-31"));
        let pledge = |on: &str| scene.pledge("DK-0", "1", &json!({ "on": on }));
        assert_eq!(pledge("2015-12-31").refused(422, "DATE_BEFORE_CAUSE").text("/facts/earliest"), "2016-01-01");
        pledge("2021-01-01").refused(422, "FUND_ENDED");
        let given = scene.given("DK-1", "1000", &json!({}));
        let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        scene.allocate(&purpose, "500").expect(201);
        let fund = town.path(&format!("/funds/{}", scene.fund));
        let end = |on: &str| town.client("finance-officer").act(&fund, "/revision", &json!({ "name": "Fonds (fictif)", "fee_bps": 0, "ends_on": on }));
        assert_eq!(end("2015-12-31").refused(422, "DATE_BEFORE_CAUSE").text("/facts/earliest"), "2018-06-30", "the last of both");
        let refused = end("2018-06-29").refused(422, "DATE_BEFORE_CAUSE");
        assert_eq!((refused.text("/facts/cause"), refused.text("/facts/earliest")), ("last_movement".into(), "2018-06-30".into()));
        let after = end("2018-06-30").expect(200);
        assert_eq!((after.text("/starts_on"), after.text("/ends_on")), ("2016-01-01".into(), "2018-06-30".into()));
        let later = json!({ "on": "2018-07-01" });
        scene.moved(&given, "commitment", "1", &later).refused(422, "FUND_ENDED");
        let body = json!({ "amount": "1", "currency": "USD", "decision_reference": "PV", "on": "2018-07-01" });
        town.client("mayor").act(&purpose, "/allocations", &body).refused(422, "FUND_ENDED");
        // What was allocated is paid, spent and given back.
        scene.used(&purpose, "disbursement", "500").expect(200);
        scene.used(&purpose, "expenditure", "400").expect(200);
        scene.used(&purpose, "refund", "100").expect(200);
        scene.moved(&given, "repayment", "600", &json!({ "on": "2018-08-01" })).expect(200);
        assert_eq!(town.client("auditor").get(&given).text("/available"), "0.00");
        town.verify().expect("nothing is wrong");
    }

    Stage::Open, fn what_comes_back_to_an_ended_contribution_waits_for_the_donor(town) {
        let scene = scene(town, &json!({}));
        let ended = scene.given("DK-1", "1000", &json!({ "ends_on": "2018-12-31" }));
        let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        scene.allocate(&purpose, "900").expect(201);
        scene.used(&purpose, "disbursement", "900").expect(200);
        let refund = |amount: &str, more: Value| {
            let body = json!({ "kind": "refund", "amount": amount, "currency": "USD", "on": "2019-02-01", "reference": "R-9" });
            town.client("accountant").act(&purpose, "/uses", &with(body, &more)).expect(200)
        };
        let told = || {
            let read = town.client("auditor").get(&ended).expect(200);
            ["refunded", "held", "available"].map(|member| read.text(&format!("/{member}")))
        };
        refund("300", json!({}));
        assert_eq!(told(), ["300.00", "300.00", "100.00"]);
        // The statement tells what waits, as of each day.
        let waits = |to: &str| {
            let statement = scene.statement(&format!("?to={to}"));
            let of_donor = statement["donors"].as_array().expect("donors").iter().find(|part| part["donor_id"] == json!(scene.donor)).cloned();
            [statement["held"].clone(), of_donor.expect("the donor")["held"].clone()]
        };
        assert_eq!([waits("2019-01-31"), waits("2019-02-01")], [[json!("0.00"), json!("0.00")], [json!("300.00"), json!("300.00")]]);
        let later = json!({ "on": "2019-03-01" });
        assert_eq!(scene.moved(&ended, "repayment", "100.01", &later).refused(422, "REFUND_DONOR_CONSENT").text("/facts/held"), "300.00");
        scene.moved(&ended, "repayment", "400.01", &later).refused(422, "CONTRIBUTION_EXCEEDED");
        scene.moved(&ended, "consent", "300.01", &later).refused(422, "CONTRIBUTION_EXCEEDED");
        scene.moved(&scene.own_account(), "consent", "1", &later).refused(422, "CONTRIBUTION_MOVEMENT_INVALID");
        // The donor lets a third of it be used longer, and wants the rest back.
        let extension = json!({ "ends_on": "2030-12-31", "reference": "Lettre du 1er mars 2019" });
        assert_eq!(town.client("finance-officer").act(&ended, "/revision", &extension).expect(200).text("/ends_on"), "2030-12-31");
        let other = scene.purpose("TF-2", "1000", &[("ML07", 10_000)]);
        let allocate = |amount: &str| {
            let body = json!({ "amount": amount, "currency": "USD", "decision_reference": "PV-9", "on": "2019-03-02" });
            town.client("mayor").act(&other, "/allocations", &body)
        };
        allocate("200").refused(422, "FUND_INSUFFICIENT");
        let plan = scene.plan(&other, "200").expect(200).json();
        assert_eq!(plan["shares"][0]["limits"], json!(["funds", "consent"]));
        scene.moved(&ended, "consent", "300", &later).expect(200);
        assert_eq!(told(), ["300.00", "0.00", "400.00"]);
        assert_eq!([waits("2019-02-28"), waits("2019-03-01")], [[json!("300.00"), json!("300.00")], [json!("0.00"), json!("0.00")]]);
        allocate("200").expect(201);
        scene.moved(&ended, "repayment", "200", &later).expect(200);
        assert_eq!(told(), ["300.00", "0.00", "0.00"]);
        // Agreed to at once, nothing waits.
        town.client("finance-officer").act(&ended, "/revision", &json!({ "ends_on": "2018-12-31", "reference": "Fin" })).expect(200);
        refund("100", json!({ "donor_consent": "Lettre du 15 janvier 2019" }));
        assert_eq!(told(), ["400.00", "0.00", "100.00"]);
        town.verify().expect("nothing is wrong");
    }

    Stage::Open, fn inv_25_a_purpose_closes_when_all_but_a_small_rest_is_accounted_for(town) {
        let scene = scene(town, &json!({ "residual_max": "250" }));
        scene.given("DK-1", "60000", &json!({ "earmark": { "purposes": ["PBF-1"] } }));
        let canada = register(town, "CA", "Canada", &json!({})).expect(201).id();
        scene.given("CA-1", "140000", &json!({ "donor_id": canada }));
        let accountant = town.client("accountant");
        let close = |purpose: &str| accountant.act(purpose, "/closure", &json!({ "on": "2018-12-31", "reference": "Rapport final" }));
        let purpose = scene.purpose("PBF-1", "100000", &[("ML07", 10_000)]);
        scene.allocate(&purpose, "100000").expect(201);
        scene.used(&purpose, "disbursement", "99999").expect(200);
        assert_eq!(close(&purpose).refused(422, "FUND_PURPOSE_UNDISBURSED").text("/facts/undisbursed"), "1.00");
        scene.used(&purpose, "disbursement", "1").expect(200);
        scene.used(&purpose, "expenditure", "99740").expect(200);
        let refusal = close(&purpose).refused(422, "REFUND_DUE");
        assert_eq!((refusal.text("/facts/due"), refusal.text("/facts/due_on")), ("260.00".into(), "2019-01-30".into()));
        scene.used(&purpose, "expenditure", "20").expect(200);
        accountant.act(&purpose, "/closure", &json!({ "on": "2025-02-04", "reference": "R" })).refused(422, "DATE_IN_FUTURE");
        assert_eq!(close(&purpose).expect(200).text("/closed_on"), "2018-12-31");
        close(&purpose).refused(409, "FUND_PURPOSE_CLOSED");
        scene.allocate(&purpose, "1").refused(409, "FUND_PURPOSE_CLOSED");
        scene.used(&purpose, "correction", "1").refused(409, "FUND_PURPOSE_CLOSED");
        // Disbursed is spent and the rest, of each donor to the cent.
        let statement = scene.statement("");
        crate::fund::statement::adds_up(&statement);
        assert_eq!((&statement["total"]["spent"], &statement["total"]["residual"]), (&json!("99760.00"), &json!("240.00")));
        assert_eq!(statement["waterfall"]["recipients_balance"], json!("0.00"));
        let listed = accountant.get(&town.path("/fund-movements?kind=residual")).expect(200).json();
        let shares: Vec<Value> = listed["data"].as_array().expect("rows").iter().map(|row| row["value"].clone()).collect();
        assert_eq!(shares, [json!("144.00"), json!("96.00")]);
        town.verify().expect("nothing is wrong");
        // A fund that leaves nothing wants all of it back.
        let strict = found(town, &json!({ "code": "QIP", "kind": "mission_budget" })).expect(201).id();
        scene.given("CA-2", "100000", &json!({ "donor_id": canada, "fund_id": strict }));
        let of_strict = scene.define("QIP-1", "100000", &[("ML07", 10_000)], &json!({ "fund_id": strict })).expect(201).id();
        let of_strict = town.path(&format!("/fund-purposes/{of_strict}"));
        scene.allocate(&of_strict, "100000").expect(201);
        scene.used(&of_strict, "disbursement", "100000").expect(200);
        scene.used(&of_strict, "expenditure", "99760").expect(200);
        assert_eq!(close(&of_strict).refused(422, "REFUND_DUE").text("/facts/due"), "240.00");
        assert_eq!(parts(&scene.used(&of_strict, "refund", "240").expect(200)).len(), 1);
        accountant.act(&town.path(&format!("/funds/{strict}")), "/closure", &json!({ "on": "2018-12-31" })).expect(200);
        close(&of_strict).refused(422, "FUND_PERIOD_CLOSED");
        accountant.act(&of_strict, "/closure", &json!({ "on": "2019-01-31", "reference": "Rapport final" })).expect(200);
    }
}
