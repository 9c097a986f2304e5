//! Where projects stand: points on the earth, held against the boundary of the unit that they are said to lie in.

use geo::{Closest, ClosestPoint, Contains, Distance, Euclidean, Geometry, Point};

use super::{COORDINATES_OUT_OF_PLACE, POSITION_INVALID};
use crate::refusal::Refusal;

/// Decimals of a degree that are kept: about ten centimetres.
const DECIMALS: usize = 6;
/// A degree, as positions are kept.
const DEGREE: i32 = 1_000_000;
/// How far beside a boundary a point may lie, in degrees (about two kilometres): boundaries are simplified.
const TOLERANCE: f64 = 0.02;

/// A point, in millionths of a degree (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub longitude: i32,
    pub latitude: i32,
}

/// Reads "-0.04": decimal degrees, with at most six digits behind the point.
fn degrees(text: &str, most: i32) -> Option<i32> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || whole.len() > 3 || fraction.len() > DECIMALS {
        return None;
    }
    let micro: i32 = format!("{whole}{fraction:0<DECIMALS$}").parse().ok()?;
    (micro <= most * DEGREE).then_some(sign * micro)
}

impl Position {
    pub fn parse(longitude: &str, latitude: &str) -> Result<Self, Refusal> {
        let invalid = |pointer: &str| POSITION_INVALID.refuse().at(pointer);
        Ok(Self {
            longitude: degrees(longitude, 180).ok_or_else(|| invalid("/longitude"))?,
            latitude: degrees(latitude, 90).ok_or_else(|| invalid("/latitude"))?,
        })
    }

    fn point(self) -> Point<f64> {
        Point::new(f64::from(self.longitude) / f64::from(DEGREE), f64::from(self.latitude) / f64::from(DEGREE))
    }

    /// Refuses a point that lies elsewhere than the unit, whose boundary is given as GeoJSON.
    pub fn require_within(self, unit: &str, boundary: &str) -> Result<(), Refusal> {
        let read = boundary.parse::<geojson::Geometry>().ok().and_then(|geometry| Geometry::<f64>::try_from(geometry).ok());
        let point = self.point();
        let near = |geometry: &Geometry<f64>| match geometry.closest_point(&point) {
            Closest::Intersection(_) => true,
            Closest::SinglePoint(other) => Euclidean.distance(point, other) <= TOLERANCE,
            Closest::Indeterminate => false,
        };
        if read.is_some_and(|geometry| geometry.contains(&point) || near(&geometry)) {
            return Ok(());
        }
        let refusal = COORDINATES_OUT_OF_PLACE.refuse().with("unit", unit);
        Err(refusal.with("longitude", display(self.longitude)).with("latitude", display(self.latitude)).at("/longitude"))
    }
}

/// A coordinate as a decimal number, without superfluous zeros.
pub fn display(micro: i32) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    let (whole, rest) = (micro.unsigned_abs() / DEGREE.unsigned_abs(), micro.unsigned_abs() % DEGREE.unsigned_abs());
    let text = format!("{sign}{whole}.{rest:0DECIMALS$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: &str = r#"{"type":"Polygon","coordinates":[[[-1,16],[1,16],[1,17],[-1,17],[-1,16]]]}"#;

    #[test]
    fn coordinates_are_decimal_degrees() {
        let read = |text: &str| degrees(text, 180).map(display);
        for (text, told) in
            [("-0.04", "-0.04"), ("16.27", "16.27"), ("0", "0"), ("180", "180"), ("-0.000001", "-0.000001"), ("007.50", "7.5")]
        {
            assert_eq!(read(text).as_deref(), Some(told), "{text}");
        }
        for wrong in ["", "-", "1e1", "+1", "1.", ".5", "1,5", "180.000001", "0.0000001", "1234", "NaN", "١"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn longitude_and_latitude_that_are_swapped_lie_elsewhere() {
        let at = |longitude, latitude| Position::parse(longitude, latitude).expect("a position").require_within("Gao", SQUARE);
        assert_eq!(at("-0.04", "16.27"), Ok(()));
        assert_eq!(at("1.019", "16.5"), Ok(()));
        for (longitude, latitude) in [("16.27", "-0.04"), ("1.021", "16.5")] {
            assert_eq!(at(longitude, latitude).map_err(|refusal| refusal.code.name), Err("COORDINATES_OUT_OF_PLACE"));
        }
    }
}
