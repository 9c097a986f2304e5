-- How a tax is shared between the levels of local government. Shares of an article and a date sum to 10,000.
CREATE TABLE tax_shares (
    article text NOT NULL,
    level text NOT NULL CHECK (level IN ('commune', 'cercle', 'region', 'district')),
    valid_from date NOT NULL,
    valid_to date,
    bps integer NOT NULL CHECK (bps BETWEEN 1 AND 10000),
    confidence text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (article, level, valid_from)
);

-- Who owes: people and organisations (redevables).
CREATE TABLE debtors (
    organisation_id uuid NOT NULL REFERENCES organisations (id),
    id uuid NOT NULL,
    code text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('person', 'organisation')),
    name text NOT NULL,
    folded_name text NOT NULL,
    tax_number text,
    active boolean NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, code)
);

-- What the council voted for the year: without it no levy is ordered.
CREATE TABLE levy_authorisations (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    article text NOT NULL,
    deliberation_number text NOT NULL,
    held_on date NOT NULL,
    deliberation_sha256 text NOT NULL,
    rate text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, article, deliberation_number),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year)
);

CREATE TABLE revenue_orders (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint CHECK (number > 0),
    kind text NOT NULL CHECK (kind IN ('individual', 'roll', 'transfer', 'recovery', 'debt_reduction', 'carried')),
    budget_line_id uuid,
    article text,
    debtor_id uuid,
    taxpayers integer CHECK (taxpayers > 0),
    reference text,
    since_year integer,
    label text NOT NULL,
    folded_label text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    receivable_account text NOT NULL,
    state text NOT NULL,
    cause_kind text,
    cause_id uuid,
    drafted_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    issued_by uuid REFERENCES principals (id),
    issued_on date,
    decided_by uuid REFERENCES principals (id),
    decided_on date,
    rejection_reason text,
    rejection_text text,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    UNIQUE (organisation_id, fiscal_year, receivable_account, reference),
    CONSTRAINT revenue_orders_two_people CHECK (
        kind = 'carried' OR decided_by IS NULL OR (decided_by <> drafted_by AND decided_by <> issued_by)
    ),
    CONSTRAINT revenue_orders_carried CHECK ((kind = 'carried') = (since_year IS NOT NULL) AND (since_year IS NULL OR since_year < fiscal_year)),
    CONSTRAINT revenue_orders_line CHECK (kind = 'recovery' OR (kind = 'carried') = (budget_line_id IS NULL)),
    FOREIGN KEY (organisation_id, fiscal_year, receivable_account) REFERENCES balances (organisation_id, fiscal_year, account_code),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id),
    FOREIGN KEY (organisation_id, debtor_id) REFERENCES debtors (organisation_id, id)
);
CREATE INDEX revenue_orders_by_cause ON revenue_orders (organisation_id, cause_id);
CREATE INDEX revenue_orders_by_debtor ON revenue_orders (organisation_id, debtor_id);

-- What is owed on an accepted order, and what became of it.
CREATE TABLE receivables (
    organisation_id uuid NOT NULL,
    revenue_order_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    reduced bigint NOT NULL CHECK (reduced >= 0),
    collected bigint NOT NULL CHECK (collected >= 0),
    written_off bigint NOT NULL CHECK (written_off >= 0),
    waived bigint NOT NULL CHECK (waived >= 0),
    recovered bigint NOT NULL CHECK (recovered >= 0),
    overpaid bigint NOT NULL CHECK (overpaid >= 0),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, revenue_order_id),
    FOREIGN KEY (organisation_id, revenue_order_id) REFERENCES revenue_orders (organisation_id, id),
    CONSTRAINT receivables_outstanding CHECK (reduced + collected + written_off + waived <= amount),
    CONSTRAINT receivables_recovered CHECK (recovered <= written_off)
);

-- Who gets which part of an accepted order on a shared tax.
CREATE TABLE revenue_shares (
    organisation_id uuid NOT NULL,
    revenue_order_id uuid NOT NULL,
    level text NOT NULL,
    own boolean NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    reduced bigint NOT NULL CHECK (reduced >= 0 AND reduced <= amount),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, revenue_order_id, level),
    FOREIGN KEY (organisation_id, revenue_order_id) REFERENCES revenue_orders (organisation_id, id)
);

-- Money received. Without an order it is unclassified until an order regularises it.
CREATE TABLE receipts (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    revenue_order_id uuid,
    cash_office_id uuid,
    payer text,
    label text,
    folded_text text NOT NULL,
    mode text NOT NULL,
    received_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    settled bigint NOT NULL CHECK (settled >= 0),
    own_share bigint NOT NULL CHECK (own_share >= 0 AND own_share <= settled),
    recovered bigint NOT NULL CHECK (recovered >= 0),
    recovery_line_id uuid,
    excess bigint NOT NULL CHECK (excess >= 0),
    entry_id uuid NOT NULL,
    received_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, cash_office_id) REFERENCES cash_offices (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT receipts_allotted CHECK (settled + recovered + excess = CASE WHEN revenue_order_id IS NULL THEN 0 ELSE amount END),
    FOREIGN KEY (organisation_id, revenue_order_id) REFERENCES revenue_orders (organisation_id, id),
    FOREIGN KEY (organisation_id, recovery_line_id) REFERENCES budget_lines (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);
CREATE INDEX receipts_by_order ON receipts (organisation_id, revenue_order_id);

-- A receipt entered by mistake: reversed, its number stays.
CREATE TABLE receipt_cancellations (
    organisation_id uuid NOT NULL,
    receipt_id uuid NOT NULL,
    reason text NOT NULL,
    cancelled_by uuid NOT NULL REFERENCES principals (id),
    cancelled_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    entry_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, receipt_id),
    FOREIGN KEY (organisation_id, receipt_id) REFERENCES receipts (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

-- The unclassified receipts that an order is drafted on.
CREATE TABLE revenue_order_receipts (
    organisation_id uuid NOT NULL,
    revenue_order_id uuid NOT NULL,
    receipt_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, revenue_order_id, receipt_id),
    FOREIGN KEY (organisation_id, revenue_order_id) REFERENCES revenue_orders (organisation_id, id),
    FOREIGN KEY (organisation_id, receipt_id) REFERENCES receipts (organisation_id, id)
);

-- A receipt is regularised once, by an accepted order.
CREATE TABLE receipt_regularisations (
    organisation_id uuid NOT NULL,
    receipt_id uuid NOT NULL,
    revenue_order_id uuid NOT NULL,
    PRIMARY KEY (organisation_id, receipt_id),
    FOREIGN KEY (organisation_id, receipt_id) REFERENCES receipts (organisation_id, id),
    FOREIGN KEY (organisation_id, revenue_order_id) REFERENCES revenue_orders (organisation_id, id)
);

-- What was paid in excess goes back to the payer.
CREATE TABLE refunds (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    revenue_order_id uuid NOT NULL,
    mode text NOT NULL,
    paid_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    entry_id uuid NOT NULL,
    paid_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    FOREIGN KEY (organisation_id, revenue_order_id) REFERENCES revenue_orders (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

-- What lowers a debt without money: reductions, cancellations, write-offs, waivers.
CREATE TABLE revenue_adjustments (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    revenue_order_id uuid NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    own_share bigint NOT NULL CHECK (own_share >= 0 AND own_share <= amount),
    reason text NOT NULL,
    folded_reason text NOT NULL,
    diligence_sha256 text,
    budget_line_id uuid,
    state text NOT NULL CHECK (state IN ('proposed', 'granted', 'refused')),
    proposed_by uuid NOT NULL REFERENCES principals (id),
    proposed_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    decided_by uuid REFERENCES principals (id),
    decided_on date,
    decision_text text,
    deliberation_number text,
    deliberation_held_on date,
    deliberation_sha256 text,
    regularisation_id uuid,
    entry_id uuid,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, number),
    CONSTRAINT revenue_adjustments_two_people CHECK (decided_by IS NULL OR decided_by <> proposed_by),
    CONSTRAINT revenue_adjustments_posted CHECK ((state = 'granted') = (entry_id IS NOT NULL)),
    CONSTRAINT revenue_adjustments_diligence CHECK (kind <> 'write_off' OR diligence_sha256 IS NOT NULL),
    FOREIGN KEY (organisation_id, revenue_order_id) REFERENCES revenue_orders (organisation_id, id),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id),
    FOREIGN KEY (organisation_id, regularisation_id) REFERENCES regularisations (organisation_id, id),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id)
);

-- What the State, its agencies and partners said would come.
CREATE TABLE transfer_notifications (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    budget_line_id uuid NOT NULL,
    reference text NOT NULL,
    notified_on date NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    document_sha256 text NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, reference),
    FOREIGN KEY (organisation_id, budget_line_id) REFERENCES budget_lines (organisation_id, id)
);
