//! The tables of the participation room.

tables! {
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
}
