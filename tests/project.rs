//! Projects, from what a village asks for to the decision of a committee.

mod amendment;
mod ceiling;
mod channel;
mod day;
mod decision;
mod delivery;
mod demonstration;
mod handover;
mod invariant;
mod lapse;
mod life;
mod money;
mod publication;
mod recipient;
mod refusals;
mod site;
mod spending;
mod total;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::fund::place;
use crate::harness::{Answer, Stage, Town};
use crate::on_both_engines;

/// A body in which members are others; those of the proposal by their path.
pub fn with(mut body: Value, more: &Value) -> Value {
    for (name, member) in more.as_object().expect("members") {
        match name.strip_prefix("proposal/") {
            Some(inner) => body["proposal"][inner] = member.clone(),
            None => body[name] = member.clone(),
        }
    }
    body
}

/// A cooperative of women, registered as a supplier.
pub fn partner(town: &Town, code: &str, more: &Value) -> String {
    let body = with(json!({ "code": code, "name": "Coopérative des femmes (fictive)", "tax_number": "087654321X" }), more);
    town.client("finance-officer").create(&town.path("/suppliers"), &body).expect(201).id().to_string()
}

/// Projects of the town, with one who carries them out.
pub struct Scene<'a> {
    pub town: &'a Town,
    pub partner: String,
    pub gao: String,
}

pub fn scene(town: &Town) -> Scene<'_> {
    Scene { town, partner: partner(town, "COOP-1", &json!({})), gao: place(town, "ML07") }
}

impl Scene<'_> {
    /// The mobilisation of the women of Gao.
    pub fn proposal(&self) -> Value {
        json!({
            "title": "Mobilisation des femmes de Gao (fictif)", "objective": "Former cent femmes", "area": "training_awareness",
            "requester_kind": "civil_society", "requester": "Plateforme des femmes leaders",
            "implementer": { "kind": "local_association", "supplier_id": self.partner },
            "budget": "41970", "currency": "USD", "starts_on": "2025-03-01", "ends_on": "2025-09-01",
            "shares": [
                { "dimension": "place", "term": self.gao, "bps": 10_000 },
                { "dimension": "sector", "term": "social_cohesion", "bps": 10_000 },
                { "dimension": "country", "term": "ML", "bps": 10_000 },
            ],
            "lines": [{ "category": "contractual", "description": "Formation", "amount": "41970" }],
        })
    }

    pub fn draft(&self, reference: &str, more: &Value) -> Answer {
        let body = json!({ "reference": reference, "instrument": "quick_impact", "proposal": self.proposal() });
        self.town.client("finance-officer").create(&self.town.path("/projects"), &with(body, more))
    }

    /// Drafts a project; gives its path.
    pub fn drafted(&self, reference: &str, more: &Value) -> String {
        self.town.path(&format!("/projects/{}", self.draft(reference, more).expect(201).id()))
    }

    pub fn act(&self, login: &str, project: &str, action: &str, body: &Value) -> Answer {
        self.town.client(login).act(project, action, body)
    }

    pub fn submit(&self, project: &str) -> Answer {
        self.act("finance-officer", project, "/submission", &json!({}))
    }

    /// A purpose of a fund of its own that has no money yet, for what a body asks for.
    pub fn purpose_for(&self, reference: &str, more: &Value) -> Uuid {
        let asked = |member: &str, other: &str| more[format!("proposal/{member}")].as_str().unwrap_or(other).to_owned();
        let (currency, budget) = (asked("currency", "USD"), asked("budget", "41970"));
        let fund = crate::fund::found(self.town, &json!({ "code": format!("F-{reference}"), "currency": currency })).expect(201).id();
        let fund = crate::fund::Scene { town: self.town, fund, donor: Uuid::nil() };
        fund.define(reference, &budget, &[("ML07", 10_000)], &json!({ "currency": currency })).expect(201).id()
    }

    /// Submits a project and begins its review; where nothing is said of it, it names a purpose without money.
    pub fn reviewed(&self, reference: &str, more: &Value) -> String {
        let mut more = more.clone();
        if more.get("proposal/fund_purpose_id").is_none() {
            more["proposal/fund_purpose_id"] = json!(self.purpose_for(reference, &more));
        }
        let project = self.drafted(reference, &more);
        self.submit(&project).expect(200);
        self.act("finance-officer", &project, "/review", &json!({})).expect(200);
        project
    }

    pub fn appraise(&self, project: &str, opinion: &str) -> Answer {
        self.act("certifier", project, "/appraisals", &json!({ "opinion": opinion, "comment": "Réalisable" }))
    }

    pub fn check(&self, project: &str, more: &Value) -> Answer {
        let questions = self.town.stranger().get("/v1/conflict-questions").expect(200).json();
        let asked = questions.as_array().expect("questions").iter().filter(|question| question["block"] != "neutrality");
        let answers: Vec<Value> = asked.map(|question| json!({ "question": question["code"], "risk": 1 })).collect();
        let body = json!({ "assessed_on": "2025-02-01", "analysed_on": "2024-10-01", "answers": answers });
        self.act("certifier", project, "/conflict-checks", &with(body, more))
    }

    /// Recommends a project under review, with one appraisal and a check.
    pub fn recommended(&self, reference: &str, more: &Value) -> String {
        let project = self.reviewed(reference, more);
        self.appraise(&project, "favourable").expect(200);
        self.check(&project, &json!({})).expect(200);
        self.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        project
    }

    /// A fund that allocates so much to a purpose; gives the purpose and the allocation.
    pub fn funded(&self, amount: &str) -> (Uuid, Uuid) {
        let fund = crate::fund::scene(self.town, &json!({}));
        fund.given("DK-1", "100000", &json!({}));
        let purpose = fund.purpose("QIP-GAO-1", "41970", &[("ML07", 10_000)]);
        let allocation = fund.allocate(&purpose, amount).expect(201).id();
        (self.town.client("auditor").get(&purpose).expect(200).id(), allocation)
    }

    /// A committee of five, of whom three have to be there.
    pub fn committee(&self, more: &Value) -> Answer {
        let member_ids = MEMBERS.map(|login| self.town.person(login).to_string());
        let body = json!({ "name": "Comité d'examen des projets", "quorum": 3, "member_ids": member_ids });
        self.town.client("mayor").create(&self.town.path("/committees"), &with(body, more))
    }

    /// Moves something before a committee at which these are present.
    pub fn motion(&self, project: &str, committee: Uuid, present: &[&str], more: &Value) -> Answer {
        let present: Vec<String> = present.iter().map(|login| self.town.person(login).to_string()).collect();
        let body = json!({
            "committee_id": committee, "action": "approve", "held_on": "2025-02-03", "minutes_reference": "PV-1", "present_ids": present,
        });
        self.act("council-registrar", project, "/motions", &with(body, more))
    }

    pub fn vote(&self, login: &str, motion: Uuid, vote: &str) -> Answer {
        self.town.client(login).create(&self.town.path(&format!("/motions/{motion}/votes")), &json!({ "vote": vote }))
    }

    /// An approved project whose budget is allocated.
    pub fn granted(&self, reference: &str, more: &Value) -> String {
        let (purpose, _) = self.funded("41970");
        let mut more = more.clone();
        more["proposal/fund_purpose_id"] = json!(purpose);
        let project = self.recommended(reference, &more);
        let committee = self.committee(&json!({})).expect(201).id();
        let motion = self.motion(&project, committee, &["mayor", "accountant", "state-representative"], &json!({})).expect(201).id();
        self.vote("mayor", motion, "for").expect(201);
        self.vote("accountant", motion, "for").expect(201);
        project
    }

    pub fn state(&self, project: &str) -> String {
        self.town.client("auditor").get(project).expect(200).text("/state")
    }
}

/// Who sits on the committee.
pub const MEMBERS: [&str; 5] = ["mayor", "accountant", "state-representative", "certifier", "finance-officer"];

/// The id of a thing of projects; they are played as far as a motion where there are none.
pub fn id(town: &Town, name: &str) -> String {
    let auditor = town.client("auditor");
    let of = |list: &str| auditor.get(&town.path(list)).expect(200).json()["data"][0]["id"].as_str().map(str::to_owned);
    let first = || match name {
        "project_disbursement_id" => of(&format!("/projects/{}/disbursements", of("/projects")?)),
        "expenditure_report_id" => of(&format!("/projects/{}/expenditure-reports", of("/projects")?)),
        _ => of(&format!("/{}s", name.trim_end_matches("_id"))),
    };
    first().unwrap_or_else(|| {
        crate::programme::created(town, &json!({})).expect(201);
        let scene = scene(town);
        let (paid, ..) = scene.reported("QIP-GAO-27-001");
        scene.act("mayor", &paid, "/publication", &json!({})).expect(200);
        let project = scene.reviewed("QIP-GAO-25-001", &json!({}));
        let committee = scene.committee(&json!({})).expect(201).id();
        let reject = json!({ "action": "reject", "rejection_reason": "security" });
        scene.motion(&project, committee, &["mayor", "accountant", "state-representative"], &reject).expect(201);
        first().expect("played")
    })
}

/// Every act on projects, on a commune; gives the ids of what came of it.
pub fn every_act(town: &Town, purpose: &str) -> Vec<(&'static str, String)> {
    let programme = crate::programme::created(town, &json!({ "predecessor_id": null })).expect(201);
    let meeting = crate::programme::met(town, "ML07", &["Forage"], &json!({})).expect(201);
    let scene = scene(town);
    let (paid, disbursement, report) = scene.reported("QIP-GAO-27-001");
    let need = meeting.text("/needs/0/id");
    let more = json!({ "proposal/need_ids": [need], "proposal/programme_id": programme.id() });
    let project = scene.recommended("QIP-GAO-25-001", &more);
    scene.drafted("QIP-GAO-25-002", &json!({ "proposal/fund_purpose_id": purpose }));
    let committee = scene.committee(&json!({})).expect(201).id();
    let reject = json!({ "action": "reject", "rejection_reason": "security" });
    let motion = scene.motion(&project, committee, &["mayor", "accountant", "state-representative"], &reject).expect(201).id();
    scene.vote("mayor", motion, "against").expect(201);
    scene.act("mayor", &paid, "/publication", &json!({})).expect(200);
    let last = |path: &str| path.rsplit('/').next().expect("an id").to_owned();
    vec![
        ("programme_id", programme.id().to_string()),
        ("community_meeting_id", meeting.id().to_string()),
        ("need_id", need),
        ("project_id", last(&paid)),
        ("project_disbursement_id", last(&disbursement)),
        ("expenditure_report_id", last(&report)),
        ("committee_id", committee.to_string()),
        ("motion_id", motion.to_string()),
    ]
}

on_both_engines! {
    Stage::Open, fn inv_02_the_women_of_gao_get_from_the_draft_to_the_approval(town) {
        let scene = scene(town);
        let (purpose, _) = scene.funded("41970");
        let project = scene.drafted("QIP-GAO-25-001", &json!({ "proposal/fund_purpose_id": purpose }));
        // The draft tells what can be done, and that nothing stands against it.
        let ways = town.client("finance-officer").get(&format!("{project}/transitions")).expect(200).json();
        let told: Vec<(&str, bool, usize)> = ways.as_array().expect("ways").iter().map(|way| {
            (way["action"].as_str().expect("an action"), way["permitted"] == true, way["unmet"].as_array().map_or(99, Vec::len))
        }).collect();
        assert_eq!(told, [("submit", true, 0), ("withdraw", true, 0)]);
        let submitted = scene.submit(&project).expect(200);
        assert_eq!((submitted.text("/state"), submitted.text("/rule_set_version")), ("submitted".to_owned(), "2".to_owned()));
        scene.act("finance-officer", &project, "/review", &json!({})).expect(200);
        let refused = scene.act("certifier", &project, "/recommendation", &json!({})).refused(422, "APPRAISALS_MISSING");
        let codes: Vec<String> = (0..2).map(|index| refused.text(&format!("/errors/{index}/code"))).collect();
        assert_eq!(codes, ["APPRAISALS_MISSING", "CSC_MISSING"], "all reasons at once");
        scene.appraise(&project, "favourable").expect(200);
        scene.check(&project, &json!({})).expect(200);
        scene.act("certifier", &project, "/recommendation", &json!({})).expect(200);
        let committee = scene.committee(&json!({})).expect(201).id();
        let motion = scene.motion(&project, committee, &["mayor", "accountant", "state-representative"], &json!({})).expect(201).id();
        assert_eq!(scene.vote("mayor", motion, "for").expect(201).text("/state"), "open");
        assert_eq!(scene.state(&project), "recommended");
        let deciding = scene.vote("accountant", motion, "for").expect(201);
        assert_eq!(deciding.text("/state"), "carried");
        let approved = town.client("partner-system").get(&project).expect(200);
        let members = ["state", "state_class", "approved_on"].map(|member| approved.text(&format!("/{member}")));
        assert_eq!(members, ["approved", "not_started", "2025-02-03"]);
        scene.vote("state-representative", motion, "against").refused(409, "MOTION_DECIDED");
        // INV-02: every change of state has one step with who did it, when and under which rules.
        let history = town.client("auditor").get(&format!("{project}/history")).expect(200).json();
        let steps: Vec<(String, String)> = history.as_array().expect("steps").iter()
            .map(|step| (step["action"].to_string(), step["rule_set_version"].to_string())).collect();
        let steps: Vec<(&str, &str)> = steps.iter().map(|(action, rules)| (action.trim_matches('"'), rules.as_str())).collect();
        assert_eq!(steps, [("create", "null"), ("submit", "2"), ("start_review", "2"), ("recommend", "2"), ("approve", "2")]);
        assert_eq!(history[4]["motion_id"], json!(motion));
        // What follows is told, with what stands against it.
        let ways = town.client("auditor").get(&format!("{project}/transitions")).expect(200).json();
        let told: Vec<(&str, &Value, &str)> = ways.as_array().expect("ways").iter().map(|way| {
            (way["action"].as_str().expect("an action"), &way["operation"], way["unmet"][0]["code"].as_str().expect("a code"))
        }).collect();
        assert_eq!(told, [("sign", &json!("sign_project_agreement"), "AGREEMENT_MISSING"), ("cancel", &json!("move_on_project"), "PROJECT_ALLOCATED")]);
    }

    Stage::Open, fn ac_35_inv_16_twenty_four_pilots_each_answer_a_need_and_the_twenty_fifth_has_to(town) {
        let scene = scene(town);
        let titles: Vec<String> = (1..=24).map(|number| format!("Besoin {number}")).collect();
        let needs: Vec<&str> = titles.iter().map(String::as_str).collect();
        let meeting = crate::programme::met(town, "ML07", &needs, &json!({})).expect(201).json();
        let pilot = |need_ids: Value| {
            json!({ "instrument": "community_pilot", "proposal/requester_kind": "community", "proposal/need_ids": need_ids, "proposal/area": null })
        };
        for (number, need) in meeting["needs"].as_array().expect("needs").iter().enumerate() {
            let project = scene.drafted(&format!("CP-{number}"), &pilot(json!([need["id"]])));
            scene.submit(&project).expect(200);
        }
        let orphan = scene.drafted("CP-25", &pilot(json!([])));
        scene.submit(&orphan).refused(422, "NEED_REQUIRED");
        // INV-16: the need is one of the place of the project.
        let mopti = crate::programme::met(town, "ML05", &["Puits"], &json!({})).expect(201).text("/needs/0/id");
        let foreign = scene.drafted("CP-26", &pilot(json!([mopti])));
        scene.submit(&foreign).refused(422, "NEED_ELSEWHERE");
        let listed = town.client("auditor").get(&town.path("/projects?instrument=community_pilot&state=submitted&limit=200")).expect(200).json();
        let submitted = listed["data"].as_array().expect("rows");
        assert_eq!(submitted.len(), 24);
        assert!(submitted.iter().all(|row| row["need_ids"].as_array().is_some_and(|needs| !needs.is_empty())), "no orphan");
    }

    Stage::Open, fn inv_35_lists_follow_places_down_and_hide_what_is_above_the_caller(town) {
        let scene = scene(town);
        let seen = scene.drafted("QIP-1", &json!({}));
        // INV-35: what is above the caller is absent everywhere.
        let hidden = scene.drafted("QIP-2", &json!({ "sensitivity": "restricted" }));
        let count = |login: &str, query: &str| {
            town.client(login).get(&town.path(&format!("/projects?{query}"))).expect(200).json()["data"].as_array().map(Vec::len)
        };
        assert_eq!((count("auditor", "q=mobilisation"), count("certifier", "q=mobilisation")), (Some(2), Some(1)));
        assert_eq!(count("partner-system", "instrument=quick_impact"), Some(1));
        for reading in ["", "/transitions", "/history", "/overlaps"] {
            town.client("certifier").get(&format!("{hidden}{reading}")).refused(404, "NOT_FOUND");
        }
        let csv = town.client("partner-system").get(&town.path("/projects?format=csv")).expect(200);
        assert!(!String::from_utf8_lossy(&csv.bytes).contains("QIP-2"));
        // Nor is it among the similar projects of one that is below.
        scene.submit(&hidden).expect(200);
        let similar = |login: &str| town.client(login).get(&format!("{seen}/overlaps")).expect(200).json().as_array().map(Vec::len);
        assert_eq!((similar("auditor"), similar("certifier")), (Some(1), Some(0)));
        // A project in a cercle is found in its region, and not in another.
        let cercle = town.stranger().get(&format!("/v1/territorial-units?parent={}&level=cercle&limit=1", scene.gao)).expect(200).text("/data/0/id");
        let shares = json!([{ "dimension": "place", "term": cercle, "bps": 10_000 }]);
        scene.drafted("QIP-3", &json!({ "proposal/shares": shares, "proposal/title": "Puits" }));
        assert_eq!(count("auditor", &format!("q=puits&territorial_unit_id={}", scene.gao)), Some(1));
        assert_eq!(count("auditor", &format!("q=puits&territorial_unit_id={}", place(town, "ML05"))), Some(0));
        assert_eq!(count("auditor", "sector=social_cohesion"), Some(2));
        assert_eq!(count("auditor", "state_class=not_started"), Some(0));
        scene.draft("QIP-4", &json!({ "sensitivity": "sealed" })).refused(422, "PROJECT_SENSITIVITY_INVALID");
    }
}
