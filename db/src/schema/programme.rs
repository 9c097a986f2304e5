//! The tables of the programme room.

tables! {
    programmes (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        code -> Text,
        title -> Text,
        objective -> Text,
        commissioner -> Text,
        lead_agency -> Text,
        levels -> Text,
        starts_on -> Date,
        ends_on -> Date,
        predecessor_id -> Nullable<Identity>,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    programme_phases (organisation_id, programme_id, number) {
        organisation_id -> Identity,
        programme_id -> Identity,
        number -> Integer,
        name -> Text,
        starts_on -> Date,
        ends_on -> Date,
    }

    community_meetings (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        territorial_unit_id -> Identity,
        held_on -> Date,
        method -> Vocabulary,
        women -> Integer,
        men -> Integer,
        minutes_sha256 -> Text,
        summary -> Text,
        recorded_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
    }

    community_needs (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        meeting_id -> Identity,
        rank -> Integer,
        sector -> Text,
        title -> Text,
    }
}
