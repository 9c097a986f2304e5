CREATE TABLE consultations (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    place text NOT NULL,
    held_on date NOT NULL,
    women integer NOT NULL CHECK (women >= 0),
    men integer NOT NULL CHECK (men >= 0),
    minutes_sha256 text NOT NULL CHECK (length(minutes_sha256) = 64),
    summary text NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id)
);

CREATE TABLE public_debates (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    place text NOT NULL,
    held_on date NOT NULL,
    women integer NOT NULL CHECK (women >= 0),
    men integer NOT NULL CHECK (men >= 0),
    minutes_sha256 text NOT NULL CHECK (length(minutes_sha256) = 64),
    summary text NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id)
);
