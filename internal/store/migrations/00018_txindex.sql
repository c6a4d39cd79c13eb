-- +goose Up

-- The place of a wallet's transaction in its block, from 1 up; 0: not known.
ALTER TABLE wallet_txs ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
