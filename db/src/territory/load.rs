//! The real division of Mali, embedded in the program (`data/territory`) and inserted once.
//!
//! The id of a unit is [`domain::id::reference`] of `territory/2015/pcode/<P-code of 2015>` in the old frame (or, for the
//! two communes without one, `territory/2015/unnumbered/<P-code of the cercle>/<name>`), and of
//! `territory/2023/national/<national number>` in the new one.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use diesel::dsl::exists;
use diesel::prelude::*;
use domain::audit::rows_digest;
use domain::id::{TerritorialUnitId, reference};
use domain::sensitivity::Sensitivity;
use domain::territory::{CodeScheme, NameKind, SuccessionKind, TerritorialLevel};
use domain::word::Word;
use serde_json::Value;

use super::{NewBoundary, NewCode, NewName, NewParent, NewSuccession, NewUnit};
use crate::column::Col;
use crate::connection::Conn;
use crate::fault::Fault;
use crate::schema::{
    territorial_boundaries, territorial_codes, territorial_names, territorial_parents, territorial_successions, territorial_units,
};

macro_rules! files {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(pub(super) const $name: &str = include_str!(concat!("../../../data/territory/", $file));)+
        const FILES: &[&str] = &[$($name),+];
    };
}

files! {
    REGIONS_2015 = "regions_2015.csv",
    CERCLES_2015 = "cercles_2015.csv",
    COMMUNES_703 = "communes_703.csv",
    REGIONS_2015_SHAPES = "regions_2015.geojson",
    CERCLES_2015_SHAPES = "cercles_2015.geojson",
    COMMUNES_2015_SHAPES = "communes_2015.geojson",
    CERCLE_PCODE_VERSIONS = "cercle_pcode_versions.csv",
    REGIONS_2023 = "regions_2023.csv",
    CERCLES_2023 = "cercles_2023.csv",
    CERCLE_2015_TO_REGION_2023 = "cercle_2015_to_region_2023.csv",
    ISO_3166_2 = "iso_3166_2_ml.csv",
}

pub(super) const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN,
    }
}

/// Law 96-059 creates the communes: the beginning of the old frame as this service knows it.
const FRAME_1996: NaiveDate = day(1996, 11, 4);
/// The year of the two communes that came later; the day is not in the sources.
pub(super) const COMMUNES_2001: NaiveDate = day(2001, 1, 1);
/// The eve of laws 2023-006 and 2023-007.
pub(super) const FRAME_1996_END: NaiveDate = day(2023, 3, 12);
/// Laws 2023-006 and 2023-007.
pub(super) const FRAME_2023: NaiveDate = day(2023, 3, 13);

/// The unit that has this P-code in the edition of 2015.
pub fn unit_of_2015(pcode: &str) -> TerritorialUnitId {
    TerritorialUnitId(reference(&format!("territory/2015/pcode/{pcode}")))
}

/// The region (2 digits) or cercle (4 digits) that has this number in the division of 2023.
pub fn unit_of_2023(number: &str) -> TerritorialUnitId {
    TerritorialUnitId(reference(&format!("territory/2023/national/{number}")))
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub units: usize,
    /// Over the embedded files.
    pub digest: String,
}

/// Inserts the real division, in the caller's transaction. `None` when it is already there.
pub fn load(conn: &mut Conn) -> Result<Option<Loaded>, Fault> {
    let known = territorial_units::table.filter(territorial_units::id.eq(Col(unit_of_2015("ML01"))));
    if diesel::select(exists(known)).get_result(conn)? {
        return Ok(None);
    }
    let division = Division::read()?;
    division.insert(conn)?;
    Ok(Some(Loaded { units: division.units.len(), digest: rows_digest(FILES.iter().map(|file| file.as_bytes())) }))
}

/// A row of a CSV file, by column.
pub(super) struct Row(HashMap<String, String>);

impl Row {
    pub(super) fn read(file: &str) -> Result<Vec<Self>, Fault> {
        let rows: Result<Vec<_>, _> = csv::Reader::from_reader(file.as_bytes()).into_deserialize().collect();
        Ok(rows.map_err(|error| Fault::Corrupt(error.to_string()))?.into_iter().map(Self).collect())
    }

    pub(super) fn get(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn text(&self, column: &str) -> Result<&str, Fault> {
        self.get(column).ok_or_else(|| Fault::Corrupt(format!("a row has no {column}")))
    }

    fn number(&self, column: &str) -> Result<Option<f64>, Fault> {
        let wrong = |text: &str| Fault::Corrupt(format!("{column} {text:?} is not a number"));
        self.get(column).map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }
}

/// The two names of a renamed commune: `COD name …, electoral name …`. Other notes quote names that belong to other units.
fn electoral_name(note: &str) -> Option<&str> {
    note.strip_prefix("COD name ")?.split_once(", electoral name ").map(|(_, name)| name)
}

/// The rows to insert.
#[derive(Default)]
struct Division {
    units: Vec<NewUnit>,
    names: Vec<NewName>,
    codes: Vec<NewCode>,
    parents: Vec<NewParent>,
    successions: Vec<NewSuccession>,
    boundaries: Vec<NewBoundary>,
}

impl Division {
    fn read() -> Result<Self, Fault> {
        let mut division = Self::default();
        division.regions_2015()?;
        division.cercles_2015()?;
        division.communes()?;
        division.boundaries(REGIONS_2015_SHAPES, "region_pcode")?;
        division.boundaries(CERCLES_2015_SHAPES, "cercle_pcode")?;
        division.boundaries(COMMUNES_2015_SHAPES, "commune_pcode")?;
        division.regions_2023()?;
        division.cercles_2023()?;
        division.successions()?;
        Ok(division)
    }

    fn regions_2015(&mut self) -> Result<(), Fault> {
        for row in Row::read(REGIONS_2015)? {
            let pcode = row.text("region_pcode")?;
            let id = unit_of_2015(pcode);
            self.unit(&row, id, level_of(&row)?, "name_fr", (FRAME_1996, Some(FRAME_1996_END)), Vec::new())?;
            self.name(id, row.text("name_cod")?, NameKind::Source);
            self.code(id, CodeScheme::Pcode, "2015", pcode);
            self.code(id, CodeScheme::Iso31662, "2015", row.text("iso_3166_2")?);
        }
        Ok(())
    }

    fn cercles_2015(&mut self) -> Result<(), Fault> {
        let mut recent = HashMap::new();
        for row in Row::read(CERCLE_PCODE_VERSIONS)? {
            recent.insert(row.text("pcode_cod_2015")?.to_owned(), row);
        }
        for row in Row::read(CERCLES_2015)? {
            let pcode = row.text("cercle_pcode")?;
            let region = row.text("region_pcode")?;
            let newer = recent.get(pcode).ok_or_else(|| Fault::Corrupt(format!("no recent P-code of {pcode}")))?;
            let mut notes = Vec::new();
            if newer.text("recent_status")? != "observed" {
                notes.push("the P-code of edition 2025 is inferred, not observed".to_owned());
            }
            if region == "ML09" {
                notes.push(
                    "technical unit: the District of Bamako has no cercles; the P-codes need one between it and its communes".to_owned(),
                );
            }
            let id = unit_of_2015(pcode);
            self.unit(&row, id, TerritorialLevel::Cercle, "name_fr", (FRAME_1996, Some(FRAME_1996_END)), notes)?;
            self.name(id, row.text("name_cod")?, NameKind::Source);
            self.code(id, CodeScheme::Pcode, "2015", pcode);
            self.code(id, CodeScheme::Pcode, "2025", newer.text("pcode_recent")?);
            self.parent(id, unit_of_2015(region), (FRAME_1996, Some(FRAME_1996_END)));
        }
        Ok(())
    }

    /// Communes outlive the frame, but their place in the cercles of 2023 is not published: they have no parent then.
    fn communes(&mut self) -> Result<(), Fault> {
        for row in Row::read(COMMUNES_703)? {
            let name = row.text("name")?;
            let cercle = row.text("cercle_pcode")?;
            let pcode = row.get("commune_pcode_2015");
            let id =
                pcode.map_or_else(|| TerritorialUnitId(reference(&format!("territory/2015/unnumbered/{cercle}/{name}"))), unit_of_2015);
            let from = if pcode.is_some() { FRAME_1996 } else { COMMUNES_2001 };
            let note = row.get("note");
            let published = row.get("cercle_pcode_in_cod_2015").filter(|published| *published != cercle);
            let notes = note.map(str::to_owned).into_iter();
            let notes = notes.chain(published.map(|other| format!("the source of its P-code places it in cercle {other}"))).collect();
            self.unit(&row, id, TerritorialLevel::Commune, "name", (from, None), notes)?;
            if let Some(alias) = note.and_then(electoral_name) {
                self.name(id, alias, NameKind::Alias);
            }
            if let Some(pcode) = pcode {
                self.code(id, CodeScheme::Pcode, "2015", pcode);
            }
            self.parent(id, unit_of_2015(cercle), (from, Some(FRAME_1996_END)));
        }
        Ok(())
    }

    /// ISO codes are given by name: their numbers are not the national ones.
    fn regions_2023(&mut self) -> Result<(), Fault> {
        let mut iso = HashMap::new();
        for row in Row::read(ISO_3166_2)? {
            iso.insert(row.text("name")?.to_owned(), row.text("code")?.to_owned());
        }
        let mut followers = HashSet::new();
        for row in Row::read(CERCLE_2015_TO_REGION_2023)? {
            followers.insert(row.text("region_code_2023")?.to_owned());
        }
        for row in Row::read(REGIONS_2023)? {
            let number = row.text("region_code")?;
            let id = unit_of_2023(number);
            let orphan =
                (!followers.contains(number)).then(|| "no predecessor is recorded: no cercle of the old frame lies in it".to_owned());
            self.unit(&row, id, level_of(&row)?, "name_fr", (FRAME_2023, None), orphan.into_iter().collect())?;
            self.code(id, CodeScheme::National, "2023", number);
            if let Some(code) = iso.remove(row.text("name_fr")?) {
                self.code(id, CodeScheme::Iso31662, "2026", &code);
            }
        }
        if iso.is_empty() { Ok(()) } else { Err(Fault::Corrupt("an ISO 3166-2 code names no region".to_owned())) }
    }

    fn cercles_2023(&mut self) -> Result<(), Fault> {
        for row in Row::read(CERCLES_2023)? {
            let number = row.text("cercle_code")?;
            let id = unit_of_2023(number);
            self.unit(&row, id, TerritorialLevel::Cercle, "name_fr", (FRAME_2023, None), Vec::new())?;
            self.name(id, row.text("name_in_source")?, NameKind::Source);
            self.code(id, CodeScheme::National, "2023", number);
            self.parent(id, unit_of_2023(row.text("region_code")?), (FRAME_2023, None));
        }
        Ok(())
    }

    /// A cercle goes on in the cercle of its name; a region in the region of its name, and the other regions in which its
    /// cercles now lie were detached from it.
    fn successions(&mut self) -> Result<(), Fault> {
        let mut names = HashMap::new();
        for row in Row::read(REGIONS_2015)? {
            names.insert(row.text("region_pcode")?.to_owned(), row.text("name_fr")?.to_owned());
        }
        let mut kinds = BTreeMap::new();
        for row in Row::read(CERCLE_2015_TO_REGION_2023)? {
            let cercle = unit_of_2015(row.text("cercle_pcode_2015")?);
            if let Some(number) = row.get("homonymous_cercle_code_2023") {
                kinds.insert((cercle, unit_of_2023(number)), SuccessionKind::Continued);
            }
            let region = row.text("region_pcode_2015")?;
            let same = names.get(region).is_some_and(|name| row.get("region_name_2023") == Some(name));
            let kind = if same { SuccessionKind::Continued } else { SuccessionKind::Detached };
            kinds.insert((unit_of_2015(region), unit_of_2023(row.text("region_code_2023")?)), kind);
        }
        self.successions = kinds
            .into_iter()
            .map(|((predecessor, successor), kind)| NewSuccession {
                predecessor_id: Col(predecessor),
                successor_id: Col(successor),
                happened_on: FRAME_2023,
                kind: Col(kind),
            })
            .collect();
        Ok(())
    }

    fn boundaries(&mut self, file: &str, code: &str) -> Result<(), Fault> {
        let wrong = || Fault::Corrupt(format!("a boundary file lacks features, {code} or geometry"));
        let shapes: Value = serde_json::from_str(file).map_err(|error| Fault::Corrupt(error.to_string()))?;
        let features = shapes.get("features").and_then(Value::as_array).ok_or_else(wrong)?;
        for feature in features {
            let properties = feature.get("properties").ok_or_else(wrong)?;
            let pcode = properties.get(code).and_then(Value::as_str).ok_or_else(wrong)?;
            let geometry = feature.get("geometry").and_then(Value::as_object).ok_or_else(wrong)?;
            self.boundaries.push(NewBoundary {
                unit_id: Col(unit_of_2015(pcode)),
                edition: "2015".to_owned(),
                geometry: serde_json::to_string(geometry).map_err(|error| Fault::Corrupt(error.to_string()))?,
            });
        }
        Ok(())
    }

    /// A unit with its official name, which stands in the column `name`.
    fn unit(
        &mut self,
        row: &Row,
        id: TerritorialUnitId,
        level: TerritorialLevel,
        name: &str,
        (valid_from, valid_to): (NaiveDate, Option<NaiveDate>),
        notes: Vec<String>,
    ) -> Result<(), Fault> {
        let name = row.text(name)?;
        self.units.push(NewUnit {
            id: Col(id),
            level: Col(level),
            name: name.to_owned(),
            valid_from,
            valid_to,
            longitude: row.number("lon")?,
            latitude: row.number("lat")?,
            area_km2: row.number("area_km2")?,
            note: Some(notes.join("; ")).filter(|note| !note.is_empty()),
            fictional: false,
            sensitivity: Sensitivity::Public.rank(),
        });
        self.name(id, name, NameKind::Official);
        Ok(())
    }

    /// Another name of the unit that was added last; a spelling it already has is not repeated.
    fn name(&mut self, unit: TerritorialUnitId, name: &str, kind: NameKind) {
        let repeated = self.names.iter().rev().take_while(|other| *other.unit_id == unit).any(|other| other.name == name);
        if !repeated {
            self.names.push(NewName::of(unit, name, kind));
        }
    }

    fn code(&mut self, unit: TerritorialUnitId, scheme: CodeScheme, edition: &str, code: &str) {
        self.codes.push(NewCode { scheme: Col(scheme), edition: edition.to_owned(), code: code.to_owned(), unit_id: Col(unit) });
    }

    fn parent(&mut self, unit: TerritorialUnitId, parent: TerritorialUnitId, (valid_from, valid_to): (NaiveDate, Option<NaiveDate>)) {
        self.parents.push(NewParent { unit_id: Col(unit), parent_id: Col(parent), valid_from, valid_to });
    }

    fn insert(&self, conn: &mut Conn) -> Result<(), Fault> {
        for row in &self.units {
            diesel::insert_into(territorial_units::table).values(row).execute(conn)?;
        }
        for row in &self.names {
            diesel::insert_into(territorial_names::table).values(row).execute(conn)?;
        }
        for row in &self.codes {
            diesel::insert_into(territorial_codes::table).values(row).execute(conn)?;
        }
        for row in &self.parents {
            diesel::insert_into(territorial_parents::table).values(row).execute(conn)?;
        }
        for row in &self.successions {
            diesel::insert_into(territorial_successions::table).values(row).execute(conn)?;
        }
        for row in &self.boundaries {
            diesel::insert_into(territorial_boundaries::table).values(row).execute(conn)?;
        }
        Ok(())
    }
}

fn level_of(row: &Row) -> Result<TerritorialLevel, Fault> {
    let text = row.text("type")?;
    TerritorialLevel::parse(text).ok_or_else(|| Fault::Corrupt(format!("unknown level {text:?}")))
}
