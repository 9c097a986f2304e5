//! Who does what for a project, and which duties on one project are never one person's (séparation des tâches).

use crate::refusal::Refusal;
use crate::word::Word;
use crate::words;

use super::SOD_VIOLATION;

words! {
    /// What someone does for a project.
    pub enum Duty {
        /// Drafts and submits it.
        Proponent = "proponent",
        /// Advises on it for whoever sponsors it, and says that it is complete.
        FocalPoint = "focal_point",
        /// Screens it and keeps its file.
        ProgrammeOfficer = "programme_officer",
        /// Appraises it.
        TechnicalReviewer = "technical_reviewer",
        /// Checks what it does to the conflict.
        ConflictAdviser = "conflict_adviser",
        /// Votes on it.
        CommitteeMember = "committee_member",
        /// Signs its agreement.
        Signatory = "signatory",
        /// Verifies the bank account of who carries it out.
        AccountVerifier = "account_verifier",
        /// Carries it out.
        ProgrammeManager = "programme_manager",
        /// Certifies its requests for money and its reports.
        FinanceCertifier = "finance_certifier",
        /// Approves its payments.
        FinanceApprover = "finance_approver",
        /// Visits it and verifies its milestones.
        Monitor = "monitor",
    }
}

impl Duty {
    /// Whether nobody has both on one project.
    pub fn incompatible_with(self, other: Duty) -> bool {
        use Duty as D;
        let apart = |one: Duty, other: Duty| {
            matches!(
                (one, other),
                (
                    D::Proponent,
                    D::TechnicalReviewer | D::ConflictAdviser | D::CommitteeMember | D::FinanceCertifier | D::FinanceApprover | D::Monitor
                ) | (D::CommitteeMember, D::FocalPoint | D::TechnicalReviewer | D::ConflictAdviser)
                    | (D::FinanceApprover, D::ProgrammeOfficer | D::FinanceCertifier | D::AccountVerifier)
                    | (D::Signatory, D::AccountVerifier)
            )
        };
        apart(self, other) || apart(other, self)
    }
}

/// Refuses a duty to who has one on the same project that is kept apart from it.
pub fn take(duty: Duty, held: &[Duty]) -> Result<(), Refusal> {
    match held.iter().find(|other| duty.incompatible_with(**other)) {
        Some(other) => Err(SOD_VIOLATION.refuse().with("duty", duty).with("held", *other)),
        None => Ok(()),
    }
}

/// Every ordered pair of duties that are kept apart, for the database to hold.
pub fn kept_apart() -> impl Iterator<Item = (Duty, Duty)> {
    Duty::ALL.iter().flat_map(|one| Duty::ALL.iter().map(move |other| (*one, *other))).filter(|(one, other)| one.incompatible_with(*other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_apart_is_so_both_ways() {
        assert!(Duty::ALL.iter().all(|one| Duty::ALL.iter().all(|other| one.incompatible_with(*other) == other.incompatible_with(*one))));
        assert!(Duty::ALL.iter().all(|one| !one.incompatible_with(*one)), "nobody stands against themselves");
        assert_eq!(kept_apart().count(), 2 * 13);
    }

    #[test]
    fn who_certifies_does_not_approve() {
        let refused = |duty, held: &[Duty]| take(duty, held).map_err(|refusal| refusal.code.name);
        assert_eq!(refused(Duty::FinanceApprover, &[Duty::Monitor, Duty::FinanceCertifier]), Err("SOD_VIOLATION"));
        assert_eq!(refused(Duty::CommitteeMember, &[Duty::Proponent]), Err("SOD_VIOLATION"));
        assert_eq!(refused(Duty::TechnicalReviewer, &[Duty::ConflictAdviser, Duty::ProgrammeOfficer]), Ok(()));
        assert_eq!(refused(Duty::ProgrammeOfficer, &[Duty::Proponent]), Ok(()));
    }
}
