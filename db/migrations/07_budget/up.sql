CREATE TABLE nomenclatures (
    id uuid NOT NULL PRIMARY KEY,
    code text NOT NULL UNIQUE,
    label_fr text NOT NULL,
    label_en text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    confidence text NOT NULL,
    source text NOT NULL
);

CREATE TABLE nomenclature_items (
    nomenclature_id uuid NOT NULL REFERENCES nomenclatures (id),
    axis text NOT NULL CHECK (axis IN ('chapter', 'article', 'function', 'funding')),
    section text NOT NULL,
    direction text NOT NULL,
    code text NOT NULL,
    parent_code text NOT NULL,
    label_fr text NOT NULL,
    label_en text NOT NULL,
    account_code text,
    mandatory boolean NOT NULL,
    executable boolean NOT NULL,
    expenditure_kind text,
    receivable text,
    levy text CHECK (levy IN ('tax', 'fee')),
    PRIMARY KEY (nomenclature_id, axis, section, direction, code)
);

CREATE TABLE fiscal_years (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    fiscal_year integer NOT NULL CHECK (fiscal_year BETWEEN 1960 AND 2200),
    nomenclature_id uuid NOT NULL REFERENCES nomenclatures (id),
    state text NOT NULL CHECK (state IN ('preparation', 'open')),
    opened_at timestamptz,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, fiscal_year)
);

-- Gapless numbers: one row per organisation, fiscal year and series.
CREATE TABLE number_series (
    organisation_id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    series text NOT NULL,
    last_number bigint NOT NULL CHECK (last_number >= 0),
    PRIMARY KEY (organisation_id, fiscal_year, series),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year)
);

CREATE TABLE budgets (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('original', 'supplementary', 'amending')),
    title text NOT NULL,
    state text NOT NULL,
    edition integer NOT NULL CHECK (edition > 0),
    voted_edition integer NOT NULL CHECK (voted_edition >= 0 AND voted_edition <= edition),
    returns integer NOT NULL CHECK (returns >= 0),
    vote_held_on date,
    vote_serving integer,
    vote_present integer,
    vote_for integer,
    vote_against integer,
    vote_abstentions integer,
    deliberation_number text,
    deliberation_sha256 text,
    annexes_sha256 text,
    return_reason text,
    return_text text,
    notice_reference text,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year)
);
-- At most one live original budget per organisation and year.
CREATE UNIQUE INDEX budgets_one_original ON budgets (organisation_id, fiscal_year) WHERE kind = 'original';

CREATE TABLE budget_lines (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    budget_id uuid NOT NULL,
    edition integer NOT NULL,
    position integer NOT NULL,
    section text NOT NULL CHECK (section IN ('operating', 'capital')),
    direction text NOT NULL CHECK (direction IN ('revenue', 'expenditure')),
    chapter text NOT NULL,
    article text NOT NULL,
    paragraph text NOT NULL,
    label_fr text NOT NULL,
    label_en text NOT NULL,
    function text NOT NULL,
    funding text NOT NULL,
    mandatory boolean NOT NULL,
    executable boolean NOT NULL,
    location text,
    plan_action text,
    non_project_reason text,
    initial bigint NOT NULL CHECK (initial BETWEEN 0 AND 1000000000000000),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, budget_id, edition, position),
    FOREIGN KEY (organisation_id, budget_id) REFERENCES budgets (organisation_id, id)
);

-- The credit of an article (the level of speciality) and what was done with it.
CREATE TABLE appropriations (
    organisation_id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    section text NOT NULL,
    article text NOT NULL,
    initial bigint NOT NULL CHECK (initial >= 0),
    increased bigint NOT NULL CHECK (increased >= 0),
    decreased bigint NOT NULL CHECK (decreased >= 0),
    carried_forward bigint NOT NULL CHECK (carried_forward >= 0),
    committed bigint NOT NULL,
    verified bigint NOT NULL,
    ordered bigint NOT NULL,
    accepted bigint NOT NULL,
    paid bigint NOT NULL CHECK (paid >= 0),
    opened_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, fiscal_year, section, article),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year),
    CONSTRAINT appropriations_chain CHECK (
        paid <= accepted AND accepted <= ordered AND ordered <= verified AND verified <= committed
        AND committed <= initial + increased - decreased + carried_forward
    )
);

-- Every step that moved a credit, with its accounting date and the instant it was recorded.
CREATE TABLE credit_movements (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    section text NOT NULL,
    article text NOT NULL,
    budget_line_id uuid NOT NULL,
    step text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    effective_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    cause_kind text NOT NULL,
    cause_id uuid NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year, section, article) REFERENCES appropriations (organisation_id, fiscal_year, section, article),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id)
);
CREATE INDEX credit_movements_by_year ON credit_movements (organisation_id, fiscal_year);

-- What was done with each line, for information: credit is controlled by article.
CREATE TABLE line_executions (
    organisation_id uuid NOT NULL,
    budget_line_id uuid NOT NULL,
    committed bigint NOT NULL,
    verified bigint NOT NULL,
    ordered bigint NOT NULL,
    accepted bigint NOT NULL,
    paid bigint NOT NULL CHECK (paid >= 0),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, budget_line_id),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id),
    CONSTRAINT line_executions_chain CHECK (
        paid <= accepted AND accepted <= ordered AND ordered <= verified AND verified <= committed
    )
);

-- Every step that moved the execution of a line of revenue, with its accounting date and the instant it was recorded.
CREATE TABLE revenue_movements (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    budget_line_id uuid NOT NULL,
    step text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    effective_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    cause_kind text NOT NULL,
    cause_id uuid NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id)
);
CREATE INDEX revenue_movements_by_year ON revenue_movements (organisation_id, fiscal_year);

-- What was done with each line of revenue. A forecast is no ceiling.
CREATE TABLE revenue_executions (
    organisation_id uuid NOT NULL,
    budget_line_id uuid NOT NULL,
    ordered bigint NOT NULL CHECK (ordered >= 0),
    collected bigint NOT NULL CHECK (collected >= 0 AND collected <= ordered),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, budget_line_id),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id)
);
