-- +goose Up

-- The writer adds the texts of all invoices of a transaction by one statement: after each
-- statement of a transaction the index writes what it has gathered.
DROP TRIGGER invoices_text_insert;
