//! Who may do what: one declaration per operation. The guard, the documentation and the access tests all read this table.

use domain::identity::Role;
use domain::identity::Role::{
    Accountant, Administrator, Auditor, AuthorisingOfficer, Certifier, CouncilRegistrar, FinanceOfficer, StateRepresentative,
};

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone; a token widens what is seen to the caller's clearance.
    Open,
    /// Anyone with a valid token.
    SignedIn,
    /// Whoever holds any role in the organisation of the path.
    Members,
    /// Whoever holds one of these roles in the organisation of the path.
    Roles(&'static [Role]),
    /// Administrators of the platform.
    Platform,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads.
    Read,
    /// Hands out or spends a secret, which is never kept for repetitions.
    Secret,
    /// Creates; the header Idempotency-Key is required.
    Create,
    /// Acts on a version; the headers Idempotency-Key and If-Match are required.
    Act,
}

/// An operation of the API.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub id: &'static str,
    pub access: Access,
    pub effect: Effect,
}

const fn read(id: &'static str, access: Access) -> Operation {
    Operation { id, access, effect: Effect::Read }
}

const fn create(id: &'static str, access: Access) -> Operation {
    Operation { id, access, effect: Effect::Create }
}

const fn act(id: &'static str, access: Access) -> Operation {
    Operation { id, access, effect: Effect::Act }
}

const fn secret(id: &'static str, access: Access) -> Operation {
    Operation { id, access, effect: Effect::Secret }
}

use Access::{Members, Open, Platform, Roles, SignedIn};

/// Those who prepare a budget.
const BUDGET_MAKERS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer]);

/// Those who read the accounts: the organisation's own people and the officials who keep or control them.
const BOOK_READERS: Access =
    Roles(&[AuthorisingOfficer, FinanceOfficer, Certifier, CouncilRegistrar, Accountant, StateRepresentative, Auditor]);

/// Every operation, in the order of the rooms.
pub const OPERATIONS: &[Operation] = &[
    // meta
    read("read_meta", Open),
    read("read_liveness", Open),
    read("read_readiness", Open),
    read("list_problems", Open),
    read("read_problem", Open),
    // audit
    read("list_events", SignedIn),
    // territory
    read("list_territorial_units", Open),
    read("read_territorial_unit", Open),
    read("list_territorial_boundaries", Open),
    // organisation
    read("list_organisations", Open),
    read("read_organisation", Open),
    create("create_organisation", Platform),
    read("list_suppliers", Members),
    read("read_supplier", Members),
    create("register_supplier", Roles(&[FinanceOfficer, AuthorisingOfficer, Accountant])),
    act("change_supplier", Roles(&[FinanceOfficer, AuthorisingOfficer])),
    // identity
    secret("activate_principal", Open),
    secret("sign_in", Open),
    secret("issue_token", Open),
    read("read_keys", Open),
    read("read_self", SignedIn),
    create("create_principal", Platform),
    secret("issue_activation_code", Platform),
    read("list_role_assignments", Members),
    create("assign_role", Roles(&[Administrator])),
    act("end_role_assignment", Roles(&[Administrator])),
    // parameter
    read("list_parameters", Open),
    // participation
    read("list_consultations", Open),
    create("record_consultation", Roles(&[CouncilRegistrar, AuthorisingOfficer, FinanceOfficer])),
    read("list_public_debates", Open),
    create("record_public_debate", Roles(&[CouncilRegistrar, AuthorisingOfficer, FinanceOfficer])),
    // budget
    read("list_nomenclatures", Open),
    read("read_nomenclature", Open),
    read("list_fiscal_years", Open),
    read("read_fiscal_year", Open),
    create("prepare_fiscal_year", Roles(&[Accountant, FinanceOfficer, AuthorisingOfficer])),
    read("list_budgets", Open),
    read("read_budget", Open),
    create("create_budget", BUDGET_MAKERS),
    read("list_budget_lines", Open),
    act("replace_budget_lines", BUDGET_MAKERS),
    read("list_budget_transitions", Members),
    act("open_budget_consultation", Roles(&[AuthorisingOfficer])),
    act("table_budget", Roles(&[AuthorisingOfficer])),
    act("vote_budget", Roles(&[CouncilRegistrar])),
    act("rework_budget", Roles(&[AuthorisingOfficer])),
    act("transmit_budget", Roles(&[AuthorisingOfficer])),
    act("approve_budget", Roles(&[StateRepresentative])),
    act("return_budget", Roles(&[StateRepresentative])),
    act("settle_budget", Roles(&[StateRepresentative])),
    read("read_budget_execution", Members),
    // ledger
    read("list_charts", Open),
    read("read_chart", Open),
    act("record_opening_balances", Roles(&[Accountant])),
    read("read_trial_balance", BOOK_READERS),
    read("list_entries", BOOK_READERS),
    read("read_entry", BOOK_READERS),
    read("list_account_postings", BOOK_READERS),
    read("list_carried_debts", Members),
    read("read_carried_debt", Members),
    // expenditure
    read("list_commitments", Members),
    read("read_commitment", Members),
    create("commit_expenditure", Roles(&[AuthorisingOfficer])),
    read("list_verifications", Members),
    read("read_verification", Members),
    act("verify_commitment", Roles(&[FinanceOfficer, AuthorisingOfficer])),
    act("certify_verification", Roles(&[Certifier])),
    read("list_payment_orders", Members),
    read("read_payment_order", Members),
    read("read_payment_order_document", Members),
    read("list_payment_order_transitions", Members),
    act("draft_payment_order", Roles(&[FinanceOfficer, AuthorisingOfficer])),
    act("sign_payment_order", Roles(&[AuthorisingOfficer])),
    create("transmit_payment_orders", Roles(&[AuthorisingOfficer])),
    read("read_payment_order_batch", Members),
    act("accept_payment_order", Roles(&[Accountant])),
    act("reject_payment_order", Roles(&[Accountant])),
    act("pay_payment_order", Roles(&[Accountant])),
    act("pay_carried_debt", Roles(&[Accountant])),
    read("list_payments", Members),
    read("read_payment", Members),
    read("list_regularisations", Members),
    read("read_regularisation", Members),
];

/// The declaration of an operation.
pub fn operation(id: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.id == id)
}

/// The roles that an operation asks for in the organisation of its path; empty when it does not ask for one.
pub fn roles_of(id: &str) -> &'static [Role] {
    match operation(id).map(|operation| operation.access) {
        Some(Roles(roles)) => roles,
        _ => &[],
    }
}
