//! What projects add up to, by group: a project's shares go to their groups exactly, and only the groups are rounded.

use crate::words;

/// The parts of one minor unit that shares are counted in.
const PARTS: i128 = 10_000;

words! {
    /// By what projects are grouped.
    pub enum ProjectGrouping {
        /// The instrument.
        Instrument = "instrument",
        /// The state.
        State = "state",
        /// As what approved projects are counted; the others have no term.
        StateClass = "state_class",
        /// The programme.
        Programme = "programme",
        /// The year of the planned start.
        Year = "year",
        /// The region, or the District of Bamako, by share.
        Region = "region",
        /// The cercle, by share.
        Cercle = "cercle",
        /// The commune, by share.
        Commune = "commune",
        /// The sector, by share.
        Sector = "sector",
        /// The country, by share.
        Country = "country",
        /// The recipient: its part of the budget. What projects that name no recipient ask for has no term.
        Recipient = "recipient",
        /// The donor: what was allocated from their contributions, in the currency of the fund, instead of the budgets.
        Donor = "donor",
    }
}

/// What one group holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<K> {
    pub key: K,
    /// Projects with a part in it. One project may have parts in several groups.
    pub projects: i64,
    /// In ten-thousandths of the minor unit.
    pub parts: i128,
}

/// A group as it is told, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rounded<K> {
    pub key: K,
    pub projects: i64,
    pub minor: i128,
}

/// A whole amount as parts.
pub fn whole(minor: i128) -> i128 {
    minor * PARTS
}

/// Rounds groups to minor units that add up to the total: what is left goes to the largest remainders, ties to the lower key.
/// Nothing depends on the order of the groups.
pub fn rounded<K: Ord>(total: i128, groups: Vec<Group<K>>) -> Vec<Rounded<K>> {
    let mut left = total - groups.iter().map(|group| group.parts.div_euclid(PARTS)).sum::<i128>();
    let mut told: Vec<(i128, Rounded<K>)> = groups
        .into_iter()
        .map(|group| {
            let minor = group.parts.div_euclid(PARTS);
            (group.parts.rem_euclid(PARTS), Rounded { key: group.key, projects: group.projects, minor })
        })
        .collect();
    told.sort_by(|(rest, one), (other_rest, other)| other_rest.cmp(rest).then_with(|| one.key.cmp(&other.key)));
    for (_, group) in &mut told {
        if left <= 0 {
            break;
        }
        group.minor += 1;
        left -= 1;
    }
    let mut told: Vec<Rounded<K>> = told.into_iter().map(|(_, group)| group).collect();
    told.sort_by(|one, other| one.key.cmp(&other.key));
    told
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_rounded_makes_the_total() {
        let thirds = [("gao", 3_334), ("kidal", 3_333), ("mopti", 3_333)];
        let groups = thirds.map(|(key, bps)| Group { key, projects: 1, parts: 100 * bps }).to_vec();
        let told: Vec<(&str, i128)> = rounded(100, groups).into_iter().map(|group| (group.key, group.minor)).collect();
        assert_eq!(told, [("gao", 34), ("kidal", 33), ("mopti", 33)]);
    }

    proptest! {
        #[test]
        fn groups_add_up_whatever_their_order(budgets in proptest::collection::vec((0_i64..1_000_000_000_000, 0_u16..=10_000), 1..40)) {
            let total: i128 = budgets.iter().map(|(budget, _)| i128::from(*budget)).sum();
            let parts = |own: bool| budgets.iter().map(|(budget, bps)| {
                i128::from(*budget) * i128::from(if own { *bps } else { 10_000 - *bps })
            }).sum::<i128>();
            let groups = vec![Group { key: 1, projects: 1, parts: parts(true) }, Group { key: 2, projects: 1, parts: parts(false) }];
            let mut turned = groups.clone();
            turned.reverse();
            let told = rounded(total, groups);
            prop_assert_eq!(told.iter().map(|group| group.minor).sum::<i128>(), total);
            prop_assert_eq!(told, rounded(total, turned));
        }
    }
}
