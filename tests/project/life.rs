//! The whole life of a project, through the API alone.

use serde_json::{Value, json};

use super::delivery::{bring, finding, plan, verify, visit};
use super::spending::first_half;
use super::{Scene, scene};
use crate::harness::Stage;
use crate::on_both_engines;

impl Scene<'_> {
    /// Brings an active project to the closure of its work.
    pub fn close_work(&self, project: &str) {
        let output = plan(self, project, "output", "Cent femmes formées").expect(200);
        assert_eq!(output.text("/state"), "active");
        bring(self, "finance-officer", project, 1, 1).expect(200);
        verify(self, "certifier", project, 1, "met", Value::Null).expect(200);
        visit(self, project, &json!({})).expect(200);
        self.finish_work(project);
    }

    /// Completes the work, of which the evidence is there, and closes it.
    pub fn finish_work(&self, project: &str) {
        self.act("finance-officer", project, "/completion", &json!({})).expect(200);
        self.act("certifier", project, "/lessons", &json!({ "theme": "Achats", "lesson": "Commander avant les pluies" })).expect(200);
        let narrative = json!({ "document_reference": "RF-1", "document_sha256": super::delivery::digest(6) });
        self.act("certifier", project, "/final-narrative", &narrative).expect(200);
        self.act("state-representative", project, "/final-narrative-acceptance", &json!({})).expect(200);
        self.act("finance-officer", project, "/work-closure", &json!({})).expect(200);
    }
}

on_both_engines! {
    Stage::Open, fn ac_06_inv_04_inv_13_the_women_of_gao_from_the_draft_to_the_closure_of_the_accounts(town) {
        let scene = scene(town);
        let (project, purpose) = scene.active("QIP-GAO-25-001", &first_half());
        let waits = |code: &str| drop(scene.request(&project, 2).refused(422, code));
        waits("TRANCHE_NOT_RELEASABLE");
        plan(&scene, &project, "output", "Cent femmes formées").expect(200);
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        waits("TRANCHE_NOT_RELEASABLE");
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        // INV-13: a critical finding holds the money back.
        visit(&scene, &project, &json!({ "findings": [finding("critical")] })).expect(200);
        waits("FINDING_OPEN");
        scene.act("certifier", &project, "/finding-closures", &json!({ "finding": 1, "resolution": "Repris" })).expect(200);
        scene.paid(&project, 2);
        scene.finish_work(&project);
        scene.accepted(&project, "41970", &json!({ "closing": true }));
        assert_eq!(scene.close(&project).expect(200).text("/state"), "financially_closed");
        assert_eq!(scene.moved(&purpose, "disbursement"), ["33576.00", "8394.00"]);
        assert_eq!(scene.moved(&purpose, "expenditure"), ["41970.00"]);
        // INV-01, INV-02: from the draft to the end, each step once.
        let history = town.client("auditor").get(&format!("{project}/history")).expect(200).json();
        let steps: Vec<&str> = history.as_array().expect("steps").iter().filter_map(|step| step["action"].as_str()).collect();
        let life = [
            "create", "submit", "start_review", "recommend", "approve", "sign", "start", "complete", "close_operational", "close_financial",
        ];
        assert_eq!(steps, life);
        // INV-04: it is counted once, as completed.
        let totals = town.client("auditor").get(&town.path("/project-totals?by=state_class")).expect(200).json();
        let told: Vec<_> = totals["groups"].as_array().expect("groups").iter().map(|one| (one["term"].clone(), one["amount"].clone())).collect();
        assert_eq!(told, [(json!("completed"), json!("41970.00"))]);
        scene.act("finance-officer", &project, "/disbursements", &json!({ "tranche": 2 })).expect(409);
        town.verify().expect("the books are right");
    }
}
