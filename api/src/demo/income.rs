//! What the commune takes in: the local tax, market fees, the State's endowment, the investment grant, a rent, arrears.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::offices::{deposit, sell_tickets};
use super::spending::{money, with};
use super::year::{FISCAL_YEAR, Staff, day, digest};

/// The council votes the levies of the year, and the accountant itemises what taxpayers still owe of the year before.
pub fn prepare(staff: &Staff<'_>) -> Result<(), String> {
    staff.registrar.player.on(day(2025, 1, 6));
    for (article, rate) in [("711", "1 500 F par personne imposable"), ("714", "500 F par place et par jour"), ("722", "Bail annuel")] {
        let body = json!({
            "fiscal_year": FISCAL_YEAR, "article": article, "deliberation_number": "2024-08", "held_on": "2024-10-28",
            "deliberation_sha256": digest("levies"), "rate": rate,
        });
        staff.registrar.create("/levy-authorisations", &body)?;
    }
    let arrears = json!({ "account": "411", "reference": "TDRL 2024", "amount": "1600000", "since_year": 2024, "article": "711" });
    let body = json!({ "currency": "XOF", "receivables": [arrears] });
    staff.accountant.create(&format!("/fiscal-years/{FISCAL_YEAR}/carried-receivables"), &body)?;
    Ok(())
}

/// Drafts, issues and has an order accepted; gives its path.
fn order(staff: &Staff<'_>, on: NaiveDate, line: &str, label: &str, amount: &str, more: Value) -> Result<String, String> {
    staff.finance.player.on(on);
    let body = with(money(amount), json!({ "budget_line_id": staff.finance.line(line)?, "label": label }));
    let order = format!("/revenue-orders/{}", staff.finance.create("/revenue-orders", &with(body, more))?.id()?);
    staff.mayor.act(&order, "/issuance", &json!({}))?;
    staff.accountant.act(&order, "/acceptance", &json!({}))?;
    Ok(order)
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Records money that came to the accountant, on an order or before any.
fn receive(staff: &Staff<'_>, on: NaiveDate, order: Option<&str>, payer: &str, amount: &str) -> Result<(), String> {
    staff.accountant.player.on(on);
    let body = with(money(amount), json!({ "revenue_order_id": order.map(id), "payer": payer, "mode": "transfer" }));
    staff.accountant.create("/receipts", &body)?;
    Ok(())
}

/// The roll of the local tax, 8,600 taxpayers at 1,500 F, and what the collection office brings in of it.
pub fn levy_tax(staff: &Staff<'_>, office: &str) -> Result<(), String> {
    let roll = json!({ "kind": "roll", "taxpayers": 8600 });
    let roll = order(staff, day(2025, 2, 5), "F-R-71-711-01", "Rôle de la TDRL 2025", "12900000", roll)?;
    for (on, amount) in [(day(2025, 2, 21), "3053000"), (day(2025, 4, 11), "3053000"), (day(2025, 6, 13), "3053000")] {
        staff.cashier.player.on(on);
        let body = with(money(amount), json!({ "revenue_order_id": id(&roll), "label": "Recouvrement de la TDRL" }));
        staff.cashier.act(office, "/receipts", &body)?;
        deposit(staff, office, amount)?;
    }
    Ok(())
}

/// Market fees come in by tickets, before any order; in November one order regularises them.
pub fn collect_market_fees(staff: &Staff<'_>, office: &str) -> Result<(), String> {
    let receipts = sell_tickets(staff, office)?;
    let regularised = json!({ "kind": "individual", "receipt_ids": receipts });
    order(staff, day(2025, 11, 24), "F-R-71-714-01", "Droits de place 2025", "8742500", regularised)?;
    Ok(())
}

/// The State's endowment, in full.
pub fn receive_endowment(staff: &Staff<'_>) -> Result<(), String> {
    let transfer = json!({ "kind": "transfer" });
    let order = order(staff, day(2025, 3, 3), "F-R-73-731-01", "Dotation de fonctionnement 2025", "11500000", transfer)?;
    receive(staff, day(2025, 3, 6), Some(&order), "Trésor public", "11500000")
}

/// The investment grant: notified and ordered whole, of which the first tranche of 60 % comes in.
pub fn receive_grant(staff: &Staff<'_>) -> Result<(), String> {
    let line = "I-R-14-141-01";
    staff.finance.player.on(day(2025, 3, 10));
    let notification = json!({
        "budget_line_id": staff.finance.line(line)?, "reference": "ANICT 2025/0147", "notified_on": "2025-03-07",
        "document_sha256": digest("notification"),
    });
    staff.finance.create("/transfer-notifications", &with(money("28000000"), notification))?;
    let label = "Droit de tirage sur le FNACT, investissement 2025";
    let order = order(staff, day(2025, 3, 17), line, label, "28000000", json!({ "kind": "transfer" }))?;
    receive(staff, day(2025, 4, 8), Some(&order), "ANICT", "16800000")
}

/// The rent of a shop that was closed for a while: reduced, then collected.
pub fn let_shop(staff: &Staff<'_>) -> Result<(), String> {
    staff.finance.player.on(day(2025, 5, 5));
    let merchant = json!({ "code": "RED-0042", "kind": "person", "name": "Locataire du magasin 3 (fictive)" });
    let debtor = staff.finance.create("/debtors", &merchant)?.id()?;
    let owed = json!({ "kind": "individual", "debtor_id": debtor });
    let order = order(staff, day(2025, 5, 5), "F-R-72-722-01", "Loyer du magasin 3", "200000", owed)?;
    staff.mayor.player.on(day(2025, 5, 19));
    let reduction = with(money("25000"), json!({ "reason": "Magasin fermé pendant les travaux du marché" }));
    let reduction = format!("/revenue-adjustments/{}", staff.mayor.act(&order, "/reductions", &reduction)?.id()?);
    staff.accountant.act(&reduction, "/acceptance", &json!({}))?;
    receive(staff, day(2025, 6, 2), Some(&order), "Locataire du magasin 3", "175000")
}

/// Arrears of the year before: a part is written off by the council, a part comes in.
pub fn settle_arrears(staff: &Staff<'_>) -> Result<(), String> {
    let carried = staff.accountant.find("/revenue-orders?kind=carried", "data", ("reference", "TDRL 2024"), "id")?;
    let carried = format!("/revenue-orders/{}", carried.as_str().unwrap_or_default());
    staff.accountant.player.on(day(2025, 9, 8));
    let proposal = json!({
        "reason": "Redevables partis ou décédés, diligences sans effet", "diligence_sha256": digest("diligence"),
        "budget_line_id": staff.mayor.line("F-D-65-651-01")?,
    });
    let write_off = staff.accountant.act(&carried, "/write-offs", &with(money("600000"), proposal))?.id()?;
    staff.registrar.player.on(day(2025, 9, 24));
    let decision = json!({
        "outcome": "granted", "deliberation_number": "2025-05", "held_on": "2025-09-23", "deliberation_sha256": digest("write-off"),
    });
    staff.registrar.act(&format!("/revenue-adjustments/{write_off}"), "/decision", &decision)?;
    receive(staff, day(2025, 11, 25), Some(&carried), "Redevables de la TDRL 2024", "240000")
}

/// Fuel was invoiced twice for one week: what was paid without being due is claimed back and comes in.
pub fn recover_overpayment(staff: &Staff<'_>, payment_order: &str) -> Result<(), String> {
    staff.mayor.player.on(day(2025, 8, 4));
    let claim = with(money("50000"), json!({ "reason": "Semaine du 10 février facturée deux fois" }));
    let recovery = format!("/revenue-orders/{}", staff.mayor.act(payment_order, "/recoveries", &claim)?.id()?);
    staff.accountant.act(&recovery, "/acceptance", &json!({}))?;
    receive(staff, day(2025, 8, 18), Some(&recovery), "Station-service du chef-lieu", "50000")
}

/// Money of which nobody knows yet what it is for.
pub fn receive_unknown(staff: &Staff<'_>) -> Result<(), String> {
    receive(staff, day(2025, 11, 12), None, "Inconnu", "36000")
}
