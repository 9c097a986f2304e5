//! Papers that people sign: a payment order in each of its states, read as a reader of PDF reads it.

use lopdf::Document;
use serde_json::json;

use crate::expenditure::{commit_fuel, transmit_order, verify};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;

/// The text of a paper, each space alike.
fn text(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/pdf"));
    let document = Document::load_mem(&answer.bytes).expect("a PDF");
    assert_eq!(document.get_pages().len(), 1);
    let text = document.extract_text(&[1]).expect("text");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The paper of an order.
fn paper(client: &Client, order: &str) -> Answer {
    client.get(&format!("{order}/document")).expect(200)
}

#[track_caller]
fn says(paper: &str, parts: &[&str]) {
    for part in parts {
        assert!(paper.contains(part), "{part:?} is not in {paper:?}");
    }
}

/// Fuel that was certified.
fn certified(town: &Town) -> String {
    let commitment = town.path(&format!("/commitments/{}", commit_fuel(town, "850000").expect(201).id()));
    let verification = town.path(&format!("/verifications/{}", verify(town, &commitment, "F-0117", "850000").expect(201).id()));
    town.client("certifier").act(&verification, "/certification", &json!({})).expect(200);
    verification
}

on_both_engines! {
    Stage::Open, fn an_order_on_paper_follows_the_order_from_draft_to_payment(town) {
        let verification = certified(town);
        let (finance, accountant) = (town.client("finance-officer"), town.client("accountant"));
        let draft = finance.act(&verification, "/payment-orders", &json!({ "amount": "850000", "currency": "XOF" })).expect(201).id();
        let order = town.path(&format!("/payment-orders/{draft}"));
        let answer = paper(&finance, &order);
        let name = format!("attachment; filename=\"mandat-projet-{draft}.pdf\"");
        assert_eq!(answer.header("content-disposition"), Some(name.as_str()));
        let read = text(&answer);
        says(&read, &["PROJET DE MANDAT DE PAIEMENT", "NON SIGNÉ", "Sans numéro", "sans écriture comptable"]);
        assert!(!read.contains("Signé le") && !read.contains("Signature et cachet"), "{read}");

        town.client("mayor").act(&order, "/signature", &json!({})).expect(200);
        let signed = paper(&finance, &order);
        assert_eq!(signed.header("content-disposition"), Some("attachment; filename=\"mandat-M-2025-000001.pdf\""));
        let read = text(&signed);
        says(&read, &[
            "RÉPUBLIQUE DU MALI", "Un Peuple – Un But – Une Foi", "Commune rurale fictive ML-C01", "N° M-2025-000001 · Exercice 2025",
            "Fonctionnement", "602", "Station-service du chef-lieu (fictive)", "Carburant", "E-2025-000001", "n° F-0117 du 1er février 2025",
            "850 000 F CFA", "Huit cent cinquante mille francs CFA (850 000 F CFA).", "Signé le 3 février 2025",
            "Mayor (authorising officer), fictional", "Non pris en charge", "Document M-2025-000001 · organisation ML-C01", "sans valeur",
        ]);
        assert!(!read.contains("PROJET") && !read.contains("REJETÉ"), "{read}");

        let batch = json!({ "payment_order_ids": [draft], "total": "850000", "currency": "XOF" });
        town.client("mayor").create(&town.path("/payment-order-batches"), &batch).expect(201);
        accountant.act(&order, "/acceptance", &json!({})).expect(200);
        let entries = accountant.get(&town.path(&format!("/fiscal-years/2025/entries?source_id={draft}"))).expect(200);
        let digest = entries.text("/data/0/digest");
        let read = text(&paper(&accountant, &order));
        says(&read, &["BM-2025-000001 du 3 février 2025", "Pris en charge le 3 février 2025", &digest[..16], "Non payé"]);

        let payment = json!({ "payee_id": town.supplier("SUP-0012"), "amount": "350000", "currency": "XOF", "mode": "cheque" });
        accountant.act(&order, "/payments", &payment).expect(201);
        let paid = paper(&accountant, &order);
        says(&text(&paid), &["payé en partie", "Payé le 3 février 2025", "350 000 F CFA par chèque"]);

        // The same order is the same paper, however often it is asked for.
        let again = paper(&town.client("auditor"), &order);
        assert_eq!(again.bytes, paid.bytes);
        let etag = again.etag();
        let headers = [("if-none-match", etag.as_str())];
        assert_eq!(accountant.send("GET", &format!("{order}/document"), &headers, &[]).status, 304);
        assert_ne!(etag, signed.etag());
    }

    Stage::Open, fn a_rejected_order_can_not_pass_for_a_good_one(town) {
        let order = transmit_order(town, &certified(town), "850000");
        let body = json!({ "reason": "R06", "text": "Journal de carburant manquant" });
        town.client("accountant").act(&order, "/rejection", &body).expect(200);
        let read = text(&paper(&town.client("mayor"), &order));
        says(&read, &["REJETÉ", "rejeté par le comptable", "Motif R06", "Journal de carburant manquant", "sans écriture comptable"]);
        assert!(!read.contains("Pris en charge le") && !read.contains("Signature et cachet"), "{read}");
    }

    Stage::Open, fn a_paper_is_for_those_who_may_read_the_order(town) {
        let order = transmit_order(town, &certified(town), "850000");
        let path = format!("{order}/document");
        town.stranger().get(&path).refused(401, "TOKEN_MISSING");
        let elsewhere = path.replace(&town.commune_id().to_string(), &uuid::Uuid::new_v4().to_string());
        town.client("mayor").get(&elsewhere).refused(404, "NOT_FOUND");
        let body = json!({ "kind": "partner", "code": "NEIGHBOUR", "name": "Voisine", "currency": "XOF", "fictional": true });
        let neighbour = town.client("administrator").create("/v1/organisations", &body).expect(201).id();
        let theirs = path.replace(&town.commune_id().to_string(), &neighbour.to_string());
        town.client("administrator").get(&theirs).refused(404, "NOT_FOUND");
        town.client("mayor").get(&theirs).refused(404, "NOT_FOUND");
        town.client("partner-system").get(&path).refused(404, "NOT_FOUND");
        town.client("mayor").get(&town.path(&format!("/payment-orders/{}/document", uuid::Uuid::nil()))).refused(404, "NOT_FOUND");
    }
}
