-- +goose Up

-- The Omni Layer's ledger. The last block that was applied.
CREATE TABLE asset_seen (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    height INTEGER NOT NULL,
    hash   BLOB NOT NULL
);

-- What blocks did, as the way back: those that did nothing are not here.
CREATE TABLE asset_blocks (
    height  INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL,
    changes BLOB NOT NULL
);

-- Transactions, with what became of them. A crowdsale that a block ends by its time is
-- one too, without an id.
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

-- What they changed of balances, in their order: the history of an address.
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

-- The state after that block.
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
