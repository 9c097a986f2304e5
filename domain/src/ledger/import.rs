//! Entries kept in another program and brought over together: read row by row, each judged as if it were recorded alone, and
//! held in little room until all are known to be good.

use std::collections::HashSet;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};

use super::{LEDGER_ACCOUNT_RESERVED, LEDGER_ACCOUNT_UNKNOWN, ManualJournal, PostingAccounts, Side, is_reserved, weigh};
use crate::budget::IMPORT_ROW_INVALID;
use crate::budget::sheet::unreadable;
use crate::calendar::FiscalYear;
use crate::money::{Amount, Currency};
use crate::refusal::{FieldError, Refusal};
use crate::text::Text;
use crate::word::Word;

/// The columns of a file of entries, which has one row for each posting.
pub const COLUMNS: [&str; 7] = ["entry", "journal", "accounting_date", "label", "account", "debit", "credit"];

/// The most entries of an import.
pub const ENTRIES_MAX: usize = 100_000;
/// The most postings of an entry.
pub const LINES_MAX: usize = 200;
/// The most problems that are told; further ones are counted.
pub const PROBLEMS_MAX: usize = 100;

/// A row as it was sent, before any check.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    /// The reference of the entry in the other program; rows that follow each other with the same are one entry.
    pub entry: &'r str,
    pub journal: &'r str,
    pub accounting_date: &'r str,
    pub label: &'r str,
    pub account: &'r str,
    pub debit: &'r str,
    pub credit: &'r str,
}

struct Account {
    code: String,
    reserved: bool,
}

/// The accounts of a year, each known by its place.
pub struct Accounts(Vec<Account>);

impl Accounts {
    pub fn new(codes: impl IntoIterator<Item = String>, parts: &PostingAccounts) -> Self {
        let account = |code: String| Account { reserved: is_reserved(&code, parts), code };
        let mut accounts: Vec<Account> = codes.into_iter().map(account).collect();
        accounts.sort_by(|one, other| one.code.cmp(&other.code));
        Self(accounts)
    }

    /// The place of an account that entries of the accountant's own may move.
    fn place(&self, code: &str) -> Result<u16, Refusal> {
        let found = self.0.binary_search_by(|account| account.code.as_str().cmp(code));
        let account = found.ok().and_then(|place| Some((u16::try_from(place).ok()?, self.0.get(place)?)));
        match account {
            None => Err(LEDGER_ACCOUNT_UNKNOWN.refuse().with("account", code)),
            Some((_, account)) if account.reserved => Err(LEDGER_ACCOUNT_RESERVED.refuse().with("account", code)),
            Some((place, _)) => Ok(place),
        }
    }

    /// The code of the account at a place.
    pub fn code(&self, place: u16) -> &str {
        self.0.get(usize::from(place)).map_or("", |account| account.code.as_str())
    }
}

/// What every row is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub year: FiscalYear,
    /// The business date.
    pub today: NaiveDate,
    pub currency: Currency,
}

/// A posting of an entry to import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The place of the account among those of the year.
    pub account: u16,
    pub side: Side,
    pub amount: Amount,
}

/// An entry to import.
#[derive(Clone, Copy, Debug)]
pub struct ImportedEntry<'e> {
    pub journal: ManualJournal,
    pub accounting_date: NaiveDate,
    pub label: &'e str,
    pub lines: &'e [Line],
    pub total: Amount,
}

/// An entry beside its label and its lines, which end where those of the next begin.
struct Head {
    journal: ManualJournal,
    accounting_date: NaiveDate,
    label_end: usize,
    lines_end: usize,
    total: Amount,
}

/// The entries of an import in the order of their rows. Each of them balances.
pub struct Entries {
    pub accounts: Accounts,
    heads: Vec<Head>,
    labels: String,
    lines: Vec<Line>,
    total: Amount,
}

impl Entries {
    pub fn iter(&self) -> impl Iterator<Item = ImportedEntry<'_>> {
        let (mut label, mut line) = (0, 0);
        self.heads.iter().map(move |head| {
            let (labels, lines) = (self.labels.get(label..head.label_end), self.lines.get(line..head.lines_end));
            (label, line) = (head.label_end, head.lines_end);
            ImportedEntry {
                journal: head.journal,
                accounting_date: head.accounting_date,
                label: labels.unwrap_or_default(),
                lines: lines.unwrap_or_default(),
                total: head.total,
            }
        })
    }

    pub fn count(&self) -> usize {
        self.heads.len()
    }

    pub fn postings(&self) -> usize {
        self.lines.len()
    }

    /// The sum of all debits.
    pub fn total(&self) -> Amount {
        self.total
    }
}

/// What stands against rows: the first problems, and how many there are.
#[derive(Default)]
struct Problems {
    told: Vec<FieldError>,
    count: usize,
}

impl Problems {
    fn tell(&mut self, row: usize, column: &str, code: &'static str, detail_fr: &str, detail_en: &str) {
        self.count += 1;
        if self.told.len() < PROBLEMS_MAX {
            self.told.push(FieldError {
                pointer: format!("/rows/{row}/{column}"),
                code,
                detail_fr: format!("Ligne {} : {detail_fr}", row + 1),
                detail_en: format!("Row {}: {detail_en}", row + 1),
            });
        }
    }

    /// What a rule gives, unless it refuses.
    fn heed<T>(&mut self, row: usize, column: &str, judged: Result<T, Refusal>) -> Option<T> {
        judged.map_err(|refusal| self.tell(row, column, refusal.code.name, &refusal.detail_fr(), &refusal.detail_en())).ok()
    }
}

/// The entry whose rows are being read: what its first row says, as written, and its postings so far.
struct Current {
    first: usize,
    reference: String,
    journal: String,
    accounting_date: String,
    label: String,
    /// What the first row says, once read; nothing where something stands against it.
    head: Option<(ManualJournal, NaiveDate, Text<300>)>,
    rows: usize,
    lines: Vec<Line>,
}

/// Reads rows into entries.
pub struct Reading {
    frame: Frame,
    rows: usize,
    begun: usize,
    /// References by digest, which is shorter than most of them.
    seen: HashSet<[u8; 16]>,
    current: Option<Current>,
    entries: Entries,
    problems: Problems,
}

/// What a file of entries holds: its entries, or what stands against its rows.
pub struct Checked {
    pub rows: usize,
    pub entries: Entries,
    /// The first problems.
    pub problems: Vec<FieldError>,
    /// How many problems there are.
    pub problem_count: usize,
}

impl Checked {
    /// All entries, or a refusal that tells the first problems.
    pub fn complete(self) -> Result<Entries, Refusal> {
        if self.problem_count == 0 {
            return Ok(self.entries);
        }
        let mut refusal = IMPORT_ROW_INVALID.refuse().with("count", self.problem_count);
        refusal.errors = self.problems;
        Err(refusal)
    }
}

impl Reading {
    pub fn new(frame: Frame, accounts: Accounts) -> Self {
        let entries = Entries { accounts, heads: Vec::new(), labels: String::new(), lines: Vec::new(), total: Amount::ZERO };
        Self { frame, rows: 0, begun: 0, seen: HashSet::new(), current: None, entries, problems: Problems::default() }
    }

    /// Takes the next row. Refuses only what cannot be read on; what stands against the row itself is kept.
    pub fn push(&mut self, row: Row<'_>) -> Result<(), Refusal> {
        let at = self.rows;
        self.rows += 1;
        let current = match self.current.take() {
            Some(current) if current.reference == row.entry => self.going_on(current, at, row),
            before => {
                before.into_iter().try_for_each(|before| self.close(&before))?;
                self.begin(at, row)?
            }
        };
        self.current = Some(self.posted(current, at, row));
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<Checked, Refusal> {
        match self.current.take() {
            Some(last) => self.close(&last)?,
            None => return Err(unreadable("Aucune écriture / No entries")),
        }
        let Problems { told, count } = self.problems;
        Ok(Checked { rows: self.rows, entries: self.entries, problems: told, problem_count: count })
    }

    fn begin(&mut self, at: usize, row: Row<'_>) -> Result<Current, Refusal> {
        self.begun += 1;
        if self.begun > ENTRIES_MAX {
            return Err(unreadable(&format!("Plus de / More than {ENTRIES_MAX} écritures / entries")));
        }
        if let Err(fault) = Text::<60>::parse(row.entry) {
            self.problems.tell(
                at,
                "entry",
                "IMPORT_TEXT_INVALID",
                "référence vide, trop longue ou caractère interdit.",
                &fault.to_string(),
            );
        } else if !self.seen.insert(short_digest(row.entry)) {
            self.problems.tell(
                at,
                "entry",
                "IMPORT_ENTRY_SCATTERED",
                "les lignes d'une écriture se suivent, et sa référence ne revient pas.",
                "the rows of an entry follow each other, and its reference does not come back.",
            );
        }
        let journal = self.journal(at, row.journal);
        let date = self.date(at, row.accounting_date);
        let label = self.label(at, row.label);
        Ok(Current {
            first: at,
            reference: row.entry.to_owned(),
            journal: row.journal.to_owned(),
            accounting_date: row.accounting_date.to_owned(),
            label: row.label.to_owned(),
            head: journal.zip(date).zip(label).map(|((journal, date), label)| (journal, date, label)),
            rows: 0,
            lines: Vec::new(),
        })
    }

    fn journal(&mut self, at: usize, raw: &str) -> Option<ManualJournal> {
        let journal = ManualJournal::parse(raw);
        if journal.is_none() {
            let words = ManualJournal::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ");
            let (fr, en) = (format!("journaux admis : {words}."), format!("journals admitted: {words}."));
            self.problems.tell(at, "journal", "IMPORT_JOURNAL_UNKNOWN", &fr, &en);
        }
        journal
    }

    fn date(&mut self, at: usize, raw: &str) -> Option<NaiveDate> {
        // The parser also takes "2025-3-5", which is not how a date is spelled here.
        let date = NaiveDate::parse_from_str(raw, "%Y-%m-%d").ok().filter(|_| raw.len() == 10);
        let Some(date) = date else {
            self.problems.tell(
                at,
                "accounting_date",
                "IMPORT_DATE_INVALID",
                "la date s'écrit AAAA-MM-JJ.",
                "the date is spelled YYYY-MM-DD.",
            );
            return None;
        };
        let accepted = self.frame.year.accept(date, self.frame.today);
        self.problems.heed(at, "accounting_date", accepted).map(|()| date)
    }

    fn label(&mut self, at: usize, raw: &str) -> Option<Text<300>> {
        Text::parse(raw)
            .map_err(|fault| {
                let fr = "libellé vide, trop long ou caractère interdit.";
                self.problems.tell(at, "label", "IMPORT_TEXT_INVALID", fr, &fault.to_string());
            })
            .ok()
    }

    /// Every row of an entry says the same of it.
    fn going_on(&mut self, current: Current, at: usize, row: Row<'_>) -> Current {
        let said = [
            ("journal", &current.journal, row.journal),
            ("accounting_date", &current.accounting_date, row.accounting_date),
            ("label", &current.label, row.label),
        ];
        for (column, first, _) in said.into_iter().filter(|(_, first, here)| first != here) {
            let fr = format!("la première ligne de l'écriture dit « {first} ».");
            let en = format!("the first row of the entry says \"{first}\".");
            self.problems.tell(at, column, "IMPORT_ENTRY_INCONSISTENT", &fr, &en);
        }
        current
    }

    fn posted(&mut self, mut current: Current, at: usize, row: Row<'_>) -> Current {
        current.rows += 1;
        if current.rows == LINES_MAX + 1 {
            let fr = format!("une écriture a {LINES_MAX} lignes au plus.");
            let en = format!("an entry has {LINES_MAX} rows at most.");
            self.problems.tell(at, "entry", "IMPORT_ENTRY_TOO_LONG", &fr, &en);
        }
        let place = self.entries.accounts.place(row.account);
        let account = self.problems.heed(at, "account", place);
        let amount = self.amount(at, row);
        if let (Some(account), Some((side, amount))) = (account, amount)
            && current.rows <= LINES_MAX
        {
            current.lines.push(Line { account, side, amount });
        }
        current
    }

    fn amount(&mut self, at: usize, row: Row<'_>) -> Option<(Side, Amount)> {
        let (side, column, raw) = match (row.debit, row.credit) {
            (debit, "") if !debit.is_empty() => (Side::Debit, "debit", debit),
            ("", credit) if !credit.is_empty() => (Side::Credit, "credit", credit),
            (debit, _) => {
                let column = if debit.is_empty() { "debit" } else { "credit" };
                let fr = "une ligne a un débit ou un crédit, et un seul.";
                self.problems.tell(at, column, "IMPORT_SIDE_INVALID", fr, "a row has a debit or a credit, and only one.");
                return None;
            }
        };
        self.problems.heed(at, column, Amount::parse_positive(raw, self.frame.currency)).map(|amount| (side, amount))
    }

    /// Judges an entry as a whole once its rows are good.
    fn close(&mut self, entry: &Current) -> Result<(), Refusal> {
        let Some((journal, accounting_date, label)) = &entry.head else { return Ok(()) };
        if entry.lines.len() != entry.rows {
            return Ok(());
        }
        let weighed = weigh(entry.lines.iter().map(|line| (line.side, line.amount)), self.frame.currency);
        let Some(total) = self.problems.heed(entry.first, "entry", weighed) else { return Ok(()) };
        if self.problems.count > 0 {
            return Ok(());
        }
        let entries = &mut self.entries;
        let sum = entries.total.checked_add(total).ok_or_else(|| unreadable("Total hors limites / Total out of range"))?;
        entries.total = sum;
        entries.labels.push_str(label.as_str());
        entries.lines.extend_from_slice(&entry.lines);
        let (label_end, lines_end) = (entries.labels.len(), entries.lines.len());
        entries.heads.push(Head { journal: *journal, accounting_date: *accounting_date, label_end, lines_end, total });
        Ok(())
    }
}

fn short_digest(text: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ledger::Part;

    fn reading() -> Reading {
        let parts: BTreeMap<Part, String> = Part::ALL.iter().map(|part| (*part, format!("4{}", part.as_str()))).collect();
        let parts = PostingAccounts::new(parts).expect("every part");
        let day = |month, day| NaiveDate::from_ymd_opt(2025, month, day).expect("a date");
        let frame = Frame { year: FiscalYear::new(2025).expect("a year"), today: day(12, 31), currency: Currency::XOF };
        Reading::new(frame, Accounts::new(["515", "531", "602"].map(str::to_owned), &parts))
    }

    fn row<'r>(entry: &'r str, account: &'r str, debit: &'r str, credit: &'r str) -> Row<'r> {
        Row { entry, journal: "treasury", accounting_date: "2025-03-05", label: "Retrait", account, debit, credit }
    }

    fn faults(rows: &[Row<'_>]) -> Vec<(String, &'static str)> {
        let mut reading = reading();
        rows.iter().for_each(|row| reading.push(*row).expect("read on"));
        let checked = reading.finish().expect("read to the end");
        checked.problems.into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn entries_come_out_as_their_rows_went_in() {
        let mut reading = reading();
        for row in [row("1", "531", "100", ""), row("1", "515", "", "100"), row("2", "515", "7", ""), row("2", "531", "", "7")] {
            reading.push(row).expect("read on");
        }
        let entries = reading.finish().expect("read").complete().unwrap_or_else(|_| panic!("good rows"));
        assert_eq!((entries.count(), entries.postings(), entries.total().minor()), (2, 4, 107));
        let second = entries.iter().nth(1).expect("two entries");
        assert_eq!((second.label, second.total.minor(), second.lines.len()), ("Retrait", 7, 2));
        assert_eq!(entries.accounts.code(second.lines[0].account), "515");
    }

    #[test]
    fn a_bad_row_is_told_by_its_place_and_an_entry_by_its_first_row() {
        let good = [row("1", "531", "100", ""), row("1", "515", "", "100")];
        assert_eq!(faults(&good), []);
        let with = |change: &dyn Fn(&mut Row<'static>)| {
            let mut rows = [row("1", "531", "100", ""), row("1", "515", "", "100")];
            change(&mut rows[1]);
            faults(&rows)
        };
        let one = |pointer: &str, code| vec![(pointer.to_owned(), code)];
        assert_eq!(with(&|row| row.credit = "99"), one("/rows/0/entry", "LEDGER_UNBALANCED"));
        assert_eq!(with(&|row| row.credit = "0"), one("/rows/1/credit", "AMOUNT_ZERO"));
        assert_eq!(with(&|row| row.credit = "1,5"), one("/rows/1/credit", "AMOUNT_INVALID"));
        assert_eq!(with(&|row| row.debit = "100"), one("/rows/1/credit", "IMPORT_SIDE_INVALID"));
        assert_eq!(with(&|row| row.credit = ""), one("/rows/1/debit", "IMPORT_SIDE_INVALID"));
        assert_eq!(with(&|row| row.account = "602"), one("/rows/1/account", "LEDGER_ACCOUNT_RESERVED"));
        assert_eq!(with(&|row| row.account = "999"), one("/rows/1/account", "LEDGER_ACCOUNT_UNKNOWN"));
        assert_eq!(with(&|row| row.label = "Autre"), one("/rows/1/label", "IMPORT_ENTRY_INCONSISTENT"));
        assert_eq!(faults(&good[..1]), one("/rows/0/entry", "LEDGER_UNBALANCED"));
        let back = [good[0], good[1], row("2", "531", "1", ""), row("2", "515", "", "1"), good[0], good[1]];
        assert_eq!(faults(&back), one("/rows/4/entry", "IMPORT_ENTRY_SCATTERED"));
    }

    #[test]
    fn a_hundred_thousand_entries_need_little_room() {
        let mut reading = reading();
        let label = "Versement de la recette du marché au Trésor";
        for entry in 0..ENTRIES_MAX {
            let (reference, amount) = (format!("VE-2025-{entry:06}"), (entry + 1).to_string());
            reading.push(Row { label, ..row(&reference, "531", &amount, "") }).expect("read on");
            reading.push(Row { label, ..row(&reference, "515", "", &amount) }).expect("read on");
        }
        let entries = &reading.entries;
        let room = entries.heads.capacity() * size_of::<Head>()
            + entries.lines.capacity() * size_of::<Line>()
            + entries.labels.capacity()
            + reading.seen.capacity() * 8 / 7 * (size_of::<[u8; 16]>() + 1);
        assert!(room < 24 << 20, "{room} bytes");
        let more = reading.push(row("one more", "531", "1", "")).expect_err("one too many");
        assert_eq!(more.code.name, "IMPORT_UNREADABLE");
    }
}
