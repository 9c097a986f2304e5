//! The end of the work: ceremonies in their order, the certificate that both sides sign, what is closed and what was learned.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::ProjectState;
use super::clock::add_months;
use crate::programme::rule_set::RuleSet;
use crate::refusal::{Refusal, codes};
use crate::text::fold;
use crate::word::Word;
use crate::words;

codes! {
    CEREMONY_ORDER: Rule,
        "Cérémonie hors de son ordre" / "Ceremony out of its order",
        "{kind} : {wanted}. État du projet : {state}." / "{kind}: {wanted}. State of the project: {state}.";
    CEREMONY_DUPLICATE: Conflict,
        "Première pierre déjà posée" / "First stone already laid",
        "Un projet n'a qu'une première pierre." / "A project has one first stone.";
    CEREMONY_LINK_INVALID: Rule,
        "Lien non admis" / "Link not allowed",
        "Un lien public commence par https://." / "A public link begins with https://.";
    HANDOVER_UNSIGNED: Rule,
        "Certificat de remise non signé" / "Handover certificate not signed",
        "Il manque : {missing}." / "Missing: {missing}.";
    HANDOVER_SIGNATURE_INVALID: Rule,
        "Signature invalide" / "Invalid signature",
        "Chaque côté signe une fois, pour sa propre organisation : {organisation}." /
        "Each side signs once, for its own organisation: {organisation}.";
    HANDOVER_DRAWN_UP: Conflict,
        "Certificat déjà établi" / "Certificate already drawn up",
        "Le projet a déjà son certificat de remise." / "The project already has its handover certificate.";
    CLOSURE_INCOMPLETE: Rule,
        "Clôture incomplète" / "Closure incomplete",
        "Il manque : {missing}." / "Missing: {missing}.";
    NARRATIVE_SUBMITTED: Conflict,
        "Rapport déjà accepté" / "Report already accepted",
        "Le rapport final est accepté." / "The final report is accepted.";
    NARRATIVE_MISSING: Rule,
        "Rapport absent" / "Report missing",
        "Aucun rapport final n'a été remis." / "No final report was submitted.";
}

words! {
    /// What a project does.
    pub enum ProjectNature {
        /// It builds.
        Construction = "construction",
        /// It equips.
        Equipment = "equipment",
        /// It trains, informs, employs.
        Services = "services",
    }
}

words! {
    /// What is celebrated.
    pub enum CeremonyKind {
        /// The beginning (lancement).
        Launch = "launch",
        /// The first stone (pose de la première pierre).
        FirstStone = "first_stone",
        /// The opening (inauguration).
        Inauguration = "inauguration",
        /// The handing over (remise officielle).
        Handover = "handover",
        /// A presentation.
        Presentation = "presentation",
        /// The delivery of equipment.
        EquipmentDelivery = "equipment_delivery",
    }
}

words! {
    /// To whom something is handed over.
    pub enum RecipientKind {
        /// The local government that keeps the project: its register of assets takes it in.
        Commune = "commune",
        /// A service of the State.
        StateService = "state_service",
        /// A group, a cooperative, a committee of users.
        Community = "community",
        /// Another.
        Other = "other",
    }
}

words! {
    /// The side of a handover.
    pub enum HandoverSide {
        /// Who gives.
        Giver = "giver",
        /// Who receives.
        Recipient = "recipient",
    }
}

words! {
    /// What is handed over.
    pub enum AssetKind {
        /// A building.
        Building = "building",
        /// A water work.
        WaterWork = "water_work",
        /// Land.
        Land = "land",
        /// A vehicle.
        Vehicle = "vehicle",
        /// Medical equipment.
        Medical = "medical",
        /// Computers.
        Computer = "computer",
        /// Of an office.
        Office = "office",
        /// Furniture.
        Furniture = "furniture",
        /// Anything else.
        Other = "other",
    }
}

/// What a ceremony looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occasion {
    pub kind: CeremonyKind,
    pub held_on: NaiveDate,
    pub state: ProjectState,
    pub nature: ProjectNature,
    pub approved_on: Option<NaiveDate>,
    pub certificate: bool,
}

impl Occasion {
    /// Refuses a ceremony before its time.
    pub fn accept(&self) -> Result<(), Refusal> {
        use ProjectState as S;
        let contracted = matches!(
            self.state,
            S::Contracted
                | S::Active
                | S::Suspended
                | S::PhysicallyCompleted
                | S::HandedOver
                | S::OperationallyClosed
                | S::FinanciallyClosed
        );
        let before_handover = matches!(self.state, S::Contracted | S::Active | S::Suspended | S::PhysicallyCompleted);
        let (wanted, holds) = match self.kind {
            CeremonyKind::Launch => ("approved", self.approved_on.is_some_and(|approved| self.held_on >= approved)),
            CeremonyKind::FirstStone => ("construction, contracted", self.nature == ProjectNature::Construction && before_handover),
            CeremonyKind::Handover => {
                ("physically_completed, certificate", matches!(self.state, S::PhysicallyCompleted | S::HandedOver) && self.certificate)
            }
            CeremonyKind::Inauguration | CeremonyKind::Presentation | CeremonyKind::EquipmentDelivery => ("contracted", contracted),
        };
        if holds {
            return Ok(());
        }
        Err(CEREMONY_ORDER.refuse().with("kind", self.kind).with("wanted", wanted).with("state", self.state))
    }
}

/// Refuses a link that is not one of https.
pub fn accept_link(link: &str) -> Result<(), Refusal> {
    let host = link.strip_prefix("https://").unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('.') && !host.contains(['@', ' ', '\\']) { Ok(()) } else { Err(CEREMONY_LINK_INVALID.refuse().at("/public_link")) }
}

/// A certificate of what is handed over, as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Who signed, side by side, and for which organisation.
    pub signed: Vec<(HandoverSide, String)>,
}

impl Certificate {
    /// Refuses a second signature of a side, and two sides of one organisation.
    pub fn accept(&self, side: HandoverSide, organisation: &str) -> Result<(), Refusal> {
        let same = |other: &str| fold(other) == fold(organisation);
        if self.signed.iter().any(|(other, name)| *other == side || same(name)) {
            return Err(HANDOVER_SIGNATURE_INVALID.refuse().with("organisation", organisation));
        }
        Ok(())
    }

    /// The sides that did not sign.
    pub fn missing(&self) -> Vec<String> {
        let signed: BTreeSet<HandoverSide> = self.signed.iter().map(|(side, _)| *side).collect();
        HandoverSide::ALL.iter().filter(|side| !signed.contains(side)).map(|side| side.as_str().to_owned()).collect()
    }
}

/// What stands against handing over: no certificate, or one that a side did not sign.
pub fn unsigned(certificate: Option<&Certificate>) -> Option<Refusal> {
    let missing = certificate.map_or_else(|| vec!["certificate".to_owned()], Certificate::missing);
    (!missing.is_empty()).then(|| HANDOVER_UNSIGNED.refuse().with("missing", missing))
}

/// What is known when the work is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closure {
    pub lessons: usize,
    pub narrative_accepted: bool,
    /// When the final report is due, where the rules or the file say it.
    pub narrative_due_on: Option<NaiveDate>,
}

impl Closure {
    /// What is missing to close the work.
    pub fn unmet(&self) -> Option<Refusal> {
        let missing = [("final_narrative", !self.narrative_accepted && self.narrative_due_on.is_none()), ("lesson", self.lessons == 0)];
        let missing: Vec<String> = missing.into_iter().filter(|(_, missing)| *missing).map(|(what, _)| what.to_owned()).collect();
        (!missing.is_empty()).then(|| CLOSURE_INCOMPLETE.refuse().with("missing", missing))
    }
}

/// When the final report is due under the rules: days after the end, or months after the work is closed. Suspensions do not move it.
pub fn narrative_due_on(rules: &RuleSet, planned_end: NaiveDate, closed_on: NaiveDate) -> Option<NaiveDate> {
    let after_end = |days: u32| planned_end.checked_add_days(Days::new(u64::from(days))).unwrap_or(planned_end);
    rules.narrative_days.map(after_end).or_else(|| rules.narrative_months.map(|months| add_months(closed_on, months)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programme::Instrument;
    use crate::programme::rule_set::find;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn ac_08_ceremonies_follow_the_work() {
        use CeremonyKind as K;
        use ProjectState as S;
        let occasion = |kind, state, nature| Occasion {
            kind,
            held_on: day("2018-06-05"),
            state,
            nature,
            approved_on: Some(day("2018-06-05")),
            certificate: true,
        };
        let holds = |kind, state| occasion(kind, state, ProjectNature::Construction).accept().is_ok();
        assert!(!holds(K::FirstStone, S::Approved) && holds(K::FirstStone, S::Contracted) && holds(K::FirstStone, S::PhysicallyCompleted));
        assert!(!holds(K::FirstStone, S::HandedOver));
        assert!(occasion(K::FirstStone, S::Active, ProjectNature::Services).accept().is_err(), "nothing is built");
        assert!(!holds(K::Handover, S::Active) && holds(K::Handover, S::PhysicallyCompleted) && holds(K::Handover, S::HandedOver));
        let bare = Occasion { certificate: false, ..occasion(K::Handover, S::PhysicallyCompleted, ProjectNature::Construction) };
        assert_eq!(bare.accept().map_err(|refusal| refusal.code.name), Err("CEREMONY_ORDER"));
        assert!(holds(K::Launch, S::Approved));
        let early = Occasion { held_on: day("2018-06-04"), ..occasion(K::Launch, S::Approved, ProjectNature::Services) };
        assert!(early.accept().is_err());
        for kind in [K::Inauguration, K::Presentation, K::EquipmentDelivery] {
            assert!(!holds(kind, S::Approved) && holds(kind, S::Active), "{kind}");
        }
        for (link, taken) in [("https://un.org/gao", true), ("http://un.org", false), ("https://", false), ("https://a@b.c", false)] {
            assert_eq!(accept_link(link).is_ok(), taken, "{link}");
        }
    }

    #[test]
    fn two_organisations_sign_each_side_once() {
        let mut certificate = Certificate::default();
        assert_eq!(unsigned(None).map(|refusal| refusal.facts["missing"].clone()), Some(serde_json::json!(["certificate"])));
        assert_eq!(certificate.missing(), ["giver", "recipient"]);
        certificate.signed.push((HandoverSide::Giver, "Coopérative".to_owned()));
        assert!(certificate.accept(HandoverSide::Giver, "Protection civile").is_err());
        assert!(certificate.accept(HandoverSide::Recipient, "COOPERATIVE").is_err());
        assert!(certificate.accept(HandoverSide::Recipient, "Protection civile").is_ok());
        assert!(unsigned(Some(&certificate)).is_some());
        certificate.signed.push((HandoverSide::Recipient, "Protection civile".to_owned()));
        assert_eq!(unsigned(Some(&certificate)), None);
    }

    #[test]
    fn work_is_closed_with_a_lesson_and_a_report_or_its_day() {
        let missing = |closure: Closure| closure.unmet().map(|refusal| refusal.facts["missing"].clone());
        assert_eq!(missing(Closure::default()), Some(serde_json::json!(["final_narrative", "lesson"])));
        assert_eq!(missing(Closure { lessons: 1, narrative_accepted: true, narrative_due_on: None }), None);
        assert_eq!(missing(Closure { lessons: 1, narrative_accepted: false, narrative_due_on: Some(day("2018-01-01")) }), None);
        let due = |instrument| narrative_due_on(find(instrument, 1).expect("shipped"), day("2018-12-29"), day("2019-01-31"));
        assert_eq!(due(Instrument::QuickImpact), Some(day("2019-01-28")));
        assert_eq!(due(Instrument::PeacebuildingImmediate), Some(day("2019-04-30")));
        assert_eq!(due(Instrument::TrustFund), None);
    }
}
