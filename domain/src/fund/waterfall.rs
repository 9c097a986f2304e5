//! The statement of a fund as its administering agent publishes it: from what came in to what is left, and what does not reconcile.

use std::collections::BTreeSet;

use crate::words;

words! {
    /// What does not reconcile.
    pub enum Discrepancy {
        /// A printed total is not the sum of its printed parts.
        Rounding = "rounding",
        /// The agent and the recipients count refunds at different times.
        RefundTiming = "refund_timing",
        /// What is left with the recipients is not what their figures give.
        RecipientsBalance = "recipients_balance",
        /// A ratio that is told is not the one that the figures give.
        StatedRatio = "stated_ratio",
        /// Those who are named are not those who contributed.
        DonorList = "donor_list",
    }
}

/// Two figures that should be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub discrepancy: Discrepancy,
    pub left: i64,
    pub right: i64,
}

impl Finding {
    fn unless_equal(discrepancy: Discrepancy, left: i64, right: i64) -> Option<Self> {
        (left != right).then_some(Self { discrepancy, left, right })
    }

    pub fn difference(&self) -> i64 {
        self.left - self.right
    }
}

/// What came into a fund and went out of it, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waterfall {
    pub contributions: i64,
    pub interest: i64,
    /// Interest that recipients earned and passed on.
    pub recipients_interest: i64,
    /// Result of exchange, with its sign.
    pub exchange: i64,
    pub transferred: i64,
    pub transferred_to_funds: i64,
    /// Money that came back, as the agent counts it.
    pub refunds: i64,
    pub fee: i64,
    pub direct_cost: i64,
    pub bank_charges: i64,
    /// Given back to donors.
    pub repaid: i64,
    /// What recipients spent.
    pub expenditure: i64,
    /// Money given back, as recipients count it.
    pub recipients_refunds: i64,
}

impl Waterfall {
    pub fn source(&self) -> i64 {
        self.contributions + self.interest + self.recipients_interest + self.exchange
    }

    pub fn transfers(&self) -> i64 {
        self.transferred + self.transferred_to_funds
    }

    pub fn total_use(&self) -> i64 {
        self.transfers() - self.refunds + self.fee + self.direct_cost + self.bank_charges + self.repaid
    }

    /// Left with the agent.
    pub fn balance(&self) -> i64 {
        self.source() - self.total_use()
    }

    /// Left with the recipients; what other funds received is told by their own statements.
    pub fn recipients_balance(&self) -> i64 {
        self.transferred - self.expenditure - self.recipients_refunds
    }

    pub fn total_balance(&self) -> i64 {
        self.balance() + self.recipients_balance()
    }

    /// What does not agree between the parts, and with the totals that were printed.
    pub fn findings(&self, printed: &Printed) -> Vec<Finding> {
        let against =
            |discrepancy, computed, printed: Option<i64>| printed.and_then(|printed| Finding::unless_equal(discrepancy, computed, printed));
        let rounding = against(Discrepancy::Rounding, self.transfers(), printed.transfers);
        let timing = Finding::unless_equal(Discrepancy::RefundTiming, self.recipients_refunds, self.refunds);
        let held = against(Discrepancy::RecipientsBalance, self.recipients_balance(), printed.recipients_balance);
        rounding.into_iter().chain(timing).chain(held).collect()
    }
}

/// Totals as they were printed beside their parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    pub transfers: Option<i64>,
    pub recipients_balance: Option<i64>,
}

/// A part of a whole in basis points, rounded half up; zero of nothing.
pub fn rate_bps(part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let doubled = i128::from(part) * 20_000 + i128::from(whole);
    i64::try_from(doubled / (i128::from(whole) * 2)).unwrap_or(0)
}

/// Whether a ratio that is told differs from the one computed by more than a tolerance, all in basis points.
pub fn stated_ratio(part: i64, whole: i64, stated: i64, tolerance: i64) -> Option<Finding> {
    let computed = rate_bps(part, whole);
    Finding::unless_equal(Discrepancy::StatedRatio, computed, stated).filter(|finding| finding.difference().abs() > tolerance)
}

/// Whether those who are named as contributors are those who contributed.
pub fn donor_list(named: &BTreeSet<&str>, contributed: &BTreeSet<&str>) -> Option<Finding> {
    let count = |names: &BTreeSet<&str>| i64::try_from(names.len()).unwrap_or(i64::MAX);
    let finding = Finding { discrepancy: Discrepancy::DonorList, left: count(named), right: count(contributed) };
    (named != contributed).then_some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In whole dollars, as they were published.
    const A: Waterfall = Waterfall {
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
        recipients_refunds: 48_030_831,
    };
    const B: Waterfall = Waterfall {
        contributions: 1_016_268_638,
        interest: 24_223_374,
        recipients_interest: 3_181_470,
        exchange: 0,
        transferred: 928_973_453,
        transferred_to_funds: 40_832_220,
        refunds: 55_683_757,
        fee: 9_987_157,
        direct_cost: 26_204_342,
        bank_charges: 30_130,
        repaid: 0,
        expenditure: 754_655_459,
        recipients_refunds: 55_762_984,
    };

    #[test]
    fn a_published_statement_is_met_to_the_dollar() {
        assert_eq!((A.source(), A.transfers(), A.total_use()), (779_950_166, 706_928_187, 689_049_847));
        assert_eq!((A.balance(), A.recipients_balance(), A.total_balance()), (90_900_319, 109_639_922, 200_540_241));
        assert_eq!(A.findings(&Printed { transfers: Some(706_928_187), recipients_balance: Some(109_639_922) }), []);
        let of_deposits = [A.balance(), A.total_balance()].map(|balance| rate_bps(balance, A.contributions));
        assert_eq!(of_deposits, [1201, 2650]);
        assert_eq!(rate_bps(A.recipients_balance(), A.transferred), 1582);
    }

    #[test]
    fn what_does_not_reconcile_is_found() {
        assert_eq!(B.source(), 1_043_673_482);
        let found = B.findings(&Printed { transfers: Some(969_805_672), recipients_balance: None });
        assert_eq!(
            found.iter().map(|one| (one.discrepancy, one.difference())).collect::<Vec<_>>(),
            [(Discrepancy::Rounding, 1), (Discrepancy::RefundTiming, 79_227),]
        );
        // The printed totals rest on the printed sub-total.
        assert_eq!((B.total_use() - 1, B.balance() + 1), (950_343_544, 93_329_938));
        // What was printed as left with the recipients does not follow from the other figures either.
        let held = B.findings(&Printed { transfers: None, recipients_balance: Some(185_670_798) });
        assert_eq!(held.last().map(|one| (one.discrepancy, one.difference())), Some((Discrepancy::RecipientsBalance, -67_115_788)));
    }

    #[test]
    fn stated_ratios_and_lists_are_compared_with_the_figures() {
        let (budget, allocated) = (6_250_000_000, 5_260_000_000);
        assert_eq!((rate_bps(allocated, budget), budget - allocated), (8416, 990_000_000));
        assert_eq!(stated_ratio(allocated, budget, 8000, 100).map(|finding| finding.difference()), Some(416));
        assert_eq!(stated_ratio(allocated, budget, 8400, 100), None);
        assert_eq!(rate_bps(1, 0), 0);
        let named = BTreeSet::from(["Italy", "Denmark"]);
        let more = BTreeSet::from(["Italy", "Denmark", "Belgium"]);
        assert_eq!(donor_list(&named, &named), None);
        assert_eq!(donor_list(&named, &more).map(|finding| finding.difference()), Some(-1));
    }
}
