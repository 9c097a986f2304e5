//! Imports of one organisation: the entries of each are those of which the chain keeps one digest.

use diesel::prelude::*;
use domain::id::OrganisationId;
use domain::ledger::ManualJournal;
use domain::word::Word;

use super::chain::Facts;
use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::ledger::EntryRow;
use crate::ledger::import::{EntryImportRow, ImportDigest, source_of};
use crate::schema::entry_imports;

/// An import, and what was found of it in the ledger so far.
struct Import {
    row: EntryImportRow,
    digest: ImportDigest,
    entries: i32,
    postings: i32,
    total: i64,
}

/// The imports of an organisation, to which its imported entries are added in the order of their ids.
pub struct Imports(Vec<Import>);

impl Imports {
    pub fn read(conn: &mut Conn, organisation: OrganisationId) -> Result<Self, Failure> {
        let rows: Vec<EntryImportRow> = entry_imports::table
            .filter(entry_imports::organisation_id.eq(Col(organisation)))
            .order(entry_imports::id)
            .select(EntryImportRow::as_select())
            .load(conn)?;
        let import = |row| Import { row, digest: ImportDigest::default(), entries: 0, postings: 0, total: 0 };
        Ok(Self(rows.into_iter().map(import).collect()))
    }

    /// Adds the next entry to the import that it says it comes from; its number tells which. Says whether there is one.
    pub fn add(&mut self, entry: &EntryRow, digest: &str, postings: usize) -> bool {
        let holds = |import: &&mut Import| {
            let journal = ManualJournal::ALL.iter().find(|journal| journal.journal() == entry.journal.0);
            let numbers = journal.and_then(|journal| import.row.numbers(*journal));
            import.row.fiscal_year == entry.fiscal_year && numbers.is_some_and(|(first, last)| (first..=last).contains(&entry.number))
        };
        let Some(import) = self.0.iter_mut().find(holds) else { return false };
        import.entries += 1;
        import.postings += i32::try_from(postings).unwrap_or(i32::MAX);
        import.total += entry.total;
        import.digest.add(entry.journal.0, entry.number, digest, &entry.label);
        let position = usize::try_from(import.entries).unwrap_or(0);
        entry.source_id.0 == source_of(import.row.id.0, position) && entry.recorded_at == import.row.recorded_at
    }

    /// Holds what was found against the imports and these against the chain.
    pub fn verify(self, code: &str, facts: &Facts) -> Result<(), Failure> {
        if self.0.len() != facts.imports.len() {
            return wrong(format!("{code}: {} imports of entries are kept, {} stand on the chain", self.0.len(), facts.imports.len()));
        }
        for Import { row, digest, entries, postings, total } in self.0 {
            let place = format!("{code}, import {}", row.id.0);
            if facts.imports.get(&row.id.0.0) != Some(&row.event().facts) {
                return wrong(format!("{place}: is not as it was put on the chain"));
            }
            if digest.finish() != row.digest || (entries, postings, total) != (row.entries, row.postings, row.total) {
                return wrong(format!("{place}: its entries are not those that were put on the chain"));
            }
        }
        Ok(())
    }
}
