-- +goose Up

-- Nodes by numbers, where there are millions of rows that name some: see package compact.
CREATE TABLE parties (
    id   INTEGER PRIMARY KEY,
    node BLOB NOT NULL UNIQUE
);

-- An attempt names its payment by its number and has its preimage there. A route is in
-- the form of package compact.
CREATE TABLE attempts_now (
    id            INTEGER PRIMARY KEY,
    payment       INTEGER NOT NULL, -- its created_index
    groupid       INTEGER NOT NULL,
    partid        INTEGER NOT NULL,
    amount_msat   INTEGER NOT NULL,
    sent_msat     INTEGER NOT NULL,
    hops          BLOB NOT NULL,
    session       BLOB,
    created_at    INTEGER NOT NULL,
    status        TEXT NOT NULL DEFAULT 'pending',
    failure       BLOB,
    completed_at  INTEGER NOT NULL DEFAULT 0,
    updated_index INTEGER NOT NULL DEFAULT 0
);
INSERT INTO attempts_now
SELECT a.id, p.created_index, a.groupid, a.partid, a.amount_msat, a.sent_msat, leyden_route(a.hops, a.sent_msat), a.session,
    a.created_at, a.status, a.failure, a.completed_at, a.updated_index
FROM attempts a JOIN payments p ON p.payment_hash = a.payment_hash ORDER BY a.id;
UPDATE payments SET preimage = (
    SELECT a.preimage FROM attempts a WHERE a.payment_hash = payments.payment_hash AND a.preimage IS NOT NULL LIMIT 1
) WHERE preimage IS NULL AND status <> 'complete';
DROP TABLE attempts;
ALTER TABLE attempts_now RENAME TO attempts;
CREATE INDEX attempts_payment ON attempts (payment);
CREATE INDEX attempts_pending ON attempts (payment) WHERE status = 'pending';
CREATE INDEX attempts_updated_index ON attempts (updated_index) WHERE updated_index > 0;

-- The texts of invoices are in the form of bolt11.Pack.
UPDATE payments SET bolt11 = leyden_text(bolt11, payment_hash, NULL, description);
UPDATE invoices SET bolt11 = leyden_text(bolt11, payment_hash, payment_secret, description);
CREATE INDEX payments_updated_index ON payments (updated_index) WHERE updated_index > 0;

-- So are entries of the log.
UPDATE events SET kind = leyden_word(kind), key = leyden_key(kind, key), state = leyden_word(state), data = leyden_data(kind, data);

-- What HTLCs have carried over each channel.
CREATE TABLE traffic (
    channel            INTEGER PRIMARY KEY REFERENCES channels (key_index),
    in_offered         INTEGER NOT NULL,
    in_offered_msat    INTEGER NOT NULL,
    in_fulfilled       INTEGER NOT NULL,
    in_fulfilled_msat  INTEGER NOT NULL,
    out_offered        INTEGER NOT NULL,
    out_offered_msat   INTEGER NOT NULL,
    out_fulfilled      INTEGER NOT NULL,
    out_fulfilled_msat INTEGER NOT NULL
);
INSERT INTO traffic
SELECT channel,
    SUM(incoming = 1), SUM(CASE WHEN incoming = 1 THEN amount ELSE 0 END),
    SUM(incoming = 1 AND done = 1 AND removal = 1), SUM(CASE WHEN incoming = 1 AND done = 1 AND removal = 1 THEN amount ELSE 0 END),
    SUM(incoming = 0), SUM(CASE WHEN incoming = 0 THEN amount ELSE 0 END),
    SUM(incoming = 0 AND done = 1 AND removal = 1), SUM(CASE WHEN incoming = 0 AND done = 1 AND removal = 1 THEN amount ELSE 0 END)
FROM htlcs GROUP BY channel;
