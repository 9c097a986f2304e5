//! A budget as a sheet: read from CSV or from rows, every bad row reported at once, written back to the same bytes.
//!
//! Nothing is guessed: a thousands separator, a decimal comma, a lost leading zero or a repeated row is said, not mended.

use std::collections::BTreeMap;

use super::nomenclature::Nomenclature;
use super::{Direction, IMPORT_ROW_INVALID, IMPORT_UNREADABLE, Line, Section};
use crate::money::{Amount, Currency};
use crate::refusal::{FieldError, Refusal};
use crate::text::Text;

/// The columns of a sheet, in the order of the export.
pub const COLUMNS: [&str; 13] = [
    "section",
    "direction",
    "chapter",
    "article",
    "paragraph",
    "label_fr",
    "label_en",
    "function",
    "funding",
    "flags",
    "location",
    "plan_action",
    "amount",
];

/// The column that a sheet may add: why a capital line stands in no development plan.
pub const OPTIONAL_COLUMN: &str = "non_project_reason";

/// The most rows of a sheet.
pub const ROWS_MAX: usize = 5_000;

/// A row as it was sent, before any check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub section: String,
    pub direction: String,
    pub chapter: String,
    pub article: String,
    pub paragraph: String,
    pub label_fr: String,
    pub label_en: String,
    pub function: String,
    pub funding: String,
    pub flags: String,
    pub location: String,
    pub plan_action: String,
    pub non_project_reason: String,
    pub amount: String,
}

/// "F" or "I": how the sheet names a section.
pub fn section_code(section: Section) -> &'static str {
    match section {
        Section::Operating => "F",
        Section::Capital => "I",
    }
}

/// "R" or "D": how the sheet names a direction.
pub fn direction_code(direction: Direction) -> &'static str {
    match direction {
        Direction::Revenue => "R",
        Direction::Expenditure => "D",
    }
}

fn section(text: &str) -> Option<Section> {
    match text {
        "F" | "operating" => Some(Section::Operating),
        "I" | "capital" => Some(Section::Capital),
        _ => None,
    }
}

fn direction(text: &str) -> Option<Direction> {
    match text {
        "R" | "revenue" => Some(Direction::Revenue),
        "D" | "expenditure" => Some(Direction::Expenditure),
        _ => None,
    }
}

/// A file that cannot be read, and why.
pub fn unreadable(reason: &str) -> Refusal {
    IMPORT_UNREADABLE.refuse().with("reason", reason)
}

/// What separates the columns of a CSV file, by its header: ";" or ",".
pub fn separator(header: &str) -> u8 {
    if header.matches(';').count() >= header.matches(',').count() { b';' } else { b',' }
}

/// Refuses a header that leaves out a column, repeats one or names one that is not expected.
pub fn require_columns(found: &[&str], expected: &[&str], optional: &[&str]) -> Result<(), Refusal> {
    let unknown: Vec<&str> = found.iter().copied().filter(|column| !expected.contains(column) && !optional.contains(column)).collect();
    let absent: Vec<&str> = expected.iter().copied().filter(|column| !found.contains(column)).collect();
    let repeated = found.iter().enumerate().any(|(index, column)| found.iter().take(index).any(|before| before == column));
    if unknown.is_empty() && absent.is_empty() && !repeated {
        return Ok(());
    }
    Err(unreadable(&format!(
        "Colonnes attendues / Expected columns: {}; absentes / absent: {}; inconnues / unknown: {}",
        expected.join(";"),
        absent.join(", "),
        unknown.join(", ")
    )))
}

/// Reads the rows of a CSV file: UTF-8 with or without byte order mark, separated by ";" or ",".
pub fn read_csv(bytes: &[u8]) -> Result<Vec<Row>, Refusal> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable("Le fichier n'est pas en UTF-8 / The file is not UTF-8"))?;
    let delimiter = separator(text.lines().next().unwrap_or(""));
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::None).from_reader(bytes);
    let columns: Vec<String> =
        reader.headers().map_err(|_| unreadable("En-tête illisible / Unreadable header"))?.iter().map(str::to_owned).collect();
    require_columns(&columns.iter().map(String::as_str).collect::<Vec<_>>(), &COLUMNS, &[OPTIONAL_COLUMN])?;
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| unreadable(&format!("Ligne / Row {}: {error}", index + 1)))?;
        if rows.len() == ROWS_MAX {
            return Err(unreadable(&format!("Plus de / More than {ROWS_MAX} lignes / rows")));
        }
        let mut row = Row::default();
        for (column, value) in columns.iter().zip(record.iter()) {
            let field = match column.as_str() {
                "section" => &mut row.section,
                "direction" => &mut row.direction,
                "chapter" => &mut row.chapter,
                "article" => &mut row.article,
                "paragraph" => &mut row.paragraph,
                "label_fr" => &mut row.label_fr,
                "label_en" => &mut row.label_en,
                "function" => &mut row.function,
                "funding" => &mut row.funding,
                "flags" => &mut row.flags,
                "location" => &mut row.location,
                "plan_action" => &mut row.plan_action,
                OPTIONAL_COLUMN => &mut row.non_project_reason,
                _ => &mut row.amount,
            };
            value.clone_into(field);
        }
        rows.push(row);
    }
    Ok(rows)
}

/// What a sheet holds: its good lines, and everything that is wrong with the others.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub lines: Vec<Line>,
    pub problems: Vec<FieldError>,
}

impl Reading {
    /// All lines, or a refusal that lists every problem.
    pub fn complete(self) -> Result<Vec<Line>, Refusal> {
        if self.problems.is_empty() {
            return Ok(self.lines);
        }
        let mut refusal = IMPORT_ROW_INVALID.refuse().with("count", self.problems.len());
        refusal.errors = self.problems;
        Err(refusal)
    }
}

/// Checks every row against the nomenclature and against the others.
pub fn check(rows: &[Row], nomenclature: &Nomenclature, currency: Currency) -> Reading {
    let mut reading = Reading::default();
    let mut first_use = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let mut checked = RowCheck { index, problems: Vec::new() };
        let line = checked.line(row, nomenclature, currency);
        if let (Some(line), true) = (&line, checked.problems.is_empty()) {
            let key = format!("{:?}", line.key());
            if let Some(first) = first_use.insert(key, index) {
                checked.say(
                    "article",
                    "IMPORT_DUPLICATE_ROW",
                    &format!("Même ligne que la ligne {}.", first + 1),
                    &format!("Same line as row {}.", first + 1),
                );
            }
        }
        match line {
            Some(line) if checked.problems.is_empty() => reading.lines.push(line),
            _ => reading.problems.append(&mut checked.problems),
        }
    }
    reading
}

struct RowCheck {
    index: usize,
    problems: Vec<FieldError>,
}

impl RowCheck {
    fn say(&mut self, column: &str, code: &'static str, detail_fr: &str, detail_en: &str) {
        self.problems.push(FieldError {
            pointer: format!("/lines/{}/{column}", self.index),
            code,
            detail_fr: format!("Ligne {} : {detail_fr}", self.index + 1),
            detail_en: format!("Row {}: {detail_en}", self.index + 1),
        });
    }

    fn line(&mut self, row: &Row, nomenclature: &Nomenclature, currency: Currency) -> Option<Line> {
        let section = section(&row.section);
        if section.is_none() {
            self.say(
                "section",
                "IMPORT_SECTION_UNKNOWN",
                "la section est F ou I (operating, capital).",
                "the section is F or I (operating, capital).",
            );
        }
        let direction = direction(&row.direction);
        if direction.is_none() {
            self.say(
                "direction",
                "IMPORT_DIRECTION_UNKNOWN",
                "le sens est R ou D (revenue, expenditure).",
                "the direction is R or D (revenue, expenditure).",
            );
        }
        let article = self.article(row, section, direction, nomenclature);
        if !(row.paragraph.len() == 2 && row.paragraph.bytes().all(|byte| byte.is_ascii_digit())) {
            self.say(
                "paragraph",
                "IMPORT_PARAGRAPH_INVALID",
                "le paragraphe a deux chiffres, par exemple 01.",
                "the paragraph has two digits, such as 01.",
            );
        }
        let label_fr = self.label("label_fr", &row.label_fr);
        let label_en = self.label("label_en", &row.label_en);
        if !nomenclature.functions.contains(&row.function) {
            let hint = format!("0{}", row.function);
            let (fr, en) = if nomenclature.functions.contains(&hint) {
                (format!("fonction inconnue ; zéro initial perdu ? {hint}"), format!("unknown function; leading zero lost? {hint}"))
            } else {
                ("fonction inconnue (code CFAP attendu).".to_owned(), "unknown function (a COFOG code is expected).".to_owned())
            };
            self.say("function", "IMPORT_FUNCTION_UNKNOWN", &fr, &en);
        }
        if row.funding.is_empty() || !row.funding.split('+').all(|source| nomenclature.funding_sources.contains(source)) {
            self.say("funding", "IMPORT_FUNDING_UNKNOWN", "source de financement inconnue.", "unknown funding source.");
        }
        let location = self.optional("location", &row.location);
        let plan_action = self.optional("plan_action", &row.plan_action);
        let non_project_reason = self.optional("non_project_reason", &row.non_project_reason);
        let initial = self.amount(&row.amount, currency);
        let (mandatory, flagged) = self.flags(&row.flags);
        let (section, direction, article) = (section?, direction?, article?);
        if flagged == article.executable {
            self.say(
                "flags",
                "IMPORT_FLAG_MISMATCH",
                "l'indicateur X marque les lignes non exécutables de la nomenclature, et elles seules.",
                "the flag X marks the non-executable lines of the nomenclature, and only them.",
            );
        }
        Some(Line {
            section,
            direction,
            chapter: row.chapter.clone(),
            article: row.article.clone(),
            paragraph: row.paragraph.clone(),
            label_fr: label_fr?,
            label_en: label_en?,
            function: row.function.clone(),
            funding: row.funding.clone(),
            mandatory,
            executable: article.executable,
            location,
            plan_action,
            non_project_reason,
            initial: initial?,
        })
    }

    fn article<'n>(
        &mut self,
        row: &Row,
        section: Option<Section>,
        direction: Option<Direction>,
        nomenclature: &'n Nomenclature,
    ) -> Option<&'n super::nomenclature::Article> {
        let (section, direction) = (section?, direction?);
        match nomenclature.article(section, direction, &row.article) {
            None => {
                let (fr, en) = match nomenclature.with_leading_zeros(section, direction, &row.article) {
                    Some(hint) => {
                        (format!("article inconnu ; zéro initial perdu ? {hint}"), format!("unknown article; leading zero lost? {hint}"))
                    }
                    None => (
                        "article inconnu dans cette section et ce sens de la nomenclature.".to_owned(),
                        "article unknown in this section and direction of the nomenclature.".to_owned(),
                    ),
                };
                self.say("article", "IMPORT_ARTICLE_UNKNOWN", &fr, &en);
                None
            }
            Some(article) if article.chapter != row.chapter => {
                let expected = &article.chapter;
                self.say(
                    "chapter",
                    "IMPORT_CHAPTER_MISMATCH",
                    &format!("l'article {} est du chapitre {expected}.", row.article),
                    &format!("article {} belongs to chapter {expected}.", row.article),
                );
                Some(article)
            }
            found => found,
        }
    }

    fn label(&mut self, column: &str, raw: &str) -> Option<String> {
        if raw.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
            self.say(
                column,
                "IMPORT_TEXT_FORMULA",
                "un libellé ne commence pas par = + - @ (formule de tableur).",
                "a label does not begin with = + - @ (spreadsheet formula).",
            );
            return None;
        }
        match Text::<200>::parse(raw) {
            Ok(text) => Some(text.into_string()),
            Err(fault) => {
                self.say(column, "IMPORT_TEXT_INVALID", "libellé vide, trop long ou caractère interdit.", &fault.to_string());
                None
            }
        }
    }

    fn optional(&mut self, column: &str, raw: &str) -> Option<String> {
        if raw.is_empty() { None } else { self.label(column, raw) }
    }

    fn amount(&mut self, raw: &str, currency: Currency) -> Option<Amount> {
        if let Ok(amount) = Amount::parse(raw, currency) {
            return Some(amount);
        }
        let (fr, en) = if raw.contains([',', '.']) {
            ("le montant s'écrit sans virgule ni point.", "the amount is written without comma or point.")
        } else if raw.contains(char::is_whitespace) {
            ("le montant s'écrit sans espace.", "the amount is written without spaces.")
        } else if raw.starts_with('-') {
            (
                "un montant n'est jamais négatif ; le sens dit s'il entre ou sort.",
                "an amount is never negative; the direction says whether it comes in or goes out.",
            )
        } else {
            ("le montant est une suite de chiffres, sans zéro initial.", "the amount is a sequence of digits, without leading zero.")
        };
        self.say("amount", "AMOUNT_INVALID", fr, en);
        None
    }

    /// "O" marks mandatory expenditure, "X" non-executable lines.
    fn flags(&mut self, raw: &str) -> (bool, bool) {
        let known = matches!(raw, "" | "O" | "X" | "OX");
        if !known {
            self.say(
                "flags",
                "IMPORT_FLAG_UNKNOWN",
                "les indicateurs sont O (obligatoire) et X (non exécutable).",
                "the flags are O (mandatory) and X (non-executable).",
            );
        }
        (raw.contains('O'), raw.contains('X'))
    }
}

/// Writes the lines as CSV, such that reading them back gives the same lines.
pub fn write_csv(lines: &[Line], currency: Currency) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    let reasons = lines.iter().any(|line| line.non_project_reason.is_some());
    writer.write_record(COLUMNS.into_iter().chain(reasons.then_some(OPTIONAL_COLUMN)))?;
    for line in lines {
        let flags = format!("{}{}", if line.mandatory { "O" } else { "" }, if line.executable { "" } else { "X" });
        let amount = line.initial.display(currency);
        let fields = [
            section_code(line.section),
            direction_code(line.direction),
            &line.chapter,
            &line.article,
            &line.paragraph,
            &line.label_fr,
            &line.label_en,
            &line.function,
            &line.funding,
            &flags,
            line.location.as_deref().unwrap_or(""),
            line.plan_action.as_deref().unwrap_or(""),
            &amount,
        ];
        writer.write_record(fields.into_iter().chain(reasons.then(|| line.non_project_reason.as_deref().unwrap_or(""))))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
