-- +goose Up

-- What searches look for, by each three letters in a row: an index without the texts
-- themselves. What it finds is compared with the invoice.
CREATE VIRTUAL TABLE invoices_text USING fts5(
    label, description, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);
INSERT INTO invoices_text (rowid, label, description) SELECT created_index, label, description FROM invoices;

-- +goose StatementBegin
CREATE TRIGGER invoices_text_insert AFTER INSERT ON invoices BEGIN
    INSERT INTO invoices_text (rowid, label, description) VALUES (new.created_index, new.label, new.description);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invoices_text_delete AFTER DELETE ON invoices BEGIN
    DELETE FROM invoices_text WHERE rowid = old.created_index;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invoices_text_update AFTER UPDATE OF description ON invoices BEGIN
    UPDATE invoices_text SET label = new.label, description = new.description WHERE rowid = new.created_index;
END;
-- +goose StatementEnd

CREATE INDEX invoices_status ON invoices (status, created_index);
