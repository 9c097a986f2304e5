-- The first receipt of a contribution is the earliest, in whatever order its receipts were recorded.
UPDATE contributions SET first_received_on = (
    SELECT MIN(fund_movements.moved_on) FROM fund_movements
    WHERE fund_movements.organisation_id = contributions.organisation_id
        AND fund_movements.contribution_id = contributions.id AND fund_movements.kind = 'receipt'
) WHERE first_received_on IS NOT NULL;

-- When a fund begins and ends, where that is known.
ALTER TABLE funds ADD COLUMN starts_on date;
ALTER TABLE funds ADD COLUMN ends_on date;
