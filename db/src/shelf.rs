//! Reference data read once and kept at hand. Its rows are never changed; a newer program that shares the database may add
//! some, so nothing is kept for longer than a minute.

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use domain::budget::nomenclature::Nomenclature;
use domain::expenditure::document::{Kind, Requirement};
use domain::parameter::Parameters;
use uuid::Uuid;

use crate::connection::Conn;
use crate::fault::Fault;
use crate::kept::Kept;

pub const KEPT: Duration = Duration::from_secs(60);
/// More kinds of one thing than there are; reaching it empties the place.
const KEPT_MAX: usize = 1_000;

/// Country, level of local government, day.
type Validity = (String, String, NaiveDate);

/// Reference data of one database.
pub struct Shelf {
    nomenclatures: Kept<Uuid, Nomenclature>,
    kinds: Kept<String, (Kind, Vec<Requirement>)>,
    parameters: Kept<Validity, Parameters>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { nomenclatures: kept(), kinds: kept(), parameters: kept() }
    }
}

fn kept<K: std::hash::Hash + Eq, V>() -> Kept<K, V> {
    Kept::new(KEPT, KEPT_MAX)
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
