//! The shipped types, and tables of data.

use super::*;

#[test]
fn every_shipped_type_is_read() {
    let codes: Vec<&str> = ENDOWMENT_TYPES.iter().map(|known| known.code.as_str()).collect();
    assert_eq!(codes, ["D_INVEST", "D_FONCT", "D_APPUI_TECH", "D_INTERCO", "D_GARANTIE"]);
    assert_eq!(endowment_type("D_INVEST").map(|known| (known.section, known.disbursed)), Ok((Some(Section::Capital), true)));
    assert_eq!(endowment_type("D_GARANTIE").map(|known| (known.section, known.disbursed)), Ok((None, false)));
}

#[test]
fn a_table_with_an_empty_cell_misses_a_value_and_one_with_a_text_is_refused() {
    let csv = "code;population;poverty;development_plan_in_force;source\nML-C01;18400;;true;Fictif\n";
    let rows = sheet::read_csv(csv.as_bytes()).expect("a table");
    assert_eq!(rows[0].values, BTreeMap::from([("population".to_owned(), 18_400)]));
    assert_eq!(rows[0].facts, BTreeMap::from([(EligibilityRule::DevelopmentPlanInForce, true)]));
    let named = "territorial_unit_id;organisation_id;population;source\n00000000-0000-0000-0000-000000000001;;1;Fictif\n";
    let rows = sheet::read_csv(named.as_bytes()).expect("a table");
    assert_eq!((rows[0].unit.is_some(), rows[0].organisation, rows[0].code.clone()), (true, None, None));
    for wrong in [
        "territorial_unit_id;population;source\n12;1;Fictif\n",
        "code;population;source\nML-C01;many;Fictif\n",
        "code;population;source\nML-C01;;Fictif\n",
        "population\n1\n",
    ] {
        let refusal = sheet::read_csv(wrong.as_bytes()).expect_err("unreadable");
        assert_eq!(refusal.code, &crate::budget::IMPORT_UNREADABLE, "{wrong}");
    }
}
