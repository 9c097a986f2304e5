//! Papers that people sign: one sheet of A4 in French each, the same bytes for the same facts. Every paper is a pure function
//! of a plain structure; who may have it, and from what it is filled, is the business of the rooms.

#![expect(clippy::cast_precision_loss, reason = "a sheet is measured in whole numbers that is small enough to be exact")]

mod font;
pub mod payment_order;
pub mod receipt;
mod sheet;

use chrono::{Datelike as _, NaiveDate};
use domain::expenditure::payment::PaymentMode;
use domain::money::letters::{in_figures, in_letters};
use domain::money::{Amount, Currency};

use sheet::{BODY, HEIGHT, LABEL, MARGIN, SMALL, STRONG, Sheet, TEXT_WIDTH, WIDTH};

/// Why a paper could not be made; told to the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaperFault(pub &'static str);

impl std::fmt::Display for PaperFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// Whose paper it is.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// Where the organisation lies, the widest first: "Région de Ségou", "Cercle de Barouéli".
    pub places: Vec<String>,
    pub organisation: String,
    pub code: String,
    /// Papers of organisations that do not exist say so.
    pub fictional: bool,
}

/// By which a paper is found and checked.
#[derive(Clone, Debug)]
pub struct Proof {
    pub document: String,
    /// Digest of the entry by which it was posted, if it was.
    pub entry_digest: Option<String>,
}

const MONTHS: [&str; 12] =
    ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"];

/// A date as French papers write it: "1er mars 2025".
pub fn day(date: NaiveDate) -> String {
    let month = usize::try_from(date.month0()).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("");
    let ordinal = if date.day() == 1 { "er" } else { "" };
    format!("{}{ordinal}\u{A0}{month}\u{A0}{}", date.day(), date.year())
}

/// An amount in figures with its currency: "850 000 F CFA".
fn figures(amount: Amount, currency: Currency) -> String {
    let unit = if currency == Currency::XOF { "F\u{A0}CFA" } else { currency.code() };
    format!("{}\u{A0}{unit}", in_figures(amount, currency))
}

/// How a payment or a receipt was made.
pub fn mode_name(mode: PaymentMode) -> &'static str {
    match mode {
        PaymentMode::Transfer => "virement",
        PaymentMode::Cheque => "chèque",
        PaymentMode::Cash => "espèces",
        PaymentMode::MobileMoney => "paiement mobile",
    }
}

/// "Cercle de Ségou", "Cercle d'Ansongo".
pub fn place(kind: &str, name: &str) -> String {
    let vowel = name.to_lowercase().starts_with(['a', 'e', 'é', 'è', 'i', 'o', 'u']);
    if vowel { format!("{kind} d'{name}") } else { format!("{kind} de {name}") }
}

/// The head of every paper: the organisation on the left, the Republic on the right. Gives where the paper goes on.
fn head(sheet: &mut Sheet, letterhead: &Letterhead) -> i32 {
    let (left, width) = (MARGIN, 980);
    let mut y = 210;
    for name in &letterhead.places {
        y = sheet.paragraph(left, y, width, 2, name, BODY);
    }
    let most = usize::try_from(sheet.air(4, 2)).unwrap_or(2);
    y = sheet.paragraph(left, y, width, most, &letterhead.organisation, STRONG.sized(105));
    y = sheet.paragraph(left, y, width, 1, &format!("Code {}", letterhead.code), LABEL);
    let centre = WIDTH - MARGIN - 300;
    let mut other = sheet.centred(centre, 210, 640, "RÉPUBLIQUE DU MALI", STRONG.sized(105));
    other = sheet.centred(centre, other, 640, "Un Peuple – Un But – Une Foi", BODY.sized(90));
    sheet.rule((centre - 150, other - 20), (centre + 150, other - 20), 20);
    y.max(other) + 30
}

/// The title, its number and the year, between two rules. Gives where the paper goes on.
fn title(sheet: &mut Sheet, y: i32, title: &str, subtitle: &str) -> i32 {
    sheet.rule((MARGIN, y), (WIDTH - MARGIN, y), 40);
    let next = sheet.centred(WIDTH / 2, y + 85, TEXT_WIDTH, title, STRONG.sized(170));
    let next = sheet.centred(WIDTH / 2, next, TEXT_WIDTH, subtitle, BODY.sized(110));
    sheet.rule((MARGIN, next), (WIDTH - MARGIN, next), 40);
    next
}

/// A table of what stands for what. Gives where the paper goes on.
fn facts(sheet: &mut Sheet, y: i32, heading: &str, rows: &[(&str, String)]) -> i32 {
    const NAMES: i32 = 400;
    let top = y;
    sheet.shade(MARGIN, y, TEXT_WIDTH, 58);
    sheet.text(MARGIN + 25, y + 41, heading, STRONG.sized(88));
    let mut y = y + 58;
    for (name, value) in rows {
        sheet.rule((MARGIN, y), (WIDTH - MARGIN, y), 10);
        let line = y + sheet.air(43, 36);
        sheet.text(MARGIN + 25, line, name, LABEL.sized(85));
        let after = sheet.paragraph(MARGIN + NAMES, line, TEXT_WIDTH - NAMES - 25, 8, value, BODY);
        y = after - BODY.leading() + sheet.air(22, 14);
    }
    sheet.frame(MARGIN, top, TEXT_WIDTH, y - top, 20);
    y
}

/// The sum in letters and figures, as the paper closes with it. Gives where the paper goes on.
fn closing(sheet: &mut Sheet, y: i32, words: &str, amount: Amount, currency: Currency) -> i32 {
    let next = sheet.paragraph(MARGIN, y, TEXT_WIDTH, 1, words, BODY);
    let letters = in_letters(amount, currency);
    let mut first = letters.chars();
    let letters: String = first.next().into_iter().flat_map(char::to_uppercase).chain(first).collect();
    let text = format!("{letters} ({}).", figures(amount, currency));
    sheet.paragraph(MARGIN, next + 8, TEXT_WIDTH, 4, &text, STRONG.sized(105))
}

/// The line by which the paper is found and checked, at the foot of the sheet.
fn foot(sheet: &mut Sheet, letterhead: &Letterhead, proof: &Proof) {
    let y = HEIGHT - 190;
    sheet.rule((MARGIN, y), (WIDTH - MARGIN, y), 15);
    let digest = proof.entry_digest.as_deref().and_then(|digest| digest.get(..16));
    let posted = digest.map_or_else(|| "sans écriture comptable".to_owned(), |digest| format!("empreinte de l'écriture {digest}"));
    let line = format!("Document {} · organisation {} · {posted}", proof.document, letterhead.code);
    let next = sheet.paragraph(MARGIN, y + 40, TEXT_WIDTH, 1, &line, SMALL);
    let how = if letterhead.fictional {
        "Organisation fictive, créée pour la démonstration ou la formation : ce document est sans valeur."
    } else {
        "Se vérifie dans le registre de l'organisation par le numéro du document et l'empreinte de l'écriture."
    };
    sheet.paragraph(MARGIN, next, TEXT_WIDTH, 1, how, SMALL);
}

/// A place to sign: who signs there, and what is already known of it.
fn signature(sheet: &mut Sheet, at: (i32, i32), size: (i32, i32), who: &str, known: &[(String, bool)]) {
    let ((x, y), (width, height)) = (at, size);
    sheet.shade(x, y, width, 58);
    sheet.frame(x, y, width, height, 20);
    sheet.centred(x + width / 2, y + 41, width - 20, who, STRONG.sized(88));
    let mut line = y + 105;
    for (text, strong) in known {
        let style = if *strong { STRONG.sized(88) } else { BODY.sized(85) };
        let room = usize::try_from((y + height - 25 - line) / style.leading()).unwrap_or(0);
        line = sheet.paragraph(x + 20, line, width - 40, room.min(8), text, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_places_read_as_french() {
        let date = |text: &str| day(text.parse().expect("a date"));
        assert_eq!(date("2025-03-01"), "1er\u{A0}mars\u{A0}2025");
        assert_eq!(date("2025-08-12"), "12\u{A0}août\u{A0}2025");
        assert_eq!(place("Cercle", "Ansongo"), "Cercle d'Ansongo");
        assert_eq!(place("Région", "Ségou"), "Région de Ségou");
        assert_eq!(place("Cercle", "Yélimané"), "Cercle de Yélimané");
    }

    #[test]
    fn no_line_is_wider_than_its_place_and_no_letter_is_missing() {
        let sheet = Sheet::new("x").expect("a sheet");
        let long = "Réhabilitation d’un forage à Ɲɔgɔndugu ".repeat(8) + &"x".repeat(200);
        for width in [60, 300, 1500] {
            for line in sheet.lines(&long, BODY, width) {
                assert!(sheet.width(&line, BODY) <= width, "{line}");
            }
        }
        assert_eq!(sheet.lines(&long, BODY, 900).concat().replace(' ', ""), long.replace(' ', ""));
    }
}
