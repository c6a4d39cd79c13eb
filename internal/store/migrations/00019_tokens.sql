-- +goose Up

-- Channels that carry tokens of a property beside bitcoin; 0: none.
ALTER TABLE channels ADD COLUMN property INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN local_token_reserve INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN local_token_minimum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN local_token_in_flight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN remote_token_reserve INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN remote_token_minimum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN remote_token_in_flight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE states ADD COLUMN tokens_to_local INTEGER NOT NULL DEFAULT 0;
ALTER TABLE commitments ADD COLUMN delay_signatures BLOB; -- 64 bytes each
ALTER TABLE htlcs ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;
