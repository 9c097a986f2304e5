-- Donors change; each change is another version.
ALTER TABLE donors ADD COLUMN version bigint NOT NULL DEFAULT 1 CHECK (version > 0);

-- What a fund lets purposes charge as indirect cost, and what it leaves with who carried one out.
ALTER TABLE funds ADD COLUMN indirect_bps_max integer CHECK (indirect_bps_max BETWEEN 0 AND 10000);
ALTER TABLE funds ADD COLUMN residual_max bigint NOT NULL DEFAULT 0 CHECK (residual_max >= 0);

-- What is gone for good without being spending; and of what came back, what waits for the donor's consent.
ALTER TABLE contributions ADD COLUMN passed_on bigint NOT NULL DEFAULT 0
    CONSTRAINT contributions_passed_on CHECK (passed_on >= 0 AND spent + returned + passed_on <= disbursed);
ALTER TABLE contributions ADD COLUMN held bigint NOT NULL DEFAULT 0
    CONSTRAINT contributions_held CHECK (held >= 0 AND (kind = 'own' OR charged + repaid + allocated + held <= value + returned));
ALTER TABLE fund_allocation_lines ADD COLUMN passed_on bigint NOT NULL DEFAULT 0
    CONSTRAINT fund_allocation_lines_passed_on CHECK (passed_on >= 0 AND spent + returned + passed_on <= disbursed);

-- What of the budget of a purpose is indirect cost; since when nothing more happens to it.
ALTER TABLE fund_purposes ADD COLUMN indirect_bps integer NOT NULL DEFAULT 0 CHECK (indirect_bps BETWEEN 0 AND 10000);
ALTER TABLE fund_purposes ADD COLUMN closed_on date;

-- The goods of a contribution, with what they are worth in its currency.
CREATE TABLE contribution_goods (
    organisation_id uuid NOT NULL,
    contribution_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    description text NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    amount bigint NOT NULL CHECK (amount > 0),
    PRIMARY KEY (organisation_id, contribution_id, number),
    FOREIGN KEY (organisation_id, contribution_id) REFERENCES contributions (organisation_id, id)
);

-- What was told of a fund elsewhere, as it was told.
CREATE TABLE fund_reports (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    fund_id uuid NOT NULL,
    source text NOT NULL,
    as_of date NOT NULL,
    unit bigint NOT NULL CHECK (unit > 0),
    allocated_bps integer CHECK (allocated_bps BETWEEN 0 AND 100000),
    recorded_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    sensitivity integer NOT NULL CHECK (sensitivity BETWEEN 0 AND 4),
    PRIMARY KEY (organisation_id, id),
    FOREIGN KEY (organisation_id, fund_id) REFERENCES funds (organisation_id, id)
);

CREATE TABLE fund_report_figures (
    organisation_id uuid NOT NULL,
    report_id uuid NOT NULL,
    figure text NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (organisation_id, report_id, figure),
    FOREIGN KEY (organisation_id, report_id) REFERENCES fund_reports (organisation_id, id)
);

-- Contributors by the names by which they were told.
CREATE TABLE fund_report_donors (
    organisation_id uuid NOT NULL,
    report_id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (organisation_id, report_id, name),
    FOREIGN KEY (organisation_id, report_id) REFERENCES fund_reports (organisation_id, id)
);
