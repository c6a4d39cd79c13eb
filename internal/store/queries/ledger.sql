-- name: PutAssetSeen :exec
INSERT INTO asset_seen (id, height, hash) VALUES (1, ?, ?)
ON CONFLICT (id) DO UPDATE SET height = excluded.height, hash = excluded.hash;

-- name: AssetSeen :one
SELECT height, hash FROM asset_seen WHERE id = 1;

-- name: InsertAssetBlock :exec
INSERT INTO asset_blocks (height, hash, changes) VALUES (?, ?, ?);

-- name: DeleteAssetBlock :execrows
DELETE FROM asset_blocks WHERE height = ?;

-- name: AssetBlock :one
SELECT * FROM asset_blocks WHERE height = ?;

-- name: InsertAssetEntry :exec
INSERT INTO asset_entries (height, idx, txid, type, sender, reference, property, units, failure, alarm)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: InsertAssetMove :exec
INSERT INTO asset_moves (address, height, idx, n, property, before, after) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: AssetEntry :one
SELECT * FROM asset_entries WHERE txid = ? ORDER BY height DESC LIMIT 1;

-- name: AssetMoves :many
SELECT * FROM asset_moves WHERE height = ? AND idx = ? ORDER BY n;

-- name: AssetHistory :many
SELECT e.* FROM asset_moves AS m JOIN asset_entries AS e ON e.height = m.height AND e.idx = m.idx
WHERE m.address = sqlc.arg(address) AND (m.height > sqlc.arg(height) OR m.height = sqlc.arg(height) AND m.idx >= sqlc.arg(idx))
GROUP BY m.height, m.idx ORDER BY m.height, m.idx LIMIT CAST(sqlc.arg(most) AS INTEGER);

-- name: PutAssetProperty :exec
INSERT INTO asset_properties (id, property) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET property = excluded.property;

-- name: DeleteAssetProperty :exec
DELETE FROM asset_properties WHERE id = ?;

-- name: AssetProperty :one
SELECT property FROM asset_properties WHERE id = ?;

-- name: AssetProperties :many
SELECT property FROM asset_properties WHERE id >= ? ORDER BY id LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: AssetTotal :one
SELECT CAST(coalesce(sum(units), 0) AS INTEGER) AS total FROM asset_balances WHERE property = ?;

-- name: PutAssetBalance :exec
INSERT INTO asset_balances (address, property, units) VALUES (?, ?, ?)
ON CONFLICT (address, property) DO UPDATE SET units = excluded.units;

-- name: DeleteAssetBalance :exec
DELETE FROM asset_balances WHERE address = ? AND property = ?;

-- name: AssetBalances :many
SELECT * FROM asset_balances;

-- name: AssetHoldings :many
SELECT b.property, b.units, CAST(f.address IS NOT NULL AS INTEGER) AS frozen
FROM asset_balances AS b LEFT JOIN asset_frozen AS f ON f.address = b.address AND f.property = b.property
WHERE b.address = ? ORDER BY b.property;

-- name: AssetsOwn :many
SELECT w.address, w.script, b.property, b.units, CAST(f.address IS NOT NULL AS INTEGER) AS frozen
FROM wallet_addresses AS w JOIN asset_balances AS b ON b.address = w.address
LEFT JOIN asset_frozen AS f ON f.address = b.address AND f.property = b.property
ORDER BY b.property, w.kind, w.branch, w.idx;

-- name: PutAssetSale :exec
INSERT INTO asset_sales (issuer, sale) VALUES (?, ?) ON CONFLICT (issuer) DO UPDATE SET sale = excluded.sale;

-- name: DeleteAssetSale :exec
DELETE FROM asset_sales WHERE issuer = ?;

-- name: AssetSales :many
SELECT * FROM asset_sales;

-- name: PutAssetFrozen :exec
INSERT INTO asset_frozen (address, property) VALUES (?, ?) ON CONFLICT (address, property) DO NOTHING;

-- name: DeleteAssetFrozen :exec
DELETE FROM asset_frozen WHERE address = ? AND property = ?;

-- name: AssetsFrozen :many
SELECT * FROM asset_frozen;
