//! Earmarks: what a donor's money may be used for, as a predicate over purposes; and which share of a purpose it may pay.

use crate::money::Amount;
use crate::word::Word;
use crate::words;

words! {
    /// What an earmark looks at.
    pub enum EarmarkDimension {
        /// A territorial unit; what lies in it belongs to it.
        Place = "place",
        /// A sector of the shipped list, or the first digits of a DAC purpose code.
        Sector = "sector",
        /// An objective of the shipped list.
        Objective = "objective",
        /// An instrument of the shipped list.
        Instrument = "instrument",
        /// A purpose, by its reference.
        Purpose = "purpose",
        /// The least gender marker, 0 to 3.
        GenderMarker = "gender_marker",
    }
}

/// The most places of a purpose.
pub const PLACES_MAX: usize = 8;
/// The whole, in basis points.
pub const WHOLE: u32 = 10_000;

/// A place of a purpose with its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<P> {
    /// The place itself and everything that it lies in.
    pub lineage: Vec<P>,
    pub bps: u32,
}

/// What earmarks look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose<P> {
    pub reference: String,
    pub places: Vec<Place<P>>,
    pub sector: String,
    /// The DAC purpose code of the sector.
    pub dac_code: String,
    pub objective: Option<String>,
    pub instrument: Option<String>,
    pub gender_marker: Option<u32>,
    pub budget: Amount,
}

/// What a contribution may be used for; empty for everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earmark<P> {
    pub places: Vec<P>,
    pub sectors: Vec<String>,
    pub objectives: Vec<String>,
    pub instruments: Vec<String>,
    pub purposes: Vec<String>,
    pub gender_marker_min: Option<u32>,
    /// How many different purposes it pays at least, until the contribution ends.
    pub minimum_purposes: Option<u32>,
    /// The most of a purpose's budget that it pays, in basis points.
    pub cap_bps: Option<u32>,
}

impl<P> Default for Earmark<P> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            sectors: Vec::new(),
            objectives: Vec::new(),
            instruments: Vec::new(),
            purposes: Vec::new(),
            gender_marker_min: None,
            minimum_purposes: None,
            cap_bps: None,
        }
    }
}

/// Places of a purpose, as bits in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceSet(pub u32);

impl PlaceSet {
    pub fn all(count: usize) -> Self {
        Self((1 << count.min(PLACES_MAX)) - 1)
    }

    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl<P: PartialEq> Earmark<P> {
    /// In how many dimensions it constrains: the more, the narrower.
    pub fn constraints(&self) -> usize {
        let lists = [self.places.is_empty(), self.sectors.is_empty(), self.objectives.is_empty(), self.instruments.is_empty()];
        let lists = lists.into_iter().chain([self.purposes.is_empty()]).filter(|empty| !empty).count();
        lists + usize::from(self.gender_marker_min.is_some())
    }

    /// Whether money under it belongs to the pool that pays for everything.
    pub fn is_open(&self) -> bool {
        self.constraints() == 0 && self.cap_bps.is_none()
    }

    /// The places of a purpose that it may pay for.
    pub fn places_of(&self, purpose: &Purpose<P>) -> PlaceSet {
        if self.places.is_empty() {
            return PlaceSet::all(purpose.places.len());
        }
        let matches = |place: &Place<P>| place.lineage.iter().any(|unit| self.places.contains(unit));
        let bits = purpose.places.iter().enumerate().filter(|(_, place)| matches(place)).map(|(index, _)| 1_u32 << index.min(31));
        PlaceSet(bits.sum())
    }

    /// In which dimensions a purpose does not satisfy it.
    pub fn mismatches(&self, purpose: &Purpose<P>) -> Vec<EarmarkDimension> {
        let listed = |list: &[String], value: Option<&String>| list.is_empty() || value.is_some_and(|value| list.contains(value));
        let sector = |wanted: &String| *wanted == purpose.sector || purpose.dac_code.starts_with(wanted.as_str());
        let met = |dimension| match dimension {
            EarmarkDimension::Place => self.places.is_empty() || !self.places_of(purpose).is_empty(),
            EarmarkDimension::Sector => self.sectors.is_empty() || self.sectors.iter().any(sector),
            EarmarkDimension::Objective => listed(&self.objectives, purpose.objective.as_ref()),
            EarmarkDimension::Instrument => listed(&self.instruments, purpose.instrument.as_ref()),
            EarmarkDimension::Purpose => listed(&self.purposes, Some(&purpose.reference)),
            EarmarkDimension::GenderMarker => {
                self.gender_marker_min.is_none_or(|least| purpose.gender_marker.is_some_and(|marker| marker >= least))
            }
        };
        EarmarkDimension::ALL.iter().copied().filter(|dimension| !met(*dimension)).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A purpose of the worked example: 60 % in Gao, 40 % in Mopti.
    pub fn purpose(budget: i64) -> Purpose<&'static str> {
        Purpose {
            reference: "TF-1".to_owned(),
            places: vec![
                Place { lineage: vec!["Gao commune", "Gao cercle", "Gao"], bps: 6000 },
                Place { lineage: vec!["Mopti"], bps: 4000 },
            ],
            sector: "security".to_owned(),
            dac_code: "15210".to_owned(),
            objective: Some("state_authority".to_owned()),
            instrument: Some("TF".to_owned()),
            gender_marker: Some(1),
            budget: Amount::from_minor(budget).expect("in range"),
        }
    }

    #[test]
    fn each_dimension_stands_alone_and_places_hold_what_lies_in_them() {
        let of = |change: fn(&mut Earmark<&'static str>)| {
            let mut earmark = Earmark::default();
            change(&mut earmark);
            earmark.mismatches(&purpose(100))
        };
        use EarmarkDimension as D;
        assert_eq!(of(|_| {}), []);
        assert_eq!(of(|earmark| earmark.places = vec!["Gao"]), []);
        assert_eq!(of(|earmark| earmark.places = vec!["Kidal"]), [D::Place]);
        assert_eq!(of(|earmark| earmark.sectors = vec!["152".to_owned()]), []);
        assert_eq!(of(|earmark| earmark.sectors = vec!["security".to_owned()]), []);
        assert_eq!(of(|earmark| earmark.sectors = vec!["12".to_owned()]), [D::Sector]);
        assert_eq!(of(|earmark| earmark.objectives = vec!["crisis_resolution".to_owned()]), [D::Objective]);
        assert_eq!(of(|earmark| earmark.instruments = vec!["QIP".to_owned()]), [D::Instrument]);
        assert_eq!(of(|earmark| earmark.purposes = vec!["TF-2".to_owned()]), [D::Purpose]);
        assert_eq!(of(|earmark| earmark.gender_marker_min = Some(2)), [D::GenderMarker]);
        assert_eq!(of(|earmark| earmark.gender_marker_min = Some(1)), []);
        let gao = Earmark { places: vec!["Gao"], ..Earmark::default() };
        assert_eq!((gao.places_of(&purpose(100)), gao.constraints(), gao.is_open()), (PlaceSet(1), 1, false));
        assert!(Earmark::<&str>::default().is_open());
    }
}
