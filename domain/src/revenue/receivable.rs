//! What is owed on an accepted order, how money is allotted to it, and what became of it.

use super::{
    REFUND_EXCEEDS_OVERPAYMENT, REVENUE_ADJUSTMENT_EXCEEDS_OUTSTANDING, REVENUE_SUMS_BROKEN, RevenueAdjustmentKind, RevenueOrderState,
};
use crate::money::{Amount, Currency};
use crate::refusal::Refusal;

/// What is owed on an accepted order, and what became of it.
/// Always: `amount = reduced + collected + written_off + waived + outstanding`, `recovered <= written_off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receivable {
    pub amount: Amount,
    pub reduced: Amount,
    pub collected: Amount,
    pub written_off: Amount,
    pub waived: Amount,
    /// What came after the write-off.
    pub recovered: Amount,
    /// What came in excess and was not refunded.
    pub overpaid: Amount,
}

/// What a receipt is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allotment {
    /// What settles the debt.
    pub settled: Amount,
    /// What comes on a debt that was written off: exceptional income.
    pub recovered: Amount,
    /// What exceeds both: owed to the payer.
    pub excess: Amount,
}

impl Receivable {
    pub fn of(amount: Amount) -> Self {
        Self { amount, ..Self::default() }
    }

    fn left(&self) -> Option<Amount> {
        let gone = Amount::sum([self.reduced, self.collected, self.written_off, self.waived])?;
        self.amount.checked_sub(gone)
    }

    pub fn outstanding(&self) -> Amount {
        self.left().unwrap_or_default()
    }

    /// Whether the sums are in order.
    pub fn in_order(&self) -> bool {
        self.left().is_some() && self.recovered <= self.written_off
    }

    /// The state that the sums lead to.
    pub fn state(&self) -> RevenueOrderState {
        if !self.outstanding().is_zero() {
            return if self.collected.is_zero() { RevenueOrderState::Accepted } else { RevenueOrderState::PartlyCollected };
        }
        if !self.written_off.is_zero() {
            RevenueOrderState::WrittenOff
        } else if !self.waived.is_zero() {
            RevenueOrderState::Waived
        } else if !self.collected.is_zero() {
            RevenueOrderState::Collected
        } else {
            RevenueOrderState::Cancelled
        }
    }

    /// Allots money: first to the debt, then to what was written off, the rest is owed to the payer.
    pub fn allot(&self, amount: Amount) -> Allotment {
        let settled = amount.min(self.outstanding());
        let rest = amount.checked_sub(settled).unwrap_or_default();
        let recovered = rest.min(self.written_off.checked_sub(self.recovered).unwrap_or_default());
        Allotment { settled, recovered, excess: rest.checked_sub(recovered).unwrap_or_default() }
    }

    fn checked(self) -> Result<Self, Refusal> {
        if self.in_order() { Ok(self) } else { Err(REVENUE_SUMS_BROKEN.refuse()) }
    }

    /// After a receipt.
    pub fn received(mut self, of: Allotment) -> Result<Self, Refusal> {
        for (sum, more) in [(&mut self.collected, of.settled), (&mut self.recovered, of.recovered), (&mut self.overpaid, of.excess)] {
            *sum = sum.checked_add(more).ok_or_else(|| REVENUE_SUMS_BROKEN.refuse())?;
        }
        self.checked()
    }

    /// After a receipt is cancelled, or nothing when its excess is no longer there.
    pub fn returned(mut self, of: Allotment) -> Option<Self> {
        self.collected = self.collected.checked_sub(of.settled)?;
        self.recovered = self.recovered.checked_sub(of.recovered)?;
        self.overpaid = self.overpaid.checked_sub(of.excess)?;
        self.in_order().then_some(self)
    }

    /// After a refund: at most what was overpaid and is still there.
    pub fn refunded(mut self, amount: Amount, currency: Currency) -> Result<Self, Refusal> {
        self.overpaid = self.overpaid.checked_sub(amount).ok_or_else(|| {
            REFUND_EXCEEDS_OVERPAYMENT
                .refuse()
                .with("excess", self.overpaid.display(currency))
                .with("requested", amount.display(currency))
                .with("currency", currency.code())
                .at("/amount")
        })?;
        Ok(self)
    }

    /// Refuses more than what is outstanding.
    pub fn require(&self, amount: Amount, currency: Currency) -> Result<(), Refusal> {
        if amount <= self.outstanding() {
            return Ok(());
        }
        Err(REVENUE_ADJUSTMENT_EXCEEDS_OUTSTANDING
            .refuse()
            .with("outstanding", self.outstanding().display(currency))
            .with("requested", amount.display(currency))
            .with("currency", currency.code())
            .at("/amount"))
    }

    /// After an adjustment: at most what is outstanding.
    pub fn adjusted(mut self, kind: RevenueAdjustmentKind, amount: Amount, currency: Currency) -> Result<Self, Refusal> {
        self.require(amount, currency)?;
        let sum = match kind {
            RevenueAdjustmentKind::Reduction | RevenueAdjustmentKind::Cancellation => &mut self.reduced,
            RevenueAdjustmentKind::WriteOff => &mut self.written_off,
            RevenueAdjustmentKind::Waiver => &mut self.waived,
        };
        *sum = sum.checked_add(amount).ok_or_else(|| REVENUE_SUMS_BROKEN.refuse())?;
        self.checked()
    }
}
