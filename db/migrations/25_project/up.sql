-- At which rate what a project asks for was held against a ceiling in another currency: on its submission, and again on its approval.
CREATE TABLE project_conversions (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    submission integer NOT NULL CHECK (submission > 0),
    action text NOT NULL,
    exchange_rate_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    converted bigint NOT NULL CHECK (converted >= 0),
    currency text NOT NULL CHECK (length(currency) = 3),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, submission, action),
    CONSTRAINT project_conversions_action CHECK (action IN ('submit', 'approve')),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, exchange_rate_id) REFERENCES exchange_rates (organisation_id, id)
);

-- A motion to approve may waive what the exchange alone took above the ceiling.
ALTER TABLE motions ADD COLUMN ceiling_waived boolean NOT NULL DEFAULT false CHECK (NOT ceiling_waived OR action = 'approve');

-- Who signs an agreement for the partner, by a sign-in of their own. Where nobody is named, the registrar of the council records what the
-- partner signed on paper.
ALTER TABLE project_agreements ADD COLUMN partner_signatory_id uuid REFERENCES principals (id);
