//! The receipt on paper: what the record knows, laid out for the payer.

use actix_web::{HttpRequest, get, web};
use db::connection::Conn;
use db::fault::Fault;
use db::revenue::order::RevenueOrder;
use domain::id::{CashOfficeId, DebtorId, OrganisationId, ReceiptId};
use domain::sensitivity::{Scope, Sensitivity};

use super::order::name;
use crate::answer::{Answered, PdfFile, paper};
use crate::auth::Call;
use crate::organisation::{currency_in, letterhead_in};
use crate::paper::receipt::{ReceiptPaper, receipt};

/// The debtor's name, if the caller may see the file.
fn debtor_name(conn: &mut Conn, scope: &Scope, id: DebtorId) -> Result<Option<String>, Fault> {
    match db::revenue::debtor::find_debtor(conn, scope, id) {
        Ok(row) => Ok(Some(row.name)),
        Err(Fault::Missing) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Where the money came in: at a cash office, or at the Treasury post of the organisation.
fn office(conn: &mut Conn, scope: &Scope, cash_office: Option<CashOfficeId>) -> Result<String, Fault> {
    if let Some(id) = cash_office {
        return Ok(db::cash_office::find_cash_office(conn, scope, id)?.name);
    }
    let post = db::organisation::find_organisation(conn, scope)?.treasury_post_id.map(|id| id.0);
    match post {
        // A Treasury post is another organisation; its name is public.
        Some(post) => Ok(db::organisation::find_organisation(conn, &Scope { organisation: post, clearance: Sensitivity::Public })?.name),
        None => Ok("Poste comptable".to_owned()),
    }
}

/// Gathers what stands on the paper.
fn gather(conn: &mut Conn, scope: &Scope, id: ReceiptId) -> Result<ReceiptPaper, Fault> {
    let found = db::revenue::receipt::find_receipt(conn, scope, id)?;
    let (number, row) = (found.number(), found.row);
    let order = match row.revenue_order_id.map(|order| order.0).or(found.regularised_by) {
        Some(order) => Some(db::revenue::order::find_revenue_order(conn, scope, order)?),
        None => None,
    };
    let debtor = order.as_ref().and_then(|RevenueOrder { row, .. }| row.debtor_id);
    let payer = match (row.payer, debtor) {
        (Some(payer), _) => Some(payer),
        (None, Some(debtor)) => debtor_name(conn, scope, debtor.0)?,
        (None, None) => None,
    };
    let label = row.label.or_else(|| order.as_ref().map(|order| order.row.label.clone()));
    Ok(ReceiptPaper {
        letterhead: letterhead_in(conn, scope, row.received_on)?,
        number,
        fiscal_year: row.fiscal_year,
        received_on: row.received_on,
        payer: payer.unwrap_or_else(|| "payeur non désigné".to_owned()),
        object: label.unwrap_or_else(|| "versement".to_owned()),
        order_number: order.as_ref().map(|order| name(&order.row)),
        currency: currency_in(conn, scope)?,
        amount: db::budget::amount(row.amount)?,
        mode: row.mode.0,
        reference: None,
        office: office(conn, scope, row.cash_office_id.map(|id| CashOfficeId(id.0)))?,
        collected_by: db::identity::find_principal(conn, row.received_by.0)?.display_name,
        cancelled_on: found.cancellation.map(|cancellation| cancellation.cancelled_on),
        entry_digest: Some(db::ledger::find_entry(conn, scope, row.entry_id.0)?.0.digest),
    })
}

/// The receipt on paper (quittance): a PDF of one page of A4, in French, with the amount in letters, and at its foot the number
/// and the beginning of the digest of its entry by which it is checked. A cancelled receipt is marked as one across the page.
/// The same state of the receipt gives the same bytes.
#[utoipa::path(tag = "revenue", responses((status = 200, body = PdfFile, content_type = "application/pdf")))]
#[get("/v1/organisations/{organisation_id}/receipts/{receipt_id}/document")]
pub async fn read_receipt_document(call: Call, request: HttpRequest, path: web::Path<(OrganisationId, ReceiptId)>) -> Answered {
    let (_, id) = path.into_inner();
    let scope = call.scope()?;
    let facts = call.store().read(move |conn| gather(conn, &scope, id)).await?;
    let file = format!("quittance-{}.pdf", facts.number);
    paper(&request, &file, move || receipt(&facts)).await
}
