//! What was done with lines of revenue: ordered and collected.

use crate::words;

words! {
    /// A step of the revenue chain that moves the execution of a line.
    pub enum RevenueStep {
        /// A revenue order is accepted by the accountant.
        Order = "order",
        /// An accepted order is reduced or cancelled in its own year.
        Reduce = "reduce",
        /// Money is received.
        Collect = "collect",
        /// A receipt is cancelled.
        Uncollect = "uncollect",
    }
}

impl RevenueStep {
    /// How many times its amount a step adds to: ordered, collected.
    pub fn deltas(self) -> [i64; 2] {
        match self {
            RevenueStep::Order => [1, 0],
            RevenueStep::Reduce => [-1, 0],
            RevenueStep::Collect => [0, 1],
            RevenueStep::Uncollect => [0, -1],
        }
    }
}
