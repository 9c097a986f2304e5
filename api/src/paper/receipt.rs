//! The receipt for money that came in (quittance).

use chrono::NaiveDate;
use domain::expenditure::payment::PaymentMode;
use domain::money::{Amount, Currency};

use super::sheet::{LABEL, MARGIN, Sheet, TEXT_WIDTH};
use super::{Letterhead, PaperFault, Proof, closing, day, facts, figures, foot, head, mode_name, signature, title};

/// What stands on a receipt.
#[derive(Clone, Debug)]
pub struct ReceiptPaper {
    pub letterhead: Letterhead,
    pub number: String,
    pub fiscal_year: i32,
    pub received_on: NaiveDate,
    pub payer: String,
    pub object: String,
    /// The revenue order that it pays, if one was issued (titre de recette).
    pub order_number: Option<String>,
    pub currency: Currency,
    pub amount: Amount,
    pub mode: PaymentMode,
    /// Reference of the cheque, transfer or mobile payment.
    pub reference: Option<String>,
    /// The treasury post or cash office that received it.
    pub office: String,
    pub collected_by: String,
    /// A receipt that was reversed must not pass for a valid one.
    pub cancelled_on: Option<NaiveDate>,
    pub entry_digest: Option<String>,
}

fn drawn(paper: &ReceiptPaper) -> Result<Sheet, PaperFault> {
    let mut sheet = Sheet::new(&format!("Quittance {}", paper.number))?;
    if paper.cancelled_on.is_some() {
        sheet.watermark("ANNULÉE");
    }
    let y = head(&mut sheet, &paper.letterhead);
    let name = if paper.cancelled_on.is_some() { "QUITTANCE ANNULÉE" } else { "QUITTANCE" };
    let y = title(&mut sheet, y, name, &format!("N° {} · Exercice {}", paper.number, paper.fiscal_year));
    let mode = match &paper.reference {
        Some(reference) => format!("{}, référence {reference}", mode_name(paper.mode)),
        None => mode_name(paper.mode).to_owned(),
    };
    let mut rows = vec![
        ("Reçu de", paper.payer.clone()),
        ("Objet", paper.object.clone()),
        ("Titre de recette", paper.order_number.clone().unwrap_or_else(|| "sans titre préalable".to_owned())),
        ("Date de l'encaissement", day(paper.received_on)),
        ("Mode", mode),
        ("Caisse", paper.office.clone()),
        ("Montant", figures(paper.amount, paper.currency)),
    ];
    if let Some(on) = paper.cancelled_on {
        rows.push(("Annulation", format!("annulée le {} : ne vaut plus acquit", day(on))));
    }
    let y = facts(&mut sheet, y + 35, "ENCAISSEMENT", &rows);
    let y = closing(&mut sheet, y + 65, "Reçu la somme de :", paper.amount, paper.currency);
    let width = TEXT_WIDTH / 2 - 20;
    let hand = vec![(format!("Encaissé le {}", day(paper.received_on)), true), (paper.collected_by.clone(), false)];
    let x = MARGIN + TEXT_WIDTH - width;
    signature(&mut sheet, (x, y + 25), (width, 480), "Pour acquit, l'agent de recouvrement", &hand);
    if paper.cancelled_on.is_none() {
        sheet.centred(x + width / 2, y + 480, width, "Signature et cachet", LABEL);
        let note = "Cette quittance libère le payeur à hauteur du montant reçu. À\u{A0}conserver.";
        sheet.paragraph(MARGIN, y + 66, TEXT_WIDTH - width - 60, 4, note, LABEL);
    }
    let proof = Proof { document: paper.number.clone(), entry_digest: paper.entry_digest.clone() };
    foot(&mut sheet, &paper.letterhead, &proof);
    Ok(sheet)
}

/// The receipt as a PDF.
pub fn receipt(paper: &ReceiptPaper) -> Result<Vec<u8>, PaperFault> {
    drawn(paper)?.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper() -> ReceiptPaper {
        ReceiptPaper {
            letterhead: Letterhead {
                places: vec!["Région de Gao".to_owned(), "Cercle d'Ansongo".to_owned()],
                organisation: "Commune rurale de Bara".to_owned(),
                code: "ML-0702".to_owned(),
                fictional: true,
            },
            number: "Q-2025-000042".to_owned(),
            fiscal_year: 2025,
            received_on: NaiveDate::from_ymd_opt(2025, 4, 1).expect("a date"),
            payer: "Ŋɔlɔ Koné".to_owned(),
            object: "Droit de place, marché hebdomadaire".to_owned(),
            order_number: Some("T-2025-000007".to_owned()),
            currency: Currency::XOF,
            amount: Amount::from_minor(71_080).expect("in range"),
            mode: PaymentMode::Cash,
            reference: None,
            office: "Régie de recettes du marché".to_owned(),
            collected_by: "Fanta Diarra".to_owned(),
            cancelled_on: None,
            entry_digest: Some("f".repeat(64)),
        }
    }

    fn texts(paper: &ReceiptPaper) -> String {
        drawn(paper).expect("a sheet").texts().join("\n").replace(['\u{A0}', '\u{202F}'], " ")
    }

    #[test]
    fn a_receipt_says_who_paid_what_to_whom() {
        let text = texts(&paper());
        for part in [
            "QUITTANCE",
            "N° Q-2025-000042 · Exercice 2025",
            "Ŋɔlɔ Koné",
            "T-2025-000007",
            "1er avril 2025",
            "espèces",
            "Soixante et onze mille quatre-vingts francs CFA (71 080 F CFA).",
            "Fanta Diarra",
            "Régie de recettes du marché",
            "empreinte de l'écriture ffffffffffffffff",
            "ce document est sans valeur",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("ANNULÉE"));
    }

    #[test]
    fn a_cancelled_receipt_cannot_pass_for_a_valid_one() {
        let cancelled = ReceiptPaper { cancelled_on: NaiveDate::from_ymd_opt(2025, 4, 2), order_number: None, ..paper() };
        let text = texts(&cancelled);
        assert!(text.starts_with("ANNULÉE\n") && text.contains("ne vaut plus acquit") && text.contains("sans titre préalable"));
        assert!(!text.contains("Signature et cachet") && !text.contains("libère"));
        assert_eq!(receipt(&paper()), receipt(&paper()));
        if let Some(folder) = std::env::var_os("SIGIDA_TEST_PAPERS") {
            let folder = std::path::Path::new(&folder);
            std::fs::write(folder.join("receipt.pdf"), receipt(&paper()).expect("a paper")).expect("kept");
            std::fs::write(folder.join("cancelled.pdf"), receipt(&cancelled).expect("a paper")).expect("kept");
        }
    }
}
