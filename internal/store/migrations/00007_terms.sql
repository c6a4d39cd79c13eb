-- +goose Up

-- The terms of a channel where they are not the node's.
CREATE TABLE terms (
    channel   INTEGER PRIMARY KEY REFERENCES channels (key_index),
    fee_base  INTEGER,
    fee_ppm   INTEGER,
    htlc_min  INTEGER,
    htlc_max  INTEGER
);

-- HTLCs that we forward, or have forwarded.
CREATE TABLE forwards (
    created_index INTEGER PRIMARY KEY AUTOINCREMENT,
    in_channel    INTEGER NOT NULL,
    in_htlc       INTEGER NOT NULL,
    out_channel   INTEGER NOT NULL,
    out_htlc      INTEGER NOT NULL,
    in_msat       INTEGER NOT NULL,
    out_msat      INTEGER NOT NULL,
    received_at   INTEGER NOT NULL, -- 0: not known
    status        TEXT NOT NULL,
    resolved_at   INTEGER NOT NULL DEFAULT 0,
    updated_index INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX forwards_in ON forwards (in_channel, in_htlc);
CREATE UNIQUE INDEX forwards_out ON forwards (out_channel, out_htlc);
CREATE INDEX forwards_updated_index ON forwards (updated_index) WHERE updated_index > 0;
CREATE INDEX forwards_status ON forwards (status, created_index);

INSERT INTO forwards (in_channel, in_htlc, out_channel, out_htlc, in_msat, out_msat, received_at, status)
SELECT o.in_channel, o.in_htlc, o.channel, o.id, i.amount, o.amount, 0,
    CASE WHEN o.done = 0 THEN 'offered' WHEN o.preimage IS NOT NULL THEN 'settled' ELSE 'failed' END
FROM htlcs o JOIN htlcs i ON i.channel = o.in_channel AND i.incoming = 1 AND i.id = o.in_htlc
WHERE o.incoming = 0 AND o.in_channel IS NOT NULL
ORDER BY o.channel, o.id;
