-- Terms of the lists that funds use. Reference data.
CREATE TABLE fund_terms (
    vocabulary text NOT NULL,
    code text NOT NULL,
    label_en text NOT NULL,
    label_fr text NOT NULL,
    dac_code text,
    sdg_targets text NOT NULL,
    confidence text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (vocabulary, code)
);

CREATE TABLE donors (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    country text,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, code)
);

-- By which names a donor is found; no name is that of two donors.
CREATE TABLE donor_names (
    organisation_id uuid NOT NULL,
    folded text NOT NULL,
    donor_id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (organisation_id, folded),
    FOREIGN KEY (organisation_id, donor_id) REFERENCES donors (organisation_id, id)
);

-- So many units of the quoted currency for one of the base, in units of 10^-9.
CREATE TABLE exchange_rates (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    base text NOT NULL,
    quote text NOT NULL CHECK (quote <> base),
    nanos bigint NOT NULL CHECK (nanos > 0),
    valid_on date NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, base, quote, valid_on, source)
);

CREATE TABLE funds (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    currency text NOT NULL,
    legal_basis text,
    fee_bps integer NOT NULL CHECK (fee_bps BETWEEN 0 AND 10000),
    source text,
    closed_until date,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, code)
);

CREATE TABLE fund_phases (
    organisation_id uuid NOT NULL,
    fund_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    name text NOT NULL,
    envelope bigint NOT NULL CHECK (envelope > 0),
    themes text NOT NULL,
    PRIMARY KEY (organisation_id, fund_id, number),
    FOREIGN KEY (organisation_id, fund_id) REFERENCES funds (organisation_id, id)
);

-- A donor's contribution, or the fund's own account. Pledged, committed, received and written off are in its currency, the rest in
-- that of the fund.
CREATE TABLE contributions (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fund_id uuid NOT NULL,
    donor_id uuid,
    kind text NOT NULL,
    reference text NOT NULL,
    currency text NOT NULL,
    pledged bigint NOT NULL CHECK (pledged >= 0),
    committed bigint NOT NULL CHECK (committed >= 0),
    received bigint NOT NULL CHECK (received >= 0),
    written_off bigint NOT NULL CHECK (written_off >= 0),
    value bigint NOT NULL CHECK (value >= 0),
    charged bigint NOT NULL CHECK (charged >= 0),
    repaid bigint NOT NULL CHECK (repaid >= 0),
    allocated bigint NOT NULL CHECK (allocated >= 0),
    disbursed bigint NOT NULL CHECK (disbursed >= 0),
    spent bigint NOT NULL CHECK (spent >= 0),
    returned bigint NOT NULL CHECK (returned >= 0),
    fee_bps integer CHECK (fee_bps BETWEEN 0 AND 10000),
    agreement_reference text,
    agreed_on date,
    first_received_on date,
    ends_on date,
    note text,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, reference),
    CONSTRAINT contributions_donor CHECK ((kind = 'own') = (donor_id IS NULL)),
    CONSTRAINT contributions_received CHECK (received + written_off <= committed),
    CONSTRAINT contributions_available CHECK (kind = 'own' OR charged + repaid + allocated <= value + returned),
    CONSTRAINT contributions_disbursed CHECK (disbursed <= allocated),
    CONSTRAINT contributions_spent CHECK (spent + returned <= disbursed),
    FOREIGN KEY (organisation_id, fund_id) REFERENCES funds (organisation_id, id),
    FOREIGN KEY (organisation_id, donor_id) REFERENCES donors (organisation_id, id)
);
CREATE INDEX contributions_by_fund ON contributions (organisation_id, fund_id);

-- When money is expected; none of it counts as received.
CREATE TABLE contribution_instalments (
    organisation_id uuid NOT NULL,
    contribution_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    due_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (organisation_id, contribution_id, number),
    FOREIGN KEY (organisation_id, contribution_id) REFERENCES contributions (organisation_id, id)
);

CREATE TABLE earmarks (
    organisation_id uuid NOT NULL,
    contribution_id uuid NOT NULL,
    gender_marker_min integer CHECK (gender_marker_min BETWEEN 0 AND 3),
    minimum_purposes integer CHECK (minimum_purposes > 0),
    cap_bps integer CHECK (cap_bps BETWEEN 1 AND 10000),
    PRIMARY KEY (organisation_id, contribution_id),
    FOREIGN KEY (organisation_id, contribution_id) REFERENCES contributions (organisation_id, id)
);

CREATE TABLE earmark_terms (
    organisation_id uuid NOT NULL,
    contribution_id uuid NOT NULL,
    dimension text NOT NULL,
    term text NOT NULL,
    PRIMARY KEY (organisation_id, contribution_id, dimension, term),
    FOREIGN KEY (organisation_id, contribution_id) REFERENCES earmarks (organisation_id, contribution_id)
);

-- What money is allocated to, as earmarks look at it.
CREATE TABLE fund_purposes (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fund_id uuid NOT NULL,
    reference text NOT NULL,
    title text NOT NULL,
    folded_title text NOT NULL,
    sector text NOT NULL,
    objective text,
    instrument text,
    gender_marker integer CHECK (gender_marker BETWEEN 0 AND 3),
    budget bigint NOT NULL CHECK (budget > 0),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, reference),
    FOREIGN KEY (organisation_id, fund_id) REFERENCES funds (organisation_id, id)
);

-- Where; the shares of a purpose sum to 10,000.
CREATE TABLE fund_purpose_places (
    organisation_id uuid NOT NULL,
    purpose_id uuid NOT NULL,
    territorial_unit_id uuid NOT NULL REFERENCES territorial_units (id),
    bps integer NOT NULL CHECK (bps BETWEEN 1 AND 10000),
    PRIMARY KEY (organisation_id, purpose_id, territorial_unit_id),
    FOREIGN KEY (organisation_id, purpose_id) REFERENCES fund_purposes (organisation_id, id)
);

CREATE TABLE fund_allocations (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fund_id uuid NOT NULL,
    purpose_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    decision_reference text NOT NULL,
    decided_on date NOT NULL,
    decided_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, fund_id) REFERENCES funds (organisation_id, id),
    FOREIGN KEY (organisation_id, purpose_id) REFERENCES fund_purposes (organisation_id, id)
);
CREATE INDEX fund_allocations_by_purpose ON fund_allocations (organisation_id, purpose_id);

-- What each contribution pays of an allocation. The pooled lines are the pool as it was composed when the allocation was decided.
CREATE TABLE fund_allocation_lines (
    organisation_id uuid NOT NULL,
    allocation_id uuid NOT NULL,
    contribution_id uuid NOT NULL,
    pooled boolean NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    released bigint NOT NULL CHECK (released >= 0),
    disbursed bigint NOT NULL CHECK (disbursed >= 0),
    spent bigint NOT NULL CHECK (spent >= 0),
    returned bigint NOT NULL CHECK (returned >= 0),
    PRIMARY KEY (organisation_id, allocation_id, contribution_id),
    CONSTRAINT fund_allocation_lines_disbursed CHECK (released + disbursed <= amount),
    CONSTRAINT fund_allocation_lines_spent CHECK (spent + returned <= disbursed),
    FOREIGN KEY (organisation_id, allocation_id) REFERENCES fund_allocations (organisation_id, id),
    FOREIGN KEY (organisation_id, contribution_id) REFERENCES contributions (organisation_id, id)
);

-- Everything that moved, contribution by contribution; what one act moved shares its act_id.
CREATE TABLE fund_movements (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fund_id uuid NOT NULL,
    contribution_id uuid NOT NULL,
    act_id uuid NOT NULL,
    kind text NOT NULL,
    moved_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    value bigint NOT NULL CHECK (value >= 0),
    exchange_rate_id uuid,
    allocation_id uuid,
    purpose_id uuid,
    reference text,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, fund_id) REFERENCES funds (organisation_id, id),
    FOREIGN KEY (organisation_id, contribution_id) REFERENCES contributions (organisation_id, id),
    FOREIGN KEY (organisation_id, exchange_rate_id) REFERENCES exchange_rates (organisation_id, id),
    FOREIGN KEY (organisation_id, allocation_id) REFERENCES fund_allocations (organisation_id, id),
    FOREIGN KEY (organisation_id, purpose_id) REFERENCES fund_purposes (organisation_id, id)
);
CREATE INDEX fund_movements_by_fund ON fund_movements (organisation_id, fund_id, moved_on);
CREATE INDEX fund_movements_by_contribution ON fund_movements (organisation_id, contribution_id);
