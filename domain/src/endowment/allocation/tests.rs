//! The division of an envelope: the worked example, its edges, and what holds for any data.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::document::{ALGORITHM, Inputs, calculate};
use super::super::{
    ENDOWMENT_CAP_BELOW_FLOOR, ENDOWMENT_CRITERION_DUPLICATE, ENDOWMENT_NOT_MULTIPLE, ENDOWMENT_WEIGHTS_NOT_10000, Fact, FactBasis,
};
use super::*;
use crate::document::write;
use crate::id::reference;

fn criterion(code: &str, weight: i64) -> Criterion {
    Criterion { code: code.to_owned(), label_fr: code.to_owned(), label_en: code.to_owned(), weight }
}

fn formula() -> Formula {
    let criteria =
        vec![criterion("population", 4000), criterion("poverty", 2500), criterion("remoteness", 1500), criterion("effort", 2000)];
    let (unit, zero_total) = (1000, ZeroTotalPolicy::Refuse);
    let rules = vec![EligibilityRule::AdministrativeAccountTransmitted];
    Formula { envelope: 180_000_000, unit, floor: 12_000_000, cap: Some(44_000_000), zero_total, criteria, rules }
}

fn candidate(code: &str, population: i64, poverty: i64, remoteness: i64, effort: i64, account: bool) -> Candidate {
    let values = [("population", population), ("poverty", population * poverty), ("remoteness", remoteness), ("effort", effort)];
    let fact = Fact { holds: account, basis: FactBasis::Declared };
    Candidate {
        unit: TerritorialUnitId(reference(code)),
        code: code.to_owned(),
        name: code.to_owned(),
        population,
        values: values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        facts: BTreeMap::from([(EligibilityRule::AdministrativeAccountTransmitted, fact)]),
        source: "Fictional".to_owned(),
    }
}

/// The worked example: five fictional communes, and a sixth that has not transmitted its account.
fn communes() -> Vec<Candidate> {
    vec![
        candidate("ML-C01", 18_400, 6200, 85, 7100, true),
        candidate("ML-C02", 9_750, 7400, 140, 3800, true),
        candidate("ML-C03", 31_200, 4800, 20, 5500, true),
        candidate("ML-C04", 6_300, 8100, 210, 1200, true),
        candidate("ML-C05", 14_900, 6600, 60, 8300, true),
        candidate("ML-C06", 22_050, 5000, 100, 5000, false),
    ]
}

fn amounts(allocation: &Allocation) -> Vec<i64> {
    allocation.shares.iter().map(|share| share.amount).collect()
}

#[test]
fn the_worked_example_comes_out_to_the_franc() {
    let allocation = allocate(&formula(), &communes()).expect("an allocation");
    assert_eq!(amounts(&allocation), [40_091_000, 31_040_000, 44_000_000, 27_652_000, 37_217_000, 0]);
    assert_eq!(allocation.reserve, 0);
    let told = |member: fn(&Share) -> String| allocation.shares.iter().map(member).collect::<Vec<_>>();
    assert_eq!(told(|share| share.score.clone())[..5], ["0.229716", "0.155701", "0.280370", "0.128001", "0.206213"]);
    let first = ["27565903.53", "18684071.67", "33644367.24", "15360118.50", "24745539.05"];
    assert_eq!(told(|share| share.first_quota.clone())[..5], first);
    let quotas = ["28090808.13", "19039850.14", "32000000.00", "15652602.90", "25216738.82"];
    assert_eq!(told(|share| share.quota.clone())[..5], quotas);
    let flags: Vec<(bool, bool)> = allocation.shares.iter().map(|share| (share.capped, share.extra_unit)).collect();
    assert_eq!(flags[..5], [(false, true), (false, true), (true, false), (false, false), (false, true)]);
    let sixth = allocation.shares.last().expect("six");
    assert_eq!((sixth.is_eligible(), &sixth.failing), (false, &vec![EligibilityRule::AdministrativeAccountTransmitted]));
}

#[test]
fn without_a_cap_and_to_the_franc() {
    let allocation = allocate(&Formula { cap: None, unit: 1, ..formula() }, &communes()).expect("an allocation");
    assert_eq!(amounts(&allocation), [39_565_904, 30_684_072, 45_644_367, 27_360_118, 36_745_539, 0]);
    let extra: Vec<&str> = allocation.shares.iter().filter(|share| share.extra_unit).map(|share| share.code.as_str()).collect();
    assert_eq!(extra, ["ML-C01", "ML-C02"]);
}

#[test]
fn the_edges_are_one_commune_too_many_floors_and_all_at_the_cap() {
    let one = allocate(&Formula { cap: None, ..formula() }, &communes()[..1]).expect("an allocation");
    assert_eq!(amounts(&one), [180_000_000]);
    let refusal = allocate(&Formula { envelope: 50_000_000, ..formula() }, &communes()).expect_err("too many floors");
    assert_eq!(refusal.code, &ENDOWMENT_FLOOR_EXCEEDS_ENVELOPE);
    assert_eq!((&refusal.facts["eligible"], &refusal.facts["floors"]), (&json!(5), &json!("60000000")));
    let capped = allocate(&Formula { cap: Some(30_000_000), ..formula() }, &communes()).expect("an allocation");
    assert_eq!((amounts(&capped), capped.reserve), (vec![30_000_000, 30_000_000, 30_000_000, 30_000_000, 30_000_000, 0], 30_000_000));
}

#[test]
fn a_formula_that_divides_nothing_rightly_is_refused() {
    let refused = |formula: Formula| allocate(&formula, &communes()).expect_err("refused");
    let mut light = formula();
    light.criteria[0].weight = 3999;
    let refusal = refused(light);
    assert_eq!((refusal.code, &refusal.facts["sum"]), (&ENDOWMENT_WEIGHTS_NOT_10000, &json!(9999)));
    let twice = Formula { criteria: vec![criterion("population", 4000), criterion("population", 6000)], ..formula() };
    assert_eq!(refused(twice).code, &ENDOWMENT_CRITERION_DUPLICATE);
    for (wrong, member) in [
        (Formula { envelope: 180_000_001, ..formula() }, "envelope"),
        (Formula { floor: 12_000_500, ..formula() }, "floor"),
        (Formula { cap: Some(44_000_001), ..formula() }, "cap"),
        (Formula { unit: 0, ..formula() }, "envelope"),
    ] {
        let refusal = refused(wrong);
        assert_eq!((refusal.code, &refusal.facts["amount"]), (&ENDOWMENT_NOT_MULTIPLE, &json!(member)));
    }
    assert_eq!(refused(Formula { cap: Some(11_000_000), ..formula() }).code, &ENDOWMENT_CAP_BELOW_FLOOR);
}

#[test]
fn nobody_eligible_is_refused_with_the_reasons_of_each() {
    let refusal = allocate(&formula(), &communes()[5..]).expect_err("nobody");
    assert_eq!(
        (refusal.code, &refusal.facts["failing"]),
        (&ENDOWMENT_NO_ELIGIBLE, &json!({ "ML-C06": ["administrative_account_transmitted"] }))
    );
    assert_eq!(allocate(&formula(), &[]).expect_err("nobody").code, &ENDOWMENT_NO_ELIGIBLE);
}

#[test]
fn what_is_absent_is_missing_and_never_zero() {
    let mut some = communes();
    some[0].values.remove("effort");
    some[1].facts.clear();
    // What is missing of a commune that is not eligible does not matter.
    some[5].values.clear();
    let refusal = allocate(&formula(), &some).expect_err("missing");
    assert_eq!(refusal.code, &ENDOWMENT_MISSING_DATA);
    assert_eq!(refusal.facts["missing"], json!(["ML-C02 × administrative_account_transmitted", "ML-C01 × effort"]));
}

#[test]
fn a_criterion_that_is_zero_everywhere_is_refused_or_gives_its_weight_to_the_others() {
    let mut flat = communes();
    for one in &mut flat {
        one.values.insert("remoteness".to_owned(), 0);
    }
    let refusal = allocate(&formula(), &flat).expect_err("zero");
    assert_eq!((refusal.code, &refusal.facts["criterion"]), (&ENDOWMENT_CRITERION_ZERO_TOTAL, &json!("remoteness")));
    let redistributing = Formula { zero_total: ZeroTotalPolicy::RedistributeWeight, unit: 1, cap: None, ..formula() };
    let redistributed = allocate(&redistributing, &flat).expect("an allocation");
    // 4000, 2500 and 2000 of 8500 are 8, 5 and 4 of 17.
    let criteria =
        vec![criterion("population", 4000), criterion("poverty", 2500), criterion("effort", 2000), criterion("remoteness", 1500)];
    let reordered = allocate(&Formula { criteria, ..redistributing.clone() }, &flat).expect("an allocation");
    assert_eq!(amounts(&redistributed), amounts(&reordered));
    assert_eq!(redistributed.shares[0].score, "0.241128");
    flat.iter_mut().for_each(|one| one.values.values_mut().for_each(|value| *value = 0));
    assert_eq!(allocate(&redistributing, &flat).expect_err("none left").code, &ENDOWMENT_CRITERION_ZERO_TOTAL);
}

#[test]
fn equal_remainders_go_to_the_larger_population_and_then_to_the_lower_code() {
    let mut three: Vec<Candidate> = ["C", "B", "A"].iter().map(|code| candidate(code, 100, 1, 1, 1, true)).collect();
    let tie = Formula { envelope: 10, unit: 1, floor: 0, cap: None, ..formula() };
    assert_eq!(amounts(&allocate(&tie, &three).expect("an allocation")), [4, 3, 3], "the lower code");
    // Only the population that breaks ties differs, not the criterion.
    three[0].population = 101;
    assert_eq!(amounts(&allocate(&tie, &three).expect("an allocation")), [3, 3, 4], "the larger population");
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let inputs = |candidates: Vec<Candidate>| Inputs {
        algorithm: ALGORITHM.to_owned(),
        fiscal_year: 2026,
        endowment_type: "D_INVEST".to_owned(),
        currency: "XOF".to_owned(),
        data_date: "2025-06-30".parse().expect("a date"),
        formula: formula(),
        candidates,
    };
    let text = write(&inputs(communes())).expect("a document");
    let (outcome, first) = calculate(&text).expect("no refusal").expect("inputs");
    let (_, second) = calculate(&text).expect("no refusal").expect("inputs");
    assert_eq!((&first, outcome.inputs_sha256.len()), (&second, 64));
    let mut changed = communes();
    changed[3].values.insert("remoteness".to_owned(), 211);
    let (_, other) = calculate(&write(&inputs(changed)).expect("a document")).expect("no refusal").expect("inputs");
    assert_ne!(first, other);
    assert_eq!(calculate("{}"), Ok(None));
}

/// Seven hundred and three communes with data that look like data.
fn country() -> Vec<Candidate> {
    let mix = |index: i64, of: i64| (index * 7_919 + of * 104_729) % 100_003;
    let commune = |index: i64| {
        candidate(&format!("ML{index:06}"), 900 + mix(index, 1), mix(index, 2) % 9000, mix(index, 3) % 400, mix(index, 4) % 10_001, true)
    };
    (0..703).map(commune).collect()
}

#[test]
fn the_country_is_divided_at_once() {
    let whole = Formula { envelope: 24_941_000_000, floor: 10_000_000, cap: Some(60_000_000), ..formula() };
    let communes = country();
    let since = std::time::Instant::now();
    let allocation = allocate(&whole, &communes).expect("an allocation");
    let took = since.elapsed();
    eprintln!("703 communes divided in {took:?}");
    assert_eq!(amounts(&allocation).iter().sum::<i64>() + allocation.reserve, whole.envelope);
    assert!(took < std::time::Duration::from_millis(500), "{took:?}, not optimised");
}

prop_compose! {
    fn some_candidates()(
        data in prop::collection::vec((0_i64..50_000, 0_i64..9000, 0_i64..300, 0_i64..10_001, prop::bool::weighted(0.9)), 1..30),
    ) -> Vec<Candidate> {
        let one = |(index, (population, poverty, remoteness, effort, account)): (usize, (i64, i64, i64, i64, bool))| {
            candidate(&format!("ML-{index:03}"), population, poverty, remoteness, effort, account)
        };
        data.into_iter().enumerate().map(one).collect()
    }
}

prop_compose! {
    fn some_formula()(unit in 1_i64..2000, floor in 0_i64..2000, room in prop::option::of(0_i64..4000), units in 0_i64..200_000) -> Formula {
        let zero_total = ZeroTotalPolicy::RedistributeWeight;
        Formula { envelope: units * unit, unit, floor: floor * unit, cap: room.map(|room| (floor + room) * unit), zero_total, ..formula() }
    }
}

proptest! {
    #[test]
    fn inv_36_inv_37_amounts_and_reserve_make_the_envelope_within_floor_and_cap(formula in some_formula(), candidates in some_candidates()) {
        let Ok(allocation) = allocate(&formula, &candidates) else { return Ok(()) };
        prop_assert_eq!(amounts(&allocation).iter().sum::<i64>() + allocation.reserve, formula.envelope);
        for share in &allocation.shares {
            if share.is_eligible() {
                prop_assert_eq!(share.amount % formula.unit, 0);
                prop_assert!(share.amount >= formula.floor && formula.cap.is_none_or(|cap| share.amount <= cap), "{:?}", share);
            } else {
                prop_assert_eq!(share.amount, 0);
            }
        }
    }

    #[test]
    fn inv_38_the_order_of_the_input_does_not_matter(formula in some_formula(), candidates in some_candidates(), turn in 0_usize..30) {
        let mut other = candidates.clone();
        other.reverse();
        let turn = turn % other.len();
        other.rotate_left(turn);
        prop_assert_eq!(allocate(&formula, &candidates), allocate(&formula, &other));
    }

    #[test]
    fn inv_39_a_higher_value_never_lowers_the_quota(candidates in some_candidates(), which in 0_usize..30, criterion in 0_usize..4, more in 1_i64..1_000_000) {
        let free = Formula { unit: 1, floor: 0, cap: None, zero_total: ZeroTotalPolicy::RedistributeWeight, ..formula() };
        let which = which % candidates.len();
        let mut raised = candidates.clone();
        let name = &free.criteria[criterion].code;
        *raised[which].values.get_mut(name).expect("there") += more;
        let quota = |candidates: &[Candidate]| {
            let allocation = allocate(&free, candidates).ok()?;
            let share = allocation.shares.iter().find(|share| share.code == candidates[which].code)?.clone();
            Some(share.quota.replace('.', "").parse::<i64>().expect("digits"))
        };
        if let (Some(before), Some(after)) = (quota(&candidates), quota(&raised)) {
            prop_assert!(after >= before, "{before} then {after}");
        }
    }
}
