//! The tables of the organisation room.

tables! {
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
        aliases -> Text,
        folded_aliases -> Text,
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

    installation (id) {
        id -> Integer,
        cursor_secret -> Binary,
    }
}
