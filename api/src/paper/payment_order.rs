//! The payment order on paper (mandat de paiement).

use chrono::NaiveDate;
use domain::expenditure::order::{DeductionKind, HoldReason, PaymentOrderState, RejectionReason};
use domain::expenditure::payment::PaymentMode;
use domain::expenditure::verification::Nature;
use domain::money::{Amount, Currency};
use domain::word::Word as _;

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
    /// When it came back from the bank, if it did.
    pub returned_on: Option<NaiveDate>,
}

/// What the accountant decided.
#[derive(Clone, Debug)]
pub enum Decision {
    Open,
    Accepted(Hand),
    Rejected(Hand, RejectionReason, String),
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
    pub nature: Nature,
    pub certified_on: Option<NaiveDate>,
    pub batch: Option<String>,
    pub currency: Currency,
    /// What is charged to the credit.
    pub gross: Amount,
    /// The advance that the invoice recovers, on top of the gross.
    pub advance_recovered: Amount,
    /// What is withheld, by name.
    pub deductions: Vec<(String, Amount)>,
    /// What corrections took back after the acceptance.
    pub reduced: Amount,
    pub net: Amount,
    pub signed: Option<Hand>,
    pub decision: Decision,
    /// The written order against a rejection: its reference, and who gave it.
    pub requisition: Option<(String, Hand)>,
    /// Why the accountant holds it, and since when.
    pub hold: Option<(HoldReason, String, NaiveDate)>,
    pub payments: Vec<Paid>,
    /// What was paid without being due and is claimed back.
    pub reversed: Amount,
    pub entry_digest: Option<String>,
}

/// How a state is called on paper, and what is written across an order that must not pass for a valid one.
fn state_words(state: PaymentOrderState) -> (&'static str, Option<&'static str>) {
    match state {
        PaymentOrderState::Draft => ("projet, non signé", Some("PROJET")),
        PaymentOrderState::Signed => ("signé par l'ordonnateur", None),
        PaymentOrderState::Transmitted => ("transmis au comptable", None),
        PaymentOrderState::Held => ("suspendu par le comptable", Some("SUSPENDU")),
        PaymentOrderState::Rejected => ("rejeté par le comptable", Some("REJETÉ")),
        PaymentOrderState::Requisitioned => ("rejeté, puis réquisitionné par l'ordonnateur", None),
        PaymentOrderState::Accepted => ("pris en charge par le comptable", None),
        PaymentOrderState::PartlyPaid => ("payé en partie", None),
        PaymentOrderState::Paid => ("payé", None),
        PaymentOrderState::Returned => ("paiement revenu de la banque, à payer de nouveau", None),
        PaymentOrderState::Cancelled => ("annulé après prise en charge", Some("ANNULÉ")),
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

/// Why an order is held, in French.
fn hold_words(reason: HoldReason) -> &'static str {
    match reason {
        HoldReason::InsufficientCash => "disponibilités insuffisantes",
        HoldReason::Opposition => "opposition d'un tiers",
        HoldReason::MissingDocument => "pièce attendue",
    }
}

/// What is kept back, in French.
pub fn deduction_words(kind: DeductionKind) -> &'static str {
    match kind {
        DeductionKind::Retention => "garantie",
        DeductionKind::Tax => "impôts et taxes",
        DeductionKind::Social => "cotisations sociales",
    }
}

/// What the debt is, where it is more than an ordinary invoice.
fn nature_words(nature: Nature) -> Option<&'static str> {
    match nature {
        Nature::Service => None,
        Nature::Advance => Some("avance"),
        Nature::Instalment => Some("acompte"),
        Nature::Balance => Some("solde"),
        Nature::Subsidy => Some("subvention"),
        Nature::Subscription => Some("abonnement"),
    }
}

/// The most deductions that stand under a name of their own, so that all stays on one sheet.
const DEDUCTIONS_MAX: usize = 4;

fn amounts(sheet: &mut Sheet, y: i32, paper: &PaymentOrderPaper) -> i32 {
    let mut rows = Vec::new();
    if !paper.advance_recovered.is_zero() {
        let whole = paper.gross.checked_add(paper.advance_recovered).unwrap_or(paper.gross);
        rows.push(("Montant de la facture ou du décompte".to_owned(), whole));
        rows.push(("Avance récupérée".to_owned(), paper.advance_recovered));
    }
    rows.push(("Montant brut".to_owned(), paper.gross));
    let cancelled = paper.state == PaymentOrderState::Cancelled;
    // What was kept back on an order lapses with it.
    let deductions = if cancelled { &[] } else { paper.deductions.as_slice() };
    if deductions.is_empty() {
        rows.push(("Retenues".to_owned(), Amount::ZERO));
    }
    let (named, others) = deductions.split_at(deductions.len().min(DEDUCTIONS_MAX));
    rows.extend(named.iter().map(|(name, amount)| (format!("Retenue : {name}"), *amount)));
    if !others.is_empty() {
        rows.push((
            format!("Autres retenues ({})", others.len()),
            Amount::sum(others.iter().map(|(_, amount)| *amount)).unwrap_or_default(),
        ));
    }
    if !paper.reduced.is_zero() {
        let name = if cancelled { "Annulation" } else { "Réduction après prise en charge" };
        rows.push((name.to_owned(), paper.reduced));
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

/// A line of a place to sign, and whether it stands out.
type Known = (String, bool);

fn by(hand: &Hand, what: &str) -> Vec<Known> {
    vec![(format!("{what} le {}", day(hand.on)), true), (hand.name.clone(), false)]
}

/// What the accountant did with the order. Only an order that was accepted says so.
fn accounted(paper: &PaymentOrderPaper) -> Vec<Known> {
    let mut known = match &paper.decision {
        Decision::Open => vec![("Non pris en charge".to_owned(), false)],
        Decision::Accepted(hand) => by(hand, "Pris en charge"),
        Decision::Rejected(hand, reason, text) => {
            // A requisition stands below: the whole text would leave no place for it.
            let most = if paper.requisition.is_some() { 200 } else { usize::MAX };
            let text: String = text.chars().take(most).collect();
            let mut known = by(hand, "REJETÉ");
            known.push((format!("Motif {} : {}. {text}", reason.as_str(), reason_words(*reason)), false));
            known
        }
    };
    if let Some((reference, hand)) = &paper.requisition {
        known.push((format!("Réquisition du {}", day(hand.on)), true));
        known.push((format!("{reference}, {}", hand.name), false));
    }
    if let Some((reason, text, on)) = &paper.hold {
        known.push((format!("SUSPENDU le {}", day(*on)), true));
        known.push((format!("{} : {text}", hold_words(*reason)), false));
    }
    known
}

/// What was paid on the order, and what of it came back.
fn paid(paper: &PaymentOrderPaper) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for payment in paper.payments.iter().take(4) {
        let amount = figures(payment.amount, paper.currency);
        let how = format!("{amount} par {}, {}", mode_name(payment.mode), payment.number);
        if let Some(back) = payment.returned_on {
            known.push((format!("Revenu de la banque le {}", day(back)), true));
            known.push((format!("{how}, du {}", day(payment.on)), false));
        } else {
            known.push((format!("Payé le {}", day(payment.on)), true));
            known.push((how, false));
        }
    }
    if let Some(more) = paper.payments.len().checked_sub(4).filter(|more| *more > 0) {
        known.push((format!("et {more} autre(s) paiement(s)"), false));
    }
    if !paper.reversed.is_zero() {
        known.push((format!("Ordre de reversement : {}", figures(paper.reversed, paper.currency)), true));
    }
    if known.is_empty() {
        known.push((if paper.net.is_zero() { "Rien à payer" } else { "Non payé" }.to_owned(), false));
    }
    known
}

fn signatures(sheet: &mut Sheet, y: i32, paper: &PaymentOrderPaper) -> i32 {
    const GAP: i32 = 30;
    let (width, height) = ((TEXT_WIDTH - 2 * GAP) / 3, (HEIGHT - 215 - y).clamp(150, 560));
    let officer = paper.signed.as_ref().map_or_else(|| vec![("NON SIGNÉ".to_owned(), true)], |hand| by(hand, "Signé"));
    let (accountant, paid) = (accounted(paper), paid(paper));
    for (index, (who, known)) in (0..).zip([("L'ordonnateur", officer), ("Le comptable public", accountant), ("Paiement et acquit", paid)])
    {
        signature(sheet, (MARGIN + index * (width + GAP), y), (width, height), who, &known);
    }
    // Where ink goes, if nothing across the sheet says that the order is not one to sign.
    if state_words(paper.state).1.is_none() {
        for (index, what) in (0..).zip(["Signature et cachet", "Signature et cachet", "Pour acquit, le créancier"]) {
            let x = MARGIN + index * (width + GAP);
            sheet.centred(x + width / 2, y + height - 25, width, what, LABEL);
        }
    }
    height
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
        Some(on) => format!("service fait certifié le {}", day(on)),
        None if paper.nature.needs_service() => "service fait non certifié".to_owned(),
        None => "dû avant service fait".to_owned(),
    };
    let nature = nature_words(paper.nature).map(|nature| format!(" ({nature})")).unwrap_or_default();
    let mut what = vec![
        ("Créancier", paper.creditor.clone()),
        ("Fichier des tiers", format!("{}{tax}", paper.creditor_code)),
        ("Objet", paper.object.clone()),
        ("Engagement", format!("{} du {}", paper.commitment.0, day(paper.commitment.1))),
        ("Facture", format!("n° {} du {}", paper.invoice.0, day(paper.invoice.1))),
        ("Liquidation", format!("{}{nature} – {certified}", paper.verification)),
    ];
    if let Some(batch) = &paper.batch {
        what.push(("Bordereau", batch.clone()));
    }
    let y = facts(sheet, y + 30, "DÉPENSE", &what);
    let y = amounts(sheet, y + 30, paper);
    let words = match paper.state {
        PaymentOrderState::Cancelled => "Mandat annulé, arrêté à la somme nette de :",
        _ => "Arrêté le présent mandat à la somme nette de :",
    };
    let y = closing(sheet, y + 65, words, paper.net, paper.currency);
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
mod tests;
