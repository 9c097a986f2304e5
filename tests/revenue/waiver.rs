//! Waivers (remises gracieuses): the council forgives a debt that is no tax, at the expense of a credit.

use serde_json::{Value, json};

use super::recovery::{line_of, next_year_with};
use super::{debtor, decide, id, sums};
use crate::expenditure::{posting, postings_of};
use crate::harness::{Stage, Town};
use crate::on_both_engines;

/// A rent of 2026 of a merchant, accepted.
fn rent(town: &Town) -> String {
    let levy = json!({
        "fiscal_year": 2026, "article": "722", "deliberation_number": "2025-08", "held_on": "2025-10-20",
        "deliberation_sha256": "d".repeat(64), "rate": "10 000 F par boutique et par mois",
    });
    town.client("council-registrar").create(&town.path("/levy-authorisations"), &levy).expect(201);
    let body = json!({
        "kind": "individual", "debtor_id": debtor(town, "RED-0099").expect(201).id(), "label": "Boutique 12", "amount": "120000",
        "currency": "XOF", "budget_line_id": line_of(town, 2026, "F-R-72-722-01"),
    });
    let order = town
        .path(&format!("/revenue-orders/{}", town.client("finance-officer").create(&town.path("/revenue-orders"), &body).expect(201).id()));
    town.client("mayor").act(&order, "/issuance", &json!({})).expect(200);
    town.client("accountant").act(&order, "/acceptance", &json!({})).expect(200);
    order
}

on_both_engines! {
    Stage::Played, fn a_waiver_is_granted_within_the_credit_of_its_line(town) {
        let budget = crate::budget::SAMPLE.replace("F;D;65;652;01;Titres annulés exercices antérieurs;Cancelled prior titres", "F;D;65;653;01;Remises gracieuses;Waivers");
        next_year_with(town, &budget);
        let rent = rent(town);
        let line = line_of(town, 2026, "F-D-65-653-01");
        let waive = |amount: &str| {
            let body = json!({ "amount": amount, "currency": "XOF", "reason": "Boutique brûlée", "budget_line_id": line });
            town.client("mayor").act(&rent, "/waivers", &body)
        };
        waive("120001").refused(422, "REVENUE_ADJUSTMENT_EXCEEDS_OUTSTANDING");
        let proposed = waive("110000").expect(201);
        let refusal = decide(town, &proposed, "granted").refused(422, "COMMITMENT_CREDIT_INSUFFICIENT");
        assert_eq!((refusal.text("/facts/available"), refusal.text("/facts/requested")), ("100000".into(), "110000".into()));
        decide(town, &proposed, "refused").expect(200);
        decide(town, &waive("100000").expect(201), "granted").expect(200);
        assert_eq!(postings_of(town, 2026, "expenditure"), vec![vec![posting("653", "debit", "100000"), posting("411", "credit", "100000")]]);
        assert_eq!(sums(town, &rent), ["accepted", "0", "0", "0", "20000", "0"]);
        assert_eq!(town.client("auditor").get(&rent).text("/waived"), "100000");
        let money = json!({ "revenue_order_id": id(&rent), "amount": "20000", "currency": "XOF", "mode": "transfer" });
        town.client("accountant").create(&town.path("/receipts"), &money).expect(201);
        assert_eq!(town.client("auditor").get(&rent).text("/state"), "waived");
        let execution: Value = town.client("auditor").get(&town.path("/fiscal-years/2026/budget-execution")).expect(200).json();
        let waivers = execution["articles"].as_array().expect("articles").iter().find(|row| row["article"] == "653").expect("waivers").clone();
        assert_eq!((&waivers["paid"], &waivers["available"]), (&json!("100000"), &json!("0")));
    }
}
