//! Papers that people sign: a payment order in each of its states, and a receipt, read as a reader of PDF reads it.

use lopdf::Document;
use serde_json::json;

use crate::expenditure::{commit_fuel, transmit_order, verify};
use crate::harness::{Answer, Client, Stage, Town};
use crate::on_both_engines;
use crate::revenue::{authorise, debtor, order, receive};

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

    Stage::Open, fn a_held_order_says_so_and_is_itself_again_afterwards(town) {
        let order = transmit_order(town, &certified(town), "850000");
        let accountant = town.client("accountant");
        let body = json!({ "reason": "opposition", "text": "Saisie-arrêt" });
        accountant.act(&order, "/hold", &body).expect(200);
        let read = text(&paper(&accountant, &order));
        says(&read, &["SUSPENDU", "suspendu par le comptable", "opposition d'un tiers : Saisie-arrêt", "Non pris en charge"]);
        accountant.act(&order, "/resumption", &json!({})).expect(200);
        assert!(!text(&paper(&accountant, &order)).contains("SUSPENDU"));
    }

    Stage::Open, fn a_payment_that_came_back_and_a_cancelled_order_are_told(town) {
        let order = transmit_order(town, &certified(town), "850000");
        let (mayor, accountant) = (town.client("mayor"), town.client("accountant"));
        accountant.act(&order, "/acceptance", &json!({})).expect(200);
        let body = json!({ "payee_id": town.supplier("SUP-0012"), "amount": "850000", "currency": "XOF", "mode": "transfer" });
        let payment = town.path(&format!("/payments/{}", accountant.act(&order, "/payments", &body).expect(201).id()));
        says(&text(&paper(&accountant, &order)), &["État : payé", "Payé le 3 février 2025"]);
        accountant.act(&payment, "/return", &json!({ "reason": "Compte clos" })).expect(200);
        let read = text(&paper(&accountant, &order));
        says(&read, &["paiement revenu de la banque", "Revenu de la banque le 3 février 2025", "Pris en charge le 3 février 2025"]);
        assert!(!read.contains("Payé le"), "{read}");
        let body = json!({ "kind": "cancellation", "amount": "850000", "currency": "XOF", "reason": "Double emploi" });
        let correction = mayor.act(&order, "/corrections", &body).expect(201).id();
        accountant.act(&town.path(&format!("/payment-order-corrections/{correction}")), "/acceptance", &json!({})).expect(200);
        let read = text(&paper(&accountant, &order));
        says(&read, &["ANNULÉ", "annulé après prise en charge", "Annulation 850 000 F CFA", "Net à payer 0 F CFA"]);
        assert!(!read.contains("Signature et cachet"), "{read}");
    }

    Stage::Open, fn a_receipt_on_paper_is_for_the_payer_and_a_cancelled_one_for_nobody(town) {
        let accountant = town.client("accountant");
        authorise(town, "722").expect(201);
        let trader = debtor(town, "RED-0042").expect(201).id();
        let rent = order(town, "F-R-72-722-01", "200000", &json!({ "kind": "individual", "debtor_id": trader }));
        let receipt = town.path(&format!("/receipts/{}", receive(town, Some(&rent), "175000").expect(201).id()));
        let made = paper(&accountant, &receipt);
        assert_eq!(made.header("content-disposition"), Some("attachment; filename=\"quittance-Q-2025-000001.pdf\""));
        let read = text(&made);
        says(&read, &[
            "QUITTANCE", "N° Q-2025-000001 · Exercice 2025", "T-2025-000001", "Aïssata Traoré, commerçante (fictive)", "virement",
            "Cent soixante-quinze mille francs CFA (175 000 F CFA).", "Encaissé le 3 février 2025", "Signature et cachet",
        ]);
        assert!(!read.contains("ANNULÉE"), "{read}");
        assert_eq!(paper(&accountant, &receipt).bytes, made.bytes);
        accountant.act(&receipt, "/cancellation", &json!({ "reason": "Saisie en double" })).expect(200);
        let cancelled = paper(&accountant, &receipt);
        says(&text(&cancelled), &["QUITTANCE ANNULÉE", "annulée le 3 février 2025 : ne vaut plus acquit"]);
        assert_ne!(cancelled.etag(), made.etag());
        town.stranger().get(&format!("{receipt}/document")).refused(401, "TOKEN_MISSING");
        town.client("mayor").get(&town.path(&format!("/receipts/{}/document", uuid::Uuid::nil()))).refused(404, "NOT_FOUND");
    }
}
