-- Where a project stands, in millionths of a degree. A point outside of its unit tells why.
CREATE TABLE project_sites (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    unit_id uuid NOT NULL REFERENCES territorial_units (id),
    name text NOT NULL,
    longitude integer NOT NULL CHECK (longitude BETWEEN -180000000 AND 180000000),
    latitude integer NOT NULL CHECK (latitude BETWEEN -90000000 AND 90000000),
    outside_reason text,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);
CREATE INDEX project_sites_by_project ON project_sites (organisation_id, project_id, id);
CREATE INDEX projects_by_start ON projects (organisation_id, starts_on);
