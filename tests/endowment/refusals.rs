//! Every refusal of the room.

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};

use super::Agency;
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn a_campaign_that_divides_nothing_rightly_is_not_begun(town) {
        let agency = Agency::found(town);
        let begin = |more: Value| agency.begin(&more);
        begin(json!({ "envelope": "0" })).refused(422, "AMOUNT_ZERO");
        begin(json!({ "floor": "1.5" })).refused(400, "AMOUNT_INVALID");
        begin(json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        begin(json!({ "data_date": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        begin(json!({ "fiscal_year": 1959 })).refused(400, "FISCAL_YEAR_INVALID");
        begin(json!({ "rights_expire_on": "2025-01-15" })).refused(422, "ENDOWMENT_DEADLINE_INVALID");
        begin(json!({ "endowment_type": "D_AUTRE" })).refused(422, "ENDOWMENT_TYPE_UNKNOWN");
        begin(json!({ "envelope": "180000500" })).refused(422, "ENDOWMENT_NOT_MULTIPLE");
        begin(json!({ "cap": "11000000" })).refused(422, "ENDOWMENT_CAP_BELOW_FLOOR");
        let of = |weight: i64| json!({ "code": "population", "label_fr": "Population", "label_en": "Population", "weight_bps": weight });
        let refusal = begin(json!({ "criteria": [of(9999)] })).refused(422, "ENDOWMENT_WEIGHTS_NOT_10000");
        assert_eq!(refusal.text("/facts/sum"), "9999");
        begin(json!({ "criteria": [of(5000), of(5000)] })).refused(422, "ENDOWMENT_CRITERION_DUPLICATE");
        let id = begin(json!({})).expect(201).id();
        begin(json!({ "id": id })).refused(409, "CONFLICT");
        let commune = town.client("mayor").create(&town.path("/endowment-campaigns"), &Agency::asking(&json!({})));
        assert_eq!(commune.refused(422, "ENDOWMENT_GRANTOR_INVALID").text("/facts/kind"), "commune");
    }

    Stage::Open, fn data_name_what_exists_once_and_are_not_edited_once_frozen(town) {
        let agency = Agency::found(town);
        let campaign = agency.campaign(&json!({}));
        let mut wrong = agency.candidates();
        wrong[1]["code"] = json!("NOWHERE");
        wrong[3]["code"] = wrong[2]["code"].clone();
        let refusal = agency.load(&campaign, &wrong).refused(422, "ENDOWMENT_CANDIDATE_UNKNOWN");
        assert_eq!(refusal.pointers(), ["/candidates/1", "/candidates/3"], "each wrong row is told");
        agency.load(&campaign, &wrong[2..]).refused(422, "ENDOWMENT_CANDIDATE_DUPLICATE");
        let mut odd = agency.candidates();
        odd[0]["values"][0]["criterion"] = json!("altitude");
        agency.load(&campaign, &odd).refused(422, "ENDOWMENT_CRITERION_UNKNOWN");
        agency.put(&campaign, "text/csv", b"code;population;source\nX;many;Y\n").refused(400, "IMPORT_UNREADABLE");
        agency.load(&campaign, &agency.candidates()).expect(200);
        agency.act("finance-officer", &campaign, "/freezing").expect(200);
        let refusal = agency.load(&campaign, &agency.candidates()).refused(409, "ENDOWMENT_DATA_FROZEN");
        assert_eq!(refusal.text("/facts/frozen_on"), "2025-02-03");
        agency.act("finance-officer", &campaign, "/freezing").refused(409, "ENDOWMENT_STATE_INVALID");
        agency.act("finance-officer", &campaign, "/reopening").expect(200);
        agency.load(&campaign, &agency.candidates()).expect(200);
    }

    Stage::Open, fn what_cannot_be_divided_is_neither_simulated_nor_calculated(town) {
        let agency = Agency::found(town);
        let auditor = town.client("auditor");
        let both = |campaign: &str, code: &str| {
            auditor.get(&format!("{campaign}/simulation")).refused(422, code);
            agency.act("finance-officer", campaign, "/freezing").expect(200);
            agency.act("finance-officer", campaign, "/calculation").refused(422, code)
        };
        let with = |more: &Value, candidates: &[Value]| {
            let campaign = agency.campaign(more);
            agency.load(&campaign, candidates).expect(200);
            campaign
        };
        let good = agency.candidates();
        let refusal = both(&with(&json!({}), &good[5..]), "ENDOWMENT_NO_ELIGIBLE");
        assert_eq!(refusal.json()["facts"]["failing"][good[5]["code"].as_str().expect("text")], json!(["administrative_account_transmitted"]));
        both(&with(&json!({ "envelope": "50000000" }), &good), "ENDOWMENT_FLOOR_EXCEEDS_ENVELOPE");
        let mut holes = good.clone();
        drop(holes[2]["values"].as_array_mut().expect("values").pop());
        let refusal = both(&with(&json!({}), &holes), "ENDOWMENT_MISSING_DATA");
        assert_eq!(refusal.json()["facts"]["missing"], json!([format!("{} × effort", good[2]["code"].as_str().expect("text"))]));
        let mut flat = good.clone();
        flat.iter_mut().for_each(|row| row["values"][2]["value"] = json!(0));
        both(&with(&json!({}), &flat), "ENDOWMENT_CRITERION_ZERO_TOTAL");
        let redistributing = agency.campaign(&json!({ "zero_total": "redistribute_weight" }));
        agency.load(&redistributing, &flat).expect(200);
        auditor.get(&format!("{redistributing}/simulation")).expect(200);
        let campaign = with(&json!({}), &good);
        let scenario = |query: &str| auditor.get(&format!("{campaign}/simulation?{query}"));
        scenario("unit=7").refused(422, "ENDOWMENT_NOT_MULTIPLE");
        scenario("cap=1000").refused(422, "ENDOWMENT_CAP_BELOW_FLOOR");
        scenario("envelope=1.5").refused(400, "AMOUNT_INVALID");
        scenario("weights=population:9000").refused(422, "ENDOWMENT_WEIGHTS_NOT_10000");
        for wrong in ["population", "", "population:", ":1", "population:01", "population:+1", "population:10001", "population:1,"] {
            scenario(&format!("weights={wrong}")).refused(400, "REQUEST_PARAMETER_INVALID");
        }
        scenario("weights=population:5000,population:5000").refused(422, "ENDOWMENT_CRITERION_DUPLICATE");
        scenario("weights=population:5000,altitude:5000").refused(422, "ENDOWMENT_CRITERION_UNKNOWN");
    }

    Stage::Open, fn another_validates_than_calculated_and_each_act_has_its_state(town) {
        let agency = Agency::found(town);
        let campaign = agency.frozen(&json!({}));
        for action in ["/notification", "/publication", "/closure"] {
            agency.act("mayor", &campaign, action).refused(409, "ENDOWMENT_STATE_INVALID");
        }
        agency.validate("mayor", &campaign).refused(409, "ENDOWMENT_STATE_INVALID");
        agency.act("mayor", &campaign, "/calculation").expect(200);
        agency.act("mayor", &campaign, "/calculation").refused(409, "ENDOWMENT_STATE_INVALID");
        agency.validate("mayor", &campaign).refused(403, "ENDOWMENT_SAME_PERSON");
        let body = json!({ "decision_reference": "CA-2025-01", "decided_on": "2025-02-04", "document_sha256": "a".repeat(64) });
        town.client("council-registrar").act(&campaign, "/validation", &body).refused(422, "DATE_IN_FUTURE");
        let early = json!({ "decision_reference": "CA-2025-01", "decided_on": "2025-02-02", "document_sha256": "a".repeat(64) });
        let refused = town.client("council-registrar").act(&campaign, "/validation", &early).refused(422, "DATE_BEFORE_CAUSE");
        assert_eq!((refused.text("/facts/cause"), refused.text("/facts/earliest")), ("calculation".into(), "2025-02-03".into()));
        agency.validate("council-registrar", &campaign).expect(200);
        agency.act("finance-officer", &campaign, "/reopening").refused(409, "ENDOWMENT_STATE_INVALID");
        agency.act("mayor", &campaign, "/notification").expect(200);
        agency.act("mayor", &campaign, "/publication").expect(200);
        agency.act("mayor", &campaign, "/publication").refused(409, "ENDOWMENT_STATE_INVALID");
    }

    Stage::Open, fn an_agreement_stands_on_the_budget_of_its_beneficiary(town) {
        let agency = Agency::found(town);
        let right = agency.right(&agency.notified(&json!({})));
        let agree = |more: Value| agency.agree(&right, "CONV-1", &more);
        let refusal = agree(json!({ "expenditure_line_ids": [town.line("I-D-23-231-01")], "total_cost": "35000000", "revenue_line_id": town.line("F-R-73-732-01") }));
        assert_eq!(refusal.refused(422, "DRAWING_RIGHT_LINE_INVALID").pointers(), ["/revenue_line_id"]);
        let operating = agree(json!({ "expenditure_line_ids": [town.line("F-D-60-602-01")] }));
        assert_eq!(operating.refused(422, "DRAWING_RIGHT_LINE_INVALID").pointers(), ["/expenditure_line_ids"]);
        let lines = town.client("auditor").get(&town.path("/budgets")).expect(200).text("/data/0/id");
        let lines = town.client("auditor").get(&town.path(&format!("/budgets/{lines}/lines"))).expect(200).json()["lines"].clone();
        let foreign = lines.as_array().expect("lines").iter().find(|line| {
            line["section"] == "capital" && line["direction"] == "expenditure" && !line["funding"].as_str().expect("text").contains("OWN")
        });
        let foreign = foreign.expect("a line without own funding")["id"].clone();
        let refusal = agree(json!({ "expenditure_line_ids": [foreign] })).refused(422, "DRAWING_RIGHT_COUNTERPART_MISSING");
        assert_eq!((refusal.text("/facts/counterpart"), refusal.text("/facts/provided")), ("7000000".into(), "0".into()));
        agree(json!({ "total_cost": "0" })).refused(422, "AMOUNT_ZERO");
        agree(json!({ "total_cost": "1.5" })).refused(400, "AMOUNT_INVALID");
        agree(json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        agree(json!({ "signed_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        let early = agree(json!({ "signed_on": "2025-02-02" })).refused(422, "DATE_BEFORE_CAUSE");
        assert_eq!((early.text("/facts/cause"), early.pointers()), ("notification".to_owned(), vec!["/signed_on".to_owned()]));
        agree(json!({ "total_cost": "1000000" })).expect(200);
        agree(json!({ "total_cost": "1000000" })).refused(409, "CONFLICT");
        // The lines are of 2025; a right of another year is drawn on by the budget of that year.
        let other = agency.right(&agency.notified(&json!({ "fiscal_year": 2024, "rules": [] })));
        agency.agree(&other, "CONV-1", &json!({})).refused(409, "BUDGET_NOT_EXECUTABLE");
    }

    Stage::Open, fn a_tranche_is_paid_on_what_is_agreed_and_valid(town) {
        let agency = Agency::found(town);
        let right = agency.right(&agency.notified(&json!({})));
        agency.agree(&right, "CONV-1", &json!({})).expect(200);
        let agreement = agency.first_agreement(&right);
        let pay = |amount: &str, more: Value| agency.disburse(&right, &agreement, amount, &more);
        agency.justify(&right, &agreement, 1, "1").refused(409, "DRAWING_RIGHT_STATE_INVALID");
        pay("0", json!({})).refused(422, "AMOUNT_ZERO");
        pay("1.5", json!({})).refused(400, "AMOUNT_INVALID");
        pay("1", json!({ "currency": "EUR" })).refused(422, "CURRENCY_MISMATCH");
        pay("1", json!({ "disbursed_on": "2025-02-04" })).refused(422, "DATE_IN_FUTURE");
        let early = pay("1", json!({ "disbursed_on": "2025-02-02" })).refused(422, "DATE_BEFORE_CAUSE");
        assert_eq!((early.text("/facts/cause"), early.text("/facts/earliest")), ("agreement".into(), "2025-02-03".into()));
        pay("1000", json!({})).expect(200);
        let justify = |body: Value| town.client("accountant").act(&right, "/justifications", &body);
        let proof = |amount: &str, currency: &str| json!({
            "drawing_agreement_id": agreement, "tranche": 1, "amount": amount, "currency": currency, "document_sha256": "c".repeat(64),
        });
        justify(proof("0", "XOF")).refused(422, "AMOUNT_ZERO");
        justify(proof("1.5", "XOF")).refused(400, "AMOUNT_INVALID");
        justify(proof("1", "EUR")).refused(422, "CURRENCY_MISMATCH");
        agency.justify(&right, &agreement, 2, "1").refused(404, "NOT_FOUND");
        agency.act("mayor", &right, "/expiry").refused(422, "DRAWING_RIGHT_NOT_EXPIRED");
        let cancel = |right: &str| town.client("mayor").act(right, "/cancellation", &json!({ "reason": "Enveloppe réduite" }));
        cancel(&right).refused(409, "DRAWING_RIGHT_STATE_INVALID");
        let guarantee = agency.right(&agency.notified(&json!({ "endowment_type": "D_GARANTIE" })));
        assert_eq!(agency.agree(&guarantee, "GAR-1", &json!({ "total_cost": "1000" })).expect(200).text("/agreed"), "1000", "no counterpart");
        let of = agency.first_agreement(&guarantee);
        agency.disburse(&guarantee, &of, "1", &json!({})).refused(422, "DRAWING_RIGHT_NOT_DISBURSED");
        let third = agency.right(&agency.notified(&json!({})));
        assert_eq!(cancel(&third).expect(200).text("/ended_reason"), "Enveloppe réduite");
        agency.agree(&third, "CONV-1", &json!({})).refused(409, "DRAWING_RIGHT_STATE_INVALID");
        agency.disburse(&third, &agreement, "1", &json!({})).refused(409, "DRAWING_RIGHT_STATE_INVALID");
        town.on("2026-01-01");
        agency.agree(&right, "CONV-2", &json!({})).refused(422, "DRAWING_RIGHT_EXPIRED");
        pay("1", json!({})).refused(422, "DRAWING_RIGHT_EXPIRED");
        assert_eq!(agency.act("mayor", &right, "/expiry").expect(200).text("/state"), "expired");
        agency.act("mayor", &right, "/expiry").refused(409, "DRAWING_RIGHT_STATE_INVALID");
        // What was paid is justified all the same.
        assert_eq!(agency.justify(&right, &agreement, 1, "1000").expect(200).text("/state"), "expired");
        // Earlier rights that are not justified stand against a later one: the guarantee was never paid, this one was justified.
    }

    Stage::Open, fn each_wall_of_endowments_stands_alone(town) {
        crate::endowment::played(town);
        let refused_by = |wall: &str, statement: &str| {
            let refused = town.connection().batch_execute(statement).map_err(|error| error.to_string());
            assert!(refused.as_ref().is_err_and(|why| why.contains(wall)), "{statement}: {wall}: {refused:?}");
        };
        for (wall, change) in [
            ("endowment_campaigns_frozen", "inputs = NULL"),
            ("endowment_campaigns_calculated", "outcome = NULL"),
            ("endowment_campaigns_two_people", "validated_by = calculated_by"),
        ] {
            refused_by(wall, &format!("UPDATE endowment_campaigns SET {change} WHERE state = 'notified'"));
        }
        for change in ["agreed = amount + 1", "disbursed = agreed + 1", "justified = disbursed + 1"] {
            refused_by("drawing_rights_sums", &format!("UPDATE drawing_rights SET {change}"));
        }
        let columns = "organisation_id, drawing_right_id, project, beneficiary_id, revenue_line_id, total_cost, counterpart, counterpart_bps, \
                       signed_on, document_sha256, concluded_by, recorded_at, sensitivity";
        refused_by("drawing_agreements_cost", &format!(
            "INSERT INTO drawing_agreements ({columns}, id, reference, grant_amount) \
             SELECT {columns}, drawing_right_id, 'CONV-X', grant_amount + 1 FROM drawing_agreements"
        ));
        for table in ["drawing_agreements", "drawing_agreement_lines", "drawing_tranches", "drawing_justifications"] {
            refused_by("append-only", &format!("UPDATE {table} SET organisation_id = organisation_id"));
            refused_by("append-only", &format!("DELETE FROM {table}"));
        }
    }

    Stage::Open, fn who_did_not_justify_an_earlier_right_is_not_eligible_for_a_later_one(town) {
        let agency = Agency::found(town);
        let rules = |year: i32| json!({ "fiscal_year": year, "rules": ["earlier_rights_justified"] });
        let mut candidates = agency.candidates();
        for row in &mut candidates {
            row["facts"] = json!([{ "rule": "earlier_rights_justified", "holds": true }]);
        }
        let right = agency.right(&agency.notified(&json!({})));
        agency.agree(&right, "CONV-1", &json!({})).expect(200);
        let agreement = agency.first_agreement(&right);
        agency.disburse(&right, &agreement, "1000", &json!({})).expect(200);
        let later = agency.campaign(&rules(2026));
        agency.load(&later, &candidates).expect(200);
        let failing = || {
            let simulation = town.client("auditor").get(&format!("{later}/simulation")).expect(200).json();
            let shares = simulation["shares"].as_array().expect("shares").clone();
            shares.iter().find(|share| share["code"] == candidates[0]["code"]).expect("the commune")["failing"].clone()
        };
        assert_eq!(failing(), json!(["earlier_rights_justified"]));
        agency.justify(&right, &agreement, 1, "1000").expect(200);
        assert_eq!(failing(), json!([]));
    }
}
