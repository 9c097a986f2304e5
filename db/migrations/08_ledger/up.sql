CREATE TABLE charts (
    id uuid NOT NULL PRIMARY KEY,
    code text NOT NULL UNIQUE,
    label_fr text NOT NULL,
    label_en text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    confidence text NOT NULL,
    source text NOT NULL
);

CREATE TABLE chart_accounts (
    chart_id uuid NOT NULL REFERENCES charts (id),
    code text NOT NULL,
    label_fr text NOT NULL,
    label_en text NOT NULL,
    normal_side text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
    postable boolean NOT NULL,
    gfsm_code text,
    PRIMARY KEY (chart_id, code)
);

-- Which account plays which part in the posting table.
CREATE TABLE posting_accounts (
    chart_id uuid NOT NULL,
    part text NOT NULL,
    account_code text NOT NULL,
    PRIMARY KEY (chart_id, part),
    FOREIGN KEY (chart_id, account_code) REFERENCES chart_accounts (chart_id, code)
);

-- Kept balances: one row per account from the opening of the year on.
CREATE TABLE balances (
    organisation_id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    account_code text NOT NULL,
    chart_id uuid NOT NULL,
    opening_debit bigint NOT NULL CHECK (opening_debit >= 0),
    opening_credit bigint NOT NULL CHECK (opening_credit >= 0),
    debit bigint NOT NULL CHECK (debit >= 0),
    credit bigint NOT NULL CHECK (credit >= 0),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, fiscal_year, account_code),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year),
    FOREIGN KEY (chart_id, account_code) REFERENCES chart_accounts (chart_id, code)
);

CREATE TABLE entries (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    journal text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    accounting_date date NOT NULL,
    recorded_at timestamptz NOT NULL,
    label text NOT NULL,
    total bigint NOT NULL CHECK (total > 0),
    source_kind text NOT NULL,
    source_id uuid NOT NULL,
    digest text NOT NULL,
    reverses_id uuid,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, journal, number),
    UNIQUE (organisation_id, source_kind, source_id),
    CONSTRAINT entries_reversed_once UNIQUE (organisation_id, reverses_id),
    FOREIGN KEY (organisation_id, reverses_id) REFERENCES entries (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year)
);

CREATE TABLE postings (
    organisation_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    position integer NOT NULL CHECK (position > 0),
    fiscal_year integer NOT NULL,
    account_code text NOT NULL,
    debit bigint NOT NULL CHECK (debit >= 0),
    credit bigint NOT NULL CHECK (credit >= 0),
    PRIMARY KEY (organisation_id, entry_id, position),
    FOREIGN KEY (organisation_id, entry_id) REFERENCES entries (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year, account_code) REFERENCES balances (organisation_id, fiscal_year, account_code),
    CONSTRAINT postings_one_side CHECK ((debit = 0) <> (credit = 0))
);
CREATE INDEX postings_by_account ON postings (organisation_id, fiscal_year, account_code);

-- Entries kept in another program and brought over together: the numbers that they took in each journal.
CREATE TABLE entry_imports (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    entries integer NOT NULL CHECK (entries > 0),
    postings integer NOT NULL CHECK (postings > 0),
    total bigint NOT NULL CHECK (total > 0),
    treasury_first bigint,
    treasury_last bigint,
    miscellaneous_first bigint,
    miscellaneous_last bigint,
    digest text NOT NULL,
    sha256 text NOT NULL,
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, fiscal_year) REFERENCES fiscal_years (organisation_id, fiscal_year),
    CONSTRAINT entry_imports_numbers CHECK (
        (treasury_first IS NULL) = (treasury_last IS NULL)
        AND (miscellaneous_first IS NULL) = (miscellaneous_last IS NULL)
        AND entries = COALESCE(treasury_last - treasury_first + 1, 0) + COALESCE(miscellaneous_last - miscellaneous_first + 1, 0)
    )
);

-- Debts of earlier years (restes à payer) that the opening balances carry.
CREATE TABLE carried_debts (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fiscal_year integer NOT NULL,
    account_code text NOT NULL,
    supplier_id uuid NOT NULL,
    reference text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    paid bigint NOT NULL CHECK (paid >= 0),
    reduced bigint NOT NULL CHECK (reduced >= 0),
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, fiscal_year, supplier_id, reference),
    CONSTRAINT carried_debts_due CHECK (paid + reduced <= amount),
    FOREIGN KEY (organisation_id, fiscal_year, account_code) REFERENCES balances (organisation_id, fiscal_year, account_code),
    FOREIGN KEY (organisation_id, supplier_id) REFERENCES suppliers (organisation_id, id)
);
