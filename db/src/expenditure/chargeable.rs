//! All that a commitment on a line is judged by, in one statement, for one commitment or for many at once.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text};
use domain::budget::credit::Credit;
use domain::budget::lifecycle::BudgetState;
use domain::budget::{Direction, FiscalYearState, Section};
use domain::id::{BudgetLineId, OrganisationId, SupplierId};
use domain::money::Currency;
use domain::organisation::OrganisationKind;
use domain::organisation::supplier::Supplier;
use domain::sensitivity::Sensitivity;
use uuid::Uuid;

use crate::budget::credit::{CreditMove, credit_of};
use crate::column::{Col, Identity, Vocabulary};
use crate::connection::Conn;
use crate::fault::Fault;
use crate::prepared::{Rows, Statement, column};
use crate::store::{Foreseen, Tx};

/// What a commitment asks about, and what its author may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub organisation: OrganisationId,
    pub clearance: Sensitivity,
    pub line: BudgetLineId,
    pub supplier: SupplierId,
}

/// A line of the current edition of a budget, with its year, its organisation, the supplier named, and the credit of its
/// article.
#[derive(Clone, Debug)]
pub struct Chargeable {
    pub line: BudgetLineId,
    pub section: Section,
    pub direction: Direction,
    pub chapter: String,
    pub article: String,
    /// False for lines that only move credit.
    pub executable: bool,
    pub fiscal_year: i32,
    pub budget_state: BudgetState,
    pub year_state: FiscalYearState,
    pub nomenclature_id: Uuid,
    pub kind: OrganisationKind,
    pub currency: Currency,
    /// Nobody, if there is no such supplier for whoever asks.
    pub supplier: Option<Supplier>,
    /// None until the budget is executable, and for revenue.
    pub credit: Option<Credit>,
    /// The last commitment of the year.
    pub last_number: i64,
}

/// Id, code, whether active, until when debarred.
type SupplierColumns = (Col<SupplierId>, String, bool, Option<NaiveDate>);
type CreditColumns = (i64, i64, i64, i64, i64, i64, i64, i64, i64);
type Row = (
    i64,
    (Col<BudgetLineId>, Col<Section>, Col<Direction>, String, String, bool),
    (i32, Col<BudgetState>, Col<FiscalYearState>, Col<Uuid>, Col<OrganisationKind>, String, i64),
    Option<SupplierColumns>,
    Option<CreditColumns>,
);
type Types = (
    BigInt,
    (Identity, Vocabulary, Vocabulary, Text, Text, Bool),
    (Integer, Vocabulary, Vocabulary, Identity, Vocabulary, Text, BigInt),
    Nullable<(Identity, Text, Bool, Nullable<Date>)>,
    Nullable<(BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt)>,
);

/// The statement over a table of what is wanted.
macro_rules! chargeables {
    ($wanted:literal) => {
        concat!(
            "SELECT wanted.place, l.id, l.section, l.direction, l.chapter, l.article, l.executable, \
             b.fiscal_year, b.state, y.state, y.nomenclature_id, o.kind, o.currency, n.last_number, \
             s.id, s.code, s.active, s.debarred_until, \
             a.initial, a.increased, a.decreased, a.carried_forward, a.committed, a.verified, a.ordered, a.accepted, a.paid FROM ",
            $wanted,
            " AS wanted \
             JOIN budget_lines l ON l.organisation_id = wanted.organisation_id AND l.id = wanted.line AND l.sensitivity <= wanted.rank \
             JOIN budgets b ON b.organisation_id = l.organisation_id AND b.id = l.budget_id AND b.edition = l.edition \
             AND b.sensitivity <= wanted.rank \
             JOIN fiscal_years y ON y.organisation_id = l.organisation_id AND y.fiscal_year = b.fiscal_year \
             JOIN number_series n ON n.organisation_id = l.organisation_id AND n.fiscal_year = b.fiscal_year AND n.series = 'commitment' \
             JOIN organisations o ON o.id = l.organisation_id \
             LEFT JOIN suppliers s ON s.organisation_id = l.organisation_id AND s.id = wanted.supplier AND s.sensitivity <= wanted.rank \
             LEFT JOIN appropriations a ON a.organisation_id = l.organisation_id AND a.fiscal_year = b.fiscal_year \
             AND a.section = l.section AND a.article = l.article"
        )
    };
}

/// What each asks about, if it may see it.
pub fn all_chargeables(conn: &mut Conn, wanted: &[Wanted]) -> Result<HashMap<Wanted, Chargeable>, Fault> {
    let rows: Vec<Row> = match conn {
        Conn::Pg(conn) => {
            let found = Statement::new(chargeables!(
                "(SELECT * FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS u (organisation_id, rank, line, supplier, place))"
            ))
            .bind::<Array<Identity>, _>(column(wanted, |one| Col(one.organisation)))
            .bind::<Array<Integer>, _>(column(wanted, |one| one.clearance.rank()))
            .bind::<Array<Identity>, _>(column(wanted, |one| Col(one.line)))
            .bind::<Array<Identity>, _>(column(wanted, |one| Col(one.supplier)));
            Rows::<Types, _>::of(found).load(conn)?
        }
        Conn::Sqlite(conn) => {
            let mut rows = Vec::with_capacity(wanted.len());
            for (one, place) in wanted.iter().zip(1_i64..) {
                let found = Statement::new(chargeables!("(SELECT ? AS place, ? AS organisation_id, ? AS rank, ? AS line, ? AS supplier)"))
                    .bind::<BigInt, _>(place)
                    .bind::<Identity, _>(Col(one.organisation))
                    .bind::<Integer, _>(one.clearance.rank())
                    .bind::<Identity, _>(Col(one.line))
                    .bind::<Identity, _>(Col(one.supplier));
                rows.extend(Rows::<Types, _>::of(found).load::<Row>(conn)?);
            }
            rows
        }
    };
    let one_of = |place: i64| usize::try_from(place - 1).ok().and_then(|index| wanted.get(index)).copied();
    rows.into_iter().map(|row| Ok((one_of(row.0).ok_or(Fault::Missing)?, chargeable(row)?))).collect()
}

fn chargeable((_, line, around, supplier, credit): Row) -> Result<Chargeable, Fault> {
    let (line, section, direction, chapter, article, executable) = line;
    let (fiscal_year, budget_state, year_state, nomenclature_id, kind, currency, last_number) = around;
    let supplier = supplier.map(|(id, code, active, debarred_until)| Supplier { id: id.0, code, active, debarred_until });
    let credit = credit.map(|sums| credit_of(sums.into(), &article)).transpose()?;
    Ok(Chargeable {
        line: line.0,
        section: section.0,
        direction: direction.0,
        chapter,
        article,
        executable,
        fiscal_year,
        budget_state: budget_state.0,
        year_state: year_state.0,
        nomenclature_id: nomenclature_id.0,
        kind: kind.0,
        currency: Currency::parse(&currency).ok_or_else(|| Fault::Corrupt(format!("currency {currency}")))?,
        supplier,
        credit,
        last_number,
    })
}

impl Chargeable {
    /// Keeps it true after another commitment, which took the next number, and credit of an article.
    pub fn follow(&mut self, wanted: &Wanted, moved: &CreditMove) {
        if wanted.organisation == moved.organisation && self.fiscal_year == moved.charge.fiscal_year {
            self.last_number += 1;
            if self.section == moved.charge.section && self.article == moved.charge.article {
                self.credit = Some(moved.after);
            }
        }
    }
}

/// What a commitment asks about, or nothing.
pub fn find_chargeable(tx: &mut Tx<'_>, wanted: Wanted) -> Result<Chargeable, Fault> {
    if let Some(Foreseen::Chargeable(found)) = tx.foreseen.take() {
        return Ok(*found);
    }
    all_chargeables(tx.conn, &[wanted])?.remove(&wanted).ok_or(Fault::Missing)
}
