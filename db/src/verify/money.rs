//! Ledger, credits and numbers of one organisation, recomputed from their documents.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use domain::budget::Section;
use domain::budget::credit::Step;
use domain::cash_office::CashMovementKind;
use domain::expenditure::order::PaymentOrderState;
use domain::expenditure::verification::VerificationState;
use domain::id::{BudgetLineId, CommitmentId, EntryId, OrganisationId, PaymentId, PaymentOrderId};
use domain::ledger::Journal;
use uuid::Uuid;

use super::chain::Facts;
use super::import::Imports;
use super::{Failure, counter, wrong};
use crate::budget::credit::AppropriationRow;
use crate::column::Col;
use crate::connection::Conn;
use crate::expenditure::order::PaymentOrderRow;
use crate::expenditure::verification::VerificationRow;
use crate::ledger::import::ENTRY_IMPORT;
use crate::ledger::{BalanceRow, EntryRow, entry_digest, list_postings};
use crate::number;
use crate::schema::{
    appropriations, balances, batches, cash_inspections, cash_movements, commitments, credit_movements, entries, justification_slips,
    line_executions, number_series, payment_order_corrections, payment_orders, payment_returns, payments, receipts, refunds,
    regularisations, revenue_adjustments, revenue_orders, verifications,
};

/// How many entries are read at a time.
const CHUNK: i64 = 500;

/// Every entry balances and is on the chain as posted; kept balances equal the sums of postings.
pub fn verify_ledger(conn: &mut Conn, organisation: OrganisationId, code: &str, facts: &Facts) -> Result<usize, Failure> {
    let mut sums: BTreeMap<(i32, String), [i64; 4]> = BTreeMap::new();
    let (mut count, mut imported) = (0, 0);
    let mut imports = Imports::read(conn, organisation)?;
    let mut after = Uuid::nil();
    loop {
        let rows: Vec<EntryRow> = entries::table
            .filter(entries::organisation_id.eq(Col(organisation)))
            .filter(entries::id.gt(Col(after)))
            .order(entries::id)
            .limit(CHUNK)
            .select(EntryRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { break };
        after = last.id.0.0;
        let ids: Vec<EntryId> = rows.iter().map(|row| row.id.0).collect();
        let lines = list_postings(conn, organisation, &ids)?;
        for row in &rows {
            let place = format!("{code}, entry {} {} {}", row.fiscal_year, row.journal.0, row.number);
            let own: Vec<(String, i64, i64)> = lines
                .iter()
                .filter(|line| line.entry_id == row.id)
                .map(|line| (line.account_code.clone(), line.debit, line.credit))
                .collect();
            let debit: i64 = own.iter().map(|line| line.1).sum();
            let credit: i64 = own.iter().map(|line| line.2).sum();
            if debit != credit || debit != row.total {
                return wrong(format!("{place}: debits {debit}, credits {credit}, total {}", row.total));
            }
            let digest = entry_digest(row.accounting_date, own.iter().map(|(account, debit, credit)| (account.as_str(), *debit, *credit)));
            let is_chained = if row.source_kind == ENTRY_IMPORT {
                imported += 1;
                imports.add(row, &digest, own.len())
            } else {
                facts.entry_digests.get(&row.id.0.0) == Some(&digest)
            };
            if digest != row.digest || !is_chained {
                return wrong(format!("{place}: its lines are not those that were put on the chain"));
            }
            let opening = row.journal.0 == Journal::Opening;
            for (account, debit, credit) in own {
                let [opening_debit, opening_credit, moved_debit, moved_credit] = sums.entry((row.fiscal_year, account)).or_default();
                let (to_debit, to_credit) = if opening { (opening_debit, opening_credit) } else { (moved_debit, moved_credit) };
                *to_debit += debit;
                *to_credit += credit;
            }
            if let Some(reversed) = row.reverses_id {
                verify_reversal(conn, organisation, &place, row, reversed.0)?;
            }
            count += 1;
        }
    }
    let alone = count - imported;
    if alone != facts.entry_digests.len() {
        return wrong(format!("{code}: {alone} entries stand in the ledger, {} on the chain", facts.entry_digests.len()));
    }
    imports.verify(code, facts)?;
    let kept: Vec<(i32, BalanceRow)> = balances::table
        .filter(balances::organisation_id.eq(Col(organisation)))
        .select((balances::fiscal_year, BalanceRow::as_select()))
        .load(conn)?;
    for (year, row) in kept {
        let kept = [row.opening_debit, row.opening_credit, row.debit, row.credit];
        let summed = sums.remove(&(year, row.account_code.clone())).unwrap_or_default();
        if kept != summed {
            return wrong(format!("{code}, balance {year} {}: kept {kept:?}, postings sum to {summed:?}", row.account_code));
        }
    }
    match sums.into_keys().next() {
        Some((year, account)) => wrong(format!("{code}, account {year} {account}: postings without a balance")),
        None => Ok(count),
    }
}

/// A reversal is the opposite of its original, line by line.
fn verify_reversal(conn: &mut Conn, organisation: OrganisationId, place: &str, row: &EntryRow, original: EntryId) -> Result<(), Failure> {
    let mut lines = |id| -> Result<Vec<(String, i64, i64)>, Failure> {
        let rows = list_postings(conn, organisation, &[id])?;
        Ok(rows.into_iter().map(|line| (line.account_code, line.debit, line.credit)).collect())
    };
    let opposite: Vec<_> = lines(original)?.into_iter().map(|(account, debit, credit)| (account, credit, debit)).collect();
    if lines(row.id.0)? == opposite { Ok(()) } else { wrong(format!("{place}: is not the opposite of the entry that it reverses")) }
}

type Article = (i32, Section, String);
/// Id, year, section, article, line, amount, verified.
type CommitmentSums = (Col<CommitmentId>, i32, Col<Section>, String, Col<BudgetLineId>, i64, i64);
/// Year, section, article, line, amount.
type RegularisedSum = (i32, Col<Section>, String, Col<BudgetLineId>, i64);
/// Id, year, section, article, step, amount.
type Movement = (Col<Uuid>, i32, Col<Section>, String, Col<Step>, i64);

/// Credits of articles and executions of lines equal the sums of the documents behind them.
pub fn verify_credits(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<usize, Failure> {
    let owner = Col(organisation);
    let committed: Vec<CommitmentSums> = commitments::table
        .filter(commitments::organisation_id.eq(owner))
        .select((
            commitments::id,
            commitments::fiscal_year,
            commitments::section,
            commitments::article,
            commitments::budget_line_id,
            commitments::amount,
            commitments::verified,
        ))
        .load(conn)?;
    let verified: Vec<VerificationRow> =
        verifications::table.filter(verifications::organisation_id.eq(owner)).select(VerificationRow::as_select()).load(conn)?;
    let ordered: Vec<PaymentOrderRow> =
        payment_orders::table.filter(payment_orders::organisation_id.eq(owner)).select(PaymentOrderRow::as_select()).load(conn)?;
    let paid = payments_by_order(conn, organisation)?;
    counter::verify_counters(conn, organisation, code, &verified, &ordered)?;

    let mut stages: BTreeMap<CommitmentId, [i64; 5]> = committed.iter().map(|row| (row.0.0, [row.5, 0, 0, 0, 0])).collect();
    for row in verified.iter().filter(|row| row.state.0 != VerificationState::Cancelled) {
        if let Some(stage) = stages.get_mut(&row.commitment_id.0) {
            stage[1] += row.amount - row.reduced;
        }
    }
    for row in &ordered {
        use PaymentOrderState as S;
        let sum = paid.get(&row.id.0).copied().unwrap_or(0);
        if sum != row.paid {
            return wrong(format!("{code}, payment order {}: paid {}, payments sum to {sum}", row.id.0, row.paid));
        }
        let counts = !matches!(row.state.0, S::Draft | S::Rejected | S::Cancelled);
        let charged = row.amount - row.reduced - row.reversed;
        if let Some(stage) = stages.get_mut(&row.commitment_id.0).filter(|_| counts) {
            stage[2] += charged;
            if row.entry_id.is_some() {
                stage[3] += charged;
                stage[4] += row.withheld + sum - row.reversed;
            }
        }
    }
    let mut articles: BTreeMap<Article, [i64; 5]> = BTreeMap::new();
    let mut lines: BTreeMap<BudgetLineId, [i64; 5]> = BTreeMap::new();
    for (id, year, section, article, line, _, commitment_verified) in committed {
        let stage = stages.get(&id).copied().unwrap_or_default();
        if stage[1] != commitment_verified {
            return wrong(format!("{code}, commitment {}: verified {commitment_verified}, verifications sum to {}", id.0, stage[1]));
        }
        add(articles.entry((year, section.0, article)).or_default(), stage);
        add(lines.entry(line.0).or_default(), stage);
    }

    let regularised: Vec<RegularisedSum> = regularisations::table
        .filter(regularisations::organisation_id.eq(owner))
        .select((
            regularisations::fiscal_year,
            regularisations::section,
            regularisations::article,
            regularisations::budget_line_id,
            regularisations::amount,
        ))
        .load(conn)?;
    for (year, section, article, line, amount) in regularised {
        add(articles.entry((year, section.0, article)).or_default(), [amount; 5]);
        add(lines.entry(line.0).or_default(), [amount; 5]);
    }
    let moved = movements(conn, organisation)?;
    for article in articles.keys().chain(moved.keys()) {
        let (documents, movements) = (articles.get(article).copied().unwrap_or_default(), moved.get(article).copied().unwrap_or_default());
        if documents != movements {
            let (year, section, code_of) = article;
            return wrong(format!("{code}, credit {year} {section} {code_of}: movements sum to {movements:?}, documents to {documents:?}"));
        }
    }

    let mut count = 0;
    let credits: Vec<AppropriationRow> =
        appropriations::table.filter(appropriations::organisation_id.eq(owner)).select(AppropriationRow::as_select()).load(conn)?;
    for row in credits {
        let place = format!("{code}, credit {} {} {}", row.fiscal_year, row.section.0, row.article);
        if row.credit().is_err() {
            return wrong(format!("{place}: the chain of stages is broken"));
        }
        let kept = [row.committed, row.verified, row.ordered, row.accepted, row.paid];
        let summed = articles.remove(&(row.fiscal_year, row.section.0, row.article)).unwrap_or_default();
        if kept != summed {
            return wrong(format!("{place}: kept {kept:?}, documents sum to {summed:?}"));
        }
        count += 1;
    }
    let executions: Vec<(Col<BudgetLineId>, i64, i64, i64, i64, i64)> = line_executions::table
        .filter(line_executions::organisation_id.eq(owner))
        .select((
            line_executions::budget_line_id,
            line_executions::committed,
            line_executions::verified,
            line_executions::ordered,
            line_executions::accepted,
            line_executions::paid,
        ))
        .load(conn)?;
    for (line, committed, verified, ordered, accepted, paid) in executions {
        let kept = [committed, verified, ordered, accepted, paid];
        let summed = lines.remove(&line.0).unwrap_or_default();
        if kept != summed {
            return wrong(format!("{code}, line {}: kept {kept:?}, documents sum to {summed:?}", line.0));
        }
        count += 1;
    }
    match (articles.into_keys().next(), lines.into_keys().next()) {
        (None, None) => Ok(count),
        (article, line) => wrong(format!("{code}: documents without a credit ({article:?}, {line:?})")),
    }
}

/// The payments that came back from the bank.
pub fn returned_payments(conn: &mut Conn, organisation: OrganisationId) -> Result<BTreeSet<PaymentId>, Failure> {
    let rows: Vec<Col<PaymentId>> = payment_returns::table
        .filter(payment_returns::organisation_id.eq(Col(organisation)))
        .select(payment_returns::payment_id)
        .load(conn)?;
    Ok(rows.into_iter().map(|id| id.0).collect())
}

/// What the movements of credits sum to, by article.
fn movements(conn: &mut Conn, organisation: OrganisationId) -> Result<BTreeMap<Article, [i64; 5]>, Failure> {
    let mut sums: BTreeMap<Article, [i64; 5]> = BTreeMap::new();
    let mut after = Uuid::nil();
    loop {
        let rows: Vec<Movement> = credit_movements::table
            .filter(credit_movements::organisation_id.eq(Col(organisation)))
            .filter(credit_movements::id.gt(Col(after)))
            .order(credit_movements::id)
            .limit(CHUNK)
            .select((
                credit_movements::id,
                credit_movements::fiscal_year,
                credit_movements::section,
                credit_movements::article,
                credit_movements::step,
                credit_movements::amount,
            ))
            .load(conn)?;
        let Some(last) = rows.last() else { break };
        after = last.0.0;
        for (_, year, section, article, step, amount) in rows {
            add(sums.entry((year, section.0, article)).or_default(), step.deltas().map(|delta| delta * amount));
        }
    }
    Ok(sums)
}

/// What was paid on each order, returns taken off.
fn payments_by_order(conn: &mut Conn, organisation: OrganisationId) -> Result<BTreeMap<PaymentOrderId, i64>, Failure> {
    let owner = Col(organisation);
    let rows: Vec<(Col<PaymentId>, Option<Col<PaymentOrderId>>, i64)> = payments::table
        .filter(payments::organisation_id.eq(owner))
        .select((payments::id, payments::payment_order_id, payments::amount))
        .load(conn)?;
    let returned = returned_payments(conn, organisation)?;
    let mut sums = BTreeMap::new();
    for (_, order, amount) in rows.into_iter().filter(|(id, ..)| !returned.contains(&id.0)) {
        if let Some(order) = order {
            *sums.entry(order.0).or_default() += amount;
        }
    }
    Ok(sums)
}

/// Adds the stages of one document to a sum.
pub fn add(sum: &mut [i64; 5], more: [i64; 5]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

/// Numbers run from 1 to the last of each series, without gap.
pub fn verify_numbers(conn: &mut Conn, organisation: OrganisationId, code: &str) -> Result<usize, Failure> {
    let mut used: BTreeMap<(i32, String), Vec<i64>> = BTreeMap::new();
    let owner = Col(organisation);
    macro_rules! numbers {
        ($table:ident, $series:expr) => {
            let rows: Vec<(i32, i64)> =
                $table::table.filter($table::organisation_id.eq(owner)).select(($table::fiscal_year, $table::number)).load(conn)?;
            for (year, number) in rows {
                used.entry((year, $series.to_owned())).or_default().push(number);
            }
        };
    }
    numbers!(commitments, number::COMMITMENT);
    numbers!(verifications, number::VERIFICATION);
    numbers!(batches, number::BATCH);
    numbers!(payments, number::PAYMENT);
    numbers!(payment_order_corrections, number::CORRECTION);
    numbers!(regularisations, number::REGULARISATION);
    numbers!(justification_slips, number::JUSTIFICATION_SLIP);
    numbers!(cash_inspections, number::CASH_INSPECTION);
    for (kind, series) in [
        (CashMovementKind::Advance, number::CASH_ADVANCE),
        (CashMovementKind::Return, number::CASH_RETURN),
        (CashMovementKind::Deposit, number::CASH_DEPOSIT),
    ] {
        let moved: Vec<(i32, Option<i64>)> = cash_movements::table
            .filter(cash_movements::organisation_id.eq(owner))
            .filter(cash_movements::kind.eq(Col(kind)))
            .select((cash_movements::fiscal_year, cash_movements::number))
            .load(conn)?;
        for (year, number) in moved {
            used.entry((year, series.to_owned())).or_default().extend(number);
        }
    }
    numbers!(receipts, number::RECEIPT);
    numbers!(refunds, number::REFUND);
    numbers!(revenue_adjustments, number::REVENUE_ADJUSTMENT);
    let orders: Vec<(i32, Option<i64>)> = payment_orders::table
        .filter(payment_orders::organisation_id.eq(owner))
        .filter(payment_orders::number.is_not_null())
        .select((payment_orders::fiscal_year, payment_orders::number))
        .load(conn)?;
    for (year, number) in orders {
        used.entry((year, number::PAYMENT_ORDER.to_owned())).or_default().extend(number);
    }
    let orders: Vec<(i32, Option<i64>)> = revenue_orders::table
        .filter(revenue_orders::organisation_id.eq(owner))
        .filter(revenue_orders::number.is_not_null())
        .select((revenue_orders::fiscal_year, revenue_orders::number))
        .load(conn)?;
    for (year, number) in orders {
        used.entry((year, number::REVENUE_ORDER.to_owned())).or_default().extend(number);
    }
    let posted: Vec<(i32, Col<Journal>, i64)> = entries::table
        .filter(entries::organisation_id.eq(owner))
        .select((entries::fiscal_year, entries::journal, entries::number))
        .load(conn)?;
    for (year, journal, number) in posted {
        used.entry((year, number::entries_of(journal.0))).or_default().push(number);
    }
    let series: Vec<(i32, String, i64)> = number_series::table
        .filter(number_series::organisation_id.eq(owner))
        .select((number_series::fiscal_year, number_series::series, number_series::last_number))
        .load(conn)?;
    let count = series.len();
    for (year, name, last) in series {
        let mut numbers = used.remove(&(year, name.clone())).unwrap_or_default();
        numbers.sort_unstable();
        if !numbers.iter().copied().eq(1..=last) {
            return wrong(format!("{code}, numbers of {name} in {year}: {} used, the last given is {last}", numbers.len()));
        }
    }
    match used.into_keys().next() {
        Some((year, name)) => wrong(format!("{code}: numbers of {name} in {year} without a series")),
        None => Ok(count),
    }
}
