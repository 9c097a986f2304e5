-- Kinds of expenditure and the supporting documents that each needs. Reference data.
CREATE TABLE expenditure_kinds (
    code text NOT NULL PRIMARY KEY,
    label_fr text NOT NULL,
    label_en text NOT NULL,
    creditor_part text NOT NULL,
    advance_parameter text,
    prepaid_natures text NOT NULL
);

CREATE TABLE required_documents (
    kind_code text NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    stage text NOT NULL,
    nature text,
    documents text NOT NULL,
    from_amount bigint NOT NULL CHECK (from_amount >= 0),
    confidence text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (kind_code, position)
);

CREATE TABLE commitments (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    budget_line_id uuid NOT NULL,
    section text NOT NULL,
    article text NOT NULL,
    kind_code text NOT NULL,
    supplier_id uuid NOT NULL,
    label text NOT NULL,
    committed_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    verified bigint NOT NULL CHECK (verified >= 0 AND verified <= amount),
    advance_granted bigint NOT NULL CHECK (advance_granted >= 0 AND advance_granted <= amount),
    advance_paid bigint NOT NULL CHECK (advance_paid >= 0 AND advance_paid <= advance_granted),
    advance_recovered bigint NOT NULL CHECK (advance_recovered >= 0 AND advance_recovered <= advance_granted),
    retention_withheld bigint NOT NULL CHECK (retention_withheld >= 0),
    retention_released bigint NOT NULL CHECK (retention_released >= 0),
    state text NOT NULL,
    end_reason text,
    committed_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT commitments_retention CHECK (retention_released <= retention_withheld),
    CONSTRAINT commitments_advance CHECK (state NOT IN ('settled', 'released') OR advance_recovered = advance_granted),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id),
    FOREIGN KEY (kind_code) REFERENCES expenditure_kinds (code),
    FOREIGN KEY (organisation_id, fiscal_year, section, article) REFERENCES appropriations (organisation_id, fiscal_year, section, article),
    FOREIGN KEY (organisation_id, supplier_id) REFERENCES suppliers (organisation_id, id)
);

CREATE TABLE verifications (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    commitment_id uuid NOT NULL,
    supplier_id uuid NOT NULL,
    nature text NOT NULL,
    invoice_number text NOT NULL,
    live_invoice text,
    invoice_date date NOT NULL,
    invoice_lines text,
    tax bigint NOT NULL CHECK (tax >= 0),
    advance_recovered bigint NOT NULL CHECK (advance_recovered >= 0),
    amount bigint NOT NULL CHECK (amount > 0),
    reduced bigint NOT NULL CHECK (reduced >= 0 AND reduced <= amount),
    ordered bigint NOT NULL CHECK (ordered >= 0 AND ordered <= amount - reduced),
    state text NOT NULL,
    end_reason text,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    certified_by uuid REFERENCES principals (id),
    certified_on date,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT verifications_invoice_once UNIQUE (organisation_id, supplier_id, live_invoice),
    CONSTRAINT verifications_two_people CHECK (certified_by IS NULL OR certified_by <> recorded_by),
    FOREIGN KEY (organisation_id, commitment_id) REFERENCES commitments (organisation_id, id),
    FOREIGN KEY (organisation_id, supplier_id) REFERENCES suppliers (organisation_id, id)
);

CREATE TABLE batches (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    transmitted_on date NOT NULL,
    transmitted_by uuid NOT NULL REFERENCES principals (id),
    total bigint NOT NULL CHECK (total > 0),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year)
);

CREATE TABLE payment_orders (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint CHECK (number > 0),
    verification_id uuid NOT NULL,
    commitment_id uuid NOT NULL,
    supplier_id uuid NOT NULL,
    batch_id uuid,
    replaces_id uuid,
    amount bigint NOT NULL CHECK (amount > 0),
    advance_recovered bigint NOT NULL CHECK (advance_recovered >= 0),
    withheld bigint NOT NULL CHECK (withheld >= 0 AND withheld <= amount),
    reduced bigint NOT NULL CHECK (reduced >= 0),
    paid bigint NOT NULL CHECK (paid >= 0),
    reversed bigint NOT NULL CHECK (reversed >= 0),
    state text NOT NULL,
    drafted_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    signed_by uuid REFERENCES principals (id),
    signed_on date,
    decided_by uuid REFERENCES principals (id),
    decided_on date,
    rejection_reason text,
    rejection_text text,
    entry_id uuid,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT payment_orders_net CHECK (paid + reduced <= amount - withheld OR state = 'cancelled'),
    CONSTRAINT payment_orders_reversal CHECK (reversed <= paid),
    CONSTRAINT payment_orders_two_people CHECK (
        decided_by IS NULL OR (decided_by <> drafted_by AND (signed_by IS NULL OR decided_by <> signed_by))
    ),
    FOREIGN KEY (organisation_id, verification_id) REFERENCES verifications (organisation_id, id),
    FOREIGN KEY (organisation_id, commitment_id) REFERENCES commitments (organisation_id, id),
    FOREIGN KEY (organisation_id, supplier_id) REFERENCES suppliers (organisation_id, id),
    FOREIGN KEY (organisation_id, batch_id) REFERENCES batches (organisation_id, id),
    FOREIGN KEY (organisation_id, replaces_id) REFERENCES payment_orders (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

-- What is kept back from a creditor.
CREATE TABLE deductions (
    organisation_id uuid NOT NULL,
    payment_order_id uuid NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    kind text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (organisation_id, payment_order_id, position),
    FOREIGN KEY (organisation_id, payment_order_id) REFERENCES payment_orders (organisation_id, id)
);

-- Orders held by the accountant; the latest hold of a held order is the one in force.
CREATE TABLE holds (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    payment_order_id uuid NOT NULL,
    held_from text NOT NULL,
    reason text NOT NULL,
    text text NOT NULL,
    held_on date NOT NULL,
    held_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, payment_order_id) REFERENCES payment_orders (organisation_id, id)
);
CREATE INDEX holds_by_order ON holds (organisation_id, payment_order_id);

-- Written orders to accept what was rejected.
CREATE TABLE requisitions (
    organisation_id uuid NOT NULL,
    payment_order_id uuid NOT NULL,
    reference text NOT NULL,
    sha256 text NOT NULL,
    requisitioned_by uuid NOT NULL REFERENCES principals (id),
    requisitioned_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, payment_order_id),
    FOREIGN KEY (organisation_id, payment_order_id) REFERENCES payment_orders (organisation_id, id)
);

-- Accepted orders reduced or cancelled before their payment, by both officers.
CREATE TABLE payment_order_corrections (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    payment_order_id uuid NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL,
    state text NOT NULL,
    issued_by uuid NOT NULL REFERENCES principals (id),
    issued_on date NOT NULL,
    decided_by uuid REFERENCES principals (id),
    decided_on date,
    rejection_text text,
    entry_id uuid,
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT payment_order_corrections_two_people CHECK (decided_by IS NULL OR decided_by <> issued_by),
    CONSTRAINT payment_order_corrections_posted CHECK ((state = 'accepted') = (entry_id IS NOT NULL)),
    FOREIGN KEY (organisation_id, payment_order_id) REFERENCES payment_orders (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

CREATE TABLE payments (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    payment_order_id uuid,
    carried_debt_id uuid,
    commitment_id uuid,
    remitted text,
    payee_id uuid NOT NULL,
    mode text NOT NULL,
    paid_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    entry_id uuid NOT NULL,
    paid_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT payments_one_cause CHECK (
        CASE WHEN payment_order_id IS NULL THEN 0 ELSE 1 END + CASE WHEN carried_debt_id IS NULL THEN 0 ELSE 1 END
        + CASE WHEN commitment_id IS NULL THEN 0 ELSE 1 END + CASE WHEN remitted IS NULL THEN 0 ELSE 1 END = 1
    ),
    FOREIGN KEY (organisation_id, commitment_id) REFERENCES commitments (organisation_id, id),
    FOREIGN KEY (organisation_id, payment_order_id) REFERENCES payment_orders (organisation_id, id),
    FOREIGN KEY (organisation_id, carried_debt_id) REFERENCES carried_debts (organisation_id, id),
    FOREIGN KEY (organisation_id, payee_id) REFERENCES suppliers (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

-- Payments that came back from the bank.
CREATE TABLE payment_returns (
    organisation_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    reason text NOT NULL,
    returned_on date NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    entry_id uuid NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, payment_id),
    FOREIGN KEY (organisation_id, payment_id) REFERENCES payments (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

-- Supporting documents: what kind of paper, its reference and digest, behind which act.
CREATE TABLE supporting_documents (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    sha256 text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id) REFERENCES organisations (id)
);
CREATE INDEX supporting_documents_by_subject ON supporting_documents (organisation_id, subject_id);

-- Charges without payment, in one order (mandats de régularisation): write-offs, imprest expenses, urgent payments.
CREATE TABLE regularisations (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    budget_line_id uuid NOT NULL,
    section text NOT NULL,
    article text NOT NULL,
    cause_kind text NOT NULL,
    cause_id uuid NOT NULL,
    label text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    credited_account text NOT NULL,
    regularised_on date NOT NULL,
    regularised_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    entry_id uuid NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    UNIQUE (organisation_id, cause_kind, cause_id, budget_line_id),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year, section, article) REFERENCES appropriations (organisation_id, fiscal_year, section, article),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);
