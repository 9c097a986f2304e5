-- Who was told what is sensitive: one row for each read, stored before it is answered.
CREATE TABLE access_records (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    -- Sessions that expired are removed; what was read in them is not.
    session_id uuid,
    client_key_id uuid REFERENCES client_keys (id),
    role text NOT NULL,
    seat_id uuid REFERENCES organisations (id),
    operation text NOT NULL,
    request_sha256 bytea NOT NULL CHECK (length(request_sha256) = 32),
    reason text CHECK (reason IS NULL OR length(reason) BETWEEN 3 AND 200),
    answer_sha256 bytea NOT NULL CHECK (length(answer_sha256) = 32),
    salt uuid NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX access_records_by_principal ON access_records (organisation_id, principal_id, id);

-- What each read was about: what its path named, then what its answer told, in order.
CREATE TABLE access_record_subjects (
    organisation_id uuid NOT NULL,
    access_record_id uuid NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    subject_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, access_record_id, position),
    FOREIGN KEY (organisation_id, access_record_id) REFERENCES access_records (organisation_id, id)
);
CREATE INDEX access_record_subjects_by_subject ON access_record_subjects (organisation_id, subject_id, access_record_id);
