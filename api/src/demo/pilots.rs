//! A fictional community programme: meetings of the fictional commune's villages, the needs that they ranked, and a pilot for each need.

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cast::{Town, unit};
use super::player::Player;
use super::projects::rows;
use super::year::{Staff, day, digest, staff_of};

const MEETINGS: &str = include_str!("../../../data/project/meetings.csv");
const PILOTS: &str = include_str!("../../../data/project/pilots.csv");

/// The day on which the pilots are submitted.
const SUBMITTED_ON: NaiveDate = day(2025, 2, 3);

/// Who carries pilots out: word of the data, kind, name.
const GROUPS: [(&str, &str, &str); 4] = [
    ("association", "local_association", "Association des usagers (fictive)"),
    ("women", "community_group", "Coopérative des femmes (fictive)"),
    ("youth", "community_group", "Groupement des jeunes (fictif)"),
    ("commune", "commune", "Services de la commune (fictive)"),
];

/// A meeting of a village.
#[derive(Debug, Deserialize)]
struct Meeting {
    number: u32,
    village: String,
    held_on: NaiveDate,
    method: String,
    women: u32,
    men: u32,
}

/// A need, and the pilot that answers it.
#[derive(Debug, Deserialize)]
struct Pilot {
    number: u32,
    meeting: u32,
    sector: String,
    need: String,
    title: String,
    pilot_type: String,
    implementer: String,
    budget: String,
}

/// Plays the programme in the fictional commune.
pub(super) fn play(player: &Player, town: &Town) -> Result<(), String> {
    player.on(SUBMITTED_ON);
    let staff = staff_of(player, town, town.commune.0)?;
    let programme = json!({
        "code": "PILOTES", "title": "Programme communautaire de projets pilotes (fictif)",
        "objective": "Relier le dialogue des villages à l'action (fictif)", "commissioner": "Consortium fictif", "lead_agency": "Consortium fictif",
        "levels": ["commune"], "starts_on": "2025-01-01", "ends_on": "2026-06-30",
    });
    let programme = staff.finance.create("/programmes", &programme)?.id()?.to_string();
    let mut groups = Vec::new();
    for (word, kind, name) in GROUPS {
        let file = json!({ "code": format!("PILOTE-{word}"), "name": name, "tax_number": "FICTIF" });
        groups.push((word, json!({ "kind": kind, "supplier_id": staff.finance.create("/suppliers", &file)?.id()? })));
    }
    let pilots: Vec<Pilot> = rows(PILOTS)?;
    for meeting in rows::<Meeting>(MEETINGS)? {
        let own: Vec<&Pilot> = pilots.iter().filter(|pilot| pilot.meeting == meeting.number).collect();
        let needs = meet(&staff, &meeting, &own)?;
        for (pilot, need) in own.into_iter().zip(needs) {
            let group = groups.iter().find(|(word, _)| *word == pilot.implementer).map(|(_, group)| group);
            submit(&staff, pilot, &need, &programme, group.ok_or_else(|| format!("nobody is {}", pilot.implementer))?)?;
        }
    }
    Ok(())
}

/// Records a meeting with its needs in their order; gives their ids.
fn meet(staff: &Staff<'_>, meeting: &Meeting, pilots: &[&Pilot]) -> Result<Vec<Value>, String> {
    let needs: Vec<Value> = pilots.iter().map(|pilot| json!({ "sector": pilot.sector, "title": pilot.need })).collect();
    let body = json!({
        "territorial_unit_id": unit(), "held_on": meeting.held_on, "method": meeting.method, "women": meeting.women, "men": meeting.men,
        "minutes_sha256": digest(&format!("meeting {}", meeting.number)), "summary": format!("Réunion de {} (fictive)", meeting.village), "needs": needs,
    });
    let recorded = staff.registrar.create("/community-meetings", &body)?.body;
    let needs = recorded.get("needs").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(needs.iter().filter_map(|need| need.get("id").cloned()).collect())
}

/// Drafts and submits a pilot.
fn submit(staff: &Staff<'_>, pilot: &Pilot, need: &Value, programme: &str, group: &Value) -> Result<(), String> {
    let share = |dimension: &str, term: String| json!({ "dimension": dimension, "term": term, "bps": 10_000 });
    let category = if pilot.pilot_type == "capital_fund" { "grants" } else { "equipment" };
    let body = json!({
        "reference": format!("PILOTE-{:02}", pilot.number), "instrument": "community_pilot",
        "proposal": {
            "title": format!("{} (fictif)", pilot.title), "objective": format!("{} (fictif)", pilot.need), "programme_id": programme,
            "requester_kind": "community", "requester": "Assemblée villageoise (fictive)", "implementer": group, "budget": pilot.budget,
            "currency": "XOF", "starts_on": "2025-04-01", "ends_on": "2025-12-31", "gender_marker": 1, "need_ids": [need],
            "shares": [share("place", unit().to_string()), share("sector", pilot.sector.clone()), share("country", "ML".to_owned())],
            "lines": [{ "category": category, "description": pilot.title, "amount": pilot.budget }],
        },
    });
    let project = format!("/projects/{}", staff.finance.create("/projects", &body)?.id()?);
    staff.finance.act(&project, "/submission", &json!({}))?;
    Ok(())
}
