//! Expenditure: commitment, verification, payment order, acceptance or rejection, payment, and their corrections.
//!
//! Three acts of the authorising officer, one of the accountant, and never the same person on both sides. Here: the
//! commitment (engagement). The other stages: [`verification`], [`order`], [`payment`]; what must be proven by papers:
//! [`document`].

pub mod document;
pub mod order;
pub mod payment;
pub mod verification;

use chrono::NaiveDate;

use crate::budget::credit::Credit;
use crate::budget::{BUDGET_CONTINGENCY_DIRECT, BUDGET_NOT_EXECUTABLE, Direction, FiscalYearState, Section};
use crate::calendar::FiscalYear;
use crate::ledger::LEDGER_PERIOD_CLOSED;
use crate::money::{Amount, Currency};
use crate::organisation::supplier::Supplier;
use crate::refusal::{Refusal, codes};
use crate::words;
use verification::Advance;

codes! {
    COMMITMENT_IMPUTATION_INVALID: Rule,
        "Imputation invalide" / "Invalid budget line",
        "Un engagement porte sur une ligne de dépense." / "A commitment is charged to a line of expenditure.";
    COMMITMENT_AFTER_CUTOFF: Rule,
        "Engagement tardif" / "Commitment after the cutoff",
        "Les engagements de cette section sont arrêtés le {cutoff} ; utilisez l'exercice suivant." /
        "Commitments of this section end on {cutoff}; use the next fiscal year.";
    DUTIES_SELF_CERTIFICATION: Forbidden,
        "Certification par la même personne" / "Certification by the same person",
        "La même personne ne peut saisir la liquidation et certifier le service fait." /
        "The same person cannot record a verification and certify the service.";
    DUTIES_SAME_PERSON: Forbidden,
        "Même personne des deux côtés" / "Same person on both sides",
        "Qui a préparé, certifié ou signé un ordre ne peut ni le prendre en charge, ni le payer, ni le recouvrer." /
        "Whoever drafted, certified or signed an order can neither accept, pay nor collect it.";
    EXPENDITURE_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state} ; il faut : {required}." / "State: {state}; required: {required}.";
    COMMITMENT_HAS_VERIFICATION: Conflict,
        "Engagement déjà liquidé" / "Commitment already verified",
        "Liquidé : {verified} ({currency}) ; dégagez le reste." / "Verified: {verified} ({currency}); release what remains.";
    COMMITMENT_NOTHING_LEFT: Conflict,
        "Rien à dégager" / "Nothing to release",
        "L'engagement est entièrement liquidé." / "The commitment is wholly verified.";
    COMMITMENT_ADVANCE_OUTSTANDING: Conflict,
        "Avance non récupérée" / "Advance not recovered",
        "Avance accordée : {granted}. Récupérée : {recovered} ({currency}). Récupérez le reste par un décompte ou un reversement." /
        "Advance granted: {granted}. Recovered: {recovered} ({currency}). Recover the rest by a statement or claim it back.";
}

words! {
    /// The state of a commitment (engagement).
    pub enum CommitmentState {
        /// Credit is reserved, nothing verified yet.
        Active = "active",
        /// A part is verified.
        PartlyVerified = "partly_verified",
        /// All is verified.
        Settled = "settled",
        /// What was not verified went back to the available credit (dégagé).
        Released = "released",
        /// Cancelled before anything was verified.
        Cancelled = "cancelled",
    }
}

/// What a commitment is judged on.
pub struct CommitmentFacts<'a> {
    pub currency: Currency,
    pub fiscal_year: FiscalYear,
    pub year_state: FiscalYearState,
    pub budget_executable: bool,
    pub section: Section,
    pub direction: Direction,
    pub chapter: &'a str,
    pub article: &'a str,
    pub line_executable: bool,
    pub credit: Credit,
    pub supplier: &'a Supplier,
    /// The last day for commitments of the section.
    pub cutoff: Option<NaiveDate>,
    pub today: NaiveDate,
}

/// Commits credit: every control of the first stage, or the refusal of the first that fails.
pub fn commit(facts: &CommitmentFacts<'_>, amount: Amount, committed_on: NaiveDate) -> Result<(), Refusal> {
    let year = facts.fiscal_year;
    if !facts.budget_executable {
        return Err(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", year.year()));
    }
    require_open(year, facts.year_state)?;
    year.accept(committed_on, facts.today).map_err(|refusal| refusal.at("/committed_on"))?;
    if facts.direction != Direction::Expenditure {
        return Err(COMMITMENT_IMPUTATION_INVALID.refuse().at("/budget_line_id"));
    }
    if !facts.line_executable {
        return Err(BUDGET_CONTINGENCY_DIRECT.refuse().with("chapter", facts.chapter).at("/budget_line_id"));
    }
    if let Some(cutoff) = facts.cutoff.filter(|cutoff| committed_on > *cutoff) {
        return Err(COMMITMENT_AFTER_CUTOFF.refuse().with("cutoff", cutoff).at("/committed_on"));
    }
    facts.supplier.accept(committed_on)?;
    facts.credit.require(facts.article, amount, facts.currency)
}

/// Refuses to act in a fiscal year that is not open.
pub fn require_open(year: FiscalYear, state: FiscalYearState) -> Result<(), Refusal> {
    match state {
        FiscalYearState::Open => Ok(()),
        other => Err(LEDGER_PERIOD_CLOSED.refuse().with("fiscal_year", year.year()).with("state", other)),
    }
}

/// What is reserved of a commitment, and what is verified of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub amount: Amount,
    pub verified: Amount,
}

impl Committed {
    pub fn remaining(&self) -> Amount {
        self.amount.checked_sub(self.verified).unwrap_or(Amount::ZERO)
    }

    /// The state that these sums are in while the commitment lives.
    pub fn state(&self) -> CommitmentState {
        match self.verified {
            Amount::ZERO => CommitmentState::Active,
            verified if verified == self.amount => CommitmentState::Settled,
            _ => CommitmentState::PartlyVerified,
        }
    }
}

/// The states in which a commitment takes verifications, increases and releases.
pub const LIVE: [CommitmentState; 3] = [CommitmentState::Active, CommitmentState::PartlyVerified, CommitmentState::Settled];

/// Releases what is not verified, once its advance is recovered: gives the amount that goes back to the available credit.
pub fn release(state: CommitmentState, sums: Committed, advance: &Advance, currency: Currency) -> Result<Amount, Refusal> {
    require_state(state, &LIVE)?;
    if advance.recovered < advance.granted {
        return Err(COMMITMENT_ADVANCE_OUTSTANDING
            .refuse()
            .with("granted", advance.granted.display(currency))
            .with("recovered", advance.recovered.display(currency))
            .with("currency", currency.code()));
    }
    let remaining = sums.remaining();
    if remaining.is_zero() { Err(COMMITMENT_NOTHING_LEFT.refuse()) } else { Ok(remaining) }
}

/// Cancels a commitment on which nothing is verified.
pub fn cancel(state: CommitmentState, sums: Committed, currency: Currency) -> Result<Amount, Refusal> {
    require_state(state, &LIVE)?;
    if sums.verified.is_zero() {
        return Ok(sums.amount);
    }
    Err(COMMITMENT_HAS_VERIFICATION.refuse().with("verified", sums.verified.display(currency)).with("currency", currency.code()))
}

/// Refuses an action on something that is not in one of the required states.
pub fn require_state<S: crate::word::Word + PartialEq>(state: S, required: &[S]) -> Result<(), Refusal> {
    if required.contains(&state) {
        return Ok(());
    }
    let required: Vec<String> = required.iter().map(|state| state.as_str().to_owned()).collect();
    Err(EXPENDITURE_STATE_INVALID.refuse().with("state", state).with("required", required))
}
