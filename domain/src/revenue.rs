//! Revenue: orders and tax rolls, their acceptance, receipts, and what lowers a debt without money.
//!
//! The authorising officer orders, the accountant accepts and collects; the council writes off and waives.

pub mod receivable;
pub mod recovery;
pub mod share;

pub use receivable::{Allotment, Receivable};

use chrono::{Datelike as _, NaiveDate};

use crate::budget::nomenclature::Levy;
use crate::budget::{BUDGET_NOT_EXECUTABLE, Direction, FiscalYearState};
use crate::calendar::FiscalYear;
use crate::expenditure::payment::{PAYMENT_CASH_LIMIT, PAYMENT_NO_CASH, PaymentMode};
use crate::expenditure::{DUTIES_SAME_PERSON, require_open};
use crate::id::PrincipalId;
use crate::ledger::{Part, Posting};
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::word::Word;
use crate::words;

codes! {
    DEBTOR_DUPLICATE: Conflict,
        "Redevable déjà enregistré" / "Debtor already registered",
        "Le code {code} désigne déjà un redevable." / "The code {code} already names a debtor.";
    DEBTOR_INACTIVE: Rule,
        "Redevable inactif" / "Inactive debtor",
        "Le dossier du redevable {debtor} n'est pas actif." / "The file of debtor {debtor} is not active.";
    LEVY_AUTHORISATION_INVALID: Rule,
        "Article sans autorisation de perception" / "Article without authorisation of levies",
        "L'article {article} n'est pas une taxe ni une redevance votée par le conseil." /
        "Article {article} is neither a tax nor a fee that the council votes.";
    LEVY_AUTHORISATION_DUPLICATE: Conflict,
        "Autorisation déjà enregistrée" / "Authorisation already recorded",
        "La délibération {deliberation_number} autorise déjà l'article {article} pour {fiscal_year}." /
        "Deliberation {deliberation_number} already authorises article {article} for {fiscal_year}.";
    REVENUE_ORDER_NOT_AUTHORISED: Rule,
        "Perception non autorisée" / "Levy not authorised",
        "Aucune délibération enregistrée n'autorise l'article {article} pour l'exercice {fiscal_year}." /
        "No recorded deliberation authorises article {article} for fiscal year {fiscal_year}.";
    REVENUE_ORDER_IMPUTATION_INVALID: Rule,
        "Imputation invalide" / "Invalid budget line",
        "Un titre porte sur une ligne de recette exécutable." / "A revenue order is charged to an executable line of revenue.";
    REVENUE_ORDER_KIND_INVALID: Rule,
        "Nature de titre invalide" / "Invalid kind of revenue order",
        "Titre de nature {kind} : un titre individuel nomme un redevable, un rôle porte sur une taxe ou une redevance et dit combien de \
         redevables il compte, un titre de transfert porte sur une dotation ou une subvention." /
        "Order of kind {kind}: an individual order names a debtor, a roll is on a levy and says how many taxpayers it has, a transfer \
         order is on an endowment or a grant.";
    REVENUE_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state} ; il faut : {required}." / "State: {state}; required: {required}.";
    REVENUE_SUMS_BROKEN: Broken,
        "Montants du titre rompus" / "Broken sums of the order",
        "Le reste à recouvrer deviendrait négatif." / "What is outstanding would become negative.";
    REVENUE_OVERPAYMENT: Rule,
        "Excédent de versement" / "Overpayment",
        "Avertissement, non un refus : {excess} de plus que le dû, porté en excédents de versement ({currency})." /
        "A warning, no refusal: {excess} more than is due, credited to overpayments ({currency}).";
    RECEIPT_NOT_REGULARISABLE: Conflict,
        "Quittance non régularisable" / "Receipt cannot be regularised",
        "La quittance {receipt} n'est pas une recette à classer, est annulée ou déjà régularisée." /
        "Receipt {receipt} is not unclassified, is cancelled, or is already regularised.";
    RECEIPTS_MISMATCH: Rule,
        "Total des quittances inexact" / "Wrong total of the receipts",
        "Somme des quittances : {receipts}. Titre : {amount} ({currency})." / "Sum of the receipts: {receipts}. Order: {amount} ({currency}).";
    RECEIPT_CANCELLED: Conflict,
        "Quittance déjà annulée" / "Receipt already cancelled",
        "La quittance {receipt} est déjà annulée." / "Receipt {receipt} is already cancelled.";
    RECEIPT_IN_USE: Conflict,
        "Quittance utilisée" / "Receipt in use",
        "La quittance {receipt} est régularisée par un titre, ou son excédent est remboursé." /
        "Receipt {receipt} is regularised by an order, or its excess is refunded.";
    REFUND_EXCEEDS_OVERPAYMENT: Rule,
        "Remboursement supérieur à l'excédent" / "Refund exceeds the overpayment",
        "Excédent à rembourser : {excess}. Demandé : {requested} ({currency})." /
        "Excess to refund: {excess}. Requested: {requested} ({currency}).";
    REVENUE_ADJUSTMENT_EXCEEDS_OUTSTANDING: Rule,
        "Montant supérieur au reste à recouvrer" / "Amount exceeds what is outstanding",
        "Reste à recouvrer : {outstanding}. Demandé : {requested} ({currency})." /
        "Outstanding: {outstanding}. Requested: {requested} ({currency}).";
    REVENUE_ADJUSTMENT_KIND_INVALID: Rule,
        "Opération impossible sur ce titre" / "Not possible on this order",
        "Pas de {kind} sur un titre de nature {order_kind}." / "No {kind} on an order of kind {order_kind}.";
    REVENUE_ADJUSTMENT_LINE_INVALID: Rule,
        "Ligne de dépense inattendue" / "Unexpected budget line",
        "La charge se porte sur une ligne du compte {expected} ; sans charge, aucune ligne (compte attendu : {expected})." /
        "The charge goes on a line of account {expected}; where nothing is charged, on none (expected account: {expected}).";
    REVENUE_ADJUSTMENT_DECIDER: Forbidden,
        "Autre autorité compétente" / "Another authority decides",
        "La décision sur {kind} revient à : {decider}." / "A {kind} is decided by: {decider}.";
    WRITE_OFF_TOO_EARLY: Rule,
        "Créance trop récente" / "Debt too recent",
        "Créance de {since} ; admission en non-valeur à partir de {first_year}." /
        "Debt of {since}; it can be written off from {first_year} on.";
    WAIVER_OF_TAX: Rule,
        "Remise d'un impôt" / "Waiver of a tax",
        "Seules les créances non fiscales se remettent ; article : {article}." / "Only debts that are no taxes are waived; article: {article}.";
    CARRIED_RECEIVABLES_EXCEED_BALANCE: Rule,
        "Restes à recouvrer supérieurs au solde" / "Carried receivables exceed the balance",
        "Les restes à recouvrer détaillés du compte {account} font {items} ; le solde repris est {balance}." /
        "The itemised receivables of account {account} make {items}; the balance carried is {balance}.";
    CARRIED_RECEIVABLE_DUPLICATE: Conflict,
        "Reste à recouvrer repris deux fois" / "Receivable carried twice",
        "La créance {reference} du compte {account} est déjà reprise." / "The receivable {reference} of account {account} is already carried.";
    CARRIED_RECEIVABLE_YEAR: Rule,
        "Année d'origine invalide" / "Invalid year of origin",
        "Un reste à recouvrer vient d'un exercice antérieur à {fiscal_year}." / "A carried receivable comes from a year before {fiscal_year}.";
    CARRIED_RECEIVABLE_ARTICLE: Rule,
        "Article inconnu" / "Unknown article",
        "L'article {article} n'est pas un article de recette de la nomenclature." / "Article {article} is no article of revenue of the nomenclature.";
    TRANSFER_LINE_INVALID: Rule,
        "Ligne sans transfert" / "Line without transfers",
        "Une notification porte sur une ligne de dotation ou de subvention." / "A notification is on a line of an endowment or a grant.";
    TRANSFER_DUPLICATE: Conflict,
        "Notification déjà enregistrée" / "Notification already recorded",
        "La notification {reference} est déjà enregistrée." / "The notification {reference} is already recorded.";
}

words! {
    /// What a debtor is.
    pub enum DebtorKind {
        /// A person (personne physique).
        Person = "person",
        /// A company, an association or a public body (personne morale).
        Organisation = "organisation",
    }
}

words! {
    /// What a revenue order is.
    pub enum RevenueOrderKind {
        /// A debt of one debtor (titre individuel).
        Individual = "individual",
        /// A tax roll (rôle): many taxpayers, no single debtor.
        Roll = "roll",
        /// An endowment or a grant of the State, its agencies or a partner.
        Transfer = "transfer",
        /// Expenditure paid without being due, to be paid back (ordre de reversement).
        Recovery = "recovery",
        /// A debt of the organisation from an earlier year that is no longer due (réduction d'un mandat antérieur): income
        /// without money.
        DebtReduction = "debt_reduction",
        /// A debt of an earlier year that the opening balances carry (reste à recouvrer).
        Carried = "carried",
    }
}

words! {
    /// The state of a revenue order (titre de recette).
    pub enum RevenueOrderState {
        /// Drafted; not numbered yet.
        Draft = "draft",
        /// Issued by the authorising officer and numbered.
        Issued = "issued",
        /// Accepted by the accountant (pris en charge) and posted.
        Accepted = "accepted",
        /// Rejected by the accountant, with a reason.
        Rejected = "rejected",
        /// Collected in part.
        PartlyCollected = "partly_collected",
        /// Nothing is outstanding: collected.
        Collected = "collected",
        /// Nothing is outstanding: reduced to zero.
        Cancelled = "cancelled",
        /// Nothing is outstanding, and a part was written off: money that still comes is exceptional income.
        WrittenOff = "written_off",
        /// Nothing is outstanding, and a part was waived.
        Waived = "waived",
    }
}

words! {
    /// Why an accountant rejects a revenue order.
    pub enum RevenueRejectionReason {
        /// The issuer is not accredited.
        Signatory = "signatory",
        /// The budget line is wrong.
        BudgetLine = "budget_line",
        /// The legal basis is missing or does not hold.
        LegalBasis = "legal_basis",
        /// The debtor is wrong or not identified.
        Debtor = "debtor",
        /// The amount is wrong.
        Amount = "amount",
        /// A supporting document is missing or invalid.
        Document = "document",
        /// The order is a duplicate.
        Duplicate = "duplicate",
    }
}

words! {
    /// What lowers a debt without money.
    pub enum RevenueAdjustmentKind {
        /// A part was not due (réduction de titre).
        Reduction = "reduction",
        /// Nothing was due (annulation de titre).
        Cancellation = "cancellation",
        /// The debt cannot be collected (admission en non-valeur); it is not extinguished.
        WriteOff = "write_off",
        /// The debt is remitted (remise gracieuse).
        Waiver = "waiver",
    }
}

words! {
    /// The state of an adjustment.
    pub enum RevenueAdjustmentState {
        /// Proposed; nothing has changed yet.
        Proposed = "proposed",
        /// Granted and posted.
        Granted = "granted",
        /// Refused; nothing has changed.
        Refused = "refused",
    }
}

impl RevenueAdjustmentKind {
    /// Whether the council decides, or else the accountant.
    pub fn by_council(self) -> bool {
        matches!(self, Self::WriteOff | Self::Waiver)
    }

    /// The account that bears it, where it is not the revenue of the year that is reduced.
    pub fn charge(self) -> Part {
        match self {
            Self::Reduction | Self::Cancellation => Part::CancelledPriorOrders,
            Self::WriteOff => Part::WriteOffs,
            Self::Waiver => Part::Waivers,
        }
    }
}

/// What a revenue order is judged on when it is drafted.
#[derive(Clone, Copy, Debug)]
pub struct OrderFacts {
    pub kind: RevenueOrderKind,
    pub fiscal_year: FiscalYear,
    pub year_state: FiscalYearState,
    pub budget_executable: bool,
    pub direction: Direction,
    pub line_executable: bool,
    /// The part of the posting table that owes the revenue of the article.
    pub receivable: Option<Part>,
    pub levy: Option<Levy>,
    pub debtor: bool,
    pub taxpayers: Option<i32>,
    /// Whether it regularises receipts, whose payers are known or need not be.
    pub regularises: bool,
}

/// Drafts an order: gives the part that will owe it.
pub fn draft(facts: &OrderFacts) -> Result<Part, Refusal> {
    if !facts.budget_executable {
        return Err(BUDGET_NOT_EXECUTABLE.refuse().with("fiscal_year", facts.fiscal_year.year()));
    }
    require_open(facts.fiscal_year, facts.year_state)?;
    let Some(part) = facts.receivable.filter(|_| facts.direction == Direction::Revenue && facts.line_executable) else {
        return Err(REVENUE_ORDER_IMPUTATION_INVALID.refuse().at("/budget_line_id"));
    };
    let many = facts.taxpayers.is_some();
    let fits = match facts.kind {
        RevenueOrderKind::Individual => !is_grant(part) && !many && (facts.debtor || facts.regularises),
        RevenueOrderKind::Roll => facts.levy.is_some() && !facts.debtor && facts.taxpayers.is_some_and(|count| count > 0),
        RevenueOrderKind::Transfer => is_grant(part) && !many,
        RevenueOrderKind::Recovery | RevenueOrderKind::DebtReduction | RevenueOrderKind::Carried => false,
    };
    if fits {
        return Ok(part);
    }
    let missing = match facts.kind {
        RevenueOrderKind::Individual if !facts.debtor && !facts.regularises => "/debtor_id",
        RevenueOrderKind::Roll if !many => "/taxpayers",
        _ => "/kind",
    };
    Err(REVENUE_ORDER_KIND_INVALID.refuse().with("kind", facts.kind).at(missing))
}

/// Whether a part owes endowments or grants.
pub fn is_grant(part: Part) -> bool {
    matches!(part, Part::StateGrants | Part::InvestmentGrants)
}

/// Refuses to issue an order on a levy that the council has not authorised for the year.
pub fn require_authorised(levy: Option<Levy>, authorised: bool, article: &str, fiscal_year: i32) -> Result<(), Refusal> {
    if levy.is_none() || authorised {
        return Ok(());
    }
    Err(REVENUE_ORDER_NOT_AUTHORISED.refuse().with("article", article).with("fiscal_year", fiscal_year))
}

/// Refuses an action on something that is not in one of the required states.
pub fn require_state<S: Word + PartialEq + std::fmt::Display>(state: S, required: &[S]) -> Result<(), Refusal> {
    if required.contains(&state) {
        return Ok(());
    }
    let required: Vec<String> = required.iter().map(|state| state.as_str().to_owned()).collect();
    Err(REVENUE_STATE_INVALID.refuse().with("state", state.as_str()).with("required", required))
}

/// Refuses, on one side of an order, whoever had a hand in the other side.
pub fn keep_apart(hands: &[Option<PrincipalId>], principal: PrincipalId) -> Result<(), Refusal> {
    if hands.contains(&Some(principal)) { Err(DUTIES_SAME_PERSON.refuse()) } else { Ok(()) }
}

/// What an adjustment is judged on.
#[derive(Clone, Copy, Debug)]
pub struct AdjustmentFacts<'a> {
    pub kind: RevenueAdjustmentKind,
    pub order_kind: RevenueOrderKind,
    /// The year in which the debt arose.
    pub since: i32,
    pub fiscal_year: i32,
    pub article: Option<&'a str>,
    pub levy: Option<Levy>,
    /// Parameter `write_off_min_years`.
    pub write_off_min_years: i32,
    pub today: NaiveDate,
}

impl AdjustmentFacts<'_> {
    /// Whether it reduces the revenue of the year, and is no charge.
    pub fn reduces_revenue(&self) -> bool {
        let reduces = matches!(self.kind, RevenueAdjustmentKind::Reduction | RevenueAdjustmentKind::Cancellation);
        reduces && self.order_kind != RevenueOrderKind::Carried && self.fiscal_year == self.today.year()
    }

    /// Every control but that of the amount and of the budget line.
    pub fn accept(&self) -> Result<(), Refusal> {
        let kind_invalid = || REVENUE_ADJUSTMENT_KIND_INVALID.refuse().with("kind", self.kind).with("order_kind", self.order_kind);
        match self.kind {
            // What comes from expenditure is reduced there.
            _ if self.order_kind == RevenueOrderKind::Recovery && self.kind != RevenueAdjustmentKind::WriteOff => Err(kind_invalid()),
            RevenueAdjustmentKind::WriteOff if self.today.year() - self.since < self.write_off_min_years => {
                Err(WRITE_OFF_TOO_EARLY.refuse().with("since", self.since).with("first_year", self.since + self.write_off_min_years))
            }
            RevenueAdjustmentKind::Waiver if self.article.is_none() || self.levy == Some(Levy::Tax) => {
                Err(WAIVER_OF_TAX.refuse().with("article", self.article.unwrap_or("-")))
            }
            _ => Ok(()),
        }
    }
}

/// What a refund is paid from.
#[derive(Clone, Debug)]
pub struct RefundFacts {
    pub currency: Currency,
    /// The debit balance of the account that pays.
    pub cash: Amount,
    pub cash_account: String,
    /// Parameter `cash_payment_max`.
    pub cash_ceiling: Option<Amount>,
}

/// Refuses a refund that the money or the rule on cash does not allow.
pub fn refund(facts: &RefundFacts, amount: Amount, mode: PaymentMode) -> Result<(), Refusal> {
    let currency = facts.currency;
    if let Some(ceiling) = facts.cash_ceiling.filter(|ceiling| mode == PaymentMode::Cash && amount > *ceiling) {
        return Err(PAYMENT_CASH_LIMIT.refuse().with("ceiling", ceiling.display(currency)).with("currency", currency.code()).at("/amount"));
    }
    if facts.cash < amount {
        return Err(PAYMENT_NO_CASH.refuse().with("account", &facts.cash_account));
    }
    Ok(())
}

/// R1, R2, R5, R9 and R10: an order is accepted. Who owes (or what was received before) is debited, the article's account is
/// credited with the own share, the shares of others are credited to them.
pub fn order_accepted(debit: &str, income: &str, own: Amount, shared: &str, others: Amount) -> Vec<Posting> {
    let amount = own.checked_add(others).unwrap_or_default();
    with_amount([Posting::debit(debit, amount), Posting::credit(income, own), Posting::credit(shared, others)])
}

/// R6 in the year of the order: the opposite of its acceptance, for a part.
pub fn order_reduced(receivable: &str, income: &str, own: Amount, shared: &str, others: Amount) -> Vec<Posting> {
    let amount = own.checked_add(others).unwrap_or_default();
    with_amount([Posting::debit(income, own), Posting::debit(shared, others), Posting::credit(receivable, amount)])
}

/// R3, R5, R11 and R15: money is received. What it is credited to: the debt, income after a write-off, the payer's excess.
pub fn money_received(money: &str, of: Allotment, receivable: &str, income: &str, overpayments: &str) -> Vec<Posting> {
    let amount = Amount::sum([of.settled, of.recovered, of.excess]).unwrap_or_default();
    with_amount([
        Posting::debit(money, amount),
        Posting::credit(receivable, of.settled),
        Posting::credit(income, of.recovered),
        Posting::credit(overpayments, of.excess),
    ])
}

fn with_amount<const N: usize>(postings: [Posting; N]) -> Vec<Posting> {
    postings.into_iter().filter(|posting| !posting.amount.is_zero()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    #[test]
    fn money_settles_the_debt_then_what_was_written_off_then_is_owed_to_the_payer() {
        let rent = Receivable::of(amount(200_000));
        let rent = rent.adjusted(RevenueAdjustmentKind::Reduction, amount(25_000), Currency::XOF).expect("outstanding");
        let part = rent.allot(amount(100_000));
        assert_eq!(part, Allotment { settled: amount(100_000), ..Allotment::default() });
        let rent = rent.received(part).expect("in order");
        assert_eq!(rent.state(), RevenueOrderState::PartlyCollected);
        let rent = rent.adjusted(RevenueAdjustmentKind::WriteOff, amount(75_000), Currency::XOF).expect("outstanding");
        assert_eq!(rent.state(), RevenueOrderState::WrittenOff);
        let late = rent.allot(amount(80_000));
        assert_eq!(late, Allotment { settled: Amount::ZERO, recovered: amount(75_000), excess: amount(5_000) });
        let after = rent.received(late).expect("in order");
        assert_eq!(after.overpaid, amount(5_000));
        assert_eq!(after.returned(late), Some(rent));
        let spent = after.refunded(amount(5_000), Currency::XOF).expect("there");
        assert_eq!(spent.returned(late), None, "the excess was refunded");
        let refusal = spent.adjusted(RevenueAdjustmentKind::Waiver, amount(1), Currency::XOF).expect_err("nothing is left");
        assert_eq!(refusal.code, &REVENUE_ADJUSTMENT_EXCEEDS_OUTSTANDING);
    }

    #[test]
    fn entries_leave_out_what_is_zero() {
        let plain = order_accepted("411", "711", amount(12_900_000), "445", Amount::ZERO);
        assert_eq!(plain, vec![Posting::debit("411", amount(12_900_000)), Posting::credit("711", amount(12_900_000))]);
        let all = Allotment { settled: amount(1), recovered: amount(2), excess: amount(3) };
        assert_eq!(money_received("515", all, "411", "751", "419").len(), 4);
    }

    proptest! {
        #[test]
        fn no_sequence_makes_the_outstanding_negative(steps in proptest::collection::vec((0_u8..6, 1_i64..4_000), 0..40)) {
            let mut owed = Receivable::of(amount(10_000));
            for (step, size) in steps {
                let size = amount(size);
                let next = match step {
                    0 => owed.adjusted(RevenueAdjustmentKind::Reduction, size, Currency::XOF).ok(),
                    1 => owed.adjusted(RevenueAdjustmentKind::WriteOff, size, Currency::XOF).ok(),
                    2 => owed.adjusted(RevenueAdjustmentKind::Waiver, size, Currency::XOF).ok(),
                    3 => owed.refunded(size, Currency::XOF).ok(),
                    _ => owed.received(owed.allot(size)).ok(),
                };
                owed = next.unwrap_or(owed);
                prop_assert!(owed.in_order());
                let gone = Amount::sum([owed.reduced, owed.collected, owed.written_off, owed.waived, owed.outstanding()]);
                prop_assert_eq!(gone, Some(owed.amount));
            }
        }
    }
}
