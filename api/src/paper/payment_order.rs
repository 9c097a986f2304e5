//! The payment order on paper (mandat de paiement).

use chrono::NaiveDate;
use domain::expenditure::{PaymentMode, PaymentOrderState, RejectionReason};
use domain::money::{Amount, Currency};

use super::sheet::{BODY, HEIGHT, LABEL, MARGIN, STRONG, Sheet, TEXT_WIDTH, WIDTH};
use super::{Letterhead, PaperFault, Proof, closing, day, facts, figures, foot, head, mode_name, signature, title};

/// A code of the nomenclature with its label, where it is known.
#[derive(Clone, Debug)]
pub struct Imputation {
    pub code: String,
    pub label: Option<String>,
}

impl Imputation {
    fn shown(&self) -> String {
        self.label.as_ref().map_or_else(|| self.code.clone(), |label| format!("{} – {label}", self.code))
    }
}

/// Somebody's hand under an order.
#[derive(Clone, Debug)]
pub struct Hand {
    pub name: String,
    pub on: NaiveDate,
}

/// A payment that was made on the order.
#[derive(Clone, Debug)]
pub struct Paid {
    pub number: String,
    pub on: NaiveDate,
    pub amount: Amount,
    pub mode: PaymentMode,
}

/// What stands on a payment order.
#[derive(Clone, Debug)]
pub struct PaymentOrderPaper {
    pub letterhead: Letterhead,
    pub state: PaymentOrderState,
    /// Given at signature.
    pub number: Option<String>,
    pub fiscal_year: i32,
    pub section: &'static str,
    pub chapter: Imputation,
    pub article: Imputation,
    pub paragraph: Imputation,
    pub commitment: (String, NaiveDate),
    pub object: String,
    pub creditor: String,
    pub creditor_code: String,
    pub tax_number: Option<String>,
    pub invoice: (String, NaiveDate),
    pub verification: String,
    pub certified_on: Option<NaiveDate>,
    pub batch: Option<String>,
    pub currency: Currency,
    pub gross: Amount,
    /// What is withheld, by name.
    pub deductions: Vec<(String, Amount)>,
    pub net: Amount,
    pub signed: Option<Hand>,
    pub decided: Option<Hand>,
    pub rejection: Option<(RejectionReason, String)>,
    pub payments: Vec<Paid>,
    pub entry_digest: Option<String>,
}

/// How a state is called on paper, and what is written across an order that must not pass for a valid one.
fn state_words(state: PaymentOrderState) -> (&'static str, Option<&'static str>) {
    match state {
        PaymentOrderState::Draft => ("projet, non signé", Some("PROJET")),
        PaymentOrderState::Signed => ("signé par l'ordonnateur", None),
        PaymentOrderState::Transmitted => ("transmis au comptable", None),
        PaymentOrderState::Accepted => ("pris en charge par le comptable", None),
        PaymentOrderState::Rejected => ("rejeté par le comptable", Some("REJETÉ")),
        PaymentOrderState::PartlyPaid => ("payé en partie", None),
        PaymentOrderState::Paid => ("payé", None),
    }
}

/// The accountant's reason in French.
pub fn reason_words(reason: RejectionReason) -> &'static str {
    match reason {
        RejectionReason::R01 => "signataire non accrédité",
        RejectionReason::R02 => "crédits indisponibles",
        RejectionReason::R03 => "imputation erronée",
        RejectionReason::R04 => "service fait non prouvé",
        RejectionReason::R05 => "montant erroné",
        RejectionReason::R06 => "pièce manquante ou non valable",
        RejectionReason::R07 => "créance prescrite",
        RejectionReason::R08 => "bénéficiaire ou coordonnées bancaires erronés",
        RejectionReason::R09 => "visa manquant",
        RejectionReason::R10 => "preuve de patente manquante",
        RejectionReason::R11 => "double emploi",
    }
}

/// The most deductions that stand under a name of their own, so that all stays on one sheet.
const DEDUCTIONS_MAX: usize = 4;

fn amounts(sheet: &mut Sheet, y: i32, paper: &PaymentOrderPaper) -> i32 {
    let mut rows = vec![("Montant brut".to_owned(), paper.gross)];
    if paper.deductions.is_empty() {
        rows.push(("Retenues".to_owned(), Amount::ZERO));
    }
    let (named, others) = paper.deductions.split_at(paper.deductions.len().min(DEDUCTIONS_MAX));
    rows.extend(named.iter().map(|(name, amount)| (format!("Retenue : {name}"), *amount)));
    if !others.is_empty() {
        rows.push((
            format!("Autres retenues ({})", others.len()),
            Amount::sum(others.iter().map(|(_, amount)| *amount)).unwrap_or_default(),
        ));
    }
    let (top, right) = (y, WIDTH - MARGIN);
    let mut y = y;
    for (name, amount) in rows {
        let line = y + sheet.air(43, 36);
        sheet.paragraph(MARGIN + 25, line, 1150, 1, &name, BODY);
        sheet.right(right - 25, line, &figures(amount, paper.currency), BODY);
        y += sheet.air(62, 50);
        sheet.rule((MARGIN, y), (right, y), 10);
    }
    sheet.shade(MARGIN, y, TEXT_WIDTH, 76);
    sheet.text(MARGIN + 25, y + 51, "Net à payer", STRONG.sized(110));
    sheet.right(right - 25, y + 51, &figures(paper.net, paper.currency), STRONG.sized(110));
    y += 76;
    sheet.frame(MARGIN, top, TEXT_WIDTH, y - top, 20);
    y
}

fn signatures(sheet: &mut Sheet, y: i32, paper: &PaymentOrderPaper) -> i32 {
    const GAP: i32 = 30;
    let (width, height) = ((TEXT_WIDTH - 2 * GAP) / 3, (HEIGHT - 215 - y).clamp(150, 560));
    let by = |hand: &Hand, what: &str| vec![(format!("{what} le {}", day(hand.on)), true), (hand.name.clone(), false)];
    let officer = match &paper.signed {
        Some(hand) => by(hand, "Signé"),
        None => vec![("NON SIGNÉ".to_owned(), true)],
    };
    let accountant = match (&paper.decided, &paper.rejection) {
        (Some(hand), Some((reason, text))) => {
            let mut known = by(hand, "REJETÉ");
            known.push((format!("Motif {} : {}. {text}", reason_code(*reason), reason_words(*reason)), false));
            known
        }
        (Some(hand), None) => by(hand, "Pris en charge"),
        (None, _) => vec![("Non pris en charge".to_owned(), false)],
    };
    let mut paid: Vec<(String, bool)> = Vec::new();
    for payment in paper.payments.iter().take(4) {
        paid.push((format!("Payé le {}", day(payment.on)), true));
        let amount = figures(payment.amount, paper.currency);
        paid.push((format!("{amount} par {}, {}", mode_name(payment.mode), payment.number), false));
    }
    if let Some(more) = paper.payments.len().checked_sub(4).filter(|more| *more > 0) {
        paid.push((format!("et {more} autre(s) paiement(s)"), false));
    }
    if paid.is_empty() {
        paid.push(("Non payé".to_owned(), false));
    }
    for (index, (who, known)) in (0..).zip([("L'ordonnateur", officer), ("Le comptable public", accountant), ("Paiement et acquit", paid)])
    {
        signature(sheet, (MARGIN + index * (width + GAP), y), (width, height), who, &known);
    }
    // Where ink goes, if the order is one that can be signed.
    if paper.state != PaymentOrderState::Draft && paper.state != PaymentOrderState::Rejected {
        for (index, what) in (0..).zip(["Signature et cachet", "Signature et cachet", "Pour acquit, le créancier"]) {
            let x = MARGIN + index * (width + GAP);
            sheet.centred(x + width / 2, y + height - 25, width, what, LABEL);
        }
    }
    height
}

fn reason_code(reason: RejectionReason) -> &'static str {
    use domain::word::Word as _;
    reason.as_str()
}

/// The least height of the places to sign.
const SIGNATURES_MIN: i32 = 330;

/// The order on its sheet; what is too long for a loose one stands on a tight one.
fn drawn(paper: &PaymentOrderPaper) -> Result<Sheet, PaperFault> {
    let title = format!("Mandat de paiement {}", paper.number.as_deref().unwrap_or("sans numéro"));
    let mut sheet = Sheet::new(&title)?;
    if draw(&mut sheet, paper) < SIGNATURES_MIN {
        sheet = Sheet::tight(&title)?;
        draw(&mut sheet, paper);
    }
    Ok(sheet)
}

/// Draws the order; gives the height that was left for the places to sign.
fn draw(sheet: &mut Sheet, paper: &PaymentOrderPaper) -> i32 {
    let (state, across) = state_words(paper.state);
    let number = paper.number.as_deref().unwrap_or("sans numéro");
    let called = paper.number.as_ref().map_or_else(|| "Sans numéro".to_owned(), |number| format!("N° {number}"));
    if let Some(word) = across {
        sheet.watermark(word);
    }
    let y = head(sheet, &paper.letterhead);
    let name = if paper.state == PaymentOrderState::Draft { "PROJET DE MANDAT DE PAIEMENT" } else { "MANDAT DE PAIEMENT" };
    let y = title(sheet, y, name, &format!("{called} · Exercice {} · État : {state}", paper.fiscal_year));
    let imputation = [
        ("Section", paper.section.to_owned()),
        ("Chapitre", paper.chapter.shown()),
        ("Article", paper.article.shown()),
        ("Paragraphe", paper.paragraph.shown()),
    ];
    let y = facts(sheet, y + 35, "IMPUTATION BUDGÉTAIRE", &imputation);
    let tax = paper.tax_number.as_ref().map(|number| format!(" – NIF {number}")).unwrap_or_default();
    let certified = match paper.certified_on {
        Some(on) => format!("certifié le {}", day(on)),
        None => "non certifié".to_owned(),
    };
    let mut what = vec![
        ("Créancier", paper.creditor.clone()),
        ("Fichier des tiers", format!("{}{tax}", paper.creditor_code)),
        ("Objet", paper.object.clone()),
        ("Engagement", format!("{} du {}", paper.commitment.0, day(paper.commitment.1))),
        ("Facture", format!("n° {} du {}", paper.invoice.0, day(paper.invoice.1))),
        ("Liquidation", format!("{} – service fait {certified}", paper.verification)),
    ];
    if let Some(batch) = &paper.batch {
        what.push(("Bordereau", batch.clone()));
    }
    let y = facts(sheet, y + 30, "DÉPENSE", &what);
    let y = amounts(sheet, y + 30, paper);
    let y = closing(sheet, y + 65, "Arrêté le présent mandat à la somme nette de :", paper.net, paper.currency);
    let height = signatures(sheet, y + 5, paper);
    let proof = Proof { document: number.to_owned(), entry_digest: paper.entry_digest.clone() };
    foot(sheet, &paper.letterhead, &proof);
    height
}

/// The order as a PDF.
pub fn payment_order(paper: &PaymentOrderPaper) -> Result<Vec<u8>, PaperFault> {
    drawn(paper)?.finish()
}

#[cfg(test)]
mod tests {
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
        let decided = matches!(
            state,
            PaymentOrderState::Accepted | PaymentOrderState::Rejected | PaymentOrderState::PartlyPaid | PaymentOrderState::Paid
        );
        let paid = Paid { number: "P-2025-000009".to_owned(), on: on("2025-03-20"), amount: amount(850_000), mode: PaymentMode::Transfer };
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
            certified_on: Some(on("2025-02-24")),
            batch: signed.then(|| "B-2025-000004 du 3 mars 2025".to_owned()),
            currency: Currency::XOF,
            gross: amount(850_000),
            deductions: Vec::new(),
            net: amount(850_000),
            signed: hand("Aminata Traoré", "2025-03-03").filter(|_| signed),
            decided: hand("Moussa Keïta", "2025-03-14").filter(|_| decided),
            rejection: (state == PaymentOrderState::Rejected).then(|| (RejectionReason::R06, "Journal de carburant manquant".to_owned())),
            payments: if state == PaymentOrderState::Paid { vec![paid] } else { Vec::new() },
            entry_digest: decided.then(|| "0123456789abcdef".repeat(4)),
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
    }

    #[test]
    fn deductions_stand_between_gross_and_net() {
        let mut paper = paper(PaymentOrderState::Accepted);
        paper.deductions = vec![("TVA retenue à la source".to_owned(), amount(61_200)), ("Retenue de garantie".to_owned(), amount(42_500))];
        paper.net = amount(746_300);
        let text = texts(&paper);
        for part in [
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
        long.rejection = Some((RejectionReason::R08, "Pièces manquantes et coordonnées fausses. ".repeat(45)));
        let text = texts(&long);
        assert!(text.contains("REJETÉ le 14 mars 2025\nMoussa Keïta\nMotif R08"), "{text}");
        assert!(text.contains("Retenue : Retenue 4\n1 000 F CFA") && text.contains("Autres retenues (3)\n3 000 F CFA"), "{text}");
        let pdf = payment_order(&long).expect("a paper");
        assert!(pdf.starts_with(b"%PDF-1.7") && pdf.len() < 80_000, "{} bytes", pdf.len());
        if let Some(folder) = std::env::var_os("SIGIDA_TEST_PAPERS") {
            let folder = std::path::Path::new(&folder);
            let keep = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("kept");
            keep("long.pdf", &pdf);
            for state in [PaymentOrderState::Draft, PaymentOrderState::Signed, PaymentOrderState::Rejected, PaymentOrderState::Paid] {
                keep(&format!("{state}.pdf"), &payment_order(&paper(state)).expect("a paper"));
            }
        }
    }
}
