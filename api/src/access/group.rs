//! Groups of roles that several operations let in.

use domain::identity::Role::{
    Accountant, Administrator, Auditor, AuthorisingDelegate, AuthorisingOfficer, Certifier, CouncilRegistrar, FinanceOfficer,
    StateRepresentative,
};

use super::Access::{self, Roles};

/// Those who prepare a budget.
pub(super) const BUDGET_MAKERS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer]);

/// Those who read the accounts: the organisation's own people and the officials who keep or control them.
pub(super) const BOOK_READERS: Access = Roles(&[
    AuthorisingOfficer,
    AuthorisingDelegate,
    FinanceOfficer,
    Certifier,
    CouncilRegistrar,
    Accountant,
    StateRepresentative,
    Auditor,
]);

/// Those who prepare what a fund decides.
pub(super) const FUND_MANAGERS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer]);

/// Those who keep or control registers of people: of kin, and of who read what.
pub(super) const CONTROLLERS: Access = Roles(&[Administrator, Auditor]);

/// Those who may be the second person of something, of which they are told.
pub(super) const SECONDS: Access = Roles(&[Administrator]);

/// Those who ask for projects, and those who keep their files.
pub(super) const PROPONENTS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer, AuthorisingDelegate]);
pub(super) const PROGRAMME_OFFICERS: Access = Roles(&[FinanceOfficer, AuthorisingDelegate]);

/// Those who appraise projects.
pub(super) const REVIEWERS: Access = Roles(&[Certifier, FinanceOfficer]);

/// Those who bring evidence on projects, and those who visit them and verify it.
pub(super) const EVIDENCE_KEEPERS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer, AuthorisingDelegate, Certifier, CouncilRegistrar]);
pub(super) const MONITORS: Access = Roles(&[Certifier, CouncilRegistrar, StateRepresentative, AuthorisingDelegate]);

/// Those who may sit on a committee.
pub(super) const COMMITTEE: Access =
    Roles(&[AuthorisingOfficer, AuthorisingDelegate, FinanceOfficer, Certifier, CouncilRegistrar, Accountant, StateRepresentative]);
