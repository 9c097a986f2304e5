-- Marks that lists print beside a project, each with what it means once that is known.
CREATE TABLE project_flags (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    code text NOT NULL,
    legend text,
    PRIMARY KEY (organisation_id, project_id, code),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- What was told of a project to everyone: as it was then, and never otherwise. One at a time is the current one.
CREATE TABLE project_publications (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    state text NOT NULL CHECK (state IN ('published', 'superseded', 'withdrawn')),
    summary text NOT NULL,
    summary_sha256 text NOT NULL CHECK (length(summary_sha256) = 64),
    published_by uuid NOT NULL REFERENCES principals (id),
    published_on date NOT NULL,
    withdrawn_by uuid REFERENCES principals (id),
    withdrawn_on date,
    withdrawal_reason text,
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, project_id, number),
    CONSTRAINT project_publications_withdrawn CHECK ((state = 'withdrawn') = (withdrawn_by IS NOT NULL)
        AND (withdrawn_by IS NULL) = (withdrawn_on IS NULL) AND (withdrawn_by IS NULL) = (withdrawal_reason IS NULL)
        AND (state <> 'withdrawn' OR sensitivity > 1)),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);
CREATE UNIQUE INDEX project_publications_current ON project_publications (organisation_id, project_id) WHERE state = 'published';
