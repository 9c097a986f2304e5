//! The tables of the identity room.

tables! {
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
}
