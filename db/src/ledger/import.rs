//! Entries brought over from another program: stored together, numbered in one range for each journal, each with all that an
//! entry recorded alone has.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Integer, Text};
use domain::audit::{Event, RowsDigest};
use domain::id::{EntryId, EntryImportId, OrganisationId, reference};
use domain::ledger::import::{Accounts, Entries};
use domain::ledger::{Journal, LEDGER_ACCOUNT_UNKNOWN, ManualJournal};
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;
use uuid::Uuid;

use super::{entry_digest, parts_of, sides};
use crate::column::{Col, Identity, Instant, Vocabulary};
use crate::connection::Conn;
use crate::fault::Fault;
use crate::number;
use crate::page::{Keyset, Rows};
use crate::prepared::{Statement, column};
use crate::schema::{balances, entries, entry_imports, postings};
use crate::store::Tx;
use crate::visible;

/// What imported entries come from.
pub const ENTRY_IMPORT: &str = "entry_import";

/// How many entries go to the database at a time: each statement stays far below the time that it may take.
const CHUNK: usize = 1_000;

/// An import. It never changes.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = entry_imports, treat_none_as_default_value = false)]
pub struct EntryImportRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<EntryImportId>,
    pub fiscal_year: i32,
    pub entries: i32,
    pub postings: i32,
    pub total: i64,
    pub treasury_first: Option<i64>,
    pub treasury_last: Option<i64>,
    pub miscellaneous_first: Option<i64>,
    pub miscellaneous_last: Option<i64>,
    pub digest: String,
    pub sha256: String,
    pub recorded_at: Col<DateTime<Utc>>,
    pub sensitivity: i32,
}

impl EntryImportRow {
    /// The first and the last number that its entries took in a journal.
    pub fn numbers(&self, journal: ManualJournal) -> Option<(i64, i64)> {
        match journal {
            ManualJournal::Treasury => self.treasury_first.zip(self.treasury_last),
            ManualJournal::Miscellaneous => self.miscellaneous_first.zip(self.miscellaneous_last),
        }
    }

    /// What the chain says of it.
    pub fn event(&self) -> Event {
        let event = Event::of("entries.imported", ENTRY_IMPORT, self.id.0.0, 1)
            .with("fiscal_year", self.fiscal_year)
            .with("entries", self.entries)
            .with("postings", self.postings)
            .with("digest", &self.digest)
            .with("sha256", &self.sha256);
        ManualJournal::ALL.iter().fold(event, |event, journal| match self.numbers(*journal) {
            Some((first, last)) => event.with(&format!("{journal}_first"), first).with(&format!("{journal}_last"), last),
            None => event,
        })
    }
}

/// What the entry at a position of an import comes from; positions count from 1.
pub fn source_of(import: EntryImportId, position: usize) -> Uuid {
    reference(&format!("{import}/{position}"))
}

/// The digest over all entries of an import, in their order.
#[derive(Clone, Default)]
pub struct ImportDigest(RowsDigest);

impl ImportDigest {
    pub fn add(&mut self, journal: Journal, number: i64, digest: &str, label: &str) {
        self.0.add(format!("{journal}|{number}|{digest}|{label}").as_bytes());
    }

    pub fn finish(self) -> String {
        self.0.finish()
    }
}

/// The accounts that take postings in a year which is open.
pub fn find_accounts(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<Accounts, Fault> {
    let rows: Vec<(String, Col<Uuid>)> = visible!(balances, scope)
        .filter(balances::fiscal_year.eq(fiscal_year))
        .select((balances::account_code, balances::chart_id))
        .load(conn)?;
    let chart = rows.first().map(|(_, chart)| *chart).ok_or(Fault::Missing)?;
    let parts = parts_of(conn, chart)?;
    Ok(Accounts::new(rows.into_iter().map(|(code, _)| code), &parts))
}

#[derive(Insertable)]
#[diesel(table_name = entries, treat_none_as_default_value = false)]
struct NewEntry<'e> {
    organisation_id: Col<OrganisationId>,
    id: Col<EntryId>,
    fiscal_year: i32,
    journal: Col<Journal>,
    number: i64,
    accounting_date: NaiveDate,
    recorded_at: Col<DateTime<Utc>>,
    label: &'e str,
    total: i64,
    source_kind: &'static str,
    source_id: Col<Uuid>,
    digest: String,
    sensitivity: i32,
}

#[derive(Insertable)]
#[diesel(table_name = postings, treat_none_as_default_value = false)]
struct NewPosting<'e> {
    organisation_id: Col<OrganisationId>,
    entry_id: Col<EntryId>,
    position: i32,
    fiscal_year: i32,
    account_code: &'e str,
    debit: i64,
    credit: i64,
}

/// What goes to the database at a time.
struct Chunk<'e> {
    organisation: Col<OrganisationId>,
    fiscal_year: i32,
    now: Col<DateTime<Utc>>,
    entries: Vec<NewEntry<'e>>,
    postings: Vec<NewPosting<'e>>,
}

impl Chunk<'_> {
    fn store(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        match conn {
            Conn::Pg(conn) => self.store_together(conn)?,
            Conn::Sqlite(conn) => self.store_each(conn)?,
        }
        self.entries.clear();
        self.postings.clear();
        Ok(())
    }

    fn store_each(&self, conn: &mut SqliteConnection) -> QueryResult<()> {
        for entry in &self.entries {
            diesel::insert_into(entries::table).values(entry).execute(conn)?;
        }
        for posting in &self.postings {
            diesel::insert_into(postings::table).values(posting).execute(conn)?;
        }
        Ok(())
    }

    fn store_together(&self, conn: &mut PgConnection) -> QueryResult<()> {
        Statement::new(
            "INSERT INTO entries (organisation_id, fiscal_year, recorded_at, source_kind, sensitivity, id, journal, number, \
             accounting_date, label, total, source_id, digest) \
             SELECT ?, ?, ?, ?, ?, * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind::<Identity, _>(self.organisation)
        .bind::<Integer, _>(self.fiscal_year)
        .bind::<Instant, _>(self.now)
        .bind::<Text, _>(ENTRY_IMPORT)
        .bind::<Integer, _>(Sensitivity::Internal.rank())
        .bind::<Array<Identity>, _>(column(&self.entries, |entry| entry.id))
        .bind::<Array<Vocabulary>, _>(column(&self.entries, |entry| entry.journal))
        .bind::<Array<BigInt>, _>(column(&self.entries, |entry| entry.number))
        .bind::<Array<Date>, _>(column(&self.entries, |entry| entry.accounting_date))
        .bind::<Array<Text>, _>(column(&self.entries, |entry| entry.label))
        .bind::<Array<BigInt>, _>(column(&self.entries, |entry| entry.total))
        .bind::<Array<Identity>, _>(column(&self.entries, |entry| entry.source_id))
        .bind::<Array<Text>, _>(column(&self.entries, |entry| entry.digest.as_str()))
        .run_on_postgres(conn)?;
        Statement::new(
            "INSERT INTO postings (organisation_id, fiscal_year, entry_id, position, account_code, debit, credit) \
             SELECT ?, ?, * FROM unnest(?, ?, ?, ?, ?)",
        )
        .bind::<Identity, _>(self.organisation)
        .bind::<Integer, _>(self.fiscal_year)
        .bind::<Array<Identity>, _>(column(&self.postings, |posting| posting.entry_id))
        .bind::<Array<Integer>, _>(column(&self.postings, |posting| posting.position))
        .bind::<Array<Text>, _>(column(&self.postings, |posting| posting.account_code))
        .bind::<Array<BigInt>, _>(column(&self.postings, |posting| posting.debit))
        .bind::<Array<BigInt>, _>(column(&self.postings, |posting| posting.credit))
        .run_on_postgres(conn)?;
        Ok(())
    }
}

/// Takes the numbers of a journal for all its entries at once; gives the first and the last.
fn take_numbers(tx: &mut Tx<'_>, fiscal_year: i32, journal: ManualJournal, imported: &Entries) -> Result<Option<(i64, i64)>, Fault> {
    let count = i64::try_from(imported.iter().filter(|entry| entry.journal == journal).count()).unwrap_or(i64::MAX);
    if count == 0 {
        return Ok(None);
    }
    let last = number::last_of(tx, fiscal_year, &number::entries_of(journal), count)?;
    Ok(Some((last - count + 1, last)))
}

/// Adds to a kept balance all that the import moves on it.
fn move_balance(tx: &mut Tx<'_>, fiscal_year: i32, account: &str, (debit, credit): (i64, i64)) -> Result<(), Fault> {
    let moved = Statement::new(
        "UPDATE balances SET debit = debit + ?, credit = credit + ? WHERE organisation_id = ? AND fiscal_year = ? AND account_code = ?",
    )
    .bind::<BigInt, _>(debit)
    .bind::<BigInt, _>(credit)
    .bind::<Identity, _>(Col(tx.organisation))
    .bind::<Integer, _>(fiscal_year)
    .bind::<Text, _>(account)
    .run(tx.conn)?;
    if moved == 1 { Ok(()) } else { Err(LEDGER_ACCOUNT_UNKNOWN.refuse().with("account", account).into()) }
}

/// PostgreSQL looks an entry up for each of its postings, by a plan that may have been made when an organisation had hardly
/// an entry: then any index that begins with the organisation seemed as good as that of the ids, and the time of an import
/// grew with the square of its size. A small sample tells enough; where somebody else analyses or vacuums, nobody waits.
fn note_growth(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Pg(conn) => conn.batch_execute("SELECT note_growth()"),
        Conn::Sqlite(_) => Ok(()),
    }
}

/// Posts all entries of an import.
pub fn append_entries(
    tx: &mut Tx<'_>,
    fiscal_year: i32,
    id: EntryImportId,
    imported: &Entries,
    sha256: &str,
) -> Result<EntryImportRow, Fault> {
    let treasury = take_numbers(tx, fiscal_year, ManualJournal::Treasury, imported)?;
    let miscellaneous = take_numbers(tx, fiscal_year, ManualJournal::Miscellaneous, imported)?;
    let mut next = [treasury, miscellaneous].map(|numbers| numbers.map_or(0, |(first, _)| first));
    let [of_treasury, of_miscellaneous] = &mut next;
    let (organisation, now) = (Col(tx.organisation), Col(tx.author.now));
    let mut chunk = Chunk { organisation, fiscal_year, now, entries: Vec::with_capacity(CHUNK), postings: Vec::new() };
    let mut digest = ImportDigest::default();
    let mut moved: BTreeMap<u16, (i64, i64)> = BTreeMap::new();
    for (position, entry) in (1..).zip(imported.iter()) {
        let next = if entry.journal == ManualJournal::Treasury { &mut *of_treasury } else { &mut *of_miscellaneous };
        let number = *next;
        *next += 1;
        let (id_of_entry, journal) = (Col(EntryId::new()), entry.journal.journal());
        let lines = || {
            entry.lines.iter().map(|line| {
                let (debit, credit) = sides(line.side, line.amount);
                (line.account, debit, credit)
            })
        };
        let code = |account| imported.accounts.code(account);
        let own = entry_digest(entry.accounting_date, lines().map(|(account, debit, credit)| (code(account), debit, credit)));
        digest.add(journal, number, &own, entry.label);
        for (position, (account, debit, credit)) in (1..).zip(lines()) {
            let (debits, credits) = moved.entry(account).or_default();
            *debits += debit;
            *credits += credit;
            let account_code = code(account);
            chunk.postings.push(NewPosting {
                organisation_id: organisation,
                entry_id: id_of_entry,
                position,
                fiscal_year,
                account_code,
                debit,
                credit,
            });
        }
        chunk.entries.push(NewEntry {
            organisation_id: organisation,
            id: id_of_entry,
            fiscal_year,
            journal: Col(journal),
            number,
            accounting_date: entry.accounting_date,
            recorded_at: now,
            label: entry.label,
            total: entry.total.minor(),
            source_kind: ENTRY_IMPORT,
            source_id: Col(source_of(id, position)),
            digest: own,
            sensitivity: Sensitivity::Internal.rank(),
        });
        if chunk.entries.len() == CHUNK {
            chunk.store(tx.conn)?;
            if position == CHUNK {
                note_growth(tx.conn)?;
            }
        }
    }
    chunk.store(tx.conn)?;
    for (account, sums) in moved {
        move_balance(tx, fiscal_year, imported.accounts.code(account), sums)?;
    }
    let many = |count: usize| i32::try_from(count).map_err(|error| Fault::Broken(error.to_string()));
    let row = EntryImportRow {
        organisation_id: organisation,
        id: Col(id),
        fiscal_year,
        entries: many(imported.count())?,
        postings: many(imported.postings())?,
        total: imported.total().minor(),
        treasury_first: treasury.map(|(first, _)| first),
        treasury_last: treasury.map(|(_, last)| last),
        miscellaneous_first: miscellaneous.map(|(first, _)| first),
        miscellaneous_last: miscellaneous.map(|(_, last)| last),
        digest: digest.finish(),
        sha256: sha256.to_owned(),
        recorded_at: now,
        sensitivity: Sensitivity::Internal.rank(),
    };
    diesel::insert_into(entry_imports::table).values(&row).execute(tx.conn)?;
    Ok(row)
}

pub fn find_entry_import(conn: &mut Conn, scope: &Scope, id: EntryImportId) -> Result<EntryImportRow, Fault> {
    Ok(visible!(entry_imports, scope).filter(entry_imports::id.eq(Col(id))).select(EntryImportRow::as_select()).first(conn)?)
}

pub fn list_entry_imports(
    conn: &mut Conn,
    scope: &Scope,
    fiscal_year: i32,
    page: &Keyset<EntryImportId>,
) -> Result<Rows<EntryImportRow>, Fault> {
    let mut query = visible!(entry_imports, scope)
        .filter(entry_imports::fiscal_year.eq(fiscal_year))
        .into_boxed()
        .order(entry_imports::id)
        .limit(page.probe())
        .select(EntryImportRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(entry_imports::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}
