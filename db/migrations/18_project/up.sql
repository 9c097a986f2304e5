-- Which duties on one project are never one person's. Reference data, from the rules of the program.
CREATE TABLE incompatible_duties (
    duty text NOT NULL,
    other text NOT NULL,
    PRIMARY KEY (duty, other)
);

-- Committees, whose members vote.
CREATE TABLE committees (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    name text NOT NULL,
    quorum integer NOT NULL CHECK (quorum > 0),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, name)
);

CREATE TABLE committee_members (
    organisation_id uuid NOT NULL,
    committee_id uuid NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    PRIMARY KEY (organisation_id, committee_id, principal_id),
    FOREIGN KEY (organisation_id, committee_id) REFERENCES committees (organisation_id, id)
);

-- Projects. The rules of the instrument are pinned when they are submitted; submission counts how often that was.
CREATE TABLE projects (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    reference text NOT NULL,
    title text NOT NULL,
    folded_title text NOT NULL,
    objective text NOT NULL,
    instrument text NOT NULL,
    programme_id uuid,
    rule_set_version integer CHECK (rule_set_version > 0),
    state text NOT NULL,
    area text,
    requester_kind text NOT NULL,
    requester text NOT NULL,
    implementer_kind text,
    supplier_id uuid,
    fund_purpose_id uuid,
    currency text NOT NULL,
    budget bigint NOT NULL CHECK (budget > 0),
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    gender_marker integer CHECK (gender_marker BETWEEN 0 AND 3),
    risk_marker integer CHECK (risk_marker BETWEEN 0 AND 2),
    submission integer NOT NULL CHECK (submission >= 0),
    approved_on date,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, reference),
    CONSTRAINT projects_implementer CHECK ((implementer_kind IS NULL) = (supplier_id IS NULL)),
    CONSTRAINT projects_pinned CHECK ((submission = 0) = (rule_set_version IS NULL) AND (submission > 0 OR state IN ('draft', 'withdrawn'))),
    CONSTRAINT projects_approved CHECK ((approved_on IS NULL) = (state IN
        ('draft', 'submitted', 'under_review', 'returned', 'recommended', 'rejected', 'withdrawn'))),
    FOREIGN KEY (organisation_id, programme_id) REFERENCES programmes (organisation_id, id),
    FOREIGN KEY (organisation_id, supplier_id) REFERENCES suppliers (organisation_id, id),
    FOREIGN KEY (organisation_id, fund_purpose_id) REFERENCES fund_purposes (organisation_id, id)
);
-- Money that is allocated is that of one project.
CREATE UNIQUE INDEX projects_by_fund_purpose ON projects (organisation_id, fund_purpose_id) WHERE fund_purpose_id IS NOT NULL;

-- Over which places, sectors and countries a project is shared out; the shares of each sum to 10,000.
CREATE TABLE project_shares (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    dimension text NOT NULL,
    term text NOT NULL,
    bps integer NOT NULL CHECK (bps BETWEEN 1 AND 10000),
    PRIMARY KEY (organisation_id, project_id, dimension, term),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);
CREATE INDEX project_shares_by_term ON project_shares (organisation_id, dimension, term);

CREATE TABLE project_budget_lines (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    category text NOT NULL,
    description text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (organisation_id, project_id, number),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- The needs that a project answers.
CREATE TABLE project_needs (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    need_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, project_id, need_id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, need_id) REFERENCES community_needs (organisation_id, id)
);

-- Who did what for a project. What is kept apart is refused by a trigger.
CREATE TABLE project_duties (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    duty text NOT NULL,
    PRIMARY KEY (organisation_id, project_id, principal_id, duty),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- Who declared an interest in a project, and does not judge it.
CREATE TABLE project_interests (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    principal_id uuid NOT NULL REFERENCES principals (id),
    reason text NOT NULL,
    declared_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, principal_id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- What was found of a similar project.
CREATE TABLE project_overlaps (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    other_id uuid NOT NULL,
    disposition text NOT NULL,
    reason text NOT NULL,
    reviewed_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, other_id),
    CONSTRAINT project_overlaps_other CHECK (other_id <> project_id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, other_id) REFERENCES projects (organisation_id, id)
);

CREATE TABLE project_appraisals (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    submission integer NOT NULL CHECK (submission > 0),
    appraised_by uuid NOT NULL REFERENCES principals (id),
    opinion text NOT NULL,
    comment text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, submission, appraised_by),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);

-- Checks of what a project does to the conflict; of one submission.
CREATE TABLE conflict_checks (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    submission integer NOT NULL CHECK (submission > 0),
    assessed_on date NOT NULL,
    analysed_on date NOT NULL,
    valid_until date NOT NULL,
    result text NOT NULL,
    assessed_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id)
);
CREATE INDEX conflict_checks_by_project ON conflict_checks (organisation_id, project_id);

CREATE TABLE conflict_check_answers (
    organisation_id uuid NOT NULL,
    check_id uuid NOT NULL,
    question text NOT NULL,
    risk integer NOT NULL CHECK (risk BETWEEN 0 AND 3),
    mitigation text,
    PRIMARY KEY (organisation_id, check_id, question),
    FOREIGN KEY (organisation_id, check_id) REFERENCES conflict_checks (organisation_id, id)
);

-- Motions before a committee: to approve, to reject or to cancel a project.
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
    CONSTRAINT motions_action CHECK (action IN ('approve', 'reject', 'cancel')),
    CONSTRAINT motions_reason CHECK ((action = 'reject') = (rejection_reason IS NOT NULL)),
    CONSTRAINT motions_decided CHECK ((state = 'open') = (decided_at IS NULL)),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, committee_id) REFERENCES committees (organisation_id, id)
);
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
