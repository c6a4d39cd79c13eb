-- +goose Up

-- The least and the most that a channel ever held for us; of channels that are older, since now.
ALTER TABLE states ADD COLUMN to_local_least INTEGER NOT NULL DEFAULT 0;
ALTER TABLE states ADD COLUMN to_local_most INTEGER NOT NULL DEFAULT 0;
UPDATE states SET to_local_least = to_local, to_local_most = to_local;

-- Between which feerates a closing transaction of ours must be; 0: no such limit.
ALTER TABLE channels ADD COLUMN close_least_per_kw INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN close_most_per_kw INTEGER NOT NULL DEFAULT 0;
