//! Evidence on a project: whoever records it does not judge it, and what is judged stays so.

use crate::refusal::{Refusal, codes};
use crate::word::Word;
use crate::words;

codes! {
    PROJECT_RECORD_UNKNOWN: Rule,
        "Numéro inconnu" / "Number unknown",
        "Le projet n'a rien de ce genre sous le numéro {number}." / "The project has nothing of this kind under the number {number}.";
    EVIDENCE_JUDGED: Conflict,
        "Déjà jugé" / "Judged already",
        "État : {state} ; cela ne se juge plus." / "State: {state}; it is not judged any more.";
    EVIDENCE_SELF_JUDGED: Forbidden,
        "Jugement de sa propre preuve" / "Judgement of one's own evidence",
        "Qui a enregistré une preuve n'en juge pas." / "Whoever recorded evidence does not judge it.";
}

words! {
    /// The state of a study.
    pub enum StudyState {
        /// Recorded, not judged.
        Submitted = "submitted",
        /// Accepted by another person.
        Accepted = "accepted",
        /// Rejected by another person.
        Rejected = "rejected",
    }
}

words! {
    /// What is made of a study.
    pub enum StudyVerdict {
        /// It is accepted.
        Accepted = "accepted",
        /// It is rejected.
        Rejected = "rejected",
    }
}

impl StudyVerdict {
    /// The state that it leads to.
    pub fn state(self) -> StudyState {
        match self {
            Self::Accepted => StudyState::Accepted,
            Self::Rejected => StudyState::Rejected,
        }
    }
}

/// Refuses to judge what is judged already, and what one recorded oneself.
pub fn judge<P: PartialEq>(state: impl Word, open: bool, recorded_by: &[P], by: &P) -> Result<(), Refusal> {
    if !open {
        return Err(EVIDENCE_JUDGED.refuse().with("state", state.as_str()));
    }
    if recorded_by.contains(by) {
        return Err(EVIDENCE_SELF_JUDGED.refuse());
    }
    Ok(())
}

/// Something of a project by its number.
pub fn numbered<T>(rows: Vec<T>, number: u32, of: impl Fn(&T) -> i32, pointer: &str) -> Result<T, Refusal> {
    let found = rows.into_iter().find(|row| u32::try_from(of(row)) == Ok(number));
    found.ok_or_else(|| PROJECT_RECORD_UNKNOWN.refuse().with("number", number).at(pointer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_person_judges_once() {
        let code =
            |state: StudyState, by: &str| judge(state, state == StudyState::Submitted, &["a"], &by).map_err(|refusal| refusal.code.name);
        assert_eq!(code(StudyState::Submitted, "b"), Ok(()));
        assert_eq!(code(StudyState::Submitted, "a"), Err("EVIDENCE_SELF_JUDGED"));
        assert_eq!(code(StudyState::Accepted, "b"), Err("EVIDENCE_JUDGED"));
        assert_eq!(StudyVerdict::ALL.iter().map(|verdict| verdict.state().as_str()).collect::<Vec<_>>(), ["accepted", "rejected"]);
        assert_eq!(numbered(vec![1, 2], 2, |row| *row, "/study"), Ok(2));
        assert_eq!(numbered(vec![1, 2], 3, |row| *row, "/study").map_err(|refusal| refusal.code.name), Err("PROJECT_RECORD_UNKNOWN"));
    }
}
