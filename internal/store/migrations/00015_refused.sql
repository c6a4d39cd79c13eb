-- +goose Up

-- Forwards that this node refused: no HTLC of ours goes out for them.
ALTER TABLE forwards ADD COLUMN out_scid INTEGER NOT NULL DEFAULT 0; -- as the onion asked; only where out_channel is 0
ALTER TABLE forwards ADD COLUMN failcode INTEGER NOT NULL DEFAULT 0; -- 0: it was not refused
DROP INDEX forwards_out;
CREATE UNIQUE INDEX forwards_out ON forwards (out_channel, out_htlc) WHERE out_channel > 0;
