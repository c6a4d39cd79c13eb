-- name: InsertRequestKey :exec
INSERT INTO request_keys (key, request, made) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING;

-- name: DeleteRequestKeys :exec
DELETE FROM request_keys WHERE key IN (SELECT old.key FROM request_keys AS old WHERE old.made < ? ORDER BY old.made LIMIT 16);

-- name: RequestKey :one
SELECT request FROM request_keys WHERE key = ?;
