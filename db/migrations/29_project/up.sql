-- A motion that nobody can decide any more is closed without a decision, for a reason.
ALTER TABLE motions ADD COLUMN lapse_reason text CHECK ((lapse_reason IS NOT NULL) = (state = 'lapsed'));
