//! Participation: consultations of villages and quarters, and the public debate that precedes the vote of a budget.
//!
//! Kept as records with the hash of their minutes, so that a later change of the minutes shows.

use chrono::NaiveDate;

use crate::refusal::{Refusal, codes};

codes! {
    ATTENDANCE_INVALID: Rule,
        "Participation invalide" / "Invalid attendance",
        "Le nombre de femmes et d'hommes doit être positif, d'un million au plus, et au moins une personne présente." /
        "The number of women and men must be positive, a million at most, with at least one person present.";
}

/// What a budget needs to know of the consultations held for its year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consultation {
    pub place: String,
    pub held_on: NaiveDate,
}

/// What a budget needs to know of a public debate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicDebate {
    pub held_on: NaiveDate,
}

/// The most women, or men, that a meeting can have.
pub const ATTENDANCE_MAX: i32 = 1_000_000;

/// Refuses a meeting that nobody attended, or more people than there can be.
pub fn accept_attendance(women: i32, men: i32) -> Result<(), Refusal> {
    let possible = |count| (0..=ATTENDANCE_MAX).contains(&count);
    if !possible(women) || !possible(men) || women.max(men) == 0 {
        return Err(ATTENDANCE_INVALID.refuse().at("/women").at("/men"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meeting_has_some_people_and_not_too_many() {
        for (women, men) in [(0, 1), (1, 0), (ATTENDANCE_MAX, ATTENDANCE_MAX)] {
            assert_eq!(accept_attendance(women, men), Ok(()));
        }
        for (women, men) in [(0, 0), (-1, 2), (2, -1), (ATTENDANCE_MAX + 1, 0), (i32::MAX, 1), (1, i32::MAX), (i32::MIN, i32::MIN)] {
            assert_eq!(accept_attendance(women, men).map_err(|refusal| refusal.code.name), Err("ATTENDANCE_INVALID"), "{women} {men}");
        }
    }
}
