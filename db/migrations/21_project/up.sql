-- Committees also decide that a suspended project goes on, or is ended: the list of what is moved is wider. The tables that hang on
-- motions are written anew with it, the same rows under the same names.
DROP INDEX motions_open;
ALTER TABLE motion_votes RENAME TO motion_votes_before;
ALTER TABLE motion_attendances RENAME TO motion_attendances_before;
ALTER TABLE project_transitions RENAME TO project_transitions_before;
ALTER TABLE motions RENAME TO motions_before;

CREATE TABLE motions (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    committee_id uuid NOT NULL,
    action text NOT NULL,
    rejection_reason text,
    held_on date NOT NULL,
    minutes_reference text NOT NULL,
    quorum integer NOT NULL CHECK (quorum > 0),
    state text NOT NULL,
    decided_at timestamptz,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT motions_action CHECK (action IN ('approve', 'reject', 'cancel', 'resume', 'terminate')),
    CONSTRAINT motions_reason CHECK ((action = 'reject') = (rejection_reason IS NOT NULL)),
    CONSTRAINT motions_decided CHECK ((state = 'open') = (decided_at IS NULL)),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, committee_id) REFERENCES committees (organisation_id, id)
);
INSERT INTO motions SELECT organisation_id, id, project_id, committee_id, action, rejection_reason, held_on, minutes_reference, quorum,
    state, decided_at, recorded_by, recorded_at, sensitivity, version FROM motions_before;
-- A project waits for one decision at a time.
CREATE UNIQUE INDEX motions_open ON motions (organisation_id, project_id) WHERE state = 'open';

CREATE TABLE motion_attendances (
    organisation_id uuid NOT NULL,
    motion_id uuid NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    recusal text,
    PRIMARY KEY (organisation_id, motion_id, principal_id),
    FOREIGN KEY (organisation_id, motion_id) REFERENCES motions (organisation_id, id)
);
INSERT INTO motion_attendances SELECT organisation_id, motion_id, principal_id, recusal FROM motion_attendances_before;

-- Votes: one of each who is present. Who stood back, or declared an interest, has none: a trigger refuses it.
CREATE TABLE motion_votes (
    organisation_id uuid NOT NULL,
    motion_id uuid NOT NULL,
    principal_id uuid NOT NULL,
    vote text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, motion_id, principal_id),
    FOREIGN KEY (organisation_id, motion_id, principal_id) REFERENCES motion_attendances (organisation_id, motion_id, principal_id)
);
INSERT INTO motion_votes SELECT organisation_id, motion_id, principal_id, vote, recorded_at FROM motion_votes_before;

-- Every change of a project's state.
CREATE TABLE project_transitions (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    action text NOT NULL,
    state_before text,
    state_after text NOT NULL,
    rule_set_version integer,
    reason text,
    motion_id uuid,
    acted_by uuid NOT NULL REFERENCES principals (id),
    acted_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, number),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, motion_id) REFERENCES motions (organisation_id, id)
);
INSERT INTO project_transitions SELECT organisation_id, project_id, number, action, state_before, state_after, rule_set_version, reason,
    motion_id, acted_by, acted_on, recorded_at FROM project_transitions_before;

DROP TABLE motion_votes_before;
DROP TABLE motion_attendances_before;
DROP TABLE project_transitions_before;
DROP TABLE motions_before;

-- Studies of a project: recorded by one, accepted or rejected by another.
CREATE TABLE project_studies (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL,
    title text NOT NULL,
    author text NOT NULL,
    conclusion text NOT NULL,
    document_reference text NOT NULL,
    document_sha256 text NOT NULL CHECK (length(document_sha256) = 64),
    state text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    judged_by uuid REFERENCES principals (id),
    judged_on date,
    PRIMARY KEY (organisation_id, project_id, number),
    CONSTRAINT project_studies_judged CHECK ((state = 'submitted') = (judged_by IS NULL) AND (judged_by IS NULL) = (judged_on IS NULL)),
    CONSTRAINT project_studies_apart CHECK (judged_by <> recorded_by),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- What a project has to reach. A condition of a conflict-sensitivity check is a safeguard, with the question that it answers.
CREATE TABLE project_milestones (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL,
    title text NOT NULL,
    due_on date NOT NULL,
    condition_of text,
    tranche integer CHECK (tranche > 0),
    state text NOT NULL,
    reason text,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    verified_by uuid REFERENCES principals (id),
    verified_on date,
    PRIMARY KEY (organisation_id, project_id, number),
    CONSTRAINT project_milestones_verified CHECK ((state = 'planned') = (verified_by IS NULL) AND (verified_by IS NULL) = (verified_on IS NULL)),
    CONSTRAINT project_milestones_reason CHECK ((reason IS NULL) = (state IN ('planned', 'met'))),
    CONSTRAINT project_milestones_tranche CHECK ((kind = 'payment') = (tranche IS NOT NULL)),
    CONSTRAINT project_milestones_condition CHECK (condition_of IS NULL OR kind = 'safeguard'),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- What shows that a milestone is met. Whoever brings it does not verify it: a trigger refuses it.
CREATE TABLE milestone_evidence (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    milestone_number integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    document_reference text NOT NULL,
    document_sha256 text NOT NULL CHECK (length(document_sha256) = 64),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, milestone_number, number),
    UNIQUE (organisation_id, project_id, milestone_number, document_sha256),
    FOREIGN KEY (organisation_id, project_id, milestone_number) REFERENCES project_milestones (organisation_id, project_id, number)
);

CREATE TABLE monitoring_visits (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    visited_on date NOT NULL,
    modality text NOT NULL,
    physical_progress_bps integer NOT NULL CHECK (physical_progress_bps BETWEEN 0 AND 10000),
    next_action text,
    document_reference text NOT NULL,
    document_sha256 text NOT NULL CHECK (length(document_sha256) = 64),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, number),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- Who visited: by organisation and function, no person.
CREATE TABLE visit_members (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    visit_number integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    represents text NOT NULL,
    function text NOT NULL,
    PRIMARY KEY (organisation_id, project_id, visit_number, number),
    FOREIGN KEY (organisation_id, project_id, visit_number) REFERENCES monitoring_visits (organisation_id, project_id, number)
);

-- What a visit found, until it is put right.
CREATE TABLE visit_findings (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    visit_number integer NOT NULL,
    severity text NOT NULL,
    description text NOT NULL,
    corrective_action text NOT NULL,
    owner text NOT NULL,
    due_on date NOT NULL,
    state text NOT NULL,
    resolution text,
    closed_by uuid REFERENCES principals (id),
    closed_on date,
    PRIMARY KEY (organisation_id, project_id, number),
    CONSTRAINT visit_findings_closed CHECK ((state = 'open') = (closed_by IS NULL) AND (closed_by IS NULL) = (closed_on IS NULL)
        AND (closed_by IS NULL) = (resolution IS NULL)),
    FOREIGN KEY (organisation_id, project_id, visit_number) REFERENCES monitoring_visits (organisation_id, project_id, number)
);
CREATE INDEX visit_findings_open ON visit_findings (organisation_id, project_id) WHERE state = 'open';

-- From when until when a project was suspended, and why.
CREATE TABLE project_suspensions (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    reason text NOT NULL,
    explanation text NOT NULL,
    suspended_on date NOT NULL,
    resumed_on date,
    motion_id uuid,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, number),
    CONSTRAINT project_suspensions_days CHECK (resumed_on >= suspended_on),
    CONSTRAINT project_suspensions_decided CHECK ((resumed_on IS NULL) = (motion_id IS NULL)),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, motion_id) REFERENCES motions (organisation_id, id)
);
-- A project is suspended once at a time.
CREATE UNIQUE INDEX project_suspensions_open ON project_suspensions (organisation_id, project_id) WHERE resumed_on IS NULL;

-- What was asked to be changed of an approved project, with what was before. It is applied after it was reviewed and decided.
CREATE TABLE project_amendments (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL,
    state text NOT NULL,
    requested_on date NOT NULL,
    reason text NOT NULL,
    waiver_reference text,
    makes_check_stale boolean NOT NULL,
    ends_on_before date NOT NULL,
    ends_on_after date NOT NULL,
    budget_before bigint NOT NULL CHECK (budget_before > 0),
    budget_after bigint NOT NULL CHECK (budget_after > 0),
    objective_before text NOT NULL,
    objective_after text NOT NULL,
    implementer_kind_before text,
    supplier_id_before uuid,
    implementer_kind_after text,
    supplier_id_after uuid,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    reviewed_by uuid REFERENCES principals (id),
    reviewed_on date,
    decided_by uuid REFERENCES principals (id),
    decided_on date,
    minutes_reference text,
    minutes_on date,
    applied_by uuid REFERENCES principals (id),
    applied_at timestamptz,
    PRIMARY KEY (organisation_id, project_id, number),
    CONSTRAINT project_amendments_apart CHECK (reviewed_by <> recorded_by AND decided_by <> recorded_by),
    CONSTRAINT project_amendments_order CHECK ((reviewed_by IS NULL) = (state = 'proposed')
        AND (decided_by IS NULL) = (state IN ('proposed', 'reviewed')) AND (applied_by IS NULL) = (state <> 'applied')
        AND (applied_by IS NULL) = (applied_at IS NULL) AND (decided_by IS NULL) = (decided_on IS NULL)
        AND (reviewed_by IS NULL) = (reviewed_on IS NULL) AND (minutes_reference IS NULL) = (minutes_on IS NULL)),
    CONSTRAINT project_amendments_money CHECK (kind = 'cost_extension' OR budget_before = budget_after),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, supplier_id_before) REFERENCES suppliers (organisation_id, id),
    FOREIGN KEY (organisation_id, supplier_id_after) REFERENCES suppliers (organisation_id, id)
);
-- One amendment at a time.
CREATE UNIQUE INDEX project_amendments_open ON project_amendments (organisation_id, project_id) WHERE state NOT IN ('refused', 'applied');

CREATE TABLE amendment_lines (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    amendment_number integer NOT NULL,
    side text NOT NULL CHECK (side IN ('before', 'after')),
    number integer NOT NULL CHECK (number > 0),
    category text NOT NULL,
    description text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (organisation_id, project_id, amendment_number, side, number),
    FOREIGN KEY (organisation_id, project_id, amendment_number) REFERENCES project_amendments (organisation_id, project_id, number)
);

CREATE TABLE amendment_places (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    amendment_number integer NOT NULL,
    side text NOT NULL CHECK (side IN ('before', 'after')),
    term text NOT NULL,
    bps integer NOT NULL CHECK (bps BETWEEN 1 AND 10000),
    PRIMARY KEY (organisation_id, project_id, amendment_number, side, term),
    FOREIGN KEY (organisation_id, project_id, amendment_number) REFERENCES project_amendments (organisation_id, project_id, number)
);

-- What a project does: only what is built has a first stone.
ALTER TABLE projects ADD COLUMN nature text NOT NULL DEFAULT 'services';

CREATE TABLE project_ceremonies (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL,
    held_on date NOT NULL,
    territorial_unit_id uuid NOT NULL REFERENCES territorial_units (id),
    chair text NOT NULL,
    assisted_by text,
    public_link text CHECK (public_link LIKE 'https://%'),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, number),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);
CREATE UNIQUE INDEX project_ceremonies_first_stone ON project_ceremonies (organisation_id, project_id) WHERE kind = 'first_stone';

-- Who was there: by organisation and function, no person.
CREATE TABLE ceremony_attendances (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    ceremony_number integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    represents text NOT NULL,
    function text NOT NULL,
    PRIMARY KEY (organisation_id, project_id, ceremony_number, number),
    FOREIGN KEY (organisation_id, project_id, ceremony_number) REFERENCES project_ceremonies (organisation_id, project_id, number)
);

-- The certificate of what a project hands over.
CREATE TABLE handover_certificates (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    reference text NOT NULL,
    recipient_kind text NOT NULL,
    condition text NOT NULL,
    maintained_by text NOT NULL,
    maintenance_plan text NOT NULL,
    currency text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

CREATE TABLE handover_assets (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL,
    description text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    unit_value bigint NOT NULL CHECK (unit_value > 0),
    PRIMARY KEY (organisation_id, project_id, number),
    FOREIGN KEY (organisation_id, project_id) REFERENCES handover_certificates (organisation_id, project_id)
);

-- Both sides sign, for two organisations.
CREATE TABLE handover_signatures (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    side text NOT NULL CHECK (side IN ('giver', 'recipient')),
    represents text NOT NULL,
    folded_represents text NOT NULL,
    function text NOT NULL,
    signed_on date NOT NULL,
    document_reference text NOT NULL,
    document_sha256 text NOT NULL CHECK (length(document_sha256) = 64),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, side),
    UNIQUE (organisation_id, project_id, folded_represents),
    FOREIGN KEY (organisation_id, project_id) REFERENCES handover_certificates (organisation_id, project_id)
);

-- The register of assets of a local government: what came in, and out of what. Nothing is paid for it.
CREATE TABLE municipal_assets (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL,
    kind text NOT NULL,
    description text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    unit_value bigint NOT NULL CHECK (unit_value > 0),
    value bigint NOT NULL,
    currency text NOT NULL,
    entered_on date NOT NULL,
    maintained_by text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, project_id, number),
    CONSTRAINT municipal_assets_value CHECK (value = quantity * unit_value),
    FOREIGN KEY (organisation_id, project_id, number) REFERENCES handover_assets (organisation_id, project_id, number)
);

CREATE TABLE project_lessons (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    theme text NOT NULL,
    lesson text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, number),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- The final report on the work of a project, in each version that was submitted; another person accepts one.
CREATE TABLE project_narratives (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    document_reference text NOT NULL,
    document_sha256 text NOT NULL CHECK (length(document_sha256) = 64),
    submitted_by uuid NOT NULL REFERENCES principals (id),
    submitted_on date NOT NULL,
    accepted_by uuid REFERENCES principals (id),
    accepted_on date,
    PRIMARY KEY (organisation_id, project_id, number),
    CONSTRAINT project_narratives_accepted CHECK ((accepted_by IS NULL) = (accepted_on IS NULL)),
    CONSTRAINT project_narratives_apart CHECK (accepted_by <> submitted_by),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);
CREATE UNIQUE INDEX project_narratives_accepted_once ON project_narratives (organisation_id, project_id) WHERE accepted_by IS NOT NULL;

-- Indicators of results. A numeric measure never stores text: the measure stands beside each value.
CREATE TABLE project_indicators (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    title text NOT NULL,
    measure text NOT NULL,
    unit text NOT NULL,
    baseline bigint CHECK (baseline >= 0),
    target bigint CHECK (target >= 0),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, number),
    UNIQUE (organisation_id, project_id, number, measure),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

CREATE TABLE indicator_periods (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    indicator_number integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    locked_by uuid REFERENCES principals (id),
    locked_on date,
    PRIMARY KEY (organisation_id, project_id, indicator_number, number),
    CONSTRAINT indicator_periods_days CHECK (starts_on <= ends_on),
    CONSTRAINT indicator_periods_locked CHECK ((locked_by IS NULL) = (locked_on IS NULL)),
    FOREIGN KEY (organisation_id, project_id, indicator_number) REFERENCES project_indicators (organisation_id, project_id, number)
);

-- Values by period, sex and age. Nothing of a locked period changes: a trigger refuses it.
CREATE TABLE indicator_values (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    indicator_number integer NOT NULL,
    period_number integer NOT NULL,
    sex text NOT NULL,
    age_band text NOT NULL,
    measure text NOT NULL,
    numerator bigint CHECK (numerator >= 0),
    denominator bigint CHECK (denominator > 0),
    description text,
    state text NOT NULL,
    reason text,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    judged_by uuid REFERENCES principals (id),
    judged_on date,
    PRIMARY KEY (organisation_id, project_id, indicator_number, period_number, sex, age_band),
    CONSTRAINT indicator_values_type CHECK ((measure IN ('unit', 'percent')) = (numerator IS NOT NULL)
        AND (numerator IS NULL) = (description IS NOT NULL) AND (measure = 'percent') = (denominator IS NOT NULL)),
    CONSTRAINT indicator_values_judged CHECK ((state IN ('returned', 'approved')) = (judged_by IS NOT NULL)
        AND (judged_by IS NULL) = (judged_on IS NULL) AND (state = 'returned') = (reason IS NOT NULL)),
    CONSTRAINT indicator_values_apart CHECK (judged_by <> recorded_by),
    FOREIGN KEY (organisation_id, project_id, indicator_number, measure)
        REFERENCES project_indicators (organisation_id, project_id, number, measure),
    FOREIGN KEY (organisation_id, project_id, indicator_number, period_number)
        REFERENCES indicator_periods (organisation_id, project_id, indicator_number, number)
);
