-- name: PutPeerStorage :exec
INSERT INTO peer_storage (id, blob, alone) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET blob = excluded.blob, alone = excluded.alone;

-- name: PutPeerStorageAlone :exec
UPDATE peer_storage SET alone = ? WHERE id = ?;

-- name: DeletePeerStorage :exec
DELETE FROM peer_storage WHERE id = ?;

-- name: PeerStorage :one
SELECT blob FROM peer_storage WHERE id = ?;

-- name: PeerStorages :many
SELECT id, alone FROM peer_storage ORDER BY id;

-- name: Steps :one
SELECT CAST(COALESCE(SUM(received + signed + revoked), 0) AS INTEGER) FROM states;

-- name: HasChannel :one
SELECT COUNT(*) FROM channels WHERE id = ?;
