-- The movements of an organisation are found by their key: what only tells their year cost every commitment a page of its own.
DROP INDEX credit_movements_by_year;
