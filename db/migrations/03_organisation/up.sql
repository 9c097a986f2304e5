CREATE TABLE organisations (
    id uuid NOT NULL PRIMARY KEY REFERENCES audit_heads (organisation_id),
    kind text NOT NULL,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    folded_name text NOT NULL,
    territorial_unit_id uuid UNIQUE REFERENCES territorial_units (id),
    supervisor_id uuid REFERENCES organisations (id),
    treasury_post_id uuid REFERENCES organisations (id),
    currency text NOT NULL CHECK (length(currency) = 3),
    fictional boolean NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0)
);

-- Whom an organisation buys from.
CREATE TABLE suppliers (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    folded_name text NOT NULL,
    tax_number text,
    party_id uuid REFERENCES organisations (id),
    active boolean NOT NULL,
    debarred_until date,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, code)
);

-- What the installation keeps for itself, in one row.
CREATE TABLE installation (
    id integer NOT NULL PRIMARY KEY CHECK (id = 1),
    cursor_secret bytea NOT NULL CHECK (length(cursor_secret) = 32)
);
