//! The clock: real time for tokens and records, and the business date, which demos and tests may set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, Utc};

/// Tells the time. Cheap to clone; clones share a set business date.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    set: Option<Arc<AtomicI32>>,
}

impl Clock {
    /// A clock whose business date is set by hand.
    pub fn settable(today: NaiveDate) -> Self {
        Self { set: Some(Arc::new(AtomicI32::new(today.num_days_from_ce()))) }
    }

    /// Sets the business date of a settable clock.
    pub fn set(&self, today: NaiveDate) {
        if let Some(set) = &self.set {
            set.store(today.num_days_from_ce(), Ordering::SeqCst);
        }
    }

    /// The instant, to the microsecond, as it is kept.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }

    /// The business date. Mali keeps universal time.
    pub fn today(&self) -> NaiveDate {
        let set = self.set.as_ref().and_then(|set| NaiveDate::from_num_days_from_ce_opt(set.load(Ordering::SeqCst)));
        set.unwrap_or_else(|| Utc::now().date_naive())
    }
}
