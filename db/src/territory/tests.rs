//! The real division, loaded into a database and found again.

use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use uuid::Uuid;

use super::load::{COMMUNES_703, COMMUNES_2001, FRAME_1996_END, FRAME_2023, REGIONS_2023, Row, day};
use super::*;
use crate::connection::{Target, migrate};

/// A database of its own, removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn loaded() -> (Self, Conn) {
        let scratch = Self(std::env::temp_dir().join(format!("sigida-territory-{}.db", Uuid::now_v7())));
        let mut conn = Target::Sqlite(scratch.0.clone()).connect(false).expect("opens");
        migrate(&mut conn).expect("migrates");
        conn.batch_execute("BEGIN").expect("begins");
        let loaded = load(&mut conn).expect("loads").expect("for the first time");
        conn.batch_execute("COMMIT").expect("commits");
        assert_eq!(loaded.units, 9 + 50 + 703 + 20 + 159);
        (scratch, conn)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{suffix}", self.0.display())));
        }
    }
}

fn list(conn: &mut Conn, filter: UnitFilter) -> Vec<UnitRow> {
    list_units(conn, &filter, &Keyset { after: None, limit: 1000 }).expect("lists").rows
}

fn count(conn: &mut Conn, level: TerritorialLevel, on: NaiveDate) -> usize {
    list(conn, UnitFilter { level: Some(level), on: Some(on), ..UnitFilter::default() }).len()
}

fn by_code(conn: &mut Conn, scheme: CodeScheme, edition: &str, code: &str) -> Unit {
    let filter =
        UnitFilter { scheme: Some(scheme), edition: Some(edition.to_owned()), code: Some(code.to_owned()), ..UnitFilter::default() };
    let rows = list(conn, filter);
    assert_eq!(rows.len(), 1, "{scheme} {edition} {code}");
    find_unit(conn, *rows[0].id).expect("is there")
}

fn named(conn: &mut Conn, query: &str, level: TerritorialLevel) -> Vec<Unit> {
    let rows = list(conn, UnitFilter { query: Some(query.to_owned()), level: Some(level), ..UnitFilter::default() });
    rows.iter().map(|row| find_unit(conn, *row.id).expect("is there")).collect()
}

fn refused(conn: &mut Conn, filter: &UnitFilter) -> bool {
    let result = list_units(conn, filter, &Keyset { after: None, limit: 1 });
    matches!(result, Err(Fault::Refused(refusal)) if refusal.code == &CODE_SCHEME_REQUIRED)
}

const EVE: NaiveDate = FRAME_1996_END;
const DAY: NaiveDate = FRAME_2023;

#[test]
fn two_frames_never_overlap() {
    use TerritorialLevel::{Cercle, Commune, District, Region};
    let (_scratch, mut conn) = Scratch::loaded();
    let counts = |conn: &mut Conn, on| [Region, District, Cercle, Commune].map(|level| count(conn, level, on));
    assert_eq!(counts(&mut conn, EVE), [8, 1, 50, 703]);
    assert_eq!(counts(&mut conn, DAY), [19, 1, 159, 703]);
    assert_eq!(counts(&mut conn, day(1996, 11, 3)), [0, 0, 0, 0]);
    assert_eq!(count(&mut conn, Commune, day(2000, 12, 31)), 701);
    assert_eq!(count(&mut conn, Commune, day(2001, 1, 1)), 703);
}

#[test]
fn loading_again_changes_nothing() {
    let (_scratch, mut conn) = Scratch::loaded();
    let rows = |conn: &mut Conn| -> [i64; 6] {
        [
            territorial_units::table.count().get_result(conn).expect("counts"),
            territorial_names::table.count().get_result(conn).expect("counts"),
            territorial_codes::table.count().get_result(conn).expect("counts"),
            territorial_parents::table.count().get_result(conn).expect("counts"),
            territorial_successions::table.count().get_result(conn).expect("counts"),
            territorial_boundaries::table.count().get_result(conn).expect("counts"),
        ]
    };
    let before = rows(&mut conn);
    assert_eq!(load(&mut conn).expect("loads"), None);
    assert_eq!(rows(&mut conn), before);
    assert_eq!(before[3], 50 + 703 + 159, "one parent each, except regions");
    assert_eq!(before[4], 49 + 9 + 10, "cercles, regions that kept their name, new regions except Taoudénit");
    assert_eq!(before[5], 9 + 50 + 701);
}

#[test]
fn ids_are_the_same_everywhere() {
    assert_eq!(unit_of_2015("ML0101").to_string(), "90866a72-1b0f-536c-8118-720450b44f5e");
    assert_eq!(unit_of_2023("0101").to_string(), "26d14e3b-550e-564e-876e-192dffdab492");
}

#[test]
fn a_code_means_something_only_within_its_edition() {
    let (_scratch, mut conn) = Scratch::loaded();
    assert_eq!(by_code(&mut conn, CodeScheme::Pcode, "2015", "ML0101").unit.name, "Kayes");
    assert_eq!(by_code(&mut conn, CodeScheme::Pcode, "2025", "ML0101").unit.name, "Bafoulabé");
    assert_eq!(by_code(&mut conn, CodeScheme::Iso31662, "2026", "ML-9").unit.name, "Ménaka");
    assert_eq!(by_code(&mut conn, CodeScheme::Iso31662, "2026", "ML-10").unit.name, "Taoudénit");
    assert_eq!(by_code(&mut conn, CodeScheme::National, "2023", "09").unit.name, "Taoudénit");
    assert_eq!(by_code(&mut conn, CodeScheme::Pcode, "2015", "ML09").unit.name, "Bamako");
    let note = |unit: Unit| unit.unit.note.unwrap_or_default();
    assert!(note(by_code(&mut conn, CodeScheme::Pcode, "2025", "ML0207")).contains("inferred"), "Nara");
    assert!(note(by_code(&mut conn, CodeScheme::Pcode, "2015", "ML0901")).contains("technical"), "Bamako");

    let code = || UnitFilter { code: Some("ML0101".to_owned()), ..UnitFilter::default() };
    assert!(refused(&mut conn, &code()));
    assert!(refused(&mut conn, &UnitFilter { scheme: Some(CodeScheme::Pcode), ..code() }));
    assert!(refused(&mut conn, &UnitFilter { edition: Some("2015".to_owned()), ..UnitFilter::default() }));
    let national = UnitFilter { scheme: Some(CodeScheme::National), code: Some("09".to_owned()), ..UnitFilter::default() };
    assert!(!refused(&mut conn, &national), "one edition needs no naming");
}

#[test]
fn the_iso_codes_by_name_agree_with_those_of_the_regions() {
    let (_scratch, mut conn) = Scratch::loaded();
    for row in Row::read(REGIONS_2023).expect("reads") {
        let unit = find_unit(&mut conn, unit_of_2023(row.text("region_code").expect("a number"))).expect("is there");
        let iso = unit.codes.iter().find(|code| *code.scheme == CodeScheme::Iso31662);
        assert_eq!(iso.map(|code| code.code.as_str()), row.get("iso_3166_2"), "{}", unit.unit.name);
    }
}

#[test]
fn parents_are_the_official_ones_whatever_the_codes_say() {
    let (_scratch, mut conn) = Scratch::loaded();
    let mut contradicted = 0;
    for row in Row::read(COMMUNES_703).expect("reads").iter().filter(|row| row.get("commune_pcode_2015").is_some()) {
        let pcode = row.text("commune_pcode_2015").expect("a code");
        let official = row.text("cercle_pcode").expect("a cercle");
        let unit = find_unit(&mut conn, unit_of_2015(pcode)).expect("is there");
        assert_eq!(*unit.parents[0].unit.id, unit_of_2015(official), "{pcode}");
        contradicted += usize::from(!pcode.starts_with(official));
    }
    assert_eq!(contradicted, 8);
    let parent = |conn: &mut Conn, pcode| by_code(conn, CodeScheme::Pcode, "2015", pcode).parents.remove(0).unit.name;
    assert_eq!(parent(&mut conn, "ML040313"), "Koutiala", "Niantaga, not Bla");
    assert_eq!(parent(&mut conn, "ML010116"), "Yélimané", "Konsiga, not Kayes");
}

#[test]
fn communes_have_no_known_parent_in_the_new_frame() {
    let (_scratch, mut conn) = Scratch::loaded();
    let koutiala = unit_of_2015("ML0305");
    let lies = |conn: &mut Conn, parent, on| list(conn, UnitFilter { parent: Some(parent), on, ..UnitFilter::default() }).len();
    assert_eq!(lies(&mut conn, koutiala, Some(EVE)), 36, "35 by its codes, and Niantaga");
    assert_eq!(lies(&mut conn, koutiala, Some(DAY)), 0);
    assert_eq!(lies(&mut conn, koutiala, None), 36);
    assert_eq!(lies(&mut conn, unit_of_2023("09"), Some(DAY)), 6);
    let communes = list(&mut conn, UnitFilter { level: Some(TerritorialLevel::Commune), ..UnitFilter::default() });
    for commune in communes {
        let unit = find_unit(&mut conn, *commune.id).expect("is there");
        assert_eq!(unit.unit.valid_to, None);
        assert_eq!(unit.parents.iter().map(|parent| parent.valid_to).collect::<Vec<_>>(), [Some(EVE)], "{}", unit.unit.name);
    }
}

#[test]
fn two_communes_have_no_code() {
    let (_scratch, mut conn) = Scratch::loaded();
    for (name, cercle) in [("Alata", "Ménaka"), ("Intadjedite", "Tin-Essako")] {
        let mut found = named(&mut conn, name, TerritorialLevel::Commune);
        found.retain(|unit| unit.unit.name == name);
        assert_eq!(found.len(), 1, "{name}");
        assert!(found[0].codes.is_empty(), "{name}");
        assert_eq!(found[0].unit.valid_from, COMMUNES_2001);
        assert_eq!(found[0].parents[0].unit.name, cercle);
        assert_eq!(found[0].parents[0].valid_from, COMMUNES_2001);
    }
}

#[test]
fn names_are_found_without_accents_and_never_identify() {
    let (_scratch, mut conn) = Scratch::loaded();
    let kenieba = named(&mut conn, "KENIEBA", TerritorialLevel::Cercle);
    assert_eq!(kenieba.iter().map(|unit| unit.unit.name.as_str()).collect::<Vec<_>>(), ["Kéniéba", "Kéniéba"], "old and new");
    let cercles: Vec<String> =
        named(&mut conn, "Diédougou", TerritorialLevel::Commune).into_iter().map(|mut unit| unit.parents.remove(0).unit.name).collect();
    assert_eq!(std::collections::BTreeSet::from_iter(&cercles).len(), 4, "{cercles:?}");
    assert_eq!(named(&mut conn, "syen toula", TerritorialLevel::Commune)[0].unit.name, "Chantoula");
    assert_eq!(named(&mut conn, "simbi", TerritorialLevel::Commune).len(), 1, "the commune itself, not Guetema");
    assert_eq!(named(&mut conn, "niema", TerritorialLevel::Cercle)[0].unit.name, "Niéna");
    assert_eq!(named(&mut conn, "koulikouro", TerritorialLevel::Region)[0].unit.name, "Koulikoro");
    for nothing in ["%", "_", "'"] {
        assert!(named(&mut conn, nothing, TerritorialLevel::Region).is_empty(), "{nothing}");
    }
}

#[test]
fn units_follow_units() {
    let (_scratch, mut conn) = Scratch::loaded();
    let gao = find_unit(&mut conn, unit_of_2015("ML07")).expect("is there");
    let mut heirs: Vec<_> = gao.successors.iter().map(|heir| (heir.unit.name.as_str(), *heir.kind)).collect();
    heirs.sort_unstable();
    assert_eq!(heirs, [("Gao", SuccessionKind::Continued), ("Ménaka", SuccessionKind::Detached)]);
    let nara = find_unit(&mut conn, unit_of_2023("1401")).expect("is there");
    assert_eq!(*nara.predecessors[0].unit.id, unit_of_2015("ML0207"));
    assert_eq!(nara.predecessors[0].happened_on, FRAME_2023);
    let taoudenit = find_unit(&mut conn, unit_of_2023("09")).expect("is there");
    assert!(taoudenit.predecessors.is_empty() && taoudenit.unit.note.is_some_and(|note| note.contains("no predecessor")));
    assert!(find_unit(&mut conn, unit_of_2015("ML0901")).expect("is there").successors.is_empty(), "Bamako has no cercles");
}

#[test]
fn boundaries_stand_by_their_units() {
    let (_scratch, mut conn) = Scratch::loaded();
    let shapes = |conn: &mut Conn, parent, on| list_boundaries(conn, TerritorialLevel::Commune, parent, on).expect("lists");
    assert_eq!(shapes(&mut conn, None, None).len(), 701);
    let inside = shapes(&mut conn, Some(unit_of_2015("ML0305")), Some(EVE));
    assert_eq!(inside.len(), 36);
    assert!(inside.iter().all(|(_, geometry)| geometry.starts_with("{\"coordinates\":[[[") && geometry.ends_with("Polygon\"}")));
}

#[test]
fn fictional_units_never_stand_among_real_ones() {
    let (_scratch, mut conn) = Scratch::loaded();
    let id = TerritorialUnitId::new();
    insert_fictional(&mut conn, id, TerritorialLevel::Commune, "Kénié fictive", "ML-C01", FRAME_2023).expect("inserts");
    assert_eq!(count(&mut conn, TerritorialLevel::Commune, DAY), 703);
    assert!(named(&mut conn, "fictive", TerritorialLevel::Commune).is_empty());
    let fictional = list(&mut conn, UnitFilter { fictional: true, query: Some("kenie".to_owned()), ..UnitFilter::default() });
    assert_eq!(fictional.iter().map(|unit| (*unit.id, unit.fictional)).collect::<Vec<_>>(), [(id, true)]);
    let unit = find_unit(&mut conn, id).expect("is there");
    assert_eq!((*unit.codes[0].scheme, unit.codes[0].code.as_str()), (CodeScheme::Fictional, "ML-C01"));
}

#[test]
fn pages_follow_each_other_by_id() {
    let (_scratch, mut conn) = Scratch::loaded();
    let filter = UnitFilter { level: Some(TerritorialLevel::Commune), ..UnitFilter::default() };
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = list_units(&mut conn, &filter, &Keyset { after, limit: 200 }).expect("lists");
        seen.extend(page.rows.iter().map(|row| *row.id));
        after = seen.last().copied();
        if !page.more {
            break;
        }
    }
    assert_eq!(seen.len(), 703);
    assert!(seen.is_sorted());
}
