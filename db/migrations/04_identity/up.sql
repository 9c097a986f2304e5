CREATE TABLE principals (
    id uuid NOT NULL PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('person', 'partner_system')),
    login text NOT NULL UNIQUE,
    display_name text NOT NULL,
    secret_hash text,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0)
);

-- One-time codes by which a principal sets the first secret.
CREATE TABLE activation_codes (
    code_hash bytea NOT NULL PRIMARY KEY,
    principal_id uuid NOT NULL REFERENCES principals (id),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE TABLE role_assignments (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    role text NOT NULL,
    seat_id uuid REFERENCES organisations (id),
    valid_from date NOT NULL,
    valid_to date CHECK (valid_to IS NULL OR valid_to >= valid_from),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX role_assignments_by_principal ON role_assignments (principal_id);

-- A sign-in and the tokens that follow from it. Rows of expired sessions are removed; the chain of events keeps what happened.
CREATE TABLE sessions (
    id uuid NOT NULL PRIMARY KEY,
    principal_id uuid NOT NULL REFERENCES principals (id),
    started_at timestamptz NOT NULL,
    renewed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    CHECK (expires_at > started_at AND renewed_at >= started_at),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_by_principal ON sessions (principal_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Every refresh token of a session by its hash, spent or not: one that comes twice gives a thief away.
CREATE TABLE refresh_tokens (
    token_hash bytea NOT NULL PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id),
    spent_at timestamptz
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- Failed proofs of identity by login, by address and altogether, under a hash. Forgotten rows are removed.
CREATE TABLE throttles (
    key_hash bytea NOT NULL PRIMARY KEY,
    forgiven_at timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX throttles_by_end ON throttles (forgiven_at);

-- Delegations of signature by an authorising officer.
CREATE TABLE delegations (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    delegated_by uuid NOT NULL REFERENCES principals (id),
    valid_from date NOT NULL,
    valid_to date CHECK (valid_to IS NULL OR valid_to >= valid_from),
    ceiling bigint CHECK (ceiling IS NULL OR ceiling > 0),
    ended_on date,
    document_sha256 text NOT NULL,
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX delegations_by_principal ON delegations (organisation_id, principal_id);

-- Declared kin: the principal is the relation of the relative.
CREATE TABLE kinships (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    relative_id uuid NOT NULL REFERENCES principals (id),
    relation text NOT NULL CHECK (relation IN ('spouse', 'ascendant', 'descendant')),
    ended_on date,
    declared_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    CHECK (principal_id <> relative_id)
);
CREATE INDEX kinships_by_principal ON kinships (organisation_id, principal_id);
CREATE INDEX kinships_by_relative ON kinships (organisation_id, relative_id);
