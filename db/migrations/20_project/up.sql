-- While a project is paid from it, money of a purpose moves through that project alone.
ALTER TABLE fund_purposes ADD COLUMN held boolean NOT NULL DEFAULT false;

-- The agreement of a project, between the organisation and who carries the project out. Of the account only the last signs are kept,
-- with the digest of the bank's own paper.
CREATE TABLE project_agreements (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    supplier_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    channel text NOT NULL,
    receiver_id uuid REFERENCES organisations (id),
    revenue_code text,
    expenditure_code text,
    account_ending text NOT NULL CHECK (length(account_ending) = 4),
    account_sha256 text,
    account_verified_by uuid REFERENCES principals (id),
    account_verified_on date,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id),
    UNIQUE (organisation_id, reference),
    CONSTRAINT project_agreements_verified CHECK ((account_verified_by IS NULL) = (account_verified_on IS NULL)
        AND (account_verified_by IS NULL) = (account_sha256 IS NULL)),
    CONSTRAINT project_agreements_channel CHECK ((channel = 'treasury') = (receiver_id IS NOT NULL)
        AND (channel = 'treasury') = (revenue_code IS NOT NULL) AND (channel = 'treasury') = (expenditure_code IS NOT NULL)),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, supplier_id) REFERENCES suppliers (organisation_id, id)
);

-- The tranches of an agreement: their amounts make its amount; their shares, where the rules pay by shares, 10,000.
CREATE TABLE project_tranches (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    bps integer CHECK (bps BETWEEN 1 AND 10000),
    amount bigint NOT NULL CHECK (amount > 0),
    planned_on date,
    PRIMARY KEY (organisation_id, project_id, number),
    FOREIGN KEY (organisation_id, project_id) REFERENCES project_agreements (organisation_id, project_id)
);

-- Signatures: one of each side, by two people. Who verified the account signs for nobody: a trigger refuses it.
CREATE TABLE project_signatures (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    side text NOT NULL,
    signed_by uuid NOT NULL REFERENCES principals (id),
    signed_on date NOT NULL,
    document_sha256 text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, side),
    UNIQUE (organisation_id, project_id, signed_by),
    FOREIGN KEY (organisation_id, project_id) REFERENCES project_agreements (organisation_id, project_id)
);

-- Disbursements of tranches. Three different people request, certify and approve; what is paid stays within the agreement: a trigger
-- refuses more.
CREATE TABLE project_disbursements (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    tranche integer NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    state text NOT NULL,
    requested_by uuid NOT NULL REFERENCES principals (id),
    requested_on date NOT NULL,
    certified_by uuid REFERENCES principals (id),
    certified_on date,
    approved_by uuid REFERENCES principals (id),
    approved_on date,
    paid_by uuid REFERENCES principals (id),
    paid_on date,
    bank_reference text,
    act_id uuid,
    ended_by uuid REFERENCES principals (id),
    ended_on date,
    reason text,
    recorded_at timestamptz NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    CONSTRAINT project_disbursements_people CHECK ((certified_by IS NULL OR certified_by <> requested_by)
        AND (approved_by IS NULL OR (approved_by <> requested_by AND approved_by <> certified_by))),
    CONSTRAINT project_disbursements_order CHECK ((approved_by IS NULL OR certified_by IS NOT NULL)
        AND (paid_by IS NULL OR approved_by IS NOT NULL)),
    CONSTRAINT project_disbursements_paid CHECK ((state IN ('paid', 'reversed')) = (paid_by IS NOT NULL)
        AND (paid_by IS NULL) = (paid_on IS NULL) AND (paid_by IS NULL) = (bank_reference IS NULL) AND (paid_by IS NULL) = (act_id IS NULL)),
    CONSTRAINT project_disbursements_ended CHECK ((state IN ('rejected', 'reversed')) = (ended_by IS NOT NULL)
        AND (ended_by IS NULL) = (ended_on IS NULL) AND (ended_by IS NULL) = (reason IS NULL)),
    FOREIGN KEY (organisation_id, project_id, tranche) REFERENCES project_tranches (organisation_id, project_id, number)
);
CREATE INDEX project_disbursements_by_project ON project_disbursements (organisation_id, project_id);
-- A tranche is paid once.
CREATE UNIQUE INDEX project_disbursements_tranche ON project_disbursements (organisation_id, project_id, tranche)
    WHERE state NOT IN ('rejected', 'reversed');

-- Expenditure reports. Three different people report, certify and accept.
CREATE TABLE project_expenditure_reports (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    period_from date NOT NULL,
    period_to date NOT NULL,
    closing boolean NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    document_sha256 text NOT NULL,
    state text NOT NULL,
    submitted_by uuid NOT NULL REFERENCES principals (id),
    submitted_on date NOT NULL,
    certified_by uuid REFERENCES principals (id),
    certified_on date,
    accepted_by uuid REFERENCES principals (id),
    accepted_on date,
    ended_by uuid REFERENCES principals (id),
    ended_on date,
    reason text,
    recorded_at timestamptz NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, project_id, number),
    CONSTRAINT project_reports_period CHECK (period_from <= period_to),
    CONSTRAINT project_reports_people CHECK ((certified_by IS NULL OR certified_by <> submitted_by)
        AND (accepted_by IS NULL OR (accepted_by <> submitted_by AND accepted_by <> certified_by))),
    CONSTRAINT project_reports_order CHECK (accepted_by IS NULL OR certified_by IS NOT NULL),
    CONSTRAINT project_reports_accepted CHECK ((state = 'accepted') = (accepted_by IS NOT NULL) AND (accepted_by IS NULL) = (accepted_on IS NULL)),
    CONSTRAINT project_reports_ended CHECK ((state = 'rejected') = (ended_by IS NOT NULL)
        AND (ended_by IS NULL) = (ended_on IS NULL) AND (ended_by IS NULL) = (reason IS NULL)),
    FOREIGN KEY (organisation_id, project_id) REFERENCES project_agreements (organisation_id, project_id)
);

-- What was spent, by category of the budget; the lines make the amount of the report.
CREATE TABLE project_report_lines (
    organisation_id uuid NOT NULL,
    report_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    category text NOT NULL,
    description text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (organisation_id, report_id, number),
    FOREIGN KEY (organisation_id, report_id) REFERENCES project_expenditure_reports (organisation_id, id)
);

-- Disbursed money that came back unspent.
CREATE TABLE project_refunds (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    received_on date NOT NULL,
    bank_reference text NOT NULL,
    act_id uuid NOT NULL,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES project_agreements (organisation_id, project_id)
);
CREATE INDEX project_refunds_by_project ON project_refunds (organisation_id, project_id);

-- What was settled when the accounts of a project were closed, or when it was terminated: what is left then stays with the partner, or
-- is due by a day.
CREATE TABLE project_settlements (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    disbursed bigint NOT NULL CHECK (disbursed >= 0),
    accepted bigint NOT NULL CHECK (accepted >= 0),
    refunded bigint NOT NULL CHECK (refunded >= 0),
    rest bigint NOT NULL CHECK (rest >= 0),
    due_on date,
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id),
    CONSTRAINT project_settlements_sum CHECK (disbursed = accepted + refunded + rest),
    FOREIGN KEY (organisation_id, project_id) REFERENCES project_agreements (organisation_id, project_id)
);
