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

-- Public keys by which partner systems prove themselves. A key that ended stays: it never comes back.
CREATE TABLE client_keys (
    id uuid NOT NULL PRIMARY KEY,
    principal_id uuid NOT NULL REFERENCES principals (id),
    kid text NOT NULL UNIQUE,
    algorithm text NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
    public_key bytea NOT NULL,
    label text NOT NULL,
    registered_by uuid NOT NULL REFERENCES principals (id),
    registered_at timestamptz NOT NULL,
    ended_at timestamptz,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    CHECK (ended_at IS NULL OR ended_at >= registered_at)
);
CREATE INDEX client_keys_by_principal ON client_keys (principal_id, id);

-- Assertions and foreign tokens that were good once, by their digests, until they would be refused anyway.
CREATE TABLE spent_assertions (
    digest bytea NOT NULL PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX spent_assertions_by_expiry ON spent_assertions (expires_at);

-- People as other identity providers know them: a subject stands for one principal, a principal for one subject of an issuer.
CREATE TABLE external_identities (
    id uuid NOT NULL PRIMARY KEY,
    principal_id uuid NOT NULL REFERENCES principals (id),
    issuer text NOT NULL,
    subject text NOT NULL,
    linked_by uuid NOT NULL REFERENCES principals (id),
    linked_at timestamptz NOT NULL,
    ended_at timestamptz,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    CHECK (ended_at IS NULL OR ended_at >= linked_at)
);
CREATE UNIQUE INDEX external_identities_by_subject ON external_identities (issuer, subject) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX external_identities_by_issuer ON external_identities (principal_id, issuer) WHERE ended_at IS NULL;
CREATE INDEX external_identities_by_principal ON external_identities (principal_id, id);

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
