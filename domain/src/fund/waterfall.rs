//! The statement of a fund as its administering agent publishes it: from what came in to what is left.

use super::FundMovementKind;
use crate::words;

words! {
    /// A line of the statement.
    pub enum FundFigure {
        /// Received from donors.
        Contributions = "contributions",
        /// Interest of the fund.
        Interest = "interest",
        /// Interest that recipients earned and passed on.
        RecipientsInterest = "recipients_interest",
        /// Result of exchange, with its sign.
        Exchange = "exchange",
        /// All that came in.
        TotalSource = "total_source",
        /// Transferred to who carries purposes out.
        Transferred = "transferred",
        /// Transferred to other funds.
        TransferredToFunds = "transferred_to_funds",
        /// All transfers.
        Transfers = "transfers",
        /// Money that came back, as the agent counts it.
        Refunds = "refunds",
        /// The agent's fee.
        Fee = "fee",
        /// Cost of the fund's own work.
        DirectCost = "direct_cost",
        /// Charges of the bank.
        BankCharges = "bank_charges",
        /// Given back to donors.
        Repaid = "repaid",
        /// All that went out, less refunds.
        TotalUse = "total_use",
        /// Left with the agent.
        Balance = "balance",
        /// What recipients spent.
        Expenditure = "expenditure",
        /// Rests that recipients keep.
        Residual = "residual",
        /// Money given back, as recipients count it.
        RecipientsRefunds = "recipients_refunds",
        /// Left with recipients.
        RecipientsBalance = "recipients_balance",
        /// Left with the agent and with recipients.
        TotalBalance = "total_balance",
        /// Allocated to purposes.
        Allocated = "allocated",
        /// Received and not allocated.
        Unallocated = "unallocated",
    }
}

impl FundFigure {
    /// Of how many lines it is made, each of which may be rounded: a total that differs by no more than their rounding is not wrong.
    pub fn parts(self) -> i64 {
        match self {
            Self::TotalSource | Self::TotalBalance => 4,
            Self::Transfers | Self::Unallocated => 2,
            Self::TotalUse => 7,
            Self::Balance => 11,
            Self::RecipientsBalance => 4,
            _ => 0,
        }
    }
}

/// What came into a fund and went out of it, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waterfall {
    pub contributions: i64,
    pub interest: i64,
    pub recipients_interest: i64,
    pub exchange: i64,
    pub transferred: i64,
    pub transferred_to_funds: i64,
    pub refunds: i64,
    pub fee: i64,
    pub direct_cost: i64,
    pub bank_charges: i64,
    pub repaid: i64,
    pub expenditure: i64,
    pub residual: i64,
    pub allocated: i64,
}

impl Waterfall {
    /// Counts what moved, in the currency of the fund.
    pub fn count(&mut self, kind: FundMovementKind, value: i64) {
        use FundMovementKind as K;
        match kind {
            K::Receipt => self.contributions += value,
            K::Interest => self.interest += value,
            K::RecipientsInterest => self.recipients_interest += value,
            K::ExchangeGain => self.exchange += value,
            K::ExchangeLoss => self.exchange -= value,
            K::Disbursement => self.transferred += value,
            K::Reversal => self.transferred -= value,
            K::Transfer => self.transferred_to_funds += value,
            K::Refund => self.refunds += value,
            K::Fee => self.fee += value,
            K::DirectCost => self.direct_cost += value,
            K::BankCharge => self.bank_charges += value,
            K::Repayment => self.repaid += value,
            K::Expenditure => self.expenditure += value,
            K::Correction => self.expenditure -= value,
            K::Residual => self.residual += value,
            K::Allocation => self.allocated += value,
            K::Release => self.allocated -= value,
            K::Pledge | K::Commitment | K::WriteOff | K::Hold | K::Consent => {}
        }
    }

    /// Left with the agent.
    pub fn balance(&self) -> i64 {
        self.figure(FundFigure::TotalSource) - self.figure(FundFigure::TotalUse)
    }

    /// Left with the recipients; what other funds received is told by their own statements.
    pub fn recipients_balance(&self) -> i64 {
        self.transferred - self.expenditure - self.refunds - self.residual
    }

    /// A line.
    pub fn figure(&self, figure: FundFigure) -> i64 {
        use FundFigure as F;
        match figure {
            F::Contributions => self.contributions,
            F::Interest => self.interest,
            F::RecipientsInterest => self.recipients_interest,
            F::Exchange => self.exchange,
            F::TotalSource => self.contributions + self.interest + self.recipients_interest + self.exchange,
            F::Transferred => self.transferred,
            F::TransferredToFunds => self.transferred_to_funds,
            F::Transfers => self.transferred + self.transferred_to_funds,
            F::Refunds | F::RecipientsRefunds => self.refunds,
            F::Fee => self.fee,
            F::DirectCost => self.direct_cost,
            F::BankCharges => self.bank_charges,
            F::Repaid => self.repaid,
            F::TotalUse => {
                let paid = self.fee + self.direct_cost + self.bank_charges + self.repaid;
                self.transferred + self.transferred_to_funds - self.refunds + paid
            }
            F::Balance => self.balance(),
            F::Expenditure => self.expenditure,
            F::Residual => self.residual,
            F::RecipientsBalance => self.recipients_balance(),
            F::TotalBalance => self.balance() + self.recipients_balance(),
            F::Allocated => self.allocated,
            F::Unallocated => self.contributions - self.allocated,
        }
    }
}

/// A part of a whole in basis points, rounded half up; zero of nothing.
pub fn rate_bps(part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let doubled = i128::from(part) * 20_000 + i128::from(whole);
    i64::try_from(doubled.div_euclid(i128::from(whole) * 2)).unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// In whole dollars, as they were published.
    pub const A: Waterfall = Waterfall {
        contributions: 756_821_732,
        interest: 20_006_220,
        recipients_interest: 3_122_214,
        exchange: 0,
        transferred: 693_135_684,
        transferred_to_funds: 13_792_503,
        refunds: 48_030_831,
        fee: 7_484_571,
        direct_cost: 22_638_221,
        bank_charges: 29_699,
        repaid: 0,
        expenditure: 535_464_931,
        residual: 0,
        allocated: 0,
    };

    #[test]
    fn a_published_statement_is_met_to_the_dollar() {
        use FundFigure as F;
        let totals = [F::TotalSource, F::Transfers, F::TotalUse, F::Balance, F::RecipientsBalance, F::TotalBalance].map(|of| A.figure(of));
        assert_eq!(totals, [779_950_166, 706_928_187, 689_049_847, 90_900_319, 109_639_922, 200_540_241]);
        let of_deposits = [A.balance(), A.figure(F::TotalBalance)].map(|balance| rate_bps(balance, A.contributions));
        assert_eq!(of_deposits, [1201, 2650]);
        assert_eq!(rate_bps(A.recipients_balance(), A.transferred), 1582);
        assert_eq!(rate_bps(1, 0), 0);
    }
}
