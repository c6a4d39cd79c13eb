CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
);
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
CREATE TABLE events (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    time  INTEGER NOT NULL,
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    state TEXT NOT NULL,
    data  BLOB
);
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
, hold INTEGER NOT NULL DEFAULT 0, accepted_at INTEGER NOT NULL DEFAULT 0, deadline INTEGER NOT NULL DEFAULT 0, cancelled_at INTEGER NOT NULL DEFAULT 0, property INTEGER NOT NULL DEFAULT 0, units INTEGER NOT NULL DEFAULT 0, received_units INTEGER NOT NULL DEFAULT 0, room BLOB);
CREATE UNIQUE INDEX invoices_pay_index ON invoices (pay_index) WHERE pay_index IS NOT NULL;
CREATE INDEX invoices_updated_index ON invoices (updated_index) WHERE updated_index > 0;
CREATE INDEX invoices_unpaid ON invoices (expires_at) WHERE status = 'unpaid';
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
, property INTEGER NOT NULL DEFAULT 0, units INTEGER NOT NULL DEFAULT 0, max_fee_units INTEGER NOT NULL DEFAULT 0, sent_units INTEGER NOT NULL DEFAULT 0, room BLOB);
CREATE INDEX payments_pending ON payments (created_index) WHERE status = 'pending';
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
    closing_signature      BLOB
, closing_tx BLOB, property INTEGER NOT NULL DEFAULT 0, tokens INTEGER NOT NULL DEFAULT 0, local_token_reserve INTEGER NOT NULL DEFAULT 0, local_token_minimum INTEGER NOT NULL DEFAULT 0, local_token_in_flight INTEGER NOT NULL DEFAULT 0, remote_token_reserve INTEGER NOT NULL DEFAULT 0, remote_token_minimum INTEGER NOT NULL DEFAULT 0, remote_token_in_flight INTEGER NOT NULL DEFAULT 0, close_least_per_kw INTEGER NOT NULL DEFAULT 0, close_most_per_kw INTEGER NOT NULL DEFAULT 0);
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
, tokens_to_local INTEGER NOT NULL DEFAULT 0, to_local_least INTEGER NOT NULL DEFAULT 0, to_local_most INTEGER NOT NULL DEFAULT 0);
CREATE TABLE commitments (
    channel         INTEGER PRIMARY KEY REFERENCES channels (key_index),
    number          INTEGER NOT NULL,
    signature       BLOB NOT NULL,
    htlc_signatures BLOB NOT NULL -- 64 bytes each
, delay_signatures BLOB);
CREATE TABLE secrets (
    channel INTEGER NOT NULL REFERENCES channels (key_index),
    bucket  INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    secret  BLOB NOT NULL,
    PRIMARY KEY (channel, bucket)
) WITHOUT ROWID;
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
    done           INTEGER NOT NULL, tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, incoming, id)
) WITHOUT ROWID;
CREATE INDEX htlcs_live ON htlcs (channel) WHERE done = 0;
CREATE UNIQUE INDEX htlcs_forward ON htlcs (in_channel, in_htlc) WHERE in_channel IS NOT NULL;
CREATE UNIQUE INDEX htlcs_attempt ON htlcs (attempt) WHERE attempt IS NOT NULL;
CREATE TABLE onions (
    channel  INTEGER NOT NULL,
    incoming INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    onion    BLOB NOT NULL,
    PRIMARY KEY (channel, incoming, id)
);
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
CREATE TABLE decisions (
    channel   INTEGER NOT NULL,
    htlc      INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    preimage  BLOB,
    reason    BLOB,
    malformed BLOB,
    PRIMARY KEY (channel, htlc)
);
CREATE TABLE signers (
    key_index   INTEGER PRIMARY KEY,
    signed      INTEGER NOT NULL,
    signed_hash BLOB NOT NULL,
    revoked     INTEGER NOT NULL
);
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
, place INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE wallet_tip (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    height  INTEGER NOT NULL,
    highest INTEGER NOT NULL
);
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
CREATE TABLE peers (
    id      BLOB PRIMARY KEY,
    address TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE spends (
    channel INTEGER NOT NULL REFERENCES channels (key_index),
    txid    BLOB NOT NULL,
    height  INTEGER NOT NULL,
    raw     BLOB NOT NULL,
    PRIMARY KEY (channel, txid)
);
CREATE INDEX spends_height ON spends (height);
CREATE TABLE peer_storage (
    id    BLOB PRIMARY KEY,
    blob  BLOB NOT NULL,
    alone INTEGER NOT NULL -- height since which the peer has no channel; 0: it has one
);
CREATE INDEX invoices_hold ON invoices (created_index) WHERE hold = 1;
CREATE INDEX invoices_expired ON invoices (expires_at) WHERE status = 'expired';
CREATE INDEX invoices_paid ON invoices (paid_at) WHERE status = 'paid';
CREATE TABLE held_parts (
    channel      INTEGER NOT NULL,
    htlc         INTEGER NOT NULL,
    payment_hash BLOB NOT NULL,
    amount       INTEGER NOT NULL,
    cltv_expiry  INTEGER NOT NULL, units INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, htlc)
);
CREATE INDEX held_parts_invoice ON held_parts (payment_hash);
CREATE TABLE terms (
    channel   INTEGER PRIMARY KEY REFERENCES channels (key_index),
    fee_base  INTEGER,
    fee_ppm   INTEGER,
    htlc_min  INTEGER,
    htlc_max  INTEGER
);
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
, out_scid INTEGER NOT NULL DEFAULT 0, failcode INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX forwards_in ON forwards (in_channel, in_htlc);
CREATE INDEX forwards_updated_index ON forwards (updated_index) WHERE updated_index > 0;
CREATE INDEX forwards_status ON forwards (status, created_index);
CREATE TABLE datastore (
    key        BLOB PRIMARY KEY,
    generation INTEGER NOT NULL,
    value      BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE runes (
    id   INTEGER PRIMARY KEY,
    rune TEXT NOT NULL
);
CREATE TABLE rune_uses (
    id   INTEGER PRIMARY KEY,
    used INTEGER NOT NULL
);
CREATE TABLE revoked_runes (
    first_id INTEGER PRIMARY KEY,
    last_id  INTEGER NOT NULL
);
CREATE TABLE request_keys (
    key     TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    made    INTEGER NOT NULL
);
CREATE INDEX request_keys_made ON request_keys (made);
CREATE INDEX wallet_txs_height ON wallet_txs (height);
CREATE INDEX wallet_txs_number ON wallet_txs (number);
CREATE INDEX wallet_coins_spent_height ON wallet_coins (spent_height);
CREATE TABLE webhooks (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    url     TEXT NOT NULL,
    kinds   TEXT NOT NULL, -- with commas between them; empty: all
    secret  BLOB NOT NULL,
    created INTEGER NOT NULL,
    cursor  INTEGER NOT NULL
);
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
CREATE TABLE asset_seen (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    height INTEGER NOT NULL,
    hash   BLOB NOT NULL
);
CREATE TABLE asset_blocks (
    height  INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL,
    changes BLOB NOT NULL
);
CREATE TABLE asset_entries (
    height    INTEGER NOT NULL REFERENCES asset_blocks ON DELETE CASCADE,
    idx       INTEGER NOT NULL,
    txid      BLOB NOT NULL,
    type      INTEGER NOT NULL,
    sender    TEXT NOT NULL,
    reference TEXT NOT NULL,
    property  INTEGER NOT NULL,
    units     INTEGER NOT NULL,
    failure   TEXT NOT NULL, -- empty: it was valid
    alarm     TEXT NOT NULL,
    PRIMARY KEY (height, idx)
) WITHOUT ROWID;
CREATE INDEX asset_entries_txid ON asset_entries (txid);
CREATE TABLE asset_moves (
    address  TEXT NOT NULL,
    height   INTEGER NOT NULL,
    idx      INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    property INTEGER NOT NULL,
    before   INTEGER NOT NULL,
    after    INTEGER NOT NULL,
    PRIMARY KEY (address, height, idx, n),
    FOREIGN KEY (height, idx) REFERENCES asset_entries ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX asset_moves_entry ON asset_moves (height, idx, n);
CREATE TABLE asset_properties (
    id       INTEGER PRIMARY KEY,
    property BLOB NOT NULL
);
CREATE TABLE asset_balances (
    address  TEXT NOT NULL,
    property INTEGER NOT NULL,
    units    INTEGER NOT NULL,
    PRIMARY KEY (address, property)
) WITHOUT ROWID;
CREATE INDEX asset_balances_property ON asset_balances (property, units);
CREATE TABLE asset_sales (
    issuer TEXT PRIMARY KEY,
    sale   BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE asset_frozen (
    address  TEXT NOT NULL,
    property INTEGER NOT NULL,
    PRIMARY KEY (address, property)
) WITHOUT ROWID;
CREATE UNIQUE INDEX forwards_out ON forwards (out_channel, out_htlc) WHERE out_channel > 0;
CREATE TABLE parties (
    id   INTEGER PRIMARY KEY,
    node BLOB NOT NULL UNIQUE
);
CREATE TABLE "attempts" (
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
, units INTEGER NOT NULL DEFAULT 0, sent_units INTEGER NOT NULL DEFAULT 0, hop_units BLOB);
CREATE INDEX attempts_payment ON attempts (payment);
CREATE INDEX attempts_pending ON attempts (payment) WHERE status = 'pending';
CREATE INDEX attempts_updated_index ON attempts (updated_index) WHERE updated_index > 0;
CREATE INDEX payments_updated_index ON payments (updated_index) WHERE updated_index > 0;
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
CREATE TABLE asset_rates (
    property       INTEGER PRIMARY KEY,
    sell_msat      INTEGER NOT NULL,
    sell_units     INTEGER NOT NULL,
    buy_msat       INTEGER NOT NULL,
    buy_units      INTEGER NOT NULL,
    least          INTEGER NOT NULL, -- units of one HTLC
    most           INTEGER NOT NULL,
    blocks         INTEGER NOT NULL,
    most_in_flight INTEGER NOT NULL, -- units of all HTLCs together
    changed_at     INTEGER NOT NULL  -- unix seconds
);
CREATE VIEW forwards_seen AS
SELECT f.*, i.scid AS in_scid, i.local_alias AS in_alias, i.property AS in_property, h.tokens AS in_units,
    CAST(coalesce(o.scid, f.out_scid) AS INTEGER) AS out_name, CAST(coalesce(o.local_alias, 0) AS INTEGER) AS out_alias,
    CAST(coalesce(o.property, 0) AS INTEGER) AS out_property, CAST(coalesce(g.tokens, 0) AS INTEGER) AS out_units,
    i.id AS channel_id, h.payment_hash FROM forwards f
JOIN channels i ON i.key_index = f.in_channel JOIN htlcs h ON h.channel = f.in_channel AND h.incoming = 1 AND h.id = f.in_htlc
LEFT JOIN channels o ON o.key_index = f.out_channel LEFT JOIN htlcs g ON g.channel = f.out_channel AND g.incoming = 0 AND g.id = f.out_htlc;
CREATE TABLE asset_gossip (
    kind  INTEGER NOT NULL,
    about BLOB NOT NULL,
    raw   BLOB NOT NULL,
    PRIMARY KEY (kind, about)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE invoices_text USING fts5(
    label, description, content = '', columnsize = 0, detail = none, tokenize = 'trigram'
);
CREATE TRIGGER invoices_text_delete AFTER DELETE ON invoices BEGIN
    INSERT INTO invoices_text (invoices_text, rowid, label, description) VALUES ('delete', old.created_index, old.label, old.description);
END;
CREATE TRIGGER invoices_text_update AFTER UPDATE OF description ON invoices BEGIN
    INSERT INTO invoices_text (invoices_text, rowid, label, description) VALUES ('delete', old.created_index, old.label, old.description);
    INSERT INTO invoices_text (rowid, label, description) VALUES (new.created_index, new.label, new.description);
END;
CREATE INDEX invoices_status ON invoices (status);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (1, 0, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (2, 1, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (3, 2, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (4, 3, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (5, 4, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (6, 5, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (7, 6, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (8, 7, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (9, 8, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (10, 9, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (11, 10, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (12, 11, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (13, 12, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (14, 13, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (15, 14, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (16, 15, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (17, 16, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (18, 17, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (19, 18, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (20, 19, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (21, 20, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (22, 21, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (23, 22, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (24, 23, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (25, 24, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (26, 25, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (27, 26, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (28, 27, 1);
INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (29, 28, 1);
-- auto_vacuum 2
-- journal_mode wal
-- user_version 0
-- encoding UTF-8
