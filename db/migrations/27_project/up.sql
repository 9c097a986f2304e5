-- A finding on a similar project that stops this one can be taken back by a later one: findings are numbered. The table is written anew,
-- the same rows under the same name.
ALTER TABLE project_overlaps RENAME TO project_overlaps_before;
CREATE TABLE project_overlaps (
    organisation_id uuid NOT NULL,
    project_id uuid NOT NULL,
    other_id uuid NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    disposition text NOT NULL,
    reason text NOT NULL,
    reviewed_by uuid NOT NULL REFERENCES principals (id),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, project_id, other_id, number),
    CONSTRAINT project_overlaps_other CHECK (other_id <> project_id),
    FOREIGN KEY (organisation_id, project_id) REFERENCES projects (organisation_id, id),
    FOREIGN KEY (organisation_id, other_id) REFERENCES projects (organisation_id, id)
);
INSERT INTO project_overlaps SELECT organisation_id, project_id, other_id, 1, disposition, reason, reviewed_by, recorded_at
    FROM project_overlaps_before;
DROP TABLE project_overlaps_before;

-- Which later conflict-sensitivity check took the place of the one that asked for a safeguard: it asks for it no more. What stayed open
-- until now beside a later check that passed and does not ask the same is superseded by that check.
ALTER TABLE project_milestones ADD COLUMN superseded_by uuid;
UPDATE project_milestones SET superseded_by = (
    SELECT later.id FROM conflict_checks later WHERE later.organisation_id = project_milestones.organisation_id
        AND later.project_id = project_milestones.project_id AND later.result <> 'fail'
        AND later.recorded_at > project_milestones.recorded_at
        AND NOT EXISTS (SELECT 1 FROM conflict_checks last WHERE last.organisation_id = later.organisation_id
            AND last.project_id = later.project_id AND last.result <> 'fail' AND last.recorded_at > later.recorded_at)
        AND NOT EXISTS (SELECT 1 FROM conflict_check_answers asked WHERE asked.organisation_id = later.organisation_id
            AND asked.check_id = later.id AND asked.question = project_milestones.condition_of AND asked.risk >= 2))
    WHERE condition_of IS NOT NULL AND state NOT IN ('met', 'waived');

-- A project that was given up before anything was paid keeps no purpose of a fund: another project may be paid from it.
UPDATE fund_purposes SET held = false, version = version + 1 WHERE held AND EXISTS (SELECT 1 FROM projects given_up
    WHERE given_up.organisation_id = fund_purposes.organisation_id AND given_up.fund_purpose_id = fund_purposes.id
    AND given_up.state = 'cancelled');
UPDATE projects SET fund_purpose_id = NULL WHERE fund_purpose_id IS NOT NULL AND state IN ('rejected', 'withdrawn', 'cancelled');
