-- name: InsertRune :exec
INSERT INTO runes (id, rune) VALUES (?, ?);

-- name: Rune :one
SELECT * FROM runes WHERE id = ?;

-- name: Runes :many
SELECT * FROM runes WHERE id >= ? ORDER BY id LIMIT CAST(sqlc.arg('limit') AS INTEGER);

-- name: LastRune :many
SELECT id FROM runes ORDER BY id DESC LIMIT 1;

-- name: PutRuneUse :exec
INSERT INTO rune_uses (id, used) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET used = excluded.used;

-- name: RuneUses :many
SELECT * FROM rune_uses;

-- name: DeleteRevokedRunes :exec
DELETE FROM revoked_runes;

-- name: InsertRevokedRunes :exec
INSERT INTO revoked_runes (first_id, last_id) VALUES (?, ?);

-- name: RevokedRunes :many
SELECT * FROM revoked_runes ORDER BY first_id;
