-- What one implementer has under way, by its planned start: parts of a project that was split are looked for among it.
CREATE INDEX projects_by_supplier ON projects (organisation_id, supplier_id, starts_on) WHERE supplier_id IS NOT NULL;
