//! All that a commitment on a line is judged by, in one statement.

use diesel::prelude::*;
use domain::budget::FiscalYearState;
use domain::budget::credit::Credit;
use domain::budget::lifecycle::BudgetState;
use domain::id::{BudgetLineId, SupplierId};
use domain::money::Currency;
use domain::organisation::OrganisationKind;
use domain::organisation::supplier::Supplier;
use domain::sensitivity::Scope;
use uuid::Uuid;

use crate::budget::credit::AppropriationRow;
use crate::budget::{LineRow, StoredLine};
use crate::column::Col;
use crate::fault::Fault;
use crate::number;
use crate::organisation::supplier::SupplierRow;
use crate::schema::{appropriations, budget_lines, budgets, fiscal_years, number_series, organisations, suppliers};
use crate::store::Tx;
use crate::visible;

/// A line of the current edition of a budget, with its year, its organisation, the supplier named, and the credit of its
/// article.
#[derive(Clone, Debug)]
pub struct Chargeable {
    pub line: StoredLine,
    pub fiscal_year: i32,
    pub budget_state: BudgetState,
    pub year_state: FiscalYearState,
    pub nomenclature_id: Uuid,
    pub kind: OrganisationKind,
    pub currency: Currency,
    /// Nobody, if the scope knows no such supplier.
    pub supplier: Option<Supplier>,
    /// None until the budget is executable, and for revenue.
    pub credit: Option<Credit>,
    /// The last commitment of the year.
    pub last_number: i64,
}

/// What stands around a line: the editions of line and budget, and the rest as in [`Chargeable`].
type Around = (i32, i32, i32, Col<BudgetState>, Col<FiscalYearState>, Col<Uuid>, Col<OrganisationKind>, String, i64);

/// The line as the scope sees it, or nothing.
pub fn find_chargeable(tx: &mut Tx<'_>, scope: &Scope, line: BudgetLineId, supplier: SupplierId) -> Result<Chargeable, Fault> {
    let rank = scope.clearance.rank();
    let (row, around, supplier, appropriation): (LineRow, Around, Option<SupplierRow>, Option<AppropriationRow>) =
        visible!(budget_lines, scope)
            .filter(budget_lines::id.eq(Col(line)))
            .inner_join(
                budgets::table.on(budgets::organisation_id
                    .eq(budget_lines::organisation_id)
                    .and(budgets::id.eq(budget_lines::budget_id))
                    .and(budgets::sensitivity.le(rank))),
            )
            .inner_join(fiscal_years::table.on(
                fiscal_years::organisation_id.eq(budget_lines::organisation_id).and(fiscal_years::fiscal_year.eq(budgets::fiscal_year)),
            ))
            .inner_join(
                number_series::table.on(number_series::organisation_id
                    .eq(budget_lines::organisation_id)
                    .and(number_series::fiscal_year.eq(budgets::fiscal_year))
                    .and(number_series::series.eq(number::COMMITMENT))),
            )
            .inner_join(organisations::table.on(organisations::id.eq(budget_lines::organisation_id)))
            .left_join(
                suppliers::table.on(suppliers::organisation_id
                    .eq(budget_lines::organisation_id)
                    .and(suppliers::id.eq(Col(supplier)))
                    .and(suppliers::sensitivity.le(rank))),
            )
            .left_join(
                appropriations::table.on(appropriations::organisation_id
                    .eq(budget_lines::organisation_id)
                    .and(appropriations::fiscal_year.eq(budgets::fiscal_year))
                    .and(appropriations::section.eq(budget_lines::section))
                    .and(appropriations::article.eq(budget_lines::article))),
            )
            .select((
                LineRow::as_select(),
                (
                    budget_lines::edition,
                    budgets::edition,
                    budgets::fiscal_year,
                    budgets::state,
                    fiscal_years::state,
                    fiscal_years::nomenclature_id,
                    organisations::kind,
                    organisations::currency,
                    number_series::last_number,
                ),
                Option::<SupplierRow>::as_select(),
                Option::<AppropriationRow>::as_select(),
            ))
            .first(tx.conn)?;
    let (edition, current, fiscal_year, budget_state, year_state, nomenclature_id, kind, currency, last_number) = around;
    if edition != current {
        return Err(Fault::Missing);
    }
    Ok(Chargeable {
        line: row.try_into()?,
        fiscal_year,
        budget_state: budget_state.0,
        year_state: year_state.0,
        nomenclature_id: nomenclature_id.0,
        kind: kind.0,
        currency: Currency::parse(&currency).ok_or_else(|| Fault::Corrupt(format!("currency {currency}")))?,
        supplier: supplier.map(|row| row.supplier()),
        credit: appropriation.map(|row| row.credit()).transpose()?,
        last_number,
    })
}
