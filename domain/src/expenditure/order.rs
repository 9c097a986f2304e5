//! Payment orders (mandats): drafted, signed, accepted or rejected, held, requisitioned, corrected.

use super::verification::{Nature, VerificationState};
use super::{DUTIES_SAME_PERSON, require_state};
use crate::id::PrincipalId;
use crate::ledger::Part;
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
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
    PAYMENT_ORDER_NOT_WHOLE: Rule,
        "Mandat partiel impossible" / "Payment order must be whole",
        "Une liquidation qui récupère une avance se mandate en une fois : {charged} ({currency})." /
        "A verification that recovers an advance is ordered at once: {charged} ({currency}).";
    PAYMENT_ORDER_DEDUCTION_INVALID: Rule,
        "Retenue invalide" / "Invalid deduction",
        "Retenues : {deducted}, sur un mandat de {amount}. Retenue de garantie : {retention}, au plus {retention_max} ({currency})." /
        "Deductions: {deducted}, on an order of {amount}. Retention: {retention}, at most {retention_max} ({currency}).";
    PAYMENT_ORDER_AFTER_CUTOFF: Rule,
        "Ordonnancement tardif" / "Order after the cutoff",
        "Les mandats de l'exercice {fiscal_year} se signent jusqu'au {cutoff}." /
        "Payment orders of fiscal year {fiscal_year} are signed until {cutoff}.";
    PAYMENT_ORDER_REQUISITION_FORBIDDEN: Rule,
        "Réquisition interdite" / "Requisition barred",
        "Le motif de rejet {reason} ne peut être levé par réquisition." /
        "The reason of rejection {reason} cannot be overridden by a requisition.";
    PAYMENT_ORDER_REPLACES_INVALID: Rule,
        "Remplacement invalide" / "Invalid replacement",
        "Un mandat corrigé remplace un mandat rejeté de la même liquidation." /
        "A corrected order replaces a rejected order of the same verification.";
    PAYMENT_ORDER_CORRECTION_TOO_HIGH: Rule,
        "Correction trop élevée" / "Correction too high",
        "Reste à payer : {unpaid}. Demandé : {requested} ({currency})." / "Left to pay: {unpaid}. Requested: {requested} ({currency}).";
    PAYMENT_ORDER_CORRECTION_BARRED: Conflict,
        "Correction impossible" / "Correction impossible",
        "De l'avance de cet engagement, {recovered} est récupéré ; de sa retenue, {released} est libéré ({currency})." /
        "Of the advance on this commitment {recovered} is recovered; of its retention {released} is released ({currency}).";
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
        /// Held by the accountant, with a reason and a date (suspendu).
        Held = "held",
        /// Rejected by the accountant, with a reason.
        Rejected = "rejected",
        /// Rejected, then ordered in writing on the authorising officer's own liability.
        Requisitioned = "requisitioned",
        /// Accepted by the accountant (pris en charge) and posted.
        Accepted = "accepted",
        /// Paid in part.
        PartlyPaid = "partly_paid",
        /// Paid.
        Paid = "paid",
        /// The payment came back from the bank; the debt is open again.
        Returned = "returned",
        /// Cancelled after its acceptance, before any payment.
        Cancelled = "cancelled",
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
    /// Why an accountant holds a payment order.
    pub enum HoldReason {
        /// The money is not there yet; the order waits in its turn.
        InsufficientCash = "insufficient_cash",
        /// A third party attached the debt (opposition).
        Opposition = "opposition",
        /// A document is awaited.
        MissingDocument = "missing_document",
    }
}

words! {
    /// What is kept back from a creditor and owed to somebody else, or to the creditor later.
    pub enum DeductionKind {
        /// Retention money (retenue de garantie), released after the final acceptance of works.
        Retention = "retention",
        /// Taxes withheld for the State.
        Tax = "tax",
        /// Social contributions of the person paid.
        Social = "social",
    }
}

impl DeductionKind {
    /// The account that is credited.
    pub fn part(self) -> Part {
        match self {
            DeductionKind::Retention => Part::Retention,
            DeductionKind::Tax => Part::TaxesWithheld,
            DeductionKind::Social => Part::Social,
        }
    }
}

words! {
    /// How an accepted and unpaid order is corrected.
    pub enum CorrectionKind {
        /// A part is taken back.
        Reduction = "reduction",
        /// The whole is taken back.
        Cancellation = "cancellation",
    }
}

words! {
    /// The state of a correction.
    pub enum CorrectionState {
        /// Issued by the authorising officer.
        Issued = "issued",
        /// Accepted by the accountant and posted.
        Accepted = "accepted",
        /// Refused by the accountant, with a reason; nothing moved.
        Rejected = "rejected",
    }
}

/// What an order is drafted on.
#[derive(Clone, Copy, Debug)]
pub struct OrderFacts {
    pub state: VerificationState,
    pub nature: Nature,
    /// What is charged to the commitment, corrections taken off.
    pub verified: Amount,
    pub ordered: Amount,
    /// The advance that the verification recovers.
    pub recovered: Amount,
    pub currency: Currency,
}

/// Orders a part of a verification; the whole of it when it recovers an advance.
pub fn order(facts: &OrderFacts, amount: Amount) -> Result<(), Refusal> {
    let currency = facts.currency;
    let ready: &[VerificationState] = if facts.nature.needs_service() {
        &[VerificationState::Certified, VerificationState::Ordered]
    } else {
        &[VerificationState::Recorded, VerificationState::Certified, VerificationState::Ordered]
    };
    require_state(facts.state, ready)?;
    if facts.ordered.checked_add(amount).is_none_or(|total| total > facts.verified) {
        return Err(PAYMENT_ORDER_EXCEEDS_VERIFICATION
            .refuse()
            .with("verified", facts.verified.display(currency))
            .with("ordered", facts.ordered.display(currency))
            .with("requested", amount.display(currency))
            .with("currency", currency.code())
            .at("/amount"));
    }
    if !facts.recovered.is_zero() && amount != facts.verified {
        let refusal = PAYMENT_ORDER_NOT_WHOLE.refuse().with("charged", facts.verified.display(currency));
        return Err(refusal.with("currency", currency.code()).at("/amount"));
    }
    Ok(())
}

/// Judges what is kept back from the creditor: gives the sum. The retention is bounded by parameter `retention_bps` of
/// the invoice.
pub fn deduct(
    deductions: &[(DeductionKind, Amount)],
    amount: Amount,
    invoice: Amount,
    retention_bps: i64,
    currency: Currency,
) -> Result<Amount, Refusal> {
    let retentions = deductions.iter().filter(|(kind, _)| *kind == DeductionKind::Retention).map(|(_, amount)| *amount);
    let retention = Amount::sum(retentions);
    let deducted = Amount::sum(deductions.iter().map(|(_, amount)| *amount));
    let retention_max = invoice.share(retention_bps);
    match (deducted, retention) {
        (Some(deducted), Some(retention)) if deducted <= amount && retention <= retention_max => Ok(deducted),
        _ => {
            let show = |sum: Option<Amount>| sum.map_or_else(|| "—".to_owned(), |sum| sum.display(currency));
            Err(PAYMENT_ORDER_DEDUCTION_INVALID
                .refuse()
                .with("deducted", show(deducted))
                .with("amount", amount.display(currency))
                .with("retention", show(retention))
                .with("retention_max", retention_max.display(currency))
                .with("currency", currency.code())
                .at("/deductions"))
        }
    }
}

/// Overrides a rejection in writing: barred where the law leaves the last word to the accountant.
pub fn requisition(state: PaymentOrderState, reason: Option<RejectionReason>) -> Result<(), Refusal> {
    require_state(state, &[PaymentOrderState::Rejected])?;
    let barred = [RejectionReason::R02, RejectionReason::R04, RejectionReason::R07, RejectionReason::R08, RejectionReason::R09];
    match reason {
        Some(reason) if barred.contains(&reason) => Err(PAYMENT_ORDER_REQUISITION_FORBIDDEN.refuse().with("reason", reason)),
        _ => Ok(()),
    }
}

/// Corrects an accepted order by what is not paid of it: a part, or the whole of an order on which nothing was paid.
pub fn correct(kind: CorrectionKind, amount: Amount, net: Amount, paid: Amount, currency: Currency) -> Result<(), Refusal> {
    let unpaid = net.checked_sub(paid).unwrap_or(Amount::ZERO);
    let fits = match kind {
        CorrectionKind::Reduction => amount < unpaid || (amount == unpaid && !paid.is_zero()),
        CorrectionKind::Cancellation => paid.is_zero() && amount == net,
    };
    if fits {
        return Ok(());
    }
    Err(PAYMENT_ORDER_CORRECTION_TOO_HIGH
        .refuse()
        .with("unpaid", unpaid.display(currency))
        .with("requested", amount.display(currency))
        .with("currency", currency.code())
        .at("/amount"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    fn code<T>(result: Result<T, Refusal>) -> &'static str {
        result.map_or_else(|refusal| refusal.code.name, |_| "ok")
    }

    #[test]
    fn an_order_stays_within_its_verification() {
        let facts = OrderFacts {
            state: VerificationState::Certified,
            nature: Nature::Service,
            verified: amount(850_000),
            ordered: amount(1),
            recovered: Amount::ZERO,
            currency: Currency::XOF,
        };
        assert_eq!(code(order(&facts, amount(849_999))), "ok");
        assert_eq!(code(order(&facts, amount(850_000))), "PAYMENT_ORDER_EXCEEDS_VERIFICATION");
        let recovering = OrderFacts { recovered: amount(100), ordered: Amount::ZERO, ..facts };
        assert_eq!(code(order(&recovering, amount(849_999))), "PAYMENT_ORDER_NOT_WHOLE");
        let uncertified = OrderFacts { state: VerificationState::Recorded, ..facts };
        assert_eq!(code(order(&uncertified, amount(1))), "EXPENDITURE_STATE_INVALID");
        let advance = OrderFacts { nature: Nature::Advance, ..uncertified };
        assert_eq!(code(order(&advance, amount(1))), "ok");
    }

    #[test]
    fn a_retention_is_bounded_by_the_invoice() {
        let judge = |kind, kept| code(deduct(&[(kind, amount(kept))], amount(9_600_000), amount(12_000_000), 500, Currency::XOF));
        assert_eq!(judge(DeductionKind::Retention, 600_000), "ok");
        assert_eq!(judge(DeductionKind::Retention, 600_001), "PAYMENT_ORDER_DEDUCTION_INVALID");
        assert_eq!(judge(DeductionKind::Tax, 9_600_000), "ok");
        assert_eq!(judge(DeductionKind::Social, 9_600_001), "PAYMENT_ORDER_DEDUCTION_INVALID");
    }

    #[test]
    fn the_law_bars_some_requisitions() {
        use crate::word::Word as _;
        let barred = |reason: &RejectionReason| requisition(PaymentOrderState::Rejected, Some(*reason)).is_err();
        let all: Vec<&str> = RejectionReason::ALL.iter().filter(|reason| barred(reason)).map(|reason| reason.as_str()).collect();
        assert_eq!(all, ["R02", "R04", "R07", "R08", "R09"]);
        assert_eq!(code(requisition(PaymentOrderState::Accepted, None)), "EXPENDITURE_STATE_INVALID");
    }

    #[test]
    fn a_correction_takes_back_what_is_not_paid() {
        let judge = |kind, asked, paid| code(correct(kind, amount(asked), amount(1_000), amount(paid), Currency::XOF));
        assert_eq!(judge(CorrectionKind::Reduction, 999, 0), "ok");
        assert_eq!(judge(CorrectionKind::Reduction, 1_000, 0), "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
        assert_eq!(judge(CorrectionKind::Reduction, 400, 600), "ok");
        assert_eq!(judge(CorrectionKind::Reduction, 401, 600), "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
        assert_eq!(judge(CorrectionKind::Cancellation, 1_000, 0), "ok");
        assert_eq!(judge(CorrectionKind::Cancellation, 400, 600), "PAYMENT_ORDER_CORRECTION_TOO_HIGH");
    }

    #[test]
    fn hands_that_ordered_do_not_pay() {
        let each @ [recorded_by, certifier, drafted_by, signer] = [(); 4].map(|()| PrincipalId::new());
        let hands = OrderHands { recorded_by, certified_by: Some(certifier), drafted_by, signed_by: Some(signer) };
        for hand in each {
            assert_eq!(code(hands.keep_apart(hand)), "DUTIES_SAME_PERSON");
        }
        assert_eq!(code(hands.keep_apart(PrincipalId::new())), "ok");
    }
}
