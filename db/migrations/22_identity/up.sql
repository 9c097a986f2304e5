-- Grave requests that wait for a second person: who asked for what, and a digest of the request. What it says is not kept.
CREATE TABLE proposals (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    operation text NOT NULL,
    target text NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    state text NOT NULL CHECK (state IN ('open', 'carried_out', 'withdrawn', 'lapsed')),
    proposed_by uuid NOT NULL REFERENCES principals (id),
    proposed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_by uuid REFERENCES principals (id),
    decided_at timestamptz,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    CHECK (expires_at > proposed_at),
    CHECK ((state = 'open') = (decided_at IS NULL)),
    -- Two persons, or it is not carried out; nor after its time.
    CHECK (state <> 'carried_out' OR (decided_by IS NOT NULL AND decided_by <> proposed_by AND decided_at < expires_at)),
    CHECK (state <> 'withdrawn' OR decided_by IS NOT NULL)
);
CREATE UNIQUE INDEX proposals_open ON proposals (organisation_id, digest) WHERE state = 'open';

-- How much somebody was told of late, wherever it was.
CREATE INDEX access_records_by_reader ON access_records (principal_id, recorded_at);
