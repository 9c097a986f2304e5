CREATE TABLE cash_offices (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    act_reference text NOT NULL,
    act_date date NOT NULL,
    act_sha256 text NOT NULL,
    ceiling bigint NOT NULL CHECK (ceiling > 0),
    max_unit_expense bigint CHECK (max_unit_expense > 0 AND max_unit_expense <= ceiling),
    -- Articles of expenditure, separated by commas; none for a collection office.
    allowed_articles text,
    cash_officer_id uuid NOT NULL REFERENCES principals (id),
    deputy_id uuid REFERENCES principals (id),
    bond bigint NOT NULL CHECK (bond >= 0),
    state text NOT NULL,
    state_reason text,
    held bigint NOT NULL,
    spent bigint NOT NULL CHECK (spent >= 0),
    standing_advance bigint NOT NULL CHECK (standing_advance >= 0 AND standing_advance <= ceiling),
    undeposited_since date,
    activated_on date,
    last_inspected_on date,
    created_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT cash_offices_ceiling CHECK (held >= 0 AND held <= ceiling),
    CONSTRAINT cash_offices_in_hand CHECK (spent <= held),
    CONSTRAINT cash_offices_two_people CHECK (deputy_id IS NULL OR deputy_id <> cash_officer_id),
    CONSTRAINT cash_offices_imprest CHECK (
        (kind = 'imprest' AND max_unit_expense IS NOT NULL AND allowed_articles IS NOT NULL AND held <= standing_advance
            AND undeposited_since IS NULL)
        OR (kind = 'collection' AND max_unit_expense IS NULL AND allowed_articles IS NULL AND spent = 0 AND standing_advance = 0
            AND (undeposited_since IS NULL) = (held = 0))
    ),
    CONSTRAINT cash_offices_closed_empty CHECK (state <> 'closed' OR held = 0)
);

-- Everything that moved the money of the offices; one entry of the ledger each.
CREATE TABLE cash_movements (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    cash_office_id uuid NOT NULL,
    kind text NOT NULL,
    fiscal_year integer NOT NULL,
    -- Movements that are documents of their own have a number: advances, returns, deposits, sales.
    number bigint CHECK (number > 0),
    amount bigint NOT NULL CHECK (amount > 0),
    moved_on date NOT NULL,
    cause_id uuid,
    document_sha256 text,
    entry_id uuid NOT NULL,
    moved_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, kind, number),
    UNIQUE (organisation_id, entry_id),
    FOREIGN KEY (organisation_id, cash_office_id) REFERENCES cash_offices (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);
CREATE INDEX cash_movements_by_office ON cash_movements (organisation_id, cash_office_id);

CREATE TABLE imprest_expenses (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    cash_office_id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    budget_line_id uuid NOT NULL,
    article text NOT NULL,
    payee text NOT NULL,
    label text NOT NULL,
    spent_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    receipt_sha256 text NOT NULL,
    state text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, cash_office_id) REFERENCES cash_offices (organisation_id, id),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id)
);
CREATE INDEX imprest_expenses_by_office ON imprest_expenses (organisation_id, cash_office_id);
CREATE INDEX imprest_expenses_by_receipt ON imprest_expenses (organisation_id, receipt_sha256);

CREATE TABLE justification_slips (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    cash_office_id uuid NOT NULL,
    total bigint NOT NULL CHECK (total > 0),
    state text NOT NULL,
    submitted_on date NOT NULL,
    submitted_by uuid NOT NULL REFERENCES principals (id),
    signed_on date,
    signed_by uuid REFERENCES principals (id),
    decided_on date,
    decided_by uuid REFERENCES principals (id),
    rejection_text text,
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT justification_slips_two_people CHECK (
        state <> 'accepted' OR (signed_by IS NOT NULL AND decided_by <> submitted_by AND decided_by <> signed_by)
    ),
    FOREIGN KEY (organisation_id, cash_office_id) REFERENCES cash_offices (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year)
);

-- Which expenses stand on which slip, those of rejected slips too.
CREATE TABLE justification_slip_expenses (
    organisation_id uuid NOT NULL,
    slip_id uuid NOT NULL,
    expense_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, slip_id, expense_id),
    FOREIGN KEY (organisation_id, slip_id) REFERENCES justification_slips (organisation_id, id),
    FOREIGN KEY (organisation_id, expense_id) REFERENCES imprest_expenses (organisation_id, id)
);

CREATE TABLE cash_inspections (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    cash_office_id uuid NOT NULL,
    inspected_on date NOT NULL,
    expected bigint NOT NULL CHECK (expected >= 0),
    counted bigint NOT NULL CHECK (counted >= 0),
    minutes_sha256 text NOT NULL,
    -- Who kept the office, and owes what is missing.
    cash_officer_id uuid NOT NULL REFERENCES principals (id),
    inspected_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    entry_id uuid,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT cash_inspections_two_people CHECK (inspected_by <> cash_officer_id),
    CONSTRAINT cash_inspections_posted CHECK ((entry_id IS NULL) = (counted = expected)),
    FOREIGN KEY (organisation_id, cash_office_id) REFERENCES cash_offices (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

CREATE TABLE ticket_kinds (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    name text NOT NULL,
    face_value bigint NOT NULL CHECK (face_value > 0),
    article text NOT NULL,
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, name)
);

-- Where each number is now. Ranges of a kind never overlap: the write that receives or splits one looks at its neighbours
-- under the lock of the organisation, and no two ranges begin or end alike.
CREATE TABLE ticket_ranges (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    ticket_kind_id uuid NOT NULL,
    first_number bigint NOT NULL CHECK (first_number BETWEEN 1 AND 999999999),
    last_number bigint NOT NULL CHECK (last_number BETWEEN 1 AND 999999999),
    state text NOT NULL,
    cash_office_id uuid,
    moved_on date NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, ticket_kind_id, first_number),
    UNIQUE (organisation_id, ticket_kind_id, last_number),
    CONSTRAINT ticket_ranges_in_order CHECK (first_number <= last_number),
    CONSTRAINT ticket_ranges_in_hand CHECK (state NOT IN ('issued', 'sold') OR cash_office_id IS NOT NULL),
    FOREIGN KEY (organisation_id, ticket_kind_id) REFERENCES ticket_kinds (organisation_id, id),
    FOREIGN KEY (organisation_id, cash_office_id) REFERENCES cash_offices (organisation_id, id)
);

-- How the numbers came to be there.
CREATE TABLE ticket_movements (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    ticket_kind_id uuid NOT NULL,
    first_number bigint NOT NULL CHECK (first_number BETWEEN 1 AND 999999999),
    last_number bigint NOT NULL CHECK (last_number BETWEEN 1 AND 999999999),
    from_state text,
    to_state text NOT NULL,
    cash_office_id uuid,
    moved_on date NOT NULL,
    document_sha256 text,
    decision text,
    entry_id uuid,
    moved_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT ticket_movements_in_order CHECK (first_number <= last_number),
    FOREIGN KEY (organisation_id, ticket_kind_id) REFERENCES ticket_kinds (organisation_id, id),
    FOREIGN KEY (organisation_id, cash_office_id) REFERENCES cash_offices (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);
CREATE INDEX ticket_movements_by_kind ON ticket_movements (organisation_id, ticket_kind_id);
