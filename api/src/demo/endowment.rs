//! An endowment for the 703 communes of the shipped territory and the fictional one: envelope, formula and all data but the names of the
//! communes are invented.

use chrono::NaiveDate;
use domain::id::PrincipalId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cast::COMMUNE_CODE;
use super::player::{Player, Reply};
use super::year::{FIRST_DAY, LAST_DAY, day, digest};

const COMMUNES: &str = include_str!("../../../data/territory/communes_703.csv");

/// The day that the data are of.
const DATA_DATE: NaiveDate = day(2025, 6, 30);
/// The day of the board's decision.
const DECIDED_ON: NaiveDate = day(2025, 11, 14);
/// The last day of the rights.
const EXPIRES_ON: NaiveDate = day(2027, 12, 31);

/// The people of the agency: login, name, role.
const PEOPLE: [(&str, &str, &str); 3] = [
    ("fund-officer", "Officer of the agency, fictional", "finance_officer"),
    ("fund-registrar", "Secretary of the agency's board, fictional", "council_registrar"),
    ("fund-director", "Director of the agency, fictional", "authorising_officer"),
];

/// The fictional agency at work on its campaign.
struct Agency<'a> {
    player: &'a Player,
    base: String,
    tokens: Vec<String>,
}

impl<'a> Agency<'a> {
    fn found(player: &'a Player) -> Result<Self, String> {
        let admin = player.administrator().to_owned();
        let body = json!({
            "kind": "partner", "code": "ML-AGENCE", "name": "Agence fictive d'appui aux collectivités", "currency": "XOF", "fictional": true,
        });
        let id = player.post(&admin, "/v1/organisations", None, &body)?.id()?;
        let mut tokens = Vec::new();
        for (login, name, role) in PEOPLE {
            let person =
                player.post(&admin, "/v1/principals", None, &json!({ "kind": "person", "login": login, "display_name": name }))?.id()?;
            let code =
                player.post(&admin, &format!("/v1/principals/{person}/activation-codes"), None, &json!({}))?.text("activation_code")?;
            player.post(&admin, "/v1/activations", None, &json!({ "code": code, "password": Uuid::new_v4().to_string() }))?;
            let body = json!({ "principal_id": person, "role": role, "valid_from": FIRST_DAY });
            player.post(&admin, &format!("/v1/organisations/{id}/role-assignments"), None, &body)?;
            tokens.push(player.token(PrincipalId(person))?);
        }
        Ok(Self { player, base: format!("/v1/organisations/{id}/endowment-campaigns"), tokens })
    }

    /// The token of one of the people, by place.
    fn token(&self, place: usize) -> Result<&str, String> {
        self.tokens.get(place).map(String::as_str).ok_or_else(|| "nobody there".to_owned())
    }

    fn act(&self, place: usize, campaign: &str, action: &str, body: &Value) -> Result<Reply, String> {
        let token = self.token(place)?;
        let version = self.player.get(token, campaign)?.etag.ok_or("no version")?;
        self.player.post(token, &format!("{campaign}{action}"), Some(&version), body)
    }
}

/// The invented data of a commune, always the same for the same code or name.
fn row(named: &str, code: &str, unit: &str) -> String {
    let seed = named.bytes().fold(17_i64, |seed, byte| (seed * 31 + i64::from(byte)) % 1_000_003);
    let population = 3_000 + seed % 32_000;
    let poverty = population * (4_000 + seed % 4_500);
    format!("{code};{unit};{population};{poverty};{};{};{};true;Fictif\n", seed % 260, seed % 9_000 + 900, seed % 12 != 0)
}

/// The data of all communes. Those that no scheme has a code for are named by their unit.
fn table(player: &Player) -> Result<String, String> {
    let mut table = "code;territorial_unit_id;population;poverty;remoteness;effort;administrative_account_transmitted;\
                     development_plan_in_force;source\n"
        .to_owned();
    table += &format!("{COMMUNE_CODE};;18400;114080000;85;7100;true;true;Fictif\n");
    for line in COMMUNES.lines().skip(1) {
        let mut cells = line.split(',');
        let (code, name) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        if code.is_empty() {
            let path = format!("/v1/territorial-units?level=commune&q={name}");
            let found = player.get(player.administrator(), &path)?;
            let text = |unit: &Value, member: &str| unit.get(member).and_then(Value::as_str).map(str::to_owned);
            let units = found.body.get("data").and_then(Value::as_array).into_iter().flatten();
            let mut named = units.filter(|unit| text(unit, "name").as_deref() == Some(name));
            let unit = &named.next().and_then(|unit| text(unit, "id")).ok_or_else(|| format!("no commune {name}"))?;
            table += &row(name, "", unit);
        } else {
            table += &row(code, code, "");
        }
    }
    Ok(table)
}

/// Allots a fictional endowment, up to the publication.
pub fn allot(player: &Player) -> Result<(), String> {
    let agency = Agency::found(player)?;
    let criterion =
        |code: &str, fr: &str, en: &str, weight: i64| json!({ "code": code, "label_fr": fr, "label_en": en, "weight_bps": weight });
    let body = json!({
        "fiscal_year": 2026, "endowment_type": "D_INVEST", "level": "commune", "title": "Dotation d'investissement 2026 (fictive)",
        "envelope": "20000000000", "unit": "1000", "floor": "12000000", "cap": "60000000", "currency": "XOF", "zero_total": "refuse",
        "criteria": [
            criterion("population", "Population", "Population", 4000),
            criterion("poverty", "Population × indice de pauvreté", "Population × poverty index", 2500),
            criterion("remoteness", "Distance à une route praticable", "Distance to an all-season road", 1500),
            criterion("effort", "Effort fiscal", "Tax effort", 2000),
        ],
        "rules": ["administrative_account_transmitted", "development_plan_in_force"],
        "data_date": DATA_DATE, "rights_expire_on": EXPIRES_ON,
    });
    let id = player.post(agency.token(0)?, &agency.base, None, &body)?.id()?;
    let campaign = format!("{}/{id}", agency.base);
    let version = player.get(agency.token(0)?, &campaign)?.etag.ok_or("no version")?;
    player.put_csv(agency.token(0)?, &format!("{campaign}/candidates"), &version, table(player)?.as_bytes())?;
    // The board decides on the day on which it is calculated.
    player.on(DECIDED_ON);
    for action in ["/freezing", "/calculation"] {
        agency.act(0, &campaign, action, &json!({}))?;
    }
    let decision = json!({ "decision_reference": "CA-2025-04", "decided_on": DECIDED_ON, "document_sha256": digest("CA-2025-04") });
    agency.act(1, &campaign, "/validation", &decision)?;
    player.on(LAST_DAY);
    for action in ["/notification", "/publication"] {
        agency.act(2, &campaign, action, &json!({}))?;
    }
    Ok(())
}
