-- Campaigns that divide an envelope. What they rest on and what comes of it are kept as documents, so that they can be recalculated
-- to the byte.
CREATE TABLE endowment_campaigns (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    endowment_type text NOT NULL,
    level text NOT NULL CHECK (level IN ('commune', 'cercle', 'region', 'district')),
    title text NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    envelope bigint NOT NULL CHECK (envelope > 0),
    data_date date NOT NULL,
    rights_expire_on date NOT NULL CHECK (rights_expire_on > data_date),
    formula text NOT NULL,
    candidates text NOT NULL,
    state text NOT NULL CHECK (state IN ('draft', 'frozen', 'calculated', 'validated', 'notified', 'closed')),
    inputs text,
    inputs_sha256 text,
    frozen_on date,
    outcome text,
    outcome_sha256 text,
    calculated_by uuid REFERENCES principals (id),
    calculated_on date,
    validated_by uuid REFERENCES principals (id),
    validated_on date,
    decision_reference text,
    decision_sha256 text,
    notified_on date,
    published_on date,
    created_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT endowment_campaigns_frozen CHECK ((state = 'draft') = (inputs IS NULL)),
    CONSTRAINT endowment_campaigns_calculated CHECK ((state IN ('draft', 'frozen')) = (outcome IS NULL)),
    CONSTRAINT endowment_campaigns_two_people CHECK (validated_by IS NULL OR validated_by <> calculated_by)
);

-- What a local government may draw, by an endowment of another organisation; the local government sees its own.
CREATE TABLE drawing_rights (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    endowment_campaign_id uuid NOT NULL,
    territorial_unit_id uuid NOT NULL REFERENCES territorial_units (id),
    territorial_code text NOT NULL,
    name text NOT NULL,
    fiscal_year integer NOT NULL,
    endowment_type text NOT NULL,
    currency text NOT NULL CHECK (length(currency) = 3),
    notified_on date NOT NULL,
    expires_on date NOT NULL,
    state text NOT NULL CHECK (state IN ('notified', 'agreed', 'partly_disbursed', 'consumed', 'expired', 'cancelled')),
    amount bigint NOT NULL CHECK (amount > 0),
    agreed bigint NOT NULL CHECK (agreed >= 0),
    disbursed bigint NOT NULL CHECK (disbursed >= 0),
    justified bigint NOT NULL CHECK (justified >= 0),
    ended_reason text,
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, endowment_campaign_id, territorial_unit_id),
    FOREIGN KEY (organisation_id, endowment_campaign_id) REFERENCES endowment_campaigns (organisation_id, id),
    CONSTRAINT drawing_rights_sums CHECK (justified <= disbursed AND disbursed <= agreed AND agreed <= amount)
);
CREATE INDEX drawing_rights_by_unit ON drawing_rights (territorial_unit_id, id);

-- What was agreed on a right: grant and counterpart make the cost of a project that stands in the budget of its beneficiary.
CREATE TABLE drawing_agreements (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    drawing_right_id uuid NOT NULL,
    reference text NOT NULL,
    project text NOT NULL,
    beneficiary_id uuid NOT NULL REFERENCES organisations (id),
    revenue_line_id uuid NOT NULL,
    total_cost bigint NOT NULL CHECK (total_cost > 0),
    grant_amount bigint NOT NULL CHECK (grant_amount > 0),
    counterpart bigint NOT NULL CHECK (counterpart >= 0),
    counterpart_bps integer NOT NULL CHECK (counterpart_bps BETWEEN 0 AND 9999),
    signed_on date NOT NULL,
    document_sha256 text NOT NULL,
    concluded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, drawing_right_id, reference),
    FOREIGN KEY (organisation_id, drawing_right_id) REFERENCES drawing_rights (organisation_id, id),
    FOREIGN KEY (beneficiary_id, revenue_line_id) REFERENCES budget_lines (organisation_id, id),
    CONSTRAINT drawing_agreements_cost CHECK (grant_amount + counterpart = total_cost)
);

-- The lines of expenditure that the project stands on, in the budget of its beneficiary.
CREATE TABLE drawing_agreement_lines (
    organisation_id uuid NOT NULL,
    drawing_agreement_id uuid NOT NULL,
    beneficiary_id uuid NOT NULL,
    budget_line_id uuid NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, drawing_agreement_id, budget_line_id),
    FOREIGN KEY (organisation_id, drawing_agreement_id) REFERENCES drawing_agreements (organisation_id, id),
    FOREIGN KEY (beneficiary_id, budget_line_id) REFERENCES budget_lines (organisation_id, id)
);

-- What was paid on an agreement.
CREATE TABLE drawing_tranches (
    organisation_id uuid NOT NULL,
    drawing_agreement_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    amount bigint NOT NULL CHECK (amount > 0),
    disbursed_on date NOT NULL,
    reference text NOT NULL,
    disbursed_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, drawing_agreement_id, number),
    FOREIGN KEY (organisation_id, drawing_agreement_id) REFERENCES drawing_agreements (organisation_id, id)
);

-- What was justified of a tranche.
CREATE TABLE drawing_justifications (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    drawing_agreement_id uuid NOT NULL,
    number integer NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    document_sha256 text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, drawing_agreement_id, number) REFERENCES drawing_tranches (organisation_id, drawing_agreement_id, number)
);
