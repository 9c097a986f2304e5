//! What everyone may read of a project: a summary as it was on a day, once nothing in it needs explaining.

use super::{ProjectState, StateClass};
use crate::refusal::{Refusal, codes};
use crate::sensitivity::Sensitivity;
use crate::words;

codes! {
    LEGEND_MISSING: Rule,
        "Légende manquante" / "Legend missing",
        "Signes sans légende : {flags}. Rien n'est publié dont un signe reste inexpliqué." /
        "Flags without a legend: {flags}. Nothing is published with an unexplained flag.";
    FLAG_DUPLICATE: Rule,
        "Signe répété" / "Flag repeated",
        "Le signe {code} est déjà donné." / "The flag {code} is given already.";
    SENSITIVITY_DENIED: Forbidden,
        "Projet trop sensible" / "Project too sensitive",
        "La sensibilité du projet est {sensitivity} ; seul ce que les partenaires peuvent lire est publié." /
        "The sensitivity of the project is {sensitivity}; only what partners may read is published.";
    PROJECT_UNAPPROVED: Conflict,
        "Projet jamais approuvé" / "Project never approved",
        "État : {state}. Seul un projet approuvé est publié." / "State: {state}. Only an approved project is published.";
    PROJECT_UNPUBLISHED: Conflict,
        "Projet non publié" / "Project not published",
        "Rien n'est publié de ce projet." / "Nothing is published of this project.";
}

words! {
    /// What became of a publication.
    pub enum PublicationState {
        /// What everyone reads.
        Published = "published",
        /// Another one took its place.
        Superseded = "superseded",
        /// Nobody outside reads it any more.
        Withdrawn = "withdrawn",
    }
}

/// What a publication looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publishable {
    pub state: ProjectState,
    pub sensitivity: Sensitivity,
    /// Codes of flags that nobody explained.
    pub unexplained: Vec<String>,
}

impl Publishable {
    /// As what the project is counted, or why nothing may be published of it.
    pub fn accept(&self) -> Result<StateClass, Refusal> {
        if self.sensitivity > Sensitivity::Partner {
            return Err(SENSITIVITY_DENIED.refuse().with("sensitivity", self.sensitivity));
        }
        if !self.unexplained.is_empty() {
            return Err(LEGEND_MISSING.refuse().with("flags", self.unexplained.clone()));
        }
        self.state.class().ok_or_else(|| PROJECT_UNAPPROVED.refuse().with("state", self.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::Word;

    fn asked(state: ProjectState, sensitivity: Sensitivity, unexplained: &[&str]) -> Result<StateClass, &'static str> {
        let unexplained = unexplained.iter().map(|code| (*code).to_owned()).collect();
        Publishable { state, sensitivity, unexplained }.accept().map_err(|refusal| refusal.code.name)
    }

    #[test]
    fn only_what_was_approved_is_published_where_partners_may_read_it_and_every_flag_is_explained() {
        for state in ProjectState::ALL {
            let expected = state.class().ok_or("PROJECT_UNAPPROVED");
            assert_eq!(asked(*state, Sensitivity::Partner, &[]), expected);
            assert_eq!(asked(*state, Sensitivity::Public, &[]), expected);
            assert_eq!(asked(*state, Sensitivity::Partner, &["*"]), Err("LEGEND_MISSING"));
            assert_eq!(asked(*state, Sensitivity::Internal, &["*"]), Err("SENSITIVITY_DENIED"));
        }
    }
}
