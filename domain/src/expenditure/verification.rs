//! Verification (liquidation): the debt is established from an invoice, or paid in advance of the service.

use super::{Committed, DUTIES_SELF_CERTIFICATION, LIVE, require_state};
use crate::expenditure::CommitmentState;
use crate::id::PrincipalId;
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    VERIFICATION_EXCEEDS_COMMITMENT: Rule,
        "Liquidation supérieure à l'engagement" / "Verification exceeds the commitment",
        "Reste engagé : {remaining}. Demandé : {requested} ({currency})." /
        "Remaining on the commitment: {remaining}. Requested: {requested} ({currency}).";
    VERIFICATION_DUPLICATE_INVOICE: Conflict,
        "Facture déjà liquidée" / "Invoice already verified",
        "La facture {invoice_number} de ce fournisseur est déjà liquidée : {first_use}." /
        "Invoice {invoice_number} of this supplier is already verified: {first_use}.";
    VERIFICATION_DATE_INVALID: Rule,
        "Date de facture invalide" / "Invalid invoice date",
        "La facture du {invoice_date} est postérieure à la date du jour {today}." /
        "The invoice of {invoice_date} is later than the business date {today}.";
    VERIFICATION_ARITHMETIC: Rule,
        "Facture mal calculée" / "Wrong arithmetic on the invoice",
        "Lignes et taxes font {computed} ; la facture porte {stated} ({currency})." /
        "Lines and tax make {computed}; the invoice says {stated} ({currency}).";
    VERIFICATION_ALREADY_ORDERED: Conflict,
        "Liquidation déjà mandatée" / "Verification already ordered",
        "Mandaté : {ordered} ({currency})." / "Ordered: {ordered} ({currency}).";
    VERIFICATION_ADVANCE_TOO_HIGH: Rule,
        "Avance trop élevée" / "Advance too high",
        "Plafond des avances de cet engagement : {ceiling}. Déjà accordé : {granted}. Demandé : {requested} ({currency})." /
        "Ceiling of advances on this commitment: {ceiling}. Already granted: {granted}. Requested: {requested} ({currency}).";
    VERIFICATION_ADVANCE_RECOVERY: Rule,
        "Récupération d'avance invalide" / "Invalid recovery of the advance",
        "Avance payée et non récupérée : {outstanding}. Récupéré ici : {recovered} ({currency}). Ce qui solde l'engagement récupère tout." /
        "Advance paid and not recovered: {outstanding}. Recovered here: {recovered} ({currency}). What settles the commitment recovers all.";
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
        /// Cancelled before anything was ordered.
        Cancelled = "cancelled",
    }
}

words! {
    /// Why a debt is established. Advances, subsidies and subscriptions are due before any service.
    pub enum Nature {
        /// The service was done (service fait).
        Service = "service",
        /// A start-up advance on a contract (avance), against a bank guarantee.
        Advance = "advance",
        /// An interim statement of works (acompte).
        Instalment = "instalment",
        /// The final statement of a contract (solde): what is left of an advance is recovered whole.
        Balance = "balance",
        /// A grant or contribution (subvention).
        Subsidy = "subsidy",
        /// A subscription, rent or insurance due in advance (abonnement).
        Subscription = "subscription",
    }
}

impl Nature {
    /// Whether the service must be certified before the debt is ordered.
    pub fn needs_service(self) -> bool {
        matches!(self, Nature::Service | Nature::Instalment | Nature::Balance)
    }
}

/// A line of an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvoiceLine {
    pub quantity: i64,
    pub unit_price: Amount,
}

/// The largest quantity of a line.
pub const QUANTITY_MAX: i64 = 1_000_000_000;

/// Refuses an invoice whose lines and tax do not make its total. An invoice without lines is not recomputed; it names no
/// tax either.
pub fn recompute(lines: &[InvoiceLine], tax: Amount, stated: Amount, currency: Currency) -> Result<(), Refusal> {
    if lines.is_empty() && tax.is_zero() {
        return Ok(());
    }
    let sum: Option<i128> = lines.iter().try_fold(i128::from(tax.minor()), |sum, line| {
        sum.checked_add(i128::from(line.unit_price.minor()).checked_mul(i128::from(line.quantity))?)
    });
    let computed = sum.and_then(|sum| i64::try_from(sum).ok()).and_then(Amount::from_minor);
    if computed == Some(stated) && !lines.is_empty() && lines.iter().all(|line| (1..=QUANTITY_MAX).contains(&line.quantity)) {
        return Ok(());
    }
    Err(VERIFICATION_ARITHMETIC
        .refuse()
        .with("computed", computed.map_or_else(|| "—".to_owned(), |sum| sum.display(currency)))
        .with("stated", stated.display(currency))
        .with("currency", currency.code())
        .at("/lines"))
}

/// What was granted in advance on a commitment, what of it was paid, and what was recovered since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    pub granted: Amount,
    pub paid: Amount,
    pub recovered: Amount,
    /// The most that may be granted, by the parameters on advances.
    pub ceiling: Amount,
}

/// What a verification is judged on.
#[derive(Clone, Copy, Debug)]
pub struct VerificationFacts {
    pub state: CommitmentState,
    pub sums: Committed,
    pub advance: Advance,
    pub currency: Currency,
}

/// Verifies a part of a commitment: gives what is charged to it, the invoice less the advance that it recovers.
pub fn verify(facts: &VerificationFacts, nature: Nature, invoice: Amount, recovered: Amount) -> Result<Amount, Refusal> {
    let currency = facts.currency;
    require_state(facts.state, &LIVE)?;
    let advance = facts.advance;
    let outstanding = advance.paid.checked_sub(advance.recovered).unwrap_or(Amount::ZERO);
    let fits = match nature {
        Nature::Advance => recovered.is_zero(),
        Nature::Balance => recovered == outstanding,
        _ => recovered <= outstanding,
    };
    let recovery_invalid = || {
        VERIFICATION_ADVANCE_RECOVERY
            .refuse()
            .with("outstanding", outstanding.display(currency))
            .with("recovered", recovered.display(currency))
            .with("currency", currency.code())
            .at("/advance_recovered")
    };
    let charged = invoice.checked_sub(recovered).filter(|charged| fits && !charged.is_zero()).ok_or_else(recovery_invalid)?;
    let granted = advance.granted.checked_add(invoice);
    if nature == Nature::Advance && granted.is_none_or(|granted| granted > advance.ceiling) {
        return Err(VERIFICATION_ADVANCE_TOO_HIGH
            .refuse()
            .with("ceiling", advance.ceiling.display(currency))
            .with("granted", advance.granted.display(currency))
            .with("requested", invoice.display(currency))
            .with("currency", currency.code())
            .at("/amount"));
    }
    let remaining = facts.sums.remaining();
    let settles = charged == remaining;
    let recovered_after = advance.recovered.checked_add(recovered);
    let granted_after = if nature == Nature::Advance { granted } else { Some(advance.granted) };
    if settles && recovered_after != granted_after {
        return Err(recovery_invalid());
    }
    if charged > remaining {
        return Err(VERIFICATION_EXCEEDS_COMMITMENT
            .refuse()
            .with("remaining", remaining.display(currency))
            .with("requested", charged.display(currency))
            .with("currency", currency.code())
            .at("/amount"));
    }
    Ok(charged)
}

/// Certifies a service: by somebody other than who recorded the verification.
pub fn certify(state: VerificationState, recorded_by: PrincipalId, certifier: PrincipalId) -> Result<VerificationState, Refusal> {
    require_state(state, &[VerificationState::Recorded])?;
    if recorded_by == certifier {
        return Err(DUTIES_SELF_CERTIFICATION.refuse());
    }
    Ok(VerificationState::Certified)
}

/// Cancels a verification on which nothing is ordered.
pub fn cancel(state: VerificationState, ordered: Amount, currency: Currency) -> Result<(), Refusal> {
    if !ordered.is_zero() {
        let refusal = VERIFICATION_ALREADY_ORDERED.refuse();
        return Err(refusal.with("ordered", ordered.display(currency)).with("currency", currency.code()));
    }
    require_state(state, &[VerificationState::Recorded, VerificationState::Certified])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    fn facts(advance: Advance, verified: i64) -> VerificationFacts {
        let sums = Committed { amount: amount(24_500_000), verified: amount(verified) };
        VerificationFacts { state: sums.state(), sums, advance, currency: Currency::XOF }
    }

    fn judged(facts: &VerificationFacts, nature: Nature, invoice: i64, recovered: i64) -> Result<i64, &'static str> {
        verify(facts, nature, amount(invoice), amount(recovered)).map(Amount::minor).map_err(|refusal| refusal.code.name)
    }

    #[test]
    fn the_advance_and_first_statement_of_the_classrooms() {
        let ceiling = amount(4_900_000);
        let none = facts(Advance { ceiling, ..Advance::default() }, 0);
        assert_eq!(judged(&none, Nature::Advance, 4_900_000, 0), Ok(4_900_000));
        assert_eq!(judged(&none, Nature::Advance, 4_900_001, 0), Err("VERIFICATION_ADVANCE_TOO_HIGH"));
        let paid = Advance { granted: ceiling, paid: ceiling, recovered: Amount::ZERO, ceiling };
        let first = facts(paid, 4_900_000);
        assert_eq!(judged(&first, Nature::Instalment, 12_000_000, 2_400_000), Ok(9_600_000));
        assert_eq!(judged(&first, Nature::Instalment, 12_000_000, 4_900_001), Err("VERIFICATION_ADVANCE_RECOVERY"));
        assert_eq!(judged(&first, Nature::Balance, 24_500_000, 2_400_000), Err("VERIFICATION_ADVANCE_RECOVERY"));
        assert_eq!(judged(&first, Nature::Advance, 1_000, 1), Err("VERIFICATION_ADVANCE_RECOVERY"), "an advance recovers none");
        assert_eq!(judged(&first, Nature::Balance, 24_500_000, 4_900_000), Ok(19_600_000));
        assert_eq!(judged(&first, Nature::Instalment, 19_600_001, 0), Err("VERIFICATION_EXCEEDS_COMMITMENT"));
    }

    #[test]
    fn what_settles_a_commitment_leaves_no_advance_behind() {
        let part = amount(2_400_000);
        let paid = facts(Advance { granted: part, paid: part, recovered: Amount::ZERO, ceiling: amount(24_500_000) }, 2_400_000);
        assert_eq!(judged(&paid, Nature::Instalment, 22_100_000, 0), Err("VERIFICATION_ADVANCE_RECOVERY"));
        assert_eq!(judged(&paid, Nature::Instalment, 24_500_000, 2_400_000), Ok(22_100_000));
        assert_eq!(judged(&paid, Nature::Advance, 22_100_000, 0), Err("VERIFICATION_ADVANCE_RECOVERY"));
        assert_eq!(judged(&paid, Nature::Advance, 22_099_999, 0), Ok(22_099_999));
        let unpaid = facts(Advance { paid: Amount::ZERO, ..paid.advance }, 2_400_000);
        assert_eq!(judged(&unpaid, Nature::Balance, 22_100_000, 0), Err("VERIFICATION_ADVANCE_RECOVERY"), "it will be paid yet");
    }

    #[test]
    fn an_invoice_adds_up() {
        let lines = [InvoiceLine { quantity: 3, unit_price: amount(250_000) }, InvoiceLine { quantity: 1, unit_price: amount(20_000) }];
        assert_eq!(recompute(&lines, amount(80_000), amount(850_000), Currency::XOF), Ok(()));
        assert_eq!(recompute(&[], Amount::ZERO, amount(850_000), Currency::XOF), Ok(()));
        let wrong = recompute(&lines, Amount::ZERO, amount(850_000), Currency::XOF).expect_err("80,000 short");
        assert_eq!(wrong.facts["computed"], "770000");
        let taxed = recompute(&[], amount(850_000), amount(850_000), Currency::XOF).expect_err("tax of nothing");
        assert_eq!(taxed.code, &VERIFICATION_ARITHMETIC);
        let absurd = [InvoiceLine { quantity: i64::MAX, unit_price: amount(1_000_000_000_000_000) }];
        assert!(recompute(&absurd, Amount::ZERO, amount(1), Currency::XOF).is_err());
        let many = [InvoiceLine { quantity: QUANTITY_MAX + 1, unit_price: amount(1) }];
        assert!(recompute(&many, Amount::ZERO, amount(QUANTITY_MAX + 1), Currency::XOF).is_err());
    }

    #[test]
    fn who_records_does_not_certify() {
        let (one, other) = (PrincipalId::new(), PrincipalId::new());
        assert_eq!(certify(VerificationState::Recorded, one, other), Ok(VerificationState::Certified));
        let refusal = certify(VerificationState::Recorded, one, one).expect_err("the same person");
        assert_eq!(refusal.code, &DUTIES_SELF_CERTIFICATION);
    }
}
