//! Projects as a public bulletin tells of them, under the fictional organisation that administers the funds: four with their life so far,
//! and those of the Peacebuilding Fund with their recipients. What is told and what is made up stands beside the data.

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cast::Town;
use super::funds::{AGENT_CODE, Known, contribute, unit_of};
use super::life::{Life, committee};
use super::player::Player;
use super::year::{Staff, day, staff_of};

const BULLETIN: &str = include_str!("../../../data/project/bulletin.csv");
const ORGANISATIONS: &str = include_str!("../../../data/project/organisations.csv");
const PEACEBUILDING: &str = include_str!("../../../data/project/peacebuilding.csv");
const PARTICIPATIONS: &str = include_str!("../../../data/project/participations.csv");

/// The donor that stands for the budget of the mission.
const MISSION: &str = "MISSION";
/// As of when the bulletin tells of the Peacebuilding Fund.
const TOLD_ON: NaiveDate = day(2018, 2, 28);
/// From when what is shared out over recipients is registered: nobody's true number.
const REGISTRATION: &str = "FIXTURE";

/// The rows of a file.
pub(super) fn rows<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, String> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// A project of the bulletin.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    pub(super) reference: String,
    pub(super) instrument: String,
    pub(super) title: String,
    pub(super) objective: String,
    amount: String,
    amount_currency: String,
    pub(super) budget: String,
    pub(super) currency: String,
    donor: String,
    pub(super) nature: String,
    pub(super) area: Option<String>,
    pub(super) sector: String,
    pub(super) place: String,
    pub(super) partner: String,
    pub(super) partner_kind: String,
    pub(super) starts_on: NaiveDate,
    pub(super) ends_on: NaiveDate,
    pub(super) decided_on: NaiveDate,
    pub(super) signed_on: NaiveDate,
    pub(super) ceremony: String,
    pub(super) held_on: NaiveDate,
    pub(super) chair: String,
    pub(super) state: String,
    pub(super) assets: String,
    pub(super) asset_currency: String,
    pub(super) longitude: Option<String>,
    pub(super) latitude: Option<String>,
    pub(super) site: String,
}

/// Plays the projects of the bulletin and those of a fictional community programme.
pub fn play(player: &Player, town: &Town) -> Result<(), String> {
    let all = player.get(player.administrator(), "/v1/organisations?kind=partner&limit=200")?;
    let organisations = all.body.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
    let agent = organisations.iter().find(|one| one.get("code").and_then(Value::as_str) == Some(AGENT_CODE));
    let agent = agent.and_then(|one| one.get("id")).and_then(Value::as_str).and_then(|id| id.parse().ok());
    let staff = staff_of(player, town, agent.ok_or("nobody administers the funds")?)?;
    player.on(TOLD_ON);
    peacebuilding(player, &staff)?;
    let body =
        json!({ "code": MISSION, "name": "Budget de la mission (contributions statutaires)", "aliases": [], "kind": "multilateral" });
    staff.finance.create("/donors", &body)?;
    let body = json!({ "code": "QIP", "name": "Projets à impact rapide", "kind": "mission_budget", "currency": "USD", "source": super::funds::BULLETIN });
    let mission = staff.finance.create("/funds", &body)?.id()?.to_string();
    let trust = staff.finance.find("/funds", "data", ("code", "TF"), "id")?.as_str().unwrap_or_default().to_owned();
    let committee = committee(&staff)?;
    for told in rows::<Told>(BULLETIN)? {
        let unit = unit_of(player, &told.place)?;
        let fund = if told.donor == MISSION { &mission } else { &trust };
        let purpose = purpose(&staff, fund, &told, &unit)?;
        Life { player, staff: &staff, told: &told, unit, committee: &committee, purpose }.play()?;
    }
    super::pilots::play(player, town)
}

/// The purpose that pays a project, with its money; that of two of them is there already.
fn purpose(staff: &Staff<'_>, fund: &str, told: &Told, unit: &str) -> Result<String, String> {
    if let Ok(known) = staff.finance.find("/fund-purposes", "data", ("reference", &told.reference), "id") {
        return Ok(known.as_str().unwrap_or_default().to_owned());
    }
    if told.donor == MISSION {
        let earmark = json!({ "purposes": [told.reference] });
        let note = "What the mission spends on one project; the day is fictional";
        let (amount, currency) = (told.amount.as_str(), told.amount_currency.as_str());
        let known = Known { donor: MISSION, reference: "MISSION-2018", amount, currency, on: "2018-02-15", earmark, note };
        contribute(staff, fund, known, "")?;
    }
    let objective = (told.donor != MISSION).then_some("equipment_and_logistics");
    let body = json!({
        "fund_id": fund, "reference": told.reference, "title": told.title, "sector": told.sector, "objective": objective,
        "instrument": told.instrument, "budget": told.budget, "currency": told.currency,
        "places": [{ "territorial_unit_id": unit, "bps": 10_000 }],
    });
    let purpose = staff.finance.create("/fund-purposes", &body)?.id()?.to_string();
    let body = json!({ "amount": told.budget, "currency": told.currency, "decision_reference": "PV fictif", "on": "2018-02-15" });
    staff.mayor.act(&format!("/fund-purposes/{purpose}"), "/allocations", &body)?;
    Ok(purpose)
}

/// An organisation that receives money of the Peacebuilding Fund.
#[derive(Debug, Deserialize)]
struct Organisation {
    code: String,
    name: String,
    kind: String,
}

/// A project of the Peacebuilding Fund.
#[derive(Debug, Deserialize)]
struct Joint {
    number: u32,
    title: String,
    sector: String,
    places: String,
    countries: String,
    budget: String,
    currency: String,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    flag: Option<String>,
    basis: String,
}

/// Who takes part in it, and with how much.
#[derive(Debug, Deserialize)]
struct Participation {
    project: u32,
    organisation: String,
    amount: String,
}

/// Shares as they are written: terms with basis points.
fn shares<'a>(dimension: &'a str, text: &'a str) -> impl Iterator<Item = (&'a str, &'a str, u32)> {
    let read = move |one: &'a str| one.split_once(':').and_then(|(term, bps)| Some((dimension, term, bps.parse().ok()?)));
    text.split(' ').filter_map(read)
}

/// The projects of the Peacebuilding Fund, up to their submission.
fn peacebuilding(player: &Player, staff: &Staff<'_>) -> Result<(), String> {
    let mut files = Vec::new();
    for one in rows::<Organisation>(ORGANISATIONS)? {
        let body = json!({ "code": one.code, "name": one.name, "tax_number": REGISTRATION });
        files.push((staff.finance.create("/suppliers", &body)?.id()?, one));
    }
    let participations: Vec<Participation> = rows(PARTICIPATIONS)?;
    for joint in rows::<Joint>(PEACEBUILDING)? {
        let mut recipients = Vec::new();
        for one in participations.iter().filter(|one| one.project == joint.number) {
            let file = files.iter().find(|(_, file)| file.code == one.organisation);
            let (id, file) = file.ok_or_else(|| format!("nobody is {}", one.organisation))?;
            recipients.push(json!({ "kind": file.kind, "supplier_id": id, "amount": one.amount }));
        }
        let lead = recipients.first().cloned().unwrap_or_default();
        let mut all = vec![json!({ "dimension": "sector", "term": joint.sector, "bps": 10_000 })];
        for (dimension, term, bps) in shares("place", &joint.places).chain(shares("country", &joint.countries)) {
            let term = if dimension == "place" { unit_of(player, term)? } else { term.to_owned() };
            all.push(json!({ "dimension": dimension, "term": term, "bps": bps }));
        }
        let body = json!({
            "reference": format!("PBF-{:02}", joint.number), "instrument": "peacebuilding_immediate",
            "proposal": {
                "title": joint.title, "objective": joint.basis, "requester_kind": "international_agency", "requester": "Équipe pays",
                "implementer": { "kind": lead.get("kind"), "supplier_id": lead.get("supplier_id") }, "budget": joint.budget,
                "currency": joint.currency, "starts_on": joint.starts_on, "ends_on": joint.ends_on, "shares": all, "recipients": recipients,
                "lines": [{ "category": "grants", "description": "Fixture", "amount": joint.budget }],
            },
        });
        let project = format!("/projects/{}", staff.finance.create("/projects", &body)?.id()?);
        staff.finance.act(&project, "/submission", &json!({}))?;
        if let Some(code) = joint.flag {
            staff.finance.act(&project, "/flags", &json!({ "flags": [{ "code": code }] }))?;
        }
    }
    Ok(())
}
