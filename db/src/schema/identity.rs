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

    sessions (id) {
        id -> Identity,
        principal_id -> Identity,
        started_at -> Instant,
        renewed_at -> Instant,
        expires_at -> Instant,
        ended_at -> Nullable<Instant>,
        end_reason -> Nullable<Vocabulary>,
        proven_at -> Nullable<Instant>,
    }

    refresh_tokens (token_hash) {
        token_hash -> Binary,
        session_id -> Identity,
        spent_at -> Nullable<Instant>,
    }

    throttles (key_hash) {
        key_hash -> Binary,
        forgiven_at -> Instant,
        blocked_until -> Instant,
    }

    client_keys (id) {
        id -> Identity,
        principal_id -> Identity,
        kid -> Text,
        algorithm -> Vocabulary,
        public_key -> Binary,
        label -> Text,
        registered_by -> Identity,
        registered_at -> Instant,
        ended_at -> Nullable<Instant>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    spent_assertions (digest) {
        digest -> Binary,
        expires_at -> Instant,
    }

    external_identities (id) {
        id -> Identity,
        principal_id -> Identity,
        issuer -> Text,
        subject -> Text,
        linked_by -> Identity,
        linked_at -> Instant,
        ended_at -> Nullable<Instant>,
        sensitivity -> Integer,
        version -> BigInt,
    }

    delegations (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        principal_id -> Identity,
        delegated_by -> Identity,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        ceiling -> Nullable<BigInt>,
        ended_on -> Nullable<Date>,
        document_sha256 -> Text,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    kinships (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        principal_id -> Identity,
        relative_id -> Identity,
        relation -> Vocabulary,
        ended_on -> Nullable<Date>,
        declared_by -> Identity,
        recorded_at -> Instant,
        sensitivity -> Integer,
        version -> BigInt,
    }

    authenticators (principal_id) {
        principal_id -> Identity,
        sealed_secret -> Binary,
        enrolled_at -> Instant,
        confirmed_at -> Nullable<Instant>,
        last_step -> BigInt,
    }

    proposals (organisation_id, id) {
        organisation_id -> Identity,
        id -> Identity,
        operation -> Text,
        target -> Text,
        digest -> Binary,
        state -> Vocabulary,
        proposed_by -> Identity,
        proposed_at -> Instant,
        expires_at -> Instant,
        decided_by -> Nullable<Identity>,
        decided_at -> Nullable<Instant>,
        sensitivity -> Integer,
        version -> BigInt,
    }
}
