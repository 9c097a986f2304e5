//! Allocation: which contributions pay for a purpose, in which order, how much of it each may pay, and why not more.

use std::cmp::Reverse;

use chrono::{Months, NaiveDate};

use crate::fund::attribution::divide;
use crate::fund::earmark::{Earmark, EarmarkDimension, PlaceSet, Purpose, WHOLE};
use crate::fund::{EARMARK_MISMATCH, EARMARK_PORTION, FUND_INSUFFICIENT};
use crate::money::{Amount, Currency};
use crate::refusal::Refusal;
use crate::words;

words! {
    /// Why a contribution pays no more for a purpose.
    pub enum AllocationLimit {
        /// The purpose does not satisfy the earmark.
        Earmark = "earmark",
        /// The earmark covers only a part of the purpose, which is paid.
        Portion = "portion",
        /// The most that the donor pays of one purpose is reached.
        Cap = "cap",
        /// The contribution has no more money.
        Funds = "funds",
        /// The contribution has ended.
        Ended = "ended",
        /// What came back to it waits for the donor's consent.
        Consent = "consent",
    }
}

/// A contribution that could pay.
#[derive(Clone, Debug)]
pub struct Candidate<K, P> {
    pub key: K,
    pub available: Amount,
    pub earmark: Earmark<P>,
    pub ends_on: Option<NaiveDate>,
    pub first_received_on: Option<NaiveDate>,
    /// What it pays for this purpose already.
    pub paying: Amount,
    /// What came back and waits for the donor's consent.
    pub held: Amount,
}

/// What a contribution would pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share<K> {
    pub key: K,
    pub pooled: bool,
    pub available: Amount,
    pub amount: Amount,
    /// Why it pays no more; empty when nothing more is needed.
    pub limits: Vec<AllocationLimit>,
    /// The dimensions in which its earmark is not satisfied.
    pub mismatches: Vec<EarmarkDimension>,
}

/// Who would pay how much, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<K> {
    pub shares: Vec<Share<K>>,
    pub missing: Amount,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request<'a, P> {
    pub purpose: &'a Purpose<P>,
    pub amount: Amount,
    pub on: NaiveDate,
    /// By how much the fund itself is short: it lowers what the pool can pay.
    pub deficit: Amount,
}

/// What places of a purpose are paid by whom, as sums over sets of places.
struct Ground<'a, P> {
    purpose: &'a Purpose<P>,
    paid: Vec<(PlaceSet, Amount)>,
}

impl<P> Ground<'_, P> {
    fn share(&self, places: PlaceSet) -> Amount {
        let bits = self.purpose.places.iter().enumerate();
        let bps: u32 = bits.filter(|(index, _)| places.0 & (1 << index.min(&31)) != 0).map(|(_, place)| place.bps).sum();
        if self.purpose.places.is_empty() { self.purpose.budget } else { self.purpose.budget.share(i64::from(bps.min(WHOLE))) }
    }

    /// The most that money for these places may still pay: no set of places that holds them is paid above its share of the budget.
    fn room(&self, places: PlaceSet) -> Amount {
        let all = PlaceSet::all(self.purpose.places.len());
        let holding = (0..=all.0).map(PlaceSet).filter(|set| places.within(*set));
        let left = holding.map(|set| {
            let paid = Amount::sum(self.paid.iter().filter(|(paid, _)| paid.within(set)).map(|(_, amount)| *amount)).unwrap_or_default();
            self.share(set).checked_sub(paid).unwrap_or_default()
        });
        left.min().unwrap_or_default()
    }
}

/// Plans who pays: earmarked contributions first, of these the one that ends first, then the narrowest, then the one received first;
/// then the pool, in proportion to what each of its members has.
pub fn plan<K: Ord + Copy, P: PartialEq>(request: &Request<'_, P>, mut candidates: Vec<Candidate<K, P>>) -> Plan<K> {
    candidates.sort_by_key(|one| {
        let (ends, received) = (one.ends_on.unwrap_or(NaiveDate::MAX), one.first_received_on.unwrap_or(NaiveDate::MAX));
        (one.earmark.is_open(), ends, Reverse(one.earmark.constraints()), received, one.key)
    });
    let paid = candidates.iter().map(|one| (one.earmark.places_of(request.purpose), one.paying)).collect();
    let mut ground = Ground { purpose: request.purpose, paid };
    let mut left = request.amount;
    let mut shares = Vec::with_capacity(candidates.len());
    let (pool, earmarked): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|one| one.earmark.is_open());
    for candidate in earmarked {
        let share = earmarked_share(request, &ground, &candidate, left);
        ground.paid.push((candidate.earmark.places_of(request.purpose), share.amount));
        left = left.checked_sub(share.amount).unwrap_or_default();
        shares.push(share);
    }
    let pooled = pool_shares(request, &ground, &pool, left);
    let given = Amount::sum(pooled.iter().map(|share| share.amount)).unwrap_or_default();
    shares.extend(pooled);
    Plan { shares, missing: left.checked_sub(given).unwrap_or_default() }
}

fn ended(on: NaiveDate, ends_on: Option<NaiveDate>) -> bool {
    ends_on.is_some_and(|end| end < on)
}

fn earmarked_share<K: Copy, P: PartialEq>(
    request: &Request<'_, P>,
    ground: &Ground<'_, P>,
    candidate: &Candidate<K, P>,
    left: Amount,
) -> Share<K> {
    use AllocationLimit as L;
    let mismatches = candidate.earmark.mismatches(request.purpose);
    let cap = candidate.earmark.cap_bps.map(|bps| {
        let most = request.purpose.budget.share(i64::from(bps));
        most.checked_sub(candidate.paying).unwrap_or_default()
    });
    let none = |unless: bool| if unless { None } else { Some(Amount::ZERO) };
    let bounds = [
        (L::Earmark, none(mismatches.is_empty())),
        (L::Ended, none(!ended(request.on, candidate.ends_on))),
        (L::Portion, Some(ground.room(candidate.earmark.places_of(request.purpose))).filter(|_| mismatches.is_empty())),
        (L::Cap, cap),
        (L::Funds, Some(candidate.available)),
        (L::Consent, Some(candidate.available).filter(|_| !candidate.held.is_zero())),
    ];
    let amount = bounds.iter().filter_map(|(_, bound)| *bound).min().unwrap_or_default().min(left);
    let limits = bounds.iter().filter(|(_, bound)| bound.is_some_and(|bound| bound < left)).map(|(limit, _)| *limit).collect();
    Share { key: candidate.key, pooled: false, available: candidate.available, amount, limits, mismatches }
}

fn pool_shares<K: Ord + Copy, P: PartialEq>(
    request: &Request<'_, P>,
    ground: &Ground<'_, P>,
    pool: &[Candidate<K, P>],
    left: Amount,
) -> Vec<Share<K>> {
    use AllocationLimit as L;
    let has = |one: &Candidate<K, P>| if ended(request.on, one.ends_on) { Amount::ZERO } else { one.available };
    let weights: Vec<(K, Amount)> = pool.iter().map(|one| (one.key, has(one))).collect();
    let whole = Amount::sum(weights.iter().map(|(_, weight)| *weight)).unwrap_or_default();
    let payable = whole.checked_sub(request.deficit).unwrap_or_default();
    let room = ground.room(PlaceSet::all(request.purpose.places.len()));
    let parts = divide(left.min(payable).min(room), &weights);
    let of = |key: K| parts.iter().find(|(one, _)| *one == key).map_or(Amount::ZERO, |(_, part)| *part);
    let share = |one: &Candidate<K, P>| {
        let bounds = [
            (L::Ended, ended(request.on, one.ends_on)),
            (L::Portion, room < left),
            (L::Funds, payable < left),
            (L::Consent, payable < left && !one.held.is_zero()),
        ];
        let limits = bounds.into_iter().filter(|(_, holds)| *holds).map(|(limit, _)| limit).collect();
        Share { key: one.key, pooled: true, available: one.available, amount: of(one.key), limits, mismatches: Vec::new() }
    };
    pool.iter().map(share).collect()
}

impl<K> Plan<K> {
    /// All or nothing: the lines to allocate, or why they do not reach. Where the portions that earmarks leave are all that stands
    /// against it, that is told; where other purposes would be paid, that the earmarks do not match; else that money is missing.
    pub fn decide(self, amount: Amount, currency: Currency) -> Result<Vec<Share<K>>, Refusal> {
        if self.missing.is_zero() {
            return Ok(self.shares.into_iter().filter(|share| !share.amount.is_zero()).collect());
        }
        let held_by = |limits: &[AllocationLimit]| {
            let free = self.shares.iter().filter(|share| share.limits.iter().any(|limit| limits.contains(limit)));
            let more = free.filter(|share| !share.limits.contains(&AllocationLimit::Ended));
            Amount::sum(more.filter_map(|share| share.available.checked_sub(share.amount))).unwrap_or_default()
        };
        use AllocationLimit as L;
        let code = if held_by(&[L::Portion, L::Cap]) >= self.missing {
            &EARMARK_PORTION
        } else if held_by(&[L::Portion, L::Cap, L::Earmark]) >= self.missing {
            &EARMARK_MISMATCH
        } else {
            &FUND_INSUFFICIENT
        };
        let possible = amount.checked_sub(self.missing).unwrap_or_default();
        let refusal = code.refuse().with("possible", possible.display(currency)).with("requested", amount.display(currency));
        Err(refusal.with("currency", currency.code()).at("/amount"))
    }
}

/// How long before the end of a contribution too few purposes are told.
const ALERT_MONTHS: Months = Months::new(6);

/// Whether a contribution that must pay several purposes is about to end with too few.
pub fn too_few_purposes(minimum: Option<u32>, paid: usize, ends_on: Option<NaiveDate>, today: NaiveDate) -> bool {
    let few = minimum.is_some_and(|least| paid < usize::try_from(least).unwrap_or(usize::MAX));
    let near = ends_on.is_some_and(|end| today.checked_add_months(ALERT_MONTHS).is_some_and(|soon| end < soon));
    few && near
}

#[cfg(test)]
mod tests;
