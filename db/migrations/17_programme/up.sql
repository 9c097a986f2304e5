-- Programmes: who orders them, who leads them, for how long, and what they follow.
CREATE TABLE programmes (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    code text NOT NULL,
    title text NOT NULL,
    objective text NOT NULL,
    commissioner text NOT NULL,
    lead_agency text NOT NULL,
    levels text NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL CHECK (ends_on >= starts_on),
    predecessor_id uuid,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, code),
    CONSTRAINT programmes_predecessor CHECK (predecessor_id <> id),
    FOREIGN KEY (organisation_id, predecessor_id) REFERENCES programmes (organisation_id, id)
);

CREATE TABLE programme_phases (
    organisation_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    name text NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL CHECK (ends_on >= starts_on),
    PRIMARY KEY (organisation_id, programme_id, number),
    FOREIGN KEY (organisation_id, programme_id) REFERENCES programmes (organisation_id, id)
);

-- Meetings at which a community said what it needs; they never change.
CREATE TABLE community_meetings (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    territorial_unit_id uuid NOT NULL REFERENCES territorial_units (id),
    held_on date NOT NULL,
    method text NOT NULL,
    women integer NOT NULL CHECK (women >= 0),
    men integer NOT NULL CHECK (men >= 0),
    minutes_sha256 text NOT NULL CHECK (length(minutes_sha256) = 64),
    summary text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT community_meetings_attended CHECK (women + men > 0)
);

-- What it needs, most of all first.
CREATE TABLE community_needs (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    meeting_id uuid NOT NULL,
    rank integer NOT NULL CHECK (rank > 0),
    sector text NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, meeting_id, rank),
    FOREIGN KEY (organisation_id, meeting_id) REFERENCES community_meetings (organisation_id, id)
);
