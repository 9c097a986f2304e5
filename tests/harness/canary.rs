//! Whatever a caller sends is looked for in all that the service tells its operators: log lines and figures. It is written
//! down here; the program that follows the suite looks.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, Once};

use serde_json::Value;

use super::{Answer, body, witness};

/// The least length of what is looked for: shorter words occur by themselves.
const SENT_MIN: usize = 10;
/// Longer ones are there to be refused for their length.
const SENT_MAX: usize = 2_000;
const SECRET_MIN: usize = 8;

static SENT: LazyLock<Mutex<(HashSet<String>, File)>> = LazyLock::new(|| Mutex::new((HashSet::new(), record("sent"))));
static TOLD: LazyLock<Mutex<File>> = LazyLock::new(|| Mutex::new(record("told")));

fn record(extension: &str) -> File {
    File::create(witness::record().with_extension(extension)).expect("a record")
}

/// Takes the log of the servers of this process.
pub fn begin() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        log::set_logger(&Operators).expect("the only log");
        log::set_max_level(log::LevelFilter::Debug);
    });
}

/// Those who read the log.
struct Operators;

impl log::Log for Operators {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        // As the program itself.
        !metadata.target().starts_with("actix_http") || metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        // The clients of the tests know what they send.
        if self.enabled(record.metadata()) && !record.target().starts_with("ureq") {
            told(&record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// What operators were told.
pub fn told(text: &str) {
    let mut told = TOLD.lock().expect("what was told");
    writeln!(told, "{text}").expect("written");
}

/// Words, dates, ids and numbers say nothing by themselves.
fn tells(text: &str) -> bool {
    (SENT_MIN..=SENT_MAX).contains(&text.len())
        && !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.:/".contains(&byte))
}

fn leaves<'v>(name: &'v str, value: &'v Value, found: &mut Vec<(&'v str, &'v str)>) {
    match value {
        Value::String(text) => found.push((name, text)),
        Value::Array(items) => items.iter().for_each(|item| leaves(name, item, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| leaves(name, member, found)),
        _ => {}
    }
}

/// Remembers what was sent. No answer says the token of its request again, nor does a refusal say a secret.
#[track_caller]
pub fn sent(token: Option<&str>, bytes: &[u8], answer: &Answer) {
    let holds = |secret: &str| answer.bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
    let signature = token.and_then(|token| token.rsplit('.').next()).filter(|signature| signature.len() >= SECRET_MIN);
    let read = body::read(bytes);
    let mut found = Vec::new();
    match &read {
        Some(read) => leaves("", read, &mut found),
        None => {
            let fields = std::str::from_utf8(bytes).unwrap_or_default().split(['\n', '\r', ';', ',', '"']);
            found.extend(fields.map(|field| ("", field)));
        }
    }
    let secrets = found.iter().filter(|(name, text)| text.len() >= SECRET_MIN && body::is_secret(name)).map(|(_, text)| *text);
    let secrets: Vec<&str> = secrets.chain(signature).collect();
    if answer.status >= 400 {
        for secret in &secrets {
            assert!(!holds(secret), "a refusal says the secret {secret:?}");
        }
    }
    let plain = found.iter().map(|(_, text)| *text).filter(|text| tells(text));
    let mut all = SENT.lock().expect("what was sent");
    for text in secrets.iter().copied().chain(plain) {
        if !all.0.contains(text) {
            writeln!(all.1, "{}", Value::from(text)).expect("written");
            all.0.insert(text.to_owned());
        }
    }
}
