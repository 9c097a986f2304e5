//! Participation: consultations of villages and quarters, and the public debate that precedes the vote of a budget.
//!
//! Kept as records with the hash of their minutes, so that a later change of the minutes shows.

use chrono::NaiveDate;

use crate::refusal::{Refusal, codes};

codes! {
    ATTENDANCE_INVALID: Rule,
        "Participation invalide" / "Invalid attendance",
        "Le nombre de femmes et d'hommes doit être positif, et au moins une personne présente." /
        "The number of women and men must be positive, with at least one person present.";
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

/// Refuses a meeting that nobody attended.
pub fn accept_attendance(women: i32, men: i32) -> Result<(), Refusal> {
    if women < 0 || men < 0 || women + men == 0 {
        return Err(ATTENDANCE_INVALID.refuse().at("/women").at("/men"));
    }
    Ok(())
}
