//! Funds, from a donor's pledge to the last cent attributed.

mod acceptance;
mod day;
mod order;
mod race;
mod refusals;
mod revision;
mod statement;
mod verified;
mod wall;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

/// A unit of the division of 2015 by its P-code: ML07 is the region of Gao, ML05 Mopti, ML08 Kidal.
pub fn place(town: &Town, code: &str) -> String {
    town.stranger().get(&format!("/v1/territorial-units?scheme=pcode&edition=2015&code={code}")).expect(200).text("/data/0/id")
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().expect("members") {
        body[name] = member.clone();
    }
    body
}

/// A trust fund in dollars.
pub fn found(town: &Town, more: &Value) -> Answer {
    let body = json!({ "code": "TF", "name": "Fonds fiduciaire (fictif)", "kind": "trust_fund", "currency": "USD" });
    town.client("finance-officer").create(&town.path("/funds"), &with(body, more))
}

pub fn register(town: &Town, code: &str, name: &str, more: &Value) -> Answer {
    let body = with(json!({ "code": code, "name": name, "kind": "state" }), more);
    town.client("finance-officer").create(&town.path("/donors"), &body)
}

pub fn rate(town: &Town, base: &str, quote: &str, rate: &str, on: &str) -> Answer {
    let body = json!({ "base": base, "quote": quote, "rate": rate, "valid_on": on, "kind": "fixture", "source": "fictional" });
    town.client("accountant").create(&town.path("/exchange-rates"), &body)
}

/// A fund with one donor.
pub struct Scene<'a> {
    pub town: &'a Town,
    pub fund: Uuid,
    pub donor: Uuid,
}

pub fn scene<'a>(town: &'a Town, more: &Value) -> Scene<'a> {
    let fund = found(town, more).expect(201).id();
    Scene { town, fund, donor: register(town, "DK", "Danemark", &json!({ "aliases": ["Denmark"] })).expect(201).id() }
}

impl Scene<'_> {
    pub fn pledge(&self, reference: &str, amount: &str, more: &Value) -> Answer {
        let body = json!({
            "fund_id": self.fund, "donor_id": self.donor, "kind": "cash", "reference": reference, "currency": "USD", "amount": amount,
            "on": "2016-01-15",
        });
        self.town.client("finance-officer").create(&self.town.path("/contributions"), &with(body, more))
    }

    /// Records a movement of a contribution.
    pub fn moved(&self, contribution: &str, kind: &str, amount: &str, more: &Value) -> Answer {
        let body = json!({ "kind": kind, "amount": amount, "currency": "USD", "on": "2016-12-01", "reference": "A-1" });
        self.town.client("accountant").act(contribution, "/movements", &with(body, more))
    }

    /// Pledged, signed and received in dollars; gives its path.
    pub fn given(&self, reference: &str, amount: &str, more: &Value) -> String {
        let path = self.town.path(&format!("/contributions/{}", self.pledge(reference, amount, more).expect(201).id()));
        self.moved(&path, "commitment", amount, &json!({})).expect(200);
        self.moved(&path, "receipt", amount, &json!({})).expect(200);
        path
    }

    pub fn define(&self, reference: &str, budget: &str, places: &[(&str, u32)], more: &Value) -> Answer {
        let places: Vec<Value> =
            places.iter().map(|(code, bps)| json!({ "territorial_unit_id": place(self.town, code), "bps": bps })).collect();
        let body = json!({
            "fund_id": self.fund, "reference": reference, "title": "Commissariat (fictif)", "sector": "security", "budget": budget,
            "currency": "USD", "places": places,
        });
        self.town.client("finance-officer").create(&self.town.path("/fund-purposes"), &with(body, more))
    }

    /// Defines a purpose; gives its path.
    pub fn purpose(&self, reference: &str, budget: &str, places: &[(&str, u32)]) -> String {
        self.town.path(&format!("/fund-purposes/{}", self.define(reference, budget, places, &json!({})).expect(201).id()))
    }

    pub fn allocate(&self, purpose: &str, amount: &str) -> Answer {
        let body = json!({ "amount": amount, "currency": "USD", "decision_reference": "PV-12", "on": "2018-06-30" });
        self.town.client("mayor").act(purpose, "/allocations", &body)
    }

    pub fn used(&self, purpose: &str, kind: &str, amount: &str) -> Answer {
        let body = json!({ "kind": kind, "amount": amount, "currency": "USD", "on": "2018-07-15", "reference": "R-1" });
        self.town.client("accountant").act(purpose, "/uses", &body)
    }

    pub fn plan(&self, purpose: &str, amount: &str) -> Answer {
        self.town.client("auditor").get(&format!("{purpose}/allocation-plan?amount={amount}"))
    }

    pub fn statement(&self, query: &str) -> Value {
        self.town.client("auditor").get(&self.town.path(&format!("/funds/{}/statement{query}", self.fund))).expect(200).json()
    }

    pub fn own_account(&self) -> String {
        let listed = self.town.client("auditor").get(&self.town.path(&format!("/contributions?kind=own&fund_id={}", self.fund)));
        self.town.path(&format!("/contributions/{}", listed.expect(200).text("/data/0/id")))
    }
}

/// The amounts of the attributions, by contribution.
pub fn parts(answer: &Answer) -> BTreeMap<String, String> {
    let rows = answer.json()["attributions"].as_array().expect("attributions").clone();
    let text = |row: &Value, name: &str| row[name].as_str().expect("text").to_owned();
    rows.iter().map(|row| (text(row, "contribution_id"), text(row, "amount"))).collect()
}

fn id(path: &str) -> String {
    path.rsplit('/').next().expect("an id").to_owned()
}

/// One act of every kind; gives the ids of what came of it.
pub fn every_act(town: &Town) -> Vec<(&'static str, String)> {
    let scene =
        scene(town, &json!({ "fee_bps": 100, "phases": [{ "name": "I", "envelope": "12100000", "themes": "Éducation à la paix" }] }));
    let rate = rate(town, "USD", "EUR", "0.94", "2016-11-30").expect(201).id();
    let earmark = json!({ "territorial_unit_ids": [place(town, "ML07")], "sectors": ["152"], "minimum_purposes": 1 });
    let pledge = json!({
        "currency": "EUR", "earmark": earmark, "instalments": [{ "due_on": "2016-12-01", "amount": "1000" }],
    });
    let contribution = town.path(&format!("/contributions/{}", scene.pledge("DK-1", "1000", &pledge).expect(201).id()));
    scene.moved(&contribution, "commitment", "1000", &json!({ "currency": "EUR" })).expect(200);
    let received = json!({ "currency": "EUR", "exchange_rate_id": rate, "credited": "1063.00" });
    scene.moved(&contribution, "receipt", "1000", &received).expect(200);
    let purpose = scene.purpose("TF-GAO-1", "5000", &[("ML07", 10_000)]);
    scene.plan(&purpose, "500").expect(200);
    let allocation = scene.allocate(&purpose, "500").expect(201).id().to_string();
    scene.used(&purpose, "disbursement", "300").expect(200);
    scene.used(&purpose, "expenditure", "100").expect(200);
    let back = json!({ "amount": "100", "currency": "USD", "reason": "Moins cher", "on": "2018-08-01" });
    town.client("mayor").act(&town.path(&format!("/fund-allocations/{allocation}")), "/release", &back).expect(200);
    let fund = town.path(&format!("/funds/{}", scene.fund));
    let back = json!({ "kind": "refund", "amount": "200", "currency": "USD", "on": "2018-08-01", "reference": "R-2" });
    town.client("accountant").act(&purpose, "/uses", &back).expect(200);
    let back = json!({ "amount": "100", "currency": "USD", "reason": "Moins cher", "on": "2018-08-01" });
    town.client("mayor").act(&town.path(&format!("/fund-allocations/{allocation}")), "/release", &back).expect(200);
    town.client("accountant").act(&purpose, "/closure", &json!({ "on": "2018-08-31", "reference": "Rapport final" })).expect(200);
    let told = json!({
        "fund_id": scene.fund, "source": "Bulletin (fictif)", "as_of": "2018-08-31", "currency": "USD", "unit": "1", "allocated_bps": 2800,
        "figures": [{ "figure": "expenditure", "amount": "100" }], "contributors": ["Denmark"],
    });
    let report = town.client("accountant").create(&town.path("/fund-reports"), &told).expect(201).id().to_string();
    let finance = town.client("finance-officer");
    let body = json!({ "name": "Fonds fiduciaire (fictif)", "fee_bps": 100, "source": "Fictif" });
    finance.act(&fund, "/revision", &body).expect(200);
    let body = json!({ "name": "Danemark", "kind": "state", "country": "DK", "aliases": ["Denmark"] });
    finance.act(&town.path(&format!("/donors/{}", scene.donor)), "/revision", &body).expect(200);
    finance.act(&contribution, "/revision", &json!({ "ends_on": "2030-12-31", "reference": "Avenant 1" })).expect(200);
    town.client("accountant").act(&fund, "/closure", &json!({ "on": "2018-12-31" })).expect(200);
    vec![
        ("fund_id", scene.fund.to_string()),
        ("donor_id", scene.donor.to_string()),
        ("exchange_rate_id", rate.to_string()),
        ("contribution_id", id(&contribution)),
        ("fund_purpose_id", id(&purpose)),
        ("fund_allocation_id", allocation),
        ("fund_report_id", report),
    ]
}

on_both_engines! {
    Stage::Open, fn ac_24_inv_22_spending_goes_back_to_donors_to_the_cent(town) {
        let scene = scene(town, &json!({}));
        let denmark = scene.given("DK-1", "60000", &json!({ "earmark": { "purposes": ["TF-1"] } }));
        let pool = |code: &str, name: &str, amount: &str| {
            let donor = register(town, code, name, &json!({})).expect(201).id();
            scene.given(code, amount, &json!({ "donor_id": donor }))
        };
        let (canada, norway) = (pool("CA", "Canada", "30000"), pool("NO", "Norvège", "70000"));
        let purpose = scene.purpose("TF-1", "100000", &[("ML07", 10_000)]);
        let allocation = scene.allocate(&purpose, "100000").expect(201);
        let lines = allocation.json()["lines"].as_array().expect("lines").clone();
        let of = |path: &str| lines.iter().find(|line| line["contribution_id"] == json!(id(path))).expect("a line").clone();
        assert_eq!((of(&denmark)["amount"].clone(), of(&denmark)["pooled"].clone()), (json!("60000.00"), json!(false)));
        assert_eq!((of(&canada)["amount"].clone(), of(&canada)["pooled"].clone()), (json!("12000.00"), json!(true)));
        assert_eq!(of(&norway)["amount"], json!("28000.00"));
        scene.used(&purpose, "disbursement", "100000").expect(200);
        // Later money does not change who pays: the pool is as it was composed on the day of the decision.
        pool("SE", "Suède", "500000");
        let spent = parts(&scene.used(&purpose, "expenditure", "33333.33").expect(200));
        let expected = [(id(&denmark), "20000.00"), (id(&canada), "4000.00"), (id(&norway), "9333.33")];
        assert_eq!(spent, expected.into_iter().map(|(id, amount)| (id, amount.to_owned())).collect());
        // What was a mistake is taken back, and what was not needed returns to those who paid it.
        scene.used(&purpose, "correction", "33333.33").expect(200);
        scene.used(&purpose, "expenditure", "99999.99").expect(200);
        let returned = scene.used(&purpose, "refund", "0.01").expect(200);
        assert_eq!(parts(&returned), BTreeMap::from([(id(&denmark), "0.01".to_owned())]));
        assert_eq!(town.client("auditor").get(&denmark).text("/available"), "0.01");
        let listed = town.client("auditor").get(&town.path(&format!("/fund-movements?kind=expenditure&contribution_id={}", id(&norway))));
        assert_eq!(listed.expect(200).json()["data"].as_array().map(Vec::len), Some(2));
    }

    Stage::Open, fn ac_24_a_hundred_over_three_equal_donors_leaves_no_cent(town) {
        let scene = scene(town, &json!({}));
        let three = ["DK-1", "DK-2", "DK-3"].map(|reference| scene.given(reference, "100", &json!({})));
        let purpose = scene.purpose("TF-1", "300", &[("ML07", 10_000)]);
        scene.allocate(&purpose, "300").expect(201);
        scene.used(&purpose, "disbursement", "300").expect(200);
        let spent = parts(&scene.used(&purpose, "expenditure", "100").expect(200));
        let mut ids = three.map(|path| id(&path));
        ids.sort();
        assert_eq!(ids.map(|id| spent[&id].clone()), ["33.34", "33.33", "33.33"]);
    }

    Stage::Open, fn ac_25_inv_21_an_earmark_pays_its_portion_and_nothing_else(town) {
        let scene = scene(town, &json!({}));
        let gao = scene.given("DK-1", "500000", &json!({ "earmark": { "territorial_unit_ids": [place(town, "ML07")] } }));
        let both = scene.purpose("TF-1", "100000", &[("ML0701", 6000), ("ML05", 4000)]);
        let refusal = scene.allocate(&both, "60000.01").refused(422, "EARMARK_PORTION");
        assert_eq!(refusal.text("/facts/possible"), "60000.00");
        let plan = scene.plan(&both, "60000.01").expect(200).json();
        assert_eq!((plan["possible"].clone(), plan["missing"].clone()), (json!(false), json!("0.01")));
        assert_eq!(plan["shares"][0]["limits"], json!(["portion"]));
        scene.allocate(&both, "60000").expect(201);
        scene.allocate(&both, "0.01").refused(422, "EARMARK_PORTION");
        assert_eq!(town.client("auditor").get(&gao).text("/available"), "440000.00");
        let kidal = scene.purpose("TF-2", "1000", &[("ML08", 10_000)]);
        scene.allocate(&kidal, "1").refused(422, "EARMARK_MISMATCH");
        let plan = scene.plan(&kidal, "1").expect(200).json();
        assert_eq!((plan["shares"][0]["limits"].clone(), plan["shares"][0]["mismatches"].clone()), (json!(["earmark"]), json!(["place"])));
        // A plan stores nothing.
        assert_eq!(town.client("auditor").get(&town.path("/fund-allocations")).json()["data"].as_array().map(Vec::len), Some(1));
    }

    Stage::Open, fn ac_11_inv_20_a_receipt_in_euros_names_its_rate_and_the_difference_is_the_funds(town) {
        let scene = scene(town, &json!({ "fee_bps": 100 }));
        let pledge = json!({ "currency": "EUR", "earmark": { "purposes": ["protected-mobility"] } });
        let germany = town.path(&format!("/contributions/{}", scene.pledge("DE-1", "3500000", &pledge).expect(201).id()));
        let euros = json!({ "currency": "EUR" });
        scene.moved(&germany, "commitment", "3500000", &with(euros.clone(), &json!({ "fee_bps": 0 }))).expect(200);
        scene.moved(&germany, "receipt", "3500000", &euros).refused(422, "EXCHANGE_RATE_MISSING");
        let late = rate(town, "USD", "EUR", "0.94", "2017-01-01").expect(201).id();
        let named = |rate: Uuid| json!({ "currency": "EUR", "exchange_rate_id": rate, "credited": "3723000.00" });
        scene.moved(&germany, "receipt", "3500000", &named(late)).refused(422, "EXCHANGE_RATE_MISSING");
        let parity = rate(town, "EUR", "XOF", "655.957", "2016-01-01").expect(201);
        assert_eq!(parity.text("/rate"), "655.957");
        scene.moved(&germany, "receipt", "3500000", &named(parity.id())).refused(422, "EXCHANGE_RATE_MISSING");
        let fixture = rate(town, "USD", "EUR", "0.94", "2016-12-01").expect(201).id();
        let received = scene.moved(&germany, "receipt", "3500000", &named(fixture)).expect(200);
        let sums = ["pledged", "committed", "received", "receivable", "received_value", "charged", "available"];
        let sums = sums.map(|member| received.text(&format!("/{member}")));
        assert_eq!(sums, ["3500000.00", "3500000.00", "3500000.00", "0.00", "3723404.26", "0.00", "3723404.26"]);
        // The bank credited 404.26 less: the fund's own loss, no donor's.
        assert_eq!(town.client("auditor").get(&scene.own_account()).text("/available"), "-404.26");
        let statement = scene.statement("");
        assert_eq!((statement["total"]["exchange"].clone(), statement["total"]["closing"].clone()), (json!("-404.26"), json!("3723000.00")));
        // What the fund is short of lowers what the pool can pay.
        scene.given("DK-1", "1000", &json!({ "ends_on": "2030-12-31" }));
        let purpose = scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        let fee = scene.allocate(&purpose, "600").refused(422, "EARMARK_MISMATCH");
        assert_eq!(fee.text("/facts/possible"), "585.74");
        scene.allocate(&purpose, "585.74").expect(201);
        let rates = |query: &str| town.client("auditor").get(&town.path(&format!("/exchange-rates?{query}"))).json()["data"].as_array().map(Vec::len);
        assert_eq!([rates("base=USD&quote=EUR"), rates("to=2016-06-01"), rates("from=2018-01-01")], [Some(2), Some(1), Some(0)]);
    }

    Stage::Open, fn terms_donors_and_funds_are_found_by_what_they_are_called(town) {
        let scene = scene(town, &json!({ "source": "Fictional", "legal_basis": "Resolution 2085 (2012)" }));
        let terms = |query: &str| town.stranger().get(&format!("/v1/fund-terms{query}")).expect(200).json();
        let security = terms("?vocabulary=sector").as_array().expect("terms").iter().find(|term| term["code"] == "security").cloned();
        let security = security.expect("the sector");
        assert_eq!((security["dac_code"].clone(), security["sdg_targets"].clone()), (json!("15210"), json!(["16.1", "16.a"])));
        let health = terms("?vocabulary=sector").as_array().expect("terms").iter().find(|term| term["code"] == "health").cloned();
        assert_eq!(health.expect("the sector")["secondary_dac_codes"], json!(["12230"]));
        assert!(terms("").as_array().expect("terms").len() > 80);
        let donors = |query: &str| town.client("partner-system").get(&town.path(&format!("/donors?{query}"))).json()["data"].as_array().map(Vec::len);
        assert_eq!([donors("q=denm"), donors("q=danemark"), donors("q=suede"), donors("kind=other")], [Some(1), Some(1), Some(0), Some(0)]);
        let funds = |query: &str| town.client("auditor").get(&town.path(&format!("/funds?{query}"))).json()["data"].as_array().map(Vec::len);
        assert_eq!([funds("kind=trust_fund"), funds("kind=bilateral")], [Some(1), Some(0)]);
        scene.purpose("TF-1", "1000", &[("ML07", 10_000)]);
        let purposes = |query: &str| town.client("auditor").get(&town.path(&format!("/fund-purposes?{query}"))).json()["data"].as_array().map(Vec::len);
        assert_eq!([purposes("q=COMMISS"), purposes("sector=health"), purposes(&format!("fund_id={}", scene.fund))], [Some(1), Some(0), Some(1)]);
        // Contributions are the organisation's own business.
        assert_eq!(town.client("partner-system").get(&town.path("/contributions")).json()["data"], json!([]));
    }

    Stage::Played, fn the_demonstration_shows_the_funds_of_the_bulletin(town) {
        let all = town.stranger().get("/v1/organisations?limit=200").expect(200).json();
        let agent = all["data"].as_array().expect("rows").iter().find(|row| row["code"] == "ML-AGENT").expect("the agent").clone();
        let read = |rest: &str| {
            let path = format!("/v1/organisations/{}{rest}", agent["id"].as_str().expect("an id"));
            town.client("auditor").get(&path).expect(200).json()
        };
        let donors = read("/donors")["data"].as_array().expect("donors").clone();
        let states = donors.iter().filter(|donor| donor["kind"] == "state").count();
        assert_eq!((donors.len(), states), (15, 14));
        let funds = read("/funds")["data"].as_array().expect("funds").clone();
        let of = |code: &str| funds.iter().find(|fund| fund["code"] == code).expect("the fund").clone();
        let phases: Vec<Value> = of("PBF")["phases"].as_array().expect("phases").iter().map(|phase| phase["envelope"].clone()).collect();
        assert_eq!(phases, ["12100000.00", "8600000.00", "4470000.00"]);
        // What is spent goes through the projects that are paid.
        town.bring_projects();
        let statement = read(&format!("/funds/{}/statement", of("TF")["id"].as_str().expect("an id")));
        let italy = donors.iter().find(|donor| donor["code"] == "IT").expect("Italy")["id"].clone();
        let lines = statement["donors"].as_array().expect("donors").iter().find(|one| one["donor_id"] == italy).expect("lines")["lines"].clone();
        assert_eq!([&lines["received"], &lines["spent"], &lines["closing"]], [&json!("181320.00"), &json!("181320.00"), &json!("0.00")]);
        assert_eq!(statement["total"]["received"], json!("4004724.26"));
    }
}
