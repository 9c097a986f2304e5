//! The tables of the budget room.

tables! {
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
        expenditure_kind -> Nullable<Text>,
        receivable -> Nullable<Text>,
        levy -> Nullable<Vocabulary>,
    }

    fiscal_years (organisation_id, fiscal_year) {
        organisation_id -> Identity,
        fiscal_year -> Integer,
        nomenclature_id -> Identity,
        state -> Vocabulary,
        opened_at -> Nullable<Instant>,
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
        opened_at -> Instant,
        sensitivity -> Integer,
    }

    credit_movements (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        section -> Vocabulary,
        article -> Text,
        budget_line_id -> Identity,
        step -> Vocabulary,
        amount -> BigInt,
        effective_on -> Date,
        recorded_at -> Instant,
        cause_kind -> Text,
        cause_id -> Identity,
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

    revenue_movements (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        budget_line_id -> Identity,
        step -> Vocabulary,
        amount -> BigInt,
        effective_on -> Date,
        recorded_at -> Instant,
        cause_kind -> Text,
        cause_id -> Identity,
        sensitivity -> Integer,
    }

    revenue_executions (organisation_id, budget_line_id) {
        organisation_id -> Identity,
        budget_line_id -> Identity,
        ordered -> BigInt,
        collected -> BigInt,
        sensitivity -> Integer,
    }
}
