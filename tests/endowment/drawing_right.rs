//! What is drawn on a right, and who sees it.

use serde_json::json;

use super::Agency;
use crate::harness::{Client, Stage};
use crate::on_both_engines;
use crate::race::at_once;

on_both_engines! {
    Stage::Open, fn inv_40_a_right_is_drawn_on_by_agreements_and_tranches_until_it_is_consumed(town) {
        let agency = Agency::found(town);
        let right = agency.right(&agency.notified(&json!({})));
        let agreed = agency.agree(&right, "CONV-1", &json!({})).expect(200);
        assert_eq!((agreed.text("/state"), agreed.text("/agreed"), agreed.text("/balance")), ("agreed".into(), "28000000".into(), "12091000".into()));
        let file = town.client("auditor").get(&right).expect(200);
        assert_eq!(file.text("/right/amount"), "40091000");
        assert_eq!(["total_cost", "grant", "counterpart"].map(|member| file.text(&format!("/agreements/0/{member}"))), ["35000000", "28000000", "7000000"]);
        // The next agreement is a franc too large; the one after fits to the franc.
        let small = |cost: &str| json!({ "total_cost": cost });
        let refusal = agency.agree(&right, "CONV-2", &small("15113752")).refused(422, "DRAWING_RIGHT_EXCEEDED");
        assert_eq!((refusal.text("/facts/balance"), refusal.text("/facts/grant")), ("12091000".into(), "12091001".into()));
        agency.agree(&right, "CONV-2", &small("15113750")).expect(200);
        let agreement = agency.first_agreement(&right);
        let pay = |amount: &str| agency.disburse(&right, &agreement, amount, &json!({}));
        assert_eq!(pay("16800000").expect(200).text("/state"), "partly_disbursed");
        agency.justify(&right, &agreement, 1, "13439999").expect(200);
        let refusal = pay("1").refused(422, "DRAWING_RIGHT_TRANCHE_UNJUSTIFIED");
        assert_eq!((refusal.text("/facts/tranche"), refusal.text("/facts/justified_bps")), ("1".into(), "7999".into()));
        agency.justify(&right, &agreement, 1, "1").expect(200);
        assert_eq!(pay("11200001").refused(422, "DRAWING_RIGHT_TRANCHE_EXCEEDS_GRANT").text("/facts/left"), "11200000");
        pay("11200000").expect(200);
        assert_eq!(agency.justify(&right, &agreement, 1, "3360001").refused(422, "DRAWING_RIGHT_JUSTIFICATION_EXCEEDS").text("/facts/left"), "3360000");
        agency.justify(&right, &agreement, 1, "3360000").expect(200);
        agency.justify(&right, &agreement, 2, "11200000").expect(200);
        let second = town.client("auditor").get(&right).expect(200).text("/agreements/1/id");
        agency.disburse(&right, &second, "12091000", &json!({})).expect(200);
        assert_eq!(agency.justify(&right, &second, 1, "12091000").expect(200).text("/state"), "consumed");
        let totals = town.client("auditor").get(&town.path("/drawing-right-totals?fiscal_year=2025")).expect(200).json();
        let row = json!([{
            "endowment_type": "D_INVEST", "currency": "XOF", "rights": 1, "notified": "40091000", "agreed": "40091000",
            "disbursed": "40091000", "justified": "40091000", "outstanding": "0",
        }]);
        assert_eq!(totals, row);
        let all = town.client("auditor").get(&agency.path("/drawing-right-totals")).expect(200).json();
        assert_eq!((&all[0]["rights"], &all[0]["outstanding"]), (&json!(5), &json!("139909000")));
    }

    Stage::Open, fn a_commune_sees_its_own_right_and_no_other_and_changes_none(town) {
        let agency = Agency::found(town);
        let right = agency.right(&agency.notified(&json!({})));
        let id = right.rsplit('/').next().expect("an id");
        let auditor = town.client("auditor");
        let own = auditor.get(&town.path("/drawing-rights?totals=true")).expect(200).json();
        assert_eq!((&own["data"].as_array().expect("rows").len(), &own["totals"][0]["amount"]), (&1, &json!("40091000")));
        let granted = auditor.get(&agency.path("/drawing-rights?state=notified&fiscal_year=2025&endowment_type=D_INVEST")).expect(200).json();
        let granted = granted["data"].as_array().expect("rows").clone();
        assert_eq!(granted.len(), 5);
        for row in granted {
            let other = row["id"].as_str().expect("an id");
            let read = auditor.get(&town.path(&format!("/drawing-rights/{other}")));
            assert_eq!(read.status, if other == id { 200 } else { 404 });
        }
        let reason = json!({ "reason": "Autre" });
        let etag = auditor.get(&right).expect(200).etag();
        town.client("mayor").act_on(&town.path(&format!("/drawing-rights/{id}/cancellation")), &etag, &reason).refused(404, "NOT_FOUND");
    }

    Stage::Open, fn of_agreements_at_the_same_moment_only_as_many_as_fit_are_concluded(town) {
        let agency = Agency::found(town);
        let right = agency.right(&agency.notified(&json!({})));
        let clients: Vec<Client> = (0..8).map(|_| town.client("mayor")).collect();
        let body = |reference: &str| agency.agreement(reference, &json!({}));
        let bodies: Vec<_> = (0..8).map(|index| body(&format!("CONV-{index}"))).collect();
        let next = std::sync::atomic::AtomicUsize::new(0);
        let answers = at_once(&clients, |client| {
            let body = &bodies[next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)];
            // Whoever reads an old version reads again, until the rule itself decides.
            loop {
                let answer = client.act(&right, "/agreements", body);
                if answer.status != 412 {
                    return answer;
                }
            }
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
        for loser in answers.into_iter().filter(|answer| answer.status != 200) {
            loser.refused(422, "DRAWING_RIGHT_EXCEEDED");
        }
    }
}
