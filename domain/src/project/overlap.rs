//! Similar projects: what is found of them, and what such a finding does.

use crate::money::Amount;
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    PROJECT_NOT_SIMILAR: Rule,
        "Projets sans ressemblance" / "Projects that are not similar",
        "L'autre projet ne partage pas lieu, secteur et durée avec celui-ci, ni n'en paraît une part." /
        "The other project does not share place, sector and time with this one, nor does it look like a part of it.";
    OVERLAP_REVIEWED: Conflict,
        "Ressemblance déjà examinée" / "Similarity reviewed already",
        "Le constat est {disposition}. Seul un constat qui arrête le projet se lève, par un constat qui le laisse passer." /
        "The finding is {disposition}. Only one that stops the project is taken back, by one that lets it go on.";
    POSSIBLE_SPLITTING: Conflict,
        "Fractionnement possible" / "Possible splitting",
        "Parts possibles d'un même projet, ensemble au-dessus du plafond : {references}. À examiner, ou à lever par un constat motivé." /
        "Possibly parts of one project, together above the ceiling: {references}. To be reviewed, or taken back by a finding with its reason.";
    DUPLICATE_UNRESOLVED: Conflict,
        "Projets semblables non examinés" / "Similar projects not reviewed",
        "À examiner : {references}." / "To be reviewed: {references}.";
}

words! {
    /// What was found of a similar project.
    pub enum OverlapDisposition {
        /// The same is done twice.
        Duplicate = "duplicate",
        /// One completes the other.
        Complementary = "complementary",
        /// Both are done together.
        Joint = "joint",
        /// They are not alike.
        FalseMatch = "false_match",
        /// One project was split to stay under the ceiling.
        Splitting = "splitting",
        /// It was looked at as one project that was split, and may go on as it is.
        SplittingAccepted = "splitting_accepted",
    }
}

impl OverlapDisposition {
    /// Whether the project may go on beside the other.
    pub fn clears(self) -> bool {
        !matches!(self, Self::Duplicate | Self::Splitting)
    }

    /// Refuses a finding in the place of another, unless that one stops the project and this one does not.
    pub fn replace(self, before: Option<Self>) -> Result<(), Refusal> {
        match before {
            Some(before) if before.clears() || !self.clears() => {
                Err(OVERLAP_REVIEWED.refuse().with("disposition", before).at("/project_id"))
            }
            _ => Ok(()),
        }
    }
}

/// Whether projects ask together for more than a ceiling, each as its worth in the currency of the ceiling. What nobody can convert may be
/// worth anything: it is looked at.
pub fn exceed_together(max: Amount, worths: &[Option<Amount>]) -> bool {
    let sum: i128 = worths.iter().flatten().map(|worth| i128::from(worth.minor())).sum();
    worths.contains(&None) || sum > i128::from(max.minor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word as _;

    #[test]
    fn what_was_split_is_above_the_ceiling_together() {
        let amount = |minor: i64| Amount::from_minor(minor);
        let ceiling = amount(50_000).unwrap_or_default();
        assert!(!exceed_together(ceiling, &[amount(25_000), amount(25_000)]));
        assert!(exceed_together(ceiling, &[amount(25_000), amount(25_001)]));
        assert!(exceed_together(ceiling, &[amount(20_000), amount(20_000), amount(20_000)]), "no two of them are");
        assert!(exceed_together(ceiling, &[amount(1), None]));
        let most = amount(i64::MAX);
        assert!(exceed_together(ceiling, &[most, most]));
    }

    #[test]
    fn a_finding_that_stops_a_project_is_taken_back_by_one_that_does_not() {
        use OverlapDisposition as D;
        let code = |after: D, before| after.replace(before).map_err(|refusal| refusal.code.name);
        for after in OverlapDisposition::ALL {
            assert_eq!(code(*after, None), Ok(()));
            for before in OverlapDisposition::ALL {
                let holds = matches!(before, D::Duplicate | D::Splitting) && !matches!(after, D::Duplicate | D::Splitting);
                assert_eq!(code(*after, Some(*before)).is_ok(), holds, "{before} {after}");
            }
        }
    }
}
