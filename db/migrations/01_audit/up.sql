-- One chain of events per organisation; its head row is the first lock of every write.
CREATE TABLE audit_heads (
    organisation_id uuid NOT NULL PRIMARY KEY,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    hash bytea NOT NULL
);

CREATE TABLE events (
    organisation_id uuid NOT NULL REFERENCES audit_heads (organisation_id),
    sequence bigint NOT NULL CHECK (sequence > 0),
    recorded_at timestamptz NOT NULL,
    principal_id uuid,
    role text NOT NULL,
    kind text NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    subject_version bigint NOT NULL,
    state_before text,
    state_after text,
    facts text NOT NULL,
    bytes bytea NOT NULL,
    hash bytea NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, sequence)
);

-- The global order in which committed events are fed to readers, given by the sequencer.
CREATE TABLE event_positions (
    position bigint NOT NULL PRIMARY KEY CHECK (position > 0),
    organisation_id uuid NOT NULL,
    sequence bigint NOT NULL,
    UNIQUE (organisation_id, sequence),
    FOREIGN KEY (organisation_id, sequence) REFERENCES events (organisation_id, sequence)
);

CREATE TABLE event_sequencer (
    id integer NOT NULL PRIMARY KEY CHECK (id = 1),
    last_position bigint NOT NULL CHECK (last_position >= 0)
);
INSERT INTO event_sequencer (id, last_position) VALUES (1, 0);

CREATE TABLE idempotency_keys (
    principal_id uuid NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 8 AND 64),
    organisation_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL CHECK (status BETWEEN 200 AND 299),
    location text,
    etag text,
    body bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (principal_id, key)
);
