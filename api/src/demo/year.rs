//! The commune's year 2025: the budget from its draft to its approval, the opening of the year, and what comes in and goes
//! out until November ([`super::income`], [`super::spending`], [`super::offices`]).

use chrono::NaiveDate;
use db::page::Keyset;
use db::revenue::receipt::{ReceiptFilter, list_receipts};
use db::store::Store;
use domain::id::{OrganisationId, PrincipalId};
use domain::sensitivity::{Scope, Sensitivity};
use serde_json::{Value, json};
use uuid::Uuid;

use super::cast::Town;
use super::player::{Player, Reply};
use super::{funds, income, offices, spending};

/// The year whose budget is played.
pub const FISCAL_YEAR: i32 = 2025;
/// The day on which the cast takes office.
pub const FIRST_DAY: NaiveDate = day(2024, 9, 2);
/// The day on which the demonstration stands when it has been played.
pub const LAST_DAY: NaiveDate = day(2025, 11, 28);
/// The day of the last act.
const LAST_ACT: NaiveDate = day(2025, 11, 25);

const BUDGET: &[u8] = include_bytes!("../../../data/sample/budget-ml-c01-2025.csv");

pub const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN,
    }
}

/// The digest of a document that a demonstration has no need to show.
pub fn digest(of: &str) -> String {
    domain::audit::rows_digest([of.as_bytes()])
}

/// Someone of the cast at work on the commune.
pub struct Worker<'a> {
    pub player: &'a Player,
    pub id: PrincipalId,
    token: String,
    base: String,
}

impl Worker<'_> {
    pub fn create(&self, path: &str, body: &Value) -> Result<Reply, String> {
        self.player.post(&self.token, &format!("{}{path}", self.base), None, body)
    }

    /// Acts on the version that a resource has now.
    pub fn act(&self, resource: &str, action: &str, body: &Value) -> Result<Reply, String> {
        let version = self.version(resource)?;
        self.player.post(&self.token, &format!("{}{resource}{action}", self.base), Some(&version), body)
    }

    pub fn version(&self, resource: &str) -> Result<String, String> {
        self.get(resource)?.etag.ok_or_else(|| format!("{resource} has no version"))
    }

    pub fn get(&self, path: &str) -> Result<Reply, String> {
        self.player.get(&self.token, &format!("{}{path}", self.base))
    }
}

/// The people at work on the commune.
pub struct Staff<'a> {
    pub mayor: Worker<'a>,
    pub finance: Worker<'a>,
    pub accountant: Worker<'a>,
    prefect: Worker<'a>,
    pub registrar: Worker<'a>,
    pub certifier: Worker<'a>,
    pub cashier: Worker<'a>,
}

fn staff<'a>(player: &'a Player, town: &Town) -> Result<Staff<'a>, String> {
    staff_of(player, town, town.commune.0)
}

/// The same people at work on an organisation.
pub fn staff_of<'a>(player: &'a Player, town: &Town, organisation: Uuid) -> Result<Staff<'a>, String> {
    let worker = |login: &str| -> Result<Worker<'a>, String> {
        let id = town.person(login)?;
        Ok(Worker { player, id, token: player.token(id)?, base: format!("/v1/organisations/{organisation}") })
    };
    Ok(Staff {
        mayor: worker("mayor")?,
        finance: worker("finance-officer")?,
        accountant: worker("accountant")?,
        prefect: worker("state-representative")?,
        registrar: worker("council-registrar")?,
        certifier: worker("certifier")?,
        cashier: worker("cash-officer")?,
    })
}

/// Plays up to the opening of the year: the budget is approved, balances and a carried debt are recorded.
pub fn open(player: &Player, town: &Town) -> Result<(), String> {
    let staff = staff(player, town)?;
    vote_budget(&staff)?;
    open_year(&staff)
}

/// Whether the year was played to its last act: arrears that came in on a day of November.
pub async fn is_played(store: &Store, commune: OrganisationId) -> Result<bool, String> {
    let scope = Scope { organisation: commune, clearance: Sensitivity::Restricted };
    let filter = ReceiptFilter { from: Some(LAST_ACT), to: Some(LAST_ACT), ..ReceiptFilter::default() };
    let store = store.within([commune]);
    let found = store.read(move |conn| list_receipts(conn, &scope, &filter, &Keyset { after: None, limit: 1 }));
    Ok(!found.await.map_err(|fault| fault.to_string())?.rows.is_empty())
}

/// Plays the year: what comes in and goes out from January to November, in no special order of the year's dates.
pub fn play(player: &Player, town: &Town) -> Result<(), String> {
    open(player, town)?;
    let staff = staff(player, town)?;
    spending::register_creditors(&staff)?;
    income::prepare(&staff)?;
    let office = offices::found_collection_office(&staff)?;
    spending::pay_carried_debt(&staff)?;
    spending::pay_staff(&staff)?;
    income::levy_tax(&staff, &office)?;
    let fuel = spending::buy_fuel(&staff)?;
    income::receive_endowment(&staff)?;
    income::receive_grant(&staff)?;
    offices::keep_imprest(&staff)?;
    spending::build_classrooms(&staff)?;
    income::let_shop(&staff)?;
    income::recover_overpayment(&staff, &fuel)?;
    spending::support_school(&staff)?;
    income::receive_unknown(&staff)?;
    income::collect_market_fees(&staff, &office)?;
    income::settle_arrears(&staff)?;
    funds::administer(player, town)?;
    player.on(LAST_DAY);
    Ok(())
}

fn vote_budget(staff: &Staff<'_>) -> Result<(), String> {
    let Staff { mayor, finance, registrar, prefect, .. } = staff;
    finance.player.on(day(2024, 9, 16));
    finance.create("/fiscal-years", &json!({ "fiscal_year": FISCAL_YEAR }))?;
    let body = json!({ "fiscal_year": FISCAL_YEAR, "kind": "original", "title": "Budget primitif 2025" });
    let budget = format!("/budgets/{}", finance.create("/budgets", &body)?.id()?);
    let version = finance.version(&budget)?;
    finance.player.put_csv(&finance.token, &format!("{}{budget}/lines", finance.base), &version, BUDGET)?;

    mayor.player.on(day(2024, 10, 1));
    mayor.act(&budget, "/consultation", &json!({}))?;
    let meetings =
        [("chef-lieu", day(2024, 10, 3), 41, 58), ("village 04", day(2024, 10, 8), 37, 45), ("village 11", day(2024, 10, 10), 29, 33)];
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

/// The suppliers of the commune: of fuel, and of the paper bought the year before.
pub const GARAGE: &str = "SUP-0012";
pub const STATIONER: &str = "SUP-0003";

/// Opens the year with its balances and the debt that it carries.
fn open_year(staff: &Staff<'_>) -> Result<(), String> {
    let Staff { finance, accountant, .. } = staff;
    accountant.player.on(day(2025, 1, 2));
    finance.create("/suppliers", &json!({ "code": GARAGE, "name": "Station-service du chef-lieu (fictive)" }))?;
    let stationer = finance.create("/suppliers", &json!({ "code": STATIONER, "name": "Papeterie du marché (fictive)" }))?.id()?;
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
    accountant.act(&format!("/fiscal-years/{FISCAL_YEAR}"), "/opening-balances", &body)?;
    Ok(())
}

impl Worker<'_> {
    /// The member of the first row of a list that has another member with this value.
    pub fn find(&self, path: &str, list: &str, by: (&str, &str), member: &str) -> Result<Value, String> {
        let found = self.get(path)?;
        let rows = found.body.get(list).and_then(Value::as_array).ok_or_else(|| format!("no {list} in {path}"))?;
        let row = rows.iter().find(|row| row.get(by.0).and_then(Value::as_str) == Some(by.1));
        row.and_then(|row| row.get(member)).cloned().ok_or_else(|| format!("no {} {} in {path}", by.0, by.1))
    }
}
