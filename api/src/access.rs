//! Who may do what: one declaration per operation. The guard, the documentation and the access tests all read this table.

use domain::identity::Role;
use domain::identity::Role::{
    Accountant, Administrator, Auditor, AuthorisingDelegate, AuthorisingOfficer, CashOfficer, Certifier, CouncilRegistrar, FinanceOfficer,
    StateRepresentative,
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
    /// Hands out, spends or withdraws a secret, which is never kept for repetitions.
    Secret,
    /// Creates; the header Idempotency-Key is required.
    Create,
    /// Acts on a version; the headers Idempotency-Key and If-Match are required.
    Act,
}

/// Whether what an operation tells is recorded, by whom and why, before it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    Never,
    /// Where the caller is cleared for restricted rows, which are some of those that it tells.
    Restricted,
    Always,
    /// Always, and the caller has to say why: the header Access-Reason is required.
    WithReason,
}

/// An operation of the API.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub id: &'static str,
    pub access: Access,
    pub effect: Effect,
    /// Whether the answer is reference data, the same for everyone.
    pub published: bool,
    /// Whether what it tells is recorded.
    pub recorded: Recorded,
    /// Whether it wants a recent proof of who calls: it changes who may act, or what proves it.
    pub step_up: bool,
}

impl Operation {
    /// The same, and what it tells is recorded.
    const fn recorded(self, recorded: Recorded) -> Self {
        Self { recorded, ..self }
    }

    /// The same, and it wants a recent proof of who calls.
    const fn stepped_up(self) -> Self {
        Self { step_up: true, ..self }
    }
}

const fn declare(id: &'static str, access: Access, effect: Effect) -> Operation {
    Operation { id, access, effect, published: false, recorded: Recorded::Never, step_up: false }
}

const fn read(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Read)
}

const fn create(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Create)
}

const fn act(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Act)
}

const fn secret(id: &'static str, access: Access) -> Operation {
    declare(id, access, Effect::Secret)
}

const fn publish(id: &'static str) -> Operation {
    Operation { published: true, ..declare(id, Access::Open, Effect::Read) }
}

use Access::{Members, Open, Platform, Roles, SignedIn};

/// Those who prepare a budget.
const BUDGET_MAKERS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer]);

/// Those who read the accounts: the organisation's own people and the officials who keep or control them.
const BOOK_READERS: Access = Roles(&[
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
const FUND_MANAGERS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer]);

/// Those who keep or control registers of people: of kin, and of who read what.
const CONTROLLERS: Access = Roles(&[Administrator, Auditor]);
/// Those who ask for projects, and those who keep their files.
const PROPONENTS: Access = Roles(&[FinanceOfficer, AuthorisingOfficer, AuthorisingDelegate]);
const PROGRAMME_OFFICERS: Access = Roles(&[FinanceOfficer, AuthorisingDelegate]);

/// Those who appraise projects.
const REVIEWERS: Access = Roles(&[Certifier, FinanceOfficer]);

/// Those who may sit on a committee.
const COMMITTEE: Access =
    Roles(&[AuthorisingOfficer, AuthorisingDelegate, FinanceOfficer, Certifier, CouncilRegistrar, Accountant, StateRepresentative]);

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
    read("list_access_records", CONTROLLERS).recorded(Recorded::Always),
    // territory
    read("list_territorial_units", Open),
    read("read_territorial_unit", Open),
    read("list_territorial_boundaries", Open),
    // organisation
    read("list_organisations", Open),
    read("read_organisation", Open),
    create("create_organisation", Platform),
    act("alias_organisation", Roles(&[Administrator])),
    read("list_suppliers", Members),
    read("read_supplier", Members),
    create("register_supplier", Roles(&[FinanceOfficer, AuthorisingOfficer, Accountant])),
    act("change_supplier", Roles(&[FinanceOfficer, AuthorisingOfficer])),
    // identity
    secret("activate_principal", Open),
    secret("sign_in", Open),
    secret("renew_session", Open),
    secret("issue_token", Open),
    read("read_keys", Open),
    read("read_self", SignedIn),
    secret("sign_out", SignedIn),
    read("list_sessions", SignedIn),
    secret("end_session", SignedIn),
    secret("change_password", SignedIn),
    secret("reauthenticate", SignedIn),
    secret("enrol_authenticator", SignedIn).stepped_up(),
    secret("confirm_authenticator", SignedIn),
    secret("remove_authenticator", SignedIn).stepped_up(),
    read("list_principals", Platform).recorded(Recorded::Always),
    read("read_principal", Platform).recorded(Recorded::Always),
    create("create_principal", Platform),
    secret("issue_activation_code", Platform).stepped_up(),
    act("disable_principal", Platform).stepped_up(),
    act("enable_principal", Platform).stepped_up(),
    secret("reset_password", Platform).stepped_up(),
    read("list_client_keys", Platform).recorded(Recorded::Always),
    read("read_client_key", Platform).recorded(Recorded::Always),
    create("register_client_key", Platform).stepped_up(),
    act("end_client_key", Platform).stepped_up(),
    read("list_external_identities", Platform).recorded(Recorded::WithReason),
    read("read_external_identity", Platform).recorded(Recorded::WithReason),
    create("link_external_identity", Platform).stepped_up(),
    act("end_external_identity", Platform).stepped_up(),
    secret("invite_person", Roles(&[Administrator])).stepped_up(),
    read("list_role_assignments", Members),
    create("assign_role", Roles(&[Administrator])).stepped_up(),
    act("end_role_assignment", Roles(&[Administrator])).stepped_up(),
    read("list_delegations", Members),
    read("read_delegation", Members),
    create("record_delegation", Roles(&[AuthorisingOfficer])).stepped_up(),
    act("end_delegation", Roles(&[AuthorisingOfficer])),
    read("list_kinships", CONTROLLERS).recorded(Recorded::WithReason),
    read("read_kinship", CONTROLLERS).recorded(Recorded::WithReason),
    create("declare_kinship", Roles(&[Administrator])),
    act("end_kinship", Roles(&[Administrator])),
    // parameter
    publish("list_parameters"),
    // participation
    read("list_consultations", Open),
    create("record_consultation", Roles(&[CouncilRegistrar, AuthorisingOfficer, FinanceOfficer])),
    read("list_public_debates", Open),
    create("record_public_debate", Roles(&[CouncilRegistrar, AuthorisingOfficer, FinanceOfficer])),
    // budget
    publish("list_nomenclatures"),
    publish("read_nomenclature"),
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
    publish("list_charts"),
    publish("read_chart"),
    act("record_opening_balances", Roles(&[Accountant])),
    read("read_trial_balance", BOOK_READERS),
    read("read_cash_position", BOOK_READERS),
    create("record_entry", Roles(&[Accountant])),
    create("import_entries", Roles(&[Accountant])),
    read("list_entry_imports", BOOK_READERS),
    read("read_entry_import", BOOK_READERS),
    create("reverse_entry", Roles(&[Accountant])),
    read("list_entries", BOOK_READERS),
    read("read_entry", BOOK_READERS),
    read("list_account_postings", BOOK_READERS),
    read("list_carried_debts", Members),
    read("read_carried_debt", Members),
    // expenditure
    read("list_commitments", Members),
    read("read_commitment", Members),
    publish("list_expenditure_kinds"),
    create("commit_expenditure", Roles(&[AuthorisingOfficer, AuthorisingDelegate])),
    act("increase_commitment", Roles(&[AuthorisingOfficer, AuthorisingDelegate])),
    act("release_commitment", Roles(&[AuthorisingOfficer])),
    act("cancel_commitment", Roles(&[AuthorisingOfficer])),
    read("list_supporting_documents", Members),
    read("list_verifications", Members),
    read("read_verification", Members),
    act("verify_commitment", Roles(&[FinanceOfficer, AuthorisingOfficer])),
    act("certify_verification", Roles(&[Certifier])),
    act("cancel_verification", Roles(&[AuthorisingOfficer])),
    read("list_payment_orders", Members),
    read("read_payment_order", Members),
    read("read_payment_order_document", Members),
    read("list_payment_order_transitions", Members),
    act("draft_payment_order", Roles(&[FinanceOfficer, AuthorisingOfficer, AuthorisingDelegate])),
    act("sign_payment_order", Roles(&[AuthorisingOfficer, AuthorisingDelegate])),
    create("transmit_payment_orders", Roles(&[AuthorisingOfficer, AuthorisingDelegate])),
    read("read_payment_order_batch", Members),
    act("accept_payment_order", Roles(&[Accountant])),
    act("reject_payment_order", Roles(&[Accountant])),
    act("requisition_payment_order", Roles(&[AuthorisingOfficer])),
    act("hold_payment_order", Roles(&[Accountant])),
    act("resume_payment_order", Roles(&[Accountant])),
    act("correct_payment_order", Roles(&[AuthorisingOfficer])),
    act("accept_payment_order_correction", Roles(&[Accountant])),
    act("reject_payment_order_correction", Roles(&[Accountant])),
    read("list_payment_order_corrections", Members),
    read("read_payment_order_correction", Members),
    act("pay_payment_order", Roles(&[Accountant])),
    act("pay_carried_debt", Roles(&[Accountant])),
    act("release_retention", Roles(&[Accountant])),
    create("remit", Roles(&[Accountant])),
    act("return_payment", Roles(&[Accountant])),
    read("list_payments", Members),
    read("read_payment", Members),
    read("list_regularisations", Members),
    read("read_regularisation", Members),
    // cash_office
    read("list_cash_offices", Members),
    read("read_cash_office", Members),
    create("found_cash_office", Roles(&[AuthorisingOfficer])),
    act("activate_cash_office", Roles(&[Accountant])),
    act("suspend_cash_office", Roles(&[Accountant, AuthorisingOfficer])),
    act("close_cash_office", Roles(&[AuthorisingOfficer])),
    act("appoint_cash_officer", Roles(&[AuthorisingOfficer])),
    read("list_cash_office_transitions", Members),
    act("advance_imprest", Roles(&[Accountant])),
    act("return_imprest", Roles(&[Accountant])),
    act("deposit_collections", Roles(&[Accountant])),
    read("list_cash_movements", Members),
    read("read_cash_movement", Members),
    act("inspect_cash_office", Roles(&[Accountant])),
    read("list_cash_inspections", Members),
    read("read_cash_inspection", Members),
    read("list_imprest_expenses", Members),
    read("read_imprest_expense", Members),
    create("record_imprest_expense", Roles(&[CashOfficer])),
    act("withdraw_imprest_expense", Roles(&[CashOfficer])),
    read("list_justification_slips", Members),
    read("read_justification_slip", Members),
    create("submit_justification_slip", Roles(&[CashOfficer])),
    act("sign_justification_slip", Roles(&[AuthorisingOfficer])),
    act("accept_justification_slip", Roles(&[Accountant])),
    act("reject_justification_slip", Roles(&[Accountant, AuthorisingOfficer])),
    read("list_ticket_kinds", Members),
    read("read_ticket_kind", Members),
    create("register_ticket_kind", Roles(&[AuthorisingOfficer, Accountant])),
    read("list_ticket_ranges", Members),
    read("read_ticket_range", Members),
    create("receive_tickets", Roles(&[Accountant])),
    act("issue_tickets", Roles(&[Accountant])),
    act("return_tickets", Roles(&[Accountant])),
    act("record_ticket_loss", Roles(&[Accountant])),
    read("read_ticket_stock", Members),
    read("list_ticket_movements", Members),
    read("read_ticket_movement", Members),
    // revenue
    publish("list_tax_shares"),
    read("list_levy_authorisations", Open),
    read("read_levy_authorisation", Open),
    create("record_levy_authorisation", Roles(&[CouncilRegistrar])),
    read("list_debtors", Members).recorded(Recorded::Restricted),
    read("read_debtor", Members).recorded(Recorded::Restricted),
    create("register_debtor", Roles(&[FinanceOfficer, AuthorisingOfficer, Accountant])),
    act("change_debtor", Roles(&[FinanceOfficer, AuthorisingOfficer])),
    read("list_revenue_orders", Members),
    read("read_revenue_order", Members),
    read("list_revenue_order_transitions", Members),
    read("list_revenue_order_shares", Members),
    create("draft_revenue_order", Roles(&[FinanceOfficer, AuthorisingOfficer])),
    act("issue_revenue_order", Roles(&[AuthorisingOfficer])),
    act("issue_recovery", Roles(&[AuthorisingOfficer])),
    act("reduce_carried_debt", Roles(&[AuthorisingOfficer])),
    act("accept_revenue_order", Roles(&[Accountant])),
    act("reject_revenue_order", Roles(&[Accountant])),
    create("record_carried_receivables", Roles(&[Accountant])),
    read("list_receipts", Members).recorded(Recorded::Restricted),
    read("read_receipt", Members).recorded(Recorded::Restricted),
    read("read_receipt_document", Members).recorded(Recorded::Restricted),
    create("record_receipt", Roles(&[Accountant])),
    act("collect_into_cash_office", Roles(&[CashOfficer])),
    act("sell_tickets", Roles(&[CashOfficer])),
    read("read_arrears", BOOK_READERS),
    act("cancel_receipt", Roles(&[Accountant])),
    read("list_refunds", Members),
    read("read_refund", Members),
    act("refund_overpayment", Roles(&[Accountant])),
    read("list_revenue_adjustments", Members),
    read("read_revenue_adjustment", Members),
    act("propose_reduction", Roles(&[AuthorisingOfficer])),
    act("propose_cancellation", Roles(&[AuthorisingOfficer])),
    act("propose_write_off", Roles(&[Accountant])),
    act("propose_waiver", Roles(&[AuthorisingOfficer])),
    act("accept_revenue_adjustment", Roles(&[Accountant])),
    act("reject_revenue_adjustment", Roles(&[Accountant])),
    act("decide_revenue_adjustment", Roles(&[CouncilRegistrar])),
    read("list_transfer_notifications", Members),
    read("read_transfer_notification", Members),
    create("record_transfer_notification", Roles(&[FinanceOfficer, AuthorisingOfficer, Accountant])),
    read("read_transfers", Members),
    // endowment
    publish("list_endowment_types"),
    read("list_endowment_campaigns", Open),
    read("read_endowment_campaign", Open),
    create("create_endowment_campaign", BUDGET_MAKERS),
    act("load_endowment_candidates", BUDGET_MAKERS),
    act("freeze_endowment_campaign", BUDGET_MAKERS),
    act("reopen_endowment_campaign", BUDGET_MAKERS),
    read("simulate_endowment", Members),
    act("calculate_endowment", BUDGET_MAKERS),
    read("read_endowment_allocation", Open),
    act("validate_endowment", Roles(&[CouncilRegistrar, AuthorisingOfficer])),
    act("notify_endowment", Roles(&[AuthorisingOfficer])),
    act("publish_endowment", Roles(&[AuthorisingOfficer])),
    act("close_endowment", Roles(&[AuthorisingOfficer])),
    read("list_drawing_rights", Members),
    read("read_drawing_right", Members),
    read("list_drawing_right_totals", Members),
    act("conclude_drawing_agreement", Roles(&[AuthorisingOfficer])),
    act("disburse_drawing_tranche", Roles(&[Accountant])),
    act("justify_drawing_tranche", Roles(&[FinanceOfficer, Accountant])),
    act("expire_drawing_right", Roles(&[AuthorisingOfficer])),
    act("cancel_drawing_right", Roles(&[AuthorisingOfficer])),
    // fund
    publish("list_fund_terms"),
    read("list_funds", Members),
    read("read_fund", Members),
    create("found_fund", FUND_MANAGERS),
    act("revise_fund", FUND_MANAGERS),
    act("close_fund_period", Roles(&[Accountant])),
    read("read_fund_statement", BOOK_READERS),
    read("list_donors", Members),
    read("read_donor", Members),
    create("register_donor", FUND_MANAGERS),
    act("revise_donor", FUND_MANAGERS),
    read("list_exchange_rates", Members),
    read("read_exchange_rate", Members),
    create("record_exchange_rate", Roles(&[FinanceOfficer, Accountant])),
    read("list_contributions", Members),
    read("read_contribution", Members),
    create("pledge_contribution", FUND_MANAGERS),
    act("revise_contribution", FUND_MANAGERS),
    act("record_contribution_movement", Roles(&[Accountant])),
    read("list_fund_purposes", Members),
    read("read_fund_purpose", Members),
    create("define_fund_purpose", FUND_MANAGERS),
    read("read_allocation_plan", BOOK_READERS),
    read("list_fund_allocations", Members),
    read("read_fund_allocation", Members),
    act("allocate_to_purpose", Roles(&[AuthorisingOfficer])),
    act("release_fund_allocation", Roles(&[AuthorisingOfficer])),
    act("record_fund_use", Roles(&[Accountant])),
    act("close_fund_purpose", Roles(&[Accountant])),
    read("list_fund_movements", Members),
    read("list_fund_reports", BOOK_READERS),
    read("read_fund_report", BOOK_READERS),
    create("record_fund_report", Roles(&[FinanceOfficer, Accountant])),
    // programme
    publish("list_rule_sets"),
    read("list_programmes", Members),
    read("read_programme", Members),
    create("create_programme", FUND_MANAGERS),
    read("list_community_meetings", Open),
    create("record_community_meeting", Roles(&[CouncilRegistrar, AuthorisingOfficer, FinanceOfficer])),
    // project
    read("list_projects", Members),
    read("read_project", Members),
    create("draft_project", PROPONENTS),
    act("revise_project", PROPONENTS),
    read("list_project_transitions", Members),
    read("read_project_history", Members),
    act("submit_project", PROPONENTS),
    act("start_project_review", PROGRAMME_OFFICERS),
    act("return_project", PROGRAMME_OFFICERS),
    act("recommend_project", REVIEWERS),
    act("withdraw_project", PROPONENTS),
    act("declare_project_interest", COMMITTEE),
    read("read_project_overlaps", Members),
    act("review_project_overlap", PROGRAMME_OFFICERS),
    act("appraise_project", REVIEWERS),
    publish("list_conflict_questions"),
    act("record_conflict_check", REVIEWERS),
    read("list_committees", Members),
    read("read_committee", Members),
    create("found_committee", Roles(&[AuthorisingOfficer])),
    act("move_on_project", Roles(&[CouncilRegistrar])),
    read("list_motions", Members),
    read("read_motion", Members),
    create("cast_vote", COMMITTEE),
];

/// Operations that prove an identity by a secret: failures are slowed down.
pub const THROTTLED: &[&str] =
    &["activate_principal", "sign_in", "renew_session", "issue_token", "change_password", "reauthenticate", "confirm_authenticator"];

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
