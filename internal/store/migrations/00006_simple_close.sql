-- +goose Up

-- A closing transaction that both sides have signed, without the signatures. Those
-- that were agreed on before are agreed on again at the next connection.
ALTER TABLE channels ADD COLUMN closing_tx BLOB;
UPDATE channels SET closing_signature = NULL;
ALTER TABLE channels DROP COLUMN closing_local_sat;
ALTER TABLE channels DROP COLUMN closing_remote_sat;
