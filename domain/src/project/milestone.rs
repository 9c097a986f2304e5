//! What a project has to reach, what visits found of it, and when its work is done.

use chrono::{Days, NaiveDate};

use super::evidence::judge;
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    MILESTONE_EVIDENCE_MISSING: Rule,
        "Preuve absente" / "Evidence missing",
        "Un jalon atteint, même en partie, repose sur une pièce." / "A milestone that is met, even in part, rests on a document.";
    MILESTONE_REASON_INVALID: Rule,
        "Motif requis" / "Reason required",
        "Un jalon atteint n'a pas de motif ; tout autre jugement en a un." / "A milestone that is met has no reason; any other judgement has one.";
    EVIDENCE_DUPLICATE: Conflict,
        "Pièce déjà versée" / "Document already there",
        "Cette pièce est déjà versée au jalon." / "This document is there already.";
    OUTPUTS_UNVERIFIED: Rule,
        "Produits non vérifiés" / "Outputs not verified",
        "Produits vérifiés ou dispensés : {done} sur {planned}. Restent : {open}." /
        "Outputs verified or waived: {done} of {planned}. Left: {open}.";
    VISIT_MISSING: Rule,
        "Visite récente requise" / "Recent visit required",
        "Une visite sur place ou d'un tiers depuis le {since} est requise ; la dernière : {last}." /
        "A visit on site or by a third party since {since} is required; the last: {last}.";
    FINDING_UNRESOLVED: Rule,
        "Constat non levé" / "Finding still open",
        "Constats non levés, au moins {severity} : {findings}." / "Findings still open, at least {severity}: {findings}.";
    MILESTONE_SUPERSEDED: Conflict,
        "Garantie remplacée" / "Safeguard superseded",
        "Un contrôle de sensibilité au conflit plus récent ne demande plus cette garantie." /
        "A later conflict-sensitivity check does not ask for this safeguard any more.";
    MILESTONE_TRANCHE_INVALID: Rule,
        "Tranche du jalon" / "Tranche of a milestone",
        "Un jalon de paiement nomme sa tranche, un autre n'en nomme pas." / "A payment milestone names its tranche; another names none.";
}

words! {
    /// What a milestone is about.
    pub enum MilestoneKind {
        /// Something that the project makes.
        Output = "output",
        /// What releases a payment.
        Payment = "payment",
        /// A permit, a title, a decision.
        Legal = "legal",
        /// A measure that protects people or the peace.
        Safeguard = "safeguard",
        /// A purchase.
        Procurement = "procurement",
    }
}

words! {
    /// The state of a milestone.
    pub enum MilestoneState {
        /// Still to come.
        Planned = "planned",
        /// Reached, as evidence shows.
        Met = "met",
        /// Reached in part.
        Partial = "partial",
        /// Not reached.
        Missed = "missed",
        /// Not asked for any more.
        Waived = "waived",
    }
}

words! {
    /// What a verification finds of a milestone.
    pub enum MilestoneVerdict {
        /// It is met.
        Met = "met",
        /// It is met in part.
        Partial = "partial",
        /// It is not met.
        Missed = "missed",
        /// It is not asked for any more.
        Waived = "waived",
    }
}

words! {
    /// How a project was visited.
    pub enum VisitModality {
        /// On the spot.
        OnSite = "on_site",
        /// From afar.
        Remote = "remote",
        /// By a third party.
        ThirdParty = "third_party",
    }
}

words! {
    /// How grave a finding is, the least grave first.
    pub enum FindingSeverity {
        /// To be noted.
        Minor = "minor",
        /// To be put right before the work is closed.
        Major = "major",
        /// Nothing is paid before it is put right.
        Critical = "critical",
    }
}

words! {
    /// The state of a finding.
    pub enum FindingState {
        /// To be put right.
        Open = "open",
        /// Put right.
        Closed = "closed",
    }
}

impl MilestoneVerdict {
    /// The state that it leads to.
    pub fn state(self) -> MilestoneState {
        match self {
            Self::Met => MilestoneState::Met,
            Self::Partial => MilestoneState::Partial,
            Self::Missed => MilestoneState::Missed,
            Self::Waived => MilestoneState::Waived,
        }
    }
}

impl MilestoneState {
    /// Nothing is asked for any more.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Met | Self::Waived)
    }
}

impl VisitModality {
    /// Whether somebody was there.
    pub fn sees_the_place(self) -> bool {
        matches!(self, Self::OnSite | Self::ThirdParty)
    }
}

/// A milestone as verifications look at it; whoever brought evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone<P> {
    pub state: MilestoneState,
    pub authors: Vec<P>,
}

/// Refuses a payment milestone without a tranche, and a tranche of any other.
pub fn accept_tranche(kind: MilestoneKind, tranche: Option<u32>) -> Result<(), Refusal> {
    if (kind == MilestoneKind::Payment) == tranche.is_some() {
        return Ok(());
    }
    Err(MILESTONE_TRANCHE_INVALID.refuse().at("/tranche"))
}

/// What a verification makes of a milestone: by none of those who brought its evidence, with evidence where it is met, with a reason
/// where it is not.
pub fn verify<P: PartialEq>(milestone: &Milestone<P>, verdict: MilestoneVerdict, reason: bool, by: &P) -> Result<MilestoneState, Refusal> {
    judge(milestone.state, !milestone.state.is_settled(), &milestone.authors, by)?;
    if matches!(verdict, MilestoneVerdict::Met | MilestoneVerdict::Partial) && milestone.authors.is_empty() {
        return Err(MILESTONE_EVIDENCE_MISSING.refuse());
    }
    if reason == (verdict == MilestoneVerdict::Met) {
        return Err(MILESTONE_REASON_INVALID.refuse().at("/reason"));
    }
    Ok(verdict.state())
}

/// What is known of the work of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Titles of outputs, and whether each is settled.
    pub outputs: Vec<(String, bool)>,
    /// The last visit of somebody who was there.
    pub last_visit: Option<NaiveDate>,
    /// For how many days a visit is recent.
    pub visit_days: u32,
    /// Findings that are open, with their numbers.
    pub findings: Vec<(i32, FindingSeverity)>,
    /// Titles of conditions of the conflict-sensitivity check that are not settled.
    pub safeguards: Vec<String>,
    /// Tranches whose payment milestone is met or waived.
    pub tranches: Vec<u32>,
    /// Titles of payment milestones that are neither, with the tranche that they release.
    pub tranches_open: Vec<(u32, String)>,
}

impl Work {
    /// Every reason why the work is not done: an output that nobody verified, no recent look at it.
    pub fn incomplete(&self, today: NaiveDate) -> Vec<Refusal> {
        let open = self.outputs_open();
        let (planned, mut found) = (self.outputs.len(), Vec::new());
        if !self.outputs_settled() {
            let refusal = OUTPUTS_UNVERIFIED.refuse().with("planned", planned).with("done", planned - open.len());
            found.push(refusal.with("open", if open.is_empty() { vec!["—".to_owned()] } else { open }));
        }
        let since = today.checked_sub_days(Days::new(u64::from(self.visit_days))).unwrap_or(NaiveDate::MIN);
        if self.last_visit.is_none_or(|last| last < since) {
            let refusal = VISIT_MISSING.refuse().with("since", since).with("days", self.visit_days);
            found.push(refusal.with("last", self.last_visit.map_or_else(|| "—".to_owned(), |last| last.to_string())));
        }
        found
    }

    /// Refuses while findings of at least this severity are open.
    pub fn require_no_finding(&self, severity: FindingSeverity) -> Result<(), Refusal> {
        let open: Vec<String> =
            self.findings.iter().filter(|(_, found)| *found >= severity).map(|(number, _)| number.to_string()).collect();
        if open.is_empty() {
            return Ok(());
        }
        Err(FINDING_UNRESOLVED.refuse().with("severity", severity).with("findings", open))
    }

    /// The numbers of critical findings that are open, which stand before any payment.
    pub fn critical_findings(&self) -> Vec<String> {
        let critical = self.findings.iter().filter(|(_, severity)| *severity == FindingSeverity::Critical);
        critical.map(|(number, _)| number.to_string()).collect()
    }

    /// Titles of outputs that are neither verified nor waived.
    pub fn outputs_open(&self) -> Vec<String> {
        self.outputs.iter().filter(|(_, settled)| !settled).map(|(title, _)| title.clone()).collect()
    }

    /// Whether every output was verified or waived, and there is one.
    pub fn outputs_settled(&self) -> bool {
        !self.outputs.is_empty() && self.outputs.iter().all(|(_, settled)| *settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn a_milestone_is_verified_by_another_person_on_evidence() {
        let code = |state, authors: &[&'static str], verdict, reason, by: &'static str| {
            verify(&Milestone { state, authors: authors.to_vec() }, verdict, reason, &by).map_err(|refusal| refusal.code.name)
        };
        use MilestoneState as S;
        use MilestoneVerdict as V;
        assert_eq!(code(S::Planned, &["a"], V::Met, false, "b"), Ok(S::Met));
        assert_eq!(code(S::Partial, &["a"], V::Met, false, "b"), Ok(S::Met));
        assert_eq!(code(S::Planned, &["a", "b"], V::Met, false, "b"), Err("EVIDENCE_SELF_JUDGED"));
        assert_eq!(code(S::Planned, &[], V::Met, false, "b"), Err("MILESTONE_EVIDENCE_MISSING"));
        assert_eq!(code(S::Planned, &[], V::Partial, true, "b"), Err("MILESTONE_EVIDENCE_MISSING"));
        assert_eq!(code(S::Planned, &[], V::Missed, true, "b"), Ok(S::Missed));
        assert_eq!(code(S::Planned, &[], V::Waived, false, "b"), Err("MILESTONE_REASON_INVALID"));
        assert_eq!(code(S::Planned, &["a"], V::Met, true, "b"), Err("MILESTONE_REASON_INVALID"));
        assert_eq!(code(S::Waived, &["a"], V::Met, false, "b"), Err("EVIDENCE_JUDGED"));
    }

    #[test]
    fn work_is_done_when_outputs_are_verified_and_somebody_was_there_lately() {
        let codes = |work: &Work, today: &str| work.incomplete(day(today)).into_iter().map(|refusal| refusal.code.name).collect::<Vec<_>>();
        let done =
            Work { outputs: vec![("Puits".to_owned(), true)], last_visit: Some(day("2025-01-01")), visit_days: 30, ..Work::default() };
        assert_eq!(codes(&done, "2025-01-31"), [""; 0]);
        assert_eq!(codes(&done, "2025-02-01"), ["VISIT_MISSING"]);
        let open = Work { outputs: vec![("Puits".to_owned(), true), ("Pompe".to_owned(), false)], ..done.clone() };
        let refusal = open.incomplete(day("2025-01-31")).pop().expect("refused");
        assert_eq!((&refusal.facts["done"], &refusal.facts["open"]), (&serde_json::json!(1), &serde_json::json!(["Pompe"])));
        assert_eq!(codes(&Work::default(), "2025-01-31"), ["OUTPUTS_UNVERIFIED", "VISIT_MISSING"]);
        assert!(VisitModality::OnSite.sees_the_place() && VisitModality::ThirdParty.sees_the_place());
        assert!(!VisitModality::Remote.sees_the_place());
    }

    #[test]
    fn a_critical_finding_stands_before_payments_and_a_major_one_before_the_end() {
        let found = |severity| Work { findings: vec![(1, severity)], ..Work::default() };
        assert_eq!(found(FindingSeverity::Major).critical_findings(), [""; 0]);
        assert_eq!(found(FindingSeverity::Critical).critical_findings(), ["1"]);
        assert!(found(FindingSeverity::Major).require_no_finding(FindingSeverity::Major).is_err());
        assert!(found(FindingSeverity::Minor).require_no_finding(FindingSeverity::Major).is_ok());
    }
}
