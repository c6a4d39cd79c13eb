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
SELECT * FROM forwards_seen WHERE in_channel = ? AND in_htlc = ?;

-- name: ForwardsByCreated :many
SELECT * FROM forwards_seen WHERE created_index >= ? ORDER BY created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: ForwardsByUpdated :many
SELECT * FROM forwards_seen WHERE updated_index >= ? AND updated_index > 0 ORDER BY updated_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: ForwardsByStatus :many
SELECT * FROM forwards_seen WHERE status = ? AND created_index >= ? ORDER BY created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: DeleteForward :execrows
DELETE FROM forwards WHERE in_channel = ? AND in_htlc = ? AND status = ?;

-- name: CleanForwards :execrows
DELETE FROM forwards WHERE created_index IN (
    SELECT f.created_index FROM forwards f WHERE f.status = ? AND f.resolved_at <= ? ORDER BY f.created_index LIMIT CAST(sqlc.arg('limit') AS INTEGER));

-- name: CountForwardsAfter :one
SELECT COUNT(*) FROM forwards WHERE status = ? AND resolved_at > ?;
