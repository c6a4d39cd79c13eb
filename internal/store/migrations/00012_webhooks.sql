-- +goose Up

-- Who is told of events, and how far each has come in the log.
CREATE TABLE webhooks (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    url     TEXT NOT NULL,
    kinds   TEXT NOT NULL, -- with commas between them; empty: all
    secret  BLOB NOT NULL,
    created INTEGER NOT NULL,
    cursor  INTEGER NOT NULL
);

-- Events that are to be delivered, and the newest of those that were, or were given up.
CREATE TABLE deliveries (
    webhook  INTEGER NOT NULL,
    event    INTEGER NOT NULL,
    state    TEXT NOT NULL,
    since    INTEGER NOT NULL,
    tries    INTEGER NOT NULL,
    tried_at INTEGER NOT NULL,
    next_try INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    PRIMARY KEY (webhook, event)
) WITHOUT ROWID;
CREATE INDEX deliveries_pending ON deliveries (webhook, next_try) WHERE state = 'pending';
