//! Shares: an amount divided exactly, by largest remainder.

use crate::money::Amount;

/// Divides an amount in proportion to weights, to the minor unit: each part is rounded down, and what is left goes to the
/// largest remainders; among equal ones, to the lower key. The order of the weights plays no role, the parts sum to the
/// amount, and no part exceeds its weight while the amount does not exceed their sum. Without any weight there are no parts.
pub fn split<K: Ord + Copy>(amount: Amount, weights: &[(K, i64)]) -> Vec<(K, Amount)> {
    let positive = || weights.iter().filter(|(_, weight)| *weight > 0).map(|(key, weight)| (*key, i128::from(*weight)));
    let total: i128 = positive().map(|(_, weight)| weight).sum();
    if total == 0 {
        return Vec::new();
    }
    let whole = i128::from(amount.minor());
    let mut parts: Vec<(K, i128, i128)> = positive().map(|(key, weight)| (key, whole * weight / total, whole * weight % total)).collect();
    let mut left = whole - parts.iter().map(|(_, part, _)| part).sum::<i128>();
    parts.sort_by(|one, other| other.2.cmp(&one.2).then(one.0.cmp(&other.0)));
    for (_, part, _) in &mut parts {
        if left > 0 {
            *part += 1;
            left -= 1;
        }
    }
    parts.sort_by_key(|(key, _, _)| *key);
    let amount = |part: i128| i64::try_from(part).ok().and_then(Amount::from_minor).unwrap_or_default();
    parts.into_iter().map(|(key, part, _)| (key, amount(part))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    #[test]
    fn the_franc_that_is_left_goes_to_the_largest_remainder() {
        let parts = split(amount(1_001), &[("commune", 6_000), ("cercle", 2_500), ("region", 1_500)]);
        // 600.6, 250.25 and 150.15: the franc goes to the commune.
        assert_eq!(parts, [("cercle", amount(250)), ("commune", amount(601)), ("region", amount(150))]);
        assert_eq!(split(amount(1), &[("b", 1), ("a", 1)]), [("a", amount(1)), ("b", Amount::ZERO)], "the lower key");
        assert_eq!(split::<u8>(amount(1), &[]), []);
    }

    proptest! {
        #[test]
        fn shares_sum_to_the_amount_whatever_the_order(
            minor in 0..=crate::money::AMOUNT_MAX,
            weights in proptest::collection::vec(0_i64..=10_000, 1..6),
            turn in 0_usize..6,
        ) {
            let keyed: Vec<(usize, i64)> = weights.iter().copied().enumerate().collect();
            let parts = split(amount(minor), &keyed);
            if weights.iter().any(|weight| *weight > 0) {
                prop_assert_eq!(Amount::sum(parts.iter().map(|(_, part)| *part)), Some(amount(minor)));
            }
            let mut turned = keyed.clone();
            turned.rotate_left(turn % keyed.len());
            prop_assert_eq!(&split(amount(minor), &turned), &parts);
        }

        #[test]
        fn what_is_taken_from_shares_never_exceeds_one(weights in proptest::collection::vec(0_i64..=1_000_000, 1..5), bps in 0_i64..=10_000) {
            let keyed: Vec<(usize, i64)> = weights.iter().copied().enumerate().collect();
            let whole: i64 = weights.iter().sum();
            for (key, part) in split(amount(whole * bps / 10_000), &keyed) {
                prop_assert!(weights.get(key).is_some_and(|weight| part.minor() <= *weight));
            }
        }
    }
}
