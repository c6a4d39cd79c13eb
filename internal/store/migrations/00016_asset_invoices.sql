-- +goose Up

-- Invoices in tokens of the Omni Layer: what they ask for and have received is in units
-- of a property; of bitcoin it is 0.
ALTER TABLE invoices ADD COLUMN property INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN units INTEGER NOT NULL DEFAULT 0; -- 0: any
ALTER TABLE invoices ADD COLUMN received_units INTEGER NOT NULL DEFAULT 0;
ALTER TABLE held_parts ADD COLUMN units INTEGER NOT NULL DEFAULT 0;
