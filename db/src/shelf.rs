//! Reference data read once and kept at hand. Its rows are never changed; a newer program that shares the database may add
//! some, so nothing is kept for longer than a minute.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use domain::budget::nomenclature::Nomenclature;
use domain::expenditure::document::{Kind, Requirement};
use domain::parameter::Parameters;
use uuid::Uuid;

use crate::connection::Conn;
use crate::fault::Fault;

const KEPT: Duration = Duration::from_secs(60);
/// More kinds of one thing than there are; reaching it empties the place.
const KEPT_MAX: usize = 1_000;

/// What was read of one kind of thing, and when.
struct Place<K, V>(Mutex<HashMap<K, (Instant, Arc<V>)>>);

impl<K, V> Default for Place<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, V> Place<K, V> {
    fn find(&self, key: K, read: impl FnOnce(&K) -> Result<V, Fault>) -> Result<Arc<V>, Fault> {
        let kept = self
            .0
            .lock()
            .ok()
            .and_then(|kept| kept.get(&key).filter(|(since, _)| since.elapsed() < KEPT).map(|(_, found)| Arc::clone(found)));
        if let Some(found) = kept {
            return Ok(found);
        }
        let found = Arc::new(read(&key)?);
        if let Ok(mut kept) = self.0.lock() {
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(key, (Instant::now(), Arc::clone(&found)));
        }
        Ok(found)
    }
}

/// Country, level of local government, day.
type Validity = (String, String, NaiveDate);

/// Reference data of one database.
#[derive(Default)]
pub struct Shelf {
    nomenclatures: Place<Uuid, Nomenclature>,
    kinds: Place<String, (Kind, Vec<Requirement>)>,
    parameters: Place<Validity, Parameters>,
}

impl Shelf {
    /// The nomenclature as the rules read it.
    pub fn nomenclature(&self, conn: &mut Conn, id: Uuid) -> Result<Arc<Nomenclature>, Fault> {
        self.nomenclatures.find(id, |id| crate::budget::nomenclature::find_nomenclature(conn, *id))
    }

    /// A kind of expenditure, and the documents that it needs.
    pub fn kind(&self, conn: &mut Conn, code: &str) -> Result<Arc<(Kind, Vec<Requirement>)>, Fault> {
        self.kinds.find(code.to_owned(), |code| crate::expenditure::document::find_kind(conn, code))
    }

    /// The values in force on a date for a level.
    pub fn parameters(&self, conn: &mut Conn, country: &str, level: &str, on: NaiveDate) -> Result<Arc<Parameters>, Fault> {
        let validity = (country.to_owned(), level.to_owned(), on);
        self.parameters.find(validity, |(country, level, on)| crate::parameter::find_parameters(conn, country, level, *on))
    }
}
