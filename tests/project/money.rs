//! How projects are paid: the agreement that both sides sign, and tranches that three people let through before the fund pays.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Scene, scene, with};
use crate::access::{assign, newcomer};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;
use crate::race::at_once;

pub const THREE: [&str; 3] = ["mayor", "accountant", "state-representative"];
const PAPER: &str = "0a4d55a8d778e5022fab701977c5d840bbc486d0b2a4a5a1d1b3e2c1f0e9d8c7";

/// Members with others beside them, as they are written.
pub fn with_all(mut body: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().expect("members") {
        body[name] = member.clone();
    }
    body
}

/// The plan of tranches in shares.
pub fn shares(bps: &[u32]) -> Value {
    bps.iter().map(|bps| json!({ "bps": bps })).collect()
}

impl Scene<'_> {
    /// A committee approves a project that was recommended.
    pub fn approve(&self, project: &str) {
        let committee = self.committee(&json!({ "name": format!("Comité de {project}") })).expect(201).id();
        let motion = self.motion(project, committee, &THREE, &json!({})).expect(201).id();
        self.vote("mayor", motion, "for").expect(201);
        self.vote("accountant", motion, "for").expect(201);
    }

    /// A project that a committee approved; gives its path and the purpose that pays it.
    pub fn approved(&self, reference: &str, more: &Value) -> (String, String) {
        let (purpose, _) = self.funded("41970");
        let project = self.recommended(reference, &with_all(more.clone(), &json!({ "proposal/fund_purpose_id": purpose })));
        self.approve(&project);
        (project, self.town.path(&format!("/fund-purposes/{purpose}")))
    }

    pub fn agree(&self, project: &str, more: &Value) -> Answer {
        let body = json!({
            "kind": "memorandum", "reference": "MOU-1", "amount": "41970", "currency": "USD", "account_ending": "0417",
            "tranches": shares(&[8000, 2000]),
        });
        let mut body = with(body, more);
        if body["account_ending"].is_null() {
            drop(body.as_object_mut().expect("members").remove("account_ending"));
        }
        self.act("finance-officer", project, "/agreement", &body)
    }

    pub fn verify_account(&self, login: &str, project: &str) -> Answer {
        self.act(login, project, "/account-verification", &json!({ "on": "2025-02-03", "document_sha256": PAPER }))
    }

    pub fn sign(&self, login: &str, project: &str, side: &str) -> Answer {
        self.act(login, project, "/signatures", &json!({ "side": side, "on": "2025-02-03", "document_sha256": PAPER }))
    }

    /// Verifies the account and signs for both sides.
    pub fn sign_both(&self, project: &str) {
        self.verify_account("accountant", project).expect(200);
        self.sign("council-registrar", project, "partner").expect(200);
        self.sign("mayor", project, "funder").expect(200);
    }

    /// A project whose agreement both sides signed; gives its path and the purpose that pays it.
    pub fn contracted(&self, reference: &str, more: &Value) -> (String, String) {
        let (project, purpose) = self.approved(reference, more);
        self.agree(&project, &json!({})).expect(201);
        self.sign_both(&project);
        (project, purpose)
    }

    pub fn request(&self, project: &str, tranche: u32) -> Answer {
        self.act("finance-officer", project, "/disbursements", &json!({ "tranche": tranche }))
    }

    /// Requests a tranche; gives the path of the disbursement.
    pub fn requested(&self, project: &str, tranche: u32) -> String {
        format!("{project}/disbursements/{}", self.request(project, tranche).expect(201).id())
    }

    pub fn pay(&self, disbursement: &str) -> Answer {
        let body = json!({ "on": "2025-02-03", "bank_reference": "VIR-1" });
        self.act("accountant", disbursement, "/payment", &body)
    }

    /// Certifies and approves what was requested.
    pub fn let_through(&self, disbursement: &str) {
        self.act("certifier", disbursement, "/certification", &json!({})).expect(200);
        self.act("mayor", disbursement, "/approval", &json!({})).expect(200);
    }

    /// Pays a tranche; gives the path of the disbursement.
    pub fn paid(&self, project: &str, tranche: u32) -> String {
        let disbursement = self.requested(project, tranche);
        self.let_through(&disbursement);
        self.pay(&disbursement).expect(200);
        disbursement
    }

    /// A project that is under way, its first tranche paid.
    pub fn active(&self, reference: &str, more: &Value) -> (String, String) {
        let (project, purpose) = self.contracted(reference, more);
        self.paid(&project, 1);
        self.act("finance-officer", &project, "/start", &json!({})).expect(200);
        (project, purpose)
    }

    /// The sums of movements of a purpose, by kind.
    pub fn moved(&self, purpose: &str, kind: &str) -> Vec<String> {
        let id = purpose.rsplit('/').next().expect("an id");
        let path = self.town.path(&format!("/fund-movements?fund_purpose_id={id}&kind={kind}"));
        let rows = self.town.client("auditor").get(&path).expect(200).json();
        rows["data"].as_array().expect("rows").iter().map(|row| row["value"].as_str().expect("a value").to_owned()).collect()
    }
}

/// How a value of an id stands in a statement.
pub fn sql_id(town: &Town, id: Uuid) -> String {
    if matches!(town.connection(), db::connection::Conn::Sqlite(_)) { format!("X'{}'", id.simple()) } else { format!("'{id}'") }
}

on_both_engines! {
    Stage::Open, fn ac_04_inv_09_the_women_of_gao_are_paid_in_two_tranches(town) {
        let scene = scene(town);
        let (project, purpose) = scene.approved("QIP-GAO-25-001", &json!({}));
        let reader = town.client("partner-system");
        reader.get(&format!("{project}/agreement")).refused(404, "NOT_FOUND");
        let agreed = scene.agree(&project, &json!({})).expect(201);
        let tranches: Vec<String> = (0..2).map(|index| agreed.text(&format!("/tranches/{index}/amount"))).collect();
        assert_eq!(tranches, ["33576.00", "8394.00"]);
        // The transitions tell everything that the signature still waits for.
        let ways = reader.get(&format!("{project}/transitions")).expect(200).json();
        let unmet: Vec<&Value> = ways[0]["unmet"].as_array().expect("guards").iter().map(|guard| &guard["code"]).collect();
        assert_eq!((&ways[0]["operation"], unmet), (&json!("sign_project_agreement"), vec![&json!("AGREEMENT_UNSIGNED"), &json!("ACCOUNT_UNVERIFIED")]));
        scene.sign("council-registrar", &project, "partner").expect(200);
        // Without a verified account the second signature is none.
        scene.sign("mayor", &project, "funder").refused(422, "ACCOUNT_UNVERIFIED");
        assert_eq!((scene.state(&project).as_str(), reader.get(&format!("{project}/agreement")).json()["signatures"].as_array().map(Vec::len)), ("approved", Some(1)));
        scene.verify_account("accountant", &project).expect(200);
        let signed = scene.sign("mayor", &project, "funder").expect(200);
        assert_eq!((signed.json()["signatures"].as_array().map(Vec::len), scene.state(&project).as_str()), (Some(2), "contracted"));
        // The money of its purpose is the project's from now on.
        let held = reader.get(&purpose).expect(200);
        assert_eq!(held.json()["held"], json!(true));
        let used = json!({ "kind": "disbursement", "amount": "1", "currency": "USD", "on": "2018-07-15", "reference": "R-1" });
        town.client("accountant").act(&purpose, "/uses", &used).refused(409, "FUND_PURPOSE_HELD");
        let closed = json!({ "on": "2018-08-31", "reference": "Rapport final" });
        town.client("accountant").act(&purpose, "/closure", &closed).refused(409, "FUND_PURPOSE_HELD");
        // A project begins once its first tranche is paid, through the books of the fund.
        scene.act("finance-officer", &project, "/start", &json!({})).refused(422, "PAYMENT_MISSING");
        scene.request(&project, 2).refused(409, "PROJECT_NOT_PAYABLE");
        let first = scene.requested(&project, 1);
        scene.let_through(&first);
        assert!(scene.moved(&purpose, "disbursement").is_empty());
        let paid = scene.pay(&first).expect(200);
        assert_eq!((paid.text("/state"), paid.text("/amount")), ("paid".to_owned(), "33576.00".to_owned()));
        assert_eq!(scene.moved(&purpose, "disbursement"), ["33576.00"], "once, and to the cent");
        let began = scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
        assert_eq!((began.text("/state"), began.text("/state_class")), ("active".to_owned(), "ongoing".to_owned()));
        scene.request(&project, 3).refused(422, "TRANCHE_UNKNOWN");
        // AC-06: the second waits for outputs that were verified.
        let refused = scene.request(&project, 2).refused(422, "TRANCHE_NOT_RELEASABLE");
        assert_eq!(refused.text("/facts/condition"), "outputs_verified");
        let listed = reader.get(&format!("{project}/disbursements?state=paid")).expect(200).json();
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
        let read = reader.get(&first).expect(200);
        assert_eq!(read.text("/bank_reference"), "VIR-1");
        let history = reader.get(&format!("{project}/history")).expect(200).json();
        let steps: Vec<&str> = history.as_array().expect("steps").iter().filter_map(|step| step["action"].as_str()).collect();
        assert_eq!(steps[steps.len() - 3..], ["approve", "sign", "start"]);
        town.verify().expect("the books are right");
    }

    Stage::Open, fn ac_04_inv_03_a_project_keeps_the_plan_of_the_rules_that_were_pinned(town) {
        let scene = scene(town);
        let (purpose, _) = scene.funded("41970");
        let project = scene.drafted("QIP-GAO-08-001", &json!({ "proposal/fund_purpose_id": purpose }));
        scene.submit(&project).expect(200);
        // It was submitted before August 2008.
        let pinned = "UPDATE projects SET rule_set_version = 1, submission = submission + 1";
        let mut conn = town.connection();
        conn.batch_execute(pinned).expect("a submission pins the rules");
        // INV-03: nothing else does.
        assert!(conn.batch_execute("UPDATE projects SET rule_set_version = 2").is_err());
        scene.act("finance-officer", &project, "/review", &json!({})).expect(200);
        scene.appraise(&project, "favourable").expect(200);
        scene.check(&project, &json!({})).expect(200);
        scene.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        scene.approve(&project);
        let refused = scene.agree(&project, &json!({})).refused(422, "TRANCHE_PLAN");
        assert_eq!(refused.json()["facts"]["expected"], json!(["5000", "4500", "500"]));
        let agreed = scene.agree(&project, &json!({ "tranches": shares(&[5000, 4500, 500]) })).expect(201);
        let amounts: Vec<String> = (0..3).map(|index| agreed.text(&format!("/tranches/{index}/amount"))).collect();
        assert_eq!(amounts, ["20985.00", "18886.50", "2098.50"]);
    }

    Stage::Open, fn an_agreement_is_within_what_was_approved_and_signed_by_two_in_time(town) {
        let scene = scene(town);
        let draft = scene.drafted("QIP-2", &json!({}));
        scene.agree(&draft, &json!({})).refused(409, "PROJECT_STATE_INVALID");
        scene.verify_account("accountant", &draft).refused(409, "PROJECT_STATE_INVALID");
        scene.sign("mayor", &draft, "funder").refused(409, "PROJECT_STATE_INVALID");
        scene.act("finance-officer", &draft, "/start", &json!({})).refused(409, "PROJECT_STATE_INVALID");
        let withdrawn = scene.drafted("QIP-3", &json!({}));
        scene.act("finance-officer", &withdrawn, "/withdrawal", &json!({ "reason": "Non" })).expect(200);
        scene.agree(&withdrawn, &json!({})).refused(409, "CLOSED_IMMUTABLE");
        scene.verify_account("accountant", &withdrawn).refused(409, "CLOSED_IMMUTABLE");
        scene.sign("mayor", &withdrawn, "funder").refused(409, "CLOSED_IMMUTABLE");
        scene.act("finance-officer", &withdrawn, "/start", &json!({})).refused(409, "CLOSED_IMMUTABLE");
        let (project, _) = scene.approved("QIP-1", &json!({}));
        scene.verify_account("accountant", &project).refused(404, "NOT_FOUND");
        scene.agree(&project, &json!({ "amount": "41970.01" })).refused(422, "AGREEMENT_EXCEEDS_APPROVED");
        scene.agree(&project, &json!({ "amount": "0" })).refused(422, "AMOUNT_ZERO");
        scene.agree(&project, &json!({ "amount": "1.001" })).refused(400, "AMOUNT_INVALID");
        scene.agree(&project, &json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        scene.agree(&project, &json!({ "tranches": shares(&[5000, 5000]) })).refused(422, "TRANCHE_PLAN");
        let told = json!([{ "bps": 8000, "amount": "33576.01" }, { "bps": 2000 }]);
        scene.agree(&project, &json!({ "tranches": told })).refused(422, "TRANCHE_PLAN");
        scene.agree(&project, &json!({ "account_ending": "41-7" })).refused(400, "REQUEST_BODY_INVALID");
        scene.agree(&project, &json!({})).expect(201);
        scene.agree(&project, &json!({ "reference": "MOU-2" })).refused(409, "AGREEMENT_DUPLICATE");
        // Two people, one for each side; and someone else verifies the account.
        scene.sign("council-registrar", &project, "funder").refused(403, "AGREEMENT_SIDE");
        let tomorrow = json!({ "side": "partner", "on": "2025-02-04", "document_sha256": PAPER });
        scene.act("council-registrar", &project, "/signatures", &tomorrow).refused(422, "DATE_IN_FUTURE");
        // The side that pays signs for nobody else.
        for (login, code) in [("mayor", "AGREEMENT_SIDE"), ("finance-officer", "ROLE_MISSING")] {
            scene.sign(login, &project, "partner").refused(403, code);
        }
        scene.sign("council-registrar", &project, "partner").expect(200);
        scene.sign("council-registrar", &project, "partner").refused(409, "AGREEMENT_SIGNED");
        let tomorrow = json!({ "on": "2025-02-04", "document_sha256": PAPER });
        scene.act("accountant", &project, "/account-verification", &tomorrow).refused(422, "DATE_IN_FUTURE");
        scene.verify_account("accountant", &project).expect(200);
        scene.verify_account("certifier", &project).refused(409, "ACCOUNT_VERIFIED");
        // Ninety days after the decision it has lapsed.
        town.on("2025-05-05");
        scene.sign("mayor", &project, "funder").refused(422, "APPROVAL_LAPSED");
        town.on("2025-05-04");
        scene.sign("mayor", &project, "funder").expect(200);
        assert_eq!(scene.state(&project), "contracted");
        // The database holds it by itself.
        let mut conn = town.connection();
        let refused = |statement: &str, conn: &mut db::connection::Conn| assert!(conn.batch_execute(statement).is_err(), "{statement}");
        refused("UPDATE project_agreements SET amount = amount + 1", &mut conn);
        refused("UPDATE project_tranches SET amount = amount + 1", &mut conn);
        refused("DELETE FROM project_signatures", &mut conn);
        refused("UPDATE project_agreements SET account_verified_by = recorded_by", &mut conn);
    }

    Stage::Open, fn who_was_named_signs_for_the_partner_and_nobody_else_does(town) {
        let scene = scene(town);
        let (project, _) = scene.approved("QIP-1", &json!({}));
        let named = |who: Value| scene.agree(&project, &json!({ "partner_signatory_id": who }));
        named(json!(Uuid::new_v4())).refused(404, "NOT_FOUND");
        // No machine, nobody of the side that pays, and nobody without a function.
        for login in ["partner-system", "finance-officer", "mayor"] {
            named(json!(town.person(login))).refused(422, "AGREEMENT_SIGNATORY");
        }
        let president = newcomer(town, "president-of-the-cooperative");
        named(json!(president)).refused(422, "AGREEMENT_SIGNATORY");
        assign(town, town.commune_id(), president, "partner", "2024-09-02", None).expect(201);
        let other = newcomer(town, "president-of-another");
        assign(town, town.commune_id(), other, "partner", "2024-09-02", None).expect(201);
        // Nor anybody who could not read what there is to sign.
        let mut conn = town.connection();
        conn.batch_execute("UPDATE projects SET sensitivity = sensitivity + 1").expect("above partners");
        named(json!(president)).refused(422, "AGREEMENT_SIGNATORY");
        conn.batch_execute("UPDATE projects SET sensitivity = sensitivity - 1").expect("as it was");
        let agreed = named(json!(president)).expect(201);
        assert_eq!(agreed.text("/partner_signatory_id"), president.to_string());
        scene.verify_account("accountant", &project).expect(200);
        let body = json!({ "side": "partner", "on": "2025-02-03", "document_sha256": PAPER });
        let sign = |client: &Client, body: &Value| client.act(&project, "/signatures", body);
        sign(&town.client("council-registrar"), &body).refused(403, "AGREEMENT_SIDE");
        sign(&town.client_of(other), &body).refused(403, "AGREEMENT_SIDE");
        sign(&town.client("mayor"), &body).refused(403, "AGREEMENT_SIDE");
        sign(&town.client_of(president), &with(body.clone(), &json!({ "side": "funder" }))).refused(403, "AGREEMENT_SIDE");
        // The database holds it by itself.
        let now = if matches!(conn, db::connection::Conn::Sqlite(_)) { "0" } else { "now()" };
        let id = project.rsplit('/').next().expect("an id").parse().expect("an id");
        let insert = |side: &str, by: Uuid| {
            let ids = [town.commune_id(), id, by].map(|id| sql_id(town, id));
            format!(
                "INSERT INTO project_signatures (organisation_id, project_id, signed_by, side, signed_on, document_sha256, recorded_at) \
                 VALUES ({}, '{side}', '2025-02-03', '{PAPER}', {now})",
                ids.join(", ")
            )
        };
        for broken in [insert("partner", town.person("council-registrar").0), insert("funder", president.0)] {
            assert!(conn.batch_execute(&broken).is_err(), "{broken}");
        }
        for broken in ["partner_signatory_id = NULL", "channel = 'in_kind'"] {
            assert!(conn.batch_execute(&format!("UPDATE project_agreements SET {broken}")).is_err(), "{broken}");
        }
        let signed = sign(&town.client_of(president), &body).expect(200);
        assert_eq!(signed.text("/signatures/0/signed_by"), president.to_string());
        sign(&town.client_of(president), &body).refused(409, "AGREEMENT_SIGNED");
        scene.sign("mayor", &project, "funder").expect(200);
        assert_eq!(scene.state(&project), "contracted");
    }

    Stage::Open, fn a_project_is_not_paid_from_what_was_used_past_it(town) {
        let scene = scene(town);
        let (project, purpose) = scene.approved("QIP-1", &json!({}));
        let used = json!({ "kind": "disbursement", "amount": "1", "currency": "USD", "on": "2018-07-15", "reference": "R-1" });
        town.client("accountant").act(&purpose, "/uses", &used).expect(200);
        scene.agree(&project, &json!({})).expect(201);
        scene.verify_account("accountant", &project).expect(200);
        scene.sign("council-registrar", &project, "partner").expect(200);
        scene.sign("mayor", &project, "funder").refused(409, "FUND_PURPOSE_USED");
        // The fund takes back what its bank sent back.
        town.client("accountant").act(&purpose, "/uses", &super::with(used, &json!({ "kind": "reversal" }))).expect(200);
        scene.sign("mayor", &project, "funder").expect(200);
        assert_eq!(scene.state(&project), "contracted");
    }

    Stage::Open, fn an_approval_that_lapsed_is_not_agreed_on(town) {
        let scene = scene(town);
        let (project, _) = scene.approved("QIP-1", &json!({}));
        town.on("2025-05-05");
        scene.agree(&project, &json!({})).refused(422, "APPROVAL_LAPSED");
    }

    Stage::Open, fn ac_32_inv_10_inv_11_three_people_let_a_tranche_through(town) {
        let scene = scene(town);
        let (project, _) = scene.contracted("QIP-1", &json!({}));
        scene.request(&project, 3).refused(409, "PROJECT_NOT_PAYABLE");
        let first = scene.requested(&project, 1);
        scene.request(&project, 1).refused(409, "TRANCHE_TAKEN");
        let certify = |login: &str| scene.act(login, &first, "/certification", &json!({}));
        let approve = || scene.act("mayor", &first, "/approval", &json!({}));
        let reason = json!({ "reason": "Pièce manquante" });
        let reject = |disbursement: &str| scene.act("certifier", disbursement, "/rejection", &reason);
        let back = json!({ "on": "2025-02-03", "reason": "Compte clos" });
        certify("finance-officer").refused(403, "SOD_VIOLATION");
        approve().refused(409, "DISBURSEMENT_STATE_INVALID");
        scene.pay(&first).refused(409, "DISBURSEMENT_STATE_INVALID");
        certify("certifier").expect(200);
        certify("certifier").refused(409, "DISBURSEMENT_STATE_INVALID");
        approve().expect(200);
        // The database refuses what the rules refuse.
        let mut conn = town.connection();
        let person = |login: &str| sql_id(town, town.person(login).0);
        for broken in [
            format!("UPDATE project_disbursements SET approved_by = {}", person("certifier")),
            format!("UPDATE project_disbursements SET approved_by = {}", person("finance-officer")),
            format!("UPDATE project_disbursements SET certified_by = {}", person("finance-officer")),
            "UPDATE project_disbursements SET certified_by = NULL".to_owned(),
            "UPDATE project_disbursements SET state = 'paid'".to_owned(),
        ] {
            assert!(conn.batch_execute(&broken).is_err(), "{broken}");
        }
        let future = json!({ "on": "2025-02-04", "bank_reference": "VIR-1" });
        town.client("accountant").act(&first, "/payment", &future).refused(422, "DATE_IN_FUTURE");
        scene.act("accountant", &first, "/reversal", &back).refused(409, "DISBURSEMENT_STATE_INVALID");
        reject(&first).expect(200);
        reject(&first).refused(409, "DISBURSEMENT_STATE_INVALID");
        // What was rejected can be requested again; who asks does not approve.
        let asked = scene.act("mayor", &project, "/disbursements", &json!({ "tranche": 1 }));
        asked.refused(403, "SOD_VIOLATION");
        let again = scene.requested(&project, 1);
        scene.let_through(&again);
        scene.pay(&again).expect(200);
        assert_eq!(town.client("auditor").get(&format!("{project}/disbursements")).json()["data"].as_array().map(Vec::len), Some(2));
        // INV-10, held by the database: no more is paid than was agreed.
        let (org, id) = (sql_id(town, town.commune_id()), Uuid::new_v4());
        let columns = "organisation_id, id, project_id, tranche, amount, state, requested_by, requested_on, certified_by, approved_by, recorded_at, version";
        let now = if matches!(conn, db::connection::Conn::Sqlite(_)) { "0" } else { "now()" };
        let project_id = sql_id(town, project.rsplit('/').next().expect("an id").parse().expect("an id"));
        let (asks, certifies, approves) = (person("finance-officer"), person("certifier"), person("mayor"));
        let insert = format!(
            "INSERT INTO project_disbursements ({columns}) VALUES ({org}, {}, {project_id}, 2, 839401, 'approved', {asks}, '2025-02-03', {certifies}, {approves}, {now}, 1)",
            sql_id(town, id)
        );
        conn.batch_execute(&insert).expect("a request of more than the tranche");
        let pay = format!(
            "UPDATE project_disbursements SET state = 'paid', paid_by = {asks}, paid_on = '2025-02-03', bank_reference = 'x', act_id = {org} WHERE id = {}",
            sql_id(town, id)
        );
        assert!(conn.batch_execute(&pay).is_err(), "above the agreement");
        conn.batch_execute(&pay.replace("state = 'paid'", "amount = 839400, state = 'paid'")).expect("within it");
    }

    Stage::Open, fn ac_32_who_certified_does_not_approve(town) {
        let scene = scene(town);
        let (project, _) = scene.contracted("QIP-1", &json!({}));
        let first = scene.requested(&project, 1);
        scene.act("mayor", &first, "/certification", &json!({})).expect(200);
        let refused = scene.act("mayor", &first, "/approval", &json!({})).refused(403, "SOD_VIOLATION");
        assert_eq!((refused.text("/facts/duty"), refused.text("/facts/held")), ("finance_approver".to_owned(), "finance_certifier".to_owned()));
        assert_eq!(town.client("auditor").get(&first).expect(200).text("/state"), "certified");
        // Nor does it do so on another request of the same project.
        scene.act("certifier", &first, "/rejection", &json!({ "reason": "Autre signataire" })).expect(200);
        let again = scene.requested(&project, 1);
        scene.act("certifier", &again, "/certification", &json!({})).expect(200);
        scene.act("mayor", &again, "/approval", &json!({})).refused(403, "SOD_VIOLATION");
    }

    Stage::Open, fn a_payment_that_comes_back_can_be_made_again(town) {
        let scene = scene(town);
        let (project, purpose) = scene.contracted("QIP-1", &json!({}));
        let first = scene.paid(&project, 1);
        let back = |on: &str| scene.act("accountant", &first, "/reversal", &json!({ "on": on, "reason": "Compte clos" }));
        back("2025-02-04").refused(422, "DATE_IN_FUTURE");
        let reversed = back("2025-02-03").expect(200);
        assert_eq!(reversed.text("/state"), "reversed");
        assert_eq!((scene.moved(&purpose, "disbursement"), scene.moved(&purpose, "reversal")), (vec!["33576.00".to_owned()], vec!["33576.00".to_owned()]));
        scene.act("finance-officer", &project, "/start", &json!({})).refused(422, "PAYMENT_MISSING");
        scene.paid(&project, 1);
        scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
        assert_eq!(scene.moved(&purpose, "disbursement").len(), 2);
        town.verify().expect("the books are right");
    }

    Stage::Open, fn what_was_paid_is_not_cancelled(town) {
        let scene = scene(town);
        let (project, _) = scene.contracted("QIP-1", &json!({}));
        scene.paid(&project, 1);
        let committee = scene.committee(&json!({})).expect(201).id();
        let refused = scene.motion(&project, committee, &THREE, &json!({ "action": "cancel" })).refused(409, "PAYMENT_EXISTS");
        assert_eq!(refused.text("/errors/1/code"), "PROJECT_ALLOCATED");
    }

    Stage::Open, fn a_tranche_is_not_paid_from_what_was_given_back(town) {
        let scene = scene(town);
        let (purpose, allocation) = scene.funded("41970");
        let project = scene.recommended("QIP-1", &json!({ "proposal/fund_purpose_id": purpose }));
        scene.approve(&project);
        scene.agree(&project, &json!({})).expect(201);
        scene.sign_both(&project);
        let first = scene.requested(&project, 1);
        scene.let_through(&first);
        let back = json!({ "amount": "8394.01", "currency": "USD", "reason": "Erreur", "on": "2018-07-16" });
        town.client("mayor").act(&town.path(&format!("/fund-allocations/{allocation}")), "/release", &back).expect(200);
        scene.pay(&first).refused(422, "FUND_USE_EXCEEDED");
        assert_eq!(town.client("auditor").get(&first).expect(200).text("/state"), "approved", "nothing was stored");
    }

    Stage::Open, fn of_two_who_pay_at_two_servers_one_does(town) {
        let scene = scene(town);
        let (project, purpose) = scene.contracted("QIP-1", &json!({}));
        let annex = town.annex(api::config::SignInPolicy::default());
        let eight = |login: &str| -> Vec<Client> {
            let token = town.token_of(town.person(login));
            (0..8).map(|index| if index % 2 == 0 { town.client(login) } else { annex.client(Some(token.clone())) }).collect()
        };
        // Each asks as if nobody else did: with a key of their own, on the version that all of them read.
        let race = |login: &str, resource: &str, action: &str, body: &Value| {
            let etag = town.client(login).get(resource).expect(200).etag();
            let answers = at_once(&eight(login), |client| client.act_on(&format!("{resource}{action}"), &etag, body));
            let (won, lost): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|answer| answer.status < 300);
            assert_eq!(won.len(), 1, "{action}: {lost:?}");
            assert!(lost.iter().all(|answer| matches!(answer.status, 409 | 412)), "{action}: {lost:?}");
            won.into_iter().next().expect("one")
        };
        let asked = race("finance-officer", &project, "/disbursements", &json!({ "tranche": 1 }));
        let first = format!("{project}/disbursements/{}", asked.id());
        race("certifier", &first, "/certification", &json!({}));
        race("mayor", &first, "/approval", &json!({}));
        race("accountant", &first, "/payment", &json!({ "on": "2025-02-03", "bank_reference": "VIR-1" }));
        assert_eq!(scene.moved(&purpose, "disbursement"), ["33576.00"], "one effect");
        race("accountant", &first, "/reversal", &json!({ "on": "2025-02-03", "reason": "Compte clos" }));
        assert_eq!(scene.moved(&purpose, "reversal"), ["33576.00"], "one effect");
        town.verify().expect("the books are right");
    }
}
