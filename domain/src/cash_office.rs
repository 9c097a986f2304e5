//! Cash offices (régies): public money in the hands of a cash officer, under the accountant's authority and up to a ceiling.
//!
//! An imprest office (régie d'avances) pays small expenses with money advanced to it, and justifies them. A collection office
//! (régie de recettes) collects, and deposits. Tickets, which a collection office sells: [`ticket`].

pub mod ticket;

use chrono::{Days, Months, NaiveDate};

use crate::calendar::not_future;
use crate::expenditure::DUTIES_SAME_PERSON;
use crate::id::PrincipalId;
use crate::ledger::{Part, Posting, PostingAccounts};
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::word::Word;
use crate::words;

codes! {
    CASH_OFFICE_CEILING: Rule,
        "Plafond de la régie dépassé" / "Ceiling of the cash office exceeded",
        "Plafond : {ceiling}. Détenu : {held}. Demandé : {requested} ({currency})." /
        "Ceiling: {ceiling}. Held: {held}. Requested: {requested} ({currency}).";
    CASH_OFFICE_UNJUSTIFIED_BALANCE: Rule,
        "Avance non justifiée" / "Advance not justified",
        "À reconstituer au plus : {replenishable}. Demandé : {requested}. À justifier d'abord : {to_justify} ({currency})." /
        "To replenish at most: {replenishable}. Requested: {requested}. To justify first: {to_justify} ({currency}).";
    CASH_OFFICE_CLOSED: Conflict,
        "Régie non active" / "Cash office not active",
        "La régie est dans l'état {state} : elle ne reçoit, ne paie ni n'encaisse." /
        "The cash office is in state {state}: it receives, pays and collects nothing.";
    CASH_OFFICE_KIND_INVALID: Rule,
        "Opération d'une autre régie" / "Operation of another kind of cash office",
        "Il faut une régie de la nature {required} ; celle-ci est de la nature {kind}." /
        "A cash office of kind {required} is needed; this one is of kind {kind}.";
    CASH_OFFICE_TERMS_INVALID: Rule,
        "Acte constitutif incohérent" / "Inconsistent founding act",
        "Une régie d'avances fixe un montant unitaire maximal, au plus égal au plafond, et ses articles ; une régie de recettes ni l'un ni l'autre. Régisseur et suppléant sont deux personnes." /
        "An imprest office has a highest unit expense, at most the ceiling, and its articles; a collection office has neither. Cash officer and deputy are two people.";
    CASH_OFFICE_ARTICLE_UNKNOWN: Rule,
        "Article inconnu" / "Unknown article",
        "L'article {article} n'est pas dans la nomenclature en vigueur, ou n'est pas du bon sens." /
        "The article {article} is not in the nomenclature in force, or is of the other direction.";
    CASH_OFFICE_UNIT_MAX: Rule,
        "Dépense unitaire trop élevée" / "Unit expense too high",
        "Au plus {maximum} par dépense ; demandé : {requested} ({currency})." /
        "At most {maximum} per expense; requested: {requested} ({currency}).";
    CASH_OFFICE_ARTICLE_NOT_ALLOWED: Rule,
        "Article non autorisé" / "Article not allowed",
        "La régie ne paie pas sur l'article {article} ; articles autorisés : {allowed}." /
        "The cash office does not pay on article {article}; articles allowed: {allowed}.";
    CASH_OFFICE_INSUFFICIENT: Rule,
        "Encaisse insuffisante" / "Not enough in hand",
        "En caisse : {in_hand}. Demandé : {requested} ({currency})." / "In hand: {in_hand}. Requested: {requested} ({currency}).";
    CASH_OFFICE_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state} ; il faut : {required}." / "State: {state}; required: {required}.";
    CASH_OFFICE_NOT_EMPTY: Conflict,
        "Régie non vide" / "Cash office not empty",
        "Avant la clôture, tout est reversé et rendu. Détenu : {held} ({currency}) ; tickets en main : {tickets}." /
        "Before it is closed, all is paid in and given back. Held: {held} ({currency}); tickets in hand: {tickets}.";
    CASH_OFFICE_OFFICER_INVALID: Rule,
        "Régisseur non habilité" / "Cash officer without the role",
        "Cette personne ne tient pas aujourd'hui la fonction cash_officer dans cette organisation." /
        "This person does not hold the role cash_officer in this organisation today.";
    CASH_OFFICE_NOT_OFFICER: Forbidden,
        "Réservé au régisseur" / "Reserved to its cash officer",
        "Seul le régisseur de cette régie ou son suppléant fait cela." / "Only the cash officer of this office or the deputy does this.";
    CASH_OFFICE_RECEIPT_DUPLICATE: Conflict,
        "Pièce déjà produite" / "Receipt already used",
        "Cette pièce justifie déjà la dépense {expense}." / "This receipt already supports the expense {expense}.";
    JUSTIFICATION_SLIP_TOTAL: Rule,
        "Total du bordereau inexact" / "Wrong slip total",
        "Total annoncé : {stated}. Somme des dépenses : {computed} ({currency})." /
        "Stated total: {stated}. Sum of the expenses: {computed} ({currency}).";
    JUSTIFICATION_SLIP_EXPENSES: Conflict,
        "Dépenses non recevables au bordereau" / "Expenses cannot go on the slip",
        "Seules des dépenses libres de cette régie et d'un même exercice vont sur un bordereau ; en cause : {expenses}." /
        "Only free expenses of this office and of one fiscal year go on a slip; concerned: {expenses}.";
}

words! {
    /// What a cash office does.
    pub enum CashOfficeKind {
        /// Pays small expenses with money advanced to it (régie d'avances).
        Imprest = "imprest",
        /// Collects receipts and deposits them (régie de recettes).
        Collection = "collection",
    }
}

impl CashOfficeKind {
    /// The account of what such offices hold.
    pub fn part(self) -> Part {
        match self {
            CashOfficeKind::Imprest => Part::Imprest,
            CashOfficeKind::Collection => Part::CollectionOffice,
        }
    }
}

words! {
    /// The state of a cash office.
    pub enum CashOfficeState {
        /// Founded by the authorising officer; the accountant has not agreed yet.
        Created = "created",
        /// At work.
        Active = "active",
        /// Stopped: it receives, pays and collects nothing, but justifies, returns and deposits.
        Suspended = "suspended",
        /// Empty and closed for good.
        Closed = "closed",
    }
}

words! {
    /// What moved the money of a cash office. Each movement has one entry of the ledger.
    pub enum CashMovementKind {
        /// Money advanced to an imprest office, or replenished (avance): D 541 / C 515.
        Advance = "advance",
        /// An imprest's expenses charged to a budget line: D 6x / C 541.
        Justification = "justification",
        /// Money of an imprest given back (reversement): D 515 / C 541.
        Return = "return",
        /// A receipt of a collection office: D 542 / C 411 or 471.
        Collection = "collection",
        /// A receipt of a collection office that was entered by mistake and cancelled: D 411 or 471 / C 542.
        Cancellation = "cancellation",
        /// Money of a collection office paid in (versement): D 515 / C 542.
        Deposit = "deposit",
        /// Money missing at an inspection, owed by the cash officer (déficit): D 462 / C 541 or 542.
        Shortage = "shortage",
    }
}

impl CashMovementKind {
    /// Whether the office holds more after it.
    pub fn adds(self) -> bool {
        matches!(self, CashMovementKind::Advance | CashMovementKind::Collection)
    }

    /// What the office holds after a movement; nothing when it would hold less than nothing.
    pub fn apply(self, held: Amount, amount: Amount) -> Option<Amount> {
        if self.adds() { held.checked_add(amount) } else { held.checked_sub(amount) }
    }
}

words! {
    /// The state of an imprest expense.
    pub enum ImprestExpenseState {
        /// Paid by the cash officer; on no slip that stands.
        Recorded = "recorded",
        /// On a justification slip that is not decided yet.
        Submitted = "submitted",
        /// Accepted by the accountant and charged to its line.
        Justified = "justified",
        /// Taken back: the cash officer put the money back.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// The state of a justification slip (bordereau de justification).
    pub enum JustificationSlipState {
        /// Made by the cash officer.
        Submitted = "submitted",
        /// Signed by the authorising officer.
        Signed = "signed",
        /// Accepted by the accountant: each line was charged.
        Accepted = "accepted",
        /// Sent back with a reason; its expenses are free again.
        Rejected = "rejected",
    }
}

words! {
    /// What calls for attention at a cash office. Nothing is refused for it.
    pub enum CashOfficeWarning {
        /// Not inspected for longer than parameter `cash_office_inspection_months`, counted from the activation.
        NotInspected = "CASH_OFFICE_NOT_INSPECTED",
        /// Money has lain in a collection office for longer than parameter `collection_office_deposit_days`.
        DepositDue = "CASH_OFFICE_DEPOSIT_DUE",
        /// A collection office holds its ceiling.
        CeilingReached = "CASH_OFFICE_CEILING_REACHED",
    }
}

/// What the rules look at of a cash office.
#[derive(Clone, Debug)]
pub struct CashOffice {
    pub currency: Currency,
    pub kind: CashOfficeKind,
    pub state: CashOfficeState,
    pub ceiling: Amount,
    /// What it answers for: the balance of its account.
    pub held: Amount,
    /// Expenses of an imprest that are paid and not justified yet, a part of what it holds.
    pub spent: Amount,
    /// The advance that an imprest turns over: what it was given when it held nothing.
    pub standing_advance: Amount,
    pub max_unit_expense: Option<Amount>,
    pub articles: Vec<String>,
    pub cash_officer: PrincipalId,
    pub deputy: Option<PrincipalId>,
    pub activated_on: Option<NaiveDate>,
    pub last_inspected_on: Option<NaiveDate>,
    /// Since when money lies in a collection office without a deposit.
    pub undeposited_since: Option<NaiveDate>,
}

impl CashOffice {
    /// The money that should be counted there.
    pub fn in_hand(&self) -> Amount {
        self.held.checked_sub(self.spent).unwrap_or(Amount::ZERO)
    }

    pub fn require_kind(&self, required: CashOfficeKind) -> Result<(), Refusal> {
        if self.kind == required {
            return Ok(());
        }
        Err(CASH_OFFICE_KIND_INVALID.refuse().with("required", required).with("kind", self.kind))
    }

    /// Refuses to settle at an office that never began or is closed; one that is suspended still settles.
    pub fn require_settling(&self) -> Result<(), Refusal> {
        if self.state == CashOfficeState::Suspended { Ok(()) } else { require_active(self.state) }
    }

    /// Refuses whoever is neither the cash officer nor the deputy.
    pub fn require_officer(&self, caller: PrincipalId) -> Result<(), Refusal> {
        if self.cash_officer == caller || self.deputy == Some(caller) { Ok(()) } else { Err(CASH_OFFICE_NOT_OFFICER.refuse()) }
    }

    fn require_room(&self, amount: Amount) -> Result<(), Refusal> {
        if self.held.checked_add(amount).is_some_and(|held| held <= self.ceiling) {
            return Ok(());
        }
        Err(self
            .about(&CASH_OFFICE_CEILING, amount)
            .with("ceiling", self.show(self.ceiling))
            .with("held", self.show(self.held))
            .at("/amount"))
    }

    fn require_in_hand(&self, amount: Amount) -> Result<(), Refusal> {
        if amount <= self.in_hand() {
            return Ok(());
        }
        Err(self.about(&CASH_OFFICE_INSUFFICIENT, amount).with("in_hand", self.show(self.in_hand())).at("/amount"))
    }

    fn about(&self, code: &'static crate::refusal::Code, requested: Amount) -> Refusal {
        code.refuse().with("requested", self.show(requested)).with("currency", self.currency.code())
    }

    fn show(&self, amount: Amount) -> String {
        amount.display(self.currency)
    }
}

/// Refuses to receive, pay or collect at an office that is not active.
pub fn require_active(state: CashOfficeState) -> Result<(), Refusal> {
    if state == CashOfficeState::Active { Ok(()) } else { Err(CASH_OFFICE_CLOSED.refuse().with("state", state)) }
}

/// Advances money to an imprest, or replenishes it; gives the advance that it turns over from now on. What was advanced
/// before and is not justified is not advanced a second time.
pub fn advance(office: &CashOffice, amount: Amount) -> Result<Amount, Refusal> {
    office.require_kind(CashOfficeKind::Imprest)?;
    require_active(office.state)?;
    office.require_room(amount)?;
    if office.held.is_zero() {
        return Ok(amount);
    }
    let replenishable = office.standing_advance.checked_sub(office.held).unwrap_or(Amount::ZERO);
    match amount.checked_sub(replenishable).filter(|excess| !excess.is_zero()) {
        None => Ok(office.standing_advance),
        Some(excess) => Err(office
            .about(&CASH_OFFICE_UNJUSTIFIED_BALANCE, amount)
            .with("replenishable", office.show(replenishable))
            .with("to_justify", office.show(excess))
            .at("/amount")),
    }
}

/// Pays an expense out of an imprest: by its own officer, on an article that it may pay, within the unit limit and the money.
pub fn spend(office: &CashOffice, caller: PrincipalId, article: &str, amount: Amount) -> Result<(), Refusal> {
    office.require_kind(CashOfficeKind::Imprest)?;
    office.require_officer(caller)?;
    require_active(office.state)?;
    if !office.articles.iter().any(|allowed| allowed == article) {
        let refusal = CASH_OFFICE_ARTICLE_NOT_ALLOWED.refuse().with("article", article).with("allowed", office.articles.clone());
        return Err(refusal.at("/budget_line_id"));
    }
    if let Some(maximum) = office.max_unit_expense.filter(|maximum| amount > *maximum) {
        return Err(office.about(&CASH_OFFICE_UNIT_MAX, amount).with("maximum", office.show(maximum)).at("/amount"));
    }
    office.require_in_hand(amount)
}

/// Gives money of an imprest back.
pub fn give_back(office: &CashOffice, amount: Amount) -> Result<(), Refusal> {
    office.require_kind(CashOfficeKind::Imprest)?;
    office.require_settling()?;
    office.require_in_hand(amount)
}

/// Collects into a collection office: it is active, and holds at most its ceiling.
pub fn collect_into(office: &CashOffice, amount: Amount) -> Result<(), Refusal> {
    office.require_kind(CashOfficeKind::Collection)?;
    require_active(office.state)?;
    office.require_room(amount)
}

/// Takes back a receipt of a collection office: it still has the money.
pub fn uncollect(office: &CashOffice, amount: Amount) -> Result<(), Refusal> {
    office.require_kind(CashOfficeKind::Collection)?;
    office.require_in_hand(amount)
}

/// Deposits money of a collection office.
pub fn deposit(office: &CashOffice, amount: Amount) -> Result<(), Refusal> {
    office.require_kind(CashOfficeKind::Collection)?;
    office.require_settling()?;
    office.require_in_hand(amount)
}

/// Since when money lies in a collection office: the last deposit, or the first receipt after it was empty.
pub fn undeposited_since(office: &CashOffice, kind: CashMovementKind, held: Amount, on: NaiveDate) -> Option<NaiveDate> {
    if office.kind == CashOfficeKind::Imprest || held.is_zero() {
        return None;
    }
    if kind == CashMovementKind::Deposit || office.held.is_zero() { Some(on) } else { office.undeposited_since }
}

/// What an inspection found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    Even,
    /// Money is missing: the cash officer owes it.
    Shortage(Amount),
    /// There is more than there should be: the accountant takes it away.
    Surplus(Amount),
}

/// Compares what was counted with what should be there.
pub fn inspect(office: &CashOffice, counted: Amount) -> Result<Finding, Refusal> {
    office.require_settling()?;
    let expected = office.in_hand();
    Ok(match (expected.checked_sub(counted), counted.checked_sub(expected)) {
        (Some(missing), _) if !missing.is_zero() => Finding::Shortage(missing),
        (_, Some(excess)) if !excess.is_zero() => Finding::Surplus(excess),
        _ => Finding::Even,
    })
}

/// The posting of a movement: X10, X10b, R4, T2 of the posting table. None of what another document posts.
pub fn movement_postings(
    accounts: &PostingAccounts,
    office: CashOfficeKind,
    kind: CashMovementKind,
    amount: Amount,
) -> Option<Vec<Posting>> {
    let other = match kind {
        CashMovementKind::Advance | CashMovementKind::Return | CashMovementKind::Deposit => Part::Treasury,
        CashMovementKind::Shortage => Part::Debtors,
        CashMovementKind::Justification | CashMovementKind::Collection | CashMovementKind::Cancellation => return None,
    };
    let (own, other) = (accounts.of(office.part()), accounts.of(other));
    let (debit, credit) = if kind.adds() { (own, other) } else { (other, own) };
    Some(vec![Posting::debit(debit, amount), Posting::credit(credit, amount)])
}

/// A surplus is taken away by the accountant and waits to be classified: D 515 / C 471.
pub fn surplus_postings(accounts: &PostingAccounts, amount: Amount) -> Vec<Posting> {
    vec![Posting::debit(accounts.of(Part::Treasury), amount), Posting::credit(accounts.of(Part::UnclassifiedReceipts), amount)]
}

/// What a cash office is founded on.
pub struct Terms {
    pub kind: CashOfficeKind,
    pub act_date: NaiveDate,
    pub ceiling: Amount,
    pub max_unit_expense: Option<Amount>,
    pub articles: Vec<String>,
    pub cash_officer: PrincipalId,
    pub deputy: Option<PrincipalId>,
}

/// Founds a cash office.
pub fn found(terms: &Terms, today: NaiveDate) -> Result<(), Refusal> {
    not_future(terms.act_date, today).map_err(|refusal| refusal.at("/act_date"))?;
    accept_officers(terms.cash_officer, terms.deputy)?;
    let at = match (terms.kind, terms.max_unit_expense) {
        (CashOfficeKind::Imprest, None) => Some("/max_unit_expense"),
        (CashOfficeKind::Imprest, Some(maximum)) if maximum > terms.ceiling => Some("/max_unit_expense"),
        (CashOfficeKind::Imprest, Some(_)) => terms.articles.is_empty().then_some("/allowed_articles"),
        (CashOfficeKind::Collection, Some(_)) => Some("/max_unit_expense"),
        (CashOfficeKind::Collection, None) => (!terms.articles.is_empty()).then_some("/allowed_articles"),
    };
    at.map_or(Ok(()), |pointer| Err(CASH_OFFICE_TERMS_INVALID.refuse().at(pointer)))
}

/// Refuses a deputy who is the cash officer.
pub fn accept_officers(cash_officer: PrincipalId, deputy: Option<PrincipalId>) -> Result<(), Refusal> {
    if deputy == Some(cash_officer) { Err(CASH_OFFICE_TERMS_INVALID.refuse().at("/deputy_id")) } else { Ok(()) }
}

/// Closes an office that holds neither money nor tickets.
pub fn close(office: &CashOffice, tickets: i64) -> Result<CashOfficeState, Refusal> {
    require_state(office.state, &[CashOfficeState::Created, CashOfficeState::Active, CashOfficeState::Suspended])?;
    if office.held.is_zero() && tickets == 0 {
        return Ok(CashOfficeState::Closed);
    }
    let refusal = CASH_OFFICE_NOT_EMPTY.refuse().with("held", office.show(office.held)).with("tickets", tickets);
    Err(refusal.with("currency", office.currency.code()))
}

/// Accepts a signed slip: by somebody who neither made nor signed it.
pub fn accept_slip(
    state: JustificationSlipState,
    submitted_by: PrincipalId,
    signed_by: Option<PrincipalId>,
    accountant: PrincipalId,
) -> Result<JustificationSlipState, Refusal> {
    require_state(state, &[JustificationSlipState::Signed])?;
    if submitted_by == accountant || signed_by == Some(accountant) {
        return Err(DUTIES_SAME_PERSON.refuse());
    }
    Ok(JustificationSlipState::Accepted)
}

/// What calls for attention at an office today.
pub fn warnings(
    office: &CashOffice,
    today: NaiveDate,
    inspection_months: Option<i64>,
    deposit_days: Option<i64>,
) -> Vec<CashOfficeWarning> {
    let mut found = Vec::new();
    if office.require_settling().is_err() {
        return found;
    }
    let months = inspection_months.and_then(|months| u32::try_from(months).ok());
    let due = months.and_then(|months| office.last_inspected_on.or(office.activated_on)?.checked_add_months(Months::new(months)));
    if due.is_some_and(|due| due < today) {
        found.push(CashOfficeWarning::NotInspected);
    }
    let days = deposit_days.and_then(|days| u64::try_from(days).ok());
    let due = days.and_then(|days| office.undeposited_since?.checked_add_days(Days::new(days)));
    if due.is_some_and(|due| due < today) {
        found.push(CashOfficeWarning::DepositDue);
    }
    if office.kind == CashOfficeKind::Collection && office.held == office.ceiling {
        found.push(CashOfficeWarning::CeilingReached);
    }
    found
}

/// Refuses an action on something that is not in one of the required states.
pub fn require_state<S: Word + PartialEq>(state: S, required: &[S]) -> Result<(), Refusal> {
    if required.contains(&state) {
        return Ok(());
    }
    let required: Vec<String> = required.iter().map(|state| state.as_str().to_owned()).collect();
    Err(CASH_OFFICE_STATE_INVALID.refuse().with("state", state).with("required", required))
}

#[cfg(test)]
mod tests;
