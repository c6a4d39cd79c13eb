-- +goose Up

-- The requests of clients, by the keys that they give them: SHA256 of each.
CREATE TABLE request_keys (
    key     TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    made    INTEGER NOT NULL
);
CREATE INDEX request_keys_made ON request_keys (made);
