-- name: PutTerms :exec
INSERT INTO terms (channel, fee_base, fee_ppm, htlc_min, htlc_max) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (channel) DO UPDATE SET fee_base = excluded.fee_base, fee_ppm = excluded.fee_ppm, htlc_min = excluded.htlc_min,
    htlc_max = excluded.htlc_max;

-- name: Terms :many
SELECT t.*, c.id AS channel_id FROM terms t JOIN channels c ON c.key_index = t.channel;

-- name: InsertForward :exec
INSERT INTO forwards (in_channel, in_htlc, out_channel, out_htlc, in_msat, out_msat, received_at, status)
SELECT i.channel, i.id, sqlc.arg(out_channel), sqlc.arg(out_htlc), i.amount, sqlc.arg(out_msat), sqlc.arg(received_at), 'offered'
FROM htlcs i WHERE i.channel = sqlc.arg(in_channel) AND i.incoming = 1 AND i.id = sqlc.arg(in_htlc);

-- name: InsertRefused :execrows
INSERT INTO forwards (in_channel, in_htlc, out_channel, out_htlc, in_msat, out_msat, received_at, status, resolved_at, out_scid, failcode)
SELECT i.channel, i.id, 0, 0, i.amount, 0, sqlc.arg(received_at), 'local_failed', sqlc.arg(received_at), sqlc.arg(out_scid), sqlc.arg(failcode)
FROM htlcs i WHERE i.channel = sqlc.arg(in_channel) AND i.incoming = 1 AND i.id = sqlc.arg(in_htlc)
ON CONFLICT (in_channel, in_htlc) DO NOTHING;

-- name: EndForward :execrows
UPDATE forwards SET status = ?, resolved_at = ?, updated_index = ?
WHERE in_channel = ? AND in_htlc = ? AND out_channel = ? AND out_htlc = ? AND status = 'offered';

-- name: ForwardOf :one
SELECT sqlc.embed(f), i.scid AS in_scid, i.local_alias AS in_alias, CAST(coalesce(o.scid, f.out_scid) AS INTEGER) AS out_name,
    CAST(coalesce(o.local_alias, 0) AS INTEGER) AS out_alias, i.id AS channel_id, h.payment_hash FROM forwards f
JOIN channels i ON i.key_index = f.in_channel LEFT JOIN channels o ON o.key_index = f.out_channel
JOIN htlcs h ON h.channel = f.in_channel AND h.incoming = 1 AND h.id = f.in_htlc
WHERE f.in_channel = ? AND f.in_htlc = ?;

-- name: ForwardsByCreated :many
SELECT sqlc.embed(f), i.scid AS in_scid, i.local_alias AS in_alias, CAST(coalesce(o.scid, f.out_scid) AS INTEGER) AS out_name,
    CAST(coalesce(o.local_alias, 0) AS INTEGER) AS out_alias FROM forwards f
JOIN channels i ON i.key_index = f.in_channel LEFT JOIN channels o ON o.key_index = f.out_channel
WHERE f.created_index >= ? ORDER BY f.created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: ForwardsByUpdated :many
SELECT sqlc.embed(f), i.scid AS in_scid, i.local_alias AS in_alias, CAST(coalesce(o.scid, f.out_scid) AS INTEGER) AS out_name,
    CAST(coalesce(o.local_alias, 0) AS INTEGER) AS out_alias FROM forwards f
JOIN channels i ON i.key_index = f.in_channel LEFT JOIN channels o ON o.key_index = f.out_channel
WHERE f.updated_index >= ? AND f.updated_index > 0 ORDER BY f.updated_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: ForwardsByStatus :many
SELECT sqlc.embed(f), i.scid AS in_scid, i.local_alias AS in_alias, CAST(coalesce(o.scid, f.out_scid) AS INTEGER) AS out_name,
    CAST(coalesce(o.local_alias, 0) AS INTEGER) AS out_alias FROM forwards f
JOIN channels i ON i.key_index = f.in_channel LEFT JOIN channels o ON o.key_index = f.out_channel
WHERE f.status = ? AND f.created_index >= ? ORDER BY f.created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: DeleteForward :execrows
DELETE FROM forwards WHERE in_channel = ? AND in_htlc = ? AND status = ?;

-- name: CleanForwards :execrows
DELETE FROM forwards WHERE created_index IN (
    SELECT f.created_index FROM forwards f WHERE f.status = ? AND f.resolved_at <= ? ORDER BY f.created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER));

-- name: CountForwardsAfter :one
SELECT COUNT(*) FROM forwards WHERE status = ? AND resolved_at > ?;
