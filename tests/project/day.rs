//! Days of projects: no act comes before what it follows from.

use serde_json::{Value, json};

use super::delivery::{bring, digest, finding, verify, visit};
use super::money::THREE;
use super::{handover, scene, with};
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

/// Refused since it is dated before its cause; says which, since when, and of which member.
fn early(answer: Answer) -> [String; 3] {
    let refused = answer.refused(422, "DATE_BEFORE_CAUSE");
    [refused.text("/facts/cause"), refused.text("/facts/earliest"), refused.pointers().join(" ")]
}

on_both_engines! {
    Stage::Open, fn nothing_of_a_project_comes_before_what_it_follows_from(town) {
        let scene = scene(town);
        let (purpose, _) = scene.funded("41970");
        let project = scene.recommended("QIP-1", &json!({ "proposal/fund_purpose_id": purpose, "proposal/nature": "construction" }));
        let committee = scene.committee(&json!({})).expect(201).id();
        let motion = |action: &str, held_on: &str| scene.motion(&project, committee, &THREE, &json!({ "action": action, "held_on": held_on }));
        assert_eq!(early(motion("approve", "2025-02-02")), ["step", "2025-02-03", "/held_on"]);
        town.on("2025-02-05");
        let decided = motion("approve", "2025-02-04").expect(201).id();
        scene.vote("mayor", decided, "for").expect(201);
        scene.vote("accountant", decided, "for").expect(201);
        assert_eq!(town.client("auditor").get(&project).text("/approved_on"), "2025-02-05");
        town.on("2025-02-10");
        // Whatever is done with it comes after its approval.
        assert_eq!(early(motion("cancel", "2025-02-04")), ["approval", "2025-02-05", "/held_on"]);
        let planned = |day: &str| json!({ "tranches": [{ "bps": 8000 }, { "bps": 2000, "planned_on": day }] });
        assert_eq!(early(scene.agree(&project, &planned("2025-02-04"))), ["approval", "2025-02-05", "/tranches/1/planned_on"]);
        scene.agree(&project, &planned("2025-02-05")).expect(201);
        let paper = |more: Value| with(json!({ "on": "2025-02-04", "document_sha256": digest(1) }), &more);
        let account = |more: Value| scene.act("accountant", &project, "/account-verification", &paper(more));
        let sign = |login: &str, side: &str, day: &str| scene.act(login, &project, "/signatures", &paper(json!({ "side": side, "on": day })));
        assert_eq!(early(account(json!({}))), ["approval", "2025-02-05", "/on"]);
        account(json!({ "on": "2025-02-05" })).expect(200);
        assert_eq!(early(sign("mayor", "funder", "2025-02-04")), ["approval", "2025-02-05", "/on"]);
        sign("council-registrar", "partner", "2025-02-06").expect(200);
        sign("mayor", "funder", "2025-02-08").expect(200);
        let milestone = |day: &str| {
            scene.act("finance-officer", &project, "/milestones", &json!({ "kind": "output", "title": "Bâtiment", "due_on": day }))
        };
        assert_eq!(early(milestone("2025-02-04")), ["project", "2025-02-05", "/due_on"]);
        milestone("2025-02-05").expect(200);
        let stone = |day: &str| handover::ceremony(&scene, &project, "first_stone", &json!({ "held_on": day }));
        assert_eq!(early(stone("2025-02-07")), ["agreement", "2025-02-08", "/held_on"]);
        stone("2025-02-08").expect(200);
        // Money: paid when it was approved, back when it was paid.
        let first = scene.requested(&project, 1);
        scene.let_through(&first);
        town.on("2025-02-20");
        let payment = |day: &str| scene.act("accountant", &first, "/payment", &json!({ "on": day, "bank_reference": "VIR-1" }));
        assert_eq!(early(payment("2025-02-09")), ["approval", "2025-02-10", "/on"]);
        payment("2025-02-12").expect(200);
        let reversal = scene.act("accountant", &first, "/reversal", &json!({ "on": "2025-02-11", "reason": "Compte clos" }));
        assert_eq!(early(reversal), ["payment", "2025-02-12", "/on"]);
        scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
        let refund = |day: &str| {
            let body = json!({ "amount": "1", "currency": "USD", "on": day, "bank_reference": "RET-1" });
            scene.act("accountant", &project, "/refunds", &body)
        };
        assert_eq!(early(refund("2025-02-11")), ["disbursement", "2025-02-12", "/on"]);
        refund("2025-02-12").expect(200);
        // Evidence, and what is changed.
        assert_eq!(early(visit(&scene, &project, &json!({ "visited_on": "2025-02-04" }))), ["project", "2025-02-05", "/visited_on"]);
        let found = json!({ "visited_on": "2025-02-19", "findings": [with(finding("minor"), &json!({ "due_on": "2025-02-18" }))] });
        assert_eq!(early(visit(&scene, &project, &found)), ["visit", "2025-02-19", "/findings/0/due_on"]);
        visit(&scene, &project, &json!({ "visited_on": "2025-02-19" })).expect(200);
        let amendment = |day: &str| {
            let body = json!({ "kind": "scope", "requested_on": day, "reason": "Crue", "objective": "Former deux cents femmes" });
            scene.act("finance-officer", &project, "/amendments", &body)
        };
        assert_eq!(early(amendment("2025-02-04")), ["project", "2025-02-05", "/requested_on"]);
        amendment("2025-02-18").expect(200);
        scene.act("certifier", &project, "/amendment-reviews", &json!({ "amendment": 1 })).expect(200);
        let minutes = json!({ "amendment": 1, "decision": "refused", "minutes": { "reference": "CP-4", "held_on": "2025-02-17" } });
        assert_eq!(early(scene.act("state-representative", &project, "/amendment-decisions", &minutes)), ["request", "2025-02-18", "/minutes/held_on"]);
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        scene.act("finance-officer", &project, "/completion", &json!({})).expect(200);
        town.on("2025-02-25");
        handover::draw_up(&scene, &project, &json!({})).expect(200);
        assert_eq!(early(handover::sign(&scene, &project, "giver", "Coopérative", "2025-02-19")), ["completion", "2025-02-20", "/signed_on"]);
        handover::sign(&scene, &project, "giver", "Coopérative", "2025-02-20").expect(200);
        let ceremony = |day: &str| handover::ceremony(&scene, &project, "handover", &json!({ "held_on": day }));
        assert_eq!(early(ceremony("2025-02-19")), ["completion", "2025-02-20", "/held_on"]);
        ceremony("2025-02-20").expect(200);
        town.verify().expect("nothing is wrong");
    }
}
