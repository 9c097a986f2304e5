//! What reads the bytes of strangers, each with what must hold of it whatever comes. A target panics when it does not.

use std::sync::LazyLock;

use api::body::parse_json;
use api::export::table::write;
use api::export::{Column, Form, Kind};
use api::problem::Language;
use api::token::{Bearer, Keys};
use chrono::NaiveDate;
use db::connection::Target as Database;
use db::identity::Footing;
use domain::budget::sheet::{read_csv, separator};
use domain::calendar::FiscalYear;
use domain::id::PrincipalId;
use domain::money::{Amount, Currency};
use domain::text::{Text, fold, forbidden};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// A target by its name.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub const TARGETS: [Target; 8] = [
    Target { name: "token", run: token },
    Target { name: "amount", run: amount },
    Target { name: "date", run: date },
    Target { name: "json", run: json },
    Target { name: "sheet", run: sheet },
    Target { name: "text", run: text },
    Target { name: "table", run: table },
    Target { name: "header", run: header },
];

fn words(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// A key, and a token that it signed.
static SIGNED: LazyLock<(Keys, String)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Keys::create(&folder.path().join("key.pem"), 600).expect("a key");
    let bearer = Bearer { principal: PrincipalId(Uuid::from_u128(1)), footing: Footing::Secret };
    let token = keys.sign_for(bearer, chrono::Utc::now().timestamp()).expect("a token");
    (keys, token)
});

/// Bytes that begin with `@` are changes to a true token: places, each with what is put there; others are a token themselves.
fn token(bytes: &[u8]) {
    let (keys, signed) = &*SIGNED;
    let shown = match bytes.strip_prefix(b"@") {
        Some(changes) => {
            let mut token = signed.clone().into_bytes();
            for change in changes.chunks_exact(3) {
                let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % (token.len() + 1);
                if change[2] & 0x80 == 0 {
                    token.insert(place, change[2]);
                } else if place < token.len() {
                    token[place] = change[2] & 0x7F;
                }
            }
            token
        }
        None => bytes.to_vec(),
    };
    let shown = words(&shown);
    if shown != signed {
        assert!(keys.verify(shown).is_none(), "a false token is believed: {shown}");
    }
}

/// One amount has one spelling, but for the decimals of a whole one.
fn amount(bytes: &[u8]) {
    for code in ["XOF", "EUR", "KWD"] {
        let currency = Currency::parse(code).expect("a currency");
        if let Ok(amount) = Amount::parse(words(bytes), currency) {
            let shown = amount.display(currency);
            let decimals = shown.strip_prefix(words(bytes)).unwrap_or_else(|| panic!("{code} {shown}"));
            assert!(decimals.bytes().all(|byte| byte == b'.' || byte == b'0'), "{code} {shown}");
            assert!(amount.share(10_000) == amount && amount.share(0).is_zero() && amount.share(3_333) <= amount);
        }
    }
}

#[derive(Deserialize)]
struct Dated {
    #[serde(deserialize_with = "api::wire::day")]
    on: NaiveDate,
    #[serde(default, deserialize_with = "api::wire::maybe_day")]
    until: Option<NaiveDate>,
}

/// So has one date.
fn date(bytes: &[u8]) {
    let said = words(bytes);
    if let Ok(dated) = parse_json::<Dated>(json!({ "on": said, "until": said }).to_string().as_bytes()) {
        assert_eq!((dated.on.to_string().as_str(), dated.until), (said, Some(dated.on)));
    }
    if let Some(day) = FiscalYear::new(2025).expect("a year").on(said) {
        assert_eq!(day.format("%m-%d").to_string(), said);
    }
}

/// What was read is what is written, but for fractions, which no body has; nothing is deeper than the limit.
fn json(bytes: &[u8]) {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    fn exact(value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().all(exact),
            Value::Object(members) => members.values().all(exact),
            other => !other.is_f64(),
        }
    }
    if let Ok(value) = parse_json::<Value>(bytes) {
        assert!(depth(&value) <= api::limit::DEPTH_MAX);
        let again = parse_json::<Value>(value.to_string().as_bytes());
        assert!(!exact(&value) || again.is_ok_and(|again| again == value));
    }
}

fn sheet(bytes: &[u8]) {
    assert!(matches!(separator(words(bytes)), b';' | b','));
    if let Ok(rows) = read_csv(bytes) {
        assert!(rows.len() <= bytes.len());
    }
}

/// What is kept of a text is honest, and kept as it is when it is read again; its folded form is a form of its own.
fn text(bytes: &[u8]) {
    if let Ok(text) = Text::<200>::parse(words(bytes)) {
        let kept = text.as_str();
        assert!(!kept.is_empty() && kept.chars().count() <= 200 && kept.trim() == kept && !kept.chars().any(forbidden));
        assert_eq!(Text::<200>::parse(kept).as_ref(), Ok(&text));
    }
    let folded = fold(words(bytes));
    assert_eq!(fold(&folded), folded);
    assert!(!folded.contains(['%', '_', '\\', '\'']));
}

/// No cell is a formula, and each is read as it was written.
fn table(bytes: &[u8]) {
    let said = words(bytes);
    let kinds = [("text", Kind::Text), ("amount", Kind::Amount)];
    let columns = kinds.map(|(name, kind)| Column { name: name.to_owned(), kind });
    let row = [json!({ "text": said, "amount": said })];
    let day = NaiveDate::from_ymd_opt(2025, 2, 3).expect("a day");
    let Ok(csv) = write(Form::Csv, "x", &columns, &row, day) else { panic!("no table of {said:?}") };
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(csv.strip_prefix("\u{FEFF}".as_bytes()).expect("a mark"));
    let read = reader.records().next().expect("a row").expect("readable");
    for (cell, (name, _)) in read.iter().zip(kinds) {
        let formula = cell.starts_with(['=', '+', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
        let number = cell.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        assert!(!formula && (!cell.starts_with('-') || name == "amount" && number), "{cell:?}");
        assert!(cell == said || cell.strip_prefix('\'') == Some(said), "{said:?} became {cell:?}");
    }
    assert!(write(Form::Xlsx, "x", &columns, &row, day).is_ok_and(|book| book.starts_with(b"PK")));
}

/// What is negotiated in headers and parameters, and where the data lies.
fn header(bytes: &[u8]) {
    let said = words(bytes);
    let _one_of_two: Language = Language::accepted(Some(said));
    if let Ok(form) = Form::asked(said, Some(said)) {
        assert!([Form::Json, Form::Csv, Form::Xlsx].contains(&form));
    }
    if let Ok(Database::Postgres(url)) = Database::parse(said) {
        assert!(url.starts_with("postgres"));
    }
}
