//! The life of a budget, from the draft to what the State representative makes executable.
//!
//! A voted edition is never edited: rework copies it into the next edition. Who may act is declared with the operations
//! of the API; here stand the states, the moves and the guards.

use chrono::NaiveDate;

use super::nomenclature::Nomenclature;
use super::{
    BUDGET_CONSULTATION_MISSING, BUDGET_DEBATE_MISSING, BUDGET_DOCUMENTS_MISSING, BUDGET_EMPTY_SECTION, BUDGET_MANDATORY_MISSING,
    BUDGET_NO_QUORUM, BUDGET_NOTICE_REQUIRED, BUDGET_PLAN_LINK_MISSING, BUDGET_VOTE_INCONSISTENT, Direction, Line,
    STATE_TRANSITION_INVALID, Section, Totals,
};
use crate::money::Currency;
use crate::participation::{Consultation, PublicDebate};
use crate::refusal::Refusal;
use crate::word::Word;
use crate::words;

words! {
    /// The state of a budget.
    pub enum BudgetState {
        /// Brouillon.
        Draft = "draft",
        /// En concertation: consultations of villages and public debate.
        InConsultation = "in_consultation",
        /// Soumis au conseil.
        Tabled = "tabled",
        /// Voté.
        Voted = "voted",
        /// Rejeté par le conseil.
        RejectedByCouncil = "rejected_by_council",
        /// Transmis au représentant de l'État.
        Transmitted = "transmitted",
        /// Renvoyé pour une seconde lecture.
        Returned = "returned",
        /// Approuvé: executable.
        Approved = "approved",
        /// Réglé d'office: executable.
        SettledExOfficio = "settled_ex_officio",
        /// Clos.
        Closed = "closed",
    }
}

words! {
    /// What can be done to a budget.
    pub enum BudgetAction {
        /// Open consultation and public debate.
        OpenConsultation = "open_consultation",
        /// Table it before the council.
        Table = "table",
        /// Record the vote of the council.
        Vote = "vote",
        /// Take it up again after a rejection or a return.
        Rework = "rework",
        /// Send it to the State representative.
        Transmit = "transmit",
        /// Approve it.
        Approve = "approve",
        /// Return it for a second reading.
        Return = "return",
        /// Settle it ex officio.
        Settle = "settle",
    }
}

words! {
    /// Why a budget is returned.
    pub enum ReturnReason {
        /// Receipts and expenditure differ, or estimates are not sincere.
        Unbalanced = "unbalanced",
        /// Mandatory expenditure is missing or insufficient.
        Mandatory = "mandatory",
        /// A provision is against the law.
        Illegal = "illegal",
        /// Convocation, quorum, debate or vote was irregular.
        Procedure = "procedure",
    }
}

impl BudgetState {
    /// Approved or settled ex officio: money may be committed on it.
    pub fn is_executable(self) -> bool {
        matches!(self, Self::Approved | Self::SettledExOfficio)
    }

    /// Whether lines may still be changed.
    pub fn is_editable(self) -> bool {
        matches!(self, Self::Draft | Self::InConsultation)
    }

    /// The actions that start from this state.
    pub fn actions(self) -> Vec<BudgetAction> {
        BudgetAction::ALL.iter().copied().filter(|action| self.after(*action).is_some()).collect()
    }

    /// Where an action leads; a vote that is not carried leads to [`BudgetState::RejectedByCouncil`] instead.
    pub fn after(self, action: BudgetAction) -> Option<BudgetState> {
        use BudgetAction as A;
        use BudgetState as S;
        Some(match (self, action) {
            (S::Draft, A::OpenConsultation) => S::InConsultation,
            (S::InConsultation, A::Table) => S::Tabled,
            (S::Tabled, A::Vote) => S::Voted,
            (S::RejectedByCouncil | S::Returned, A::Rework) => S::InConsultation,
            (S::Voted, A::Transmit) => S::Transmitted,
            (S::Transmitted, A::Approve) => S::Approved,
            (S::Transmitted, A::Return) => S::Returned,
            (S::Returned, A::Settle) => S::SettledExOfficio,
            _ => return None,
        })
    }

    /// The state after an action, or a refusal that names what is possible.
    pub fn act(self, action: BudgetAction) -> Result<BudgetState, Refusal> {
        self.after(action).ok_or_else(|| {
            let allowed: Vec<String> = self.actions().into_iter().map(|action| action.as_str().to_owned()).collect();
            STATE_TRANSITION_INVALID.refuse().with("state", self).with("allowed", allowed)
        })
    }
}

/// What the guards of a budget look at.
pub struct Facts<'a> {
    pub currency: Currency,
    pub lines: &'a [Line],
    pub nomenclature: &'a Nomenclature,
    pub consultations: &'a [Consultation],
    pub debates: &'a [PublicDebate],
    /// Parameter `village_consultation_required`.
    pub consultation_required: bool,
    /// Parameter `public_debate_required`.
    pub debate_required: bool,
    /// How often the State representative has returned it.
    pub returns: i32,
    /// The documents that stand with it: "deliberation", "annexes".
    pub documents: &'a [&'a str],
    /// A formal notice was recorded.
    pub notice: bool,
}

/// A condition of an action, which refuses with its facts when it is not met.
type Guard<F> = fn(&F) -> Result<(), Refusal>;

impl Facts<'_> {
    /// Every guard that an action does not meet, the first being the one to answer with.
    pub fn unmet(&self, action: BudgetAction) -> Vec<Refusal> {
        let guards: &[Guard<Self>] = match action {
            BudgetAction::OpenConsultation => &[Self::sections_filled],
            BudgetAction::Table => &[Self::sections_filled, Self::consulted, Self::debated, Self::balanced, Self::mandatory, Self::planned],
            BudgetAction::Vote => &[Self::balanced],
            BudgetAction::Transmit => &[Self::documented],
            BudgetAction::Approve => &[Self::balanced, Self::mandatory],
            BudgetAction::Settle => &[Self::noticed, Self::balanced],
            BudgetAction::Rework | BudgetAction::Return => &[],
        };
        guards.iter().filter_map(|guard| guard(self).err()).collect()
    }

    /// Refuses an action whose guards are not all met: the first as code and facts, all of them as errors.
    pub fn require(&self, action: BudgetAction) -> Result<(), Refusal> {
        let unmet = self.unmet(action);
        let mut all = unmet.iter().flat_map(|refusal| refusal.clone().at("").errors).collect::<Vec<_>>();
        match unmet.into_iter().next() {
            None => Ok(()),
            Some(mut first) => {
                first.errors = std::mem::take(&mut all);
                Err(first)
            }
        }
    }

    fn sections_filled(&self) -> Result<(), Refusal> {
        let mut missing = Vec::new();
        for section in Section::ALL {
            for direction in Direction::ALL {
                if !self.lines.iter().any(|line| line.section == *section && line.direction == *direction) {
                    missing.push(format!("{section} {direction}"));
                }
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(BUDGET_EMPTY_SECTION.refuse().with("missing", missing)) }
    }

    fn balanced(&self) -> Result<(), Refusal> {
        Totals::of(self.lines).unwrap_or_default().require_balance(self.currency)
    }

    fn mandatory(&self) -> Result<(), Refusal> {
        let articles = self.nomenclature.mandatory_missing(self.lines);
        if articles.is_empty() { Ok(()) } else { Err(BUDGET_MANDATORY_MISSING.refuse().with("articles", articles)) }
    }

    fn capital_works(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.section == Section::Capital && line.direction == Direction::Expenditure && line.executable)
    }

    fn planned(&self) -> Result<(), Refusal> {
        let lines: Vec<String> = self
            .capital_works()
            .filter(|line| line.location.is_none() || (line.plan_action.is_none() && line.non_project_reason.is_none()))
            .map(Line::code)
            .collect();
        if lines.is_empty() { Ok(()) } else { Err(BUDGET_PLAN_LINK_MISSING.refuse().with("lines", lines)) }
    }

    /// Every place that is to receive an investment was consulted.
    fn consulted(&self) -> Result<(), Refusal> {
        if !self.consultation_required {
            return Ok(());
        }
        let mut places: Vec<String> = self
            .capital_works()
            .filter_map(|line| line.location.clone())
            .filter(|place| !self.consultations.iter().any(|held| held.place == *place))
            .collect();
        places.sort();
        places.dedup();
        if self.consultations.is_empty() && places.is_empty() {
            places.push("*".to_owned());
        }
        if places.is_empty() { Ok(()) } else { Err(BUDGET_CONSULTATION_MISSING.refuse().with("places", places)) }
    }

    fn debated(&self) -> Result<(), Refusal> {
        if self.debate_required && self.debates.is_empty() { Err(BUDGET_DEBATE_MISSING.refuse()) } else { Ok(()) }
    }

    fn documented(&self) -> Result<(), Refusal> {
        let missing: Vec<String> =
            ["deliberation", "annexes"].into_iter().filter(|name| !self.documents.contains(name)).map(str::to_owned).collect();
        if missing.is_empty() { Ok(()) } else { Err(BUDGET_DOCUMENTS_MISSING.refuse().with("documents", missing)) }
    }

    fn noticed(&self) -> Result<(), Refusal> {
        if self.notice && self.returns >= 2 { Ok(()) } else { Err(BUDGET_NOTICE_REQUIRED.refuse()) }
    }
}

/// The most councillors that a council can have.
pub const COUNCIL_MAX: i32 = 200;

/// A vote of the council.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    pub held_on: NaiveDate,
    pub serving: i32,
    pub present: i32,
    pub votes_for: i32,
    pub votes_against: i32,
    pub abstentions: i32,
}

impl Vote {
    /// What the council decided. Quorum: a majority of serving members. Carried: more votes for than against.
    pub fn outcome(&self, debates: &[PublicDebate], debate_required: bool) -> Result<BudgetState, Refusal> {
        let counted = i64::from(self.votes_for) + i64::from(self.votes_against) + i64::from(self.abstentions);
        let counts = [self.serving, self.present, self.votes_for, self.votes_against, self.abstentions];
        if counts.iter().any(|count| !(0..=COUNCIL_MAX).contains(count)) || counted > i64::from(self.present) || self.present > self.serving
        {
            return Err(BUDGET_VOTE_INCONSISTENT
                .refuse()
                .with("counted", counted)
                .with("present", self.present)
                .with("serving", self.serving));
        }
        if i64::from(self.present) * 2 <= i64::from(self.serving) {
            return Err(BUDGET_NO_QUORUM
                .refuse()
                .with("present", self.present)
                .with("required", self.serving / 2 + 1)
                .with("serving", self.serving)
                .at("/present"));
        }
        if debate_required && !debates.iter().any(|debate| debate.held_on < self.held_on) {
            return Err(BUDGET_DEBATE_MISSING.refuse().at("/held_on"));
        }
        Ok(if self.votes_for > self.votes_against { BudgetState::Voted } else { BudgetState::RejectedByCouncil })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("date")
    }

    #[test]
    fn only_the_written_moves_exist() {
        let moves: usize = BudgetState::ALL.iter().map(|state| state.actions().len()).sum();
        assert_eq!(moves, 9);
        let refusal = BudgetState::Draft.act(BudgetAction::Vote).expect_err("not from a draft");
        assert_eq!(refusal.detail_en(), "State: draft. Possible actions: open_consultation.");
    }

    #[test]
    fn a_vote_needs_quorum_debate_and_majority() {
        let debates = [PublicDebate { held_on: day("2024-10-19") }];
        let vote = Vote { held_on: day("2024-10-28"), serving: 17, present: 9, votes_for: 5, votes_against: 4, abstentions: 0 };
        assert_eq!(vote.outcome(&debates, true), Ok(BudgetState::Voted));
        assert_eq!(Vote { votes_for: 4, ..vote }.outcome(&debates, true), Ok(BudgetState::RejectedByCouncil), "a tie is not carried");
        let code = |vote: Vote, debates: &[PublicDebate]| vote.outcome(debates, true).map_err(|refusal| refusal.code.name);
        assert_eq!(code(Vote { present: 8, votes_against: 3, ..vote }, &debates), Err("BUDGET_NO_QUORUM"));
        assert_eq!(code(Vote { held_on: day("2024-10-19"), ..vote }, &debates), Err("BUDGET_DEBATE_MISSING"), "the debate comes before");
        assert_eq!(code(Vote { votes_for: 6, ..vote }, &debates), Err("BUDGET_VOTE_INCONSISTENT"));
        assert_eq!(code(Vote { serving: 201, present: 150, ..vote }, &debates), Err("BUDGET_VOTE_INCONSISTENT"));
        assert_eq!(code(vote, &[]), Err("BUDGET_DEBATE_MISSING"));
    }
}
