//! How often: every caller has a quota of requests a minute, and every answer tells what is left of it. Whoever proves to be
//! a principal has a quota of their own, wherever they are; all others share that of their address. What was used comes back
//! evenly, so a quota that was let rest is whole.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use domain::id::PrincipalId;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::config::RatePolicy;
use crate::limit::{CALLERS_MAX, SWEEP_INTERVAL};
use crate::problem::{Problem, TOO_MANY_REQUESTS};

/// The fields of every answer that a quota was spent on (draft-ietf-httpapi-ratelimit-headers).
pub const POLICY: &str = "RateLimit-Policy";
pub const LEFT: &str = "RateLimit";

/// What is asked by those who watch over the service, and costs no quota.
const FREE: [&str; 2] = ["/health/live", "/health/ready"];

/// Whether requests of a path are counted.
pub fn counts(path: &str) -> bool {
    !FREE.contains(&path)
}

/// Whoever has one address of version 6 has its whole network.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// On whom a request counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whom a proven token speaks for.
    Principal(PrincipalId),
    /// Where a request without a proven token comes from.
    Address(IpAddr),
}

/// The quotas of all callers.
pub struct Rates {
    principals: Option<Limiter<PrincipalId>>,
    addresses: Option<Limiter<IpAddr>>,
}

impl Rates {
    pub fn new(policy: RatePolicy) -> Self {
        Self {
            principals: NonZeroU32::new(policy.per_principal).map(|quota| Limiter::new("principal", quota)),
            addresses: NonZeroU32::new(policy.per_address).map(|quota| Limiter::new("address", quota)),
        }
    }

    /// Counts a request on its caller; nothing where no limit is set.
    pub fn count(&self, caller: Caller) -> Option<Spent> {
        match caller {
            Caller::Principal(principal) => self.principals.as_ref().map(|limiter| limiter.count(&principal)),
            Caller::Address(address) => self.addresses.as_ref().map(|limiter| limiter.count(&network(address))),
        }
    }
}

/// What a request took from a quota, or that there was nothing left to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    name: &'static str,
    quota: u32,
    left: u32,
    /// After how many seconds there is more.
    more: i64,
    served: bool,
}

impl Spent {
    /// Tells it to the caller.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let Self { name, quota, left, more, .. } = self;
        let fields = [(POLICY, format!("\"{name}\";q={quota};w=60")), (LEFT, format!("\"{name}\";r={left};t={more}"))];
        for (name, value) in fields {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }

    /// Why the request is not served, if it is not.
    pub fn refusal(&self) -> Option<Problem> {
        (!self.served).then(|| TOO_MANY_REQUESTS.refuse().with("retry_after", self.more).into())
    }
}

/// The same quota for each caller of a kind.
struct Limiter<K: Clone + Eq + Hash> {
    name: &'static str,
    quota: NonZeroU32,
    callers: RateLimiter<K, Callers<K>, DefaultClock, StateInformationMiddleware>,
}

impl<K: Clone + Eq + Hash> Limiter<K> {
    fn new(name: &'static str, quota: NonZeroU32) -> Self {
        Self::of_most(name, quota, CALLERS_MAX)
    }

    fn of_most(name: &'static str, quota: NonZeroU32, most: usize) -> Self {
        let measure = Quota::per_minute(quota);
        let callers = Callers { most, interval: measure.replenish_interval(), known: Mutex::default() };
        Self { name, quota, callers: RateLimiter::new(measure, callers, DefaultClock::default()) }
    }

    fn count(&self, caller: &K) -> Spent {
        let spent = Spent { name: self.name, quota: self.quota.get(), left: 0, more: 0, served: true };
        match self.callers.check_key(caller) {
            Ok(state) => {
                let more = whole_seconds(state.quota().replenish_interval());
                Spent { left: state.remaining_burst_capacity(), more, ..spent }
            }
            Err(until) => Spent { more: whole_seconds(until.wait_time_from(self.callers.clock().now())), served: false, ..spent },
        }
    }
}

/// Seconds that a client can wait: no fraction of one, and never none.
fn whole_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(i64::MAX).max(1)
}

/// What each caller has used, in memory that is bounded: callers whose quota is whole again are forgotten, and when there are
/// still too many, newcomers share one quota.
struct Callers<K> {
    most: usize,
    /// How long one request takes to come back.
    interval: Duration,
    known: Mutex<Known<K>>,
}

/// Until when the quota of each is not whole, as the library counts time.
struct Known<K> {
    each: HashMap<K, Nanos>,
    others: Option<Nanos>,
    swept: Duration,
}

impl<K> Default for Known<K> {
    fn default() -> Self {
        Self { each: HashMap::new(), others: None, swept: Duration::ZERO }
    }
}

impl<K: Eq + Hash> Known<K> {
    /// Forgets those whose quota is whole at an instant, unless that was done a moment ago.
    fn sweep(&mut self, now: Duration) {
        if now.saturating_sub(self.swept) < SWEEP_INTERVAL {
            return;
        }
        self.swept = now;
        self.each.retain(|_, until| Duration::from_nanos(until.as_u64()) > now);
        if self.each.len() < self.each.capacity() / 4 {
            self.each.shrink_to_fit();
        }
    }
}

impl<K: Clone + Eq + Hash> StateStore for Callers<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, caller: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = known.each.get_mut(caller) {
            let (outcome, next) = measure(Some(*until))?;
            *until = next;
            return Ok(outcome);
        }
        let (outcome, next) = measure(None)?;
        // For a newcomer, the library counts one request from now.
        known.sweep(Duration::from_nanos(next.as_u64()).saturating_sub(self.interval));
        if known.each.len() < self.most {
            known.each.insert(caller.clone(), next);
            return Ok(outcome);
        }
        let (outcome, next) = measure(known.others)?;
        known.others = Some(next);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn limiter(quota: u32, most: usize) -> Limiter<u32> {
        Limiter::of_most("address", NonZeroU32::new(quota).expect("a quota"), most)
    }

    /// How many callers are known, and for how many there is room.
    fn size(limiter: Limiter<u32>) -> (usize, usize) {
        let known = limiter.callers.into_state_store().known.into_inner().expect("nothing fell");
        (known.each.len(), known.each.capacity())
    }

    #[test]
    fn what_is_left_is_told_truly_and_what_is_not_is_refused_until_there_is_more() {
        let limiter = limiter(3, 10);
        let told: Vec<(u32, bool)> = (0..4).map(|_| limiter.count(&7)).map(|spent| (spent.left, spent.served)).collect();
        assert_eq!(told, [(2, true), (1, true), (0, true), (0, false)]);
        assert_eq!(limiter.count(&8).left, 2, "another caller is not hurt");
        let mut headers = HeaderMap::new();
        let refused = limiter.count(&7);
        refused.tell(&mut headers);
        assert_eq!(headers.get(POLICY).expect("a policy"), "\"address\";q=3;w=60");
        assert_eq!(headers.get(LEFT).expect("what is left"), &format!("\"address\";r=0;t={}", refused.more));
        assert_eq!(refused.refusal().expect("a refusal").refusal.facts["retry_after"], refused.more);
        // One of three a minute comes back after twenty seconds, of which none have passed; on a busy machine a few.
        assert!((10..=20).contains(&refused.more), "{refused:?}");
    }

    #[test]
    fn without_a_quota_nothing_is_counted() {
        let rates = Rates::new(RatePolicy { per_address: 0, per_principal: 1, ..RatePolicy::default() });
        let (stranger, principal) = (Caller::Address([192, 0, 2, 1].into()), Caller::Principal(PrincipalId::new()));
        assert_eq!(rates.count(stranger), None);
        assert!(rates.count(principal).expect("counted").refusal().is_none());
        assert!(rates.count(principal).expect("counted").refusal().is_some());
    }

    #[test]
    fn a_network_of_version_6_is_one_caller_and_an_address_of_version_4_is_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn callers_beyond_the_most_share_one_quota_and_those_known_keep_theirs() {
        let limiter = limiter(2, 100);
        for caller in 0..100 {
            assert_eq!(limiter.count(&caller).left, 1);
        }
        let newcomers: Vec<bool> = (100..110).map(|caller| limiter.count(&caller).served).collect();
        assert_eq!(newcomers.iter().filter(|served| **served).count(), 2, "{newcomers:?}");
        assert!(limiter.count(&99).served);
        assert_eq!(size(limiter).0, 100);
    }

    #[test]
    fn memory_is_bounded_whoever_calls_and_given_back() {
        // A quota so high that it is whole again at once.
        let limiter = limiter(1_000_000, CALLERS_MAX);
        let since = Instant::now();
        let calls = 4 * u32::try_from(CALLERS_MAX).expect("few");
        for caller in 0..calls {
            limiter.count(&caller);
        }
        let cost = since.elapsed() / calls;
        eprintln!("a request costs {cost:?} to count");
        assert!(cost < Duration::from_micros(50));
        std::thread::sleep(SWEEP_INTERVAL);
        limiter.count(&calls);
        let (known, room) = size(limiter);
        assert!(known < 100 && room < 1000, "{known} callers in a room for {room}");
    }
}
