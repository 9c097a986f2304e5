//! Entries kept in another program, brought over in one request: all or none.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use actix_web::{get, post, web};
use chrono::{DateTime, NaiveDate, Utc};
use db::connection::Conn;
use db::fault::Fault;
use db::ledger::import::{EntryImportRow, append_entries, find_accounts, find_entry_import};
use domain::audit::hex;
use domain::budget::sheet::{require_columns, separator, unreadable};
use domain::id::{EntryImportId, OrganisationId};
use domain::ledger::ManualJournal;
use domain::ledger::import::{Accounts, COLUMNS, Checked, Frame, PROBLEMS_MAX, Reading, Row};
use domain::money::{CURRENCY_MISMATCH, Currency};
use domain::refusal::Refusal;
use domain::sensitivity::Scope;
use domain::word::Word;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::currency_in_year;
use super::manual::{open_year, require_open};
use crate::answer::{Answered, created, listed, ok};
use crate::auth::Call;
use crate::body::{Asked, Query};
use crate::budget::line::{RowProblem, row_problem};
use crate::intake::{Intake, Taken};
use crate::organisation::currency_in;
use crate::page::{Page, keyset, page};
use crate::wire::{CurrencyText, shown};

/// The most bytes of a header, and of a row.
const ROW_MAX: u64 = 1 << 20;

/// A file of entries: CSV (UTF-8, separated by ";" or ",") with one row for each posting. Rows that follow each other with
/// the same `entry`, the reference in the other program, are one entry and say the same of it.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary, example = "entry;journal;accounting_date;label;account;debit;credit\n1;treasury;2025-02-03;Retrait de fonds;531;50000;\n1;treasury;2025-02-03;Retrait de fonds;515;;50000\n")]
pub struct EntryRows(#[expect(dead_code, reason = "describes the body in the contract only")] String);

/// The numbers that the entries of an import took in a journal.
#[derive(Serialize, ToSchema)]
pub struct ImportedNumbers {
    journal: ManualJournal,
    #[schema(minimum = 1)]
    first: i64,
    #[schema(minimum = 1)]
    last: i64,
}

/// An import of entries that were kept in another program. It never changes.
#[derive(Serialize, ToSchema)]
pub struct EntryImportView {
    id: EntryImportId,
    #[schema(minimum = 1960, maximum = 2200)]
    fiscal_year: i32,
    /// How many entries it brought.
    #[schema(minimum = 1)]
    entries: i32,
    #[schema(minimum = 2)]
    postings: i32,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// Sum of all debits, equal to the sum of all credits.
    #[schema(max_length = 21, example = "50000")]
    total: String,
    /// By journal, without gap.
    #[schema(max_items = 2)]
    numbers: Vec<ImportedNumbers>,
    /// Digest over all its entries in order, which stands on the organisation's chain of events.
    #[schema(min_length = 64, max_length = 64)]
    digest: String,
    /// SHA-256 of the file.
    #[schema(min_length = 64, max_length = 64)]
    sha256: String,
    /// The instant at which it was written.
    recorded_at: DateTime<Utc>,
}

fn view(row: EntryImportRow, currency: Currency) -> EntryImportView {
    let numbers = |journal: &ManualJournal| {
        let (first, last) = row.numbers(*journal)?;
        Some(ImportedNumbers { journal: *journal, first, last })
    };
    EntryImportView {
        numbers: ManualJournal::ALL.iter().filter_map(numbers).collect(),
        id: row.id.0,
        fiscal_year: row.fiscal_year,
        entries: row.entries,
        postings: row.postings,
        currency: currency.code().to_owned(),
        total: shown(row.total, currency),
        digest: row.digest,
        sha256: row.sha256,
        recorded_at: row.recorded_at.0,
    }
}

/// What a file of entries holds, before anything is stored.
#[derive(Serialize, ToSchema)]
pub struct EntryImportReport {
    /// Rows read.
    #[schema(minimum = 0)]
    rows: usize,
    /// Whether every row is good.
    valid: bool,
    /// How many entries it would bring; none unless every row is good.
    #[schema(minimum = 0)]
    entries: usize,
    #[schema(min_length = 3, max_length = 3)]
    currency: String,
    /// Sum of all debits.
    #[schema(max_length = 21, example = "50000")]
    total: String,
    /// How many problems there are.
    #[schema(minimum = 0)]
    problem_count: usize,
    /// The first of them.
    #[schema(max_items = 100)]
    problems: Vec<RowProblem>,
}

fn report(checked: &Checked, currency: Currency) -> EntryImportReport {
    let valid = checked.problem_count == 0;
    EntryImportReport {
        rows: checked.rows,
        valid,
        entries: if valid { checked.entries.count() } else { 0 },
        currency: currency.code().to_owned(),
        total: if valid { checked.entries.total().display(currency) } else { "0".to_owned() },
        problem_count: checked.problem_count,
        problems: checked.problems.iter().take(PROBLEMS_MAX).map(row_problem).collect(),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntryImportQuery {
    /// The currency of the amounts, which is that of the accounts.
    currency: CurrencyText,
    /// True to check only: bad rows are reported, nothing is stored.
    #[serde(default)]
    dry_run: bool,
}

/// What the rows are judged by, if the year is open and its accounts are kept in the currency.
fn frame(conn: &mut Conn, scope: &Scope, year: i32, today: NaiveDate, asked: &str) -> Result<(Frame, Accounts), Fault> {
    let year = open_year(conn, scope, year)?;
    let currency = currency_in(conn, scope)?;
    if currency.code() != asked {
        return Err(CURRENCY_MISMATCH.refuse().with("expected", currency.code()).with("requested", asked).at("?currency").into());
    }
    Ok((Frame { year, today, currency }, find_accounts(conn, scope, year.year())?))
}

/// Gives no more of a row than fits into memory.
struct Bounded<R> {
    inner: R,
    given: u64,
    /// How many bytes the rows that were read have.
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.given - self.read.get() > ROW_MAX {
            return Err(std::io::Error::other("a row is too long"));
        }
        let given = self.inner.read(buffer)?;
        self.given += given as u64;
        Ok(given)
    }
}

/// Reads the rows of a file as it arrives.
fn read_rows(arriving: impl Read, mut reading: Reading) -> Result<Checked, Refusal> {
    let read = Rc::new(Cell::new(0));
    let mut source = BufReader::with_capacity(1 << 16, Bounded { inner: arriving, given: 0, read: Rc::clone(&read) });
    let mut header = Vec::new();
    source.by_ref().take(ROW_MAX).read_until(b'\n', &mut header).map_err(|error| unreadable(&error.to_string()))?;
    let text = header.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&header).to_vec();
    let delimiter = separator(&String::from_utf8_lossy(&text));
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(Cursor::new(text).chain(source));
    let headers = reader.headers().map_err(|_| unreadable("En-tête illisible / Unreadable header"))?;
    let columns: Vec<&str> = headers.iter().collect();
    require_columns(&columns, &COLUMNS, &[])?;
    let places = COLUMNS.map(|wanted| columns.iter().position(|column| *column == wanted).unwrap_or(0));
    let [entry, journal, accounting_date, label, account, debit, credit] = places;
    let mut record = csv::StringRecord::new();
    for row in 1_u64.. {
        if !reader.read_record(&mut record).map_err(|error| unreadable(&format!("Ligne / Row {row}: {error}")))? {
            break;
        }
        read.set(reader.position().byte());
        let field = |place| record.get(place).unwrap_or("");
        reading.push(Row {
            entry: field(entry),
            journal: field(journal),
            accounting_date: field(accounting_date),
            label: field(label),
            account: field(account),
            debit: field(debit),
            credit: field(credit),
        })?;
    }
    reading.finish()
}

/// Brings over entries kept in another program, such as those of the year so far: all of them or, if anything stands against
/// one row, none. Each is judged as if it were recorded alone. `dry_run=true` reports the first bad rows and how many there
/// are, and stores nothing. One import is read at a time; a further one is told to come again.
#[utoipa::path(
    tag = "ledger",
    params(EntryImportQuery),
    request_body(content = EntryRows, content_type = "text/csv"),
    responses((status = 201, body = EntryImportView), (status = 200, body = EntryImportReport))
)]
#[post("/v1/organisations/{organisation_id}/fiscal-years/{year}/entry-imports")]
pub async fn import_entries(intake: Intake, path: web::Path<(OrganisationId, i32)>, query: Query<EntryImportQuery>) -> Answered {
    let (organisation, year) = path.into_inner();
    let EntryImportQuery { currency, dry_run } = query.0;
    let (scope, today) = (intake.call.scope()?, intake.call.today);
    let (frame, accounts) = intake.call.store().read(move |conn| frame(conn, &scope, year, today, &currency.0)).await?;
    let currency = frame.currency;
    let Asked { call, body, fingerprint } = intake.read(move |arriving| Ok(read_rows(arriving, Reading::new(frame, accounts))?)).await?;
    if dry_run {
        return ok(&report(&body.what, currency));
    }
    let body = body.try_map(Checked::complete)?;
    let id = EntryImportId::new();
    Asked { call, body, fingerprint }
        .write(move |call, Taken { what: entries, sha256, .. }, tx| {
            require_open(call, tx, year)?;
            let row = append_entries(tx, year, id, entries, &hex(sha256))?;
            let event = row.event();
            let location = format!("/v1/organisations/{organisation}/entry-imports/{id}");
            Ok((created(location, 1, &view(row, currency))?, event.into()))
        })
        .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntryImportListQuery {
    /// Cursor of an earlier page.
    #[param(max_length = 1024)]
    after: Option<String>,
    /// Rows a page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// The imports of entries of a year.
#[utoipa::path(tag = "ledger", params(EntryImportListQuery), responses((status = 200, body = Page<EntryImportView>)))]
#[get("/v1/organisations/{organisation_id}/fiscal-years/{year}/entry-imports")]
pub async fn list_entry_imports(call: Call, path: web::Path<(OrganisationId, i32)>, query: Query<EntryImportListQuery>) -> Answered {
    let (_, year) = path.into_inner();
    let keys = keyset::<EntryImportId>(&call, query.0.after.as_deref(), query.0.limit)?;
    let (scope, asked) = (call.scope()?, keys.clone());
    let (currency, rows) = call
        .store()
        .read(move |conn| {
            let currency = currency_in_year(conn, &scope, year)?;
            Ok((currency, db::ledger::import::list_entry_imports(conn, &scope, year, &asked)?))
        })
        .await?;
    listed(&call, page(&call, &keys, rows, |row| row.id.0, |row| view(row, currency)))
}

/// One import of entries.
#[utoipa::path(tag = "ledger", responses((status = 200, body = EntryImportView)))]
#[get("/v1/organisations/{organisation_id}/entry-imports/{entry_import_id}")]
pub async fn read_entry_import(call: Call, path: web::Path<(OrganisationId, EntryImportId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let (currency, row) = call
        .store()
        .read(move |conn| {
            let row = find_entry_import(conn, &scope, id)?;
            Ok((currency_in(conn, &scope)?, row))
        })
        .await?;
    ok(&view(row, currency))
}
