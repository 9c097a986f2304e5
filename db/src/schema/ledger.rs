//! The tables of the ledger room.

tables! {
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
        reverses_id -> Nullable<Identity>,
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

    entry_imports (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        fiscal_year -> Integer,
        entries -> Integer,
        postings -> Integer,
        total -> BigInt,
        treasury_first -> Nullable<BigInt>,
        treasury_last -> Nullable<BigInt>,
        miscellaneous_first -> Nullable<BigInt>,
        miscellaneous_last -> Nullable<BigInt>,
        digest -> Text,
        sha256 -> Text,
        recorded_at -> Instant,
        sensitivity -> Integer,
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
        reduced -> BigInt,
        sensitivity -> Integer,
        version -> BigInt,
    }
}
