//! What the commune spends in the year: a debt of the year before, pay, fuel, three classrooms, a grant that comes back.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::year::{FISCAL_YEAR, GARAGE, STATIONER, Staff, Worker, day, digest};

/// The staff, the bodies that take contributions and taxes, the contractor, the school committee.
const AGENTS: &str = "AGENTS";
const SOCIAL_BODY: &str = "INPS";
const TAX_OFFICE: &str = "IMPOTS";
const CONTRACTOR: &str = "ENT-0004";
const SCHOOL: &str = "CGS-0004";

/// Registers those to whom money goes, beside the suppliers of the opening.
pub fn register_creditors(staff: &Staff<'_>) -> Result<(), String> {
    let creditors = [
        (AGENTS, "Personnel communal (fictif)"),
        (SOCIAL_BODY, "Institut de prévoyance sociale (fictif)"),
        (TAX_OFFICE, "Centre des impôts (fictif)"),
        (CONTRACTOR, "Entreprise de bâtiment du cercle (fictive)"),
        (SCHOOL, "Comité de gestion scolaire du village 04 (fictif)"),
    ];
    for (code, name) in creditors {
        staff.finance.create("/suppliers", &json!({ "code": code, "name": name }))?;
    }
    Ok(())
}

/// A supporting document that a demonstration has no need to show.
pub fn paper(kind: &str, reference: &str) -> Value {
    json!({ "kind": kind, "reference": reference, "sha256": digest(reference) })
}

pub fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "XOF" })
}

/// Adds members to an object.
pub fn with(mut object: Value, members: Value) -> Value {
    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), members) {
        object.extend(members);
    }
    object
}

impl Worker<'_> {
    pub fn supplier(&self, code: &str) -> Result<String, String> {
        self.id_of("/suppliers?limit=200", "data", ("code", code), "id")
    }

    /// The id of a line of the budget, by its code.
    pub fn line(&self, code: &str) -> Result<String, String> {
        let execution = format!("/fiscal-years/{FISCAL_YEAR}/budget-execution");
        self.id_of(&execution, "lines", ("code", code), "budget_line_id")
    }

    fn id_of(&self, path: &str, list: &str, by: (&str, &str), member: &str) -> Result<String, String> {
        self.find(path, list, by, member)?.as_str().map(str::to_owned).ok_or_else(|| format!("no {member} in {path}"))
    }
}

/// Commits a line to a creditor.
fn commit(
    staff: &Staff<'_>,
    on: NaiveDate,
    line: &str,
    creditor: &str,
    label: &str,
    amount: &str,
    papers: &[Value],
) -> Result<String, String> {
    let mayor = &staff.mayor;
    mayor.player.on(on);
    let body = with(
        money(amount),
        json!({ "budget_line_id": mayor.line(line)?, "supplier_id": mayor.supplier(creditor)?, "label": label, "documents": papers }),
    );
    Ok(format!("/commitments/{}", mayor.create("/commitments", &body)?.id()?))
}

/// Verifies an invoice of a commitment, and has the service certified where there is one.
fn verify(staff: &Staff<'_>, commitment: &str, on: NaiveDate, invoice: &str, amount: &str, more: Value) -> Result<String, String> {
    staff.finance.player.on(on);
    let advance = more.get("nature").is_some_and(|nature| nature == "advance");
    let body = with(money(amount), json!({ "invoice_number": invoice, "invoice_date": on }));
    let verification = format!("/verifications/{}", staff.finance.act(commitment, "/verifications", &with(body, more))?.id()?);
    if !advance {
        staff.certifier.act(&verification, "/certification", &json!({}))?;
    }
    Ok(verification)
}

/// Drafts, signs and transmits an order.
fn order(staff: &Staff<'_>, verification: &str, on: NaiveDate, amount: &str, more: Value) -> Result<String, String> {
    staff.finance.player.on(on);
    let id = staff.finance.act(verification, "/payment-orders", &with(money(amount), more))?.id()?;
    let order = format!("/payment-orders/{id}");
    staff.mayor.act(&order, "/signature", &json!({}))?;
    staff.mayor.create("/payment-order-batches", &json!({ "payment_order_ids": [id], "total": amount, "currency": "XOF" }))?;
    Ok(order)
}

/// Pays what is due to a creditor.
fn pay(staff: &Staff<'_>, due: &str, on: NaiveDate, payee: &str, amount: &str) -> Result<String, String> {
    let accountant = &staff.accountant;
    accountant.player.on(on);
    let body = with(money(amount), json!({ "payee_id": accountant.supplier(payee)?, "mode": "transfer" }));
    Ok(format!("/payments/{}", accountant.act(due, "/payments", &body)?.id()?))
}

fn accept(staff: &Staff<'_>, order: &str, on: NaiveDate) -> Result<(), String> {
    staff.accountant.player.on(on);
    staff.accountant.act(order, "/acceptance", &json!({}))?;
    Ok(())
}

/// A debt of the year before.
pub fn pay_carried_debt(staff: &Staff<'_>) -> Result<(), String> {
    let debts = format!("/fiscal-years/{FISCAL_YEAR}/carried-debts");
    let debt = staff.accountant.id_of(&debts, "data", ("reference", "M-2024-000113"), "id")?;
    pay(staff, &format!("/carried-debts/{debt}"), day(2025, 1, 20), STATIONER, "400000")?;
    Ok(())
}

/// January's pay: gross, contributions and tax kept back, the employer's share, and what is remitted.
pub fn pay_staff(staff: &Staff<'_>) -> Result<(), String> {
    let sheet = [paper("pay_sheet", "État de paie de janvier 2025")];
    let commitment = commit(staff, day(2025, 1, 24), "F-D-66-661-01", AGENTS, "Salaires de janvier", "990000", &[])?;
    let verification = verify(staff, &commitment, day(2025, 1, 27), "PAIE-2025-01", "990000", json!({ "documents": sheet }))?;
    let kept = json!({ "deductions": [{ "kind": "social", "amount": "35640" }, { "kind": "tax", "amount": "42000" }] });
    let wages = order(staff, &verification, day(2025, 1, 27), "990000", kept)?;
    let commitment = commit(staff, day(2025, 1, 27), "F-D-66-664-01", SOCIAL_BODY, "Part patronale de janvier", "200000", &[])?;
    let verification = verify(staff, &commitment, day(2025, 1, 27), "COT-2025-01", "200000", json!({ "documents": sheet }))?;
    let share = order(staff, &verification, day(2025, 1, 27), "200000", json!({}))?;
    let on = day(2025, 1, 29);
    accept(staff, &wages, on)?;
    accept(staff, &share, on)?;
    pay(staff, &wages, on, AGENTS, "912360")?;
    pay(staff, &share, on, SOCIAL_BODY, "200000")?;
    for (held, payee, amount) in [("social", SOCIAL_BODY, "35640"), ("taxes_withheld", TAX_OFFICE, "42000")] {
        let payment = with(money(amount), json!({ "payee_id": staff.accountant.supplier(payee)?, "mode": "transfer" }));
        staff.accountant.create("/remittances", &json!({ "fiscal_year": FISCAL_YEAR, "held": held, "payment": payment }))?;
    }
    Ok(())
}

/// Fuel, rejected for want of a complete log, corrected and paid. Gives the order.
pub fn buy_fuel(staff: &Staff<'_>) -> Result<String, String> {
    let commitment = commit(staff, day(2025, 2, 3), "F-D-60-602-01", GARAGE, "Carburant, premier trimestre", "850000", &[])?;
    let log = json!({ "documents": [paper("fuel_log", "Journal de carburant, premier trimestre")] });
    let verification = verify(staff, &commitment, day(2025, 2, 18), "F-0117", "850000", log)?;
    let rejected = order(staff, &verification, day(2025, 3, 3), "850000", json!({}))?;
    staff.accountant.player.on(day(2025, 3, 10));
    let why = json!({ "reason": "R06", "text": "Journal de carburant incomplet : la semaine du 10 février manque." });
    staff.accountant.act(&rejected, "/rejection", &why)?;
    let replaces = rejected.trim_start_matches("/payment-orders/");
    let corrected = order(staff, &verification, day(2025, 3, 12), "850000", json!({ "replaces_id": replaces }))?;
    accept(staff, &corrected, day(2025, 3, 14))?;
    pay(staff, &corrected, day(2025, 3, 20), GARAGE, "850000")?;
    Ok(corrected)
}

/// Three classrooms: a start-up advance of 20 %, and a first statement that recovers its part and leaves the retention.
pub fn build_classrooms(staff: &Staff<'_>) -> Result<(), String> {
    let papers = [paper("contract", "Marché 2025-01, trois salles de classe"), paper("controller_visa", "Visa 2025-014")];
    let label = "Construction de trois salles de classe";
    let commitment = commit(staff, day(2025, 4, 14), "I-D-23-231-01", CONTRACTOR, label, "24500000", &papers)?;
    let tax = paper("business_tax_proof", "Quittance de patente 2025");
    let guarantee = json!({ "nature": "advance", "documents": [paper("bank_guarantee", "Caution bancaire 2025-88")] });
    let verification = verify(staff, &commitment, day(2025, 4, 15), "AV-01", "4900000", guarantee)?;
    let advance = order(staff, &verification, day(2025, 4, 16), "4900000", json!({ "documents": [tax] }))?;
    accept(staff, &advance, day(2025, 4, 18))?;
    pay(staff, &advance, day(2025, 4, 22), CONTRACTOR, "4900000")?;
    let statement = json!({
        "nature": "instalment", "advance_recovered": "2400000",
        "documents": [paper("statement_of_works", "Décompte 1 et attachement")],
    });
    let verification = verify(staff, &commitment, day(2025, 7, 7), "DEC-01", "12000000", statement)?;
    let kept = json!({ "deductions": [{ "kind": "retention", "amount": "600000" }], "documents": [tax] });
    let first = order(staff, &verification, day(2025, 7, 9), "9600000", kept)?;
    accept(staff, &first, day(2025, 7, 11))?;
    pay(staff, &first, day(2025, 7, 15), CONTRACTOR, "9000000")?;
    Ok(())
}

/// A grant to the school committee, which the bank sends back: the account was closed.
pub fn support_school(staff: &Staff<'_>) -> Result<(), String> {
    let label = "Subvention au comité de gestion scolaire";
    let commitment = commit(staff, day(2025, 10, 6), "F-D-63-632-01", SCHOOL, label, "100000", &[])?;
    let agreement = json!({ "nature": "subsidy", "documents": [paper("agreement", "Convention 2025-03")] });
    let verification = verify(staff, &commitment, day(2025, 10, 8), "SUB-2025-04", "100000", agreement)?;
    let grant = order(staff, &verification, day(2025, 10, 9), "100000", json!({}))?;
    accept(staff, &grant, day(2025, 10, 13))?;
    let payment = pay(staff, &grant, day(2025, 10, 15), SCHOOL, "100000")?;
    staff.accountant.player.on(day(2025, 10, 22));
    staff.accountant.act(&payment, "/return", &json!({ "reason": "Compte du bénéficiaire clos" }))?;
    Ok(())
}
