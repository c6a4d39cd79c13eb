-- +goose Up

-- One row each: facts about the node itself.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
);

-- The counters from which created_index, updated_index and pay_index are drawn.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);

-- The append-only log.
CREATE TABLE events (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    time  INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    state TEXT NOT NULL,
    data  BLOB
);

-- Invoices of ours.
CREATE TABLE invoices (
    created_index  INTEGER PRIMARY KEY AUTOINCREMENT,
    label          TEXT NOT NULL UNIQUE,
    payment_hash   BLOB NOT NULL UNIQUE,
    preimage       BLOB NOT NULL,
    payment_secret BLOB NOT NULL,
    amount_msat    INTEGER, -- null: any
    description    TEXT NOT NULL,
    desc_hash_only INTEGER NOT NULL,
    bolt11         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    min_final_cltv INTEGER NOT NULL,
    status         TEXT NOT NULL,
    received_msat  INTEGER NOT NULL DEFAULT 0,
    paid_at        INTEGER NOT NULL DEFAULT 0,
    updated_index  INTEGER NOT NULL DEFAULT 0,
    pay_index      INTEGER
);
CREATE UNIQUE INDEX invoices_pay_index ON invoices (pay_index) WHERE pay_index IS NOT NULL;
CREATE INDEX invoices_updated_index ON invoices (updated_index) WHERE updated_index > 0;
CREATE INDEX invoices_unpaid ON invoices (expires_at) WHERE status = 'unpaid';

-- Payments by us.
CREATE TABLE payments (
    created_index INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_hash  BLOB NOT NULL UNIQUE,
    manual        INTEGER NOT NULL,
    destination   BLOB NOT NULL,
    amount_msat   INTEGER NOT NULL,
    bolt11        TEXT NOT NULL,
    label         TEXT NOT NULL,
    description   TEXT NOT NULL,
    groupid       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    max_fee_msat  INTEGER NOT NULL,
    max_delay     INTEGER NOT NULL,
    retry_until   INTEGER NOT NULL,
    exclude       BLOB,
    status        TEXT NOT NULL DEFAULT 'pending',
    preimage      BLOB,
    sent_msat     INTEGER NOT NULL DEFAULT 0,
    parts         INTEGER NOT NULL DEFAULT 0,
    completed_at  INTEGER NOT NULL DEFAULT 0,
    code          INTEGER NOT NULL DEFAULT 0,
    message       TEXT NOT NULL DEFAULT '',
    updated_index INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX payments_pending ON payments (created_index) WHERE status = 'pending';

-- The HTLCs by which we pay.
CREATE TABLE attempts (
    id            INTEGER PRIMARY KEY,
    payment_hash  BLOB NOT NULL,
    groupid       INTEGER NOT NULL,
    partid        INTEGER NOT NULL,
    amount_msat   INTEGER NOT NULL,
    sent_msat     INTEGER NOT NULL,
    hops          BLOB NOT NULL,
    session       BLOB,
    created_at    INTEGER NOT NULL,
    status        TEXT NOT NULL DEFAULT 'pending',
    preimage      BLOB,
    failure       BLOB,
    completed_at  INTEGER NOT NULL DEFAULT 0,
    updated_index INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX attempts_payment ON attempts (payment_hash, groupid, partid);
CREATE INDEX attempts_pending ON attempts (payment_hash) WHERE status = 'pending';

-- Channels by the index of their keys. Amounts are in msat unless the name says
-- sat; points, scripts and ids are as on the wire.
CREATE TABLE channels (
    key_index              INTEGER PRIMARY KEY,
    id                     BLOB NOT NULL UNIQUE,
    peer                   BLOB NOT NULL,
    local_is_opener        INTEGER NOT NULL,
    announce               INTEGER NOT NULL,
    channel_type           BLOB,
    format                 INTEGER NOT NULL,
    funding_txid           BLOB NOT NULL,
    funding_output         INTEGER NOT NULL,
    capacity_sat           INTEGER NOT NULL,
    pushed                 INTEGER NOT NULL,
    minimum_depth          INTEGER NOT NULL,
    local_keys             BLOB NOT NULL, -- five points
    remote_keys            BLOB NOT NULL,
    local_dust_sat         INTEGER NOT NULL,
    local_max_in_flight    INTEGER NOT NULL,
    local_reserve_sat      INTEGER NOT NULL,
    local_htlc_minimum     INTEGER NOT NULL,
    local_to_self_delay    INTEGER NOT NULL,
    local_max_htlcs        INTEGER NOT NULL,
    remote_dust_sat        INTEGER NOT NULL,
    remote_max_in_flight   INTEGER NOT NULL,
    remote_reserve_sat     INTEGER NOT NULL,
    remote_htlc_minimum    INTEGER NOT NULL,
    remote_to_self_delay   INTEGER NOT NULL,
    remote_max_htlcs       INTEGER NOT NULL,
    max_dust_exposure      INTEGER NOT NULL,
    local_script           BLOB NOT NULL,
    local_upfront          INTEGER NOT NULL,
    remote_upfront         BLOB,
    any_segwit             INTEGER NOT NULL,
    local_alias            INTEGER NOT NULL,

    -- what changes a few times in a channel's life
    status                 INTEGER NOT NULL DEFAULT 0,
    failure                TEXT NOT NULL DEFAULT '',
    scid                   INTEGER NOT NULL DEFAULT 0,
    remote_alias           INTEGER NOT NULL DEFAULT 0,
    ready_sent             INTEGER NOT NULL DEFAULT 0,
    local_shutdown         BLOB,
    remote_shutdown        BLOB,
    close_fee_per_kw       INTEGER NOT NULL DEFAULT 0,
    closing_local_sat      INTEGER NOT NULL DEFAULT 0,
    closing_remote_sat     INTEGER NOT NULL DEFAULT 0,
    closing_signature      BLOB
);

-- What changes with each commitment.
CREATE TABLE states (
    channel          INTEGER PRIMARY KEY REFERENCES channels (key_index),
    received         INTEGER NOT NULL,
    signed           INTEGER NOT NULL,
    signed_after     INTEGER NOT NULL,
    revoked          INTEGER NOT NULL,
    current_point    BLOB NOT NULL,
    next_point       BLOB NOT NULL,
    to_local         INTEGER NOT NULL,
    fee_committed    INTEGER NOT NULL,
    fee_revoked      INTEGER NOT NULL,
    fee_ackcommitted INTEGER NOT NULL,
    fee_irrevocable  INTEGER NOT NULL,
    next_local_id    INTEGER NOT NULL,
    next_remote_id   INTEGER NOT NULL
);

-- The peer's signatures on our latest commitment.
CREATE TABLE commitments (
    channel         INTEGER PRIMARY KEY REFERENCES channels (key_index),
    number          INTEGER NOT NULL,
    signature       BLOB NOT NULL,
    htlc_signatures BLOB NOT NULL -- 64 bytes each
);

-- The peer's per-commitment secrets, at most 49 a channel.
CREATE TABLE secrets (
    channel INTEGER NOT NULL REFERENCES channels (key_index),
    bucket  INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    secret  BLOB NOT NULL,
    PRIMARY KEY (channel, bucket)
) WITHOUT ROWID;

-- HTLCs, for ever: what a revoked commitment held is a range over them.
CREATE TABLE htlcs (
    channel        INTEGER NOT NULL REFERENCES channels (key_index),
    incoming       INTEGER NOT NULL,
    id             INTEGER NOT NULL,
    amount         INTEGER NOT NULL,
    payment_hash   BLOB NOT NULL,
    cltv_expiry    INTEGER NOT NULL,
    path_key       BLOB,
    in_channel     INTEGER, -- the incoming HTLC that this one forwards
    in_htlc        INTEGER,
    attempt        INTEGER, -- or the attempt of a payment of ours
    over_exposed   INTEGER NOT NULL,
    added_local    INTEGER NOT NULL,
    added_remote   INTEGER NOT NULL,
    removed_local  INTEGER NOT NULL,
    removed_remote INTEGER NOT NULL,
    removal        INTEGER NOT NULL,
    preimage       BLOB,
    reason         BLOB,
    malformed      BLOB,
    done           INTEGER NOT NULL,
    PRIMARY KEY (channel, incoming, id)
) WITHOUT ROWID;
CREATE INDEX htlcs_live ON htlcs (channel) WHERE done = 0;
CREATE UNIQUE INDEX htlcs_forward ON htlcs (in_channel, in_htlc) WHERE in_channel IS NOT NULL;
CREATE UNIQUE INDEX htlcs_attempt ON htlcs (attempt) WHERE attempt IS NOT NULL;

-- The onion of each HTLC that is not done.
CREATE TABLE onions (
    channel  INTEGER NOT NULL,
    incoming INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    onion    BLOB NOT NULL,
    PRIMARY KEY (channel, incoming, id)
);

-- How an outgoing HTLC ended, until its origin (an incoming HTLC, or an attempt)
-- has ended too.
CREATE TABLE settlements (
    id          INTEGER PRIMARY KEY,
    out_channel INTEGER NOT NULL,
    out_htlc    INTEGER NOT NULL,
    in_channel  INTEGER,
    in_htlc     INTEGER,
    attempt     INTEGER,
    amount      INTEGER NOT NULL,
    preimage    BLOB,
    reason      BLOB,
    malformed   BLOB
);
CREATE UNIQUE INDEX settlements_forward ON settlements (in_channel, in_htlc) WHERE in_channel IS NOT NULL;
CREATE UNIQUE INDEX settlements_attempt ON settlements (attempt) WHERE attempt IS NOT NULL;

-- What has been decided here for an incoming HTLC, until it is done.
CREATE TABLE decisions (
    channel   INTEGER NOT NULL,
    htlc      INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    preimage  BLOB,
    reason    BLOB,
    malformed BLOB,
    PRIMARY KEY (channel, htlc)
);

-- What the signer of each channel remembers.
CREATE TABLE signers (
    key_index   INTEGER PRIMARY KEY,
    signed      INTEGER NOT NULL,
    signed_hash BLOB NOT NULL,
    revoked     INTEGER NOT NULL
);

-- The wallet.
CREATE TABLE wallet_addresses (
    kind    INTEGER NOT NULL,
    branch  INTEGER NOT NULL,
    idx     INTEGER NOT NULL,
    script  BLOB NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (kind, branch, idx)
) WITHOUT ROWID;

CREATE TABLE wallet_coins (
    txid           BLOB NOT NULL,
    output         INTEGER NOT NULL,
    value_sat      INTEGER NOT NULL,
    script         BLOB NOT NULL,
    coinbase       INTEGER NOT NULL,
    height         INTEGER NOT NULL,
    spent_by       BLOB NOT NULL,
    spent_height   INTEGER NOT NULL,
    reserved_for   TEXT NOT NULL,
    reserved_until INTEGER NOT NULL,
    PRIMARY KEY (txid, output)
) WITHOUT ROWID;

CREATE TABLE wallet_txs (
    txid      BLOB PRIMARY KEY,
    number    INTEGER NOT NULL,
    raw       BLOB NOT NULL,
    label     TEXT NOT NULL,
    height    INTEGER NOT NULL,
    conflict  INTEGER NOT NULL,
    abandoned INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE wallet_tip (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    height  INTEGER NOT NULL,
    highest INTEGER NOT NULL
);

-- Gossip as it came.
CREATE TABLE announcements (
    scid         INTEGER PRIMARY KEY,
    capacity_sat INTEGER NOT NULL,
    raw          BLOB NOT NULL
);

CREATE TABLE updates (
    scid      INTEGER NOT NULL,
    direction INTEGER NOT NULL,
    raw       BLOB NOT NULL,
    PRIMARY KEY (scid, direction)
) WITHOUT ROWID;

CREATE TABLE nodes (
    id  BLOB PRIMARY KEY,
    raw BLOB NOT NULL
) WITHOUT ROWID;

-- Where peers with channels were last reached.
CREATE TABLE peers (
    id      BLOB PRIMARY KEY,
    address TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE peers;
DROP TABLE nodes;
DROP TABLE updates;
DROP TABLE announcements;
DROP TABLE wallet_tip;
DROP TABLE wallet_txs;
DROP TABLE wallet_coins;
DROP TABLE wallet_addresses;
DROP TABLE signers;
DROP TABLE decisions;
DROP TABLE settlements;
DROP TABLE onions;
DROP TABLE htlcs;
DROP TABLE secrets;
DROP TABLE commitments;
DROP TABLE states;
DROP TABLE channels;
DROP TABLE attempts;
DROP TABLE payments;
DROP TABLE invoices;
DROP TABLE events;
DROP TABLE counters;
DROP TABLE facts;
