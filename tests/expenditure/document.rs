//! Supporting documents: what each kind of expenditure needs, at which stage.

use super::*;

on_both_engines! {
    Stage::Open, fn each_kind_asks_for_its_papers_at_the_verification(town) {
        let cases = [
            (FUEL, "850000", json!({}), "VERIFICATION_FUEL_LOG_MISSING", "fuel_log"),
            ("F-D-60-601-01", "1000", json!({}), "DOCUMENT_MISSING", "delivery_slip"),
            ("F-D-61-613-01", "1000", json!({}), "DOCUMENT_MISSING", "mission_report"),
            ("F-D-62-622-01", "1000", json!({}), "DOCUMENT_MISSING", "attendance_sheet"),
            ("F-D-66-661-01", "1000", json!({}), "DOCUMENT_MISSING", "pay_sheet"),
            ("F-D-66-664-01", "1000", json!({}), "DOCUMENT_MISSING", "pay_sheet"),
            ("F-D-63-632-01", "1000", json!({ "nature": "subsidy" }), "DOCUMENT_MISSING", "deliberation"),
            ("I-D-24-241-01", "100000", json!({}), "VERIFICATION_INVENTORY_MISSING", "inventory_card"),
        ];
        for (index, (line, amount, more, code, paper)) in cases.into_iter().enumerate() {
            let commitment = committed(town, line, amount, &[]);
            let invoice = format!("F-{index}");
            let refusal = verify_with(town, &commitment, &invoice, amount, with(more.clone(), papers(&["other"]))).refused(422, code);
            assert_eq!(refusal.pointers(), ["/documents"], "{line}");
            assert!(refusal.text("/facts/documents").contains(paper), "{line}: {}", refusal.json());
            verified(town, &commitment, &invoice, amount, with(more, papers(&[paper])));
        }
        // A small durable good needs no card.
        verified(town, &committed(town, "I-D-24-241-01", "99999", &[]), "F-9", "99999", json!({}));
    }

    Stage::Open, fn works_ask_for_their_reception_and_the_proof_of_tax(town) {
        let commitment = committed(town, "I-D-23-232-01", "9000000", &["contract"]);
        let asked = |nature: &str, kinds: &[&str]| {
            verify_with(town, &commitment, "D-1", "1000000", with(json!({ "nature": nature }), papers(kinds)))
        };
        for nature in ["service", "instalment", "balance"] {
            let refusal = asked(nature, &["invoice"]).refused(422, "VERIFICATION_RECEPTION_MISSING");
            told(&refusal, &[("kind", "works")], &["/documents"]);
        }
        asked("balance", &["statement_of_works"]).refused(422, "VERIFICATION_RECEPTION_MISSING");
        let id = asked("instalment", &["statement_of_works"]).expect(201).id();
        let verification = town.path(&format!("/verifications/{id}"));
        town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
        let refusal = draft(town, &verification, "1000000", json!({})).refused(422, "PAYMENT_ORDER_TAX_PROOF_MISSING");
        told(&refusal, &[("documents", "[\"business_tax_proof\"]")], &["/documents"]);
        draft(town, &verification, "1000000", papers(&["business_tax_proof"])).expect(201);
    }

    Stage::Open, fn the_kinds_are_read_by_anyone_and_the_documents_by_members(town) {
        let kinds = town.stranger().get("/v1/expenditure-kinds").expect(200).json();
        let works = kinds.as_array().expect("kinds").iter().find(|kind| kind["code"] == "works").expect("works").clone();
        assert_eq!(works["advance_parameter"], "advance_max_works_bps");
        assert_eq!(works["prepaid_natures"], json!([]));
        let stages: Vec<&str> = works["requirements"].as_array().expect("rows").iter().filter_map(|row| row["stage"].as_str()).collect();
        assert!(["commitment", "increase", "verification", "payment_order"].iter().all(|stage| stages.contains(stage)), "{stages:?}");
        fuel(town, "F-1", "1000");
        let listed = town.client("auditor").get(&town.path("/supporting-documents?limit=1")).expect(200);
        assert_eq!((listed.text("/data/0/kind"), listed.text("/data/0/subject_kind")), ("fuel_log".to_owned(), "verification".to_owned()));
        let count = |query: &str| town.client("auditor").get(&town.path(&format!("/supporting-documents?{query}"))).expect(200).json()["data"].as_array().map(Vec::len);
        let today = count("kind=fuel_log");
        assert_eq!([count("kind=fuel_log&q=zzz"), count("kind=fuel_log&to=2000-01-01"), count("kind=fuel_log&from=2100-01-01")], [Some(0); 3]);
        assert_eq!([today, count("kind=fuel_log&from=2000-01-01&to=2100-01-01")], [Some(1); 2]);
        town.stranger().get(&town.path("/supporting-documents")).refused(401, "TOKEN_MISSING");
        town.client("auditor").get(&town.path("/supporting-documents?kind=poem")).refused(400, "REQUEST_PARAMETER_INVALID");
        let wrong = json!({ "documents": [{ "kind": "fuel_log", "reference": "x", "sha256": "short" }] });
        verify_with(town, &committed(town, FUEL, "1", &[]), "F-2", "1", wrong).refused(400, "REQUEST_BODY_INVALID");
    }
}
