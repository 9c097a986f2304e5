//! Endowments: from the envelope to the drawing right, and from the right to the last tranche that is justified.

mod drawing_right;
mod refusals;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// Whether a path leads to campaigns or rights, which an agency has, and no commune.
pub fn is_of_a_grantor(path: &str) -> bool {
    ["/endowment-campaigns", "/drawing-rights"].iter().any(|part| path.contains(part))
}

/// The agency that was founded last.
pub fn grantor(town: &Town) -> Option<String> {
    let agencies = town.stranger().get("/v1/organisations?kind=partner&limit=200").expect(200).json()["data"].clone();
    agencies.as_array()?.last()?["id"].as_str().map(str::to_owned)
}

/// An agency with endowments, where everybody has the roles that they have in the commune.
pub struct Agency<'t> {
    pub town: &'t Town,
    pub id: Uuid,
}

/// The criteria of the worked example: code and weight.
const CRITERIA: [(&str, i64); 4] = [("population", 4000), ("poverty", 2500), ("remoteness", 1500), ("effort", 2000)];

/// The fictional data of the worked example: population, poverty index, kilometres to a road, effort, what is due, account transmitted.
const DATA: [(i64, i64, i64, i64, &str, bool); 6] = [
    (18_400, 6200, 85, 7100, "40091000", true),
    (9_750, 7400, 140, 3800, "31040000", true),
    (31_200, 4800, 20, 5500, "44000000", true),
    (6_300, 8100, 210, 1200, "27652000", true),
    (14_900, 6600, 60, 8300, "37217000", true),
    (22_050, 5000, 100, 5000, "0", false),
];

impl<'t> Agency<'t> {
    pub fn found(town: &'t Town) -> Self {
        let admin = town.client("administrator");
        let known = admin.get("/v1/organisations?limit=200").expect(200).json();
        let code = format!("AGENCE-{}", known["data"].as_array().expect("rows").len());
        let body = json!({ "kind": "partner", "code": code, "name": "Agence fictive", "currency": "XOF", "fictional": true });
        let id = admin.create("/v1/organisations", &body).expect(201).id();
        let held = admin.get(&town.path("/role-assignments")).expect(200).json();
        for row in held["data"].as_array().expect("rows").iter().filter(|row| row["role"] != "authorising_delegate") {
            let mut body = json!({});
            for member in ["principal_id", "role", "seat_id", "valid_from"] {
                body[member] = row[member].clone();
            }
            admin.create(&format!("/v1/organisations/{id}/role-assignments"), &body).expect(201);
        }
        // For two seconds the service believes the roles that it read last.
        std::thread::sleep(std::time::Duration::from_millis(2100));
        Self { town, id }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/v1/organisations/{}{rest}", self.id)
    }

    fn client(&self, login: &str) -> Client {
        self.town.client(login)
    }

    /// What the worked example asks for, with some of it changed.
    pub fn asking(more: &Value) -> Value {
        let criterion = |(code, weight): (&str, i64)| json!({ "code": code, "label_fr": code, "label_en": code, "weight_bps": weight });
        let mut body = json!({
            "fiscal_year": 2025, "endowment_type": "D_INVEST", "level": "commune", "title": "Dotation fictive 2025",
            "envelope": "180000000", "unit": "1000", "floor": "12000000", "cap": "44000000", "currency": "XOF", "zero_total": "refuse",
            "criteria": CRITERIA.map(criterion), "rules": ["budget_executable", "administrative_account_transmitted"],
            "data_date": "2025-01-15", "rights_expire_on": "2025-12-31",
        });
        for (name, value) in more.as_object().expect("members") {
            body[name] = value.clone();
        }
        body
    }

    /// Begins a campaign.
    pub fn begin(&self, more: &Value) -> Answer {
        self.client("finance-officer").create(&self.path("/endowment-campaigns"), &Self::asking(more))
    }

    pub fn campaign(&self, more: &Value) -> String {
        self.path(&format!("/endowment-campaigns/{}", self.begin(more).expect(201).id()))
    }

    /// The codes of the commune and of five others.
    pub fn codes(&self) -> Vec<String> {
        let anyone = self.town.stranger();
        let own = anyone.get(&self.town.path("")).expect(200).text("/territorial_unit_id");
        let others = anyone.get("/v1/territorial-units?level=commune&limit=7").expect(200).json()["data"].clone();
        let others = others.as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id").to_owned());
        let units: Vec<String> = std::iter::once(own.clone()).chain(others.filter(|unit| *unit != own)).take(6).collect();
        units.iter().map(|unit| anyone.get(&format!("/v1/territorial-units/{unit}")).expect(200).text("/codes/0/code")).collect()
    }

    /// The candidates of the worked example; the commune is the first. What the service knows is not what is declared of it.
    pub fn candidates(&self) -> Vec<Value> {
        let row = |(index, code): (usize, String)| {
            let (population, poverty, km, effort, _, account) = DATA[index];
            let values = [("population", population), ("poverty", population * poverty), ("remoteness", km), ("effort", effort)];
            let facts = [("budget_executable", index > 0), ("administrative_account_transmitted", account)];
            json!({
                "code": code, "population": population, "source": "Fictif",
                "values": values.map(|(criterion, value)| json!({ "criterion": criterion, "value": value })),
                "facts": facts.map(|(rule, holds)| json!({ "rule": rule, "holds": holds })),
            })
        };
        self.codes().into_iter().take(DATA.len()).enumerate().map(row).collect()
    }

    /// Puts data in the place of all data.
    pub fn put(&self, campaign: &str, kind: &str, body: &[u8]) -> Answer {
        let finance = self.client("finance-officer");
        let etag = finance.get(campaign).expect(200).etag();
        let key = Uuid::new_v4().to_string();
        let headers = [("content-type", kind), ("idempotency-key", key.as_str()), ("if-match", etag.as_str())];
        finance.send("PUT", &format!("{campaign}/candidates"), &headers, body)
    }

    pub fn load(&self, campaign: &str, candidates: &[Value]) -> Answer {
        self.put(campaign, "application/json", json!({ "candidates": candidates }).to_string().as_bytes())
    }

    /// An act without a body.
    pub fn act(&self, login: &str, campaign: &str, action: &str) -> Answer {
        self.client(login).act(campaign, action, &json!({}))
    }

    pub fn validate(&self, login: &str, campaign: &str) -> Answer {
        let body = json!({ "decision_reference": "CA-2025-01", "decided_on": "2025-02-03", "document_sha256": "a".repeat(64) });
        self.client(login).act(campaign, "/validation", &body)
    }

    /// A campaign with the data of the worked example, frozen.
    pub fn frozen(&self, more: &Value) -> String {
        let campaign = self.campaign(more);
        self.load(&campaign, &self.candidates()).expect(200);
        self.act("finance-officer", &campaign, "/freezing").expect(200);
        campaign
    }

    /// A campaign with the data of the worked example, notified.
    pub fn notified(&self, more: &Value) -> String {
        let campaign = self.frozen(more);
        self.act("finance-officer", &campaign, "/calculation").expect(200);
        self.validate("council-registrar", &campaign).expect(200);
        self.act("mayor", &campaign, "/notification").expect(200);
        campaign
    }

    /// The path of the commune's right by a campaign, under the agency.
    pub fn right(&self, campaign: &str) -> String {
        let id = campaign.rsplit('/').next().expect("an id");
        let list = self.town.path(&format!("/drawing-rights?endowment_campaign_id={id}"));
        self.path(&format!("/drawing-rights/{}", self.client("auditor").get(&list).expect(200).text("/data/0/id")))
    }

    /// An agreement on the right, for a project that stands on three lines of capital expenditure.
    pub fn agree(&self, right: &str, reference: &str, more: &Value) -> Answer {
        self.client("mayor").act(right, "/agreements", &self.agreement(reference, more))
    }

    pub fn agreement(&self, reference: &str, more: &Value) -> Value {
        let lines = ["I-D-23-231-01", "I-D-23-233-01", "I-D-24-241-01"].map(|code| self.town.line(code));
        let mut body = json!({
            "reference": reference, "project": "Salles de classe, forage, tables-bancs", "total_cost": "35000000", "currency": "XOF",
            "revenue_line_id": self.town.line("I-R-14-141-01"), "signed_on": "2025-02-03", "document_sha256": "b".repeat(64),
            "expenditure_line_ids": lines,
        });
        for (name, value) in more.as_object().expect("members") {
            body[name] = value.clone();
        }
        body
    }

    pub fn disburse(&self, right: &str, agreement: &str, amount: &str, more: &Value) -> Answer {
        let mut body = json!({
            "drawing_agreement_id": agreement, "amount": amount, "currency": "XOF", "disbursed_on": "2025-02-03", "reference": "VIR-1",
        });
        for (name, value) in more.as_object().expect("members") {
            body[name] = value.clone();
        }
        self.client("accountant").act(right, "/tranches", &body)
    }

    pub fn justify(&self, right: &str, agreement: &str, tranche: i32, amount: &str) -> Answer {
        let body = json!({
            "drawing_agreement_id": agreement, "tranche": tranche, "amount": amount, "currency": "XOF", "document_sha256": "c".repeat(64),
        });
        self.client("accountant").act(right, "/justifications", &body)
    }

    /// The id of the first agreement on a right.
    pub fn first_agreement(&self, right: &str) -> String {
        self.client("auditor").get(right).expect(200).text("/agreements/0/id")
    }
}

/// A campaign that is notified, an agreement with a tranche on its right, and something of every other state: the ids of all.
pub fn played(town: &Town) -> [(&'static str, String); 4] {
    let agency = Agency::found(town);
    let campaign = agency.notified(&json!({}));
    let right = agency.right(&campaign);
    agency.agree(&right, "CONV-1", &json!({})).expect(200);
    let agreement = agency.first_agreement(&right);
    agency.disburse(&right, &agreement, "16800000", &json!({})).expect(200);
    agency.justify(&right, &agreement, 1, "800000").expect(200);
    let reopened = agency.frozen(&json!({ "title": "Simulation" }));
    agency.act("finance-officer", &reopened, "/reopening").expect(200);
    let last = |path: &str| path.rsplit('/').next().expect("an id").to_owned();
    [
        ("grantor_id", agency.id.to_string()),
        ("endowment_campaign_id", last(&campaign)),
        ("drawing_right_id", last(&right)),
        ("drawing_agreement_id", agreement),
    ]
}

/// What each of the six gets, in the order of the worked example.
fn amounts(agency: &Agency<'_>, shares: &Value, member: &str) -> Vec<String> {
    let shares = shares.as_array().expect("shares");
    let of = |code: &String| {
        shares.iter().find(|share| share["code"] == json!(code)).expect("a share")[member].as_str().expect("text").to_owned()
    };
    agency.codes().iter().map(of).collect()
}

fn tamper(town: &Town, statement: &str) {
    let mut conn = town.connection();
    conn.batch_execute("CREATE TABLE tampered (id BIGINT)").expect("a mark");
    conn.batch_execute(statement).expect("tampered");
}

on_both_engines! {
    Stage::Open, fn inv_36_an_envelope_is_divided_to_the_franc_published_and_recalculated_to_the_byte(town) {
        let agency = Agency::found(town);
        let campaign = agency.frozen(&json!({}));
        assert_eq!(town.stranger().get(&campaign).status, 404, "not published");
        let calculated = agency.act("finance-officer", &campaign, "/calculation").expect(200);
        assert_eq!(calculated.text("/state"), "calculated");
        agency.validate("council-registrar", &campaign).expect(200);
        agency.act("mayor", &campaign, "/notification").expect(200);
        town.stranger().get(&format!("{campaign}/allocation")).refused(404, "NOT_FOUND");
        agency.act("mayor", &campaign, "/publication").expect(200);
        let closed = agency.act("mayor", &campaign, "/closure").expect(200);
        assert_eq!((closed.text("/state"), closed.text("/published_on")), ("closed".to_owned(), "2025-02-03".to_owned()));
        let allocation = town.stranger().get(&format!("{campaign}/allocation")).expect(200).json();
        assert_eq!(amounts(&agency, &allocation["shares"], "amount"), DATA.map(|row| row.4));
        assert_eq!((&allocation["identical"], &allocation["recalculated_sha256"]), (&json!(true), &json!(calculated.text("/outcome_sha256"))));
        assert_eq!((&allocation["reserve"], &allocation["eligible"]), (&json!("0"), &json!(5)));
        let codes = agency.codes();
        let share = |index: usize| allocation["shares"].as_array().expect("shares").iter().find(|share| share["code"] == json!(codes[index])).expect("a share").clone();
        assert_eq!(share(0)["score"], "0.229716");
        assert_eq!(share(5)["failing"], json!(["administrative_account_transmitted"]));
        let facts = share(0)["facts"].clone();
        assert_eq!(facts[0], json!({ "rule": "budget_executable", "holds": true, "basis": "computed" }), "declared otherwise");
        assert_eq!(share(1)["facts"][0]["basis"], "declared");
    }

    Stage::Open, fn without_a_cap_and_for_one_alone_the_envelope_is_divided_to_the_franc(town) {
        let agency = Agency::found(town);
        let calculated = |more: &Value, candidates: &[Value]| {
            let campaign = agency.campaign(more);
            agency.load(&campaign, candidates).expect(200);
            agency.act("finance-officer", &campaign, "/freezing").expect(200);
            agency.act("finance-officer", &campaign, "/calculation").expect(200);
            town.client("auditor").get(&format!("{campaign}/allocation")).expect(200).json()
        };
        let free = calculated(&json!({ "cap": null, "unit": "1" }), &agency.candidates());
        assert_eq!(amounts(&agency, &free["shares"], "amount"), ["39565904", "30684072", "45644367", "27360118", "36745539", "0"]);
        let alone = calculated(&json!({ "cap": null }), &agency.candidates()[..1]);
        assert_eq!((&alone["shares"][0]["amount"], &alone["reserve"]), (&json!("180000000"), &json!("0")));
        let capped = calculated(&json!({ "cap": "30000000" }), &agency.candidates());
        assert_eq!((amounts(&agency, &capped["shares"], "amount"), &capped["reserve"]), (["30000000", "30000000", "30000000", "30000000", "30000000", "0"].map(str::to_owned).to_vec(), &json!("30000000")));
        assert_eq!(capped["warnings"], json!(["ENDOWMENT_RESIDUAL_RESERVE"]));
    }

    Stage::Played, fn the_demonstration_allots_an_endowment_to_all_communes(town) {
        town.allot();
        let anyone = town.stranger();
        let agencies = anyone.get("/v1/organisations?kind=partner&q=agence").expect(200).json();
        let agency = agencies["data"].as_array().expect("rows").iter().find(|row| row["code"] == "ML-AGENCE").expect("the agency").clone();
        let campaigns = format!("/v1/organisations/{}/endowment-campaigns", agency["id"].as_str().expect("an id"));
        let campaign = anyone.get(&campaigns).expect(200).text("/data/0/id");
        let allocation = anyone.get(&format!("{campaigns}/{campaign}/allocation")).expect(200).json();
        let shares = allocation["shares"].as_array().expect("shares");
        // The 703 of the country, and the fictional one.
        assert_eq!((shares.len(), &allocation["identical"]), (704, &json!(true)));
        assert!(shares.iter().all(|share| share["source"] == "Fictif"));
        for name in ["Alata", "Intadjedite"] {
            assert_eq!(shares.iter().filter(|share| share["name"] == json!(name)).count(), 1, "{name}");
        }
        let sum: i64 = shares.iter().map(|share| share["amount"].as_str().expect("an amount").parse::<i64>().expect("francs")).sum();
        assert_eq!(sum + allocation["reserve"].as_str().expect("an amount").parse::<i64>().expect("francs"), 20_000_000_000);
    }

    Stage::Open, fn candidates_are_named_by_code_by_unit_or_by_organisation(town) {
        let agency = Agency::found(town);
        let anyone = town.stranger();
        let unit = |name: &str| {
            let found = anyone.get(&format!("/v1/territorial-units?level=commune&q={name}")).expect(200).json();
            let mut exact = found["data"].as_array().expect("rows").iter().filter(|unit| unit["name"] == json!(name));
            exact.next().expect("a commune")["id"].as_str().expect("an id").to_owned()
        };
        // No scheme has a code for these two.
        let nameless = ["Alata", "Intadjedite"].map(unit);
        let mut candidates = agency.candidates();
        let named = |row: &mut Value, member: &str, value: Value| {
            drop(row.as_object_mut().expect("members").remove("code"));
            row[member] = value;
        };
        let own = anyone.get(&town.path("")).expect(200);
        named(&mut candidates[0], "organisation_id", own.json()["id"].clone());
        named(&mut candidates[1], "territorial_unit_id", json!(nameless[0]));
        named(&mut candidates[2], "territorial_unit_id", json!(nameless[1]));
        let campaign = agency.campaign(&json!({}));
        agency.load(&campaign, &candidates).expect(200);
        agency.act("finance-officer", &campaign, "/freezing").expect(200);
        agency.act("finance-officer", &campaign, "/calculation").expect(200);
        agency.validate("council-registrar", &campaign).expect(200);
        agency.act("mayor", &campaign, "/notification").expect(200);
        let rights = town.client("auditor").get(&agency.path("/drawing-rights")).expect(200).json();
        let of = |unit: &str| {
            let rows = rights["data"].as_array().expect("rows");
            rows.iter().find(|row| row["territorial_unit_id"] == json!(unit)).expect("a right").clone()
        };
        let shown = |row: &Value| ["name", "territorial_code", "amount"].map(|member| row[member].as_str().expect("text").to_owned());
        assert_eq!(shown(&of(&nameless[0])), ["Alata".to_owned(), nameless[0].clone(), "31040000".to_owned()]);
        assert_eq!(shown(&of(&nameless[1])), ["Intadjedite".to_owned(), nameless[1].clone(), "44000000".to_owned()]);
        let mine = of(&own.text("/territorial_unit_id"));
        assert_eq!((&mine["territorial_code"], &mine["amount"]), (&json!(agency.codes()[0]), &json!("40091000")), "a code where there is one");
        // By exactly one of the three, which exists, once.
        let other = agency.campaign(&json!({}));
        let wrong = |change: &dyn Fn(&mut Value)| {
            let mut row = agency.candidates()[1].clone();
            change(&mut row);
            agency.load(&other, &[row, candidates[1].clone()])
        };
        let refusal = wrong(&|row| drop(row.as_object_mut().expect("members").remove("code"))).refused(422, "ENDOWMENT_CANDIDATE_UNNAMED");
        assert_eq!(refusal.pointers(), ["/candidates/0"]);
        wrong(&|row| row["territorial_unit_id"] = json!(nameless[1])).refused(422, "ENDOWMENT_CANDIDATE_UNNAMED");
        wrong(&|row| named(row, "territorial_unit_id", json!(Uuid::new_v4()))).refused(422, "ENDOWMENT_CANDIDATE_UNKNOWN");
        wrong(&|row| named(row, "organisation_id", json!(agency.id))).refused(422, "ENDOWMENT_CANDIDATE_UNKNOWN");
        wrong(&|row| named(row, "territorial_unit_id", json!(nameless[0]))).refused(422, "ENDOWMENT_CANDIDATE_DUPLICATE");
        let csv = format!("territorial_unit_id;population;poverty;remoteness;effort;source\n{};6300;51030000;210;1200;Fictif\n", nameless[1]);
        agency.put(&other, "text/csv", csv.as_bytes()).expect(200);
    }

    Stage::Open, fn inv_38_the_order_of_the_data_and_their_form_do_not_matter(town) {
        let agency = Agency::found(town);
        let (first, second) = (agency.campaign(&json!({})), agency.campaign(&json!({})));
        let candidates = agency.candidates();
        agency.load(&first, &candidates).expect(200);
        let mut csv = "code;population;poverty;remoteness;effort;budget_executable;administrative_account_transmitted;source\n".to_owned();
        for row in candidates.iter().rev() {
            let cells: Vec<String> = row["values"].as_array().expect("values").iter().map(|value| value["value"].to_string()).collect();
            let facts: Vec<String> = row["facts"].as_array().expect("facts").iter().map(|fact| fact["holds"].to_string()).collect();
            csv += &format!("{};{};{};Fictif\n", row["code"].as_str().expect("text"), cells.join(";"), facts.join(";"));
        }
        agency.put(&second, "text/csv", csv.as_bytes()).expect(200);
        let digests = [first, second].map(|campaign| {
            agency.act("finance-officer", &campaign, "/freezing").expect(200);
            agency.act("finance-officer", &campaign, "/calculation").expect(200).text("/outcome_sha256")
        });
        assert_eq!(digests[0], digests[1]);
    }

    Stage::Open, fn a_scenario_stands_beside_the_campaign_and_nothing_is_stored(town) {
        let agency = Agency::found(town);
        let campaign = agency.campaign(&json!({}));
        agency.load(&campaign, &agency.candidates()).expect(200);
        let before = crate::access::rows(town);
        let auditor = town.client("auditor");
        let simulation = auditor.get(&format!("{campaign}/simulation?cap=30000000")).expect(200).json();
        assert_eq!(amounts(&agency, &simulation["shares"], "amount"), DATA.map(|row| row.4));
        assert_eq!(amounts(&agency, &simulation["shares"], "scenario")[..5], ["30000000"; 5]);
        assert_eq!(amounts(&agency, &simulation["shares"], "difference")[..2], ["-10091000", "-1040000"]);
        assert_eq!((&simulation["scenario_reserve"], &simulation["warnings"]), (&json!("30000000"), &json!(["ENDOWMENT_RESIDUAL_RESERVE"])));
        let weighed = auditor.get(&format!("{campaign}/simulation?weights=population:10000&unit=1")).expect(200).json();
        assert_ne!(amounts(&agency, &weighed["shares"], "scenario"), amounts(&agency, &weighed["shares"], "amount"));
        assert_eq!(crate::access::rows(town), before);
    }

    Stage::Open, fn a_document_that_was_changed_beneath_the_service_is_found_by_verify(town) {
        let agency = Agency::found(town);
        let campaign = agency.notified(&json!({}));
        town.verify().expect("nothing is wrong");
        tamper(town, "UPDATE endowment_campaigns SET outcome = replace(outcome, '40091000', '40092000'), outcome_sha256 = outcome_sha256");
        assert!(town.verify().expect_err("noticed").contains("are not those of the digests"), "{campaign}");
        assert_eq!(town.client("auditor").get(&format!("{campaign}/allocation")).expect(200).json()["identical"], false);
    }
}
