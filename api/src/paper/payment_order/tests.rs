//! A payment order on paper, in each of its states.

use super::*;

fn on(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn amount(minor: i64) -> Amount {
    Amount::from_minor(minor).expect("in range")
}

fn imputation(code: &str, label: &str) -> Imputation {
    Imputation { code: code.to_owned(), label: Some(label.to_owned()) }
}

fn paper(state: PaymentOrderState) -> PaymentOrderPaper {
    let signed = state != PaymentOrderState::Draft;
    let hand = |name: &str, day: &str| Some(Hand { name: name.to_owned(), on: on(day) });
    let accountant = Hand { name: "Moussa Keïta".to_owned(), on: on("2025-03-14") };
    let decision = match state {
        PaymentOrderState::Draft | PaymentOrderState::Signed | PaymentOrderState::Transmitted | PaymentOrderState::Held => Decision::Open,
        PaymentOrderState::Rejected | PaymentOrderState::Requisitioned => {
            Decision::Rejected(accountant, RejectionReason::R06, "Journal de carburant manquant".to_owned())
        }
        _ => Decision::Accepted(accountant),
    };
    let back = (state == PaymentOrderState::Returned).then(|| on("2025-03-25"));
    let (number, amount_paid) = ("P-2025-000009".to_owned(), amount(850_000));
    let paid = Paid { number, on: on("2025-03-20"), amount: amount_paid, mode: PaymentMode::Transfer, returned_on: back };
    let requisition = Hand { name: "Aminata Traoré".to_owned(), on: on("2025-03-17") };
    PaymentOrderPaper {
        letterhead: Letterhead {
            places: vec!["Région de Ségou".to_owned(), "Cercle de Barouéli".to_owned()],
            organisation: "Commune rurale de Konobougou".to_owned(),
            code: "ML-0405".to_owned(),
            fictional: false,
        },
        state,
        number: signed.then(|| "M-2025-000017".to_owned()),
        fiscal_year: 2025,
        section: "Fonctionnement",
        chapter: imputation("60", "Achats et variations de stocks"),
        article: imputation("602", "Carburants et lubrifiants"),
        paragraph: imputation("01", "Carburant des véhicules"),
        commitment: ("E-2025-000021".to_owned(), on("2025-02-03")),
        object: "Carburant, premier trimestre".to_owned(),
        creditor: "Station-service Bɛnkadi".to_owned(),
        creditor_code: "SUP-0012".to_owned(),
        tax_number: Some("084123456A".to_owned()),
        invoice: ("F-0117".to_owned(), on("2025-02-18")),
        verification: "L-2025-000012".to_owned(),
        nature: Nature::Service,
        certified_on: Some(on("2025-02-24")),
        batch: signed.then(|| "B-2025-000004 du 3 mars 2025".to_owned()),
        currency: Currency::XOF,
        gross: amount(850_000),
        advance_recovered: Amount::ZERO,
        deductions: Vec::new(),
        reduced: amount(if state == PaymentOrderState::Cancelled { 850_000 } else { 0 }),
        net: amount(if state == PaymentOrderState::Cancelled { 0 } else { 850_000 }),
        signed: hand("Aminata Traoré", "2025-03-03").filter(|_| signed),
        requisition: (state == PaymentOrderState::Requisitioned).then(|| ("Réquisition n° 3".to_owned(), requisition)),
        hold: (state == PaymentOrderState::Held).then(|| (HoldReason::Opposition, "Saisie-arrêt du 15 mars".to_owned(), on("2025-03-16"))),
        payments: if matches!(state, PaymentOrderState::Paid | PaymentOrderState::Returned) { vec![paid] } else { Vec::new() },
        reversed: Amount::ZERO,
        entry_digest: matches!(decision, Decision::Accepted(_)).then(|| "0123456789abcdef".repeat(4)),
        decision,
    }
}

fn texts(paper: &PaymentOrderPaper) -> String {
    drawn(paper).expect("a sheet").texts().join("\n").replace(['\u{A0}', '\u{202F}'], " ")
}

#[test]
fn an_order_says_what_is_to_be_paid_to_whom_and_why() {
    let text = texts(&paper(PaymentOrderState::Accepted));
    for part in [
        "RÉPUBLIQUE DU MALI",
        "Un Peuple – Un But – Une Foi",
        "Région de Ségou",
        "Cercle de Barouéli",
        "Commune rurale de Konobougou",
        "MANDAT DE PAIEMENT",
        "N° M-2025-000017 · Exercice 2025",
        "602 – Carburants et lubrifiants",
        "Station-service Bɛnkadi",
        "n° F-0117 du 18 février 2025",
        "L-2025-000012 – service fait certifié le 24 février 2025",
        "850 000 F CFA",
        "Huit cent cinquante mille francs CFA (850 000 F CFA).",
        "Signé le 3 mars 2025",
        "Aminata Traoré",
        "Pris en charge le 14 mars 2025",
        "Document M-2025-000017 · organisation ML-0405 · empreinte de l'écriture 0123456789abcdef",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn each_state_can_be_told_from_the_others() {
    let draft = texts(&paper(PaymentOrderState::Draft));
    for part in ["PROJET\n", "PROJET DE MANDAT DE PAIEMENT", "NON SIGNÉ", "Sans numéro ·", "sans écriture comptable"] {
        assert!(draft.contains(part), "{part}");
    }
    assert!(!draft.contains("Signé le") && !draft.contains("Signature et cachet") && !draft.contains("\nMANDAT DE PAIEMENT"));
    let rejected = texts(&paper(PaymentOrderState::Rejected));
    assert!(rejected.starts_with("REJETÉ\n"));
    assert!(rejected.contains("REJETÉ le 14 mars 2025") && rejected.contains("Motif R06") && !rejected.contains("Pris en charge le"));
    let signed = texts(&paper(PaymentOrderState::Signed));
    assert!(signed.contains("Signé le 3 mars 2025") && signed.contains("Non pris en charge") && signed.contains("Non payé"));
    let paid = texts(&paper(PaymentOrderState::Paid));
    assert!(paid.contains("Payé le 20 mars 2025") && paid.contains("850 000 F CFA par virement,\nP-2025-000009"));
    let flat = |state| texts(&paper(state)).replace('\n', " ");
    let held = flat(PaymentOrderState::Held);
    assert!(held.starts_with("SUSPENDU ") && held.contains("SUSPENDU le 16 mars 2025") && held.contains("opposition d'un tiers"));
    assert!(held.contains("Non pris en charge") && !held.contains("Signature et cachet"));
    let requisitioned = flat(PaymentOrderState::Requisitioned);
    assert!(requisitioned.contains("Réquisition du 17 mars 2025") && requisitioned.contains("Réquisition n° 3"));
    assert!(!requisitioned.contains("Pris en charge le") && requisitioned.contains("Signature et cachet"));
    let returned = flat(PaymentOrderState::Returned);
    assert!(returned.contains("Revenu de la banque le 25 mars 2025") && !returned.contains("Payé le"), "{returned}");
    let cancelled = flat(PaymentOrderState::Cancelled);
    assert!(cancelled.starts_with("ANNULÉ ") && cancelled.contains("Annulation 850 000 F CFA"), "{cancelled}");
    assert!(cancelled.contains("Net à payer 0 F CFA") && cancelled.contains("Rien à payer"), "{cancelled}");
}

#[test]
fn deductions_stand_between_gross_and_net() {
    let mut paper = paper(PaymentOrderState::Accepted);
    paper.deductions = vec![("TVA retenue à la source".to_owned(), amount(61_200)), ("Retenue de garantie".to_owned(), amount(42_500))];
    (paper.net, paper.advance_recovered, paper.nature) = (amount(746_300), amount(150_000), Nature::Instalment);
    let text = texts(&paper);
    for part in [
        "Montant de la facture ou du décompte\n1 000 000 F CFA",
        "Avance récupérée\n150 000 F CFA",
        "Montant brut\n850 000 F CFA",
        "L-2025-000012 (acompte) – service fait certifié",
        "Retenue : TVA retenue à la source\n61 200 F CFA",
        "Net à payer\n746 300 F CFA",
        "Sept cent quarante-six mille trois cents francs CFA",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn the_same_facts_are_the_same_bytes_and_long_ones_stay_on_the_sheet() {
    let mut long = paper(PaymentOrderState::Rejected);
    assert_eq!(payment_order(&long), payment_order(&long));
    long.object = "Réhabilitation et équipement du centre de santé communautaire de Ɲɔgɔndugu ".repeat(4).chars().take(300).collect();
    long.creditor = "Groupement d'intérêt économique des producteurs et transformateurs ".repeat(3).chars().take(200).collect();
    long.letterhead.organisation = "Commune rurale au nom tout à fait interminable ".repeat(4);
    (long.gross, long.net) = (amount(999_999_999_999), amount(999_999_999_999));
    long.deductions = (1..=7).map(|number| (format!("Retenue {number}"), amount(1000))).collect();
    if let Decision::Rejected(_, reason, text) = &mut long.decision {
        *reason = RejectionReason::R08;
        *text = "Pièces manquantes et coordonnées fausses. ".repeat(45);
    }
    let text = texts(&long);
    assert!(text.contains("REJETÉ le 14 mars 2025\nMoussa Keïta\nMotif R08"), "{text}");
    assert!(text.contains("Retenue : Retenue 4\n1 000 F CFA") && text.contains("Autres retenues (3)\n3 000 F CFA"), "{text}");
    let pdf = payment_order(&long).expect("a paper");
    assert!(pdf.starts_with(b"%PDF-1.7") && pdf.len() < 80_000, "{} bytes", pdf.len());
    if let Some(folder) = std::env::var_os("SIGIDA_TEST_PAPERS") {
        let folder = std::path::Path::new(&folder);
        let keep = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("kept");
        keep("long.pdf", &pdf);
        for state in PaymentOrderState::ALL {
            keep(&format!("{state}.pdf"), &payment_order(&paper(*state)).expect("a paper"));
        }
    }
}
