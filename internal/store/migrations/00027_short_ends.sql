-- +goose Up

-- Of payments and attempts there are millions, nearly all of them complete: the empty text
-- says so, and the end is so many seconds after the creation, as is the end of the retries.
UPDATE payments SET retry_until = retry_until - created_at,
    completed_at = CASE status WHEN 'pending' THEN 0 ELSE completed_at - created_at END,
    status = CASE status WHEN 'complete' THEN '' ELSE status END;
UPDATE attempts SET completed_at = completed_at - created_at, status = CASE status WHEN 'complete' THEN '' ELSE status END
WHERE status <> 'pending';

-- As with payments: what its end will write finds its place, and splits no page.
ALTER TABLE invoices ADD COLUMN room BLOB;

-- The index of texts by each three letters, without the lengths of texts, of which nothing
-- is asked: what is taken out of it is said again instead.
DROP TRIGGER invoices_text_delete;
DROP TRIGGER invoices_text_update;
DROP TABLE invoices_text;
CREATE VIRTUAL TABLE invoices_text USING fts5(
    label, description, content = '', columnsize = 0, detail = none, tokenize = 'trigram'
);
INSERT INTO invoices_text (rowid, label, description) SELECT created_index, label, description FROM invoices;

-- +goose StatementBegin
CREATE TRIGGER invoices_text_delete AFTER DELETE ON invoices BEGIN
    INSERT INTO invoices_text (invoices_text, rowid, label, description) VALUES ('delete', old.created_index, old.label, old.description);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invoices_text_update AFTER UPDATE OF description ON invoices BEGIN
    INSERT INTO invoices_text (invoices_text, rowid, label, description) VALUES ('delete', old.created_index, old.label, old.description);
    INSERT INTO invoices_text (rowid, label, description) VALUES (new.created_index, new.label, new.description);
END;
-- +goose StatementEnd

-- Each index ends with the row's number, which is created_index.
DROP INDEX invoices_status;
CREATE INDEX invoices_status ON invoices (status);
