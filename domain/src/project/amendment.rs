//! Amendments: what of a project is changed after its approval, of what kind that is, and what it takes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Months, NaiveDate};

use super::ProjectState;
use super::clock::add_months;
use super::evidence::judge;
use super::guard::{BudgetCategory, Guard};
use crate::money::Amount;
use crate::programme::rule_set::{ExtensionPolicy, ImplementerKind, RuleSet};
use crate::refusal::{Refusal, codes};
use crate::word::Word;
use crate::words;

codes! {
    AMENDMENT_KIND_MISMATCH: Rule,
        "Avenant d'un autre genre" / "Amendment of another kind",
        "Un avenant de genre {kind} ne change pas cela : {changed}." / "An amendment of the kind {kind} does not change this: {changed}.";
    AMENDMENT_TOO_LATE: Rule,
        "Demande tardive" / "Request too late",
        "La prolongation se demande au plus tard le {latest}, sauf dispense de l'instance de décision." /
        "An extension is asked for by {latest} at the latest, unless the decision body waives it.";
    AMENDMENT_WAIVER_MISSING: Rule,
        "Dispense requise" / "Waiver required",
        "L'instrument ne prolonge que par dispense de l'instance de décision." /
        "The instrument extends only by a waiver of the decision body.";
    AMENDMENT_EXTENSION_EXCEEDED: Rule,
        "Prolongation excessive" / "Extension exceeded",
        "L'instrument prolonge une fois, jusqu'au {latest} au plus tard." / "The instrument extends once, to {latest} at the latest.";
    AMENDMENT_MINUTES_REQUIRED: Rule,
        "Procès-verbal requis" / "Minutes required",
        "Au-delà du seuil de {bps} points de base : {categories}. Le procès-verbal date du {until} au plus tard." /
        "Above the threshold of {bps} basis points: {categories}. The minutes are of {until} at the latest.";
    AMENDMENT_STATE_INVALID: Conflict,
        "Avenant dans un autre état" / "Amendment in another state",
        "État : {state}." / "State: {state}.";
}

words! {
    /// What an amendment is about.
    pub enum AmendmentKind {
        /// More time, no more money.
        NoCostExtension = "no_cost_extension",
        /// More money, perhaps more time.
        CostExtension = "cost_extension",
        /// The same money, spent otherwise.
        BudgetRevision = "budget_revision",
        /// Another objective, or other people who gain from it.
        Scope = "scope",
        /// Another implementer.
        Partner = "partner",
        /// Another place.
        Location = "location",
    }
}

words! {
    /// The state of an amendment.
    pub enum AmendmentState {
        /// Asked for.
        Proposed = "proposed",
        /// Looked at by another person.
        Reviewed = "reviewed",
        /// Decided, to be applied.
        Approved = "approved",
        /// Decided against.
        Refused = "refused",
        /// In force.
        Applied = "applied",
    }
}

words! {
    /// How an amendment is decided.
    pub enum AmendmentDecision {
        /// It is approved.
        Approved = "approved",
        /// It is refused.
        Refused = "refused",
    }
}

words! {
    /// What of a project an amendment changes.
    pub enum AmendedTerm {
        /// The planned end.
        End = "end",
        /// The whole budget.
        Budget = "budget",
        /// Its lines.
        Lines = "lines",
        /// Who carries it out.
        Implementer = "implementer",
        /// Where it is done.
        Places = "places",
        /// What it is for.
        Objective = "objective",
    }
}

/// Where a project can be amended: from the approval until the work is done.
pub const AMENDED: [ProjectState; 4] = [ProjectState::Approved, ProjectState::Contracted, ProjectState::Active, ProjectState::Suspended];

/// How something that a project asks for is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// With everything else that it asks for.
    Revision,
    /// By an amendment that is reviewed and decided.
    Amendment,
}

impl ProjectState {
    /// How something is changed in this state, which amendments may change too if it is a term of the project; or why it is not.
    pub fn change(self, term: Option<AmendedTerm>) -> Result<Change, Refusal> {
        match term {
            _ if self.is_editable() => Ok(Change::Revision),
            Some(_) if AMENDED.contains(&self) => Ok(Change::Amendment),
            _ => self.require_open().and(Err(self.refuse())),
        }
    }
}

impl AmendedTerm {
    /// The term of a member of what a project asks for.
    pub fn of_member(member: &str) -> Option<Self> {
        match member {
            "ends_on" => Some(Self::End),
            "budget" => Some(Self::Budget),
            "lines" => Some(Self::Lines),
            "implementer" => Some(Self::Implementer),
            "shares" => Some(Self::Places),
            "objective" => Some(Self::Objective),
            _ => None,
        }
    }
}

impl AmendmentDecision {
    /// The state that it leads to.
    pub fn state(self) -> AmendmentState {
        match self {
            Self::Approved => AmendmentState::Approved,
            Self::Refused => AmendmentState::Refused,
        }
    }
}

/// What of a project can be amended. `P` names who carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms<P> {
    pub ends_on: NaiveDate,
    pub budget: Amount,
    pub lines: Vec<(BudgetCategory, String, Amount)>,
    pub implementer: Option<(ImplementerKind, P)>,
    /// Places with their shares in basis points.
    pub places: BTreeMap<String, u32>,
    pub objective: String,
}

impl<P: PartialEq> Terms<P> {
    /// What differs in others.
    pub fn changed(&self, after: &Self) -> Vec<AmendedTerm> {
        let differs = [
            (AmendedTerm::End, self.ends_on != after.ends_on),
            (AmendedTerm::Budget, self.budget != after.budget),
            (AmendedTerm::Lines, self.lines != after.lines),
            (AmendedTerm::Implementer, self.implementer != after.implementer),
            (AmendedTerm::Places, self.places != after.places),
            (AmendedTerm::Objective, self.objective != after.objective),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(term, _)| term).collect()
    }

    /// What each category of the budget comes to.
    fn categories(&self) -> BTreeMap<BudgetCategory, i128> {
        let mut sums = BTreeMap::new();
        for (category, _, amount) in &self.lines {
            *sums.entry(*category).or_insert(0) += i128::from(amount.minor());
        }
        sums
    }

    /// Categories that change by more than a share of what they were; what was nothing may not become anything.
    pub fn moved_beyond(&self, after: &Self, bps: u32) -> Vec<BudgetCategory> {
        let (before, after) = (self.categories(), after.categories());
        let all: BTreeSet<BudgetCategory> = before.keys().chain(after.keys()).copied().collect();
        let of = |sums: &BTreeMap<BudgetCategory, i128>, category| sums.get(&category).copied().unwrap_or(0);
        let beyond = |category: &BudgetCategory| {
            let was = of(&before, *category);
            (of(&after, *category) - was).abs() * 10_000 > was * i128::from(bps)
        };
        all.into_iter().filter(beyond).collect()
    }

    /// Whether the whole, or what goes from category to category, changes by more than a share of the budget.
    fn moves_more_than(&self, after: &Self, bps: u32) -> bool {
        let (before, later) = (self.categories(), after.categories());
        let grown = later.iter().map(|(category, sum)| (sum - before.get(category).copied().unwrap_or(0)).max(0));
        let shrunk = before.iter().map(|(category, sum)| (sum - later.get(category).copied().unwrap_or(0)).max(0));
        grown.sum::<i128>().max(shrunk.sum::<i128>()) * 10_000 > i128::from(self.budget.minor()) * i128::from(bps)
    }
}

impl AmendmentKind {
    /// Refuses to change under this kind what belongs to another, or nothing.
    pub fn accept<P: PartialEq>(self, before: &Terms<P>, after: &Terms<P>) -> Result<(), Refusal> {
        use AmendedTerm as T;
        let changed = before.changed(after);
        let only = |allowed: &[T]| changed.iter().all(|term| allowed.contains(term));
        let holds = match self {
            Self::NoCostExtension => changed == [T::End] && after.ends_on > before.ends_on,
            Self::CostExtension => only(&[T::End, T::Budget, T::Lines]) && after.budget > before.budget && after.ends_on >= before.ends_on,
            Self::BudgetRevision => changed == [T::Lines],
            Self::Scope => changed == [T::Objective],
            Self::Partner => changed == [T::Implementer],
            Self::Location => changed == [T::Places],
        };
        if holds {
            return Ok(());
        }
        let changed: Vec<String> = changed.into_iter().map(|term| term.as_str().to_owned()).collect();
        let changed = if changed.is_empty() { vec!["—".to_owned()] } else { changed };
        Err(AMENDMENT_KIND_MISMATCH.refuse().with("kind", self).with("changed", changed))
    }

    /// The guards that the project has to meet with its new terms.
    pub fn guards(self) -> &'static [Guard] {
        match self {
            Self::NoCostExtension | Self::Scope => &[],
            Self::CostExtension => &[Guard::Budget, Guard::Ceiling, Guard::Overhead, Guard::Funds, Guard::Recipients],
            Self::BudgetRevision => &[Guard::Budget, Guard::Overhead],
            Self::Partner => &[Guard::Implementer, Guard::Recipients],
            Self::Location => &[Guard::Splits, Guard::Need],
        }
    }

    /// Whether the check of sensitivity to the conflict has to be made again: another place, another partner, other people, or more than a
    /// share of the money.
    pub fn makes_check_stale<P: PartialEq>(self, before: &Terms<P>, after: &Terms<P>, bps: u32) -> bool {
        matches!(self, Self::Location | Self::Partner | Self::Scope) || before.moves_more_than(after, bps)
    }
}

/// When an extension is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    pub starts_on: NaiveDate,
    /// The end that suspensions moved.
    pub effective_end: NaiveDate,
    pub planned_end: NaiveDate,
    pub asked_end: NaiveDate,
    pub requested_on: NaiveDate,
    /// The decision body waived the rule.
    pub waived: bool,
    /// The project was extended before.
    pub extended: bool,
}

impl Extension {
    /// Refuses an extension that the rules do not bear.
    pub fn accept(&self, rules: &RuleSet) -> Result<(), Refusal> {
        match rules.extension {
            ExtensionPolicy::Waiver if !self.waived => Err(AMENDMENT_WAIVER_MISSING.refuse().at("/waiver_reference")),
            ExtensionPolicy::Waiver | ExtensionPolicy::Agreement => Ok(()),
            ExtensionPolicy::Request => {
                let notice = Months::new(rules.extension_notice_months.unwrap_or(0));
                let latest = self.effective_end.checked_sub_months(notice).unwrap_or(self.effective_end);
                if self.waived || self.requested_on <= latest {
                    return Ok(());
                }
                Err(AMENDMENT_TOO_LATE.refuse().with("latest", latest).at("/requested_on"))
            }
            ExtensionPolicy::Once => {
                let days = (self.planned_end - self.starts_on).num_days();
                let more = days.saturating_mul(i64::from(rules.extension_bps_max.unwrap_or(10_000))) / 10_000;
                let latest = self.planned_end.checked_add_signed(chrono::Duration::days(more)).unwrap_or(self.planned_end);
                if self.waived || (!self.extended && self.asked_end <= latest) {
                    return Ok(());
                }
                let latest = if self.extended { self.planned_end } else { latest };
                Err(AMENDMENT_EXTENSION_EXCEEDED.refuse().with("latest", latest).at("/ends_on"))
            }
        }
    }
}

/// The minutes under which an amendment is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minutes {
    pub requested_on: NaiveDate,
    /// The day of the minutes, if there are some.
    pub held_on: Option<NaiveDate>,
}

/// Refuses to move more than the rules leave to the project without minutes, in time where the rules say when.
pub fn require_minutes<P: PartialEq>(rules: &RuleSet, before: &Terms<P>, after: &Terms<P>, minutes: Minutes) -> Result<(), Refusal> {
    let Some(bps) = rules.reallocation_bps else { return Ok(()) };
    let beyond = before.moved_beyond(after, bps);
    let until = rules.extension_notice_months.map(|months| add_months(minutes.requested_on, months));
    if beyond.is_empty() || minutes.held_on.is_some_and(|held| until.is_none_or(|until| held <= until)) {
        return Ok(());
    }
    let categories: Vec<String> = beyond.into_iter().map(|category| category.as_str().to_owned()).collect();
    let refusal = AMENDMENT_MINUTES_REQUIRED.refuse().with("bps", bps).with("categories", categories);
    let late = if minutes.held_on.is_some() { "/minutes/held_on" } else { "/minutes" };
    Err(refusal.with("until", until.map_or_else(|| "—".to_owned(), |until| until.to_string())).at(late))
}

/// Refuses a step of an amendment out of its order, and by whoever asked for it.
pub fn step<P: PartialEq>(state: AmendmentState, from: AmendmentState, asked_by: P, by: P) -> Result<(), Refusal> {
    if state != from {
        return Err(AMENDMENT_STATE_INVALID.refuse().with("state", state));
    }
    judge(state, true, &[asked_by], &by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::programme::Instrument;
    use crate::programme::rule_set::find;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn money(text: &str) -> Amount {
        Amount::parse(text, Currency::parse("USD").expect("known")).expect("an amount")
    }

    fn terms(grants: &str, staff: &str) -> Terms<u32> {
        let line = |category, amount: &str| (category, "x".to_owned(), money(amount));
        Terms {
            ends_on: day("2018-12-31"),
            budget: Amount::sum([money(grants), money(staff)]).expect("small"),
            lines: vec![line(BudgetCategory::Grants, grants), line(BudgetCategory::Staff, staff)],
            implementer: Some((ImplementerKind::NationalNgo, 1)),
            places: BTreeMap::from([("gao".to_owned(), 10_000)]),
            objective: "Paix".to_owned(),
        }
    }

    fn code<T>(outcome: Result<T, Refusal>) -> Result<T, &'static str> {
        outcome.map_err(|refusal| refusal.code.name)
    }

    #[test]
    fn a_kind_changes_what_belongs_to_it() {
        use AmendmentKind as K;
        let before = terms("100000", "900000");
        let later = Terms { ends_on: day("2019-03-31"), ..before.clone() };
        let dearer = Terms { ends_on: day("2019-03-31"), ..terms("100001", "900000") };
        assert_eq!(code(K::NoCostExtension.accept(&before, &later)), Ok(()));
        assert_eq!(
            code(K::NoCostExtension.accept(&before, &dearer)),
            Err("AMENDMENT_KIND_MISMATCH"),
            "one more is no extension without cost"
        );
        assert_eq!(code(K::NoCostExtension.accept(&later, &before)), Err("AMENDMENT_KIND_MISMATCH"), "an earlier end is none");
        assert_eq!(code(K::CostExtension.accept(&before, &dearer)), Ok(()));
        assert_eq!(code(K::CostExtension.accept(&before, &later)), Err("AMENDMENT_KIND_MISMATCH"));
        let moved = Terms { places: BTreeMap::from([("mopti".to_owned(), 10_000)]), ..before.clone() };
        let other = Terms { implementer: None, ..before.clone() };
        let aim = Terms { objective: "Eau".to_owned(), ..before.clone() };
        let revised = terms("110000", "890000");
        for (kind, after) in [(K::Location, &moved), (K::Partner, &other), (K::Scope, &aim), (K::BudgetRevision, &revised)] {
            for tried in AmendmentKind::ALL {
                assert_eq!(tried.accept(&before, after).is_ok(), *tried == kind, "{tried} for {kind}");
            }
            assert_eq!(kind.makes_check_stale(&before, after, 2000), kind != K::BudgetRevision, "{kind}");
        }
        assert_eq!(code(K::Scope.accept(&before, &before)), Err("AMENDMENT_KIND_MISMATCH"), "nothing is changed");
        assert!(!K::BudgetRevision.makes_check_stale(&before, &terms("300000", "700000"), 2000));
        assert!(K::BudgetRevision.makes_check_stale(&before, &terms("300000.01", "699999.99"), 2000));
        assert!(!K::NoCostExtension.makes_check_stale(&before, &later, 2000));
    }

    #[test]
    fn ac_21_an_extension_is_asked_for_in_time() {
        let asked = Extension {
            starts_on: day("2017-07-01"),
            effective_end: day("2018-12-31"),
            planned_end: day("2018-12-31"),
            asked_end: day("2019-03-31"),
            requested_on: day("2018-09-30"),
            waived: false,
            extended: false,
        };
        let rules = |instrument| find(instrument, 1).expect("shipped");
        let immediate = |asked: Extension| code(asked.accept(rules(Instrument::PeacebuildingImmediate)));
        assert_eq!(immediate(asked), Ok(()));
        let late = Extension { requested_on: day("2018-10-02"), ..asked };
        assert_eq!(immediate(late), Err("AMENDMENT_TOO_LATE"));
        assert_eq!(immediate(Extension { waived: true, ..late }), Ok(()));
        assert_eq!(immediate(Extension { effective_end: day("2019-01-20"), ..late }), Ok(()), "the end was moved");
        let quick = |asked: Extension| code(asked.accept(rules(Instrument::QuickImpact)));
        assert_eq!((quick(asked), quick(Extension { waived: true, ..asked })), (Err("AMENDMENT_WAIVER_MISSING"), Ok(())));
        let pilot = |asked: Extension| code(asked.accept(rules(Instrument::CommunityPilot)));
        // 548 days: half of them is 274 more.
        assert_eq!(pilot(Extension { asked_end: day("2019-10-01"), ..asked }), Ok(()));
        assert_eq!(pilot(Extension { asked_end: day("2019-10-02"), ..asked }), Err("AMENDMENT_EXTENSION_EXCEEDED"));
        assert_eq!(pilot(Extension { extended: true, ..asked }), Err("AMENDMENT_EXTENSION_EXCEEDED"));
        assert_eq!(code(late.accept(rules(Instrument::TrustFund))), Ok(()));
    }

    #[test]
    fn ac_22_above_the_threshold_there_are_minutes_in_time() {
        let before = terms("100000", "900000");
        let decided = |grants: &str, staff: &str, held_on: Option<&str>| {
            let minutes = Minutes { requested_on: day("2018-01-31"), held_on: held_on.map(day) };
            code(require_minutes(find(Instrument::PeacebuildingImmediate, 1).expect("shipped"), &before, &terms(grants, staff), minutes))
        };
        assert_eq!(decided("114999", "885001", None), Ok(()));
        assert_eq!(decided("115000", "885000", None), Ok(()));
        assert_eq!(decided("115001", "884999", None), Err("AMENDMENT_MINUTES_REQUIRED"));
        assert_eq!(decided("115001", "884999", Some("2018-04-30")), Ok(()));
        assert_eq!(decided("115001", "884999", Some("2018-05-01")), Err("AMENDMENT_MINUTES_REQUIRED"));
        let minutes = Minutes { requested_on: day("2018-01-31"), held_on: None };
        let bilateral = find(Instrument::Bilateral, 1).expect("shipped");
        assert_eq!(code(require_minutes(bilateral, &before, &terms("1", "999999"), minutes)), Ok(()), "as the agreement says");
        let quick = find(Instrument::QuickImpact, 2).expect("shipped");
        assert_eq!(code(require_minutes(quick, &before, &terms("100001", "899999"), minutes)), Err("AMENDMENT_MINUTES_REQUIRED"));
    }

    #[test]
    fn steps_follow_one_another_by_other_people() {
        use AmendmentState as S;
        assert_eq!(code(step(S::Proposed, S::Proposed, "a", "b")), Ok(()));
        assert_eq!(code(step(S::Proposed, S::Proposed, "a", "a")), Err("EVIDENCE_SELF_JUDGED"));
        assert_eq!(code(step(S::Proposed, S::Reviewed, "a", "b")), Err("AMENDMENT_STATE_INVALID"));
        assert_eq!(AmendmentDecision::ALL.iter().map(|one| one.state()).collect::<Vec<_>>(), [S::Approved, S::Refused]);
    }
}
