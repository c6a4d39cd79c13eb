-- name: PutAssetGossip :exec
INSERT INTO asset_gossip (kind, about, raw) VALUES (?, ?, ?) ON CONFLICT (kind, about) DO UPDATE SET raw = excluded.raw;

-- name: DeleteAssetGossip :exec
DELETE FROM asset_gossip WHERE kind = ? AND about = ?;

-- name: AssetGossip :many
SELECT * FROM asset_gossip ORDER BY kind, about;
