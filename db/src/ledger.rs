//! The ledger: charts, kept balances, entries. Entries and postings are append-only in the database too.

pub mod carried_debt;
pub mod history;
pub mod import;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use domain::audit::RowsDigest;
use domain::calendar::FiscalYear;
use domain::id::{EntryId, OrganisationId, reference};
use domain::ledger::{Entry, Journal, LEDGER_ACCOUNT_UNKNOWN, Part, Posting, PostingAccounts, Side};
use domain::money::{Amount, Balance};
use domain::parameter::Confidence;
use domain::sensitivity::{Scope, Sensitivity};
use domain::word::Word;
use uuid::Uuid;

use crate::budget::amount;
use crate::column::Col;
use crate::connection::{Conn, MultiBackend};
use crate::fault::Fault;
use crate::number;
use crate::page::{Bounds, Keyset, Rows, Totalled, containing, folded};
use crate::schema::{balances, chart_accounts, charts, entries, posting_accounts, postings};
use crate::store::Tx;
use crate::{between, totalled, visible, within};

macro_rules! shipped {
    ($file:literal) => {
        include_str!(concat!("../../data/chart/ml-ct-working-2025/", $file))
    };
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = charts)]
pub struct ChartRow {
    pub id: Col<Uuid>,
    pub code: String,
    pub label_fr: String,
    pub label_en: String,
    pub valid_from: NaiveDate,
    pub valid_to: Option<NaiveDate>,
    pub source: String,
}

#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = chart_accounts, treat_none_as_default_value = false)]
pub struct ChartAccountRow {
    pub chart_id: Col<Uuid>,
    pub code: String,
    pub label_fr: String,
    pub label_en: String,
    pub normal_side: Col<Side>,
    pub postable: bool,
    pub gfsm_code: Option<String>,
}

fn corrupt(error: impl ToString) -> Fault {
    Fault::Corrupt(format!("shipped chart: {}", error.to_string()))
}

/// Loads the shipped chart of accounts once; says how many accounts.
pub fn load(conn: &mut Conn) -> Result<usize, Fault> {
    type ChartFile = (String, String, String, NaiveDate, Option<NaiveDate>, String, String);
    type AccountFile = (String, String, String, String, bool, Option<String>);
    let mut loaded = 0;
    for record in csv::Reader::from_reader(shipped!("chart.csv").as_bytes()).deserialize() {
        let (code, label_fr, label_en, valid_from, valid_to, confidence, source): ChartFile = record.map_err(corrupt)?;
        let id = Col(reference(&format!("chart/{code}")));
        if charts::table.filter(charts::id.eq(id)).count().get_result::<i64>(conn)? > 0 {
            continue;
        }
        let confidence = Confidence::parse(&confidence).ok_or_else(|| corrupt(&confidence))?;
        diesel::insert_into(charts::table)
            .values((
                charts::id.eq(id),
                charts::code.eq(code),
                charts::label_fr.eq(label_fr),
                charts::label_en.eq(label_en),
                charts::valid_from.eq(valid_from),
                charts::valid_to.eq(valid_to),
                charts::confidence.eq(Col(confidence)),
                charts::source.eq(source),
            ))
            .execute(conn)?;
        for record in csv::Reader::from_reader(shipped!("accounts.csv").as_bytes()).deserialize() {
            let (code, label_fr, label_en, side, postable, gfsm_code): AccountFile = record.map_err(corrupt)?;
            let normal_side = Col(Side::parse(&side).ok_or_else(|| corrupt(&side))?);
            let row = ChartAccountRow { chart_id: id, code, label_fr, label_en, normal_side, postable, gfsm_code };
            loaded += diesel::insert_into(chart_accounts::table).values(row).execute(conn)?;
        }
        for record in csv::Reader::from_reader(shipped!("posting_accounts.csv").as_bytes()).deserialize() {
            let (part, account): (String, String) = record.map_err(corrupt)?;
            diesel::insert_into(posting_accounts::table)
                .values((posting_accounts::chart_id.eq(id), posting_accounts::part.eq(part), posting_accounts::account_code.eq(account)))
                .execute(conn)?;
        }
    }
    Ok(loaded)
}

pub fn list_charts(conn: &mut Conn) -> Result<Vec<ChartRow>, Fault> {
    Ok(charts::table.order(charts::code).select(ChartRow::as_select()).load(conn)?)
}

pub fn list_chart_accounts(conn: &mut Conn, chart: Uuid) -> Result<Vec<ChartAccountRow>, Fault> {
    Ok(chart_accounts::table
        .filter(chart_accounts::chart_id.eq(Col(chart)))
        .order(chart_accounts::code)
        .select(ChartAccountRow::as_select())
        .load(conn)?)
}

pub fn find_chart_by_code(conn: &mut Conn, code: &str) -> Result<ChartRow, Fault> {
    Ok(charts::table.filter(charts::code.eq(code)).select(ChartRow::as_select()).first(conn)?)
}

/// The chart in force on the first day of a year.
pub fn find_in_force(conn: &mut Conn, year: FiscalYear) -> Result<ChartRow, Fault> {
    Ok(charts::table
        .filter(charts::valid_from.le(year.first_day()))
        .filter(charts::valid_to.is_null().or(charts::valid_to.ge(year.first_day())))
        .order(charts::valid_from.desc())
        .select(ChartRow::as_select())
        .first(conn)?)
}

/// Opens a balance at zero for every account of the chart that takes postings.
pub fn open_balances(tx: &mut Tx<'_>, year: FiscalYear) -> Result<(), Fault> {
    let chart = find_in_force(tx.conn, year)?;
    for account in list_chart_accounts(tx.conn, chart.id.0)?.into_iter().filter(|account| account.postable) {
        diesel::insert_into(balances::table)
            .values((
                balances::organisation_id.eq(Col(tx.organisation)),
                balances::fiscal_year.eq(year.year()),
                balances::account_code.eq(account.code),
                balances::chart_id.eq(chart.id),
                balances::opening_debit.eq(0),
                balances::opening_credit.eq(0),
                balances::debit.eq(0),
                balances::credit.eq(0),
                balances::sensitivity.eq(Sensitivity::Internal.rank()),
            ))
            .execute(tx.conn)?;
    }
    Ok(())
}

/// The accounts of the posting table, as the chart of the year names them.
pub fn find_posting_accounts(tx: &mut Tx<'_>, fiscal_year: i32) -> Result<PostingAccounts, Fault> {
    let chart: Col<Uuid> = balances::table
        .filter(balances::organisation_id.eq(Col(tx.organisation)))
        .filter(balances::fiscal_year.eq(fiscal_year))
        .select(balances::chart_id)
        .first(tx.conn)?;
    parts_of(tx.conn, chart)
}

/// The accounts of the posting table in the chart in force on the first day of a year.
pub fn find_parts(conn: &mut Conn, fiscal_year: i32) -> Result<PostingAccounts, Fault> {
    let chart = find_in_force(conn, FiscalYear::new(fiscal_year)?)?;
    parts_of(conn, chart.id)
}

fn parts_of(conn: &mut Conn, chart: Col<Uuid>) -> Result<PostingAccounts, Fault> {
    let parts: Vec<(String, String)> = posting_accounts::table
        .filter(posting_accounts::chart_id.eq(chart))
        .select((posting_accounts::part, posting_accounts::account_code))
        .load(conn)?;
    let accounts = parts.into_iter().filter_map(|(part, account)| Part::parse(&part).map(|part| (part, account))).collect();
    PostingAccounts::new(accounts).map_err(|part| Fault::Corrupt(format!("the chart names no account for {part}")))
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = balances)]
pub struct BalanceRow {
    pub account_code: String,
    pub chart_id: Col<Uuid>,
    pub opening_debit: i64,
    pub opening_credit: i64,
    pub debit: i64,
    pub credit: i64,
}

impl BalanceRow {
    /// Debits less credits, opening included.
    pub fn net(&self) -> Result<Balance, Fault> {
        let sum = |one, other| {
            amount(one)?.checked_add(amount(other)?).ok_or_else(|| Fault::Corrupt(format!("balance of {}", self.account_code)))
        };
        Ok(Balance::between(sum(self.opening_debit, self.debit)?, sum(self.opening_credit, self.credit)?))
    }
}

fn find_balance(tx: &mut Tx<'_>, fiscal_year: i32, account: &str) -> Result<BalanceRow, Fault> {
    let found: Option<BalanceRow> = balances::table
        .filter(balances::organisation_id.eq(Col(tx.organisation)))
        .filter(balances::fiscal_year.eq(fiscal_year))
        .filter(balances::account_code.eq(account))
        .select(BalanceRow::as_select())
        .first(tx.conn)
        .optional()?;
    found.ok_or_else(|| LEDGER_ACCOUNT_UNKNOWN.refuse().with("account", account).into())
}

/// The debit balance of an account of money; nothing when it is in credit.
pub fn find_cash(tx: &mut Tx<'_>, fiscal_year: i32, account: &str) -> Result<Amount, Fault> {
    let net = find_balance(tx, fiscal_year, account)?.net()?;
    Ok(Amount::from_minor(net.minor()).unwrap_or(Amount::ZERO))
}

/// The credit balance of an account of third parties; nothing when it is in debit.
pub fn find_debt(tx: &mut Tx<'_>, fiscal_year: i32, account: &str) -> Result<Amount, Fault> {
    let net = find_balance(tx, fiscal_year, account)?.net()?;
    Ok(net.minor().checked_neg().and_then(Amount::from_minor).unwrap_or(Amount::ZERO))
}

/// The lines of an entry, as rules read them.
pub fn postings_of(lines: &[PostingRow]) -> Result<Vec<Posting>, Fault> {
    lines
        .iter()
        .map(|line| {
            let side = if line.debit > 0 { Side::Debit } else { Side::Credit };
            Ok(Posting { account: line.account_code.clone(), side, amount: amount(line.debit + line.credit)? })
        })
        .collect()
}

/// What an account was opened with on the debit side; nothing for an account that the year does not know.
pub fn find_opening_debit(tx: &mut Tx<'_>, fiscal_year: i32, account: &str) -> Result<Amount, Fault> {
    match find_balance(tx, fiscal_year, account) {
        Ok(row) => amount(row.opening_debit),
        Err(Fault::Refused(_)) => Ok(Amount::ZERO),
        Err(fault) => Err(fault),
    }
}

/// What an entry was made of.
#[derive(Clone, Debug)]
pub struct Posted {
    pub id: EntryId,
    pub number: i64,
    /// Digest over the entry's lines, which goes on the chain.
    pub digest: String,
}

/// The bytes of an entry over which its digest is taken.
pub fn entry_digest<'a>(accounting_date: NaiveDate, lines: impl IntoIterator<Item = (&'a str, i64, i64)>) -> String {
    let mut digest = RowsDigest::default();
    digest.add(accounting_date.to_string().as_bytes());
    for (account, debit, credit) in lines {
        digest.add(format!("{account}|{debit}|{credit}").as_bytes());
    }
    digest.finish()
}

/// An amount as debit and credit.
fn sides(side: Side, amount: Amount) -> (i64, i64) {
    match side {
        Side::Debit => (amount.minor(), 0),
        Side::Credit => (0, amount.minor()),
    }
}

/// Posts an entry: number, lines and kept balances together. The source may give rise to one entry only.
pub fn append_entry(tx: &mut Tx<'_>, fiscal_year: i32, entry: &Entry, source_kind: &str, source_id: Uuid) -> Result<Posted, Fault> {
    post(tx, fiscal_year, entry, source_kind, source_id, None)
}

/// Posts the opposite of an entry, linked to it. An entry is reversed once.
pub fn append_reversal(
    tx: &mut Tx<'_>,
    fiscal_year: i32,
    entry: &Entry,
    source_kind: &str,
    source_id: Uuid,
    reversed: EntryId,
) -> Result<Posted, Fault> {
    post(tx, fiscal_year, entry, source_kind, source_id, Some(reversed))
}

fn post(
    tx: &mut Tx<'_>,
    fiscal_year: i32,
    entry: &Entry,
    source_kind: &str,
    source_id: Uuid,
    reverses: Option<EntryId>,
) -> Result<Posted, Fault> {
    let id = EntryId::new();
    let number = number::next(tx, fiscal_year, &number::entries_of(entry.journal()))?;
    let lines: Vec<(String, i64, i64)> = entry
        .postings()
        .iter()
        .map(|posting| {
            let (debit, credit) = sides(posting.side, posting.amount);
            (posting.account.clone(), debit, credit)
        })
        .collect();
    let digest = entry_digest(entry.accounting_date(), lines.iter().map(|(account, debit, credit)| (account.as_str(), *debit, *credit)));
    diesel::insert_into(entries::table)
        .values((
            entries::organisation_id.eq(Col(tx.organisation)),
            entries::id.eq(Col(id)),
            entries::fiscal_year.eq(fiscal_year),
            entries::journal.eq(Col(entry.journal())),
            entries::number.eq(number),
            entries::accounting_date.eq(entry.accounting_date()),
            entries::recorded_at.eq(Col(tx.author.now)),
            entries::label.eq(entry.label()),
            entries::total.eq(entry.total().minor()),
            entries::source_kind.eq(source_kind),
            entries::source_id.eq(Col(source_id)),
            entries::digest.eq(&digest),
            entries::reverses_id.eq(reverses.map(Col)),
            entries::sensitivity.eq(Sensitivity::Internal.rank()),
        ))
        .execute(tx.conn)?;
    let opening = entry.journal() == Journal::Opening;
    for (position, (account, debit, credit)) in (1..).zip(&lines) {
        let row = balances::table
            .filter(balances::organisation_id.eq(Col(tx.organisation)))
            .filter(balances::fiscal_year.eq(fiscal_year))
            .filter(balances::account_code.eq(account));
        let moved = if opening {
            diesel::update(row)
                .set((
                    balances::opening_debit.eq(balances::opening_debit + debit),
                    balances::opening_credit.eq(balances::opening_credit + credit),
                ))
                .execute(tx.conn)?
        } else {
            diesel::update(row)
                .set((balances::debit.eq(balances::debit + debit), balances::credit.eq(balances::credit + credit)))
                .execute(tx.conn)?
        };
        if moved != 1 {
            return Err(LEDGER_ACCOUNT_UNKNOWN.refuse().with("account", account).into());
        }
        diesel::insert_into(postings::table)
            .values((
                postings::organisation_id.eq(Col(tx.organisation)),
                postings::entry_id.eq(Col(id)),
                postings::position.eq(position),
                postings::fiscal_year.eq(fiscal_year),
                postings::account_code.eq(account),
                postings::debit.eq(debit),
                postings::credit.eq(credit),
            ))
            .execute(tx.conn)?;
    }
    Ok(Posted { id, number, digest })
}

/// Every account of the year that moved or was opened with a balance, with its label, in the order of codes.
pub fn list_balances(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<Vec<(BalanceRow, ChartAccountRow)>, Fault> {
    let mut rows = list_all_balances(conn, scope, fiscal_year)?;
    rows.retain(|(row, _)| [row.opening_debit, row.opening_credit, row.debit, row.credit] != [0; 4]);
    Ok(rows)
}

/// Every account of the year's chart with its balance.
pub fn list_all_balances(conn: &mut Conn, scope: &Scope, fiscal_year: i32) -> Result<Vec<(BalanceRow, ChartAccountRow)>, Fault> {
    Ok(balances::table
        .inner_join(
            chart_accounts::table.on(chart_accounts::chart_id.eq(balances::chart_id).and(chart_accounts::code.eq(balances::account_code))),
        )
        .filter(balances::organisation_id.eq(Col(scope.organisation)))
        .filter(balances::sensitivity.le(scope.clearance.rank()))
        .filter(balances::fiscal_year.eq(fiscal_year))
        .order(balances::account_code)
        .select((BalanceRow::as_select(), ChartAccountRow::as_select()))
        .load(conn)?)
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = entries)]
pub struct EntryRow {
    pub organisation_id: Col<OrganisationId>,
    pub id: Col<EntryId>,
    pub fiscal_year: i32,
    pub journal: Col<Journal>,
    pub number: i64,
    pub accounting_date: NaiveDate,
    pub recorded_at: Col<DateTime<Utc>>,
    pub label: String,
    pub total: i64,
    pub source_kind: String,
    pub source_id: Col<Uuid>,
    pub digest: String,
    pub reverses_id: Option<Col<EntryId>>,
}

#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = postings)]
pub struct PostingRow {
    pub entry_id: Col<EntryId>,
    pub position: i32,
    pub account_code: String,
    pub debit: i64,
    pub credit: i64,
}

pub fn find_entry(conn: &mut Conn, scope: &Scope, id: EntryId) -> Result<(EntryRow, Vec<PostingRow>), Fault> {
    let entry = visible!(entries, scope).filter(entries::id.eq(Col(id))).select(EntryRow::as_select()).first(conn)?;
    let lines = list_postings(conn, scope.organisation, &[id])?;
    Ok((entry, lines))
}

/// The lines of some entries, in order.
pub fn list_postings(conn: &mut Conn, organisation: OrganisationId, of: &[EntryId]) -> Result<Vec<PostingRow>, Fault> {
    Ok(postings::table
        .filter(postings::organisation_id.eq(Col(organisation)))
        .filter(postings::entry_id.eq_any(of.iter().copied().map(Col).collect::<Vec<_>>()))
        .order((postings::entry_id, postings::position))
        .select(PostingRow::as_select())
        .load(conn)?)
}

/// The entry that reverses another one.
pub fn find_reversal(tx: &mut Tx<'_>, reversed: EntryId) -> Result<Option<EntryId>, Fault> {
    let found: Option<Col<EntryId>> = entries::table
        .filter(entries::organisation_id.eq(Col(tx.organisation)))
        .filter(entries::reverses_id.eq(Some(Col(reversed))))
        .select(entries::id)
        .first(tx.conn)
        .optional()?;
    Ok(found.map(|id| id.0))
}

/// Which entries to list.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    pub journal: Option<Journal>,
    pub account: Option<String>,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
    /// Bounds of the entry's total.
    pub amount: Bounds,
    pub source_kind: Option<String>,
    pub source_id: Option<Uuid>,
    /// A part of the label, without regard to accents and case.
    pub query: Option<String>,
}

fn selected_entries(scope: &Scope, fiscal_year: i32, filter: &EntryFilter) -> entries::BoxedQuery<'static, MultiBackend> {
    let mut query = visible!(entries, scope).filter(entries::fiscal_year.eq(fiscal_year)).into_boxed();
    if let Some(journal) = filter.journal {
        query = query.filter(entries::journal.eq(Col(journal)));
    }
    if let Some(kind) = &filter.source_kind {
        query = query.filter(entries::source_kind.eq(kind.clone()));
    }
    if let Some(source) = filter.source_id {
        query = query.filter(entries::source_id.eq(Col(source)));
    }
    if let Some(text) = &filter.query {
        query = query.filter(folded("entries.label").like(containing(text)));
    }
    between!(query, entries::accounting_date, filter.from, filter.to);
    within!(query, entries::total, filter.amount);
    if let Some(account) = &filter.account {
        let of_account = postings::table
            .filter(postings::organisation_id.eq(Col(scope.organisation)))
            .filter(postings::fiscal_year.eq(fiscal_year))
            .filter(postings::account_code.eq(account.clone()))
            .select(postings::entry_id);
        query = query.filter(entries::id.eq_any(of_account));
    }
    query
}

pub fn list_entries(
    conn: &mut Conn,
    scope: &Scope,
    fiscal_year: i32,
    filter: &EntryFilter,
    page: &Keyset<EntryId>,
) -> Result<Rows<EntryRow>, Fault> {
    let mut query = selected_entries(scope, fiscal_year, filter).order(entries::id).limit(page.probe()).select(EntryRow::as_select());
    if let Some(after) = page.after {
        query = query.filter(entries::id.gt(Col(after)));
    }
    Ok(page.cut(query.load(conn)?))
}

/// What the totals of the listed entries add up to.
pub fn total_entries(conn: &mut Conn, scope: &Scope, fiscal_year: i32, filter: &EntryFilter) -> Result<Totalled, Fault> {
    Ok(totalled!(conn, selected_entries(scope, fiscal_year, filter), "entries.total"))
}
