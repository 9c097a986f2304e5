-- When the owner of a session last proved who they are; unknown of sessions begun before, and of those that another provider vouches for.
ALTER TABLE sessions ADD COLUMN proven_at timestamptz;

-- Generators of one-time passwords (RFC 6238): at most one a person. A code is good once, and never an earlier one after it.
CREATE TABLE authenticators (
    principal_id uuid NOT NULL PRIMARY KEY REFERENCES principals (id),
    sealed_secret bytea NOT NULL,
    enrolled_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step bigint NOT NULL CHECK (last_step >= 0),
    CHECK (confirmed_at IS NULL OR confirmed_at >= enrolled_at)
);
