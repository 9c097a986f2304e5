//! What is told of a fund elsewhere, beside its own books: figures, a ratio, a list of contributors; and what does not agree.

use std::collections::BTreeSet;

use super::waterfall::{FundFigure, Waterfall, rate_bps};
use crate::words;

words! {
    /// Why two figures that should be one are not.
    pub enum Discrepancy {
        /// A total that is no further from the books than the rounding of its parts.
        Rounding = "rounding",
        /// The agent and the recipients count refunds at different times.
        RefundTiming = "refund_timing",
        /// A ratio that is told is not the one that the books give.
        StatedRatio = "stated_ratio",
        /// Those who are named are not those who contributed.
        DonorList = "donor_list",
        /// A figure that is not that of the books.
        Difference = "difference",
    }
}

words! {
    /// How much it matters.
    pub enum DiscrepancyWeight {
        /// To be known.
        Information = "information",
        /// To be looked at.
        Warning = "warning",
        /// To be put right before anything is published by it.
        Error = "error",
    }
}

impl Discrepancy {
    pub fn weight(self) -> DiscrepancyWeight {
        match self {
            Self::Rounding | Self::RefundTiming => DiscrepancyWeight::Information,
            Self::StatedRatio | Self::DonorList => DiscrepancyWeight::Warning,
            Self::Difference => DiscrepancyWeight::Error,
        }
    }
}

/// By how much a ratio may be told otherwise, in basis points.
const RATIO_TOLERANCE: i64 = 100;

/// Why a figure that was told in whole units, each so many minor ones, is not that of the books; nothing where it is, rounded.
pub fn compare(books: &Waterfall, figure: FundFigure, stated: i64, unit: i64) -> Option<Discrepancy> {
    let doubled = (books.figure(figure) - stated).saturating_abs().saturating_mul(2);
    if doubled <= unit.saturating_sub(1) {
        return None;
    }
    Some(match figure {
        FundFigure::RecipientsRefunds => Discrepancy::RefundTiming,
        of if of.parts() > 0 && doubled <= unit.saturating_mul(of.parts() + 1) => Discrepancy::Rounding,
        _ => Discrepancy::Difference,
    })
}

/// The part of what was received that is allocated, and by how much it was told otherwise, where that is more than is tolerated.
pub fn stated_ratio(books: &Waterfall, stated_bps: i64) -> (i64, Option<i64>) {
    let computed = rate_bps(books.allocated, books.contributions);
    (computed, Some(computed - stated_bps).filter(|difference| difference.abs() > RATIO_TOLERANCE))
}

/// Those who were named and did not contribute, and those who contributed and were not named.
pub fn donor_list<T: Ord + Clone>(named: &BTreeSet<T>, contributed: &BTreeSet<T>) -> (Vec<T>, Vec<T>) {
    (named.difference(contributed).cloned().collect(), contributed.difference(named).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::super::waterfall::tests::A;
    use super::*;

    #[test]
    fn a_total_may_be_rounded_and_nothing_else() {
        use Discrepancy as D;
        use FundFigure as F;
        let told = |figure, stated, unit| compare(&A, figure, stated, unit);
        assert_eq!(told(F::Transfers, 706_928_187, 1), None);
        assert_eq!([told(F::Transfers, 706_928_186, 1), told(F::Transfers, 706_928_185, 1)], [Some(D::Rounding), Some(D::Difference)]);
        assert_eq!(told(F::Contributions, 756_821_731, 1), Some(D::Difference));
        assert_eq!(
            [told(F::Contributions, 756_800_000, 100_000), told(F::Contributions, 756_900_000, 100_000)],
            [None, Some(D::Difference)]
        );
        assert_eq!(told(F::RecipientsRefunds, 48_110_058, 1), Some(D::RefundTiming));
    }

    #[test]
    fn stated_ratios_and_lists_are_compared_with_the_books() {
        let books = Waterfall { contributions: 6_250_000_000, allocated: 5_260_000_000, ..Waterfall::default() };
        assert_eq!((stated_ratio(&books, 8000), stated_ratio(&books, 8400)), ((8416, Some(416)), (8416, None)));
        assert_eq!(books.figure(FundFigure::Unallocated), 990_000_000);
        let (named, more) = (BTreeSet::from(["Italy", "Denmark"]), BTreeSet::from(["Italy", "Denmark", "Belgium"]));
        assert_eq!(donor_list(&named, &named), (vec![], vec![]));
        assert_eq!(donor_list(&named, &more), (vec![], vec!["Belgium"]));
    }
}
