//! What is kept of contributions and of the lines of allocations, and how much more each bears.

use chrono::{Days, NaiveDate};

use super::{
    CONTRIBUTION_EXCEEDED, ContributionMovementKind, FUND_PURPOSE_UNDISBURSED, FundMovementKind, FundUseKind, REFUND_DONOR_CONSENT,
    REFUND_DUE, exceeded,
};
use crate::money::{Amount, Currency};
use crate::refusal::Refusal;

/// What is kept of a contribution, in minor units: the first four in the currency of the contribution, the others in that of the fund.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledgers {
    pub pledged: i64,
    pub committed: i64,
    pub received: i64,
    pub written_off: i64,
    /// What was received, in the currency of the fund; of the fund's own account, its income.
    pub value: i64,
    /// Fees; of the fund's own account, its costs and losses.
    pub charged: i64,
    pub repaid: i64,
    pub allocated: i64,
    pub disbursed: i64,
    pub spent: i64,
    /// Disbursed money that came back and can be allocated again.
    pub returned: i64,
    /// Passed on to other funds, or left with who carried a purpose out: gone for good without being spending.
    pub passed_on: i64,
    /// Of what came back: waits for the donor's consent, since the contribution has ended.
    pub held: i64,
}

impl Ledgers {
    /// After a movement: an amount in the currency of the contribution, or a value in that of the fund.
    #[must_use]
    pub fn after(mut self, kind: FundMovementKind, amount: i64, value: i64) -> Self {
        use FundMovementKind as K;
        match kind {
            K::Pledge => self.pledged += amount,
            K::Commitment => self.committed += amount,
            K::Receipt => {
                self.received += amount;
                self.value += value;
            }
            K::WriteOff => self.written_off += amount,
            K::Interest | K::RecipientsInterest | K::ExchangeGain => self.value += value,
            K::Fee | K::DirectCost | K::BankCharge | K::ExchangeLoss => self.charged += value,
            K::Repayment => self.repaid += value,
            K::Allocation
            | K::Release
            | K::Disbursement
            | K::Reversal
            | K::Expenditure
            | K::Correction
            | K::Refund
            | K::Transfer
            | K::Residual => {
                let LineUse { amount: allocated, disbursed, spent, returned, passed_on } = self.used().moved(kind, value);
                self = Self { allocated, disbursed, spent, returned, passed_on, ..self };
            }
            K::Hold => self.held += value,
            K::Consent => self.held -= value,
        }
        self
    }

    /// What became of its money in all its allocations.
    fn used(&self) -> LineUse {
        LineUse { amount: self.allocated, disbursed: self.disbursed, spent: self.spent, returned: self.returned, passed_on: self.passed_on }
    }

    /// What can still be allocated; below zero only where the fund's own account is short.
    pub fn available(&self) -> i64 {
        self.value - self.charged - self.repaid - self.allocated + self.returned - self.held
    }

    /// The most that can still be moved, where there is a limit.
    pub fn most(&self, kind: ContributionMovementKind) -> Option<i64> {
        match kind {
            ContributionMovementKind::Receipt | ContributionMovementKind::WriteOff => {
                Some(self.committed - self.received - self.written_off)
            }
            ContributionMovementKind::Repayment => Some(self.available()),
            ContributionMovementKind::Consent => Some(self.held),
            _ => None,
        }
    }

    /// As [`Self::allow`], on the tightest of some days.
    pub fn allow_on(days: &[Self], kind: ContributionMovementKind, amount: Amount, currency: Currency) -> Result<(), Refusal> {
        let tightest = days.iter().min_by_key(|day| day.most(kind));
        tightest.map_or(Ok(()), |day| day.allow(kind, amount, currency))
    }

    /// Refuses to move more than there is: to receive more than was signed, to give back what is allocated, or held.
    pub fn allow(&self, kind: ContributionMovementKind, amount: Amount, currency: Currency) -> Result<(), Refusal> {
        let most = self.most(kind).map(|most| Amount::from_minor(most).unwrap_or_default());
        match most.filter(|most| amount > *most) {
            None => Ok(()),
            Some(_) if kind == ContributionMovementKind::Repayment && amount.minor() <= self.available() + self.held => {
                let held = Amount::from_minor(self.held).unwrap_or_default().display(currency);
                Err(REFUND_DONOR_CONSENT.refuse().with("held", held).with("currency", currency.code()).at("/amount"))
            }
            Some(most) => Err(exceeded(&CONTRIBUTION_EXCEEDED, kind, most, amount, currency)),
        }
    }
}

/// A line of an allocation: what one contribution pays for a purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineUse {
    /// What was allocated and not released.
    pub amount: i64,
    pub disbursed: i64,
    pub spent: i64,
    pub returned: i64,
    pub passed_on: i64,
}

impl LineUse {
    /// How much more of a kind the line bears.
    pub fn room(&self, kind: FundUseKind) -> Amount {
        let room = match kind {
            FundUseKind::Disbursement | FundUseKind::Transfer => self.releasable(),
            FundUseKind::Expenditure | FundUseKind::Refund | FundUseKind::Reversal => self.unsettled(),
            FundUseKind::Correction => self.spent,
        };
        Amount::from_minor(room).unwrap_or_default()
    }

    /// After a use of the line.
    #[must_use]
    pub fn after(self, kind: FundUseKind, value: i64) -> Self {
        self.moved(kind.movement(), value)
    }

    /// After a movement of the contribution on this line.
    #[must_use]
    pub fn moved(mut self, kind: FundMovementKind, value: i64) -> Self {
        use FundMovementKind as K;
        match kind {
            K::Allocation => self.amount += value,
            K::Release => self.amount -= value,
            K::Disbursement => self.disbursed += value,
            K::Reversal => self.disbursed -= value,
            K::Expenditure => self.spent += value,
            K::Correction => self.spent -= value,
            K::Refund => self.returned += value,
            K::Transfer => {
                self.disbursed += value;
                self.passed_on += value;
            }
            K::Residual => self.passed_on += value,
            K::Pledge | K::Commitment | K::Receipt | K::Fee | K::WriteOff | K::Repayment | K::Hold | K::Consent => {}
            K::Interest | K::RecipientsInterest | K::DirectCost | K::BankCharge | K::ExchangeGain | K::ExchangeLoss => {}
        }
        self
    }

    /// What was disbursed and is neither spent nor back.
    pub fn unsettled(&self) -> i64 {
        self.disbursed - self.spent - self.returned - self.passed_on
    }

    /// What was not disbursed and can be given back.
    pub fn releasable(&self) -> i64 {
        self.amount - self.disbursed
    }
}

/// How long after the closure a refund may come.
const REFUND_DAYS: Days = Days::new(30);

/// The rest of a purpose that is left with who carried it out, when it closes: all allocated money is disbursed, and what is neither
/// spent nor back is no more than the fund leaves.
pub fn residual(lines: &[LineUse], most: i64, on: NaiveDate, currency: Currency) -> Result<Amount, Refusal> {
    let sum = |part: fn(&LineUse) -> i64| Amount::from_minor(lines.iter().map(part).sum()).unwrap_or_default();
    let undisbursed = sum(LineUse::releasable);
    if !undisbursed.is_zero() {
        let refusal = FUND_PURPOSE_UNDISBURSED.refuse().with("undisbursed", undisbursed.display(currency));
        return Err(refusal.with("currency", currency.code()));
    }
    let (rest, most) = (sum(LineUse::unsettled), Amount::from_minor(most).unwrap_or_default());
    if rest > most {
        let refusal = REFUND_DUE.refuse().with("due", rest.display(currency)).with("residual_max", most.display(currency));
        return Err(refusal.with("due_on", on.checked_add_days(REFUND_DAYS).unwrap_or(on)).with("currency", currency.code()));
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_ledgers_are_never_confused() {
        use FundMovementKind as K;
        let steps = [
            (K::Pledge, 1000, 0),
            (K::Commitment, 900, 0),
            (K::Receipt, 600, 660),
            (K::Fee, 0, 7),
            (K::Allocation, 0, 400),
            (K::Disbursement, 0, 300),
            (K::Expenditure, 0, 250),
            (K::Refund, 0, 50),
        ];
        let ledgers = steps.iter().fold(Ledgers::default(), |ledgers, (kind, amount, value)| ledgers.after(*kind, *amount, *value));
        let kept =
            [ledgers.pledged, ledgers.committed, ledgers.received, ledgers.allocated, ledgers.disbursed, ledgers.spent, ledgers.returned];
        assert_eq!(kept, [1000, 900, 600, 400, 300, 250, 50]);
        assert_eq!(ledgers.available(), 660 - 7 - 400 + 50);
        use ContributionMovementKind as M;
        let usd = Currency::parse("USD").expect("known");
        let refused = |kind, minor: i64| ledgers.allow(kind, Amount::from_minor(minor).expect("in range"), usd).is_err();
        assert!(!refused(M::Receipt, 300) && refused(M::Receipt, 301) && !refused(M::Repayment, 303) && refused(M::Repayment, 304));
        let line = LineUse { amount: 400, disbursed: 300, spent: 250, returned: 50, passed_on: 0 };
        let rooms = [FundUseKind::Disbursement, FundUseKind::Expenditure, FundUseKind::Refund, FundUseKind::Correction];
        assert_eq!(rooms.map(|kind| line.room(kind).minor()), [100, 0, 0, 250]);
    }

    #[test]
    fn a_purpose_closes_when_nothing_is_left_but_what_may_stay() {
        let usd = Currency::parse("USD").expect("known");
        let on = "2018-12-31".parse().expect("a date");
        let line = |spent, returned| LineUse { amount: 10_000_000, disbursed: 10_000_000, spent, returned, passed_on: 0 };
        let closes = |line: LineUse, most| residual(&[line], most, on, usd).map_err(|refusal| refusal.code.name);
        assert_eq!(closes(line(9_976_000, 0), 25_000).map(|rest| rest.display(usd)), Ok("240.00".to_owned()));
        assert_eq!(closes(line(9_974_000, 0), 25_000), Err("REFUND_DUE"));
        assert_eq!(closes(line(9_976_000, 0), 0), Err("REFUND_DUE"));
        assert_eq!(closes(line(9_974_000, 26_000), 0), Ok(Amount::ZERO));
        assert_eq!(closes(LineUse { disbursed: 9_999_999, ..line(0, 0) }, i64::MAX), Err("FUND_PURPOSE_UNDISBURSED"));
        let held = Ledgers { value: 100, held: 40, ..Ledgers::default() };
        let repay = |minor| held.allow(ContributionMovementKind::Repayment, Amount::from_minor(minor).expect("in range"), usd);
        let codes = [60, 61, 101].map(|minor| repay(minor).map_err(|refusal| refusal.code.name));
        assert_eq!(codes, [Ok(()), Err("REFUND_DONOR_CONSENT"), Err("CONTRIBUTION_EXCEEDED")]);
    }
}
