//! Cash offices and tickets of one organisation, recomputed from what moved them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use domain::cash_office::ticket::{Range, TicketState};
use domain::cash_office::{CashMovementKind, CashOfficeKind, ImprestExpenseState, JustificationSlipState};
use domain::id::{CashOfficeId, ImprestExpenseId, JustificationSlipId, OrganisationId, TicketKindId};
use domain::word::Word;
use uuid::Uuid;

use super::{Failure, wrong};
use crate::column::Col;
use crate::connection::Conn;
use crate::schema::{
    balances, cash_movements, cash_offices, entries, imprest_expenses, justification_slip_expenses, justification_slips, posting_accounts,
    ticket_movements, ticket_ranges,
};

/// What each office holds is what its movements sum to, and together the balance of their account; slips sum to their
/// expenses; every ticket is where its movements brought it.
pub fn verify_cash_offices(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<(), Failure> {
    verify_held(conn, organisation, code)?;
    verify_slips(conn, organisation, code)?;
    verify_tickets(conn, organisation, code)
}

/// Office, kind, amount, total of the entry.
type Movement = (Col<CashOfficeId>, Col<CashMovementKind>, i64, i64);

fn verify_held(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<(), Failure> {
    let owner = Col(organisation);
    let offices: Vec<(Col<CashOfficeId>, Col<CashOfficeKind>, i64, i64)> = cash_offices::table
        .filter(cash_offices::organisation_id.eq(owner))
        .order(cash_offices::id)
        .select((cash_offices::id, cash_offices::kind, cash_offices::held, cash_offices::spent))
        .load(conn)?;
    let movements: Vec<Movement> = cash_movements::table
        .inner_join(
            entries::table.on(entries::organisation_id.eq(cash_movements::organisation_id).and(entries::id.eq(cash_movements::entry_id))),
        )
        .filter(cash_movements::organisation_id.eq(owner))
        .select((cash_movements::cash_office_id, cash_movements::kind, cash_movements::amount, entries::total))
        .load(conn)?;
    let mut held: BTreeMap<CashOfficeId, i64> = BTreeMap::new();
    for (office, kind, amount, posted) in movements {
        if posted != amount {
            return wrong(format!("{code}, cash office {}: a movement of {amount}, its entry of {posted}", office.0));
        }
        *held.entry(office.0).or_default() += if kind.adds() { amount } else { -amount };
    }
    let unjustified: Vec<(Col<CashOfficeId>, i64)> = imprest_expenses::table
        .filter(imprest_expenses::organisation_id.eq(owner))
        .filter(imprest_expenses::state.eq_any([Col(ImprestExpenseState::Recorded), Col(ImprestExpenseState::Submitted)]))
        .select((imprest_expenses::cash_office_id, imprest_expenses::amount))
        .load(conn)?;
    let mut kinds: BTreeMap<CashOfficeKind, i64> = BTreeMap::new();
    for (id, kind, kept, spent) in &offices {
        let summed = held.get(&id.0).copied().unwrap_or(0);
        if summed != *kept {
            return wrong(format!("{code}, cash office {}: holds {kept}, movements sum to {summed}", id.0));
        }
        let open: i64 = unjustified.iter().filter(|(office, _)| office == id).map(|(_, amount)| amount).sum();
        if open != *spent {
            return wrong(format!("{code}, cash office {}: {spent} spent, open expenses sum to {open}", id.0));
        }
        *kinds.entry(kind.0).or_default() += kept;
    }
    for (kind, kept) in kinds {
        verify_account(conn, organisation, code, kind, kept)?;
    }
    Ok(())
}

/// The account of a kind of offices moved by what they hold, unless it was opened with money that no office here was given.
fn verify_account(conn: &mut Conn, organisation: OrganisationId, code: &str, kind: CashOfficeKind, kept: i64) -> Result<(), Failure> {
    let rows: Vec<(i32, i64, i64, i64, i64)> = balances::table
        .inner_join(
            posting_accounts::table
                .on(posting_accounts::chart_id.eq(balances::chart_id).and(posting_accounts::account_code.eq(balances::account_code))),
        )
        .filter(balances::organisation_id.eq(Col(organisation)))
        .filter(posting_accounts::part.eq(kind.part().as_str()))
        .order(balances::fiscal_year)
        .select((balances::fiscal_year, balances::opening_debit, balances::opening_credit, balances::debit, balances::credit))
        .load(conn)?;
    let opened = rows.first().is_some_and(|row| (row.1, row.2) != (0, 0));
    let moved: i64 = rows.iter().map(|row| row.3 - row.4).sum();
    if opened || moved == kept {
        Ok(())
    } else {
        wrong(format!("{code}: offices of kind {kind} hold {kept}, their account moved by {moved}"))
    }
}

fn verify_slips(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<(), Failure> {
    let owner = Col(organisation);
    let slips: Vec<(Col<JustificationSlipId>, Col<JustificationSlipState>, i64)> = justification_slips::table
        .filter(justification_slips::organisation_id.eq(owner))
        .select((justification_slips::id, justification_slips::state, justification_slips::total))
        .load(conn)?;
    let expenses: BTreeMap<ImprestExpenseId, i64> = imprest_expenses::table
        .filter(imprest_expenses::organisation_id.eq(owner))
        .select((imprest_expenses::id, imprest_expenses::amount))
        .load::<(Col<ImprestExpenseId>, i64)>(conn)?
        .into_iter()
        .map(|(id, amount)| (id.0, amount))
        .collect();
    let on_slips: Vec<(Col<JustificationSlipId>, Col<ImprestExpenseId>)> = justification_slip_expenses::table
        .filter(justification_slip_expenses::organisation_id.eq(owner))
        .select((justification_slip_expenses::slip_id, justification_slip_expenses::expense_id))
        .load(conn)?;
    let mut sums: BTreeMap<JustificationSlipId, i64> = BTreeMap::new();
    for (slip, expense) in on_slips {
        *sums.entry(slip.0).or_default() += expenses.get(&expense.0).copied().unwrap_or(0);
    }
    let justified: Vec<(Option<Col<Uuid>>, i64)> = cash_movements::table
        .filter(cash_movements::organisation_id.eq(owner))
        .filter(cash_movements::kind.eq(Col(CashMovementKind::Justification)))
        .select((cash_movements::cause_id, cash_movements::amount))
        .load(conn)?;
    let mut moved_by: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (cause, amount) in justified {
        *moved_by.entry(cause.map_or(Uuid::nil(), |id| id.0)).or_default() += amount;
    }
    for (id, state, total) in slips {
        let sum = sums.get(&id.0).copied().unwrap_or(0);
        if sum != total {
            return wrong(format!("{code}, justification slip {}: total {total}, expenses sum to {sum}", id.0));
        }
        let moved = moved_by.remove(&id.0.0).unwrap_or(0);
        let due = if state.0 == JustificationSlipState::Accepted { total } else { 0 };
        if moved != due {
            return wrong(format!("{code}, justification slip {}: {due} accepted, {moved} justified", id.0));
        }
    }
    match moved_by.into_keys().next() {
        Some(cause) => wrong(format!("{code}: a justification comes from {cause}, which is no slip")),
        None => Ok(()),
    }
}

/// Kind, first and last number, from, to.
type TicketMove = (Col<TicketKindId>, i64, i64, Option<Col<TicketState>>, Col<TicketState>);

fn verify_tickets(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<(), Failure> {
    let owner = Col(organisation);
    let ranges: Vec<(Col<TicketKindId>, i64, i64, Col<TicketState>)> = ticket_ranges::table
        .filter(ticket_ranges::organisation_id.eq(owner))
        .order((ticket_ranges::ticket_kind_id, ticket_ranges::first_number))
        .select((ticket_ranges::ticket_kind_id, ticket_ranges::first_number, ticket_ranges::last_number, ticket_ranges::state))
        .load(conn)?;
    let mut stand: BTreeMap<(TicketKindId, TicketState), i64> = BTreeMap::new();
    let mut before: Option<(TicketKindId, i64)> = None;
    for (kind, first, last, state) in ranges {
        if before.is_some_and(|(known, reached)| known == kind.0 && reached >= first) {
            return wrong(format!("{code}, tickets of {}: number {first} stands twice", kind.0));
        }
        before = Some((kind.0, last));
        *stand.entry((kind.0, state.0)).or_default() += Range { first, last }.count();
    }
    let moves: Vec<TicketMove> = ticket_movements::table
        .filter(ticket_movements::organisation_id.eq(owner))
        .select((
            ticket_movements::ticket_kind_id,
            ticket_movements::first_number,
            ticket_movements::last_number,
            ticket_movements::from_state,
            ticket_movements::to_state,
        ))
        .load(conn)?;
    let mut brought: BTreeMap<(TicketKindId, TicketState), i64> = BTreeMap::new();
    for (kind, first, last, from, to) in moves {
        let count = Range { first, last }.count();
        *brought.entry((kind.0, to.0)).or_default() += count;
        if let Some(from) = from {
            *brought.entry((kind.0, from.0)).or_default() -= count;
        }
    }
    brought.retain(|_, count| *count != 0);
    if brought == stand {
        Ok(())
    } else {
        wrong(format!("{code}: tickets stand at {stand:?}, their movements brought them to {brought:?}"))
    }
}
