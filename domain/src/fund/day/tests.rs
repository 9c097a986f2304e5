//! Acts in any order of their days, and what there was on each day.

use proptest::prelude::*;

use super::*;
use crate::fund::ContributionMovementKind;
use crate::fund::attribution::{Bearer, attribute};
use crate::money::Currency;
use FundMovementKind as K;

fn day(of_month: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2018, 6, of_month).expect("a date")
}

/// Two contributions of a fund, each with a line of one allocation to one purpose.
struct Books {
    ids: [ContributionId; 2],
    allocation: FundAllocationId,
    purpose: FundPurposeId,
    moved: Vec<Moved>,
    budget: i64,
}

impl Books {
    fn new() -> Self {
        let ids = [ContributionId::new(), ContributionId::new()];
        Self { ids, allocation: FundAllocationId::new(), purpose: FundPurposeId::new(), moved: Vec::new(), budget: 100 }
    }

    fn post(&mut self, on: u32, of: usize, kind: FundMovementKind, minor: i64) {
        let on_purpose = LineUse::default().moved(kind, 1) != LineUse::default();
        let amount = if matches!(kind, K::Commitment | K::Receipt) { minor } else { 0 };
        self.moved.push(Moved {
            on: day(on),
            contribution: self.ids[of],
            allocation: on_purpose.then_some(self.allocation),
            purpose: on_purpose.then_some(self.purpose),
            kind,
            amount,
            value: minor,
        });
    }

    fn until(&self, on: u32, of: usize) -> impl Iterator<Item = &Moved> {
        self.moved.iter().filter(move |moved| moved.on <= day(on) && moved.contribution == self.ids[of])
    }

    fn ledgers(&self, on: u32, of: usize) -> Ledgers {
        self.until(on, of).fold(Ledgers::default(), |kept, moved| kept.after(moved.kind, moved.amount, moved.value))
    }

    fn line(&self, on: u32, of: usize) -> LineUse {
        self.until(on, of).fold(LineUse::default(), |kept, moved| kept.moved(moved.kind, moved.value))
    }

    fn later(&self, on: u32) -> Later {
        Later::of(self.moved.iter().filter(|moved| moved.on > day(on)).copied().collect())
    }

    fn holdings(&self) -> Holdings {
        let paying = [0, 1].map(|of| (self.ids[of], self.line(30, of).amount));
        let ledgers = [0, 1].map(|of| (self.ids[of], self.ledgers(30, of)));
        Holdings { ledgers: ledgers.into(), paying: paying.into(), pool: self.ids.into(), budget: self.budget }
    }

    /// Does what the rules let be done of something; what they do not is left out.
    fn act(&mut self, what: usize, of: usize, on: u32, minor: i64) {
        let (usd, later) = (Currency::parse("USD").expect("known"), self.later(on));
        let asked = Amount::from_minor(minor).expect("in range");
        let days = later.ledgers(self.ids[of], self.ledgers(30, of));
        let lines = |of: usize| later.line(self.ids[of], self.allocation, self.line(30, of));
        let shared = |books: &mut Self, kind: FundMovementKind, rooms: [Amount; 2]| {
            let bearers: Vec<Bearer<usize>> = (0..2).map(|key| Bearer { key, pooled: true, room: rooms[key] }).collect();
            if Amount::sum(rooms).is_some_and(|most| asked <= most) {
                for (of, part) in attribute(asked, &bearers) {
                    books.post(on, of, kind, part.minor());
                }
            }
        };
        match what {
            0 => self.post(on, of, K::Commitment, minor),
            1 | 2 => {
                let (kind, moved) =
                    [(ContributionMovementKind::Receipt, K::Receipt), (ContributionMovementKind::Repayment, K::Repayment)][what - 1];
                if Ledgers::allow_on(&days, kind, asked, usd).is_ok() {
                    self.post(on, of, moved, minor);
                }
            }
            3 => {
                let tightest = later.tightest(self.holdings(), Some(self.purpose));
                let room = |of: usize| Amount::from_minor(tightest.available[&self.ids[of]]).unwrap_or_default();
                let rooms = [room(0), room(1)];
                if minor <= tightest.unallocated && minor <= tightest.pool {
                    shared(self, K::Allocation, rooms);
                }
            }
            4 => {
                let rooms = [0, 1].map(|of| releasable_on(&lines(of)));
                shared(self, K::Release, rooms);
            }
            _ => {
                use FundUseKind as U;
                let kind = [U::Disbursement, U::Reversal, U::Expenditure, U::Correction, U::Refund, U::Transfer][what % 6];
                let rooms = [0, 1].map(|of| room_on(&lines(of), kind));
                shared(self, kind.movement(), rooms);
            }
        }
    }

    fn holds(&self, on: u32) -> Result<(), TestCaseError> {
        let mut allocated = 0;
        for of in 0..2 {
            let (kept, line) = (self.ledgers(on, of), self.line(on, of));
            prop_assert!(kept.available() >= 0 && kept.received <= kept.committed, "day {on}: {kept:?}");
            prop_assert!(line.disbursed >= 0 && line.disbursed <= line.amount, "day {on}: {line:?}");
            prop_assert!(line.spent >= 0 && line.unsettled() >= 0, "day {on}: {line:?}");
            allocated += line.amount;
        }
        prop_assert!(allocated <= self.budget, "day {on}: {allocated}");
        Ok(())
    }
}

proptest! {
    #[test]
    fn inv_19_nothing_is_below_zero_on_any_day_in_whatever_order_acts_are_dated(
        acts in prop::collection::vec((0_usize..12, 0_usize..2, 1_u32..=30, 1_i64..60), 0..60),
    ) {
        let mut books = Books::new();
        for of in 0..2 {
            books.post(2, of, K::Commitment, 80);
            books.post(3, of, K::Receipt, 60);
        }
        for (what, of, on, minor) in acts {
            books.act(what, of, on, minor);
        }
        for on in 1..=30 {
            books.holds(on)?;
            // What is taken off the sums of now is what the days themselves add up to.
            for of in 0..2 {
                let later = books.later(on);
                prop_assert_eq!(later.ledgers(books.ids[of], books.ledgers(30, of)).pop(), Some(books.ledgers(on, of)));
                prop_assert_eq!(later.line(books.ids[of], books.allocation, books.line(30, of)).pop(), Some(books.line(on, of)));
            }
        }
    }
}

#[test]
fn what_is_dated_back_is_judged_by_the_tightest_day() {
    let mut books = Books::new();
    for (on, kind, minor) in [(1, K::Commitment, 100), (2, K::Receipt, 100), (10, K::Allocation, 90), (20, K::Release, 90)] {
        books.post(on, 0, kind, minor);
    }
    let tightest = |on| books.later(on).tightest(books.holdings(), Some(books.purpose));
    let told = |on| (tightest(on).available[&books.ids[0]], tightest(on).paying[&books.ids[0]], tightest(on).unallocated);
    assert_eq!([told(20), told(19), told(2), told(1)], [(100, 0, 100), (10, 90, 10), (10, 90, 10), (0, 90, 10)]);
    assert_eq!(tightest(20).deficit(&books.ids.into()), Amount::ZERO);
    // What the fund is short of on a day lowers what the pool can pay.
    books.post(15, 1, K::DirectCost, 7);
    let short = |on| books.later(on).tightest(books.holdings(), Some(books.purpose)).pool;
    assert_eq!([short(20), short(15), short(3)], [93, 3, 3]);
}

#[test]
fn a_day_is_judged_at_its_end() {
    let mut books = Books::new();
    for (on, kind, minor) in [(1, K::Commitment, 160), (2, K::Receipt, 100), (20, K::Receipt, 60), (20, K::Allocation, 60)] {
        books.post(on, 0, kind, minor);
    }
    let tightest = books.later(10).tightest(books.holdings(), Some(books.purpose));
    assert_eq!(tightest.available[&books.ids[0]], 100, "what came and went on one day leaves what there was");
}

#[test]
fn what_another_purpose_gave_back_is_no_budget_of_this_one() {
    let books = Books::new();
    let (contribution, purpose, allocation) = (books.ids[0], Some(FundPurposeId::new()), Some(FundAllocationId::new()));
    let later = Later::of(vec![Moved { on: day(20), contribution, allocation, purpose, kind: K::Release, amount: 0, value: 50 }]);
    let now = || Holdings { paying: [(contribution, 30)].into(), budget: 100, ..Holdings::default() };
    let told = |of: Option<FundPurposeId>| later.tightest(now(), of).unallocated;
    assert_eq!([told(Some(books.purpose)), told(purpose)], [70, 20]);
}

#[test]
fn a_use_follows_its_cause() {
    let mut books = Books::new();
    books.post(5, 0, K::Allocation, 50);
    books.post(8, 0, K::Disbursement, 50);
    books.post(9, 0, K::Expenditure, 20);
    let cause = |kind, on| {
        let lines = [0, 1].map(|of| books.line(on, of));
        let (cause, day) = cause_of_use(kind, &lines, &books.later(on), books.purpose);
        day.map(|day| (cause, day))
    };
    assert_eq!(cause(FundUseKind::Disbursement, 4), Some((Cause::Allocation, day(5))));
    assert_eq!(cause(FundUseKind::Refund, 7), Some((Cause::Disbursement, day(8))));
    assert_eq!(cause(FundUseKind::Correction, 8), Some((Cause::Expenditure, day(9))));
    assert_eq!([cause(FundUseKind::Disbursement, 5), cause(FundUseKind::Refund, 8), cause(FundUseKind::Correction, 9)], [None; 3]);
    assert_eq!((books.later(8).last_of(books.purpose), books.later(9).last_of(books.purpose)), (Some(day(9)), None));
}
