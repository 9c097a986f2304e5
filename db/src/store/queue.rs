//! A queue that several take from. Whoever finds nothing sleeps: to look again and again, even to step aside for others in between, costs
//! those who work on a small machine more than waking up does.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

struct State<T> {
    waiting: VecDeque<T>,
    sleeping: usize,
    ended: bool,
}

impl<T> State<T> {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.ended
    }
}

struct Shared<T> {
    state: Mutex<State<T>>,
    more: Condvar,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where things are put; when it is gone and everything was taken, the queue is over.
pub struct Entry<T>(Arc<Shared<T>>);

/// Where things are taken, in their order.
pub struct Exit<T>(Arc<Shared<T>>);

pub fn queue<T>() -> (Entry<T>, Exit<T>) {
    let state = Mutex::new(State { waiting: VecDeque::new(), sleeping: 0, ended: false });
    let shared = Arc::new(Shared { state, more: Condvar::new() });
    (Entry(Arc::clone(&shared)), Exit(shared))
}

impl<T> Entry<T> {
    pub fn put(&self, one: T) {
        let mut state = self.0.state();
        state.waiting.push_back(one);
        let sleeping = state.sleeping > 0;
        drop(state);
        if sleeping {
            self.0.more.notify_one();
        }
    }
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.more.notify_all();
    }
}

impl<T> Clone for Exit<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Exit<T> {
    /// What waits longest, as soon as there is something; nothing when the queue is over.
    pub fn take(&self) -> Option<T> {
        let mut state = self.0.state();
        state.sleeping += 1;
        state = self.0.more.wait_while(state, |state| state.is_idle()).unwrap_or_else(PoisonError::into_inner);
        state.sleeping -= 1;
        state.waiting.pop_front()
    }

    /// The same, and nothing if there is nothing for so long.
    pub fn take_within(&self, patience: Duration) -> Option<T> {
        let mut state = self.0.state();
        state.sleeping += 1;
        (state, _) = self.0.more.wait_timeout_while(state, patience, |state| state.is_idle()).unwrap_or_else(PoisonError::into_inner);
        state.sleeping -= 1;
        state.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn everything_is_taken_once_in_its_order_before_the_queue_is_over() {
        let (entry, exit) = queue();
        let takers: Vec<_> = (0..3)
            .map(|_| {
                let exit = exit.clone();
                thread::spawn(move || std::iter::from_fn(|| exit.take()).collect::<Vec<u32>>())
            })
            .collect();
        (0..10_000).for_each(|one| entry.put(one));
        drop(entry);
        let taken: Vec<Vec<u32>> = takers.into_iter().map(|taker| taker.join().expect("a taker ends")).collect();
        assert!(taken.iter().all(|taken| taken.is_sorted()));
        let mut all = taken.concat();
        all.sort_unstable();
        assert_eq!(all, (0..10_000).collect::<Vec<_>>());
        assert_eq!((exit.take(), exit.take_within(Duration::from_secs(3600))), (None, None));
    }

    #[test]
    fn who_sleeps_is_woken_and_who_is_patient_is_not_for_ever() {
        let (entry, exit) = queue();
        assert_eq!(exit.take_within(Duration::from_millis(1)), None);
        let sleeper = exit.clone();
        let taken = thread::spawn(move || sleeper.take());
        while exit.0.state().sleeping == 0 {
            thread::yield_now();
        }
        entry.put(7);
        assert_eq!(taken.join().expect("a taker ends"), Some(7));
    }
}
