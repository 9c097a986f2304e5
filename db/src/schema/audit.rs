//! The tables of the audit room.

tables! {
    audit_heads (organisation_id) {
        organisation_id -> Identity,
        sequence -> BigInt,
        hash -> Binary,
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

    access_records (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        recorded_at -> Instant,
        principal_id -> Identity,
        session_id -> Nullable<Identity>,
        client_key_id -> Nullable<Identity>,
        role -> Text,
        seat_id -> Nullable<Identity>,
        operation -> Text,
        request_sha256 -> Binary,
        reason -> Nullable<Text>,
        answer_sha256 -> Binary,
        salt -> Identity,
        sensitivity -> Integer,
    }

    access_record_subjects (organisation_id, access_record_id, position) {
        organisation_id -> Identity,
        access_record_id -> Identity,
        position -> Integer,
        subject_id -> Identity,
    }
}
