-- Further purpose codes of a sector, beside its primary one.
ALTER TABLE fund_terms ADD COLUMN secondary_dac_codes text NOT NULL DEFAULT '';
