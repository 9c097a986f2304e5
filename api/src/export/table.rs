//! Writing of tables: rows of JSON under the columns of the contract.

use chrono::NaiveDate;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use serde::Serialize;
use serde_json::Value;

use super::{Column, Form, Kind};

/// The most characters of a cell of a workbook; longer texts end with an ellipsis.
const CELL_MAX: usize = 32_767;
/// From here on a spreadsheet would round a number: it is written as text.
const EXACT_MAX: u64 = 1 << 53;
/// The widest column, in characters.
const WIDTH_MAX: usize = 60;

/// Why a table could not be written.
#[derive(Debug)]
pub enum TableFault {
    Row(serde_json::Error),
    Csv(csv::Error),
    Xlsx(XlsxError),
}

impl std::fmt::Display for TableFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TableFault::Row(error) => error.fmt(f),
            TableFault::Csv(error) => error.fmt(f),
            TableFault::Xlsx(error) => error.fmt(f),
        }
    }
}

impl From<serde_json::Error> for TableFault {
    fn from(error: serde_json::Error) -> Self {
        Self::Row(error)
    }
}

impl From<csv::Error> for TableFault {
    fn from(error: csv::Error) -> Self {
        Self::Csv(error)
    }
}

impl From<XlsxError> for TableFault {
    fn from(error: XlsxError) -> Self {
        Self::Xlsx(error)
    }
}

/// The table of a list.
pub fn write<T: Serialize>(form: Form, title: &str, columns: &[Column], rows: &[T], today: NaiveDate) -> Result<Vec<u8>, TableFault> {
    match form {
        Form::Json => Ok(serde_json::to_vec(rows)?),
        Form::Csv => write_csv(columns, rows),
        Form::Xlsx => write_xlsx(title, columns, rows, today),
    }
}

/// The member of a row that stands in a column.
fn cell<'a>(row: &'a Value, column: &Column) -> &'a Value {
    column.name.split('.').try_fold(row, |value, name| value.get(name)).unwrap_or(&Value::Null)
}

/// What a cell shows: scalars as they are, lists of scalars one after the other, all else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if !items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().map(shown).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// Text that a spreadsheet would take for a formula gets an apostrophe before it.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) { format!("'{text}") } else { text }
}

fn is_amount(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && !digits.starts_with('.') && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn write_csv<T: Serialize>(columns: &[Column], rows: &[T]) -> Result<Vec<u8>, TableFault> {
    // The mark by which Excel knows UTF-8.
    let mark = "\u{FEFF}".as_bytes().to_vec();
    let mut writer = csv::WriterBuilder::new().delimiter(b';').terminator(csv::Terminator::CRLF).from_writer(mark);
    writer.write_record(columns.iter().map(|column| column.name.as_str()))?;
    for row in rows {
        let row = serde_json::to_value(row)?;
        let field = |column: &Column| {
            let text = shown(cell(&row, column));
            // Only a number may begin with a sign.
            let plain = column.kind != Kind::Text && is_amount(&text);
            if plain { text } else { harmless(text) }
        };
        writer.write_record(columns.iter().map(field))?;
    }
    writer.into_inner().map_err(|error| TableFault::Csv(error.into_error().into()))
}

/// How the cells of a workbook look.
struct Looks {
    head: Format,
    amount: Format,
    date: Format,
    instant: Format,
}

fn write_xlsx<T: Serialize>(title: &str, columns: &[Column], rows: &[T], today: NaiveDate) -> Result<Vec<u8>, TableFault> {
    let mut book = Workbook::new();
    // The day of the accounts and not the clock: the same list is the same file.
    let made = ExcelDateTime::parse_from_str(&today.to_string())?;
    book.set_properties(&DocProperties::new().set_title(title).set_creation_datetime(&made));
    let looks = Looks {
        head: Format::new().set_bold(),
        amount: Format::new().set_num_format("#,##0"),
        date: Format::new().set_num_format("yyyy-mm-dd"),
        instant: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
    };
    let sheet = book.add_worksheet();
    sheet.set_freeze_panes(1, 0)?;
    let mut widths: Vec<usize> = columns.iter().map(|column| column.name.chars().count()).collect();
    for (position, column) in (0_u16..).zip(columns) {
        sheet.write_with_format(0, position, column.name.as_str(), &looks.head)?;
    }
    for (line, row) in (1_u32..).zip(rows) {
        let row = serde_json::to_value(row)?;
        for ((position, column), width) in (0_u16..).zip(columns).zip(&mut widths) {
            let length = put(sheet, line, position, column.kind, cell(&row, column), &looks)?;
            *width = length.max(*width);
        }
    }
    for (position, width) in (0_u16..).zip(widths) {
        sheet.set_column_width(position, u16::try_from(width.min(WIDTH_MAX) + 2).unwrap_or(u16::MAX))?;
    }
    Ok(book.save_to_buffer()?)
}

/// Puts a value into a cell, as a number or date where that is exact; gives its length in characters.
fn put(sheet: &mut Worksheet, line: u32, position: u16, kind: Kind, value: &Value, looks: &Looks) -> Result<usize, XlsxError> {
    let text = shown(value);
    if text.is_empty() {
        return Ok(0);
    }
    let exact = || text.parse::<i64>().ok().filter(|number| number.unsigned_abs() < EXACT_MAX);
    let length = text.chars().count();
    match kind {
        Kind::Amount if let Some(number) = exact() => {
            sheet.write_with_format(line, position, number, &looks.amount)?;
            return Ok(length + length / 3);
        }
        Kind::Integer if let Some(number) = exact() => {
            sheet.write(line, position, number)?;
            return Ok(length);
        }
        Kind::Boolean if let Value::Bool(truth) = value => {
            sheet.write(line, position, *truth)?;
            return Ok(length);
        }
        Kind::Date if let Ok(date) = ExcelDateTime::parse_from_str(&text) => {
            sheet.write_with_format(line, position, &date, &looks.date)?;
            return Ok(length);
        }
        Kind::Instant if let Some(Ok(instant)) = text.get(..19).map(ExcelDateTime::parse_from_str) => {
            sheet.write_with_format(line, position, &instant, &looks.instant)?;
            return Ok(19);
        }
        _ => {}
    }
    if length <= CELL_MAX {
        sheet.write_string(line, position, &text)?;
    } else {
        let cut: String = text.chars().take(CELL_MAX - 1).chain(['…']).collect();
        sheet.write_string(line, position, cut)?;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        vec![
            column("label", Kind::Text),
            column("amount", Kind::Amount),
            column("vote.held_on", Kind::Date),
            column("notes", Kind::Text),
            column("postings", Kind::Text),
        ]
    }

    fn csv(rows: &[Value]) -> String {
        let bytes = write_csv(&columns(), rows).expect("a table");
        String::from_utf8(bytes).expect("UTF-8").strip_prefix('\u{FEFF}').expect("a mark").to_owned()
    }

    #[test]
    fn an_empty_list_still_has_its_head() {
        assert_eq!(csv(&[]), "label;amount;vote.held_on;notes;postings\r\n");
    }

    #[test]
    fn rows_are_flat_quoted_and_harmless() {
        let table = csv(&[
            json!({
                "label": "Fuel; \"super\"", "amount": "-5", "vote": { "held_on": "2025-01-02" }, "notes": ["a", 1, true],
                "postings": [{ "account": "602" }],
            }),
            json!({ "label": "=HYPERLINK(\"x\")", "amount": "=1", "vote": null, "notes": [], "postings": [] }),
            json!({ "label": "@a", "amount": "12.50", "notes": ["+1"] }),
        ]);
        let lines: Vec<&str> = table.split("\r\n").skip(1).collect();
        assert_eq!(lines[0], "\"Fuel; \"\"super\"\"\";-5;2025-01-02;\"a; 1; true\";\"[{\"\"account\"\":\"\"602\"\"}]\"");
        assert_eq!(lines[1], "\"'=HYPERLINK(\"\"x\"\")\";'=1;;;");
        assert_eq!(lines[2], "'@a;12.50;;'+1;");
        for start in ['=', '+', '-', '@', '\t', '\r'] {
            assert_eq!(harmless(format!("{start}1")), format!("'{start}1"));
        }
    }

    /// A row of the contract in which every member is the same text.
    fn row_of(columns: &[Column], text: &str) -> Value {
        let mut row = json!({});
        for column in columns {
            *column.name.split('.').fold(&mut row, |place, name| &mut place[name]) = json!(text);
        }
        row
    }

    #[test]
    fn no_list_of_the_contract_makes_a_formula_whatever_its_rows_say() {
        let tables = &crate::contract::outline::OUTLINE.tables;
        assert!(tables.len() > 50, "{}", tables.len());
        for (operation, columns) in tables {
            for text in ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠a", "=cmd|' /C calc'!A0"] {
                let rows = [row_of(columns, text)];
                let written = write_csv(columns, &rows).expect("a table");
                let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(&written[3..]);
                let row = reader.records().next().expect("a row").expect("readable");
                assert_eq!(row.len(), columns.len());
                for (cell, column) in row.iter().zip(columns.iter()) {
                    assert_eq!(cell, format!("'{text}"), "{operation}: {}", column.name);
                }
            }
            // A workbook knows text from formulas by itself: these are texts.
            let rows = [row_of(columns, "=1+1")];
            let mut book = Workbook::new();
            let sheet = book.add_worksheet();
            let row = serde_json::to_value(&rows[0]).expect("a row");
            let looks = Looks { head: Format::new(), amount: Format::new(), date: Format::new(), instant: Format::new() };
            for (position, column) in (0_u16..).zip(columns.iter()) {
                put(sheet, 1, position, column.kind, cell(&row, column), &looks).expect("put");
            }
            let bytes = book.save_to_buffer().expect("a workbook");
            assert!(!unpacked(&bytes).contains("<f>"), "{operation}");
        }
    }

    /// All that stands in the parts of a workbook.
    fn unpacked(book: &[u8]) -> String {
        use std::io::Read as _;
        let starts = book.windows(4).enumerate().filter(|(_, four)| *four == b"PK\x03\x04").map(|(at, _)| at);
        let part = |start: usize| {
            let length = |at: usize| usize::from(u16::from_le_bytes([book[start + at], book[start + at + 1]]));
            let (mut part, packed) = (Vec::new(), &book[start + 30 + length(26) + length(28)..]);
            flate2::read::DeflateDecoder::new(packed).read_to_end(&mut part).expect("a packed part");
            String::from_utf8_lossy(&part).into_owned()
        };
        starts.map(part).collect()
    }

    #[test]
    fn a_workbook_is_the_same_for_the_same_rows() {
        let rows = [json!({ "label": "x".repeat(40_000), "amount": "9007199254740992", "vote": { "held_on": "2025-01-02" } })];
        let today = NaiveDate::from_ymd_opt(2025, 2, 3).expect("a day");
        let book = || write_xlsx("commitments", &columns(), &rows, today).expect("a workbook");
        assert_eq!(book(), book());
        assert!(book().starts_with(b"PK"));
    }
}
