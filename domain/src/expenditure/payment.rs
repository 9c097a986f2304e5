//! Payments: made once, to the creditor, with money that is there.

use crate::id::SupplierId;
use crate::ledger::Part;
use crate::money::{Amount, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
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
    PAYMENT_CLAIMED_BACK: Conflict,
        "Paiement réclamé" / "Payment claimed back",
        "Une partie de ce mandat fait l'objet d'un reversement ({reversed} {currency}) : ce paiement ne peut plus revenir." /
        "A part of this order is claimed back ({reversed} {currency}): this payment can no longer come back.";
    PAYMENT_ALREADY_RETURNED: Conflict,
        "Paiement déjà revenu" / "Payment already returned",
        "Ce paiement est déjà revenu de la banque." / "This payment already came back from the bank.";
    PAYMENT_NOT_RETURNABLE: Conflict,
        "Paiement sans retour possible" / "Payment cannot come back",
        "Un paiement en espèces ne revient pas de la banque ; ce qui n'était pas dû se réclame par un reversement." /
        "A payment in cash does not come back from the bank; what was not due is claimed back.";
}

words! {
    /// How a payment is made.
    pub enum PaymentMode {
        /// Bank or Treasury transfer.
        Transfer = "transfer",
        /// Cheque drawn on the Treasury.
        Cheque = "cheque",
        /// Cash, up to the ceiling of parameter `cash_payment_max` when paid out; none when it comes in.
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

words! {
    /// Money held for others, which the accountant remits.
    pub enum Remitted {
        /// Social contributions, withheld and due by the employer.
        Social = "social",
        /// Taxes withheld for the State.
        TaxesWithheld = "taxes_withheld",
        /// Shares of others in shared taxes.
        SharedTaxes = "shared_taxes",
        /// Sundry creditors.
        SundryCreditors = "sundry_creditors",
    }
}

impl Remitted {
    pub fn part(self) -> Part {
        match self {
            Remitted::Social => Part::Social,
            Remitted::TaxesWithheld => Part::TaxesWithheld,
            Remitted::SharedTaxes => Part::SharedTaxes,
            Remitted::SundryCreditors => Part::SundryCreditors,
        }
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
