//! Entries of the accountant's own, and their reversal. All other entries come out of documents.

use actix_web::{post, web};
use chrono::NaiveDate;
use db::budget::fiscal_year::find_fiscal_year;
use db::connection::Conn;
use db::fault::Fault;
use db::ledger::import::ENTRY_IMPORT;
use db::ledger::{append_entry, append_reversal, find_entry, find_posting_accounts, find_reversal, postings_of};
use db::store::Tx;
use domain::audit::Event;
use domain::budget::FiscalYearState;
use domain::calendar::FiscalYear;
use domain::id::{EntryId, OrganisationId, reference};
use domain::ledger::{
    Entry, LEDGER_ENTRY_REVERSED, LEDGER_ENTRY_SOURCED, LEDGER_PERIOD_CLOSED, ManualJournal, Posting, Side, accept_manual,
};
use domain::money::Amount;
use domain::sensitivity::Scope;
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{EntryView, entry_view};
use crate::answer::{Answered, created};
use crate::auth::Call;
use crate::body::{Asked, Json};
use crate::organisation::currency_of;
use crate::wire::{AmountText, CurrencyText, Sha256Hex};

/// What the accountant's own entries come from.
const MANUAL: &str = "manual_entry";

/// A line of an entry to record.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEntryLine {
    #[schema(max_length = 20, example = "581")]
    account: String,
    side: Side,
    amount: AmountText,
}

/// An entry of the accountant's own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEntry {
    /// An identifier made by the client, if it works offline.
    id: Option<Uuid>,
    journal: ManualJournal,
    /// In the fiscal year, not later than the business date; the business date by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    accounting_date: Option<NaiveDate>,
    label: Text<300>,
    currency: CurrencyText,
    /// Debits equal credits. Charges, income and the accounts that documents keep are refused.
    #[serde(deserialize_with = "crate::wire::few::<_, _, 2, 200>")]
    #[schema(min_items = 2, max_items = 200)]
    lines: Vec<NewEntryLine>,
    /// Digest of the paper behind it.
    document_sha256: Sha256Hex,
}

impl Json for NewEntry {}

/// Refuses entries in a year that is not open.
pub fn require_open(call: &Call, tx: &mut Tx<'_>, year: i32) -> Result<FiscalYear, Fault> {
    open_year(tx.conn, &call.scope_in(tx.organisation), year)
}

/// As [`require_open`], before anything is written.
pub fn open_year(conn: &mut Conn, scope: &Scope, year: i32) -> Result<FiscalYear, Fault> {
    let state = find_fiscal_year(conn, scope, year)?.state.0;
    if state != FiscalYearState::Open {
        return Err(LEDGER_PERIOD_CLOSED.refuse().with("fiscal_year", year).with("state", state).into());
    }
    Ok(FiscalYear::new(year)?)
}

/// Records an entry of the accountant's own: money between accounts, loans, gifts in kind. It never changes; a mistake is
/// reversed.
#[utoipa::path(tag = "ledger", request_body = NewEntry, responses((status = 201, body = EntryView)))]
#[post("/v1/organisations/{organisation_id}/fiscal-years/{year}/entries")]
pub async fn record_entry(asked: Asked<NewEntry>, path: web::Path<(OrganisationId, i32)>) -> Answered {
    let (organisation, year) = path.into_inner();
    let source = asked.body.id.unwrap_or_else(Uuid::now_v7);
    asked
        .write(move |call, body, tx| {
            let fiscal_year = require_open(call, tx, year)?;
            let currency = currency_of(&db::organisation::find_own(tx)?)?;
            currency.require(&body.currency.0)?;
            let date = body.accounting_date.unwrap_or(call.today);
            fiscal_year.accept(date, call.today).map_err(|refusal| refusal.at("/accounting_date"))?;
            let mut postings = Vec::with_capacity(body.lines.len());
            for (index, line) in body.lines.iter().enumerate() {
                let pointer = format!("/lines/{index}/amount");
                let amount = Amount::parse_positive(&line.amount.0, currency).map_err(|refusal| refusal.at(&pointer))?;
                postings.push(Posting { account: line.account.clone(), side: line.side, amount });
            }
            let accounts = find_posting_accounts(tx, year)?;
            accept_manual(&postings, &accounts)?;
            let entry = Entry::new(body.journal.journal(), date, body.label.as_str(), postings, currency)?;
            let posted = append_entry(tx, year, &entry, MANUAL, source)?;
            let scope = tx.all();
            let (row, lines) = find_entry(tx.conn, &scope, posted.id)?;
            let event = Event::of("entry.recorded", "entry", posted.id.0, 1)
                .with("label", body.label.as_str())
                .with("document_sha256", &body.document_sha256.0)
                .with("entry_id", posted.id.to_string())
                .with("entry_digest", posted.digest);
            let location = format!("/v1/organisations/{organisation}/entries/{}", posted.id);
            Ok((created(location, 1, &entry_view(row, &lines, currency))?, event.into()))
        })
        .await
}

/// Why an entry is reversed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReversal {
    reason: Text<2000>,
    /// In the fiscal year of the entry, which must be open; the business date by default.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    accounting_date: Option<NaiveDate>,
}

impl Json for NewReversal {}

/// Reverses an entry of the accountant's own, recorded or imported, by its opposite, linked to it, in the open period. An entry that a document
/// made is reversed by correcting the document.
#[utoipa::path(tag = "ledger", request_body = NewReversal, responses((status = 201, body = EntryView)))]
#[post("/v1/organisations/{organisation_id}/entries/{entry_id}/reversal")]
pub async fn reverse_entry(asked: Asked<NewReversal>, path: web::Path<(OrganisationId, EntryId)>) -> Answered {
    let (organisation, id) = path.into_inner();
    asked
        .write(move |call, body, tx| {
            let (row, lines) = find_entry(tx.conn, &call.scope_in(organisation), id)?;
            if ![MANUAL, ENTRY_IMPORT].contains(&row.source_kind.as_str()) {
                return Err(LEDGER_ENTRY_SOURCED.refuse().with("source_kind", &row.source_kind).into());
            }
            if row.reverses_id.is_some() || find_reversal(tx, id)?.is_some() {
                return Err(LEDGER_ENTRY_REVERSED.refuse().into());
            }
            let fiscal_year = require_open(call, tx, row.fiscal_year)?;
            let currency = currency_of(&db::organisation::find_own(tx)?)?;
            let date = body.accounting_date.unwrap_or(call.today);
            fiscal_year.accept(date, call.today).map_err(|refusal| refusal.at("/accounting_date"))?;
            let postings = Entry::opposite(&postings_of(&lines)?);
            let entry = Entry::new(row.journal.0, date, &row.label, postings, currency)?;
            let source = reference(&format!("{organisation}/{id}/reversal"));
            let posted = append_reversal(tx, row.fiscal_year, &entry, MANUAL, source, id)?;
            let scope = tx.all();
            let (row, lines) = find_entry(tx.conn, &scope, posted.id)?;
            let event = Event::of("entry.reversed", "entry", id.0, 2)
                .with("reason", body.reason.as_str())
                .with("entry_id", posted.id.to_string())
                .with("entry_digest", posted.digest);
            let location = format!("/v1/organisations/{organisation}/entries/{}", posted.id);
            Ok((created(location, 1, &entry_view(row, &lines, currency))?, event.into()))
        })
        .await
}
