//! `sigida verify`: recomputes what the database says of itself, and names the first thing wrong.
//!
//! Checked: every chain of events (hashes, order, columns against stored bytes, head), every entry of the ledger
//! (balance, digest against the chain, kept balances), every record of a sensitive read, every credit and line, every debt, every
//! cash office and ticket, every allocation of an endowment, every fund, every project's life, every number series.

mod access_record;
mod cash_office;
mod chain;
mod counter;
mod endowment;
mod fund;
mod import;
mod money;
mod project;
mod revenue;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use domain::id::OrganisationId;

use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{audit_heads, organisations};
use crate::wall::{self, Reach};

/// What was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub organisations: usize,
    pub events: usize,
    pub entries: usize,
    pub credits: usize,
    pub numbers: usize,
}

/// Why verification ended early.
#[derive(Debug)]
pub enum Failure {
    /// The first thing that is wrong, with its place.
    Wrong(String),
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Fault(error.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Wrong(what) => f.write_str(what),
            Failure::Fault(fault) => fault.fmt(f),
        }
    }
}

fn wrong<T>(what: String) -> Result<T, Failure> {
    Err(Failure::Wrong(what))
}

/// Verifies everything, organisation by organisation, as it stands at one instant.
pub fn verify(conn: &mut Conn) -> Result<Checked, Failure> {
    if let Conn::Pg(conn) = conn {
        // Nothing is exempt: all organisations are named.
        conn.batch_execute(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}", wall::turn(&Reach::Everyone)))?;
    }
    let checked = verify_all(conn);
    if let Conn::Pg(conn) = conn {
        conn.batch_execute("ROLLBACK")?;
    }
    checked
}

fn verify_all(conn: &mut Conn) -> Result<Checked, Failure> {
    let mut checked = Checked::default();
    let all: Vec<(Col<OrganisationId>, String)> =
        organisations::table.order(organisations::id).select((organisations::id, organisations::code)).load(conn)?;
    let heads: i64 = audit_heads::table.count().get_result(conn)?;
    if usize::try_from(heads).ok() != Some(all.len()) {
        return wrong(format!("{heads} chains for {} organisations", all.len()));
    }
    for (organisation, code) in all {
        let (events, facts) = chain::verify_chain(conn, organisation.0, &code)?;
        checked.events += events;
        access_record::verify_access_records(conn, organisation.0, &code, &facts.accesses)?;
        checked.entries += money::verify_ledger(conn, organisation.0, &code, &facts)?;
        checked.credits += money::verify_credits(conn, organisation.0, &code)?;
        counter::verify_carried_debts(conn, organisation.0, &code)?;
        cash_office::verify_cash_offices(conn, organisation.0, &code)?;
        checked.credits += revenue::verify_revenue(conn, organisation.0, &code)?;
        checked.credits += endowment::verify_endowments(conn, organisation.0, &code)?;
        checked.credits += fund::verify_funds(conn, organisation.0, &code)?;
        checked.credits += project::verify_projects(conn, organisation.0, &code)?;
        checked.numbers += money::verify_numbers(conn, organisation.0, &code)?;
        checked.organisations += 1;
    }
    Ok(checked)
}
