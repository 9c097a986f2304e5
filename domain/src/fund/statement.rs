//! Statements: what came to a donor's money in a period, line by line; the lines of all donors make those of the fund.

use super::FundMovementKind;

/// The lines of a statement, in minor units of the fund's currency. Closing = opening + received + interest - fee - costs - spent -
/// transferred - residual - repaid + exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatementLines {
    pub opening: i64,
    pub received: i64,
    pub interest: i64,
    pub fee: i64,
    pub direct_cost: i64,
    pub bank_charges: i64,
    /// Spending attributed.
    pub spent: i64,
    /// Passed on to other funds.
    pub transferred: i64,
    /// Left with who carried a purpose out.
    pub residual: i64,
    pub repaid: i64,
    pub exchange: i64,
}

impl StatementLines {
    /// Counts what moved: before the period in the opening, in it in its line.
    pub fn count(&mut self, kind: FundMovementKind, value: i64, before: bool) {
        let mut single = Self::default();
        single.take(kind, value);
        if before {
            self.opening += single.closing();
        } else {
            self.take(kind, value);
        }
    }

    fn take(&mut self, kind: FundMovementKind, value: i64) {
        use FundMovementKind as K;
        match kind {
            K::Receipt => self.received += value,
            K::Interest | K::RecipientsInterest => self.interest += value,
            K::Fee => self.fee += value,
            K::DirectCost => self.direct_cost += value,
            K::BankCharge => self.bank_charges += value,
            K::Expenditure => self.spent += value,
            K::Correction => self.spent -= value,
            K::Transfer => self.transferred += value,
            K::Residual => self.residual += value,
            K::Repayment => self.repaid += value,
            K::ExchangeGain => self.exchange += value,
            K::ExchangeLoss => self.exchange -= value,
            K::Pledge | K::Commitment | K::WriteOff | K::Allocation | K::Release => {}
            K::Disbursement | K::Reversal | K::Refund | K::Hold | K::Consent => {}
        }
    }

    pub fn closing(&self) -> i64 {
        let used = self.spent + self.transferred + self.residual;
        let paid = self.fee + self.direct_cost + self.bank_charges + used + self.repaid;
        self.opening + self.received + self.interest + self.exchange - paid
    }

    /// Both together, line by line.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            opening: self.opening + other.opening,
            received: self.received + other.received,
            interest: self.interest + other.interest,
            fee: self.fee + other.fee,
            direct_cost: self.direct_cost + other.direct_cost,
            bank_charges: self.bank_charges + other.bank_charges,
            spent: self.spent + other.spent,
            transferred: self.transferred + other.transferred,
            residual: self.residual + other.residual,
            repaid: self.repaid + other.repaid,
            exchange: self.exchange + other.exchange,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fund::waterfall::{FundFigure, Waterfall};
    use crate::word::Word;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_closes_one_period_opens_the_next_and_lines_add_up(moves in prop::collection::vec((0_usize..FundMovementKind::ALL.len(), 0_i64..1000, 1_u32..31, 0_usize..3), 0..40)) {
            let statement = |from: Option<u32>, to: u32, donor: Option<usize>| {
                let mut lines = StatementLines::default();
                for (kind, value, on, of) in &moves {
                    if donor.is_none_or(|donor| donor == *of) && *on <= to {
                        lines.count(FundMovementKind::ALL[*kind], *value, from.is_some_and(|from| *on < from));
                    }
                }
                lines
            };
            prop_assert_eq!(statement(None, 15, None).closing(), statement(Some(16), 30, None).opening);
            prop_assert_eq!(statement(Some(16), 30, None).closing(), statement(None, 30, None).closing());
            let donors = (0..3).map(|donor| statement(Some(10), 20, Some(donor))).fold(StatementLines::default(), StatementLines::and);
            prop_assert_eq!(donors, statement(Some(10), 20, None));
            // What is left of what was given is what is left with the agent and with the recipients.
            let mut cash = Waterfall::default();
            for (kind, value, ..) in &moves {
                cash.count(FundMovementKind::ALL[*kind], *value);
            }
            prop_assert_eq!(statement(None, 30, None).closing(), cash.figure(FundFigure::TotalBalance));
        }
    }
}
