//! Expenditure: commitment, verification, payment order, acceptance or rejection, payment.
//!
//! Three acts of the authorising officer, one of the accountant, and never the same person on both sides.

use chrono::NaiveDate;

use crate::budget::credit::Credit;
use crate::budget::{BUDGET_CONTINGENCY_DIRECT, BUDGET_NOT_EXECUTABLE, Direction, FiscalYearState, Section};
use crate::calendar::FiscalYear;
use crate::id::{PrincipalId, SupplierId};
use crate::ledger::{LEDGER_PERIOD_CLOSED, Part};
use crate::money::{Amount, Currency};
use crate::organisation::supplier::Supplier;
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    COMMITMENT_IMPUTATION_INVALID: Rule,
        "Imputation invalide" / "Invalid budget line",
        "Un engagement porte sur une ligne de dépense." / "A commitment is charged to a line of expenditure.";
    COMMITMENT_AFTER_CUTOFF: Rule,
        "Engagement tardif" / "Commitment after the cutoff",
        "Les engagements de cette section sont arrêtés le {cutoff} ; utilisez l'exercice suivant." /
        "Commitments of this section end on {cutoff}; use the next fiscal year.";
    VERIFICATION_EXCEEDS_COMMITMENT: Rule,
        "Liquidation supérieure à l'engagement" / "Verification exceeds the commitment",
        "Reste engagé : {remaining}. Demandé : {requested} ({currency})." /
        "Remaining on the commitment: {remaining}. Requested: {requested} ({currency}).";
    VERIFICATION_DUPLICATE_INVOICE: Conflict,
        "Facture déjà liquidée" / "Invoice already verified",
        "La facture {invoice_number} de ce fournisseur est déjà liquidée : {first_use}." /
        "Invoice {invoice_number} of this supplier is already verified: {first_use}.";
    VERIFICATION_RECEPTION_MISSING: Rule,
        "Procès-verbal de réception absent" / "Acceptance minutes missing",
        "Une dépense de travaux se liquide sur procès-verbal de réception ou décompte (empreinte SHA-256)." /
        "Works are verified on acceptance minutes or a statement of works (SHA-256 digest).";
    VERIFICATION_DATE_INVALID: Rule,
        "Date de facture invalide" / "Invalid invoice date",
        "La facture du {invoice_date} est postérieure à la date du jour {today}." /
        "The invoice of {invoice_date} is later than the business date {today}.";
    DUTIES_SELF_CERTIFICATION: Forbidden,
        "Certification par la même personne" / "Certification by the same person",
        "La même personne ne peut saisir la liquidation et certifier le service fait." /
        "The same person cannot record a verification and certify the service.";
    DUTIES_SAME_PERSON: Forbidden,
        "Même personne des deux côtés" / "Same person on both sides",
        "Qui a préparé, certifié ou signé un ordre ne peut ni le prendre en charge, ni le payer, ni le recouvrer." /
        "Whoever drafted, certified or signed an order can neither accept, pay nor collect it.";
    PAYMENT_ORDER_EXCEEDS_VERIFICATION: Rule,
        "Mandat supérieur à la liquidation" / "Payment order exceeds the verification",
        "Liquidé : {verified}. Déjà mandaté : {ordered}. Demandé : {requested} ({currency})." /
        "Verified: {verified}. Already ordered: {ordered}. Requested: {requested} ({currency}).";
    PAYMENT_ORDER_BATCH_TOTAL: Rule,
        "Total du bordereau inexact" / "Wrong batch total",
        "Total annoncé : {stated}. Somme des mandats : {computed} ({currency})." /
        "Stated total: {stated}. Sum of the payment orders: {computed} ({currency}).";
    PAYMENT_ORDER_BATCH_STATE: Conflict,
        "Mandat non transmissible" / "Payment order cannot be transmitted",
        "Seuls des mandats signés du même exercice vont sur un bordereau ; en cause : {orders}." /
        "Only signed payment orders of one fiscal year go on a batch; concerned: {orders}.";
    EXPENDITURE_STATE_INVALID: Conflict,
        "Action impossible dans cet état" / "Action impossible in this state",
        "État : {state} ; il faut : {required}." / "State: {state}; required: {required}.";
    PAYMENT_EXCEEDS_NET: Rule,
        "Paiement supérieur au net à payer" / "Payment exceeds the net payable",
        "Net à payer : {net}. Déjà payé : {paid}. Demandé : {requested} ({currency})." /
        "Net payable: {net}. Already paid: {paid}. Requested: {requested} ({currency}).";
    PAYMENT_ALREADY_PAID: Conflict,
        "Déjà payé" / "Already paid",
        "Entièrement payé : {net} ({currency})." / "Fully paid: {net} ({currency}).";
    PAYMENT_NO_CASH: Conflict,
        "Trésorerie insuffisante" / "Insufficient cash",
        "Le compte {account} ne couvre pas ce paiement." / "Account {account} does not cover this payment.";
    PAYMENT_CASH_LIMIT: Rule,
        "Paiement en espèces trop élevé" / "Cash payment too high",
        "Le plafond des paiements en espèces est de {ceiling} ; payez par virement, chèque ou monnaie mobile." /
        "Cash payments are limited to {ceiling}; pay by transfer, cheque or mobile money.";
    PAYMENT_PAYEE_MISMATCH: Rule,
        "Bénéficiaire différent du créancier" / "Payee differs from the creditor",
        "Le paiement libératoire se fait au créancier du mandat." / "A payment discharges only when made to the creditor of the order.";
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
    }
}

words! {
    /// The state of a verification (liquidation).
    pub enum VerificationState {
        /// Recorded from the invoice; the service is not certified yet.
        Recorded = "recorded",
        /// The service was certified by somebody else.
        Certified = "certified",
        /// Wholly ordered.
        Ordered = "ordered",
    }
}

words! {
    /// The state of a payment order (mandat).
    pub enum PaymentOrderState {
        /// Drafted; not numbered yet.
        Draft = "draft",
        /// Signed by the authorising officer and numbered.
        Signed = "signed",
        /// Sent to the accountant on a batch.
        Transmitted = "transmitted",
        /// Accepted by the accountant (pris en charge) and posted.
        Accepted = "accepted",
        /// Rejected by the accountant, with a reason.
        Rejected = "rejected",
        /// Paid in part.
        PartlyPaid = "partly_paid",
        /// Paid.
        Paid = "paid",
    }
}

words! {
    /// Why an accountant rejects a payment order.
    pub enum RejectionReason {
        /// The signatory is not accredited.
        R01 = "R01",
        /// The credit is not available.
        R02 = "R02",
        /// The budget line is wrong.
        R03 = "R03",
        /// The service is not proven.
        R04 = "R04",
        /// The amount is wrong.
        R05 = "R05",
        /// A supporting document is missing or invalid.
        R06 = "R06",
        /// The debt is time-barred.
        R07 = "R07",
        /// The payee or the bank details are wrong.
        R08 = "R08",
        /// A visa is missing.
        R09 = "R09",
        /// Proof of business tax is missing.
        R10 = "R10",
        /// The order is a duplicate.
        R11 = "R11",
    }
}

words! {
    /// How a payment is made.
    pub enum PaymentMode {
        /// Bank or Treasury transfer.
        Transfer = "transfer",
        /// Cheque drawn on the Treasury.
        Cheque = "cheque",
        /// Cash, up to the ceiling of parameter `cash_payment_max`.
        Cash = "cash",
        /// Mobile money.
        MobileMoney = "mobile_money",
    }
}

impl PaymentMode {
    /// The account that a payment or a receipt in this mode moves.
    pub fn money(self) -> Part {
        if self == PaymentMode::Cash { Part::Cash } else { Part::Treasury }
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

/// Verifies a part of a commitment: what remains must cover it. Works are verified on acceptance minutes.
pub fn verify(
    committed: Amount,
    verified: Amount,
    amount: Amount,
    works: bool,
    reception: bool,
    currency: Currency,
) -> Result<CommitmentState, Refusal> {
    let remaining = committed.checked_sub(verified).unwrap_or(Amount::ZERO);
    if amount > remaining {
        return Err(VERIFICATION_EXCEEDS_COMMITMENT
            .refuse()
            .with("remaining", remaining.display(currency))
            .with("requested", amount.display(currency))
            .with("currency", currency.code())
            .at("/amount"));
    }
    if works && !reception {
        return Err(VERIFICATION_RECEPTION_MISSING.refuse().at("/reception_sha256"));
    }
    Ok(if amount == remaining { CommitmentState::Settled } else { CommitmentState::PartlyVerified })
}

/// Certifies a service: by somebody other than who recorded the verification.
pub fn certify(state: VerificationState, recorded_by: PrincipalId, certifier: PrincipalId) -> Result<VerificationState, Refusal> {
    require_state(state, &[VerificationState::Recorded])?;
    if recorded_by == certifier {
        return Err(DUTIES_SELF_CERTIFICATION.refuse());
    }
    Ok(VerificationState::Certified)
}

/// Orders a part of a verification.
pub fn order(state: VerificationState, verified: Amount, ordered: Amount, amount: Amount, currency: Currency) -> Result<(), Refusal> {
    require_state(state, &[VerificationState::Certified, VerificationState::Ordered])?;
    match ordered.checked_add(amount) {
        Some(total) if total <= verified => Ok(()),
        _ => Err(PAYMENT_ORDER_EXCEEDS_VERIFICATION
            .refuse()
            .with("verified", verified.display(currency))
            .with("ordered", ordered.display(currency))
            .with("requested", amount.display(currency))
            .with("currency", currency.code())
            .at("/amount")),
    }
}

/// The people behind a payment order, who keep their hands off its acceptance and payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderHands {
    pub recorded_by: PrincipalId,
    pub certified_by: Option<PrincipalId>,
    pub drafted_by: PrincipalId,
    pub signed_by: Option<PrincipalId>,
}

impl OrderHands {
    /// Refuses an accountant who drafted, certified or signed.
    pub fn keep_apart(&self, accountant: PrincipalId) -> Result<(), Refusal> {
        let hands = [Some(self.recorded_by), self.certified_by, Some(self.drafted_by), self.signed_by];
        if hands.contains(&Some(accountant)) { Err(DUTIES_SAME_PERSON.refuse()) } else { Ok(()) }
    }
}

/// What a payment is judged on.
pub struct PaymentFacts {
    pub currency: Currency,
    pub net: Amount,
    pub paid: Amount,
    pub creditor: SupplierId,
    /// The debit balance of the account that pays.
    pub cash: Amount,
    pub cash_account: String,
    /// Parameter `cash_payment_max`.
    pub cash_ceiling: Option<Amount>,
}

/// Pays a part or all of what is due.
pub fn pay(facts: &PaymentFacts, amount: Amount, mode: PaymentMode, payee: SupplierId) -> Result<(), Refusal> {
    let currency = facts.currency;
    if facts.paid == facts.net {
        return Err(PAYMENT_ALREADY_PAID.refuse().with("net", facts.net.display(currency)).with("currency", currency.code()));
    }
    if payee != facts.creditor {
        return Err(PAYMENT_PAYEE_MISMATCH.refuse().at("/payee_id"));
    }
    if facts.paid.checked_add(amount).is_none_or(|total| total > facts.net) {
        return Err(PAYMENT_EXCEEDS_NET
            .refuse()
            .with("net", facts.net.display(currency))
            .with("paid", facts.paid.display(currency))
            .with("requested", amount.display(currency))
            .with("currency", currency.code())
            .at("/amount"));
    }
    if let Some(ceiling) = facts.cash_ceiling.filter(|ceiling| mode == PaymentMode::Cash && amount > *ceiling) {
        return Err(PAYMENT_CASH_LIMIT.refuse().with("ceiling", ceiling.display(currency)).with("currency", currency.code()).at("/amount"));
    }
    if facts.cash < amount {
        return Err(PAYMENT_NO_CASH.refuse().with("account", &facts.cash_account));
    }
    Ok(())
}

/// Refuses an action on something that is not in one of the required states.
pub fn require_state<S: crate::word::Word + PartialEq>(state: S, required: &[S]) -> Result<(), Refusal> {
    if required.contains(&state) {
        return Ok(());
    }
    let required: Vec<String> = required.iter().map(|state| state.as_str().to_owned()).collect();
    Err(EXPENDITURE_STATE_INVALID.refuse().with("state", state).with("required", required))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    fn code(result: Result<(), Refusal>) -> &'static str {
        result.map_or_else(|refusal| refusal.code.name, |()| "ok")
    }

    #[test]
    fn each_stage_stays_below_the_one_before() {
        let all = amount(850_000);
        assert_eq!(verify(all, Amount::ZERO, all, false, false, Currency::XOF), Ok(CommitmentState::Settled));
        assert_eq!(
            verify(all, amount(1), all, false, false, Currency::XOF).map_err(|r| r.code.name),
            Err("VERIFICATION_EXCEEDS_COMMITMENT")
        );
        assert_eq!(
            verify(all, Amount::ZERO, all, true, false, Currency::XOF).map_err(|r| r.code.name),
            Err("VERIFICATION_RECEPTION_MISSING")
        );
        assert_eq!(code(order(VerificationState::Recorded, all, Amount::ZERO, all, Currency::XOF)), "EXPENDITURE_STATE_INVALID");
        assert_eq!(code(order(VerificationState::Certified, all, amount(1), all, Currency::XOF)), "PAYMENT_ORDER_EXCEEDS_VERIFICATION");
        assert_eq!(code(order(VerificationState::Ordered, all, all, amount(1), Currency::XOF)), "PAYMENT_ORDER_EXCEEDS_VERIFICATION");
    }

    #[test]
    fn nobody_stands_on_both_sides() {
        let [one, other] = [PrincipalId::new(), PrincipalId::new()];
        assert_eq!(certify(VerificationState::Recorded, one, one).map_err(|r| r.code.name), Err("DUTIES_SELF_CERTIFICATION"));
        let hands = OrderHands { recorded_by: one, certified_by: None, drafted_by: one, signed_by: Some(other) };
        assert_eq!(code(hands.keep_apart(other)), "DUTIES_SAME_PERSON");
        assert_eq!(code(hands.keep_apart(PrincipalId::new())), "ok");
    }

    #[test]
    fn a_payment_discharges_once_and_only_the_creditor() {
        let creditor = SupplierId::new();
        let facts = PaymentFacts {
            currency: Currency::XOF,
            net: amount(850_000),
            paid: Amount::ZERO,
            creditor,
            cash: amount(3_200_000),
            cash_account: "515".to_owned(),
            cash_ceiling: Some(amount(100_000)),
        };
        assert_eq!(code(pay(&facts, amount(850_000), PaymentMode::Transfer, creditor)), "ok");
        assert_eq!(code(pay(&facts, amount(850_001), PaymentMode::Transfer, creditor)), "PAYMENT_EXCEEDS_NET");
        assert_eq!(code(pay(&facts, amount(100_001), PaymentMode::Cash, creditor)), "PAYMENT_CASH_LIMIT");
        assert_eq!(code(pay(&facts, amount(1), PaymentMode::Transfer, SupplierId::new())), "PAYMENT_PAYEE_MISMATCH");
        let poor = PaymentFacts { cash: amount(849_999), ..facts };
        assert_eq!(code(pay(&poor, amount(850_000), PaymentMode::Transfer, creditor)), "PAYMENT_NO_CASH");
        let done = PaymentFacts { paid: amount(850_000), ..poor };
        assert_eq!(code(pay(&done, amount(1), PaymentMode::Transfer, creditor)), "PAYMENT_ALREADY_PAID");
    }
}
