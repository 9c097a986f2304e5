//! What becomes of the money of projects: reported, attributed, refunded, and settled at the end.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::delivery::{bring, plan, verify};
use super::money::{THREE, shares, with_all};
use super::{Scene, scene, with};
use crate::access::{assign, newcomer};
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

const PAPER: &str = "0a4d55a8d778e5022fab701977c5d840bbc486d0b2a4a5a1d1b3e2c1f0e9d8c7";

/// A project of the first half of 2025.
pub fn first_half() -> Value {
    json!({ "proposal/starts_on": "2025-01-01", "proposal/ends_on": "2025-07-01" })
}

impl Scene<'_> {
    pub fn report(&self, project: &str, amount: &str, more: &Value) -> Answer {
        let body = json!({
            "period_from": "2025-01-01", "period_to": "2025-02-03", "closing": false, "currency": "USD", "document_sha256": PAPER,
            "lines": [{ "category": "contractual", "description": "Formation", "amount": amount }],
        });
        self.act("finance-officer", project, "/expenditure-reports", &with(body, more))
    }

    /// Reports what was spent; three people let it through.
    pub fn accepted(&self, project: &str, amount: &str, more: &Value) -> String {
        let report = format!("{project}/expenditure-reports/{}", self.report(project, amount, more).expect(201).id());
        self.act("certifier", &report, "/certification", &json!({})).expect(200);
        self.act("mayor", &report, "/acceptance", &json!({})).expect(200);
        report
    }

    pub fn refund(&self, project: &str, amount: &str) -> Answer {
        let body = json!({ "amount": amount, "currency": "USD", "on": "2025-02-03", "bank_reference": "RET-1" });
        self.act("accountant", project, "/refunds", &body)
    }

    pub fn close(&self, project: &str) -> Answer {
        self.act("mayor", project, "/financial-closure", &json!({ "reference": "Rapport certifié" }))
    }

    /// A purpose that is allocated so much from a fund of its own.
    fn purpose_of(&self, amount: &str) -> String {
        let fund = crate::fund::scene(self.town, &json!({}));
        fund.given("DK-1", amount, &json!({}));
        let purpose = fund.purpose("P-1", amount, &[("ML07", 10_000)]);
        fund.allocate(&purpose, amount).expect(201);
        purpose
    }

    /// An approved project of another instrument and amount; gives its path.
    pub fn approved_for(&self, amount: &str, more: &Value) -> String {
        self.approved_from(&self.purpose_of(amount), amount, more)
    }

    /// The same, paid from a purpose that is allocated.
    fn approved_from(&self, purpose: &str, amount: &str, more: &Value) -> String {
        let purpose = purpose.rsplit('/').next().expect("an id");
        let base = json!({
            "proposal/starts_on": "2025-01-01", "proposal/fund_purpose_id": purpose, "proposal/area": null, "proposal/budget": amount, "proposal/gender_marker": 2,
            "proposal/risk_marker": 1, "proposal/lines": [{ "category": "contractual", "description": "Travaux", "amount": amount }],
        });
        let project = self.reviewed("P-25-001", &with_all(base, more));
        let second = newcomer(self.town, "second-reviewer");
        assign(self.town, self.town.commune_id(), second, "certifier", "2024-09-02", None).expect(201);
        let opinion = json!({ "opinion": "favourable", "comment": "Réalisable" });
        self.town.client_of(second).act(&project, "/appraisals", &opinion).expect(200);
        self.appraise(&project, "favourable").expect(200);
        self.check(&project, &json!({})).expect(200);
        self.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        self.approve(&project);
        project
    }

    /// The same, under way: its agreement signed and its first tranche paid.
    fn active_for(&self, amount: &str, tranches: &Value, more: &Value) -> String {
        self.active_from(&self.purpose_of(amount), amount, tranches, more)
    }

    /// The same, paid from a purpose that is there.
    pub fn active_from(&self, purpose: &str, amount: &str, tranches: &Value, more: &Value) -> String {
        let project = self.approved_from(purpose, amount, more);
        self.agree(&project, &json!({ "kind": "grant", "amount": amount, "tranches": tranches })).expect(201);
        self.sign_both(&project);
        self.paid(&project, 1);
        self.act("finance-officer", &project, "/start", &json!({})).expect(200);
        project
    }

    /// A project under way with a report, paid by a fund of its own; gives its path, and those of a disbursement and a report.
    pub fn reported(&self, reference: &str) -> (String, String, String) {
        let town = self.town;
        let fund = crate::fund::found(town, &json!({ "code": "TF-QIP" })).expect(201).id();
        let donor = crate::fund::register(town, "NO-QIP", "Norvège", &json!({})).expect(201).id();
        let fund = crate::fund::Scene { town, fund, donor };
        fund.given("NO-QIP-1", "41970", &json!({}));
        let purpose = fund.purpose("QIP-GAO-2", "41970", &[("ML07", 10_000)]);
        fund.allocate(&purpose, "41970").expect(201);
        let purpose = purpose.rsplit('/').next().expect("an id");
        let more = json!({ "proposal/fund_purpose_id": purpose, "proposal/starts_on": "2027-01-01", "proposal/ends_on": "2027-06-30" });
        let project = self.recommended(reference, &more);
        self.approve(&project);
        self.agree(&project, &json!({})).expect(201);
        self.sign_both(&project);
        let disbursement = self.paid(&project, 1);
        self.act("finance-officer", &project, "/start", &json!({})).expect(200);
        let period = json!({ "period_from": "2025-02-03" });
        let report = format!("{project}/expenditure-reports/{}", self.report(&project, "1", &period).expect(201).id());
        (project, disbursement, report)
    }

    fn summary(&self, project: &str, member: &str) -> String {
        self.town.client("partner-system").get(&format!("{project}/finance-summary")).expect(200).text(&format!("/{member}"))
    }
}

on_both_engines! {
    Stage::Open, fn what_was_spent_is_reported_by_one_certified_by_another_and_accepted_by_a_third(town) {
        let scene = scene(town);
        let (project, purpose) = scene.active("QIP-1", &first_half());
        let refused = |amount: &str, more: Value, status, code: &str| drop(scene.report(&project, amount, &more).refused(status, code));
        refused("33576.01", json!({}), 422, "REPORT_EXCEEDS_DISBURSED");
        refused("0", json!({}), 422, "AMOUNT_ZERO");
        refused("1.001", json!({}), 400, "AMOUNT_INVALID");
        refused("1", json!({ "currency": "EUR" }), 422, "CURRENCY_MISMATCH");
        refused("1", json!({ "period_to": "2025-02-04" }), 422, "REPORT_PERIOD");
        // Nothing was spent for a project before it began.
        let before = scene.report(&project, "1", &json!({ "period_from": "2024-12-31" })).refused(422, "REPORT_PERIOD");
        assert_eq!((before.text("/facts/starts_on"), before.text("/errors/0/pointer")), ("2025-01-01".to_owned(), "/period_from".to_owned()));
        refused("1", json!({ "lines": [{ "category": "travel", "description": "Vol", "amount": "1" }] }), 422, "REPORT_CATEGORY");
        let report = format!("{project}/expenditure-reports/{}", scene.report(&project, "30000", &json!({ "period_to": "2025-01-15" })).expect(201).id());
        let act = |login: &str, action: &str| scene.act(login, &report, action, &json!({}));
        act("finance-officer", "/certification").refused(403, "SOD_VIOLATION");
        act("mayor", "/acceptance").refused(409, "REPORT_STATE_INVALID");
        act("certifier", "/certification").expect(200);
        act("certifier", "/certification").refused(409, "REPORT_STATE_INVALID");
        // The database refuses what the rules refuse.
        let mut conn = town.connection();
        for broken in [
            "UPDATE project_expenditure_reports SET state = 'accepted', accepted_on = '2025-02-03', accepted_by = certified_by",
            "UPDATE project_expenditure_reports SET state = 'accepted', accepted_on = '2025-02-03', accepted_by = submitted_by",
            "UPDATE project_expenditure_reports SET certified_by = submitted_by",
            "UPDATE project_report_lines SET amount = 1",
        ] {
            assert!(conn.batch_execute(broken).is_err(), "{broken}");
        }
        assert!(scene.moved(&purpose, "expenditure").is_empty());
        act("mayor", "/acceptance").expect(200);
        assert_eq!(scene.moved(&purpose, "expenditure"), ["30000.00"], "attributed once, and to the cent");
        scene.act("certifier", &report, "/rejection", &json!({ "reason": "Trop tard" })).refused(409, "REPORT_STATE_INVALID");
        refused("1", json!({ "period_from": "2025-01-15" }), 422, "REPORT_PERIOD");
        // What is refused can be reported again; after the final report there is none.
        let rest = json!({ "period_from": "2025-01-16", "closing": true });
        let second = format!("{project}/expenditure-reports/{}", scene.report(&project, "3576", &rest).expect(201).id());
        scene.act("mayor", &second, "/rejection", &json!({ "reason": "Facture illisible" })).expect(200);
        scene.accepted(&project, "3576", &rest);
        refused("1", json!({ "period_from": "2025-02-03" }), 409, "REPORT_FINAL");
        let told = ["budget", "approved", "allocated", "agreed", "disbursed", "accepted_expenditure", "attributed", "refunded", "rest"]
            .map(|member| scene.summary(&project, member));
        assert_eq!(told, ["41970.00", "41970.00", "41970.00", "41970.00", "33576.00", "33576.00", "33576.00", "0.00", "0.00"]);
        let listed = town.client("partner-system").get(&format!("{project}/expenditure-reports?state=accepted")).expect(200).json();
        assert_eq!((listed["data"].as_array().map(Vec::len), &listed["data"][1]["closing"]), (Some(2), &json!(true)));
        assert_eq!(town.client("auditor").get(&report).expect(200).text("/lines/0/amount"), "30000.00");
        scene.act("accountant", &project, "/refunds", &json!({ "amount": "1", "currency": "USD", "on": "2025-02-03", "bank_reference": "x" }))
            .refused(422, "FUND_USE_EXCEEDED");
        town.verify().expect("the books are right");
    }

    Stage::Open, fn a_report_needs_a_project_with_money_and_a_certifier_who_does_not_accept(town) {
        let scene = scene(town);
        let draft = scene.drafted("QIP-0", &json!({}));
        scene.report(&draft, "1", &json!({})).refused(409, "PROJECT_STATE_INVALID");
        scene.refund(&draft, "1").refused(422, "AGREEMENT_MISSING");
        scene.close(&draft).refused(409, "PROJECT_STATE_INVALID");
        let (project, _) = scene.active("QIP-1", &first_half());
        let report = format!("{project}/expenditure-reports/{}", scene.report(&project, "1", &json!({})).expect(201).id());
        // Whoever approved a payment does not certify reports of the same project.
        scene.act("mayor", &report, "/certification", &json!({})).refused(403, "SOD_VIOLATION");
        // INV-35: of a project above the caller nothing is told.
        let mut conn = town.connection();
        conn.batch_execute("UPDATE projects SET sensitivity = 3").expect("hidden");
        let part = report.strip_prefix(&project).expect("a part of it");
        for reading in ["/agreement", "/disbursements", "/finance-summary", "/expenditure-reports", part] {
            town.client("certifier").get(&format!("{project}{reading}")).refused(404, "NOT_FOUND");
            town.client("auditor").get(&format!("{project}{reading}")).expect(200);
        }
    }

    Stage::Open, fn ac_20_the_next_tranche_waits_for_three_quarters_of_the_one_before(town) {
        let scene = scene(town);
        let implementer = json!({ "kind": "national_ngo", "supplier_id": scene.partner });
        let more = json!({ "instrument": "peacebuilding_immediate", "proposal/implementer": implementer });
        let project = scene.active_for("1000000", &shares(&[3500, 3500, 3000]), &more);
        scene.accepted(&project, "262499.99", &json!({ "period_to": "2025-01-15" }));
        let refused = scene.request(&project, 2).refused(422, "TRANCHE_NOT_RELEASABLE");
        let facts = ["needed", "reached"].map(|fact| refused.text(&format!("/facts/{fact}")));
        assert_eq!(facts, ["262500.00", "262499.99"]);
        scene.accepted(&project, "0.01", &json!({ "period_from": "2025-01-16" }));
        scene.request(&project, 2).expect(201);
    }

    Stage::Open, fn ac_23_inv_25_a_rest_stays_where_the_rules_leave_one(town) {
        let scene = scene(town);
        let implementer = json!({ "kind": "national_ngo", "supplier_id": scene.partner });
        let more = json!({ "instrument": "peacebuilding_immediate", "proposal/implementer": implementer });
        let project = scene.active_for("100000", &shares(&[3500, 3500, 3000]), &more);
        scene.close(&project).refused(409, "PROJECT_STATE_INVALID");
        let period = |from: &str, to: &str| json!({ "period_from": from, "period_to": to });
        scene.accepted(&project, "30000", &period("2025-01-01", "2025-01-10"));
        scene.paid(&project, 2);
        scene.accepted(&project, "35000", &period("2025-01-11", "2025-01-20"));
        let third = scene.requested(&project, 3);
        scene.close_work(&project);
        let refused = scene.close(&project).refused(422, "FINAL_REPORT_MISSING");
        let codes: Vec<Value> = refused.json()["errors"].as_array().expect("errors").iter().map(|error| error["code"].clone()).collect();
        assert_eq!(codes, ["FINAL_REPORT_MISSING", "DISBURSEMENT_OPEN", "REFUND_DUE"]);
        town.connection().batch_execute("UPDATE projects SET state = 'active'").expect("again");
        scene.let_through(&third);
        scene.pay(&third).expect(200);
        town.connection().batch_execute("UPDATE projects SET state = 'operationally_closed'").expect("closed");
        scene.accepted(&project, "34740", &with_all(period("2025-01-21", "2025-02-03"), &json!({ "closing": true })));
        let refused = scene.close(&project).refused(422, "REFUND_DUE");
        assert_eq!((refused.text("/facts/due"), refused.text("/facts/residual_max")), ("260.00".to_owned(), "250.00".to_owned()));
        assert_eq!(scene.refund(&project, "20").expect(200).text("/rest"), "240.00");
        let closed = scene.close(&project).expect(200);
        assert_eq!((closed.text("/state"), scene.summary(&project, "rest")), ("financially_closed".to_owned(), "240.00".to_owned()));
        scene.close(&project).refused(409, "CLOSED_IMMUTABLE");
        scene.report(&project, "1", &json!({ "period_from": "2025-02-03" })).refused(409, "PROJECT_STATE_INVALID");
        scene.refund(&project, "1").refused(409, "FUND_PURPOSE_CLOSED");
        // INV-25: a closure that does not add up is found.
        town.verify().expect("the books are right");
        let mut conn = town.connection();
        let told = "UPDATE project_expenditure_reports SET amount = amount";
        conn.batch_execute(&format!("{told} - 1 WHERE amount = 3474000")).expect("no rule of the database");
        let found = town.verify().expect_err("spent is not what was settled");
        assert!(found.contains("P-25-001"), "{found}");
        conn.batch_execute(&format!("{told} + 1 WHERE amount = 3473999")).expect("put right");
    }

    Stage::Open, fn ac_23_a_quick_impact_project_gives_back_every_cent(town) {
        let scene = scene(town);
        let (purpose, allocation) = scene.funded("41970");
        let project = scene.recommended("QIP-1", &with_all(first_half(), &json!({ "proposal/fund_purpose_id": purpose })));
        scene.approve(&project);
        scene.agree(&project, &json!({})).expect(201);
        scene.sign_both(&project);
        scene.paid(&project, 1);
        scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
        scene.accepted(&project, "33336", &json!({ "closing": true }));
        scene.close_work(&project);
        assert_eq!(scene.close(&project).refused(422, "REFUND_DUE").text("/facts/due"), "240.00");
        scene.refund(&project, "240.01").refused(422, "FUND_USE_EXCEEDED");
        scene.refund(&project, "240").expect(200);
        // What was not disbursed goes back to the contributions first.
        scene.close(&project).refused(422, "FUND_PURPOSE_UNDISBURSED");
        let back = json!({ "amount": "8394", "currency": "USD", "reason": "Solde", "on": "2025-02-03" });
        town.client("mayor").act(&town.path(&format!("/fund-allocations/{allocation}")), "/release", &back).expect(200);
        scene.close(&project).expect(200);
        assert_eq!(scene.moved(&town.path(&format!("/fund-purposes/{purpose}")), "refund"), ["240.00"]);
        town.verify().expect("the books are right");
    }

    Stage::Open, fn what_a_partner_advanced_is_attributed_when_it_is_paid(town) {
        let scene = scene(town);
        let implementer = json!({ "kind": "local_business", "supplier_id": scene.partner });
        let more = json!({ "instrument": "trust_fund", "proposal/implementer": implementer });
        let tranches = json!([{ "amount": "60000" }, { "amount": "40000" }]);
        let project = scene.active_for("100000", &tranches, &more);
        scene.report(&project, "100000.01", &json!({})).refused(422, "AGREEMENT_EXCEEDED");
        scene.accepted(&project, "80000", &json!({ "closing": true }));
        let told = ["disbursed", "accepted_expenditure", "attributed"].map(|member| scene.summary(&project, member));
        assert_eq!(told, ["60000.00", "80000.00", "60000.00"]);
        assert_eq!(scene.request(&project, 2).refused(422, "TRANCHE_NOT_RELEASABLE").text("/facts/condition"), "milestone_met");
        scene.close_work(&project);
        scene.close(&project).refused(422, "ATTRIBUTION_OPEN");
    }

    Stage::Open, fn a_milestone_releases_its_tranche_which_pays_what_was_advanced(town) {
        let scene = scene(town);
        let implementer = json!({ "kind": "local_business", "supplier_id": scene.partner });
        let more = json!({ "instrument": "trust_fund", "proposal/implementer": implementer });
        let project = scene.active_for("100000", &json!([{ "amount": "60000" }, { "amount": "40000" }]), &more);
        scene.accepted(&project, "80000", &json!({ "closing": true }));
        let milestone = json!({ "kind": "payment", "title": "Chantier reçu", "due_on": "2025-06-01", "tranche": 2 });
        scene.act("finance-officer", &project, "/milestones", &milestone).expect(200);
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        scene.request(&project, 2).refused(422, "TRANCHE_NOT_RELEASABLE");
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        scene.paid(&project, 2);
        let told = ["disbursed", "accepted_expenditure", "attributed"].map(|member| scene.summary(&project, member));
        assert_eq!(told, ["100000.00", "80000.00", "80000.00"]);
        town.verify().expect("the books are right");
    }

    Stage::Open, fn whoever_owes_a_report_gets_no_more_money(town) {
        let scene = scene(town);
        let implementer = json!({ "kind": "un_agency", "supplier_id": scene.partner });
        let more = json!({ "instrument": "bilateral", "proposal/implementer": implementer });
        let project = scene.active_for("100000", &json!([{ "amount": "50000" }, { "amount": "50000" }]), &more);
        scene.accepted(&project, "40000", &json!({ "period_to": "2025-02-02" }));
        // Eighty per cent of the advance are cleared; but nothing was reported for the time since.
        town.on("2025-06-03");
        let asked = format!("{project}/disbursements/{}", scene.request(&project, 2).expect(201).id());
        scene.act("certifier", &asked, "/certification", &json!({})).expect(200);
        town.on("2025-06-04");
        let refused = scene.act("mayor", &asked, "/approval", &json!({})).refused(422, "REPORT_OVERDUE");
        assert_eq!(refused.text("/facts/due_on"), "2025-06-03");
        scene.act("certifier", &asked, "/rejection", &json!({ "reason": "Rapport dû" })).expect(200);
        scene.request(&project, 2).refused(422, "REPORT_OVERDUE");
        scene.report(&project, "1", &json!({ "period_from": "2025-02-03", "period_to": "2025-05-31" })).expect(201);
        scene.request(&project, 2).expect(201);
    }

    Stage::Open, fn a_project_that_is_terminated_owes_what_was_not_spent(town) {
        let scene = scene(town);
        let (project, purpose) = scene.active("QIP-1", &first_half());
        scene.accepted(&project, "30000", &json!({}));
        let committee = scene.committee(&json!({})).expect(201).id();
        let body = json!({ "committee_id": committee, "held_on": "2025-02-03", "minutes_reference": "PV-1", "reason": "Insécurité" });
        let end = |login: &str, more: Value| scene.act(login, &project, "/termination", &with_all(body.clone(), &more));
        end("accountant", json!({ "held_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        end("council-registrar", json!({})).refused(403, "VOTER_ABSENT");
        end("accountant", json!({ "committee_id": Uuid::new_v4() })).refused(404, "NOT_FOUND");
        // No member ends it alone: what the committee did not carry is not decided.
        let undecided = |more: Value| drop(end("accountant", more).refused(422, "TERMINATION_UNDECIDED"));
        undecided(json!({}));
        let operation = || {
            let ways = town.client("auditor").get(&format!("{project}/transitions")).expect(200).json();
            ways.as_array().expect("ways").iter().find(|way| way["action"] == "terminate").expect("a way")["operation"].clone()
        };
        assert_eq!(operation(), json!("move_on_project"));
        let moved = || scene.motion(&project, committee, &THREE, &json!({ "action": "terminate" }));
        let lost = moved().expect(201).id();
        scene.vote("accountant", lost, "against").expect(201);
        scene.vote("mayor", lost, "against").expect(201);
        undecided(json!({}));
        let motion = moved().expect(201).id();
        scene.vote("accountant", motion, "for").expect(201);
        undecided(json!({}));
        assert_eq!(scene.vote("mayor", motion, "for").expect(201).text("/state"), "carried");
        assert_eq!((operation(), scene.state(&project)), (json!("terminate_project"), "active".to_owned()));
        // It is ended as that session decided, and as no other did.
        undecided(json!({ "minutes_reference": "PV-2" }));
        undecided(json!({ "held_on": "2025-02-02" }));
        undecided(json!({ "committee_id": scene.committee(&json!({ "name": "Autre comité" })).expect(201).id() }));
        end("finance-officer", json!({})).refused(403, "SOD_VIOLATION");
        scene.act("state-representative", &project, "/interests", &json!({ "reason": "Parenté" })).expect(200);
        end("state-representative", json!({})).refused(403, "CONFLICT_OF_INTEREST");
        let ended = end("accountant", json!({})).expect(200);
        let told = ["state", "disbursed", "accepted_expenditure", "rest", "refund_due_on"].map(|member| ended.text(&format!("/{member}")));
        assert_eq!(told, ["terminated", "33576.00", "30000.00", "3576.00", "2025-03-05"]);
        let history = town.client("auditor").get(&format!("{project}/history")).expect(200).json();
        let last = history.as_array().and_then(|steps| steps.last()).expect("a step").clone();
        assert_eq!((&last["action"], &last["motion_id"], &last["reason"]), (&json!("terminate"), &json!(motion), &json!("PV-1: Insécurité")));
        end("accountant", json!({})).refused(409, "CLOSED_IMMUTABLE");
        // Its accounts were settled with its end: there is nothing left to close but the purpose of the fund.
        scene.close(&project).refused(409, "PROJECT_SETTLED");
        moved().refused(409, "CLOSED_IMMUTABLE");
        scene.request(&project, 2).refused(409, "PROJECT_NOT_PAYABLE");
        // The purpose is the fund's again when nothing is outstanding.
        let held = || town.client("auditor").get(&purpose).expect(200).json()["held"].clone();
        scene.refund(&project, "3000").expect(200);
        assert_eq!(held(), json!(true));
        assert_eq!(scene.refund(&project, "576").expect(200).text("/rest"), "0.00");
        assert_eq!(held(), json!(false));
        let draft = scene.drafted("QIP-2", &json!({}));
        scene.act("accountant", &draft, "/termination", &body).refused(409, "PROJECT_STATE_INVALID");
        scene.motion(&draft, committee, &THREE, &json!({ "action": "terminate" })).refused(409, "PROJECT_STATE_INVALID");
        // An end that nobody decided is found.
        let mut conn = town.connection();
        conn.batch_execute("UPDATE motions SET action = 'resume' WHERE action = 'terminate'").expect("no rule of the database");
        let found = town.verify();
        assert!(found.as_ref().is_err_and(|found| found.contains("was decided by no motion")), "{found:?}");
        conn.batch_execute("UPDATE motions SET action = 'terminate' WHERE action = 'resume'").expect("put right");
        town.verify().expect("the books are right");
    }

    Stage::Open, fn no_category_of_the_budget_is_spent_beyond_what_the_rules_let_move(town) {
        let scene = scene(town);
        let line = |category: &str, amount: &str| json!({ "category": category, "description": "Fixture", "amount": amount });
        let implementer = json!({ "kind": "un_agency", "supplier_id": scene.partner });
        let more = json!({
            "instrument": "peacebuilding_immediate", "proposal/implementer": implementer,
            "proposal/lines": [line("staff", "20000"), line("travel", "60000"), line("staff", "20000")],
        });
        let project = scene.active_for("100000", &shares(&[7000, 3000]), &more);
        let report = |from: &str, to: &str, lines: Value| {
            scene.report(&project, "1", &json!({ "period_from": from, "period_to": to, "lines": lines }))
        };
        let first = report("2025-01-01", "2025-01-10", json!([line("staff", "30000"), line("travel", "1000")])).expect(201);
        // Fifteen per cent of a category of 40,000 move without an amendment; what waits for its certification counts.
        let beyond = report("2025-01-11", "2025-01-20", json!([line("travel", "1"), line("staff", "10000"), line("staff", "6000.01")]));
        let refused = beyond.refused(422, "REPORT_CATEGORY_EXCEEDED");
        let facts = ["category", "budget", "most", "reported", "bps", "currency"].map(|fact| refused.text(&format!("/facts/{fact}")));
        assert_eq!(facts, ["staff", "40000.00", "46000.00", "46000.01", "1500", "USD"]);
        assert_eq!(refused.text("/errors/0/pointer"), "/lines/1/category");
        // What was rejected is none.
        let first = format!("{project}/expenditure-reports/{}", first.id());
        scene.act("certifier", &first, "/rejection", &json!({ "reason": "Pièces manquantes" })).expect(200);
        report("2025-01-01", "2025-01-20", json!([line("staff", "46000.01")])).refused(422, "REPORT_CATEGORY_EXCEEDED");
        report("2025-01-01", "2025-01-20", json!([line("staff", "46000")])).expect(201);
        report("2025-01-21", "2025-02-03", json!([line("staff", "0.01")])).refused(422, "REPORT_CATEGORY_EXCEEDED");
        // An amendment that is applied moves more: the rules look at the budget of the day.
        let mut conn = town.connection();
        for change in ["amount + 1000000 WHERE category = 'staff' AND number = 1", "amount - 1000000 WHERE category = 'travel'"] {
            conn.batch_execute(&format!("UPDATE project_budget_lines SET amount = {change}")).expect("as an amendment does");
        }
        report("2025-01-21", "2025-02-03", json!([line("staff", "11500")])).expect(201);
    }

    Stage::Open, fn nothing_is_terminated_while_money_is_under_way(town) {
        let scene = scene(town);
        let implementer = json!({ "kind": "national_ngo", "supplier_id": scene.partner });
        let more = json!({ "instrument": "peacebuilding_immediate", "proposal/implementer": implementer });
        let project = scene.active_for("1000", &shares(&[3500, 3500, 3000]), &more);
        scene.accepted(&project, "350", &json!({}));
        let committee = scene.committee(&json!({})).expect(201).id();
        let motion = scene.motion(&project, committee, &THREE, &json!({ "action": "terminate" })).expect(201).id();
        scene.vote("accountant", motion, "for").expect(201);
        scene.vote("mayor", motion, "for").expect(201);
        let asked = scene.requested(&project, 2);
        let body = json!({ "committee_id": committee, "held_on": "2025-02-03", "minutes_reference": "PV-1", "reason": "Fin" });
        let end = || scene.act("accountant", &project, "/termination", &body);
        end().refused(422, "DISBURSEMENT_OPEN");
        scene.act("certifier", &asked, "/rejection", &json!({ "reason": "Fin" })).expect(200);
        end().expect(200);
        assert_eq!(scene.state(&project), "terminated");
    }

    Stage::Open, fn a_project_with_money_under_way_is_not_moved_to_its_end(town) {
        let scene = scene(town);
        let (project, _) = scene.active("QIP-1", &json!({}));
        plan(&scene, &project, "output", "Cent femmes formées").expect(200);
        bring(&scene, "finance-officer", &project, 1, 1).expect(200);
        verify(&scene, "certifier", &project, 1, "met", Value::Null).expect(200);
        scene.request(&project, 2).expect(201);
        let committee = scene.committee(&json!({})).expect(201).id();
        let refused = scene.motion(&project, committee, &THREE, &json!({ "action": "terminate" })).refused(422, "DISBURSEMENT_OPEN");
        assert_eq!(refused.json()["facts"]["tranches"], json!(["2"]));
    }
}
