//! The tables of the cash office room.

tables! {
    cash_offices (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        kind -> Vocabulary,
        name -> Text,
        act_reference -> Text,
        act_date -> Date,
        act_sha256 -> Text,
        ceiling -> BigInt,
        max_unit_expense -> Nullable<BigInt>,
        allowed_articles -> Nullable<Text>,
        cash_officer_id -> Identity,
        deputy_id -> Nullable<Identity>,
        bond -> BigInt,
        state -> Vocabulary,
        state_reason -> Nullable<Text>,
        held -> BigInt,
        spent -> BigInt,
        standing_advance -> BigInt,
        undeposited_since -> Nullable<Date>,
        activated_on -> Nullable<Date>,
        last_inspected_on -> Nullable<Date>,
        created_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    cash_movements (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        cash_office_id -> Identity,
        kind -> Vocabulary,
        fiscal_year -> Integer,
        number -> Nullable<BigInt>,
        amount -> BigInt,
        moved_on -> Date,
        cause_id -> Nullable<Identity>,
        document_sha256 -> Nullable<Text>,
        entry_id -> Identity,
        moved_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    imprest_expenses (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        cash_office_id -> Identity,
        fiscal_year -> Integer,
        budget_line_id -> Identity,
        article -> Text,
        payee -> Text,
        label -> Text,
        spent_on -> Date,
        amount -> BigInt,
        receipt_sha256 -> Text,
        state -> Vocabulary,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    justification_slips (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        cash_office_id -> Identity,
        total -> BigInt,
        state -> Vocabulary,
        submitted_on -> Date,
        submitted_by -> Identity,
        signed_on -> Nullable<Date>,
        signed_by -> Nullable<Identity>,
        decided_on -> Nullable<Date>,
        decided_by -> Nullable<Identity>,
        rejection_text -> Nullable<Text>,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    justification_slip_expenses (organisation_id, slip_id, expense_id) {
        organisation_id -> Identity,
        slip_id -> Identity,
        expense_id -> Identity,
    }

    cash_inspections (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        cash_office_id -> Identity,
        inspected_on -> Date,
        expected -> BigInt,
        counted -> BigInt,
        minutes_sha256 -> Text,
        cash_officer_id -> Identity,
        inspected_by -> Identity,
        recorded_at -> Instant,
        entry_id -> Nullable<Identity>,
        sensitivity -> Integer,
    }

    ticket_kinds (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        name -> Text,
        face_value -> BigInt,
        article -> Text,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    ticket_ranges (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        ticket_kind_id -> Identity,
        first_number -> BigInt,
        last_number -> BigInt,
        state -> Vocabulary,
        cash_office_id -> Nullable<Identity>,
        moved_on -> Date,
        sensitivity -> Integer,
        version -> BigInt,
    }

    ticket_movements (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        ticket_kind_id -> Identity,
        first_number -> BigInt,
        last_number -> BigInt,
        from_state -> Nullable<Vocabulary>,
        to_state -> Vocabulary,
        cash_office_id -> Nullable<Identity>,
        moved_on -> Date,
        document_sha256 -> Nullable<Text>,
        decision -> Nullable<Text>,
        entry_id -> Nullable<Identity>,
        moved_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }
}
