//! The order of payers, portions of earmarks, and why not more.

use proptest::prelude::*;

use super::*;
use crate::fund::earmark::{Place, tests::purpose};

fn money(minor: i64) -> Amount {
    Amount::from_minor(minor).expect("in range")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn candidate(key: u32, available: i64, earmark: Earmark<&'static str>) -> Candidate<u32, &'static str> {
    Candidate {
        key,
        available: money(available),
        earmark,
        ends_on: None,
        first_received_on: None,
        paying: Amount::ZERO,
        held: Amount::ZERO,
    }
}

fn gao() -> Earmark<&'static str> {
    Earmark { places: vec!["Gao"], ..Earmark::default() }
}

fn usd() -> Currency {
    Currency::parse("USD").expect("known")
}

fn planned(purpose: &Purpose<&'static str>, amount: i64, candidates: Vec<Candidate<u32, &'static str>>) -> Plan<u32> {
    plan(&Request { purpose, amount: money(amount), on: day("2018-06-30"), deficit: Amount::ZERO }, candidates)
}

fn decided(
    purpose: &Purpose<&'static str>,
    amount: i64,
    candidates: Vec<Candidate<u32, &'static str>>,
) -> Result<Vec<(u32, i64)>, &'static str> {
    let shares = planned(purpose, amount, candidates).decide(money(amount), usd());
    shares.map(|shares| shares.iter().map(|share| (share.key, share.amount.minor())).collect()).map_err(|refusal| refusal.code.name)
}

#[test]
fn an_earmark_pays_the_share_of_its_places_and_not_a_cent_more() {
    let whole = purpose(10_000_000);
    assert_eq!(decided(&whole, 6_000_000, vec![candidate(1, 20_000_000, gao())]), Ok(vec![(1, 6_000_000)]));
    assert_eq!(decided(&whole, 6_000_001, vec![candidate(1, 20_000_000, gao())]), Err("EARMARK_PORTION"));
    let kidal = Purpose { places: vec![Place { lineage: vec!["Kidal"], bps: 10_000 }], ..purpose(10_000_000) };
    assert_eq!(decided(&kidal, 1, vec![candidate(1, 20_000_000, gao())]), Err("EARMARK_MISMATCH"));
    assert_eq!(decided(&whole, 2, vec![candidate(1, 1, gao())]), Err("FUND_INSUFFICIENT"));
    // Together they pay no more for Gao than one alone.
    let two = vec![candidate(1, 4_000_000, gao()), candidate(2, 20_000_000, gao())];
    assert_eq!(decided(&whole, 6_000_001, two.clone()), Err("EARMARK_PORTION"));
    assert_eq!(decided(&whole, 6_000_000, two), Ok(vec![(1, 4_000_000), (2, 2_000_000)]));
    // What it pays already counts.
    let paying = Candidate { paying: money(5_000_000), ..candidate(1, 20_000_000, gao()) };
    assert_eq!(decided(&whole, 1_000_001, vec![paying]), Err("EARMARK_PORTION"));
    // Nobody pays more than the budget.
    assert_eq!(decided(&whole, 10_000_001, vec![candidate(1, 20_000_000, Earmark::default())]), Err("EARMARK_PORTION"));
}

#[test]
fn what_ends_first_pays_first_then_the_narrowest_then_the_oldest_then_the_pool() {
    let whole = purpose(10_000_000);
    let open = |key| candidate(key, 100, Earmark::default());
    let narrow = Earmark { sectors: vec!["152".to_owned()], ..gao() };
    let ends = Candidate { ends_on: Some(day("2018-12-31")), ..candidate(5, 100, gao()) };
    let old = Candidate { first_received_on: Some(day("2016-12-01")), ..candidate(4, 100, gao()) };
    let candidates = vec![open(1), open(2), candidate(3, 100, gao()), old, ends, candidate(6, 100, narrow)];
    let all = planned(&whole, 500, candidates.clone());
    assert_eq!(all.shares.iter().map(|share| share.key).collect::<Vec<_>>(), [5, 6, 4, 3, 1, 2]);
    assert_eq!(decided(&whole, 450, candidates.clone()), Ok(vec![(5, 100), (6, 100), (4, 100), (3, 100), (1, 25), (2, 25)]));
    let mut turned = candidates;
    turned.reverse();
    assert_eq!(planned(&whole, 500, turned), all);
    let over = Candidate { ends_on: Some(day("2018-06-29")), ..candidate(1, 100, gao()) };
    let plan = planned(&whole, 50, vec![over]);
    assert_eq!((plan.missing, plan.shares[0].limits.clone()), (money(50), vec![AllocationLimit::Ended]));
}

#[test]
fn every_reason_is_told_and_a_cap_and_a_deficit_count() {
    use AllocationLimit as L;
    let whole = purpose(10_000_000);
    let capped = Earmark { cap_bps: Some(1000), ..Earmark::default() };
    assert_eq!(decided(&whole, 1_000_001, vec![candidate(1, 9_000_000, capped)]), Err("EARMARK_PORTION"));
    let wrong = Earmark { instruments: vec!["QIP".to_owned()], cap_bps: Some(1), ..Earmark::default() };
    let plan = planned(&whole, 5000, vec![candidate(1, 10, wrong)]);
    assert_eq!(plan.shares[0].limits, [L::Earmark, L::Cap, L::Funds]);
    assert_eq!(plan.shares[0].mismatches, [EarmarkDimension::Instrument]);
    let request = Request { purpose: &whole, amount: money(100), on: day("2018-06-30"), deficit: money(30) };
    let plan = super::plan(&request, vec![candidate(1, 100, Earmark::default())]);
    assert_eq!(plan.missing, money(30));
}

#[test]
fn too_few_purposes_are_told_half_a_year_before_the_end() {
    let end = Some(day("2020-03-31"));
    assert!(too_few_purposes(Some(3), 2, end, day("2019-10-15")));
    assert!(!too_few_purposes(Some(3), 3, end, day("2019-10-15")));
    assert!(!too_few_purposes(Some(3), 2, end, day("2019-09-01")));
    assert!(!too_few_purposes(None, 0, end, day("2019-10-15")));
}

proptest! {
    #[test]
    fn inv_21_a_plan_never_takes_more_than_there_is_nor_than_earmarks_allow(
        funds in prop::collection::vec((0_i64..1_000_000, 0_u8..3), 1..8), amount in 1_i64..3_000_000, turn in 0_usize..8
    ) {
        let whole = purpose(2_000_000);
        let earmark = |kind| match kind {
            0 => Earmark::default(),
            1 => gao(),
            _ => Earmark { places: vec!["Mopti"], ..Earmark::default() },
        };
        let mut candidates: Vec<_> = (0..).zip(&funds).map(|(key, (available, kind))| candidate(key, *available, earmark(*kind))).collect();
        let plan = planned(&whole, amount, candidates.clone());
        let given = |wanted: u8| plan.shares.iter().filter(|share| funds[share.key as usize].1 == wanted).map(|share| share.amount.minor()).sum::<i64>();
        prop_assert!(plan.shares.iter().all(|share| share.amount <= share.available));
        prop_assert!(given(1) <= 1_200_000 && given(2) <= 800_000);
        let total = given(0) + given(1) + given(2);
        prop_assert_eq!(total + plan.missing.minor(), amount);
        prop_assert!(total <= 2_000_000);
        let count = candidates.len();
        candidates.rotate_left(turn % count);
        prop_assert_eq!(planned(&whole, amount, candidates), plan);
    }
}
