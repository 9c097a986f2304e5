-- Job J1: 100 authorities of 1,000 accounts with a budget line each.
CREATE TABLE accounts (
    authority_id integer NOT NULL,
    id integer NOT NULL,
    name text NOT NULL,
    balance bigint NOT NULL,
    PRIMARY KEY (authority_id, id)
);
CREATE TABLE budget_lines (
    authority_id integer NOT NULL,
    account_id integer NOT NULL,
    fiscal_year integer NOT NULL,
    approved bigint NOT NULL,
    committed bigint NOT NULL CHECK (committed <= approved),
    PRIMARY KEY (authority_id, account_id, fiscal_year),
    FOREIGN KEY (authority_id, account_id) REFERENCES accounts (authority_id, id)
);
CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    authority_id integer NOT NULL,
    label text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE postings (
    entry_id bigint NOT NULL REFERENCES entries (id),
    line integer NOT NULL,
    authority_id integer NOT NULL,
    account_id integer NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (entry_id, line),
    FOREIGN KEY (authority_id, account_id) REFERENCES accounts (authority_id, id)
);
CREATE INDEX postings_by_account ON postings (authority_id, account_id);

INSERT INTO accounts SELECT authority, account, 'Compte ' || account, 0
    FROM generate_series(1, 100) AS authority, generate_series(1, 1000) AS account;
INSERT INTO budget_lines SELECT authority_id, id, 2025, 1000000000000, 0 FROM accounts;

CREATE FUNCTION post_entry(authority integer, debit integer, credit integer, amount bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    entry bigint;
BEGIN
    UPDATE budget_lines SET committed = committed + amount
        WHERE authority_id = authority AND account_id = debit AND fiscal_year = 2025 AND committed + amount <= approved;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not within what was approved';
    END IF;
    INSERT INTO entries (authority_id, label) VALUES (authority, 'Achat de fournitures') RETURNING id INTO entry;
    INSERT INTO postings VALUES (entry, 1, authority, debit, amount), (entry, 2, authority, credit, -amount);
    UPDATE accounts SET balance = balance + amount WHERE authority_id = authority AND id = debit;
    UPDATE accounts SET balance = balance - amount WHERE authority_id = authority AND id = credit;
    RETURN entry;
END
$$;
