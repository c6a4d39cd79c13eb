-- +goose Up

-- A held invoice: its preimage, zero until then, comes when it is settled.
ALTER TABLE invoices ADD COLUMN hold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN accepted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0; -- a height
ALTER TABLE invoices ADD COLUMN cancelled_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX invoices_hold ON invoices (created_index) WHERE hold = 1;
CREATE INDEX invoices_expired ON invoices (expires_at) WHERE status = 'expired';
CREATE INDEX invoices_paid ON invoices (paid_at) WHERE status = 'paid';

-- The HTLCs of invoices that are accepted.
CREATE TABLE held_parts (
    channel      INTEGER NOT NULL,
    htlc         INTEGER NOT NULL,
    payment_hash BLOB NOT NULL,
    amount       INTEGER NOT NULL,
    cltv_expiry  INTEGER NOT NULL,
    PRIMARY KEY (channel, htlc)
);
CREATE INDEX held_parts_invoice ON held_parts (payment_hash);
