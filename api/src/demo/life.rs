//! The life of a project of the demonstration, as far as it is told: approved, agreed, paid, begun, and where it was handed over, done; then published.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::player::Player;
use super::projects::Told;
use super::year::{Staff, Worker, digest};

/// Founds the committee that decides, of people who may vote; gives its id.
pub(super) fn committee(staff: &Staff<'_>) -> Result<String, String> {
    let members = [staff.mayor.id, staff.accountant.id, staff.registrar.id];
    let body = json!({ "name": "Comité d'examen des projets (fictif)", "quorum": 2, "member_ids": members });
    Ok(staff.mayor.create("/committees", &body)?.id()?.to_string())
}

/// What is played of one project.
pub(super) struct Life<'a> {
    pub(super) player: &'a Player,
    pub(super) staff: &'a Staff<'a>,
    pub(super) told: &'a Told,
    pub(super) unit: String,
    pub(super) committee: &'a str,
    pub(super) purpose: String,
}

impl Life<'_> {
    pub(super) fn play(&self) -> Result<(), String> {
        self.player.on(self.told.decided_on);
        let project = self.draft()?;
        self.approve(&project)?;
        self.player.on(self.told.signed_on);
        self.agree(&project)?;
        self.pay(&project)?;
        self.player.on(self.told.starts_on);
        self.staff.finance.act(&project, "/start", &json!({}))?;
        self.player.on(self.told.held_on);
        if self.told.nature != "services" {
            self.report(&project)?;
        }
        if self.told.state == "handed_over" {
            self.hand_over(&project)?;
        }
        let ceremony = json!({
            "kind": self.told.ceremony, "held_on": self.told.held_on, "territorial_unit_id": self.unit, "chair": self.told.chair,
        });
        self.act(&self.staff.registrar, &project, "/ceremonies", &ceremony)?;
        self.act(&self.staff.mayor, &project, "/publication", &json!({}))
    }

    fn act(&self, who: &Worker<'_>, project: &str, action: &str, body: &Value) -> Result<(), String> {
        who.act(project, action, body).map(drop)
    }

    /// Drafts and submits it, and begins its review.
    fn draft(&self) -> Result<String, String> {
        let (told, finance) = (self.told, &self.staff.finance);
        let file = json!({ "code": told.reference, "name": format!("{} ({})", told.partner, told.reference), "tax_number": "FICTIF" });
        let partner = finance.create("/suppliers", &file)?.id()?;
        let share = |dimension: &str, term: &str| json!({ "dimension": dimension, "term": term, "bps": 10_000 });
        let body = json!({
            "reference": told.reference, "instrument": told.instrument,
            "proposal": {
                "title": told.title, "objective": told.objective, "nature": told.nature, "area": told.area.as_deref().filter(|area| !area.is_empty()),
                "requester_kind": "government", "requester": "Autorités régionales", "fund_purpose_id": self.purpose,
                "implementer": { "kind": told.partner_kind, "supplier_id": partner }, "budget": told.budget, "currency": told.currency,
                "starts_on": told.starts_on, "ends_on": told.ends_on,
                "shares": [share("place", &self.unit), share("sector", &told.sector), share("country", "ML")],
                "lines": [{ "category": "contractual", "description": "Fixture", "amount": told.budget }],
            },
        });
        let project = format!("/projects/{}", finance.create("/projects", &body)?.id()?);
        finance.act(&project, "/submission", &json!({}))?;
        finance.act(&project, "/review", &json!({}))?;
        if let (Some(longitude), Some(latitude)) = (&told.longitude, &told.latitude) {
            let site = json!({ "territorial_unit_id": self.unit, "name": told.site, "longitude": longitude, "latitude": latitude });
            finance.create(&format!("{project}/sites"), &site)?;
        }
        Ok(project)
    }

    /// Two appraisals, a check, the recommendation, the decision.
    fn approve(&self, project: &str) -> Result<(), String> {
        let (staff, on) = (self.staff, self.told.decided_on);
        for reviewer in [&staff.certifier, &staff.cashier] {
            self.act(reviewer, project, "/appraisals", &json!({ "opinion": "favourable", "comment": "Avis fictif" }))?;
        }
        let questions = self.player.get(self.player.administrator(), "/v1/conflict-questions")?.body;
        let asked = questions.as_array().into_iter().flatten().filter_map(|question| question.get("code"));
        let answers: Vec<Value> = asked.map(|question| json!({ "question": question, "risk": 1 })).collect();
        let check = json!({ "assessed_on": on, "analysed_on": on, "answers": answers });
        self.act(&staff.certifier, project, "/conflict-checks", &check)?;
        self.act(&staff.certifier, project, "/recommendation", &json!({}))?;
        let motion = json!({
            "committee_id": self.committee, "action": "approve", "held_on": on, "minutes_reference": "PV fictif",
            "present_ids": [staff.mayor.id, staff.accountant.id],
        });
        let motion = staff.registrar.act(project, "/motions", &motion)?.id()?;
        for member in [&staff.mayor, &staff.accountant] {
            member.create(&format!("/motions/{motion}/votes"), &json!({ "vote": "for" }))?;
        }
        Ok(())
    }

    /// The agreement, in two tranches of a quick impact project and one of another, signed by both sides.
    fn agree(&self, project: &str) -> Result<(), String> {
        let (told, staff, on) = (self.told, self.staff, self.told.signed_on);
        let tranches =
            if told.instrument == "quick_impact" { json!([{ "bps": 8000 }, { "bps": 2000 }]) } else { json!([{ "amount": told.budget }]) };
        let agreement = json!({
            "kind": "contract", "reference": format!("CONV-{}", told.reference), "amount": told.budget, "currency": told.currency,
            "account_ending": "0000", "tranches": tranches,
        });
        self.act(&staff.finance, project, "/agreement", &agreement)?;
        let paper = digest("agreement");
        self.act(&staff.accountant, project, "/account-verification", &json!({ "on": on, "document_sha256": paper }))?;
        for (who, side) in [(&staff.registrar, "partner"), (&staff.mayor, "funder")] {
            self.act(who, project, "/signatures", &json!({ "side": side, "on": on, "document_sha256": paper }))?;
        }
        Ok(())
    }

    /// The first tranche: requested, certified, approved, paid.
    fn pay(&self, project: &str) -> Result<(), String> {
        let staff = self.staff;
        let id = staff.finance.act(project, "/disbursements", &json!({ "tranche": 1 }))?.id()?;
        let disbursement = format!("{project}/disbursements/{id}");
        self.act(&staff.certifier, &disbursement, "/certification", &json!({}))?;
        self.act(&staff.mayor, &disbursement, "/approval", &json!({}))?;
        self.act(&staff.accountant, &disbursement, "/payment", &json!({ "on": self.told.signed_on, "bank_reference": "VIR fictif" }))
    }

    /// What was spent, all of it, which the fund attributes to the donor.
    fn report(&self, project: &str) -> Result<(), String> {
        let (told, staff) = (self.told, self.staff);
        let report = json!({
            "period_from": told.signed_on, "period_to": told.held_on, "closing": false, "currency": told.currency,
            "document_sha256": digest("report"),
            "lines": [{ "category": "contractual", "description": "Fixture", "amount": told.budget }],
        });
        let id = staff.finance.act(project, "/expenditure-reports", &report)?.id()?;
        let report = format!("{project}/expenditure-reports/{id}");
        self.act(&staff.certifier, &report, "/certification", &json!({}))?;
        self.act(&staff.mayor, &report, "/acceptance", &json!({}))
    }

    /// The work is verified and done, and what was made is handed over by a certificate of two organisations.
    fn hand_over(&self, project: &str) -> Result<(), String> {
        let (told, staff, on) = (self.told, self.staff, self.told.held_on);
        let milestone = json!({ "kind": "output", "title": told.title, "due_on": told.ends_on });
        self.act(&staff.finance, project, "/milestones", &milestone)?;
        let evidence = json!({ "milestone": 1, "document_reference": "PV de réception fictif", "document_sha256": digest("evidence") });
        self.act(&staff.finance, project, "/milestone-evidence", &evidence)?;
        self.act(&staff.certifier, project, "/milestone-verifications", &json!({ "milestone": 1, "verdict": "met" }))?;
        self.act(&staff.certifier, project, "/visits", &visit(on))?;
        self.act(&staff.finance, project, "/completion", &json!({}))?;
        let assets = told.assets.split(' ').filter_map(|one| {
            let mut parts = one.split(':');
            let (kind, quantity, value) = (parts.next()?, parts.next()?.parse::<u32>().ok()?, parts.next()?);
            Some(json!({ "kind": kind, "description": told.title, "quantity": quantity, "unit_value": value }))
        });
        let certificate = json!({
            "reference": format!("CR-{}", told.reference), "recipient_kind": "state_service", "condition": "Neuf", "maintained_by": told.chair,
            "maintenance_plan": "Fixture", "currency": told.asset_currency, "assets": assets.collect::<Vec<_>>(),
        });
        self.act(&staff.finance, project, "/handover-certificates", &certificate)?;
        for (side, organisation) in [("giver", "Agent d'administration fictif"), ("recipient", told.chair.as_str())] {
            let signature = json!({
                "side": side, "organisation": organisation, "function": "Responsable", "signed_on": on, "document_reference": "Fixture",
                "document_sha256": digest("certificate"),
            });
            self.act(&staff.registrar, project, "/handover-signatures", &signature)?;
        }
        self.act(&staff.finance, project, "/handover", &json!({}))
    }
}

fn visit(on: NaiveDate) -> Value {
    json!({
        "visited_on": on, "modality": "on_site", "physical_progress_bps": 10_000, "document_reference": "Rapport fictif",
        "document_sha256": digest("visit"), "team": [{ "organisation": "Agent d'administration fictif", "function": "Suivi" }],
    })
}
