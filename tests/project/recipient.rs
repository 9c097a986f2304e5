//! Joint projects: recipients with their parts of the budget, a ledger of tranches for each, and money that waits for what all delivered.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::money::with_all;
use super::{Scene, partner, scene, with};
use crate::harness::{Answer, Stage};
use crate::on_both_engines;

/// An agency that leads, and an organisation beside it.
struct Two {
    agency: String,
    organisation: String,
}

fn two(scene: &Scene<'_>) -> Two {
    let named = |code: &str, name: &str| partner(scene.town, code, &json!({ "name": name }));
    Two { agency: named("AGENCE", "Agence (fictive)"), organisation: named("ONG", "Organisation (fictive)") }
}

impl Two {
    /// The parts of the two.
    fn parts(&self, agency: &str, organisation: &str) -> Value {
        json!([
            { "kind": "un_agency", "supplier_id": self.agency, "amount": agency },
            { "kind": "national_ngo", "supplier_id": self.organisation, "amount": organisation },
        ])
    }

    /// A joint project of a million.
    fn project(&self) -> Value {
        json!({
            "instrument": "peacebuilding_immediate", "proposal/implementer": { "kind": "un_agency", "supplier_id": self.agency },
            "proposal/recipients": self.parts("600000", "400000"), "proposal/area": null, "proposal/budget": "1000000",
            "proposal/lines": [{ "category": "contractual", "description": "Travaux", "amount": "1000000" }],
        })
    }

    /// Seventy and thirty for the agency, thirty-five twice and thirty for the organisation.
    fn tranches(&self) -> Value {
        let share = |bps: u32, supplier: &str| json!({ "bps": bps, "supplier_id": supplier });
        let (agency, organisation) = (&self.agency, &self.organisation);
        json!([share(7000, agency), share(3000, agency), share(3500, organisation), share(3500, organisation), share(3000, organisation)])
    }
}

fn references(answer: &Answer) -> Vec<String> {
    let rows = answer.json()["data"].as_array().expect("rows").clone();
    rows.iter().map(|row| row["reference"].as_str().expect("a reference").to_owned()).collect()
}

on_both_engines! {
    Stage::Open, fn ac_16_a_joint_project_names_its_recipients_and_their_parts_make_its_budget(town) {
        let scene = scene(town);
        let both = two(&scene);
        let joint = |more: Value| with_all(both.project(), &more);
        // G-JOINT: the parts make the budget, to the cent.
        let short = scene.drafted("PBF-1", &joint(json!({ "proposal/recipients": both.parts("600000", "399999.99") })));
        let refused = scene.submit(&short).refused(422, "JOINT_SPLIT");
        let told = ["/facts/sum", "/facts/budget", "/facts/currency", "/errors/0/pointer"].map(|pointer| refused.text(pointer));
        assert_eq!(told, ["999999.99", "1000000.00", "USD", "/proposal/recipients"]);
        let waits = town.client("auditor").get(&format!("{short}/transitions")).expect(200).json();
        assert_eq!(waits[0]["unmet"][0]["code"], "JOINT_SPLIT", "the draft tells it before it is submitted");
        let revise = |parts: Value| {
            let body = with(json!({ "proposal": scene.proposal() }), &joint(json!({ "proposal/recipients": parts })));
            let body = json!({ "proposal": body["proposal"] });
            scene.act("finance-officer", &short, "/revision", &body)
        };
        let revised = revise(both.parts("600000", "400000")).expect(200);
        assert_eq!((revised.text("/recipients/1/amount"), revised.text("/recipients/1/supplier_id")), ("400000.00".to_owned(), both.organisation.clone()));
        scene.submit(&short).expect(200);
        // Who carries it out is one of them, each once, and each may receive money.
        let other = json!({ "kind": "un_agency", "supplier_id": scene.partner });
        let headless = scene.drafted("PBF-2", &joint(json!({ "proposal/implementer": other })));
        assert_eq!(scene.submit(&headless).refused(422, "RECIPIENT_LEAD_MISSING").text("/errors/0/pointer"), "/proposal/recipients");
        let unknown = partner(town, "SANS-NIF", &json!({ "tax_number": null }));
        let parts = json!([
            { "kind": "un_agency", "supplier_id": both.agency, "amount": "600000" },
            { "kind": "commune", "supplier_id": unknown, "amount": "400000" },
        ]);
        let barred = scene.drafted("PBF-3", &joint(json!({ "proposal/recipients": parts })));
        let refused = scene.submit(&barred).refused(422, "PARTNER_NOT_LOCAL");
        let told: Vec<(String, String)> =
            (0..2).map(|index| (refused.text(&format!("/errors/{index}/code")), refused.text(&format!("/errors/{index}/pointer")))).collect();
        let at = |code: &str| (code.to_owned(), "/proposal/recipients/1".to_owned());
        assert_eq!(told, [at("PARTNER_NOT_LOCAL"), at("PARTNER_INELIGIBLE")]);
        let twice = json!([
            { "kind": "un_agency", "supplier_id": both.agency, "amount": "600000" },
            { "kind": "un_agency", "supplier_id": both.agency, "amount": "400000" },
        ]);
        let refused = scene.draft("PBF-4", &joint(json!({ "proposal/recipients": twice }))).refused(422, "RECIPIENT_DUPLICATE");
        assert_eq!(refused.text("/errors/0/pointer"), "/proposal/recipients/1/supplier_id");
        scene.draft("PBF-4", &joint(json!({ "proposal/recipients": both.parts("0", "1000000") }))).refused(422, "AMOUNT_ZERO");
        let nobody = json!([{ "kind": "un_agency", "supplier_id": Uuid::new_v4(), "amount": "1000000" }]);
        scene.draft("PBF-4", &joint(json!({ "proposal/recipients": nobody }))).refused(404, "NOT_FOUND");
        let draft = scene.drafted("PBF-5", &joint(json!({ "proposal/recipients": [] })));
        let body = with(json!({ "proposal": scene.proposal() }), &joint(json!({ "proposal/recipients": twice })));
        scene.act("finance-officer", &draft, "/revision", &json!({ "proposal": body["proposal"] })).refused(422, "RECIPIENT_DUPLICATE");
        // One recipient alone makes no joint project.
        let alone = json!([{ "kind": "un_agency", "supplier_id": both.agency, "amount": "1000000" }]);
        scene.submit(&scene.drafted("PBF-6", &joint(json!({ "proposal/recipients": alone })))).expect(200);
        let auditor = town.client("auditor");
        let list = |query: &str| references(&auditor.get(&town.path(&format!("/projects?state=submitted&{query}"))).expect(200));
        assert_eq!(list(&format!("recipient_id={}", both.agency)), ["PBF-1", "PBF-6"]);
        assert_eq!(list(&format!("recipient_id={}", both.organisation)), ["PBF-1"]);
        assert_eq!((list("joint=true"), list("joint=false")), (vec!["PBF-1".to_owned()], vec!["PBF-6".to_owned()]));
        // Participations, each with its part.
        let totals = |login: &str| {
            let answer = town.client(login).get(&town.path("/project-totals?by=recipient&state=submitted")).expect(200).json();
            let mut rows: Vec<_> = answer["groups"].as_array().expect("groups").clone();
            rows.sort_by_key(|row| row["term"] != json!(both.agency));
            rows.iter().map(|row| (row["label"].clone(), row["projects"].clone(), row["amount"].clone())).collect::<Vec<_>>()
        };
        let told = |agency: Value, organisation: Value| {
            vec![(agency, json!(2), json!("1600000.00")), (organisation, json!(1), json!("400000.00"))]
        };
        assert_eq!(totals("auditor"), told(json!("Agence (fictive)"), json!("Organisation (fictive)")));
        assert_eq!(totals("partner-system"), told(Value::Null, Value::Null), "names of partners are in their files");
    }

    Stage::Open, fn ac_18_a_national_total_counts_the_share_of_the_country(town) {
        let scene = scene(town);
        let countries = |shares: &[(&str, u32)]| {
            let own: Vec<Value> = shares.iter().map(|(term, bps)| json!({ "dimension": "country", "term": term, "bps": bps })).collect();
            let mut all = scene.proposal()["shares"].as_array().expect("shares").clone();
            all.retain(|share| share["dimension"] != "country");
            all.extend(own);
            json!({ "proposal/shares": all })
        };
        let wrong = scene.drafted("QIP-1", &countries(&[("ML", 4000), ("NE", 3000), ("BF", 2000)]));
        let refused = scene.submit(&wrong).refused(422, "SPLIT_SUM");
        assert_eq!((refused.text("/facts/dimension"), refused.text("/facts/sum")), ("country".to_owned(), "9000".to_owned()));
        scene.submit(&scene.drafted("QIP-2", &countries(&[("ML", 4000), ("NE", 3000), ("BF", 3000)]))).expect(200);
        scene.submit(&scene.drafted("QIP-3", &countries(&[("ML", 10_000)]))).expect(200);
        let answer = town.client("auditor").get(&town.path("/project-totals?by=country&state=submitted")).expect(200).json();
        let told: Vec<_> = answer["groups"].as_array().expect("groups").iter()
            .map(|row| (row["term"].clone(), row["projects"].clone(), row["amount"].clone())).collect();
        // 41,970.00 whole, and 40 % of it.
        let group = |term: &str, projects: i64, amount: &str| (json!(term), json!(projects), json!(amount));
        assert_eq!(told, [group("BF", 1, "12591.00"), group("ML", 2, "58758.00"), group("NE", 1, "12591.00")]);
        assert_eq!(answer["totals"][0]["amount"], "83940.00");
        let shared = town.client("auditor").get(&town.path("/projects?country=NE&state=submitted")).expect(200);
        assert_eq!(references(&shared), ["QIP-2"]);
    }

    Stage::Open, fn g_joint_each_recipient_is_paid_on_its_own_ledger_and_the_next_round_waits_for_all(town) {
        let scene = scene(town);
        let both = two(&scene);
        let project = scene.approved_for("1000000", &both.project());
        let agree = |more: Value| {
            let base = json!({ "kind": "project_document", "amount": "1000000", "tranches": both.tranches() });
            scene.agree(&project, &with_all(base, &more))
        };
        // The agreement is on all parts; each of them is paid in the shares of its kind.
        assert_eq!(agree(json!({ "amount": "999999" })).refused(422, "JOINT_SPLIT").text("/errors/0/pointer"), "/amount");
        let nobody = json!([{ "bps": 7000 }, { "bps": 3000 }]);
        assert_eq!(agree(json!({ "tranches": nobody })).refused(422, "RECIPIENT_UNKNOWN").text("/errors/0/pointer"), "/tranches/0/supplier_id");
        let all = both.tranches().as_array().expect("tranches").clone();
        agree(json!({ "tranches": all[..4] })).refused(422, "TRANCHE_PLAN");
        let agreed = agree(json!({})).expect(201);
        let amounts: Vec<String> = (0..5).map(|index| agreed.text(&format!("/tranches/{index}/amount"))).collect();
        assert_eq!(amounts, ["420000.00", "180000.00", "140000.00", "140000.00", "120000.00"]);
        assert_eq!(agreed.text("/tranches/2/supplier_id"), both.organisation);
        scene.sign_both(&project);
        // The first tranche of each waits for nothing; the second of each is none of a project that has not begun.
        scene.request(&project, 4).refused(409, "PROJECT_NOT_PAYABLE");
        scene.paid(&project, 1);
        scene.paid(&project, 3);
        scene.act("finance-officer", &project, "/start", &json!({})).expect(200);
        let report = |supplier: &str, amount: &str| json!({
            "supplier_id": supplier, "period_to": "2025-01-31", "lines": [{ "category": "contractual", "description": "Travaux", "amount": amount }],
        });
        // Each reports for itself, against what it was paid.
        scene.report(&project, "1", &json!({})).refused(422, "RECIPIENT_UNKNOWN");
        let refused = scene.report(&project, "1", &report(&both.organisation, "140000.01")).refused(422, "REPORT_EXCEEDS_DISBURSED");
        assert_eq!(refused.text("/facts/disbursed"), "140000.00");
        let accepted = scene.accepted(&project, "1", &report(&both.agency, "419999.99"));
        assert_eq!(town.client("auditor").get(&accepted).expect(200).text("/supplier_id"), both.agency);
        // 75 % of 420,000 and 140,000 together are 420,000: the agency alone is a cent short, though it spent nearly all it had.
        for tranche in [2, 4] {
            let refused = scene.request(&project, tranche).refused(422, "TRANCHE_NOT_RELEASABLE");
            let told = ["tranche", "condition", "needed", "reached"].map(|fact| refused.text(&format!("/facts/{fact}")));
            assert_eq!(told, [tranche.to_string().as_str(), "delivered", "420000.00", "419999.99"]);
        }
        scene.accepted(&project, "1", &report(&both.organisation, "0.01"));
        let second = scene.requested(&project, 2);
        let fourth = scene.requested(&project, 4);
        scene.request(&project, 5).refused(422, "TRANCHE_NOT_RELEASABLE");
        let reject = |path: &str| scene.act("certifier", path, "/rejection", &json!({ "reason": "Différé" })).expect(200);
        reject(&fourth);
        reject(&second);
        // An amendment leaves the parts and who leads as they are.
        let amend = |more: Value| {
            let base = json!({ "kind": "cost_extension", "requested_on": "2025-02-03", "reason": "Prix" });
            scene.act("finance-officer", &project, "/amendments", &with_all(base, &more))
        };
        let larger = json!([{ "category": "contractual", "description": "Travaux", "amount": "1000001" }]);
        let refused = amend(json!({ "budget": "1000001", "lines": larger })).refused(422, "FUND_INSUFFICIENT");
        assert_eq!(refused.text("/errors/1/code"), "JOINT_SPLIT");
        amend(json!({ "kind": "partner", "implementer": { "kind": "un_agency", "supplier_id": scene.partner } })).refused(422, "RECIPIENT_LEAD_MISSING");
        // What is left comes back from whom it was left with.
        let refund = |supplier: Value, amount: &str| {
            let body = json!({ "amount": amount, "currency": "USD", "on": "2025-02-03", "bank_reference": "RET-1", "supplier_id": supplier });
            scene.act("accountant", &project, "/refunds", &body)
        };
        refund(Value::Null, "1").refused(422, "RECIPIENT_UNKNOWN");
        let refused = refund(json!(both.agency), "0.02").refused(422, "RECIPIENT_REFUND_EXCEEDED");
        assert_eq!((refused.text("/facts/rest"), refused.text("/errors/0/pointer")), ("0.01".to_owned(), "/amount".to_owned()));
        scene.close_work(&project);
        let last = |supplier: &str, lines: Value| json!({
            "supplier_id": supplier, "period_from": "2025-02-01", "period_to": "2025-02-03", "closing": true, "lines": lines,
        });
        scene.accepted(&project, "1", &last(&both.agency, json!([])));
        // Each gives its final report.
        scene.close(&project).refused(422, "FINAL_REPORT_MISSING");
        let rest = json!([{ "category": "contractual", "description": "Travaux", "amount": "139000" }]);
        scene.accepted(&project, "1", &last(&both.organisation, rest));
        assert_eq!(scene.close(&project).refused(422, "REFUND_DUE").text("/facts/due"), "1000.00");
        refund(json!(both.organisation), "999.99").expect(200);
        // What was never disbursed goes back to the fund.
        let allocations = town.client("auditor").get(&town.path("/fund-allocations")).expect(200).json();
        let allocation = town.path(&format!("/fund-allocations/{}", allocations["data"][0]["id"].as_str().expect("an id")));
        let back = json!({ "amount": "440000", "currency": "USD", "reason": "Fin", "on": "2025-02-03" });
        town.client("mayor").act(&allocation, "/release", &back).expect(200);
        scene.close(&project).expect(200);
        let summary = town.client("partner-system").get(&format!("{project}/finance-summary")).expect(200);
        let ledger = |index: u32| {
            ["budget", "agreed", "disbursed", "accepted_expenditure", "refunded", "rest"].map(|member| summary.text(&format!("/recipients/{index}/{member}")))
        };
        assert_eq!(ledger(0), ["600000.00", "600000.00", "420000.00", "419999.99", "0.00", "0.01"]);
        assert_eq!(ledger(1), ["400000.00", "400000.00", "140000.00", "139000.01", "999.99", "0.00"]);
        let whole = ["disbursed", "accepted_expenditure", "refunded", "rest"].map(|member| summary.text(&format!("/{member}")));
        assert_eq!(whole, ["560000.00", "559000.00", "999.99", "0.01"]);
        town.verify().expect("the books are right");
        // The database holds it by itself.
        let mut conn = town.connection();
        for statement in [
            "UPDATE project_recipients SET part = part + 1",
            "DELETE FROM project_recipients",
            "INSERT INTO project_recipients SELECT organisation_id, project_id, number + 2, kind, supplier_id, part FROM project_recipients",
            "INSERT INTO project_tranches (organisation_id, project_id, number, amount) SELECT organisation_id, project_id, 9, 1 FROM project_agreements",
            "INSERT INTO project_tranches (organisation_id, project_id, number, amount, recipient_number) \
             SELECT organisation_id, project_id, 9, 1, 3 FROM project_agreements",
        ] {
            assert!(conn.batch_execute(statement).is_err(), "{statement}");
        }
    }

    Stage::Open, fn a_project_without_recipients_knows_no_recipient(town) {
        let scene = scene(town);
        let (project, _) = scene.active("QIP-1", &json!({}));
        let whose = json!({ "supplier_id": scene.partner });
        scene.report(&project, "1", &whose).refused(422, "RECIPIENT_UNKNOWN");
        let summary = town.client("auditor").get(&format!("{project}/finance-summary")).expect(200);
        assert_eq!(summary.json()["recipients"], json!([]));
    }
}
