-- Units exist from a date to a date; codes and names are attributes of a unit, never its identity.
CREATE TABLE territorial_units (
    id uuid NOT NULL PRIMARY KEY,
    level text NOT NULL CHECK (level IN ('region', 'district', 'cercle', 'commune')),
    name text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    longitude double precision,
    latitude double precision,
    area_km2 double precision,
    note text,
    fictional boolean NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4)
);
CREATE INDEX territorial_units_by_level ON territorial_units (level, id);

CREATE TABLE territorial_codes (
    scheme text NOT NULL CHECK (scheme IN ('pcode', 'iso_3166_2', 'national', 'fictional')),
    edition text NOT NULL,
    code text NOT NULL,
    unit_id uuid NOT NULL REFERENCES territorial_units (id),
    PRIMARY KEY (scheme, edition, code)
);
CREATE INDEX territorial_codes_by_unit ON territorial_codes (unit_id);

CREATE TABLE territorial_names (
    unit_id uuid NOT NULL REFERENCES territorial_units (id),
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('official', 'source', 'alias')),
    folded text NOT NULL,
    PRIMARY KEY (unit_id, name)
);
CREATE INDEX territorial_names_by_folded ON territorial_names (folded);

CREATE TABLE territorial_parents (
    unit_id uuid NOT NULL REFERENCES territorial_units (id),
    parent_id uuid NOT NULL REFERENCES territorial_units (id),
    valid_from date NOT NULL,
    valid_to date,
    PRIMARY KEY (unit_id, valid_from)
);
CREATE INDEX territorial_parents_by_parent ON territorial_parents (parent_id, unit_id);

CREATE TABLE territorial_successions (
    predecessor_id uuid NOT NULL REFERENCES territorial_units (id),
    successor_id uuid NOT NULL REFERENCES territorial_units (id),
    happened_on date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('continued', 'detached')),
    PRIMARY KEY (predecessor_id, successor_id)
);

CREATE TABLE territorial_boundaries (
    unit_id uuid NOT NULL PRIMARY KEY REFERENCES territorial_units (id),
    edition text NOT NULL,
    geometry text NOT NULL
);
