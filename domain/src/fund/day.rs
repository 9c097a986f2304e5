//! What there was on each day. An act that is dated back is judged by the tightest of the days from its own on, so that no balance of
//! a contribution, a purpose, the pool or a line of an allocation is below zero on any day.
//!
//! The kept sums are those of the last day. What moved later than the act is taken off them, day by day.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::{FundMovementKind, FundUseKind, Ledgers, LineUse};
use crate::calendar::Cause;
use crate::id::{ContributionId, FundAllocationId, FundPurposeId};
use crate::money::Amount;

/// A movement, or the sum of several of one day that differ in nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub on: NaiveDate,
    pub contribution: ContributionId,
    pub allocation: Option<FundAllocationId>,
    pub purpose: Option<FundPurposeId>,
    pub kind: FundMovementKind,
    pub amount: i64,
    pub value: i64,
}

/// What moved in a fund later than the day of an act.
#[derive(Clone, Debug, Default)]
pub struct Later {
    /// The last day first.
    moved: Vec<Moved>,
}

/// What a fund has now, as far as an allocation asks.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    pub ledgers: BTreeMap<ContributionId, Ledgers>,
    /// What each contribution pays for the purpose.
    pub paying: BTreeMap<ContributionId, i64>,
    /// Those that share what is not earmarked.
    pub pool: BTreeSet<ContributionId>,
    pub budget: i64,
}

/// What of it there is on the tightest day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tightest {
    pub available: BTreeMap<ContributionId, i64>,
    /// The most that each pays for the purpose.
    pub paying: BTreeMap<ContributionId, i64>,
    /// What the pool can pay, less what the fund is short of.
    pub pool: i64,
    /// What of the purpose's budget is not allocated.
    pub unallocated: i64,
}

impl Holdings {
    fn undo(&mut self, moved: &Moved, purpose: Option<FundPurposeId>) {
        if let Some(ledgers) = self.ledgers.get_mut(&moved.contribution) {
            *ledgers = ledgers.after(moved.kind, -moved.amount, -moved.value);
        }
        if purpose.is_some() && moved.purpose == purpose {
            let allocated = LineUse::default().moved(moved.kind, moved.value).amount;
            *self.paying.entry(moved.contribution).or_default() -= allocated;
        }
    }

    /// What there is, as far as it can be paid.
    fn count(&self) -> Tightest {
        let available: BTreeMap<ContributionId, i64> = self.ledgers.iter().map(|(id, ledgers)| (*id, ledgers.available())).collect();
        let pooled: i64 = available.iter().filter(|(id, _)| self.pool.contains(*id)).map(|(_, minor)| (*minor).max(0)).sum();
        let short: i64 = available.values().map(|minor| (*minor).min(0)).sum();
        Tightest {
            pool: pooled + short,
            unallocated: self.budget - self.paying.values().sum::<i64>(),
            available,
            paying: self.paying.clone(),
        }
    }
}

impl Tightest {
    fn tighten(&mut self, other: Self) {
        for (id, minor) in other.available {
            let kept = self.available.entry(id).or_insert(minor);
            *kept = minor.min(*kept);
        }
        for (id, minor) in other.paying {
            let kept = self.paying.entry(id).or_insert(minor);
            *kept = minor.max(*kept);
        }
        self.pool = self.pool.min(other.pool);
        self.unallocated = self.unallocated.min(other.unallocated);
    }

    /// By how much the pool can pay less than its members have, each on its tightest day.
    pub fn deficit(&self, pool: &BTreeSet<ContributionId>) -> Amount {
        let whole: i64 = self.available.iter().filter(|(id, _)| pool.contains(*id)).map(|(_, minor)| (*minor).max(0)).sum();
        Amount::from_minor((whole - self.pool).max(0)).unwrap_or_default()
    }
}

impl Later {
    pub fn of(mut moved: Vec<Moved>) -> Self {
        moved.sort_by_key(|one| Reverse(one.on));
        Self { moved }
    }

    /// What something was at the end of each day, from the last to that of the act; `undo` takes a movement off.
    fn days<S>(&self, now: S, of: impl Fn(&Moved) -> bool, undo: impl Fn(&mut S, &Moved), mut seen: impl FnMut(&S)) {
        let (mut state, mut last) = (now, None);
        for moved in self.moved.iter().filter(|moved| of(moved)) {
            if last != Some(moved.on) {
                seen(&state);
                last = Some(moved.on);
            }
            undo(&mut state, moved);
        }
        seen(&state);
    }

    /// The ledgers of a contribution at the end of each day from that of the act on, given those of now; that of the act is the last.
    pub fn ledgers(&self, contribution: ContributionId, now: Ledgers) -> Vec<Ledgers> {
        let mut days = Vec::new();
        let undo = |state: &mut Ledgers, moved: &Moved| *state = state.after(moved.kind, -moved.amount, -moved.value);
        self.days(now, |moved| moved.contribution == contribution, undo, |state| days.push(*state));
        days
    }

    /// The use of a line at the end of each day from that of the act on, given that of now; that of the act is the last.
    pub fn line(&self, contribution: ContributionId, allocation: FundAllocationId, now: LineUse) -> Vec<LineUse> {
        let mut days = Vec::new();
        let of = |moved: &Moved| moved.contribution == contribution && moved.allocation == Some(allocation);
        let undo = |state: &mut LineUse, moved: &Moved| *state = state.moved(moved.kind, -moved.value);
        self.days(now, of, undo, |state| days.push(*state));
        days
    }

    /// What there is to allocate on the tightest of the days from that of the act on.
    pub fn tightest(&self, now: Holdings, purpose: Option<FundPurposeId>) -> Tightest {
        let mut tightest = now.count();
        self.days(now, |_| true, |state, moved| state.undo(moved, purpose), |state| tightest.tighten(state.count()));
        tightest
    }

    /// The first day later than the act on which something of these kinds moved.
    pub fn first(&self, kinds: &[FundMovementKind], of: impl Fn(&Moved) -> bool) -> Option<NaiveDate> {
        self.moved.iter().filter(|moved| kinds.contains(&moved.kind) && of(moved)).map(|moved| moved.on).min()
    }

    /// The last day later than the act on which something of these kinds moved.
    pub fn last(&self, kinds: &[FundMovementKind]) -> Option<NaiveDate> {
        self.moved.iter().filter(|moved| kinds.contains(&moved.kind)).map(|moved| moved.on).max()
    }

    /// The last day on which something of a purpose moved, where that is later than the act.
    pub fn last_of(&self, purpose: FundPurposeId) -> Option<NaiveDate> {
        self.moved.iter().filter(|moved| moved.purpose == Some(purpose)).map(|moved| moved.on).max()
    }
}

/// What a use of a purpose follows from, where all of that is later than the use: its day, given how its lines stand on the day of
/// the use.
pub fn cause_of_use(kind: FundUseKind, on_the_day: &[LineUse], later: &Later, purpose: FundPurposeId) -> (Cause, Option<NaiveDate>) {
    use FundMovementKind as K;
    let cause = kind.cause();
    let sum = |part: fn(&LineUse) -> i64| on_the_day.iter().map(part).sum::<i64>();
    let (there, kinds): (i64, &[K]) = match cause {
        Cause::Allocation => (sum(|line| line.amount), &[K::Allocation]),
        Cause::Disbursement => (sum(|line| line.disbursed), &[K::Disbursement]),
        _ => (sum(|line| line.spent), &[K::Expenditure]),
    };
    (cause, later.first(kinds, |moved| moved.purpose == Some(purpose)).filter(|_| there == 0))
}

/// How much more of a kind a line bears on the tightest of some days.
pub fn room_on(days: &[LineUse], kind: FundUseKind) -> Amount {
    days.iter().map(|day| day.room(kind)).min().unwrap_or_default()
}

/// How much of a line can be released on the tightest of some days.
pub fn releasable_on(days: &[LineUse]) -> Amount {
    Amount::from_minor(days.iter().map(LineUse::releasable).min().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
