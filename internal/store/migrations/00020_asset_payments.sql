-- +goose Up

-- Payments in tokens of the Omni Layer, in units of a property; of bitcoin it is 0.
ALTER TABLE payments ADD COLUMN property INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN max_fee_units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE payments ADD COLUMN sent_units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN sent_units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN hop_units BLOB; -- what each of hops carries; null: bitcoin only
