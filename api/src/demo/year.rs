//! A believable piece of the commune's year: the budget of 2025 from its draft to its approval, the opening of the year,
//! a debt of the year before, and fuel bought, rejected for want of a logbook, corrected and paid.

use chrono::NaiveDate;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cast::Town;
use super::player::{Player, Reply};

/// The year whose budget is played.
pub const FISCAL_YEAR: i32 = 2025;
/// The day on which the cast takes office.
pub const FIRST_DAY: NaiveDate = day(2024, 9, 2);
/// The day on which the demonstration stands when it has been played.
pub const LAST_DAY: NaiveDate = day(2025, 3, 31);

const BUDGET: &[u8] = include_bytes!("../../../data/sample/budget-ml-c01-2025.csv");

const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN,
    }
}

/// The digest of a document that a demonstration has no need to show.
fn digest(of: &str) -> String {
    domain::audit::rows_digest([of.as_bytes()])
}

/// Someone of the cast at work on the commune.
struct Worker<'a> {
    player: &'a Player,
    token: String,
    base: String,
}

impl Worker<'_> {
    fn create(&self, path: &str, body: &Value) -> Result<Reply, String> {
        self.player.post(&self.token, &format!("{}{path}", self.base), None, body)
    }

    /// Acts on the version that a resource has now.
    fn act(&self, resource: &str, action: &str, body: &Value) -> Result<Reply, String> {
        let version = self.version(resource)?;
        self.player.post(&self.token, &format!("{}{resource}{action}", self.base), Some(&version), body)
    }

    fn version(&self, resource: &str) -> Result<String, String> {
        self.get(resource)?.etag.ok_or_else(|| format!("{resource} has no version"))
    }

    fn get(&self, path: &str) -> Result<Reply, String> {
        self.player.get(&self.token, &format!("{}{path}", self.base))
    }
}

/// Plays the year so far.
pub fn play(player: &Player, town: &Town) -> Result<(), String> {
    let worker = |login: &str| -> Result<Worker<'_>, String> {
        Ok(Worker { player, token: player.token(town.person(login)?)?, base: format!("/v1/organisations/{}", town.commune) })
    };
    let [mayor, finance, accountant, prefect, registrar, certifier] =
        ["mayor", "finance-officer", "accountant", "state-representative", "council-registrar", "certifier"].map(worker);
    let (mayor, finance, accountant) = (mayor?, finance?, accountant?);
    let (prefect, registrar, certifier) = (prefect?, registrar?, certifier?);

    vote_budget(&finance, &mayor, &registrar, &prefect)?;
    let garage = open_year(&finance, &accountant)?;
    buy_fuel(&finance, &mayor, &certifier, &accountant, garage)?;
    player.on(LAST_DAY);
    Ok(())
}

fn vote_budget(finance: &Worker<'_>, mayor: &Worker<'_>, registrar: &Worker<'_>, prefect: &Worker<'_>) -> Result<(), String> {
    finance.player.on(day(2024, 9, 16));
    finance.create("/fiscal-years", &json!({ "fiscal_year": FISCAL_YEAR }))?;
    let body = json!({ "fiscal_year": FISCAL_YEAR, "kind": "original", "title": "Budget primitif 2025" });
    let budget = format!("/budgets/{}", finance.create("/budgets", &body)?.id()?);
    let version = finance.version(&budget)?;
    finance.player.put_csv(&finance.token, &format!("{}{budget}/lines", finance.base), &version, BUDGET)?;

    mayor.player.on(day(2024, 10, 1));
    mayor.act(&budget, "/consultation", &json!({}))?;
    let meetings = [("chef-lieu", day(2024, 10, 3), 41, 58), ("village 04", day(2024, 10, 8), 37, 45), ("village 11", day(2024, 10, 10), 29, 33)];
    for (place, held_on, women, men) in meetings {
        registrar.player.on(held_on);
        let body = json!({
            "fiscal_year": FISCAL_YEAR, "place": place, "held_on": held_on, "women": women, "men": men,
            "minutes_sha256": digest(place), "summary": "Priorités d'investissement présentées et discutées.",
        });
        registrar.create("/consultations", &body)?;
    }
    let held_on = day(2024, 10, 19);
    registrar.player.on(held_on);
    let body = json!({
        "fiscal_year": FISCAL_YEAR, "place": "chef-lieu", "held_on": held_on, "women": 96, "men": 131,
        "minutes_sha256": digest("debate"), "summary": "Projet de budget, compte administratif 2023 et état du PDSEC débattus.",
    });
    registrar.create("/public-debates", &body)?;

    mayor.player.on(day(2024, 10, 21));
    mayor.act(&budget, "/tabling", &json!({}))?;
    let held_on = day(2024, 10, 28);
    registrar.player.on(held_on);
    let body = json!({
        "held_on": held_on, "deliberation_number": "2024-07", "serving": 17, "present": 15,
        "votes_for": 12, "votes_against": 2, "abstentions": 1, "deliberation_sha256": digest("deliberation"),
    });
    registrar.act(&budget, "/vote", &body)?;
    mayor.player.on(day(2024, 11, 5));
    mayor.act(&budget, "/transmission", &json!({ "annexes_sha256": digest("annexes") }))?;
    prefect.player.on(day(2024, 11, 25));
    prefect.act(&budget, "/approval", &json!({}))?;
    Ok(())
}

/// Opens the year and pays the debt that it carries; gives the supplier of fuel.
fn open_year(finance: &Worker<'_>, accountant: &Worker<'_>) -> Result<Uuid, String> {
    accountant.player.on(day(2025, 1, 2));
    let garage = finance.create("/suppliers", &json!({ "code": "SUP-0012", "name": "Station-service du chef-lieu (fictive)" }))?.id()?;
    let stationer = finance.create("/suppliers", &json!({ "code": "SUP-0003", "name": "Papeterie du marché (fictive)" }))?.id()?;
    let year = format!("/fiscal-years/{FISCAL_YEAR}");
    let body = json!({
        "currency": "XOF",
        "lines": [
            { "account": "515", "side": "debit", "amount": "3200000" },
            { "account": "411", "side": "debit", "amount": "1600000" },
            { "account": "401", "side": "credit", "amount": "400000" },
            { "account": "12", "side": "credit", "amount": "4400000" },
        ],
        "carried_debts": [{ "account": "401", "supplier_id": stationer, "reference": "M-2024-000113", "amount": "400000" }],
    });
    accountant.act(&year, "/opening-balances", &body)?;
    accountant.player.on(day(2025, 1, 20));
    let debts = accountant.get(&format!("{year}/carried-debts"))?;
    let debt = debts.body.pointer("/data/0/id").and_then(Value::as_str).ok_or("no carried debt")?.to_owned();
    let body = json!({ "payee_id": stationer, "amount": "400000", "currency": "XOF", "mode": "transfer" });
    accountant.act(&format!("/carried-debts/{debt}"), "/payments", &body)?;
    Ok(garage)
}

fn buy_fuel(finance: &Worker<'_>, mayor: &Worker<'_>, certifier: &Worker<'_>, accountant: &Worker<'_>, garage: Uuid) -> Result<(), String> {
    mayor.player.on(day(2025, 2, 3));
    let execution = mayor.get(&format!("/fiscal-years/{FISCAL_YEAR}/budget-execution"))?;
    let lines = execution.body.get("lines").and_then(Value::as_array).ok_or("no lines")?;
    let fuel = lines.iter().find(|line| line.get("code").and_then(Value::as_str) == Some("F-D-60-602-01"));
    let fuel = fuel.and_then(|line| line.get("budget_line_id")).ok_or("no line of fuel")?;
    let body = json!({ "budget_line_id": fuel, "supplier_id": garage, "label": "Carburant, premier trimestre", "amount": "850000", "currency": "XOF" });
    let commitment = format!("/commitments/{}", mayor.create("/commitments", &body)?.id()?);

    finance.player.on(day(2025, 2, 20));
    let body = json!({ "invoice_number": "F-0117", "invoice_date": "2025-02-18", "amount": "850000", "currency": "XOF" });
    let verification = format!("/verifications/{}", finance.act(&commitment, "/verifications", &body)?.id()?);
    certifier.player.on(day(2025, 2, 24));
    certifier.act(&verification, "/certification", &json!({}))?;

    let order = order_fuel(finance, mayor, &verification, day(2025, 3, 3))?;
    accountant.player.on(day(2025, 3, 10));
    accountant.act(&order, "/rejection", &json!({ "reason": "R06", "text": "Journal de carburant manquant" }))?;

    let order = order_fuel(finance, mayor, &verification, day(2025, 3, 12))?;
    accountant.player.on(day(2025, 3, 14));
    accountant.act(&order, "/acceptance", &json!({}))?;
    accountant.player.on(day(2025, 3, 20));
    let body = json!({ "payee_id": garage, "amount": "850000", "currency": "XOF", "mode": "transfer" });
    accountant.act(&order, "/payments", &body)?;
    Ok(())
}

/// Drafts, signs and transmits an order for the fuel.
fn order_fuel(finance: &Worker<'_>, mayor: &Worker<'_>, verification: &str, on: NaiveDate) -> Result<String, String> {
    finance.player.on(on);
    let id = finance.act(verification, "/payment-orders", &json!({ "amount": "850000", "currency": "XOF" }))?.id()?;
    let order = format!("/payment-orders/{id}");
    mayor.act(&order, "/signature", &json!({}))?;
    mayor.create("/payment-order-batches", &json!({ "payment_order_ids": [id], "total": "850000", "currency": "XOF" }))?;
    Ok(order)
}
