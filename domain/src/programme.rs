//! Programmes, and the rules of the instruments under which their projects live.

pub mod context;
pub mod rule_set;

use chrono::NaiveDate;

use crate::refusal::{Refusal, codes};
use crate::word::Word;
use crate::words;

codes! {
    PROGRAMME_DUPLICATE: Conflict,
        "Programme déjà enregistré" / "Programme already recorded",
        "Un programme porte déjà le code {code}." / "A programme already bears the code {code}.";
    PROGRAMME_TERM_INVALID: Rule,
        "Durée invalide" / "Invalid term",
        "Un programme commence le {from} et ne finit pas le {to} ; ses phases sont comprises dans cette durée, l'une après l'autre." /
        "A programme begins on {from} and does not end on {to}; its phases lie within its term, one after the other.";
    PROGRAMME_LEVELS_INVALID: Rule,
        "Niveaux invalides" / "Invalid levels",
        "Un programme vise au moins un niveau, chacun nommé une fois." / "A programme has at least one level, each named once.";
    REQUESTER_KIND_NOT_ALLOWED: Rule,
        "Demandeur non admis" / "Requester not allowed",
        "L'instrument admet : {allowed}. Demandeur : {kind}." / "The instrument allows: {allowed}. Requester: {kind}.";
    RULE_SET_MISSING: Rule,
        "Pas de règles en vigueur" / "No rules in force",
        "Aucune version des règles de l'instrument {instrument} n'est en vigueur au {date}." /
        "No version of the rules of the instrument {instrument} is in force on {date}.";
}

words! {
    /// An instrument: under which rules a project is decided, paid and closed.
    pub enum Instrument {
        /// Quick impact project (projet à impact rapide).
        QuickImpact = "quick_impact",
        /// Project of a trust fund (fonds fiduciaire).
        TrustFund = "trust_fund",
        /// Peacebuilding Fund, immediate response facility.
        PeacebuildingImmediate = "peacebuilding_immediate",
        /// Peacebuilding Fund, recovery facility under a priority plan.
        PeacebuildingPriority = "peacebuilding_priority",
        /// Peacebuilding Fund, gender and youth promotion initiative.
        GenderYouthPromotion = "gender_youth_promotion",
        /// Community pilot (projet pilote communautaire).
        CommunityPilot = "community_pilot",
        /// Project of a bilateral programme.
        Bilateral = "bilateral",
    }
}

impl Instrument {
    /// The term by which funds and earmarks name it.
    pub fn fund_term(self) -> &'static str {
        match self {
            Self::PeacebuildingImmediate | Self::PeacebuildingPriority | Self::GenderYouthPromotion => "peacebuilding",
            other => other.as_str(),
        }
    }
}

words! {
    /// How a community meeting ranked its needs.
    pub enum RankingMethod {
        /// Each puts dots beside needs.
        DotVote = "dot_vote",
        /// Needs are compared two by two.
        Pairwise = "pairwise",
        /// The meeting agrees.
        Consensus = "consensus",
        /// Each gives marks.
        Score = "score",
    }
}

words! {
    /// Whom a programme works with.
    pub enum BeneficiaryLevel {
        /// Ministries.
        Ministry = "ministry",
        /// Regions.
        Region = "region",
        /// Cercles.
        Cercle = "cercle",
        /// Communes.
        Commune = "commune",
    }
}

/// Refuses a programme that ends before it begins, and phases that lie outside of it or over each other.
pub fn accept_term(from: NaiveDate, to: NaiveDate, phases: &[(NaiveDate, NaiveDate)]) -> Result<(), Refusal> {
    let mut last = None;
    let ordered = phases.iter().all(|(first, end)| {
        let follows = last.is_none_or(|last| *first > last) && first <= end && *first >= from && *end <= to;
        last = Some(*end);
        follows
    });
    if from <= to && ordered {
        return Ok(());
    }
    Err(PROGRAMME_TERM_INVALID.refuse().with("from", from).with("to", to))
}

/// Refuses no level, and a level that is named twice.
pub fn accept_levels(levels: &[BeneficiaryLevel]) -> Result<(), Refusal> {
    let distinct: std::collections::BTreeSet<_> = levels.iter().collect();
    if levels.is_empty() || distinct.len() != levels.len() {
        return Err(PROGRAMME_LEVELS_INVALID.refuse().at("/levels"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn phases_follow_one_another_within_the_term() {
        let (from, to) = (day("2022-01-01"), day("2024-12-31"));
        let phase = |from: &str, to: &str| (day(from), day(to));
        for phases in
            [vec![], vec![phase("2022-01-01", "2024-12-31")], vec![phase("2022-01-01", "2022-12-31"), phase("2023-01-01", "2023-01-01")]]
        {
            assert_eq!(accept_term(from, to, &phases), Ok(()), "{phases:?}");
        }
        for phases in [
            vec![phase("2021-12-31", "2022-12-31")],
            vec![phase("2022-01-01", "2025-01-01")],
            vec![phase("2022-05-01", "2022-04-30")],
            vec![phase("2022-01-01", "2022-12-31"), phase("2022-12-31", "2023-12-31")],
            vec![phase("2023-01-01", "2023-12-31"), phase("2022-01-01", "2022-12-31")],
        ] {
            assert_eq!(accept_term(from, to, &phases).map_err(|refusal| refusal.code.name), Err("PROGRAMME_TERM_INVALID"), "{phases:?}");
        }
        assert!(accept_term(to, from, &[]).is_err());
    }

    #[test]
    fn a_programme_has_levels_each_once() {
        assert_eq!(accept_levels(BeneficiaryLevel::ALL), Ok(()));
        assert!(accept_levels(&[]).is_err());
        assert!(accept_levels(&[BeneficiaryLevel::Region, BeneficiaryLevel::Region]).is_err());
    }
}
