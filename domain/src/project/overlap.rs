//! Similar projects: what is found of them, and what such a finding does.

use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    PROJECT_NOT_SIMILAR: Rule,
        "Projets sans ressemblance" / "Projects that are not similar",
        "L'autre projet ne partage pas lieu, secteur et durée avec celui-ci." /
        "The other project does not share place, sector and time with this one.";
    OVERLAP_REVIEWED: Conflict,
        "Ressemblance déjà examinée" / "Similarity reviewed already",
        "Le constat est {disposition}. Seul un constat qui arrête le projet se lève, par un constat qui le laisse passer." /
        "The finding is {disposition}. Only one that stops the project is taken back, by one that lets it go on.";
    POSSIBLE_SPLITTING: Conflict,
        "Fractionnement possible" / "Possible splitting",
        "Constatés comme parts d'un même projet, pour rester sous le plafond : {references}. À lever par un constat motivé." /
        "Found to be parts of one project, to stay under the ceiling: {references}. To be taken back by a finding with its reason.";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word as _;

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
