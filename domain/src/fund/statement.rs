//! Statements: what came to a donor's money in a period, line by line; the lines of all donors make those of the fund.

use chrono::NaiveDate;

use super::FundMovementKind;

/// The lines of a statement, in minor units of the fund's currency. Closing = opening + received + interest - fee - costs - spent -
/// repaid + exchange.
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
    pub repaid: i64,
    pub exchange: i64,
}

impl StatementLines {
    /// Counts a movement: before the period in the opening, after it not at all.
    pub fn count(&mut self, kind: FundMovementKind, value: i64, on: NaiveDate, from: Option<NaiveDate>, to: NaiveDate) {
        if on > to {
            return;
        }
        let mut single = Self::default();
        single.take(kind, value);
        if from.is_some_and(|from| on < from) {
            self.opening += single.closing();
        } else {
            self.take(kind, value);
        }
    }

    fn take(&mut self, kind: FundMovementKind, value: i64) {
        use FundMovementKind as K;
        match kind {
            K::Receipt => self.received += value,
            K::Interest => self.interest += value,
            K::Fee => self.fee += value,
            K::DirectCost => self.direct_cost += value,
            K::BankCharge => self.bank_charges += value,
            K::Expenditure => self.spent += value,
            K::Correction => self.spent -= value,
            K::Repayment => self.repaid += value,
            K::ExchangeGain => self.exchange += value,
            K::ExchangeLoss => self.exchange -= value,
            K::Pledge | K::Commitment | K::WriteOff | K::Allocation | K::Release | K::Disbursement | K::Refund => {}
        }
    }

    pub fn closing(&self) -> i64 {
        let paid = self.fee + self.direct_cost + self.bank_charges + self.spent + self.repaid;
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
            repaid: self.repaid + other.repaid,
            exchange: self.exchange + other.exchange,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word;
    use proptest::prelude::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2018, 1, number).expect("a day")
    }

    proptest! {
        #[test]
        fn what_closes_one_period_opens_the_next_and_lines_add_up(moves in prop::collection::vec((0_usize..17, 0_i64..1000, 1_u32..31, 0_usize..3), 0..40)) {
            let statement = |from: Option<u32>, to: u32, donor: Option<usize>| {
                let mut lines = StatementLines::default();
                for (kind, value, on, of) in &moves {
                    if donor.is_none_or(|donor| donor == *of) {
                        lines.count(FundMovementKind::ALL[*kind], *value, day(*on), from.map(day), day(to));
                    }
                }
                lines
            };
            prop_assert_eq!(statement(None, 15, None).closing(), statement(Some(16), 30, None).opening);
            prop_assert_eq!(statement(Some(16), 30, None).closing(), statement(None, 30, None).closing());
            let donors = (0..3).map(|donor| statement(Some(10), 20, Some(donor))).fold(StatementLines::default(), StatementLines::and);
            prop_assert_eq!(donors, statement(Some(10), 20, None));
        }
    }
}
