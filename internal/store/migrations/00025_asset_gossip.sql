-- +goose Up

-- Gossip of channels with tokens as it came, by the message's number and what it is about.
CREATE TABLE asset_gossip (
    kind  INTEGER NOT NULL,
    about BLOB NOT NULL,
    raw   BLOB NOT NULL,
    PRIMARY KEY (kind, about)
) WITHOUT ROWID;
