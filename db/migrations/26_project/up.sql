-- Recipients of a project: organisations that each have a part of its budget. With two or more of them it is joint.
CREATE TABLE project_recipients (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    kind text NOT NULL,
    supplier_id uuid NOT NULL,
    part bigint NOT NULL CHECK (part > 0),
    PRIMARY KEY (organisation_id, project_id, number),
    UNIQUE (organisation_id, project_id, supplier_id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, supplier_id) REFERENCES suppliers (organisation_id, id)
);
CREATE INDEX project_recipients_by_supplier ON project_recipients (organisation_id, supplier_id, project_id);

-- Each recipient has a ledger of its own: whose tranche, whose report, whose refund. Triggers hold that it is one of the project's.
ALTER TABLE project_tranches ADD COLUMN recipient_number integer;
ALTER TABLE project_expenditure_reports ADD COLUMN recipient_number integer;
ALTER TABLE project_refunds ADD COLUMN recipient_number integer;
