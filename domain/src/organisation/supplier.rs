//! Suppliers: whom an organisation buys from, and whether money may be committed to them.

use chrono::NaiveDate;

use crate::id::SupplierId;
use crate::refusal::{Refusal, codes};

codes! {
    SUPPLIER_INACTIVE: Rule,
        "Fournisseur inactif" / "Inactive supplier",
        "Le dossier du fournisseur {supplier} n'est pas actif." / "The file of supplier {supplier} is not active.";
    SUPPLIER_DEBARRED: Rule,
        "Fournisseur exclu" / "Debarred supplier",
        "Le fournisseur {supplier} est exclu jusqu'au {until}." / "Supplier {supplier} is debarred until {until}.";
    SUPPLIER_DUPLICATE: Conflict,
        "Fournisseur déjà enregistré" / "Supplier already registered",
        "Le code {code} désigne déjà un fournisseur." / "The code {code} already names a supplier.";
}

/// What is known of a supplier when money is committed to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplier {
    pub id: SupplierId,
    pub code: String,
    pub active: bool,
    pub debarred_until: Option<NaiveDate>,
}

impl Supplier {
    /// Refuses a supplier whose file is closed, or who is excluded from public contracts on that day.
    pub fn accept(&self, on: NaiveDate) -> Result<(), Refusal> {
        if !self.active {
            return Err(SUPPLIER_INACTIVE.refuse().with("supplier", &self.code).at("/supplier_id"));
        }
        match self.debarred_until.filter(|until| on <= *until) {
            Some(until) => Err(SUPPLIER_DEBARRED.refuse().with("supplier", &self.code).with("until", until).at("/supplier_id")),
            None => Ok(()),
        }
    }
}
