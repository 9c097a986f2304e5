//! The commune's cash offices: one collects, with tickets; one pays small expenses.

use serde_json::{Value, json};

use super::spending::{money, with};
use super::year::{Staff, day, digest};

/// Founds an office by an act of the mayor, and has the accountant activate it; gives its path.
fn found(staff: &Staff<'_>, terms: Value) -> Result<String, String> {
    staff.mayor.player.on(day(2025, 1, 8));
    let body = with(
        json!({ "act_date": "2025-01-08", "act_sha256": digest("office"), "currency": "XOF", "cash_officer_id": staff.cashier.id }),
        terms,
    );
    let office = format!("/cash-offices/{}", staff.mayor.create("/cash-offices", &body)?.id()?);
    staff.accountant.act(&office, "/activation", &json!({}))?;
    Ok(office)
}

/// The collection office of the market and of the local tax.
pub fn found_collection_office(staff: &Staff<'_>) -> Result<String, String> {
    let terms = json!({
        "kind": "collection", "name": "Régie de recettes (fictive)", "act_reference": "2025-002/M-C01", "ceiling": "6000000",
        "bond": "200000",
    });
    found(staff, terms)
}

/// Pays in what the office holds.
pub fn deposit(staff: &Staff<'_>, office: &str, amount: &str) -> Result<(), String> {
    let body = with(money(amount), json!({ "document_sha256": digest("deposit") }));
    staff.accountant.act(office, "/deposits", &body)?;
    Ok(())
}

/// Sells the market's tickets in two halves of the year; gives the receipts.
pub fn sell_tickets(staff: &Staff<'_>, office: &str) -> Result<Vec<String>, String> {
    staff.accountant.player.on(day(2025, 1, 10));
    let kind = with(json!({ "name": "Ticket de marché 500 F", "face_value": "500", "article": "714" }), json!({ "currency": "XOF" }));
    let kind = staff.accountant.create("/ticket-kinds", &kind)?.id()?;
    let range = json!({ "ticket_kind_id": kind, "first_number": 1, "last_number": 20_000, "document_sha256": digest("tickets") });
    let mut stock = format!("/ticket-ranges/{}", staff.accountant.create("/ticket-ranges", &range)?.id()?);
    let mut receipts = Vec::new();
    for (first, last, amount, on) in [(1, 10_000, "5000000", day(2025, 6, 30)), (10_001, 17_485, "3742500", day(2025, 11, 20))] {
        staff.accountant.player.on(on);
        let officer = office.rsplit('/').next().unwrap_or_default();
        let issue = json!({
            "cash_office_id": officer, "first_number": first, "last_number": last, "document_sha256": digest("issue"),
        });
        let issued = format!("/ticket-ranges/{}", staff.accountant.act(&stock, "/issue", &issue)?.id()?);
        let sale = with(money(amount), json!({ "first_number": first, "last_number": last }));
        receipts.push(staff.cashier.act(&issued, "/sale", &sale)?.id()?.to_string());
        deposit(staff, office, amount)?;
        let rest = staff.accountant.find("/ticket-ranges?state=in_stock", "data", ("state", "in_stock"), "id")?;
        stock = format!("/ticket-ranges/{}", rest.as_str().unwrap_or_default());
    }
    Ok(receipts)
}

/// The imprest: 300,000 advanced, 214,500 spent and justified, and made up again.
pub fn keep_imprest(staff: &Staff<'_>) -> Result<(), String> {
    let terms = json!({
        "kind": "imprest", "name": "Régie d'avances (fictive)", "act_reference": "2025-003/M-C01", "ceiling": "300000",
        "max_unit_expense": "75000", "allowed_articles": ["601"],
    });
    let office = found(staff, terms)?;
    let advance = |amount: &str| -> Result<(), String> {
        let body = with(money(amount), json!({ "document_sha256": digest("request") }));
        staff.accountant.act(&office, "/advances", &body).map(drop)
    };
    staff.accountant.player.on(day(2025, 4, 2));
    advance("300000")?;
    let line = staff.mayor.line("F-D-60-601-01")?;
    let mut expenses = Vec::new();
    for (number, (on, label, amount)) in [
        (day(2025, 4, 9), "Ramettes de papier", "72500"),
        (day(2025, 5, 14), "Cartouches d'encre", "75000"),
        (day(2025, 6, 11), "Registres et classeurs", "67000"),
    ]
    .into_iter()
    .enumerate()
    {
        staff.cashier.player.on(on);
        let expense = json!({
            "cash_office_id": office.rsplit('/').next(), "budget_line_id": line, "payee": "Papeterie du marché (fictive)",
            "label": label, "spent_on": on, "receipt_sha256": digest(&format!("expense {number}")),
        });
        expenses.push(staff.cashier.create("/imprest-expenses", &with(money(amount), expense))?.id()?);
    }
    staff.cashier.player.on(day(2025, 6, 16));
    let slip = json!({ "cash_office_id": office.rsplit('/').next(), "expense_ids": expenses, "total": "214500", "currency": "XOF" });
    let slip = format!("/justification-slips/{}", staff.cashier.create("/justification-slips", &slip)?.id()?);
    staff.mayor.act(&slip, "/signature", &json!({}))?;
    staff.accountant.player.on(day(2025, 6, 18));
    staff.accountant.act(&slip, "/acceptance", &json!({}))?;
    advance("214500")
}
