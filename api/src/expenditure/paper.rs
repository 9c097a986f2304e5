//! The payment order on paper: what the record knows, laid out for signature.

use actix_web::{HttpRequest, get, web};
use chrono::NaiveDate;
use db::budget::fiscal_year::find_fiscal_year;
use db::connection::Conn;
use db::expenditure::detail::find_details;
use db::expenditure::order::PaymentOrderRow;
use db::expenditure::payment::{PaymentFilter, list_payment_returns};
use db::fault::Fault;
use db::ledger::EntryFilter;
use db::page::Keyset;
use domain::budget::{Direction, Section};
use domain::expenditure::order::PaymentOrderState;
use domain::id::{OrganisationId, PaymentId, PaymentOrderId, PrincipalId};
use domain::sensitivity::Scope;
use domain::text::document_number;
use domain::word::Word as _;

use crate::answer::{Answered, PdfFile, paper};
use crate::auth::Call;
use crate::organisation::{currency_in, letterhead_in};
use crate::paper::day;
use crate::paper::payment_order::{Decision, Hand, Imputation, Paid, PaymentOrderPaper, deduction_words, payment_order};

/// The most payments that are looked at for one paper.
const PAYMENTS_MAX: i64 = 200;

fn hand(conn: &mut Conn, by: Option<PrincipalId>, on: Option<NaiveDate>) -> Result<Option<Hand>, Fault> {
    match (by, on) {
        (Some(by), Some(on)) => Ok(Some(Hand { name: db::identity::find_principal(conn, by)?.display_name, on })),
        _ => Ok(None),
    }
}

/// The digest of the entry by which the order was accepted.
fn entry_digest(conn: &mut Conn, scope: &Scope, row: &PaymentOrderRow) -> Result<Option<String>, Fault> {
    let filter = EntryFilter { source_kind: Some("payment_order".to_owned()), source_id: Some(row.id.0.0), ..EntryFilter::default() };
    let found = db::ledger::list_entries(conn, scope, row.fiscal_year, &filter, &Keyset { after: None, limit: 1 })?;
    Ok(found.rows.into_iter().next().map(|entry| entry.digest))
}

fn payments(conn: &mut Conn, scope: &Scope, id: PaymentOrderId) -> Result<Vec<Paid>, Fault> {
    let filter = PaymentFilter { payment_order_id: Some(id), ..PaymentFilter::default() };
    let found = db::expenditure::payment::list_payments(conn, scope, &filter, &Keyset { after: None, limit: PAYMENTS_MAX })?;
    let ids: Vec<PaymentId> = found.rows.iter().map(|row| row.id.0).collect();
    let returns = list_payment_returns(conn, scope, &ids)?;
    let paid = found.rows.into_iter().map(|row| {
        let returned_on = returns.iter().find(|back| back.payment_id == row.id).map(|back| back.returned_on);
        let number = document_number("P", row.fiscal_year, row.number);
        Ok(Paid { number, on: row.paid_on, amount: db::budget::amount(row.amount)?, mode: row.mode.0, returned_on })
    });
    paid.collect()
}

/// What the accountant decided: only an order that was posted was accepted, whatever was decided before.
fn decision(conn: &mut Conn, row: &PaymentOrderRow) -> Result<Decision, Fault> {
    let Some(hand) = hand(conn, row.decided_by.map(|id| id.0), row.decided_on)? else { return Ok(Decision::Open) };
    Ok(match (&row.rejection_reason, &row.rejection_text) {
        _ if row.entry_id.is_some() => Decision::Accepted(hand),
        (Some(reason), Some(text)) => Decision::Rejected(hand, reason.0, text.clone()),
        _ => Decision::Open,
    })
}

/// Gathers what stands on the paper.
fn gather(conn: &mut Conn, scope: &Scope, id: PaymentOrderId, today: NaiveDate) -> Result<PaymentOrderPaper, Fault> {
    let row = db::expenditure::order::find_payment_order(conn, scope, id)?;
    let commitment = db::expenditure::find_commitment(conn, scope, row.commitment_id.0)?;
    let verification = db::expenditure::verification::find_verification(conn, scope, row.verification_id.0)?;
    let supplier = db::organisation::supplier::find_supplier(conn, scope, row.supplier_id.0)?;
    let line = match db::budget::find_line(conn, scope, commitment.budget_line_id.0) {
        Ok((stored, _)) => Some(stored.line),
        // A line of an edition that another has followed: the article still says where it was charged.
        Err(Fault::Missing) => None,
        Err(fault) => return Err(fault),
    };
    let year = find_fiscal_year(conn, scope, row.fiscal_year)?;
    let items = db::budget::nomenclature::list_items(conn, year.nomenclature_id.0)?;
    let (section, direction) = (commitment.section.0, Direction::Expenditure);
    let item = |axis: &str, code: &str| {
        let mut of_axis = items.iter().filter(|item| item.axis == axis && item.code == code);
        of_axis
            .find(|item| item.section == section.as_str() && (item.direction.is_empty() || item.direction == direction.as_str()))
            .cloned()
    };
    let article = item("article", &commitment.article);
    let chapter = line.as_ref().map(|line| line.chapter.clone()).or_else(|| article.as_ref().map(|item| item.parent_code.clone()));
    let chapter = chapter.unwrap_or_default();
    let batch = match row.batch_id {
        Some(batch) => Some(db::expenditure::order::find_batch(conn, scope, batch.0)?.0),
        None => None,
    };
    let details = find_details(conn, scope, &[id])?;
    let deductions = details.deductions_of(id).map(|kept| Ok((deduction_words(kept.kind.0).to_owned(), db::budget::amount(kept.amount)?)));
    let deductions = deductions.collect::<Result<Vec<_>, Fault>>()?;
    let requisition = match details.requisition_of(id) {
        Some(order) => {
            hand(conn, Some(order.requisitioned_by.0), Some(order.requisitioned_on))?.map(|hand| (order.reference.clone(), hand))
        }
        None => None,
    };
    let hold = details.hold_of(id).filter(|_| row.state.0 == PaymentOrderState::Held);
    Ok(PaymentOrderPaper {
        letterhead: letterhead_in(conn, scope, row.signed_on.unwrap_or(today))?,
        state: row.state.0,
        number: row.number.map(|number| document_number("M", row.fiscal_year, number)),
        fiscal_year: row.fiscal_year,
        section: match section {
            Section::Operating => "Fonctionnement",
            Section::Capital => "Investissement",
        },
        chapter: Imputation { label: item("chapter", &chapter).map(|item| item.label_fr), code: chapter },
        article: Imputation { code: commitment.article.clone(), label: article.map(|item| item.label_fr) },
        paragraph: match line {
            Some(line) => Imputation { code: line.paragraph, label: Some(line.label_fr) },
            None => Imputation { code: "–".to_owned(), label: None },
        },
        commitment: (document_number("E", commitment.fiscal_year, commitment.number), commitment.committed_on),
        object: commitment.label,
        creditor: supplier.name,
        creditor_code: supplier.code,
        tax_number: supplier.tax_number,
        invoice: (verification.invoice_number, verification.invoice_date),
        verification: document_number("L", verification.fiscal_year, verification.number),
        nature: verification.nature.0,
        certified_on: verification.certified_on,
        batch: batch.map(|row| format!("{} du {}", document_number("BM", row.fiscal_year, row.number), day(row.transmitted_on))),
        currency: currency_in(conn, scope)?,
        gross: db::budget::amount(row.amount)?,
        advance_recovered: db::budget::amount(row.advance_recovered)?,
        deductions,
        reduced: db::budget::amount(row.reduced)?,
        net: row.net()?,
        signed: hand(conn, row.signed_by.map(|id| id.0), row.signed_on)?,
        decision: decision(conn, &row)?,
        requisition,
        hold: hold.map(|hold| (hold.reason.0, hold.text.clone(), hold.held_on)),
        reversed: db::budget::amount(row.reversed)?,
        payments: payments(conn, scope, id)?,
        entry_digest: entry_digest(conn, scope, &row)?,
    })
}

/// The payment order on paper (mandat de paiement): a PDF of one page of A4, in French, with the amount in letters, places to
/// sign, and at its foot the number and the beginning of the digest of its entry by which it is checked. A draft is marked
/// as one across the page; so is an order that was rejected, is held or was cancelled. The same state of the order gives the same bytes.
#[utoipa::path(tag = "expenditure", responses((status = 200, body = PdfFile, content_type = "application/pdf")))]
#[get("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/document")]
pub async fn read_payment_order_document(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, PaymentOrderId)>) -> Answered {
    let (_, id) = path.into_inner();
    let (scope, today) = (call.scope()?, call.today);
    let facts = call.store().read(move |conn| gather(conn, &scope, id, today)).await?;
    let name = facts.number.clone().unwrap_or_else(|| format!("projet-{id}"));
    paper(&request, &format!("mandat-{name}.pdf"), move || payment_order(&facts)).await
}
