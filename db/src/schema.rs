//! The tables, as the query language sees them: one file per room. Held against the live schema of both engines by a test.

/// Declares tables with the column types of this crate.
macro_rules! tables {
    ($($name:ident ($($key:ident),+) { $($column:ident -> $type:ty,)+ })+) => {
        $(diesel::table! {
            use crate::column::{Identity, Instant, Vocabulary};
            use diesel::sql_types::*;

            $name ($($key),+) { $($column -> $type,)+ }
        })+
    };
}

mod audit;
mod budget;
mod cash_office;
mod endowment;
mod expenditure;
mod fund;
mod identity;
mod ledger;
mod organisation;
mod parameter;
mod participation;
mod programme;
mod project;
mod revenue;
mod territory;

pub use audit::*;
pub use budget::*;
pub use cash_office::*;
pub use endowment::*;
pub use expenditure::*;
pub use fund::*;
pub use identity::*;
pub use ledger::*;
pub use organisation::*;
pub use parameter::*;
pub use participation::*;
pub use programme::*;
pub use project::*;
pub use revenue::*;
pub use territory::*;

/// Lets tables stand in one query, each with each. Diesel's own macro does so for `ONLY` and `TABLESAMPLE` of PostgreSQL too, seven times as
/// much, over which the compiler of this crate took gigabytes.
macro_rules! one_query {
    ($one:ident, $($other:ident),+ $(,)?) => {
        $(
            impl diesel::query_source::TableNotEqual<$one::table> for $other::table {}
            impl diesel::query_source::TableNotEqual<$other::table> for $one::table {}
        )+
        one_query!($($other),+);
    };
    ($last:ident $(,)?) => {};
}

one_query!(
    audit_heads,
    events,
    event_positions,
    event_sequencer,
    idempotency_keys,
    access_records,
    access_record_subjects,
    territorial_units,
    territorial_codes,
    territorial_names,
    territorial_parents,
    territorial_successions,
    territorial_boundaries,
    organisations,
    suppliers,
    installation,
    principals,
    activation_codes,
    role_assignments,
    sessions,
    authenticators,
    refresh_tokens,
    throttles,
    client_keys,
    spent_assertions,
    external_identities,
    delegations,
    kinships,
    proposals,
    parameters,
    consultations,
    public_debates,
    nomenclatures,
    nomenclature_items,
    fiscal_years,
    number_series,
    budgets,
    budget_lines,
    appropriations,
    credit_movements,
    line_executions,
    revenue_movements,
    revenue_executions,
    charts,
    chart_accounts,
    posting_accounts,
    balances,
    entries,
    postings,
    entry_imports,
    carried_debts,
    expenditure_kinds,
    required_documents,
    commitments,
    verifications,
    batches,
    payment_orders,
    deductions,
    holds,
    requisitions,
    payment_order_corrections,
    payments,
    payment_returns,
    supporting_documents,
    regularisations,
    cash_offices,
    cash_movements,
    imprest_expenses,
    justification_slips,
    justification_slip_expenses,
    cash_inspections,
    ticket_kinds,
    ticket_ranges,
    ticket_movements,
    tax_shares,
    debtors,
    levy_authorisations,
    revenue_orders,
    receivables,
    revenue_shares,
    receipts,
    receipt_cancellations,
    revenue_order_receipts,
    receipt_regularisations,
    refunds,
    revenue_adjustments,
    transfer_notifications,
    endowment_campaigns,
    drawing_rights,
    drawing_agreements,
    drawing_agreement_lines,
    drawing_tranches,
    drawing_justifications,
    fund_terms,
    donors,
    donor_names,
    exchange_rates,
    funds,
    fund_phases,
    contributions,
    contribution_instalments,
    contribution_goods,
    fund_reports,
    fund_report_figures,
    fund_report_donors,
    earmarks,
    earmark_terms,
    fund_purposes,
    fund_purpose_places,
    fund_allocations,
    fund_allocation_lines,
    fund_movements,
    programmes,
    programme_phases,
    community_meetings,
    community_needs,
    incompatible_duties,
    committees,
    committee_members,
    projects,
    project_shares,
    project_sites,
    project_conversions,
    project_budget_lines,
    project_recipients,
    project_needs,
    project_flags,
    project_publications,
    project_duties,
    project_interests,
    project_overlaps,
    project_appraisals,
    conflict_checks,
    conflict_check_answers,
    motions,
    motion_attendances,
    motion_votes,
    project_transitions,
    project_agreements,
    project_tranches,
    project_signatures,
    project_disbursements,
    project_expenditure_reports,
    project_report_lines,
    project_refunds,
    project_settlements,
);

diesel::allow_columns_to_appear_in_same_group_by_clause!(projects::currency, project_shares::term);
diesel::allow_columns_to_appear_in_same_group_by_clause!(projects::currency, project_recipients::supplier_id);
diesel::allow_columns_to_appear_in_same_group_by_clause!(funds::currency, contributions::donor_id, fund_movements::purpose_id);
