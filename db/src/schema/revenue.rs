//! The tables of the revenue room.

tables! {
    tax_shares (article, level, valid_from) {
        article -> Text,
        level -> Vocabulary,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        bps -> Integer,
        confidence -> Vocabulary,
        source -> Text,
    }

    debtors (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        code -> Text,
        kind -> Vocabulary,
        name -> Text,
        folded_name -> Text,
        tax_number -> Nullable<Text>,
        active -> Bool,
        sensitivity -> Integer,
        version -> BigInt,
    }

    levy_authorisations (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        article -> Text,
        deliberation_number -> Text,
        held_on -> Date,
        deliberation_sha256 -> Text,
        rate -> Text,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    revenue_orders (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> Nullable<BigInt>,
        kind -> Vocabulary,
        budget_line_id -> Nullable<Identity>,
        article -> Nullable<Text>,
        debtor_id -> Nullable<Identity>,
        taxpayers -> Nullable<Integer>,
        reference -> Nullable<Text>,
        since_year -> Nullable<Integer>,
        label -> Text,
        folded_label -> Text,
        amount -> BigInt,
        receivable_account -> Text,
        state -> Vocabulary,
        cause_kind -> Nullable<Text>,
        cause_id -> Nullable<Identity>,
        drafted_by -> Identity,
        recorded_at -> Instant,
        issued_by -> Nullable<Identity>,
        issued_on -> Nullable<Date>,
        decided_by -> Nullable<Identity>,
        decided_on -> Nullable<Date>,
        rejection_reason -> Nullable<Vocabulary>,
        rejection_text -> Nullable<Text>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    receivables (organisation_id, revenue_order_id) {
        organisation_id -> Identity,
        revenue_order_id -> Identity,
        amount -> BigInt,
        reduced -> BigInt,
        collected -> BigInt,
        written_off -> BigInt,
        waived -> BigInt,
        recovered -> BigInt,
        overpaid -> BigInt,
        sensitivity -> Integer,
    }

    revenue_shares (organisation_id, revenue_order_id, level) {
        organisation_id -> Identity,
        revenue_order_id -> Identity,
        level -> Vocabulary,
        own -> Bool,
        amount -> BigInt,
        reduced -> BigInt,
        sensitivity -> Integer,
    }

    receipts (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        revenue_order_id -> Nullable<Identity>,
        cash_office_id -> Nullable<Identity>,
        payer -> Nullable<Text>,
        label -> Nullable<Text>,
        folded_text -> Text,
        mode -> Vocabulary,
        received_on -> Date,
        amount -> BigInt,
        settled -> BigInt,
        own_share -> BigInt,
        recovered -> BigInt,
        recovery_line_id -> Nullable<Identity>,
        excess -> BigInt,
        entry_id -> Identity,
        received_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    receipt_cancellations (organisation_id, receipt_id) {
        organisation_id -> Identity,
        receipt_id -> Identity,
        reason -> Text,
        cancelled_by -> Identity,
        cancelled_on -> Date,
        recorded_at -> Instant,
        entry_id -> Identity,
    }

    revenue_order_receipts (organisation_id, revenue_order_id, receipt_id) {
        organisation_id -> Identity,
        revenue_order_id -> Identity,
        receipt_id -> Identity,
    }

    receipt_regularisations (organisation_id, receipt_id) {
        organisation_id -> Identity,
        receipt_id -> Identity,
        revenue_order_id -> Identity,
    }

    refunds (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        revenue_order_id -> Identity,
        mode -> Vocabulary,
        paid_on -> Date,
        amount -> BigInt,
        entry_id -> Identity,
        paid_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    revenue_adjustments (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        number -> BigInt,
        revenue_order_id -> Identity,
        kind -> Vocabulary,
        amount -> BigInt,
        own_share -> BigInt,
        reason -> Text,
        folded_reason -> Text,
        diligence_sha256 -> Nullable<Text>,
        budget_line_id -> Nullable<Identity>,
        state -> Vocabulary,
        proposed_by -> Identity,
        proposed_on -> Date,
        recorded_at -> Instant,
        decided_by -> Nullable<Identity>,
        decided_on -> Nullable<Date>,
        decision_text -> Nullable<Text>,
        deliberation_number -> Nullable<Text>,
        deliberation_held_on -> Nullable<Date>,
        deliberation_sha256 -> Nullable<Text>,
        regularisation_id -> Nullable<Identity>,
        entry_id -> Nullable<Identity>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    transfer_notifications (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        budget_line_id -> Identity,
        reference -> Text,
        notified_on -> Date,
        amount -> BigInt,
        document_sha256 -> Text,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }
}
