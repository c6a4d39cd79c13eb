-- +goose Up

-- Confirmed transactions that spend a channel's funding output, or what such a
-- transaction paid to.
CREATE TABLE spends (
    channel INTEGER NOT NULL REFERENCES channels (key_index),
    txid    BLOB NOT NULL,
    height  INTEGER NOT NULL,
    raw     BLOB NOT NULL,
    PRIMARY KEY (channel, txid)
);
CREATE INDEX spends_height ON spends (height);
