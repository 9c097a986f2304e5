CREATE TABLE parameters (
    country text NOT NULL CHECK (length(country) = 2),
    level text NOT NULL,
    key text NOT NULL,
    valid_from date NOT NULL,
    valid_to date,
    value text NOT NULL,
    confidence text NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (country, level, key, valid_from)
);
