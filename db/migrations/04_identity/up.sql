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
