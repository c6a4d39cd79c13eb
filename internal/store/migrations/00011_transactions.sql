-- +goose Up

-- The start reads what can still change; the list reads in order.
CREATE INDEX wallet_txs_height ON wallet_txs (height);
CREATE INDEX wallet_txs_number ON wallet_txs (number);
CREATE INDEX wallet_coins_spent_height ON wallet_coins (spent_height);
