//! The tables, as the query language sees them. Held against the live schema of both engines by a test.

/// Declares tables with the column types of this crate, all of which may appear in one query.
macro_rules! tables {
    ($($name:ident ($($key:ident),+) { $($column:ident -> $type:ty,)+ })+) => {
        $(diesel::table! {
            use crate::column::{Identity, Instant, Vocabulary};
            use diesel::sql_types::*;

            $name ($($key),+) { $($column -> $type,)+ }
        })+

        diesel::allow_tables_to_appear_in_same_query!($($name,)+);
    };
}

tables! {
    audit_heads (organisation_id) {
        organisation_id -> Identity,
        sequence -> BigInt,
        hash -> Binary,
        positioned -> BigInt,
    }

    events (organisation_id, sequence) {
        organisation_id -> Identity,
        sequence -> BigInt,
        recorded_at -> Instant,
        principal_id -> Nullable<Identity>,
        role -> Text,
        kind -> Text,
        subject_kind -> Text,
        subject_id -> Identity,
        subject_version -> BigInt,
        state_before -> Nullable<Text>,
        state_after -> Nullable<Text>,
        facts -> Text,
        bytes -> Binary,
        hash -> Binary,
        sensitivity -> Integer,
    }

    event_positions (position) {
        position -> BigInt,
        organisation_id -> Identity,
        sequence -> BigInt,
    }

    event_sequencer (id) {
        id -> Integer,
        last_position -> BigInt,
    }

    idempotency_keys (principal_id, key) {
        principal_id -> Identity,
        key -> Text,
        organisation_id -> Identity,
        fingerprint -> Binary,
        status -> Integer,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        body -> Binary,
        recorded_at -> Instant,
    }

    territorial_units (id) {
        id -> Identity,
        level -> Vocabulary,
        name -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        longitude -> Nullable<Double>,
        latitude -> Nullable<Double>,
        area_km2 -> Nullable<Double>,
        note -> Nullable<Text>,
        fictional -> Bool,
        sensitivity -> Integer,
    }

    territorial_codes (scheme, edition, code) {
        scheme -> Vocabulary,
        edition -> Text,
        code -> Text,
        unit_id -> Identity,
    }

    territorial_names (unit_id, name) {
        unit_id -> Identity,
        name -> Text,
        kind -> Vocabulary,
        folded -> Text,
    }

    territorial_parents (unit_id, valid_from) {
        unit_id -> Identity,
        parent_id -> Identity,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
    }

    territorial_successions (predecessor_id, successor_id) {
        predecessor_id -> Identity,
        successor_id -> Identity,
        happened_on -> Date,
        kind -> Vocabulary,
    }

    territorial_boundaries (unit_id) {
        unit_id -> Identity,
        edition -> Text,
        geometry -> Text,
    }

    organisations (id) {
        id -> Identity,
        kind -> Vocabulary,
        code -> Text,
        name -> Text,
        folded_name -> Text,
        territorial_unit_id -> Nullable<Identity>,
        supervisor_id -> Nullable<Identity>,
        treasury_post_id -> Nullable<Identity>,
        currency -> Text,
        fictional -> Bool,
        sensitivity -> Integer,
        version -> BigInt,
    }

    suppliers (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        code -> Text,
        name -> Text,
        folded_name -> Text,
        tax_number -> Nullable<Text>,
        party_id -> Nullable<Identity>,
        active -> Bool,
        debarred_until -> Nullable<Date>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    principals (id) {
        id -> Identity,
        kind -> Vocabulary,
        login -> Text,
        display_name -> Text,
        secret_hash -> Nullable<Text>,
        disabled_at -> Nullable<Instant>,
        created_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    activation_codes (code_hash) {
        code_hash -> Binary,
        principal_id -> Identity,
        expires_at -> Instant,
        used_at -> Nullable<Instant>,
    }

    role_assignments (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        principal_id -> Identity,
        role -> Vocabulary,
        seat_id -> Nullable<Identity>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    parameters (country, level, key, valid_from) {
        country -> Text,
        level -> Text,
        key -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        value -> Text,
        confidence -> Vocabulary,
        source -> Text,
    }

    consultations (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        place -> Text,
        held_on -> Date,
        women -> Integer,
        men -> Integer,
        minutes_sha256 -> Text,
        summary -> Text,
        sensitivity -> Integer,
    }

    public_debates (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        place -> Text,
        held_on -> Date,
        women -> Integer,
        men -> Integer,
        minutes_sha256 -> Text,
        summary -> Text,
        sensitivity -> Integer,
    }

    nomenclatures (id) {
        id -> Identity,
        code -> Text,
        label_fr -> Text,
        label_en -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        confidence -> Vocabulary,
        source -> Text,
    }

    nomenclature_items (nomenclature_id, axis, section, direction, code) {
        nomenclature_id -> Identity,
        axis -> Text,
        section -> Text,
        direction -> Text,
        code -> Text,
        parent_code -> Text,
        label_fr -> Text,
        label_en -> Text,
        account_code -> Nullable<Text>,
        mandatory -> Bool,
        executable -> Bool,
    }

    fiscal_years (organisation_id, fiscal_year) {
        organisation_id -> Identity,
        fiscal_year -> Integer,
        nomenclature_id -> Identity,
        state -> Vocabulary,
        sensitivity -> Integer,
        version -> BigInt,
    }

    number_series (organisation_id, fiscal_year, series) {
        organisation_id -> Identity,
        fiscal_year -> Integer,
        series -> Text,
        last_number -> BigInt,
    }

    budgets (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        kind -> Vocabulary,
        title -> Text,
        state -> Vocabulary,
        edition -> Integer,
        voted_edition -> Integer,
        returns -> Integer,
        vote_held_on -> Nullable<Date>,
        vote_serving -> Nullable<Integer>,
        vote_present -> Nullable<Integer>,
        vote_for -> Nullable<Integer>,
        vote_against -> Nullable<Integer>,
        vote_abstentions -> Nullable<Integer>,
        deliberation_number -> Nullable<Text>,
        deliberation_sha256 -> Nullable<Text>,
        annexes_sha256 -> Nullable<Text>,
        return_reason -> Nullable<Vocabulary>,
        return_text -> Nullable<Text>,
        notice_reference -> Nullable<Text>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    budget_lines (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        budget_id -> Identity,
        edition -> Integer,
        position -> Integer,
        section -> Vocabulary,
        direction -> Vocabulary,
        chapter -> Text,
        article -> Text,
        paragraph -> Text,
        label_fr -> Text,
        label_en -> Text,
        function -> Text,
        funding -> Text,
        mandatory -> Bool,
        executable -> Bool,
        location -> Nullable<Text>,
        plan_action -> Nullable<Text>,
        non_project_reason -> Nullable<Text>,
        initial -> BigInt,
        sensitivity -> Integer,
    }

    appropriations (organisation_id, fiscal_year, section, article) {
        organisation_id -> Identity,
        fiscal_year -> Integer,
        section -> Vocabulary,
        article -> Text,
        initial -> BigInt,
        increased -> BigInt,
        decreased -> BigInt,
        carried_forward -> BigInt,
        committed -> BigInt,
        verified -> BigInt,
        ordered -> BigInt,
        accepted -> BigInt,
        paid -> BigInt,
        sensitivity -> Integer,
    }

    line_executions (organisation_id, budget_line_id) {
        organisation_id -> Identity,
        budget_line_id -> Identity,
        committed -> BigInt,
        verified -> BigInt,
        ordered -> BigInt,
        accepted -> BigInt,
        paid -> BigInt,
        sensitivity -> Integer,
    }

    charts (id) {
        id -> Identity,
        code -> Text,
        label_fr -> Text,
        label_en -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        confidence -> Vocabulary,
        source -> Text,
    }

    chart_accounts (chart_id, code) {
        chart_id -> Identity,
        code -> Text,
        label_fr -> Text,
        label_en -> Text,
        normal_side -> Vocabulary,
        postable -> Bool,
        gfsm_code -> Nullable<Text>,
    }

    posting_accounts (chart_id, part) {
        chart_id -> Identity,
        part -> Text,
        account_code -> Text,
    }

    balances (organisation_id, fiscal_year, account_code) {
        organisation_id -> Identity,
        fiscal_year -> Integer,
        account_code -> Text,
        chart_id -> Identity,
        opening_debit -> BigInt,
        opening_credit -> BigInt,
        debit -> BigInt,
        credit -> BigInt,
        sensitivity -> Integer,
    }

    entries (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        journal -> Vocabulary,
        number -> BigInt,
        accounting_date -> Date,
        recorded_at -> Instant,
        label -> Text,
        total -> BigInt,
        source_kind -> Text,
        source_id -> Identity,
        digest -> Text,
        sensitivity -> Integer,
    }

    postings (organisation_id, entry_id, position) {
        organisation_id -> Identity,
        entry_id -> Identity,
        position -> Integer,
        fiscal_year -> Integer,
        account_code -> Text,
        debit -> BigInt,
        credit -> BigInt,
    }

    carried_debts (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        account_code -> Text,
        supplier_id -> Identity,
        reference -> Text,
        amount -> BigInt,
        paid -> BigInt,
        sensitivity -> Integer,
        version -> BigInt,
    }

    commitments (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        budget_line_id -> Identity,
        section -> Vocabulary,
        article -> Text,
        supplier_id -> Identity,
        label -> Text,
        committed_on -> Date,
        amount -> BigInt,
        verified -> BigInt,
        state -> Vocabulary,
        committed_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    verifications (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        commitment_id -> Identity,
        supplier_id -> Identity,
        invoice_number -> Text,
        invoice_date -> Date,
        reception_sha256 -> Nullable<Text>,
        amount -> BigInt,
        ordered -> BigInt,
        state -> Vocabulary,
        recorded_by -> Identity,
        recorded_at -> Instant,
        certified_by -> Nullable<Identity>,
        certified_on -> Nullable<Date>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    batches (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        transmitted_on -> Date,
        transmitted_by -> Identity,
        total -> BigInt,
        sensitivity -> Integer,
    }

    payment_orders (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> Nullable<BigInt>,
        verification_id -> Identity,
        commitment_id -> Identity,
        supplier_id -> Identity,
        batch_id -> Nullable<Identity>,
        amount -> BigInt,
        paid -> BigInt,
        state -> Vocabulary,
        drafted_by -> Identity,
        recorded_at -> Instant,
        signed_by -> Nullable<Identity>,
        signed_on -> Nullable<Date>,
        decided_by -> Nullable<Identity>,
        decided_on -> Nullable<Date>,
        rejection_reason -> Nullable<Vocabulary>,
        rejection_text -> Nullable<Text>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    payments (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        payment_order_id -> Nullable<Identity>,
        carried_debt_id -> Nullable<Identity>,
        payee_id -> Identity,
        mode -> Vocabulary,
        paid_on -> Date,
        amount -> BigInt,
        entry_id -> Identity,
        paid_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }
}
