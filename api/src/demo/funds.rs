//! Funds as a public bulletin tells of them: a trust fund with its fifteen contributors and a peacebuilding fund with its phases,
//! administered by a fictional organisation. What the bulletin does not tell is not invented: contributors without a known amount
//! have no contribution, and rates of exchange are marked as fixtures.

use std::time::Duration;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::cast::Town;
use super::player::Player;
use super::year::{LAST_DAY, Staff, day, staff_of};

/// The organisation that administers the funds.
pub const AGENT_CODE: &str = "ML-AGENT";

pub(super) const BULLETIN: &str = "MINUSMA, Stabilization and Recovery monthly bulletin 41, June 2018";
/// How long roles that were read before are believed.
const BELIEVED: Duration = Duration::from_millis(2100);

/// From when people of the cast work for the agent: before the first project of the bulletin.
const FUND_SINCE: NaiveDate = day(2015, 1, 1);

/// Who works for the agent, and as what. Two certify, so that a project has two appraisals.
const STAFF: [(&str, &str); 7] = [
    ("finance-officer", "finance_officer"),
    ("mayor", "authorising_officer"),
    ("accountant", "accountant"),
    ("auditor", "auditor"),
    ("certifier", "certifier"),
    ("cash-officer", "certifier"),
    ("council-registrar", "council_registrar"),
];

/// The fifteen contributors of the trust fund: code, name, other name, kind, country.
const CONTRIBUTORS: [(&str, &str, &str, &str, Option<&str>); 15] = [
    ("AU", "Australie", "Australia", "state", Some("AU")),
    ("AT", "Autriche", "Austria", "state", Some("AT")),
    ("CA", "Canada", "Gouvernement du Canada", "state", Some("CA")),
    ("DK", "Danemark", "Denmark", "state", Some("DK")),
    ("DE", "Allemagne", "Germany", "state", Some("DE")),
    ("IE", "Irlande", "Ireland", "state", Some("IE")),
    ("IT", "Italie", "Italy", "state", Some("IT")),
    ("LU", "Luxembourg", "Grand-Duché de Luxembourg", "state", Some("LU")),
    ("NL", "Pays-Bas", "Netherlands", "state", Some("NL")),
    ("NO", "Norvège", "Norway", "state", Some("NO")),
    ("SE", "Suède", "Sweden", "state", Some("SE")),
    ("CH", "Suisse", "Switzerland", "state", Some("CH")),
    ("TR", "Turquie", "Turkey", "state", Some("TR")),
    ("GB", "Royaume-Uni", "United Kingdom", "state", Some("GB")),
    ("UN-DOCO", "UN DOCO", "Bureau de la coordination des activités de développement", "multilateral", None),
];

/// A contribution of which the amount is known.
pub(super) struct Known<'a> {
    pub(super) donor: &'a str,
    pub(super) reference: &'a str,
    pub(super) amount: &'a str,
    pub(super) currency: &'a str,
    pub(super) on: &'a str,
    pub(super) earmark: Value,
    pub(super) note: &'a str,
}

/// Plays the funds of the bulletin, on the last day of the demonstration.
pub fn administer(player: &Player, town: &Town) -> Result<(), String> {
    player.on(LAST_DAY);
    let admin = player.administrator().to_owned();
    let body = json!({
        "kind": "partner", "code": AGENT_CODE, "name": "Agent d'administration fictif", "currency": "XOF", "fictional": true,
    });
    let agent = player.post(&admin, "/v1/organisations", None, &body)?.id()?;
    for (login, role) in STAFF {
        let body = json!({ "principal_id": town.person(login)?, "role": role, "valid_from": FUND_SINCE });
        player.post(&admin, &format!("/v1/organisations/{agent}/role-assignments"), None, &body)?;
    }
    std::thread::sleep(BELIEVED);
    let staff = staff_of(player, town, agent)?;
    for (code, name, alias, kind, country) in CONTRIBUTORS {
        let body = json!({ "code": code, "name": name, "aliases": [alias], "kind": kind, "country": country });
        staff.finance.create("/donors", &body)?;
    }
    let fund = trust_fund(&staff)?;
    peacebuilding_fund(&staff)?;
    let rate = json!({ "base": "USD", "quote": "EUR", "rate": "0.94", "valid_on": "2016-12-01", "kind": "fixture", "source": "fixture, not a published rate" });
    let rate = staff.accountant.create("/exchange-rates", &rate)?.id()?;
    let contributions = [
        Known {
            donor: "IT",
            reference: "IT-2018",
            amount: "181320",
            currency: "USD",
            on: "2018-01-31",
            earmark: json!({ "purposes": ["TF-GAO-18-001"] }),
            note: "Pays the whole of one project; the day is fictional",
        },
        Known {
            donor: "DK",
            reference: "DK-2018",
            amount: "100000",
            currency: "USD",
            on: "2018-01-31",
            earmark: json!({ "purposes": ["TF-GAO-18-002"] }),
            note: "Pays the whole of one project; the day is fictional",
        },
        Known {
            donor: "DE",
            reference: "DE-2016",
            amount: "3500000",
            currency: "EUR",
            on: "2016-12-15",
            earmark: json!({ "objectives": ["equipment_and_logistics"] }),
            note: "Protected mobility: twenty armoured vehicles; paid in December 2016, the day is fictional",
        },
    ];
    for known in contributions {
        contribute(&staff, &fund, known, &rate.to_string())?;
    }
    let gao = unit_of(player, "ML07")?;
    for (reference, title, sector, budget) in [
        ("TF-GAO-18-001", "Commissariat de police du deuxième arrondissement (Château), Gao", "security", "181320"),
        ("TF-GAO-18-002", "Infirmerie de la Protection civile, Gao", "health", "100000"),
    ] {
        let body = json!({
            "fund_id": fund, "reference": reference, "title": title, "sector": sector, "objective": "state_authority",
            "instrument": "trust_fund", "budget": budget, "currency": "USD", "places": [{ "territorial_unit_id": gao, "bps": 10_000 }],
        });
        let purpose = format!("/fund-purposes/{}", staff.finance.create("/fund-purposes", &body)?.id()?);
        let body = json!({ "amount": budget, "currency": "USD", "decision_reference": "PV fictif", "on": "2018-02-15" });
        staff.mayor.act(&purpose, "/allocations", &body)?;
    }
    Ok(())
}

/// A unit of the division of 2015 by its code.
pub(super) fn unit_of(player: &Player, code: &str) -> Result<String, String> {
    let found = player.get(player.administrator(), &format!("/v1/territorial-units?scheme=pcode&edition=2015&code={code}"))?;
    let id = found.body.pointer("/data/0/id").and_then(Value::as_str);
    id.map(str::to_owned).ok_or_else(|| format!("no unit {code}"))
}

fn trust_fund(staff: &Staff<'_>) -> Result<String, String> {
    let source = format!("{BULLETIN}: a budget of about 62.5 million dollars, of which 52.6 million attributed; parts by donor not told");
    let body = json!({
        "code": "TF", "name": "Fonds fiduciaire pour la paix et la sécurité au Mali", "kind": "trust_fund", "currency": "USD",
        "legal_basis": "Security Council resolution 2085 (2012)", "source": source,
    });
    Ok(staff.finance.create("/funds", &body)?.id()?.to_string())
}

fn peacebuilding_fund(staff: &Staff<'_>) -> Result<(), String> {
    let phase = |name: &str, envelope: &str, themes: &str| json!({ "name": name, "envelope": envelope, "themes": themes });
    let first =
        "Education for peace; socio-economic support; reintegration of displaced people; justice on gender-based violence; cantonment";
    let second = "Youth and women empowerment for national reconciliation; resilience to insecurity; conflict prevention";
    let source = format!("{BULLETIN}, as of 28 February 2018: 12.1, 8.6 and 4.47 million, together 25.17 where about 26 are told");
    let body = json!({
        "code": "PBF", "name": "Fonds pour la consolidation de la paix", "kind": "pooled_fund", "currency": "USD", "source": source,
        "phases": [
            phase("Phase I", "12100000", first),
            phase("Phase II", "8600000", second),
            phase("Third part, not named as a phase", "4470000", "Not told"),
        ],
    });
    staff.finance.create("/funds", &body)?;
    Ok(())
}

/// Pledged, signed and received at once.
pub(super) fn contribute(staff: &Staff<'_>, fund: &str, known: Known<'_>, rate: &str) -> Result<(), String> {
    let donor = staff.finance.find("/donors", "data", ("code", known.donor), "id")?;
    let body = json!({
        "fund_id": fund, "donor_id": donor, "kind": "cash", "reference": known.reference, "currency": known.currency,
        "amount": known.amount, "on": known.on, "earmark": known.earmark, "note": format!("{}. {BULLETIN}", known.note),
    });
    let contribution = format!("/contributions/{}", staff.finance.create("/contributions", &body)?.id()?);
    for kind in ["commitment", "receipt"] {
        let named = (kind == "receipt" && known.currency != "USD").then_some(rate);
        let body = json!({
            "kind": kind, "amount": known.amount, "currency": known.currency, "on": known.on, "reference": "Pièce fictive",
            "exchange_rate_id": named,
        });
        staff.accountant.act(&contribution, "/movements", &body)?;
    }
    Ok(())
}
