//! How sensitive a row is, and what a reader is cleared for. A row above the reader's clearance does not exist for them.

use crate::id::OrganisationId;
use crate::words;

words! {
    /// How sensitive a record is. A caller sees it when their clearance in the organisation is at least as high.
    pub enum Sensitivity {
        /// Anyone may read it, without a token.
        Public = "public",
        /// Partners of the organisation may read it.
        Partner = "partner",
        /// The organisation's own staff and its supervising officials may read it.
        Internal = "internal",
        /// Only functions that need it may read it (bank details, personal data).
        Restricted = "restricted",
        /// Only named people with a stated reason may read it.
        Sealed = "sealed",
    }
}

impl Sensitivity {
    /// The rank kept in the database, so that "at most this clearance" is one comparison.
    pub fn rank(self) -> i32 {
        match self {
            Sensitivity::Public => 0,
            Sensitivity::Partner => 1,
            Sensitivity::Internal => 2,
            Sensitivity::Restricted => 3,
            Sensitivity::Sealed => 4,
        }
    }
}

/// Whose rows a request may touch, and up to which sensitivity. Built only from a verified token (or for the public);
/// every finder of organisation-owned data demands one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub organisation: OrganisationId,
    pub clearance: Sensitivity,
}
