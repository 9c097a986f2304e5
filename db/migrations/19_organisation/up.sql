-- By which other names an organisation is found, one a line; as they are read, and folded.
ALTER TABLE organisations ADD COLUMN aliases text NOT NULL DEFAULT '';
ALTER TABLE organisations ADD COLUMN folded_aliases text NOT NULL DEFAULT '';
