//! The division of an envelope: floors, shares by exact scores, a cap, and what is left by largest remainder. Whole numbers
//! only; quotients are compared over one denominator.

use std::cmp::Reverse;

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Candidate, Criterion, ENDOWMENT_CRITERION_ZERO_TOTAL, ENDOWMENT_FLOOR_EXCEEDS_ENVELOPE, ENDOWMENT_MISSING_DATA, ENDOWMENT_NO_ELIGIBLE,
    EligibilityRule, Formula, ZeroTotalPolicy,
};
use crate::id::TerritorialUnitId;
use crate::refusal::Refusal;
use crate::word::Word as _;

/// What a candidate gets, and how that came about. Amounts are minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub unit: TerritorialUnitId,
    pub code: String,
    pub name: String,
    /// Every rule that the candidate does not fulfil; it is eligible when there is none.
    pub failing: Vec<EligibilityRule>,
    /// Its part of all scores, to six decimals.
    pub score: String,
    /// Above the floor, before any cap, to two decimals.
    pub first_quota: String,
    /// Above the floor, after the last cap, to two decimals.
    pub quota: String,
    pub capped: bool,
    /// Whether it got one more unit by its remainder.
    pub extra_unit: bool,
    pub amount: i64,
}

impl Share {
    pub fn is_eligible(&self) -> bool {
        self.failing.is_empty()
    }
}

/// The division of an envelope: amounts and reserve sum to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// In the order of their codes.
    pub shares: Vec<Share>,
    /// What no cap let go.
    pub reserve: i64,
}

/// A quotient in decimals, rounded half up.
fn decimal(numerator: &BigUint, denominator: &BigUint, places: u32) -> String {
    if *denominator == BigUint::ZERO {
        return decimal(&BigUint::ZERO, &BigUint::from(1_u8), places);
    }
    let scale = BigUint::from(10_u8).pow(places);
    let rounded = (numerator * &scale * 2_u8 + denominator) / (denominator * 2_u8);
    let fraction = (&rounded % &scale).to_string();
    format!("{}.{fraction:0>width$}", rounded / &scale, width = places as usize)
}

fn big(value: i64) -> BigUint {
    BigUint::from(u64::try_from(value).unwrap_or(0))
}

fn small(value: &BigUint) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Sums of a criterion over the eligible candidates; zero is refused, or leaves the criterion out.
fn totals<'f>(formula: &'f Formula, eligible: &[&Candidate]) -> Result<Vec<(&'f Criterion, BigUint)>, Refusal> {
    let total = |criterion: &Criterion| eligible.iter().map(|one| big(one.values.get(&criterion.code).copied().unwrap_or(0))).sum();
    let all: Vec<(&Criterion, BigUint)> = formula.criteria.iter().map(|criterion| (criterion, total(criterion))).collect();
    let zero = all.iter().find(|(_, total)| *total == BigUint::ZERO).map(|(criterion, _)| *criterion);
    let kept: Vec<(&Criterion, BigUint)> =
        all.into_iter().filter(|(criterion, total)| *total != BigUint::ZERO && criterion.weight > 0).collect();
    match zero {
        Some(criterion) if formula.zero_total == ZeroTotalPolicy::Refuse || kept.is_empty() => {
            Err(ENDOWMENT_CRITERION_ZERO_TOTAL.refuse().with("criterion", &criterion.code))
        }
        _ => Ok(kept),
    }
}

/// The scores of the candidates over a common denominator, which cancels out of every quota.
fn scores(eligible: &[&Candidate], totals: &[(&Criterion, BigUint)]) -> Vec<BigUint> {
    let product = |without: &str| totals.iter().filter(|(other, _)| other.code != without).map(|(_, total)| total).product::<BigUint>();
    let weights: Vec<(&str, BigUint)> =
        totals.iter().map(|(criterion, _)| (criterion.code.as_str(), big(criterion.weight) * product(&criterion.code))).collect();
    let score = |one: &&Candidate| weights.iter().map(|(code, weight)| big(one.values.get(*code).copied().unwrap_or(0)) * weight).sum();
    eligible.iter().map(score).collect()
}

/// Which rules a candidate does not fulfil, and which facts nobody told.
fn judge(formula: &Formula, one: &Candidate, missing: &mut Vec<String>) -> Vec<EligibilityRule> {
    let mut failing = Vec::new();
    for rule in &formula.rules {
        match one.facts.get(rule) {
            Some(fact) if fact.holds => {}
            Some(_) => failing.push(*rule),
            None => missing.push(format!("{} × {}", one.code, rule.as_str())),
        }
    }
    failing
}

/// A candidate on the way to its share.
struct Running<'c> {
    candidate: &'c Candidate,
    /// Its score over the common denominator.
    weight: BigUint,
    /// Fixed by the cap.
    fixed: bool,
    /// What it gets above the floor.
    above: i64,
    remainder: BigUint,
    extra: bool,
    score: String,
    first_quota: String,
    quota: String,
}

/// The weights of those that no cap has fixed.
fn active(running: &[Running<'_>]) -> BigUint {
    running.iter().filter(|one| !one.fixed).map(|one| &one.weight).sum()
}

/// Fixes at the cap whoever would get more, until nobody would. Gives what is left for the others.
fn cap(running: &mut [Running<'_>], formula: &Formula, rest: i64) -> i64 {
    let Some(room) = formula.cap.map(|cap| cap - formula.floor) else { return rest };
    let mut left = rest;
    loop {
        let (total, ceiling) = (active(running), big(room));
        let limit = &ceiling * &total;
        let mut again = false;
        let quotas = big(left);
        for one in running.iter_mut().filter(|one| !one.fixed && &quotas * &one.weight > limit) {
            (one.fixed, one.above) = (true, room);
            one.quota = decimal(&ceiling, &BigUint::from(1_u8), 2);
            left -= room;
            again = true;
        }
        if !again {
            return left;
        }
    }
}

/// Divides what is left above the floors. Gives the candidates in their order, and the reserve.
fn divide<'c>(formula: &Formula, eligible: &[&'c Candidate], scores: Vec<BigUint>, rest: i64) -> (Vec<Running<'c>>, i64) {
    let all: BigUint = scores.iter().sum();
    let begin = |(candidate, weight): (&&'c Candidate, BigUint)| Running {
        candidate,
        fixed: false,
        above: 0,
        remainder: BigUint::ZERO,
        extra: false,
        score: decimal(&weight, &all, 6),
        first_quota: decimal(&(big(rest) * &weight), &all, 2),
        quota: decimal(&BigUint::ZERO, &all, 2),
        weight,
    };
    let mut running: Vec<Running<'c>> = eligible.iter().zip(scores).map(begin).collect();
    let left = cap(&mut running, formula, rest);
    let total = active(&running);
    if total == BigUint::ZERO {
        return (running, left);
    }
    let (divided, unit) = (big(left), big(formula.unit));
    let denominator = &total * &unit;
    let mut units = left.checked_div(formula.unit).unwrap_or(0);
    for one in running.iter_mut().filter(|one| !one.fixed) {
        let numerator = &divided * &one.weight;
        let whole = small(&(&numerator / &denominator));
        one.quota = decimal(&numerator, &total, 2);
        one.remainder = numerator % &denominator;
        one.above = whole * formula.unit;
        units -= whole;
    }
    let mut order: Vec<&mut Running<'c>> = running.iter_mut().filter(|one| !one.fixed).collect();
    order.sort_by(|one, other| {
        let key = |of: &Running<'c>| (Reverse(of.candidate.population), of.candidate.code.clone());
        other.remainder.cmp(&one.remainder).then_with(|| key(one).cmp(&key(other)))
    });
    for one in order.into_iter().take(usize::try_from(units).unwrap_or(0)) {
        one.extra = true;
        one.above += formula.unit;
    }
    (running, 0)
}

/// Divides the envelope. The order of the candidates does not matter.
pub fn allocate(formula: &Formula, candidates: &[Candidate]) -> Result<Allocation, Refusal> {
    formula.check()?;
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    sorted.sort_by(|one, other| one.code.cmp(&other.code));
    let mut missing = Vec::new();
    let judged: Vec<(&Candidate, Vec<EligibilityRule>)> = sorted.iter().map(|one| (*one, judge(formula, one, &mut missing))).collect();
    let eligible: Vec<&Candidate> = judged.iter().filter(|(_, failing)| failing.is_empty()).map(|(one, _)| *one).collect();
    let absent = |one: &&Candidate| -> Vec<String> {
        let absent = formula.criteria.iter().filter(|criterion| !one.values.contains_key(&criterion.code));
        absent.map(|criterion| format!("{} × {}", one.code, criterion.code)).collect()
    };
    missing.extend(eligible.iter().flat_map(absent));
    if !missing.is_empty() {
        return Err(ENDOWMENT_MISSING_DATA.refuse().with("missing", missing));
    }
    if eligible.is_empty() {
        let failing: Map<String, Value> = judged.iter().map(|(one, failing)| (one.code.clone(), json!(failing))).collect();
        return Err(ENDOWMENT_NO_ELIGIBLE.refuse().with("candidates", judged.len()).with("failing", Value::Object(failing)));
    }
    let floors = i128::from(formula.floor) * eligible.len() as i128;
    let Some(rest) = i64::try_from(i128::from(formula.envelope) - floors).ok().filter(|rest| *rest >= 0) else {
        let refusal = ENDOWMENT_FLOOR_EXCEEDS_ENVELOPE.refuse().with("eligible", eligible.len()).with("floors", floors.to_string());
        return Err(refusal.with("envelope", formula.envelope.to_string()));
    };
    let scores = scores(&eligible, &totals(formula, &eligible)?);
    let (running, reserve) = divide(formula, &eligible, scores, rest);
    let mut running = running.into_iter().peekable();
    let shares = judged.into_iter().map(|(one, failing)| {
        let got = running.next_if(|got| got.candidate.code == one.code);
        share(formula, one, failing, got)
    });
    Ok(Allocation { shares: shares.collect(), reserve })
}

fn share(formula: &Formula, one: &Candidate, failing: Vec<EligibilityRule>, got: Option<Running<'_>>) -> Share {
    let none = |places| decimal(&BigUint::ZERO, &BigUint::ZERO, places);
    let amount = got.as_ref().map_or(0, |got| formula.floor + got.above);
    let (capped, extra_unit) = got.as_ref().map_or((false, false), |got| (got.fixed, got.extra));
    let (score, first_quota, quota) = got.map_or_else(|| (none(6), none(2), none(2)), |got| (got.score, got.first_quota, got.quota));
    Share { unit: one.unit, code: one.code.clone(), name: one.name.clone(), failing, score, first_quota, quota, capped, extra_unit, amount }
}

#[cfg(test)]
mod tests;
