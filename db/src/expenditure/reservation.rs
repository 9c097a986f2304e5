//! Commitments that a group of writes stores together, with the credit that each reserves.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Integer, Nullable, Text};
use domain::id::OrganisationId;
use domain::sensitivity::Sensitivity;

use super::CommitmentRow;
use crate::budget::credit::{CreditMove, moves};
use crate::column::{Col, Identity, Instant, Vocabulary};
use crate::connection::Conn;
use crate::fault::Fault;
use crate::number::COMMITMENT;
use crate::prepared::{Statement, column, together};
use crate::schema::commitments;

/// Commitments to store, in their order.
#[derive(Default)]
pub struct Reservations {
    rows: Vec<CommitmentRow>,
    moves: Vec<CreditMove>,
}

impl Reservations {
    pub fn push(&mut self, row: CommitmentRow, moved: CreditMove) {
        self.rows.push(row);
        self.moves.push(moved);
    }

    pub fn moves(&self) -> &[CreditMove] {
        &self.moves
    }

    pub fn append(&mut self, mut other: Self) {
        self.rows.append(&mut other.rows);
        self.moves.append(&mut other.moves);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Stores them under the numbers after the last one, which was read in this transaction.
    pub fn store(&mut self, conn: &mut Conn) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.rows);
        let moved = std::mem::take(&mut self.moves);
        if rows.is_empty() {
            return Ok(());
        }
        // A number, an appropriation, an execution, a movement and the commitment itself.
        let mut expected = 5 * rows.len();
        let touched = match conn {
            Conn::Pg(conn) => {
                // Once for all that share it.
                let last = last_numbers(&rows);
                let ([appropriations, executions, movements], charged) = moves(&moved);
                expected = last.len() + charged + rows.len();
                together(conn, &[numbers(&last), appropriations, executions, movements, insertions(&rows)])?
            }
            Conn::Sqlite(conn) => {
                let mut touched = 0;
                for (row, moved) in rows.iter().zip(&moved) {
                    touched += store_number(row, conn)? + moved.store(conn)?;
                    let sensitivity = commitments::sensitivity.eq(Sensitivity::Internal.rank());
                    touched += diesel::insert_into(commitments::table).values((row, sensitivity)).execute(conn)?;
                }
                touched
            }
        };
        if touched == expected { Ok(()) } else { Err(Fault::Corrupt(format!("{} commitments touch {touched} rows", rows.len()))) }
    }
}

fn store_number(row: &CommitmentRow, conn: &mut SqliteConnection) -> QueryResult<usize> {
    Statement::new(
        "UPDATE number_series SET last_number = last_number + 1 \
         WHERE organisation_id = ? AND fiscal_year = ? AND series = ? AND last_number + 1 = ?",
    )
    .bind::<Identity, _>(row.organisation_id)
    .bind::<Integer, _>(row.fiscal_year)
    .bind::<Text, _>(COMMITMENT)
    .bind::<BigInt, _>(row.number)
    .run_on_sqlite(conn)
}

/// The series of an organisation and a year, before the first of its numbers and at the last.
type Numbered = ((OrganisationId, i32), (i64, i64));

fn last_numbers(rows: &[CommitmentRow]) -> Vec<Numbered> {
    let mut series = BTreeMap::new();
    for row in rows {
        let (_, last) = series.entry((row.organisation_id.0, row.fiscal_year)).or_insert((row.number - 1, row.number));
        *last = row.number;
    }
    series.into_iter().collect()
}

fn numbers(series: &[Numbered]) -> Statement<'_, diesel::pg::Pg> {
    Statement::new(
        "UPDATE number_series n SET last_number = t.last FROM unnest(?, ?, ?, ?) AS t (organisation_id, fiscal_year, before, last) \
         WHERE n.organisation_id = t.organisation_id AND n.fiscal_year = t.fiscal_year AND n.series = 'commitment' \
         AND n.last_number = t.before",
    )
    .bind::<Array<Identity>, _>(column(series, |((organisation, _), _)| Col(*organisation)))
    .bind::<Array<Integer>, _>(column(series, |((_, year), _)| *year))
    .bind::<Array<BigInt>, _>(column(series, |(_, (before, _))| *before))
    .bind::<Array<BigInt>, _>(column(series, |(_, (_, last))| *last))
}

fn insertions(rows: &[CommitmentRow]) -> Statement<'_, diesel::pg::Pg> {
    Statement::new(
        "INSERT INTO commitments (organisation_id, id, fiscal_year, number, budget_line_id, section, article, kind_code, supplier_id, \
         label, committed_on, amount, verified, advance_granted, advance_paid, advance_recovered, retention_withheld, \
         retention_released, state, end_reason, committed_by, recorded_at, version, sensitivity) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind::<Array<Identity>, _>(column(rows, |row| row.organisation_id))
    .bind::<Array<Identity>, _>(column(rows, |row| row.id))
    .bind::<Array<Integer>, _>(column(rows, |row| row.fiscal_year))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.number))
    .bind::<Array<Identity>, _>(column(rows, |row| row.budget_line_id))
    .bind::<Array<Vocabulary>, _>(column(rows, |row| row.section))
    .bind::<Array<Text>, _>(column(rows, |row| row.article.as_str()))
    .bind::<Array<Text>, _>(column(rows, |row| row.kind_code.as_str()))
    .bind::<Array<Identity>, _>(column(rows, |row| row.supplier_id))
    .bind::<Array<Text>, _>(column(rows, |row| row.label.as_str()))
    .bind::<Array<Date>, _>(column(rows, |row| row.committed_on))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.amount))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.verified))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.advance_granted))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.advance_paid))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.advance_recovered))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.retention_withheld))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.retention_released))
    .bind::<Array<Vocabulary>, _>(column(rows, |row| row.state))
    .bind::<Array<Nullable<Text>>, _>(column(rows, |row| row.end_reason.as_deref()))
    .bind::<Array<Identity>, _>(column(rows, |row| row.committed_by))
    .bind::<Array<Instant>, _>(column(rows, |row| row.recorded_at))
    .bind::<Array<BigInt>, _>(column(rows, |row| row.version))
    .bind::<Array<Integer>, _>(column(rows, |_| Sensitivity::Internal.rank()))
}
