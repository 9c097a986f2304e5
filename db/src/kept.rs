//! What was found out once and is kept at hand for a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Values by key, each for so long; when there are too many, all are forgotten.
pub struct Kept<K, V> {
    lifetime: Duration,
    most: usize,
    values: Mutex<HashMap<K, (Instant, Arc<V>)>>,
}

impl<K: Hash + Eq, V> Kept<K, V> {
    pub fn new(lifetime: Duration, most: usize) -> Self {
        Self { lifetime, most, values: Mutex::default() }
    }

    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let values = self.values.lock().ok()?;
        values.get(key).filter(|(since, _)| since.elapsed() < self.lifetime).map(|(_, value)| Arc::clone(value))
    }

    pub fn put(&self, key: K, value: V) -> Arc<V> {
        let value = Arc::new(value);
        if let Ok(mut values) = self.values.lock() {
            if values.len() >= self.most {
                values.clear();
            }
            values.insert(key, (Instant::now(), Arc::clone(&value)));
        }
        value
    }

    /// What is kept, or else is found out now.
    pub fn find<E>(&self, key: K, find_out: impl FnOnce(&K) -> Result<V, E>) -> Result<Arc<V>, E> {
        if let Some(found) = self.get(&key) {
            return Ok(found);
        }
        let value = find_out(&key)?;
        Ok(self.put(key, value))
    }
}
