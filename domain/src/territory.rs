//! The territory: regions, cercles and communes as they existed from a date to a date.
//!
//! A unit is never found by a part of a code, and a parent is never derived from a code: codes change meaning between
//! editions, and published codes contradict the official hierarchy.

use crate::refusal::codes;
use crate::words;

codes! {
    CODE_SCHEME_REQUIRED: Malformed,
        "Nomenclature du code requise" / "Code scheme required",
        "Un code n'a de sens qu'avec sa nomenclature : ajoutez scheme, et edition s'il y en a plusieurs." /
        "A code means something only within its scheme: add scheme, and edition where there are several.";
}

words! {
    /// The level of a territorial unit.
    pub enum TerritorialLevel {
        /// Région.
        Region = "region",
        /// The District of Bamako, which has the rank of a region.
        District = "district",
        /// Cercle.
        Cercle = "cercle",
        /// Commune.
        Commune = "commune",
    }
}

words! {
    /// A nomenclature of territorial codes.
    pub enum CodeScheme {
        /// P-codes of the humanitarian common operational dataset. They are not stable: always read the edition.
        Pcode = "pcode",
        /// ISO 3166-2.
        Iso31662 = "iso_3166_2",
        /// The national numbers of the 2023 division.
        National = "national",
        /// Codes of fictional units.
        Fictional = "fictional",
    }
}

words! {
    /// What a name of a unit is.
    pub enum NameKind {
        /// The name in use.
        Official = "official",
        /// The spelling of a published source.
        Source = "source",
        /// Another name or spelling.
        Alias = "alias",
    }
}

words! {
    /// How a unit follows another.
    pub enum SuccessionKind {
        /// The unit goes on under the new division, wholly or for its greater part.
        Continued = "continued",
        /// The unit was formed from a part of the other.
        Detached = "detached",
    }
}
