//! How money is divided to the smallest unit: by largest remainder, ties to the lower key; and how spending goes back to donors.

use crate::money::Amount;

/// Divides an amount in proportion to weights. The parts sum to the amount exactly and do not depend on the order of the weights; no
/// part exceeds its weight while the amount does not exceed their sum. Nothing is divided over weights that sum to zero.
pub fn divide<K: Ord + Copy>(amount: Amount, weights: &[(K, Amount)]) -> Vec<(K, Amount)> {
    let whole: i128 = weights.iter().map(|(_, weight)| i128::from(weight.minor())).sum();
    if whole == 0 {
        return weights.iter().map(|(key, _)| (*key, Amount::ZERO)).collect();
    }
    let total = i128::from(amount.minor());
    let mut parts: Vec<(K, i128, i128)> = weights
        .iter()
        .map(|(key, weight)| {
            let product = total * i128::from(weight.minor());
            (*key, product / whole, product % whole)
        })
        .collect();
    parts.sort_by(|(one, _, rest), (other, _, other_rest)| other_rest.cmp(rest).then(one.cmp(other)));
    let mut left = total - parts.iter().map(|(_, part, _)| part).sum::<i128>();
    for (_, part, _) in &mut parts {
        if left == 0 {
            break;
        }
        *part += 1;
        left -= 1;
    }
    parts.sort_by_key(|(key, _, _)| *key);
    parts.into_iter().map(|(key, part, _)| (key, i64::try_from(part).ok().and_then(Amount::from_minor).unwrap_or_default())).collect()
}

/// What one line of an allocation can still bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer<K> {
    pub key: K,
    /// Whether the line is a part of the pool, which is divided among its members only after it was given its own part.
    pub pooled: bool,
    pub room: Amount,
}

/// Divides an amount over the lines of an allocation: first over the earmarked lines and the pool as one, then over the pool as it
/// was composed when the allocation was decided. While nothing was attributed yet, the room of a line is what was allocated from it.
pub fn attribute<K: Ord + Copy>(amount: Amount, bearers: &[Bearer<K>]) -> Vec<(K, Amount)> {
    let pooled: Vec<(K, Amount)> = bearers.iter().filter(|bearer| bearer.pooled).map(|bearer| (bearer.key, bearer.room)).collect();
    let pool = Amount::sum(pooled.iter().map(|(_, room)| *room)).unwrap_or_default();
    let mut first: Vec<(Option<K>, Amount)> =
        bearers.iter().filter(|bearer| !bearer.pooled).map(|bearer| (Some(bearer.key), bearer.room)).collect();
    first.push((None, pool));
    let mut parts: Vec<(K, Amount)> = Vec::with_capacity(bearers.len());
    for (key, part) in divide(amount, &first) {
        match key {
            Some(key) => parts.push((key, part)),
            None => parts.extend(divide(part, &pooled)),
        }
    }
    parts.sort_by_key(|(key, _)| *key);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(minor: i64) -> Amount {
        Amount::from_minor(minor).expect("in range")
    }

    #[test]
    fn the_worked_example_is_met_to_the_cent() {
        let bearer = |key, pooled, room| Bearer { key, pooled, room: money(room) };
        // Denmark 60,000 earmarked; a pool of 40,000 of which Canada is 30 % and Norway 70 %.
        let lines = [bearer("Denmark", false, 6_000_000), bearer("Canada", true, 1_200_000), bearer("Norway", true, 2_800_000)];
        let parts = attribute(money(3_333_333), &lines);
        assert_eq!(parts, [("Canada", money(400_000)), ("Denmark", money(2_000_000)), ("Norway", money(933_333))]);
        let three = [(1, money(1)), (2, money(1)), (3, money(1))];
        assert_eq!(divide(money(10_000), &three), [(1, money(3_334)), (2, money(3_333)), (3, money(3_333))]);
        assert_eq!(divide(money(5), &[(1, money(0))]), [(1, money(0))]);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole_within_their_room_in_any_order(
            rooms in prop::collection::vec((0_i64..10_000_000, any::<bool>()), 1..12), share in 0_i64..=10_000, turn in 0_usize..12
        ) {
            let mut bearers: Vec<Bearer<usize>> =
                rooms.iter().enumerate().map(|(key, (room, pooled))| Bearer { key, pooled: *pooled, room: money(*room) }).collect();
            let whole = Amount::sum(bearers.iter().map(|bearer| bearer.room)).expect("in range");
            let amount = whole.share(share);
            let parts = attribute(amount, &bearers);
            prop_assert_eq!(Amount::sum(parts.iter().map(|(_, part)| *part)), Some(amount));
            for (key, part) in &parts {
                prop_assert!(*part <= bearers[*key].room);
            }
            let count = bearers.len();
            bearers.rotate_left(turn % count);
            prop_assert_eq!(attribute(amount, &bearers), parts);
        }
    }
}
